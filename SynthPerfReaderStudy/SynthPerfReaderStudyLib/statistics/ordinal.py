"""Cumulative logit mixed model for ordered scores with crossed random intercepts, fitted by Laplace's approximation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from SynthPerfLib.errors import InputError

from .estimate import Estimate
from .intervals import p_normal, quantile_z

_NO_SPREAD = 1e-3
"""A random intercept with a smaller SD (logits) lies at the edge of its range and has no standard error."""


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model logit P(Y <= j) = threshold_j - x beta - u (Christensen's ``ordinal`` in R).

    Attributes
    ----------
    thresholds
        One estimate for each pair of neighbouring levels, rising.
    coefficients
        One for each column of the design: log odds ratio of a higher score, Wald interval and z test.
    covariance
        Of the coefficients, (p, p).
    deviations
        SD of each factor's random intercepts, logits.
    log_likelihood
        By Laplace's approximation; exact without random factors.
    n
        Scores.
    """

    thresholds: tuple[Estimate, ...]
    coefficients: tuple[Estimate, ...]
    covariance: np.ndarray
    deviations: tuple[float, ...]
    log_likelihood: float
    n: int


def fit_ordinal(
    scores: np.ndarray, design: np.ndarray, factors: Sequence[np.ndarray] = (), *, level: float = 0.95
) -> OrdinalFit:
    """Fit the proportional-odds model, with up to two crossed random intercepts.

    Parameters
    ----------
    scores
        (n,) finite; the distinct values, rising, are the levels.
    design
        (n, p) fixed effects without an intercept.
    factors
        Up to two (n,) integer codes 0, 1, ... of crossed random factors, such as case and reader.
    level
        Coverage of the Wald intervals, (0, 1).

    Raises
    ------
    InputError
        If there are fewer than two levels, or the likelihood has no maximum (an arm whose scores all lie above the
        other's).

    Notes
    -----
    The random effects are integrated out at their conditional mode (Laplace; Pinheiro and Bates 1995); the outer
    maximum is found with the exact gradient, standard errors come from the observed information, as in R ``ordinal``
    (Christensen) with one quadrature point. Random factors are parametrised by their SD, so that 0 is an inner point.
    """
    from scipy.optimize import minimize

    levels, y = np.unique(scores, return_inverse=True)
    if len(levels) < 2:
        raise InputError("An ordinal model needs at least two different scores.")
    if len(factors) > 2:
        raise InputError("An ordinal model takes at most two random factors.")
    model = _Likelihood(y, np.asarray(design, dtype=float), factors, len(levels))
    start = model.start()
    found = minimize(model, start, jac=True, method="BFGS", options={"gtol": 1e-7 * len(y), "maxiter": 200})
    value, gradient = model(found.x)
    fixed = slice(model.cuts, model.cuts + model.width)
    if not np.isfinite(value) or np.abs(gradient).max() > 1e-4 * len(y) or np.abs(found.x[fixed]).max(initial=0.0) > 15:
        raise InputError("The ordinal model has no finite solution: an arm's scores may all lie above the other's.")
    natural = model.natural(found.x)
    kept = np.append(np.ones(model.cuts + model.width, bool), np.abs(natural[model.cuts + model.width :]) > _NO_SPREAD)
    covariance = np.linalg.inv(model.information(natural)[np.ix_(kept, kept)])
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))[: model.cuts + model.width]
    estimates = tuple(_wald(float(b), float(se), level, len(y)) for b, se in zip(natural, errors, strict=False))
    return OrdinalFit(
        estimates[: model.cuts],
        estimates[model.cuts :],
        covariance[fixed, fixed],
        tuple(abs(float(sd)) for sd in natural[model.cuts + model.width :]),
        -float(value),
        len(y),
    )


def _wald(estimate: float, se: float, level: float, n: int) -> Estimate:
    z, half = estimate / se, quantile_z(level) * se
    return Estimate(estimate, se, estimate - half, estimate + half, level, statistic=z, p=p_normal(z), n=n)


class _Likelihood:
    """Negative Laplace log-likelihood and gradient of the parameters (first cut, log gaps, beta, SDs)."""

    def __init__(self, y: np.ndarray, design: np.ndarray, factors: Sequence[np.ndarray], levels: int) -> None:
        self.y, self.design = y, design
        self.cuts, self.width, self.random = levels - 1, design.shape[1], len(factors)
        # The factor with more levels has a diagonal block; the other one's Schur complement is small and dense.
        codes = [np.asarray(factor, dtype=int) for factor in factors]
        self.order = sorted(range(len(codes)), key=lambda f: -int(codes[f].max()))
        blank = np.zeros(len(y), dtype=int)
        self.many, self.few = (codes[self.order[i]] if i < len(codes) else blank for i in (0, 1))
        self.sizes = int(self.many.max()) + 1, int(self.few.max()) + 1
        self.cell = self.many * self.sizes[1] + self.few
        self.modes = np.zeros(sum(self.sizes))

    def start(self) -> np.ndarray:
        below = np.cumsum(np.bincount(self.y, minlength=self.cuts + 1))[:-1] / len(self.y)
        cuts = np.log(below / (1 - below))
        return np.concatenate([cuts[:1], np.log(np.diff(cuts)), np.zeros(self.width), np.full(self.random, 0.7)])

    def natural(self, parameters: np.ndarray) -> np.ndarray:
        """Thresholds, coefficients, SDs."""
        gaps = np.exp(np.clip(parameters[1 : self.cuts], -30, 30))
        cuts = parameters[0] + np.append(0.0, np.cumsum(gaps))
        return np.concatenate([cuts, parameters[self.cuts :]])

    def __call__(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = self.natural_gradient(self.natural(parameters))
        gaps = np.exp(np.clip(parameters[1 : self.cuts], -30, 30))
        tail = np.cumsum(slope[: self.cuts][::-1])[::-1]  # a gap moves every cut above it
        return value, np.concatenate([tail[:1], tail[1:] * gaps, slope[self.cuts :]])

    def information(self, natural: np.ndarray) -> np.ndarray:
        """Observed information by central differences of the exact gradient."""
        size = len(natural)
        found = np.empty((size, size))
        for i in range(size):
            step = np.zeros(size)
            step[i] = 1e-4 * max(1.0, abs(natural[i]))
            ends = [self.natural_gradient(natural + sign * step)[1] for sign in (1, -1)]
            found[i] = (ends[0] - ends[1]) / (2 * step[i])
        return (found + found.T) / 2

    def natural_gradient(self, natural: np.ndarray) -> tuple[float, np.ndarray]:
        """The value at thresholds, coefficients, SDs, and its derivatives by these."""
        cuts = np.concatenate([[-np.inf], natural[: self.cuts], [np.inf]])
        beta = natural[self.cuts : self.cuts + self.width]
        spreads = np.zeros(2)
        spreads[: self.random] = natural[self.cuts + self.width :][self.order]
        fixed = self.design @ beta
        upper, lower = cuts[self.y + 1] - fixed, cuts[self.y] - fixed
        modes = self._modes(upper, lower, spreads)
        shift = self._spread(modes, spreads)
        at_upper, at_lower = _logistic(upper - shift), _logistic(lower - shift)
        log_p = _log_difference(upper - shift, lower - shift)
        density_u, density_l = at_upper * (1 - at_upper), at_lower * (1 - at_lower)
        slope = at_upper + at_lower - 1  # d log p / d eta
        weight = density_u + density_l  # - d2 log p / d eta2
        curve = _Curvature(self, weight, spreads)
        value = -float(log_p.sum()) + float(modes @ modes) / 2 + curve.half_log_determinant()

        # Derivatives: the joint part, the direct change of the curvature, and its change through the modes.
        third_u, third_l = density_u * (1 - 2 * at_upper), density_l * (1 - 2 * at_lower)
        leverage = curve.leverage()
        by_eta = -leverage * (third_u + third_l) / 2  # of the half log determinant, through eta
        adjoint = curve.solve(self._gather(by_eta, spreads))
        carried = self._spread(adjoint, spreads)
        p = np.exp(log_p)
        for_upper = density_u / p - leverage * third_u / 2 - carried * density_u
        for_lower = -density_l / p - leverage * third_l / 2 - carried * density_l
        down = np.bincount(self.y, for_upper, self.cuts + 1)[:-1] + np.bincount(self.y, for_lower, self.cuts + 1)[1:]
        through_eta = slope - by_eta + carried * weight
        of_beta = self.design.T @ through_eta
        of_spread = []
        for block, codes in enumerate((self.many, self.few)[: self.random]):
            part = slice(0, self.sizes[0]) if block == 0 else slice(self.sizes[0], None)
            own = modes[part][codes]
            direct = (adjoint[part] * np.bincount(codes, slope, self.sizes[block])).sum()
            of_spread.append(float(own @ through_eta) - curve.own(block) - float(direct))
        ordered = np.zeros(self.random)
        ordered[self.order] = of_spread
        return value, -np.concatenate([down, of_beta, ordered])

    def _modes(self, upper: np.ndarray, lower: np.ndarray, spreads: np.ndarray) -> np.ndarray:
        """Conditional modes of the standardised random effects by Newton's method; it starts at the last ones."""
        if not self.random:
            return np.zeros(sum(self.sizes))
        modes = self.modes
        loss = self._joint(upper, lower, spreads, modes)
        for _ in range(50):
            shift = self._spread(modes, spreads)
            at_upper, at_lower = _logistic(upper - shift), _logistic(lower - shift)
            weight = at_upper * (1 - at_upper) + at_lower * (1 - at_lower)
            step = _Curvature(self, weight, spreads).solve(self._gather(at_upper + at_lower - 1, spreads) - modes)
            share = 1.0
            while (new := self._joint(upper, lower, spreads, modes + share * step)) > loss + 1e-9 and share > 1e-4:
                share /= 2
            modes, loss = modes + share * step, new
            if np.abs(step).max() < 1e-9:
                break
        self.modes = modes
        return modes

    def _joint(self, upper: np.ndarray, lower: np.ndarray, spreads: np.ndarray, modes: np.ndarray) -> float:
        shift = self._spread(modes, spreads)
        return -float(_log_difference(upper - shift, lower - shift).sum()) + float(modes @ modes) / 2

    def _spread(self, effects: np.ndarray, spreads: np.ndarray) -> np.ndarray:
        """Random effects to scores."""
        first = self.sizes[0]
        return spreads[0] * effects[:first][self.many] + spreads[1] * effects[first:][self.few]

    def _gather(self, of_scores: np.ndarray, spreads: np.ndarray) -> np.ndarray:
        """The transpose of :meth:`_spread`."""
        return np.concatenate(
            [
                spreads[0] * np.bincount(self.many, of_scores, self.sizes[0]),
                spreads[1] * np.bincount(self.few, of_scores, self.sizes[1]),
            ]
        )


class _Curvature:
    """I + Z' W Z of two crossed factors in blocks: diagonal for the many, Schur complement for the few."""

    def __init__(self, model: _Likelihood, weight: np.ndarray, spreads: np.ndarray) -> None:
        many, few = model.sizes
        self.model, self.spreads, self.weight = model, spreads, weight
        cells = np.bincount(model.cell, weight, many * few).reshape(many, few)
        self.diagonal = 1 + spreads[0] ** 2 * cells.sum(axis=1)
        self.cross = spreads[0] * spreads[1] * cells
        self.scaled = self.cross / self.diagonal[:, None]
        self.schur = np.diag(1 + spreads[1] ** 2 * cells.sum(axis=0)) - self.cross.T @ self.scaled
        self.inverse = np.linalg.inv(self.schur)
        self.cells = cells

    def half_log_determinant(self) -> float:
        return (float(np.log(self.diagonal).sum()) + float(np.linalg.slogdet(self.schur)[1])) / 2

    def solve(self, right: np.ndarray) -> np.ndarray:
        first = len(self.diagonal)
        few = self.inverse @ (right[first:] - self.scaled.T @ right[:first])
        return np.concatenate([right[:first] / self.diagonal - self.scaled @ few, few])

    def _inverse_blocks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse's diagonal for the many, its block many x few, its diagonal for the few."""
        across = -self.scaled @ self.inverse
        return 1 / self.diagonal - (across * self.scaled).sum(axis=1), across, np.diag(self.inverse)

    def leverage(self) -> np.ndarray:
        """z' (I + Z' W Z)^-1 z for each score."""
        many, across, few = self._inverse_blocks()
        (a, b), model = self.spreads, self.model
        by_cell = (a * a * many)[:, None] + 2 * a * b * across + b * b * few
        return by_cell.ravel()[model.cell]

    def own(self, block: int) -> float:
        """Derivative of the half log determinant by one factor's SD, weights held."""
        many, across, few = self._inverse_blocks()
        a, b = self.spreads
        if block == 0:
            return float((self.cells * (a * many[:, None] + b * across)).sum())
        return float((self.cells * (b * few + a * across)).sum())


def _logistic(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)


def _log_difference(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """log(expit(upper) - expit(lower)) without cancellation."""
    from scipy.special import log_expit

    gap = np.where(np.isfinite(upper) & np.isfinite(lower), upper - lower, np.inf)
    # expit(u) - expit(l) = expit(u) expit(-l) (1 - exp(l - u))
    return log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(-gap))
