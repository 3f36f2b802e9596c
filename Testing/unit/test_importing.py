"""Which file is which: names as they come from scanners and archives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import SimpleITK as sitk
from digital_head import head
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.importing import import_files, plan_import
from SynthPerfLib.jobs import Job

NAMES = {
    "301_AX_T2_FLAIR_FS.nii.gz": "FLAIR",
    "BraTS-GLI-00000-000-t2f.nii.gz": "FLAIR",
    "t1_mprage_sag.nii.gz": "T1",
    "BraTS-GLI-00000-000-t1n.nii.gz": "T1",
    "AX_T1_POST_GD.nrrd": "T1C",
    "t1ce.nii.gz": "T1C",
    "MPRAGE+C.nii.gz": "T1C",
    "T1wKM.nii": "T1C",
    "T2_tse_tra.nii.gz": "T2",
    "ep2d_diff_ADC.nii.gz": "ADC",
    "pcasl_3d_CBF.nii.gz": "ASL",
    "DSC_rCBV.nii.gz": "CBV",
    "tmax.nii.gz": "TMAX",
    "T1map_MRF.nii.gz": "T1MAP",
    "ivim_10b.nii.gz": "IVIM",
    "brain_mask.nii.gz": "BRAIN",
    "tumor_seg.nii.gz": "LESION",
    "localizer_T1.nii.gz": "",
    "swi_mip.nii.gz": "",
    "series7.nii.gz": "",
    "sub-1_desc-iedn_cbv.nii.gz": "",
    "sub-1_ce-gadolinium_T1w.nii.gz": "T1C",
}


def put(path: Path, modality: str = "T1", factor: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.Cast(head()[modality] * factor, sitk.sitkFloat32), str(path))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_file_name_is_understood(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "FLAIR.nii.gz").touch()
    match = next(match for match in plan_import(tmp_path).matches if match.path.name == name)
    assert match.modality == NAMES[name]
    assert match.why


def test_sidecar_tells_what_the_name_does_not(tmp_path: Path) -> None:
    for name, sidecar in (
        ("s1", {"SeriesDescription": "AX FLAIR"}),
        ("T1_s2", {"ContrastBolusAgent": "Gadovist"}),
        ("s3", {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}),
    ):
        (tmp_path / f"{name}.nii.gz").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps(sidecar))
    found = {match.path.name: match.modality for match in plan_import(tmp_path).matches}
    assert found == {"s1.nii.gz": "FLAIR", "T1_s2.nii.gz": "T1C", "s3.nii.gz": "ADC"}


def test_case_folders_become_a_cohort_without_names(tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    first = put(src / "Doe_John" / "T1.nii.gz")
    put(src / "Doe_John" / "ADC.nrrd", "ADC")
    put(src / "Doe_John" / "notes_on_series.nii.gz")
    put(src / "Roe_Jane" / "mprage.mha")
    (src / "Doe_John" / "T1.json").write_text(json.dumps({"PatientName": "Doe", "EchoTime": 0.003}))
    said: list[str] = []
    cohort = Job(import_files(src, out)).run(lambda progress: said.append(progress.words))
    assert [(case.id, case.available) for case in cohort.cases] == [("sub-001", ("T1", "ADC")), ("sub-002", ("T1",))]
    assert any("notes_on_series.nii.gz" in words for words in said)
    sidecar = cohort.cases[0].sidecar("T1")
    assert sidecar["EchoTime"] == 0.003
    assert sidecar["Imported"]["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert cohort.cases[0].sidecar("ADC")["Units"] == "1e-6 mm2/s"
    written = [path.read_bytes() for path in out.rglob("*.json")] + [path.read_bytes() for path in out.rglob("*.tsv")]
    assert not any(b"Doe" in content or b"Jane" in content for content in written)
    assert not any("Doe" in path.name or "Roe" in path.name for path in out.rglob("*"))
    difference = sitk.GetArrayFromImage(cohort.cases[0].load("ADC")) - sitk.GetArrayFromImage(head()["ADC"])
    assert abs(difference).max() < 1e-3
    assert set(cohort.participants) == {"sub-001", "sub-002"}


def test_bids_keeps_its_names_and_participants(tmp_path: Path) -> None:
    src = tmp_path / "src"
    put(src / "sub-07" / "ses-2" / "anat" / "sub-07_ses-2_run-1_T1w.nii.gz")
    (src / "participants.tsv").write_text("participant_id\tdiagnosis\tsplit\nsub-07\trecurrence\ttest\n")
    cohort = Job(import_files(src, tmp_path / "out")).run()
    assert [case.id for case in cohort.cases] == ["sub-07_ses-2"]
    assert [case.id for case in Cohort.open(tmp_path / "out").split("test")] == ["sub-07_ses-2"]


def test_patients_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    for name in ("p1_T1", "p1_FLAIR", "p2_T1", "p2_FLAIR"):
        (tmp_path / f"{name}.nii.gz").touch()
    cases = plan_import(tmp_path).cases
    assert {case: sorted(m.path.name for m in found.values()) for case, found in cases.items()} == {
        "sub-001": ["p1_FLAIR.nii.gz", "p1_T1.nii.gz"],
        "sub-002": ["p2_FLAIR.nii.gz", "p2_T1.nii.gz"],
    }


def test_two_files_for_one_modality_need_a_map(tmp_path: Path) -> None:
    src = tmp_path / "src"
    for name in ("a_T1.nii.gz", "b_T1.nii.gz", "gd_image.nii.gz"):
        put(src / "case" / name)
    with pytest.raises(InputError, match=r"a_T1.nii.gz and b_T1.nii.gz.*--map"):
        Job(import_files(src, tmp_path / "out")).run()
    assert not (tmp_path / "out").exists()
    mapping = tmp_path / "map.yaml"
    mapping.write_text("cases: {sub-9: {T1: case/b_T1.nii.gz}}\npatterns: {T1C: '*gd*', T2: 'a_*'}\n")
    cases = plan_import(src, mapping).cases
    assert cases["sub-9"]["T1"].path.name == "b_T1.nii.gz"
    assert {name: match.path.name for name, match in cases["sub-001"].items()} == {
        "T2": "a_T1.nii.gz",
        "T1C": "gd_image.nii.gz",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cases: {sub-1: {PET: x.nii.gz}}", "does not exist|unknown modality PET"),
        ("cases: {sub-1: {T1: gone.nii.gz}}", "gone.nii.gz does not exist"),
        ("series: {}", "must hold 'cases' or 'patterns'"),
        ("patterns: [a]", "must be a table"),
        ("cases: {", "not readable YAML"),
    ],
)
def test_wrong_map_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "T1.nii.gz").touch()
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        plan_import(tmp_path, tmp_path / "map.yaml")


def test_dicom_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image file"):
        plan_import(tmp_path)
    (tmp_path / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(20))
    with pytest.raises(InputError, match=r"only DICOM.*dcm2niix"):
        plan_import(tmp_path)


def test_bad_images_are_left_out_and_named(tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    put(src / "a" / "T1.nii.gz")
    put(src / "a" / "ADC.nii.gz", "ADC", 1e-6)
    with pytest.raises(InputError, match=r"1 images were left out.*sub-001 ADC.*mm2/s"):
        Job(import_files(src, out)).run()
    assert Cohort.open(out).cases[0].available == ("T1",)
