"""ROC curves of each reader and of the average reader; differences of the AUC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import canvas

COLUMNS = 4
_SIDE, _GAP = 1.98, 0.44


@dataclass(frozen=True)
class Curve:
    """One arm in one panel.

    Attributes
    ----------
    arm
        Its place among the arms.
    fpr, tpr
        The curve, from (0, 0) to (1, 1).
    words
        AUC and interval.
    point
        False-positive and true-positive rate at the threshold.
    limits
        Ends of the intervals of the two rates, (fpr low, fpr high, tpr low, tpr high).
    """

    arm: int
    fpr: np.ndarray
    tpr: np.ndarray
    words: str
    point: tuple[float, float] | None = None
    limits: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """One reader, or the average reader (then ``bold``)."""

    title: str
    curves: Sequence[Curve]
    bold: bool = False


def average(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The curve of the average reader: the mean sensitivity at each false-positive rate.

    The area below it is the mean of the areas (Chen and Samuelson 2014, Br J Radiol 87:20140016).
    """
    grid = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    low, high = np.zeros(len(grid)), np.zeros(len(grid))
    for fpr, tpr in curves:
        own, first = np.unique(fpr, return_index=True)
        last = np.append(first[1:], len(fpr)) - 1
        begin, end = tpr[first], tpr[last]  # a curve rises straight at these rates
        place = np.minimum(np.searchsorted(own, grid, "right") - 1, len(own) - 2)
        share = (grid - own[place]) / (own[place + 1] - own[place])
        between = end[place] + share * (begin[place + 1] - end[place])
        exact = np.isin(grid, own)
        at = np.searchsorted(own, grid[exact])
        low[exact] += begin[at]
        high[exact] += end[at]
        low[~exact] += between[~exact]
        high[~exact] += between[~exact]
    number = len(curves)
    return np.repeat(grid, 2), np.stack([low, high], axis=1).ravel() / number


def roc_panels(panels: Sequence[Panel], arms: Sequence[str], name: str) -> str:
    """A panel for each reader, one curve an arm, the AUC with its interval in the corner."""
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    labels = [canvas.wrapped(arm, 110, 1) for arm in arms]
    legend = 0.2 * len(labels) + 0.12
    width = max(0.75 + columns * (_SIDE + _GAP), 5.2)
    height = legend + rows * (_SIDE + 0.64) + 0.2
    with canvas.canvas(width, height) as figure:
        for number, shown in enumerate(panels):
            row, column = divmod(number, columns)
            left = 0.65 + column * (_SIDE + _GAP)
            axes = canvas.panel(figure, left, legend + row * (_SIDE + 0.64) + 0.3, _SIDE, _SIDE)
            axes.plot([0, 1], [0, 1], color="#9aa1ac", linewidth=0.8, linestyle=(0, (2, 2)))
            for curve in shown.curves:
                colour = canvas.colour(curve.arm)
                axes.plot(
                    curve.fpr,
                    curve.tpr,
                    color=colour,
                    linestyle=canvas.line(curve.arm),
                    linewidth=2.0 if shown.bold else 1.5,
                    label=curve.words,
                    clip_on=False,
                    zorder=3,
                )
                if curve.point is not None:
                    _point(axes, curve)
            axes.set_title(
                canvas.wrapped(shown.title, 26, 1), loc="left", fontweight="bold" if shown.bold else "normal", pad=4
            )
            axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
            axes.set_xticklabels(("0", "0.5", "1"))
            axes.set_yticklabels(("0", "0.5", "1") if column == 0 else ("", "", ""))
            canvas.grid(axes)
            axes.legend(
                loc="lower right",
                bbox_to_anchor=(1.04, -0.02),
                fontsize=8,
                handlelength=1.6,
                labelspacing=0.25,
                handletextpad=0.5,
                borderaxespad=0,
            )
        figure.text(
            0.65 / width, 0.06 / height, "False-positive rate (1 \N{MINUS SIGN} specificity)", ha="left", va="bottom"
        )
        figure.text(0.06 / width, 0.5, "Sensitivity", rotation=90, ha="left", va="center")
        _legend(figure, labels)
        return canvas.svg(figure, name)


def _point(axes: canvas.Axes, curve: Curve) -> None:
    assert curve.point is not None
    x, y = curve.point
    colour = canvas.colour(curve.arm)
    if curve.limits is not None:
        low_x, high_x, low_y, high_y = curve.limits
        axes.plot([low_x, high_x], [y, y], color=colour, linewidth=0.8, zorder=4)
        axes.plot([x, x], [low_y, high_y], color=colour, linewidth=0.8, zorder=4)
    axes.plot(
        [x], [y], canvas.marker(curve.arm), color=colour, markersize=5, markeredgecolor="white", clip_on=False, zorder=5
    )


def _legend(figure: canvas.Figure, labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=canvas.colour(place),
            linestyle=canvas.line(place),
            marker=canvas.marker(place),
            markeredgecolor="white",
            label=label,
        )
        for place, label in enumerate(labels)
    ]
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.6 / width, 1 - 0.03 / height),
        borderaxespad=0,
        handlelength=3,
        labelspacing=0.25,
    )


@dataclass(frozen=True)
class Difference:
    """One line of a forest plot: a reader, or the average (then ``bold``)."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    bold: bool = False


def forest(lines: Sequence[Difference], axis: str, name: str, margin: float | None = None) -> str:
    """Differences with their intervals, one below the other.

    Parameters
    ----------
    margin
        Where a line of non-inferiority is drawn; the difference is new minus other.
    """
    longest = max(len(line.label) for line in lines)
    left = min(0.25 + 0.075 * min(longest, 44), 3.6)
    height = 0.26 * len(lines) + 0.95
    width = left + 5.6
    with canvas.canvas(width, height) as figure:
        axes = canvas.panel(figure, left, 0.28, 5.4, height - 0.88)
        axes.axvline(0, color="#6a7280", linewidth=0.9)
        if margin is not None:
            axes.axvline(-margin, color=canvas.COLOURS[1], linewidth=1.2, linestyle=(0, (4, 2)))
            axes.text(
                -margin,
                1.0,
                f" margin \N{MINUS SIGN}{margin:g}",
                transform=axes.get_xaxis_transform(),
                fontsize=8,
                va="bottom",
            )
        for place, line in enumerate(lines):
            if line.estimate is None:
                axes.text(0, place, " not determined", fontsize=8, va="center")
                continue
            if line.low is not None and line.high is not None:
                axes.plot([line.low, line.high], [place, place], color=canvas.COLOURS[0], linewidth=1.6)
            shape = "D" if line.bold else "o"
            axes.plot([line.estimate], [place], shape, color=canvas.COLOURS[0], markersize=7 if line.bold else 5)
        axes.set_yticks(range(len(lines)), [canvas.wrapped(line.label, 44, 1) for line in lines])
        for label, line in zip(axes.get_yticklabels(), lines, strict=True):
            label.set_fontweight("bold" if line.bold else "normal")
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(axis)
        canvas.grid(axes, "x")
        return canvas.svg(figure, name)
