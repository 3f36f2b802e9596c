"""Without the libraries of the extra ``study`` a command ends with one sentence that says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from SynthPerfLib.cli import main
from SynthPerfLib.errors import DependencyError
from SynthPerfReaderStudyLib.libraries import require

ROOT = Path(__file__).resolve().parents[2]

WITHOUT = """
import contextlib, io, json, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"jinja2", "matplotlib", "openpyxl", "pg8000", "pydantic", "sqlalchemy"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
import SynthPerfLib.bench
from SynthPerfLib.cli import main

def network(model, out):
    yield from ()
    return "| network |"

SynthPerfLib.bench.bench = network
found = []
for command in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command)
    found.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(found))
"""


def without_the_extra(*commands: list[str]) -> list[Any]:
    """Exit code, output and complaint of every command in an interpreter that has none of the extra's libraries."""
    places = os.pathsep.join(str(ROOT / name) for name in ("SynthPerf", "SynthPerfReaderStudy"))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(commands)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": places},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_every_command_says_what_to_install(tmp_path: Path) -> None:
    ratings, out = tmp_path / "ratings.csv", tmp_path / "out"
    ratings.write_text("reader,case,arm,item,value\nR1,C1,A,grade,1\n")
    found = without_the_extra(
        ["study", "schema"],
        ["study", "create", "wu2025_diagnosis", str(tmp_path), "--out", str(out)],
        ["study", "status", str(tmp_path)],
        ["study", "merge", str(tmp_path), str(tmp_path)],
        ["analyze", str(ratings), "--out", str(out)],
        ["analyze", str(tmp_path), "--out", str(out)],
        ["bench"],
    )
    install = "pip install 'synthperf[study]'.\n"
    study = f"synthperf: A reader study needs pydantic: {install}"
    report = f"synthperf: The report needs jinja2: {install}"
    bench = f"synthperf: The bench of a reader study needs pydantic: {install}"
    assert [code for code, _, _ in found] == [2] * 7
    assert [said for _, _, said in found] == [study] * 4 + [report] * 2 + [bench]
    assert [printed for _, printed, _ in found] == [""] * 6 + ["| network |\n"], "what was measured is kept"
    assert not out.exists()


def test_power_needs_none_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings, truth = tmp_path / "ratings.csv", tmp_path / "truth.csv"
    lines = [
        f"R{reader},C{case},{arm},grade,{(case * (reader + 3) + 5 * (arm == 'A') + 4 * (case % 2)) % 11}"
        for reader in range(3)
        for arm in "AB"
        for case in range(20)
    ]
    ratings.write_text("\n".join(["reader,case,arm,item,value", *lines, ""]))
    truth.write_text("case,truth\n" + "".join(f"C{case},{case % 2}\n" for case in range(20)))
    commands = (
        ["power", "--effect", "0.05", "--auc", "0.8", "--readers", "4-5"],
        [
            "power",
            "--effect",
            "0.05",
            "--pilot",
            str(ratings),
            "--truth",
            str(truth),
            "--readers",
            "4",
            "--cases",
            "50",
        ],
    )
    for command, (code, printed, _) in zip(commands, without_the_extra(*commands), strict=True):
        assert main(command) == code == 0
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("library", ["pydantic", "sqlalchemy"])
def test_the_library_that_is_missing_is_named(
    library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["study", "schema"]) == 2
    assert capsys.readouterr().err == f"synthperf: A reader study needs {library}: pip install 'synthperf[study]'.\n"


def test_a_library_that_lacks_its_own_part_is_a_sentence_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_reader.py").write_text("import broken_reader_core\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match="This needs broken_reader_core: pip install"):
        require("This", "json", "broken_reader")
