"""Which region is drawn next, and how it is called and coloured: the same in every seat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from SynthPerfLib import rois
from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Provenance, Roi
from SynthPerfLib.rois.grid import member

from .session import Session
from .view import View, Wanted

DISC, OUTLINE = "disc", "freehand"
"""How a region is drawn: the words of the protocol."""

COLOURS = ("#ffb000", "#5ad1ff", "#ff7ab6", "#9be564", "#c9a3ff", "#ffffff")
"""Of the regions, by task; each has its number beside it, so that nothing is told by colour alone."""


class Place(NamedTuple):
    """A region that is to be drawn: the task's id, its number, the name of the image."""

    task: str
    number: int
    map: str


def place_of(wanted: Wanted) -> Place:
    """Where a region is to be drawn."""
    return Place(wanted.task.id, wanted.number, wanted.map)


def at(view: View, place: Place | None) -> Wanted | None:
    """The region of a place; None if it is not to be drawn now."""
    return next((wanted for wanted in view.regions if place_of(wanted) == place), None)


def title_of(wanted: Wanted) -> str:
    """A region in words."""
    return f"{wanted.task.title} {wanted.number}" if wanted.task.count > 1 else wanted.task.title


def colours_of(view: View) -> dict[str, str]:
    """The colour of each task's regions."""
    tasks = dict.fromkeys(wanted.task.id for wanted in view.regions)
    return {task: COLOURS[n % len(COLOURS)] for n, task in enumerate(tasks)}


def next_open(view: View, shape: str, task: str = "") -> Place | None:
    """The first region that is still to be drawn in a way, of ``task`` if it has one; None if there is none."""
    fitting = [w for w in view.regions if w.task.shape == shape and w.region is None and not w.not_assessable]
    chosen = next((wanted for wanted in fitting if wanted.task.id == task), fitting[0] if fitting else None)
    return None if chosen is None else place_of(chosen)


def rub_out(session: Session, points: Sequence[Sequence[float]]) -> View:
    """Erase the region that holds a point (LPS, mm); several points are a closed line, and what it encloses is taken
    out of a free-hand region.

    Raises
    ------
    InputError
        If there is no region.
    """
    view = session.view
    for wanted in view.regions:
        region, place = wanted.region, place_of(wanted)
        if region is None:
            continue
        if len(points) == 1:
            if member(region.grid.nearest(np.asarray(points)), region.voxels, region.grid.size).any():
                return session.erase(*place)
        elif wanted.task.shape == OUTLINE:
            taken = rois.free_hand("The line", view.images[wanted.map].load(), points, Provenance())
            gone = member(region.voxels, taken.voxels, region.grid.size)
            if gone.all():
                return session.erase(*place)
            if gone.any():
                return session.draw_mask(*place, Roi(region.name, region.grid, region.voxels[~gone]).image())
    raise InputError("There is no region here: click inside the one that is to go.")
