"""What a reader is asked, and what counts as an answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from SynthPerfLib.errors import InputError

from .part import Id, Part, Words


class Condition(Part):
    """A question is asked only if another has one of these answers."""

    item: Id
    is_: Annotated[tuple[str | int, ...], Field(alias="is", min_length=1)]


class _Question(Part):
    id: Id
    text: Words
    help: Words | None = None
    required: bool = True
    not_assessable: tuple[Words, ...] = ()
    when: Condition | None = None
    stages: tuple[Annotated[int, Field(ge=1)], ...] = ()

    def asked(self, stage: int, answers: dict[str, Any]) -> bool:
        """Whether the question is asked at ``stage`` (from 1) given the answers so far (item to value).

        An item that has no value, or is not assessable, does not fulfil a condition on it.
        """
        if self.stages and stage not in self.stages:
            return False
        return self.when is None or answers.get(self.when.item) in self.when.is_

    def checked(self, value: Any) -> str | int | float:
        """``value`` in the form in which it is recorded.

        Raises
        ------
        InputError
            If it is not an answer to this question; the sentence says what is.
        """
        raise NotImplementedError


class LikertQuestion(_Question):
    """A grade with words at its points.

    Attributes
    ----------
    anchors
        Each point of the scale to its words, all shown; points are consecutive whole numbers.
    """

    kind: Literal["likert"]
    anchors: Annotated[dict[int, Words], Field(min_length=2)]

    @field_validator("anchors")
    @classmethod
    def _consecutive(cls, value: dict[int, str]) -> dict[int, str]:
        points = list(value)
        if points != list(range(points[0], points[0] + len(points))):
            raise ValueError(f"the points must be consecutive and ascending, not {', '.join(map(str, points))}")
        return value

    def checked(self, value: Any) -> int:
        """A point of the scale."""
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.anchors:
            points = list(self.anchors)
            raise InputError(f"{self.id}: {value!r} is no grade, choose {points[0]} to {points[-1]}.")
        return value


class ConfidenceQuestion(_Question):
    """A slider from 0 to 100 in whole steps, with words at its ends."""

    kind: Literal["confidence"]
    low: Words
    high: Words

    def checked(self, value: Any) -> int:
        """A whole number from 0 to 100."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
            raise InputError(f"{self.id}: {value!r} is no confidence, give a whole number from 0 to 100.")
        return value


class Choice(Part):
    """One possible answer: what is recorded and what is shown."""

    value: Id
    label: Words


class ChoiceQuestion(_Question):
    """One of several answers."""

    kind: Literal["choice"]
    choices: Annotated[tuple[Choice, ...], Field(min_length=2)]

    def checked(self, value: Any) -> str:
        """The value of one of the choices."""
        values = [choice.value for choice in self.choices]
        if value not in values:
            raise InputError(f"{self.id}: {value!r} is no answer here, choose from {', '.join(values)}.")
        return str(value)


class TextQuestion(_Question):
    """Free text."""

    kind: Literal["text"]
    required: bool = False
    max_length: Annotated[int, Field(ge=1, le=10000)] = 2000

    def checked(self, value: Any) -> str:
        """The text without blanks around it; not empty."""
        if not isinstance(value, str) or not value.strip() or len(value) > self.max_length:
            raise InputError(f"{self.id}: write a text of 1 to {self.max_length} characters.")
        return value.strip()


Question = Annotated[
    LikertQuestion | ConfidenceQuestion | ChoiceQuestion | TextQuestion,
    Field(discriminator="kind"),
]
