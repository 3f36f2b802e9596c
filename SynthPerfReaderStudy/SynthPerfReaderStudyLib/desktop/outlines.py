"""Regions as lines around their voxels, in every view, with their numbers. RAS inside, LPS outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import vtk
from SynthPerfLib.desktop.geometry import axes
from SynthPerfLib.desktop.observing import Observer
from SynthPerfLib.desktop.panes import Pane
from SynthPerfLib.rois import Roi

LPS = np.array([-1.0, -1.0, 1.0])
"""Times a point in RAS it is the point in LPS, and back."""

_WIDTH, _TEXT = 2.0, 15  # px


@dataclass(frozen=True)
class Outline:
    """A region as it is shown.

    Attributes
    ----------
    label
        Written beside it.
    colour
        ``#rrggbb``.
    """

    region: Roi
    label: str
    colour: str


class Outlines:
    """The regions in the views that are on the screen."""

    def __init__(self) -> None:
        self._observer = Observer()
        self._drawn: list[tuple[Pane, _Line]] = []

    def show(self, panes: Sequence[Pane], outlines: Sequence[Outline]) -> None:
        """Draw ``outlines`` in all views, instead of what was drawn."""
        self.clear()
        for pane in panes:
            lines = [_Line(pane, outline) for outline in outlines]
            self._drawn += [(pane, line) for line in lines]
            if lines:
                self._observer.watch(pane.slice_node, "ModifiedEvent", partial(self._place, pane))
            pane.render()

    def visible(self) -> list[tuple[str, str]]:
        """(view, label) of every region that the slice shown now goes through."""
        return [(pane.name, line.label) for pane, line in self._drawn if line.shown]

    def clear(self) -> None:
        """Take everything out of the views."""
        self._observer.release()
        for pane, line in self._drawn:
            line.remove()
            pane.render()
        self._drawn.clear()

    def _place(self, pane: Pane) -> None:
        for own, line in self._drawn:
            if own is pane:
                line.place()


class _Line:
    """One region in one view."""

    def __init__(self, pane: Pane, outline: Outline) -> None:
        self._pane, self.label = pane, outline.label
        region = outline.region
        axis = region.grid.slice_axis
        self._slices = [(_borders(region, number), _middle(region, number)) for number in region.slices]
        self._half = region.grid.spacing[axis] / 2
        self._data = vtk.vtkPolyData()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._data)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetLineWidth(_WIDTH * pane.scale)
        self._text = vtk.vtkTextActor()
        self._text.SetInput(outline.label)
        self._text.GetTextProperty().SetFontSize(round(_TEXT * pane.scale))
        self._text.GetTextProperty().ShadowOn()  # a ground would hide the region beside it
        colour = [int(outline.colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        for thing in (self._actor.GetProperty(), self._text.GetTextProperty()):
            thing.SetColor(*colour)
        pane.renderer.AddViewProp(self._actor)
        pane.renderer.AddViewProp(self._text)
        self.place()

    @property
    def shown(self) -> bool:
        """Whether the slice that the view shows goes through the region."""
        return bool(self._actor.GetVisibility())

    def place(self) -> None:
        """Draw the borders on the slice that the view shows now."""
        node = self._pane.slice_node
        normal, offset = axes(node)[:, 2], node.GetSliceOffset()
        near = [borders for borders, middle in self._slices if abs(normal @ middle - offset) <= self._half + 1e-3]
        self._actor.SetVisibility(bool(near))
        self._text.SetVisibility(bool(near))
        if not near:
            return
        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), inverse)
        matrix = np.array([[inverse.GetElement(row, column) for column in range(4)] for row in range(4)])
        ends = near[0].reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
        points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
        for number in range(0, len(ends), 2):
            lines.InsertNextCell(2)
            for x, y, _ in ends[number : number + 2]:
                lines.InsertCellPoint(points.InsertNextPoint(x, y, 0.0))
        self._data.SetPoints(points)
        self._data.SetLines(lines)
        self._data.Modified()
        self._text.SetDisplayPosition(round(ends[:, 0].max()) + 4, round(ends[:, 1].max()))

    def remove(self) -> None:
        """Take it out of the view."""
        self._pane.renderer.RemoveViewProp(self._actor)
        self._pane.renderer.RemoveViewProp(self._text)


def _borders(region: Roi, number: int) -> np.ndarray:
    """The sides (n, 2, 3), in RAS, between a voxel of the region and one outside, on one of its slices."""
    axis, (a, b) = region.grid.slice_axis, region.grid.plane_axes
    voxels = region.voxels[region.voxels[:, axis] == number]
    inside = {(int(voxel[a]), int(voxel[b])) for voxel in voxels}
    sides = []
    for i, j in inside:
        for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            if (i + di, j + dj) not in inside:
                across = (0.5 * dj, 0.5 * di)
                sides += [(i + 0.5 * di + t * across[0], j + 0.5 * dj + t * across[1]) for t in (-1, 1)]
    index = np.full((len(sides), 3), float(number))
    index[:, [a, b]] = sides
    return (region.grid.points(index) * LPS).reshape(-1, 2, 3)


def _middle(region: Roi, number: int) -> np.ndarray:
    voxels = region.voxels[region.voxels[:, region.grid.slice_axis] == number]
    middle: np.ndarray = region.grid.points(voxels.mean(axis=0)) * LPS
    return middle
