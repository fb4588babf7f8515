"""The roles: hosts, command, environment, docker options, health and what the proxy does with them."""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.kamal.deployment import proxy_1, proxy_2
from kamal_migrate.kamal.deployment.containers import labels, logging, options
from kamal_migrate.kamal.deployment.environment import by_host, told, variables, with_master_key
from kamal_migrate.kamal.deployment.health import health
from kamal_migrate.kamal.deployment.reading import Table, items, mapping, number, or_none, text, texts
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version

KAMAL_2 = Version(2)
NETWORK = "kamal"
BY_OPTION = "kamal, by a docker option"


class Role(NamedTuple):
    """A role of a config: its name, its own settings, its hosts with their tags."""

    name: str
    settings: Table
    tags: dict[str, list[str]]
    primary: bool
    proxied: bool


def primary_name(config: Table) -> str:
    """The name of the primary role: ``primary_role`` (1.3.0+), ``primary_web_role`` (1.2.0), else ``web``."""
    return or_none(config.get("primary_role")) or or_none(config.get("primary_web_role")) or "web"


def roles(config: Table, version: Version) -> list[Role]:
    """The roles in the order in which Kamal takes them."""
    servers = config.get("servers")
    named = servers if isinstance(servers, dict) else {"web": servers} if servers is not None else {}
    found = []
    for name in sorted(named):
        own = mapping(named[name])
        hosts = own.get("hosts") if isinstance(named[name], dict) else named[name]
        primary = name == primary_name(config)
        found.append(Role(name, own, _tags(hosts), primary, _proxied(name, own, version, primary=primary)))
    return found


def _tags(hosts: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items(hosts):
        if isinstance(item, dict):
            found.update({text(host): texts(tags) for host, tags in list(item.items())[:1]})
        elif item is not None:
            found[text(item)] = []
    return found


def _proxied(name: str, own: Table, version: Version, *, primary: bool) -> bool:
    """Whether requests reach a role: up to 1.2.0 always those of ``web``, whatever it says."""
    if version >= KAMAL_2:
        said = own.get("proxy")
        return said is not False if primary else said not in (None, False)
    if version < Version(1, 3):
        return name == "web" or own.get("traefik") not in (None, False)
    said = own.get("traefik")
    return primary if said is None else said is not False


def described(view: View, config: Table, role: Role, version: Version) -> Table:
    """One role in the form of the deployment."""
    own = role.settings
    env = with_master_key(variables(config.get("env"), own.get("env"), version=version), config, version)
    both = {**mapping(config.get("labels")), **mapping(own.get("labels"))}
    docker = options(own.get("options"))
    by_option = version < KAMAL_2 and docker.get("network") == NETWORK
    if by_option:
        del docker["network"]  # Kamal 2 puts every container there.
    checked = None if role.proxied else health(own, docker, version)
    assets = or_none(own.get("asset_path")) or or_none(config.get("asset_path"))
    return {
        "hosts": list(role.tags),
        "cmd": or_none(own.get("cmd")),
        "primary": role.primary,
        "proxied": role.proxied,
        "env": told(env, version),
        "env_by_host": by_host(env, role.tags, config, version),
        "labels": labels(both, version),
        "options": docker,
        "network": BY_OPTION if by_option else None,
        "volumes": sorted(texts(config.get("volumes"))),
        "logging": logging(config, own, version),
        "asset_path": assets if role.proxied else None,
        "stop_seconds": _stop_seconds(config, role, version),
        "health": checked,
        "proxy": _proxy(view, config, both, role, version) if role.proxied else None,
    }


def _proxy(view: View, config: Table, both: Table, role: Role, version: Version) -> Table:
    if version >= KAMAL_2:
        return proxy_2.proxy(config, mapping(role.settings.get("proxy")), version)
    return proxy_1.proxy(view, config, both, role.settings)


def _stop_seconds(config: Table, role: Role, version: Version) -> int | str | None:
    """What ``docker stop -t`` gets, where the config says it.

    Where it does not, Kamal 1 leaves the 10 seconds of Docker, and Kamal 2 gives 30 to a role without proxy.
    """
    if version < KAMAL_2:
        return number(config.get("stop_wait_time"))
    said = number(role.settings.get("stop_timeout"))
    said = said if said is not None else number(config.get("stop_timeout"))
    return said if said is not None or role.proxied else number(config.get("drain_timeout"))
