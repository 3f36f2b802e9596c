"""The images of the stimulus on the screen, and what regions measure on them."""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk
from SynthPerfLib import rois
from SynthPerfLib.rois import Roi, Surroundings, check_nawm

from ..reading import REGION, Content
from ..sheet import Sheet
from ..stimuli import Stimulus
from ..view import Wanted


class Screen:
    """One stimulus; its images are read when they are first needed."""

    def __init__(self, stimulus: Stimulus) -> None:
        self.stimulus = stimulus
        self._pixels: dict[str, sitk.Image] = {}

    def image(self, name: str) -> sitk.Image:
        """An image of the stimulus."""
        if name not in self._pixels:
            self._pixels[name] = self.stimulus.images[name].load()
        return self._pixels[name]

    def measured(self, sheet: Sheet, wanted: Wanted, region: Roi) -> Content:
        """What the event of a region holds: where it is, what it measures on every map it is copied to, warnings.

        Raises
        ------
        InputError
            If it reaches outside one of these maps.
        """
        images = [wanted.map, *self._copies(wanted)]
        measured = {
            name: rois.measure(region, self.image(name), self.stimulus.images[name].label).payload() for name in images
        }
        content = {
            "region": region.payload(),
            "sha256": region.sha256,
            "voxels": region.count,
            "area_mm2": region.area,
            "measurements": measured,
            "warnings": list(self._warnings(sheet, wanted, region)),
        }
        assert tuple(content) == REGION
        return content

    def rows(self, sheet: Sheet) -> list[dict[str, Any]]:
        """The rows of ``rois.csv`` of all that is drawn."""
        table = []
        drawn = sheet.drawn()
        for name in dict.fromkeys(name for item in drawn for name in (item.map, *self._copies(item))):
            here = [item for item in drawn if name in (item.map, *self._copies(item))]
            regions = {item.region: item.task.tissue for item in here if item.region is not None}
            warnings = {item.region.name: item.warnings for item in here if item.region is not None}
            condition = rois.COMMON if any(self._copies(item) for item in here) else rois.INDEPENDENT
            table += rois.rows(regions, self.image(name), name, condition, warnings)
        return table

    def _copies(self, wanted: Wanted) -> tuple[str, ...]:
        return self.stimulus.rois[wanted.task.id]["copied_to"]

    def _warnings(self, sheet: Sheet, wanted: Wanted, region: Roi) -> tuple[str, ...]:
        if wanted.task.tissue != rois.NAWM:
            return ()
        lesions = [
            other.region
            for other in sheet.drawn()
            if other.task.tissue == rois.LESION and other.region is not None and other.map == wanted.map
        ]
        area = (wanted.task.area_cm2 or 0.0) * 100
        return check_nawm(region, lesions, self._surroundings(sheet), area or rois.WANG_AREA)

    def _surroundings(self, sheet: Sheet) -> Surroundings:
        anatomy = {self.stimulus.images[name].modality: name for name in sheet.visible}
        images = {modality: self.image(name) for modality, name in anatomy.items() if modality}
        return Surroundings(self.stimulus.brain(), images=images)
