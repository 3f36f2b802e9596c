"""Where readers disagree: a consensus of the same readers, or a third reader; the first answers are kept.

The sessions are those of :mod:`.session`, with the questions in dispute only. Nobody is shown what was answered before,
nor by whom.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from SynthPerfLib.errors import InputError

from .protocol import Adjudication
from .reading import Content, Reading, submitted
from .records import Clock, Event, Kind, RecordLog, Role
from .session import Plan, Session
from .study import Study
from .view import Setting

CONSENSUS = "consensus"
"""Who reads a consensus session: the readers together, at one seat."""

AGREED, OPEN = "agreed", "open"


@dataclass(frozen=True)
class Decision:
    """What holds for one item of one stimulus.

    Attributes
    ----------
    value
        The answer (``NA:<reason>`` if it is not assessable); empty while it is open.
    by
        :data:`AGREED` by all readers, ``consensus``, ``third_reader``, or :data:`OPEN`.
    """

    stimulus: str
    item: str
    value: str
    by: str


def disagree(rule: Adjudication, answers: Sequence[Content]) -> bool:
    """Whether answers to one question differ by the protocol's rule; a number and "not assessable" always do."""
    different = {_said(answer) for answer in answers}
    if len(different) < 2 or rule.disagreement == "any":
        return len(different) > 1
    values = [answer["value"] for answer in answers]
    if any(not isinstance(value, int | float) for value in values):
        return True
    return max(values) - min(values) >= (rule.difference or 0)


def decisions(study: Study, log: RecordLog) -> tuple[Decision, ...]:
    """What holds for every stimulus that all its readers have submitted, for the items of the protocol's rule.

    Practice and hidden repeats do not count. Where the protocol allows a smaller difference, the answers agree and the
    value is that of the reader who is named first in the protocol. In a staged reveal the last stage counts.

    Raises
    ------
    InputError
        If the protocol has no adjudication.
    """
    rule = _rule(study)
    last = {item: max(study.form.question(item).stages or (study.form.stages,)) for item in rule.items}
    given = submitted(study, log)
    adjudicated = _adjudicated(study, log)
    found = []
    for stimulus, readers in _readers_of(study).items():
        if not all((reader, stimulus) in given for reader in readers):
            continue
        for item in rule.items:
            contents = [given[reader, stimulus].contents.get(("answer", last[item], item)) for reader in readers]
            answers = [content for content in contents if content is not None]
            if not answers:
                continue
            final = adjudicated.get((stimulus, item))
            if not disagree(rule, answers) and len(answers) == len(contents):
                found.append(Decision(stimulus, item, _said(answers[0]), AGREED))
            elif final is not None:
                found.append(Decision(stimulus, item, _said(final), rule.by))
            else:
                found.append(Decision(stimulus, item, "", OPEN))
    return tuple(found)


def begin_adjudication(study: Study, log: RecordLog, who: str | None = None) -> Event:
    """Give what is open, and not yet given to anyone, to an adjudication session; the coordinator's step.

    The order is random, from the study's seed.

    Parameters
    ----------
    who
        The third reader, if the protocol names several.

    Returns
    -------
    Event
        Its ``reader`` is who decides; ``payload``: ``number``, ``by``, ``order`` (stimuli), ``items`` by stimulus.

    Raises
    ------
    InputError
        If the protocol has no adjudication, the reader is no adjudicator, or nothing is open.
    """
    rule = _rule(study)
    reader = _adjudicator(study, who)
    opened = list(log.events(kind=Kind.ADJUDICATION_OPENED))
    given = {(code, item) for event in opened for code, items in event.payload["items"].items() for item in items}
    items: dict[str, list[str]] = {}
    for decision in decisions(study, log):
        if decision.by == OPEN and (decision.stimulus, decision.item) not in given:
            items.setdefault(decision.stimulus, []).append(decision.item)
    if not items:
        raise InputError("The readers agree wherever all have read, or what is open was given out already.")
    number = len(opened) + 1
    codes = sorted(items)
    random.Random(f"{study.about['seed']} adjudication {number}").shuffle(codes)
    payload = {"number": number, "by": rule.by, "order": codes, "items": items}
    return log.append(Kind.ADJUDICATION_OPENED, Role.COORDINATOR, payload, reader=reader)


def open_adjudication(
    study: Study, log: RecordLog, reader: str, setting: Setting, *, clock: Clock | None = None
) -> Session:
    """Open the adjudication session of a third reader, or of the readers together (:data:`CONSENSUS`); go on where it
    was left.

    Raises
    ------
    InputError
        If there is none for this reader, or all are complete.
    """
    events = list(log.events(reader=reader))
    own = [_plan(study, event) for event in events if event.kind is Kind.ADJUDICATION_OPENED]
    for plan in own:
        reading = Reading(plan.codes, (event for event in events if event.session == plan.session))
        if not reading.complete or reading.open:
            session = Session(study, log, plan, events, clock or Clock())
            session.begin(setting)
            return session
    raise InputError(
        f"{reader} has decided everything that was given out." if own else f"There is nothing to decide for {reader}."
    )


def _rule(study: Study) -> Adjudication:
    rule = study.protocol.adjudication
    if rule is None:
        raise InputError("The protocol has no adjudication: what the readers answered stands.")
    return rule


def _adjudicator(study: Study, who: str | None) -> str:
    if _rule(study).by == CONSENSUS:
        if who not in (None, CONSENSUS):
            raise InputError(f"The protocol asks for a consensus of the readers, not for {who}.")
        return CONSENSUS
    possible = [reader.id for reader in study.protocol.readers if reader.role == "adjudicator"]
    if who is None and len(possible) > 1:
        raise InputError(f"Which adjudicator? Name one of {', '.join(possible)}.")
    if who is not None and who not in possible:
        raise InputError(f"{who} is no adjudicator of this protocol: choose from {', '.join(possible)}.")
    return who or possible[0]


def _readers_of(study: Study) -> dict[str, list[str]]:
    """Stimulus to those who are to read it, in the protocol's order; those read once by everyone only."""
    book = study.code_book()
    planned: dict[str, list[str]] = {}
    for reader in study.protocol.reading:
        for row in study.allocation.rows:
            if row.reader == reader.id and not row.practice and book.entry(row.stimulus).repeat == 1:
                planned.setdefault(row.stimulus, []).append(row.reader)
    return planned


def _adjudicated(study: Study, log: RecordLog) -> dict[tuple[str, str], Content]:
    """(stimulus, item) to the answer of the adjudication, once it is submitted."""
    events = list(log.events())
    found: dict[tuple[str, str], Content] = {}
    for opened in (event for event in events if event.kind is Kind.ADJUDICATION_OPENED):
        plan = _plan(study, opened)
        reading = Reading(plan.codes, (event for event in events if event.session == plan.session))
        for code, item in reading.items.items():
            if item.submitted:
                answers = {key[2]: content for key, content in item.contents.items() if key[0] == "answer"}
                found.update({(code, str(name)): content for name, content in answers.items()})
    return found


def _plan(study: Study, opened: Event) -> Plan:
    """The session of an adjudication: at the last stage, only what is in dispute, each question by itself."""
    number, items = opened.payload["number"], opened.payload["items"]
    alone = {"when": None, "stages": (), "required": True}
    questions = {
        code: tuple(question.model_copy(update=alone) for question in study.form.questions if question.id in disputed)
        for code, disputed in items.items()
    }
    return Plan(
        opened.reader,
        f"{opened.reader}-adjudication-{number}",
        number,
        tuple(opened.payload["order"]),
        role=Role.ADJUDICATOR,
        items=questions,
        first_stage=study.form.stages,
        regions=False,
    )


def _said(answer: Content) -> str:
    """An answer as it stands in a table."""
    return f"NA:{answer['not_assessable']}" if answer["value"] is None else str(answer["value"])
