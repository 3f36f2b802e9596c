"""An image that is made of two others to compare them: their difference, or a checkerboard of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..colours import DIFFERENCE
from ..images import resample
from . import geometry
from .nodes import fill, to_image, to_node
from .observing import Observer
from .shown import NOTHING, Shown

NONE, DIFFERENCE_MAP, CHECKERBOARD, LEFT_OUT = "none", "difference", "checkerboard", "left out"
"""What one more view shows: nothing; first map less second; squares of both; the map less the map from all inputs."""

_SQUARE = 20.0  # mm


class Derived:
    """The volume node of such an image; made anew when one of the two changes. It is not saved with the scene."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._node: Any = None
        self._made_of: Any = None
        self._state: Any = None
        self._observer = Observer()

    def show(self, more: str, first: Shown, second: Shown, reference: Any, plane: Any | None) -> Shown:
        """The difference or the checkerboard of two images, as it is shown.

        Parameters
        ----------
        more
            :data:`DIFFERENCE_MAP` or :data:`CHECKERBOARD`.
        reference
            Volume node on whose grid the squares are cut.
        plane
            Volume node whose slices are shown; None for the patient's axial plane.
        """
        made_of = (more, first.node, second.node, reference, plane)
        if self._node is None or self._node.GetScene() is None or made_of != self._made_of:
            self.drop()
            self._made_of = made_of
            self._node = self._new(f"{first.label} and {second.label}")
            for node in (first.node, second.node):
                self._observer.watch(node, "ModifiedEvent", self._fill)
                self._observer.watch(node, node.TransformModifiedEvent, self._fill)
        self._fill()
        if more == DIFFERENCE_MAP:
            label = f"{first.label}\n\N{MINUS SIGN} {second.label}"
            return Shown(self._node, label, first.unit, DIFFERENCE, symmetric(first.range))
        over = replace(second, node=self._node)
        if not second.is_map:
            display = second.node.GetDisplayNode()
            over = replace(over, range=(display.GetWindowLevelMin(), display.GetWindowLevelMax()))
        return replace(first, over=over)

    def drop(self) -> None:
        """Take it out of the scene."""
        self._observer.release()
        if self._node is not None and self._node.GetScene() is not None:
            self._scene.RemoveNode(self._node)
        self._node = self._made_of = self._state = None

    def _fill(self) -> None:
        more, first, second, reference, plane = self._made_of
        state = geometry.state(first), geometry.state(second)
        if state == self._state:
            return
        self._state = state
        if more == DIFFERENCE_MAP:
            made = difference(to_image(first), to_image(second))
        else:
            axes = geometry.axial_axes(self._scene, plane)
            made = checkerboard(to_image(second), to_image(reference), axes[:, :2])
        fill(self._node, made)

    def _new(self, name: str) -> Any:
        node = to_node(sitk.Image(1, 1, 1, sitk.sitkFloat32), self._scene, name)
        display = node.GetDisplayNode()
        for part in (node, display):
            part.SetSaveWithScene(False)
        node.SetHideFromEditors(True)
        display.SetThreshold(NOTHING / 2, 1e30)
        display.SetApplyThreshold(True)
        return node


def difference(first: sitk.Image, second: sitk.Image) -> sitk.Image:
    """``first`` less ``second`` on the grid of ``first``; :data:`NOTHING` where the second does not reach, and outside
    the brain, where both are 0."""
    other = sitk.GetArrayFromImage(resample(second, first, outside=NOTHING))
    values = sitk.GetArrayFromImage(first)
    made = values - other
    made[(other <= NOTHING / 2) | ((values == 0) & (other == 0))] = NOTHING
    image = sitk.GetImageFromArray(made)
    image.CopyInformation(first)
    return image


def checkerboard(image: sitk.Image, reference: sitk.Image, axes: np.ndarray) -> sitk.Image:
    """Every second square of ``image`` on the grid of ``reference``, :data:`NOTHING` in the others.

    Parameters
    ----------
    axes
        Unit axes (3, 2) of the plane (LPS) in which the squares of 20 mm lie.
    """
    values = sitk.GetArrayFromImage(resample(image, reference, outside=NOTHING))
    size = np.array(reference.GetSize())
    steps = np.array(reference.GetDirection()).reshape(3, 3) * np.array(reference.GetSpacing())
    # Squares are counted from the first voxel, along the plane's axes.
    along = axes.T @ steps / _SQUARE
    k, j, i = np.ogrid[: size[2], : size[1], : size[0]]
    squares = [np.floor(a[0] * i + a[1] * j + a[2] * k + 1e-6).astype(int) for a in along]
    values[(squares[0] + squares[1]) % 2 == 1] = NOTHING
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(reference)
    return made


def symmetric(range: tuple[float, float] | None) -> tuple[float, float]:
    """The range of a difference of two images on this range."""
    low, high = range or (0.0, 1.0)
    return -(high - low) / 2, (high - low) / 2
