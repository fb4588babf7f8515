"""Roles and accessories as Kamal sees them: their hosts, and whether a proxy runs before them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.loading import merge
from kamal_migrate.kamal.validation.node import UNKNOWN, Node
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc.data import EMPTY_MAP

# Verified with ActiveSupport 6.1, reported in issue #1555: the root proxy is not seen at all.
BLIND_TO_PROXY = Version(2, 6)


class Role(NamedTuple):
    """A role; ``config`` is the node with its settings and hosts, a list of hosts or a mapping."""

    name: str
    config: Node
    is_primary: bool

    @property
    def servers(self) -> Node:
        """The node that lists its hosts."""
        return self.config if self.config.kind in ("list", *UNKNOWN) else self.config.get("hosts")

    @property
    def hosts(self) -> list[str]:
        """The hosts that one can see, each once."""
        found = (next(iter(host.names), None) if host.kind == "map" else host.text for host in self._listed())
        return list(dict.fromkeys(name for name in found if name is not None))

    def _listed(self) -> Iterator[Node]:
        if self.servers.kind != "list":
            return iter([self.servers] if self.servers.kind == "str" else [])
        return (host for host in self.servers.children() if host.kind in ("str", "map"))

    @property
    def is_empty(self) -> bool:
        """Whether it surely has no host."""
        return not self.hosts and not self.servers.hides

    @property
    def own_proxy(self) -> Node:
        """What the role itself says of its proxy."""
        return self.config.get("proxy")

    @property
    def is_proxied(self) -> bool:
        """Whether a proxy surely runs: on the primary role unless it says false, on others if they say so."""
        if self.own_proxy.is_unknown:
            return False
        return not self.own_proxy.is_false if self.is_primary else self.own_proxy.is_set


def roles(root: Node) -> list[Role]:
    """The roles by their names in order; a plain list of servers is the role ``web``."""
    servers, primary = root.get("servers"), primary_name(root)
    if servers.kind == "list":
        return [Role("web", servers, primary == "web")]
    return [Role(name, servers.get(name), primary == name) for name in sorted(servers.names)]


def primary_name(root: Node) -> str | None:
    """The name of the primary role (1.3.0+); None where only Ruby knows it."""
    chosen = root.get("primary_role")
    if chosen.is_unknown:
        return None
    return chosen.text if chosen.is_set and root.version >= (1, 3) else "web"


def accessories(root: Node) -> list[Node]:
    """The accessories in the order of the config."""
    return list(root.get("accessories").children()) if root.get("accessories").kind == "map" else []


def accessory_hosts(accessory: Node, known: list[Role]) -> list[str]:
    """The hosts of an accessory that one can see; roles that do not exist have none."""
    by_name = {role.name: role.hosts for role in known}
    if accessory.get("host").kind != "absent":
        return [accessory.get("host").text] if accessory.get("host").kind == "str" else []
    if accessory.get("hosts").kind == "list":
        return _texts(accessory.get("hosts"))
    names = _texts(accessory.get("roles")) or _texts(accessory.get("role"))
    tags = _texts(accessory.get("tags")) or _texts(accessory.get("tag"))
    return [host for name in names for host in by_name.get(name, [])] + _tagged(known, tags)


def _tagged(known: list[Role], tags: list[str]) -> list[str]:
    """The hosts with one of the tags; only roles that are plain lists are looked at (2.6.0+)."""
    lists = [role.config for role in known if role.config.kind == "list" and len(role.config.path) > 1]
    hosts = [server.get(server.names[0]) for role in lists for server in role.children() if server.names]
    return [str(host.path[-1]) for tag in tags for host in hosts if tag in _texts(host)]


def _texts(node: Node) -> list[str]:
    if node.kind == "list":
        return [child.text for child in node.children() if child.kind == "str"]
    return [node.text] if node.kind == "str" else []


def merged_proxy(root: Node, role: Role) -> Node:
    """The proxy settings of a role over those of the root; Kamal calls the result ``proxy`` again."""
    data, common, own = EMPTY_MAP, root.get("proxy"), role.own_proxy
    if common.kind == "map" and root.version != BLIND_TO_PROXY and common.data:
        data = common.data
    if own.kind == "map" and own.data:
        data = merge(data, own.data)
    place = own if own.kind == "map" else common
    return Node(root.view, root.version, place.path, data, "proxy")
