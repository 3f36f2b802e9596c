"""The reading page: the canvas with the form beside it, and the pages before, between and after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments
from SynthPerfLib.errors import InputError

from ..adjudication import CONSENSUS
from ..drawing import Place
from ..records import Receipt, Role
from ..session import Session
from ..study import Study
from ..view import ROOM_LIGHT, Experience, Monitor, Setting, State, View
from .board import Board, Step
from .form import Form
from .rooms import Room

RESEARCH = "Research use only"

_SCREEN = """(() => { const s = window.devicePixelRatio || 1;
return [Math.round(screen.width * s), Math.round(screen.height * s), s] })()"""

Does = Callable[[], Awaitable[None]]
Handler = Callable[[GenericEventArguments], Awaitable[None]]


class Setup(ui.element, component="setup.js"):
    """What is asked before a session; says ``begin`` with the answers."""

    def __init__(self, content: Mapping[str, Any], refusal: str) -> None:
        super().__init__()
        self.props["content"] = dict(content)
        self.props["refusal"] = refusal


class Keys(ui.element, component="keys.js"):
    """The sheet of all keys."""


class Desk:
    """One window of one reader; the window that was opened last has the session.

    Parameters
    ----------
    room
        The reader's.
    """

    def __init__(self, room: Room, study: Study) -> None:
        self._room = room
        self._study = study
        self._client = ui.context.client
        self._root = ui.element("div").classes("synth")
        self._board: Board | None = None
        self._form: Form | None = None
        self._labels: dict[str, ui.label] = {}

    async def begin(self) -> None:
        """Take the room for this window, and show where the reader stands."""
        room = self._room
        if room.desk is not None and room.desk is not self:
            room.desk.lost()
        room.desk = self
        if room.session is None:
            with self._page():
                ui.label("One moment …")
            await self._client.connected()
            screen = await self._client.run_javascript(_SCREEN, timeout=30)
            if screen is None:  # the window is closed already
                return
            await room.resume(Monitor(int(screen[0]), int(screen[1]), float(screen[2])))
        await self._show()

    def lost(self) -> None:
        """Another window of the same person has the session now."""
        words = "Nothing is lost: every answer was saved. Go on there, or take the session back here."
        self._message("Your session is open in another window", words, "", ("Go on here", self.begin))

    # What is shown ------------------------------------------------------------------------------------------------

    async def _show(self, refusal: str = "", at_canvas: str = "") -> None:
        """Show where the session stands, and what was refused: beside the buttons, or at the canvas."""
        if self._room.desk is not self:
            return
        if self._room.session is None:
            await self._show_setup(refusal)
            return
        view = await self._room.do(lambda session: session.view)
        if view.state is State.READING:
            if self._form is None:
                self._build()
            assert self._board is not None
            assert self._form is not None
            self._board.show(view, at_canvas)
            self._form.show(view, self._board.armed, refusal)
            self._labels["progress"].text = f"{view.done} of {view.total} done"
            self._labels["code"].text = view.stimulus
        elif view.state is State.FEEDBACK and self._form is not None:
            self._form.show(view, None, refusal)
        elif view.state is State.FEEDBACK:
            self._message("Practice", f"The truth: {view.feedback}", refusal, ("Next", self._go_on))
        elif view.state is State.BREAK:
            words = "The clock is stopped and the images are away. Come back whenever you like."
            self._message("Break", words, refusal, ("Go on reading", self._step(lambda session: session.end_break())))
        else:
            words = f"{view.done} of {view.total} are answered, and saved. Finish the session to close it."
            back = [("Back to the last one", self._step(lambda session: session.back()))] if view.can_go_back else []
            self._message("That was the last one", words, refusal, ("Finish the session", self._close), *back)

    def _build(self) -> None:
        """The canvas and the form; they stay while cases change."""
        with self._page(), ui.element("main").classes("desk"):
            with ui.element("header"):
                self._labels = {"progress": ui.label(), "code": ui.label().classes("code")}
                ui.label(RESEARCH).classes("soft")
                ui.element("span").classes("space")
                Keys()
            with ui.element("div").classes("views"):
                self._board = board = Board(self._room, self._at_canvas, self._show)
            with ui.element("aside").classes("side"):
                self._form = form = Form()
        form.on("answer", self._said(lambda session, given: session.answer(given["item"], given["value"])))
        form.on("reason", self._said(lambda session, given: session.not_assessable(given["item"], given["reason"])))
        form.on("withdraw", self._said(lambda session, given: session.withdraw(given["item"])))
        form.on("save", self._said(_forward))
        form.on("aside", self._said(lambda session, _: session.put_aside()))
        form.on("back", self._said(lambda session, _: session.back()))
        form.on("pause", self._said(lambda session, _: session.begin_break()))
        form.on("leave", self._close)
        form.on("go", self._go_on)
        form.on("arm", lambda event: board.arm(Place(**event.args)))
        form.on("erase", lambda event: board.erase(Place(**event.args)))

    async def _show_setup(self, refusal: str) -> None:
        row = await asyncio.to_thread(self._room.due)
        if row is None and self._room.person.role is Role.READER:
            self._message("Thank you", "You have read everything that was planned for you.", "")
            return
        session = "You decide where the readers differ. What they answered is not shown."
        begun = row is not None and row.state != "not begun"
        if row is not None:
            name = f"Session {row.session}" if row.session else "Practice"
            session = f"{name}: {row.read} of {row.stimuli} done." if begun else f"{name}: {row.stimuli} to read."
        content = {
            "who": f"{self._who} {RESEARCH}.",
            "title": self._study.form.title,
            "session": session,
            "instructions": self._study.form.instructions,
            "refusal": row.refusal if row is not None else "",
            "first": not await asyncio.to_thread(lambda: self._room.trained),
            "lights": list(ROOM_LIGHT),
            "begin": "Go on" if begun else "Begin",
        }
        with self._page():
            Setup(content, refusal).on("begin", self._open)

    @property
    def _who(self) -> str:
        name = self._room.person.name
        return "You are the readers, together at one screen." if name == CONSENSUS else f"You are {name}."

    async def _show_end(self, receipt: Receipt, done: int, total: int) -> None:
        """Thank the reader, say what was recorded and what comes next."""
        row = await asyncio.to_thread(self._room.due)
        next_ = "There is nothing left to do: you may close this window."
        again: tuple[tuple[str, Does], ...] = ()
        if row is not None:
            next_ = row.refusal or "Go on now, or another day: you come back to where you are."
            again = () if row.refusal else (("Go on", self.begin),)
        words = f"{done} of {total} are read. All your answers are recorded, up to event {receipt.seq}."
        with self._message("Thank you", words, "", *again):
            ui.label(next_).classes("lead")
            content = json.dumps(asdict(receipt), indent=1).encode()
            name = f"receipt-{receipt.session}-{receipt.seq}.json"
            with ui.element("div").classes("receipt"):
                button = ui.element("button").props("type=button")
                with button.on("click", lambda _: self._client.download(content, name, "application/json")):
                    ui.label("Download the receipt")
                ui.label("Keep it: it can prove later that nothing was changed.")

    def _message(self, title: str, words: str, refusal: str, *buttons: tuple[str, Does]) -> ui.element:
        """A page of a few words; what comes into the element that is given back stands below them."""
        with self._page(), ui.element("div").classes("sheet"):
            with ui.element("h1"):
                ui.label(title)
            ui.label(words).classes("lead")
            ui.label(refusal).classes("refusal").props("role=status")
            more = ui.element("div")
            with ui.element("div").classes("end"):
                for number, (label, does) in enumerate(buttons):
                    button = ui.element("button").props("type=button").classes("main" if number == 0 else "")
                    with button.on("click", lambda _, does=does: does()):
                        ui.label(label)
                sign_out()
        return more

    @contextmanager
    def _page(self) -> Iterator[None]:
        """A new page; what was shown is away, the images too."""
        if self._board is not None:
            self._board.clear()
        self._board = self._form = None
        self._root.clear()
        with self._root:
            yield

    # What the reader does -----------------------------------------------------------------------------------------

    async def _open(self, event: GenericEventArguments) -> None:
        given = event.args
        try:
            screen = given["screen"]
            monitor = Monitor(int(screen["width"]), int(screen["height"]), float(screen["scale"]))
            setting = Setting("browser", (monitor,), given["light"], given["brightness"], bool(given["pattern"]))
            experience = None
            if not await asyncio.to_thread(lambda: self._room.trained):
                if given["years"] is None or not str(given["training"]).strip():
                    raise InputError("Say how many years you have read such images, and your training.")
                experience = Experience(float(given["years"]), str(given["training"]).strip(), bool(given["read"]))
            await self._room.open(setting, experience)
        except InputError as error:
            await self._show(str(error))
            return
        await self._show()

    async def _go_on(self, _event: GenericEventArguments | None = None) -> None:
        """Leave the feedback; after the last practice case that is the end."""
        view = self._room.session.view if self._room.session is not None else None
        if view is not None and view.done == view.total:
            await self._close()
        else:
            await self._try(lambda session: session.go_on() if session.view.feedback else session.view)

    async def _close(self, _event: GenericEventArguments | None = None) -> None:
        try:
            view = await self._room.do(lambda session: session.view)
            receipt = await self._room.close()
        except InputError as error:
            await self._show(str(error))
            return
        await self._show_end(receipt, view.done, view.total)

    async def _at_canvas(self, does: Step) -> None:
        await self._try(does, at_canvas=True)

    def _step(self, does: Step) -> Does:
        return lambda: self._try(does)

    def _said(self, does: Callable[[Session, Mapping[str, Any]], View]) -> Handler:
        """A handler of what the form says. What it says of something that is no longer on the screen is dropped."""

        async def said(event: GenericEventArguments) -> None:
            given = event.args

            def step(session: Session) -> View:
                view = session.view
                same = (view.stimulus, view.stage) == (given["code"], given["stage"])
                return does(session, given) if same else view

            await self._try(step)

        return said

    async def _try(self, does: Step, at_canvas: bool = False) -> None:
        """Do a step, show what follows or why it was refused."""
        words = ""
        if self._room.desk is self:
            try:
                await self._room.do(does)
            except InputError as error:
                words = str(error)
        await self._show("" if at_canvas else words, words if at_canvas else "")


def _forward(session: Session, _given: Mapping[str, Any]) -> View:
    return session.next_stage() if session.view.stage < session.view.stages else session.submit()


def sign_out() -> None:
    """The button that ends the log-in."""
    with ui.element("form").props("method=post action=/leave"), ui.element("button").props("type=submit"):
        ui.label("Sign out")
