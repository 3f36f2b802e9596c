"""Names beside the regions in the slice views: what a region is must not be told by its colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import vtk

from ..rois import Roi
from . import geometry
from .colours import text_actor
from .observing import Observer
from .panes import Pane, Panes

_BESIDE = 10  # px to the right of the region's middle


class RegionLabels:
    """Writes the name of each region into every view whose slice cuts it."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self._observer = Observer()
        self._labels: list[tuple[Pane, Roi, Any]] = []

    def show(self, regions: Sequence[Roi]) -> None:
        """Label these regions, in the views that are on the screen now."""
        self.clear()
        for pane in self._panes.visible():
            for roi in regions:
                label = text_actor(0, 0, "Left", "Centered", pane.scale, roi.name)
                label.GetTextProperty().SetBackgroundOpacity(0.0)  # what lies beside the region stays to be seen
                label.GetTextProperty().ShadowOn()
                label.GetPositionCoordinate().SetCoordinateSystemToViewport()
                pane.renderer.AddViewProp(label)
                self._labels.append((pane, roi, label))
            self._place(pane)
            self._observer.watch(pane.slice_node, "ModifiedEvent", partial(self._place, pane))

    def seen(self) -> list[tuple[str, str]]:
        """View and region of each label that is seen."""
        return [(pane.name, roi.name) for pane, roi, label in self._labels if label.GetVisibility()]

    def clear(self) -> None:
        """Take them out of the views."""
        self._observer.release()
        for pane, _, label in self._labels:
            pane.renderer.RemoveViewProp(label)
            pane.render()
        self._labels = []

    def _place(self, pane: Pane) -> None:
        normal = geometry.axes(pane.slice_node)[:, 2] * [-1, -1, 1]  # LPS, as regions are
        to_pixels = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(pane.slice_node.GetXYToRAS(), to_pixels)
        for roi, label in ((roi, label) for other, roi, label in self._labels if other is pane):
            along = roi.grid.points(roi.voxels) @ normal
            half = roi.grid.spacing[roi.grid.slice_axis] / 2
            label.SetVisibility(bool(along.min() - half <= pane.slice_node.GetSliceOffset() <= along.max() + half))
            x, y, z = roi.centre
            column, row = to_pixels.MultiplyPoint((-x, -y, z, 1.0))[:2]
            label.SetPosition(column + _BESIDE * pane.scale, row)
        pane.render()
