"""`YamlDoc`, a YAML file that is edited without being written anew; `Place`, a key path in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kamal_migrate.text import Edit, Span, splice
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc import inserting, moving, setting, taking
from kamal_migrate.yamldoc.data import NULL, Data, Path, Step
from kamal_migrate.yamldoc.lines import Comment
from kamal_migrate.yamldoc.spot import Refusal, Source, Spot, find, places
from kamal_migrate.yamldoc.style import Comments
from kamal_migrate.yamldoc.tree import parse

__all__ = ["Change", "Comment", "Place", "Refusal", "YamlDoc"]


@dataclass(frozen=True)
class Change:
    """What a verb gives: edits of the text, their meaning for the data, the comments that go."""

    edits: tuple[Edit, ...]
    meaning: Callable[[Data], Data]
    lost: tuple[Comment, ...] = ()


class YamlDoc:
    """One YAML text: its typed data, and the places of its keys.

    ``masked`` is the text with its ERB masked and ``tags`` where that ERB stands. Only the first
    document counts, as for Kamal. Raises `YamlError`.
    """

    def __init__(self, text: str, masked: str | None = None, tags: Sequence[Span] = ()) -> None:
        self.text = text
        masked = text if masked is None else masked
        self._source = Source(text, parse(text, masked, tags), masked, tags)

    @property
    def data(self) -> Data:
        """What the file states, aliases expanded and merge keys as written."""
        root = self._source.tree.root
        return root.data if root else NULL

    @cached_property
    def effective(self) -> Data:
        """What the file means: merge keys carried out."""
        return self.effect_of(self.data)

    def effect_of(self, data: Data) -> Data:
        """What edited data of this file means; without merge keys, what it states."""
        return typed.effective(data) if self._source.tree.merges else data

    def at(self, *path: Step) -> Place:
        """The place of a key path; `Place.exists` tells whether the file states it."""
        return Place(self._source, path)

    def keys(self) -> list[tuple[str, int]]:
        """The keys of the mapping that the file is, and where each begins; one that stands twice is twice."""
        root = self._source.tree.root
        return [(entry.name, entry.key.start) for entry in root.entries] if root else []

    def comments(self) -> list[Comment]:
        """Every comment of the file's first document, in order."""
        return list(self._source.comments)

    def scalars(self) -> list[tuple[Path, Span]]:
        """Where each scalar value stands, by its path, in the order of the file."""
        return [
            (path, Span(node.start, node.end))
            for path, _, node in places(self._source.tree.root)
            if node.kind == "scalar"
        ]

    def containers_at(self, offset: int) -> list[Path]:
        """The paths of the maps and lists that a line at ``offset`` could belong to, the root first.

        An empty value is one too, for lines could fill it.
        """
        starts = [leaf.start for leaf in self._source.tree.leaves if leaf.start < leaf.end]
        paths: list[Path] = [()]
        for path, start, node in places(self._source.tree.root):
            if start <= offset and (node.data.kind in ("map", "list", "null")) and node.kind != "alias":
                following = bisect_left(starts, max(node.end, start + 1))
                if following == len(starts) or offset <= starts[following]:
                    paths.append(path)
        return paths

    def splice(self, *changes: Change) -> str:
        """The text with the edits of several changes made. Raises `OverlapError`."""
        return splice(self.text, [edit for change in changes for edit in change.edits])


@dataclass(frozen=True)
class Place:
    """A key path in a file. The verbs raise `Refusal` where an edit cannot be made safely."""

    source: Source
    path: Path

    @cached_property
    def spot(self) -> Spot | None:
        """What the file states there."""
        return find(self.source, self.path)

    @property
    def exists(self) -> bool:
        """Whether the file itself states this path, not through an alias or a merge key."""
        return self.spot is not None

    @property
    def is_flow(self) -> bool:
        """Whether a collection stands here in brackets or braces."""
        return self.spot is not None and self.spot.node.flow

    @property
    def offset(self) -> int:
        """Where the key begins, or the nearest parent's, in characters."""
        spot, path = self.spot, self.path
        while spot is None and path:
            path = path[:-1]
            spot = find(self.source, path)
        return spot.start if spot else 0

    @property
    def header(self) -> int:
        """Where the key of the mapping that holds this place begins; 0 at the root."""
        return Place(self.source, self.path[:-1]).offset

    @property
    def span(self) -> Span:
        """From the key to the end of the value. Raises `Refusal` where there is none."""
        spot = self._found()
        return Span(spot.start, spot.node.end)

    def _found(self) -> Spot:
        if self.spot is None:
            raise Refusal(f"`{'.'.join(map(str, self.path))}` is not written here", self.offset)
        return self.spot

    def _change(
        self,
        edits: Sequence[Edit],
        meaning: Callable[[Data], Data],
        lost: Sequence[Comment] | None = None,
    ) -> Change:
        """The change, if no edit takes ERB away; ``lost`` is else every comment that edits cover."""
        self.source.check_edits(edits)
        if lost is None:
            lost = [c for edit in edits for c in self.source.comments_in(edit.start, edit.end)]
        return Change(tuple(edits), meaning, tuple(lost))

    def set(self, value: object) -> Change:
        """Give the entry or item another value. No edits where it has that value already."""
        data = typed.of(value)
        edits = setting.set_value(self._found(), data)
        return self._change(edits, lambda tree: typed.put(tree, self.path, data))

    def insert(self, pairs: object, after: str | None = None, comments: Comments | None = None) -> Change:
        """Put pairs into the mapping here, or items into the sequence: after an entry, else last.

        In a block ``comments``, by paths seen from here, become lines above their keys.
        """
        data = typed.of(pairs)
        if data.kind not in ("map", "list"):
            raise TypeError("insert takes pairs or items")
        spot = self._found() if self.path else None
        edits = inserting.insert(self.source, spot, data, after, comments or {})

        def meaning(tree: Data) -> Data:
            return typed.at(tree, self.path, lambda holder: _with(holder, data, after))

        return self._change(edits, meaning)

    def rename(self, new: str) -> Change:
        """Give the entry another key."""
        edits = setting.rename(self._found(), new)
        names = {str(self.path[-1]): new}
        return self._change(edits, lambda tree: _at_holder(tree, self.path, names))

    def delete(self, *, successor: bool = False, keep_comments: bool = False) -> Change:
        """Take the entry away, and the parents that this empties."""
        edits, lost = taking.delete(self._found(), successor=successor, keep=keep_comments)
        return self._change(edits, lambda tree: typed.drop(tree, self.path), lost)

    def clear(self, *, keep_comments: bool = False) -> Change:
        """Take every entry of the file away: Kamal takes braces with nothing in them, but no empty file."""
        edits, lost = taking.clear(self.source, keep=keep_comments)
        return self._change(edits, lambda tree: typed.EMPTY_MAP, lost)

    def unwrap(
        self, names: Mapping[str, str] | None = None, values: Mapping[str, Data] | None = None
    ) -> Change:
        """Put the children of the mapping into its place, with other names, in braces also other values."""
        edits = taking.unwrap(self._found(), names or {}, values or {})

        def unwrapped(holder: Data) -> Data:
            for name, value in (values or {}).items():
                holder = typed.put(holder, (self.path[-1], name), value)
            return _unwrapped(holder, self.path[-1], names or {})

        return self._change(edits, lambda tree: typed.at(tree, self.path[:-1], unwrapped), ())

    def move(self, *target: Step, key: str | None = None) -> Change:
        """Carry the entry's lines to the end of the block mapping at ``target``."""
        spot = self._found()
        holder = find(self.source, target)
        if target and holder is None:
            raise Refusal("there is nothing to move it into", spot.start)
        edits = moving.move(spot, holder, key)
        step = typed.of(key) if key else spot.entry.key.data if spot.entry else NULL

        def added(value: Data) -> Callable[[Data], Data]:
            return lambda tree: Data("map", (*tree.value, (step, value)))

        def meaning(tree: Data) -> Data:
            value = typed.get(tree, self.path)
            if value is None:
                raise KeyError(self.path)
            return typed.at(typed.drop(tree, self.path, prune=False), target, added(value))

        return self._change(edits, meaning, ())


def _with(holder: Data, added: Data, after: str | None) -> Data:
    if holder.kind == "null" or not holder.value:
        return added
    index = typed.pair_index(holder, after) if after is not None else None
    place = len(holder.value) if index is None else index + 1
    return Data(holder.kind, (*holder.value[:place], *added.value, *holder.value[place:]))


Pairs = Sequence[tuple[Data, Data]]


def _renamed(pairs: Pairs, names: Mapping[str, str]) -> list[tuple[Data, Data]]:
    return [(typed.of(names.get(typed.name(key), key)), value) for key, value in pairs]


def _at_holder(tree: Data, path: Path, names: Mapping[str, str]) -> Data:
    def renamed(holder: Data) -> Data:
        return Data("map", tuple(_renamed(holder.value, names)))

    return typed.at(tree, path[:-1], renamed)


def _unwrapped(holder: Data, step: Step, names: Mapping[str, str]) -> Data:
    index = typed.pair_index(holder, step)
    if index is None:
        raise KeyError(step)
    inner = _renamed(holder.value[index][1].value, names)
    return Data("map", (*holder.value[:index], *inner, *holder.value[index + 1 :]))
