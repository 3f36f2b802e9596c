"""A study on disk: created as a whole or not at all, opened with its hashes, extended, handed to readers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_studies import BUNDLE, cohort_with_maps
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.allocation import Allocation
from SynthPerfReaderStudyLib.protocol import shipped_protocols
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.study import Study


@pytest.fixture(scope="module")
def cohort(prepared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohort_with_maps(prepared_folder, tmp_path_factory.mktemp("study") / "cohort")


@pytest.fixture(scope="module")
def diagnosis(cohort: Path) -> Study:
    """The shipped diagnosis protocol on four patients."""
    return Job(Study.create("wu2025_diagnosis", cohort, cohort.parent / "diagnosis", seed=3)).run()


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A shipped protocol with some keys replaced, as a file."""

    def make(name: str, **keys: Any) -> Path:
        content = yaml.safe_load(shipped_protocols()[name].read_text(encoding="utf-8"))
        for key, value in keys.items():
            if value is None:
                content.pop(key, None)
            else:
                content[key] = value
        path = tmp_path / "protocol.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return make


def part_of(cohort: Path, out: Path, keep: int) -> Path:
    """A copy with the first ``keep`` cases only."""
    shutil.copytree(cohort, out)
    for case in Cohort.open(out).cases[keep:]:
        shutil.rmtree(case.folder)
    return out


def test_a_study_has_its_files_and_its_first_event(diagnosis: Study) -> None:
    names = {path.name for path in diagnosis.folder.iterdir()}
    assert names == {
        "protocol.yaml", "study.yaml", "form.json", "allocation.csv", "practice.json", "stimuli", "records.sqlite",
        "sealed",
    }  # fmt: skip
    source = shipped_protocols()["wu2025_diagnosis"].read_bytes()
    assert (diagnosis.folder / "protocol.yaml").read_bytes() == source
    with diagnosis.records() as log:
        events = list(log.events())
    assert [event.kind for event in events] == [Kind.STUDY_CREATED]
    assert events[0].payload["allocation_sha256"] == diagnosis.allocation.sha256
    assert events[0].payload["codebook_sha256"] == diagnosis.code_book().sha256
    assert len(diagnosis.allocation.rows) == 3 * 2 * 2  # cases, arms, readers
    assert len(list((diagnosis.folder / "stimuli").iterdir())) == 3 * 2


def test_a_case_without_an_image_is_left_out_only_where_the_protocol_says_so(
    diagnosis: Study, cohort: Path, tmp_path: Path, changed: Callable[..., Path]
) -> None:
    assert diagnosis.about["batches"][0]["left_out"] == {"sub-002": "no ASL"}
    with diagnosis.records() as log:
        assert next(log.events()).payload["left_out"] == 1
    with pytest.raises(InputError, match="sub-002 has no ASL: add the files"):
        Job(Study.create(changed("wu2025_diagnosis", incomplete=None), cohort, tmp_path / "study")).run()


def test_what_is_sealed_is_for_its_owner_only(diagnosis: Study) -> None:
    sealed = diagnosis.folder / "sealed"
    assert stat.S_IMODE((sealed / "codebook.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o700
    with (sealed / "truth.csv").open() as table:
        truth = {row["case"]: row["truth"] for row in csv.DictReader(table)}
    participants = Cohort.open(diagnosis.folder.parent / "cohort").participants
    assert truth == {case: str(int(participants[case]["diagnosis"] == "recurrence")) for case in truth}
    assert list(truth) == ["sub-001", "sub-003", "sub-004"]


def test_an_opened_study_is_the_created_one(diagnosis: Study) -> None:
    again = Study.open(diagnosis.folder)
    assert again.about == diagnosis.about
    assert again.allocation == diagnosis.allocation
    assert again.form == diagnosis.form
    assert again.protocol == diagnosis.protocol
    assert set(again.code_book().entries) == {row.stimulus for row in again.allocation.rows}


def test_an_equal_seed_gives_an_equal_plan_under_other_codes(cohort: Path, tmp_path: Path, diagnosis: Study) -> None:
    other = Job(Study.create("wu2025_diagnosis", cohort, tmp_path / "other", seed=3, stimuli=False)).run()

    def plan(study: Study) -> list[tuple[Any, ...]]:
        book = study.code_book()
        return [
            (row.reader, row.session, row.order, book.entry(row.stimulus).case, book.entry(row.stimulus).arms)
            for row in study.allocation.rows
        ]

    assert plan(other) == plan(diagnosis)
    assert not {r.stimulus for r in other.allocation.rows} & {r.stimulus for r in diagnosis.allocation.rows}
    assert not (other.folder / "stimuli").exists()


def test_a_folder_in_use_is_left_alone(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        Job(Study.create("wu2025_diagnosis", cohort, tmp_path)).run()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_cancelled_creation_leaves_nothing(cohort: Path, tmp_path: Path) -> None:
    job = Job(Study.create("wu2025_diagnosis", cohort, tmp_path / "study", seed=1))
    job.step()
    job.step()
    assert list(tmp_path.iterdir())
    job.cancel()
    assert not list(tmp_path.iterdir())


def test_missing_maps_are_named(prepared_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs synthetic CBV maps.*run synthperf synthesize"):
        Job(Study.create("wu2025_diagnosis", prepared_folder, tmp_path / "study")).run()
    with pytest.raises(InputError, match=r"no synthetic CBV map by unknown \(as 3 of 3 cases\)"):
        Job(Study.create("wu2025_diagnosis", prepared_folder, tmp_path / "study", bundle="unknown")).run()
    assert not (tmp_path / "study").exists()


def test_maps_may_lie_in_another_dataset(cohort: Path, prepared_folder: Path, tmp_path: Path) -> None:
    steps = Study.create("wu2025_diagnosis", prepared_folder, tmp_path / "s", maps=cohort, stimuli=False)
    assert Job(steps).run().code_book().bundles == {"cbv": BUNDLE}


def test_two_models_in_a_cohort_need_a_choice(cohort: Path, tmp_path: Path) -> None:
    more = tmp_path / "cohort"
    shutil.copytree(cohort, more)
    for path in more.glob(f"sub-*/perf/*_desc-{BUNDLE}_cbv.nii.gz"):
        shutil.copy(path, path.with_name(path.name.replace(BUNDLE, "trees")))
    with pytest.raises(InputError, match=f"maps by {BUNDLE}, trees: say which"):
        Job(Study.create("wu2025_diagnosis", more, tmp_path / "study", stimuli=False)).run()
    study = Job(Study.create("wu2025_diagnosis", more, tmp_path / "study", bundle="trees", stimuli=False)).run()
    assert study.code_book().bundles == {"cbv": "trees"}


def test_too_few_cases_and_one_sided_truth_are_refused(cohort: Path, tmp_path: Path) -> None:
    one = part_of(cohort, tmp_path / "one", 1)
    two = part_of(cohort, tmp_path / "two", 2)
    rows = Cohort.open(two).participants
    Cohort.open(two).write_participants({name: {**row, "diagnosis": "recurrence"} for name, row in rows.items()})
    shutil.copy(two / "sub-001/perf/sub-001_cbf.nii.gz", two / "sub-002/perf/sub-002_cbf.nii.gz")
    with pytest.raises(InputError, match="All 2 cases that would be read are recurrence"):
        Job(Study.create("wu2025_diagnosis", two, tmp_path / "study")).run()
    with pytest.raises(InputError, match="1 cases are too few for this design, it needs at least 2"):
        Job(Study.create("qsnet_rating", one, tmp_path / "study")).run()


def test_an_unknown_truth_is_named(cohort: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    table = copy / "participants.tsv"
    table.write_text(table.read_text().replace("\trecurrence\t", "\tn/a\t", 1))
    with pytest.raises(InputError, match="diagnosis of sub-003 is 'n/a'"):
        Job(Study.create("wu2025_diagnosis", copy, tmp_path / "study")).run()


def test_relative_and_absolute_maps_are_not_mixed(cohort: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    for case in Cohort.open(copy).cases:
        sidecar = case.file("CBV").with_name(f"{case.id}_cbv.json")
        sidecar.write_text(json.dumps({"Units": "relative"}))
    with pytest.raises(InputError, match="normalise: brain_median"):
        Job(Study.create("qsnet_rating", copy, tmp_path / "study")).run()
    assert Job(Study.create("wang_roi", copy, tmp_path / "study", stimuli=False)).run()


def test_changed_files_are_found(diagnosis: Study, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(diagnosis.folder, folder)
    (folder / "protocol.yaml").write_bytes((folder / "protocol.yaml").read_bytes() + b"\n")
    with pytest.raises(InputError, match="was changed after the study was created"):
        _ = Study.open(folder).protocol
    book = folder / "sealed" / "codebook.json"
    book.write_text(book.read_text().replace("mri_asl", "mri_synthetic_cbv", 1))
    with pytest.raises(InputError, match="code book was changed"):
        Study.open(folder).code_book()
    table = folder / "allocation.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(InputError, match="not the one that was made"):
        Study.open(folder)
    table.write_text("".join([*lines[:3], lines[3].replace(",", ";", 1)]))
    with pytest.raises(InputError, match="row 4 is damaged"):
        Study.open(folder)
    table.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        Study.open(folder)
    (folder / "study.yaml").write_text("[")
    with pytest.raises(InputError, match="damaged"):
        Study.open(folder)
    with pytest.raises(InputError, match="not a study folder"):
        Study.open(tmp_path)


def test_added_cases_come_after_what_is_there(cohort: Path, tmp_path: Path) -> None:
    study = Job(Study.create("qsnet_rating", part_of(cohort, tmp_path / "c", 2), tmp_path / "study", seed=5)).run()
    before = study.allocation.rows
    larger = Job(study.add_cases(cohort)).run()
    assert larger.allocation.rows[: len(before)] == before
    assert len(larger.allocation.rows) == 2 * len(before)
    assert min(row.session for row in larger.allocation.rows[len(before) :]) > max(row.session for row in before)
    again = Study.open(study.folder)
    assert again.allocation == larger.allocation
    assert {entry.case for entry in again.code_book().entries.values()} == {c.id for c in Cohort.open(cohort).cases}
    assert all(again.stimulus(row.stimulus).images for row in again.allocation.rows)
    with again.records() as log:
        assert [event.kind for event in log.events()] == [Kind.STUDY_CREATED, Kind.CASES_ADDED]
    with pytest.raises(InputError, match="no case that the study does not have"):
        Job(again.add_cases(cohort)).run()


def test_an_addition_killed_before_its_last_file_is_completed_by_the_next(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Job(Study.create("qsnet_rating", part_of(cohort, tmp_path / "c", 2), tmp_path / "study", seed=5)).run()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Allocation, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            Job(study.add_cases(cohort)).run()
    stopped = Study.open(study.folder)
    assert stopped.allocation == study.allocation
    assert set(stopped.code_book().entries) >= {row.stimulus for row in study.allocation.rows}
    completed = Job(stopped.add_cases(cohort)).run()
    assert len(completed.allocation.rows) == 2 * len(study.allocation.rows)
    assert len(Study.open(study.folder).about["batches"]) == 2


def test_locked_reads_take_no_more_cases(cohort: Path, tmp_path: Path) -> None:
    study = Job(Study.create("qsnet_rating", part_of(cohort, tmp_path / "c", 2), tmp_path / "study", seed=5)).run()
    with study.records() as log:
        log.lock()
    with pytest.raises(InputError):
        Job(study.add_cases(cohort)).run()
    assert Study.open(study.folder).allocation == study.allocation


def test_a_readers_copy_opens_without_what_is_sealed(diagnosis: Study, tmp_path: Path) -> None:
    for name, content in diagnosis.reader_files("R2").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    copy = Study.open(tmp_path)
    assert copy.allocation.rows == diagnosis.allocation.of("R2").rows
    assert copy.form == diagnosis.form
    assert not {"seed", "created", "records"} & set(copy.about)
    assert all(
        copy.stimulus(row.stimulus).sha256 == diagnosis.stimulus(row.stimulus).sha256 for row in copy.allocation.rows
    )
    with pytest.raises(InputError, match="only the coordinator's copy"):
        copy.code_book()
    with pytest.raises(InputError, match="only the coordinator's copy"):
        _ = copy.protocol
    with pytest.raises(InputError, match="no reader R9"):
        diagnosis.reader_files("R9")


def test_practice_gives_feedback_and_is_kept_apart(cohort: Path, tmp_path: Path, changed: Callable[..., Path]) -> None:
    design = {"kind": "fully_crossed", "sessions": 2, "washout_days": 28, "practice": {"cases": 1}}
    study = Job(Study.create(changed("wu2025_diagnosis", design=design), cohort, tmp_path / "s", stimuli=False)).run()
    book = study.code_book()
    practice = {row.stimulus for row in study.allocation.rows if row.practice}
    cases = {book.entry(code).case for code in practice}
    assert len(cases) == 1
    words = {"sub-001": "treatment response", "sub-003": "recurrence", "sub-004": "treatment response"}
    assert {study.feedback(code) for code in practice} == {words[next(iter(cases))]}
    assert not cases & {book.entry(row.stimulus).case for row in study.allocation.rows if not row.practice}
    with (study.folder / "sealed" / "truth.csv").open() as table:
        assert not cases & {row["case"] for row in csv.DictReader(table)}


def test_a_hundred_cases_two_arms_five_readers_in_ten_seconds(
    cohort: Path, tmp_path: Path, changed: Callable[..., Path]
) -> None:
    large = tmp_path / "cohort"
    source = Cohort.open(cohort)
    rows = {}
    for number in range(100):
        case = source.cases[number % 2 * 2]
        name = f"sub-{number:03d}"
        rows[name] = {"diagnosis": ("recurrence", "treatment_response")[number % 2], "site": "AB"[number % 3 // 2]}
        for path in case.folder.rglob("*.*"):
            target = large / name / path.parent.name / path.name.replace(case.id, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    Cohort.open(large).write_participants(rows)
    protocol = changed("wu2025_diagnosis", readers=[{"id": f"R{i}"} for i in range(5)], adjudication=None)
    started = time.perf_counter()
    study = Job(Study.create(protocol, large, tmp_path / "study", stimuli=False)).run()
    assert time.perf_counter() - started < 10
    assert len(study.allocation.rows) == 1000
