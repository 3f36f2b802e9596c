"""How alike two images of one head are, whatever their contrast: normalised mutual information at points in space.

Images are read off at physical points (LPS, mm), so nothing depends on the axis order of a file, and a rigid motion or
a reflection is a motion of points. A measurement takes milliseconds: a few thousand points on smoothed, coarse voxels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from .images import axial

FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
"""Full width at half maximum of a Gaussian of unit standard deviation."""

BINS = 32


@dataclass(frozen=True)
class Field:
    """Voxels that can be read off at any physical point.

    Attributes
    ----------
    voxels
        (z, y, x), float32.
    matrix, origin
        ``(point - origin) @ matrix`` is the index (x, y, z).
    """

    voxels: np.ndarray
    matrix: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image, fwhm: float = 0.0) -> Field:
        """The voxels of ``image``, blurred to a resolution of ``fwhm`` mm along every axis that is finer."""
        return cls(blurred(image, fwhm), _to_index(image), np.array(image.GetOrigin()))

    def at(self, points: np.ndarray) -> np.ndarray:
        """Linear interpolation at ``points`` (n, 3); NaN outside the grid."""
        from scipy.ndimage import map_coordinates

        index = (points - self.origin) @ self.matrix
        return map_coordinates(self.voxels, index[:, ::-1].T, order=1, mode="constant", cval=np.nan, prefilter=False)


def coarse(image: sitk.Image, mm: float) -> sitk.Image:
    """Average ``image`` over blocks of about ``mm`` (axes finer than that only), axes in axial order."""
    image = axial(image)
    factors = [max(1, int(mm / spacing + 0.5)) for spacing in image.GetSpacing()]
    factors = [f if n // f >= 4 else 1 for f, n in zip(factors, image.GetSize(), strict=True)]
    return sitk.BinShrink(image, factors) if max(factors) > 1 else image


def blurred(image: sitk.Image, fwhm: float) -> np.ndarray:
    """The voxels (z, y, x), float32, blurred to ``fwhm`` mm; a voxel counts as a blur of its own spacing."""
    from scipy.ndimage import gaussian_filter

    voxels = sitk.GetArrayFromImage(image).astype(np.float32, copy=False)
    sigmas = [np.sqrt(max(0.0, fwhm**2 - s**2)) / FWHM / s for s in image.GetSpacing()[::-1]]
    return gaussian_filter(voxels, sigmas, mode="nearest", truncate=3.0) if max(sigmas) > 0.2 else voxels


def head_mask(image: sitk.Image) -> np.ndarray:
    """Where there is tissue, roughly: Otsu's threshold, largest piece, holes closed.

    Parameters
    ----------
    image
        Of any contrast, about 2 to 8 mm (:func:`coarse`).

    Returns
    -------
    numpy.ndarray
        bool, (z, y, x).
    """
    from scipy import ndimage

    values = blurred(image, 5.0)
    low, high = np.percentile(values, (0.5, 99.0))
    # Half of Otsu's threshold: the threshold itself lies between dark and bright tissue where fat is bright.
    level = low + 0.5 * (_otsu(np.clip(values, low, high)) - low)
    spacing = np.array(image.GetSpacing()[::-1])
    reach = np.maximum(1, np.round(6.0 / spacing)).astype(int)
    ball = np.ones(2 * reach + 1, bool)
    mask = np.pad(values > level, [(r, r) for r in reach])
    mask = ndimage.binary_closing(mask, ball)[tuple(slice(r, -r) for r in reach)]
    labels, count = ndimage.label(mask)
    if count > 1:
        mask = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return ndimage.binary_fill_holes(mask)


def points_in(image: sitk.Image, mask: np.ndarray, count: int) -> np.ndarray:
    """About ``count`` physical points (n, 3), spread evenly over the voxels of ``mask`` and off their centres.

    The shifts are drawn from a fixed seed: points on voxel centres would favour an alignment at which no interpolation
    is needed.
    """
    index = np.argwhere(mask)[:, ::-1].astype(np.float64)
    if len(index) > count:
        index = index[np.linspace(0, len(index) - 1, count).astype(int)]
    index += np.random.default_rng(0).uniform(-0.5, 0.5, index.shape)
    return index @ np.linalg.inv(_to_index(image)) + np.array(image.GetOrigin())


def physical(image: sitk.Image, mask: np.ndarray) -> np.ndarray:
    """Physical points (n, 3), LPS mm, of the voxels of ``mask`` (z, y, x)."""
    return np.argwhere(mask)[:, ::-1] @ np.linalg.inv(_to_index(image)) + np.array(image.GetOrigin())


@dataclass(frozen=True)
class Likeness:
    """Normalised mutual information between values at fixed points and a field that is moved under them.

    Attributes
    ----------
    points
        (n, 3), LPS mm, in the fixed image.
    bins
        The fixed image's grey level class at every point.
    field
        The moving image.
    low, high
        Range of grey levels of the moving image that is divided into classes.
    """

    points: np.ndarray
    bins: np.ndarray
    field: Field
    low: float
    high: float

    @classmethod
    def of(cls, points: np.ndarray, values: np.ndarray, field: Field) -> Likeness:
        """Prepare to compare ``values`` at ``points`` with ``field``."""
        known = np.isfinite(values)
        points, values = points[known], values[known]
        low, high = np.percentile(values, (1, 99)) if len(values) else (0.0, 1.0)
        bins = np.clip((values - low) / max(high - low, 1e-12) * BINS, 0, BINS - 1).astype(np.intp)
        here = field.at(points)
        here = here[np.isfinite(here)]
        if len(here) < 100:
            here = field.voxels.ravel()
        low, high = np.percentile(here, (1, 99))
        return cls(points, bins, field, float(low), float(high))

    def __call__(self, motion: np.ndarray | None = None) -> float:
        """Likeness where the fixed point p is seen at ``motion`` @ p (4 x 4) in the moving image.

        Returns
        -------
        float
            (H(a) + H(b)) / H(a, b) - 1: 0 independent, 1 the same image (Studholme, Hill and Hawkes 1999, doi
            10.1016/S0031-3203(98)00091-0, less one). 0 if less than a quarter of the points are in the moving image.
        """
        points = self.points if motion is None else self.points @ motion[:3, :3].T + motion[:3, 3]
        values = self.field.at(points)
        inside = np.isfinite(values)
        if inside.sum() < 0.25 * len(values) or self.high <= self.low:
            return 0.0
        place = np.clip((values[inside] - self.low) / (self.high - self.low), 0.0, 1.0) * (BINS - 1.001)
        lower = place.astype(np.intp)
        upper_share = place - lower
        cell = self.bins[inside] * BINS + lower
        counts = np.bincount(cell, 1.0 - upper_share, BINS * BINS) + np.bincount(cell + 1, upper_share, BINS * BINS)
        joint = counts.reshape(BINS, BINS) / inside.sum()
        together = _entropy(joint.ravel())
        apart = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
        return apart / together - 1.0 if together > 0 else 0.0

    def thinned(self, step: int) -> Likeness:
        """The same at every ``step``-th point: faster, rougher."""
        return replace(self, points=self.points[::step], bins=self.bins[::step])

    def best(self, start: np.ndarray, centre: np.ndarray, evaluations: int = 150) -> tuple[float, np.ndarray]:
        """The best likeness in a rigid motion around ``start``: value and motion (4 x 4).

        A small search (Powell's method, steps of 3 mm and 3 degrees), for a decision, not for a registration.
        """
        from scipy.optimize import minimize

        def loss(parameters: np.ndarray) -> float:
            return -self(start @ rigid(parameters, centre))

        directions = np.diag([3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
        options = {"maxfev": evaluations, "xtol": 0.1, "ftol": 1e-3, "direc": directions}
        found = minimize(loss, np.zeros(6), method="Powell", options=options)
        return -float(found.fun), start @ rigid(found.x, centre)


def rigid(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """A rigid motion (4 x 4) from three rotations in degrees about ``centre`` and three shifts in mm (x, y, z)."""
    transform = sitk.Euler3DTransform(tuple(map(float, centre)), *np.radians(parameters[:3]).tolist())
    transform.SetTranslation(tuple(map(float, parameters[3:])))
    return matrix_of(transform)


def matrix_of(transform: sitk.Transform) -> np.ndarray:
    """The 4 x 4 matrix of a linear transform."""
    at: Callable[..., tuple[float, ...]] = transform.TransformPoint
    origin = np.array(at((0.0, 0.0, 0.0)))
    motion = np.eye(4)
    motion[:3, :3] = np.array([np.array(at(tuple(unit))) - origin for unit in np.eye(3)]).T
    motion[:3, 3] = origin
    return motion


def _to_index(image: sitk.Image) -> np.ndarray:
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return np.asarray(np.linalg.inv(direction * np.array(image.GetSpacing())).T)


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _otsu(values: np.ndarray) -> float:
    """Otsu's threshold on 128 classes."""
    counts, edges = np.histogram(values, 128)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(middles[int(np.nanargmax(between))])
