"""What speaks against a region as normal-appearing white matter, in words: side, overlap, fluid, size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from ..images import resample
from .copying import copy_to
from .drawing import WANG_AREA, from_mask
from .grid import Grid
from .region import Roi

_MIDLINE_MM = 5.0
_CSF_ADC = 1500.0
_CSF_T1_SHARE = 0.5
_CSF_T2_SHARE = 1.8
_LEAST_SHARE = 0.8
_FEWEST_VOXELS = 4


@dataclass(frozen=True)
class Surroundings:
    """What is known of a patient beside the maps, for the check of white-matter regions; each on its own grid.

    Attributes
    ----------
    brain
        Brain mask: gives the midsagittal plane. Without it the plane is x = 0 of the patient's coordinates.
    avoid
        Word to mask that white matter must not overlap, e.g. ``lesion``, ``oedema``.
    images
        ``ADC``, ``T1``, ``T2``: in which cerebrospinal fluid is told from white matter.
    """

    brain: sitk.Image | None = None
    avoid: Mapping[str, sitk.Image] = field(default_factory=dict)
    images: Mapping[str, sitk.Image] = field(default_factory=dict)

    @cached_property
    def midsagittal(self) -> np.ndarray:
        """The plane x = a + b y + c z (LPS) as (a, b, c): least squares through the middle of the brain mask's extent
        in x, over all lines of constant y and z."""
        if self.brain is None:
            return np.zeros(3)
        return _midsagittal(self.brain)


def check_nawm(
    nawm: Roi, tumour: Sequence[Roi] = (), around: Surroundings | None = None, area: float = WANG_AREA
) -> tuple[str, ...]:
    """What speaks against a region as normal-appearing white matter, a sentence for each; empty if nothing does.

    - Side: its centroid is not on the side opposite to the lesion's (of ``avoid``, else of ``tumour``), or one of the
      two lies within 5 mm of the midsagittal plane.
    - Overlap with the tumour regions or a mask of ``avoid``.
    - Fluid: a voxel with ADC above 1500e-6 mm2/s, T2 above 1.8 times or T1 below half of the brain's median.
    - Size: area less than 0.8 of ``area``; less than 4 voxels.

    Parameters
    ----------
    area
        What the protocol asks for, mm2.
    """
    around = around or Surroundings()
    lesions = [from_mask(word, mask) for word, mask in around.avoid.items() if sitk.GetArrayViewFromImage(mask).any()]
    found = [*_side(nawm, lesions or list(tumour), around.midsagittal)]
    for other in (*lesions, *tumour):
        share = nawm.overlap(other)
        if share > 0:
            found.append(f"{nawm.name}: {_percent(share)} of it overlaps the {other.name.replace('_', ' ')}.")
    fluid = _fluid(nawm, around)
    if fluid > 0:
        found.append(f"{nawm.name}: {_percent(fluid)} of it looks like cerebrospinal fluid.")
    if nawm.area < _LEAST_SHARE * area:
        found.append(f"{nawm.name} is small: {nawm.area:.0f} mm2, {area:.0f} mm2 are due.")
    if nawm.count < _FEWEST_VOXELS:
        found.append(f"{nawm.name} has only {nawm.count} voxel(s): its mean is uncertain.")
    return tuple(found)


def _midsagittal(brain: sitk.Image) -> np.ndarray:
    grid = Grid.of(brain)
    voxels = np.argwhere(sitk.GetArrayViewFromImage(brain) != 0)[:, ::-1]
    if not len(voxels):
        return np.zeros(3)
    points = grid.points(voxels)
    step = max(grid.spacing)
    lines = np.round(points[:, 1:] / step).astype(int)
    first = lines.min(axis=0)
    shape = tuple(lines.max(axis=0) - first + 1)
    which = np.ravel_multi_index(tuple((lines - first).T), shape)
    left, right = np.full(np.prod(shape), -np.inf), np.full(np.prod(shape), np.inf)
    np.maximum.at(left, which, points[:, 0])
    np.minimum.at(right, which, points[:, 0])
    seen = np.flatnonzero(np.isfinite(left))
    design = np.column_stack([np.ones(len(seen)), (np.column_stack(np.unravel_index(seen, shape)) + first) * step])
    plane: np.ndarray = np.linalg.lstsq(design, (left[seen] + right[seen]) / 2, rcond=None)[0]
    return plane


def _side(nawm: Roi, lesions: Sequence[Roi], plane: np.ndarray) -> list[str]:
    if not lesions:
        return []
    weights = [roi.volume for roi in lesions]
    lesion = np.average([roi.centre for roi in lesions], axis=0, weights=weights)
    own, other = (point[0] - plane @ (1.0, point[1], point[2]) for point in (nawm.centre, lesion))
    if abs(other) < _MIDLINE_MM:
        return ["The lesion lies on the midline: which side is normal cannot be told."]
    if abs(own) < _MIDLINE_MM:
        return [f"{nawm.name} lies on the midline, white matter of the other side is due."]
    if own * other > 0:
        return [f"{nawm.name} lies on the side of the lesion, white matter of the other side is due."]
    return []


def _fluid(nawm: Roi, around: Surroundings) -> float:
    """The largest share of fluid that one of the images shows."""
    shares = [0.0]
    for name, image in around.images.items():
        grid = Grid.of(image)
        if name not in ("ADC", "T1", "T2") or not np.all(grid.holds(grid.index(nawm.grid.points(nawm.voxels)))):
            continue
        values = copy_to(nawm, image).values(image)
        if name == "ADC":
            shares.append(float(np.mean(values > _CSF_ADC)))
            continue
        if around.brain is None:
            continue  # background and scalp would say what is typical
        brain = resample(around.brain, image, nearest=True)
        inside = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(brain) != 0]
        typical = float(np.median(inside[inside > 0])) if np.any(inside > 0) else 0.0
        fluid = values < _CSF_T1_SHARE * typical if name == "T1" else values > _CSF_T2_SHARE * typical
        shares.append(float(np.mean(fluid)))
    return max(shares)


def _percent(share: float) -> str:
    return f"{max(1, round(100 * share))} %"
