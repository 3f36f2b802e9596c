"""Offline packages: out without anything sealed, in with every event as it was, nothing doubled or overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.packages import Merged, conflicts, make_package, merge, write_conflicts
from SynthPerfReaderStudyLib.records import Draft, Event, Kind, RecordLog, Role, Verification
from SynthPerfReaderStudyLib.session import Session, open_session
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, SETTING, changed_protocol, tiny_cohort, tiny_study


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of four cases in two arms; R1 and R3 are at site North, R2 is at South."""
    folder = tmp_path_factory.mktemp("packages")
    readers = [{"id": "R1", "site": "North"}, {"id": "R2", "site": "South"}, {"id": "R3", "site": "North"}]
    protocol = changed_protocol(folder / "p.yaml", "wu2025_diagnosis", readers=readers, adjudication=None)
    return tiny_study(protocol, tiny_cohort(folder / "cohort", 4), folder / "study").folder


@pytest.fixture
def study(original: Path, tmp_path: Path) -> Study:
    return Study.open(Path(shutil.copytree(original, tmp_path / "study")))


def packed(study: Study, who: str, out: Path) -> Path:
    return Job(make_package(study, who, out)).run()


def unpacked(package: Path, folder: Path) -> Study:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    (inside,) = folder.iterdir()
    return Study.open(inside)


def read(study: Study, reader: str, items: int = 2, confidence: int = 60) -> None:
    """Read some items of a reader's first session."""
    with study.records() as log:
        session = open_session(study, log, reader, SETTING, experience=EXPERIENCE)
        for _ in range(items):
            if session.view.state is State.READING:
                answered(session, confidence)
        session.close()


def answered(session: Session, confidence: int) -> None:
    session.answer("diagnosis", "recurrence")
    session.answer("confidence", confidence)
    session.submit()


def merged(study: Study, results: Path) -> Merged:
    return Job(merge(study, results)).run()


def verified(study: Study) -> Verification:
    with study.records() as log:
        return Job(log.verify()).run()


def events(study: Study) -> list[Event]:
    with study.records() as log:
        return list(log.events())


def test_a_package_holds_what_its_reader_may_have_and_nothing_else(study: Study, tmp_path: Path) -> None:
    package = packed(study, "R1", tmp_path / "R1.zip")
    own = {row.stimulus for row in study.allocation.rows if row.reader == "R1"}
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("R1/manifest.json"))
        everything = b"".join(archive.read(name) for name in names)
        for name, sum in manifest["files"].items():
            assert hashlib.sha256(archive.read(f"R1/{name}")).hexdigest() == sum
    assert set(names) == {"R1/manifest.json", *(f"R1/{name}" for name in manifest["files"])}
    assert {name.split("/")[2] for name in names if name.startswith("R1/stimuli/")} == own
    assert not [name for name in names if "sealed" in name or "protocol.yaml" in name]
    for word in (b"sub-Tiny", b"mri_asl", b"mri_synthetic_cbv", b"tinymodel", b"seed", b"North"):
        assert word not in everything
    copy = unpacked(package, tmp_path / "away")
    assert {row.reader for row in copy.allocation.rows} == {"R1"}
    with copy.records() as log, study.records() as ours:
        assert log.head().seq == 0
        assert log.birth.parent == ours.head().hash
        assert log.birth.readers == ("R1",)


def test_the_same_study_makes_the_same_bytes_and_is_not_changed_by_it(study: Study, tmp_path: Path) -> None:
    before = events(study)
    first, second = packed(study, "North", tmp_path / "1.zip"), packed(study, "North", tmp_path)
    assert second.name == "North.zip"
    assert first.read_bytes() == second.read_bytes()
    assert events(study) == before
    assert {row.reader for row in unpacked(first, tmp_path / "away").allocation.rows} == {"R1", "R3"}


def test_who_is_not_in_the_protocol_or_has_begun_gets_no_package(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reader or site R9: choose from North, R1, R2, R3, South"):
        packed(study, "R9", tmp_path)
    read(study, "R1")
    with pytest.raises(InputError, match=r"R1 has begun to read in this study \(event 3\)"):
        packed(study, "North", tmp_path)
    assert packed(study, "South", tmp_path).is_file()


def test_nobody_else_can_write_into_a_package(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    with copy.records() as log, pytest.raises(InputError, match="this package is for R1, not R2"):
        log.append(Kind.ANSWER, Role.READER, reader="R2")


@pytest.mark.parametrize("way", ["folder", "zip", "log"])
def test_what_comes_back_is_appended_as_it_was(study: Study, tmp_path: Path, way: str) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(study, "R2")
    read(copy, "R1")
    theirs, ours = events(copy), events(study)
    back = {
        "folder": copy.folder,
        "zip": Path(shutil.make_archive(str(tmp_path / "back"), "zip", copy.folder.parent)),
        "log": copy.folder / "records.sqlite",
    }[way]
    result = merged(study, back)
    assert (result.logs, result.appended, result.known, result.conflicts) == (1, len(theirs), 0, [])
    assert result.words == f"{len(theirs)} events merged."
    after = events(study)
    assert after[: len(ours)] == ours
    assert [event.original() for event in after[len(ours) : -1]] == theirs
    assert [event.moment for event in after[len(ours) : -1]] == [event.moment for event in theirs]
    assert after[-1].kind is Kind.MERGED
    assert after[-1].payload["head"] == theirs[-1].hash
    assert verified(study).ok


def test_a_session_goes_on_from_what_was_merged(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1", items=2)
    merged(study, copy.folder)
    with study.records() as log:
        view = open_session(study, log, "R1", SETTING).view
        assert view.done == 2
        assert view.stimulus == study.allocation.session("R1", 1)[2].stimulus


def test_a_second_merge_doubles_nothing_and_says_so(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1")
    count = merged(study, copy.folder).appended
    before = events(study)
    again = merged(study, copy.folder)
    assert again.words == f"Nothing new: all {count} events of this package were merged before; nothing was changed."
    assert events(study) == before


def test_an_unread_package_says_that_it_holds_no_answers(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    before = events(study)
    assert merged(study, copy.folder).words == ("Nothing new: this package holds no answers yet; nothing was changed.")
    assert events(study) == before


def test_a_package_that_went_on_adds_only_what_is_new(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1")
    first = merged(study, copy.folder).appended
    read(copy, "R1")
    result = merged(study, copy.folder)
    assert (result.appended, result.known, result.conflicts) == (len(events(copy)) - first, first, [])
    assert f", {first} had been merged before" in result.words
    assert verified(study).ok


def test_what_was_answered_in_both_places_is_kept_apart_and_reported(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1", items=3, confidence=90)
    read(study, "R1", items=2, confidence=10)
    ours = events(study)
    result = merged(study, copy.folder)
    codes = [row.stimulus for row in study.allocation.session("R1", 1)][:2]
    assert [(c.stimulus, c.item, c.here, c.there) for c in result.conflicts if c.item == "confidence"] == [
        (code, "confidence", "10", "90") for code in codes
    ]
    assert len(result.conflicts) == 4  # two questions of two stimuli
    assert "4 answers are in conflict and do not count" in result.words
    after = events(study)
    assert after[: len(ours)] == ours
    counted = [
        (e.stimulus, e.payload["value"]) for e in after if e.kind is Kind.ANSWER and e.payload["item"] == "confidence"
    ]
    third = study.allocation.session("R1", 1)[2].stimulus
    assert counted == [(codes[0], 10), (codes[1], 10), (third, 90)]
    assert [event.original() for event in after[len(ours) : -1]] == events(copy)
    assert verified(study).ok
    with study.records() as log:
        assert conflicts(log) == result.conflicts
    write_conflicts(result.conflicts, tmp_path / "conflicts.csv")
    table = (tmp_path / "conflicts.csv").read_text().splitlines()
    assert table[0] == "reader,stimulus,item,here,there,event,other"
    assert len(table) == 5
    assert merged(study, copy.folder).appended == 0


def test_the_stages_of_one_question_conflict_each_for_itself(tmp_path: Path) -> None:
    design = {"kind": "sequential", "order": ["mri_asl", "mri_synthetic_cbv"]}
    protocol = changed_protocol(
        tmp_path / "p.yaml", "wu2025_diagnosis", design=design, analysis=None, adjudication=None
    )
    study = tiny_study(protocol, tiny_cohort(tmp_path / "cohort", 4), tmp_path / "study")
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    for place, words in ((copy, ("recurrence", "treatment_response")), (study, ("treatment_response", "recurrence"))):
        with place.records() as log:
            session = open_session(place, log, "R1", SETTING, experience=EXPERIENCE)
            for stage, word in enumerate(words):
                session.answer("diagnosis", word)
                session.answer("confidence", 10 + stage)
                if stage == 0:
                    session.next_stage()
            session.submit()
            session.close()
    found = {c.item: (c.here, c.there) for c in merged(study, copy.folder).conflicts}
    assert found["diagnosis"] == ("treatment_response", "recurrence")
    assert found["diagnosis (stage 2)"] == ("recurrence", "treatment_response")


def test_two_copies_of_one_package_that_were_both_read_do_not_overwrite_each_other(
    study: Study, tmp_path: Path
) -> None:
    package = packed(study, "R1", tmp_path / "R1.zip")
    one, two = unpacked(package, tmp_path / "one"), unpacked(package, tmp_path / "two")
    read(one, "R1", items=1, confidence=10)
    read(two, "R1", items=1, confidence=90)
    merged(study, one.folder)
    result = merged(study, two.folder)
    assert [(c.item, c.here, c.there) for c in result.conflicts][-1] == ("confidence", "10", "90")
    assert verified(study).ok


def test_several_sites_come_back_at_once(study: Study, tmp_path: Path) -> None:
    for who, readers in (("North", ("R1", "R3")), ("South", ("R2",))):
        copy = unpacked(packed(study, who, tmp_path / f"{who}.zip"), tmp_path / f"away-{who}")
        for reader in readers:
            read(copy, reader)
        shutil.copytree(copy.folder, tmp_path / "back" / who)
    assert merged(study, tmp_path / "back").logs == 2
    with study.records() as log:
        assert {event.reader for event in log.events(kind=Kind.ANSWER)} == {"R1", "R2", "R3"}
    assert verified(study).ok


def test_a_changed_package_is_refused_and_nothing_is_merged(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1")
    before = events(study)
    connection = sqlite3.connect(copy.folder / "records.sqlite")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE events SET event = replace(event, '\"value\":60', '\"value\":61') WHERE seq = 5")
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match=r"was not merged: event 5 was changed after it was written"):
        merged(study, copy.folder)
    assert events(study) == before


def test_a_package_that_was_cut_off_is_found_by_its_receipt(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    empty = (copy.folder / "records.sqlite").read_bytes()
    read(copy, "R1")
    (copy.folder / "records.sqlite").write_bytes(empty)
    with pytest.raises(InputError, match=r"names event \d+, the log ends at event 0: it was cut off"):
        merged(study, copy.folder)


def test_a_receipt_of_a_package_holds_for_the_study_that_took_it_in(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1")
    with copy.records() as log:
        receipt = log.receipt("R1", "R1-1")
    with study.records() as log:
        (problem,) = Job(log.verify([receipt])).run().problems
        assert "is of a package that was not merged here up to its event" in problem.words
    merged(study, copy.folder)
    with study.records() as log:
        assert Job(log.verify([receipt])).run().ok


def test_what_is_not_this_studys_is_refused(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    with copy.records() as log:
        birth = log.birth
    sha256 = study.form.protocol_sha256

    def made(folder: str, **changes: object) -> Path:
        path = tmp_path / folder / "records.sqlite"
        path.parent.mkdir()
        known = {"study": birth.study, "parent": birth.parent, "readers": birth.readers}
        RecordLog.create(path, protocol_sha256=sha256, **{**known, **changes}).close()  # type: ignore[arg-type]
        return path

    before = events(study)
    for folder, changes, words in (
        ("other", {"study": "another"}, "it is of the study another"),
        ("simulated", {"simulated": True}, "its answers are simulated, this study is real; they are never mixed"),
        ("parent", {"parent": "0" * 64}, "no package that was made from this study"),
        ("whole", {"readers": ()}, "no package that was made from this study"),
    ):
        with pytest.raises(InputError, match=words):
            merged(study, made(folder, **changes))
    row = study.allocation.session("R1", 1)[0]
    for folder, draft, words in (
        ("lock", Draft(Kind.READS_LOCKED, Role.COORDINATOR), "reads.locked is not a package's to write"),
        ("plan", Draft(Kind.ANSWER, Role.READER, {}, "R1", "R1-1", "XXXX"), "stimulus XXXX is not in the plan of R1"),
        ("image", Draft(Kind.ANSWER, Role.READER, {}, "R1", "R1-1", row.stimulus, "0" * 64), "read on other images"),
    ):
        path = made(folder)
        with RecordLog.open(path, sha256) as log:
            log.extend([draft])
        with pytest.raises(InputError, match=f"at its event 1, .*{words}"):
            merged(study, path)
    assert events(study) == before


def test_nothing_is_merged_after_the_lock(study: Study, tmp_path: Path) -> None:
    copy = unpacked(packed(study, "R1", tmp_path / "R1.zip"), tmp_path / "away")
    read(copy, "R1")
    with study.records() as log:
        log.lock()
    before = events(study)
    with pytest.raises(InputError, match=r"reads were locked \(event 2\)"):
        merged(study, copy.folder)
    assert events(study) == before


def test_what_is_no_package_is_one_sentence(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        merged(study, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no records.sqlite"):
        merged(study, tmp_path / "empty")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(InputError, match="is damaged"):
        merged(study, tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "b")
    with pytest.raises(InputError, match=r"holds no records.sqlite"):
        merged(study, tmp_path / "other.zip")
