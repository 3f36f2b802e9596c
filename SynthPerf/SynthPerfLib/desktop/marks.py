"""What is written into a slice view: sides of the patient, slice position, name of the image, value at the cursor."""

from __future__ import annotations

from typing import Any

import numpy as np

from .colours import Bar, text_actor

_SIDES = (("L", "R"), ("P", "A"), ("I", "S"))  # towards minus and plus along the axes of RAS
_OBLIQUE = 0.35  # a second letter is written where the view is turned by more than 20 degrees

_PLACES = {
    # where, and which side of the text is there
    "title": (0.02, 0.985, "Left", "Top"),
    "use": (0.02, 0.015, "Left", "Bottom"),  # a line above the position
    "position": (0.02, 0.015, "Left", "Bottom"),
    "value": (0.98, 0.015, "Right", "Bottom"),
    "left": (0.02, 0.5, "Left", "Centered"),
    "right": (0.985, 0.5, "Right", "Centered"),
    "top": (0.5, 0.985, "Centered", "Top"),
    "bottom": (0.5, 0.015, "Centered", "Bottom"),
}
_TEXT, _LETTER = 14, 16  # px


class Marks:
    """The texts of one slice view.

    Parameters
    ----------
    renderer
        vtkRenderer of the view.
    scale
        Device pixels to one pixel of the window system.
    """

    def __init__(self, renderer: Any, scale: float = 1.0) -> None:
        self._renderer = renderer
        self._actors: dict[str, Any] = {}
        self._bar: Bar | None = None
        self._scale = scale
        for name, (x, y, across, along) in _PLACES.items():
            size = _LETTER if name in ("left", "right", "top", "bottom") else _TEXT
            actor = self._actors[name] = text_actor(x, y, across, along, scale, size=size)
            actor.VisibilityOff()
            renderer.AddViewProp(actor)

    def write(self, **texts: str) -> None:
        """Change texts: ``title``, ``use``, ``position``, ``value``."""
        for name, text in texts.items():
            self._actors[name].SetInput(f"{text}\n " if name == "use" else text)
            self._actors[name].SetVisibility(bool(text))

    def place(self, slice_node: Any) -> None:
        """Write the sides and the position of the slice that the view shows now."""
        matrix = slice_node.GetSliceToRAS()
        axes = np.array([[matrix.GetElement(row, column) for column in range(3)] for row in range(3)])
        offset = slice_node.GetSliceOffset()
        self.write(
            left=side(-axes[:, 0]),
            right=side(axes[:, 0]),
            bottom=side(-axes[:, 1]),
            top=side(axes[:, 1]),
            position=f"{side(axes[:, 2] if offset >= 0 else -axes[:, 2])} {abs(offset):.1f} mm",
        )

    def bar(self, name: str | None, unit: str = "", range: tuple[float, float] = (0.0, 1.0)) -> None:
        """Draw the colour bar of a table; None draws none."""
        if self._bar is not None:
            self._bar.remove()
        self._bar = None if name is None else Bar(self._renderer, name, unit, range, self._scale)

    def texts(self) -> dict[str, str]:
        """What is written now; empty texts left out. The labels of the colour bar are joined by a blank."""
        written = {n: actor.GetInput().rstrip() for n, actor in self._actors.items() if actor.GetVisibility()}
        return written if self._bar is None else {**written, "bar": " ".join(self._bar.labels)}

    def remove(self) -> None:
        """Take everything out of the view."""
        self.bar(None)
        for actor in self._actors.values():
            self._renderer.RemoveViewProp(actor)


def side(direction: np.ndarray) -> str:
    """The side of the patient that a RAS direction points to: ``R``, ``LA``, ..., the nearest first."""
    letters = [
        (abs(part), pair[0 if part < 0 else 1])
        for part, pair in zip(direction, _SIDES, strict=True)
        if abs(part) > _OBLIQUE
    ]
    return "".join(letter for _, letter in sorted(letters, key=lambda item: -item[0])[:2])
