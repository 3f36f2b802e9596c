"""What a study is made from: the cases that the protocol reads, checked, and the files of their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from SynthPerfLib.case import Case
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.modality import MODALITIES

from .planning import Subject
from .protocol import Protocol


@dataclass(frozen=True)
class Sources:
    """Where the images of a study come from.

    Attributes
    ----------
    maps
        Root of the dataset that holds the synthetic maps.
    bundles
        Image id to the name of the model that made it.
    """

    protocol: Protocol
    maps: Path
    bundles: Mapping[str, str]

    def file(self, case: Case, image: str) -> Path:
        """Where one image of a case is, or is due.

        Raises
        ------
        InputError
            If it is a measured image that the case does not have.
        """
        entry = self.protocol.images[image]
        if entry.source == "measured":
            return case.file(entry.modality)
        return Case.path_for(self.maps, case.id, entry.modality, desc=self.bundles[image])

    def lacking(self, case: Case, source: str) -> str:
        """The modalities of the ``measured`` or ``synthetic`` images that a case does not have; empty if none."""
        lacks = [
            entry.modality
            for image, entry in self.protocol.images.items()
            if entry.source == source
            and not (entry.modality in case.files if source == "measured" else self.file(case, image).is_file())
        ]
        return ", ".join(dict.fromkeys(lacks))

    def is_relative(self, case: Case, image: str) -> bool:
        """Whether the sidecar says that the image is on a relative scale."""
        entry = self.protocol.images[image]
        path = self.file(case, image)
        return Case(case.id, path.parent, {entry.modality: path}, case.session, case.participant).is_relative(
            entry.modality
        )


@dataclass(frozen=True)
class Material:
    """The cases of one batch, checked.

    Attributes
    ----------
    words
        Case to the word of its truth; empty where the protocol has none.
    left_out
        Case to the reason why it is not read.
    """

    cohort: Cohort
    subjects: tuple[Subject, ...]
    words: Mapping[str, str]
    sources: Sources
    left_out: Mapping[str, str]

    @classmethod
    def of(
        cls,
        protocol: Protocol,
        cohort: Cohort,
        maps: Path,
        bundle: str | None,
        bundles: Mapping[str, str] | None = None,
    ) -> Material:
        """The cases that the protocol reads, with every image that it needs.

        Raises
        ------
        InputError
            One sentence about the first thing that is missing, and in how many cases.
        """
        cases = cohort.cases if protocol.split is None else cohort.split(protocol.split)
        if not cases:
            raise InputError(f"{cohort.folder} has no case of the split {protocol.split}: see participants.tsv.")
        sources = Sources(protocol, maps, bundles or _bundles(protocol, cases, maps, bundle))
        left_out = {case.id: f"no {lacks}" for case in cases if (lacks := sources.lacking(case, "measured"))}
        if left_out and protocol.incomplete == "refuse":
            first = next(iter(left_out))
            raise InputError(
                f"{first} has {left_out[first]}{_and_more(left_out, cases)}: add the files, or allow it in the "
                "protocol (incomplete: leave_out)."
            )
        cases = tuple(case for case in cases if case.id not in left_out)
        unmade = {case.id: lacks for case in cases if (lacks := sources.lacking(case, "synthetic"))}
        if unmade:
            first = next(iter(unmade))
            raise InputError(
                f"{first} has no synthetic {unmade[first]} map by {', '.join(sorted(set(sources.bundles.values())))}"
                f"{_and_more(unmade, cases)}: run synthperf synthesize."
            )
        cohort = replace(cohort, cases=cases)
        _check_scales(protocol, cases, sources)
        words = {case.id: _truth_of(protocol, cohort, case) for case in cases}
        sites = {case.id: cohort.participants.get(case.participant, {}).get("site", "") for case in cases}
        subjects = tuple(Subject(case.id, words[case.id], sites[case.id]) for case in cases)
        return cls(cohort, subjects, words, sources, left_out)


def _and_more(some: Mapping[str, str], cases: Sequence[Case]) -> str:
    return f" (as {len(some)} of {len(cases)} cases)" if len(some) > 1 else ""


def _bundles(protocol: Protocol, cases: Sequence[Case], maps: Path, bundle: str | None) -> dict[str, str]:
    """Which model's maps each synthetic image is."""
    chosen: dict[str, str] = {}
    for id, image in protocol.images.items():
        if image.source == "measured":
            continue
        wanted = image.bundle or bundle
        if wanted is None:
            found = _made_by(cases[0], image.modality, maps)
            if len(found) != 1:
                has = f"maps by {', '.join(found)}: say which to use" if found else "none: run synthperf synthesize"
                raise InputError(f"The study needs synthetic {image.modality} maps, and {cases[0].id} has {has}.")
            wanted = found[0]
        chosen[id] = wanted
    return chosen


def _made_by(case: Case, modality: str, maps: Path) -> list[str]:
    """The models whose maps of a case are there."""
    example = Case.path_for(maps, case.id, modality, desc="*")
    before, after = example.name.split("*")
    return sorted(path.name[len(before) : -len(after)] for path in example.parent.glob(example.name))


def _check_scales(protocol: Protocol, cases: Sequence[Case], sources: Sources) -> None:
    """Maps of one quantity are all in its unit, or all relative, unless the protocol brings them on one scale."""
    for modality, display in protocol.display.items():
        images = [id for id, image in protocol.images.items() if image.modality == modality]
        scales = {sources.is_relative(case, id): case.id for case in cases for id in images}
        if display.normalise == "none" and len(scales) > 1:
            raise InputError(
                f"The {modality} of {scales[True]} is relative, that of {scales[False]} is in "
                f"{MODALITIES[modality].unit}: set 'normalise: brain_median' in the protocol's display of {modality}."
            )


def _truth_of(protocol: Protocol, cohort: Cohort, case: Case) -> str:
    truth = protocol.truth
    if truth is None:
        return ""
    word = cohort.participants.get(case.participant, {}).get(truth.column, "")
    if word not in (truth.positive, truth.negative):
        raise InputError(
            f"participants.tsv: {truth.column} of {case.participant} is {word or 'missing'!r}, the protocol needs "
            f"{truth.positive} or {truth.negative}: correct it, or leave the patient out."
        )
    return word
