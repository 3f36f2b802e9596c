"""The bench: every number is there, and the ratios are ratios of what ran in the same rounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import SynthPerfLib.bench as bench
from made_cases import a_bundle
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job


def test_a_bench_gives_its_table_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_ROUNDS", 1)
    bundle = a_bundle(tmp_path / "small")
    table = Job(bench.bench(bundle.folder, tmp_path / "bench.json")).run()
    numbers = json.loads((tmp_path / "bench.json").read_text())
    assert numbers["ratio_to_full_run"]["full run"] == 1.0
    for name, seconds in numbers["seconds"].items():
        assert seconds > 0
        assert f"| {name} |" in table
        assert numbers["ratio_to_full_run"][name] == pytest.approx(
            seconds / numbers["seconds"]["full run"], rel=0.05, abs=6e-4
        )
    assert numbers["network_gflop"] > 1
    assert numbers["memory_mb"] > 10


def test_a_bundle_for_one_combination_is_not_measured(tmp_path: Path) -> None:
    fixed = a_bundle(tmp_path / "fixed", "encoder_decoder", ("ASL", "T1"))
    with pytest.raises(InputError, match="any subset"):
        Job(bench.bench(fixed.folder, None)).run()
