"""The colour tables against matplotlib's, and what they promise: lightness that rises."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from SynthPerfLib.colours import COLOURS, DIFFERENCE, RANGES, table
from SynthPerfLib.evaluation.metrics import DATA_RANGE
from SynthPerfLib.modality import MODALITIES


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB colours (n, 3)."""
    part = colours / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    found: np.ndarray = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)
    return found


@pytest.mark.parametrize("name", ["viridis", "cividis", "inferno"])
def test_as_published(name: str) -> None:
    published = mpl.colormaps[name](np.arange(256))[:, :3] * 255
    assert np.abs(table(name) - published).max() <= 2.6


@pytest.mark.parametrize("name", ["viridis", "cividis", "inferno", "grey", DIFFERENCE])
def test_lightness_rises(name: str) -> None:
    assert np.diff(lightness(table(name).astype(float))[::8]).min() > 0


def test_the_default_is_safe_and_the_rainbow_is_there() -> None:
    assert next(iter(COLOURS)) == "viridis"
    assert {"grey", "rainbow"} < set(COLOURS)


def test_every_map_has_a_range_and_cbv_that_of_the_evaluation() -> None:
    assert {MODALITIES[name].unit for name in ("ASL", "CBV", "TMAX")} <= set(RANGES)
    assert RANGES[MODALITIES["CBV"].unit] == DATA_RANGE
