"""DSC series on disk to maps of relative blood volume on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..jobs import Progress, Steps
from .dsc import Bolus, correct_leakage, delta_r2star, enhancing, find_bolus, integral
from .outputs import Map, on_grid, write_maps
from .series import Series, each, find, mask_of, read_mask, read_series, seconds

_CHUNK = 8192
_ECHO, _REPETITION = (0.005, 0.1), (0.2, 5.0)  # s, possible in a DSC series
_FEW_VOLUMES, _SHORT_BASELINE = 20, 5


@dataclass(frozen=True)
class DscResult:
    """Files of one series, where the bolus was found, and what is worth saying of them."""

    paths: list[Path]
    bolus: Bolus
    cautions: list[str]


@dataclass(frozen=True)
class Given:
    """What the user says; None: the sidecar's, or found.

    Attributes
    ----------
    mask
        Voxels to work on; by default the head.
    nawm
        Normal-appearing white matter, on any grid: the mean of each map in it becomes 1.
    echo_time, repetition_time
        s; by default ``EchoTime`` and ``RepetitionTime`` of the sidecar.
    baseline, window
        First and last volume, from 0; by default found (:func:`.dsc.find_bolus`), and from the end of the baseline to
        the end of the series.
    """

    mask: Path | None = None
    nawm: Path | None = None
    echo_time: float | None = None
    repetition_time: float | None = None
    baseline: tuple[int, int] | None = None
    window: tuple[int, int] | None = None


def quantify_dsc(source: Path, out: Path, given: Given | None = None) -> Steps[list[DscResult]]:
    """Maps of blood volume with and without leakage correction, and of the leakage K2.

    Parameters
    ----------
    source
        A 4D image, or the folder of a case or cohort (``perf/sub-XXX_dsc.nii.gz``).
    out
        The dataset that the maps go to: ``perf/sub-XXX_cbv.nii.gz`` (relative to white matter; without ``nawm``
        ``_desc-unnormalised_cbv``), ``_desc-uncorrected_cbv`` and ``_desc-leakage_k2``.

    Raises
    ------
    InputError
        If an input is not usable; one sentence.
    """
    given = given or Given()
    files = find(source, "perf", "dsc", "DSC series")
    if len(files) > 1 and (given.mask or given.nawm or given.baseline or given.window):
        raise InputError(f"{source} holds {len(files)} series: a mask or volumes can be given for one only.")
    return (yield from each(files, lambda file: _one(file, out, given)))


def _one(file: Path, out: Path, given: Given) -> Steps[DscResult]:
    yield Progress(0.0, "reading")
    series = read_series(file, at_least=10)
    echo = seconds(file.name, series.sidecar, "EchoTime", _ECHO, "--echo-time", given.echo_time)
    interval = seconds(
        file.name, series.sidecar, "RepetitionTime", _REPETITION, "--repetition-time", given.repetition_time
    )
    inside = mask_of(series, np.median(series.values, axis=0), given.mask)
    white = None if given.nawm is None else read_mask(given.nawm, series.grid) & inside
    if white is not None and not white.any():
        raise InputError(f"{given.nawm} lies outside the head of {file.name}: is it of another patient?")
    signals = series.values[:, inside].T
    bolus = _bolus(signals, given.baseline)
    window = _window(given.window, bolus, len(series.values))

    yield Progress(0.1, "relaxation rates")
    quiet = ~enhancing(signals, bolus.before) & (signals[:, bolus.before].mean(axis=1) > 0)
    if not quiet.any():
        raise InputError(f"Every voxel of {file.name} enhances: no reference for the leakage correction is left.")
    curves = np.empty(signals.shape, np.float32)
    for start in range(0, len(signals), _CHUNK):
        yield Progress(0.1 + 0.4 * start / len(signals), "relaxation rates")
        curves[start : start + _CHUNK] = delta_r2star(signals[start : start + _CHUNK], bolus.before, echo)
    reference = curves[quiet].mean(axis=0, dtype=float)
    numbers = np.empty((3, len(signals)))
    for start in range(0, len(signals), _CHUNK):
        yield Progress(0.5 + 0.4 * start / len(signals), "leakage")
        some = slice(start, start + _CHUNK)
        fitted = correct_leakage(curves[some, : window[1] + 1], reference[: window[1] + 1], interval, window[0])
        numbers[:, some] = (
            integral(fitted.corrected, interval, window),
            integral(curves[some], interval, window),
            fitted.k2,
        )

    yield Progress(0.9, "writing")
    about = {
        "Method": "Area under -ln(S/S0)/TE; leakage correction of Boxerman, Schmainda and Weisskoff 2006",
        "EchoTime": echo,
        "RepetitionTime": interval,
        "Baseline": bolus.baseline,
        "Peak": bolus.peak,
        "Window": window,
        "ReferenceVoxels": int(quiet.sum()),
        "Voxels": len(signals),
        "Normalisation": "mean of normal-appearing white matter = 1" if white is not None else "none",
    }
    maps, more = _maps(numbers, inside, white)
    inputs = [file, *(path for path in (given.mask, given.nawm) if path is not None)]
    paths = write_maps(maps, series, out, "perf", {**about, **more}, inputs)
    return DscResult(paths, bolus, _cautions(series, bolus, window, reference, white))


def _bolus(signals: np.ndarray, baseline: tuple[int, int] | None) -> Bolus:
    mean = signals.mean(axis=0, dtype=float)
    if baseline is None:
        return find_bolus(mean)
    if baseline[1] >= len(mean) - 1:
        raise InputError(f"--baseline {baseline[0]}:{baseline[1]}: the series has volumes 0 to {len(mean) - 1}.")
    return Bolus(baseline, baseline[1] + 1 + int(np.argmin(mean[baseline[1] + 1 :])))


def _window(given: tuple[int, int] | None, bolus: Bolus, volumes: int) -> tuple[int, int]:
    if given is None:
        return bolus.baseline[1], volumes - 1
    if given[1] >= volumes or given[0] < bolus.baseline[1]:
        raise InputError(
            f"--window {given[0]}:{given[1]}: volumes from {bolus.baseline[1]} (end of the baseline) to {volumes - 1} "
            "can be integrated."
        )
    return given


def _maps(numbers: np.ndarray, inside: np.ndarray, white: np.ndarray | None) -> tuple[list[Map], dict[str, Any]]:
    corrected, uncorrected, k2 = (on_grid(row, inside) for row in numbers)
    unit, said, facts = "arbitrary", "area under the change of R2*, not normalised", {}
    name = "desc-unnormalised_cbv"
    if white is not None:
        means = [float(values[white].mean()) for values in (corrected, uncorrected)]
        if min(means) <= 0:
            raise InputError(
                "The blood volume in the white matter given is not above 0: draw the white matter anew, or check that "
                "this is the DSC series."
            )
        corrected, uncorrected = corrected / means[0], uncorrected / means[1]
        unit, said, name = "relative to normal-appearing white matter", "1 in normal-appearing white matter", "cbv"
        facts = {"WhiteMatterVoxels": int(white.sum()), "WhiteMatterMeans": means}
    maps = [
        Map(name, corrected, unit, f"Relative cerebral blood volume (DSC), corrected for leakage; {said}"),
        Map("desc-uncorrected_cbv", uncorrected, unit, f"Relative cerebral blood volume (DSC), uncorrected; {said}"),
        Map("desc-leakage_k2", k2, "1/s", "Leakage K2 (DSC); above 0 for T1 effects, below 0 for T2* effects"),
    ]
    return maps, facts


def _cautions(
    series: Series, bolus: Bolus, window: tuple[int, int], reference: np.ndarray, white: np.ndarray | None
) -> list[str]:
    said = []
    count = bolus.baseline[1] - bolus.baseline[0] + 1
    if count < _SHORT_BASELINE:
        said.append(f"the baseline has {count} volumes only; maps are noisier than they need be.")
    if window[1] - bolus.peak < _FEW_VOLUMES:
        said.append(
            f"{window[1] - bolus.peak} volumes follow the peak; the leakage correction needs some {_FEW_VOLUMES}."
        )
    if reference[window[1]] > 0.5 * reference.max():
        said.append("the bolus has not passed at the end of the window; blood volume is cut off.")
    if white is None:
        said.append("no white matter was given (--nawm); values can be compared within this map only.")
    return [f"{series.path.name}: {words}" for words in said]
