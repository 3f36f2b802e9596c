"""The canvas of the browser seat: linked views of one case, drawn by NiiVue in the reader's browser.

It shows what it is told and reports what the reader does. Regions are made and kept by the session: the page holds
nothing that a reload could lose.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nicegui import events, ui
from SynthPerfLib.colours import table
from SynthPerfLib.rois import Roi
from typing_extensions import Self

from ..stimuli import StimulusImage

Point = tuple[float, float, float]
"""LPS, mm."""

Handler = Callable[..., Awaitable[None] | None]

_LONGEST_LINE = 20000  # points; a closed line around a whole slice on a large monitor has a few thousand
_NIIVUE = Path(__file__).parent / "niivue" / "index.js"


def canvas_missing() -> str:
    """Why the canvas cannot be shown, in words; empty if it can."""
    if _NIIVUE.is_file():
        return ""
    return (
        "The image viewer of the browser seat (NiiVue) is not in this installation: install SynthPerf from its wheel, "
        "or, in a checkout, run make venv again with a connection to the network."
    )


@dataclass(frozen=True)
class Picture:
    """One image as the canvas gets it.

    Attributes
    ----------
    name
        As in the layout.
    url, brain
        Where the volume, and the mask outside which it is black, are fetched.
    kind
        ``map``: its range is locked; ``image``: the reader may window it.
    """

    name: str
    label: str
    url: str
    kind: str
    range: tuple[float, float]
    unit: str
    colours: str
    brain: str = ""

    @classmethod
    def of(cls, image: StimulusImage, url: str, brain: str = "") -> Picture:
        """An image of a stimulus; anatomy is shown whole, maps inside the brain."""
        mask = brain if image.kind == "map" else ""
        return cls(image.name, image.label, url, image.kind, image.range, image.unit, image.colours, mask)


@dataclass(frozen=True)
class Region:
    """A region that is drawn.

    Attributes
    ----------
    id
        Comes back when the reader erases it.
    label
        Written beside it.
    colour
        ``#rrggbb``.
    images
        Names of the images on which it is shown.
    """

    id: str
    label: str
    colour: str
    images: tuple[str, ...]
    roi: Roi

    def as_json(self) -> dict[str, Any]:
        """Where it is; not who drew it."""
        payload = self.roi.payload()
        shown = {"id": self.id, "label": self.label, "colour": self.colour, "images": list(self.images)}
        return {**shown, "grid": payload["grid"], "runs": payload["runs"]}


class Seat(ui.element, component="seat.js", esm={"synthperf-seat": "canvas", "niivue": "niivue"}):
    """The canvas and its tools; it fills its parent.

    Parameters
    ----------
    on_disc
        ``(map, centre)``: the reader set a disc; points are LPS, mm.
    on_outline
        ``(map, points)``: the reader drew a closed line on the slice that was shown.
    on_erase
        ``(region)``: the reader clicked a region with the eraser.
    on_cut
        ``(region, points)``: the reader drew a closed line over a region with the eraser.
    on_undo, on_redo
        ``()``.
    on_tool
        ``(tool)``: the reader wants ``disc``, ``outline``, ``erase`` or None; :meth:`set_tool` answers.
    on_ready
        ``(code, milliseconds)``: all images are on the screen.
    on_failed
        ``(code, words)``: some are not; the canvas has said so, and offers to try again.
    on_activity
        ``()``: a sign of life, at most every five seconds.
    """

    def __init__(
        self,
        *,
        on_disc: Handler | None = None,
        on_outline: Handler | None = None,
        on_erase: Handler | None = None,
        on_cut: Handler | None = None,
        on_undo: Handler | None = None,
        on_redo: Handler | None = None,
        on_tool: Handler | None = None,
        on_ready: Handler | None = None,
        on_failed: Handler | None = None,
        on_activity: Handler | None = None,
    ) -> None:
        super().__init__()
        self._handlers: dict[str, tuple[Handler | None, tuple[Callable[[Any], Any], ...]]] = {
            "disc": (on_disc, (_word, _point)),
            "outline": (on_outline, (_word, _line)),
            "erase": (on_erase, (_word,)),
            "cut": (on_cut, (_word, _line)),
            "undo": (on_undo, ()),
            "redo": (on_redo, ()),
            "tool": (on_tool, (_tool,)),
            "ready": (on_ready, (_word, float)),
            "failed": (on_failed, (_word, _word)),
            "activity": (on_activity, ()),
        }
        nothing: dict[str, Any] = {"case": None, "ahead": [], "regions": [], "tool": None, "tables": {}}
        self._state: dict[str, Any] = {}
        self._set(**nothing, allowed=[], undo=False, redo=False, words="")
        self.style("width: 100%; height: 100%; min-height: 0")
        self.on("seat", self._reported)

    def show(
        self, code: str, images: Sequence[Picture], layout: Sequence[Sequence[str]], *, values_shown: bool = False
    ) -> None:
        """Show a case: with a new code in the middle of its stack, with the same code where the reader is.

        Parameters
        ----------
        layout
            Rows of names.
        values_shown
            Whether the value under the pointer is shown.
        """
        case = {
            "code": code,
            "images": [asdict(image) for image in images],
            "layout": [list(row) for row in layout],
            "values": values_shown,
        }
        tables = {name: table(name).tolist() for name in sorted({image.colours for image in images})}
        self._set(case=case, tables=tables)

    def preload(self, images: Sequence[Picture]) -> None:
        """Fetch and decode the images of the next case ahead, so that :meth:`show` is a matter of milliseconds."""
        self._set(ahead=[asdict(image) for image in images])

    def set_regions(self, regions: Sequence[Region]) -> None:
        """Draw these regions and no others."""
        self._set(regions=[region.as_json() for region in regions])

    def set_tools(self, allowed: Sequence[str], *, undo: bool, redo: bool) -> None:
        """Which tools can be chosen now; without any there are no buttons for them."""
        self._set(allowed=list(allowed), undo=undo, redo=redo)

    def set_tool(
        self,
        tool: str | None,
        *,
        maps: Sequence[str] = (),
        area_cm2: float = 0.0,
        label: str = "",
        colour: str = "#ffd54a",
    ) -> None:
        """Put a tool in the reader's hand.

        Parameters
        ----------
        maps
            Where it draws.
        area_cm2
            Of the disc.
        label
            What is drawn with it.
        """
        chosen = {"name": tool, "maps": list(maps), "area": area_cm2, "label": label, "colour": colour}
        self._set(tool=chosen if tool else None)

    def say(self, words: str) -> None:
        """A line above the tools; empty to clear it."""
        self._set(words=words)

    def clear(self) -> Self:
        """Black, and nothing left in the page's memory."""
        self._set(case=None, ahead=[], regions=[], tool=None, allowed=[], undo=False, redo=False, words="")
        return self

    def _set(self, **parts: Any) -> None:
        state = {**self._state, **parts}
        if state == self._state:
            return
        self._state = state
        self._props["content"] = json.dumps(state)  # as text: NiceGUI would watch every number of a nested value
        self.update()

    async def _reported(self, event: events.GenericEventArguments) -> None:
        """Hand on what the page reports; what is not what a canvas reports is nothing that this reader did."""
        try:
            name, *values = event.args
            handler, kinds = self._handlers[name]
            known = [kind(value) for kind, value in zip(kinds, values, strict=True)]
        except (TypeError, ValueError, KeyError):
            return
        if handler is not None:
            result = handler(*known)
            if inspect.isawaitable(result):
                await result


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500:
        raise ValueError
    return value


def _tool(value: Any) -> str | None:
    return None if value is None else _word(value)


def _point(value: Any) -> Point:
    x, y, z = (float(number) for number in value)
    if not all(math.isfinite(number) for number in (x, y, z)):
        raise ValueError
    return x, y, z


def _line(value: Any) -> list[Point]:
    if not isinstance(value, list) or len(value) > _LONGEST_LINE:
        raise ValueError
    return [_point(point) for point in value]
