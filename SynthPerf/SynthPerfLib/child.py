"""Work in a process of its own, for a user interface: a single operation of it may take seconds and hold the
interpreter, in the process of the interface nothing could be clicked meanwhile.

Both sides share a folder: the child writes there how far it is, what it made, at the end that it is done or why not.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import errors
from .errors import DependencyError, SynthPerfError
from .images import write_json
from .jobs import Job, Progress, Steps

_PAUSE = 0.01  # s between two looks: what an interface waits for, and how seldom the processor is troubled
_DONE, _FAILED, _PROGRESS, _LOG = "done.json", "failed.json", "progress.txt", "log.txt"


def in_child(module: str, folder: Path, python: str) -> Steps[dict[str, Any]]:
    """Run ``python -m module folder`` and wait in short steps; closing the generator ends the child.

    Parameters
    ----------
    module
        Full name of a module of this library that calls :func:`serve`.
    folder
        The shared folder.
    python
        A Python program with the libraries that the work needs.

    Returns
    -------
    What the child's work returned.

    Raises
    ------
    SynthPerfError
        Of the kind and with the words of the child's failure; also if the child was ended from outside.
    DependencyError
        If the program cannot be started.
    """
    with (folder / _LOG).open("wb") as log:
        try:
            child = subprocess.Popen(
                [python, "-m", module, str(folder)],
                cwd=Path(__file__).parents[1],  # where the library is found
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise DependencyError(f"Python ({python}) could not be started: install Slicer again.") from error
        said = Progress(0.0, "starting")
        try:
            while child.poll() is None:
                yield said
                time.sleep(_PAUSE)
                said = _last(folder / _PROGRESS, said)
        finally:
            child.kill()
            child.wait()
    if (folder / _FAILED).is_file():
        failure = json.loads((folder / _FAILED).read_text(encoding="utf-8"))
        raise getattr(errors, failure["kind"])(failure["words"])
    if (folder / _DONE).is_file():
        return dict(json.loads((folder / _DONE).read_text(encoding="utf-8")))
    report = (folder / _LOG).read_text(encoding="utf-8", errors="replace").strip()
    if report:
        raise RuntimeError(report)
    raise SynthPerfError("The work was ended from outside, probably for lack of memory: close other programs.")


def serve(folder: Path, steps: Callable[[], Steps[dict[str, Any]]]) -> None:
    """The child's side: do the work, write down how far it is and what came of it.

    Parameters
    ----------
    steps
        Makes the work; what it returns goes back as JSON.
    """

    def show(progress: Progress) -> None:
        if not folder.is_dir():  # whoever asked has gone; a launcher in between does not pass its end on
            os._exit(1)
        stream.write(f"{progress.fraction:.4f} {progress.words}\n")
        stream.flush()

    with (folder / _PROGRESS).open("w", encoding="utf-8") as stream:
        try:
            done = Job(steps()).run(show)
        except SynthPerfError as error:
            write_json({"kind": type(error).__name__, "words": str(error)}, folder / _FAILED)
        else:
            write_json(done, folder / _DONE)


def _last(path: Path, before: Progress) -> Progress:
    """The last whole line that the child wrote."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    if not lines:
        return before
    fraction, _, words = lines[-1].partition(" ")
    return Progress(float(fraction), words)
