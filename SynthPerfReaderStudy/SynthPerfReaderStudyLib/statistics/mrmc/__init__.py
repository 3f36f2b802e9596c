"""Multi-reader multi-case analysis: is one arm better than another for readers and cases like these?"""

from __future__ import annotations

from numpy.typing import ArrayLike
from SynthPerfLib.errors import InputError

from .dbm import dbm
from .figures import FIGURES, figures
from .obuchowski_rockette import COVARIANCES, MODELS, obuchowski_rockette
from .result import Mrmc, noninferiority
from .ustatistic import ustatistic

__all__ = ["FIGURES", "METHODS", "MODELS", "Mrmc", "analyse", "noninferiority"]

METHODS = (
    *(f"or_{covariance}_{model}" for covariance in COVARIANCES for model in MODELS),
    *(f"dbm_{model}" for model in MODELS),
    "ustatistic",
)


def analyse(
    scores: ArrayLike,
    truth: ArrayLike,
    method: str = "or_jackknife_rrrc",
    *,
    fom: str = "auc",
    threshold: float | ArrayLike | None = None,
    level: float = 0.95,
) -> Mrmc:
    """Analyse one study by one method.

    Parameters
    ----------
    scores
        Shape (arms, readers, cases), NaN where a case was not read.
    truth
        Shape (cases,), True for positive cases.
    method
        One of ``METHODS``. ``rrrc``: readers and cases random; ``frrc``: readers fixed; ``rrfc``: cases fixed.
    fom, threshold
        ``auc``; or ``sensitivity`` or ``specificity``, where a score at or above the threshold (one, or one per arm) is
        called positive.

    Raises
    ------
    InputError
        The design does not allow the analysis; the sentence says why.
    """
    if method not in METHODS:
        raise InputError(f"Unknown multi-reader method {method!r}; choose {', '.join(METHODS)}.")
    used = figures(scores, truth, fom, threshold)
    if method == "ustatistic":
        return ustatistic(used, level=level)
    name, *rest = method.split("_")
    if name == "dbm":
        return dbm(used, rest[0], level=level)
    return obuchowski_rockette(used, rest[0], rest[1], level=level)
