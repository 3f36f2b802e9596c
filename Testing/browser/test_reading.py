"""Sessions in a real browser: what is answered there stands in the record, whatever happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from served_studies import READING, Received, Served, code, set_up
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.leaks import scan_file, scan_texts, words_of
from SynthPerfReaderStudyLib.reading import submitted
from SynthPerfReaderStudyLib.records import Kind, Receipt
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.verify import verify_study

MakeStudy = Callable[..., Study]
MakePage = Callable[..., Page]
Serve = Callable[..., Served]

BACK = {"back": True, "review_later": True}


def answers(study: Study, reader: str) -> dict[str, dict[str, Any]]:
    """What counts of a reader, by stimulus and question."""
    with study.records() as log:
        found = submitted(study, log)
    return {
        stimulus: {
            str(key[2]): content.get("not_assessable") or content["value"] for key, content in s.contents.items()
        }
        for (who, stimulus), s in found.items()
        if who == reader
    }


def fetched(page: Page, stimulus: str) -> bool:
    """Whether the page gets an image of a stimulus."""
    url = f"/images/{stimulus}/map_a.nii.gz"
    return bool(page.evaluate("url => fetch(url).then(r => r.status)", url) == 200)


def next_one(page: Page, before: str) -> str:
    """Wait until another stimulus is on the screen."""
    expect(page.locator("header .code")).not_to_have_text(before)
    return code(page)


def test_a_whole_session_by_keyboard_and_mouse(
    study: MakeStudy, serve: Serve, person: MakePage, tmp_path: Path
) -> None:
    made = study("wu2025_diagnosis", navigation=BACK)
    served, page, received = serve(made), person(), Received()
    received.watch(page)
    set_up(page, served.links["R1"])
    expect(page.get_by_text("0 of 4 done")).to_be_visible()
    todo = page.locator(".todo")

    first = code(page)
    page.keyboard.press("Control+Enter")
    expect(todo).to_contain_text("Still to do: Diagnosis; How likely is a tumour recurrence?")
    page.keyboard.press("1")
    page.keyboard.press("Tab")  # to the reasons for which it is not assessable
    page.keyboard.press("Tab")
    page.keyboard.press("8")
    page.keyboard.press("5")
    expect(todo).to_contain_text("Complete")
    page.get_by_label("Remark").fill("12 keys: d e x ? f")  # keys of the images and of answers are text here
    page.keyboard.press("Control+Enter")

    second = next_one(page, first)
    assert page.evaluate("document.activeElement.type") == "radio"  # digits answer at once
    page.get_by_role("radio", name="Treatment response").check()
    page.locator("select").nth(1).select_option("artefacts")
    page.get_by_role("button", name="Save and next").click()

    third = next_one(page, second)
    page.get_by_role("button", name="Review later").click()
    fourth = next_one(page, third)
    page.keyboard.press("2")
    page.get_by_role("slider", name="How likely").click()  # in the middle, where the slider is while it is not answered
    expect(page.locator("output")).to_have_text("50")
    page.keyboard.press("ArrowUp")  # scrolls the slices and changes no answer
    expect(page.locator("output")).to_have_text("50")
    page.keyboard.press("Control+Enter")

    assert next_one(page, fourth) == third  # it comes again after the others
    expect(page.get_by_text("You had put this one aside.")).to_be_visible()
    page.get_by_role("button", name="Break").click()
    expect(page.get_by_role("heading", name="Break")).to_be_visible()
    assert page.locator("canvas").count() == 0  # no patient is on the screen meanwhile
    page.get_by_role("button", name="Go on reading").click()
    page.get_by_role("radio", name="Tumour recurrence").check()
    page.get_by_role("slider", name="How likely").focus()
    page.keyboard.press("1")
    page.keyboard.press("0")
    page.keyboard.press("0")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_text("4 of 4 are answered")).to_be_visible()
    page.get_by_role("button", name="Finish the session").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(page.get_by_text("28 days must lie between")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")

    assert answers(made, "R1") == {
        first: {"diagnosis": "recurrence", "confidence": 85, "remark": "12 keys: d e x ? f"},
        second: {"diagnosis": "treatment_response", "confidence": "artefacts"},
        third: {"diagnosis": "recurrence", "confidence": 100},
        fourth: {"diagnosis": "treatment_response", "confidence": 50},
    }
    with made.records() as log:
        opened = next(log.events(kind=Kind.SESSION_OPENED)).payload
    assert (opened["seat"], opened["room_light"]) == ("browser", "dimmed")
    assert opened["monitors"] == [{"width": 1280, "height": 800, "scale": 1.0}]
    assert Job(verify_study(made, [Receipt.read(tmp_path / "receipt.json")])).run().ok
    assert received.errors() == []
    assert received.hosts == {served.address.partition("//")[2]}
    assert served.stop().strip() == "Stopped. Sessions go on where they were left."


def test_nothing_that_a_page_receives_tells_patient_or_arm(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis")
    served, page, received = serve(made), person(), Received()
    received.watch(page)
    set_up(page, served.links["R1"])
    page.wait_for_timeout(1500)  # the next case is fetched, too
    volumes = [piece for where, piece in received.pieces if "/images/" in where and where != "address"]
    assert len(volumes) >= 2 * 6
    words = words_of(made)
    found = []
    for where, piece in received.pieces:
        if where != "address" and "/images/" in where:
            found += scan_file(where, piece, words)
        else:
            found += scan_texts({where: piece.decode("utf-8", "replace")}, words)
    asked = {"recurrence", "treatment_response"}  # the words of the question, the same in all arms
    assert [finding for finding in found if finding.what not in asked] == []
    assert scan_texts({"websocket": '{"arm": "mri_synthetic_cbv"}'}, words)  # what is looked for would be found


@pytest.mark.parametrize("ends", ["reload", "browser", "server"])
def test_what_was_answered_comes_back(ends: str, study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis")
    served, page = serve(made), person()
    set_up(page, served.links["R1"])
    page.get_by_role("radio", name="Tumour recurrence").check()
    page.keyboard.press("Control+Enter")  # not complete: it stays
    page.get_by_label("Remark").fill("half a sent")
    expect(page.locator(".todo")).to_contain_text("How likely")
    page.wait_for_timeout(1200)  # a pause in typing is enough
    where = code(page)
    if ends == "server":
        served.kill()
        served.start()
    if ends == "browser":
        context = page.context
        page.close(run_before_unload=False)
        page = context.new_page()
    page.goto(served.address)
    page.locator(READING).first.wait_for()
    assert code(page) == where
    expect(page.get_by_role("radio", name="Tumour recurrence")).to_be_checked()
    expect(page.get_by_label("Remark")).to_have_value("half a sent")
    with made.records() as log:
        assert [event.payload["resumed"] for event in log.events(kind=Kind.SESSION_OPENED)] == (
            [False, True] if ends == "server" else [False]
        )


def test_a_page_that_is_open_while_the_server_restarts_goes_on(
    study: MakeStudy, serve: Serve, person: MakePage
) -> None:
    made = study("wu2025_diagnosis")
    served, page = serve(made), person()
    set_up(page, served.links["R1"])
    page.get_by_role("radio", name="Tumour recurrence").check()
    expect(page.locator(".todo")).to_contain_text("1 still to do")
    where = code(page)
    served.kill()
    served.start()
    page.wait_for_event("load", timeout=30_000)  # by itself
    page.locator(READING).first.wait_for()
    assert code(page) == where
    expect(page.get_by_role("radio", name="Tumour recurrence")).to_be_checked()


def test_two_readers_at_once_do_not_see_each_other(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis")
    served = serve(made)
    pages = {reader: person() for reader in ("R1", "R2")}
    for reader, page in pages.items():
        set_up(page, served.links[reader])
    own = {reader: {row.stimulus for row in made.allocation.of(reader).rows if row.session == 1} for reader in pages}
    for reader, page in pages.items():
        assert sum(fetched(page, stimulus) for stimulus in own[reader]) == 2  # what is on the screen, and the next one
        for number in range(2):
            here = code(page)
            page.get_by_role("radio").nth(0 if reader == "R1" else 1).check()
            page.get_by_role("slider", name="How likely").focus()
            page.keyboard.type(f"{number}{1 if reader == 'R1' else 2}")
            page.keyboard.press("Control+Enter")
            next_one(page, here)
    for reader, word in (("R1", "recurrence"), ("R2", "treatment_response")):
        found = answers(made, reader)
        assert {content["diagnosis"] for content in found.values()} == {word}
        assert len(found) == 2
        assert set(found) <= own[reader]
    assert fetched(pages["R1"], code(pages["R1"]))
    assert not any(fetched(pages["R1"], done) for done in answers(made, "R1"))  # what is submitted is gone


def test_a_second_window_takes_the_session_and_says_so(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    served, page = serve(study("wu2025_diagnosis")), person()
    set_up(page, served.links["R1"])
    where = code(page)
    second = page.context.new_page()
    second.goto(served.address)
    second.locator(READING).first.wait_for()
    assert code(second) == where
    expect(page.get_by_role("heading", name="Your session is open in another window")).to_be_visible()
    page.get_by_role("button", name="Go on here").click()
    page.locator(READING).first.wait_for()
    expect(second.get_by_role("heading", name="Your session is open in another window")).to_be_visible()


def test_practice_gives_feedback_and_stages_are_revealed(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    sequential = {
        "kind": "sequential",
        "sessions": 1,
        "order": ["mri_asl", "mri_synthetic_cbv"],
        "practice": {"cases": 1, "feedback": True},
    }
    made = study("wu2025_diagnosis", design=sequential)
    served, page = serve(made), person()
    set_up(page, served.links["R1"])
    expect(page.get_by_text("Practice: these answers do not count.")).to_be_visible()
    expect(page.get_by_text("Step 1 of 2")).to_be_visible()
    for step in (1, 2):
        expect(page.get_by_text(f"Step {step} of 2")).to_be_visible()
        page.keyboard.press("1")
        page.get_by_role("slider", name="How likely").focus()
        page.keyboard.type("70")
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="The truth")).to_be_visible()
    expect(page.locator(".truth")).to_have_text(
        next(iter(json.loads((made.folder / "practice.json").read_text()).values()))
    )
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Session 1: 3 to read.")).to_be_visible()


def test_a_disc_is_drawn_by_a_click_undone_and_comes_back(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wang_roi")
    served, page = serve(made), person()
    set_up(page, served.links["R1"])
    page.wait_for_function("window.seatTimings?.ready.length > 0")
    views = page.locator(".seat-views > *")
    box = views.nth(views.count() - 1).bounding_box()
    assert box is not None
    page.get_by_label("Tumour 1 on").click()
    expect(page.get_by_label("Tumour 1 on")).to_have_attribute("aria-pressed", "true")
    page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2)
    expect(page.get_by_label("Tumour 1 on Map, drawn")).to_be_visible()
    expect(page.get_by_label("Tumour 2 on Map, not drawn yet")).to_have_attribute(
        "aria-pressed", "true"
    )  # the next one
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    expect(page.locator(".tally").first).to_have_text("2/3")
    page.keyboard.press("Control+z")
    expect(page.locator(".tally").first).to_have_text("1/3")
    page.keyboard.press("Control+y")
    expect(page.locator(".tally").first).to_have_text("2/3")
    page.mouse.click(box["x"] + 4, box["y"] + box["height"] / 2)  # outside the head is still inside the image
    page.keyboard.press("Escape")
    page.reload()
    page.locator(READING).first.wait_for()
    drawn = page.locator(".place.drawn")
    assert drawn.count() >= 2
    with made.records() as log:
        kept = [event for event in log.events(kind=Kind.ROI) if event.payload["move"] == "do"]
    assert all(event.payload["region"]["runs"] for event in kept)
    page.get_by_label("Tumour 1 on").click()
    page.get_by_role("button", name="erase 1").click()
    expect(page.get_by_label("Tumour 1 on Map, not drawn yet")).to_be_visible()
    page.get_by_label("cannot be drawn because").first.fill("no tumour")
    page.get_by_label("cannot be drawn because").first.press("Enter")
    expect(page.locator(".todo")).to_contain_text("3 still to do")  # the white matter
