"""A failure as one sentence in the panel, as :func:`SynthPerfLib.terminal.guarded` says it on the command line."""

from __future__ import annotations

import logging

from slicer.i18n import tr as _

from ..errors import SynthPerfError


def sentence(error: BaseException) -> str:
    """What the user is told: what happened, what to do. A defect of ours goes to the application's log as well."""
    if isinstance(error, SynthPerfError):
        return str(error)
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which need not be imported for this
        return _("The graphics card has not enough free memory: choose the device CPU, or close other programs.")
    if isinstance(error, MemoryError):
        return _("There is not enough memory for this step: close other programs or other scenes.")
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return _("{what}{where}. Check the path, the permissions and the free space.").format(
            what=error.strerror or str(error), where=where
        )
    logging.error("SynthPerf", exc_info=error)
    return _("This is a defect in SynthPerf, not in your data; please report it with the application's error log.")
