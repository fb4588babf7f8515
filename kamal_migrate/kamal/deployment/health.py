"""Docker's health check of a role without a proxy."""

from __future__ import annotations

from kamal_migrate.kamal.deployment.reading import Table, mapping, or_none, present, seconds, text
from kamal_migrate.kamal.versions import Version


def health(role: Table, docker: Table, version: Version) -> Table | None:
    """The command and its interval in seconds (None for Docker's own), taken out of the docker options.

    In Kamal 1 an option comes after the check of ``healthcheck``, so Docker obeys the option.
    """
    command, interval = docker.pop("health-cmd", None), docker.pop("health-interval", None)
    said = mapping(role.get("healthcheck")) if version < Version(2) else {}
    if _applied(said, version):
        command = command or or_none(said.get("cmd")) or curl(said, version)
        interval = interval or said.get("interval") or "1s"
    if command is None and interval is None:
        return None
    return {"command": command, "interval": seconds(interval)}


def _applied(said: Table, version: Version) -> bool:
    """From 1.7.0 on a role's check with a ``cmd`` alone was left out (``health_check_args`` in role.rb)."""
    asked = present(said.get("port")) or present(said.get("path"))
    return asked or (present(said.get("cmd")) and version < Version(1, 7))


def curl(said: Table, version: Version) -> str:
    """The command that Kamal 1 makes of a port and a path."""
    strict = version >= Version(1, 7)
    port = text(said.get("port", 3000 if strict else None))
    path = text(said.get("path", "/up" if strict else ""))
    where = "localhost" if port in ("", "80") else f"localhost:{port}"
    return f"curl -f http://{where}{path if path.startswith('/') or not path else f'/{path}'} || exit 1"
