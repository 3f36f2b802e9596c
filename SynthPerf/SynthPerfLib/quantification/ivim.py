"""Intravoxel incoherent motion: perfusion fraction f, diffusion D and pseudo-diffusion D* of every voxel at once.

S(b) = S0 [(1 - f) exp(-b D) + f exp(-b D*)] (Le Bihan et al., Radiology 1988;168:497). D* is the whole coefficient of
the perfused part, not the excess over D. Arrays of signals are (voxel, volume); b in s/mm2, D and D* in mm2/s.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..errors import InputError
from .search import golden

B_ZERO = 10.0
"""s/mm2: the smallest b-value must not exceed it (scanners often give 5 for 0)."""

SPLIT = 200.0
"""s/mm2: from here on the perfused part is taken to have decayed in the segmented fit (Le Bihan; OSIPI's for brain)."""

METHODS = {
    "full": "non-linear least squares of all four parameters (variable projection, damped Newton)",
    "segmented": "D from the large b-values, then f from the intercept, then D*",
}


@dataclass(frozen=True)
class Bounds:
    """Where D and D* may lie, mm2/s. They touch, so that the two parts cannot change places. S0 >= 0, 0 <= f <= 1."""

    d: tuple[float, float] = (0.0, 5e-3)
    d_star: tuple[float, float] = (5e-3, 0.2)


@dataclass(frozen=True)
class Parameters:
    """What was fitted, each (voxel,), float64.

    Attributes
    ----------
    s0
        Signal at b = 0, in the series' unit.
    f
        Perfusion fraction.
    d, d_star
        mm2/s; 0 where the part they belong to is empty (f = 1, f = 0) and nothing can be known of them.
    residual
        Standard deviation of the residuals (volumes - 4 degrees of freedom) over S0: the quality of the fit.
    """

    s0: np.ndarray
    f: np.ndarray
    d: np.ndarray
    d_star: np.ndarray
    residual: np.ndarray

    @classmethod
    def joined(cls, parts: list[Parameters]) -> Parameters:
        """The voxels of all parts, one after the other."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def signal(
    b: np.ndarray, s0: np.ndarray | float, f: np.ndarray | float, d: np.ndarray | float, d_star: np.ndarray | float
) -> np.ndarray:
    """S(b), (voxel, volume) for parameters (voxel,), or (volume,) for numbers."""
    s0, f, d, d_star = (np.asarray(value, float)[..., None] for value in (s0, f, d, d_star))
    model: np.ndarray = s0 * ((1 - f) * np.exp(-b * d) + f * np.exp(-b * d_star))
    return model


def check_b_values(b: np.ndarray, split: float = SPLIT) -> None:
    """Refuse b-values from which the model cannot be found.

    Raises
    ------
    InputError
        If b = 0 is missing, fewer than four values differ, or too few lie below or above ``split``.
    """
    levels = np.unique(b)
    shown = ", ".join(f"{level:g}" for level in levels)
    if levels[0] > B_ZERO:
        raise InputError(f"There is no volume with b = 0 (b is {shown} s/mm2): the fraction f needs one.")
    if len(levels) < 4:
        raise InputError(
            f"There are {len(levels)} different b-values ({shown} s/mm2), the model has four unknowns and needs four."
        )
    if not np.any((levels > levels[0]) & (levels < split)):
        raise InputError(
            f"No b-value lies between {levels[0]:g} and {split:g} s/mm2 (b is {shown}): perfusion cannot be seen."
        )
    if np.sum(levels >= split) < 2:
        raise InputError(f"Fewer than two b-values reach {split:g} s/mm2 (b is {shown}): D cannot be told from D*.")


def fit(
    signals: np.ndarray, b: np.ndarray, method: str = "full", bounds: Bounds | None = None, split: float = SPLIT
) -> Parameters:
    """Fit every voxel.

    Parameters
    ----------
    signals
        (voxel, volume), at least 0.
    b
        (volume,), s/mm2.
    method
        One of :data:`METHODS`. ``full``: the least-squares solution. For any D and D* the amplitudes S0 (1 - f) and
        S0 f >= 0 are solved for exactly (variable projection, Golub and Pereyra 1973), so that only
        D and log D* are searched, by a damped Newton method from the two best places of a grid over the bounds.
        ``segmented``: D and S0 (1 - f) from the log signal at b >= ``split``, weighted by the squared signal; S0 from
        the smallest b; D* last, by least squares.
    """
    b, y = np.asarray(b, float), np.asarray(signals, float)
    bounds = bounds or Bounds()
    if method == "segmented":
        s0, f, d, d_star = _segmented(y, b, bounds, split)
    else:
        s0, f, d, d_star = _full(y, b, bounds)
    misfit = np.sum((y - signal(b, s0, f, d, d_star)) ** 2, axis=1)
    spread = np.sqrt(misfit / max(1, len(b) - 4))
    residual = np.divide(spread, s0, out=np.zeros_like(s0), where=s0 > 0)
    return Parameters(s0, f, np.where(f < 1, d, 0.0), np.where(f > 0, d_star, 0.0), residual)


Four = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _segmented(y: np.ndarray, b: np.ndarray, bounds: Bounds, split: float) -> Four:
    high = b >= split
    kept = np.maximum(y[:, high], 1e-6 * np.maximum(y.max(axis=1, keepdims=True), 1e-30))
    weight, logs = kept**2, np.log(kept)
    total = weight.sum(axis=1)
    mean_b, mean_log = (weight @ b[high]) / total, np.sum(weight * logs, axis=1) / total
    away = b[high] - mean_b[:, None]
    slope = np.sum(weight * away * (logs - mean_log[:, None]), axis=1) / np.sum(weight * away**2, axis=1)
    d = np.clip(-slope, *bounds.d)
    static = np.exp(mean_log + d * mean_b)
    s0 = y[:, b == b.min()].mean(axis=1)
    f = np.clip(1 - np.divide(static, s0, out=np.ones_like(s0), where=s0 > 0), 0, 1)
    static = (1 - f) * s0

    rest = y - static[:, None] * np.exp(-b * d[:, None])
    ends = [float(end) for end in np.log(bounds.d_star)]
    steps = np.linspace(ends[0], ends[1], 24)
    shapes = np.exp(-b[:, None] * np.exp(steps))
    misfit = -2 * (f * s0)[:, None] * (rest @ shapes) + (f * s0)[:, None] ** 2 * np.sum(shapes**2, axis=0)
    best, step = steps[misfit.argmin(axis=1)], steps[1] - steps[0]

    def left(log_d_star: np.ndarray) -> np.ndarray:
        shape = np.exp(-b * np.exp(log_d_star)[:, None])
        total: np.ndarray = np.sum((rest - (f * s0)[:, None] * shape) ** 2, axis=1)
        return total

    log_d_star = golden(left, np.maximum(best - step, ends[0]), np.minimum(best + step, ends[1]), 1e-4)
    return s0, f, d, np.exp(log_d_star)


_ROUNDS = 40
_SMALL_STEP = 1e-6  # of D's range, and in log D*
_NUDGE = 1e-5


def _full(y: np.ndarray, b: np.ndarray, bounds: Bounds) -> Four:
    unit = bounds.d[1]
    low = np.array([bounds.d[0] / unit, np.log(bounds.d_star[0])])
    high = np.array([1.0, np.log(bounds.d_star[1])])
    # Two valleys are usual, one with a slow and one with a fast D*: both are descended, the deeper one is taken.
    ends = [_descend(y, b, start, low, high, unit) for start in _starts(y, b, low, high, unit)]
    deeper = (ends[1][1] < ends[0][1])[:, None]
    at = np.where(deeper, ends[1][0], ends[0][0])
    d, d_star = at[:, 0] * unit, np.exp(at[:, 1])
    slow, fast = _amplitudes(y, np.exp(-b * d[:, None]), np.exp(-b * d_star[:, None]))
    s0 = slow + fast
    return s0, np.divide(fast, s0, out=np.zeros_like(s0), where=s0 > 0), d, d_star


def _starts(y: np.ndarray, b: np.ndarray, low: np.ndarray, high: np.ndarray, unit: float) -> list[np.ndarray]:
    """Of a grid of D over ``unit`` and log D*, the best pair (n, 2) with a slow D* and the best with a fast one."""
    slow = low[0] + (high[0] - low[0]) * np.linspace(0, 1, 20) ** 1.5
    fast = np.linspace(low[1], high[1], 10)
    u, v = np.exp(-b[:, None] * slow * unit), np.exp(-b[:, None] * np.exp(fast))
    uu, vv, uv = np.sum(u * u, axis=0)[:, None], np.sum(v * v, axis=0), u.T @ v
    uy, vy = (y @ u)[:, :, None], (y @ v)[:, None, :]
    determinant = np.maximum(uu * vv - uv**2, 1e-12 * uu * vv)
    first, second = (vv * uy - uv * vy) / determinant, (uu * vy - uv * uy) / determinant
    # What is explained of the sum of squares: by both, or by the one whose amplitude is positive.
    one = np.where(first < 0, np.maximum(vy, 0) ** 2 / vv, np.maximum(uy, 0) ** 2 / uu)
    explained = np.where((first < 0) | (second < 0), one, first * uy + second * vy)
    starts = []
    for part in (slice(0, 5), slice(5, 10)):
        best = explained[:, :, part].reshape(len(y), -1).argmax(axis=1)
        starts.append(np.stack([slow[best // 5], fast[part][best % 5]], axis=1))
    return starts


def _descend(
    y: np.ndarray, b: np.ndarray, start: np.ndarray, low: np.ndarray, high: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where the sum of squares is least near ``start`` (n, 2), and that sum (n,): Newton's method, damped."""
    at, least = start.copy(), np.empty(len(y))
    going, here, data, damping = np.arange(len(y)), start, y, np.full(len(y), 1e-2)
    misfit, gradient = _slopes(data, b, here, unit)
    for _ in range(_ROUNDS):
        step = _step(data, b, here, gradient, damping, low, high, unit)
        there = np.clip(here + step, low, high)
        new, new_gradient = _slopes(data, b, there, unit)
        better = new <= misfit
        done = (np.abs(there - here).max(axis=1) < _SMALL_STEP) | (better & (misfit - new <= 1e-10 * misfit))
        here, misfit = np.where(better[:, None], there, here), np.where(better, new, misfit)
        gradient = np.where(better[:, None], new_gradient, gradient)
        damping = np.where(better, damping * 0.1, np.maximum(damping, 1e-3) * 10)
        at[going], least[going] = here, misfit
        if done.all():
            break
        keep = ~done
        going, here, data, damping = going[keep], here[keep], data[keep], damping[keep]
        misfit, gradient = misfit[keep], gradient[keep]
    return at, least


def _amplitudes(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares amplitudes >= 0 of two decays (voxel, volume)."""
    uu, vv, uv = np.einsum("ij,ij->i", u, u), np.einsum("ij,ij->i", v, v), np.einsum("ij,ij->i", u, v)
    uy, vy = np.einsum("ij,ij->i", u, y), np.einsum("ij,ij->i", v, y)
    determinant = np.maximum(uu * vv - uv**2, 1e-14 * uu * vv)
    first, second = (vv * uy - uv * vy) / determinant, (uu * vy - uv * uy) / determinant
    alone = first < 0, second < 0
    return (
        np.where(alone[0], 0, np.where(alone[1], np.maximum(uy / uu, 0), first)),
        np.where(alone[1], 0, np.where(alone[0], np.maximum(vy / vv, 0), second)),
    )


def _slopes(y: np.ndarray, b: np.ndarray, at: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Sum of squares (n,) at (D / ``unit``, log D*) with the best amplitudes, and half its gradient (n, 2).

    The amplitudes are the best ones, so that their own change adds nothing to the gradient.
    """
    d_star = np.exp(at[:, 1:])
    u, v = np.exp(-b * (at[:, :1] * unit)), np.exp(-b * d_star)
    first, second = _amplitudes(y, u, v)
    left = y - first[:, None] * u - second[:, None] * v
    along = b * left
    slow, fast = first * unit * np.einsum("ij,ij->i", along, u), second * np.einsum("ij,ij->i", along, v)
    return np.einsum("ij,ij->i", left, left), np.stack([slow, fast * d_star[:, 0]], axis=1)


def _step(
    y: np.ndarray,
    b: np.ndarray,
    at: np.ndarray,
    gradient: np.ndarray,
    damping: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    unit: float,
) -> np.ndarray:
    """Newton's step (n, 2), made to go downhill and damped; a coordinate that its bound stops is left where it is."""
    columns = []
    for axis in range(2):
        nudge = np.where(at[:, axis] + _NUDGE > high[axis], -_NUDGE, _NUDGE)
        beside = at.copy()
        beside[:, axis] += nudge
        columns.append((_slopes(y, b, beside, unit)[1] - gradient) / nudge[:, None])
    free = ~(((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0)))
    first, second = (np.where(free[:, axis], columns[axis][:, axis], 0) for axis in range(2))
    both = np.where(free.all(axis=1), (columns[0][:, 1] + columns[1][:, 0]) / 2, 0)
    # In units in which both curvatures are 1 (the two unknowns differ by orders of magnitude in effect).
    scale = np.sqrt(
        np.maximum(np.abs(np.stack([first, second], axis=1)), 1e-12 * np.einsum("ij,ij->i", y, y)[:, None] + 1e-30)
    )
    first, second, both = first / scale[:, 0] ** 2, second / scale[:, 1] ** 2, both / (scale[:, 0] * scale[:, 1])
    lowest = (first + second) / 2 - np.sqrt((first - second) ** 2 / 4 + both**2)
    lift = damping + np.maximum(1e-6 - lowest, 0) * 1.1
    first, second = first + lift, second + lift
    g = np.where(free, gradient, 0) / scale
    step = np.stack([second * g[:, 0] - both * g[:, 1], first * g[:, 1] - both * g[:, 0]], axis=1)
    return np.asarray(-step / (first * second - both**2)[:, None] / scale)
