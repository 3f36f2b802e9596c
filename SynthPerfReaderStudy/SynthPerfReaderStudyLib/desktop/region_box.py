"""One kind of region as it is asked for: how many are drawn, which is next, what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from ..drawing import Place, place_of, title_of
from ..view import View, Wanted
from .box import frame, optional
from .look import button, empty, label, restyle, row

_OPEN, _DRAWN = "\u2013", "\u2713"


class Regions:
    """One kind of region: how many are drawn, which is drawn next, warnings, why it cannot be drawn."""

    def __init__(
        self,
        number: int,
        wanted: Sequence[Wanted],
        view: View,
        colour: str,
        does: Callable[..., Any],
        marked: Callable[[str], Any],
    ) -> None:
        task = wanted[0].task
        self.id, self.required = task.id, task.required
        self._title, self._number, self._does, self._marked = task.title, number, does, marked
        self.widget = frame("", task.required, task.help)
        self._legend = self.widget.layout().itemAt(0).widget()
        self._legend.setStyleSheet(f"color: {colour};")
        self._places: dict[Place, Any] = {}
        by_map: dict[str, list[Any]] = {}
        for one in wanted:
            made = button("", self._arming(place_of(one)))
            made.setCheckable(True)
            made.setToolTip(f"Draw {title_of(one)} on {view.images[one.map].label}")
            self._places[place_of(one)] = made
            by_map.setdefault(one.map, []).append(made)
        for name, buttons in by_map.items():
            words = [label(view.images[name].label, "soft", wraps=False)] if len(by_map) > 1 else []
            self.widget.layout().addLayout(row(*words, *buttons, None))
        self._notes = qt.QVBoxLayout()
        self.widget.layout().addLayout(self._notes)
        self._why = qt.QLineEdit()
        self._why.setPlaceholderText("cannot be drawn, because …")
        self._why.setMaxLength(200)
        self._why.connect("editingFinished()", self.flush)
        self.widget.layout().addWidget(self._why)
        self._reason = ""

    def update(self, wanted: Sequence[Wanted], view: View, armed: Place | None) -> None:
        """Show what is drawn now, and which one is drawn next."""
        done = sum(one.region is not None for one in wanted)
        self._legend.setText(f"{self._number}  {self._title}   {done}/{len(wanted)}{optional(self.required)}")
        self._reason = wanted[0].not_assessable
        if not self._why.hasFocus():
            self._why.setText(self._reason)
        self._open = any(one.region is None and not one.not_assessable for one in wanted)
        empty(self._notes)
        for one in wanted:
            place = place_of(one)
            made = self._places[place]
            made.setText(f"{one.number} {_OPEN if one.region is None else _DRAWN}")
            made.setChecked(place == armed)
            for name, numbers in one.measurements.items():
                image = view.images[name]
                words = f"{one.number}: {image.label} mean {numbers['mean']:.3g} {image.unit}".strip()
                self._notes.addWidget(label(words, "soft"))
            for warning in one.warnings:
                assert one.region is not None
                self._notes.addWidget(label(warning.replace(one.region.name, title_of(one)), "warn"))

    @property
    def is_open(self) -> bool:
        """Whether something must still be drawn."""
        return bool(self.required and self._open)

    def _arming(self, place: Place) -> Callable[[], Any]:
        return lambda: self._does("arm", self.id, place)

    def mark(self, on: bool) -> None:
        """Show that it is its turn."""
        restyle(self.widget, "marked" if on else "question")
        if on:
            next(iter(self._places.values())).setFocus()

    def digit(self, number: int) -> None:
        """Draw the region of this number next."""
        place = next((place for place in self._places if place.number == number), None)
        if place is not None:
            self._does("arm", self.id, place)

    def open_reasons(self) -> None:
        """Write why it cannot be drawn."""
        self._marked(self.id)
        self._why.setFocus()

    def flush(self) -> None:
        """Say why it cannot be drawn."""
        words = self._why.text.strip()
        if words != self._reason:
            self._reason = words
            self._does("reason" if words else "withdraw", self.id, words or None)

    def end(self) -> None:
        """Say nothing any more."""
        self._why.blockSignals(True)
