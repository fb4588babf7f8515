"""Two deployments compared: every part in which they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kamal_migrate.kamal.deployment import words

_KINDS = ("values_changed", "type_changes", "dictionary_item_added", "dictionary_item_removed")


class Difference(NamedTuple):
    """One part in which two deployments differ; None where a side does not have it."""

    path: tuple[str, ...]
    before: object
    after: object

    @property
    def words(self) -> str:
        """What the part is called for a person."""
        return words(self.path)


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[Difference]:
    """Every part that differs, in the order of the deployment.

    A list is one part; a mapping that only one side has, such as a role, is one too.
    """
    if before == after:
        return []
    from deepdiff import DeepDiff

    unlike = _unlike(_leaves(before), _leaves(after))
    tree = DeepDiff(*unlike, view="tree")
    paths = {
        tuple(str(step) for step in level.path(output_format="list"))
        for kind in _KINDS
        for level in tree.get(kind, ())
    }
    order = {path: number for number, path in enumerate(path for side in unlike for path in _paths(side))}
    return [
        Difference(path, value_at(before, path), value_at(after, path))
        for path in sorted(paths, key=order.__getitem__)
    ]


def _unlike(before: object, after: object) -> tuple[object, object]:
    """Both sides without the leaves that they share: these are most, and would take most of the time."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return ({}, {}) if type(before) is type(after) and before == after else (before, after)
    both = {name: _unlike(value, after[name]) for name, value in before.items() if name in after}
    shared = {name for name, sides in both.items() if sides == ({}, {})}
    return (
        {name: both[name][0] if name in both else before[name] for name in before if name not in shared},
        {name: both[name][1] if name in both else after[name] for name in after if name not in shared},
    )


def _leaves(value: object) -> object:
    """The data with every list as one text, so that it is compared as a whole."""
    if isinstance(value, Mapping):
        return {name: _leaves(item) for name, item in value.items()}
    return f"list {json.dumps(value)}" if isinstance(value, list) else value


def _paths(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, item in value.items() if isinstance(value, Mapping) else ():
        yield from _paths(item, (*path, name))


def value_at(value: object, path: tuple[str, ...]) -> object:
    """A part of a deployment; None where it has none such."""
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value
