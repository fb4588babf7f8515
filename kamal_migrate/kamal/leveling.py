"""Which of the keys below `proxy` come to the root, and which to a role (history D.4)."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.agreeing import WITHOUT
from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.routing import NewKey, Wish
from kamal_migrate.yamldoc import Path

_PAIRED = {("hosts",), ("host",), ("ssl",)}


def differing(proxied: list[Role], wishes: dict[str, dict[Path, Wish]]) -> set[Path]:
    """The keys on which the roles do not agree."""
    keys = {key for role in proxied for key in wishes[role.name]}
    differs = {key for key in keys if len({_identity(wishes[role.name].get(key)) for role in proxied}) > 1}
    return paired(differs)


def paired(keys: set[Path]) -> set[Path]:
    """Keys with those that go together with them."""
    return keys | _PAIRED if keys & _PAIRED else keys


def leveled(proxied: list[Role], wishes: dict[str, dict[Path, Wish]], apart: set[Path]) -> Iterator[NewKey]:
    """Each key at the level that needs it: the root's where all roles agree, else the role's.

    Kamal 2 wants the hosts of a role with TLS in the role's own map, so these go together. The keys ``apart``
    belong to the roles in any case.
    """
    keys = sorted({key for role in proxied for key in wishes[role.name]}, key=_rank)
    differs = differing(proxied, wishes) | apart
    for key in keys:
        holders = [role for role in proxied if key in wishes[role.name]]
        for role in holders if key in differs else holders[:1]:
            wish = wishes[role.name][key]
            level = (role.path or ()) if key in differs else ()
            yield NewKey((*level, "proxy", *key), wish.value, wish.source)
            if key in differs and not level:
                yield from _neutral(key, [other for other in proxied if other not in holders])


def _neutral(key: Path, others: list[Role]) -> Iterator[NewKey]:
    """What keeps roles from inheriting a key that stands at the root for a role that is a plain list."""
    for role in others:
        if key in WITHOUT and role.path:
            yield NewKey((*role.path, "proxy", *key), WITHOUT[key], None)


_ORDER = (
    "host",
    "hosts",
    "ssl",
    "app_port",
    "path_prefix",
    "path_prefixes",
    "strip_path_prefix",
    "healthcheck",
)


def _rank(key: Path) -> tuple[int, str]:
    """Where a key stands in `proxy`, as in Kamal's documentation."""
    return (_ORDER.index(str(key[0])) if key[0] in _ORDER else len(_ORDER), str(key))


def _identity(wish: Wish | None) -> str:
    return "" if wish is None else repr(wish.value) if wish.value is not None else repr(wish)
