"""From the start of Slicer to a map of the simulated patient, then every control, in the wrong order too.

``--shots FOLDER`` keeps pictures.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import slicer
from driving import (
    choose,
    click,
    click_in_view,
    clicks_away,
    errors_since,
    log_row,
    open_panel,
    pause,
    run,
    shoot,
    wait_until,
)
from SynthPerfLib.desktop.model_section import SHIPPED
from SynthPerfLib.resources import resource

SHOTS = Path(sys.argv[sys.argv.index("--shots") + 1]) if "--shots" in sys.argv else None


class Walk:
    """One user's way through the panel.

    Parameters
    ----------
    panel
        The panel.
    """

    def __init__(self, panel: Any) -> None:
        self.take(panel)

    def take(self, panel: Any) -> None:
        """Use this panel from now on."""
        self.panel, self.ui = panel, panel.ui
        self.compare, self.measure = panel.compare.ui, panel.measure.ui

    @property
    def said(self) -> str:
        return str(self.ui.messageLabel.text)

    def nodes(self) -> set[str]:
        """The volumes of the scene."""
        scene = slicer.mrmlScene
        return {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes()) if _is_volume(scene.GetNthNode(i))}

    def places(self) -> set[tuple[float, float]]:
        """Slice (mm) and zoom (mm to a pixel) of the views of the comparison: one, if all is well."""
        nodes = [pane.slice_node for pane in self.panel.compare.compare.views.panes.visible()]
        return {
            (round(node.GetSliceOffset(), 2), round(node.GetFieldOfView()[0] / node.GetDimensions()[0], 3))
            for node in nodes
        }

    def idle(self) -> None:
        wait_until(lambda: not self.panel.runner.busy)

    def sample(self) -> None:
        click(self.ui.sampleButton)
        self.idle()
        assert len(self.panel.workspace.inputs) >= 5, self.said

    def begin(self) -> None:
        """Press Synthesise, and wait until the work is on its way and can be stopped."""
        self.panel.maker.forget()  # all of the work
        click(self.ui.applyButton)
        wait_until(lambda: not self.panel.runner.busy or self.ui.cancelButton.enabled)
        assert self.panel.runner.busy, self.said

    # --- the ways

    def nothing_chosen(self) -> None:
        """Every control before there is an image: disabled with its reason, or harmless."""
        assert not self.ui.applyButton.enabled
        assert "image" in self.ui.applyButton.toolTip
        for button in (
            self.ui.saveMapButton,
            self.compare.compareButton,
            self.measure.discButton,
            self.measure.suggestButton,
        ):
            assert button.enabled or button.toolTip, button.objectName
        self.ui.saveSection.collapsed = False
        for button in (self.ui.loadCaseButton, self.ui.cardButton, self.ui.saveSceneButton):
            clicks_away()
            click(button)
            pause(1.5)
        click(self.ui.guessButton)
        assert self.said
        shoot(SHOTS, "nothing chosen")

    def to_a_map(self) -> None:
        """Sample case, Synthesise: with opening the module (two clicks) four clicks."""
        self.sample()
        shoot(SHOTS, "sample case")
        click(self.ui.applyButton)
        pause(0.5)
        shoot(SHOTS, "at work")
        self.idle()
        assert self.panel.workspace.map is not None, self.said
        shoot(SHOTS, "map")

    def twice(self) -> None:
        """A double click makes one map; a second Synthesise puts its map in the place of the first."""
        before = self.nodes()
        click(self.ui.applyButton, double=True)
        pause(0.5)
        assert self.panel.runner.busy or "made" in self.said, f"a double click stopped the work: {self.said}"
        self.idle()
        click(self.ui.applyButton)
        self.idle()
        assert self.nodes() == before, "a second map stands beside the first"

    def stopped(self) -> None:
        """Stop leaves the scene as it was."""
        before = self.nodes()
        self.begin()
        click(self.ui.cancelButton)
        assert not self.panel.runner.busy
        assert self.nodes() == before
        assert "Stopped" in self.said, self.said

    def fewer_images(self) -> None:
        """Untick an image, tick it again."""
        box = self.panel.subset.boxes["T1"]
        self.ui.subsetSection.collapsed = False
        click(box)
        self.idle()
        assert "differs" in self.ui.subsetLabel.text, self.said
        shoot(SHOTS, "without T1")
        click(box)
        self.idle()
        assert "all images" in self.ui.subsetLabel.text, self.ui.subsetLabel.text

    def compared(self) -> None:
        """The layout, its switches, and back."""
        self.ui.compareSection.collapsed = False
        click(self.compare.compareButton)
        pause(1.0)
        shoot(SHOTS, "compare")
        for button in (self.compare.flickerButton, self.compare.flickerButton, self.compare.fitButton):
            click(button)
        for box in (self.compare.coloursBox, self.compare.planeBox):
            for index in (*range(box.count), 0):
                choose(box, index)
        choose(self.compare.overBox, 2)
        shoot(SHOTS, "overlay")
        choose(self.compare.overBox, 0)
        for index, name in enumerate(("nothing more", "difference", "checkerboard")):
            choose(self.compare.moreBox, index)
            shoot(SHOTS, name)
            pause(0.5)
            places = self.places()
            assert len(places) == 1, f"the views look at different places: {places}"
        choose(self.compare.moreBox, 0)

    def measured(self) -> None:
        """A disc by one click, the white matter opposite, the table; the value under the mouse."""
        self.ui.measureSection.collapsed = False
        click(self.measure.discButton)
        click_in_view("SynthPerf-2-2", 0.36, 0.42)
        pause(0.5)
        assert self.measure.regionsTable.rowCount == 1, self.said
        value = self.compare.valuesTable.item(self.compare.valuesTable.rowCount - 1, 1)
        assert value is not None
        assert value.text(), "no value is shown under the mouse"
        assert not self.measure.discButton.checked, "the tool is still on after its one disc"
        click(self.measure.suggestButton)
        pause(0.5)
        assert self.measure.regionsTable.rowCount == 2, self.said
        assert self.measure.measuresTable.rowCount >= 2
        click(self.measure.copyButton)
        clicks_away()
        click(self.measure.saveButton)
        pause(1.5)
        shoot(SHOTS, "measure")

    def image_removed(self) -> None:
        """An input is deleted at work: it stops, and says so."""
        self.begin()
        slicer.mrmlScene.RemoveNode(self.panel.workspace.parameters.T1)
        pause(0.3)
        assert not self.panel.runner.busy
        assert "removed" in self.said, self.said

    def map_removed(self) -> None:
        """The map is deleted at work: a new one is made."""
        self.begin()
        slicer.mrmlScene.RemoveNode(self.panel.workspace.map)
        self.idle()
        assert self.panel.workspace.map is not None, self.said

    def scene_closed(self) -> None:
        """The scene is closed at work: nothing comes into the next one."""
        self.begin()
        slicer.mrmlScene.Clear(False)
        pause(1.0)
        assert not self.panel.runner.busy
        assert not self.nodes()
        assert not self.ui.applyButton.enabled

    def model_gone(self) -> None:
        """The model's folder is removed after it was chosen."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "borrowed model"
            shutil.copytree(resource(SHIPPED), folder)
            self.panel.model.choose_folder(folder)
            shutil.rmtree(folder)
            click(self.ui.applyButton)
        pause(0.3)
        assert not self.panel.runner.busy
        assert self.said, "no message"
        self.panel.workspace.parameters.bundle = ""
        self.panel.model.refresh()
        assert self.ui.applyButton.enabled, self.ui.applyButton.toolTip

    def nowhere_to_save(self) -> None:
        """The map is to be saved where nothing can be written."""
        self.ui.saveSection.collapsed = False
        clicks_away()
        click(self.ui.saveMapButton)
        pause(1.5)
        with tempfile.NamedTemporaryFile() as file:
            self.panel.saving.save(Path(file.name) / "map.nii.gz")
        assert "cannot be written" in self.said, self.said
        with tempfile.TemporaryDirectory() as place:
            self.panel.saving.save(Path(place) / "map.nii.gz")
            assert sorted(path.name for path in Path(place).iterdir()) == ["map.json", "map.nii.gz"]

    def saved_scene(self) -> None:
        """What is chosen comes back with a saved scene."""
        chosen = set(self.panel.workspace.inputs)
        with tempfile.TemporaryDirectory() as place:
            path = str(Path(place) / "scene.mrb")
            assert slicer.util.saveScene(path)
            slicer.mrmlScene.Clear(False)
            slicer.util.loadScene(path)
        pause(0.5)
        assert set(self.panel.workspace.inputs) == chosen
        assert self.panel.workspace.map is not None

    def other_module(self) -> None:
        """Another module is opened at work, and this one again."""
        self.begin()
        slicer.util.selectModule("Data")
        self.idle()
        slicer.util.selectModule("SynthPerf")
        pause(0.3)
        assert self.panel.workspace.map is not None, self.said

    def reloaded(self) -> None:
        """Reload, at work too."""
        self.begin()
        slicer.util.reloadScriptedModule("SynthPerf")
        pause(0.5)
        self.take(slicer.modules.SynthPerfWidget.panel)
        assert not self.panel.runner.busy


def main() -> bool:
    row = log_row()
    walk = Walk(open_panel())
    early = errors_since(0)
    ways: list[tuple[Callable[[Walk], None], bool]] = [
        (Walk.nothing_chosen, False),
        (Walk.to_a_map, False),
        (Walk.twice, False),
        (Walk.stopped, False),
        (Walk.fewer_images, False),
        (Walk.compared, False),
        (Walk.measured, False),
        (Walk.nowhere_to_save, False),
        (Walk.saved_scene, False),
        (Walk.map_removed, False),
        (Walk.image_removed, False),
        (Walk.scene_closed, True),
        (Walk.model_gone, True),
        (Walk.other_module, False),
        (Walk.reloaded, False),
    ]
    bad = 0
    for way, needs_sample in ways:
        row = log_row()
        wrong = ""
        try:
            if needs_sample:
                walk.sample()
            way(walk)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        found = errors_since(row)
        bad += bool(wrong or found)
        print(f"{'WRONG' if wrong or found else 'ok   '} {way.__name__}", wrong, *found, sep="  ", flush=True)
        if wrong:
            shoot(SHOTS, f"wrong {way.__name__}")
            walk.panel.runner.cancel()
    ours = [words for words in early if "SynthPerf" in words]
    print(f"{'WRONG' if ours else 'ok   '} start  ", *ours, flush=True)
    return not bad and not ours


def _is_volume(node: Any) -> bool:
    return bool(node.IsA("vtkMRMLVolumeNode"))


run(main)
