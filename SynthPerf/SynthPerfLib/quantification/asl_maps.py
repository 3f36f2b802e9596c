"""ASL series on disk to maps of cerebral blood flow on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_unit
from ..errors import InputError
from ..images import like
from ..jobs import Progress, Steps, part
from .asl import ARRIVAL, Constants, several_delays, single_delay
from .asl_inputs import Given, constants, differences, equilibrium, labelling, timing, volume_types
from .outputs import Map, write_maps
from .series import each, find, mask_of, read_series

_CHUNK = 4096


@dataclass(frozen=True)
class AslResult:
    """Files of one series, and what is worth saying of them."""

    paths: list[Path]
    cautions: list[str]


def quantify_asl(source: Path, out: Path, given: Given | None = None) -> Steps[list[AslResult]]:
    """CBF, and with several delays the arterial transit time.

    Parameters
    ----------
    source
        An image, or the folder of a case or cohort (``perf/sub-XXX_asl.nii.gz`` with its sidecar, ``_aslcontext.tsv``
        and, where M0 is not in the series, ``_m0scan.nii.gz``).
    out
        The dataset that the maps go to: ``perf/sub-XXX_cbf.nii.gz`` (mL/100 g/min), and with several delays
        ``_att.nii.gz`` (s) and ``_desc-residual_cbf.nii.gz``.

    Raises
    ------
    InputError
        If an input is not usable; one sentence.
    """
    given = given or Given()
    files = find(source, "perf", "asl", "ASL series")
    if len(files) > 1 and (given.mask or given.m0):
        raise InputError(f"{source} holds {len(files)} series: a mask or an M0 can be given for one only.")
    return (yield from each(files, lambda file: _one(file, out, given)))


def _one(file: Path, out: Path, given: Given) -> Steps[AslResult]:
    yield Progress(0.0, "reading")
    series = read_series(file, at_least=1)
    cautions: list[str] = []
    kind = labelling(series, given)
    context = volume_types(series, given)
    times = timing(series, kind, context, given)
    known = constants(series, kind, given, cautions)
    m0 = equilibrium(series, context, given, known, cautions)
    delays, durations, counts, difference = differences(series, context, times)
    shown = m0.values if np.ptp(m0.values) > 0 else series.values.mean(axis=0)  # a number for M0 shows no head
    inside = mask_of(series, shown, given.mask) & (m0.values > 0)
    if np.median(difference.mean(axis=0)[inside]) < 0:
        raise InputError(
            f"{file.name}: control minus label is below 0 in most of the head; control and label are probably "
            "exchanged, correct the aslcontext.tsv or --context."
        )
    about: dict[str, Any] = {
        "ArterialSpinLabelingType": kind,
        "PostLabelingDelays": delays.tolist(),
        "BolusDurations": durations.tolist(),
        "Repeats": counts.tolist(),
        "Constants": asdict(known),
        "M0": m0.words,
        "SliceTimesUsed": bool(times.slices.any()),
    }
    if len(delays) == 1:
        flow = np.zeros(inside.shape)
        late = np.broadcast_to(delays[0] + times.slices[:, None, None], inside.shape)
        flow[inside] = single_delay(
            difference[0][inside], m0.values[inside], kind, late[inside], float(durations[0]), known
        )
        maps = [Map("cbf", flow, "mL/100 g/min", "Cerebral blood flow (ASL, one delay)")]
        about["Method"] = "Single delay, formula of Alsop et al. 2015"
    else:
        yield Progress(0.1, "fitting")
        fitted = yield from part(
            _fit(difference, m0.values, inside, kind, delays, durations, times.slices, counts, known), 0.1, 0.9
        )
        maps = [
            Map("cbf", fitted[0], "mL/100 g/min", "Cerebral blood flow (ASL, several delays)"),
            Map("att", fitted[1], "s", "Arterial transit time (ASL); 0 where no flow was found"),
            Map("desc-residual_cbf", fitted[2], "1", "Standard deviation of the residuals over M0: quality of the fit"),
        ]
        about["Method"] = "General kinetic model (Buxton et al. 1998), least squares of CBF >= 0 and transit time"
        about["Bounds"] = {"ArterialTransitTime": ARRIVAL}
    yield Progress(0.95, "writing")
    try:
        check_unit(like(maps[0].values.astype(np.float32), series.grid), "ASL", "The CBF")
    except InputError as error:
        cautions.append(f"the values are not plausible, check M0 and times: {error}")
    paths = write_maps(maps, series, out, "perf", about, [file, *m0.files, *([given.mask] if given.mask else [])])
    return AslResult(paths, [f"{file.name}: {words}" for words in cautions])


def _fit(
    difference: np.ndarray,
    m0: np.ndarray,
    inside: np.ndarray,
    kind: str,
    delays: np.ndarray,
    durations: np.ndarray,
    slices: np.ndarray,
    counts: np.ndarray,
    known: Constants,
) -> Steps[np.ndarray]:
    """CBF, transit time and residual, (3, z, y, x); slices that are read out together are fitted together."""
    maps = np.zeros((3, *inside.shape))
    done, total = 0, max(1, int(inside.sum()))
    for late in np.unique(slices):
        here = inside & (slices == late)[:, None, None]
        voxels = np.argwhere(here)
        for start in range(0, len(voxels), _CHUNK):
            yield Progress(done / total, "fitting")
            z, y, x = voxels[start : start + _CHUNK].T
            fitted = several_delays(
                difference[:, z, y, x].T, m0[z, y, x], kind, delays + late, durations, known, counts
            )
            maps[:, z, y, x] = fitted.cbf, fitted.arrival, fitted.residual
            done += len(z)
    return maps
