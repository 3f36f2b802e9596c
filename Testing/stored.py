"""Arrays written as NIfTI files."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np


def stored(values: np.ndarray, path: Path, affine: np.ndarray) -> Path:
    """Write (..., z, y, x) with the voxel-to-RAS matrix ``affine`` in both forms."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(np.ascontiguousarray(values.T), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nibabel.save(image, path)
    return path
