"""One-shot estimate of the multi-reader multi-case variance from U-statistics.

Sources: Gallas 2006, Academic Radiology 13:353; Gallas, Bandos, Samuelson and Wagner 2009, Communications in Statistics
A 38:2586; Gallas and Brown 2008, Neural Networks 21:387 (any study design); degrees of freedom from Obuchowski, Gallas
and Hillis 2012, Academic Radiology 19:1508.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..estimate import Estimate
from .figures import Figures
from .obuchowski_rockette import unbiased_covariance
from .result import Mrmc, compared, estimated, reference_df

METHOD = "ustatistic"


def ustatistic(used: Figures, *, level: float = 0.95) -> Mrmc:
    """Differences and averages with unbiased variances, readers and cases random, for any pattern of missing readings.

    Readers are weighted by what they read (pairs of cases for the AUC), all alike where the study is complete. The
    covariance of two arms is the product of their figures minus its unbiased estimate from terms that share neither
    reader nor case. It can be negative in a small study; then there is no interval.

    As in iMRMC the t distribution takes the degrees of freedom rounded down, and the normal distribution from 50 on;
    ``df1`` is not rounded. The overall test exists for two arms.
    """
    arms, readers = used.shape
    sums = used.sums[0].sum(axis=1).reshape(used.shape)
    counts = used.totals.reshape(used.shape)
    averages = sums.sum(axis=1) / counts.sum(axis=1)
    covariance = _covariance(used, averages)
    spreads = _spreads(used, averages)
    size = {"n": used.n_pos + used.n_neg, "n_pos": used.n_pos, "n_neg": used.n_neg}
    note = "" if used.complete else f"missing readings: {used.missing}; readers are weighted by what they read"

    def difference(a: int, b: int) -> Estimate:
        variance = float(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b])
        df = _df(spreads, variance, a, b)
        found = compared(float(averages[a] - averages[b]), variance, reference_df(METHOD, df), level, size, note)
        return replace(found, df1=df if found.se is not None else None)

    def average(a: int) -> Estimate:
        variance = float(covariance[a, a])
        df = _df(spreads, variance, a)
        found = estimated(float(averages[a]), variance, reference_df(METHOD, df), level, size, note)
        return replace(found, df1=df if found.se is not None else None)

    pairs = list(combinations(range(arms), 2))
    differences = {(a, b): difference(a, b) for a, b in pairs}
    cells = unbiased_covariance(used).reshape(arms, readers, arms, readers)
    table = used.table
    return Mrmc(
        method=METHOD,
        fom=used.fom,
        test=_overall(differences, size),
        differences=differences,
        arms=tuple(average(a) for a in range(arms)),
        reader_differences={
            (a, b): tuple(
                compared(
                    float(table[a, r] - table[b, r]),
                    float(cells[a, r, a, r] + cells[b, r, b, r] - 2 * cells[a, r, b, r]),
                    None,
                    level,
                    size,
                )
                if counts[a, r] and counts[b, r]
                else _unread(size)
                for r in range(readers)
            )
            for a, b in pairs
        },
        readers=tuple(
            tuple(
                estimated(float(table[a, r]), float(cells[a, r, a, r]), None, level, size)
                if counts[a, r]
                else _unread(size)
                for r in range(readers)
            )
            for a in range(arms)
        ),
        components={},
        values=table,
    )


def _unread(size: dict[str, int]) -> Estimate:
    return Estimate(None, **size, note="this reader did not read here")


def _overall(differences: dict[tuple[int, int], Estimate], size: dict[str, int]) -> Estimate:
    """F = t squared for two arms."""
    only = differences[0, 1]
    if len(differences) > 1:
        return Estimate(None, **size, note="no overall test of more than two arms by U-statistics; see the differences")
    if only.statistic is None:
        return Estimate(None, **size, note=only.note)
    return Estimate(None, statistic=only.statistic**2, df1=1.0, df2=only.df1, p=only.p, **size, note=only.note)


def _covariance(used: Figures, averages: NDArray) -> NDArray:
    """Unbiased covariance of the arms' averages, shape (arms, arms); NaN where no two readers can be told apart."""
    arms, readers = used.shape
    other = ~np.eye(readers, dtype=bool)
    sums, counts = (
        table.reshape(arms, readers, arms, readers).transpose(0, 2, 1, 3)[:, :, other].sum(axis=2)
        for table in used.distinct
    )
    return np.outer(averages, averages) - sums / np.where(counts > 0, counts, np.nan)


class _Spread:
    """How the averages vary with one random factor: the readers, or the cases of one class.

    Attributes
    ----------
    square
        Shape (arms, arms): mean over the factor's units of the product of their deviations.
    paired
        Shape (arms, arms): the two arms have units in common.
    df
        Effective number of units less one, for each arm.
    """

    def __init__(self, sums: NDArray, counts: NDArray, averages: NDArray) -> None:
        common = counts @ counts.T
        self.paired = common > 0
        product = sums @ sums.T / np.where(self.paired, common, 1.0)
        self.square = np.where(self.paired, product - np.outer(averages, averages), 0.0)
        self.df = np.round(counts.sum(axis=1) ** 2 / np.diag(common) - 1)

    def terms(self, arms: tuple[int, ...]) -> float:
        """Contribution to the denominator of Satterthwaite's degrees of freedom, for one arm or for two."""
        a, b = arms[0], arms[-1]
        if a != b and self.paired[a, b]:
            joint = self.square[a, a] + self.square[b, b] - 2 * self.square[a, b]
            return _term(joint, min(self.df[a], self.df[b]))
        return sum(_term(self.square[arm, arm], self.df[arm]) for arm in arms)


def _term(square: float, df: float) -> float:
    return (square / df) ** 2 / df if df > 0 else 0.0


def _spreads(used: Figures, averages: NDArray) -> list[_Spread]:
    by_arm = [
        (sums.reshape(*used.shape, -1).sum(axis=1), counts.reshape(*used.shape, -1).sum(axis=1))
        for sums, counts in zip(used.sums, used.counts, strict=True)
    ]
    by_arm.append((used.sums[0].sum(axis=1).reshape(used.shape), used.totals.reshape(used.shape)))
    return [_Spread(sums, counts, averages) for sums, counts in by_arm]


def _df(spreads: list[_Spread], variance: float, *arms: int) -> float | None:
    """Satterthwaite's degrees of freedom, not below those of the smallest factor and not below 2."""
    terms = sum(spread.terms(arms) for spread in spreads)
    least = min(float(spread.df[arm]) for spread in spreads for arm in arms)
    return max(float(variance**2 / terms), least, 2.0) if terms > 0 else None
