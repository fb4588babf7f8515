"""The result as the target Kamal would see it: no fault is new, and what stays is said in its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kamal_migrate.api import Finding, Options, Path, Safety, View
from kamal_migrate.engine.groups import wanted
from kamal_migrate.engine.planned import Location, Planned, locations
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.engine.suppressions import Suppressions
from kamal_migrate.kamal.dating import read_by
from kamal_migrate.kamal.validation import STRICT_SINCE, Fault, faults, never_alone

REFUSED = "kamal/refuses"
Pairs = list[tuple[View, View]]


def loaded(pairs: Pairs, options: Options) -> Pairs:
    """The views that Kamal is made to load, before and after.

    A base that the target takes with a destination only is none, unless the Kamal that reads the original
    takes it alone: one that is strict about it, from 1.7.0 on.
    """
    alone = {id(view) for view in never_alone([after for _, after in pairs], options.to)}
    return [pair for pair in pairs if id(pair[1]) not in alone or _stood_alone(pair[0], options)]


def _stood_alone(view: View, options: Options) -> bool:
    reader = read_by(view, options.source, options.to)
    return reader >= STRICT_SINCE and not faults(view, reader)


def validated(
    pairs: Iterable[tuple[View, View]],
    findings: Sequence[Planned],
    options: Options,
    suppressions: Suppressions,
    others: Sequence[Planned] = (),
) -> tuple[list[Planned], list[View]]:
    """The findings with what the target still refuses, and the views that it refuses. Raises `ProofError`.

    A fault that the target would not have found before is a proof that failed. ``others`` are findings about
    files beside the configs, of which a fault may be.
    """
    left: dict[Fault, Pairs] = {}
    new: list[str] = []
    refused: list[View] = []
    for before, after in pairs:
        stays = faults(after, options.to)
        known = {fault.message for fault in faults(before, options.to)} if stays else set()
        new += [f"{before.title}: {fault.message}" for fault in stays if fault.message not in known]
        refused += [after] if stays else []
        for fault in stays:
            left.setdefault(fault, []).append((before, after))
    if new:
        raise ProofError([f"Kamal {options.to.short} would refuse {row}" for row in new])
    said = [*_said(findings, left, options), *_unsaid(findings, others, left, options)]
    return [item for item in said if not _unwanted(item, options, suppressions)], refused


def _unwanted(item: Planned, options: Options, suppressions: Suppressions) -> bool:
    """Whether a fault that no codemod speaks of is one that the user does not want to hear of."""
    if item.finding.id != REFUSED:
        return False
    return suppressions.used_at(item.locations) or not wanted(item.finding, options)


def _said(findings: Sequence[Planned], left: Mapping[Fault, Pairs], options: Options) -> Iterator[Planned]:
    """The findings, with Kamal's words where one is about a fault."""
    words: dict[int, list[str]] = {}
    for fault in left:
        for item in _about(findings, fault):
            words.setdefault(id(item), []).append(f"Kamal {options.to.short} says: {fault.message}")
    for item in findings:
        notes = tuple(dict.fromkeys((*item.finding.notes, *words.get(id(item), ()))))
        yield replace(item, finding=replace(item.finding, notes=notes)) if id(item) in words else item


def _unsaid(
    findings: Sequence[Planned], others: Sequence[Planned], left: Mapping[Fault, Pairs], options: Options
) -> Iterator[Planned]:
    """A finding for each fault that none is about."""
    files = {place.path for item in others if not item.applied for place in item.locations}
    for fault, where in left.items():
        if fault.file not in files and not _about(findings, fault):
            yield _fault(fault, where, options)


def _about(findings: Sequence[Planned], fault: Fault) -> list[Planned]:
    """The findings left for hands about the key of a fault, else the first about something in it."""
    path = tuple(fault.path)
    open_ones = [item for item in findings if not item.applied]
    exact = [item for item in open_ones if any(key and path[: len(key)] == key for key in _keys(item))]
    inside = [item for item in open_ones if any(path and key[: len(path)] == path for key in _keys(item))]
    return exact or inside[:1]


def _keys(item: Planned) -> tuple[Path, ...]:
    return (item.finding.key, *item.finding.also)


def _fault(fault: Fault, where: Pairs, options: Options) -> Planned:
    """A fault that no codemod speaks of."""
    finding = Finding(
        REFUSED,
        tuple(fault.path),
        f"Kamal {options.to.short} refuses it: {fault.message}",
        Safety.MANUAL,
        todo="change it by hand; see: kamal-migrate check",
    )
    titles = tuple(dict.fromkeys(before.title for before, _ in where))
    places = (Location(fault.file, 1, 1),) if fault.file else None
    return Planned(finding, places or locations([(before, finding) for before, _ in where]), titles)
