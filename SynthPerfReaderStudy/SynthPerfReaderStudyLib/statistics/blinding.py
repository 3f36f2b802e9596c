"""Did readers know which arm they saw? Blinding indices from their guesses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .estimate import Estimate
from .intervals import quantile_z


def bang(right: int, wrong: int, unknown: int, *, level: float = 0.95) -> Estimate:
    """Bang's blinding index of one of two arms (Bang, Ni and Davis 2004).

    Parameters
    ----------
    right, wrong, unknown
        Guesses of this arm's stimuli: the arm itself, the other one, "cannot say".
    level
        Coverage of the normal interval, (0, 1).

    Returns
    -------
    Estimate
        The share of right less that of wrong guesses, -1 to 1: 0 for guesses at random, 1 if everyone knew the arm,
        below 0 if it was taken for the other one. Guesses count as independent.
    """
    n = right + wrong + unknown
    if n == 0:
        return Estimate(None, n=0, note="nobody guessed")
    table = np.array([right, wrong, unknown], dtype=float)
    return _delta(table, lambda share: float(share[0] - share[1]), level)


def james(table: np.ndarray, *, level: float = 0.95) -> Estimate:
    """James' blinding index (James et al. 1996).

    Parameters
    ----------
    table
        (arms, arms + 1) counts: the arm that was shown by the arm that was guessed, the last column "cannot say".
    level
        Coverage of the normal interval, (0, 1).

    Returns
    -------
    Estimate
        0 if everyone knew the arm, 0.5 for guesses at random, 1 if nobody could say. Guesses count as independent.
    """
    counts = np.asarray(table, dtype=float)
    if counts.sum() == 0:
        return Estimate(None, n=0, note="nobody guessed")
    return _delta(counts, _james, level)


def _james(share: np.ndarray) -> float:
    unknown = float(share[:, -1].sum())
    guessed = share[:, :-1]
    if unknown >= 1:
        return 1.0
    wrong = 1 - np.eye(len(guessed))
    observed = float((wrong * guessed).sum()) / (1 - unknown)
    expected = float((wrong * np.outer(guessed.sum(axis=1), guessed.sum(axis=0))).sum()) / (1 - unknown) ** 2
    kappa = 0.0 if expected == 0 else (observed - expected) / expected
    return (1 + unknown + (1 - unknown) * kappa) / 2


def _delta(counts: np.ndarray, index: Callable[[np.ndarray], float], level: float) -> Estimate:
    """An index of multinomial shares with its standard error by the delta method (numeric slopes)."""
    n = float(counts.sum())
    share = counts / n
    value = index(share)
    slopes = np.zeros(share.shape)
    for cell in np.ndindex(*share.shape):
        step = np.zeros(share.shape)
        step[cell] = 1e-6
        # Along the simplex: shares go on adding up to 1.
        slopes[cell] = (index((share + step) / (1 + 1e-6)) - value) / 1e-6
    variance = float((slopes**2 * share).sum() - (slopes * share).sum() ** 2) / n
    se = math.sqrt(max(variance, 0.0))
    half = quantile_z(level) * se
    return Estimate(value, se, value - half, value + half, level, n=round(n))
