"""What the panel works on: which image of the scene is what. Kept in the scene, so that a saved one restores it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slicer import vtkMRMLLabelMapVolumeNode, vtkMRMLScalarVolumeNode, vtkMRMLVolumeNode
from slicer.parameterNodeWrapper import parameterNodeWrapper

from ..modality import INPUTS
from .observing import Observer
from .signal import Signal

MODULE = "SynthPerf"
_SOURCE = "SynthPerf.Source."


@parameterNodeWrapper
class Parameters:
    """The state of the panel in the scene. A node that was deleted is None."""

    ASL: vtkMRMLScalarVolumeNode
    T1: vtkMRMLScalarVolumeNode
    T2: vtkMRMLScalarVolumeNode
    FLAIR: vtkMRMLScalarVolumeNode
    ADC: vtkMRMLScalarVolumeNode
    T1C: vtkMRMLScalarVolumeNode
    CBV: vtkMRMLScalarVolumeNode
    BRAIN: vtkMRMLVolumeNode
    map: vtkMRMLScalarVolumeNode
    """The synthetic CBV."""
    difference: vtkMRMLScalarVolumeNode
    """:attr:`map` less the map from all inputs, while it is from fewer of them."""
    found_brain: vtkMRMLLabelMapVolumeNode
    """The brain as the preparation found it."""
    bundle: str
    """Folder of the model; empty for the one that ships."""
    device: str = "auto"
    left_out: str
    """Modalities that are not in the map, joined by ``+``."""


class Workspace:
    """What the panel works on, in one scene.

    Parameters
    ----------
    scene
        The MRML scene. The parameter node is made in it if it has none; after the scene was closed too.

    Attributes
    ----------
    changed
        Emitted without arguments when another image was chosen or made, a node it refers to was deleted, or the scene
        was loaded or closed.
    said
        Emitted with one sentence for the user, which the panel shows; empty for none.
    """

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.changed = Signal()
        self.said = Signal()
        self._observer = Observer()
        self.restore()

    def restore(self) -> None:
        """Take up the state that is in the scene now."""
        node = self.scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = self.scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.SetSingletonTag(MODULE)
            node.SetModuleName(MODULE)
            node.SetName(MODULE)
            node.UnRegister(None)
            node = self.scene.AddNode(node)
        self._observer.release()
        self.parameters: Any = Parameters(node)  # type: ignore[call-arg]  # the wrapper makes the constructor
        self._observer.watch(node, "ModifiedEvent", self._modified)
        self.changed.emit()

    @property
    def inputs(self) -> dict[str, Any]:
        """Modality to volume node, for the inputs that are chosen, in written order."""
        nodes = {name: getattr(self.parameters, name) for name in INPUTS}
        return {name: node for name, node in nodes.items() if node is not None}

    @property
    def map(self) -> Any | None:
        """The synthetic CBV map (volume node), or None before there is one."""
        return self.parameters.map

    def maps(self) -> dict[str, Any]:
        """Label to volume node of every perfusion map that is there: ASL, synthetic CBV, real CBV."""
        named = {"ASL": self.parameters.ASL, "Synthetic CBV": self.parameters.map, "Real CBV": self.parameters.CBV}
        return {label: node for label, node in named.items() if node is not None}

    def remember_sources(self, node: Any, modalities: Iterable[str]) -> None:
        """Say on a map which images of the scene it was made from, those that are chosen now."""
        for name in INPUTS:
            source = self.inputs.get(name) if name in modalities else None
            node.SetNodeReferenceID(f"{_SOURCE}{name}", source.GetID() if source is not None else None)

    @property
    def map_is_current(self) -> bool:
        """Whether the map, if there is one, was made from images that are chosen now."""
        if self.map is None:
            return True
        sources = {name: self.map.GetNodeReferenceID(f"{_SOURCE}{name}") for name in INPUTS}
        chosen = {name: node.GetID() for name, node in self.inputs.items()}
        return all(chosen.get(name) == identity for name, identity in sources.items() if identity)

    @property
    def brain(self) -> Any | None:
        """The brain mask: the one that was given, else the one that the preparation found, else None."""
        return self.parameters.BRAIN or self.parameters.found_brain

    @property
    def difference(self) -> Any | None:
        """The map less the map from all inputs, or None while all inputs are in the map."""
        return self.parameters.difference

    def _modified(self) -> None:
        if not self.scene.IsClosing():  # half of the images are out of the scene by then; restore() follows
            self.changed.emit()

    def cleanup(self) -> None:
        """Stop looking at the scene."""
        self._observer.release()
