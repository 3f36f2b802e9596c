"""Two methods measuring the same cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..statistics import method_comparison as methods
from ..statistics.estimate import Estimate
from .compare import two_samples
from .rows import Rows
from .settings import Settings


def paired(x: np.ndarray, y: np.ndarray, settings: Settings, rows: Rows, place: dict[str, Any]) -> None:
    """Add ``comparison`` and all of :func:`two_methods` of two measurements of each case."""
    two_samples(x, y, settings.level, rows, place)
    two_methods(x, y, settings, rows, place)


def two_methods(x: np.ndarray, y: np.ndarray, settings: Settings, rows: Rows, place: dict[str, Any]) -> None:
    """Add ``regression``, ``correlation``, ``bland_altman`` and ``repeatability`` of two measurements of each case.

    Parameters
    ----------
    x, y
        (n,) finite, in one unit.
    place
        The arms, ``x`` as ``arm``; the item where there is one.
    """
    level, item = settings.level, place.get("item")
    for name, lines in (
        ("ols", methods.ols(x, y, level=level)),
        ("deming", methods.deming(x, y, level=level)),
        ("passing_bablok", methods.passing_bablok(x, y, level=level)),
    ):
        for part, estimate in lines.items():
            rows.add("regression", f"{name}_{part}", estimate, **place)
    for name, estimate in (
        ("pearson", methods.pearson(x, y, level=level)),
        ("spearman", methods.spearman(x, y, level=level)),
        ("kendall_tau_b", methods.kendall_tau(x, y)),
        ("lin_ccc", methods.lin_ccc(x, y, level=level)),
    ):
        rows.add("correlation", name, estimate, **place)
    families: dict[str, dict[str, Estimate]] = {
        "": methods.bland_altman(x, y, level=level),
        "bootstrap": methods.bland_altman_bootstrap(x, y, level=level, seed=settings.seed),
        "percent": methods.bland_altman_percent(x, y, level=level),
        "ratio": methods.bland_altman_ratio(x, y, level=level),
    }
    for tail, found in families.items():
        for name, estimate in found.items():
            rows.add("bland_altman", f"{name}_{tail}" if tail else name, estimate, **place)
    if not families["percent"]:
        rows.skip("a mean of x and y is 0, or there is one case only", "bland_altman.percent", item=item)
    if not families["ratio"]:
        rows.skip("a value is not positive, or there is one case only", "bland_altman.ratio", item=item)
    for name, estimate in methods.repeatability(x, y, level=level).items():
        rows.add("repeatability", name, estimate, **place)
