"""The map made in the panel is the command line's, whatever way the images came into the scene."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import Any

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import SimpleITK as sitk
import slicer
from digital_head import head, turned, write
from made_cases import a_bundle
from SynthPerfLib.bundle import Bundle
from SynthPerfLib.desktop import nodes
from SynthPerfLib.jobs import Job
from SynthPerfLib.maps import synthesize_cases
from SynthPerfLib.synthesis import Synthesizer

NAMES = ("T1", "ASL", "ADC")


class SameMapTest(unittest.TestCase):
    """A head without a brain mask, its images oblique and one of them left-handed."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.place = tempfile.TemporaryDirectory()
        root = Path(cls.place.name)
        stored = dict(head(seed=4))  # kept for other tests as it is
        for name in ("T1", "ADC"):
            stored[name] = sitk.Flip(stored[name], (False, False, True))
        images = {name: turned(stored[name]) for name in NAMES}
        cls.case = write(images, root / "cohort")
        cls.bundle = a_bundle(root / "small", names=NAMES)
        model = Synthesizer(Bundle.open(cls.bundle.folder), "cpu")
        (path,), _ = Job(synthesize_cases([cls.case], model, root / "maps")).run()
        cls.expected = sitk.ReadImage(str(path))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.place.cleanup()

    def setUp(self) -> None:
        self.scene = host.a_scene()
        self.panel = host.a_panel(self.scene)
        self.panel.model.choose_folder(self.bundle.folder)

    def tearDown(self) -> None:
        self.panel.cleanup()
        host.clear(self.scene)

    def test_read_by_the_panel(self) -> None:
        self.panel.load_case(self.case.folder)
        host.wait_until(lambda: not self.panel.runner.busy)
        self.compare()

    def test_read_by_slicer(self) -> None:
        for name in NAMES:
            storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
            storage.SetFileName(str(self.case.files[name]))
            node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
            assert storage.ReadData(node)
        self.panel.ui.guessButton.click()
        assert len(self.panel.workspace.inputs) == 3
        self.compare()

    def compare(self) -> None:
        self.panel.ui.applyButton.click()
        host.wait_until(lambda: not self.panel.runner.busy, 120)
        assert self.panel.workspace.map is not None, self.panel.ui.messageLabel.text
        made: Any = nodes.to_image(self.panel.workspace.map)
        # By place: Slicer's reader may have reversed the axis along which the slices are stacked.
        a, b = (sitk.DICOMOrient(image, "LPS") for image in (made, self.expected))
        assert np.allclose(a.GetOrigin(), b.GetOrigin(), atol=0.001)
        assert np.allclose(a.GetDirection(), b.GetDirection(), atol=1e-06)
        difference = np.abs(sitk.GetArrayFromImage(a) - sitk.GetArrayFromImage(b))
        assert sitk.GetArrayFromImage(b).max() > 1.0
        assert difference.max() < 0.0001


if __name__ == "__main__":
    unittest.main()
