"""The tables of an evaluation, made from the records of its cases."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..images import written_whole
from .metrics import psnr_band
from .statistics import PairedTest, agreement, auc, holm, paired_t

Row = dict[str, Any]
"""One line of a table; None where a value is absent."""

METRICS = ("ssim", "psnr", "mae")

METRICS_COLUMNS = (
    "case",
    "model",
    "combination",
    "ssim",
    "psnr",
    "mae",
    "lesion_mean_real",
    "lesion_mean_map",
    "seconds",
)
LESION_COLUMNS = ("case", "lesion", "diagnosis", "model", "combination", "real", "map", "asl", "volume_ml")
SUMMARY_COLUMNS = (
    "model",
    "combination",
    "n",
    "ssim_mean",
    "ssim_sd",
    "psnr_mean",
    "psnr_sd",
    "mae_mean",
    "mae_sd",
    "psnr_band",
    "lesion_n",
    "lesion_bias",
    "lesion_r",
    "lesion_slope",
    "lesion_auc",
    "lesion_auc_low",
    "lesion_auc_high",
    "real_auc",
    "real_auc_low",
    "real_auc_high",
    "asl_auc",
    "asl_auc_low",
    "asl_auc_high",
    "lesion_sd_ratio",
    "recurrence_n",
    "treatment_response_n",
    "seconds_median",
    "note",
)
COMPARISON_COLUMNS = (
    "question",
    "metric",
    "model_a",
    "combination_a",
    "model_b",
    "combination_b",
    "n",
    "mean_a",
    "mean_b",
    "difference",
    "low",
    "high",
    "t",
    "p",
    "p_holm",
    "note",
)

QUESTIONS: Mapping[str, str] = {
    "models": "The first model against each other model, with the same inputs",
    "best_or_asl": "The best combination of the first model (highest mean SSIM here) against ASL only",
    "t1c": "The first model with against without post-contrast T1",
}
"""What is tested, in words; each question and metric is one family for Holm's adjustment."""


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Write ``rows`` as UTF-8 CSV with a header, in one move; None becomes an empty cell."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[column]) for column in columns] for row in rows)


def summarise(metrics: Sequence[Row], lesions: Sequence[Row]) -> list[Row]:
    """One row for each model and combination, in the order of their first appearance (:data:`SUMMARY_COLUMNS`).

    Parameters
    ----------
    metrics
        Rows of :data:`METRICS_COLUMNS`.
    lesions
        Rows of :data:`LESION_COLUMNS`.
    """
    groups = dict.fromkeys((row["model"], row["combination"]) for row in metrics)
    return [
        _summary_row(
            model,
            combination,
            [row for row in metrics if (row["model"], row["combination"]) == (model, combination)],
            [row for row in lesions if (row["model"], row["combination"]) == (model, combination)],
        )
        for model, combination in groups
    ]


def compare(metrics: Sequence[Row], participant: Mapping[str, str]) -> list[Row]:
    """Paired t-tests of :data:`QUESTIONS` (:data:`COMPARISON_COLUMNS`); the first row's model is the first model.

    Scans of one patient are averaged first, so that ``n`` counts independent patients.

    Parameters
    ----------
    metrics
        Rows of :data:`METRICS_COLUMNS`.
    participant
        The patient of each case.
    """
    if not metrics:
        return []
    first = metrics[0]["model"]
    rows: list[Row] = []
    for metric in METRICS:
        values = _by_patient(metrics, metric, participant)
        for question, pairs in _questions(values, first, _best(metrics, first, participant)).items():
            family = [_comparison_row(question, metric, values, a, b) for a, b in pairs]
            tested = [row for row in family if row["p"] is not None]
            for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
                row["p_holm"] = adjusted
            rows += family
    order = list(QUESTIONS)
    return sorted(rows, key=lambda row: order.index(row["question"]))


Run = tuple[str, str]
"""A model's name and a combination's name."""


def _summary_row(model: str, combination: str, metrics: Sequence[Row], lesions: Sequence[Row]) -> Row:
    row: Row = {"model": model, "combination": combination, "n": len(metrics)}
    notes = []
    for metric in METRICS:
        values = [item[metric] for item in metrics if item[metric] is not None]
        row[f"{metric}_mean"] = float(np.mean(values)) if values else None
        row[f"{metric}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
        if len(values) < len(metrics):
            notes.append(f"{metric.upper()} without {len(metrics) - len(values)} identical map(s)")
    row["psnr_band"] = None if row["psnr_mean"] is None else psnr_band(row["psnr_mean"])

    fit = agreement([item["real"] for item in lesions], [item["map"] for item in lesions])
    row |= {
        "lesion_n": fit.n,
        "lesion_bias": fit.bias,
        "lesion_r": fit.r,
        "lesion_slope": fit.slope,
        "lesion_sd_ratio": fit.sd_ratio,
    }
    notes.append(fit.note)
    diagnosed = [item for item in lesions if item["diagnosis"] in ("recurrence", "treatment_response")]
    row["recurrence_n"] = sum(item["diagnosis"] == "recurrence" for item in diagnosed)
    row["treatment_response_n"] = len(diagnosed) - row["recurrence_n"]
    for prefix, source in (("lesion", "map"), ("real", "real"), ("asl", "asl")):
        scored = [item for item in diagnosed if item[source] is not None]
        area = auc([item[source] for item in scored], [item["diagnosis"] == "recurrence" for item in scored])
        row |= {f"{prefix}_auc": area.value, f"{prefix}_auc_low": area.low, f"{prefix}_auc_high": area.high}
        if prefix == "lesion":
            notes.append(area.note)
    row["seconds_median"] = float(np.median([item["seconds"] for item in metrics]))
    row["note"] = "; ".join(note for note in notes if note)
    return row


def _by_patient(metrics: Sequence[Row], metric: str, participant: Mapping[str, str]) -> dict[Run, dict[str, float]]:
    """Mean of ``metric`` over the scans of each patient, for each run."""
    gathered: dict[Run, dict[str, list[float]]] = {}
    for row in metrics:
        if row[metric] is not None:
            of_run = gathered.setdefault((row["model"], row["combination"]), {})
            of_run.setdefault(participant[row["case"]], []).append(row[metric])
    return {run: {who: float(np.mean(v)) for who, v in patients.items()} for run, patients in gathered.items()}


def _best(metrics: Sequence[Row], model: str, participant: Mapping[str, str]) -> str:
    """The combination of ``model`` with the highest mean SSIM over the patients that have all its combinations; empty
    if no patient has all."""
    runs = {run[1]: values for run, values in _by_patient(metrics, "ssim", participant).items() if run[0] == model}
    shared = set.intersection(*(set(values) for values in runs.values()))
    if not shared:
        return ""
    return max(runs, key=lambda combination: float(np.mean([runs[combination][who] for who in sorted(shared)])))


def _questions(values: Mapping[Run, object], first: str, best: str) -> dict[str, list[tuple[Run, Run]]]:
    models = dict.fromkeys(model for model, _ in values)
    own = [combination for model, combination in values if model == first]
    best_or_asl = [((first, best), (first, "ASL"))] if best in own and "ASL" in own and best != "ASL" else []
    t1c = [((first, f"{without}+T1C"), (first, without)) for without in own if f"{without}+T1C" in own]
    return {
        "models": [
            ((first, combination), (other, combination))
            for combination in own
            for other in models
            if other != first and (other, combination) in values
        ],
        "best_or_asl": best_or_asl,
        "t1c": t1c,
    }


def _comparison_row(question: str, metric: str, values: Mapping[Run, Mapping[str, float]], a: Run, b: Run) -> Row:
    patients = [who for who in values[a] if who in values[b]]
    first, second = [values[a][who] for who in patients], [values[b][who] for who in patients]
    test: PairedTest = paired_t(first, second)
    return {
        "question": question,
        "metric": metric,
        "model_a": a[0],
        "combination_a": a[1],
        "model_b": b[0],
        "combination_b": b[1],
        "n": test.n,
        "mean_a": float(np.mean(first)) if first else None,
        "mean_b": float(np.mean(second)) if second else None,
        "difference": test.difference,
        "low": test.low,
        "high": test.high,
        "t": test.t,
        "p": test.p,
        "p_holm": None,
        "note": test.note,
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return format(value, ".8g") if isinstance(value, float) else str(value)
