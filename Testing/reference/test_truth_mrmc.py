"""Multi-reader values of reference programs where their data lie beside the checkout; our own data by definition.

Where programs disagree: fixed readers are tested by chi-square and the normal distribution (MRMCaov; RJafroc's DBM uses
F and t, which is our ``dbm_frrc``), and the U-statistic's t distribution has the rounded degrees of freedom of iMRMC.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import by_definition
import numpy as np
import pytest
from SynthPerfReaderStudyLib.statistics.estimate import Estimate
from SynthPerfReaderStudyLib.statistics.mrmc import Mrmc, analyse

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth" / "02a_mrmc_vandyke"
COMPONENTS = {"reader": "VarR", "treatment_reader": "VarTR", "Error": "Var"}


def close(found: float | None, expected: float, tolerance: float) -> None:
    assert found is not None
    assert found == pytest.approx(expected, rel=0, abs=tolerance)


def load(path: Path, names: tuple[str, str, str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Ratings (arms, readers, cases) and truth from a table with a column each for arm, reader, case and rating."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [sorted({row[key] for row in rows}) for key in names[:3]]
    scores = np.full([len(label) for label in labels], np.nan)
    truth = np.zeros(len(labels[2]), bool)
    for row in rows:
        place = tuple(label.index(row[key]) for label, key in zip(labels, names, strict=False))
        scores[place] = float(row[names[3]])
        truth[place[2]] = row["truth"] == "1"
    return scores, truth


def method_of(name: str) -> str:
    """Our method for an id such as OR_DeLong_FRRC_global, RJ_DBM_RRRC_diff_..., RJ_OR_vc_VarR, iMRMC_U_1_vs_2."""
    if name.startswith("iMRMC"):
        return "ustatistic"
    parts = name.removeprefix("RJ_").lower().split("_")
    model = next((part for part in parts if part in ("rrrc", "frrc", "rrfc")), "rrrc")
    if parts[0] == "dbm":
        return f"dbm_{model}"
    return f"or_{parts[1] if not name.startswith('RJ_') else 'jackknife'}_{model}"


def check(found: Mrmc, expected: dict) -> None:
    name, within = expected["id"], expected["tolerance_abs"]
    last = name.rsplit("_", 1)[1]
    if name.startswith("iMRMC"):
        check_imrmc(found, expected)
    elif "_global" in name:
        close(found.test.statistic, expected["value"], within)
        close(found.test.p, expected["p"], within)
        dfs = np.atleast_1d(expected["df"])
        close(found.test.df1, dfs[0], within)
        assert found.test.df2 is None if dfs.size == 1 else found.test.df2 == pytest.approx(dfs[1], rel=0, abs=within)
    elif "_readerdiff_" in name:
        row(found.reader_differences[0, 1][int(last) - 1], expected)
    elif "_diff_" in name:
        row(found.differences[0, 1], expected)
    elif "_mean_" in name:
        # RJafroc names K - 1 degrees of freedom for its normal interval of fixed readers.
        row(found.arms[int(last) - 1], expected, df=not name.startswith("RJ_OR_FRRC"))
    elif "_vc_" in name:
        part = name.split("_vc_")[1]
        close(found.components[COMPONENTS.get(part, part)], expected["value"], within)
    else:
        raise AssertionError(f"unknown value {name}")


def row(found: Estimate, expected: dict, *, df: bool = True) -> None:
    within = expected["tolerance_abs"]
    close(found.estimate, expected["value"], within)
    for name in ("se", "p"):
        if name in expected:
            close(getattr(found, name), expected[name], within)
    if "ci" in expected:
        close(found.ci_low, expected["ci"][0], within)
        close(found.ci_high, expected["ci"][1], within)
    if df and "df" in expected:
        close(found.df1, expected["df"], 1e-6)


def check_imrmc(found: Mrmc, expected: dict) -> None:
    extra, within = expected["extra"], expected["tolerance_abs"]
    alone = extra["modalityB"] == "NO_MOD"
    ours = found.arms[int(extra["modalityA"]) - 1] if alone else found.differences[0, 1]
    close(ours.estimate, expected["value"], within)
    close(ours.se, math.sqrt(extra["varAUCA" if alone else "varAUCAminusAUCB"]), within)
    close(ours.df1, extra["dfBDG"], 1e-6)
    close(ours.ci_low, extra["botCIBDG"], within)
    close(ours.ci_high, extra["topCIBDG"], within)
    if not alone:
        close(ours.p, extra["pValueBDG"], within)


if TRUTH.is_dir():

    def test_values_of_the_reference_programs() -> None:
        scores, truth = load(TRUTH / "vandyke.csv", ("treatment", "reader", "case", "rating"))
        assert scores.shape == (2, 5, 114)
        values = json.loads((TRUTH / "expected.json").read_text(encoding="utf-8"))["values"]
        analyses: dict[str, Mrmc] = {}
        checked = 0
        for expected in values:
            name = expected["id"]
            if name.startswith(("iMRMC_V", "RJ_DBM_MS")):  # the biased variance; mean squares are not reported
                assert expected["verification"] == "single-source"
                continue
            if name.startswith("auc_"):
                arm, reader = (int(part[1:]) - 1 for part in name.split("_")[1:])
                close(float(analyse(scores, truth).values[arm, reader]), expected["value"], expected["tolerance_abs"])
            else:
                method = method_of(name)
                if method not in analyses:
                    analyses[method] = analyse(scores, truth, method)
                check(analyses[method], expected)
            checked += 1
        assert checked >= 100


def test_own_study_by_definition() -> None:
    """Three arms: statistic, degrees of freedom, SE and components of every method from loops over cases and pairs."""
    scores, truth = load(HERE / "simulated_readers.csv", ("arm", "reader", "case", "rating"))
    assert scores.shape == (3, 5, 54)
    cells = scores.reshape(15, -1)
    table = np.array([by_definition.figure(cell, truth) for cell in cells]).reshape(3, 5)
    ms_t, ms_r, ms_tr = by_definition.mean_squares(table)
    pseudo, by_jackknife = by_definition.jackknife(scores, truth)
    covariances = {"jackknife": by_jackknife, "delong": by_definition.delong(cells, truth)}
    for name, covariance in covariances.items():
        c = by_definition.mean_covariances(covariance, 3, 5)
        gap = max(c["Cov2"] - c["Cov3"], 0)
        found = analyse(scores, truth, f"or_{name}_rrrc")
        error = ms_tr + 5 * gap
        close(found.test.statistic, ms_t / error, 1e-9)
        close(found.test.df2, error**2 / (ms_tr**2 / 8), 1e-7)
        close(found.differences[0, 2].se, math.sqrt(2 / 5 * error), 1e-12)
        assert found.components == pytest.approx(
            {
                "VarR": (ms_r - ms_tr) / 3 - c["Cov1"] + c["Cov3"],
                "VarTR": ms_tr - c["Var"] + c["Cov1"] + c["Cov2"] - c["Cov3"],
                **c,
            }
        )
        fixed = analyse(scores, truth, f"or_{name}_frrc")
        close(fixed.test.statistic, 2 * ms_t / (c["Var"] - c["Cov1"] + 4 * (c["Cov2"] - c["Cov3"])), 1e-9)
        close(fixed.test.df1, 2, 0)
    np.testing.assert_allclose(pseudo.mean(axis=1).reshape(3, 5), table, atol=1e-12)
    random, pooled = analyse(scores, truth, "dbm_rrrc"), analyse(scores, truth, "or_jackknife_rrrc")
    close(random.test.p, pooled.test.p, 1e-12)


def test_own_study_by_one_shot_definition() -> None:
    scores, truth = load(HERE / "simulated_readers.csv", ("arm", "reader", "case", "rating"))
    averages, covariance = by_definition.one_shot(scores[:2], truth)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = analyse(scores, truth, "ustatistic").differences[0, 1]
    close(found.estimate, averages[0] - averages[1], 1e-12)
    close(found.se, math.sqrt(variance), 1e-10)
    close(found.df1, by_definition.one_shot_df(scores[:2], truth, variance), 1e-6)
