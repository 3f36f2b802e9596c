"""The kinds of questions: made from the protocol, answered by mouse and keys."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qt

from ..protocol import ChoiceQuestion, ConfidenceQuestion, LikertQuestion, Question, TextQuestion
from ..view import Asked
from .box import Box, later
from .look import label, restyle, row

_NUMBER = 1.2  # s within which a second digit belongs to the same number
_LETTERS = 40  # in a line of an answer
_NONE = "\u2013"


@dataclass(frozen=True)
class Answer:
    """One possible answer: what is recorded, its words, and the digit that gives it (None: there is none)."""

    value: str | int
    words: str
    key: int | None


def answers_of(question: Question) -> tuple[Answer, ...]:
    """The answers of a grade or a choice. A grade's key is the grade, if there is such a key."""
    if isinstance(question, LikertQuestion):
        own = all(0 <= point <= 9 for point in question.anchors)
        keys = [point if own else _digit(n) for n, point in enumerate(question.anchors, 1)]
        return tuple(Answer(p, words, key) for (p, words), key in zip(question.anchors.items(), keys, strict=True))
    if isinstance(question, ChoiceQuestion):
        return tuple(Answer(c.value, c.label, _digit(n)) for n, c in enumerate(question.choices, 1))
    return ()


class Choices(Box):
    """A grade or a choice: every answer with its words and its key."""

    def _make(self, layout: Any) -> None:
        self._answers = answers_of(self._question)
        self._group = qt.QButtonGroup(self.widget)
        self._buttons: list[Any] = []
        for number, answer in enumerate(self._answers):
            key = "" if answer.key is None else f"{answer.key}   "
            words = textwrap.fill(f"{key}{answer.words}", _LETTERS, subsequent_indent=" " * 2 * len(key))
            made = qt.QRadioButton(words.replace("&", "&&"))
            made.setToolTip("" if answer.key is None else f"Key {answer.key} while this question is marked")
            made.connect("clicked()", lambda a=answer: self._say("answer", a.value))
            self._group.addButton(made, number)
            self._buttons.append(made)
            layout.addWidget(made)

    def _update(self) -> None:
        self._group.setExclusive(False)
        for made, answer in zip(self._buttons, self._answers, strict=True):
            made.setChecked(self.asked.value is not None and answer.value == self.asked.value)
        self._group.setExclusive(True)

    def _focus(self) -> None:
        chosen = next((made for made in self._buttons if made.checked), self._buttons[0])
        chosen.setFocus()

    def digit(self, number: int) -> None:
        """Give the answer that has this key."""
        answer = next((a for a in self._answers if a.key == number), None)
        if answer is not None:
            self._buttons[self._answers.index(answer)].setFocus()
            self._say("answer", answer.value)


class Scale(qt.QSlider):
    """A slider that jumps to where it is clicked, and is not turned by the wheel.

    Attributes
    ----------
    slid
        Called with the value while it is moved, and whether that has ended.
    """

    def __init__(self, slid: Callable[[int, bool], Any]) -> None:
        qt.QSlider.__init__(self, qt.Qt.Horizontal)
        self._slid = slid
        self.setRange(0, 100)

    def mousePressEvent(self, event: Any) -> None:
        """Jump."""
        self._go(event, False)

    def mouseMoveEvent(self, event: Any) -> None:
        """Follow the mouse."""
        self._go(event, False)

    def mouseReleaseEvent(self, event: Any) -> None:
        """The answer is given."""
        self._go(event, True)

    def wheelEvent(self, event: Any) -> None:
        """The form is rolled, not the answer."""
        event.ignore()

    def _go(self, event: Any, ended: bool) -> None:
        edge = 8  # half of the handle
        share = (event.pos().x() - edge) / max(self.width - 2 * edge, 1)
        value = round(100 * min(max(share, 0.0), 1.0))
        self.setValue(value)
        self._slid(value, ended)


class Confidence(Box):
    """0 to 100, with words at the ends; nothing is answered before it is touched."""

    def _make(self, layout: Any) -> None:
        assert isinstance(self._question, ConfidenceQuestion)
        self._digits, self._at = "", 0.0
        self._draft: int | None = None
        self._slider = Scale(self._slid)
        self._slider.setAccessibleName(self._question.text)
        self._number = label(_NONE, wraps=False)
        self._number.setMinimumWidth(34)
        self._number.setAlignment(qt.Qt.AlignRight)
        layout.addLayout(row(self._slider, self._number))
        ends = row(label(f"0  {self._question.low}", "soft"), label(f"{self._question.high}  100", "soft"))
        ends.itemAt(1).widget().setAlignment(qt.Qt.AlignRight)
        layout.addLayout(ends)
        self._timer = later(self.flush)

    def _update(self) -> None:
        if self._draft is None:
            self._show(self.asked.value)

    def _show(self, value: Any) -> None:
        self._slider.setValue(50 if value is None else int(value))
        restyle(self._slider, "unset" if value is None else "set")
        self._number.setText(_NONE if value is None else str(value))

    def _focus(self) -> None:
        self._slider.setFocus()

    def _slid(self, value: int, ended: bool) -> None:
        self._draft = value
        self._show(value)
        if ended:
            self.flush()

    def digit(self, number: int) -> None:
        """Digits that follow one another make one number, up to 100."""
        now = time.monotonic()
        longer = self._digits + str(number) if now - self._at < _NUMBER else str(number)
        self._digits = longer if int(longer) <= 100 else str(number)
        self._at, self._draft = now, int(self._digits)
        self._show(self._draft)
        self._timer.start()

    def flush(self) -> None:
        """Say the number."""
        self._timer.stop()
        draft, self._draft = self._draft, None
        if draft is not None and draft != self.asked.value:
            self._say("answer", draft)


class Text(Box):
    """Free text; said when the writing stops."""

    def _make(self, layout: Any) -> None:
        assert isinstance(self._question, TextQuestion)
        self._field = qt.QPlainTextEdit()
        self._field.setFixedHeight(64)
        self._field.setAccessibleName(self._question.text)
        self._field.setTabChangesFocus(True)
        self._dirty = False
        layout.addWidget(self._field)
        self._timer = later(self.flush)
        self._field.connect("textChanged()", self._changed)

    def _update(self) -> None:
        if not self._dirty and (self.asked.value or "") != self._field.plainText.strip():
            was = self._field.blockSignals(True)
            self._field.setPlainText(self.asked.value or "")
            self._field.blockSignals(was)

    def _focus(self) -> None:
        self._field.setFocus()

    def _changed(self) -> None:
        self._dirty = True
        self._timer.start()

    def flush(self) -> None:
        """Say the text; an empty one takes the answer back."""
        self._timer.stop()
        if not self._dirty:
            return
        self._dirty = False
        text = self._field.plainText.strip()
        if text != (self.asked.value or ""):
            self._does("answer" if text else "withdraw", self.id, text or None)


def make_box(number: int, asked: Asked, does: Callable[..., Any], marked: Callable[[str], Any]) -> Box:
    """The box of a question of any kind."""
    kinds = {ConfidenceQuestion: Confidence, TextQuestion: Text}
    return kinds.get(type(asked.question), Choices)(number, asked, does, marked)


def _digit(number: int) -> int | None:
    return number if number <= 9 else None
