"""Who reads what and when, what readers may do and know, and how it will be analysed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .part import Id, Part, Words


class Repeats(Part):
    """Hidden second reads for the agreement of each reader with himself.

    They are read under new codes in one more session at the end, after the washout.

    Attributes
    ----------
    share, count
        Share of the cases, or their number; one of the two.
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = None
    count: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Repeats:
        if (self.share is None) == (self.count is None):
            raise ValueError("give the repeats as a share or as a count, one of the two")
        return self

    def number(self, cases: int) -> int:
        """How many of ``cases`` are read again."""
        wanted = self.count if self.count is not None else max(1, round((self.share or 0) * cases))
        return min(wanted, cases)


class Practice(Part):
    """Cases read first for training, apart from the study's own.

    Attributes
    ----------
    cases
        Their number; they are taken out of the cohort and never read again.
    feedback
        Whether the truth is shown after each answer.
    """

    cases: Annotated[int, Field(ge=0)] = 0
    feedback: bool = True


class Design(Part):
    """Who reads what.

    Attributes
    ----------
    kind
        ``fully_crossed``: every reader reads every case in every arm. ``sequential``: one read a case, the arms
        revealed one after the other in ``order``. ``split_plot`` with ``split``.
    split
        ``cases``: readers and cases are divided into ``groups``, each group of readers reads its own cases in every
        arm (Obuchowski, Gallas, Hillis 2012). ``readers``: readers are divided among the arms, each reads every case
        in one arm.
    sessions
        Sessions of each reader, without the one of practice and the one of repeats.
    washout_days
        Least number of days between two reads of one case by one reader.
    order
        Arms in the order in which a sequential design reveals them.
    block
        Stimuli in a block that is balanced by truth, site and arm.
    """

    kind: Literal["fully_crossed", "sequential", "split_plot"]
    sessions: Annotated[int, Field(ge=1, le=100)] = 1
    washout_days: Annotated[int, Field(ge=0, le=3650)] = 0
    split: Literal["cases", "readers"] | None = None
    groups: Annotated[int, Field(ge=2)] | None = None
    order: tuple[Id, ...] = ()
    block: Annotated[int, Field(ge=2)] = 8
    repeats: Repeats | None = None
    practice: Practice = Practice()


class Blinding(Part):
    """What keeps readers from knowing the arm, and what tests it.

    Attributes
    ----------
    left_right
        Maps that stand in one row change places at random, balanced, kept in the code book.
    guess_arm
        Id of the choice question in which the reader guesses the arm; its choices are the arms' ids.
    """

    left_right: bool = False
    guess_arm: Id | None = None


class Navigation(Part):
    """What the reader may do besides answering.

    Attributes
    ----------
    back
        A submitted item may be opened again, and answered anew, until the session is closed.
    review_later
        An item may be put aside and comes again at the end of the session.
    """

    back: bool = False
    review_later: bool = True


class Timing(Part):
    """How reading time is measured.

    Attributes
    ----------
    idle_seconds
        Time without any input beyond this counts as idle, not as active.
    break_minutes
        After so much reading a break is proposed; 0 for never.
    """

    idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    break_minutes: Annotated[float, Field(ge=0, le=600)] = 45.0


class Reader(Part):
    """One person, by pseudonym.

    Attributes
    ----------
    site
        Where the reader reads; a word of the study's own.
    years
        Years of experience.
    """

    id: Id
    role: Literal["reader", "adjudicator", "coordinator"] = "reader"
    site: Words | None = None
    years: Annotated[float, Field(ge=0, le=80)] | None = None
    training: Words | None = None


class Adjudication(Part):
    """What happens when readers disagree.

    Attributes
    ----------
    items
        The questions it is about.
    disagreement
        ``any`` difference, or ``at_least`` a ``difference``.
    by
        ``consensus`` of the same readers, or a ``third_reader`` (a reader whose role is adjudicator).
    """

    items: Annotated[tuple[Id, ...], Field(min_length=1)]
    disagreement: Literal["any", "at_least"] = "any"
    difference: Annotated[float, Field(gt=0)] | None = None
    by: Literal["consensus", "third_reader"]

    @model_validator(mode="after")
    def _difference(self) -> Adjudication:
        if (self.disagreement == "at_least") != (self.difference is not None):
            raise ValueError("the disagreement 'at_least' and a 'difference' belong together")
        return self


class Truth(Part):
    """The reference standard, from a column of participants.tsv."""

    column: str = "diagnosis"
    positive: str
    negative: str


class Endpoint(Part):
    """One comparison or estimate that is fixed before the first read.

    Attributes
    ----------
    item
        Id of a question or of a region of interest.
    figure_of_merit
        What is estimated from it.
    arms
        One arm, or two: the difference is the first minus the second.
    """

    item: Id
    figure_of_merit: Literal["auc", "sensitivity", "specificity", "mean", "icc", "bland_altman"]
    arms: Annotated[tuple[Id, ...], Field(min_length=1, max_length=2)]


class Analysis(Part):
    """The analysis that is fixed before the first read.

    Attributes
    ----------
    noninferiority_margin
        Of the primary endpoint, in its unit: the first arm is not worse than the second by more than this.
    alpha
        Two-sided level.
    """

    primary: Endpoint
    secondary: tuple[Endpoint, ...] = ()
    noninferiority_margin: Annotated[float, Field(gt=0)] | None = None
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
