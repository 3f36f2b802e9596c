"""The same region on the grid of another map, by physical position."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .grid import TOUCHING, Grid, in_order, lattice, member
from .region import Provenance, Roi


def copy_to(roi: Roi, map: sitk.Image, name: str = "the other map") -> Roi:
    """The same region on another map's grid, by physical position.

    On the same grid it is the same voxels. On another grid a voxel belongs to it if its centre lies in one of the
    region's voxels; a slice of the region that lies between two slices of the map goes to the nearer one, and a region
    that holds no voxel's centre becomes the one voxel nearest to its centroid.

    Parameters
    ----------
    name
        The map's name, for the sentence.

    Raises
    ------
    InputError
        If a voxel of the region has its centre outside the map.
    """
    source, target = roi.grid, Grid.of(map)
    provenance = Provenance(roi.provenance.reader, roi.provenance.drawn_on, roi.provenance.tool, copied=True)
    if source.same(target):
        return Roi(roi.name, source, roi.voxels, provenance)
    if not np.all(target.holds(target.index(source.points(roi.voxels)))):
        raise InputError(f"{roi.name} lies partly outside {name}: draw it where every map has data.")

    corners = lattice([np.array([c.min() - 0.5, c.max() + 0.5]) for c in roi.voxels.T])
    reached = target.index(source.points(corners))
    thick = np.eye(3)[target.slice_axis] * 0.5  # the slices on either side, for regions between two
    low = np.maximum(np.ceil(reached.min(axis=0) - thick - TOUCHING), 0).astype(int)
    high = np.minimum(np.floor(reached.max(axis=0) + thick + TOUCHING), np.array(target.size) - 1).astype(int)
    around = lattice([np.arange(a, b + 1) for a, b in zip(low, high, strict=True)])
    nearest = source.nearest(target.points(around))
    taken = member(nearest, roi.voxels, source.size)
    reached_slices = set(nearest[taken, source.slice_axis].tolist())
    for number in roi.slices:
        if int(number) not in reached_slices:
            taken |= _in_nearest_slice(roi, int(number), target, around, nearest)
    voxels = around[taken] if taken.any() else target.nearest(roi.centre[None]).clip(0, np.array(target.size) - 1)
    return Roi(roi.name, target, in_order(voxels, target.size), provenance)


def _in_nearest_slice(roi: Roi, number: int, target: Grid, around: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Which voxels of the target take the region's slice ``number``, whose slab holds none of their centres."""
    axis = roi.grid.slice_axis
    region = roi.voxels[roi.voxels[:, axis] == number]
    middle = target.nearest(roi.grid.points(region.mean(axis=0)[None]))[0]
    projected = nearest.copy()
    projected[:, axis] = number
    in_slice = around[:, target.slice_axis] == middle[target.slice_axis]
    taken: np.ndarray = in_slice & member(projected, region, roi.grid.size)
    return taken
