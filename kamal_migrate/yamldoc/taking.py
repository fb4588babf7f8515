"""The verbs that take away: delete, clear and unwrap. Comments stay with what they describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kamal_migrate.text import Edit, line_end, line_start, next_line
from kamal_migrate.yamldoc.data import Data
from kamal_migrate.yamldoc.lines import (
    Comment,
    at_margin,
    column,
    first_of_line,
    trailing,
    with_blank_lines,
    without_lines,
)
from kamal_migrate.yamldoc.setting import rename as rename_key
from kamal_migrate.yamldoc.spot import (
    Refusal,
    Source,
    Spot,
    check_duplicates,
    find,
    is_bare_pair,
)
from kamal_migrate.yamldoc.style import inline


def emptied(spot: Spot) -> Spot:
    """What goes when ``spot`` goes: itself, or the highest parent that this would leave empty."""
    while len(spot.holder.children) == 1:
        parent = find(spot.source, spot.path[:-1])
        if parent is None:
            raise Refusal("the file would say nothing then", spot.start)
        spot = parent
    return spot


def delete(spot: Spot, *, successor: bool, keep: bool) -> tuple[list[Edit], list[Comment]]:
    """The edits that take an entry away, and the comments that go with it.

    With a ``successor`` among its siblings, or ``keep``, comments become lines at its place. Raises
    `Refusal`.
    """
    spot.check()
    spot = emptied(spot)
    spot.check()
    spot.check_anchors()
    if spot.in_flow and not _on_flow_lines(spot):
        return _delete_in_flow(spot), []
    spot.check_own_lines()
    return _delete_lines(spot, stay=successor or keep)


def clear(source: Source, *, keep: bool) -> tuple[list[Edit], list[Comment]]:
    """The edits that take every entry of a file away, with braces in their place, and the comments that go.

    Raises `Refusal`.
    """
    root = source.tree.root
    spots = [spot for entry in (root.entries if root else ()) if (spot := find(source, (entry.name,)))]
    edits: list[Edit] = []
    lost: list[Comment] = []
    for spot in spots:
        spot.check()
        spot.check_anchors()
        spot.check_own_lines()
        instead = "" if edits else "{}" + source.style.newline
        taken, gone = _delete_lines(spot, stay=keep, instead=instead)
        # The last one takes a line break above it where the file ends without one.
        begin = edits[-1].end if edits else 0
        edits += [edit._replace(start=max(edit.start, begin)) for edit in taken]
        lost += gone
    return edits, lost


def _extent(spot: Spot, index: int) -> tuple[int, int]:
    """Where a flow entry or item begins and ends."""
    if spot.holder.entries:
        entry = spot.holder.entries[index]
        return entry.key.start, max(entry.value.end, entry.key.end)
    return spot.holder.items[index].start, spot.holder.items[index].end


def _delete_in_flow(spot: Spot) -> list[Edit]:
    siblings = spot.holder.children
    index = next(number for number, node in enumerate(siblings) if node is spot.node)
    start, end = _extent(spot, index)
    if index + 1 < len(siblings):
        end = _extent(spot, index + 1)[0]
    elif index:
        start = _extent(spot, index - 1)[1]
    if spot.source.comments_in(start, end):
        raise Refusal("a comment stands between the braces", start)
    empty_before = index and index + 1 == len(siblings) and spot.text[start - 1] == ":"
    return [Edit(start, end, " " if empty_before else "")]


def _on_flow_lines(spot: Spot) -> bool:
    """Whether a flow entry has lines of its own, so that they go as those of a block do."""
    start, end = spot.start, max(spot.node.end, spot.value_from)
    before = spot.text[line_start(spot.text, start) : start]
    after = spot.text[end : line_end(spot.text, end)]
    own = not before.strip() and re.fullmatch(r"[ \t]*(?:,[ \t]*(?:#.*)?)", after)
    return bool(own) and next_line(spot.text, end) < spot.holder.end


def _delete_lines(spot: Spot, *, stay: bool, instead: str = "") -> tuple[list[Edit], list[Comment]]:
    source, text = spot.source, spot.text
    begin, end = first_of_line(text, spot.marker), spot.end if spot.in_flow else spot.tail
    first = begin if stay else naming_comments(spot, begin)
    above = source.comments_in(first, begin)
    inside = source.comments_in(begin, end)
    margins = [comment for comment in inside if at_margin(text, comment)]
    comments = [*above, *(comment for comment in inside if comment not in margins)]
    newline, indent = source.style.newline, " " * spot.column
    words = instead + ("".join(indent + comment.text + newline for comment in comments) if stay else "")
    keep_break = after_block_scalar(spot, begin, next_line(text, end))
    if not (words or margins or keep_break) and spot.holder is source.tree.root:
        first = with_blank_lines(text, first, next_line(text, end))
    edits = without_lines(text, first, end, words, margins, keep_break=keep_break)
    return edits, [] if stay else comments


def after_block_scalar(spot: Spot, first: int, stop: int) -> bool:
    """Whether a literal or folded block ends right above: it needs its last line break.

    One that keeps blank lines would take in those below; raises `Refusal`.
    """
    before = [leaf for leaf in spot.source.tree.leaves if leaf.end <= first]
    if not before or before[-1].style not in ("|", ">"):
        return False
    header = spot.text[before[-1].start : line_end(spot.text, before[-1].start)]
    if "+" in header and (stop == len(spot.text) or not spot.text[stop : line_end(spot.text, stop)].strip()):
        raise Refusal("the block above would take in the blank lines below", spot.start)
    return True


def naming_comments(spot: Spot, first: int) -> int:
    """Where the comment lines directly above begin, if they name the key; else ``first``.

    At column 0 they stay where they look like commented-out configuration.
    """
    key = re.compile(rf"(?<![\w-]){re.escape(str(spot.path[-1]))}(?![\w-])", re.IGNORECASE)
    start, named = first, False
    while start > 0:
        above = line_start(spot.text, start - 1)
        match = re.match(r"([ \t]*)#(.*)", spot.text[above : line_end(spot.text, above)])
        if match is None or len(match[1]) != spot.column:
            break
        if spot.column == 0 and re.match(r"\s*(?:[\w-]+:(?:\s|$)|- )", match[2]):
            return first
        named = named or bool(key.search(match[2]))
        start = above
    return start if named else first


def unwrap(spot: Spot, names: Mapping[str, str], values: Mapping[str, Data]) -> list[Edit]:
    """The edits that put the children of a mapping into its place, with other names where given.

    In braces also with other ``values``. Raises `Refusal`.
    """
    spot.check()
    node = spot.node
    if spot.entry is None or node.kind != "map" or not node.entries:
        raise Refusal("there is no mapping to unwrap", spot.start)
    check_duplicates(node)
    new = [names.get(entry.name, entry.name) for entry in node.entries]
    siblings = {entry.name for entry in spot.holder.entries} - {spot.path[-1]}
    clash = sorted((siblings & set(new)) | {name for name in new if new.count(name) > 1})
    if clash:
        raise Refusal(f"`{clash[0]}` stands there already", spot.start)
    if node.flow:
        return _unwrap_flow(spot, names, values)
    if values:
        raise Refusal("its values would have to change first", spot.start)
    spot.check_own_lines()
    shift = column(spot.text, node.entries[0].key.start) - spot.column
    edits = [*_unwrap_header(spot), *_shifted(spot, next_line(spot.text, spot.value_from), shift)]
    for old, name in names.items():
        child = find(spot.source, (*spot.path, old))
        if child and old != name:
            edits += rename_key(child, name)
    return edits


def _unwrap_header(spot: Spot) -> list[Edit]:
    """Take the header line away; its comment becomes a line above the first child."""
    start, end = first_of_line(spot.text, spot.start), next_line(spot.text, spot.value_from)
    comment = trailing(spot.text, spot.value_from)
    rest = spot.text[spot.value_from : line_end(spot.text, spot.value_from)].strip()
    if spot.node.anchor or spot.node.tag or (rest and not comment):
        raise Refusal("something stands behind the key", spot.start)
    if comment:
        return [Edit(spot.start, comment.span.start, "")]
    return [Edit(start, end, "")]


def _shifted(spot: Spot, start: int, shift: int) -> Iterator[Edit]:
    """Dedent the lines of a block; a comment dedents no further than the new column."""
    while start <= spot.tail and start < len(spot.text):
        line = spot.text[start : line_end(spot.text, start)]
        indent = len(line) - len(line.lstrip(" "))
        width = indent - max(indent - shift, min(indent, spot.column))
        if width:
            yield Edit(start, start + width, "")
        start = next_line(spot.text, start)


def _unwrap_flow(spot: Spot, names: Mapping[str, str], values: Mapping[str, Data]) -> list[Edit]:
    node, text = spot.node, spot.text
    if spot.source.comments_in(node.start, node.end):
        raise Refusal("a comment stands between the braces", node.start)
    if node.anchor or node.tag or is_bare_pair(spot.source, spot.holder):
        raise Refusal("something stands behind the key", spot.start)
    pairs = []
    for entry in node.entries:
        new = names.get(entry.name)
        key = text[entry.key.start : entry.key.end]
        key = inline(Data("str", new), spot.source.style, flow=True) if new else key
        value = text[entry.value.start : entry.value.end]
        if entry.name in values:
            value = inline(values[entry.name], spot.source.style, flow=spot.in_flow)
        pairs.append(f"{key}: {value}")
    if spot.in_flow:
        return [Edit(spot.start, node.end, ", ".join(pairs))]
    pairs = [pair.rstrip() for pair in pairs]
    newline = spot.source.style.newline + " " * spot.column
    rest = "".join(newline + pair for pair in pairs[1:])
    return [
        Edit(spot.start, node.end, pairs[0]),
        *([Edit(spot.end, spot.end, rest)] if rest else []),
    ]
