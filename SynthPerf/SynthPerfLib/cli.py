"""The command ``synthperf``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__, quantify_cli, terminal
from .errors import InputError
from .terminal import Parser, guarded, run

_RESEARCH = "Research use only: not for diagnosis or treatment."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code (0 done, 1 a check failed, 2 bad input)."""
    # Threads that wait for one another give way instead of spinning: on a machine that is also doing something else,
    # spinning made a map take six times as long. Read by OpenMP when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return guarded(lambda: command(options))


def _parser() -> Parser:
    parser = Parser(prog="synthperf", description=f"Synthetic perfusion maps from routine MRI. {_RESEARCH}")
    parser.add_argument("--version", action="version", version=f"synthperf {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, does: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=does)
        return sub

    sub = command("phantom", _phantom, "Make a digital cohort with known truth.")
    sub.add_argument("out", type=Path, metavar="OUT", help="folder of the new cohort")
    sub.add_argument("--cases", type=int, required=True, metavar="N", help="number of patients")
    sub.add_argument("--seed", type=int, required=True, metavar="S", help="start of every random number")
    sub.add_argument("--spacing", metavar="MM", help="voxel size of the T1, one number or x,y,z (default 1 mm)")
    sub.add_argument("--modalities", metavar="LIST", help="make only these images, e.g. ASL,T1,CBV (default: all)")
    sub.add_argument(
        "--test-share", type=float, default=0.25, metavar="P", help="share of test patients (default 0.25)"
    )

    sub = command("import", _import, "Bring NIfTI, NRRD or BIDS files into a cohort.")
    sub.add_argument("source", type=Path, metavar="SRC", help="folder with the files")
    sub.add_argument("out", type=Path, metavar="OUT", help="folder of the new cohort")
    sub.add_argument("--map", type=Path, metavar="FILE.yaml", help="which file is which modality, instead of the guess")

    sub = command("prepare", _prepare, "Align to T1, reslice, find the brain, check the quality.")
    sub.add_argument("cohort", type=Path, metavar="COHORT")
    sub.add_argument("--out", type=Path, required=True, help="folder of the prepared cohort")

    sub = command("synthesize", _synthesize, "Make a synthetic CBV map for every case.")
    sub.add_argument("cohort", type=Path, metavar="COHORT_OR_CASE")
    sub.add_argument("--model", type=Path, required=True, metavar="BUNDLE", help="folder of the model bundle")
    sub.add_argument("--out", type=Path, required=True, help="where the maps go (may be the cohort itself)")
    sub.add_argument("--modalities", metavar="LIST", help="use only these, e.g. T1,T2 (default: all there are)")
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    sub.add_argument("--grid", type=Path, metavar="IMAGE", help="write the map on this image's grid (default: T1's)")

    sub = command("train", _train, "Train a network on prepared cohorts; goes on where it was stopped.")
    sub.add_argument("cohorts", type=Path, nargs="+", metavar="COHORT")
    sub.add_argument("--recipe", required=True, metavar="NAME_OR_FILE", help="iedn, encoder_decoder or a YAML file")
    sub.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="folder of the bundle")
    sub.add_argument("--modalities", metavar="LIST", help="inputs, instead of the recipe's")
    sub.add_argument("--steps", type=int, metavar="N", help="training steps, instead of the recipe's")

    sub = command("evaluate", _evaluate, "Compare maps with the real CBV: SSIM, PSNR, MAE, lesions, paired tests.")
    sub.add_argument("cohort", type=Path, metavar="COHORT")
    sub.add_argument("--model", type=Path, action="append", default=[], metavar="BUNDLE", help="may be given again")
    sub.add_argument(
        "--combinations", default="table2", metavar="table2|all|LIST", help="e.g. ASL,ASL+T1 (default table2)"
    )
    sub.add_argument(
        "--baselines", action="store_true", help="beside them voxel and context trees and the scaled ASL map"
    )
    sub.add_argument(
        "--training",
        type=Path,
        metavar="COHORT",
        help="prepared cohort to fit the baselines on (default: made as the bundle's was)",
    )
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    sub.add_argument("--out", type=Path, required=True, help="folder of tables and report")

    quantify_cli.add(commands)

    sub = command("bench", _bench, "Measure speed and memory as paired ratios in one run.")
    sub.add_argument("--model", type=Path, metavar="BUNDLE", help="the shipped demonstration bundle by default")
    sub.add_argument("--out", type=Path, metavar="FILE.json", help="also write the numbers here")

    sub = command("demo", _demo, "Everything once: new phantom patients, their synthetic maps, reports, a reading.")
    sub.add_argument("--out", type=Path, required=True, help="folder for all that is made")
    sub.add_argument(
        "--no-open", action="store_true", help="print where things are instead of opening them; no reading"
    )

    # The edge alone knows both packages.
    from SynthPerfReaderStudyLib import analysis_cli, study_cli

    study_cli.add(commands)
    analysis_cli.add(commands)
    return parser


def _list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _spacing(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise InputError(f"--spacing {text}: give one number or three, in mm, e.g. 2.0 or 0.8,0.8,7.5.")
    x, y, z = numbers * 3 if len(numbers) == 1 else numbers
    return x, y, z


def _phantom(options: argparse.Namespace) -> int:
    from .phantom import make_cohort

    steps = make_cohort(
        options.out,
        cases=options.cases,
        seed=options.seed,
        spacing=_spacing(options.spacing),
        modalities=_list(options.modalities),
        test_share=options.test_share,
    )
    run(steps, "phantom")
    print(f"{options.cases} simulated patients in {options.out}")
    return terminal.DONE


def _import(options: argparse.Namespace) -> int:
    from .importing import import_files

    cohort = run(import_files(options.source, options.out, options.map), "import")
    print(f"{len(cohort.cases)} cases in {cohort.folder}")
    return terminal.DONE


def _prepare(options: argparse.Namespace) -> int:
    from .cohort import Cohort
    from .preprocessing import prepare_cohort

    cohort = run(prepare_cohort(Cohort.open(options.cohort), options.out), "prepare")
    print(f"{len(cohort.cases)} cases prepared in {cohort.folder}")
    return terminal.DONE


def _synthesize(options: argparse.Namespace) -> int:
    from .bundle import Bundle
    from .cohort import open_cases
    from .images import read_image
    from .maps import synthesize_cases
    from .synthesis import Synthesizer

    model = Synthesizer(Bundle.open(options.model), options.device)
    cases = open_cases(options.cohort)
    grid = None if options.grid is None else read_image(options.grid)
    wanted = _list(options.modalities)
    written, warnings = run(synthesize_cases(cases, model, options.out, wanted, grid), "synthesize")
    for sentence in warnings:
        print(f"warning: {sentence}", file=sys.stderr)
    print(f"{len(written)} maps by {model.name} on {model.device} in {options.out}. {_RESEARCH}")
    return terminal.DONE


def _train(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from .cohort import Cohort
    from .modality import combination
    from .training.recipe import load_recipe
    from .training.run import train

    wanted = _list(options.modalities)
    recipe = load_recipe(options.recipe, None if wanted is None else combination(wanted))
    if options.steps is not None:
        if options.steps < 1:
            raise InputError(f"--steps {options.steps}: at least 1 is needed.")
        recipe = replace(recipe, steps=options.steps)
    bundle = run(train([Cohort.open(path) for path in options.cohorts], recipe, options.out), "train")
    numbers = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in bundle.metadata["eval_metrics"].items())
    print(f"bundle {bundle.name} in {bundle.folder}: {numbers}")
    return terminal.DONE


def _evaluate(options: argparse.Namespace) -> int:
    from .workflows import evaluate_cohort

    report = run(
        evaluate_cohort(
            options.cohort,
            options.model,
            options.combinations,
            options.baselines,
            options.training,
            options.device,
            options.out,
        ),
        "evaluate",
    )
    print(f"report: {report}")
    return terminal.DONE


def _bench(options: argparse.Namespace) -> int:
    from SynthPerfReaderStudyLib.bench import bench as bench_reading

    from .bench import bench

    print(run(bench(options.model, options.out), "bench"), flush=True)
    print(f"\n{run(bench_reading(options.out), 'bench')}")
    return terminal.DONE


def _demo(options: argparse.Namespace) -> int:
    import webbrowser

    from SynthPerfReaderStudyLib.demo import READER, demo_study

    from .workflows import demo

    report = run(demo(options.out), "demo")
    reading = run(demo_study(options.out / "prepared", options.out), "demo study")
    print(f"report: {report}")
    print(f"the analysis of a reader study of these maps, by simulated readers: {reading.report}")
    print(f"to read it yourself, blinded: synthperf study read {reading.study} --reader {READER} --open", flush=True)
    if options.no_open:
        return terminal.DONE
    if not webbrowser.open(report.resolve().as_uri()):
        print("No browser was found: open the files above.", file=sys.stderr)
        return terminal.DONE
    return main(["study", "read", str(reading.study), "--reader", READER, "--port", "0", "--open"])
