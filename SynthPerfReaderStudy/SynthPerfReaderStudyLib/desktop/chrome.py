"""Slicer reduced to the session: everything else of its window is put away, and comes back exactly as it was.

What is put away is what the window holds when reading begins, not a list of names: tool bars, panels, menus, other
windows, shortcuts of menus, dropping of files. Every step leaves behind how it is undone; they are undone in reverse
order, each whether or not another failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from .look import GROUND, SHEET
from .place import Place

TITLE = "Reader study"
"""Of the window while somebody reads: it tells nothing of the case."""

_DARK = f"QMainWindow::separator, QSplitter::handle {{ background: {GROUND}; }} QMainWindow {{ background: {GROUND}; }}"
_UNEQUAL = 4  # px
_WIDTH = 0.25
"""Most of the window's width that the form may take."""


class _Gate(qt.QObject):
    """Sees that the window is about to be closed."""

    def __init__(self, closing: Callable[[], Any]) -> None:
        qt.QObject.__init__(self)
        self._closing = closing

    def eventFilter(self, _watched: Any, event: Any) -> bool:
        """Nothing is held back."""
        if event.type() == qt.QEvent.Close:
            self._closing()
        return False


class Chrome:
    """The application's main window.

    Parameters
    ----------
    place
        The application.

    Attributes
    ----------
    active
        Whether the window is reduced.
    """

    def __init__(self, place: Place) -> None:
        self.window, self.active = place.window, False
        self._place = place
        self._undo: list[Callable[[], Any]] = []

    def enter(self, side: Any, top: Any, bottom: Any, closing: Callable[[], Any]) -> None:
        """Put away what is not of the session, and show three widgets: beside, above and below the views.

        Parameters
        ----------
        closing
            Called when the window is about to be closed, before the application asks what is to be saved.
        """
        if self.active:
            return
        self.active = True
        try:
            self._put_away()
            self._show(side, top, bottom)
            self._gate = _Gate(closing)
            self.window.installEventFilter(self._gate)
            self._undo.append(lambda: self.window.removeEventFilter(self._gate))
        except BaseException:
            self.leave()
            raise

    def quiet(self) -> None:
        """Put away what belongs to views that were made since, and give all views the same size."""
        for bar in self._place.bars():
            self._hide(bar)
        for canvas in self._place.canvases():
            if canvas.property("focusPolicy") != qt.Qt.NoFocus:
                self._change(canvas, "focusPolicy", qt.Qt.NoFocus)
        for splitter in self.window.centralWidget().findChildren(qt.QSplitter):
            sizes = list(splitter.sizes())
            # After one view was large, Slicer leaves it larger than the others.
            if sizes and min(sizes) > 0 and max(sizes) - min(sizes) > _UNEQUAL:
                splitter.setSizes([sum(sizes) // len(sizes)] * len(sizes))

    def leave(self) -> None:
        """Give everything back as it was.

        Raises
        ------
        Exception
            The first that a step raised; all others were done nevertheless.
        """
        self.active = False
        failed: Exception | None = None
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:  # whatever it is, the rest must come back
                failed = failed or error
        if failed is not None:
            raise failed

    def _put_away(self) -> None:
        window = self.window
        state = window.saveState()
        self._undo.append(lambda: window.restoreState(state))
        self._change(window, "windowTitle", TITLE)
        self._change(window, "acceptDrops", False)
        self._change(window, "styleSheet", _DARK)
        # A click with the right button on a panel or a bar would offer all the others.
        self._change(window, "contextMenuPolicy", qt.Qt.PreventContextMenu)
        for action in window.findChildren(qt.QAction):
            if not action.property("shortcut").isEmpty():
                self._silence(action)
        for shortcut in window.findChildren(qt.QShortcut):
            self._change(shortcut, "enabled", False)
        for kind in (qt.QToolBar, qt.QDockWidget):
            for part in window.findChildren(kind):
                self._hide(part)
        self._hide(window.menuBar())
        self._hide(window.statusBar())
        for other in qt.QApplication.topLevelWidgets():
            if other != window:
                self._hide(other)
        self.quiet()
        if self._place.interaction is not None:
            self._take_interaction(self._place.interaction)

    def _take_interaction(self, node: Any) -> None:
        mode = node.GetCurrentInteractionMode()
        node.SetCurrentInteractionMode(node.AdjustWindowLevel)
        self._undo.append(lambda: node.SetCurrentInteractionMode(mode))

        def no_menu(*_: Any) -> None:
            node.GetCommand(tag).SetAbortFlag(1)

        tag = node.AddObserver(node.ShowViewContextMenuEvent, no_menu, 1e3)
        self._undo.append(lambda: node.RemoveObserver(tag))

    def _show(self, side: Any, top: Any, bottom: Any) -> None:
        window = self.window
        dock = qt.QDockWidget(window)
        dock.setObjectName("ReadingForm")
        dock.setFeatures(qt.QDockWidget.NoDockWidgetFeatures)
        dock.setTitleBarWidget(qt.QWidget(dock))
        dock.setWidget(side)
        width = max(round(window.width * _WIDTH), 280)
        side.setMinimumWidth(min(width, 300))
        window.addDockWidget(qt.Qt.RightDockWidgetArea, dock)
        window.resizeDocks([dock], [width], qt.Qt.Horizontal)
        self._keep(dock, window.removeDockWidget)
        for name, area, widget in (("Top", qt.Qt.TopToolBarArea, top), ("Bottom", qt.Qt.BottomToolBarArea, bottom)):
            bar = qt.QToolBar(window)
            bar.setObjectName(f"Reading{name}")
            bar.setMovable(False)
            bar.setStyleSheet(SHEET)
            bar.setContextMenuPolicy(qt.Qt.PreventContextMenu)
            bar.addWidget(widget)
            window.addToolBar(area, bar)
            self._keep(bar, window.removeToolBar)

    def _keep(self, part: Any, remove: Callable[[Any], Any]) -> None:
        def away() -> None:
            remove(part)
            part.deleteLater()

        self._undo.append(away)

    def _hide(self, part: Any) -> None:
        if part is not None and not part.isHidden():
            part.setVisible(False)
            self._undo.append(lambda: part.setVisible(True))

    def _silence(self, action: Any) -> None:
        keys = action.property("shortcut")
        action.setProperty("shortcut", qt.QKeySequence())
        self._undo.append(lambda: action.setProperty("shortcut", keys))

    def _change(self, thing: Any, name: str, value: Any) -> None:
        before = thing.property(name)
        thing.setProperty(name, value)
        self._undo.append(lambda: thing.setProperty(name, before))
