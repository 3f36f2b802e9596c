"""The bench of the reading study: it measures what it says, and its numbers stand beside those of the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import SynthPerfLib.bench
import SynthPerfReaderStudyLib.bench as bench
from SynthPerfLib.cli import main
from SynthPerfLib.jobs import Job, Progress, Steps


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"_CASES": 8, "_READERS": 2, "_EVENTS": 1500, "_MRMC": (2, 3, 60), "_ROUNDS": 1, "_SIZE": (32, 32, 4)}
    for name, value in sizes.items():
        monkeypatch.setattr(bench, name, value)


def test_every_number_is_in_the_table_and_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    out.write_text('{"network": 1}')
    job = Job(bench.bench(out))
    fractions: list[float] = []
    table = job.run(lambda progress: fractions.append(progress.fraction))
    assert fractions == sorted(fractions)
    assert len(fractions) >= 6
    content = json.loads(out.read_text())
    assert content["network"] == 1
    found = content["reader_study"]
    for part in ("study", "answer", "verify", "mrmc", "analysis"):
        assert found[part]["ratio"] > 0, part
    assert found["answer"]["answers"] == 2 * 8 * 2, "two questions on each stimulus of every reader's first session"
    assert 0 < found["answer"]["answer_p50_ms"] <= found["answer"]["answer_p99_ms"]
    assert 0 < found["answer"]["disk_p50_ms"] <= found["answer"]["disk_p99_ms"]
    assert found["verify"]["seconds_per_million"] == pytest.approx(found["verify"]["seconds"] * 1e6 / 1500)
    assert found["analysis"]["memory_mb"] > 50
    for words in (
        f"| {found['answer']['answer_p99_ms']:.1f} ms | 10 ms |",
        f"| {found['study']['seconds']:.2f} s | 10 s |",
        f"| {found['mrmc']['seconds']:.3f} s | 0.4 s |",
        f"| {found['analysis']['memory_mb']:.0f} MB | 500 MB |",
        "3 readers x 60 cases x 2 arms",
    ):
        assert words in table


def test_the_log_that_is_verified_holds_what_is_said(tmp_path: Path) -> None:
    with bench._log(tmp_path / "events.sqlite") as log:
        found = Job(log.verify()).run()
    assert found.ok
    assert found.events == 1500


def test_the_command_prints_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    def network(*options: object) -> Steps[str]:
        asked.extend(options)
        yield Progress(0.5, "network")
        return "| network |"

    def reading(*options: object) -> Steps[str]:
        asked.extend(options)
        yield Progress(0.5, "reading")
        return "| reading |"

    monkeypatch.setattr(SynthPerfLib.bench, "bench", network)
    monkeypatch.setattr(bench, "bench", reading)
    out = tmp_path / "bench.json"
    assert main(["bench", "--out", str(out)]) == 0
    assert capsys.readouterr().out == "| network |\n\n| reading |\n"
    assert asked == [None, out, out]
