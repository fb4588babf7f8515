"""What a view must say of the proxy because it shares a file with views that say something else.

A key that stands in a base counts for each destination. So a destination that wants nothing of it states what
Kamal 2 does without it, and a label that goes in one view goes in all that read it from the same file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kamal_migrate.kamal.health import DEFAULT_PATH
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.routing import Left, NewKey
from kamal_migrate.kamal.traefik import is_for_traefik
from kamal_migrate.yamldoc import Path

# What Kamal 2 does without a key.
WITHOUT: dict[Path, object] = {
    ("hosts",): [],
    ("ssl",): False,
    ("app_port",): 80,
    ("path_prefix",): "/",
    ("path_prefixes",): [],
    ("healthcheck", "path"): DEFAULT_PATH,
    ("healthcheck", "interval"): 1,
}
# Whoever reads these taken back may wonder: where roles can have them, these do instead.
AT_ROLES = frozenset({("hosts",), ("path_prefix",), ("path_prefixes",)})


class Wanted(NamedTuple):
    """What a view wants: the keys that go, those that come, its roles, and what is left for hands there."""

    view: View
    goes: Sequence[Path]
    comes: Sequence[NewKey]
    roles: Sequence[Role]
    left: Sequence[Left]


def sharing(view: View) -> list[View]:
    """The other views of a config: all are looked at, so that those of one file come to the same answer."""
    own = {layer.key for layer in view.layers}
    found = views(view.project, view.config)
    return [other for other in found if {layer.key for layer in other.layers} != own]


def labels_that_go(own: Wanted, others: Sequence[Wanted]) -> list[Path]:
    """The labels for Traefik that stay for this view's sake, and go for another that reads the same file."""
    gone = {
        path: None
        for other in others
        for path in other.goes
        if is_for_traefik(path[-1]) and own.view.has(*path) and _is_shared(own.view, other.view, path)
    }
    for left in own.left:
        if left.name == "app-port" and gone.keys() & set(left.keys):
            gone.update(dict.fromkeys(left.keys))  # A single port that stays would look like the one meant.
    return [path for path in gone if path not in own.goes]


def is_there(view: View, path: Path) -> bool:
    """Whether Kamal 2's own key counts there already; roles inherit the hosts of the root."""
    levels = (path[:-1], ("proxy",)) if path[-1] in ("host", "hosts") else ()
    hosts = any(view.has(*level, name) for level in levels for name in ("host", "hosts"))
    return hosts or view.has(*path)


def _is_shared(one: View, other: View, path: Path) -> bool:
    """Whether two views obey the same statement of a key."""
    stating = [view.stating(path)[-1:] for view in (one, other)]
    return bool(stating[0] and stating[1]) and stating[0][0].key == stating[1][0].key


def unsaid(own: Wanted, others: Sequence[Wanted]) -> Iterator[NewKey]:
    """The keys that keep this view from seeing what comes for another into a file that both read."""
    paths = [new.path for new in own.comes]
    for other in others:
        for new in other.comes:
            if new.path in paths or is_there(own.view, new.path):
                continue
            if not _reaches(own.view, other.view, new.source):
                continue
            found = _neutral(own, new)
            if found and found.path not in paths:
                paths.append(found.path)
                yield found


def without_needless_switches(comes: Sequence[NewKey]) -> list[NewKey]:
    """The keys that come, without a `proxy: true` of a role where more is said: a map is on as well."""
    holders = {new.path[:length] for new in comes for length in range(1, len(new.path))}
    return [new for new in comes if new.path not in holders]


def _reaches(view: View, other: View, source: Path | None) -> bool:
    """Whether what comes for another view from a key, or from nothing, comes into a file of this view."""
    files = {layer.key for layer in view.layers}
    stating = other.stating(source)[-1:] if source else other.layers if len(other.layers) == 1 else ()
    return any(layer.key in files for layer in stating)


def _neutral(own: Wanted, new: NewKey) -> NewKey | None:
    """What takes a key that comes for another view back; itself where it means nothing."""
    proxied = [role for role in own.roles if role.proxied]
    if new.path[0] == "proxy" and not proxied:
        return new  # No role is served: what the root says of the proxy concerns nobody.
    if new.path[0] == "proxy":
        key = new.path[1:]
        if key == ("app_port",) and any(left.name == "app-port" for left in own.left):
            return new  # Which port it is, nobody knows: then it may be that of the others.
        return NewKey(new.path, WITHOUT[key], None) if key in WITHOUT else None
    if new.path[0] != "servers" or new.path[2] != "proxy":
        return None
    role = next((role for role in own.roles if role.path == new.path[:2]), None)
    if role is None:
        return None
    switch, key = (*role.path, "proxy") if role.path else (), new.path[3:]
    if not role.proxied or new.value is False:
        differs = role.proxied is (new.path == switch and new.value is False)
        said = any(one.path[:3] == switch for one in own.comes)
        return NewKey(switch, role.proxied, None) if differs and not said else None
    return NewKey(new.path, WITHOUT[key], None) if key in WITHOUT else None
