"""The container of the proxy: the ports that it takes on the host, and what a config gives it."""

from __future__ import annotations

import re

from kamal_migrate.kamal.deployment.containers import options
from kamal_migrate.kamal.deployment.reading import (
    Table,
    items,
    mapping,
    merged,
    number,
    or_none,
    pairs,
    present,
    text,
    texts,
)
from kamal_migrate.kamal.deployment.roles import KAMAL_2, Role
from kamal_migrate.kamal.deployment.traefik_1 import arguments, other_arguments
from kamal_migrate.kamal.versions import Version

_CERTIFICATES = re.compile(r"acme|letsencrypt|/traefik|docker\.sock", re.IGNORECASE)
_METRICS_PORT = 8080


def proxy_container(config: Table, roles: list[Role], version: Version) -> Table | None:
    """The proxy's container; None where nothing is proxied."""
    if not any(role.proxied for role in roles):
        return None
    return _kamal_2(_run(config, roles)) if version >= KAMAL_2 else _kamal_1(config)


def _kamal_1(config: Table) -> Table:
    """Traefik: port 80, or ``host_port``; 443 only if ``options.publish`` says so."""
    said = mapping(config.get("traefik"))
    args = arguments(said.get("args"))
    docker = options(said.get("options"))
    publish = said.get("publish") is not False
    opened = dict(_published(port) for port in texts(docker.pop("publish", None)))
    http = opened.pop("80", None)
    own = number(said.get("host_port", 80)) if publish else number(http)
    https = number(opened.pop("443", None))
    docker.update({"publish": _one([text(port) for port in opened.values()])} if opened else {})
    kept = [volume for volume in texts(docker.pop("volume", None)) if not _of_certificates(volume, args)]
    docker.update({"volume": _one(kept)} if kept else {})
    return {
        "http_port": own,
        "https_port": https,
        "publish": publish,
        "bind_ips": None,
        "debug": text(args.get("log.level")).upper() == "DEBUG",
        "metrics_port": _metrics(args),
        "log_max_size": None,
        "image": None,
        "options": docker,
        "labels": {name: or_none(value) for name, value in pairs(said.get("labels")).items()},
        "other": {**other_arguments(args), **_env(said)},
    }


def _of_certificates(volume: str, args: Table) -> bool:
    """Whether a volume is for certificates, by its name or as their place; each proxy has its own."""
    inside = volume.split(":")[1].rstrip("/") if ":" in volume else ""
    stored = [text(path) for name, path in args.items() if name.endswith(".acme.storage")]
    placed = bool(inside) and any(f"{path}/".startswith(f"{inside}/") for path in stored)
    return placed or bool(_CERTIFICATES.search(volume))


def _one(values: list[str]) -> object:
    return values[0] if len(values) == 1 else values


def _published(port: str) -> tuple[str, str]:
    """The port in the container and the one on the host; for ports but 80 and 443 all that is said."""
    host, _, inside = port.rpartition(":")
    inside = inside.partition("/")[0]
    return (inside, host or inside) if inside in ("80", "443") else (port, port)


def _metrics(args: Table) -> int | str | None:
    """The port of Prometheus' metrics: that of their entry point, by default Traefik's own 8080."""
    if not any(name.startswith("metrics.prometheus") for name in args):
        return None
    point = text(args.get("metrics.prometheus.entrypoint") or "traefik").lower()
    address = text(args.get(f"entrypoints.{point}.address"))
    return number(address.rpartition(":")[2]) or _METRICS_PORT


def _env(said: Table) -> Table:
    """The names of Traefik's own variables."""
    env = mapping(said.get("env"))
    names = [*pairs(env.get("clear")), *texts(env.get("secret"))]
    names += [name for name in env if name not in ("clear", "secret")]
    return {f"env {name}": "set" for name in names}


def _run(config: Table, roles: list[Role]) -> Table:
    """``proxy.run`` (2.10.0+): all that apply to one host must agree, so any of them will do."""
    root = mapping(config.get("proxy"))
    proxied = [merged(root, mapping(role.settings.get("proxy"))) for role in roles if role.proxied]
    found = [mapping(said.get("run")) for said in [*proxied, root]]
    return next((run for run in found if run), {})


def _kamal_2(run: Table) -> Table:
    publish = run.get("publish") is not False
    docker = options(run.get("options"))
    labelled = docker.pop("label", None)
    image = [text(run[name]) for name in ("registry", "repository") if present(run.get(name))]
    log = or_none(run.get("log_max_size"))
    return {
        "http_port": number(run.get("http_port", 80)) if publish else None,
        "https_port": number(run.get("https_port", 443)) if publish else None,
        "publish": publish,
        "bind_ips": texts(run["bind_ips"]) if items(run.get("bind_ips")) else None,
        "debug": run.get("debug") not in (None, False),
        "metrics_port": number(run.get("metrics_port")),
        "log_max_size": None if log == "10m" else log,
        "image": ":".join(filter(None, ("/".join(image), or_none(run.get("version"))))) or None,
        "options": docker,
        "labels": {name: or_none(value) for name, value in pairs(items(labelled)).items()},
        "other": {},
    }
