"""A reading room for tests: a main window with all that Slicer's has, a real scene, tiny studies, a hand on the mouse.

In Slicer the window is Slicer's; elsewhere one that is made here of the same parts.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import host  # first: it finds Qt, or puts the stand-ins in place
import numpy as np
import qt
import slicer
from slice_panes import click, pixel

_KEPT: list[Any] = []  # what Qt would end if nobody held it

ROOT = Path(__file__).resolve().parents[2]

if not host.IN_SLICER and sys.version_info < (3, 12):
    # PySide6 6.10 and newer counts on a None that never dies, as it is from Python 3.12 on: every call that returns
    # nothing takes one reference away, until the interpreter ends itself.
    ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


def a_window() -> Any:
    """A main window with menus, tool bars, a panel, a console and a status bar; everything in it tells something."""
    window = qt.QMainWindow()
    window.setWindowTitle("3D Slicer sub-Tiny001")
    window.resize(1400, 900)
    menus = qt.QMenuBar(window)
    menu = qt.QMenu("File", menus)
    save = qt.QAction("Save sub-Tiny001", menu)
    save.setShortcut(qt.QKeySequence("Ctrl+S"))
    save.setToolTip("Save /home/someone/sub-Tiny001")
    menu.addAction(save)
    undo = qt.QAction("Undo", menu)
    undo.setShortcut(qt.QKeySequence("Ctrl+Z"))
    menu.addAction(undo)
    menus.addMenu(menu)
    window.setMenuBar(menus)
    status = qt.QStatusBar(window)
    status.showMessage("/home/someone/sub-Tiny001")
    window.setStatusBar(status)
    for name in ("ModuleToolBar", "ViewToolBar"):
        bar = qt.QToolBar(window)
        bar.setObjectName(name)
        bar.addWidget(qt.QLabel("sub-Tiny001"))
        window.addToolBar(bar)
    for name, area in (
        ("PanelDockWidget", qt.Qt.LeftDockWidgetArea),
        ("PythonConsoleDockWidget", qt.Qt.BottomDockWidgetArea),
    ):
        dock = qt.QDockWidget(window)
        dock.setObjectName(name)
        dock.setWidget(qt.QLabel("mri_synthetic_cbv"))
        window.addDockWidget(area, dock)
    window.setCentralWidget(qt.QWidget(window))
    _KEPT.extend((window, menus, menu, save, undo, status))
    window.show()
    return window


def a_place(window: Any, size: tuple[int, int] = (320, 300)) -> Any:
    """Where a test reads."""
    from slice_panes import HeadlessPanes, a_slicer_scene
    from SynthPerfReaderStudyLib.desktop.place import Place

    scene = a_slicer_scene()
    interaction = slicer.vtkMRMLInteractionNode()
    scene.AddNode(interaction)
    bar = qt.QLabel("sub-Tiny001", window)
    bar.show()
    canvas = qt.QWidget(window)
    canvas.setFocusPolicy(qt.Qt.StrongFocus)
    _KEPT.append(canvas)
    place = Place(window, HeadlessPanes(scene, size), lambda: [bar], lambda: [canvas], interaction)
    _KEPT.append(bar)
    return place


def settle() -> None:
    """Let Qt show, lay out and tidy what it has put off."""
    for _ in range(3):
        qt.QCoreApplication.sendPostedEvents(None, 52)  # what was to be deleted later
        qt.QCoreApplication.processEvents()


class Room:
    """The panel with a study, and what a person does with it.

    Parameters
    ----------
    study
        Its folder.
    """

    def __init__(self, study: Path | None, clock: Any = None, window: Any = None) -> None:
        from SynthPerfReaderStudyLib.desktop.panel import Panel

        self.window = window or a_window()
        self.place = a_place(self.window)
        ui = ROOT / "SynthPerfReaderStudy" / "Resources" / "UI" / "SynthPerfReaderStudy.ui"
        self.widget = slicer.util.loadUI(str(ui))
        self.panel_dock = qt.QDockWidget(self.window)
        self.panel_dock.setObjectName("ModulePanel")
        scroll = qt.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.widget)
        self.panel_dock.setWidget(scroll)
        self.window.addDockWidget(qt.Qt.LeftDockWidgetArea, self.panel_dock)
        self.panel = Panel(self.widget, self.place, clock)
        self.ui = self.panel.ui
        if study is not None:
            self.panel.open(str(study))
        settle()

    # Before

    def choose(self, name: str) -> None:
        """Say who one is."""
        box = self.ui.personSelector
        index = [box.itemText(n) for n in range(box.count)].index(name)
        box.setCurrentIndex(index)
        box.activated.emit(index) if hasattr(box, "activated") else None

    def begin(self, light: str = "lightDimmed") -> None:
        """Fill in what is asked, and begin."""
        ui = self.ui
        getattr(ui, light).click()
        if ui.experienceGroup.isVisibleTo(ui.readSection):
            ui.yearsBox.setValue(9.0)
            ui.trainingEdit.setText("neuroradiology")
            ui.instructionsBox.setChecked(True)
        ui.beginButton.click()
        settle()

    # While reading

    @property
    def desk(self) -> Any:
        """The reading mode, or None."""
        return self.panel.reader.desk

    @property
    def session(self) -> Any:
        """The open session."""
        return self.panel.reader._sitting.session

    @property
    def view(self) -> Any:
        """What the session shows."""
        return self.session.view

    def key(self, name: str) -> None:
        """Press a key, wherever the keyboard is."""
        keys = qt.QKeySequence(name)
        if not host.IN_SLICER:
            from PySide6 import QtCore, QtTest

            self.window.activateWindow()
            QtTest.QTest.qWaitForWindowActive(self.window)
            combination = keys[0]
            target = QtCore.QCoreApplication.instance().focusWidget() or self.window
            QtTest.QTest.keyClick(target, combination.key(), combination.keyboardModifiers())
            return
        shortcuts = self.desk._keys._shortcuts
        next(shortcut for shortcut in shortcuts if shortcut.key == keys).activated()

    def type(self, text: str) -> None:
        """Write letters, where the keyboard is."""
        for letter in text:
            self.key(letter)

    def pane(self, image: str) -> Any:
        """The view that shows an image of the stimulus."""
        name = next(pane for pane, shown in self.desk.stage._maps.items() if shown == image)
        return next(pane for pane in self.place.panes.visible() if pane.name == name)

    def click(self, image: str, lps: Any) -> None:
        """Click at a point (LPS, mm) of an image, on the slice nearest to it."""
        ras = np.array(lps) * [-1, -1, 1]
        self.desk.stage.views.jump(ras)
        click(self.pane(image), ras)

    def drag(self, image: str, outline: Any) -> None:
        """Press, draw along points (LPS, mm), release."""
        points = np.array(outline) * [-1, -1, 1]
        self.desk.stage.views.jump(points[0])
        pane = self.pane(image)
        places = [pixel(pane, point) for point in points]
        pane.interactor.SetEventInformation(*places[0])
        pane.interactor.InvokeEvent("LeftButtonPressEvent")
        for place in places[1:]:
            pane.interactor.SetEventInformation(*place)
            pane.interactor.InvokeEvent("MouseMoveEvent")
        pane.interactor.InvokeEvent("LeftButtonReleaseEvent")

    def button(self, words: str) -> Any:
        """The visible button of the reading mode whose text begins with ``words``."""
        desk = self.desk
        for widget in (desk.form.widget, desk.bottom.widget):
            for button in widget.findChildren(qt.QPushButton):
                if button.property("text").startswith(words) and button.isVisibleTo(widget):
                    return button
        raise AssertionError(f"there is no button {words}")

    def answer_all(self) -> None:
        """Answer every question of the case by keys, as a reader would."""
        for _ in range(50):
            open_ = [a for a in self.view.questions if a.question.required and a.value is None and not a.not_assessable]
            if not open_:
                return
            self.desk.form.mark(open_[0].question.id)
            self.key("1")
            self.desk.form.flush()
        raise AssertionError("there is no end of questions")

    def texts(self) -> dict[str, str]:
        """Every text that is visible or held anywhere in the window and the scene: where to what."""
        found = {"title": self.window.property("windowTitle")}
        for widget in self.window.findChildren(qt.QWidget):
            if not widget.isVisible():
                continue
            where = f"{widget.metaObject().className()} {widget.property('objectName')}"
            for name in ("text", "toolTip", "windowTitle", "statusTip", "whatsThis", "placeholderText", "plainText",
                         "accessibleName", "currentText", "windowFilePath"):  # fmt: skip
                words = widget.property(name)
                if words:
                    found[f"{where}.{name}#{len(found)}"] = str(words)
        scene = self.place.scene
        for n in range(scene.GetNumberOfNodes()):
            node = scene.GetNthNode(n)
            found[f"node {n}"] = f"{node.GetName()} {node.GetID()} {node.GetDescription() or ''}"
            for attribute in node.GetAttributeNames():
                found[f"node {n} {attribute}"] = f"{attribute} {node.GetAttribute(attribute)}"
            if node.IsA("vtkMRMLStorageNode"):
                found[f"file of node {n}"] = str(node.GetFileName())
        for number, texts in enumerate(self.desk.stage.views.texts()):
            found |= {f"view {number} {name}": words for name, words in texts.items()}
        return found

    def end(self) -> None:
        """Close the panel."""
        self.panel.cleanup()
        self.window.hide()


class Studies:
    """Tiny studies in a temporary folder, gone at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)

    def cohort(self, cases: int) -> Path:
        """A cohort, made once."""
        from SynthPerfLib.case import Case, sidecar_of
        from SynthPerfLib.cohort import Cohort
        from SynthPerfLib.images import read_image, write_image, write_json
        from tiny_studies import BUNDLE, tiny_cohort

        path = self.folder / f"cohort{cases}"
        if not path.is_dir():
            tiny_cohort(path, cases)
            for case in Cohort.open(path).cases:
                for desc, factor in ((None, 2.0), (BUNDLE, 2.2)):
                    file = Case.path_for(path, case.id, "TMAX", desc)
                    write_image(factor * read_image(case.file("CBV")), file)
                    write_json({"Units": "s"}, sidecar_of(file))
        return path

    def study(self, protocol: str, cases: int, clock: Any = None, **keys: Any) -> Any:
        """A study of a shipped protocol with some keys replaced."""
        from tiny_studies import changed_protocol, tiny_study

        self.number = getattr(self, "number", 0) + 1
        path = changed_protocol(self.folder / f"protocol{self.number}.yaml", protocol, **keys)
        return tiny_study(path, self.cohort(cases), self.folder / f"study{self.number}", clock)

    def end(self) -> None:
        """Remove everything."""
        self._folder.cleanup()


def settings_put_away() -> SimpleNamespace:
    """Keep the application's own settings as they are."""
    settings = qt.QSettings()
    key = "SynthPerfReaderStudy/study"
    before = settings.value(key)
    settings.remove(key)
    return SimpleNamespace(restore=lambda: settings.setValue(key, before) if before else settings.remove(key))


class RoomsCase(unittest.TestCase):
    """Rooms for each test; the tiny patients are made once."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.studies = Studies()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.studies.end()

    def setUp(self) -> None:
        self.settings = settings_put_away()
        self.rooms: list[Room] = []

    def tearDown(self) -> None:
        for room in self.rooms:
            room.end()
        self.settings.restore()
