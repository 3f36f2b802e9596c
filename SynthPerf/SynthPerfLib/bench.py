"""Speed and memory, as ratios of runs that alternate in one process: the machine's mood cancels."""

from __future__ import annotations

import multiprocessing
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from . import __version__
from .bundle import Bundle
from .errors import InputError
from .images import like, write_image, write_json
from .jobs import Job, Progress, Steps
from .preprocessing import Prepared
from .resources import resource
from .synthesis import SynthesisCase, Synthesizer
from .workflows import DEMO_BUNDLE

_SIZE, _SPACING = (256, 288, 16), (0.8, 0.8, 7.5)  # the grid of Wu et al. 2025
_FIVE = ("ASL", "T1", "T2", "ADC", "T1C")
_ROUNDS = 7


def bench(bundle: Path | None, out: Path | None) -> Steps[str]:
    """Measure a bundle on a 256 x 288 x 16 case with five modalities.

    Returns
    -------
    The table as Markdown; the same numbers as JSON in ``out``.

    Raises
    ------
    InputError
        If the bundle does not take the five modalities.
    """
    import torch

    opened = Bundle.open(bundle or resource(DEMO_BUNDLE))
    if not opened.any_subset or not set(_FIVE) <= set(opened.modalities):
        raise InputError(
            f"The bundle {opened.name} does not take any subset of {'+'.join(_FIVE)}: it cannot be measured here."
        )
    case = SynthesisCase(Synthesizer(opened, "cpu"), _case())
    four = tuple(name for name in _FIVE if name != "T2")
    work: dict[str, Callable[[], object]] = {
        "full run": lambda: _full(case),  # first: the others build on its latents
        "network": lambda: _network(case),
        "encoders": lambda: _encoders(case),
        "decoder": lambda: Job(case.decode(_FIVE)).run(),
        "modality switched": lambda: Job(case.map(four)).run(),
        "modality added": lambda: _added(case),
        "read and write one image": lambda: _read_write(case.prepared),
        "convolution peak": _peak(torch),
        "normalise and reslice": lambda: _reslice(case),  # last: it forgets the latents
    }
    _full(case)
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(_ROUNDS + 1):
        for name, job in work.items():
            yield Progress(number / (_ROUNDS + 1), name)
            started = time.perf_counter()
            job()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - started)
    result = _result(case, seconds)
    yield Progress(0.99, "memory")
    result["memory_mb"] = _memory(opened.folder)
    if out is not None:
        write_json(result, out)
    return _table(result)


def _case() -> Prepared:
    """A head-sized case: smooth noise in an ellipsoid of 140 x 175 x 115 mm."""
    rng = np.random.default_rng(1)
    reference = sitk.Image(_SIZE, sitk.sitkFloat32)
    reference.SetSpacing(_SPACING)
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(_SIZE[::-1], _SPACING[::-1], strict=True)), indexing="ij")
    middle = [(n - 1) * s / 2 for n, s in zip(_SIZE, _SPACING, strict=True)]
    inside = ((x - middle[0]) / 70) ** 2 + ((y - middle[1]) / 87.5) ** 2 + ((z - middle[2]) / 57.5) ** 2 <= 1
    images = {n: like((inside * rng.uniform(20, 900, inside.shape)).astype(np.float32), reference) for n in _FIVE}
    return Prepared("bench", images, like(inside.astype(np.uint8), reference), None, {"flags": []})


def _full(case: SynthesisCase) -> object:
    case.forget()
    return Job(case.map(_FIVE)).run()


def _added(case: SynthesisCase) -> object:
    case.forget(("T2",))
    return Job(case.map(_FIVE)).run()


def _network(case: SynthesisCase) -> object:
    _encoders(case)
    return Job(case.decode(_FIVE)).run()


def _encoders(case: SynthesisCase) -> None:
    for name in _FIVE:
        Job(case.encode(name)).run()


def _reslice(case: SynthesisCase) -> None:
    case.forget()
    for name in _FIVE:
        case.stack(name)


def _read_write(case: Prepared) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.nii.gz"
        write_image(case.images["T1"], path)
        return sitk.ReadImage(str(path))


def _peak(torch: Any) -> Callable[[], object]:
    """A 3x3 convolution, 64 to 64 channels, as large as the network's own work and as kind to the machine as can be."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    x = torch.randn(16, 64, 112, 96).to(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode():
            return layer(x)

    return run


_PEAK_FLOP = 2 * 9 * 64 * 64 * 16 * 112 * 96


def _result(case: SynthesisCase, seconds: dict[str, list[float]]) -> dict[str, Any]:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        _network(case)
    flop = float(counter.get_total_flops())
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    # Ratios round by round: what slows the machine in a round slows both.
    ratios = {
        name: statistics.median([a / b for a, b in zip(times, seconds["full run"], strict=True)])
        for name, times in seconds.items()
    }
    speed = [
        (flop / a) / (_PEAK_FLOP / b) for a, b in zip(seconds["network"], seconds["convolution peak"], strict=True)
    ]
    import torch

    return {
        "software": {"synthperf": __version__, "torch": str(torch.__version__)},
        "machine": {"processor": platform.machine(), "threads": torch.get_num_threads()},
        "bundle": {"name": case.model.name, "sha256": case.model.bundle.sha256},
        "case": {"size": _SIZE, "spacing_mm": _SPACING, "modalities": _FIVE, "working_grid": case.grid.shape},
        "seconds": {name: round(value, 4) for name, value in middle.items()},
        "ratio_to_full_run": {name: round(value, 4) for name, value in ratios.items()},
        "network_gflop": round(flop / 1e9, 2),
        "gflop_per_second": round(flop / middle["network"] / 1e9, 1),
        "peak_gflop_per_second": round(_PEAK_FLOP / middle["convolution peak"] / 1e9, 1),
        "share_of_peak": round(statistics.median(speed), 3),
    }


def _memory(bundle: Path) -> float:
    """Megabytes that one full run needs above the interpreter with its libraries, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return round(pool.apply(_peak_memory, (str(bundle),)), 0)


def _peak_memory(bundle: str) -> float:
    import torch

    torch.nn.functional.conv2d(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 3, 3))
    before = high_water()
    _full(SynthesisCase(Synthesizer(Bundle.open(Path(bundle)), "cpu"), _case()))
    return high_water() - before


def high_water() -> float:
    """The most memory this process has held so far, MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would also count what the parent held before the start
        (line,) = (text for text in status.read_text(encoding="ascii").splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource as usage

    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return usage.getrusage(usage.RUSAGE_SELF).ru_maxrss / unit


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['bundle']['name']}, {' x '.join(map(str, _SIZE))}, {len(_FIVE)} modalities, "
        f"{result['machine']['threads']} threads",
        "",
        "| | seconds | of the full run |",
        "|---|---|---|",
    ]
    for name, value in result["seconds"].items():
        lines.append(f"| {name} | {value:.3f} | {100 * result['ratio_to_full_run'][name]:.0f} % |")
    lines += [
        "",
        f"Network: {result['network_gflop']:.1f} GFLOP at {result['gflop_per_second']:.0f} GFLOP/s, "
        f"{100 * result['share_of_peak']:.0f} % of this machine's convolution peak "
        f"({result['peak_gflop_per_second']:.0f} GFLOP/s). Memory above the interpreter: {result['memory_mb']:.0f} MB.",
    ]
    return "\n".join(lines)
