"""NIfTI-1 files as scanners' converters write them: int16 with a scale factor, qform and sform, any axis order.

SimpleITK cannot write a scale factor, hence this writer of the 348-byte header (nifti.nimh.nih.gov, nifti1.h).
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..images import written_whole

_CODES = {np.dtype(np.uint8): (2, 8), np.dtype(np.int16): (4, 16), np.dtype(np.float32): (16, 32)}


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    """The three stored parts (b, c, d) of the quaternion of a proper rotation, with a >= 0."""
    symmetric = np.array(
        [
            [rotation[0, 0] - rotation[1, 1] - rotation[2, 2], 0, 0, 0],
            [rotation[0, 1] + rotation[1, 0], rotation[1, 1] - rotation[0, 0] - rotation[2, 2], 0, 0],
            [
                rotation[0, 2] + rotation[2, 0],
                rotation[1, 2] + rotation[2, 1],
                rotation[2, 2] - rotation[0, 0] - rotation[1, 1],
                0,
            ],
            [
                rotation[2, 1] - rotation[1, 2],
                rotation[0, 2] - rotation[2, 0],
                rotation[1, 0] - rotation[0, 1],
                np.trace(rotation),
            ],
        ]
    )
    _, vectors = np.linalg.eigh(symmetric)  # lower triangle; the largest eigenvalue's vector is (b, c, d, a)
    b, c, d, a = vectors[:, -1]
    return np.array([b, c, d]) * (1 if a >= 0 else -1)


def write_nifti(
    stored: np.ndarray, grid: sitk.Image, path: Path, *, slope: float = 1.0, inter: float = 0.0, repetition: float = 0.0
) -> None:
    """Write voxels with their scale in one move; the same input gives the same bytes.

    Parameters
    ----------
    stored
        (z, y, x) or, for a series, (t, z, y, x); uint8, int16 or float32.
    grid
        Image whose size, spacing, origin and direction (LPS) the file gets.
    slope, inter
        A reader's value = slope * stored + inter.
    repetition
        Step of the fourth axis (s).
    """
    code, bits = _CODES[stored.dtype]
    spacing = np.array(grid.GetSpacing())
    turn = np.diag([-1.0, -1.0, 1.0])  # LPS -> RAS
    direction = turn @ np.array(grid.GetDirection()).reshape(3, 3)
    origin = turn @ np.array(grid.GetOrigin())
    handed = 1.0 if np.linalg.det(direction) > 0 else -1.0
    b, c, d = _quaternion(direction @ np.diag([1, 1, handed]))
    affine = direction * spacing
    sizes = stored.shape[::-1]
    dim = [len(sizes), *sizes] + [1] * (7 - len(sizes))
    pixdim = [handed, *spacing, repetition if len(sizes) == 4 else 0.0, 0.0, 0.0, 0.0]
    header = struct.pack("<i35xB", 348, 0)
    header += struct.pack("<8h", *dim)
    header += struct.pack("<3f4h8f", 0, 0, 0, 0, code, bits, 0, *pixdim)
    header += struct.pack("<3fhBB4f2i", 352, slope, inter, 0, 0, 10, 0, 0, 0, 0, 0, 0)  # 10: mm and s
    header += struct.pack("<80s24s", b"", b"")
    header += struct.pack("<2h6f", 1, 1, b, c, d, *origin)
    header += struct.pack("<12f", *np.column_stack([affine, origin]).ravel())
    header += struct.pack("<16s4s4x", b"", b"n+1\0")
    voxels = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<")).tobytes()
    with written_whole(path) as temporary:
        # no time in the gzip header: the same input gives the same bytes
        temporary.write_bytes(gzip.compress(header + voxels, compresslevel=1, mtime=0))
