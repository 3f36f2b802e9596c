"""The leak test: does anything that a seat can be handed tell whose image it is, or which arm?

It looks at every byte: names of files, text, JSON with its escapes, headers of NIfTI and gzip files, what is packed in
gzip and zip files, voxels; as UTF-8, UTF-16, percent-coded, base64 and hexadecimal text, in any case, with any
separators. A hash is not a word: what was hashed is not found.

Words of less than :data:`SHORT` letters count only where they stand alone, and are not looked for in voxels and in
coded text, where chance writes them; words of one or two letters are not looked for at all.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from SynthPerfLib.case import sidecar_of
from SynthPerfLib.cohort import SPLITS, Cohort
from SynthPerfLib.jobs import Progress, Steps
from SynthPerfLib.modality import MODALITIES

from .protocol import telling_words

if TYPE_CHECKING:
    from .study import Study

SHORT = 5
"""Least number of letters of a word that is found inside other text."""

_IN_VOXELS = 6
_SAME_FOR_ALL = ("form.json", "practice.json")
"""Files that say the same whatever is shown: the words of the questions, the truth of the training cases."""

_SEPARATORS = re.compile(rb"[\s_\-./\\]+")
_RUNS = (
    re.compile(rb"[\x20-\x7e]{4,}"),
    re.compile(rb"(?:[\x20-\x7e]\x00){4,}"),
    re.compile(rb"(?:\x00[\x20-\x7e]){4,}"),
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :]?){5,}")
_ESCAPE = re.compile(rb"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_DATE = re.compile(
    rb"(?<![0-9A-Za-z])(?<!\d\.)(?:19|20)\d\d([-/._]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?![0-9A-Za-z]|\.\d)"
)
_PATH = re.compile(
    rb"(?<![\w/.])/(?:home|Users|tmp|mnt|media|data|work|root|srv|var|opt)/[^\s\"']+|[A-Za-z]:\\\\?[^\s\"']+"
)
_IDENTITY = re.compile(
    r"name|patient|subject|participant|institution|station|serial|series|protocol|operator|physician|address|"
    r"accession|comment|description|uid|date|time|source",
    re.I,
)


@dataclass(frozen=True)
class Finding:
    """One leak.

    Attributes
    ----------
    where
        File, and the part of it.
    what
        The word that was found, or what kind of thing.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Words:
    """What is looked for.

    Attributes
    ----------
    identities
        Whose images they are and where they come from; may stand nowhere.
    meanings
        Arms, models, diagnoses; may stand only in what is the same for every stimulus.
    """

    identities: tuple[str, ...]
    meanings: tuple[str, ...] = ()

    @cached_property
    def everywhere(self) -> _Search:
        return _Search(self.identities)

    @cached_property
    def of_stimuli(self) -> _Search:
        return _Search((*self.identities, *self.meanings))


class _Search:
    """Words made ready to be looked for."""

    def __init__(self, words: Iterable[str]) -> None:
        self.long: list[tuple[bytes, bytes, str]] = []
        short: list[str] = []
        for word in sorted(set(words)):
            plain = word.strip().lower()
            tight = _SEPARATORS.sub(b"", plain.encode())
            if len(tight) >= SHORT:
                self.long.append((plain.encode(), tight, word))
            elif len(tight) > 2 and not tight.isdigit():  # 001 alone cannot be told from a number
                short.append(plain)
        alone = b"|".join(re.escape(word.encode()) for word in short)
        self.short = re.compile(rb"(?<![a-z0-9])(?:" + alone + rb")(?![a-z0-9])") if short else None

    def text(self, content: bytes, least: int = 0) -> set[str]:
        """The words in ``content``; with ``least``, only those of so many letters."""
        lower = content.lower()
        tight = _SEPARATORS.sub(b"", lower)
        found = {
            word
            for plain, letters, word in self.long
            if len(letters) >= least and (plain in lower or (len(letters) > SHORT and letters in tight))
        }
        if self.short is not None and not least:
            found |= {match.decode() for match in self.short.findall(lower)}
        return found


def identifiers_of(cohort: Cohort, maps: Path) -> set[str]:
    """Every word of a cohort that would tell whose images these are or where they come from.

    Ids, the columns of ``participants.tsv``, what the sidecars say of patient, scanner and time, and the paths.

    Parameters
    ----------
    maps
        Root of the dataset with the synthetic maps.
    """
    known = {text.lower() for m in MODALITIES.values() for text in (m.name, m.label, m.suffix, m.unit)} | {
        *SPLITS,
        "n/a",
    }
    found = {str(path.resolve()) for path in (cohort.folder, maps)} | {str(Path.home())}
    for case in cohort.cases:
        found |= {case.id, case.participant, case.participant[len("sub-") :], case.session or ""}
        found |= set(cohort.participants.get(case.participant, {}).values())
        for path in case.files.values():
            found |= _said_by(sidecar_of(path))
    return {word for word in found if len(word) > 2 and word.lower() not in known and not word.isdigit()}


def _said_by(sidecar: Path) -> set[str]:
    if not sidecar.is_file():
        return set()
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError):
        return set()
    if not isinstance(content, dict):
        return set()
    return {value for key, value in content.items() if isinstance(value, str) and _IDENTITY.search(key)}


def words_of(study: Study) -> Words:
    """What may not be found in the files of a study's readers."""
    protocol, book = study.protocol, study.code_book()
    meanings = {*telling_words(protocol), *book.bundles.values()}
    truths = set() if protocol.truth is None else {protocol.truth.positive, protocol.truth.negative}
    # The table's column of the truth is among the identifiers, as every column is; its words are the questions' too.
    return Words(tuple(word for word in book.identifiers if word not in truths), tuple(sorted(meanings | truths)))


def scan_study(study: Study) -> Steps[list[Finding]]:
    """Look at everything that any reader's machine may receive."""
    words = words_of(study)
    files = study.reader_files(*study.allocation.readers)
    found: list[Finding] = []
    for number, (name, content) in enumerate(files.items()):
        yield Progress(number / len(files), name)
        found += scan_file(name, content if isinstance(content, bytes) else content.read_bytes(), words)
    return found


def scan_texts(texts: Mapping[str, str], words: Words) -> list[Finding]:
    """Look at strings that a seat shows or holds, such as names of nodes and titles of windows; keyed by where."""
    return [finding for where, text in texts.items() for finding in _text(where, text.encode(), words.of_stimuli)]


def scan_file(name: str, content: bytes, words: Words) -> list[Finding]:
    """Look at the name and all bytes of one file.

    Parameters
    ----------
    name
        Its path in the reader's copy.
    """
    search = words.everywhere if name in _SAME_FOR_ALL else words.of_stimuli
    return [*_text(f"name of {name}", name.encode(), search), *_content(name, content, search)]


def _content(where: str, content: bytes, search: _Search) -> list[Finding]:
    """Findings in bytes, whatever they are."""
    if content[:2] == b"\x1f\x8b":
        return _gzip(where, content, search)
    if content[:4] == b"PK\x03\x04":
        return _zip(where, content, search)
    if content[344:348] in (b"n+1\0", b"ni1\0") or (len(content) > 540 and content[4:8] in (b"n+2\0", b"ni2\0")):
        return _nifti(where, content, search)
    if _is_text(content):
        return _text(where, content, search)
    return _raw(where, content, search)


def _raw(where: str, content: bytes, search: _Search) -> list[Finding]:
    return [finding for run in _runs(content) for finding in _text(where, run, search)]


def _gzip(where: str, content: bytes, search: _Search) -> list[Finding]:
    found = []
    while content[:2] == b"\x1f\x8b":
        flags, time = content[3], struct.unpack_from("<I", content, 4)[0]
        if time:
            found.append(Finding(f"{where}, gzip header", "the time at which it was packed"))
        if flags & 0b11100:  # extra field, name, comment
            found.append(Finding(f"{where}, gzip header", "a name, a comment or an extra field"))
        unpack = zlib.decompressobj(wbits=31)
        try:
            inner = unpack.decompress(content) + unpack.flush()
        except zlib.error:
            break
        found += _content(where, inner, search)
        content = unpack.unused_data
    rest = f"{where}, what cannot be unpacked"
    return found + (_raw(rest, content, search) if content[:2] == b"\x1f\x8b" else _content(rest, content, search))


def _zip(where: str, content: bytes, search: _Search) -> list[Finding]:
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found += _text(f"{where}, comment", archive.comment, search)
            for member in archive.infolist():
                inside = f"{where}, {member.filename}"
                if member.date_time > (1980, 1, 2, 0, 0, 0):
                    found.append(Finding(inside, "the time at which it was packed"))
                about = b" ".join((member.filename.encode(), member.comment, member.extra))
                found += _text(f"name of {inside}", about, search)
                found += _content(inside, archive.read(member), search)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):  # damaged, or locked
        found += _raw(f"{where}, what cannot be unpacked", content, search)
    return found


def _nifti(where: str, content: bytes, search: _Search) -> list[Finding]:
    """Header and extensions as text, voxels as noise in which only longer words count."""
    second = content[4:8] in (b"n+2\0", b"ni2\0")
    size = 540 if second else 348
    fields = ((240, 344), (508, 524)) if second else ((4, 32), (148, 252), (328, 344))
    start = int(struct.unpack_from("<q", content, 168)[0] if second else struct.unpack_from("<f", content, 108)[0])
    found = []
    if any(content[a:b].strip(b"\0 ") for a, b in fields):
        found.append(Finding(f"{where}, header", "words in a field that should be empty"))
    if any(content[size : max(start, size)]):
        found.append(Finding(f"{where}, header", "an extension"))
    found += _raw(f"{where}, header", content[: max(start, size)], search)
    for run in _runs(content[max(start, size) :]):
        found += [Finding(f"{where}, voxels", word) for word in sorted(search.text(run, _IN_VOXELS))]
    return found


def _runs(content: bytes) -> Iterator[bytes]:
    """What could be text in bytes that are not: one piece for each way of writing."""
    for number, pattern in enumerate(_RUNS):
        runs = pattern.findall(content)
        if runs:
            text = b"\n".join(runs)
            yield text.replace(b"\0", b"") if number else text


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _text(where: str, content: bytes, search: _Search) -> list[Finding]:
    """Findings in text, plain and coded."""
    plain = [content, *(run for pattern in _RUNS[1:] for run in (b"\n".join(pattern.findall(content)),))]
    found = set()
    for text in (piece.replace(b"\0", b"") for piece in plain if piece):
        for form in {text, unquote_to_bytes(text), _ESCAPE.sub(_unescaped, text)}:
            found |= search.text(form)
            found |= {"a date" for _ in _DATE.finditer(form)} | {"a path" for _ in _PATH.finditer(form)}
        for decoded in _decoded(text):
            found |= search.text(decoded, SHORT) | search.text(decoded.replace(b"\0", b""), SHORT)
    return [Finding(where, word) for word in sorted(found)]


def _unescaped(match: re.Match[bytes]) -> bytes:
    return chr(int(match[1] or match[2], 16)).encode("utf-8", "replace")


def _decoded(text: bytes) -> Iterator[bytes]:
    """What base64 and hexadecimal runs stand for, from every place where they may begin."""
    for run in _BASE64.findall(text):
        standard = run.replace(b"-", b"+").replace(b"_", b"/")
        for shift in range(4):
            piece = standard[shift:]
            yield base64.b64decode(piece[: len(piece) // 4 * 4])
            rest = piece[len(piece) // 4 * 4 :]
            if len(rest) > 1:
                yield base64.b64decode(piece + b"=" * (4 - len(rest)))
    for run in _HEX.findall(text):
        digits = re.sub(rb"[ :]", b"", run)
        for shift in range(2):
            piece = digits[shift:]
            yield binascii.unhexlify(piece[: len(piece) // 2 * 2])
