"""What BIDS and the user say of an ASL series: kind of labelling, volumes, times, constants, M0."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..case import sidecar_of
from ..errors import InputError
from ..images import array, like, resample, same_grid
from .asl import BACKGROUND_PULSE, BLOOD_T1, EFFICIENCY, KINDS, Constants
from .series import Series, many_seconds, read_series, read_sidecar

VOLUMES = ("control", "label", "deltam", "m0scan", "noRF", "cbf", "n/a")
"""What BIDS' ``aslcontext.tsv`` may call a volume."""

_DELAY, _DURATION = (0.0, 6.0), (0.05, 5.0)  # s
_RECOVERED = 5.0  # s: from this repetition time on M0 is taken as recovered (Alsop et al. 2015)


@dataclass(frozen=True)
class Given:
    """What the user says instead of the sidecar; None: the sidecar's.

    Attributes
    ----------
    mask
        Voxels to work on; by default the head.
    m0
        A number or the name of an image file.
    context
        What the volumes are; a shorter list is repeated over the series.
    kind
        ``PCASL``, ``CASL`` or ``PASL``.
    delays, durations
        s, one or one for each volume.
    efficiency
        Labelling efficiency, background suppression included.
    blood_t1
        s.
    """

    mask: Path | None = None
    m0: str | None = None
    context: Sequence[str] | None = None
    kind: str | None = None
    delays: Sequence[float] | None = None
    durations: Sequence[float] | None = None
    efficiency: float | None = None
    blood_t1: float | None = None


@dataclass(frozen=True)
class Timing:
    """Every volume's delay and bolus duration (s), and the time (s) by which each slice (z) is read out later."""

    delays: np.ndarray
    durations: np.ndarray
    slices: np.ndarray


@dataclass(frozen=True)
class Equilibrium:
    """M0 (z, y, x), where it is from, and the files that it took."""

    values: np.ndarray
    words: str
    files: list[Path]


def labelling(series: Series, given: Given) -> str:
    """``PCASL``, ``CASL`` or ``PASL``."""
    kind = given.kind or series.sidecar.get("ArterialSpinLabelingType")
    if kind is None:
        raise InputError(f"{series.path.name} has no ArterialSpinLabelingType in its sidecar: give --type.")
    if kind not in KINDS:
        raise InputError(f"ArterialSpinLabelingType of {series.path.name} is {kind!r}: {', '.join(KINDS)} are known.")
    return str(kind)


def volume_types(series: Series, given: Given) -> list[str]:
    """What each volume is."""
    count, name = len(series.values), series.path.name
    path = series.path.with_name(sidecar_of(series.path).name.removesuffix("_asl.json") + "_aslcontext.tsv")
    if given.context:
        if count % len(given.context):
            raise InputError(
                f"--context has {len(given.context)} entries, {name} has {count} volumes: they do not fit."
            )
        context = list(given.context) * (count // len(given.context))
    elif path.is_file():
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except ValueError as error:
            raise InputError(f"{path.name} is not a text file: write it again.") from error
        context = [str(row.get("volume_type", "")).strip() for row in csv.DictReader(lines, delimiter="\t")]
        if len(context) != count:
            raise InputError(f"{path.name} has {len(context)} rows, {name} has {count} volumes: they must agree.")
    elif count == 1:
        context = ["deltam"]
    else:
        raise InputError(
            f"{name} has {count} volumes and no {path.name} that says what they are: add it, or give --context, e.g. "
            "--context control,label."
        )
    unknown = sorted(set(context) - set(VOLUMES))
    if unknown:
        raise InputError(f"{name}: {unknown[0]!r} is not a kind of volume, {', '.join(VOLUMES)} are.")
    if "deltam" not in context and not {"control", "label"} <= set(context):
        raise InputError(f"{name} has no pair of control and label volumes, and no difference (deltam): nothing to do.")
    return context


def timing(series: Series, kind: str, context: Sequence[str], given: Given) -> Timing:
    """The times of every volume and slice."""
    name, count = series.path.name, len(series.values)
    delays = many_seconds(name, series.sidecar, "PostLabelingDelay", _DELAY, "--delay", given.delays)
    key = "BolusCutOffDelayTime" if kind == "PASL" else "LabelingDuration"
    low = 0.0 if isinstance(series.sidecar.get(key), list) else _DURATION[0]  # of an M0 volume in the series it is 0
    durations = many_seconds(name, series.sidecar, key, (low, _DURATION[1]), "--duration", given.durations)
    if kind == "PASL":
        durations = durations[:1]  # Q2TIPS states the first and the last saturation pulse; the first ends the bolus
    for words, times in (("delays", delays), ("durations", durations)):
        if len(times) not in (1, count):
            raise InputError(f"{name} has {count} volumes and {len(times)} {words}: one, or one for each, is due.")
    slices = np.zeros(series.values.shape[1])
    if series.sidecar.get("MRAcquisitionType") == "2D" and series.sidecar.get("SliceTiming"):
        read = many_seconds(name, series.sidecar, "SliceTiming", (0.0, 20.0), "SliceTiming")
        if len(read) != len(slices):
            raise InputError(f"{name} has {len(slices)} slices and {len(read)} SliceTiming values: they must agree.")
        slices = np.array(read[::-1] if series.sidecar.get("SliceEncodingDirection") == "k-" else read)
        slices -= slices.min()
    found = Timing(np.resize(delays, count), np.resize(durations, count), slices)
    used = [i for i, words in enumerate(context) if words in ("control", "label", "deltam")]
    if found.durations[used].min() < _DURATION[0]:
        raise InputError(f"{key} of {name} is {found.durations[used].min():g} s for a volume with label: correct it.")
    return found


def constants(series: Series, kind: str, given: Given, cautions: list[str]) -> Constants:
    """What the formulas take for granted; a sentence is added to ``cautions`` where the sidecar is silent."""
    sidecar: Mapping[str, Any] = series.sidecar
    stated = given.efficiency if given.efficiency is not None else sidecar.get("LabelingEfficiency")
    efficiency = _number(stated)
    if efficiency is None:
        pulses = (
            _number(sidecar.get("BackgroundSuppressionNumberPulses")) if sidecar.get("BackgroundSuppression") else 0
        )
        efficiency = EFFICIENCY[kind] * BACKGROUND_PULSE ** (pulses or 0)
    if not 0.1 <= efficiency <= 1:
        raise InputError(
            f"The labelling efficiency of {series.path.name} is {efficiency:g}: between 0.1 and 1 is possible."
        )
    blood = given.blood_t1
    if blood is None:
        field = _number(sidecar.get("MagneticFieldStrength"))
        if field is None:
            cautions.append("its sidecar states no MagneticFieldStrength; the T1 of blood of 3 T is used.")
        nearest = min(BLOOD_T1, key=lambda known: abs(known - (field or 3.0)))
        blood = BLOOD_T1[nearest]
    if not 0.5 <= blood <= 4:
        raise InputError(f"--blood-t1 {blood:g}: seconds are due, such as 1.65 at 3 T.")
    return Constants(efficiency, blood)


def equilibrium(
    series: Series, context: Sequence[str], given: Given, known: Constants, cautions: list[str]
) -> Equilibrium:
    """M0 by what the user gives, else what the series holds, else the file beside it, else the sidecar's estimate, else
    the control volumes where nothing suppresses their signal."""
    shape, sidecar = series.values.shape[1:], series.sidecar
    beside = series.path.with_name(series.path.name.replace("_asl.", "_m0scan."))
    number = _number(given.m0)
    if given.m0 is not None and number is None:
        return _scan(Path(given.m0), series, known)
    if number is None and "m0scan" in context:
        scans = [i for i, words in enumerate(context) if words == "m0scan"]
        repetition = sidecar.get("RepetitionTimePreparation")
        time = repetition[scans[0]] if isinstance(repetition, list) and len(repetition) == len(context) else repetition
        values, words = _recovered(series.values[scans].mean(axis=0), time, known)
        return Equilibrium(values, f"M0 volumes of the series{words}", [])
    if number is None and "_asl." in series.path.name and beside.is_file():
        return _scan(beside, series, known)
    number = number if number is not None else _number(sidecar.get("M0Estimate"))
    if number is not None:
        if not 0 < number < np.inf:
            raise InputError(f"M0 of {series.path.name} is {number:g}: it must be a number above 0.")
        return Equilibrium(np.full(shape, number), f"{number:g} for all voxels", [])
    controls = [i for i, words in enumerate(context) if words == "control"]
    if controls and sidecar.get("BackgroundSuppression") is False:
        cautions.append("there is no M0; the mean control volume stands for it.")
        values, words = _recovered(series.values[controls].mean(axis=0), _scalar(sidecar), known)
        return Equilibrium(values, f"mean control volume{words}", [])
    raise InputError(
        f"{series.path.name} has no M0: put an _m0scan image beside it, or give an image or a number with --m0."
    )


def _scalar(sidecar: Mapping[str, Any]) -> Any:
    time = sidecar.get("RepetitionTimePreparation")
    return time[0] if isinstance(time, list) and time else time


def _scan(path: Path, series: Series, known: Constants) -> Equilibrium:
    scan = read_series(path, at_least=1)
    mean = like(scan.values.mean(axis=0), scan.grid)
    if not same_grid(mean, series.grid):
        mean = resample(mean, series.grid)
    values, words = _recovered(array(mean), _scalar(read_sidecar(path)), known)
    return Equilibrium(values, f"{path.name}{words}", [path])


def _recovered(values: np.ndarray, repetition: Any, known: Constants) -> tuple[np.ndarray, str]:
    """M0 as after full recovery, for a repetition time below 5 s (Alsop et al. 2015)."""
    if not isinstance(repetition, (int, float)) or not 0 < repetition < _RECOVERED:
        return values, ""
    share = 1 - np.exp(-repetition / known.tissue_t1)
    return values / share, f", divided by {share:.3f} for its repetition time of {repetition:g} s"


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def differences(
    series: Series, context: Sequence[str], times: Timing
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Delays, durations and repeats of each pair of times (k,), and the mean control minus label, (k, z, y, x)."""
    words = np.array(context)
    rows = []
    used = [i for i, w in enumerate(context) if w in ("control", "label", "deltam")]
    for delay, duration in sorted({(float(times.delays[i]), float(times.durations[i])) for i in used}):
        here = (times.delays == delay) & (times.durations == duration)
        control, label, ready = (series.values[here & (words == w)] for w in ("control", "label", "deltam"))
        if len(ready):
            rows.append((delay, duration, len(ready), ready.mean(axis=0, dtype=float)))
        elif len(control) and len(label):
            difference = control.mean(axis=0, dtype=float) - label.mean(axis=0, dtype=float)
            rows.append((delay, duration, min(len(control), len(label)), difference))
        else:
            raise InputError(f"{series.path.name}: the delay of {delay:g} s has no pair of control and label.")
    delays, durations, counts, means = zip(*rows, strict=True)
    return np.array(delays), np.array(durations), np.array(counts), np.stack(means)
