"""What Traefik's arguments say of its entry points and certificates: what the TLS of routers hangs on."""

from __future__ import annotations

import re
from typing import NamedTuple

from kamal_migrate.kamal.traefik import is_off
from kamal_migrate.yamldoc import Path


class Resolvers(NamedTuple):
    """What the arguments say of certificates, redirections and entry points.

    ``dns`` are the resolvers that use a DNS challenge, ``redirects`` whether HTTP is redirected to HTTPS,
    ``secured`` the entry points with TLS of their own, each with its resolver or nothing, ``stated`` the
    arguments that say so, ``ports`` the port of each entry point.
    """

    dns: frozenset[str]
    redirects: bool
    secured: dict[str, str | None]
    stated: dict[str, Path]
    ports: dict[str, str]


def resolvers(traefik: object) -> Resolvers:
    """Read from the arguments what the TLS of routers hangs on."""
    args = traefik.get("args") if isinstance(traefik, dict) else None
    pairs = args if isinstance(args, dict) else {}
    said = {str(name).lower(): value for name, value in pairs.items()}
    dns = (re.match(r"certificatesresolvers\.([^.]+)\.acme\.dnschallenge", name) for name in said)
    secured: dict[str, str | None] = {}
    stated: dict[str, Path] = {}
    for written, value in pairs.items():
        name = str(written).lower()
        match = re.fullmatch(r"entrypoints\.([^.]+)\.http\.tls(\.certresolver)?(?:\..*)?", name)
        if match and not is_off(value):
            secured[match[1]] = str(value) if match[2] else secured.get(match[1])
            stated.setdefault(match[1], ("traefik", "args", written))
    redirects = any(re.fullmatch(r"entrypoints\.[^.]+\.http\.redirections\.entrypoint\.to", n) for n in said)
    return Resolvers(frozenset(match[1] for match in dns if match), redirects, secured, stated, _ports(said))


def _ports(said: dict[str, object]) -> dict[str, str]:
    """The port of each entry point, by its name."""
    rows = ((re.fullmatch(r"entrypoints\.([^.]+)\.address", name), value) for name, value in said.items())
    addresses = {match[1]: re.search(r":(\d+)(?:/\w+)?$", str(value)) for match, value in rows if match}
    return {name: match[1] for name, match in addresses.items() if match}
