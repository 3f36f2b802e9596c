"""Evidence sheets: what the analysis and the study's record know of STARD 2015, CLAIM 2024 and GRRAS.

A person must fill in what stays open. Nothing is taken as said that is not in the tables, the protocol or the record.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..blocks import Cell, Section, Table, Words
from ..blocks import Row as Line
from ..checklists import CLAIM, GRRAS, STARD, Checklist
from ..context import Context
from ..endpoint import Endpoint, question
from ..words import counted, listed

OPEN = "Open: to be filled in by the authors."

_PART = "To add: "
"""Begins what is still missing of an item that is known in part."""


def evidence(context: Context, endpoint: Endpoint | None) -> Section:
    """The sheets that fit what was analysed."""
    section = Section("Evidence sheets", new_page=True)
    section.blocks.append(
        Words(
            "For each item of the reporting guidelines: what this report knows of it. Marked items are open, in "
            "whole or in part: the software cannot know them. The wording of the items is ours and short; the "
            "guidelines count."
        )
    )
    with_truth = context.found.has("roc.auc")
    if with_truth:
        section.blocks.append(_sheet("stard", "STARD 2015 (diagnostic accuracy)", STARD, stard(context, endpoint)))
    if with_truth or context.done.protocol is not None:
        section.blocks.append(_sheet("claim", "CLAIM 2024 (AI in medical imaging)", CLAIM, claim(context, endpoint)))
    if any(context.found.has(f"agreement.{kind}") for kind in ("icc", "kappa")) or context.found.has("bland_altman"):
        section.blocks.append(_sheet("grras", "GRRAS (reliability and agreement)", GRRAS, grras(context)))
    return section


def stard(context: Context, endpoint: Endpoint | None) -> dict[str, str]:
    """Item of STARD 2015 to what is known of it."""
    known = {
        "12a": _cut_offs(context),
        "14": "See “Methods and conventions”.",
        "15": _not_assessable(context),
        "16": _missing(context),
        "17": "Single readers, other multi-reader methods, variance components: see “Diagnostic accuracy”. "
        f"{_planned(context)}",
        "18": f"{_numbers(context)} {_PART}how the size was planned.",
        "19": "See the flow diagram in “Design and flow”.",
        "23": "See the tables “Results at the threshold”.",
        "24": "See “Diagnostic accuracy”.",
    }
    if endpoint is not None:
        known["4"] = f"{question(context, endpoint)} {_planned(context)}"
    design = context.design
    if "positive" in design:
        known["21a"] = f"{design['positive']} cases were positive. {_PART}how severe their disease was."
        known["21b"] = f"{design['negative']} cases were negative. {_PART}which diagnoses they had."
    protocol = context.done.protocol
    if protocol is not None:
        known["5"] = f"{_frozen(context)} {_PART}whether the images were collected before."
        known["10a"] = f"{_reading(context)} {_PART}acquisition of the images."
        known["13a"] = _blinded(context)
        known["29"] = f"{_frozen(context)} {_PART}where it is published."
        if protocol.truth is not None:
            truth = protocol.truth
            known["10b"] = f"Column “{truth.column}” of the cohort. {_PART}how it was established."
            known["12b"] = f"Positive: “{truth.positive}”; negative: “{truth.negative}”. Fixed in the protocol."
    return known


def claim(context: Context, endpoint: Endpoint | None) -> dict[str, str]:
    """Item of CLAIM 2024 to what is known of it."""
    known = {
        "12": _missing(context),
        "21": f"{_numbers(context)} {_PART}how the size was planned.",
        "28": "See “Methods and conventions”.",
        "29": "See “Methods and conventions”: intervals and tests, and what was not adjusted for.",
        "30": "The same question by other multi-reader methods: see “Diagnostic accuracy”.",
        "35": f"{_numbers(context)} {_PART}patients who were not eligible.",
        "37": "See the tables of this report and results.json.",
        "43": f"The analysis was made with SynthPerf, which is free software. {_PART}model and data.",
    }
    if context.found.has("roc.auc"):
        known["38"] = "See “Diagnostic accuracy”."
    if any(context.found.has(f"agreement.{kind}") for kind in ("icc", "kappa")):
        known["18"] = "See “Agreement”: between readers, and of each reader with themselves where reads were repeated."
    if endpoint is not None:
        known["4"] = f"{question(context, endpoint)} {_planned(context)}"
    protocol = context.done.protocol
    if protocol is not None:
        known["6"] = f"Reader study “{protocol.title}”."
        maps = sorted(
            {image.bundle or "the study's model" for image in protocol.images.values() if image.source == "synthetic"}
        )
        if maps:
            known["22"] = f"Synthetic maps made by {listed(maps)}. {_PART}its model card."
        known["10"] = (
            f"Only the patients of the split “{protocol.split}”. " if protocol.split else "All cases of the cohort. "
        ) + (f"Cases without a measured image were {'left out' if protocol.incomplete == 'leave_out' else 'refused'}.")
        known["11"] = (
            "Readers saw copies without names, dates and original file names, under opaque codes. "
            f"{_PART}how the source images were de-identified."
        )
        known["5"] = f"{_frozen(context)} {_PART}whether the images were collected before."
        known["42"] = f"{_frozen(context)} {_PART}where it is published."
        if protocol.truth is not None:
            known["14"] = f"Column “{protocol.truth.column}” of the cohort. {_PART}how it was established."
    return known


def grras(context: Context) -> dict[str, str]:
    """Item of GRRAS to what is known of it."""
    known = {
        "6": f"{_numbers(context)} {_PART}how they were chosen.",
        "10": "See “Methods and conventions”.",
        "11": _numbers(context),
        "13": "See “Agreement”." if context.design else "See “Comparison of two measurements”.",
        "15": "results.json and tables/ hold every estimate.",
    }
    protocol = context.done.protocol
    if protocol is not None:
        known["2"] = f"{_reading(context)}"
        people = [
            f"{reader.id}: {f'{reader.years:g} years' if reader.years is not None else 'years not stated'}, "
            f"{reader.training or 'training not stated'}"
            for reader in protocol.reading
        ]
        known["8"] = f"{_reading(context)} {_blinded(context)}"
        known["9"] = "Yes: no reader could see another reader's answers."
        known["12"] = f"Readers: {'; '.join(people)}. {_PART}the patients."
    return known


def _sheet(name: str, title: str, checklist: Checklist, known: Mapping[str, str]) -> Table:
    body: list[Line] = []
    for item, words in checklist:
        text = known.get(item, "").strip()
        tone = "open" if not text or _PART in text else ""
        body.append(
            [Cell(item, row_head=True), Cell(words, row_head=True), Cell(text or OPEN, row_head=True, tone=tone)]
        )
    left = sum(cell.tone == "open" for row in body for cell in row if isinstance(cell, Cell))
    head: Line = [
        Cell("Item", row_head=True),
        Cell("What it asks for", row_head=True),
        Cell("What is known", row_head=True),
    ]
    caption = f"{title}: {len(checklist) - left} of {len(checklist)} items filled in"
    return Table(f"evidence_{name}", caption, [head], body, widths=(6, 32, 62))


def _planned(context: Context) -> str:
    if context.done.facts.get("endpoints"):
        return "The endpoints were fixed in the protocol before the first read; everything else is exploratory."
    return "No protocol was given to the analysis: everything is exploratory."


def _frozen(context: Context) -> str:
    study = context.done.facts.get("study", {})
    digest = study.get("protocol_sha256")
    return f"The reading follows a protocol that was frozen before the first read (SHA-256 {digest})."


def _cut_offs(context: Context) -> str:
    thresholds = context.done.settings.thresholds
    given = "; ".join(f"“{context.names.item(item)}”: {value:g} or more" for item, value in thresholds.items())
    found = "Other cut-offs are Youden's, found in these data (exploratory)."
    return (
        f"Fixed beforehand: {given}. {found}"
        if given
        else "Youden's cut-off of each reader, found in these data (exploratory)."
    )


def _not_assessable(context: Context) -> str:
    number = sum(row["not_assessable"] for row in context.done.facts.get("missing", ()))
    return f"{counted(number, 'answer')} “not assessable”, left out. See “Answers by item, reader and arm”."


def _missing(context: Context) -> str:
    rows = context.done.facts.get("missing", ())
    number = sum(row["empty"] + row["absent"] for row in rows)
    return f"{counted(number, 'answer')} missing, left out. See “Answers by item, reader and arm”."


def _numbers(context: Context) -> str:
    design = context.design
    if not design:
        cases = 0 if context.done.pairs is None else len(context.done.pairs.x)
        return f"{counted(cases, 'case')}, two measurements each."
    parts = [
        counted(len(design["readers"]), "reader"),
        counted(design["cases"], "case"),
        counted(len(design["arms"]), "arm"),
    ]
    if design["repeats"] > 1:
        parts.append(f"up to {design['repeats']} reads of a case by a reader in an arm")
    return f"{', '.join(parts)}."


def _reading(context: Context) -> str:
    protocol = context.done.protocol
    assert protocol is not None
    arms = []
    for arm in protocol.arms:
        shown = [protocol.images[image].modality for image in arm.images]
        arms.append(f"“{arm.title}” ({', '.join(dict.fromkeys(shown))})")
    questions = listed(
        [f"“{asked.text}”" for asked in protocol.questions if asked.kind != "text"] or ["regions of interest"]
    )
    return f"Readers saw {listed(arms)} and answered {questions}."


def _blinded(context: Context) -> str:
    protocol = context.done.protocol
    assert protocol is not None
    text = "Readers saw opaque codes only, in random order; arm, case, truth and other readers' answers were hidden."
    if protocol.design.washout_days:
        text += f" At least {counted(protocol.design.washout_days, 'day')} lay between two reads of a case."
    overrides = context.done.facts.get("flow", {}).get("washout_overrides", 0)
    return text + (f" The washout was overridden {counted(overrides, 'time')}." if overrides else "")
