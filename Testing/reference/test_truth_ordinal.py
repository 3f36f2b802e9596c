"""The ordinal mixed model against R ordinal where the wine data lie beside the checkout; our own data by simulation.

One quadrature point (Laplace) is what is offered; the values with ten points and with a probit link are not.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from SynthPerfReaderStudyLib.ratings import read_ratings
from SynthPerfReaderStudyLib.statistics.ordinal import OrdinalFit, fit_ordinal

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth" / "06b_clmm_wine"
CUTS, SLOPES = ("1_2", "2_3", "3_4", "4_5"), ("tempwarm", "contactyes")


def fits() -> dict[str, OrdinalFit]:
    with (TRUTH / "wine.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = np.array([float(row["rating"]) for row in rows])
    design = np.array([[row["temp"] == "warm", row["contact"] == "yes"] for row in rows], float)
    judge, bottle = (np.array([int(row[name]) - 1 for row in rows]) for name in ("judge", "bottle"))
    return {
        "clm": fit_ordinal(scores, design),
        "clmm_laplace": fit_ordinal(scores, design, [judge]),
        "clmm_2re": fit_ordinal(scores, design, [judge, bottle]),
        "without": fit_ordinal(scores, design[:, :1], [judge]),
    }


def test_wine_of_randall() -> None:
    path = TRUTH / "expected.json"
    reference = json.loads(path.read_text(encoding="utf-8"))["values"] if path.is_file() else []
    found = fits() if reference else {}
    for value in reference:
        key, within = value["id"], value["tolerance_abs"]
        if key == "clmm_lrt_contact":
            ratio = 2 * (found["clmm_laplace"].log_likelihood - found["without"].log_likelihood)
            assert ratio == pytest.approx(value["value"], abs=within)
            continue
        name = next((name for name in ("clmm_laplace", "clmm_2re", "clm") if key.startswith(f"{name}_")), None)
        if name is None or key.startswith(("clm_probit", "clmm_agq")):
            continue
        fit, part = found[name], key.removeprefix(f"{name}_")
        if part == "logLik":
            assert fit.log_likelihood == pytest.approx(value["value"], abs=within)
        elif part == "sd_ranef":
            expected = [value["extra"][factor] for factor in ("judge", "bottle") if factor in value["extra"]]
            assert fit.deviations == pytest.approx(expected, abs=within)
        else:
            estimates = dict(zip((*CUTS, *SLOPES), (*fit.thresholds, *fit.coefficients), strict=True))
            mine = estimates[part]
            assert mine.estimate == pytest.approx(value["value"], abs=within), key
            assert mine.se == pytest.approx(value["se"], abs=within), key
            assert mine.p == pytest.approx(value["p"], abs=within), key
            assert (mine.ci_low, mine.ci_high) == pytest.approx(tuple(value["ci"]), abs=within), key


def test_our_own_scores_hold_the_simulated_shift() -> None:
    """The second arm was simulated half a latent unit (noise SD 0.8) higher: log odds about 0.5 / 0.8 * 1.7."""
    ratings = read_ratings(HERE / "likert_ratings.csv")
    values = ratings.items["quality"].first
    reader, case, arm = np.nonzero(~np.isnan(values))
    fit = fit_ordinal(values[reader, case, arm], arm[:, None].astype(float), [case, reader])
    shift = fit.coefficients[0]
    assert shift.ci_low is not None
    assert shift.ci_high is not None
    assert shift.ci_low < 0.5 / 0.8 * 1.7 < shift.ci_high
    assert shift.ci_low > 0
