"""Measuring in the panel: draw by one click, let white matter be suggested, read, copy, save, remove."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

import host
import numpy as np
import qt
import SimpleITK as sitk
from section_case import SIZE, SectionCase, an_image
from slice_panes import click, pixel
from SynthPerfLib.desktop import nodes
from SynthPerfLib.desktop.measure_section import MeasureSection
from SynthPerfLib.desktop.views import Views
from SynthPerfLib.rois import Grid, disc

LEFT = np.array([-40.0, -5.0, 3.0])  # RAS: the patient's left has a negative x


class MeasureTest(SectionCase):
    def setUp(self) -> None:
        super().setUp()
        self.views = Views(self.panes, "SynthPerf")
        self.section = MeasureSection(self.parent, self.workspace, self.views)
        self.section.enter()
        self.ui = self.section.ui

    def tearDown(self) -> None:
        self.section.cleanup()
        self.workspace.cleanup()
        host.clear(self.scene)

    def show(self, node: Any) -> Any:
        """Show an image in the user's own view; gives that view."""
        pane = self.panes.visible()[0]
        pane.composite_node.SetBackgroundVolumeID(node.GetID())
        pane.slice_node.SetOrientation("Axial")
        pane.slice_node.SetFieldOfView(200.0, 190.0, 1.0)
        pane.slice_node.SetSliceOffset(LEFT[2])
        return pane

    def draw(self, kind: str, place: np.ndarray) -> None:
        """Choose a kind, press the button, click."""
        self.ui.kindBox.setCurrentIndex(self.ui.kindBox.findText(kind))
        self.ui.discButton.click()
        click(self.panes.visible()[0], place)
        self.settle()

    def settle(self) -> None:
        """Let the table follow."""
        qt.QCoreApplication.processEvents()

    def cells(self, table: Any) -> list[list[str]]:
        return [
            [table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)
        ]

    def test_what_cannot_be_done_yet_says_why(self) -> None:
        for button, why in (
            (self.ui.discButton, "images"),
            (self.ui.suggestButton, "tumour"),
            (self.ui.adoptButton, "segmentation"),
            (self.ui.removeButton, "list"),
            (self.ui.copyButton, "nothing measured"),
            (self.ui.saveButton, "nothing measured"),
        ):
            assert not button.enabled, button.name
            assert why in button.toolTip
        self.fill()
        self.settle()
        assert self.ui.discButton.enabled
        assert "Key D" in self.ui.discButton.toolTip

    def test_tumour_against_white_matter_by_two_clicks(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        self.draw("White matter", LEFT * [-1, 1, 1])
        assert [row[:3] for row in self.cells(self.ui.regionsTable)] == [
            ["Tumour 1", "Tumour", "Synthetic CBV"],
            ["White matter 1", "White matter", "Synthetic CBV"],
        ]
        image = nodes.to_image(self.workspace.map)
        tumour, white = (disc("", image, (-x, -y, z)) for x, y, z in (LEFT, LEFT * [-1, 1, 1]))
        ratio = tumour.values(image).mean() / white.values(image).mean()
        rows = {(row[0], row[1]): row for row in self.cells(self.ui.measuresTable)}
        assert len(rows) == 6
        assert rows["Tumour 1", "Synthetic CBV"][2] == f"{tumour.values(image).mean():.2f}"
        assert rows["Tumour 1", "Synthetic CBV"][3] == f"{ratio:.2f}"
        assert rows["White matter 1", "ASL"][3] == ""
        assert f"Synthetic CBV {ratio:.2f}" in self.ui.ratiosLabel.text

    def test_regions_are_named_in_the_views_that_cut_them(self) -> None:
        self.fill()
        self.settle()
        pane = self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        assert self.section.labels.seen() == [(pane.name, "Tumour 1")]
        label = self.section.labels._labels[0][2]
        x, y = pixel(pane, LEFT)
        assert np.abs(np.array(label.GetPosition()) - (x + 10, y)).max() < 4
        pane.slice_node.SetSliceOffset(LEFT[2] + 12.0)
        assert self.section.labels.seen() == []
        assert pane.renderer.HasViewProp(label)
        self.section.cleanup()
        assert not pane.renderer.HasViewProp(label)

    def test_the_tool_is_put_away_by_a_click_the_key_or_leaving(self) -> None:
        self.fill()
        self.settle()
        pane = self.show(self.workspace.map)
        tool = self.section.tool
        assert self.section._escape.on() == ()
        self.ui.discButton.click()
        assert tool.on
        assert "Click the middle" in self.said[-1]
        assert self.section._escape.on() == ("Esc",)
        self.ui.discButton.click()
        assert not tool.on
        click(pane, LEFT)
        assert self.section.regions.all() == []
        self.ui.discButton.click()
        self.section.exit()
        assert not tool.on
        assert not self.ui.discButton.checked

    def test_a_click_outside_is_said(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", np.array([95.0, 0.0, 3.0]))
        assert "outside the map" in self.said[-1]
        self.panes.visible()[0].composite_node.SetBackgroundVolumeID(None)
        self.draw("Tumour", LEFT)
        assert "click into an image" in self.said[-1]
        assert self.section.regions.all() == []

    def test_white_matter_is_suggested_or_why_not(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        self.workspace.parameters.map = None
        self.ui.suggestButton.click()
        assert "brain mask" in self.said[-1]

        grid = Grid.of(an_image(1.0))
        k, j, i = np.meshgrid(*(np.arange(n) for n in SIZE[::-1]), indexing="ij")
        x, y, z = np.moveaxis(grid.points(np.stack([i, j, k], -1).reshape(-1, 3)).reshape(*SIZE[::-1], 3), -1, 0)
        brain = (x / 70) ** 2 + (y / 80) ** 2 + (z / 45) ** 2 < 1
        white = (np.hypot(np.abs(x) - 40, y - 5) < 22) & brain
        t1 = sitk.GetImageFromArray(np.where(white, 900.0, np.where(brain, 500.0, 0.0)).astype(np.float32))
        t1.CopyInformation(an_image(1.0))
        nodes.fill(self.workspace.parameters.T1, t1)
        mask = sitk.GetImageFromArray(brain.astype(np.uint8))
        mask.CopyInformation(t1)
        self.workspace.parameters.BRAIN = nodes.to_node(mask, self.scene, "brain", "vtkMRMLLabelMapVolumeNode")
        self.workspace.parameters.ADC = None
        self.settle()
        self.ui.suggestButton.click()
        assert "White matter 1: a suggestion" in self.said[-1]
        centre = self.section.regions.all()[-1].roi().centre  # LPS
        assert np.linalg.norm(centre - [-40, 5, 3]) < 12.0

    def test_kind_removal_and_the_segment_editor(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        self.ui.regionsTable.selectRow(0)
        assert self.ui.removeButton.enabled
        box = self.ui.regionKindBox
        box.setCurrentIndex(box.findText("Other"))
        box.activated.emit(box.currentIndex)
        self.settle()
        assert self.cells(self.ui.regionsTable)[0][1] == "Other"
        region = self.section.regions.all()[0]
        region.node.GetSegmentation().GetSegment(region.id).SetName("Core")  # as another module would
        self.settle()
        assert self.cells(self.ui.measuresTable)[0][0] == "Core"
        self.ui.removeButton.click()
        self.settle()
        assert self.ui.regionsTable.rowCount == 0
        assert not self.ui.removeButton.enabled
        assert not self.ui.copyButton.enabled

    def test_segments_of_another_segmentation(self) -> None:
        self.fill()
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Others")
        node.CreateDefaultDisplayNodes()
        self.ui.segmentationBox.setCurrentNode(node)
        self.ui.adoptButton.click()
        assert "has no segments" in self.said[-1]
        assert self.section.regions.all() == []

    def test_copy_and_save(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        self.ui.copyButton.click()
        assert self.said[-1] == "The table is copied."
        assert qt.QApplication.clipboard().text().startswith("Region\tMap\tMean")
        with tempfile.TemporaryDirectory() as folder:
            self.section.ask_path = lambda: str(Path(folder) / "table")
            self.ui.saveButton.click()
            assert self.said[-1] == "Saved: table.csv"
            with (Path(folder) / "table.csv").open(encoding="utf-8", newline="") as file:
                assert {row["map"] for row in csv.DictReader(file)} == {"ASL", "Synthetic CBV", "Real CBV"}
            self.section.ask_path = lambda: str(Path(folder) / "table.csv" / "table")
            self.ui.saveButton.click()
            assert "cannot be written" in self.said[-1]
            self.section.ask_path = lambda: ""
            count = len(self.said)
            self.ui.saveButton.click()
            assert [said for said in self.said[count:] if said] == []

    def test_a_map_that_changes_is_measured_anew(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        before = float(self.cells(self.ui.measuresTable)[1][2])
        nodes.fill(self.workspace.map, nodes.to_image(self.workspace.map) * 3.0)
        self.workspace.changed.emit()
        self.settle()
        assert abs(float(self.cells(self.ui.measuresTable)[1][2]) - (3 * before)) < 0.05

    def test_a_restored_scene_has_its_regions(self) -> None:
        self.fill()
        self.settle()
        self.show(self.workspace.map)
        self.draw("Tumour", LEFT)
        parent = qt.QWidget()
        other = MeasureSection(parent, self.workspace, self.views)
        try:
            assert self.cells(other.ui.regionsTable) == self.cells(self.ui.regionsTable)
        finally:
            other.cleanup()
        self.scene.Clear(False)
        self.workspace.restore()
        self.settle()
        assert self.ui.regionsTable.rowCount == 0

    def test_every_control_explains_itself(self) -> None:
        for kind in ("QPushButton", "QToolButton", "QComboBox", "QDoubleSpinBox", "QTableWidget"):
            for widget in self.section.widget.findChildren(getattr(qt, kind)):
                if widget.name and not widget.name.startswith("qt_"):
                    assert widget.toolTip, widget.name
