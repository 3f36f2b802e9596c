"""A real server of a study, and what a browser receives from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Response, WebSocket

READING = ".form .question"


class Served:
    """``synthperf study read`` in a process of its own.

    Attributes
    ----------
    address
        ``http://127.0.0.1:PORT``.
    links
        Name to personal link.
    """

    def __init__(self, study: Path, *options: str) -> None:
        self.study = study
        self._options = options
        self.start("0")

    def start(self, port: str | None = None) -> None:
        """Start it, on the port that it had before if none is given."""
        port = port or self.address.rpartition(":")[2]
        words = ("-m", "SynthPerfLib", "study", "read", str(self.study), "--port", port, "--json", *self._options)
        self.process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1].decode())
        told = json.loads(line)
        self.address: str = told["address"]
        self.links: dict[str, str] = {person["name"]: person["link"] for person in told["people"]}

    def kill(self) -> None:
        """End it as a power failure would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        """End it as Ctrl+C does; what it said on stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[1].decode()


@dataclass
class Received:
    """All that a page received, by where it came from; addresses, too, and what the console says."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        """Begin to collect."""
        page.on("response", self._response)
        page.on("websocket", self._socket)
        page.on("console", lambda message: self.pieces.append(("console", message.text.encode())))
        page.on("pageerror", lambda error: self.pieces.append(("error", str(error).encode())))

    def _response(self, response: Response) -> None:
        self.hosts.add(response.url.split("/")[2])
        self.pieces.append(("address", response.url.encode()))
        if response.ok and "/_nicegui/" not in response.url:  # those are files of the installation
            self.pieces.append((response.url, response.body()))

    def _socket(self, socket: WebSocket) -> None:
        def received(payload: Any) -> None:
            self.pieces.append(("websocket", payload if isinstance(payload, bytes) else payload.encode()))

        self.hosts.add(socket.url.split("/")[2])
        self.pieces.append(("address", socket.url.encode()))
        socket.on("framereceived", received)

    def errors(self) -> list[str]:
        """Errors of the page's own code."""
        return [piece.decode() for where, piece in self.pieces if where == "error"]


def set_up(page: Page, link: str) -> None:
    """Come in by a link and do what the page asks before a first session."""
    page.goto(link)
    page.get_by_label("dimmed").check()
    if page.get_by_label("I have read the instructions").count():
        page.get_by_label("I have read the instructions").check()
        page.get_by_label("Years of reading").fill("9")
        page.get_by_label("Training").fill("neuroradiology")
    page.get_by_role("button", name="Begin").or_(page.get_by_role("button", name="Go on")).click()
    page.locator(READING).first.wait_for()


def code(page: Page) -> str:
    """The code of the stimulus on the screen."""
    return page.locator("header .code").inner_text()
