"""The runbook: what to do, and on which machine, so that the servers follow the files.

A step is what everybody has to do; it is no fault of the files. Facts of the official upgrade guide, checked
against the code of the tags (history D.5, G, H).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.dating import dated
from kamal_migrate.kamal.destinations import destinations
from kamal_migrate.kamal.evidence import Pin, root_of
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.pins import program
from kamal_migrate.kamal.pushes import deploying
from kamal_migrate.kamal.steps import ending, preparing, serving
from kamal_migrate.kamal.steps.case import KAMAL_2, Case, Runbook, Step, Task
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Config, Project

__all__ = ["Runbook", "Step", "Task", "runbooks"]


def runbooks(
    project: Project,
    target: Version,
    source: Version | None = None,
    original: Project | None = None,
    *,
    written: bool = False,
    tasks: Sequence[Task] = (),
) -> list[Runbook]:
    """The runbook of each config of a project. Raises `InputError`.

    ``project`` is what is deployed in the end: the planned result, with the files as they are in
    ``original``, or the files as they are; ``written`` says that the plan has been carried out, and ``tasks``
    what it leaves for hands. ``source`` is the Kamal that deploys it now; without it the files tell.
    """
    before = {app.root: app for app in apps(original or project)}
    found = [_case(app, config, before[app.root], target, source) for app, config in _configs(project)]
    if written:
        found = [(case._replace(pending=False), pin) for case, pin in found]
    found = [(case._replace(tasks=tuple(_own(case, tasks))), pin) for case, pin in found]
    everything = [(case.config.base, one) for case, _ in found for one in case.destinations]
    return [_runbook(case._replace(others=everything), pin) for case, pin in found]


def _configs(project: Project) -> Iterator[tuple[App, Config]]:
    yield from ((app, config) for app in apps(project) for config in app.configs)


def _own(case: Case, tasks: Sequence[Task]) -> Iterator[Task]:
    """What is left for hands in the files of a config, in those beside it, and in those of no app."""
    configs, root = case.app.project.configs, case.app.root
    others = {path for config in configs if config != case.config for path in config.paths}
    roots = {root_of(config.base) for config in configs}
    for task in tasks:
        around = [other for other in roots if not other or task.path.startswith(f"{other}/")]
        if task.path not in others - {*case.config.paths} and max(around, key=len, default=root) == root:
            yield task


def _case(
    app: App, config: Config, original: App, target: Version, source: Version | None
) -> tuple[Case, Pin | None]:
    """What the steps of a config are made from, and what says which Kamal deploys it now."""
    pin = Pin(source, "--from") if source else dated(original.project, config)
    known = pin.version if pin else None
    pending = original.project.files != app.project.files
    deployed = destinations(app, config, known, target)
    return Case(app, config, original, pending, known, target, program(app), deployed, []), pin


def _runbook(case: Case, pin: Pin | None) -> Runbook:
    names = {view.get("service") for view in case.app.views if view.config == case.config and _says(view)}
    service = str(names.pop()) if len(names) == 1 else case.app.project.name
    return Runbook(case.config.base, service, pin, case.target, tuple(_steps(case)))


def _says(view: View) -> bool:
    return isinstance(view.get("service"), str)


def _steps(case: Case) -> Iterator[Step]:
    if case.target < KAMAL_2:
        yield from _to_1_9(case)
    elif case.source and case.source >= KAMAL_2:
        yield from _within_2(case)
    else:
        yield from _to_2(case)


def _to_1_9(case: Case) -> Iterator[Step]:
    yield from preparing.migrate(case)
    yield from preparing.by_hand(case)
    yield from preparing.version(case)
    for one in case.destinations:
        yield serving.config(case, one)
        if case.source is None or case.source < Version(1):
            yield serving.env(case, one)
        yield serving.deploy(case, one)


def _within_2(case: Case) -> Iterator[Step]:
    """Only what a newer Kamal 2 asks for."""
    moves = [*preparing.migrate(case), *preparing.by_hand(case), *preparing.version(case)]
    proxy = serving.outdated(case)
    yield from moves
    for one in case.destinations if moves or proxy else ():
        yield serving.config(case, one)
        if proxy or (case.pending and one.run):
            yield serving.reboot(case, one, proxy)
        yield serving.deploy(case, one)


def _to_2(case: Case) -> Iterator[Step]:
    paused = deploying(case.app)
    yield preparing.bridge(case)
    if paused:
        yield preparing.pause(paused)
    yield from preparing.migrate(case)
    yield from preparing.by_hand(case)
    yield from preparing.version(case, bridged=True)
    for one in case.destinations:
        yield serving.config(case, one)
        yield from serving.environment(case, one)
        yield serving.build(case, one)
        yield from serving.certificates(one)
        yield serving.upgrade(case, one)
        yield serving.deploy(case, one)
    if paused:
        yield preparing.resume(paused)
    yield ending.builders(case)
    yield ending.back(case)
