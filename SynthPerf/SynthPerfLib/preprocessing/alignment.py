"""Bring an image to its place on the reference, if it is not there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..similarity import Field, Likeness, blurred, coarse, matrix_of, rigid

STEP = 2.5
"""Shift (mm) and turn (degrees) by which an image is moved to see whether it fits better."""

TOLERANCE = 1.0
"""An image is called misaligned if it would fit best more than this (mm, degrees) from where it lies."""

MIN_LIKENESS = 0.01
"""Noise reaches 0.005 wherever it is put, the ASL of a phantom head 0.06: below this nothing was found."""

MIN_GAIN = 1.01
"""A registration is accepted only if it makes the images this many times as alike."""

MAX_SHIFT, MAX_ANGLE = 20.0, 15.0
"""mm and degrees; a registration that moves the head further is not believed."""


@dataclass(frozen=True)
class Alignment:
    """Where an image belongs on the reference.

    Attributes
    ----------
    transform
        Maps a point of the reference to the point of the image that shows the same tissue.
    registered
        Whether the header's alignment was improved on.
    before, after
        Likeness to the reference by the header and with :attr:`transform`.
    offset
        Where the header's alignment seems to miss, by the check: three angles (degrees), three shifts (mm).
    shift, angle
        How far the transform moves the centre of the head (mm) and turns it (degrees).
    trusted
        False if the image seems misaligned and no believable registration was found.
    """

    transform: sitk.Transform
    registered: bool
    before: float
    after: float
    offset: tuple[float, ...]
    shift: float
    angle: float
    trusted: bool

    def record(self) -> dict[str, Any]:
        """What was found and done, for the sidecar."""
        record: dict[str, Any] = {
            "registered": self.registered,
            "likeness_before": round(self.before, 4),
            "likeness_after": round(self.after, 4),
            "offset_deg_mm": [round(v, 2) for v in self.offset],
            "moved_mm": round(self.shift, 2),
            "moved_deg": round(self.angle, 2),
            "trusted": self.trusted,
        }
        if self.registered:
            record["matrix_lps"] = [[round(v, 6) for v in row] for row in matrix_of(self.transform).tolist()]
        return record


def align(reference: sitk.Image, points: np.ndarray, image: sitk.Image) -> Alignment:
    """Decide whether ``image`` lies where its header says, and register it rigidly if not.

    Both images are blurred to the coarser resolution of the two. The image is moved by :data:`STEP` along and about
    each axis; the parabola through the three likenesses of an axis tells where the best place is. Only if that is more
    than :data:`TOLERANCE` away is the image registered (Mattes' mutual information, two resolutions, fixed samples, so
    that the result is the same every time).

    Parameters
    ----------
    reference, image
        3D images; ``reference`` about 2 mm (:func:`~SynthPerfLib.similarity.coarse`).
    points
        (n, 3) points of the head in the reference, LPS mm.
    """
    moving = coarse(image, 2.0)
    # In-plane resolution: a thick slice blurs along one axis only, the others still tell where the head is.
    resolution = max(4.0, *sorted(reference.GetSpacing())[:2], *sorted(moving.GetSpacing())[:2])
    likeness = Likeness.of(points, Field.of(reference, resolution).at(points), Field.of(moving, resolution))
    centre = points.mean(axis=0)
    before = likeness()
    offset = _offset(likeness, np.eye(4), before, centre)
    tolerance = TOLERANCE * max(1.0, max(moving.GetSpacing()) / 5.0)
    identity = Alignment(sitk.Euler3DTransform(), False, before, before, offset, 0.0, 0.0, True)
    if np.max(np.abs(offset)) <= tolerance:
        return identity
    start = matrix_of(_register(reference, moving, resolution, centre))
    after, transform = _polished(likeness, start, centre)
    motion = matrix_of(transform)
    shift = float(np.linalg.norm(motion[:3, :3] @ centre + motion[:3, 3] - centre))
    angle = float(np.degrees(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1))))
    if after < max(before * MIN_GAIN, MIN_LIKENESS):
        return identity
    if shift > MAX_SHIFT or angle > MAX_ANGLE:
        return Alignment(sitk.Euler3DTransform(), False, before, before, offset, shift, angle, False)
    return Alignment(transform, True, before, after, offset, shift, angle, True)


def _offset(likeness: Likeness, motion: np.ndarray, here: float, centre: np.ndarray) -> tuple[float, ...]:
    """Estimated distance from ``motion`` to the best place along each of the six rigid parameters (degrees, mm)."""
    offset = np.zeros(6)
    for axis in range(6):
        step = np.zeros(6)
        step[axis] = STEP
        less, more = likeness(motion @ rigid(-step, centre)), likeness(motion @ rigid(step, centre))
        bend = less - 2 * here + more
        if here >= max(less, more) and bend < 0:
            offset[axis] = STEP * 0.5 * (less - more) / bend
        elif bend < 0:
            offset[axis] = np.clip(STEP * 0.5 * (less - more) / bend, -4 * STEP, 4 * STEP)
        else:
            offset[axis] = 2 * STEP if more > less else -2 * STEP
    return tuple(offset.tolist())


def _polished(likeness: Likeness, motion: np.ndarray, centre: np.ndarray) -> tuple[float, sitk.Transform]:
    """Follow the parabolas from ``motion`` to the best likeness around the brain; that and the transform.

    The registration sees the whole head, where scalp and neck move on their own.
    """
    here = likeness(motion)
    for _ in range(8):
        offset = np.clip(_offset(likeness, motion, here, centre), -STEP, STEP)
        there, step = max(
            ((likeness(motion @ rigid(share * offset, centre)), share * offset) for share in (1.0, 0.5, 0.25)),
            key=lambda found: found[0],
        )
        if there <= here:
            break
        here, motion = there, motion @ rigid(step, centre)
        if np.max(np.abs(step)) < 0.1:
            break
    transform = sitk.Euler3DTransform()
    transform.SetMatrix(motion[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation(motion[:3, 3].tolist())
    return here, transform


def _register(reference: sitk.Image, moving: sitk.Image, resolution: float, centre: np.ndarray) -> sitk.Transform:
    """Rigid registration of coarse images; deterministic."""
    fixed = _smooth(reference, resolution)
    floating = _smooth(moving, resolution)
    transform = sitk.Euler3DTransform(tuple(map(float, centre)))
    for level_mm, share in ((6.0, 1.0), (3.0, 0.3)):
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(32)
        method.SetMetricSamplingStrategy(method.RANDOM if share < 1 else method.NONE)
        method.SetMetricSamplingPercentage(share, 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.02, 40, 0.5, 1e-6)
        # 0.1 radian moves the cortex by 8 mm: weights that make a step in angle as far as one in mm.
        method.SetOptimizerScales([80.0**2] * 3 + [1.0] * 3)
        method.SetInitialTransform(transform, True)
        method.Execute(coarse(fixed, level_mm), floating)
    # ITK's sums differ in the last bits from run to run; a millionth of a mm or radian does not.
    transform.SetParameters([round(value, 6) for value in transform.GetParameters()])
    return transform


def _smooth(image: sitk.Image, fwhm: float) -> sitk.Image:
    result = sitk.GetImageFromArray(blurred(image, fwhm))
    result.CopyInformation(image)
    return result
