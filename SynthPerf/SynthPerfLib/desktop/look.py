"""How images are compared, as the scene keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ..colours import COLOURS
from .derived import NONE

_KEPT = "SynthPerfCompare"


@dataclass(frozen=True)
class Look:
    """How images are compared; kept in the scene.

    Attributes
    ----------
    active
        Whether the views are shown.
    colours
        A table of :data:`SynthPerfLib.colours.COLOURS`.
    ranges
        Unit to a range that the user chose.
    over
        Label of the map that is laid over the anatomy; empty for none. ``opacity`` from 0 to 1.
    more
        What one more view shows, of the images labelled ``first`` and ``second``.
    plane
        Label of the image whose slices are shown; empty for the patient's axial plane.
    crosshair
        Whether the point under the mouse is shown in all views.
    before
        How the application looked before the comparison.
    """

    active: bool = False
    colours: str = next(iter(COLOURS))
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    over: str = ""
    opacity: float = 0.4
    more: str = NONE
    first: str = ""
    second: str = ""
    plane: str | None = None
    crosshair: bool = True
    before: dict[str, Any] | None = None

    def keep(self, scene: Any) -> None:
        """Write it into the scene."""
        _node(scene).SetParameter("look", json.dumps(asdict(self)))

    @classmethod
    def kept(cls, scene: Any) -> Look:
        """What the scene says; the usual look if it says nothing that is understood."""
        try:
            return cls(**json.loads(_node(scene).GetParameter("look") or "{}"))
        except (ValueError, TypeError):
            return cls()


def _node(scene: Any) -> Any:
    node = scene.GetSingletonNode(_KEPT, "vtkMRMLScriptedModuleNode")
    if node is None:
        node = scene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(_KEPT)
        node.SetModuleName(_KEPT)
        node.SetName(_KEPT)
        node = scene.AddNode(node)
    return node
