"""What is shown: images, how maps look, arms, regions of interest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from SynthPerfLib.modality import MASKS, MODALITIES

from .part import Id, Part, Words


class Image(Part):
    """One image that an arm can show.

    Attributes
    ----------
    modality
        A word of the table of modalities.
    source
        ``measured`` or ``synthetic``.
    bundle
        Name of the model that made a synthetic map; without it, the one that is chosen when the study is created.
    label
        What the reader sees above the image. Without it anatomy has its modality's name and maps are called Map A,
        Map B, ... by their place, so that a label says nothing of the source.
    """

    modality: str
    source: Literal["measured", "synthetic"] = "measured"
    bundle: str | None = None
    label: Words | None = None

    @field_validator("modality")
    @classmethod
    def _known(cls, value: str) -> str:
        names = [m.name for m in MODALITIES.values() if m.dimensions == 3 and m.name not in MASKS]
        if value not in names:
            raise ValueError(f"unknown modality {value!r}, choose from {', '.join(names)}")
        return value


class Display(Part):
    """How the maps of one modality are shown, in every arm alike.

    Attributes
    ----------
    range
        Values at the two ends of the colour bar, in ``unit``.
    unit
        Written at the colour bar.
    colours
        Colour table: perceptually ordered (``viridis``, ``cividis``, ``inferno``), ``grey``, or the clinic's
        ``rainbow``.
    normalise
        ``brain_median`` divides each map by the median of its positive voxels in the brain, so that maps on
        different scales (relative and absolute CBV; CBF and CBV) can have one range.
    """

    range: tuple[float, float]
    unit: Words
    colours: Literal["viridis", "cividis", "inferno", "grey", "rainbow"] = "viridis"
    normalise: Literal["none", "brain_median"] = "none"

    @field_validator("range")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError(f"the range must go from a lower to a higher value, not from {value[0]:g} to {value[1]:g}")
        return value


class Arm(Part):
    """One condition under which cases are read.

    Attributes
    ----------
    layout
        Rows of image ids, as they stand on the screen.
    """

    id: Id
    title: Words
    layout: Annotated[tuple[Annotated[tuple[Id, ...], Field(min_length=1)], ...], Field(min_length=1)]

    @property
    def images(self) -> tuple[str, ...]:
        """The ids of the images shown, row by row."""
        return tuple(image for row in self.layout for image in row)


class RoiTask(Part):
    """What a reader is asked to draw.

    Attributes
    ----------
    tissue
        ``lesion`` over ``nawm`` (normal-appearing white matter) gives the ratio T/WM.
    count
        How many of them.
    shape, area_cm2
        A ``disc`` of this area, or ``freehand`` (then no area).
    values_shown
        Whether the reader sees the values inside while drawing.
    """

    id: Id
    title: Words
    tissue: Literal["lesion", "nawm", "other"]
    count: Annotated[int, Field(ge=1, le=50)] = 1
    shape: Literal["disc", "freehand"] = "disc"
    area_cm2: Annotated[float, Field(gt=0, le=100)] | None = None
    help: Words | None = None
    required: bool = True
    values_shown: bool = False

    @model_validator(mode="after")
    def _area(self) -> RoiTask:
        if self.shape == "disc" and self.area_cm2 is None:
            raise ValueError(f"the disc {self.id} needs its area: area_cm2")
        if self.shape == "freehand" and self.area_cm2 is not None:
            raise ValueError(f"{self.id} is drawn free-hand, area_cm2 belongs to a disc")
        return self


class Roi(RoiTask):
    """A region of interest and the images it belongs to.

    Attributes
    ----------
    drawn_on
        Ids of images. In each arm it is drawn on those of them that the arm shows: one for a common region, the
        map of each arm for independent regions.
    copied_to
        Ids of images in which the same region is measured, shown or not.
    """

    drawn_on: Annotated[tuple[Id, ...], Field(min_length=1)]
    copied_to: tuple[Id, ...] = ()

    @property
    def task(self) -> RoiTask:
        """The part of it that a reader's machine may hold."""
        return RoiTask(**self.model_dump(include=set(RoiTask.model_fields)))
