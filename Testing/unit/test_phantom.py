"""The digital cohort: its files as other programs read them, its truth, its distributions, its refusals."""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from SynthPerfLib.errors import DependencyError, InputError
from SynthPerfLib.jobs import Job
from SynthPerfLib.modality import MODALITIES
from SynthPerfLib.phantom import make_cohort
from SynthPerfLib.phantom.acquisition import SITES, Pose, Scanner, make_grid, t1_grid
from SynthPerfLib.phantom.atlas import load_atlas
from SynthPerfLib.phantom.fields import COARSE, LATENT, Grid, Sampler, head_field, refine, stream
from SynthPerfLib.phantom.nifti import write_nifti
from SynthPerfLib.phantom.pathology import RECURRENCE, draw_patient
from SynthPerfLib.phantom.report import auc_interval, class_overlap, lesion_values

LIGHT = (4.0, 4.0, 4.0)


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def file_of(folder: Path, subject: str, modality: str) -> Path:
    entry = MODALITIES[modality]
    return folder / subject / entry.folder / f"{subject}_{entry.suffix}.nii.gz"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients with every series, T1 at 4 mm."""
    return Job(make_cohort(tmp_path_factory.mktemp("phantom") / "c", 2, 11, LIGHT)).run()


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """One patient, then the same cohort again with two: what was there first, and the folder."""
    folder = tmp_path_factory.mktemp("phantom") / "e"
    Job(make_cohort(folder, 1, 5, LIGHT, ["T1", "CBV"])).run()
    first = {k: v for k, v in digest(folder).items() if "sub-001" in k}
    Job(make_cohort(folder, 2, 5, LIGHT, ["T1", "CBV"])).run()
    return first, folder


def test_layout_is_bids(cohort: Path) -> None:
    assert json.loads((cohort / "dataset_description.json").read_text())["GeneratedBy"][0]["Name"] == "SynthPerf"
    header, *rows = (cohort / "participants.tsv").read_text().splitlines()
    assert header.split("\t")[:3] == ["participant_id", "diagnosis", "split"]
    assert [row.split("\t")[0] for row in rows] == ["sub-001", "sub-002"]
    for subject in ("sub-001", "sub-002"):
        truth = json.loads((cohort / f"derivatives/phantom/{subject}_truth.json").read_text())
        for name in ("T1", "T2", "FLAIR", "ADC", "T1C", "CBV", "IVIM", "T1MAP", "T2MAP", "BRAIN", "LESION"):
            assert file_of(cohort, subject, name).is_file(), name
        assert file_of(cohort, subject, "ASL").is_file() == truth["patient"]["has_asl"]
        sidecar = json.loads((cohort / subject / "perf" / f"{subject}_cbv.json").read_text())
        assert sidecar["Units"] == "mL/100 g"
        assert sidecar["Simulated"] is True
        b_values = (cohort / subject / "dwi" / f"{subject}_dwi.bval").read_text().split()
        assert len(b_values) == 10 == sitk.ReadImage(str(file_of(cohort, subject, "IVIM"))).GetSize()[3]


def test_both_readers_see_the_same_geometry_and_values(cohort: Path) -> None:
    for path in sorted(cohort.glob("sub-001/*/*.nii.gz")):
        ours, theirs = sitk.ReadImage(str(path), sitk.sitkFloat64), nibabel.load(path)
        if ours.GetDimension() == 4:
            ours = ours[:, :, :, 0]
        assert int(theirs.header["qform_code"]) == int(theirs.header["sform_code"]) == 1
        assert np.allclose(theirs.get_qform(), theirs.get_sform(), atol=1e-3)
        last = [n - 1 for n in ours.GetSize()]
        for corner in product(*((0, n) for n in last)):
            lps = np.array(ours.TransformIndexToPhysicalPoint(corner))
            ras = nibabel.affines.apply_affine(theirs.affine, corner)
            assert np.allclose(lps * (-1, -1, 1), ras, atol=2e-3), path.name
        values = np.asarray(theirs.dataobj)
        values = values[..., 0] if values.ndim == 4 else values
        assert np.allclose(sitk.GetArrayFromImage(ours), values.T, rtol=1e-5), path.name
    adc = nibabel.load(file_of(cohort, "sub-001", "ADC"))
    assert adc.header.get_data_dtype() == np.int16
    assert adc.dataobj.slope == pytest.approx(4000 / 4095, rel=1e-5)


def test_values_are_physiological_and_need_a_brain_mask(cohort: Path) -> None:
    for subject in ("sub-001", "sub-002"):
        brain = sitk.ReadImage(str(file_of(cohort, subject, "BRAIN")))
        inside = sitk.GetArrayFromImage(brain) > 0
        litres = inside.sum() * np.prod(brain.GetSpacing()) / 1e6
        assert 1.0 < litres < 2.4
        for name in ("ADC", "CBV", "T1MAP", "T2MAP"):
            image = sitk.ReadImage(str(file_of(cohort, subject, name)), sitk.sitkFloat32)
            values = sitk.GetArrayFromImage(sitk.Resample(image, brain))[inside]
            low, high = MODALITIES[name].typical or (0, 0)
            assert low < np.median(values) < high, name
        cbv = sitk.ReadImage(str(file_of(cohort, subject, "CBV")), sitk.sitkFloat32)
        assert 2.0 < sitk.GetArrayFromImage(sitk.Resample(cbv, brain))[inside].mean() < 5.0
        t1 = sitk.GetArrayFromImage(sitk.ReadImage(str(file_of(cohort, subject, "T1"))))
        bright_outside = (t1 > np.median(t1[inside])) & ~inside
        assert bright_outside.sum() > 0.1 * inside.sum()  # the scalp


def test_truth_says_where_the_lesions_are(cohort: Path) -> None:
    for subject in ("sub-001", "sub-002"):
        truth = json.loads((cohort / f"derivatives/phantom/{subject}_truth.json").read_text())
        image = sitk.ReadImage(str(file_of(cohort, subject, "LESION")))
        labels = sitk.GetArrayFromImage(image)
        assert sorted(np.unique(labels)) == list(range(len(truth["lesions"]) + 1))
        for lesion in truth["lesions"]:
            assert lesion["diagnosis"] == truth["patient"]["diagnosis"]
            at = np.argwhere(labels == lesion["label"])[:, ::-1]
            points = [image.TransformContinuousIndexToPhysicalPoint([float(i) for i in index]) for index in at]
            away = np.linalg.norm(np.subtract(points, lesion["centre"]), axis=1)
            assert away.min() < lesion["diameter"] / 2 + 4
            assert away.max() < lesion["diameter"] + 8
        assert set(truth["series"]["CBV"]["motion"]) == {"degrees", "shift"}


def test_same_seed_same_bytes_and_extension_changes_nothing(
    extended: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    first, folder = extended
    now = digest(folder)
    assert first
    assert {k: now[k] for k in first} == first
    Job(make_cohort(tmp_path / "again", 2, 5, LIGHT, ["T1", "CBV"])).run()
    assert digest(tmp_path / "again") == now


def test_limited_modalities_do_not_change_a_series(extended: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    _, folder = extended
    Job(make_cohort(tmp_path / "only", 1, 5, LIGHT, ["CBV"])).run()
    assert not file_of(tmp_path / "only", "sub-001", "T1").exists()
    for name in ("CBV", "BRAIN", "LESION"):
        ours, theirs = file_of(tmp_path / "only", "sub-001", name), file_of(folder, "sub-001", name)
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_complete_case_is_skipped_and_a_damaged_one_made_again(extended: tuple[dict[str, str], Path]) -> None:
    _, folder = extended
    before = digest(folder)
    kept = file_of(folder, "sub-001", "T1").stat().st_mtime_ns
    file_of(folder, "sub-002", "CBV").unlink()
    Job(make_cohort(folder, 2, 5, LIGHT, ["T1", "CBV"])).run()
    assert digest(folder) == before
    assert file_of(folder, "sub-001", "T1").stat().st_mtime_ns == kept


def test_other_recipe_or_foreign_folder_is_refused(extended: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    _, folder = extended
    with pytest.raises(InputError, match="seed 5 instead of 6"):
        Job(make_cohort(folder, 2, 6, LIGHT, ["T1", "CBV"])).run()
    with pytest.raises(InputError, match="holds 2 cases"):
        Job(make_cohort(folder, 1, 5, LIGHT, ["T1", "CBV"])).run()
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="no digital cohort"):
        Job(make_cohort(tmp_path, 1, 5)).run()
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cases": 0}, "at least one case"),
        ({"cases": 10000}, "at most 9999"),
        ({"seed": -1}, "seed"),
        ({"spacing": (0.4, 1.0, 1.0)}, "0.5 to 8"),
        ({"spacing": (1.0, 1.0, 9.0)}, "0.5 to 8"),
        ({"spacing": (1.0, 1.0, float("nan"))}, "0.5 to 8"),
        ({"modalities": ["T1", "PET"]}, "PET"),
        ({"modalities": []}, "no series"),
        ({"test_share": 1.5}, "test patients"),
    ],
)
def test_silly_values_are_refused(tmp_path: Path, arguments: dict[str, object], words: str) -> None:
    out = tmp_path / "c"
    with pytest.raises(InputError, match=words):
        Job(make_cohort(**({"out": out, "cases": 1, "seed": 1} | arguments))).run()  # type: ignore[arg-type]
    assert not out.exists()


def test_missing_templates_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load_atlas.cache_clear()
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with pytest.raises(DependencyError, match=r"synthperf\[phantom\]"):
        Job(make_cohort(tmp_path / "c", 1, 1)).run()
    assert not (tmp_path / "c").exists()


def test_classes_and_splits_are_balanced_but_not_predictable() -> None:
    patients = [draw_patient(3, case, 0.25) for case in range(1, 401)]
    positive = np.array([p.diagnosis == RECURRENCE for p in patients])
    assert all(positive[i : i + 8].sum() == 4 for i in range(0, 400, 8))
    assert 0.3 < np.mean(positive[1:] == positive[:-1]) < 0.6
    test = np.array([p.split == "test" for p in patients])
    assert test.sum() == 100
    assert test[positive].sum() == 50
    assert 0.65 < np.mean([p.has_asl for p in patients]) < 0.85
    assert all(p.split == "test" for p in (draw_patient(3, c, 1.0) for c in range(1, 20)))


def test_thick_slices_give_the_grid_of_a_2d_series() -> None:
    for site in SITES:
        grid = t1_grid((0.8, 0.8, 7.5), site, (0.0, 17.0, 12.0))
        assert grid.GetSize() == (256, 288, 16)
        assert np.allclose(grid.TransformContinuousIndexToPhysicalPoint([127.5, 143.5, 7.5]), (0, 17, 12))
    hands = {round(float(np.linalg.det(np.reshape(t1_grid(None, s, (0, 0, 0)).GetDirection(), (3, 3))))) for s in SITES}
    assert hands == {-1, 1}


def test_slices_average_instead_of_sampling() -> None:
    x, y, z = LATENT.axes()
    volume = np.broadcast_to(z, LATENT.shape).astype(np.float32) % 3  # alternates 0, 1.5 from slice to slice
    grid = make_grid((4, 4, 4), (2.0, 2.0, 6.0))
    still = Pose((0, 0, 0), (0, 0, 0))
    values = Scanner(still).scan(np.ascontiguousarray(volume), grid, still)
    assert np.allclose(values, 0.75, atol=0.05)
    ramp = np.broadcast_to(x + 10 * y + 100 * z, LATENT.shape).astype(np.float32)
    tilted = make_grid((6, 5, 4), (2.0, 3.0, 5.0), ("P", "I", "R"), (10.0, 3.0, -5.0), (4.0, 5.0, 6.0))
    read = Scanner(still).scan(np.ascontiguousarray(ramp), tilted, still)
    for index in ((0, 0, 0), (2, 3, 4), tuple(n - 1 for n in tilted.GetSize())):
        point = tilted.TransformIndexToPhysicalPoint(index)
        assert read[index[::-1]] == pytest.approx(float(np.dot(point, (1, 10, 100))), abs=0.05)


def test_scanning_moves_the_head_the_way_the_pose_says() -> None:
    x, y, z = LATENT.axes()
    ball = np.exp(-((x - 20) ** 2 + (y - 10) ** 2 + (z - 30) ** 2) / 200).astype(np.float32)
    pose, motion = Pose((6.0, -4.0, 5.0), (3.0, -2.0, 4.0)), Pose((2.0, 3.0, 0.0), (1.0, 1.0, -3.0))
    grid = make_grid((100, 100, 100), (2.0, 2.0, 2.0), centre=(0, 17, 8))
    values = Scanner(pose).scan(ball, grid, motion)
    weights = values.ravel() / values.sum()
    index = [float(np.dot(weights, i.ravel())) for i in np.indices(values.shape)[::-1]]
    expected = motion.transform().TransformPoint(pose.transform().TransformPoint((20.0, 10.0, 30.0)))
    assert np.allclose(grid.TransformContinuousIndexToPhysicalPoint(index), expected, atol=0.1)


def test_fields_and_sampling_are_what_they_say() -> None:
    field = head_field(stream(1, "field"), 20, COARSE)
    assert field.std() == pytest.approx(1, abs=0.25)
    x, y, z = COARSE.axes()
    linear = np.broadcast_to(x - 2 * y + 3 * z, COARSE.shape).astype(np.float32)
    fx, fy, fz = LATENT.axes()
    assert np.allclose(refine(linear)[:-1, :-1, :-1], (fx - 2 * fy + 3 * fz)[:-1, :-1, :-1], atol=1e-2)
    grid = Grid((-1.0, 2.0, 5.0), 2.0, (4, 5, 6))
    gx, gy, gz = grid.axes()
    points = tuple(np.array(p, np.float32) for p in ((0.3, 7.2), (3.1, 9.9), (6.0, 10.7)))
    read = Sampler(points, grid)(np.ascontiguousarray(gx + 10 * gy + 100 * gz))  # type: ignore[arg-type]
    assert np.allclose(read, points[0] + 10 * points[1] + 100 * points[2], atol=1e-2)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1), (1, -1, 1)])
def test_writer_keeps_every_orientation(tmp_path: Path, flip: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    grid = sitk.Image([5, 4, 3], sitk.sitkInt16)
    grid.SetDirection((rotation @ np.diag(flip)).ravel().tolist())
    grid.SetSpacing((0.7, 1.3, 5.5))
    grid.SetOrigin((10.0, -20.0, 33.0))
    stored = rng.integers(-300, 300, (3, 4, 5)).astype(np.int16)
    write_nifti(stored, grid, tmp_path / "a.nii.gz", slope=0.25, inter=-7.0)
    read = sitk.ReadImage(str(tmp_path / "a.nii.gz"), sitk.sitkFloat32)
    assert np.allclose(read.GetDirection(), grid.GetDirection(), atol=1e-5)
    assert np.allclose(read.GetOrigin(), grid.GetOrigin(), atol=1e-4)
    assert np.allclose(read.GetSpacing(), grid.GetSpacing(), atol=1e-5)
    assert np.allclose(sitk.GetArrayFromImage(read), stored * 0.25 - 7)
    assert np.allclose(
        nibabel.load(tmp_path / "a.nii.gz").get_qform(), nibabel.load(tmp_path / "a.nii.gz").get_sform(), atol=1e-4
    )


def test_auc_interval_is_delongs() -> None:
    scores = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0])
    positive = np.array([False, False, True, False, True, True])
    area, low, high = auc_interval(scores, positive)
    assert area == pytest.approx((1 + 0.5 + 0 + 3 + 3) / 9)
    assert 0 <= low < area < high <= 1
    with pytest.raises(InputError, match="both classes"):
        auc_interval(scores, np.ones(6, bool))


def test_lesions_are_measured_from_the_files(cohort: Path) -> None:
    rows = lesion_values(cohort)
    truth = [json.loads(p.read_text()) for p in sorted((cohort / "derivatives" / "phantom").glob("sub-*_truth.json"))]
    assert len(rows) == sum(len(t["lesions"]) for t in truth)
    for row in rows:
        assert 0.4 * row["cbv"] < row["CBV"] < 2 * row["cbv"] + 1
        assert 500 < row["ADC"] < 2500


def test_overlap_needs_a_cohort(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no digital cohort"):
        class_overlap(tmp_path)
