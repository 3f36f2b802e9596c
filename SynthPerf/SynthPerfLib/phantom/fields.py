"""Grids, smooth random fields and fast sampling: the arithmetic below the digital patients."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coordinates (x, y, z) in mm, three arrays of one shape."""


@dataclass(frozen=True)
class Grid:
    """An axis-aligned isotropic grid in LPS mm: first voxel centre ``origin`` (x, y, z), ``shape`` (z, y, x)."""

    origin: tuple[float, float, float]
    spacing: float
    shape: tuple[int, int, int]

    def axes(self) -> Points:
        """Coordinates that broadcast to ``shape``: x (1, 1, n), y (1, n, 1), z (n, 1, 1), float32."""
        z, y, x = (
            np.float32(self.origin[2 - axis]) + np.float32(self.spacing) * np.arange(n, dtype=np.float32)
            for axis, n in enumerate(self.shape)
        )
        return x[None, None, :], y[None, :, None], z[:, None, None]


LATENT = Grid((-99.0, -112.5, -109.5), 1.5, (147, 166, 133))
"""Where a head is made: 1.5 mm, 199 x 249 x 220 mm, the head upright and centred as in MNI space."""

COARSE = Grid(LATENT.origin, 3.0, (74, 83, 67))
"""The same box at 3 mm, for everything that is smooth."""


def stream(seed: int, *names: int | str) -> np.random.Generator:
    """A random generator that depends on nothing but ``seed`` and ``names``."""
    return np.random.default_rng([seed, *(n if isinstance(n, int) else zlib.crc32(n.encode()) for n in names)])


def step(values: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """0 below, 1 above zero, linear over ``width``: the share of a voxel on the positive side of a surface."""
    return np.clip(values / width + np.float32(0.5), 0, 1)


def _spline_matrix(n: int, controls: int) -> np.ndarray:
    """Cubic B-spline weights (n, controls + 3) of ``controls`` intervals over n samples."""
    at = np.linspace(0, controls, n)
    knot = np.minimum(at.astype(int), controls - 1)
    t = at - knot
    weights = np.zeros((n, controls + 3))
    rows = np.arange(n)
    cubic = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    for offset, w in enumerate(cubic):
        weights[rows, knot + offset] = w / 6
    return weights.astype(np.float32)


def _linear_matrix(n: int, m: int, ratio: float) -> np.ndarray:
    """Weights (n, m) that read m coarse samples at n fine places, ``ratio`` coarse samples apart."""
    at = np.clip(np.arange(n) * ratio, 0, m - 1)
    low = np.minimum(at.astype(int), m - 2)
    weights = np.zeros((n, m), np.float32)
    rows = np.arange(n)
    weights[rows, low] = 1 - (at - low)
    weights[rows, low + 1] = at - low
    return weights


def _separable(values: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Apply one matrix along each axis of a (z, y, x) array."""
    along_z, along_y, along_x = matrices
    values = values @ along_x.T
    values = np.matmul(along_y, values)
    return (along_z @ values.reshape(values.shape[0], -1)).reshape(len(along_z), *values.shape[1:])


def smooth_field(rng: np.random.Generator, shape: Sequence[int], controls: Sequence[int]) -> np.ndarray:
    """A random cubic B-spline of about unit variance on a (z, y, x) grid, ``controls`` intervals along each axis."""
    coefficients = rng.standard_normal([c + 3 for c in controls]).astype(np.float32)
    field = _separable(coefficients, [_spline_matrix(n, c) for n, c in zip(shape, controls, strict=True)])
    return field / np.float32(0.479**1.5)  # 0.479: mean over t of the sum of squared cubic B-spline weights


def head_field(rng: np.random.Generator, millimetres: float, grid: Grid = LATENT) -> np.ndarray:
    """A smooth random field over the head with control points ``millimetres`` apart; unit variance."""
    return smooth_field(rng, grid.shape, [max(1, round(n * grid.spacing / millimetres)) for n in grid.shape])


def fine_field(rng: np.random.Generator, shape: Sequence[int], sigma: float) -> np.ndarray:
    """Gaussian-filtered white noise (``sigma`` in voxels), zero mean, unit variance, float32."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, truncate=2.5, mode="wrap")
    return field / field.std()


def tiled_field(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """:func:`fine_field` over the head, flat; it repeats every 96 mm or so, which no structure of that size shows."""
    tile = fine_field(rng, [(n + 1) // 2 for n in LATENT.shape], sigma)
    return np.tile(tile, (2, 2, 2))[: LATENT.shape[0], : LATENT.shape[1], : LATENT.shape[2]].ravel()


def refine(coarse: np.ndarray, grid: Grid = LATENT, source: Grid = COARSE) -> np.ndarray:
    """Linear interpolation of a smooth map from ``source`` to a finer ``grid`` of the same origin."""
    ratio = grid.spacing / source.spacing
    return _separable(coarse, [_linear_matrix(n, m, ratio) for n, m in zip(grid.shape, coarse.shape, strict=True)])


class Sampler:
    """Trilinear reading of maps of one grid at fixed points; outside, the nearest edge value."""

    def __init__(self, points: Points, grid: Grid) -> None:
        size = grid.shape[::-1]
        low: list[np.ndarray] = []
        self._part: list[np.ndarray] = []
        for axis in range(3):
            at = np.clip((points[axis] - grid.origin[axis]) / grid.spacing, 0, size[axis] - 1.001).astype(np.float32)
            low.append(at.astype(np.int32))
            self._part.append(at - low[-1])
        self._stride = (1, size[0], size[0] * size[1])
        self._first = low[0] + self._stride[1] * low[1] + self._stride[2] * low[2]

    def __call__(self, volume: np.ndarray) -> np.ndarray:
        """The values of ``volume`` (z, y, x) at the points, float32."""
        flat = volume.ravel()
        x, y, z = self._part

        def line(offset: int) -> np.ndarray:
            a = flat[self._first + offset].astype(np.float32)
            return a + x * (flat[self._first + (offset + 1)].astype(np.float32) - a)

        def plane(offset: int) -> np.ndarray:
            a = line(offset)
            return a + y * (line(offset + self._stride[1]) - a)

        a = plane(0)
        return a + z * (plane(self._stride[2]) - a)
