"""What stands before every page, file and websocket: who may come in, from where, to what.

It looks at the request as the server hands it on, before anything else does. A request is refused if it names another
host than the server's own (another site that was made to resolve to this machine), if another site's page makes it, if
its path is not plain, or if its cookie is none of ours. A websocket must come from our own pages, and belong to the
page of the same person.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote

from ..people import Person
from .keyring import COOKIE_SECONDS, Keyring, Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LINK = "/link/"
LEAVE = "/leave"
SOCKET = "/_nicegui_ws/"

_SAFE = ("GET", "HEAD")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Reading</title>{head}
<meta name="viewport" content="width=device-width"><style>body{{background:#101214;color:#e8eaed;font:17px/1.5
system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0}}p{{max-width:34em;padding:0 1em}}
a{{color:#8ab4f8}}</style></head><body><p>{words}</p></body></html>"""


class Guard:
    """Wraps an ASGI application.

    Parameters
    ----------
    app
        What is guarded.
    keyring
        Whose cookies are let in.
    origins
        ``scheme://host[:port]`` under which the server is reached.
    cookie
        Name of the cookie.
    page_of
        Whose page a websocket asks for: the id that NiceGUI gave the page to the person it was made for.
    """

    def __init__(
        self,
        app: App,
        keyring: Keyring,
        origins: tuple[str, ...],
        cookie: str,
        page_of: Callable[[str], Person | None],
    ) -> None:
        self.app = app
        self._keyring = keyring
        self._origins = origins
        self._hosts = {origin.partition("://")[2] for origin in origins}
        self._cookie = cookie
        self._page_of = page_of
        self._secure = all(origin.startswith("https://") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        try:
            self._check_origin(scope, headers)
            _check_path(scope)
            if scope["type"] == "http" and scope["path"].startswith(LINK):
                await self._enter(scope, headers, send)
                return
            person = self._person(headers)
            if person is None:
                raise Refused("Use your personal link to come in: the coordinator has it.", 401)
            if scope["type"] == "http" and scope["path"] == LEAVE:
                await self._leave(scope, send)
                return
            if scope["path"].startswith(SOCKET):
                self._check_socket(scope, person)
        except Refused as refusal:
            await self._refuse(scope, send, refusal)
            return
        scope.setdefault("state", {})["person"] = person
        # NiceGUI would put what a client writes there into the page.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"x-forwarded-prefix"]
        gone = False

        async def receiving() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        try:
            await self.app(scope, receiving, _with_headers(send))
        except RuntimeError:
            if not gone:  # a browser that has left gets no answer, and Starlette complains of that
                raise

    def _check_origin(self, scope: Scope, headers: dict[str, str]) -> None:
        if headers.get("host", "") not in self._hosts:
            raise Refused("This server is not known under that name.", 421)
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if (origin is None and changes) or (origin is not None and origin not in self._origins):
            raise Refused("Only this server's own pages may do that.", 403)

    def _check_socket(self, scope: Scope, person: Person) -> None:
        """The page that a websocket is for must be the person's own."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        pages = query.get("client_id", [])
        owner = self._page_of(pages[0]) if len(pages) == 1 else None
        if owner is not None and owner != person:
            raise Refused("This page is another person's.", 403)
        if not pages:
            raise Refused("Only this server's own pages may do that.", 403)

    def _person(self, headers: dict[str, str]) -> Person | None:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return None
        return self._keyring.person(cookies[self._cookie].value) if self._cookie in cookies else None

    async def _enter(self, scope: Scope, headers: dict[str, str], send: Send) -> None:
        """Exchange a link for the cookie. The page goes on by itself: a redirect would not carry the new cookie if the
        link was followed from another site."""
        if scope["method"] != "GET" or "prefetch" in headers.get("sec-purpose", headers.get("purpose", "")):
            raise Refused("Open the link in a browser.", 405)
        client = scope.get("client")
        person = self._keyring.redeem(scope["path"][len(LINK) :], client[0] if client else "")
        words = 'Welcome. <a href="/">Go on</a>'
        cookie = self._set_cookie(self._keyring.cookie(person), COOKIE_SECONDS)
        await _answer(send, 200, words, '<meta http-equiv="refresh" content="0; url=/">', [cookie])

    async def _leave(self, scope: Scope, send: Send) -> None:
        if scope["method"] != "POST":
            raise Refused("Sign out from the page.", 405)
        await _answer(send, 200, "You are signed out. A new link lets you in again.", "", [self._set_cookie("", 0)])

    def _set_cookie(self, value: str, seconds: int) -> tuple[bytes, bytes]:
        secure = "; Secure" if self._secure else ""
        text = f"{self._cookie}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        return b"set-cookie", text.encode()

    async def _refuse(self, scope: Scope, send: Send, refusal: Refused) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": str(refusal)})
        else:
            await _answer(send, refusal.status, html.escape(str(refusal)))


def _check_path(scope: Scope) -> None:
    """A path is plain: nothing in it is coded, climbs, or is written twice."""
    raw = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
    path = unquote(unquote(raw))
    tricks = ("..", "//", "\\", "\0", "/./")
    if path != scope["path"] or any(trick in path for trick in tricks) or not path.isprintable():
        raise Refused("There is nothing under this address.", 404)


def _headers(scope: Scope) -> dict[str, str]:
    """By name in small letters; a host that is given twice counts as none."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key == "cookie" and key in found:
            found[key] += f"; {text}"
        else:
            found[key] = "" if key in found else text
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", [])}
            message["headers"] = [*message.get("headers", []), *(pair for pair in _HEADERS if pair[0] not in given)]
        await send(message)

    return sending


async def _answer(
    send: Send, status: int, words: str, head: str = "", more: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = _PAGE.format(words=words, head=head).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_HEADERS,
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
