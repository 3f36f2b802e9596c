"""Cases from files into the scene, and which image of a scene is what."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..case import Case, Name
from ..cohort import open_cases
from ..errors import InputError
from ..importing import plan_import
from ..jobs import Progress, Steps
from ..matching import recognise
from ..modality import INPUTS, MODALITIES
from ..preprocessing import is_prepared
from ..preprocessing.storage import MARK
from . import nodes

_MANY = 20000  # files; to look through more would hold up the application

READ = (*INPUTS, "CBV", "BRAIN")
"""What is read of a case, in the order of the panel."""


@dataclass(frozen=True)
class Guess:
    """What an image seems to be."""

    node: Any
    why: str


def cases_in(folder: Path) -> dict[str, Case]:
    """The cases of a cohort's folder, of one subject's or session's, or of a folder with exported image files.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        found = {case.id: case for case in open_cases(folder)}
    except InputError:
        if len(list(itertools.islice(folder.rglob("*"), _MANY))) == _MANY:
            raise InputError(
                _("{folder} holds very many files: choose the folder of one patient.").format(folder=folder)
            ) from None
        plan = plan_import(folder)
        found = {
            identity: Case.from_files({name: match.path for name, match in matches.items()}, identity)
            for identity, matches in plan.cases.items()
        }
    usable = {identity: case for identity, case in found.items() if any(name in case.files for name in INPUTS)}
    if not usable:
        raise InputError(_("{folder} holds no image that a map is made from.").format(folder=folder))
    return usable


def read_case(case: Case, scene: Any) -> Steps[dict[str, Any]]:
    """Read the images of a case into ``scene``, under neutral names; all of them or none.

    Returns
    -------
    Modality to node.

    Raises
    ------
    InputError
        If an image fails a check.
    """
    wanted = [name for name in READ if name in case.files]
    images = {}
    for number, name in enumerate(wanted):
        yield Progress(number / len(wanted), _("reading {image}").format(image=title(name)))
        images[name] = case.load(name)
    yield Progress(1.0, "")
    prepared = {MARK: case.sidecar("BRAIN")[MARK]} if is_prepared(case) else {}
    mark = f"{case.id} {uuid.uuid4().hex[:8]}"
    made = {}
    for name, image in images.items():
        node = made[name] = nodes.to_node(image, scene, title(name), nodes.node_class(name))
        nodes.mark(node, name, Case=mark)
        if case.is_relative(name):
            node.SetAttribute(nodes.UNIT, "relative")
        if name == "BRAIN" and prepared:
            node.SetAttribute(nodes.SIDECAR, json.dumps(prepared))
    return made


def title(name: str) -> str:
    """What the panel calls an image."""
    return _("Real CBV") if name == "CBV" else _(MODALITIES[name].label)


def volumes(scene: Any) -> list[Any]:
    """The volumes of a scene that a map can be made from or compared with."""
    found = [scene.GetNthNodeByClass(i, "vtkMRMLScalarVolumeNode") for i in range(_count(scene))]
    return [n for n in found if not n.GetHideFromEditors() and n.GetAttribute(nodes.SYNTHETIC) is None]


def guess(candidates: Iterable[Any]) -> tuple[dict[str, Guess], dict[str, str]]:
    """Which of the volumes is which modality, by name, DICOM description or what was said when it was read.

    Returns
    -------
    Modality to its image and the reason; and modality to a sentence where two images claim it.
    """
    found: dict[str, list[Guess]] = {}
    for node in candidates:
        modality, why = _recognise(node)
        if modality in READ:
            found.setdefault(modality, []).append(Guess(node, why))
    sure = {modality: several[0] for modality, several in found.items() if len(several) == 1}
    doubts = {
        modality: _("{count} images look like {image} ({names}): choose one.").format(
            count=len(several),
            image=title(modality),
            names=", ".join(one.node.GetName() for one in several),
        )
        for modality, several in found.items()
        if len(several) > 1
    }
    return sure, doubts


def _count(scene: Any) -> int:
    return int(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))


def _recognise(node: Any) -> tuple[str, str]:
    marked = node.GetAttribute(nodes.MODALITY)
    if marked:
        return marked, _("read as this")
    bids = Name.parse(f"{node.GetName()}.nii.gz")
    if bids is not None and (bids.modality or "desc" in bids.entities):
        return bids.modality or "", _("BIDS name")
    dicom = _dicom(node)
    names = [(node.GetName(), _("name")), (dicom.get("SeriesDescription", ""), _("DICOM description"))]
    return recognise(names, contrast_agent=bool(dicom.get("ContrastBolusAgent")))


def _dicom(node: Any) -> Mapping[str, str]:
    """What the DICOM database says of the series that a node was loaded from."""
    instances = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if not instances or database is None or not database.isOpen:
        return {}
    tags = {"SeriesDescription": "0008,103e", "ContrastBolusAgent": "0018,0010"}
    return {key: database.instanceValue(instances[0], tag) for key, tag in tags.items()}
