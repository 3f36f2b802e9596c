"""A head for tests, made from the atlas: quick, asymmetric like a real one, with scalp and skull."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from SynthPerfLib.case import Case
from SynthPerfLib.images import like
from SynthPerfLib.preprocessing.atlas import read_atlas

# Grey matter, white matter, fluid, skull, scalp; noise.
TISSUES = {
    "T1": ((60, 90, 25, 12, 110), 3.0),
    "T2": ((80, 55, 180, 15, 70), 4.0),
    "FLAIR": ((90, 70, 20, 12, 60), 3.0),
    "T1C": ((62, 92, 25, 12, 115), 3.0),
    "ADC": ((850, 750, 2800, 60, 90), 50.0),
    "ASL": ((60, 22, 2, 0.5, 1.0), 5.0),
    "CBV": ((4.0, 1.8, 0.5, 0.1, 0.2), 0.3),
}


@lru_cache(maxsize=4)
def head(seed: int = 0, spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> dict[str, sitk.Image]:
    """Modality to image, and ``BRAIN`` (0 or 1): one grid, every anatomy another."""
    rng = np.random.default_rng(seed)
    atlas = read_atlas()
    grey, white, depth = (sitk.GetArrayFromImage(image) for image in (atlas.grey, atlas.white, atlas.depth))
    fluid = np.clip((depth > 0) - grey - white, 0, 1)
    skull, scalp = (depth <= 0) & (depth > -7), (depth <= -7) & (depth > -13)
    grid = sitk.Image([int(220 / s) for s in spacing], sitk.sitkFloat32)
    grid.SetSpacing(spacing)
    middle = np.array(atlas.depth.TransformContinuousIndexToPhysicalPoint([n / 2 for n in atlas.depth.GetSize()]))
    grid.SetOrigin((middle - 110 + [3, -5, 4]).tolist())
    motion = _motion(rng, middle)
    images = {}
    for name, (levels, noise) in {**TISSUES, "BRAIN": ((1, 1, 1, 0, 0), 0.0)}.items():
        layers = (grey, white, fluid, skull, scalp)
        values = sum(level * layer for level, layer in zip(levels, layers, strict=True)).astype(np.float32)
        moved = sitk.GetArrayFromImage(sitk.Resample(like(values, atlas.depth), grid, motion, sitk.sitkLinear, 0.0))
        if name == "BRAIN":
            images[name] = like((moved > 0.5).astype(np.uint8), grid)
        else:
            images[name] = like((moved + rng.normal(0, noise, moved.shape)).astype(np.float32), grid)
    return images


def _motion(rng: np.random.Generator, middle: np.ndarray) -> sitk.Transform:
    """A pose, a size and a smooth deformation of 3 mm: two halves of a real head differ by as much."""
    pose = sitk.AffineTransform(3)
    pose.SetCenter(middle.tolist())
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*rng.uniform(-0.08, 0.08, 3).tolist())
    matrix = np.array(turn.GetMatrix()).reshape(3, 3) @ np.diag(rng.uniform(0.94, 1.06, 3))
    pose.SetMatrix(matrix.ravel().tolist())
    pose.SetTranslation(rng.uniform(-5, 5, 3).tolist())
    shifts = ndimage.gaussian_filter(rng.normal(size=(16, 16, 16, 3)), (1.2, 1.2, 1.2, 0))
    field = sitk.GetImageFromArray(3.0 * shifts / shifts.std(), isVector=True)
    field.SetSpacing((17.0, 17.0, 17.0))
    field.SetOrigin((middle - 127).tolist())
    both = sitk.CompositeTransform(3)
    both.AddTransform(pose)
    both.AddTransform(sitk.DisplacementFieldTransform(field))
    return both


def write(images: dict[str, sitk.Image], root: Path, id: str = "sub-001") -> Case:
    """The images as a case of the dataset ``root``."""
    for name, image in images.items():
        path = Case.path_for(root, id, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path), True)
    return Case.open(Case.path_for(root, id, "T1").parent.parent)


def reordered(image: sitk.Image, order: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> sitk.Image:
    """The same image in space with its voxels stored in another order of axes."""
    return sitk.Flip(sitk.PermuteAxes(image, order), flips)


def turned(image: sitk.Image) -> sitk.Image:
    """``image`` and its tissue turned about the centre of the scanner: the same voxels on an oblique grid."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.12, -0.07, 0.2)
    matrix = np.array(turn.GetMatrix()).reshape(3, 3)
    made = sitk.Image(image)
    made.SetDirection((matrix @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())
    made.SetOrigin((matrix @ image.GetOrigin()).tolist())
    return made
