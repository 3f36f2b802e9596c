"""White matter that is proposed opposite a tumour: on the other side, in white matter, away from lesions."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Grid, Roi, Surroundings, check_nawm, disc, from_mask
from SynthPerfLib.rois.contralateral import contralateral

SIZE, SPACING = (90, 110, 20), (2.0, 2.0, 5.0)
TILT = 8.0  # degrees: the head is turned
TUMOUR = np.array([30.0, 10.0, 50.0])  # of the head: to the left, 10 mm behind its middle

AXIAL = np.eye(3)
AXES = {
    "axial": AXIAL,
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "oblique": np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]]),
}


class Head:
    """A head of shells (white matter in grey matter in fluid) with fluid in its middle and a tumour on the left."""

    def __init__(self, direction: np.ndarray = AXIAL, *, far_white_matter: bool = True) -> None:
        grid = sitk.Image(*SIZE, sitk.sitkFloat32)
        grid.SetSpacing(SPACING)
        grid.SetDirection(direction.ravel().tolist())
        middle = direction @ (np.array(SPACING) * (np.array(SIZE) - 1) / 2)
        grid.SetOrigin((np.array([4.0, -6.0, 50.0]) - middle).tolist())
        k, j, i = np.meshgrid(*(np.arange(n) for n in SIZE[::-1]), indexing="ij")
        points = np.stack([i, j, k], -1) @ (direction * np.array(SPACING)).T + np.array(grid.GetOrigin())
        c, s = np.cos(np.radians(TILT)), np.sin(np.radians(TILT))
        self.turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        self.points = (points - np.array([4.0, -6.0, 0.0])) @ self.turn  # of the head itself
        x, y, z = np.moveaxis(self.points, -1, 0)
        radius = np.sqrt((x / 65) ** 2 + (y / 85) ** 2 + ((z - 50) / 60) ** 2)
        fluid = (np.abs(x) < 12) & (np.abs(y) < 20) | (radius > 0.95)
        self.brain = radius < 1
        self.white = (radius < 0.75) & ~fluid & (far_white_matter | (x > 0))
        self.tumour = np.linalg.norm(self.points - TUMOUR, axis=-1) < 12
        oedema = np.linalg.norm(self.points - TUMOUR, axis=-1) < 20
        t1 = np.where(self.white, 900.0, np.where(fluid, 250.0, 600.0)) * self.brain
        t1[oedema & self.brain], t1[self.tumour] = 500.0, 450.0
        t2 = np.where(self.white, 300.0, np.where(fluid, 1200.0, 450.0)) * self.brain
        t2[oedema & self.brain] = 800.0
        noise = np.random.default_rng(3).normal(0, 15, t1.shape)
        self.t1, self.t2 = self._image(t1 + noise, grid), self._image(t2 + noise, grid)
        self.brain_image = self._image(self.brain.astype(np.uint8), grid)
        self.around = Surroundings(self.brain_image, images={"T1": self.t1, "T2": self.t2})
        self.region = disc("tumour", self.t1, self.physical(TUMOUR))

    def physical(self, point: np.ndarray) -> np.ndarray:
        """A point of the head as LPS."""
        place: np.ndarray = self.turn @ point + np.array([4.0, -6.0, 0.0])
        return place

    def share(self, roi: Roi, mask: np.ndarray) -> float:
        """Share of a region's voxels in a mask."""
        return float(mask[roi.voxels[:, 2], roi.voxels[:, 1], roi.voxels[:, 0]].mean())

    @staticmethod
    def _image(values: np.ndarray, grid: sitk.Image) -> sitk.Image:
        made = sitk.GetImageFromArray(values if values.dtype == np.uint8 else values.astype(np.float32))
        made.CopyInformation(grid)
        return made


@pytest.mark.parametrize("axes", AXES)
def test_in_white_matter_near_the_mirror_image(axes: str) -> None:
    head = Head(AXES[axes])
    found = contralateral("white matter", head.t1, [head.region], head.around)
    assert found.area == pytest.approx(25.0, abs=2.0)
    assert head.share(found, head.white) == 1.0
    assert list(found.slices) == list(head.region.slices)
    mirrored = head.physical(TUMOUR * [-1, 1, 1])
    assert np.linalg.norm((found.centre - mirrored)[:2]) < 12
    assert check_nawm(found, [head.region], head.around) == ()


def test_the_lesion_of_the_other_side_is_kept_away_from() -> None:
    head = Head()
    away = np.linalg.norm(head.points - TUMOUR * [-1, 1, 1], axis=-1) < 10
    other = sitk.GetImageFromArray(away.astype(np.uint8))
    other.CopyInformation(head.t1)
    around = Surroundings(head.brain_image, {"lesion": other}, {"T1": head.t1})
    found = contralateral("white matter", head.t1, [head.region], around)
    lesion = from_mask("lesion", other)
    gap = np.linalg.norm(
        Grid.of(head.t1).points(found.voxels)[:, None] - lesion.grid.points(lesion.voxels)[None], axis=-1
    ).min()
    assert gap > 3.0
    assert head.share(found, head.white) > 0.9


@pytest.mark.parametrize("images", [("T1",), ("T2",), ("T1", "T2")])
def test_one_image_suffices(images: tuple[str, ...]) -> None:
    head = Head()
    around = Surroundings(head.brain_image, images={name: head.around.images[name] for name in images})
    found = contralateral("white matter", head.t1, [head.region], around, area=50.0)
    assert found.area == pytest.approx(50.0, abs=2.0)
    assert head.share(found, head.white) > 0.95


def test_what_cannot_be_proposed_is_said() -> None:
    head = Head(far_white_matter=False)
    with pytest.raises(InputError, match="No white matter was found opposite"):
        contralateral("white matter", head.t1, [head.region], head.around)
    with pytest.raises(InputError, match="needs a tumour region"):
        contralateral("white matter", head.t1, [], head.around)
    with pytest.raises(InputError, match="a brain mask are needed"):
        contralateral("white matter", head.t1, [head.region], Surroundings(images={"T1": head.t1}))
    with pytest.raises(InputError, match="T1 "):
        contralateral("white matter", head.t1, [head.region], Surroundings(head.brain_image))
