"""Which files state a key that comes from nothing, so that every view says what it shall say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kamal_migrate.kamal.loading import LayerKey, merge
from kamal_migrate.yamldoc import Data


class Wish(NamedTuple):
    """What one view shall say: its files, the value, whether that comes now, and may be left out."""

    layers: Sequence[LayerKey]
    value: Data | None
    comes: bool
    optional: bool


def seen(stated: Mapping[LayerKey, Data], layers: Iterable[LayerKey]) -> Data | None:
    """What a view sees of the files that state the key."""
    value: Data | None = None
    for key in layers:
        if key in stated:
            value = stated[key] if value is None else merge(value, stated[key])
    return value


def choose(wishes: Sequence[Wish], stated: Mapping[LayerKey, Data]) -> dict[LayerKey, Data]:
    """The files that state the key, with those that do already: as few as will do, the base first."""
    chosen = dict(stated)
    optional = any(wish.optional for wish in wishes)
    for wish in sorted(wishes, key=lambda wish: len(wish.layers)):
        if wish.value is None or not wish.comes or seen(chosen, wish.layers) == wish.value:
            continue
        for key in wish.layers:
            trial = {**chosen, key: wish.value}
            alone = len(wish.layers) == 1
            others = [other for other in wishes if key in other.layers]
            if key not in chosen and all(
                _allows(other, trial, wish.value, alone, optional) for other in others
            ):
                chosen = trial
                break
    return chosen


def _allows(wish: Wish, trial: dict[LayerKey, Data], value: Data, alone: bool, optional: bool) -> bool:
    """Whether a view that sees a file may see ``value`` there.

    It may if it wants the same. Where the file is loaded alone, it may also be a view whose destination
    states the whole of another value, or will; but not of what is optional and was there before.
    """
    if wish.value is None:
        return False
    if wish.comes and wish.value == value:
        return seen(trial, wish.layers) == value
    if not alone:
        return False
    found = seen(trial, wish.layers)
    if not wish.comes:
        return not optional and found == wish.value
    free = wish.layers[-1] not in trial
    return found == wish.value or (free and found is not None and merge(found, wish.value) == wish.value)
