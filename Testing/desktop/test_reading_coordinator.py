"""The coordinator's side of the panel: from cases to a report, packages out and in, disagreements, mistakes."""

from __future__ import annotations

import json
import shutil
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import host  # first: it finds Qt, or puts the stand-ins in place
import qt
from reading_host import Room, RoomsCase, settle
from SynthPerfReaderStudyLib.adjudication import decisions
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State

READERS = [{"id": "R1"}, {"id": "R2"}]


class CoordinatorTest(RoomsCase):
    """A panel for each test; the tiny patients are made once."""

    def room(self, study: Any = None) -> Room:
        room = Room(study.folder if study is not None else None)
        self.rooms.append(room)
        return room

    def done(self, room: Room) -> str:
        """Wait for the end of the work; what is said then."""
        host.wait_until(lambda: not room.panel.runner.busy, 60)
        return str(room.ui.message.text)

    def asking(self, room: Room, **answers: Any) -> Any:
        """Answer the file dialogs."""
        return mock.patch.multiple(
            room.panel.dialogs, **{k: mock.Mock(return_value=str(v)) for k, v in answers.items()}
        )

    def table(self, table: Any) -> list[list[str]]:
        return [
            [table.item(row, column).text() for column in range(table.property("columnCount"))]
            for row in range(table.property("rowCount"))
        ]

    def read(self, room: Room, name: str, value: str) -> None:
        """Read everything as ``name``, always with the same diagnosis."""
        room.choose(name)
        room.begin()
        assert room.desk is not None, room.ui.beginMessage.text
        while room.desk is not None:
            if room.view.state is State.READING:
                for asked in room.view.questions:
                    if asked.question.required:
                        room.desk._said("answer", asked.question.id, value if asked.question.kind == "choice" else 50)
            room.desk.form.go_on()

    def test_a_study_is_created_after_its_plan_was_seen(self) -> None:
        room, ui, out = self.room(), None, self.studies.folder / "made" / "study"
        ui = room.ui
        assert ui.readSection.isHidden()
        ui.createButton.click()
        assert "Choose the folder" in ui.message.text
        ui.protocolSelector.setCurrentIndex(ui.protocolSelector.findText("qsnet rating"))
        ui.protocolSelector.activated.emit(ui.protocolSelector.currentIndex) if not host.IN_SLICER else None
        assert "Image quality" in ui.protocolPreview.plainText
        ui.cohortEdit.setText(str(self.studies.folder / "nowhere"))
        ui.balanceButton.click()
        assert "is not a folder" in ui.message.text
        ui.cohortEdit.setText(str(self.studies.cohort(4)))
        ui.readersEdit.setText("A, B, C")
        ui.balanceButton.click()
        plan = self.table(ui.balanceTable)
        assert {row[0] for row in plan} == {"A", "B", "C"}
        seed = ui.seedEdit.text
        assert seed.isdigit()
        ui.studyEdit.setText(str(out))
        ui.createButton.click()
        assert room.panel.runner.busy
        assert "start number" in self.done(room)
        study = Study.open(out)
        assert study.about["seed"] == int(seed)
        assert study.allocation.readers == ("A", "B", "C")
        readings = {(row[0], row[1]): int(row[2]) for row in plan}
        for reader in study.allocation.readers:
            for number in study.allocation.sessions(reader):
                key = reader, str(number or "practice")
                assert len(study.allocation.session(reader, number)) == readings[key]
        ui.createButton.click()
        assert "never written over" in self.done(room)

    def test_creating_is_stopped_and_nothing_is_left(self) -> None:
        room, out = self.room(), self.studies.folder / "stopped"
        ui = room.ui
        ui.cohortEdit.setText(str(self.studies.cohort(4)))
        ui.studyEdit.setText(str(out))
        ui.createButton.click()
        ui.jobCancelButton.click()
        settle()
        assert not out.exists()
        assert [p for p in out.parent.iterdir() if p.name.startswith(".writing")] == []
        assert "Stopped" in ui.message.text

    def test_from_the_first_reading_to_the_tables(self) -> None:
        study = self.studies.study("wu2025_diagnosis", 4, design={"kind": "fully_crossed", "sessions": 2})
        room = self.room(study)
        ui = room.ui
        assert not ui.exportButton.enabled
        for _ in range(2):
            self.read(room, "R1", "recurrence")
            self.read(room, "R2", "treatment_response")
        room.panel.coordinating.refresh()
        assert {row[3] for row in self.table(ui.progressTable)} == {"complete"}
        ui.casesBox.setChecked(True)
        cells = self.table(ui.casesTable)
        assert len(cells) == 8
        assert {cell for row in cells for cell in row[2:]} == {"read"}
        ui.adjudicateButton.click()
        assert "8 cases are given to A1" in ui.message.text
        self.read(room, "A1 (decides)", "recurrence")
        with study.records() as log:
            assert {decision.value for decision in decisions(study, log)} == {"recurrence"}
        ui.verifyButton.click()
        assert "as they were written" in self.done(room)
        ui.lockButton.click()
        ui.confirmCancelButton.click()
        with study.records() as log:
            assert not log.standing().locked
        ui.unblindButton.click()
        ui.confirmButton.click()
        assert "needs a reason" in ui.message.text
        ui.unblindButton.click()
        ui.reasonEdit.setText("All readers have read.")
        ui.confirmButton.click()
        assert "unblinded" in ui.message.text
        with study.records() as log:
            event = next(log.events(kind=Kind.UNBLINDED))
        assert event.payload["reason"] == "All readers have read."
        tables = self.studies.folder / "tables"
        with self.asking(room, folder=tables):
            ui.exportButton.click()
        assert "files are in" in self.done(room)
        assert (tables / "ratings.csv").is_file()
        results = self.studies.folder / "results"
        with self.asking(room, folder=results), mock.patch.object(qt, "QDesktopServices", create=True) as desktop:
            ui.reportButton.click()
            assert "The report is" in self.done(room)
        assert desktop.openUrl.call_count == 1
        found = json.loads((results / "results.json").read_text(encoding="utf-8"))
        assert any(row["analysis"].startswith("roc.") for row in found["estimates"])

    def test_a_rehearsal(self) -> None:
        study = self.studies.study("qsnet_rating", 4, readers=READERS)
        room, out = self.room(study), self.studies.folder / "rehearsal"
        with self.asking(room, folder=out):
            room.ui.rehearseButton.click()
        assert "The rehearsal is in" in self.done(room)
        assert Study.open(out).simulated

    def test_a_package_goes_out_is_read_and_comes_back(self) -> None:
        study = self.studies.study("qsnet_rating", 4, readers=READERS)
        room, ui = self.room(study), None
        ui = room.ui
        package = self.studies.folder / "sent" / "R2.zip"
        package.parent.mkdir()
        ui.packageButton.click()
        ui.confirmSelector.setCurrentIndex(ui.confirmSelector.findText("R2"))
        with self.asking(room, save_file=package):
            ui.confirmButton.click()
        assert "R2.zip" in self.done(room)
        away = self.room()
        with self.asking(away, open_file=package):
            away.ui.openPackageButton.click()
        assert "A reader's copy" in away.ui.studyLabel.text
        assert away.ui.coordinateSection.isHidden()
        away.begin()
        while away.desk is not None:
            away.answer_all() if away.view.state is State.READING else None
            away.desk.form.go_on()
        answers, receipt = package.parent / "answers.zip", package.parent / "receipt.json"
        with self.asking(away, save_file=receipt):
            away.ui.receiptButton.click()
        assert json.loads(receipt.read_text(encoding="utf-8"))["reader"] == "R2"
        with self.asking(away, save_file=answers):
            away.ui.packButton.click()
        assert "send it to the coordinator" in away.ui.beginMessage.text
        with self.asking(room, open_file=answers):
            ui.mergeButton.click()
        assert "events merged" in self.done(room)
        state = {(row[0], row[1]): row[3] for row in self.table(ui.progressTable)}
        assert (state["R2", "1"], state["R1", "1"]) == ("complete", "not begun")

    def test_what_is_no_study_is_said(self) -> None:
        room = self.room()
        nothing = self.studies.folder / "nothing"
        nothing.mkdir()
        broken = nothing / "broken.zip"
        broken.write_bytes(b"no")
        with self.asking(room, folder=nothing):
            room.ui.openFolderButton.click()
        assert "not a study folder" in room.ui.studyMessage.text
        with self.asking(room, open_file=broken):
            room.ui.openPackageButton.click()
        assert "damaged" in room.ui.studyMessage.text
        study = self.studies.study("qsnet_rating", 4, readers=READERS)
        room.panel.open(str(study.folder))
        assert room.ui.studyMessage.text == ""
        shutil.rmtree(study.folder / "stimuli")
        room.choose("R1")
        room.begin()
        assert room.desk is None
        assert "copy the folder again" in room.ui.beginMessage.text

    def test_the_last_study_is_open_again(self) -> None:
        study = self.studies.study("qsnet_rating", 4, readers=READERS)
        self.room(study)
        again = self.room()
        assert "R1, R2" in again.ui.studyLabel.text
        assert Path(again.panel.study.folder) == study.folder


if __name__ == "__main__":
    unittest.main()
