"""Where somebody reads: the parts of the application that a session needs. In Slicer these are Slicer's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import qt
import slicer
from SynthPerfLib.desktop.panes import Panes
from SynthPerfLib.desktop.slicer_panes import application_panes

from ..view import Monitor


@dataclass(frozen=True)
class Place:
    """The application.

    Attributes
    ----------
    window
        Its main window (QMainWindow).
    panes
        Its slice views.
    bars
        Gives the bars above its views, which show names of nodes.
    canvases
        Gives what its views draw on, which would take keys for Slicer's own ends.
    interaction
        vtkMRMLInteractionNode; None where there is none.
    """

    window: Any
    panes: Panes
    bars: Callable[[], Iterable[Any]]
    canvases: Callable[[], Iterable[Any]]
    interaction: Any | None

    @property
    def scene(self) -> Any:
        """The MRML scene."""
        return self.panes.scene


def place_in_slicer() -> Place:
    """Slicer as it runs."""
    manager = slicer.app.layoutManager()

    def bars() -> Iterable[Any]:
        yield from (manager.sliceWidget(name).sliceController() for name in manager.sliceViewNames())
        yield from (manager.threeDWidget(n).threeDController() for n in range(manager.threeDViewCount))

    def canvases() -> Iterable[Any]:
        for name in manager.sliceViewNames():
            yield from manager.sliceWidget(name).sliceView().findChildren(qt.QWidget)

    interaction = slicer.app.applicationLogic().GetInteractionNode()
    return Place(slicer.util.mainWindow(), application_panes(), bars, canvases, interaction)


def monitors(window: Any) -> tuple[Monitor, ...]:
    """Every screen, in its own pixels; the one with the window first."""
    handle = window.windowHandle() if window is not None else None
    here = handle.screen() if handle is not None else None
    screens = sorted(qt.QGuiApplication.screens(), key=lambda screen: screen != here)
    found = []
    for screen in screens:
        scale, size = float(screen.property("devicePixelRatio")), screen.property("size")
        found.append(Monitor(round(size.width() * scale), round(size.height() * scale), scale))
    return tuple(found)


def in_the_way(scene: Any) -> list[Any]:
    """What is in the scene that a reader could see or find: images, segmentations, markups and the like."""
    nodes = scene.GetNodesByClass("vtkMRMLDisplayableNode")
    return [node for node in nodes if not node.GetHideFromEditors() and not node.GetSingletonTag()]
