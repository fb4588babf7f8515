"""How git is started: nothing of a repository runs, nothing waits for an answer, everything ends in time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from kamal_migrate.batch import ending
from kamal_migrate.git import program
from kamal_migrate.masking import mask

LOCAL_SECONDS = 60.0
# What git may talk over when someone named a URL: `ext::` and helpers of other names run programs.
NETWORK = "http:https:ssh:git"
_MUCH = 1 << 16
# What `ulimit -f` counts in, by POSIX; and how git tells that a part of it was ended by that.
_BLOCK = 512
_TOO_MUCH = re.compile(rf"died of signal {int(signal.SIGXFSZ)}\b|File too large")
# These count more than any file of settings. Neither hooks nor a file system monitor run, nothing is
# packed in the background, no identity is guessed from the machine's name, and nothing asks.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.interactive=false",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "protocol.version=2",
    "submodule.recurse=false",
    "user.useConfigOnly=true",
)
# Of the environment's own settings for git, those that say who the user is and how git talks. Others name
# a repository or where its parts are (git sets them for hooks and aliases), or trace to files.
_KEPT = re.compile(
    r"GIT_(?:ASKPASS|SSH|SSH_COMMAND|SSH_VARIANT|PROXY_\w+|SSL_\w+|HTTP_\w+"
    r"|(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)"
    r"|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|PARAMETERS|COUNT|KEY_\d+|VALUE_\d+))"
)
_ALWAYS = {
    "GCM_INTERACTIVE": "never",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}
_BY_SSH = "Could not read from remote repository"
_SAID_BY = re.compile(r"(?:remote: +)?(?:fatal|error|warning): +", re.IGNORECASE)
# What git says of a repository that is broken, and what to do about it.
_BROKEN = (
    (r"bad (?:\w+ )?config |^invalid key", "mend that in its settings for git"),
    (r"Expected git repo version|unknown repository extension", "install a newer git"),
    (
        r"object .* is corrupt|packfile|bad object|unable to read (?:tree|sha1)",
        "see what git fsck says there",
    ),
)


class GitError(Exception):
    """What git could not do, in one line: secrets masked, nothing in it moves a terminal.

    What it begins with is a name or words of ours. A repository may be called like a secret without what is
    said of it being one, so that is masked by itself.
    """

    def __init__(self, message: str) -> None:
        subject, colon, rest = message.partition(": ")
        super().__init__(f"{shown(subject)}{colon}{shown(rest)}")


class NoCommit(GitError):
    """There is nothing in the repository yet."""


class GitTimeout(GitError):
    """Git was stopped, for it took too long."""


class Answer(NamedTuple):
    """What git answered: its exit code, its output, and what it said beside."""

    code: int
    out: bytes
    said: str

    @property
    def reason(self) -> str:
        """The first line that tells what went wrong."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        wrong = [line for line in lines if _SAID_BY.match(line) and not line.startswith("warning:")]
        # What ssh says of itself comes before git's own, which only tells that there is no answer.
        first = lines if wrong and _BY_SSH in wrong[0] else wrong or lines
        return said_of((first or [f"git ended with {self.code}"])[0])


def said_of(line: str) -> str:
    """A line that git said of what went wrong, and what to do where the repository is broken."""
    plain = _SAID_BY.sub("", line, count=1)
    todo = next((todo for words, todo in _BROKEN if re.search(words, plain)), "")
    return f"{plain}; {todo}" if todo else plain


def shown(text: str) -> str:
    """A text as it may be printed: secrets masked, control characters written out."""
    masked = mask(text.rstrip("\n").replace("\n", "; "))
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in masked
    )


def call(
    git_dir: Path,
    *arguments: str,
    given: bytes = b"",
    folder: Path | None = None,
    protocols: str | None = "",
    settings: Iterable[str] = (),
    seconds: float = LOCAL_SECONDS,
    most: int = 0,
) -> Answer:
    """Run git on a repository, and wait for it.

    ``protocols`` is what it may talk over: nothing, what git itself allows (`None`), or these, separated by
    colons. ``folder`` is the current one meanwhile, ``settings`` are ``key=value``; into a file it may write
    ``most`` bytes (0: any number), see `is_too_much`. Raises `GitTimeout` after so many seconds, when git and
    all that it started have been ended, `GitError` where there is no git, and `ending.Ended` where the run is
    being ended.
    """
    with (
        said_aside() as said,
        start(
            git_dir,
            *arguments,
            said=said,
            folder=folder,
            protocols=protocols,
            settings=settings,
            most=most,
        ) as run,
    ):
        try:
            out, _ = run.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            ending.end([run])
            raise GitTimeout(f"no answer from git {arguments[0]} after {rounded(seconds)}") from None
        except BaseException:
            ending.end([run])
            raise
        ending.check()
        return Answer(run.returncode, out, read_said(said))


def rounded(seconds: float) -> str:
    """A time as messages tell it."""
    return f"{max(1, round(seconds))} s"


def said_aside() -> IO[bytes]:
    """Where git writes what it says beside its output.

    No pipe, for a program that git leaves behind (the master of shared ssh connections) would hold it open.
    """
    return tempfile.TemporaryFile()


def read_said(said: IO[bytes]) -> str:
    """What git said so far; the first part of it, where that is very much."""
    said.seek(0)
    return said.read(_MUCH).decode("utf-8", "replace")


def checked(answer: Answer, what: str) -> bytes:
    """The output of a call that went well. Raises `GitError` that begins with what was to be done."""
    if answer.code:
        raise GitError(f"{what}: {answer.reason}")
    return answer.out


def start(
    git_dir: Path,
    *arguments: str,
    said: IO[bytes],
    folder: Path | None = None,
    protocols: str | None = "",
    settings: Iterable[str] = (),
    most: int = 0,
) -> subprocess.Popen[bytes]:
    """Start git in a session of its own: without a terminal that it, or what it starts, could ask on."""
    options = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
    git = program()
    if not git:
        raise GitError("there is no git on the search path; install git 2.36 or later")
    try:
        return ending.noted(
            lambda: subprocess.Popen(
                [*(_limited(most) if most else ()), git, *options, f"--git-dir={git_dir}", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                bufsize=0,
                cwd=folder or git_dir,
                env=environment(os.environ, protocols),
                start_new_session=True,
            )
        )
    except (OSError, ValueError) as error:
        raise GitError(f"git cannot be started: {error}") from None


def _limited(most: int) -> list[str]:
    """How a program is started that may write no more than so many bytes into a file."""
    return ["/bin/sh", "-c", 'ulimit -f "$1" && shift && exec "$@"', "sh", str(most // _BLOCK)]


def is_too_much(answer: Answer) -> bool:
    """Whether git was ended for it wrote more than it may."""
    return answer.code != 0 and bool(_TOO_MUCH.search(answer.said))


def environment(ours: Mapping[str, str], protocols: str | None) -> dict[str, str]:
    """What git finds in its environment, made from this one.

    The user's identity, proxies, ssh command, askpass program and settings stay; whatever else of git's there
    is goes. Folders on the search path that depend on the current one go too.
    """
    kept = {name: ours[name] for name in ours if not name.startswith("GIT_") or _KEPT.fullmatch(name)}
    path = os.pathsep.join(_absolute(ours.get("PATH", os.defpath)))
    made = {"GIT_ASKPASS": "", **kept, **_ALWAYS, "PATH": path}
    allowed = ours.get("GIT_ALLOW_PROTOCOL")
    if protocols is not None:
        wanted = protocols.split(":")
        made["GIT_ALLOW_PROTOCOL"] = ":".join(
            name for name in wanted if allowed is None or name in allowed.split(":")
        )
    elif allowed is not None:
        made["GIT_ALLOW_PROTOCOL"] = allowed
    return made


@lru_cache(maxsize=1)
def _absolute(path: str) -> tuple[str, ...]:
    return tuple(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())
