"""Qt as PythonQt shows it in Slicer, on PySide6: enough to drive the panels without Slicer.

Properties are attributes (``spin.value = 3``), signals are connected by their signature in a string, and a name that
Qt does not have is refused, as in Slicer; PySide6 alone would take ``spin.valeu = 3`` in silence.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtUiTools import QUiLoader

if sys.version_info < (3, 12):
    # With each call PySide6 6.12 gives back a reference to None that it never took. Where None can end (it lives for
    # ever from Python 3.12 on) the interpreter would end with it after some hundred thousand calls.
    ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40

# Virtual in C++: an attribute of that name in Python would be called by Qt itself.
_VIRTUAL = ("sizeHint", "minimumSizeHint", "spacing")
_STATIC = ("singleShot",)  # a static method hides the property of its name
_made: dict[str, type] = {}


def __getattr__(name: str) -> Any:
    """The class ``name`` of QtCore, QtGui or QtWidgets as PythonQt shows it."""
    if name in _made:
        return _made[name]
    for module in (QtCore, QtGui, QtWidgets):
        found = getattr(module, name, None)
        if inspect.isclass(found) and issubclass(found, QtCore.QObject):
            return as_in_slicer(found)
        if found is not None:
            return found
    raise AttributeError(f"qt has no {name}")


def as_in_slicer(base: type) -> type:
    """A subclass of a PySide6 class with PythonQt's manners."""
    if base.__name__ not in _made:
        meta = base.staticMetaObject
        names = [meta.property(i).name() for i in range(meta.propertyCount())]
        properties = {name: _property(base, name) for name in names if name not in (*_VIRTUAL, *_STATIC)}
        made = type(base.__name__, (base,), {**properties, **_MANNERS, "_qt_base": base})
        _made[base.__name__] = made
    return _made[base.__name__]


def _property(base: type, name: str) -> property:
    capital = name[0].upper() + name[1:]
    getter = next((getattr(base, n) for n in (name, f"is{capital}", f"has{capital}") if hasattr(base, n)), None)
    setter = getattr(base, f"set{capital}", None)

    def get(self: Any) -> Any:
        return getter(self) if callable(getter) else QtCore.QObject.property(self, name)

    def put(self: Any, value: Any) -> None:
        if callable(setter):
            setter(self, value)
        else:
            QtCore.QObject.setProperty(self, name, value)

    return property(get, put)


def _signal(widget: Any, signature: str) -> Any:
    plain = QtCore.QMetaObject.normalizedSignature(signature).data().decode()
    if widget.metaObject().indexOfSignal(plain) < 0 and plain not in getattr(widget, "SIGNALS", ()):
        raise AttributeError(f"{type(widget).__name__} has no signal {signature}")
    return getattr(widget, plain.partition("(")[0])


def _connect(self: Any, signature: str, slot: Callable[..., Any]) -> bool:
    def call(*values: Any) -> None:
        slot(*values[: _count(slot, signature)])

    _signal(self, signature).connect(call)
    self.__dict__.setdefault("_slots", []).append((signature, slot, call))
    return True


def _count(slot: Callable[..., Any], signature: str) -> int:
    """How many values of the signal ``slot`` takes: no more than the signature has, as PythonQt does."""
    has = signature.partition("(")[2].rstrip(")")
    limit = len(has.split(",")) if has.strip() else 0
    try:
        parameters = inspect.signature(slot).parameters.values()
    except ValueError:
        return limit
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return limit
    return min(limit, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters))


def _disconnect(self: Any, signature: str, slot: Callable[..., Any]) -> bool:
    known = self.__dict__.get("_slots", [])
    for entry in [e for e in known if e[0] == signature and e[1] == slot]:
        _signal(self, signature).disconnect(entry[2])
        known.remove(entry)
        return True
    return False


def _set(self: Any, name: str, value: Any) -> None:
    found = inspect.getattr_static(type(self), name, None)
    if isinstance(found, property):
        found.__set__(self, value)
    elif isinstance(value, QtCore.QObject) and QtCore.QObject.objectName(value) == name:
        pass  # PySide6 hangs the children of a .ui file on its top
    elif found is not None and type(self).__module__ == __name__:
        raise AttributeError(f"{type(self).__name__}.{name} is a method, not a property")
    elif type(self).__module__ in (__name__, "ctk", "application") and not name.startswith("_"):
        raise AttributeError(f"{type(self).__name__} has no property {name}")
    else:
        self.__dict__[name] = value


def _find_children(self: Any, kind: type, *rest: Any) -> list[Any]:
    return list(QtCore.QObject.findChildren(self, getattr(kind, "_qt_base", kind), *rest))


_MANNERS: dict[str, Any] = {
    "connect": _connect,
    "disconnect": _disconnect,
    "__setattr__": _set,
    "findChildren": _find_children,
    "name": property(lambda self: QtCore.QObject.objectName(self)),
}


def _inherit(cls: Any, **_: Any) -> None:
    """PySide6 looks for these two in the class itself, not in its bases."""
    cls.connect, cls.disconnect = _connect, _disconnect


_MANNERS["__init_subclass__"] = classmethod(_inherit)
_MANNERS["exec_"] = lambda self: self.exec()
_MANNERS["className"] = lambda self: type(self).__name__


class Loader(QUiLoader):
    """Reads a .ui file; what it makes has PythonQt's manners, a class or property that is not known is refused."""

    def __init__(self, classes: dict[str, type]) -> None:
        super().__init__()
        self.classes = classes
        self.unknown: list[str] = []

    def createWidget(self, name: str, parent: Any = None, object_name: str = "") -> Any:
        """A widget of the class ``name``."""
        kind = self.classes.get(name) or getattr(sys.modules[__name__], name, None)
        if kind is None:  # an error that is raised here would be swallowed
            self.unknown.append(name)
            return None
        widget = kind(parent)
        widget.setObjectName(object_name)
        return widget

    def load_file(self, path: str) -> Any:
        """The widget of a .ui file.

        Raises
        ------
        AttributeError
            If the file sets a property that the class does not have.
        """
        file = QtCore.QFile(path)
        if not file.open(QtCore.QIODevice.OpenModeFlag.ReadOnly):
            raise FileNotFoundError(path)
        top = self.load(file)
        if self.unknown:
            raise AttributeError(f"qt has no {', '.join(self.unknown)} ({path})")
        for widget in (top, *QtCore.QObject.findChildren(top, QtCore.QObject)):
            for raw in widget.dynamicPropertyNames():
                name = raw.data().decode()
                if name.startswith(("_q_", "_PySide")) or name == "SlicerParameterName":
                    continue
                if not isinstance(inspect.getattr_static(type(widget), name, None), property):
                    raise AttributeError(f"{type(widget).__name__} has no property {name} ({path})")
                setattr(widget, name, QtCore.QObject.property(widget, name))
        return top

    def createLayout(self, name: str, parent: Any = None, object_name: str = "") -> Any:
        """A layout of the class ``name``."""
        layout = __getattr__(name)(parent) if isinstance(parent, QtWidgets.QWidget) else __getattr__(name)()
        layout.setObjectName(object_name)
        return layout
