"""`plan`: asks the codemods, places what they want, edits, and proves. An unproved plan does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kamal_migrate.api import App, Finding, Options, Safety, View, source_of
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine.accepting import accept
from kamal_migrate.engine.files import Files, plan_files
from kamal_migrate.engine.groups import Group, held_back, left_for_hands, wanted
from kamal_migrate.engine.planned import Planned, locations
from kamal_migrate.engine.proofs import BUILDER, prove_builds, prove_comments, prove_files, prove_views
from kamal_migrate.engine.state import State
from kamal_migrate.engine.suppressions import Suppressions
from kamal_migrate.engine.validating import loaded, validated
from kamal_migrate.kamal.app import apps
from kamal_migrate.kamal.dating import dated
from kamal_migrate.kamal.loading import reread, views
from kamal_migrate.kamal.upgrading import ignored, told_in_vain, unsaid
from kamal_migrate.project import Config, Project
from kamal_migrate.yamldoc import data as typed

if TYPE_CHECKING:
    from kamal_migrate.engine.announcing import Compared


@dataclass(frozen=True)
class Plan:
    """What would be done to an app: the findings, the new texts, what is said beside. It is proved.

    ``deployment`` is what changes for it; ``changed`` are the files of the result that are new or not as they
    were; ``renamed`` their old paths by the new ones; ``private`` those that hold secret values.
    """

    project: Project
    options: Options
    findings: tuple[Planned, ...]
    after: Project
    changed: tuple[str, ...]
    notes: tuple[str, ...] = ()
    deployment: tuple[Compared, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    private: frozenset[str] = frozenset()

    def before(self, path: str) -> str:
        """The text that a file of the result had; empty for one that comes."""
        return self.project.files.get(self.renamed.get(path, path), "")

    @property
    def environment(self) -> tuple[str, ...]:
        """The names that must be in the environment of whoever runs Kamal from now on."""
        done = (item.finding for item in self.findings if item.applied)
        return tuple(dict.fromkeys(name for finding in done for name in finding.environment))

    def views(self) -> Iterator[tuple[View, View]]:
        """Every view before and after."""
        for config in self.project.configs:
            for view in views(self.project, config):
                yield view, reread(view, self.after)


def plan(project: Project, codemods: Sequence[Loaded], options: Options) -> Plan:
    """Plan an app. Raises `InputError` for unreadable files and `ProofError` for a plan that proves wrong."""
    chosen = [codemod for codemod in codemods if _applies(codemod, options)]
    suppressions = Suppressions()
    suppressions.read(project.files)
    planned: list[Planned] = []
    states = []
    for config in project.configs:
        own = options_for(config, project, options)
        state = State(project, config, own)
        states.append(state)
        planned += _plan_config(state, chosen, own, suppressions)
    files = Files(project)
    for app in apps(project):
        own = options_for(app.configs[0], project, options)
        for codemod in chosen:
            planned += plan_files(app, _selective(codemod, own), own, files, suppressions)
    made = _assembled(project, options, states, files, planned, suppressions)
    if made.changed:
        _prove(made, states, project.configs)
    return _judged(made, states, suppressions)


def _unsaid(state: State, project: Project, options: Options) -> Iterator[str]:
    own = options_for(state.config, project, options)
    yield from (note for view in state.original for note in ignored(view, own.source, own.to))
    yield from (note for view in state.views for note in unsaid(view, own.source, own.to))
    for before, after in zip(state.original, state.views, strict=True):
        yield from told_in_vain(before, after, own.to)


def _judged(made: Plan, states: list[State], suppressions: Suppressions) -> Plan:
    """The plan with what the target says of the result, and what changes for the deployment."""
    findings = made.findings
    changes: list[Compared] = []
    for state in states:
        options = options_for(state.config, made.project, made.options)
        pairs = [pair for pair in _pairs(state, made.after) if pair[1].is_loadable or not pair[0].is_loadable]
        pairs = loaded(pairs, options)
        own = [item for item in findings if _is_of(item, state)]
        others = tuple(item for item in findings if item not in own)
        said, refused = validated(pairs, own, options, suppressions, others)
        findings = (*others, *said)
        if made.changed:
            from kamal_migrate.engine.announcing import compared

            told = [item for item in own if not item.held]
            changes += compared(pairs, told, options, refused)
    return replace(made, findings=findings, deployment=tuple(changes))


def _is_of(item: Planned, state: State) -> bool:
    """Whether a finding is about a config."""
    return item.locations[0].path in state.config.paths


def _selective(codemod: Loaded, options: Options) -> Loaded:
    """The codemod with only those findings about files that the user wants to hear of."""

    def decide_app(app: App, options: Options) -> Iterator[Finding]:
        return (finding for finding in codemod.decide_app(app, options) if wanted(finding, options))

    return replace(codemod, decide_app=decide_app)


def _assembled(
    project: Project,
    options: Options,
    states: list[State],
    files: Files,
    planned: list[Planned],
    suppressions: Suppressions,
) -> Plan:
    """The plan of all that was accepted."""
    texts = {path: text for state in states for path, text in state.changed.items()} | files.texts
    changes = {path: text for path, text in texts.items() if text != project.files.get(path)}
    after = project.with_files(changes, files.gone)
    notes = dict.fromkeys(note for state in states for note in _unsaid(state, project, options))
    return Plan(
        project,
        options,
        tuple(planned),
        after,
        tuple(changes),
        (*suppressions.unused(), *(notes if changes else ())),
        renamed=dict(files.renamed),
        private=frozenset(files.private),
    )


def options_for(config: Config, project: Project, options: Options) -> Options:
    """The options for one config: the version that deploys it is its own app's, unless one was given."""
    pin = dated(project, config) if options.source is None else None
    return replace(options, source=pin.version) if pin else options


def _applies(codemod: Loaded, options: Options) -> bool:
    declared = codemod.declaration
    return declared.since <= options.to <= declared.until


def _prove(made: Plan, states: list[State], configs: list[Config]) -> None:
    before, after = made.project, made.after
    intended = {key: data for state in states for key, data in state.intended.items()}
    prove_files(after, {key: data for key, data in intended.items() if key.path in made.changed})
    done = [item for item in made.findings if item.applied]
    for state, config in zip(states, configs, strict=True):
        pairs = _pairs(state, after)
        prove_views(zip(state.original, state.expected, strict=True), [found for _, found in pairs])
        same = [pair for pair in pairs if _only_safe(pair[0], done) and not _by_hand(pair[0], made.findings)]
        source = source_of(options_for(config, before, made.options))
        prove_builds(same, source, made.options.to)
    for path in dict.fromkeys(path for state in states for path in state.changed):
        prove_comments(before, after, path, [text for item in done for p, text in item.lost if p == path])


def _pairs(state: State, after: Project) -> list[tuple[View, View]]:
    """The views of a config before and after."""
    return [(view, reread(view, after)) for view in state.original]


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
    groups = {codemod.id: list(_asked(codemod, state.original, options)) for codemod in codemods}
    by_hand: list[Group] = []
    for codemod in codemods:
        own = [group for group in groups[codemod.id] if not _said_by_another(group, groups)]
        if suppressions:
            own = [g for g in own if not suppressions.silences(g.finding.id, locations(g.said))]
        fits = [group for group in own if group.can_be_done and not _filled(group, state)]
        done = list(_accepted(fits, state, options))
        left = [group for group in own if not group.can_be_done]
        by_hand += left if any(item.applied for item in done) else map(_staying, left)
        yield from done
    for group in by_hand:
        if not _gone(group, state):
            yield from left_for_hands(group)


def _staying(group: Group) -> Group:
    """A finding without a fix, where what it is about would have gone with another that was not done."""
    return group._replace(
        wants=[(view, finding and replace(finding, went=False)) for view, finding in group.wants]
    )


def _gone(group: Group, state: State) -> bool:
    """Whether what a finding without any fix is about has changed meanwhile, in every view."""
    if any(finding.fix or finding.went or finding.lasts for _, finding in group.said):
        return False
    pairs = zip(group.wants, state.expected, strict=True)
    key = group.finding.key
    return all(typed.get(now, key) != typed.get(view.data, key) for (view, finding), now in pairs if finding)


def _filled(group: Group, state: State) -> bool:
    """Whether all that a finding would take away was empty, and has been given a value meanwhile."""
    pairs = zip(group.wants, state.expected, strict=True)
    rows = [
        (typed.get(view.data, path), typed.get(now, path))
        for (view, finding), now in pairs
        for path in (finding.fix.goes if finding and finding.fix else ())
    ]
    return bool(rows) and all(was == typed.NULL and now and now != was for was, now in rows)


def _asked(codemod: Loaded, found: list[View], options: Options) -> Iterator[Group]:
    """What a codemod finds, each in all views; what takes nothing away last, for it looks at the rest."""
    rows: dict[tuple[str, typed.Path], list[Finding | None]] = {}
    for index, view in enumerate(found):
        for finding in codemod.decide(view, options):
            finding = finding if finding.changes else replace(finding, changes=codemod.declaration.changes)
            if wanted(finding, options):
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
    """Whether a finding without a fix is about a key that another codemod speaks of already, or takes away in
    every view.
    """
    if any(finding.fix or finding.went or finding.lasts for _, finding in group.said):
        return False
    key, own = group.finding.key, _standing(group.codemod)
    rivals = [rival for rivals in groups.values() for rival in rivals if rival.codemod is not group.codemod]
    for codemod, finding in ((rival.codemod, finding) for rival in rivals for _, finding in rival.said):
        spoken = (finding.key,) if finding.fix else (finding.key, *finding.also)
        if _standing(codemod) < own and key in spoken:
            return True
    seen = [index for index, (_, finding) in enumerate(group.wants) if finding]
    return all(any(_takes(rival.wants[index][1], key) for rival in rivals) for index in seen)


def _takes(finding: Finding | None, key: typed.Path) -> bool:
    """Whether a key goes with what a finding wants in a view, with what is around it or all that is in it."""
    if finding is None or finding.fix is None:
        return False
    return key in finding.also or any(key[: len(path)] == path for path in finding.fix.goes)


def _standing(codemod: Loaded) -> tuple[bool, str]:
    """Whose word counts, where two speak of one key: the lower one's."""
    return codemod.declaration.fallback, codemod.id
