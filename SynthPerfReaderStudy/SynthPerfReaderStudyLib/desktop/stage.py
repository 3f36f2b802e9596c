"""The images and regions of a view in Slicer's slice views, and what the reader draws there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from SynthPerfLib.desktop import geometry
from SynthPerfLib.desktop.nodes import ijk_to_ras
from SynthPerfLib.desktop.observing import Observer
from SynthPerfLib.desktop.panes import Panes
from SynthPerfLib.desktop.shown import Shown
from SynthPerfLib.desktop.views import PAGE, Views
from SynthPerfLib.rois import Grid

from ..drawing import DISC, OUTLINE, Place, at, colours_of, next_open, place_of, rub_out, title_of
from ..session import Session
from ..stimuli import StimulusImage
from ..view import State, View
from .outlines import Outline, Outlines
from .pictures import Pictures
from .pointer import ERASE, Pointer, Stroke

_OPACITIES = (0.4, 0.6, 0.8, 0.2)

Step = Callable[[Session], View]


class Stage:
    """The views.

    Parameters
    ----------
    panes
        The application's slice views.
    step
        Does a step of the session and shows what follows.
    moved
        Called when the reader moved in the images.
    changed
        Called when another region is drawn next, or views have another size.
    pressed
        Called when the mouse is pressed in a view.

    Attributes
    ----------
    armed
        The region that is drawn next; None while no tool to draw is in the hand.
    views
        The linked views.
    """

    def __init__(
        self,
        panes: Panes,
        step: Callable[[Step], Any],
        moved: Callable[[], Any],
        changed: Callable[[], Any],
        pressed: Callable[[], Any],
    ) -> None:
        self.panes, self.views = panes, Views(panes, "Reading")
        self.armed: Place | None = None
        self._step, self._moved, self._changed = step, moved, changed
        self._pictures = Pictures(panes.scene)
        self._outlines = Outlines()
        self._pointer = Pointer(self._drawn, pressed)
        self._view: View | None = None
        self._up: tuple[str, int] | None = None
        self._maps: dict[str, str] = {}
        self._reference: Any = None
        self._sizes: dict[str, tuple[int, int]] = {}
        self._zooms: dict[str, float] = {}
        self._observer = Observer()
        self._over = 0
        self._opacity = 0
        self._disconnect = self.views.pointed.connect(lambda _: moved())

    def show(self, view: View) -> None:
        """Show the images and regions of a view; none outside of reading.

        Raises
        ------
        InputError
            If an image is not the one that was made with the study.
        """
        self._view = view
        if view.state is not State.READING:
            if view.state is not State.FEEDBACK or self._up is None:
                self._blank()
            self.take(None)
            return
        if (view.stimulus, view.stage) != self._up:
            self._arrange(view)
        if self.armed is not None and at(view, self.armed) is None:
            self.take(None)
        self._draw(view)

    def leave(self) -> None:
        """Take everything out of the scene, and give the views back."""
        self._disconnect()
        self._observer.release()
        self._outlines.clear()
        self._pointer.release()
        self.views.leave()
        self._pictures.keep_only()
        self._view = self._up = None

    def tidy(self, *codes: str) -> None:
        """Take the images of all other stimuli out of the scene."""
        self._pictures.keep_only(*codes)

    def preload(self, code: str, images: Mapping[str, StimulusImage]) -> bool:
        """Read one image of the next stimulus; whether there is more to read."""
        image = self._pictures.next_missing(code, images)
        if image is not None:
            self._pictures.node(code, image)
        return self._pictures.next_missing(code, images) is not None

    # Tools --------------------------------------------------------------------------------------------------------

    @property
    def tool(self) -> str | None:
        """The tool in the hand."""
        return self._pointer.tool

    def take(self, tool: str | None, place: Place | None = None, task: str = "") -> None:
        """Take up a tool: for the region of ``place``, or the first that is still to be drawn with it, of ``task`` if
        there is one."""
        self._pointer.cancel()
        if tool in (DISC, OUTLINE) and self._view is not None:
            place = place or next_open(self._view, tool, task) or self._any(tool)
        self.armed = place if tool in (DISC, OUTLINE) else None
        self._pointer.tool = tool if tool == ERASE or self.armed is not None else None
        for pane in self.panes.visible() if self._up is not None else ():
            pane.aim(self.tool is not None and (self.armed is None or self._maps.get(pane.name) == self.armed.map))

    @property
    def hint(self) -> str:
        """What to do with the tool in the hand."""
        view = self._view
        if view is None or view.state is not State.READING or not view.regions:
            return ""
        wanted = at(view, self.armed)
        if wanted is not None:
            on = f"{title_of(wanted)} on {view.images[wanted.map].label}"
            return f"Click the centre of {on}." if self.tool == DISC else f"Draw around {on}."
        if self.tool == ERASE:
            return "Click the region that is to go."
        if any(next_open(view, shape) for shape in (DISC, OUTLINE)):
            return "Take a tool to draw the regions."
        return ""

    # Images -------------------------------------------------------------------------------------------------------

    def scroll(self, slices: int) -> None:
        """Move through the slices, towards the head if positive."""
        self.views.scroll(slices)
        self._moved()

    def page(self, pages: int) -> None:
        """Move through the slices by pages."""
        self.scroll(PAGE * pages)

    def reset(self) -> None:
        """Zoom and place as at first."""
        self.views.fit()

    def flicker(self) -> None:
        """Anatomy in the place of the maps, and back."""
        self.views.flicker()
        self._moved()

    def overlay(self) -> None:
        """Lay the next map over the anatomy; after the last one, none."""
        self._over = (self._over + 1) % (len(self._shown_maps()) + 1)
        self._lay()

    def fade(self) -> None:
        """Show more or less of the map that lies over the anatomy."""
        self._opacity = (self._opacity + 1) % len(_OPACITIES)
        self._over = self._over or min(1, len(self._shown_maps()))
        self._lay()

    def _lay(self) -> None:
        maps = self._shown_maps()
        over = maps[self._over - 1] if 0 < self._over <= len(maps) else None
        self.views.set_over(over, _OPACITIES[self._opacity])
        self._moved()

    def _shown_maps(self) -> list[Shown]:
        return [image for image in self.views.images if image.is_map]

    # What is shown ------------------------------------------------------------------------------------------------

    def _arrange(self, view: View) -> None:
        code = view.stimulus
        kind = Shown if any(wanted.task.values_shown for wanted in view.regions) else _Wordless
        shown = {
            name: kind(
                self._pictures.node(code, image),
                image.label,
                image.unit,
                image.colours if image.kind == "map" else None,
                image.range,
            )
            for name, image in view.images.items()
        }
        rows = [[shown[name] for name in row] for row in view.layout]
        reference = next((image.node for row in rows for image in row if not image.is_map), rows[0][0].node)
        self._reference = reference
        self.take(None)
        self._over = 0
        self.views.set_over(None, 0.0)
        self.views.show(rows, reference, reference)
        if self._up is None or self._up[0] != code:
            self._turn(reference)
        names = [name for row in view.layout for name in row]
        self._maps = {pane.name: name for pane, name in zip(self.panes.visible(), names, strict=True)}
        self._pointer.watch({pane.name: pane for pane in self.panes.visible()})
        self._pointer.locked = frozenset(p for p, name in self._maps.items() if view.images[name].kind == "map")
        self._up = (code, view.stage)
        self._observer.release()
        self.panes.when_sized(self._watch_sizes)

    def _watch_sizes(self) -> None:
        """Look at the sizes of the views from now on: one may become large, and the window too."""
        self._observer.release()
        for pane in self.panes.visible() if self._up is not None else ():
            self._sizes[pane.name] = pane.slice_node.GetDimensions()[:2]
            self._look_at_size(pane.name, pane.slice_node)
            self._observer.watch(
                pane.slice_node, "ModifiedEvent", partial(self._look_at_size, pane.name, pane.slice_node)
            )

    def _look_at_size(self, name: str, node: Any) -> None:
        if node.GetDimensions()[:2] == self._sizes[name]:
            self._zooms[name] = self._whole(node) / geometry.place_of(node).scale
        else:
            self._observer.release()
            self.panes.when_sized(self._resized)

    def _resized(self) -> None:
        """What is seen in a view grows and shrinks with it; those that come back show what the others show."""
        if self._up is not None:
            self._lay()
            self._changed()
            self.panes.when_sized(self._zoom_again)

    def _zoom_again(self) -> None:
        for pane in self.panes.visible() if self._up is not None else ():
            place = geometry.place_of(pane.slice_node)
            scale = self._whole(pane.slice_node) / self._zooms.get(pane.name, 1.0)
            geometry.go(pane.slice_node, geometry.Place(place.centre, scale))
        self._watch_sizes()

    def _whole(self, node: Any) -> float:
        """The scale at which a view just shows the whole image, mm to a pixel."""
        extent = np.ptp(geometry.corners(self._reference) @ geometry.axes(node), axis=0)[:2]
        return float(np.max(extent / np.maximum(node.GetDimensions()[:2], 1)))

    def _turn(self, reference: Any) -> None:
        """Show the plane in which the slices lie, where it is not the axial one."""
        orientation = _orientation(reference)
        if orientation != "Axial":
            for pane in self.panes.visible():
                pane.slice_node.SetOrientation(orientation)
                pane.slice_node.RotateToVolumePlane(reference)
            self.views.fit()

    def _draw(self, view: View) -> None:
        colours = colours_of(view)
        drawn = [
            Outline(w.region, str(w.number) if w.task.count > 1 else w.task.title, colours[w.task.id])
            for w in view.regions
            if w.region is not None
        ]
        self._outlines.show(self.panes.visible(), drawn)

    def _blank(self) -> None:
        self._outlines.clear()
        self._pointer.release()
        self._observer.release()
        self._up = None
        if not self.views.active or self.views.images:
            nothing = self._pictures.nothing()
            self.views.show([[None for _ in row] for row in self.views.rows] or [[None]], nothing, nothing)
        self._pictures.keep_only("")

    # What is drawn ------------------------------------------------------------------------------------------------

    def _drawn(self, stroke: Stroke) -> None:
        view, place, points = self._view, self.armed, stroke.points
        if view is None:
            return
        if self.tool == ERASE:
            self._step(lambda session: rub_out(session, points.tolist()))
        elif place is not None:
            if self._maps.get(stroke.pane) != place.map:
                return
            shape = self.tool
            if shape == DISC:
                self._step(lambda session: session.draw_disc(*place, points[0].tolist()))
            else:
                self._step(lambda session: session.draw_outline(*place, points.tolist()))
            self._go_to_next(place)

    def _go_to_next(self, place: Place) -> None:
        view = self._view
        drawn = at(view, place) if view is not None else None
        if view is None or drawn is None or drawn.region is None:
            return
        following = next_open(view, drawn.task.shape, place.task)
        self.take(drawn.task.shape if following is not None else None, following)
        self._changed()

    def _any(self, tool: str) -> Place | None:
        assert self._view is not None
        return next((place_of(w) for w in self._view.regions if w.task.shape == tool), None)


class _Wordless(Shown):
    """An image whose values are not told: the protocol asks for an impression, not for numbers."""

    def words(self, value: float | None) -> str:  # noqa: ARG002
        """Nothing."""
        return ""


def _orientation(node: Any) -> str:
    """Slicer's word for the plane in which the slices of a volume were acquired."""
    matrix = ijk_to_ras(node)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    direction = matrix[:3, :3] / spacing
    grid = Grid(node.GetImageData().GetDimensions(), tuple(spacing), tuple(matrix[:3, 3]), tuple(direction.ravel()))
    return ("Sagittal", "Coronal", "Axial")[int(np.argmax(np.abs(direction[:, grid.slice_axis])))]
