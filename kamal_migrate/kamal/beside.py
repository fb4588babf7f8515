"""Traefik beside kamal-proxy, for what is no HTTP: its accessory, as lines to paste (history D.4, D.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kamal_migrate.kamal.certificates import Setting
from kamal_migrate.kamal.entry_points import Resolvers
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.notation import block
from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.traefik import Label
from kamal_migrate.kamal.traefik_args import Line
from kamal_migrate.yamldoc import Path

PROTOCOLS = ("tcp", "udp")
IMAGE = "traefik:v2.11"
SOCKET = "/var/run/docker.sock:/var/run/docker.sock"


def beside(protocol: str, labels: Iterable[Label], setting: Setting) -> str:
    """What to do for the routers of ``tcp`` or ``udp`` labels: a Traefik of one's own reads them."""
    ports = _ports(labels, setting.resolvers, protocol)
    suffix = "" if protocol == "tcp" else f"/{protocol}"
    options = [f"--entryPoints.{name}.address=:{port}{suffix}" for name, port in ports.items()]
    traefik: dict[str, object] = {
        "image": IMAGE,
        "roles": [setting.role],
        "cmd": " ".join(["--providers.docker", *options]),
        "options": {"publish": [f"{port}:{port}{suffix}" for port in ports.values()]},
        "volumes": [SOCKET],
    }
    if not ports:
        return "keep the labels, and run Traefik as an accessory that publishes their ports"
    lines = block({"accessories": {"traefik": traefik}})
    return f"keep the labels, and run a Traefik for them beside kamal-proxy:\n{lines}"


def read_beside(view: View, role: Role) -> set[Path]:
    """The labels that a Traefik among the accessories reads: for TCP and UDP, of a role without a proxy all.

    It runs where the role does, and has all the entry points that they name.
    """
    stated = {name for command in _commands(view, role) for name in _ADDRESS.findall(command)}
    found: set[Path] = set()
    for protocol in PROTOCOLS if stated else ():
        own = [label for label in role.labels if label.name.lower().startswith(f"traefik.{protocol}.")]
        found |= {label.path for label in own} if _entry_points(own, protocol) <= stated else set()
    if stated and not role.proxied and _entry_points(role.own_labels, "http") <= stated:
        found |= {label.path for label in role.own_labels}
    return found


_ADDRESS = re.compile(r"--entrypoints\.([^.\s]+)\.address")


def _commands(view: View, role: Role) -> Iterator[str]:
    """What the Traefiks that look at Docker on the servers of a role are started with, in small letters."""
    accessories = view.get("accessories")
    for own in accessories.values() if isinstance(accessories, dict) else ():
        if isinstance(own, dict) and "traefik" in _text(own.get("image")) and _runs_with(own, role):
            command = _text(own.get("cmd")).lower()
            if "--providers.docker" in command:
                yield command


def _runs_with(accessory: dict[str, object], role: Role) -> bool:
    """Whether an accessory runs on every server of a role."""
    roles = accessory.get("roles", [accessory.get("role")])
    if isinstance(roles, list) and role.name in roles:
        return True
    hosts = accessory.get("hosts", [accessory.get("host")])
    servers = set(role.servers or ())
    return isinstance(hosts, list) and bool(servers) and servers <= set(map(_text, hosts))


def _text(value: object) -> str:
    return value.source if isinstance(value, Opaque) else str(value)


def without_those_beside(said: Iterable[Line], labels: Iterable[Label], known: Resolvers) -> list[Line]:
    """The lines of root `traefik` without the entry points and ports that go with such routers."""
    ports = _ports(labels, known)
    names = {("traefik", "args", f"entrypoints.{name}.address") for name in ports}
    return [line for line in said if _lower(line.path) not in names and not _only(line, {*ports.values()})]


def _ports(labels: Iterable[Label], known: Resolvers, protocol: str = "(?:tcp|udp)") -> dict[str, str]:
    """The ports of the entry points that such routers name, by these names."""
    names = _entry_points(labels, protocol)
    return {name: port for name, port in known.ports.items() if name in names}


def _entry_points(labels: Iterable[Label], protocol: str) -> set[str]:
    """The entry points that such routers name, in small letters."""
    stating = re.compile(rf"traefik\.{protocol}\.routers\..+\.entrypoints", re.IGNORECASE)
    said = [_text(label.value).lower() for label in labels if stating.fullmatch(label.name)]
    return {name.strip() for text in said for name in text.split(",")}


def _lower(path: Path) -> Path:
    return tuple(str(step).lower() for step in path)


def _only(line: Line, ports: set[str]) -> bool:
    """Whether a line publishes some of these ports and no other."""
    return bool(line.published) and line.published <= ports
