"""Fit the atlas to a head: pose and size, twelve affine parameters, then a smooth deformation.

The atlas T1 predicts the head's grey value at a point from its own there (a table over its grey levels, so that any
contrast will do) with a smooth gain (the coil's shading). Gauss-Newton steps minimise what is left unexplained, with the
table and the gain eliminated in each step (variable projection: Golub and Pereyra 1973, doi 10.1137/0710036) and weights
that let a tumour, a cavity or the scalp be an exception (Geman-McClure).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..images import like
from ..similarity import Field, coarse, head_mask, physical

_KNOTS = np.array([0.0, 30.0, 80.0, 120.0, 150.0, 180.0, 215.0])
"""Grey levels of the atlas between which its table is linear: outside, fluid, grey matter, white matter."""

_SHELLS = np.array([0.0, 3.0, 6.0, 9.0, 12.0, 15.0])
"""mm outside the atlas brain between which the table is linear: fluid, skull and scalp have grey values of their own."""

_RING = (6.0, 15.0)
"""mm around the atlas brain where the head is compared too: everywhere, and above the eyes and ears."""

_EARS = 0.0
"""z of the atlas (mm) above which the brain has nothing around it but skull and scalp."""

_SCALP = 12.0
"""mm from the surface of the head to that of the brain, to begin with."""

_NODES = 26.0
"""mm between the nodes of the deformation."""


@dataclass(frozen=True)
class Fit:
    """Where points of the atlas lie in a head.

    Attributes
    ----------
    affine
        4 x 4, atlas point to head point (LPS mm).
    nodes
        (z, y, x, 3): displacement in mm added after the affine map, linear between nodes.
    first_node
        Atlas point of the node (0, 0, 0); the nodes are ``_NODES`` apart along x, y, z.
    explained
        Share of the head's grey value variance in and around the brain that the atlas explains.
    """

    affine: np.ndarray
    nodes: np.ndarray
    first_node: np.ndarray
    explained: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Head points (n, 3) of atlas ``points`` (n, 3)."""
        return points @ self.affine[:3, :3].T + self.affine[:3, 3] + self.displacement(points)

    def displacement(self, points: np.ndarray) -> np.ndarray:
        """Displacement (n, 3) at atlas ``points``, mm."""
        from scipy.ndimage import map_coordinates

        index = ((points - self.first_node) / _NODES)[:, ::-1].T
        return np.stack([map_coordinates(self.nodes[..., i], index, order=1, mode="nearest") for i in range(3)], axis=1)

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """Atlas points of head ``points``, by fixed-point iteration (the displacement is smooth and small)."""
        back = np.linalg.inv(self.affine)
        found = points @ back[:3, :3].T + back[:3, 3]
        for _ in range(6):
            found = (points - self.displacement(found)) @ back[:3, :3].T + back[:3, 3]
        return found


def fit_atlas(atlas: sitk.Image, atlas_brain: sitk.Image, head: sitk.Image) -> Fit:
    """Fit the skull-stripped ``atlas`` (T1, 0 to 255) to ``head`` (any contrast, whole head or brain, about 2 mm)."""
    from scipy.ndimage import distance_transform_edt

    brain = sitk.GetArrayFromImage(atlas_brain) > 0
    outside = distance_transform_edt(~brain, sampling=atlas.GetSpacing()[::-1]).astype(np.float32)
    places = physical(atlas, outside <= _RING[1])
    depth = Field.of(like(outside, atlas))
    places = places[(depth.at(places) <= _RING[0]) | (places[:, 2] > _EARS)]
    fields = {fwhm: (Field.of(atlas, fwhm), Field.of(head, fwhm)) for fwhm in (12.0, 7.0, 4.0)}

    affine = _start(places[:: len(places) // 2000], brain_box(atlas_brain, brain), head, depth, *fields[12.0])
    for fwhm, count, steps in ((12.0, 4000, 15), (7.0, 8000, 12)):
        problem = _Problem.of(places[:: max(1, len(places) // count)], depth, *fields[fwhm])
        for _ in range(steps):
            affine = problem.affine_step(affine)
    low, high = places.min(axis=0) - 1.0, places.max(axis=0) + 1.0
    shape = (np.ceil((high - low) / _NODES).astype(int) + 1)[::-1]
    fit = Fit(affine, np.zeros((*shape, 3)), low, 0.0)
    for fwhm, steps, stiffness in ((7.0, 4, 4.0), (4.0, 6, 1.0)):
        problem = _Problem.of(places[:: max(1, len(places) // 24000)], depth, *fields[fwhm])
        for _ in range(steps):
            fit = problem.elastic_step(fit, stiffness)
    return fit


def brain_box(atlas_brain: sitk.Image, brain: np.ndarray) -> np.ndarray:
    """Lowest and highest corner (2, 3) of the atlas brain."""
    return np.percentile(physical(atlas_brain, brain), (0.2, 99.8), axis=0)


def _start(places: np.ndarray, box: np.ndarray, head: sitk.Image, depth: Field, atlas: Field, moving: Field) -> np.ndarray:
    """Pose and size: the best of a set of guesses around the box of the head above the ears."""
    rough = coarse(head, 4.0)
    voxels = physical(rough, head_mask(rough))
    top = np.percentile(voxels[:, 2], 99.8)
    low, high = np.percentile(voxels[voxels[:, 2] > top - 110.0], (1, 99), axis=0)
    scale = np.clip((high - low - 2 * _SCALP)[:2] / (box[1] - box[0])[:2], 0.8, 1.2)
    scale = np.array([*scale, scale.mean()])
    problem = _Problem.of(places, depth, atlas, moving)
    centre = box.mean(axis=0)
    best, chosen = -np.inf, np.eye(4)
    for grow, pitch, up, forth in itertools.product(
        (0.94, 1.0, 1.07, 1.16), (-16.0, -8.0, 0.0, 8.0, 16.0), (-24.0, -12.0, 0.0, 12.0), (-10.0, 0.0, 10.0)
    ):
        turn = np.radians(pitch)
        rotation = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
        affine = np.eye(4)
        affine[:3, :3] = rotation * (scale * grow)
        goal = (low + high) / 2 + [0.0, forth, 0.0]
        goal[2] = top - _SCALP - (box[1, 2] - centre[2]) * scale[2] * grow + up
        affine[:3, 3] = goal - affine[:3, :3] @ centre
        explained = problem.explained(places @ affine[:3, :3].T + affine[:3, 3])
        if explained > best:
            best, chosen = explained, affine
    return chosen


@dataclass(frozen=True)
class _Problem:
    """Head values at atlas points, to be explained by the atlas.

    Attributes
    ----------
    points
        (n, 3) atlas points.
    basis
        (n, k) orthonormal columns: what the atlas can explain.
    moving
        The head.
    """

    points: np.ndarray
    basis: np.ndarray
    moving: Field

    @classmethod
    def of(cls, points: np.ndarray, depth: Field, atlas: Field, moving: Field) -> _Problem:
        values = np.nan_to_num(atlas.at(points))
        table = [_between(values, _KNOTS), _between(np.nan_to_num(depth.at(points)), _SHELLS)[:, 1:]]
        x, y, z = ((points - points.mean(axis=0)) / 80.0).T
        shading = values[:, None] * np.stack([x, y, z, x * x, y * y, z * z, x * y, y * z, x * z], axis=1)
        return cls(points, np.hstack([*table, shading / 100.0]), moving)

    def explained(self, places: np.ndarray) -> float:
        """Share of variance that the atlas explains with its points at ``places`` of the head."""
        values = np.nan_to_num(self.moving.at(places))
        left, _ = self._residual(values, np.ones(len(values)))
        total = values - values.mean()
        return 1.0 - float(left @ left) / max(float(total @ total), 1e-12)

    def affine_step(self, affine: np.ndarray) -> np.ndarray:
        """One Gauss-Newton step of the twelve parameters."""
        places = self.points @ affine[:3, :3].T + affine[:3, 3]
        values, slope = self._sample(places)
        centred = (self.points - self.points.mean(axis=0)) / 80.0
        with_one = np.hstack([centred, np.ones((len(centred), 1))])
        jacobian = (slope[:, :, None] * with_one[:, None, :]).reshape(len(values), 12)
        weights = self._weights(values)
        left, project = self._residual(values, weights)
        jacobian = project(jacobian * weights[:, None])
        normal = jacobian.T @ jacobian
        normal += np.diag(np.diag(normal)) * 0.02 + np.eye(12) * 1e-9
        change = -np.linalg.solve(normal, jacobian.T @ left).reshape(3, 4)
        change *= min(1.0, 5.0 / max(float(np.abs(change).sum(axis=1).max()), 1e-9))
        result = affine.copy()
        result[:3, :3] += change[:, :3] / 80.0
        result[:3, 3] += change[:, 3] - change[:, :3] / 80.0 @ self.points.mean(axis=0)
        return result

    def elastic_step(self, fit: Fit, stiffness: float) -> Fit:
        """One Gauss-Newton step of all nodes; ``stiffness`` weighs bending against misfit."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.linalg import LinearOperator, cg

        values, slope = self._sample(fit(self.points))
        weights = self._weights(values)
        left, project = self._residual(values, weights)
        shape = fit.nodes.shape[:3]
        hats = _hats(self.points, fit.first_node, shape)
        jacobian = [csr_matrix(hats.multiply((slope[:, i] * weights)[:, None])) for i in range(3)]
        bending = _bending(shape)
        count = hats.shape[1]
        scale = stiffness * float(sum(j.multiply(j).sum() for j in jacobian)) / count / 3.0 / 6.0
        now = fit.nodes.reshape(count, 3).T.ravel()

        def matrix(v: np.ndarray) -> np.ndarray:
            parts = v.reshape(3, count)
            seen = project(sum(j @ p for j, p in zip(jacobian, parts, strict=True)))
            return np.concatenate([j.T @ seen + scale * (bending @ p) for j, p in zip(jacobian, parts, strict=True)])

        pull = np.concatenate([bending @ p for p in now.reshape(3, count)]) * scale
        gradient = np.concatenate([j.T @ left for j in jacobian]) + pull
        change, _ = cg(LinearOperator((3 * count, 3 * count), matrix), -gradient, rtol=0.05, maxiter=25)
        change *= min(1.0, 4.0 / max(float(np.abs(change).max()), 1e-9))
        nodes = (now + change).reshape(3, count).T.reshape(fit.nodes.shape)
        total = (values - values.mean()) * weights
        explained = 1.0 - float(left @ left) / max(float(total @ total), 1e-12)
        return Fit(fit.affine, nodes, fit.first_node, explained)

    def _sample(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (n) and slope (n, 3; per mm, from points 3 mm to both sides) of the head; 0 outside it."""
        values = np.nan_to_num(self.moving.at(places))
        slope = np.empty_like(places)
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = 3.0
            ahead, behind = self.moving.at(places + step), self.moving.at(places - step)
            slope[:, axis] = np.nan_to_num((ahead - behind) / 6.0)
        return values, slope

    def _weights(self, values: np.ndarray) -> np.ndarray:
        """Square roots of Geman-McClure's weights, from the residual of an unweighted fit."""
        left, _ = self._residual(values, np.ones(len(values)))
        spread = 2.5 * 1.4826 * float(np.median(np.abs(left))) + 1e-9
        return 1.0 / (1.0 + (left / spread) ** 2)

    def _residual(self, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, _Projection]:
        project = _Projection(np.linalg.qr(self.basis * weights[:, None])[0])
        return project(values * weights), project


@dataclass(frozen=True)
class _Projection:
    """Takes out of vectors what orthonormal columns can explain."""

    columns: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return values - self.columns @ (self.columns.T @ values)


def _between(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Weights (n, knots) of linear interpolation between ``knots``."""
    place = np.interp(values, knots, np.arange(len(knots), dtype=float))
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(len(knots))))


def _hats(points: np.ndarray, first_node: np.ndarray, shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """Sparse (n, nodes): weights of linear interpolation between nodes."""
    from scipy.sparse import csr_matrix

    place = np.clip((points - first_node) / _NODES, 0.0, np.array(shape[::-1]) - 1.000001)
    lower = place.astype(int)
    share = place - lower
    columns, weights = [], []
    for corner in itertools.product((0, 1), repeat=3):
        x, y, z = (lower + corner).T
        columns.append((z * shape[1] + y) * shape[2] + x)
        weights.append(np.prod(np.where(corner, share, 1.0 - share), axis=1))
    rows = np.tile(np.arange(len(points)), 8)
    size = (len(points), int(np.prod(shape)))
    return csr_matrix((np.concatenate(weights), (rows, np.concatenate(columns))), size)


def _bending(shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """Sparse (nodes, nodes): differences between neighbouring nodes squared, and a little of the displacement itself."""
    from scipy.sparse import diags, eye, identity, kron

    parts = [diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n)) for n in shape]
    rows = [
        kron(kron(parts[0], eye(shape[1])), eye(shape[2])),
        kron(kron(eye(shape[0]), parts[1]), eye(shape[2])),
        kron(kron(eye(shape[0]), eye(shape[1])), parts[2]),
    ]
    return sum((d.T @ d for d in rows), 0.02 * identity(int(np.prod(shape)))).tocsr()
