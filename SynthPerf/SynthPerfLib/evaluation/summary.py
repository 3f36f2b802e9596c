"""What an evaluation gives: tables in memory, and where its pictures lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .tables import Row


@dataclass(frozen=True)
class Identity:
    """Which model a number belongs to.

    Attributes
    ----------
    name, version
        The model's own; the version is empty where it has none.
    sha256
        Of its weights; of the hashes of all where one name stands for several models.
    count
        How many models, one for each combination, bear the name.
    """

    name: str
    version: str
    sha256: str
    count: int = 1


@dataclass(frozen=True)
class Summary:
    """An evaluation's result; everything in it is also in the files of ``out``.

    Attributes
    ----------
    title
        What was evaluated: the cohort's name.
    models
        In the order given, one for each name; the first is the one the report is about.
    metrics, lesions, summary, comparisons
        The rows of the four tables (see :mod:`.tables`).
    shown
        The combination of the first model that the report's pictures show.
    notes
        What was left out and why.
    out
        Where the files are.
    """

    title: str
    models: tuple[Identity, ...]
    metrics: tuple[Row, ...]
    lesions: tuple[Row, ...]
    summary: tuple[Row, ...]
    comparisons: tuple[Row, ...]
    shown: str
    notes: tuple[str, ...]
    out: Path


def picture_path(out: Path, case: str) -> Path:
    """Where the picture of a case lies in an evaluation's folder."""
    return out / "cases" / f"{case}.npz"
