"""Obuchowski and Rockette's analysis of variance with Hillis' degrees of freedom.

Sources: Obuchowski and Rockette 1995, Communications in Statistics B 24:285; Hillis 2007, Statistics in Medicine
26:596; Hillis 2014, Statistics in Medicine 33:330; DeLong et al. 1988, Biometrics 44:837; Gallas et al. 2007, JOSA A
24:B70 (unbiased covariances).

Cells that share no case have no covariance, so the same formulas hold when cases are nested in readers, in blocks of
readers (split-plot) or in arms: Cov2 and Cov3 are means over all pairs of readers, also those without a common case.
The variance of a difference of averages stays unbiased then; its degrees of freedom are an approximation.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from SynthPerfLib.errors import InputError

from ..estimate import Estimate
from .figures import Figures
from .result import Mrmc, compared, estimated, f_test

MODELS = ("rrrc", "frrc", "rrfc")


def jackknife_covariance(used: Figures) -> NDArray:
    """Covariance of all cells by leaving out each of the K contributing cases: factor (K - 1) / K."""
    read = np.concatenate([r.any(axis=0) for r in used.read])
    k = int(read.sum())
    return (k - 1) / k * used.jackknife @ used.jackknife.T


def delong_covariance(used: Figures) -> NDArray:
    """DeLong's covariance of all cells; every reader must have read every case in every arm."""
    if not used.complete:
        raise InputError(
            f"DeLong's covariances need every reader to read every case in every arm; missing readings: "
            f"{used.missing}. Use the jackknife or the unbiased covariances."
        )
    return np.sum([d @ d.T / (d.shape[1] * (d.shape[1] - 1)) for d in used.deviations], axis=0)


def unbiased_covariance(used: Figures) -> NDArray:
    """Product of two figures of merit minus its unbiased estimate from terms that share no case."""
    sums, counts = used.distinct
    return np.outer(used.values, used.values) - sums / np.where(counts > 0, counts, np.nan)


COVARIANCES: dict[str, Callable[[Figures], NDArray]] = {
    "jackknife": jackknife_covariance,
    "delong": delong_covariance,
    "unbiased": unbiased_covariance,
}


def obuchowski_rockette(
    used: Figures, covariance: str = "jackknife", model: str = "rrrc", *, level: float = 0.95
) -> Mrmc:
    """Test of equal arms, differences and averages.

    Parameters
    ----------
    covariance
        ``jackknife``, ``delong`` or ``unbiased``.
    model
        ``rrrc``: readers and cases random. F = MS(T) / [MS(TR) + J max(Cov2 - Cov3, 0)].
        ``frrc``: readers fixed. Chi-square with I - 1 degrees of freedom and normal intervals, Cov2 - Cov3 not clipped.
        ``rrfc``: cases fixed. F = MS(T) / MS(TR).

    Raises
    ------
    InputError
        A reader did not read in every arm, or the covariance method does not allow missing readings.
    """
    table = used.table
    if np.isnan(table).any():
        arm, reader = np.argwhere(np.isnan(table))[0]
        raise InputError(
            f"The Obuchowski-Rockette analysis needs every reader in every arm; reader {reader + 1} has no score in "
            f"arm {arm + 1}. Use the U-statistic method."
        )
    arms, readers = table.shape
    parts = Parts(table, COVARIANCES[covariance](used))
    tr, gap = parts.ms_tr, readers * max(parts.cov2 - parts.cov3, 0.0)
    tr_df = float((arms - 1) * (readers - 1))
    if model == "rrrc":
        error, df = tr + gap, _satterthwaite(tr, gap, tr_df)
    elif model == "frrc":
        error, df = parts.var - parts.cov1 + (readers - 1) * (parts.cov2 - parts.cov3), None
    else:
        error, df = tr, tr_df
    size = {"n": used.n_pos + used.n_neg, "n_pos": used.n_pos, "n_neg": used.n_neg}
    note = f"missing readings: {used.missing}; each reader's figure is from the cases read" if used.missing else ""
    means = table.mean(axis=1)
    pairs = list(combinations(range(arms), 2))
    return Mrmc(
        method=f"or_{covariance}_{model}",
        fom=used.fom,
        test=f_test(parts.ms_t, error, arms - 1, df, size, note),
        differences={
            (a, b): compared(float(means[a] - means[b]), 2 / readers * error, df, level, size, note) for a, b in pairs
        },
        arms=tuple(_arm(parts, arm, model, level, size, note) for arm in range(arms)),
        reader_differences={
            (a, b): tuple(
                compared(float(table[a, r] - table[b, r]), parts.reader_error[r], None, level, size)
                for r in range(readers)
            )
            for a, b in pairs
        },
        readers=tuple(
            tuple(estimated(float(v), float(e), None, level, size) for v, e in zip(row, errors, strict=True))
            for row, errors in zip(table, parts.variances, strict=True)
        ),
        components=parts.components,
        values=table,
    )


class Parts:
    """Mean squares and mean covariances of the Obuchowski-Rockette model."""

    def __init__(self, table: NDArray, covariance: NDArray) -> None:
        arms, readers = table.shape
        by_arm, by_reader, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
        rest = table - by_arm[:, None] - by_reader + mean
        self.ms_t = float(readers * np.sum((by_arm - mean) ** 2) / (arms - 1))
        self.ms_r = float(arms * np.sum((by_reader - mean) ** 2) / (readers - 1))
        self.ms_tr = float(np.sum(rest**2) / ((arms - 1) * (readers - 1)))
        self.ms_r_arm = table.var(axis=1, ddof=1)
        self.means = by_arm
        blocks = covariance.reshape(arms, readers, arms, readers)
        self.variances = np.einsum("irir->ir", blocks)
        same_reader = np.einsum("arbr->abr", blocks)
        self.var = float(self.variances.mean())
        across = ~np.eye(arms, dtype=bool)
        apart = ~np.eye(readers, dtype=bool)
        cov1_reader = same_reader[across].mean(axis=0)
        self.cov1 = float(cov1_reader.mean())
        self.cov2_arm = np.einsum("ijik->ijk", blocks)[:, apart].mean(axis=1)
        self.cov2 = float(self.cov2_arm.mean())
        self.cov3 = float(blocks.transpose(0, 2, 1, 3)[across][:, apart].mean())
        self.reader_error = 2 * (self.variances.mean(axis=0) - cov1_reader)
        self.components = {
            "VarR": (self.ms_r - self.ms_tr) / arms - self.cov1 + self.cov3,
            "VarTR": self.ms_tr - self.var + self.cov1 + self.cov2 - self.cov3,
            "Cov1": self.cov1,
            "Cov2": self.cov2,
            "Cov3": self.cov3,
            "Var": self.var,
        }


def _arm(parts: Parts, arm: int, model: str, level: float, size: dict[str, int], note: str) -> Estimate:
    """Reader average of one arm from that arm's data alone (Hillis 2014, single-arm analysis)."""
    readers = parts.variances.shape[1]
    spread, shared = float(parts.ms_r_arm[arm]), max(float(parts.cov2_arm[arm]), 0.0)
    df: float | None = readers - 1.0
    if model == "rrrc":
        variance, df = spread / readers + shared, _satterthwaite(spread, readers * shared, readers - 1.0)
    elif model == "frrc":
        variance, df = (float(parts.variances[arm].mean()) + (readers - 1) * shared) / readers, None
    else:
        variance = spread / readers
    return estimated(float(parts.means[arm]), variance, df, level, size, note)


def _satterthwaite(random: float, fixed: float, df: float) -> float | None:
    """Degrees of freedom of a mean square plus a term known well (Hillis 2007); None if they are unbounded."""
    return (random + fixed) ** 2 / (random**2 / df) if random > 0 else None
