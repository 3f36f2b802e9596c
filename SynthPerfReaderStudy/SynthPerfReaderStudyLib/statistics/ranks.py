"""Midranks."""

from __future__ import annotations

import numpy as np


def midranks(values: np.ndarray) -> np.ndarray:
    """Ranks of a vector from 1, equal values sharing the mean of their ranks."""
    _, place, number = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(number)
    return (last - (number - 1) / 2)[place]


def tie_term(ranks: np.ndarray) -> float:
    """Sum of t^3 - t over the groups of t equal ranks; 0 without ties."""
    sizes = np.unique(ranks, return_counts=True)[1].astype(float)
    return float((sizes**3 - sizes).sum())
