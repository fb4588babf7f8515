"""What would go wrong with an app under a Kamal: what it refuses and what the rules say, each thing once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kamal_migrate.engine import Location
from kamal_migrate.engine.planned import located
from kamal_migrate.engine.suppressions import Suppressions
from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.evidence import pinned
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.validation import faults, never_alone, unknown_keys
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Config, Project
from kamal_migrate.rules import RULES, Remark, Rule, Severity, Subject
from kamal_migrate.text import position
from kamal_migrate.yamldoc import Path
from kamal_migrate.yamldoc import data as typed

REFUSED, UNKNOWN = "refused", "unknown-key"
# Kamal's own refusals are no rule of ours; what `explain` and SARIF say of them. The first line is the title.
DOCUMENTATION = {
    REFUSED: """Kamal refuses the config.

The message is Kamal's own. Before any command Kamal merges a destination into
its base and checks the result, and it stops at the first fault; here every
fault is shown, where it is stated. Up to 1.6 keys that Kamal did not know were
ignored, from 1.7 on they are refused.

What to do: `kamal-migrate` rewrites what an older Kamal took and this one does
not. The rest is yours, such as a required key that is missing or a value of
another type. `kamal config` loads and checks the files and touches no server.""",
    UNKNOWN: """A key that only a newer Kamal may know.

The Kamal that was asked about is newer than the newest one that is known here,
and that one refuses the key. The newer one may take it, so this is a note.

What to do: see whether `kamal config` of that version takes it.""",
}


def title_of(id: str) -> str:
    """The first line of what is said of a kind of refusal."""
    return DOCUMENTATION[id].partition("\n")[0].removesuffix(".")


class Problem(NamedTuple):
    """One thing that is wrong: where it is stated, the rule that says so, and in which views.

    ``looked_at`` are all the views that were asked about it. ``key`` and ``value`` are empty for what is
    about a file. ``ways`` are the ways out, ``fixed_by`` the codemod that takes one.
    """

    location: Location
    severity: Severity
    rule: str
    key: Path
    message: str
    views: tuple[str, ...] = ()
    looked_at: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    fixed_by: str = ""
    value: str = ""


class Wanted(NamedTuple):
    """What is asked for: the Kamal to check for, and what is known of the machines.

    ``rules`` are ids to look for, ``ignored`` ids to leave out; a rule that is off has to be named.
    """

    version: Version
    inventory: Inventory = Inventory()
    machine: str | None = None
    rules: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def takes(self, rule: str, *, off: bool = False) -> bool:
        """Whether a rule is wanted."""
        return rule not in self.ignored and (rule in self.rules if self.rules or off else True)


class Checked(NamedTuple):
    """The problems of an app, by file and line."""

    version: Version
    configs: tuple[Config, ...]
    problems: tuple[Problem, ...]

    def at_least(self, severity: Severity) -> list[Problem]:
        """Those that are as bad as this, or worse."""
        return [problem for problem in self.problems if problem.severity.rank <= severity.rank]


def check(project: Project, wanted: Wanted) -> Checked:
    """Check every view of every config of an app. Raises `InputError` for a file that is none."""
    found = [problem for app in apps(project) for problem in _problems(app, wanted)]
    silenced = Suppressions()
    silenced.read(project.files)
    heard = [one for one in found if not silenced.silences(one.rule, [one.location])]
    return Checked(wanted.version, tuple(project.configs), tuple(_together(heard)))


def _problems(app: App, wanted: Wanted) -> Iterator[Problem]:
    for config in app.configs:
        seen = [view for view in app.views if view.config == config]
        alone = {id(view) for view in never_alone(seen, wanted.version)}
        loaded = tuple(view for view in seen if id(view) not in alone)
        titles = tuple(view.title for view in loaded)
        for view in loaded:
            yield from (one._replace(looked_at=titles) for one in _refused(view, wanted))
        known = pinned(app.project, config.base)
        subject = Subject(
            app, loaded, wanted.version, known.version if known else None, wanted.inventory, wanted.machine
        )
        for rule in RULES:
            if wanted.takes(rule.id, off=rule.off):
                said = (_said(subject, rule, remark) for remark in rule.look(subject))
                yield from (one._replace(looked_at=titles) for one in said)


def _refused(view: View, wanted: Wanted) -> Iterator[Problem]:
    """What Kamal itself refuses, in its words."""
    for rule, severity, look in (
        (REFUSED, Severity.ERROR, faults),
        (UNKNOWN, Severity.NOTE, unknown_keys),
    ):
        for fault in look(view, wanted.version) if wanted.takes(rule) else ():
            found = _of_view(view, Problem(_nowhere, severity, rule, fault.path, fault.message))
            yield found._replace(location=Location(fault.file, 1, 1)) if fault.file else found


_nowhere = Location("", 1, 1)


def _said(subject: Subject, rule: Rule, remark: Remark) -> Problem:
    problem = Problem(
        Location(subject.app.inside(remark.file), remark.line, 1),
        remark.severity or rule.severity,
        rule.id,
        remark.key,
        remark.message,
        ways=remark.ways,
        fixed_by=rule.fixed_by,
    )
    return _of_view(remark.view, problem) if remark.view else problem


def _of_view(view: View, problem: Problem) -> Problem:
    """The same with its place: the file that Kamal obeys for the key, or the nearest thing above it."""
    layer, path = located(view, problem.key)
    document = layer.document
    data = typed.get(view.data, problem.key)
    return problem._replace(
        location=Location(document.path, *position(document.text, layer.doc.at(*path).offset)),
        views=(view.title,),
        value="" if data is None or data.kind in ("map", "list") else str(data.value),
    )


def _together(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The same thing at the same place is one problem, whatever views see it."""
    same: dict[Problem, list[Problem]] = {}
    for problem in problems:
        same.setdefault(problem._replace(views=(), looked_at=()), []).append(problem)
    for problem, found in sorted(same.items(), key=lambda item: item[0].location):
        views = dict.fromkeys(name for one in found for name in one.views)
        looked_at = dict.fromkeys(name for one in found for name in one.looked_at)
        yield problem._replace(views=tuple(views), looked_at=tuple(looked_at))
