"""Regions on every map: mean, 95th percentile, maximum, ratio to white matter; by the library's own rules."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..images import written_whole
from ..modality import MODALITIES
from ..rois import COLUMNS, LESION, NAWM, WANG_AREA, Roi, Surroundings, check_nawm, copy_to, disc, rows
from ..rois.contralateral import contralateral
from . import geometry
from .nodes import BUNDLE, CASE, UNIT, to_image
from .regions import Region, Regions

if TYPE_CHECKING:
    from .workspace import Workspace

FILE_COLUMNS = (*COLUMNS, "unit", "bundle")
"""Columns of the file: those of ``rois.csv``, and the map's unit and bundle."""

TABLE = {
    "roi": "Region",
    "map": "Map",
    "mean": "Mean",
    "nawm_ratio": "Ratio to\nwhite matter",
    "p95": "95th\npercentile",
    "max": "Maximum",
    "unit": "Unit",
}
"""Column of the file to its heading in the panel and on the clipboard."""


class Measure:
    """Draws regions on the images of a workspace and measures them on its maps."""

    def __init__(self, workspace: Workspace, regions: Regions) -> None:
        self._workspace, self.regions = workspace, regions
        self._images: dict[str, tuple[Any, sitk.Image]] = {}
        self._around: tuple[Any, Surroundings] | None = None

    def draw_disc(self, ras: Sequence[float], volume: Any, kind: str, area: float = WANG_AREA) -> Region:
        """Draw a disc around a point (RAS, mm) on the slice of a volume node.

        Parameters
        ----------
        area
            mm2.

        Raises
        ------
        InputError
            If there is no volume, or the disc reaches outside it.
        """
        if volume is None:
            raise InputError("There is no image at this place: click into an image.")
        label = self.label(volume)
        roi = disc(self.regions.name_for(kind), self._image(volume), (-ras[0], -ras[1], ras[2]), area)
        return self.regions.add(roi, kind, volume, label)

    def suggest(self, area: float = WANG_AREA) -> list[Region]:
        """Draw a disc of white matter opposite each tumour region; earlier ones stay.

        Raises
        ------
        InputError
            If there is no tumour region, or no white matter opposite one of them; then nothing is drawn.
        """
        tumours = [region for region in self.regions.all() if region.kind == LESION]
        if not tumours:
            raise InputError("White matter opposite the tumour needs a tumour region: draw it first.")
        volume = self._workspace.inputs.get("T1") or next(iter(self._workspace.maps().values()), None)
        if volume is None:
            raise InputError("White matter is found on a T1 or a map: choose one under Inputs.")
        image, around = self._image(volume), self.surroundings()
        found = [contralateral("White matter", image, [tumour.roi()], around, area) for tumour in tumours]
        drawn = []
        for roi in found:
            named = Roi(self.regions.name_for(NAWM), roi.grid, roi.voxels, roi.provenance)
            drawn.append(self.regions.add(named, NAWM, volume, self.label(volume)))
        return drawn

    def measured(self) -> tuple[list[dict[str, Any]], list[str]]:
        """The rows of every region on every map (:data:`FILE_COLUMNS`), and sentences on what could not be measured."""
        regions, notes = {}, []
        for region in self.regions.all():
            try:
                regions[region.roi()] = region.kind
            except InputError as error:
                notes.append(str(error))
        warnings = self.warnings(regions)
        table = []
        for label, node in self._workspace.maps().items():
            image, here = self._image(node), {}
            for roi, kind in regions.items():
                try:
                    copy_to(roi, image, label)
                    here[roi] = kind
                except InputError as error:
                    notes.append(str(error))
            more = {"unit": node.GetAttribute(UNIT) or "", "bundle": node.GetAttribute(BUNDLE) or ""}
            first = {"reader": "", "case": node.GetAttribute(CASE) or "", "arm": "", "repeat": ""}
            table += [{**first, **row, **more} for row in rows(here, image, label, warnings=warnings)]
        return table, notes

    def warnings(self, regions: Mapping[Roi, str]) -> dict[str, tuple[str, ...]]:
        """Name of a white-matter region to what speaks against it, in sentences."""
        tumours = [roi for roi, kind in regions.items() if kind == LESION]
        white = [roi for roi, kind in regions.items() if kind == NAWM]
        if not white:
            return {}
        around = self.surroundings()
        return {roi.name: check_nawm(roi, tumours, around, area=min(WANG_AREA, roi.area)) for roi in white}

    def surroundings(self) -> Surroundings:
        """Brain and images beside the maps; without a brain mask the voxels of the synthetic map above 0."""
        workspace = self._workspace
        nodes = {name: node for name, node in workspace.inputs.items() if name in ("ADC", "T1", "T2")}
        brain = workspace.brain or workspace.map
        key = [geometry.state(node) for node in (*nodes.values(), brain) if node is not None]
        if self._around is None or self._around[0] != key:
            around = Surroundings(
                None if brain is None else sitk.Cast(self._image(brain) > 0, sitk.sitkUInt8),
                images={name: self._image(node) for name, node in nodes.items()},
            )
            self._around = (key, around)
        return self._around[1]

    def label(self, volume: Any) -> str:
        """What an image is called: as a map or an input, else by its name."""
        for label, node in self._workspace.maps().items():
            if node is volume:
                return label
        for name, node in self._workspace.inputs.items():
            if node is volume:
                return MODALITIES[name].label
        return str(volume.GetName())

    def save(self, path: Path) -> None:
        """Write every row as CSV (UTF-8).

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        table, _ = self.measured()
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, FILE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        try:
            with written_whole(path) as temporary:
                temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(f"{path.name} cannot be written there: choose another folder.") from error

    def clipboard_text(self) -> str:
        """The table of the panel, tabs between its columns, so that a spreadsheet takes it."""
        table, _ = self.measured()
        lines = [[*(heading.replace("\n", " ") for heading in TABLE.values()), "Area (mm2)", "Remarks"]]
        lines += [[*(in_cells(row)), f"{row['area_mm2']:.1f}", row["warnings"]] for row in table]
        return "\n".join("\t".join(line) for line in lines) + "\n"

    def _image(self, node: Any) -> sitk.Image:
        state = geometry.state(node)
        if self._images.get(node.GetID(), (None, None))[0] != state:
            self._images[node.GetID()] = (state, to_image(node))
        return self._images[node.GetID()][1]


def in_cells(row: Mapping[str, Any]) -> list[str]:
    """The cells of :data:`TABLE` of a row."""
    return [_cell(row[column]) for column in TABLE]


def tumour_ratios(table: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Map to the ratio of tumour to white matter (mean of the tumour regions' ratios), where there is one."""
    ratios: dict[str, list[float]] = {}
    for row in table:
        if row["kind"] == LESION and row["nawm_ratio"] is not None:
            ratios.setdefault(row["map"], []).append(row["nawm_ratio"])
    return {map: float(np.mean(values)) for map, values in ratios.items()}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
