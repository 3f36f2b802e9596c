"""The canvas in a real browser: scrolling, windows, tools, keys, what happens when something fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from canvas_views import OBLIQUE, Canvas, a_map, anatomy, pixel, stage, view, volume
from playwright.sync_api import Page, expect

pytest_plugins = ("canvas_fixtures",)


def test_series_on_other_grids_stay_at_the_same_place(canvas: Canvas, page: Page) -> None:
    thick, thin = volume(), volume((120, 130, 90), (1.0, 1.0, 1.0), np.eye(3).ravel(), seed=5)
    canvas.show("grids", [[anatomy(canvas.write("thin", thin)), a_map(canvas.write("thick", thick))]])

    def at(name: str) -> float:
        where = view(page, name).locator(".seat-place").inner_text()
        side, mm = re.match(r"([SI]) ([\d.]+) mm", where).groups()  # type: ignore[union-attr]
        return float(mm) * (1 if side == "S" else -1)

    def scroll(name: str, turn: float) -> None:
        view(page, name).hover(position={"x": 150, "y": 350})
        page.mouse.wheel(0, turn)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    start = at("map_a"), at("image_1")
    scroll("map_a", -100)
    assert at("map_a") - start[0] == pytest.approx(6.5, abs=0.11)
    assert at("image_1") - start[1] == pytest.approx(6.5 * OBLIQUE[8], abs=1.1)  # straight across the thick slice
    before = at("map_a"), at("image_1")
    scroll("image_1", 100)
    assert at("image_1") - before[1] == pytest.approx(-1.0, abs=0.01)
    assert at("map_a") == before[0]  # the nearest of its slices is still this one
    for _ in range(3):
        scroll("image_1", 100)
    assert at("map_a") == pytest.approx(before[0] - 6.5, abs=0.11)

    point = thick.TransformContinuousIndexToPhysicalPoint((14, 20, 2))
    page.mouse.wheel(0, -100)
    page.mouse.click(*pixel(page, "map_a", thick, point))
    crosses = [
        view(page, name).locator("path:not([data-region]) + path").get_attribute("d") for name in ("map_a", "image_1")
    ]
    placed = []
    for name, cross in zip(("map_a", "image_1"), crosses, strict=True):
        box = view(page, name).bounding_box()
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", cross or "")]
        placed.append((np.mean(numbers[::2]) + box["x"], np.mean(numbers[1::2]) + box["y"]))
    assert np.allclose(placed[0], pixel(page, "map_a", thick, point), atol=0.6)
    middle = [view(page, name).bounding_box() for name in ("map_a", "image_1")]
    assert placed[1][0] - middle[1]["x"] == pytest.approx(
        placed[0][0] - middle[0]["x"], abs=25
    )  # tilted by up to 11 degrees


def test_maps_are_locked_and_anatomy_is_windowed(canvas: Canvas, page: Page) -> None:
    url = canvas.write("locked", volume())
    canvas.show("locked", [[anatomy(url), a_map(url)]])

    def shown(name: str) -> np.ndarray:
        box, pixels = view(page, name).bounding_box(), stage(page)
        return pixels[100:600, int(box["x"]) + 60 : int(box["x"] + box["width"]) - 90]

    def drag(name: str, button: str = "left") -> None:
        box = view(page, name).bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 300)
        page.mouse.down(button=button)
        page.mouse.move(box["x"] + 260, box["y"] + 340, steps=3)
        page.mouse.up(button=button)

    before = shown("image_1"), shown("map_a")
    drag("image_1")
    assert not np.array_equal(shown("image_1"), before[0])
    assert np.array_equal(shown("map_a"), before[1])
    expect(view(page, "image_1").locator(".seat-place")).to_contain_text("W")
    drag("map_a")
    page.keyboard.press("z")
    assert np.array_equal(shown("map_a"), before[1])  # nothing but the cross had come
    assert np.array_equal(shown("image_1"), before[0])
    for button in ("right", "middle"):
        drag("map_a", button)
        assert not np.array_equal(shown("map_a"), before[1]), button
        assert not np.array_equal(shown("image_1"), before[0]), button  # all views together
        page.keyboard.press("z")
        assert np.array_equal(shown("map_a"), before[1]), button


def test_flicker_overlay_and_one_large_view(canvas: Canvas, page: Page) -> None:
    base = volume()
    url, other = canvas.write("one", base), canvas.write("other", volume(seed=9))
    canvas.show("flicker", [[anatomy(other), a_map(url)]])
    first = stage(page)
    view(page, "map_a").hover(position={"x": 200, "y": 300})
    page.keyboard.press("f")
    expect(view(page, "map_a").locator(".seat-label")).to_have_text("T1")
    expect(view(page, "map_a").locator(".seat-bar")).to_be_hidden()
    assert not np.array_equal(stage(page), first)
    view(page, "map_a").hover(position={"x": 200, "y": 300})
    page.keyboard.press(" ")
    assert np.array_equal(stage(page), first)

    page.keyboard.press("o")
    label = view(page, "image_1").locator(".seat-label")
    expect(label).to_have_text("T1 + Map A 40 %")
    expect(view(page, "image_1").locator(".seat-bar")).to_be_visible()
    x, y = (int(v) for v in pixel(page, "image_1", base, base.TransformIndexToPhysicalPoint((24, 28, 4))))
    mixed = 0.6 * first[y, x] + 0.4 * first[y, x + first.shape[1] // 2]
    assert np.allclose(stage(page)[y, x], mixed, atol=2)
    page.keyboard.press("Shift+O")
    expect(label).to_have_text("T1 + Map A 60 %")
    page.keyboard.press("o")
    assert np.array_equal(stage(page), first)

    view(page, "map_a").dblclick(position={"x": 200, "y": 300})
    expect(view(page, "image_1")).to_be_hidden()
    assert view(page, "map_a").bounding_box()["width"] == page.locator(".seat-stage").bounding_box()["width"]
    view(page, "map_a").dblclick(position={"x": 200, "y": 300})
    page.keyboard.press("z")
    expect(view(page, "image_1")).to_be_visible()
    view(page, "map_a").hover(position={"x": 200, "y": 300})
    assert view(page, "map_a").locator(".seat-place").inner_text().startswith(("S", "I"))


def test_keys_leave_typing_and_choosing_alone(canvas: Canvas, page: Page) -> None:
    canvas.show("keys", [[a_map(canvas.write("keys", volume()))]])
    canvas.do("set_tools", allowed=["disc", "erase"], undo=True, redo=False)
    place = view(page, "map_a").locator(".seat-place")
    before = place.inner_text()
    field = page.get_by_label("Remark")
    field.click()
    page.keyboard.type("do fezx")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Control+z")
    radio = page.get_by_role("radio").first
    radio.focus()
    page.keyboard.press("ArrowDown")
    assert place.inner_text() == before
    assert canvas.told("tool", "undo") == []
    page.keyboard.press("d")  # a letter means nothing to a choice
    assert canvas.wait("tool") == ["tool", "disc"]
    page.keyboard.press("e")  # not allowed now
    page.keyboard.press("Control+z")
    assert canvas.wait("undo") == ["undo"]
    page.keyboard.press("Control+y")  # there is nothing
    view(page, "map_a").click(position={"x": 300, "y": 300})
    page.keyboard.press("ArrowUp")
    expect(place).not_to_have_text(before)
    page.keyboard.press("ArrowDown")
    expect(place).to_have_text(before)
    page.keyboard.press("PageDown")
    expect(place).to_contain_text("1 / 9")
    page.keyboard.press("Home")
    expect(place).to_contain_text("9 / 9")
    assert canvas.told("tool", "redo") == [["tool", "disc"]]


def test_a_stroke_lasts_through_other_events_and_can_be_cancelled(canvas: Canvas, page: Page) -> None:
    canvas.do("set_tool", tool="outline", maps=["map_a"])
    canvas.show("stroke", [[a_map(canvas.write("stroke", volume()))]])
    box = view(page, "map_a").bounding_box()
    slice_shown = view(page, "map_a").locator(".seat-place").inner_text()

    def half(steps: Sequence[tuple[int, int]]) -> None:
        for x, y in steps:
            page.mouse.move(box["x"] + x, box["y"] + y)

    half([(300, 300)])
    page.mouse.down()
    half([(360, 300), (360, 340)])
    page.mouse.wheel(0, 100)
    page.keyboard.press("ArrowUp")
    canvas.do("set_tools", allowed=["outline"], undo=False, redo=False)
    expect(page.get_by_role("button", name="Free-hand")).to_be_visible()
    half([(360, 360), (300, 360)])
    page.mouse.up()
    points = np.array(canvas.wait("outline")[2])
    assert len(points) == 5
    assert view(page, "map_a").locator(".seat-place").inner_text() == slice_shown
    canvas.do("say", words="")
    page.mouse.down()
    half([(330, 320), (350, 360)])
    page.keyboard.press("Escape")
    page.mouse.up()
    page.keyboard.press("Escape")
    assert canvas.wait("tool") == ["tool", None]
    assert canvas.told("outline") == []


def test_the_next_case_is_there_at_once(canvas: Canvas, page: Page) -> None:
    here, ahead = (
        [[anatomy(canvas.write(f"{n}1", volume(seed=n)), "image_1")], [a_map(canvas.write(f"{n}2", volume(seed=n)))]]
        for n in (1, 2)
    )
    canvas.show("here", here)
    with page.expect_response("**/images/22.nii.gz"):
        canvas.do("preload", images=[picture for row in ahead for picture in row])
    page.wait_for_timeout(300)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    before = stage(page)
    view(page, "map_a").dblclick(position={"x": 100, "y": 150})
    expect(view(page, "image_1")).to_be_hidden()
    canvas.show("ahead", ahead)
    expect(view(page, "image_1")).to_be_visible()  # a new case begins with all of it
    after = stage(page)
    assert not np.array_equal(before, after)
    assert not any("/images/" in url for url in fetched)
    timings = page.evaluate("window.seatTimings")
    assert timings["switch"][-1] < 200
    view(page, "map_a").hover()
    for _ in range(20):
        page.mouse.wheel(0, 100)
        page.mouse.wheel(0, -100)
    assert np.median(page.evaluate("window.seatTimings.scroll")) < 16


def test_an_image_that_does_not_come_is_said_and_tried_again(canvas: Canvas, page: Page) -> None:
    good = canvas.write("good", volume())
    canvas.do("show", code="gone", images=[anatomy(good), a_map("/images/late.nii.gz")], layout=[["image_1", "map_a"]])
    assert canvas.wait("failed")[1] == "gone"
    message = view(page, "map_a").get_by_role("status")
    expect(message).to_contain_text("This image could not be loaded. Your answers and regions are safe.")
    expect(view(page, "image_1").locator(".seat-place")).to_contain_text("/ 9")  # the other one is shown
    canvas.write("late", volume())
    canvas.do("say", words="")
    view(page, "map_a").get_by_role("button", name="Try again").click()
    assert canvas.wait("ready")[1] == "gone"
    expect(message).to_be_hidden()
    expect(view(page, "map_a").locator(".seat-place")).to_contain_text("/ 9")


def test_lost_graphics_are_said_and_come_back(canvas: Canvas, page: Page) -> None:
    url = canvas.write("lost", volume())
    canvas.show("lost", [[anatomy(url), a_map(url)]])
    before = stage(page)
    page.evaluate(
        "window.gone = document.querySelector('.seat-picture').getContext('webgl2').getExtension('WEBGL_lose_context')"
    )
    page.evaluate("window.gone.loseContext()")
    expect(page.get_by_role("alert")).to_contain_text("nothing is lost")
    page.evaluate("window.gone.restoreContext()")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert np.array_equal(stage(page), before)

    page.evaluate("window.gone.loseContext()")
    canvas.do("show", code="meanwhile", images=[a_map(url)], layout=[["map_a"]])
    page.wait_for_timeout(500)
    assert canvas.told("ready", "failed") == []  # nobody has seen it
    page.evaluate("window.gone.restoreContext()")
    assert canvas.wait("ready")[1] == "meanwhile"
    expect(page.get_by_role("alert")).to_be_hidden()
    assert stage(page).max() > 200


def test_a_browser_without_graphics_is_told_so(canvas: Canvas, person: Callable[..., Page]) -> None:
    page = person()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = function () { return null }")
    page.goto(canvas.address)
    expect(page.get_by_role("alert")).to_contain_text("WebGL 2")
    canvas.do("show", code="unseen", images=[a_map(canvas.write("unseen", volume()))], layout=[["map_a"]])
    assert canvas.wait("failed")[1] == "unseen"
    assert canvas.told("ready") == []


def test_nothing_is_said_that_could_tell_a_name_and_no_file_is_taken(canvas: Canvas, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    url = canvas.write("quiet", volume())
    canvas.show("quiet", [[anatomy(url), a_map(url)]])
    view(page, "map_a").click()
    for key in "abcdefghijklmnopqrstuvwxyz0123456789?":
        page.keyboard.press(key)
    dropped = page.evaluate(
        """() => ["dragover", "drop"].map((name) => {
          const event = new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: new DataTransfer() });
          document.querySelector(".seat-view").dispatchEvent(event);
          return event.defaultPrevented;
        })"""
    )
    assert dropped == [True, True]
    canvas.do("show", code="broken off", images=[a_map(canvas.write("broken", volume()))], layout=[["map_a"]])
    canvas.do("clear")
    expect(page.locator(".seat-view")).to_have_count(0)
    assert stage(page).max() == 0
    assert said == []
