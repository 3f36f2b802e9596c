"""Slice views as the application lays them out: behind a protocol, because there is no layout manager in a test."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

VIEW_GROUP = 8701
"""Views of one group are linked with each other only: the user's own views stay where they are."""


class Pane(Protocol):
    """One slice view on the screen.

    Attributes
    ----------
    name
        Its layout name (the singleton tag of its slice node).
    slice_node, composite_node
        vtkMRMLSliceNode and vtkMRMLSliceCompositeNode.
    renderer
        vtkRenderer that texts are added to.
    interactor
        vtkRenderWindowInteractor that mouse events come from.
    scale
        Device pixels to one pixel of the window system.
    """

    name: str
    slice_node: Any
    composite_node: Any
    renderer: Any
    interactor: Any
    scale: float

    def render(self) -> None:
        """Draw again when the application next has time."""
        ...

    def aim(self, on: bool) -> None:
        """Show the mouse as a cross, to say that a click is waited for."""
        ...


class Panes(Protocol):
    """The slice views of an application.

    Attributes
    ----------
    scene
        The MRML scene.
    """

    scene: Any

    def arrange(self, rows: Sequence[Sequence[str]]) -> None:
        """Show slice views of these names in rows, all of one size, and nothing else."""
        ...

    def when_sized(self, call: Callable[[], Any]) -> None:
        """Call ``call`` once views that were arranged now have their size."""
        ...

    def visible(self) -> list[Pane]:
        """The slice views on the screen, row by row."""
        ...

    def state(self) -> dict[str, Any]:
        """How the application's views are arranged now; JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Arrange them as :meth:`state` said."""
        ...


def layout_number(xml: str) -> int:
    """The number under which a layout is known to Slicer: made from its content, far from Slicer's own numbers."""
    return 870000 + zlib.crc32(xml.encode()) % 100000


def layout_xml(rows: Sequence[Sequence[str]]) -> str:
    """Slicer's description of a layout of slice views in rows."""
    number = 0
    lines = ['<layout type="vertical" split="true">']
    for row in rows:
        lines += ["<item>", '<layout type="horizontal" split="true">']
        for name in row:
            number += 1
            lines.append(
                f'<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
                '<property name="orientation" action="default">Axial</property>'
                f'<property name="viewlabel" action="default">{number}</property>'
                f'<property name="viewgroup" action="default">{VIEW_GROUP}</property>'
                '<property name="viewcolor" action="default">#5d6b78</property>'
                "</view></item>"
            )
        lines += ["</layout>", "</item>"]
    return "".join([*lines, "</layout>"])
