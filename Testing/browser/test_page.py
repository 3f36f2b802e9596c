"""How the reading page lies on the screen, and how it is used without a mouse."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from served_studies import Served, set_up
from SynthPerfReaderStudyLib.study import Study

MakeStudy = Callable[..., Study]
MakePage = Callable[..., Page]
Serve = Callable[..., Served]

BACK = {"back": True, "review_later": True}
FITS = """() => {
  const shown = [...document.querySelectorAll(".desk *")].filter((e) => e.checkVisibility() && !e.closest(".unseen"));
  const words = shown.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
  const box = (e) => e.getBoundingClientRect();
  const out = (e) => box(e).right > innerWidth + 1 || box(e).bottom > innerHeight + 1;
  const cut = (e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflow === "hidden";
  const told = (some) => some.map((e) => e.outerHTML.slice(0, 120));
  return {
    smallest: Math.min(...words.map((e) => parseFloat(getComputedStyle(e).fontSize))),
    out: told(shown.filter((e) => out(e) && !e.closest(".questions"))),
    cut: told(words.filter(cut)),
    side: document.querySelector(".side").getBoundingClientRect().width / innerWidth,
    scrolls: document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth,
  }
}"""
FOCUS = "(e => e.closest('[data-item]')?.dataset.item ?? e.innerText)(document.activeElement)"


def test_the_reading_page_fits_the_smallest_and_the_largest_screen(
    study: MakeStudy, serve: Serve, person: MakePage
) -> None:
    served, page = serve(study("wu2025_quality", navigation=BACK)), person()
    set_up(page, served.links["R1"])
    for width, height in ((1280, 800), (3840, 2160)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        found = page.evaluate(FITS)
        assert found["smallest"] >= 13
        assert found["out"] == found["cut"] == []
        assert found["side"] <= 0.25
        assert not found["scrolls"]
        last = page.get_by_label("Remark")
        last.scroll_into_view_if_needed()
        expect(last).to_be_in_viewport()


def test_everything_in_the_form_has_a_name_and_is_reached_by_tab(
    study: MakeStudy, serve: Serve, person: MakePage
) -> None:
    served, page = serve(study("wu2025_quality")), person()
    set_up(page, served.links["R1"])
    names = []
    for _ in range(9):
        names.append(page.evaluate(FOCUS))
        page.keyboard.press("Tab")
    items = ["distribution", "degree", "border_shape"]
    assert names[:7] == [item for item in items for _ in range(2)] + ["remark"]  # answers, then the reasons
    assert names[7].startswith("Save and next")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("2")  # is not an answer while the sheet is open
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.get_by_role("radio", checked=True).count() == 0
    page.get_by_role("radio", name="good", exact=False).first.check()
    for key in ("ArrowUp", "ArrowDown", "PageUp", "PageDown"):
        page.keyboard.press(key)
    assert page.get_by_role("radio", checked=True).get_attribute("aria-keyshortcuts") == "2"
    slice_ = page.locator(".seat-place").first.inner_text()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".seat-place").first).not_to_have_text(slice_)  # it scrolls, though an answer has the keyboard
