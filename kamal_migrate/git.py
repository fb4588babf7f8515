"""What git knows of some files, asked in ways that run nothing of the repository's."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from kamal_migrate import programs

# A repository's own configuration can name programs. `ls-tree`, `check-ignore` and `rev-parse` are plumbing
# that needs none of them: no hook, no file system monitor, no filter, no pager; and what a partial clone
# lacks is not fetched. So a repository of another owner (in a container, say) can be asked too.
_OPTIONS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
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
    git = program()
    for folder in {path.parent for path in files} if git else ():
        inside = {path.name: path for path in files if path.parent == folder}
        committed = _committed(git, folder, list(inside))
        found |= {
            path
            for name, path in inside.items()
            if name in committed and committed[name] not in _names(files[path])
        }
    return found


def program() -> str:
    """The git on the search path; empty where there is none."""
    return programs.found("git") or ""


def _committed(git: str, folder: Path, names: list[str]) -> dict[str, str]:
    """The names that the last commit gives to the contents of files in a folder."""
    answer = _ask(git, folder, "--literal-pathspecs", "ls-tree", "-z", "HEAD", "--", *names)
    rows = [row.split(b"\t", 1) for row in answer.split(b"\0")]
    return {os.fsdecode(row[1]): row[0].split()[2].decode() for row in rows if len(row) > 1}


def ignored(folder: Path, paths: Iterable[str]) -> set[str]:
    """The paths below a folder, of files or not, that git ignores; a file that it tracks is none.

    Empty outside of a repository and where there is no git.
    """
    git = program() if _in_repository(folder) else ""
    asked = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)
    answer = _ask(git, folder, "check-ignore", "-z", "--stdin", given=asked) if git and asked else b""
    return {os.fsdecode(path.removeprefix(b"./")) for path in answer.split(b"\0") if path}


def prefix(folder: Path) -> str:
    """The path of a folder in its repository with a slash at the end; empty at the top and outside of any."""
    git = program() if _in_repository(folder) else ""
    answer = _ask(git, folder, "rev-parse", "--show-prefix") if git else b""
    return os.fsdecode(answer.removesuffix(b"\n"))


def is_missed(folder: Path) -> bool:
    """Whether a folder may be in a repository, and there is no git to ask."""
    return _in_repository(folder) and not program()


def _in_repository(folder: Path) -> bool:
    """Whether there may be a repository, for starting git costs more than looking."""
    inside = folder.resolve()
    return any((above / ".git").exists() for above in (inside, *inside.parents))


def _ask(git: str, folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git answers; nothing where it cannot."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        run = subprocess.run(
            [git, *_OPTIONS, "-C", str(folder), *arguments],
            input=given,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env={**kept, **_ENVIRONMENT},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return b""
    return run.stdout


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
