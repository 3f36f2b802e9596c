"""The two strips above and below the views: how far one is; tools, undo, flicker, overlay, keys."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import qt

from ..drawing import DISC, OUTLINE
from ..view import State, View
from .keys import sheet
from .look import ACCENT, PANEL, SHEET, button, ground, label
from .pointer import ERASE

RESEARCH = "Research use only"

_TOOLS = (
    (DISC, "disc", "Disc  D", "Click the centre of the region."),
    (OUTLINE, "outline", "Free-hand  E", "Draw around the region; the line closes by itself."),
    (ERASE, "erase", "Erase  X", "Click a region to erase it; of a free-hand one, draw around what is to go."),
)


class Top:
    """How far the reader is, the code on the screen, and what the software is for."""

    def __init__(self) -> None:
        self.widget = ground()
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(10, 4, 10, 4)
        self._progress, self._code = label(wraps=False), label(wraps=False)
        self._code.setToolTip("The code of this case in the study")
        for text in (self._progress, self._code):
            layout.addWidget(text)
            layout.addSpacing(24)
        layout.addWidget(label(RESEARCH, "soft", wraps=False))
        layout.addStretch(1)

    def show(self, view: View) -> None:
        """Show where the session stands."""
        self._progress.setText(f"{view.done} of {view.total} done")
        self._code.setText(view.stimulus)


class Bottom:
    """The tools, and what else is done with the images.

    Parameters
    ----------
    does
        ``disc``, ``outline``, ``erase``, ``undo``, ``redo``, ``flicker``, ``overlay``, ``reset``, ``leave`` to what is
        done.
    """

    def __init__(self, does: Mapping[str, Callable[..., Any]]) -> None:
        self.widget = ground()
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(10, 4, 10, 4)
        self._tools = {tool: button(words, does[name], tip) for tool, name, words, tip in _TOOLS}
        self._undo = button("Undo", does["undo"], "Take the last step back (Ctrl+Z)")
        self._redo = button("Redo", does["redo"], "Do it again (Ctrl+Y)")
        self._hint = label("", wraps=False)
        for tool in self._tools.values():
            tool.setCheckable(True)
        for widget in (*self._tools.values(), self._undo, self._redo):
            layout.addWidget(widget)
        layout.addWidget(self._hint, 1)
        self._flicker = button("Flicker  F", does["flicker"], "Anatomy in the place of the maps, and back")
        self._overlay = button("Overlay  O", does["overlay"], "The map over the anatomy: on, off. Shift+O: how much")
        self._reset = button("Reset  Z", does["reset"], "Zoom and place as at first")
        self._keys = button("Keys  ?", self.show_keys, "The instructions, and all keys")
        for widget in (self._flicker, self._overlay, self._reset, self._keys):
            layout.addWidget(widget)
        self._sheet: Any = None
        self._instructions = ""

    def show(self, view: View, tool: str | None, hint: str) -> None:
        """Show which tools there are, which one is in the hand, and what to do with it."""
        reading = view.state is State.READING
        self._instructions = view.instructions
        shapes = {wanted.task.shape for wanted in view.regions}
        drawn = any(wanted.region is not None for wanted in view.regions)
        for name, made in self._tools.items():
            made.setVisible(reading and (name in shapes if name != ERASE else bool(shapes)))
            made.setEnabled(name != ERASE or drawn)
            made.setChecked(name == tool)
        self._undo.setEnabled(view.can_undo)
        self._redo.setEnabled(view.can_redo)
        maps = [image for image in view.images.values() if image.kind == "map"]
        both = bool(maps) and len(maps) < len(view.images)
        for made in (self._flicker, self._overlay):
            made.setVisible(reading and both)
        for made in (self._undo, self._redo, self._reset):
            made.setVisible(reading)
        self._hint.setText(hint)

    def show_keys(self) -> None:
        """Show the instructions and all keys, or put them away."""
        if self.hide_keys():
            return
        host = self.widget.window()
        if self._sheet is None:
            self._sheet = qt.QLabel(host)
            self._sheet.setWordWrap(True)
            frame = f"background: {PANEL}; border: 1px solid {ACCENT}; padding: 14px;"
            self._sheet.setStyleSheet(f"{SHEET} QLabel {{ {frame} }}")
        self._sheet.setText(f"<p>{html.escape(self._instructions)}</p>{sheet()}<p>Esc closes this list.</p>")
        self._sheet.setFixedWidth(min(640, host.width))
        self._sheet.adjustSize()
        self._sheet.move((host.width - self._sheet.width) // 2, max((host.height - self._sheet.height) // 2, 0))
        self._sheet.raise_()
        self._sheet.show()

    def hide_keys(self) -> bool:
        """Put the list of keys away; whether it was there."""
        shown = self._sheet is not None and self._sheet.isVisible()
        if shown:
            self._sheet.hide()
        return shown

    def end(self) -> None:
        """Take the list of keys away."""
        if self._sheet is not None:
            self._sheet.deleteLater()
            self._sheet = None
