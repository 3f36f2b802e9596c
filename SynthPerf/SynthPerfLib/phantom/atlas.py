"""What all digital patients share: the MNI templates and maps derived from them, made once per process."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import DependencyError
from ..preprocessing.atlas import read_atlas
from .fields import COARSE, Grid, Points, step

TEMPLATE = Grid((-98.0, -98.0, -72.0), 1.0, (189, 233, 197))
"""The grid of the MNI152 2009a symmetric template, turned to LPS."""


@dataclass(frozen=True)
class Atlas:
    """Maps in template space.

    Attributes
    ----------
    grey, white
        Tissue probability x 255, uint8, on ``TEMPLATE``.
    texture
        T1 brightness relative to what the tissue probabilities explain, x 128, int8, on ``TEMPLATE``.
    brain_distance, head_distance
        Signed distance (mm, negative inside) to the surface of the brain, sulci included, and of the head; ``COARSE``.
    ventricle_distance
        Signed distance (mm) to the lateral and third ventricles, on ``COARSE``.
    ventricle_push
        Unit vector field (3, z, y, x) away from the ventricles that fades with distance, on ``COARSE``.
    """

    grey: np.ndarray
    white: np.ndarray
    texture: np.ndarray
    brain_distance: np.ndarray
    head_distance: np.ndarray
    ventricle_distance: np.ndarray
    ventricle_push: np.ndarray


def ellipsoid(points: Points, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Approximate signed distance (mm, negative inside) to an ellipsoid."""
    squared = sum(((p - c) / r) ** 2 for p, c, r in zip(points, centre, radii, strict=True))
    return (np.sqrt(squared) - 1) * np.float32(min(radii))


def _find(kind: str) -> Path | None:
    """The template of 1 mm in the nilearn package, whose wheel carries it; None where that is not installed."""
    spec = importlib.util.find_spec("nilearn")
    name = f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    places = (Path(folder) / "datasets" / "data" / name for folder in (spec and spec.submodule_search_locations) or [])
    return next((path for path in places if path.is_file()), None)


def templates_are_there() -> bool:
    """Whether the templates of 1 mm are installed."""
    return all(_find(kind) for kind in ("t1", "gm", "wm"))


def require_templates() -> None:
    """Refuse to go on without the templates of 1 mm.

    Raises
    ------
    DependencyError
        If the nilearn package is not installed.
    """
    if not templates_are_there():
        raise DependencyError(
            "The digital cohort needs the MNI152 templates of the nilearn package: pip install synthperf[phantom]"
        )


def _templates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T1 brightness, grey and white matter x 255 on ``TEMPLATE``; from the atlas of 2 mm where those of 1 mm are not
    installed, the T1 then without texture."""
    if templates_are_there():
        t1, grey, white = (
            sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(_find(kind))), "LPS"))
            for kind in ("t1", "gm", "wm")
        )
        return t1, grey, white
    atlas = read_atlas()
    grid = sitk.Image(TEMPLATE.shape[::-1], sitk.sitkUInt8)
    grid.SetOrigin(TEMPLATE.origin)
    grey, white = (sitk.GetArrayFromImage(sitk.Resample(255.0 * image, grid)) for image in (atlas.grey, atlas.white))
    brain = sitk.GetArrayFromImage(sitk.Resample(atlas.depth, grid, sitk.Transform(), sitk.sitkLinear, -10.0)) > 0
    t1 = brain * _brightness(grey / np.float32(255), white / np.float32(255))
    return t1, np.round(grey).astype(np.uint8), np.round(white).astype(np.uint8)


def _brightness(grey: np.ndarray, white: np.ndarray) -> np.ndarray:
    """What the shares of tissue explain of the T1 template."""
    return 60 * (1 - np.clip(grey + white, 0, 1)) + 167 * grey + 222 * white


def _signed_distance(mask: np.ndarray, spacing: float) -> np.ndarray:
    from scipy import ndimage

    outside = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    return (outside * spacing).astype(np.float32)


def _head_distance(brain_distance: np.ndarray) -> np.ndarray:
    """The brain with 14 mm of skull and scalp, a face, temples and a neck."""
    points = COARSE.axes()
    face = ellipsoid(points, (0, -42, -58), (61, 60, 74))
    nose = ellipsoid(points, (0, -98, -52), (13, 16, 22))
    temples = np.minimum(*(ellipsoid(points, (side * 60, -18, -22), (17, 36, 40)) for side in (-1, 1)))
    x, y, z = points
    neck = np.maximum((np.sqrt((x / 62) ** 2 + ((y - 22) / 64) ** 2) - 1) * 62, z + 35)
    distance = brain_distance - 14
    for part in (face, nose, temples, neck):  # smooth union, 8 mm round
        blend = np.clip(0.5 + (distance - part) / 16, 0, 1)
        distance = distance * (1 - blend) + part * blend - 8 * blend * (1 - blend)
    return distance.astype(np.float32)


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """Read the templates and derive the maps."""
    from scipy import ndimage

    t1, grey, white = _templates()
    share_grey, share_white = grey / np.float32(255), white / np.float32(255)
    tissue = np.clip(share_grey + share_white, 0, 1)
    expected = _brightness(share_grey, share_white)
    texture = np.where(tissue > 0.6, (t1 - expected) / np.maximum(expected, 1), 0)
    texture = np.clip(ndimage.gaussian_filter(texture, 0.7) * 128, -60, 60).astype(np.int8)

    hull = ndimage.binary_fill_holes(ndimage.binary_closing((t1 > 20) | (tissue > 0.3), iterations=3))
    # the hull at 3 mm, on the larger box; below the template the cord runs on but is no brain
    reference = sitk.Image([*COARSE.shape[::-1]], sitk.sitkFloat32)
    reference.SetSpacing([COARSE.spacing] * 3)
    reference.SetOrigin(COARSE.origin)

    def coarsen(values: np.ndarray) -> np.ndarray:
        image = sitk.GetImageFromArray(ndimage.uniform_filter(values.astype(np.float32), 3))
        image.SetOrigin(TEMPLATE.origin)
        return sitk.GetArrayFromImage(sitk.Resample(image, reference))

    share = coarsen(hull)
    distance = _signed_distance(share > 0.5, COARSE.spacing)
    near = np.abs(distance) <= COARSE.spacing  # sub-voxel where the surface is
    distance[near] = (0.5 - share[near]) * COARSE.spacing
    distance = ndimage.gaussian_filter(distance, 0.6)

    x, y, z = COARSE.axes()
    central = ellipsoid((x, y, z), (0, 12, 8), (38, 62, 34)) < 0
    fluid = (coarsen(1 - tissue) > 0.45) & (distance < -20) & central
    labels, _ = ndimage.label(fluid)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    ventricles = np.isin(labels, np.flatnonzero(sizes > 20))
    ventricle_distance = ndimage.gaussian_filter(_signed_distance(ventricles, COARSE.spacing), 0.7)
    push = np.stack(np.gradient(ndimage.gaussian_filter(ventricle_distance, 1.0), COARSE.spacing)[::-1])
    push *= np.exp(-np.maximum(ventricle_distance, 0) / 12)
    return Atlas(
        grey,
        white,
        texture,
        distance,
        _head_distance(distance),
        ventricle_distance,
        push.astype(np.float32),
    )


def deep_grey(points: Points) -> np.ndarray:
    """The share of a point that lies in the region of basal ganglia and thalamus, 0..1, from template coordinates."""
    return step(-ellipsoid(points, (0, 3, 5), (35, 34, 22)), 6.0)
