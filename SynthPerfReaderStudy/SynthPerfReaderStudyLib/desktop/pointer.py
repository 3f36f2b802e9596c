"""What the left button does while a tool is in the hand: a click for a disc, a closed line drawn free-hand, erasing.

Mouse events are taken before Slicer's own handling of them, and only while there is a tool: without one the left
button is Slicer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from SynthPerfLib.desktop.panes import Pane

from ..drawing import DISC, OUTLINE
from .outlines import LPS

ERASE = "erase"

_FIRST = 100.0  # priority over Slicer's own handling
_LEAST = 3  # px: a shorter stroke is a click
_COLOUR = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Stroke:
    """What was drawn: the view, and the points (n, 3) in LPS, mm; one point is a click."""

    pane: str
    points: np.ndarray


class Pointer:
    """The left button in the views.

    Parameters
    ----------
    drawn
        Called with a stroke when it ends.
    pressed
        Called when the button is pressed in a view, whatever comes of it.

    Attributes
    ----------
    tool
        :data:`~..drawing.DISC`, :data:`~..drawing.OUTLINE`, :data:`ERASE` or None.
    locked
        Names of views in which the left button alone does nothing: maps, whose window is the protocol's.
    """

    def __init__(self, drawn: Callable[[Stroke], Any], pressed: Callable[[], Any]) -> None:
        self.tool: str | None = None
        self.locked: frozenset[str] = frozenset()
        self._drawn, self._pressed = drawn, pressed
        self._tags: list[tuple[Any, int]] = []
        self._stroke: list[tuple[int, int]] = []
        self._pane: Pane | None = None
        self._line: _Rubber | None = None

    def watch(self, panes: Mapping[str, Pane]) -> None:
        """Listen to these views, and to no others."""
        self.release()
        for pane in panes.values():
            for event, does in (
                ("LeftButtonPressEvent", self._press),
                ("LeftButtonDoubleClickEvent", self._press_again),
                ("MouseMoveEvent", self._move),
                ("LeftButtonReleaseEvent", self._release),
            ):
                self._listen(pane, event, does)

    def release(self) -> None:
        """Listen to no view; a stroke that has begun is forgotten."""
        self.cancel()
        for interactor, tag in self._tags:
            interactor.RemoveObserver(tag)
        self._tags.clear()

    def cancel(self) -> None:
        """Forget the stroke that has begun."""
        if self._line is not None:
            self._line.remove()
        self._stroke, self._pane, self._line = [], None, None

    def _listen(self, pane: Pane, event: str, does: Callable[[Pane], bool]) -> None:
        def heard(*_: Any) -> None:
            command = interactor.GetCommand(tag)
            if does(pane):
                command.SetAbortFlag(1)

        interactor = pane.interactor
        tag = interactor.AddObserver(event, heard, _FIRST)
        self._tags.append((interactor, tag))

    def _press(self, pane: Pane) -> bool:
        self._pressed()
        if self._held(pane):
            return False
        if self.tool is None:
            return pane.name in self.locked
        self.cancel()
        self._pane = pane
        self._stroke = [tuple(pane.interactor.GetEventPosition())]
        if self.tool != DISC:
            self._line = _Rubber(pane)
        return True

    def _press_again(self, pane: Pane) -> bool:
        """The second press of a double click: with a tool it begins a stroke, else Slicer makes the view large."""
        return self.tool is not None and self._press(pane)

    def _move(self, pane: Pane) -> bool:
        if self._pane is not pane or self._line is None:
            return False
        self._stroke.append(tuple(pane.interactor.GetEventPosition()))
        self._line.draw(self._stroke)
        return True

    def _release(self, pane: Pane) -> bool:
        if self._pane is not pane:
            return False
        stroke = self._stroke if self.tool != DISC else self._stroke[:1]
        self.cancel()
        if np.ptp(np.array(stroke), axis=0).max() < _LEAST:
            stroke = stroke[:1]
        if len(stroke) > 1 or self.tool != OUTLINE:
            self._drawn(Stroke(pane.name, _points(pane, stroke)))
        return True

    @staticmethod
    def _held(pane: Pane) -> bool:
        """Whether a key is held that gives the button another meaning (Slicer pans with Shift)."""
        return bool(pane.interactor.GetShiftKey() or pane.interactor.GetControlKey() or pane.interactor.GetAltKey())


class _Rubber:
    """The line while it is drawn."""

    def __init__(self, pane: Pane) -> None:
        self._pane = pane
        self._data = vtk.vtkPolyData()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._data)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetColor(*_COLOUR)
        self._actor.GetProperty().SetLineWidth(1.5 * pane.scale)
        pane.renderer.AddViewProp(self._actor)

    def draw(self, stroke: list[tuple[int, int]]) -> None:
        """Show it as far as it is drawn, closed."""
        points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
        lines.InsertNextCell(len(stroke) + 1)
        for x, y in stroke:
            lines.InsertCellPoint(points.InsertNextPoint(x, y, 0.0))
        lines.InsertCellPoint(0)
        self._data.SetPoints(points)
        self._data.SetLines(lines)
        self._pane.render()

    def remove(self) -> None:
        """Take it out of the view."""
        self._pane.renderer.RemoveViewProp(self._actor)
        self._pane.render()


def _points(pane: Pane, stroke: list[tuple[int, int]]) -> np.ndarray:
    matrix = pane.slice_node.GetXYToRAS()
    points = [matrix.MultiplyPoint((float(x), float(y), 0.0, 1.0))[:3] for x, y in stroke]
    lps: np.ndarray = np.array(points) * LPS
    return lps
