"""The reading mode: the session of one person, from the first image to the last, with the whole window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
from SynthPerfLib.desktop.observing import Observer
from SynthPerfLib.desktop.panes import Panes
from SynthPerfLib.errors import SynthPerfError

from ..drawing import DISC, OUTLINE
from ..records import Receipt
from ..session import Session
from ..sitting import Following, Sitting
from ..view import State
from .chrome import Chrome
from .form import Form
from .keys import Keys
from .pointer import ERASE
from .stage import Stage, Step
from .strip import Bottom, Top

_PRELOAD = 250  # ms after a case is shown, and between two images


class Desk:
    """One person's session in Slicer's window.

    Parameters
    ----------
    sitting
        With an open session.
    ended
        Called once when the reading mode was left: with the receipt if the session was closed, and what went wrong.
    """

    def __init__(
        self, sitting: Sitting, panes: Panes, chrome: Chrome, ended: Callable[[Receipt | None, str], Any]
    ) -> None:
        self._sitting, self._chrome, self._ended = sitting, chrome, ended
        self._following: Following | None = None
        self._looked_up = ""
        self._keys: Keys | None = None
        self.stage = Stage(panes, self._try, self._touch, lambda: self._guarded(self._show), self._leave_text)
        self.form = Form(self._said)
        self.top = Top()
        self.bottom = Bottom(self._does)
        self._observer = Observer()
        self._timer = qt.QTimer()
        self._timer.setInterval(_PRELOAD)
        self._timer.connect("timeout()", self._preload)
        self.active = False

    def begin(self) -> None:
        """Take the window, and show where the session stands.

        Raises
        ------
        SynthPerfError
            If the images cannot be read; the window is as before then.
        """
        self.active = True
        try:
            self._chrome.enter(self.form.widget, self.top.widget, self.bottom.widget, self.leave)
            self._observer.watch(self.stage.panes.scene, self.stage.panes.scene.StartCloseEvent, self._scene_closes)
            self._keys = Keys(self._chrome.window, {**self._does, "digit": self.form.digit})
            self._show()
        except BaseException:
            self._give_back()
            raise

    def leave(self) -> None:
        """Close the session, and give the window back."""
        if not self.active:
            return
        receipt, words = None, ""
        try:
            self.form.flush()
            receipt = self._sitting.close()
        except (SynthPerfError, OSError) as error:
            words = f"{error} The session stays open; what was acknowledged is saved."
        self._end(receipt, words)

    def abandon(self, words: str = "") -> None:
        """Give the window back, and leave the session open: it goes on where it was when it is opened again."""
        self._end(None, words)

    def _scene_closes(self) -> None:
        self.abandon("The scene was closed while you read. What was acknowledged is saved: go on where you were.")

    # What is shown ------------------------------------------------------------------------------------------------

    def _show(self, refusal: str = "") -> None:
        session = self._session
        view = session.view
        self.stage.show(view)
        self._chrome.quiet()
        self.top.show(view)
        self.form.show(view, self.stage.armed, refusal)
        self.bottom.show(view, self.stage.tool, self.stage.hint)
        if view.state is State.READING and view.stimulus != self._looked_up:
            self._timer.start()

    def _preload(self) -> None:
        """Take away what was before, then read one image at a time of what comes next; nothing waits for it."""
        try:
            view = self._session.view
            if view.stimulus != self._looked_up:
                self._looked_up, self._following = view.stimulus, self._sitting.following()
                self.stage.tidy(view.stimulus, *([self._following.code] if self._following is not None else []))
                return
            following = self._following
            if following is None or not self.stage.preload(following.code, following.images):
                self._timer.stop()
        except (SynthPerfError, OSError):
            self._timer.stop()  # it is said when its turn comes

    # What the reader does -----------------------------------------------------------------------------------------

    @property
    def _does(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "up": lambda: self.stage.scroll(1),
            "down": lambda: self.stage.scroll(-1),
            "page_up": lambda: self.stage.page(1),
            "page_down": lambda: self.stage.page(-1),
            "reset": self.stage.reset,
            "flicker": self.stage.flicker,
            "space": self._space,
            "overlay": self.stage.overlay,
            "opacity": self.stage.fade,
            "next_question": lambda: self.form.turn(1),
            "previous_question": lambda: self.form.turn(-1),
            "not_assessable": self.form.open_reasons,
            "save": self.form.go_on,
            "disc": lambda: self._take(DISC),
            "outline": lambda: self._take(OUTLINE),
            "erase": lambda: self._take(ERASE),
            "undo": lambda: self._try(lambda session: session.undo()),
            "redo": lambda: self._try(lambda session: session.redo()),
            "cancel": self._cancel,
            "sheet": lambda: self.bottom.show_keys(),
            "leave": self.leave,
        }

    def _said(self, what: str, item: str = "", value: Any = None) -> None:
        """What the form says."""
        steps: dict[str, Step] = {
            "answer": lambda session: session.answer(item, value),
            "reason": lambda session: session.not_assessable(item, value),
            "withdraw": lambda session: session.withdraw(item),
            "save": _forward,
            "aside": lambda session: session.put_aside(),
            "back": lambda session: session.back(),
            "pause": lambda session: session.begin_break(),
            "resume": lambda session: session.end_break(),
            "go": lambda session: session.go_on(),
        }
        if what == "arm":
            self._guarded(lambda: self._arm(value))
        elif what in ("finish", "leave") or (what == "go" and self._was_last):
            self.leave()
        else:
            self._try(steps[what])

    @property
    def _was_last(self) -> bool:
        """Whether there is nothing after the feedback that is shown."""
        view = self._session.view
        return view.state is State.FEEDBACK and view.done == view.total

    def _arm(self, place: Any) -> None:
        view = self._session.view
        shape = next(w.task.shape for w in view.regions if w.task.id == place.task)
        self.stage.take(shape, place)
        self._show()

    def _take(self, tool: str) -> None:
        """Take a tool up; the one that is in the hand is put away."""
        self.stage.take(None if self.stage.tool == tool else tool, task=self.form.marked)
        self._show()

    def _cancel(self) -> None:
        self._leave_text()
        if not self.bottom.hide_keys():
            self.stage.take(None)
            self._show()

    def _leave_text(self) -> None:
        """The keys are the images' again, not a text's."""
        focus = qt.QApplication.focusWidget()
        if focus is not None and (focus.inherits("QPlainTextEdit") or focus.inherits("QLineEdit")):
            focus.clearFocus()

    def _space(self) -> None:
        """Press the button that has the keyboard, if one has; else flicker."""
        focus = qt.QApplication.focusWidget()
        if focus is not None and focus.inherits("QAbstractButton") and focus.isVisible():
            focus.click()
        else:
            self.stage.flicker()

    def _try(self, step: Step) -> None:
        """Do a step of the session, show what follows or why it was refused."""

        def does() -> None:
            words = ""
            try:
                step(self._session)
            except SynthPerfError as error:
                words = str(error)
            self._show(words)

        self._guarded(does)

    def _guarded(self, does: Callable[[], Any]) -> None:
        """Whatever goes wrong in the views, the reader gets the window back, and the record is as it was."""
        if not self.active:
            return
        try:
            does()
        except SynthPerfError as error:
            self.abandon(str(error))
        except OSError as error:
            self.abandon(f"The study's folder cannot be reached ({error.strerror}). What was acknowledged is saved.")
        except Exception:
            self.abandon("Something went wrong in the reading mode. What was acknowledged is saved: begin again.")
            raise

    def _touch(self) -> None:
        if self.active and self._sitting.session is not None:
            self._sitting.session.touch()

    @property
    def _session(self) -> Session:
        assert self._sitting.session is not None
        return self._sitting.session

    # How it ends --------------------------------------------------------------------------------------------------

    def _end(self, receipt: Receipt | None, words: str) -> None:
        if not self.active:
            return
        try:
            self._give_back()
        finally:
            self._ended(receipt, words)

    def _give_back(self) -> None:
        """Everything as it was; each part whether or not another failed."""
        self.active = False
        self._timer.stop()
        self._observer.release()
        try:
            if self._keys is not None:
                self._keys.release()
            self.bottom.end()
        finally:
            try:
                self.stage.leave()
            finally:
                self._chrome.leave()


def _forward(session: Session) -> Any:
    return session.next_stage() if session.view.stage < session.view.stages else session.submit()
