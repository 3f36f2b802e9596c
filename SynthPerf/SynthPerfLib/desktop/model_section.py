"""Model: which bundle makes the map, and on which device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from ..bundle import Bundle
from ..errors import SynthPerfError
from ..resources import resource
from .card import show_card
from .sentences import sentence
from .signal import Signal
from .workspace import Workspace

SHIPPED = "Models/iedn_phantom"
_RECENT = "SynthPerf/RecentModels"
_KEPT = 5


class ModelSection:
    """The section's controls.

    Attributes
    ----------
    bundle
        The chosen model, opened; None if it cannot be used, for the reason in :attr:`problem`.
    changed
        Emitted when another model was chosen.
    """

    def __init__(self, ui: Any, workspace: Workspace) -> None:
        self.ui, self.workspace = ui, workspace
        self.bundle: Bundle | None = None
        self.problem = ""
        self.changed = Signal()
        self._refreshing = False
        self._opened = ""
        for text, word in ((_("Automatic"), "auto"), (_("CPU"), "cpu"), (_("Graphics card (GPU)"), "gpu")):
            ui.deviceCombo.addItem(text, word)
        ui.bundleCombo.connect("currentIndexChanged(int)", self._choose)
        ui.deviceCombo.connect("currentIndexChanged(int)", self._choose_device)
        ui.cardButton.connect("clicked()", self._show_card)
        self.refresh()

    @property
    def folder(self) -> Path:
        """The chosen model's folder."""
        return Path(self.workspace.parameters.bundle or resource(SHIPPED))

    @property
    def device(self) -> str:
        """The chosen device, in the library's words."""
        word = self.workspace.parameters.device
        return {"gpu": "mps" if sys.platform == "darwin" else "cuda"}.get(word, word)

    def refresh(self) -> None:
        """Show what the workspace holds; the model is opened again if it is another one."""
        self._refreshing = True
        chosen = self.workspace.parameters.bundle
        places = list(dict.fromkeys(["", *recent_models(), *([chosen] if chosen else [])]))
        combo = self.ui.bundleCombo
        combo.clear()
        for place in places:
            text = Path(place).name if place else _("{name} (comes with SynthPerf)").format(name=Path(SHIPPED).name)
            combo.addItem(text, place)
        combo.addItem(_("Other folder..."), None)
        combo.currentIndex = places.index(chosen)
        words = [self.ui.deviceCombo.itemData(i) for i in range(self.ui.deviceCombo.count)]
        self.ui.deviceCombo.currentIndex = max(0, words.index(self.workspace.parameters.device))
        self.ui.deviceLabel.text = found_devices()
        self._refreshing = False
        if self.bundle is None or self._opened != chosen:
            self.open()

    def open(self) -> None:
        """Open the chosen model, also if it was open: its folder may have changed."""
        self._opened = self.workspace.parameters.bundle
        try:
            self.bundle, self.problem = Bundle.open(self.folder), ""
        except (SynthPerfError, OSError) as error:
            self.bundle, self.problem = None, sentence(error)
        self.ui.cardButton.enabled = self.bundle is not None
        self.ui.cardButton.toolTip = self.problem or _(
            "What the model needs, what it was trained with, how good it is."
        )
        self.changed.emit()

    def choose_folder(self, folder: Path) -> None:
        """Use the model in ``folder``, if it is one."""
        try:
            Bundle.open(folder)
        except (SynthPerfError, OSError) as error:
            self.workspace.said.emit(sentence(error))
        else:
            remember_model(str(folder))
            self.workspace.parameters.bundle = str(folder)
            self.workspace.said.emit("")
        self.refresh()

    def _choose(self, index: int) -> None:
        if self._refreshing:
            return
        place = self.ui.bundleCombo.itemData(index)
        if place is not None:
            self.workspace.parameters.bundle = place
            self.refresh()
            return
        folder = qt.QFileDialog.getExistingDirectory(self.ui.bundleCombo, _("Folder of a model"))
        if folder:
            self.choose_folder(Path(folder))
        else:
            self.refresh()

    def _choose_device(self, index: int) -> None:
        if not self._refreshing:
            self.workspace.parameters.device = self.ui.deviceCombo.itemData(index)

    def _show_card(self) -> None:
        if self.bundle is not None:
            show_card(self.bundle, self.ui.cardButton)


def recent_models() -> list[str]:
    """Folders of models used before, the last one first."""
    stored = qt.QSettings().value(_RECENT) or ""
    return [place for place in str(stored).split("\n") if place]


def remember_model(place: str) -> None:
    """Put a folder first among the models used before."""
    places = list(dict.fromkeys([place, *recent_models()]))[:_KEPT]
    qt.QSettings().setValue(_RECENT, "\n".join(places))


def found_devices() -> str:
    """What there is to compute with, in words."""
    torch = sys.modules.get("torch")
    if torch is None:
        return _("Which devices there are is found out when the first map is made.")
    if torch.cuda.is_available():
        return _("Found: {name}.").format(name=torch.cuda.get_device_name(0))
    if torch.backends.mps.is_available():
        return _("Found: Apple graphics.")
    return _("No graphics card that can be used was found: the map is computed by the CPU.")
