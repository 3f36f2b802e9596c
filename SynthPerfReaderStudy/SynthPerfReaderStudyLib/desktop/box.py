"""What all questions have in common: their frame, their number, the reasons for which they cannot be answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from ..view import Asked
from .look import SOFT, button, label, restyle, row

_LATER = 700  # ms without a key after which what is written is said


class Box:
    """What all questions have: number, text, help, the reasons for which it cannot be answered.

    Parameters
    ----------
    does
        Called with ``answer``, ``reason`` or ``withdraw``, and what belongs to it.

    Attributes
    ----------
    widget
        The whole of it.
    """

    def __init__(self, number: int, asked: Asked, does: Callable[..., Any], marked: Callable[[str], Any]) -> None:
        question = asked.question
        self.id, self.required = question.id, question.required
        self._question, self._does, self._marked = question, does, marked
        self.widget = frame(f"{number}  {question.text}", question.required, question.help)
        self._timer: Any = None
        self._make(self.widget.layout())
        self._reasons: Any = None
        if question.not_assessable:
            self._reasons = button("", self.open_reasons, "Say why it cannot be answered (key N)")
            self._menu = qt.QMenu(self._reasons)
            self._actions = []
            for words, does_ in (
                *((reason, lambda r=reason: self._say("reason", r)) for reason in question.not_assessable),
                ("It can be answered after all", lambda: self._say("withdraw")),
            ):
                action = qt.QAction(words, self._menu)
                action.connect("triggered()", does_)
                self._menu.addAction(action)
                self._actions.append(action)
            self.widget.layout().addLayout(row(self._reasons, None))
        self.update(asked)

    def update(self, asked: Asked) -> None:
        """Show what is answered now."""
        self.asked = asked
        if self._reasons is not None:
            why = asked.not_assessable
            self._reasons.setText(f"Not assessable: {why}" if why else "Not assessable …")
            self._actions[-1].setVisible(bool(why))
        self._update()

    @property
    def is_open(self) -> bool:
        """Whether it must still be answered."""
        return self.required and self.asked.value is None and not self.asked.not_assessable

    def mark(self, on: bool) -> None:
        """Show that it has the digits; give it the keyboard."""
        restyle(self.widget, "marked" if on else "question")
        if on:
            self._focus()

    def open_reasons(self) -> None:
        """Offer the reasons for which it cannot be answered."""
        if self._reasons is not None:
            self._marked(self.id)
            self._menu.popup(self._reasons.mapToGlobal(qt.QPoint(0, self._reasons.height)))

    def digit(self, number: int) -> None:
        """A digit was pressed while it is marked."""

    def flush(self) -> None:
        """Say what is written and not said yet."""

    def end(self) -> None:
        """Say nothing any more."""
        if self._timer is not None:
            self._timer.stop()

    def _say(self, what: str, value: Any = None) -> None:
        self._marked(self.id)
        self._does(what, self.id, value)

    def _make(self, layout: Any) -> None:
        raise NotImplementedError

    def _update(self) -> None:
        raise NotImplementedError

    def _focus(self) -> None:
        raise NotImplementedError


def frame(legend: str, required: bool, help_: str | None) -> Any:
    """The frame of a question with its text."""
    made = qt.QFrame()
    made.setObjectName("question")
    layout = qt.QVBoxLayout(made)
    layout.setContentsMargins(10, 6, 8, 8)
    layout.addWidget(label(legend + optional(required), "legend"))
    if help_:
        words = label(help_)
        words.setStyleSheet(f"color: {SOFT};")
        layout.addWidget(words)
    return made


def optional(required: bool) -> str:
    """What is said of a question that may stay open."""
    return "" if required else "  (optional)"


def later(does: Callable[[], Any]) -> Any:
    """A timer that calls ``does`` once, a while after it was last started."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(_LATER)
    timer.connect("timeout()", does)
    return timer
