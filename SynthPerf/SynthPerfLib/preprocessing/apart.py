"""Preparation in a process of its own (:mod:`~SynthPerfLib.child`), for images in memory.

Finding the brain and registering hold the interpreter for seconds. Images go there and back as files of a private
folder that is removed at the end, however it comes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..child import in_child, serve
from ..errors import SynthPerfError
from ..images import write_json
from ..jobs import Progress, Steps, part
from ..loaded import Loaded
from .prepare import Prepared
from .storage import as_prepared

_TASK = "task.json"


def prepare_apart(case: Loaded, modalities: Iterable[str], python: str) -> Steps[Prepared]:
    """As :func:`~.storage.as_prepared`, in a child process; every step is short.

    Parameters
    ----------
    case
        Its images are handed over as they are and checked by the child.
    python
        As :func:`~SynthPerfLib.child.in_child`.

    Raises
    ------
    InputError
        As :func:`~.prepare.prepare`.
    SynthPerfError
        As :func:`~SynthPerfLib.child.in_child`; also if there is no room for the images.
    """
    with tempfile.TemporaryDirectory(prefix="synthperf-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        try:
            yield from part(_hand_over(case, list(modalities), folder), 0.0, 0.05)
        except OSError as error:
            raise SynthPerfError(f"There is no room for the images in {folder.parent}: free some space.") from error
        done = yield from part(in_child(__name__, folder, python), 0.05, 0.95)
        return (yield from part(_take_back(folder, done), 0.95, 1.0))


def _hand_over(case: Loaded, modalities: list[str], folder: Path) -> Steps[None]:
    names = case.available
    for number, name in enumerate(names):
        yield Progress(number / len(names), "reading")
        _save(case.images[name], folder, name)
    sidecars = {name: case.sidecar(name) for name in names}
    write_json({"id": case.id, "modalities": modalities, "images": names, "sidecars": sidecars}, folder / _TASK)


def _take_back(folder: Path, done: Mapping[str, Any]) -> Steps[Prepared]:
    images = {}
    for number, name in enumerate(done["images"]):
        yield Progress(number / (len(done["images"]) + 1), "reading")
        images[name] = _load(folder, f"prepared_{name}")
    lesion = _load(folder, "prepared_LESION") if done["lesion"] else None
    return Prepared(done["id"], images, _load(folder, "prepared_BRAIN"), lesion, done["record"])


def _work(folder: Path) -> Steps[dict[str, Any]]:
    task = json.loads((folder / _TASK).read_text(encoding="utf-8"))
    case = Loaded(task["id"], {name: _load(folder, name) for name in task["images"]}, task["sidecars"])
    prepared = yield from as_prepared(case, task["modalities"])
    masks = {"BRAIN": prepared.brain, **({"LESION": prepared.lesion} if prepared.lesion is not None else {})}
    for name, image in {**prepared.images, **masks}.items():
        _save(image, folder, f"prepared_{name}")
    return {
        "id": prepared.id,
        "images": list(prepared.images),
        "lesion": prepared.lesion is not None,
        "record": prepared.record,
    }


def _save(image: sitk.Image, folder: Path, name: str) -> None:
    np.save(folder / f"{name}.npy", sitk.GetArrayViewFromImage(image), allow_pickle=False)
    place = {"spacing": image.GetSpacing(), "origin": image.GetOrigin(), "direction": image.GetDirection()}
    write_json(place, folder / f"{name}.json")


def _load(folder: Path, name: str) -> sitk.Image:
    image = sitk.GetImageFromArray(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
    place: Mapping[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    image.SetSpacing(place["spacing"])
    image.SetOrigin(place["origin"])
    image.SetDirection(place["direction"])
    return image


if __name__ == "__main__":
    serve(Path(sys.argv[1]), lambda: _work(Path(sys.argv[1])))
