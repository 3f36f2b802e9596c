"""Agreement statistics against their definitions, written out with loops, and against published examples."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats
from SynthPerfReaderStudyLib.statistics import agreement

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability": four observers, twelve units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
).T

grades = arrays(float, st.tuples(st.integers(3, 9), st.integers(2, 4)), elements=st.integers(1, 5).map(float))


def scale(ratings: np.ndarray) -> np.ndarray:
    return np.unique(ratings[~np.isnan(ratings)])


@pytest.mark.parametrize(("metric", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(metric: str, value: float) -> None:
    assert agreement.krippendorff(KRIPPENDORFF, metric).estimate == pytest.approx(value, abs=0.0006)


def test_alpha_is_one_less_the_mean_distance_within_cases_over_that_of_all_pairs() -> None:
    """The definition with every pair of values in a loop."""
    units = [[value for value in unit if not np.isnan(value)] for unit in KRIPPENDORFF]
    units = [unit for unit in units if len(unit) > 1]
    pool = [value for unit in units for value in unit]
    number = {value: pool.count(value) for value in pool}

    def ordinal(a: float, b: float) -> float:
        low, high = sorted((a, b))
        between = sum(count for value, count in number.items() if low <= value <= high)
        return (between - (number[a] + number[b]) / 2) ** 2

    distances = {"nominal": lambda a, b: float(a != b), "interval": lambda a, b: (a - b) ** 2, "ordinal": ordinal}
    for metric, distance in distances.items():
        within = sum(distance(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)) / len(pool)
        between = sum(distance(a, b) for a, b in permutations(pool, 2)) / (len(pool) * (len(pool) - 1))
        found = agreement.krippendorff(KRIPPENDORFF, metric)
        assert found.estimate == pytest.approx(1 - within / between, abs=1e-12)
        assert found.n == 11


def test_six_forms_are_functions_of_the_mean_squares() -> None:
    """Shrout and Fleiss 1979, table 2: six targets, four judges, published to two decimals."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    found = agreement.icc(ratings)
    assert [round(form.estimate or 0, 2) for form in found.values()] == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    single, average = found["ICC(3,1)"], found["ICC(3,k)"]
    assert (single.df1, single.df2) == (5, 15)
    assert single.statistic == pytest.approx(11.027, abs=0.001)
    # The average's limits are those of one judge stepped up by Spearman and Brown.
    for end in ("ci_low", "ci_high"):
        limit = getattr(single, end)
        assert getattr(average, end) == pytest.approx(4 * limit / (1 + 3 * limit))


@settings(max_examples=60, deadline=None)
@given(grades)
def test_mean_squares_are_those_of_the_sums_over_cells(ratings: np.ndarray) -> None:
    n, k = ratings.shape
    found = agreement.two_way(ratings)
    assert found is not None
    grand = ratings.mean()
    subjects = sum(k * (row.mean() - grand) ** 2 for row in ratings) / (n - 1)
    readers = sum(n * (column.mean() - grand) ** 2 for column in ratings.T) / (k - 1)
    error = sum(
        (ratings[i, j] - ratings[i].mean() - ratings[:, j].mean() + grand) ** 2 for i in range(n) for j in range(k)
    ) / ((n - 1) * (k - 1))
    assert (found.subjects, found.readers, found.error) == pytest.approx((subjects, readers, error), abs=1e-9)
    assert found.within == pytest.approx((readers * (k - 1) + error * (n - 1) * (k - 1)) / (n * (k - 1)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(grades)
def test_intervals_hold_the_estimate_and_nothing_is_infinite(ratings: np.ndarray) -> None:
    found = [*agreement.icc(ratings).values(), agreement.kendall_w(ratings)]
    found += [agreement.krippendorff(ratings, metric) for metric in ("nominal", "ordinal", "interval")]
    categories = scale(ratings)
    for name in agreement.WEIGHTS:
        weights = agreement.weight_matrix(name, categories)
        table = agreement.counts(ratings, categories)
        found += [agreement.fleiss(table, weights), agreement.gwet(table, weights)]
        found += [agreement.conger(ratings, categories, weights), agreement.brennan_prediger(table, weights)]
    for estimate in found:
        numbers = [estimate.estimate, estimate.se, estimate.ci_low, estimate.ci_high, estimate.statistic, estimate.p]
        assert all(number is None or np.isfinite(number) for number in numbers)
        assert estimate.estimate is not None or estimate.note
        if estimate.ci_low is not None and estimate.ci_high is not None and estimate.estimate is not None:
            assert estimate.ci_low - 1e-9 <= estimate.estimate <= estimate.ci_high + 1e-9


@settings(max_examples=60, deadline=None)
@given(grades)
def test_quadratic_kappa_of_two_readers_without_bias_is_an_icc(ratings: np.ndarray) -> None:
    """Fleiss and Cohen 1973: with its sums over n, ICC(2,1) is the kappa with quadratic weights."""
    pair = ratings[:, :2]
    table = agreement.crosstable(pair, scale(pair))[0, 1]
    found = agreement.cohen(table, agreement.weight_matrix("quadratic", scale(pair))).estimate
    x, y = pair.T
    below = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    expected = None if below == 0 else 2 * np.mean((x - x.mean()) * (y - y.mean())) / below
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_weights_take_the_numeric_distance_of_the_categories() -> None:
    linear = agreement.weight_matrix("linear", np.array([1.0, 2.0, 5.0]))
    assert linear == pytest.approx(np.array([[1, 0.75, 0], [0.75, 1, 0.25], [0, 0.25, 1]]))
    # A category that nobody of the pair used changes nothing.
    pair = np.array([[1.0, 2], [2, 2], [5, 2], [5, 5], [1, 1], [2, 5]])
    few, many = np.array([1.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    estimates = []
    for categories in (few, many):
        table = agreement.crosstable(pair, categories)[0, 1]
        estimates.append(agreement.cohen(table, agreement.weight_matrix("linear", categories)))
    assert estimates[0].estimate == pytest.approx(estimates[1].estimate)
    assert estimates[0].se == pytest.approx(estimates[1].se)


def test_kappa_and_its_standard_error_by_the_delta_method() -> None:
    """The non-null SE is the delta method's: numeric derivatives of kappa by the cell shares."""
    table = np.array([[20.0, 5, 1], [3, 15, 6], [0, 4, 10]])
    weights = agreement.weight_matrix("linear", np.arange(3.0))
    n = table.sum()

    def kappa(p: np.ndarray) -> float:
        expected = p.sum(axis=1) @ weights @ p.sum(axis=0)
        return float(((weights * p).sum() - expected) / (1 - expected))

    p = table / n
    slopes = np.zeros(p.shape)
    for cell in np.ndindex(*p.shape):
        step = np.zeros(p.shape)
        step[cell] = 1e-6
        slopes[cell] = (kappa(p + step) - kappa(p - step)) / 2e-6
    variance = ((slopes**2 * p).sum() - (slopes * p).sum() ** 2) / n
    found = agreement.cohen(table, weights)
    assert found.estimate == pytest.approx(kappa(p))
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_pairs_count_the_cases_that_both_rated() -> None:
    ratings = np.array([[1, 1, np.nan], [2, np.nan, 2], [1, 2, 1], [2, 2, np.nan], [1, 1, 1]])
    tables = agreement.crosstable(ratings, np.array([1.0, 2.0]))
    assert tables[0, 1].tolist() == [[2, 1], [0, 1]]
    assert tables[0, 2].tolist() == [[2, 0], [0, 1]]
    pairs = [agreement.cohen(tables[a, b], np.eye(2)) for a, b in combinations(range(3), 2)]
    light = agreement.light(pairs)
    assert light.estimate == pytest.approx(np.mean([pair.estimate for pair in pairs]))
    assert light.n == 2


def test_marginals_of_gwet_use_every_rated_case_and_the_agreement_those_with_two() -> None:
    ratings = np.array([[1, 1], [2, 2], [1, 2], [1, np.nan], [np.nan, np.nan], [2, np.nan]])
    table = agreement.counts(ratings, np.array([1.0, 2.0]))
    found = agreement.gwet(table, np.eye(2))
    observed = 2 / 3
    first = (1 + 0 + 0.5 + 1 + 0) / 5
    expected = 2 * first * (1 - first)
    assert found.estimate == pytest.approx((observed - expected) / (1 - expected))
    assert found.n == 5
    assert found.df1 == 4
    assert agreement.percent_agreement(table, np.eye(2)).estimate == pytest.approx(observed)


def test_kendalls_w_is_the_mean_rank_correlation() -> None:
    """W = ((k - 1) mean Spearman + 1) / k without ties; with ties the corrected W keeps the largest value 1."""
    rng = np.random.default_rng(5)
    ratings = rng.normal(size=(12, 4))
    rho = scipy_stats.spearmanr(ratings).statistic
    mean = rho[np.triu_indices(4, 1)].mean()
    assert agreement.kendall_w(ratings).estimate == pytest.approx((3 * mean + 1) / 4)
    tied = np.repeat(np.array([[1.0], [1], [2], [3], [3], [3]]), 4, axis=1)
    assert agreement.kendall_w(tied).estimate == pytest.approx(1)
    assert agreement.kendall_w(tied, corrected=False).estimate < 1  # type: ignore[operator]


def test_r_wg_counts_cases_with_two_ratings_and_sets_negatives_to_zero() -> None:
    ratings = np.array([[4, 5, 4, 4], [1, 5, 1, 5], [3, np.nan, np.nan, np.nan], [2, 3, np.nan, np.nan]])
    found = agreement.r_wg(ratings, variance=2.0)
    assert found == pytest.approx([1 - 0.25 / 2, 0, 1 - 0.5 / 2])
    # James, Demaree and Wolf's worked example: eight ratings on five points.
    eight = np.array([[4.0, 5, 4, 4, 3, 5, 4, 4]])
    assert agreement.r_wg(eight, 2.0)[0] == pytest.approx(0.794642857142857)
    assert agreement.r_wg(eight, 1.34)[0] == pytest.approx(0.693496801705757)


def test_r_wg_of_several_items_is_zero_where_readers_differ_more_than_by_chance() -> None:
    items = np.array([[[1.0, 5.0, 1.0, 5.0]], [[5.0, 1.0, 5.0, 1.0]]])
    assert agreement.r_wg_j(items, 2.0) == pytest.approx(0.0)


def test_r_wg_of_several_items_steps_up_like_spearman_and_brown() -> None:
    items = np.stack([np.array([[4.0, 5, 4], [2, 2, 3]]), np.array([[3.0, 4, 4], [1, 2, 1]])])
    share = np.array([[1 / 3, 1 / 3], [1 / 3, 1 / 3]]).mean(axis=0) / 2
    assert agreement.r_wg_j(items, 2.0) == pytest.approx(2 * (1 - share) / (2 * (1 - share) + share))
    assert agreement.r_wg_j_lindell(items, 2.0) == pytest.approx(1 - share)
    ends = agreement.a_wg(np.array([[5.0, 5, 5], [1, 5, 3]]), 1, 5)
    assert ends[0] == 1
    assert ends[1] == pytest.approx(1 - 2 * 4 / ((6 * 3 - 9 - 5) * 3 / 2))


def test_one_way_forms_of_cases_read_by_different_readers() -> None:
    """With equal numbers of ratings they are the forms of complete cases, whoever gave them."""
    complete = np.array([[3.0, 4], [1, 2], [5, 5], [2, 4], [3, 3]])
    spread = np.full((5, 6), np.nan)
    for case, row in enumerate(complete):
        spread[case, [case, (case + 1) % 6]] = row
    one, both = agreement.icc_one_way(spread), agreement.icc(complete)
    for form in ("ICC(1,1)", "ICC(1,k)"):
        assert one[form].estimate == pytest.approx(both[form].estimate)
        assert one[form].ci_low == pytest.approx(both[form].ci_low)
        assert one[form].p == pytest.approx(both[form].p)


def test_measurement_error_is_in_the_unit_of_the_ratings() -> None:
    ratings = np.array([[10.0, 12], [20, 21], [30, 33], [40, 42]])
    found = agreement.measurement_error(ratings)
    assert found is not None
    difference = ratings[:, 0] - ratings[:, 1]
    assert found["consistency"][0] == pytest.approx(difference.std(ddof=1) / np.sqrt(2))
    assert found["agreement"][0] == pytest.approx(np.sqrt(np.mean(difference**2) / 2))
    assert found["agreement"][1] == pytest.approx(1.96 * np.sqrt(2) * found["agreement"][0])


@pytest.mark.parametrize(
    "ratings",
    [
        np.full((5, 3), 2.0),
        np.array([[1.0, 2, 3], [1, 2, 3], [1, 2, 3]]),
        np.array([[1.0, np.nan], [np.nan, 2.0]]),
        np.array([[1.0, 1.0]]),
    ],
    ids=["constant", "constant readers", "no complete case", "one case"],
)
def test_what_the_data_do_not_determine_is_absent_with_a_reason(ratings: np.ndarray) -> None:
    found = [*agreement.icc(ratings).values()]
    for estimate in found:
        assert estimate.ci_low is None
        assert estimate.note
    constant = agreement.cohen(np.array([[7.0, 0], [0, 0]]), np.eye(2))
    assert constant.estimate is None
    assert "same value" in constant.note
    everything = agreement.krippendorff(np.full((4, 2), 3.0), "interval")
    assert everything.estimate is None
    assert everything.note


def test_perfect_agreement_is_one_with_an_interval_of_no_width() -> None:
    ratings = np.array([[1.0, 1], [2, 2], [3, 3], [1, 1]])
    categories = scale(ratings)
    table = agreement.counts(ratings, categories)
    for found in (agreement.fleiss(table, np.eye(3)), agreement.gwet(table, np.eye(3))):
        assert (found.estimate, found.se, found.ci_high) == (1.0, 0.0, 1.0)
    assert agreement.icc(ratings)["ICC(2,1)"].estimate == 1.0
    assert agreement.share_unanimous(ratings).estimate == 1.0


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.95, "very good"), (0.9, "very good"), (0.89, "good"), (0.7, "good"), (0.5, "fair"), (0.49, "poor")],
)
def test_bands_of_wu(value: float, word: str) -> None:
    assert agreement.band(value) == word
