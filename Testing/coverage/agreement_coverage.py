"""How often 95 % intervals of agreement and of method comparison hold the truth, in simulated studies. Run by hand:

    python Testing/coverage/agreement_coverage.py --studies 2000

Readers: score = case + reader + noise, all normal, cases with SD 1. Average forms of the intraclass correlation are not
listed: their limits are rising functions of those of the single forms, so they cover as often. Categories: every reader
cuts the same kind of score at the three points of a four-point scale.
Methods: true values with SD 1.5, measured by both methods with normal errors; for slope 0.75 with equal errors Deming's
assumption holds and Passing and Bablok's (errors in the ratio of the slope) does not, for slope 1 both do.
A study without an interval counts as not covered and is listed; the width is the median.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import ndtr
from SynthPerfReaderStudyLib.statistics import agreement, method_comparison
from SynthPerfReaderStudyLib.statistics.estimate import Estimate

Found = Iterator[tuple[str, Estimate, float]]  # name, estimate, truth

READERS = {"good readers": (0.2, 0.3), "fair readers": (0.4, 0.7)}
"""SD of the readers' offsets and of the noise."""

METHODS = {"slope 1, small errors": (1.0, 0.3), "slope 0.75, large errors": (0.75, 0.75)}
"""Slope, and SD of either method's errors."""

CUTS = np.array([-1.0, 0.0, 1.0])
CATEGORIES = np.arange(4.0)
SPREAD = 1.5


def correlations(rng: np.random.Generator, kind: str, cases: int, readers: int) -> Found:
    """ICC of readers who all rate every case; of the one-way form, readers differ from case to case."""
    offset, noise = READERS[kind]
    case, rest = rng.normal(size=(cases, 1)), noise * rng.normal(size=(cases, readers))
    other = math.hypot(offset, noise) * rng.normal(size=(cases, readers))
    yield "ICC(1,1)", agreement.icc(case + other)["ICC(1,1)"], 1 / (1 + offset**2 + noise**2)
    forms = agreement.icc(case + offset * rng.normal(size=readers) + rest)
    yield "ICC(2,1)", forms["ICC(2,1)"], 1 / (1 + offset**2 + noise**2)
    yield "ICC(3,1)", forms["ICC(3,1)"], 1 / (1 + noise**2)


def shares(noise: float) -> NDArray:
    """How often two readers say each pair of categories, (4, 4)."""
    case, weight = hermegauss(80)
    below = ndtr((CUTS - case[:, None]) / noise)
    said = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return (weight / weight.sum() * said.T) @ said


def categories(rng: np.random.Generator, kind: str, cases: int, readers: int) -> Found:
    """Chance-corrected agreement of readers without offsets."""
    noise = READERS[kind][1]
    scores = rng.normal(size=(cases, 1)) + noise * rng.normal(size=(cases, readers))
    ratings = np.searchsorted(CUTS, scores).astype(float)
    table, pairs = agreement.counts(ratings, CATEGORIES), agreement.crosstable(ratings, CATEGORIES)
    both = shares(noise)
    marginal = both.sum(axis=0)
    for name in ("unweighted", "quadratic"):
        weights = agreement.weight_matrix(name, CATEGORIES)
        agreed, chance = float((weights * both).sum()), float(marginal @ weights @ marginal)
        kappa = (agreed - chance) / (1 - chance)
        if readers == 2:
            yield f"Cohen's kappa, {name}", agreement.cohen(pairs[0, 1], weights), kappa
        else:
            yield f"Fleiss' kappa, {name}", agreement.fleiss(table, weights), kappa
        chance = float(weights.sum()) / 12 * float(marginal @ (1 - marginal))
        gwet = "AC1" if name == "unweighted" else "AC2, quadratic"
        yield f"Gwet's {gwet}", agreement.gwet(table, weights), (agreed - chance) / (1 - chance)
        if name == "quadratic":
            yield "Krippendorff's alpha, interval", agreement.krippendorff(ratings, "interval"), kappa


def limits(rng: np.random.Generator, _: str, cases: int, resamples: int = 2000) -> Found:
    """Limits of agreement of two methods with errors of SD 0.3 and no bias; all three intervals of the upper one."""
    x, y = 0.3 * rng.normal(size=(2, cases))
    truth = 1.96 * 0.3 * math.sqrt(2)
    found = method_comparison.bland_altman(x, y)
    seed = int(rng.integers(2**31))
    drawn = method_comparison.bland_altman_bootstrap(x, y, resamples=resamples, seed=seed)
    yield "bias", found["bias"], 0.0
    yield "limit, approximate", found["loa_upper"], truth
    yield "limit, exact", found["loa_upper_exact"], truth
    yield "limit, bootstrap", drawn["loa_upper"], truth


def lines(rng: np.random.Generator, kind: str, cases: int) -> Found:
    """Regressions with errors in both methods, and Lin's coefficient with the truth from the moments."""
    slope, error = METHODS[kind]
    true = 5 + SPREAD * rng.normal(size=cases)
    noise_x, noise_y = error * rng.normal(size=(2, cases))
    x, y = true + noise_x, 5 + slope * (true - 5) + noise_y
    for name, fit in (("Deming", method_comparison.deming), ("Passing-Bablok", method_comparison.passing_bablok)):
        found = fit(x, y)
        yield f"{name} slope", found["slope"], slope
        yield f"{name} intercept", found["intercept"], 5 - 5 * slope
    covariance, squares = slope * SPREAD**2, (1 + slope**2) * SPREAD**2 + 2 * error**2
    yield "Lin's coefficient", method_comparison.lin_ccc(x, y), 2 * covariance / squares
    ends = math.sqrt((SPREAD**2 + error**2) * ((slope * SPREAD) ** 2 + error**2))
    yield "Pearson's r", method_comparison.pearson(x, y), covariance / ends
    rho = 6 / math.pi * math.asin(covariance / ends / 2)
    yield "Spearman's rho", method_comparison.spearman(x, y), rho


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    designs = [
        *((correlations, kind, size) for kind in READERS for size in ((20, 3), (50, 2), (50, 4), (100, 5))),
        *((categories, kind, size) for kind in READERS for size in ((50, 2), (100, 2), (100, 4))),
        *((limits, "normal errors", (size,)) for size in (20, 50, 100)),
        *((lines, kind, (size,)) for kind in METHODS for size in (20, 50, 100)),
    ]
    print(f"{options.studies} studies each, seed {options.seed}")
    print(
        f"{'study':25}{'cases':>6}{'readers':>8}  {'interval of':31}{'truth':>7}{'covered':>9}{'width':>8}  no interval"
    )
    for number, (simulate, kind, size) in enumerate(designs):
        rng = np.random.default_rng([options.seed, number])
        kept: dict[str, list[tuple[float, bool, float, bool]]] = {}
        for _ in range(options.studies):
            for name, found, truth in simulate(rng, kind, *size):
                low, high = (math.nan if end is None else end for end in (found.ci_low, found.ci_high))
                row = (truth, low <= truth <= high, high - low, math.isnan(high - low))
                kept.setdefault(name, []).append(row)
        for name, rows in kept.items():
            columns = np.array(rows, float).T
            (truth, covered, _, none), width = columns.mean(axis=1), np.nanmedian(columns[2])
            readers = size[1] if len(size) > 1 else ""
            print(
                f"{kind:25}{size[0]:6}{readers:>8}  {name:31}{truth:7.3f}{covered:9.3f}{width:8.3f}{none:13.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
