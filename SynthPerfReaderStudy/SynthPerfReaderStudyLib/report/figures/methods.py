"""Two measurements of the same cases: regression and Bland-Altman."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import canvas

Line = tuple[float, float]
"""Slope and intercept."""


@dataclass(frozen=True)
class Limit:
    """A horizontal line of a Bland-Altman plot with its interval; None where there is none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Pair:
    """One comparison.

    Attributes
    ----------
    x, y
        (n,) values of the two methods.
    lines
        Regression of y on x by name.
    bias, lower, upper
        Bias and limits of agreement of x - y; None if there are none.
    trend
        Slope and intercept of the difference on the mean.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    lines: Mapping[str, Line]
    bias: Limit | None
    lower: Limit | None
    upper: Limit | None
    trend: Line | None = None


def pair_plots(pair: Pair, x_words: str, y_words: str, unit: str, name: str) -> str:
    """Regression at the left, Bland-Altman at the right.

    Parameters
    ----------
    x_words, y_words
        What the two methods are called.
    unit
        Of both.
    """
    height = 4.35
    with canvas.canvas(canvas.WIDTH, height) as figure:
        axes = canvas.panel(figure, 0.75, 0.42, 3.55, 3.3)
        _regression(axes, pair, x_words, y_words, unit)
        axes = canvas.panel(figure, 5.25, 0.42, 3.7, 3.3)
        _bland_altman(axes, pair, x_words, y_words, unit)
        return canvas.svg(figure, name)


def _regression(axes: canvas.Axes, pair: Pair, x_words: str, y_words: str, unit: str) -> None:
    both = np.concatenate([pair.x, pair.y])
    low, high = float(both.min()), float(both.max())
    edge = 0.05 * (high - low) or 1.0
    ends = np.array([low - edge, high + edge])
    axes.plot(ends, ends, color="#9aa1ac", linestyle=(0, (2, 2)), linewidth=1, label="identity (y = x)")
    _cases(axes, pair.x, pair.y)
    across = np.array([pair.x.min(), pair.x.max()])
    for number, (words, (slope, intercept)) in enumerate(pair.lines.items()):
        colour = (canvas.COLOURS[1], canvas.COLOURS[2], canvas.COLOURS[6])[number % 3]
        axes.plot(
            across, intercept + slope * across, color=colour, linestyle=canvas.line(number), label=words, zorder=4
        )
    axes.set(xlim=ends, ylim=ends)
    axes.set_xlabel(f"{canvas.wrapped(x_words, 40, 1)} ({unit})")
    axes.set_ylabel(f"{canvas.wrapped(y_words, 40, 1)} ({unit})")
    axes.set_title(f"{canvas.wrapped(pair.title, 40, 1)}, n = {len(pair.x)}", loc="left")
    axes.legend(loc="upper left", fontsize=8, borderaxespad=0.1, labelspacing=0.25)
    canvas.grid(axes)


def _bland_altman(axes: canvas.Axes, pair: Pair, x_words: str, y_words: str, unit: str) -> None:
    mean, difference = (pair.x + pair.y) / 2, pair.x - pair.y
    _cases(axes, mean, difference)
    labels = ((pair.upper, "upper limit"), (pair.bias, "bias"), (pair.lower, "lower limit"))
    axes.axhline(0, color="#9aa1ac", linestyle=(0, (2, 2)), linewidth=1)
    for limit, words in labels:
        if limit is None:
            continue
        bold = words == "bias"
        colour = canvas.COLOURS[1] if bold else "black"
        if limit.low is not None and limit.high is not None:
            axes.axhspan(limit.low, limit.high, color=canvas.COLOURS[1] if bold else "#6a7280", alpha=0.13, linewidth=0)
        axes.axhline(limit.value, color=colour, linewidth=1.4, linestyle="-" if bold else (0, (5, 2)))
        number = f"{limit.value:.3g}".replace("-", "\N{MINUS SIGN}")
        axes.text(
            1.015, limit.value, f"{words}\n{number}", transform=axes.get_yaxis_transform(), va="center", fontsize=8
        )
    if pair.trend is not None:
        slope, intercept = pair.trend
        ends = np.array([mean.min(), mean.max()])
        axes.plot(ends, intercept + slope * ends, color=canvas.COLOURS[2], linestyle=(0, (1, 1.2)), label="trend")
        axes.legend(loc="upper left", fontsize=8, borderaxespad=0.1)
    axes.margins(y=0.12)
    axes.set_xlabel(f"Mean of the two ({unit})")
    axes.set_ylabel(f"{canvas.wrapped(x_words, 22, 1)} \N{MINUS SIGN} {canvas.wrapped(y_words, 22, 1)} ({unit})")
    axes.set_title("Bland-Altman: difference against mean", loc="left")
    canvas.grid(axes)


def _cases(axes: canvas.Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(x, y, "o", color=canvas.COLOURS[0], markersize=4.5, alpha=0.75, zorder=3)
