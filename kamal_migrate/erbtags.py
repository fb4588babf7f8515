"""The tags of an ERB text: where they stand, what stands beside them, and which open a block.

Their Ruby is never run; only the words that open and close blocks are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kamal_migrate.text import Span, line_end, line_start


class ErbError(ValueError):
    """The ERB cannot be masked; ``offset`` says where, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Tag(NamedTuple):
    """One ERB tag: where it stands, its Ruby, and its kind: output, comment or statement."""

    span: Span
    code: str
    kind: str


_TAG = re.compile(r"<%(%?)(.*?)(?<!%)%>", re.DOTALL)
_NOISE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|(?:^|(?<=\s))#[^\n]*""", re.DOTALL)
_WORD = re.compile(
    r"(?<![\w.:@$])(if|unless|case|while|until|for|begin|def|class|module|do|end)(?![\w?!:])|[{}]"
)
# What may stand before an `if` that opens a block; behind anything else it is a modifier.
_FRESH = re.compile(r"(?:^|[;=({\[,|&!?:]|\b(?:then|do|else|begin|not|and|or|return))[ \t]*\Z", re.MULTILINE)
_ALWAYS = frozenset(("do", "def", "class", "module", "begin", "{"))


def tags_of(text: str) -> list[Tag]:
    """Every ERB tag of the text; ``<%%`` is an escape. Raises `ErbError` for an unclosed one."""
    tags: list[Tag] = []
    start = text.find("<%")
    while start >= 0:
        if text.startswith("<%%", start):
            start = text.find("<%", start + 3)
            continue
        match = _TAG.match(text, start)
        if match is None:
            raise ErbError("`<%` is never closed by `%>`", start)
        code = text[start + 2 : match.end() - 2]
        kind = {"=": "output", "#": "comment"}.get(code[:1], "statement")
        body = code[1:] if kind != "statement" else code.removeprefix("-")
        tags.append(Tag(Span(start, match.end()), body.removesuffix("-").strip(), kind))
        start = text.find("<%", match.end())
    return tags


class Beside(NamedTuple):
    """What stands on a tag's lines, other tags left out: anything before, after; columns before."""

    before: bool
    after: bool
    columns: int

    @property
    def alone(self) -> bool:
        """Whether nothing but white space and other tags stand beside it."""
        return not (self.before or self.after)


def lines_beside(text: str, tags: Sequence[Tag]) -> list[Beside]:
    """What stands beside each tag; a tag of many lines makes one line of them."""
    pieces: list[str] = []
    end = 0
    for tag in tags:
        pieces += (text[end : tag.span.start], " " * (tag.span.end - tag.span.start))
        end = tag.span.end
    bare = "".join([*pieces, text[end:]]).replace("\ufeff", " ")
    found: list[Beside] = []
    stop = -1
    for tag in tags:
        if tag.span.start > stop:
            start, stop = line_start(bare, tag.span.start), line_end(bare, tag.span.start)
            line = bare[start:stop]
            first, last = start + len(line) - len(line.lstrip()), start + len(line.rstrip())
            columns = start + (1 if text.startswith("\ufeff", start) else 0)
        before, after = first < min(tag.span.start, last), last > tag.span.end
        found.append(Beside(before, after, tag.span.start - columns))
        columns += tag.span.end - tag.span.start
    return found


def balance(code: str) -> tuple[int, int]:
    """How many blocks from before a piece of Ruby closes, and how many it leaves open."""
    code = _NOISE.sub(lambda match: " " if match[0].startswith("#") else '""', code)
    closed = opened = 0
    loop = False
    for match in _WORD.finditer(code):
        word = match[0]
        if word in ("end", "}"):
            closed, opened = (closed, opened - 1) if opened else (closed + 1, 0)
        elif word == "do" and loop:
            loop = False
        elif word in _ALWAYS or _begins_statement(code, match.start()):
            opened += 1
            loop = word in ("while", "until", "for")
    return closed, opened


def _begins_statement(code: str, offset: int) -> bool:
    before = code[max(offset - 40, 0) : offset]
    return bool(_FRESH.search(before if offset <= 40 else f"x{before}"))
