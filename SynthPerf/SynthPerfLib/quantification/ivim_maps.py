"""IVIM series on disk to maps on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..case import sidecar_of
from ..errors import InputError
from ..jobs import Progress, Steps
from .ivim import METHODS, SPLIT, Bounds, Parameters, check_b_values, fit
from .outputs import Map, on_grid, write_maps
from .series import each, find, mask_of, read_b_values, read_series

_CHUNK = 4096  # voxels: small enough for the processor's cache and for a step of some 100 ms
_MODEL = "S(b) = S0 [(1 - f) exp(-b D) + f exp(-b D*)]; D* is the whole coefficient of the perfused part"


@dataclass(frozen=True)
class IvimResult:
    """Files of one series, and what is worth saying of them."""

    paths: list[Path]
    cautions: list[str]


def quantify_ivim(
    source: Path,
    out: Path,
    *,
    b_values: Path | None = None,
    mask: Path | None = None,
    method: str = "full",
    split: float = SPLIT,
) -> Steps[list[IvimResult]]:
    """Maps of f, D, D*, S0 and the quality of the fit, for a series or for every case of a cohort.

    Parameters
    ----------
    source
        A 4D image, or the folder of a case or cohort (``dwi/sub-XXX_dwi.nii.gz``).
    out
        The dataset that the maps go to: ``dwi/sub-XXX_model-ivim_param-<f|D|Dstar|S0|residual>_dwimap.nii.gz``.
    b_values
        The ``.bval`` file; by default the one beside the series.
    mask
        Voxels to fit; by default the head.
    method, split
        See :func:`.ivim.fit`.

    Raises
    ------
    InputError
        If an input is not usable; one sentence.
    """
    if method not in METHODS:
        raise InputError(f"Unknown method {method}: choose {' or '.join(METHODS)}.")
    files = find(source, "dwi", "dwi", "IVIM series")
    if len(files) > 1 and (b_values or mask):
        raise InputError(f"{source} holds {len(files)} series: a b-value file or a mask can be given for one only.")
    return (yield from each(files, lambda file: _one(file, out, b_values, mask, method, split)))


def _one(
    file: Path, out: Path, b_values: Path | None, mask: Path | None, method: str, split: float
) -> Steps[IvimResult]:
    yield Progress(0.0, "reading")
    series = read_series(file, at_least=4)
    table = b_values or sidecar_of(file).with_suffix(".bval")
    b = read_b_values(table, len(series.values), file.name)
    check_b_values(b, split)
    inside = mask_of(series, series.values[b == b.min()].mean(axis=0), mask)
    signals = np.maximum(series.values[:, inside].T, 0)
    fitted = []
    for start in range(0, len(signals), _CHUNK):
        yield Progress(0.05 + 0.9 * start / len(signals), "fitting")
        fitted.append(fit(signals[start : start + _CHUNK], b, method, Bounds(), split))
    found = Parameters.joined(fitted)
    yield Progress(0.95, "writing")
    about = {
        "Model": _MODEL,
        "Method": METHODS[method],
        "Bounds": {"f": (0, 1), "D": _in_unit(Bounds().d), "Dstar": _in_unit(Bounds().d_star)},
        "BValues": [float(value) for value in b],
        **({"Split": split} if method == "segmented" else {}),
        "Voxels": len(signals),
    }
    maps = _maps(found, inside)
    paths = write_maps(maps, series, out, "dwi", about, [file, table, *([mask] if mask else [])])
    return IvimResult(paths, [f"{file.name}: {words}" for words in _cautions(found)])


def _in_unit(mm2_per_s: tuple[float, float]) -> list[float]:
    return [round(1e6 * value, 3) for value in mm2_per_s]


def _maps(found: Parameters, inside: np.ndarray) -> Sequence[Map]:
    rows = (
        ("f", found.f, "1", "Perfusion fraction f (IVIM); share of the signal at b = 0"),
        ("D", 1e6 * found.d, "1e-6 mm2/s", "Diffusion coefficient D of tissue (IVIM)"),
        ("Dstar", 1e6 * found.d_star, "1e-6 mm2/s", "Pseudo-diffusion coefficient D* (IVIM); 0 where f is 0"),
        ("S0", found.s0, "arbitrary", "Fitted signal at b = 0 (IVIM)"),
        ("residual", found.residual, "1", "Standard deviation of the residuals over S0: the quality of the IVIM fit"),
    )
    return [
        Map(f"model-ivim_param-{name}_dwimap", on_grid(values, inside), unit, words)
        for name, values, unit, words in rows
    ]


def _cautions(found: Parameters) -> list[str]:
    """What a reader of the maps should know: how many voxels stopped at a bound, how well the model fits."""
    said = []
    highest = Bounds().d_star[1]
    stopped = float(np.mean(found.d_star >= 0.999 * highest))
    if stopped > 0.2:
        said.append(
            f"D* is at its upper bound ({1e6 * highest:.0f}e-6 mm2/s) in {stopped:.0%} of the voxels: it is not "
            "determined there; f is less certain."
        )
    residual = float(np.median(found.residual))
    if residual > 0.1:
        said.append(f"The residuals are {residual:.0%} of S0 (median): noise or motion dominates these maps.")
    return said
