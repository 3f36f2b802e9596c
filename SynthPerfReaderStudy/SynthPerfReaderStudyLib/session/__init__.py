"""One reading session as a state machine without user interface; both seats call only this.

Every method that changes something returns after the record has it, and gives the :class:`View` that follows. What is
not allowed is refused with one sentence, and nothing changes. The state is that of :class:`~.reading.Reading`, derived
from the record alone: a session that is opened again after a crash stands where it stood.

A view holds nothing of cases and arms: the machine itself is never told them.

What the events hold (``payload``):

- ``session.opened``: ``number``, ``seat``, ``monitors``, ``brightness``, ``room_light``, ``test_pattern``, ``clock``
  (monotonic times of one clock can be compared), ``resumed``
- ``session.closed``: ``done``, ``of``, ``complete``
- ``item.shown``: ``stage``, ``order``, ``practice``, ``again`` (opened again after it was submitted)
- ``answer``: ``item``, ``stage``, ``value`` (None and ``not_assessable``: the reason; None and ``withdrawn``: why there
  is no answer any more), ``step``, ``move`` (do, undo, redo)
- ``roi``: ``roi``, ``number``, ``map``, ``stage``, ``step``, ``move``, and ``region`` (:meth:`~.rois.Roi.payload`),
  ``sha256``, ``voxels``, ``area_mm2``, ``measurements`` by map, ``warnings``; or ``withdrawn``
- ``item.flagged``: ``on``: put aside
- ``item.submitted``: ``stage``, ``rois``: rows of ``rois.csv`` from the column ``roi`` on

Events of an item also hold ``active_s`` and ``idle_s``: the reader's seconds on it so far.
"""

from .machine import Session
from .opening import open_session, override_washout
from .plan import Plan, plans, session_id

__all__ = ["Plan", "Session", "open_session", "override_washout", "plans", "session_id"]
