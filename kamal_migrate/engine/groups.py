"""One finding in all views of a config, and what becomes of it where it is left for hands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from kamal_migrate.api import MOVED, Finding, Fix, Options, Path, Safety, View
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine.placement import Unplaceable, Wants
from kamal_migrate.engine.planned import Location, Planned, locations
from kamal_migrate.yamldoc import Data, Refusal
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.data import NULL

# How long a mapping to write may be for one line.
_ONE_LINE = 80


class Group(NamedTuple):
    """One finding in all views of a config: None where a view has nothing to say."""

    codemod: Loaded
    wants: Wants

    @property
    def said(self) -> list[tuple[View, Finding]]:
        """The views that have something to say, and what."""
        return [(view, finding) for view, finding in self.wants if finding]

    @property
    def can_be_done(self) -> bool:
        """Whether there is a fix in every view that has something to say."""
        return all(finding.fix for _, finding in self.said)

    @property
    def titles(self) -> tuple[str, ...]:
        """The views that have something to say, as people call them."""
        return tuple(dict.fromkeys(view.title for view, _ in self.said))

    @property
    def keys(self) -> set[Path]:
        """The keys that go and come."""
        fixes = [finding.fix for _, finding in self.said if finding.fix]
        gone = {path for fix in fixes for path in fix.goes}
        came = {path for fix in fixes for come in fix.comes for path in (come.path, come.source) if path}
        return gone | came

    @property
    def finding(self) -> Finding:
        """What stands for the whole of it: the weakest."""
        return max((finding for _, finding in self.said), key=lambda finding: finding.safety.rank)


def reason_of(error: Unplaceable | Refusal) -> str:
    """Why something could not be done, in words for people."""
    return error.reason if isinstance(error, Refusal) else str(error)


def refused(group: Group, error: Unplaceable | Refusal) -> Planned:
    """The finding as something to do by hand, with what was wanted as text to paste."""
    return Planned(_by_hand(group.finding, group.said, reason_of(error)), locations(group.said), group.titles)


def held_back(group: Group, options: Options) -> Planned | None:
    """The finding as one that is not done, where the user does not want it."""
    item = Planned(group.finding, locations(group.said), group.titles)
    held = why_held(item, options)
    return replace(item, held=held) if held else None


def why_held(item: Planned, options: Options) -> str:
    """Why a finding with a fix is not done, where the user does not want it; else nothing."""
    if options.safe_only and item.finding.safety is not Safety.SAFE:
        return "held back by --safe-only"
    unwanted = options.accepted is not None and item.key not in options.accepted
    return "not accepted" if unwanted else ""


def wanted(finding: Finding, options: Options) -> bool:
    """Whether the user wants to hear of a finding, by ``--select`` and ``--ignore``."""

    def names(patterns: tuple[str, ...]) -> bool:
        return any(finding.id == name or finding.id.startswith(f"{name}/") for name in patterns)

    return (not options.select or names(options.select)) and not names(options.ignore)


def left_for_hands(group: Group) -> Iterator[Planned]:
    """One entry for each thing to do: a view that stays for hands keeps the others from being changed."""
    manual = [(view, finding) for view, finding in group.said if finding.fix is None]
    seen: dict[tuple[str, Location], list[tuple[View, Finding]]] = {}
    for view, finding in manual:
        seen.setdefault((finding.message, locations([(view, finding)])[0]), []).append((view, finding))
    for (_, location), same in seen.items():
        yield Planned(same[0][1], (location,), tuple(dict.fromkeys(view.title for view, _ in same)))
    covered = {location for _, location in seen}
    others = [(view, finding) for view, finding in group.said if finding.fix]
    for location in locations(others):
        if location not in covered:
            reason = f"{manual[0][0].title} shares it and needs hands first"
            finding = _by_hand(others[0][1], others, reason)
            yield Planned(finding, (location,), tuple(view.title for view, _ in others))


def _by_hand(finding: Finding, said: list[tuple[View, Finding]], reason: str) -> Finding:
    """The finding as something to do by hand, with what was wanted as text to paste."""
    where = _where(finding, said)
    texts = [_pasted(fix, view, where) for view, other in said if (fix := other.fix) and fix == finding.fix]
    paste = texts[0] if len(set(texts)) == 1 else _pasted(finding.fix or Fix(), where=where)
    todo = f"write {paste}" if paste else "rewrite it by hand"
    message = f"{finding.message}; not done: {reason}"
    # Where there are lines to paste, the codemod's documentation says the rest.
    notes = () if "\n" in todo else finding.notes
    return replace(finding, safety=Safety.MANUAL, fix=None, message=message, todo=todo, notes=notes)


def _where(finding: Finding, said: list[tuple[View, Finding]]) -> str:
    """For which views the keys that come are, where they are others elsewhere."""
    same, other = (
        dict.fromkeys(view.title for view, found in said if found.fix and (found.fix == finding.fix) is own)
        for own in (True, False)
    )
    elsewhere = [title for title in other if title not in same]
    if elsewhere:
        return f" for {' and '.join(same)}, and the like for {' and '.join(elsewhere)}"
    return " in one ERB branch, and the like in the others" if other else ""


def _pasted(fix: Fix, view: View | None = None, where: str = "") -> str:
    """The keys that come, with what a view says in those that keep their values; lines where that is long."""
    from kamal_migrate.yamldoc.style import Style, block_lines, inline

    tree = NULL
    for come in fix.comes:
        value = typed.of("…" if come.value is MOVED else come.value)
        if view and come.value is MOVED and come.source:
            value = typed.get(view.data, come.source) or value
        tree = typed.put(tree, come.path, value)
    pairs = tree.value if tree.kind == "map" else ()
    text = "; ".join(f"`{inline(Data('map', (pair,)), Style())[1:-1]}`" for pair in pairs)
    if len(text) <= _ONE_LINE or not pairs:
        return f"{text} by hand{where}" if text else ""
    return "\n".join([f"this by hand{where}:", *block_lines(tree, Style())])
