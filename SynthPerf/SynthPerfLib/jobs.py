"""Long work as a generator that reports progress and can be stopped between two steps.

One class serves the command line (a loop with a progress bar), the Slicer panel (a timer) and the browser seat
(asyncio): each calls :meth:`Job.step` when it has time, and :meth:`Job.cancel` when the user says so.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import Cancelled

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far the work is: ``fraction`` in [0, 1] and ``words`` for the user."""

    fraction: float
    words: str


Steps = Generator[Progress, None, T]
"""A job's body: yields :class:`Progress`, returns the result."""


class State(enum.Enum):
    """Where a job stands."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[T]):
    """Drives one generator to its end.

    Parameters
    ----------
    steps
        The generator that does the work. Closing it must leave nothing half made.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._result: T | None = None
        self.state = State.READY
        self.progress = Progress(0.0, "")

    @property
    def result(self) -> T:
        """What the generator returned; only once :attr:`state` is ``DONE``."""
        if self.state is not State.DONE:
            raise RuntimeError(f"the job is {self.state.value}, it has no result")
        return self._result  # type: ignore[return-value]

    def step(self) -> bool:
        """Do one step; return whether there is more to do. An error of the work is raised here."""
        if self.state not in (State.READY, State.RUNNING):
            return False
        self.state = State.RUNNING
        try:
            self.progress = next(self._steps)
        except StopIteration as stop:
            self._result = stop.value
            self.state = State.DONE
            return False
        except BaseException:
            self.state = State.FAILED
            raise
        return True

    def cancel(self) -> None:
        """Stop for good. A job that has ended stays as it ended."""
        if self.state in (State.READY, State.RUNNING):
            self._steps.close()
            self.state = State.CANCELLED

    def run(self, show: Callable[[Progress], None] | None = None) -> T:
        """Run to the end in the foreground, calling ``show`` after every step.

        Raises
        ------
        Cancelled
            If ``show`` cancelled the job.
        """
        while self.step():
            if show is not None:
                show(self.progress)
        if self.state is State.CANCELLED:
            raise Cancelled("Stopped; nothing was written.")
        return self.result


def part(steps: Steps[T], start: float, stop: float, words: str = "") -> Steps[T]:
    """Run ``steps`` as the share [start, stop] of a larger job, ``words`` put before its own words."""
    try:
        while True:
            try:
                inner = next(steps)
            except StopIteration as end:
                return end.value
            yield Progress(start + (stop - start) * inner.fraction, f"{words}{inner.words}")
    finally:
        steps.close()  # a job that is cancelled cleans up now, not when the memory is next tidied
