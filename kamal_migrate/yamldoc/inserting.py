"""The verb insert: new pairs and items, in the manner of those that stand there."""

from __future__ import annotations

import re

from kamal_migrate.erbtags import balance
from kamal_migrate.text import Edit, line_end, line_start, next_line
from kamal_migrate.yamldoc.data import EMPTY_MAP, NULL, Data, name
from kamal_migrate.yamldoc.lines import column, first_of_line, tail_of
from kamal_migrate.yamldoc.setting import check_writable, indented, insertion, set_value
from kamal_migrate.yamldoc.spot import (
    Refusal,
    Source,
    Spot,
    check_anchor,
    check_duplicates,
    dash_before,
    is_bare_pair,
    is_explicit,
)
from kamal_migrate.yamldoc.style import Comments, Style, block_lines, commented_lines, inline
from kamal_migrate.yamldoc.tree import Node

_EMPTY = (NULL, EMPTY_MAP, Data("list", ()))


def insert(
    source: Source, spot: Spot | None, data: Data, after: str | None, comments: Comments
) -> list[Edit]:
    """The edits that put pairs into a mapping (``spot``, or the root), or items into a sequence.

    They come after the entry ``after``, else at the end. In a block each of the ``comments`` stands above the
    key of its path, seen from the mapping. Raises `Refusal`.
    """
    holder = spot.node if spot else source.tree.root
    if holder is None:
        return _fill_nothing(source, data)
    if spot:
        spot.check()
    _check_insert(source, holder, data)
    if not data.value:
        return []
    if not holder.children:
        return set_value(spot, data) if spot else _fill_root(source, holder, data)
    last = _last(holder, after)
    check_writable(data, last.start, in_flow=holder.flow)
    if holder.flow:
        return _into_flow(source, holder, last, _texts(data, source.style, flow=True))
    return [_after(source, holder, last, data, comments, at_root=spot is None, named=after is not None)]


def _check_insert(source: Source, holder: Node, data: Data) -> None:
    if holder.kind == "alias":
        raise Refusal(f"it comes from *{holder.anchor}", holder.start)
    check_anchor(source, holder)
    check_duplicates(holder)
    if holder.kind != data.kind and holder.data not in _EMPTY:
        due = "mapping" if data.kind == "map" else "sequence"
        raise Refusal(f"something else stands where a {due} is due", holder.start)
    names = {name(key) for key, _ in data.value} if data.kind == "map" else set()
    for entry in holder.entries:
        if entry.name in names:
            raise Refusal(f"`{entry.name}` stands there already", entry.key.start)
        if is_explicit(source, entry.key):
            raise Refusal("a key is written with `?`", entry.key.start)


def _last(holder: Node, after: str | None) -> Node:
    """The key or value, whichever ends later, of the entry that an insertion follows."""
    if not holder.entries:
        return holder.items[-1]
    named = (entry for entry in holder.entries if entry.name == after)
    entry = next(named, holder.entries[-1])
    return entry.value if entry.value.end > entry.key.end else entry.key


def _texts(data: Data, style: Style, *, flow: bool) -> list[str]:
    """New pairs or items, each on one line."""
    if data.kind == "list":
        return [inline(item, style, flow=flow) for item in data.value]
    return [
        f"{inline(key, style, flow=True)}: {inline(value, style, flow=True)}" for key, value in data.value
    ]


def _into_flow(source: Source, holder: Node, last: Node, texts: list[str]) -> list[Edit]:
    """Insert into brackets: on lines of their own where the last one has its own."""
    text = source.masked
    if is_bare_pair(source, holder):
        raise Refusal("this pair stands in brackets without braces", holder.start)
    begin = next(
        (entry.key.start for entry in holder.entries if last in (entry.key, entry.value)), last.start
    )
    own, end = text[line_start(text, begin) : begin], line_end(text, last.end)
    rest = text[last.end : min(end, holder.end)]
    empty = " " if text[last.end - 1] == ":" else ""
    if not own.strip() and end < holder.end and re.fullmatch(r"\s*,?\s*(#.*)?", rest):
        comma = rest.lstrip().startswith(",")
        joined = ("," + source.style.newline).join(own + item for item in texts)
        edits = [] if comma else [Edit(last.end, last.end, empty + ",")]
        return [*edits, Edit(end, end, source.style.newline + joined + ("," if comma else ""))]
    return [Edit(last.end, last.end, "".join(f"{empty}, {item}" for item in texts))]


def _fill_nothing(source: Source, data: Data) -> list[Edit]:
    """Write the first keys of a file that holds nothing but comments."""
    text, newline = source.text, source.style.newline
    if any(line.strip() and not line.startswith("#") for line in source.masked.lstrip("\ufeff").split("\n")):
        raise Refusal("the file says nothing yet", 0)
    check_writable(data, len(text), in_flow=False)
    apart = newline if text.strip("\ufeff") and not text.endswith("\n") else ""
    lines = "".join(line + newline for line in block_lines(data, source.style))
    return [Edit(len(text), len(text), apart + lines)]


def _fill_root(source: Source, holder: Node, data: Data) -> list[Edit]:
    """Write the first keys in the place of an empty root: nothing after ``---``, ``~`` or ``{}``."""
    text, newline = source.text, source.style.newline
    check_writable(data, holder.start, in_flow=False)
    if data.kind != "map" or holder.anchor or holder.tag:
        raise Refusal("nothing can be put here", holder.start)
    first, *rest = block_lines(data, source.style)
    before = text[first_of_line(text, holder.start) : holder.start].strip()
    if holder.start == holder.end:
        lead = newline if text[first_of_line(text, holder.start) : holder.start] else ""
        lines = newline.join([first, *rest]) + ("" if lead else newline)
        return [Edit(holder.start, holder.end, lead + lines)]
    stop = line_end(text, holder.end)
    return [
        Edit(holder.start, holder.end, (newline if before else "") + first),
        insertion(source, stop, rest),
    ]


def _after(
    source: Source, holder: Node, last: Node, data: Data, comments: Comments, *, at_root: bool, named: bool
) -> Edit:
    """Insert lines after an entry of a block; ``named`` says that they belong to it."""
    text, style = source.text, source.style
    first = holder.entries[0].key.start if holder.entries else dash_before(source, holder.items[0].start)
    indent = column(text, first)
    offset = tail_of(text, line_end(text, last.end), indent)
    offset = _past_blocks(source, _start_of(holder, last), offset)
    if data.kind == "list":
        lines = [f"- {item}" for item in _texts(data, style, flow=False)]
    else:
        lines = commented_lines(data, style, comments)
    lines = indented(lines, indent)
    if at_root:
        offset, apart = _at_root(source, holder, last, offset, beside=named and _is_like(last, data))
        lines = [*([""] if apart else []), *lines]
    source.check_insertion(offset)
    return insertion(source, offset, lines)


def _start_of(holder: Node, last: Node) -> int:
    """Where the entry or item that ends with ``last`` begins."""
    return next((entry.key.start for entry in holder.entries if entry.value is last), last.start)


def _past_blocks(source: Source, start: int, offset: int) -> int:
    """Where lines after an entry that begins at ``start`` may come: below the blocks of ERB opened in it."""
    depth = 0
    for tag in source.tags:
        if tag.start < start:
            continue
        if tag.start >= offset and depth <= 0:
            break
        closed, opened = balance(source.text[tag.start : tag.end].strip("<%=->"))
        depth += opened - closed
        if depth == 0:
            offset = max(offset, line_end(source.text, tag.end))
    return offset


def _at_root(source: Source, holder: Node, last: Node, offset: int, *, beside: bool) -> tuple[int, bool]:
    """Where a new entry of the root comes, and whether a blank line comes above it."""
    if last.end >= holder.end:
        end, apart = _end_of_root(source, holder, offset)
        return end, apart and not (beside and end == offset)
    # The blank lines that end a literal block with `+` are its own.
    own = source.text[line_start(source.text, offset) : offset].strip()
    return offset, bool(own) and not beside and _blocks_stand_apart(source, holder)


def _is_like(last: Node, data: Data) -> bool:
    """Whether new pairs are of one line each, as the one that they follow."""
    plain = data.kind == "map" and not any(value.kind in ("map", "list") for _, value in data.value)
    return plain and last.kind == "scalar" and last.style not in ("|", ">")


def _end_of_root(source: Source, holder: Node, offset: int) -> tuple[int, bool]:
    """Where the root ends, below comments directly after it; whether its blocks stand apart."""
    text = source.text
    end = offset
    while (start := next_line(text, end)) < len(text) and text.startswith("#", start):
        end = line_end(text, start)
    return end, end > offset or _blocks_stand_apart(source, holder)


def _blocks_stand_apart(source: Source, holder: Node) -> bool:
    """Whether most entries have a blank line above."""
    starts = [entry.key.start for entry in holder.entries[1:]]
    return sum(_stands_apart(source.text, start) for start in starts) * 2 > len(starts)


def _stands_apart(text: str, start: int) -> bool:
    """Whether a blank line stands above a key and the comments directly above it."""
    start = line_start(text, start)
    while start > 0:
        above = line_start(text, start - 1)
        line = text[above : start - 1].strip()
        if not line.startswith("#"):
            return not line
        start = above
    return False
