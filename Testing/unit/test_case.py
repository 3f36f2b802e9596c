"""Files, cases and cohorts: what is read, what is refused, and with which sentence."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from SynthPerfLib.case import Case, Name, clean_id, sidecar_of, split_id
from SynthPerfLib.cohort import Cohort, open_cases
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import read_image, same_grid, write_image, write_json
from SynthPerfLib.modality import MODALITIES

VOXELS = np.random.default_rng(0).integers(1, 1000, (40, 44, 30)).astype(np.int16)
AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])


def nifti(
    path: Path, *, voxels: np.ndarray = VOXELS, qform: np.ndarray | None = AFFINE, sform: np.ndarray | None = AFFINE
) -> Path:
    """Write a NIfTI file; None for a form means that its code is 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, None)
    image.header.set_zooms((2.0, 2.0, 4.0, 1.0, 1.0)[: voxels.ndim])
    image.set_qform(qform, 0 if qform is None else 1)
    image.set_sform(sform, 0 if sform is None else 1)
    image.to_filename(path)
    return path


def patched(path: Path, form: str, offset: int, *values: float) -> Path:
    """The NIfTI file with bytes of its header replaced."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into(form, content, offset, *values)
    path.write_bytes(gzip.compress(bytes(content)))
    return path


def turned(degrees: float, shift: float = 0.0) -> np.ndarray:
    """``AFFINE`` turned about z and moved."""
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0, shift], [np.sin(a), np.cos(a), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return turn @ AFFINE


def half(path: Path) -> Path:
    """The first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def written(path: Path, *, spacing: tuple[float, ...] = (2, 2, 4), voxels: np.ndarray = VOXELS) -> Path:
    """Write with SimpleITK in the format of the file name."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def without_space(path: Path) -> Path:
    """An NRRD file whose header says nothing of orientation."""
    head, body = written(path).read_bytes().split(b"\n\n", 1)
    lines = [line for line in head.split(b"\n") if not line.startswith(b"space")]
    path.write_bytes(b"\n".join(lines) + b"\n\n" + body)
    return path


def nan_at_one(voxels: np.ndarray) -> np.ndarray:
    result = voxels.astype(np.float32)
    result[3, 4, 5] = np.nan
    return result


REFUSALS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda p: p / "gone.nii.gz", "does not exist"),
    "not an image": (lambda p: written(p / "a.mha").rename(p / "a.txt"), "is not an image"),
    "text as NIfTI": (lambda p: (p / "a.nii").write_text("hello") and p / "a.nii", "not a NIfTI file"),
    "gzip cut off": (lambda p: half(nifti(p / "a.nii.gz")), "cut off or damaged"),
    "NIfTI cut off": (lambda p: half(nifti(p / "a.nii")), "is cut off"),
    "NRRD cut off": (lambda p: half(written(p / "a.nrrd")), "cut off or damaged"),
    "MetaImage cut off": (lambda p: half(written(p / "a.mha")), "cut off or damaged"),
    "gzip without .gz": (lambda p: nifti(p / "a.nii.gz").rename(p / "a.nii"), "does not end in .gz"),
    "series": (lambda p: nifti(p / "a.nii.gz", voxels=np.stack([VOXELS] * 3, -1)), "4 dimensions"),
    "vectors": (
        lambda p: nifti(p / "a.nii.gz", voxels=np.stack([VOXELS] * 3, -1)[..., None, :]),
        "values in each voxel|dimensions",
    ),
    "not finite": (lambda p: nifti(p / "a.nii.gz", voxels=nan_at_one(VOXELS)), "not finite"),
    "empty": (lambda p: nifti(p / "a.nii.gz", voxels=np.zeros_like(VOXELS)), "is empty"),
    "tiny spacing": (lambda p: written(p / "a.nrrd", spacing=(0.01, 0.01, 0.01)), "absurd spacing .*0.01"),
    "huge spacing": (lambda p: written(p / "a.nrrd", spacing=(40, 40, 40)), "absurd spacing"),
    "spacing of 0": (lambda p: patched(nifti(p / "a.nii.gz"), "<f", 80, 0.0), "absurd spacing"),
    "few voxels": (lambda p: written(p / "a.nrrd", voxels=VOXELS[:5, :5]), "not an image of a head"),
    "small field": (lambda p: written(p / "a.nrrd", spacing=(0.9, 0.9, 0.9)), "field of view"),
    "large field": (lambda p: written(p / "a.nrrd", voxels=VOXELS.repeat(8, axis=0)[:, :, ::2]), "field of view"),
    "no orientation": (lambda p: nifti(p / "a.nii.gz", qform=None, sform=None), "no orientation"),
    "no orientation, NRRD": (lambda p: without_space(p / "a.nrrd"), "no orientation"),
    "mirrored forms": (lambda p: nifti(p / "a.nii.gz", sform=AFFINE * [[-1], [1], [1], [1]]), "mirror one another"),
    "turned forms": (lambda p: nifti(p / "a.nii.gz", sform=turned(3)), "differ by 3.0 degrees"),
    "shifted forms": (lambda p: nifti(p / "a.nii.gz", sform=turned(0, 5)), "5.0 mm"),
    "two spacings": (lambda p: patched(nifti(p / "a.nii.gz", qform=None), "<f", 80, 1.0), "two spacings"),
    "sheared": (lambda p: nifti(p / "a.nii.gz", qform=None, sform=AFFINE + 0.4 * np.eye(4, k=1)), "sheared"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_unusable_file_is_refused_in_one_sentence(what: str, tmp_path: Path) -> None:
    make, words = REFUSALS[what]
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        read_image(path)
    message = str(caught.value)
    assert path.name in message
    assert str(tmp_path) not in message or what == "missing"
    assert "\n" not in message


def test_volume_where_a_series_is_due(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a series of volumes is due"):
        read_image(nifti(tmp_path / "a.nii.gz"), dimensions=4)


def test_small_differences_of_the_forms_are_accepted(tmp_path: Path) -> None:
    assert read_image(nifti(tmp_path / "a.nii.gz", sform=turned(0.3, 0.5))).GetSize() == VOXELS.shape


def test_scale_factors_are_applied(tmp_path: Path) -> None:
    path = patched(nifti(tmp_path / "a.nii.gz"), "<ff", 112, 0.5, -10.0)
    found = sitk.GetArrayFromImage(read_image(path)).T
    np.testing.assert_allclose(found, VOXELS * 0.5 - 10.0, rtol=1e-6)


def test_series_of_one_volume_is_that_volume(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", voxels=VOXELS[..., None])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(path)).T, VOXELS)


def test_big_endian_is_read_alike(tmp_path: Path) -> None:
    plain = read_image(nifti(tmp_path / "a.nii.gz"))
    swapped = nibabel.Nifti1Image(VOXELS, AFFINE, nibabel.Nifti1Header(endianness=">"))
    swapped.set_qform(AFFINE, 1)
    swapped.to_filename(tmp_path / "b.nii.gz")
    found = read_image(tmp_path / "b.nii.gz")
    assert found.GetSpacing() == (2.0, 2.0, 4.0)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(plain))


def test_nifti2_is_refused_by_name(tmp_path: Path) -> None:
    nibabel.Nifti2Image(VOXELS, AFFINE).to_filename(tmp_path / "c.nii.gz")
    with pytest.raises(InputError, match="NIfTI-2"):
        read_image(tmp_path / "c.nii.gz")


@pytest.mark.parametrize("space", ["right-anterior-superior", "left-anterior-superior", "left-posterior-superior"])
def test_nrrd_spaces_give_the_same_points(space: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.nrrd")
    signs = {"right": -1, "left": 1, "anterior": -1, "posterior": 1}
    x, y = (signs[word] for word in space.split("-")[:2])
    head, body = path.read_bytes().split(b"\n\n", 1)
    text = head.decode().replace("left-posterior-superior", space)
    text = text.replace("(2,0,0) (0,2,0)", f"({2 * x},0,0) (0,{2 * y},0)")
    path.write_bytes(text.encode() + b"\n\n" + body)
    assert read_image(path).TransformIndexToPhysicalPoint((1, 1, 1)) == (2.0, 2.0, 4.0)


def test_nothing_of_the_header_is_carried_on(tmp_path: Path) -> None:
    path = patched(nifti(tmp_path / "a.nii.gz"), "<9s", 148, b"Doe, John")  # type: ignore[arg-type]
    image = read_image(path)
    write_image(image, tmp_path / "b.nii.gz")
    assert b"Doe" not in gzip.decompress((tmp_path / "b.nii.gz").read_bytes())


letters = st.text("ABCabc019", min_size=1, max_size=6)


@given(letters, st.one_of(st.none(), letters), st.sampled_from(sorted(MODALITIES)))
def test_bids_names_round_trip(subject: str, session: str | None, modality: str) -> None:
    id = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    path = Case.path_for(Path("root"), id, modality)
    name = Name.parse(path.name)
    assert name is not None
    assert name.modality == modality
    assert split_id(id) == (f"sub-{subject}", session)
    assert path.parent.name == MODALITIES[modality].folder
    assert path.is_relative_to(Path("root") / f"sub-{subject}")
    assert sidecar_of(path).name == path.name.replace(".nii.gz", ".json")


@given(st.text(max_size=20))
def test_any_words_become_an_id(words: str) -> None:
    assert split_id(clean_id(words))[0].startswith("sub-")
    assert clean_id(clean_id(words)) == clean_id(words)


@given(letters, st.sampled_from(["cbv", "cbf", "T1w"]))
def test_what_was_made_from_the_data_is_not_the_data(desc: str, suffix: str) -> None:
    name = Name.parse(f"sub-1_desc-{desc}_{suffix}.nii.gz")
    assert name is not None
    assert name.modality is None


def test_contrast_and_entities_in_names() -> None:
    expected = {
        "sub-1_T1w.nii.gz": "T1",
        "sub-1_ce-gadolinium_T1w.nii": "T1C",
        "sub-1_ses-2_acq-mprage_run-01_T1w.nii.gz": "T1",
        "sub-1_acq-3d_ce-Gd_run-2_T1w.nii.gz": "T1C",
        "sub-1_desc-brain_mask.nii.gz": "BRAIN",
        "sub-1_desc-lesion_mask.nii.gz": "LESION",
    }
    for name, modality in expected.items():
        parsed = Name.parse(name)
        assert parsed is not None
        assert parsed.modality == modality
    for name in ("T1w.nii.gz", "sub-1_T1w.json", "sub-1_extra_T1w.nii.gz"):
        assert Name.parse(name) is None


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two patients, one with two sessions."""
    root = tmp_path / "cohort"
    for id in ("sub-001", "sub-002_ses-1", "sub-002_ses-2"):
        for modality in ("T1", "FLAIR"):
            nifti(Case.path_for(root, id, modality))
    nifti(Case.path_for(root, "sub-001", "CBV", desc="iedn"))
    rows = {"sub-001": {"diagnosis": "recurrence", "split": "train", "age": "61"}, "sub-002": {"split": "test"}}
    Cohort.create(root, "Two").write_participants(rows)
    return root


def test_cohort_is_read(dataset: Path) -> None:
    cohort = Cohort.open(dataset)
    assert [case.id for case in cohort.cases] == ["sub-001", "sub-002_ses-1", "sub-002_ses-2"]
    assert cohort.name == "Two"
    assert cohort.cases[0].available == ("T1", "FLAIR")
    assert cohort.cases[2].session == "2"
    assert [case.id for case in cohort.split("test")] == ["sub-002_ses-1", "sub-002_ses-2"]
    assert cohort.participants["sub-001"]["age"] == "61"
    assert cohort.participants["sub-002"]["diagnosis"] == "n/a"
    assert [case.id for case in open_cases(dataset / "sub-002")] == ["sub-002_ses-1", "sub-002_ses-2"]
    assert [case.id for case in open_cases(dataset / "sub-002" / "ses-2")] == ["sub-002_ses-2"]
    assert open_cases(dataset) == cohort.cases


def test_two_files_for_one_modality_are_both_named(dataset: Path) -> None:
    nifti(dataset / "sub-001" / "anat" / "sub-001_run-2_T1w.nii.gz")
    with pytest.raises(InputError, match=r"two files for T1.*sub-001_T1w.nii.gz|sub-001_run-2_T1w.nii.gz") as caught:
        Cohort.open(dataset)
    assert "sub-001_T1w.nii.gz" in str(caught.value)
    assert "sub-001_run-2_T1w.nii.gz" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("participant_id\tsplit\nsub-001\ttrain\nsub-001\ttest\n", "row 3.*twice"),
        ("participant_id\tsplit\nsub-001\tvalidation\n", "row 2.*split"),
        ("participant_id\tdiagnosis\nsub-001\ttumor\n", "row 2.*diagnosis"),
        ("participant_id,split\nsub-001,train\n", "no column participant_id"),
        ("participant_id\tsplit\n001\ttrain\n", "row 2.*sub-XXX"),
    ],
)
def test_wrong_participants_are_refused_with_their_row(dataset: Path, table: str, words: str) -> None:
    (dataset / "participants.tsv").write_text(table)
    with pytest.raises(InputError, match=words):
        Cohort.open(dataset)


def test_folder_without_a_case(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case"):
        Cohort.open(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        Cohort.open(tmp_path / "gone")


def test_case_from_single_files(tmp_path: Path) -> None:
    case = Case.from_files({"FLAIR": written(tmp_path / "x.nrrd"), "T1": nifti(tmp_path / "y.nii.gz")}, "Patient 7")
    assert case.id == "sub-Patient7"
    assert case.available == ("T1", "FLAIR")
    assert case.load("FLAIR").GetPixelID() == sitk.sitkFloat32
    assert case.sidecar("T1") == {}
    write_json({"Units": "x"}, tmp_path / "y.json")
    assert case.sidecar("T1") == {"Units": "x"}
    with pytest.raises(InputError, match="has no ADC"):
        case.load("ADC")
    with pytest.raises(InputError, match="Unknown modality PET"):
        Case.from_files({"PET": tmp_path / "x.nrrd"})
    with pytest.raises(InputError, match="given as T1 and as T2"):
        Case.from_files({"T1": tmp_path / "x.nrrd", "T2": tmp_path / "x.nrrd"})


def test_a_mask_may_be_empty(tmp_path: Path) -> None:
    case = Case.from_files({"LESION": nifti(tmp_path / "m.nii.gz", voxels=np.zeros_like(VOXELS))})
    assert sitk.GetArrayViewFromImage(case.load("LESION")).max() == 0


def test_a_series_is_read_with_its_grid(tmp_path: Path) -> None:
    volumes = np.stack([VOXELS, 2 * VOXELS, 3 * VOXELS], -1)
    image = read_image(nifti(tmp_path / "a.nii.gz", voxels=volumes), dimensions=4)
    volume = read_image(nifti(tmp_path / "b.nii.gz"))
    assert image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_allclose(sitk.GetArrayFromImage(image)[2], 3 * sitk.GetArrayFromImage(volume), rtol=1e-6)
    assert same_grid(image[:, :, :, 2], volume)
