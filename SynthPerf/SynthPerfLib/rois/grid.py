"""Where the voxels of a volume lie. Physical points are LPS in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

_THICKER = 1.2
TOUCHING = 1e-6
"""Of a voxel, or mm: what is nearer to an edge than this lies on it."""

_NUDGE = np.array([1.0, 0.7, 0.4]) * 1e-4
"""mm. A point that lies on an edge between voxels goes to the one further to L, P, S, whichever way the axes run."""


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume lie.

    Attributes
    ----------
    size
        Voxels along i, j, k.
    spacing
        mm.
    origin
        Centre of voxel (0, 0, 0), LPS.
    direction
        The nine numbers of the 3 x 3 matrix of unit axes, row by row.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of a volume."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @cached_property
    def _matrix(self) -> np.ndarray:
        return np.array(self.direction).reshape(3, 3) * np.array(self.spacing)

    @cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.inv(self._matrix)

    def points(self, index: np.ndarray) -> np.ndarray:
        """Physical points (n, 3) of the (continuous) indices (n, 3), in the order i, j, k."""
        return np.asarray(index, float) @ self._matrix.T + np.array(self.origin)

    def index(self, points: np.ndarray) -> np.ndarray:
        """Continuous indices (n, 3) of physical points (n, 3)."""
        return (np.asarray(points, float) - np.array(self.origin)) @ self._inverse.T

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Indices (n, 3) of the voxels nearest to physical points (n, 3); they may lie outside the grid."""
        index: np.ndarray = np.floor(self.index(np.asarray(points, float) + _NUDGE) + 0.5).astype(int)
        return index

    def holds(self, index: np.ndarray) -> np.ndarray:
        """Whether each (continuous) index lies in a voxel of the grid; edges belong to it."""
        edge = 0.5 + TOUCHING
        return np.all((index >= -edge) & (index <= np.array(self.size) - 1 + edge), axis=-1)

    def same(self, other: Grid) -> bool:
        """Whether both have the same voxels at the same places (within 1e-3 mm at every corner)."""
        if self.size != other.size:
            return False
        corners = lattice([np.array([0, n - 1]) for n in self.size])
        return bool(np.max(np.abs(self.points(corners) - other.points(corners))) < 1e-3)

    @property
    def slice_axis(self) -> int:
        """The axis across the acquisition plane: the one whose spacing is at least 1.2 times both others; without such
        an axis the one nearest to head-foot, because a volume with cubic voxels is read in axial slices."""
        order = np.argsort(self.spacing)
        if self.spacing[order[2]] >= _THICKER * self.spacing[order[1]]:
            return int(order[2])
        return int(np.argmax(np.abs(np.array(self.direction).reshape(3, 3)[2])))

    @property
    def plane_axes(self) -> tuple[int, int]:
        """The two axes in the acquisition plane."""
        first, second = (axis for axis in range(3) if axis != self.slice_axis)
        return first, second

    @property
    def voxel_area(self) -> float:
        """Area of a voxel in the acquisition plane, mm2."""
        first, second = self.plane_axes
        return self.spacing[first] * self.spacing[second]

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, mm3."""
        return float(np.prod(self.spacing))


def lattice(ranges: Sequence[np.ndarray]) -> np.ndarray:
    """Every combination of the three ranges, (n, 3)."""
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)


def flat(voxels: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Numbers (n,) of the voxels (n, 3), i running fastest."""
    return voxels[:, 0] + size[0] * (voxels[:, 1] + size[1] * voxels[:, 2])


def unflat(numbers: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Voxels (n, 3) of the numbers (n,) that :func:`flat` gives."""
    return np.stack([numbers % size[0], numbers // size[0] % size[1], numbers // (size[0] * size[1])], axis=1)


def in_order(voxels: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """The voxels (n, 3) sorted by k, j, i, none twice."""
    return unflat(np.unique(flat(voxels, size)), size)


def member(voxels: np.ndarray, region: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Which of ``voxels`` (n, 3), that may lie outside the grid, are among those of ``region`` (m, 3)."""
    inside = np.all((voxels >= 0) & (voxels < np.array(size)), axis=1)
    return inside & np.isin(flat(voxels, size), flat(region, size))
