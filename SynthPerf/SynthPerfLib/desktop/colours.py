"""Colour tables in the scene, and colour bars in its views.

Slicer has colour legends too, but they choose their font to fill the space: every bar would be written otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from vtkmodules.vtkCommonCore import vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor2D, vtkCoordinate, vtkPolyDataMapper2D, vtkTextActor

from .. import colours

TABLE = "SynthPerf.Colours"
"""Attribute of a colour node that was made here: the table's name."""

_LEFT, _RIGHT, _BOTTOM, _TOP = 0.915, 0.945, 0.18, 0.8  # of a bar, as shares of the view


def colour_node(scene: Any, name: str) -> Any:
    """The colour node of a table of :data:`SynthPerfLib.colours.COLOURS` (or its difference table); made once."""
    for node in scene.GetNodesByClass("vtkMRMLColorTableNode"):
        if node.GetAttribute(TABLE) == name:
            return node
    node = scene.CreateNodeByClass("vtkMRMLColorTableNode")
    node.UnRegister(None)
    node.SetName(f"SynthPerf {name}")
    node.SetTypeToUser()
    node.SetAttribute("Category", "SynthPerf")
    node.SetAttribute(TABLE, name)
    values = colours.table(name)
    node.SetNumberOfColors(len(values))
    for number, (red, green, blue) in enumerate(values / 255.0):
        node.SetColor(number, f"{number}", red, green, blue, 1.0)
    return scene.AddNode(node)


class Bar:
    """A colour bar at the right edge of a view, with its unit above it.

    Parameters
    ----------
    renderer
        vtkRenderer of the view.
    name
        Colour table.
    range
        Values at its two ends.
    """

    def __init__(self, renderer: Any, name: str, unit: str, range: tuple[float, float], scale: float = 1.0) -> None:
        self._renderer = renderer
        self.labels = [unit, *(f"{tick:g}" for tick in ticks(*range))]
        self._actors = [_strip(name)]
        self._actors.append(text_actor(0.985, _TOP + 0.03, "Right", "Bottom", scale, unit))
        for tick in ticks(*range):
            along = _BOTTOM + (_TOP - _BOTTOM) * (tick - range[0]) / (range[1] - range[0])
            self._actors.append(text_actor(_LEFT - 0.012, along, "Right", "Centered", scale, f"{tick:g}"))
        for actor in self._actors:
            renderer.AddViewProp(actor)

    def remove(self) -> None:
        """Take it out of the view."""
        for actor in self._actors:
            self._renderer.RemoveViewProp(actor)


def ticks(low: float, high: float) -> list[float]:
    """The values written at a bar: both ends, and round ones between them."""
    for count in (4, 2) if low == -high else (5, 4, 3, 2):
        step = (high - low) / count
        if f"{step:.2g}" == f"{step:.6g}" and f"{low:.2g}" == f"{low:.6g}":
            return [low + number * step for number in range(count + 1)]
    return [low, high]


def text_actor(x: float, y: float, across: str, along: str, scale: float, text: str = "", size: int = 14) -> Any:
    """A text in a view; ``x`` and ``y`` are shares of its width and height, ``size`` is in pixels."""
    actor = vtkTextActor()
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(x, y)
    look = actor.GetTextProperty()
    getattr(look, f"SetJustificationTo{across}")()
    getattr(look, f"SetVerticalJustificationTo{along}")()
    look.SetFontFamilyToArial()
    look.SetFontSize(round(scale * size))
    look.SetColor(1.0, 1.0, 1.0)
    look.SetBackgroundColor(0.0, 0.0, 0.0)
    look.SetBackgroundOpacity(0.55)
    actor.SetInput(text)
    return actor


def _strip(name: str) -> Any:
    """The table as a strip of coloured bands, low values at the bottom."""
    edges = np.linspace(_BOTTOM, _TOP, 257)
    points, bands, colours_of = vtkPoints(), vtkCellArray(), vtkUnsignedCharArray()
    colours_of.SetNumberOfComponents(3)
    for edge in edges:
        points.InsertNextPoint(_LEFT, edge, 0.0)
        points.InsertNextPoint(_RIGHT, edge, 0.0)
    for number, colour in enumerate(colours.table(name).tolist()):
        bands.InsertNextCell(4, [2 * number, 2 * number + 1, 2 * number + 3, 2 * number + 2])
        colours_of.InsertNextTuple3(*colour)
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(bands)
    data.GetCellData().SetScalars(colours_of)
    where = vtkCoordinate()
    where.SetCoordinateSystemToNormalizedViewport()
    mapper = vtkPolyDataMapper2D()
    mapper.SetInputData(data)
    mapper.SetTransformCoordinate(where)
    strip = vtkActor2D()
    strip.SetMapper(mapper)
    return strip
