"""Text, the places in it, and edits of it.

Offsets count characters, from 0. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """The characters from ``start`` up to, not including, ``end``."""

    start: int
    end: int

    def holds(self, other: Span) -> bool:
        """Whether ``other`` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end


class Edit(NamedTuple):
    """Put ``text`` in the place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str


class Position(NamedTuple):
    """A place as people count it: line and column, both from 1."""

    line: int
    column: int


class OverlapError(ValueError):
    """Two edits want the same characters."""


def ordered(edits: Iterable[Edit]) -> list[Edit]:
    """The distinct edits in the order of the text.

    Insertions at one place keep the order in which they were given. Raises `OverlapError` where
    two edits want the same characters.
    """
    result = sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
    for before, after in pairwise(result):
        if after.start < before.end:
            raise OverlapError(f"edits overlap at character {after.start}")
    return result


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; everything outside them stays as it is."""
    pieces: list[str] = []
    end = 0
    for edit in ordered(edits):
        pieces += (text[end : edit.start], edit.text)
        end = edit.end
    return "".join([*pieces, text[end:]])


def position(text: str, offset: int) -> Position:
    """Line and column of an offset, as an editor shows them.

    Lines end at LF or CRLF; a byte order mark has no width.
    """
    start = text.rfind("\n", 0, offset) + 1
    mark = start == 0 < offset and text.startswith("\ufeff")
    return Position(text.count("\n", 0, offset) + 1, offset - start + (0 if mark else 1))


def line_start(text: str, offset: int) -> int:
    """Where the line that holds ``offset`` begins."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Where the line that holds ``offset`` ends, before its line break."""
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    return end - 1 if end > offset and text[end - 1] == "\r" else end


def next_line(text: str, offset: int) -> int:
    """Where the line after the one that holds ``offset`` begins; the end of the text if none."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def newline_of(text: str) -> str:
    """The line break that most lines of the text end with."""
    windows = text.count("\r\n")
    return "\r\n" if windows * 2 > text.count("\n") else "\n"
