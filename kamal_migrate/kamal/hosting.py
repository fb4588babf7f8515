"""Who gets which image and why: the hosts of all that is deployed, what they pull and what they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.builds import BuildPlan, build_plan
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.hosts import Host, hosts, pulls
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.platforms import built_for
from kamal_migrate.kamal.reach import Chosen, reach
from kamal_migrate.kamal.touching import PULL, touches
from kamal_migrate.kamal.validation import never_alone
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import DEFAULT_CONFIG, Config


class Run(NamedTuple):
    """A command of Kamal, without ``kamal``; empty for none. And what is chosen with `-r` and `-h`."""

    command: str = ""
    chosen: Chosen = Chosen()

    @property
    def options(self) -> str:
        """The options as one types them, empty or after a space."""
        words = (("-r", self.chosen.roles), ("-h", self.chosen.hosts))
        return "".join(f" {option} {','.join(said)}" for option, said in words if said)


class Row(NamedTuple):
    """A host: whether the app's image is pulled there, what it runs, and whether the image has that.

    ``fits`` is None where the image is not pulled, or something is not known.
    """

    host: Host
    pulls: bool
    architecture: Evidence | None
    fits: bool | None


class Step(NamedTuple):
    """One thing that a command does: its words, on which hosts, and on which not because of `-r` or `-h`."""

    words: str
    on: tuple[str, ...]
    left_out: tuple[str, ...]


class Hosting(NamedTuple):
    """One thing that is deployed: the config, the destination (empty without ``-d``), its build, its hosts.

    ``branch`` tells which of several branches of ERB this is, where their hosts differ; else it is empty.
    """

    config: str
    destination: str
    branch: str
    version: Version
    build: BuildPlan
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    arguments: str

    @property
    def misfits(self) -> tuple[Row, ...]:
        """The hosts that pull an image which has nothing for them."""
        return tuple(row for row in self.rows if row.fits is False)


def hostings(
    app: App, config: Config, version: Version, inventory: Inventory, run: Run | None = None
) -> Iterator[Hosting]:
    """What a config deploys, each destination by itself, once for branches of ERB that agree on it.

    Raises `NoMatch` and `NoCommand` for what a run cannot be.
    """
    for views in deployed(app, config, version):
        found = [_hosting(app, view, version, inventory, run or Run()) for view in views]
        distinct = list(dict.fromkeys(found))
        for number, one in enumerate(distinct, 1):
            several = len(distinct) > 1
            yield (
                one._replace(branch=f"{number} of {len(distinct)} ways that its ERB can go")
                if several
                else one
            )


def deployed(app: App, config: Config, version: Version) -> list[list[View]]:
    """The views of each destination, that without `-d` first; a base that is never loaded alone is none."""
    seen = [view for view in app.views if view.config == config]
    alone = {id(view) for view in never_alone(seen, version)}
    found: dict[str, list[View]] = {}
    for view in seen:
        own = view.destination or view.layers[0].document.path == config.base
        if own and id(view) not in alone:
            found.setdefault(view.destination, []).append(view)
    return list(found.values())


def _hosting(app: App, view: View, version: Version, inventory: Inventory, run: Run) -> Hosting:
    known, steps, built = inventory.of_view(view), _steps(view, version, run), built_for(view, version)
    pulling = {host for step in steps if step.words == PULL.words for host in step.on}
    rows = []
    for host in hosts(view, version):
        pulled = host.name in pulling if run.command else pulls(host, version)
        arch = known.architecture(host)
        rows.append(Row(host, pulled, arch, _fits(built, arch) if pulled else None))
    return Hosting(
        view.config.base,
        view.destination,
        "",
        version,
        build_plan(view, version),
        tuple(rows),
        steps,
        _arguments(app, view),
    )


def _steps(view: View, version: Version, run: Run) -> tuple[Step, ...]:
    """What a command does, in its order."""
    if not run.command:
        return ()
    every = touches(reach(view, version), run.command)
    chosen = touches(reach(view, version, run.chosen), run.command)
    kept = frozenset(chosen)
    # Both in the order of Kamal; a dictionary is a list that is quickly searched.
    hosts_of: dict[str, tuple[dict[str, None], list[str]]] = {}
    for touch in (*every, *chosen):
        on, left_out = hosts_of.setdefault(touch.words, ({}, []))
        if touch in kept:
            on[touch.host] = None
        else:
            left_out.append(touch.host)
    return tuple(Step(words, tuple(on), tuple(left_out)) for words, (on, left_out) in hosts_of.items())


def _fits(built: frozenset[str] | None, known: Evidence | None) -> bool | None:
    """Whether an image has what a host runs; None where one of both is not known."""
    return known.value in built if built and known else None


def _arguments(app: App, view: View) -> str:
    """What Kamal is told to find it, empty or after a space."""
    base = view.config.base.removeprefix(f"{app.root}/" if app.root else "")
    file = "" if base == DEFAULT_CONFIG else f" -c {base}"
    return f"{file} -d {view.destination}" if view.destination else file
