"""What a report is made of: sections of words, points, tables and figures; every one knows how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        What stands in it.
    limits
        Its interval, in brackets after it.
    why
        Why there is no number: becomes a footnote of the table.
    below
        A second, quiet line.
    span, rows
        Columns and rows that it takes.
    row_head
        Whether it names its row (left, not a number).
    tone
        ``""``, ``open`` (to be filled in by a person), ``some`` or ``none`` (shades of what is missing), ``strong``.
    """

    text: str
    limits: str = ""
    why: str = ""
    below: str = ""
    span: int = 1
    rows: int = 1
    row_head: bool = False
    tone: str = ""


def name_cell(text: str, below: str = "", rows: int = 1) -> Cell:
    """A cell that names its row."""
    return Cell(text, below=below, rows=rows, row_head=True)


def missing(why: str) -> Cell:
    """A cell without a number, and the reason."""
    return Cell(DASH, why=why)


Row = Sequence[Cell | str]


@dataclass(frozen=True)
class Table:
    """A table, also written alone for a word processor.

    Attributes
    ----------
    name
        Its file name, without the ending.
    head, body
        Rows of cells; the head's cells are column titles.
    notes
        Below the table: abbreviations, conventions.
    widths
        Of the columns in per cent; by content if not given.
    """

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    head: Sequence[Row]
    body: Sequence[Row]
    notes: Sequence[str] = ()
    widths: Sequence[int] = ()

    @property
    def head_cells(self) -> list[list[Cell]]:
        """The head, every cell a :class:`Cell`."""
        return [[_cell(cell) for cell in row] for row in self.head]

    @property
    def body_cells(self) -> list[list[Cell]]:
        """The body, every cell a :class:`Cell`."""
        return [[_cell(cell) for cell in row] for row in self.body]

    @property
    def reasons(self) -> dict[str, str]:
        """Each reason of a missing number to its mark, in the order in which they appear."""
        found: dict[str, str] = {}
        for row in self.body_cells:
            for cell in row:
                if cell.why and cell.why not in found:
                    found[cell.why] = _mark(len(found))
        return found


@dataclass(frozen=True)
class Picture:
    """A figure, also written alone.

    Attributes
    ----------
    name
        Its file name, without the ending.
    svg
        The whole file.
    alt
        What it shows, for those who cannot see it.
    """

    kind: ClassVar[str] = "picture"
    name: str
    caption: str
    svg: str
    alt: str

    @property
    def inline(self) -> str:
        """The figure as an element of a page."""
        return self.svg[self.svg.index("<svg") :]


@dataclass(frozen=True)
class Words:
    """A paragraph; ``tone`` is ``plain``, ``lead`` (the answer) or ``quiet``."""

    kind: ClassVar[str] = "words"
    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


Block = Table | Picture | Words | Heading


@dataclass
class Section:
    """A part of the report with its own heading."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    new_page: bool = False


def _cell(cell: Cell | str) -> Cell:
    return Cell(cell) if isinstance(cell, str) else cell


def _mark(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[number % 26] * (number // 26 + 1)
