"""A file as it was before a campaign wrote into a working tree, and as it was written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import takewhile

from kamal_migrate.project import may_hold_secrets


@dataclass(frozen=True)
class Original:
    """The bytes and the mode that a file had, None where there was none; and the bytes that came.

    Of a file that may hold secrets only what differs is here. ``around`` then tells how many bytes before and
    after that are the same, and the hashes of the file as it was and as it was written.
    """

    path: str
    data: bytes | None = field(repr=False)
    mode: int | None
    written: bytes | None = field(repr=False)
    around: str = ""

    def is_written(self, now: bytes | None) -> bool:
        """Whether the file is as it was written."""
        return _hash(now) == self.around.split()[3] if self.around else now == self.written

    def is_back(self, now: bytes | None) -> bool:
        """Whether the file is as it was before."""
        return _hash(now) == self.around.split()[2] if self.around else now == self.data

    def before(self, now: bytes) -> bytes:
        """The bytes that the file had, from those that were written."""
        if not self.around:
            return self.data or b""
        start, end = map(int, self.around.split()[:2])
        return now[:start] + (self.data or b"") + now[len(now) - end :]


def original(path: str, data: bytes | None, mode: int | None, written: bytes | None) -> Original:
    """What is to be kept of a file."""
    if data is None or written is None or not may_hold_secrets(path):
        return Original(path, data, mode, written)
    start = _same(data, written)
    rest, came = data[start:], written[start:]
    end = _same(rest[::-1], came[::-1])
    around = f"{start} {end} {_hash(data)} {_hash(written)}"
    return Original(path, rest[: len(rest) - end], mode, came[: len(came) - end], around)


def _same(one: bytes, other: bytes) -> int:
    """How many bytes are the same at the beginning."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _hash(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
