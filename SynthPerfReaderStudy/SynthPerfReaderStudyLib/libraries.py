"""The libraries of the extra ``study``: without them a sentence, not a traceback."""

from __future__ import annotations

from importlib import import_module

from SynthPerfLib.errors import DependencyError

RECORD = ("pydantic", "sqlalchemy")
"""For a study: its protocol and its record."""

REPORT = ("jinja2", "matplotlib")
"""For the report of an analysis."""

WORKBOOK = ("RJafroc's workbook", "openpyxl")
"""What :func:`require` is told for an export to RJafroc."""


def require(what: str, *libraries: str) -> None:
    """See that libraries are there before the work begins.

    Parameters
    ----------
    what
        What needs them: the beginning of the sentence.

    Raises
    ------
    DependencyError
        If one is not installed, or lacks what it needs itself.
    """
    for library in libraries:
        try:
            import_module(library)
        except ModuleNotFoundError as error:
            raise DependencyError(f"{what} needs {error.name}: pip install 'synthperf[study]'.") from None
