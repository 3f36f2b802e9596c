"""From an analysis to ``report.html``, ``figures/*.svg`` and ``tables/*.html``."""

from __future__ import annotations

from pathlib import Path

from SynthPerfLib import __version__
from SynthPerfLib.evaluation.figures import ACCENT
from SynthPerfLib.images import written_whole

from ..analysis import Analysis
from ..libraries import REPORT, require
from .blocks import Picture, Section, Table
from .context import Context, Names
from .endpoint import endpoint_of
from .sections.accuracy import accuracy
from .sections.agreement import agreement
from .sections.completeness import completeness
from .sections.evidence import evidence
from .sections.grades import grades
from .sections.methods import methods
from .sections.methods_compared import pairs_section, regions_section
from .sections.overview import design, opening
from .sections.reading import reading

_HERE = Path(__file__).parent


def write_report(done: Analysis, out: Path) -> Path:
    """Write the report of an analysis into ``out``; the path of ``report.html``.

    The same analysis gives the same bytes. What an earlier report has left there is replaced as a whole.

    Raises
    ------
    DependencyError
        If jinja2 or matplotlib is not installed.
    """
    require("The report", *REPORT)
    import jinja2

    context = Context(done, Names() if done.protocol is None else Names.of(done.protocol))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    sections = sections_of(context)
    text = environment.get_template("report.html").render(
        title=title_of(context),
        sections=sections,
        marks=marks_of(context),
        accent=ACCENT,
        version=__version__,
        notes=done.facts.get("notes", ()),
    )
    alone = environment.get_template("table.html")
    files = {}
    for block in (block for section in sections for block in section.blocks):
        if isinstance(block, Picture):
            files[out / "figures" / f"{block.name}.svg"] = block.svg
        elif isinstance(block, Table):
            files[out / "tables" / f"{block.name}.html"] = alone.render(table=block, marks=marks_of(context))
    for file, content in files.items():
        _write(content, file)
    path = out / "report.html"
    if path.is_file():  # of an earlier report: what this one does not have
        for old in (*(out / "figures").glob("*.svg"), *(out / "tables").glob("*.html")):
            if old not in files:
                old.unlink()
    _write(text, path)
    return path


def sections_of(context: Context) -> list[Section]:
    """The report's parts in the order in which they are read; those without content are left out."""
    endpoint = endpoint_of(context)
    parts = [
        opening(context, endpoint),
        design(context, endpoint),
        accuracy(context, endpoint),
        grades(context),
        agreement(context, endpoint),
        pairs_section(context),
        regions_section(context),
        reading(context),
        completeness(context),
        methods(context),
        evidence(context, endpoint),
    ]
    return [part for part in parts if part is not None]


def title_of(context: Context) -> str:
    """The study's title, or the name of the table."""
    if "study" in context.done.facts:
        return str(context.done.facts["study"]["title"])
    table = context.ratings or context.done.pairs
    return "Reader study" if table is None else table.path.stem


def marks_of(context: Context) -> list[str]:
    """What must be seen on every page."""
    facts = context.done.facts
    marks = []
    if facts.get("interim"):
        marks.append("Interim results: the reads are not locked, the numbers will change")
    if facts.get("simulated"):
        marks.append("Simulated readers: no result about people")
    return marks


def _write(text: str, path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
