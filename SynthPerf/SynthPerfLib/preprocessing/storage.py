"""Prepared cases on disk: a BIDS dataset on one grid per case."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..case import Case, Source, sidecar_of
from ..cohort import Cohort
from ..errors import InputError
from ..images import same_grid, write_image, write_json
from ..jobs import Steps, part
from ..modality import MASKS, MODALITIES
from .prepare import Prepared, input_hashes, prepare

MARK = "Prepared"
"""Key of a sidecar that says what preparation did to the image; the whole record is beside the brain mask."""


def is_prepared(case: Source) -> bool:
    """Whether the case was written by :func:`write_prepared`."""
    return "BRAIN" in case.available and MARK in case.sidecar("BRAIN")


def load_prepared(case: Source) -> Prepared:
    """Read what :func:`write_prepared` wrote.

    Raises
    ------
    InputError
        If the case is not prepared, or a file was replaced by one on another grid.
    """
    if not is_prepared(case):
        raise InputError(f"{case.id} is not prepared: run synthperf prepare first.")
    record = case.sidecar("BRAIN")[MARK]
    images = {name: case.load(name) for name in case.available if name in record["images"]}
    masks = {name: sitk.Cast(case.load(name), sitk.sitkUInt8) for name in MASKS if name in case.available}
    for name, image in {**images, **masks}.items():
        if not same_grid(image, masks["BRAIN"]):
            raise InputError(f"{case.called(name)} is not on the grid of its prepared case: prepare it again.")
    return Prepared(case.id, images, masks["BRAIN"], masks.get("LESION"), record)


def as_prepared(case: Source, modalities: Iterable[str] | None = None) -> Steps[Prepared]:
    """The prepared case: read if it is prepared, made (from ``modalities``, by default all) if not."""
    if is_prepared(case):
        return load_prepared(case)
    return (yield from prepare(case, modalities))


def write_prepared(prepared: Prepared, case: Case, out_folder: Path) -> Case:
    """Write a prepared case into the dataset ``out_folder``, with a sidecar for every image.

    The brain mask comes last: its sidecar is what says that the case is complete.

    Parameters
    ----------
    case
        The case that was prepared, for its sidecars.
    """
    participant = out_folder / case.participant
    folder = participant / f"ses-{case.session}" if case.session else participant
    if folder.is_dir():
        for path in Case.open(folder).files.values():
            sidecar_of(path).unlink(missing_ok=True)
            path.unlink()
    for name, image in prepared.images.items():
        done = {**prepared.record["images"][name], "sha256_of_source": prepared.record["inputs"].get(name)}
        _write(image, case, name, out_folder, done)
    if prepared.lesion is not None:
        _write(prepared.lesion, case, "LESION", out_folder, {"interpolation": "nearest"})
    _write(prepared.brain, case, "BRAIN", out_folder, prepared.record)
    return Case.open(folder)


def _write(image: sitk.Image, case: Case, name: str, out_folder: Path, done: dict[str, Any]) -> None:
    path = Case.path_for(out_folder, case.id, name)
    content = case.sidecar(name) if name in case.files else {}
    if MODALITIES[name].unit:
        content.setdefault("Units", MODALITIES[name].unit)
    write_image(image, path)
    write_json({**content, MARK: done}, sidecar_of(path))


def prepare_cohort(cohort: Cohort, out: Path) -> Steps[Cohort]:
    """Prepare every case into the dataset ``out``; a case that is there already, from the same files, is kept.

    Raises
    ------
    InputError
        After all the others are done, if cases could not be prepared; says which and why.
    """
    if out.resolve() == cohort.folder.resolve():
        raise InputError(f"{out} is the cohort itself: give another folder, the originals are kept.")
    target = Cohort.create(out, f"{cohort.name}, prepared")
    target.write_participants(cohort.participants)
    for truth in sorted(cohort.folder.glob("derivatives/*/*.json")):
        copy = out / truth.relative_to(cohort.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(truth, copy)
    kept = {case.id: case for case in target.cases}
    failures: list[str] = []
    for number, case in enumerate(cohort.cases):
        share = (number / len(cohort.cases), (number + 1) / len(cohort.cases))
        try:
            if case.id in kept and _is_current(kept[case.id], case):
                continue
            prepared = yield from part(prepare(case), *share, f"{case.id}: ")
            write_prepared(prepared, case, out)
        except InputError as error:
            failures.append(f"{case.id}: {error}")
    if failures:
        done = len(cohort.cases) - len(failures)
        found = f"{len(failures)} of {len(cohort.cases)} cases are not prepared, {done} are"
        raise InputError(f"{found}. {' '.join(failures)}")
    return Cohort.open(out)


def _is_current(there: Case, case: Case) -> bool:
    """Whether ``there`` was made from the files of ``case`` as they are now."""
    return is_prepared(there) and there.sidecar("BRAIN")[MARK].get("inputs") == input_hashes(case)
