"""The verb that carries an entry to another mapping, with the comments that describe it."""

from __future__ import annotations

import re

from kamal_migrate.text import Edit, line_end, next_line
from kamal_migrate.yamldoc.data import Data
from kamal_migrate.yamldoc.lines import Comment, at_margin, column, first_of_line, without_lines
from kamal_migrate.yamldoc.spot import Refusal, Spot, check_anchor, check_duplicates, find, nodes_of
from kamal_migrate.yamldoc.style import inline
from kamal_migrate.yamldoc.taking import after_block_scalar, naming_comments
from kamal_migrate.yamldoc.tree import leaves


def move(spot: Spot, target: Spot | None, key: str | None) -> list[Edit]:
    """The edits that carry the lines of an entry to the end of another block mapping.

    Its own comments go along: inside, deeper below, and directly above where they name it. Raises
    `Refusal`.
    """
    last = _move_target(spot, target, key or str(spot.path[-1]))
    source, text = spot.source, spot.text
    begin, tail = first_of_line(text, spot.marker), spot.tail
    first = naming_comments(spot, begin)
    margins = [c for c in source.comments_in(begin, tail) if at_margin(text, c)]
    moved = _reindented(_carried(spot, first, margins, key), column(text, last.start) - spot.column)
    newline = source.style.newline
    if first <= last.tail <= next_line(text, tail):
        return without_lines(text, first, tail, moved + newline, margins, keep_break=True)
    keep_break = after_block_scalar(spot, begin, next_line(text, tail))
    gone = without_lines(text, first, tail, "", margins, keep_break=keep_break)
    below = next_line(text, last.tail)
    if _keeps_blanks(spot) and below < len(text) and not text[below : line_end(text, below)].strip():
        raise Refusal("the block would take in the blank lines below its new place", spot.start)
    # A literal block that comes to the end of a file needs its line break.
    end = newline if last.tail == len(text) and _ends_in_text(spot) else ""
    return [*gone, Edit(last.tail, last.tail, newline + moved + end)]


def _ends_in_text(spot: Spot) -> bool:
    return any(leaf.style in ("|", ">") and leaf.end == spot.node.end for leaf in leaves(spot.node))


def _keeps_blanks(spot: Spot) -> bool:
    """Whether an entry ends in a literal or folded block with ``+``."""
    last = [leaf for leaf in leaves(spot.node) if leaf.style in ("|", ">") and leaf.end == spot.node.end]
    return any("+" in spot.text[leaf.start : line_end(spot.text, leaf.start)] for leaf in last)


def _carried(spot: Spot, first: int, margins: list[Comment], key: str | None) -> str:
    """The lines that move, with another key where given and without the comments at column 0."""
    text, old = spot.text, spot.entry.key if spot.entry else spot.node
    new = inline(Data("str", key), spot.source.style, flow=True) if key else text[old.start : old.end]
    pieces, start = [text[first : old.start], new], old.end
    for margin in margins:
        pieces.append(text[start : margin.span.start])
        start = next_line(text, margin.span.end)
    return "".join([*pieces, text[start : spot.tail]])


def _move_target(spot: Spot, target: Spot | None, key: str) -> Spot:
    """The entry after which a moved one comes."""
    spot.check()
    spot.check_anchors()
    if spot.in_flow or spot.entry is None or len(spot.holder.children) == 1:
        raise Refusal("it cannot be moved out of here", spot.start)
    spot.check_own_lines()
    if target:
        target.check()
    holder = target.node if target else spot.source.tree.root
    if holder is None or holder.kind != "map" or not holder.is_block:
        raise Refusal("it can only be moved into a block", spot.start)
    check_anchor(spot.source, holder)
    check_duplicates(holder)
    if holder is spot.holder or any(node is holder for node in nodes_of(spot.node)):
        raise Refusal("it cannot be moved there", spot.start)
    if any(entry.name == key for entry in holder.entries):
        raise Refusal(f"`{key}` stands there already", holder.start)
    path = target.path if target else ()
    last = find(spot.source, (*path, holder.entries[-1].name))
    if last is None or (last.start < spot.start and _aliases(spot)):
        raise Refusal("its anchors stand below that place", spot.start)
    spot.source.check_insertion(max(last.tail, spot.tail))
    if last.entry:
        last.check()
    return last


def _aliases(spot: Spot) -> bool:
    return any(node.kind == "alias" for node in nodes_of(spot.node))


def _reindented(body: str, shift: int) -> str:
    """The lines, indented by ``shift`` more columns, or less where it is negative."""
    if shift >= 0:
        return re.sub(r"^(?=[^\r\n])", " " * shift, body, flags=re.MULTILINE)
    return re.sub(rf"^ {{0,{-shift}}}", "", body, flags=re.MULTILINE)
