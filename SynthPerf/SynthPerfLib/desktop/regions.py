"""Regions of interest in the scene: segments, with what they are as tags, so that a saved scene restores them.

The regions that are drawn on one grid lie in one segmentation node on exactly that grid: a segmentation that is saved
has one grid for all its segments, and would resample a region of another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy

from ..errors import InputError
from ..rois import LESION, NAWM, Provenance, Roi, from_mask
from .nodes import ijk_to_ras
from .observing import Observer
from .signal import Signal

REGIONS = "SynthPerf.Regions"
"""Attribute of a segmentation node whose segments are measured."""

KIND, DRAWN_ON, TOOL = "SynthPerf.Kind", "SynthPerf.DrawnOn", "SynthPerf.Tool"
"""Tags of a segment."""

OTHER = "other"
"""A region that is neither tumour nor white matter."""

WORDS = {LESION: "Tumour", NAWM: "White matter", OTHER: "Other"}
"""Kind to the words that regions are named with."""

_COLOURS = {LESION: (1.0, 0.62, 0.1), NAWM: (0.35, 0.8, 1.0), OTHER: (0.9, 0.9, 0.9)}
_HINTS = {LESION: ("tumo", "lesion", "enhanc", "gtv"), NAWM: ("white", "nawm", "normal")}
_LABELMAP = "Binary labelmap"
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Region:
    """One region: a segment of a segmentation node.

    Attributes
    ----------
    kind
        :data:`SynthPerfLib.rois.LESION`, :data:`SynthPerfLib.rois.NAWM` or :data:`OTHER`.
    drawn_on
        Label of the image that it was drawn on; empty if it came with the segmentation.
    """

    node: Any
    id: str
    name: str
    kind: str
    drawn_on: str

    def roi(self) -> Roi:
        """Its voxels, where they lie in the world.

        Raises
        ------
        InputError
            If it is empty.
        """
        image = slicer.vtkOrientedImageData()
        if not self.node.GetBinaryLabelmapRepresentation(self.id, image) or image.IsEmpty():
            raise InputError(f"The region {self.name} is empty: draw it, or remove it.")
        if self.node.GetParentTransformNode() is not None:
            slicer.vtkSlicerSegmentationsModuleLogic.ApplyParentTransformToOrientedImageData(self.node, image)
        tool = _tag(self.node.GetSegmentation().GetSegment(self.id), TOOL) or "mask"
        return from_mask(self.name, _image(image), Provenance(drawn_on=self.drawn_on, tool=tool))


class Regions:
    """The regions of a scene.

    Attributes
    ----------
    changed
        Emitted without arguments when a region was drawn, edited, renamed or removed, by whatever tool.
    """

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.changed = Signal()
        self._observer, self._nodes = Observer(), Observer()
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndCloseEvent):
            self._observer.watch(scene, event, self._watch)
        self._watched: list[str] = []
        self._watch()

    def all(self) -> list[Region]:
        """Every region, in the order in which they were drawn on each grid."""
        return [region for node in self._segmentations() for region in _regions(node)]

    def add(self, roi: Roi, kind: str, volume: Any, label: str) -> Region:
        """Draw a region that lies on the grid of a volume node; ``label`` is what the volume is called."""
        node = self._on_grid_of(volume)
        segment = slicer.vtkSegment()
        segment.SetName(roi.name)
        segment.SetColor(*_COLOURS[kind])
        for tag, value in ((KIND, kind), (DRAWN_ON, label), (TOOL, roi.provenance.tool)):
            segment.SetTag(tag, value)
        segment.AddRepresentation(_LABELMAP, _oriented(roi, volume))
        id = node.GetSegmentation().GenerateUniqueSegmentID("region")
        node.GetSegmentation().AddSegment(segment, id)
        _outline(node)
        self.changed.emit()
        return next(region for region in _regions(node) if region.id == id)

    def adopt(self, node: Any) -> int:
        """Measure the segments of a segmentation node too; returns how many.

        Raises
        ------
        InputError
            If it has none, or their voxels cannot be made.
        """
        segmentation = node.GetSegmentation()
        if segmentation.GetNumberOfSegments() == 0:
            raise InputError(f"The segmentation {node.GetName()} has no segments: draw them, or choose another one.")
        if not segmentation.ContainsRepresentation(_LABELMAP) and not node.CreateBinaryLabelmapRepresentation():
            raise InputError(f"The segmentation {node.GetName()} cannot be turned into voxels: choose another one.")
        node.SetAttribute(REGIONS, "1")
        self._watch()
        self.changed.emit()
        return int(segmentation.GetNumberOfSegments())

    def set_kind(self, region: Region, kind: str) -> None:
        """Say what a region is."""
        region.node.GetSegmentation().GetSegment(region.id).SetTag(KIND, kind)
        self.changed.emit()

    def remove(self, region: Region) -> None:
        """Remove a region; of a segmentation that was not drawn here, all its regions are only no longer measured."""
        if region.drawn_on:
            region.node.GetSegmentation().RemoveSegment(region.id)
            if region.node.GetSegmentation().GetNumberOfSegments() == 0:
                self.scene.RemoveNode(region.node)
        else:
            region.node.SetAttribute(REGIONS, None)
        self._watch()
        self.changed.emit()

    def name_for(self, kind: str) -> str:
        """A name for the next region of this kind: ``Tumour 2``."""
        names = {region.name for region in self.all()}
        return next(name for n in range(1, len(names) + 2) if (name := f"{WORDS[kind]} {n}") not in names)

    def cleanup(self) -> None:
        """Stop looking at the scene."""
        self._observer.release()
        self._nodes.release()

    def _segmentations(self) -> Iterator[Any]:
        return (n for n in self.scene.GetNodesByClass("vtkMRMLSegmentationNode") if n.GetAttribute(REGIONS))

    def _on_grid_of(self, volume: Any) -> Any:
        for node in self._segmentations():
            reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
            if reference is not None and _same_grid(reference, volume):
                return node
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", self.scene.GenerateUniqueName("Regions"))
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.SetAttribute(REGIONS, "1")
        self._watch()
        return node

    def _watch(self) -> None:
        watched = [node.GetID() for node in self._segmentations()]
        if watched == self._watched:
            return
        self._nodes.release()
        self._watched = watched
        for node in self._segmentations():
            segmentation = node.GetSegmentation()
            for event in (
                segmentation.SegmentAdded,
                segmentation.SegmentRemoved,
                segmentation.SegmentModified,
                segmentation.SourceRepresentationModified,
            ):
                self._nodes.watch(segmentation, event, self.changed.emit)
        self.changed.emit()


def _regions(node: Any) -> list[Region]:
    segmentation = node.GetSegmentation()
    found = []
    for number in range(segmentation.GetNumberOfSegments()):
        id = segmentation.GetNthSegmentID(number)
        segment = segmentation.GetSegment(id)
        kind = _tag(segment, KIND) or _guess(segment.GetName())
        found.append(Region(node, id, segment.GetName(), kind, _tag(segment, DRAWN_ON)))
    return found


def _guess(name: str) -> str:
    return next((kind for kind, hints in _HINTS.items() if any(hint in name.lower() for hint in hints)), OTHER)


def _tag(segment: Any, name: str) -> str:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _same_grid(a: Any, b: Any) -> bool:
    size = a.GetImageData().GetDimensions() == b.GetImageData().GetDimensions()
    return bool(size and np.allclose(ijk_to_ras(a), ijk_to_ras(b), atol=1e-4))


def _oriented(roi: Roi, volume: Any) -> Any:
    """The voxels of a region as Slicer keeps them: on the volume's own lattice, cut to the region."""
    low, high = roi.voxels.min(axis=0), roi.voxels.max(axis=0)
    labels = np.zeros((high - low + 1)[::-1], np.uint8)
    i, j, k = (roi.voxels - low).T
    labels[k, j, i] = 1
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*(int(n) for pair in zip(low, high, strict=True) for n in pair))
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = labels.ravel()
    to_world = vtk.vtkMatrix4x4()
    to_world.DeepCopy(ijk_to_ras(volume).ravel().tolist())
    image.SetImageToWorldMatrix(to_world)
    return image


def _image(oriented: Any) -> sitk.Image:
    matrix = vtk.vtkMatrix4x4()
    oriented.GetImageToWorldMatrix(matrix)
    to_lps = _LPS @ np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    extent = oriented.GetExtent()
    shape = tuple(extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0))
    image = sitk.GetImageFromArray(vtk_to_numpy(oriented.GetPointData().GetScalars()).reshape(shape).astype(np.uint8))
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((to_lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin((to_lps @ [extent[0], extent[2], extent[4], 1.0])[:3].tolist())
    return image


def _outline(node: Any) -> None:
    """Only the outline is drawn: what is measured stays to be seen."""
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(1)
