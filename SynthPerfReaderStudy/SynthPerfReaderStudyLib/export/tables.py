"""A study's own tables: ratings.csv, rois.csv, decisions.csv, events.jsonl."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from SynthPerfLib.case import split_id
from SynthPerfLib.images import written_whole
from SynthPerfLib.rois import COLUMNS

from ..adjudication import decisions
from ..protocol import Question
from ..reading import Content, Submissions
from ..records import RecordLog
from ..study import Study


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table: UTF-8, commas, a header row."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def write_ratings(study: Study, submissions: Submissions, path: Path) -> None:
    """Write ``ratings.csv``: reader, case, arm, item, value [, repeat] [, cluster].

    One row for every question of every planned reading but those for practice; the value is empty where a required
    answer is missing, ``NA:<reason>`` where the item was not assessable. An optional or conditional question has a row
    only if it was answered. ``repeat`` is there if the protocol has hidden repeats, ``cluster`` (the patient) if one
    has several examinations.
    """
    book = study.code_book()
    rows: list[tuple[str, ...]] = []
    for place in study.allocation.rows:
        if place.practice:
            continue
        entry = book.entry(place.stimulus)
        submission = submissions.get((place.reader, place.stimulus))
        contents = {} if submission is None else submission.contents
        for stage, arm in enumerate(entry.arms, start=1):
            for question in study.form.questions:
                value = _value(question, stage, contents)
                if value is not None:
                    rows.append((place.reader, entry.case, arm, question.id, value, str(entry.repeat)))
    cases = {row[1] for row in rows}
    columns = ["reader", "case", "arm", "item", "value"]
    repeated = any(row[5] != "1" for row in rows)
    clustered = len({split_id(case)[0] for case in cases}) < len(cases)
    columns += ["repeat"] * repeated + ["cluster"] * clustered
    rows.sort()
    write_csv(
        path,
        columns,
        ((*row[:5], *[row[5]] * repeated, *[split_id(row[1])[0]] * clustered) for row in rows),
    )


def _value(question: Question, stage: int, contents: Mapping[Any, Content]) -> str | None:
    """What stands in the table; None if there is no row."""
    content = contents.get(("answer", stage, question.id))
    if content is not None:
        return f"NA:{content['not_assessable']}" if content.get("not_assessable") else str(content["value"])
    asked = not question.stages or stage in question.stages
    return "" if asked and question.required and question.when is None else None


def write_rois(study: Study, submissions: Submissions, path: Path) -> None:
    """Write ``rois.csv``: the columns of :data:`~..rois.COLUMNS`, one row for each region on each map."""
    book = study.code_book()
    rows = []
    for place in study.allocation.rows:
        submission = submissions.get((place.reader, place.stimulus))
        if submission is None or place.practice:
            continue
        entry = book.entry(place.stimulus)
        known = {"reader": place.reader, "case": entry.case, "repeat": entry.repeat}
        known["arm"] = entry.arms[submission.stage - 1]
        for region in submission.rois:
            images = {name: entry.images[region[name]] for name in ("map", "drawn_on") if region[name]}
            cells = {**region, **known, **images}
            rows.append(["" if cells.get(column) is None else cells[column] for column in COLUMNS])
    write_csv(path, COLUMNS, rows)


def write_events(log: RecordLog, path: Path) -> None:
    """Write ``events.jsonl``: the log's birth, then every event, one JSON object a line.

    Without its ``hash``, and written by the rule of :mod:`~..records.events`, each line has that SHA-256.
    """

    def lines() -> Iterator[dict[str, Any]]:
        yield {**json.loads(log.birth.text), "hash": log.birth.hash}
        for event in log.events():
            yield event.as_json()

    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for line in lines():
            stream.write(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n")


def write_decisions(study: Study, log: RecordLog, path: Path) -> None:
    """Write ``decisions.csv``, what holds for every case: case, arm, item, value, by. The arm is the last stage's."""
    book = study.code_book()
    rows = []
    for decision in decisions(study, log):
        entry = book.entry(decision.stimulus)
        rows.append((entry.case, entry.arms[-1], decision.item, decision.value, decision.by))
    write_csv(path, ("case", "arm", "item", "value", "by"), sorted(rows))
