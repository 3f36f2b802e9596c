"""How every figure looks, and how it becomes one SVG file."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color universal design": told apart by all common kinds of colour vision; yellow is left out
# because thin lines of it cannot be seen on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X")

WIDTH = 10.0
"""Inches of a figure over the whole page, which is shown 1000 px wide: 9.5 pt is then 13 px."""

QUIET = "#4a5160"
GRID = "#dfe3e8"

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a dollar sign in a reader's word is a dollar sign
    "svg.fonttype": "none",  # words stay words: they can be searched, read aloud, and edited by a journal
    "svg.hashsalt": "synthperf",
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of this size in inches, on no screen."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        yield figure


def svg(figure: Figure, name: str) -> str:
    """The figure as SVG, the same for the same data; its ids begin with ``name``, so that many fit on one page."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'( id="|(?:xlink:)?href="#|url\(#)', rf"\g<1>{name}-", text)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'


def colour(place: int) -> str:
    """Of the arm at this place."""
    return COLOURS[place % len(COLOURS)]


def line(place: int) -> Any:
    """Of the arm at this place, so that a grey print can be read."""
    return LINES[place % len(LINES)]


def marker(place: int) -> str:
    """Of the arm at this place."""
    return MARKERS[place % len(MARKERS)]


def wrapped(text: str, width: int, lines: int = 3) -> str:
    """The text in lines of at most ``width`` characters; what does not fit in ``lines`` ends with dots."""
    parts = textwrap.wrap(text, width, break_long_words=True) or [""]
    if len(parts) > lines:
        parts = [*parts[: lines - 1], textwrap.shorten(parts[lines - 1] + " " + parts[lines], width, placeholder="…")]
    return "\n".join(parts)


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the figure's left and upper edge."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - top - height
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Quiet lines behind the data."""
    axes.grid(axis=axis, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
