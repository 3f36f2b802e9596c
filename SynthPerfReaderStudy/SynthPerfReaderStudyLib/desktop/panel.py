"""The panel: which study, reading, creating one, coordinating it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import qt
import slicer
from SynthPerfLib.desktop.controls import say
from SynthPerfLib.desktop.runner import Runner
from SynthPerfLib.desktop.sentences import sentence
from SynthPerfLib.errors import InputError, SynthPerfError

from ..people import is_whole
from ..records import Clock
from ..study import Study
from .coordinate_section import CoordinateSection
from .create_section import CreateSection
from .dialogs import Dialogs
from .place import Place
from .reader_section import ReaderSection

_LAST = "SynthPerfReaderStudy/study"
"""Where the application remembers the study that was open."""


class Panel:
    """Drives the widgets of SynthPerfReaderStudy.ui.

    Parameters
    ----------
    widget
        The loaded file.
    place
        The application.
    clock
        Where the times of the record come from.
    """

    def __init__(self, widget: Any, place: Place, clock: Clock | None = None) -> None:
        self.ui = ui = slicer.util.childWidgetVariables(widget)
        self.runner = Runner()
        self.dialogs = Dialogs(place.window, self._failed)
        self.study: Study | None = None
        self.reader = ReaderSection(ui, place, lambda name: self.dialogs.save_file("Keep", name), clock)
        self.creating = CreateSection(ui, self.runner, self.dialogs, self._say, self._created)
        self.coordinating = CoordinateSection(ui, self.runner, self.dialogs, self._say, self.reader.show, clock)
        ui.openFolderButton.connect("clicked()", lambda: self.open(self.dialogs.folder("Folder of a study")))
        ui.openPackageButton.connect("clicked()", lambda: self.open_package(self._package()))
        ui.jobCancelButton.connect("clicked()", self._stop)
        self.runner.changed.connect(self._show_work)
        self._show_work()
        self._say("")
        say(ui.studyMessage, "")
        slicer.app.connect("aboutToQuit()", self.reader.leave)
        last = qt.QSettings().value(_LAST)
        if last and Path(str(last)).is_dir():
            self.open(str(last))

    def open(self, folder: str) -> None:
        """Open a study folder, or a reader's copy; what is wrong with it is said, and what was open stays."""
        if not folder:
            return
        try:
            study = Study.open(Path(folder))
            self._use(study)
        except (SynthPerfError, OSError) as error:
            say(self.ui.studyMessage, sentence(error))

    def open_package(self, file: str) -> None:
        """Unpack a package beside its file, if that was not done before, and open it."""
        if not file:
            return
        try:
            folder = unpack(Path(file))
        except (SynthPerfError, OSError) as error:
            say(self.ui.studyMessage, sentence(error))
            return
        self.open(str(folder))

    def exit(self) -> None:
        """Another module is opened, or the application ends."""
        self.reader.leave()

    def cleanup(self) -> None:
        """Stop all work, and let go of everything."""
        self.runner.cancel()
        self.reader.end()
        slicer.app.disconnect("aboutToQuit()", self.reader.leave)

    def _use(self, study: Study) -> None:
        self.study = study
        self.reader.use(study)
        self.coordinating.use(study)
        readers = ", ".join(study.allocation.readers)
        kind = "" if is_whole(study) else " A reader's copy."
        simulated = " All answers are simulated." if study.simulated else ""
        self.ui.studyLabel.setText(f"{study.form.title}. Readers: {readers}.{kind}{simulated}")
        say(self.ui.studyMessage, "")
        qt.QSettings().setValue(_LAST, str(study.folder))

    def _created(self, study: Study) -> None:
        self._use(study)
        self._say(f"The study is made: {len(study.allocation.rows)} readings, start number {study.about['seed']}.")

    def _package(self) -> str:
        return self.dialogs.open_file("Package", "Packages (*.zip)")

    def _stop(self) -> None:
        self.runner.cancel()
        self._say("Stopped. Nothing half made was left behind.")

    def _failed(self, error: Exception) -> None:
        self._say(sentence(error))

    def _say(self, words: str) -> None:
        say(self.ui.message, words)

    def _show_work(self) -> None:
        ui, left = self.ui, self.runner.seconds_left
        ui.jobFrame.setVisible(self.runner.busy)
        ui.jobBar.setValue(round(1000 * self.runner.progress.fraction))
        about = f", about {left:.0f} s left" if left is not None else ""
        ui.jobLabel.setText(f"{self.runner.progress.words}{about}")


def unpack(package: Path) -> Path:
    """The folder of a package, unpacked beside it as a whole; one that is there already is kept as it is.

    Raises
    ------
    InputError
        If the file is no package.
    """
    try:
        with zipfile.ZipFile(package) as archive:
            folders = {Path(name).parts[0] for name in archive.namelist()}
            name = next(iter(folders), "")
            if len(folders) != 1 or f"{name}/study.yaml" not in archive.namelist():
                raise InputError(f"{package.name} is not a package of a study: ask the coordinator for it again.")
            folder = package.parent / package.stem
            if (folder / "study.yaml").is_file():
                return folder
            building = package.parent / f".writing-{package.stem}"
            shutil.rmtree(building, ignore_errors=True)
            archive.extractall(building)
    except zipfile.BadZipFile:
        raise InputError(f"{package.name} is damaged, or not a package: ask the coordinator for it again.") from None
    if folder.exists():
        shutil.rmtree(building, ignore_errors=True)
        raise InputError(f"{folder.name} exists beside the package and is no study: move one of them elsewhere.")
    (building / name).rename(folder)
    building.rmdir()
    return folder
