"""What `kamal-migrate hosts` shows: configs, versions and inventories together, and hosts that are asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from kamal_migrate.disk import read
from kamal_migrate.inventories import WRITE, inventory_of, keep
from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.dating import KAMAL_2, dated, newest_for
from kamal_migrate.kamal.evidence import Pin
from kamal_migrate.kamal.hosting import Hosting, Run, deployed, hostings
from kamal_migrate.kamal.hosts import hosts
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.reach import NoMatch
from kamal_migrate.kamal.ssh import CannotReach, ssh_of
from kamal_migrate.kamal.touching import NoCommand
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import mask
from kamal_migrate.probing import Answer, NoSsh, Target, found_ssh, probe, shown
from kamal_migrate.project import Config, Project
from kamal_migrate.report.hosts import Hosts, announced
from kamal_migrate.report.terminal import printable
from kamal_migrate.request import Request, UsageError, came_from, options_of
from kamal_migrate.settings import Settings, find_settings


class Asked(NamedTuple):
    """What the command line says: whether to ``probe``, for how many ``seconds`` each, where to ``write``."""

    request: Request
    run: Run = Run()
    probe: bool = False
    seconds: float = 10
    write: Path | None = None


class Subject(NamedTuple):
    """A config, and the Kamal that is looked at."""

    app: App
    config: Config
    kamal: Pin

    @property
    def version(self) -> Version:
        """Its version."""
        return self.kamal.version


def found_hosts(asked: Asked) -> Hosts:
    """What is shown. Raises `InputError`, `SettingsError`, `UsageError` and `WriteError`."""
    request = asked.request
    if asked.write is not None and not asked.probe:
        raise UsageError(f"{WRITE} keeps what --probe finds; add --probe")
    project, settings = read(request.folder, request.configs).project, find_settings(request.folder)
    inventory = inventory_of(request, settings)
    subjects = list(_subjects(project, request, settings))
    answers = _answers(asked, subjects) if asked.probe else []
    known = tuple((one.host, one.architecture) for one in answers if one.architecture)
    if asked.write is not None:
        _keep(asked.write, {host: evidence.value for host, evidence in known})
    inventory = Inventory((*known, *inventory.rows))
    found = [(subject, one) for subject in subjects for one in _hostings(subject, inventory, asked.run)]
    return Hosts(
        tuple(one for _, one in found),
        tuple(came_from(request, subject.kamal) for subject, _ in found),
        asked.run,
        tuple((one.host, one.why_not) for one in answers if one.why_not),
    )


def _keep(file: Path, found: dict[str, str]) -> None:
    """Keep the answers, and say where."""
    if keep(file, found.items()):
        print(printable(mask(f"kept in {file}: {', '.join(found)}")), file=sys.stderr)
    else:
        print(printable(f"nothing new for {file}"), file=sys.stderr)


def _subjects(project: Project, request: Request, settings: Settings) -> Iterator[Subject]:
    """Each config with the Kamal that is asked for, else the one in use."""
    for app in apps(project):
        for config in app.configs:
            asked = Pin(request.to, "--for") if request.to else None
            yield Subject(app, config, asked or _in_use(app, config, request, settings))


def _in_use(app: App, config: Config, request: Request, settings: Settings) -> Pin:
    """The Kamal that a file names or that keys tell, else the newest that takes such a config.

    For Kamal 2 that is the one that a migration picks.
    """
    told = dated(app.project, config)
    if told:
        return told
    target = options_of(request, settings, None).to
    newest = newest_for((view for view in app.views if view.config == config), target)
    if newest < KAMAL_2:
        return Pin(newest, "the newest for a config of Kamal 1")
    return Pin(newest, settings.file if settings.to else "the newest")


def _hostings(subject: Subject, inventory: Inventory, run: Run) -> list[Hosting]:
    try:
        return list(hostings(subject.app, subject.config, subject.version, inventory, run))
    except NoMatch as error:
        raise UsageError(f"{subject.config.base}: Kamal says: {error}") from None
    except NoCommand as error:
        raise UsageError(f"--command: {error}") from None


def _answers(asked: Asked, subjects: Iterable[Subject]) -> list[Answer]:
    """What the hosts say of themselves, after it was said how they are asked. Raises `UsageError`."""
    try:
        ssh = found_ssh()
    except NoSsh as error:
        raise UsageError(str(error)) from None
    answers: list[Answer] = []
    targets: dict[Target, None] = {}
    for subject in subjects:
        for host, reached in _targets(asked, subject):
            if isinstance(reached, str):
                answers.append(Answer(host, None, reached))
            else:
                targets[reached] = None
    ways: dict[str, list[str]] = {}
    for target in targets:
        ways.setdefault(shown(target), []).append(target.name)
    for line in announced(ways.items()):
        print(printable(line.text), file=sys.stderr)
    answers += probe(targets, ssh, seconds=asked.seconds)
    answered = {one.host for one in answers if one.architecture}
    return list(dict.fromkeys(one for one in answers if one.architecture or one.host not in answered))


def _targets(asked: Asked, subject: Subject) -> Iterator[tuple[str, Target | str]]:
    """The hosts of a config with how to reach them, or why they are not asked."""
    folder = asked.request.folder / subject.app.root
    for view in (view for views in deployed(subject.app, subject.config, subject.version) for view in views):
        for host in hosts(view, subject.version):
            try:
                yield host.name, Target(host.name, ssh_of(view, subject.version), folder)
            except CannotReach as error:
                yield host.name, str(error)
