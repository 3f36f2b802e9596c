"""The options of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..libraries import RECORD, require
from . import closeout, conduct, seat, startup

Command = Callable[[argparse.Namespace], int]


def add(commands: Any) -> None:
    """Add them to the subparsers of ``synthperf``."""
    words = "Blinded reader studies: create, follow, verify, export."
    group = commands.add_parser("study", help=words, description=words)
    parsers = group.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, does: Command, words: str, more: str = "", study: bool = True) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = parsers.add_parser(name, help=words, description=f"{words} {more}".strip())
        sub.set_defaults(command=_checked(does))
        if study:
            sub.add_argument("study", type=Path, metavar="STUDY", help="folder of the study")
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
        return sub

    sub = command(
        "create",
        startup.create,
        "Make a study: allocation, blinded stimuli, an empty record.",
        "The protocol is frozen; who reads what when follows from the seed, which is kept in study.yaml.",
        study=False,
    )
    sub.add_argument("protocol", metavar="PROTOCOL", help="a YAML file, or the name of a protocol that ships")
    sub.add_argument("cohort", type=Path, metavar="COHORT", help="a prepared cohort with all maps")
    sub.add_argument("--out", type=Path, required=True, metavar="STUDY", help="folder of the new study")
    sub.add_argument("--readers", metavar="LIST", help="ids of the readers, instead of the protocol's, e.g. R1,R2,R3")
    sub.add_argument("--seed", type=int, metavar="S", help="start of every random choice (default: drawn)")
    sub.add_argument("--model", metavar="NAME", help="whose synthetic maps to show, if there are several models'")
    sub.add_argument("--maps", type=Path, metavar="FOLDER", help="where the synthetic maps are (default: the cohort)")
    sub.add_argument("--records", metavar="URL", help="PostgreSQL database of the record (default: a file in STUDY)")
    sub.add_argument("--without-stimuli", action="store_true", help="only plan: it can be rehearsed, not read")

    command("status", conduct.status, "Show the progress of every reader, and what is missing.")

    sub = command(
        "read",
        seat.read,
        "Open the study for reading in a browser, on this machine or behind a TLS proxy; runs until it is stopped.",
        "Prints a personal link for everyone; each works once.",
    )
    sub.add_argument("--reader", metavar="ID", help="only for this person (default: everyone in this folder)")
    sub.add_argument("--port", type=int, default=8765, metavar="P", help="port to listen on (default 8765; 0: any)")
    sub.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: this machine)")
    sub.add_argument(
        "--public", metavar="URL", help="address of the TLS proxy in front, e.g. https://reads.example.org"
    )
    sub.add_argument("--open", action="store_true", help="open the first link in this machine's browser")

    sub = command(
        "verify",
        conduct.verify,
        "Check the record, the receipts, the protocol, the code book and the stimuli.",
        "Exit code 1 if anything is not as it was written.",
    )
    sub.add_argument(
        "--receipt", type=Path, action="append", default=[], metavar="FILE", help="one that a reader kept; repeatable"
    )

    sub = command("export", closeout.export, "Write ratings, truth, regions, events, and files for the MRMC programs.")
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the tables")
    sub.add_argument("--interim", action="store_true", help="before the reads are locked; every file name says so")
    sub.add_argument("--item", metavar="ID", help="score for the MRMC programs (default: the primary endpoint)")

    sub = command("merge", conduct.merge, "Take in what was read offline; nothing is overwritten.")
    sub.add_argument("results", type=Path, nargs="+", metavar="RESULTS", help="folder or .zip that came back")
    sub.add_argument("--conflicts", type=Path, metavar="FILE", help="write the answers in conflict to a CSV file")

    sub = command("package", startup.package, "Make the package with which a reader, or a site, reads offline.")
    sub.add_argument("--reader", required=True, metavar="ID", help="a reader's id, or a site of the protocol")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .zip, or a folder for it")

    once = "This cannot be undone."
    for name, does, words in (
        ("lock", closeout.lock, "Close the study for readers, for good."),
        ("unblind", closeout.unblind, "Open the code book and lock the reads, for good."),
    ):
        sub = command(name, does, words, once)
        sub.add_argument("--yes", action="store_true", help="do not ask")

    sub = command(
        "add-cases", startup.add_cases, "Append the new cases of a cohort; what is allocated is never reordered."
    )
    sub.add_argument("cohort", type=Path, metavar="COHORT")
    sub.add_argument("--maps", type=Path, metavar="FOLDER", help="where the synthetic maps are (default: the cohort)")

    sub = command("allow", conduct.allow, "Let a reader open a session before the washout has passed; recorded.")
    sub.add_argument("--reader", required=True, metavar="ID")
    sub.add_argument("--session", required=True, type=int, metavar="N")
    sub.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the record")

    sub = command("adjudicate", conduct.adjudicate, "Give out what the readers disagree on, by the protocol's rule.")
    sub.add_argument("--reader", metavar="ID", help="the third reader, if the protocol names several")

    sub = command(
        "rehearse",
        startup.rehearse,
        "Let simulated readers read the whole study, into a folder of its own.",
        "Everything there is marked as simulated and can never be merged with real answers.",
    )
    sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the rehearsal")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="start of every random choice (default 0)")
    sub.add_argument("--auc", default="0.8", metavar="A|ARM=A,...", help="the readers' AUC, of all arms or by arm")
    for name, what in (
        ("bias", "shift of all impressions, in SD"),
        ("drift", "shift from the start to the end of a session, in SD"),
        ("missing", "probability of a missing answer, where the protocol allows one"),
    ):
        sub.add_argument(f"--{name}", default="0", metavar="X|READER=X,...", help=f"{what} (default 0)")

    words = "Print the JSON schema of a protocol, for editors that check."
    parsers.add_parser("schema", help=words, description=words).set_defaults(command=_checked(startup.schema))


def _checked(does: Command) -> Command:
    def command(options: argparse.Namespace) -> int:
        require("A reader study", *RECORD)
        return does(options)

    return command
