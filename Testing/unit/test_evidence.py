"""Evidence sheets: every item of the guideline is there, and nothing is filled in that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.analysis import Analysis, Settings, analyse_study, analyse_tables
from SynthPerfReaderStudyLib.ratings import read_ratings, read_truth
from SynthPerfReaderStudyLib.rehearsal import rehearse
from SynthPerfReaderStudyLib.report.blocks import Cell, Table
from SynthPerfReaderStudyLib.report.checklists import CLAIM, GRRAS, STARD
from SynthPerfReaderStudyLib.report.context import Context, Names
from SynthPerfReaderStudyLib.report.endpoint import endpoint_of
from SynthPerfReaderStudyLib.report.sections.evidence import OPEN, evidence
from tiny_studies import tiny_cohort, tiny_study


def sheets(done: Analysis) -> dict[str, dict[str, Cell]]:
    """Sheet to item to what is known."""
    context = Context(done, Names() if done.protocol is None else Names.of(done.protocol))
    tables = [block for block in evidence(context, endpoint_of(context)).blocks if isinstance(block, Table)]
    return {table.name: {item.text: known for item, _, known in table.body_cells} for table in tables}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder = tmp_path_factory.mktemp("plain")
    lines = [
        f"R{r},{c},{a},confidence,{10 * c + 7 * r + (c % 2) * 30 + (3 if a == 'b' else 0)}"
        for r in (1, 2)
        for c in range(10)
        for a in "ab"
    ]
    (folder / "r.csv").write_text(
        "reader,case,arm,item,value\n" + "\n".join([*lines[:-1], "R2,9,b,confidence,NA:blur"])
    )
    (folder / "t.csv").write_text("case,truth\n" + "\n".join(f"{c},{c % 2}" for c in range(10)))
    steps = analyse_tables(
        read_ratings(folder / "r.csv"), read_truth(folder / "t.csv"), None, Settings(thresholds={"confidence": 50})
    )
    return Job(steps).run()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder: Path = tmp_path_factory.mktemp("study")
    planned = tiny_study("wu2025_diagnosis", tiny_cohort(folder / "cohort", 8), folder / "planned", stimuli=False)
    read = Job(rehearse(planned, folder / "read", seed=3)).run()
    return Job(analyse_study(read.folder, folder / "out", interim=True)).run()


def test_the_guidelines_have_all_their_items() -> None:
    assert [len(sheet) for sheet in (STARD, CLAIM, GRRAS)] == [34, 44, 15]
    assert [item for item, _ in CLAIM] == [str(number) for number in range(1, 45)]
    assert [item for item, _ in GRRAS] == [str(number) for number in range(1, 16)]
    numbers = [int(item.rstrip("ab")) for item, _ in STARD]
    assert sorted(set(numbers)) == list(range(1, 31))
    assert [item for item, _ in STARD if item[-1] in "ab"] == ["10a", "10b", "12a", "12b", "13a", "13b", "21a", "21b"]


def test_of_tables_only_what_they_hold_is_said(plain: Analysis) -> None:
    stard = sheets(plain)["evidence_stard"]
    for item in (
        "1",
        "2",
        "3",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10a",
        "10b",
        "11",
        "13a",
        "13b",
        "20",
        "22",
        "25",
        "28",
        "30",
    ):
        assert (stard[item].text, stard[item].tone) == (OPEN, "open")
    assert "50 or more" in stard["12a"].text
    assert stard["15"].text.startswith("1 answer “not assessable”")
    assert stard["21a"].tone == "open"
    assert stard["21a"].text.startswith("5 cases were positive")
    assert stard["24"].tone == ""
    assert "No protocol was given" in stard["4"].text
    claim = sheets(plain)["evidence_claim"]
    assert claim["22"].text == OPEN
    assert claim["38"].tone == ""


def test_of_a_study_the_protocol_and_the_record_speak(study: Analysis) -> None:
    found = sheets(study)
    stard, claim, grras = (found[f"evidence_{name}"] for name in ("stard", "claim", "grras"))
    assert study.facts["study"]["protocol_sha256"] in stard["29"].text
    assert stard["29"].tone == "open"
    assert "“Standard MRI with synthetic CBV” (T1, T2, FLAIR, ADC, T1C, CBV)" in stard["10a"].text
    assert "At least 28 days" in stard["13a"].text
    assert stard["13a"].tone == ""
    assert "“recurrence”" in stard["12b"].text
    assert "endpoints were fixed in the protocol" in claim["4"].text
    assert claim["23"].text == claim["25"].text == OPEN
    assert "R1: 9 years, neuroradiology" in grras["12"].text
    assert grras["9"].tone == ""
    assert grras["7"].text == OPEN


def test_pairs_have_the_sheet_of_agreement_alone(tmp_path: Path) -> None:
    from SynthPerfReaderStudyLib.ratings import read_paired

    (tmp_path / "p.csv").write_text("case,x,y\n" + "\n".join(f"{n},{n},{n * 1.1 + n % 3}" for n in range(8)))
    done = Job(analyse_tables(None, None, read_paired(tmp_path / "p.csv"), Settings())).run()
    found = sheets(done)
    assert set(found) == {"evidence_grras"}
    assert found["evidence_grras"]["11"].text == "8 cases, two measurements each."
