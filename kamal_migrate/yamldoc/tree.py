"""The tree of a YAML document: every node with its typed data and the characters that state it.

PyYAML's C parser is the same libyaml 0.2.5 that Kamal's Psych is. Where it is missing, ruamel.yaml's
parser in Python takes its place; it refuses a few files that Kamal reads (a tab before a comment).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kamal_migrate.text import Span, line_end, line_start
from kamal_migrate.yamldoc.data import Data, name
from kamal_migrate.yamldoc.events import YamlError, kind_of, odd_break, reader, translated
from kamal_migrate.yamldoc.psych import resolve

__all__ = ["Entry", "Node", "Tree", "YamlError", "leaves", "parse"]

MAX_DEPTH = 100
MAX_NODES = 100_000


@dataclass(slots=True)
class Node:
    """A value or key: ``kind`` is scalar, map, list or alias; ``end`` is the end of its content.

    ``start`` counts an anchor and a tag in. ``style`` is libyaml's: ``'``, ``"``, ``|``, ``>`` or
    nothing. ``size`` counts the values in it, aliases expanded.
    """

    kind: str
    start: int
    end: int
    data: Data
    style: str = ""
    flow: bool = False
    anchor: str | None = None
    tag: str | None = None
    size: int = 1
    entries: Sequence[Entry] = ()
    items: Sequence[Node] = ()

    @property
    def children(self) -> Sequence[Node]:
        """The values below, of a map or a list."""
        return [entry.value for entry in self.entries] if self.entries else self.items

    @property
    def is_block(self) -> bool:
        """Whether this is a map or list on lines of its own, with something in it."""
        return not self.flow and bool(self.entries or self.items)


@dataclass(slots=True)
class Entry:
    """A key and its value in a mapping."""

    key: Node
    value: Node

    @property
    def name(self) -> str:
        """The key's name, as paths have it."""
        return name(self.key.data)


@dataclass(frozen=True)
class Tree:
    """A parsed document: its root (None where it says nothing), and where the document ends.

    ``aliases`` are the names of the anchors that are used; ``merges`` tells of a merge key.
    """

    root: Node | None
    end: int
    aliases: frozenset[str]
    merges: bool

    @cached_property
    def leaves(self) -> list[Node]:
        """Every scalar and alias, keys too, in the order of the text."""
        return list(leaves(self.root))


def leaves(node: Node | None) -> Iterator[Node]:
    """Every scalar and alias below a node, keys too, in the order of the text."""
    if node is None:
        return
    if node.kind in ("scalar", "alias"):
        yield node
    for entry in node.entries:
        yield from leaves(entry.key)
        yield from leaves(entry.value)
    for item in node.items:
        yield from leaves(item)


class _Builder:
    """Makes nodes out of events; one for each text."""

    def __init__(self, text: str, masked: str, tags: Sequence[Span]) -> None:
        self.text = text
        self.shift = 1 if masked.startswith("\ufeff") else 0
        self.masked = masked
        self.event = reader(masked[self.shift :])
        self.tags = tags
        self.tag_ends = [tag.end for tag in tags]
        self.anchors: dict[str, Node] = {}
        self.aliases: set[str] = set()
        self.nodes = 0
        self.merges = False

    def tree(self) -> Tree:
        """The tree of the first document."""
        event = self.event()
        while kind_of(event) in ("StreamStartEvent", "DocumentStartEvent"):
            event = self.event()
        if kind_of(event) == "StreamEndEvent":
            return Tree(None, len(self.text), frozenset(), False)
        root = self.node(event, 0)
        end = self.event().start_mark.index + self.shift
        return Tree(root, end, frozenset(self.aliases), self.merges)

    def node(self, event: Any, depth: int) -> Node:
        """The node that begins with ``event``."""
        kind = kind_of(event)
        start = event.start_mark.index + self.shift
        if kind == "ScalarEvent":
            node = self.scalar(event, start)
        elif kind == "AliasEvent":
            return self.alias(event, start)
        elif depth >= MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} levels deep", start)
        elif kind == "MappingStartEvent":
            node = self.mapping(event, start, depth + 1)
        else:
            node = self.sequence(event, start, depth + 1)
        if event.anchor:
            node.anchor = event.anchor
            self.anchors[event.anchor] = node
        node.tag = event.tag
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.count(0, start)
        return node

    def count(self, nodes: int, start: int) -> None:
        """Guard against a document whose aliases expand to more than memory holds."""
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES:,} values, aliases expanded", start)

    def alias(self, event: Any, start: int) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            raise YamlError(f"*{event.anchor} names no anchor above it", start)
        self.aliases.add(event.anchor)
        self.count(target.size, start)
        end = event.end_mark.index + self.shift
        return Node("alias", start, end, target.data, anchor=event.anchor, size=target.size)

    def scalar(self, event: Any, start: int) -> Node:
        end = event.end_mark.index + self.shift
        style = event.style or ""
        if style in ("|", ">"):
            end = self.block_end(start, end)
        data = self.erb(start, end) if self.tags else None
        if data is None:
            data = _scalar_data(event, style)
        return Node("scalar", start, end, data, style)

    def erb(self, start: int, end: int) -> Data | None:
        """The source of a scalar that is, or holds, ERB."""
        index = bisect_left(self.tag_ends, start + 1)
        if index < len(self.tags) and self.tags[index].start < end:
            return Data("erb", self.text[start:end])
        return None

    def block_end(self, start: int, end: int) -> int:
        """The end of a literal or folded block: of its last line, of its blank lines too with ``+``.

        Lines of ERB that are indented as the block is belong to it; masked, they are blank lines.
        """
        header = line_end(self.masked, start)
        body = self.masked[header:end]
        if _KEEP.match(self.masked, start, header):
            return header + len(re.sub(r"\r?\n\Z", "", body))
        lines = body.split("\n")
        first = next((line for line in lines if line.strip()), "")
        indent = len(first) - len(first.lstrip(" "))
        while len(lines) > 1 and not lines[-1].strip() and len(lines[-1].rstrip("\r")) <= indent:
            del lines[-1]
        last = header + len("\n".join(lines).rstrip("\r"))
        inside = [tag for tag in self.tags if last <= tag.start < end]
        for tag in inside:
            if tag.start - line_start(self.text, tag.start) >= max(indent, 1):
                last = tag.end
        return last

    def mapping(self, event: Any, start: int, depth: int) -> Node:
        entries: list[Entry] = []
        pairs: list[tuple[Data, Data]] = []
        size = 1
        while True:
            item = self.event()
            if kind_of(item) == "MappingEndEvent":
                break
            key = self.node(item, depth)
            value = self.value_of(key, depth)
            entries.append(Entry(key, value))
            pairs.append((self.key_data(key, value), value.data))
            size += key.size + value.size
        flow = bool(event.flow_style)
        end = item.end_mark.index + self.shift if flow or not entries else entries[-1].value.end
        data = Data("map", tuple(pairs))
        return Node("map", start, end, data, flow=flow, size=size, entries=entries)

    def value_of(self, key: Node, depth: int) -> Node:
        """The value of a key; an empty one stands right after the colon, whichever parser read it."""
        node = self.node(self.event(), depth)
        if node.start == node.end and node.kind == "scalar":
            colon = re.compile(r"\s*:").match(self.masked, key.end, max(node.start, key.end))
            node.start = node.end = colon.end() if colon else node.start
        return node

    def key_data(self, key: Node, value: Node) -> Data:
        """The key's data; ``<<`` before a map or a list of maps merges, quoted or not, as in Psych."""
        if key.data != _MERGE_KEY or (key.tag or "").endswith(":str"):
            return key.data
        written = value.kind == "list" and all(item.kind == "map" for item in value.data.value)
        if value.data.kind == "map" or written:
            self.merges = True
            return Data("merge", "<<")
        return key.data

    def sequence(self, event: Any, start: int, depth: int) -> Node:
        items: list[Node] = []
        size = 1
        while True:
            item = self.event()
            if kind_of(item) == "SequenceEndEvent":
                break
            items.append(self.node(item, depth))
            size += items[-1].size
        flow = bool(event.flow_style)
        end = item.end_mark.index + self.shift if flow or not items else items[-1].end
        data = Data("list", tuple([item.data for item in items]))
        return Node("list", start, end, data, flow=flow, size=size, items=items)


_KEEP = re.compile(r"(?:[&!]\S*[ \t]+)*[|>](?:\d?\+|\+\d?)")
_MERGE_KEY = Data("str", "<<")


def _scalar_data(event: Any, style: str) -> Data:
    if event.tag not in (None, "!"):
        if event.tag == "tag:yaml.org,2002:str":
            return Data("str", event.value)
        return Data("tagged", (event.tag, event.value))
    if style or not event.implicit[0]:
        return Data("str", event.value)
    kind, value = resolve(event.value)
    return Data(kind, value)


_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


def _refuse_odd_breaks(text: str, tree: Tree) -> None:
    """libyaml ends a line at a lone CR, NEL, LS and PS; only inside quotes do they do no harm."""
    if not _ODD_BREAK.search(text):
        return
    quoted = (leaf for leaf in tree.leaves if leaf.style in ("'", '"'))
    harmless = {match.start() for leaf in quoted for match in _ODD_BREAK.finditer(text, leaf.start, leaf.end)}
    for match in _ODD_BREAK.finditer(text):
        if match.start() not in harmless:
            raise odd_break(match.start())


def parse(text: str, masked: str | None = None, tags: Sequence[Span] = ()) -> Tree:
    """The tree of a text's first document.

    ``masked`` is the text with its ERB masked, of the same length, and ``tags`` where that ERB stands.
    Raises `YamlError`, for undefined aliases, nesting deeper than 100, and endless aliases too.
    """
    masked = text if masked is None else masked
    try:
        tree = _Builder(text, masked, tags).tree()
    except YamlError:
        raise
    except Exception as error:
        refused = translated(error, masked)
        odd = _ODD_BREAK.search(masked, 0, refused.offset)
        raise (odd_break(odd.start()) if odd else refused) from None
    _refuse_odd_breaks(masked, tree)
    return tree
