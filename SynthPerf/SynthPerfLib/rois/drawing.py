"""Regions as they are drawn on one slice of a map: discs, closed lines, masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .grid import TOUCHING, Grid, in_order, lattice
from .region import Provenance, Roi

WANG_AREA = 25.0
"""Area of one region in Wang et al. (rCBV from IVIM), mm2."""


def disc(
    name: str, map: sitk.Image, centre: Sequence[float], area: float = WANG_AREA, provenance: Provenance | None = None
) -> Roi:
    """A disc of exactly defined area on one slice of a map.

    The slice is the one nearest to ``centre``. The disc has the n voxels nearest to ``centre`` in that slice, n being
    ``area`` / area of a voxel, rounded half up, at least 1; ``Roi.area`` states the area that results. Voxels equally
    near are taken in the order of their physical points (L, then P, then S), so that the same voxels are found
    whichever way the grid's axes run.

    Parameters
    ----------
    map
        Volume that is drawn on.
    centre
        Physical point (LPS, mm).
    area
        mm2.

    Raises
    ------
    InputError
        If the disc reaches outside the map.
    """
    grid = Grid.of(map)
    if not (np.isfinite(area) and area > 0):
        raise InputError(f"{name}: an area of {area:g} mm2 cannot be drawn, give more than 0.")
    count = max(1, int(np.floor(area / grid.voxel_area + 0.5)))
    middle = np.asarray(centre, float)
    if middle.shape != (3,) or not np.all(np.isfinite(middle)):
        raise InputError(f"{name}: a centre is three numbers (x, y, z in mm, LPS).")
    at, nearest = grid.index(middle[None])[0], grid.nearest(middle[None])[0]
    axes = grid.plane_axes
    # A disc of that area, and around it the diagonal of a voxel in which the n-th nearest may still lie.
    diagonal = float(np.hypot(grid.spacing[axes[0]], grid.spacing[axes[1]]))
    reach = np.sqrt(count * grid.voxel_area / np.pi) + 2 * diagonal
    ranges = []
    for axis in range(3):
        span = 0 if axis == grid.slice_axis else int(np.ceil(reach / grid.spacing[axis]))
        ranges.append(np.arange(nearest[axis] - span, nearest[axis] + span + 1))
    voxels = lattice(ranges)
    away = np.sum([((voxels[:, axis] - at[axis]) * grid.spacing[axis]) ** 2 for axis in axes], axis=0)
    points = np.round(grid.points(voxels), 4)
    order = np.lexsort((points[:, 2], points[:, 1], points[:, 0], np.round(away, 6)))
    chosen = voxels[order[:count]]
    if not np.all(grid.holds(chosen)):
        raise InputError(f"{name} reaches outside the map: place it further inside.")
    return Roi(name, grid, in_order(chosen, grid.size), provenance or Provenance(tool="disc"))


def free_hand(
    name: str, map: sitk.Image, outline: Sequence[Sequence[float]], provenance: Provenance | None = None
) -> Roi:
    """A region inside a closed line drawn on one slice of a map.

    The slice is the one nearest to the middle of the line's points. A voxel belongs to the region if its centre lies
    inside the line (winding number not 0, so that a loop over a loop leaves no hole) or on it.

    Parameters
    ----------
    outline
        Physical points (LPS, mm), at least three; the last is joined to the first.

    Raises
    ------
    InputError
        If it has less than three points, encloses no voxel's centre, or reaches outside the map.
    """
    grid = Grid.of(map)
    points = np.asarray(outline, float)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 3 or not np.all(np.isfinite(points)):
        raise InputError(f"{name}: a region needs a closed line of three points or more: draw it again.")
    corners = grid.index(points)
    axes = list(grid.plane_axes)
    ranges = [np.arange(np.floor(c.min()), np.ceil(c.max()) + 1).astype(int) for c in corners.T]
    ranges[grid.slice_axis] = grid.nearest(points.mean(axis=0)[None])[:, grid.slice_axis]
    voxels = lattice(ranges)
    scale = np.array([grid.spacing[axis] for axis in axes])
    voxels = voxels[_inside(voxels[:, axes] * scale, corners[:, axes] * scale)]
    if not len(voxels):
        raise InputError(f"{name} encloses no voxel: draw it larger.")
    if not np.all(grid.holds(voxels)):
        raise InputError(f"{name} reaches outside the map: draw it further inside.")
    return Roi(name, grid, in_order(voxels, grid.size), provenance or Provenance(tool="free-hand"))


def from_mask(name: str, mask: sitk.Image, provenance: Provenance | None = None) -> Roi:
    """The region of all voxels of a label image that are not 0.

    Raises
    ------
    InputError
        If there is none.
    """
    labels = sitk.GetArrayViewFromImage(mask)
    voxels = np.argwhere(labels != 0)[:, ::-1]
    if not len(voxels):
        raise InputError(f"{name} is empty: draw it, or leave it out.")
    return Roi(name, Grid.of(mask), voxels, provenance or Provenance())


def _inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether each point (n, 2) lies inside the closed line through the corners (m, 2), or on it."""
    winding = np.zeros(len(points), int)
    on = np.zeros(len(points), bool)
    x, y = points.T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = np.hypot(x1 - x0, y1 - y0)
        if not length:  # a point drawn twice is no side
            continue
        side = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        along = (x1 - x0) * (x - x0) + (y1 - y0) * (y - y0)
        on |= (np.abs(side) <= TOUCHING * max(length, 1)) & (along >= 0) & (along <= length**2)
        winding += ((y0 <= y) & (y < y1) & (side > 0)).astype(int) - ((y1 <= y) & (y < y0) & (side < 0))
    return (winding != 0) | on
