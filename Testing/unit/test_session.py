"""The session machine: what it saves, what it refuses, where it goes on, what it never says."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.leaks import scan_texts, words_of
from SynthPerfReaderStudyLib.reading import submitted
from SynthPerfReaderStudyLib.records import Event, Kind, Receipt, RecordLog
from SynthPerfReaderStudyLib.session import Session, open_session, override_washout
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import Experience, Monitor, Setting, State
from tiny_studies import EXPERIENCE, LESION, SETTING, Calendar, changed_protocol, tiny_cohort, tiny_study

GRADES = {0: "none", 1: "some", 2: "much"}
STAGED = {
    "arms": [
        {"id": "mri_asl", "title": "Standard MRI with ASL", "layout": [["T1", "T2", "FLAIR"], ["ADC", "T1C", "asl"]]},
        {
            "id": "mri_synthetic_cbv",
            "title": "The same with synthetic CBV",
            "layout": [["T1", "T2", "FLAIR"], ["ADC", "T1C", "asl", "cbv"]],
        },
    ],
    "questions": [
        {
            "id": "diagnosis",
            "kind": "choice",
            "text": "Diagnosis",
            "choices": [{"value": "recurrence", "label": "Recurrence"}, {"value": "treatment", "label": "Treatment"}],
            "not_assessable": ["artefacts"],
        },
        {
            "id": "extent",
            "kind": "likert",
            "text": "Extent",
            "anchors": GRADES,
            "when": {"item": "diagnosis", "is": ["recurrence"]},
        },
        {
            "id": "certain",
            "kind": "likert",
            "text": "Certain?",
            "anchors": GRADES,
            "required": False,
            "when": {"item": "extent", "is": [1, 2]},
        },
        {"id": "remark", "kind": "text", "text": "Remark", "stages": [2]},
    ],
    "rois": [
        {
            "id": "tumour",
            "title": "Tumour",
            "tissue": "lesion",
            "area_cm2": 0.64,
            "drawn_on": ["asl"],
            "copied_to": ["cbv"],
            "values_shown": True,
        },
        {
            "id": "edge",
            "title": "Edge",
            "tissue": "other",
            "shape": "freehand",
            "required": False,
            "drawn_on": ["asl", "cbv"],
        },
    ],
    "design": {"kind": "sequential", "order": ["mri_asl", "mri_synthetic_cbv"], "practice": {"cases": 1}},
    "navigation": {"back": True},
    "adjudication": None,
    "analysis": None,
}
"""A staged reveal with conditional questions, regions, practice with feedback, and the way back."""

ON_LESION, ELSEWHERE = LESION, (-24.0, 0.0, 0.0)
AROUND = [(30, -8, 0), (42, -8, 0), (42, 8, 0), (30, 8, 0)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    tiny_cohort(folder / "cohort", 4)
    return folder


@pytest.fixture(scope="module")
def crossed(place: Path) -> Study:
    """wu2025_diagnosis: two arms in two sessions, 28 days apart."""
    return tiny_study("wu2025_diagnosis", place / "cohort", place / "crossed")


@pytest.fixture(scope="module")
def staged(place: Path) -> Study:
    protocol = changed_protocol(place / "staged.yaml", "wu2025_diagnosis", **STAGED)
    return tiny_study(protocol, place / "cohort", place / "staged")


_logs = itertools.count()


class Seat:
    """A reader at a study with a log of its own, and a clock."""

    def __init__(self, study: Study, folder: Path, reader: str = "R1") -> None:
        self.study, self.reader = study, reader
        self.clock = Calendar()
        self.place = folder / f"log-{next(_logs)}.sqlite"
        self.log = RecordLog.create(self.place, study.id, study.form.protocol_sha256, clock=self.clock)
        self.session: Session

    def open(self, number: int | None = None, experience: Experience | None = None) -> Session:
        self.session = open_session(
            self.study, self.log, self.reader, SETTING, number, experience=experience, clock=self.clock
        )
        return self.session

    def crash(self) -> Session:
        """The program is gone without a word; another one opens the same log."""
        self.log.close()
        self.log = RecordLog.open(self.place, self.study.form.protocol_sha256, clock=self.clock)
        return self.open(self.session.plan.number)

    def events(self, kind: Kind | None = None) -> list[Event]:
        """What stands in the log, read by another program."""
        with RecordLog.open(self.place, self.study.form.protocol_sha256) as other:
            return list(other.events(kind=kind))

    def verified(self) -> bool:
        with RecordLog.open(self.place, self.study.form.protocol_sha256) as other:
            return Job(other.verify()).run().ok


@pytest.fixture
def seat(crossed: Study, tmp_path: Path) -> Iterator[Seat]:
    made = Seat(crossed, tmp_path)
    made.open(experience=EXPERIENCE)
    yield made
    made.log.close()


@pytest.fixture
def staged_seat(staged: Study, tmp_path: Path) -> Iterator[Seat]:
    """After the practice, at the first real stimulus."""
    made = Seat(staged, tmp_path)
    practice = made.open(experience=EXPERIENCE)
    read_staged(practice)
    practice.close()
    made.open()
    yield made
    made.log.close()


def read_crossed(session: Session) -> None:
    while session.view.state is State.READING:
        session.answer("diagnosis", "recurrence")
        session.answer("confidence", 80)
        session.submit()


def read_staged(session: Session, stimuli: int = 99) -> None:
    for _ in range(stimuli):
        if session.view.state is not State.READING:
            return
        session.answer("diagnosis", "treatment")
        session.draw_disc("tumour", 1, session.view.regions[0].map, ON_LESION)
        session.next_stage()
        session.answer("diagnosis", "treatment")
        session.submit()


def values(session: Session) -> dict[str, Any]:
    return {asked.question.id: asked.value for asked in session.view.questions}


def refused(call: Any, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


# Reading, saving, resuming --------------------------------------------------------------------------------------


def test_a_session_from_start_to_receipt(seat: Seat, crossed: Study) -> None:
    session = seat.session
    assert [row.stimulus for row in crossed.allocation.session("R1", 1)] == list(session.plan.codes)
    assert (session.view.state, session.view.done, session.view.total) == (State.READING, 0, 4)
    assert session.view.missing == ("Diagnosis", "How likely is a tumour recurrence?")
    read_crossed(session)
    assert (session.view.state, session.view.done) == (State.FINISHED, 4)
    receipt = session.close()
    assert session.view.state is State.CLOSED
    last = seat.events()[-1]
    assert (receipt.seq, receipt.head, receipt.session) == (last.seq, last.hash, "R1-1")
    kept = crossed.folder / "receipts" / f"R1-1-{receipt.seq}.json"
    assert Receipt.read(kept) == receipt
    assert last.kind is Kind.SESSION_CLOSED
    assert last.payload == {"done": 4, "of": 4, "complete": True}
    assert seat.verified()
    with RecordLog.open(seat.place, crossed.form.protocol_sha256) as log:
        found = submitted(crossed, log)
    assert len(found) == 4
    assert {s.contents["answer", 1, "confidence"]["value"] for s in found.values()} == {80}


def test_the_opening_is_recorded(seat: Seat) -> None:
    trained, opened, shown = seat.events()
    assert trained.kind is Kind.READER_TRAINED
    assert trained.payload == {"years": 9, "training": "neuroradiology", "instructions_read": True}
    assert opened.payload["monitors"] == [{"width": 1600, "height": 1200, "scale": 1.0}]
    assert opened.payload["room_light"] == "dimmed"
    assert (opened.payload["number"], opened.payload["resumed"], opened.session) == (1, False, "R1-1")
    assert (shown.kind, shown.payload["stage"], shown.payload["order"]) == (Kind.ITEM_SHOWN, 1, 1)
    assert shown.stimulus_sha256 == seat.study.stimulus(shown.stimulus).sha256
    again = seat.crash()
    reopened = seat.events(Kind.SESSION_OPENED)[-1]
    assert reopened.payload["resumed"] is True
    assert reopened.payload["clock"] != opened.payload["clock"]
    assert again.view.stimulus == shown.stimulus
    assert not seat.events(Kind.READER_TRAINED)[1:]


def test_an_answer_is_in_the_log_when_it_is_acknowledged(seat: Seat) -> None:
    before = len(seat.events())
    seat.session.answer("diagnosis", "recurrence")
    event = seat.events()[-1]
    assert len(seat.events()) == before + 1
    assert (event.kind, event.payload["item"], event.payload["value"]) == (Kind.ANSWER, "diagnosis", "recurrence")
    assert event.stimulus == seat.session.view.stimulus
    seat.session.answer("diagnosis", "recurrence")  # the same again says nothing new
    assert len(seat.events()) == before + 1
    seat.session.answer("diagnosis", "treatment_response")
    assert [e.payload["value"] for e in seat.events(Kind.ANSWER)] == ["recurrence", "treatment_response"]


def test_a_crash_loses_nothing(seat: Seat) -> None:
    session = seat.session
    session.answer("diagnosis", "recurrence")
    session.answer("confidence", 60)
    session.submit()
    session.answer("diagnosis", "treatment_response")
    before = session.view.as_json()
    after = seat.crash().view.as_json()
    assert after == before
    assert (after["done"], values(seat.session)["diagnosis"]) == (1, "treatment_response")


def test_what_is_not_recorded_did_not_happen(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    session = seat.session
    session.answer("confidence", 10)
    before = session.view

    def full(*_: Any, **__: Any) -> None:
        raise InputError("There is no space left.")

    with monkeypatch.context() as patch:
        patch.setattr(seat.log, "extend", full)
        refused(lambda: session.answer("confidence", 90), "no space left")
        refused(session.put_aside, "no space left")
    assert session.view == before
    session.answer("confidence", 90)
    assert values(session)["confidence"] == 90


# What it refuses -------------------------------------------------------------------------------------------------


def test_illegal_steps_are_refused_in_words_and_change_nothing(seat: Seat) -> None:
    session = seat.session
    before, events = session.view, len(seat.events())
    refused(lambda: session.answer("diagnosis", "stroke"), "diagnosis", "choose from")
    refused(lambda: session.answer("confidence", 101), "confidence", "0 to 100")
    refused(lambda: session.answer("mood", 1), "mood is not asked here")
    refused(lambda: session.not_assessable("diagnosis", "tired"), "none of the reasons", "artefacts")
    refused(lambda: session.not_assessable("remark", "tired"), "must be answered")
    refused(lambda: session.withdraw("diagnosis"), "no answer")
    refused(session.submit, "Still to do: Diagnosis; How likely is a tumour recurrence?.")
    refused(session.next_stage, "submit it")
    refused(session.back, "does not allow going back")
    refused(session.undo, "nothing to undo")
    refused(session.redo, "nothing to do again")
    refused(session.go_on, "Submit this one first")
    refused(session.end_break, "no break")
    refused(lambda: session.draw_disc("tumour", 1, "map_a", ON_LESION), "not drawn on this image")
    refused(lambda: session.erase("tumour", 1, "map_a"), "no region")
    assert session.view == before
    assert len(seat.events()) == events
    session.begin_break()
    refused(lambda: session.answer("confidence", 5), "on a break")
    refused(session.begin_break, "on a break")
    session.end_break()
    session.close()
    refused(lambda: session.answer("confidence", 5), "closed")
    refused(session.close, "closed already")


def test_who_may_open_what(crossed: Study, tmp_path: Path) -> None:
    seat = Seat(crossed, tmp_path)
    refused(lambda: seat.open(), "first time", "experience")
    refused(lambda: seat.open(3, EXPERIENCE), "no session 3")
    refused(lambda: seat.open(2, EXPERIENCE), "Session 1 of R1 is not complete")
    stranger = Seat(crossed, tmp_path, "R9")
    refused(lambda: stranger.open(1, EXPERIENCE), "R9")
    with pytest.raises(InputError, match="instructions"):
        Experience(3, "none", instructions_read=False)
    with pytest.raises(InputError, match="room light"):
        Setting("browser", (Monitor(1, 1),), "sunny")
    with pytest.raises(InputError, match="every screen"):
        Setting("browser", (), "dark")
    seat.open(experience=EXPERIENCE)
    seat.log.lock()
    refused(lambda: seat.session.answer("confidence", 5), "locked")
    seat.session.close()
    refused(lambda: seat.open(), "reads are locked")


def test_the_washout_is_kept_unless_the_coordinator_says_why(seat: Seat) -> None:
    read_crossed(seat.session)
    seat.session.close()
    refused(lambda: seat.open(1), "complete and closed")
    refused(lambda: seat.open(), "Session 2 may be opened from 2031-06-01", "28 days")
    seat.clock.wait(days=27.9)
    refused(lambda: seat.open(), "Session 2 may be opened from")
    refused(lambda: override_washout(seat.study, seat.log, "R1", 2, " "), "reason")
    override_washout(seat.study, seat.log, "R1", 2, "leaves the hospital tomorrow")
    event = seat.events()[-1]
    assert (event.kind, event.role.value) == (Kind.WASHOUT_OVERRIDDEN, "coordinator")
    assert event.payload["reason"] == "leaves the hospital tomorrow"
    assert seat.open().plan.number == 2


def test_after_the_washout_the_second_session_opens(seat: Seat) -> None:
    read_crossed(seat.session)
    seat.session.close()
    seat.clock.wait(days=28, seconds=1)
    seat.open()
    read_crossed(seat.session)
    seat.session.close()
    refused(lambda: seat.open(), "R1 has read everything")


def test_a_clock_that_was_set_back_is_noticed(seat: Seat) -> None:
    seat.session.close()
    seat.clock.wait(days=-2)
    refused(lambda: seat.open(), "clock", "set it right")
    seat.clock.wait(days=2)
    assert seat.open().view.state is State.READING


def test_a_second_seat_cannot_write_into_the_first(seat: Seat) -> None:
    first = seat.session
    first.answer("confidence", 30)
    with RecordLog.open(seat.place, seat.study.form.protocol_sha256, clock=seat.clock) as log:
        second = open_session(seat.study, log, "R1", SETTING, clock=seat.clock)
        refused(lambda: first.answer("confidence", 70), "another seat")
        assert values(second)["confidence"] == 30
        other = open_session(seat.study, log, "R2", SETTING, experience=EXPERIENCE, clock=seat.clock)
        other.answer("confidence", 1)
        second.answer("confidence", 50)  # another reader disturbs nobody
    assert values(seat.open())["confidence"] == 50
    assert seat.verified()


# Questions, stages, moving about ---------------------------------------------------------------------------------


def test_not_assessable_counts_as_an_answer(seat: Seat) -> None:
    session = seat.session
    session.not_assessable("diagnosis", "artefacts")
    asked = session.view.questions[0]
    assert (asked.value, asked.not_assessable) == (None, "artefacts")
    assert session.view.missing == ("How likely is a tumour recurrence?",)
    session.withdraw("diagnosis")
    assert len(session.view.missing) == 2
    session.not_assessable("diagnosis", "artefacts")
    session.answer("confidence", 50)
    assert session.submit().done == 1


def test_an_answer_that_is_not_asked_any_more_is_withdrawn_and_kept(staged_seat: Seat) -> None:
    session = staged_seat.session
    assert list(values(session)) == ["diagnosis"]
    session.answer("diagnosis", "recurrence")
    session.answer("extent", 2)
    session.answer("certain", 1)
    session.answer("diagnosis", "treatment")
    assert values(session) == {"diagnosis": "treatment"}
    *_, change, extent, certain = staged_seat.events()
    assert change.payload["value"] == "treatment"
    assert [(e.payload["item"], e.payload["withdrawn"]) for e in (extent, certain)] == [
        ("extent", "not asked any more"),
        ("certain", "not asked any more"),
    ]
    assert {e.payload["step"] for e in (change, extent, certain)} == {change.payload["step"]}
    session.answer("diagnosis", "recurrence")
    assert values(session) == {"diagnosis": "recurrence", "extent": None}
    session.undo()
    session.undo()
    assert values(session) == {"diagnosis": "recurrence", "extent": 2, "certain": 1}
    staged_seat.crash()
    staged_seat.session.redo()
    assert values(staged_seat.session) == {"diagnosis": "treatment"}
    session.view  # noqa: B018 - the dead seat can still be looked at
    staged_seat.session.answer("diagnosis", "recurrence")
    refused(staged_seat.session.redo, "nothing to do again")
    assert staged_seat.verified()


def test_a_stage_is_locked_before_the_next_is_shown(staged_seat: Seat, staged: Study) -> None:
    session = staged_seat.session
    first = session.view
    stimulus = staged.stimulus(first.stimulus)
    later = {name for row in stimulus.stages[1] for name in row} - set(first.images)
    assert (first.stage, first.stages) == (1, 2)
    assert later  # the synthetic map
    refused(session.next_stage, "Still to do: Diagnosis; Tumour on Perfusion map")
    session.answer("diagnosis", "recurrence")
    session.answer("extent", 1)
    session.draw_disc("tumour", 1, first.regions[0].map, ON_LESION)
    refused(session.submit, "Stage 1 of 2", "next stage")
    second = session.next_stage()
    assert set(second.images) >= later
    assert values(session) == {"diagnosis": None, "remark": None}
    refused(session.undo, "nothing to undo")
    refused(lambda: session.draw_disc("tumour", 1, first.regions[0].map, ELSEWHERE), "not drawn")
    refused(lambda: session.erase("tumour", 1, first.regions[0].map), "not drawn")
    session.answer("diagnosis", "treatment")
    session.submit()
    with RecordLog.open(staged_seat.place, staged.form.protocol_sha256) as log:
        contents = submitted(staged, log)["R1", first.stimulus].contents
    assert contents["answer", 1, "diagnosis"]["value"] == "recurrence"
    assert contents["answer", 2, "diagnosis"]["value"] == "treatment"
    # The way back leads to the last stage only.
    back = session.back()
    assert (back.stimulus, back.stage) == (first.stimulus, 2)


def test_put_aside_comes_again_and_back_must_be_submitted_again(staged_seat: Seat) -> None:
    session = staged_seat.session
    one, two, three = session.plan.codes
    assert session.view.stimulus == one
    session.answer("diagnosis", "recurrence")
    assert session.put_aside().stimulus == two
    read_staged(session, 2)
    view = session.view
    assert (view.stimulus, view.aside, view.done, view.can_put_aside) == (one, True, 2, False)
    assert values(session) == {"diagnosis": "recurrence", "extent": None}
    refused(session.put_aside, "only one left")
    staged_seat.crash()
    session = staged_seat.session
    assert session.view.stimulus == one
    refused(session.back, "no submitted case before")
    read_staged(session, 1)
    assert (session.view.state, session.view.done) == (State.FINISHED, 3)
    assert session.back().stimulus == three
    assert session.view.done == 2
    session.answer("diagnosis", "recurrence")
    assert session.back().stimulus == two
    staged_seat.crash()
    session = staged_seat.session
    assert session.view.stimulus == two
    session.submit()
    assert session.view.stimulus == three
    assert values(session)["diagnosis"] == "recurrence"
    refused(session.submit, "Extent")
    session.answer("extent", 0)
    assert session.submit().state is State.FINISHED
    shown = [(e.stimulus, e.payload["again"]) for e in staged_seat.events(Kind.ITEM_SHOWN) if e.session == "R1-1"]
    assert shown[-3:] == [(three, True), (two, True), (three, False)]
    session.close()
    assert staged_seat.verified()


def test_practice_has_feedback_and_is_not_counted(staged: Study, tmp_path: Path) -> None:
    seat = Seat(staged, tmp_path)
    session = seat.open(experience=EXPERIENCE)
    assert session.plan.number == 0
    assert session.view.practice
    code = session.view.stimulus
    read_staged(session)
    case = staged.code_book().entry(code).case
    truth = "recurrence" if int(case[-3:]) % 2 else "treatment response"
    assert (session.view.state, session.view.feedback, session.view.done) == (State.FEEDBACK, truth, 1)
    seat.crash()
    assert seat.session.view.feedback == truth
    refused(seat.session.go_on, "the last one")
    seat.session.close()
    real = seat.open()
    assert (real.plan.number, real.view.practice, real.view.total) == (1, False, 3)
    assert code not in real.plan.codes


# Time ------------------------------------------------------------------------------------------------------------


def test_active_and_idle_time_of_each_item(seat: Seat) -> None:
    session = seat.session
    seat.clock.wait(20)
    session.touch()
    seat.clock.wait(30)
    session.answer("diagnosis", "recurrence")
    assert seat.events()[-1].payload["active_s"] == 50
    seat.clock.wait(100)  # 60 s of it count as active, the rest as idle
    session.answer("confidence", 5)
    payload = seat.events()[-1].payload
    assert (payload["active_s"], payload["idle_s"]) == (110, 40)
    session.begin_break()
    seat.clock.wait(1000)
    session.end_break()
    seat.clock.wait(5)
    seat.crash()  # what was not written before it is not known
    seat.clock.wait(7)
    seat.session.submit()
    submitted_event = seat.events(Kind.ITEM_SUBMITTED)[-1]
    assert (submitted_event.payload["active_s"], submitted_event.payload["idle_s"]) == (117, 40)
    assert seat.events()[-1].payload["active_s"] == 0  # the next one


def test_a_break_is_proposed_after_the_protocols_time(seat: Seat) -> None:
    session = seat.session
    seat.clock.wait(45 * 60 - 1)
    assert not session.view.break_due
    seat.clock.wait(1)
    assert session.view.break_due
    assert session.begin_break().state is State.BREAK
    assert not session.end_break().break_due
    session.begin_break()
    assert seat.crash().view.state is State.READING


# Regions ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wang(place: Path) -> Study:
    return tiny_study("wang_roi", place / "cohort", place / "wang")


def test_regions_of_wang(wang: Study, tmp_path: Path) -> None:
    seat = Seat(wang, tmp_path)
    session = seat.open(experience=EXPERIENCE)
    map = session.view.regions[0].map
    assert [(r.task.id, r.number) for r in session.view.regions] == [
        *(("tumour", n) for n in (1, 2, 3)),
        *(("nawm", n) for n in (1, 2, 3)),
    ]
    assert session.view.missing[0] == "Tumour 1 of 3 on Map"
    for number, y in ((1, -4.0), (2, 0.0), (3, 4.0)):
        session.draw_disc("tumour", number, map, (24, y, 0))
        session.draw_disc("nawm", number, map, (-24, y, 0))
    event = seat.events()[-1]
    assert event.kind is Kind.ROI
    assert {k: event.payload[k] for k in ("roi", "number", "map", "voxels", "area_mm2")} == {
        "roi": "nawm",
        "number": 3,
        "map": map,
        "voxels": 2,
        "area_mm2": 32.0,
    }
    assert len(event.payload["measurements"]) == 2  # the map and the one that is not shown
    assert all(wanted.measurements == {} for wanted in session.view.regions)  # the protocol does not show them
    assert event.payload["warnings"] == ["nawm_3 has only 2 voxel(s): its mean is uncertain."]
    wrong_side = session.draw_disc("nawm", 1, map, (40, 20, 0)).regions[3]
    assert "on the side of the lesion" in wrong_side.warnings[0]
    session.undo()
    before = session.view
    assert seat.crash().view.as_json() == before.as_json()
    session = seat.session
    session.submit()
    rows = seat.events(Kind.ITEM_SUBMITTED)[0].payload["rois"]
    assert [(r["roi"], r["map"] == map, r["condition"]) for r in rows[:2]] == [("tumour_1", True, "common")] * 1 + [
        ("tumour_2", True, "common")
    ]
    assert len(rows) == 12
    case = int(wang.code_book().entry(before.stimulus).case[-3:])
    cbv = 2.0 + (4.0 if case % 2 else 1.0) + 0.01 * case
    ratios = [r["nawm_ratio"] for r in rows if r["map"] == map and r["kind"] == "lesion"]
    assert sum(ratios) / 3 == pytest.approx(cbv / 2.0, rel=0.06)
    synthetic = [r["nawm_ratio"] for r in rows if r["map"] != map and r["kind"] == "lesion"]
    assert sum(synthetic) / 3 == pytest.approx((0.9 * cbv + 0.1) / 1.9, rel=0.06)


def test_drawing_erasing_and_saying_that_there_is_none(staged_seat: Seat) -> None:
    session = staged_seat.session
    tumour, _ = session.view.regions
    map = tumour.map
    view = session.draw_disc("tumour", 1, map, ON_LESION)
    disc = view.regions[0].region
    assert disc is not None
    assert disc.count == 4
    assert set(view.regions[0].measurements) == {map}  # shown, but not of the map that is not revealed yet
    refused(lambda: session.draw_outline("tumour", 1, map, AROUND), "a disc of a fixed area")
    refused(lambda: session.draw_disc("edge", 1, map, ON_LESION), "drawn free-hand")
    refused(lambda: session.draw_disc("tumour", 2, map, ON_LESION), "not drawn on this image")
    refused(lambda: session.draw_disc("tumour", 1, map, (500, 0, 0)), "outside the map")
    assert session.view == view
    line = session.draw_outline("edge", 1, map, AROUND).regions[1].region
    assert line is not None
    painted = sitk.Image(line.image())
    painted[tuple(int(n) for n in line.voxels[0])] = 0
    smaller = session.draw_mask("edge", 1, map, painted).regions[1].region
    assert smaller is not None
    assert smaller.count == line.count - 1
    moved = sitk.Image(painted)
    moved.SetOrigin((0, 0, 0))
    refused(lambda: session.draw_mask("edge", 1, map, moved), "another grid")
    session.undo()
    assert session.view.regions[1].region.sha256 == line.sha256  # type: ignore[union-attr]
    assert session.erase("edge", 1, map).regions[1].region is None
    said = session.not_assessable("tumour", "no enhancing part")
    assert (said.regions[0].region, said.regions[0].not_assessable) == (None, "no enhancing part")
    assert said.missing == ("Diagnosis",)
    assert session.undo().regions[0].region.sha256 == disc.sha256  # type: ignore[union-attr]
    session.redo()
    drawn = session.draw_disc("tumour", 1, map, ON_LESION)
    assert drawn.regions[0].not_assessable == ""
    refused(lambda: session.not_assessable("edge", "x" * 300), "200 characters")
    assert staged_seat.crash().view.as_json() == drawn.as_json()


# What it never says ----------------------------------------------------------------------------------------------


def strings(content: Any, where: str = "") -> dict[str, str]:
    """Every text in a JSON object, by its place."""
    if isinstance(content, dict):
        return {k: v for key, value in content.items() for k, v in strings(value, f"{where}/{key}").items()} | {
            f"{where}/{key}, the key": str(key) for key in content
        }
    if isinstance(content, list | tuple):
        return {k: v for n, value in enumerate(content) for k, v in strings(value, f"{where}/{n}").items()}
    return {where: str(content)}


def of_stimuli(session: Session) -> dict[str, str]:
    """What a view says of the stimulus; the words of the form are the same for all of them."""
    content = session.view.as_json()
    fixed = {asked.question.id: set(asked.question.model_dump(by_alias=True)) for asked in session.view.questions}
    for asked in content["questions"]:
        for key in (*fixed[asked["id"]], "value"):  # the value is what the reader has said
            del asked[key]
    form = ("title", "instructions", "feedback", "missing")
    return strings({key: value for key, value in content.items() if key not in form})


def test_no_view_and_no_refusal_tells_case_or_arm(crossed: Study, staged: Study, wang: Study, tmp_path: Path) -> None:
    for study in (crossed, staged, wang):
        seat = Seat(study, tmp_path)
        said: dict[str, str] = {}

        def hear(step: str, seat: Seat = seat, said: dict[str, str] = said) -> None:
            said.update({f"{step}{where}": text for where, text in of_stimuli(seat.session).items()})
            for name in ("submit", "next_stage", "undo", "redo", "back", "go_on", "end_break"):
                view = seat.session.view
                if (name in ("submit", "next_stage") and not view.missing) or (name == "back" and view.can_go_back):
                    continue
                try:
                    getattr(seat.session, name)()
                except InputError as error:
                    said[f"{step} {name} refused"] = str(error).replace("; ".join(seat.session.view.missing), "")

        session = seat.open(experience=EXPERIENCE)
        for number in range(60):
            hear(f"{number}")
            view = session.view
            if view.state is State.FEEDBACK or view.state is State.FINISHED:
                session.close()
                if study is crossed or session.plan.number == 1:
                    break
                session = seat.open()
                continue
            for wanted in view.regions:
                if wanted.task.shape == "disc":
                    side = ON_LESION if wanted.task.tissue == "lesion" else ELSEWHERE
                    session.draw_disc(wanted.task.id, wanted.number, wanted.map, side)
            if study is not wang:
                session.answer("diagnosis", view.questions[0].question.choices[1].value)  # type: ignore[union-attr]
            if study is crossed:
                session.answer("confidence", 3)
            hear(f"{number} answered")
            session.next_stage() if view.stage < view.stages else session.submit()
        assert len(said) > 200
        assert [str(finding) for finding in scan_texts(said, words_of(study))] == []
        # The test itself can fail: a case's name in the same place is found.
        case = next(iter(study.code_book().entries.values())).case
        assert scan_texts({"label": f"Map of {case}"}, words_of(study))


def test_a_hidden_repeat_looks_like_any_other(place: Path, tmp_path: Path) -> None:
    design = {"kind": "fully_crossed", "sessions": 2, "washout_days": 1, "repeats": {"count": 2}}
    protocol = changed_protocol(tmp_path / "p.yaml", "wu2025_diagnosis", design=design)
    study = tiny_study(protocol, place / "cohort", tmp_path / "study")
    seat = Seat(study, tmp_path)
    seat.open(experience=EXPERIENCE)
    keys: list[set[str]] = []
    while True:
        keys.append(set(of_stimuli(seat.session)))
        read_crossed(seat.session)
        seat.session.close()
        seat.clock.wait(days=2)
        if seat.session.plan.number == 3:
            break
        seat.open()
    assert len(seat.session.plan.codes) == 2
    repeats = [study.code_book().entry(code).repeat for code in seat.session.plan.codes]
    assert repeats == [2, 2]
    assert keys[0] == keys[2]
    payloads = [set(event.payload) for event in seat.events(Kind.ITEM_SHOWN)]
    assert all(payload == payloads[0] for payload in payloads)


def test_a_readers_own_copy_is_enough(staged: Study, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name, content in staged.reader_files("R2").items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (copy / name).write_bytes(content)
        else:
            shutil.copy(content, copy / name)
    study = Study.open(copy)
    seat = Seat(study, tmp_path, "R2")
    session = seat.open(experience=EXPERIENCE)
    read_staged(session)
    assert session.view.feedback
    session.close()
    read_staged(seat.open())
    assert seat.session.view.state is State.FINISHED
    refused(lambda: study.protocol, "coordinator")


# Anything, in any order ------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[Any, ...]] = {
    "diagnosis": ("recurrence", "treatment", "other"),
    "extent": (0, 1, 2, 3),
    "certain": (0, 2),
    "remark": ("seen", " "),
    "nothing": (1,),
}
ITEMS = (*ANSWERS, "diagnosis", "extent", "certain")


class AnyReading(RuleBasedStateMachine):
    """Random steps, allowed or not, with crashes; a plain model says what must be there."""

    study: Study
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.seat = Seat(self.study, self.folder)
        self.seat.open(experience=EXPERIENCE)
        self.answers: dict[tuple[str, int, str], Any] = {}
        self.discs: set[str] = set()
        self.done: set[str] = set()

    def attempt(self, step: Any) -> bool:
        """Do it, or see that a refusal changed nothing."""
        before, head = self.seat.session.view, self.seat.log.head()
        try:
            step(self.seat.session)
        except InputError:
            assert self.seat.session.view == before
            assert self.seat.log.head() == head
            return False
        return True

    @property
    def key(self) -> tuple[str, int]:
        view = self.seat.session.view
        return view.stimulus, view.stage

    def hide(self) -> None:
        """Answers to questions that are not asked any more are gone."""
        code, stage = self.key
        if self.answers.get((code, stage, "diagnosis")) != "recurrence":
            self.answers.pop((code, stage, "extent"), None)
        if self.answers.get((code, stage, "extent")) not in (1, 2):
            self.answers.pop((code, stage, "certain"), None)

    @rule(said=st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(0, 3)), min_size=1, max_size=6))
    def answer(self, said: list[tuple[str, int]]) -> None:
        for item, which in said:
            self.say(item, ANSWERS[item][which % len(ANSWERS[item])])

    def say(self, item: str, value: Any) -> None:
        asked = values(self.seat.session) if self.seat.session.view.state is State.READING else {}
        allowed = item in asked and value not in ("other", 3, " ")
        key = (*self.key, item)
        assert self.attempt(lambda session: session.answer(item, value)) == allowed
        if allowed:
            self.answers[key] = value
            self.hide()

    @rule(back=st.integers(0, 3))
    def undo(self, back: int) -> None:
        """Undone and done again one is where one was."""
        before = self.seat.session.view
        steps = sum(self.attempt(lambda session: session.undo()) for _ in range(back))
        if steps and back == 3:
            self.crash()
        for _ in range(steps):
            assert self.attempt(lambda session: session.redo())
        assert self.seat.session.view.questions == before.questions
        assert self.seat.session.view.regions == before.regions

    @rule(x=st.sampled_from([20.0, 24.0, 28.0, 900.0]))
    def draw(self, x: float) -> None:
        code, stage = self.key
        allowed = self.seat.session.view.state is State.READING and stage == 1 and x < 900
        map = self.seat.session.view.regions[0].map if self.seat.session.view.regions else "map_a"
        assert self.attempt(lambda session: session.draw_disc("tumour", 1, map, (x, 0, 0))) == allowed
        if allowed:
            self.discs.add(code)

    @rule()
    def go_further(self) -> None:
        view = self.seat.session.view
        ready = view.state is State.READING and not view.missing
        assert self.attempt(lambda session: session.next_stage()) == (ready and view.stage == 1)
        assert self.attempt(lambda session: session.submit()) == (ready and view.stage == 2)
        if ready and view.stage == 2:
            self.done.add(view.stimulus)

    @precondition(lambda self: self.seat.session.view.state is State.READING)
    @rule()
    def read_it(self) -> None:
        """What is required, at once, so that long sessions are reached."""
        if self.key[1] == 1:
            self.draw(24.0)
            self.say("diagnosis", "treatment")
            self.go_further()
        self.say("diagnosis", "treatment")
        self.go_further()

    @rule()
    def crash(self) -> None:
        if self.seat.session.view.state is not State.CLOSED:
            before = {**self.seat.session.view.as_json(), "break_due": False}
            assert self.seat.crash().view.as_json() == before

    @rule(step=st.sampled_from(["withdraw", "not_assessable", "put_aside", "back", "go_on", "pause", "wait", "close"]))
    def anything_else(self, step: str) -> None:
        getattr(self, f"_{step}")()

    def _withdraw(self) -> None:
        key = (*self.key, "extent")
        if self.attempt(lambda session: session.withdraw("extent")):
            del self.answers[key]
            self.hide()

    def _not_assessable(self) -> None:
        key = (*self.key, "diagnosis")
        if self.attempt(lambda session: session.not_assessable("diagnosis", "artefacts")):
            self.answers[key] = "NA:artefacts"
            self.hide()

    def _put_aside(self) -> None:
        self.attempt(lambda session: session.put_aside())

    def _back(self) -> None:
        if self.attempt(lambda session: session.back()):
            self.done.discard(self.seat.session.view.stimulus)

    def _go_on(self) -> None:
        self.attempt(lambda session: session.go_on())

    def _pause(self) -> None:
        if self.attempt(lambda session: session.begin_break()):
            self.seat.clock.wait(600)
            assert self.seat.session.view.state is State.BREAK
            self.seat.session.end_break()

    def _wait(self) -> None:
        self.seat.clock.wait(500)
        self.seat.session.touch()

    def _close(self) -> None:
        session = self.seat.session
        complete = len(self.done) == len(session.plan.codes)
        self.attempt(lambda session: session.close())
        if complete and session.plan.number == 1:
            refused(lambda: self.seat.open(), "has read everything")
            self.check_log()
            self.begin()
            return
        number = self.seat.open().plan.number
        assert number == session.plan.number + complete
        if complete:
            self.done = set()

    @invariant()
    def every_acknowledged_answer_is_there(self) -> None:
        view = self.seat.session.view
        assert view.done == len(self.done)
        if view.state is not State.READING:
            return
        for asked in view.questions:
            due = self.answers.get((view.stimulus, view.stage, asked.question.id))
            said = f"NA:{asked.not_assessable}" if asked.not_assessable else asked.value
            assert said == due
        for wanted in view.regions:
            if wanted.task.id == "tumour":
                assert (wanted.region is not None) == (view.stimulus in self.discs)

    def teardown(self) -> None:
        if hasattr(self, "seat"):
            self.check_log()

    def check_log(self) -> None:
        """What stands in the log when all is over: nothing acknowledged is lost, nothing is broken."""
        assert self.seat.verified()
        last: dict[tuple[str, int, str], Any] = {}
        for event in self.seat.events(Kind.ANSWER):
            key = (event.stimulus, event.payload["stage"], event.payload["item"])
            reason = event.payload.get("not_assessable")
            last[key] = f"NA:{reason}" if reason else event.payload["value"]
        assert {key: value for key, value in last.items() if value is not None} == self.answers
        assert {event.stimulus for event in self.seat.events(Kind.ROI)} == self.discs
        self.seat.log.close()


def test_any_order_of_steps_with_crashes_loses_nothing(staged: Study, tmp_path: Path) -> None:
    machine = type("AnyReadingHere", (AnyReading,), {"study": staged, "folder": tmp_path})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine, settings=settings(max_examples=20, stateful_step_count=30, deadline=None, report_multiple_bugs=False)
    )


def test_an_answer_is_acknowledged_in_milliseconds(seat: Seat) -> None:
    import time

    times = []
    for number in range(60):
        began = time.perf_counter()
        seat.session.answer("confidence", number)
        times.append(time.perf_counter() - began)
    assert sorted(times)[30] < 0.05  # the median, on a busy machine; the bench has the percentiles
    assert json.dumps(seat.session.view.as_json())
