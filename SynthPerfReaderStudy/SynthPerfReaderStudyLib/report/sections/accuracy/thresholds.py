"""What the threshold of each reader does."""

from __future__ import annotations

import numpy as np

from ...blocks import Cell, Table, missing, name_cell
from ...blocks import Row as Line
from ...context import Context


def threshold_note(context: Context, item: str) -> str:
    """At which threshold sensitivity and specificity are."""
    if item in context.done.settings.thresholds:
        threshold = context.done.settings.thresholds[item]
        return f"Sensitivity and specificity at the pre-specified threshold: {threshold:g} or more is positive."
    if is_binary(context, item):
        return "Sensitivity and specificity of the answer itself: the item has two values."
    return (
        "Sensitivity and specificity at each reader's Youden threshold (largest sum of the two), found in these data: "
        "they are optimistic."
    )


def is_binary(context: Context, item: str) -> bool:
    """Whether an item has two values."""
    for table in (context.ratings, context.regions):
        if table is not None and item in table.items:
            found = table.items[item]
            return len(found.words) == 2 or len(np.unique(found.values[~np.isnan(found.values)])) == 2
    return False


def thresholds(context: Context, item: str, arms: list[str], readers: list[str]) -> Table:
    """What the threshold does: counts, predictive values, accuracy (STARD items 23 and 24)."""
    body: list[Line] = []
    for reader in readers:
        for number_, arm in enumerate(arms):
            place = {"item": item, "arm": arm, "reader": reader}
            line: list[Cell | str] = [name_cell(reader, rows=len(arms))] if number_ == 0 else []
            line.append(name_cell(context.names.arm(arm)))
            sensitivity = context.found.row("roc.sensitivity", "wilson", **place)
            specificity = context.found.row("roc.specificity", "wilson", **place)
            if sensitivity is None or specificity is None:
                why = context.found.why("roc.sensitivity", **place)
                body.append([*line, *[missing(why)] * 8])
                continue
            positive, negative = sensitivity["n_pos"], sensitivity["n_neg"]
            tp, tn = round(sensitivity["estimate"] * positive), round(specificity["estimate"] * negative)
            line.append("as answered" if is_binary(context, item) else f"≥ {sensitivity['threshold']:g}")
            line += [str(count) for count in (tp, positive - tp, negative - tn, tn)]
            line += [context.found.cell(f"roc.{share}", "wilson", place) for share in ("ppv", "npv", "accuracy")]
            body.append(line)
    head: Line = [
        Cell("Reader", row_head=True),
        Cell("Arm", row_head=True),
        "Positive if",
        "True\npositive",
        "False\nnegative",
        "False\npositive",
        "True\nnegative",
        "Positive\npredictive value",
        "Negative\npredictive value",
        "Accuracy",
    ]
    notes = [
        "Predictive values and accuracy hold for the share of positive cases in this sample only (Wilson intervals)."
    ]
    caption = f"Results at the threshold, item “{context.names.item(item)}”"
    return Table(f"thresholds_{context.slug(item)}", caption, [head], body, notes)
