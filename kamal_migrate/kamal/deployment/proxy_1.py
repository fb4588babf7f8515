"""What Traefik does with a role of Kamal 1, in the words of kamal-proxy."""

from __future__ import annotations

from kamal_migrate.kamal.deployment.reading import (
    Table,
    mapping,
    merged,
    number,
    or_none,
    seconds,
    text,
)
from kamal_migrate.kamal.deployment.traefik_1 import Traffic, arguments, traffic
from kamal_migrate.kamal.evidence import exposed
from kamal_migrate.kamal.loading import View

_MEMORY = 1048576
_CHECKED_PORT = 3000


def proxy(view: View, config: Table, labels: Table, role: Table) -> Table:
    """The proxy settings of a role; None is what neither the config says nor Kamal 1 decides."""
    args = arguments(mapping(config.get("traefik")).get("args"))
    found = traffic(labels, args)
    opened = exposed(view)
    port = number(found.port if found.port is not None else opened.value if opened else None)
    check = merged(mapping(config.get("healthcheck")), mapping(role.get("healthcheck")))
    return {
        **routed(port, found, args),
        **_checked(check, found),
        "deploy_seconds": deploy_seconds(config),
        "drain_seconds": number(config.get("stop_wait_time")),
    }


def routed(port: object, found: Traffic, args: Table) -> Table:
    """The settings that come from labels and arguments."""
    size = {name: number(value) or None for name, value in found.buffering.items()}
    memory = size.get("memrequestbodybytes")
    return {
        "port": port,
        "hosts": found.hosts,
        "tls": found.tls,
        "certificate": None,
        "redirect_to_https": found.redirects and found.tls,
        "path_prefixes": found.prefixes,
        "strip_path_prefix": found.strips if found.prefixes else None,
        "buffer_requests": bool(found.buffering),
        "buffer_responses": bool(found.buffering),
        "max_request_body": size.get("maxrequestbodybytes"),
        "max_response_body": size.get("maxresponsebodybytes"),
        "memory": None if memory == _MEMORY else memory,
        "forward_headers": _trusts(args),
        "response_timeout": _timeout(args),
        "log_request_headers": None,
        "log_response_headers": None,
        "other": found.other,
    }


def _checked(check: Table, found: Traffic) -> Table:
    """The health check that decides over a deploy; a command of one's own is no request of a path.

    Kamal 1 asks a port of its own, 3000 unless the config says another; Kamal 2 the one that requests go to.
    """
    command = or_none(check.get("cmd"))
    path = text(check.get("path") or found.check.get("path") or "/up")
    return {
        "health_path": None if command else path,
        "health_interval": seconds(check.get("interval") or found.check.get("interval") or "1s"),
        "health_timeout": seconds(found.check.get("timeout")),
        "health_command": command,
        "health_port": None if command else number(check.get("port")) or _CHECKED_PORT,
    }


def deploy_seconds(config: Table) -> int | str | None:
    """How long Kamal 1 waits for health: 1 + 2 + … seconds, as many as ``max_attempts`` says."""
    attempts = number(mapping(config.get("healthcheck")).get("max_attempts"))
    return attempts * (attempts + 1) // 2 if isinstance(attempts, int) else attempts


def _trusts(args: Table) -> bool | None:
    """Whether an entry point takes forwarded headers from outside; None where nothing is said."""
    said = [value for name, value in args.items() if ".forwardedheaders." in name]
    return True if any(text(value).lower() != "false" for value in said) else None


def _timeout(args: Table) -> object:
    """The nearest to kamal-proxy's timeout: the response's headers, else the longest of an entry point.

    0 is no limit, as it is for kamal-proxy.
    """
    head = [value for name, value in args.items() if name.endswith(".responseheadertimeout")]
    ends = [value for name, value in args.items() if name.endswith((".readtimeout", ".writetimeout"))]
    found = [seconds(value) for value in head or ends]
    numbers = [value for value in found if isinstance(value, (int, float))]
    return max(numbers, key=lambda value: value or float("inf"), default=None)
