"""The few kinds of failure a user can meet. Raised where found, shown once, at the edge."""

from __future__ import annotations


class SynthPerfError(Exception):
    """Base of every failure that is told to the user as one sentence."""


class InputError(SynthPerfError):
    """A file, a table or an option is not usable; the sentence says what, where and what to do."""


class ModelError(SynthPerfError):
    """A bundle is damaged, or does not fit the input it is asked to work on."""


class DependencyError(SynthPerfError):
    """An optional library that this step needs is not installed."""


class Cancelled(SynthPerfError):
    """The user stopped the work; nothing was written."""
