"""How long the application stands still while a map is made, and what the map costs beside a run in the foreground.

In Slicer: Slicer --no-splash --python-script Testing/Slicer/event_loop.py [CASE_FOLDER]
Outside, on the stand-ins: xvfb-run python Testing/Slicer/event_loop.py [CASE_FOLDER]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "desktop"))

import host  # first: it finds Qt, or puts the stand-ins in place
import qt
from SynthPerfLib.bundle import Bundle
from SynthPerfLib.desktop.reading import cases_in
from SynthPerfLib.jobs import Job
from SynthPerfLib.preprocessing import as_prepared
from SynthPerfLib.synthesis import Synthesizer, supported


class Gaps:
    """Times between two turns of the event loop, in s."""

    def __init__(self) -> None:
        self.found: list[float] = []
        self._last = time.monotonic()
        self._timer = qt.QTimer()
        self._timer.connect("timeout()", self._turn)
        self._timer.start(0)

    def _turn(self) -> None:
        now = time.monotonic()
        self.found.append(now - self._last)
        self._last = now

    def stop(self) -> list[float]:
        """The gaps, the longest last."""
        self._timer.stop()
        return sorted(self.found)


def peak_mb() -> tuple[float, float] | None:
    """Highest memory of this process and of its largest child, MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    factor = 1024.0 if sys.platform != "darwin" else 1024.0**2
    mine, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine / factor, child / factor


def watched(panel: Any, start: Any) -> tuple[float, list[float]]:
    """Seconds until the work is done, and the gaps meanwhile, that of the press of the button too."""
    begun, gaps = time.monotonic(), Gaps()
    start()
    host.wait_until(lambda: not panel.runner.busy, 600)
    return time.monotonic() - begun, gaps.stop()


def show(words: str, seconds: float, gaps: list[float]) -> None:
    """One line of the table."""
    print(
        f"{words:<28}{seconds:7.2f} s   longest stall {1000 * gaps[-1]:4.0f} ms, "
        f"99 % below {1000 * gaps[int(0.99 * (len(gaps) - 1))]:3.0f} ms"
    )


def main(folder: str | None) -> None:
    """Measure and print."""
    begun = time.monotonic()
    import torch

    print(f"loading torch, once: {time.monotonic() - begun:.2f} s")
    scene = host.a_scene()
    panel = host.a_panel(scene)
    seconds, gaps = watched(panel, panel.load_sample if folder is None else lambda: panel.load_case(Path(folder)))
    show("reading the case", seconds, gaps)
    case = next(iter(cases_in(Path(folder)).values())) if folder else None
    for words, start in (
        ("first map", panel.ui.applyButton.click),
        ("without ASL", panel.subset.boxes["ASL"].click),
        ("with ASL again", panel.subset.boxes["ASL"].click),
    ):
        seconds, gaps = watched(panel, start)
        show(words, seconds, gaps)
    if case is not None:
        model = Synthesizer(Bundle.open(panel.model.folder))
        chosen = supported(model, case.available)
        begun = time.monotonic()
        prepared = Job(as_prepared(case, chosen)).run()
        middle = time.monotonic()
        Job(model.map(prepared, chosen)).run()
        end = time.monotonic()
        print(f"in the foreground: {end - begun:.2f} s (preparation {middle - begun:.2f}, map {end - middle:.2f})")
    print(f"device {panel.maker.device}, torch {torch.__version__} with {torch.get_num_threads()} threads")
    memory = peak_mb()
    if memory is not None:
        print(f"memory at most: {memory[0]:.0f} MB, in the process that prepares {memory[1]:.0f} MB")
    panel.cleanup()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
    if host.IN_SLICER:
        import slicer

        slicer.util.exit()
