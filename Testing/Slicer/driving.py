"""Using the panel in a running Slicer as a person does: mouse events where the pointer would be, and patience.

The scripts beside this file are run by Slicer itself::

    Slicer --no-splash --additional-module-paths SynthPerf --python-script Testing/Slicer/click_through.py

They end Slicer with exit code 0 if all is well, 1 if something is not, and print what they found.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer


def run(main: Callable[[], bool]) -> None:
    """Call ``main`` once Slicer stands, and end Slicer with its verdict."""

    def start() -> None:
        try:
            good = main()
        except Exception:
            traceback.print_exc()
            good = False
        print("All is well." if good else "Something is wrong: see above.", flush=True)
        slicer.util.exit(0 if good else 1)

    qt.QTimer.singleShot(1000, start)


def pause(seconds: float) -> None:
    """Let Slicer live for a while."""
    loop = qt.QEventLoop()
    qt.QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec_()


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Let Slicer live until ``condition`` holds.

    Raises
    ------
    TimeoutError
        If it never does.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        pause(0.02)


def open_panel() -> Any:
    """The panel, in a main window of a usual size."""
    window = slicer.util.mainWindow()
    window.move(0, 0)
    window.resize(1560, 960)
    slicer.util.selectModule("SynthPerf")
    pause(0.3)
    return slicer.modules.SynthPerfWidget.panel


def click(widget: Any, double: bool = False) -> None:
    """Press and release the left button on ``widget``, in its middle or on its tick; on what lies there.

    Raises
    ------
    AssertionError
        If a user could not: it is hidden, disabled, or something else covers it.
    """
    name = widget.objectName
    assert widget.isVisible(), f"{name} is hidden"
    assert widget.enabled, f"{name} is disabled: {widget.toolTip}"
    _bring_into_view(widget)
    place, before = _place(widget), None
    while place != before:  # what was just opened finds its place first
        pause(0.1)
        place, before = _place(widget), place
    _press(place, expected=widget)
    if double:
        _press(place)  # on whatever lies there now


def choose(box: Any, index: int) -> None:
    """Choose an entry of a combo box with the keyboard."""
    for key in (qt.Qt.Key_Home, *[qt.Qt.Key_Down] * index):
        for kind in (qt.QEvent.KeyPress, qt.QEvent.KeyRelease):
            qt.QApplication.sendEvent(box, qt.QKeyEvent(kind, key, qt.Qt.NoModifier))
    pause(0.1)
    assert box.currentIndex == index, f"{box.objectName} has no entry {index} that can be chosen"


def click_in_view(name: str, across: float, down: float) -> None:
    """Move the mouse into a slice view and press its left button there.

    Parameters
    ----------
    name
        Of the view.
    across, down
        Shares of the view's width and height, from its upper left corner.
    """
    view = slicer.app.layoutManager().sliceWidget(name).sliceView()
    place = view.mapToGlobal(qt.QPoint(round(across * view.width), round(down * view.height)))
    target = qt.QApplication.widgetAt(place)
    _send(target, qt.QEvent.MouseMove, place, qt.Qt.NoButton, qt.Qt.NoButton)
    _press(place)


def clicks_away(seconds: float = 1.0) -> None:
    """Close the dialog that the next click will open, by Esc, once it stands."""

    def close() -> None:
        dialog = qt.QApplication.activeModalWidget()
        assert dialog is not None, "no dialog was opened"
        dialog.reject()

    qt.QTimer.singleShot(round(1000 * seconds), close)


def errors_since(row: int) -> list[str]:
    """The tracebacks in Slicer's error log from ``row`` on."""
    log = slicer.app.errorLogModel()
    said = [log.logEntryDescription(i) for i in range(row, log.logEntryCount())]
    return [words for words in said if words.startswith("Traceback")]


def log_row() -> int:
    """Where the error log stands."""
    return int(slicer.app.errorLogModel().logEntryCount())


def shoot(folder: Path | None, name: str) -> None:
    """Keep a picture of the main window; none without a folder."""
    if folder is not None:
        pause(0.3)
        folder.mkdir(parents=True, exist_ok=True)
        slicer.util.mainWindow().grab().save(str(folder / f"{name}.png"))


def _place(widget: Any) -> Any:
    across = 10 if widget.inherits("QCheckBox") else widget.width // 2
    return widget.mapToGlobal(qt.QPoint(across, widget.height // 2))


def _bring_into_view(widget: Any) -> None:
    above = widget.parent()
    while above is not None and above.className() != "QScrollArea":
        above = above.parent()
    if above is not None:
        above.ensureWidgetVisible(widget)
        pause(0.05)


def _press(place: Any, expected: Any | None = None) -> None:
    target = qt.QApplication.widgetAt(place)
    assert target is not None, f"nothing is at {place.x()}, {place.y()}"
    if expected is not None:
        under = target
        while under is not None and under != expected:
            under = under.parent()
        assert under is not None, f"{expected.objectName} is covered by {target.objectName or target.className()}"
    for kind, held in ((qt.QEvent.MouseButtonPress, qt.Qt.LeftButton), (qt.QEvent.MouseButtonRelease, qt.Qt.NoButton)):
        _send(target, kind, place, qt.Qt.LeftButton, held)


def _send(target: Any, kind: Any, place: Any, button: Any, held: Any) -> None:
    local = qt.QPointF(target.mapFromGlobal(place))
    event = qt.QMouseEvent(kind, local, qt.QPointF(place), button, held, qt.Qt.NoModifier)
    qt.QApplication.sendEvent(target, event)
    pause(0.02)
