"""Grades as stacked bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import canvas


@dataclass(frozen=True)
class Bar:
    """One bar: how often each level was given; ``quiet`` for a single reader below the bar of all."""

    label: str
    counts: np.ndarray
    quiet: bool = False


@dataclass(frozen=True)
class Group:
    """The bars of one item."""

    title: str
    bars: Sequence[Bar]


def stacked(groups: Sequence[Group], levels: Sequence[str], name: str, *, ordered: bool) -> str:
    """Shares of the grades in per cent.

    Parameters
    ----------
    levels
        The scale's points, from the lowest to the highest, or the possible answers.
    ordered
        Whether the levels have an order: the bars then diverge from the middle of the scale, lower grades to the left.
    """
    colours = _diverging(len(levels)) if ordered else [canvas.colour(place) for place in range(len(levels))]
    bars = sum(len(group.bars) for group in groups)
    labels = [bar.label for group in groups for bar in group.bars]
    left = min(0.35 + 0.068 * min(max(map(len, labels)), 46), 3.5)
    legend_rows = -(-sum(len(level) + 6 for level in levels) // 110)
    above = 0.24 * legend_rows + 0.1
    height = above + 0.24 * bars + 0.3 * len(groups) + 0.6
    with canvas.canvas(canvas.WIDTH, height) as figure:
        axes = canvas.panel(figure, left, above, canvas.WIDTH - left - 0.75, height - above - 0.55)
        place, ticks, low, high = 0.0, [], 0.0, 0.0
        for group in groups:
            axes.text(
                0,
                place,
                canvas.wrapped(group.title, 110, 1),
                fontweight="bold",
                va="center",
                transform=axes.get_yaxis_transform(),
            )
            place += 1.0
            for bar in group.bars:
                ends = _draw(axes, bar, place, colours, ordered)
                low, high = min(low, ends[0]), max(high, ends[1])
                ticks.append((place, bar))
                place += 0.82
            place += 0.28
        axes.set_ylim(place - 0.4, -0.6)
        axes.set_yticks([at for at, _ in ticks], [canvas.wrapped(bar.label, 46, 1) for _, bar in ticks])
        for label, (_, bar) in zip(axes.get_yticklabels(), ticks, strict=True):
            label.set(fontsize=8.5 if bar.quiet else 9.5, color=canvas.QUIET if bar.quiet else "black")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        start, end = (min(low, -1), max(high, 1)) if ordered else (0, 100)
        axes.set_xlim(start, end)
        for at, bar in ticks:
            words = f"n = {int(bar.counts.sum())}"
            axes.text(1.008, at, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
        step = 25 if end - start > 60 else 10
        marks = np.arange(np.ceil(start / step) * step, end + 1e-9, step)
        axes.set_xticks(marks, [f"{abs(mark):.0f}" for mark in marks])
        words = "Share of the answers (%)"
        axes.set_xlabel(f"{words}, diverging from the middle of the scale" if ordered else words)
        canvas.grid(axes, "x")
        if ordered:
            axes.axvline(0, color="#6a7280", linewidth=0.9)
        _key(figure, levels, colours)
        return canvas.svg(figure, name)


def _draw(axes: canvas.Axes, bar: Bar, place: float, colours: Sequence[str], ordered: bool) -> tuple[float, float]:
    total = bar.counts.sum()
    if total == 0:
        axes.text(0, place, " no answer", va="center", fontsize=8)
        return 0.0, 0.0
    shares = 100 * bar.counts / total
    middle = (len(shares) - 1) / 2
    below = shares[: int(np.ceil(middle))].sum() + (shares[int(middle)] / 2 if len(shares) % 2 else 0)
    at = start = -below if ordered else 0.0
    for level, share in enumerate(shares):
        if share == 0:
            continue
        axes.barh(place, share, 0.66, left=at, color=colours[level], edgecolor="white", linewidth=0.6)
        if share >= 6:
            dark = _is_dark(colours[level])
            axes.text(
                at + share / 2,
                place,
                f"{share:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
        at += share
    return start, at


def _key(figure: canvas.Figure, levels: Sequence[str], colours: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    rows = -(-sum(len(level) + 6 for level in levels) // 110)
    figure.legend(
        handles=[Patch(facecolor=colour, label=level) for colour, level in zip(colours, levels, strict=True)],
        loc="upper left",
        bbox_to_anchor=(0.1 / width, 1 - 0.02 / height),
        ncols=-(-len(levels) // rows),
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.4,
    )


def _diverging(number: int) -> list[str]:
    """From vermilion over grey to blue; lightness is symmetric, the number in each part tells the sides apart."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ends = ["#b34e00", "#e9a76b", "#d9dce1", "#7db4dc", "#005a94"]
    scale = LinearSegmentedColormap.from_list("grades", ends)
    return [to_hex(scale(place)) for place in np.linspace(0, 1, number)]


def _is_dark(colour: str) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
