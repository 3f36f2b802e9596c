"""Method comparison values of reference programs where their data lie beside the checkout; our own by definition.

Where programs disagree: Deming's intervals are the jackknife's (mcr can also give analytic ones), limits of agreement
are at 1.96 SD with SE = sqrt(3 / n) s, the exact ones at the z quantile.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from SynthPerfReaderStudyLib.ratings import read_paired
from SynthPerfReaderStudyLib.statistics import method_comparison as mc
from SynthPerfReaderStudyLib.statistics.estimate import Estimate

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth" / "05a_ba_pefr1986"
# Other intervals of the same estimates than the conventions name.
NOT_OFFERED = ("loa_lower_z_ba1999", "loa_upper_z_ba1999", "deming_slope_er", "deming_intercept_er", "propbias_r")


def values() -> dict[str, Callable[[], Estimate]]:
    with (TRUTH / "pefr.csv").open(encoding="utf-8", newline="") as file:
        x, y = np.array(list(csv.reader(file))[1:], float).T
    limits, ratio, percent = mc.bland_altman(x, y), mc.bland_altman_ratio(x, y), mc.bland_altman_percent(x, y)
    lines = {f"er{r}": mc.deming(x, y, ratio=r) for r in (1, 2)}
    found = {
        "bias": limits["bias"],
        "sd_diff": limits["sd"],
        "loa_lower": limits["loa_lower"],
        "loa_upper": limits["loa_upper"],
        "loa_lower_exact_carkeet": limits["loa_lower_exact"],
        "loa_upper_exact_carkeet": limits["loa_upper_exact"],
        "propbias_slope": limits["proportional_slope"],
        "propbias_intercept": limits["proportional_intercept"],
        "absresid_slope": limits["spread_slope"],
        "ratio_bias": ratio["bias"],
        "percent_bias": percent["bias"],
        "within_subject_sd": mc.repeatability(x, y)["wsd"],
        "repeatability_coef": mc.repeatability(x, y)["rc"],
        "pearson_r": mc.pearson(x, y),
        "spearman_rho": mc.spearman(x, y),
        "kendall_tau_b": mc.kendall_tau(x, y),
        "lin_ccc": mc.lin_ccc(x, y),
        "lin_ccc_n": mc.lin_ccc(x, y),
        "ols_slope": mc.ols(x, y)["slope"],
        "ols_intercept": mc.ols(x, y)["intercept"],
        "pb_slope": mc.passing_bablok(x, y)["slope"],
        "pb_intercept": mc.passing_bablok(x, y)["intercept"],
    }
    found |= {f"deming_{part}_jack_{name}": line[part] for name, line in lines.items() for part in line}
    return {name: lambda estimate=estimate: estimate for name, estimate in found.items()}


def test_peak_flow_meters_of_bland_and_altman() -> None:
    path = TRUTH / "expected.json"
    reference = json.loads(path.read_text(encoding="utf-8"))["values"] if path.is_file() else []
    for value in reference:
        key, within = value["id"], value["tolerance_abs"]
        if value["role"] != "truth" or key.startswith(NOT_OFFERED):
            continue
        found = values()[key]()
        numbers = {"estimate": value["value"], "se": value.get("se"), "p": value.get("p")}
        if "ci" in value:
            numbers |= {"ci_low": value["ci"][0], "ci_high": value["ci"][1]}
        for name, number in numbers.items():
            if number is not None:
                assert getattr(found, name) == pytest.approx(number, rel=0, abs=within), (key, name)


def test_our_own_pairs_by_definition() -> None:
    """Forty pairs with two decimals; ratios as in tumour to white matter, the second method 0.9 x + 0.2."""
    pairs = read_paired(HERE / "two_methods.csv")
    x, y, n = pairs.x, pairs.y, len(pairs.x)
    angles = []
    for i in range(n):
        for j in range(i):
            dx, dy = round(x[i] - x[j], 6), round(y[i] - y[j], 6)
            if (dx, dy) != (0, 0) and (dx == 0 or dy / dx != -1):
                angles.append(np.pi / 2 if dx == 0 else np.arctan(dy / dx))
    angles.sort()
    shift = sum(angle < -np.pi / 4 for angle in angles)
    middle = (len(angles) + 1) / 2 + shift
    slope = np.tan((angles[int(np.floor(middle)) - 1] + angles[int(np.ceil(middle)) - 1]) / 2)
    found = mc.passing_bablok(x, y)
    assert found["slope"].estimate == pytest.approx(slope, rel=1e-9)
    assert found["intercept"].estimate == pytest.approx(np.median(y - slope * x), rel=1e-9)
    # The true line of the simulation lies within every interval.
    for fit in (mc.deming, mc.passing_bablok):
        line = fit(x, y)
        for part, true in (("slope", 0.9), ("intercept", 0.2)):
            low, high = line[part].ci_low, line[part].ci_high
            assert low is not None
            assert high is not None
            assert low < true < high
    limits = mc.bland_altman(x, y)
    assert limits["bias"].estimate == pytest.approx((x - y).mean())
    assert limits["bias"].p == pytest.approx(stats.ttest_1samp(x - y, 0).pvalue)
