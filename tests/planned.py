"""Plans made by hand: files that come, grow and are renamed, without any codemod."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from kamal_migrate.api import Options
from kamal_migrate.disk import Folder, read, write
from kamal_migrate.engine import Plan


def planned(
    folder: Folder,
    texts: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
    private: Collection[str] = (),
) -> Plan:
    """A plan for these texts; a renamed file that is not among them keeps its own."""
    renamed = renamed or {}
    kept = {new: folder.project.files[old] for new, old in renamed.items() if new not in texts}
    changed = {**texts, **kept}
    after = folder.project.with_files(changed, renamed.values())
    return Plan(
        folder.project,
        Options(),
        (),
        after,
        tuple(changed),
        renamed=renamed,
        private=frozenset(private),
    )


def write_plan(folder: Folder, plan: Plan) -> None:
    """Write a plan as the command does."""
    texts = {path: plan.after.files[path] for path in plan.changed}
    write(folder, texts, renamed=plan.renamed, private=plan.private)


def carry_out(
    app: Path,
    texts: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
    private: Collection[str] = (),
) -> None:
    """Read an app, plan these texts, and write them."""
    folder = read(app)
    write_plan(folder, planned(folder, texts, renamed, private))
