"""ASL: the white paper's formula, several delays, what BIDS says of a series; files in and out, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from stored import stored
from SynthPerfLib.case import Case
from SynthPerfLib.cli import main
from SynthPerfLib.quantification import asl

SHAPE = (6, 16, 16)  # z, y, x
AFFINE = np.array([[-11.0, 0, 0, 80], [0, 11, 0, -80], [0, 0, 12, -40], [0, 0, 0, 1]])
save = partial(stored, affine=AFFINE)
FIVE = [0.5, 1.0, 1.5, 2.0, 2.5]
PCASL = {
    "ArterialSpinLabelingType": "PCASL",
    "PostLabelingDelay": 1.8,
    "LabelingDuration": 1.8,
    "MagneticFieldStrength": 3,
    "BackgroundSuppression": False,
    "M0Type": "Separate",
}


def test_formula_of_the_white_paper_for_each_kind_of_labelling() -> None:
    """Worked by hand: dM/M0 = 0.01, PLD = tau = 1.8 s, T1b = 1.65 s; TI = 1.8 s, TI1 = 0.8 s."""
    pcasl = asl.single_delay(np.array([10.0]), 1000.0, "PCASL", 1.8, 1.8, asl.Constants(0.85))
    assert pcasl[0] == pytest.approx(86.300, abs=1e-3)
    pasl = asl.single_delay(np.array([10.0]), 1000.0, "PASL", 1.8, 0.8, asl.Constants(0.98))
    assert pasl[0] == pytest.approx(102.523, abs=1e-3)
    assert asl.single_delay(np.array([10.0]), 0.0, "PASL", 1.8, 0.8, asl.Constants(0.98))[0] == 0


@pytest.mark.parametrize("kind", asl.KINDS)
def test_formula_and_kinetic_model_agree_where_the_formula_holds(kind: str) -> None:
    """All label has arrived and stays in blood: T1 of tissue is that of blood, no flow out."""
    c = asl.Constants(0.85, tissue_t1=1.65, partition=0.9)
    flow = np.array([40.0])
    delay, duration = np.array([2.0]), np.array([1.0])
    model = asl.kinetic(kind, flow, np.array([0.8]), delay, duration, c)
    found = asl.single_delay(model[:, 0], 1.0, kind, 2.0, 1.0, c)
    assert found[0] == pytest.approx(40, rel=0.02)  # the model also lets label flow out: 1/T1' = 1/T1 + f/lambda


@pytest.mark.parametrize("kind", asl.KINDS)
def test_flow_and_transit_time_are_found_again_and_noise_does_not_bias_them(kind: str) -> None:
    rng = np.random.default_rng(1)
    flow, arrival = rng.uniform(15, 110, 3000), rng.uniform(0.7, 1.9, 3000)
    delays, durations, c = np.array(FIVE), np.full(5, 1.8), asl.Constants(asl.EFFICIENCY[kind])
    clean = asl.kinetic(kind, flow, arrival, delays, durations, c)
    m0 = rng.uniform(500, 2000, 3000)
    found = asl.several_delays(clean * m0[:, None], m0, kind, delays, durations, c)
    np.testing.assert_allclose(found.cbf, flow, rtol=1e-4)
    np.testing.assert_allclose(found.arrival, arrival, atol=2e-4)
    assert found.residual.max() < 1e-6
    noisy = clean + 2e-4 * rng.standard_normal(clean.shape)
    again = asl.several_delays(noisy, np.ones(3000), kind, delays, durations, c)
    assert np.median(again.cbf / flow) == pytest.approx(1, abs=0.01)
    assert np.median(again.arrival - arrival) == pytest.approx(0, abs=0.02)
    assert np.median(again.residual) == pytest.approx(2e-4, rel=0.3)


def test_a_voxel_without_flow_is_0() -> None:
    found = asl.several_delays(
        np.array([[-1.0, -1, -1, -1, -1], [0, 0, 0, 0, 0]]),
        np.ones(2),
        "PCASL",
        np.array(FIVE),
        np.full(5, 1.8),
        asl.Constants(0.85),
    )
    assert not found.cbf.any()
    assert not found.arrival.any()


def truth() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Head, CBF, transit time, M0."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    head = x**2 + y**2 + z**2 < 0.9
    return head, head * (50 + 30 * x), np.where(head, 1.2 + 0.3 * y, 0), head * 1000.0


def write(folder: Path, kind: str, delays: list[float], late: np.ndarray | None = None, **more: Any) -> Path:
    """A case ``sub-01`` with m0scan, control and label volumes of each delay, no noise."""
    head, flow, arrival, m0 = truth()
    late = np.zeros(SHAPE[0]) if late is None else late
    duration = 0.8 if kind == "PASL" else 1.8
    c = asl.Constants(more.get("LabelingEfficiency", asl.EFFICIENCY[kind]))
    volumes, rows = [], []
    for delay in delays:
        difference = np.zeros(SHAPE)
        for z in range(SHAPE[0]):
            at = head[z]
            if len(delays) == 1:  # what the formula is the inverse of
                bolus = duration if kind == "PASL" else 1.65 * (1 - np.exp(-duration / 1.65))
                value = flow[z][at] / 6000 / 0.9 * 2 * c.efficiency * bolus * np.exp(-(delay + late[z]) / 1.65)
            else:
                value = asl.kinetic(
                    kind, flow[z][at], arrival[z][at], np.array([delay + late[z]]), np.array([duration]), c
                )[:, 0]
            difference[z][at] = value * m0[z][at]
        volumes += [m0, m0 - difference]
        rows += ["control", "label"]
    perf = folder / "sub-01" / "perf"
    save(np.stack(volumes).astype(np.float32), perf / "sub-01_asl.nii.gz")
    save(m0.astype(np.float32), perf / "sub-01_m0scan.nii.gz")
    (perf / "sub-01_m0scan.json").write_text('{"RepetitionTimePreparation": 10}')
    (perf / "sub-01_aslcontext.tsv").write_text("\n".join(["volume_type", *rows]) + "\n")
    content = {**PCASL, "ArterialSpinLabelingType": kind}
    content["PostLabelingDelay"] = delays[0] if len(delays) == 1 else [d for d in delays for _ in range(2)]
    if kind == "PASL":
        del content["LabelingDuration"]
        content |= {"BolusCutOffFlag": True, "BolusCutOffDelayTime": [duration, 1.6], "BolusCutOffTechnique": "Q2TIPS"}
    (perf / "sub-01_asl.json").write_text(json.dumps({**content, **more}))
    return folder / "sub-01"


def values_of(path: Path) -> np.ndarray:
    return nibabel.load(path).get_fdata().T


def quantified(case: Path, out: Path, *options: str) -> np.ndarray:
    assert main(["quantify", "asl", str(case), "--out", str(out), *options]) == 0
    return values_of(out / "sub-01/perf/sub-01_cbf.nii.gz")


@pytest.mark.parametrize("kind", asl.KINDS)
@pytest.mark.parametrize("delays", [[1.8], FIVE], ids=["one delay", "five delays"])
def test_a_case_on_disk(kind: str, delays: list[float], tmp_path: Path, capsys) -> None:
    case = write(tmp_path / "raw", kind, delays)
    out = tmp_path / "maps"
    found = quantified(case, out)
    assert "Caution" not in capsys.readouterr().out
    head, flow, arrival, _ = truth()
    np.testing.assert_allclose(found[head], flow[head], rtol=2e-3)
    assert not found[~head].any()
    sidecar = json.loads((out / "sub-01/perf/sub-01_cbf.json").read_text())
    assert sidecar["Units"] == "mL/100 g/min"
    assert sidecar["Quantification"]["Constants"]["efficiency"] == asl.EFFICIENCY[kind]
    assert {"sub-01_asl.nii.gz", "sub-01_m0scan.nii.gz"} <= set(sidecar["Inputs"])
    assert Case.open(out / "sub-01").load("ASL").GetSize() == SHAPE[::-1]
    if len(delays) > 1:
        times = values_of(out / "sub-01/perf/sub-01_att.nii.gz")
        np.testing.assert_allclose(times[head], arrival[head], atol=2e-3)


@pytest.mark.parametrize("delays", [[1.8], FIVE], ids=["one delay", "five delays"])
@pytest.mark.parametrize("direction", ["k", "k-"])
def test_slices_that_are_read_out_later_have_a_longer_delay(
    delays: list[float], direction: str, tmp_path: Path
) -> None:
    times = [0.05 * z for z in range(SHAPE[0])]
    late = np.array(times if direction == "k" else times[::-1])
    more = {"MRAcquisitionType": "2D", "SliceTiming": times, "SliceEncodingDirection": direction}
    found = quantified(write(tmp_path / "raw", "PCASL", delays, late, **more), tmp_path / "maps")
    head, flow, *_ = truth()
    np.testing.assert_allclose(found[head], flow[head], rtol=2e-3)


def test_m0_of_a_short_repetition_time_and_background_suppression_are_corrected(tmp_path: Path) -> None:
    case = write(tmp_path / "raw", "PCASL", [1.8])
    head, flow, *_ = truth()
    (case / "perf/sub-01_m0scan.json").write_text('{"RepetitionTimePreparation": 2.0}')
    recovered = 1 - np.exp(-2.0 / asl.TISSUE_T1)
    np.testing.assert_allclose(quantified(case, tmp_path / "a")[head], flow[head] * recovered, rtol=2e-3)
    (case / "perf/sub-01_m0scan.json").unlink()
    content = {**PCASL, "BackgroundSuppression": True, "BackgroundSuppressionNumberPulses": 2}
    (case / "perf/sub-01_asl.json").write_text(json.dumps(content))
    np.testing.assert_allclose(quantified(case, tmp_path / "b")[head], flow[head] / 0.95**2, rtol=2e-3)
    explicit = quantified(case, tmp_path / "c", "--efficiency", "0.85", "--m0", "2000")
    np.testing.assert_allclose(explicit[head], flow[head] / 2, rtol=2e-3)


def test_m0_in_the_series_and_repeats_in_any_order(tmp_path: Path) -> None:
    case = write(tmp_path / "raw", "PCASL", FIVE)
    perf = case / "perf"
    pairs = values_of(perf / "sub-01_asl.nii.gz")
    delays = [d for d in FIVE for _ in range(2)]
    order = [*range(9, -1, -1), 0, 1]  # backwards, and the first delay twice
    save(np.concatenate([pairs[:1], pairs[order]]).astype(np.float32), perf / "sub-01_asl.nii.gz")
    rows = ["volume_type", "m0scan", *(("control", "label")[i % 2] for i in order)]
    (perf / "sub-01_aslcontext.tsv").write_text("\n".join(rows))
    content = {**PCASL, "M0Type": "Included", "RepetitionTimePreparation": 6.0}
    content |= {"PostLabelingDelay": [0, *(delays[i] for i in order)], "LabelingDuration": [0] + 12 * [1.8]}
    (perf / "sub-01_asl.json").write_text(json.dumps(content))
    (perf / "sub-01_m0scan.nii.gz").unlink()
    found = quantified(case, tmp_path / "maps")
    head, flow, *_ = truth()
    np.testing.assert_allclose(found[head], flow[head], rtol=2e-3)
    written = json.loads((tmp_path / "maps/sub-01/perf/sub-01_cbf.json").read_text())["Quantification"]
    assert written["M0"] == "M0 volumes of the series"
    assert written["Repeats"] == [2, 1, 1, 1, 1]


def test_a_difference_image_alone_with_everything_on_the_command_line(tmp_path: Path) -> None:
    head, *_ = truth()
    save((head * 10.0 + 0.01 * np.arange(SHAPE[2])).astype(np.float32), tmp_path / "sub-01_asl.nii.gz")
    m0 = save(head * 1000.0, tmp_path / "m0.nii.gz")
    options = ["--m0", str(m0), "--type", "PCASL", "--delay", "1.8", "--duration", "1.8", "--blood-t1", "1.65"]
    found = quantified(tmp_path / "sub-01_asl.nii.gz", tmp_path / "maps", *options)
    assert found[head].mean() == pytest.approx(86.3, rel=0.02)


def sidecar(**more: object) -> Callable[[Path], object]:
    return lambda case: (case / "perf/sub-01_asl.json").write_text(
        json.dumps({key: value for key, value in {**PCASL, **more}.items() if value is not None})
    )


def context(rows: list[str]) -> Callable[[Path], object]:
    return lambda case: (case / "perf/sub-01_aslcontext.tsv").write_text("\n".join(["volume_type", *rows]))


def as_it_is(case: Path) -> None:
    assert case.is_dir()


SPOILT: dict[str, tuple[Callable[[Path], object], list[str], str]] = {
    "delay in ms": (sidecar(PostLabelingDelay=1800), [], "probably in ms, write 1.8"),
    "duration in ms": (sidecar(LabelingDuration=1800), [], "probably in ms, write 1.8"),
    "no delay": (sidecar(PostLabelingDelay=None), [], "--delay"),
    "delays of another series": (sidecar(PostLabelingDelay=[1.8, 1.8, 1.8]), [], "2 volumes and 3 delays"),
    "no type": (sidecar(ArterialSpinLabelingType=None), [], "--type"),
    "unknown type": (sidecar(ArterialSpinLabelingType="VSASL"), [], "PCASL, CASL, PASL are known"),
    "exchanged": (context(["label", "control"]), [], "exchanged"),
    "three rows": (context(["control", "label", "label"]), [], "3 rows"),
    "unknown volume": (context(["tag", "control"]), [], "'tag' is not a kind of volume"),
    "no label": (context(["control", "control"]), [], "no pair of control and label"),
    "no context": (lambda case: (case / "perf/sub-01_aslcontext.tsv").unlink(), [], "--context control,label"),
    "no M0": (
        lambda case: (sidecar(BackgroundSuppression=True)(case), (case / "perf/sub-01_m0scan.nii.gz").unlink()),
        [],
        "has no M0",
    ),
    "M0 of 0": (as_it_is, ["--m0", "0"], "above 0"),
    "M0 not a number": (as_it_is, ["--m0", "nan"], "above 0"),
    "efficiency in percent": (as_it_is, ["--efficiency", "85"], "between 0.1 and 1"),
    "T1 in ms": (as_it_is, ["--blood-t1", "1650"], "such as 1.65"),
    "words for numbers": (as_it_is, ["--delay", "long"], "numbers of seconds"),
    "no series": (lambda case: (case / "perf/sub-01_asl.nii.gz").unlink(), [], "holds no ASL series"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_bad_input_gets_one_sentence_and_no_file(kind: str, tmp_path: Path, capfd) -> None:
    spoil, options, words = SPOILT[kind]
    case = write(tmp_path / "raw", "PCASL", [1.8])
    spoil(case)
    assert main(["quantify", "asl", str(case), "--out", str(tmp_path / "maps"), *options]) == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("synthperf: ")
    assert words in said, said
    assert not list((tmp_path / "maps").rglob("*.nii.gz"))


def test_an_implausible_map_is_written_with_a_caution(tmp_path: Path, capsys) -> None:
    case = write(tmp_path / "raw", "PCASL", [1.8])
    quantified(case, tmp_path / "maps", "--m0", "1e6")
    assert "Caution: sub-01_asl.nii.gz: the values are not plausible" in capsys.readouterr().out
