"""Words for a coefficient of agreement."""

from __future__ import annotations

_BANDS = ((0.9, "very good"), (0.7, "good"), (0.5, "fair"))


def band(value: float) -> str:
    """The word for an ICC or r_wg in the bands of Wu 2025: very good from 0.9, good from 0.7, fair from 0.5, else poor.

    The paper prints two decimals (good is "0.70-0.89"); a value between two printed bounds belongs to the lower band.
    """
    return next((word for least, word in _BANDS if value >= least), "poor")
