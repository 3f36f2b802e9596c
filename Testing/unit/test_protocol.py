"""A protocol is read whole or refused with its file, line and reason."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.protocol import (
    Form,
    LikertQuestion,
    Protocol,
    json_schema,
    load_protocol,
    shipped_protocols,
    telling_words,
)

GOOD = """\
schema: 1
title: Two maps
truth: {column: diagnosis, positive: recurrence, negative: treatment_response}
images:
  T1C: {modality: T1C}
  real: {modality: CBV}
  synthetic: {modality: CBV, source: synthetic}
display:
  CBV: {range: [0, 8], unit: mL/100 g}
arms:
  - {id: real, title: Real map, layout: [[T1C, real]]}
  - {id: synthetic, title: Synthetic map, layout: [[T1C, synthetic]]}
questions:
  - id: grade
    kind: likert
    text: How good is it?
    anchors: {0: poor, 1: good}
  - id: why
    kind: text
    text: Why?
    when: {item: grade, is: [0]}
rois:
  - {id: tumour, title: Tumour, tissue: lesion, area_cm2: 0.25, drawn_on: [real, synthetic]}
design:
  kind: fully_crossed
  sessions: 2
  washout_days: 28
readers:
  - {id: R1, site: north}
  - {id: R2, site: south}
analysis:
  primary: {item: grade, figure_of_merit: auc, arms: [real, synthetic]}
"""


def refusal(tmp_path: Path, text: str) -> tuple[int, str]:
    """The line and the sentence with which a protocol is refused."""
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_protocol(path)
    words = str(caught.value)
    assert words.startswith("mine.yaml, line ")
    assert words.endswith((".", ")"))
    line, sentence = words[len("mine.yaml, line ") :].split(": ", 1)
    return int(line), sentence


def test_the_good_one_is_good(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    loaded = load_protocol(path)
    assert loaded.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert loaded.content == GOOD.encode()
    assert [arm.id for arm in loaded.protocol.arms] == ["real", "synthetic"]


WRONG = [
    # what is replaced, by what, the line of the complaint, words of it
    ("title: Two maps", "titel: Two maps", 2, "unknown key 'titel', is 'title' meant?"),
    ("title: Two maps\n", "", 1, "lacks the key 'title'"),
    ("schema: 1", "schema: 2", 1, "'schema' must be 1, not 2"),
    ("modality: T1C", "modality: T9", 5, "unknown modality 'T9'"),
    ("range: [0, 8]", "range: [8, 0]", 9, "from a lower to a higher value"),
    ("range: [0, 8]", "range: [0, .inf]", 9, "finite number"),
    ("range: [0, 8]", "range: [0]", 9, "range"),
    ("unit: mL/100 g", "unit: synthetic mL/100 g", 9, "tells the reader the arm by 'synthetic'"),
    ("  CBV: {range", "  TMAX: {range", 7, "the synthetic map synthetic needs its range and colours: display, CBV"),
    ("real: {modality: CBV}", "real: {modality: CBV, label: Real CBV}", 6, "the arm by the word 'real'"),
    ("real: {modality: CBV}", "real: {modality: CBV, bundle: x}", 6, "only a synthetic image has a bundle"),
    ("  T1C: {modality: T1C}\n", "  T1C: {modality: T1C}\n  T2: {modality: T2}\n", 6, "no arm shows the image T2"),
    ("layout: [[T1C, real]]", "layout: [[T1C, reel]]", 11, "arm real shows the unknown image reel"),
    ("layout: [[T1C, real]]", "layout: [[T1C, real, real]]", 11, "shows real twice"),
    ("layout: [[T1C, real]]", "layout: []", 11, "layout"),
    ("layout: [[T1C, real]]", "layouts: [[T1C, real]]", 11, "layout"),
    ("id: synthetic, title", "id: Real, title", 12, "the id Real is there twice in arms"),
    ("id: why", "id: grade", 18, "the id grade is there twice, in questions and in questions"),
    ("id: tumour", "id: grade", 23, "the id grade is there twice, in questions and in rois"),
    ("kind: likert", "kind: likkert", 14, "must be"),
    ("    kind: text\n", "", 18, "lacks the key 'kind'"),
    ("anchors: {0: poor, 1: good}", "anchors: {0: poor, 2: good}", 17, "consecutive"),
    ("anchors: {0: poor, 1: good}", "anchors: {0: poor}", 17, "at least 2"),
    ("anchors: {0: poor, 1: good}", "anchors: {0: no, 1: good}", 17, "put words such as yes and no in quotes"),
    ("when: {item: grade", "when: {item: grad", 21, "why depends on the unknown item grad"),
    ("is: [0]", "is: [5]", 21, "5 is no answer to grade"),
    ("is: [0]", "is: []", 21, "at least 1"),
    ("area_cm2: 0.25", "count: 2", 23, "the disc tumour needs its area"),
    ("area_cm2: 0.25", "shape: freehand, area_cm2: 1", 23, "area_cm2 belongs to a disc"),
    ("drawn_on: [real, synthetic]", "drawn_on: [real]", 23, "cannot be drawn in arm synthetic"),
    ("drawn_on: [real, synthetic]", "drawn_on: [real, other]", 23, "drawn on the unknown image other"),
    ("drawn_on: [real, synthetic]", "drawn_on: [real], copied_to: [IVIM]", 23, "copied to the unknown image IVIM"),
    ("drawn_on: [real, synthetic]", "drawn_on: [real, synthetic], copied_to: [real]", 23, "on which it is drawn"),
    ("tissue: lesion", "tissue: nawm", 23, "without a lesion to compare it with"),
    ("kind: fully_crossed", "kind: sequential", 24, "needs the order of its arms"),
    ("kind: fully_crossed", "kind: sequential\n  order: [real]", 26, "must name every arm once: real, synthetic"),
    ("kind: fully_crossed", "kind: fully_crossed\n  order: [real, synthetic]", 26, "only a sequential design"),
    ("kind: fully_crossed", "kind: split_plot", 24, "says what is split"),
    ("kind: fully_crossed", "kind: split_plot\n  split: cases", 24, "needs the number of groups"),
    ("kind: fully_crossed", "kind: split_plot\n  split: cases\n  groups: 3", 25, "at least as many readers"),
    ("kind: fully_crossed", "kind: split_plot\n  split: readers\n  groups: 2", 27, "is that of the arms"),
    ("kind: fully_crossed", "kind: fully_crossed\n  groups: 2", 26, "only a split-plot design"),
    ("sessions: 2", "sessions: 3", 26, "2 arms need a multiple of 2 sessions, not 3"),
    ("sessions: 2", "sessions: 0", 26, "greater than or equal to 1"),
    ("sessions: 2", "sessions: two", 26, "valid integer"),
    ("washout_days: 28", "washout_days: 0\n  repeats: {share: 0.1}", 28, "hidden repeats need a washout"),
    ("washout_days: 28", "washout_days: 28\n  repeats: {share: 0.1, count: 2}", 28, "one of the two"),
    ("{id: R2, site: south}", "{id: r1, site: south}", 30, "the id r1 is there twice in readers"),
    ("{id: R2, site: south}", "{id: R 2}", 30, "id"),
    ("{id: R2, site: south}", "{id: R2, role: boss}", 30, "'role' must be"),
    ("item: grade, figure", "item: grades, figure", 32, "the primary endpoint names the unknown item grades"),
    ("item: grade, figure", "item: why, figure", 32, "auc needs grades or a confidence, why is a text"),
    ("arms: [real, synthetic]}", "arms: [real, fake]}", 32, "names the unknown arm fake"),
    ("arms: [real, synthetic]}", "arms: [real, real]}", 32, "compares an arm with itself"),
    ("figure_of_merit: auc", "figure_of_merit: bland_altman", 32, "bland_altman is for measured regions"),
    ("item: grade, figure_of_merit: auc", "item: tumour, figure_of_merit: auc", 32, "of a region of interest"),
]  # fmt: skip

ADDED = [
    ("adjudication: {items: [grades], by: consensus}", "about the unknown item grades"),
    ("adjudication: {items: [why], by: consensus}", "why is free text, which cannot be compared"),
    ("adjudication: {items: [grade], by: third_reader}", "the third reader is missing"),
    ("adjudication: {items: [grade], by: vote}", "'by' must be"),
    ("adjudication: {items: [grade], disagreement: at_least, by: consensus}", "belong together"),
    ("blinding: {guess_arm: guess}", "the unknown item guess is to guess the arm"),
    ("blinding: {guess_arm: grade}", "grade must be a choice among the arms: real, synthetic"),
    ("blinding: {left_right: true}", "no arm shows two maps in one row"),
    ("timing: {idle_seconds: -1}", "greater than 0"),
    ("navigation: {back: maybe}", "boolean"),
    ("title: Again", "'title' is there twice, first in line 2"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), WRONG)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert GOOD.count(old) == 1
    found, sentence = refusal(tmp_path, GOOD.replace(old, new))
    assert words in sentence
    assert found == line


@pytest.mark.parametrize(("text", "words"), ADDED)
def test_what_is_added_wrongly_is_refused_in_its_line(tmp_path: Path, text: str, words: str) -> None:
    found, sentence = refusal(tmp_path, f"{GOOD}{text}\n")
    assert words in sentence
    assert found == GOOD.count("\n") + 1


def test_truth_is_needed_by_what_is_computed_from_it(tmp_path: Path) -> None:
    without = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith("truth"))
    line, sentence = refusal(tmp_path, without)
    assert (line, "auc needs a truth" in sentence) == (31, True)
    mean = without.replace("figure_of_merit: auc", "figure_of_merit: mean")
    line, sentence = refusal(tmp_path, mean.replace("washout_days: 28", "washout_days: 28\n  practice: {cases: 2}"))
    assert (line, "practice with feedback needs a truth" in sentence) == (27, True)


def test_one_session_has_no_washout(tmp_path: Path) -> None:
    one = GOOD.replace("  - {id: synthetic, title: Synthetic map, layout: [[T1C, synthetic]]}\n", "")
    one = one.replace("  synthetic: {modality: CBV, source: synthetic}\n", "").replace("real, synthetic]", "real]")
    line, sentence = refusal(tmp_path, one.replace("sessions: 2", "sessions: 1"))
    assert (line, sentence) == (25, "a washout with one session has no meaning.")
    with_margin = one.replace("  washout_days: 28\n", "") + "  noninferiority_margin: 0.1\n"
    assert "needs a primary endpoint with two arms" in refusal(tmp_path, with_margin)[1]


def test_yaml_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "schema: 1\ntitle: [a\n")[0] == 3
    assert refusal(tmp_path, "- 1\n- 2\n")[0] == 1
    assert refusal(tmp_path, "")[0] == 1
    assert "holds itself" in refusal(tmp_path, "schema: 1\narms: &a [*a]\n")[1]
    assert refusal(tmp_path, "schema: 1\ntitle: !!python/object:os.system x\n")[0] == 2
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"schema: 1\ntitle: caf\xe9\n")
    with pytest.raises(InputError, match=r"latin\.yaml, line 2: this is not UTF-8"):
        load_protocol(path)
    path.write_bytes(b"a" * 1_000_001)
    with pytest.raises(InputError, match="too large"):
        load_protocol(path)


def test_several_mistakes_are_counted_and_the_first_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("sessions: 2", "sessions: x").replace("modality: T1C", "modality: T9")
    line, sentence = refusal(tmp_path, text)
    assert line == 5
    assert sentence.endswith("(1 more)")


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(InputError, match="qsnet_rating, tmax_mismatch, wang_roi, wu2025_diagnosis, wu2025_quality"):
        load_protocol("wu2026")
    with pytest.raises(InputError, match="does not exist"):
        load_protocol("nowhere.yaml")


@given(st.data())
def test_any_damaged_protocol_is_read_or_refused_as_bad_input(data: st.DataObject) -> None:
    """Any value anywhere replaced by any other: read, or refused as bad input; never another error."""
    from SynthPerfReaderStudyLib.protocol.loading import _parsed

    content = yaml.safe_load(GOOD)
    place: Any = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            break
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    place[key] = data.draw(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(scalars, inner)))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode("utf-8", "replace")
    with contextlib.suppress(InputError):
        _parsed(text, "mine.yaml")


def test_wu2025_quality_is_the_papers() -> None:
    protocol = load_protocol("wu2025_quality").protocol
    grades = [question for question in protocol.questions if isinstance(question, LikertQuestion)]
    assert [question.id for question in grades] == ["distribution", "degree", "border_shape"]
    assert all(q.anchors == {0: "very poor", 1: "poor", 2: "good", 3: "very good"} for q in grades)
    assert protocol.adjudication is not None
    assert protocol.adjudication.by == "consensus"
    assert len(protocol.reading) == 2


def test_wu2025_diagnosis_is_the_papers() -> None:
    protocol = load_protocol("wu2025_diagnosis").protocol
    assert [protocol.images[arm.images[-1]].modality for arm in protocol.arms] == ["ASL", "CBV"]
    assert {protocol.images[i].modality for i in protocol.arms[0].images[:-1]} == {"T1", "T2", "FLAIR", "ADC", "T1C"}
    assert protocol.arms[0].images[:-1] == protocol.arms[1].images[:-1]
    assert protocol.display["ASL"] == protocol.display["CBV"]  # neither unit nor range tells the arm
    assert protocol.adjudication is not None
    assert protocol.adjudication.by == "third_reader"
    assert protocol.analysis is not None
    assert protocol.analysis.primary.figure_of_merit == "auc"


def test_wang_roi_is_the_papers() -> None:
    protocol = load_protocol("wang_roi").protocol
    assert [(r.tissue, r.count, r.area_cm2, r.drawn_on, r.copied_to) for r in protocol.rois] == [
        ("lesion", 3, 0.25, ("real",), ("synthetic",)),
        ("nawm", 3, 0.25, ("real",), ("synthetic",)),
    ]


def test_qsnet_rating_is_the_papers() -> None:
    protocol = load_protocol("qsnet_rating").protocol
    grades = [question for question in protocol.questions if isinstance(question, LikertQuestion)]
    assert [list(question.anchors) for question in grades] == [[1, 2, 3, 4, 5]] * 3
    assert [arm.images for arm in protocol.arms] == [("real",), ("synthetic",)]
    assert protocol.blinding.guess_arm == "origin"


def test_tmax_mismatch_has_a_region_on_the_map_of_each_arm() -> None:
    protocol = load_protocol("tmax_mismatch").protocol
    assert protocol.rois[0].shape == "freehand"
    assert protocol.display["TMAX"].unit == "s"
    mismatch = protocol.question("mismatch")
    assert mismatch.asked(1, {"deficit": "present"})
    assert not mismatch.asked(1, {"deficit": "absent"})
    assert not mismatch.asked(1, {})


@pytest.mark.parametrize("name", sorted(shipped_protocols()))
def test_the_form_of_the_readers_holds_no_arm(name: str) -> None:
    loaded = load_protocol(name)
    form = loaded.protocol.form(loaded.sha256)
    text = form.model_dump_json(by_alias=True)
    assert Form.model_validate_json(text) == form
    content = json.loads(text)
    assert not {"arms", "images", "design", "readers", "analysis"} & set(content)
    assert all(not {"drawn_on", "copied_to"} & set(roi) for roi in content["rois"])
    assert content["protocol_sha256"] == loaded.sha256


def test_answers_are_checked_by_their_question() -> None:
    protocol = load_protocol("wu2025_diagnosis").protocol
    grade = load_protocol("wu2025_quality").protocol.question("degree")
    assert grade.checked(3) == 3
    assert protocol.question("diagnosis").checked("recurrence") == "recurrence"
    assert protocol.question("confidence").checked(100) == 100
    assert protocol.question("remark").checked("  blurred ") == "blurred"
    for question, value in (
        (grade, 4),
        (grade, True),
        (grade, "3"),
        (grade, 1.0),
        (protocol.question("diagnosis"), "Recurrence"),
        (protocol.question("confidence"), 101),
        (protocol.question("confidence"), 50.5),
        (protocol.question("remark"), "  "),
        (protocol.question("remark"), "x" * 2001),
    ):
        with pytest.raises(InputError, match=question.id):
            question.checked(value)
    with pytest.raises(InputError, match="no question age"):
        protocol.question("age")
    with pytest.raises(InputError, match="no arm other"):
        protocol.arm("other")


def test_words_that_tell_the_arm_are_those_that_not_all_arms_share() -> None:
    words = telling_words(load_protocol("wu2025_diagnosis").protocol)
    assert {"asl", "cbv", "synthetic", "mri_asl", "standard mri with asl"} <= set(words)
    assert not {"standard", "mri", "with"} & set(words)


def test_the_schema_knows_every_part() -> None:
    schema = json_schema()
    assert set(schema["required"]) == {"schema", "title", "images", "arms", "design", "readers"}
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {f.alias or name for name, f in Protocol.model_fields.items()}
    kinds = schema["$defs"]["LikertQuestion"]["properties"]["kind"]
    assert kinds["const"] == "likert"
