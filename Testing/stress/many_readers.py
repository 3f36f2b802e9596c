"""Many simulated readers on one server at once: how long an answer takes, what each reader costs, whether any fails.

``python Testing/stress/many_readers.py --readers 50`` serves a study of tiny patients and reads in it over the same
websocket messages as a browser, without one. Every reader answers as fast as the server lets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[1]))

from served_studies import Served
from tiny_studies import changed_protocol, tiny_cohort, tiny_study

CASES, PATIENCE = 4, 120.0
SETUP = {"light": "dimmed", "brightness": None, "pattern": True, "years": 5, "training": "simulated", "read": True}
SCREEN = {"width": 1280, "height": 800, "scale": 1}


class Reader:
    """One reader's page, as NiceGUI's messages describe it."""

    def __init__(self, socket: ClientConnection, page: str) -> None:
        self._socket = socket
        self._page = page
        self._elements: dict[str, dict[str, Any]] = {}

    @property
    def content(self) -> dict[str, Any]:
        """What the form shows; empty before there is one."""
        shown = (element.get("props", {}).get("content", {}) for element in self._elements.values())
        return next((content for content in shown if "questions" in content), {})

    async def until(self, holds: Callable[[], object]) -> None:
        """Take messages until something holds."""
        while not holds():
            message = await asyncio.wait_for(self._socket.recv(), PATIENCE)
            if message == "2":
                await self._socket.send("3")
            elif isinstance(message, str) and message.startswith("42"):
                name, content = json.loads(message[2:])
                if name == "update":
                    self._elements |= {key: value for key, value in content.items() if isinstance(value, dict)}
                elif name == "run_javascript" and "request_id" in content:
                    await self._send("javascript_response", request_id=content["request_id"], result=[1280, 800, 1])

    async def say(self, name: str, **args: Any) -> None:
        """An event of the page."""
        key, listener = self.listener(name)
        await self._send("event", id=int(key), listener_id=listener, args=[json.dumps(args)])

    def listener(self, name: str) -> tuple[str, str]:
        """Who listens to an event; empty while nobody does."""
        for key, element in self._elements.items():
            for event in element.get("events", ()):
                if event["type"] == name:
                    return key, event["listener_id"]
        return "", ""

    async def _send(self, name: str, **content: Any) -> None:
        await self._socket.send("42" + json.dumps([name, {"client_id": self._page, **content}]))


async def read(address: str, name: str, link: str, seconds: list[float]) -> None:
    """Come in, set up, and answer all cases of the first session."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        cookie = {"Cookie": (await http.get(link)).headers["set-cookie"].split(";")[0]}
        found = re.search(r"client_id\W+([0-9a-f-]{36})", (await http.get(address, headers=cookie)).text)
    assert found is not None
    query = f"client_id={found[1]}&tab_id={name}&document_id={name}&implicit_handshake=true&next_message_id=0"
    url = address.replace("http", "ws") + f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
    async with connect(url, origin=address, additional_headers=cookie, max_size=None) as socket:  # type: ignore[arg-type]
        reader = Reader(socket, found[1])
        await socket.recv()
        await socket.send("40")
        await socket.recv()
        await reader.until(lambda: reader.listener("begin")[0])
        await reader.say("begin", screen=SCREEN, **SETUP)
        await reader.until(lambda: reader.content and reader.listener("save")[0])
        for number in range(CASES):
            code = reader.content["code"]
            for item, value in (("diagnosis", "recurrence"), ("confidence", number)):
                started = time.perf_counter()
                await reader.say("answer", code=code, stage=1, item=item, value=value)
                await reader.until(lambda item=item, value=value: (item, value) in values(reader))
                seconds.append(time.perf_counter() - started)
            if number + 1 < CASES:
                started = time.perf_counter()
                await reader.say("save", code=code, stage=1)
                await reader.until(lambda code=code: reader.content["code"] != code)
                seconds.append(time.perf_counter() - started)


def values(reader: Reader) -> set[tuple[str, Any]]:
    """What the form says is answered."""
    return {(question["id"], question["value"]) for question in reader.content["questions"]}


def memory(process: int) -> float:
    """Megabytes that a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def all_at_once(served: Served, names: list[str]) -> tuple[list[float], list[str]]:
    """Seconds of every step, and what failed."""
    seconds: list[float] = []
    done = await asyncio.gather(
        *(read(served.address, name, served.links[name], seconds) for name in names), return_exceptions=True
    )
    return seconds, [f"{name}: {error!r}" for name, error in zip(names, done, strict=True) if error is not None]


def main() -> int:
    """Serve, read, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    options = parser.parse_args()
    names = [f"R{number}" for number in range(options.readers + 1)]
    with tempfile.TemporaryDirectory() as folder:
        cohort = tiny_cohort(Path(folder) / "cohort", CASES)
        keys: dict[str, Any] = {"readers": [{"id": name} for name in names], "adjudication": None}
        protocol = changed_protocol(Path(folder) / "protocol.yaml", "wu2025_diagnosis", **keys)
        study = tiny_study(protocol, cohort, Path(folder) / "study")
        served = Served(study.folder)
        try:
            alone, failed = asyncio.run(all_at_once(served, names[:1]))
            before, started = memory(served.process.pid), time.perf_counter()
            together, more = asyncio.run(all_at_once(served, names[1:]))
            took, grown = time.perf_counter() - started, memory(served.process.pid) - before
        finally:
            served.kill()
    for words in failed + more:
        print(words, file=sys.stderr)
    print(
        f"one reader alone: {1000 * statistics.median(alone):.1f} ms a step; {options.readers} at once: "
        f"{len(together)} steps in {took:.1f} s, median {1000 * statistics.median(together):.0f} ms, "
        f"{grown / options.readers:.2f} MB a reader, {len(more)} failed"
    )
    return 1 if failed + more else 0


if __name__ == "__main__":
    sys.exit(main())
