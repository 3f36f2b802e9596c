"""Speed and memory of a reading study; each number beside a reference that runs next to it on the same machine.

The reference of an answer is the disk alone: as many bytes appended to a file and forced onto the disk. That of all
else is sorting a million numbers. A slow or busy machine slows both, their ratio stays.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from SynthPerfLib import __version__
from SynthPerfLib.images import write_json
from SynthPerfLib.jobs import Job, Progress, Steps

from .libraries import RECORD, REPORT, require

if TYPE_CHECKING:
    from .study import Study

_CASES, _READERS = 100, 5  # of the study
_EVENTS = 50_000
_MRMC = (2, 10, 1000)  # arms, readers, cases of the statistics
_ROUNDS = 5
_SIZE, _SPACING = (256, 288, 16), (0.8, 0.8, 7.5)  # the grid of Wu et al. 2025
_WAL_PAGES = 2 * (4096 + 24)  # what SQLite writes for one answer
_BATCH = 1000


def bench(out: Path | None) -> Steps[str]:
    """Measure a study of 100 cases, 2 arms and 5 readers, a log of 50,000 events, and the statistics of 20,000 reads.

    Parameters
    ----------
    out
        A JSON file of the other measurements: these are added to it as ``reader_study``.

    Returns
    -------
    The table as Markdown.

    Raises
    ------
    DependencyError
        If a library of the extra ``study`` is not installed.
    """
    require("The bench of a reader study", *RECORD, *REPORT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield Progress(0.0, "cohort")
        protocol, cohort = _protocol(folder / "protocol.yaml"), _cohort(folder / "cohort")
        yield Progress(0.1, "study")
        study, created = _timed(lambda: _create(protocol, cohort, folder / "study"))
        yield Progress(0.2, "answers")
        answered = _answers(study, folder / "reference")
        yield Progress(0.4, "events")
        log = _log(folder / "events.sqlite")
        yield Progress(0.6, "verify")
        _, verified = _timed(lambda: Job(log.verify()).run())
        log.close()
        yield Progress(0.7, "multi-reader analysis")
        scores, truth = _reads()
        _mrmc(scores, truth)
        rounds = [_timed(lambda: _mrmc(scores, truth))[1] for _ in range(_ROUNDS)]
        yield Progress(0.8, "analysis and report")
        _tables(scores, truth, folder)
        analysed = _analysis(folder)
    result = {
        "software": {"synthperf": __version__},
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "study": {"cases": _CASES, "arms": 2, "readers": _READERS, "image_size": _SIZE, **created},
        "answer": answered,
        "verify": {"events": _EVENTS, **verified, "seconds_per_million": 1e6 / _EVENTS * verified["seconds"]},
        "mrmc": {"arms_readers_cases": _MRMC, **{key: _middle(rounds, key) for key in rounds[0]}},
        "analysis": {"arms_readers_cases": _MRMC, **analysed},
    }
    if out is not None:
        others = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
        write_json({**others, "reader_study": result}, out)
    return _table(result)


def _timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``work`` returns; its seconds, and as multiples of the reference just before and after it."""
    before = _sorting()
    started = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - started
    return done, {"seconds": round(seconds, 4), "ratio": round(2 * seconds / (before + _sorting()), 3)}


def _sorting() -> float:
    numbers = np.random.default_rng(0).random(1_000_000)
    started = time.perf_counter()
    np.sort(numbers, kind="stable")  # the default sort has machine code of its own on some processors
    return time.perf_counter() - started


def _middle(rounds: list[dict[str, float]], key: str) -> float:
    return statistics.median(found[key] for found in rounds)


# A study, and its readers' answers ---------------------------------------------------------------------------------


def _protocol(path: Path) -> Path:
    """The study of Wu et al. 2025 with more readers."""
    import yaml

    from .protocol import shipped_protocols

    content = yaml.safe_load(shipped_protocols()["wu2025_diagnosis"].read_text(encoding="utf-8"))
    content["readers"] = [{"id": f"R{number}"} for number in range(1, _READERS + 1)]
    del content["adjudication"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def _cohort(folder: Path) -> Path:
    """Patients whose images are all the same file: noise in an ellipsoid the size of a head."""
    import SimpleITK as sitk
    from SynthPerfLib.case import Case, sidecar_of
    from SynthPerfLib.cohort import Cohort
    from SynthPerfLib.images import like, write_image

    reference = sitk.Image(_SIZE, sitk.sitkFloat32)
    reference.SetSpacing(_SPACING)
    z, y, x = (np.linspace(-s * n / 2, s * n / 2, n) for s, n in zip(_SPACING[::-1], _SIZE[::-1], strict=True))
    inside = (x / 70) ** 2 + (y[:, None] / 87.5) ** 2 + (z[:, None, None] / 57.5) ** 2 <= 1
    values = inside * np.random.default_rng(1).uniform(1, 8, inside.shape).astype(np.float32)
    image = folder / "image.nii.gz"
    write_image(like(values, reference), image)
    cohort = Cohort.create(folder, "bench")
    participants = {}
    wanted = [(name, None) for name in ("T1", "T2", "FLAIR", "ADC", "T1C", "ASL", "BRAIN")]
    for number in range(_CASES):
        id = f"sub-{number:03d}"
        diagnosis = ("recurrence", "treatment_response")[number % 2]
        participants[id] = {"diagnosis": diagnosis, "split": "test"}
        for modality, model in (*wanted, ("CBV", "bench")):
            path = Case.path_for(folder, id, modality, model)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(image, path)
        write_json({"Units": "mL/100 g"}, sidecar_of(Case.path_for(folder, id, "CBV", "bench")))
    cohort.write_participants(participants)
    return folder


def _create(protocol: Path, cohort: Path, out: Path) -> Study:
    from .study import Study

    return Job(Study.create(protocol, cohort, out, seed=1, stimuli=False, simulated=True)).run()


def _answers(study: Study, reference: Path) -> dict[str, float]:
    """Milliseconds of an answer and of the disk alone, in turn, over the first session of every reader."""
    from .session import open_session
    from .view import Experience, Monitor, Setting, State

    answers, disk = [], []
    setting, experience = Setting("rehearsal", (Monitor(1920, 1080),), "dimmed"), Experience(9, "bench", True)
    page = os.urandom(_WAL_PAGES)
    with study.records() as log, reference.open("ab", buffering=0) as file:
        for reader in study.allocation.readers:
            session = open_session(study, log, reader, setting, experience=experience)
            while session.view.state is State.READING:
                for item, value in (("diagnosis", "recurrence"), ("confidence", 75)):
                    started = time.perf_counter()
                    session.answer(item, value)
                    answers.append(1000 * (time.perf_counter() - started))
                    started = time.perf_counter()
                    file.write(page)
                    os.fsync(file.fileno())
                    disk.append(1000 * (time.perf_counter() - started))
                session.submit()
    found = {"answers": float(len(answers))}
    for name, times in (("answer", answers), ("disk", disk)):
        p50, p99 = np.quantile(times, (0.5, 0.99)).round(3).tolist()
        found |= {f"{name}_p50_ms": p50, f"{name}_p99_ms": p99}
    ratio = statistics.median(a / b for a, b in zip(answers, disk, strict=True))
    return {**found, "ratio": round(ratio, 3)}


def _log(path: Path) -> Any:
    """A log with many answers."""
    from .records import Draft, Kind, RecordLog, Role

    log = RecordLog.create(path, "bench", "0" * 64, simulated=True)
    payload = {"item": "confidence", "value": 75, "stage": 1, "step": 1, "move": "do", "active_s": 9.25, "idle_s": 0.0}
    draft = Draft(Kind.ANSWER, Role.READER, payload, "R1", "R1-1", "K7Q2M9XA", "0" * 64)
    for start in range(0, _EVENTS, _BATCH):
        log.extend([draft] * min(_BATCH, _EVENTS - start))
    return log


# Statistics --------------------------------------------------------------------------------------------------------


def _reads() -> tuple[np.ndarray, np.ndarray]:
    """Whole scores from 0 to 100 of two arms with AUC of about 0.87 and 0.80, and the truth."""
    arms, readers, cases = _MRMC
    rng = np.random.default_rng(1)
    truth = np.arange(cases) % 2 == 1
    shape = (arms, readers, cases)
    latent = 0.6 * rng.normal(size=cases) + 0.8 * rng.normal(size=shape) + 0.1 * rng.normal(size=(arms, readers, 1))
    latent += truth * np.array([1.6, 1.2])[:, None, None]
    return np.clip(np.rint(50 + 20 * (latent - 0.7)), 0, 100), truth


def _mrmc(scores: np.ndarray, truth: np.ndarray) -> None:
    from .statistics import mrmc

    for method in mrmc.METHODS:
        mrmc.analyse(scores, truth, method)


def _tables(scores: np.ndarray, truth: np.ndarray, folder: Path) -> None:
    arms, readers, cases = _MRMC
    with (folder / "ratings.csv").open("w", encoding="utf-8") as file:
        file.write("reader,case,arm,item,value\n")
        for arm, reader, case in np.ndindex(arms, readers, cases):
            file.write(f"R{reader:02d},C{case:04d},A{arm},confidence,{scores[arm, reader, case]:g}\n")
    with (folder / "truth.csv").open("w", encoding="utf-8") as file:
        file.writelines(["case,truth\n", *(f"C{case:04d},{truth[case]:d}\n" for case in range(cases))])


def _analysis(folder: Path) -> dict[str, float]:
    """Seconds and megabytes of ``synthperf analyze`` in a process of its own, its libraries and the report included."""
    before = _sorting()
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        seconds, megabytes = pool.apply(_analyze, (str(folder),))
    ratio = 2 * seconds / (before + _sorting())
    return {"seconds": round(seconds, 4), "ratio": round(ratio, 3), "memory_mb": round(megabytes, 1)}


def _analyze(folder: str) -> tuple[float, float]:
    from SynthPerfLib.bench import high_water

    started = time.perf_counter()
    from .analysis import Settings, analyse_tables, write_analysis
    from .ratings import read_ratings, read_truth
    from .report import write_report

    here = Path(folder)
    truth = read_truth(here / "truth.csv")
    done = Job(analyse_tables(read_ratings(here / "ratings.csv", truth.positive), truth, None, Settings())).run()
    write_analysis(done, here / "out")
    write_report(done, here / "out")
    return time.perf_counter() - started, high_water()


def _table(result: dict[str, Any]) -> str:
    study, answer, verify, mrmc, analysis = (result[key] for key in ("study", "answer", "verify", "mrmc", "analysis"))
    arms, readers, cases = _MRMC
    size, plan = f"{readers} readers x {cases} cases x {arms} arms", f"{_CASES} cases x 2 arms x {_READERS} readers"
    p99, million = answer["answer_p99_ms"] / answer["disk_p99_ms"], 1e6 / _EVENTS * verify["ratio"]
    rows: list[tuple[str, str, str, float | None]] = [
        ("answer until the disk has it, median", f"{answer['answer_p50_ms']:.1f} ms", "", answer["ratio"]),
        ("answer until the disk has it, p99", f"{answer['answer_p99_ms']:.1f} ms", "10 ms", p99),
        ("1,000,000 events verified", f"{verify['seconds_per_million']:.0f} s", "60 s", million),
        (f"study created without stimuli, {plan}", f"{study['seconds']:.2f} s", "10 s", study["ratio"]),
        (f"multi-reader analysis by every method, {size}", f"{mrmc['seconds']:.3f} s", "0.4 s", mrmc["ratio"]),
        (f"analyze with report, {size}", f"{analysis['seconds']:.1f} s", "5 s", analysis["ratio"]),
        ("memory of analyze", f"{analysis['memory_mb']:.0f} MB", "500 MB", None),
    ]
    disk = f"median {answer['disk_p50_ms']:.1f} ms, p99 {answer['disk_p99_ms']:.1f} ms"
    return "\n".join(
        [
            "| reading study | measured | at most | of the reference |",
            "|---|---|---|---|",
            *(f"| {what} | {found} | {limit} | {'' if r is None else f'{r:.1f}'} |" for what, found, limit, r in rows),
            "",
            f"References: of an answer {_WAL_PAGES / 1024:.0f} KiB forced onto this disk ({disk}); of all else sorting "
            "1,000,000 numbers.",
        ]
    )
