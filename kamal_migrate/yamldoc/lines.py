"""Lines and comments of a YAML text: where they end, and the edits that take whole lines away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kamal_migrate.text import Edit, Span, line_end, line_start, next_line
from kamal_migrate.yamldoc.tree import Node


class Comment(NamedTuple):
    """A comment and where it stands."""

    span: Span
    text: str


_COMMENT_LINE = re.compile(r"([ \t]*)#")
# libyaml takes a `#` for a comment after white space, and right after a quote or a bracket.
_SHARP = re.compile(r"""(?:^|(?<=[ \t\ufeff"'\]},]))#""", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_HEADER = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][-+0-9]*")


def column(text: str, offset: int) -> int:
    """The column of an offset, from 0; a byte order mark has no width."""
    start = line_start(text, offset)
    return offset - start - (1 if start == 0 and text.startswith("\ufeff") else 0)


def first_of_line(text: str, offset: int) -> int:
    """Where the line that holds ``offset`` begins, behind a byte order mark."""
    start = line_start(text, offset)
    return 1 if start == 0 and text.startswith("\ufeff") else start


def comments_of(text: str, masked: str, leaves: Iterable[Node], end: int) -> Iterator[Comment]:
    """The comments before ``end``, in order: what begins with ``#`` outside of every scalar."""
    spans = iter(leaves)
    leaf = next(spans, None)
    offset = 0
    while match := _SHARP.search(masked, offset, end):
        offset = match.start()
        while leaf and leaf.end <= offset:
            leaf = next(spans, None)
        if leaf and body_start(text, leaf) <= offset:
            offset = leaf.end
            continue
        stop = _REST_OF_LINE.match(masked, offset).end()  # type: ignore[union-attr]
        yield Comment(Span(offset, stop), text[offset:stop])
        offset = stop


def header_end(text: str, leaf: Node) -> int:
    """The end of the indicators that begin a literal or folded block."""
    match = _HEADER.match(text, leaf.start)
    return match.end() if match else leaf.start


def body_start(text: str, leaf: Node) -> int:
    """Where the characters of a scalar begin: those of a literal block begin below its header."""
    if leaf.style not in ("|", ">"):
        return leaf.start
    return min(line_end(text, leaf.start), leaf.end)


def tail_of(text: str, end: int, key_column: int) -> int:
    """The end of the comment lines after ``end`` that are indented deeper than ``key_column``."""
    start = next_line(text, end)
    while start < len(text):
        line = text[start : line_end(text, start)]
        match = _COMMENT_LINE.match(line)
        if match and len(match[1]) > key_column:
            end = start + len(line)
        elif line.strip():
            break
        start = next_line(text, start)
    return end


def trailing(text: str, start: int) -> Comment | None:
    """The comment after ``start`` on its line, where nothing but white space lies between."""
    match = re.compile(r"[ \t]+(#[^\r\n]*)").match(text, start)
    return Comment(Span(match.start(1), match.end()), match[1]) if match else None


def at_margin(text: str, comment: Comment) -> bool:
    """Whether a comment begins at column 0: commented-out configuration there belongs to nobody."""
    return column(text, comment.span.start) == 0


def with_blank_lines(text: str, first: int, below: int) -> int:
    """Where the blank lines above begin, if there are blank ones below too, or nothing; else ``first``.

    So one blank line stays between the neighbours, and none at the end of the file.
    """
    if below < len(text) and text[below : line_end(text, below)].strip():
        return first
    start = first
    while start > 0 and not text[(above := line_start(text, start - 1)) : start].strip():
        start = above
    return start or first


def without_lines(
    text: str, first: int, last: int, words: str, margins: Iterable[Comment], *, keep_break: bool
) -> list[Edit]:
    """Edits that take away the lines from ``first``, a line's start, to the line that holds ``last``.

    ``words`` take their place, ending with a line break or empty. The comments ``margins`` stay. At
    the end of a file without a final line break the one before goes too, unless ``keep_break``.
    """
    stop = next_line(text, last)
    edits: list[Edit] = []
    for margin in margins:
        edits.append(Edit(first, margin.span.start, words))
        first, words = next_line(text, margin.span.end), ""
    if stop == len(text) and not text.endswith("\n"):
        words = re.sub(r"\r?\n\Z", "", words)
        if not words and first > 0 and not keep_break:
            first = line_end(text, first - 1)
            first -= 1 if text[first - 1 : first + 1] == "\r\n" else 0
    edits.append(Edit(first, stop, words))
    return [edit for edit in edits if edit.start < edit.end or edit.text]
