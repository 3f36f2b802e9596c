"""The command analyze: which analyses a table gives, how they are named, what is said about what is missing."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from SynthPerfLib.cli import main
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.analysis.regions import region_ratings
from SynthPerfReaderStudyLib.analysis.rows import FIELDS, Rows
from SynthPerfReaderStudyLib.rehearsal import rehearse
from SynthPerfReaderStudyLib.statistics import roc
from SynthPerfReaderStudyLib.statistics.blinding import bang, james
from SynthPerfReaderStudyLib.statistics.clustered import auc_clustered, auc_difference_clustered
from SynthPerfReaderStudyLib.statistics.estimate import Estimate
from tiny_studies import changed_protocol, tiny_cohort, tiny_study

HEADER = ("reader", "case", "arm", "item", "value")
Row = dict[str, Any]


def written(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([tuple(header), *rows])
    return path


def analysed(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """The results of the command; NaN or Infinity in them is refused."""
    assert main(["analyze", *(str(argument) for argument in arguments), "--out", str(folder / "out")]) == 0

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} in results.json")

    content = (folder / "out" / "results.json").read_text(encoding="utf-8")
    results: dict[str, Any] = json.loads(content, parse_constant=refuse)
    for row in results["estimates"]:
        assert set(row) <= set(FIELDS)
        if "estimate" not in row and "p" not in row and "statistic" not in row:
            assert row["note"]
    return results


def rows_of(results: dict[str, Any], **place: str | None) -> list[Row]:
    return [row for row in results["estimates"] if all(row.get(key) == value for key, value in place.items())]


def one(results: dict[str, Any], **place: str | None) -> Row:
    found = rows_of(results, **place)
    assert len(found) == 1, place
    return found[0]


def skipped(results: dict[str, Any]) -> set[str]:
    return {entry["analysis"] for entry in results["skipped"]}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ratings of 3 readers, 24 cases, arms b and a on five points, and their truth."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(8)
    ill = np.arange(24) % 2
    rows = []
    for arm, gain in (("b", 1.0), ("a", 1.8)):
        for reader in ("r10", "r2", "r1"):
            latent = gain * ill + rng.normal(size=24)
            rows += [
                (reader, f"c{case:02d}", arm, "score", int(np.clip(round(2.5 + x), 1, 5)))
                for case, x in enumerate(latent)
            ]
    ratings = written(folder / "ratings.csv", HEADER, rows)
    truth = written(folder / "truth.csv", ("case", "truth"), [(f"c{case:02d}", ill[case]) for case in range(24)])
    return ratings, truth


def test_ratings_with_truth_give_every_analysis_that_is_promised(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    results = analysed(tmp_path, ratings, "--truth", truth)
    assert results["schema"] == 1
    assert set(results["inputs"]) == {"ratings.csv", "truth.csv"}
    assert all(len(digest) == 64 for digest in results["inputs"].values())
    promised = {
        "roc.auc": {"delong", "bootstrap"},
        "roc.auc_difference": {"delong_paired"},
        "roc.sensitivity": {"wilson", "clopper_pearson"},
        "roc.specificity": {"wilson", "clopper_pearson"},
        "roc.sensitivity_difference": {"mcnemar_exact"},
        "roc.specificity_difference": {"mcnemar_exact"},
        "mrmc.test": {
            "or_jackknife_rrrc",
            "or_delong_rrrc",
            "or_jackknife_frrc",
            "or_jackknife_rrfc",
            "dbm_rrrc",
            "ustatistic",
        },
        "agreement.icc": {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"},
        "agreement.rwg": {"uniform"},
        "agreement.kappa": {"unweighted", "linear", "quadratic", "fleiss", "light"},
        "agreement.gwet": {"AC1", "AC2_quadratic", "AC2_linear"},
        "agreement.krippendorff": {"nominal", "ordinal", "interval"},
        "agreement.kendall_w": {"ties_corrected"},
        "comparison": {"paired_t", "wilcoxon"},
    }
    promised["mrmc.auc"] = promised["mrmc.auc_difference"] = promised["mrmc.test"]
    for analysis, methods in promised.items():
        assert methods <= {row["method"] for row in rows_of(results, analysis=analysis)}, analysis
    components = {row["item"] for row in rows_of(results, analysis="mrmc.component", method="or_jackknife_rrrc")}
    assert components == {"VarR", "VarTR", "Cov1", "Cov2", "Cov3", "Var"}
    assert all(row["note"] == "score" for row in rows_of(results, analysis="mrmc.component"))
    assert results["design"] == {
        "readers": ["r1", "r10", "r2"], "arms": ["a", "b"], "items": ["score"], "cases": 24, "repeats": 1,
        "answers": 144, "not_assessable": {}, "positive": 12, "negative": 12, "truth_missing": 0, "cases_never_read": 0,
    }  # fmt: skip


def test_arms_and_pairs_of_readers_are_in_text_order(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    results = analysed(tmp_path, ratings, "--truth", truth)
    assert all(row["arm"] < row["arm_b"] for row in results["estimates"] if "arm_b" in row)
    pairs = {(row["reader"], row["reader_b"]) for row in results["estimates"] if "reader_b" in row}
    assert pairs == {("r1", "r10"), ("r1", "r2"), ("r10", "r2")}
    areas = {row["arm"]: row["estimate"] for row in rows_of(results, analysis="roc.auc", method="delong", reader="r1")}
    difference = one(results, analysis="roc.auc_difference", reader="r1")
    assert difference["estimate"] == pytest.approx(areas["a"] - areas["b"])
    average = one(results, analysis="mrmc.auc", method="or_jackknife_rrrc", arm="a", reader="average")
    every = rows_of(results, analysis="roc.auc", method="delong", arm="a")
    assert average["estimate"] == pytest.approx(np.mean([row["estimate"] for row in every]))


def test_the_reader_average_is_taken_per_case(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, _ = study
    results = analysed(tmp_path, ratings)
    with ratings.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    means = {
        arm: [
            np.mean([int(r["value"]) for r in table if (r["arm"], r["case"]) == (arm, f"c{case:02d}")])
            for case in range(24)
        ]
        for arm in "ab"
    }
    expected = stats.ttest_rel(means["a"], means["b"])
    found = one(results, analysis="comparison", method="paired_t", reader="average")
    assert (found["statistic"], found["p"], found["df1"]) == pytest.approx((expected.statistic, expected.pvalue, 23))
    assert {row["reader"] for row in rows_of(results, analysis="comparison", method="wilcoxon")} == {
        "average",
        "r1",
        "r10",
        "r2",
    }
    # Without truth there is neither ROC nor multi-reader analysis, and it says so.
    assert not [row for row in results["estimates"] if row["analysis"].startswith(("roc.", "mrmc."))]
    assert {"roc.auc", "mrmc.test"} <= skipped(results)


def test_tables_hold_the_same_rows(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    results = analysed(tmp_path, ratings, "--truth", truth)
    tables = tmp_path / "out" / "tables"
    for analysis in {row["analysis"] for row in results["estimates"]}:
        with (tables / f"{analysis.replace('.', '_')}.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        expected = rows_of(results, analysis=analysis)
        assert [{key: str(value) for key, value in row.items()} for row in expected] == [
            {key: value for key, value in row.items() if value != ""} for row in found
        ]
    with (tables / "roc_curves.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["fpr"], first["tpr"], first["threshold"]) == ("0.0", "0.0", "")


def test_tables_of_an_earlier_analysis_do_not_stay(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    analysed(tmp_path, ratings, "--truth", truth)
    assert (tmp_path / "out" / "tables" / "mrmc_test.csv").is_file()
    analysed(tmp_path, ratings)
    assert not (tmp_path / "out" / "tables" / "mrmc_test.csv").exists()
    assert (tmp_path / "out" / "tables" / "comparison.csv").is_file()


def test_a_constant_score_has_estimates_or_reasons(tmp_path: Path) -> None:
    rows = [(r, c, a, "q", 3) for r in ("r", "s") for c in range(6) for a in ("a", "b")]
    ratings = written(tmp_path / "r.csv", HEADER, rows)
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(c, c % 2) for c in range(6)])
    results = analysed(tmp_path, ratings, "--truth", truth)
    assert {row["estimate"] for row in rows_of(results, analysis="roc.auc", method="delong")} == {0.5}
    for row in [
        *rows_of(results, analysis="agreement.icc"),
        *rows_of(results, analysis="agreement.kappa", method="quadratic"),
    ]:
        assert "estimate" not in row
        assert row["note"]
    assert {"agreement.rwg", "roc.sensitivity"} <= skipped(results)


def test_one_reader_and_one_arm_are_said_to_be_too_few(tmp_path: Path) -> None:
    ratings = written(tmp_path / "r.csv", HEADER, [("r", c, "a", "q", c) for c in range(6)])
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(c, c % 2) for c in range(6)])
    results = analysed(tmp_path, ratings, "--truth", truth)
    assert {"agreement.icc", "comparison", "mrmc.test", "mrmc.auc", "mrmc.auc_difference"} <= skipped(results)
    assert all(entry["why"] for entry in results["skipped"])
    assert len(rows_of(results, analysis="roc.auc", method="delong")) == 1


def test_arms_that_share_no_case_are_compared_as_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=30).round(3)
    arms = ["a" if case < 14 else "b" for case in range(30)]
    ratings = written(tmp_path / "r.csv", HEADER, [("r", c, arms[c], "q", values[c]) for c in range(30)])
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(c, c % 2) for c in range(30)])
    results = analysed(tmp_path, ratings, "--truth", truth)
    groups = values[:14], values[14:]
    expected = stats.mannwhitneyu(*groups, method="exact")
    found = one(results, analysis="comparison", method="mann_whitney", reader="r")
    assert (found["statistic"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    for method, equal in (("welch_t", False), ("student_t", True)):
        test = stats.ttest_ind(*groups, equal_var=equal)
        row = one(results, analysis="comparison", method=method, reader="r")
        assert (row["statistic"], row["p"], row["df1"]) == pytest.approx((test.statistic, test.pvalue, test.df))
    assert rows_of(results, analysis="comparison", method="paired_t") == []
    assert one(results, analysis="roc.auc_difference")["method"] == "delong_unpaired"


def test_three_arms_have_a_test_of_all_and_adjusted_pairs(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(1, 6, (15, 3)) + np.array([0, 1, 1])
    rows = [("r", case, "abc"[arm], "q", values[case, arm]) for case in range(15) for arm in range(3)]
    results = analysed(tmp_path, written(tmp_path / "r.csv", HEADER, rows))
    expected = stats.friedmanchisquare(*values.T)
    found = one(results, analysis="comparison", method="friedman", reader="r")
    assert (found["statistic"], found["p"], found["df1"]) == pytest.approx((expected.statistic, expected.pvalue, 2))
    raw = [row["p"] for row in rows_of(results, analysis="comparison", method="wilcoxon", reader="r")]
    rows_bh = [r for r in rows_of(results, analysis="comparison", method="bh", reader="r") if "wilcoxon" in r["note"]]
    assert [row["p"] for row in rows_bh] == pytest.approx(list(stats.false_discovery_control(raw)))
    holm = [r for r in rows_of(results, analysis="comparison", method="holm", reader="r") if "wilcoxon" in r["note"]]
    assert min(row["p"] for row in holm) == pytest.approx(min(1, 3 * min(raw)))


def test_missing_readings_are_counted_and_said(tmp_path: Path) -> None:
    rows = [
        ("r", "c1", "a", "q", 1), ("r", "c2", "a", "q", ""), ("r", "c3", "a", "q", "NA:motion"),
        ("s", "c1", "a", "q", 2), ("s", "c2", "a", "q", 3),
    ]  # fmt: skip
    results = analysed(tmp_path, written(tmp_path / "r.csv", HEADER, rows))
    counts = {row["reader"]: row for row in results["missing"]}
    numbers = {"cases": 3, "rated": 1, "empty": 1, "not_assessable": 1, "absent": 0}
    assert counts["r"] == {"item": "q", "reader": "r", "arm": "a", **numbers}
    assert counts["s"]["absent"] == 1
    assert results["design"]["not_assessable"] == {"q": {"motion": 1}}


def test_repeats_give_the_agreement_of_a_reader_with_himself(tmp_path: Path) -> None:
    first, second = [1, 2, 3, 4, 5, 3], [1, 2, 3, 5, 5, 2]
    rows = [("r", c, "a", "q", v, k) for k, values in ((1, first), (2, second)) for c, v in enumerate(values)]
    rows += [("s", c, "a", "q", v, 1) for c, v in enumerate(first)]
    results = analysed(tmp_path, written(tmp_path / "r.csv", (*HEADER, "repeat"), rows))
    own = one(results, analysis="agreement.icc", method="ICC(2,1)", reader="r")
    assert "same reader" in own["note"]
    assert own["estimate"] < 1
    # Between readers the first readings count, and they are equal.
    assert one(results, analysis="agreement.icc", method="ICC(2,1)", reader=None)["estimate"] == 1
    assert any("repeated" in note for note in results["notes"])


def test_words_have_the_coefficients_without_an_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    words = np.array(["glioma", "necrosis", "other"])
    rows = [(r, c, "a", "diagnosis", words[rng.integers(0, 3)]) for r in ("r", "s", "t") for c in range(20)]
    results = analysed(tmp_path, written(tmp_path / "r.csv", HEADER, rows))
    assert {row["method"] for row in rows_of(results, analysis="agreement.kappa")} >= {"unweighted", "fleiss", "light"}
    assert rows_of(results, analysis="agreement.kappa", method="quadratic") == []
    assert {row["method"] for row in rows_of(results, analysis="agreement.krippendorff")} == {"nominal"}
    assert "agreement.icc" in skipped(results)


def test_a_decision_in_words_is_tested_against_the_truth_in_the_same_words(tmp_path: Path) -> None:
    ill = [1, 1, 1, 1, 0, 0, 0, 0]
    said = [1, 1, 1, 0, 0, 0, 1, 0]
    words = ("response", "recurrence")
    ratings = written(tmp_path / "r.csv", HEADER, [("r", c, "a", "d", words[said[c]]) for c in range(8)])
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(c, words[ill[c]]) for c in range(8)])
    results = analysed(tmp_path, ratings, "--truth", truth, "--positive", "recurrence")
    assert one(results, analysis="roc.sensitivity", method="wilson")["estimate"] == 0.75
    assert one(results, analysis="roc.specificity", method="wilson")["estimate"] == 0.75


def test_more_than_twenty_values_have_no_categories(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = [(r, c, "a", "q", int(rng.integers(0, 101))) for r in ("r", "s") for c in range(40)]
    results = analysed(tmp_path, written(tmp_path / "r.csv", HEADER, rows))
    assert {"agreement.kappa", "agreement.gwet"} <= skipped(results)
    assert rows_of(results, analysis="agreement.kappa") == []
    assert len(rows_of(results, analysis="agreement.icc")) == 6


def test_the_scale_of_r_wg_is_observed_or_given(tmp_path: Path) -> None:
    rows = [(r, c, "a", "q", v) for r, values in (("r", (2, 3, 4)), ("s", (3, 3, 2))) for c, v in enumerate(values)]
    ratings = written(tmp_path / "r.csv", HEADER, rows)
    variances = np.array([0.5, 0, 2])
    for arguments, points in (((), 3), (("--scale", "q=1:5"), 5)):
        found = one(analysed(tmp_path, ratings, *arguments), analysis="agreement.rwg", method="uniform")
        expected = np.maximum(1 - variances / ((points**2 - 1) / 12), 0)
        assert found["estimate"] == pytest.approx(expected.mean())
        assert f"median {np.median(expected):.6g}" in found["note"]


def test_a_threshold_that_was_set_beforehand_replaces_youdens(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    results = analysed(tmp_path, ratings, "--truth", truth, "--threshold", "score=4")
    found = rows_of(results, analysis="roc.sensitivity")
    assert {row["threshold"] for row in found} == {4.0}
    assert all("pre-specified" in row["note"] for row in found)
    assert rows_of(results, analysis="mrmc.sensitivity_difference", reader="average", method="or_jackknife_rrrc")


def test_noninferiority_has_its_margin_in_the_threshold(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    arguments = (ratings, "--truth", truth, "--margin", "0.1")
    row = one(analysed(tmp_path, *arguments), analysis="mrmc.noninferiority", method="or_jackknife_rrrc")
    other = one(
        analysed(tmp_path, *arguments, "--reference", "a"), analysis="mrmc.noninferiority", method="or_jackknife_rrrc"
    )
    assert row["threshold"] == other["threshold"] == 0.1
    assert row["estimate"] == other["estimate"]
    assert row["p"] < other["p"]  # arm a is the better one


def test_the_seed_makes_the_bootstrap_and_the_level_the_interval(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study

    def ends(*arguments: str) -> tuple[float, float, float]:
        results = analysed(tmp_path, ratings, "--truth", truth, *arguments)
        row = one(results, analysis="roc.auc", method="bootstrap", reader="r1", arm="a")
        return row["ci_low"], row["se"], row["ci_level"]

    assert ends() == ends("--seed", "0")
    assert ends() != ends("--seed", "1")
    narrow = ends("--level", "0.8")
    assert narrow[2] == 0.8
    assert narrow[0] > ends()[0]


def test_pooled_reads_only_where_asked_for(study: tuple[Path, Path], tmp_path: Path) -> None:
    ratings, truth = study
    assert rows_of(analysed(tmp_path, ratings, "--truth", truth), reader="pooled") == []
    pooled = rows_of(analysed(tmp_path, ratings, "--truth", truth, "--pooled"), analysis="roc.auc", reader="pooled")
    assert {row["n"] for row in pooled} == {72}


@pytest.mark.parametrize("way", ["flag", "file", "by its header"])
def test_pairs_give_method_comparison(tmp_path: Path, way: str) -> None:
    table = written(tmp_path / "p.csv", ("case", "x", "y"), [(i, i + i % 3, 1.1 * i) for i in range(1, 13)])
    arguments: dict[str, tuple[str | Path, ...]] = {
        "flag": (table, "--paired"), "file": ("--paired", table), "by its header": (table,)
    }  # fmt: skip
    results = analysed(tmp_path, *arguments[way])
    promised = {
        "comparison": {"paired_t", "wilcoxon"},
        "regression": {f"{m}_{part}" for m in ("ols", "deming", "passing_bablok") for part in ("slope", "intercept")},
        "correlation": {"pearson", "spearman", "lin_ccc"},
        "bland_altman": {"bias", "loa_lower", "loa_upper", "proportional_slope"},
    }
    for analysis, methods in promised.items():
        found = rows_of(results, analysis=analysis, arm="x", arm_b="y")
        assert methods <= {row["method"] for row in found}
        assert all(row["n"] == 12 for row in found)
    assert list(results["inputs"]) == ["p.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give a study folder or a table"),
        (("r.csv", "--threshold", "q"), "write ITEM=VALUE"),
        (("r.csv", "--threshold", "q=high"), "is not a number"),
        (("r.csv", "--scale", "q=5"), "is not a range"),
        (("r.csv", "--scale", "q=5:1"), "the first must be the lower"),
        (("r.csv", "--threshold", "other=1"), "no item other"),
        (("r.csv", "--reference", "z"), "no arm z"),
        (("r.csv", "--level", "95"), "--level 95"),
        (("r.csv", "--margin", "0"), "--margin 0"),
        (("r.csv", "--positive", "yes"), "--positive names a word"),
        (("--paired", "p.csv", "--truth", "t.csv"), "--truth needs ratings"),
        (("r.csv", "--interim"), "--interim is for a study folder"),
        (("r.csv", "--truth", "one.csv"), "both classes"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "r.csv", HEADER, [("r", c, "a", "q", c) for c in range(4)])
    written(tmp_path / "p.csv", ("case", "x", "y"), [(1, 2, 3)])
    written(tmp_path / "one.csv", ("case", "truth"), [(c, 1) for c in range(4)])
    assert main(["analyze", *arguments, "--out", "out"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1]
    assert not (tmp_path / "out").exists()


def test_numbers_that_are_not_finite_are_left_out_with_a_note() -> None:
    rows = Rows()
    rows.add("a", "m", Estimate(math.nan, math.inf, p=0.5, n=3, note="why"), item="q", arm=None)
    assert rows.estimates == [
        {"analysis": "a", "item": "q", "method": "m", "p": 0.5, "n": 3, "note": "why; not finite: estimate, se"}
    ]


def test_clusters_of_one_case_are_delong_and_copies_add_nothing() -> None:
    """Every case alone: DeLong's variance. Every case twice in its cluster: the same AUC with hardly another error."""
    rng = np.random.default_rng(5)
    truth = np.arange(40) % 2 == 1
    scores, other = rng.normal(size=40) + truth, rng.normal(size=40) + truth
    plain, clustered = roc.auc(scores, truth), auc_clustered(scores, truth, np.arange(40))
    assert (clustered.estimate, clustered.se) == pytest.approx((plain.estimate, plain.se))
    difference = auc_difference_clustered(scores, other, truth, np.arange(40))
    assert difference.p == pytest.approx(roc.auc_difference(scores, other, truth).p)
    twice = np.tile(np.arange(40), 2)
    doubled = auc_clustered(np.tile(scores, 2), np.tile(truth, 2), twice)
    assert doubled.estimate == pytest.approx(plain.estimate)
    assert doubled.se == pytest.approx(plain.se)
    naive = roc.auc(np.tile(scores, 2), np.tile(truth, 2)).se
    assert naive is not None
    assert doubled.se is not None
    assert naive < doubled.se


def test_clusters_have_rows_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    rows = [("r", c, a, "q", round(rng.normal() + c % 2, 3), f"p{c // 3}") for c in range(30) for a in ("a", "b")]
    ratings = written(tmp_path / "r.csv", (*HEADER, "cluster"), rows)
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(c, c % 2) for c in range(30)])
    results = analysed(tmp_path, ratings, "--truth", truth)
    assert len(rows_of(results, analysis="roc.auc", method="delong_clustered")) == 2
    assert len(rows_of(results, analysis="roc.auc_difference", method="delong_clustered")) == 1
    assert results["design"]["clusters"] == 10
    assert any("cluster" in note for note in results["notes"])


def test_blinding_indices_of_guesses() -> None:
    """Bang: 0 by chance, 1 and -1 at the ends. James: 0 if all know, 0.5 by chance, 1 if nobody can say."""
    assert bang(10, 10, 5).estimate == pytest.approx(0)
    assert bang(20, 0, 0).estimate == pytest.approx(1)
    assert bang(0, 20, 0).estimate == pytest.approx(-1)
    shares = np.array([0.5, 0.3, 0.2])
    variance = (shares[0] * (1 - shares[0]) + shares[1] * (1 - shares[1]) + 2 * shares[0] * shares[1]) / 50
    assert bang(25, 15, 10).se == pytest.approx(math.sqrt(variance), rel=1e-4)
    assert james(np.array([[9, 0, 0], [0, 9, 0]])).estimate == pytest.approx(0, abs=1e-9)
    assert james(np.array([[5, 5, 0], [5, 5, 0]])).estimate == pytest.approx(0.5)
    assert james(np.array([[0, 0, 7], [0, 0, 7]])).estimate == pytest.approx(1)
    assert james(np.zeros((2, 3))).note


@pytest.fixture(scope="module")
def read_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study of Wu's diagnosis with a question about the arm, unread; and the same read by simulated readers."""
    folder = tmp_path_factory.mktemp("studies")
    import yaml
    from SynthPerfReaderStudyLib.protocol import shipped_protocols

    questions = yaml.safe_load(shipped_protocols()["wu2025_diagnosis"].read_text(encoding="utf-8"))["questions"]
    guess = {
        "id": "seen", "kind": "choice", "text": "Which map was it?", "not_assessable": ["cannot say"],
        "choices": [{"value": arm, "label": arm} for arm in ("mri_asl", "mri_synthetic_cbv")],
    }  # fmt: skip
    protocol = changed_protocol(
        folder / "protocol.yaml", "wu2025_diagnosis", questions=[*questions, guess], blinding={"guess_arm": "seen"}
    )
    made = tiny_study(protocol, tiny_cohort(folder / "cohort", 8), folder / "study", stimuli=False)
    Job(rehearse(made, folder / "read", seed=3)).run()
    return folder / "study", folder / "read"


def test_a_study_is_analysed_by_its_protocol(read_study: tuple[Path, Path], tmp_path: Path) -> None:
    results = analysed(tmp_path, read_study[1])
    assert results["interim"] is False
    assert results["simulated"] is True
    assert results["endpoints"][0]["arms"] == ["mri_synthetic_cbv", "mri_asl"]
    assert results["flow"]["cases"] == results["flow"]["cases_read_as_planned"] == 8
    assert results["flow"]["readers"] == [{"reader": r, "planned": 16, "submitted": 16} for r in ("R1", "R2")]
    assert results["settings"]["scales"] == {"confidence": [0.0, 100.0]}
    assert one(results, analysis="mrmc.test", item="confidence", method="or_jackknife_rrrc")["n"] == 8
    assert rows_of(results, analysis="roc.sensitivity", item="diagnosis", reader="consensus")
    assert {row["method"] for row in rows_of(results, analysis="blinding")} == {"james", "bang"}
    assert len(rows_of(results, analysis="reading_time")) == 6
    assert one(results, analysis="comparison", method="paired_t", item="reading_time_s", reader="average")["n"] == 8
    assert rows_of(results, analysis="learning", reader="average")
    assert rows_of(results, analysis="session_effect", reader="R1")
    # Neither the guess of the arm nor a remark is an endpoint.
    assert not rows_of(results, item="seen")
    assert not rows_of(results, item="remark")
    # The tables that were analysed are there, and give the same numbers again.
    again = analysed(
        tmp_path / "again",
        tmp_path / "out" / "data" / "simulated_ratings.csv",
        "--truth",
        read_study[1] / "sealed" / "truth.csv",
    )
    place = {"analysis": "mrmc.auc_difference", "item": "confidence", "method": "or_delong_rrrc", "reader": "average"}
    assert one(again, **place) == one(results, **place)


def test_a_study_that_is_not_locked_is_refused_or_marked(
    read_study: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(read_study[0]), "--out", str(tmp_path / "out")]) == 2
    assert "not locked" in capsys.readouterr().err
    assert main(["analyze", str(read_study[0]), "--interim", "--out", str(tmp_path / "out")]) == 2
    assert "submitted anything" in capsys.readouterr().err
    assert main(["analyze", str(read_study[1]), "--level", "0.9", "--out", str(tmp_path / "out")]) == 2
    assert "the protocol fixes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_power_from_a_pilot_and_from_a_guess(study: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ratings, truth = study
    assert main(["power", "--pilot", str(ratings), "--truth", str(truth), "--effect", "0.1", "--readers", "4-6"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["readers", "cases", "power"]
    assert [line.split("\t")[0] for line in lines] == ["4", "5", "6"]
    guess = ["power", "--auc", "0.8", "--effect", "0.05", "--readers", "5,8", "--cases", "100,400"]
    assert main(guess) == 0
    powers = [[float(x) for x in line.split("\t")] for line in capsys.readouterr().out.splitlines()[1:]]
    assert powers[0][1] < powers[0][2]
    assert powers[0][2] < powers[1][2]
    assert main(["power", "--effect", "0.05"]) == 2
    assert "either a pilot" in capsys.readouterr().err
    assert main([*guess, "--readers", "few"]) == 2
    assert "whole numbers" in capsys.readouterr().err


def test_of_white_matter_itself_the_mean_is_analysed_not_its_ratio_to_itself(tmp_path: Path) -> None:
    columns = ("reader", "case", "repeat", "roi", "kind", "map", "condition", "mean", "nawm_ratio")
    rows = [
        ("R1", "C1", "", "tumour_1", "lesion", "real", "common", "4.0", "2.0"),
        ("R1", "C1", "", "nawm_1", "nawm", "real", "common", "1.5", "0.75"),
        ("R1", "C1", "", "nawm_2", "nawm", "real", "common", "2.5", "1.25"),
    ]
    table = tmp_path / "rois.csv"
    table.write_text("\n".join(",".join(row) for row in (columns, *rows)) + "\n", encoding="utf-8")
    found = region_ratings(table, ("tumour", "nawm"), tmp_path / "ratings.csv")
    assert found is not None
    ratings, measures = found
    assert measures == {"tumour": "nawm_ratio", "nawm": "mean"}
    assert {name: item.first.ravel().tolist() for name, item in ratings.items.items()} == {
        "tumour": [2.0],
        "nawm": [2.0],
    }
