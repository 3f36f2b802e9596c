"""What must hold between the parts of a protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models import Protocol

Problem = tuple[tuple[Any, ...], str]
"""Where (keys and indices from the root) and what, without a full stop."""

_WORD = re.compile(r"[^\W_]+")
_EMPTY = {"and", "arm", "beside", "for", "from", "image", "images", "map", "maps", "not", "the", "with", "without"}
_ORDERED = ("likert", "confidence")  # kinds of answers that a figure of merit can be computed from


class Wrong(ValueError):
    """A contradiction between parts of a protocol, and where it stands."""

    def __init__(self, where: tuple[Any, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.where = where


def check(protocol: Protocol) -> None:
    """Refuse a protocol whose parts contradict each other.

    Raises
    ------
    Wrong
        The first contradiction.
    """
    for part in (_ids, _images, _questions, _rois, _design, _people, _blinding, _analysis):
        for where, sentence in part(protocol):
            raise Wrong(where, sentence)


def _ids(p: Protocol) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    items = {"questions": [q.id for q in p.questions], "rois": [roi.id for roi in p.rois]}
    for part, ids in items.items():
        for number, id in enumerate(ids):
            if id in seen:
                yield (part, number, "id"), f"the id {id} is there twice, in {seen[id]} and in {part}"
            seen[id] = part
    people = {"arms": [arm.id.lower() for arm in p.arms], "readers": [reader.id.lower() for reader in p.readers]}
    for part, ids in people.items():
        for number, id in enumerate(ids):
            if id in ids[:number]:
                yield (part, number, "id"), f"the id {getattr(p, part)[number].id} is there twice in {part}"
    if not p.questions and not p.rois:
        yield (), "a protocol asks something: give questions or rois"


def _images(p: Protocol) -> Iterator[Problem]:
    for number, arm in enumerate(p.arms):
        seen: set[str] = set()
        for id in arm.images:
            if id not in p.images:
                yield ("arms", number, "layout"), f"arm {arm.id} shows the unknown image {id}"
            if id in seen:
                yield ("arms", number, "layout"), f"arm {arm.id} shows {id} twice"
            seen.add(id)
    copied = {id for roi in p.rois for id in roi.copied_to}
    shown = {id for arm in p.arms for id in arm.images}
    used = {p.images[id].modality for id in shown | copied if id in p.images}
    for id, image in p.images.items():
        if id not in shown | copied:
            yield ("images", id), f"no arm shows the image {id}, and no region is copied to it"
        if image.source == "synthetic" and image.modality not in p.display:
            yield ("images", id), f"the synthetic map {id} needs its range and colours: display, {image.modality}"
        if image.source == "measured" and image.bundle is not None:
            yield ("images", id, "bundle"), f"{id} is measured, only a synthetic image has a bundle"
        if image.label is not None and (told := _told(p, image.label)):
            yield ("images", id, "label"), f"the label {image.label!r} tells the reader the arm by the word {told!r}"
    for modality, display in p.display.items():
        if modality not in used:
            yield ("display", modality), f"no image that is used has the modality {modality}"
        if told := _told(p, display.unit):
            yield ("display", modality, "unit"), f"the unit {display.unit!r} tells the reader the arm by {told!r}"


def telling_words(p: Protocol) -> tuple[str, ...]:
    """Words by which a reader would know one arm, or one map, from another; lower case.

    The ids and titles of the arms, the words in them that not all arms share, and the ids of the maps.
    """
    arms = [set(_WORD.findall(f"{arm.id} {arm.title}".lower().replace("_", " "))) for arm in p.arms]
    shared = set.intersection(*arms)
    words = {word for arm in arms for word in arm - shared - _EMPTY if len(word) > 2}
    words |= {text.lower() for arm in p.arms for text in (arm.id, arm.title)}
    return tuple(sorted(words | {id.lower() for id in p.images if p.is_map(id)} | {"synthetic"}))


def _told(p: Protocol, text: str) -> str:
    found = set(_WORD.findall(text.lower()))
    return next((word for word in telling_words(p) if word in found or (" " in word and word in text.lower())), "")


def _questions(p: Protocol) -> Iterator[Problem]:
    known = {question.id: question for question in p.questions}
    before: set[str] = set()
    for number, question in enumerate(p.questions):
        where = ("questions", number)
        for stage in question.stages:
            if stage > p.stages:
                yield (*where, "stages"), f"{question.id} is asked at stage {stage}, the design has {p.stages}"
        if question.kind == "choice":
            values = [choice.value for choice in question.choices]
            double = next((value for value in values if values.count(value) > 1), None)
            if double:
                yield (*where, "choices"), f"{question.id} has the choice {double} twice"
        condition = question.when
        if condition is not None:
            other = known.get(condition.item)
            if other is None:
                yield (*where, "when", "item"), f"{question.id} depends on the unknown item {condition.item}"
            elif condition.item not in before:
                yield (*where, "when", "item"), f"{question.id} depends on {condition.item}, which is not asked before"
            else:
                for value in condition.is_:
                    if not _possible(other, value):
                        yield (*where, "when", "is"), f"{value!r} is no answer to {other.id}"
        before.add(question.id)


def _possible(question: Any, value: str | int) -> bool:
    if question.kind == "text":
        return False
    try:
        question.checked(value)
    except Exception:
        return False
    return True


def _rois(p: Protocol) -> Iterator[Problem]:
    for number, roi in enumerate(p.rois):
        where = ("rois", number)
        for key, images in (("drawn_on", roi.drawn_on), ("copied_to", roi.copied_to)):
            for image in images:
                if image not in p.images:
                    yield (*where, key), f"{roi.id} is {key.replace('_', ' ')} the unknown image {image}"
                if images.count(image) > 1:
                    yield (*where, key), f"{roi.id} is {key.replace('_', ' ')} {image} twice"
        for image in roi.copied_to:
            if image in roi.drawn_on:
                yield (*where, "copied_to"), f"{roi.id} is copied to {image}, on which it is drawn"
        for arm in p.arms:
            if not set(roi.drawn_on) & set(arm.images):
                yield (*where, "drawn_on"), f"{roi.id} cannot be drawn in arm {arm.id}, which shows none of its images"
    tissues = {roi.tissue for roi in p.rois}
    if "nawm" in tissues and "lesion" not in tissues:
        number = next(n for n, roi in enumerate(p.rois) if roi.tissue == "nawm")
        yield ("rois", number, "tissue"), "white matter is drawn without a lesion to compare it with"


def _design(p: Protocol) -> Iterator[Problem]:
    d, arms = p.design, [arm.id for arm in p.arms]
    sizes = {"fully_crossed": len(arms), "sequential": 1, "split_plot": 1 if d.split == "readers" else len(arms)}
    periods = sizes[d.kind]
    if d.kind == "sequential":
        if len(arms) < 2:
            yield ("design", "kind"), "a staged reveal needs at least two arms"
        if not d.order:
            yield ("design",), "a staged reveal needs the order of its arms: order"
        elif sorted(d.order) != sorted(arms):
            yield ("design", "order"), f"the order must name every arm once: {', '.join(arms)}"
    elif d.order:
        yield ("design", "order"), "only a sequential design has an order of arms"
    if d.kind == "split_plot":
        if d.split is None:
            yield ("design",), "a split-plot design says what is split: cases or readers"
        if d.split == "cases" and d.groups is None:
            yield ("design",), "a split-plot design that splits cases needs the number of groups"
        if d.split == "readers" and d.groups is not None:
            yield ("design", "groups"), "readers are divided among the arms, the number of groups is that of the arms"
        if d.split == "readers" and len(arms) < 2:
            yield ("design", "split"), "readers can be divided among two arms or more"
        groups = len(arms) if d.split == "readers" else d.groups or 1
        if len(p.reading) < groups:
            yield ("design", "kind"), f"{groups} groups need at least as many readers, there are {len(p.reading)}"
    elif d.split is not None or d.groups is not None:
        yield ("design", "split" if d.split else "groups"), "only a split-plot design is split into groups"
    if d.sessions % periods:
        yield (
            ("design", "sessions"),
            f"no session shows a case in two arms, so {periods} arms need a multiple of {periods} sessions, "
            f"not {d.sessions}",
        )
    again = periods > 1 or d.repeats is not None
    if d.washout_days and not again:
        why = "one session" if d.sessions == 1 else "no case that is read twice"
        yield ("design", "washout_days"), f"a washout with {why} has no meaning"
    if again and not d.washout_days and d.repeats is not None:
        yield ("design", "repeats"), "hidden repeats need a washout before them: washout_days"
    if d.practice.cases and d.practice.feedback and p.truth is None:
        yield ("design", "practice"), "practice with feedback needs a truth: give truth, or feedback: false"


def _people(p: Protocol) -> Iterator[Problem]:
    if not p.reading:
        yield ("readers",), "nobody has the role reader"
    rule = p.adjudication
    if rule is None:
        return
    known = {question.id: question for question in p.questions}
    for number, item in enumerate(rule.items):
        if item not in known:
            yield ("adjudication", "items", number), f"the adjudication is about the unknown item {item}"
        elif known[item].kind == "text":
            yield ("adjudication", "items", number), f"{item} is free text, which cannot be compared"
        elif rule.disagreement == "at_least" and known[item].kind not in _ORDERED:
            yield ("adjudication", "items", number), f"{item} has no scale, a difference in it has no meaning"
    if len(p.reading) < 2:
        yield ("adjudication",), "one reader cannot disagree: an adjudication needs two"
    adjudicators = [reader for reader in p.readers if reader.role == "adjudicator"]
    if rule.by == "third_reader" and not adjudicators:
        yield ("adjudication", "by"), "the third reader is missing: give one reader the role adjudicator"


def _blinding(p: Protocol) -> Iterator[Problem]:
    arms = [arm.id for arm in p.arms]
    if p.blinding.left_right and not any(sum(map(p.is_map, row)) > 1 for arm in p.arms for row in arm.layout):
        yield ("blinding", "left_right"), "no arm shows two maps in one row, there is nothing to change places"
    guess = p.blinding.guess_arm
    if guess is None:
        return
    question = next((q for q in p.questions if q.id == guess), None)
    if question is None:
        yield ("blinding", "guess_arm"), f"the unknown item {guess} is to guess the arm"
    elif question.kind != "choice" or not set(arms) <= {choice.value for choice in question.choices}:
        yield ("blinding", "guess_arm"), f"{guess} must be a choice among the arms: {', '.join(arms)}"
    if len(arms) < 2:
        yield ("blinding", "guess_arm"), "with one arm there is nothing to guess"


def _analysis(p: Protocol) -> Iterator[Problem]:
    if p.analysis is None:
        return
    questions = {question.id: question for question in p.questions}
    rois = {roi.id for roi in p.rois}
    endpoints: list[tuple[tuple[Any, ...], Any]] = [(("analysis", "primary"), p.analysis.primary)]
    endpoints += [(("analysis", "secondary", n), endpoint) for n, endpoint in enumerate(p.analysis.secondary)]
    for where, endpoint in endpoints:
        name = "the primary endpoint" if where[-1] == "primary" else "an endpoint"
        if endpoint.item not in questions and endpoint.item not in rois:
            yield (*where, "item"), f"{name} names the unknown item {endpoint.item}"
            continue
        for arm in endpoint.arms:
            if arm not in [a.id for a in p.arms]:
                yield (*where, "arms"), f"{name} names the unknown arm {arm}"
        if len(set(endpoint.arms)) < len(endpoint.arms):
            yield (*where, "arms"), f"{name} compares an arm with itself"
        merit = endpoint.figure_of_merit
        if merit in ("auc", "sensitivity", "specificity") and p.truth is None:
            yield (*where, "figure_of_merit"), f"{merit} needs a truth: give truth with its column and its two words"
        question = questions.get(endpoint.item)
        if question is None and merit not in ("mean", "icc", "bland_altman"):
            yield (*where, "figure_of_merit"), f"{merit} of a region of interest is not defined"
        if question is not None and question.kind not in _ORDERED and merit in ("auc", "mean", "icc"):
            yield (*where, "item"), f"{merit} needs grades or a confidence, {endpoint.item} is a {question.kind}"
        if question is not None and merit == "bland_altman":
            yield (*where, "figure_of_merit"), f"bland_altman is for measured regions, {endpoint.item} is a question"
    if p.analysis.noninferiority_margin is not None and len(p.analysis.primary.arms) < 2:
        yield ("analysis", "noninferiority_margin"), "a non-inferiority margin needs a primary endpoint with two arms"
