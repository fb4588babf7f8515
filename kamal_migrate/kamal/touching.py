"""Which command of Kamal does what on which hosts, by version: a table (history C.1, all of it run)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.reach import TRAEFIK_BY_ROLE, Reach
from kamal_migrate.kamal.versions import Version

FIRST, LAST = Version(0), Version(99)
KAMAL_1, KAMAL_2, APP_HOSTS = Version(1), Version(2), Version(2, 6)


class NoCommand(ValueError):
    """A command that the version does not have, or an accessory that the config does not have."""


class Act(NamedTuple):
    """One thing that is done: its words, and the set of `Reach` on whose hosts it is done.

    ``since`` is the first version that does it, ``until`` the first that does not any more.
    """

    words: str
    on: str
    since: Version = FIRST
    until: Version = LAST

    def holds(self, version: Version) -> bool:
        """Whether a version does it."""
        return self.since <= version < self.until


class Command(NamedTuple):
    """A command: what it does, in order; names of other commands stand for what those do."""

    acts: tuple[Act | str, ...]
    since: Version = FIRST
    until: Version = LAST


FOLDER = Act("make the folder .kamal", "hosts", since=KAMAL_1)
LOCK = Act("hold the deploy lock", "primary_hosts")
LOCKED = (FOLDER, LOCK)
# Up to 1.5.2 a build held the lock; from 1.6.0 on a bootstrap does.
UNLOCKED_BUILD = Version(1, 6)
LOCKED_BUILD = tuple(act._replace(until=UNLOCKED_BUILD) for act in LOCKED)
LOCKED_BOOTSTRAP = tuple(act._replace(since=UNLOCKED_BUILD) for act in LOCKED)
LOGIN = Act("log in to the registry", "hosts")
LOGIN_TO_PULL = Act("log in to the registry", "app_hosts", since=APP_HOSTS)
LOGIN_TO_PROXY = Act("log in to the registry", "proxy_hosts")
PULL = Act("pull the app's image", "app_hosts")
HEALTHCHECK = Act("check the app's health first", "primary_hosts", until=Version(1, 6))
NETWORK = Act("make the Docker network", "hosts", since=KAMAL_2)
PROXY = (LOGIN_TO_PROXY._replace(since=KAMAL_2), Act("boot the proxy", "proxy_hosts", since=KAMAL_2))
TRAEFIK = (LOGIN_TO_PROXY._replace(until=KAMAL_2), Act("boot Traefik", "proxy_hosts", until=KAMAL_2))
BOOT = Act("boot {role}", "role_hosts")
TAG = Act("tag the image as latest", "app_hosts")
PRUNE = Act("prune", "hosts")
# Traefik's file goes to all of its hosts where `-r` does not count for it.
ENV = (
    Act("write env files", "everywhere", since=KAMAL_1, until=KAMAL_2),
    Act("write env files", "proxy_hosts", since=KAMAL_1, until=TRAEFIK_BY_ROLE),
)
BOOTSTRAP = (
    Act("install Docker where it is missing", "everywhere"),
    Act("make the folder .kamal", "everywhere", since=KAMAL_1, until=KAMAL_2),
)
# Whatever `-r` leaves out of KAMAL.hosts, an accessory's own hosts are made ready for it.
READY_ACCESSORY = (
    Act("log in to the registry for {accessory}", "of_accessory"),
    Act("make the Docker network for {accessory}", "of_accessory", since=KAMAL_2),
)
BOOT_ACCESSORY = (*READY_ACCESSORY, Act("boot {accessory}", "of_accessory"))
# From 2.5.0 on a setup boots accessories within its deploy: not where a pull fails before.
BOOTS_WITHIN_DEPLOY = Version(2, 5)
BOOT_FIRST = tuple(act._replace(until=BOOTS_WITHIN_DEPLOY) for act in BOOT_ACCESSORY)
BOOT_WITHIN = tuple(act._replace(since=BOOTS_WITHIN_DEPLOY) for act in BOOT_ACCESSORY)
REBOOT_ACCESSORY = (*READY_ACCESSORY, Act("reboot {accessory}", "of_accessory"))
UPGRADE_ACCESSORY = tuple(act._replace(on="upgraded") for act in REBOOT_ACCESSORY)
SHOW_ACCESSORY = Act("show {accessory}", "of_accessory")

DEPLOY = (LOGIN._replace(until=APP_HOSTS), "build pull", *LOCKED, NETWORK, *PROXY, *TRAEFIK)
RELEASE = (HEALTHCHECK, BOOT, TAG, PRUNE)

COMMANDS: dict[str, Command] = {
    "setup": Command((*LOCKED, "server bootstrap", *ENV, *BOOT_FIRST, *DEPLOY, *BOOT_WITHIN, *RELEASE)),
    "deploy": Command((*DEPLOY, *RELEASE)),
    "redeploy": Command(("build pull", *LOCKED, HEALTHCHECK, BOOT, TAG)),
    "rollback": Command(("app boot",)),
    "build push": Command(LOCKED_BUILD),
    "build pull": Command((*LOCKED_BUILD, LOGIN_TO_PULL, PULL)),
    "build deliver": Command(("build push", "build pull")),
    "app boot": Command((*LOCKED, BOOT, TAG)),
    "app start": Command((*LOCKED, Act("start {role}", "role_hosts"))),
    "app stop": Command((*LOCKED, Act("stop {role}", "role_hosts"))),
    "app exec": Command((LOGIN_TO_PULL, Act("run the command in {role}", "role_hosts"))),
    "app details": Command((Act("show {role}", "role_hosts"),)),
    "app logs": Command((Act("show the logs of {role}", "role_hosts"),)),
    "accessory boot": Command((*LOCKED, *BOOT_ACCESSORY)),
    "accessory reboot": Command((*LOCKED, *REBOOT_ACCESSORY)),
    "accessory details": Command((SHOW_ACCESSORY,)),
    "proxy boot": Command((*LOCKED, NETWORK, *PROXY), since=KAMAL_2),
    "proxy reboot": Command((*LOCKED, LOGIN_TO_PROXY, Act("reboot the proxy", "proxy_hosts")), since=KAMAL_2),
    "proxy details": Command((Act("show the proxy", "proxy_hosts"),), since=KAMAL_2),
    "traefik boot": Command((*LOCKED, *TRAEFIK), until=KAMAL_2),
    "traefik reboot": Command((*LOCKED, LOGIN_TO_PROXY, Act("reboot Traefik", "proxy_hosts")), until=KAMAL_2),
    "env push": Command((*LOCKED, *ENV), since=KAMAL_1, until=KAMAL_2),
    "prune": Command((*LOCKED, PRUNE)),
    "server bootstrap": Command((*LOCKED_BOOTSTRAP, *BOOTSTRAP)),
    "server exec": Command((Act("run the command", "everywhere"),), since=Version(1, 6)),
    "registry login": Command((LOGIN,)),
    "registry setup": Command((LOGIN,), since=Version(2, 8)),
    "audit": Command((Act("show the audit log", "hosts"),)),
    "details": Command(
        (
            Act("show the proxy", "proxy_hosts", since=KAMAL_2),
            Act("show Traefik", "proxy_hosts", until=KAMAL_2),
            "app details",
            SHOW_ACCESSORY,
        )
    ),
    "upgrade": Command(
        (
            *LOCKED,
            LOGIN,
            Act("take Traefik away", "hosts"),
            NETWORK,
            *PROXY,
            BOOT,
            TAG,
            PRUNE,
            *UPGRADE_ACCESSORY,
        ),
        since=KAMAL_2,
    ),
}
# Where a release lacked a command that those before and after it have.
LACKING = {("registry login", Version(2, 8)), ("registry login", Version(2, 8, 1))}
# What may stand behind a command, and does not matter for the hosts.
FREE = ("rollback", "app exec", "server exec")


class Touch(NamedTuple):
    """What a command does, in a line, on one host."""

    host: str
    words: str


def touches(reach: Reach, command: str) -> list[Touch]:
    """What a command does on which hosts, in its order, each thing once. Raises `NoCommand`."""
    name, accessories = _parsed(reach, command)
    found = (touch for act in _acts(name, reach.version) for touch in _of_act(reach, act, accessories))
    return list(dict.fromkeys(found))


def _of_act(reach: Reach, act: Act, accessories: tuple[str, ...]) -> Iterator[Touch]:
    on = getattr(reach, act.on)
    if "{accessory}" in act.words:
        for name in accessories:
            yield from (Touch(host, act.words.format(accessory=name)) for host in on(name))
    elif "{role}" in act.words:
        yield from (Touch(host, act.words.format(role=name)) for host in on for name in reach.roles_on(host))
    else:
        yield from (Touch(host, act.words) for host in on)


def _acts(name: str, version: Version) -> Iterator[Act]:
    for act in COMMANDS[name].acts:
        if isinstance(act, str):
            yield from _acts(act, version)
        elif act.holds(version):
            yield act


def _parsed(reach: Reach, command: str) -> tuple[str, tuple[str, ...]]:
    """The name of a command, and the accessories that it works on."""
    said = command.split()
    name = next((name for name in (" ".join(said[:2]), " ".join(said[:1])) if name in COMMANDS), None)
    if name is None:
        known = (name for name in COMMANDS if _has(reach.version, name))
        raise NoCommand(f"there is no command `{command}` here; there are {', '.join(known)}")
    rest = said[len(name.split()) :]
    if not _has(reach.version, name):
        raise NoCommand(f"Kamal {reach.version.short} has no command `{name}`")
    return name, _accessories(reach, name, rest)


def _has(version: Version, name: str) -> bool:
    """Whether a version has a command."""
    own = COMMANDS[name]
    return own.since <= version < own.until and (name, version) not in LACKING


def _accessories(reach: Reach, name: str, rest: list[str]) -> tuple[str, ...]:
    known = tuple(reach.accessories)
    named = name.startswith("accessory")
    if rest and not named and name not in FREE and (name, rest) != ("prune", ["all"]):
        raise NoCommand(
            f"`{' '.join(rest)}` does not belong to `{name}`; say roles with -r and hosts with -h"
        )
    if not named or rest in ([], ["all"]):
        return known
    if rest[0] not in known:
        options = f" (options: {', '.join(known)})" if known else ""
        raise NoCommand(f"No accessory by the name of '{rest[0]}'{options}")
    return (rest[0],)
