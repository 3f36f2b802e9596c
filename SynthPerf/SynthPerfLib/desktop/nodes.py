"""Images of the scene as SimpleITK images and back. Nothing else converts between LPS and RAS.

Node attributes (all strings), which travel with a saved scene:

=============================  =====================================================================================
``SynthPerf.Modality``         the word of :data:`SynthPerfLib.modality.MODALITIES`
``SynthPerf.Unit``             unit of the voxels; absent where the scale is arbitrary
``SynthPerf.Case``             which case the image was loaded with: images of one case share the value (no name)
``SynthPerf.Sidecar``          JSON as in the sidecar of the file; of a map: inputs and their hashes, bundle, version
``SynthPerf.Synthetic``        ``1`` on a map made here
``SynthPerf.Bundle``           of a map: name and version of the bundle
``SynthPerf.BundleSHA256``     of a map: of the bundle's weights
=============================  =====================================================================================
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import SimpleITK as sitk
import vtk
from slicer.util import arrayFromVolume, updateVolumeFromArray

from ..errors import InputError
from ..modality import MASKS, MODALITIES

MODALITY = "SynthPerf.Modality"
UNIT = "SynthPerf.Unit"
CASE = "SynthPerf.Case"
SIDECAR = "SynthPerf.Sidecar"
SYNTHETIC = "SynthPerf.Synthetic"
BUNDLE = "SynthPerf.Bundle"
BUNDLE_SHA256 = "SynthPerf.BundleSHA256"

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SHEAR = 1e-3  # cosine between two axes


def to_image(node: Any) -> sitk.Image:
    """The voxels of a volume node where they lie in the world.

    Parameters
    ----------
    node
        vtkMRMLScalarVolumeNode or a label map; under linear transforms or none.

    Returns
    -------
    sitk.Image
        float32, (x, y, z) as stored in the node, in LPS.

    Raises
    ------
    InputError
        If the node holds no image, a colour image, or its transform bends or shears it.
    """
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        raise InputError(f"The image {node.GetName()} is empty: load it again or choose another one.")
    if node.GetImageData().GetNumberOfScalarComponents() != 1:
        raise InputError(f"The image {node.GetName()} is a colour image: choose one with a single value in each voxel.")
    matrix = _LPS @ ijk_to_ras(node)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = matrix[:3, :3] / spacing
    if np.max(np.abs(axes.T @ axes - np.eye(3))) > _SHEAR:
        raise InputError(f"The image {node.GetName()} is sheared: resample it to a right-angled grid first.")
    image = sitk.GetImageFromArray(np.ascontiguousarray(arrayFromVolume(node), dtype=np.float32))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    image.SetDirection(axes.ravel().tolist())
    return image


def ijk_to_ras(node: Any) -> np.ndarray:
    """Voxel index (i, j, k, 1) to world RAS in mm (4 x 4), the node's transforms applied.

    Raises
    ------
    InputError
        If a transform is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    parent = node.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            raise InputError(
                f"The image {node.GetName()} is bent by a transform: harden the transform first, or take it off."
            )
        to_world = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(to_world)
        vtk.vtkMatrix4x4.Multiply4x4(to_world, matrix, matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_node(image: sitk.Image, scene: Any, name: str, class_name: str = "vtkMRMLScalarVolumeNode") -> Any:
    """A new volume node of ``scene`` with the voxels and the place of ``image``."""
    node = scene.AddNewNodeByClass(class_name, scene.GenerateUniqueName(name))
    fill(node, image)
    node.CreateDefaultDisplayNodes()
    return node


def fill(node: Any, image: sitk.Image) -> None:
    """Give a volume node the voxels and the place of ``image``; its transform is taken off."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy((_LPS @ matrix).ravel().tolist())
    node.SetAndObserveTransformNodeID(None)
    node.SetIJKToRASMatrix(to_ras)
    updateVolumeFromArray(node, sitk.GetArrayFromImage(image))


def mark(node: Any, modality: str, **others: str) -> None:
    """Say on the node what it shows: its modality and unit, and other attributes by their name after ``SynthPerf.``"""
    node.SetAttribute(MODALITY, modality)
    node.SetAttribute(UNIT, MODALITIES[modality].unit or None)
    for key, value in others.items():
        node.SetAttribute(f"SynthPerf.{key}", value)


def sidecar(node: Any) -> dict[str, Any]:
    """What the file's sidecar says, or how a map was made; empty if nothing is known."""
    text = node.GetAttribute(SIDECAR)
    return dict(json.loads(text)) if text else {}


def node_class(modality: str) -> str:
    """The class of node that an image of ``modality`` is shown as."""
    return "vtkMRMLLabelMapVolumeNode" if modality in MASKS else "vtkMRMLScalarVolumeNode"
