"""The roles of a view: which of them Traefik served, their servers, their labels, their health checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.retyping import is_variable
from kamal_migrate.kamal.traefik import Label, is_for_traefik, of_map
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

# Before it, `web` always had Traefik; from it on the primary role, unless `traefik: false` (history A.3).
TRAEFIK_OF_PRIMARY = Version(1, 3)


class Said(NamedTuple):
    """A setting and the key path that states it."""

    value: object
    path: Path


class Role(NamedTuple):
    """A role as Kamal 1 deploys it.

    ``path`` is that of its own map, None where it is a plain list of servers. ``servers`` are its hosts, None
    where ERB writes them. ``proxied`` tells whether Kamal 1 put Traefik before it, ``labels`` are those that
    its containers get, ``check`` are the settings of its health check with those of the root.
    """

    name: str
    path: Path | None
    servers: tuple[str, ...] | None
    primary: bool
    proxied: bool
    labels: tuple[Label, ...]
    check: dict[str, Said]

    @property
    def size(self) -> int | None:
        """How many servers it has; None where ERB writes them."""
        return None if self.servers is None else len(self.servers)

    @property
    def own_labels(self) -> list[Label]:
        """The `traefik.*` labels that it states itself."""
        return [lab for lab in self.labels if is_for_traefik(lab.name) and lab.path[:1] == ("servers",)]


def primary_role(view: View) -> object:
    """The name of the role that Kamal takes where none is given."""
    return view.get("primary_role") or view.get("primary_web_role") or "web"


def roles(view: View, source: Version | None) -> list[Role]:
    """The roles of a view, seen by the Kamal 1 that deploys it."""
    servers = view.get("servers")
    if isinstance(servers, (list, Opaque)):
        return [_role(view, "web", servers, source, flat=True)]
    return [_role(view, name, value, source) for name, value in _pairs(servers).items()]


def _pairs(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _role(view: View, name: str, value: object, source: Version | None, *, flat: bool = False) -> Role:
    own = _pairs(value)
    path = ("servers",) if flat else ("servers", name)
    hosts = own.get("hosts", [] if own else None) if isinstance(value, dict) else value
    primary = primary_role(view)
    first = True if isinstance(primary, Opaque) else name == primary
    return Role(
        name,
        path if isinstance(value, dict) else None,
        _servers(view, hosts, (*path, "hosts") if own else path),
        first,
        _is_proxied(name, own, source, primary=first),
        tuple(_merged_labels(view, own, path)),
        _merged_check(view, own, path, source, primary=first),
    )


def _servers(view: View, hosts: object, path: Path) -> tuple[str, ...] | None:
    if isinstance(hosts, (str, int)):
        return (str(hosts),)
    if isinstance(hosts, Opaque) and is_variable(hosts.source):
        return (hosts.source,)
    if not isinstance(hosts, list) or view.is_open((*path, 0)):
        return None
    names = [next(iter(item)) if isinstance(item, dict) and item else item for item in hosts]
    return tuple(item.source if isinstance(item, Opaque) else str(item) for item in names)


def _is_proxied(name: str, own: dict[str, object], source: Version | None, *, primary: bool) -> bool:
    proxy, flag = own.get("proxy"), own.get("traefik")
    if proxy is not None:
        return proxy is not False
    if source is not None and source < TRAEFIK_OF_PRIMARY:
        return name == "web" or flag is True
    return primary if flag is None or isinstance(flag, Opaque) else flag is True


def _merged_labels(view: View, own: dict[str, object], path: Path) -> list[Label]:
    found = {label.name: label for label in of_map(view.get("labels"), ("labels",))}
    found.update({label.name: label for label in of_map(own.get("labels"), (*path, "labels"))})
    return list(found.values())


def _merged_check(
    view: View, own: dict[str, object], path: Path, source: Version | None, *, primary: bool
) -> dict[str, Said]:
    """Kamal 1 merges the root's health check into those of proxied roles only."""
    proxied = _is_proxied(str(path[-1]), own, source, primary=primary) or path == ("servers",)
    root = _pairs(view.get("healthcheck")) if proxied else {}
    found = {name: Said(value, ("healthcheck", name)) for name, value in root.items()}
    special = _pairs(own.get("healthcheck"))
    found.update({name: Said(value, (*path, "healthcheck", name)) for name, value in special.items()})
    return found


def first_of_traefik(view: View) -> Path | None:
    """The key that stands for all of Traefik in every view of a config; None where none says anything of it.

    Root `traefik`, else root `healthcheck`, else the first switch, health check or label of a role, also one
    among its Docker options.
    """
    stated: list[Path] = []
    for path in view.config.paths:
        for doc in view.project.document(path).docs:
            stated += _of_traefik(doc.effective)
    return min(stated, key=lambda path: (path[0] != "traefik", path[0] != "healthcheck"), default=None)


def _of_traefik(config: Data) -> Iterator[Path]:
    for path, data in typed.walk(config):
        role = path[0] == "servers" if path else False
        label = path[-2:-1] == ("labels",) and is_for_traefik(path[-1]) and (role or len(path) == 2)
        of_role = role and len(path) == 3 and path[-1] in ("traefik", "healthcheck")
        option = role and path[2:4] == ("options", "label") and is_for_traefik(data.value)
        if label or of_role or option or path in (("traefik",), ("healthcheck",)):
            yield path[:4] if option else path
