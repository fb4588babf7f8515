"""Where campaigns are kept, by their names, and what they fetch."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

from kamal_migrate.batch.locking import holder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class CampaignError(Exception):
    """The campaign cannot go on, and what to do."""


def check_name(name: str) -> str:
    """A campaign's name, which is a file's name too. Raises `CampaignError`."""
    if not _NAME.fullmatch(name) or name.endswith((".", ".lock")):
        raise CampaignError(f"`{name}` cannot name a campaign: letters, digits, `.`, `_` and `-`, at most 64")
    return name


def state_folder() -> Path:
    """Where campaigns are kept, for this user alone. Raises `CampaignError`."""
    return _made(user_state_path("kamal-migrate") / "campaigns", "XDG_STATE_HOME")


def cache_folder(campaign: str) -> Path:
    """Where a campaign keeps what it fetched. Raises `CampaignError`."""
    return _made(user_cache_path("kamal-migrate") / campaign, "XDG_CACHE_HOME")


def _made(folder: Path, variable: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unusable(folder, error, variable) from None
    return folder


def names() -> list[str]:
    """The campaigns that there are."""
    return sorted(path.stem for path in state_folder().glob("*.sqlite"))


def file_of(name: str, *, new: bool = False) -> Path:
    """The file of a campaign, which is there unless it is a new one. Raises `CampaignError`."""
    file = state_folder() / f"{check_name(name)}.sqlite"
    if not new and not file.exists():
        known = ", ".join(names()) or "there is none yet: kamal-migrate batch plan SOURCES"
        raise CampaignError(f"there is no campaign `{name}`; known: {known}")
    return file


def lock_of(file: Path) -> Path:
    """The file that whoever is at a campaign locks."""
    return file.with_suffix(".lock")


def user(name: str) -> str:
    """Which process is at a campaign now, as ``process 123``; empty where none is. Raises `CampaignError`."""
    return holder(lock_of(file_of(name)))


def unusable(place: Path, error: Exception, variable: str = "XDG_STATE_HOME") -> CampaignError:
    """That a file or folder cannot be used, and what to do; the variable of the environment moves it."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    room = f"see that there is room and you may write there, or set {variable} to another folder"
    todo = "it is broken; move it away, or name another campaign" if broken else room
    return CampaignError(f"{place}: cannot be used: {said}; {todo}")
