"""What requests reach: the roles and accessories behind the proxy, with what each of them asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.deployment.accessories import accessory
from kamal_migrate.kamal.deployment.reading import Table, mapping, settings, texts
from kamal_migrate.kamal.deployment.roles import Role, described, roles
from kamal_migrate.kamal.deployment.traefik_1 import arguments
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.traefik import is_off
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

KAMAL_2 = Version(2)
# Accessories have a proxy from here on.
PROXIED_ACCESSORIES = Version(2, 4)
ROOT = "/"


class Served(NamedTuple):
    """A role or accessory behind the proxy, and where the config states it.

    ``hosts`` are the names that it asks for, empty for all requests; ``prefixes`` the paths. ``automatic``
    tells that it takes TLS with a certificate that is fetched by a challenge over HTTP or TLS. ``plain``
    tells that nothing else decides which requests it gets.
    """

    name: str
    path: Path
    servers: tuple[str, ...]
    hosts: tuple[str, ...]
    prefixes: tuple[str, ...]
    tls: bool
    automatic: bool
    plain: bool

    @property
    def is_role(self) -> bool:
        """Whether it is a role, no accessory."""
        return self.path[0] == "servers"

    def shares(self, other: Served) -> list[str]:
        """The names that both ask for."""
        return [host for host in self.hosts if host in other.hosts]

    def meets(self, other: Served) -> bool:
        """Whether both ask for the same requests: of the same names, or both of any, below the same path."""
        hosts = self.shares(other) or (not self.hosts and not other.hosts)
        return bool(hosts and set(self.prefixes) & set(other.prefixes) and self.plain and other.plain)


def served(view: View, version: Version) -> Iterator[Served]:
    """The roles and accessories that requests reach, the primary role first."""
    config = settings(view, version)
    known, challenged = roles(config, version), _is_challenged(config)
    for role in sorted(known, key=lambda role: not role.primary):
        if role.proxied and not (version < KAMAL_2 and _is_unseen(config, role)):
            found = described(view, config, role, version)
            yield _served(role.name, _place(view, role.name), found, version, challenged)
    for name, own in mapping(config.get("accessories")).items() if version >= PROXIED_ACCESSORIES else ():
        found = accessory(config, name, mapping(own), known, version)
        if found["proxy"]:
            yield _served(name, ("accessories", name), found, version, challenged)


def _place(view: View, role: str) -> Path:
    return ("servers", role) if isinstance(view.get("servers"), dict) else ("servers",)


def _served(name: str, path: Path, found: Table, version: Version, challenged: bool) -> Served:
    proxy = found["proxy"]
    automatic = not proxy["certificate"] if version >= KAMAL_2 else challenged
    return Served(
        name,
        path,
        tuple(found["hosts"]),
        tuple(proxy["hosts"]),
        tuple(proxy["path_prefixes"]) or (ROOT,),
        bool(proxy["tls"]),
        bool(proxy["tls"] and automatic),
        not proxy["other"],
    )


def _is_challenged(config: Table) -> bool:
    """Whether every certificate resolver of Traefik is answered over HTTP or TLS, none by DNS."""
    names = arguments(mapping(config.get("traefik")).get("args"))
    ways = {name.split(".")[3] for name in names if _RESOLVER in name and name.count(".") > 2}
    return bool(ways & {"httpchallenge", "tlschallenge"}) and "dnschallenge" not in ways


_RESOLVER = "certificatesresolvers."


def _is_unseen(config: Table, role: Role) -> bool:
    """Whether a label keeps Traefik away from a role."""
    both = {**mapping(config.get("labels")), **mapping(role.settings.get("labels"))}
    said = [value for name, value in both.items() if name.lower() == "traefik.enable"]
    return any(is_off(text) for text in texts(said))
