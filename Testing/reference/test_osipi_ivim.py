"""IVIM against OSIPI's reference signals and against dipy (sources: perfusion/README.md)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from SynthPerfLib.quantification import ivim

PERFUSION = Path(__file__).parent / "perfusion"


def tissues(name: str) -> list[Any]:
    content = json.loads((PERFUSION / name).read_text(encoding="utf-8"))
    b = np.array(content.pop("config")["bvalues"])
    return [pytest.param(b, entry, id=tissue) for tissue, entry in content.items()]


@pytest.mark.parametrize(("b", "tissue"), [*tissues("osipi_ivim_body.json"), *tissues("osipi_ivim_brain.json")])
def test_tissues_of_osipi_are_recovered(b: np.ndarray, tissue: dict[str, Any]) -> None:
    found = ivim.fit(np.array([tissue["data"]]), b)
    f, d, d_star = tissue["f"], tissue["D"], tissue["Dp"]
    assert found.f[0] == pytest.approx(f, abs=0.02)
    if f < 0.8:  # as in OSIPI's own test: D needs tissue, D* needs perfusion
        assert found.d[0] == pytest.approx(d, rel=0.03)
    if f > 0.03:
        assert found.d_star[0] == pytest.approx(d_star, rel=0.15)


def test_no_sum_of_squares_of_dipy_is_smaller() -> None:
    with (PERFUSION / "dipy_ivim.csv").open(encoding="utf-8", newline="") as stream:
        names, *rows = csv.reader(stream)
    table = np.array(rows, float)
    b = np.array([float(name[1:]) for name in names[:-4]])
    y, (s0, f, d_star, d) = table[:, : len(b)], table[:, len(b) :].T
    found = ivim.fit(y, b)

    def misfit(*parameters: np.ndarray) -> np.ndarray:
        return np.sum((y - ivim.signal(b, *parameters)) ** 2, axis=1)

    ours, theirs = misfit(found.s0, found.f, found.d, found.d_star), misfit(s0, f, d, d_star)
    bounds = ivim.Bounds()
    comparable = (d_star >= bounds.d_star[0]) & (d_star <= bounds.d_star[1]) & (d <= bounds.d[1])
    assert comparable.sum() > 30
    assert np.all(ours[comparable] <= theirs[comparable] * (1 + 1e-6))
    same = comparable & (theirs <= ours * (1 + 1e-6))
    assert same.sum() > 20
    np.testing.assert_allclose(found.f[same], f[same], atol=2e-3)
    np.testing.assert_allclose(found.d[same], d[same], rtol=5e-3)
