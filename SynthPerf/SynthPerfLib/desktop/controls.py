"""What several parts of the panel do with Qt's controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt

_ROW = 24  # px
_MOST_ROWS = 9


class Choice:
    """A combo box as a choice of named values; speaks only when the user chooses.

    Parameters
    ----------
    box
        QComboBox.
    chosen
        Called with the value that the user chose.
    """

    def __init__(self, box: Any, chosen: Callable[[Any], Any]) -> None:
        self._box, self._chosen = box, chosen
        self._values: list[Any] = []
        self._texts: list[str] = []
        box.connect("activated(int)", self._activated)

    @property
    def value(self) -> Any:
        """What is chosen; None if there is nothing to choose from."""
        index = self._box.currentIndex
        return self._values[index] if 0 <= index < len(self._values) else None

    def show(self, values: Mapping[str, Any], current: Any = None) -> None:
        """Offer ``values`` (text to value) with ``current`` chosen; without it the choice stays if it can."""
        current = self.value if current is None else current
        self._box.blockSignals(True)
        if (list(values), list(values.values())) != (self._texts, self._values):
            self._texts, self._values = list(values), list(values.values())
            self._box.clear()
            self._box.addItems(self._texts)
        if current in self._values:
            self._box.currentIndex = self._values.index(current)
        self._box.blockSignals(False)

    def _activated(self, index: int) -> None:
        if 0 <= index < len(self._values):
            self._chosen(self._values[index])


def say(label: Any, words: str) -> None:
    """Show a sentence, or no label at all."""
    label.text = words
    label.visible = bool(words)


def quietly(widget: Any, value: float) -> None:
    """Set a value that did not come from the user."""
    widget.blockSignals(True)
    widget.value = value
    widget.blockSignals(False)


def allow(button: Any, allowed: bool, why_not: str) -> None:
    """Enable a button, or say in its tool tip why it cannot be pressed."""
    if button.property("explained") is None:
        button.setProperty("explained", button.toolTip)
    button.enabled = allowed
    button.toolTip = button.property("explained") if allowed else why_not


class Table:
    """A table of texts, as high as its rows up to a limit, and hidden without rows.

    Parameters
    ----------
    widget
        QTableWidget.
    """

    def __init__(self, widget: Any, headings: Sequence[str]) -> None:
        self._widget = widget
        self._names: list[str] | None = None
        self._head = _ROW * max(1 + heading.count("\n") for heading in headings)
        widget.setColumnCount(len(headings))
        widget.setHorizontalHeaderLabels(list(headings))
        widget.horizontalHeader().setStretchLastSection(True)
        widget.horizontalHeader().setFixedHeight(self._head)
        widget.verticalHeader().setVisible(False)
        widget.verticalHeader().setDefaultSectionSize(_ROW)
        widget.wordWrap = False

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these cells."""
        widget = self._widget
        names = [cells[0] for cells in rows]
        widget.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, words in enumerate(cells):
                item = widget.item(row, column)
                if item is None:
                    widget.setItem(row, column, qt.QTableWidgetItem(words))
                elif item.text() != words:
                    item.setText(words)
        if names != self._names:  # not while only values change under the mouse
            self._names = names
            widget.resizeColumnsToContents()
            widget.setFixedHeight(self._head + min(len(rows), _MOST_ROWS) * _ROW + _ROW)
        widget.visible = bool(rows)
