"""What is behind each opaque code: sealed on the coordinator's side, never on a reader's machine."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole

from .planning import Read, Use, generator, mixed
from .protocol import Protocol

_LETTERS = "23456789BCDFGHJKMNPQRSTVWXYZ"  # no vowels: no words; nothing that is read as something else
_LENGTH = 10


@dataclass(frozen=True)
class Entry:
    """What a stimulus shows.

    Attributes
    ----------
    case
        The case's id.
    arms
        One arm; in a sequential design the arm of each stage. The answer of stage k belongs to ``arms[k - 1]``.
    repeat
        1, or 2 for a hidden second read.
    practice
        Whether it is for training only.
    layout
        Image ids in rows, for each stage, as they stand on the screen: left and right are decided.
    images
        Neutral name (``image_1``, ``map_a``) to image id; also of images that are measured but not shown.
    """

    case: str
    arms: tuple[str, ...]
    repeat: int
    practice: bool
    layout: tuple[tuple[tuple[str, ...], ...], ...]
    images: Mapping[str, str]


@dataclass(frozen=True)
class CodeBook:
    """All that is sealed.

    Attributes
    ----------
    secret
        Key of the codes, hexadecimal.
    entries
        Code to what it shows.
    bundles
        Image id to the name of the model that made it.
    sources
        Case to image id to the SHA-256 of the file that was copied.
    identifiers
        Words that would tell whose images these are; the leak test looks for them.
    """

    secret: str
    entries: Mapping[str, Entry]
    bundles: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()

    def entry(self, code: str) -> Entry:
        """What a code shows.

        Raises
        ------
        InputError
            If the code is not of this study.
        """
        if code not in self.entries:
            raise InputError(f"The stimulus {code} is not in the code book: it is from another study.")
        return self.entries[code]

    def code(self, read: Read) -> str:
        """The code of a planned read: the same for every reader of the same case, arm and repeat."""
        return code_of(self.secret, read.case, read.arms, read.repeat)

    @property
    def content(self) -> bytes:
        """The text of ``codebook.json``."""
        return (json.dumps({"schema": 1, **asdict(self)}, indent=1) + "\n").encode("utf-8")

    @property
    def sha256(self) -> str:
        """Of the text of ``codebook.json``; written into the record when the study begins."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, path: Path) -> None:
        """Write it in one move, in a folder and a file that only their owner can read."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with written_whole(path) as temporary:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(self.content)

    @classmethod
    def read(cls, path: Path) -> CodeBook:
        """Read it.

        Raises
        ------
        InputError
            If it is missing (as on every reader's machine) or damaged.
        """
        if not path.is_file():
            raise InputError("This folder has no code book: only the coordinator's copy of the study has it.")
        try:
            content = json.loads(path.read_bytes())
            entries = {code: _entry(values) for code, values in content["entries"].items()}
            identifiers = tuple(content["identifiers"])
            return cls(content["secret"], entries, content["bundles"], content["sources"], identifiers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"The code book {path} is damaged: go back to a copy of the study folder.") from error


def new_secret() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(32)


def code_of(secret: str, case: str, arms: Sequence[str], repeat: int) -> str:
    """The code of a case in an arm: HMAC-SHA256 with the secret, so that it tells nothing without it."""
    message = json.dumps([case, list(arms), repeat]).encode()
    number = int.from_bytes(hmac.new(bytes.fromhex(secret), message, hashlib.sha256).digest(), "big")
    letters = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def entries_for(
    protocol: Protocol, reads: Iterable[Read], secret: str, seed: int, batch: int, truth: Mapping[str, str]
) -> dict[str, Entry]:
    """An entry for every different stimulus among the reads of one batch.

    Where the protocol says so, maps in one row change places: all their orders in turn along the stimuli of an arm,
    which are in random order within each truth.

    Parameters
    ----------
    truth
        Case to the word by which the places are balanced.
    """
    random = generator(seed, Use.PLACES, batch)
    different = {code_of(secret, r.case, r.arms, r.repeat): r for r in sorted(reads, key=lambda r: (r.case, r.repeat))}
    pairs = mixed(different.items(), lambda pair: (*pair[1].arms, truth.get(pair[1].case, "")), random)
    start = int(random.integers(1 << 30))
    entries = {}
    for number, (code, read) in enumerate(pairs, start=start):
        layout = tuple(_placed(protocol, arm, number) for arm in read.arms)
        hidden = _hidden(protocol, layout)
        shuffled = tuple(hidden[i] for i in random.permutation(len(hidden)))
        images = _named(protocol, layout, shuffled)
        entries[code] = Entry(read.case, read.arms, read.repeat, read.practice, layout, images)
    return dict(sorted(entries.items()))


def _placed(protocol: Protocol, arm: str, turn: int) -> tuple[tuple[str, ...], ...]:
    """The rows of an arm's layout, the maps of each row in the order of this turn."""
    rows = []
    for row in protocol.arm(arm).layout:
        maps = [image for image in row if protocol.is_map(image)]
        if protocol.blinding.left_right and len(maps) > 1:
            orders = list(itertools.permutations(maps))
            order = iter(orders[turn % len(orders)])
            row = tuple(next(order) if image in maps else image for image in row)
        rows.append(row)
    return tuple(rows)


def _hidden(protocol: Protocol, layout: Iterable[Iterable[Iterable[str]]]) -> list[str]:
    """Images in which a region is measured though they are not shown."""
    shown = {image for stage in layout for row in stage for image in row}
    copied = [image for roi in protocol.rois for image in roi.copied_to if shown & set(roi.drawn_on)]
    return sorted(set(copied) - shown)


def _named(protocol: Protocol, layout: Iterable[Iterable[Iterable[str]]], hidden: Iterable[str]) -> dict[str, str]:
    """Neutral names in the order in which the images stand on the screen."""
    order = dict.fromkeys([image for stage in layout for row in stage for image in row] + list(hidden))
    names: dict[str, str] = {}
    maps = images = 0
    for image in order:
        if protocol.is_map(image):
            names[f"map_{chr(ord('a') + maps)}"] = image
            maps += 1
        else:
            images += 1
            names[f"image_{images}"] = image
    return names


def _entry(values: Mapping[str, Any]) -> Entry:
    layout = tuple(tuple(tuple(row) for row in stage) for stage in values["layout"])
    return Entry(
        values["case"], tuple(values["arms"]), values["repeat"], values["practice"], layout, dict(values["images"])
    )
