"""Whether readers knew the arm."""

from __future__ import annotations

import numpy as np

from ..ratings import NOT_ASSESSABLE, Item, Ratings
from ..statistics.blinding import bang, james
from .rows import Rows, noted
from .settings import Settings


def guessed_arms(ratings: Ratings, item: Item, settings: Settings, rows: Rows) -> None:
    """Add ``blinding``: James' index of all arms and, with two arms, Bang's of each; of all readers and of each.

    Parameters
    ----------
    item
        The guesses: words that are the arms' ids; "not assessable" is "cannot say".
    """
    guesses = item.first
    open_ = (item.status == NOT_ASSESSABLE).any(axis=-1) & np.isnan(guesses)
    arms = ratings.arms
    said = np.stack([guesses == item.words.index(arm) if arm in item.words else guesses > np.inf for arm in arms])
    tables = np.zeros((len(ratings.readers), len(arms), len(arms) + 1))
    tables[:, :, :-1] = said.sum(axis=2).transpose(1, 2, 0)
    tables[:, :, -1] = open_.sum(axis=1)
    named: list[tuple[str | None, np.ndarray]] = [
        (None, tables.sum(axis=0)),
        *zip(ratings.readers, tables, strict=True),
    ]
    for reader, table in named:
        words = "" if reader is not None else "all readers; reads taken as independent"
        rows.add("blinding", "james", noted(james(table, level=settings.level), words), reader=reader)
        for shown, arm in enumerate(arms):
            if len(arms) == 2:
                counts = (int(table[shown, shown]), int(table[shown, 1 - shown]), int(table[shown, 2]))
                rows.add("blinding", "bang", noted(bang(*counts, level=settings.level), words), arm=arm, reader=reader)
    if len(arms) != 2:
        rows.skip(f"Bang's index is for two arms; there are {len(arms)}", "blinding.bang")
