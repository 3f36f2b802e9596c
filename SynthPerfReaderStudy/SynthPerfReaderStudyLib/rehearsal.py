"""A whole study read by simulated readers, through the same sessions that people read in.

Answers come from the binormal model: a reader's impression of a case is normal with mean -d/2 without and +d/2 with the
condition and standard deviation 1, of whose variance a share belongs to the case and is common to all readers (the
structure of Roe and Metz 1997). AUC = Phi(d / sqrt 2). A bias and a drift over the session move all impressions.
Everything is written to a log of its own that is marked as simulated from its first event on.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import yaml
from scipy.stats import norm
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Progress, Steps

from .adjudication import CONSENSUS, begin_adjudication, open_adjudication
from .protocol import ChoiceQuestion, ConfidenceQuestion, LikertQuestion
from .ratings import read_truth
from .records import Clock, Kind, RecordLog, Role
from .session import Session, open_session, plans
from .study import LOG, Study
from .view import Asked, Experience, Monitor, Setting, State, View, Wanted

_SETTING = Setting("rehearsal", (Monitor(1920, 1080),), "dimmed", test_pattern=True)
_COPIED = ("protocol.yaml", "form.json", "allocation.csv", "practice.json", "sealed")
_OUTLINE = [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False)]
_OUTLINE_MM = 8.0
_SECONDS = (3.0, 0.6)  # mean and SD of the logarithm of the seconds for one answer


@dataclass(frozen=True)
class Ability:
    """How well a simulated reader reads.

    Attributes
    ----------
    auc
        Area under the ROC curve, from 0.5 to less than 1; by arm, where arms differ.
    bias
        Added to every impression, in standard deviations: above 0 the reader sees the condition too often.
    drift
        Added over a session, from 0 at its first stimulus to this at its last.
    missing
        Probability that an answer is missing, as far as the protocol allows: "not assessable", or an optional question
        left open.
    case_share
        Share of the variance of impressions that belongs to the case.
    """

    auc: float = 0.8
    by_arm: Mapping[str, float] = field(default_factory=dict)
    bias: float = 0.0
    drift: float = 0.0
    missing: float = 0.0
    case_share: float = 0.4

    def __post_init__(self) -> None:
        for auc in (self.auc, *self.by_arm.values()):
            if not 0.5 <= auc < 1:
                raise InputError(f"An AUC of {auc:g} cannot be simulated: give 0.5 or more, and less than 1.")
        for name in ("missing", "case_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name.replace('_', ' ')} {getattr(self, name):g}: give a number from 0 to 1.")
        if not np.isfinite([self.bias, self.drift]).all():
            raise InputError("Bias and drift are numbers, in standard deviations of the reader's impressions.")

    def separation(self, arm: str) -> float:
        """d' of an arm: sqrt 2 times the normal quantile of its AUC."""
        return float(np.sqrt(2) * norm.ppf(self.by_arm.get(arm, self.auc)))


class Calendar(Clock):
    """A clock in which weeks pass at once."""

    def __init__(self) -> None:
        self._now = datetime.now(timezone.utc)
        self._seconds = 0.0

    def utc(self) -> datetime:
        """The simulated moment."""
        return self._now

    def monotonic(self) -> float:
        """Simulated seconds since the rehearsal began."""
        return self._seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds


def rehearse(
    study: Study,
    out: Path,
    *,
    seed: int = 0,
    ability: Ability | None = None,
    readers: Mapping[str, Ability] | None = None,
) -> Steps[Study]:
    """Let simulated readers read a whole study, with its washouts and adjudication, and lock the reads.

    Parameters
    ----------
    study
        A coordinator's study folder. It is not changed; regions are drawn only if it has stimuli.
    out
        Folder of the rehearsal: a study of its own, that can be inspected, exported and analysed like any other and is
        marked as simulated in all of it.
    seed
        Start of every random choice of the simulated readers.
    ability
        Of every reader that ``readers`` does not name.

    Raises
    ------
    InputError
        If ``out`` is in use, or an arm or a reader is unknown.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty: give a new folder for the rehearsal.")
    able = {reader: (readers or {}).get(reader, ability or Ability()) for reader in study.allocation.readers}
    _check(study, able, readers or {})
    building = out.with_name(f".writing-{out.name}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        clock = Calendar()
        copy = _copy(study, building)
        with RecordLog.create(building / LOG, copy.id, copy.form.protocol_sha256, simulated=True, clock=clock) as log:
            abilities = {reader: asdict(what) for reader, what in able.items()}
            payload = {"rehearsal_of": study.id, "seed": seed, "readers": abilities}
            log.append(Kind.STUDY_CREATED, Role.COORDINATOR, payload)
            world = _World(copy, log, clock, seed, able)
            yield from world.read()
            yield Progress(0.97, "adjudication")
            world.adjudicate()
            log.lock()
        if out.is_dir():
            out.rmdir()
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Study.open(out)


def _check(study: Study, able: Mapping[str, Ability], named: Mapping[str, Ability]) -> None:
    for reader in named:
        if reader not in able:
            raise InputError(f"There is no reader {reader}: choose from {', '.join(able)}.")
    for ability in able.values():
        for arm in ability.by_arm:
            study.protocol.arm(arm)


def _copy(study: Study, folder: Path) -> Study:
    """The study's files, without its records; stimuli only where regions are drawn, as links where possible."""
    folder.mkdir(parents=True)
    for name in _COPIED:
        source = study.folder / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy2(source, folder / name)
    if study.form.rois and (study.folder / "stimuli").is_dir():
        shutil.copytree(study.folder / "stimuli", folder / "stimuli", copy_function=_linked)
    about = {**study.about, "id": uuid.uuid4().hex, "simulated": True, "rehearsal_of": study.id, "records": LOG}
    (folder / "study.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")
    return Study.open(folder)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that has no links
        shutil.copy2(source, target)


class _World:
    """The simulated readers of one study."""

    def __init__(self, study: Study, log: RecordLog, clock: Calendar, seed: int, able: Mapping[str, Ability]) -> None:
        self.study, self.log, self.clock = study, log, clock
        self.able = able
        self.book = study.code_book()
        self.truth: Mapping[str, bool | None] = {}
        if study.protocol.truth is not None:
            self.truth = read_truth(study.folder / "sealed" / "truth.csv").positive
        self.random = np.random.default_rng(seed)
        self.cases = {
            case: float(self.random.normal()) for case in sorted({e.case for e in self.book.entries.values()})
        }
        self.impressions: dict[tuple[str, str, str], float] = {}

    def read(self) -> Steps[None]:
        """Every session of every reader, in the order in which people would have them."""
        due = [(plan.number, reader) for reader in self.able for plan in plans(self.study, reader)]
        total, done = len(self.study.allocation.rows), 0
        for number in sorted({number for number, _ in due}):
            for reader in (reader for n, reader in due if n == number):
                experience = Experience(10, "simulated", instructions_read=True)
                session = open_session(
                    self.study, self.log, reader, _SETTING, number, experience=experience, clock=self.clock
                )
                while session.view.state in (State.READING, State.FEEDBACK):
                    if session.view.state is State.FEEDBACK:
                        if session.view.done == session.view.total:
                            break
                        session.go_on()
                        continue
                    self._one(session, reader)
                    done += 1
                    yield Progress(0.95 * done / total, f"reader {reader}, session {number}")
                session.close()
                self.clock.wait(3600)
            self.clock.wait(86400 * (self.study.form.washout_days + 1))

    def adjudicate(self) -> None:
        """Decide what is in dispute; the third reader, or the readers together, have the default ability."""
        if self.study.protocol.adjudication is None:
            return
        who = next((reader.id for reader in self.study.protocol.readers if reader.role == "adjudicator"), CONSENSUS)
        if self.study.protocol.adjudication.by == CONSENSUS:
            who = CONSENSUS
        try:
            begin_adjudication(self.study, self.log, who)
        except InputError:  # they agree in everything
            return
        session = open_adjudication(self.study, self.log, who, _SETTING, clock=self.clock)
        while session.view.state is State.READING:
            self._one(session, who)
        session.close()

    def _one(self, session: Session, reader: str) -> None:
        """Read one stimulus, all its stages."""
        code = session.view.stimulus
        while session.view.stimulus == code and session.view.state is State.READING:
            for wanted in session.view.regions:
                self._draw(session, wanted)
            self._answer(session, reader)
            if session.view.stage < session.view.stages:
                session.next_stage()
            else:
                session.submit()

    def _answer(self, session: Session, reader: str) -> None:
        ability = self.able.get(reader, Ability())
        left_open: set[str] = set()
        while True:
            view = session.view
            open_now = [a for a in view.questions if _is_open(a) and a.question.id not in left_open]
            if not open_now:
                return
            asked = open_now[0]
            question = asked.question
            self.clock.wait(float(self.random.lognormal(*_SECONDS)))
            missing = self.random.random() < ability.missing
            if missing and question.not_assessable:
                session.not_assessable(question.id, str(self.random.choice(question.not_assessable)))
            elif (missing or question.kind == "text") and not question.required:
                left_open.add(question.id)
            else:
                session.answer(question.id, self._value(asked, view, reader, ability))

    def _value(self, asked: Asked, view: View, reader: str, ability: Ability) -> Any:
        entry = self.book.entry(view.stimulus)
        arm = entry.arms[view.stage - 1]
        key = (reader, view.stimulus, arm)
        if key not in self.impressions:
            shares = np.sqrt([ability.case_share, 1 - ability.case_share])
            noise = shares @ [self.cases[entry.case], self.random.normal()]
            positive = self.truth.get(entry.case)
            mean = 0.0 if positive is None else ability.separation(arm) * (positive - 0.5)
            drift = ability.drift * view.done / max(view.total - 1, 1)
            self.impressions[key] = float(mean + noise + ability.bias + drift)
        share = float(norm.cdf(self.impressions[key]))
        question = asked.question
        if isinstance(question, ConfidenceQuestion):
            return round(100 * share)
        if isinstance(question, LikertQuestion):
            points = list(question.anchors)
            return points[min(int(share * len(points)), len(points) - 1)]
        if isinstance(question, ChoiceQuestion):
            values = [choice.value for choice in question.choices]
            words = self.study.protocol.truth
            if words is not None and {words.positive, words.negative} <= set(values):
                return words.positive if share > 0.5 else words.negative
            return str(self.random.choice(values))
        return "simulated"

    def _draw(self, session: Session, wanted: Wanted) -> None:
        """Lesions on the hottest spots of the map, white matter at their mirror images; elsewhere if that fails."""
        map = session.view.images[wanted.map].load()
        self.clock.wait(float(self.random.lognormal(*_SECONDS)))
        for rank in range(wanted.number - 1, wanted.number + 9):
            x, y, z = _spot(map, rank)
            centre = (-x if wanted.task.tissue == "nawm" else x, y, z)
            try:
                if wanted.task.shape == "disc":
                    session.draw_disc(wanted.task.id, wanted.number, wanted.map, centre)
                else:
                    line = [(centre[0] + _OUTLINE_MM * c, centre[1] + _OUTLINE_MM * s, z) for c, s in _OUTLINE]
                    session.draw_outline(wanted.task.id, wanted.number, wanted.map, line)
            except InputError:
                continue
            return
        session.not_assessable(wanted.task.id, "no place for it")


def _is_open(asked: Asked) -> bool:
    return asked.value is None and not asked.not_assessable


def _spot(map: sitk.Image, rank: int) -> tuple[float, float, float]:
    """The physical point (LPS) of the smoothed map's highest voxel, the next one that is 8 mm away from it, ..."""
    smooth = sitk.SmoothingRecursiveGaussian(map, 4.0)
    values = sitk.GetArrayFromImage(smooth)
    for _ in range(rank):
        k, j, i = np.unravel_index(int(values.argmax()), values.shape)
        reach = [max(1, round(8.0 / s)) for s in reversed(map.GetSpacing())]
        around = tuple(slice(max(0, n - r), n + r + 1) for n, r in zip((k, j, i), reach, strict=True))
        values[around] = -np.inf
    k, j, i = np.unravel_index(int(values.argmax()), values.shape)
    point: tuple[float, float, float] = map.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
    return point
