"""Keys that work wherever the mouse is, but take nothing from what is being typed or chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import qt
import slicer

_WRITING = ("QLineEdit", "QTextEdit", "QPlainTextEdit", "QAbstractSpinBox", "QComboBox", "QAbstractItemView")
_OPERATED = (*_WRITING, "QAbstractButton", "QAbstractSlider", "QTabBar")
_OPERATING = ("Space", "Up", "Down", "PgUp", "PgDown")
"""Keys that buttons, sliders and lists need themselves."""


class Keys:
    """Shortcuts of a panel, on while it is open.

    Parameters
    ----------
    window
        The main window.
    calls
        Key to what it does.
    """

    def __init__(self, window: Any, calls: Iterable[tuple[str, Callable[[], Any]]]) -> None:
        self._shortcuts: list[tuple[str, Any]] = []
        self._on = False
        for key, call in calls:
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.setContext(qt.Qt.ApplicationShortcut)
            shortcut.enabled = False
            shortcut.connect("activated()", call)
            self._shortcuts.append((key, shortcut))
        slicer.app.connect("focusChanged(QWidget*,QWidget*)", self._focus)

    def switch(self, on: bool) -> None:
        """Turn all on or off."""
        self._on = on
        self._focus(None, qt.QApplication.focusWidget())

    def on(self) -> tuple[str, ...]:
        """The keys that work now."""
        return tuple(key for key, shortcut in self._shortcuts if shortcut.enabled)

    def cleanup(self) -> None:
        """Take them away for good."""
        slicer.app.disconnect("focusChanged(QWidget*,QWidget*)", self._focus)
        for _, shortcut in self._shortcuts:
            shortcut.enabled = False
            shortcut.deleteLater()
        self._shortcuts.clear()

    def _focus(self, _: Any, now: Any) -> None:
        writing = _is(now, _WRITING)
        operated = _is(now, _OPERATED)
        for key, shortcut in self._shortcuts:
            shortcut.enabled = self._on and not (operated if key in _OPERATING else writing)


def _is(widget: Any, kinds: Iterable[str]) -> bool:
    return widget is not None and any(widget.inherits(kind) for kind in kinds)
