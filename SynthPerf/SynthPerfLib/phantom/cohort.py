"""Writing a digital cohort: a BIDS dataset whose every case follows from the seed and its number alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import InputError
from ..images import write_json, written_whole
from ..jobs import Progress, Steps
from ..modality import MODALITIES
from .acquisition import SITES
from .anatomy import make_head
from .atlas import require_templates, templates_are_there
from .nifti import write_nifti
from .pathology import Patient, add_lesions, draw_patient
from .series import SERIES, Visit
from .signal import B_VALUES, Mixture

GENERATOR = 2
"""Raised whenever the same seed gives other images."""

_COLUMNS = ("participant_id", "diagnosis", "split", "site", "age", "sex", "lesions")


def subject(case: int, cases: int) -> str:
    """``sub-001``, or ``sub-0001`` where a cohort has more than 999 cases."""
    return f"sub-{case:04d}" if cases > 999 else f"sub-{case:03d}"


def _path(out: Path, name: str, modality: str) -> Path:
    entry = MODALITIES[modality]
    return out / name / entry.folder / f"{name}_{entry.suffix}.nii.gz"


def _truth_path(out: Path, name: str) -> Path:
    return out / "derivatives" / "phantom" / f"{name}_truth.json"


def _check(
    cases: int, seed: int, spacing: Sequence[float] | None, modalities: Sequence[str] | None, test_share: float
) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    if cases < 1:
        raise InputError(f"A digital cohort needs at least one case, not {cases}.")
    if cases > 9999:
        raise InputError(f"A digital cohort has at most 9999 cases, not {cases}.")
    if seed < 0:
        raise InputError(f"The seed must be 0 or more, not {seed}.")
    if not 0 <= test_share <= 1:
        raise InputError(f"The share of test patients must lie in 0..1, not {test_share}.")
    voxel = None
    if spacing is not None:
        if len(spacing) != 3 or not all(np.isfinite(s) and 0.5 <= s <= 8 for s in spacing):
            raise InputError(f"The T1 spacing must be three numbers from 0.5 to 8 mm, not {tuple(spacing)}.")
        voxel = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    names = {m.strip().upper() for m in modalities} if modalities is not None else set(SERIES)
    unknown = sorted(names - set(SERIES))
    if unknown or not names:
        words = f"unknown series {', '.join(unknown)}" if unknown else "no series"
        raise InputError(f"The digital cohort was asked for {words}: choose from {', '.join(SERIES)}.")
    return voxel, tuple(name for name in SERIES if name in names)


def _open_recipe(out: Path, recipe: Mapping[str, object]) -> None:
    """Refuse a folder that holds something else; otherwise record what is going to be in it."""
    path = out / "derivatives" / "phantom" / "recipe.json"
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); remove {out} or choose another folder.") from error
        other = [key for key in recipe if key != "cases" and there.get(key) != recipe[key]]
        if other:
            words = ", ".join(f"{key} {there.get(key)} instead of {recipe[key]}" for key in other)
            raise InputError(f"{out} holds a digital cohort of another recipe ({words}); choose another folder.")
        if subject(1, int(there["cases"])) != subject(1, int(str(recipe["cases"]))):
            raise InputError(f"{out} cannot be extended beyond 999 cases: its subject names have three digits.")
        if int(there["cases"]) > int(str(recipe["cases"])):
            raise InputError(f"{out} holds {there['cases']} cases already; ask for at least as many.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is no digital cohort; choose an empty or a new folder.")
    write_json(recipe, path)


def make_cohort(
    out: Path,
    cases: int,
    seed: int,
    spacing: tuple[float, float, float] | None = None,
    modalities: Sequence[str] | None = None,
    test_share: float = 0.25,
    coarse: bool = False,
) -> Steps[Path]:
    """Write a cohort of digital patients.

    Case k depends on ``seed``, k, ``spacing`` and ``test_share`` only: more cases extend a cohort and leave the others
    as they are; a case that is already complete is not made again.

    Parameters
    ----------
    out
        New folder, or one with the same recipe.
    cases
        Number of patients, 1..9999.
    seed
        0 or more.
    spacing
        T1 voxel (mm) along x, y, z of the axial head, each 0.5..8; None is 1 mm. (0.8, 0.8, 7.5) gives 256 x 288 x 16
        voxels.
    modalities
        Series to write, from ``SERIES``; None is all. Masks are always written.
    test_share
        Share of test patients in each class.
    coarse
        Make do with the templates of 2 mm that ship where those of 1 mm are not installed. The same seed then gives
        other, smoother heads; the recipe says so.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    InputError
        If an argument is out of range or the folder holds anything else.
    DependencyError
        If the templates are not installed.
    """
    voxel, names = _check(cases, seed, spacing, modalities, test_share)
    if not coarse:
        require_templates()
    recipe = {
        "generator": GENERATOR,
        "seed": seed,
        "cases": cases,
        "spacing": list(voxel) if voxel else None,
        "modalities": list(names),
        "test_share": test_share,
        **({} if templates_are_there() else {"templates": "2 mm"}),
    }
    _open_recipe(out, recipe)
    patients = [draw_patient(seed, case, test_share) for case in range(1, cases + 1)]
    _write_dataset(out, patients)
    fingerprint = hashlib.sha256(json.dumps(recipe | {"cases": None}, sort_keys=True).encode()).hexdigest()
    for patient in patients:
        name = subject(patient.case, cases)
        done = (patient.case - 1) / cases
        yield Progress(done, f"{name} of {cases}")
        if _is_complete(out, name, fingerprint):
            continue
        for progress in _write_case(out, name, patient, seed, voxel, names, fingerprint):
            yield Progress(done + progress.fraction / cases, f"{name} of {cases}: {progress.words}")
    yield Progress(1.0, f"{cases} cases in {out}")
    return out


def _is_complete(out: Path, name: str, fingerprint: str) -> bool:
    path = _truth_path(out, name)
    if not path.is_file():
        return False
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return truth["recipe"] == fingerprint and all((out / file).is_file() for file in truth["files"])


def _write_case(
    out: Path,
    name: str,
    patient: Patient,
    seed: int,
    voxel: tuple[float, float, float] | None,
    names: Sequence[str],
    fingerprint: str,
) -> Steps[None]:
    """Write one case; its truth last, as the sign that it is complete."""
    taken = [series for series in names if series != "ASL" or patient.has_asl]
    yield Progress(0.0, "anatomy")
    head = make_head(seed, patient.case, patient.age)
    yield Progress(0.4, "lesions")
    damage = add_lesions(head, patient, seed)
    mixture = Mixture(head, damage, patient, seed)
    visit = Visit(head, damage, mixture, patient, seed, voxel)
    written: list[Path] = []
    for number, series in enumerate(taken):
        yield Progress(0.5 + 0.45 * number / len(taken), series)
        file = visit.take(series)
        path = _path(out, name, series)
        write_nifti(file.stored, file.grid, path, slope=file.slope, inter=file.inter)
        sidecar = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
        write_json(file.sidecar, sidecar)
        written += [path, sidecar]
        if series == "IVIM":
            written += _write_b_values(path)
    yield Progress(0.95, "masks")
    for modality, mask in zip(("BRAIN", "LESION"), visit.masks(), strict=True):
        written.append(_path(out, name, modality))
        write_nifti(mask, visit.t1, written[-1])
    truth = {
        "participant_id": name,
        "patient": {key: value for key, value in vars(patient).items() if key != "case"} | {"site": visit.site.name},
        "anatomy": head.parameters,
        "pose": vars(visit.pose),
        "general_arrival_delay_s": mixture.general_delay,
        "series": visit.facts,
        "lesions": visit.lesion_truth(),
        "files": sorted(str(path.relative_to(out).as_posix()) for path in written),
        "recipe": fingerprint,
    }
    write_json(truth, _truth_path(out, name))


def _write_b_values(path: Path) -> list[Path]:
    """FSL's text files beside a diffusion series; the images are traces, so every direction weighs the same."""
    stem = path.name.removesuffix(".nii.gz")
    rows = " ".join("0" if b == 0 else "0.57735" for b in B_VALUES)
    contents = {".bval": " ".join(str(b) for b in B_VALUES) + "\n", ".bvec": f"{rows}\n" * 3}
    files = []
    for ending, text in contents.items():
        files.append(path.with_name(stem + ending))
        with written_whole(files[-1]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return files


def _write_dataset(out: Path, patients: Sequence[Patient]) -> None:
    description = {
        "Name": "SynthPerf digital cohort",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "License": "CC0",
        "GeneratedBy": [{"Name": "SynthPerf", "Version": __version__, "Description": "simulated, no real patient"}],
    }
    write_json(description, out / "dataset_description.json")
    table = io.StringIO()
    writer = csv.DictWriter(table, _COLUMNS, delimiter="\t", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for patient in patients:
        row = vars(patient) | {
            "participant_id": subject(patient.case, len(patients)),
            "site": SITES[patient.site].name,
        }
        writer.writerow(row)
    with written_whole(out / "participants.tsv") as temporary:
        temporary.write_text(table.getvalue(), encoding="utf-8")
    columns = {
        "diagnosis": {
            "Description": "What the enhancing lesions are",
            "Levels": {"recurrence": "recurrent tumour", "treatment_response": "treatment effect"},
        },
        "split": {"Description": "Use of the patient", "Levels": {"train": "training", "test": "held out"}},
        "site": {"Description": "Scanner, A to D"},
        "age": {"Description": "Age", "Units": "years"},
        "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
        "lesions": {"Description": "Number of enhancing lesions"},
    }
    write_json(columns, out / "participants.json")
