"""The grid a network works on: axial slices of one in-plane spacing, cropped to the brain.

A case keeps the grid of its T1, whatever that is. Between that grid and the network stand one small matrix an axis:
down with an area-like (triangle) kernel, up with linear interpolation. The choice depends on physical space only, so
the same head gives the same map in any storage order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from .errors import InputError
from .images import like

MULTIPLE = 8
"""In-plane sizes are multiples of this, for three halvings."""

_MARGIN = 5.0  # mm around the brain, so that its border is not the network's border


@dataclass(frozen=True)
class WorkingGrid:
    """Maps voxels of one case to a network's grid and back.

    Attributes
    ----------
    to_work
        Matrices (z, y, x), each (working length, case length); rows sum to 1.
    to_case
        Matrices (z, y, x), each (case length, working length).
    spacing
        (z, y, x) of the working grid in mm.
    """

    to_work: tuple[np.ndarray, np.ndarray, np.ndarray]
    to_case: tuple[np.ndarray, np.ndarray, np.ndarray]
    spacing: tuple[float, float, float]

    @classmethod
    def around(cls, brain: sitk.Image, in_plane: float, thinnest: float, thickest: float) -> WorkingGrid:
        """The working grid for a case.

        Parameters
        ----------
        brain
            The brain mask on the case's grid.
        in_plane
            Spacing within a slice, mm.
        thinnest, thickest
            Slices keep the case's spacing if it is within these limits (mm); thinner ones are thickened to the lower
            limit.

        Raises
        ------
        InputError
            If the mask is empty or the slices are thicker than ``thickest``.
        """
        mask = axial_array(brain) > 0
        if not mask.any():
            raise InputError("The brain mask is empty: give one, or check that the images show a head.")
        stored = brain.GetSpacing()[::-1]
        case = [round(stored[place], 7) for place in _axial_order(brain)[0]]  # rounded as by images.axial
        if case[0] > thickest + 1e-3:
            raise InputError(
                f"Slices are {case[0]:.1f} mm apart from foot to head; this model was trained up to {thickest:g} mm: "
                "use a series with thinner slices as reference."
            )
        to_work, to_case, spacing = [], [], []
        for axis in range(3):
            inside = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
            step = in_plane if axis else (case[0] if case[0] >= thinnest else thinnest)
            # Slices that are kept stay where they are; everything else is centred on the brain.
            keep = abs(step - case[axis]) < 1e-6
            if keep and axis == 0:
                points = np.arange(inside[0], inside[-1] + 1) * case[0]
            else:
                low, high = inside[0] * case[axis], inside[-1] * case[axis]
                margin = _MARGIN if axis else 0.0
                count = int(np.ceil((high - low + 2 * margin) / step)) + 1
                count = -(-count // MULTIPLE) * MULTIPLE if axis else count
                points = (low + high) / 2 + (np.arange(count) - (count - 1) / 2) * step
            voxels = np.arange(mask.shape[axis]) * case[axis]
            to_work.append(_weights(points, voxels, max(step, case[axis])))
            to_case.append(_weights(voxels, points, step))
            spacing.append(float(step))
        return cls(tuple(to_work), tuple(to_case), tuple(spacing))  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) of the working grid."""
        return tuple(len(m) for m in self.to_work)  # type: ignore[return-value]

    def down(self, values: np.ndarray) -> np.ndarray:
        """Case voxels, axial order (z, y, x) -> working grid, float32."""
        return _apply(self.to_work, values)

    def up(self, values: np.ndarray) -> np.ndarray:
        """Working grid -> case voxels, axial order, float32."""
        return _apply(self.to_case, values)

    def image(self, values: np.ndarray, target: sitk.Image) -> sitk.Image:
        """Case voxels in axial order -> image in the storage order of ``target`` (the same grid as the case)."""
        places, ways = _axial_order(target)
        return like(np.ascontiguousarray(values[ways].transpose(np.argsort(places))), target)


def axial_array(image: sitk.Image) -> np.ndarray:
    """The voxels in axial order (z up, y back, x left), float32; a copy."""
    places, ways = _axial_order(image)
    return np.array(sitk.GetArrayViewFromImage(image).transpose(places)[ways], np.float32, order="C")


def _axial_order(image: sitk.Image) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Which of the array's axes run up, back and left, as closely as the grid allows; and along these, which way."""
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    letters = code[::-1]  # of the axes z, y, x of the array: where they run to
    places = tuple(next(i for i, letter in enumerate(letters) if letter in pair) for pair in ("SI", "PA", "LR"))
    return places, tuple(slice(None, None, 1 if letters[place] in "SPL" else -1) for place in places)


def _weights(points: np.ndarray, samples: np.ndarray, reach: float) -> np.ndarray:
    """Triangle kernel of half-width ``reach`` around each point, rows normalised; the border value beyond the ends."""
    inside = np.clip(points, samples[0], samples[-1])
    weights = np.maximum(0.0, 1.0 - np.abs(inside[:, None] - samples[None, :]) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _apply(matrices: tuple[np.ndarray, np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
    z, y, x = matrices
    values = np.asarray(values, np.float32)
    # The axis that shrinks most goes first: fewer products for the same result.
    for axis, matrix in sorted(enumerate((z, y, x)), key=lambda pair: pair[1].shape[0] / pair[1].shape[1]):
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(values)
