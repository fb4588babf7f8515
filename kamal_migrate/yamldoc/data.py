"""Typed data: what a YAML document says, compared without Python's ``True == 1 == 1.0``.

`Data` is a tree of plain tuples. The kinds of leaves are those of `psych.resolve`; ``erb`` for a
value that is ERB (its source text), ``merge`` for a key ``<<``, ``tagged`` for a scalar with a tag
other than ``!!str`` (tag and text). A ``map`` holds pairs in the order of the file, all of them where
a key occurs twice; a ``list`` holds items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Step = str | int
Path = tuple[Step, ...]


class Data(NamedTuple):
    """One value: its kind, and the scalar, the pairs of a ``map`` or the items of a ``list``."""

    kind: str
    value: Any


EMPTY_MAP = Data("map", ())
NULL = Data("null", None)


def of(value: object) -> Data:
    """The data of a plain Python value made of dicts, lists and scalars; `Data` inside stays.

    Raises TypeError for anything else.
    """
    if isinstance(value, Data):
        return value
    if isinstance(value, dict):
        return Data("map", tuple((of(key), of(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return Data("list", tuple(of(item) for item in value))
    if value != value:  # Not a number: kept as text, so that equal stays equal.
        return Data("float", "nan")
    for kind, python in (("bool", bool), ("int", int), ("float", float), ("str", str)):
        if isinstance(value, python):
            return Data(kind, value)
    if value is None:
        return NULL
    raise TypeError(f"no YAML for {type(value).__name__}")


def name(key: Data) -> str:
    """The name of a key in a path; ERB is named by its source."""
    if key.kind == "bool":
        return "true" if key.value else "false"
    return str(key.value)


def pair_index(data: Data, step: Step) -> int | None:
    """Where the pair of that name stands; the last one, which wins, where it occurs twice."""
    if data.kind != "map":
        return None
    pairs = data.value
    for index in range(len(pairs) - 1, -1, -1):
        kind, value = key = pairs[index][0]
        if (value if kind == "str" else name(key)) == step:
            return index
    return None


def get(data: Data, path: Path) -> Data | None:
    """The value at a path, or None where there is none."""
    for step in path:
        if data.kind == "list" and isinstance(step, int) and 0 <= step < len(data.value):
            data = data.value[step]
            continue
        index = pair_index(data, step)
        if index is None:
            return None
        data = data.value[index][1]
    return data


def walk(data: Data, path: Path = ()) -> Iterator[tuple[Path, Data]]:
    """Every value below, with its path; parents come first."""
    yield path, data
    if data.kind == "map":
        for key, value in data.value:
            yield from walk(value, (*path, name(key)))
    elif data.kind == "list":
        for index, item in enumerate(data.value):
            yield from walk(item, (*path, index))


def at(data: Data, path: Path, change: Callable[[Data], Data]) -> Data:
    """The data with the value at ``path`` put through ``change``. Raises KeyError if there is none."""
    if not path:
        return change(data)
    step, rest = path[0], path[1:]
    if data.kind == "list" and isinstance(step, int) and 0 <= step < len(data.value):
        items = list(data.value)
        items[step] = at(items[step], rest, change)
        return Data("list", tuple(items))
    index = pair_index(data, step)
    if index is None:
        raise KeyError(step)
    pairs = list(data.value)
    pairs[index] = (pairs[index][0], at(pairs[index][1], rest, change))
    return Data("map", tuple(pairs))


def put(data: Data, path: Path, value: Data) -> Data:
    """The data with ``value`` at ``path``; maps that are missing on the way are made at the end."""
    if not path:
        return value
    if data.kind in ("null", "map") and isinstance(path[0], str):
        index = pair_index(data, path[0])
        if index is None:
            pairs = () if data.kind == "null" else data.value
            return Data("map", (*pairs, (of(path[0]), put(NULL, path[1:], value))))
    return at(data, path[:1], lambda child: put(child, path[1:], value))


def drop(data: Data, path: Path, *, prune: bool = True) -> Data:
    """The data without the pair or item at ``path``; with ``prune`` without emptied parents too.

    Raises KeyError if there is none.
    """
    if len(path) == 1:
        index = path[0] if data.kind == "list" else pair_index(data, path[0])
        if not isinstance(index, int) or not 0 <= index < len(data.value):
            raise KeyError(path[0])
        return Data(data.kind, data.value[:index] + data.value[index + 1 :])
    shorter = at(data, path[:1], lambda child: drop(child, path[1:], prune=prune))
    emptied = get(shorter, path[:1])
    if prune and emptied is not None and emptied.kind in ("map", "list") and not emptied.value:
        return drop(data, path[:1])
    return shorter


def twice(data: Data) -> str | None:
    """The first key that a mapping states twice, if any does."""
    for _, value in walk(data):
        names = [name(key) for key, _ in value.value] if value.kind == "map" else []
        if len(names) != len(set(names)):
            return next(found for index, found in enumerate(names) if found in names[:index])
    return None


def effective(data: Data) -> Data:
    """The data with merge keys carried out as Psych does: in order, so that a later pair wins."""
    if data.kind == "list":
        return Data("list", tuple(effective(item) for item in data.value))
    if data.kind != "map":
        return data
    pairs: dict[Data, Data] = {}
    for key, value in data.value:
        value = effective(value)
        if key.kind != "merge":
            pairs[key] = value
            continue
        sources = reversed(value.value) if value.kind == "list" else (value,)
        for source in sources:
            pairs.update(source.value)
    return Data("map", tuple(pairs.items()))


def same(one: Data, other: Data) -> bool:
    """Whether two data say the same, the order of pairs aside."""
    if one == other:
        return True
    if one.kind != other.kind or one.kind not in ("map", "list") or len(one.value) != len(other.value):
        return False
    if one.kind == "list":
        return all(same(*items) for items in zip(one.value, other.value, strict=True))
    pairs = dict(other.value)
    return len(pairs) == len(one.value) and all(
        key in pairs and same(value, pairs[key]) for key, value in one.value
    )
