"""Rehearsals: simulated readers in the real sessions, as able as was asked for, never mixed with people."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.export import export_study
from SynthPerfReaderStudyLib.packages import merge
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.rehearsal import Ability, rehearse
from SynthPerfReaderStudyLib.session import open_session
from SynthPerfReaderStudyLib.study import Study
from tiny_studies import EXPERIENCE, SETTING, changed_protocol, tiny_cohort, tiny_study

ARMS = {"mri_asl": 0.62, "mri_synthetic_cbv": 0.97}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def study(place: Path) -> Study:
    cohort = tiny_cohort(place / "cohort", 40)
    return tiny_study("wu2025_diagnosis", cohort, place / "study", stimuli=False)


@pytest.fixture(scope="module")
def rehearsal(study: Study, place: Path) -> Study:
    readers = {"R1": Ability(by_arm=ARMS), "R2": Ability(by_arm=ARMS, bias=1.2, drift=-2.4, missing=0.2)}
    return Job(rehearse(study, place / "rehearsal", seed=11, readers=readers)).run()


@pytest.fixture(scope="module")
def ratings(rehearsal: Study, place: Path) -> list[dict[str, str]]:
    Job(export_study(rehearsal, place / "out")).run()
    with (place / "out" / "simulated_ratings.csv").open(newline="") as table:
        return list(csv.DictReader(table))


def scores(ratings: list[dict[str, str]], reader: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [r for r in ratings if (r["reader"], r["arm"], r["item"]) == (reader, arm, "confidence")]
    rows = [r for r in rows if r["value"] and not r["value"].startswith("NA:")]
    return np.array([float(r["value"]) for r in rows]), np.array([int(r["case"][-3:]) % 2 for r in rows])


def test_the_whole_study_is_read(rehearsal: Study, ratings: list[dict[str, str]]) -> None:
    assert len(ratings) == 40 * 2 * 2 * 2  # cases, arms, readers, required questions
    with rehearsal.records() as log:
        found = Job(log.verify()).run()
        events = list(log.events())
    assert found.ok
    assert found.notes == []  # the simulated clock is never set back
    assert {e.simulated for e in events} == {True}
    assert events[-1].kind is Kind.READS_LOCKED
    opened = {e.session: e.moment for e in events if e.kind is Kind.SESSION_OPENED}
    assert (opened["R1-2"] - opened["R1-1"]).days >= 28
    decided = [e for e in events if e.kind is Kind.ADJUDICATION_ANSWER]
    assert {e.reader for e in decided} == {"A1"}


def test_the_readers_are_as_able_as_was_said(ratings: list[dict[str, str]]) -> None:
    for arm, auc in ARMS.items():
        read = [scores(ratings, reader, arm) for reader in ("R1", "R2")]
        found = np.mean([roc_auc_score(truth, value) for value, truth in read])
        assert found == pytest.approx(auc, abs=0.13)  # three standard errors of 40 cases
    assert Ability(auc=0.76).separation("any") == pytest.approx(np.sqrt(2) * 0.7063, abs=1e-3)


def test_missing_bias_and_drift(rehearsal: Study, ratings: list[dict[str, str]]) -> None:
    missing = {r: [row["value"].startswith("NA:") for row in ratings if row["reader"] == r] for r in ("R1", "R2")}
    assert not any(missing["R1"])
    assert np.mean(missing["R2"]) == pytest.approx(0.2, abs=0.1)
    with rehearsal.records() as log:
        said: dict[tuple[str, bool], list[float]] = {}
        order = {e.stimulus: e.payload["order"] for e in log.events(kind=Kind.ITEM_SHOWN, reader="R2")}
        for event in log.events(kind=Kind.ANSWER):
            if event.payload["item"] == "confidence" and event.payload["value"] is not None:
                said.setdefault((event.reader, order[event.stimulus] <= 20), []).append(event.payload["value"])
    # R2 begins 1.2 SD too high and ends 1.2 SD too low.
    assert np.mean(said["R2", True]) - np.mean(said["R2", False]) > 20
    assert abs(np.mean(said["R1", True]) - np.mean(said["R1", False])) < 20


def test_the_same_seed_gives_the_same_answers(tmp_path: Path) -> None:
    study = tiny_study("wu2025_diagnosis", tiny_cohort(tmp_path / "cohort", 6), tmp_path / "study", stimuli=False)
    tables = []
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        done = Job(rehearse(study, tmp_path / name, seed=seed, ability=Ability(missing=0.3))).run()
        Job(export_study(done, tmp_path / f"out_{name}")).run()
        tables.append((tmp_path / f"out_{name}" / "simulated_ratings.csv").read_bytes())
    assert tables[0] == tables[1] != tables[2]


def test_simulated_answers_never_meet_real_ones(study: Study, rehearsal: Study, place: Path) -> None:
    about = json.loads((place / "out" / "simulated_export.json").read_text())
    assert about["simulated"] is True
    assert (rehearsal.simulated, study.simulated) == (True, False)
    assert rehearsal.id != study.id
    with pytest.raises(InputError, match="not merged"):
        Job(merge(study, rehearsal.folder / "records.sqlite")).run()
    with study.records() as log:
        assert [e.kind for e in log.events()] == [Kind.STUDY_CREATED]  # the study itself was not touched
        with pytest.raises(InputError):  # and it cannot be read by people without its images
            open_session(study, log, "R1", SETTING, experience=EXPERIENCE)


def test_what_cannot_be_rehearsed_is_refused(study: Study, rehearsal: Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not empty"):
        Job(rehearse(study, rehearsal.folder)).run()
    with pytest.raises(InputError, match="no reader R7"):
        Job(rehearse(study, tmp_path / "a", readers={"R7": Ability()})).run()
    with pytest.raises(InputError, match="no arm perfect"):
        Job(rehearse(study, tmp_path / "b", ability=Ability(by_arm={"perfect": 0.9}))).run()
    for wrong in ({"auc": 1.0}, {"auc": 0.3}, {"missing": 1.5}, {"bias": float("nan")}):
        with pytest.raises(InputError):
            Ability(**wrong)
    job = Job(rehearse(study, tmp_path / "c"))
    for _ in range(3):
        job.step()
    job.cancel()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["wu2025_quality", "qsnet_rating", "wang_roi"])
def test_every_kind_of_protocol_can_be_rehearsed(name: str, tmp_path: Path) -> None:
    cohort = tiny_cohort(tmp_path / "cohort", 3)
    study = tiny_study(name, cohort, tmp_path / "study")
    done = Job(rehearse(study, tmp_path / "rehearsal")).run()
    out = Job(export_study(done, tmp_path / "out")).run()
    names = {path.name for path in out.files}
    if name == "wang_roi":
        with (tmp_path / "out" / "simulated_rois.csv").open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert len(rows) == 3 * 6 * 2  # cases, regions, maps
        assert {row["map"] for row in rows} == {"real", "synthetic"}
        lesions = [float(row["nawm_ratio"]) for row in rows if row["kind"] == "lesion"]
        assert min(lesions) > 1.2  # drawn in the lesion, the white matter on the other side
    else:
        assert "simulated_ratings.csv" in names


def test_a_staged_reveal_with_practice_is_rehearsed(tmp_path: Path) -> None:
    design = {"kind": "sequential", "order": list(ARMS), "practice": {"cases": 1}}
    protocol = changed_protocol(tmp_path / "p.yaml", "wu2025_diagnosis", design=design, analysis=None)
    study = tiny_study(protocol, tiny_cohort(tmp_path / "cohort", 4), tmp_path / "study", stimuli=False)
    done = Job(rehearse(study, tmp_path / "rehearsal")).run()
    Job(export_study(done, tmp_path / "out")).run()
    with (tmp_path / "out" / "simulated_ratings.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert {row["arm"] for row in rows} == set(ARMS)
    assert len({row["case"] for row in rows}) == 3
