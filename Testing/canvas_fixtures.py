"""Fixtures of the tests of the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from canvas_views import Canvas
from playwright.sync_api import Page


@pytest.fixture(scope="session")
def canvas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canvas]:
    made = Canvas(tmp_path_factory.mktemp("canvas"))
    yield made
    made.process.terminate()
    made.process.wait()


@pytest.fixture
def page(canvas: Canvas, person: Callable[..., Page]) -> Page:
    """The page with the canvas, on which nothing is shown."""
    opened = person(960, 640)
    opened.goto(canvas.address)
    opened.wait_for_function("!!window.seatTimings")
    return opened
