"""Lines to print, with a style each, and texts folded to the width of a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

WIDTH = 80
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


class Line(NamedTuple):
    """A line to print, without its line break, and its style.

    Styles: `head`, `title`, `old`, `new`, `hunk`, `dim`, a safety, or plain.
    """

    text: str = ""
    style: str = ""


def printable(text: str) -> str:
    """A line without what would steer a terminal or reorder what is read: that is shown as an escape."""
    return _UNPRINTABLE.sub(lambda sign: _escaped(ord(sign[0])), text)


def _escaped(number: int) -> str:
    known = {10: "\\n", 13: "\\r"}
    return known.get(number) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def wrapped(text: str, indent: int, style: str = "", hang: int = 0) -> Iterator[Line]:
    """A text as lines of at most 80 columns; words are never cut."""
    yield from (Line(" " * indent + line, style) for line in folded(text, WIDTH - indent, hang))


def folded(text: str, width: int, hang: int = 0, *, cut: bool = False) -> list[str]:
    """A text as lines of at most that width; with ``cut`` longer words are cut."""
    return textwrap.wrap(
        printable(text), width, subsequent_indent=" " * hang, break_long_words=cut, break_on_hyphens=False
    )


def columns(left: Iterable[str], text: str, column: int) -> Iterator[Line]:
    """Rows of a label and a text beside it."""
    for label, line in zip_longest(left, folded(text, WIDTH - 2 - column), fillvalue=""):
        yield Line(f"  {label:<{column}}{line}".rstrip())


def listed(names: list[str]) -> str:
    """Names as a sentence lists them."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
