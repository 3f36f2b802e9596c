"""What every statistic answers: one estimate with its interval and its test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """One row of a result. What does not apply, or the data do not determine, is None and the note says why.

    Attributes
    ----------
    estimate, se
        Point estimate and its standard error.
    ci_low, ci_high, ci_level
        Confidence interval and its level, 0 to 1.
    statistic, df1, df2, p
        Test statistic; degrees of freedom (t and chi-square in ``df1``, F in both); two-sided p unless the note says.
    n, n_pos, n_neg
        Cases; positive and negative cases.
    threshold
        Cut-off that the estimate belongs to, or the margin of a non-inferiority test.
    note
        A convention that a reader must know, or why something is absent.
    """

    estimate: float | None
    se: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    statistic: float | None = None
    df1: float | None = None
    df2: float | None = None
    p: float | None = None
    n: int | None = None
    n_pos: int | None = None
    n_neg: int | None = None
    threshold: float | None = None
    note: str = ""
