"""The part of the panel that measures regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import InputError
from ..resources import resource
from ..rois import LESION, NAWM
from .controls import Choice, Table, allow, say
from .disc_tool import DiscTool
from .keys import Keys
from .measure import TABLE, Measure, in_cells, tumour_ratios
from .region_labels import RegionLabels
from .regions import OTHER, Region, Regions
from .sentences import sentence
from .shown import in_words

if TYPE_CHECKING:
    from .views import Views
    from .workspace import Workspace

_CM2 = 100.0  # mm2


class MeasureSection:
    """Controls of a :class:`.measure.Measure`.

    Parameters
    ----------
    parent
        Empty widget that the controls are put into.
    views
        The linked views, which are moved to a region that is chosen.

    Attributes
    ----------
    ask_path
        Asks the user for the file to write; gives an empty text if there is to be none.
    """

    def __init__(self, parent: Any, workspace: Workspace, views: Views) -> None:
        self._workspace, self._views = workspace, views
        self.regions = Regions(workspace.scene)
        self.measure = Measure(workspace, self.regions)
        self.tool = DiscTool(views.panes)
        self.labels = RegionLabels(views.panes)
        self.ask_path: Callable[[], str] = self._ask_path
        self.widget = slicer.util.loadUI(str(resource("UI/Measure.ui")))
        qt.QVBoxLayout(parent).addWidget(self.widget)
        self.ui = ui = slicer.util.childWidgetVariables(self.widget)
        kinds = {_("Tumour"): LESION, _("White matter"): NAWM, _("Other"): OTHER}
        self._kind = Choice(ui.kindBox, lambda _kind: None)
        self._kind.show(kinds, LESION)
        self._region_kind = Choice(ui.regionKindBox, self._set_kind)
        self._region_kind.show(kinds, LESION)
        self._kind_words = {kind: words for words, kind in kinds.items()}
        self._shown: list[Region] = []
        ui.segmentationBox.nodeTypes = ["vtkMRMLSegmentationNode"]
        ui.segmentationBox.noneEnabled = True
        ui.segmentationBox.noneDisplay = _("no other segmentation")
        ui.segmentationBox.addEnabled = ui.segmentationBox.removeEnabled = ui.segmentationBox.renameEnabled = False
        ui.segmentationBox.setMRMLScene(workspace.scene)
        self._regions = Table(ui.regionsTable, [_("Region"), _("What it is"), _("Drawn on"), _("Area")])
        self._measures = Table(ui.measuresTable, [_(heading) for heading in TABLE.values()])
        # Every column is as wide as its cells, a narrow panel scrolls; the unit stands where no scrolling is needed.
        header, columns = ui.measuresTable.horizontalHeader(), list(TABLE)
        header.setStretchLastSection(False)
        header.moveSection(columns.index("unit"), columns.index("mean") + 1)
        ui.discButton.connect("toggled(bool)", self.tool.switch)
        ui.suggestButton.connect("clicked()", lambda: self._guarded(self._suggest))
        ui.adoptButton.connect("clicked()", lambda: self._guarded(self._adopt))
        ui.segmentationBox.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._enable())
        ui.regionsTable.connect("itemSelectionChanged()", self._choose)
        ui.removeButton.connect("clicked()", self._remove)
        ui.copyButton.connect("clicked()", lambda: self._guarded(self._copy))
        ui.saveButton.connect("clicked()", lambda: self._guarded(self._save))
        window = slicer.util.mainWindow()
        self._keys = Keys(window, [("D", self._toggle_tool)])
        self._escape = Keys(window, [("Esc", lambda: self.tool.switch(False))])  # only while there is something to end
        self.tool.changed.connect(self._show_tool)
        self.tool.clicked.connect(lambda ras, volume: self._guarded(self._draw, ras, volume))
        self._later = qt.QTimer()
        self._later.setSingleShot(True)
        self._later.interval = 0
        self._later.connect("timeout()", self.refresh)
        self.regions.changed.connect(self._later.start)
        self._ends = [signal.connect(self._later.start) for signal in (workspace.changed, views.changed)]
        self.refresh()

    def enter(self) -> None:
        """The panel is opened."""
        self._keys.switch(True)
        self.refresh()

    def exit(self) -> None:
        """The panel is left."""
        self.tool.switch(False)
        self._keys.switch(False)

    def cleanup(self) -> None:
        """The module is unloaded."""
        self.exit()
        self._later.stop()
        for end in self._ends:
            end()
        self.labels.clear()
        self._keys.cleanup()
        self._escape.cleanup()
        self.regions.cleanup()
        self.ui.segmentationBox.setMRMLScene(None)

    # From the user

    def _guarded(self, call: Callable[..., Any], *values: Any) -> None:
        self._workspace.said.emit("")
        try:
            call(*values)
        except Exception as error:
            self._workspace.said.emit(sentence(error))
        self.refresh()

    def _toggle_tool(self) -> None:
        self.tool.switch(not self.tool.on)

    def _show_tool(self, on: bool) -> None:
        self.ui.discButton.checked = on
        self._escape.switch(on)
        words = _("Click the middle of the region in a slice view. Esc ends it.") if on else ""
        self._workspace.said.emit(words)

    def _draw(self, ras: Sequence[float], volume: str | None) -> None:
        node = self._workspace.scene.GetNodeByID(volume) if volume else None
        self.measure.draw_disc(ras, node, self._kind.value, self.ui.areaBox.value * _CM2)

    def _suggest(self) -> None:
        drawn = self.measure.suggest(self.ui.areaBox.value * _CM2)
        names = ", ".join(region.name for region in drawn)
        self._go_to(drawn[-1])
        self._workspace.said.emit(_("{regions}: a suggestion, look at it before you use it.").format(regions=names))

    def _adopt(self) -> None:
        node = self.ui.segmentationBox.currentNode()
        if node is not None:
            self.regions.adopt(node)

    def _set_kind(self, kind: str) -> None:
        region = self._chosen()
        if region is not None:
            self.regions.set_kind(region, kind)

    def _remove(self) -> None:
        region = self._chosen()
        if region is not None:
            self.regions.remove(region)

    def _choose(self) -> None:
        region = self._chosen()
        self._enable()
        if region is not None:
            self._region_kind.show({w: k for k, w in self._kind_words.items()}, region.kind)
            try:
                self._go_to(region)
            except InputError as error:
                self._workspace.said.emit(str(error))

    def _copy(self) -> None:
        qt.QApplication.clipboard().setText(self.measure.clipboard_text())
        self._workspace.said.emit(_("The table is copied."))

    def _save(self) -> None:
        path = self.ask_path()
        if path:
            file = Path(path if path.lower().endswith(".csv") else f"{path}.csv")
            self.measure.save(file)
            self._workspace.said.emit(_("Saved: {file}").format(file=file.name))

    def _ask_path(self) -> str:
        title, kinds = _("Save the measurements"), _("Table (*.csv)")
        found = qt.QFileDialog.getSaveFileName(self.widget, title, "rois.csv", kinds)
        return str(found[0] if isinstance(found, tuple) else found or "")

    # To the user

    def refresh(self) -> None:
        """Show the regions and what they measure now."""
        self._later.stop()
        self._show_regions()
        try:
            table, notes = self.measure.measured()
        except Exception as error:  # an image that cannot be measured: said once, in place
            table, notes = [], [sentence(error)]
        warnings = dict.fromkeys(row["warnings"] for row in table if row["warnings"])
        say(self.ui.warningsLabel, "\n".join([*warnings, *dict.fromkeys(notes)]))
        rows = [{**row, "unit": in_words(row["unit"])} for row in table]
        self._measures.fill([in_cells(row) for row in rows])
        ratios = ", ".join(f"{map} {ratio:.2f}" for map, ratio in tumour_ratios(table).items())
        words = _("Tumour to white matter: {ratios}.").format(ratios=ratios) if ratios else ""
        say(self.ui.ratiosLabel, words)
        self._enable(bool(table))

    def _show_regions(self) -> None:
        chosen = self._chosen()
        self._shown = self.regions.all()
        cells, rois = [], []
        for region in self._shown:
            try:
                roi = region.roi()
            except InputError:  # said below the list, where it is measured
                area = ""
            else:
                rois.append(roi)
                area = f"{roi.area / _CM2:.2f} cm\N{SUPERSCRIPT TWO}"
            cells.append([region.name, self._kind_words[region.kind], region.drawn_on, area])
        self.labels.show(rois)
        table = self.ui.regionsTable
        table.blockSignals(True)
        self._regions.fill(cells)
        table.clearSelection()
        for row, region in enumerate(self._shown):
            if chosen is not None and (region.node, region.id) == (chosen.node, chosen.id):
                table.selectRow(row)
        table.blockSignals(False)

    def _enable(self, measured: bool | None = None) -> None:
        ui = self.ui
        chosen = self._chosen() is not None
        images = bool(self._workspace.inputs or self._workspace.maps())
        allow(ui.discButton, images, _("Choose the images under Inputs first."))
        tumours = any(region.kind == LESION for region in self._shown)
        allow(ui.suggestButton, tumours, _("Draw a tumour region first."))
        allow(ui.adoptButton, ui.segmentationBox.currentNode() is not None, _("Choose a segmentation beside it."))
        allow(ui.removeButton, chosen, _("Choose a region in the list first."))
        ui.regionKindBox.enabled = chosen
        if measured is not None:
            for button in (ui.copyButton, ui.saveButton):
                allow(button, measured, _("There is nothing measured yet: draw a region, and have a map."))

    def _chosen(self) -> Region | None:
        row = self.ui.regionsTable.currentRow()
        selected = self.ui.regionsTable.selectionModel().hasSelection
        has = selected() if callable(selected) else selected
        return self._shown[row] if has and 0 <= row < len(self._shown) else None

    def _go_to(self, region: Region) -> None:
        x, y, z = region.roi().centre
        for pane in self._views.panes.visible():
            pane.slice_node.JumpSliceByOffsetting(-x, -y, z)
