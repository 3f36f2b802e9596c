"""What is asked in windows of the system: files and folders, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt


class Dialogs:
    """File dialogs, and where failures of work are told.

    Parameters
    ----------
    failed
        Called with the error of work that failed.
    """

    def __init__(self, window: Any, failed: Callable[[Exception], None]) -> None:
        self._window, self.failed = window, failed

    def folder(self, title: str) -> str:
        """A folder; empty if the user thought better of it."""
        return str(qt.QFileDialog.getExistingDirectory(self._window, title) or "")

    def open_file(self, title: str, kinds: str) -> str:
        """A file to read; empty if the user thought better of it."""
        return _first(qt.QFileDialog.getOpenFileName(self._window, title, "", kinds))

    def save_file(self, title: str, name: str) -> str:
        """A file to write; empty if the user thought better of it."""
        return _first(qt.QFileDialog.getSaveFileName(self._window, title, name))


def _first(answer: Any) -> str:
    """The name; in some versions of Qt the chosen kind comes with it."""
    return str((answer[0] if isinstance(answer, tuple) else answer) or "")
