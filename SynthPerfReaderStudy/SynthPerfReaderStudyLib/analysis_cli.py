"""The commands ``synthperf analyze`` and ``synthperf power``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from SynthPerfLib import terminal
from SynthPerfLib.errors import InputError

from .libraries import RECORD, REPORT, require

if TYPE_CHECKING:
    from SynthPerfLib.jobs import Steps

    from .analysis import Analysis
    from .statistics.power import Components


def add(commands: Any) -> None:
    """Add them to the subparsers of ``synthperf``."""
    words = "All statistics of a reader study: agreement, ROC, multi-reader tests, method comparison."
    sub = commands.add_parser("analyze", help=words, description=words)
    sub.set_defaults(command=_analyze)
    sub.add_argument(
        "source",
        type=Path,
        nargs="?",
        metavar="STUDY_OR_RATINGS",
        help="a study folder, or ratings as CSV: reader,case,arm,item,value[,repeat][,cluster]",
    )
    sub.add_argument("--truth", type=Path, metavar="FILE", help="CSV: case,truth with 0/1 or words (--positive)")
    sub.add_argument("--positive", metavar="WORD", help="the word in the truth that means 1")
    sub.add_argument(
        "--paired",
        type=Path,
        nargs="?",
        const=True,
        metavar="FILE",
        help="CSV: case,x,y, two measurements of each case (without FILE: the first table is one)",
    )
    sub.add_argument(
        "--threshold", action="append", default=[], metavar="ITEM=VALUE", help="a score >= VALUE is positive"
    )
    sub.add_argument("--scale", action="append", default=[], metavar="ITEM=LOW:HIGH", help="ends of an item's scale")
    sub.add_argument("--margin", type=float, metavar="M", help="non-inferiority margin of the AUC, such as 0.05")
    sub.add_argument("--reference", metavar="ARM", help="the arm that must not be lost to (default: the later one)")
    sub.add_argument("--pooled", action="store_true", help="also take the reads of all readers together")
    sub.add_argument("--level", type=float, metavar="P", help="coverage of the intervals (default 0.95)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="start of every random number (default 0)")
    sub.add_argument("--interim", action="store_true", help="a study whose reads are not locked; the result says so")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results and the report")

    words = "Readers and cases for a wanted power, from a pilot study or from conjectured components."
    sub = commands.add_parser(
        "power", help=words, description=f"{words} Two arms, every reader reads every case twice."
    )
    sub.set_defaults(command=_power)
    sub.add_argument("--effect", type=float, required=True, metavar="D", help="true difference of AUC, such as 0.05")
    sub.add_argument("--power", type=float, default=0.8, metavar="P", help="wanted power (default 0.8)")
    sub.add_argument("--readers", default="3-10", metavar="LIST", help="numbers of readers, e.g. 3-10 or 4,6,8")
    sub.add_argument("--cases", metavar="LIST", help="print the power for these numbers of cases instead")
    sub.add_argument("--margin", type=float, metavar="M", help="power to show non-inferiority by this margin")
    sub.add_argument("--alpha", type=float, default=0.05, metavar="A", help="two-sided level (default 0.05)")
    sub.add_argument("--model", default="rrrc", choices=("rrrc", "frrc", "rrfc"), help="random readers, cases, or both")
    sub.add_argument("--share", type=float, metavar="P", help="planned share of positive cases (default: the pilot's)")
    pilot = sub.add_argument_group("from a pilot")
    pilot.add_argument("--pilot", type=Path, metavar="RATINGS", help="ratings of two arms")
    pilot.add_argument("--truth", type=Path, metavar="FILE")
    pilot.add_argument("--positive", metavar="WORD")
    pilot.add_argument("--item", help="the item of the pilot, if it has several")
    guess = sub.add_argument_group("without a pilot")
    guess.add_argument("--auc", type=float, metavar="A", help="expected AUC")
    guess.add_argument("--r1", type=float, default=0.47, help="correlation: same reader, other arm (default 0.47)")
    guess.add_argument("--r2", type=float, default=0.3, help="correlation: other reader, same arm (default 0.3)")
    guess.add_argument("--r3", type=float, default=0.3, help="correlation: other reader and arm (default 0.3)")
    guess.add_argument("--sd-tr", type=float, default=0.03, metavar="S", help="spread of the effect between readers")


def _analyze(options: argparse.Namespace) -> int:
    from .analysis import write_analysis
    from .report import write_report

    is_study = options.source is not None and options.source.is_dir()
    require("The report", *REPORT)
    if is_study:
        require("A reader study", *RECORD)
    steps = _of_study(options) if is_study else _of_tables(options)
    done = terminal.run(steps, "analyze")
    path = write_analysis(done, options.out)
    report = write_report(done, options.out)
    interim = " (interim: the reads are not locked)" if done.facts.get("interim") else ""
    simulated = " from simulated readers" if done.facts.get("simulated") else ""
    print(f"{len(done.rows.estimates)} estimates{simulated} in {path}{interim}")
    if done.rows.skipped:
        print(f"{len(done.rows.skipped)} analyses were skipped; why is in {options.out / 'tables' / 'skipped.csv'}")
    print(f"The report is {report}")
    return terminal.DONE


def _of_study(options: argparse.Namespace) -> Steps[Analysis]:
    from .analysis import analyse_study

    for name in ("truth", "positive", "paired", "margin", "reference", "level"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for tables; of a study the protocol fixes it.")
    if options.threshold or options.scale or options.pooled:
        raise InputError("--threshold, --scale and --pooled are for tables; of a study the protocol fixes them.")
    return analyse_study(options.source, options.out, seed=options.seed, interim=options.interim)


def _of_tables(options: argparse.Namespace) -> Steps[Analysis]:
    from .analysis import Settings, analyse_tables
    from .ratings import is_paired, read_paired, read_ratings, read_truth

    if options.interim:
        raise InputError("--interim is for a study folder: tables have no lock.")
    settings = Settings(
        level=0.95 if options.level is None else options.level,
        seed=options.seed,
        thresholds={item: _number(text, "--threshold") for item, text in _named(options.threshold, "--threshold")},
        scales={item: _ends(text) for item, text in _named(options.scale, "--scale")},
        margin=options.margin,
        reference=options.reference,
        pooled=options.pooled,
    )
    source, pairs = options.source, options.paired
    if pairs is True or (pairs is None and source is not None and source.is_file() and is_paired(source)):
        source, pairs = None, source
    if source is None and pairs is None:
        raise InputError("Give a study folder or a table of ratings, or --paired with a table of pairs.")
    if options.positive is not None and options.truth is None:
        raise InputError("--positive names a word in the truth: give the truth too, with --truth.")
    if options.truth is not None and source is None:
        raise InputError("--truth needs ratings: give them as the first argument.")
    truth = None if options.truth is None else read_truth(options.truth, options.positive)
    ratings = None if source is None else read_ratings(source, None if truth is None else truth.positive)
    return analyse_tables(ratings, truth, None if pairs is None else read_paired(pairs), settings)


def _power(options: argparse.Namespace) -> int:
    from .statistics.power import power, sizes

    components = _components(options)
    readers = _whole_numbers(options.readers, "--readers")
    fixed: dict[str, Any] = {"model": options.model, "alpha": options.alpha, "margin": options.margin}
    if options.cases is not None:
        cases = _whole_numbers(options.cases, "--cases")
        print("\t".join(["readers", *(f"{number} cases" for number in cases)]))
        for reader in readers:
            row = [power(components, options.effect, reader, number, **fixed) for number in cases]
            print("\t".join([str(reader), *(f"{value:.3f}" for value in row)]))
        return terminal.DONE
    print("readers\tcases\tpower")
    for size in sizes(components, options.effect, readers, options.power, **fixed):
        fewest = "none suffices" if size.cases is None else str(size.cases)
        print(f"{size.readers}\t{fewest}\t{size.power:.3f}")
    return terminal.DONE


def _components(options: argparse.Namespace) -> Components:
    from .analysis.design import positives
    from .ratings import read_ratings, read_truth
    from .statistics.power import conjectured, from_pilot

    if (options.pilot is None) == (options.auc is None):
        raise InputError("Give either a pilot (--pilot and --truth) or an expected AUC (--auc).")
    if options.pilot is None:
        share = 0.5 if options.share is None else options.share
        if not 0.01 <= share <= 0.99:
            raise InputError(f"--share {share:g}: give the share of positive cases, such as 0.5.")
        n_pos = round(1000 * share)
        spread = {"r1": options.r1, "r2": options.r2, "r3": options.r3, "sd_tr": options.sd_tr}
        return conjectured(options.auc, n_pos, 1000 - n_pos, **spread)
    if options.truth is None:
        raise InputError("A pilot needs its truth: give it with --truth.")
    truth = read_truth(options.truth, options.positive)
    ratings = read_ratings(options.pilot, truth.positive)
    scores = {name: item.scores(truth.word) for name, item in ratings.items.items()}
    usable = {name: values for name, values in scores.items() if values is not None}
    if options.item is None and len(usable) != 1:
        raise InputError(f"--item: choose the item of the pilot from {', '.join(usable) or 'none that has scores'}.")
    item = options.item or next(iter(usable))
    if item not in usable:
        raise InputError(f"--item {item}: choose from {', '.join(usable)}.")
    known = positives(ratings, truth)
    kept = ~np.isnan(known)
    return from_pilot(usable[item][:, kept].transpose(2, 0, 1), known[kept] == 1, share=options.share)


def _whole_numbers(text: str, option: str) -> list[int]:
    first, mark, last = text.partition("-")
    try:
        numbers = list(range(int(first), int(last) + 1)) if mark else [int(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers:
        raise InputError(f"{option} {text}: write whole numbers, such as 3-10 or 4,6,8.")
    return numbers


def _named(given: list[str], option: str) -> list[tuple[str, str]]:
    found = []
    for text in given:
        name, mark, value = text.rpartition("=")
        if not mark or not name:
            raise InputError(f"{option} {text}: write ITEM=VALUE.")
        found.append((name, value))
    return found


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option}: '{text}' is not a number.") from None


def _ends(text: str) -> tuple[float, float]:
    low, mark, high = text.partition(":")
    if not mark:
        raise InputError(f"--scale: '{text}' is not a range; write the lowest and highest point, such as 1:5.")
    return _number(low, "--scale"), _number(high, "--scale")
