"""Images side by side: anatomy over maps, a map over the anatomy, the difference of two, a checkerboard of two."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from ..colours import DIFFERENCE, RANGES
from ..modality import MODALITIES
from .derived import CHECKERBOARD, DIFFERENCE_MAP, LEFT_OUT, NONE, Derived, symmetric
from .look import Look
from .nodes import UNIT, to_image
from .shown import Shown
from .signal import Signal
from .views import Views

if TYPE_CHECKING:
    from .workspace import Workspace

ANATOMY = ("T1C", "FLAIR", "ADC", "T2", "T1")
"""The anatomy row, as far as there is room."""

_ADAPTED = 98.0  # percentile of the voxels above 0, for a unit without a range of its own


class Compare:
    """The comparison of what is in the workspace.

    Attributes
    ----------
    changed
        Emitted without arguments when the look or the images changed.
    """

    def __init__(self, workspace: Workspace, views: Views) -> None:
        self._workspace, self.views, self.scene = workspace, views, views.scene
        self.changed = Signal()
        self.look = Look.kept(self.scene)
        self._shown: Any = None
        self._derived = Derived(self.scene)
        self._disconnect = workspace.changed.connect(self.refresh)

    # What there is

    def anatomy(self) -> dict[str, Shown]:
        """Label to image, of the anatomy row's images that are there."""
        inputs = self._workspace.inputs
        return {
            MODALITIES[name].label: Shown(inputs[name], MODALITIES[name].label, MODALITIES[name].unit)
            for name in ANATOMY
            if name in inputs
        }

    def maps(self) -> dict[str, Shown]:
        """Label to image, of the maps that are there, each on the range of its unit."""
        return {label: self._map(node, label) for label, node in self._workspace.maps().items()}

    def images(self) -> dict[str, Shown]:
        """Label to image, of everything that can be compared."""
        return {**self.anatomy(), **self.maps()}

    def why_not(self) -> str:
        """Why there is nothing to compare; empty if there is."""
        return "" if self.images() else "There is no image yet: choose the images under Inputs."

    def pair(self) -> tuple[str, str]:
        """The labels that difference and checkerboard are made of: the user's, else the synthetic and another map."""
        maps, images = list(self.maps()), list(self.images())
        first = self.look.first if self.look.first in images else (maps or images or [""])[0]
        if self.look.first not in images and "Synthetic CBV" in maps:
            first = "Synthetic CBV"
        others = [label for label in (*reversed(maps), *images) if label != first]
        return first, self.look.second if self.look.second in images else (others or [""])[0]

    def why_no_more(self, more: str) -> str:
        """Why one more view cannot show this; empty if it can."""
        if more == NONE:
            return ""
        if more == LEFT_OUT:
            return "" if self._workspace.difference is not None else "All inputs are in the map: leave one out first."
        images = self.images()
        first, second = (images.get(label) for label in self.pair())
        if first is None or second is None or first.node is second.node:
            return "Two different images are needed: choose them beside it."
        if more == DIFFERENCE_MAP and not (first.is_map and second.is_map):
            return "A difference needs two maps: choose them beside it."
        if first.is_map and second.is_map and first.unit != second.unit:
            return f"{first.label} and {second.label} have different units: compare them side by side."
        return ""

    # What is shown

    def update(self, **changes: Any) -> None:
        """Change the look; a name that :class:`Look` does not have is refused."""
        self.look = replace(self.look, **changes)
        self.look.keep(self.scene)
        self.refresh()

    def toggle(self) -> None:
        """Begin to compare, or go back to the user's own views."""
        if self.look.active:
            self.leave()
        elif not self.why_not():
            self.update(active=True)

    def leave(self) -> None:
        """Go back to the user's own views."""
        self.views.leave()
        self._derived.drop()
        self.look = replace(self.look, active=False, before=None)
        self.look.keep(self.scene)
        self.changed.emit()

    def suspend(self) -> None:
        """Give the views back, but leave in the scene that images are being compared: it is about to be loaded or
        closed."""
        self.views.leave()
        self._derived.drop()

    def restore(self) -> None:
        """Take up what the scene says, after it was loaded or closed."""
        self.look = Look.kept(self.scene)
        if self.views.active and not self.look.active:
            self.suspend()
        self.refresh()

    def cleanup(self) -> None:
        """Give the views back and stop looking at the scene."""
        self._disconnect()
        self.suspend()

    def refresh(self) -> None:
        """Show what there is now as the look says."""
        if self.look.active and self.why_not():
            self.leave()
            return
        if self.look.active:
            self._show()
        self.changed.emit()

    def _show(self) -> None:
        look, images = self.look, self.images()
        anatomy, maps = list(self.anatomy().values()), list(self.maps().values())
        more = self._more()
        if more is not None:
            maps.append(more)
        wide = max(min(3, len(anatomy)), len(maps))
        rows = [[*row[:wide], *[None] * (wide - len(row))] for row in (anatomy, maps) if row]
        shown = (rows, self._reference(), self._plane(), images.get(look.over), look.opacity, look.crosshair)
        if self.views.active and shown == self._shown:
            return
        self._shown = shown
        self.views.set_over(images.get(look.over), look.opacity)
        self.views.show(rows, self._reference(), self._plane(), look.before)
        self.views.set_crosshair(look.crosshair)
        if look.before != self.views.before:
            self.look = replace(look, before=self.views.before)
            self.look.keep(self.scene)

    def planes(self) -> dict[str, Any]:
        """Label to volume node whose slices can be shown; the empty label is the patient's axial plane."""
        return {"": None, **{label: image.node for label, image in self.images().items()}}

    def plane(self) -> str:
        """Label of the image whose slices are shown: the T1's if the user did not say."""
        planes = self.planes()
        if self.look.plane in planes:
            return self.look.plane or ""
        reference = self._reference()
        return next(label for label, node in planes.items() if node is reference)

    def range(self, unit: str) -> tuple[float, float]:
        """The range on which maps of this unit are shown."""
        return next(image.range for image in self.maps().values() if image.unit == unit and image.range)

    def _plane(self) -> Any | None:
        return self.planes()[self.plane()]

    def _reference(self) -> Any:
        images = self.images()
        return self._workspace.inputs.get("T1") or next(iter(images.values())).node

    def _map(self, node: Any, label: str) -> Shown:
        unit = node.GetAttribute(UNIT) or ""
        range = self.look.ranges.get(unit) or RANGES.get(unit) or _adapted(node)
        return Shown(node, label, unit, self.look.colours, (float(range[0]), float(range[1])))

    def _more(self) -> Shown | None:
        more = self.look.more
        if more in (DIFFERENCE_MAP, CHECKERBOARD) and not self.why_no_more(more):
            first, second = (self.images()[label] for label in self.pair())
            return self._derived.show(more, first, second, self._reference(), self._plane())
        self._derived.drop()
        if more == LEFT_OUT and not self.why_no_more(more):
            left_out = self._map(self._workspace.difference, "Change by what is left out")
            return replace(left_out, colours=DIFFERENCE, range=symmetric(left_out.range))
        return None


def _adapted(node: Any) -> tuple[float, float]:
    """A range for a map whose unit has none: to the 98th percentile, rounded up to one digit."""
    values = sitk.GetArrayViewFromImage(to_image(node))
    positive = values[values > 0]
    top = float(np.percentile(positive, _ADAPTED)) if positive.size else 1.0
    digit = 10.0 ** np.floor(np.log10(top))
    return 0.0, float(np.ceil(top / digit) * digit)
