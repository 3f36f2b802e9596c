"""What a session takes from a seat and gives it to show: the display record, the reader's experience, the view."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Roi

from .protocol import Question, RoiTask
from .stimuli import StimulusImage

ROOM_LIGHT = ("dark", "dimmed", "bright")


@dataclass(frozen=True)
class Monitor:
    """A screen: pixels, and how many of them make one of the window system's."""

    width: int
    height: int
    scale: float = 1.0


@dataclass(frozen=True)
class Setting:
    """Where and on what is read; recorded with every opening of a session.

    Attributes
    ----------
    seat
        ``slicer``, ``browser``, ``rehearsal``.
    brightness
        Of the screen, cd/m2; None if it is not known.
    room_light
        One of :data:`ROOM_LIGHT`.
    test_pattern
        Whether the reader saw all steps of the test pattern.
    """

    seat: str
    monitors: tuple[Monitor, ...]
    room_light: str
    brightness: float | None = None
    test_pattern: bool = False

    def __post_init__(self) -> None:
        if not self.monitors or any(m.width < 1 or m.height < 1 or not m.scale > 0 for m in self.monitors):
            raise InputError("The display record needs every screen with its width and height in pixels.")
        if self.room_light not in ROOM_LIGHT:
            raise InputError(f"The room light is {self.room_light!r}: choose from {', '.join(ROOM_LIGHT)}.")
        if self.brightness is not None and not 0 < self.brightness < 1e5:
            raise InputError("The brightness of the screen is a number in cd/m2, or left out.")


@dataclass(frozen=True)
class Experience:
    """What a reader says of their training before the first session; years of reading such images."""

    years: float
    training: str
    instructions_read: bool

    def __post_init__(self) -> None:
        if not 0 <= self.years <= 80:
            raise InputError("The years of experience are a number from 0 to 80.")
        if not self.instructions_read:
            raise InputError("The instructions must have been read before the first session.")


class State(str, enum.Enum):
    """What a seat has to show."""

    READING = "reading"
    FEEDBACK = "feedback"
    BREAK = "break"
    FINISHED = "finished"
    CLOSED = "closed"


@dataclass(frozen=True)
class Asked:
    """A question as it stands; ``value`` None and ``not_assessable`` empty while it is open."""

    question: Question
    value: str | int | float | None
    not_assessable: str


@dataclass(frozen=True)
class Wanted:
    """A region that is to be drawn.

    Attributes
    ----------
    map
        The image on which it is drawn.
    region
        None while it is not drawn.
    measurements
        Image to numbers, only if the protocol shows them, and only of images on the screen.
    not_assessable
        The reason why there is none to be drawn.
    """

    task: RoiTask
    number: int
    map: str
    region: Roi | None
    warnings: tuple[str, ...]
    measurements: Mapping[str, Mapping[str, Any]]
    not_assessable: str


@dataclass(frozen=True)
class View:
    """All that a seat may show.

    Attributes
    ----------
    stimulus
        Opaque code; empty between two.
    layout
        Rows of image names on the screen at this stage.
    images
        Those on the screen, by name; they load their voxels themselves.
    missing
        What must still be answered or drawn, in words.
    done, total
        Progress of the session.
    aside
        Whether this one had been put aside.
    feedback
        The truth of the practice stimulus that was just submitted.
    break_due
        Whether the protocol's time for a break has come.
    """

    state: State
    title: str
    instructions: str
    done: int
    total: int
    stimulus: str = ""
    practice: bool = False
    stage: int = 0
    stages: int = 0
    layout: tuple[tuple[str, ...], ...] = ()
    images: Mapping[str, StimulusImage] = field(default_factory=dict)
    questions: tuple[Asked, ...] = ()
    regions: tuple[Wanted, ...] = ()
    missing: tuple[str, ...] = ()
    aside: bool = False
    feedback: str = ""
    can_undo: bool = False
    can_redo: bool = False
    can_go_back: bool = False
    can_put_aside: bool = False
    break_due: bool = False

    def as_json(self) -> dict[str, Any]:
        """The view for a seat in another program."""
        asked = [
            {**item.question.model_dump(mode="json", by_alias=True), "value": item.value, "na": item.not_assessable}
            for item in self.questions
        ]
        wanted = [
            {
                **item.task.model_dump(mode="json"),
                "number": item.number,
                "map": item.map,
                "region": None if item.region is None else item.region.payload(),
                "warnings": list(item.warnings),
                "measurements": {name: dict(numbers) for name, numbers in item.measurements.items()},
                "na": item.not_assessable,
            }
            for item in self.regions
        ]
        flat = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **flat,
            "state": self.state.value,
            "layout": [list(row) for row in self.layout],
            "images": {
                name: {key: getattr(image, key) for key in ("kind", "label", "range", "unit", "colours", "sha256")}
                for name, image in self.images.items()
            },
            "questions": asked,
            "regions": wanted,
            "missing": list(self.missing),
        }
