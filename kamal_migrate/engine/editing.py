"""From operations on a file to its edits: the verbs they need, in order, and whether ERB lets them be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kamal_migrate.engine.beside import aside
from kamal_migrate.engine.carrying import Comments, carry, claimed
from kamal_migrate.engine.placement import Operations
from kamal_migrate.erb import Region
from kamal_migrate.kamal.loading import Layer, LayerKey
from kamal_migrate.text import Edit, Span
from kamal_migrate.yamldoc import Change, Data, Path, Refusal, YamlDoc
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.data import EMPTY_MAP, NULL

Changes = list[tuple[set[Path], Change]]


@dataclass(frozen=True)
class LayerEdits:
    """The changes of one file in one branch, each with its keys, and what they make of its data."""

    layer: Layer
    changes: Changes
    intended: Data

    @property
    def edits(self) -> list[Edit]:
        """The edits of all changes."""
        return [edit for _, change in self.changes for edit in change.edits]


def edits_of(ops: Operations, *, keep_comments: bool) -> LayerEdits:
    """Carry operations out on one file. Raises `Refusal`."""
    doc, data = ops.layer.doc, ops.data
    moves = carry(ops)
    goes = set(ops.goes)
    _take_places(ops)
    replaced = _replaced(doc, ops)
    deleted = _deleted(doc, ops, goes, keep_comments=keep_comments)
    comments = claimed(doc, [lost for _, change in [*replaced, *deleted] for lost in change.lost], moves)
    inserted = _inserted(doc, ops, comments)
    replaced, deleted = (
        [(keys, _keeping(change, inserted, comments)) for keys, change in changes]
        for changes in (replaced, deleted)
    )
    new, taken = ([edit for _, change in rows for edit in change.edits] for rows in (replaced, deleted))
    inserted = [(keys, aside(doc.text, change, new, taken)) for keys, change in inserted]
    changes = [*replaced, *inserted, *deleted]
    _check_regions(ops, [change for _, change in changes])
    for _, change in [*inserted, *replaced, *deleted]:
        data = change.meaning(data)
    return LayerEdits(ops.layer, changes, data)


def _deleted(doc: YamlDoc, ops: Operations, goes: set[Path], *, keep_comments: bool) -> Changes:
    """The deletions, each with the keys that go by it. Raises `Refusal`."""
    if ops.goes and not (ops.comes or ops.replaces) and set(_root_keys(ops)) <= ops.goes.keys():
        return [(goes, doc.at().clear(keep_comments=keep_comments))]
    deleted: Changes = [
        (
            {path, *(key for key in goes if key[: len(path)] == path)},
            doc.at(*path).delete(successor=successor, keep_comments=keep_comments),
        )
        for path, successor in ops.goes.items()
    ]
    return _abutting(doc.text, deleted)


def _root_keys(ops: Operations) -> list[Path]:
    root = ops.layer.doc.data
    return [(typed.name(key),) for key, _ in root.value] if root.kind == "map" else []


_BEFORE = re.compile(r",[ \t]*\Z")


def _abutting(text: str, deleted: Changes) -> Changes:
    """Deletions within brackets: two at the end both want the comma between, and one before them goes too."""
    pure = [edit for _, change in deleted for edit in change.edits if not edit.text]
    edits = sorted(pure, key=lambda edit: edit.start)
    new: dict[Edit, Edit] = {}
    run: list[Edit] = []
    for edit in edits:
        run = [*run, edit] if run and run[-1].end >= edit.start else [edit]
        last = run[-2] if len(run) > 1 else edit
        comma = _BEFORE.search(text, 0, run[0].start)
        if edit.start < last.end <= edit.end and not text[edit.start : last.end].strip(", \t") and comma:
            new[edit] = edit._replace(start=last.end)
            new[run[0]] = run[0]._replace(start=comma.start())
    return [
        (keys, replace(change, edits=tuple(new.get(edit, edit) for edit in change.edits)))
        for keys, change in deleted
    ]


def _keeping(change: Change, inserted: Changes, comments: Comments) -> Change:
    """A deletion without the comments that an insertion carries along."""
    written = [edit.text for _, other in inserted for edit in other.edits]
    kept = {c for found in comments.values() for c in found if any(c.text in text for text in written)}
    return replace(change, lost=tuple(comment for comment in change.lost if comment not in kept))


def _take_places(ops: Operations) -> None:
    """Where what goes would leave a mapping empty, it goes whole, or what comes into it takes the place."""
    holders = {path[:length] for path in ops.goes for length in range(1, len(path))}
    for holder in sorted(holders, key=len, reverse=True):
        _empty(ops, holder)
    _keep_a_key(ops)


def _keep_a_key(ops: Operations) -> None:
    """Where all keys of a file go, the first mapping that comes takes the place of one."""
    own = _root_keys(ops)
    if ops.comes and own and set(own) <= ops.goes.keys():
        del ops.goes[own[0]]
        ops.replaces[own[0]] = _heir(ops, ())


def _heir(ops: Operations, holder: Path) -> tuple[Path, Data]:
    """The first of the keys that come into a mapping, with all that comes below it, taken from those."""
    length = len(holder) + 1
    path = next(row[0] for row in ops.comes if row[0][: length - 1] == holder)[:length]
    value = NULL
    for row in [row for row in ops.comes if row[0][:length] == path]:
        value = typed.put(value, row[0][length:], row[1])
        ops.comes.remove(row)
    return path, value


def _empty(ops: Operations, holder: Path) -> None:
    held = typed.get(ops.layer.doc.data, holder)
    pairs = held.value if held and held.kind == "map" else ()
    inside = {(*holder, typed.name(key)): value for key, value in pairs}
    if not inside or not inside.keys() <= ops.goes.keys():
        return
    if any(row[0][: len(holder)] == holder for row in ops.comes):
        place = next((path for path, value in inside.items() if value.kind != "map"), next(iter(inside)))
        del ops.goes[place]
        ops.replaces[place] = _heir(ops, holder)
    else:
        stay = [ops.goes.pop(path) for path in inside]
        ops.goes[holder] = len(stay) == 1 and stay[0]


Moves = dict[str, tuple[str, Data]]


def _replaced(doc: YamlDoc, ops: Operations) -> Changes:
    """Keys that replace another: in its mapping, or one level up, where the whole mapping is unwrapped."""
    changes: Changes = []
    unwrapped: dict[Path, Moves] = {}
    for source, (path, value) in ops.replaces.items():
        if path[:-1] == source[:-1]:
            changes += _changed(doc, source, str(path[-1]), value)
        elif path[:-1] == source[:-2]:
            unwrapped.setdefault(source[:-1], {})[str(source[-1])] = (str(path[-1]), value)
        else:
            raise Refusal("it would have to move to another mapping", doc.at(*source).offset)
    for holder, moves in unwrapped.items():
        changes += _unwrapped(doc, ops, holder, moves)
    return changes


def _changed(doc: YamlDoc, source: Path, name: str, value: Data) -> Changes:
    """An entry that gets another value and name."""
    changes = [] if typed.get(doc.data, source) == value else [doc.at(*source).set(value)]
    changes += [] if name == source[-1] else [doc.at(*source).rename(name)]
    return [({source, (*source[:-1], name)}, change) for change in changes]


def _unwrapped(doc: YamlDoc, ops: Operations, holder: Path, moves: Moves) -> Changes:
    """A mapping that is unwrapped, with everything in it moved or gone."""
    inside = [typed.name(key) for key, _ in (typed.get(doc.data, holder) or EMPTY_MAP).value]
    gone = [(*holder, name) for name in inside if ops.goes.pop((*holder, name), None) is not None]
    left = [name for name in inside if name not in moves and (*holder, name) not in gone]
    if left:
        raise Refusal(f"`{left[0]}` stands beside it", doc.at(*holder).offset)
    if gone and doc.at(*holder).is_flow and len(moves) == 1:
        (old, (name, value)) = next(iter(moves.items()))
        return [({(*holder, old)}, change) for _, change in _changed(doc, holder, name, value)]
    flow = doc.at(*holder).is_flow
    values = {old: value for old, (_, value) in moves.items() if typed.get(doc.data, (*holder, old)) != value}
    changes = (
        [] if flow else [row for old in values for row in _changed(doc, (*holder, old), old, values[old])]
    )
    deleted: Changes = [({path}, doc.at(*path).delete()) for path in gone]
    taken = [edit for _, change in deleted for edit in change.edits]
    names = {old: name for old, (name, _) in moves.items() if old != name}
    change = doc.at(*holder).unwrap(names, values if flow else {})
    kept = [edit for edit in change.edits if not any(t.start <= edit.start < t.end for t in taken)]
    return [*changes, *deleted, ({(*holder, old) for old in moves}, replace(change, edits=tuple(kept)))]


def _inserted(doc: YamlDoc, ops: Operations, comments: Comments) -> Changes:
    """One insertion for each mapping: what is missing on the way to a key is made with it."""
    pairs: dict[Path, Data] = {}
    keys: dict[Path, set[Path]] = {}
    above: dict[Path, dict[Path, list[str]]] = {}
    for path, value, _ in ops.comes:
        holder = path[:-1]
        while holder and typed.get(doc.data, holder) is None:
            holder = holder[:-1]
        if typed.get(ops.data, path[: len(holder) + 1]) is not None:
            raise Refusal(
                "another change puts the same mapping here; run again after it", doc.at(*holder).offset
            )
        keys.setdefault(holder, set()).add(path)
        pairs[holder] = typed.put(pairs.get(holder, EMPTY_MAP), path[len(holder) :], value)
        texts = [comment.text for comment in comments.get(path, ())]
        above.setdefault(holder, {}).setdefault(path[len(holder) :], []).extend(texts)
    return [
        (keys[holder], doc.at(*holder).insert(data, _neighbour(ops, holder), above[holder]))
        for holder, data in sorted(pairs.items(), key=lambda pair: -len(pair[0]))
    ]


def _neighbour(ops: Operations, holder: Path) -> str | None:
    """The key that an insertion follows: one that is replaced, or unwrapped, or that it comes from."""
    level = len(holder)
    replaced = [str(source[level]) for source, (path, _) in ops.replaces.items() if path[:-1] == holder]
    origins = [source for path, _, source in ops.comes if source and path[:level] == holder]
    within = [str(source[level]) for source in origins if source[:level] == holder]
    return next(iter([*replaced, *within]), None)


def _check_regions(ops: Operations, changes: list[Change]) -> None:
    """Refuse edits that are not all in one ERB branch, or that reach over a tag."""
    template = ops.layer.document.template
    if not template.tags:
        return
    offsets = {offset for change in changes for edit in change.edits for offset in (edit.start, edit.end)}
    for change in changes:
        span = Span(min(edit.start for edit in change.edits), max(edit.end for edit in change.edits))
        if template.structure_between(*span) or any(
            _cut(edit, tag) for edit in change.edits for tag in template.spans
        ):
            raise Refusal("an ERB tag stands in between", span.start)
    if len({template.region(offset) for offset in offsets}) > 1:
        raise Refusal("an ERB condition stands in between", min(offsets))


def _cut(edit: Edit, tag: Span) -> bool:
    """Whether an edit takes a part of a tag, or a tag that is no value of its own."""
    return max(edit.start, tag.start) < min(edit.end, tag.end) and not Span(edit.start, edit.end).holds(tag)


def check_branches(done: Mapping[LayerKey, LayerEdits], layers: Mapping[LayerKey, Layer]) -> None:
    """Every branch that shows the text of an edit must want that edit. Raises `Refusal`."""
    for key, layer_edits in done.items():
        template, choices = layer_edits.layer.document.template, layer_edits.layer.document.choices
        for edit in layer_edits.edits if template.tags else ():
            region: Region = template.region(edit.start)
            for other, layer in layers.items():
                if other.path != key.path or other == key or not template.sees(choices[layer.branch], region):
                    continue
                if other not in done or edit not in done[other].edits:
                    raise Refusal("only some of the ERB branches want it", edit.start)
