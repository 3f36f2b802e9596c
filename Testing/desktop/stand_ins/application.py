"""The parts of the module ``slicer`` that slicer-core lacks: application, selectors, parameter nodes, installation.

:func:`install` puts them where Slicer has them. What is not here fails, as a typing error would in Slicer.
"""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
import slicer
import slicer.util
from packaging.requirements import Requirement
from PySide6 import QtCore, QtWidgets


class qMRMLNodeComboBox(qt.QComboBox):
    """A selector of the nodes of some classes in a scene; follows what is added, renamed and removed."""

    currentNodeChanged = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    SIGNALS = ("currentNodeChanged(vtkMRMLNode*)", "nodeAddedByUser(vtkMRMLNode*)")

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.__dict__.update(_scene=None, _tags=[], _ids=[], _current=None, _filling=False)
        self.nodeTypes: Any = ("vtkMRMLNode",)
        self.noneEnabled = False
        self.noneDisplay = "None"
        self.addEnabled = self.removeEnabled = self.renameEnabled = self.editEnabled = True
        self.showHidden = False
        self.showChildNodeTypes = True
        self.selectNodeUponCreation = True
        self.currentIndexChanged.connect(self._chosen)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SELECTOR:
            self.__dict__[name] = value
            self._fill()
        else:
            super().__setattr__(name, value)

    def setMRMLScene(self, scene: Any) -> None:
        """Show the nodes of ``scene``."""
        for subject, tag in self._tags:
            subject.RemoveObserver(tag)
        self._tags.clear()
        self.__dict__["_scene"] = scene
        if scene is not None:
            for event in (
                slicer.vtkMRMLScene.NodeAddedEvent,
                slicer.vtkMRMLScene.NodeRemovedEvent,
                slicer.vtkMRMLScene.EndCloseEvent,
                slicer.vtkMRMLScene.EndImportEvent,
            ):
                self._tags.append((scene, scene.AddObserver(event, lambda *_: self._fill())))
        self._fill()

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    def currentNode(self) -> Any:
        """The node that is chosen, or None."""
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    @property
    def currentNodeID(self) -> str:
        """Its id, or nothing."""
        return self._current or ""

    def setCurrentNode(self, node: Any) -> None:
        """Choose ``node``; one that is not of the right class is none."""
        identity = node.GetID() if node is not None else None
        self._select(identity if identity in self._ids else None)

    def nodeCount(self) -> int:
        """Number of nodes to choose from."""
        return sum(identity is not None for identity in self._ids)

    def _fill(self) -> None:
        if self._scene is None:
            return
        classes = [self.nodeTypes] if isinstance(self.nodeTypes, str) else list(self.nodeTypes)
        nodes = []
        for i in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(i)
            fits = node.IsA if self.showChildNodeTypes else node.GetClassName().__eq__
            if any(fits(name) for name in classes) and (self.showHidden or not node.GetHideFromEditors()):
                nodes.append(node)
        self.__dict__["_filling"] = True
        self.clear()
        none = [None] if self.noneEnabled or not nodes else []
        self.__dict__["_ids"] = [*none, *(node.GetID() for node in nodes)]
        self.addItems([*(self.noneDisplay for _ in none), *(node.GetName() for node in nodes)])
        self.__dict__["_filling"] = False
        self._select(self._current if self._current in self._ids else self._ids[0])

    def _select(self, identity: str | None) -> None:
        self.__dict__["_filling"] = True
        if identity in self._ids:
            self.setCurrentIndex(self._ids.index(identity))
        self.__dict__["_filling"] = False
        if identity != self._current:
            self.__dict__["_current"] = identity
            self.currentNodeChanged.emit(self.currentNode())

    def _chosen(self, index: int) -> None:
        if not self._filling and 0 <= index < len(self._ids):
            self._select(self._ids[index])


_SELECTOR = {
    "nodeTypes", "noneEnabled", "noneDisplay", "addEnabled", "removeEnabled", "renameEnabled", "editEnabled",
    "showHidden", "showChildNodeTypes", "selectNodeUponCreation",
}  # fmt: skip


def parameter_node_wrapper(kind: type) -> type:
    """``slicer.parameterNodeWrapper.parameterNodeWrapper`` for texts, numbers, truth values and nodes.

    Stored as Slicer stores them: parameters of a vtkMRMLScriptedModuleNode, node references by the parameter's name.
    """
    hints = typing.get_type_hints(kind)
    defaults = {name: getattr(kind, name, None) for name in hints}

    def start(self: Any, node: Any) -> None:
        self.parameterNode = node
        for name, hint in hints.items():
            if not node.HasParameter(name):
                default = None if _is_node(hint) else defaults[name]
                setattr(self, name, _empty(hint) if default is None else default)

    for name, hint in hints.items():
        setattr(kind, name, _stored(name, hint))
    kind.__init__ = start  # type: ignore[misc]
    kind.StartModify = lambda self: self.parameterNode.StartModify()  # type: ignore[attr-defined]
    kind.EndModify = lambda self, was: self.parameterNode.EndModify(was)  # type: ignore[attr-defined]
    return kind


def _is_node(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, slicer.vtkMRMLNode)


def _empty(hint: Any) -> Any:
    return None if _is_node(hint) else hint()


def _stored(name: str, hint: Any) -> property:
    if _is_node(hint):

        def write_node(self: Any, value: Any) -> None:
            if value is not None and not isinstance(value, hint):
                raise ValueError(f"{name}: {type(value).__name__} is no {hint.__name__}")
            was = self.parameterNode.StartModify()
            self.parameterNode.SetParameter(name, "")
            self.parameterNode.SetNodeReferenceID(name, value.GetID() if value is not None else None)
            self.parameterNode.EndModify(was)

        return property(lambda self: self.parameterNode.GetNodeReference(name), write_node)
    if hint not in (str, bool, int, float):
        raise TypeError(f"{name}: {hint} is not known here")

    def write(self: Any, value: Any) -> None:
        if not isinstance(value, hint):
            raise ValueError(f"{name}: {value!r} is no {hint.__name__}")
        self.parameterNode.SetParameter(name, str(value))

    def read(self: Any) -> Any:
        text = self.parameterNode.GetParameter(name)
        return text == "True" if hint is bool else hint(text)

    return property(read, write)


class _Module:
    """``ScriptedLoadableModule``: what Slicer shows of a module."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__


class _ModuleWidget:
    """``ScriptedLoadableModuleWidget``: a panel with its layout."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent if parent is not None else qt.QWidget()
        if self.parent.layout() is None:
            self.parent.setLayout(qt.QVBoxLayout())
        self.layout = self.parent.layout()

    def resourcePath(self, name: str) -> str:
        """A file of the module's folder ``Resources``."""
        return str(Path(sys.modules[type(self).__module__].__file__ or "").parent / "Resources" / name)

    def setup(self) -> None:
        """Nothing to add to the panel outside Slicer's developer mode."""

    def cleanup(self) -> None:
        """Nothing to end."""

    def onReload(self) -> None:
        """Slicer would load the module's file again."""


class _Test:
    def delayDisplay(self, message: str, milliseconds: int = 0) -> None:
        """Slicer would show ``message``."""


def _load_requirements(path: Any) -> list[Requirement]:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]


def _pip_check(requirements: list[Requirement]) -> bool:
    def there(one: Requirement) -> bool:
        try:
            return importlib.metadata.version(one.name) in one.specifier
        except importlib.metadata.PackageNotFoundError:
            return False

    return all(map(there, requirements))


def _pip_ensure(requirements: list[Requirement], requester: str) -> None:
    if not _pip_check(requirements):
        raise RuntimeError(f"{requester}: User declined package installation")


class Application(qt.QObject):
    """``slicer.app``."""

    aboutToQuit = QtCore.Signal()
    focusChanged = QtCore.Signal(object, object)
    startupCompleted = QtCore.Signal()
    SIGNALS = ("aboutToQuit()", "startupCompleted()", "focusChanged(QWidget*,QWidget*)")

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["testing"] = True
        self.__dict__["_cache"] = tempfile.TemporaryDirectory(prefix="slicer-stand-in-")
        QtWidgets.QApplication.instance().focusChanged.connect(lambda old, now: self.focusChanged.emit(old, now))

    @property
    def cachePath(self) -> str:
        """Folder for what is downloaded or made again when it is needed."""
        return str(self.__dict__["_cache"].name)

    def testingEnabled(self) -> bool:
        """Whether Slicer runs its tests."""
        return bool(self.__dict__["testing"])

    def applicationLogic(self) -> Any:
        """The application's logic; none outside Slicer."""
        return None


def load_ui(path: str) -> Any:
    """``slicer.util.loadUI``."""
    return qt.Loader(_classes()).load_file(path)


def _classes() -> dict[str, type]:
    found = {name: kind for name, kind in vars(ctk).items() if name.startswith("ctk") and isinstance(kind, type)}
    return {**found, "qMRMLNodeComboBox": qMRMLNodeComboBox, "qMRMLWidget": slicer.qMRMLWidget}


def child_widget_variables(widget: Any) -> Any:
    """``slicer.util.childWidgetVariables``: every named widget below ``widget``."""
    named = types.SimpleNamespace()
    for child in QtCore.QObject.findChildren(widget, QtCore.QObject):
        name = QtCore.QObject.objectName(child)
        if name:
            setattr(named, name, child)
    return named


def install() -> None:
    """Put the stand-ins where Slicer has the real ones; the Qt application is made if there is none."""
    if QtWidgets.QApplication.instance() is None:
        slicer._stand_in_application = QtWidgets.QApplication(["stand-in"])  # kept, or Qt ends it

    def module(name: str, **members: Any) -> None:
        made = types.ModuleType(f"slicer.{name}")
        vars(made).update(members)
        sys.modules[made.__name__] = made
        setattr(slicer, name, made)

    same: Callable[..., str] = lambda text, *_: text  # noqa: E731
    module("parameterNodeWrapper", parameterNodeWrapper=parameter_node_wrapper)
    module("i18n", tr=same, translate=lambda context, text: text)  # noqa: ARG005
    module("packaging", load_requirements=_load_requirements, pip_ensure=_pip_ensure, pip_check=_pip_check)
    module(
        "ScriptedLoadableModule",
        ScriptedLoadableModule=_Module,
        ScriptedLoadableModuleWidget=_ModuleWidget,
        ScriptedLoadableModuleTest=type("ScriptedLoadableModuleTest", (_Test,), {}),
    )
    slicer.qMRMLNodeComboBox = qMRMLNodeComboBox
    slicer.qMRMLWidget = type("qMRMLWidget", (qt.QWidget,), {"setMRMLScene": lambda self, scene: None})  # noqa: ARG005
    slicer.app = Application()
    slicer.util.loadUI = load_ui
    window = qt.QMainWindow()
    slicer.util.mainWindow = lambda: window
    slicer.util.childWidgetVariables = child_widget_variables
