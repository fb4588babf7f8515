"""Asks hosts what they run: ``uname -m`` over the system's ``ssh``, with the config's own settings.

Only where the user asks for it. Nothing else is run on a host, nothing is sent to it, and a host whose key
is not known is not talked to. What this machine runs for it is ``ssh``, and what the config's ssh settings
lead to: a ``proxy_command``, and a ``config`` file for ssh. There is no other way to such a host, so each of
them is shown before.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kamal_migrate import programs
from kamal_migrate.kamal.evidence import Evidence, named_architecture
from kamal_migrate.kamal.ssh import CannotReach, Login, Ssh, login

SECONDS, AT_ONCE = 10, 32
# ssh has its own timeout for connecting; this much later it is stopped, whatever it waits for.
GRACE = 2
MAX_BYTES = 16 * 1024
ASK = "uname -m"
# No question, no unknown host, nothing forwarded, no connection shared with other runs.
SAFELY = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ClearAllForwardings=yes",
    "PermitLocalCommand=no", "ControlMaster=no", "ControlPath=none", "LogLevel=ERROR", "RequestTTY=no",
)  # fmt: skip


class Target(NamedTuple):
    """A host as the config names it, how to reach it, and the folder in which Kamal would run."""

    name: str
    ssh: Ssh
    folder: Path


class Answer(NamedTuple):
    """What came of asking: what the host runs, or why nobody knows."""

    host: str
    architecture: Evidence | None
    why_not: str = ""


class Done(NamedTuple):
    """A command that ended: its exit code, None where it was stopped, and what it printed."""

    code: int | None
    out: str
    err: str


Runner = Callable[[Sequence[str], Path, float], Done]


class NoSsh(Exception):
    """There is no `ssh` command."""


def found_ssh() -> str:
    """The `ssh` command on the search path. Raises `NoSsh`."""
    path = programs.found("ssh")
    if path is None:
        raise NoSsh("--probe needs the `ssh` command of OpenSSH, and there is none")
    return path


def probe(
    targets: Iterable[Target], ssh: str, run: Runner | None = None, seconds: float = SECONDS
) -> list[Answer]:
    """What the hosts run, in their order; all are asked at the same time, each once."""
    distinct = list(dict.fromkeys(targets))
    if not distinct:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(distinct))) as pool:
        return list(pool.map(lambda target: _asked(target, ssh, run or _run, seconds), distinct))


def command(target: Target, ssh: str, seconds: float = SECONDS) -> list[str]:
    """What is run for a host. Raises `CannotReach`."""
    to, said = login(target.name), target.ssh
    user, port = to.user or said.user, to.port or said.port
    options = [*SAFELY, f"ConnectTimeout={max(1, round(seconds))}"]
    if said.keys_only:
        options.append("IdentitiesOnly=yes")
    if said.jump:
        options.append(f"ProxyCommand={_through(said, said.jump, ssh, seconds)}")
    elif said.command:
        options.append(f"ProxyCommand={said.command}")
    keys = [word for key in said.keys for word in ("-i", os.path.expanduser(key))]  # noqa: PTH111
    known = [*_file(said), *_flags(options), *keys, "-l", user, *(("-p", port) if port else ())]
    return [ssh, "-n", "-T", "-a", "-x", *known, "--", to.host, ASK]


def shown(target: Target) -> str:
    """How a host is reached, in a line: with `ssh`, as whom, and through what."""
    said = target.ssh
    jump = said.jump
    through = f", through {jump.user}@{jump.host}{f':{jump.port}' if jump.port else ''}" if jump else ""
    if said.command and not jump:
        through = f", through the config's own `{said.command}`"
    port = f", port {said.port}" if said.port not in ("", "22") else ""
    keys = f", with {', '.join(said.keys)}" if said.keys else ""
    file = {"": "", "none": ", without a config of ssh"}.get(said.config, f", with `-F {said.config}`")
    return f"`{ASK}` by ssh as {said.user}{port}{through}{keys}{file}"


def _through(said: Ssh, jump: Login, ssh: str, seconds: float) -> str:
    """The command that leads through a jump host, whose key is checked as well."""
    options = [*SAFELY, f"ConnectTimeout={max(1, round(seconds))}"]
    port = ["-p", jump.port] if jump.port else []
    words = [ssh, "-a", "-x", *_file(said), *_flags(options), "-l", jump.user, *port, "-W"]
    before, host = (text.replace("%", "%%") for text in (shlex.join(words), shlex.quote(jump.host)))
    return f"{before} '[%h]:%p' -- {host}"


def _file(said: Ssh) -> list[str]:
    return ["-F", os.path.expanduser(said.config)] if said.config else []  # noqa: PTH111


def _flags(options: Iterable[str]) -> list[str]:
    return [word for option in options for word in ("-o", option)]


def _asked(target: Target, ssh: str, run: Runner, seconds: float) -> Answer:
    try:
        words = command(target, ssh, seconds)
    except CannotReach as error:
        return Answer(target.name, None, str(error))
    done = run(words, target.folder, seconds + GRACE)
    if done.code != 0:
        return Answer(target.name, None, _why(done, target, seconds))
    machine = done.out.strip()
    arch = named_architecture(machine)
    if arch is None:
        said = f"`{machine}`" if re.fullmatch(r"\w{1,20}", machine) else "something else"
        return Answer(target.name, None, f"`{ASK}` says {said}, which is neither amd64 nor arm64")
    return Answer(target.name, Evidence(arch, f"{ASK} on {target.name}"))


def _run(words: Sequence[str], folder: Path, seconds: float) -> Done:
    """Runs a command without a terminal to ask on, so that nothing can ask for a password."""
    quiet = {"DISPLAY", "SSH_ASKPASS"}
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    environment |= {"LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        with programs.started(words, folder, environment) as process:
            return _ended(process, seconds)
    except OSError as error:
        return Done(255, "", error.strerror or str(error))


def _ended(process: subprocess.Popen[bytes], seconds: float) -> Done:
    """What a command says, as far as that is as short as it should be, and in time."""
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    assert process.stdout
    assert process.stderr
    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        out, err = process.stdout.read(MAX_BYTES), process.stderr.read(MAX_BYTES)
        if len(out) == MAX_BYTES or len(err) == MAX_BYTES:
            stop()
        code = process.wait()
    finally:
        timer.cancel()
    return Done(
        None if stopped.is_set() else code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


_REASONS = (
    (r"Host key verification failed|No \S+ host key is known", "its host key is not known here; connect once"
     " with `ssh {login}`, compare the fingerprint, and ask again"),
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key is not the one that is known here; find out why"
     " before anybody deploys"),
    (r"Permission denied|Too many authentication failures", "no key of yours is let in as {user}{hint}"),
    (r"timed out", "no answer within {seconds} s"),
    (r"Connection refused", "nothing listens on port {port}"),
    (r"Could not resolve hostname", "its name is not known (DNS)"),
    (r"No route to host|Network is unreachable", "there is no route to it"),
)  # fmt: skip


def _why(done: Done, target: Target, seconds: float) -> str:
    """Why a host did not answer, in a line."""
    to, said = login(target.name), target.ssh
    user, port = to.user or said.user, to.port or said.port or "22"
    if done.code is None:
        return f"no answer within {seconds:g} s"
    hint = "; keys in ssh.key_data are for Kamal alone: add them to your agent" if said.keys_elsewhere else ""
    where = f"{user}@{to.host}" + (f" -p {port}" if port != "22" else "")
    changed = r"IDENTIFICATION HAS CHANGED"
    for pattern, words in sorted(_REASONS, key=lambda row: changed not in row[0]):
        if re.search(pattern, done.err):
            return words.format(login=where, user=user, hint=hint, seconds=f"{seconds:g}", port=port)
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    return f"ssh says: {lines[-1]}" if lines else f"ssh ended with {done.code}"
