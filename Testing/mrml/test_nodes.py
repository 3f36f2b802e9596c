"""Images of the scene and back: every orientation, transforms, units, a saved scene."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from saved_scenes import saved_and_opened
from SynthPerfLib.desktop import nodes
from SynthPerfLib.errors import InputError

ORDERS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


@pytest.fixture
def a_scene() -> Any:
    return slicer.vtkMRMLScene()


def an_image(direction: np.ndarray | None = None) -> sitk.Image:
    values = np.random.default_rng(3).uniform(0, 5, (5, 6, 7)).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.1, 2.2, 3.3))
    image.SetOrigin((10.5, -20.25, 30.125))
    if direction is not None:
        image.SetDirection(direction.ravel().tolist())
    return image


def turned(degrees: tuple[float, float, float]) -> np.ndarray:
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.radians(degrees).tolist())
    return np.array(transform.GetMatrix()).reshape(3, 3)


def assert_same(a: sitk.Image, b: sitk.Image) -> None:
    assert a.GetSize() == b.GetSize()
    for corner in itertools.product(*((0, n - 1) for n in a.GetSize())):
        assert np.allclose(
            a.TransformIndexToPhysicalPoint(corner), b.TransformIndexToPhysicalPoint(corner), rtol=0, atol=1e-9
        )
    assert np.array_equal(sitk.GetArrayFromImage(a), sitk.GetArrayFromImage(b))


@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_every_orientation_goes_there_and_back(
    a_scene: Any, order: tuple[int, ...], signs: tuple[int, ...], oblique: bool
) -> None:
    direction = np.zeros((3, 3))
    direction[range(3), order] = signs
    image = an_image(turned((12.0, -7.0, 31.0)) @ direction if oblique else direction)
    node = nodes.to_node(image, a_scene, "image")
    assert_same(nodes.to_image(node), image)


def test_a_voxel_lies_in_ras_where_slicer_shows_it(a_scene: Any) -> None:
    node = nodes.to_node(an_image(turned((20.0, 0.0, 0.0))), a_scene, "image")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    left, back, up = an_image(turned((20.0, 0.0, 0.0))).TransformIndexToPhysicalPoint((3, 2, 1))
    assert np.allclose(matrix.MultiplyPoint((3, 2, 1, 1))[:3], (-left, -back, up))


def test_a_volume_as_slicer_reads_a_left_handed_file(a_scene: Any, tmp_path: Path) -> None:
    """Slicer's reader reverses the third axis of a left-handed file; the tissue stays where it is."""
    image = an_image(np.diag([1.0, 1.0, -1.0]))
    path = tmp_path / "left_handed.nii.gz"
    sitk.WriteImage(image, str(path))
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    node = a_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "read")
    assert storage.ReadData(node)
    read = nodes.to_image(node)
    for index in itertools.product(range(7), range(6), range(5)):
        point = image.TransformIndexToPhysicalPoint(index)
        assert read.GetPixel(read.TransformPhysicalPointToIndex(point)) == image.GetPixel(index)


def test_linear_transforms_are_applied(a_scene: Any) -> None:
    node = nodes.to_node(an_image(), a_scene, "image")
    inner = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    outer = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for transform, shift in ((inner, (1.0, 2.0, 3.0)), (outer, (10.0, 0.0, 0.0))):
        matrix = vtk.vtkMatrix4x4()
        for axis in range(3):
            matrix.SetElement(axis, 3, shift[axis])
        transform.SetMatrixTransformToParent(matrix)
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    assert np.allclose(nodes.to_image(node).GetOrigin(), np.add(an_image().GetOrigin(), (-11, -2, 3)))
    node.HardenTransform()
    assert np.allclose(nodes.to_image(node).GetOrigin(), np.add(an_image().GetOrigin(), (-11, -2, 3)))


def test_what_cannot_be_taken_is_refused_in_a_sentence(a_scene: Any) -> None:
    node = nodes.to_node(an_image(), a_scene, "image")
    bent = a_scene.AddNewNodeByClass("vtkMRMLTransformNode")
    bent.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    node.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(InputError, match="bent by a transform: harden"):
        nodes.to_image(node)
    sheared = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 1, 0.3)
    sheared.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(sheared.GetID())
    with pytest.raises(InputError, match="sheared"):
        nodes.to_image(node)
    with pytest.raises(InputError, match="is empty"):
        nodes.to_image(a_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing"))
    colour = a_scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "colour")
    picture = vtk.vtkImageData()
    picture.SetDimensions(4, 4, 4)
    picture.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    colour.SetAndObserveImageData(picture)
    with pytest.raises(InputError, match="colour image"):
        nodes.to_image(colour)


def test_filling_again_takes_the_transform_off(a_scene: Any) -> None:
    node = nodes.to_node(an_image(), a_scene, "image")
    moved = a_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 40.0)
    moved.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(moved.GetID())
    nodes.fill(node, an_image(turned((0.0, 15.0, 0.0))))
    assert_same(nodes.to_image(node), an_image(turned((0.0, 15.0, 0.0))))


def test_units_and_sidecars_travel_with_a_saved_scene(a_scene: Any, tmp_path: Path) -> None:
    image = an_image(turned((5.0, 6.0, 7.0)) @ np.diag([1.0, 1.0, -1.0]))
    for name, modality in (("flow", "ASL"), ("structure", "T1")):
        nodes.mark(nodes.to_node(image, a_scene, name), modality, Case="sub-001 abc", Sidecar='{"Units": "x"}')
    mask = nodes.to_node(sitk.Cast(image > 2, sitk.sitkUInt8), a_scene, "mask", nodes.node_class("BRAIN"))
    nodes.mark(mask, "BRAIN")
    again = saved_and_opened(a_scene, tmp_path)
    flow, structure = (again.GetFirstNodeByName(name) for name in ("flow", "structure"))
    read = nodes.to_image(flow)
    assert np.array_equal(_by_place(read), _by_place(image))
    assert flow.GetAttribute(nodes.UNIT) == "mL/100 g/min"
    assert structure.GetAttribute(nodes.UNIT) is None
    assert nodes.sidecar(flow) == {"Units": "x"}
    assert again.GetFirstNodeByName("mask").GetClassName() == "vtkMRMLLabelMapVolumeNode"


def _by_place(image: sitk.Image) -> np.ndarray:
    """The voxels in the patient's order of axes: a file may be stored in another one."""
    return sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
