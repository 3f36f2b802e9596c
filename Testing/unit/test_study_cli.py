"""``synthperf study ...`` as people and programs call it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from SynthPerfLib.cli import main
from SynthPerfReaderStudyLib.session import open_session
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, SETTING, tiny_cohort, tiny_study

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; its exit code, what it printed, what it said on stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(["study", *map(str, words)])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_cohort(tmp_path_factory.mktemp("cli") / "cohort", 4)


@pytest.fixture(scope="module")
def original(cohort: Path) -> Path:
    return tiny_study("wu2025_diagnosis", cohort, cohort.parent / "study").folder


@pytest.fixture
def study(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "study"))


def read_one_session(folder: Path, reader: str, stimuli: int = 99) -> None:
    study = Study.open(folder)
    with study.records() as log:
        session = open_session(study, log, reader, SETTING, experience=EXPERIENCE)
        while session.view.state is State.READING and session.view.done < stimuli:
            session.answer("diagnosis", "recurrence")
            session.not_assessable("confidence", "artefacts")
            session.submit()
        session.close()


def test_create(call: Call, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    code, said, _ = call("create", "wu2025_diagnosis", cohort, "--out", out, "--readers", "R2,R7,R8", "--seed", 9)
    assert code == 0
    assert "4 cases, 3 readers, 24 readings, seed 9" in said
    study = Study.open(out)
    assert study.allocation.readers == ("R2", "R7", "R8")
    readers = yaml.safe_load((out / "protocol.yaml").read_text())["readers"]
    assert readers[0] == {"id": "R2", "years": 17, "training": "neuroradiology"}  # as the protocol describes them
    assert [reader["id"] for reader in readers] == ["R2", "R7", "R8", "A1"]
    code, said, _ = call("create", "wu2025_quality", cohort, "--out", tmp_path / "plan", "--without-stimuli", "--json")
    result = json.loads(said)
    assert (code, result["cases"], result["stimuli"]) == (0, 4, False)
    assert not (tmp_path / "plan" / "stimuli").exists()
    again = call("create", "wu2025_quality", cohort, "--out", tmp_path / "plan")
    assert again[0] == 2
    assert "never written over" in again[2]


def test_status_shows_progress_and_what_is_missing(call: Call, study: Path) -> None:
    read_one_session(study, "R1", stimuli=3)
    code, said, _ = call("status", study)
    assert code == 0
    lines = said.splitlines()
    assert lines[0].startswith("Recurrence or treatment response: study ")
    rows = [line.split() for line in lines[2:6]]
    assert [row[:4] for row in rows] == [["R1", "1", "3", "4"], ["R1", "2", "0", "4"], ["R2", "1", "0", "4"],
                                         ["R2", "2", "0", "4"]]  # fmt: skip
    assert rows[0][4] == "left"
    assert "not begun" in lines[3]
    assert "28 days" in lines[3]
    assert lines[6] == "13 of 16 readings are missing, 3 answers are 'not assessable'."
    result = json.loads(call("status", study, "--json")[1])
    assert (len(result["missing"]), result["planned"], result["not_assessable"]) == (13, 16, 3)
    assert set(result["missing"][0]) == {"reader", "session", "stimulus"}
    assert result["sessions"][0]["state"] == "left"
    assert not result["simulated"]


def test_verify_finds_what_was_changed(call: Call, study: Path, tmp_path: Path) -> None:
    read_one_session(study, "R1")
    code, said, _ = call("verify", study)
    assert code == 0
    assert "events and 1 receipts are as they were written" in said
    result = json.loads(call("verify", study, "--json")[1])
    assert result["ok"] is True
    (receipt,) = (study / "receipts").iterdir()

    def broken(name: str, change: Callable[[Path], None]) -> tuple[int, str]:
        copy = Path(shutil.copytree(study, tmp_path / name))
        change(copy)
        code, said, _ = call("verify", copy)
        return code, said

    def edit_event(folder: Path) -> None:
        with sqlite3.connect(folder / "records.sqlite") as base:
            base.execute("DROP TRIGGER events_update")
            base.execute(
                "UPDATE events SET event = replace(event, '\"recurrence\"', '\"treatment_response\"') WHERE seq = 5"
            )
        base.close()

    code, said = broken("event", edit_event)
    assert code == 1
    assert "event 5 was changed" in said

    def cut_off(folder: Path) -> None:
        shutil.rmtree(folder / "receipts")
        with sqlite3.connect(folder / "records.sqlite") as base:
            trigger = base.execute("SELECT sql FROM sqlite_master WHERE name = 'events_delete'").fetchone()[0]
            base.execute("DROP TRIGGER events_delete")
            base.execute("DELETE FROM events WHERE seq > 4")
            base.execute(trigger)
        base.close()

    assert broken("cut", cut_off)[0] == 0  # a shorter log is whole in itself ...
    code, said, _ = call("verify", tmp_path / "cut", "--receipt", receipt)
    assert code == 1  # ... but not for a reader who kept a receipt
    assert "the receipt of R1" in said

    stimulus = next((study / "stimuli").iterdir()).name

    def edit_map(folder: Path) -> None:
        (folder / "stimuli" / stimulus / "map_a.nii.gz").write_bytes(b"nothing")

    code, said = broken("map", edit_map)
    assert code == 1
    assert stimulus in said
    for name in ("protocol.yaml", "sealed/codebook.json", "allocation.csv"):

        def edit(folder: Path, name: str = name) -> None:
            text = (folder / name).read_text()
            (folder / name).write_text(text.replace("R1", "R3", 1) if "R1" in text else text.replace("mri_asl", "x", 1))

        code, said = broken(name.replace("/", "_"), edit)
        assert code == 1
        assert said.strip()


def test_lock_unblind_and_export(call: Call, study: Path, tmp_path: Path) -> None:
    read_one_session(study, "R1")
    code, _, error = call("export", study, "--out", tmp_path / "out")
    assert code == 2
    assert "not locked" in error
    code, _, _ = call("export", study, "--out", tmp_path / "early", "--interim")
    assert code == 0
    assert all(path.name.startswith("interim_") for path in (tmp_path / "early").iterdir())
    code, said, _ = call("lock", study, "--yes")
    assert code == 0
    assert "12 of 16 readings are missing. The reads are locked" in said
    assert call("lock", study, "--yes")[0] == 2
    assert "The reads are locked (event" in call("status", study)[1]
    code, said, _ = call("export", study, "--out", tmp_path / "out", "--json")
    assert code == 0
    names = {Path(path).name for path in json.loads(said)["files"]}
    assert {"ratings.csv", "truth.csv", "events.jsonl", "export.json", "decisions.csv"} <= names
    with (tmp_path / "out" / "ratings.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert sum(row["value"] == "NA:artefacts" for row in rows) == 4
    code, said, _ = call("unblind", study, "--yes", "--json")
    assert code == 0
    assert json.loads(said)["missing"] == 12
    assert "unblinded (event" in call("status", study)[1]
    assert call("verify", study)[0] == 0


def test_on_a_terminal_one_is_asked_first(call: Call, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    code, _, error = call("unblind", study)
    assert code == 2
    assert "cannot be undone" in error
    assert "Nothing was changed" in error
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert call("unblind", study)[0] == 0


def test_package_and_merge(call: Call, study: Path, tmp_path: Path) -> None:
    code, said, _ = call("package", study, "--reader", "R1", "--out", tmp_path / "r1.zip")
    assert code == 0
    assert "R1" in said
    with zipfile.ZipFile(tmp_path / "r1.zip") as package:
        package.extractall(tmp_path / "site")
    read_one_session(tmp_path / "site" / "R1", "R1")
    code, said, _ = call("merge", study, tmp_path / "site" / "R1", "--conflicts", tmp_path / "conflicts.csv")
    assert code == 0
    assert "No answer is in conflict" in said
    assert (tmp_path / "conflicts.csv").read_text().startswith("reader,stimulus")
    result = json.loads(call("merge", study, tmp_path / "site" / "R1", "--json")[1])
    assert result["merged"][0]["appended"] == 0
    assert result["conflicts"] == []
    assert "12 of 16 readings are missing" in call("status", study)[1]
    assert call("verify", study)[0] == 0
    code, _, error = call("package", study, "--reader", "R9", "--out", tmp_path / "r9.zip")
    assert (code, "no reader or site R9" in error) == (2, True)


def test_an_exception_from_the_washout(call: Call, study: Path) -> None:
    read_one_session(study, "R1")
    code, said, _ = call("allow", study, "--reader", "R1", "--session", 2, "--reason", "leaves tomorrow")
    assert code == 0
    assert "R1 may open session 2" in said
    read_one_session(study, "R1")
    assert call("allow", study, "--reader", "R1", "--session", 9, "--reason", "x")[0] == 2
    assert call("allow", study, "--reader", "R1", "--session", 2, "--reason", " ")[0] == 2


def test_cases_are_added_at_the_end(call: Call, study: Path, cohort: Path, tmp_path: Path) -> None:
    before = Study.open(study).allocation.rows
    more = tiny_cohort(tmp_path / "more", 6)
    code, said, _ = call("add-cases", study, more)
    assert code == 0
    assert "2 cases added: 8 readings" in said
    after = Study.open(study).allocation
    assert [row for row in after.rows if row in before] == list(before)
    assert call("add-cases", study, cohort)[0] == 2


def test_rehearse_and_adjudicate(call: Call, study: Path, tmp_path: Path) -> None:
    options = ("--auc", "mri_asl=0.7,mri_synthetic_cbv=0.9", "--bias", "0.1,R2=-0.5", "--missing", "R2=0.2")
    code, said, _ = call("rehearse", study, "--out", tmp_path / "try", "--seed", 3, *options)
    assert code == 0
    assert "simulated readers" in said
    assert "(simulated)" in call("status", tmp_path / "try")[1]
    code, said, _ = call("export", tmp_path / "try", "--out", tmp_path / "out")
    assert "All answers are simulated." in said
    created = json.loads((tmp_path / "out" / "simulated_events.jsonl").read_text().splitlines()[1])["payload"]
    assert created["readers"]["R2"] == {
        "auc": 0.8,
        "by_arm": {"mri_asl": 0.7, "mri_synthetic_cbv": 0.9},
        "bias": -0.5,
        "drift": 0.0,
        "missing": 0.2,
        "case_share": 0.4,
    }
    assert created["readers"]["R1"]["bias"] == 0.1
    for wrong in (("--auc", "high"), ("--auc", "1.2"), ("--auc", "nowhere=0.8"), ("--drift", "")):
        code, _, error = call("rehearse", study, "--out", tmp_path / "no", *wrong)
        assert (code, error.count("\n")) == (2, 1)
    code, _, error = call("adjudicate", study)
    assert code == 2
    assert "agree wherever all have read" in error


def test_schema_and_help(call: Call) -> None:
    code, said, _ = call("schema")
    assert code == 0
    assert "questions" in json.loads(said)["properties"]
    for name in (
        "",
        "create",
        "status",
        "verify",
        "export",
        "merge",
        "package",
        "lock",
        "unblind",
        "rehearse",
        "schema",
    ):
        code, said, _ = call(*name.split(), "--help")
        assert code == 0
        assert "usage: synthperf study" in said


@pytest.mark.parametrize(
    "words",
    [
        ("status", "nowhere"),
        ("verify", "nowhere"),
        ("export", "nowhere", "--out", "x"),
        ("create", "no_such_protocol", "nowhere", "--out", "x"),
        ("create", "wu2025_quality", "nowhere", "--out", "x", "--readers", ","),
        ("create", "wu2025_diagnosis", "nowhere", "--out", "x", "--readers", "A1"),
        ("package", "nowhere", "--reader", "R1"),
        ("fly",),
    ],
)
def test_bad_input_is_one_sentence(call: Call, words: tuple[Any, ...]) -> None:
    code, said, error = call(*words)
    assert code == 2
    assert said == ""
    assert error.count("\n") == 1
    assert "Traceback" not in error
