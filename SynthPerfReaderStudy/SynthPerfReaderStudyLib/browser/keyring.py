"""Links that work once, and the signed cookie that they are exchanged for.

What must outlive a restart of the server lies in ``seat.json`` of the study folder, readable by its owner alone: the
secret that signs the cookies, and of each link its hash, never the link. Several servers may share the folder.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole

from ..people import Person
from ..records import Role

FILE = "seat.json"
LINK_SECONDS = 14 * 86400
COOKIE_SECONDS = 7 * 86400

_TRIES, _TRIES_SECONDS, _ADDRESSES = 10, 60.0, 10_000
_PURPOSE = "synthperf seat"


class Refused(Exception):
    """Someone may not come in; the sentence is for the page, ``status`` for the answer (HTTP)."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass
class _Link:
    name: str
    role: str
    until: float
    used: bool = False


@dataclass
class _Kept:
    """The content of the file: the secret, how often a person's links and cookies were revoked, links by hash."""

    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    revoked: dict[str, int] = field(default_factory=dict)
    links: dict[str, _Link] = field(default_factory=dict)


class Keyring:
    """The links and cookies of one study.

    Parameters
    ----------
    folder
        Of the study.
    people
        Who may come in.
    """

    def __init__(self, folder: Path, people: Sequence[Person], now: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._people = tuple(people)
        self._now = now
        self._failures: dict[str, deque[float]] = {}
        self._stamp = (0, 0)
        self._known = _Kept()
        with self._changing():
            pass  # the secret is there from now on

    def new_link(self, person: Person) -> str:
        """The token of a new link; it works once, within :data:`LINK_SECONDS`."""
        token = secrets.token_urlsafe(32)
        with self._changing() as kept:
            kept.links = {digest: link for digest, link in kept.links.items() if link.until > self._now()}
            kept.links[_digest(token)] = _Link(person.name, person.role.value, self._now() + LINK_SECONDS)
        return token

    def revoke(self, person: Person) -> None:
        """Make every link and every cookie of a person worthless."""
        with self._changing() as kept:
            kept.links = {digest: link for digest, link in kept.links.items() if link.name != person.name}
            kept.revoked[person.name] = kept.revoked.get(person.name, 0) + 1

    def redeem(self, token: str, address: str) -> Person:
        """Whose link it is; it is used up by this.

        Parameters
        ----------
        address
            Where the attempt comes from: after ten that fail it must wait a minute.

        Raises
        ------
        Refused
            If the link is unknown, was used, has expired, or the address must wait.
        """
        now = self._now()
        failures = self._failures.pop(address, deque())
        while failures and failures[0] <= now - _TRIES_SECONDS:
            failures.popleft()
        self._failures[address] = failures
        if len(self._failures) > _ADDRESSES:  # nobody fills the memory: who tried longest ago is forgotten
            del self._failures[next(iter(self._failures))]
        if len(failures) >= _TRIES:
            raise Refused("Too many links that do not work came from here: wait a minute.", 429)
        with self._changing() as kept:
            link = kept.links.get(_digest(token))
            if link is not None and not link.used and link.until > now:
                for person in self._people:
                    if (person.name, person.role.value) == (link.name, link.role):
                        link.used = True
                        return person
        failures.append(now)
        if link is not None and link.used:
            raise Refused("This link was used already: each works once. Ask the coordinator for a new one.", 410)
        raise Refused("This link is not valid, or has expired. Ask the coordinator for a new one.", 403)

    def cookie(self, person: Person) -> str:
        """The signed content of a person's cookie."""
        kept = self._kept()
        return self._signer(kept).dumps([person.name, person.role.value, kept.revoked.get(person.name, 0)])

    def person(self, cookie: str) -> Person | None:
        """Whose cookie it is; None if it is not one of ours, or no longer valid."""
        kept = self._kept()
        try:
            name, role, revoked = self._signer(kept).loads(cookie, max_age=COOKIE_SECONDS)
            person = Person(name, Role(role))
        except (BadSignature, ValueError, TypeError):
            return None
        return person if person in self._people and revoked == kept.revoked.get(name, 0) else None

    def _signer(self, kept: _Kept) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(kept.secret, salt=_PURPOSE)

    def _kept(self) -> _Kept:
        """What the file holds now; read again only if it was written since."""
        if not self._path.is_file():
            return self._known
        about = self._path.stat()
        stamp = (about.st_mtime_ns, about.st_ino)
        if stamp != self._stamp:
            try:
                content = json.loads(self._path.read_text(encoding="utf-8"))
                links = {digest: _Link(**link) for digest, link in content["links"].items()}
                self._known = _Kept(content["secret"], content["revoked"], links)
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{self._path} is damaged: remove it, and give everyone a new link.") from None
            self._stamp = stamp
        return self._known

    @contextmanager
    def _changing(self) -> Iterator[_Kept]:
        kept = self._kept()
        yield kept
        with written_whole(self._path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps(asdict(kept), indent=1), encoding="utf-8")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
