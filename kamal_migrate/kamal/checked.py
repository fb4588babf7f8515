"""The health checks and ports of roles in the words of Kamal 2 (history D.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.durations import at_least_one, whole_seconds
from kamal_migrate.kamal.evidence import Evidence, exposed
from kamal_migrate.kamal.health import DEFAULT_INTERVAL, DEFAULT_PATH, command, health_path, patience
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.notation import flow
from kamal_migrate.kamal.proxied import Role, Said
from kamal_migrate.kamal.routing import Left, NewKey, Routing, Wish
from kamal_migrate.kamal.traefik import is_for_traefik
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path

DEPLOY_TIMEOUT = 30
# A role's health check that is only a command was not applied by these (history D.4).
IGNORED_COMMANDS = (Version(1, 7), Version(1, 9, 3))


def health(view: View, role: Role, routing: Routing) -> None:
    """Put the health check of a proxied role into its routing."""
    path, interval, cmd = (_given(role, name) for name in ("path", "interval", "cmd"))
    if path:
        _path(view, path, routing.wishes)
    if interval:
        _interval(view, interval, routing)
    if cmd:
        asked = path.value if path and not isinstance(path.value, Opaque) else DEFAULT_PATH
        why = f"kamal-proxy asks for a path, and runs no `cmd: {flow(cmd.value)}`"
        todo = f"see that {health_path(asked)} tells as much, or write another `proxy.healthcheck.path`"
        routing.left.append(Left("health-cmd", (cmd.path,), why, todo))


def _given(role: Role, name: str) -> Said | None:
    said = role.check.get(name)
    return said if said and said.value is not None else None


def _path(view: View, path: Said, wishes: dict[Path, Wish]) -> None:
    if isinstance(path.value, Opaque):
        wishes["healthcheck", "path"] = Wish(None, path.path)
        return
    asked = health_path(path.value)
    wishes.pop(("healthcheck", "path"), None)
    if asked != DEFAULT_PATH or _stated_twice(view, path.path):
        wishes["healthcheck", "path"] = Wish(None if asked == path.value else asked, path.path)


def _interval(view: View, interval: Said, routing: Routing) -> None:
    whole = None if isinstance(interval.value, Opaque) else at_least_one(interval.value)
    if whole is None:
        why = f"Kamal 2 wants whole seconds, not `interval: {flow(interval.value)}`"
        todo = "write `proxy.healthcheck.interval` in seconds"
        routing.left.append(Left("health-interval", (interval.path,), why, todo))
    elif whole != 1 or _stated_twice(view, interval.path):
        routing.wishes["healthcheck", "interval"] = Wish(whole, interval.path)
        routing.left += _too_slow(view, interval, " unless the app answers at once")


def _too_slow(view: View, interval: Said, unless: str) -> Iterator[Left]:
    """A health check that comes back when the deploy has given up.

    kamal-proxy asks as soon as the container runs, then after each interval (0.6.0 to 0.9.2); Docker asks
    after the first one only. Kamal 2 waits for `deploy_timeout`, of 30 seconds (history F.4).
    """
    whole, limit = at_least_one(interval.value), _deploy_timeout(view)
    if whole is not None and limit is not None and whole >= limit:
        why = f"health is asked every {whole} s, and Kamal 2 waits {limit} s for it: a deploy fails{unless}"
        todo = f"write a shorter interval, or `deploy_timeout: {whole * 3}`"
        yield Left("health-interval", (interval.path,), why, todo)


def _deploy_timeout(view: View) -> int | None:
    """How many seconds Kamal 2 waits for a container; None where ERB says."""
    attempts, own = view.get("healthcheck", "max_attempts"), view.get("deploy_timeout")
    if isinstance(attempts, Opaque) or isinstance(own, Opaque):
        return None
    if own is not None:
        return whole_seconds(own)
    return patience(int(str(attempts))) if str(attempts).isdigit() else DEPLOY_TIMEOUT


def _stated_twice(view: View, path: Path) -> bool:
    """Whether a destination states it over its base, so that even a default must be said."""
    return len(view.stating(path)) > 1


def option_labels(view: View, role: Role, routing: Routing) -> None:
    """Name the labels for Traefik among the Docker options of a role, which Kamal passes on as they stand."""
    path = (*role.path, "options", "label") if role.path else ()
    value = view.get(*path) if path else None
    if any(map(is_for_traefik, value if isinstance(value, list) else [value])):
        why = "Traefik read these labels, too; they may name hosts and the port of the app"
        routing.left.append(Left("app-port", (path,), why, "move them to `labels`, then run again"))


def app_port(view: View, role: Role, routing: Routing) -> Evidence | None:
    """Put the port that the app listens on into a routing: of its label, its image, or its health check.

    Gives where it comes from; None where that cannot be known.
    """
    key, asked = ("app_port",), _given(role, "port")
    said = routing.wishes.get(key)
    if said is None and any(left.name == "app-port" for left in routing.left):
        return None
    if said is not None:
        value = said.value.value if isinstance(said.value, Data) else said.value
        found = Evidence(str(value), "the port label")
        if said.value == 80 and not _stated_twice(view, said.source or ()):
            del routing.wishes[key]
    else:
        found = exposed(view) or _assumed(asked)
        if found.value != "80":
            source = asked.path if asked and found.source == OF_HEALTH else None
            routing.wishes[key] = Wish(int(found.value), source)
    if asked and not _same_port(asked.value, found.value) and not _given(role, "cmd"):
        routing.left.append(_other_port(asked, found.value))
    return found


OF_HEALTH = "the port of the health check; nothing else names one"
OF_DEFAULT = "nothing names the port of the app; 3000 is what Kamal 1 asked for health"


def _assumed(asked: Said | None) -> Evidence:
    if asked and not isinstance(asked.value, Opaque) and str(asked.value).isdigit():
        return Evidence(str(asked.value), OF_HEALTH, assumed=True)
    return Evidence("3000", OF_DEFAULT, assumed=True)


def _same_port(value: object, port: str) -> bool:
    return not isinstance(value, Opaque) and str(value) == port


def _other_port(asked: Said, port: str) -> Left:
    why = f"kamal-proxy asks for health where requests go, on port {port}, not on `port: {flow(asked.value)}`"
    todo = f"see that port {port} answers it, or write another `proxy.app_port`"
    return Left("health-port", (asked.path,), why, todo)


class Unproxied(NamedTuple):
    """What a role without a proxy needs: keys that come, what has no equivalent, what to know."""

    comes: tuple[NewKey, ...] = ()
    left: tuple[Left, ...] = ()
    notes: tuple[str, ...] = ()


def unproxied(view: View, role: Role, source: Version | None) -> Unproxied:
    """The health check of a role that no proxy serves: from Kamal 2 on it is an option of Docker."""
    check = view.get(*role.path, "healthcheck") if role.path else None
    if not role.path or not isinstance(check, dict):
        return Unproxied()
    said = [name for name in ("cmd", "path", "port") if check.get(name) is not None]
    if not said:
        return Unproxied()
    holder, options = (*role.path, "healthcheck"), (*role.path, "options")
    if said[0] != "cmd" and any(isinstance(check.get(name), Opaque) for name in said):
        todo = f"write `servers.{role.name}.options.health-cmd` by hand"
        return Unproxied(left=(Left("health", (holder,), "ERB writes this health check", todo),))
    text = None if said[0] == "cmd" else command(check)
    first = NewKey((*options, "health-cmd"), text, (*holder, said[0]))
    given = (*holder, "interval") if check.get("interval") is not None else None
    second = NewKey((*options, "health-interval"), None if given else DEFAULT_INTERVAL, given or first.source)
    low, high = IGNORED_COMMANDS
    ignored = said == ["cmd"] and (source is None or low <= source <= high)
    slow = tuple(_too_slow(view, Said(check["interval"], given), "")) if given else ()
    note = f"Kamal 1.7 to 1.9 ignored the health check of {role.name}, for it is only a `cmd`; Kamal 2 obeys"
    return Unproxied((first, second), slow, (note,) if ignored else ())
