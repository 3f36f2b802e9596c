"""Pictures of what can be drawn without Slicer: the panel in a light and a dark style, the comparison.

xvfb-run python Testing/desktop/screenshots.py FOLDER [CASE_FOLDER]

(Not with Qt's platform "offscreen": VTK draws nothing on it.)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "xcb"

import host  # first: it puts the stand-ins in place
import qt
from PySide6 import QtGui, QtWidgets
from slice_panes import HeadlessPanes

_WIDTH, _HEIGHT = 460, 1480
_DARK = {
    "Window": "#2b2b2b", "WindowText": "#e8e8e8", "Base": "#1f1f1f", "AlternateBase": "#2b2b2b", "Text": "#e8e8e8",
    "Button": "#3a3a3a", "ButtonText": "#e8e8e8", "ToolTipBase": "#1f1f1f", "ToolTipText": "#e8e8e8",
    "PlaceholderText": "#9a9a9a", "Highlight": "#3d7ab8", "HighlightedText": "#ffffff",
}  # fmt: skip


def picture(panel: Any, path: Path) -> None:
    """The whole panel, every part open."""
    for name in ("inputs", "model", "subset", "compare", "measure", "save"):
        getattr(panel.ui, f"{name}Section").collapsed = False
    panel.widget.resize(_WIDTH, _HEIGHT)
    panel.widget.show()
    host.let_work()
    panel.widget.grab().save(str(path))


def views(panes: HeadlessPanes, folder: Path, path: Path) -> None:
    """The slice views side by side, as the layout has them."""
    rows = [[qt.QImage(str(file)) for file in files] for files in panes.pictures(folder)]
    width, height = rows[0][0].width(), rows[0][0].height()
    whole = qt.QImage(width * max(map(len, rows)), height * len(rows), QtGui.QImage.Format.Format_RGB32)
    painter = qt.QPainter(whole)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            painter.drawImage(x * width, y * height, image)
    painter.end()
    whole.save(str(path))
    for file in folder.glob("SynthPerf-*.png"):
        file.unlink()


def main(folder: Path, case: Path | None) -> None:
    """Draw them all."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = host.a_scene()
    panes = HeadlessPanes(scene, (420, 400), windows=True)
    panel = host.a_panel(scene, panes)
    application = QtWidgets.QApplication.instance()
    application.setStyle("Fusion")
    picture(panel, folder / "panel_empty.png")
    if case is None:
        panel.load_sample()
    else:
        panel.load_case(case)
    host.wait_until(lambda: not panel.runner.busy, 300)
    panel.ui.applyButton.click()
    host.wait_until(lambda: panel.runner.progress.fraction > 0.1, 300)
    picture(panel, folder / "panel_working.png")
    host.wait_until(lambda: not panel.runner.busy, 300)
    panel.compare.compare.toggle()
    picture(panel, folder / "panel_light.png")
    views(panes, folder, folder / "comparison.png")
    dark = QtGui.QPalette()
    for role, colour in _DARK.items():
        dark.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(colour))
    application.setPalette(dark)
    picture(panel, folder / "panel_dark.png")
    panel.cleanup()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
