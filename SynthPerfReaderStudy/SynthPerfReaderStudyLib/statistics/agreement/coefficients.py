"""Chance-corrected agreement of any number of readers, weighted or not, with Gwet's linearised variances (2014)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..estimate import Estimate
from ..intervals import p_normal, with_t

WEIGHTS = ("unweighted", "linear", "quadratic", "ordinal")


def weight_matrix(name: str, categories: np.ndarray) -> np.ndarray:
    """Agreement weights (q, q) with 1 on the diagonal.

    Parameters
    ----------
    name
        ``unweighted``; ``linear`` and ``quadratic`` fall with the numeric distance of two categories over their range;
        ``ordinal`` (Gwet 2014) with the number of pairs of ranks between them.
    categories
        (q,), rising. Only their number matters to ``unweighted`` and ``ordinal``.
    """
    q = len(categories)
    if name == "unweighted" or q < 2:
        return np.eye(q)
    if name == "ordinal":
        ranks = np.arange(q)
        span = np.abs(ranks[:, None] - ranks) + 1
        return 1 - span * (span - 1) / (q * (q - 1))
    distance = np.abs(categories[:, None] - categories) / (categories[-1] - categories[0])
    return 1 - distance ** {"linear": 1, "quadratic": 2}[name]


def counts(ratings: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Ratings (cases, readers) as numbers of readers for each category, (cases, q)."""
    return (ratings[:, :, None] == categories).sum(axis=1).astype(float)


def percent_agreement(table: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Share of agreeing pairs of ratings, averaged over the cases with two ratings or more (``table`` of counts)."""
    return _coefficient(table, weights, 0.0, np.zeros(len(table)), level)


def share_unanimous(ratings: np.ndarray) -> Estimate:
    """Share of the complete cases that all readers gave the same value."""
    values = ratings[~np.isnan(ratings).any(axis=1)]
    if len(values) == 0:
        return Estimate(None, n=0, note="no case was rated by every reader")
    return Estimate(float((values == values[:, :1]).all(axis=1).mean()), n=len(values))


def gwet(table: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Gwet's AC1 (``weights`` of identity) or AC2 (Gwet 2008, 2014).

    Parameters
    ----------
    table
        (cases, q) counts. Every rated case counts for the marginals, cases with two ratings or more for the agreement.
    weights
        (q, q) agreement weights.
    level
        Coverage of the t interval (cases - 1 degrees of freedom), its upper end clipped at 1.
    """
    q = weights.shape[0]
    if q < 2:
        return Estimate(None, n=len(table), note="not determined: every rating is the same")
    rated = table[table.sum(axis=1) > 0]
    shares = rated / rated.sum(axis=1, keepdims=True)
    marginal = shares.mean(axis=0)
    factor = float(weights.sum()) / (q * (q - 1))
    expected = factor * float(marginal @ (1 - marginal))
    return _coefficient(rated, weights, expected, factor * (shares @ (1 - marginal)), level)


def brennan_prediger(table: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Brennan and Prediger's coefficient (1981): every category is expected equally often."""
    expected = float(weights.mean())
    rated = table[table.sum(axis=1) > 0]
    return _coefficient(rated, weights, expected, np.full(len(rated), expected), level)


def fleiss(table: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Fleiss' kappa (1971) of complete cases, weighted or not.

    Parameters
    ----------
    table
        (cases, q) counts, the same number of ratings in every case.
    weights
        (q, q) agreement weights.
    level
        Coverage of the interval, (0, 1).

    Notes
    -----
    ``se`` and the t interval are Gwet's; without weights ``statistic`` (z) and ``p`` are those of kappa = 0 (Fleiss,
    Nee and Landis 1979), as R irr gives them.
    """
    readers = table.sum(axis=1)[0] if len(table) else 0.0
    marginal = table.sum(axis=0) / max(table.sum(), 1.0)
    expected = float(marginal @ weights @ marginal)
    case_expected = table @ weights @ marginal / max(readers, 1.0)
    result = _coefficient(table, weights, expected, case_expected, level)
    if result.estimate is None or not np.array_equal(weights, np.eye(len(weights))):
        return result
    pq = marginal * (1 - marginal)
    spread = float(pq.sum()) ** 2 - float(pq @ (1 - 2 * marginal))
    se_null = math.sqrt(2 * spread / (len(table) * readers * (readers - 1))) / float(pq.sum())
    z = result.estimate / se_null
    return replace(result, statistic=z, df1=None, p=p_normal(z))


def fleiss_by_category(table: np.ndarray) -> list[Estimate]:
    """Fleiss' kappa of each category against all others (complete cases), with z and p under kappa = 0."""
    n = len(table)
    readers = table.sum(axis=1)[0] if n else 0.0
    found = []
    for said in table.T:
        share = float(said.sum()) / max(n * readers, 1.0)
        if n == 0 or share in (0.0, 1.0):
            found.append(Estimate(None, n=n, note="not determined: given to no case or to every case"))
            continue
        disagreeing = float((said * (readers - said)).sum())
        kappa = 1 - disagreeing / (n * readers * (readers - 1) * share * (1 - share))
        z = kappa * math.sqrt(n * readers * (readers - 1) / 2)
        found.append(Estimate(kappa, statistic=z, p=p_normal(z), n=n))
    return found


def conger(ratings: np.ndarray, categories: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Conger's kappa (1980): each reader keeps marginals of their own. Complete cases of ``ratings`` (cases, readers).

    Notes
    -----
    Expected agreement is the mean over ordered pairs of different readers; its linearisation gives the t interval.
    """
    values = ratings[~np.isnan(ratings).any(axis=1)]
    readers = values.shape[1]
    if len(values) == 0 or readers < 2:
        return Estimate(None, n=len(values), note="needs two readers and cases that every reader rated")
    said = (values[:, :, None] == categories).astype(float)  # cases, readers, q
    marginal = said.mean(axis=0)
    weighted = marginal @ weights
    pairs = readers * (readers - 1)
    expected = (float(weighted.sum(axis=0) @ marginal.sum(axis=0)) - float((weighted * marginal).sum())) / pairs
    case_expected = (said.sum(axis=1) @ weighted.sum(axis=0) - (said * weighted).sum(axis=(1, 2))) / pairs
    return _coefficient(said.sum(axis=1), weights, expected, case_expected, level)


def _coefficient(
    table: np.ndarray, weights: np.ndarray, expected: float, case_expected: np.ndarray, level: float
) -> Estimate:
    """(pa - pe) / (1 - pe) with Gwet's variance.

    ``case_expected`` is half of each case's contribution to the expected agreement (Gwet 2014, eq. 5.9 and 6.4).
    """
    n = len(table)
    ratings = table.sum(axis=1)
    several = ratings >= 2
    n2 = int(several.sum())
    if n2 == 0:
        return Estimate(None, n=n, note="no case has two ratings")
    if 1 - expected < 1e-12:
        return Estimate(None, n=n, note="not determined: every rating is the same")
    agreeing = (table * (table @ weights - 1)).sum(axis=1)
    case_observed = np.divide(agreeing, ratings * (ratings - 1), out=np.zeros(n), where=several)
    observed = float(case_observed.sum()) / n2
    value = (observed - expected) / (1 - expected)
    if n < 2:
        return Estimate(value, n=n, note="no interval: one case only")
    case_value = n / n2 * (case_observed - expected * several) / (1 - expected)
    case_value -= 2 * (1 - value) * (case_expected - expected) / (1 - expected)
    variance = float(((case_value - value) ** 2).sum()) / (n * (n - 1))
    se = math.sqrt(variance) if variance > 1e-24 else 0.0
    result = with_t(value, se, n - 1, level, n=n)
    return replace(result, ci_high=min(1.0, result.ci_high or 1.0))
