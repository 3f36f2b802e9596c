"""Regions of label images measured on maps: ``rois.csv`` and the ratio of tumour to white matter."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case import Name
from ..errors import InputError
from ..headers import IMAGE_ENDINGS
from ..images import read_image, written_whole
from ..rois import (
    COLUMNS,
    LESION,
    NAWM,
    Roi,
    Surroundings,
    check_nawm,
    from_mask,
    measure,
    rows,
    tumour_to_white_matter,
)
from ..rois.region import Provenance

RATIO_COLUMNS = ("case", "map", "tumour_regions", "nawm_regions", "tumour_mean", "nawm_mean", "t_wm")
"""Columns of ``ratios.csv``: ``t_wm`` is the tumour-to-white-matter ratio of Wang et al."""

_MOST_LABELS = 50


@dataclass(frozen=True)
class Measured:
    """Where ``rois.csv`` is, the T/WM ratio of each map, and what speaks against the regions."""

    table: Path
    ratios: Mapping[str, float | None]
    cautions: list[str]


def measure_maps(
    maps: Sequence[str], tumour: Sequence[str], nawm: Sequence[str], out: Path, case: str | None = None
) -> Measured:
    """Measure every region on every map.

    Parameters
    ----------
    maps
        ``FILE`` or ``NAME=FILE``; without a name it is the file's, without the patient's part.
    tumour, nawm
        Label images as ``FILE`` (every label is one region) or ``FILE:LABEL`` (that label only), on any grid.
    out
        Folder of ``rois.csv`` (the columns of a study's, one row for each region and map) and ``ratios.csv``.
    case
        The patient's name in the tables; by default that in the maps' file names.

    Raises
    ------
    InputError
        If a file is not usable, a label is missing, or a region lies outside a map.
    """
    images = _images(maps)
    regions: dict[Roi, str] = {}
    for kind, word, masks in ((LESION, "tumour", tumour), (NAWM, "nawm", nawm)):
        found = [labels for text in masks for labels in _labels(text)]
        for number, (mask, path) in enumerate(found, 1):
            regions[from_mask(f"{word}_{number}", mask, Provenance(drawn_on=path.name, tool="mask", copied=True))] = (
                kind
            )
    lesions = [roi for roi, kind in regions.items() if kind == LESION]
    white = [roi for roi, kind in regions.items() if kind == NAWM]
    warnings = {roi.name: check_nawm(roi, lesions, Surroundings()) for roi in white}
    identity = case if case is not None else _identity([path for path, _ in images.values()])
    table: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    for name, (_, image) in images.items():
        table += [{"case": identity, **row} for row in rows(regions, image, name, warnings=warnings)]
        means = [[measure(roi, image, name) for roi in some] for some in (lesions, white)]
        ratios.append(
            {
                "case": identity,
                "map": name,
                "tumour_regions": len(lesions),
                "nawm_regions": len(white),
                "tumour_mean": float(np.mean([m.mean for m in means[0]])),
                "nawm_mean": float(np.mean([m.mean for m in means[1]])) if white else None,
                "t_wm": tumour_to_white_matter(*means),
            }
        )
    _write(out / "rois.csv", COLUMNS, table)
    _write(out / "ratios.csv", RATIO_COLUMNS, ratios)
    said = [sentence for sentences in warnings.values() for sentence in sentences]
    if not white:
        said.append("No normal-appearing white matter was given (--nawm): there are no ratios.")
    return Measured(out / "rois.csv", {row["map"]: row["t_wm"] for row in ratios}, said)


def _images(maps: Sequence[str]) -> dict[str, tuple[Path, sitk.Image]]:
    images: dict[str, tuple[Path, sitk.Image]] = {}
    for text in maps:
        name, equals, file = text.partition("=")
        path = Path(file) if equals and not Path(text).is_file() else Path(text)
        name = name if equals and path != Path(text) else _map_name(path)
        if name in images:
            raise InputError(f"Two maps are called {name} ({images[name][0]} and {path}): give them as NAME=FILE.")
        images[name] = path, read_image(path)
    return images


def _map_name(path: Path) -> str:
    """``desc-iedn_cbv`` of ``sub-01_ses-1_desc-iedn_cbv.nii.gz``; the whole stem of another name."""
    ending = next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), path.suffix)
    parts = path.name[: len(path.name) - len(ending)].split("_")
    return "_".join(p for p in parts if not p.startswith(("sub-", "ses-"))) or "_".join(parts)


def _identity(paths: Sequence[Path]) -> str:
    names = [Name.parse(path.name) for path in paths]
    found = {
        "_".join(f"{key}-{name.entities[key]}" for key in ("sub", "ses") if key in name.entities)
        for name in names
        if name is not None
    }
    if len(found) > 1:
        raise InputError(f"The maps are of several patients ({', '.join(sorted(found))}): measure one at a time.")
    return found.pop() if found else ""


def _labels(text: str) -> list[tuple[sitk.Image, Path]]:
    """The regions of ``FILE`` or ``FILE:LABEL``, each as a mask of its own."""
    path, wanted = Path(text), None
    head, colon, tail = text.rpartition(":")
    if colon and tail.isdigit() and not path.is_file():
        path, wanted = Path(head), int(tail)
    image = read_image(path, may_be_empty=True)
    values = sitk.GetArrayViewFromImage(image)
    labels = np.unique(values)
    labels = labels[labels != 0]
    if not len(labels):
        raise InputError(f"{path.name} marks nothing: draw a region, or leave it out.")
    if len(labels) > _MOST_LABELS or np.any(labels != np.round(labels)):
        raise InputError(f"{path.name} is not a label image: it has values that are not whole numbers, or too many.")
    if wanted is not None and wanted not in labels:
        shown = ", ".join(f"{label:g}" for label in labels)
        raise InputError(f"{path.name} has no label {wanted} (it has {shown}): correct {text}.")
    return [(image == float(label), path) for label in labels if wanted is None or label == wanted]


def _write(path: Path, columns: Sequence[str], table: Sequence[Mapping[str, Any]]) -> None:
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
