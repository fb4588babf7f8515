"""Where a key path stands in the text, and what makes an edit there unsafe."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kamal_migrate.text import Edit, Span, line_end, line_start
from kamal_migrate.yamldoc.data import Path, Step
from kamal_migrate.yamldoc.lines import Comment, column, comments_of, tail_of
from kamal_migrate.yamldoc.style import Style, style_of
from kamal_migrate.yamldoc.tree import Entry, Node, Tree


class Refusal(ValueError):
    """An edit that cannot be made safely, and why; ``offset`` is the place in the text."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True)
class Source:
    """A text with the tree read from it; ``masked`` and ``tags`` tell of its ERB."""

    text: str
    tree: Tree
    masked: str
    tags: Sequence[Span] = ()

    @cached_property
    def style(self) -> Style:
        """How this file writes YAML."""
        return style_of(self.text, self.tree.root)

    @cached_property
    def comments(self) -> list[Comment]:
        """Every comment of the document."""
        return list(comments_of(self.text, self.masked, self.tree.leaves, self.tree.end))

    @cached_property
    def loose_tags(self) -> list[Span]:
        """The ERB tags that are neither in a value, a key nor a comment: those that are structure."""
        covers = [(leaf.start, leaf.end) for leaf in self.tree.leaves]
        covers = sorted([*covers, *(comment.span for comment in self.comments)])
        starts = [start for start, _ in covers]
        loose = []
        for tag in self.tags:
            index = bisect_right(starts, tag.start) - 1
            if index < 0 or covers[index][1] < tag.end:
                loose.append(tag)
        return loose

    def comments_in(self, start: int, end: int) -> list[Comment]:
        """The comments that begin between two offsets."""
        return [comment for comment in self.comments if start <= comment.span.start < end]

    def check_insertion(self, offset: int) -> None:
        """Raise `Refusal` where lines put here would give a literal block a line break it has not."""
        leaves = self.tree.leaves
        at_end = offset == len(self.text) and not self.text.endswith("\n")
        if at_end and leaves and leaves[-1].style in ("|", ">"):
            reason = "a literal block ends the file without a line break"
            raise Refusal(reason, leaves[-1].start)

    def check_edits(self, edits: Iterable[Edit]) -> None:
        """Raise `Refusal` where an edit takes away an ERB tag that is structure."""
        for edit in edits if self.tags else ():
            for tag in self.loose_tags:
                if max(edit.start, tag.start) < min(edit.end, tag.end):
                    raise Refusal("an ERB tag stands in between", tag.start)


@dataclass(frozen=True)
class Spot:
    """The entry or item at a path: the collections that hold it, and itself."""

    source: Source
    path: Path
    holders: tuple[Node, ...]
    node: Node
    entry: Entry | None

    @property
    def text(self) -> str:
        """The whole text of the file."""
        return self.source.text

    @property
    def start(self) -> int:
        """Where the key, or the item, begins."""
        return self.entry.key.start if self.entry else self.node.start

    @property
    def holder(self) -> Node:
        """The collection that holds this entry or item."""
        return self.holders[-1]

    @property
    def in_flow(self) -> bool:
        """Whether this stands inside brackets or braces."""
        return any(holder.flow for holder in self.holders)

    @cached_property
    def marker(self) -> int:
        """Where the line's own text begins: the key, or the dash of an item."""
        return self.start if self.entry or self.in_flow else dash_before(self.source, self.start)

    @cached_property
    def value_from(self) -> int:
        """The offset after the colon, or after the dash."""
        if self.entry is None:
            return self.start if self.in_flow else self.marker + 1
        colon = re.compile(r"\s*:").match(self.text, self.entry.key.end)
        return colon.end() if colon else self.entry.key.end

    @property
    def column(self) -> int:
        """The column of the key, or of the dash."""
        return column(self.text, self.marker)

    @property
    def end(self) -> int:
        """The end of the last line of this entry, before its line break, with its comment."""
        return line_end(self.text, max(self.node.end, self.value_from))

    @property
    def tail(self) -> int:
        """As `end`, with the comment lines after it that are indented deeper than its key."""
        return tail_of(self.text, self.end, self.column)

    @property
    def begins_on_header(self) -> bool:
        """Whether the value begins on the line of its key or dash."""
        return line_start(self.text, self.node.start) <= self.value_from

    def check(self) -> None:
        """Raise `Refusal` where nothing can be edited safely."""
        for node in (*self.holders, self.node):
            check_anchor(self.source, node)
        check_duplicates(self.holder)
        if self.entry and is_explicit(self.source, self.entry.key):
            raise Refusal("the key is written with `?`", self.entry.key.start)

    def check_anchors(self) -> None:
        """Raise `Refusal` where an anchor in it is used somewhere."""
        for node in nodes_of(self.node):
            check_anchor(self.source, node)

    def check_own_lines(self) -> None:
        """Raise `Refusal` where this does not begin its line."""
        if self.text[line_start(self.text, self.marker) : self.marker].strip(" \ufeff"):
            raise Refusal("something else begins on the same line", self.start)


def nodes_of(node: Node) -> Iterator[Node]:
    """A node, and all below it, keys too."""
    yield node
    for entry in node.entries:
        yield entry.key
        yield from nodes_of(entry.value)
    for item in node.items:
        yield from nodes_of(item)


def check_anchor(source: Source, node: Node) -> None:
    """Raise `Refusal` where the node's anchor is used somewhere."""
    if node.anchor and node.kind != "alias" and node.anchor in source.tree.aliases:
        raise Refusal(f"&{node.anchor} is used elsewhere by *{node.anchor}", node.start)


def check_duplicates(holder: Node) -> None:
    """Raise `Refusal` where a mapping says a key twice."""
    names: set[str] = set()
    for entry in holder.entries:
        if entry.name in names:
            raise Refusal(f"`{entry.name}` stands twice in this mapping", entry.key.start)
        names.add(entry.name)


def is_explicit(source: Source, key: Node) -> bool:
    """Whether a key is written with ``?``, or its colon on another line."""
    before = source.masked[line_start(source.masked, key.start) : key.start]
    colon = re.compile(r"[ \t]*:").match(source.masked, key.end)
    in_braces = re.compile(r"\s*[,}\]]").match(source.masked, key.end)
    return bool(re.search(r"(?:^|[\s{,\[-])\?\s*\Z", before)) or not (colon or in_braces)


_PROPERTIES = re.compile(r"(?:[&!]\S*\s*)*")


def is_bare_pair(source: Source, holder: Node) -> bool:
    """Whether a flow mapping is a pair in brackets, without braces: nothing can stand beside it."""
    if not holder.flow or holder.kind != "map":
        return False
    properties = _PROPERTIES.match(source.text, holder.start)
    return not source.text.startswith("{", properties.end() if properties else holder.start)


def dash_before(source: Source, offset: int) -> int:
    """The dash of the block item whose value begins at ``offset``: above it may be comments."""
    while offset > 0:
        start = line_start(source.masked, offset)
        line = re.sub(r"(?:^|(?<=[ \t]))#.*", "", source.masked[start:offset])
        dash = line.rfind("-")
        if dash >= 0:
            return start + dash
        offset = start - 1
    raise Refusal("its dash cannot be found", 0)


def find(source: Source, path: Path) -> Spot | None:
    """The spot at a path; None where the file does not state it, or only through an alias."""
    node = source.tree.root
    holders: list[Node] = []
    entry: Entry | None = None
    if node is None or not path:
        return None
    for step in path:
        child = _child(node, step)
        if child is None:
            return None
        holders.append(node)
        entry, node = child
    return Spot(source, path, tuple(holders), node, entry)


def _child(node: Node, step: Step) -> tuple[Entry | None, Node] | None:
    if isinstance(step, int):
        return (None, node.items[step]) if 0 <= step < len(node.items) else None
    for entry in reversed(node.entries):
        if entry.name == step:
            return entry, entry.value
    return None


def places(node: Node | None, path: Path = ()) -> Iterator[tuple[Path, int, Node]]:
    """Every value that the file states: its path, where its key or item begins, and its node.

    Parents come first. Of a key that stands twice only the last is named, as `find` does.
    """
    if node is None:
        return
    last = {entry.name: entry for entry in node.entries}
    for name, entry in last.items():
        yield (*path, name), entry.key.start, entry.value
        yield from places(entry.value, (*path, name))
    for index, item in enumerate(node.items):
        yield (*path, index), item.start, item
        yield from places(item, (*path, index))
