"""A real server and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from served_studies import Served
from SynthPerfReaderStudyLib.study import Study
from tiny_studies import changed_protocol, tiny_cohort, tiny_study

FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium where it is installed, else the one that playwright has fetched; it draws in software."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes a browser of its own for a person: no cookie is shared; an empty page of 1280 x 800 points."""
    contexts: list[BrowserContext] = []

    def made(width: int = 1280, height: int = 800, **options: float) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        return page

    yield made
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def tiny_patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared cohort of four."""
    return tiny_cohort(tmp_path_factory.mktemp("browser") / "cohort", 4)


@pytest.fixture
def study(tiny_patients: Path, tmp_path: Path) -> Callable[..., Study]:
    """Makes a study of them: a shipped protocol, with some keys replaced."""

    def made(name: str, **keys: object) -> Study:
        protocol = changed_protocol(tmp_path / "protocol.yaml", name, **keys)
        return tiny_study(protocol, tiny_patients, tmp_path / name)

    return made


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serves a study."""
    running: list[Served] = []

    def made(study: Study, *options: str) -> Served:
        running.append(Served(study.folder, *options))
        return running[-1]

    yield made
    for served in running:
        if served.process.poll() is None:
            served.kill()
