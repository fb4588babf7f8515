"""What a runbook is, and what its steps are made from."""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.destinations import Destination
from kamal_migrate.kamal.evidence import Pin
from kamal_migrate.kamal.pins import Program, program
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Config

KAMAL_2 = Version(2)
# The last one that lets the environment win over `.env`, as all before did; 1.9.3 turns that round (#860).
BRIDGE = Version(1, 9, 2)


class Step(NamedTuple):
    """One step: a title, one line of why, and the commands for it.

    ``destination`` is what it is done for, None for a step that is done once, empty for what is deployed
    without ``-d``. ``notes`` are what to write or to look at, ``warnings`` what goes down or can go wrong,
    ``brief`` the step in a few words, where it belongs into the short form.
    """

    id: str
    title: str
    why: str
    commands: tuple[str, ...] = ()
    destination: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    brief: str = ""


class Task(NamedTuple):
    """Something at a line of a file that no migration rewrites, and that someone has to."""

    path: str
    line: int
    message: str


class Runbook(NamedTuple):
    """The steps for one config: its path and service, the Kamal that deploys it now, the one to come."""

    config: str
    service: str
    source: Pin | None
    target: Version
    steps: tuple[Step, ...]


class Case(NamedTuple):
    """What the steps of one config are made from.

    ``original`` is the app as its files are, ``pending`` whether a migration is to come that makes ``app`` of
    it; ``others`` is all that the project deploys, by config; ``tasks`` is what is left for hands.
    """

    app: App
    config: Config
    original: App
    pending: bool
    source: Version | None
    target: Version
    program: Program
    destinations: list[Destination]
    others: list[tuple[str, Destination]]
    tasks: tuple[Task, ...] = ()

    @property
    def run(self) -> str:
        """What is typed for Kamal."""
        return self.program.command

    @property
    def old(self) -> str:
        """What is typed for the Kamal that can go back, with the files as they are before the migration."""
        before = program(self.original)
        return before.command if before.bundled or before.pulled else f"kamal _{self.bridge}_"

    @property
    def bridge(self) -> Version:
        """The Kamal 1.9 to deploy with before, and to go back with."""
        return self.source if self.source and Version(1, 9) <= self.source < KAMAL_2 else BRIDGE

    def line(self, command: str, one: Destination, *, by: str = "") -> str:
        """A command of Kamal for a destination, as it is typed."""
        return f"{by or self.run} {command}{one.arguments}"

    def shared(self, one: Destination) -> dict[str, list[str]]:
        """What else of the project is on the hosts of a destination, and on which of them."""
        found = {}
        for config, other in self.others:
            common = sorted(set(one.hosts) & other.everywhere)
            if common and (config, other.name) != (self.config.base, one.name):
                found[other.name or config] = common
        return found
