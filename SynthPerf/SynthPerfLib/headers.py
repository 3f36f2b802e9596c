"""What a file itself says about orientation, length and values, read before ITK guesses.

ITK fills gaps in silence: a truncated NIfTI file is read as zeros at its end, voxels that are not numbers as zeros, an
image without orientation as one that lies along the scanner's axes, a sheared one by its other form. Here those files
are refused instead.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
"""File name endings of the image formats that are read."""

_MAX_ROTATION = 1.0  # degrees between qform and sform
_MAX_SHIFT = 2.0  # mm between them at the centre of the volume
_MAX_SHEAR = 0.5  # degrees from a right angle between two axes
_MAX_SCALE = 0.02  # relative difference of two statements of one spacing
_MIN_SPACING, _MAX_SPACING, _MAX_THICKNESS = 0.2, 12.0, 15.0  # mm; thickness is the largest of the three
_MIN_FIELD, _MAX_FIELD = 60.0, 600.0  # mm, in plane and anywhere
_MIN_VOXELS = 8  # along the two longest axes

# NIfTI-1: byte offset, type and count of the fields needed here.
_FIELDS: dict[str, tuple[int, str, int]] = {
    "dim": (40, "i2", 8),
    "datatype": (70, "i2", 1),
    "bitpix": (72, "i2", 1),
    "pixdim": (76, "f4", 8),
    "vox_offset": (108, "f4", 1),
    "xyzt_units": (123, "u1", 1),
    "qform_code": (252, "i2", 1),
    "sform_code": (254, "i2", 1),
    "quatern": (256, "f4", 6),
    "srow": (280, "f4", 12),
}
_FLOATS = {16: "f4", 64: "f8"}  # NIfTI's datatype codes
_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}


@dataclass(frozen=True)
class _Nifti:
    """The geometry fields of one NIfTI header; affines map voxel indices to RAS mm."""

    dim: np.ndarray
    pixdim: np.ndarray
    data_start: int
    data_end: int
    floats: str | None
    qform: np.ndarray | None
    sform: np.ndarray | None


def is_image(path: Path) -> bool:
    """Whether the file name is that of an image format that is read here."""
    return path.name.lower().endswith(IMAGE_ENDINGS) and not path.name.startswith(".")


def check_header(path: Path) -> None:
    """Refuse a file that is cut off, or whose header gives no orientation, two, or axes not at right angles.

    Raises
    ------
    InputError
        One sentence that names the file.
    """
    name = path.name.lower()
    try:
        if name.endswith((".nii", ".nii.gz")):
            _check_nifti(path)
        elif name.endswith((".nrrd", ".nhdr")):
            _check_nrrd(path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read, it is cut off or damaged: copy or convert it again.") from error


def check_grid(name: str, size: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    """Refuse a grid on which no head was ever imaged: absurd spacing, too few voxels, absurd field of view.

    Parameters
    ----------
    size, spacing
        Of the three axes in space; mm.

    Raises
    ------
    InputError
        One sentence with ``name`` and what was found.
    """
    voxels = " x ".join(str(n) for n in size[:3])
    mm = " x ".join(f"{v:.4g}" for v in spacing[:3])
    found = f"{voxels} voxels of {mm} mm"
    finest, middle, thickest = sorted(spacing[:3])
    if not (finest >= _MIN_SPACING and middle <= _MAX_SPACING and thickest <= _MAX_THICKNESS):
        raise InputError(
            f"{name} has an absurd spacing ({found}; {_MIN_SPACING:g} to {_MAX_SPACING:g} mm is possible): "
            "correct its header."
        )
    if sorted(size[:3])[1] < _MIN_VOXELS:
        raise InputError(f"{name} is not an image of a head ({found}): at least {_MIN_VOXELS} voxels in plane are due.")
    fields = sorted(n * v for n, v in zip(size[:3], spacing[:3], strict=True))
    if fields[1] < _MIN_FIELD or fields[2] > _MAX_FIELD:
        raise InputError(
            f"{name} has an absurd field of view ({' x '.join(f'{v:.0f}' for v in fields)} mm from {found}; "
            f"{_MIN_FIELD:g} to {_MAX_FIELD:g} mm is possible): correct its header."
        )


def _check_nifti(path: Path) -> None:
    content = _content(path)
    header = _parse_nifti(path, content)
    if len(content) < header.data_end:
        raise InputError(
            f"{path.name} is cut off: {len(content)} bytes where its header promises {header.data_end}; copy it again."
        )
    check_grid(path.name, tuple(header.dim[1:4]), tuple(header.pixdim[1:4]))
    # Analyze 7.5 reads like this too: its header has no orientation.
    if header.qform is None and header.sform is None:
        raise InputError(
            f"{path.name} has no orientation (qform_code and sform_code are 0): convert it again from DICOM, "
            "left and right cannot be guessed."
        )
    for words, affine in (("qform", header.qform), ("sform", header.sform)):
        if affine is not None:
            _check_axes(path, words, affine, header.pixdim[1:4])
    if header.qform is not None and header.sform is not None:
        _check_agreement(path, header.qform, header.sform, header.dim[1:4])
    if header.floats is not None and header.data_end:
        voxels = np.frombuffer(memoryview(content)[header.data_start : header.data_end], header.floats)
        if not np.isfinite(voxels).all():
            raise InputError(not_finite(path.name))


def not_finite(name: str) -> str:
    """The sentence for an image with voxels that are not numbers."""
    return f"{name} has voxels that are not finite (NaN or infinite): write 0 where the map has no value."


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked if it is gzip (checksum included)."""
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    if not path.name.lower().endswith(".gz"):
        raise InputError(f"{path.name} is compressed but its name does not end in .gz: rename it.")
    return gzip.decompress(content)


def _parse_nifti(path: Path, content: bytes) -> _Nifti:
    for order in "<>":
        size = int(np.frombuffer(content, f"{order}i4", 1)[0]) if len(content) >= 348 else 0
        if size == 348:
            break
        if size == 540:
            raise InputError(f"{path.name} is a NIfTI-2 file: save it as NIfTI-1.")
    else:
        raise InputError(f"{path.name} is not a NIfTI file: its header is not one.")
    fields = {
        key: np.frombuffer(content, f"{order}{kind}", count, offset).astype(np.float64)
        for key, (offset, kind, count) in _FIELDS.items()
    }
    dim = fields["dim"].astype(int)
    axes = int(np.clip(dim[0], 1, 7))
    voxels = int(np.prod(np.maximum(dim[1 : axes + 1], 1)))
    unit = _MM_PER_UNIT.get(int(fields["xyzt_units"][0]) & 7, 1.0)
    pixdim = np.abs(fields["pixdim"]) * unit
    qform = sform = None
    if fields["qform_code"][0] > 0:
        qfac = -1.0 if fields["pixdim"][0] < 0 else 1.0
        qform = _quaternion_affine(fields["quatern"], pixdim[1:4], qfac, unit)
    if fields["sform_code"][0] > 0:
        sform = np.vstack([fields["srow"].reshape(3, 4) * unit, [0, 0, 0, 1]])
    detached = content[344:348] == b"ni1\0"
    start = int(fields["vox_offset"][0])
    end = 0 if detached else start + int(voxels * fields["bitpix"][0] // 8)
    kind = _FLOATS.get(int(fields["datatype"][0]))
    return _Nifti(dim, pixdim, start, end, f"{order}{kind}" if kind else None, qform, sform)


def _quaternion_affine(quatern: np.ndarray, spacing: np.ndarray, qfac: float, unit: float) -> np.ndarray:
    """The affine of NIfTI's method 2: quaternion (b, c, d) with a >= 0, spacing, offset."""
    b, c, d = quatern[:3]
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * (spacing * [1.0, 1.0, qfac])
    affine[:3, 3] = quatern[3:] * unit
    return affine


def _check_axes(path: Path, words: str, affine: np.ndarray, spacing: np.ndarray) -> None:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.all(np.isfinite(affine)) or np.any(lengths < 1e-6):
        raise InputError(f"{path.name} has an unusable orientation (its {words} is singular): convert it again.")
    cosines = (affine[:3, :3] / lengths).T @ (affine[:3, :3] / lengths)
    shear = float(np.degrees(np.arcsin(np.clip(np.max(np.abs(cosines - np.diag(np.diag(cosines)))), 0, 1))))
    if shear > _MAX_SHEAR:
        raise InputError(
            f"{path.name} has sheared axes ({shear:.1f} degrees from a right angle in its {words}): "
            "resample it to a right-angled grid first."
        )
    if np.any(np.abs(lengths - spacing) > _MAX_SCALE * lengths):
        found = " x ".join(f"{v:.4g}" for v in spacing)
        other = " x ".join(f"{v:.4g}" for v in lengths)
        raise InputError(
            f"{path.name} states two spacings, {found} mm (pixdim) and {other} mm ({words}): convert it again."
        )


def _check_agreement(path: Path, qform: np.ndarray, sform: np.ndarray, size: np.ndarray) -> None:
    """Compare the two orientations of one file: handedness, angle, place of the centre."""
    axes = [affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) for affine in (qform, sform)]
    between = axes[0].T @ axes[1]
    centre = np.append((size - 1) / 2, 1.0)
    shift = float(np.linalg.norm((qform @ centre - sform @ centre)[:3]))
    if np.linalg.det(between) < 0:
        found = "mirror one another"
    else:
        angle = float(np.degrees(np.arccos(np.clip((np.trace(between) - 1) / 2, -1, 1))))
        if angle <= _MAX_ROTATION and shift <= _MAX_SHIFT:
            return
        found = f"differ by {angle:.1f} degrees and {shift:.1f} mm"
    raise InputError(
        f"{path.name} has two orientations that {found} (qform and sform): set the code of the wrong one to 0."
    )


def _check_nrrd(path: Path) -> None:
    keys: dict[str, str] = {}
    with path.open("rb") as raw:
        if not raw.readline(64).startswith(b"NRRD"):
            raise InputError(f"{path.name} is not an NRRD file: its first line is not 'NRRD000n'.")
        while line := raw.readline(1 << 16).strip():
            key, colon, value = line.decode("latin-1").partition(":")
            if colon and not key.startswith("#"):
                keys[key.strip().lower()] = value.strip()
    space = keys.get("space", "").lower()
    named = space[:3] in ("ras", "las", "lps") or "superior" in space
    if "space directions" not in keys or not named:
        raise InputError(
            f"{path.name} has no orientation (no anatomical 'space' with 'space directions'): save it again from "
            "a program that knows the orientation, left and right cannot be guessed."
        )
    vectors = [v.strip("() ").split(",") for v in keys["space directions"].replace("none", "").split(")") if v.strip()]
    try:
        axes = np.array([[float(x) for x in v] for v in vectors if v != [""]]).T
    except ValueError as error:
        raise InputError(f"{path.name} has an unusable orientation ('space directions'): save it again.") from error
    if axes.shape[0] == 3 and axes.shape[1] >= 3:
        affine = np.eye(4)
        affine[:3, :3] = axes[:, :3]
        _check_axes(path, "space directions", affine, np.linalg.norm(axes[:, :3], axis=0))
