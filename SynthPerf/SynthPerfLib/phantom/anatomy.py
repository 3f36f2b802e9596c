"""One patient's head: the template deformed, aged, and wrapped in cerebrospinal fluid, skull and scalp."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .atlas import TEMPLATE, deep_grey, ellipsoid, load_atlas
from .fields import COARSE, LATENT, Points, Sampler, head_field, refine, step, stream, tiled_field
from .vessels import artery_points, draw_arteries, draw_veins

CENTRE = np.array([0.0, 17.0, 8.0], np.float32)
"""Middle of the brain, LPS mm."""

NORMAL_TISSUES = (
    "grey", "deep_grey", "white", "hyperintensity", "csf", "choroid", "artery", "vein",
    "bone", "marrow", "fat", "muscle", "skin", "mucosa", "eye",
)  # fmt: skip


@dataclass
class Head:
    """A head on the ``LATENT`` grid; every array is over the ``inside`` voxels only.

    Attributes
    ----------
    inside
        Flat indices of the voxels of the head, (n,).
    shares
        Share of each voxel that a tissue fills, (tissue, n) float32, rows as in ``NORMAL_TISSUES``; the rest is air.
    brain
        Share of the voxel inside the brain's surface (with sulci and ventricles).
    depth, ventricle
        Distance (mm) below the brain's surface and from the ventricles.
    texture
        Relative T1 brightness left over from the template.
    arrival
        Transit time of blood to the voxel in a healthy patient, s.
    parameters
        What was drawn, for the record.
    """

    inside: np.ndarray
    shares: np.ndarray
    brain: np.ndarray
    depth: np.ndarray
    ventricle: np.ndarray
    texture: np.ndarray
    arrival: np.ndarray
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def tissue(self) -> dict[str, np.ndarray]:
        """The rows of ``shares`` by name; writing into them changes the head."""
        return dict(zip(NORMAL_TISSUES, self.shares, strict=True))

    def volume(self, values: np.ndarray, outside: float = 0.0) -> np.ndarray:
        """Spread values over ``inside`` into a (z, y, x) array of ``LATENT``."""
        full = np.full(LATENT.shape, outside, np.float32)
        full.ravel()[self.inside] = values
        return full

    def points(self) -> Points:
        """Coordinates (x, y, z) of the ``inside`` voxels, LPS mm."""
        z, y, x = np.unravel_index(self.inside, LATENT.shape)
        return tuple(
            np.float32(o) + np.float32(LATENT.spacing) * i.astype(np.float32)
            for o, i in zip(LATENT.origin, (x, y, z), strict=True)
        )


@lru_cache(maxsize=1)
def _arrival() -> np.ndarray:
    """Transit time (s) on ``COARSE`` in template space: grows away from the arteries, most near the ventricles."""
    from scipy import ndimage, spatial

    atlas = load_atlas()
    points = np.stack(np.broadcast_arrays(*COARSE.axes()), -1)
    distance, _ = spatial.cKDTree(artery_points()).query(points.reshape(-1, 3), distance_upper_bound=80)
    distance = np.minimum(distance, 80).reshape(COARSE.shape)
    seconds = 0.75 + 0.016 * distance + 0.45 * np.exp(-np.maximum(atlas.ventricle_distance, 0) / 9)
    return ndimage.gaussian_filter(seconds.astype(np.float32), 1.0)


def _displacement(rng: np.random.Generator, age: float) -> tuple[np.ndarray, dict[str, object]]:
    """Template coordinate minus head coordinate (3, z, y, x) on ``COARSE``: size, shape, ventricles."""
    atlas = load_atlas()
    axes = COARSE.axes()
    scale = rng.uniform(0.93, 1.07) * rng.uniform(0.97, 1.03, 3)
    ventricles = np.clip(rng.normal(0.05 * (age - 45), 1.0, 2), -0.5, 4.5)  # mm, each side
    smooth = np.stack([head_field(rng, 55, COARSE) for _ in range(3)]) * rng.uniform(3.5, 5.0)
    smooth += np.stack([head_field(rng, 24, COARSE) for _ in range(3)]) * rng.uniform(0.8, 1.4)
    side = step(axes[0], 20.0)
    smooth -= (ventricles[0] + (ventricles[1] - ventricles[0]) * side) * atlas.ventricle_push
    affine = [(p - c) * np.float32(1 / s - 1) for p, c, s in zip(axes, CENTRE, scale, strict=True)]
    shrink, smallest = 1.0, 0.0
    every = (slice(None, None, 2),) * 3
    for _ in range(12):
        total = np.stack([a + shrink * s for a, s in zip(affine, smooth, strict=True)])
        gradient = np.stack([np.stack(np.gradient(u[every], 2 * COARSE.spacing)[::-1], -1) for u in total], -2)
        smallest = float(np.linalg.det(gradient + np.eye(3)).min())
        if smallest > 0.2:  # nowhere folded
            break
        shrink *= 0.85
    record = {
        "scale": [float(s) for s in scale],
        "ventricle_enlargement_mm": [float(v) for v in ventricles],
        "displacement_sd_mm": float(shrink * smooth.std()),
        "smallest_jacobian": smallest,
    }
    return total.astype(np.float32), record


def make_head(seed: int, case: int, age: float) -> Head:
    """Make the healthy head of a patient.

    Parameters
    ----------
    seed, case
        Name the random numbers.
    age
        Years; sets ventricles, sulci and white matter hyperintensities.
    """
    atlas = load_atlas()
    rng = stream(seed, case, "anatomy")
    displacement, record = _displacement(rng, age)
    coarse_points = tuple(p + u for p, u in zip(COARSE.axes(), displacement, strict=True))
    at_coarse = Sampler(coarse_points, COARSE)
    to_head = refine(at_coarse(atlas.head_distance))
    to_brain = refine(at_coarse(atlas.brain_distance))
    inside = np.flatnonzero(to_head < 1)
    to_head, to_brain = to_head.ravel()[inside], to_brain.ravel()[inside]
    ventricle = refine(at_coarse(atlas.ventricle_distance)).ravel()[inside]
    template: Points = tuple((p + refine(u)).ravel()[inside] for p, u in zip(LATENT.axes(), displacement, strict=True))
    fields = [tiled_field(rng, s) for s in (1.6, 2.4)]
    head = Head(
        inside=inside,
        shares=np.zeros((len(NORMAL_TISSUES), len(inside)), np.float32),
        brain=step(-to_brain, LATENT.spacing) * step(template[2] + 71, LATENT.spacing),
        depth=-to_brain,
        ventricle=ventricle,
        texture=np.zeros(len(inside), np.float32),
        arrival=refine(at_coarse(_arrival())).ravel()[inside],
        parameters=record,
    )
    _fill_brain(head, template, fields, rng, age)
    _wrap(head, template, to_head, to_brain, rng)
    _add_vessels(head, template, fields, rng)
    return head


def _fill_brain(head: Head, template: Points, fields: list[np.ndarray], rng: np.random.Generator, age: float) -> None:
    """Grey, white and fluid with the patient's own cortex, sulci and hyperintensities."""
    atlas = load_atlas()
    near = np.flatnonzero(head.depth > -3)
    points: Points = tuple(p[near] for p in template)  # type: ignore[assignment]
    sample = Sampler(points, TEMPLATE)
    grey, white = sample(atlas.grey) / 255, sample(atlas.white) / 255
    one, two = (f[head.inside[near]] for f in fields)
    deep = deep_grey(points)
    ventricle = head.ventricle[near]
    atrophy = float(np.clip(rng.normal(0.004 * (age - 45), 0.05), -0.08, 0.22))
    tissue = grey + white
    own = 1 - 0.85 * np.maximum(deep, step(4 - ventricle, 4.0))  # cortex varies, deep structures do not
    edge = np.clip(6 * (1 - tissue), 0, 1)  # no holes in solid tissue
    share = step(tissue - 0.55 - (atrophy + 0.13 * one * own) * edge, 0.55)
    fraction = white / np.maximum(tissue, 0.05)
    rim = step(3.5 - ventricle, 3.0) * (1 - step(grey - 0.75, 0.3))  # blurred ependyma is no grey matter
    fraction = np.maximum(fraction, rim)
    sharp = step(fraction - 0.5 - 0.14 * two * own, 0.5 + 0.4 * deep)
    surface = head.brain[near]
    share = share * np.maximum(surface, step(-71 - points[2], 1.5))  # the cord goes on below
    wm = share * sharp
    gm = share - wm
    load = float(rng.normal(0.035 * (age - 62), 0.6))
    spots = step(load + 0.9 * two - 0.22 * np.abs(ventricle - 2) - 0.4, 0.8) + step(two + 0.35 * load - 3.0, 0.5)
    spots = np.clip(spots, 0, 1) * wm * step(points[2] + 12, 4.0)
    choroid = np.maximum(*(step(-ellipsoid(points, (s * 21, 36, 12), (4, 9, 7)), 2.0) for s in (-1, 1)))
    choroid = choroid * (1 - share) * step(1 - ventricle, 3.0) * 0.8
    cord = step(-71 - points[2], 1.5) * step(tissue - 0.1, 0.1)
    parts = {
        "grey": gm * (1 - deep),
        "deep_grey": gm * deep,
        "white": wm - spots,
        "hyperintensity": spots,
        "choroid": choroid,
        "csf": np.maximum(np.maximum(surface, cord) - share - choroid, 0),
    }
    for name, values in parts.items():
        head.tissue[name][near] = values
    head.texture[near] = sample(atlas.texture) / 128 * share
    head.parameters |= {"atrophy": atrophy, "hyperintensity_load": load}


def _wrap(head: Head, template: Points, to_head: np.ndarray, to_brain: np.ndarray, rng: np.random.Generator) -> None:
    """Subarachnoid fluid, skull with marrow, muscle, fat, skin; a face with eyes, sinuses and mucosa."""
    gap = rng.uniform(1.2, 2.8)
    thickness = rng.uniform(5.0, 7.5)
    fat_layer = rng.uniform(2.5, 5.0)
    uneven = np.float32(0.8) * refine(head_field(rng, 40, COARSE)).ravel()[head.inside]
    tissue = head.tissue
    shell = np.flatnonzero(to_brain > -4)
    points: Points = tuple(p[shell] for p in template)  # type: ignore[assignment]
    below, above, bumps = to_head[shell], to_brain[shell], uneven[shell]
    outside = np.clip(step(-below, LATENT.spacing) - head.shares[:, shell].sum(axis=0), 0, 1)
    fluid = step(gap - above, LATENT.spacing) * outside
    deep = above - gap
    skull = np.minimum(step(deep, 1.5), step(thickness + bumps - deep, 1.5)) * outside
    middle = step(1 - np.abs(deep - 0.5 * (thickness + bumps)) / (0.3 * thickness), 0.8) * skull
    rest = outside - fluid - skull
    skin = step(below + 1.8, LATENT.spacing) * rest
    low = step(-20 - points[2], 30.0)
    fat = step(below + 1.8 + (fat_layer + bumps) * (1 + 0.8 * low), LATENT.spacing) * (rest - skin)
    soft = rest - skin - fat
    vertebra = step(-np.maximum(ellipsoid(points, (0, 42, -95), (22, 17, 400)), points[2] + 70), 2.0) * soft
    jaw = np.maximum(*(step(-ellipsoid(points, (s * 40, -40, -84), (7, 34, 30)), 2.0) for s in (-1, 1))) * soft
    tissue["bone"][shell] = skull - middle + 0.6 * (vertebra + jaw)
    tissue["marrow"][shell] = middle + 0.4 * (vertebra + jaw)
    tissue["skin"][shell] = skin
    tissue["fat"][shell] = fat
    tissue["muscle"][shell] = np.maximum(soft - vertebra - jaw, 0)
    tissue["csf"][shell] += fluid
    head.parameters |= {"skull_mm": thickness, "fat_mm": fat_layer, "subarachnoid_mm": gap}
    _add_face(head, template, to_head, to_brain, rng)


def _add_face(
    head: Head, template: Points, to_head: np.ndarray, to_brain: np.ndarray, rng: np.random.Generator
) -> None:
    """Orbits with eyes, air-filled sinuses with mucosa, nose and throat, mastoids."""
    tissue = head.tissue
    front = np.flatnonzero((template[1] < 50) & (template[2] < 4) & (to_brain > 3) & (template[2] > -118))
    points: Points = tuple(p[front] for p in template)  # type: ignore[assignment]
    size = rng.uniform(0.85, 1.15, 4)

    def pair(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        return np.minimum(*(ellipsoid(points, (s * centre[0], centre[1], centre[2]), radii) for s in (-1, 1)))

    orbit = pair((30, -48, -36), (17, 32, 17))
    eye = pair((32, -70, -36), (12, 12, 12))
    cavity = np.minimum.reduce(
        [
            pair((26, -52, -66), (13 * size[0], 17, 16)),
            ellipsoid(points, (0, -50, -52), (9, 32, 26)),
            ellipsoid(points, (0, -22, -38), (11 * size[1], 10, 9)),
            ellipsoid(points, (0, -20, -90), (12, 14, 26)),
            pair((8, -82, -10), (10 * size[2], 6, 10)),
            pair((56, 34, -46), (9 * size[3], 10, 14)),
        ]
    )
    for shape, name in ((step(-orbit, 2.0), "fat"), (step(-eye, 1.5), "eye"), (step(2.2 - cavity, 2.0), "mucosa")):
        shape = shape * step(-to_head[front] - 2, 2.0)
        head.shares[:, front] *= 1 - shape
        tissue[name][front] += shape
    air = step(-cavity, 1.5) * step(-to_head[front] - 3, 2.0)
    turbinate = 0.5 * (np.abs(points[0]) < 7) * (np.sin(points[2] * 0.7) > 0.3)
    head.shares[:, front] *= 1 - air * (1 - turbinate)


def _add_vessels(head: Head, template: Points, fields: list[np.ndarray], rng: np.random.Generator) -> None:
    """Large vessels, and random small pial ones: where two random fields cross zero together lie random curves."""
    signed = Sampler(template, LATENT)(draw_arteries(rng) - draw_veins(rng))
    artery, vein = np.maximum(signed, 0), np.maximum(-signed, 0)
    tissue = head.tissue
    gyri = np.flatnonzero((head.depth > -2) & (tissue["csf"] > 0) & (head.ventricle > 3))
    one, two = (np.roll(f.reshape(LATENT.shape), (31, 47, 53), (0, 1, 2)).ravel()[head.inside[gyri]] for f in fields)
    curve = np.exp(-((one / 0.22) ** 2 + (two / 0.16) ** 2))
    pial = step(tissue["csf"][gyri] - 0.05, 0.4) * step(tissue["grey"][gyri] + head.depth[gyri] / 20, 0.8)
    small = 0.8 * curve * pial * step(head.ventricle[gyri] - 6, 4.0) * head.brain[gyri]
    is_vein = step(refine(head_field(rng, 25, COARSE)).ravel()[head.inside[gyri]], 0.3)
    artery[gyri] = np.minimum(artery[gyri] + small * (1 - is_vein), 1)
    vein[gyri] = np.minimum(vein[gyri] + small * is_vein, 1 - artery[gyri])
    head.shares *= 1 - artery - vein
    tissue["artery"][:] = artery
    tissue["vein"][:] = vein
