"""How Kamal reaches the hosts of a view over SSH: user, port, jump host, keys (history F.5)."""

from __future__ import annotations

import re
from typing import NamedTuple

from kamal_migrate.kamal.deployment.reading import mapping, or_none, settings, texts
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version

# `port` came with 1.2.0, and with it 22 as the port whatever OpenSSH's own config says.
OWN_PORT, OWN_CONFIG = Version(1, 2), Version(2, 9)
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?"
_IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?"
# SSHKit takes `host`, `user@host`, `host:port` and both, and IPv6 in brackets where a port follows.
_HOST = re.compile(rf"(?:(\w[\w.-]*)@)?(?:\[({_IPV6})\]|({_NAME})|({_IPV6}))(?::(\d{{1,5}}))?", re.ASCII)


class CannotReach(ValueError):
    """Why a host is not asked."""


class Login(NamedTuple):
    """Where to log in: host, user, port, empty where OpenSSH's own config says it."""

    host: str
    user: str = ""
    port: str = ""


class Ssh(NamedTuple):
    """The settings of a view. ``jump`` is a host to go through, ``command`` the config's own way.

    ``config`` is a file for OpenSSH, ``none`` for no file, empty for its usual ones. ``keys_elsewhere`` says
    that keys stand in secrets, which only Kamal reads.
    """

    user: str = "root"
    port: str = ""
    jump: Login | None = None
    command: str = ""
    keys: tuple[str, ...] = ()
    keys_only: bool = False
    config: str = ""
    keys_elsewhere: bool = False


def ssh_of(view: View, version: Version) -> Ssh:
    """The settings of a view as a version reads them. Raises `CannotReach` for what cannot be used."""
    said = mapping(settings(view, version).get("ssh"))
    for name, value in said.items():
        if any("<%" in item for item in texts(value)):
            raise CannotReach(f"ssh.{name} is ERB, which is not evaluated")
    port = or_none(said.get("port")) or ("22" if version >= OWN_PORT else "")
    if port and not re.fullmatch(r"\d{1,5}", port):
        raise CannotReach(f"ssh.port is `{port}`, which is no port")
    user = or_none(said.get("user")) or "root"
    if not re.fullmatch(r"\w[\w.-]*", user, re.ASCII):
        raise CannotReach(f"ssh.user is `{user}`, which is no name of a user")
    return Ssh(
        user,
        port,
        _jump(or_none(said.get("proxy"))),
        or_none(said.get("proxy_command")) or "",
        tuple(texts(said.get("keys"))),
        said.get("keys_only") is True,
        _config(said.get("config"), version),
        or_none(said.get("key_data")) is not None,
    )


def _jump(said: str | None) -> Login | None:
    """The host to go through; without a user it is root's."""
    if said is None:
        return None
    try:
        found = login(said)
    except CannotReach:
        raise CannotReach(
            f"ssh.proxy is `{said}`, and one host is all that can be gone through here"
        ) from None
    return found._replace(user=found.user or "root")


def _config(said: object, version: Version) -> str:
    """The file for OpenSSH; 2.1.0 took the key, 2.9.0 is the first that uses it."""
    if version < OWN_CONFIG or said is None or said is True:
        return ""
    files = texts(said) if said is not False else []
    if len(files) > 1:
        raise CannotReach("ssh.config names several files, and ssh takes one")
    return files[0] if files else "none"


def login(host: str) -> Login:
    """A host as the config names it. Raises `CannotReach` for what is no host, such as an option of ssh."""
    if "<%" in host:
        raise CannotReach("its name is ERB, which is not evaluated")
    found = _HOST.fullmatch(host)
    if found is None:
        raise CannotReach("its name is none that ssh could be given")
    user, bracketed, name, bare, port = found.groups()
    return Login(bracketed or name or bare, user or "", port or "")
