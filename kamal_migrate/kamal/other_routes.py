"""Routes that a role cannot have: beside a `proxy` that stands there, or with the TLS of another role."""

from __future__ import annotations

import re

from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.routing import NO_CERTIFICATE, OTHER_ROUTES, Left, Routing
from kamal_migrate.kamal.traefik_reasons import IN_FRONT
from kamal_migrate.yamldoc import Data, Path

LABELS: Path = ("labels",)
_ROUTER = re.compile(r"traefik\.http\.(routers|middlewares)\.", re.IGNORECASE)
_ROUTE = ("host", "hosts", "path_prefix", "path_prefixes", "strip_path_prefix", "ssl")


def without_other_routes(view: View, role: Role, row: Routing) -> None:
    """A router that was left for hands must not come into its own where `proxy` stands there meanwhile."""
    levels = [(*path, "proxy") for path in (role.path or (), ()) if view.has(*path, "proxy")]
    said = [view.get(*level, name) for level in levels for name in ("hosts", "host")]
    hosts = [host for value in said for host in (value if isinstance(value, list) else [value])]
    hosts = [host for host in hosts if host is not None]
    known = [host.source if isinstance(host, Opaque) else str(host) for host in hosts]
    others = [host for host in map(_source, row.hosts) if host not in known]
    paths = [key for key in row.wishes if key[0] in ("path_prefix", "path_prefixes")]
    more = paths and not any(view.has(*level, str(key[0])) for level in levels for key in paths)
    if not levels or not ((known and others) or more):
        return
    routers = [label.path for label in role.labels if _ROUTER.match(label.name)]
    routers.sort(key=lambda path: not str(path[-1]).lower().endswith(".rule"))
    for name in _ROUTE:
        row.wishes.pop((name,), None)
    row.left.append(Left("router", tuple(routers) or (LABELS,), OTHER_ROUTES, IN_FRONT))


def _source(host: object) -> str:
    return str(host.value) if isinstance(host, Data) else str(host)


def without_shared_hosts(routed: dict[str, Routing], proxied: list[Role]) -> None:
    """Two roles cannot have TLS for the same host: Kamal 2 refuses that."""
    seen: dict[str, str] = {}
    for role in proxied:
        row = routed[role.name]
        if ("ssl",) not in row.wishes:
            continue
        hosts = [str(host) for host in row.hosts]
        twice = [host for host in hosts if host in seen]
        if twice:
            source = row.wishes.pop(("ssl",)).source or LABELS
            todo = f"{seen[twice[0]]} has {twice[0]} with TLS already; name another host, or {IN_FRONT}"
            row.left.append(Left("tls", (source,), NO_CERTIFICATE, todo))
        seen.update(dict.fromkeys(hosts, role.name))
