"""The coordinator's page: progress, links, what closes a study, and what comes out of it."""

from __future__ import annotations

import asyncio
import io
import mimetypes
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Response
from nicegui import ui
from SynthPerfLib.errors import InputError

from .. import coordination
from ..adjudication import OPEN, begin_adjudication, decisions
from ..overview import Overview, overview
from ..people import Person
from ..records import Clock, Kind, RecordLog
from ..session import override_washout
from ..study import Study
from .desk import sign_out
from .guard import LINK
from .keyring import Keyring

TABLES, RESULTS = "tables", "results"
"""Folders in the study folder: what the page exports, and its analysis."""


class Coordinator:
    """What coordinators see and do; one for all their windows.

    Parameters
    ----------
    origin
        What links begin with.
    """

    def __init__(self, study: Study, log: RecordLog, people: tuple[Person, ...], keyring: Keyring, origin: str) -> None:
        self._study = study
        self._log = log
        self._people = {person.name: person for person in people}
        self._keyring = keyring
        self._origin = origin
        book = study.code_book()
        self._cases = {row.stimulus: book.entry(row.stimulus).case for row in study.allocation.rows}

    async def page(self) -> None:
        """Build the page of one window."""
        await _Page(self).show()

    def file(self, path: str) -> Response:
        """``tables.zip``, or a file of the results."""
        if path == f"{TABLES}.zip":
            return Response(_zipped(self._study.folder / TABLES), media_type="application/zip")
        results = (self._study.folder / RESULTS).resolve()
        file = (self._study.folder / path).resolve()
        if not file.is_relative_to(results) or not file.is_file():
            return Response("There is nothing under this address.", status_code=404, media_type="text/plain")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), media_type=kind, headers={"Cache-Control": "no-store"})

    def content(self, links: dict[str, str]) -> dict[str, Any]:
        """What the page shows; plain JSON.

        Parameters
        ----------
        links
            The new links that this window has made, by name.
        """
        found = overview(self._study, self._log, Clock().utc())
        missing = {reader: sum(row[0] == reader for row in found.missing) for reader in self._study.allocation.readers}
        state = "The study is unblinded." if found.unblinded else "The reads are locked." if found.locked else ""
        return {
            "title": found.title,
            "simulated": found.simulated,
            "planned": found.planned,
            "missing": len(found.missing),
            "missingBy": ", ".join(f"{reader} {count}" for reader, count in missing.items() if count),
            "notAssessable": found.not_assessable,
            "events": found.events,
            "locked": found.locked,
            "unblinded": found.unblinded,
            "state": state,
            "reason": self._reason() if found.unblinded else "",
            "sessions": [vars(row) for row in found.sessions],
            "readers": list(self._study.allocation.readers),
            "matrix": self._matrix(found),
            "people": [
                {"name": person.name, "role": person.role.value, "link": links.get(person.name, "")}
                for person in self._people.values()
            ],
            "adjudication": self._dispute(),
            "exported": (self._study.folder / TABLES).is_dir(),
            "analysed": (self._study.folder / RESULTS / "report.html").is_file(),
        }

    def link(self, name: str) -> str:
        """A new link of a person."""
        return f"{self._origin}{LINK}{self._keyring.new_link(self._people[name])}"

    def revoke(self, name: str) -> str:
        """Sign a person out everywhere."""
        self._keyring.revoke(self._people[name])
        return f"{name} is signed out everywhere."

    def allow(self, given: dict[str, Any]) -> str:
        """An exception from the washout."""
        if given["session"] is None:
            raise InputError("Choose the session.")
        override_washout(self._study, self._log, given["reader"], int(given["session"]), given["reason"])
        return f"{given['reader']} may begin session {given['session']}; the reason is in the record."

    def adjudicate(self) -> str:
        """Give out what is in dispute."""
        event = begin_adjudication(self._study, self._log)
        return f"{len(event.payload['order'])} are given to {event.reader} to decide."

    def lock(self) -> str:
        """Close the study for readers."""
        return f"The reads are locked (event {coordination.lock(self._study, self._log).seq})."

    def unblind(self, reason: str) -> str:
        """Open the code book."""
        return f"The study is unblinded (event {coordination.unblind(self._study, self._log, reason).seq})."

    async def command(self, *words: str) -> str:
        """Run a command of ``synthperf`` on the study in a process of its own: readers are not held up by it.

        Raises
        ------
        InputError
            With the command's own sentence, if it fails.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "SynthPerfLib", *words, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate()
        if process.returncode:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or ["It did not work."]
            raise InputError(last[0].removeprefix("synthperf: "))
        return out.decode(errors="replace").strip().splitlines()[0]

    async def export(self) -> str:
        """Write the tables."""
        folder = self._study.folder
        return await self.command("study", "export", str(folder), "--out", str(folder / TABLES))

    async def analyse(self) -> str:
        """Analyse the study."""
        folder = self._study.folder
        return await self.command("analyze", str(folder), "--out", str(folder / RESULTS))

    def _reason(self) -> str:
        events = list(self._log.events(kind=Kind.UNBLINDED))
        return str(events[-1].payload.get("reason", "no reason was given")) if events else ""

    def _matrix(self, found: Overview) -> dict[str, Any]:
        """Reader x patient: how many of the planned readings are done; patients by number, not by name."""
        missing = {(reader, code) for reader, _, code in found.missing}
        planned = [row for row in self._study.allocation.rows if not row.practice]
        cases = sorted({self._cases[row.stimulus] for row in planned})
        rows = []
        for reader in self._study.allocation.readers:
            cells = []
            for number, case in enumerate(cases, start=1):
                here = [row for row in planned if row.reader == reader and self._cases[row.stimulus] == case]
                left = [row for row in here if (reader, row.stimulus) in missing]
                done = len(here) - len(left)
                kind = "none" if not here else "done" if not left else "part" if done else "missing"
                words = ", ".join(f"{row.stimulus} in session {row.session}" for row in left) or "nothing"
                text = f"{done}/{len(here)}" if here else ""
                cells.append({"kind": kind, "text": text, "words": f"patient {number}, {reader}, missing: {words}"})
            rows.append({"reader": reader, "cells": cells})
        return {"patients": list(range(1, len(cases) + 1)), "rows": rows}

    def _dispute(self) -> str:
        rule = self._study.protocol.adjudication
        if rule is None:
            return ""
        found = decisions(self._study, self._log)
        still = sum(decision.by == OPEN for decision in found)
        who = "the readers together" if rule.by == "consensus" else "a third reader"
        return f"{len(found)} answers were given by all readers; {still} of them differ and wait for {who}."


class _Page:
    """One window."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._links: dict[str, str] = {}
        with ui.element("div").classes("synth"):
            self._sheet = _Sheet()
            with self._sheet:
                sign_out()
        on = self._sheet.on
        on("refresh", lambda _: self.show())
        on("link", lambda event: self._do(lambda: self._link(event.args)))
        on("revoke", lambda event: self._do(lambda: coordinator.revoke(event.args)))
        on("allow", lambda event: self._do(lambda: coordinator.allow(event.args)))
        on("adjudicate", lambda _: self._do(coordinator.adjudicate))
        on("lock", lambda _: self._do(coordinator.lock))
        on("unblind", lambda event: self._do(lambda: coordinator.unblind(event.args)))
        on("export", lambda _: self._run("Making the tables …", coordinator.export))
        on("analyze", lambda _: self._run("Analysing; this takes up to a minute …", coordinator.analyse))

    async def show(self, said: str = "", refusal: str = "", busy: str = "") -> None:
        """Show how things stand, and what was done or refused last."""
        props = self._sheet.props
        props["content"] = await asyncio.to_thread(self._coordinator.content, self._links)
        props["said"], props["refusal"], props["busy"] = said, refusal, busy
        self._sheet.update()

    def _link(self, name: str) -> str:
        self._links[name] = self._coordinator.link(name)
        return f"A new link for {name}: give it to nobody else."

    async def _do(self, step: Callable[[], str]) -> None:
        try:
            await self.show(await asyncio.to_thread(step))
        except InputError as error:
            await self.show(refusal=str(error))

    async def _run(self, words: str, command: Callable[[], Any]) -> None:
        await self.show(busy=words)
        try:
            await self.show(await command())
        except InputError as error:
            await self.show(refusal=str(error))


class _Sheet(ui.element, component="coordinator.js"):
    """What the page shows; its events are the coordinator's steps."""


def _zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder)))
    return stream.getvalue()
