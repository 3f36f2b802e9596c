"""The SynthPerf panel, driven as a user drives it: in order, in the wrong order, with what can go wrong."""

from __future__ import annotations

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import qt
import SimpleITK as sitk
from made_cases import a_bundle, smooth_case
from SynthPerfLib.bundle import Bundle
from SynthPerfLib.case import Case, sidecar_of
from SynthPerfLib.desktop import dependencies, nodes
from SynthPerfLib.desktop.model_section import recent_models
from SynthPerfLib.errors import DependencyError
from SynthPerfLib.images import write_image, write_json
from SynthPerfLib.jobs import Job
from SynthPerfLib.preprocessing import Prepared, load_prepared
from SynthPerfLib.preprocessing.storage import MARK
from SynthPerfLib.synthesis import Synthesizer, provenance

NAMES = ("ASL", "T1", "T2", "ADC")


def write_case(prepared: Prepared, root: Path) -> Path:
    """A prepared case as a folder of a cohort."""
    record = {"images": {name: {} for name in prepared.images}, "flags": [], "inputs": {}}
    for name, image in {**prepared.images, "BRAIN": prepared.brain}.items():
        path = Case.path_for(root, prepared.id, name)
        write_image(image, path)
        write_json({MARK: record}, sidecar_of(path))
    return root / prepared.id


class PanelTest(unittest.TestCase):
    """One panel on an empty scene for each test, and a small prepared case with a small model on disk."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.place = tempfile.TemporaryDirectory()
        cls.root = Path(cls.place.name)
        cls.case = write_case(smooth_case((*NAMES, "CBV"), seed=1, size=(44, 52, 8)), cls.root / "cohort")
        write_case(smooth_case(NAMES, seed=2, size=(44, 52, 8)), cls.root / "cohort")
        cls.bundle = a_bundle(cls.root / "small", names=NAMES).folder

    @classmethod
    def tearDownClass(cls) -> None:
        cls.place.cleanup()

    def setUp(self) -> None:
        self.settings = qt.QSettings().value("SynthPerf/RecentModels")
        qt.QSettings().setValue("SynthPerf/RecentModels", "")
        self.scene = host.a_scene()
        self.panel = host.a_panel(self.scene)
        self.ui = self.panel.ui

    def tearDown(self) -> None:
        self.panel.cleanup()
        host.clear(self.scene)
        qt.QSettings().setValue("SynthPerf/RecentModels", self.settings or "")

    def wait(self) -> None:
        host.wait_until(lambda: not self.panel.runner.busy)

    def load(self) -> None:
        self.panel.model.choose_folder(self.bundle)
        self.panel.load_case(self.case)
        self.wait()

    def make(self) -> Any:
        self.load()
        self.ui.applyButton.click()
        self.wait()
        assert self.panel.workspace.map is not None, self.said
        return self.panel.workspace.map

    @property
    def said(self) -> str:
        return str(self.ui.messageLabel.text)

    def volumes(self) -> set[str]:
        found = range(self.scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode"))
        return {self.scene.GetNthNodeByClass(i, "vtkMRMLVolumeNode").GetName() for i in found}

    # --- inputs

    def test_without_images_the_button_says_what_is_missing(self) -> None:
        assert not self.ui.applyButton.enabled
        assert "Choose at least one image" in self.ui.applyButton.toolTip
        assert self.panel.inputs.marks["T1"].text == "optional"

    def test_a_case_fills_the_rows_under_neutral_names(self) -> None:
        self.load()
        assert list(self.panel.workspace.inputs) == list(NAMES)
        assert self.panel.inputs.marks["ADC"].text == "in use"
        assert self.panel.inputs.marks["FLAIR"].text == "not used by this model"
        assert self.panel.inputs.marks["CBV"].text == "compared"
        assert self.panel.workspace.inputs["ADC"].GetAttribute(nodes.UNIT) == "1e-6 mm2/s"
        assert not [name for name in self.volumes() if "sub" in name]
        assert self.ui.applyButton.enabled, self.ui.applyButton.toolTip
        assert sorted(self.panel.workspace.maps()) == ["ASL", "Real CBV"]

    def test_one_case_of_a_cohort_is_asked_for(self) -> None:
        asked: list[list[str]] = []

        def choose(cases: list[str]) -> str:
            asked.append(cases)
            return cases[1]

        self.panel.load_case(self.root / "cohort", choose)
        self.wait()
        assert asked == [["sub-01", "sub-02"]]
        assert self.panel.workspace.inputs["T1"].GetAttribute(nodes.CASE).startswith("sub-02 ")

    def test_a_folder_without_images_is_refused_in_a_sentence(self) -> None:
        (self.root / "empty").mkdir(exist_ok=True)
        self.panel.load_case(self.root / "empty")
        self.wait()
        assert "holds no image file" in self.said
        with mock.patch("SynthPerfLib.desktop.reading._MANY", 3):
            self.panel.load_case(self.root / "cohort" / "sub-01" / "anat")
        assert "very many files" in self.said
        assert self.volumes() == set()

    def test_a_damaged_image_of_a_case_leaves_nothing_behind(self) -> None:
        broken = self.root / "broken" / "sub-01"
        shutil.copytree(self.case, broken)
        path = Case.open(broken).files["T2"]
        path.write_bytes(path.read_bytes()[:2000])
        self.panel.load_case(broken)
        self.wait()
        assert "cut off" in self.said
        assert self.volumes() == set()

    def test_names_are_guessed_with_their_reasons(self) -> None:
        image = load_prepared(Case.open(self.case)).images["T1"]
        for name in ("4: AX T1 MPRAGE POST GD", "sub-07_FLAIR", "t2_tse_tra", "5: T2 again", "localizer"):
            nodes.to_node(image, self.scene, name)
        self.ui.guessButton.click()
        found = {name: node.GetName() for name, node in self.panel.workspace.inputs.items()}
        assert found == {"T1C": "4: AX T1 MPRAGE POST GD", "FLAIR": "sub-07_FLAIR"}
        assert "'t1 mprage post gd' in the name" in self.panel.inputs.selectors["T1C"].toolTip
        assert "BIDS name" in self.panel.inputs.selectors["FLAIR"].toolTip
        assert "2 images look like T2" in self.said

    def test_guessing_keeps_what_was_chosen(self) -> None:
        image = load_prepared(Case.open(self.case)).images["T1"]
        chosen, other = (nodes.to_node(image, self.scene, name) for name in ("by hand", "T1"))
        self.panel.inputs.selectors["T1"].setCurrentNode(chosen)
        self.ui.guessButton.click()
        assert self.panel.workspace.inputs["T1"].GetID() == chosen.GetID()
        assert other.GetID() not in [node.GetID() for node in self.panel.workspace.inputs.values()]

    def test_one_image_in_two_rows_is_refused(self) -> None:
        self.load()
        self.panel.inputs.selectors["T2"].setCurrentNode(self.panel.workspace.inputs["T1"])
        assert not self.ui.applyButton.enabled
        assert "T1 and T2 are the same image" in self.ui.applyButton.toolTip

    def test_the_map_cannot_be_its_own_input(self) -> None:
        made = self.make()
        self.panel.inputs.selectors["T2"].setCurrentNode(made)
        assert "synthetic map" in self.ui.applyButton.toolTip

    # --- model

    def test_a_model_is_chosen_remembered_and_described(self) -> None:
        self.panel.model.choose_folder(self.bundle)
        assert recent_models() == [str(self.bundle)]
        assert self.ui.bundleCombo.currentText == "small"
        assert self.ui.cardButton.enabled

    def test_models_and_devices_are_chosen_from_their_lists(self) -> None:
        self.panel.model.choose_folder(self.bundle)
        self.ui.bundleCombo.currentIndex = 0
        assert self.panel.workspace.parameters.bundle == ""
        assert self.panel.model.bundle.name == "iedn_phantom"
        assert self.panel.inputs.marks["FLAIR"].text == "optional"
        self.ui.bundleCombo.currentIndex = 1
        assert self.panel.model.bundle.name == "small"
        self.ui.deviceCombo.currentIndex = 1
        assert self.panel.workspace.parameters.device == "cpu"

    def test_a_folder_that_is_no_model_changes_nothing(self) -> None:
        self.panel.model.choose_folder(self.root)
        assert "is not a model bundle" in self.said
        assert self.panel.workspace.parameters.bundle == ""
        assert recent_models() == []

    def test_a_model_that_is_gone_is_said_when_it_is_needed(self) -> None:
        copy = self.root / "copy"
        shutil.copytree(self.bundle, copy)
        self.load()
        self.panel.model.choose_folder(copy)
        shutil.rmtree(copy)
        self.ui.applyButton.click()
        assert not self.panel.runner.busy
        assert "is not a model bundle" in self.said
        assert not self.ui.applyButton.enabled
        assert self.panel.workspace.map is None

    def test_a_device_that_is_not_there_is_said(self) -> None:
        self.load()
        self.panel.workspace.parameters.device = "gpu"
        with mock.patch("torch.cuda.is_available", return_value=False):
            self.ui.applyButton.click()
            self.wait()
        assert "device was found on this computer" in self.said
        assert self.panel.workspace.map is None

    def test_a_graphics_card_without_room_is_said(self) -> None:
        import torch

        self.load()
        with mock.patch("SynthPerfLib.desktop.making.Synthesizer", side_effect=torch.OutOfMemoryError("CUDA")):
            self.ui.applyButton.click()
            self.wait()
        assert "not enough free memory: choose the device CPU" in self.said

    def test_what_is_declined_is_one_message(self) -> None:
        self.load()
        with mock.patch.object(dependencies, "ensure", side_effect=DependencyError("PyTorch was not installed.")):
            self.ui.applyButton.click()
        assert self.said == "PyTorch was not installed."
        assert not self.panel.runner.busy

    # --- run

    def test_the_map_is_that_of_the_library(self) -> None:
        made = nodes.to_image(self.make())
        model = Synthesizer(Bundle.open(self.bundle), "cpu")
        prepared = load_prepared(Case.open(self.case))
        expected = Job(model.map(prepared, NAMES)).run()
        difference = sitk.GetArrayFromImage(made) - sitk.GetArrayFromImage(expected)
        assert np.abs(difference).max() < 1e-06
        assert np.allclose(made.GetOrigin(), expected.GetOrigin())
        node = self.panel.workspace.map
        assert nodes.sidecar(node) == {**provenance(model, prepared, NAMES), "Cautions": []}
        assert node.GetAttribute(nodes.BUNDLE_SHA256) == model.bundle.sha256
        assert node.GetAttribute(nodes.UNIT) == "mL/100 g"
        assert "The map is made from ASL cerebral blood flow, T1, T2, ADC." in self.said

    def test_left_handed_and_turned_images_give_the_same_map(self) -> None:
        straight = nodes.to_image(self.make())
        flipped = {
            name: sitk.Flip(nodes.to_image(node), (False, False, True))
            for name, node in {**self.panel.workspace.inputs, "BRAIN": self.panel.workspace.brain}.items()
        }
        for name, image in flipped.items():
            nodes.fill(getattr(self.panel.workspace.parameters, name), image)
        self.ui.applyButton.click()
        self.wait()
        again = nodes.to_image(self.panel.workspace.map)
        assert np.linalg.det(np.reshape(again.GetDirection(), (3, 3))) < 0
        assert np.abs(sitk.GetArrayFromImage(sitk.Flip(again, (False, False, True)) - straight)).max() < 1e-05

    def test_twice_gives_one_map(self) -> None:
        first = self.make().GetID()
        before = self.volumes()
        self.ui.applyButton.click()
        self.wait()
        assert self.panel.workspace.map.GetID() == first
        assert self.volumes() == before

    def test_the_second_half_of_a_double_click_does_not_cancel(self) -> None:
        self.load()
        self.ui.applyButton.click()
        self.ui.cancelButton.click()
        assert self.panel.runner.busy
        self.wait()
        assert self.panel.workspace.map is not None

    def test_cancelling_leaves_the_scene_as_it_was(self) -> None:
        self.load()
        before = self.scene.GetNumberOfNodes()
        with mock.patch("SynthPerfLib.desktop.panel._DOUBLE_CLICK", 0):
            self.ui.applyButton.click()
        assert self.panel.runner.busy
        host.wait_until(lambda: self.ui.cancelButton.enabled)
        self.ui.cancelButton.click()
        assert not self.panel.runner.busy
        assert self.said == "Stopped. Nothing was changed."
        assert self.scene.GetNumberOfNodes() == before
        self.ui.applyButton.click()
        self.wait()
        assert self.panel.workspace.map is not None

    def test_closing_the_scene_while_it_works_is_safe(self) -> None:
        self.load()
        self.ui.applyButton.click()
        self.scene.Clear(False)
        assert not self.panel.runner.busy
        assert self.panel.workspace.inputs == {}
        assert not self.ui.applyButton.enabled
        self.load()
        self.ui.applyButton.click()
        self.wait()
        assert self.panel.workspace.map is not None

    def test_an_image_that_is_removed_while_it_works_stops_it(self) -> None:
        self.load()
        self.ui.applyButton.click()
        host.wait_until(lambda: "starting" in self.said)
        self.scene.RemoveNode(self.panel.workspace.inputs["T2"])
        assert not self.panel.runner.busy
        host.let_work()
        assert "An image was removed" in self.said
        assert self.panel.workspace.map is None

    def test_leaving_slicer_stops_it(self) -> None:
        self.load()
        self.ui.applyButton.click()
        self.panel.cleanup()
        assert not self.panel.runner.busy
        self.panel = host.a_panel(self.scene)

    def test_a_wrong_unit_is_refused_as_on_the_command_line(self) -> None:
        self.load()
        node = self.panel.workspace.inputs["ADC"]
        nodes.fill(node, nodes.to_image(node) * 1e-6)
        node.SetAttribute(nodes.CASE, "elsewhere")  # no longer the prepared case: it is checked anew
        before = self.scene.GetNumberOfNodes()
        self.ui.applyButton.click()
        self.wait()
        assert "it is probably in mm2/s, multiply by 1e+06" in self.said
        assert self.scene.GetNumberOfNodes() == before

    def test_a_map_that_cannot_be_shown_leaves_nothing_half_made(self) -> None:
        self.load()
        self.panel.workspace.parameters.BRAIN = None
        for node in self.panel.workspace.inputs.values():
            node.SetAttribute(nodes.CASE, "one")
        before = self.scene.GetNumberOfNodes()
        image = nodes.to_image(self.panel.workspace.inputs["T1"])
        made = mock.Mock(image=image, change=None, brain=None, sidecar={})
        with self.assertRaises(AttributeError):  # noqa: PT027  (there is no pytest in Slicer)
            self.panel.maker.put(made)
        assert self.scene.GetNumberOfNodes() == before
        assert self.panel.workspace.map is None

    def test_another_case_does_not_keep_the_map_of_the_first(self) -> None:
        self.make()
        self.panel.load_case(self.root / "cohort" / "sub-02")
        self.wait()
        assert self.panel.workspace.map is None
        assert "Synthetic CBV" not in self.panel.workspace.maps()

    def test_a_map_of_other_images_than_those_chosen_is_said_to_be_one(self) -> None:
        self.make()
        assert self.panel.workspace.map_is_current
        first = self.panel.workspace.inputs["T2"]
        other = nodes.to_node(nodes.to_image(first), self.scene, "another T2")
        other.SetAttribute(nodes.CASE, first.GetAttribute(nodes.CASE))
        self.panel.inputs.selectors["T2"].setCurrentNode(other)
        assert "made from other images" in self.said
        self.ui.applyButton.click()
        self.wait()
        assert "The map is made from" in self.said
        assert self.panel.workspace.map_is_current

    # --- modalities in the map

    def test_a_modality_out_and_in_again(self) -> None:
        full = sitk.GetArrayFromImage(nodes.to_image(self.make()))
        self.panel.subset.boxes["ASL"].click()
        self.wait()
        less = sitk.GetArrayFromImage(nodes.to_image(self.panel.workspace.map))
        change = sitk.GetArrayFromImage(nodes.to_image(self.panel.workspace.difference))
        model, prepared = Synthesizer(Bundle.open(self.bundle), "cpu"), load_prepared(Case.open(self.case))
        expected = sitk.GetArrayFromImage(Job(model.map(prepared, ["T1", "T2", "ADC"])).run())
        assert np.abs(less - expected).max() < 1e-06
        assert np.abs(change - (expected - full)).max() < 1e-05
        mean = np.abs(expected - full)[sitk.GetArrayFromImage(prepared.brain) > 0].mean()
        assert f"differs by {mean:.2f} mL/100 g" in self.ui.subsetLabel.text
        self.panel.subset.boxes["ASL"].click()
        self.wait()
        assert self.panel.workspace.difference is None
        again = sitk.GetArrayFromImage(nodes.to_image(self.panel.workspace.map))
        assert np.abs(again - full).max() < 1e-06

    def test_a_switch_that_is_cancelled_is_taken_back(self) -> None:
        self.make()
        before = sitk.GetArrayFromImage(nodes.to_image(self.panel.workspace.map))
        self.panel.subset.boxes["ASL"].click()
        self.panel.cancel()
        assert self.panel.subset.boxes["ASL"].checked
        assert self.said == "Stopped. Nothing was changed."
        assert np.array_equal(sitk.GetArrayFromImage(nodes.to_image(self.panel.workspace.map)), before)

    def test_switching_prepares_nothing_anew(self) -> None:
        self.make()
        with mock.patch("SynthPerfLib.desktop.making.prepare_apart", side_effect=AssertionError):
            self.panel.subset.boxes["T2"].click()
            self.wait()
        assert self.panel.workspace.difference is not None, self.said

    def test_a_changed_image_is_prepared_anew(self) -> None:
        self.make()
        node = self.panel.workspace.inputs["T2"]
        nodes.fill(node, nodes.to_image(node) * 2.0)
        with mock.patch("SynthPerfLib.desktop.making.prepare_apart", side_effect=MemoryError):
            self.ui.applyButton.click()
            self.wait()
        assert "not enough memory" in self.said

    def test_the_last_modality_cannot_be_taken_out(self) -> None:
        self.make()
        for name in NAMES[:-1]:
            self.panel.subset.boxes[name].click()
        self.wait()
        assert not self.panel.subset.boxes["ADC"].enabled
        assert "A map needs at least one image." in self.panel.subset.boxes["ADC"].toolTip

    def test_without_a_map_the_boxes_say_so(self) -> None:
        self.load()
        assert not self.panel.subset.boxes["T1"].enabled
        assert "Make a map first." in self.panel.subset.boxes["T1"].toolTip

    # --- save

    def test_a_map_is_saved_with_how_it_was_made(self) -> None:
        made = self.make()
        path = self.root / "saved" / "sub-01_desc-small_cbv.nii.gz"
        self.panel.saving.save(path)
        assert "is saved" in self.said
        written = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        assert np.array_equal(written, sitk.GetArrayFromImage(nodes.to_image(made)))
        sidecar = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        assert sidecar["Bundle"]["name"] == "small"
        assert sidecar["Synthetic"]

    def test_a_place_that_cannot_be_written_to_is_said(self) -> None:
        self.make()
        (self.root / "a_file").write_text("", encoding="utf-8")
        self.panel.saving.save(self.root / "a_file" / "map.nii.gz")
        assert "cannot be written to" in self.said

    # --- a saved scene

    def test_a_saved_scene_restores_everything(self) -> None:
        self.make()
        self.panel.subset.boxes["T2"].click()
        self.wait()
        self.panel.workspace.parameters.device = "cpu"
        less = sitk.GetArrayFromImage(sitk.DICOMOrient(nodes.to_image(self.panel.workspace.map), "LPS"))
        with tempfile.TemporaryDirectory() as place:
            again = host.saved_and_opened(self.scene, Path(place))
            other = self.panel if again is self.scene else host.a_panel(again)
            try:
                assert list(other.workspace.inputs) == list(NAMES)
                assert other.ui.bundleCombo.currentText == "small"
                assert other.ui.deviceCombo.currentText == "CPU"
                assert not other.subset.boxes["T2"].checked
                assert other.workspace.difference is not None
                assert other.workspace.map.GetAttribute(nodes.BUNDLE) == "small 0.0.1"
                assert other.workspace.map_is_current
                assert sorted(other.workspace.maps()) == ["ASL", "Real CBV", "Synthetic CBV"]
                other.ui.applyButton.click()
                host.wait_until(lambda: not other.runner.busy)
                redone = sitk.GetArrayFromImage(sitk.DICOMOrient(nodes.to_image(other.workspace.map), "LPS"))
                assert np.abs(redone - less).max() < 1e-6
            finally:
                if other is not self.panel:
                    other.cleanup()
                    again.Clear(True)

    # --- all controls

    def test_every_control_explains_itself(self) -> None:
        self.make()
        silent = []
        for kind in (qt.QPushButton, qt.QComboBox, qt.QCheckBox, qt.QDoubleSpinBox, qt.QSlider):
            # Those without a name are parts of Slicer's own widgets.
            silent += [w.objectName for w in self.panel.widget.findChildren(kind) if w.objectName and not w.toolTip]
        assert silent == [], silent
        assert "not for diagnosis" in self.ui.researchLabel.text


if __name__ == "__main__":
    unittest.main()
