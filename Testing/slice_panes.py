"""Slice views without Slicer's window: real slice nodes, logics and links in a real scene, drawn only when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import slicer
import vtk

_MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
)


def a_slicer_scene() -> Any:
    """A scene with what Slicer's application puts into it: crosshair, orientations, colours, segmentation rules."""
    scene = slicer.vtkMRMLScene()
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.SetSliceLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
    segmentations.SetMRMLApplicationLogic(logic)
    segmentations.SetMRMLScene(scene)
    colours = slicer.vtkSlicerColorLogic()
    colours.SetMRMLApplicationLogic(logic)
    colours.SetMRMLScene(scene)
    links = slicer.vtkMRMLSliceLinkLogic()
    links.SetMRMLApplicationLogic(logic)
    links.SetMRMLScene(scene)
    scene.kept = (logic, segmentations, colours, links)  # they end with the scene, not before
    return scene


def click(pane: Any, ras: Sequence[float]) -> None:
    """Press and release the left button at a point (RAS) of a view, headless or Slicer's."""
    pane.interactor.SetEventInformation(*pixel(pane, ras))
    pane.interactor.InvokeEvent("LeftButtonPressEvent")
    pane.interactor.InvokeEvent("LeftButtonReleaseEvent")


def pixel(pane: Any, ras: Sequence[float]) -> tuple[int, int]:
    """The pixel of a view at a point (RAS)."""
    inverse = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(pane.slice_node.GetXYToRAS(), inverse)
    x, y = inverse.MultiplyPoint((*ras, 1.0))[:2]
    return round(x), round(y)


class HeadlessPane:
    """One slice view; ``draws`` counts the requests to draw it."""

    def __init__(self, scene: Any, name: str, size: tuple[int, int], window: bool) -> None:
        self.name, self.draws, self.scale = name, 0, 1.0
        application = scene.kept[0]
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(scene)
        self.slice_node = self.logic.AddSliceNode(name)
        self.composite_node = self.logic.GetSliceCompositeNode()
        self.logic.ResizeSliceNode(*size)
        self.size = size
        self.renderer = vtk.vtkRenderer()
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        if window:
            self._set_up_window(scene)

    def render(self) -> None:
        self.draws += 1

    def aim(self, on: bool) -> None:
        self.aimed = on

    def picture(self, path: Path) -> None:
        """Draw it into a PNG file, with segmentations, crosshair and colour bars as Slicer draws them."""
        self._image.SetInputConnection(self.logic.GetImageDataConnection())
        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        writer = vtk.vtkPNGWriter()
        writer.SetInputConnection(grab.GetOutputPort())
        writer.SetFileName(str(path))
        writer.Write()

    def _set_up_window(self, scene: Any) -> None:
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetSize(*self.size)
        self._window.AddRenderer(self.renderer)
        self.interactor.SetRenderWindow(self._window)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(scene.kept[0])
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.SetRenderer(self.renderer)
        group.Initialize(factory, self.renderer)
        group.SetMRMLDisplayableNode(self.slice_node)
        self._kept = group
        self._image = vtk.vtkImageMapper()
        self._image.SetColorWindow(255)
        self._image.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self._image)
        actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(actor)


class HeadlessPanes:
    """The slice views of an application without a window; as Slicer's, views that were made once stay in the scene.

    Attributes
    ----------
    rows
        What is on the screen.
    windows
        Whether the views can be drawn (needs OpenGL).
    """

    def __init__(self, scene: Any, size: tuple[int, int] = (320, 300), windows: bool = False) -> None:
        self.scene, self._size, self.windows = scene, size, windows
        self.rows: list[list[str]] = []
        self._panes: dict[str, HeadlessPane] = {}
        self.arrange([["Red"]])

    def arrange(self, rows: Sequence[Sequence[str]]) -> None:
        self.rows = [list(row) for row in rows]
        for name in chain(*self.rows):
            if name not in self._panes:
                self._panes[name] = HeadlessPane(self.scene, name, self._size, self.windows)

    def when_sized(self, call: Callable[[], Any]) -> None:
        call()

    def visible(self) -> list[Any]:
        return [self._panes[name] for name in chain(*self.rows)]

    def state(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.arrange(state["rows"])

    def pictures(self, folder: Path) -> list[list[Path]]:
        """Draw every view; the files, row by row."""
        files = [[folder / f"{name}.png" for name in row] for row in self.rows]
        for name, path in zip(chain(*self.rows), chain(*files), strict=True):
            self._panes[name].picture(path)
        return files
