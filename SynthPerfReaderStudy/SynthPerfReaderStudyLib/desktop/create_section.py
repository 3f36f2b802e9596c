"""A new study: protocol, cases, readers; who would read what; then it is fixed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SynthPerfLib.desktop.controls import Choice, Table, say
from SynthPerfLib.desktop.runner import Runner
from SynthPerfLib.errors import InputError, SynthPerfError

from ..coordination import balance, create, preview
from ..protocol import load_protocol, shipped_protocols
from ..study import Study
from .dialogs import Dialogs


class CreateSection:
    """The section *Create a study*.

    Parameters
    ----------
    say
        Shows a sentence.
    created
        Called with the new study.
    """

    def __init__(
        self, ui: Any, runner: Runner, dialogs: Dialogs, say_: Callable[[str], Any], created: Callable[[Study], Any]
    ) -> None:
        self.ui, self._runner, self._dialogs, self._say, self._created = ui, runner, dialogs, say_, created
        self._own: str | None = None
        self._protocols = Choice(ui.protocolSelector, lambda _: self.show_preview())
        self._offer()
        ui.protocolFileButton.connect("clicked()", self._choose_protocol)
        ui.cohortButton.connect("clicked()", lambda: self._choose_folder(ui.cohortEdit, "Folder of the prepared cases"))
        ui.studyButton.connect(
            "clicked()", lambda: self._choose_folder(ui.studyEdit, "Folder in which the study will lie")
        )
        ui.balanceButton.connect("clicked()", self.show_balance)
        ui.createButton.connect("clicked()", self.create)
        ui.balanceTable.setVisible(False)
        self.show_preview()

    def show_preview(self) -> None:
        """Show what the chosen protocol asks and shows."""
        try:
            words = preview(load_protocol(self._protocols.value).protocol)
        except SynthPerfError as error:
            words = str(error)
        self.ui.protocolPreview.setPlainText(words)

    def show_balance(self) -> None:
        """Show who would read what; the start number that was drawn stands in its field, and will be used."""
        try:
            cohort, readers, seed = self._given()
            self.ui.seedEdit.setText(str(seed))
            found = balance(self._protocols.value, cohort, readers, seed, self.ui.modelEdit.text.strip())
        except (SynthPerfError, OSError) as error:
            self._say(str(error))
            return
        Table(self.ui.balanceTable, found.columns).fill(found.rows)
        self._say("")

    def create(self) -> None:
        """Make the study, step by step."""
        if self._runner.busy:
            self._say("Something else is being done: wait for its end, or stop it.")
            return
        try:
            cohort, readers, seed = self._given()
            if not self.ui.studyEdit.text.strip():
                raise InputError("Give a new folder for the study.")
        except SynthPerfError as error:
            self._say(str(error))
            return
        out = Path(self.ui.studyEdit.text.strip())
        steps = create(self._protocols.value, cohort, out, readers, seed, self.ui.modelEdit.text.strip())
        self._say("")
        self._runner.start(steps, self._created, self._dialogs.failed)

    def _given(self) -> tuple[Path, list[str], int]:
        ui = self.ui
        cohort = ui.cohortEdit.text.strip()
        if not cohort:
            raise InputError("Choose the folder of the prepared cases.")
        if not Path(cohort).is_dir():
            raise InputError(f"{cohort} is not a folder: choose the folder of the prepared cases.")
        text = ui.seedEdit.text.strip()
        if text and not text.isdigit():
            raise InputError(f"The start number {text} is not a whole number from 0 on.")
        readers = [word.strip() for word in ui.readersEdit.text.split(",") if word.strip()]
        return Path(cohort), readers, int(text) if text else secrets.randbits(31)

    def _offer(self) -> None:
        names = {path.stem.replace("_", " "): path.stem for path in shipped_protocols().values()}
        own = {Path(self._own).name: self._own} if self._own else {}
        self._protocols.show({**names, **own}, self._own or next(iter(names.values())))

    def _choose_protocol(self) -> None:
        file = self._dialogs.open_file("Protocol", "Protocols (*.yaml *.yml)")
        if file:
            self._own = file
            self._offer()
            self.show_preview()

    def _choose_folder(self, field: Any, title: str) -> None:
        folder = self._dialogs.folder(title)
        if folder:
            is_study = field.objectName == "studyEdit"
            field.setText(str(Path(folder) / "study") if is_study and any(Path(folder).iterdir()) else folder)
            say(self.ui.message, "")
