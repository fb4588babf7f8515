"""Runs the command in this process, with and without a terminal, on small apps."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kamal_migrate import cli

HEAD = """\
service: shop
image: acme/shop
servers:
  - 192.0.2.1
registry:
  username: acme
  password:
    - KAMAL_REGISTRY_PASSWORD
"""
KAMAL_2 = HEAD + "builder:\n  arch: amd64\n"
FALSE = HEAD + "builder:\n  multiarch: false # never both\n"
ARM = {"Dockerfile": "FROM --platform=linux/arm64 ruby:3.3\n"}
# A key that no Kamal knows is left for hands.
UNKNOWN = "frobnicate: true\n"
# For tests about something else than what the other codemods find in every app of Kamal 1.
ONLY = ("--select", "builder", "--select", "legacy-keys")
CONFIG = "config/deploy.yml"
EOT, UNASKED = "\x04", 30
QUESTION = "What do your servers run? [amd64] arm64 both   (uname -m tells)"


class Result(NamedTuple):
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str


def make_app(folder: Path, text: str | bytes = FALSE, files: Mapping[str, str | bytes] | None = None) -> Path:
    """An app with this main config and these other files."""
    for path, content in {CONFIG: text, **(files or {})}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read_app(folder: Path) -> dict[str, bytes]:
    """Every file of an app, but for what git keeps."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def command(*arguments: str | Path) -> Result:
    """Run without a terminal."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with _streams(io.TextIOWrapper(io.BytesIO()), out, err):
        code = cli.run([str(argument) for argument in arguments])
    out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return Result(code, buffer.getvalue().decode("utf-8", "surrogateescape"), err.getvalue())


def on_terminal(answers: str, *arguments: str | Path) -> Result:
    """Run on a terminal where someone types, and then leaves every question unanswered with Ctrl-D."""
    ours, theirs = pty.openpty()
    pieces: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, pieces), daemon=True)
    reader.start()
    os.write(ours, (answers + EOT * UNASKED).encode())
    err = io.StringIO()
    with os.fdopen(os.dup(theirs)) as typed, os.fdopen(theirs, "w") as shown, _streams(typed, shown, err):
        code = cli.run([str(argument) for argument in arguments])
    reader.join(5)
    os.close(ours)
    return Result(code, b"".join(pieces).decode().replace("\r\n", "\n"), err.getvalue())


def _drain(descriptor: int, pieces: list[bytes]) -> None:
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            return
        pieces.append(piece)


@contextmanager
def _streams(*streams: io.TextIOBase | io.TextIOWrapper | io.StringIO) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def git(folder: Path, *arguments: str | Path, **more: str) -> str:
    """Run git with nobody's settings but its own."""
    about = {"NAME": "A", "EMAIL": "a@example.com", "DATE": "2024-01-01T00:00:00Z"}
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in about.items()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**clean, **people, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **more}
    return subprocess.run(
        ["git", "-C", folder, *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def commit(folder: Path) -> Path:
    """Make a repository of a folder, with all of it committed."""
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder
