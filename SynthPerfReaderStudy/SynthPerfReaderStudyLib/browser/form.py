"""The form at the right of the images: what a view asks, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from ..drawing import Place, colours_of
from ..protocol import ChoiceQuestion, ConfidenceQuestion, LikertQuestion, TextQuestion
from ..view import Asked, View, Wanted


class Form(ui.element, component="form.js"):
    """The questions of a view; says what the reader does by events.

    ``answer``, ``reason``, ``withdraw``, ``save``, ``aside``, ``back``, ``pause`` and ``leave`` say in ``code`` and
    ``stage`` what was on the screen; ``arm`` and ``erase`` name a place; ``go`` leaves the feedback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0

    def show(self, view: View, armed: Place | None, refusal: str = "") -> None:
        """Show the questions of a view, and what was refused."""
        self._turn += 1
        self.props["content"] = content(view, armed)
        self.props["refusal"] = refusal
        self.props["turn"] = self._turn
        self.update()


def content(view: View, armed: Place | None) -> dict[str, Any]:
    """What the form shows of a view; plain JSON."""
    return {
        "code": view.stimulus,
        "feedback": view.feedback,
        "stage": view.stage,
        "stages": view.stages,
        "last": view.stage == view.stages,
        "practice": view.practice,
        "aside": view.aside,
        "missing": list(view.missing),
        "canBack": view.can_go_back,
        "canAside": view.can_put_aside,
        "breakDue": view.break_due,
        "questions": [_question(asked) for asked in view.questions],
        "tasks": _tasks(view),
        "armed": None if armed is None else armed._asdict(),
    }


def _question(asked: Asked) -> dict[str, Any]:
    question = asked.question
    shown: dict[str, Any] = {
        "id": question.id,
        "kind": question.kind,
        "text": question.text,
        "help": question.help or "",
        "required": question.required,
        "reasons": list(question.not_assessable),
        "value": asked.value,
        "na": asked.not_assessable,
    }
    if isinstance(question, LikertQuestion):
        own = all(0 <= point <= 9 for point in question.anchors)  # a grade's key is the grade, if there is such a key
        shown["answers"] = [
            _answer(point, words, str(point) if own else _key(n))
            for n, (point, words) in enumerate(question.anchors.items(), start=1)
        ]
    elif isinstance(question, ChoiceQuestion):
        shown["answers"] = [
            _answer(choice.value, choice.label, _key(n)) for n, choice in enumerate(question.choices, 1)
        ]
    elif isinstance(question, ConfidenceQuestion):
        shown |= {"low": question.low, "high": question.high}
    elif isinstance(question, TextQuestion):
        shown["max"] = question.max_length
    return shown


def _answer(value: str | int, words: str, key: str) -> dict[str, Any]:
    return {"value": value, "words": words, "key": key}


def _key(number: int) -> str:
    return str(number) if number <= 9 else ""


def _tasks(view: View) -> list[dict[str, Any]]:
    colour = colours_of(view)
    by_task: dict[str, list[Wanted]] = {}
    for wanted in view.regions:
        by_task.setdefault(wanted.task.id, []).append(wanted)
    tasks = []
    for id, wanted_here in by_task.items():
        task = wanted_here[0].task
        maps = [
            {"map": name, "label": view.images[name].label, "regions": [_region(w, view) for w in some]}
            for name, some in _by_map(wanted_here).items()
        ]
        tasks.append(
            {
                "id": id,
                "title": task.title,
                "help": task.help or "",
                "required": task.required,
                "colour": colour[id],
                "na": wanted_here[0].not_assessable,
                "drawn": sum(w.region is not None for w in wanted_here),
                "wanted": len(wanted_here),
                "maps": maps,
            }
        )
    return tasks


def _by_map(wanted: Sequence[Wanted]) -> Mapping[str, list[Wanted]]:
    found: dict[str, list[Wanted]] = {}
    for one in wanted:
        found.setdefault(one.map, []).append(one)
    return found


def _region(wanted: Wanted, view: View) -> dict[str, Any]:
    values = "; ".join(
        f"{view.images[name].label} mean {numbers['mean']:.3g} {view.images[name].unit}".strip()
        for name, numbers in wanted.measurements.items()
    )
    return {
        "number": wanted.number,
        "drawn": wanted.region is not None,
        "values": values,
        "warnings": list(wanted.warnings),
    }
