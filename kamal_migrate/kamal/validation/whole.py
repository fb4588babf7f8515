"""What Kamal looks at when every section is right: what is required, and what must agree."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator

from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.kamal.loading import plain
from kamal_migrate.kamal.validation.fault import Fault
from kamal_migrate.kamal.validation.hosts import (
    Role,
    accessories,
    accessory_hosts,
    merged_proxy,
    primary_name,
    roles,
)
from kamal_migrate.kamal.validation.node import Node
from kamal_migrate.kamal.validation.proxies import PEMS, rules
from kamal_migrate.kamal.validation.sections import is_local
from kamal_migrate.kamal.versions import Version

LEVELS = ("quiet", "verbose")
_REQUIRED = ((Version(0), ("service", "image", "registry", "servers")), (Version(2, 6), ("service", "image")))
_OLD_HOOKS = ("pre-traefik-reboot", "post-traefik-reboot")

Check = Callable[[Node], Iterator[Fault]]


def destination(root: Node) -> Iterator[Fault]:
    """A config that wants a destination is loaded with one (1.0.0+)."""
    if root.get("require_destination").is_set and not root.view.destination:
        yield Fault(("require_destination",), "You must specify a destination")


def required_keys(root: Node) -> Iterator[Fault]:
    """What must be there. That user and password are missing has been said where the registry is."""
    for name in [names for since, names in _REQUIRED if since <= root.version][-1]:
        is_named_by_service = name == "image" and is_local(root.get("registry"))
        if name != "registry" and root.get(name).is_blank and not is_named_by_service:
            yield from _missing(root, name)
    servers = root.get("servers")
    is_there = servers.is_unknown or servers.kind not in ("absent", "null")
    if root.version >= (2, 6) and not is_there and root.get("accessories").is_blank:
        yield Fault(("servers",), "No servers or accessories specified")


def _missing(root: Node, name: str) -> Iterator[Fault]:
    """Servers that are no list and no mapping have been refused as such."""
    if name != "servers" or root.get("servers").kind in ("list", "map"):
        yield Fault((name,), f"Missing required configuration for {name}")


def hosts(root: Node) -> Iterator[Fault]:
    """The primary role is there, and no role is without hosts."""
    servers, primary = root.get("servers"), primary_name(root)
    if primary is None or servers.kind not in ("list", "map") or (servers.is_blank and root.version < (2, 6)):
        return
    found = roles(root)
    if primary not in {role.name for role in found} and not servers.hides:
        yield Fault(("servers",), f"The primary_role {primary} isn't defined")
    yield from _empty(root, [role for role in found if role.is_empty and role.config.kind in ("list", "map")])


def _empty(root: Node, empty: list[Role]) -> Iterator[Fault]:
    allowed = root.get("allow_empty_roles")
    for role in sorted(empty, key=lambda role: not role.is_primary):
        if role.is_primary:
            yield Fault(role.config.path, f"No servers specified for the {role.name} primary_role")
        elif not (allowed.is_set or allowed.is_unknown):
            hint = "You can ignore this with allow_empty_roles: true"
            yield Fault(role.config.path, f"No servers specified for the {role.name} role. {hint}")


def minimum_version(root: Node) -> Iterator[Fault]:
    """The config does not ask for a newer Kamal (0.14.0+)."""
    wanted = root.get("minimum_version")
    if not wanted.is_set or (wanted.kind in ("map", "list") and root.version >= (1, 7)):
        return
    if not re.fullmatch(r"\s*(\d+(\.[0-9A-Za-z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?)?\s*", wanted.text):
        yield Fault(wanted.path, f"Malformed version number string {wanted.text}")
    elif _gem_version(wanted.text) > _gem_version(str(root.version)):
        said = f"Current version is {root.version}, minimum required is {wanted.text}"
        yield Fault(wanted.path, said)


def _gem_version(text: str) -> list[tuple[int, int, str]]:
    """What RubyGems compares: numbers, zeros at the end aside, and letters, which come before any number."""
    release, letters = re.match(r"([\d.\s]*)(.*)", text.replace("-", ".pre."), re.S).groups()  # type: ignore[union-attr]
    shorter = re.sub(r"(?:\.0+)+\.?\s*$", "", release)
    parts = re.findall(r"\d+|[A-Za-z]+", f"{shorter}.{letters}")
    return [*((1, int(part), "") if part.isdigit() else (-1, 0, part) for part in parts), (0, 0, "")]


def retain_containers(root: Node) -> Iterator[Fault]:
    """At least one container is kept (1.4.0+)."""
    kept = root.get("retain_containers")
    if kept.data and kept.kind in ("int", "float") and kept.data.value < 1:
        yield Fault(kept.path, "Must retain at least 1 container")


def service_name(root: Node) -> Iterator[Fault]:
    """What a service may be called; in 1.4.0 lower case only."""
    service = root.get("service")
    letters = "a-z" if root.version < (1, 5) else "a-zA-Z"
    is_name = service.kind in ("str", "symbol") and re.search(rf"^[{letters}0-9_-]+$", service.text, re.M)
    if service.is_present and not is_name:
        allowed = "alphanumeric characters, hyphens, and underscores"
        yield Fault(service.path, f"Service name can only include {allowed}")


def traefik_hooks(root: Node) -> Iterator[Fault]:
    """No hook of Kamal 1 is left that would never run (2.0.0+)."""
    chosen = root.get("hooks_path")
    if chosen.is_unknown:
        return
    folder = posixpath.join(root_of(root.view.config.base), chosen.text if chosen.is_set else ".kamal/hooks")
    files = root.view.project.files
    paths = {hook: posixpath.normpath(f"{folder}/{hook}") for hook in _OLD_HOOKS}
    found = [hook for hook in _OLD_HOOKS if paths[hook] in files]
    if found:
        renamed = "these should be renamed to (pre|post)-proxy-reboot"
        yield Fault(("hooks_path",), f"Found {', '.join(found)}, {renamed}", file=paths[found[0]])


def one_host_for_ssl(root: Node) -> Iterator[Fault]:
    """A role with automatic certificates has one host; its settings agree with those of the root (2.0.0+)."""
    for role in _proxied(root):
        settings = merged_proxy(root, role)
        yield from _disagreeing(root, role, settings)
        if settings.get("ssl").is_set and len(role.hosts) > 1 and not _has_certificate(settings):
            unless = " unless you provide custom certificates" if root.version >= (2, 7) else ""
            found = f"found {len(role.hosts)} servers for role {role.name}"
            yield Fault(role.config.path, f"SSL is only supported on a single server{unless}, {found}")


def _has_certificate(settings: Node) -> bool:
    """Whether a proxy may bring a certificate of its own (2.7.0+)."""
    ssl = settings.get("ssl")
    return ssl.kind == "map" and not any(ssl.get(pem).is_blank for pem in PEMS)


def _proxied(root: Node) -> list[Role]:
    return [role for role in roles(root) if role.is_proxied and role.config.kind in ("list", "map")]


def _disagreeing(root: Node, role: Role, settings: Node) -> Iterator[Fault]:
    """What is wrong only when a role's proxy is merged with the root's."""
    if root.get("proxy").is_unknown or root.get("proxy").hides:
        return
    apart = {fault.message for node in (root.get("proxy"), _called_proxy(role)) for fault in rules(node)}
    yield from (fault for fault in rules(settings) if fault.message not in apart)


def _called_proxy(role: Role) -> Node:
    own = role.own_proxy
    return Node(own.view, own.version, own.path, own.data, "proxy")


def unique_hosts_for_ssl(root: Node) -> Iterator[Fault]:
    """No two roles ask for a certificate of the same host (2.0.0+)."""
    names: list[str] = []
    last: Role | None = None
    for role in _proxied(root):
        settings = merged_proxy(root, role)
        if settings.get("ssl").is_set:
            last = role if {*names} & {*_named(settings)} else last
            names += _named(settings)
    if last:
        twice = [name for name, count in Counter(names).items() if count > 1]
        message = f"Different roles can't share the same host for SSL: {', '.join(twice)}"
        yield Fault(last.own_proxy.path, message)


def _named(settings: Node) -> list[str]:
    """The host names that a proxy serves."""
    if settings.get("hosts").kind == "list":
        return [child.text for child in settings.get("hosts").children() if child.kind == "str"]
    host = settings.get("host")
    if host.kind != "str":
        return []
    return host.text.split(",") if settings.version >= (2, 1) else [host.text]


def local_registry(root: Node) -> Iterator[Fault]:
    """A remote builder reaches a registry on this machine by SSH only (2.8.2+).

    With one architecture it depends on that of this machine whether the remote is used at all.
    """
    builder = root.get("builder")
    remote, arch = builder.get("remote"), builder.get("arch")
    is_used = builder.get("local").is_false or len(list(arch.children())) > 1
    is_wrong = remote.kind == "str" and not remote.text.startswith("ssh:")
    if is_local(root.get("registry")) and is_used and is_wrong:
        how = "requires an SSH URL (e.g., ssh://user@host)"
        yield Fault(remote.path, f"Local registry with remote builder {how}")


def proxy_runs(root: Node) -> Iterator[Fault]:
    """On each host all that applies runs the proxy alike (2.10.0+); before 2.12.0 even equals are refused."""
    runs = [(role.hosts, merged_proxy(root, role).get("run")) for role in _proxied(root)]
    known = roles(root)
    for accessory in accessories(root):
        if accessory.get("proxy").kind == "map":
            runs.append((accessory_hosts(accessory, known), accessory.get("proxy", "run")))
    there = [(names, run) for names, run in runs if run.is_present]
    for host in dict.fromkeys(name for names, _ in there for name in names):
        same = [run for names, run in there if host in names]
        values = [plain(run.data) for run in same if run.data and not run.hides]
        is_equal = all(value == values[0] for value in values)
        if len(same) > 1 and (root.version < (2, 12) or not is_equal):
            yield Fault(same[-1].path, f"Conflicting proxy run configurations for host {host}")


def hooks_output(root: Node) -> Iterator[Fault]:
    """Hooks are quiet or verbose (2.11.0+)."""
    node = root.get("hooks_output")
    for level in node.children() if node.kind == "map" else (node,):
        if level.kind in ("str", "symbol") and level.text not in LEVELS:
            hook = f" for hook '{level.path[-1]}'" if node.kind == "map" else ""
            allowed = f"must be one of: {', '.join(LEVELS)}"
            yield Fault(level.path, f"Invalid hooks_output '{level.text}'{hook}, {allowed}")


# Each check with its first version, in Kamal's order (`ensure_…` in lib/kamal/configuration.rb of each tag).
CHECKS: tuple[tuple[Version, Check], ...] = (
    (Version(1, 7), destination),
    (Version(1, 7), required_keys),
    (Version(1, 7), hosts),
    (Version(1, 7), minimum_version),
    (Version(1, 7), retain_containers),
    (Version(1, 7), service_name),
    (Version(2), traefik_hooks),
    (Version(2), one_host_for_ssl),
    (Version(2), unique_hosts_for_ssl),
    (Version(2, 8, 2), local_registry),
    (Version(2, 10), proxy_runs),
    (Version(2, 11), hooks_output),
)


def whole(root: Node) -> Iterator[Fault]:
    """The faults of the config as a whole, in order."""
    for since, check in CHECKS:
        if root.version >= since:
            yield from check(root)
