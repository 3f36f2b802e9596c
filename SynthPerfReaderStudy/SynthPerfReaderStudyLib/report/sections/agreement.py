"""How well readers agree with one another, and each with themselves."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from SynthPerfLib.evaluation.report import number

from ...ratings import Item, Ratings
from ...statistics.agreement import band
from ..blocks import Block, Cell, Heading, Picture, Section, Table, Words, missing, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..endpoint import Endpoint
from ..figures import heat
from ..found import Row, cell_of

MOST_READERS = 30
"""With more readers than this their pairs are in the CSV table only."""

MOST_PANELS = 6
"""Pairwise kappas of further items and arms are in the CSV table only."""

_KEYS = ("agreement.icc", "agreement.rwg", "agreement.kappa", "agreement.gwet", "agreement.krippendorff")


def agreement(context: Context, endpoint: Endpoint | None) -> Section | None:
    """Coefficients of every item and arm, the pairs of readers, repeated reads; None with one reader and no repeats."""
    ratings = context.ratings
    if ratings is None or not any(context.found.has(key) for key in _KEYS):
        return None
    section = Section("Agreement")
    table = between(context, ratings, list(ratings.items), "agreement", "Agreement between readers")
    if table is not None:
        section.blocks.append(table)
        section.blocks += _pairs(context, endpoint)
        error = _error(context, ratings)
        if error is not None:
            section.blocks.append(error)
    within = _within(context)
    if within is not None:
        section.blocks += [Heading("Each reader with themselves"), within]
    return section if section.blocks else None


def _ordered(item: Item) -> bool:
    """Whether kappas are weighted: the item has an order and more than two values."""
    return not item.words and len(np.unique(item.values[~np.isnan(item.values)])) > 2


def between(context: Context, ratings: Ratings, names: list[str], file: str, caption: str) -> Table | None:
    """The coefficients of these items in every arm; None if no item has a value."""
    body: list[Line] = []
    for name in names:
        item = ratings.items[name]
        arms = [
            arm
            for arm in context.ordered(ratings.arms)
            if not np.isnan(item.first[:, :, ratings.arms.index(arm)]).all()
        ]
        ordered = _ordered(item)
        for place, arm in enumerate(arms):
            where = {"item": name, "arm": arm}
            line: list[Cell | str] = [name_cell(context.names.item(name), rows=len(arms))] if place == 0 else []
            line.append(name_cell(context.names.arm(arm)))
            line.append(_banded(context, "agreement.icc", "ICC(2,1)", **where))
            line.append(_banded(context, "agreement.rwg", "uniform", **where))
            line.append(context.found.cell("agreement.kappa", "fleiss", where))
            gwet = "AC2_quadratic" if ordered else "AC1"
            line.append(context.found.cell("agreement.gwet", gwet, where))
            metric = "nominal" if item.words else "ordinal" if ordered else "nominal"
            line.append(context.found.cell("agreement.krippendorff", metric, where))
            percent = context.found.row("agreement.percent", "pairwise", **where)
            if percent is None or percent.get("estimate") is None:
                why = context.found.why("agreement.kappa", **where)
                line.append(missing((percent or {}).get("note") or why))
            else:
                line.append(f"{number(100 * percent['estimate'], 1)} %")
            body.append(line)
    if not body:
        return None
    head: Line = [
        Cell("Item", row_head=True),
        Cell("Arm", row_head=True),
        "ICC(2,1)",
        "r_wg",
        "Fleiss' kappa",
        "Gwet's AC",
        "Krippendorff's alpha",
        "Same answer",
    ]
    notes = [
        f"In brackets {context.level} % confidence intervals; 1 is perfect agreement, 0 no better than chance. Words "
        "for the level as in Wu et al. 2025: very good from 0.90, good from 0.70, fair from 0.50, poor below.",
        "ICC(2,1): two-way random effects, absolute agreement, one reader (complete cases). r_wg: mean over the "
        "cases, uniform null distribution. Gwet's AC: AC2 with quadratic weights for grades, AC1 otherwise. Alpha: "
        "ordinal for grades, nominal otherwise. Same answer: share of the pairs of readers who gave the same answer.",
        "The other forms (six ICCs, weighted kappas, Conger, Light, Kendall's W) are in tables/agreement_*.csv.",
    ]
    return Table(file, caption, [head], body, notes)


def _banded(context: Context, analysis: str, method: str, **where: str) -> Cell:
    row = context.found.row(analysis, method, **where)
    if row is None:
        return missing(context.found.why(analysis, **where))
    if row.get("estimate") is None:
        return missing(row.get("note") or "not determined")
    limits = analysis == "agreement.icc"
    cell = cell_of(row, limits=limits)
    return replace(cell, below=band(row["estimate"]))


def _pairs(context: Context, endpoint: Endpoint | None) -> list[Block]:
    """Squares of the pairwise kappas, the primary item first."""
    ratings = context.ratings
    assert ratings is not None
    if len(ratings.readers) > MOST_READERS:
        words = f"The kappas of all pairs of the {len(ratings.readers)} readers are in tables/agreement_kappa.csv."
        return [Words(words, "quiet")]
    first = None if endpoint is None else endpoint.item
    blocks: list[Block] = []
    for weighted in (True, False):
        method = "quadratic" if weighted else "unweighted"
        shown = []
        for name in sorted(ratings.items, key=lambda item: item != first):
            if _ordered(ratings.items[name]) != weighted:
                continue
            for arm in context.ordered(ratings.arms):
                rows = context.found.of("agreement.kappa", method=method, item=name, arm=arm)
                found = _matrix(rows, list(ratings.readers))
                if found is not None:
                    title = f"{context.names.item(name)}: {context.names.arm(arm)}"
                    shown.append(heat.Matrix(title, *found))
        if not shown:
            continue
        name = f"kappa_{method}"
        kind = "quadratic weights" if weighted else "unweighted"
        caption = f"Cohen's kappa ({kind}) of each pair of readers; a dash where it is not determined."
        if len(shown) > MOST_PANELS:
            caption += f" The first {MOST_PANELS} of {len(shown)}; all are in tables/agreement_kappa.csv."
        text = heat.matrices(shown[:MOST_PANELS], "kappa", name)
        blocks.append(Picture(name, caption, text, "Pairwise kappa of the readers"))
    return blocks


def _matrix(rows: list[Row], readers: list[str]) -> tuple[list[str], np.ndarray] | None:
    pairs = {(row["reader"], row["reader_b"]): row.get("estimate") for row in rows if "reader_b" in row}
    used = [reader for reader in readers if any(reader in pair for pair in pairs)]
    if len(used) < 2 or all(value is None for value in pairs.values()):
        return None
    values = np.full((len(used), len(used)), np.nan)
    for a, b in combinations(range(len(used)), 2):
        value = pairs.get((used[a], used[b]), pairs.get((used[b], used[a])))
        if value is not None:
            values[a, b] = values[b, a] = value
    return used, values


def _error(context: Context, ratings: Ratings) -> Table | None:
    body: list[Line] = []
    for name in ratings.items:
        for arm in context.ordered(ratings.arms):
            where = {"item": name, "arm": arm}
            error = context.found.row("agreement.sem", "agreement", **where)
            if error is None or error.get("estimate") is None:
                continue
            change = context.found.row("agreement.sdc", "agreement", **where)
            line: list[Cell | str] = [name_cell(context.names.item(name)), name_cell(context.names.arm(arm))]
            line.append(cell_of(error, limits=False))
            line.append(missing("not computed") if change is None else cell_of(change, limits=False))
            body.append(line)
    if not body:
        return None
    head: Line = [
        Cell("Item", row_head=True),
        Cell("Arm", row_head=True),
        "Standard error of measurement",
        "Smallest detectable change",
    ]
    notes = ["In points of the scale; between readers, absolute agreement (complete cases)."]
    return Table("measurement_error", "Measurement error between readers", [head], body, notes)


def _within(context: Context) -> Table | None:
    """Repeated reads."""
    ratings = context.ratings
    assert ratings is not None
    body: list[Line] = []
    for name, item in ratings.items.items():
        method = "quadratic" if _ordered(item) else "unweighted"
        for arm in context.ordered(ratings.arms):
            lines = []
            for reader in ratings.readers:
                where = {"item": name, "arm": arm, "reader": reader}
                icc = context.found.row("agreement.icc", "ICC(2,1)", **where)
                kappa = context.found.row("agreement.kappa", method, **where)
                if icc is None and kappa is None:
                    continue
                change = context.found.row("agreement.sdc", "agreement", **where)
                lines.append(
                    [
                        name_cell(reader),
                        missing("the answers are words without an order") if icc is None else cell_of(icc),
                        missing("more than 20 distinct values") if kappa is None else cell_of(kappa),
                        missing("only for numbers") if change is None else cell_of(change, limits=False),
                    ]
                )
            for place, line in enumerate(lines):
                first = [
                    name_cell(words, rows=len(lines)) for words in (context.names.item(name), context.names.arm(arm))
                ]
                body.append([*first, *line] if place == 0 else line)
    if not body:
        return None
    head: Line = [
        Cell("Item", row_head=True),
        Cell("Arm", row_head=True),
        Cell("Reader", row_head=True),
        "ICC(2,1)",
        "Kappa",
        "Smallest detectable change",
    ]
    notes = [
        f"First against repeated read of the same case, {context.level} % confidence intervals; kappa with quadratic "
        "weights for grades, unweighted otherwise."
    ]
    return Table("repeated_reads", "Agreement of each reader with themselves", [head], body, notes)
