"""Files that ship with the library."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError

_PLACES = tuple(folder / "Resources" for folder in Path(__file__).resolve().parents[:3])
"""Inside the package in an installed wheel, beside it in Slicer and a checkout, whose models are one folder higher."""


def resource(name: str) -> Path:
    """The file ``name`` (with forward slashes) of the folder ``Resources``.

    Raises
    ------
    InputError
        If the installation lacks it.
    """
    for place in _PLACES:
        if (place / name).exists():
            return place / name
    raise InputError(f"The installation lacks Resources/{name}: install SynthPerf again.")
