"""The accessories: image, hosts, and what their containers are started with."""

from __future__ import annotations

from kamal_migrate.kamal.deployment import proxy_2
from kamal_migrate.kamal.deployment.containers import labels, options
from kamal_migrate.kamal.deployment.environment import told, variables
from kamal_migrate.kamal.deployment.proxy_1 import routed
from kamal_migrate.kamal.deployment.reading import (
    Table,
    items,
    mapping,
    number,
    or_none,
    present,
    seconds,
    text,
    texts,
)
from kamal_migrate.kamal.deployment.roles import BY_OPTION, KAMAL_2, NETWORK, Role
from kamal_migrate.kamal.deployment.traefik_1 import arguments, traffic
from kamal_migrate.kamal.versions import Version


def accessory(config: Table, name: str, own: Table, roles: list[Role], version: Version) -> Table:
    """One accessory in the form of the deployment."""
    service = or_none(own.get("service")) or f"{text(config.get('service'))}-{name}"
    server = or_none(mapping(own.get("registry")).get("server"))
    image = or_none(own.get("image"))
    docker = options(own.get("options"))
    network = _network(own, docker, version)
    return {
        "image": f"{server}/{image}" if server and image else image,
        "hosts": hosts_of(config, own, roles),
        "service": service,
        "cmd": or_none(own.get("cmd")),
        "port": _port(own.get("port")),
        "env": told(variables(own.get("env"), version=version), version),
        "labels": labels(mapping(own.get("labels")), version),
        "options": docker,
        "volumes": sorted(_volume(volume, version) for volume in texts(own.get("volumes"))),
        "files": sorted(_file(entry, version) for entry in items(own.get("files"))),
        "directories": sorted(_directory(entry, service, version) for entry in items(own.get("directories"))),
        "network": network,
        "proxy": _proxy(config, own, version),
    }


def _network(own: Table, docker: Table, version: Version) -> object:
    """The network, None for the usual one; in Kamal 1 an option was the only way to say it."""
    if version < KAMAL_2:
        said = docker.pop("network", None)
        return BY_OPTION if said == NETWORK else said
    named = or_none(own.get("network"))
    return None if named == NETWORK else named


def hosts_of(config: Table, own: Table, roles: list[Role]) -> list[str]:
    """The hosts of an accessory: its own, those of roles, or those with a tag (2.6.0+)."""
    if own.get("host") is not None:
        return texts(own["host"])
    if own.get("hosts") is not None:
        return texts(own["hosts"])
    named = texts(own.get("role")) or texts(own.get("roles"))
    if named:
        by_name = {role.name: list(role.tags) for role in roles}
        return [host for role in named for host in by_name.get(role, ())]
    return [
        host
        for tag in texts(own.get("tag")) or texts(own.get("tags"))
        for role in roles
        if not role.settings
        and isinstance(config.get("servers"), dict)  # Roles with `hosts` have no tags here.
        for host, tags in role.tags.items()
        if tag in tags
    ]


def _port(value: object) -> str | None:
    said = or_none(value)
    return said if said is None or ":" in said else f"{said}:{said}"


def _volume(volume: str, version: Version) -> str:
    """2.10.0 alone took the name of a volume for a folder of the user's home."""
    absolute = volume.startswith("/")
    return f"$PWD/{volume}" if version == Version(2, 10) and not absolute else volume


def _entry(entry: object, version: Version) -> tuple[str, str, str]:
    """The local and remote path of a file or directory, and what else is said of it (2.10.0+)."""
    if isinstance(entry, dict):
        more = [text(entry[name]) for name in ("options", "mode", "owner") if present(entry.get(name))]
        return text(entry.get("local")), text(entry.get("remote")), ",".join(more)
    parts = [*text(entry).split(":", 2), "", ""]
    return parts[0], parts[1], parts[2] if version >= Version(2, 10) else ""


def _file(entry: object, version: Version) -> str:
    return ":".join(filter(None, _entry(entry, version)))


def _directory(entry: object, service: str, version: Version) -> str:
    """An absolute path on the host is one from 1.3.0 on; others are below the accessory's own folder."""
    local, remote, more = _entry(entry, version)
    if not local.startswith("/") or version < Version(1, 3):
        local = f"$PWD/{service}/{local}"
    return ":".join(filter(None, (local, remote, more)))


def _proxy(config: Table, own: Table, version: Version) -> Table | None:
    """What reaches the accessory from outside: labels for Traefik in Kamal 1, ``proxy`` from 2.4.0 on.

    Kamal 1 asked no accessory for its health; Traefik did where a label says so, at the port of requests.
    """
    if version >= KAMAL_2:
        said = mapping(own.get("proxy"))
        return proxy_2.proxy(config, said, version, inherits=False) if said else None
    args = arguments(mapping(config.get("traefik")).get("args"))
    found = traffic(mapping(own.get("labels")), args)
    if not (found.hosts or found.prefixes or found.port or found.other):
        return None
    port, path = number(found.port), found.check.get("path")
    return {
        **routed(port, found, args),
        "health_path": text(path) if path else None,
        "health_interval": seconds(found.check.get("interval") or 1),
        "health_timeout": seconds(found.check.get("timeout")),
        "health_command": None,
        "health_port": port,
        "deploy_seconds": None,
        "drain_seconds": None,
    }
