"""What a multi-reader multi-case analysis answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from numpy.typing import NDArray
from scipy.special import ndtr, stdtr
from SynthPerfLib.errors import InputError

from ..estimate import Estimate
from ..intervals import p_chi_square, p_f, p_normal, p_t, quantile_t, quantile_z

_ROUNDING = 1e-15  # a variance below this is what rounding leaves of 0


@dataclass(frozen=True)
class Mrmc:
    """A multi-reader multi-case analysis. Arms and readers are indices into the score array's first two axes.

    Attributes
    ----------
    method
        As in the result table: ``or_jackknife_rrrc``, ``dbm_rrrc``, ``ustatistic``, ...
    fom
        Figure of merit: ``auc``, ``sensitivity`` or ``specificity``.
    test
        Equality of all arms: F (``df1``, ``df2``), or chi-square (``df1``) for fixed readers.
    differences
        ``(a, b)`` with a < b: reader average of arm a minus arm b.
    arms
        Reader average of each arm, its interval from that arm's data alone, not clipped.
    reader_differences
        ``(a, b)``: for each reader, arm a minus arm b; cases random, the reader as given.
    readers
        ``readers[arm][reader]``: that reader's figure of merit.
    components
        Variance components by name, not clipped (``VarR``, ``VarTR``, ``Cov1``, ``Cov2``, ``Cov3``, ``Var``).
    values
        Figures of merit, shape (arms, readers); NaN where a reader did not read an arm.
    """

    method: str
    fom: str
    test: Estimate
    differences: Mapping[tuple[int, int], Estimate]
    arms: tuple[Estimate, ...]
    reader_differences: Mapping[tuple[int, int], tuple[Estimate, ...]]
    readers: tuple[tuple[Estimate, ...], ...]
    components: Mapping[str, float]
    values: NDArray


def estimated(
    value: float, variance: float, df: float | None, level: float, size: Mapping[str, int], note: str = ""
) -> Estimate:
    """Interval of one value: t with ``df`` degrees of freedom, normal where ``df`` is None."""
    if not variance >= 0:
        return Estimate(value, **size, note=_joined(note, "no interval: the variance estimate is not positive"))
    se = math.sqrt(variance)
    half = _quantile(level, df) * se
    return Estimate(value, se, value - half, value + half, level, df1=df, **size, note=note)


def compared(
    value: float, variance: float, df: float | None, level: float, size: Mapping[str, int], note: str = ""
) -> Estimate:
    """Interval of a difference and its test against 0: t with ``df`` degrees of freedom, or normal for None."""
    if not variance > _ROUNDING:
        why = "no test: the variance estimate of the difference is not positive"
        return Estimate(value, **size, note=_joined(note, why))
    found = estimated(value, variance, df, level, size, note)
    statistic = value / math.sqrt(variance)
    return replace(found, statistic=statistic, p=p_normal(statistic) if df is None else p_t(statistic, df))


def f_test(
    between: float, error: float, df1: float, df2: float | None, size: Mapping[str, int], note: str = ""
) -> Estimate:
    """F = between / error; without ``df2`` the chi-square with ``df1`` degrees of freedom that it tends to."""
    if not error > _ROUNDING:
        return Estimate(None, **size, note=_joined(note, "no test: the error variance is not positive"))
    ratio = between / error
    if df2 is None:
        chi_square = df1 * ratio
        p = p_chi_square(chi_square, df1)
        return Estimate(None, statistic=chi_square, df1=df1, p=p, **size, note=_joined(note, "chi-square"))
    p = p_f(ratio, df1, df2)
    return Estimate(None, statistic=ratio, df1=df1, df2=df2, p=p, **size, note=note)


def reference_df(method: str, df: float | None) -> float | None:
    """Degrees of freedom that the t distribution is taken with; None for the normal distribution.

    iMRMC, whose method ``ustatistic`` is, rounds them down and takes the normal distribution from 50 on.
    """
    if method != "ustatistic" or df is None:
        return df
    return None if df >= 50 else float(math.floor(df))


def noninferiority(
    analysis: Mrmc, pair: tuple[int, int], margin: float, *, new: Literal["a", "b"] = "a", level: float = 0.95
) -> Estimate:
    """Test that the new arm is not worse than the other by the margin or more.

    Parameters
    ----------
    pair
        (a, b) of ``analysis.differences``; the estimate stays a - b.
    margin
        Above 0, in units of the figure of merit.
    new
        Which of the two is the new arm. The hypothesis is that new - other <= -margin; ``p`` is one-sided, and below
        (1 - level) / 2 exactly when the two-sided interval lies on the right side of the margin.

    Raises
    ------
    InputError
        The margin is not above 0.
    """
    if not margin > 0:
        raise InputError(f"The non-inferiority margin must be above 0; it is {margin}.")
    found = analysis.differences[pair]
    if found.estimate is None or found.se is None:
        return replace(found, threshold=margin)
    sign = 1 if new == "a" else -1
    df = reference_df(analysis.method, found.df1)
    statistic = (sign * found.estimate + margin) / found.se
    half = _quantile(level, df) * found.se
    side = f"lower limit above {-margin:g}" if new == "a" else f"upper limit below {margin:g}"
    return replace(
        found,
        ci_low=found.estimate - half,
        ci_high=found.estimate + half,
        ci_level=level,
        statistic=statistic,
        p=float(ndtr(-statistic) if df is None else stdtr(df, -statistic)),
        threshold=margin,
        note=_joined(found.note, f"one-sided p; not inferior if the {side}"),
    )


def _quantile(level: float, df: float | None) -> float:
    return quantile_z(level) if df is None else quantile_t(level, df)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
