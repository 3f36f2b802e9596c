"""Disagreement by the protocol's rule, decided blind by a third reader or by consensus; the first answers are kept."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.adjudication import (
    CONSENSUS,
    begin_adjudication,
    decisions,
    disagree,
    open_adjudication,
)
from SynthPerfReaderStudyLib.export.tables import write_decisions
from SynthPerfReaderStudyLib.leaks import scan_texts, words_of
from SynthPerfReaderStudyLib.protocol import Adjudication
from SynthPerfReaderStudyLib.records import Kind, RecordLog
from SynthPerfReaderStudyLib.session import Session, open_session, plans
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, SETTING, Calendar, changed_protocol, tiny_cohort, tiny_study


def given(*values: Any) -> list[dict[str, Any]]:
    return [{"value": None, "not_assessable": v[3:]} if str(v).startswith("NA:") else {"value": v} for v in values]


@pytest.mark.parametrize(
    ("values", "differ", "by_two"),
    [
        ((1, 1), False, False),
        ((1, 2), True, False),
        ((1, 3), True, True),
        ((1, 2, 3), True, True),
        ((0, "NA:artefacts"), True, True),
        (("NA:artefacts", "NA:artefacts"), False, False),
        (("NA:artefacts", "NA:no lesion"), True, True),
    ],
)
def test_what_a_disagreement_is(values: tuple[Any, ...], differ: bool, by_two: bool) -> None:
    any_rule = Adjudication(items=("a",), by="consensus")
    wide_rule = Adjudication(items=("a",), by="consensus", disagreement="at_least", difference=2)
    assert disagree(any_rule, given(*values)) is differ
    assert disagree(wide_rule, given(*values)) is by_two


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_cohort(tmp_path_factory.mktemp("adjudication") / "cohort", 4)


@pytest.fixture(scope="module")
def third_reader(cohort: Path) -> Study:
    """wu2025_diagnosis: a third reader decides on the diagnosis."""
    return tiny_study("wu2025_diagnosis", cohort, cohort.parent / "third")


@pytest.fixture(scope="module")
def consensus(cohort: Path) -> Study:
    """wu2025_quality: the readers decide together on three grades."""
    return tiny_study("wu2025_quality", cohort, cohort.parent / "together")


_numbers = itertools.count()


def log_of(study: Study, folder: Path, clock: Calendar) -> RecordLog:
    return RecordLog.create(folder / f"{next(_numbers)}.sqlite", study.id, study.form.protocol_sha256, clock=clock)


def read(study: Study, log: RecordLog, clock: Calendar, reader: str, say: Callable[[Session], None]) -> None:
    """All sessions of one reader."""
    for _ in plans(study, reader):
        session = open_session(study, log, reader, SETTING, experience=EXPERIENCE, clock=clock)
        while session.view.state is State.READING:
            say(session)
            session.submit()
        session.close()
        clock.wait(days=study.form.washout_days + 1)


def diagnosing(study: Study, positive: set[str]) -> Callable[[Session], None]:
    def say(session: Session) -> None:
        word = "recurrence" if session.view.stimulus in positive else "treatment_response"
        session.answer("diagnosis", word)
        session.answer("confidence", 50)

    assert study.form.question("diagnosis")
    return say


def test_a_third_reader_decides_what_is_in_dispute(third_reader: Study, tmp_path: Path) -> None:
    study, clock = third_reader, Calendar()
    with log_of(study, tmp_path, clock) as log:
        codes = [code for plan in plans(study, "R1") for code in plan.codes]
        one, two = codes[0], codes[5]
        read(study, log, clock, "R1", diagnosing(study, {one}))
        assert decisions(study, log) == ()  # R2 has read nothing yet
        with pytest.raises(InputError, match="agree wherever all have read"):
            begin_adjudication(study, log)
        read(study, log, clock, "R2", diagnosing(study, {two}))
        found = {d.stimulus: d for d in decisions(study, log)}
        assert {code for code, d in found.items() if d.by == "open"} == {one, two}
        assert {d.value for d in found.values() if d.by == "agreed"} == {"treatment_response"}

        with pytest.raises(InputError, match="R1 is no adjudicator"):
            begin_adjudication(study, log, "R1")
        opened = begin_adjudication(study, log)
        assert (opened.reader, sorted(opened.payload["order"])) == ("A1", sorted((one, two)))
        with pytest.raises(InputError, match="given out already"):
            begin_adjudication(study, log)
        with pytest.raises(InputError, match="nothing to decide for R1"):
            open_adjudication(study, log, "R1", SETTING)

        session = open_adjudication(study, log, "A1", SETTING, clock=clock)
        assert session.view.total == 2
        # Only what is in dispute is asked, and nothing of what was answered is shown.
        assert [(a.question.id, a.value) for a in session.view.questions] == [("diagnosis", None)]
        shown = session.view.as_json()
        texts = {key: str(shown[key]) for key in ("stimulus", "images", "layout", "regions", "missing")}
        assert scan_texts(texts, words_of(study)) == []
        assert not any(reader in str(shown) for reader in ("R1", "R2"))
        session.answer("diagnosis", "recurrence")
        # A crash, and the same seat again.
        session = open_adjudication(study, log, "A1", SETTING, clock=clock)
        assert session.view.questions[0].value == "recurrence"
        first = session.view.stimulus
        session.submit()
        session.not_assessable("diagnosis", "artefacts")
        session.submit()
        session.close()
        with pytest.raises(InputError, match="A1 has decided everything"):
            open_adjudication(study, log, "A1", SETTING)

        found = {d.stimulus: d for d in decisions(study, log)}
        other = ({one, two} - {first}).pop()
        assert (found[first].value, found[first].by) == ("recurrence", "third_reader")
        assert (found[other].value, found[other].by) == ("NA:artefacts", "third_reader")
        # What R1 and R2 answered is still there, and counts as it did.
        answers = [e for e in log.events(kind=Kind.ANSWER) if e.stimulus == one and e.payload["item"] == "diagnosis"]
        assert {e.reader: e.payload["value"] for e in answers} == {"R1": "recurrence", "R2": "treatment_response"}
        assert Job(log.verify()).run().ok

        write_decisions(study, log, tmp_path / "decisions.csv")
        with (tmp_path / "decisions.csv").open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert len(rows) == 8
        entry = study.code_book().entry(first)
        assert {"case": entry.case, "arm": entry.arms[0], "item": "diagnosis", "value": "recurrence",
                "by": "third_reader"} in rows  # fmt: skip


def grading(grades: dict[str, tuple[int, int, int]]) -> Callable[[Session], None]:
    def say(session: Session) -> None:
        for item, grade in zip(
            ("distribution", "degree", "border_shape"), grades.get(session.view.stimulus, (2, 2, 2)), strict=True
        ):
            session.answer(item, grade)

    return say


def test_the_readers_decide_together(consensus: Study, tmp_path: Path) -> None:
    study, clock = consensus, Calendar()
    with log_of(study, tmp_path, clock) as log:
        codes = plans(study, "R1")[0].codes
        read(study, log, clock, "R1", grading({codes[0]: (3, 2, 1)}))
        read(study, log, clock, "R2", grading({codes[1]: (2, 0, 2)}))
        opened = begin_adjudication(study, log)
        assert opened.reader == CONSENSUS
        assert {code: sorted(items) for code, items in opened.payload["items"].items()} == {
            codes[0]: ["border_shape", "distribution"],
            codes[1]: ["degree"],
        }
        session = open_adjudication(study, log, CONSENSUS, SETTING, clock=clock)
        while session.view.state is State.READING:
            with pytest.raises(InputError, match="Still to do"):
                session.submit()
            for asked in session.view.questions:
                session.answer(asked.question.id, 1)
            session.submit()
        session.close()
        decided = {(d.stimulus, d.item): (d.value, d.by) for d in decisions(study, log)}
        assert len(decided) == 3 * 4
        assert decided[codes[0], "distribution"] == ("1", CONSENSUS)
        assert decided[codes[0], "degree"] == ("2", "agreed")
        assert decided[codes[1], "degree"] == ("1", CONSENSUS)
        # After the reads are locked the readers write nothing any more, but what is open may still be decided.
        log.lock()
        assert len(decisions(study, log)) == 12


def test_conditional_questions_are_asked_by_themselves(cohort: Path, tmp_path: Path) -> None:
    """The grade is in dispute though the question that leads to it is not."""
    questions = [
        {"id": "seen", "kind": "choice", "text": "Seen?", "choices": [{"value": v, "label": v} for v in ("yes", "no")]},
        {
            "id": "size",
            "kind": "likert",
            "text": "Size",
            "anchors": {1: "small", 2: "medium", 3: "large"},
            "when": {"item": "seen", "is": ["yes"]},
        },
    ]
    rule = {"items": ["seen", "size"], "by": "consensus", "disagreement": "any"}
    keys = {"questions": questions, "adjudication": rule, "analysis": None}
    protocol = changed_protocol(tmp_path / "p.yaml", "wu2025_quality", **keys)
    study, clock = tiny_study(protocol, cohort, tmp_path / "study"), Calendar()

    def seeing(size: int) -> Callable[[Session], None]:
        def say(session: Session) -> None:
            session.answer("seen", "yes" if size else "no")
            if size:
                session.answer("size", size)

        return say

    with log_of(study, tmp_path, clock) as log:
        read(study, log, clock, "R1", seeing(1))
        read(study, log, clock, "R2", seeing(3))
        assert {(d.item, d.by) for d in decisions(study, log)} == {("seen", "agreed"), ("size", "open")}
        begin_adjudication(study, log)
        session = open_adjudication(study, log, CONSENSUS, SETTING, clock=clock)
        assert [asked.question.id for asked in session.view.questions] == ["size"]
        session.answer("size", 2)
        session.submit()


def test_a_protocol_without_adjudication_says_so(cohort: Path, tmp_path: Path) -> None:
    study = tiny_study("wang_roi", cohort, tmp_path / "study", stimuli=False)
    with study.records() as log, pytest.raises(InputError, match="no adjudication"):
        decisions(study, log)
