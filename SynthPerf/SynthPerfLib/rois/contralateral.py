"""A proposal for normal-appearing white matter: opposite the tumour, in white matter. A proposal, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import resample
from .drawing import WANG_AREA, disc, from_mask
from .grid import Grid, lattice
from .region import Provenance, Roi
from .white_matter import Surroundings

_SLAB = 5  # slices on either side of which the tissues are told apart
_REACH = 45.0  # mm from the tumour's mirror image
_FROM_MIDLINE = 5.0  # mm, of the disc's edge
_FROM_LESION = 5.0  # mm, of the disc's edge
_LEAST = 0.7  # share of a disc that has to be white matter
_TYPICAL = 1.25  # T2 and ADC up to this many times the median of the white matter that T1 shows
_ADC = 1000.0  # 1e-6 mm2/s
_IMPURE, _NARROW = 60.0, 30.0  # mm that a disc, and its surroundings, may lie further away if they are all white matter


def contralateral(
    name: str, map: sitk.Image, tumour: Sequence[Roi], around: Surroundings, area: float = WANG_AREA
) -> Roi:
    """A disc of white matter near the mirror image of a tumour.

    The tumour's centroid is mirrored at the midsagittal plane (:attr:`.Surroundings.midsagittal`), within its slice.
    White matter is the brightest of three classes of T1 in the brain (Otsu 1979), without what is bright on T2 or ADC;
    without T1 the darkest class of T2, or ADC below 1000e-6 mm2/s. Of the discs in that slice, at least 5 mm from the
    midsagittal plane and from every lesion, the one is taken that lies nearest to the mirrored point and is white
    matter, and surrounded by it.

    Parameters
    ----------
    map
        Volume that is drawn on.
    tumour
        Regions, at least one.
    around
        Brain mask, masks to avoid, and at least one of ``T1``, ``T2``, ``ADC``.

    Raises
    ------
    InputError
        If there is no image to tell white matter from, or none of it opposite the tumour.
    """
    images = {key: image for key, image in around.images.items() if key in ("T1", "T2", "ADC")}
    if not tumour:
        raise InputError("White matter opposite the tumour needs a tumour region: draw it first.")
    if not images or around.brain is None:
        raise InputError(
            "To find white matter, a T1 (or T2, or ADC) image and a brain mask are needed: draw it by hand."
        )
    grid = Grid.of(map)
    plane = around.midsagittal
    centre = np.average([roi.centre for roi in tumour], axis=0, weights=[roi.volume for roi in tumour])
    axis, axes = grid.slice_axis, grid.plane_axes
    number = int(grid.nearest(centre[None])[0, axis])
    if not 0 <= number < grid.size[axis]:
        raise InputError("The tumour lies outside the image that the white matter is drawn on: draw it by hand.")
    opposite = grid.index(_mirror(centre, plane)[None])
    opposite[0, axis] = number  # both regions are read in one slice, however the head was tilted
    mirrored = grid.points(opposite)[0]
    slab, middle = _slab(map, axis, number)
    white = _white_matter(slab, images, around.brain)
    white = np.take(white.transpose(2, 1, 0), middle, axis=axis)  # (first, second axis of the plane)
    pure, wide = (_share(white, [grid.spacing[a] for a in axes], size) for size in (area, 3 * area))

    ranges = [np.arange(size) for size in grid.size]
    ranges[axis] = np.array([number])
    voxels = lattice(ranges)
    points = grid.points(voxels)
    away = np.linalg.norm(points - mirrored, axis=1)
    radius = np.sqrt(area / np.pi)
    own, other = _beside(points, plane), _beside(centre[None], plane)[0]
    usable = (away <= _REACH) & (np.abs(own) >= _FROM_MIDLINE + radius) & (own * other < 0)
    lesions = [*tumour, *_lesions(around)]
    for lesion in lesions:
        usable[usable] = _distance(points[usable], lesion) >= _FROM_LESION + radius
    pure, wide = (share[voxels[:, axes[0]], voxels[:, axes[1]]] for share in (pure, wide))
    usable &= pure >= _LEAST
    if not usable.any():
        raise InputError("No white matter was found opposite the tumour in this slice: draw it by hand.")
    cost = np.where(usable, away + _IMPURE * (1 - pure) + _NARROW * (1 - wide), np.inf)
    return disc(name, map, points[np.argmin(cost)], area, Provenance(tool="disc"))


def _mirror(point: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """The mirror image of a point at the plane x = a + b y + c z."""
    normal = np.array([1.0, -plane[1], -plane[2]])
    mirrored: np.ndarray = point - 2 * (point @ normal - plane[0]) / (normal @ normal) * normal
    return mirrored


def _beside(points: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Distance (n,) of points (n, 3) from the plane, negative to the patient's right."""
    normal = np.array([1.0, -plane[1], -plane[2]])
    beside: np.ndarray = (points @ normal - plane[0]) / np.linalg.norm(normal)
    return beside


def _slab(map: sitk.Image, axis: int, number: int) -> tuple[sitk.Image, int]:
    """The slices of a map around slice ``number``, and which of them that one is."""
    size, start = list(map.GetSize()), [0, 0, 0]
    start[axis] = max(0, number - _SLAB)
    size[axis] = min(map.GetSize()[axis], number + _SLAB + 1) - start[axis]
    return sitk.RegionOfInterest(map, size, start), number - start[axis]


def _white_matter(slab: sitk.Image, images: dict[str, sitk.Image], brain: sitk.Image) -> np.ndarray:
    """Where white matter is, (z, y, x) of the slab."""
    inside = sitk.GetArrayFromImage(resample(brain, slab, nearest=True)) > 0
    values = {key: sitk.GetArrayFromImage(resample(image, slab)) for key, image in images.items()}
    if inside.sum() < 100:
        return np.zeros(inside.shape, bool)
    if "T1" in values:
        white = inside & (values["T1"] > _classes(values["T1"][inside])[1])
    elif "T2" in values:
        white = inside & (values["T2"] < _classes(values["T2"][inside])[0])
    else:
        white = inside & (values["ADC"] < _ADC)
    if not white.any():
        return white
    typical = {key: float(np.median(values[key][white])) for key in ("T2", "ADC") if key in values}
    for key, value in typical.items():
        white &= values[key] <= _TYPICAL * value
    return white


def _classes(values: np.ndarray) -> tuple[float, float]:
    """Otsu's two limits between three classes, extreme values set to the 1st and 99th percentile."""
    clipped = np.clip(values, *np.percentile(values, [1, 99])).astype(np.float32)
    otsu = sitk.OtsuMultipleThresholdsImageFilter()
    otsu.SetNumberOfThresholds(2)
    otsu.Execute(sitk.GetImageFromArray(clipped[None]))
    low, high = otsu.GetThresholds()
    return low, high


def _share(white: np.ndarray, spacing: Sequence[float], area: float) -> np.ndarray:
    """Share of white matter in a disc of ``area`` around each voxel of a slice."""
    from scipy.ndimage import convolve

    reach = [int(np.ceil(np.sqrt(area / np.pi) / step)) for step in spacing]
    first, second = np.ogrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    inside = (first * spacing[0]) ** 2 + (second * spacing[1]) ** 2 <= area / np.pi
    share: np.ndarray = convolve(white.astype(float), inside / inside.sum(), mode="constant")
    return share


def _lesions(around: Surroundings) -> list[Roi]:
    return [from_mask(word, mask) for word, mask in around.avoid.items() if sitk.GetArrayViewFromImage(mask).any()]


def _distance(points: np.ndarray, lesion: Roi) -> np.ndarray:
    """Distance (n,) of points (n, 3) from the nearest voxel's centre of a region, mm."""
    from scipy.spatial import cKDTree

    distance: np.ndarray = cKDTree(lesion.grid.points(lesion.voxels)).query(points)[0]
    return distance
