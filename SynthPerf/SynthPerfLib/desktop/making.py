"""From the images of the scene to a map in the scene."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from slicer.i18n import tr as _

from ..bundle import Bundle
from ..images import array, like
from ..jobs import Progress, Steps, part
from ..loaded import Loaded
from ..modality import INPUTS, MODALITIES
from ..preprocessing import Prepared
from ..preprocessing.apart import prepare_apart
from ..synthesis import Synthesizer, cautions, provenance, supported
from . import nodes
from .workspace import Workspace

MAP, CHANGE, BRAIN = (
    "Synthetic CBV (research)",
    "Change of synthetic CBV (research)",
    "Brain mask (found)",
)
"""Names of the nodes that are made, short enough for the corner of a slice view."""


@dataclass(frozen=True)
class Made:
    """A map, before it is put into the scene.

    Attributes
    ----------
    image
        CBV in mL/100 g on the grid of the reference.
    change
        The map less the map from all inputs; None if it is from all of them.
    brain
        The brain mask on that grid.
    sidecar
        How it was made.
    cautions
        Sentences about doubtful input.
    """

    image: sitk.Image
    change: sitk.Image | None
    brain: sitk.Image
    sidecar: dict[str, Any]
    cautions: list[str]

    @property
    def mean_change(self) -> float | None:
        """Mean absolute change in the brain, mL/100 g; None if there is none."""
        if self.change is None:
            return None
        return float(np.abs(array(self.change)[sitk.GetArrayViewFromImage(self.brain) > 0]).mean())


class Maker:
    """Makes maps of a workspace, and keeps what the next one needs again.

    Parameters
    ----------
    python
        The Python program that prepares.
    """

    def __init__(self, workspace: Workspace, python: str) -> None:
        self.workspace = workspace
        self._python = python
        self._model: Synthesizer | None = None
        self._made_with: tuple[Any, ...] = ()
        self._prepared: Prepared | None = None
        self._prepared_from: tuple[Any, ...] = ()
        self._full: tuple[Any, sitk.Image] | None = None

    @property
    def device(self) -> str:
        """Where the last map was computed; empty before there was one."""
        return self._model.device if self._model is not None else ""

    def forget(self) -> None:
        """Drop what is kept."""
        self._prepared = self._full = self._model = None

    def make(self, folder: Path, device: str, left_out: tuple[str, ...] = ()) -> Steps[Made]:
        """Make the map of the chosen images; what was prepared from the same images is used again.

        Parameters
        ----------
        folder
            Of the bundle.
        device
            As :func:`SynthPerfLib.synthesis.choose_device`.
        left_out
            Modalities that the map is not made from, though they are there.

        Raises
        ------
        SynthPerfError
            As the command line.
        """
        yield Progress(0.0, "opening the model")
        model = self._opened(folder, device)
        everything = supported(model, tuple(self.workspace.inputs))
        chosen = supported(model, everything, [name for name in everything if name not in left_out])
        start = 0.0
        if self._prepared is None or self._prepared_from != self._sources(everything):
            prepared_from = self._sources(everything)
            case = yield from part(self._case(everything), 0.0, 0.05)
            prepared = yield from part(prepare_apart(case, everything, self._python), 0.05, 0.7, "preparing: ")
            self._prepared, self._prepared_from, self._full = prepared, prepared_from, None
            start = 0.7
        prepared = self._prepared
        middle = 0.97
        if chosen != everything and (self._full is None or self._full[0] is not model):
            middle = (start + 0.97) / 2
            full = yield from part(model.map(prepared, everything), start, middle, "all inputs: ")
            self._full, start, middle = (model, full), middle, 0.97
        image = yield from part(model.map(prepared, chosen), start, middle)
        if chosen == everything:
            self._full = (model, image)
        yield Progress(0.97, "finishing")
        change = like(array(image) - array(self._full[1]), image) if chosen != everything and self._full else None
        said = cautions(model, prepared, chosen)
        sidecar = {**provenance(model, prepared, chosen), "Cautions": said}
        return Made(image, change, prepared.brain, sidecar, said)

    def put(self, made: Made) -> None:
        """Show a map in the scene, in the place of an earlier one; all of it or nothing."""
        parameters, scene = self.workspace.parameters, self.workspace.scene
        before = {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())}
        try:
            current = self._shown(parameters.map, made.image, MAP, "CBV")
            change = None
            if made.change is not None:
                change = self._shown(parameters.difference, made.change, CHANGE, "CBV")
            brain = None
            if parameters.BRAIN is None:
                brain = self._shown(parameters.found_brain, made.brain, BRAIN, "BRAIN")
        except BaseException:
            for identity in {scene.GetNthNode(i).GetID() for i in range(scene.GetNumberOfNodes())} - before:
                scene.RemoveNode(scene.GetNodeByID(identity))
            raise
        bundle = made.sidecar["Bundle"]
        for node in filter(None, (current, change)):
            node.SetAttribute(nodes.SYNTHETIC, "1")
            node.SetAttribute(nodes.BUNDLE, f"{bundle['name']} {bundle['version']}")
            node.SetAttribute(nodes.BUNDLE_SHA256, bundle["sha256"])
            node.SetAttribute(nodes.SIDECAR, json.dumps(made.sidecar))
        self.workspace.remember_sources(current, made.sidecar["Modalities"])
        was = parameters.StartModify()
        old_change, old_brain = parameters.difference, parameters.found_brain
        parameters.map, parameters.difference, parameters.found_brain = current, change, brain
        parameters.EndModify(was)
        for old, new in ((old_change, change), (old_brain, brain)):
            if old is not None and new is None:
                scene.RemoveNode(old)

    def _shown(self, node: Any | None, image: sitk.Image, name: str, modality: str) -> Any:
        if node is None:
            node = nodes.to_node(image, self.workspace.scene, name, nodes.node_class(modality))
        else:
            nodes.fill(node, image)
        nodes.mark(node, modality)
        return node

    def _opened(self, folder: Path, device: str) -> Synthesizer:
        bundle = Bundle.open(folder)
        if self._model is None or self._made_with != (bundle.sha256, bundle.name, device):
            self._model = None  # two models at once may be too much for a graphics card
            self._model = Synthesizer(bundle, device)
            self._made_with = (bundle.sha256, bundle.name, device)
        return self._model

    def _nodes(self, names: tuple[str, ...]) -> dict[str, Any]:
        """What a map from ``names`` is prepared from: these, the T1 as the reference, the brain mask that was given."""
        chosen = {**self.workspace.inputs, "BRAIN": self.workspace.parameters.BRAIN}
        wanted = (*names, "T1", "BRAIN")
        return {name: chosen[name] for name in (*INPUTS, "BRAIN") if name in wanted and chosen.get(name) is not None}

    def _sources(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        """What tells these images from all others, and from themselves after a change."""
        return tuple(
            (name, node.GetID(), node.GetImageData().GetMTime() if node.GetImageData() else 0, *matrix.ravel())
            for name, node in self._nodes(names).items()
            for matrix in (nodes.ijk_to_ras(node),)
        )

    def _case(self, names: tuple[str, ...]) -> Steps[Loaded]:
        found = self._nodes(names)
        images = {}
        for number, (name, node) in enumerate(found.items()):
            yield Progress(number / len(found), f"reading {MODALITIES[name].label}")
            images[name] = nodes.to_image(node)
        cases = {node.GetAttribute(nodes.CASE) for node in found.values()}
        # A prepared case is taken as it is, if it is whole: with an image from elsewhere it is prepared anew.
        sidecars = {"BRAIN": nodes.sidecar(found["BRAIN"])} if len(cases) == 1 and "BRAIN" in found else {}
        return Loaded(_("The case"), images, sidecars)
