"""The part of the panel that compares images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..colours import COLOURS
from ..resources import resource
from .compare import Compare
from .controls import Choice, Table, quietly, say
from .derived import CHECKERBOARD, DIFFERENCE_MAP, LEFT_OUT, NONE
from .keys import Keys
from .sentences import sentence
from .shown import in_words
from .views import PAGE, Views

if TYPE_CHECKING:
    from .panes import Panes
    from .workspace import Workspace

_DENSER = (0.25, 0.5, 0.75, 1.0)  # steps of Shift+O


class CompareSection:
    """Controls of a :class:`.compare.Compare`.

    Parameters
    ----------
    parent
        Empty widget that the controls are put into.
    panes
        The application's slice views.
    """

    def __init__(self, parent: Any, workspace: Workspace, panes: Panes) -> None:
        self._workspace = workspace
        self.compare = Compare(workspace, Views(panes, "SynthPerf"))
        self.widget = slicer.util.loadUI(str(resource("UI/Compare.ui")))
        qt.QVBoxLayout(parent).addWidget(self.widget)
        self.ui = ui = slicer.util.childWidgetVariables(self.widget)
        self._more = {
            _("Nothing"): NONE,
            _("Difference of two maps"): DIFFERENCE_MAP,
            _("Checkerboard of two images"): CHECKERBOARD,
            _("Change by the inputs left out"): LEFT_OUT,
        }
        self._chosen = {
            "colours": Choice(ui.coloursBox, lambda name: self._update(colours=name)),
            "unit": Choice(ui.unitBox, lambda _unit: self._show_range()),
            "over": Choice(ui.overBox, lambda label: self._update(over=label)),
            "more": Choice(ui.moreBox, lambda more: self._update(more=more)),
            "first": Choice(ui.firstBox, lambda label: self._update(first=label)),
            "second": Choice(ui.secondBox, lambda label: self._update(second=label)),
            "plane": Choice(ui.planeBox, lambda label: self._update(plane=label)),
        }
        self._over = ""
        self._values = Table(ui.valuesTable, [_("Under the mouse"), _("Value")])
        header = ui.valuesTable.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)  # a value is never cut off, a long name may be
        ui.compareButton.connect("clicked()", self._toggle)
        ui.lowBox.connect("valueChanged(double)", self._set_range)
        ui.highBox.connect("valueChanged(double)", self._set_range)
        ui.rangeResetButton.connect("clicked()", self._usual_range)
        ui.opacitySlider.connect("valueChanged(int)", lambda percent: self._update(opacity=percent / 100))
        ui.crosshairBox.connect("clicked()", lambda: self._update(crosshair=ui.crosshairBox.checked))
        ui.flickerButton.connect("clicked()", self._flicker)
        ui.fitButton.connect("clicked()", self._fit)
        ui.keysButton.connect("clicked()", self._show_keys)
        views = self.compare.views
        keys = (
            ("Up", lambda: views.scroll(1)),
            ("Down", lambda: views.scroll(-1)),
            ("PgUp", lambda: views.scroll(PAGE)),
            ("PgDown", lambda: views.scroll(-PAGE)),
            ("F", self._flicker),
            ("Space", self._flicker),
            ("O", self._toggle_over),
            ("Shift+O", self._denser),
            ("Z", self._fit),
            ("?", self._show_keys),
        )
        self._keys = Keys(slicer.util.mainWindow(), keys)
        self._open = False
        self.compare.changed.connect(self._refresh)
        views.pointed.connect(self._show_values)
        self._refresh()

    def enter(self) -> None:
        """The panel is opened."""
        self._open = True
        self._refresh()

    def exit(self) -> None:
        """The panel is left; the comparison stays on the screen."""
        self._open = False
        self._keys.switch(False)

    def suspend(self) -> None:
        """The scene is about to be loaded or closed: the user's own views come back."""
        self.compare.suspend()

    def restore(self) -> None:
        """Take up what the scene says, after it was loaded or closed."""
        self._guarded(self.compare.restore)

    def cleanup(self) -> None:
        """The module is unloaded."""
        self._keys.cleanup()
        self.compare.cleanup()

    # From the user

    def _guarded(self, call: Any, **values: Any) -> None:
        """An error is said in the panel, and nothing half done stays on the screen."""
        try:
            call(**values)
        except Exception as error:
            self.compare.leave()
            self._workspace.said.emit(sentence(error))

    def _update(self, **changes: Any) -> None:
        self._guarded(self.compare.update, **changes)

    def _toggle(self) -> None:
        self._guarded(self.compare.toggle)
        self._refresh()

    def _flicker(self) -> None:
        self.compare.views.flicker()
        self.ui.flickerButton.checked = self.compare.views.flickering

    def _fit(self) -> None:
        self.compare.views.fit()

    def _toggle_over(self) -> None:
        look = self.compare.look
        self._over = look.over or self._over
        maps = list(self.compare.maps())
        back = self._over if self._over in maps else next((m for m in ("Synthetic CBV", *maps) if m in maps), "")
        self._update(over="" if look.over else back)

    def _denser(self) -> None:
        now = self.compare.look.opacity
        self._update(opacity=next((step for step in _DENSER if step > now + 1e-6), _DENSER[0]))

    def _set_range(self) -> None:
        low, high = self.ui.lowBox.value, self.ui.highBox.value
        unit = self._chosen["unit"].value
        if unit is None or not low < high:
            self._workspace.said.emit(_("The range must go from a lower to a higher value: nothing was changed."))
            self._show_range()
            return
        self._update(ranges={**self.compare.look.ranges, unit: (low, high)})

    def _usual_range(self) -> None:
        unit = self._chosen["unit"].value
        self._update(ranges={u: r for u, r in self.compare.look.ranges.items() if u != unit})

    def _show_keys(self) -> None:
        rows = (
            (_("Wheel, Up, Down"), _("slice, in all views")),
            (_("Page up, Page down"), _("five slices")),
            (_("F, Space"), _("flicker maps and anatomy")),
            (_("O, Shift+O"), _("map over the anatomy on or off, denser")),
            (_("Z"), _("whole head")),
            (_("D, Esc"), _("disc tool on, off")),
            (_("Double-click"), _("one view large, and back")),
            (_("Right drag, Ctrl+wheel"), _("zoom")),
            (_("Middle drag"), _("move")),
        )
        self._workspace.said.emit("; ".join(f"{key}: {does}" for key, does in rows) + ".")

    # To the user

    def _refresh(self) -> None:
        compare, look, ui = self.compare, self.compare.look, self.ui
        why_not, maps, images = compare.why_not(), compare.maps(), compare.images()
        ui.compareButton.enabled = not why_not
        ui.compareButton.checked = compare.views.active
        ui.compareButton.text = _("Back to your own views") if compare.views.active else _("Compare side by side")
        say(ui.compareReason, why_not)
        self._chosen["colours"].show({text: name for name, text in COLOURS.items()}, look.colours)
        self._chosen["unit"].show({in_words(m.unit) or _("no unit"): m.unit for m in maps.values()})
        self._chosen["over"].show({_("No map"): "", **_same(maps)}, look.over if look.over in maps else "")
        self._chosen["more"].show(self._more, look.more)
        first, second = compare.pair()
        self._chosen["first"].show(_same(images), first)
        self._chosen["second"].show(_same(images), second)
        planes = {label or _("Patient's axial plane"): label for label in compare.planes()}
        if not why_not:
            self._chosen["plane"].show(planes, compare.plane())
        paired = look.more in (DIFFERENCE_MAP, CHECKERBOARD)
        for widget in (ui.firstBox, ui.andLabel, ui.secondBox):
            widget.visible = paired
        say(ui.moreReason, compare.why_no_more(look.more) if images else "")
        for widget in (ui.coloursBox, ui.unitBox, ui.lowBox, ui.highBox, ui.rangeResetButton, ui.overBox):
            widget.enabled = bool(maps)
        for widget in (ui.moreBox, ui.firstBox, ui.secondBox, ui.planeBox):
            widget.enabled = bool(images)
        ui.opacitySlider.enabled = look.over in maps
        quietly(ui.opacitySlider, round(100 * look.opacity))
        ui.opacityLabel.text = f"{round(100 * look.opacity)} %"
        for widget in (ui.flickerButton, ui.fitButton, ui.crosshairBox):
            widget.enabled = compare.views.active
        ui.flickerButton.checked = compare.views.flickering
        ui.crosshairBox.checked = look.crosshair
        self._show_range()
        self._show_values(None)
        # Anew each time: the table makes every column as wide as its cells when its rows change.
        for mode in (qt.QHeaderView.Interactive, qt.QHeaderView.Stretch):
            ui.valuesTable.horizontalHeader().setSectionResizeMode(0, mode)
        self._keys.switch(self._open and compare.views.active)

    def _show_range(self) -> None:
        unit = self._chosen["unit"].value
        if unit is not None:
            low, high = self.compare.range(unit)
            quietly(self.ui.lowBox, low)
            quietly(self.ui.highBox, high)

    def _show_values(self, ras: tuple[float, float, float] | None) -> None:
        rows = [
            (image.label.replace("\n", " "), image.words(image.value(ras)) if ras is not None else "")
            for image in self.compare.views.images
        ]
        self._values.fill(rows)


def _same(labels: Mapping[str, Any]) -> dict[str, str]:
    return {label: label for label in labels}
