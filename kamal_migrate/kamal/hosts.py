"""The hosts of a deployment: what runs where, and which of them pull the app's image (history C.1)."""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.kamal.deployment.accessories import hosts_of
from kamal_migrate.kamal.deployment.reading import Table, mapping, settings
from kamal_migrate.kamal.deployment.roles import roles
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version

# Commit 4f7ebd73 let `build pull` and others run on the hosts of accessories; PR #1508 ended it.
FIRST_TO_PULL, FIRST_NOT_TO_PULL = Version(2, 1, 1), Version(2, 6)
# Accessories on hosts of their own were left out of `server bootstrap`, `env push` and others.
FIRST_TO_FORGET, FIRST_NOT_TO_FORGET = Version(1, 9), Version(2, 1, 1)


class Host(NamedTuple):
    """A host, by its name or address as the config says it: its roles, its accessories, its tags.

    A name that only Ruby knows is the source of the ERB.
    """

    name: str
    roles: tuple[str, ...] = ()
    accessories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def is_expression(self) -> bool:
        """Whether only Ruby knows the name."""
        return "<%" in self.name

    @property
    def is_apart(self) -> bool:
        """Whether it runs accessories only."""
        return not self.roles


def hosts(view: View, version: Version) -> tuple[Host, ...]:
    """The hosts of a view, those of roles first, each in the order in which the config names it."""
    config = settings(view, version)
    found: dict[str, Host] = {}
    known = roles(config, version)
    for role in known:
        for name, tags in role.tags.items():
            host = found.get(name, Host(name))
            together = tuple(dict.fromkeys((*host.tags, *tags)))
            found[name] = host._replace(roles=(*host.roles, role.name), tags=together)
    accessories: Table = mapping(config.get("accessories"))
    for accessory, own in accessories.items():
        for name in dict.fromkeys(hosts_of(config, mapping(own), known)):
            host = found.get(name, Host(name))
            found[name] = host._replace(accessories=(*host.accessories, accessory))
    return tuple(found.values())


def pulls(host: Host, version: Version) -> bool:
    """Whether a deploy pulls the app's image onto a host."""
    return not host.is_apart or FIRST_TO_PULL <= version < FIRST_NOT_TO_PULL


def is_forgotten(host: Host, version: Version) -> bool:
    """Whether `server bootstrap` and the like leave out a host on which accessories are due."""
    return host.is_apart and FIRST_TO_FORGET <= version < FIRST_NOT_TO_FORGET
