"""A cohort of patients: a BIDS dataset on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import __version__
from .case import Case
from .errors import InputError
from .images import write_json, written_whole

DIAGNOSES = ("recurrence", "treatment_response", "n/a")
"""The values of the column ``diagnosis``."""

SPLITS = ("train", "test")
"""The values of the column ``split``."""

_COLUMNS = ("participant_id", "diagnosis", "split")


@dataclass(frozen=True)
class Cohort:
    """Cases and what is known of their patients.

    Attributes
    ----------
    folder
        Root of the dataset.
    cases
        In the order of their ids.
    participants
        ``participant_id`` to its row of ``participants.tsv``.
    """

    folder: Path
    cases: tuple[Case, ...]
    participants: Mapping[str, dict[str, str]]

    @classmethod
    def open(cls, path: Path) -> Cohort:
        """Read a BIDS dataset.

        Raises
        ------
        InputError
            If there is no case in it, a case has two files for one modality, or ``participants.tsv`` is wrong.
        """
        if not path.is_dir():
            raise InputError(f"{path} is not a folder: give the root of a BIDS dataset.")
        cases = tuple(case for subject in sorted(path.glob("sub-*")) for case in _cases_of(subject))
        if not cases:
            raise InputError(f"{path} holds no case (no folder sub-XXX with images): import the files first.")
        return cls(path, cases, read_participants(path / "participants.tsv"))

    @classmethod
    def create(cls, path: Path, name: str) -> Cohort:
        """Begin a dataset: its folder and ``dataset_description.json``. One that is there already is kept.

        Parameters
        ----------
        name
            The dataset's name in its description.
        """
        description = path / "dataset_description.json"
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file: give the name of a folder.")
        if not description.exists():
            made_by = [{"Name": "SynthPerf", "Version": __version__}]
            content = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": made_by}
            write_json(content, description)
        cases = tuple(case for subject in sorted(path.glob("sub-*")) for case in _cases_of(subject))
        return cls(path, cases, read_participants(path / "participants.tsv"))

    @property
    def name(self) -> str:
        """The name in the dataset's description, else that of its folder."""
        description = self.folder / "dataset_description.json"
        if description.is_file():
            try:
                content = json.loads(description.read_text(encoding="utf-8-sig"))
            except ValueError as error:
                raise InputError(f"{description} is not readable JSON ({error}): correct it.") from error
            if isinstance(content, dict) and content.get("Name"):
                return str(content["Name"])
        return self.folder.name

    def split(self, name: str) -> tuple[Case, ...]:
        """The cases of the patients in split ``train`` or ``test``.

        Raises
        ------
        InputError
            If there is no such split.
        """
        if name not in SPLITS:
            raise InputError(f"Unknown split {name}: choose {' or '.join(SPLITS)}.")
        return tuple(c for c in self.cases if self.participants.get(c.participant, {}).get("split") == name)

    def write_participants(self, rows: Mapping[str, Mapping[str, str]]) -> Cohort:
        """Write ``participants.tsv`` and return the cohort with it.

        Parameters
        ----------
        rows
            ``participant_id`` to its other columns; ``n/a`` is written where a row lacks one.
        """
        known = [key for row in rows.values() for key in row]
        columns = list(dict.fromkeys((*_COLUMNS, *known)))
        path = self.folder / "participants.tsv"
        with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, columns, restval="n/a", delimiter="\t", lineterminator="\n")
            table.writeheader()
            for participant, row in rows.items():
                table.writerow({**row, "participant_id": participant})
        return Cohort(self.folder, self.cases, read_participants(path))


def open_cases(path: Path) -> tuple[Case, ...]:
    """The cases of a cohort, of one subject's folder, or of one session's folder.

    Raises
    ------
    InputError
        If ``path`` is none of these.
    """
    if path.is_dir() and path.absolute().name.startswith(("sub-", "ses-")):
        folder = path.absolute()
        cases = _cases_of(folder) if folder.name.startswith("sub-") else (Case.open(folder),)
        if not cases:
            raise InputError(f"{path} holds no image of a known modality: see the table of file names in the README.")
        return cases
    return Cohort.open(path).cases


def read_participants(path: Path) -> dict[str, dict[str, str]]:
    """Read ``participants.tsv``; empty if there is none.

    Raises
    ------
    InputError
        With the row's number: a missing column, a patient twice (a split is by patient), an unknown word.
    """
    if not path.is_file():
        return {}
    rows: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream, delimiter="\t")
        if "participant_id" not in (table.fieldnames or ()):
            raise InputError(f"{path.name} has no column participant_id (it is tab-separated): add it.")
        for number, row in enumerate(table, start=2):
            values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
            participant = values["participant_id"]
            if not participant.startswith("sub-"):
                raise InputError(f"{path.name}, row {number}: participant_id is {participant!r}, sub-XXX is due.")
            if participant in rows:
                raise InputError(f"{path.name}, row {number}: {participant} is there twice, a patient has one row.")
            for column, allowed in (("diagnosis", DIAGNOSES), ("split", (*SPLITS, "n/a"))):
                if values.get(column, "") not in (*allowed, ""):
                    raise InputError(
                        f"{path.name}, row {number}: {column} is {values[column]!r}, choose from {', '.join(allowed)}."
                    )
            rows[participant] = values
    return rows


def _cases_of(subject: Path) -> tuple[Case, ...]:
    """The cases in one folder ``sub-XXX``: one per session, or one if it has none."""
    if not subject.is_dir():
        return ()
    sessions = [folder for folder in sorted(subject.glob("ses-*")) if folder.is_dir()]
    cases = [Case.open(folder) for folder in (*sessions, subject)]
    return tuple(case for case in cases if case.files)
