"""A signal in plain Python: ``qt.Signal`` on a Python object is not dependable in Slicer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Signal:
    """Tells whoever is connected that something happened.

    >>> changed = Signal()
    >>> disconnect = changed.connect(print)
    >>> changed.emit("new")
    new
    >>> disconnect()
    """

    def __init__(self) -> None:
        self._slots: list[Callable[..., Any]] = []
        self._blocked = 0

    def connect(self, slot: Callable[..., Any]) -> Callable[[], None]:
        """Call ``slot`` with what is emitted, in the order of connection; return what ends that.

        Ending a connection twice does nothing.
        """
        self._slots.append(slot)

        def disconnect() -> None:
            if slot in self._slots:
                self._slots.remove(slot)

        return disconnect

    def emit(self, *values: Any) -> None:
        """Call every slot that is connected now."""
        if not self._blocked:
            for slot in tuple(self._slots):
                slot(*values)

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Emit nothing inside the block; what would have been emitted is lost."""
        self._blocked += 1
        try:
            yield
        finally:
            self._blocked -= 1
