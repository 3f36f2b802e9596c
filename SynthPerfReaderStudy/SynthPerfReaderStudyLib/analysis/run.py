"""From tables to estimates, and from estimates to files."""

from __future__ import annotations

import csv
import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SynthPerfLib import __version__
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import write_json, written_whole
from SynthPerfLib.jobs import Progress, Steps, part

from ..ratings import Paired, Ratings, Truth
from .agree import agreement
from .compare import comparison
from .design import MISSING_COLUMNS, design, missing_cells, positives
from .diagnostic import curves, diagnostic
from .multireader import multireader
from .pairs import paired
from .rows import FIELDS, Rows
from .settings import Settings

if TYPE_CHECKING:
    from ..protocol import Protocol
    from .reading_times import Visit

SCHEMA = 1
_SKIPPED = ("analysis", "item", "arm", "arm_b", "reader", "method", "why")
_WITH_TRUTH = (
    "roc.auc",
    "roc.auc_difference",
    "roc.sensitivity",
    "roc.specificity",
    "mrmc.test",
    "mrmc.auc_difference",
    "mrmc.auc",
)


@dataclass
class Analysis:
    """Everything that an analysis found.

    Attributes
    ----------
    rows
        Estimates, and what was skipped.
    inputs
        Name of each file to its SHA-256.
    settings
        What was fixed beforehand.
    facts
        Further parts of results.json: ``design``, ``missing``, and what a study adds.
    tables
        Further tables by name: columns and rows.
    ratings, pairs, regions, visits, protocol
        What it was made from, for the report: the tables, the regions' values, the submitted reads in their order, and
        what a study was to be.
    """

    rows: Rows
    inputs: dict[str, str]
    settings: Settings
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, tuple[Sequence[str], list[dict[str, Any]]]] = field(default_factory=dict)
    ratings: Ratings | None = None
    pairs: Paired | None = None
    regions: Ratings | None = None
    visits: Sequence[Visit] = ()
    protocol: Protocol | None = None

    def read(self, path: Path) -> None:
        """Note a file that was analysed, with its hash."""
        self.inputs[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()


def analyse_tables(
    ratings: Ratings | None, truth: Truth | None, pairs: Paired | None, settings: Settings
) -> Steps[Analysis]:
    """All analyses that the tables allow; what they do not allow is skipped with its reason.

    Raises
    ------
    InputError
        If a setting names an item or an arm that the ratings do not have.
    """
    done = Analysis(Rows(), {}, settings, ratings=ratings, pairs=pairs)
    for table in (ratings, truth, pairs):
        if table is not None:
            done.read(table.path)
    if ratings is not None:
        _known(settings, ratings)
        yield from part(analyse_ratings(done, ratings, truth), 0.0, 0.9)
        missing = missing_cells(ratings)
        done.facts |= {"design": design(ratings, truth), "missing": missing, "notes": _notes(ratings)}
        done.tables["missing"] = (MISSING_COLUMNS, missing)
    if pairs is not None:
        yield Progress(0.9, "method comparison")
        paired(pairs.x, pairs.y, settings, done.rows, {"arm": "x", "arm_b": "y"})
        if pairs.incomplete:
            done.rows.skip(f"{pairs.incomplete} pair(s) without an x or a y were left out", "paired")
    return done


def analyse_ratings(done: Analysis, ratings: Ratings, truth: Truth | None) -> Steps[None]:
    """Add agreement, comparison of arms and, with truth, ROC and multi-reader analyses of every item."""
    settings = done.settings
    yield Progress(0.0, "agreement")
    agreement(ratings, settings, done.rows)
    yield Progress(0.25, "comparison of arms")
    comparison(ratings, settings, done.rows)
    if truth is None:
        done.rows.skip("there is no truth to compare with", *_WITH_TRUTH)
        return
    positive = positives(ratings, truth)
    yield Progress(0.5, "ROC analysis")
    diagnostic(ratings, positive, truth.word, settings, done.rows)
    yield Progress(0.8, "multi-reader analysis")
    multireader(ratings, positive, truth.word, settings, done.rows)
    columns = ("item", "arm", "reader", "threshold", "fpr", "tpr")
    points = [*done.tables.get("roc_curves", ((), []))[1], *curves(ratings, positive, truth.word)]
    done.tables["roc_curves"] = (columns, points)


def write_analysis(done: Analysis, out: Path) -> Path:
    """Write ``results.json`` and ``tables/*.csv`` below ``out``; the path of results.json.

    Tables are tidy: one for each analysis, one row for each estimate, empty where a field does not apply. What an
    earlier analysis has left there is replaced as a whole.
    """
    tables = {**done.tables, "skipped": (_SKIPPED, done.rows.skipped)}
    for analysis in dict.fromkeys(row["analysis"] for row in done.rows.estimates):
        chosen = [row for row in done.rows.estimates if row["analysis"] == analysis]
        tables[analysis.replace(".", "_")] = (FIELDS, chosen)
    for name, (columns, rows) in tables.items():
        _write_table(rows, columns, out / "tables" / f"{name}.csv")
    if (out / "results.json").is_file():  # of an earlier analysis: its tables that this one does not have
        for old in (out / "tables").glob("*.csv"):
            if old.stem not in tables:
                old.unlink()
    path = out / "results.json"
    settings = done.settings
    content = {
        "schema": SCHEMA,
        "software": software(),
        "inputs": done.inputs,
        "settings": {
            "level": settings.level,
            "seed": settings.seed,
            "thresholds": dict(settings.thresholds),
            "scales": {item: list(scale) for item, scale in settings.scales.items()},
            "margin": settings.margin,
            "reference": settings.reference,
            "pooled": settings.pooled,
        },
        **done.facts,
        "estimates": done.rows.estimates,
        "skipped": done.rows.skipped,
    }
    write_json(content, path)
    return path


def _notes(ratings: Ratings) -> list[str]:
    """What a reader of the results must know of the whole table."""
    found = []
    if len(ratings.repeats) > 1:
        found.append("Of repeated reads the first counts, except for the agreement of each reader with themselves.")
    if len(set(ratings.clusters.values())) < len(ratings.clusters):
        found.append(
            "Several cases belong to one cluster: only roc.* by delong_clustered allows for it, every other interval "
            "takes the cases as independent."
        )
    return found


def _known(settings: Settings, ratings: Ratings) -> None:
    for item in (*settings.thresholds, *settings.scales):
        if item not in ratings.items:
            raise InputError(f"There is no item {item} in {ratings.path}: it has {', '.join(ratings.items)}.")
    if settings.reference is not None and settings.reference not in ratings.arms:
        raise InputError(f"There is no arm {settings.reference} in {ratings.path}: it has {', '.join(ratings.arms)}.")


def software() -> dict[str, str]:
    """Versions of everything that the numbers depend on."""
    import numpy
    import scipy

    return {
        "synthperf": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def _write_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if row.get(column) is None else row[column] for column in columns] for row in rows)
