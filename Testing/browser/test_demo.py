"""The end of the demonstration: a study to read, and the analysis of its rehearsal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from SynthPerfLib import cli, workflows
from SynthPerfLib.jobs import Progress, Steps
from SynthPerfReaderStudyLib.study import Study


def test_demo_ends_with_a_study_and_the_report_of_its_rehearsal(
    tiny_patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(out: Path) -> Steps[Path]:  # what comes before takes a minute, and has its own tests
        yield Progress(0.5, "patients")
        if not (out / "prepared").is_dir():
            shutil.copytree(tiny_patients, out / "prepared")
        return out / "evaluation" / "report.html"

    monkeypatch.setattr(workflows, "demo", made)
    assert cli.main(["demo", "--out", str(tmp_path), "--no-open"]) == 0
    said = capsys.readouterr().out
    study, results = tmp_path / "study", tmp_path / "rehearsal-results"
    assert f"synthperf study read {study} --reader R1 --open" in said
    assert str(results / "report.html") in said
    assert "simulated" in (results / "report.html").read_text(encoding="utf-8").lower()
    assert Study.open(tmp_path / "rehearsal").simulated
    made_first = Study.open(study)
    with made_first.records() as log:
        assert log.head().seq == 1  # nobody has read
    assert cli.main(["demo", "--out", str(tmp_path), "--no-open"]) == 0  # what was read would be kept
    assert Study.open(study).id == made_first.id
