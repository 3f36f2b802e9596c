"""A region of interest: a set of voxels of one grid; nothing is interpolated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk

from .grid import Grid, flat, member, unflat


@dataclass(frozen=True)
class Provenance:
    """Where a region comes from.

    Attributes
    ----------
    reader
        Who drew it.
    drawn_on
        The map on which it was drawn.
    tool
        ``disc``, ``free-hand`` or ``mask``.
    copied
        False on the map on which it was drawn, True on the others.
    """

    reader: str = ""
    drawn_on: str = ""
    tool: str = "mask"
    copied: bool = False


@dataclass(frozen=True, eq=False)
class Roi:
    """A region of interest on one grid.

    Attributes
    ----------
    name
        ``tumour_1``, ``nawm_2``, ...
    grid
        The grid that its voxels belong to.
    voxels
        Indices (n, 3) in the order i, j, k, sorted by k, j, i, none twice; at least one.
    provenance
        Who drew it, and on what.
    """

    name: str
    grid: Grid
    voxels: np.ndarray
    provenance: Provenance = field(default_factory=Provenance)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Roi) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    @property
    def _all(self) -> tuple[object, ...]:
        return self.name, self.grid, self.provenance, self.voxels.tobytes()

    @property
    def count(self) -> int:
        """Number of voxels."""
        return len(self.voxels)

    @property
    def slices(self) -> np.ndarray:
        """The slices that it touches, along the grid's slice axis."""
        return np.unique(self.voxels[:, self.grid.slice_axis])

    @property
    def area(self) -> float:
        """Area in mm2, summed over its slices: voxels times the area of one."""
        return self.count * self.grid.voxel_area

    @property
    def volume(self) -> float:
        """Volume in mm3: voxels times the volume of one."""
        return self.count * self.grid.voxel_volume

    @property
    def centre(self) -> np.ndarray:
        """Physical point (3,) of its centroid."""
        return self.grid.points(self.voxels.mean(axis=0))

    def values(self, map: sitk.Image) -> np.ndarray:
        """The values (n,) of a map on the region's own grid."""
        view = sitk.GetArrayViewFromImage(map)
        values: np.ndarray = view[self.voxels[:, 2], self.voxels[:, 1], self.voxels[:, 0]].astype(float)
        return values

    def overlap(self, other: Roi) -> float:
        """Share of its voxels whose centre lies in ``other``, which may have another grid."""
        nearest = other.grid.nearest(self.grid.points(self.voxels))
        return float(np.mean(member(nearest, other.voxels, other.grid.size)))

    def image(self) -> sitk.Image:
        """The region as a label image (uint8, 1 inside) on its grid."""
        labels = np.zeros(self.grid.size[::-1], np.uint8)
        labels[self.voxels[:, 2], self.voxels[:, 1], self.voxels[:, 0]] = 1
        image = sitk.GetImageFromArray(labels)
        image.SetSpacing(self.grid.spacing)
        image.SetOrigin(self.grid.origin)
        image.SetDirection(self.grid.direction)
        return image

    def payload(self) -> dict[str, Any]:
        """The region as a JSON object: its grid and the runs [first voxel, length] along the flat order i, j, k."""
        places = flat(self.voxels, self.grid.size)
        starts = np.flatnonzero(np.diff(places, prepend=places[0] - 2) > 1)
        lengths = np.diff(starts, append=len(places))
        runs = [[int(places[start]), int(length)] for start, length in zip(starts, lengths, strict=True)]
        grid = {key: list(value) for key, value in asdict(self.grid).items()}
        return {"name": self.name, "grid": grid, "runs": runs, "provenance": asdict(self.provenance)}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Roi:
        """The region that :meth:`payload` wrote."""
        grid = Grid(**{key: tuple(value) for key, value in payload["grid"].items()})
        places = np.concatenate([np.arange(first, first + length) for first, length in payload["runs"]])
        return cls(payload["name"], grid, unflat(places, grid.size), Provenance(**payload["provenance"]))

    @property
    def sha256(self) -> str:
        """Hash of its voxels and their grid; the name and who drew it do not count."""
        content = {key: value for key, value in self.payload().items() if key in ("grid", "runs")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
