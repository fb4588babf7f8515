"""A user of git with settings of their own, and a git that hangs or lies."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

_SECONDS = 10


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a name and nothing else; the file of their settings."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "SSH_", "EMAIL"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    settings = home / ".gitconfig"
    settings.write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return settings


def fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that is this script; `$REAL` is the one that it takes the place of."""
    real = subprocess.check_output(["sh", "-c", "command -v git"], text=True).strip()
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\nREAL={real}\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def hanging(name: str, when: str, file: Path) -> str:
    """The script of a git that hangs before or after a command, when it has told its process in a file."""
    hang = f"echo $$ >{file}.new; mv {file}.new {file}; sleep 100"
    real = '$REAL "$@"'
    steps = f"{hang}; {real}" if when == "before" else f"{real}; {hang}"
    return f"""case " $* " in *" {name} "*) {steps} ;; *) exec {real} ;; esac"""


def ended(process: int) -> bool:
    """Whether a process has ended, or does so soon."""
    end = time.monotonic() + _SECONDS
    while _is_alive(process) and time.monotonic() < end:
        time.sleep(0.01)
    return not _is_alive(process)


def _is_alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def waited(file: Path, process: subprocess.Popen[bytes]) -> int | None:
    """The process that a file names, when it is there."""
    while not file.exists():
        if process.poll() is not None:
            return None
        time.sleep(0.01)
    return int(file.read_text())
