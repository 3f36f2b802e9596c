"""The few CTK widgets that the panels use, on PySide6."""

from __future__ import annotations

from typing import Any

import qt
from PySide6 import QtCore, QtWidgets


class ctkCollapsibleButton(qt.QWidget):
    """A titled part of a panel that opens and closes."""

    contentsCollapsed = QtCore.Signal(bool)
    SIGNALS = ("contentsCollapsed(bool)",)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.__dict__.update(_text="", _collapsed=False)
        self.setContentsMargins(0, 22, 0, 0)  # the title is drawn above the contents

    @property
    def text(self) -> str:
        """The title."""
        return str(self.__dict__["_text"])

    @text.setter
    def text(self, text: str) -> None:
        self.__dict__["_text"] = text
        self.update()

    @property
    def collapsed(self) -> bool:
        """Whether only the title is seen."""
        return bool(self.__dict__["_collapsed"])

    @collapsed.setter
    def collapsed(self, collapsed: bool) -> None:
        if collapsed != self.__dict__["_collapsed"]:
            self.__dict__["_collapsed"] = collapsed
            for child in self.children():
                if isinstance(child, QtWidgets.QWidget):
                    child.setVisible(not collapsed)
            self.contentsCollapsed.emit(collapsed)

    def showEvent(self, event: Any) -> None:  # noqa: ARG002
        """What was put in while it was closed stays unseen."""
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                child.setVisible(not self.collapsed)

    def paintEvent(self, event: Any) -> None:  # noqa: ARG002
        """The title with its arrow."""
        painter = qt.QPainter(self)
        painter.drawText(4, 15, f"{'>' if self.collapsed else 'v'} {self.text}")
        painter.end()
