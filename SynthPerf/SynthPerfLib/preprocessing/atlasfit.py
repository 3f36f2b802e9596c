"""Fit the atlas to a head: pose and size, twelve affine parameters, then a smooth deformation.

The atlas is divided into soft classes: grey matter, white matter, fluid, shells around the brain (skull, scalp), and
all beyond. Every class has a grey value of its own in the head, estimated on the way, so that any contrast will do,
times a smooth shading. Gauss-Newton steps minimise what the classes leave unexplained of a part of the head; the grey
values are eliminated in each step (variable projection: Golub and Pereyra 1973, doi 10.1137/0710036), and weights let a
tumour, a cavity or the face be an exception (Geman-McClure).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..jobs import Progress, Steps
from ..similarity import Field, head_mask, physical
from .atlas import Atlas, Classes

_RING = (6.0, 10.0)
"""mm around the brain where the head is compared: at the base, and above ``_EARS``."""

_EARS = -5.0
"""Height in the atlas (mm) above which the brain has nothing around it but skull and scalp."""

_SCALP = 12.0
"""mm from the surface of the head to that of the brain, to begin with."""

_NODES = 20.0
"""mm between the nodes of the deformation."""

_STIFFNESS = (4.0, 4.0, 1.0, 1.0, 0.3, 0.3, 0.3, 0.3)
"""Weight of bending against misfit in the steps of the deformation, from stiff to soft."""

_DOWN = 130.0
"""mm from the top of the head down to which the pose is looked for: the face and the neck tell nothing of the brain."""


@dataclass(frozen=True)
class Fit:
    """Where points of a head lie in the atlas.

    Attributes
    ----------
    affine
        4 x 4, head point to atlas point (LPS mm).
    nodes
        (z, y, x, 3): displacement in mm added after the affine map, linear between nodes.
    first_node
        Head point of the node (0, 0, 0); the nodes are ``_NODES`` apart along the patient's axes.
    explained
        Share of the grey value variance in the upper head that the atlas explains.
    """

    affine: np.ndarray
    nodes: np.ndarray
    first_node: np.ndarray
    explained: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Atlas points (n, 3) of head ``points`` (n, 3)."""
        from scipy.ndimage import map_coordinates

        index = ((points - self.first_node) / _NODES)[:, ::-1].T
        moved = [map_coordinates(self.nodes[..., i], index, order=1, mode="nearest") for i in range(3)]
        return _moved(self.affine, points) + np.stack(moved, axis=1)


def fit_atlas(atlas: Atlas, head: sitk.Image) -> Steps[Fit]:
    """Fit the atlas to ``head`` (any contrast, whole head or brain; about 4 mm are enough)."""
    from scipy.ndimage import distance_transform_edt

    mask = head_mask(head)
    inside = physical(head, mask)
    top = float(np.percentile(inside[:, 2], 99.8))
    low, high = np.percentile(inside[inside[:, 2] > top - 110.0], (1, 99), axis=0)
    places = physical(head, distance_transform_edt(~mask, sampling=head.GetSpacing()[::-1]) <= 12.0)
    places = places + np.random.default_rng(0).uniform(-1.0, 1.0, places.shape)  # off the voxel centres

    yield Progress(0.0, "pose")
    classes, field = Classes.of(atlas, 12.0), Field.of(head, 12.0)
    upper = places[places[:, 2] > top - _DOWN]
    affine = _start(_Problem.of(_thinned(upper, 1500), classes, field), atlas, low, high, top)
    affine = _Problem.of(_thinned(upper, 4000), classes, field).affine(affine)

    yield Progress(0.3, "affine")
    classes, field = Classes.of(atlas, 6.0), Field.of(head, 6.0)
    affine = _Problem.of(_thinned(_near_brain(places, affine, atlas), 6000), classes, field).affine(affine)
    places = _near_brain(places, affine, atlas)
    problem = _Problem.of(_thinned(places, 10000), classes, field)
    first, last = places.min(axis=0) - 1.0, places.max(axis=0) + 1.0
    shape = (np.ceil((last - first) / _NODES).astype(int) + 1)[::-1]
    fit = Fit(affine, np.zeros((*shape, 3)), first, 0.0)
    for number, stiffness in enumerate(_STIFFNESS):
        yield Progress(0.5 + 0.5 * number / len(_STIFFNESS), "deformation")
        fit = problem.elastic_step(fit, stiffness)
    return fit


def _near_brain(places: np.ndarray, affine: np.ndarray, atlas: Atlas) -> np.ndarray:
    """Those of ``places`` (head points) that lie in the brain or in the shells around it, by ``affine``."""
    there = _moved(affine, places)
    depth = np.nan_to_num(Field.of(atlas.depth).at(there), nan=-np.inf)
    return places[-depth <= np.where(there[:, 2] > _EARS, _RING[1], _RING[0])]


def _thinned(points: np.ndarray, count: int) -> np.ndarray:
    """Every n-th point, about ``count`` of them."""
    return points[:: max(1, len(points) // count)]


def _start(problem: _Problem, atlas: Atlas, low: np.ndarray, high: np.ndarray, top: float) -> np.ndarray:
    """Pose and size: the best of a set of guesses around the box (``low``, ``high``) of the upper head."""
    brain = np.percentile(physical(atlas.depth, sitk.GetArrayFromImage(atlas.depth) > 0), (0.2, 99.8), axis=0)
    centre = brain.mean(axis=0)
    across = np.clip((high - low - 2 * _SCALP)[:2] / (brain[1] - brain[0])[:2], 0.8, 1.2)
    scale = np.append(across, across.mean())
    chosen: np.ndarray = np.eye(4)
    best = -np.inf
    guesses = itertools.product((0.94, 1.02, 1.1, 1.2), (-16.0, -8.0, 0.0, 8.0, 16.0), (-20.0, -10.0, 0.0, 10.0))
    for grow, pitch, up in guesses:
        turn = np.radians(pitch)
        rotation = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
        onto = np.eye(4)
        onto[:3, :3] = rotation * (scale * grow)
        goal = (low + high) / 2
        goal[2] = top - _SCALP - (brain[1, 2] - centre[2]) * scale[2] * grow + up
        onto[:3, 3] = goal - onto[:3, :3] @ centre
        affine = np.linalg.inv(onto)
        explained = problem.explained(affine)
        if explained > best:
            best, chosen = explained, affine
    return chosen


@dataclass(frozen=True)
class _Problem:
    """Grey values of a head, to be explained by the classes of the atlas.

    Attributes
    ----------
    points, values
        (n, 3) head points and (n) the head there.
    shading
        (n, 9): what a smooth shading is made of.
    classes
        The atlas.
    """

    points: np.ndarray
    values: np.ndarray
    shading: np.ndarray
    classes: Classes

    @classmethod
    def of(cls, points: np.ndarray, classes: Classes, head: Field) -> _Problem:
        values = head.at(points)
        known = np.isfinite(values)
        points, values = points[known], values[known]
        x, y, z = ((points - points.mean(axis=0)) / 80.0).T
        shading = np.stack([x, y, z, x * x, y * y, z * z, x * y, y * z, x * z], axis=1)
        return cls(points, (values - values.mean()) / max(float(values.std()), 1e-9), shading, classes)

    def explained(self, affine: np.ndarray) -> float:
        """Share of variance that the classes explain in this pose."""
        columns = self.classes.at(_moved(affine, self.points)).shares()
        left, _ = _explained_away(columns, self.values)
        return 1.0 - float(np.mean(left**2))

    def affine(self, affine: np.ndarray, steps: int = 15) -> np.ndarray:
        """Gauss-Newton steps of the twelve parameters, as long as more is explained."""
        best, chosen = self.explained(affine), affine
        for _ in range(steps):
            affine = self._affine_step(affine)
            explained = self.explained(affine)
            if explained > best:
                best, chosen = explained, affine
            elif explained < best - 0.005:
                break
        return chosen

    def _affine_step(self, affine: np.ndarray) -> np.ndarray:
        centre = self.points.mean(axis=0)
        places = np.hstack([(self.points - centre) / 80.0, np.ones((len(self.points), 1))])
        system = self._linearised(_moved(affine, self.points))
        jacobian = system.project((system.slope[:, :, None] * places[:, None, :]).reshape(len(places), 12))
        normal = jacobian.T @ jacobian
        normal += np.diag(np.diag(normal)) * 0.01 + 1e-9 * np.eye(12)
        change = np.linalg.solve(normal, jacobian.T @ system.left).reshape(3, 4)
        change *= min(1.0, 6.0 / max(float(np.abs(change).sum(axis=1).max()), 1e-9))
        result = affine.copy()
        result[:3, :3] += change[:, :3] / 80.0
        result[:3, 3] += change[:, 3] - change[:, :3] @ centre / 80.0
        return result

    def elastic_step(self, fit: Fit, stiffness: float) -> Fit:
        """One Gauss-Newton step of all nodes; ``stiffness`` weighs bending against misfit."""
        from scipy.sparse.linalg import LinearOperator, cg

        system = self._linearised(fit(self.points))
        shape = fit.nodes.shape[:3]
        hats = _hats(self.points, fit.first_node, shape)
        slopes = [system.slope[:, i] for i in range(3)]
        bending = _bending(shape)
        count = hats.shape[1]
        scale = stiffness * float((system.slope**2).sum()) / count / 18.0
        turned = hats.T.tocsr()

        def matrix(v: np.ndarray) -> np.ndarray:
            parts = v.reshape(3, count)
            seen = system.project(sum(s * (hats @ p) for s, p in zip(slopes, parts, strict=True)))
            back = [turned @ (s * seen) + scale * (bending @ p) for s, p in zip(slopes, parts, strict=True)]
            return np.concatenate(back)

        now = fit.nodes.reshape(count, 3).T
        pull = np.concatenate([scale * (bending @ p) for p in now])
        gradient = np.concatenate([turned @ (s * system.left) for s in slopes]) - pull
        change, _ = cg(LinearOperator((3 * count, 3 * count), matrix), gradient, rtol=0.05, maxiter=12)
        change *= min(1.0, 5.0 / max(float(np.abs(change).max()), 1e-9))
        nodes = (now.ravel() + change).reshape(3, count).T.reshape(fit.nodes.shape)
        return replace(fit, nodes=nodes, explained=system.explained)

    def _linearised(self, places: np.ndarray) -> _System:
        """The misfit at atlas ``places`` and how it changes with them."""
        cells = self.classes.at(places)
        classes = cells.shares()
        count = classes.shape[1]
        _, table = _explained_away(classes, self.values)
        bright = classes @ table - table[-1]  # the last class is the air
        columns = np.hstack([classes, bright[:, None] * self.shading])
        left, coefficients = _explained_away(columns, self.values)
        spread = 4.0 * 1.4826 * float(np.median(np.abs(left))) + 1e-3
        robust = 1.0 / (1.0 + (left / spread) ** 2)
        gain = 1.0 + self.shading @ coefficients[count:]
        slope = cells.slope(coefficients[:count]) * (gain * robust)[:, None]
        columns *= robust[:, None]
        misfit, _ = _explained_away(columns, self.values * robust)
        return _System(misfit, slope, columns, 1.0 - float(np.mean(left**2)))


@dataclass(frozen=True)
class _System:
    """One linearised least squares problem: ``left`` is to be met by ``slope`` times the change of the places."""

    left: np.ndarray
    slope: np.ndarray
    columns: np.ndarray
    explained: float

    def project(self, values: np.ndarray) -> np.ndarray:
        """Take out of ``values`` what the grey values of the classes can make up for."""
        return _explained_away(self.columns, values)[0]


def _explained_away(columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a least squares fit of ``columns`` (n, k) leaves of ``values`` (n or n, m), and its coefficients."""
    normal = columns.T @ columns
    normal += 1e-4 * np.trace(normal) / len(normal) * np.eye(len(normal))
    coefficients = np.linalg.solve(normal, columns.T @ values)
    return values - columns @ coefficients, coefficients


def _moved(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray(points @ affine[:3, :3].T + affine[:3, 3])


def _hats(points: np.ndarray, first_node: np.ndarray, shape: tuple[int, ...]) -> Any:
    """Sparse (n, nodes): weights of linear interpolation between nodes."""
    from scipy.sparse import csr_matrix

    place = np.clip((points - first_node) / _NODES, 0.0, np.array(shape[::-1]) - 1.000001)
    lower = place.astype(int)
    share = place - lower
    columns, weights = [], []
    for corner in itertools.product((0, 1), repeat=3):
        x, y, z = (lower + corner).T
        columns.append((z * shape[1] + y) * shape[2] + x)
        weights.append(np.where(corner, share, 1.0 - share).prod(axis=1))
    rows = np.tile(np.arange(len(points)), 8)
    size = (len(points), int(np.prod(shape)))
    return csr_matrix((np.concatenate(weights), (rows, np.concatenate(columns))), size)


def _bending(shape: tuple[int, ...]) -> Any:
    """Sparse (nodes, nodes): squared differences between neighbouring nodes, and a little of the displacement."""
    from scipy.sparse import diags, eye, identity, kron

    x, y, z = (diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n)) for n in shape[::-1])
    rows = [
        kron(kron(z, eye(shape[1])), eye(shape[2])),
        kron(kron(eye(shape[0]), y), eye(shape[2])),
        kron(kron(eye(shape[0]), eye(shape[1])), x),
    ]
    return sum((d.T @ d for d in rows), 0.02 * identity(int(np.prod(shape)))).tocsr()
