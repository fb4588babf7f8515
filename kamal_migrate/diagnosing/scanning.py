"""Looks for the signs of the known causes in a log, block by block, and keeps a few lines for each."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from kamal_migrate.diagnosing.cause import Cause, Sign
from kamal_migrate.diagnosing.causes import CAUSES
from kamal_migrate.diagnosing.hiding import hidden
from kamal_migrate.diagnosing.loglines import Block, bare, blocks, uncoloured

# Lines that are kept: of those that tell a cause the first ones, of those that say more the last ones.
KEPT, KEPT_BESIDE = 5, 3
BEFORE, AFTER = 1000, 500
# sshkit names the host once, and then prints what Docker said there.
_HOST = Sign("Exception while executing ", r"Exception while executing on host ([^\s:]+)")
_NEAR = 12


class Evidence(NamedTuple):
    """A line of the log, from 1, with its secrets hidden, and the host that it is about, if that is said."""

    line: int
    text: str
    host: str = ""


@dataclass
class Found:
    """A cause with the lines that tell it, and others that say more; ``more`` counts what is not kept.

    ``last`` is the line that told it last, for one without end comes in parts.
    """

    cause: Cause
    evidence: list[Evidence] = field(default_factory=list)
    beside: deque[Evidence] = field(default_factory=lambda: deque(maxlen=KEPT_BESIDE))
    more: int = 0
    last: int = 0

    @property
    def lines(self) -> list[Evidence]:
        """All lines that are kept, in their order."""
        return sorted({*self.evidence, *self.beside})

    @property
    def is_full(self) -> bool:
        """Whether enough lines that tell the cause are kept."""
        return len(self.evidence) >= KEPT

    def take(self, evidence: Evidence) -> None:
        """Keep a line that tells the cause; one that says the same again is only counted."""
        if _said_by(evidence.text) in {_said_by(row.text) for row in self.evidence}:
            self.more += 1
        else:
            self.evidence.append(evidence)

    def take_beside(self, evidence: Evidence) -> None:
        """Keep a line that says more, unless it says the same again."""
        if _said_by(evidence.text) not in {_said_by(row.text) for row in self.beside}:
            self.beside.append(evidence)

    def settle(self) -> None:
        """Forget what was found: Kamal helped itself."""
        self.evidence.clear()
        self.more = 0


def _said_by(text: str) -> str:
    """A line without what sshkit says it is, for it repeats at the end what was said before."""
    return re.sub(r"\A(?:docker std(?:err|out): |ERROR: |> |#\d+ (?:\d+\.\d+ )?)+", "", text)


class Diagnosis(NamedTuple):
    """The causes that were found, the root of others first, and how many lines were looked through."""

    found: tuple[Found, ...]
    lines: int


TELLS, BESIDE, SETTLES, HOST = "tells", "beside", "settles", "host"


class _Row(NamedTuple):
    """A sign as it is looked for: what it is for, and of which cause; ``rank`` is the place of that."""

    words: str
    pattern: re.Pattern[str]
    use: str
    rank: int

    @property
    def cause(self) -> Cause:
        return CAUSES[self.rank]


def _row(sign: Sign, use: str, rank: int) -> _Row:
    return _Row(sign.words, re.compile(sign.pattern or re.escape(sign.words)), use, rank)


@lru_cache(maxsize=1)
def _rows() -> dict[str, list[_Row]]:
    """Every sign by its words, the host before all else, then in the order of the causes."""
    rows = [_row(_HOST, HOST, -1)]
    for rank, cause in enumerate(CAUSES):
        rows += [_row(sign, TELLS, rank) for sign in cause.signs]
        rows += [_row(sign, BESIDE, rank) for sign in cause.shown_with]
        rows += [_row(sign, SETTLES, rank) for sign in cause.settled_by]
    found: dict[str, list[_Row]] = {}
    for row in rows:
        found.setdefault(row.words, []).append(row)
    return found


def diagnose(chunks: Iterable[bytes], secrets: Iterable[str] = ()) -> Diagnosis:
    """The known causes in a log that comes in pieces; ``secrets`` are values that are never shown."""
    scan = _Scan(tuple(secrets))
    lines = 0
    for block in blocks(chunks):
        scan.read(block)
        lines = block.number + block.text.count("\n") - block.text.endswith("\n")
    found = (scan.found[cause.id] for cause in CAUSES if cause.id in scan.found)
    return Diagnosis(tuple(row for row in found if row.evidence), lines)


class _Scan:
    """What was found so far, and the host that sshkit named last."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self.secrets = secrets
        self.found: dict[str, Found] = {}
        self.host = ("", 0)

    def read(self, block: Block) -> None:
        """Look through a block; most have none of the words, and are done with that."""
        text = uncoloured(block.text)
        words = [words for words in _rows() if words in text]
        if not words:
            return
        for number, line in enumerate(text.split("\n"), block.number):
            here = [word for word in words if word in line]
            if here:
                for part in line.split("\r"):
                    self._read_line(number, part, here)

    def _read_line(self, number: int, line: str, words: list[str]) -> None:
        """The first cause that a line tells has it; others may show it beside what tells them."""
        told = False
        for row, excerpt, host in sorted(_said(line, words), key=lambda said: said[0].rank):
            if row.use == HOST:
                self.host = (host, number)
                continue
            found = self.found.setdefault(row.cause.id, Found(row.cause))
            if row.use == SETTLES:
                found.settle()
            elif row.use == BESIDE:
                found.take_beside(self._evidence(number, excerpt))
            elif not told:
                told = True
                self._take(found, number, excerpt)

    def _take(self, found: Found, number: int, excerpt: str) -> None:
        """Keep or count a line that tells a cause, once; where enough are kept, it is not looked at."""
        if found.last == number:
            return
        found.last = number
        if found.is_full:
            found.more += 1
        else:
            found.take(self._evidence(number, excerpt))

    def _evidence(self, number: int, excerpt: str) -> Evidence:
        """The line as it is shown; what sshkit said of a host goes up to the next error."""
        host, line = self.host
        near = number == line or (number - line <= _NEAR and not excerpt.startswith("ERROR ("))
        return Evidence(number, hidden(excerpt, self.secrets), host if near else "")


def _said(line: str, words: list[str]) -> Iterator[tuple[_Row, str, str]]:
    """The signs that a line has, with the part of it around them, and what the pattern found."""
    for word in words:
        at = line.find(word)
        while at >= 0:
            excerpt = _excerpt(line, at)
            for row in _rows()[word]:
                match = row.pattern.search(excerpt)
                if match:
                    yield row, excerpt, match[1] if row.use == HOST else ""
            at = line.find(word, at + AFTER)


def _excerpt(line: str, at: int) -> str:
    """The part of a line around a place: bare, and without a piece of a word where it begins."""
    start = max(at - BEFORE, 0)
    part = line[start : at + AFTER]
    return bare(part) if not start else re.sub(r"\A\S*\s*", "", part).rstrip()
