"""The command line as a user meets it: exit codes, one sentence, no traceback, no half file, going on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from made_cases import a_bundle
from SynthPerfLib.cli import main

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def synthperf(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "SynthPerfLib", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("bundle") / "small").folder


@pytest.fixture
def case(prepared_folder: Path, cohort_folder: Path, tmp_path: Path) -> Path:
    """A raw case with all inputs, to be spoiled."""
    del prepared_folder
    for subject in sorted(cohort_folder.glob("sub-*")):
        if list(subject.glob("perf/*_cbf.nii.gz")):
            return Path(shutil.copytree(subject, tmp_path / "raw" / subject.name))
    raise AssertionError("no phantom case has ASL")


def one(case: Path, pattern: str) -> Path:
    (found,) = case.glob(pattern)
    return found


def change(path: Path, values: object = None, **header: object) -> None:
    """Rewrite a NIfTI file with other voxels or another header."""
    image = nibabel.load(path)
    data = np.asanyarray(image.dataobj).astype(np.float32) if values is None else values(image)  # type: ignore[operator]
    new = nibabel.Nifti1Image(data, header.get("affine", image.affine))
    if header.get("codes") is not None:
        new.set_sform(image.affine, code=header["codes"])
        new.set_qform(image.affine, code=header["codes"])
    path.unlink()
    nibabel.save(new, path)


def voxels(image: nibabel.Nifti1Image) -> np.ndarray:
    return np.asanyarray(image.dataobj).astype(np.float32)


def moved(path: Path) -> None:
    image = nibabel.load(path)
    affine = image.affine.copy()
    affine[:3, 3] += 600
    change(path, affine=affine)


def with_nan(image: nibabel.Nifti1Image) -> np.ndarray:
    values = voxels(image)
    values[tuple(n // 2 for n in values.shape)] = np.nan
    return values


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


T2, FLAIR, ADC, ASL = "anat/*_T2w.nii.gz", "anat/*_FLAIR.nii.gz", "dwi/*_adc.nii.gz", "perf/*_cbf.nii.gz"
SPOILT = {  # what is done to the case, and a word of the sentence that must follow
    "missing": (lambda c: one(c, T2).unlink(), "has no T2"),
    "non-finite": (lambda c: change(one(c, T2), with_nan), "finite"),
    "empty": (lambda c: change(one(c, T2), lambda i: voxels(i) * 0), "empty"),
    "four dimensions": (lambda c: change(one(c, T2), lambda i: np.stack([voxels(i)] * 3, -1)), "4"),
    "spacing": (lambda c: change(one(c, T2), affine=np.diag([60.0, 60, 60, 1])), "60"),
    "elsewhere": (lambda c: moved(one(c, T2)), "overlap"),
    "no orientation": (lambda c: change(one(c, T2), codes=0), "orientation"),
    "mirrored": (lambda c: change(one(c, T2), lambda i: voxels(i)[::-1]), "mirror"),
    "ADC in mm2/s": (lambda c: change(one(c, ADC), lambda i: voxels(i) * 1e-6), "1e-6 mm2/s"),
    "flow of 10,000": (lambda c: change(one(c, ASL), lambda i: voxels(i) * 200), "mL/100 g/min"),
    "two files": (lambda c: shutil.copy(one(c, FLAIR), c / f"anat/{c.name}_run-2_FLAIR.nii.gz"), "two files"),
    "truncated": (lambda c: cut_short(one(c, T2)), "T2w"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_bad_input_gets_one_sentence_and_no_file(kind: str, case: Path, bundle: Path, tmp_path: Path, capfd) -> None:
    spoil, words = SPOILT[kind]
    spoil(case)
    out = tmp_path / "out"
    wanted = ["--modalities", "ASL,T1,T2,ADC,T1C"] if kind == "missing" else []
    code = main(["synthesize", str(case), "--model", str(bundle), "--out", str(out), "--device", "cpu", *wanted])
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert code == 2, said
    assert said.startswith("synthperf: ")
    assert words in said, said
    assert "Traceback" not in said
    assert not list(out.rglob("*.nii.gz"))


def test_unknown_things_on_the_command_line_are_one_line_with_code_2() -> None:
    for arguments in (["nonsense"], ["phantom", "x"], ["synthesize", "x", "--model", "y"], []):
        done = synthperf(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for arguments in (
        ["synthesize", "nowhere", "--model", "nowhere", "--out", "x"],
        ["prepare", "nowhere", "--out", "x"],
        ["train", "nowhere", "--recipe", "iedn", "--out", "x"],
        ["evaluate", "nowhere", "--model", "nowhere", "--out", "x"],
        ["phantom", "x", "--cases", "0", "--seed", "1"],
        ["phantom", "x", "--cases", "1", "--seed", "1", "--spacing", "big"],
        ["import", "nowhere", "x"],
    ):
        done = synthperf(*arguments)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("synthperf: ")
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert not Path("x").exists()


def test_help_on_every_level() -> None:
    text = synthperf("--help").stdout
    for name in ("phantom", "import", "prepare", "synthesize", "train", "evaluate", "bench", "demo"):
        assert name in text
        assert "usage" in synthperf(name, "--help").stdout


def test_a_map_and_its_sidecar(prepared_folder: Path, bundle: Path, tmp_path: Path, capsys) -> None:
    assert (
        main(["synthesize", str(prepared_folder), "--model", str(bundle), "--out", str(tmp_path), "--device", "cpu"])
        == 0
    )
    assert "Research use only" in capsys.readouterr().out
    maps = sorted(tmp_path.glob("sub-*/perf/sub-*_desc-small_cbv.nii.gz"))
    assert len(maps) == 4
    for path in maps:
        sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        assert sidecar["Units"] == "mL/100 g"
        assert sidecar["IntendedUse"] == "Research use only"
        assert sidecar["Preparation"]["inputs"]["T1"]
        assert sidecar["Bundle"]["sha256"]
        reference = sitk.ReadImage(str(next((prepared_folder / path.parts[-3]).glob("anat/*_T1w.nii.gz"))))
        assert sitk.ReadImage(str(path)).GetSize() == reference.GetSize()


def test_a_map_on_another_grid(prepared_folder: Path, bundle: Path, tmp_path: Path) -> None:
    case = next(prepared_folder.glob("sub-*"))
    grid = tmp_path / "grid.nii.gz"
    image = sitk.Image(40, 50, 12, sitk.sitkFloat32)
    image.SetSpacing((4, 4, 8))
    image.SetOrigin((-80, -100, -40))
    image[20, 25, 6] = 1
    sitk.WriteImage(image, str(grid))
    arguments = ["synthesize", str(case), "--model", str(bundle), "--out", str(tmp_path / "o"), "--grid", str(grid)]
    assert main([*arguments, "--device", "cpu"]) == 0
    (path,) = (tmp_path / "o").rglob("*_cbv.nii.gz")
    map_ = sitk.ReadImage(str(path))
    assert map_.GetSize() == (40, 50, 12)
    assert sitk.GetArrayFromImage(map_).max() > 0.5


def test_synthesize_killed_at_any_moment_goes_on_to_the_same_maps(
    prepared_folder: Path, bundle: Path, tmp_path: Path
) -> None:
    arguments = ["synthesize", str(prepared_folder), "--model", str(bundle), "--device", "cpu", "--out"]
    assert main([*arguments, str(tmp_path / "whole")]) == 0
    whole = {p.name: sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in (tmp_path / "whole").rglob("*.nii.gz")}
    out = tmp_path / "killed"
    for wanted in (1, 2):  # killed once the first, then the second map is there
        process = subprocess.Popen(
            [sys.executable, "-m", "SynthPerfLib", *arguments, str(out)], stderr=subprocess.DEVNULL, env=ENVIRONMENT
        )
        while process.poll() is None and len(list(out.rglob("*_cbv.nii.gz"))) < wanted:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert main([*arguments, str(out)]) == 0
    again = {p.name: sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in out.rglob("sub-*.nii.gz")}
    assert set(again) == set(whole)
    for name, values in whole.items():
        assert np.array_equal(values, again[name])


def test_a_read_only_place_is_a_sentence(prepared_folder: Path, bundle: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("not a folder")
    code = main(["synthesize", str(prepared_folder), "--model", str(bundle), "--out", str(tmp_path / "file" / "x")])
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 2
    assert said.startswith("synthperf: ")
