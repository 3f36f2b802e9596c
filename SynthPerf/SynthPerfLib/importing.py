"""Files as they were exported -> a BIDS cohort: which file is which image of whom, and why."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from . import __version__
from .case import Case, Name, clean_id, sha256, sidecar_of
from .cohort import Cohort, read_participants
from .errors import InputError
from .headers import IMAGE_ENDINGS, is_image
from .images import write_image, write_json
from .jobs import Progress, Steps
from .matching import RULES, recognise, words_of
from .modality import MASKS, MODALITIES

# What a sidecar may carry on: how the image was acquired, nothing about whom or when.
_KEPT = (
    "Units", "MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "SoftwareVersions", "MRAcquisitionType",
    "ScanningSequence", "SequenceVariant", "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "SliceThickness",
    "SpacingBetweenSlices", "ContrastBolusIngredient", "ArterialSpinLabelingType", "PostLabelingDelay",
    "LabelingDuration", "BackgroundSuppression", "M0Type", "LabelingEfficiency", "DiffusionScheme",
)  # fmt: skip


@dataclass(frozen=True)
class Match:
    """What is made of one file.

    Attributes
    ----------
    case
        Id of the case in the new cohort; empty for a file that is left out.
    modality
        Empty if none was found.
    path
        The file.
    why
        The reason, in words.
    """

    case: str
    modality: str
    path: Path
    why: str


@dataclass(frozen=True)
class Plan:
    """Which files become which cases.

    Attributes
    ----------
    matches
        One for every image file, those left out at the end.
    participants
        Rows of ``participants.tsv`` for the patients.
    """

    matches: tuple[Match, ...]
    participants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def cases(self) -> dict[str, dict[str, Match]]:
        """Case id -> modality -> its match.

        Raises
        ------
        InputError
            If two files of a case claim one modality.
        """
        found: dict[str, dict[str, Match]] = defaultdict(dict)
        doubles = []
        for match in self.matches:
            if match.case:
                other = found[match.case].setdefault(match.modality, match)
                if other is not match:
                    doubles.append(f"{match.case} {match.modality}: {other.path.name} and {match.path.name}")
        if doubles:
            more = f" and {len(doubles) - 3} more" if len(doubles) > 3 else ""
            raise InputError(
                f"Two files for one modality ({'; '.join(doubles[:3])}{more}): say which with --map (cases, patterns)."
            )
        return dict(found)

    def table(self, root: Path) -> list[tuple[str, str, str, str]]:
        """Rows (case, modality, file relative to ``root``, why) to be shown to the user."""
        rows = []
        for m in self.matches:
            shown = m.path.relative_to(root) if m.path.is_relative_to(root) else m.path
            rows.append((m.case or "-", m.modality or "-", str(shown), m.why))
        return rows


def plan_import(src: Path, mapping: Path | None = None) -> Plan:
    """Match the image files below ``src`` to cases and modalities; nothing is written.

    A case is a BIDS subject (and session), else a folder just below ``src``, else ``src`` itself; files of several
    patients in one folder are told apart by what their names have beside the modality. Cases that are not BIDS are
    numbered: the name of a folder may be that of a patient.

    Parameters
    ----------
    mapping
        YAML with ``cases: {sub-001: {T1: path, ...}}`` (paths from ``src``) and ``patterns: {T1C: "*gd*"}``, which
        stand above everything that is found by name.

    Raises
    ------
    InputError
        If there is no image, only DICOM, or the mapping is wrong.
    """
    if not src.is_dir():
        raise InputError(f"{src} is not a folder: give the folder that holds the image files.")
    files = [path for path in sorted(src.rglob("*")) if path.is_file() and is_image(path)]
    if not files:
        if any(_is_dicom(path) for path in src.rglob("*") if path.is_file()):
            raise InputError(
                f"{src} holds only DICOM files: convert them to NIfTI first (dcm2niix -z y -f %p_%s {src})."
            )
        raise InputError(f"{src} holds no image file ({', '.join(IMAGE_ENDINGS)}): give the folder that holds them.")
    explicit, patterns = _read_mapping(mapping, src)
    matches = [Match(case, modality, path, "named in the map") for (case, modality), path in explicit.items()]
    taken = {path.resolve() for path in explicit.values()}
    rest = [path for path in files if path.resolve() not in taken]
    known = {path: _recognise(path, src, patterns) for path in rest}
    left_out = [Match("", "", path, known[path][1]) for path in rest if not known[path][0]]
    groups = _groups([path for path in rest if known[path][0]], src, {p: m for p, (m, _) in known.items()})
    used = {match.case for match in matches}
    numbers = (f"sub-{number:03d}" for number in range(1, 10**6))
    for identity, members in groups:
        case = identity or next(name for name in numbers if name not in used)
        used.add(case)
        matches += [Match(case, known[path][0], path, known[path][1]) for path in members]
    if not matches:
        names = ", ".join(path.name for path in rest[:5])
        raise InputError(f"No file in {src} is known by its name ({names} ...): say what they are with --map.")
    matches.sort(key=lambda m: (m.case, list(MODALITIES).index(m.modality)))
    rows = read_participants(src / "participants.tsv")
    people = sorted({match.case.partition("_")[0] for match in matches})
    return Plan((*matches, *left_out), {person: rows.get(person, {}) for person in people})


def import_files(src: Path, out: Path, mapping: Path | None = None) -> Steps[Cohort]:
    """Copy the images below ``src`` into a new BIDS cohort ``out``.

    Every image is read and checked on the way and written as NIfTI without the free text of its old header; its
    sidecar holds the source's SHA-256 and how it was acquired, never a name or a path.

    Raises
    ------
    InputError
        As :func:`plan_import`; two files for one modality; and, after all the others are done, images that fail a
        check: says which and why.
    """
    if out.resolve() == src.resolve():
        raise InputError(f"{out} is the source itself: give another folder for the cohort.")
    plan = plan_import(src, mapping)
    cases = plan.cases
    cohort = Cohort.create(out, "Imported cohort")
    failures: list[str] = []
    for number, (case, found) in enumerate(sorted(cases.items())):
        words = ", ".join(f"{name} = {match.path.name} ({match.why})" for name, match in found.items())
        yield Progress(number / len(cases), f"{case}: {words}")
        source = Case.from_files({name: match.path for name, match in found.items()}, case)
        for name, match in found.items():
            try:
                _bring(source, name, match, out)
            except InputError as error:
                failures.append(f"{case} {name}: {error}")
    cohort.write_participants({**cohort.participants, **plan.participants})
    left_out = [f"{match.path.name} ({match.why})" for match in plan.matches if not match.case]
    yield Progress(1.0, f"left out: {'; '.join(left_out)}" if left_out else "every image has its place")
    if failures:
        raise InputError(f"{len(failures)} images were left out, the others are imported. " + " ".join(failures))
    return Cohort.open(out)


def _bring(source: Case, name: str, match: Match, out: Path) -> None:
    path = Case.path_for(out, source.id, name)
    image = source.load(name)
    sidecar = {key: value for key, value in source.sidecar(name).items() if key in _KEPT}
    if MODALITIES[name].unit:
        sidecar.setdefault("Units", MODALITIES[name].unit)
    done = {"software": f"SynthPerf {__version__}", "sha256": sha256(match.path)}
    write_image(_compact(image, name), path)
    write_json({**sidecar, "Imported": done}, sidecar_of(path))
    for ending in (".bval", ".bvec"):
        table = sidecar_of(match.path).with_suffix(ending)
        if name == "IVIM" and table.is_file():
            shutil.copyfile(table, sidecar_of(path).with_suffix(ending))


def _compact(image: sitk.Image, name: str) -> sitk.Image:
    """Whole numbers as 8 or 16 bit integers, everything else as it is."""
    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    if low < -32768 or high > 32767 or not np.array_equal(values, np.round(values)):
        return image
    return sitk.Cast(image, sitk.sitkUInt8 if name in MASKS and low >= 0 and high <= 255 else sitk.sitkInt16)


def _recognise(path: Path, src: Path, patterns: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    """Modality (or "") of a file, and why."""
    relative = path.relative_to(src).as_posix().lower()
    chosen = [
        (modality, pattern)
        for modality, several in patterns.items()
        for pattern in several
        if fnmatch.fnmatch(relative, pattern.lower()) or fnmatch.fnmatch(path.name.lower(), pattern.lower())
    ]
    if len({modality for modality, _ in chosen}) > 1:
        words = " and ".join(f"{pattern} ({modality})" for modality, pattern in chosen)
        raise InputError(f"{path.name} fits two patterns of the map, {words}: make them narrower.")
    if chosen:
        return chosen[0][0], f"pattern {chosen[0][1]}"
    name = Name.parse(path.name)
    if name is not None and (name.modality or "desc" in name.entities):
        return name.modality or "", "BIDS name" if name.modality else "made from the data (desc), not measured"
    sidecar = _sidecar(path)
    described = " ".join(str(sidecar.get(key, "")) for key in ("SeriesDescription", "ProtocolName", "ImageType"))
    names = [(sidecar_of(path).stem, "file name"), (described, "sidecar")]
    return recognise(names, contrast_agent=bool(sidecar.get("ContrastBolusAgent")))


def _sidecar(path: Path) -> dict[str, Any]:
    beside = sidecar_of(path)
    if not beside.is_file():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{beside.name} is not readable JSON ({error}): correct or delete it.") from error
    return content if isinstance(content, dict) else {}


def _groups(files: list[Path], src: Path, modality: Mapping[Path, str]) -> list[tuple[str, list[Path]]]:
    """Files of one case together: BIDS id (or "" for a case without one) and its files."""
    by_key: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in files:
        name = Name.parse(path.name)
        parts = path.relative_to(src).parts
        if name is not None:
            session = name.entities.get("ses")
            by_key[(clean_id(f"sub-{name.entities['sub']}" + (f"_ses-{session}" if session else "")), "")].append(path)
        else:
            by_key[("", parts[0] if len(parts) > 1 else "")].append(path)
    groups: list[tuple[str, list[Path]]] = []
    for (identity, folder), members in sorted(by_key.items()):
        several = len({modality[path] for path in members}) < len(members)
        if identity or folder or not several:
            groups.append((identity, members))
            continue
        stems: dict[str, list[Path]] = defaultdict(list)
        for path in members:
            stems[_beside_modality(path, modality[path])].append(path)
        groups += [("", together) for _, together in sorted(stems.items())]
    return groups


def _beside_modality(path: Path, modality: str) -> str:
    """What a file's name says beside its modality: the patient, where files of several lie in one folder."""
    words = re.sub(RULES[modality], " ", words_of(sidecar_of(path).stem))
    return " ".join(words.split())


def _read_mapping(mapping: Path | None, src: Path) -> tuple[dict[tuple[str, str], Path], dict[str, list[str]]]:
    """The map's cases, (id, modality) to file, and its patterns, modality to file name patterns."""
    if mapping is None:
        return {}, {}
    import yaml  # only here: a map is rare, and Slicer has no yaml of its own

    try:
        content = yaml.safe_load(mapping.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{mapping} is not readable YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict) or not set(content) <= {"cases", "patterns"} or not content:
        raise InputError(f"{mapping} must hold 'cases' or 'patterns' and nothing else.")
    cases: dict[tuple[str, str], Path] = {}
    for identity, files in _mapping_of(content.get("cases"), mapping, "cases").items():
        for modality, name in _mapping_of(files, mapping, f"cases: {identity}").items():
            path = src / str(name)
            if not path.is_file():
                raise InputError(f"{mapping}, {identity} {modality}: {name} does not exist in {src}.")
            cases[clean_id(str(identity)), _known(modality, mapping)] = path
    patterns = {
        _known(modality, mapping): [str(p) for p in (several if isinstance(several, list) else [several])]
        for modality, several in _mapping_of(content.get("patterns"), mapping, "patterns").items()
    }
    return cases, patterns


def _mapping_of(content: Any, mapping: Path, where: str) -> dict[Any, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{mapping}: '{where}' must be a table of names and values.")
    return content


def _known(modality: Any, mapping: Path) -> str:
    if modality not in MODALITIES:
        raise InputError(f"{mapping}: unknown modality {modality}: choose from {', '.join(MODALITIES)}.")
    return str(modality)


def _is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark at byte 128."""
    if path.suffix.lower() in (".dcm", ".ima"):
        return True
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
