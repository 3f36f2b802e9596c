"""The server of one study: its address, its routes, its start and end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from nicegui import Client, core, ui
from SynthPerfLib.errors import InputError

from ..people import Person
from ..records import RecordLog, Role
from ..study import Study
from .coordinator import Coordinator
from .desk import Desk
from .guard import LINK, Guard
from .keyring import Keyring
from .rooms import Rooms
from .seat import canvas_missing

_STYLE = Path(__file__).with_name("page.css")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_RECONNECT_SECONDS = 120.0


@dataclass(frozen=True)
class Address:
    """Where the server listens, and under which address people reach it.

    Attributes
    ----------
    host, port
        Where it listens; port 0: any that is free.
    public
        ``https://name[:port]`` of the TLS proxy in front of it; empty: it is reached directly, on this machine.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    public: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port {self.port}: give a number from 0 to 65535.")
        if not self.public:
            if self.host not in _LOOPBACK:
                raise InputError(
                    f"--host {self.host} would send images over the network unprotected: put a TLS proxy in front, and "
                    "give its address with --public https://..."
                )
            return
        parts = urlsplit(self.public)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise InputError(f"--public {self.public}: give the address alone, such as https://reads.example.org.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise InputError(f"--public {self.public}: over a network it must be https.")

    def origins(self, port: int) -> tuple[str, ...]:
        """The addresses of our own pages, the first of which is the one for links."""
        if self.public:
            parts = urlsplit(self.public)
            return (f"{parts.scheme}://{parts.netloc.lower()}",)
        names = dict.fromkeys((self.host, *_LOOPBACK))
        return tuple(f"http://{f'[{name}]' if ':' in name else name}:{port}" for name in names)


def serve(
    study: Study, people: tuple[Person, ...], address: Address, tell: Callable[[str, Mapping[Person, str]], None]
) -> None:
    """Serve a study until the process is stopped.

    Parameters
    ----------
    people
        Who may come in.
    tell
        Called when the server is up, with its address and a new link for everyone.

    Raises
    ------
    InputError
        If the port is taken, the canvas is not built, or the study cannot be read.
    """
    missing = canvas_missing()
    if missing:
        raise InputError(missing)
    listening = _listening(address)
    port = int(listening.getsockname()[1])
    origins = address.origins(port)
    keyring = Keyring(study.folder, people)
    with study.records() as log, listening:
        log.head()  # whatever is wrong with the record is said now
        app = _app(study, log, people, keyring, origins[0])
        guard = Guard(app, keyring, origins, f"synthperf_{study.id[:8]}", _page_of)

        def started() -> None:
            tell(origins[0], {person: f"{origins[0]}{LINK}{keyring.new_link(person)}" for person in people})

        config = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,  # links would stand in it
            server_header=False,
            proxy_headers=bool(address.public),
            forwarded_allow_ips=_LOOPBACK[0],
            ws_max_size=1 << 20,
            timeout_graceful_shutdown=2,
        )
        asyncio.run(_Server(config, started).serve([listening]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address.host, address.port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise InputError(
            f"Port {address.port} of {address.host} cannot be used ({error.strerror}): give another with --port."
        ) from None
    return found


def _app(study: Study, log: RecordLog, people: tuple[Person, ...], keyring: Keyring, origin: str) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    rooms = Rooms(study, log)
    coordinates = any(person.role is Role.COORDINATOR for person in people)
    coordinator = Coordinator(study, log, people, keyring, origin) if coordinates else None

    @app.get("/images/{code}/{name}.nii.gz")
    def image(request: Request, code: str, name: str) -> Response:
        path = rooms.file(request.state.person, code, name)
        if path is None or not path.is_file():
            return Response("There is nothing under this address.", status_code=404, media_type="text/plain")
        # Not stored: the reading machine keeps no image of a patient.
        headers = {"Cache-Control": "private, no-store"}
        return Response(path.read_bytes(), media_type="application/gzip", headers=headers)

    @app.get("/study/{path:path}")
    def file(request: Request, path: str) -> Response:
        if coordinator is None or request.state.person.role is not Role.COORDINATOR:
            return Response("This is the coordinator's.", status_code=403, media_type="text/plain")
        return coordinator.file(path)

    @ui.page("/", title="Reading", dark=True, response_timeout=30)
    async def page(request: Request) -> None:
        ui.add_css(_STYLE)
        person: Person = request.state.person
        if coordinator is not None and person.role is Role.COORDINATOR:
            await coordinator.page()
        else:
            await Desk(rooms.of(person), study).begin()

    ui.run_with(
        app,
        title="Reading",
        dark=True,
        language="en-US",
        tailwind=False,
        reconnect_timeout=_RECONNECT_SECONDS,
        show_welcome_message=False,
    )
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    _bind_messages_to_pages()
    return app


def _page_of(id: str) -> Person | None:
    """The person that a page was made for."""
    client = Client.instances.get(id)
    person: Person | None = client.request.state.person if client is not None else None
    return person


def _bind_messages_to_pages() -> None:
    """NiceGUI takes the page of a message from the message itself; here a socket speaks for its own page only."""
    handlers: dict[str, Callable[[str, dict[str, Any]], None]] = dict(core.sio.handlers["/"])
    for name in ("event", "javascript_response", "ack", "log"):

        def bound(sid: str, message: dict[str, Any], handler: Any = handlers[name]) -> None:
            if message.get("client_id") in core.sio.rooms(sid):
                handler(sid, message)

        core.sio.on(name, bound)
