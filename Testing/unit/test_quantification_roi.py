"""Regions measured on maps: rois.csv and the tumour-to-white-matter ratio, against numbers by hand."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from stored import stored
from SynthPerfLib.cli import main
from SynthPerfLib.rois import COLUMNS

AFFINE = np.diag([-5.0, 5.0, 6.0, 1.0])
AFFINE[:3, 3] = 75, -75, -30
save = partial(stored, affine=AFFINE)
SHAPE = (10, 30, 30)  # z, y, x


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two maps of one patient, and label images of tumour (1, 2) and white matter (1, 4) on either side."""
    rng = np.random.default_rng(0)
    real = rng.uniform(1, 5, SHAPE).astype(np.float32)
    tumour, nawm = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    tumour[4, 14:17, 5:8], tumour[5, 14:16, 6:8] = 1, 2
    nawm[4, 14:17, 22:25], nawm[6, 14:16, 22:25] = 1, 4
    return {
        "real": save(real, tmp_path / "sub-09_cbv.nii.gz"),
        "made": save(2 * real + 1, tmp_path / "sub-09_desc-iedn_cbv.nii.gz"),
        "tumour": save(tumour, tmp_path / "tumour.nii.gz"),
        "nawm": save(nawm, tmp_path / "nawm.nii.gz"),
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def voxels(files: dict[str, Path], map: str, mask: str, label: int) -> np.ndarray:
    return nibabel.load(files[map]).get_fdata()[nibabel.load(files[mask]).get_fdata() == label]


def test_every_region_on_every_map_and_the_ratio_of_wang(files: dict[str, Path], tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    command = ["quantify", "roi", str(files["real"]), f"IEDN={files['made']}", "--tumour", str(files["tumour"])]
    assert main([*command, "--nawm", str(files["nawm"]), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    rows = table(out / "rois.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [(row["map"], row["roi"]) for row in rows] == [
        (name, roi) for name in ("cbv", "IEDN") for roi in ("tumour_1", "tumour_2", "nawm_1", "nawm_2")
    ]
    assert {row["case"] for row in rows} == {"sub-09"}
    for name, key in (("cbv", "real"), ("IEDN", "made")):
        white = np.mean([voxels(files, key, "nawm", label).mean() for label in (1, 4)])
        cells = {row["roi"]: row for row in rows if row["map"] == name}
        for roi, label in (("tumour_1", 1), ("tumour_2", 2)):
            values, row = voxels(files, key, "tumour", label), cells[roi]
            assert int(row["voxels"]) == len(values)
            assert float(row["mean"]) == pytest.approx(values.mean(), rel=1e-5)
            assert float(row["median"]) == pytest.approx(np.median(values), rel=1e-5)
            assert float(row["p95"]) == pytest.approx(np.percentile(values, 95), rel=1e-5)
            assert float(row["max"]) == pytest.approx(values.max(), rel=1e-5)
            assert float(row["sd"]) == pytest.approx(values.std(ddof=1), rel=1e-5)
            assert float(row["nawm_ratio"]) == pytest.approx(values.mean() / white, rel=1e-5)
            assert float(row["burden_above_1.0"]) == pytest.approx(np.mean(values > white))
        assert cells["nawm_1"]["nawm_ratio"] == ""
        (ratio,) = (row for row in table(out / "ratios.csv") if row["map"] == name)
        due = np.mean([voxels(files, key, "tumour", label).mean() for label in (1, 2)]) / white
        assert float(ratio["t_wm"]) == pytest.approx(due, rel=1e-5)
        assert f"{name}: tumour to white matter {due:.3f}" in said


def test_one_label_of_one_image_and_a_map_on_another_grid(files: dict[str, Path], tmp_path: Path) -> None:
    both = nibabel.load(files["tumour"]).get_fdata().T.astype(np.uint8)
    both[nibabel.load(files["nawm"]).get_fdata().T == 1] = 7
    labels = save(both, tmp_path / "labels.nii.gz")
    flipped = save(
        nibabel.load(files["real"]).get_fdata().T[:, :, ::-1].astype(np.float32),
        tmp_path / "sub-09_desc-flipped_cbv.nii.gz",
        affine=AFFINE @ np.array([[-1, 0, 0, SHAPE[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    )
    out = tmp_path / "out"
    command = [
        "quantify",
        "roi",
        str(files["real"]),
        str(flipped),
        "--tumour",
        f"{labels}:1",
        "--tumour",
        f"{labels}:2",
    ]
    assert main([*command, "--nawm", f"{labels}:7", "--out", str(out), "--case", "patient 9"]) == 0
    rows = table(out / "rois.csv")
    assert {row["case"] for row in rows} == {"patient 9"}
    first, second = ([row for row in rows if row["map"] == name] for name in ("cbv", "desc-flipped_cbv"))
    assert [row["mean"] for row in first] == [row["mean"] for row in second]


def test_white_matter_that_overlaps_the_tumour_is_spoken_of(files: dict[str, Path], tmp_path: Path, capsys) -> None:
    command = ["quantify", "roi", str(files["real"]), "--tumour", str(files["tumour"])]
    assert main([*command, "--nawm", str(files["tumour"]), "--out", str(tmp_path / "out")]) == 0
    assert "overlaps" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "alone")]) == 0
    assert "not known" in capsys.readouterr().out
    assert table(tmp_path / "alone/rois.csv")[0]["nawm_ratio"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{real}", "--tumour", "{tumour}:5"], "no label 5"),
        (["{real}", "--tumour", "{real}"], "not a label image"),
        (["{real}", "--tumour", "nowhere.nii.gz"], "nowhere.nii.gz does not exist"),
        (["{real}", "{real}", "--tumour", "{tumour}"], "Two maps are called cbv"),
        (["{real}", "{other}", "--tumour", "{tumour}"], "several patients"),
        (["{empty}", "--tumour", "{tumour}"], "is empty"),
        (["{real}", "--tumour", "{none}"], "marks nothing"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_table(
    arguments: list[str], words: str, files: dict[str, Path], tmp_path: Path, capfd
) -> None:
    files["other"] = save(np.arange(9000, dtype=np.float32).reshape(SHAPE), tmp_path / "sub-10_adc.nii.gz")
    files["empty"] = save(np.zeros(SHAPE, np.float32), tmp_path / "sub-09_adc.nii.gz")
    files["none"] = save(np.zeros(SHAPE, np.uint8), tmp_path / "none.nii.gz")
    named = [word.format(**files) for word in arguments]
    assert main(["quantify", "roi", *named, "--out", str(tmp_path / "out")]) == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("synthperf: ")
    assert words in said, said
    assert not (tmp_path / "out").exists()
