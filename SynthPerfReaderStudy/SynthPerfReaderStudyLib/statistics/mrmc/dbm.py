"""Dorfman, Berbaum and Metz' analysis of variance of jackknife pseudovalues with Hillis' degrees of freedom.

Sources: Dorfman, Berbaum and Metz 1992, Investigative Radiology 27:723; Hillis, Berbaum and Metz 2008, Academic
Radiology 15:647. With random readers it equals Obuchowski-Rockette with jackknife covariances.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from SynthPerfLib.errors import InputError

from ..estimate import Estimate
from .figures import Figures
from .result import Mrmc, compared, estimated, f_test


def dbm(used: Figures, model: str = "rrrc", *, level: float = 0.95) -> Mrmc:
    """Test of equal arms, differences and averages; ``components`` are those of the pseudovalues.

    Parameters
    ----------
    model
        ``rrrc``: F = MS(T) / [MS(TR) + max(MS(TC) - MS(TRC), 0)].
        ``frrc``: readers fixed, F = MS(T) / MS(TC) with (I - 1)(K - 1) degrees of freedom (Obuchowski-Rockette uses
        chi-square and the normal distribution here).
        ``rrfc``: cases fixed, F = MS(T) / MS(TR).

    Raises
    ------
    InputError
        A reading is missing.
    """
    if not used.complete:
        raise InputError(
            f"The DBM analysis needs every reader to read every case in every arm; missing readings: "
            f"{used.missing}. Use Obuchowski-Rockette or the U-statistic method."
        )
    arms, readers = used.shape
    table = used.table
    pseudo = table[:, :, None] - (used.jackknife.shape[1] - 1) * used.jackknife.reshape(arms, readers, -1)
    cases = pseudo.shape[2]
    squares = _mean_squares(pseudo)
    error, df = _error(squares["TR"], squares["TC"], squares["TRC"], (arms - 1) * (readers - 1), model)
    if model == "frrc":
        df = float((arms - 1) * (cases - 1))
    size = {"n": used.n_pos + used.n_neg, "n_pos": used.n_pos, "n_neg": used.n_neg}
    means = table.mean(axis=1)
    pairs = list(combinations(range(arms), 2))
    by_reader = _reader_squares(pseudo)
    return Mrmc(
        method=f"dbm_{model}",
        fom=used.fom,
        test=f_test(squares["T"], error, arms - 1, df, size),
        differences={
            (a, b): compared(float(means[a] - means[b]), 2 * error / (readers * cases), df, level, size)
            for a, b in pairs
        },
        arms=tuple(_arm(pseudo[arm], model, level, size) for arm in range(arms)),
        reader_differences={
            (a, b): tuple(
                compared(
                    float(table[a, r] - table[b, r]),
                    2 * by_reader[r] / cases,
                    float((arms - 1) * (cases - 1)),
                    level,
                    size,
                )
                for r in range(readers)
            )
            for a, b in pairs
        },
        readers=tuple(
            tuple(
                estimated(float(table[a, r]), float(pseudo[a, r].var(ddof=1)) / cases, cases - 1.0, level, size)
                for r in range(readers)
            )
            for a in range(arms)
        ),
        components=_components(squares, pseudo.shape),
        values=table,
    )


def _mean_squares(pseudo: NDArray) -> dict[str, float]:
    """Mean squares of the three-way layout (arms T, readers R, cases C) with one value per cell."""
    sizes = dict(zip("TRC", pseudo.shape, strict=True))
    rest, found = pseudo, {}
    for effect in ("", "T", "R", "C", "TR", "TC", "RC"):
        over = tuple(axis for axis, name in enumerate("TRC") if name not in effect)
        mean = rest.mean(axis=over, keepdims=True)
        rest = rest - mean
        repeats = np.prod([sizes[name] for name in "TRC" if name not in effect])
        found[effect] = float(repeats * np.sum(mean**2))
    found["TRC"] = float(np.sum(rest**2))
    return {effect: s / float(np.prod([sizes[name] - 1 for name in effect])) for effect, s in found.items() if effect}


def _components(squares: dict[str, float], shape: tuple[int, ...]) -> dict[str, float]:
    """Variance components of the pseudovalues by the method of moments, not clipped."""
    arms, readers, cases = shape
    tr, tc, rc, error = (squares[effect] for effect in ("TR", "TC", "RC", "TRC"))
    return {
        "VarR": (squares["R"] - tr - rc + error) / (arms * cases),
        "VarC": (squares["C"] - tc - rc + error) / (arms * readers),
        "VarTR": (tr - error) / cases,
        "VarTC": (tc - error) / readers,
        "VarRC": (rc - error) / arms,
        "VarErr": error,
    }


def _error(reader: float, case: float, both: float, reader_df: float, model: str) -> tuple[float, float | None]:
    """Denominator and its degrees of freedom from the mean squares that the arms vary with."""
    if model == "rrrc":
        error = reader + max(case - both, 0.0)
        return error, error**2 / (reader**2 / reader_df) if reader > 0 else None
    return (case, None) if model == "frrc" else (reader, float(reader_df))


def _arm(pseudo: NDArray, model: str, level: float, size: dict[str, int]) -> Estimate:
    """Reader average of one arm from that arm's pseudovalues alone."""
    readers, cases = pseudo.shape
    by_reader, by_case, mean = pseudo.mean(axis=1), pseudo.mean(axis=0), pseudo.mean()
    rest = pseudo - by_reader[:, None] - by_case + mean
    r = float(cases * by_reader.var(ddof=1))
    c = float(readers * by_case.var(ddof=1))
    rc = float(np.sum(rest**2) / ((readers - 1) * (cases - 1)))
    error, df = _error(r, c, rc, readers - 1, model)
    if model == "frrc":
        df = cases - 1.0
    return estimated(float(mean), error / (readers * cases), df, level, size)


def _reader_squares(pseudo: NDArray) -> NDArray:
    """For each reader the mean square of arms with cases."""
    arms, _, cases = pseudo.shape
    by_arm, by_case = pseudo.mean(axis=2, keepdims=True), pseudo.mean(axis=0, keepdims=True)
    rest = pseudo - by_arm - by_case + by_case.mean(axis=2, keepdims=True)
    return np.sum(rest**2, axis=(0, 2)) / ((arms - 1) * (cases - 1))
