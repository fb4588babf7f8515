"""What kamal-proxy is told of a role or an accessory of Kamal 2 (``configuration/proxy.rb``)."""

from __future__ import annotations

from kamal_migrate.kamal.deployment.reading import (
    Table,
    mapping,
    merged,
    number,
    or_none,
    present,
    seconds,
    texts,
)
from kamal_migrate.kamal.versions import Version

_MEMORY = 1048576


def proxy(config: Table, own: Table, version: Version, *, inherits: bool = True) -> Table:
    """The proxy settings; None where the config leaves it to kamal-proxy and Traefik does otherwise."""
    said = merged(mapping(config.get("proxy")), own) if inherits else own
    ssl = said.get("ssl")
    tls = present(ssl)
    port = number(said.get("app_port", 80))
    return {
        "port": port,
        "hosts": sorted({host.strip() for host in _hosts(said)}),
        "tls": tls,
        "certificate": _certificate(ssl),
        "redirect_to_https": tls and _switch(said.get("ssl_redirect"), version) is not False,
        **_paths(said, version),
        **_buffering(mapping(said.get("buffering")), version),
        "forward_headers": _switch(said.get("forward_headers"), version),
        "response_timeout": seconds(said.get("response_timeout")),
        "log_request_headers": _headers(said, "request_headers"),
        "log_response_headers": _headers(said, "response_headers"),
        "other": {},
        **_checked(mapping(said.get("healthcheck"))),
        "health_port": port,
        "deploy_seconds": number(config.get("deploy_timeout")),
        "drain_seconds": number(config.get("drain_timeout")),
    }


def _hosts(said: Table) -> list[str]:
    """``hosts`` (2.1.0+) wins over ``host``, which can hold several with commas."""
    if said.get("hosts") is not None:
        return texts(said["hosts"])
    return _parts(said.get("host"))


def _parts(value: object) -> list[str]:
    return [part.strip() for item in texts(value) for part in item.split(",") if part.strip()]


def _certificate(ssl: object) -> Table | None:
    """The names of the secrets that hold a certificate of one's own (2.7.0+)."""
    said = mapping(ssl)
    return (
        {name: or_none(said.get(name)) for name in ("certificate_pem", "private_key_pem")} if said else None
    )


def _paths(said: Table, version: Version) -> Table:
    listed = said.get("path_prefixes")
    prefixes = texts(listed) if listed is not None else _parts(said.get("path_prefix"))
    prefixes = sorted({prefix for prefix in prefixes if prefix != "/"})
    strips = _switch(said.get("strip_path_prefix"), version) is not False
    return {"path_prefixes": prefixes, "strip_path_prefix": strips if prefixes else None}


def _buffering(said: Table, version: Version) -> Table:
    memory = number(said.get("memory"))
    return {
        "buffer_requests": _switch(said.get("requests", True), version) is not False,
        "buffer_responses": _switch(said.get("responses", True), version) is not False,
        "max_request_body": number(said.get("max_request_body")) or None,
        "max_response_body": number(said.get("max_response_body")) or None,
        "memory": None if memory == _MEMORY else memory,
    }


def _checked(said: Table) -> Table:
    timeout = seconds(said.get("timeout"))
    return {
        "health_path": or_none(said.get("path")) or "/up",
        "health_interval": seconds(said.get("interval") or 1),
        "health_timeout": timeout,
        "health_command": None,
    }


def _switch(value: object, version: Version) -> bool | None:
    """A switch. Kamal 2.0 wrote ``--switch "false"``, which kamal-proxy takes for true; 2.1.0 mended it."""
    if value is None:
        return None
    return value is not False or version < Version(2, 1)


def _headers(said: Table, name: str) -> list[str] | None:
    listed = mapping(said.get("logging")).get(name)
    return None if listed is None else sorted(texts(listed))
