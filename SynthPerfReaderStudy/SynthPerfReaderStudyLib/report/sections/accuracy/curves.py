"""The ROC curves, a panel for each reader."""

from __future__ import annotations

from ...blocks import Block, Cell, Picture
from ...context import Context
from ...figures import roc
from ...found import Row
from .average import AVERAGE, average_cell

MOST_PANELS = 15
"""With more readers than this only the average reader is drawn."""


def curves(context: Context, item: str, arms: list[str], readers: list[str]) -> list[Block]:
    """A panel for the average reader, and one for each reader unless they are many; a curve for each arm."""
    panels = []
    places = {arm: place for place, arm in enumerate(arms)}
    if len(readers) > 1:
        averaged = []
        for arm in arms:
            own = [context.curves[key] for reader in readers if (key := (item, arm, reader)) in context.curves]
            if own:
                fpr, tpr = roc.average(own)
                words = _words(average_cell(context, item, arm, "auc", readers))
                averaged.append(roc.Curve(places[arm], fpr, tpr, words))
        panels.append(roc.Panel(AVERAGE, averaged, bold=True))
    for reader in readers if len(readers) <= MOST_PANELS else ():
        curves = []
        for arm in arms:
            if (item, arm, reader) not in context.curves:
                continue
            fpr, tpr = context.curves[item, arm, reader]
            place = {"item": item, "arm": arm, "reader": reader}
            words = _words(context.found.cell("roc.auc", "delong", place, 3))
            sensitivity = context.found.row("roc.sensitivity", "wilson", **place)
            specificity = context.found.row("roc.specificity", "wilson", **place)
            curve = roc.Curve(places[arm], fpr, tpr, words)
            if sensitivity is not None and specificity is not None:
                curve = roc.Curve(places[arm], fpr, tpr, words, *_operating_point(sensitivity, specificity))
            curves.append(curve)
        panels.append(roc.Panel(reader, curves))
    text = roc.roc_panels(panels, [context.names.arm(arm) for arm in arms], f"roc_{context.slug(item)}")
    caption = (
        f"ROC curves. In each panel the AUC with its {context.level} % confidence interval; marker and cross: "
        "sensitivity and specificity at the threshold of the table, with Wilson intervals. Dotted: guessing."
    )
    if len(readers) > 1:
        caption += " The average reader's curve is the mean sensitivity of the readers at each false-positive rate."
    if len(readers) > MOST_PANELS:
        caption += f" The curves of the {len(readers)} readers are in tables/roc_curves.csv."
    return [Picture(f"roc_{context.slug(item)}", caption, text, f"ROC curves of item {context.names.item(item)}")]


def _words(cell: Cell) -> str:
    return f"{cell.text} ({cell.limits})" if cell.limits else cell.text


def _operating_point(
    sensitivity: Row, specificity: Row
) -> tuple[tuple[float, float], tuple[float, float, float, float]]:
    point = (1 - specificity["estimate"], sensitivity["estimate"])
    limits = (1 - specificity["ci_high"], 1 - specificity["ci_low"], sensitivity["ci_low"], sensitivity["ci_high"])
    return point, limits
