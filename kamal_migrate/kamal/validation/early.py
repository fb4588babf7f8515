"""The few checks of MRSK and of Kamal up to 1.6.0, in their order and words; they ignore unknown keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kamal_migrate.kamal.validation import whole
from kamal_migrate.kamal.validation.fault import Fault
from kamal_migrate.kamal.validation.hosts import Role, accessories, roles
from kamal_migrate.kamal.validation.node import UNKNOWN, Node, inspected
from kamal_migrate.kamal.validation.sections import CACHE_TYPES
from kamal_migrate.kamal.versions import Version

_CREDENTIALS = (
    ("username", ""),
    ("password", " (or set the ENV variable if that's used)"),
)
_SELECTORS = ("host", "hosts", "roles")
_OF_NIL = "undefined method `{}' for nil:NilClass"


def _required_keys(root: Node) -> Iterator[Fault]:
    for name in ("service", "image", "registry", "servers"):
        if root.get(name).is_blank:
            yield Fault((name,), f"Missing required configuration for {name}")
    for name, or_else in _CREDENTIALS:
        node = root.get("registry", name)
        if root.get("registry").kind in ("map", "str") and node.is_blank:
            missing = f"You must specify a {name} for the registry in config/deploy.yml{or_else}"
            yield Fault(node.path, missing)


def _roles(root: Node) -> Iterator[Fault]:
    """The primary role (1.2.0+), and roles without hosts (0.0.2+)."""
    servers = root.get("servers")
    if servers.kind not in ("list", "map") or servers.is_blank:
        return
    found = roles(root)
    for role in found:
        yield from _tagged(role) if root.version >= (1, 6) else ()
        if role.config.kind == "null":
            yield Fault(role.config.path, _OF_NIL.format("except" if root.version[:2] == (1, 2) else "[]"))
    if root.version >= (1, 2):
        yield from _primary(root, found)
    yield from _empty(root, found)


def _tagged(role: Role) -> Iterator[Fault]:
    """A host may be a mapping of its one name to its tags (1.6.0)."""
    servers = role.servers
    scalars = (servers,) if servers.kind in ("int", "float", "bool") else ()
    for host in servers.children() if servers.kind == "list" else scalars:
        if host.kind == "map" and not host.hides and len(host.names) != 1:
            yield Fault(host.path, f"Multiple hosts found: {host.text}")
        elif host.kind not in UNKNOWN | {"map", "str", "symbol"}:
            yield Fault(host.path, f"Invalid host config: {inspected(host.data)}")


def _primary(root: Node, found: list[Role]) -> Iterator[Fault]:
    """The primary role; 1.2.0 alone calls it `primary_web_role` and wants Traefik on it."""
    key = "primary_web_role" if root.version < (1, 3) else "primary_role"
    chosen = root.get(key)
    name = chosen.text if chosen.is_set else "web"
    if chosen.is_unknown or root.get("servers").hides:
        return
    primary = next((role for role in found if role.name == name), None)
    if primary is None:
        yield Fault(("servers",), f"The {key} {name} isn't defined")
    elif root.version < (1, 3) and primary.name != "web" and not primary.config.get("traefik").is_set:
        yield Fault(primary.config.path, f"Role {name} needs to have traefik enabled")
    elif primary.is_empty and primary.config.kind != "null":
        yield Fault(primary.config.path, f"No servers specified for the {name} {key}")


def _empty(root: Node, found: list[Role]) -> Iterator[Fault]:
    allowed = root.get("allow_empty_roles")
    may_be = root.version >= (1, 2)
    hint = ". You can ignore this with allow_empty_roles: true" if may_be else ""
    for role in found:
        excused = may_be and (role.is_primary or allowed.is_set or allowed.is_unknown)
        if role.is_empty and role.config.kind in ("list", "map") and not excused:
            yield Fault(role.config.path, f"No servers specified for the {role.name} role{hint}")


def _web(root: Node) -> Iterator[Fault]:
    """There is no other primary role than `web` yet (up to 1.1.0)."""
    servers = root.get("servers")
    if servers.kind == "map" and not servers.hides and servers.names and "web" not in servers.names:
        yield Fault(servers.path, _OF_NIL.format("primary_host"))


def _accessories(root: Node) -> Iterator[Fault]:
    """The hosts of accessories, which are asked for on every run from 1.5.0 on."""
    known = {role.name for role in roles(root)}
    for node in accessories(root):
        if node.kind == "map":
            yield from _accessory(node, known, hidden=root.get("servers").hides)
        elif node.kind == "null":
            yield Fault(node.path, _OF_NIL.format("keys"))


def _accessory(node: Node, known: set[str], *, hidden: bool) -> Iterator[Fault]:
    name, count = node.path[-1], len({*_SELECTORS} & {*node.names})
    if count > 1 or (count == 0 and not node.hides):
        yield Fault(node.path, f"Specify one of `host`, `hosts` or `roles` for accessory `{name}`")
    host, listed = node.get("host"), node.get("hosts")
    if host.kind == "null" or host.is_false:
        yield Fault(host.path, f"Missing host for accessory `{name}`")
    if listed.kind not in ("absent", "list") and not listed.is_unknown:
        yield Fault(listed.path, f"Hosts should be an Array for accessory `{name}`")
    for role in node.get("roles").children():
        if role.kind == "str" and role.text not in known and not hidden:
            yield Fault(node.get("roles").path, _OF_NIL.format("hosts"))


def _cache(root: Node) -> Iterator[Fault]:
    kind = root.get("builder", "cache", "type")
    if kind.is_set and kind.text not in CACHE_TYPES:
        yield Fault(kind.path, f"Invalid cache type: {kind.text}")


# Each check with its first and last version. The last three are made when `kamal config` looks at the hosts
# and the builder.
_LAST = Version(1, 6)
CHECKS: tuple[tuple[Callable[[Node], Iterator[Fault]], Version, Version], ...] = (
    (whole.destination, Version(1), _LAST),
    (_required_keys, Version(0), _LAST),
    (_roles, Version(0), _LAST),
    (whole.minimum_version, Version(0, 14), _LAST),
    (whole.retain_containers, Version(1, 4), _LAST),
    (whole.service_name, Version(1, 4), _LAST),
    (_web, Version(0), Version(1, 1)),
    (_accessories, Version(1, 5), _LAST),
    (_cache, Version(0, 14), _LAST),
)


def early(root: Node) -> Iterator[Fault]:
    """The faults of a config for a version before 1.7.0, in order."""
    for check, since, until in CHECKS:
        if since <= root.version <= until:
            yield from check(root)
