"""What this tool wrote last: the hashes of files by their paths, kept outside of any app."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from kamal_migrate.transaction import fresh

_KEPT = 10_000


def remember(files: Mapping[Path, bytes]) -> None:
    """Keep the hashes of what was written; not being able to is no fault."""
    known = _known()
    for path, data in files.items():
        known.pop(str(path), None)
        known[str(path)] = hashlib.sha256(data).hexdigest()
    text = json.dumps(dict(list(known.items())[-_KEPT:]))
    try:
        folder = _file().parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name, descriptor = fresh(folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        name.replace(_file())
    except (OSError, RuntimeError):
        return


def wrote(path: Path, data: bytes) -> bool:
    """Whether these bytes are what this tool wrote there last."""
    return _known().get(str(path)) == hashlib.sha256(data).hexdigest()


def _file() -> Path:
    """Where it is kept; a relative XDG_STATE_HOME does not count. Raises `RuntimeError` without a home."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    folder = state if state.is_absolute() else Path.home() / ".local" / "state"
    return folder / "kamal-migrate" / "written.json"


def _known() -> dict[str, str]:
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    return known if isinstance(known, dict) else {}
