"""Comparing in the panel: every control, the keys, and what happens in the wrong order."""

from __future__ import annotations

from typing import Any

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import qt
import slicer
from section_case import SectionCase
from SynthPerfLib.desktop import nodes
from SynthPerfLib.desktop.compare_section import CompareSection
from SynthPerfLib.desktop.measure_section import MeasureSection


class CompareTest(SectionCase):
    def setUp(self) -> None:
        super().setUp()
        self.section = CompareSection(self.parent, self.workspace, self.panes)
        self.section.enter()
        self.ui, self.views = self.section.ui, self.section.compare.views

    def tearDown(self) -> None:
        self.section.cleanup()
        self.workspace.cleanup()
        host.clear(self.scene)

    def titles(self) -> list[str]:
        """What is written above the views that are on the screen."""
        return [texts.get("title", "") for texts in self.views.texts()]

    def press(self, key: str) -> None:
        """Press a key, if it is in force."""
        for shortcut in (found for name, found in self.section._keys._shortcuts if name == key and found.enabled):
            shortcut.activated.emit() if hasattr(shortcut.activated, "emit") else shortcut.activated()

    def choose(self, box: Any, text: str) -> None:
        """Choose an entry as a user does."""
        index = box.findText(text)
        assert index >= 0, f"{text} is not offered"
        box.setCurrentIndex(index)
        box.activated.emit(index) if hasattr(box.activated, "emit") else box.activated(index)

    def test_without_images_the_button_says_why(self) -> None:
        assert not self.ui.compareButton.enabled
        assert "choose the images" in self.ui.compareReason.text
        self.fill()
        assert self.ui.compareButton.enabled
        assert self.ui.compareReason.text == ""

    def test_one_click_shows_anatomy_over_maps_and_one_goes_back(self) -> None:
        self.fill()
        before = self.panes.state()
        self.ui.compareButton.click()
        due = ["Post-contrast T1", "FLAIR", "ADC", "ASL", "Synthetic CBV", "Real CBV"]
        assert self.titles() == due
        assert self.ui.compareButton.text == "Back to your own views"
        self.ui.compareButton.click()
        assert self.panes.state() == before
        assert self.ui.compareButton.text == "Compare side by side"
        assert self.said == []

    def test_only_what_is_there_is_shown(self) -> None:
        self.fill()
        for name in ("FLAIR", "ADC", "T1C", "T1", "CBV"):
            setattr(self.workspace.parameters, name, None)
        self.ui.compareButton.click()
        assert self.titles() == ["ASL", "Synthetic CBV"]
        self.workspace.parameters.map = None
        assert self.titles() == ["ASL"]
        self.workspace.parameters.ASL = None
        assert not self.views.active
        assert not self.ui.compareButton.enabled

    def test_range_of_a_unit(self) -> None:
        self.fill()
        self.ui.compareButton.click()
        self.choose(self.ui.unitBox, "mL/100 g")
        assert (self.ui.lowBox.value, self.ui.highBox.value) == (0.0, 10.0)
        self.ui.highBox.value = 6.0
        for node in (self.workspace.map, self.workspace.parameters.CBV):
            assert abs(node.GetDisplayNode().GetWindowLevelMax() - (6.0)) < 1e-6
        assert abs(self.workspace.parameters.ASL.GetDisplayNode().GetWindowLevelMax() - (100.0)) < 1e-6
        self.ui.lowBox.value = 7.0
        assert "lower to a higher" in self.said[-1]
        assert self.ui.lowBox.value == 0.0
        self.ui.rangeResetButton.click()
        assert self.ui.highBox.value == 10.0

    def test_colours_overlay_and_slices(self) -> None:
        self.fill()
        self.ui.compareButton.click()
        self.choose(self.ui.coloursBox, "Grey")
        assert self.workspace.map.GetDisplayNode().GetColorNode().GetName() == "SynthPerf grey"
        assert not self.ui.opacitySlider.enabled
        self.choose(self.ui.overBox, "Synthetic CBV")
        assert self.titles()[0] == "Post-contrast T1\n+ Synthetic CBV"
        self.ui.opacitySlider.value = 70
        assert self.ui.opacityLabel.text == "70 %"
        assert abs(self.panes.visible()[0].composite_node.GetForegroundOpacity() - (0.7)) < 1e-6
        self.choose(self.ui.planeBox, "Patient's axial plane")
        assert self.section.compare.look.plane == ""

    def test_a_map_over_the_anatomy_is_seen_in_linked_views(self) -> None:
        self.fill()
        self.ui.compareButton.click()
        if not host.IN_SLICER:
            follow_opacities(self.panes.visible())
        self.choose(self.ui.overBox, "Synthetic CBV")
        self.ui.opacitySlider.value = 70
        composites = [pane.composite_node for pane in self.panes.visible()]
        assert np.allclose([node.GetForegroundOpacity() for node in composites], [0.7] * 3 + [0.0] * 3)
        self.press("F")
        self.press("F")
        assert np.allclose([node.GetForegroundOpacity() for node in composites], [0.7] * 3 + [0.0] * 3)
        assert all(node.GetLinkedControl() for node in composites)

    def test_it_fits_a_small_screen_and_no_value_is_cut_off(self) -> None:
        self.fill()
        self.choose(self.ui.moreBox, "Difference of two maps")
        self.ui.compareButton.click()
        assert self.section.widget.layout().minimumSize().width() <= 360
        table = self.ui.valuesTable
        table.setFixedWidth(220)
        self.parent.show()
        self.addCleanup(self.parent.hide)
        self.choose(self.ui.moreBox, "Nothing")
        self.choose(self.ui.moreBox, "Difference of two maps")
        host.let_work()
        header = table.horizontalHeader()
        assert header.sectionSize(0) + header.sectionSize(1) == 220 - 2 * table.frameWidth
        self.views.pointed.emit((10.0, -5.0, 3.0))
        host.let_work()
        assert header.sectionSize(1) >= table.sizeHintForColumn(1)
        assert header.sectionSize(0) + header.sectionSize(1) == 220 - 2 * table.frameWidth

    def test_the_unit_of_a_mean_stands_beside_it_whole(self) -> None:
        self.fill()
        measure = MeasureSection(self.parent, self.workspace, self.views)
        measure.measure.draw_disc((-40.0, -5.0, 3.0), self.workspace.map, "lesion")
        table = measure.ui.measuresTable
        table.setFixedWidth(340)
        self.parent.show()
        self.addCleanup(self.parent.hide)
        measure.refresh()
        host.let_work()
        header = table.horizontalHeader()
        seen = [header.logicalIndex(place) for place in range(4)]
        assert [table.horizontalHeaderItem(column).text() for column in seen] == ["Region", "Map", "Mean", "Unit"]
        assert all(header.sectionSize(n) >= table.sizeHintForColumn(n) for n in range(table.columnCount))
        measure.cleanup()

    def test_one_more_view(self) -> None:
        self.fill()
        self.ui.compareButton.click()
        self.choose(self.ui.moreBox, "Difference of two maps")
        assert self.titles()[-1] == "Synthetic CBV\n\N{MINUS SIGN} Real CBV"
        self.choose(self.ui.firstBox, "ASL")
        assert "different units" in self.ui.moreReason.text
        assert len(self.titles()) == 6
        self.choose(self.ui.moreBox, "Checkerboard of two images")
        self.choose(self.ui.secondBox, "Post-contrast T1")
        assert self.titles()[-1] == "ASL\n+ Post-contrast T1"
        self.choose(self.ui.moreBox, "Change by the inputs left out")
        assert "leave one out" in self.ui.moreReason.text
        self.choose(self.ui.moreBox, "Nothing")
        assert self.ui.moreReason.text == ""
        assert len(self.titles()) == 6

    def test_keys_work_while_comparing_and_leave_fields_alone(self) -> None:
        self.fill()
        assert self.section._keys.on() == ()
        self.ui.compareButton.click()
        assert "F" in self.section._keys.on()
        assert "Space" in self.section._keys.on()
        self.section._keys._focus(None, self.ui.lowBox)  # a number is typed
        assert self.section._keys.on() == ()
        self.section._keys._focus(None, self.ui.compareButton)  # Space presses a button, F does not
        assert "F" in self.section._keys.on()
        assert "Space" not in self.section._keys.on()
        self.section._keys._focus(None, None)
        self.press("F")
        assert self.titles()[3:] == ["Post-contrast T1"] * 3
        assert self.ui.flickerButton.checked
        self.press("F")
        start = self.panes.visible()[0].slice_node.GetSliceOffset()
        self.press("Up")
        self.press("PgDown")
        assert abs(self.panes.visible()[3].slice_node.GetSliceOffset() - (start - 24.0)) < 1e-6
        self.press("O")
        assert self.titles()[0] == "Post-contrast T1\n+ Synthetic CBV"
        self.press("Shift+O")
        assert self.ui.opacityLabel.text == "50 %"
        self.press("O")
        assert self.titles()[0] == "Post-contrast T1"
        self.section.exit()
        assert self.section._keys.on() == ()

    def test_values_under_the_mouse(self) -> None:
        self.fill()
        self.ui.compareButton.click()
        node = self.workspace.map
        offset = self.panes.visible()[0].slice_node.GetSliceOffset()
        cross = self.scene.GetSingletonNode("default", "vtkMRMLCrosshairNode")
        cross.SetCursorPositionRAS([10.0, -5.0, offset])
        table = self.ui.valuesTable
        shown = {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount)}
        matrix = np.linalg.inv(nodes.ijk_to_ras(node))
        i, j, k = np.round(matrix @ [10.0, -5.0, offset, 1.0]).astype(int)[:3]
        assert shown["Synthetic CBV"] == f"{slicer.util.arrayFromVolume(node)[k, j, i]:.2f} mL/100 g"
        assert len(shown) == 6

    def test_a_bent_image_is_said_and_the_own_views_come_back(self) -> None:
        self.fill()
        before = self.panes.state()
        bent = self.scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
        self.workspace.parameters.T1.SetAndObserveTransformNodeID(bent.GetID())
        self.ui.compareButton.click()
        assert "bent by a transform" in self.said[-1]
        assert self.panes.state() == before
        assert not self.ui.compareButton.checked

    def test_the_scene_is_closed_while_comparing(self) -> None:
        self.fill()
        before = self.panes.state()
        self.ui.compareButton.click()
        self.section.suspend()
        assert self.panes.state() == before
        self.scene.Clear(False)
        self.workspace.restore()
        self.section.restore()
        assert not self.ui.compareButton.enabled
        assert not self.views.active

    def test_every_control_explains_itself(self) -> None:
        for kind in (
            "QPushButton",
            "QToolButton",
            "QComboBox",
            "QCheckBox",
            "QDoubleSpinBox",
            "QSlider",
            "QTableWidget",
        ):
            for widget in self.section.widget.findChildren(getattr(qt, kind)):
                if widget.name and not widget.name.startswith("qt_"):
                    assert widget.toolTip, widget.name


def follow_opacities(panes: list[Any]) -> None:
    """What the bar above each of Slicer's views does: it hands an opacity that changed on to the linked views."""

    def follow(pane: Any) -> None:
        node, last = pane.composite_node, [pane.composite_node.GetForegroundOpacity()]

        def changed(*_: Any) -> None:
            if node.GetForegroundOpacity() != last[0]:
                last[0] = node.GetForegroundOpacity()
                pane.logic.StartSliceCompositeNodeInteraction(node.ForegroundOpacityFlag)
                pane.logic.EndSliceCompositeNodeInteraction()

        node.AddObserver("ModifiedEvent", changed)

    for pane in panes:
        follow(pane)
