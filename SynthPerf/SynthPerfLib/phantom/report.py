"""How far the two classes of a digital cohort really overlap, measured from the written files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import resample
from ..modality import MODALITIES
from .pathology import RECURRENCE

_MAPS = ("CBV", "ASL", "ADC", "T1C", "T1", "T2", "FLAIR")
_STRUCTURAL = ("ADC", "T1C", "T1", "T2", "FLAIR")
_RELATIVE = ("T1C", "T1", "T2", "FLAIR")  # arbitrary scale: a lesion is compared with the brain around it


def auc_interval(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve and its 95 % interval (DeLong 1988); ties count one half.

    Parameters
    ----------
    scores
        One number for each lesion, high meaning positive.
    positive
        Whether a lesion is positive.
    """
    high, low = scores[positive], scores[~positive]
    if not len(high) or not len(low):
        raise InputError("The area under the ROC curve needs lesions of both classes; make more cases.")
    wins = (high[:, None] > low[None]) + 0.5 * (high[:, None] == low[None])
    area = float(wins.mean())
    if min(len(high), len(low)) < 2:
        return area, 0.0, 1.0
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / len(high) + wins.mean(axis=0).var(ddof=1) / len(low))
    return area, max(0.0, area - 1.96 * float(error)), min(1.0, area + 1.96 * float(error))


def lesion_values(cohort_folder: Path) -> list[dict[str, Any]]:
    """One row for each lesion of a digital cohort: truth, and the mean of every map over its label.

    The maps are brought to the T1 grid as they lie; where the patient moved, the mean is taken in the wrong place, as
    it would be. A missing map is NaN. T1, T2, FLAIR and T1C are divided by their median in the brain.
    """
    table = cohort_folder / "participants.tsv"
    if not table.is_file():
        raise InputError(f"{table} is missing: {cohort_folder} is no digital cohort.")
    with table.open(encoding="utf-8", newline="") as file:
        names = [row["participant_id"] for row in csv.DictReader(file, delimiter="\t")]
    rows: list[dict[str, Any]] = []
    for name in names:
        truth_path = cohort_folder / "derivatives" / "phantom" / f"{name}_truth.json"
        if not truth_path.is_file():
            raise InputError(f"{truth_path} is missing: finish the digital cohort first.")
        rows += _case_values(cohort_folder, name, json.loads(truth_path.read_text(encoding="utf-8")))
    return rows


def _case_values(folder: Path, name: str, truth: dict[str, Any]) -> list[dict[str, Any]]:
    def path(modality: str) -> Path:
        entry = MODALITIES[modality]
        return folder / name / entry.folder / f"{name}_{entry.suffix}.nii.gz"

    labels_image = sitk.ReadImage(str(path("LESION")))
    labels = sitk.GetArrayFromImage(labels_image)
    brain = sitk.GetArrayFromImage(sitk.ReadImage(str(path("BRAIN")))) > 0
    rows = [lesion | {"case": name, "positive": lesion["diagnosis"] == RECURRENCE} for lesion in truth["lesions"]]
    for modality in _MAPS:
        if not path(modality).is_file():
            for row in rows:
                row[modality] = float("nan")
            continue
        image = sitk.ReadImage(str(path(modality)), sitk.sitkFloat32)
        values = sitk.GetArrayFromImage(resample(image, labels_image, outside=float("nan")))
        scale = float(np.nanmedian(values[brain])) if modality in _RELATIVE else 1.0
        for row in rows:
            inside = values[(labels == row["label"]) & np.isfinite(values)]
            row[modality] = float(inside.mean()) / scale if inside.size else float("nan")
    return rows


def _structural_scores(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Out-of-fold scores of a logistic regression (five folds, ten repeats averaged)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = np.zeros(len(positive))
    for repeat in range(10):
        folds = StratifiedKFold(5, shuffle=True, random_state=repeat)
        scores += cross_val_predict(model, features, positive, cv=folds, method="decision_function")
    return scores


def class_overlap(cohort_folder: Path) -> dict[str, Any]:
    """Measure from the files of a digital cohort what separates recurrence from treatment response.

    Returns
    -------
    dict
        ``lesions`` and ``recurrences`` (counts); ``auc``: for CBV, ASL, ADC (low is positive), T1C and a
        cross-validated logistic regression on all structural means ``{"auc", "low", "high", "n"}``; ``asl_lost``: share
        of recurrences of which ASL shows less than half of the flow; ``log_correlation``: of lesion CBV with ASL;
        ``markdown``: the same as a table.

    Raises
    ------
    InputError
        If the folder is no finished digital cohort or holds too few lesions.
    """
    rows = lesion_values(cohort_folder)
    positive = np.array([row["positive"] for row in rows])
    values = {name: np.array([row[name] for row in rows]) for name in _MAPS}
    areas: dict[str, dict[str, float]] = {}

    def measure(words: str, scores: np.ndarray) -> None:
        known = np.isfinite(scores)
        area, low, high = auc_interval(scores[known], positive[known])
        areas[words] = {"auc": area, "low": low, "high": high, "n": int(known.sum())}

    for name in ("CBV", "ASL", "ADC", "T1C"):
        if np.isfinite(values[name]).any():
            measure(name, -values[name] if name == "ADC" else values[name])
    features = np.column_stack([values[name] for name in _STRUCTURAL])
    complete = np.isfinite(features).all(axis=1)
    if min(np.sum(positive & complete), np.sum(~positive & complete)) >= 5:
        scores = np.full(len(rows), np.nan)
        scores[complete] = _structural_scores(features[complete], positive[complete])
        measure("structural", scores)
    both = np.isfinite(values["CBV"]) & (values["CBV"] > 0) & np.isfinite(values["ASL"]) & (values["ASL"] > 0)
    correlation = None
    if both.sum() > 2:
        correlation = float(np.corrcoef(np.log(values["CBV"][both]), np.log(values["ASL"][both]))[0, 1])
    kept = np.array([row["asl"]["kept"] for row in rows])
    lost = float((kept[positive] < 0.5).mean()) if positive.any() else None
    result: dict[str, Any] = {
        "lesions": len(rows),
        "recurrences": int(positive.sum()),
        "auc": areas,
        "asl_lost": lost,
        "log_correlation": correlation,
    }
    return result | {"markdown": _markdown(result)}


def _markdown(result: dict[str, Any]) -> str:
    words = {
        "CBV": "mean CBV",
        "ASL": "mean ASL CBF",
        "ADC": "mean ADC (low is recurrence)",
        "T1C": "enhancement",
        "structural": "T1, T2, FLAIR, ADC and T1C together (logistic regression, cross-validated)",
    }
    lines = ["| lesion value | AUC | 95 % interval | lesions |", "|---|---|---|---|"]
    for name, area in result["auc"].items():
        lines.append(f"| {words[name]} | {area['auc']:.3f} | {area['low']:.3f}-{area['high']:.3f} | {area['n']} |")
    facts = [f"{result['lesions']} lesions, {result['recurrences']} of them recurrences"]
    lost, correlation = result["asl_lost"], result["log_correlation"]
    if lost is not None:
        facts.append(f"ASL shows less than half of the flow in {100 * lost:.0f} % of the recurrences")
    if correlation is not None:
        facts.append(f"correlation of log CBV with log ASL {correlation:.2f}")
    return "\n".join([*lines, "", "; ".join(facts) + "."])
