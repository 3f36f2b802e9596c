"""A page with nothing but the canvas and a few fields, for tests: it does what /do says and tells what was reported.

python canvas_page.py FOLDER PORT: the images are the files of FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from fastapi.responses import FileResponse
from nicegui import app, ui
from SynthPerfLib.rois import Roi
from SynthPerfReaderStudyLib.browser.seat import Picture, Region, Seat

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])
NAMES = ("disc", "outline", "erase", "cut", "undo", "redo", "tool", "ready", "failed", "activity")

told: list[list[Any]] = []
seats: list[Seat] = []


@app.get("/images/{name}")
def image(name: str) -> FileResponse:
    if not (FOLDER / name).is_file():
        raise HTTPException(404)
    return FileResponse(FOLDER / name, media_type="application/gzip", headers={"Cache-Control": "no-store"})


@app.get("/told")
def what_was_told() -> list[list[Any]]:
    return told


@app.post("/do")
def do(steps: list[dict[str, Any]]) -> None:
    told.clear()
    for step in steps:
        name, values = step.pop("do"), step
        if name in ("show", "preload"):
            values["images"] = [Picture(**picture) for picture in values["images"]]
        if name == "set_regions":
            values["regions"] = [Region(**{**each, "roi": Roi.from_payload(each["roi"])}) for each in values["regions"]]
        getattr(seats[-1], name)(**values)


@ui.page("/")
def page() -> None:
    ui.add_css(".nicegui-content { padding: 0 } body { background: #000; color: #eee }")
    with ui.row().classes("no-wrap").style("width: 100%; height: 100vh; gap: 0"):
        with ui.element().style("flex: 1; height: 100vh; min-width: 0"):
            report = {f"on_{name}": (lambda *values, name=name: told.append([name, *values])) for name in NAMES}
            seats.append(Seat(**report))
        with ui.element().style("width: 240px"):
            ui.input("Remark")
            ui.radio(["one", "two", "three"])


ui.run(host="127.0.0.1", port=PORT, show=False, reload=False, reconnect_timeout=120, show_welcome_message=False)
