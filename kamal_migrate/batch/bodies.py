"""The texts of pull requests: a Markdown file for each repository that has a branch of the campaign."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from kamal_migrate.batch.places import state_folder
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.state import State
from kamal_migrate.request import UsageError


def write_bodies(state: State, rows: Sequence[Row], campaign: str, folder: Path | None = None) -> Path | None:
    """Write the texts into a folder, the campaign's own if none is named; None where there is none to write.

    Raises `UsageError` where that cannot be.
    """
    from kamal_migrate.batch.report.markdown import pull_request

    made = [row for row in rows if row.stage in (Stage.COMMITTED, Stage.PUSHED)]
    if not made:
        return None
    place = folder or state_folder() / f"{campaign}.pull-requests"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for row in made:
            body = pull_request(row, state.report(row.source))
            (place / file_name(row)).write_text(body, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}; name another folder with --bodies") from None
    return place


def file_name(row: Row) -> str:
    """A name for the file that tells which repository it is for, and is like no other."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", row.name).strip("-.")[:80]
    return f"{readable or 'repository'}-{hashlib.sha256(os.fsencode(row.source)).hexdigest()[:8]}.md"
