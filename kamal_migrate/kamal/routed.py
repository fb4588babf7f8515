"""What labels and health checks that came into the words of kamal-proxy make of each role's deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kamal_migrate.kamal.deployment import proxy_2
from kamal_migrate.kamal.deployment.reading import Table
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.routing import Wish
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path

_PATHS = ("path_prefix", "path_prefixes")
# The parts that decide which requests reach a role, and the keys below `proxy` that say them.
_KEYS = {
    "hosts": ("host", "hosts"),
    "tls": ("ssl",),
    "port": ("app_port",),
    "path_prefixes": _PATHS,
    "strip_path_prefix": _PATHS,
}


def routed(
    view: View, role: Role, wishes: Mapping[Path, Wish], target: Version
) -> Iterator[tuple[tuple[str, ...], object]]:
    """The parts of the deployment of a role that its wishes decide, and what each is then.

    A key of Kamal 2 that stands there already counts, whatever labels say.
    """
    said: Table = {
        str(key[0]): _plain(wish.value)
        for key, wish in wishes.items()
        if len(key) == 1 and wish.value is not None
    }
    made = proxy_2.proxy({}, said, target)
    levels = [(*path, "proxy") for path in (role.path or (), ())]
    for part, keys in _KEYS.items():
        there = any(view.has(*level, key) for level in levels for key in keys)
        if not there and any(key in said for key in keys):
            yield ("roles", role.name, "proxy", part), made[part]


def _plain(value: object) -> object:
    """The value as the deployment reads it: ERB by its source."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Data) else value
