"""Exports: what was written is read back by the rules of the program it is for, and every score is there."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from SynthPerfLib.errors import DependencyError, InputError
from SynthPerfLib.jobs import Job
from SynthPerfLib.rois import COLUMNS
from SynthPerfReaderStudyLib.export import (
    Export,
    Scores,
    export_study,
    export_tables,
    write_imrmc,
    write_mrmcaov,
    write_rjafroc,
)
from SynthPerfReaderStudyLib.ratings import read_ratings, read_truth
from SynthPerfReaderStudyLib.session import open_session
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, LESION, SETTING, Calendar, changed_protocol, tiny_cohort, tiny_study

Cells = dict[tuple[str, str, str], float]


def read_imrmc(path: Path) -> tuple[Cells, dict[str, int], dict[str, int]]:
    """Scores, truth and header counts, by the rules of iMRMC's InputFile.java."""
    lines = path.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.upper().startswith("BEGIN DATA:"))
    counts = {}
    for line in lines[:begin]:
        for name in ("N0:", "N1:", "NR:", "NM:"):
            if name in line.upper():  # found anywhere, but read from the fourth character on
                counts[name[:2]] = int(line[3:])
    scores: Cells = {}
    truth: dict[str, int] = {}
    for line in lines[begin + 1 :]:
        reader, case, modality, score = ("".join(cell.split()) for cell in line.split(","))
        if reader in ("truth", "-1"):
            assert case not in truth
            truth[case] = {"0": 0, "1": 1}[score]
        else:
            assert case in truth  # truth rows first
            assert (reader, modality, case) not in scores
            scores[reader, modality, case] = float(score)
    return scores, truth, counts


def read_rjafroc(path: Path, key: Path) -> tuple[Cells, dict[str, int]]:
    """Scores and truth, by what RJafroc's DfReadDataFile demands of a file of the ROC paradigm."""
    book = load_workbook(path)
    sheets = {sheet.title.upper(): [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book}
    assert sorted(sheets) == ["FP", "TP", "TRUTH"]
    names: dict[str, dict[int, str]] = {"case": {}, "reader": {}, "modality": {}}
    with key.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            names[row["kind"]][int(row["number"])] = row["name"]
    head, *rows = sheets["TRUTH"]
    assert head == ["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"]
    assert [row[5] for row in rows[:3]] == ["ROC", "FCTRL", None]
    truth: dict[str, int] = {}
    readers = modalities = []
    for case, lesion, weight, reader_list, modality_list, _ in rows:
        assert isinstance(case, int)
        assert case == len(truth) + 1
        assert (lesion, weight) in ((0, 0), (1, 1))
        truth[names["case"][case]] = lesion
        assert isinstance(reader_list, str)
        readers, modalities = [int(r) for r in reader_list.split(",")], [int(m) for m in modality_list.split(",")]
        assert readers == sorted(names["reader"])
        assert modalities == sorted(names["modality"])
    assert list(truth.values()) == sorted(truth.values())  # cases without the condition first
    scores: Cells = {}
    for sheet, columns in (
        ("FP", ["ReaderID", "ModalityID", "CaseID", "FP_Rating"]),
        ("TP", ["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"]),
    ):
        head, *rows = sheets[sheet]
        assert head == columns
        for row in rows:
            assert all(isinstance(value, int | float) for value in row)
            case = names["case"][row[2]]
            assert truth[case] == (sheet == "TP")
            assert sheet == "FP" or row[3] == 1
            cell = (names["reader"][row[0]], names["modality"][row[1]], case)
            assert cell not in scores
            scores[cell] = float(row[-1])
    assert len(scores) == len(readers) * len(modalities) * len(truth)  # complete
    return scores, truth


def made(readers: int, cases: int, seed: int, missing: float = 0.0) -> Scores:
    randomness = random.Random(seed)
    truth = {f"sub-{number:03d}": number % 2 for number in range(cases)}
    values = {
        (f"R{reader}", arm, case): randomness.choice([1, 2, 3.5, -0.25, 100, 0.1 + 0.2, 1e-7])
        for reader in range(readers)
        for arm in ("real", "synthetic")
        for case in truth
        if randomness.random() >= missing
    }
    return Scores("confidence", values, {case: truth[case] for _, _, case in values})


@settings(max_examples=25, deadline=None)
@given(readers=st.integers(1, 12), cases=st.integers(4, 30), seed=st.integers(0, 99), missing=st.sampled_from([0, 0.1]))
def test_every_program_gets_every_score(
    readers: int, cases: int, seed: int, missing: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("export")
    scores = made(readers, cases, seed, missing)
    write_imrmc(scores, out / "imrmc.csv", out / "imrmc.imrmc")
    values, truth, counts = read_imrmc(out / "imrmc.imrmc")
    assert values == scores.values
    assert truth == scores.truth
    positive = sum(scores.truth.values())
    assert counts == {"N0": len(truth) - positive, "N1": positive, "NR": len(scores.readers), "NM": len(scores.arms)}

    frame = pandas.read_csv(out / "imrmc.csv", dtype={"caseID": str})
    assert list(frame) == ["readerID", "caseID", "modalityID", "score"]
    assert list(frame.readerID[: len(truth)]) == ["truth"] * len(truth)
    assert dict(zip(frame.caseID[: len(truth)], frame.score[: len(truth)], strict=True)) == truth
    rest = frame[len(truth) :]
    assert dict(zip(zip(rest.readerID, rest.modalityID, rest.caseID, strict=True), rest.score, strict=True)) == values

    write_mrmcaov(scores, out / "mrmcaov.csv")
    frame = pandas.read_csv(out / "mrmcaov.csv")
    assert list(frame) == ["reader", "treatment", "case", "truth", "rating"]
    assert dict(zip(zip(frame.reader, frame.treatment, frame.case, strict=True), frame.rating, strict=True)) == values
    assert dict(zip(frame.case, frame.truth, strict=True)) == truth

    complete = scores.complete_cases
    if {truth[case] for case in complete} == {0, 1} and len(complete) > 2:
        left_out = write_rjafroc(scores, out / "r.xlsx", out / "key.csv")
        values, truth = read_rjafroc(out / "r.xlsx", out / "key.csv")
        assert truth == {case: scores.truth[case] for case in complete}
        # A workbook holds 16 digits of a number.
        assert values == pytest.approx(
            {cell: value for cell, value in scores.values.items() if cell[2] in complete}, rel=1e-15, abs=0
        )
        assert sorted([*left_out, *complete]) == sorted(scores.truth)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


RATINGS = """reader,case,arm,item,value,repeat
R1,c1,real,confidence,20,1
R1,c1,real,confidence,99,2
R1,c2,real,confidence,80,1
R1,c1,synthetic,confidence,30,1
R1,c2,synthetic,confidence,NA:motion,1
R2,c1,real,confidence,,1
R2,c2,real,confidence,70.5,1
R2,c1,synthetic,confidence,10,1
R2,c2,synthetic,confidence,60,1
R1,c1,real,diagnosis,recurrence,1
"""


def test_plain_tables_are_exported_without_what_is_missing_or_was_read_again(tmp_path: Path) -> None:
    ratings = write(tmp_path / "ratings.csv", RATINGS)
    truth = write(tmp_path / "truth.csv", "case,truth\nc1,stable\nc2,tumour\n")
    export = export_tables(ratings, truth, tmp_path / "out", positive="tumour")
    assert [path.name for path in export.files] == ["imrmc.csv", "imrmc.imrmc", "mrmcaov.csv"]
    assert export.notes[0] == "The score is confidence."
    assert "no workbook was written" in export.notes[1]
    assert (tmp_path / "out" / "imrmc.csv").read_text() == (
        "readerID,caseID,modalityID,score\ntruth,c1,truth,0\ntruth,c2,truth,1\n"
        "R1,c1,real,20\nR1,c2,real,80\nR1,c1,synthetic,30\n"
        "R2,c2,real,70.5\nR2,c1,synthetic,10\nR2,c2,synthetic,60\n"
    )
    assert (tmp_path / "out" / "mrmcaov.csv").read_text().splitlines()[1] == "R1,real,c1,0,20"


def test_rjafroc_gets_the_complete_cases_and_says_which_are_left_out(tmp_path: Path) -> None:
    more = "".join(
        f"{r},{c},{a},confidence,5\n" for r in ("R1", "R2") for c in ("c3", "c4") for a in ("real", "synthetic")
    )
    ratings = write(
        tmp_path / "ratings.csv",
        RATINGS.replace(",repeat", "").replace(",1\n", "\n").replace("R1,c1,real,confidence,99,2\n", "") + more,
    )
    truth = write(tmp_path / "truth.csv", "case,truth\nc1,0\nc2,1\nc3,0\nc4,1\n")
    export = export_tables(ratings, truth, tmp_path)
    assert "2 of 4 were left out (c1, c2)" in export.notes[1]
    assert (tmp_path / "rjafroc_key.csv").read_text() == (
        "kind,number,name\ncase,1,c3\ncase,2,c4\nreader,1,R1\nreader,2,R2\nmodality,1,real\nmodality,2,synthetic\n"
    )


def test_an_item_must_have_numbers_and_be_clear(tmp_path: Path) -> None:
    truth = read_truth(write(tmp_path / "truth.csv", "case,truth\nc1,0\nc2,1\n"))
    table = read_ratings(write(tmp_path / "ratings.csv", RATINGS))
    with pytest.raises(InputError, match="diagnosis is no item with numbers, choose from confidence"):
        Scores.of(table, truth, "diagnosis")
    table = read_ratings(write(tmp_path / "ratings.csv", RATINGS + "R1,c1,real,quality,3,1\n"))
    with pytest.raises(InputError, match="which item is the score\\? Choose from confidence, quality"):
        Scores.of(table, truth)


@pytest.mark.parametrize("reader", ["truth", "-1", "R,1", " "])
def test_names_that_imrmc_would_misread_are_refused(reader: str, tmp_path: Path) -> None:
    scores = Scores("x", {(reader, "a", "c"): 1.0}, {"c": 1})
    with pytest.raises(InputError, match="iMRMC does not accept the reader"):
        write_imrmc(scores, tmp_path / "imrmc.csv", tmp_path / "imrmc.imrmc")


def test_names_that_imrmc_would_take_for_one_are_refused(tmp_path: Path) -> None:
    scores = Scores("x", {("R 1", "a", "c"): 1.0, ("R1", "a", "c"): 2.0}, {"c": 1})
    with pytest.raises(InputError, match="'R 1' and 'R1' for one"):
        write_imrmc(scores, tmp_path / "imrmc.csv", tmp_path / "imrmc.imrmc")
    assert list(tmp_path.iterdir()) == []


def confidence(case: str, arm: str, reader: str, repeat: int) -> int:
    """What everyone answers in the study below."""
    return int(hashlib.sha256(f"{case} {arm} {reader} {repeat}".encode()).hexdigest(), 16) % 101


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_cohort(tmp_path_factory.mktemp("export") / "cohort", 6)


@pytest.fixture(scope="module")
def study(cohort: Path) -> Study:
    """Read to the end by R1, with one answer changed, one not assessable; by R2 to the end of the first session."""
    practice = {"cases": 2, "feedback": False}
    design = {"kind": "fully_crossed", "sessions": 2, "washout_days": 28, "repeats": {"count": 1}, "practice": practice}
    protocol = changed_protocol(
        cohort.parent / "protocol.yaml", "wu2025_diagnosis", design=design, navigation={"back": True}
    )
    clock = Calendar()
    study = tiny_study(protocol, cohort, cohort.parent / "study", clock)
    book = study.code_book()
    with study.records(clock=clock) as log:
        for number in range(4):
            for reader in ("R1", "R2") if number < 2 else ("R1",):
                session = open_session(study, log, reader, SETTING, number, experience=EXPERIENCE, clock=clock)
                while session.view.state is State.READING:
                    entry = book.entry(session.view.stimulus)
                    (arm,) = entry.arms
                    session.answer("diagnosis", "recurrence")
                    session.answer("confidence", 1)
                    if (reader, entry.case, arm) == ("R1", "sub-Tiny001", "mri_asl") and entry.repeat == 1:
                        session.not_assessable("confidence", "artefacts")
                        session.answer("remark", 'Motion, "severe"')
                    else:
                        session.answer("confidence", confidence(entry.case, arm, reader, entry.repeat))
                    session.submit()
                if (reader, number) == ("R1", 1):  # opened again, answered anew and submitted again: that counts
                    session.back()
                    session.answer("confidence", 100)
                    session.submit()
                if (reader, number) == ("R2", 1):  # opened again, but not submitted again: what was submitted counts
                    session.back()
                    session.answer("confidence", 0)
                session.close()
            clock.wait(days=30)
    return study


@pytest.fixture(scope="module")
def exported(study: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path, Export]:
    """A copy of it, unblinded, and what it gives."""
    folder = tmp_path_factory.mktemp("exported")
    unblinded = Study.open(Path(shutil.copytree(study.folder, folder / "study")))
    with unblinded.records() as log:
        log.unblind()
    return unblinded, folder / "out", Job(export_study(unblinded, folder / "out")).run()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_before_the_lock_only_an_interim_export_is_made_and_it_says_so(study: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The reads are not locked yet, and the tables name the arms"):
        Job(export_study(study, tmp_path)).run()
    assert list(tmp_path.iterdir()) == []
    export = Job(export_study(study, tmp_path, interim=True)).run()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in export.files}
    assert all(path.name.startswith("interim_") for path in export.files)
    assert json.loads((tmp_path / "interim_export.json").read_text())["interim"] is True


def test_without_the_workbook_library_nothing_is_written(
    exported: tuple[Study, Path, Export], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DependencyError, match=r"RJafroc's workbook needs openpyxl: pip install 'synthperf\[study\]'"):
        Job(export_study(exported[0], tmp_path / "out")).run()
    assert not (tmp_path / "out").exists()


def test_every_planned_cell_has_its_row(exported: tuple[Study, Path, Export]) -> None:
    study, out, _ = exported
    table = rows(out / "ratings.csv")
    assert list(table[0]) == ["reader", "case", "arm", "item", "value", "repeat"]
    cells = {
        tuple(row[column] for column in ("reader", "case", "arm", "item", "repeat")): row["value"] for row in table
    }
    assert len(cells) == len(table)
    book = study.code_book()
    last = study.allocation.session("R1", 1)[-1].stimulus
    expected = {}
    for row in study.allocation.rows:
        entry = book.entry(row.stimulus)
        if row.practice:
            continue
        (arm,) = entry.arms
        repeat = str(entry.repeat)

        def cell(item: str, start: tuple[str, str, str] = (row.reader, entry.case, arm), repeat: str = repeat) -> Any:
            return (*start, item, repeat)

        was_read = row.reader == "R1" or row.session == 1
        score = str(confidence(entry.case, arm, row.reader, entry.repeat))
        if row.reader == "R1" and row.stimulus == last:
            score = "100"
        expected[cell("diagnosis")] = "recurrence" if was_read else ""
        expected[cell("confidence")] = score if was_read else ""
        if (row.reader, entry.case, arm, repeat) == ("R1", "sub-Tiny001", "mri_asl", "1"):
            expected[cell("confidence")] = "NA:artefacts"
            expected[cell("remark")] = 'Motion, "severe"'
    assert cells == expected
    assert "" in expected.values()


def test_the_analysis_reads_what_is_exported(exported: tuple[Study, Path, Export]) -> None:
    _, out, export = exported
    truth = read_truth(out / "truth.csv")
    ratings = read_ratings(out / "ratings.csv", truth.positive)
    assert ratings.arms == ("mri_asl", "mri_synthetic_cbv")
    assert set(ratings.cases) == set(truth.positive)
    scores = Scores.of(ratings, truth, "confidence")
    values, known, _ = read_imrmc(out / "imrmc.imrmc")
    assert values == scores.values
    assert known == {case: int(bool(value)) for case, value in truth.positive.items()}
    assert "The score is confidence." in export.notes  # the primary endpoint's


def test_events_can_be_checked_from_the_export_alone(exported: tuple[Study, Path, Export]) -> None:
    study, out, _ = exported
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    before = None
    for line in lines:
        given = line.pop("hash")
        text = json.dumps(line, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == given
        assert line.get("previous") == before
        before = given
    with study.records() as log:
        assert log.head() == (len(lines) - 1, before)
    about = json.loads((out / "export.json").read_text())
    assert about["head"] == {"seq": len(lines) - 1, "hash": before}
    assert (about["interim"], about["simulated"]) == (False, False)
    for name, sum in about["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == sum


def test_an_export_is_the_same_again(exported: tuple[Study, Path, Export], tmp_path: Path) -> None:
    study, out, export = exported
    Job(export_study(study, tmp_path)).run()
    for path in export.files:
        if path.suffix != ".xlsx":
            assert (tmp_path / path.name).read_bytes() == (out / path.name).read_bytes()


def test_regions_are_exported_with_case_arm_and_the_names_of_the_maps(cohort: Path, tmp_path: Path) -> None:
    roi = {"id": "tumour", "title": "T", "tissue": "lesion", "area_cm2": 3.0, "drawn_on": ["real"]}
    white = {"id": "nawm", "title": "W", "tissue": "nawm", "area_cm2": 3.0, "drawn_on": ["real"]}
    tasks = [{**task, "copied_to": ["synthetic"]} for task in (roi, white)]
    protocol = changed_protocol(tmp_path / "p.yaml", "wang_roi", rois=tasks)
    study = tiny_study(protocol, cohort, tmp_path / "study")
    with study.records() as log:
        session = open_session(study, log, "R1", SETTING, experience=EXPERIENCE)
        code = session.view.stimulus
        for wanted in session.view.regions:
            x, y, z = LESION
            session.draw_disc(
                wanted.task.id, wanted.number, wanted.map, (x if wanted.task.id == "tumour" else -x, y, z)
            )
        session.submit()
        session.close()
        log.lock()
    Job(export_study(study, tmp_path / "out")).run()
    table = rows(tmp_path / "out" / "rois.csv")
    assert tuple(table[0]) == COLUMNS
    assert [(row["roi"], row["kind"], row["map"], row["drawn_on"]) for row in table] == [
        ("tumour", "lesion", "real", "real"),
        ("nawm", "nawm", "real", "real"),
        ("tumour", "lesion", "synthetic", "real"),
        ("nawm", "nawm", "synthetic", "real"),
    ]
    case = study.code_book().entry(code).case
    assert {(row["reader"], row["case"], row["arm"], row["repeat"]) for row in table} == {
        ("R1", case, "common_region", "1")
    }
    assert float(table[0]["nawm_ratio"]) == pytest.approx(float(table[0]["mean"]) / float(table[1]["mean"]))
    assert not (tmp_path / "out" / "truth.csv").exists()


def test_a_staged_reading_has_an_arm_for_each_stage_and_conditional_answers_only_where_given(
    cohort: Path, tmp_path: Path
) -> None:
    why = {
        "id": "why",
        "kind": "text",
        "text": "Why?",
        "required": True,
        "when": {"item": "diagnosis", "is": ["recurrence"]},
    }
    final = {"id": "sure", "kind": "likert", "text": "Sure?", "anchors": {0: "no", 1: "yes"}, "stages": [2]}
    choices = [{"value": value, "label": value} for value in ("recurrence", "treatment_response")]
    protocol = changed_protocol(
        tmp_path / "p.yaml",
        "wu2025_diagnosis",
        questions=[{"id": "diagnosis", "kind": "choice", "text": "D", "choices": choices}, why, final],
        design={"kind": "sequential", "sessions": 1, "order": ["mri_asl", "mri_synthetic_cbv"]},
        analysis=None,
        adjudication=None,
        readers=[{"id": "R1"}],
    )
    study = tiny_study(protocol, cohort, tmp_path / "study", simulated=True)
    with study.records() as log:
        session = open_session(study, log, "R1", SETTING, experience=EXPERIENCE)
        code = session.view.stimulus
        session.answer("diagnosis", "recurrence")
        session.answer("why", "dark")
        session.next_stage()
        session.answer("diagnosis", "treatment_response")
        session.answer("sure", 1)
        session.submit()
        session.close()
        log.lock()
    export = Job(export_study(study, tmp_path / "out")).run()
    case = study.code_book().entry(code).case
    table = {
        (row["arm"], row["item"]): row["value"]
        for row in rows(tmp_path / "out" / "simulated_ratings.csv")
        if row["case"] == case
    }
    assert table == {
        ("mri_asl", "diagnosis"): "recurrence",
        ("mri_asl", "why"): "dark",
        ("mri_synthetic_cbv", "diagnosis"): "treatment_response",
        ("mri_synthetic_cbv", "sure"): "1",
    }
    missing = [row for row in rows(tmp_path / "out" / "simulated_ratings.csv") if row["case"] != case]
    assert {row["item"] for row in missing} == {"diagnosis", "sure"}
    assert {row["value"] for row in missing} == {""}
    assert json.loads((tmp_path / "out" / "simulated_export.json").read_text())["simulated"] is True
    assert "The score is sure." in export.notes
