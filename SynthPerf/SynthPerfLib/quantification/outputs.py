"""Maps on disk, each with a sidecar that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..case import Name, sha256, sidecar_of
from ..cohort import Cohort
from ..errors import InputError
from ..images import like, write_image, write_json
from .series import Series


@dataclass(frozen=True)
class Map:
    """One map that was made.

    Attributes
    ----------
    name
        The end of its file name: ``cbf``, ``model-ivim_param-f_dwimap``.
    values
        (z, y, x).
    unit
        Physical unit, as the sidecar says it.
    words
        What it shows.
    """

    name: str
    values: np.ndarray
    unit: str
    words: str


def write_maps(
    maps: Iterable[Map], series: Series, out: Path, place: str, about: Mapping[str, Any], inputs: Iterable[Path]
) -> list[Path]:
    """Write maps into the BIDS dataset ``out``, beside where the series would lie in it.

    Parameters
    ----------
    place
        ``dwi`` or ``perf``.
    about
        Method, bounds and constants, for every sidecar.
    inputs
        Every file that decided the maps; their hashes are written.

    Raises
    ------
    InputError
        If a file of that name is there that no quantification has made: measured data are never overwritten.
    """
    name = Name.parse(f"{series.stem}_x.nii.gz")
    identity = name.entities if name is not None else {}
    folder = out / f"sub-{identity['sub']}"
    folder = (folder / f"ses-{identity['ses']}" if "ses" in identity else folder) / place
    maps = list(maps)
    paths = [folder / f"{series.stem}_{made.name}.nii.gz" for made in maps]
    for path in paths:
        if path.exists() and not _made_here(path):
            raise InputError(f"{path} is there and is not a quantified map: choose another folder with --out.")
    Cohort.create(out, "Quantified maps")
    hashes = {path.name: sha256(path) for path in inputs}
    for made, path in zip(maps, paths, strict=True):
        # The sidecar comes last: it says that the map is complete.
        sidecar_of(path).unlink(missing_ok=True)
        write_image(like(made.values.astype(np.float32), series.grid), path)
        content = {
            "Description": made.words,
            "Units": made.unit,
            "IntendedUse": "Research use only",
            "Quantification": dict(about),
            "Inputs": hashes,
            "SynthPerfVersion": __version__,
        }
        write_json(content, sidecar_of(path))
    return paths


def _made_here(path: Path) -> bool:
    try:
        return "Quantification" in json.loads(sidecar_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def on_grid(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Values (voxel,) of the voxels ``inside`` (z, y, x) on the whole grid, 0 elsewhere."""
    whole = np.zeros(inside.shape, np.float32)
    whole[inside] = values
    return whole
