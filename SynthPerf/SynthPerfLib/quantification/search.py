"""The least of a function of one unknown, for every voxel at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_GOLDEN = (np.sqrt(5) - 1) / 2


def golden(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, tolerance: float
) -> np.ndarray:
    """Where ``function`` is least between ``low`` and ``high`` (voxel,), by golden sections.

    Parameters
    ----------
    function
        Takes a place and gives a value for each voxel; with one valley between the ends.
    tolerance
        Width of the last section.
    """
    a, d = low.astype(float), high.astype(float)
    b, c = d - _GOLDEN * (d - a), a + _GOLDEN * (d - a)
    at_b, at_c = function(b), function(c)
    for _ in range(int(np.ceil(np.log(tolerance / max(float(np.max(d - a)), tolerance)) / np.log(_GOLDEN)))):
        left = at_b <= at_c
        a, d = np.where(left, a, b), np.where(left, c, d)
        place = np.where(left, d - _GOLDEN * (d - a), a + _GOLDEN * (d - a))
        value = function(place)
        b, c = np.where(left, place, c), np.where(left, b, place)
        at_b, at_c = np.where(left, value, at_c), np.where(left, at_b, value)
    return np.asarray((a + d) / 2)
