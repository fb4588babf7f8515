"""Traefik beside kamal-proxy, for what is no HTTP: its accessory, as lines to paste (history D.4, D.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kamal_migrate.kamal.certificates import Setting
from kamal_migrate.kamal.entry_points import Resolvers
from kamal_migrate.kamal.notation import block
from kamal_migrate.kamal.traefik import Label
from kamal_migrate.kamal.traefik_args import Line
from kamal_migrate.yamldoc import Path

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


def without_those_beside(said: Iterable[Line], labels: Iterable[Label], known: Resolvers) -> list[Line]:
    """The lines of root `traefik` without the entry points and ports that go with such routers."""
    ports = _ports(labels, known)
    names = {("traefik", "args", f"entrypoints.{name}.address") for name in ports}
    return [line for line in said if _lower(line.path) not in names and not _only(line, {*ports.values()})]


def _ports(labels: Iterable[Label], known: Resolvers, protocol: str = "(?:tcp|udp)") -> dict[str, str]:
    """The ports of the entry points that such routers name, by these names."""
    stating = re.compile(rf"traefik\.{protocol}\.routers\..+\.entrypoints", re.IGNORECASE)
    said = [str(label.value).lower() for label in labels if stating.fullmatch(label.name)]
    names = {name.strip() for text in said for name in text.split(",")}
    return {name: port for name, port in known.ports.items() if name in names}


def _lower(path: Path) -> Path:
    return tuple(str(step).lower() for step in path)


def _only(line: Line, ports: set[str]) -> bool:
    """Whether a line publishes some of these ports and no other."""
    return bool(line.published) and line.published <= ports
