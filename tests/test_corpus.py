"""Real configs, where a folder of them is at hand: `KAMAL_MIGRATE_CORPUS` names it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kamal_migrate.api import Options, Safety
from kamal_migrate.catalog import builtin
from kamal_migrate.checking import REFUSED, Wanted, check
from kamal_migrate.disk import read
from kamal_migrate.engine import Plan, plan
from kamal_migrate.kamal.versions import NEWEST
from kamal_migrate.project import InputError, Project, may_hold_secrets
from kamal_migrate.text import Edit, ordered
from tests.support import comments

CORPUS = Path(os.environ.get("KAMAL_MIGRATE_CORPUS", ""))
LEGACY = sorted(CORPUS.glob("kamal1/*/before")) + sorted(CORPUS.glob("kamal1/*/halfway"))
MODERN = sorted(CORPUS.glob("kamal2/*"))
pytestmark = pytest.mark.skipif(not LEGACY, reason="KAMAL_MIGRATE_CORPUS names no folder of real configs")
WANTED = Wanted(NEWEST, rules=(REFUSED,))
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
    for path in (path for path in made.changed if path in found.mains):
        before, after = found.files[path], made.after.files[path]
        gone = Counter(comment for item in made.findings for file, comment in item.lost if file == path)
        assert not comments(before) - comments(after) - gone, path
        edits = [edit for item in made.findings if item.applied for edit in item.edits.get(path, ())]
        rest = iter(after.splitlines())
        assert all(line in rest for line in untouched(before, edits)), path


def untouched(text: str, edits: list[Edit]) -> Iterator[str]:
    """The lines of a text that no edit touches."""
    start = 0
    for line in text.splitlines(keepends=True):
        if not any(edit.start < start + len(line) and start <= edit.end for edit in edits):
            yield line.rstrip("\r\n")
        start += len(line)


@pytest.mark.parametrize("folder", LEGACY, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_one_codemod_writes_its_edits_and_nothing_else(folder: Path) -> None:
    found = project(folder)
    if found is None:
        pytest.skip("the app has no Kamal config")
    made = plan(found, builtin(), Options(select=("builder",)))
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
def test_of_a_kamal_2_app_only_what_kamal_refuses_or_misses_is_written(folder: Path) -> None:
    found = project(folder)
    if found is None:
        pytest.skip("the app has no Kamal config")
    made = plan(found, builtin(), Options())
    refused, left = check(found, WANTED).problems, check(made.after, WANTED).problems
    assert {problem.message for problem in left} <= {problem.message for problem in refused}
    for path in made.changed:
        said, becomes = found.files.get(path, ""), made.after.files[path]
        assert refused or (may_hold_secrets(path) and becomes.startswith(said)), path


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
