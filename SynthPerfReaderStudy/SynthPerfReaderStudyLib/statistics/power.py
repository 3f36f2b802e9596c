"""How many readers and cases a multi-reader multi-case study needs.

Sources: Hillis, Obuchowski and Berbaum 2011, Academic Radiology 18:129 (power from Obuchowski-Rockette components of a
pilot, or conjectured); Hillis and Schartz 2018, Journal of Medical Imaging 5:045503 (non-inferiority); Hanley and
McNeil 1982, Radiology 143:29 (variance of an AUC without a pilot). Two arms; every reader reads every case in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from SynthPerfLib.errors import InputError

from .mrmc.figures import figures
from .mrmc.obuchowski_rockette import MODELS, Parts, obuchowski_rockette

_MOST_CASES = 100_000


@dataclass(frozen=True)
class Components:
    """What varies in a study, as in Obuchowski and Rockette's model.

    Attributes
    ----------
    var_tr
        Variance of the arm difference between readers, beyond what the cases explain; below 0 counts as 0.
    var, cov1, cov2, cov3
        Variance of one reader's figure of merit in one arm, and covariances: same reader, other arm; same arm, other
        reader; other arm and reader.
    cases
        Cases that ``var`` to ``cov3`` belong to; they are inversely proportional to the number of cases, at the same
        share of positive ones.
    """

    var_tr: float
    var: float
    cov1: float
    cov2: float
    cov3: float
    cases: float


@dataclass(frozen=True)
class Size:
    """Readers, the fewest cases that reach the wanted power (None: no number does), and the power they give."""

    readers: int
    cases: int | None
    power: float


def from_pilot(
    scores: ArrayLike,
    truth: ArrayLike,
    *,
    fom: str = "auc",
    threshold: float | ArrayLike | None = None,
    share: float | None = None,
) -> Components:
    """Components of a pilot study of two arms, with jackknife covariances.

    For sensitivity and specificity the cases are those of the one class that counts.

    Parameters
    ----------
    scores, truth, fom, threshold
        As for :func:`.mrmc.analyse`.
    share
        Planned share of positive cases, for the AUC, if it is not the pilot's: DeLong's covariances are made up of a
        part for the positive and one for the negative cases, which are then weighted anew. No reading may be missing.

    Raises
    ------
    InputError
        The pilot does not allow the analysis; the share is not between 0 and 1, or is given for another figure.
    """
    used = figures(scores, truth, fom, threshold)
    if used.shape[0] != 2:
        raise InputError(f"Power is for two arms; the pilot has {used.shape[0]}.")
    part = obuchowski_rockette(used).components
    # Hillis et al. 2011, equation 9: of a planned study Cov2 - Cov3 is not below 0, nor in VarTR.
    var_tr = part["VarTR"] + max(part["Cov3"] - part["Cov2"], 0.0)
    cases = sum(int(read.any(axis=0).sum()) for read in used.read)
    if share is not None:
        if not (0 < share < 1 and fom == "auc"):
            raise InputError("The planned share of positive cases must be between 0 and 1, and is for the AUC only.")
        if not used.complete:
            raise InputError("A planned share of positive cases needs a pilot without missing readings.")
        sides = zip(used.deviations, (share, 1 - share), strict=True)
        covariance = sum(d @ d.T / (d.shape[1] - 1) / (part_of * cases) for d, part_of in sides)
        part = Parts(used.table, np.asarray(covariance)).components
    return Components(var_tr, part["Var"], part["Cov1"], part["Cov2"], part["Cov3"], float(cases))


def conjectured(auc: float, n_pos: int, n_neg: int, *, r1: float, r2: float, r3: float, sd_tr: float) -> Components:
    """Components without a pilot, for the AUC.

    Parameters
    ----------
    auc
        Expected AUC, 0.5 to below 1.
    n_pos, n_neg
        Cases of the share of positive ones that is planned; any number, as it is rescaled.
    r1, r2, r3
        Correlations of two AUCs by case sampling: same reader, other arm; same arm, other reader; other arm and reader.
    sd_tr
        Standard deviation of the arm difference between readers, divided by the square root of two.

    Raises
    ------
    InputError
        A value is outside its range, or the correlations contradict each other.
    """
    if not 0.5 <= auc < 1 or min(n_pos, n_neg) < 2 or sd_tr < 0:
        raise InputError("The AUC must be from 0.5 to below 1, with two cases or more of each class and a spread >= 0.")
    if not (0 <= r3 <= min(r1, r2) and max(r1, r2) <= 1 and 1 - r1 - r2 + r3 >= 0):
        raise InputError("Correlations must be from 0 to 1, r3 not above r1 or r2, and 1 - r1 - r2 + r3 not below 0.")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n_pos - 1) * (q1 - auc**2) + (n_neg - 1) * (q2 - auc**2)
    var = spread / (n_pos * n_neg)
    return Components(sd_tr**2, var, r1 * var, r2 * var, r3 * var, float(n_pos + n_neg))


def power(
    components: Components,
    effect: float,
    readers: int,
    cases: float,
    *,
    model: Literal["rrrc", "frrc", "rrfc"] = "rrrc",
    alpha: float = 0.05,
    margin: float | None = None,
) -> float:
    """Probability that a study of this size shows what is true.

    Parameters
    ----------
    effect
        True difference, new arm minus the other.
    readers, cases
        Size of the planned study; two readers or more.
    model
        ``rrrc``: readers and cases random; ``frrc``: readers fixed; ``rrfc``: cases fixed.
    alpha
        Two-sided level of the test that the arms differ. With a margin the one-sided test at alpha / 2, that is, the
        lower limit of the (1 - alpha) interval lies above -margin.
    margin
        Above 0: power to show non-inferiority instead.

    Raises
    ------
    InputError
        An argument is outside its range.
    """
    from scipy.special import chdtri, chndtr, fdtri, ncfdtr, nctdtr, ndtr, ndtri, stdtrit

    if readers < 2 or cases < 2 or not 0 < alpha < 1 or model not in MODELS:
        raise InputError("Power needs two readers and two cases or more, an alpha between 0 and 1, and a known model.")
    if margin is not None and not margin > 0:
        raise InputError(f"The non-inferiority margin must be above 0; it is {margin}.")
    error, df = _error(components, readers, cases, model)
    if not error > 0:
        raise InputError("These variance components leave no variance for the difference; check them.")
    se = math.sqrt(2 * error / readers)
    if margin is not None:
        shift = (effect + margin) / se
        if df is None:
            return float(ndtr(shift - ndtri(1 - alpha / 2)))
        return float(1 - nctdtr(df, shift, stdtrit(df, 1 - alpha / 2)))
    noncentral = (effect / se) ** 2
    if df is None:
        return float(1 - chndtr(chdtri(1, alpha), 1, noncentral))
    return float(1 - ncfdtr(1, df, noncentral, fdtri(1, df, 1 - alpha)))


def sizes(
    components: Components,
    effect: float,
    readers: Iterable[int],
    wanted: float = 0.8,
    *,
    model: Literal["rrrc", "frrc", "rrfc"] = "rrrc",
    alpha: float = 0.05,
    margin: float | None = None,
) -> list[Size]:
    """For each number of readers the fewest cases that reach the wanted power.

    With random readers no number of cases may do: the difference between the readers remains. ``cases`` is None then
    and ``power`` is that of 100,000 cases.
    """
    if not 0 < wanted < 1:
        raise InputError(f"The wanted power must be between 0 and 1; it is {wanted}.")
    found = []
    for number in readers:

        def reached(cases: int, number: int = number) -> float:
            return power(components, effect, number, cases, model=model, alpha=alpha, margin=margin)

        low, high = 1, _MOST_CASES  # low never suffices, high does
        if reached(high) < wanted:
            found.append(Size(number, None, reached(high)))
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
        found.append(Size(number, high, reached(high)))
    return found


def _error(part: Components, readers: int, cases: float, model: str) -> tuple[float, float | None]:
    """Expected denominator of the F statistic and its degrees of freedom (Hillis et al. 2011, equation 10)."""
    scale = part.cases / cases
    gap = max(part.cov2 - part.cov3, 0.0)
    between = max(part.var_tr, 0.0)
    tr = between + scale * (part.var - part.cov1 - gap)
    if model == "frrc":
        return scale * (part.var - part.cov1 + (readers - 1) * gap), None
    if model == "rrfc":
        return tr, readers - 1.0
    whole = tr + readers * scale * gap
    return whole, whole**2 / (tr**2 / (readers - 1)) if tr > 0 else None
