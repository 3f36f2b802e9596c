"""How often 95 % intervals of multi-reader AUCs hold the truth, in simulated studies. Run by hand:

    python Testing/coverage/mrmc_coverage.py --studies 2000

The studies follow Roe and Metz 1997 (Academic Radiology 4:298): normal ratings, readers and cases random, two arms. The
four structures have high or low correlation of the cases' ratings (first letter) and high or low spread between readers
(second letter), at an AUC of about 0.85 in the reference arm. "rejected" is the share of tests with p < 0.05: the error
of the first kind where the true difference is 0. A study whose unbiased variance is below 0 has no interval; it counts
as not covered and is listed.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from SynthPerfReaderStudyLib.statistics.mrmc import analyse

METHODS = ("or_jackknife_rrrc", "or_delong_rrrc", "or_unbiased_rrrc", "dbm_rrrc", "ustatistic")
# Variances of cases (each for case and arm x case), reader x case, residual, and of readers (each for reader and
# arm x reader, in each class); the case-wise ones sum to 1.
STRUCTURES = {
    "HH": (0.3, 0.2, 0.2, 0.03),
    "HL": (0.3, 0.2, 0.2, 0.0055),
    "LH": (0.1, 0.2, 0.6, 0.03),
    "LL": (0.1, 0.2, 0.6, 0.0055),
}
SEPARATION = 1.5


def shift_for(difference: float, spread: float) -> float:
    """Added separation of the first arm that makes its AUC higher by ``difference``."""
    scale = math.sqrt(2 * (1 + 2 * spread))
    return float(scale * ndtri(ndtr(SEPARATION / scale) + difference)) - SEPARATION


def simulate(
    rng: np.random.Generator, structure: str, shift: float, readers: int, cases: int, blocks: int
) -> tuple[NDArray, NDArray]:
    """Ratings (arms, readers, cases) and truth; with blocks each group of readers reads its own share of the cases."""
    case, reading, residual, spread = STRUCTURES[structure]
    truth = np.arange(2 * cases) < cases
    reader = math.sqrt(spread) * (rng.normal(size=(1, readers, 2)) + rng.normal(size=(2, readers, 2)))
    ratings = (
        truth * (SEPARATION + shift * np.array([1.0, 0.0])[:, None, None])
        + np.where(truth, reader[:, :, :1], reader[:, :, 1:])
        + math.sqrt(case) * (rng.normal(size=2 * cases) + rng.normal(size=(2, 1, 2 * cases)))
        + math.sqrt(reading) * rng.normal(size=(readers, 2 * cases))
        + math.sqrt(residual) * rng.normal(size=(2, readers, 2 * cases))
    )
    outside = np.arange(readers)[:, None] % blocks != np.arange(2 * cases) % blocks
    return np.where(outside, np.nan, ratings), truth


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--readers", type=int, default=5)
    parser.add_argument("--cases", type=int, default=50, help="of each class")
    parser.add_argument("--blocks", type=int, default=1, help="split-plot with this many groups of readers")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    methods = [m for m in METHODS if options.blocks == 1 or m not in ("or_delong_rrrc", "dbm_rrrc")]
    print(f"{options.readers} readers, {options.cases} + {options.cases} cases, {options.blocks} blocks, ", end="")
    print(f"{options.studies} studies each, seed {options.seed}")
    print("structure  difference  method             covered  average covered  width   rejected  no interval")
    for number, structure in enumerate(STRUCTURES):
        for difference in (0.0, 0.05):
            rng = np.random.default_rng([options.seed, number, round(100 * difference)])
            shift = shift_for(difference, STRUCTURES[structure][3])
            average = float(ndtr(SEPARATION / math.sqrt(2 * (1 + 2 * STRUCTURES[structure][3]))))
            kept: dict[str, list[tuple[bool, bool, float, bool, bool]]] = {method: [] for method in methods}
            for _ in range(options.studies):
                study = simulate(rng, structure, shift, options.readers, options.cases, options.blocks)
                for method in methods:
                    found = analyse(*study, method)
                    a, arm = found.differences[0, 1], found.arms[1]
                    low, high = (math.nan if limit is None else limit for limit in (a.ci_low, a.ci_high))
                    arm_low, arm_high = (math.nan if limit is None else limit for limit in (arm.ci_low, arm.ci_high))
                    held = low <= difference <= high, arm_low <= average <= arm_high
                    kept[method].append((*held, high - low, a.p is not None and a.p < 0.05, a.ci_low is None))
            for method, rows in kept.items():
                covered, arm_covered, width, rejected, none = np.nanmean(np.array(rows, float), axis=0)
                print(
                    f"{structure:9}  {difference:10.2f}  {method:17}  {covered:7.3f}  {arm_covered:15.3f}"
                    f"  {width:.4f}  {rejected:8.3f}  {none:11.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
