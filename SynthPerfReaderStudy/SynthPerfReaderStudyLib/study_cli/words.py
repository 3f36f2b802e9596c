"""What the commands share: how options are read and results are told."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from SynthPerfLib.errors import InputError
from SynthPerfLib.terminal import DONE

if TYPE_CHECKING:
    from ..study import Study


def opened(options: argparse.Namespace) -> Study:
    """The study of the command."""
    from ..study import Study

    return Study.open(options.study)


def tell(options: argparse.Namespace, result: dict[str, Any], *lines: str) -> int:
    """Print the result, for people or for programs."""
    print(json.dumps(result, indent=2, ensure_ascii=False) if options.json else "\n".join(lines))
    return DONE


def aligned(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table: numbers to the right, text to the left."""
    cells = [tuple(columns), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    right = [
        len(cells) > 1 and all(row[n].replace(".", "", 1).isdigit() for row in cells[1:]) for n in range(len(columns))
    ]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def listed(text: str, option: str) -> list[str]:
    """The words of an option, with commas between them."""
    words = [part.strip() for part in text.split(",") if part.strip()]
    if not words:
        raise InputError(f"{option} is empty: give ids with commas between them.")
    return words


def numbers(text: str, option: str) -> tuple[dict[str, float], float | None]:
    """``X`` or ``NAME=X,...``: the named numbers, and the one for all others."""
    named: dict[str, float] = {}
    general = None
    for word in listed(text, option):
        name, equals, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise InputError(f"{option} {text}: {number!r} is no number; give X or NAME=X,NAME=X.") from None
        if equals:
            named[name.strip()] = value
        else:
            general = value
    return named, general
