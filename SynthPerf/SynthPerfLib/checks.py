"""Is each image what its name says? Unit, place, axes: what only the voxels can tell."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk

from .errors import InputError
from .modality import MASKS, MODALITIES
from .similarity import Field, Likeness, coarse, head_mask, points_in

STRUCTURAL = ("T1", "T2", "FLAIR", "T1C", "ADC")
"""Images sharp enough for a refusal by what they show; the others are only remarked on."""

MIN_OVERLAP = 0.3
"""Least share of the smaller head's box that lies in the other's."""

MIRROR_MARGIN = 1.10
"""How many times as alike the mirrored image must be before an image is called mirrored."""

MIRRORED = "mirrored left to right"
"""How a sentence calls the most dangerous of the wrong orders."""

_POINTS = 6000
_UNITS: dict[str, dict[float, str]] = {
    "ADC": {1e6: "mm2/s", 1e3: "1e-3 mm2/s", 1e-3: "1e-9 mm2/s", 1e2: "1e-4 mm2/s", 10.0: "1e-5 mm2/s"},
    "ASL": {
        6000.0: "mL/g/s",
        100.0: "mL/g/min",
        60.0: "mL/100 g/s",
        1e-1: "tenths",
        1e-2: "hundredths",
        1e-3: "1/1000",
    },
    "CBV": {100.0: "mL/g", 1e-1: "tenths", 1e-2: "hundredths"},
    "TMAX": {1e-3: "ms"},
    "T1MAP": {1e3: "s"},
    "T2MAP": {1e3: "s"},
}


def check_unit(image: sitk.Image, modality: str, name: str) -> float | None:
    """Compare the values with those that the modality's unit allows.

    Parameters
    ----------
    name
        What to call the image in the sentence.

    Returns
    -------
    float or None
        The median of the positive voxels of the head; None where the scale is arbitrary.

    Raises
    ------
    InputError
        If the median is out of range; says the range and the unit that the file is probably in.
    """
    entry = MODALITIES[modality]
    if entry.typical is None:
        return None
    values = sitk.GetArrayViewFromImage(image)[..., :: max(1, image.GetSize()[0] // 64)]
    values = values[values > 0]
    # Voxels of the head, crudely: background noise of a map is far below its bright voxels in any unit.
    values = values[values > 0.05 * np.percentile(values, 98)] if values.size else values
    found = float(np.median(values)) if values.size else 0.0
    low, high = entry.typical
    if low <= found <= high and found > 0:
        return found
    middle = np.sqrt(max(low, 0.1) * high)
    fits = {f: unit for f, unit in _UNITS.get(modality, {}).items() if low <= found * f <= high}
    advice = "correct its values"
    if fits:
        factor = min(fits, key=lambda f: abs(np.log(found * f / middle)))
        advice = f"it is probably in {fits[factor]}, multiply by {factor:g}"
    raise InputError(
        f"{name} is not in {entry.unit}: the median in the head is {found:.3g}, {low:g} to {high:g} is plausible "
        f"for {modality}; {advice}."
    )


def check_case_images(images: Mapping[str, sitk.Image], names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Check the images of one case against each other.

    Parameters
    ----------
    images
        Modality to image; the first of :data:`REFERENCES` that is there is what the others are compared with.
    names
        Modality to the name used in sentences (a file name); the modality by default.

    Returns
    -------
    list of dict
        Quality flags (``name``, ``value``, ``limit``, ``ok``, ``words``): the likeness of each image to the
        reference as it is stored, and by how much it exceeds the best other order of axes.

    Raises
    ------
    InputError
        If an image lies elsewhere than the reference, or a structural one is mirrored or turned against it.
    """
    names = {modality: (names or {}).get(modality, modality) for modality in images}
    for modality, image in images.items():
        if image.GetDimension() == 3:
            check_unit(image, modality, names[modality])
    reference = reference_of(images)
    if reference is None:
        return []
    fixed = coarse(images[reference], 4.0)
    head = head_mask(fixed)
    points = points_in(fixed, head, _POINTS)
    box = np.array([points.min(axis=0), points.max(axis=0)])
    fixed_field = Field.of(fixed, 5.0)
    values = fixed_field.at(points)
    flags = []
    for modality, image in images.items():
        if modality == reference or modality in MASKS or image.GetDimension() != 3:
            continue
        moving = coarse(image, 4.0)
        moving_points = points_in(moving, head_mask(moving), _POINTS)
        overlap = _box_overlap(box, np.array([moving_points.min(axis=0), moving_points.max(axis=0)]))
        if overlap < MIN_OVERLAP:
            apart = np.linalg.norm(points.mean(axis=0) - moving_points.mean(axis=0))
            raise InputError(
                f"{names[modality]} does not lie where {names[reference]} lies: {overlap:.0%} of the head overlaps, "
                f"the centres are {apart:.0f} mm apart; they are of two patients or positions, or a header is wrong."
            )
        likeness = Likeness.of(points, values, Field.of(moving, 5.0))
        flags += _check_axes(likeness, moving_points.mean(axis=0), modality, reference, names)
    return flags


def reference_of(images: Mapping[str, Any]) -> str | None:
    """The modality whose grid and place the others are brought to: T1, else the next best that is there."""
    return next((name for name in REFERENCES if name in images), None)


REFERENCES = ("T1", "T1C", "T2", "FLAIR", "ADC", "ASL", "CBV", "TMAX", "T1MAP", "T2MAP")
"""Order in which a modality is taken as the reference of its case."""


def _box_overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Volume shared by two boxes (2, 3: lowest and highest corner) as a share of the smaller."""
    shared = np.prod(np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None))
    return float(shared / max(1e-9, min(np.prod(a[1] - a[0]), np.prod(b[1] - b[0]))))


def _check_axes(
    likeness: Likeness, moving_centre: np.ndarray, modality: str, reference: str, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Whether the content fits better with its axes permuted or flipped, above all left to right.

    All 47 other orders are tried about the head's centre; the two best are allowed the same small rigid search as the
    image as it is, so that a patient who moved does not decide.
    """
    centre = likeness.points.mean(axis=0)
    quick = likeness.thinned(3)
    tried = []
    for turn in _turns():
        motion = np.eye(4)
        motion[:3, :3] = turn
        motion[:3, 3] = moving_centre - turn @ centre
        tried.append((quick(motion), _words(turn), motion))
    tried.sort(key=lambda item: -item[0])
    finalists = tried[:2] + [item for item in tried[2:] if item[1] == MIRRORED]
    as_stored = likeness()
    best, words = max((likeness(motion), words) for _, words, motion in finalists)
    if best > 0.5 * as_stored:  # else what a search can gain does not turn the decision
        as_stored, _ = likeness.best(np.eye(4), centre)
        best, words = max((likeness.best(motion, centre)[0], words) for _, words, motion in finalists)
    ratio = best / max(as_stored, 1e-6)
    wrong = ratio > MIRROR_MARGIN
    if wrong and modality in STRUCTURAL and reference in STRUCTURAL:
        raise InputError(
            f"{names[modality]} is {words} against {names[reference]} (likeness {best:.3f} so, {as_stored:.3f} as "
            "stored): its header does not fit its voxels, convert it again from DICOM."
        )
    found = f"it fits {reference} better when {words}" if wrong else f"its axes fit {reference}"
    return [
        {
            "name": f"{modality} axes",
            "value": round(ratio, 3),
            "limit": MIRROR_MARGIN,
            "ok": not wrong,
            "words": f"{modality}: {found}",
        }
    ]


def _turns() -> list[np.ndarray]:
    """The 47 signed permutations of three axes that are not the identity."""
    turns = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if not np.array_equal(turn, np.eye(3)):
                turns.append(turn)
    return turns


def _words(turn: np.ndarray) -> str:
    if not np.array_equal(turn, np.diag(np.diag(turn))):
        return "stored with its axes in another order"
    ways = ("left to right", "front to back", "top to bottom")
    return "mirrored " + " and ".join(way for way, sign in zip(ways, np.diag(turn), strict=True) if sign < 0)
