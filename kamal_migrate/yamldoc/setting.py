"""The verbs that write in place: set and rename. Each gives the edits that carry it out."""

from __future__ import annotations

import re

from kamal_migrate.text import Edit, line_end, line_start, next_line
from kamal_migrate.yamldoc.data import NULL, Data, walk
from kamal_migrate.yamldoc.lines import at_margin, column, header_end, without_lines
from kamal_migrate.yamldoc.spot import Refusal, Source, Spot
from kamal_migrate.yamldoc.style import Style, block_lines, inline

_PROPERTIES = re.compile(r"(?:[&!]\S*\s*)+")


def set_value(spot: Spot, data: Data) -> list[Edit]:
    """The edits that give an entry or item another value. Raises `Refusal`."""
    spot.check()
    spot.check_anchors()
    block = bool(spot.entry) and not spot.in_flow and (data.kind == "map" or _holds_erb(data))
    check_writable(data, spot.start, in_flow=spot.in_flow, block=block)
    if spot.node.data == data:
        return []
    if block and data.value:
        return _set_block(spot, data)
    return _set_inline(spot, inline(data, spot.source.style, flow=spot.in_flow))


def _holds_erb(data: Data) -> bool:
    """Whether a list has an item that is ERB, so that it cannot stand in brackets."""
    return data.kind == "list" and any(item.kind == "erb" for item in data.value)


def check_writable(data: Data, offset: int, *, in_flow: bool, block: bool = False) -> None:
    """Raise `Refusal` where ERB could not be read again: over several lines, or in brackets.

    With ``block`` a list is written as one.
    """
    for path, value in walk(data):
        brackets = in_flow or (data.kind == "list" and not block) or _in_brackets(path)
        if value.kind == "erb" and ("\n" in value.value or brackets):
            raise Refusal("ERB cannot be carried into brackets, or over several lines", offset)


def _in_brackets(path: tuple[object, ...]) -> bool:
    """Whether the value at a path of new data would be written in brackets: a list's maps are not."""
    return any(isinstance(step, int) for step in path[:-1])


def _set_inline(spot: Spot, text: str) -> list[Edit]:
    """Put a text of one line into the place of the value."""
    node = spot.node
    if node.style in ("|", ">"):
        start, stop = _after_anchor(spot), header_end(spot.text, node)
        return [Edit(start, stop, text), *_without_body(spot, node.start)]
    if node.is_block and spot.entry:
        return [_on_header(spot, text), *_without_body(spot, spot.value_from)]
    start = _after_anchor(spot)
    colon = ":" if spot.entry and spot.value_from == spot.entry.key.end else ""
    gap = "" if spot.text[start - 1 : start] in (" ", "\t", "[", "{", "\n") else " "
    return [Edit(start, node.end, colon + gap + text if text else colon)]


def _after_anchor(spot: Spot) -> int:
    """Where the value's own text begins; an anchor that nothing uses stays in front of it."""
    node = spot.node
    if node.tag or node.kind == "alias" or not node.anchor:
        return node.start
    properties = _PROPERTIES.match(spot.text, node.start, max(node.end, node.start))
    return properties.end() if properties else node.start


def _on_header(spot: Spot, text: str) -> Edit:
    """Write behind the colon, in the place of an anchor or tag that stands there."""
    node = spot.node
    if (node.anchor or node.tag) and spot.begins_on_header:
        properties = re.compile(r"(?:[&!]\S*[ \t]*)+(?<![ \t])").match(spot.text, node.start)
        return Edit(node.start, properties.end() if properties else node.start, text)
    return Edit(spot.value_from, spot.value_from, f" {text}")


def _without_body(spot: Spot, header: int, lines: list[str] | None = None) -> list[Edit]:
    """Take away the lines of a value below its header line; ``lines`` come in their place."""
    source, text = spot.source, spot.text
    first = next_line(text, header)
    new = "".join(line + source.style.newline for line in lines or ())
    if first >= spot.node.end:
        return [insertion(source, line_end(text, header), lines)] if lines else []
    comments = source.comments_in(first, spot.node.end)
    margins = [comment for comment in comments if at_margin(text, comment)]
    return without_lines(text, first, spot.node.end, new, margins, keep_break=False)


def _set_block(spot: Spot, data: Data) -> list[Edit]:
    """Put a mapping with something in it below its key."""
    node, style = spot.node, spot.source.style
    if node.tag:
        raise Refusal("the value has a tag", node.start)
    lines = indented(_lines_below(data, style), spot.column)
    if node.style in ("|", ">"):
        start, stop = _after_anchor(spot), header_end(spot.text, node)
        return [Edit(_trimmed(spot, start), stop, ""), *_without_body(spot, node.start, lines)]
    if node.is_block:
        first = max(spot.value_from, node.start) if spot.begins_on_header else spot.value_from
        return _without_body(spot, first, lines)
    if node.data == NULL and node.end == _after_anchor(spot):
        return [_below_header(spot, data)]
    if not spot.begins_on_header:
        indent = column(spot.text, node.start)
        first_line, *rest = indented(block_lines(data, style), indent)
        return [
            Edit(node.start, node.end, first_line.lstrip(" ")),
            insertion(spot.source, spot.end, rest),
        ]
    start = _after_anchor(spot)
    return [Edit(_trimmed(spot, start), node.end, ""), insertion(spot.source, spot.end, lines)]


def _lines_below(data: Data, style: Style) -> list[str]:
    """A collection as the lines below its key, indented as seen from there."""
    return block_lines(Data("map", ((Data("str", "key"), data),)), style)[1:]


def _trimmed(spot: Spot, start: int) -> int:
    """Where the white space before ``start`` on its line begins."""
    return start - (len(spot.text[:start]) - len(spot.text[:start].rstrip(" \t")))


def _below_header(spot: Spot, data: Data) -> Edit:
    """Put a map under a key with an empty value, below the comments that are indented under it."""
    style = spot.source.style
    indent = spot.column + style.step
    if spot.tail > spot.end:
        line = spot.text[line_start(spot.text, spot.tail) : spot.tail]
        indent = len(line) - len(line.lstrip(" "))
    return insertion(spot.source, spot.tail, indented(block_lines(data, style), indent))


def indented(lines: list[str], indent: int) -> list[str]:
    """The lines, ``indent`` columns to the right."""
    return [" " * indent + line if line else line for line in lines]


def insertion(source: Source, offset: int, lines: list[str]) -> Edit:
    """Put lines below the one that ends at ``offset``."""
    newline = source.style.newline
    return Edit(offset, offset, "".join(newline + line for line in lines))


def rename(spot: Spot, new: str) -> list[Edit]:
    """The edits that give an entry another key, quoted as the old one was. Raises `Refusal`."""
    spot.check()
    if spot.entry is None or spot.entry.key.kind != "scalar" or spot.entry.key.data.kind == "erb":
        raise Refusal("this key cannot be renamed", spot.start)
    key = spot.entry.key
    if new == "<<" or spot.entry.key.data == Data("str", "<<"):
        raise Refusal("a merge key cannot be renamed", key.start)
    if any(entry.name == new for entry in spot.holder.entries):
        raise Refusal(f"`{new}` stands in this mapping already", key.start)
    if key.anchor or key.tag:
        raise Refusal("the key has an anchor or a tag", key.start)
    style = spot.source.style
    text = inline(Data("str", new), style, flow=True)
    if key.style in ("'", '"') and text == new and new.isalnum():
        text = f"{key.style}{new}{key.style}"
    return [Edit(key.start, key.end, text)]
