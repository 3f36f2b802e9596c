"""Observations of VTK objects that end together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Observer:
    """Keeps what is observed, so that it can be released."""

    def __init__(self) -> None:
        self._tags: list[tuple[Any, int]] = []

    def watch(self, subject: Any, event: Any, call: Callable[[], Any]) -> None:
        """Call ``call`` without arguments at each ``event`` (a name or a number) of ``subject``."""
        self._tags.append((subject, subject.AddObserver(event, lambda *_: call())))

    def release(self) -> None:
        """End every observation."""
        for subject, tag in self._tags:
            subject.RemoveObserver(tag)
        self._tags.clear()
