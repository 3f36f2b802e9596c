"""The way of the cases through the study, as STARD 2015 draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import canvas

_LINE, _EDGE = 0.175, 0.1  # inches
_WIDE, _BESIDE, _MOST = 3.5, 4.2, 3.1
_GAP, _FORK = 0.3, 0.45


@dataclass(frozen=True)
class Step:
    """One box, and what left the way before it.

    Attributes
    ----------
    lines
        Text of the box; the first line is bold.
    left_out
        Lines of the box beside the arrow that leads here; empty if nothing was left out.
    """

    lines: Sequence[str]
    left_out: Sequence[str] = ()


class _Box:
    """Lines wrapped to the width of their box."""

    def __init__(self, lines: Sequence[str], width: float, title: bool = True) -> None:
        letters = int((width - 2 * _EDGE) / 0.078)
        wrapped = [canvas.wrapped(line, letters).split("\n") for line in lines]
        self.bold = len(wrapped[0]) if title and wrapped else 0
        self.lines = [part for parts in wrapped for part in parts]
        self.width, self.height = width, 2 * _EDGE + _LINE * len(self.lines)

    def draw(self, axes: canvas.Axes, x: float, y: float, height: float | None = None) -> None:
        """Draw it with its upper left corner at (x, y)."""
        from matplotlib.patches import Rectangle

        face = "#f1f5fa" if self.bold else "white"
        box = Rectangle(
            (x, y), self.width, height or self.height, facecolor=face, edgecolor=canvas.QUIET, linewidth=0.9
        )
        axes.add_patch(box)
        for number, line in enumerate(self.lines):
            weight = "bold" if number < self.bold else "normal"
            middle = y + _EDGE + _LINE * (number + 0.5)
            axes.text(x + _EDGE, middle, line, va="center", fontsize=9, fontweight=weight)


def flow(steps: Sequence[Step], ends: Sequence[Sequence[str]], name: str) -> str:
    """Boxes from top to bottom, what was left out beside them, the last row one box an arm.

    Parameters
    ----------
    ends
        Lines of each box of the last row.
    """
    pitch = min(_MOST + 0.15, (canvas.WIDTH - 0.1) / len(ends))
    arms = [_Box(lines, pitch - 0.15) for lines in ends]
    boxes = [_Box(step.lines, _WIDE) for step in steps]
    beside = [_Box(step.left_out, _BESIDE, title=False) if step.left_out else None for step in steps]
    gaps = [_GAP + (box.height if box else 0.0) for box in beside]
    last = max(box.height for box in arms)
    height = 0.1 + sum(box.height for box in boxes) + sum(gaps[1:]) + _FORK + last
    middle = 0.05 + max(_WIDE, pitch * len(arms)) / 2
    with canvas.canvas(canvas.WIDTH, height) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, canvas.WIDTH), ylim=(height, 0))
        axes.axis("off")
        y = 0.05
        for number, (box, side, gap) in enumerate(zip(boxes, beside, gaps, strict=True)):
            if number:
                _arrow(axes, middle, y, middle, y + gap)
                if side is not None:
                    _arrow(axes, middle, y + gap / 2, middle + 0.35, y + gap / 2)
                    side.draw(axes, middle + 0.35, y + (gap - side.height) / 2)
                y += gap
            box.draw(axes, middle - _WIDE / 2, y)
            y += box.height
        for number, box in enumerate(arms):
            x = middle + (number - (len(arms) - 1) / 2) * pitch
            axes.plot([middle, middle, x], [y, y + 0.2, y + 0.2], color=canvas.QUIET, linewidth=1)
            _arrow(axes, x, y + 0.2, x, y + _FORK)
            box.draw(axes, x - box.width / 2, y + _FORK, last)
        return canvas.svg(figure, name)


def _arrow(axes: canvas.Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    axes.annotate(
        "", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "-|>", "color": canvas.QUIET, "shrinkA": 0, "shrinkB": 0}
    )
