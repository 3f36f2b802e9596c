"""``report.html``: one file with everything in it."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..images import written_whole
from ..modality import INPUTS, MODALITIES
from . import figures
from .metrics import CONVENTIONS
from .picture import Picture
from .summary import Summary, picture_path
from .tables import QUESTIONS, Row

TEMPLATE = Path(__file__).with_name("report_template.html")

METRIC_WORDS = {"ssim": "SSIM (%)", "psnr": "PSNR (dB)", "mae": "MAE (mL/100 g)"}


@dataclass(frozen=True)
class Shown:
    """One case of the picture grid."""

    why: str
    words: str
    image: str


def write_report(summary: Summary, path: Path) -> None:
    """Write the report of ``summary`` to ``path`` in one move."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "p": p_value, "percent": percent}
    models = [model.name for model in summary.models]
    combinations = list(dict.fromkeys(row["combination"] for row in summary.summary))
    by_run = {(row["model"], row["combination"]): row for row in summary.summary}
    fullest = _fullest(summary.summary, models)
    text = environment.get_template(TEMPLATE.name).render(
        summary=summary,
        models=models,
        identities=summary.models,
        combinations=combinations,
        by_run=by_run,
        best=_best(summary.summary, combinations),
        cases=len({row["case"] for row in summary.metrics}),
        lesions=len({(row["case"], row["lesion"]) for row in summary.lesions}),
        fullest=[by_run[run] for run in fullest],
        with_lesions=[row for row in summary.summary if row["lesion_n"]],
        conventions=CONVENTIONS,
        questions=[(words, _pairs(summary.comparisons, question)) for question, words in QUESTIONS.items()],
        metric_words=METRIC_WORDS,
        boxes=_embedded(figures.box_plots(summary.metrics, models, combinations), "svg+xml"),
        scatter=_scatter(summary, fullest),
        pictures=_pictures(summary),
        accent=figures.ACCENT,
        version=__version__,
    )
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table cell; a dash where it is absent, a true minus sign."""
    if value is None:
        return "\N{EN DASH}"
    rounded = round(value, digits) or 0.0  # no minus before a zero
    return f"{rounded:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None, digits: int = 2) -> str:
    """A share as per cent, without the sign."""
    return number(None if value is None else 100 * value, digits)


def p_value(value: float | None) -> str:
    """A p-value as journals print it."""
    if value is None:
        return "\N{EN DASH}"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _pairs(comparisons: Sequence[Row], question: str) -> list[dict[str, Row]]:
    """The tests of one question, those of one pair together by metric."""
    pairs: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in comparisons:
        if row["question"] == question:
            pair = tuple(row[key] for key in ("model_a", "combination_a", "model_b", "combination_b"))
            pairs.setdefault(pair, {})[row["metric"]] = row
    return list(pairs.values())


def _embedded(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _fullest(rows: Sequence[Row], models: Sequence[str]) -> list[tuple[str, str]]:
    """Each model with the largest combination it was evaluated with."""
    size = {(row["model"], row["combination"]): row["combination"].count("+") for row in rows}
    return [max((run for run in size if run[0] == model), key=size.__getitem__) for model in models]


def _best(rows: Sequence[Row], combinations: Sequence[str]) -> set[tuple[str, str, str]]:
    """(combination, metric, model) of the best mean in each line of the table, where two models or more compete."""
    best = set()
    for combination in combinations:
        for metric, sign in (("ssim", 1), ("psnr", 1), ("mae", -1)):
            mean = f"{metric}_mean"
            rivals = [row for row in rows if row["combination"] == combination and row[mean] is not None]
            if len(rivals) > 1:
                winner = max(rivals, key=lambda row, mean=mean, sign=sign: sign * row[mean])  # type: ignore[misc]
                best.add((combination, metric, winner["model"]))
    return best


def _scatter(summary: Summary, runs: Sequence[tuple[str, str]]) -> str:
    with_lesions = {(row["model"], row["combination"]) for row in summary.lesions}
    shown = [run for run in runs if run in with_lesions]
    return _embedded(figures.lesion_scatter(summary.lesions, shown), "svg+xml") if shown else ""


def _pictures(summary: Summary) -> list[Shown]:
    """The case with the highest, the median and the lowest SSIM of the first model's largest combination."""

    rows = [
        row for row in summary.metrics if row["model"] == summary.models[0].name and row["combination"] == summary.shown
    ]
    rows.sort(key=lambda row: -row["ssim"])
    chosen = {0: "Best", math.ceil(len(rows) / 2) - 1: "Median", len(rows) - 1: "Worst"} if rows else {}
    if len(rows) > 1:
        chosen |= {0: "Best", len(rows) - 1: "Worst"}
    labels = {name: MODALITIES[name].label for name in INPUTS} | {"ASL": "ASL blood flow"}
    shown = []
    for place, why in sorted(chosen.items()):
        row = rows[place]
        picture = Picture.load(picture_path(summary.out, row["case"]))
        words = f"{row['case']}: SSIM {percent(row['ssim'])} %, PSNR {number(row['psnr'])} dB"
        image = figures.case_picture(picture, summary.shown.split("+"), labels)
        shown.append(Shown(why, words, _embedded(image, "png")))
    return shown
