"""How the command line shows work and failure: a bar on a terminal, plain lines when piped, one sentence on error."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from .errors import SynthPerfError
from .jobs import Job, Progress, Steps

T = TypeVar("T")

DONE, FAILED_CHECK, BAD_INPUT = 0, 1, 2
_QUIET_SECONDS = 5.0


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line on stderr, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the usage and leave."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(steps: Steps[T], title: str) -> T:
    """Drive a job to its end with progress on stderr."""
    if not sys.stderr.isatty():
        return Job(steps).run(_lines(title))
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining} {postfix}"
    with tqdm(total=1.0, desc=title, bar_format=layout, leave=True) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(progress.words, refresh=False)
            bar.update(max(progress.fraction - bar.n, 0.0))

        result = Job(steps).run(show)
        bar.update(max(1.0 - bar.n, 0.0))
        return result


def _lines(title: str) -> Callable[[Progress], None]:
    started = time.monotonic()
    said = started - _QUIET_SECONDS

    def show(progress: Progress) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _QUIET_SECONDS:
            said = now
            left = (now - started) * (1 / progress.fraction - 1) if progress.fraction > 0.01 else None
            remaining = f", about {left:.0f} s left" if left is not None else ""
            print(f"{title}: {100 * progress.fraction:.0f} % {progress.words}{remaining}", file=sys.stderr, flush=True)

    return show


def guarded(command: Callable[[], int]) -> int:
    """Run a command; turn every failure into one sentence on stderr and an exit code."""
    try:
        return command()
    except SynthPerfError as error:
        return _say(str(error))
    except KeyboardInterrupt:
        return _say("Stopped. What was finished is kept; run the same command again to go on.")
    except BrokenPipeError:  # the reader of our output has left; nothing to tell anyone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except MemoryError:
        return _say("There is not enough memory for this step: close other programs or work on fewer cases.")
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _say(f"{error.strerror or error}{where}. Check the path, the permissions and the free space.")
    except Exception:  # a defect of ours: the user gets a sentence and a file to send, not a traceback
        handle, name = tempfile.mkstemp(prefix="synthperf-defect-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            traceback.print_exc(file=stream)
        return _say(f"This is a defect in SynthPerf, not in your data; please report it with the file {Path(name)}.")


def _say(sentence: str) -> int:
    print(f"synthperf: {' '.join(sentence.split())}", file=sys.stderr)
    return BAD_INPUT
