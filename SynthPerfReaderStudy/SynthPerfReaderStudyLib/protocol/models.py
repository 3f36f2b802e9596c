"""The whole of a protocol, and what a reader's machine may hold of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from SynthPerfLib.errors import InputError

from .checks import check
from .design import Adjudication, Analysis, Blinding, Design, Navigation, Reader, Timing, Truth
from .images import Arm, Display, Image, Roi, RoiTask
from .part import Id, Part, Words
from .questions import Question


class Form(Part):
    """What a reader's machine may hold of a protocol: the questions, never the arms.

    Attributes
    ----------
    protocol_sha256
        Hash of the frozen protocol.
    stages
        In how many steps each stimulus is revealed.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    title: Words
    instructions: str
    questions: tuple[Question, ...]
    rois: tuple[RoiTask, ...]
    stages: int
    washout_days: int
    feedback: bool
    navigation: Navigation
    timing: Timing
    protocol_sha256: str

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def question(self, item: str) -> Question:
        """The question with this id.

        Raises
        ------
        InputError
            If there is none.
        """
        return _question(self.questions, item)


class Protocol(Part):
    """A whole reading study, as planned.

    Attributes
    ----------
    title, instructions
        Shown to the readers.
    source
        The publication that the protocol follows.
    split
        Read only the patients of this split of the cohort (``test``); all by default.
    incomplete
        What becomes of a case that lacks a measured image: the study is refused, or the case is left out and listed
        in ``study.yaml``. A missing synthetic map is always refused, it can be made.
    images, display
        Every image by id, and how the maps of each modality are shown.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")]
    title: Words
    source: Words | None = None
    instructions: str = ""
    split: Literal["train", "test"] | None = None
    incomplete: Literal["refuse", "leave_out"] = "refuse"
    truth: Truth | None = None
    images: Annotated[dict[Id, Image], Field(min_length=1)]
    display: dict[str, Display] = Field(default_factory=dict)
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    questions: tuple[Question, ...] = ()
    rois: tuple[Roi, ...] = ()
    design: Design
    blinding: Blinding = Blinding()
    navigation: Navigation = Navigation()
    timing: Timing = Timing()
    readers: Annotated[tuple[Reader, ...], Field(min_length=1)]
    adjudication: Adjudication | None = None
    analysis: Analysis | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        check(self)
        return self

    @property
    def stages(self) -> int:
        """In how many steps each stimulus is revealed."""
        return len(self.arms) if self.design.kind == "sequential" else 1

    @property
    def reading(self) -> tuple[Reader, ...]:
        """Those who read (not adjudicators and coordinators)."""
        return tuple(reader for reader in self.readers if reader.role == "reader")

    def arm(self, id: str) -> Arm:
        """The arm with this id.

        Raises
        ------
        InputError
            If there is none.
        """
        for arm in self.arms:
            if arm.id == id:
                return arm
        raise InputError(f"There is no arm {id}: choose from {', '.join(arm.id for arm in self.arms)}.")

    def question(self, item: str) -> Question:
        """The question with this id.

        Raises
        ------
        InputError
            If there is none.
        """
        return _question(self.questions, item)

    def is_map(self, image: str) -> bool:
        """Whether an image is shown in colours on a fixed range, rather than as anatomy."""
        return self.images[image].modality in self.display

    def form(self, sha256: str) -> Form:
        """What a reader's machine may hold of it.

        Parameters
        ----------
        sha256
            Hash of the protocol's file.
        """
        return Form(
            title=self.title,
            instructions=self.instructions,
            questions=self.questions,
            rois=tuple(roi.task for roi in self.rois),
            stages=self.stages,
            washout_days=self.design.washout_days,
            feedback=self.design.practice.feedback and self.truth is not None,
            navigation=self.navigation,
            timing=self.timing,
            protocol_sha256=sha256,
        )


def _question(questions: tuple[Question, ...], item: str) -> Question:
    for question in questions:
        if question.id == item:
            return question
    raise InputError(f"There is no question {item}: choose from {', '.join(q.id for q in questions)}.")
