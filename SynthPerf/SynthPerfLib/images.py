"""Images as SimpleITK carries them: reading with its checks, writing in one move, resampling.

Arrays are (z, y, x), physical points are LPS in mm. Geometry travels with the voxels; nothing here assumes an axis
order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from .errors import InputError
from .headers import check_grid, check_header, is_image, not_finite


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; move it into place only if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name: what a killed run has left is overwritten by the next, not left to gather.
    temporary = path.with_name(f".writing-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(content: Any, path: Path) -> None:
    """Write ``content`` as indented JSON in one move; NaN is refused."""
    with written_whole(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def write_image(image: sitk.Image, path: Path) -> None:
    """Write ``image`` (NIfTI or NRRD by the ending) in one move, lightly compressed."""
    with written_whole(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True, compressionLevel=1)


def array(image: sitk.Image) -> np.ndarray:
    """The voxels as float32, (z, y, x); a copy."""
    return sitk.GetArrayFromImage(image).astype(np.float32)


def like(values: np.ndarray, reference: sitk.Image) -> sitk.Image:
    """An image with the voxels ``values`` (z, y, x) on the grid of ``reference``."""
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(reference)
    return image


def same_grid(a: sitk.Image, b: sitk.Image, tolerance: float = 1e-3) -> bool:
    """Whether both images have the same size, spacing, origin and axes (within ``tolerance`` mm at every corner)."""
    if a.GetSize() != b.GetSize():
        return False
    last = [n - 1 for n in a.GetSize()]
    for corner in range(2 ** len(last)):
        index = [n if corner >> axis & 1 else 0 for axis, n in enumerate(last)]
        at_a, at_b = a.TransformIndexToPhysicalPoint(index), b.TransformIndexToPhysicalPoint(index)
        if np.max(np.abs(np.subtract(at_a, at_b))) > tolerance:
            return False
    return True


def resample(
    image: sitk.Image,
    reference: sitk.Image,
    *,
    transform: sitk.Transform | None = None,
    nearest: bool = False,
    outside: float = 0.0,
) -> sitk.Image:
    """Bring ``image`` onto the grid of ``reference`` (linear, or nearest neighbour for labels).

    Parameters
    ----------
    transform
        Maps a physical point of ``reference`` to a point of ``image`` (SimpleITK's convention); identity by default.
    outside
        Value where ``image`` does not reach.
    """
    return sitk.Resample(
        image,
        reference,
        transform if transform is not None else sitk.Transform(),
        sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear,
        outside,
        sitk.sitkUInt8 if nearest else sitk.sitkFloat32,
    )


def read_image(path: Path, dimensions: int = 3, *, may_be_empty: bool = False) -> sitk.Image:
    """Read a NIfTI, NRRD or MetaImage file and check what can be checked without knowing what it shows.

    Parameters
    ----------
    dimensions
        3 for a volume (a series of one volume is taken as that volume), 4 for a series.
    may_be_empty
        Accept an image without contrast, such as the lesion mask of a patient without lesions.

    Returns
    -------
    sitk.Image
        float32, with the file's scale factors applied.

    Raises
    ------
    InputError
        If the file is missing, cut off, not an image, of the wrong dimension, without a usable orientation, on an
        absurd grid, not finite or empty. One sentence that names the file.
    """
    image = _with_dimensions(open_image(path), path, dimensions)
    return checked(image, path.name, may_be_empty=may_be_empty)


def open_image(path: Path) -> sitk.Image:
    """The image of a file as it is stored, its header checked; the first half of :func:`read_image`.

    Raises
    ------
    InputError
        If the file is missing, cut off, not an image, or its header is not usable. One sentence that names the file.
    """
    if not path.is_file():
        raise InputError(f"{path.name} does not exist in {path.parent}: check the name, or leave this image out.")
    if not is_image(path):
        raise InputError(f"{path.name} is not an image that is read here: give NIfTI, NRRD or MetaImage files.")
    check_header(path)
    try:
        return sitk.ReadImage(str(path))
    except RuntimeError as error:
        why = "has sheared axes" if "orthonormal" in str(error) else "cannot be read, it is cut off or damaged"
        raise InputError(f"{path.name} {why}: copy or convert it again.") from error


def checked(image: sitk.Image, name: str, *, may_be_empty: bool = False) -> sitk.Image:
    """``image`` as float32 without the free text of its header, its grid and values checked as in :func:`read_image`.

    Parameters
    ----------
    name
        What to call the image in a sentence.
    """
    check_grid(name, image.GetSize(), image.GetSpacing())
    image = _float32(image)
    for key in image.GetMetaDataKeys():  # a header may hold a name; nothing of it is carried on
        image.EraseMetaData(key)
    voxels = sitk.GetArrayViewFromImage(image)
    low, high = float(voxels.min()), float(voxels.max())  # numpy's: a NaN anywhere makes both NaN, ITK's overlook it
    if not np.isfinite(high - low):
        raise InputError(not_finite(name))
    if low == high and not may_be_empty:
        raise InputError(f"{name} is empty: every voxel is {low:g}.")
    return image


def _float32(image: sitk.Image) -> sitk.Image:
    if image.GetDimension() < 4:
        return sitk.Cast(image, sitk.sitkFloat32)
    volumes = [sitk.Cast(image[:, :, :, n], sitk.sitkFloat32) for n in range(image.GetSize()[3])]  # it casts no series
    return sitk.JoinSeries(volumes, image.GetOrigin()[3], image.GetSpacing()[3])


def _with_dimensions(image: sitk.Image, path: Path, dimensions: int) -> sitk.Image:
    """``image`` as a scalar image of ``dimensions`` axes, where that loses nothing."""
    components = image.GetNumberOfComponentsPerPixel()
    if components > 1 and image.GetDimension() == 3 and dimensions == 4:
        return sitk.JoinSeries([sitk.VectorIndexSelectionCast(image, i) for i in range(components)])
    if components > 1:
        raise InputError(f"{path.name} has {components} values in each voxel (colour or vector): give a scalar image.")
    size = list(image.GetSize())
    if len(size) > dimensions and all(n == 1 for n in size[dimensions:]):
        return sitk.Extract(image, size[:dimensions] + [0] * (len(size) - dimensions), [0] * len(size))
    if len(size) != dimensions:
        due = "one volume" if dimensions == 3 else "a series of volumes"
        raise InputError(f"{path.name} has {len(size)} dimensions ({' x '.join(map(str, size))}), {due} is due here.")
    return image


def axial(image: sitk.Image) -> sitk.Image:
    """The same image with its axes ordered so that x runs to the left, y to the back, z to the top (as closely as
    its grid allows; voxels are permuted and flipped, never interpolated).

    Its place is rounded to 1e-7 mm: a search that starts from it must not end elsewhere because a file was stored in
    another order, or passed through a scene, which changes the last digits.
    """
    image = sitk.DICOMOrient(image, "LPS")
    image.SetSpacing([round(v, 7) for v in image.GetSpacing()])
    image.SetOrigin([round(v, 7) for v in image.GetOrigin()])
    image.SetDirection([round(v, 7) for v in image.GetDirection()])
    return image
