"""Before and after a session: who one is, the screen and the room, experience once; thanks and the receipt."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from SynthPerfLib.desktop.controls import Choice, allow, say
from SynthPerfLib.desktop.sentences import sentence
from SynthPerfLib.errors import InputError, SynthPerfError
from SynthPerfLib.images import written_whole

from ..people import Person, is_whole, people_of
from ..records import Clock, Receipt, Role
from ..sitting import Sitting
from ..study import Study
from ..view import Experience, Setting
from .chrome import Chrome
from .desk import Desk
from .place import Place, in_the_way, monitors

_LIGHTS = {"lightDark": "dark", "lightDimmed": "dimmed", "lightBright": "bright"}
_STEPS = 11
_FAINT = 5  # percent: what the small squares differ from their ground

Ask = Callable[[str], str]


class ReaderSection:
    """The section *Read*.

    Parameters
    ----------
    ui
        The panel's widgets.
    place
        Where it is read.
    save_as
        Asks for a file to write, given a name; empty if the user thought better of it.
    clock
        Where the times of the record come from.

    Attributes
    ----------
    desk
        The reading mode while somebody reads.
    """

    def __init__(self, ui: Any, place: Place, save_as: Ask, clock: Clock | None = None) -> None:
        self.ui = ui
        self.desk: Desk | None = None
        self._place, self._save_as, self._clock = place, save_as, clock
        self._study: Study | None = None
        self._sitting: Sitting | None = None
        self._receipt: Receipt | None = None
        self._people = Choice(ui.personSelector, lambda _: self.show())
        ui.beginButton.connect("clicked()", self.begin)
        ui.receiptButton.connect("clicked()", self._keep_receipt)
        ui.packButton.connect("clicked()", self._pack)
        _pattern(ui.patternFrame)
        self.use(None)

    def use(self, study: Study | None) -> None:
        """Offer the people of a study; None: there is no study."""
        self._let_go()
        self._study, self._receipt = study, None
        self.ui.readSection.setVisible(study is not None)
        if study is None:
            return
        people = [person for person in people_of(study) if person.role is not Role.COORDINATOR]
        names = {"please choose": None} if len(people) > 1 else {}
        self._people.show(
            {**names, **{_named(person): person for person in people}}, people[0] if len(people) == 1 else None
        )
        self.show()

    def show(self, message: str = "") -> None:
        """Show where the person stands; while somebody reads there is nothing to show."""
        ui, study, person = self.ui, self._study, self._people.value
        if study is None or self.desk is not None:
            return
        self._let_go()
        self._receipt = None
        self._show_end("")
        why, session, trained, begin = "Say who you are.", "", True, "Begin"
        if isinstance(person, Person):
            try:
                self._sitting = Sitting(study, study.records(clock=self._clock), person, self._clock)
                session, why, begin = self._standing(self._sitting)
                trained = self._sitting.trained
                self._fill_in(self._sitting)
            except SynthPerfError as error:
                why = str(error)
        say(ui.sessionLabel, session)
        say(ui.instructionsLabel, study.form.instructions)
        ui.experienceGroup.setVisible(not trained and not why)
        ui.displayGroup.setVisible(not why)
        self._show_screen()
        ui.beginButton.setText(begin)
        allow(ui.beginButton, not why, why)
        say(ui.beginMessage, message or (why if isinstance(person, Person) else ""))

    def begin(self) -> None:
        """Open the session, and let Slicer become the reading room; what is in the way is said."""
        try:
            self._begin()
        except SynthPerfError as error:
            say(self.ui.beginMessage, str(error))
        except OSError as error:
            say(self.ui.beginMessage, sentence(error))

    def leave(self) -> None:
        """Leave the reading mode, if somebody reads; the session is closed, and can be gone on with."""
        if self.desk is not None:
            self.desk.leave()

    def end(self) -> None:
        """Let go of everything."""
        self.leave()
        self._let_go()

    # Before -------------------------------------------------------------------------------------------------------

    def _standing(self, sitting: Sitting) -> tuple[str, str, str]:
        """What is due in words, why it cannot begin now, and what the button says."""
        if sitting.person.role is Role.ADJUDICATOR:
            return "You decide where the readers differ. What they answered is not shown.", "", "Begin"
        row = sitting.due()
        if row is None:
            return (
                "You have read everything that was planned for you. Thank you.",
                "There is nothing left to read.",
                "Begin",
            )
        name = f"Session {row.session}" if row.session else "Practice, with the truth after each case"
        if row.state == "not begun":
            return f"{name}: {row.stimuli} to read.", row.refusal, "Begin"
        return f"{name}: {row.read} of {row.stimuli} done. You go on where you were.", "", "Go on"

    def _fill_in(self, sitting: Sitting) -> None:
        """What was said of the room last time holds until something else is said."""
        last = sitting.last_setting
        if last is not None and not any(getattr(self.ui, name).checked for name in _LIGHTS):
            next(getattr(self.ui, n) for n, light in _LIGHTS.items() if light == last.room_light).setChecked(True)
            self.ui.brightnessBox.setValue(round(last.brightness or 0))

    def _show_screen(self) -> None:
        found = monitors(self._place.window)
        first = f"{found[0].width} x {found[0].height} pixels" if found else "unknown"
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        say(self.ui.screenLabel, f"This screen: {first}{more}. Move the window to the screen on which you will read.")

    def _begin(self) -> None:
        ui, sitting = self.ui, self._sitting
        if sitting is None or self.desk is not None:
            return
        light = next((light for name, light in _LIGHTS.items() if getattr(ui, name).checked), None)
        if light is None:
            raise InputError("Say how bright the room is.")
        experience = None if sitting.trained else self._experience()
        others = in_the_way(self._place.scene)
        if others:
            raise InputError(
                f"Other images or drawings are open in Slicer ({len(others)}): save what you need and close the scene "
                "(menu File, Close Scene), so that nothing of them is seen while you read."
            )
        brightness = float(ui.brightnessBox.value) or None
        screens = monitors(self._place.window)
        sitting.open(Setting("slicer", screens, light, brightness, bool(ui.patternBox.checked)), experience)
        self.desk = Desk(sitting, self._place.panes, Chrome(self._place), self._ended)
        try:
            self.desk.begin()
        except BaseException:
            self.desk = None
            raise

    def _experience(self) -> Experience:
        ui = self.ui
        if ui.yearsBox.value < 0:
            raise InputError("Say how many years you have read such images.")
        if not ui.trainingEdit.text.strip():
            raise InputError("Say what your training is, such as neuroradiology.")
        if not ui.instructionsBox.checked:
            raise InputError("Read the instructions, and say so.")
        return Experience(float(ui.yearsBox.value), ui.trainingEdit.text.strip(), True)

    # After --------------------------------------------------------------------------------------------------------

    def _ended(self, receipt: Receipt | None, words: str) -> None:
        self.desk = None
        self.show(words)
        if receipt is not None:
            self._receipt = receipt
            self._show_end(f"Thank you. All your answers are recorded, up to event {receipt.seq}.")

    def _show_end(self, words: str) -> None:
        say(self.ui.endLabel, words)
        self.ui.receiptButton.setVisible(bool(words))
        offline = self._study is not None and not is_whole(self._study)
        self.ui.packButton.setVisible(offline)

    def _keep_receipt(self) -> None:
        receipt = self._receipt
        if receipt is None:
            return
        file = self._save_as(f"receipt-{receipt.session}-{receipt.seq}.json")
        if file:
            self._write(lambda: receipt.write(Path(file)), f"The receipt is in {Path(file).name}.")

    def _pack(self) -> None:
        study = self._study
        file = self._save_as(f"{'-'.join(study.allocation.readers)}-answers.zip") if study is not None else ""
        if not file or study is None:
            return
        person = self._people.value
        self._let_go()
        done = f"{Path(file).name} holds your answers: send it to the coordinator."
        self._write(lambda: pack(study.folder, Path(file)), done)
        if person is not None:
            self.show(self.ui.beginMessage.text)

    def _write(self, does: Callable[[], Any], done: str) -> None:
        try:
            does()
        except (SynthPerfError, OSError) as error:
            done = sentence(error)
        say(self.ui.beginMessage, done)

    def _let_go(self) -> None:
        if self._sitting is not None and self.desk is None:
            self._sitting.log.close()  # a session that is open stays so, and is gone on with when it is opened again
            self._sitting = None


def pack(folder: Path, file: Path) -> None:
    """Write what a reader sends back: the record with its receipts, not the images."""
    names = ("records.sqlite", "records.sqlite-wal", "study.yaml", "manifest.json")
    wanted = [folder / name for name in names if (folder / name).is_file()]
    wanted += sorted((folder / "receipts").glob("*.json"))
    with written_whole(file) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in wanted:
            archive.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")


def _named(person: Person) -> str:
    if person.role is Role.READER:
        return person.name
    return "All readers together (consensus)" if person.name == "consensus" else f"{person.name} (decides)"


def _pattern(frame: Any) -> None:
    """Eleven steps from black to white, a small square that hardly differs in the first and the last."""
    layout = qt.QHBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    frame.setMinimumHeight(48)
    frame.setAccessibleName("Test pattern")
    for number in range(_STEPS):
        step = qt.QLabel()
        step.setStyleSheet(f"background: {_grey(100 * number // (_STEPS - 1))};")
        step.setMinimumSize(qt.QSize(16, 48))
        layout.addWidget(step)
        if number in (0, _STEPS - 1):
            inside = qt.QLabel(step)
            inside.setStyleSheet(f"background: {_grey(_FAINT if number == 0 else 100 - _FAINT)};")
            inside.setGeometry(qt.QRect(5, 18, 12, 12))


def _grey(percent: int) -> str:
    level = round(2.55 * percent)
    return f"rgb({level}, {level}, {level})"
