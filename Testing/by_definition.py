"""The statistics of a reader study from their definitions, with loops and no shortcuts, to check the fast ones."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray


def kernel(positive: NDArray, negative: NDArray) -> NDArray:
    """1 where the positive case has the higher score, one half for a tie; shape (positive, negative)."""
    compared = [[1.0 if p > q else 0.5 if p == q else 0.0 for q in negative] for p in positive]
    return np.array(compared).reshape(len(positive), len(negative))


def figure(scores: NDArray, truth: NDArray, fom: str = "auc", threshold: float = 0.0) -> float:
    """AUC, sensitivity or specificity of one reader in one arm."""
    given = ~np.isnan(scores)
    positive, negative = scores[truth & given], scores[~truth & given]
    if fom == "auc":
        return float(kernel(positive, negative).mean())
    return float((positive >= threshold).mean() if fom == "sensitivity" else (negative < threshold).mean())


def delong(scores: NDArray, truth: NDArray) -> NDArray:
    """Covariance of the AUCs of the rows of ``scores`` from the components V10 and V01 of DeLong et al. 1988."""
    kernels = [kernel(row[truth], row[~truth]) for row in scores]
    m, n = kernels[0].shape
    found = np.empty((len(kernels), len(kernels)))
    for a, b in product(range(len(kernels)), repeat=2):
        v10 = [k.mean(axis=1) - k.mean() for k in (kernels[a], kernels[b])]
        v01 = [k.mean(axis=0) - k.mean() for k in (kernels[a], kernels[b])]
        found[a, b] = np.sum(v10[0] * v10[1]) / (m - 1) / m + np.sum(v01[0] * v01[1]) / (n - 1) / n
    return found


def jackknife(scores: NDArray, truth: NDArray, fom: str = "auc", threshold: float = 0.0) -> tuple[NDArray, NDArray]:
    """Pseudovalues (cells, cases) and covariance of all cells, the figure computed anew without each case in turn."""
    contributing = {"auc": np.ones_like(truth), "sensitivity": truth, "specificity": ~truth}[fom]
    cases = np.flatnonzero(contributing)
    cells = scores.reshape(-1, scores.shape[-1])
    without = np.array([[figure(np.delete(c, k), np.delete(truth, k), fom, threshold) for k in cases] for c in cells])
    whole = np.array([figure(c, truth, fom, threshold) for c in cells])
    k = cases.size
    off = without - without.mean(axis=1, keepdims=True)
    return k * whole[:, None] - (k - 1) * without, (k - 1) / k * off @ off.T


def distinct_mean(a: NDArray, b: NDArray, truth: NDArray) -> tuple[float, int]:
    """Sum and number of kernel products of two cells over pairs of cases of which none is shared."""
    first = {side: np.flatnonzero((truth == side) & ~np.isnan(a)) for side in (True, False)}
    second = {side: np.flatnonzero((truth == side) & ~np.isnan(b)) for side in (True, False)}
    ka, kb = kernel(a[first[True]], a[first[False]]), kernel(b[second[True]], b[second[False]])
    other_pos = first[True][:, None] != second[True][None, :]
    other_neg = first[False][:, None] != second[False][None, :]
    total = np.einsum("ij,kl,ik,jl->", ka, kb, other_pos.astype(float), other_neg.astype(float))
    return float(total), int(other_pos.sum() * other_neg.sum())


def unbiased(scores: NDArray, truth: NDArray) -> NDArray:
    """Product of two AUCs minus the mean over pairs of pairs without a common case, for all cells."""
    cells = scores.reshape(-1, scores.shape[-1])
    found = np.empty((len(cells), len(cells)))
    for a, b in product(range(len(cells)), repeat=2):
        total, number = distinct_mean(cells[a], cells[b], truth)
        found[a, b] = figure(cells[a], truth) * figure(cells[b], truth) - total / number
    return found


def one_shot(scores: NDArray, truth: NDArray) -> tuple[NDArray, NDArray]:
    """Arms' averages over readers weighted by pairs read, and their unbiased covariance (Gallas 2006)."""
    arms, readers, _ = scores.shape
    averages = np.empty(arms)
    for arm in range(arms):
        kernels = [_read_kernel(scores[arm, r], truth) for r in range(readers)]
        averages[arm] = sum(k.sum() for k in kernels) / sum(k.size for k in kernels)
    covariance = np.empty((arms, arms))
    for a, b in product(range(arms), repeat=2):
        terms = [
            distinct_mean(scores[a, r], scores[b, q], truth) for r, q in product(range(readers), repeat=2) if r != q
        ]
        covariance[a, b] = averages[a] * averages[b] - sum(t for t, _ in terms) / sum(n for _, n in terms)
    return averages, covariance


def one_shot_df(scores: NDArray, truth: NDArray, variance: float) -> float:
    """Satterthwaite's degrees of freedom of the difference of two arms in a complete study (Obuchowski et al. 2012)."""
    kernels = np.array([[_read_kernel(reader, truth) for reader in arm] for arm in scores])
    contrast = kernels[0] - kernels[1]
    terms = 0.0
    for axes in ((1, 2), (0, 2), (0, 1)):  # readers, positive cases, negative cases
        means = contrast.mean(axis=axes)
        terms += (means.var(ddof=1) / means.size) ** 2 / (means.size - 1)
    return variance**2 / terms


def mean_squares(table: NDArray) -> tuple[float, float, float]:
    """MS(T), MS(R), MS(TR) of a table of figures, shape (arms, readers)."""
    arms, readers = table.shape
    grand = table.mean()
    t = readers * sum((table[i].mean() - grand) ** 2 for i in range(arms)) / (arms - 1)
    r = arms * sum((table[:, j].mean() - grand) ** 2 for j in range(readers)) / (readers - 1)
    tr = sum(
        (table[i, j] - table[i].mean() - table[:, j].mean() + grand) ** 2
        for i, j in product(range(arms), range(readers))
    )
    return t, r, tr / ((arms - 1) * (readers - 1))


def mean_covariances(covariance: NDArray, arms: int, readers: int) -> dict[str, float]:
    """Var, Cov1 (same reader), Cov2 (same arm) and Cov3 (neither) from the covariance of all cells."""
    kept: dict[str, list[float]] = {"Var": [], "Cov1": [], "Cov2": [], "Cov3": []}
    for (i, j), (k, m) in product(product(range(arms), range(readers)), repeat=2):
        name = {(True, True): "Var", (False, True): "Cov1", (True, False): "Cov2", (False, False): "Cov3"}[
            i == k, j == m
        ]
        kept[name].append(covariance[i * readers + j, k * readers + m])
    return {name: float(np.mean(values)) for name, values in kept.items()}


def _read_kernel(scores: NDArray, truth: NDArray) -> NDArray:
    given = ~np.isnan(scores)
    return kernel(scores[truth & given], scores[~truth & given])
