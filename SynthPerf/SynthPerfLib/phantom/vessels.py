"""Large arteries and venous sinuses as tubes along their usual course in MNI space, a little different in everyone."""

from __future__ import annotations

import numpy as np

from .fields import LATENT

Path3 = tuple[tuple[float, float, float], ...]

# RAS mm; paths of one side are mirrored
_ARTERIES: tuple[tuple[float, Path3], ...] = (
    (2.3, ((26, -30, -72), (24, -18, -42), (16, -8, -32), (14, 4, -24), (15, 4, -14))),
    (1.7, ((15, 4, -14), (26, 6, -17), (38, 4, -14))),
    (1.3, ((38, 4, -14), (42, 8, 0), (46, 0, 14), (53, -10, 30), (57, -16, 42))),
    (1.3, ((38, 4, -14), (43, -10, -4), (48, -30, 8), (56, -48, 18), (54, -62, 34))),
    (1.1, ((38, 4, -14), (47, 6, -24), (58, -10, -18), (62, -24, -12))),
    (1.0, ((42, 8, 0), (44, 22, 8), (46, 34, 20))),
    (1.4, ((15, 4, -14), (7, 12, -15), (3, 18, -8))),
    (1.3, ((3, 18, -8), (2, 35, 4), (3, 34, 22), (2, 10, 38), (3, -14, 46), (2, -36, 50))),
    (0.9, ((3, 34, 22), (3, 42, 38), (3, 24, 56), (4, 4, 66))),
    (1.7, ((12, -38, -80), (6, -33, -58), (0, -25, -46))),
    (1.3, ((0, -18, -20), (12, -20, -16), (24, -33, -8), (20, -58, -2), (12, -80, 6))),
)
_MIDLINE_ARTERIES: tuple[tuple[float, Path3], ...] = ((2.0, ((0, -25, -46), (0, -22, -34), (0, -18, -20))),)
_VEINS: tuple[tuple[float, Path3], ...] = (
    (3.0, ((0, -105, -8), (30, -93, -22), (53, -68, -30), (57, -50, -38), (50, -44, -50), (36, -38, -64))),
    (3.0, ((36, -38, -64), (33, -36, -80), (32, -34, -95))),
    (1.1, ((3, -2, 15), (3, -28, 13), (0, -40, 7))),
    (1.3, ((34, -2, -18), (48, 8, -10), (54, -4, 6), (56, -26, 20), (54, -38, 44), (30, -38, 68), (4, -40, 80))),
)
_MIDLINE_VEINS: tuple[tuple[float, Path3], ...] = (
    (2.6, ((0, 70, 8), (0, 66, 26), (0, 50, 49), (0, 28, 68), (0, -5, 80))),
    (3.0, ((0, -5, 80), (0, -40, 80), (0, -70, 64), (0, -95, 36), (0, -107, 10), (0, -105, -8))),
    (2.0, ((0, -40, 7), (0, -62, 7), (0, -86, 0), (0, -105, -8))),
)


def _course(path: Path3, radius: float, side: int, rng: np.random.Generator) -> np.ndarray:
    """Points (n, 4) every 0.7 mm along a smooth curve through jittered nodes: LPS mm and radius."""
    nodes = np.array(path) * (-side, -1, 1)
    nodes = nodes + rng.normal(0, 1.6, nodes.shape) * (np.abs(nodes[:, :1]) > 0.5)
    padded = np.vstack([2 * nodes[0] - nodes[1], nodes, 2 * nodes[-1] - nodes[-2]])
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):  # Catmull-Rom
        t = np.arange(0, 1, 0.7 / max(float(np.linalg.norm(c - b)), 0.7))[:, None]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    points = np.vstack(pieces)
    size = radius * rng.lognormal(0, 0.12) * np.linspace(1, 0.85, len(points))
    return np.column_stack([points, size])


def _draw(points: np.ndarray) -> np.ndarray:
    """The share of each voxel of ``LATENT`` inside the tubes, float32 0..1."""
    share = np.zeros(LATENT.shape, np.float32)
    at = (points[:, :3] - LATENT.origin) / LATENT.spacing
    reach = np.arange(-3, 4)
    offsets = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    voxel = np.rint(at).astype(np.int64)[:, None, :] + offsets[None]
    distance = np.linalg.norm((voxel - at[:, None, :]) * LATENT.spacing, axis=-1)
    inside = np.clip((points[:, 3:] - distance) / LATENT.spacing + 0.5, 0, 1).astype(np.float32)
    size = LATENT.shape[::-1]
    use = (inside > 0) & np.all((voxel >= 0) & (voxel < size), axis=-1)
    flat = np.ravel_multi_index(tuple(voxel[use].T[::-1]), LATENT.shape)
    np.maximum.at(share.ravel(), flat, inside[use])
    return share


def _both_sides(paths: tuple[tuple[float, Path3], ...], rng: np.random.Generator) -> list[np.ndarray]:
    return [_course(path, radius, side, rng) for radius, path in paths for side in (-1, 1)]


def draw_arteries(rng: np.random.Generator) -> np.ndarray:
    """Share of each ``LATENT`` voxel inside a large artery, template space."""
    midline = [_course(path, radius, 1, rng) for radius, path in _MIDLINE_ARTERIES]
    return _draw(np.vstack(_both_sides(_ARTERIES, rng) + midline))


def draw_veins(rng: np.random.Generator) -> np.ndarray:
    """Share of each ``LATENT`` voxel inside a sinus or a large vein, template space; bridging veins are random."""
    midline = [_course(path, radius, 1, rng) for radius, path in _MIDLINE_VEINS]
    bridging = []
    for side in (-1, 1):
        for _ in range(4):
            y = rng.uniform(-75, 45)
            top = 82 - 0.0062 * (y + 20) ** 2
            path = ((36.0, y + 8, top - 16), (20.0, y + 3, top - 3), (4.0, y, top + 1))
            bridging.append(_course(path, rng.uniform(0.9, 1.4), side, rng))
    return _draw(np.vstack(_both_sides(_VEINS, rng) + midline + bridging))


def artery_points() -> np.ndarray:
    """The usual course of the arteries above the skull base, LPS mm (n, 3): where blood arrives first."""
    rng = np.random.default_rng(0)
    points = np.vstack(_both_sides(_ARTERIES, rng))
    return points[points[:, 2] > -25, :3]
