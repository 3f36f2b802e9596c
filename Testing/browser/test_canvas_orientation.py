"""The canvas in a real browser: what it shows and where it draws, against the library, in every orientation."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from canvas_views import Canvas, a_map, anatomy, pixel, stage, view, volume
from playwright.sync_api import Page, expect
from SynthPerfLib import rois
from SynthPerfLib.colours import table
from SynthPerfLib.rois import Grid, Roi

pytest_plugins = ("canvas_fixtures",)

CODES = [
    "".join(letters) for order in itertools.permutations(("RL", "AP", "IS")) for letters in itertools.product(*order)
]
"""The 48 ways in which a volume can be stored."""


def sides(path: str) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """The straight lines of an SVG path, to half a pixel."""
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", path)]
    ends = [(round(2 * x), round(2 * y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    return {tuple(sorted(pair)) for pair in zip(ends[::2], ends[1::2], strict=True)}  # type: ignore[misc]


def expected_sides(page: Page, image: sitk.Image, roi: Roi) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """The sides of the region's voxels that no two of them share."""
    box = view(page, "map_a").bounding_box()
    assert box is not None
    taken = {tuple(int(x) for x in voxel) for voxel in roi.voxels}
    found = set()
    for i, j, k in taken:
        for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            if (i + di, j + dj, k) in taken:
                continue
            ends = [(i + (di or s) / 2, j + (dj or s) / 2, k) for s in (-1, 1)]
            at = [pixel(page, "map_a", image, image.TransformContinuousIndexToPhysicalPoint(end)) for end in ends]
            found.add(tuple(sorted((round(2 * (x - box["x"])), round(2 * (y - box["y"]))) for x, y in at)))
    return found  # type: ignore[return-value]


def close_to(one: set[Any], other: set[Any]) -> bool:
    """Whether both hold the same lines, give or take half a pixel."""

    def near(line: Any, lines: set[Any]) -> bool:
        return any(
            max(abs(a - b) for p, q in zip(line, each, strict=True) for a, b in zip(p, q, strict=True)) <= 1
            for each in lines
        )

    return len(one) == len(other) and all(near(line, other) for line in one) and all(near(line, one) for line in other)


def places(roi: Roi) -> set[tuple[float, ...]]:
    """The middles of a region's voxels, LPS, to a hundredth of a mm."""
    return {tuple(point) for point in np.round(roi.grid.points(roi.voxels), 2).tolist()}


LOOK = """async ([volumes, point]) => {
  const { Grid, Plane } = await import("synthperf-seat/geometry.js");
  const { Volume } = await import("synthperf-seat/volumes.js");
  const table = Uint32Array.from({ length: 256 }, (_, n) => n);
  return volumes.map(({ affine, size, bytes }) => {
    const img = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const volume = new Volume({ hdr: { affine, dims: [3, ...size], scl_slope: 1, scl_inter: 0 }, img });
    const plane = new Plane(volume.grid, volume.grid.across);
    const pixels = new Uint32Array(plane.columns * plane.rows);
    const k = plane.slice(point);
    volume.paint(plane, k, table, [0, 256], pixels);
    const middle = plane.onScreen(volume.grid.point(size.map((n) => (n - 1) / 2)));
    const place = plane.onScreen(point).map((x, i) => x - middle[i]);
    return { picture: pixels.join(), place, marks: plane.marks, at: plane.position(k), number: plane.number(k),
      nearest: volume.grid.point(volume.grid.nearest(point)), up: plane.position(plane.further(k, 1)) };
  });
}"""


def in_ras(image: sitk.Image) -> dict[str, Any]:
    """A volume of bytes as NiiVue hands it over: its affine leads to RAS."""
    axes = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([axes, image.GetOrigin()])
    voxels = sitk.GetArrayFromImage(sitk.Cast(image * 60, sitk.sitkUInt8)).tobytes()
    return {
        "affine": [*affine.tolist(), [0, 0, 0, 1]],
        "size": image.GetSize(),
        "bytes": base64.b64encode(voxels).decode(),
    }


@pytest.mark.parametrize("spacing", [(2.1, 1.9, 6.5), (6.5, 2.1, 1.9), (2.1, 6.5, 1.9), (2.0, 2.0, 2.0)])
def test_all_48_orientations_are_one_picture(page: Page, spacing: tuple[float, ...]) -> None:
    base = volume((12, 14, 10), spacing)
    point = base.TransformContinuousIndexToPhysicalPoint((4.3, 8.2, 6.4))
    looks = page.evaluate(LOOK, [[in_ras(sitk.DICOMOrient(base, code)) for code in CODES], point])
    first = looks[CODES.index("LPS")]
    for code, look in zip(CODES, looks, strict=True):
        assert look["picture"] == first["picture"], code
        assert [look[key] for key in ("marks", "at", "number", "up")] == [
            first[key] for key in ("marks", "at", "number", "up")
        ]
        assert np.allclose(look["place"], first["place"], atol=1e-3)
        assert np.allclose(
            look["nearest"], Grid.of(base).points(Grid.of(base).nearest(np.array([point])))[0], atol=1e-3
        )


@pytest.mark.parametrize(
    ("across", "marks", "way"),
    [
        (0, {"left": "A", "right": "P", "top": "S", "bottom": "I"}, "L"),
        (1, {"left": "R", "right": "L", "top": "S", "bottom": "I"}, "A"),
        (2, {"left": "R", "right": "L", "top": "A", "bottom": "P"}, "S"),
    ],
)
def test_marks_of_sagittal_coronal_and_axial_series(page: Page, across: int, marks: dict[str, str], way: str) -> None:
    spacing = [6.0 if axis == across else 2.0 for axis in range(3)]
    base = volume((12, 14, 10), spacing, np.eye(3).ravel())
    look = page.evaluate(LOOK, [[in_ras(base)], base.TransformIndexToPhysicalPoint((6, 7, 5))])[0]
    assert look["marks"] == marks
    sign = {"L": 1, "A": -1, "S": 1}[way]
    here, further = (float(text[2:-3]) * (1 if text[0] == way else -1) for text in (look["at"], look["up"]))
    assert further - here == pytest.approx(6.0, abs=0.11)  # the key Up leads to L, A, S
    assert here == pytest.approx(sign * base.TransformIndexToPhysicalPoint((6, 7, 5))[across], abs=0.06)


@pytest.mark.parametrize("code", ["LPS", "RAS", "PIR", "SLA", "IRP"])
def test_what_is_drawn_by_mouse_is_what_the_library_draws(canvas: Canvas, page: Page, code: str) -> None:
    base = volume()
    stored = sitk.DICOMOrient(base, code)
    url = canvas.write(code, stored)
    canvas.do("set_tool", tool="disc", maps=["map_a"], area_cm2=0.5)
    canvas.show(code, [[anatomy(url), a_map(url)]])
    centre = base.TransformContinuousIndexToPhysicalPoint((17.23, 33.38, 4.0))
    page.mouse.click(*pixel(page, "map_a", base, centre))
    _, map, reported = canvas.wait("disc")
    assert map == "map_a"
    assert np.allclose(reported, centre, atol=0.03)
    disc = rois.disc("r", stored, reported, 50.0)
    assert places(disc) == places(rois.disc("r", base, centre, 50.0))

    canvas.do("set_tool", tool="outline", maps=["map_a"])
    page.wait_for_function(
        "() => getElement(document.querySelector('.seat').id.slice(1)).board.tool.name === 'outline'"
    )
    around = [(22.3 + 7 * np.cos(a), 20.4 + 9 * np.sin(a) * (1 + 0.3 * np.cos(a)), 4.0) for a in np.arange(0, 6, 0.4)]
    outline = [base.TransformContinuousIndexToPhysicalPoint(index) for index in around]
    page.mouse.move(*pixel(page, "map_a", base, outline[0]))
    page.mouse.down()
    for point in outline[1:]:
        page.mouse.move(*pixel(page, "map_a", base, point))
    page.mouse.up()
    _, _, line = canvas.wait("outline")
    drawn = rois.free_hand("r", stored, line)
    assert places(drawn) == places(rois.free_hand("r", base, outline))

    given = {"label": "1", "colour": "#ff00ff", "images": ["map_a", "image_1"]}
    canvas.do(
        "set_regions", regions=[{"id": id, "roi": roi.payload(), **given} for id, roi in (("a", disc), ("b", drawn))]
    )
    for id, roi in (("a", rois.disc("r", base, centre, 50.0)), ("b", rois.free_hand("r", base, outline))):
        path = view(page, "map_a").locator(f'path[data-region="{id}"]').get_attribute("d")
        assert close_to(sides(path or ""), expected_sides(page, base, roi))
        assert view(page, "image_1").locator(f'path[data-region="{id}"]').get_attribute("d") == path

    canvas.do("set_tool", tool="erase", maps=["map_a"])
    page.wait_for_function("() => getElement(document.querySelector('.seat').id.slice(1)).board.tool.name === 'erase'")
    page.mouse.click(*pixel(page, "map_a", base, centre))
    assert canvas.wait("erase") == ["erase", "a"]
    page.mouse.move(*pixel(page, "image_1", base, base.TransformContinuousIndexToPhysicalPoint((22, 20, 4))))
    page.mouse.down()
    page.mouse.move(*pixel(page, "image_1", base, base.TransformContinuousIndexToPhysicalPoint((22, 30, 4))))
    page.mouse.up()
    assert canvas.wait("cut")[1] == "b"


def test_the_patients_right_is_on_the_left_and_colours_are_those_of_the_bar(canvas: Canvas, page: Page) -> None:
    base = volume(direction=np.eye(3).ravel())
    values = np.full(base.GetSize()[::-1], 1.0, np.float32)
    values[4, 36:46, 6:16] = 3.0  # to the patient's right, at the back
    inside = np.ones_like(values, np.uint8)
    inside[:, :8] = 0  # nothing at the front
    image, brain = (sitk.GetImageFromArray(x) for x in (values, inside))
    for each in (image, brain):
        each.CopyInformation(base)
    stored = sitk.DICOMOrient(image, "ARS")
    url, mask = canvas.write("marker", stored), canvas.write("mask", sitk.DICOMOrient(brain, "ARS"))
    canvas.show("marker", [[a_map(url, brain=mask), a_map(url, "map_b", colours="rainbow", brain=mask)]])
    seen = stage(page)
    viridis, rainbow = (table(name).astype(int) for name in ("viridis", "rainbow"))
    for name, colours in (("map_a", viridis), ("map_b", rainbow)):
        for index, colour in (((11, 41, 4), colours[192]), ((37, 41, 4), colours[64]), ((24, 3, 4), (0, 0, 0))):
            x, y = pixel(page, name, base, base.TransformIndexToPhysicalPoint(index))
            assert np.array_equal(seen[int(y), int(x)], colour), (name, index)
        left, right = (pixel(page, name, base, base.TransformIndexToPhysicalPoint((i, 41, 4)))[0] for i in (11, 37))
        assert left < right
        marks = {
            side: view(page, name).locator(f'[data-side="{side}"]').inner_text()
            for side in ("left", "right", "top", "bottom")
        }
        assert marks == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
        bar = view(page, name).locator(".seat-bar")
        assert bar.locator("li").all_inner_texts() == ["0", "1", "2", "3", "≥ 4"]
        expect(bar.locator(".seat-unit")).to_have_text("mL/100 g")
    expect(page.get_by_text("Research use only")).to_be_visible()
