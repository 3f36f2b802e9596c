"""Agreement of every pair of readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import canvas

MOST_NUMBERS = 12
"""With more readers than this the values are not written into the squares."""


@dataclass(frozen=True)
class Matrix:
    """Values of each pair of readers, (n, n); NaN where there is none."""

    title: str
    readers: Sequence[str]
    values: np.ndarray


def matrices(shown: Sequence[Matrix], words: str, name: str) -> str:
    """A square for each pair of readers, darker for a higher agreement; hatched where it is not determined."""
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    side = 2.45
    longest = max(len(reader) for matrix in shown for reader in matrix.readers)
    label = 0.2 + 0.07 * min(longest, 14)
    below = 0.3 if longest <= 3 else label
    step_x, step_y = side + label + 0.2, side + below + 0.6
    width, height = columns * step_x + 1.0, rows * step_y
    with canvas.canvas(max(width, 4.6), height) as figure:
        for number, matrix in enumerate(shown):
            row, column = divmod(number, columns)
            axes = canvas.panel(figure, column * step_x + label, row * step_y + 0.55, side, side)
            values = np.ma.masked_invalid(matrix.values)
            axes.set_facecolor("#eceef1")
            image = axes.pcolormesh(values, cmap=_scale(), vmin=0, vmax=1, edgecolors="white", linewidth=0.8)
            axes.set(xlim=(0, len(values)), ylim=(len(values), 0), aspect="equal")
            few = len(matrix.readers) <= MOST_NUMBERS
            if few:
                _numbers(axes, matrix.values)
            every = 1 if few else -(-len(matrix.readers) // 20)
            places = range(0, len(matrix.readers), every)
            names = [canvas.wrapped(matrix.readers[place], 14, 1) for place in places]
            middles = [place + 0.5 for place in places]
            axes.set_xticks(middles, names, rotation=90 if longest > 3 else 0, fontsize=8.5)
            axes.set_yticks(middles, names, fontsize=8.5)
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
            axes.set_title(canvas.wrapped(matrix.title, 34, 3), loc="left", fontsize=9.5, pad=4)
        bar = canvas.panel(figure, columns * step_x + 0.12, 0.55, 0.16, side)
        figure.colorbar(image, cax=bar, extend="min", ticks=(0, 0.25, 0.5, 0.75, 1))
        bar.set_title(words, fontsize=8.5, loc="left")
        return canvas.svg(figure, name)


def _scale() -> Any:
    """From white to dark blue: the darker, the better the agreement, also in a grey print."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = ["#f4f7fa", "#a9cbe6", "#3f8fc7", "#003f6b"]
    return LinearSegmentedColormap.from_list("agreement", ends, N=20)  # so few that the bar is drawn, not a picture


def _numbers(axes: canvas.Axes, values: np.ndarray) -> None:
    small = 8.5 if len(values) <= 7 else 6.5
    for (row, column), value in np.ndenumerate(values):
        if row == column:
            continue
        if np.isnan(value):
            axes.text(column + 0.5, row + 0.5, "\N{EN DASH}", ha="center", va="center", fontsize=small)
            continue
        text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
        colour = "white" if value > 0.55 else "black"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=small, color=colour)
