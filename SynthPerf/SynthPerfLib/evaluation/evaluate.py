"""Evaluate models on a cohort: one record for each case, then the tables, the tests and the report.

The record of a case (``cases/<case>.json``, its picture beside it) carries a key of everything it was made from: a run
that was stopped is run again and takes the records whose key still holds.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..case import Case
from ..errors import DependencyError, InputError
from ..images import write_json
from ..jobs import Progress, Steps, T, part
from ..modality import INPUTS, MASKS
from ..preprocessing import Prepared, as_prepared
from . import combinations as combos
from .combinations import Combination
from .metrics import CONVENTIONS, image_metrics, lesion_values
from .picture import take
from .summary import Identity, Summary, picture_path
from .tables import (
    COMPARISON_COLUMNS,
    LESION_COLUMNS,
    METRICS_COLUMNS,
    SUMMARY_COLUMNS,
    Row,
    compare,
    summarise,
    write_csv,
)

if TYPE_CHECKING:
    from ..synthesis import MapModel

TARGET = "CBV"
_LIBRARIES = ("scipy", "skimage", "matplotlib", "jinja2")


Run = tuple["MapModel", Combination]


def evaluate(
    cases: Sequence[Case],
    participants: Mapping[str, Mapping[str, str]],
    models: Sequence[MapModel],
    combinations: Sequence[Combination],
    out: Path,
    *,
    title: str = "",
    load: Callable[[Case], Steps[Prepared]] = as_prepared,
) -> Steps[Summary]:
    """Write ``metrics.csv``, ``lesions.csv``, ``summary.csv``, ``comparisons.csv`` and ``report.html`` into ``out``.

    Parameters
    ----------
    cases
        Cases with a real CBV map; those without are left out with a note.
    participants
        ``participant_id`` to its row of ``participants.tsv``; ``diagnosis`` is used.
    models
        The first is compared with the others. A model whose ``any_subset`` is False takes only exactly its own
        modalities; several such models may share one name, one for each combination.
    combinations
        Sets of inputs; each model is run on those it takes, each case on those it has.
    title
        The cohort's name, for the report.
    load
        How a case is prepared.

    Raises
    ------
    InputError
        If nothing can be evaluated, two models claim one name and combination, or a case is not usable.
    DependencyError
        If the libraries of the extra ``evaluation`` are not installed.
    """
    for library in _LIBRARIES:
        if find_spec(library) is None:
            raise DependencyError(f"An evaluation needs {library}: pip install 'synthperf[evaluation]'.")
    runs = _runs(models, combinations)
    usable, notes = _usable(cases, [combination for _, combination in runs])
    shown = _shown(usable, runs)
    described = _describe(runs)
    records = []
    for number, case in enumerate(usable):
        start, stop = (0.97 * (number + share) / len(usable) for share in (0, 1))
        words = f"{case.id} ({number + 1} of {len(usable)}): "
        yield Progress(start, f"{words}checking")
        diagnosis = participants.get(case.participant, {}).get("diagnosis", "n/a")
        key = _key(case, {"models": described, "shown": shown, "diagnosis": diagnosis})
        record = _read_record(out, case, key)
        if record is None:
            record = yield from part(_measure(case, diagnosis, runs, shown, key, out, load), start, stop, words)
        records.append(record)
    metrics = _in_run_order([row for record in records for row in record["metrics"]], described)
    lesions = _in_run_order([row for record in records for row in record["lesions"]], described)
    yield Progress(0.97, "Tables and tests")
    summary = Summary(
        title=title or "Cases",
        models=_families(runs),
        metrics=tuple(metrics),
        lesions=tuple(lesions),
        summary=tuple(summarise(metrics, lesions)),
        comparisons=tuple(compare(metrics, {case.id: case.participant for case in usable})),
        shown=shown,
        notes=tuple(notes),
        out=out,
    )
    write_csv(summary.metrics, METRICS_COLUMNS, out / "metrics.csv")
    write_csv(summary.lesions, LESION_COLUMNS, out / "lesions.csv")
    write_csv(summary.summary, SUMMARY_COLUMNS, out / "summary.csv")
    write_csv(summary.comparisons, COMPARISON_COLUMNS, out / "comparisons.csv")
    yield Progress(0.98, "Report")
    from .report import write_report

    write_report(summary, out / "report.html")
    return summary


def supports(model: MapModel, combination: Combination) -> bool:
    """Whether ``model`` makes a map from exactly ``combination``."""
    if model.any_subset:
        return set(combination) <= set(model.modalities)
    return set(combination) == set(model.modalities)


def _runs(models: Sequence[MapModel], combinations: Sequence[Combination]) -> list[Run]:
    """Models by name in the order given, each with its combinations in the order given."""
    names = dict.fromkeys(model.name for model in models)
    runs: list[Run] = []
    for name in names:
        for combination in combinations:
            takers = [model for model in models if model.name == name and supports(model, combination)]
            if len(takers) > 1:
                raise InputError(
                    f"Two models are called {name} and take {combos.name(combination)}: give one of them another name."
                )
            runs += [(model, combination) for model in takers]
    if not runs:
        asked = ", ".join(map(combos.name, combinations)) or "none"
        raise InputError(f"No model takes any of the combinations asked for ({asked}): choose others or another model.")
    return runs


def _usable(cases: Sequence[Case], combinations: Sequence[Combination]) -> tuple[list[Case], list[str]]:
    usable, notes = [], []
    for case in cases:
        if TARGET not in case.available:
            notes.append(f"{case.id} has no real CBV map and was left out.")
        elif case.is_relative(TARGET):
            notes.append(f"The CBV map of {case.id} is relative, not in mL/100 g: it was left out.")
        elif not any(set(combination) <= set(case.available) for combination in combinations):
            notes.append(f"{case.id} has the inputs of none of the combinations and was left out.")
        else:
            usable.append(case)
    if not usable:
        raise InputError(
            "No case can be evaluated: it needs a real CBV map (perf/*_cbv.nii.gz) and all inputs of one combination."
        )
    return usable, notes


def _shown(cases: Sequence[Case], runs: Sequence[Run]) -> str:
    """The largest combination of the first model that some case has."""
    first = runs[0][0].name
    own = [c for model, c in runs if model.name == first and any(set(c) <= set(case.available) for case in cases)]
    return combos.name(max(own, key=len)) if own else ""


def _identity(model: MapModel) -> Identity:
    source = getattr(model, "bundle", model)
    version = getattr(source, "metadata", {}).get("version") or ""
    return Identity(model.name, str(version), str(getattr(source, "sha256", "")))


def _families(runs: Sequence[Run]) -> tuple[Identity, ...]:
    """One identity for each name."""
    families: dict[str, dict[int, Identity]] = {}
    for model, _ in runs:
        families.setdefault(model.name, {})[id(model)] = _identity(model)
    return tuple(
        members[0]
        if len(members) == 1
        else Identity(name, members[0].version, _hash([member.sha256 for member in members]), len(members))
        for name, members in ((name, list(family.values())) for name, family in families.items())
    )


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _describe(runs: Sequence[Run]) -> list[dict[str, str]]:
    return [asdict(_identity(model)) | {"combination": combos.name(combination)} for model, combination in runs]


def _key(case: Case, settings: Mapping[str, Any]) -> str:
    """A hash over the software, the conventions, the models and the bytes of the case's files."""
    read = [name for name in (*INPUTS, TARGET, *MASKS) if name in case.available]
    files = {name: hashlib.sha256(case.files[name].read_bytes()).hexdigest() for name in read}
    return _hash({"software": __version__, "conventions": CONVENTIONS, "files": files, **settings})


def _read_record(out: Path, case: Case, key: str) -> dict[str, Any] | None:
    """The record of an earlier run, if it was made from the same inputs."""
    path = out / "cases" / f"{case.id}.json"
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == key else None


def _measure(
    case: Case,
    diagnosis: str,
    runs: Sequence[Run],
    shown: str,
    key: str,
    out: Path,
    load: Callable[[Case], Steps[Prepared]],
) -> Steps[dict[str, Any]]:
    """Make and measure every map of one case; write its record."""
    prepared = yield from part(load(case), 0.0, 0.2)
    real, brain, lesion = prepared.images[TARGET], prepared.brain, prepared.lesion
    possible = [run for run in runs if set(run[1]) <= set(prepared.images)]
    metrics: list[Row] = []
    lesions: list[Row] = []
    for number, (model, combination) in enumerate(possible):
        run: Row = {"case": case.id, "model": model.name, "combination": combos.name(combination)}
        start, stop = (0.2 + 0.8 * (number + share) / len(possible) for share in (0, 1))
        words = f"{run['model']} from {run['combination']} "
        synthetic, seconds = yield from part(_timed(model.map(prepared, combination)), start, stop, words)
        measured = image_metrics(synthetic, real, brain)
        found = [] if lesion is None else lesion_values(synthetic, real, lesion, prepared.images.get("ASL"))
        volume = sum(item.volume_ml for item in found)
        metrics.append(
            run
            | asdict(measured)
            | {
                "lesion_mean_real": sum(i.real * i.volume_ml for i in found) / volume if found else None,
                "lesion_mean_map": sum(i.map * i.volume_ml for i in found) / volume if found else None,
                "seconds": seconds,
            }
        )
        for item in found:
            values = asdict(item)
            lesions.append(run | {"lesion": values.pop("label"), "diagnosis": diagnosis} | values)
        if model.name == runs[0][0].name and run["combination"] == shown:
            take(prepared.images, synthetic, brain, lesion).save(picture_path(out, case.id))
    record = {"key": key, "metrics": metrics, "lesions": lesions}
    write_json(record, out / "cases" / f"{case.id}.json")
    return record


def _timed(steps: Steps[T]) -> Steps[tuple[T, float]]:
    """Run ``steps`` and return its result with the seconds spent inside it."""
    seconds = 0.0
    while True:
        start = time.perf_counter()
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value, seconds + time.perf_counter() - start
        seconds += time.perf_counter() - start
        yield progress


def _in_run_order(rows: list[Row], described: Sequence[Mapping[str, str]]) -> list[Row]:
    """Rows grouped by model and combination in the order asked for, cases in their order within."""
    place = {(run["name"], run["combination"]): number for number, run in enumerate(described)}
    return sorted(rows, key=lambda row: place[row["model"], row["combination"]])
