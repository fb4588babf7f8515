"""Other programs of this machine: where they are, and how they are started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def found(name: str) -> str | None:
    """The program of a name on the search path; never one in the folder that happens to be current."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(row for row in folders if Path(row).is_absolute()))


def started(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A program in a session of its own, with nothing to read and no terminal to ask on. Raises `OSError`."""
    return subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
