"""Give containers the same time to stop

What changed in Kamal
    `stop_wait_time: N` (0.10.0 to 1.9.3) became `docker stop -t N`, for every
    role. Its value went to Docker as it stood, so "30" worked, and "30s" made
    Docker refuse. Without it there was no `-t`, and Docker waits 10 seconds.
    Kamal 2 refuses the key (`unknown key: stop_wait_time`). It has
    `drain_timeout`, 30 seconds by default: the proxy gives running requests
    that long, and a role without proxy gets `docker stop -t` with it. A role
    behind the proxy is stopped after its requests are done, with Docker's 10
    seconds, unless `stop_timeout` says otherwise (2.12.0 and newer). Both keys
    take whole numbers only.

What this does
    `stop_wait_time: N` becomes `drain_timeout: N`, and for a target from 2.12
    on also `stop_timeout: N`, so that `docker stop` gets the same `-t N` for
    every role. One that is there already stays as it is. ERB moves as it
    stands. "30" and 30s become 30, 1m30s becomes 90. An empty `stop_wait_time`
    was as good as none, and goes.
    Without any key nothing is changed: a role without proxy now gets up to 30
    seconds instead of 10 to stop. With --preserve it keeps the 10 seconds: as
    `stop_timeout: 10` from 2.12 on, which is what Docker does anyhow for roles
    behind the proxy, and as `drain_timeout: 10` before, which also shortens
    what the proxy grants.

Safety
    `review`: the proxy drains first and Docker stops then, each with this time;
    before 2.12 a role behind the proxy has Docker's 10 seconds for the second.
    An empty value is `safe`.

Left to you
    A value that is no whole number of seconds. With ERB, see that it gives a
    plain number: a quoted one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import (
    MOVED,
    Codemod,
    Come,
    Data,
    Finding,
    Fix,
    Opaque,
    Options,
    Path,
    Safety,
    Version,
    View,
    speaks_kamal_2,
    whole_seconds,
)

CODEMOD = Codemod(
    "Give containers the same time to stop",
    findings=("stop-wait-time", "default"),
    since=Version(2),
    changes=("roles.*.stop_seconds", "roles.*.proxy.drain_seconds"),
)

STOP_TIMEOUTS = Version(2, 12)
OLD: Path = ("stop_wait_time",)
DRAIN: Path = ("drain_timeout",)
STOP: Path = ("stop_timeout",)
DOCKERS = 10


def decide(view: View, options: Options) -> Iterator[Finding]:
    """What becomes of `stop_wait_time`; without it the default, where that shall be kept."""
    if view.has(*OLD):
        yield _replaced(view, options)
    elif options.preserve and not any(view.has(*path) or view.is_open(path) for path in (DRAIN, STOP)):
        yield from _default(view, options)


def _replaced(view: View, options: Options) -> Finding:
    value = view.get(*OLD)
    if value is None and len(view.stating(OLD)) < 2:
        return _found("an empty `stop_wait_time` says nothing", Fix((OLD,)), Safety.SAFE)
    message = f"Kamal {options.to.short} knows no `stop_wait_time`"
    seconds = _seconds(value)
    if seconds is None:
        todo = "write `drain_timeout:` with a whole number of seconds"
        return _found(f"{message}, and this is no whole number of seconds", None, Safety.MANUAL, todo=todo)
    wanted = (DRAIN, STOP) if options.to >= STOP_TIMEOUTS else (DRAIN,)
    comes = tuple(Come(path, seconds, OLD) for path in wanted if not view.has(*path))
    names = " and ".join(f"`{path[0]}`" for path in wanted)
    message = f"{message}; it has {names}"
    evidence = f"{DOCKERS}: what Docker gives where the value is empty" if value is None else ""
    notes = _notes(view, value, options)
    return _found(message, Fix((OLD,), comes), Safety.REVIEW, evidence=evidence, notes=notes)


def _found(
    message: str,
    fix: Fix | None,
    safety: Safety,
    *,
    evidence: str = "",
    todo: str = "",
    notes: tuple[str, ...] = (),
) -> Finding:
    return Finding("timeouts/stop-wait-time", OLD, message, safety, fix, evidence, todo, notes)


def _seconds(value: object) -> object:
    """The value of the keys that come: as it stands where it may, `DOCKERS` for an empty one, else None.

    ERB goes without its quotes, for they would make text of the number.
    """
    if isinstance(value, Opaque):
        quoted = value.source[:1] in ("'", '"')
        return Data("erb", value.source[1:-1]) if quoted else MOVED
    if type(value) is int and value >= 0:
        return MOVED
    return DOCKERS if value is None else whole_seconds(value)


def _notes(view: View, value: object, options: Options) -> tuple[str, ...]:
    notes = []
    if options.to < STOP_TIMEOUTS:
        notes.append("Docker then stops a role behind the proxy within 10 s; `stop_timeout` needs Kamal 2.12")
    notes += [f"the `{path[0]}` that is there stays" for path in (DRAIN, STOP) if view.has(*path)]
    if isinstance(value, Opaque):
        notes.append("Kamal 2 wants a plain whole number from this ERB")
    elif isinstance(value, str) and not value.strip().isdigit():
        notes.append(f"Docker refused `-t {value}`")
    return tuple(notes)


def _default(view: View, options: Options) -> Iterator[Finding]:
    """Kamal 1 without the key: Docker's 10 seconds."""
    if speaks_kamal_2(view, options.source):
        return
    path = STOP if options.to >= STOP_TIMEOUTS else DRAIN
    message = "Kamal 2 gives a role without proxy 30 seconds to stop; --preserve keeps what Kamal 1 gave"
    evidence = "10: what Docker gives without `stop_wait_time`"
    fix = Fix(comes=(Come(path, DOCKERS),))
    yield Finding("timeouts/default", path, message, Safety.REVIEW, fix, evidence)
