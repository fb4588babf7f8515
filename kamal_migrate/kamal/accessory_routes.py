"""Accessories that Traefik served by their labels, in the words of `accessories.*.proxy` (history D.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.certificates import Setting
from kamal_migrate.kamal.entry_points import resolvers
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.routing import NewKey, routing
from kamal_migrate.kamal.traefik import Label, is_for_traefik, of_map
from kamal_migrate.kamal.traefik_reasons import IN_FRONT
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

# 2.4.0 knows the key, but the servers of accessories run a proxy only from 2.6 on (history G).
ACCESSORY_PROXY = Version(2, 6)
_PLAIN = {("ssl",), ("hosts",), ("app_port",)}


class AccessoryRoute(NamedTuple):
    """An accessory with labels for Traefik: the keys that go and come, or why that is for hands."""

    key: Path
    goes: tuple[Path, ...] = ()
    comes: tuple[NewKey, ...] = ()
    message: str = ""
    todo: str = ""


def accessory_routes(view: View, target: Version) -> Iterator[AccessoryRoute]:
    """The accessories of a view whose labels are for Traefik."""
    accessories = view.get("accessories")
    for name, own in accessories.items() if isinstance(accessories, dict) else ():
        labels = own.get("labels") if isinstance(own, dict) else None
        path = ("accessories", name, "labels")
        said = [label for label in of_map(labels, path) if is_for_traefik(label.name)]
        if any(label.name.lower().endswith(".rule") for label in said):
            yield _route(view, ("accessories", name), own, said, target)


def _route(
    view: View, path: Path, own: dict[str, object], said: list[Label], target: Version
) -> AccessoryRoute:
    hosts = own.get("hosts", own.get("host"))
    servers = len(hosts) if isinstance(hosts, list) else 1 if isinstance(hosts, str) else None
    found = routing(said, Setting(resolvers(view.get("traefik")), target, servers, lambda _: 0))
    rule = next(label.path for label in said if label.name.lower().endswith(".rule"))
    name = ".".join(map(str, path))
    todo = f"write `{name}.proxy` by hand, or {IN_FRONT}"
    if target < ACCESSORY_PROXY:
        why = f"kamal-proxy serves accessories from Kamal {ACCESSORY_PROXY.short} on"
        return AccessoryRoute(rule, message=why, todo=f"publish its port, or {IN_FRONT}")
    if found.left:
        return AccessoryRoute(rule, message=found.left[0].message, todo=todo)
    if not found.wishes.keys() <= _PLAIN or len(found.hosts) != 1 or ("app_port",) not in found.wishes:
        why = "Traefik served this accessory, and its labels do not name one host and a port"
        return AccessoryRoute(rule, message=why, todo=todo)
    comes = [NewKey((*path, "proxy", *key), wish.value, wish.source) for key, wish in found.wishes.items()]
    comes.append(NewKey((*path, "proxy", "healthcheck", "path"), "/", None))
    return AccessoryRoute(rule, tuple(label.path for label in said), tuple(comes))
