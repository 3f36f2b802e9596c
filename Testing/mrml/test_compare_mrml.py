"""Linked views and comparisons on a real MRML scene: where each view looks, what it shows, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from slice_panes import HeadlessPanes, a_slicer_scene
from SynthPerfLib import colours
from SynthPerfLib.desktop.compare import Compare
from SynthPerfLib.desktop.derived import CHECKERBOARD, DIFFERENCE_MAP, LEFT_OUT
from SynthPerfLib.desktop.marks import side
from SynthPerfLib.desktop.nodes import mark, to_image, to_node
from SynthPerfLib.desktop.panes import layout_number, layout_xml
from SynthPerfLib.desktop.shown import NOTHING, Shown
from SynthPerfLib.desktop.signal import Signal
from SynthPerfLib.desktop.views import Views

TURNED = 12.0  # degrees
AXIAL = np.eye(3)


@dataclass
class Workspace:
    """What the comparison asks of the panel's workspace."""

    inputs: dict[str, Any] = field(default_factory=dict)
    named: dict[str, Any] = field(default_factory=dict)
    difference: Any = None
    changed: Signal = field(default_factory=Signal)

    def maps(self) -> dict[str, Any]:
        return self.named


def turned(about: str, degrees: float) -> np.ndarray:
    """A rotation about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[about]


def ramp(points: np.ndarray) -> np.ndarray:
    """A value for every place (LPS, mm): which voxel a view shows can be told from it."""
    value: np.ndarray = 500 + points @ np.array([1.0, 0.4, 2.0])
    return value


def image(
    direction: np.ndarray = AXIAL,
    size: tuple[int, int, int] = (40, 44, 12),
    spacing: tuple[float, float, float] = (4.0, 4.0, 6.0),
) -> sitk.Image:
    """A ramp on a grid whose middle lies at (3, -8, 10) LPS."""
    made = sitk.Image(*size, sitk.sitkFloat32)
    made.SetSpacing(spacing)
    made.SetDirection(direction.ravel().tolist())
    middle = direction @ (np.array(spacing) * (np.array(size) - 1) / 2)
    made.SetOrigin((np.array([3.0, -8.0, 10.0]) - middle).tolist())
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    steps = direction * np.array(spacing)
    points = np.stack([i, j, k], -1) @ steps.T + np.array(made.GetOrigin())
    filled = sitk.GetImageFromArray(ramp(points).astype(np.float32))
    filled.CopyInformation(made)
    return filled


GRIDS = {
    "axial": AXIAL,
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "upside down": np.diag([1.0, 1.0, -1.0]),
    "oblique": turned("x", TURNED) @ turned("z", -8),
    "oblique, left-handed": turned("x", TURNED) @ np.diag([-1.0, 1.0, 1.0]),
    "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "coronal": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


@pytest.fixture
def scene() -> Iterator[Any]:
    made = a_slicer_scene()
    yield made
    made.Clear(True)


def volume(scene: Any, made: sitk.Image, name: str, modality: str | None = None) -> Any:
    node = to_node(made, scene, name)
    if modality:
        mark(node, modality)
    return node


@pytest.fixture
def a_case(scene: Any) -> Workspace:
    """Anatomy and three maps, each on another grid."""
    t1 = volume(scene, image(), "t1", "T1")
    inputs = {"T1": t1, "T1C": volume(scene, image(GRIDS["left-handed"]), "t1c", "T1C")}
    inputs["FLAIR"] = volume(scene, image(GRIDS["oblique"]), "flair", "FLAIR")
    maps = {
        "ASL": volume(scene, image(GRIDS["oblique"], (20, 22, 9), (8.0, 8.0, 8.0)) / 20.0, "asl", "ASL"),
        "Synthetic CBV": volume(scene, image() / 100.0, "made", "CBV"),
        "Real CBV": volume(scene, image(GRIDS["left-handed"]) / 100.0 + 1.0, "real", "CBV"),
    }
    return Workspace(inputs, maps)


@pytest.fixture
def compare(scene: Any, a_case: Workspace) -> Compare:
    return Compare(a_case, Views(HeadlessPanes(scene), "SynthPerf"))  # type: ignore[arg-type]


def ras_at(pane: Any, x: float, y: float) -> np.ndarray:
    """The point (RAS) at a share of a view's width and height."""
    width, height = pane.size
    return np.array(pane.slice_node.GetXYToRAS().MultiplyPoint((x * width, y * height, 0.0, 1.0))[:3])


def point_at(scene: Any, ras: Any) -> None:
    scene.GetSingletonNode("default", "vtkMRMLCrosshairNode").SetCursorPositionRAS(list(ras))


class TestPlace:
    @pytest.mark.parametrize("grid", GRIDS)
    @pytest.mark.parametrize("own_slices", [True, False])
    def test_patients_right_is_on_the_left_and_front_at_the_top(self, scene: Any, grid: str, own_slices: bool) -> None:
        node = volume(scene, image(GRIDS[grid]), "image")
        panes = HeadlessPanes(scene)
        views = Views(panes, "SynthPerf")
        views.show([[Shown(node, "Image")]], node, node if own_slices else None)
        pane = panes.visible()[0]
        right, left = ras_at(pane, 0, 0.5), ras_at(pane, 1, 0.5)
        back, front = ras_at(pane, 0.5, 0), ras_at(pane, 0.5, 1)
        assert right[0] > left[0] + 100
        assert front[1] > back[1] + 100
        texts = views.texts()[0]
        assert [texts[place][0] for place in ("left", "right", "top", "bottom")] == ["R", "L", "A", "P"]

    @pytest.mark.parametrize("grid", GRIDS)
    def test_own_slices_are_cut_through_the_middle_of_voxels(self, scene: Any, grid: str) -> None:
        node = volume(scene, image(GRIDS[grid]), "image")
        panes = HeadlessPanes(scene)
        Views(panes, "SynthPerf").show([[Shown(node, "Image")]], node, node)
        ras = ras_at(panes.visible()[0], 0.4, 0.6)
        index = to_image(node).TransformPhysicalPointToContinuousIndex((-ras[0], -ras[1], ras[2]))
        assert min(abs(part - round(part)) for part in index) < 1e-3

    def test_views_of_other_grids_look_at_the_same_place_on_the_same_scale(self, compare: Compare) -> None:
        compare.toggle()
        panes = compare.views.panes.visible()
        assert len(panes) == 6
        for x, y in ((0.0, 0.0), (1.0, 1.0), (0.3, 0.7)):
            places = np.array([ras_at(pane, x, y) for pane in panes])
            assert np.ptp(places, axis=0).max() < 1e-6

    def test_values_are_those_of_the_place(self, compare: Compare) -> None:
        compare.toggle()
        ras = ras_at(compare.views.panes.visible()[0], 0.4, 0.55)
        due = ramp(np.array([-ras[0], -ras[1], ras[2]]))
        for shown in compare.views.images:
            scale = {"ASL": 1 / 20, "Synthetic CBV": 1 / 100, "Real CBV": 1 / 100}.get(shown.label, 1.0)
            offset = 1.0 if shown.label == "Real CBV" else 0.0
            spacing = np.array(to_image(shown.node).GetSpacing())
            within = float(spacing / 2 @ np.array([1.2, 1.2, 2.2])) * scale  # half a voxel, whichever way it lies
            assert shown.value(ras) == pytest.approx(due * scale + offset, abs=within)
        assert compare.views.images[0].value((500.0, 0.0, 0.0)) is None

    def test_value_at_the_cursor_of_every_map_at_once(self, scene: Any, compare: Compare) -> None:
        compare.toggle()
        told: list[Any] = []
        compare.views.pointed.connect(told.append)
        ras = ras_at(compare.views.panes.visible()[3], 0.5, 0.5)
        point_at(scene, ras)
        assert told[-1] == pytest.approx(ras)
        written = [texts["value"] for texts in compare.views.texts()]
        assert written == [shown.words(shown.value(ras)) for shown in compare.views.images]
        assert written[3].endswith("mL/100 g/min")
        assert written[4].endswith("mL/100 g")
        cross = scene.GetSingletonNode("default", "vtkMRMLCrosshairNode")
        assert cross.GetCrosshairRAS() == pytest.approx(ras)
        cross.SetCursorPositionInvalid()
        assert told[-1] is None
        assert all("value" not in texts for texts in compare.views.texts())

    def test_scrolling_goes_by_slices_to_the_ends_and_no_further(self, compare: Compare) -> None:
        compare.toggle()
        views = compare.views
        nodes = [pane.slice_node for pane in views.panes.visible()]
        start = nodes[0].GetSliceOffset()
        views.scroll(2)
        assert [node.GetSliceOffset() for node in nodes] == pytest.approx([start + 12.0] * 6)
        views.scroll(-100)
        low = nodes[0].GetSliceOffset()
        views.scroll(100)
        assert nodes[5].GetSliceOffset() - low == pytest.approx(11 * 6.0)
        views.jump((0.0, 0.0, low + 6.0))
        assert nodes[3].GetSliceOffset() == pytest.approx(low + 6.0)
        assert views.texts()[0]["position"] == f"{'S' if low + 6 > 0 else 'I'} {abs(low + 6):.1f} mm"

    def test_a_view_that_is_moved_moves_the_others_and_not_the_users_own(self, scene: Any, compare: Compare) -> None:
        own = scene.GetSingletonNode("Red", "vtkMRMLSliceNode")
        own_offset = own.GetSliceOffset()
        scene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode").SetLinkedControl(True)
        compare.toggle()
        panes = compare.views.panes.visible()
        panes[1].logic.StartSliceOffsetInteraction()
        panes[1].logic.SetSliceOffset(22.5)
        panes[1].logic.EndSliceOffsetInteraction()
        assert [pane.slice_node.GetSliceOffset() for pane in panes] == pytest.approx([22.5] * 6)
        assert own.GetSliceOffset() == own_offset

    def test_another_look_stays_at_the_place(self, compare: Compare) -> None:
        compare.toggle()
        compare.views.scroll(3)
        compare.views.panes.visible()[0].slice_node.SetFieldOfView(80.0, 75.0, 1.0)
        before = ras_at(compare.views.panes.visible()[0], 0.1, 0.2)
        compare.update(colours="inferno", more=DIFFERENCE_MAP)
        for pane in compare.views.panes.visible():
            assert ras_at(pane, 0.1, 0.2) == pytest.approx(before)
        compare.views.fit()
        assert not np.allclose(ras_at(compare.views.panes.visible()[0], 0.1, 0.2), before)

    def test_slices_of_another_image(self, compare: Compare) -> None:
        compare.toggle()
        assert compare.plane() == "T1"
        compare.update(plane="ASL")
        for pane in compare.views.panes.visible():
            matrix = pane.slice_node.GetSliceToRAS()
            normal = [matrix.GetElement(row, 2) for row in range(3)]
            assert np.degrees(np.arccos(normal[2])) == pytest.approx(TURNED, abs=0.01)
        compare.update(plane="")
        assert compare.views.panes.visible()[0].slice_node.GetSliceToRAS().GetElement(2, 2) == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("direction", "letters"),
        [((1, 0, 0), "R"), ((-1, 0.1, 0), "L"), ((0, 0.8, -0.6), "AI"), ((0.6, -0.8, 0), "PR"), ((0, 0, -1), "I")],
    )
    def test_sides(self, direction: tuple[float, ...], letters: str) -> None:
        assert side(np.array(direction)) == letters


class TestLooks:
    def test_maps_of_one_unit_have_one_range_and_all_have_a_bar(self, compare: Compare, a_case: Workspace) -> None:
        compare.toggle()
        for label, due in (("ASL", (0, 100)), ("Synthetic CBV", (0, 10)), ("Real CBV", (0, 10))):
            display = a_case.named[label].GetDisplayNode()
            assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx(due)
        assert [texts.get("bar") for texts in compare.views.texts()] == [
            *[None] * 3,
            "mL/100 g/min 0 20 40 60 80 100",
            *["mL/100 g 0 2 4 6 8 10"] * 2,
        ]
        assert [texts.get("use") for texts in compare.views.texts()] == [*[None] * 3, *["Research use only"] * 3]

    def test_a_window_that_is_dragged_on_one_map_goes_back(self, compare: Compare, a_case: Workspace) -> None:
        compare.toggle()
        display = a_case.named["Real CBV"].GetDisplayNode()
        display.SetWindowLevelMinMax(2, 3)
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((0, 10))
        compare.update(ranges={"mL/100 g": (1.0, 5.0)})
        for label in ("Synthetic CBV", "Real CBV"):
            display = a_case.named[label].GetDisplayNode()
            assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((1, 5))

    @pytest.mark.parametrize("name", [*colours.COLOURS, colours.DIFFERENCE])
    def test_the_scenes_table_is_the_librarys(self, compare: Compare, a_case: Workspace, name: str) -> None:
        compare.update(active=True, colours=name)
        node = a_case.named["ASL"].GetDisplayNode().GetColorNode()
        assert node is a_case.named["Real CBV"].GetDisplayNode().GetColorNode()
        table = np.array([node.GetLookupTable().GetTableValue(n)[:3] for n in range(256)])
        assert np.abs(table * 255 - colours.table(name)).max() < 0.51

    def test_a_map_over_the_anatomy(self, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, over="Synthetic CBV", opacity=0.3)
        composites = [pane.composite_node for pane in compare.views.panes.visible()]
        due = a_case.named["Synthetic CBV"].GetID()
        assert [node.GetForegroundVolumeID() for node in composites] == [due] * 3 + [None] * 3
        assert composites[0].GetForegroundOpacity() == pytest.approx(0.3)
        texts = compare.views.texts()[0]
        assert texts["title"] == "Post-contrast T1\n+ Synthetic CBV"
        assert texts["use"] == "Research use only"
        assert texts["bar"].startswith("mL/100 g 0")
        compare.update(over="")
        assert [node.GetForegroundVolumeID() for node in composites] == [None] * 6

    def test_flicker_puts_the_first_anatomy_in_place_of_the_maps(self, compare: Compare) -> None:
        compare.update(active=True)
        composites = [pane.composite_node for pane in compare.views.panes.visible()]
        before = [node.GetBackgroundVolumeID() for node in composites]
        compare.views.flicker()
        assert [node.GetBackgroundVolumeID() for node in composites] == [*before[:3], *[before[0]] * 3]
        assert [texts["title"] for texts in compare.views.texts()[3:]] == ["Post-contrast T1"] * 3
        assert not any("bar" in texts for texts in compare.views.texts())
        compare.views.flicker()
        assert [node.GetBackgroundVolumeID() for node in composites] == before


class TestOneMoreView:
    def test_difference_of_two_maps(self, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, more=DIFFERENCE_MAP)
        assert compare.pair() == ("Synthetic CBV", "Real CBV")
        shown = compare.views.images[-1]
        assert (shown.unit, shown.range, shown.colours) == ("mL/100 g", (-5.0, 5.0), colours.DIFFERENCE)
        assert compare.views.texts()[-1]["bar"] == "mL/100 g -5 -2.5 0 2.5 5"
        values = sitk.GetArrayFromImage(to_image(shown.node))
        inside = values > NOTHING / 2
        assert inside.mean() > 0.9
        assert values[inside] == pytest.approx(-1.0, abs=1e-3)

        fill = slicer.util.arrayFromVolume(a_case.named["Real CBV"])
        fill += 1.0
        slicer.util.arrayFromVolumeModified(a_case.named["Real CBV"])
        assert sitk.GetArrayFromImage(to_image(shown.node))[inside] == pytest.approx(-2.0, abs=1e-3)

    def test_outside_the_brain_there_is_no_difference(self, compare: Compare, a_case: Workspace) -> None:
        slicer.util.arrayFromVolume(a_case.named["Synthetic CBV"])[:, :, :20] = 0.0
        slicer.util.arrayFromVolume(a_case.named["Real CBV"])[:, :, 20:] = 0.0  # the same half: it is left-handed
        compare.update(active=True, more=DIFFERENCE_MAP)
        shown = compare.views.images[-1]
        values = sitk.GetArrayFromImage(to_image(shown.node))
        assert values[:, :, :20].max() <= NOTHING / 2
        assert values[:, :, 20:] == pytest.approx(-1.0, abs=1e-3)
        assert shown.value((50.0, 8.0, 10.0)) is None
        assert shown.value((-50.0, 8.0, 10.0)) == pytest.approx(-1.0, abs=1e-3)

    def test_maps_of_different_units_have_no_difference(self, compare: Compare) -> None:
        compare.update(active=True, more=DIFFERENCE_MAP, first="ASL", second="Real CBV")
        assert "different units" in compare.why_no_more(DIFFERENCE_MAP)
        assert len(compare.views.images) == 6
        compare.update(first="Post-contrast T1")
        assert "two maps" in compare.why_no_more(DIFFERENCE_MAP)
        compare.update(first="ASL", second="ASL")
        assert "Two different images" in compare.why_no_more(CHECKERBOARD)

    def test_checkerboard(self, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, more=CHECKERBOARD, first="Post-contrast T1", second="Synthetic CBV")
        pane = compare.views.panes.visible()[-1]
        assert pane.composite_node.GetBackgroundVolumeID() == a_case.inputs["T1C"].GetID()
        assert pane.composite_node.GetForegroundOpacity() == 1.0
        node = compare.scene.GetNodeByID(pane.composite_node.GetForegroundVolumeID())
        squares = sitk.GetArrayFromImage(to_image(node)) > NOTHING / 2
        assert squares.mean() == pytest.approx(0.5, abs=0.05)
        assert (squares == squares[:1]).all()  # squares of the plane, through all slices
        for line in (squares[0, 3], squares[0, :, 3]):  # voxels of 4 mm, squares of 20 mm
            assert set(np.diff(np.flatnonzero(np.diff(line.astype(int))))) == {5}
        values = sitk.GetArrayFromImage(to_image(node))[squares]
        map = sitk.GetArrayFromImage(to_image(a_case.named["Synthetic CBV"]))[squares]
        assert values == pytest.approx(map)

    def test_squares_of_anatomy_after_a_difference_are_grey(self, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, more=DIFFERENCE_MAP)
        compare.update(more=CHECKERBOARD, first="Real CBV", second="FLAIR")
        pane = compare.views.panes.visible()[-1]
        display = compare.scene.GetNodeByID(pane.composite_node.GetForegroundVolumeID()).GetDisplayNode()
        due = a_case.inputs["FLAIR"].GetDisplayNode()
        assert display.GetColorNodeID() == due.GetColorNodeID()
        assert (display.GetWindow(), display.GetLevel()) == pytest.approx((due.GetWindow(), due.GetLevel()))
        assert display.GetLowerThreshold() == NOTHING / 2

    def test_change_by_what_is_left_out(self, scene: Any, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, more=LEFT_OUT)
        assert len(compare.views.images) == 6
        assert "leave one out" in compare.why_no_more(LEFT_OUT)
        a_case.difference = volume(scene, image() / 1000.0, "difference", "CBV")
        a_case.changed.emit()
        assert compare.views.images[-1].node is a_case.difference
        assert compare.views.texts()[-1]["bar"].startswith("mL/100 g -5")


class TestLeaving:
    def test_everything_is_as_it_was(self, scene: Any, compare: Compare, a_case: Workspace) -> None:
        compare.leave()
        cross = scene.GetSingletonNode("default", "vtkMRMLCrosshairNode")
        cross.SetCrosshairMode(cross.ShowHashmarks)
        a_case.named["ASL"].GetDisplayNode().SetWindowLevelMinMax(3, 33)
        images = [*a_case.inputs.values(), *a_case.named.values()]

        def look(node: Any) -> tuple[Any, ...]:
            d = node.GetDisplayNode()
            thresholds = (d.GetApplyThreshold(), d.GetLowerThreshold(), d.GetUpperThreshold())
            return (d.GetColorNodeID(), d.GetWindow(), d.GetLevel(), d.GetAutoWindowLevel(), *thresholds)

        own = scene.GetSingletonNode("Red", "vtkMRMLSliceCompositeNode")
        own.SetBackgroundVolumeID(a_case.inputs["FLAIR"].GetID())
        before = [look(node) for node in images]
        volumes = scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode")
        compare.update(active=True, over="ASL", more=DIFFERENCE_MAP, colours="rainbow")
        panes = compare.views.panes.visible()
        compare.toggle()
        assert compare.views.panes.rows == [["Red"]]
        assert [look(node) for node in images] == before
        assert cross.GetCrosshairMode() == cross.ShowHashmarks
        assert own.GetBackgroundVolumeID() == a_case.inputs["FLAIR"].GetID()
        assert scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == volumes
        assert all(pane.renderer.GetViewProps().GetNumberOfItems() == 0 for pane in panes)

    def test_an_image_that_goes_while_it_is_compared(self, scene: Any, compare: Compare, a_case: Workspace) -> None:
        compare.update(active=True, over="Real CBV", more=DIFFERENCE_MAP)
        scene.RemoveNode(a_case.named.pop("Real CBV"))
        a_case.changed.emit()
        assert "Real CBV" not in [shown.label for shown in compare.views.images]
        a_case.inputs.clear()
        a_case.named.clear()
        a_case.changed.emit()
        assert not compare.views.active
        assert compare.views.panes.rows == [["Red"]]
        assert compare.why_not()

    def test_a_scene_that_is_closed_gives_the_own_views_back(
        self, scene: Any, compare: Compare, a_case: Workspace
    ) -> None:
        compare.toggle()
        compare.suspend()
        assert compare.views.panes.rows == [["Red"]]
        assert compare.look.active  # a scene that is loaded into this one changes nothing about that
        scene.Clear(False)
        a_case.inputs, a_case.named = {}, {}
        compare.restore()
        assert not compare.views.active
        assert not compare.look.active

    def test_a_saved_scene_restores_the_comparison_and_knows_the_way_back(self, scene: Any, compare: Compare) -> None:
        compare.update(active=True, over="ASL", opacity=0.7, colours="cividis", ranges={"mL/100 g": (0.0, 6.0)})
        scene.SetSaveToXMLString(1)
        scene.Commit()
        xml = scene.GetSceneXMLString()
        compare.leave()
        other = a_slicer_scene()
        other.SetLoadFromXMLString(1)
        other.SetSceneXMLString(xml)
        other.Import()
        inputs = {"T1": volume(other, image(), "t1", "T1")}
        maps = {"ASL": volume(other, image(), "asl", "ASL"), "Real CBV": volume(other, image(), "cbv", "CBV")}
        panes = HeadlessPanes(other)
        panes.arrange([["Yellow"]])
        again = Compare(Workspace(inputs, maps), Views(panes, "SynthPerf"))  # type: ignore[arg-type]
        again.refresh()
        assert again.views.active
        assert (again.look.over, again.look.opacity, again.look.colours) == ("ASL", 0.7, "cividis")
        assert again.range("mL/100 g") == (0.0, 6.0)
        again.leave()
        assert panes.rows == [["Red"]]
        other.Clear(True)

    def test_a_look_of_another_version_is_not_taken_up(self, scene: Any, compare: Compare) -> None:
        compare.update(colours="grey")
        node = scene.GetSingletonNode("SynthPerfCompare", "vtkMRMLScriptedModuleNode")
        node.SetParameter("look", '{"active": true, "wallpaper": "flowers"}')
        compare.restore()
        assert not compare.views.active
        assert compare.look.colours == "viridis"


class TestLayout:
    def test_the_layout_is_slicers_and_makes_the_views(self, scene: Any) -> None:
        rows = [["SynthPerf-1-1", "SynthPerf-1-2"], ["SynthPerf-2-1", "SynthPerf-2-2"]]
        xml = layout_xml(rows)
        logic = slicer.vtkMRMLLayoutLogic()
        logic.SetMRMLScene(scene)
        node = logic.GetLayoutNode()
        number = layout_number(xml)
        assert not node.IsLayoutDescription(number)
        node.AddLayoutDescription(number, xml)
        node.SetViewArrangement(number)
        views = [scene.GetSingletonNode(name, "vtkMRMLSliceNode") for row in rows for name in row]
        assert all(view is not None and view.GetOrientation() == "Axial" for view in views)
        assert {view.GetViewGroup() for view in views} == {8701}
        assert layout_number(layout_xml(rows[:1])) != number

    def test_a_unit_without_a_range_takes_one_from_the_map(self, scene: Any) -> None:
        node = volume(scene, image(), "map")
        node.SetAttribute("SynthPerf.Unit", "1/s")
        compare = Compare(Workspace({}, {"Map": node}), Views(HeadlessPanes(scene), "SynthPerf"))  # type: ignore[arg-type]
        low, high = compare.range("1/s")
        top = float(np.percentile(slicer.util.arrayFromVolume(node), 98))
        assert low == 0
        assert top <= high <= 2 * top
