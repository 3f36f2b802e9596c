"""Blinded copies of a case's images under opaque codes, and how a seat opens them.

Every arm gets the same treatment: one grid (that of the prepared case), one brain mask on all maps, one range, colour
table and number format for each quantity, headers without a word in them. What the protocol does not make equal stays
visible to anyone who looks: the texture and sharpness of a map, and what it shows. Maps are stored without compression
so that the size of a file tells nothing of its texture.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from SynthPerfLib.case import Case
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import array, like, read_image, resample, same_grid, write_json
from SynthPerfLib.jobs import Progress, Steps
from SynthPerfLib.modality import MODALITIES

from .codebook import Entry
from .material import Material, Sources
from .protocol import Display, Protocol

HEADROOM = 4.0
"""A stored map reaches to this many times its display range, so that what is measured in it is hardly ever cut."""

_LEVELS = 65535
_WINDOW = (0.5, 99.5)  # percentiles of the brain between which anatomy is shown
_WORDLESS = ((4, 39), (56, 70), (124, 252), (328, 344))  # bytes of a NIfTI-1 header that hold words, ranges, intents


@dataclass(frozen=True)
class StimulusImage:
    """One image of a stimulus as a seat shows it.

    Attributes
    ----------
    name
        ``image_1``, ``map_a``, ...
    kind
        ``map``: in colours on the fixed ``range``; ``image``: anatomy in grey, ``range`` is the first window.
    label
        Shown above it.
    range, unit, colours
        As in the protocol's display.
    modality
        Of anatomy; empty for maps, whose modality may be the arm.
    """

    name: str
    file: Path
    kind: str
    label: str
    range: tuple[float, float]
    unit: str
    colours: str
    modality: str
    sha256: str

    def load(self) -> sitk.Image:
        """The image, float32.

        Raises
        ------
        InputError
            If the file is not the one that was made with the study.
        """
        return _loaded(self.file, self.sha256)


@dataclass(frozen=True)
class Stimulus:
    """What a reader sees under one code.

    Attributes
    ----------
    sha256
        Of ``stimulus.json``, which holds the hashes of the images.
    stages
        For each stage the rows of image names on the screen.
    images
        By name; those in no stage are measured, not shown.
    rois
        Region's id to ``drawn_on`` and ``copied_to``: names of images.
    """

    code: str
    folder: Path
    sha256: str
    stages: tuple[tuple[tuple[str, ...], ...], ...]
    images: Mapping[str, StimulusImage]
    rois: Mapping[str, Mapping[str, tuple[str, ...]]]
    _brain: tuple[str, str]

    @classmethod
    def open(cls, folder: Path) -> Stimulus:
        """Read ``stimulus.json`` of a folder.

        Raises
        ------
        InputError
            If it is missing or damaged.
        """
        path = folder / "stimulus.json"
        if not path.is_file():
            raise InputError(f"The stimulus {folder.name} is not in this study folder: copy the folder again.")
        text = path.read_bytes()
        try:
            content = json.loads(text)
            images = {
                name: StimulusImage(
                    name,
                    folder / values["file"],
                    values["kind"],
                    values["label"],
                    (float(values["range"][0]), float(values["range"][1])),
                    values["unit"],
                    values["colours"],
                    values.get("modality", ""),
                    values["sha256"],
                )
                for name, values in content["images"].items()
            }
            stages = tuple(tuple(tuple(row) for row in stage["layout"]) for stage in content["stages"])
            rois = {id: {key: tuple(names) for key, names in roi.items()} for id, roi in content["rois"].items()}
            brain = (content["brain"]["file"], content["brain"]["sha256"])
            return cls(content["code"], folder, hashlib.sha256(text).hexdigest(), stages, images, rois, brain)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"The stimulus {folder.name} is damaged: copy the study folder again.") from error

    def brain(self) -> sitk.Image:
        """The brain mask, 0 or 1, on the grid of all its images.

        Raises
        ------
        InputError
            If the file is not the one that was made with the study.
        """
        return _loaded(self.folder / self._brain[0], self._brain[1])


def _loaded(path: Path, sha256: str) -> sitk.Image:
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        where = f"{path.parent.name}/{path.name}"
        raise InputError(f"{where} is missing or not as it was made with the study: copy the study folder again.")
    return read_image(path, may_be_empty=True)


@dataclass(frozen=True)
class _Blinded:
    """One image, ready to be written under any code."""

    content: bytes
    about: dict[str, Any]


def blind_cases(
    material: Material, entries: Mapping[str, Entry], stimuli: Path | None
) -> Steps[dict[str, dict[str, str]]]:
    """Write the stimuli of one batch, or only hash what they would be made from.

    Parameters
    ----------
    stimuli
        The folder; None to write nothing.

    Returns
    -------
    Case to image id to the SHA-256 of the file.
    """
    by_case: dict[str, dict[str, Entry]] = {}
    for code, entry in entries.items():
        by_case.setdefault(entry.case, {})[code] = entry
    cases = [case for case in material.cohort.cases if case.id in by_case]
    hashes = {}
    for number, case in enumerate(cases):
        yield Progress(0.97 * number / len(cases), f"case {number + 1} of {len(cases)}")
        if stimuli is not None:
            hashes[case.id] = blind_case(case, material.sources, by_case[case.id], stimuli)
        else:
            images = sorted({image for entry in by_case[case.id].values() for image in entry.images.values()})
            files = {image: material.sources.file(case, image) for image in images}
            hashes[case.id] = {image: hashlib.sha256(path.read_bytes()).hexdigest() for image, path in files.items()}
    return hashes


def blind_case(case: Case, sources: Sources, entries: Mapping[str, Entry], out: Path) -> dict[str, str]:
    """Write all stimuli of one case.

    Parameters
    ----------
    entries
        Codes of this case alone.
    out
        The folder ``stimuli``.

    Returns
    -------
    Image id to the SHA-256 of the file that was copied.

    Raises
    ------
    InputError
        If an image is missing or not usable.
    """
    if "BRAIN" not in case.files:
        raise InputError(f"{case.id} has no brain mask: prepare the cohort first (synthperf prepare).")
    brain = case.load("BRAIN")
    mask = sitk.Cast(brain > 0, sitk.sitkUInt8)
    protocol = sources.protocol
    used = sorted({image for entry in entries.values() for image in entry.images.values()})
    hashes, blinded = {}, {}
    for image in used:
        path = sources.file(case, image)
        hashes[image] = hashlib.sha256(path.read_bytes()).hexdigest()
        given = protocol.images[image]
        voxels = case.load(given.modality) if given.source == "measured" else read_image(path)
        if not same_grid(voxels, mask):
            voxels = resample(voxels, mask)
        display = protocol.display.get(given.modality)
        blinded[image] = _anatomy(voxels, mask) if display is None else _map(voxels, mask, display, case.id)
    outline = _nifti(mask, 1.0, 0.0, level=6)
    for code, entry in entries.items():
        _write(out / code, code, entry, protocol, blinded, outline)
    return hashes


def files_of_code(folder: Path) -> list[Path]:
    """The files of one stimulus."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def _write(
    folder: Path, code: str, entry: Entry, protocol: Protocol, blinded: Mapping[str, _Blinded], outline: bytes
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {image: name for name, image in entry.images.items()}
    shown = {image for stage in entry.layout for row in stage for image in row}
    single = sum(protocol.is_map(image) for image in shown) == 1
    images: dict[str, Any] = {}
    for name, image in entry.images.items():
        file = f"{name}.nii.gz"
        (folder / file).write_bytes(blinded[image].content)
        neutral = "Map" if single and image in shown else f"Map {name[-1].upper()}"
        given = protocol.images[image]
        label = given.label or (neutral if protocol.is_map(image) else MODALITIES[given.modality].label)
        images[name] = {"file": file, "label": label, **blinded[image].about}
        if not protocol.is_map(image):
            images[name]["modality"] = given.modality
    (folder / "brain.nii.gz").write_bytes(outline)
    rois = {
        roi.id: {
            "drawn_on": [names[image] for image in roi.drawn_on if image in shown],
            "copied_to": [names[image] for image in roi.copied_to if image in names],
        }
        for roi in protocol.rois
    }
    stages = [{"layout": [[names[image] for image in row] for row in stage]} for stage in entry.layout]
    content = {
        "schema": 1,
        "code": code,
        "stages": stages,
        "images": images,
        "brain": {"file": "brain.nii.gz", "sha256": hashlib.sha256(outline).hexdigest()},
        "rois": rois,
    }
    write_json(content, folder / "stimulus.json")
    for path in files_of_code(folder):
        os.utime(path, (0, 0))  # no file says when it was made


def _map(voxels: sitk.Image, mask: sitk.Image, display: Display, case: str) -> _Blinded:
    """A map inside the brain, on the number format that its quantity has in every arm."""
    inside = sitk.GetArrayViewFromImage(mask) > 0
    values = array(voxels) * inside
    if display.normalise == "brain_median":
        positive = values[inside & (values > 0)]
        if positive.size == 0:
            raise InputError(f"{case}: a map has no positive value in the brain, it cannot be normalised; check it.")
        values = values / np.float32(np.median(positive))
    low, high = display.range
    slope = float(np.float32(HEADROOM * (high - min(low, 0.0)) / _LEVELS))
    bottom = -slope * np.ceil(max(0.0, -low) * HEADROOM / slope)  # whole steps: 0, outside the brain, is a level
    content = _nifti(_levels(values, voxels, slope, bottom), slope, bottom, level=0)
    return _blinded(content, "map", display.range, display.unit, display.colours)


def _anatomy(voxels: sitk.Image, mask: sitk.Image) -> _Blinded:
    """An anatomical image with its own values; the window is that of the brain."""
    values = array(voxels)
    inside = values[sitk.GetArrayViewFromImage(mask) > 0]
    low, high = (float(f"{v:.4g}") for v in np.percentile(inside, _WINDOW))
    bottom = float(values.min())
    slope = float(np.float32((float(values.max()) - bottom) / _LEVELS)) or 1.0
    content = _nifti(_levels(values, voxels, slope, bottom), slope, bottom, level=6)
    return _blinded(content, "image", (low, max(high, low + slope)), "", "grey")


def _blinded(content: bytes, kind: str, range: Sequence[float], unit: str, colours: str) -> _Blinded:
    about = {"kind": kind, "range": list(range), "unit": unit, "colours": colours}
    return _Blinded(content, {**about, "sha256": hashlib.sha256(content).hexdigest()})


def _levels(values: np.ndarray, reference: sitk.Image, slope: float, bottom: float) -> sitk.Image:
    levels = np.clip(np.rint((values.astype(np.float64) - bottom) / slope), 0, _LEVELS)
    return like(levels.astype(np.uint16), reference)


def _nifti(image: sitk.Image, slope: float, intercept: float, level: int) -> bytes:
    """A gzipped NIfTI-1 file that holds the grid, the scale and the voxels, and no word, name or time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii"
        sitk.WriteImage(image, str(path))
        plain = bytearray(path.read_bytes())
    for start, stop in _WORDLESS:
        plain[start:stop] = bytes(stop - start)
    struct.pack_into("<ff", plain, 112, slope, intercept)
    struct.pack_into("<f", plain, 108, 352.0)
    voxels = sitk.GetArrayViewFromImage(image).nbytes
    content = bytes(plain[:348]) + bytes(4) + bytes(plain[-voxels:])  # 4 zeros: no extension
    stream = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=stream, mtime=0) as packed:
        packed.write(content)
    return stream.getvalue()
