"""Whole jobs made of the library's rooms: an evaluation with its baselines, and the demonstration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bundle import Bundle
from .cohort import Cohort
from .errors import InputError
from .jobs import Progress, Steps, part
from .resources import resource
from .synthesis import MapModel, Synthesizer

if TYPE_CHECKING:
    from .case import Case
    from .preprocessing import Prepared

DEMO_BUNDLE = "Models/iedn_phantom"
_DEMO_CASES, _DEMO_SEED, _DEMO_SPACING = 4, 20261127, (0.8, 0.8, 7.5)
_BASELINE_CASES = 40  # they are made anew, which takes some ten seconds each


def evaluate_cohort(
    folder: Path,
    models: Sequence[Path],
    combinations: str,
    baselines: bool,
    training: Path | None,
    device: str,
    out: Path,
) -> Steps[Path]:
    """Evaluate bundles on the test patients of a cohort (all, where there is no split) and write the report.

    Parameters
    ----------
    models
        Bundle folders; bundles of one network trained for one combination each count as one model.
    combinations
        ``table2``, ``all``, or names separated by commas.
    baselines
        Also fit the honest floors.
    training
        Prepared cohort to fit them on; by default made anew by the recipe that the first bundle was trained on.

    Returns
    -------
    The path of ``report.html``.
    """
    from .evaluation.combinations import parse
    from .evaluation.evaluate import evaluate

    cohort = Cohort.open(folder)
    wanted = parse(combinations)
    if not models and not baselines:
        raise InputError("Nothing to evaluate: give at least one --model, or --baselines.")
    bundles = [Bundle.open(path) for path in models]
    evaluated: list[MapModel] = [_named(Synthesizer(bundle, device)) for bundle in bundles]
    if baselines:
        evaluated += yield from part(_floors(bundles, wanted, training, out), 0.0, 0.3, "baselines: ")
    cases = cohort.split("test") or cohort.cases
    start = 0.3 if baselines else 0.0
    yield from part(evaluate(cases, cohort.participants, evaluated, wanted, out, title=cohort.name), start, 1.0)
    return out / "report.html"


def _named(model: Synthesizer) -> Synthesizer:
    """Bundles for one combination each are told apart by it, and share the name of their network."""
    if not model.any_subset:
        model.name = model.bundle.network_name
    return model


def _floors(
    bundles: Sequence[Bundle], combinations: Sequence[tuple[str, ...]], training: Path | None, out: Path
) -> Steps[list[Any]]:
    from .networks.trees import fit_floors
    from .preprocessing import load_prepared

    cohort = Cohort.open(training) if training else (yield from part(_training_cohort(bundles, out), 0.0, 0.6))
    cases = (cohort.split("train") or cohort.cases)[:_BASELINE_CASES]

    def loaded(some: Sequence[Case]) -> Iterator[Prepared]:
        for case in some:
            yield load_prepared(case)

    return (yield from part(fit_floors(loaded(cases), len(cases), combinations), 0.6, 1.0))


def _training_cohort(bundles: Sequence[Bundle], out: Path) -> Steps[Cohort]:
    """The first patients of the cohort that the first bundle was trained on, made anew."""
    from .phantom import make_cohort
    from .preprocessing import prepare_cohort

    recipes = bundles[0].metadata.get("training", {}).get("phantoms") if bundles else None
    if not recipes:
        raise InputError("The baselines need a training cohort: give a prepared one with --training.")
    recipe, raw = recipes[0], out / "baselines" / "cohort"
    yield from part(
        make_cohort(
            raw,
            cases=min(int(recipe["cases"]), _BASELINE_CASES),
            seed=int(recipe["seed"]),
            spacing=tuple(recipe["spacing"]) if recipe["spacing"] else None,
            modalities=recipe["modalities"],
            test_share=float(recipe["test_share"]),
        ),
        0.0,
        0.5,
    )
    return (yield from part(prepare_cohort(Cohort.open(raw), out / "baselines" / "prepared"), 0.5, 1.0))


def demo(out: Path) -> Steps[Path]:
    """The main job on patients that no training saw: phantom, preparation, synthesis, evaluation, report."""
    from .maps import synthesize_cases
    from .phantom import make_cohort
    from .preprocessing import prepare_cohort

    bundle = resource(DEMO_BUNDLE)
    yield from part(
        make_cohort(
            out / "cohort",
            cases=_DEMO_CASES,
            seed=_DEMO_SEED,
            spacing=_DEMO_SPACING,
            modalities=("ASL", "T1", "T2", "FLAIR", "ADC", "T1C", "CBV"),
            test_share=1.0,
        ),
        0.0,
        0.25,
        "making patients: ",
    )
    prepared = yield from part(prepare_cohort(Cohort.open(out / "cohort"), out / "prepared"), 0.25, 0.5, "preparing: ")
    model = Synthesizer(Bundle.open(bundle), "auto")
    yield from part(synthesize_cases(prepared.cases, model, out / "prepared"), 0.5, 0.6, "synthesising: ")
    yield Progress(0.6, "evaluating")
    evaluation = evaluate_cohort(out / "prepared", [bundle], "table2", False, None, "auto", out / "evaluation")
    return (yield from part(evaluation, 0.6, 1.0, "evaluating: "))
