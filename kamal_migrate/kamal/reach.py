"""Which hosts a run of Kamal reaches: its own sets of hosts, as `-r` and `-h` leave them (history C.1).

Verified by running every release from 0.16.1 to 2.12.0 on the same configs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple

from kamal_migrate.kamal.deployment.accessories import hosts_of
from kamal_migrate.kamal.deployment.reading import Table, mapping, present, settings
from kamal_migrate.kamal.deployment.roles import Role, primary_name, roles
from kamal_migrate.kamal.hosts import FIRST_NOT_TO_PULL, FIRST_TO_FORGET, FIRST_TO_PULL
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version

# Where `-r` and `-h` got globs, where Kamal refused what matches nothing, and where globs became those of
# Ruby's File.fnmatch.
GLOBS, REFUSES, FNMATCH = Version(1, 2), Version(1, 3), Version(1, 5, 1)
# PR #772: the hosts of accessories count among all hosts. 1.5.2: `-r` counts for Traefik too.
ALL_HOSTS, TRAEFIK_BY_ROLE = Version(1, 5), Version(1, 5, 2)
# `-h` counts for an accessory.
ACCESSORY_BY_HOST, FORGETS_HOSTS = Version(1, 4), Version(2, 11)


class NoMatch(ValueError):
    """Kamal refuses `-r` or `-h`, in its words."""


class Chosen(NamedTuple):
    """What `-r` and `-h` say: patterns, empty for all."""

    roles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def words(option: str | None) -> tuple[str, ...]:
    """The patterns of an option as Kamal takes it: separated by commas, without those that are empty."""
    return tuple(word for word in (option or "").split(",") if word)


@dataclass(frozen=True)
class Reach:
    """The hosts of a view in the sets that the commands of a version use, each once and in Kamal's order."""

    version: Version
    known_roles: tuple[Role, ...]
    accessories: dict[str, tuple[str, ...]]
    fronted: tuple[str, ...]
    primary_role: str
    chosen_roles: frozenset[str] | None = None
    chosen_hosts: tuple[str, ...] | None = None

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """``KAMAL.hosts``: those of roles, from 2.1.1 on those of accessories too."""
        among = self._given(self._all)
        if self.version < FIRST_TO_PULL:
            return _both(among, self._of_roles(self._roles))
        of_chosen = self._of_roles(self._roles) if self.chosen_roles is not None else ()
        return _both(among, of_chosen) if of_chosen else among

    @cached_property
    def app_hosts(self) -> tuple[str, ...]:
        """``KAMAL.app_hosts`` (2.6.0): those of roles; before, its commands took all of ``KAMAL.hosts``."""
        if self.version < FIRST_NOT_TO_PULL:
            return self.hosts
        return _both(self._of_roles(self.known_roles), self.hosts)

    @cached_property
    def accessory_hosts(self) -> tuple[str, ...]:
        """``KAMAL.accessory_hosts``; from 1.9.0 on only those that are in ``KAMAL.hosts``."""
        found = _once(host for hosts in self.accessories.values() for host in hosts)
        if self.version < FIRST_TO_FORGET:
            return self._given(found)
        return _both(found, self.hosts)

    @cached_property
    def everywhere(self) -> tuple[str, ...]:
        """``KAMAL.hosts | KAMAL.accessory_hosts``, where Docker is installed."""
        return _once((*self.hosts, *self.accessory_hosts))

    @cached_property
    def proxy_hosts(self) -> tuple[str, ...]:
        """``KAMAL.proxy_hosts``, once ``traefik_hosts``; with accessories behind the proxy from 2.6.0 on."""
        proxied = self._of_roles(role for role in self.known_roles if role.proxied)
        if self.version < TRAEFIK_BY_ROLE:
            return self._given(proxied)
        fronted = self.fronted if self.version >= FIRST_NOT_TO_PULL else ()
        behind = (host for name in fronted for host in self.accessories[name])
        return _both(_once((*proxied, *behind)), self.hosts)

    @cached_property
    def role_hosts(self) -> tuple[str, ...]:
        """The hosts on which there is a role to run."""
        return tuple(host for host in self.app_hosts if self.roles_on(host))

    @cached_property
    def primary_hosts(self) -> tuple[str, ...]:
        """``KAMAL.primary_host``, which holds the lock."""
        if self.chosen_hosts:
            return self.chosen_hosts[:1]
        chosen, every = (
            sorted(some, key=lambda role: role.name != self.primary_role)
            for some in (self._roles, self.known_roles)
        )
        return next((self._of_roles([role])[:1] for role in (*chosen, *every) if role.tags), ())

    def roles_on(self, host: str) -> tuple[str, ...]:
        """The roles that run on a host, as far as they are chosen."""
        return tuple(role.name for role in self._roles if host in role.tags)

    def of_accessory(self, name: str) -> tuple[str, ...]:
        """The hosts on which a command for an accessory works; `-r` leaves some out from 2.6.0 on."""
        own = _once(self.accessories[name])
        if self.version >= FIRST_NOT_TO_PULL:
            return _both(self.accessory_hosts, own)
        if self.version < ACCESSORY_BY_HOST or not self.chosen_hosts:
            return own
        return _both(self.chosen_hosts, own)

    def upgraded(self, name: str) -> tuple[str, ...]:
        """The hosts on which `kamal upgrade` restarts an accessory.

        It asks for those of ``KAMAL.accessory_hosts``. Where there are none, 2.11.0 is the first that forgets
        `-h`; up to 2.5.3 `-h` is all that counts for an accessory.
        """
        if self.accessory_hosts:
            return _both(self.of_accessory(name), self.accessory_hosts)
        if self.version >= FORGETS_HOSTS:
            return replace(self, chosen_hosts=None).of_accessory(name)
        return _both(self.chosen_hosts or (), self.of_accessory(name))

    @cached_property
    def _all(self) -> tuple[str, ...]:
        accessories = self.accessories.values() if self.version >= ALL_HOSTS else ()
        return _once((*self._of_roles(self.known_roles), *(host for hosts in accessories for host in hosts)))

    @cached_property
    def _roles(self) -> tuple[Role, ...]:
        chosen = self.chosen_roles
        return tuple(role for role in self.known_roles if chosen is None or role.name in chosen)

    def _of_roles(self, some: Iterable[Role]) -> tuple[str, ...]:
        return _once(host for role in some for host in role.tags)

    def _given(self, hosts: tuple[str, ...]) -> tuple[str, ...]:
        """The hosts of `-h`, else these."""
        return hosts if self.chosen_hosts is None else self.chosen_hosts


def reach(view: View, version: Version, chosen: Chosen | None = None) -> Reach:
    """The hosts of a view that a version reaches. Raises `NoMatch` as Kamal does."""
    config = settings(view, version)
    known = roles(config, version)
    accessories: Table = mapping(config.get("accessories"))
    found = Reach(
        version,
        tuple(known),
        {name: tuple(hosts_of(config, mapping(own), known)) for name, own in accessories.items()},
        tuple(name for name, own in accessories.items() if present(mapping(own).get("proxy"))),
        primary_name(config),
    )
    return _narrowed(found, chosen) if chosen else found


def _narrowed(found: Reach, chosen: Chosen) -> Reach:
    names = [role.name for role in found.known_roles]
    picked = _picked(chosen.hosts, found._all, "hosts", found.version) if chosen.hosts else None
    some = _picked(chosen.roles, names, "roles", found.version) if chosen.roles else None
    return replace(found, chosen_roles=None if some is None else frozenset(some), chosen_hosts=picked)


def _picked(patterns: Sequence[str], names: Sequence[str], option: str, version: Version) -> tuple[str, ...]:
    picked = _once(name for pattern in patterns for name in names if _matches(pattern, name, version))
    if not picked and version >= REFUSES:
        raise NoMatch(f"No --{option} match for {','.join(patterns)}")
    return picked


def _matches(pattern: str, name: str, version: Version) -> bool:
    if version < GLOBS:
        return pattern == name
    if version < FNMATCH:
        return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None
    return fnmatchcase(name, pattern)


def _once(hosts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hosts))


def _both(hosts: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Those of the first that are among the others."""
    among = set(others)
    return tuple(host for host in hosts if host in among)
