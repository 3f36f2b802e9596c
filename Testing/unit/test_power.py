from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.statistics.mrmc import analyse, noninferiority
from SynthPerfReaderStudyLib.statistics.power import Components, conjectured, from_pilot, power, sizes

# Obuchowski-Rockette components of the Van Dyke study (5 readers, 114 cases, jackknife) and its observed difference:
# the worked example of Hillis, Obuchowski and Berbaum 2011 and of the sample-size documentation of RJafroc.
VAN_DYKE = Components(
    var_tr=0.000200402523581458,
    var=0.000802288265572067,
    cov1=0.000346613709440732,
    cov2=0.000344074828860889,
    cov3=0.000239028370892154,
    cases=114,
)
DIFFERENCE = -0.043800322


@pytest.mark.parametrize(
    ("model", "readers", "cases", "expected"),
    [
        ("rrrc", 10, 165, 0.80541995),
        ("frrc", 10, 131, 0.80091813),
        ("rrfc", 10, 53, 0.80496663),
        ("rrrc", 6, 111, 0.5526116),
    ],
)
def test_power_equals_the_worked_example(model: str, readers: int, cases: int, expected: float) -> None:
    assert power(VAN_DYKE, DIFFERENCE, readers, cases, model=model) == pytest.approx(expected, abs=5e-8)


def test_cases_for_six_and_ten_readers_equal_the_worked_example() -> None:
    three, six, ten = sizes(VAN_DYKE, DIFFERENCE, [3, 6, 10])
    assert (six.readers, six.cases) == (6, 251)
    assert six.power == pytest.approx(0.801, abs=5e-4)
    assert ten.cases == 163
    assert three.cases is None
    assert three.power < 0.8


def test_power_is_that_of_scipy_noncentral_distributions() -> None:
    for readers, cases in ((4, 60), (8, 300)):
        scale = 114 / cases
        gap = scale * (VAN_DYKE.cov2 - VAN_DYKE.cov3)
        tr = VAN_DYKE.var_tr + scale * (VAN_DYKE.var - VAN_DYKE.cov1) - gap
        error = tr + readers * gap
        df = error**2 * (readers - 1) / tr**2
        shift = (0.01 + 0.05) / math.sqrt(2 * error / readers)
        expected = stats.nct.sf(stats.t.ppf(0.975, df), df, shift)
        assert power(VAN_DYKE, 0.01, readers, cases, margin=0.05) == pytest.approx(expected, rel=1e-6)
        noncentral = 0.05**2 * readers / 2 / error
        expected = stats.ncf.sf(stats.f.ppf(0.95, 1, df), 1, df, noncentral)
        assert power(VAN_DYKE, 0.05, readers, cases) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", ["rrrc", "frrc", "rrfc"])
def test_no_difference_is_found_as_often_as_alpha_says(model: str) -> None:
    assert power(VAN_DYKE, 0.0, 6, 100, model=model, alpha=0.1) == pytest.approx(0.1, abs=1e-9)
    assert power(VAN_DYKE, -0.05, 6, 100, model=model, alpha=0.1, margin=0.05) == pytest.approx(0.05, abs=1e-9)


def test_more_readers_more_cases_and_a_wider_margin_give_more_power() -> None:
    grid = [[power(VAN_DYKE, 0.03, readers, cases) for cases in (50, 100, 400)] for readers in (3, 6, 12)]
    assert (np.diff(grid, axis=0) > 0).all()
    assert (np.diff(grid, axis=1) > 0).all()
    margins = [power(VAN_DYKE, 0.0, 6, 100, margin=m) for m in (0.02, 0.05, 0.1)]
    assert margins == sorted(margins)


def test_sizes_are_the_fewest_cases() -> None:
    for model in ("rrrc", "frrc", "rrfc"):
        (found,) = sizes(VAN_DYKE, 0.05, [8], 0.9, model=model)
        assert found.power == power(VAN_DYKE, 0.05, 8, found.cases, model=model) >= 0.9
        assert power(VAN_DYKE, 0.05, 8, found.cases - 1, model=model) < 0.9


def simulated(rng: np.random.Generator, readers: int, cases: int, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """A Roe and Metz study: normal ratings with reader, case and interaction effects."""
    truth = np.arange(cases) % 2 == 0
    ratings = truth * (0.9 + gain * np.array([1, 0])[:, None, None] + 0.15 * rng.normal(size=(2, readers, 1)))
    ratings = ratings + math.sqrt(0.4) * rng.normal(size=cases) + math.sqrt(0.2) * rng.normal(size=(2, 1, cases))
    return ratings + math.sqrt(0.4) * rng.normal(size=(2, readers, cases)), truth


def test_predicted_power_is_that_of_simulated_studies() -> None:
    """Components averaged over large pilots predict how often studies of 5 readers and 60 cases find what is there."""
    rng = np.random.default_rng(3)
    pilots = [simulated(rng, 8, 200, 0.55) for _ in range(60)]
    parts = [from_pilot(*pilot) for pilot in pilots]
    mean = Components(*(float(np.mean([getattr(p, n) for p in parts])) for n in Components.__dataclass_fields__))
    effect = float(np.mean([analyse(*pilot).differences[0, 1].estimate for pilot in pilots]))
    found = [analyse(*simulated(rng, 5, 60, 0.55)) for _ in range(600)]
    share = np.mean([study.test.p < 0.05 for study in found])
    assert power(mean, effect, 5, 60) == pytest.approx(share, abs=0.07)
    kept = np.mean([noninferiority(study, (0, 1), 0.02).p < 0.025 for study in found])
    assert power(mean, effect, 5, 60, margin=0.02) == pytest.approx(kept, abs=0.07)


def test_a_pilot_gives_its_own_components() -> None:
    scores, truth = simulated(np.random.default_rng(5), 4, 40, 0.3)
    parts, own = from_pilot(scores, truth), analyse(scores, truth).components
    assert parts == Components(parts.var_tr, own["Var"], own["Cov1"], own["Cov2"], own["Cov3"], 40)
    assert parts.var_tr == pytest.approx(own["VarTR"] + max(own["Cov3"] - own["Cov2"], 0))
    shares = from_pilot(scores, truth, fom="specificity", threshold=0.5)
    assert shares.cases == np.sum(~truth)
    assert shares.var == analyse(scores, truth, fom="specificity", threshold=0.5).components["Var"]


def test_another_share_of_positive_cases_reweights_the_classes() -> None:
    """At the pilot's own share DeLong's covariances come back; others are foretold from pilots with half and half."""
    scores, truth = simulated(np.random.default_rng(6), 4, 60, 0.3)
    own = analyse(scores, truth, "or_delong_rrrc").components
    same = from_pilot(scores, truth, share=0.5)
    assert (same.var, same.cov1, same.cov2, same.cov3) == pytest.approx(
        (own["Var"], own["Cov1"], own["Cov2"], own["Cov3"])
    )
    rng = np.random.default_rng(8)
    few, half = [], []
    for _ in range(40):
        scores, truth = simulated(rng, 5, 400, 0.0)
        half.append(from_pilot(scores[:, :, :200], truth[:200], share=0.2).var)
        kept = np.concatenate([np.flatnonzero(truth)[:40], np.flatnonzero(~truth)[:160]])
        few.append(from_pilot(scores[:, :, kept], truth[kept]).var)
    assert np.mean(half) == pytest.approx(np.mean(few), rel=0.05)


def test_pilots_that_do_not_fit_are_refused() -> None:
    scores, truth = simulated(np.random.default_rng(7), 3, 40, 0.3)
    with pytest.raises(InputError, match="two arms; the pilot has 3"):
        from_pilot(np.concatenate([scores, scores[:1] + 1]), truth)
    for options in ({"share": 1.0}, {"share": 0.3, "fom": "sensitivity", "threshold": 0.5}):
        with pytest.raises(InputError, match="share of positive cases must be"):
            from_pilot(scores, truth, **options)
    scores[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="without missing readings"):
        from_pilot(scores, truth, share=0.3)


def test_conjectured_components_follow_hanley_and_mcneil() -> None:
    parts = conjectured(0.8, 45, 69, r1=0.5, r2=0.4, r3=0.3, sd_tr=0.02)
    q1, q2 = 0.8 / 1.2, 2 * 0.64 / 1.8
    assert parts.var == pytest.approx((0.16 + 44 * (q1 - 0.64) + 68 * (q2 - 0.64)) / (45 * 69))
    assert (parts.cov1, parts.cov3, parts.var_tr) == pytest.approx((0.5 * parts.var, 0.3 * parts.var, 0.0004))
    assert parts.cases == 114


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: power(VAN_DYKE, 0.05, 1, 100), "two readers"),
        (lambda: power(VAN_DYKE, 0.05, 5, 100, alpha=1.0), "alpha between 0 and 1"),
        (lambda: power(VAN_DYKE, 0.05, 5, 100, margin=-0.1), "margin must be above 0"),
        (lambda: power(Components(0, 0.001, 0.001, 0, 0, 100), 0.05, 5, 100), "no variance"),
        (lambda: sizes(VAN_DYKE, 0.05, [5], 1.0), "wanted power"),
        (lambda: conjectured(1.0, 20, 20, r1=0.4, r2=0.4, r3=0.3, sd_tr=0), "AUC must be"),
        (lambda: conjectured(0.8, 20, 20, r1=0.2, r2=0.4, r3=0.3, sd_tr=0), "Correlations"),
    ],
)
def test_arguments_out_of_range_are_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()
