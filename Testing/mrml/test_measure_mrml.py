"""Regions in a real MRML scene: their voxels on every grid, through saving and loading, and what they measure."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from slice_panes import HeadlessPanes, a_slicer_scene, click
from SynthPerfLib.desktop.disc_tool import DiscTool
from SynthPerfLib.desktop.measure import FILE_COLUMNS, Measure, tumour_ratios
from SynthPerfLib.desktop.nodes import mark, to_image, to_node
from SynthPerfLib.desktop.regions import OTHER, Regions
from SynthPerfLib.desktop.shown import Shown
from SynthPerfLib.desktop.signal import Signal
from SynthPerfLib.desktop.views import Views
from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import COLUMNS, LESION, NAWM, Grid, Roi, copy_to, disc

LEFT, RIGHT = np.array([38.0, 4.0, 12.0]), np.array([-38.0, 4.0, 12.0])  # LPS


@dataclass
class Workspace:
    """What measuring asks of the panel's workspace."""

    scene: Any
    inputs: dict[str, Any] = field(default_factory=dict)
    named: dict[str, Any] = field(default_factory=dict)
    brain: Any = None
    changed: Signal = field(default_factory=Signal)

    def maps(self) -> dict[str, Any]:
        return self.named

    @property
    def map(self) -> Any:
        return self.named.get("Synthetic CBV")


def turned(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


GRIDS = {
    "axial": np.eye(3),
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "oblique": turned(14),
    "oblique, left-handed": turned(14) @ np.diag([-1.0, 1.0, 1.0]),
    "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
}


def image(
    direction: np.ndarray,
    size: tuple[int, int, int] = (64, 72, 14),
    spacing: tuple[float, float, float] = (2.5, 2.5, 6.5),
) -> sitk.Image:
    """Noise on a grid around (0, 0, 12) LPS."""
    made = sitk.GetImageFromArray(np.random.default_rng(5).gamma(4, 1, size[::-1]).astype(np.float32))
    made.SetSpacing(spacing)
    made.SetDirection(direction.ravel().tolist())
    middle = direction @ (np.array(spacing) * (np.array(size) - 1) / 2)
    made.SetOrigin((np.array([0.0, 0.0, 12.0]) - middle).tolist())
    return made


@pytest.fixture
def scene() -> Iterator[Any]:
    made = a_slicer_scene()
    yield made
    made.Clear(True)


def workspace(scene: Any, **maps: sitk.Image) -> Workspace:
    found = Workspace(scene)
    for label, made in maps.items():
        node = to_node(made, scene, label)
        mark(node, "ASL" if label == "ASL" else "CBV")
        found.named[label.replace("_", " ")] = node
    return found


def ras(lps: np.ndarray) -> tuple[float, float, float]:
    return -float(lps[0]), -float(lps[1]), float(lps[2])


def beside(place: np.ndarray, *by: float) -> np.ndarray:
    moved: np.ndarray = place + np.array(by)
    return moved


def places(roi: Roi) -> np.ndarray:
    """The centres of a region's voxels, sorted."""
    points = np.round(roi.grid.points(roi.voxels), 3)
    found: np.ndarray = points[np.lexsort(points.T)]
    return found


class TestDrawing:
    @pytest.mark.parametrize("grid", GRIDS)
    def test_a_disc_has_the_librarys_voxels(self, scene: Any, grid: str) -> None:
        made = image(GRIDS[grid], (14, 64, 72), (6.5, 2.5, 2.5)) if grid == "sagittal" else image(GRIDS[grid])
        work = workspace(scene, Synthetic_CBV=made)
        measure = Measure(work, Regions(scene))  # type: ignore[arg-type]
        region = measure.draw_disc(ras(LEFT), work.map, LESION)
        due = disc("disc", made, LEFT)
        assert due.area == pytest.approx(25.0)
        assert places(region.roi()) == pytest.approx(places(due), abs=1e-3)
        assert (copy_to(region.roi(), made).voxels == due.voxels).all()
        assert (region.name, region.kind, region.drawn_on) == ("Tumour 1", LESION, "Synthetic CBV")

    def test_under_a_transform_it_lies_where_it_was_clicked(self, scene: Any) -> None:
        work = workspace(scene, Synthetic_CBV=image(GRIDS["oblique"]))
        moved = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, 7.0)
        moved.SetMatrixTransformToParent(matrix)
        work.map.SetAndObserveTransformNodeID(moved.GetID())
        region = Measure(work, Regions(scene)).draw_disc(ras(LEFT), work.map, LESION)  # type: ignore[arg-type]
        assert places(region.roi()) == pytest.approx(places(disc("disc", to_image(work.map), LEFT)), abs=1e-3)

    def test_one_segmentation_for_a_grid_and_names_that_count(self, scene: Any) -> None:
        work = workspace(
            scene, ASL=image(GRIDS["oblique"], (30, 34, 12), (5.0, 5.0, 8.0)), Synthetic_CBV=image(np.eye(3))
        )
        regions = Regions(scene)
        measure = Measure(work, regions)  # type: ignore[arg-type]
        for node in (work.named["ASL"], work.map, work.named["ASL"]):
            measure.draw_disc(ras(LEFT), node, LESION)
        measure.draw_disc(ras(RIGHT), work.map, NAWM)
        assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
        assert sorted(region.name for region in regions.all()) == ["Tumour 1", "Tumour 2", "Tumour 3", "White matter 1"]

    def test_one_click_in_a_view_draws_at_that_place(self, scene: Any) -> None:
        work = workspace(scene, Synthetic_CBV=image(GRIDS["oblique"]))
        panes = HeadlessPanes(scene, (400, 380))
        views = Views(panes, "SynthPerf")
        views.show([[Shown(work.map, "Map")]], work.map, work.map)
        tool, clicks = DiscTool(panes), []
        tool.clicked.connect(lambda *click: clicks.append(click))
        pane = panes.visible()[0]
        click(pane, (-20.0, 10.0, 12.0))
        assert clicks == []  # the tool was not in the hand
        tool.switch(True)
        assert pane.aimed
        centre = pane.slice_node.GetXYToRAS().MultiplyPoint((130, 200, 0, 1))[:3]
        click(pane, centre)
        assert not tool.on
        assert not pane.aimed
        point, volume = clicks[0]
        assert point == pytest.approx(centre, abs=1e-6)
        assert volume == work.map.GetID()
        click(pane, centre)
        assert len(clicks) == 1
        region = Measure(work, Regions(scene)).draw_disc(point, scene.GetNodeByID(volume), LESION)  # type: ignore[arg-type]
        assert ras(region.roi().centre) == pytest.approx(centre, abs=2.0)

    def test_a_click_on_nothing_or_at_the_edge_is_said_and_draws_nothing(self, scene: Any) -> None:
        work = workspace(scene, Synthetic_CBV=image(np.eye(3)))
        measure = Measure(work, Regions(scene))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="no image"):
            measure.draw_disc((0, 0, 0), None, LESION)
        with pytest.raises(InputError, match="outside the map"):
            measure.draw_disc((200, 0, 0), work.map, LESION)
        assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


class TestInTheScene:
    def test_a_saved_segmentation_gives_the_same_regions(self, scene: Any, tmp_path: Path) -> None:
        work = workspace(scene, Synthetic_CBV=image(GRIDS["oblique, left-handed"]))
        regions = Regions(scene)
        measure = Measure(work, regions)  # type: ignore[arg-type]
        for place, kind in ((LEFT, LESION), (beside(LEFT, 4, 0, 0), LESION), (RIGHT, NAWM)):
            measure.draw_disc(ras(place), work.map, kind)
        due = [(r.name, r.kind, r.drawn_on, places(r.roi())) for r in regions.all()]
        node = regions.all()[0].node
        storage = slicer.vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(tmp_path / "regions.seg.nrrd"))
        assert storage.WriteData(node)

        other = a_slicer_scene()
        read = other.AddNewNodeByClass("vtkMRMLSegmentationNode")
        read.SetAttribute("SynthPerf.Regions", node.GetAttribute("SynthPerf.Regions"))
        assert storage.ReadData(read)
        found = [(r.name, r.kind, r.drawn_on, places(r.roi())) for r in Regions(other).all()]
        assert [f[:3] for f in found] == [d[:3] for d in due]
        for there, here in zip(found, due, strict=True):
            assert there[3] == pytest.approx(here[3], abs=1e-2)
        other.Clear(True)

    def test_segments_of_another_segmentation(self, scene: Any) -> None:
        made = image(np.eye(3))
        regions = Regions(scene)
        told: list[int] = []
        regions.changed.connect(lambda: told.append(1))
        node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "From elsewhere")
        node.CreateDefaultDisplayNodes()
        with pytest.raises(InputError, match="no segments"):
            regions.adopt(node)
        spots = (("GTV enhancing", LEFT), ("NAWM right", RIGHT), ("cavity", beside(LEFT, 0, 20, 0)))
        drawn = {name: disc(name, made, place, 80.0) for name, place in spots}
        labels = sum(sitk.GetArrayFromImage(roi.image()) * n for n, roi in enumerate(drawn.values(), 1))
        map = sitk.GetImageFromArray(labels)
        map.CopyInformation(made)
        labelled = to_node(map, scene, "labels", "vtkMRMLLabelMapVolumeNode")
        assert slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(labelled, node)
        segmentation = node.GetSegmentation()
        for number, name in enumerate(drawn):  # they share one labelmap
            segmentation.GetNthSegment(number).SetName(name)
        assert regions.all() == []
        assert regions.adopt(node) == 3
        assert told
        assert [r.kind for r in regions.all()] == [LESION, NAWM, OTHER]
        for region in regions.all():
            assert places(region.roi()) == pytest.approx(places(drawn[region.name]), abs=1e-3)
        regions.set_kind(regions.all()[2], LESION)
        assert regions.all()[2].kind == LESION

        count = len(told)
        segmentation.GetNthSegment(2).SetName("Cavity")
        assert len(told) > count
        regions.remove(regions.all()[0])
        assert regions.all() == []
        assert segmentation.GetNumberOfSegments() == 3  # nothing of the user's is deleted

    def test_under_a_transform_segments_move_too(self, scene: Any) -> None:
        work = workspace(scene, Synthetic_CBV=image(np.eye(3)))
        regions = Regions(scene)
        region = Measure(work, regions).draw_disc(ras(LEFT), work.map, LESION)  # type: ignore[arg-type]
        before = region.roi().centre
        moved = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(1, 3, 9.0)
        moved.SetMatrixTransformToParent(matrix)
        region.node.SetAndObserveTransformNodeID(moved.GetID())
        assert region.roi().centre - before == pytest.approx([0, -9, 0], abs=1e-3)

    def test_removing_the_last_region_removes_the_segmentation(self, scene: Any) -> None:
        work = workspace(scene, Synthetic_CBV=image(np.eye(3)))
        regions = Regions(scene)
        measure = Measure(work, regions)  # type: ignore[arg-type]
        measure.draw_disc(ras(LEFT), work.map, LESION)
        measure.draw_disc(ras(RIGHT), work.map, NAWM)
        regions.remove(regions.all()[0])
        assert [r.name for r in regions.all()] == ["White matter 1"]
        regions.remove(regions.all()[0])
        assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


class TestMeasuring:
    @pytest.fixture
    def measured(self, scene: Any) -> tuple[Workspace, Measure, dict[str, sitk.Image]]:
        """Two tumour regions and two of white matter on maps of three grids."""
        images = {
            "ASL": image(GRIDS["oblique"], (30, 34, 12), (5.0, 5.0, 8.0)) * 10.0,
            "Synthetic CBV": image(np.eye(3)),
            "Real CBV": image(GRIDS["left-handed"], (70, 76, 14), (2.4, 2.4, 6.5)),
        }
        work = workspace(scene, **{label.replace(" ", "_"): made for label, made in images.items()})
        measure = Measure(work, Regions(scene))  # type: ignore[arg-type]
        for kind, place in (
            (LESION, LEFT),
            (LESION, beside(LEFT, 0, 9, 0)),
            (NAWM, RIGHT),
            (NAWM, beside(RIGHT, 0, 12, 0)),
        ):
            measure.draw_disc(ras(place), work.map, kind)
        return work, measure, images

    def test_numbers_are_the_maps_own(self, measured: Any) -> None:
        _, measure, images = measured
        table, notes = measure.measured()
        assert notes == []
        assert len(table) == 12
        drawn_on = images["Synthetic CBV"]
        spots = {"Tumour 1": LEFT, "Tumour 2": beside(LEFT, 0, 9, 0), "White matter 1": RIGHT}
        spots["White matter 2"] = beside(RIGHT, 0, 12, 0)
        for label, made in images.items():
            values = {}
            for name, place in spots.items():
                roi = copy_to(disc(name, drawn_on, place), made)
                values[name] = np.array([made[tuple(int(n) for n in voxel)] for voxel in roi.voxels])
            white = (values["White matter 1"].mean() + values["White matter 2"].mean()) / 2
            for row in (row for row in table if row["map"] == label):
                due = values[row["roi"]]
                assert row["mean"] == pytest.approx(due.mean(), rel=1e-5)
                assert row["max"] == pytest.approx(due.max(), rel=1e-6)
                assert row["p95"] == pytest.approx(np.quantile(due, 0.95), rel=1e-5)
                if row["kind"] == LESION:
                    assert row["nawm_ratio"] == pytest.approx(due.mean() / white, rel=1e-5)
                else:
                    assert row["nawm_ratio"] is None
            ratio = (values["Tumour 1"].mean() + values["Tumour 2"].mean()) / 2 / white
            assert tumour_ratios(table)[label] == pytest.approx(ratio, rel=1e-5)

    def test_a_map_that_changes_is_measured_anew(self, measured: Any) -> None:
        work, measure, _ = measured
        before = measure.measured()[0]
        slicer.util.updateVolumeFromArray(work.map, slicer.util.arrayFromVolume(work.map) * 2.0)
        after = measure.measured()[0]
        pairs = [(a["mean"], b["mean"]) for a, b in zip(before, after, strict=True) if a["map"] == "Synthetic CBV"]
        assert all(b == pytest.approx(2 * a) for a, b in pairs)

    def test_a_region_outside_one_map_is_measured_on_the_others(self, scene: Any, measured: Any) -> None:
        work, measure, _ = measured
        small = image(np.eye(3), (20, 72, 14))  # 50 mm wide: the regions lie outside
        work.named["Real CBV"] = to_node(small, scene, "small")
        table, notes = measure.measured()
        assert {row["map"] for row in table} == {"ASL", "Synthetic CBV"}
        assert any("outside Real CBV" in note for note in notes)

    def test_the_file_has_the_librarys_columns(self, measured: Any, tmp_path: Path) -> None:
        _, measure, _ = measured
        measure.save(tmp_path / "rois.csv")
        with (tmp_path / "rois.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert tuple(lines[0]) == FILE_COLUMNS
        assert FILE_COLUMNS[: len(COLUMNS)] == COLUMNS
        table, _ = measure.measured()
        assert [float(line["mean"]) for line in lines] == [row["mean"] for row in table]
        assert {line["unit"] for line in lines} == {"mL/100 g", "mL/100 g/min"}
        assert lines[0]["drawn_on"] == "Synthetic CBV"

    def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(self, measured: Any, tmp_path: Path) -> None:
        _, measure, _ = measured
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match=r"rois\.csv cannot be written"):
            measure.save(tmp_path / "file" / "rois.csv")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_the_clipboard_holds_the_table(self, measured: Any) -> None:
        _, measure, _ = measured
        lines = [line.split("\t") for line in measure.clipboard_text().splitlines()]
        assert lines[0][:4] == ["Region", "Map", "Mean", "Ratio to white matter"]
        assert len(lines) == 13
        assert {len(line) for line in lines} == {len(lines[0])}

    def test_white_matter_on_the_wrong_side_is_said(self, scene: Any, measured: Any) -> None:
        work, measure, _ = measured
        brain = sitk.Cast(image(np.eye(3)) > -1, sitk.sitkUInt8)
        work.brain = to_node(brain, scene, "brain", "vtkMRMLLabelMapVolumeNode")
        measure.draw_disc(ras(beside(LEFT, 0, -15, 0)), work.map, NAWM)
        table, _ = measure.measured()
        warned = {row["roi"]: row["warnings"] for row in table}
        assert "on the side of the lesion" in warned["White matter 3"]
        assert "side" not in warned["White matter 1"]


def test_suggested_white_matter_lies_opposite(scene: Any) -> None:
    """A ball of white matter in a brain of grey matter on each side; the tumour is in the left one."""
    grid = Grid.of(image(np.eye(3)))
    voxels = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size[::-1]), indexing="ij")[::-1], -1).reshape(-1, 3)
    points = grid.points(voxels)
    brain = (np.abs(points[:, 0]) < 65) & (np.linalg.norm(points[:, 1:] - [0, 12], axis=1) < 75)
    white = (np.linalg.norm(points - LEFT, axis=1) < 25) | (np.linalg.norm(points - RIGHT, axis=1) < 25)
    noise = np.random.default_rng(2).normal(0, 10, len(points))
    t1 = np.where(brain, np.where(white, 900, np.where(np.abs(points[:, 0]) < 10, 200, 600)) + noise, 0)

    def node(values: np.ndarray, name: str, kind: str = "vtkMRMLScalarVolumeNode") -> Any:
        made = sitk.GetImageFromArray(values.reshape(grid.size[::-1]))
        made.CopyInformation(image(np.eye(3)))
        return to_node(made, scene, name, kind)

    work = Workspace(scene, {"T1": node(t1.astype(np.float32), "t1")})
    work.brain = node(brain.astype(np.uint8), "brain", "vtkMRMLLabelMapVolumeNode")
    work.named["Synthetic CBV"] = node(t1.astype(np.float32) / 200, "map")
    regions = Regions(scene)
    measure = Measure(work, regions)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs a tumour region"):
        measure.suggest()
    measure.draw_disc(ras(LEFT), work.map, LESION)
    (found,) = measure.suggest()
    assert (found.name, found.kind, found.drawn_on) == ("White matter 1", NAWM, "T1")
    assert np.linalg.norm(found.roi().centre - RIGHT) < 10
    table, _ = measure.measured()
    assert {row["warnings"] for row in table} == {""}
    assert tumour_ratios(table)["Synthetic CBV"] == pytest.approx(1.0, abs=0.02)
