"""Proportions: intervals for one, tests and intervals for two that were read in the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import bdtr, betaincinv

from .intervals import quantile_z


@dataclass(frozen=True)
class McNemar:
    """Two-sided tests of equal proportions in pairs that differ ``b`` times one way and ``c`` times the other.

    Attributes
    ----------
    exact, mid
        Exact binomial p and mid-p; 1 where no pair differs.
    chi_square, chi_square_corrected
        Statistics with 1 degree of freedom, without and with Edwards' continuity correction. Both are 0 for b = c: with
        no difference there is nothing to correct (as R's mcnemar.test; some programs give 1 / (b + c)).
    """

    exact: float
    mid: float
    chi_square: float
    chi_square_corrected: float


def wilson(x: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of x out of n without continuity correction (Wilson 1927)."""
    z = quantile_z(level)
    share = x / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (0.0 if x == 0 else centre - half), (1.0 if x == n else centre + half)


def clopper_pearson(x: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval of x out of n (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    high = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - tail))
    return low, high


def mcnemar(b: int, c: int) -> McNemar:
    """Compare two paired proportions by the pairs that differ (McNemar 1947; mid-p: Fagerland et al. 2013)."""
    n, less = b + c, min(b, c)
    if n == 0:
        return McNemar(1.0, 1.0, 0.0, 0.0)
    to_less = float(bdtr(less, n, 0.5))
    here = to_less - (float(bdtr(less - 1, n, 0.5)) if less else 0.0)
    exact = min(1.0, 2 * to_less)
    mid = 1 - here if b == c else exact - here
    corrected = 0.0 if b == c else (abs(b - c) - 1) ** 2 / n
    return McNemar(exact, mid, (b - c) ** 2 / n, corrected)


def tango(b: int, c: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of the paired difference (b - c) / n (Tango 1998, Statistics in Medicine 17:891)."""
    from scipy.optimize import brentq

    z = quantile_z(level)

    def score(difference: float) -> float:
        linear = -b - c + (2 * n - b + c) * difference
        root = math.sqrt(max(linear**2 + 8 * n * c * difference * (1 - difference), 0.0))
        second_only = (root - linear) / (4 * n)
        variance = n * (2 * second_only + difference * (1 - difference))
        deviation = b - c - n * difference
        if deviation == 0:
            return 0.0
        return deviation / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, deviation)

    edge = 1 - 1e-12
    low, high = -1.0, 1.0
    if b - c > -n:
        low = float(brentq(lambda d: math.atan(score(d)) - math.atan(z), -edge, (b - c) / n, xtol=1e-14))
    if b - c < n:
        high = float(brentq(lambda d: math.atan(score(d)) + math.atan(z), (b - c) / n, edge, xtol=1e-14))
    return low, high
