"""Tables of answers as people make them: ratings, truth, pairs of measurements.

UTF-8 with or without a byte order mark; commas, semicolons or tabs; decimal point or comma; any line end; blank lines.
Everything else that is not clear is refused in one sentence with the row's number, the header being row 1.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from SynthPerfLib.errors import InputError

RATINGS_COLUMNS = ("reader", "case", "arm", "item", "value")
TRUTH_COLUMNS = ("case", "truth")
PAIRED_COLUMNS = ("case", "x", "y")

ABSENT, RATED, EMPTY, NOT_ASSESSABLE = range(4)
"""What became of a cell: no row, a value, a row without a value, a row that says ``NA:<reason>``."""

_MISSING = frozenset({"", "na", "nan"})
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Item:
    """The answers to one question.

    Attributes
    ----------
    values
        (readers, cases, arms, repeats), NaN where there is no value. Words are numbers of :attr:`words`.
    status
        The same shape: :data:`ABSENT`, :data:`RATED`, :data:`EMPTY` or :data:`NOT_ASSESSABLE`.
    words
        The distinct words in text order if the answers are words, else empty.
    reasons
        How often each reason for "not assessable" was given.
    """

    values: np.ndarray
    status: np.ndarray
    words: tuple[str, ...]
    reasons: Mapping[str, int]

    @property
    def first(self) -> np.ndarray:
        """The first reading of each cell that has a value, (readers, cases, arms)."""
        values = self.values[..., 0].copy()
        for repeat in range(1, self.values.shape[-1]):
            values = np.where(np.isnan(values), self.values[..., repeat], values)
        return values

    def scores(self, positive: str) -> np.ndarray | None:
        """The first readings as numbers that rise with the suspicion, (readers, cases, arms).

        Of two words the one that is the truth's word for positive counts 1, the other 0; other words are no scores.
        """
        if not self.words:
            return self.first
        if len(self.words) == 2 and positive in self.words:
            return np.where(np.isnan(self.first), np.nan, self.first == self.words.index(positive))
        return None


@dataclass(frozen=True)
class Ratings:
    """A table of answers.

    Attributes
    ----------
    path
        The file.
    readers, cases, arms, repeats
        In text order (repeats that are all numbers: by number).
    items
        By name, in the order of their first row.
    clusters
        Case to its cluster (patient), empty if the table has no such column.
    """

    path: Path
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    arms: tuple[str, ...]
    repeats: tuple[str, ...]
    items: Mapping[str, Item]
    clusters: Mapping[str, str]


@dataclass(frozen=True)
class Truth:
    """What is known of the cases.

    Attributes
    ----------
    positive
        Each case to True or False, or None where the truth is missing.
    word
        What the table says for True.
    """

    path: Path
    positive: Mapping[str, bool | None]
    word: str


@dataclass(frozen=True)
class Paired:
    """Two measurements of each case, (n,); pairs that lack a value are counted in ``incomplete`` and left out."""

    path: Path
    cases: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    incomplete: int


@dataclass(frozen=True)
class _Answer:
    row: int
    item: str
    key: tuple[str, str, str, str]
    value: str


def is_paired(path: Path) -> bool:
    """Whether the file's header is that of a table of pairs."""
    _, header, _ = _open(path, ())
    return set(PAIRED_COLUMNS) <= set(header) and not set(RATINGS_COLUMNS) <= set(header)


def read_ratings(path: Path, cases: Mapping[str, object] | None = None) -> Ratings:
    """Read ``reader,case,arm,item,value[,repeat][,cluster]``.

    Parameters
    ----------
    path
        The table. Other columns are allowed and not read.
    cases
        The cases there are (of the truth); None if any case is welcome.

    Raises
    ------
    InputError
        With the row: a missing column or cell, a second answer to the same (reader, case, arm, item, repeat), an
        unknown case, a word among numbers, a case in two clusters.
    """
    answers: list[_Answer] = []
    rows: dict[tuple[tuple[str, str, str, str], str], int] = {}
    clusters: dict[str, str] = {}
    for row, cell in _rows(path, RATINGS_COLUMNS):
        for column in RATINGS_COLUMNS[:4]:
            if not cell[column]:
                raise InputError(f"{path}, row {row}: the column {column} is empty; every answer needs one.")
        reader, case, arm, item = (cell[column] for column in RATINGS_COLUMNS[:4])
        key = (reader, case, arm, cell.get("repeat") or "1")
        first = rows.setdefault((key, item), row)
        if first != row:
            repeat = f", repeat {key[3]}" if "repeat" in cell else ""
            raise InputError(
                f"{path}, row {row}: a second answer of reader {reader} to item {item} for case {case}, arm {arm}"
                f"{repeat}; the first is row {first}. Keep one, or number them in a column repeat."
            )
        if cases is not None and case not in cases:
            raise InputError(f"{path}, row {row}: the case {case} is not in the table of the truth; add or remove it.")
        cluster = cell.get("cluster", "")
        if cluster and clusters.setdefault(case, cluster) != cluster:
            raise InputError(
                f"{path}, row {row}: the case {case} is in cluster {cluster}, in an earlier row in {clusters[case]}; "
                "a case belongs to one cluster."
            )
        answers.append(_Answer(row, item, key, cell["value"]))
    if not answers:
        raise InputError(f"{path} has a header but no answer: there is nothing to analyse.")
    if clusters and len(clusters) < len({answer.key[1] for answer in answers}):
        lacking = next(answer for answer in answers if answer.key[1] not in clusters)
        raise InputError(f"{path}, row {lacking.row}: the case {lacking.key[1]} has no cluster, others have one.")
    return _arranged(path, answers, clusters)


def read_truth(path: Path, positive: str | None = None) -> Truth:
    """Read ``case,truth``.

    Parameters
    ----------
    positive
        The word that means 1; without it the truth is 0 or 1. An empty truth (or NA) is a case whose truth is missing.

    Raises
    ------
    InputError
        With the row: a case twice, another word; or if not both classes are there.
    """
    words: dict[str, str] = {}
    rows: dict[str, int] = {}
    for row, cell in _rows(path, TRUTH_COLUMNS):
        case = cell["case"]
        if not case:
            raise InputError(f"{path}, row {row}: the column case is empty.")
        if case in rows:
            raise InputError(f"{path}, row {row}: a second truth of the case {case}; the first is row {rows[case]}.")
        rows[case], words[case] = row, cell["truth"]
    known = {case: word for case, word in words.items() if not _is_missing(word)}
    if positive is None:
        for case, word in known.items():
            if word not in ("0", "1", "0.0", "1.0"):
                raise InputError(
                    f"{path}, row {rows[case]}: the truth of case {case} is '{word}'; write 0 or 1, or name the word "
                    "that means 1 with --positive."
                )
        known = {case: word[0] for case, word in known.items()}
        positive = "1"
    there = list(dict.fromkeys(known.values()))
    if len(there) > 2:
        case = next(case for case, word in known.items() if word == there[2])
        raise InputError(f"{path}, row {rows[case]}: '{there[2]}' is a third word beside {there[0]} and {there[1]}.")
    if positive not in there:
        listed = ", ".join(there) or "none at all"
        raise InputError(f"{path}: no case has the truth '{positive}' (there is {listed}); both classes are needed.")
    if len(there) < 2:
        raise InputError(f"{path}: every case has the truth '{positive}'; an analysis with truth needs both classes.")
    return Truth(path, {case: known[case] == positive if case in known else None for case in words}, positive)


def read_paired(path: Path) -> Paired:
    """Read ``case,x,y``, two measurements of each case.

    Raises
    ------
    InputError
        With the row: a case twice, a word in a number; or if no case has both.
    """
    rows: dict[str, int] = {}
    values: list[tuple[float, float]] = []
    mark: dict[str, int] = {}
    for row, cell in _rows(path, PAIRED_COLUMNS):
        case = cell["case"]
        if not case:
            raise InputError(f"{path}, row {row}: the column case is empty.")
        if rows.setdefault(case, row) != row:
            raise InputError(f"{path}, row {row}: a second pair for the case {case}; the first is row {rows[case]}.")
        pair = []
        for column in ("x", "y"):
            text = cell[column]
            number = float("nan") if _is_missing(text) else _number(text)
            if number is None:
                raise InputError(f"{path}, row {row}, column {column}: '{text}' is not a number; correct or empty it.")
            _one_decimal_mark(path, row, text, mark)
            pair.append(number)
        values.append((pair[0], pair[1]))
    table = np.array(values, dtype=float).reshape(-1, 2)
    complete = ~np.isnan(table).any(axis=1)
    if not complete.any():
        raise InputError(f"{path}: no case has both an x and a y; there is nothing to compare.")
    cases = tuple(case for case, keep in zip(rows, complete, strict=True) if keep)
    return Paired(path, cases, table[complete, 0], table[complete, 1], int((~complete).sum()))


def _arranged(path: Path, answers: Sequence[_Answer], clusters: Mapping[str, str]) -> Ratings:
    axes = [sorted({answer.key[axis] for answer in answers}) for axis in range(4)]
    if all(_number(label) is not None for label in axes[3]):
        axes[3].sort(key=lambda label: (_number(label), label))
    places = [{name: place for place, name in enumerate(axis)} for axis in axes]
    shape = tuple(len(axis) for axis in axes)
    gathered: dict[str, list[_Answer]] = {}
    for answer in answers:
        gathered.setdefault(answer.item, []).append(answer)
    items = {name: _item(path, name, given, places, shape) for name, given in gathered.items()}
    readers, cases, arms, repeats = (tuple(axis) for axis in axes)
    return Ratings(path, readers, cases, arms, repeats, items, clusters)


def _item(
    path: Path,
    name: str,
    answers: Sequence[_Answer],
    places: Sequence[Mapping[str, int]],
    shape: tuple[int, ...],
) -> Item:
    values, status = np.full(shape, np.nan), np.zeros(shape, dtype=np.int8)
    reasons: dict[str, int] = {}
    given: list[tuple[tuple[int, ...], _Answer]] = []
    for answer in answers:
        place = tuple(axis[label] for axis, label in zip(places, answer.key, strict=True))
        if answer.value[:3].upper() == "NA:":
            status[place] = NOT_ASSESSABLE
            reason = answer.value[3:].strip() or "no reason given"
            reasons[reason] = reasons.get(reason, 0) + 1
        elif _is_missing(answer.value):
            status[place] = EMPTY
        else:
            status[place] = RATED
            given.append((place, answer))
    numbers = [_number(answer.value) for _, answer in given]
    words = [answer for (_, answer), number in zip(given, numbers, strict=True) if number is None]
    if not words:
        mark: dict[str, int] = {}
        for (place, answer), number in zip(given, numbers, strict=True):
            _one_decimal_mark(path, answer.row, answer.value, mark)
            values[place] = number
        return Item(values, status, (), reasons)
    if 2 * len(words) < len(given):
        odd = words[0]
        raise InputError(
            f"{path}, row {odd.row}, column value: '{odd.value}' is not a number, but other answers to item {name} "
            "are; correct it, leave it empty, or write NA:<reason>."
        )
    if len(words) < len(given):
        odd = next(answer for (_, answer), number in zip(given, numbers, strict=True) if number is not None)
        raise InputError(
            f"{path}, row {odd.row}, column value: '{odd.value}' is a number, but most answers to item {name} are "
            "words; correct it, leave it empty, or write NA:<reason>."
        )
    found = tuple(sorted({answer.value for answer in words}))
    for place, answer in given:
        values[place] = found.index(answer.value)
    return Item(values, status, found, reasons)


def _is_missing(text: str) -> bool:
    return text.lower() in _MISSING or text[:3].upper() == "NA:" or text.lower() == "n/a"


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if np.isfinite(number) else None


def _one_decimal_mark(path: Path, row: int, text: str, seen: dict[str, int]) -> None:
    """A file uses the comma or the point, never both: 1,234 may be meant as a thousand."""
    for mark in ".,":
        if mark in text:
            seen.setdefault(mark, row)
    if len(seen) == 2:
        raise InputError(
            f"{path}, row {row}: '{text}' has another decimal mark than row {min(seen.values())}; use one throughout, "
            "and none for thousands."
        )


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header, each with its number and its cells by column, without outer spaces."""
    lines, header, delimiter = _open(path, columns)
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            row = lines.line_num
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                raise InputError(
                    f"{path}, row {row}: {len(cells)} cells under {len(header)} columns. If a number has a decimal "
                    f"comma or a text has a {delimiter}, put it in double quotes."
                )
            padded = [cell.strip() for cell in cells] + [""] * (len(header) - len(cells))
            yield row, dict(zip(header, padded, strict=False))
    except csv.Error as error:
        raise InputError(f"{path}, row {lines.line_num}: not readable as a table ({error}); save it as CSV.") from error


def _open(path: Path, columns: Sequence[str]) -> tuple[Any, list[str], str]:
    if not path.is_file():
        raise InputError(f"{path} is not a file: give a table as CSV.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: save it as 'CSV UTF-8'.") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise InputError(f"{path} is empty: it needs a header row and answers.")
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    try:
        while not any(header):
            header = [cell.strip().lower() for cell in next(lines)]
    except csv.Error as error:
        raise InputError(f"{path}, row 1: not readable as a table ({error}); save it as CSV.") from error
    for column in columns:
        if header.count(column) != 1:
            problem = "is missing" if column not in header else "is there twice"
            raise InputError(
                f"{path}, row {lines.line_num}: the column {column} {problem}; the columns are {', '.join(header)}, "
                f"needed are {', '.join(columns)}."
            )
    return lines, header, delimiter
