"""Where the panels are tested: in Slicer as it is, elsewhere with the stand-ins of this folder.

Test classes import this first and are then the same in both places.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

try:
    import qt
except ImportError:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path.insert(0, str(HERE / "stand_ins"))
    import application

    application.install()
    import qt

IN_SLICER = "application" not in sys.modules
for folder in (ROOT / "SynthPerf", HERE.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import slicer  # noqa: E402  (now that it is complete)

BUNDLE = ROOT / "Resources" / "Models" / "iedn_phantom"


def let_work() -> None:
    """Let the application handle what has happened."""
    qt.QCoreApplication.processEvents()


def wait_until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the application work until ``done``."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it takes too long"
        let_work()


def clear(scene: Any) -> None:
    """Empty a test's scene. In Slicer the nodes of which there is one only stay: others hold on to them."""
    scene.Clear(not IN_SLICER)


def a_scene() -> Any:
    """A scene: that of Slicer, emptied, or one of its own."""
    if IN_SLICER:
        slicer.mrmlScene.Clear(False)
        return slicer.mrmlScene
    from slice_panes import a_slicer_scene

    return a_slicer_scene()


def saved_and_opened(scene: Any, folder: Path) -> Any:
    """The scene that a new session finds after ``scene`` was saved to a bundle file in ``folder``."""
    if IN_SLICER:
        path = str(folder / "scene.mrb")
        assert slicer.util.saveScene(path)
        scene.Clear(False)
        slicer.util.loadScene(path)
        return scene
    from saved_scenes import saved_and_opened as open_again

    return open_again(scene, folder, a_scene())


def a_panel(scene: Any, views: Any | None = None) -> Any:
    """The panel in a window of its own, working on ``scene``; call its cleanup at the end.

    Parameters
    ----------
    views
        The slice views; those of :func:`panes` by default.
    """
    from SynthPerfLib.desktop.panel import Panel

    widget = slicer.util.loadUI(str(ROOT / "SynthPerf" / "Resources" / "UI" / "SynthPerf.ui"))
    panel = Panel(widget, scene, views or panes(scene), ROOT / "SynthPerf" / "Resources" / "requirements.txt")
    panel.widget = widget  # kept: Qt would delete it
    return panel


def panes(scene: Any) -> Any:
    """Slice views: Slicer's, or such without a window."""
    if IN_SLICER:
        from SynthPerfLib.desktop.slicer_panes import application_panes

        return application_panes()
    from slice_panes import HeadlessPanes

    return HeadlessPanes(scene)
