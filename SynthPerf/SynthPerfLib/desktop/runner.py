"""Work between two events of the application.

The work is a generator on the main thread, stepped by a timer: a thread would starve, because Slicer's main thread
keeps the interpreter while it waits for events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import qt

from ..jobs import Job, Progress, State, Steps
from .signal import Signal

T = TypeVar("T")

_BUDGET = 0.03  # s of work between two looks at the events
_SOON = 2.0  # s of work before the time left is told; what is told sooner is wrong


class Runner:
    """Does one work at a time.

    Attributes
    ----------
    changed
        Emitted when work began, moved on or ended.
    """

    def __init__(self) -> None:
        self.changed = Signal()
        self._job: Job[Any] | None = None
        self._done: Callable[[Any], None] = print
        self._failed: Callable[[Exception], None] = print
        self._started = 0.0
        self._moved = (0.0, 0.0)

    @property
    def busy(self) -> bool:
        """Whether work is going on."""
        return self._job is not None

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._job.progress if self._job is not None else Progress(0.0, "")

    @property
    def seconds_left(self) -> float | None:
        """How long it will go on, about; None if that cannot be told yet."""
        fraction, then = self._moved
        if not self.busy or then < _SOON or fraction < 0.05:
            return None
        left = then / fraction - (time.monotonic() - self._started)
        return left if left > 0 else None

    def start(self, steps: Steps[T], done: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """Do ``steps``; work that is going on is cancelled first.

        Parameters
        ----------
        done
            Called with the result.
        failed
            Called with the error of the work or of ``done``. Neither is called for work that is cancelled.
        """
        self.cancel()
        self._job, self._done, self._failed = Job(steps), done, failed
        self._started = time.monotonic()
        self._moved = (0.0, 0.0)
        self.changed.emit()
        self._later(self._job)

    def cancel(self) -> None:
        """Stop the work, if there is any; it leaves nothing behind."""
        if self._job is not None:
            job, self._job = self._job, None
            job.cancel()
            self.changed.emit()

    def _later(self, job: Job[Any]) -> None:
        qt.QTimer.singleShot(0, lambda: self._turn(job))

    def _turn(self, job: Job[Any]) -> None:
        if job is not self._job:  # cancelled, or another one was started
            return
        end = time.monotonic() + _BUDGET
        try:
            while job.step():
                if job is not self._job:
                    return
                if job.progress.fraction > self._moved[0]:
                    self._moved = (job.progress.fraction, time.monotonic() - self._started)
                if time.monotonic() >= end:
                    self.changed.emit()
                    self._later(job)
                    return
            self._job = None
            if job.state is State.DONE:
                self._done(job.result)
        except Exception as error:
            self._job = None
            self._failed(error)
        self.changed.emit()
