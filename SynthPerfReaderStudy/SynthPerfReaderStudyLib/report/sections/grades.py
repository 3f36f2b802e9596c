"""Scores and grades: how they are distributed, their means, arms against one another."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from SynthPerfLib.evaluation.report import number, p_value

from ...ratings import Item, Ratings
from ..blocks import Block, Cell, Picture, Section, Table, missing, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..figures import bars
from ..found import Row, cell_of
from ..words import MINUS, NBSP, mean_sd

MOST_LEVELS = 11
"""A score with more distinct values is no grade: it has no bars."""

MOST_BARS = 44
"""With more bars than this in a figure the single readers are left out."""

_WIDEST = 8
"""Columns of readers and arms beside one another; beyond this the readers stand below one another."""


def grades(context: Context) -> Section | None:
    """Distributions, means and comparisons of every item; None without ratings."""
    ratings = context.ratings
    if ratings is None:
        return None
    section = Section("Scores and grades")
    section.blocks += _bars(context, ratings)
    numeric = [name for name, item in ratings.items.items() if not item.words]
    if numeric:
        section.blocks.append(means(context, ratings, numeric, "scores", "Scores by reader and arm"))
    graded = [name for name in ratings.items if 2 <= len(_levels(context, name, ratings.items[name])) <= MOST_LEVELS]
    if graded:
        section.blocks.append(_counts(context, ratings, graded))
    compared = _comparisons(context, ratings, numeric)
    if compared is not None:
        section.blocks.append(compared)
    return section if section.blocks else None


def _levels(context: Context, name: str, item: Item) -> list[float]:
    """The points of an item's scale: the protocol's, else the whole numbers between the observed ends."""
    if item.words:
        return [float(place) for place in range(len(item.words))]
    seen = np.unique(item.values[~np.isnan(item.values)])
    if not len(seen) or np.any(seen != np.round(seen)):
        return []
    low, high = context.done.settings.scales.get(name, (seen[0], seen[-1]))
    low, high = min(low, seen[0]), max(high, seen[-1])
    return [float(level) for level in np.arange(low, high + 1)] if high - low < MOST_LEVELS else []


def _labels(context: Context, name: str, item: Item, levels: list[float]) -> list[str]:
    if item.words:
        return [context.names.answer(name, word) for word in item.words]
    anchors = context.names.anchors.get(name, {})
    return [f"{level:g} {anchors.get(level, '')}".strip() for level in levels]


def _tally(values: np.ndarray, levels: list[float]) -> np.ndarray:
    found: np.ndarray = (values.reshape(-1, 1) == np.array(levels)).sum(axis=0)
    return found


def _bars(context: Context, ratings: Ratings) -> list[Block]:
    """One figure for the items of each scale."""
    scales: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for name, item in ratings.items.items():
        levels = _levels(context, name, item)
        if 2 <= len(levels) <= MOST_LEVELS:
            scales.setdefault((not item.words, tuple(_labels(context, name, item, levels))), []).append(name)
    blocks: list[Block] = []
    for place, ((ordered, labels), names) in enumerate(scales.items()):
        each = len(ratings.arms) * (1 + len(ratings.readers))
        single = len(ratings.readers) > 1 and each * len(names) <= MOST_BARS
        groups = [_group(context, ratings, name, single) for name in names]
        file = f"grades_{place + 1}" if len(scales) > 1 else "grades"
        text = bars.stacked(groups, labels, file, ordered=ordered)
        caption = "Distribution of the answers in per cent; n: answers, first reads."
        if ordered:
            caption += " Each bar is centred on the middle of the scale: further to the right means higher grades."
            if any(name not in context.done.settings.scales for name in names):
                caption += " The scale runs from the lowest to the highest grade that was given."
        if not single and len(ratings.readers) > 1:
            caption += " All readers together."
        alt = f"Stacked bars of {', '.join(context.names.item(name) for name in names)}"
        blocks.append(Picture(file, caption, text, alt))
    return blocks


def _group(context: Context, ratings: Ratings, name: str, single: bool) -> bars.Group:
    item = ratings.items[name]
    levels = _levels(context, name, item)
    shown = []
    for arm in context.ordered(ratings.arms):
        title = context.names.arm(arm)
        values = item.first[:, :, ratings.arms.index(arm)]
        if np.isnan(values).all():
            continue
        shown.append(bars.Bar(title, _tally(values, levels)))
        for index, reader in enumerate(ratings.readers if single else ()):
            if not np.isnan(values[index]).all():
                shown.append(bars.Bar(reader, _tally(values[index], levels), quiet=True))
    return bars.Group(context.names.item(name), shown)


def _spread(values: np.ndarray) -> Cell:
    values = values[~np.isnan(values)]
    if not len(values):
        return missing("no answer")
    if len(values) < 2:
        return Cell(number(float(values[0])), why="one answer has no SD")
    return Cell(mean_sd(float(values.mean()), float(values.std(ddof=1))))


def means(context: Context, ratings: Ratings, names: list[str], file: str, caption: str) -> Table:
    """The per-rater table of QS-Net: mean and SD of each reader and of all, arm by arm."""
    several = len(ratings.readers) > 1
    readers = [*ratings.readers, "Overall"] if several else list(ratings.readers)
    arms = context.ordered(ratings.arms)
    places = [ratings.arms.index(arm) for arm in arms]
    notes = ["Mean ± SD over the first reads."]
    if several:
        notes.append("Overall: all answers of all readers together.")
    if len(readers) * len(ratings.arms) <= _WIDEST:
        head: list[Line] = [
            [
                Cell("Item", rows=2, row_head=True),
                *[Cell(context.names.arm(arm), span=len(readers)) for arm in arms],
            ],
            [reader for _ in ratings.arms for reader in readers],
        ]
        body: list[Line] = []
        for name in names:
            line: list[Cell | str] = [name_cell(context.names.item(name))]
            for place in places:
                values = ratings.items[name].first[:, :, place]
                line += [_spread(own) for own in values]
                line += [_spread(values)] if several else []
            body.append(line)
        return Table(file, caption, head, body, notes)
    head = [[Cell("Item", row_head=True), Cell("Reader", row_head=True), *map(context.names.arm, arms)]]
    body = []
    for name in names:
        values = ratings.items[name].first
        for place, reader in enumerate(readers):
            line = [name_cell(context.names.item(name), rows=len(readers))] if place == 0 else []
            own = values if place == len(ratings.readers) else values[place]
            line += [name_cell(reader), *[_spread(own[..., arm]) for arm in places]]
            body.append(line)
    return Table(file, caption, head, body, notes)


def _counts(context: Context, ratings: Ratings, names: list[str]) -> Table:
    """Number and share of the answers with each grade, as Wu et al. 2025 report image quality."""
    arms = context.ordered(ratings.arms)
    body: list[Line] = []
    for name in names:
        item = ratings.items[name]
        levels = _levels(context, name, item)
        for place, (label, level) in enumerate(zip(_labels(context, name, item, levels), levels, strict=True)):
            line: list[Cell | str] = []
            if place == 0:
                line.append(name_cell(context.names.item(name), rows=len(levels)))
            line.append(name_cell(label))
            for arm in arms:
                values = item.first[:, :, ratings.arms.index(arm)]
                total = int((~np.isnan(values)).sum())
                number_ = int((values == level).sum())
                cell = Cell(f"{100 * number_ / total:.1f} % ({number_}/{total})") if total else missing("no answer")
                line.append(cell)
            body.append(line)
    head: Line = [Cell("Item", row_head=True), Cell("Answer", row_head=True), *map(context.names.arm, arms)]
    return Table("grades", "How often each answer was given, all readers together", [head], body)


def _comparisons(context: Context, ratings: Ratings, names: list[str]) -> Table | None:
    """Arms against one another, averaged over readers case by case."""
    body: list[Line] = []
    arms = context.ordered(ratings.arms)
    several = len(arms) > 2
    found = context.found
    for name in names:
        whole = {"item": name, "reader": "average"}
        rows = [(pair, _of_pair(context, pair, whole)) for pair in combinations(arms, 2)]
        shown = [(pair, found_) for pair, found_ in rows if found_ is not None]
        for place, ((first, second), (mean, rank)) in enumerate(shown):
            line: list[Cell | str] = [name_cell(context.names.item(name), rows=len(shown))] if place == 0 else []
            if several:
                line.append(name_cell(f"{context.names.arm(first)} {MINUS} {context.names.arm(second)}"))
            line += [cell_of(mean), _p(mean), _p(rank)]
            if several:
                line.append(_p(found.pair("comparison", "holm", first, second, **whole), "one pair only"))
            mixed = found.pair("comparison", "ordinal_mixed", first, second, item=name)
            why = found.why("comparison.ordinal_mixed", item=name)
            line += [missing(why), missing(why)] if mixed is None else [_odds(mixed), _p(mixed)]
            body.append(line)
    if not body:
        return None
    head: list[Cell | str] = [Cell("Item", row_head=True)]
    if several:
        head.append(Cell("Arms", row_head=True))
    head += [f"Mean difference ({context.level} % CI)", f"p\n(t{NBSP}test)", f"p\n(rank{NBSP}test)"]
    if several:
        head.append("p\n(Holm)")
    head += [f"Odds ratio of a higher grade ({context.level} % CI)", f"p\n(mixed{NBSP}model)"]
    which = "" if several else f", “{context.names.arm(arms[0])}” minus “{context.names.arm(arms[1])}”"
    notes = [
        "Each case counts once, with the mean over the readers who read it in both arms: paired t test and Wilcoxon "
        "signed-rank test; for arms without a common case Welch's t test and the Mann-Whitney test.",
        "Mixed model: cumulative logit, arms fixed, cases and readers random and crossed.",
    ]
    if several:
        notes.append("Holm: p of the first test listed in tables/comparison.csv, adjusted over the pairs of arms.")
    return Table("comparison_of_arms", f"Comparison of the arms{which}", [head], body, notes)


def _of_pair(context: Context, arms: tuple[str, str], where: dict[str, str]) -> tuple[Row, Row | None] | None:
    """The test of means and the test of ranks of two arms; None if they were not compared."""
    for mean, rank in (("paired_t", "wilcoxon"), ("welch_t", "mann_whitney")):
        found = context.found.pair("comparison", mean, *arms, **where)
        if found is not None:
            return found, context.found.pair("comparison", rank, *arms, **where)
    return None


def _p(row: Row | None, why: str = "not computed") -> Cell:
    if row is None:
        return missing(why)
    return Cell(p_value(row["p"])) if row.get("p") is not None else missing(row.get("note") or why)


def _odds(row: Row) -> Cell:
    ends = [row.get(key) for key in ("estimate", "ci_low", "ci_high")]
    if any(end is None for end in ends):
        return missing(row.get("note") or "not determined")
    value, low, high = (number(math.exp(end)) if end < 50 else "> 1e21" for end in ends if end is not None)
    return Cell(value, limits=f"{low}\N{EN DASH}{high}")
