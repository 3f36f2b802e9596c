"""One axial slice of a case for the report: what went in, what came out, what was real."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import array, axial, written_whole
from ..modality import INPUTS
from .metrics import bounding_box

MARGIN_MM = 6.0
"""Room around the brain in a picture."""


@dataclass(frozen=True)
class Picture:
    """Axial slices through the largest lesion, cut to the brain, patient's right on the left.

    Attributes
    ----------
    inputs
        Each input modality that the case has, (rows front to back, columns right to left), native units.
    synthetic, real
        CBV in mL/100 g.
    lesion
        True inside a lesion.
    spacing
        (row, column) distance in mm.
    position
        Height of the slice in mm (towards the head).
    """

    inputs: Mapping[str, np.ndarray]
    synthetic: np.ndarray
    real: np.ndarray
    lesion: np.ndarray
    spacing: tuple[float, float]
    position: float

    def save(self, path: Path) -> None:
        """Write as a compressed NumPy archive in one move."""
        content: dict[str, Any] = {f"input_{name}": values for name, values in self.inputs.items()}
        content |= {"synthetic": self.synthetic, "real": self.real, "lesion": self.lesion}
        content |= {"spacing": np.asarray(self.spacing), "position": np.asarray(self.position)}
        packed = io.BytesIO()
        np.savez_compressed(packed, **content)
        with written_whole(path) as temporary:
            temporary.write_bytes(packed.getvalue())

    @classmethod
    def load(cls, path: Path) -> Picture:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is not such an archive.
        """
        try:
            with np.load(path, allow_pickle=False) as packed:
                return cls(
                    inputs={name: packed[f"input_{name}"] for name in INPUTS if f"input_{name}" in packed},
                    synthetic=packed["synthetic"],
                    real=packed["real"],
                    lesion=packed["lesion"],
                    spacing=(float(packed["spacing"][0]), float(packed["spacing"][1])),
                    position=float(packed["position"]),
                )
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} is not a picture of an evaluation: delete it and evaluate again.") from error


def take(
    images: Mapping[str, sitk.Image], synthetic: sitk.Image, brain: sitk.Image, lesion: sitk.Image | None
) -> Picture:
    """The axial slice in which the largest lesion is largest (without lesion, the one with most brain).

    Parameters
    ----------
    images
        The prepared images by modality, CBV among them.
    synthetic
        The map, mL/100 g.
    brain, lesion
        Masks; all on one grid.
    """
    upright = axial(brain)
    inside = array(upright) > 0
    labels = np.zeros(inside.shape, int) if lesion is None else array(axial(lesion)).astype(int)
    sizes = np.bincount(labels[labels > 0].ravel())
    shown = labels == sizes.argmax() if sizes.any() else inside
    z = int(shown.sum(axis=(1, 2)).argmax())
    dx, dy, _ = upright.GetSpacing()
    _, rows, columns = bounding_box(inside)
    window = (
        slice(max(0, rows.start - round(MARGIN_MM / dy)), rows.stop + round(MARGIN_MM / dy)),
        slice(max(0, columns.start - round(MARGIN_MM / dx)), columns.stop + round(MARGIN_MM / dx)),
    )
    middle = [size // 2 for size in upright.GetSize()[:2]]

    def cut(image: sitk.Image) -> np.ndarray:
        return array(axial(image))[z][window]

    return Picture(
        inputs={name: cut(images[name]) for name in INPUTS if name in images},
        synthetic=cut(synthetic),
        real=cut(images["CBV"]) * inside[z][window],  # as it is compared: 0 outside the brain
        lesion=labels[z][window] > 0,
        spacing=(dy, dx),
        position=float(upright.TransformIndexToPhysicalPoint((*middle, z))[2]),
    )
