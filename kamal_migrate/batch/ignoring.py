"""What `.gitignore` files ignore that are not on disk: git is asked, in a repository of only these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from kamal_migrate.git import ignored


def ignored_by(files: Mapping[str, bytes], paths: Iterable[str]) -> set[str]:
    """Those of the paths that the files, by their paths in a repository, ignore."""
    with TemporaryDirectory(prefix="kamal-migrate-") as name:
        top = Path(name)
        # As much as git takes for a repository; its own `init` would cost another process.
        for folder in ("objects", "refs"):
            (top / ".git" / folder).mkdir(parents=True)
        (top / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        for path, data in files.items():
            place = top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return ignored(top, paths)
