"""A part of the panel by itself, on a scene with anatomy and maps."""

from __future__ import annotations

import unittest

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import qt
import SimpleITK as sitk
from SynthPerfLib.desktop import nodes
from SynthPerfLib.desktop.workspace import Workspace

SIZE, SPACING = (40, 44, 10), (4.0, 4.0, 6.0)


def an_image(factor: float) -> sitk.Image:
    """A head-sized ramp."""
    values = np.random.default_rng(4).uniform(1, 9, SIZE[::-1]).astype(np.float32) * factor
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(SPACING)
    made.SetOrigin((-80.0, -88.0, -30.0))
    return made


class SectionCase(unittest.TestCase):
    """The section on a scene with anatomy and maps."""

    def setUp(self) -> None:
        self.scene = host.a_scene()
        self.panes = host.panes(self.scene)
        self.workspace = Workspace(self.scene)
        self.said: list[str] = []
        self.workspace.said.connect(self.said.append)
        self.parent = qt.QWidget()

    def fill(self) -> None:
        """Load anatomy and three maps."""
        parameters = self.workspace.parameters
        for name, factor in (
            ("T1", 100.0),
            ("T1C", 100.0),
            ("FLAIR", 80.0),
            ("ADC", 150.0),
            ("ASL", 9.0),
            ("CBV", 0.9),
        ):
            node = nodes.to_node(an_image(factor), self.scene, name)
            nodes.mark(node, name)
            setattr(parameters, name, node)
        parameters.map = nodes.to_node(an_image(0.8), self.scene, "map")
        nodes.mark(parameters.map, "CBV", Synthetic="1")
