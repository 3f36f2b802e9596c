"""Dynamic susceptibility contrast: from signal to relative blood volume, corrected for leakage.

Arrays of signals and curves are (voxel, volume); times in s, relaxation rates in 1/s. Volumes are numbered from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

_FRONT = 0.1  # of the steepest fall: where it becomes slower than this, going back from it, the bolus begins
_STEADY = 0.02  # relative; a first volume that differs by more has not reached the steady state
_LEAST_DROP, _LEAST_DROP_SD = 0.03, 5.0
_LEAST_BASELINE = 2
_LAST_VOLUMES = 10


@dataclass(frozen=True)
class Bolus:
    """Where the bolus is in the series.

    Attributes
    ----------
    baseline
        First and last volume before the contrast agent, both counted.
    peak
        Volume of the lowest mean signal.
    """

    baseline: tuple[int, int]
    peak: int

    @property
    def before(self) -> slice:
        """The baseline's volumes."""
        return slice(self.baseline[0], self.baseline[1] + 1)


def find_bolus(mean: np.ndarray) -> Bolus:
    """Baseline and peak from the mean signal of the head (volume,).

    The peak is the lowest volume. From the steepest fall before it the curve is followed back until it falls by less
    than 10 % of that from one volume to the next: there the baseline ends. Leading volumes that differ by more than
    2 % from the median of the rest have not reached the steady state and are left out.

    Raises
    ------
    InputError
        If there is no passage of a bolus (a drop of at least 3 % of the signal and 5 standard deviations of the
        baseline), or fewer than two volumes before it.
    """
    mean = np.asarray(mean, float)
    first = 0
    # The approach to the steady state is a fall too: it is left out before the bolus is looked for.
    while (
        first < len(mean) - 3
        and mean[first] > (1 + _STEADY) * np.median(mean[first + 1 :][:4])
        and (mean[first + 1] - mean[first + 2] < 0.5 * (mean[first] - mean[first + 1]))
    ):
        first += 1
    peak = first + int(np.argmin(mean[first:]))
    falls = mean[first:peak] - mean[first + 1 : peak + 1]
    if not len(falls):
        raise InputError("No passage of contrast was found: the signal is lowest in the first volume.")
    last = int(np.argmax(falls))
    while last > 0 and falls[last] >= _FRONT * falls.max():
        last -= 1
    last += first + int(falls[last] < _FRONT * falls.max())
    while first < last and abs(mean[first] / np.median(mean[first + 1 : last + 1]) - 1) > _STEADY:
        first += 1
    if last - first + 1 < _LEAST_BASELINE:
        raise InputError(
            f"Only {max(0, last - first + 1)} volumes lie before the contrast agent: give the baseline with "
            "--baseline FIRST:LAST (volumes numbered from 0), at least two."
        )
    base = mean[first : last + 1]
    drop = base.mean() - mean[peak]
    if drop < _LEAST_DROP * base.mean() or drop < _LEAST_DROP_SD * base.std(ddof=1):
        raise InputError(
            f"No passage of contrast was found: the mean signal falls by {100 * drop / base.mean():.1f} % at most. "
            "Check that this is the DSC series."
        )
    return Bolus((first, last), peak)


def delta_r2star(signals: np.ndarray, baseline: slice, echo_time: float) -> np.ndarray:
    """Change of the relaxation rate, -ln(S / S0) / TE, 1/s.

    S0 is the mean of the baseline. A signal below 1 % of S0 is taken as 1 %; a voxel without baseline signal is 0.
    """
    signals = np.asarray(signals, float)
    base = signals[:, baseline].mean(axis=1, keepdims=True)
    share = np.divide(signals, base, out=np.ones_like(signals), where=base > 0)
    return np.asarray(-np.log(np.maximum(share, 0.01)) / echo_time)


def enhancing(signals: np.ndarray, baseline: slice) -> np.ndarray:
    """Voxels whose signal, averaged over the last ten volumes, is more than one standard deviation of their baseline
    above its mean (Boxerman et al. 2006): contrast agent has leaked with a T1 effect. bool, (voxel,)."""
    before = np.asarray(signals[:, baseline], float)
    after = signals[:, -min(_LAST_VOLUMES, signals.shape[1] // 4) :].mean(axis=1)
    return np.asarray(after > before.mean(axis=1) + before.std(axis=1, ddof=1))


@dataclass(frozen=True)
class Leakage:
    """Boxerman-Schmainda-Weisskoff fit of each voxel.

    Attributes
    ----------
    corrected
        Curves without leakage, (voxel, volume), 1/s.
    k1
        Amplitude of the reference curve, (voxel,).
    k2
        Leakage, (voxel,), 1/s: above 0 where a T1 effect lowered the curve, below 0 where a T2* effect raised it.
    """

    corrected: np.ndarray
    k1: np.ndarray
    k2: np.ndarray


def correct_leakage(curves: np.ndarray, reference: np.ndarray, interval: float, first: int = 0) -> Leakage:
    """Correct curves for leaked contrast agent (Boxerman, Schmainda, Weisskoff, AJNR 2006;27:859).

    Each curve is fitted by K1 r(t) - K2 R(t) with r the mean curve of voxels that do not enhance and R its running
    integral (trapezoids); K2 R(t) is added back.

    Parameters
    ----------
    curves
        (voxel, volume), 1/s.
    reference
        r, (volume,), 1/s.
    interval
        Time from one volume to the next, s.
    first
        The fit, the integral and the correction begin with this volume.
    """
    r = np.asarray(reference, float)[first:]
    running = interval * np.concatenate([[0.0], np.cumsum((r[1:] + r[:-1]) / 2)])
    design = np.stack([r, -running], axis=1)
    k1, k2 = (np.asarray(curves, float)[:, first:] @ np.linalg.pinv(design).T).T
    corrected = np.array(curves, float)
    corrected[:, first:] += k2[:, None] * running
    return Leakage(corrected, k1, k2)


def integral(curves: np.ndarray, interval: float, window: tuple[int, int]) -> np.ndarray:
    """Area under the curves (voxel,) from the first to the last volume of ``window``, by trapezoids.

    It is proportional to the blood volume.
    """
    part = np.asarray(curves, float)[:, window[0] : window[1] + 1]
    return np.asarray(interval * (part.sum(axis=1) - (part[:, 0] + part[:, -1]) / 2))
