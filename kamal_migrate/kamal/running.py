"""What root `traefik` says of the proxy as a whole, as `proxy` and `proxy.run` (history D.4, G)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kamal_migrate.kamal.proxied import Role
from kamal_migrate.kamal.routing import Left, Routing, Wish
from kamal_migrate.kamal.traefik_args import NO_LIMIT, Fate, Line
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

# `proxy.run` came with 2.10; before 2.12 even equal ones of two roles on a host were a conflict.
RUN, RUNS_COMPARED = Version(2, 10), Version(2, 12)
BIND_IPS, DEBUG = Version(2, 6), Version(2, 6)
# Docker's log drivers that know the size limit that Kamal sets.
_LIMITED = ("json-file", "local")


def running(said: list[Line], proxied: list[Role], target: Version) -> Routing:
    """The lines of root `traefik` that are about the proxy as a whole: the same for all roles.

    The notes name commands to run where the target has no key.
    """
    found = Routing()
    wishes: dict[Path, Wish] = {}
    for line in said:
        if line.fate is Fate.MAPPED:
            _put(wishes, line)
    run = {key: wish for key, wish in wishes.items() if key[0] == "run"}
    if ("run", "publish") in run:
        for name in ("http_port", "bind_ips"):
            run.pop(("run", name), None)
    driver = run.get(("run", "options", "log-driver"))
    if driver and driver.value not in _LIMITED:
        run["run", "log_max_size"] = Wish("", driver.source)
    if proxied:
        found.wishes = {key: wish for key, wish in wishes.items() if key[0] != "run"}
        _run(run, proxied, target, found)
    found.left += _left(said)
    return found


def _put(wishes: dict[Path, Wish], line: Line) -> None:
    """A mapped line; lists of several lines are joined, of several timeouts the longest counts."""
    known = wishes.get(line.key)
    value: object = line.meaning
    if known and isinstance(known.value, list) and isinstance(value, list):
        value = [*known.value, *value]
    elif known and type(known.value) is int and type(value) is int:
        value = NO_LIMIT if NO_LIMIT in (known.value, value) else max(known.value, value)
    wishes[line.key] = Wish(value, known.source if known else line.path)


def _run(run: dict[Path, Wish], proxied: list[Role], target: Version, found: Routing) -> None:
    if not run:
        return
    if target >= RUN and (target >= RUNS_COMPARED or _one_role_a_host(proxied)):
        found.wishes.update(run)
        if ("run", "http_port") in run:
            found.notes.append("kamal-proxy also publishes port 443; `proxy.run.https_port` names another")
        return
    words = [word for key, wish in run.items() for word in _flags(key[1:], wish.value, target)]
    why = (
        f"`proxy.run` needs Kamal {RUN.short}"
        if target < RUN
        else "`proxy.run` of two roles on a host conflicts"
    )
    if words:
        found.notes.append(f"{why}; on the servers, once: `kamal proxy boot_config set {' '.join(words)}`")


def _one_role_a_host(proxied: list[Role]) -> bool:
    if len(proxied) < 2:
        return True
    counts = Counter(host for role in proxied for host in role.servers or ("?", "?"))
    return max(counts.values(), default=0) < 2


def _flags(key: Path, value: object, target: Version) -> list[str]:
    """The options of `kamal proxy boot_config set` for a key of `proxy.run`."""
    values = value if isinstance(value, list) else [value]
    if key[0] == "options":
        return ["--docker_options", *(f"{key[1]}={item}" for item in values)]
    if key[0] == "debug":
        return ["--debug"] if target >= DEBUG else []
    if key[0] == "bind_ips":
        return [f"--publish-host-ip {item}" for item in values] if target >= BIND_IPS else []
    if key[0] == "metrics_port" and target < DEBUG:
        return []
    return [f"--{str(key[0]).replace('_', '-')} {str(value).lower()}"] if value != "" else []


def _left(said: Iterable[Line]) -> list[Left]:
    """What has no equivalent, the lines of one reason together, each by what it says."""
    reasons: dict[tuple[str, str], list[Line]] = {}
    for line in said:
        if line.fate is Fate.NONE:
            reasons.setdefault((line.why, line.todo), []).append(line)
    return [_quoted(why, todo, rows) for (why, todo), rows in reasons.items()]


def _quoted(why: str, todo: str, rows: list[Line]) -> Left:
    texts = ", ".join(f"`{line.text}`" for line in rows)
    return Left("traefik-only", tuple(line.path for line in rows), f"{why}: {texts}", todo)
