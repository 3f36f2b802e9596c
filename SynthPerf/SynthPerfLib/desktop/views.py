"""Linked slice views: rows of images at one place, on one scale, patient's right on the screen's left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import geometry
from .marks import Marks
from .observing import Observer
from .panes import VIEW_GROUP, Pane, Panes
from .shown import Looks, Shown
from .signal import Signal

RESEARCH = "Research use only"

PAGE = 5
"""Slices that a page moves."""

_CURSOR_MOVED = 22000  # vtkMRMLCrosshairNode::CursorPositionModifiedEvent

Rows = Sequence[Sequence[Shown | None]]


class Views:
    """Slice views of one kind, and the application's own views as they were before.

    Parameters
    ----------
    panes
        The application's slice views.
    name
        Begins the layout names of the views.

    Attributes
    ----------
    pointed
        Emitted with the point under the mouse (RAS), or None when it left the views.
    changed
        Emitted after the views were shown or left.
    rows
        What is shown.
    before
        How the application looked before; JSON. None while the views are not shown.
    """

    def __init__(self, panes: Panes, name: str) -> None:
        self.panes, self.scene, self._name = panes, panes.scene, name
        self.pointed, self.changed = Signal(), Signal()
        self.rows: Rows = ()
        self.before: dict[str, Any] | None = None
        self.flickering = False
        self._over: Shown | None = None
        self._opacity = 0.0
        self._crosshair = True
        self._fitted: tuple[Any, Any] | None = None
        self._cells: dict[str, Shown | None] = {}
        self._marks: dict[str, Marks] = {}
        self._looks = Looks(self.scene)
        self._observer = Observer()

    @property
    def active(self) -> bool:
        """Whether the views are on the screen."""
        return self.before is not None

    def show(
        self, rows: Rows, reference: Any, plane: Any | None = None, before: Mapping[str, Any] | None = None
    ) -> None:
        """Show images in rows; at the same place as before if the reference and the plane are the same.

        Parameters
        ----------
        reference
            Volume node on which the views are fitted; its slices are what scrolling steps through. None if no image is
            shown.
        plane
            Volume node whose slices are shown (those nearest to axial); None for the patient's axial plane.
        before
            How the application looked before, if that is known from a saved scene.
        """
        place = next((geometry.place_of(pane.slice_node) for pane in self._own()), None)
        before_this, self._fitted = self._fitted, (reference, plane)
        if not self.active:
            self.before = dict(before) if before else {"panes": self.panes.state(), "crosshair": self._crosshair_mode}
        self._clear()
        self.rows = rows
        names = [
            [f"{self._name}-{row}-{column}" for column in range(1, len(images) + 1)]
            for row, images in enumerate(rows, 1)
        ]
        self.panes.arrange(names)
        self._cells = {
            name: image
            for row, images in zip(names, rows, strict=True)
            for name, image in zip(row, images, strict=True)
        }
        for image in self.images:
            self._looks.put_on(image)
        panes = list(self._own())
        for pane in panes:
            # Views that are linked hand a new image on to each other: the link comes last.
            pane.composite_node.SetLinkedControl(False)
            pane.slice_node.SetViewGroup(VIEW_GROUP)
            pane.slice_node.SetOrientation("Axial")
            if plane is not None:
                pane.slice_node.RotateToVolumePlane(plane)
            self._watch(pane)
        self._fill()
        if place is not None and before_this == self._fitted:
            self._go(place)
            self.panes.when_sized(partial(self._go, place))  # a view that is new has not got its size yet
        elif reference is not None:
            same_head = place is not None and before_this is not None and before_this[0] is reference
            self._fit(place.centre if place is not None and same_head else geometry.middle(reference))
            self.panes.when_sized(self.fit)
        for pane in panes:
            pane.composite_node.SetHotLinkedControl(True)
            pane.composite_node.SetLinkedControl(True)
        self.set_crosshair(self._crosshair)
        if self._crosshair_node is not None:
            self._observer.watch(self._crosshair_node, _CURSOR_MOVED, self._point)
        for image in self.images:
            if image.is_map:
                self._observer.watch(image.node.GetDisplayNode(), "ModifiedEvent", partial(Looks.keep_range, image))
        self.changed.emit()

    def leave(self) -> None:
        """Give the application back as it was."""
        if self.before is None:
            return
        before, self.before = self.before, None
        self._clear()
        self._looks.take_off()
        self.rows, self._fitted, self._over = (), None, None
        self.panes.restore(before["panes"])
        if self._crosshair_node is not None:
            self._crosshair_node.SetCrosshairMode(before["crosshair"])
        self.changed.emit()

    @property
    def images(self) -> list[Shown]:
        """What is shown, row by row, no image twice."""
        return list({image.node.GetID(): image for row in self.rows for image in row if image is not None}.values())

    def set_over(self, image: Shown | None, opacity: float) -> None:
        """Lay a map over the anatomy, ``opacity`` from 0 to 1; None takes it away."""
        self._over, self._opacity = image, opacity
        self._fill()

    def flicker(self) -> None:
        """Put the first anatomy in the place of every map, and back."""
        self.flickering = not self.flickering and self._anatomy is not None
        self._fill()

    def set_crosshair(self, on: bool) -> None:
        """Show the point under the mouse in all views."""
        self._crosshair = on
        node = self._crosshair_node
        if self.active and node is not None:
            node.SetCrosshairMode(node.ShowSmallBasic if on else node.NoCrosshair)

    def scroll(self, count: int) -> None:
        """Move all views by ``count`` slices of the reference, towards the head if positive; not beyond its ends."""
        for pane in self._own() if self._reference is not None else ():
            node = pane.slice_node
            step, first, last = geometry.slices(self._reference, geometry.axes(node)[:, 2])
            node.SetSliceOffset(float(np.clip(node.GetSliceOffset() + count * step, first, last)))

    def jump(self, ras: Sequence[float]) -> None:
        """Move all views to the slice through a point (RAS, mm)."""
        for pane in self._own():
            pane.slice_node.SetSliceOffset(float(geometry.axes(pane.slice_node)[:, 2] @ np.asarray(ras)))

    def fit(self) -> None:
        """Show the whole reference, on the same scale in all views."""
        for pane in self._own() if self._reference is not None else ():
            self._fit(geometry.place_of(pane.slice_node).centre)
            break

    def texts(self) -> list[dict[str, str]]:
        """What is written in each view, row by row."""
        return [marks.texts() for marks in self._marks.values()]

    @property
    def _reference(self) -> Any:
        return self._fitted[0] if self._fitted else None

    @property
    def _anatomy(self) -> Shown | None:
        return next((image for image in self.images if not image.is_map), None)

    @property
    def _crosshair_node(self) -> Any | None:
        return self.scene.GetSingletonNode("default", "vtkMRMLCrosshairNode")

    @property
    def _crosshair_mode(self) -> int:
        return 0 if self._crosshair_node is None else int(self._crosshair_node.GetCrosshairMode())

    def _fit(self, point: np.ndarray) -> None:
        first = next(self._own(), None)
        if first is not None:
            self._go(geometry.whole(self._reference, first.slice_node, point))

    def _go(self, place: geometry.Place) -> None:
        for pane in self._own():
            geometry.go(pane.slice_node, place)

    def _own(self) -> Iterator[Pane]:
        return (pane for pane in self.panes.visible() if pane.name in self._cells)

    def _fill(self) -> None:
        """Give every view its image, what lies over it, and its texts."""
        panes = list(self._own())
        linked = [pane.composite_node.GetLinkedControl() for pane in panes]
        for pane in panes:  # a linked view would hand its opacity on to the others, that of a map to the anatomy
            pane.composite_node.SetLinkedControl(False)
        for pane in panes:
            image = self._cells[pane.name]
            if self.flickering and image is not None and image.is_map:
                image = self._anatomy
            over, opacity = self._above(image)
            composite = pane.composite_node
            composite.SetBackgroundVolumeID(None if image is None else image.node.GetID())
            composite.SetForegroundVolumeID(None if over is None else over.node.GetID())
            composite.SetForegroundOpacity(opacity)
            composite.SetLabelVolumeID(None)
            self._title(pane, image, over if opacity > 0 else None)
        for pane, link in zip(panes, linked, strict=True):
            pane.composite_node.SetLinkedControl(link)

    def _above(self, image: Shown | None) -> tuple[Shown | None, float]:
        """What lies over an image, and how dense."""
        if image is None or self.flickering:
            return None, 0.0
        if image.over is not None:
            return image.over, 1.0
        return (self._over, self._opacity) if not image.is_map and self._over is not None else (None, 0.0)

    def _title(self, pane: Pane, image: Shown | None, over: Shown | None) -> None:
        coloured = next((shown for shown in (over, image) if shown is not None and shown.is_map), None)
        marks = self._marks[pane.name]
        marks.write(
            title="\n+ ".join(shown.label for shown in (image, over) if shown is not None),
            use=RESEARCH if coloured else "",
        )
        if coloured is not None and coloured.range is not None:
            marks.bar(coloured.colours, coloured.unit, coloured.range)
        else:
            marks.bar(None)
        pane.render()

    def _watch(self, pane: Pane) -> None:
        """Write into a view, and keep what is written true."""
        marks = self._marks[pane.name] = Marks(pane.renderer, pane.scale)
        marks.place(pane.slice_node)
        self._observer.watch(pane.slice_node, "ModifiedEvent", lambda: marks.place(pane.slice_node))

    def _point(self) -> None:
        node, ras = self._crosshair_node, [0.0, 0.0, 0.0]
        inside = node is not None and node.GetCursorPositionRAS(ras)
        if inside and self._crosshair:
            node.SetCrosshairRAS(ras)  # type: ignore[union-attr]
        for pane in self._own():
            image = self._cells[pane.name]
            if image is not None:
                self._marks[pane.name].write(value=_value(image, ras) if inside else "")
                pane.render()
        self.pointed.emit(tuple(ras) if inside else None)

    def _clear(self) -> None:
        self._observer.release()
        for marks in self._marks.values():
            marks.remove()
        self._marks, self._cells, self.flickering = {}, {}, False


def _value(image: Shown, ras: Sequence[float]) -> str:
    """The value under the mouse, of the image that is seen there."""
    above = image.over.value(ras) if image.over is not None else None
    return image.over.words(above) if image.over and above is not None else image.words(image.value(ras))
