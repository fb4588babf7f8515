"""Replace the keys that MRSK and early Kamal versions had

What changed in Kamal
    `ssh_user` (to 0.5.1) became `ssh: {user: …}` in 0.6.0. `skip_master_key`
    (0.3.0 to 0.5.1) kept the Rails master key out of the containers, which got
    it otherwise; since 0.6.0 RAILS_MASTER_KEY is a secret like any other.
    `audit_broadcast_cmd` (0.7.0 to 0.12.1) ran a command for each deploy; since
    0.13.0 hooks do that. `primary_web_role` (1.2.0 only) became `primary_role`.
    Up to 1.6.0 later versions ignored all of them; from 1.7.0 on they are
    refused (`unknown key: ssh_user`).
    `run_directory` (1.0.0 to 1.9.3) named the folder on the servers for locks,
    environment files and assets. Kamal 2 accepts it and always uses `.kamal`
    (basecamp/kamal#1725).

What this does
    `ssh_user` becomes `ssh.user`, `primary_web_role` becomes `primary_role`;
    where the new key is there already, or where the version that deploys the
    app did not read the old one any more, the old one just goes.
    `skip_master_key` goes. Where the version is known to be 0.5.1 or older and
    the key was not skipped, RAILS_MASTER_KEY comes to `env.secret`; the names
    of a flat `env` come under `clear` then.
    `run_directory` goes for Kamal 2.

Safety
    `safe`: `skip_master_key: true`, a `run_directory` of `.kamal`, and keys
    that the known version did not read. `review`: the others. What a
    `run_directory` holds stays behind on the servers; locks and audit logs
    start anew.

Left to you
    `audit_broadcast_cmd`, with the hook to write. RAILS_MASTER_KEY where ERB
    writes the env.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

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
    "Replace the keys that MRSK and early Kamal versions had",
    findings=(
        "ssh-user",
        "primary-web-role",
        "skip-master-key",
        "master-key",
        "audit-broadcast-cmd",
        "run-directory",
    ),
)

MASTER_KEY = "RAILS_MASTER_KEY"
MASTER_KEY_UNTIL = Version(0, 5, 1)
SECRET: Path = ("env", "secret")
SECRETS = ("roles.*.env.secret", "roles.*.env_by_host")


class Renamed(NamedTuple):
    """A key that another one replaced, the versions that read it, and what it decides."""

    id: str
    old: Path
    new: Path
    since: Version
    until: Version
    changes: tuple[str, ...]


RENAMED = (
    Renamed("ssh-user", ("ssh_user",), ("ssh", "user"), Version(0), Version(0, 5, 1), ("root.ssh",)),
    Renamed(
        "primary-web-role",
        ("primary_web_role",),
        ("primary_role",),
        Version(1, 2),
        Version(1, 2),
        ("root.primary_role", "roles.*.primary", "roles.*.proxied", "roles.*.proxy"),
    ),
)


def decide(view: View, options: Options) -> Iterator[Finding]:
    """Each of the keys that the view has, then the master key that a MRSK handed over by itself."""
    for key in RENAMED:
        if view.has(*key.old):
            yield _renamed(view, key, options)
    if view.has("skip_master_key"):
        yield _skip_master_key(view)
    yield from _master_key(view, options)
    if view.has("audit_broadcast_cmd"):
        yield _broadcast(view)
    if view.has("run_directory") and options.to >= Version(2):
        yield from _run_directory(view, options)


def _renamed(view: View, key: Renamed, options: Options) -> Finding:
    name, new = key.old[0], ".".join(map(str, key.new))
    value, source = view.get(*key.old), options.source
    unread = source is not None and not key.since <= source <= key.until
    if isinstance(value, (dict, list)):
        return _finding(key.id, key.old, f"`{name}` wants a name", todo=f"write `{new}`")
    if value is None or unread:
        why = f"Kamal {source.short} did not read it" if unread and source else "it is empty"
        return _finding(key.id, key.old, f"`{name}` goes: {why}", Fix((key.old,)), Safety.SAFE)
    if view.has(*key.new):
        message = f"`{name}` goes: `{new}` says it"
        return _finding(key.id, key.old, message, Fix((key.old,)), changes=key.changes)
    holder = view.get(*key.new[:-1]) if len(key.new) > 1 else {}
    if holder is not None and not isinstance(holder, dict):
        return _finding(key.id, key.old, f"`{name}` became `{new}`", todo=f"write `{new}` by hand")
    fix = Fix((key.old,), (Come(key.new, MOVED, key.old),))
    return _finding(key.id, key.old, f"`{name}` became `{new}`", fix, changes=key.changes)


def _skip_master_key(view: View) -> Finding:
    path: Path = ("skip_master_key",)
    skipped = view.get(*path)
    said = not isinstance(skipped, Opaque) and skipped is True
    message = f"no Kamal since 0.6 hands {MASTER_KEY} over by itself"
    safety, changes = (Safety.SAFE, ()) if said else (Safety.REVIEW, SECRETS)
    return _finding("skip-master-key", path, message, Fix((path,)), safety, changes=changes)


def _master_key(view: View, options: Options) -> Iterator[Finding]:
    """MRSK up to 0.5.1 gave the key to every role, unless it was told to skip it."""
    if options.source is None or options.source > MASTER_KEY_UNTIL:
        return
    skipped = view.get("skip_master_key")
    if isinstance(skipped, Opaque) or skipped or _has_master_key(view) or not _is_of_mrsk(view, options):
        return
    message = f"Kamal {options.source.short} handed {MASTER_KEY} to the containers by itself"
    fix = None if view.is_open(SECRET) else _with_master_key(view)
    todo = "" if fix else f"add {MASTER_KEY} to `env: secret:`, if the app needs it"
    made = _finding("master-key", SECRET, message, fix, todo=todo)
    # For Kamal 2 the line of its file of secrets says what has to be in the environment.
    environment = (MASTER_KEY,) if options.to < Version(2) else ()
    yield replace(made, environment=environment, changes=SECRETS) if fix else made


def _is_of_mrsk(view: View, options: Options) -> bool:
    """Whether a config still is as MRSK read it, so that the key has not been seen to before."""
    old = view.has("ssh_user") or view.has("skip_master_key")
    return old or (options.to >= Version(2) and not speaks_kamal_2(view))


def _with_master_key(view: View) -> Fix | None:
    """The key added to the secrets of the root env; None where one cannot see what is there."""
    env = view.get("env")
    if env is None:
        return Fix(comes=(Come(SECRET, [MASTER_KEY]),))
    if not isinstance(env, dict):
        return None
    secret = env.get("secret")
    if isinstance(secret, list) and all(isinstance(name, str) for name in secret):
        return Fix(comes=(Come(SECRET, [*secret, MASTER_KEY], SECRET),))
    if secret is not None:
        return None
    moved = [name for name in env if name != "secret"] if not env.keys() & {"clear", "tags"} else []
    names = tuple(("env", name) for name in moved)
    comes = tuple(Come(("env", "clear", name), MOVED, ("env", name)) for name in moved)
    return Fix(names, (*comes, Come(SECRET, [MASTER_KEY])))


def _has_master_key(view: View) -> bool:
    env = view.get("env")
    if not isinstance(env, dict):
        return isinstance(env, Opaque)
    secret = env.get("secret")
    names = [name for name in secret if isinstance(name, str)] if isinstance(secret, list) else []
    clear = env.get("clear")
    return MASTER_KEY in names or MASTER_KEY in env or (isinstance(clear, dict) and MASTER_KEY in clear)


def _broadcast(view: View) -> Finding:
    path: Path = ("audit_broadcast_cmd",)
    command = view.get(*path)
    if command is None:
        return _finding("audit-broadcast-cmd", path, "it is empty", Fix((path,)), Safety.SAFE)
    shown = command.source if isinstance(command, Opaque) else str(command)
    hook = f'#!/bin/sh\n{shown} "[$KAMAL_PERFORMER] deployed $KAMAL_SERVICE_VERSION"'
    todo = f"take it out, and put this into .kamal/hooks/post-deploy, an executable file:\n{hook}"
    return _finding("audit-broadcast-cmd", path, "hooks took the place of `audit_broadcast_cmd`", todo=todo)


def _run_directory(view: View, options: Options) -> Iterator[Finding]:
    path: Path = ("run_directory",)
    if speaks_kamal_2(view, options.source):
        return
    value = view.get(*path)
    usual = value is None or (isinstance(value, str) and value.rstrip("/") == ".kamal")
    message = "Kamal 2 ignores `run_directory`: it always uses `.kamal` on the servers"
    notes = () if usual else ("the old folder stays on the servers; remove it when no Kamal 1 deploys there",)
    safety, changes = (Safety.SAFE, ()) if usual else (Safety.REVIEW, ("root.run_directory",))
    yield _finding("run-directory", path, message, Fix((path,)), safety, notes=notes, changes=changes)


def _finding(
    name: str,
    key: Path,
    message: str,
    fix: Fix | None = None,
    safety: Safety = Safety.REVIEW,
    *,
    todo: str = "",
    notes: tuple[str, ...] = (),
    changes: tuple[str, ...] = (),
) -> Finding:
    """A finding of this codemod; without a fix it is for hands."""
    made = Finding(f"obsolete-keys/{name}", key, message, safety if fix else Safety.MANUAL, fix)
    return replace(made, todo=todo, notes=notes, changes=changes)
