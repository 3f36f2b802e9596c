"""Scanning: sites, grids, slices that average, motion between series, coil shading, noise, storage as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from .anatomy import CENTRE
from .fields import LATENT, smooth_field
from .signal import Sequence

Vector = tuple[float, float, float]

AXIAL = ("L", "P", "S")
"""Storage order of a plain axial series: x runs to the left, y to the back, slices upwards."""


@dataclass(frozen=True)
class Site:
    """A scanner: how it shades, scales and stores."""

    name: str
    gain: float
    shading: float
    noise: float
    t1_axes: tuple[str, str, str]
    slice_axes: tuple[str, str, str]
    t1: Sequence
    t1c: Sequence
    t1c_voxel: Vector
    t2: Sequence
    flair: Sequence
    post_label_delay: float


SITES = (
    Site("A", 820, 0.16, 1.0, ("P", "S", "R"), AXIAL, Sequence(1900, 3, 900), Sequence(1900, 3, 900), (1.2, 1.2, 1.2),
         Sequence(5200, 98), Sequence(9000, 120, 2500, 0.5), 1.8),
    Site("B", 2300, 0.22, 1.3, ("R", "P", "S"), ("R", "P", "S"), Sequence(650, 12), Sequence(550, 10), (0.9, 0.9, 5.0),
         Sequence(4500, 85), Sequence(8000, 105, 2300, 0.8), 2.0),
    Site("C", 410, 0.12, 0.8, ("L", "A", "S"), ("L", "A", "S"), Sequence(2200, 3, 1000), Sequence(600, 9),
         (0.9, 0.9, 5.0), Sequence(6000, 105), Sequence(9500, 130, 2600, 0.25), 1.8),
    Site("D", 1400, 0.20, 1.1, ("R", "A", "S"), ("L", "P", "I"), Sequence(500, 8), Sequence(500, 8), (1.2, 1.2, 1.2),
         Sequence(4000, 90), Sequence(8500, 115, 2400, 0.6), 1.5),
)  # fmt: skip
"""Times in ms; post-labelling delay in s."""

_DIRECTIONS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


@dataclass(frozen=True)
class Pose:
    """A rigid motion of the head: rotation (degrees about x, y, z) about the brain's middle, then a shift (mm)."""

    degrees: Vector
    shift: Vector

    def transform(self) -> sitk.Euler3DTransform:
        """Maps a point of the unmoved head to where it is now."""
        radians = [float(np.deg2rad(d)) for d in self.degrees]
        return sitk.Euler3DTransform([float(c) for c in CENTRE], *radians, self.shift)

    @staticmethod
    def draw(rng: np.random.Generator, degrees: float, shift: float) -> Pose:
        """Random axis and direction with the given amounts."""
        axis, way = rng.standard_normal((2, 3))
        axis, way = degrees * axis / np.linalg.norm(axis), shift * way / np.linalg.norm(way)
        return Pose(tuple(float(a) for a in axis), tuple(float(w) for w in way))  # type: ignore[arg-type]


def make_grid(
    size: tuple[int, int, int],
    voxel: Vector,
    axes: tuple[str, str, str] = AXIAL,
    tilt: Vector = (0.0, 0.0, 0.0),
    centre: Vector = (0.0, 0.0, 0.0),
) -> sitk.Image:
    """An empty image: ``size`` and ``voxel`` along x, y, z of an axial head, stored along ``axes``.

    ``tilt`` turns it (degrees about x, y, z), ``centre`` is the middle of the field of view (LPS mm).
    """
    order = [next(i for i, pair in enumerate(("LR", "PA", "SI")) if letter in pair) for letter in axes]
    turn = np.array(Pose(tilt, (0, 0, 0)).transform().GetMatrix()).reshape(3, 3)
    direction = turn @ np.array([_DIRECTIONS[letter] for letter in axes], float).T
    image = sitk.Image([size[i] for i in order], sitk.sitkUInt8)
    image.SetSpacing([voxel[i] for i in order])
    image.SetDirection(direction.ravel().tolist())
    half = direction @ (0.5 * (np.array(image.GetSize()) - 1) * image.GetSpacing())
    image.SetOrigin((np.array(centre) - half).tolist())
    return image


def t1_grid(voxel: Vector | None, site: Site, centre: Vector) -> sitk.Image:
    """The T1 grid: a block of the head, or a slab stack for thick slices.

    Slices of 3 mm or more cover 204.8 x 230.4 x 120 mm (0.8 x 0.8 x 7.5 mm gives 256 x 288 x 16 voxels), thinner ones
    208 x 240 x 208 mm.
    """
    isotropic = voxel is None or len(set(voxel)) == 1
    x, y, z = voxel or (1.0, 1.0, 1.0)
    field = (204.8, 230.4, 120.0) if z >= 3 else (208.0, 240.0, 208.0)
    size = tuple(max(8, round(f / v)) for f, v in zip(field, (x, y, z), strict=True))
    axes = site.t1_axes if isotropic else site.slice_axes
    return make_grid(size, (x, y, z), axes, centre=centre)  # type: ignore[arg-type]


class Scanner:
    """Samples maps of the upright head into series of the scanned one.

    Parameters
    ----------
    pose
        How the head lies in the scanner, the same for all series.
    """

    def __init__(self, pose: Pose) -> None:
        self._pose = pose.transform()

    def scan(self, volume: np.ndarray, grid: sitk.Image, motion: Pose, blur: float = 0.0) -> np.ndarray:
        """Read ``volume`` (z, y, x on ``LATENT``) on ``grid``; slices average over their thickness.

        Parameters
        ----------
        motion
            How the patient moved before this series.
        blur
            Full width at half maximum of the point spread (mm).
        """
        if blur:
            from scipy import ndimage

            volume = ndimage.gaussian_filter(volume, blur / 2.3548 / LATENT.spacing, truncate=2.5)
        image = sitk.GetImageFromArray(volume)
        image.SetSpacing([LATENT.spacing] * 3)
        image.SetOrigin(LATENT.origin)
        chain = sitk.CompositeTransform([self._pose.GetInverse(), motion.transform().GetInverse()])  # last is first
        spacing = np.array(grid.GetSpacing())
        axis = int(np.argmax(spacing))
        n = int(np.clip(round(spacing[axis] / LATENT.spacing), 1, 4)) if spacing[axis] > 1.9 else 1
        fine = sitk.Image([k * (n if i == axis else 1) for i, k in enumerate(grid.GetSize())], sitk.sitkUInt8)
        fine.SetDirection(grid.GetDirection())
        fine.SetSpacing([s / (n if i == axis else 1) for i, s in enumerate(spacing)])
        back = np.array(grid.GetDirection()).reshape(3, 3)[:, axis] * spacing[axis] * (0.5 - 0.5 / n)
        fine.SetOrigin((np.array(grid.GetOrigin()) - back).tolist())
        values = sitk.GetArrayFromImage(sitk.Resample(image, fine, chain, sitk.sitkLinear, 0.0, sitk.sitkFloat32))
        if n == 1:
            return values
        along = 2 - axis
        shape = list(values.shape)
        shape[along : along + 1] = [shape[along] // n, n]
        return values.reshape(shape).mean(axis=along + 1)


def shade(rng: np.random.Generator, shape: tuple[int, ...], amount: float) -> np.ndarray:
    """A smooth positive coil sensitivity field (z, y, x) around 1, about +- ``amount`` at two standard deviations."""
    field = smooth_field(rng, shape, [2, 2, 2])
    return np.exp(0.5 * amount * (field - field.mean()) / max(float(field.std()), 1e-6))


def rician(rng: np.random.Generator, signal: np.ndarray, sigma: float) -> np.ndarray:
    """Magnitude of a signal with complex Gaussian noise of standard deviation ``sigma``."""
    real = signal + np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.sqrt(real * real + imaginary * imaginary)


def to_int16(values: np.ndarray, slope: float = 1.0, inter: float = 0.0) -> np.ndarray:
    """What a scanner stores: (value - inter) / slope, rounded."""
    return np.clip(np.rint((values - inter) / slope), -32768, 32767).astype(np.int16)
