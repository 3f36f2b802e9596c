"""What one map is worth: SSIM, PSNR and MAE in the brain's box, and the mean of every lesion.

Conventions, the same for every model: images are put in axial (LPS) order, cut to the bounding box of the brain mask
and clipped to :data:`DATA_RANGE`. Lesion means are taken from the unclipped maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import array, axial, same_grid

DATA_RANGE: tuple[float, float] = (0.0, 10.0)
"""CBV in mL/100 g to which both maps are clipped; its width is the peak of PSNR and the data range of SSIM."""

SSIM_WINDOW = 7
"""Side of the uniform SSIM window in voxels, in the axial plane."""

PEAK = DATA_RANGE[1] - DATA_RANGE[0]

CONVENTIONS = (
    f"CBV clipped to {DATA_RANGE[0]:g}-{DATA_RANGE[1]:g} mL/100 g in the bounding box of the brain mask; 0 outside the "
    "mask in both maps (scalp and sinuses outside it are no part of the comparison)",
    f"SSIM: scikit-image, {SSIM_WINDOW}x{SSIM_WINDOW} uniform window, sample covariance, data range {PEAK:g}, border "
    "cropped; axial slice by slice, averaged over the slices that hold brain",
    f"PSNR: 10 log10({PEAK:g}\N{SUPERSCRIPT TWO} / mean squared error), over the whole box",
    "MAE: mean absolute error over the whole box, mL/100 g",
    "Lesion values: mean of the unclipped map over each labelled lesion",
)
"""The conventions in words, for the report and the records."""


@dataclass(frozen=True)
class ImageMetrics:
    """Agreement of a map with the real one in the brain's box.

    Attributes
    ----------
    ssim
        Structural similarity, [-1, 1].
    psnr
        Peak signal-to-noise ratio, dB; None where the maps are identical (it has no finite value).
    mae
        Mean absolute error, mL/100 g.
    """

    ssim: float
    psnr: float | None
    mae: float


@dataclass(frozen=True)
class LesionValue:
    """Mean of one labelled lesion in the real map, the synthetic map and ASL.

    Attributes
    ----------
    label
        The lesion's value in the lesion mask, from 1.
    real, map
        Mean CBV, mL/100 g.
    asl
        Mean cerebral blood flow, mL/100 g/min; None without ASL.
    volume_ml
        Volume in mL.
    """

    label: int
    real: float
    map: float
    asl: float | None
    volume_ml: float


def image_metrics(synthetic: sitk.Image, real: sitk.Image, brain: sitk.Image) -> ImageMetrics:
    """SSIM (Wang et al. 2004 as in scikit-image), PSNR and MAE of ``synthetic`` against ``real``.

    Parameters
    ----------
    synthetic, real
        CBV in mL/100 g, on one grid in any axis order.
    brain
        Brain mask on that grid, not 0 inside.

    Raises
    ------
    InputError
        If the grids differ, a map is not finite, or the brain mask is empty or smaller than the window.
    """
    from skimage.metrics import structural_similarity

    _check(synthetic, real, brain)
    inside = array(axial(brain)) > 0
    box = bounding_box(inside)
    x, y = (
        np.clip(array(axial(image))[box].astype(np.float64), *DATA_RANGE) * inside[box] for image in (synthetic, real)
    )
    if min(x.shape[1:]) < SSIM_WINDOW:
        raise InputError(
            f"The brain mask spans {x.shape[2]} x {x.shape[1]} voxels in the axial plane, SSIM needs at least "
            f"{SSIM_WINDOW}: give a brain mask of the whole brain."
        )
    similarity = [
        structural_similarity(a, b, win_size=SSIM_WINDOW, data_range=PEAK)
        for a, b, mask in zip(x, y, inside[box], strict=True)
        if mask.any()
    ]
    squared = float(np.mean((x - y) ** 2))
    return ImageMetrics(
        ssim=float(np.mean(similarity)),
        psnr=float(10 * np.log10(PEAK**2 / squared)) if squared > 0 else None,
        mae=float(np.mean(np.abs(x - y))),
    )


def lesion_values(
    synthetic: sitk.Image, real: sitk.Image, lesion: sitk.Image, asl: sitk.Image | None = None
) -> list[LesionValue]:
    """The mean of each lesion, by label; empty without lesions.

    Parameters
    ----------
    synthetic, real
        CBV in mL/100 g.
    lesion
        Labels: 0 background, 1..n lesions.
    asl
        Cerebral blood flow in mL/100 g/min.

    Raises
    ------
    InputError
        If the grids differ or a map is not finite.
    """
    _check(synthetic, real, lesion)
    if asl is not None:
        _check(asl, real, lesion)
    labels = sitk.GetArrayViewFromImage(lesion)
    voxel_ml = float(np.prod(lesion.GetSpacing())) / 1000

    def mean(image: sitk.Image, where: np.ndarray) -> float:
        return float(sitk.GetArrayViewFromImage(image)[where].mean(dtype=np.float64))

    return [
        LesionValue(
            label=int(label),
            real=mean(real, where),
            map=mean(synthetic, where),
            asl=None if asl is None else mean(asl, where),
            volume_ml=int(where.sum()) * voxel_ml,
        )
        for label, where in ((label, labels == label) for label in np.unique(labels[labels > 0]))
    ]


def psnr_band(psnr: float) -> str:
    """The words of Wu et al. 2025 for a PSNR in dB: very good above 40, good from 30, bad from 20, else very bad."""
    if psnr > 40:
        return "very good"
    if psnr >= 30:
        return "good"
    return "bad" if psnr >= 20 else "very bad"


def bounding_box(inside: np.ndarray) -> tuple[slice, ...]:
    """The smallest box that holds every True voxel of ``inside``.

    Raises
    ------
    InputError
        If no voxel is True.
    """
    if not inside.any():
        raise InputError("The brain mask is empty: give a mask that is not 0 inside the brain.")
    box = []
    for axis in range(inside.ndim):
        along = np.flatnonzero(inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis)))
        box.append(slice(int(along[0]), int(along[-1]) + 1))
    return tuple(box)


def _check(synthetic: sitk.Image, real: sitk.Image, mask: sitk.Image) -> None:
    if not (same_grid(synthetic, real) and same_grid(real, mask)):
        raise InputError("The synthetic map, the real map and the mask lie on different grids: prepare the case first.")
    for name, image in (("synthetic", synthetic), ("real", real)):
        if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
            raise InputError(f"The {name} map holds values that are not finite: repair or leave out this case.")
