"""Two methods measuring the same cases: limits of agreement, correlation, regression with errors in both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .estimate import Estimate
from .intervals import p_t, quantile_t, quantile_z, with_t
from .ranks import midranks

_LIMIT = 1.96


def bland_altman(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """Bias and 95 % limits of agreement of ``x - y`` (Bland and Altman 1986).

    Parameters
    ----------
    x, y
        (n,) finite values of the two methods, in one unit.
    level
        Coverage of the intervals, (0, 1); the limits themselves are always bias -+ 1.96 SD.

    Returns
    -------
    dict
        ``bias`` (paired t interval and test), ``loa_lower`` and ``loa_upper`` (approximate t intervals with
        SE = sqrt(3 / n) s), ``sd`` of the differences; ``loa_lower_exact`` and ``loa_upper_exact``, the same limits
        (z quantile in place of 1.96) with Carkeet's (2015) exact intervals from the noncentral t distribution;
        ``proportional_slope`` and ``proportional_intercept`` of the difference on the mean (x + y) / 2, and
        ``spread_slope``, the slope of the absolute residuals of that regression on the mean (Bland and Altman 1999).
    """
    difference, mean, n = x - y, (x + y) / 2, len(x)
    bias = float(difference.mean()) if n else None
    if bias is None or n < 2:
        note = "needs two cases"
        return {"bias": Estimate(bias, n=n, note=note)} | {
            name: Estimate(None, n=n, note=note) for name in ("loa_lower", "loa_upper", "sd")
        }
    sd = float(difference.std(ddof=1))
    if sd <= 1e-14 * float(np.abs(difference).max()):
        sd = 0.0
    se, half = math.sqrt(3 / n) * sd, quantile_t(level, n - 1) * math.sqrt(3 / n) * sd
    found = {"bias": with_t(bias, sd / math.sqrt(n), n - 1, level, n=n), "sd": Estimate(sd, n=n)}
    for name, sign in (("loa_lower", -1), ("loa_upper", 1)):
        limit = bias + sign * _LIMIT * sd
        found[name] = Estimate(limit, se, limit - half, limit + half, level, n=n)
        found[f"{name}_exact"] = _exact_limit(bias, sd, n, sign, level)
    line = ols(mean, difference, level=level)
    found["proportional_slope"], found["proportional_intercept"] = line["slope"], line["intercept"]
    slope, intercept = line["slope"].estimate, line["intercept"].estimate
    if slope is not None and intercept is not None:
        residual = np.abs(difference - intercept - slope * mean)
        found["spread_slope"] = ols(mean, residual, level=level)["slope"]
    return found


def bland_altman_bootstrap(
    x: np.ndarray, y: np.ndarray, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> dict[str, Estimate]:
    """``loa_lower`` and ``loa_upper`` with percentile intervals over resampled cases.

    Parameters
    ----------
    resamples
        Number of resamples.
    seed
        Start of the random numbers; the same seed gives the same interval.
    """
    difference = x - y
    n = len(difference)
    if n < 2:
        return {name: Estimate(None, n=n, note="needs two cases") for name in ("loa_lower", "loa_upper")}
    drawn = difference[np.random.default_rng(seed).integers(0, n, (resamples, n))]
    mean, sd = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
    tail, found = (1 - level) / 2, {}
    for name, sign in (("loa_lower", -1), ("loa_upper", 1)):
        low, high = np.quantile(mean + sign * _LIMIT * sd, [tail, 1 - tail])
        limit = float(difference.mean() + sign * _LIMIT * difference.std(ddof=1))
        found[name] = Estimate(limit, None, float(low), float(high), level, n=n, note=f"{resamples} resamples")
    return found


def bland_altman_percent(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """``bias``, ``loa_lower``, ``loa_upper`` of 100 (x - y) / ((x + y) / 2), in percent of the mean.

    Absent (empty) where a mean is 0.
    """
    mean = (x + y) / 2
    if len(x) < 2 or np.any(mean == 0):
        return {}
    share = 100 * (x - y) / mean
    return _three(bland_altman(share, np.zeros(len(x)), level=level))


def bland_altman_ratio(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """``bias``, ``loa_lower``, ``loa_upper`` of x / y: the analysis of the logarithms, taken back (geometric means).

    Absent (empty) where a value is not positive.
    """
    if len(x) < 2 or min(x.min(), y.min()) <= 0:
        return {}
    found = {}
    for name, of_log in _three(bland_altman(np.log(x), np.log(y), level=level)).items():
        ends = [None if v is None else math.exp(v) for v in (of_log.estimate, of_log.ci_low, of_log.ci_high)]
        found[name] = replace(of_log, estimate=ends[0], se=None, ci_low=ends[1], ci_high=ends[2])
    return found


def repeatability(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """Within-subject SD ``wsd`` = sqrt(sum d^2 / 2n) and repeatability coefficient ``rc`` = 1.96 sqrt(2) wSD (QIBA).

    ``x`` and ``y`` are two measurements of the same; chi-square intervals with n degrees of freedom.
    """
    from scipy.special import chdtri

    n = len(x)
    if n == 0:
        return {name: Estimate(None, n=0, note="needs a case") for name in ("wsd", "rc")}
    wsd = math.sqrt(float(((x - y) ** 2).sum()) / (2 * n))
    tail = (1 - level) / 2
    low, high = (wsd * math.sqrt(n / float(chdtri(n, share))) for share in (tail, 1 - tail))
    factor = _LIMIT * math.sqrt(2)
    return {
        "wsd": Estimate(wsd, None, low, high, level, df1=n, n=n),
        "rc": Estimate(factor * wsd, None, factor * low, factor * high, level, df1=n, n=n),
    }


def pearson(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Pearson's r with Fisher's z interval (SE 1 / sqrt(n - 3)) and the t test with n - 2 degrees of freedom."""
    return _correlation(x, y, level, lambda _: 1.0)


def spearman(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Spearman's rho: Pearson's r of midranks.

    The interval is Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright (2000), the test is t
    with n - 2 degrees of freedom; R's ``cor.test`` gives no interval and below 1290 cases another p.
    """
    return _correlation(midranks(x), midranks(y), level, lambda r: 1 + r * r / 2)


def kendall_tau(x: np.ndarray, y: np.ndarray) -> Estimate:
    """Kendall's tau-b (ties in either method taken out of its number of pairs)."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(None, n=len(x), note=_CONSTANT)
    first, second = np.triu_indices(len(x), 1)
    dx, dy = np.sign(x[first] - x[second]), np.sign(y[first] - y[second])
    return Estimate(float(dx @ dy) / math.sqrt(float(dx @ dx) * float(dy @ dy)), n=len(x))


def lin_ccc(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Lin's concordance correlation coefficient with 1/n moments (Lin 1989).

    The interval is Fisher's z with Lin's variance as corrected in 2000 and n - 2; ``se`` is that of the coefficient
    itself. The bias correction factor C_b is in ``note``.
    """
    n = len(x)
    if n < 2 or (np.ptp(x) == 0 and np.ptp(y) == 0):
        return Estimate(None, n=n, note=_CONSTANT)
    dx, dy, shift = x - x.mean(), y - y.mean(), float(x.mean() - y.mean())
    vx, vy, cov = float(dx @ dx) / n, float(dy @ dy) / n, float(dx @ dy) / n
    ccc = 2 * cov / (vx + vy + shift**2)
    if vx == 0 or vy == 0 or n < 3:
        return Estimate(ccc, n=n, note="no interval: it needs three cases and two methods that vary")
    r, u2 = cov / math.sqrt(vx * vy), shift**2 / math.sqrt(vx * vy)
    note = f"C_b {ccc / r:.6f}" if r else ""
    if r == 0 or 1 - abs(ccc) < 1e-14:
        return Estimate(ccc, n=n, note="; ".join(filter(None, [note, "no interval at 0 or 1"])))
    variance = (
        (1 - r * r) * ccc**2 * (1 - ccc**2) / r**2 + 2 * ccc**3 * (1 - ccc) * u2 / r - ccc**4 * u2**2 / (2 * r**2)
    ) / (n - 2)
    se = math.sqrt(max(variance, 0.0))
    half = quantile_z(level) * se / (1 - ccc**2)
    low, high = math.tanh(math.atanh(ccc) - half), math.tanh(math.atanh(ccc) + half)
    return Estimate(ccc, se, low, high, level, n=n, note=note)


def ols(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """Ordinary least squares ``slope`` and ``intercept`` of y on x; t intervals and tests of 0 (n - 2)."""
    n = len(x)
    if n < 3 or np.ptp(x) == 0:
        return _lines_absent(n)
    dx = x - x.mean()
    xx = float(dx @ dx)
    slope = float(dx @ y) / xx
    intercept = float(y.mean()) - slope * float(x.mean())
    residual = y - intercept - slope * x
    left = float(residual @ residual)
    dy = y - y.mean()
    variance = 0.0 if left <= 1e-26 * float(dy @ dy) else left / (n - 2)
    se_intercept = math.sqrt(variance * (1 / n + float(x.mean()) ** 2 / xx))
    return {
        "slope": with_t(slope, math.sqrt(variance / xx), n - 2, level, n=n),
        "intercept": with_t(intercept, se_intercept, n - 2, level, n=n),
    }


def deming(x: np.ndarray, y: np.ndarray, *, ratio: float = 1.0, level: float = 0.95) -> dict[str, Estimate]:
    """Deming regression ``slope`` and ``intercept`` of y on x, jackknife t intervals with n - 2 (Linnet 1990).

    Parameters
    ----------
    ratio
        Error variance of x over that of y.

    Notes
    -----
    Estimate and standard error are those of R mcr with ``method.ci = "jackknife"``: the jackknife SE of Linnet (pseudo-
    values), the interval centred on the full-sample estimate.
    """
    n = len(x)
    if n < 3 or np.ptp(x) == 0:
        return _lines_absent(n)
    # Sums about the means, with each case left out in turn: closed forms, so that 1,000 cases take no loop.
    dx, dy = x - x.mean(), y - y.mean()
    keep = n / (n - 1)
    xx, yy, xy = (float(a @ b) - np.append(keep * a * b, 0.0) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    if np.any(xy == 0):
        return _lines_absent(n, "not determined: no correlation")
    balance = ratio * yy - xx
    slopes = (balance + np.sqrt(balance**2 + 4 * ratio * xy**2)) / (2 * ratio * xy)
    mean_x, mean_y = (np.append((n * v.mean() - v) / (n - 1), v.mean()) for v in (x, y))
    intercepts = mean_y - slopes * mean_x
    found = {}
    for name, values in (("slope", slopes), ("intercept", intercepts)):
        pseudo = n * values[-1] - (n - 1) * values[:-1]
        se = float(pseudo.std(ddof=1)) / math.sqrt(n)
        if se <= 1e-13 * max(1.0, abs(values[-1])):
            se = 0.0
        found[name] = with_t(float(values[-1]), se, n - 2, level, n=n)
    return found


def passing_bablok(x: np.ndarray, y: np.ndarray, *, level: float = 0.95) -> dict[str, Estimate]:
    """Passing and Bablok's (1983) ``slope`` and ``intercept`` of y on x, by angles as R mcr (``PaBa``) has it.

    Notes
    -----
    Every pair of cases gives a slope, taken as an angle; pairs with dx = dy = 0 and slopes of exactly -1 are dropped,
    dx = 0 counts +90 degrees. Ranks are shifted by the number of angles below -45 degrees; the slope is the tangent of
    the median angle. Its limits are at the ranks (N + 1 -+ round(C)) / 2, shifted likewise, with
    C = z sqrt(n (n - 1)(2 n + 5) / 18); half ranks average the two angles. The intercept is median(y - b x), its limits
    come from the slope's. A limit beyond the first or last angle, or vertical, is absent.
    """
    n = len(x)
    if n < 3 or np.ptp(x) == 0:
        return _lines_absent(n)
    first, second = np.triu_indices(n, 1)
    dx, dy = x[first] - x[second], y[first] - y[second]
    exact = 1e-12 * max(float(np.abs(x).max()), float(np.abs(y).max()))  # 0.3 - 0.2 and 0.2 - 0.1 differ by rounding
    used = np.where(dx == 0, dy != 0, np.abs(dx + dy) > exact)
    dx, dy = dx[used], dy[used]
    angles = np.where(dx == 0, math.pi / 2, np.arctan(np.divide(dy, dx, out=np.zeros_like(dx), where=dx != 0)))
    if len(angles) == 0:
        return _lines_absent(n)
    angles.sort()
    number, shift = len(angles), int(np.searchsorted(angles, -math.pi / 4, side="left"))
    half_width = round(quantile_z(level) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18))

    def at(rank: float) -> float | None:
        rank += shift
        if not 1 <= rank <= number:
            return None
        angle = (angles[math.floor(rank) - 1] + angles[math.ceil(rank) - 1]) / 2
        return None if angle >= math.pi / 2 - 1e-12 else float(math.tan(angle))

    middle = (number + 1) / 2
    slope, low, high = (at(middle + sign * half_width / 2) for sign in (0, -1, 1))
    if slope is None:
        return _lines_absent(n, "not determined: the median slope is vertical")
    note = "" if low is not None and high is not None else "a limit lies beyond the slopes of the data"

    def intercept(b: float | None) -> float | None:
        return None if b is None else float(np.median(y - b * x))

    return {
        "slope": Estimate(slope, None, low, high, level, n=n, note=note),
        "intercept": Estimate(intercept(slope), None, intercept(high), intercept(low), level, n=n, note=note),
    }


_CONSTANT = "not determined: it needs three cases, and both methods must vary"


def _three(found: dict[str, Estimate]) -> dict[str, Estimate]:
    return {name: found[name] for name in ("bias", "loa_lower", "loa_upper")}


def _lines_absent(n: int, note: str = "not determined: it needs three cases with different x") -> dict[str, Estimate]:
    return {name: Estimate(None, n=n, note=note) for name in ("slope", "intercept")}


def _exact_limit(bias: float, sd: float, n: int, sign: int, level: float) -> Estimate:
    from scipy.special import nctdtrit

    z = quantile_z(0.95)
    limit = bias + sign * z * sd
    if sd == 0:
        return Estimate(limit, None, limit, limit, level, n=n)
    tail = (1 - level) / 2
    near, far = (float(nctdtrit(n - 1, z * math.sqrt(n), share)) / math.sqrt(n) for share in (tail, 1 - tail))
    ends = sorted((bias + sign * near * sd, bias + sign * far * sd))
    return Estimate(limit, None, ends[0], ends[1], level, n=n)


def _correlation(x: np.ndarray, y: np.ndarray, level: float, widening: Callable[[float], float]) -> Estimate:
    n = len(x)
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(None, n=n, note=_CONSTANT)
    dx, dy = x - x.mean(), y - y.mean()
    r = float(dx @ dy) / math.sqrt(float(dx @ dx) * float(dy @ dy))
    r = max(-1.0, min(1.0, r))
    if 1 - abs(r) < 1e-14:
        return Estimate(r, n=n, note="no test and no interval: the cases lie on a line")
    t = r * math.sqrt((n - 2) / (1 - r * r))
    test = {"statistic": t, "df1": n - 2, "p": p_t(t, n - 2), "n": n}
    if n < 4:
        return Estimate(r, note="no interval: it needs four cases", **test)  # type: ignore[arg-type]
    half = quantile_z(level) * math.sqrt(widening(r) / (n - 3))
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Estimate(r, ci_low=low, ci_high=high, ci_level=level, **test)  # type: ignore[arg-type]
