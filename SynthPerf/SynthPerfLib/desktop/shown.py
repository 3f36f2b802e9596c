"""An image as it is shown: its words, its colours, its range; and how its node looked before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from slicer.util import arrayFromVolume

from .colours import colour_node
from .nodes import ijk_to_ras

NOTHING = -1e6
"""Value of voxels that are not part of a map that was made for the views; drawn as nothing, read as nothing."""


@dataclass(frozen=True)
class Shown:
    """An image as it is shown.

    Attributes
    ----------
    node
        Scalar volume node.
    label
        Written above it.
    unit
        Written at the colour bar and behind values.
    colours
        A table of :data:`SynthPerfLib.colours.COLOURS`; None for anatomy, which stays in grey without a bar.
    range
        Values at the two ends of the table; None leaves the window as it is (anatomy).
    over
        An image that is always laid over it and hides it where it has voxels (a checkerboard).
    """

    node: Any
    label: str
    unit: str = ""
    colours: str | None = None
    range: tuple[float, float] | None = None
    over: Shown | None = None

    @property
    def is_map(self) -> bool:
        """Whether it is shown in colours, with a bar."""
        return self.colours is not None

    def value(self, ras: Sequence[float]) -> float | None:
        """The value of the voxel at a point (RAS, mm); None outside the image."""
        i, j, k = np.floor(np.linalg.solve(ijk_to_ras(self.node), [*ras, 1.0])[:3] + 0.5).astype(int)
        voxels = arrayFromVolume(self.node)
        if not (0 <= k < voxels.shape[0] and 0 <= j < voxels.shape[1] and 0 <= i < voxels.shape[2]):
            return None
        value = float(voxels[k, j, i])
        return None if value <= NOTHING / 2 else value

    def words(self, value: float | None) -> str:
        """A value with its unit, as many digits as the range deserves; empty for None."""
        if value is None:
            return ""
        low, high = self.range or (0.0, 1000.0)
        return f"{value:.{2 if high - low < 20 else 0}f} {in_words(self.unit)}".strip()


def in_words(unit: str) -> str:
    """A unit as it is written on a screen."""
    return unit.replace("1e-6 mm2", "\N{MULTIPLICATION SIGN} 10^-6 mm\N{SUPERSCRIPT TWO}")


class Looks:
    """Gives images their colours and ranges, and takes them back."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._before: dict[str, dict[str, Any]] = {}

    def put_on(self, image: Shown) -> None:
        """Show the node of ``image`` as it says."""
        if image.over is not None:
            self.put_on(image.over)
        display = image.node.GetDisplayNode()
        if display is None:
            image.node.CreateDefaultDisplayNodes()
            display = image.node.GetDisplayNode()
        self._before.setdefault(image.node.GetID(), _appearance(display))
        if image.range is not None:
            display.SetAutoWindowLevel(False)
            display.SetWindowLevelMinMax(*image.range)
        if image.colours is None:
            return
        display.SetAndObserveColorNodeID(colour_node(self._scene, image.colours).GetID())
        # Nothing is drawn where a map has nothing: outside the brain, or over the anatomy that it lies on.
        display.SetThreshold(1e-6 if image.range and image.range[0] == 0 else NOTHING / 2, 1e30)
        display.SetApplyThreshold(True)

    @staticmethod
    def keep_range(image: Shown) -> None:
        """Put the range back if it was changed: a window dragged on one map would make the maps unequal."""
        display = image.node.GetDisplayNode()
        if display is not None and image.range is not None:
            shown = (display.GetWindowLevelMin(), display.GetWindowLevelMax())
            if not np.allclose(shown, image.range):
                display.SetWindowLevelMinMax(*image.range)

    def take_off(self) -> None:
        """Show every node as it looked before."""
        for name, appearance in self._before.items():
            node = self._scene.GetNodeByID(name)
            if node is not None and node.GetDisplayNode() is not None:
                _appear(node.GetDisplayNode(), appearance)
        self._before.clear()


def _appearance(display: Any) -> dict[str, Any]:
    return {
        "colours": display.GetColorNodeID(),
        "auto": display.GetAutoWindowLevel(),
        "range": (display.GetWindowLevelMin(), display.GetWindowLevelMax()),
        "threshold": (display.GetLowerThreshold(), display.GetUpperThreshold()),
        "apply": display.GetApplyThreshold(),
    }


def _appear(display: Any, appearance: Mapping[str, Any]) -> None:
    display.SetAndObserveColorNodeID(appearance["colours"])
    display.SetThreshold(*appearance["threshold"])
    display.SetApplyThreshold(appearance["apply"])
    display.SetWindowLevelMinMax(*appearance["range"])
    display.SetAutoWindowLevel(appearance["auto"])
