"""Whether SQLite's write-ahead log is whole: SQLite itself takes a damaged one as ended there, without a word.

The format is that of https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path

_HEADER, _FRAME = 32, 24
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # byte order of the check sums
_LOOKS, _BETWEEN = 5, 0.05


def damaged(path: Path) -> bool:
    """Whether something that was committed to the write-ahead log at ``path`` cannot be read any more.

    A change in the last commit of all looks like one that a killed program did not end, and is not told from it.
    Another program may be writing at this moment: only what stays wrong for a quarter of a second counts.
    """
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        if _whole(content):
            return False
    return True


def _whole(content: bytes) -> bool:
    if len(content) < _HEADER:
        return True
    magic, _, page, _, salt1, salt2, *sums = struct.unpack(">8I", content[:_HEADER])
    if magic not in _MAGIC or not 512 <= page <= 65536:
        return False
    order = _MAGIC[magic]
    before = _sums(content[:24], (0, 0), order)
    if before != tuple(sums):
        return False
    good = True
    for start in range(_HEADER, len(content) - _FRAME - page + 1, _FRAME + page):
        head, data = content[start : start + _FRAME], content[start + _FRAME : start + _FRAME + page]
        _, commits, first, second, *sums = struct.unpack(">6I", head)
        # Frames of an earlier round lie behind those of this one; both salts are new in every round.
        if first != salt1 and second != salt2:
            break
        fits = _sums(data, _sums(head[:8], before, order), order) == tuple(sums)
        # A killed program may leave frames of a transaction that it did not end, but never a whole commit behind them.
        if not good and fits and commits:
            return False
        good = good and fits and (first, second) == (salt1, salt2)
        before = (sums[0], sums[1])
    return True


def _sums(content: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
