"""The commands ``synthperf quantify ...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import terminal
from .errors import InputError


def add(commands: Any) -> None:
    """Add them to the subparsers of ``synthperf``."""
    words = "Perfusion maps from their series: IVIM, DSC, ASL; and regions measured on maps."
    group = commands.add_parser("quantify", help=words, description=words)
    kinds = group.add_subparsers(title="commands", required=True, metavar="COMMAND")

    words = "IVIM series to perfusion fraction f, D, D* and the quality of the fit."
    sub = kinds.add_parser("ivim", help=words, description=words)
    sub.set_defaults(command=_ivim)
    _source(sub, "a 4D image, or the folder of a case or cohort (dwi/sub-XXX_dwi.nii.gz)")
    sub.add_argument("--bval", type=Path, metavar="FILE", help="b-values in s/mm2 (default: the .bval file beside it)")
    sub.add_argument(
        "--method", default="full", choices=("full", "segmented"), help="least squares of all, or D first (full)"
    )
    sub.add_argument(
        "--split", type=float, default=200.0, metavar="B", help="segmented: D from b-values >= B s/mm2 (default 200)"
    )

    words = "DSC series to relative CBV, corrected for leakage and normalised to white matter."
    sub = kinds.add_parser("dsc", help=words, description=words)
    sub.set_defaults(command=_dsc)
    _source(sub, "a 4D image, or the folder of a case or cohort (perf/sub-XXX_dsc.nii.gz)")
    sub.add_argument("--nawm", type=Path, metavar="MASK", help="mask of normal-appearing white matter: it becomes 1")
    sub.add_argument("--echo-time", type=float, metavar="S", help="seconds, instead of the sidecar's")
    sub.add_argument("--repetition-time", type=float, metavar="S", help="seconds from volume to volume")
    sub.add_argument("--baseline", metavar="FIRST:LAST", help="volumes before the contrast agent, numbered from 0")
    sub.add_argument("--window", metavar="FIRST:LAST", help="volumes to integrate (default: bolus to the end)")

    words = "ASL series to cerebral blood flow, by the white paper's formula or, with several delays, a kinetic fit."
    sub = kinds.add_parser("asl", help=words, description=words)
    sub.set_defaults(command=_asl)
    _source(sub, "an image, or the folder of a case or cohort (perf/sub-XXX_asl.nii.gz)")
    sub.add_argument("--m0", metavar="FILE_OR_NUMBER", help="equilibrium signal (default: as the sidecar says)")
    sub.add_argument("--context", metavar="LIST", help="what the volumes are, e.g. control,label (repeated), or deltam")
    sub.add_argument("--type", choices=("PCASL", "CASL", "PASL"), help="instead of the sidecar's")
    sub.add_argument("--delay", metavar="LIST", help="post-labelling delays in s, one, or one for each volume")
    sub.add_argument("--duration", metavar="LIST", help="labelling duration in s; PASL: bolus cut-off (TI1)")
    sub.add_argument("--efficiency", type=float, metavar="A", help="labelling efficiency (PCASL 0.85, PASL 0.98)")
    sub.add_argument("--blood-t1", type=float, metavar="S", help="T1 of arterial blood in s (1.65 at 3 T)")

    words = "Regions measured on maps: rois.csv, and the ratio of tumour to white matter."
    sub = kinds.add_parser("roi", help=words, description=words)
    sub.set_defaults(command=_roi)
    sub.add_argument("maps", nargs="+", metavar="MAP", help="maps of one patient, as FILE or NAME=FILE")
    note = "a label image (each label is a region), or FILE:LABEL; may be given again"
    sub.add_argument("--tumour", action="append", required=True, metavar="MASK", help=f"tumour: {note}")
    sub.add_argument(
        "--nawm", action="append", default=[], metavar="MASK", help=f"normal-appearing white matter: {note}"
    )
    sub.add_argument("--case", metavar="ID", help="name of the patient in the table (default: from the file names)")
    sub.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder of rois.csv and ratios.csv")


def _source(sub: argparse.ArgumentParser, words: str) -> None:
    sub.add_argument("source", type=Path, metavar="CASE_OR_FILE", help=words)
    sub.add_argument("--out", type=Path, required=True, metavar="OUT", help="dataset that the maps go to")
    sub.add_argument("--mask", type=Path, metavar="FILE", help="voxels to work on (default: the head)")


def _ivim(options: argparse.Namespace) -> int:
    from .quantification.ivim_maps import quantify_ivim

    steps = quantify_ivim(
        options.source,
        options.out,
        b_values=options.bval,
        mask=options.mask,
        method=options.method,
        split=options.split,
    )
    for result in terminal.run(steps, "quantify ivim"):
        _tell(result.paths, result.cautions)
    return terminal.DONE


def _dsc(options: argparse.Namespace) -> int:
    from .quantification.dsc_maps import Given, quantify_dsc

    given = Given(
        mask=options.mask,
        nawm=options.nawm,
        echo_time=options.echo_time,
        repetition_time=options.repetition_time,
        baseline=_volumes("--baseline", options.baseline),
        window=_volumes("--window", options.window),
    )
    for result in terminal.run(quantify_dsc(options.source, options.out, given), "quantify dsc"):
        _tell(result.paths, result.cautions)
    return terminal.DONE


def _asl(options: argparse.Namespace) -> int:
    from .quantification.asl_inputs import Given
    from .quantification.asl_maps import quantify_asl

    given = Given(
        mask=options.mask,
        m0=options.m0,
        context=None if options.context is None else tuple(word.strip() for word in options.context.split(",")),
        kind=options.type,
        delays=_numbers("--delay", options.delay),
        durations=_numbers("--duration", options.duration),
        efficiency=options.efficiency,
        blood_t1=options.blood_t1,
    )
    for result in terminal.run(quantify_asl(options.source, options.out, given), "quantify asl"):
        _tell(result.paths, result.cautions)
    return terminal.DONE


def _roi(options: argparse.Namespace) -> int:
    from .quantification.regions import measure_maps

    measured = measure_maps(options.maps, options.tumour, options.nawm, options.out, options.case)
    for name, ratio in measured.ratios.items():
        print(f"{name}: tumour to white matter {f'{ratio:.3f}' if ratio is not None else 'not known'}")
    _tell([measured.table], measured.cautions)
    return terminal.DONE


def _tell(paths: Sequence[Path], cautions: Sequence[str]) -> None:
    for path in paths:
        print(path)
    for sentence in cautions:
        print(f"Caution: {sentence}")


def _volumes(option: str, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, colon, last = text.partition(":")
    if not (colon and first.strip().isdigit() and last.strip().isdigit() and int(first) < int(last)):
        raise InputError(f"{option} {text}: give the first and the last volume, numbered from 0, e.g. 2:11.")
    return int(first), int(last)


def _numbers(option: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"{option} {text}: give numbers of seconds separated by commas, e.g. 1.8 or 0.5,1.0."
        ) from error
