"""The report: what a radiologist reads is what was computed, and nothing is missing without a reason."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SynthPerfLib.cli import main
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.analysis import Settings, analyse_study, analyse_tables
from SynthPerfReaderStudyLib.ratings import read_ratings, read_truth
from SynthPerfReaderStudyLib.rehearsal import rehearse
from SynthPerfReaderStudyLib.report import write_report
from SynthPerfReaderStudyLib.report.figures import roc
from SynthPerfReaderStudyLib.report.found import turned
from SynthPerfReaderStudyLib.report.words import measured
from tiny_studies import tiny_cohort, tiny_study

ARMS = ("asl", "synthetic")
EVIL = 'Quality <b>IQ</b> & $x$ "q"'
DASH, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"
VOID = frozenset({"meta", "br", "col", "img", "input", "hr", "link"})


class Page(HTMLParser):
    """Checks that tags are closed; gathers ids, tables by caption, headings and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self.words: list[str] = []
        self._caption, self._rows = "", [[]]
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.fetched.append(value or "")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "h2":
            self.headings.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table" and self._caption:
            self.tables[self._caption] = [[cell.strip() for cell in row] for row in self._rows]

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if "caption" in self.open[-1:]:
            self._caption += data
        elif self.open[-1:] == ["h2"]:
            self.headings[-1] += data
        elif ("td" in self.open or "th" in self.open) and self._rows and self._rows[-1]:
            self._rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")

    @property
    def text(self) -> str:
        return " ".join(self.words)


def written(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([tuple(header), *rows])
    return path


def tables_of(folder: Path) -> tuple[Path, Path]:
    """Three readers, 30 cases, two arms: a confidence, a diagnosis, a grade; some answers missing."""
    rng = np.random.default_rng(5)
    ill = rng.random(30) < 0.5
    rows: list[tuple[Any, ...]] = []
    for place, arm in enumerate(ARMS):
        for reader in ("R1", "R2", "R3"):
            for case in range(30):
                score = (0.6 + 0.9 * place) * ill[case] + rng.normal(0, 0.7)
                who = (reader, f"case{case:02d}", arm)
                confidence = int(np.clip(40 + 25 * score, 0, 100))
                rows.append((*who, "confidence", "NA:artefacts" if rng.random() < 0.05 else confidence))
                rows.append((*who, "diagnosis", "recurrence" if confidence > 50 else "response"))
                rows.append((*who, EVIL, int(np.clip(round(3 + rng.normal()), 1, 5)) if case else ""))
    truth = [(f"case{case:02d}", "recurrence" if ill[case] else "response") for case in range(30)]
    ratings = written(folder / "reads.csv", ("reader", "case", "arm", "item", "value"), rows)
    return ratings, written(folder / "truth.csv", ("case", "truth"), [*truth, ("unread", "response")])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tables_of(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def out(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("out")
    ratings, truth = map(str, tables)
    options = ["--positive", "recurrence", "--reference", "asl", "--margin", "0.05", "--scale", f"{EVIL}=1:5"]
    assert main(["analyze", ratings, "--truth", truth, *options, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page((out / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return content


def estimate(results: dict[str, Any], **place: str) -> dict[str, Any]:
    (row,) = [row for row in results["estimates"] if all(row.get(key) == value for key, value in place.items())]
    found: dict[str, Any] = row
    return found


def test_the_parts_come_in_the_order_in_which_they_are_read(page: Page) -> None:
    assert page.headings == [
        "Question and answer",
        "Design and flow",
        "Diagnostic accuracy",
        "Scores and grades",
        "Agreement",
        "What is missing, and what was not done",
        "Methods and conventions",
        "Evidence sheets",
    ]
    assert page.text.count("Research use only") >= 2


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    assert not page.fetched
    assert not page.tags & {"script", "link", "img", "iframe", "object", "b", "i"}
    assert len(page.ids) == len(set(page.ids))


def test_user_text_is_shown_as_it_is(out: Path, page: Page) -> None:
    assert EVIL in page.text
    assert "<b>IQ" not in (out / "report.html").read_text(encoding="utf-8")


def test_the_sentence_says_what_was_computed(page: Page, results: dict[str, Any]) -> None:
    row = estimate(
        results, analysis="mrmc.auc_difference", method="or_jackknife_rrrc", item="confidence", reader="average"
    )
    assert (row["arm"], row["arm_b"]) == ("asl", "synthetic")  # the reference is asl: the sentence turns it round
    areas = [
        estimate(results, analysis="mrmc.auc", method="or_jackknife_rrrc", item="confidence", arm=arm)["estimate"]
        for arm in ("synthetic", "asl")
    ]
    assert row["estimate"] < 0
    p = "p\N{NO-BREAK SPACE}" + ("< 0.001" if row["p"] < 0.001 else f"=\N{NO-BREAK SPACE}{row['p']:.3f}")
    sentence = (
        f"With “synthetic” the AUC of the average reader was {-row['estimate']:.3f} higher than with “asl” "
        f"({areas[0]:.3f} against {areas[1]:.3f}); 95 % confidence interval of the difference "
        f"{-row['ci_high']:.3f} to {-row['ci_low']:.3f}; {p.replace('< ', '<' + chr(160))}."
    ).replace("-", "\N{MINUS SIGN}")
    assert sentence in page.text
    assert ("is not inferior to" in page.text) == (-row["ci_high"] > -0.05)
    assert "exploratory" in page.text


def test_table_3_of_wu_has_the_numbers_of_the_results(page: Page, results: dict[str, Any]) -> None:
    table = page.tables["Diagnostic accuracy, item “confidence”"]
    assert [cell for cell in table[0] if cell] == ["Reader", "synthetic", "asl", "p (AUC)"]
    assert table[1] == ["AUC", "Sensitivity", "Specificity"] * 2
    assert [line[0] for line in table[2:]] == ["R1", "R2", "R3", "Average reader"]
    row = estimate(results, analysis="roc.auc", method="delong", item="confidence", arm="synthetic", reader="R2")
    assert table[3][1] == f"{row['estimate']:.3f} ({row['ci_low']:.3f}{DASH}{row['ci_high']:.3f})"
    row = estimate(results, analysis="roc.specificity", method="wilson", item="confidence", arm="asl", reader="R1")
    assert table[2][6] == f"{row['estimate']:.2f} ({row['ci_low']:.2f}{DASH}{row['ci_high']:.2f})"


def test_counts_at_the_threshold_add_up(page: Page, results: dict[str, Any]) -> None:
    lines = page.tables["Results at the threshold, item “diagnosis”"][1:]
    place = {"analysis": "roc.sensitivity", "method": "wilson", "item": "diagnosis"}
    rows = [row for row in results["estimates"] if all(row.get(key) == value for key, value in place.items())]
    sizes = {(row["reader"], row["arm"]): (row["n_pos"], row["n_neg"]) for row in rows}
    reader = ""
    for line in lines:
        if len(line) == 10:
            reader, *line = line
        tp, fn, fp, tn = map(int, line[2:6])
        assert (tp + fn, fp + tn) == sizes[reader, line[0]]


def test_the_table_of_qs_net_has_means_and_deviations(page: Page, tables: tuple[Path, Path]) -> None:
    table = page.tables["Scores by reader and arm"]
    assert [cell for cell in table[0] if cell] == ["Item", "synthetic", "asl"]
    assert table[1] == ["R1", "R2", "R3", "Overall"] * 2
    item = read_ratings(tables[0]).items[EVIL]
    (line,) = [line for line in table if line[0] == EVIL]
    own, every = item.first[0, :, 1], item.first[:, :, 0]
    assert line[1] == f"{np.nanmean(own):.2f} ± {np.nanstd(own, ddof=1):.2f}"
    assert line[8] == f"{np.nanmean(every):.2f} ± {np.nanstd(every, ddof=1):.2f}"


def test_shares_of_the_grades_are_those_of_the_answers(page: Page, tables: tuple[Path, Path]) -> None:
    values = read_ratings(tables[0]).items[EVIL].first[:, :, 1]
    lines = page.tables["How often each answer was given, all readers together"]
    start = next(place for place, line in enumerate(lines) if line[0] == EVIL)
    for grade, line in enumerate(lines[start : start + 5], start=1):
        number, total = int((values == grade).sum()), int((~np.isnan(values)).sum())
        assert line[-2] == f"{100 * number / total:.1f} % ({number}/{total})"


def test_the_matrix_of_missing_answers(page: Page, results: dict[str, Any]) -> None:
    lines = page.tables["Answers by item, reader and arm"][1:]
    assert len(lines) == 9
    known = {(row["item"], row["reader"], row["arm"]): row["rated"] for row in results["missing"]}
    assert lines[0][2].startswith(f"{known['confidence', 'R1', 'synthetic']} of 30")
    assert lines[6][-2].startswith("29 of 30")
    assert "1 left empty" in lines[6][-2]


def test_every_dash_has_its_reason(out: Path) -> None:
    text = (out / "report.html").read_text(encoding="utf-8")
    dashes = re.findall(rf"<td[^>]*>\s*{DASH}(.*?)</td>", text, flags=re.DOTALL)
    assert dashes
    assert all(re.match(r"<sup>[a-z]+</sup>", rest) for rest in dashes)
    for table in re.findall(r"<table(?: class=\"short\")?>.*?</div>", text, flags=re.DOTALL):
        marks = set(re.findall(r"<sup>([a-z]+)</sup>", table.partition("</table>")[0]))
        assert marks == set(re.findall(r'class="note"><sup>([a-z]+)</sup> \S', table))


def test_figures_are_whole_and_speak(out: Path) -> None:
    figures = sorted((out / "figures").iterdir())
    assert {"flow.svg", "roc_confidence.svg", "forest_confidence.svg", "kappa_unweighted.svg"} <= {
        f.name for f in figures
    }
    for figure in figures:
        text = figure.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert "metadata" not in text
        assert "nan" not in text
    words = (out / "figures" / "roc_confidence.svg").read_text(encoding="utf-8")
    assert ">Sensitivity<" in words
    assert ">False-positive rate (1 \N{MINUS SIGN} specificity)<" in words
    (grades,) = [text for f in figures if "grades" in f.name and EVIL in html.unescape(text := f.read_text("utf-8"))]
    assert "Share of the answers (%)" in grades


def test_tables_go_into_a_word_processor(out: Path, page: Page) -> None:
    alone = {path.stem: Page(path.read_text(encoding="utf-8")) for path in (out / "tables").glob("*.html")}
    assert {"accuracy_confidence", "scores", "agreement", "evidence_stard", "not_done"} <= set(alone)
    for table in alone.values():
        ((caption, rows),) = table.tables.items()
        assert rows == page.tables[caption]
        assert "Research use only" in table.text


def test_methods_name_software_inputs_and_seed(page: Page, results: dict[str, Any]) -> None:
    lines = dict(page.tables["Software, inputs, seed"])
    assert lines["Seed of every random number"] == "0"
    for name, digest in results["inputs"].items():
        assert lines[f"SHA-256 of {name}"] == digest
    for name, version in results["software"].items():
        assert f"{name} {version}" in lines["Software"]
    assert "Obuchowski and Rockette" in page.text
    assert "Bland-Altman differences" not in page.text  # no such analysis was made


def test_the_same_analysis_gives_the_same_bytes_and_leaves_nothing_old(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    ratings, truth = map(str, tables)
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert main(["analyze", ratings, "--truth", truth, "--positive", "recurrence", "--out", first]) == 0
    for folder in (first, second):
        assert main(["analyze", ratings, "--out", folder]) == 0
    names = [
        sorted(p.relative_to(folder) for p in Path(folder).rglob("*") if p.is_file()) for folder in (first, second)
    ]
    assert names[0] == names[1]
    assert Path("figures/roc_confidence.svg") not in names[0]
    for name in names[0]:
        assert (Path(first) / name).read_bytes() == (Path(second) / name).read_bytes()


def test_two_measurements_give_the_set_of_wang(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(1, 6, 20)
    y = 0.75 * x + 0.4 + rng.normal(0, 0.3, 20)
    pairs = written(
        tmp_path / "t_wm.csv", ("case", "x", "y"), [(n, a, b) for n, (a, b) in enumerate(zip(x, y, strict=True))]
    )
    assert main(["analyze", "--paired", str(pairs), "--out", str(tmp_path / "out")]) == 0
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "Design and flow" not in page.headings
    bias, sd = float(np.mean(x - y)), float(np.std(x - y, ddof=1))
    side = "higher" if bias > 0 else "lower"
    assert f"On average “x” was {measured(abs(bias))} {side} than “y”" in page.text
    assert f"{measured(bias - 1.96 * sd)} to {measured(bias + 1.96 * sd)} (limits of agreement)" in page.text
    slope, intercept = np.polyfit(x, y, 1)
    assert f"y = {measured(slope)} {TIMES} x + {measured(intercept)}" in page.text
    lines = {line[0]: line for line in page.tables["Method comparison: x and y"]}
    assert lines["Bias (mean difference)"][1] == measured(bias)
    figure = (tmp_path / "out" / "figures" / "methods_pairs.svg").read_text(encoding="utf-8")
    assert "x (unit of the table)" in figure


def test_more_than_two_arms_are_asked_for_equality(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    rows = [
        (f"R{reader}", case, arm, "score", round(float(rng.normal(place * (case % 2))), 3))
        for place, arm in enumerate(("a", "b", "c"))
        for reader in range(3)
        for case in range(24)
    ]
    ratings = written(tmp_path / "r.csv", ("reader", "case", "arm", "item", "value"), rows)
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(case, case % 2) for case in range(24)])
    assert main(["analyze", str(ratings), "--truth", str(truth), "--out", str(tmp_path / "out")]) == 0
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "differ between the 3 arms" in page.text
    assert "for equality of all arms" in page.text
    assert page.tables["Diagnostic accuracy, item “score”"][0] == ["Reader", "Arm", "AUC", "Sensitivity", "Specificity"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that simulated readers have read."""
    folder = tmp_path_factory.mktemp("study")
    planned = tiny_study("wu2025_diagnosis", tiny_cohort(folder / "cohort", 12), folder / "planned", stimuli=False)
    return Job(rehearse(planned, folder / "read", seed=3)).run().folder


@pytest.mark.parametrize("interim", [False, True])
def test_a_study_has_its_own_words_and_its_marks(study: Path, tmp_path: Path, interim: bool) -> None:
    done = Job(analyse_study(study, tmp_path, interim=True)).run()
    done.facts["interim"] = interim
    text = write_report(done, tmp_path).read_text(encoding="utf-8")
    page = Page(text)
    mark = page.text.partition("Question and answer")[0]
    assert "Simulated readers: no result about people" in mark
    assert ("Interim results" in mark) == interim
    assert '<thead><tr><td class="marks">' in text  # the head of a table is printed on every page
    alone = (tmp_path / "tables" / "readers.html").read_text(encoding="utf-8")
    assert ("Interim results" in alone) == interim
    assert "With “Standard MRI with synthetic CBV” the AUC of the average reader" in page.text
    assert "Primary endpoint, fixed in the protocol" in page.text
    assert "Secondary endpoint, “Diagnosis”" in page.text
    assert "Reading times and blinding" in page.headings
    assert [line[0] for line in page.tables["Readers (pseudonyms)"][1:]] == ["R1", "R2", "A1"]
    assert page.tables["Readers (pseudonyms)"][1][4] == "24 of 24"
    times = page.tables["Active reading time per case"]
    assert [line[0] for line in times[1:]] == ["R1", "R2", "All readers"]
    assert "The readers were not asked to guess the arm." in page.text
    lines = dict(page.tables["Software, inputs, seed"])
    assert lines["SHA-256 of protocol.yaml"] == done.facts["study"]["protocol_sha256"]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_table_leaves_a_number_that_is_none(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Any small table, with constant scores, words, single readers, gaps and repeats, gives a whole report."""
    folder, rng = tmp_path_factory.mktemp("any"), np.random.default_rng(seed)
    readers, cases, arms, items = (int(rng.integers(1, most)) for most in (4, 7, 4, 3))
    kinds = rng.choice(["constant", "binary", "grade", "number", "words"], items)
    draw = {
        "constant": lambda: 3,
        "binary": lambda: int(rng.integers(0, 2)),
        "grade": lambda: int(rng.integers(1, 6)),
        "number": lambda: round(float(rng.normal()), 3),
        "words": lambda: str(rng.choice(["yes", "no <br>"])),
    }
    rows = [
        (f"R{reader}", case, f"arm {arm}", f"item {item}", "NA:blur" if rng.random() < 0.1 else draw[kind](), repeat)
        for item, kind in enumerate(kinds)
        for arm in range(arms)
        for reader in range(readers)
        for case in range(cases)
        for repeat in range(1, int(rng.integers(2, 4)))
        if rng.random() > 0.15
    ] or [("R0", 0, "arm 0", "item 0", 1, 1)]
    ratings = written(folder / "r.csv", ("reader", "case", "arm", "item", "value", "repeat"), rows)
    truth = None
    if rng.random() < 0.7:
        words = ["yes", "no", *rng.choice(["yes", "no", ""], cases)]
        truth = read_truth(written(folder / "t.csv", ("case", "truth"), list(enumerate(words))), "yes")
    done = Job(analyse_tables(read_ratings(ratings, truth and truth.positive), truth, None, Settings(margin=0.1))).run()
    text = write_report(done, folder).read_text(encoding="utf-8")
    page = Page(text)
    assert not re.search(r"(?<![a-z])(nan|inf)(?![a-z])", page.text, flags=re.IGNORECASE)
    assert not re.search(r">\s*None\s*<|[(= ]None[)., ]", text.replace("there is none", ""))
    assert not re.search(rf"<td[^>]*>\s*{DASH}\s*</td>", text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_below_the_average_curve_lies_the_average_area(seed: int, number: int) -> None:
    from SynthPerfReaderStudyLib.statistics.roc import auc, roc_curve

    rng = np.random.default_rng(seed)
    truth = np.arange(12) < rng.integers(1, 12)
    scores = rng.integers(0, rng.integers(2, 9), (number, 12))
    curves = [roc_curve(own, truth) for own in scores]
    fpr, tpr = roc.average([(curve.fpr, curve.tpr) for curve in curves])
    mean = np.mean([auc(own, truth).estimate for own in scores])
    assert np.all(np.diff(fpr) >= 0)
    assert np.all(np.diff(tpr) >= -1e-12)
    assert np.trapezoid(tpr, fpr) == pytest.approx(mean, abs=1e-12)


def test_a_difference_can_be_seen_from_the_other_arm() -> None:
    row = {"estimate": -0.1, "ci_low": -0.3, "ci_high": 0.1, "statistic": -2.0, "p": 0.04, "arm": "a", "arm_b": "b"}
    expected = {"estimate": 0.1, "ci_low": -0.1, "ci_high": 0.3, "statistic": 2.0, "p": 0.04, "arm": "b", "arm_b": "a"}
    assert turned(row) == expected
    assert turned(turned(row)) == row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0510, "0.0510"),
        (-12.34, "\N{MINUS SIGN}12.3"),
        (1234.5, "1234"),
        (1.5e-5, f"1.50 {TIMES} 10⁻⁵"),
        (0.9999, "1.000"),
    ],
)
def test_a_measurement_has_three_digits(value: float, text: str) -> None:
    assert measured(value) == text
    assert math.isfinite(value)
