"""The `proxy` maps of a Kamal 2 config: which hosts they name, and where `host` and `hosts` meet.

A role's map is merged over the root's one, so that they also meet where one says `host` and the other
`hosts` (issue #1832); Kamal 2.1 and newer refuse both in one map.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.loading import View, views
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

ROOT: Path = ("proxy",)


def proxy_maps(view: View) -> list[Path]:
    """The paths of the maps: of the root, of roles, of accessories."""
    found: list[Path] = [ROOT]
    for section in ("servers", "accessories"):
        holders = view.get(section)
        found += [(section, str(name), "proxy") for name in holders] if isinstance(holders, dict) else []
    return [path for path in found if isinstance(view.get(*path), dict)]


def mixed_hosts(view: View) -> set[Path]:
    """The proxy maps whose `host` meets `hosts` in any view of the config that this view is of."""
    found: set[Path] = set()
    for other in views(view.project, view.config):
        maps = proxy_maps(other)
        roles = [path for path in maps if path[0] in ("proxy", "servers")]
        for group in (roles, *([path] for path in maps if path not in roles)):
            if any(_meet(other, path, group) for path in group):
                found.update(group)
    return found


def _meet(view: View, path: Path, group: list[Path]) -> bool:
    """Whether a map says `host` and it, or the other side of its merge, says `hosts`."""
    beside = [path] if path[0] == "accessories" else [path, ROOT] if path != ROOT else group
    return view.has(*path, "host") and any(other in group and view.has(*other, "hosts") for other in beside)


def hosts_of(view: View, path: Path) -> list[Data] | None:
    """The hosts that `host` names, as Kamal 2.1 and newer split it; None where it is no text."""
    data = typed.get(view.data, (*path, "host"))
    if data is None or data.kind not in ("str", "erb"):
        return None
    if data.kind == "erb":
        return [data]
    return [Data("str", host) for host in str(data.value).split(",") if host]


def proxied_together(view: View) -> Iterator[tuple[str, list[str]]]:
    """The hosts that run more than one role behind the proxy, with the names of those roles."""
    servers = view.get("servers")
    primary = view.get("primary_role") or "web"
    by_host: dict[str, list[str]] = {}
    for name, role in servers.items() if isinstance(servers, dict) else ():
        said = role.get("proxy") if isinstance(role, dict) else None
        if said is False or (said is None and name != primary):
            continue
        hosts = role.get("hosts") if isinstance(role, dict) else role
        for host in hosts if isinstance(hosts, list) else ():
            named = next(iter(host)) if isinstance(host, dict) and host else host
            if isinstance(named, str):
                by_host.setdefault(named, []).append(name)
    return ((host, roles) for host, roles in by_host.items() if len(roles) > 1)
