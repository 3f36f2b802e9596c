"""Regions of interest: exact areas, physical space, laterality, measurements, warnings."""

from __future__ import annotations

import time

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from SynthPerfLib import rois
from SynthPerfLib.errors import InputError
from SynthPerfLib.rois import Grid, Provenance, Roi, Surroundings, check_nawm


def volume(size=(40, 48, 20), spacing=(1.0, 1.0, 1.0), centred=True, values=None) -> sitk.Image:
    """A map whose value says where it is: 100 + x + 2 y + 3 z (LPS, mm), unless given."""
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    if centred:
        image.SetOrigin([-(n - 1) * s / 2 for n, s in zip(size, spacing, strict=True)])
    if values is None:
        grid = Grid.of(image)
        index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1)
        points = grid.points(index.reshape(-1, 3)).reshape(*size, 3)
        values = (100 + points @ [1.0, 2.0, 3.0]).transpose(2, 1, 0)
    filled = sitk.GetImageFromArray(values.astype(np.float32))
    filled.CopyInformation(image)
    return filled


def mirrored(image: sitk.Image, *axes: int) -> sitk.Image:
    """The same voxels at the same places, stored the other way round along ``axes``."""
    return sitk.Flip(image, [axis in axes for axis in range(3)], False)


def points_of(roi: Roi) -> set[tuple[float, ...]]:
    return {tuple(np.round(point, 3)) for point in roi.grid.points(roi.voxels)}


@pytest.mark.parametrize(
    ("spacing", "count"), [((1, 1, 1), 25), ((1.72, 1.72, 5), 8), ((2, 2, 2), 6), ((0.86, 0.86, 7), 34), ((6, 6, 6), 1)]
)
def test_a_disc_has_the_voxel_count_nearest_to_its_area_in_one_slice(spacing, count):
    map = volume(spacing=spacing)
    roi = rois.disc("tumour_1", map, (0.3, -2.2, 1.1))
    assert roi.count == count == max(1, np.floor(25 / (spacing[0] * spacing[1]) + 0.5))
    assert roi.area == pytest.approx(count * spacing[0] * spacing[1])
    assert roi.volume == pytest.approx(roi.area * spacing[2])
    assert len(roi.slices) == 1
    assert np.sum(sitk.GetArrayFromImage(roi.image())) == count


def test_a_disc_is_round():
    roi = rois.disc("tumour_1", volume(), (0.5, 0.5, 0.5), area=np.pi * 10**2)
    away = np.linalg.norm(roi.grid.points(roi.voxels)[:, :2] - 0.5, axis=1)
    assert away.max() < 10.6  # the corner of the outermost voxel reaches this far at most
    assert roi.count == 314


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_a_mirrored_grid_gives_the_same_voxels_and_numbers(axes):
    map = volume(spacing=(1.5, 1.5, 4))
    other = mirrored(map, *axes)
    outline = [(-9, -9, 0), (6, -9, 0), (6, 3, 0), (-9, 6, 0)]
    for centre in ((10.0, -6.0, 3.0), (7.5, 0.75, 2.0)):  # the second lies on edges, where ties are decided
        for first, second in (
            (rois.disc("a", map, centre), rois.disc("a", other, centre)),
            (rois.free_hand("a", map, outline), rois.free_hand("a", other, outline)),
        ):
            assert points_of(first) == points_of(second)
            one, two = rois.measure(first, map, "m"), rois.measure(second, other, "m")
            assert one.payload() == pytest.approx(two.payload())
    coarse, finer = volume(spacing=(3, 3, 6), size=(20, 24, 12)), volume(spacing=(1, 1, 2), size=(60, 72, 30))
    for target in (coarse, finer):
        roi = rois.disc("a", map, (10.0, -6.0, 3.0))
        assert points_of(rois.copy_to(roi, target)) == points_of(rois.copy_to(roi, mirrored(target, *axes)))
        assert points_of(rois.copy_to(rois.disc("a", other, (10.0, -6.0, 3.0)), target)) == points_of(
            rois.copy_to(roi, target)
        )


def test_left_is_left():
    """LPS: x runs to the patient's left. A disc at x = +12 measures the map's left half, wherever i runs."""
    map = volume()
    left = np.zeros(map.GetSize()[::-1])
    left[:, :, 20:] = 1.0  # i >= 20 is x > 0 on this grid
    marked = volume(values=left)
    for image in (marked, mirrored(marked, 0), mirrored(marked, 0, 1)):
        assert rois.measure(rois.disc("l", image, (12, 0, 0)), image, "m").mean == 1.0
        assert rois.measure(rois.disc("r", image, (-12, 0, 0)), image, "m").mean == 0.0


def test_rotated_grids_measure_the_same_place():
    map = volume(spacing=(1, 1, 5), size=(64, 64, 20))
    turned = sitk.Image(map)
    c, s = np.cos(0.2), np.sin(0.2)
    turned.SetDirection((c, -s, 0, s, c, 0, 0, 0, 1))
    values = volume(spacing=(1, 1, 5), size=(64, 64, 20))
    resampled = sitk.Resample(values, turned, sitk.Transform(), sitk.sitkLinear, 100.0)
    roi = rois.disc("a", map, (5, 5, 2), area=200)
    copied = rois.measure(roi, resampled, "b")
    assert copied.mean == pytest.approx(rois.measure(roi, map, "a").mean, abs=0.3)
    assert copied.area == pytest.approx(roi.area, rel=0.1)


def test_free_hand_takes_the_voxels_whose_centre_is_inside():
    map = volume()
    roi = rois.free_hand("tumour_1", map, [(-4.9, -2.9, 0.5), (4.9, -2.9, 0.5), (4.9, 2.9, 0.5), (-4.9, 2.9, 0.5)])
    assert roi.count == 10 * 6  # centres at .5: x in -4.5..4.5, y in -2.5..2.5
    assert roi.provenance.tool == "free-hand"
    line_through_centres = [(-4.5, -2.5, 0.5), (4.5, -2.5, 0.5), (4.5, 2.5, 0.5), (-4.5, 2.5, 0.5)]
    assert rois.free_hand("tumour_1", map, line_through_centres).count == 10 * 6
    triangle = [(-4.9, -2.9, 0.5), (4.9, -2.9, 0.5), (4.9, 2.9, 0.5)]
    closed_by_hand = [*triangle, triangle[-1], triangle[0]]
    assert rois.free_hand("a", map, closed_by_hand).count == rois.free_hand("a", map, triangle).count < 10 * 6
    twice_round = [(3 * np.cos(a), 3 * np.sin(a), 0.5) for a in np.linspace(0, 4 * np.pi, 80)]
    once_round = [(3 * np.cos(a), 3 * np.sin(a), 0.5) for a in np.linspace(0, 2 * np.pi, 40)]
    assert rois.free_hand("a", map, twice_round).count == rois.free_hand("a", map, once_round).count


@pytest.mark.parametrize(
    "outline",
    [[(0, 0, 0), (1, 1, 0)], [(0.6, 0.6, 0), (0.7, 0.6, 0), (0.7, 0.7, 0)], [(0, 0, 0), (1, 0, 0), (np.nan, 0, 0)]],
)
def test_a_line_that_encloses_nothing_is_refused(outline):
    with pytest.raises(InputError, match="tumour_1"):
        rois.free_hand("tumour_1", volume(), outline)


def test_outside_the_field_of_view_is_refused():
    map, small = volume(), volume(size=(10, 10, 10))
    with pytest.raises(InputError, match="outside"):
        rois.disc("nawm_1", map, (19.0, 0, 0))
    with pytest.raises(InputError, match="outside"):
        rois.disc("nawm_1", map, (0, 0, 300.0))
    with pytest.raises(InputError, match="outside"):
        rois.free_hand("nawm_1", map, [(15, 0, 0), (40, 0, 0), (15, 10, 0)])
    with pytest.raises(InputError, match="partly outside ASL"):
        rois.copy_to(rois.disc("nawm_1", map, (4.0, 0, 0)), small, "ASL")
    with pytest.raises(InputError, match="three numbers"):
        rois.disc("nawm_1", map, (0, np.inf, 0))
    with pytest.raises(InputError, match="more than 0"):
        rois.disc("nawm_1", map, (0, 0, 0), area=0)


def test_the_acquisition_plane_is_across_the_thick_axis_or_axial():
    assert Grid.of(volume(spacing=(5, 1, 1))).slice_axis == 0
    assert Grid.of(volume(spacing=(1, 4, 1))).slice_axis == 1
    cubic = volume()
    cubic.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))  # stored sagittally: i runs along y, j along z, k along x
    assert Grid.of(cubic).slice_axis == 1
    assert len(rois.disc("a", cubic, cubic.TransformIndexToPhysicalPoint((20, 24, 10))).slices) == 1


def test_copies_follow_physical_space_on_other_grids():
    thick = volume(spacing=(1, 1, 5), size=(60, 60, 12))
    roi = rois.disc("tumour_1", thick, (4.2, -3.1, 2.0), area=100, provenance=Provenance("r1", "real", "disc"))
    thin = volume(spacing=(1, 1, 1), size=(60, 60, 60))
    copied = rois.copy_to(roi, thin)
    assert copied.volume == pytest.approx(roi.volume)  # a slab of 5 mm is five slices of 1 mm
    assert len(copied.slices) == 5
    assert copied.provenance == Provenance("r1", "real", "disc", copied=True)
    # Two slices of 5 mm whose centres are not in a slab of 1 mm: the nearer one is taken.
    back = rois.copy_to(
        rois.disc("tumour_1", thin, (4.2, -3.1, 2.0), area=100), volume(spacing=(1, 1, 5), size=(60, 60, 12))
    )
    assert back.count == 100
    assert back.slices.tolist() == [6]  # z = 2.5 is nearer to 2.0 than -2.5
    # Smaller than a voxel: the voxel that holds it.
    dot = rois.disc("tumour_1", thin, (4.2, -3.1, 2.0), area=1)
    large = volume(spacing=(7, 7, 7), size=(8, 8, 8))
    assert points_of(rois.copy_to(dot, large)) == {(3.5, -3.5, 3.5)}
    assert rois.measure(dot, large, "b").sd is None


def test_what_is_written_comes_back():
    map = volume(spacing=(1.1, 1.1, 5))
    for roi in (
        rois.disc("tumour_1", map, (3, 4, 0), provenance=Provenance("r1", "real", "disc")),
        rois.free_hand("nawm_1", map, [(-9, -9, 0), (6, -9, 0), (6, 3, 0), (-9, 6, 0)]),
    ):
        again = Roi.from_payload(roi.payload())
        assert np.array_equal(again.voxels, roi.voxels)
        assert (again.name, again.grid, again.provenance) == (roi.name, roi.grid, roi.provenance)
        assert again.sha256 == roi.sha256
        assert np.array_equal(rois.from_mask("x", roi.image()).voxels, roi.voxels)


@settings(max_examples=60, deadline=None)
@given(
    centre=st.tuples(*[st.floats(-12, 12)] * 2, st.floats(-6, 6)),
    spacing=st.tuples(*[st.sampled_from([0.7, 1.0, 1.3])] * 2, st.sampled_from([1.0, 3.0])),
    area=st.floats(0.1, 120),
)
def test_any_disc_is_the_nearest_voxels(centre, spacing, area):
    map = volume(size=(64, 64, 24), spacing=spacing)
    roi = rois.disc("a", map, centre, area)
    assert abs(roi.area - area) <= max(roi.grid.voxel_area / 2, roi.grid.voxel_area - area) + 1e-9
    k = roi.voxels[0, roi.grid.slice_axis]
    in_slice = roi.grid.points(np.array([(i, j, k) for i in range(64) for j in range(64)]))
    if roi.grid.slice_axis == 2:
        away = np.linalg.norm((in_slice - centre)[:, :2], axis=1)
        own = np.linalg.norm((roi.grid.points(roi.voxels) - centre)[:, :2], axis=1)
        assert own.max() <= np.sort(away)[roi.count - 1] + 1e-6


def test_measurements_by_hand():
    values = np.zeros((3, 4, 4))
    values[1, :2, :2] = [[1, 2], [3, 10]]
    map = volume(size=(4, 4, 3), spacing=(2, 2, 5), centred=False, values=values)
    mask = np.zeros_like(values)
    mask[1, :2, :2] = 1
    roi = rois.from_mask("tumour_1", volume(size=(4, 4, 3), spacing=(2, 2, 5), centred=False, values=mask))
    assert rois.measure(roi, map, "real").payload() == pytest.approx(
        {
            "voxels": 4,
            "area_mm2": 16.0,
            "volume_mm3": 80.0,
            "mean": 4.0,
            "median": 2.5,
            "p95": 8.95,  # 3 + 0.85 (10 - 3)
            "max": 10.0,
            "sd": np.sqrt((9 + 4 + 1 + 36) / 3),
        }
    )
    assert rois.burden([roi], map, nawm_mean=2.0, threshold=1.0) == 0.5  # 2 is not above 2
    assert rois.burden([roi, roi], map, nawm_mean=2.0, threshold=1.0) == 0.5
    assert rois.burden([roi], map, nawm_mean=2.0, threshold=1.75) == 0.25
    with pytest.raises(InputError, match="white matter"):
        rois.burden([roi], map, nawm_mean=0.0, threshold=1.0)


def test_t_wm_is_the_mean_of_three_over_the_mean_of_three():
    """Wang et al.: every region counts the same, whatever its size."""
    values = np.ones((8, 40, 40))
    values[:, :20] = 6.0
    values[:, 20:, 20:] = 2.0
    map = volume(size=(40, 40, 8), values=values)
    tumour = [rois.disc(f"tumour_{n}", map, (x, -10, 0), area) for n, x, area in ((1, -9, 25), (2, 0, 60), (3, 9, 9))]
    nawm = [rois.disc(f"nawm_{n}", map, (x, 10, 0), 25) for n, x in ((1, -9), (2, 9), (3, 9))]
    t = [rois.measure(roi, map, "m") for roi in tumour]
    w = [rois.measure(roi, map, "m") for roi in nawm]
    assert rois.tumour_to_white_matter(t, w) == pytest.approx(6 / (5 / 3))
    assert rois.tumour_to_white_matter(t, []) is None
    table = rois.rows({**dict.fromkeys(tumour, rois.LESION), **dict.fromkeys(nawm, rois.NAWM)}, map, "m")
    assert [row["roi"] for row in table] == ["tumour_1", "tumour_2", "tumour_3", "nawm_1", "nawm_2", "nawm_3"]
    assert set(table[0]) | {"reader", "case", "arm", "repeat"} == set(rois.COLUMNS)
    assert np.mean([row["nawm_ratio"] for row in table[:3]]) == pytest.approx(3.6)
    assert table[0]["burden_above_1.75"] == 1.0
    assert table[5]["nawm_ratio"] is None
    assert table[5]["burden_above_1.0"] is None


def test_a_row_says_where_its_region_comes_from():
    real, other = volume(), volume(spacing=(2, 2, 2), size=(24, 28, 12))
    drawn = rois.disc("tumour_1", real, (5, 5, 0), provenance=Provenance("r1", "real", "disc"))
    (here,) = rois.rows({drawn: rois.LESION}, real, "real", rois.COMMON, {"tumour_1": ("It is small.",)})
    (there,) = rois.rows({drawn: rois.LESION}, other, "other")
    assert (here["map"], here["drawn_on"], here["condition"], here["warnings"]) == (
        "real",
        "real",
        "common",
        "It is small.",
    )
    assert (there["map"], there["drawn_on"], there["voxels"]) == ("other", "real", 6)
    assert there["nawm_ratio"] is None


def head(shift: float = 0.0, tilt: float = 0.0) -> sitk.Image:
    """An ellipsoid as brain mask, moved sideways by ``shift`` mm and turned by ``tilt`` about z."""
    image = volume(size=(80, 90, 30), spacing=(2, 2, 4))
    grid = Grid.of(image)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij"), axis=-1).reshape(-1, 3)
    x, y, z = (grid.points(index) - [shift, 0, 0]).T
    u, v = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    mask = ((u / 60) ** 2 + (v / 75) ** 2 + (z / 50) ** 2 < 1).reshape(grid.size)
    return volume(size=grid.size, spacing=grid.spacing, values=mask.transpose(2, 1, 0))


@pytest.mark.parametrize(("shift", "tilt"), [(0.0, 0.0), (12.0, 0.0), (-8.0, 0.15)])
def test_the_midsagittal_plane_follows_the_head(shift, tilt):
    a, b, _ = Surroundings(head(shift, tilt)).midsagittal
    assert a == pytest.approx(shift, abs=1.5)
    # The middle of a turned ellipse's chords along x; between 0 and the turn of its axis.
    assert b == pytest.approx(
        -np.sin(tilt) * np.cos(tilt) * (75**2 - 60**2) / (60**2 * np.sin(tilt) ** 2 + 75**2 * np.cos(tilt) ** 2),
        abs=0.03,
    )


def test_white_matter_of_the_wrong_side_is_named():
    brain = head(shift=12)
    tumour = [rois.disc("tumour_1", brain, (40, 0, 0))]
    around = Surroundings(brain)
    assert check_nawm(rois.disc("nawm_1", brain, (-20, 0, 0)), tumour, around) == ()
    assert "on the side of the lesion" in check_nawm(rois.disc("nawm_1", brain, (25, 0, 0)), tumour, around)[0]
    # x = 5 is left of the coordinate system's middle but right of this patient's.
    assert "on the midline" in check_nawm(rois.disc("nawm_1", brain, (9, 0, 0)), tumour, around)[0]
    assert check_nawm(rois.disc("nawm_1", brain, (5, 0, 0)), tumour, around) == ()
    assert "side of the lesion" in check_nawm(rois.disc("nawm_1", brain, (6, 0, 0)), tumour)[0]
    middle = [rois.disc("tumour_1", brain, (12, 0, 0))]
    assert "cannot be told" in check_nawm(rois.disc("nawm_1", brain, (-20, 0, 0)), middle, around)[0]


def test_overlap_fluid_and_size_are_named():
    brain = head()
    lesion = rois.disc("lesion", brain, (30, 0, 0), area=900).image()
    oedema = rois.disc("oedema", brain, (-30, 0, 0), area=200).image()
    nothing = sitk.Image(lesion) * 0
    adc = volume(size=(80, 90, 30), spacing=(2, 2, 4), values=np.full((30, 90, 80), 750.0))
    t2 = volume(size=(80, 90, 30), spacing=(2, 2, 4), values=np.full((30, 90, 80), 300.0))
    csf = rois.disc("csf", brain, (-30, 30, 0), area=100)
    adc[tuple(int(n) for n in csf.voxels[0])] = 2900.0
    for voxel in csf.voxels:
        t2[tuple(int(n) for n in voxel)] = 900.0
    around = Surroundings(brain, {"lesion": lesion, "oedema": oedema, "scar": nothing}, {"ADC": adc})
    assert check_nawm(rois.disc("nawm_1", brain, (-30, -40, 0)), (), around) == ()
    assert check_nawm(rois.disc("nawm_1", brain, (-30, 0, 0)), (), around) == (
        "nawm_1: 100 % of it overlaps the oedema.",
    )
    fluid = rois.Roi("nawm_1", csf.grid, csf.voxels)
    assert check_nawm(fluid, (), around) == ("nawm_1: 4 % of it looks like cerebrospinal fluid.",)
    with_t2 = Surroundings(brain, images={"T2": t2})
    assert check_nawm(fluid, (), with_t2) == ("nawm_1: 100 % of it looks like cerebrospinal fluid.",)
    other_grid = volume(size=(120, 120, 60), spacing=(3, 3, 3), values=np.full((60, 120, 120), 40.0))
    raw = sitk.Cast(sitk.Resample(brain, other_grid) != 0, sitk.sitkFloat32) * 260.0 + sitk.Cast(
        other_grid, sitk.sitkFloat32
    )
    whole = Surroundings(brain, images={"T2": raw, "T1": raw})
    assert check_nawm(rois.disc("nawm_1", brain, (-30, -40, 0)), (), whole) == (), "air does not say what is typical"
    assert check_nawm(rois.disc("nawm_1", brain, (-30, -40, 0), area=8), (), Surroundings(brain)) == (
        "nawm_1 is small: 8 mm2, 25 mm2 are due.",
        "nawm_1 has only 2 voxel(s): its mean is uncertain.",
    )
    touching = check_nawm(rois.disc("nawm_1", brain, (-30, 0, 0)), [rois.disc("tumour_1", brain, (-29, 0, 0), 60)])
    assert any("overlaps the tumour 1" in sentence for sentence in touching)


def test_a_large_region_is_quick():
    map = volume(size=(192, 192, 60), spacing=(1, 1, 2))
    other = volume(size=(96, 96, 40), spacing=(2, 2, 3))
    began = time.process_time()
    roi = rois.disc("tumour_1", map, (0, 0, 0), area=3000)
    regions = {roi: rois.LESION, rois.disc("nawm_1", map, (30, 30, 0)): rois.NAWM}
    assert len(rois.rows(regions, map, "a") + rois.rows(regions, other, "b")) == 4
    assert time.process_time() - began < 1.0
