"""The section: each item with a truth, the primary item first."""

from __future__ import annotations

from itertools import combinations

from ...blocks import Block, Heading, Section, Words
from ...context import Context
from ...endpoint import Endpoint
from ...words import listed
from .by_reader import TOGETHER, by_reader
from .curves import curves
from .differences import differences
from .multireader import components, methods
from .thresholds import thresholds

MOST_ITEMS = 4
"""Further items are in the CSV tables only."""


def accuracy(context: Context, endpoint: Endpoint | None) -> Section | None:
    """ROC analysis of each item that has one, the primary item first; None without a truth."""
    items = _items(context, endpoint)
    if not items:
        return None
    section = Section("Diagnostic accuracy")
    size = context.found.of("roc.auc")[0]
    positive, negative = (context.design.get(key, size[f"n_{key[:3]}"]) for key in ("positive", "negative"))
    section.blocks.append(
        Words(
            f"Reference standard: {positive} positive and {negative} negative cases. A higher score means a higher "
            "suspicion. The area under the ROC curve (AUC) is the chance that a positive case gets a higher score than "
            "a negative one; 0.5 is guessing, 1 is perfect."
        )
    )
    for item in items[:MOST_ITEMS]:
        section.blocks += _of_item(context, item, headed=len(items) > 1, full=item == items[0])
    if len(items) > MOST_ITEMS:
        rest = listed([f"“{context.names.item(item)}”" for item in items[MOST_ITEMS:]])
        section.blocks.append(Words(f"The values of {rest} are in tables/roc_*.csv and tables/mrmc_*.csv.", "quiet"))
    return section


def _items(context: Context, endpoint: Endpoint | None) -> list[str]:
    """The items with an AUC, those that a protocol asks about if it does."""
    there = list(dict.fromkeys(row["item"] for row in context.found.of("roc.auc")))
    planned = [
        asked["item"]
        for asked in context.done.facts.get("endpoints", ())
        if asked["figure_of_merit"] in ("auc", "sensitivity", "specificity")
    ]
    chosen = [item for item in there if item in planned] or there
    first = endpoint.item if endpoint is not None else None
    return sorted(chosen, key=lambda item: item != first)


def _of_item(context: Context, item: str, headed: bool, full: bool) -> list[Block]:
    arms = context.ordered(dict.fromkeys(row["arm"] for row in context.found.of("roc.auc", item=item)))
    there = dict.fromkeys(row["reader"] for row in context.found.of("roc.auc", item=item))
    readers = [reader for reader in there if reader not in TOGETHER]
    if not readers:
        return []
    blocks: list[Block] = [Heading(f"Item “{context.names.item(item)}”")] if headed else []
    blocks += [by_reader(context, item, arms, readers), *curves(context, item, arms, readers)]
    pairs = list(combinations(arms, 2))
    for place, (first, second) in enumerate(pairs):
        blocks += differences(context, item, first, second, readers, place, draw=len(pairs) <= 3)
    blocks.append(thresholds(context, item, arms, readers))
    if full and context.found.of("mrmc.test", item=item):
        blocks += [methods(context, item, arms), components(context, item)]
    return blocks
