"""One examination of one patient: which image is which file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import SimpleITK as sitk

from .errors import InputError
from .headers import IMAGE_ENDINGS
from .images import read_image
from .modality import MASKS, MODALITIES

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
_SESSION = re.compile(r"ses-[A-Za-z0-9]+")
_NO_UNIT = ("rel", "ratio", "arb", "a.u", "norm")


@dataclass(frozen=True)
class Name:
    """A BIDS file name in its parts: ``sub-01_ses-1_run-2_T1w.nii.gz`` is two identities, an entity and a suffix.

    Attributes
    ----------
    entities
        Key and value of every part but the last, ``sub`` included, in the file's order.
    suffix
        The last part, without the ending.
    """

    entities: Mapping[str, str]
    suffix: str

    @classmethod
    def parse(cls, name: str) -> Name | None:
        """The parts of a file name, or None if it is not a BIDS name of an image."""
        ending = next((e for e in IMAGE_ENDINGS if name.lower().endswith(e)), None)
        if ending is None:
            return None
        *pairs, suffix = name[: -len(ending)].split("_")
        entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
        if len(entities) != len(pairs) or next(iter(entities), "") != "sub" or not suffix:
            return None
        return cls(entities, suffix)

    @property
    def modality(self) -> str | None:
        """The modality that BIDS says this file is, or None.

        A file with a ``desc`` is something made from the data (a mask, a synthetic map), never the modality itself.
        """
        desc = self.entities.get("desc")
        contrast = "ce" in self.entities
        for modality in MODALITIES.values():
            *marks, suffix = modality.suffix.split("_")
            wanted_desc = next((m[len("desc-") :] for m in marks if m.startswith("desc-")), None)
            wants_contrast = any(m.startswith("ce-") for m in marks)
            if self.suffix == suffix and desc == wanted_desc and contrast == wants_contrast:
                return modality.name
        return None


class Source(Protocol):
    """The images of one examination, wherever they are: files (:class:`Case`) or memory (:class:`~.loaded.Loaded`)."""

    @property
    def id(self) -> str:
        """``sub-XXX`` or ``sub-XXX_ses-YY``."""
        ...

    @property
    def available(self) -> tuple[str, ...]:
        """The modalities that are there, in the order of the table."""
        ...

    def load(self, modality: str) -> sitk.Image:
        """One image, checked: float32, in the unit of the table, no free text in its header."""
        ...

    def sidecar(self, modality: str) -> dict[str, Any]:
        """What is known of the image beside its voxels."""
        ...

    def called(self, modality: str) -> str:
        """What a sentence to the user calls the image."""
        ...

    def digest(self, modality: str) -> str:
        """SHA-256 that tells this image from every other."""
        ...


@dataclass(frozen=True)
class Case:
    """The images of one patient at one session.

    Attributes
    ----------
    id
        ``sub-XXX`` or ``sub-XXX_ses-YY``; the beginning of every file name.
    folder
        The folder that holds ``anat``, ``dwi``, ``perf`` (for single files: the folder of the first one).
    files
        Modality to image file; only those that are there.
    session
        ``YY``, or None where the cohort has no sessions.
    participant
        ``sub-XXX``, the key of ``participants.tsv``.
    """

    id: str
    folder: Path
    files: Mapping[str, Path]
    session: str | None
    participant: str

    @classmethod
    def open(cls, folder: Path) -> Case:
        """Read the folder ``sub-XXX`` or ``sub-XXX/ses-YY`` of a BIDS dataset.

        Raises
        ------
        InputError
            If the folder is not one of a case, or two files claim one modality.
        """
        session = folder.name if _SESSION.fullmatch(folder.name) else None
        participant = folder.parent.name if session else folder.name
        if not folder.is_dir() or not _SUBJECT.fullmatch(participant):
            raise InputError(f"{folder} is not a case: give a folder sub-XXX (or sub-XXX/ses-YY) of a BIDS dataset.")
        files: dict[str, Path] = {}
        for place in sorted({m.folder for m in MODALITIES.values()}):
            for path in sorted((folder / place).glob("sub-*")):
                name = Name.parse(path.name)
                modality = name.modality if name is not None else None
                if modality is None or MODALITIES[modality].folder != place:
                    continue
                if modality in files:
                    raise InputError(
                        f"{participant}: two files for {modality}, {files[modality].name} and {path.name}: keep one."
                    )
                files[modality] = path
        identity = f"{participant}_{session}" if session else participant
        return cls(identity, folder, _ordered(files), session[len("ses-") :] if session else None, participant)

    @classmethod
    def from_files(cls, files: Mapping[str, Path], id: str = "sub-case") -> Case:
        """A case from single files, wherever they lie.

        Parameters
        ----------
        files
            Modality to file (NIfTI, NRRD or MetaImage).
        id
            Any name; what BIDS does not allow in it is left out.

        Raises
        ------
        InputError
            If a modality is unknown, a file is missing, or one file is given twice.
        """
        if not files:
            raise InputError(f"No image given: name at least one file with its modality ({', '.join(MODALITIES)}).")
        seen: dict[Path, str] = {}
        for modality, path in files.items():
            if modality not in MODALITIES:
                raise InputError(f"Unknown modality {modality}: choose from {', '.join(MODALITIES)}.")
            if not path.is_file():
                raise InputError(f"{path.name} ({modality}) does not exist in {path.parent}: check the name.")
            if path.resolve() in seen:
                raise InputError(
                    f"{path.name} is given as {seen[path.resolve()]} and as {modality}: it can be one only."
                )
            seen[path.resolve()] = modality
        participant, session = split_id(clean_id(id))
        first = next(iter(files.values()))
        identity = f"{participant}_ses-{session}" if session else participant
        return cls(identity, first.parent, _ordered(files), session, participant)

    @staticmethod
    def path_for(folder: Path, id: str, modality: str, desc: str | None = None) -> Path:
        """Where BIDS keeps an image of case ``id`` in the dataset ``folder``.

        Parameters
        ----------
        folder
            Root of the dataset (not of the case).
        desc
            What made the image, for one that is not the modality as measured: ``desc-<desc>`` in the name.
        """
        participant, session = split_id(id)
        place = folder / participant / f"ses-{session}" if session else folder / participant
        entry = MODALITIES[modality]
        suffix = f"desc-{desc}_{entry.suffix}" if desc else entry.suffix
        return place / entry.folder / f"{id}_{suffix}.nii.gz"

    @property
    def available(self) -> tuple[str, ...]:
        """The modalities that are there, in the order of the table."""
        return tuple(name for name in MODALITIES if name in self.files)

    def file(self, modality: str) -> Path:
        """The file of ``modality``.

        Raises
        ------
        InputError
            If the case has none.
        """
        require(self, modality)
        return self.files[modality]

    def called(self, modality: str) -> str:
        """The name of the file of ``modality``."""
        return self.file(modality).name

    def digest(self, modality: str) -> str:
        """SHA-256 of the file of ``modality``."""
        return sha256(self.file(modality))

    def load(self, modality: str) -> sitk.Image:
        """Read and check one image: float32, scale factors applied, in the unit of the table.

        Raises
        ------
        InputError
            If the file is not usable (:func:`~.images.read_image`) or its values are not in the modality's unit
            (:func:`~.checks.check_unit`).
        """
        from .checks import check_unit  # checks stands after case on the way of the data

        path = self.file(modality)
        image = read_image(path, MODALITIES[modality].dimensions, may_be_empty=modality in MASKS)
        check_unit(image, modality, path.name)
        return image

    def sidecar(self, modality: str) -> dict[str, Any]:
        """The JSON beside the image; empty if there is none.

        Raises
        ------
        InputError
            If it is not a JSON object.
        """
        path = sidecar_of(self.file(modality))
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, OSError) as error:
            raise InputError(f"{path.name} is not readable JSON ({error}): correct or delete it.") from error
        if not isinstance(content, dict):
            raise InputError(f"{path.name} holds no JSON object: correct or delete it.")
        return content

    def is_relative(self, modality: str) -> bool:
        """Whether the sidecar says that an image whose modality has a unit has none (CBV relative to white matter)."""
        unit = str(self.sidecar(modality).get("Units", "")).strip().lower()
        return bool(MODALITIES[modality].unit) and (unit.startswith(_NO_UNIT) or unit in ("1", "%"))


def require(case: Source, modality: str) -> None:
    """Refuse a case that lacks an image.

    Raises
    ------
    InputError
        One sentence with what the case has.
    """
    if modality not in case.available:
        has = ", ".join(case.available) or "no image at all"
        raise InputError(f"{case.id} has no {modality} (it has {has}): add the file or leave {modality} out.")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def sidecar_of(path: Path) -> Path:
    """The JSON file that belongs to an image file."""
    ending = next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), path.suffix)
    return path.with_name(path.name[: len(path.name) - len(ending)] + ".json")


def clean_id(words: str) -> str:
    """A BIDS identity ``sub-XXX[_ses-YY]`` from any name: letters and digits are kept."""
    match = re.fullmatch(r"(?:sub-)?(.+?)(?:_ses-(.+))?", words)
    parts = [re.sub(r"[^A-Za-z0-9]", "", part or "") for part in (match.groups() if match else (words, ""))]
    return f"sub-{parts[0] or 'case'}" + (f"_ses-{parts[1]}" if parts[1] else "")


def split_id(id: str) -> tuple[str, str | None]:
    """Participant (``sub-XXX``) and session (``YY`` or None) of a case's id.

    Raises
    ------
    InputError
        If it is not of the form ``sub-XXX[_ses-YY]``.
    """
    participant, _, session = id.partition("_")
    if not _SUBJECT.fullmatch(participant) or (session and not _SESSION.fullmatch(session)):
        raise InputError(f"{id!r} is not the name of a case: it has the form sub-XXX or sub-XXX_ses-YY.")
    return participant, session[len("ses-") :] or None


def _ordered(files: Mapping[str, Path]) -> dict[str, Path]:
    return {name: files[name] for name in MODALITIES if name in files}
