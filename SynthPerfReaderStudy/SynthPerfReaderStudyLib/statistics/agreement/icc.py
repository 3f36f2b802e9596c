"""Intraclass correlation by analysis of variance (Shrout and Fleiss 1979; McGraw and Wong 1996)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..estimate import Estimate
from ..intervals import p_f

_SDC = 1.96 * math.sqrt(2)


@dataclass(frozen=True)
class TwoWay:
    """Mean squares of complete ratings, cases by readers, one rating a cell.

    Attributes
    ----------
    n, k
        Cases and readers.
    subjects, readers, error
        Mean squares with n - 1, k - 1 and (n - 1)(k - 1) degrees of freedom.
    within
        Mean square within cases, n(k - 1) degrees of freedom.
    """

    n: int
    k: int
    subjects: float
    readers: float
    error: float
    within: float


def two_way(ratings: np.ndarray) -> TwoWay | None:
    """Mean squares over the complete cases of ``ratings`` (cases, readers); None below two cases or two readers."""
    values = ratings[~np.isnan(ratings).any(axis=1)]
    n, k = values.shape
    if n < 2 or k < 2:
        return None
    values = values - values.mean()
    of_case, of_reader = values.mean(axis=1), values.mean(axis=0)
    residual = values - of_case[:, None] - of_reader
    subjects, readers = k * float(of_case @ of_case), n * float(of_reader @ of_reader)
    total = float((values * values).sum())
    error = float((residual * residual).sum())
    # What is left by rounding counts as nothing, so that perfect agreement is seen as such.
    if error <= 1e-20 * total:
        error = 0.0
    if readers <= 1e-20 * total:
        readers = 0.0
    return TwoWay(
        n,
        k,
        subjects / (n - 1),
        readers / (k - 1),
        error / ((n - 1) * (k - 1)),
        (readers + error) / (n * (k - 1)),
    )


def icc(ratings: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """The six forms ``ICC(1,1)`` ... ``ICC(3,k)`` over the complete cases, with F tests and intervals.

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    level
        Coverage of the intervals, (0, 1).

    Returns
    -------
    dict
        Name to estimate; F in ``statistic``. Without two complete cases and two readers, or with every rating the
        same, the estimates are None and the note says so.

    Notes
    -----
    Intervals and F of McGraw and Wong 1996 (with the correction of 1996;1:390). The F of ICC(2,1) and ICC(2,k) is that
    of consistency, cases over error with (n - 1)(k - 1) degrees of freedom, as in R psych; R irr tests with
    Satterthwaite degrees of freedom that depend on the estimate. The limits of ICC(2,k) are those of ICC(2,1) stepped
    up by Spearman and Brown; irr 0.84.1 counts k twice there. Intervals may reach below 0 and are not clipped.
    """
    names = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
    anova = two_way(ratings)
    complete = int((~np.isnan(ratings).any(axis=1)).sum())
    if anova is None:
        note = "needs two readers and two cases that every reader rated"
        return {name: Estimate(None, n=complete, note=note) for name in names}
    n, k, msb, mse, msw = anova.n, anova.k, anova.subjects, anova.error, anova.within
    if msb == 0 and mse == 0:
        note = "not determined: the cases do not differ"
        return {name: Estimate(None, n=n, note=note) for name in names}
    one = _ratio_forms(msb, msw, n - 1, n * (k - 1), k, level, n)
    three = _ratio_forms(msb, mse, n - 1, (n - 1) * (k - 1), k, level, n)
    two = _absolute(anova, level)
    return dict(zip(names, (one[0], two[0], three[0], one[1], two[1], three[1]), strict=True))


def icc_one_way(ratings: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """``ICC(1,1)`` and ``ICC(1,k)`` of cases that were read by different readers (one-way, numbers may differ).

    Cases with two ratings or more count; ``k`` is the mean number of ratings of a case (as in R multilevel).

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    level
        Coverage of the intervals, (0, 1).
    """
    present = ~np.isnan(ratings)
    used = present.sum(axis=1) >= 2
    values, present = np.where(present, ratings, 0.0)[used], present[used]
    sizes = present.sum(axis=1)
    n, total = len(sizes), int(sizes.sum())
    if n < 2:
        return {name: Estimate(None, n=n, note="needs two cases with two ratings") for name in ("ICC(1,1)", "ICC(1,k)")}
    means = values.sum(axis=1) / sizes
    grand = float(values.sum()) / total
    between = float((sizes * (means - grand) ** 2).sum()) / (n - 1)
    within = float((np.where(present, values - means[:, None], 0.0) ** 2).sum()) / (total - n)
    if between == 0 and within == 0:
        note = "not determined: the cases do not differ"
        return {name: Estimate(None, n=n, note=note) for name in ("ICC(1,1)", "ICC(1,k)")}
    single, average = _ratio_forms(between, within, n - 1, total - n, total / n, level, n)
    return {"ICC(1,1)": single, "ICC(1,k)": average}


def measurement_error(ratings: np.ndarray) -> dict[str, tuple[float, float]] | None:
    """Standard error of measurement and smallest detectable change, in the ratings' unit, over the complete cases.

    Returns
    -------
    dict
        ``agreement`` (readers' offsets count: root of the mean square within cases) and ``consistency`` (root of the
        error mean square), each with (SEM, SDC); SDC = 1.96 sqrt(2) SEM (de Vet 2006). None where :func:`two_way` is.
    """
    anova = two_way(ratings)
    if anova is None:
        return None
    errors = {"agreement": math.sqrt(anova.within), "consistency": math.sqrt(anova.error)}
    return {name: (error, _SDC * error) for name, error in errors.items()}


def _ratio_forms(
    between: float, error: float, df1: float, df2: float, k: float, level: float, n: int
) -> tuple[Estimate, Estimate]:
    """ICC(1) and ICC(3), single and average: both are functions of one F, and so are their limits."""
    single = (between - error) / (between + (k - 1) * error)
    if between == 0:
        note = "no average: the cases have equal means"
        return Estimate(single, n=n, statistic=0.0, df1=df1, df2=df2, p=1.0, note=note), Estimate(None, n=n, note=note)
    average = (between - error) / between
    if error == 0:
        note = "no test and no interval: the readers do not differ beyond constant offsets"
        return Estimate(single, n=n, note=note), Estimate(average, n=n, note=note)
    f = between / error
    low, high = f / _f_quantile(level, df1, df2), f * _f_quantile(level, df2, df1)
    test = {"statistic": f, "df1": df1, "df2": df2, "p": p_f(f, df1, df2), "n": n, "ci_level": level}
    return (
        Estimate(single, ci_low=(low - 1) / (low + k - 1), ci_high=(high - 1) / (high + k - 1), **test),  # type: ignore[arg-type]
        Estimate(average, ci_low=1 - 1 / low, ci_high=1 - 1 / high, **test),  # type: ignore[arg-type]
    )


def _absolute(anova: TwoWay, level: float) -> tuple[Estimate, Estimate]:
    """ICC(2): absolute agreement of random readers; limits with Satterthwaite's degrees of freedom."""
    n, k, msb, msj, mse = anova.n, anova.k, anova.subjects, anova.readers, anova.error
    whole = msb + (k - 1) * mse + k * (msj - mse) / n
    if whole == 0:
        absent = Estimate(None, n=n, note="not determined: its denominator is 0")
        return absent, absent
    single = (msb - mse) / whole
    below = msb + (msj - mse) / n
    average = None if below == 0 else (msb - mse) / below
    if mse == 0:
        note = "no test and no interval: the readers do not differ beyond constant offsets"
        return Estimate(single, n=n, note=note), Estimate(average, n=n, note=note)
    df1, df2 = n - 1, (n - 1) * (k - 1)
    f = msb / mse
    a, b = k * single / (n * (1 - single)), 1 + k * single * (n - 1) / (n * (1 - single))
    spread = (a * msj) ** 2 / (k - 1) + (b * mse) ** 2 / df2
    test = {"statistic": f, "df1": df1, "df2": df2, "p": p_f(f, df1, df2), "n": n}
    low = high = math.nan
    if spread > 0:
        df = (a * msj + b * mse) ** 2 / spread
        lower, upper = _f_quantile(level, df1, df), _f_quantile(level, df, df1)
        noise = k * msj + (k * n - k - n) * mse
        low = n * (msb - lower * mse) / (lower * noise + n * msb)
        high = n * (upper * msb - mse) / (noise + n * upper * msb)
    if not low <= single <= high:
        note = "no interval: too few cases for its approximation"
        return Estimate(single, note=note, **test), Estimate(average, note=note, **test)  # type: ignore[arg-type]
    # Spearman and Brown's step has a pole at -1 / (k - 1); a limit at or beyond it has no average.
    stepped = [limit * k / (1 + limit * (k - 1)) if 1 + limit * (k - 1) > 1e-9 else None for limit in (low, high)]
    lacking = ["no average: its denominator is 0"] * (average is None)
    lacking += ["no lower limit: it is beyond the range of an average"] * (stepped[0] is None)
    return (
        Estimate(single, ci_low=low, ci_high=high, ci_level=level, **test),  # type: ignore[arg-type]
        Estimate(
            average,
            ci_low=stepped[0],
            ci_high=stepped[1],
            ci_level=level,
            note="; ".join(lacking),
            **test,  # type: ignore[arg-type]
        ),
    )


def _f_quantile(level: float, df1: float, df2: float) -> float:
    from scipy.special import fdtri

    return float(fdtri(df1, df2, (1 + level) / 2))
