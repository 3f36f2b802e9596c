"""One case on one grid: what every later step works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from .. import __version__
from ..case import Source, require
from ..checks import REFERENCES, check_case_images, reference_of
from ..errors import InputError
from ..images import array, resample
from ..jobs import Progress, Steps, part
from ..modality import INPUTS, MASKS, MODALITIES
from ..similarity import FWHM, coarse, points_in
from .alignment import MAX_SHIFT, Alignment, align
from .brainmask import find_brain
from .normalisation import normalise

_POINTS = 20000
_LIMITS = {"coverage": 0.9, "clipped": 0.05, "contrast": 0.1}
_BRAIN_ML = [700.0, 2400.0]


@dataclass(frozen=True)
class Prepared:
    """The images of one case on one grid.

    Attributes
    ----------
    id
        The case's id.
    images
        Modality to float32 image in the modality's own unit, all on the grid of the reference (T1 where there is one);
        0 where an image does not reach.
    brain
        uint8, 0 or 1, on that grid.
    lesion
        uint8, 0 background, 1..n lesions, on that grid; None if the case has no lesion mask.
    record
        Everything that was done, with quality flags; can be written as JSON.
    """

    id: str
    images: Mapping[str, sitk.Image]
    brain: sitk.Image
    lesion: sitk.Image | None
    record: dict[str, Any]

    def values(self, modality: str) -> np.ndarray:
        """The voxels of one image, float32 (z, y, x).

        Raises
        ------
        InputError
            If the case has no such image.
        """
        if modality not in self.images:
            raise InputError(f"{self.id} has no {modality}: it has {', '.join(self.images) or 'no image'}.")
        return array(self.images[modality])


def prepare(case: Source, modalities: Iterable[str] | None = None) -> Steps[Prepared]:
    """Check, align, reslice and mask one case.

    The reference is the T1 of the case, also where ``modalities`` leaves it out, else the first there is of
    :data:`~SynthPerfLib.checks.REFERENCES`. Images are interpolated linearly, after a blur where the reference is much
    coarser; masks by nearest neighbour.

    Parameters
    ----------
    modalities
        The images wanted; by default every volume that the case has (a series such as IVIM is not prepared).

    Raises
    ------
    InputError
        If a wanted image is missing or an image fails a check.
    """
    volumes = [name for name in case.available if name in REFERENCES]
    wanted = volumes if modalities is None else list(dict.fromkeys(modalities))
    for name in wanted:
        require(case, name)
        if name not in REFERENCES:
            raise InputError(f"{name} is not a volume that is prepared: choose from {', '.join(REFERENCES)}.")
    reference = reference_of(dict.fromkeys(volumes))
    if reference is None or not wanted:
        raise InputError(f"{case.id} has no image to work on: it needs at least one of {', '.join(INPUTS)}.")

    yield Progress(0.0, "reading")
    images = {name: case.load(name) for name in REFERENCES if name in {reference, *wanted}}
    yield Progress(0.1, "checking")
    flags = check_case_images(images, {name: case.called(name) for name in images})
    grid = images[reference]
    brain, how = yield from part(_brain(case, grid, reference), 0.2, 0.5)

    small = coarse(grid, 2.0)
    points = points_in(small, _around(brain, small), _POINTS)
    result: dict[str, sitk.Image] = {}
    done: dict[str, Any] = {}
    inside = sitk.GetArrayViewFromImage(brain) > 0
    for number, name in enumerate(wanted):
        yield Progress(0.5 + 0.5 * number / len(wanted), f"aligning {MODALITIES[name].label}")
        found = None if name == reference else align(small, points, images[name])
        result[name] = grid if found is None else _reslice(images[name], grid, found.transform)
        done[name] = {"role": "reference"} if found is None else found.record()
        flags += _flags(name, images[name], points, found, array(result[name]), inside)
    volume = float(inside.sum() * np.prod(grid.GetSpacing()) / 1000.0)
    flags.append(
        flag("brain volume", volume, _BRAIN_ML, _BRAIN_ML[0] <= volume <= _BRAIN_ML[1], f"brain of {volume:.0f} mL")
    )
    lesion = None
    if "LESION" in case.available:
        lesion = resample(_labels(case.load("LESION"), case, "LESION"), grid, nearest=True)
    record = {
        "software": {"name": "SynthPerf", "version": __version__, "simpleitk": sitk.Version_VersionString()},
        "reference": reference,
        "inputs": input_hashes(case),
        "images": done,
        "brain": how,
        "flags": flags,
    }
    return Prepared(case.id, {n: result[n] for n in MODALITIES if n in result}, brain, lesion, record)


def input_hashes(case: Source) -> dict[str, str]:
    """SHA-256 of every volume and mask that :func:`prepare` reads, by modality."""
    return {name: case.digest(name) for name in case.available if name in REFERENCES or name in MASKS}


def flag(name: str, value: float, limit: Any, ok: bool, words: str) -> dict[str, Any]:
    """One quality flag: what was measured, what is usual, whether it is, and a sentence."""
    return {"name": name, "value": round(float(value), 4), "limit": limit, "ok": bool(ok), "words": words}


def _brain(case: Source, grid: sitk.Image, reference: str) -> Steps[tuple[sitk.Image, dict[str, Any]]]:
    """The given brain mask on the reference grid, or one that is found there."""
    if "BRAIN" in case.available:
        given = _labels(case.load("BRAIN"), case, "BRAIN")
        brain = resample(given > 0, grid, nearest=True)
        how: dict[str, Any] = {"method": "given"}
    else:
        found = yield from find_brain(grid, reference)
        brain, how = found.image, found.record
    if not np.any(sitk.GetArrayViewFromImage(brain)):
        raise InputError(f"{case.id}: no brain is found in {case.called(reference)}; give a brain mask.")
    return brain, how


def _labels(image: sitk.Image, case: Source, name: str) -> sitk.Image:
    """A label image as uint8."""
    values = sitk.GetArrayViewFromImage(image)
    if values.min() < 0 or values.max() > 255 or np.any(values != np.round(values)):
        raise InputError(f"{case.called(name)} is not a mask: labels are whole numbers from 0 to 255.")
    return sitk.Cast(image, sitk.sitkUInt8)


def _around(brain: sitk.Image, small: sitk.Image) -> np.ndarray:
    """The brain and 8 mm around it on the grid of ``small``."""
    from scipy.ndimage import distance_transform_edt

    mask = sitk.GetArrayFromImage(resample(brain, small, nearest=True)) > 0
    return distance_transform_edt(~mask, sampling=small.GetSpacing()[::-1]) <= 8.0


def _reslice(image: sitk.Image, grid: sitk.Image, transform: sitk.Transform) -> sitk.Image:
    """``image`` on ``grid``; averaged first along axes that are much finer than the grid's."""
    from scipy.ndimage import gaussian_filter1d

    axes = np.array(image.GetDirection()).reshape(3, 3)
    nearest = np.abs(np.array(grid.GetDirection()).reshape(3, 3).T @ axes).argmax(axis=0)
    values = sitk.GetArrayViewFromImage(image)
    for axis, (mm, closest) in enumerate(zip(image.GetSpacing(), nearest, strict=True)):
        target = grid.GetSpacing()[closest]
        if target > 1.5 * mm:
            # A voxel is a box of its size; its spread is size / sqrt(12), 0.68 of that of a Gaussian of this width.
            sigma = np.sqrt(target**2 - mm**2) / FWHM / mm
            values = gaussian_filter1d(values, sigma, axis=2 - axis, mode="nearest", truncate=3.0)
    blurred = sitk.GetImageFromArray(values)
    blurred.CopyInformation(image)
    return resample(blurred, grid, transform=transform)


def _flags(
    name: str, image: sitk.Image, points: np.ndarray, found: Alignment | None, values: np.ndarray, brain: np.ndarray
) -> list[dict[str, Any]]:
    """Coverage, alignment, contrast and clipping of one image."""
    at = points if found is None else np.array([found.transform.TransformPoint(p) for p in points[::20].tolist()])
    axes = np.linalg.inv(np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing()))
    index = (at - np.array(image.GetOrigin())) @ axes.T
    covered = float(np.all((index > -0.5) & (index < np.array(image.GetSize()) - 0.5), axis=1).mean())
    flags = [
        flag(
            f"{name} coverage",
            covered,
            _LIMITS["coverage"],
            covered >= _LIMITS["coverage"],
            f"{name} covers {covered:.0%} of the brain",
        )
    ]
    if found is not None:
        moved = "was in place"
        if found.registered:
            moved = f"was moved by {found.shift:.1f} mm and {found.angle:.1f} degrees"
        words = f"{name} {moved}" if found.trusted else f"{name} seems misaligned and no believable place was found"
        flags.append(flag(f"{name} alignment", found.shift, MAX_SHIFT, found.trusted, words))
    inside = values[brain]
    p5, median, p95 = np.percentile(inside, (5, 50, 95))
    contrast = float((p95 - p5) / max(abs(median), abs(p95), 1e-12))
    flags.append(
        flag(
            f"{name} contrast",
            contrast,
            _LIMITS["contrast"],
            contrast >= _LIMITS["contrast"],
            f"{name}: the brain spans {contrast:.2f} of its grey level",
        )
    )
    if name in INPUTS:
        scaled = normalise(values, brain, name)[brain]
        # Physical maps are clipped at values that tissue does not have; zero is a value there, not a clipped one.
        low = scaled.min() if name in ("ADC",) else -np.inf
        clipped = float(np.mean((scaled >= scaled.max()) | ((scaled <= scaled.min()) & (scaled > low))))
        flags.append(
            flag(
                f"{name} clipped",
                clipped,
                _LIMITS["clipped"],
                clipped <= _LIMITS["clipped"],
                f"{name}: {clipped:.1%} of the brain lies at the end of the scale",
            )
        )
    return flags
