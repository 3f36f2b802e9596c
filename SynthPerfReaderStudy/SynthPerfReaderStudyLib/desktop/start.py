"""The beginning of the panel: the libraries that a study needs are asked for once, when somebody first wants one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _
from SynthPerfLib.errors import DependencyError

from ..libraries import RECORD, require

REQUESTER = "Reader Study"


class Start:
    """Shows the panel, or why it cannot be shown yet.

    Parameters
    ----------
    layout
        Of the module's panel.
    build
        Makes the panel; called once the libraries are there.
    requirements
        Lists them.
    """

    def __init__(self, layout: Any, build: Callable[[], Any], requirements: Path) -> None:
        self.panel: Any = None
        self._layout, self._build, self._requirements = layout, build, requirements
        self._page: Any = None
        try:
            require(_("A reader study"), *RECORD)
        except DependencyError:
            self._offer(_("A reader study needs a few Python packages (about 10 MB). They are installed once."))
        else:
            self.panel = build()

    def install(self) -> None:
        """Install them, after asking; then show the panel."""
        try:
            packaging: Any = importlib.import_module("slicer.packaging")
            packaging.pip_ensure(packaging.load_requirements(self._requirements), requester=REQUESTER)
            require(_("A reader study"), *RECORD)
        except Exception as error:  # pip's own, the network's, the user's no
            why = f" ({error})" if isinstance(error, DependencyError) else ""
            self._words.setText(_("The packages were not installed: check the network, or ask for help.") + why)
            return
        self._page.hide()
        self.panel = self._build()

    def _offer(self, words: str) -> None:
        self._page = qt.QWidget()
        inside = qt.QVBoxLayout(self._page)
        self._words = qt.QLabel(words)
        self._words.setWordWrap(True)
        button = qt.QPushButton(_("Install them …"))
        button.setToolTip(_("You are asked once more before anything is installed"))
        button.connect("clicked()", self.install)
        inside.addWidget(self._words)
        inside.addWidget(button)
        inside.addStretch(1)
        self._layout.addWidget(self._page)
