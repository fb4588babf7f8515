"""The registry, and the settings of the whole config."""

from __future__ import annotations

import re

from kamal_migrate.kamal.deployment.reading import (
    Table,
    items,
    mapping,
    number,
    or_none,
    pairs,
    passed,
    present,
    text,
    texts,
)
from kamal_migrate.kamal.deployment.roles import KAMAL_2, Role, primary_name
from kamal_migrate.kamal.versions import Version

_VARIABLE = re.compile(r"<%=\s*ENV(?:\[|\.fetch\(\s*)[\"'](\w+)[\"']\s*[\])]\s*-?%>")
_LOCAL = re.compile(r"localhost[:$]")
_AS_SAID = (
    "service", "allow_empty_roles", "audit_broadcast_cmd", "error_pages_path", "hooks_output",
    "minimum_version", "output", "run_directory", "secrets_path",
)  # fmt: skip
_USUAL = {
    "hooks_path": (".kamal/hooks", ".mrsk/hooks"),
    "run_directory": (".kamal",),
    "secrets_path": (".kamal/secrets",),
    "allow_empty_roles": (False,),
}
_SSH = {"user": "root", "port": "22", "log_level": "fatal"}


def registry(config: Table) -> Table:
    """The registry: the server (None is Docker Hub), whose login it is, and the image without a tag.

    A login that is a secret is told by its name, also where ERB fetches it from the environment; a password
    that stands in the file as ``set``.
    """
    said = mapping(config.get("registry"))
    server, image = or_none(said.get("server")), or_none(config.get("image"))
    if image is None and server and _LOCAL.match(server):
        image = or_none(config.get("service"))
    user, password = _login(said.get("username")), _login(said.get("password"))
    literal = password is not None and isinstance(said.get("password"), (str, int, float))
    erb = "<%" in text(said.get("password"))
    return {
        "server": server,
        "username": user,
        "password": "set" if literal and not erb else password,
        "image": "/".join(filter(None, (server, image))) or None,
    }


def _login(value: object) -> str | None:
    said = items(value)
    found = or_none(said[0]) if said and not isinstance(said[0], (dict, list)) else None
    match = _VARIABLE.fullmatch(found) if found else None
    return match[1] if match else found


def root(config: Table, roles: list[Role], version: Version) -> Table:
    """The settings of the whole config, in their normal forms: what is usual is as if not said."""
    found: Table = {
        "primary_role": primary_name(config),
        "require_destination": config.get("require_destination") is True,
        "retain_containers": number(config.get("retain_containers") or 5),
        "readiness_delay": number(config.get("readiness_delay") or 7),
        "deploy_seconds": None if any(role.proxied for role in roles) else _deploy_seconds(config, version),
        "boot": mapping(config.get("boot")),
        "ssh": _ssh(config),
        "sshkit": mapping(config.get("sshkit")),
        "aliases": mapping(config.get("aliases")),
    }
    for name in ("hooks_path", *_AS_SAID):
        value = config.get(name)
        found[name] = None if value in _USUAL.get(name, ()) else value
    found["builder"] = _builder(config, version)
    return found


def _deploy_seconds(config: Table, version: Version) -> object:
    """The time for a deploy where no role has a proxy that would hold it."""
    from kamal_migrate.kamal.deployment.proxy_1 import deploy_seconds

    return number(config.get("deploy_timeout")) if version >= KAMAL_2 else deploy_seconds(config)


def _ssh(config: Table) -> Table:
    """How servers are reached; ``ssh_user`` is that of MRSK up to 0.5.1."""
    said = dict(mapping(config.get("ssh")))
    if present(config.get("ssh_user")):
        said["user"] = config["ssh_user"]
    return {name: value for name, value in said.items() if text(value) != _SSH.get(name)}


def _builder(config: Table, version: Version) -> Table:
    """What a build gets besides what its plan says."""
    said = mapping(config.get("builder"))
    file, target = or_none(said.get("dockerfile")), or_none(said.get("target"))
    return {
        "dockerfile": None if file == "Dockerfile" else file,
        "target": target,
        "ssh": or_none(said.get("ssh")),
        "args": {name: passed(value, version) for name, value in pairs(said.get("args")).items()},
        "secrets": sorted(texts(said.get("secrets"))),
        "provenance": or_none(said.get("provenance")),
        "sbom": or_none(said.get("sbom")),
    }
