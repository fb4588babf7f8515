"""`plan`: asks the codemods, places what they want, edits, and proves. An unproved plan does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kamal_migrate.api import Finding, Options, Safety, View, source_of
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine.accepting import State, accept
from kamal_migrate.engine.groups import Group, held_back, left_for_hands
from kamal_migrate.engine.planned import Planned, locations
from kamal_migrate.engine.proofs import BUILDER, prove_builds, prove_comments, prove_files, prove_views
from kamal_migrate.engine.suppressions import Suppressions
from kamal_migrate.kamal.dating import dated
from kamal_migrate.kamal.loading import views
from kamal_migrate.kamal.upgrading import unsaid
from kamal_migrate.project import Config, Project
from kamal_migrate.text import splice
from kamal_migrate.yamldoc import data as typed


@dataclass(frozen=True)
class Plan:
    """What would be done to an app: the findings, the new texts, what is said beside. It is proved."""

    project: Project
    options: Options
    findings: tuple[Planned, ...]
    after: Project
    changed: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def views(self) -> Iterator[tuple[View, View]]:
        """Every view before and after."""
        for config in self.project.configs:
            after = {
                (v.destination, tuple(layer.key for layer in v.layers)): v for v in views(self.after, config)
            }
            for view in views(self.project, config):
                yield view, after[(view.destination, tuple(layer.key for layer in view.layers))]


def plan(project: Project, codemods: Sequence[Loaded], options: Options) -> Plan:
    """Plan an app. Raises `InputError` for unreadable files and `ProofError` for a plan that proves wrong."""
    chosen = [codemod for codemod in codemods if _applies(codemod, options)]
    suppressions = Suppressions()
    planned: list[Planned] = []
    states = []
    for config in project.configs:
        found = views(project, config)
        layers = {layer.key: layer for view in found for layer in view.layers}
        intended = {key: layer.doc.data for key, layer in layers.items()}
        state = State(found, layers, intended, [view.data for view in found])
        states.append(state)
        suppressions.read({key.path: layer.document.text for key, layer in layers.items()})
        planned += _plan_config(state, chosen, options_for(config, project, options), suppressions)
    changes = {path: splice(project.files[path], edits) for s in states for path, edits in s.edits.items()}
    changes = {path: text for path, text in changes.items() if text != project.files[path]}
    after = project.with_files(changes)
    notes = (
        dict.fromkeys(note for s in states for view in s.views for note in unsaid(view, options.to))
        if changes
        else ()
    )
    made = Plan(project, options, tuple(planned), after, tuple(changes), (*suppressions.unused(), *notes))
    if changes:
        _prove(made, states, project.configs)
    return made


def options_for(config: Config, project: Project, options: Options) -> Options:
    """The options for one config: the version that deploys it is its own app's, unless one was given."""
    pin = dated(project, config) if options.source is None else None
    return replace(options, source=pin.version) if pin else options


def _applies(codemod: Loaded, options: Options) -> bool:
    declared = codemod.declaration
    return declared.since <= options.to <= declared.until


def _wanted(finding: Finding, options: Options) -> bool:
    def names(patterns: tuple[str, ...]) -> bool:
        return any(finding.id == name or finding.id.startswith(f"{name}/") for name in patterns)

    return (not options.select or names(options.select)) and not names(options.ignore)


def _prove(made: Plan, states: list[State], configs: list[Config]) -> None:
    before, after = made.project, made.after
    intended = {key: data for state in states for key, data in state.intended.items()}
    prove_files(after, {key: data for key, data in intended.items() if key.path in made.changed})
    done = [item for item in made.findings if item.applied]
    for state, config in zip(states, configs, strict=True):
        found = views(after, config)
        prove_views(zip(state.views, state.expected, strict=True), found)
        pairs = zip(state.views, found, strict=True)
        same = [pair for pair in pairs if _only_safe(pair[0], done) and not _by_hand(pair[0], made.findings)]
        source = source_of(options_for(config, before, made.options))
        prove_builds(same, source, made.options.to)
    for path in made.changed:
        prove_comments(before, after, path, [text for item in done for p, text in item.lost if p == path])


def _only_safe(view: View, done: list[Planned]) -> bool:
    """Whether all that is done for a view is said to change nothing."""
    paths = {layer.document.path for layer in view.layers}
    safeties = {
        item.finding.safety for item in done if view.title in item.views and paths & item.edits.keys()
    }
    return safeties == {Safety.SAFE}


def _by_hand(view: View, findings: Sequence[Planned]) -> bool:
    """Whether a view's build is for hands in part, so that nothing is said of it."""
    manual = [item for item in findings if item.finding.safety is Safety.MANUAL]
    return any(view.title in item.views and item.finding.key[:1] == BUILDER for item in manual)


def _plan_config(
    state: State, codemods: list[Loaded], options: Options, suppressions: Suppressions
) -> Iterator[Planned]:
    """What becomes of every finding of a config, a codemod after the other."""
    groups = {codemod.id: list(_asked(codemod, state.views, options)) for codemod in codemods}
    by_hand: list[Group] = []
    for codemod in codemods:
        own = [group for group in groups[codemod.id] if not _said_by_another(group, groups)]
        if suppressions:
            own = [g for g in own if not suppressions.silences(g.finding.id, locations(g.said))]
        by_hand += [group for group in own if not group.can_be_done]
        yield from _accepted([group for group in own if group.can_be_done], state, options)
    for group in by_hand:
        if not _gone(group, state):
            yield from left_for_hands(group)


def _gone(group: Group, state: State) -> bool:
    """Whether what a finding without any fix is about has changed meanwhile, in every view."""
    if any(finding.fix for _, finding in group.said):
        return False
    pairs = zip(group.wants, state.expected, strict=True)
    key = group.finding.key
    return all(typed.get(now, key) != typed.get(view.data, key) for (view, finding), now in pairs if finding)


def _asked(codemod: Loaded, found: list[View], options: Options) -> Iterator[Group]:
    """What a codemod finds, each in all views; what takes nothing away last, for it looks at the rest."""
    rows: dict[tuple[str, typed.Path], list[Finding | None]] = {}
    for index, view in enumerate(found):
        for finding in codemod.decide(view, options):
            if _wanted(finding, options):
                empty: list[Finding | None] = [None] * len(found)
                rows.setdefault((finding.id, finding.key), empty)[index] = finding
    groups = [Group(codemod, list(zip(found, row, strict=True))) for row in rows.values()]
    yield from sorted(groups, key=lambda group: not any(f.fix and f.fix.goes for _, f in group.said))


def _accepted(groups: list[Group], state: State, options: Options) -> Iterator[Planned]:
    """Accept the findings of a codemod, but for those that the user does not want."""
    held = [held_back(group, options) for group in groups]
    yield from (item for item in held if item)
    free = [group for group, item in zip(groups, held, strict=True) if not item]
    yield from accept(free, state, options) if free else ()


def _said_by_another(group: Group, groups: dict[str, list[Group]]) -> bool:
    """Whether a finding without a fix is about a key that another codemod takes away or speaks of already."""
    if any(finding.fix for _, finding in group.said):
        return False
    key = group.finding.key
    for other, rivals in groups.items():
        for _, rival in (said for g in rivals for said in g.said) if other != group.codemod.id else ():
            takes = rival.fix.goes if rival.fix else ()
            spoken = (rival.key,) if rival.fix else (rival.key, *rival.also)
            if (other < group.codemod.id and key in spoken) or any(
                key[: len(path)] == path for path in takes
            ):
                return True
    return False
