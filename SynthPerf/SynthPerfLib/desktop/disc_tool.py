"""One click in a slice view, wherever the views are arranged."""

from __future__ import annotations

from typing import Any

from .panes import Pane, Panes
from .signal import Signal

_BEFORE_SLICER = 10.0  # priority: the click is for the tool alone


class DiscTool:
    """Waits for one click.

    Attributes
    ----------
    clicked
        Emitted with the point (RAS, mm) and the ID of the volume that the view shows there; the tool is off then.
    changed
        Emitted with whether the tool is on.
    """

    def __init__(self, panes: Panes) -> None:
        self._panes = panes
        self.clicked, self.changed = Signal(), Signal()
        self._waiting: list[tuple[Pane, int]] = []

    @property
    def on(self) -> bool:
        """Whether a click is waited for."""
        return bool(self._waiting)

    def switch(self, on: bool) -> None:
        """Wait for a click in the views that are on the screen, or no longer."""
        was = self.on
        for pane, tag in self._waiting:
            pane.interactor.RemoveObserver(tag)
            pane.aim(False)
        self._waiting = []
        for pane in self._panes.visible() if on else ():
            call = self._listener(pane)
            tag = pane.interactor.AddObserver("LeftButtonPressEvent", call, _BEFORE_SLICER)
            self._waiting.append((pane, tag))
            pane.aim(True)
        if was != self.on:
            self.changed.emit(self.on)

    def _listener(self, pane: Pane) -> Any:
        def press(interactor: Any, _: str) -> None:
            tag = next(tag for other, tag in self._waiting if other is pane)
            interactor.GetCommand(tag).SetAbortFlag(True)
            x, y = interactor.GetEventPosition()
            ras = pane.slice_node.GetXYToRAS().MultiplyPoint((x, y, 0.0, 1.0))[:3]
            volume = pane.composite_node.GetBackgroundVolumeID()
            self.switch(False)
            self.clicked.emit(ras, volume)

        return press
