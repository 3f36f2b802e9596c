"""DSC: baseline, relaxation rate, leakage, normalisation; files in and out, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from stored import stored
from SynthPerfLib.case import Case
from SynthPerfLib.cli import main
from SynthPerfLib.errors import InputError
from SynthPerfLib.quantification import dsc

TE, TR, VOLUMES, ARRIVAL = 0.030, 1.6, 60, 16.0  # s
SHAPE = (8, 16, 16)  # z, y, x
AFFINE = np.array([[-11.0, 0, 0, 80], [0, 11, 0, -80], [0, 0, 10, -40], [0, 0, 0, 1]])
save = partial(stored, affine=AFFINE)


def bolus(times: np.ndarray, arrival: float = ARRIVAL) -> np.ndarray:
    """A first pass (gamma variate) and what stays in the blood; highest value 1."""
    since = np.clip(times - arrival, 0, None)
    passage = since**3 * np.exp(-since / 1.5)
    return passage / (4.5**3 * np.exp(-3)) + 0.06 * (1 - np.exp(-since / 8))


def running(curve: np.ndarray) -> np.ndarray:
    return TR * np.concatenate([[0.0], np.cumsum((curve[1:] + curve[:-1]) / 2)])


TIMES = TR * np.arange(VOLUMES)
CURVE = 8 * bolus(TIMES)


@pytest.mark.parametrize("first", [0, 3, 7])
def test_the_baseline_ends_where_the_bolus_begins_however_short_it_is(first: int) -> None:
    found = dsc.find_bolus(1000 * np.exp(-TE * CURVE[first:]))
    assert found.baseline == (0, 10 - first)  # the bolus arrives at volume 10, the first lower signal is 11's
    assert found.peak == int(np.argmax(CURVE)) - first


def test_volumes_before_the_steady_state_are_left_out() -> None:
    signal = 1000 * np.exp(-TE * CURVE)
    signal[:3] *= 1.6, 1.15, 1.05
    assert dsc.find_bolus(signal).baseline == (3, 10)


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (np.full(40, 500.0) + np.random.default_rng(0).normal(0, 3, 40), "No passage"),
        (1000 * np.exp(-TE * CURVE[10:]), "before the contrast agent"),
        (np.linspace(1, 2, 40), "lowest in the first"),
    ],
)
def test_a_series_without_a_bolus_is_refused(signal: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dsc.find_bolus(signal)


def test_leakage_of_either_sign_is_found_and_taken_away() -> None:
    area = running(CURVE)
    k1, k2 = np.array([1.0, 2.5, 0.7]), np.array([0.0, 0.04, -0.03])
    curves = k1[:, None] * CURVE - k2[:, None] * area
    found = dsc.correct_leakage(curves, CURVE, TR)
    np.testing.assert_allclose(found.k1, k1, rtol=1e-9)
    np.testing.assert_allclose(found.k2, k2, atol=1e-9)
    np.testing.assert_allclose(found.corrected, k1[:, None] * CURVE, atol=1e-9)
    blood = dsc.integral(found.corrected, TR, (10, VOLUMES - 1))
    np.testing.assert_allclose(blood / blood[0], k1, rtol=1e-9)
    uncorrected = dsc.integral(curves, TR, (10, VOLUMES - 1))
    assert uncorrected[1] < 0.9 * blood[1]  # T1 leakage hides blood, T2* leakage feigns it
    assert uncorrected[2] > 1.1 * blood[2]


def test_rates_are_those_of_the_signal_and_an_empty_voxel_is_0() -> None:
    signals = np.stack([700 * np.exp(-TE * CURVE), np.zeros(VOLUMES)])
    rates = dsc.delta_r2star(signals, slice(0, 11), TE)
    np.testing.assert_allclose(rates[0], CURVE, atol=1e-9)
    assert not rates[1].any()


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """White matter of blood volume 1, a tumour of 3 that leaks, noise; masks beside."""
    rng = np.random.default_rng(1)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    head = x**2 + y**2 + z**2 < 0.9
    tumour, white = head & (x > 0.2) & (y > 0.1), head & (x < -0.2) & (y > 0.1)
    volume = np.where(tumour, 3.0, np.where(white, 1.0, 1.8)) * head
    leak = np.where(tumour, 0.08, 0.0)
    grey = 1.7 * CURVE
    rates = volume * CURVE[:, None, None, None] - leak * running(grey)[:, None, None, None]
    signals = 900 * head * np.exp(-TE * rates) + 4 * rng.standard_normal(rates.shape)
    folder = tmp_path / "raw" / "sub-03" / "perf"
    save(np.round(np.maximum(signals, 0)).astype(np.int16), folder / "sub-03_dsc.nii.gz")
    (folder / "sub-03_dsc.json").write_text(json.dumps({"EchoTime": TE, "RepetitionTime": TR}))
    save(white.astype(np.uint8), tmp_path / "nawm.nii.gz")
    np.savez(tmp_path / "truth.npz", tumour=tumour, white=white, head=head)
    return folder.parent


def values_of(path: Path) -> np.ndarray:
    return nibabel.load(path).get_fdata().T


def test_a_case_on_disk(case: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "maps"
    assert main(["quantify", "dsc", str(case), "--nawm", str(tmp_path / "nawm.nii.gz"), "--out", str(out)]) == 0
    assert "Caution" not in capsys.readouterr().out
    truth = np.load(tmp_path / "truth.npz")
    perf = out / "sub-03/perf"
    corrected, raw = values_of(perf / "sub-03_cbv.nii.gz"), values_of(perf / "sub-03_desc-uncorrected_cbv.nii.gz")
    assert corrected[truth["white"]].mean() == pytest.approx(1, abs=1e-5)
    assert corrected[truth["tumour"]].mean() == pytest.approx(3, rel=0.03)
    assert raw[truth["tumour"]].mean() < 2.5
    leakage = values_of(perf / "sub-03_desc-leakage_k2.nii.gz")
    assert leakage[truth["tumour"]].mean() > 10 * abs(leakage[truth["white"]].mean())
    sidecar = json.loads((perf / "sub-03_cbv.json").read_text())
    assert sidecar["Quantification"]["Baseline"] == [0, 10]
    assert sidecar["Quantification"]["EchoTime"] == TE
    assert set(sidecar["Inputs"]) == {"sub-03_dsc.nii.gz", "nawm.nii.gz"}
    made = Case.open(out / "sub-03")
    assert made.available == ("CBV",)
    assert made.is_relative("CBV")


def test_without_white_matter_the_map_is_not_called_cbv(case: Path, tmp_path: Path, capsys) -> None:
    series = case / "perf/sub-03_dsc.nii.gz"
    out = tmp_path / "maps"
    options = ["--baseline", "0:9", "--window", "9:40"]
    assert main(["quantify", "dsc", str(series), "--out", str(out), *options]) == 0
    assert "--nawm" in capsys.readouterr().out
    made = sorted(path.name for path in out.rglob("*.nii.gz"))
    assert made == [f"sub-03_desc-{words}.nii.gz" for words in ("leakage_k2", "uncorrected_cbv", "unnormalised_cbv")]


def sidecar(**times: object) -> Callable[[Path], object]:
    return lambda case: (case / "perf/sub-03_dsc.json").write_text(json.dumps(times))


def flat(case: Path) -> None:
    path = case / "perf/sub-03_dsc.nii.gz"
    values = np.asarray(nibabel.load(path).dataobj).T
    save(np.repeat(values[:1], len(values), axis=0), path)


def as_it_is(case: Path) -> None:
    assert case.is_dir()


SPOILT: dict[str, tuple[Callable[[Path], object], list[str], str]] = {
    "TE in ms": (sidecar(EchoTime=30, RepetitionTime=TR), [], "probably in ms, write 0.03"),
    "TR in ms": (sidecar(EchoTime=TE, RepetitionTime=1600), [], "probably in ms, write 1.6"),
    "no TE": (sidecar(RepetitionTime=TR), [], "--echo-time"),
    "TE a word": (sidecar(EchoTime="short", RepetitionTime=TR), [], "a number of seconds"),
    "no bolus": (flat, [], "No passage"),
    "baseline reversed": (as_it_is, ["--baseline", "9:2"], "first and the last volume"),
    "baseline too late": (as_it_is, ["--baseline", "2:90"], "volumes 0 to 59"),
    "window before the bolus": (as_it_is, ["--window", "2:50"], "can be integrated"),
    "no series": (lambda case: (case / "perf/sub-03_dsc.nii.gz").unlink(), [], "holds no DSC series"),
    "no such mask": (as_it_is, ["--nawm", "nowhere.nii.gz"], "nowhere.nii.gz does not exist"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_bad_input_gets_one_sentence_and_no_file(kind: str, case: Path, tmp_path: Path, capfd) -> None:
    spoil, options, words = SPOILT[kind]
    spoil(case)
    assert main(["quantify", "dsc", str(case), "--out", str(tmp_path / "maps"), *options]) == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("synthperf: ")
    assert words in said, said
    assert not list((tmp_path / "maps").rglob("*.nii.gz"))


def test_a_measured_map_is_not_overwritten(case: Path, tmp_path: Path, capfd) -> None:
    measured = save(np.ones(SHAPE, np.float32), case / "perf/sub-03_cbv.nii.gz")
    before = measured.read_bytes()
    options = ["--nawm", str(tmp_path / "nawm.nii.gz"), "--out", str(case.parent)]
    assert main(["quantify", "dsc", str(case), *options]) == 2
    assert "another folder" in capfd.readouterr().err
    assert measured.read_bytes() == before
