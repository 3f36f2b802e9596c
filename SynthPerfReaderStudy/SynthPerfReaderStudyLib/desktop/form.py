"""The form beside the images: the questions of a view, what is missing, and the ways on. No rule is decided here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from ..drawing import Place, colours_of
from ..view import State, View, Wanted
from .box import Box
from .look import button, empty, ground, label, restyle, row
from .questions import make_box
from .region_box import Regions

Does = Callable[..., Any]


class Form:
    """The form.

    Parameters
    ----------
    does
        Called with what the reader does: ``answer``, ``reason``, ``withdraw``, ``arm`` (with the item and a value), or
        ``save``, ``aside``, ``back``, ``pause``, ``resume``, ``go``, ``finish``, ``leave``.

    Attributes
    ----------
    widget
        The whole of it.
    marked
        The question that has the digits.
    """

    def __init__(self, does: Does) -> None:
        self._does = does
        self._boxes: list[Box | Regions] = []
        self.marked = ""
        self._key: tuple[Any, ...] = ()
        self._asked_for_more = False
        self.widget = ground()
        outer = qt.QVBoxLayout(self.widget)
        outer.setContentsMargins(10, 8, 10, 10)
        self._remark = label("", "soft")
        self._title = label("", "title")
        self._words = label("")
        self._words.setAlignment(qt.Qt.AlignTop)
        inside = qt.QWidget()
        self._questions = qt.QVBoxLayout(inside)
        self._questions.setContentsMargins(0, 0, 6, 0)
        self._scroll = qt.QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        self._scroll.setWidget(inside)
        self._todo = label("", "soft")
        self._refusal = label("", "warn")
        self._main = button("", self.go_on, name="main")
        self._aside = button("Review later", lambda: self._leave("aside"), "Put this case aside; it comes again.")
        self._back = button("Back", lambda: self._leave("back"), "Open the case before again.")
        self._pause = button("Break", lambda: self._leave("pause"), "Stop the clock and take the images away.")
        self._stop = button("Stop for now", lambda: self._leave("leave"), "Leave; go on another time (F10).")
        for widget in (self._remark, self._title, self._words):
            outer.addWidget(widget)
        outer.addWidget(self._scroll, 1)
        for widget in (self._todo, self._refusal, self._main):
            outer.addWidget(widget)
        outer.addLayout(row(self._aside, self._back))
        outer.addLayout(row(self._pause, self._stop))
        self._next = "save"

    def show(self, view: View, armed: Place | None, refusal: str = "") -> None:
        """Show the questions of a view, and what was refused."""
        key = (view.state, view.stimulus, view.stage, tuple(a.question.id for a in view.questions))
        if key != self._key:
            if key[:3] != self._key[:3]:
                self._asked_for_more = False
                self.marked = ""
            self._key = key
            self._build(view)
        self._view = view
        if view.state is State.READING:
            self._update(view, armed)
        self._refusal.setText(refusal)
        self._refusal.setVisible(bool(refusal))
        self._tell_missing()

    def digit(self, number: int) -> None:
        """A digit: the answer of the marked question."""
        box = self._box()
        if box is not None:
            box.digit(number)

    def turn(self, step: int) -> None:
        """Mark the next question (1) or the one before (-1)."""
        if self._boxes:
            ids = [box.id for box in self._boxes]
            at = ids.index(self.marked) if self.marked in ids else -1
            self.mark(ids[(at + step) % len(ids)])

    def mark(self, item: str) -> None:
        """Give a question the digits and the keyboard."""
        self.marked = item
        for box in self._boxes:
            box.mark(box.id == item)
            if box.id == item:
                self._scroll.ensureWidgetVisible(box.widget)

    def open_reasons(self) -> None:
        """Offer the reasons for which the marked question cannot be answered."""
        box = self._box()
        if box is not None:
            box.open_reasons()

    def flush(self) -> None:
        """Say what is written and not said yet."""
        for box in self._boxes:
            box.flush()

    # How it is built ----------------------------------------------------------------------------------------------

    def _build(self, view: View) -> None:
        for box in self._boxes:
            box.end()
        empty(self._questions)
        self._boxes = []
        words, self._next, main = "", "save", ""
        reading = view.state is State.READING
        title = ""
        if reading:
            last = view.stage == view.stages
            main = "Save and next" if last else "Save and show more"
            for asked in view.questions:
                self._boxes.append(make_box(len(self._boxes) + 1, asked, self._said, self._mark_quietly))
            colours = colours_of(view)
            for task, wanted in _tasks(view).items():
                box = Regions(len(self._boxes) + 1, wanted, view, colours[task], self._said, self._mark_quietly)
                self._boxes.append(box)
            for one in self._boxes:
                self._questions.addWidget(one.widget)
            self._questions.addStretch(1)
        elif view.state is State.FEEDBACK:
            title, words, main, self._next = "The truth", view.feedback, "Next", "go"
        elif view.state is State.BREAK:
            title, main, self._next = "Break", "Go on reading", "resume"
            words = "The clock is stopped and the images are away. Come back whenever you like."
        else:
            title, main, self._next = "That was the last one", "Finish the session", "finish"
            words = f"{view.done} of {view.total} are answered, and saved."
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self._main.setText(f"{main}   (Ctrl+Enter)")
        self._scroll.setVisible(reading)
        self.widget.layout().setStretch(2, 0 if reading else 1)
        for widget in (self._pause, self._todo):
            widget.setVisible(reading)
        if reading and self._boxes:
            # A field in which one writes would keep every key: it is not where one begins.
            begin = next((box for box in self._boxes if box.required), self._boxes[0])
            self.mark(next((box.id for box in self._boxes if box.id == self.marked), begin.id))
        else:
            self._main.setFocus()

    def _update(self, view: View, armed: Place | None) -> None:
        asked = {one.question.id: one for one in view.questions}
        tasks = _tasks(view)
        for box in self._boxes:
            if isinstance(box, Box):
                box.update(asked[box.id])
            else:
                box.update(tasks[box.id], view, armed)
        remarks = []
        if view.practice:
            remarks.append("Practice: these answers do not count.")
        if view.aside:
            remarks.append("You had put this one aside.")
        if view.stages > 1:
            remarks.append(f"Step {view.stage} of {view.stages}.")
        if view.break_due:
            remarks.append("You have read for a while: a break?")
        self._remark.setText(" ".join(remarks))
        self._remark.setVisible(bool(remarks))

    def _tell_missing(self) -> None:
        view = self._view
        reading = view.state is State.READING
        if not reading:
            self._remark.setVisible(False)
        missing = view.missing if reading else ()
        if missing and self._asked_for_more:
            self._todo.setText(f"Still to do: {'; '.join(missing)}")
        elif missing:
            self._todo.setText(f"{len(missing)} still to do")
        else:
            self._todo.setText("Complete. Every answer is saved.")
        restyle(self._todo, "warn" if missing and self._asked_for_more else "soft")
        self._aside.setVisible(view.can_put_aside)
        self._back.setVisible(view.can_go_back)
        self._stop.setVisible(view.state is not State.FINISHED)

    # What the reader does -----------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Save and go on, if all is there; else say what is missing, and mark the first of it."""
        self.flush()
        if self._next != "save":
            self._does(self._next)
            return
        if not self._view.missing:
            self._does("save")
            return
        self._asked_for_more = True
        self._tell_missing()
        self.mark(next((box.id for box in self._boxes if box.is_open), self.marked))

    def _leave(self, what: str) -> None:
        self.flush()
        self._does(what)

    def _said(self, what: str, item: str, value: Any) -> None:
        self.flush()  # what is being written elsewhere is not lost when the form changes with this answer
        self._does(what, item, value)

    def _mark_quietly(self, item: str) -> None:
        if item != self.marked:
            self.mark(item)

    def _box(self) -> Box | Regions | None:
        return next((box for box in self._boxes if box.id == self.marked), None)


def _tasks(view: View) -> dict[str, list[Wanted]]:
    found: dict[str, list[Wanted]] = {}
    for wanted in view.regions:
        found.setdefault(wanted.task.id, []).append(wanted)
    return found
