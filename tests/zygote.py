"""Runs commands in processes of their own that are killed at a certain call; see `Killer`.

One process has everything imported, and forks for each command: that is much faster than a new one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any


class Killer:
    """Runs commands; told a function as ``module:Class.function``, and which of its calls."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, arguments: Sequence[str | Path], name: str, call: int, when: str) -> int:
        """Run a command in a folder, killed ``before`` or ``after`` a call; minus the signal, or its code.

        With 0 for the call it is not killed, and the answer is how many calls there were.
        """
        assert self._process.stdin
        assert self._process.stdout
        asked = [str(folder), [str(argument) for argument in arguments], name, call, when, dict(os.environ)]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def killer() -> Iterator[Killer]:
    """Something to run commands with."""
    arguments = [sys.executable, "-m", "tests.zygote"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Killer(process)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    import kamal_migrate.batch.report.text
    import kamal_migrate.commands.batch
    from kamal_migrate import cli

    del kamal_migrate.batch.report.text, kamal_migrate.commands.batch
    for line in sys.stdin:
        folder, arguments, name, call, when, environment = json.loads(line)
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            seen = _hook(name, call, when)
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1):
                os.dup2(nothing, descriptor)
            code = cli.run(arguments)
            os.write(theirs, str(len(seen)).encode())
            os._exit(code)
        os.close(theirs)
        _, status = os.waitpid(process, 0)
        with os.fdopen(ours) as answer:
            count = answer.read()
        code = os.waitstatus_to_exitcode(status)
        print(count if call == 0 and code >= 0 else code, flush=True)


def _hook(name: str, call: int, when: str) -> list[None]:
    """Kill this process at a call of a function; what grows with each call."""
    module, _, path = name.partition(":")
    *owners, last = path.split(".")
    owner: Any = import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real = getattr(owner, last)
    seen: list[None] = []

    def hooked(*arguments: Any, **more: Any) -> Any:
        seen.append(None)
        number = len(seen)
        if number == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **more)
        if number == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, hooked)
    return seen


if __name__ == "__main__":
    _serve()
