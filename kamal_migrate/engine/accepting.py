"""Accepts a finding whole, over all files, views and branches of a config, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from kamal_migrate.api import MOVED, Come, Finding, Fix, Options, Path, View
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine.editing import LayerEdits, check_branches, edits_of
from kamal_migrate.engine.groups import Group, reason_of, refused
from kamal_migrate.engine.placement import Placement, Unplaceable, Wants, place, value_of
from kamal_migrate.engine.planned import Planned, locations
from kamal_migrate.engine.state import State
from kamal_migrate.kamal.loading import Layer, LayerKey, merged
from kamal_migrate.text import Edit, OverlapError, ordered
from kamal_migrate.yamldoc import Comment, Data, Refusal
from kamal_migrate.yamldoc import data as typed

_DEEP = 3

Failures = list[tuple[Group, Unplaceable | Refusal]]


def accept(groups: list[Group], state: State, options: Options) -> list[Planned]:
    """Accept what can be placed of a codemod's findings, each whole or not at all; the rest is for hands.

    What does not fit beside the others is tried again on what these leave, as a second run would.
    """
    order = {id(group): place for place, group in enumerate(groups)}
    items: list[tuple[Group, Planned]] = []
    waiting = groups
    while waiting:
        kept, settled, failed = _fitting(waiting, state, options)
        if not settled:
            items += [(group, refused(group, error)) for group, error in failed]
            break
        items += [(group, _planned(group, kept, settled, state)) for group in kept]
        state.take(settled.edits, {key: row.intended for key, row in settled.done.items()}, settled.expected)
        waiting = [group for group, _ in failed]
    return [item for _, item in sorted(items, key=lambda row: order[id(row[0])])]


def _fitting(
    groups: list[Group], state: State, options: Options
) -> tuple[list[Group], Settled | None, Failures]:
    """All findings, where they can be placed together; else as many as fit."""
    try:
        return groups, _placed(groups, state, options), Failures()
    except (Unplaceable, Refusal):
        return _one_by_one(groups, state, options)


def _one_by_one(
    groups: list[Group], state: State, options: Options
) -> tuple[list[Group], Settled | None, Failures]:
    """The findings that can be placed with each other, tried in turn until no more of them fits."""
    kept: list[Group] = []
    settled: Settled | None = None
    waiting = groups
    while True:
        failed = Failures()
        for group in waiting:
            try:
                settled = _placed([*kept, group], state, options)
                kept.append(group)
            except (Unplaceable, Refusal) as error:
                failed.append((group, error))
        if len(failed) in (0, len(waiting)):
            return kept, settled, failed
        waiting = [group for group, _ in failed]


def _placed(groups: list[Group], state: State, options: Options) -> Settled:
    """Place findings together. Raises `Unplaceable` or `Refusal`.

    Where they cannot be placed with all they want, they are placed without what may be left out, or where
    what comes from another mapping comes as if from nothing.
    """
    wants = _together(groups, state)
    try:
        return _settle(wants, groups[0].codemod, state, options)
    except (Unplaceable, Refusal) as error:
        for change in (_needed, _unsourced):
            other = [(view, finding and change(finding)) for view, finding in wants]
            if other == wants:
                continue
            with suppress(Unplaceable, Refusal):
                settled = _settle(other, groups[0].codemod, state, options)
                left_out = tuple(_optional(wants)) if change is _needed else settled.left_out
                return replace(settled, left_out=left_out, reason=reason_of(error))
        raise


def _together(groups: list[Group], state: State) -> Wants:
    """What each view wants of several findings at once."""
    rows: list[tuple[View, Finding | None]] = []
    for view, *said in zip(state.views, *(group.wants for group in groups), strict=True):
        findings = [finding for _, finding in said if finding]
        fixes = [finding.fix for finding in findings if finding.fix]
        goes = tuple(dict.fromkeys(path for fix in fixes for path in fix.goes))
        comes = tuple({come.path: come for fix in fixes for come in fix.comes}.values())
        whole = replace(findings[0], fix=Fix(goes, comes)) if findings else None
        rows.append((view, whole))
    return rows


def _unsourced(finding: Finding) -> Finding:
    """The finding with what comes from another mapping as if it came from nothing, in the base if need be."""
    fix = finding.fix or Fix()
    comes = tuple(
        replace(come, source=None) if come.value is not MOVED and come.source and _crosses(come) else come
        for come in fix.comes
    )
    return replace(finding, fix=replace(fix, comes=comes))


def _crosses(come: Come) -> bool:
    source = come.source or ()
    return come.path[:-1] not in (source[:-1], source[:-2])


def _needed(finding: Finding) -> Finding:
    """The finding without the keys that may be left out."""
    fix = finding.fix or Fix()
    return replace(finding, fix=replace(fix, comes=tuple(come for come in fix.comes if not come.optional)))


def _optional(wants: Wants) -> Iterator[tuple[View, Come]]:
    for view, finding in wants:
        for come in finding.fix.comes if finding and finding.fix else ():
            if come.optional:
                yield view, come


@dataclass(frozen=True)
class Settled:
    """The edits of findings that were placed, what they make of each file and view, and what is left out."""

    done: dict[LayerKey, LayerEdits]
    expected: list[Data]
    edits: dict[str, tuple[Edit, ...]]
    left_out: tuple[tuple[View, Come], ...]
    alone: dict[str, Finding]
    reason: str = ""


def _settle(wants: Wants, codemod: Loaded, state: State, options: Options) -> Settled:
    placement = place(
        wants, state.expected, state.intended, lambda layer: _alone(layer, state, codemod, options)
    )
    done = {
        key: edits_of(ops, keep_comments=options.keep_comments) for key, ops in placement.operations.items()
    }
    check_branches(done, state.layers)
    expected = _expected(wants, placement, state)
    _simulate(done, state, expected)
    alone = {key.path: ops.alone for key, ops in placement.operations.items() if ops.alone}
    return Settled(done, expected, _collect(done), placement.left_out, alone)


def _owners(keys: set[Path], groups: list[Group]) -> list[Group]:
    """The findings that a change belongs to; what a file by itself gave rise to belongs to one of them."""
    exact = [group for group in groups if keys & group.keys]
    above = [group for group in groups if any(key[: len(k)] == k for key in keys for k in group.keys)]
    return exact or above[:1] or groups[:1]


def _planned(group: Group, groups: list[Group], settled: Settled, state: State) -> Planned:
    """A finding that was placed, with the edits that its keys gave rise to, where they stand at first."""
    edits: dict[str, dict[Edit, None]] = {}
    lost: dict[tuple[str, Comment], None] = {}
    for key, layer_edits in settled.done.items():
        for keys, change in layer_edits.changes:
            if any(owner is group for owner in _owners(keys, groups)):
                edits.setdefault(key.path, {}).update(dict.fromkeys(change.edits))
                lost |= dict.fromkeys((key.path, comment) for comment in change.lost)
    out = [_left_out(v, come, settled.reason) for v, come in settled.left_out if come.path in group.keys]
    finding = _noted(group.finding, out)
    by_file = {path: tuple(state.origins(path, found)) for path, found in edits.items()}
    said = {view.layers[-1].document.path: found for view, found in reversed(group.said)}
    said |= settled.alone | _said(group)
    said = {path: _noted(found, out) for path, found in said.items()}
    announced = tuple((view, part) for view, found in group.said for part in found.becomes)
    return Planned(
        finding,
        locations(group.said),
        group.titles,
        by_file,
        tuple((path, comment.text) for path, comment in lost),
        said=said,
        announced=announced,
    )


def _noted(finding: Finding, notes: list[str]) -> Finding:
    return replace(finding, notes=tuple(dict.fromkeys([*finding.notes, *notes])))


def _left_out(view: View, come: Come, reason: str) -> str:
    reason = reason or f"no file can state it for {view.title} without another destination seeing it"
    return f"no {come.path[-1]} is added: {reason}"


def _said(group: Group) -> dict[str, Finding]:
    """What the finding says in each file: of the view whose statement stands there."""
    return {locations([(view, finding)])[0].path: finding for view, finding in reversed(group.said)}


def _alone(layer: Layer, state: State, codemod: Loaded, options: Options) -> list[Finding]:
    """What the same codemod says of one file by itself."""
    sample = state.views[0]
    return list(codemod.decide(View(sample.project, sample.config, "", (layer,)), options))


def _expected(wants: Wants, placement: Placement, state: State) -> list[Data]:
    """What each view shall say afterwards."""
    left_out = {(id(view), come.path) for view, come in placement.left_out}
    result = []
    for (view, finding), data in zip(wants, state.expected, strict=True):
        fix = finding.fix if finding else None
        for come in fix.comes if fix else ():
            if (id(view), come.path) not in left_out:
                data = typed.put(data, come.path, value_of(come, view.data))
        came = {come.path for come in fix.comes} if fix else set()
        for path in fix.goes if fix else ():
            if path not in came and typed.get(data, path) is not None:
                data = typed.drop(data, path)
        result.append(data)
    return result


def _simulate(done: dict[LayerKey, LayerEdits], state: State, expected: list[Data]) -> None:
    """Refuse a placement that is not right in every view, before anything is edited."""
    for view, data in zip(state.views, expected, strict=True):
        files = []
        for layer in view.layers:
            now = done[layer.key].intended if layer.key in done else state.intended[layer.key]
            files.append(layer.doc.effect_of(now))
        found = merged(files)
        if not typed.same(found, data):
            raise Unplaceable(_why_not(view, _differing(found, data)))


def _why_not(view: View, path: Path) -> str:
    """Why what a view shall say there cannot be written."""
    for layer in view.layers:
        key = typed.twice(layer.doc.data)
        if key:
            return f"`{key}` stands twice in {layer.document.path}"
    merging = ", where its file is merged into the base" if len(view.layers) > 1 else ""
    return f"`{'.'.join(map(str, path))}` would come out otherwise for {view.title}{merging}"


def _differing(one: Data | None, other: Data | None, path: Path = ()) -> Path:
    """The first key, not deeper than people look for one, of which two data do not say the same."""
    if one and other and one.kind == other.kind == "map" and len(path) < _DEEP:
        for name in dict.fromkeys(typed.name(key) for data in (one, other) for key, _ in data.value):
            ours, theirs = typed.get(one, (name,)), typed.get(other, (name,))
            if ours is None or theirs is None or not typed.same(ours, theirs):
                return _differing(ours, theirs, (*path, name))
    return path


def _collect(done: dict[LayerKey, LayerEdits]) -> dict[str, tuple[Edit, ...]]:
    """The edits by file; those that several branches want alike are one. Raises `Unplaceable`."""
    edits: dict[str, list[Edit]] = {}
    for key, layer_edits in done.items():
        known = edits.setdefault(key.path, [])
        known += [edit for edit in layer_edits.edits if edit not in known]
    for new in edits.values():
        try:
            ordered(new)
        except OverlapError as error:
            raise Unplaceable("two changes touch the same line") from error
    return {path: tuple(new) for path, new in edits.items()}
