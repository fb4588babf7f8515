"""Which file gets which key: a finding's fixes in all views become operations on the files that they share.

A key that comes from another replaces it in the file that states it. A key that comes from nothing goes to
the base if every view wants it, else to each destination. Nothing goes where some view must not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kamal_migrate.api import MOVED, Come, Finding, Fix, View
from kamal_migrate.engine.choosing import Wish, choose, seen
from kamal_migrate.kamal.loading import Layer, LayerKey
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

Alone = Callable[[Layer], list[Finding]]


class Unplaceable(ValueError):
    """A fix that no placement makes right in every view, and why."""


@dataclass
class Operations:
    """What happens to one file in one branch: keys that go, keys that replace another, keys that come.

    ``data`` is what the file states after the findings before this one; ``disputed`` are the keys that the
    views that share this file want replaced by different values; ``alone`` is what the file by itself gave
    rise to, where no view obeys it.
    """

    layer: Layer
    data: Data
    goes: dict[Path, bool] = field(default_factory=dict)
    replaces: dict[Path, tuple[Path, Data]] = field(default_factory=dict)
    comes: list[tuple[Path, Data, Path | None]] = field(default_factory=list)
    disputed: set[Path] = field(default_factory=set)
    alone: Finding | None = None

    def simplify(self) -> None:
        """Drop what goes anyhow: a mapping that is unwrapped, and what is in one that goes."""
        for path in list(self.goes):
            unwrapped = self._is_unwrapped(path)
            within = any(path[: len(other)] == other != path for other in self.goes)
            if unwrapped or within:
                del self.goes[path]

    def _is_unwrapped(self, holder: Path) -> bool:
        """Whether what a mapping holds comes into its place, all of it that does not go."""
        held = typed.get(self.layer.doc.data, holder)
        pairs = held.value if held and held.kind == "map" else ()
        inside = {(*holder, typed.name(key)) for key, _ in pairs}
        moved = {
            source
            for source, (target, _) in self.replaces.items()
            if source in inside and target[:-1] in (holder, holder[:-1])
        }
        return bool(moved) and inside - moved <= self.goes.keys()

    def push_down(self) -> set[Path]:
        """Give up to replace what the views want differently; the keys that must come elsewhere then."""
        paths = {self.replaces.pop(source)[0] for source in self.disputed}
        paths |= {path for path, _, source in self.comes if source in self.disputed}
        self.comes = [row for row in self.comes if row[2] not in self.disputed]
        self.goes.update(dict.fromkeys(self.disputed, True))
        return paths


@dataclass(frozen=True)
class Placement:
    """The operations of one finding, and the optional keys that could not be placed, by view."""

    operations: dict[LayerKey, Operations]
    left_out: tuple[tuple[View, Come], ...]


Wants = Sequence[tuple[View, Finding | None]]


def place(wants: Wants, expected: Sequence[Data], stated: Mapping[LayerKey, Data], alone: Alone) -> Placement:
    """Place what every view wants. Raises `Unplaceable`.

    ``expected`` is what each view, and ``stated`` what each file, says after the findings before this one.
    ``alone`` tells what a file would want by itself, for a key that no view sees because a destination
    overrides it.
    """
    operations = {
        layer.key: Operations(layer, stated[layer.key]) for view, _ in wants for layer in view.layers
    }
    for view, finding in wants:
        if finding and finding.fix:
            _replace(view, finding.fix, operations)
    for ops in operations.values():
        _replace_shadowed(ops, wants, alone)
    for ops in operations.values():
        ops.simplify()
    left_out: list[tuple[View, Come]] = []
    pushed = sorted({path for ops in operations.values() for path in ops.push_down()}, key=str)
    for path in dict.fromkeys([*pushed, *_unsourced(wants)]):
        left_out += _from_nothing(path, wants, expected, operations)
    return Placement(
        {key: ops for key, ops in operations.items() if ops.goes or ops.replaces or ops.comes},
        tuple(left_out),
    )


def _written(layer: Layer, path: Path) -> bool:
    return layer.doc.at(*path).exists


def _replace(view: View, fix: Fix, operations: dict[LayerKey, Operations]) -> None:
    """Put what comes from a key into the file whose statement of that key this view obeys."""
    for source in dict.fromkeys([*fix.goes, *(come.source for come in fix.comes if come.source)]):
        stating = view.stating(source)
        if not stating:
            continue
        layer = stating[-1]
        if not _written(layer, source):
            raise Unplaceable(f"`{'.'.join(map(str, source))}` comes through an alias or a merge key")
        _state(operations[layer.key], source, [come for come in fix.comes if come.source == source], fix)


def _state(ops: Operations, source: Path, comes: list[Come], fix: Fix) -> None:
    if not comes:
        if source in ops.replaces:
            return
        ops.goes[source] = _has_successor(ops.layer, source, fix)
        return
    ops.goes.pop(source, None)
    first, *others = comes
    wanted = (first.path, value_of(first, ops.layer.doc.effective))
    if ops.replaces.setdefault(source, wanted) != wanted:
        ops.disputed.add(source)
    for come in others:
        row = (come.path, value_of(come, ops.layer.doc.effective), source)
        if row not in ops.comes:
            ops.comes.append(row)


def value_of(come: Come, data: Data) -> Data:
    """The value of a key that comes; a moved one has that of its source in ``data``."""
    if come.value is not MOVED or come.source is None:
        return typed.of(come.value)
    found = typed.get(data, come.source)
    if found is None:
        raise Unplaceable(f"`{'.'.join(map(str, come.source))}` is not written there")
    return found


def _has_successor(layer: Layer, source: Path, fix: Fix) -> bool:
    """Whether something in the same mapping says from now on what a key said that goes."""
    holder = source[:-1]
    return bool(holder) and _has_siblings(layer, source) and not _moves_out(holder, fix)


def _moves_out(holder: Path, fix: Fix) -> bool:
    return not any(come.path[:-1] == holder for come in fix.comes) and bool(fix.comes)


def _has_siblings(layer: Layer, source: Path) -> bool:
    holder = typed.get(layer.doc.data, source[:-1])
    return holder is not None and len(holder.value) > 1


def _replace_shadowed(ops: Operations, wants: Wants, alone: Alone) -> None:
    """Rewrite a statement that no view obeys, for the target refuses it wherever it stands."""
    sources = {path for _, finding in wants if finding and finding.fix for path in finding.fix.goes}
    handled = {*ops.goes, *ops.replaces}
    obeyed = {path for view, _ in wants for path in sources if _obeys(view, ops.layer, path)}
    shadowed = {path for path in sources - handled - obeyed if _written(ops.layer, path)}
    if not shadowed:
        return
    own = [(f, f.fix) for f in alone(ops.layer) if f.fix and shadowed & set(f.fix.goes)]
    if not own:
        raise Unplaceable("a file states it that no destination obeys")
    for finding, fix in own:
        ops.alone = replace(finding, evidence="every destination overrides this line")
        for source in (path for path in fix.goes if path not in handled):
            _state(ops, source, [come for come in fix.comes if come.source == source], fix)


def _obeys(view: View, layer: Layer, path: Path) -> bool:
    return any(last.key == layer.key for last in view.stating(path)[-1:])


def _unsourced(wants: Wants) -> list[Path]:
    comes = (come for _, finding in wants if finding and finding.fix for come in finding.fix.comes)
    return list(dict.fromkeys(come.path for come in comes if come.source is None))


def _from_nothing(
    path: Path, wants: Wants, expected: Sequence[Data], operations: dict[LayerKey, Operations]
) -> list[tuple[View, Come]]:
    """Choose the files for a key that comes from nothing; give back the views that must do without."""
    stated = {key: value for key, ops in operations.items() if (value := _stated(ops, path)) is not None}
    rows = [(view, _come(finding, path), data) for (view, finding), data in zip(wants, expected, strict=True)]
    wishes = [_wish(view, come, typed.get(data, path)) for view, come, data in rows]
    chosen = choose(wishes, stated)
    missing = []
    for (view, come, _), wish in zip(rows, wishes, strict=True):
        if come and seen(chosen, wish.layers) != wish.value:
            if not come.optional:
                raise Unplaceable(f"no file can state `{'.'.join(map(str, path))}` for {view.title} alone")
            missing.append((view, come))
    for key in chosen.keys() - stated.keys():
        operations[key].comes.append((path, chosen[key], None))
    return missing


def _wish(view: View, come: Come | None, now: Data | None) -> Wish:
    layers = [layer.key for layer in view.layers]
    if come is None:
        return Wish(layers, now, comes=False, optional=False)
    return Wish(layers, value_of(come, view.data), comes=True, optional=come.optional)


def _stated(ops: Operations, path: Path) -> Data | None:
    """What a file says at a path, after the operations that are settled."""
    settled = [value for target, value in ops.replaces.values() if target == path]
    settled += [value for target, value, _ in ops.comes if target == path]
    return settled[0] if settled else typed.get(ops.layer.doc.effect_of(ops.data), path)


def _come(finding: Finding | None, path: Path) -> Come | None:
    comes = finding.fix.comes if finding and finding.fix else ()
    return next((come for come in comes if come.path == path), None)
