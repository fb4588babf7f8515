"""Keep restart policies and networks of containers as they were

What changed in Kamal
    `options` of roles and accessories go to `docker run` as they stand, behind
    what Kamal sets itself, and the last one of a kind wins. Kamal sets
    `--restart unless-stopped`. So up to 2.5.3 `options.restart` counted. From
    2.6.0 to 2.11.0 it is an error (`Cannot set restart policy in docker
    options, unless-stopped is required`). From 2.12.0 on it counts again, but
    must be text: an unquoted `no` is false, which every earlier Kamal passed
    on as `--restart "false"`, and Docker refuses that.
    Kamal 2 runs every container with `--network kamal`. A second network from
    `options.network` is added to that, which needs Docker 25; `network: host`
    cannot be mixed with it, and `docker run` fails (basecamp/kamal#1006).
    Accessories have a key of their own for another network, `network` (2.3.0
    and newer); roles have none (#1713).

What this does
    `restart: no` becomes `restart: "no"` where the target takes policies. For
    2.6 to 2.11 `restart: unless-stopped` goes, for it is what Kamal sets;
    `restart: always` goes too, and differs only for a container that was
    stopped by hand before Docker itself restarts.
    `options.network` of an accessory becomes its `network`. On a role it goes
    where it says `kamal`, for Docker refuses one network twice.

Safety
    `safe`: `unless-stopped`, and an accessory's network. `review`: `always`,
    and an unquoted `no`, which never worked.

    A config that Kamal 2 deploys already keeps its networks: both are joined.

Left to you
    Other policies for 2.6 to 2.11: 2.12 takes them. `options.network` of roles:
    it may stay, with Docker 25 or newer. Or take it out, and `network` of the
    accessories with it: in `kamal` all find each other by their names.
    `network: host` of a role has no successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kamal_migrate.api import (
    MOVED,
    Codemod,
    Come,
    Finding,
    Fix,
    Opaque,
    Options,
    Path,
    Safety,
    Version,
    View,
    speaks_kamal_2,
)

CODEMOD = Codemod(
    "Keep restart policies and networks of containers as they were",
    findings=("restart", "network"),
)

KAMAL_2, REFUSED_SINCE, HONOURED_SINCE, NETWORKS = Version(2), Version(2, 6), Version(2, 12), Version(2, 3)
POLICY = re.compile(r"no|always|unless-stopped|on-failure(:\d+)?")
KAMALS = "kamal"
UNQUOTED = "an unquoted `no` is false, and `docker run` refuses that"
ALONE = ("host", "none", "bridge", "default")


def decide(view: View, options: Options) -> Iterator[Finding]:
    """The options of every role and accessory."""
    for section in ("servers", "accessories"):
        holders = view.get(section)
        for name in holders if isinstance(holders, dict) else ():
            given = view.get(section, name, "options")
            if not isinstance(given, dict):
                continue
            if "restart" in given:
                yield from _restart((section, name, "options", "restart"), given["restart"], options)
            if "network" in given and options.to >= KAMAL_2 and not _is_deployed_by_2(options):
                yield from _network(view, (section, name, "options", "network"), given["network"], options)


def _is_deployed_by_2(options: Options) -> bool:
    """Whether Kamal 2 adds its network already, so that nothing changes."""
    return options.source is not None and options.source >= KAMAL_2


def _changes(path: Path) -> tuple[str, ...]:
    """The parts of the deployment that an option decides."""
    kind = "roles" if path[0] == "servers" else "accessories"
    return (f"{kind}.*.options", f"{kind}.*.network")


def _restart(path: Path, value: object, options: Options) -> Iterator[Finding]:
    refusing = REFUSED_SINCE <= options.to < HONOURED_SINCE
    if isinstance(value, Opaque):
        if options.to >= REFUSED_SINCE:
            wants = "takes no restart policy" if refusing else "wants a policy as text"
            todo = "take it out" if refusing else "see that the ERB gives one, in quotes"
            yield _manual(path, f"Kamal {options.to.short} {wants}; this one is ERB", todo)
    elif value is False and refusing:
        yield _manual(path, UNQUOTED, "take it out, or migrate to 2.12, which takes policies")
    elif value is False:
        message, fix = f"{UNQUOTED}; this is the policy", Fix(comes=(Come(path, "no", path),))
        yield Finding("docker-options/restart", path, message, Safety.REVIEW, fix, changes=_changes(path))
    elif refusing and value is not None:
        yield _refused(path, value, options)
    elif options.to >= HONOURED_SINCE and not (isinstance(value, str) and POLICY.fullmatch(value)):
        said = "Docker knows no such restart policy"
        yield _manual(path, said, "write no, always, unless-stopped, on-failure or on-failure:N, in quotes")


def _refused(path: Path, value: object, options: Options) -> Finding:
    """For 2.6 to 2.11: what Kamal sets anyhow goes."""
    message = f"Kamal {options.to.short} sets `--restart unless-stopped` itself, and refuses a policy here"
    if value == "unless-stopped":
        return Finding("docker-options/restart", path, message, Safety.SAFE, Fix((path,)))
    if value == "always":
        note = "it differs for a container that was stopped by hand before Docker restarts"
        fix, changes = Fix((path,)), _changes(path)
        return Finding(
            "docker-options/restart", path, message, Safety.REVIEW, fix, notes=(note,), changes=changes
        )
    return _manual(path, message, "take it out, or migrate to 2.12, which takes policies")


def _manual(path: Path, message: str, todo: str) -> Finding:
    name = f"docker-options/{path[-1]}"
    return Finding(name, path, message, Safety.MANUAL, todo=todo, changes=_changes(path))


def _network(view: View, path: Path, value: object, options: Options) -> Iterator[Finding]:
    own: Path = (*path[:2], "network")
    if path[0] == "servers" or options.to < NETWORKS:
        yield _of_role(path, value)
    elif view.has(*own):
        message = "the accessory also has `network`, and Kamal 2 passes both on"
        yield _manual(path, message, "keep one of the two")
    elif not isinstance(value, (str, Opaque)):
        yield _manual(path, "the `network` of an accessory is one name", "write `network:` with one of them")
    elif not speaks_kamal_2(view, options.source):
        message = "Kamal 2 puts an accessory into one network: `kamal`, unless it has a `network`"
        changes = _changes(path)
        fix = Fix((path,), (Come(own, MOVED, path),))
        yield Finding("docker-options/network", path, message, Safety.SAFE, fix, changes=changes)


def _of_role(path: Path, value: object) -> Finding:
    """A second network for a role, or for an accessory where the target has no key for it."""
    message = "Kamal 2 adds `--network kamal` to every container"
    if isinstance(value, str) and value == KAMALS:
        return Finding(
            "docker-options/network", path, message, Safety.SAFE, Fix((path,)), changes=_changes(path)
        )
    if isinstance(value, str) and value in ALONE:
        message = f"{message}; Docker refuses `{value}` beside it"
        return _manual(path, message, "take it out, and publish or name what the app reached that way")
    todo = "keep it, with Docker 25 or newer; or take it and that of accessories out: all meet in `kamal`"
    return _manual(path, message, todo)
