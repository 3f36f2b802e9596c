"""Confidence intervals and p-values that many statistics share."""

from __future__ import annotations

import math
from typing import Any

from .estimate import Estimate


def quantile_z(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for ``level`` 0.95."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def quantile_t(level: float, df: float) -> float:
    """Student's quantile of a two-sided interval."""
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))


def p_normal(z: float) -> float:
    """Two-sided p of a standard normal statistic."""
    return math.erfc(abs(z) / math.sqrt(2))


def p_t(t: float, df: float) -> float:
    """Two-sided p of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))


def p_chi_square(value: float, df: float) -> float:
    """Upper tail of chi-square."""
    from scipy.special import chdtrc

    return float(chdtrc(df, value))


def p_f(value: float, df1: float, df2: float) -> float:
    """Upper tail of F."""
    from scipy.special import fdtrc

    return float(fdtrc(df1, df2, value))


def with_t(estimate: float, se: float, df: float, level: float, **fields: Any) -> Estimate:
    """An estimate with its t interval and the t test of 0.

    With no spread at all (``se`` 0) the interval has no width and there is no test.

    Parameters
    ----------
    fields
        Further fields of :class:`Estimate`; a ``note`` is kept.
    """
    half = quantile_t(level, df) * se
    if se > 0:
        t = estimate / se
        fields |= {"statistic": t, "p": p_t(t, df)}
    else:
        fields["note"] = "; ".join(filter(None, [fields.get("note"), "no test: the standard error is 0"]))
    return Estimate(estimate, se, estimate - half, estimate + half, level, df1=df, **fields)
