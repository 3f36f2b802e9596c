"""Synthetic maps of many cases on disk, each with a sidecar that says how it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from .case import Case, sidecar_of
from .cohort import Cohort
from .errors import InputError, ModelError
from .images import resample, write_image, write_json
from .jobs import Progress, Steps, part
from .modality import MASKS
from .preprocessing import as_prepared
from .preprocessing.prepare import input_hashes
from .synthesis import Synthesizer, cautions, provenance, supported


def map_path(folder: Path, case: Case, model: str) -> Path:
    """Where the map of ``case`` by the bundle ``model`` goes in the dataset ``folder``."""
    return Case.path_for(folder, case.id, "CBV", desc=model)


def synthesize_cases(
    cases: Sequence[Case],
    model: Synthesizer,
    out: Path,
    wanted: Sequence[str] | None = None,
    grid: sitk.Image | None = None,
) -> Steps[tuple[list[Path], list[str]]]:
    """One map for each case, written as it is done; a map that is there already, made from the same, is kept.

    Parameters
    ----------
    wanted
        Modalities to use; all that case and model have in common by default.
    grid
        Write the maps on the grid of this image; on the case's own (its T1's) by default.

    Returns
    -------
    The maps' paths, and sentences about inputs that are unlike what the model was trained on.

    Raises
    ------
    InputError, ModelError
        If a case is not usable. With several cases the others are done first and the sentence names all that failed.
    """
    Cohort.create(out, f"Synthetic CBV maps by {model.name}")
    written: list[Path] = []
    warnings: list[str] = []
    failures: list[str] = []
    for number, case in enumerate(cases):
        share = (number / len(cases), (number + 1) / len(cases))
        path = map_path(out, case, model.name)
        try:
            chosen = supported(model, case.available, wanted)
            source = _source(case, model, chosen, grid)
            done = _there(path, source)
            if done is None:
                done = yield from part(_one(case, model, chosen, path, source, grid), *share, f"{case.id}: ")
        except (InputError, ModelError) as error:
            if len(cases) == 1:
                raise
            failures.append(f"{case.id}: {error}")
            continue
        warnings += [f"{case.id}: {sentence}" for sentence in done["Cautions"]]
        written.append(path)
    if failures:
        raise InputError(f"{len(failures)} of {len(cases)} cases have no map, the others do. " + " ".join(failures))
    return written, warnings


def _one(
    case: Case, model: Synthesizer, chosen: tuple[str, ...], path: Path, source: str, grid: sitk.Image | None
) -> Steps[dict[str, Any]]:
    # Only what the map is made from is aligned and checked: a damaged image that is not used stops nothing.
    prepared = yield from part(as_prepared(case, chosen), 0.0, 0.5)
    image = yield from part(model.map(prepared, chosen), 0.5, 0.95)
    yield Progress(0.95, "writing")
    if grid is not None:
        image = resample(image, grid)
    sidecar = {
        **provenance(model, prepared, chosen),
        "Cautions": cautions(model, prepared, chosen),
        "SourceHash": source,
    }
    # The sidecar comes last: it says that the map is complete.
    sidecar_of(path).unlink(missing_ok=True)
    write_image(image, path)
    write_json(sidecar, sidecar_of(path))
    return sidecar


def _source(case: Case, model: Synthesizer, chosen: Sequence[str], grid: sitk.Image | None) -> str:
    """Hash of everything that decides the map."""
    hashes = {k: v for k, v in input_hashes(case).items() if k in chosen or k in MASKS or k in ("T1",)}
    where = None if grid is None else [grid.GetSize(), grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection()]
    content = [hashes, list(chosen), model.bundle.sha256, model.device, where]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _there(path: Path, source: str) -> Mapping[str, Any] | None:
    """The sidecar of a finished map that was made from the same."""
    sidecar = sidecar_of(path)
    if not (path.is_file() and sidecar.is_file()):
        return None
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if content.get("SourceHash") == source else None
