"""What the runbook of an app has to know of each thing that is deployed: hosts, accessories, TLS, names.

A destination here is what one run of Kamal deploys: a config alone, or with ``-d``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.dating import read_by
from kamal_migrate.kamal.deployment import deployment
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.secrets import files_for, secret_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import DEFAULT_CONFIG, Config
from kamal_migrate.yamldoc import data as typed

_LAST = ("production", "prod", "live")
_REFERENCE = re.compile(r"(?<!\\)\$\{?([A-Za-z_]\w*)")


class Destination(NamedTuple):
    """One thing that is deployed: its name, empty without ``-d``, and what Kamal is told to find it.

    ``hosts`` run the app, ``accessories`` are the hosts of each accessory, by name; a host that only Ruby
    knows is left out, and ``known`` says whether there was none. ``tls`` are the host names with automatic
    certificates, ``environment`` the names that must be set where Kamal runs, ``services`` the image of each
    accessory, ``run`` whether options of the proxy's container are set.
    """

    name: str
    arguments: str
    hosts: tuple[str, ...]
    known: bool
    accessories: dict[str, tuple[str, ...]]
    services: dict[str, str]
    tls: tuple[str, ...]
    environment: tuple[str, ...]
    run: bool

    @property
    def apart(self) -> dict[str, tuple[str, ...]]:
        """The accessories on hosts that do not run the app, and those hosts."""
        found = {
            name: tuple(host for host in hosts if host not in self.hosts)
            for name, hosts in self.accessories.items()
        }
        return {name: hosts for name, hosts in found.items() if hosts}

    @property
    def everywhere(self) -> set[str]:
        """All hosts."""
        return {*self.hosts, *(host for hosts in self.accessories.values() for host in hosts)}


def destinations(app: App, config: Config, source: Version | None, target: Version) -> list[Destination]:
    """What a config deploys, production last. Raises `InputError`."""
    rows: dict[str, list[View]] = {}
    for view in app.views:
        if view.config == config and (view.destination or view.layers[0].document.path == config.base):
            rows.setdefault(view.destination, []).append(view)
    found = [_destination(app, config, views, source, target) for views in rows.values()]
    return sorted(found, key=lambda one: (one.name in _LAST, one.name == ""))


def _destination(
    app: App, config: Config, views: list[View], source: Version | None, target: Version
) -> Destination:
    """One destination, in all the branches of its ERB."""
    told: list[dict[str, Any]] = [deployment(view, read_by(view, source, target)) for view in views]
    name = views[0].destination
    roles = [role for one in told for role in one["roles"].values()]
    accessories: dict[str, tuple[str, ...]] = {}
    services: dict[str, str] = {}
    for one in told:
        for title, accessory in one["accessories"].items():
            accessories[title] = _plain([*accessories.get(title, ()), *accessory["hosts"]])
            services[title] = str(accessory["image"] or "")
    hosts = [host for role in roles for host in role["hosts"]]
    return Destination(
        name,
        _arguments(app, config, name),
        _plain(hosts),
        known=len(_plain(hosts)) == len(set(hosts)) and bool(hosts),
        accessories=accessories,
        services=services,
        tls=_plain(_tls(roles)),
        environment=tuple(dict.fromkeys(n for view in views for n in _environment(app, view, target))),
        run=any(_runs(view) for view in views),
    )


def _plain(values: Iterable[object]) -> tuple[str, ...]:
    """The distinct texts that no ERB takes part in."""
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and "<%" not in value))


def _arguments(app: App, config: Config, name: str) -> str:
    prefix = f"{app.root}/" if app.root else ""
    base = config.base.removeprefix(prefix)
    return (f" -c {base}" if base != DEFAULT_CONFIG else "") + (f" -d {name}" if name else "")


def _tls(roles: list[dict[str, Any]]) -> Iterator[str]:
    """The host names that kamal-proxy gets certificates for by itself."""
    for role in roles:
        proxy = role["proxy"] or {}
        if proxy.get("tls") and not proxy.get("certificate"):
            yield from proxy["hosts"]


def _runs(view: View) -> bool:
    return any(path[-2:] == ("proxy", "run") for path, _ in typed.walk(view.data))


def _environment(app: App, view: View, target: Version) -> Iterator[str]:
    """The names that the files of secrets take from the environment; without files, those looked up."""
    files = [path for path in files_for(view, target) or () if app.has(path)]
    said = [doc for path in files if (doc := EnvDoc(app.text(path))).text.strip()]
    if not said:
        yield from secret_names(view, target)
    own: set[str] = set()
    for doc in said:
        for line in doc.lines:
            raw = doc.raw(line) if line.name else ""
            if not raw.startswith("'"):
                yield from (name for name in _REFERENCE.findall(raw) if name not in own)
            own.add(line.name)


def old_builders(view: View, source: Version | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The builders and the Docker contexts that Kamal 1 made for a view (history B.1)."""
    service, builder = view.get("service"), view.get("builder") or {}
    if not isinstance(service, str) or not isinstance(builder, dict):
        return (), ()
    prefix = f"{'mrsk' if source and source < Version(0, 16) else 'kamal'}-{service}"
    local, remote = builder.get("local"), builder.get("remote")
    if builder.get("multiarch") is False:
        return ((f"{prefix}-native-cached",) if "cache" in builder else ()), ()
    if isinstance(remote, dict):
        name = f"{prefix}-multiarch-remote" if isinstance(local, dict) else f"{prefix}-native-remote"
        nodes = [node.get("arch") for node in (local, remote) if isinstance(node, dict)]
        return (name,), tuple(f"{name}-{arch}" for arch in nodes if isinstance(arch, str))
    if "arch" in builder:
        return (), ()
    return (f"{prefix}-multiarch",), ()
