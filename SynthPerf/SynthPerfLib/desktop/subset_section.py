"""Modalities in the map: take one out, put it back, see what changes."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from ..modality import INPUTS, MODALITIES
from . import nodes
from .making import Made
from .signal import Signal
from .workspace import Workspace


class SubsetSection:
    """The section's tick boxes.

    Attributes
    ----------
    toggled
        Emitted when a box was ticked or not any more; :attr:`left_out` is then new.
    """

    def __init__(self, ui: Any, workspace: Workspace) -> None:
        self.ui, self.workspace = ui, workspace
        self.toggled = Signal()
        self.boxes: dict[str, Any] = {}
        self._refreshing = False
        row = qt.QGridLayout(ui.subsetRow)
        row.setContentsMargins(0, 0, 0, 0)
        for number, name in enumerate(INPUTS):
            box = qt.QCheckBox(_(MODALITIES[name].label))
            box.checked = True
            box.objectName = f"{name}Box"
            box.connect("toggled(bool)", self._toggle)
            row.addWidget(box, number // 3, number % 3)
            self.boxes[name] = box

    @property
    def left_out(self) -> tuple[str, ...]:
        """The modalities that are there but not in the map."""
        return tuple(name for name in self.workspace.parameters.left_out.split("+") if name)

    def refresh(self, known: tuple[str, ...], any_subset: bool) -> None:
        """Show what the workspace holds, for a model.

        Parameters
        ----------
        known
            The modalities the model was trained with.
        any_subset
            Whether it works on any of them.
        """
        self._refreshing = True
        usable = [name for name in self.workspace.inputs if name in known]
        inside = [name for name in usable if name not in self.left_out]
        for name, box in self.boxes.items():
            box.checked = name in inside
            why = ""
            if self.workspace.map is None:
                why = _("Make a map first.")
            elif not any_subset:
                why = _("This model works on all its images only.")
            elif name not in usable:
                why = _("This image is not chosen, or the model does not know it.")
            elif inside == [name]:
                why = _("A map needs at least one image.")
            box.enabled = not why
            box.toolTip = why or _("Untick it to see the map without this image.")
        self._refreshing = False

    def follow_map(self) -> None:
        """Tick what is in the map, after a change of the ticks came to nothing."""
        made = self.workspace.map
        if made is not None:
            inside = nodes.sidecar(made)["Modalities"]
            known = [name for name in self.workspace.inputs if self.boxes[name].enabled or name in inside]
            self.workspace.parameters.left_out = "+".join(name for name in known if name not in inside)

    def tell(self, made: Made) -> None:
        """Say how much the map changed."""
        change = made.mean_change
        if change is None:
            self.ui.subsetLabel.text = _("The map is made from all images.")
            return
        names = ", ".join(MODALITIES[name].label for name in self.left_out)
        self.ui.subsetLabel.text = _(
            "Without {images} the map differs by {change:.2f} mL/100 g on average in the brain."
        ).format(images=names, change=change)

    def _toggle(self, *_values: Any) -> None:
        if not self._refreshing:
            out = [name for name, box in self.boxes.items() if not box.checked and name in self.workspace.inputs]
            self.workspace.parameters.left_out = "+".join(out)
            self.toggled.emit()
