"""The slice views of Slicer's main window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
import slicer

from .panes import Pane, layout_number, layout_xml


def register_layouts(layout_node: Any, name: str, columns: int = 5) -> None:
    """Make the layouts of one and of two rows known to Slicer: a scene that was saved in one of them then opens in it
    before the panel is opened. (A layout that Slicer does not know leaves it without views.)"""
    for wide in range(1, columns + 1):
        for rows in (1, 2):
            xml = layout_xml(
                [[f"{name}-{row}-{column}" for column in range(1, wide + 1)] for row in range(1, rows + 1)]
            )
            layout_node.AddLayoutDescription(layout_number(xml), xml)


class SlicerPane:
    """A slice view of Slicer."""

    def __init__(self, widget: Any) -> None:
        view = widget.sliceView()
        self._view = view
        self.name = widget.sliceLogic().GetSliceNode().GetLayoutName()
        self.slice_node = widget.sliceLogic().GetSliceNode()
        self.composite_node = widget.sliceLogic().GetSliceCompositeNode()
        self.renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
        self.interactor = view.interactor()
        self.scale = widget.devicePixelRatioF()

    def render(self) -> None:
        self._view.scheduleRender()

    def aim(self, on: bool) -> None:
        if on:
            self._view.setViewCursor(qt.QCursor(qt.Qt.CrossCursor))
        else:
            self._view.unsetViewCursor()


class SlicerPanes:
    """The slice views of Slicer's main window.

    Parameters
    ----------
    layout_manager
        ``slicer.app.layoutManager()``.
    annotations
        Slicer's own corner texts, ``slicer.modules.DataProbeInstance.infoWidget.sliceAnnotations``; off while the views
        are arranged here, because they show names of nodes and stand where our texts stand.
    """

    def __init__(self, layout_manager: Any, annotations: Any | None = None) -> None:
        self._manager = layout_manager
        self._node = layout_manager.layoutLogic().GetLayoutNode()
        self._annotations = annotations
        self._names: list[str] = []
        self._barless: set[str] = set()
        self.scene = self._node.GetScene()

    def arrange(self, rows: Sequence[Sequence[str]]) -> None:
        xml = layout_xml(rows)
        number = layout_number(xml)
        if not self._node.IsLayoutDescription(number):
            self._node.AddLayoutDescription(number, xml)
        self._node.RemoveAllMaximizedViewNodes()
        self._node.SetViewArrangement(number)
        self._names = [name for row in rows for name in row]
        self._show_annotations(False)
        for number, pane in enumerate(self.visible(), 1):
            # The layout labels only views that are new: those that were there keep the label of an earlier layout.
            pane.slice_node.SetLayoutLabel(str(number))
            # A bar needs more width than a view has in a small window, and says again what our texts say.
            bar = self._bar(pane.name)
            if bar is not None and not bar.isHidden():
                bar.setVisible(False)
                self._barless.add(pane.name)

    def when_sized(self, call: Callable[[], Any]) -> None:
        qt.QTimer.singleShot(0, call)

    def visible(self) -> list[Pane]:
        # Of what was arranged here the order is known, and one view that is made large hides none of them.
        names = self._names or [n for n in self._manager.sliceViewNames() if self._manager.sliceWidget(n).visible]
        widgets = (self._manager.sliceWidget(name) for name in names)
        return [SlicerPane(widget) for widget in widgets if widget is not None]

    def state(self) -> dict[str, Any]:
        maximized = [self._node.GetMaximizedViewNode(n) for n in range(self._node.GetNumberOfMaximizedViewNodes())]
        return {
            "layout": self._node.GetViewArrangement(),
            "maximized": [view.GetID() for view in maximized],
            "annotations": bool(self._annotations and self._annotations.sliceViewAnnotationsEnabled),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._names = []
        self._node.RemoveAllMaximizedViewNodes()
        self._node.SetViewArrangement(int(state["layout"]))
        for name in state["maximized"]:
            self._node.AddMaximizedViewNode(self.scene.GetNodeByID(name))
        self._show_annotations(bool(state["annotations"]))
        for bar in map(self._bar, self._barless):
            if bar is not None:
                bar.setVisible(True)
        self._barless.clear()

    def _bar(self, name: str) -> Any | None:
        """The controls above a view; None if the view went with its scene."""
        widget = self._manager.sliceWidget(name)
        return None if widget is None else widget.sliceController()

    def _show_annotations(self, on: bool) -> None:
        if self._annotations is None or bool(self._annotations.sliceViewAnnotationsEnabled) == on:
            return
        # Only the switch is turned: telling the annotations to update themselves while it is off would end their
        # observations for good.
        self._annotations.sliceViewAnnotationsEnabled = int(on)
        if on:
            self._annotations.updateSliceViewFromGUI()
            return
        for name in self._manager.sliceViewNames():
            corner = self._manager.sliceWidget(name).sliceView().cornerAnnotation()
            for place in range(4):
                corner.SetText(place, "")


def application_panes() -> SlicerPanes:
    """The slice views of the running Slicer."""
    probe = getattr(slicer.modules, "DataProbeInstance", None)
    annotations = probe.infoWidget.sliceAnnotations if probe is not None else None
    return SlicerPanes(slicer.app.layoutManager(), annotations)
