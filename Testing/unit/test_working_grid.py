"""The working grid: physical space in, physical space out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import array, like
from SynthPerfLib.working_grid import MULTIPLE, WorkingGrid, axial_array


def head(spacing: tuple[float, float, float], extent: tuple[float, float, float] = (160.0, 200.0, 150.0)) -> sitk.Image:
    """An ellipsoid brain mask, not in the middle of its image."""
    size = [round(e / s) for e, s in zip(extent, spacing, strict=True)]
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(size[::-1], spacing[::-1], strict=True)), indexing="ij")
    inside = ((x - 75) / 60) ** 2 + ((y - 105) / 75) ** 2 + ((z - 80) / 55) ** 2 <= 1
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(spacing)
    image.SetOrigin((-80.0, -100.0, -60.0))
    return image


def ramp(image: sitk.Image) -> np.ndarray:
    """A value that is linear in physical space, on the voxels of ``image`` (z, y, x)."""
    z, y, x = (np.arange(n, dtype=np.float64) for n in image.GetSize()[::-1])
    direction = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    index = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    point = index @ direction.T + np.array(image.GetOrigin())
    return (point @ np.array([0.02, -0.03, 0.05])).astype(np.float32)


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 7.5), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (1.2, 1.2, 5.0)])
def test_a_linear_map_survives_the_way_down_and_up(spacing: tuple[float, float, float]) -> None:
    brain = head(spacing)
    grid = WorkingGrid.around(brain, 1.6, 3.0, 8.0)
    values = ramp(brain)
    back = grid.up(grid.down(values))
    inside = axial_array(brain) > 0
    # A ramp is kept by any symmetric kernel, but for slices at the ends that are taken from further inside.
    middle = inside & np.roll(inside, 3, 0) & np.roll(inside, -3, 0)
    assert np.abs(back - values)[middle].max() < 2e-3 * np.ptp(values)


def test_sizes_fit_three_halvings_and_spacing_is_the_models() -> None:
    grid = WorkingGrid.around(head((1.0, 1.0, 1.0)), 1.6, 3.0, 8.0)
    assert grid.spacing == (3.0, 1.6, 1.6)
    assert grid.shape[1] % MULTIPLE == grid.shape[2] % MULTIPLE == 0
    kept = WorkingGrid.around(head((0.8, 0.8, 7.5)), 1.6, 3.0, 8.0)
    assert kept.spacing[0] == 7.5
    assert np.array_equal(
        kept.to_work[0] @ np.arange(20), np.flatnonzero(axial_array(head((0.8, 0.8, 7.5))).any((1, 2)))
    )


def test_storage_order_does_not_change_what_a_network_sees() -> None:
    brain = head((1.5, 1.2, 4.0))
    values = like(ramp(brain), brain)
    grid = WorkingGrid.around(brain, 1.6, 3.0, 8.0)
    expected = grid.down(axial_array(values))
    orders = list(itertools.permutations(range(3)))
    for order in orders:
        for flips in itertools.product((False, True), repeat=3):
            stored = sitk.Flip(sitk.PermuteAxes(brain, order), flips)
            stored_values = sitk.Flip(sitk.PermuteAxes(values, order), flips)
            other = WorkingGrid.around(stored, 1.6, 3.0, 8.0)
            assert np.allclose(other.down(axial_array(stored_values)), expected, atol=1e-6)
            image = other.image(axial_array(stored_values), stored)
            assert np.array_equal(array(image), array(stored_values))
            assert image.GetDirection() == stored.GetDirection()


def test_thick_slices_and_an_empty_mask_are_refused() -> None:
    with pytest.raises(InputError, match=r"9\.0 mm apart"):
        WorkingGrid.around(head((1.0, 1.0, 9.0)), 1.6, 3.0, 8.0)
    with pytest.raises(InputError, match="empty"):
        WorkingGrid.around(head((1.0, 1.0, 5.0)) * 0, 1.6, 3.0, 8.0)
