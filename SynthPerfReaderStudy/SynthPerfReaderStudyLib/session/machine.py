"""The session as a state machine: what the reader does, and how it is written."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import SimpleITK as sitk
from SynthPerfLib import rois
from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Grid, Provenance, Roi

from ..reading import DO, REDO, UNDO, Content, Key
from ..records import Draft, Kind, Receipt
from ..view import Experience, Setting, View, Wanted
from .position import Position

_REASON_LENGTH = 200


class Session(Position):
    """An open session. Made by :func:`.open_session`, or :func:`.adjudication.open_adjudication`."""

    # What the reader does ----------------------------------------------------------------------------------------

    def answer(self, item: str, value: Any) -> View:
        """Answer a question of this stage; an answer that was there is replaced, and stays in the record.

        Raises
        ------
        InputError
            If the question is not asked here, or the value is no answer to it.
        """
        self._reading_now()
        question = self._sheet.question(item)
        return self._put(self._sheet.answer_key(item), {"value": question.checked(value)})

    def not_assessable(self, item: str, reason: str) -> View:
        """Say why a question cannot be answered, or a region cannot be drawn.

        Raises
        ------
        InputError
            If it is not asked here, must be answered, or the reason is none of the protocol's.
        """
        self._reading_now()
        reason = reason.strip()
        if item in {wanted.task.id for wanted in self._sheet.wanted()}:
            if not 0 < len(reason) <= _REASON_LENGTH:
                raise InputError(f"{item}: give the reason in 1 to {_REASON_LENGTH} characters.")
        else:
            allowed = self._sheet.question(item).not_assessable
            if not allowed:
                raise InputError(f"{item} must be answered: the protocol has no reason for leaving it open.")
            if reason not in allowed:
                raise InputError(f"{item}: {reason!r} is none of the reasons: {', '.join(allowed)}.")
        return self._put(self._sheet.answer_key(item), {"value": None, "not_assessable": reason})

    def withdraw(self, item: str) -> View:
        """Take an answer back, without another in its place.

        Raises
        ------
        InputError
            If there is none.
        """
        self._reading_now()
        if self._sheet.answer_key(item) not in self._item.contents:
            raise InputError(f"{item} has no answer that could be taken back.")
        return self._put(self._sheet.answer_key(item), None)

    def draw_disc(self, task: str, number: int, map: str, centre: Sequence[float]) -> View:
        """Draw a disc of the protocol's area around a point (LPS, mm) of a map; it replaces the one that was there.

        Raises
        ------
        InputError
            If it is not asked here, or reaches outside the map or a map it is copied to.
        """
        wanted = self._to_draw(task, number, map, "disc")
        area = (wanted.task.area_cm2 or 0.0) * 100
        origin = Provenance(self.plan.reader, map, "disc")
        return self._draw(wanted, rois.disc(self._roi_name(wanted), self._screen.image(map), centre, area, origin))

    def draw_outline(self, task: str, number: int, map: str, outline: Sequence[Sequence[float]]) -> View:
        """Draw a free-hand region by its closed line (points in LPS, mm); otherwise as :meth:`draw_disc`."""
        wanted = self._to_draw(task, number, map, "freehand")
        origin = Provenance(self.plan.reader, map, "free-hand")
        return self._draw(wanted, rois.free_hand(self._roi_name(wanted), self._screen.image(map), outline, origin))

    def draw_mask(self, task: str, number: int, map: str, mask: sitk.Image) -> View:
        """Give a free-hand region as a label image on the map's grid (painted, or with a part erased); otherwise as
        :meth:`draw_disc`."""
        wanted = self._to_draw(task, number, map, "freehand")
        if not Grid.of(mask).same(Grid.of(self._screen.image(map))):
            raise InputError(f"{wanted.task.title}: the mask is on another grid than the map.")
        return self._draw(wanted, rois.from_mask(self._roi_name(wanted), mask, Provenance(self.plan.reader, map)))

    def erase(self, task: str, number: int, map: str) -> View:
        """Take a whole region back.

        Raises
        ------
        InputError
            If there is none.
        """
        self._reading_now()
        key: Key = ("roi", task, number, map)
        if key not in self._item.contents:
            raise InputError(f"There is no region {task} {number} on this map that could be erased.")
        self._sheet.region(task, number, map)
        return self._put(key, None)

    def undo(self) -> View:
        """Take the last step of this stage back, together with what it caused.

        Raises
        ------
        InputError
            If there is none.
        """
        self._reading_now()
        if not self._item.past:
            raise InputError("There is nothing to undo here.")
        changes = [(change.key, change.before) for change in reversed(self._item.past[-1])]
        return self._write(changes, UNDO)

    def redo(self) -> View:
        """Do again what was undone last; refused as :meth:`undo`."""
        self._reading_now()
        if not self._item.future:
            raise InputError("There is nothing to do again here.")
        return self._write([(change.key, change.after) for change in self._item.future[-1]], REDO)

    def next_stage(self) -> View:
        """Lock what was answered so far and reveal the next stage.

        Raises
        ------
        InputError
            If something required is missing, or there is no further stage.
        """
        item = self._reading_now()
        if item.stage >= self._form.stages:
            raise InputError("Everything of this one is shown: submit it.")
        self._refuse_missing()
        return self._append([self._shown_draft(self._code, item.stage + 1)])

    def submit(self) -> View:
        """Be done with the stimulus; the next one is shown by the same step.

        Raises
        ------
        InputError
            If something required is missing, in words, or a further stage is not yet revealed.
        """
        item = self._reading_now()
        if item.stage < self._form.stages:
            raise InputError(f"Stage {item.stage} of {self._form.stages} is shown: go on to the next stage first.")
        self._refuse_missing()
        code = self._code
        rows = self._screen.rows(self._sheet) if self._has_images else []
        submitted = self._draft(Kind.ITEM_SUBMITTED, {"stage": item.stage, "rois": rows})
        if code in self.plan.practice and self._study.feedback(code):
            return self._append([submitted])
        return self._append([submitted, *self._next_draft(code)])

    def go_on(self) -> View:
        """Leave the feedback of a practice stimulus for the next one.

        Raises
        ------
        InputError
            If there is no feedback on the screen.
        """
        self._open_now()
        if self._reading.current is not None or not self._feedback():
            raise InputError("Submit this one first.")
        following = self._next_draft()
        if not following:
            raise InputError("That was the last one: close the session.")
        return self._append(following)

    def put_aside(self) -> View:
        """Leave the stimulus for later; it comes again after the others.

        Raises
        ------
        InputError
            If the protocol does not allow it, or it is the only one left.
        """
        self._reading_now()
        if not self._form.navigation.review_later:
            raise InputError("The protocol does not allow a case to be put aside: answer this one first.")
        if not self._may_put_aside():
            raise InputError("It is the only one left: it cannot be put aside.")
        code = self._code
        return self._append([self._draft(Kind.ITEM_FLAGGED, {"on": True}), *self._next_draft(code)])

    def back(self) -> View:
        """Open the one before again; it must be submitted again.

        Raises
        ------
        InputError
            If the protocol does not allow it, or there is none before.
        """
        self._open_now()
        if not self._form.navigation.back:
            raise InputError("The protocol does not allow going back: what is submitted is final.")
        previous = self._previous()
        if previous is None:
            raise InputError("There is no submitted case before this one.")
        return self._append([self._shown_draft(previous, self._reading.items[previous].stage)])

    def begin_break(self) -> View:
        """Stop the clock; nothing can be read until :meth:`end_break`."""
        self._open_now()
        return self._append([self._draft(Kind.BREAK_BEGAN, {})])

    def end_break(self) -> View:
        """Go on reading.

        Raises
        ------
        InputError
            If there is no break.
        """
        if not self._reading.open or not self._reading.on_break:
            raise InputError("There is no break to end.")
        self._append([self._draft(Kind.BREAK_ENDED, {})])
        self._sat_since = self._mark
        return self.view

    def touch(self) -> None:
        """The reader did something (moved the mouse, scrolled): the time since the last sign of life was active, up to
        the protocol's idle limit; what is beyond was idle."""
        now = self._clock.monotonic()
        gap, self._mark = max(now - self._mark, 0.0), now
        if self._reading.open and not self._reading.on_break and self._reading.current is not None:
            limit = self._form.timing.idle_seconds
            self._item.active += min(gap, limit)
            self._item.idle += max(gap - limit, 0.0)

    def close(self) -> Receipt:
        """End the sitting, whether all is read or not; it can be opened again until all is.

        Returns
        -------
        Receipt
            The head of the record: the reader keeps it, and the study folder has it in ``receipts/``.
        """
        if not self._reading.open:
            raise InputError("The session is closed already.")
        reading = self._reading
        payload = {"done": reading.done, "of": len(reading.items), "complete": reading.complete}
        self._append([self._draft(Kind.SESSION_CLOSED, payload)])
        receipt = self._log.receipt(self.plan.reader, self.plan.session)
        receipt.write(self._study.folder / "receipts" / f"{self.plan.session}-{receipt.seq}.json")
        return receipt

    # How it is written -------------------------------------------------------------------------------------------

    def begin(self, setting: Setting, experience: Experience | None = None) -> None:
        """Record the opening; show the first stimulus, or the one at which the session was left."""
        payload = {
            "number": self.plan.number,
            **asdict(setting),
            "clock": secrets.token_hex(8),
            "resumed": self._reading.opened > 0,
        }
        drafts = []
        if experience is not None:
            drafts.append(self._draft(Kind.READER_TRAINED, asdict(experience)))
        drafts.append(self._draft(Kind.SESSION_OPENED, payload))
        if self._reading.current is None and not self._feedback():
            drafts += self._next_draft()
        self._append(drafts)

    def _append(self, drafts: Sequence[Draft]) -> View:
        for event in self._log.extend(drafts, seen=self._reading.seen):
            self._reading.apply(event)
        return self.view

    def _draft(self, kind: Kind, payload: Mapping[str, Any], code: str | None = None) -> Draft:
        """An event of this session; about the current stimulus unless ``code`` names another."""
        self.touch()
        code = code if code is not None else self._reading.current
        plan, times, sha256 = self.plan, {}, ""
        if code is not None:
            item = self._reading.items[code]
            times = {"active_s": round(item.active, 3), "idle_s": round(item.idle, 3)}
            sha256 = self._sha256(code)
        return Draft(kind, plan.role, {**payload, **times}, plan.reader, plan.session, code or "", sha256)

    def _shown_draft(self, code: str, stage: int) -> Draft:
        payload = {
            "stage": stage,
            "order": self.plan.codes.index(code) + 1,
            "practice": code in self.plan.practice,
            "again": self._reading.items[code].submitted,
        }
        return self._draft(Kind.ITEM_SHOWN, payload, code)

    def _next_draft(self, leaving: str | None = None) -> list[Draft]:
        """The event that shows the next stimulus (see :meth:`.Reading.next`); none after the last one."""
        code = self._reading.next(leaving)
        if code is None:
            return []
        return [self._shown_draft(code, max(self._reading.items[code].stage, self.plan.first_stage))]

    def _sha256(self, code: str) -> str:
        if not self._has_images:
            return ""
        if self._shown is not None and self._shown.stimulus.code == code:
            return self._shown.stimulus.sha256
        return self._study.stimulus(code).sha256

    def _put(self, key: Key, content: Content | None) -> View:
        """Write one change, and withdraw the answers whose questions are not asked any more."""
        item = self._reading_now()
        if item.contents.get(key) == content:
            return self.view
        void: list[tuple[Key, Content | None]] = [(other, None) for other in self._sheet.no_longer(key, content)]
        return self._write([(key, content), *void], DO)

    def _write(self, changes: Sequence[tuple[Key, Content | None]], move: str) -> View:
        item = self._item
        drafts = []
        for number, (key, content) in enumerate(changes):
            payload: dict[str, Any] = {"step": item.step + 1, "move": move, "stage": item.stage}
            if content is None:
                payload["withdrawn"] = "by the reader" if number == 0 or move != DO else "not asked any more"
            payload |= content or {}
            if key[0] == "answer":
                drafts.append(self._draft(self.plan.answer_kind, {"value": None, **payload, "item": key[2]}))
            else:
                place = {"roi": key[1], "number": key[2], "map": key[3]}
                drafts.append(self._draft(Kind.ROI, {**payload, **place}))
        return self._append(drafts)

    # Regions -----------------------------------------------------------------------------------------------------

    def _to_draw(self, task: str, number: int, map: str, shape: str) -> Wanted:
        self._reading_now()
        wanted = self._sheet.region(task, number, map)
        if wanted.task.shape != shape:
            due = "a disc of a fixed area" if wanted.task.shape == "disc" else "drawn free-hand"
            raise InputError(f"{wanted.task.title} is {due}.")
        return wanted

    def _roi_name(self, wanted: Wanted) -> str:
        return f"{wanted.task.id}_{wanted.number}" if wanted.task.count > 1 else wanted.task.id

    def _draw(self, wanted: Wanted, region: Roi) -> View:
        content = self._screen.measured(self._sheet, wanted, region)
        return self._put(("roi", wanted.task.id, wanted.number, wanted.map), content)
