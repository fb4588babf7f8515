"""What root `traefik` says of Traefik itself, and the fate of all its lines together (history D.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kamal_migrate.kamal import traefik_reasons as reasons
from kamal_migrate.kamal.traefik_args import Fate, Line, each_line, no_equivalent

METRICS_PORT = ("run", "metrics_port")
_DASHBOARD_PORT = "8080"
_STORAGE = re.compile(r"certificatesresolvers\.[^.]+\.acme\.storage")


def lines(traefik: object) -> Iterator[Line]:
    """Every line of root `traefik`, a map as Kamal 1 read it."""
    said = list(each_line(traefik))
    args = {str(line.path[-1]).lower(): line.value for line in said if line.path[1:2] == ("args",)}
    stored = [str(value) for name, value in args.items() if _STORAGE.fullmatch(name)]
    metrics = f"entrypoints.{str(args.get('metrics.prometheus.entrypoint')).lower()}.address"
    dashboard = any(line.why == reasons.DASHBOARD.why for line in said)
    for line in said:
        if dashboard and line.why == reasons.OTHER_PORTS.why and line.published == {_DASHBOARD_PORT}:
            yield no_equivalent(line.path, line.value, reasons.DASHBOARD)
        elif line.why == reasons.FILES.why and line.path[1:2] == ("options",):
            yield _without_stores(line, stored)
        elif line.key == METRICS_PORT:
            yield line._replace(meaning=_port(args.get(metrics)) or line.meaning)
        elif str(line.path[-1]).lower() == metrics:
            yield Line(line.path, line.value, Fate.DEFAULT)
        else:
            yield line


def _without_stores(line: Line, stored: list[str]) -> Line:
    """A line of volumes without those that hold nothing but certificates: kamal-proxy has its own."""
    items = line.value if isinstance(line.value, list) else [line.value]
    odd = [item for item in items if not any(_holds(str(item), path) for path in stored)]
    if not odd:
        return Line(line.path, line.value, Fate.DEFAULT)
    return line._replace(value=odd) if isinstance(line.value, list) else line


def _holds(volume: str, path: str) -> bool:
    """Whether a volume, as `host:container` with options, is where a file is or lies."""
    folder = volume.split(":")[1].rstrip("/") if ":" in volume else ""
    return bool(folder) and (path == folder or path.startswith(f"{folder}/"))


def _port(address: object) -> int | None:
    """The port of an entry point."""
    match = re.search(r":(\d+)$", str(address))
    return int(match[1]) if match else None
