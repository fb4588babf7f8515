"""What git knows of some files, asked in ways that run nothing of the repository's."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

# A repository's own configuration can name programs. `ls-tree` is plumbing that needs none of them: no hook,
# no file system monitor, no filter, no pager; and what a partial clone lacks is not fetched. So a repository
# of another owner (in a container, say) can be asked too.
_OPTIONS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SECONDS = 30


def uncommitted(files: Mapping[Path, bytes]) -> set[Path]:
    """The files that git tracks and whose bytes are not those of the last commit.

    Symbolic links are resolved before. Empty for untracked files, outside of a repository, before the first
    commit, and where there is no git.
    """
    found: set[Path] = set()
    git = _git()
    for folder in {path.parent for path in files} if git else ():
        inside = {path.name: path for path in files if path.parent == folder}
        committed = _committed(git, folder, list(inside))
        found |= {
            path
            for name, path in inside.items()
            if name in committed and committed[name] not in _names(files[path])
        }
    return found


def _git() -> str:
    """The git on the search path; never one in the folder that happens to be current."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return (
        shutil.which(
            "git", path=os.pathsep.join([folder for folder in folders if Path(folder).is_absolute()])
        )
        or ""
    )


def _committed(git: str, folder: Path, names: list[str]) -> dict[str, str]:
    """The names that the last commit gives to the contents of files in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [git, *_OPTIONS, "-C", str(folder), "ls-tree", "-z", "HEAD", "--", *names]
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env={**kept, **_ENVIRONMENT},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    rows = [row.split(b"\t", 1) for row in run.stdout.split(b"\0") if b"\t" in row]
    return {os.fsdecode(name): about.split()[2].decode() for about, name in rows}


def _names(data: bytes) -> set[str]:
    """The names that git would give to these bytes, with its own line endings too."""
    names = set()
    for content in (data, data.replace(b"\r\n", b"\n")):
        blob = b"blob %d\0" % len(content) + content
        names |= {
            hashlib.sha1(blob, usedforsecurity=False).hexdigest(),
            hashlib.sha256(blob).hexdigest(),
        }
    return names
