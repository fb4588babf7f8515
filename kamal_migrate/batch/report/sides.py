"""A hunk as two sides: what was there on the left, what comes on the right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

NARROW = 32
_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Numbered(NamedTuple):
    """A line of a file, counted from 1."""

    number: int
    text: str

    @property
    def is_long(self) -> bool:
        """Whether not even its first word fits beside what it is compared with."""
        return len(self.text) > NARROW and " " not in self.text.lstrip()[: NARROW - _indent(self.text)]


def _indent(text: str) -> int:
    return min(NARROW, len(text) - len(text.lstrip()))


class Block(NamedTuple):
    """Lines that stand side by side: the same on both, or what goes and what comes in its place."""

    old: tuple[Numbered, ...]
    new: tuple[Numbered, ...]
    changed: bool


def sides(hunk: Mapping[str, Any]) -> Iterator[Block]:
    """The blocks of a hunk of a JSON report."""
    match = _HEADER.fullmatch(hunk["header"])
    old, new = (int(match[1]), int(match[3])) if match else (1, 1)
    # A hunk without old lines names the line before it.
    old += bool(match and match[2] == "0")
    new += bool(match and match[4] == "0")
    for changed, group in groupby(hunk["lines"], lambda line: not line.startswith(" ")):
        lines = list(group)
        left = tuple(
            Numbered(old + n, line[1:]) for n, line in enumerate(one for one in lines if one[0] != "+")
        )
        right = tuple(
            Numbered(new + n, line[1:]) for n, line in enumerate(one for one in lines if one[0] != "-")
        )
        yield Block(left, right, changed)
        old, new = old + len(left), new + len(right)
