"""The coordinator's page, and what those who decide see."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect
from served_studies import READING, Served, code, set_up
from SynthPerfReaderStudyLib.adjudication import decisions
from SynthPerfReaderStudyLib.records import Kind
from SynthPerfReaderStudyLib.session import open_session
from SynthPerfReaderStudyLib.study import Study
from SynthPerfReaderStudyLib.view import State
from tiny_studies import EXPERIENCE, SETTING

MakeStudy = Callable[..., Study]
MakePage = Callable[..., Page]
Serve = Callable[..., Served]

ONE_SESSION = {"kind": "fully_crossed", "sessions": 2, "washout_days": 0}


def read_all(study: Study, differ: bool) -> None:
    """Everyone reads everything; with ``differ`` the second reader says the other thing of every first stimulus."""
    with study.records() as log:
        for reader in study.allocation.readers:
            for number in study.allocation.sessions(reader):
                session = open_session(study, log, reader, SETTING, number, experience=EXPERIENCE)
                said = 0
                while session.view.state is State.READING:
                    positive = said % 2 == 0 or (differ and reader == "R2")
                    session.answer("diagnosis", "recurrence" if positive else "treatment_response")
                    session.answer("confidence", 80 - 10 * said if positive else 20 + said)
                    session.submit()
                    said += 1
                session.close()


def test_lock_unblind_export_and_report(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis", design=ONE_SESSION)
    served, page = serve(made), person()
    page.goto(served.links["coordinator"])
    expect(page.get_by_text("0 of 16 readings are done, 16 are missing")).to_be_visible()
    expect(page.locator(".matrix td").first).to_have_text("0/2")
    expect(page.get_by_role("button", name="Make the tables")).to_be_disabled()  # it would name the arms
    assert httpx.get(f"{served.address}/study/results/report.html").status_code == 401

    page.get_by_role("row", name="R2 reader").get_by_role("button", name="New link").click()
    link = page.get_by_label("Link of R2")
    expect(link).to_be_visible()
    reader = person()
    set_up(reader, link.input_value())
    assert reader.locator(".matrix").count() == 0
    reader.get_by_role("button", name="Stop for now").click()
    expect(reader.get_by_role("heading", name="Thank you")).to_be_visible()

    read_all(made, differ=False)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("16 of 16 readings are done, 0 are missing")).to_be_visible()
    expect(page.locator(".matrix td.done")).to_have_count(8)

    page.get_by_role("button", name="Lock the reads").is_disabled()
    page.get_by_label("Type lock").fill("lock")
    page.get_by_role("button", name="Lock the reads").click()
    expect(page.get_by_text("The reads are locked (event").first).to_be_visible()
    assert page.get_by_role("button", name="Unblind the study").is_disabled()
    page.get_by_label("Reason of the unblinding").fill("all planned readings are done")
    page.get_by_role("button", name="Unblind the study").click()
    expect(page.get_by_text("all planned readings are done")).to_be_visible()
    with made.records() as log:
        (unblinded,) = log.events(kind=Kind.UNBLINDED)
        assert log.standing().locked
    assert unblinded.payload["reason"] == "all planned readings are done"
    assert unblinded.payload["missing"] == 0

    page.get_by_role("button", name="Make the tables").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the tables").click(timeout=60_000)
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert {"ratings.csv", "truth.csv", "imrmc.csv", "events.jsonl"} <= set(archive.namelist())
    page.get_by_role("button", name="Analyse").click()
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open the report").click(timeout=60_000)
    expect(popup.value.get_by_text("Recurrence or treatment response").first).to_be_visible()


def test_a_lock_reaches_a_reader_who_is_reading(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis", design=ONE_SESSION)
    served, page = serve(made), person()
    set_up(page, served.links["R1"])
    with made.records() as log:
        log.lock()
    page.keyboard.press("1")
    expect(page.locator(".todo")).to_contain_text("the reads were locked")
    assert page.get_by_role("radio").nth(0).is_checked() is False  # the page shows what is recorded


def test_what_readers_differ_on_is_decided_blind(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis", design=ONE_SESSION)
    read_all(made, differ=True)
    served, page, third = serve(made), person(), person()
    page.goto(served.links["coordinator"])
    expect(page.get_by_text("differ and wait for a third reader")).to_be_visible()
    page.get_by_role("button", name="Give out what is in dispute").click()
    expect(page.get_by_text("are given to A1 to decide")).to_be_visible()

    third.goto(served.links["A1"])
    expect(third.get_by_text("What they answered is not shown.")).to_be_visible()
    third.get_by_role("radio", name="dark").check()
    third.get_by_role("button", name="Begin").click()
    third.locator(READING).first.wait_for()
    assert third.locator(READING).count() == 1  # only the question in dispute
    assert third.get_by_role("radio", checked=True).count() == 0
    first = code(third)
    third.keyboard.press("2")
    third.keyboard.press("Control+Enter")
    expect(third.locator("header .code")).not_to_have_text(first)
    with made.records() as log:
        by = {(d.stimulus, d.item): (d.by, d.value) for d in decisions(made, log)}
    assert by[first, "diagnosis"] == ("third_reader", "treatment_response")


def test_an_exception_from_the_washout_needs_a_reason(study: MakeStudy, serve: Serve, person: MakePage) -> None:
    made = study("wu2025_diagnosis")
    served, page = serve(made), person()
    page.goto(served.links["coordinator"])
    page.get_by_label("Session", exact=True).select_option("2")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("An exception from the washout needs a reason.")).to_be_visible()
    page.get_by_label("Reason of the exception").fill("leave from Monday")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("R1 may begin session 2")).to_be_visible()
    with made.records() as log:
        (event,) = log.events(kind=Kind.WASHOUT_OVERRIDDEN)
    assert event.payload == {"session": 2, "reason": "leave from Monday"}
