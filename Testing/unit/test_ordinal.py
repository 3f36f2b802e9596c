"""The ordinal mixed model against a likelihood written out densely, and against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.statistics.ordinal import OrdinalFit, fit_ordinal


def made(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores 1 to 4 of 12 cases by 5 readers in two arms; design, case, reader."""
    rng = np.random.default_rng(seed)
    arm, reader, case = (index.ravel() for index in np.indices((2, 5, 12)))
    latent = 0.9 * arm + rng.normal(size=12)[case] + 0.6 * rng.normal(size=5)[reader] + rng.logistic(size=len(arm))
    return np.digitize(latent, [-1.0, 0.5, 2.0]) + 1.0, arm[:, None].astype(float), case, reader


def dense_laplace(fit: OrdinalFit, scores: np.ndarray, design: np.ndarray, factors: list[np.ndarray]) -> float:
    """Laplace's log-likelihood at the fitted values: mode by a general minimiser, determinant of numeric curvature."""
    cuts = np.concatenate([[-np.inf], [cut.estimate for cut in fit.thresholds], [np.inf]])
    level = np.unique(scores, return_inverse=True)[1]
    fixed = design @ [coefficient.estimate for coefficient in fit.coefficients]
    blocks = [np.eye(codes.max() + 1)[codes] * sd for codes, sd in zip(factors, fit.deviations, strict=True)]
    z = np.hstack(blocks)

    def loss(u: np.ndarray) -> float:
        eta = fixed + z @ u
        return float(-np.log(expit(cuts[level + 1] - eta) - expit(cuts[level] - eta)).sum() + u @ u / 2)

    mode = minimize(loss, np.zeros(z.shape[1]), method="BFGS", options={"gtol": 1e-9}).x
    step = 1e-4
    size = len(mode)
    curvature = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            e, f = step * np.eye(size)[i], step * np.eye(size)[j]
            curvature[i, j] = (loss(mode + e + f) - loss(mode + e - f) - loss(mode - e + f) + loss(mode - e - f)) / (
                4 * step**2
            )
    return -loss(mode) - np.linalg.slogdet(curvature)[1] / 2


def test_log_likelihood_is_laplaces_by_definition() -> None:
    scores, design, case, reader = made()
    fit = fit_ordinal(scores, design, [case, reader])
    assert fit.log_likelihood == pytest.approx(dense_laplace(fit, scores, design, [case, reader]), abs=2e-4)


def test_the_order_of_the_factors_does_not_matter() -> None:
    scores, design, case, reader = made()
    one, other = fit_ordinal(scores, design, [case, reader]), fit_ordinal(scores, design, [reader, case])
    assert one.deviations == pytest.approx(other.deviations[::-1], abs=1e-4)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-7)


def test_nothing_near_the_fit_is_more_likely() -> None:
    scores, design, case, reader = made(2)
    fit = fit_ordinal(scores, design, [case, reader])
    moved = OrdinalFit(
        fit.thresholds, fit.coefficients, fit.covariance, (fit.deviations[0] + 0.1, fit.deviations[1]), 0, 0
    )
    assert dense_laplace(moved, scores, design, [case, reader]) < fit.log_likelihood


def test_without_random_factors_it_is_logistic_regression() -> None:
    """Two levels: the coefficient is the log odds ratio of the two-by-two table, with Woolf's standard error."""
    scores = np.repeat([0.0, 1, 0, 1], [30, 10, 18, 22])
    design = np.repeat([0.0, 1], 40)[:, None]
    fit = fit_ordinal(scores, design)
    found = fit.coefficients[0]
    assert found.estimate == pytest.approx(np.log(30 * 22 / (10 * 18)), abs=1e-5)
    assert found.se == pytest.approx(np.sqrt(1 / 30 + 1 / 10 + 1 / 18 + 1 / 22), abs=1e-5)
    assert fit.deviations == ()


def test_a_factor_without_spread_is_found_to_have_none() -> None:
    rng = np.random.default_rng(4)
    scores = np.digitize(rng.logistic(size=400), [-1.0, 1.0]) + 1.0
    design = rng.integers(0, 2, 400)[:, None].astype(float)
    alone, with_factor = fit_ordinal(scores, design), fit_ordinal(scores, design, [np.arange(400) % 8])
    assert with_factor.log_likelihood >= alone.log_likelihood - 1e-6
    assert with_factor.coefficients[0].se == pytest.approx(alone.coefficients[0].se, rel=0.05)


def test_simulated_effects_are_found_again() -> None:
    """A large study: 8 readers, 150 cases, two arms; true values within three standard errors."""
    rng = np.random.default_rng(12)
    arm, reader, case = (index.ravel() for index in np.indices((2, 8, 150)))
    latent = (
        0.7 * arm + 1.2 * rng.normal(size=150)[case] + 0.5 * rng.normal(size=8)[reader] + rng.logistic(size=len(arm))
    )
    scores = np.digitize(latent, [-1.5, 0.0, 1.5]) + 1.0
    fit = fit_ordinal(scores, arm[:, None].astype(float), [case, reader])
    found = fit.coefficients[0]
    assert found.estimate is not None
    assert found.se is not None
    assert abs(found.estimate - 0.7) < 3 * found.se
    assert fit.deviations[0] == pytest.approx(1.2, abs=0.3)


def test_scores_that_separate_the_arms_are_refused() -> None:
    scores = np.repeat([1.0, 2, 4, 5], 10)
    with pytest.raises(InputError, match="no finite solution"):
        fit_ordinal(scores, np.repeat([0.0, 1], 20)[:, None])
    with pytest.raises(InputError, match="two different scores"):
        fit_ordinal(np.ones(4), np.zeros((4, 1)))
    with pytest.raises(InputError, match="two random factors"):
        fit_ordinal(scores, np.zeros((40, 1)), [np.arange(40)] * 3)
