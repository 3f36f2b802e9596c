"""How Slicer feels while a map is made: the longest time without an answer, the total time, the memory.

The simulated patient, or with ``--case FOLDER`` a case of yours. The panel's run is compared with the same work done in
the foreground, in turns; the first of each is not counted. A stall is the time between two ticks of a timer on the main
thread: for so long neither a click nor a redraw could have been answered.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import qt
from driving import click, open_panel, run, wait_until
from SynthPerfLib.desktop.dependencies import python
from SynthPerfLib.desktop.making import Maker
from SynthPerfLib.jobs import Job

TICK = 0.005  # s
ROUNDS = 3


class Stalls:
    """Looks for times in which the main thread answers nothing.

    Attributes
    ----------
    longest
        In s; a tick's own length less.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.monotonic()
        self._timer = qt.QTimer()
        self._timer.setTimerType(qt.Qt.PreciseTimer)
        self._timer.connect("timeout()", self._tick)
        self._timer.start(round(1000 * TICK))

    def _tick(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last - TICK)
        self._last = now

    def stop(self) -> float:
        self._tick()
        self._timer.stop()
        return self.longest


def in_panel(panel: Any, press: Callable[[], None]) -> tuple[float, float]:
    """Seconds until the work is done, and the longest stall."""
    stalls, start = Stalls(), time.monotonic()
    press()
    wait_until(lambda: not panel.runner.busy, 1800)
    return time.monotonic() - start, stalls.stop()


def main() -> bool:
    import_time = time.monotonic()
    __import__("torch")
    import_time = time.monotonic() - import_time
    panel = open_panel()
    if "--case" in sys.argv:
        read, read_stall = in_panel(panel, lambda: panel.load_case(Path(sys.argv[sys.argv.index("--case") + 1])))
    else:
        in_panel(panel, panel.load_sample)  # made the first time
        read, read_stall = in_panel(panel, panel.load_sample)
    assert panel.workspace.inputs, panel.ui.messageLabel.text

    found: dict[str, list[float]] = {"panel": [], "foreground": [], "again": [], "stall": [], "stall again": []}
    for number in range(ROUNDS + 1):
        panel.maker.forget()
        seconds, stall = in_panel(panel, lambda: click(panel.ui.applyButton))
        assert panel.workspace.map is not None, panel.ui.messageLabel.text
        again, stall_again = in_panel(panel, lambda: click(panel.ui.applyButton))
        start = time.monotonic()
        Job(Maker(panel.workspace, python()).make(panel.model.folder, panel.model.device)).run()
        foreground = time.monotonic() - start
        if number:
            for name, value in zip(found, (seconds, foreground, again, stall, stall_again), strict=True):
                found[name].append(value)

    ratio = median(a / b for a, b in zip(found["panel"], found["foreground"], strict=True))
    print(f"PyTorch's first import               {import_time:8.2f} s  (once a session; nothing is answered)")
    print(f"reading the case                     {read:8.2f} s  longest stall {1000 * read_stall:5.0f} ms")
    print(f"map: preparation and network         {median(found['panel']):8.2f} s  "
          f"longest stall {1000 * max(found['stall']):5.0f} ms")  # fmt: skip
    print(f"map again: network alone             {median(found['again']):8.2f} s  "
          f"longest stall {1000 * max(found['stall again']):5.0f} ms")  # fmt: skip
    print(f"the same in the foreground           {median(found['foreground']):8.2f} s")
    print(f"panel / foreground                   {ratio:8.2f}    (median of {ROUNDS} pairs)")
    for words, mebibytes in memory().items():
        print(f"{words:<36} {mebibytes:8.0f} MiB")
    return True


def memory() -> dict[str, float]:
    """The largest memory this process and its children ever held; empty where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    unit = 1024**2 if sys.platform == "darwin" else 1024
    asked = {
        "largest memory, Slicer": resource.RUSAGE_SELF,
        "largest memory, its preparing child": resource.RUSAGE_CHILDREN,
    }
    return {words: resource.getrusage(who).ru_maxrss / unit for words, who in asked.items()}


run(main)
