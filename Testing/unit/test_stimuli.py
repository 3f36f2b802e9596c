"""Blinded copies: equal treatment of every arm, nothing but voxels and grid in a file, and seats that open them."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from made_studies import BUNDLE, cohort_with_maps
from SynthPerfLib.case import Case
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import array, read_image, same_grid, write_image
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.codebook import Entry
from SynthPerfReaderStudyLib.material import Sources
from SynthPerfReaderStudyLib.protocol import load_protocol, shipped_protocols
from SynthPerfReaderStudyLib.stimuli import HEADROOM, Stimulus, blind_case
from SynthPerfReaderStudyLib.study import Study


@pytest.fixture(scope="module")
def cohort(prepared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohort_with_maps(prepared_folder, tmp_path_factory.mktemp("stimuli") / "cohort")


@pytest.fixture(scope="module")
def studies(cohort: Path) -> dict[str, Study]:
    made = {}
    for name in shipped_protocols():
        made[name] = Job(Study.create(name, cohort, cohort.parent / name, seed=1)).run()
    return made


def stimuli(study: Study) -> Iterator[tuple[Stimulus, Entry]]:
    for code, entry in study.code_book().entries.items():
        yield study.stimulus(code), entry


def test_all_images_of_a_stimulus_are_on_the_grid_of_the_case(studies: dict[str, Study], cohort: Path) -> None:
    cases = {case.id: case for case in Cohort.open(cohort).cases}
    for stimulus, entry in stimuli(studies["wu2025_quality"]):
        t1 = cases[entry.case].load("T1")
        assert same_grid(stimulus.brain(), t1)
        assert all(same_grid(image.load(), t1) for image in stimulus.images.values())


def test_a_map_holds_the_values_of_its_source_inside_the_brain(studies: dict[str, Study], cohort: Path) -> None:
    for stimulus, entry in stimuli(studies["qsnet_rating"]):
        desc = None if entry.arms == ("real",) else BUNDLE
        source = array(read_image(Case.path_for(cohort, entry.case, "CBV", desc=desc)))
        inside = array(stimulus.brain()) > 0
        found = array(stimulus.images["map_a"].load())
        assert not found[~inside].any()
        step = HEADROOM * 8 / 65535
        np.testing.assert_allclose(found[inside], np.clip(source[inside], 0, HEADROOM * 8), atol=0.51 * step)


def test_normalised_maps_have_median_one_in_the_brain(studies: dict[str, Study]) -> None:
    for stimulus, _ in stimuli(studies["wu2025_diagnosis"]):
        values = array(stimulus.images["map_a"].load())
        inside = (array(stimulus.brain()) > 0) & (values > 0)
        assert np.median(values[inside]) == pytest.approx(1, abs=1e-3)


def test_anatomy_keeps_its_values(studies: dict[str, Study], cohort: Path) -> None:
    stimulus, entry = next(stimuli(studies["tmax_mismatch"]))
    name = next(name for name, image in stimulus.images.items() if image.modality == "ADC")
    source = array(read_image(Case.path_for(cohort, entry.case, "ADC")))
    found = array(stimulus.images[name].load())
    assert stimulus.images[name].kind == "image"
    np.testing.assert_allclose(found, source, atol=0.51 * np.ptp(source) / 65535 + 1e-3)
    low, high = stimulus.images[name].range
    assert source.min() <= low < high <= source.max()


def test_nothing_of_a_file_but_its_voxels_differs_between_arms(studies: dict[str, Study]) -> None:
    for name in ("qsnet_rating", "wu2025_diagnosis", "tmax_mismatch"):
        seen: dict[str, set[tuple[object, ...]]] = defaultdict(set)
        arms: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for stimulus, entry in stimuli(studies[name]):
            image = stimulus.images["map_a"]
            packed = image.file.read_bytes()
            header = gzip.decompress(packed)[:352]
            about = json.loads((stimulus.folder / "stimulus.json").read_text())
            rest = {key: value for key, value in about.items() if key not in ("code", "images")}
            shown = (image.label, image.range, image.unit, image.colours, image.modality)
            files = tuple(sorted((p.name, p.stat().st_mtime) for p in stimulus.folder.iterdir()))
            seen[entry.case].add((len(packed), header, packed[:10], json.dumps(rest), shown, files))
            arms[entry.case].add(entry.arms)
        assert all(len(one) == 1 for one in seen.values())
        assert all(len(both) == 2 for both in arms.values())


def test_headers_are_empty_and_right(studies: dict[str, Study]) -> None:
    for name in studies:
        for stimulus, _ in stimuli(studies[name]):
            for image in stimulus.images.values():
                packed = image.file.read_bytes()
                assert packed[3] == 0
                assert packed[4:8] == bytes(4)
                content = gzip.decompress(packed)
                header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(content))
                assert all(
                    not header[key].item() for key in ("descrip", "aux_file", "intent_name", "db_name", "data_type")
                )
                assert header["vox_offset"] == 352
                assert content[348:352] == bytes(4)
                assert len(content) == 352 + header["dim"][1:4].prod() * 2
                # two readers agree on the grid and on the values
                other = nibabel.load(image.file)
                loaded = image.load()
                np.testing.assert_allclose(other.get_fdata().T, array(loaded), rtol=1e-5, atol=1e-5)
                first = loaded.TransformIndexToPhysicalPoint((1, 2, 3))
                np.testing.assert_allclose(
                    (other.affine @ (1, 2, 3, 1))[:3], np.multiply(first, (-1, -1, 1)), atol=1e-3
                )
            break


def test_the_same_in_gives_the_same_out(studies: dict[str, Study], cohort: Path, tmp_path: Path) -> None:
    study = studies["wu2025_quality"]
    book = study.code_book()
    case = Cohort.open(cohort).cases[0]
    own = {code: entry for code, entry in book.entries.items() if entry.case == case.id}
    hashes = blind_case(case, Sources(study.protocol, cohort, book.bundles), own, tmp_path)
    assert hashes == book.sources[case.id]
    for code in own:
        for path in (study.folder / "stimuli" / code).iterdir():
            assert (tmp_path / code / path.name).read_bytes() == path.read_bytes()


def test_names_and_places_are_neutral(studies: dict[str, Study]) -> None:
    for stimulus, entry in stimuli(studies["wu2025_quality"]):
        assert stimulus.stages == ((("image_1", "image_2", "image_3"), ("map_a", "map_b")),)
        left, right = entry.layout[0][1]
        assert {left, right} == {"real", "synthetic"}
        labels = {"real": "Reference map", "synthetic": "Map to be graded"}
        assert stimulus.images["map_a"].label == labels[left]
        assert [stimulus.images[f"image_{n}"].label for n in (1, 2, 3)] == ["Post-contrast T1", "FLAIR", "T2"]
    assert {stimulus.images["map_a"].label for stimulus, _ in stimuli(studies["qsnet_rating"])} == {"Map"}


def test_a_map_that_regions_are_copied_to_is_there_but_not_shown(studies: dict[str, Study]) -> None:
    for stimulus, entry in stimuli(studies["wang_roi"]):
        assert entry.images["map_a"] == "real"
        assert entry.images["map_b"] == "synthetic"
        assert stimulus.stages == ((("image_1", "image_2", "map_a"),),)
        assert stimulus.rois["tumour"] == {"drawn_on": ("map_a",), "copied_to": ("map_b",)}


def test_independent_regions_are_drawn_on_the_map_of_each_arm(studies: dict[str, Study]) -> None:
    regions = {entry.arms: stimulus.rois["deficit_region"] for stimulus, entry in stimuli(studies["tmax_mismatch"])}
    assert regions == {(arm,): {"drawn_on": ("map_a",), "copied_to": ()} for arm in ("real", "synthetic")}


def test_a_sequential_study_reveals_the_arms_in_their_order(cohort: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(shipped_protocols()["wu2025_diagnosis"].read_text())
    content["design"] = {"kind": "sequential", "order": ["mri_asl", "mri_synthetic_cbv"]}
    content["arms"][1]["layout"] = [["T1", "T2", "FLAIR"], ["ADC", "T1C", "asl", "cbv"]]
    content["blinding"] = {"left_right": True}
    path = tmp_path / "staged.yaml"
    path.write_text(yaml.safe_dump(content))
    study = Job(Study.create(path, cohort, tmp_path / "study", seed=2)).run()
    assert study.form.stages == 2
    assert {len(study.allocation.session(reader, 1)) for reader in ("R1", "R2")} == {3}
    for stimulus, entry in stimuli(study):
        assert entry.arms == ("mri_asl", "mri_synthetic_cbv")
        first, second = stimulus.stages
        assert first[1] == ("image_4", "image_5", "map_a")
        assert set(second[1]) == {"image_4", "image_5", "map_a", "map_b"}
        assert entry.images["map_a"] == "asl"
        assert entry.images["map_b"] == "cbv"


def test_a_map_on_another_grid_is_brought_to_that_of_the_case(cohort: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    case = Cohort.open(copy).cases[0]
    path = Case.path_for(copy, case.id, "CBV", desc=BUNDLE)
    image = read_image(path)
    shape = [size // 2 for size in image.GetSize()]
    coarse = sitk.Image(shape, sitk.sitkFloat32)
    coarse.SetDirection(image.GetDirection())
    coarse.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([0.5] * 3))
    coarse.SetSpacing([2 * s for s in image.GetSpacing()])
    path.unlink()
    write_image(sitk.Resample(image, coarse), path)
    study = Job(Study.create("qsnet_rating", copy, tmp_path / "study", seed=1)).run()
    for stimulus, entry in stimuli(study):
        if entry.case == case.id:
            assert same_grid(stimulus.images["map_a"].load(), case.load("T1"))


def test_a_case_that_is_not_prepared_is_refused(cohort: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    for path in copy.glob("sub-*/anat/*_desc-brain_mask.nii.gz"):
        path.unlink()
    with pytest.raises(InputError, match="sub-001 has no brain mask: prepare the cohort first"):
        Job(Study.create("qsnet_rating", copy, tmp_path / "study")).run()


def test_negative_ranges_keep_zero_outside_the_brain(cohort: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(shipped_protocols()["qsnet_rating"].read_text())
    content["display"]["CBV"]["range"] = [-2, 6]
    path = tmp_path / "shifted.yaml"
    path.write_text(yaml.safe_dump(content))
    case = Cohort.open(cohort).cases[0]
    protocol = load_protocol(path).protocol
    entry = Entry(case.id, ("real",), 1, False, ((("real",),),), {"map_a": "real"})
    blind_case(case, Sources(protocol, cohort, {"synthetic": BUNDLE}), {"K7": entry}, tmp_path / "stimuli")
    stimulus = Stimulus.open(tmp_path / "stimuli" / "K7")
    values = array(stimulus.images["map_a"].load())
    assert np.abs(values[array(stimulus.brain()) == 0]).max() < 1e-6


def test_changed_stimuli_are_found(studies: dict[str, Study], tmp_path: Path) -> None:
    code = studies["qsnet_rating"].allocation.rows[0].stimulus
    folder = tmp_path / code
    shutil.copytree(studies["qsnet_rating"].folder / "stimuli" / code, folder)
    stimulus = Stimulus.open(folder)
    content = bytearray((folder / "map_a.nii.gz").read_bytes())
    content[-9000] ^= 1
    (folder / "map_a.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match=f"{code}/map_a.nii.gz is missing or not as it was made"):
        stimulus.images["map_a"].load()
    (folder / "brain.nii.gz").unlink()
    with pytest.raises(InputError, match=r"brain\.nii\.gz is missing"):
        stimulus.brain()
    (folder / "stimulus.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        Stimulus.open(folder)
    (folder / "stimulus.json").unlink()
    with pytest.raises(InputError, match="is not in this study folder"):
        Stimulus.open(folder)
