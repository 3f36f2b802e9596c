"""A study on disk.

============================ ===================================================================== =========
``protocol.yaml``            the protocol, byte for byte as it was given
``study.yaml``               id, seed, hashes, batches of cases, where the records are
``form.json``                what a reader's machine may hold of the protocol                      reader
``allocation.csv``           who reads which code when; of one reader in a reader's copy           reader
``practice.json``            the truth of practice stimuli, for the feedback                       reader
``stimuli/<CODE>/``          ``stimulus.json``, images, brain mask                                 reader
``records.sqlite``           the log (or a database named in ``study.yaml``)
``sealed/``                  ``codebook.json``, ``truth.csv``
============================ ===================================================================== =========

A reader's copy holds what is marked, with a ``study.yaml`` that has neither seed nor dates, and opens like the whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import secrets
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError
from SynthPerfLib import __version__
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole
from SynthPerfLib.jobs import Progress, Steps

from .allocation import Allocation, Row
from .codebook import CodeBook, Entry, entries_for, new_secret
from .leaks import identifiers_of
from .material import Material
from .planning import ALGORITHM, VERSION, plan
from .protocol import Form, LoadedProtocol, Protocol, load_protocol
from .stimuli import Stimulus, blind_cases, files_of_code

if TYPE_CHECKING:
    from .records import Clock, RecordLog

LOG = "records.sqlite"
_FOR_READERS = ("schema", "id", "software", "simulated", "protocol_sha256")


@dataclass(frozen=True)
class Study:
    """A study folder, or a reader's copy of it.

    Attributes
    ----------
    about
        The content of ``study.yaml``.
    form
        What the readers are asked.
    """

    folder: Path
    about: Mapping[str, Any]
    form: Form
    allocation: Allocation

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Open a study folder or a reader's copy.

        Raises
        ------
        InputError
            If it is none, or a file in it is missing or not as it was made.
        """
        if not (folder / "study.yaml").is_file():
            raise InputError(f"{folder} is not a study folder (it has no study.yaml): give the folder of a study.")
        try:
            about = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
            form = Form.model_validate_json((folder / "form.json").read_bytes())
            known = [batch["allocation_sha256"] for batch in about["batches"]]
            protocol_sha256 = about["protocol_sha256"]
        except OSError as error:
            lacks = Path(error.filename).name
            raise InputError(f"{folder.name} lacks {lacks}: copy the study folder again.") from error
        except (yaml.YAMLError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"study.yaml or form.json in {folder} is damaged: copy the study folder again.") from error
        allocation = Allocation.read(folder / "allocation.csv")
        # The last but one: adding cases was stopped before its last file; adding them again completes it.
        if allocation.sha256 not in known[-2:]:
            raise InputError(f"allocation.csv in {folder} is not the one that was made: go back to a copy of it.")
        if form.protocol_sha256 != protocol_sha256:
            raise InputError(f"form.json in {folder} belongs to another protocol: copy the study folder again.")
        return cls(folder, about, form, allocation)

    @classmethod
    def create(
        cls,
        protocol: str | Path,
        cohort: Path,
        out: Path,
        *,
        seed: int | None = None,
        bundle: str | None = None,
        maps: Path | None = None,
        records: str = LOG,
        stimuli: bool = True,
        simulated: bool = False,
        clock: Clock | None = None,
    ) -> Steps[Study]:
        """Make a study: allocation, code book, blinded stimuli and an empty log with the event ``study.created``.

        Parameters
        ----------
        protocol
            Name of a shipped protocol, or a YAML file.
        cohort
            A prepared cohort.
        out
            A folder that is not there, or empty. It appears as a whole or not at all.
        seed
            Start of every random choice; drawn if not given, kept in ``study.yaml``.
        bundle
            Which model's maps to use where the protocol does not say; not needed if the cohort has maps of one only.
        maps
            Root of the dataset with the synthetic maps; the cohort by default.
        records
            A file name in the study folder, or the URL of a PostgreSQL database.
        stimuli
            Without them the study can be rehearsed, not read.
        simulated
            Whether all readers are simulated.
        clock
            Where the log's times come from.

        Raises
        ------
        InputError
            If the folder is in use, the protocol is wrong, a case or map is missing, or there are too few cases.
        """
        loaded = load_protocol(protocol)
        out = out.absolute()
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out} exists and is not empty: give a new folder, a study is never written over.")
        seed = secrets.randbits(63) if seed is None else seed
        if seed < 0:
            raise InputError(f"The seed {seed} is negative: give a whole number from 0 on.")
        material = Material.of(loaded.protocol, Cohort.open(cohort), maps or cohort, bundle)
        building = out.with_name(f".writing-{out.name}")
        shutil.rmtree(building, ignore_errors=True)
        try:
            building.mkdir(parents=True)
            about = {
                "schema": 1,
                "id": uuid.uuid4().hex,
                "created": datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "software": f"synthperf {__version__}",
                "simulated": simulated,
                "protocol_sha256": loaded.sha256,
                "seed": seed,
                "records": records,
                "algorithm": f"{ALGORITHM} {VERSION}",
                "batches": [],
            }
            (building / "protocol.yaml").write_bytes(loaded.content)
            form = loaded.protocol.form(loaded.sha256)
            (building / "form.json").write_text(form.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
            draft = cls(building, about, form, Allocation(()))
            book = CodeBook(new_secret(), {}, material.sources.bundles)
            made = yield from draft._with_batch(loaded, material, book, stimuli, None, clock)
            if out.is_dir():
                out.rmdir()
            building.rename(out)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return replace(made, folder=out)

    def add_cases(self, cohort: Path, *, maps: Path | None = None, clock: Clock | None = None) -> Steps[Study]:
        """Append a batch with the cases of ``cohort`` that the study does not have yet; nothing there is reordered.

        Raises
        ------
        InputError
            If there is no new case, a map is missing, or the reads are locked.
        """
        loaded = self._loaded
        book = self.code_book()
        entries = {row.stimulus: book.entry(row.stimulus) for row in self.allocation.rows}
        book = replace(book, entries=entries)  # what a stopped addition has left is made anew
        have, whole = {entry.case for entry in entries.values()}, Cohort.open(cohort)
        fresh = replace(whole, cases=tuple(case for case in whole.cases if case.id not in have))
        if not fresh.cases:
            raise InputError(f"{cohort} has no case that the study does not have: nothing was added.")
        material = Material.of(loaded.protocol, fresh, maps or cohort, None, book.bundles)
        has_stimuli = (self.folder / "stimuli").is_dir()
        return (yield from self._with_batch(loaded, material, book, has_stimuli, self.records(clock=clock), clock))

    def _with_batch(
        self,
        loaded: LoadedProtocol,
        material: Material,
        book: CodeBook,
        stimuli: bool,
        log: RecordLog | None,
        clock: Clock | None,
    ) -> Steps[Study]:
        """Write one more batch, the allocation last: until then the study is what it was.

        Parameters
        ----------
        log
            None for a new study.
        """
        from .records import Kind, RecordLog, Role

        protocol, seed = loaded.protocol, int(self.about["seed"])
        there = [batch["allocation_sha256"] for batch in self.about["batches"]]
        number = there.index(self.allocation.sha256) + 2 if there else 1  # after a stopped addition, its number again
        reads = plan(protocol, material.subjects, seed, number)
        entries = entries_for(protocol, reads, book.secret, seed, number, material.words)
        sources = yield from blind_cases(material, entries, self.folder / "stimuli" if stimuli else None)
        identifiers = identifiers_of(material.cohort, material.sources.maps)
        book = replace(
            book,
            entries={**book.entries, **entries},
            sources={**book.sources, **sources},
            identifiers=tuple(sorted({*book.identifiers, *identifiers})),
        )
        allocation = self.allocation.extended(
            Row(r.reader, r.session, r.order, book.code(r), r.group, r.block, r.practice) for r in reads
        )
        batch = {
            "cases": len({entry.case for entry in entries.values()}),
            "cohort_sha256": hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest(),
            "allocation_sha256": allocation.sha256,
            "codebook_sha256": book.sha256,
        }
        kept = {**batch, "left_out": dict(material.left_out)}
        about = {**self.about, "batches": [*self.about["batches"][: number - 1], kept]}
        payload = {"batch": number, "algorithm": about["algorithm"], "left_out": len(material.left_out), **batch}
        yield Progress(0.98, "records")
        if log is None:
            sha256 = about["protocol_sha256"]
            log = RecordLog.create(self._log, about["id"], sha256, simulated=about["simulated"], clock=clock)
            kind = Kind.STUDY_CREATED
        else:
            kind = Kind.CASES_ADDED
        with log:
            log.append(kind, Role.COORDINATOR, payload)
        _write(_yaml(about), self.folder / "study.yaml")
        book.write(self.folder / "sealed" / "codebook.json")
        _write(self._truth_table(protocol, material, entries), self.folder / "sealed" / "truth.csv")
        feedback = {**self._feedback, **_practice_words(protocol, entries, material.words)}
        _write((json.dumps(feedback, indent=1) + "\n").encode(), self.folder / "practice.json")
        allocation.write(self.folder / "allocation.csv")
        return Study(self.folder, about, self.form, allocation)

    def _truth_table(self, protocol: Protocol, material: Material, entries: Mapping[str, Entry]) -> bytes:
        """``truth.csv`` with the new cases; only its header where the protocol has no truth."""
        path = self.folder / "sealed" / "truth.csv"
        rows: dict[str, str] = {}
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as table:
                rows = {row["case"]: row["truth"] for row in csv.DictReader(table)}
        if protocol.truth is not None:
            cases = sorted({entry.case for entry in entries.values() if not entry.practice})
            rows |= {case: str(int(material.words[case] == protocol.truth.positive)) for case in cases}
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([("case", "truth"), *rows.items()])
        return stream.getvalue().encode("utf-8")

    @cached_property
    def _loaded(self) -> LoadedProtocol:
        path = self.folder / "protocol.yaml"
        if not path.is_file():
            raise InputError("This folder has no protocol.yaml: only the coordinator's copy of the study has it.")
        loaded = load_protocol(path)
        if loaded.sha256 != self.about["protocol_sha256"]:
            raise InputError(f"{path} was changed after the study was created: go back to a copy of it.")
        return loaded

    @property
    def protocol(self) -> Protocol:
        """The whole protocol, with the arms.

        Raises
        ------
        InputError
            In a reader's copy, or if the file was changed.
        """
        return self._loaded.protocol

    @property
    def id(self) -> str:
        """The study's id."""
        return str(self.about["id"])

    @property
    def simulated(self) -> bool:
        """Whether all readers are simulated."""
        return bool(self.about["simulated"])

    def code_book(self) -> CodeBook:
        """What is behind the codes; on the coordinator's side only.

        Raises
        ------
        InputError
            In a reader's copy, or if the file was changed.
        """
        book = CodeBook.read(self.folder / "sealed" / "codebook.json")
        if book.sha256 not in [batch["codebook_sha256"] for batch in self.about["batches"][-2:]]:
            raise InputError("The code book was changed after the study was created: go back to a copy of it.")
        return book

    def records(self, *, clock: Clock | None = None) -> RecordLog:
        """Open the study's log.

        Raises
        ------
        InputError
            If there is none.
        """
        from .records import RecordLog

        return RecordLog.open(self._log, self.form.protocol_sha256, simulated=self.simulated, clock=clock)

    @property
    def _log(self) -> str | Path:
        place = str(self.about.get("records", LOG))
        return place if "://" in place else self.folder / place

    def stimulus(self, code: str) -> Stimulus:
        """What a reader sees under a code.

        Raises
        ------
        InputError
            If it is not there.
        """
        return Stimulus.open(self.folder / "stimuli" / code)

    @cached_property
    def _feedback(self) -> dict[str, str]:
        path = self.folder / "practice.json"
        try:
            return dict(json.loads(path.read_bytes())) if path.is_file() else {}
        except ValueError as error:
            raise InputError(f"{path} is damaged: copy the study folder again.") from error

    def feedback(self, code: str) -> str:
        """The truth of a practice stimulus in words; empty where the protocol gives no feedback."""
        return self._feedback.get(code, "")

    def reader_files(self, *readers: str) -> dict[str, bytes | Path]:
        """Exactly what the machine of these readers may receive: path in their copy to content, or file to copy.

        Raises
        ------
        InputError
            If a reader is unknown.
        """
        rows = tuple(row for reader in readers for row in self.allocation.of(reader).rows)
        own = Allocation(rows)
        batch = {"allocation_sha256": own.sha256}
        about = {**{key: self.about[key] for key in _FOR_READERS}, "readers": list(readers), "batches": [batch]}
        codes = sorted({row.stimulus for row in rows})
        files: dict[str, bytes | Path] = {
            "study.yaml": _yaml(about),
            "form.json": self.folder / "form.json",
            "allocation.csv": own.content,
            "practice.json": json.dumps({c: self._feedback[c] for c in codes if c in self._feedback}).encode(),
        }
        if (self.folder / "stimuli").is_dir():
            for code in codes:
                for path in files_of_code(self.folder / "stimuli" / code):
                    files[f"stimuli/{code}/{path.name}"] = path
        return files


def _practice_words(protocol: Protocol, entries: Mapping[str, Entry], words: Mapping[str, str]) -> dict[str, str]:
    if protocol.truth is None or not protocol.design.practice.feedback:
        return {}
    return {code: words[entry.case].replace("_", " ") for code, entry in entries.items() if entry.practice}


def _yaml(content: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True).encode("utf-8")


def _write(content: bytes, path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(content)
