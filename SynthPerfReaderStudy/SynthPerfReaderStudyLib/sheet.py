"""What is asked of a reader at one stage of one stimulus, given what is answered and drawn already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Roi

from .protocol import Question, RoiTask
from .reading import Content, Item, Key
from .stimuli import Stimulus
from .view import Asked, Wanted


class Sheet:
    """The questions and regions of one stimulus as they stand.

    Parameters
    ----------
    questions, tasks
        All that may be asked, all that may be to be drawn.
    item
        What is answered and drawn; its stage decides what is asked.
    stimulus
        None in a rehearsal without images: then no region is drawn.
    """

    def __init__(
        self, questions: Sequence[Question], tasks: Sequence[RoiTask], item: Item, stimulus: Stimulus | None
    ) -> None:
        self._questions = questions
        self._tasks = tasks
        self._item = item
        self._stimulus = stimulus

    @property
    def layout(self) -> tuple[tuple[str, ...], ...]:
        """Rows of image names on the screen."""
        return () if self._stimulus is None else self._stimulus.stages[self._item.stage - 1]

    @property
    def visible(self) -> tuple[str, ...]:
        """The names of the images on the screen."""
        return tuple(name for row in self.layout for name in row)

    def answer_key(self, item: str) -> Key:
        """What an answer of this stage stands under."""
        return ("answer", self._item.stage, item)

    def asked(self) -> Iterator[Asked]:
        """The questions of this stage, in the protocol's order."""
        values = self._values(self._item.contents)
        for question in self._questions:
            if question.asked(self._item.stage, values):
                content = self._item.contents.get(self.answer_key(question.id)) or {"value": None}
                yield Asked(question, content["value"], content.get("not_assessable", ""))

    def question(self, item: str) -> Question:
        """A question of this stage.

        Raises
        ------
        InputError
            If it is not asked.
        """
        for asked in self.asked():
            if asked.question.id == item:
                return asked.question
        raise InputError(f"{item} is not asked here.")

    def wanted(self) -> Iterator[Wanted]:
        """The regions to be drawn at this stage: those on an image that is shown now and was not before."""
        before = self._shown(range(1, self._item.stage))
        yield from self._regions([name for name in self.visible if name not in before])

    def drawn(self) -> list[Wanted]:
        """The regions drawn so far, of every stage."""
        shown = self._shown(range(1, self._item.stage + 1))
        return [wanted for wanted in self._regions(shown) if wanted.region is not None]

    def region(self, task: str, number: int, map: str) -> Wanted:
        """A region of this stage.

        Raises
        ------
        InputError
            If it is not to be drawn on this image now.
        """
        for wanted in self.wanted():
            if (wanted.task.id, wanted.number, wanted.map) == (task, number, map):
                return wanted
        raise InputError(f"The region {task} {number} is not drawn on this image at this stage.")

    def missing(self) -> Iterator[str]:
        """What must still be answered or drawn at this stage, in words."""
        for asked in self.asked():
            if asked.question.required and asked.value is None and not asked.not_assessable:
                yield asked.question.text
        for wanted in self.wanted():
            if wanted.task.required and wanted.region is None and not wanted.not_assessable:
                several = f" {wanted.number} of {wanted.task.count}" if wanted.task.count > 1 else ""
                yield f"{wanted.task.title}{several} on {self._label(wanted.map)}"

    def no_longer(self, key: Key, content: Content | None) -> list[Key]:
        """The answers and regions that a change makes void: their questions are not asked any more, or a region is
        drawn of which it was said that it cannot be, or the other way round."""
        contents: dict[Key, Content | None] = {**self._item.contents, key: content}
        void: list[Key] = []
        for question in self._questions:
            own = self.answer_key(question.id)
            answered = contents.get(own) is not None
            if answered and not question.asked(self._item.stage, self._values(contents)):
                contents[own] = None
                void.append(own)
        if content is not None:
            for wanted in self.wanted():
                region: Key = ("roi", wanted.task.id, wanted.number, wanted.map)
                reason = self.answer_key(wanted.task.id)
                if key == reason and wanted.region is not None:
                    void.append(region)
                if key == region and wanted.not_assessable:
                    void.append(reason)
        return void

    def _values(self, contents: Mapping[Key, Content | None]) -> dict[str, Any]:
        """Item to its answer: that of this stage for a question asked at this stage, else the latest before."""
        stage, values = self._item.stage, {}
        for question in self._questions:
            asked_now = not question.stages or stage in question.stages
            for at in (stage,) if asked_now else range(stage, 0, -1):
                content = contents.get(("answer", at, question.id))
                if content is not None:
                    values[question.id] = content["value"]
                    break
        return values

    def _shown(self, stages: range) -> dict[str, None]:
        """The images of these stages, each once."""
        if self._stimulus is None:
            return {}
        layouts = [self._stimulus.stages[stage - 1] for stage in stages]
        return dict.fromkeys(name for layout in layouts for row in layout for name in row)

    def _regions(self, images: Sequence[str] | Mapping[str, None]) -> Iterator[Wanted]:
        if self._stimulus is None:
            return
        for task in self._tasks:
            reason = (self._item.contents.get(self.answer_key(task.id)) or {}).get("not_assessable", "")
            for name in self._stimulus.rois[task.id]["drawn_on"]:
                for number in range(1, task.count + 1) if name in images else ():
                    yield self._one(task, number, name, reason)

    def _one(self, task: RoiTask, number: int, name: str, reason: str) -> Wanted:
        content = self._item.contents.get(("roi", task.id, number, name))
        if content is None:
            return Wanted(task, number, name, None, (), {}, reason)
        shown = self.visible if task.values_shown else ()
        measured = {image: numbers for image, numbers in content["measurements"].items() if image in shown}
        return Wanted(
            task, number, name, Roi.from_payload(content["region"]), tuple(content["warnings"]), measured, reason
        )

    def _label(self, name: str) -> str:
        assert self._stimulus is not None
        return self._stimulus.images[name].label
