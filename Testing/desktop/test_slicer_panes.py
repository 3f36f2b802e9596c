"""Slicer's layout as the views use it: a real layout node and logic, with stand-ins for the widgets alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import host  # noqa: F401  (first: it finds Qt, or puts the stand-ins in place)
import pytest
import slicer
from slice_panes import HeadlessPane, a_slicer_scene
from SynthPerfLib.desktop.panes import layout_number, layout_xml
from SynthPerfLib.desktop.slicer_panes import SlicerPanes, register_layouts

FOUR_UP = 3
ROWS = [["SynthPerf-1-1", "SynthPerf-1-2"], ["SynthPerf-2-1", "SynthPerf-2-2"]]


class Corner:
    """The corner texts of a view."""

    def __init__(self) -> None:
        self.texts = ["", "patient", "", ""]

    def SetText(self, place: int, text: str) -> None:
        self.texts[place] = text


class Bar:
    """The controls above a view."""

    def __init__(self) -> None:
        self.hidden = False

    def isHidden(self) -> bool:
        return self.hidden

    def setVisible(self, visible: bool) -> None:
        self.hidden = not visible


class Manager:
    """A layout manager whose widgets follow the layout node."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.logic = slicer.vtkMRMLLayoutLogic()
        self.logic.SetMRMLScene(scene)
        self.corners: dict[str, Corner] = {}
        self.panes: dict[str, HeadlessPane] = {}
        self.bars: dict[str, Bar] = {}

    def layoutLogic(self) -> Any:
        return self.logic

    def sliceViewNames(self) -> tuple[str, ...]:
        nodes = (
            self.logic.GetViewNodes().GetItemAsObject(n) for n in range(self.logic.GetViewNodes().GetNumberOfItems())
        )
        names = {node.GetLayoutName() for node in nodes if node.IsA("vtkMRMLSliceNode")}
        return tuple(sorted(names | set(self.corners), reverse=True))  # Slicer promises no order

    def sliceWidget(self, name: str) -> Any:
        if name not in self.panes:
            self.panes[name] = HeadlessPane(self.scene, name, (300, 280), False)
        pane = self.panes[name]
        shown = name in (self.logic.GetLayoutNode().GetCurrentLayoutDescription() or "")
        window = SimpleNamespace(GetRenderers=lambda: SimpleNamespace(GetFirstRenderer=lambda: pane.renderer))
        corner = self.corners.setdefault(name, Corner())
        view = SimpleNamespace(
            renderWindow=lambda: window, interactor=lambda: pane.interactor, cornerAnnotation=lambda: corner
        )
        bar = self.bars.setdefault(name, Bar())
        return SimpleNamespace(
            sliceView=lambda: view,
            sliceLogic=lambda: pane.logic,
            sliceController=lambda: bar,
            visible=shown,
            devicePixelRatioF=lambda: 2.0,
        )


class Annotations:
    """Slicer's corner texts: told to update themselves while off, they end their observations for good."""

    def __init__(self, enabled: int) -> None:
        self.sliceViewAnnotationsEnabled = enabled
        self.updates: list[int] = []

    def updateSliceViewFromGUI(self) -> None:
        self.updates.append(self.sliceViewAnnotationsEnabled)


@pytest.fixture
def manager() -> Any:
    scene = a_slicer_scene()
    made = Manager(scene)
    made.logic.GetLayoutNode().SetViewArrangement(FOUR_UP)
    yield made
    made.logic.SetMRMLScene(None)
    scene.Clear(True)


def test_views_are_arranged_in_their_order_and_the_users_layout_comes_back(manager: Any) -> None:
    panes = SlicerPanes(manager)
    assert {pane.name for pane in panes.visible()} == {"Red", "Green", "Yellow"}
    node = manager.logic.GetLayoutNode()
    large = manager.scene.GetSingletonNode("Green", "vtkMRMLSliceNode")
    node.AddMaximizedViewNode(large)
    before = panes.state()
    panes.arrange(ROWS)
    assert node.GetNumberOfMaximizedViewNodes() == 0
    assert [pane.name for pane in panes.visible()] == [*ROWS[0], *ROWS[1]]
    assert panes.visible()[0].scale == 2.0
    panes.arrange(ROWS[:1])
    assert [pane.name for pane in panes.visible()] == ROWS[0]
    panes.restore(before)
    assert node.GetViewArrangement() == FOUR_UP
    assert node.GetMaximizedViewNode(0) is large
    assert panes.state() == before


@pytest.mark.parametrize("enabled", [0, 1])
def test_slicers_own_corner_texts_give_way_and_come_back(manager: Any, enabled: int) -> None:
    annotations = Annotations(enabled)
    panes = SlicerPanes(manager, annotations)
    before = panes.state()
    panes.arrange(ROWS)
    assert annotations.sliceViewAnnotationsEnabled == 0
    if enabled:
        assert all(corner.texts == [""] * 4 for corner in manager.corners.values())
    panes.restore(before)
    assert annotations.sliceViewAnnotationsEnabled == enabled
    assert annotations.updates == [1] * enabled


def test_the_bars_above_the_views_give_way_and_come_back(manager: Any) -> None:
    panes = SlicerPanes(manager)
    before = panes.state()
    manager.sliceWidget("SynthPerf-1-2").sliceController().setVisible(False)  # hidden by someone else
    for rows in (ROWS, ROWS[:1]):
        panes.arrange(rows)
        assert {name for name, bar in manager.bars.items() if bar.hidden} == {*ROWS[0], *ROWS[1]}
    panes.restore(before)
    assert {name for name, bar in manager.bars.items() if bar.hidden} == {"SynthPerf-1-2"}


def test_views_are_numbered_as_they_stand_now(manager: Any) -> None:
    panes = SlicerPanes(manager)
    for columns in (2, 3, 2):
        panes.arrange([[f"SynthPerf-{row}-{column}" for column in range(1, columns + 1)] for row in (1, 2)])
        labels = [pane.slice_node.GetLayoutLabel() for pane in panes.visible()]
        assert labels == [str(number) for number in range(1, 2 * columns + 1)]


def test_layouts_are_known_before_the_panel_is_opened(manager: Any) -> None:
    node = manager.logic.GetLayoutNode()
    number = layout_number(layout_xml(ROWS))
    assert not node.IsLayoutDescription(number)
    for _ in range(2):  # as after a reload
        register_layouts(node, "SynthPerf")
        assert node.IsLayoutDescription(number)
    SlicerPanes(manager).arrange(ROWS)
    assert node.GetViewArrangement() == number
