"""Where a session stands: what is on the screen, what is still to do, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from SynthPerfLib.errors import InputError

from ..reading import Item, Reading
from ..records import Clock, Event, RecordLog
from ..sheet import Sheet
from ..study import Study
from ..view import State, View
from .plan import Plan
from .screen import Screen


class Position:
    """Derived from the record alone; changes nothing."""

    def __init__(self, study: Study, log: RecordLog, plan: Plan, events: Iterable[Event], clock: Clock) -> None:
        self.plan = plan
        self._study = study
        self._log = log
        self._clock = clock
        self._form = study.form
        self._reading = Reading(plan.codes)
        for event in events:
            if event.session == plan.session:
                self._reading.apply(event)
            self._reading.seen = event.seq
        self._mark = self._sat_since = clock.monotonic()
        self._shown: Screen | None = None

    @property
    def view(self) -> View:
        """What the seat has to show now."""
        reading, form = self._reading, self._form
        common: dict[str, Any] = {
            "title": form.title,
            "instructions": form.instructions,
            "done": reading.done,
            "total": len(reading.items),
        }
        if not reading.open:
            return View(State.CLOSED, **common)
        if reading.on_break:
            return View(State.BREAK, **common)
        common["can_go_back"] = self._previous() is not None
        if reading.current is None:
            if self._feedback():
                return View(
                    State.FEEDBACK, stimulus=reading.last or "", practice=True, feedback=self._feedback(), **common
                )
            return View(State.FINISHED, **common)
        item, sheet = self._item, self._sheet
        return View(
            State.READING,
            stimulus=reading.current,
            practice=reading.current in self.plan.practice,
            stage=item.stage,
            stages=form.stages,
            layout=sheet.layout,
            images={name: self._screen.stimulus.images[name] for name in sheet.visible},
            questions=tuple(sheet.asked()),
            regions=tuple(sheet.wanted()),
            missing=tuple(sheet.missing()),
            aside=item.aside,
            can_undo=bool(item.past),
            can_redo=bool(item.future),
            can_put_aside=self._may_put_aside(),
            break_due=self._break_due(),
            **common,
        )

    @property
    def _code(self) -> str:
        assert self._reading.current is not None
        return self._reading.current

    @property
    def _has_images(self) -> bool:
        """A rehearsal may run in a study whose stimuli are not made yet."""
        return not self._log.birth.simulated or (self._study.folder / "stimuli").is_dir()

    @property
    def _screen(self) -> Screen:
        code = self._code
        if self._shown is None or self._shown.stimulus.code != code:
            self._shown = Screen(self._study.stimulus(code))
        return self._shown

    @property
    def _item(self) -> Item:
        return self._reading.items[self._code]

    @property
    def _sheet(self) -> Sheet:
        questions = self.plan.items.get(self._code, self._form.questions)
        stimulus = self._screen.stimulus if self._has_images else None
        return Sheet(questions, self._form.rois if self.plan.regions else (), self._item, stimulus)

    def _open_now(self) -> None:
        if not self._reading.open:
            raise InputError("The session is closed: open it again.")
        if self._reading.on_break:
            raise InputError("You are on a break: end it first.")

    def _reading_now(self) -> Item:
        self._open_now()
        if self._reading.current is None:
            raise InputError("There is nothing on the screen to answer.")
        return self._item

    def _refuse_missing(self) -> None:
        missing = list(self._sheet.missing())
        if missing:
            raise InputError(f"Still to do: {'; '.join(missing)}.")

    def _feedback(self) -> str:
        """The truth of the practice stimulus that was submitted last."""
        last = self._reading.last
        return self._study.feedback(last) if last in self.plan.practice and last is not None else ""

    def _previous(self) -> str | None:
        """The nearest submitted stimulus before the current one, the last of all between two."""
        if not self._form.navigation.back:
            return None
        codes = list(self._reading.items)
        end = len(codes) if self._reading.current is None else codes.index(self._reading.current)
        return next((code for code in reversed(codes[:end]) if self._reading.items[code].submitted), None)

    def _may_put_aside(self) -> bool:
        left = sum(not item.submitted for item in self._reading.items.values())
        return self._form.navigation.review_later and left > 1

    def _break_due(self) -> bool:
        minutes = self._form.timing.break_minutes
        return minutes > 0 and self._clock.monotonic() - self._sat_since >= 60 * minutes
