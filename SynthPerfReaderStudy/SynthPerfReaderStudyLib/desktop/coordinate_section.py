"""Following a study and closing it: progress, packages, disagreements, lock, unblinding, tables, report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from SynthPerfLib.desktop.controls import Choice, Table, allow, say
from SynthPerfLib.desktop.runner import Runner
from SynthPerfLib.desktop.sentences import sentence
from SynthPerfLib.errors import SynthPerfError
from SynthPerfLib.jobs import Progress, Steps, part

from .. import coordination
from ..libraries import REPORT, require
from ..overview import overview
from ..people import is_whole
from ..records import Clock, RecordLog
from ..study import Study
from .dialogs import Dialogs

Does = Callable[[], Any]


class CoordinateSection:
    """The section *Coordinate*.

    Parameters
    ----------
    say
        Shows a sentence.
    changed
        Called when something changed that the reader's section shows.
    """

    def __init__(
        self,
        ui: Any,
        runner: Runner,
        dialogs: Dialogs,
        say_: Callable[[str], Any],
        changed: Does,
        clock: Clock | None = None,
    ) -> None:
        self.ui, self._runner, self._dialogs, self._say, self._changed = ui, runner, dialogs, say_, changed
        self._clock = clock or Clock()
        self._study: Study | None = None
        self._confirmed: Does | None = None
        self._who = Choice(ui.confirmSelector, lambda _: None)
        self._buttons = (
            (ui.rehearseButton, self.rehearse),
            (ui.verifyButton, self.verify),
            (ui.packageButton, self._ask_for_package),
            (ui.mergeButton, lambda: self.merge(dialogs.open_file("Package that came back", "Packages (*.zip)"))),
            (ui.mergeFolderButton, lambda: self.merge(dialogs.folder("Folder that came back"))),
            (ui.adjudicateButton, self.adjudicate),
            (ui.allowButton, self._ask_for_exception),
            (ui.lockButton, self._ask_for_lock),
            (ui.unblindButton, self._ask_for_unblinding),
            (ui.exportButton, self.export),
            (ui.reportButton, self.report),
        )
        for button, does in self._buttons:
            button.connect("clicked()", does)
        ui.refreshButton.connect("clicked()", self.refresh)
        ui.casesBox.connect("toggled(bool)", lambda _: self.refresh())
        ui.confirmButton.connect("clicked()", self._confirm)
        ui.confirmCancelButton.connect("clicked()", self._think_better)
        self.use(None)

    def use(self, study: Study | None) -> None:
        """Follow a study; a reader's copy and None are followed by nobody."""
        self._study = study if study is not None and is_whole(study) else None
        self.ui.coordinateSection.setVisible(self._study is not None)
        self.ui.casesBox.setChecked(False)
        self._think_better()
        self.refresh()

    def refresh(self) -> None:
        """Read the record again."""
        ui, study = self.ui, self._study
        if study is None:
            return
        try:
            with self._log(study) as log:
                found = overview(study, log, self._clock.utc())
            table = coordination.sessions(found)
            Table(ui.progressTable, table.columns).fill(table.rows)
            patients = coordination.cases(study, found) if ui.casesBox.checked else coordination.Grid(("",), ())
            Table(ui.casesTable, patients.columns).fill(patients.rows)
        except (SynthPerfError, OSError) as error:
            self._say(sentence(error))
            return
        missing = f"{len(found.missing)} of {found.planned}" if found.missing else "No"
        state = "The study is unblinded. " if found.unblinded else "The reads are locked. " if found.locked else ""
        simulated = "All answers are simulated. " if found.simulated else ""
        say(
            ui.progressLabel,
            f"{simulated}{state}{missing} readings are missing, {found.not_assessable} not assessable.",
        )
        allow(ui.lockButton, not found.locked, "The reads are locked.")
        allow(ui.unblindButton, not found.unblinded, "The study is unblinded.")
        not_yet = "Lock the reads first: tables and results name the conditions."
        for button in (ui.exportButton, ui.reportButton):
            allow(button, bool(found.locked or found.unblinded), not_yet)
        rule = study.protocol.adjudication
        allow(ui.adjudicateButton, rule is not None, "The protocol has no rule for disagreements: the answers stand.")
        washout = study.form.washout_days
        allow(ui.allowButton, washout > 0, "The protocol has no washout: sessions wait for nothing.")

    # Work ---------------------------------------------------------------------------------------------------------

    def rehearse(self) -> None:
        """Let simulated readers read the whole study into a folder of its own."""
        from ..rehearsal import rehearse

        study = self._one()
        folder = self._dialogs.folder("An empty folder for the rehearsal") if study is not None else ""
        if study is not None and folder:
            self._work(lambda: rehearse(study, Path(folder)), lambda done: f"The rehearsal is in {done.folder}.")

    def verify(self) -> None:
        """Check that record, images and receipts are as they were written."""
        from ..records import Receipt
        from ..verify import verify_study

        study = self._one()
        if study is None:
            return

        def told(found: Any) -> str:
            if found.ok:
                return f"{found.events} events, the images and the receipts are as they were written."
            first = found.problems[0].words
            return f"{found.problem_count} problems in {found.events} events. The first: {first}."

        def steps() -> Steps[Any]:
            kept = sorted((study.folder / "receipts").glob("*.json"))
            return verify_study(study, [Receipt.read(path) for path in kept])

        self._work(steps, told)

    def merge(self, results: str) -> None:
        """Take in what was read elsewhere."""
        from ..packages import conflicts, merge

        study = self._one()
        if study is None or not results:
            return

        def told(done: Any) -> str:
            with self._log(study) as log:
                found = conflicts(log)
            self._changed()
            return f"{done.words} {len(found)} answers are in conflict." if found else done.words

        self._work(lambda: merge(study, Path(results)), told)

    def adjudicate(self) -> None:
        """Give out what the readers disagree on."""
        from ..adjudication import begin_adjudication

        study = self._one()
        if study is None:
            return

        def does() -> str:
            with self._log(study) as log:
                event = begin_adjudication(study, log)
            return f"{len(event.payload['order'])} cases are given to {event.reader} to decide."

        self._do(does)

    def export(self) -> None:
        """Write the tables."""
        from ..export import export_study

        study = self._one()
        folder = self._dialogs.folder("A folder for the tables") if study is not None else ""
        if study is not None and folder:
            self._work(
                lambda: export_study(study, Path(folder)),
                lambda done: " ".join((f"{len(done.files)} files are in {folder}.", *done.notes)),
            )

    def report(self) -> None:
        """Compute everything, and open the report in the browser."""
        study = self._one()
        folder = self._dialogs.folder("A folder for the results") if study is not None else ""
        if study is not None and folder:
            self._work(lambda: _report(study, Path(folder)), _opened)

    # What is asked first ------------------------------------------------------------------------------------------

    def _ask_for_package(self) -> None:
        study = self._one()
        if study is None:
            return
        sites = sorted({reader.site for reader in study.protocol.reading if reader.site})
        who = {**{reader: reader for reader in study.allocation.readers}, **{f"{s} (a site)": s for s in sites}}

        def does() -> None:
            from ..packages import make_package

            file = self._dialogs.save_file("Package", f"{self._who.value}.zip")
            if file:
                self._work(
                    lambda: make_package(study, self._who.value, Path(file)),
                    lambda path: f"{path.name}: for {self._who.value} to read, and to send back.",
                )

        self._ask("Make a package for whom?", does, who=who)

    def _ask_for_exception(self) -> None:
        from ..session import override_washout

        study = self._one()
        if study is None:
            return
        waiting = {
            f"{reader}, session {number}": (reader, number)
            for reader in study.allocation.readers
            for number in study.allocation.sessions(reader)
            if number > 1
        }

        def does() -> str:
            reader, number = self._who.value
            with self._log(study) as log:
                override_washout(study, log, reader, number, self.ui.reasonEdit.text)
            self._changed()
            return f"{reader} may begin session {number}; the reason stands in the record."

        self._ask(
            "Let who begin before the washout is over, and why?", lambda: self._do(does), who=waiting, reason=True
        )

    def _ask_for_lock(self) -> None:
        study = self._one()
        if study is not None:
            self._ask(
                f"{self.ui.progressLabel.text} Lock the reads? No answer can be added any more. It cannot be undone.",
                lambda: self._for_good(lambda log: coordination.lock(study, log), "The reads are locked"),
            )

    def _ask_for_unblinding(self) -> None:
        study = self._one()
        if study is not None:
            self._ask(
                f"{self.ui.progressLabel.text} Open the code book, and lock the reads? It cannot be undone. Say why.",
                lambda: self._for_good(
                    lambda log: coordination.unblind(study, log, self.ui.reasonEdit.text), "The study is unblinded"
                ),
                reason=True,
            )

    def _ask(self, words: str, does: Does, who: dict[str, Any] | None = None, reason: bool = False) -> None:
        ui = self.ui
        self._confirmed = does
        say(ui.confirmLabel, words)
        ui.confirmSelector.setVisible(who is not None)
        if who is not None:
            self._who.show(who)
        ui.reasonEdit.setVisible(reason)
        ui.reasonEdit.setText("")
        ui.confirmFrame.setVisible(True)
        self._say("")

    def _confirm(self) -> None:
        does, self._confirmed = self._confirmed, None
        self.ui.confirmFrame.setVisible(False)
        if does is not None:
            does()

    def _think_better(self) -> None:
        self._confirmed = None
        self.ui.confirmFrame.setVisible(False)

    # How it is done -----------------------------------------------------------------------------------------------

    def _one(self) -> Study | None:
        """The study, if nothing else is being done."""
        if self._runner.busy:
            self._say("Something else is being done: wait for its end, or stop it.")
            return None
        return self._study

    def _for_good(self, does: Callable[[RecordLog], Any], words: str) -> None:
        study = self._study
        if study is None:
            return

        def done() -> str:
            with self._log(study) as log:
                event = does(log)
            self._changed()
            return f"{words} (event {event.seq})."

        self._do(done)

    def _do(self, does: Callable[[], str]) -> None:
        try:
            words = does()
        except (SynthPerfError, OSError) as error:
            words = sentence(error)
        self.refresh()
        self._say(words)

    def _work(self, steps: Callable[[], Steps[Any]], told: Callable[[Any], str]) -> None:
        def done(result: Any) -> None:
            words = told(result)
            self.refresh()
            self._say(words)

        self._say("")
        try:
            self._runner.start(steps(), done, self._dialogs.failed)
        except (SynthPerfError, OSError) as error:
            self._say(sentence(error))

    def _log(self, study: Study) -> RecordLog:
        return study.records(clock=self._clock)


def _report(study: Study, folder: Path) -> Steps[Path]:
    from ..analysis import analyse_study, write_analysis
    from ..report import write_report

    require("The report", *REPORT)
    import matplotlib

    matplotlib.use("agg")  # what it would choose by itself loads another Qt into Slicer
    done = yield from part(analyse_study(study.folder, folder), 0.0, 0.8)
    write_analysis(done, folder)
    yield Progress(0.85, "report")
    return write_report(done, folder)


def _opened(report: Path) -> str:
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(report)))
    return f"The report is {report}; it opens in the browser."
