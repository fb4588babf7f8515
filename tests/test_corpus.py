"""Real configs, where a folder of them is at hand: `KAMAL_MIGRATE_CORPUS` names it."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from kamal_migrate.api import Options, Safety
from kamal_migrate.catalog import builtin
from kamal_migrate.disk import read
from kamal_migrate.engine import Plan, plan
from kamal_migrate.project import InputError, Project
from kamal_migrate.text import ordered
from tests.support import comments

CORPUS = Path(os.environ.get("KAMAL_MIGRATE_CORPUS", ""))
LEGACY = sorted(CORPUS.glob("kamal1/*/before")) + sorted(CORPUS.glob("kamal1/*/halfway"))
MODERN = sorted(CORPUS.glob("kamal2/*"))
pytestmark = pytest.mark.skipif(not LEGACY, reason="KAMAL_MIGRATE_CORPUS names no folder of real configs")
MULTIARCH = re.compile(r"^\s*multiarch\s*:", re.MULTILINE)


@cache
def project(folder: Path) -> Project | None:
    """An app of the corpus; None where it has no config."""
    try:
        return read(folder).project
    except InputError as error:
        assert "no Kamal config here" in str(error)
        return None


def plans(folders: list[Path]) -> list[Plan]:
    """The plan of every app that has a config."""
    return [plan(found, builtin(), Options()) for folder in folders if (found := project(folder))]


@pytest.mark.parametrize("folder", LEGACY, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_nothing_but_the_edits_moves(folder: Path) -> None:
    found = project(folder)
    if found is None:
        pytest.skip("the app has no Kamal config")
    made = plan(found, builtin(), Options())
    assert not plan(made.after, builtin(), Options()).changed
    for path in made.changed:
        before, after = found.files[path], made.after.files[path]
        assert not comments(before) - comments(after), path
        edits = ordered(edit for item in made.findings if item.applied for edit in item.edits.get(path, ()))
        kept, offset = "", 0
        for edit in edits:
            kept += before[offset : edit.start] + edit.text
            offset = edit.end
        assert kept + before[offset:] == after, path


@pytest.mark.parametrize("folder", MODERN, ids=lambda folder: folder.name)
def test_a_kamal_2_app_stays_as_it_is(folder: Path) -> None:
    found = project(folder)
    if found is None:
        pytest.skip("the app has no Kamal config")
    assert not plan(found, builtin(), Options()).changed


def test_nearly_every_multiarch_is_rewritten() -> None:
    """Those beside `remote` or `local` are named as such; of the others at least 95 % are rewritten."""
    total, left, named = 0, 0, 0
    for made in plans(LEGACY):
        total += sum(
            len(MULTIARCH.findall(text)) for path, text in made.project.files.items() if path.endswith("ml")
        )
        left += sum(
            len(MULTIARCH.findall(text)) for path, text in made.after.files.items() if path.endswith("ml")
        )
        for item in made.findings:
            if item.finding.id == "builder/multiarch" and item.finding.safety is Safety.MANUAL:
                named += len(item.locations)
    assert total
    assert left == named
