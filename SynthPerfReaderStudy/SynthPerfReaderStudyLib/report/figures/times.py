"""How long reads took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import canvas


@dataclass(frozen=True)
class Times:
    """Active seconds of one reader's reads in their order, and the place of the arm of each."""

    reader: str
    seconds: np.ndarray
    arms: np.ndarray


def reading_times(readers: Sequence[Times], arms: Sequence[str], name: str) -> str:
    """At the left a box for each reader and arm, at the right the times in the order of reading."""
    boxes = [(own, arm) for own in readers for arm in range(len(arms)) if (own.arms == arm).any()]
    labels = [canvas.wrapped(arm, 100, 1) for arm in arms]
    above = 0.2 * len(labels) + 0.25
    tall = max(2.6, 0.3 * len(boxes) + 0.3)
    height = above + tall + 0.6
    longest = max(len(own.reader) for own in readers)
    left = 0.35 + 0.075 * min(longest, 20)
    with canvas.canvas(canvas.WIDTH, height) as figure:
        axes = canvas.panel(figure, left, above, 5.0 - left, tall)
        drawn = axes.boxplot(
            [own.seconds[own.arms == arm] for own, arm in boxes],
            positions=range(len(boxes)),
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            manage_ticks=False,
            flierprops={"markersize": 2.5, "markeredgecolor": canvas.QUIET},
            medianprops={"color": "black", "linewidth": 1.4},
        )
        for patch, (_, arm) in zip(drawn["boxes"], boxes, strict=True):
            patch.set(facecolor=canvas.colour(arm), alpha=0.55, edgecolor="black", linewidth=0.7)
            patch.set_hatch(("", "///", "...", "xxx")[arm % 4])
        firsts = [place for place, (own, _) in enumerate(boxes) if place == 0 or boxes[place - 1][0] is not own]
        counts = [sum(own is boxes[place][0] for own, _ in boxes) for place in firsts]
        middles = [place + (count - 1) / 2 for place, count in zip(firsts, counts, strict=True)]
        axes.set_yticks(middles, [canvas.wrapped(boxes[place][0].reader, 20, 1) for place in firsts])
        axes.set_ylim(len(boxes) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Active reading time (s)")
        axes.set_xlim(left=0)
        canvas.grid(axes, "x")
        axes = canvas.panel(figure, 5.85, above, 3.9, tall)
        for own in readers:
            for arm in range(len(arms)):
                there = np.flatnonzero(own.arms == arm)
                axes.plot(
                    there + 1, own.seconds[there], canvas.marker(arm), color=canvas.colour(arm), markersize=3, alpha=0.6
                )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Number of the read (each reader's own order)")
        axes.set_ylabel("Active reading time (s)")
        canvas.grid(axes)
        _key(figure, labels)
        return canvas.svg(figure, name)


def _key(figure: canvas.Figure, labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    figure.legend(
        handles=[
            Line2D([], [], color=canvas.colour(place), marker=canvas.marker(place), linestyle="none", label=label)
            for place, label in enumerate(labels)
        ],
        loc="upper left",
        bbox_to_anchor=(0.3 / width, 1 - 0.02 / height),
        borderaxespad=0,
        labelspacing=0.25,
    )
