"""The atlas as soft classes of tissue that can be read off at any point, with derivatives."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..images import like
from ..resources import resource
from ..similarity import Field, blurred, coarse

_FILES = "Atlas/tpl-MNI152NLin2009aSym_res-2_"

_SHELLS = np.array([1.5, 4.5, 7.5, 10.5, 13.5, 18.0])
"""mm outside the brain: fluid, skull, scalp; from the last on everything is one class."""


@dataclass(frozen=True)
class Atlas:
    """A brain without its head, on one grid along the patient's axes.

    Attributes
    ----------
    grey, white
        float32, share of grey and of white matter, 0 to 1; the rest of the brain is fluid.
    depth
        float32, distance to the surface of the brain in mm, positive inside.
    """

    grey: sitk.Image
    white: sitk.Image
    depth: sitk.Image


def read_atlas() -> Atlas:
    """The atlas that ships with the library (``Resources/Atlas/README.md``)."""
    names = ("label-GM_probseg", "label-WM_probseg", "desc-brain_distance")
    grey, white, depth = (sitk.ReadImage(str(resource(f"{_FILES}{name}.nii.gz")), sitk.sitkFloat32) for name in names)
    return Atlas(grey / 255.0, white / 255.0, depth / 4.0)


@dataclass(frozen=True)
class Classes:
    """Soft classes of the atlas on a grid.

    Attributes
    ----------
    shares
        (z, y, x, k) float32, the classes sum to 1.
    matrix, origin
        As of :class:`~SynthPerfLib.similarity.Field`.
    """

    shares: np.ndarray
    matrix: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, atlas: Atlas, fwhm: float) -> Classes:
        """The classes, blurred to ``fwhm`` mm, on a grid of 4 mm."""
        brain = like((sitk.GetArrayViewFromImage(atlas.depth) > 0).astype(np.float32), atlas.depth)
        small = [coarse(image, 4.0) for image in (atlas.grey, atlas.white, brain, atlas.depth)]
        grey, white, within, depth = (sitk.GetArrayFromImage(image) for image in small)
        around = _between(-depth, _SHELLS) * (1.0 - within)[..., None]
        tissue = np.stack([grey, white, np.clip(within - grey - white, 0.0, 1.0)], axis=-1)
        shares = np.concatenate([tissue, around], axis=-1).astype(np.float32)
        layers = [blurred(like(np.ascontiguousarray(shares[..., k]), small[0]), fwhm) for k in range(shares.shape[-1])]
        field = Field.of(small[0])
        return cls(np.stack(layers, axis=-1), field.matrix, field.origin)

    def at(self, points: np.ndarray) -> Cells:
        """The cells of the grid in which ``points`` lie."""
        size = np.array(self.shares.shape[2::-1])
        place = np.clip((points - self.origin) @ self.matrix, 0.0, size - 1.000001)
        lower = place.astype(np.intp)
        share = place - lower
        first = (lower[:, 2] * size[1] + lower[:, 1]) * size[0] + lower[:, 0]
        corners, weights, slopes = [], [], []
        for corner in itertools.product((0, 1), repeat=3):
            corners.append(first + (corner[2] * size[1] + corner[1]) * size[0] + corner[0])
            x, y, z = np.where(corner, share, 1.0 - share).T
            weights.append(x * y * z)
            sign = np.where(corner, 1.0, -1.0)
            slopes.append(np.stack([sign[0] * y * z, sign[1] * x * z, sign[2] * x * y], axis=1))
        flat = self.shares.reshape(-1, self.shares.shape[-1])
        return Cells(flat, np.stack(corners, axis=1), np.stack(weights, axis=1), np.stack(slopes, axis=1), self.matrix)


@dataclass(frozen=True)
class Cells:
    """Linear interpolation of the classes at n points.

    Attributes
    ----------
    flat
        (voxels, k), the classes.
    corners, weights, slopes
        (n, 8) voxels at the corners of each point's cell, (n, 8) their weights, (n, 8, 3) the weights' derivatives by
        the index (x, y, z).
    matrix
        Turns derivatives by the index into such by the point.
    """

    flat: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    slopes: np.ndarray
    matrix: np.ndarray

    def shares(self) -> np.ndarray:
        """The classes (n, k)."""
        from scipy.sparse import csr_matrix

        count = len(self.corners)
        rows = np.arange(0, 8 * count + 1, 8)
        mean = csr_matrix((self.weights.ravel(), self.corners.ravel(), rows), (count, len(self.flat)))
        return np.asarray(mean @ self.flat)

    def slope(self, table: np.ndarray) -> np.ndarray:
        """Derivative (n, 3), per mm, of the sum of the classes weighted by ``table``."""
        picture = (self.flat @ table)[self.corners]
        return np.asarray((picture[:, None, :] @ self.slopes)[:, 0, :] @ self.matrix.T)


def _between(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Weights (..., knots) of linear interpolation between ``knots``."""
    place = np.interp(values, knots, np.arange(len(knots), dtype=float))
    return np.maximum(0.0, 1.0 - np.abs(place[..., None] - np.arange(len(knots))))
