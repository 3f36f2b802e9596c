"""Where a slice view looks. RAS, mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .nodes import ijk_to_ras


@dataclass(frozen=True)
class Place:
    """What a view shows: the point in its middle (RAS) and mm to a pixel."""

    centre: np.ndarray
    scale: float


def axes(slice_node: Any) -> np.ndarray:
    """Unit axes of a view in RAS as columns: to the right, to the top, and along which slices are counted."""
    matrix = slice_node.GetSliceToRAS()
    columns = np.array([[matrix.GetElement(row, column) for column in range(3)] for row in range(3)])
    unit: np.ndarray = columns / np.linalg.norm(columns, axis=0)
    return unit


def axial_axes(scene: Any, plane: Any | None) -> np.ndarray:
    """Axes (3, 3) in LPS of the view nearest to axial along the slices of a volume node; of the patient for None."""
    view = scene.CreateNodeByClass("vtkMRMLSliceNode")
    view.UnRegister(None)
    view.SetScene(scene)
    view.SetOrientation("Axial")
    if plane is not None:
        view.RotateToVolumePlane(plane)
    turned: np.ndarray = np.diag([-1.0, -1.0, 1.0]) @ axes(view)
    return turned


def place_of(slice_node: Any) -> Place:
    """Where a view looks now."""
    matrix = slice_node.GetSliceToRAS()
    centre = np.array([matrix.GetElement(row, 3) for row in range(3)])
    moved = axes(slice_node) @ np.array([*slice_node.GetXYZOrigin()[:2], 0.0])
    return Place(centre + moved, slice_node.GetFieldOfView()[0] / max(slice_node.GetDimensions()[0], 1))


def go(slice_node: Any, place: Place) -> None:
    """Let a view look at a place; its plane stays as it is."""
    modifying = slice_node.StartModify()
    matrix = slice_node.GetSliceToRAS()
    for row in range(3):
        matrix.SetElement(row, 3, float(place.centre[row]))
    slice_node.SetXYZOrigin(0.0, 0.0, 0.0)
    width, height, _ = (max(size, 1) for size in slice_node.GetDimensions())
    slice_node.SetFieldOfView(place.scale * width, place.scale * height, slice_node.GetFieldOfView()[2])
    slice_node.UpdateMatrices()
    slice_node.EndModify(modifying)


def corners(volume: Any) -> np.ndarray:
    """The eight corners (8, 3) of a volume node."""
    size = np.array(volume.GetImageData().GetDimensions())
    index = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * size - 0.5
    points: np.ndarray = (np.column_stack([index, np.ones(8)]) @ ijk_to_ras(volume).T)[:, :3]
    return points


def slices(volume: Any, normal: np.ndarray) -> tuple[float, float, float]:
    """Distance of two slices of a volume node along ``normal``, and the positions of its first and last slice."""
    step = float(np.max(np.abs(normal @ ijk_to_ras(volume)[:3, :3])))
    along = corners(volume) @ normal
    return step, float(along.min() + step / 2), float(along.max() - step / 2)


def state(volume: Any) -> tuple[str, int, bytes]:
    """Changes whenever the voxels or the place of a volume node change."""
    return volume.GetID(), volume.GetImageData().GetMTime(), ijk_to_ras(volume).tobytes()


def middle(volume: Any) -> np.ndarray:
    """The middle of a volume node."""
    point: np.ndarray = corners(volume).mean(axis=0)
    return point


def whole(volume: Any, slice_node: Any, point: np.ndarray) -> Place:
    """The place from which a view shows the whole of a volume node, at the slice nearest to ``point``."""
    turned = axes(slice_node)
    places = corners(volume) @ turned
    extent, centre = np.ptp(places, axis=0), (places.max(axis=0) + places.min(axis=0)) / 2
    width, height, _ = (max(size, 1) for size in slice_node.GetDimensions())
    step, first, last = slices(volume, turned[:, 2])
    offset = np.clip(point @ turned[:, 2], first, last)
    centre[2] = first + step * np.floor((offset - first) / step + 0.5)
    return Place(turned @ centre, max(extent[0] / width, extent[1] / height))
