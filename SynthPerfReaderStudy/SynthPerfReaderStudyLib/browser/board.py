"""Between the canvas and the session: which images are up, which tool is in the hand, what was drawn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..drawing import DISC, OUTLINE, Place, at, colours_of, next_open, place_of, rub_out, title_of
from ..session import Session
from ..view import View, Wanted
from .rooms import BRAIN, Room, Shown
from .seat import Picture, Region, Seat

_TOOLS = {DISC: "disc", OUTLINE: "outline"}
"""The canvas's word for each way of drawing."""

Step = Callable[[Session], View]
Point = Sequence[float]


class Board:
    """The canvas of one window.

    Parameters
    ----------
    room
        The reader's.
    step
        Does a step of the session and shows what follows; what is refused is said at the canvas.
    armed
        Called when another region is armed, to show it in the form.
    """

    def __init__(
        self, room: Room, step: Callable[[Step], Awaitable[None]], armed: Callable[[], Awaitable[None]]
    ) -> None:
        self.armed: Place | None = None
        self._room = room
        self._step = step
        self._changed = armed
        self._erasing = False
        self._up: tuple[str, int] | None = None
        self._ready = ""
        self._preloaded = ""
        self._view: View | None = None
        self._told: dict[str, Any] = {}
        self._seat = Seat(
            on_disc=self._disc,
            on_outline=self._outline,
            on_erase=self._erase,
            on_cut=self._cut,
            on_undo=lambda: self._drawn(lambda session: session.undo()),
            on_redo=lambda: self._drawn(lambda session: session.redo()),
            on_tool=self._tool,
            on_ready=self._is_ready,
            on_activity=room.touch,
        )

    def show(self, view: View, refusal: str) -> None:
        """Show the images and regions of a view, and what of the drawing was refused."""
        self._view, seat = view, self._seat
        if (view.stimulus, view.stage) != self._up:
            self._up = (view.stimulus, view.stage)
            self.armed, self._erasing = None, False
            values = any(wanted.task.values_shown for wanted in view.regions)
            seat.show(view.stimulus, pictures(Shown(view.stimulus, view.images)), view.layout, values_shown=values)
        colour = colours_of(view)
        drawn = [_region(wanted, view, colour) for wanted in view.regions if wanted.region is not None]
        self._tell(seat.set_regions, drawn)
        shapes = {_TOOLS[wanted.task.shape] for wanted in view.regions}
        tools = [*sorted(shapes), *(["erase"] if drawn else [])]
        self._tell(seat.set_tools, tools, undo=view.can_undo, redo=view.can_redo)
        self._take_up(view)
        self._tell(seat.say, refusal)
        following = self._room.next
        if following is not None and following.code != self._preloaded:
            self._preloaded = following.code
            seat.preload(pictures(following))

    def clear(self) -> None:
        """Take the images away."""
        self._seat.clear()

    async def arm(self, place: Place | None) -> None:
        """Take up the tool with which a region is drawn."""
        self.armed, self._erasing = place, False
        await self._changed()

    async def erase(self, place: Place) -> None:
        """Take a region back."""
        await self._drawn(lambda session: session.erase(*place))

    # What the canvas says -----------------------------------------------------------------------------------------

    def _is_ready(self, code: str, _milliseconds: float) -> None:
        self._ready = code

    async def _tool(self, tool: str | None) -> None:
        self._erasing = tool == "erase"
        shape = {name: shape for shape, name in _TOOLS.items()}.get(tool or "")
        self.armed = None if shape is None or self._view is None else next_open(self._view, shape)
        await self._changed()

    async def _disc(self, map: str, centre: Point) -> None:
        place = self.armed
        if place is not None and place.map == map:
            await self._drawn(lambda session: session.draw_disc(*place, centre))
            await self._go_to_next(place)

    async def _outline(self, map: str, points: Sequence[Point]) -> None:
        place = self.armed
        if place is not None and place.map == map:
            await self._drawn(lambda session: session.draw_outline(*place, points))
            await self._go_to_next(place)

    async def _erase(self, region: str) -> None:
        places = [place_of(wanted) for wanted in self._view.regions] if self._view is not None else []
        for place in places:
            if _id(place) == region:
                await self.erase(place)

    async def _cut(self, _region: str, points: Sequence[Point]) -> None:
        await self._drawn(lambda session: rub_out(session, points))

    async def _drawn(self, does: Step) -> None:
        """A step of the drawing, on the stimulus that the reader saw: a stroke that comes after its images have gone is
        not one on those that follow."""
        seen = self._ready
        await self._step(lambda session: does(session) if session.view.stimulus == seen else session.view)

    async def _go_to_next(self, drawn: Place) -> None:
        view = self._view
        wanted = None if view is None else at(view, drawn)
        if view is not None and wanted is not None and wanted.region is not None and self.armed == drawn:
            await self.arm(next_open(view, wanted.task.shape, drawn.task))

    def _tell(self, say: Callable[..., None], *args: Any, **options: Any) -> None:
        """Tell the canvas something, unless it was told just that: an answer to a question does not concern it."""
        if self._told.get(say.__name__) != (args, options):
            self._told[say.__name__] = (args, options)
            say(*args, **options)

    def _take_up(self, view: View) -> None:
        wanted = at(view, self.armed)
        if self._erasing:
            self._tell(self._seat.set_tool, "erase", maps=sorted({w.map for w in view.regions}))
        elif wanted is None:
            self.armed = None
            self._tell(self._seat.set_tool, None)
        else:
            self._tell(
                self._seat.set_tool,
                _TOOLS[wanted.task.shape],
                maps=[wanted.map],
                area_cm2=wanted.task.area_cm2 or 0.0,
                label=title_of(wanted),
                colour=colours_of(view)[wanted.task.id],
            )


def pictures(shown: Shown) -> list[Picture]:
    """The images of a stimulus as the canvas fetches them."""
    brain = address(shown.code, BRAIN)
    return [Picture.of(image, address(shown.code, name), brain) for name, image in shown.images.items()]


def address(code: str, name: str) -> str:
    """Where an image is fetched."""
    return f"/images/{code}/{name}.nii.gz"


def _region(wanted: Wanted, view: View, colour: dict[str, str]) -> Region:
    assert wanted.region is not None
    label = str(wanted.number) if wanted.task.count > 1 else wanted.task.title
    return Region(_id(place_of(wanted)), label, colour[wanted.task.id], tuple(view.images), wanted.region)


def _id(place: Place) -> str:
    return f"{place.task}:{place.number}:{place.map}"
