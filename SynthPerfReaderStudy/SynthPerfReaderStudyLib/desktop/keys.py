"""The keys of the reading mode: every one of them in one table, which is also what the reader is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import qt

_DIGITS = "0123456789"

KEYS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # what it is called here, its words, and the keys
    ("up", "next slice (or the wheel)", ("Up",)),
    ("down", "previous slice", ("Down",)),
    ("page_up", "5 slices up", ("PgUp",)),
    ("page_down", "5 slices down", ("PgDown",)),
    ("reset", "zoom and place as at first", ("Z",)),
    ("flicker", "flicker between map and anatomy", ("F",)),
    ("space", "the same; presses a button that has the keyboard", ("Space",)),
    ("overlay", "map over the anatomy: on, off", ("O",)),
    ("opacity", "how much of the map is seen over the anatomy", ("Shift+O",)),
    ("next_question", "next question", ("Tab",)),
    ("previous_question", "previous question", ("Shift+Tab",)),
    ("not_assessable", "marked question: not assessable", ("N",)),
    ("save", "save and next", ("Ctrl+Return", "Ctrl+Enter")),
    ("disc", "draw a disc", ("D",)),
    ("outline", "draw free-hand", ("E",)),
    ("erase", "erase: click a region, or draw around a part of it", ("X",)),
    ("undo", "undo", ("Ctrl+Z",)),
    ("redo", "redo", ("Ctrl+Y", "Ctrl+Shift+Z")),
    ("cancel", "put the tool away", ("Esc",)),
    ("sheet", "this list", ("?",)),
    ("leave", "stop for now, and leave the reading mode", ("F10",)),
)

_MORE = (
    ("0 ... 9", "answer of the marked question"),
    ("Left drag", "the tool; brightness and contrast of anatomy"),
    ("Right drag, Ctrl+wheel", "zoom"),
    ("Middle drag", "move the image"),
    ("Double-click", "one view large, and back"),
)

_NAMES = {"Return": "Enter", "PgUp": "Page up", "PgDown": "Page down", "Esc": "Escape"}


class Keys:
    """The shortcuts, while they are in force.

    Parameters
    ----------
    window
        QMainWindow.
    does
        Name of :data:`KEYS` to what is done; ``digit`` is called with the digit.
    """

    def __init__(self, window: Any, does: Mapping[str, Callable[..., Any]]) -> None:
        self._shortcuts: list[Any] = []
        for name, _words, keys in KEYS:
            for key in keys:
                self._add(window, key, does[name])
        for digit in _DIGITS:
            self._add(window, digit, partial(does["digit"], int(digit)))

    def release(self) -> None:
        """Take them away."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def _add(self, window: Any, key: str, does: Callable[[], Any]) -> None:
        shortcut = qt.QShortcut(qt.QKeySequence(key), window)
        # A slice view that has the keyboard must not keep them; a field in which one writes does.
        shortcut.setContext(qt.Qt.ApplicationShortcut)
        shortcut.connect("activated()", does)
        self._shortcuts.append(shortcut)


def sheet() -> str:
    """All keys with their words, as a table in HTML."""
    rows = [(_named(keys), words) for _, words, keys in KEYS]
    cells = "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{words}</td></tr>" for key, words in (*_MORE, *rows))
    return f"<table cellspacing='4'>{cells}</table>"


def _named(keys: tuple[str, ...]) -> str:
    shown = [key for key in keys if key != "Ctrl+Enter"]
    return ", ".join(
        "+".join(_NAMES.get(part, part) for part in key.split("+")) if key != "?" else key for key in shown
    )
