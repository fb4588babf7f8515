"""Hooks, CI and scripts: rename the Traefik hooks, name what Kamal 2 cannot run

What changed in Kamal
    The hooks pre-traefik-reboot and post-traefik-reboot (1.2.0 to 1.9.3) are
    pre-proxy-reboot and post-proxy-reboot in Kamal 2, which refuses to start
    while one of the old files is there: "Found pre-traefik-reboot, these should
    be renamed to (pre|post)-proxy-reboot".
    `kamal envify`, `kamal env push`, `kamal env delete`, `kamal traefik …` and
    `kamal healthcheck …` are gone. Kamal 2.0 to 2.4 print "Could not find
    command" and end with 0, so that a script or CI goes on as if all were well;
    Kamal 1 and 2.5 and newer end with 1. `app remove_app_directory` got another
    name in 2.6.0, `proxy boot_config` is deprecated from 2.10.0 on, `registry
    login` and `logout` were missing in 2.8.0 and 2.8.1.
    Kamal 1 loaded `.env`, so that all of it was in the environment of every
    hook. Kamal 2 does not read it. It gives the secrets that `.kamal/secrets`
    names to pre-deploy and post-deploy, from 2.11.0 on to pre-connect too, and
    to no other hook.

What this does
    Renames the two hooks; text and mode stay. It looks in `.kamal/hooks` and
    where `hooks_path` points. Samples (`*.sample`) are no hooks and stay.
    Names each line of a hook, a CI workflow or a script (bin, script, scripts,
    Makefile, justfile, Rakefile, lib/tasks, Procfile, package.json) that calls
    what the target does not have, with what to call instead; `docker …
    traefik`, for there is no such container; and a Kamal that is installed or
    pulled without a version, which takes the newest of the day. Comments, names
    of steps and what is only printed are no calls.
    Names the secrets that a hook reads, that `.env` gave it, and that Kamal 2
    does not. A hook that loads `.env` by itself needs nothing.

Safety
    Renaming is `review`: the hook then runs when kamal-proxy is rebooted, and
    what it says to a load balancer or to people may still be about Traefik.
    All else is `manual`: a script is yours, and nothing here can run it.

Left to you
    Each line that is named. What else calls Kamal is not read (actions of your
    own, Ansible, notes for people): search it for the same commands. Where both
    an old and a new hook are there, keep one.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from kamal_migrate.api import (
    HOOKS,
    App,
    Codemod,
    Finding,
    Fix,
    Gone,
    Options,
    Rename,
    Safety,
    ScriptLine,
    Version,
    VersionPin,
    command_fate,
    hooks_paths,
    kamal_calls,
    passes_over_unknown,
    pin_text,
    script_lines,
    told_callers,
    unfed_hooks,
    version_pins,
)

CODEMOD = Codemod(
    "Rename the Traefik hooks; name what scripts and CI call in vain",
    findings=("renamed", "command", "unpinned", "secrets"),
)

KAMAL_2 = Version(2)
OLD, NEW = "traefik-reboot", "proxy-reboot"
_DOCKER = re.compile(r"\bdocker\b(?![ -]compose)[^;&|]*\btraefik\b")


def decide_app(app: App, options: Options) -> Iterator[Finding]:
    """The hooks that get another name, then what each hook and workflow calls, then their secrets."""
    if options.to >= KAMAL_2:
        yield from _renamed(app)
    unpinned = {(pin.path, pin.line): pin_text(pin, options.to) for pin in _unpinned(app)}
    for path in told_callers(app):
        for line in script_lines(app.text(path)):
            yield from _called(path, line, options.to)
    for (path, number), wanted in unpinned.items():
        message = "without a version this takes the newest Kamal of the day"
        yield _manual("unpinned", path, number, message, f"write `{wanted}`")
    if options.source is None or options.source < KAMAL_2:
        yield from _secrets(app, options)


def _manual(thing: str, path: str, line: int, message: str, todo: str) -> Finding:
    return Finding(f"hooks/{thing}", (), message, Safety.MANUAL, todo=todo, file=path, line=line)


def _renamed(app: App) -> Iterator[Finding]:
    """The two hooks whose old names Kamal 2 refuses."""
    for folder in hooks_paths(app) or [HOOKS]:
        for when in ("pre", "post"):
            old, new = f"{folder}/{when}-{OLD}", f"{folder}/{when}-{NEW}"
            if not app.has(old):
                continue
            message = f"Kamal 2 refuses to start while there is a {when}-{OLD} hook"
            if app.has(new):
                todo = f"{posixpath.basename(new)} is there too: keep what is needed in it, delete this one"
                yield _manual("renamed", old, 1, message, todo)
            else:
                fix = Fix(files=(Rename(old, new),))
                yield Finding("hooks/renamed", (), message, Safety.REVIEW, fix, file=old)


def _called(path: str, line: ScriptLine, target: Version) -> Iterator[Finding]:
    """What a line calls in vain: one finding, whatever the line holds."""
    fates = [(call.line, command_fate(call.words, call.flags, target)) for call in kamal_calls(line)]
    found = [(number, gone) for number, gone in fates if gone]
    if found:
        names = " nor ".join(dict.fromkeys(f"`{gone.name}`" for _, gone in found))
        todo = "; ".join(dict.fromkeys(_instead(gone) for _, gone in found))
        message = _gone(found[0][1], names, target)
        yield _manual("command", path, found[0][0], message, todo)
    elif target >= KAMAL_2 and (docker := _DOCKER.search(line.text)):
        message = "Kamal 2 removes the container `traefik`; its own proxy is `kamal-proxy`"
        todo = "instead: `kamal proxy details`, `logs`, `reboot`; or docker with `kamal-proxy`"
        yield _manual("command", path, line.at(docker.start()), message, todo)


def _instead(gone: Gone) -> str:
    return f"instead: {gone.instead}" if gone.instead.startswith("`") else gone.instead


def _gone(first: Gone, names: str, target: Version) -> str:
    if first.deprecated:
        return f"{names} is deprecated from Kamal {first.since.short} on"
    message = f"Kamal {target.short} has no {names}"
    if passes_over_unknown(target):
        return f"{message}; 2.0 to 2.4 end with 0 on it, so the script goes on and nothing is done"
    return message


def _unpinned(app: App) -> Iterator[VersionPin]:
    """What scripts install or pull without a version; what goes by MRSK's name is another codemod's."""
    scripts = set(told_callers(app))
    found = (pin for pin in version_pins(app) if pin.path in scripts and pin.version is None)
    yield from (pin for pin in found if not pin.legacy)


def _for_all(app: App) -> str:
    """The file of secrets that every destination reads; the only one where there is none."""
    path = next((str(path) for path in app.setting("secrets_path")), ".kamal/secrets")
    return f"{path}-common" if any(view.destination for view in app.views) else path


def _secrets(app: App, options: Options) -> Iterator[Finding]:
    """What a hook reads that `.env` gave it."""
    for hook in unfed_hooks(app, options.to):
        names = ", ".join(hook.names)
        if hook.given:
            path = _for_all(app)
            message = f"Kamal 2 gives this hook only what {path} names; it reads {names}"
            todo = f"add {' and '.join(f'`{name}=${name}`' for name in hook.names)} to it"
        else:
            message = f"Kamal 2 gives this hook no secrets, and .env is not read; it reads {names}"
            todo = "have them in the environment that runs Kamal (`dotenv kamal deploy`), or load them here"
        yield _manual("secrets", hook.path, hook.line, message, todo)
