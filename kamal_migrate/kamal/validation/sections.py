"""The sections of a config in the order in which Kamal 1.7 and newer check them, each as its class does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kamal_migrate.kamal.validation.fault import Fault
from kamal_migrate.kamal.validation.hosts import Role, accessories, roles
from kamal_migrate.kamal.validation.node import UNKNOWN, Node
from kamal_migrate.kamal.validation.proxies import proxy, root_proxy
from kamal_migrate.kamal.validation.shapes import ACCESSORY, ROLE, ROOT, shapes
from kamal_migrate.kamal.validation.types import keyed, list_of_strings, map_of_strings, of_type, servers
from kamal_migrate.kamal.versions import NEWEST_1, Version

CACHE_TYPES = ("gha", "registry")
RESERVED_LABELS = ("destination", "role", "service")
LOCAL_REGISTRY = re.compile(r"^localhost[:$]", re.MULTILINE)
COMMANDS = frozenset({
    "accessory", "app", "audit", "build", "config", "deploy", "details", "docs", "init", "lock", "proxy",
    "prune", "redeploy", "registry", "remove", "rollback", "secrets", "server", "setup", "upgrade", "version",
})  # fmt: skip
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::\d+)?", re.ASCII)
_ENV_PARTS = ("clear", "secret", "tags")
OUTPUTS = (("otel", "endpoint", "OTel endpoint"), ("file", "path", "file path"))
CREDENTIALS = ("username", "password")
_SELECTORS = (
    (Version(1, 7), ("host", "hosts", "roles")),
    (Version(2, 6), ("host", "hosts", "role", "roles", "tag", "tags")),
)

Check = Callable[[Node], Iterator[Fault]]


def plain(node: Node, section: tuple[str, ...] | None = None) -> Iterator[Fault]:
    """A section that wants nothing beyond keys and types; a missing one is fine."""
    if node.kind == "map":
        yield from keyed(node, shapes(node.version, section or (str(node.path[-1]),)))


def env(node: Node) -> Iterator[Fault]:
    """Environment variables: all plain, or all in ``clear``, ``secret`` and, in the root, ``tags``."""
    if node.kind != "map":
        return
    if not {*_ENV_PARTS} & {*node.names}:
        yield from map_of_strings(node)
        return
    yield from (node.unknown_key(name) for name in node.names if name not in _ENV_PARTS)
    for part, check in _ENV_CHECKS:
        if part in node.names:
            yield from check(node.get(part))


def _tags(node: Node) -> Iterator[Fault]:
    if node.path != ("env", "tags"):
        parent = node.context.removesuffix("/tags")
        yield Fault(node.path, f"{parent}: tags are only allowed in the root env")
        return
    yield from of_type(node, "map")
    for tag in node.children() if node.kind == "map" else ():
        yield from of_type(tag, "map")
        yield from env(tag)


_ENV_CHECKS: tuple[tuple[str, Check], ...] = (
    ("clear", map_of_strings),
    ("secret", list_of_strings),
    ("tags", _tags),
)


def _roles(root: Node) -> Iterator[Fault]:
    if root.get("servers").kind == "list":
        yield from servers(root.get("servers"))
    elif root.get("servers").kind == "absent" and root.version < (2, 6) and not root.hides:
        yield from of_type(root.get("servers"), "list", "map")
    else:
        for role in roles(root):
            yield from _role(role)


def _role(role: Role) -> Iterator[Fault]:
    node = role.config
    if node.kind != "map":
        yield from of_type(node, "list", "map")
        # The hosts of such a role are not looked at before 2.5.0.
        yield from servers(node) if node.kind == "list" and node.version >= (2, 5) else ()
        return
    yield from keyed(node, shapes(node.version, ROLE))
    yield from _docker(node)
    yield from env(node.get("env"))
    yield from plain(node.get("logging"))
    yield from plain(node.get("healthcheck")) if node.version.major == 1 else proxy(node.get("proxy"))


def _docker(node: Node) -> Iterator[Fault]:
    """What the labels and options of a role or an accessory may not say."""
    labels = node.get("labels")
    for name in labels.names if node.version >= (2, 7) else ():
        if name in RESERVED_LABELS:
            reserved = "invalid label. destination, role, and service are reserved labels"
            yield labels.get(name).fault(reserved)
    restart = node.get("options", "restart")
    if node.version >= (2, 12) and "restart" in node.get("options").names:
        yield from _policy(restart)
    elif node.version >= (2, 6) and node.version < (2, 12) and restart.is_set:
        refused = "Cannot set restart policy in docker options, unless-stopped is required"
        yield Fault(restart.path, node.fault(refused).message)


def _policy(restart: Node) -> Iterator[Fault]:
    if restart.kind != "str" and not restart.is_unknown:
        yield restart.fault('should be a string. Use "no" to disable restarts')
    elif restart.kind == "str" and not _RESTART.fullmatch(restart.text):
        yield restart.fault("should be no, always, unless-stopped, on-failure, or on-failure:N")


def registry(node: Node) -> Iterator[Fault]:
    """Server, user and password; a registry on this machine needs no user (2.8.0+)."""
    if node.kind not in ("map", "absent", "null") and not node.is_false:
        return
    known = {**shapes(node.version, ("registry",))}
    yield from (node.unknown_key(name) for name in node.names if name not in known)
    yield from of_type(node.get("server"), "string") if "server" in node.names else ()
    if not is_local(node):
        for name in CREDENTIALS:
            yield from _credential(node.get(name))


def is_local(node: Node) -> bool:
    """Whether a registry is one that Kamal runs on this machine (2.8.0+)."""
    server = node.get("server")
    return node.version >= (2, 8) and bool(server.kind == "str" and LOCAL_REGISTRY.search(server.text))


def _credential(node: Node) -> Iterator[Fault]:
    items = list(node.children()) if node.kind == "list" else []
    if node.is_blank:
        yield node.fault("is required")
    elif not (node.is_unknown or node.kind == "str" or _is_one_name(items)):
        yield node.fault("should be a string or an array with one string (for secret lookup)")


def _is_one_name(items: list[Node]) -> bool:
    return len(items) == 1 and items[0].kind in UNKNOWN | {"str"}


def _accessories(root: Node) -> Iterator[Fault]:
    for node in accessories(root):
        yield from keyed(node, shapes(node.version, ACCESSORY))
        if node.kind == "map":
            yield from _accessory(root, node)


def selectors(version: Version) -> tuple[str, ...]:
    """The keys that say where an accessory runs, of which there is one."""
    return [names for since, names in _SELECTORS if since <= version][-1]


def _accessory(root: Node, node: Node) -> Iterator[Fault]:
    names = selectors(node.version)
    count = len({*names} & {*node.names})
    if count > 1 or (count == 0 and not node.hides):
        listed = ", ".join(f"`{name}`" for name in names[:-1]) + f" or `{names[-1]}`"
        yield node.fault(f"specify one of {listed}")
    yield from _docker(node)
    if node.version >= (2, 5):
        yield from _unknown_roles(root, node)
    yield from env(node.get("env"))
    if node.version >= (2, 4) and node.get("proxy").is_present:
        yield from of_type(node.get("proxy"), "map")
        yield from proxy(node.get("proxy"))
    if node.version >= (2, 5) and node.get("registry").is_present:
        yield from registry(node.get("registry"))


def _missing_roles(root: Node, names: Node) -> list[str]:
    """The names that are no role, where all roles can be seen."""
    if root.get("servers").hides:
        return []
    known = {role.name for role in roles(root)}
    listed = names.children() if names.kind == "list" else (names,)
    return [name.text for name in listed if name.kind == "str" and name.text not in known]


def _unknown_roles(root: Node, node: Node) -> Iterator[Fault]:
    """Accessories of roles that do not exist (2.5.0+)."""
    plural, singular = node.get("roles"), node.get("role")
    if missing := _missing_roles(root, plural):
        yield Fault(plural.path, node.fault(f"unknown roles {', '.join(missing)}").message)
    elif missing := _missing_roles(root, singular):
        yield Fault(singular.path, node.fault(f"unknown role {missing[0]}").message)


def _all_hosts(root: Node) -> Iterator[Fault]:
    """Where Kamal counts the hosts of all accessories, those of unknown roles end it (up to 2.4.0)."""
    for node in accessories(root):
        for name in _missing_roles(root, node.get("roles")):
            message = f"Unknown role in accessories config: '{name}'"
            crash = "undefined method `hosts' for nil:NilClass"
            yield Fault(node.get("roles").path, message if root.version >= (2, 4) else crash)


def _aliases(root: Node) -> Iterator[Fault]:
    for node in root.get("aliases").children():
        name = str(node.path[-1])
        yield from of_type(node, "string")
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            allowed = "Must only contain lowercase letters, alphanumeric, hyphens and underscores."
            yield node.fault(f"Invalid alias name: '{name}'. {allowed}")
        if name in COMMANDS:
            yield node.fault(f"Alias '{name}' conflicts with a built-in command.")


def _builder(root: Node) -> Iterator[Fault]:
    node = root.get("builder")
    yield from plain(node)
    kind = node.get("cache", "type")
    if kind.is_set and kind.text not in CACHE_TYPES:
        yield Fault(kind.path, node.fault(f"Invalid cache type: {kind.text}").message)
    if node.version < (2, 0) or node.is_unknown or node.kind not in ("map", "absent", "null", "bool"):
        return
    arch = node.get("arch")
    if arch.is_blank:
        yield node.fault("Builder arch not set")
    if node.version >= (2, 7) and node.get("pack").is_set and len(list(arch.children())) > 1:
        yield Fault(arch.path, node.fault("buildpacks only support building for one arch").message)
    if node.get("local").is_false and node.get("remote").is_blank:
        message = node.fault("Cannot disable local builds, no remote is set").message
        yield Fault(node.get("local").path, message)


def _root(root: Node) -> Iterator[Fault]:
    yield from keyed(root, shapes(root.version, ROOT))


def _output(node: Node) -> Iterator[Fault]:
    """Where to send a run's output (2.12.0+); each way wants its address."""
    yield from plain(node)
    for name, key, wanted in OUTPUTS:
        address = node.get(name, key)
        if name in node.names and not (address.is_set or address.is_unknown):
            yield Fault(address.path, f"{wanted} is required")


def _section(name: str, check: Check = plain) -> Check:
    return lambda root: check(root.get(name))


# Every part with its first version, and its last one if there is one: lib/kamal/configuration.rb of each tag.
# The root's `proxy` is not seen by 2.6.0 at all (issue #1555).
PARTS: tuple[tuple[Check, Version, Version | None], ...] = (
    (_root, Version(1, 7), None),
    (_roles, Version(1, 7), None),
    (_section("registry", registry), Version(1, 7), None),
    (_accessories, Version(1, 7), None),
    (_aliases, Version(2), None),
    (_all_hosts, Version(1, 7), Version(2, 4)),
    (_section("boot"), Version(1, 7), None),
    (_builder, Version(1, 7), None),
    (_section("env", env), Version(1, 7), None),
    (_section("healthcheck"), Version(1, 7), NEWEST_1),
    (_section("logging"), Version(1, 7), None),
    (_section("traefik"), Version(1, 7), NEWEST_1),
    (_section("output", _output), Version(2, 12), None),
    (_section("proxy", root_proxy), Version(2), Version(2, 5, 3)),
    (_section("proxy", root_proxy), Version(2, 6, 1), None),
    (_section("ssh"), Version(1, 7), None),
    (_section("sshkit"), Version(1, 7), None),
)


def sections(root: Node) -> Iterator[Fault]:
    """The faults of all sections, in order."""
    for check, since, until in PARTS:
        if since <= root.version and (until is None or root.version <= until):
            yield from check(root)
