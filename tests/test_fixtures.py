"""The golden cases: what comes out is what was reviewed, and every promise holds for each of them.

Runs against whatever ``kamal_migrate`` is importable; ``KAMAL_MIGRATE_FIXTURES`` names another folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from kamal_migrate.catalog import catalog
from kamal_migrate.engine import Plan, options_for
from kamal_migrate.kamal.loading import Opaque, View, plain
from kamal_migrate.report.patch import patch
from kamal_migrate.report.terminal import WIDTH, preview
from tests.support import (
    Case,
    cases,
    comments,
    differing,
    migrate,
    migrated,
    mismatch,
    removed_lines,
    roots,
    spliced,
    tree,
    update,
)

CASES = cases()
every_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def texts(plan: Plan) -> list[tuple[str, str, str]]:
    """Path, text before and text after of every file that changes."""
    return [(path, plan.before(path), plan.after.files[path]) for path in plan.changed]


def configs(plan: Plan) -> list[tuple[str, str, str]]:
    """The same of the configs only."""
    paths = {path for config in plan.project.configs for path in config.paths}
    return [row for row in texts(plan) if row[0] in paths]


@every_case
def test_golden(case: Case, request: pytest.FixtureRequest) -> None:
    found = migrated(case)
    if request.config.getoption("update"):
        update(case, found)
    difference = mismatch(case, found)
    assert not difference, f"\n{difference}\nIf this is right: pytest --update, and review it."
    assert (case.folder / "after").is_dir() == bool(found.plan.changed), "after/ only where something changes"


@every_case
def test_the_name_says_what_happens(case: Case) -> None:
    plan = migrated(case).plan
    if case.folder.name.startswith("noop-"):
        assert not plan.changed
        assert not plan.findings
    elif case.folder.name.startswith("refuses-"):
        assert any(item.finding.safety.value == "manual" for item in plan.findings)


@every_case
def test_nothing_but_the_edits_moves(case: Case) -> None:
    """Several codemods edit a whole app one after the other, so that their edits are in no one text."""
    plan = migrated(case).plan
    for path, before, after in configs(plan):
        edits = {
            (edit.start, edit.end, edit.text): None
            for item in plan.findings
            if item.applied
            for edit in item.edits.get(path, ())
        }
        assert not case.codemod or spliced(before, edits) == after
        touched = {path[0] for path in announced(plan, (view for view, _ in plan.views()))}
        assert removed_lines(before, after) <= roots(before, touched), path


@every_case
def test_no_comment_is_lost(case: Case) -> None:
    plan = migrated(case).plan
    told = Counter(text.strip() for item in plan.findings if item.applied for _, text in item.lost)
    before: Counter[str] = sum((comments(text) for _, text, _ in configs(plan)), Counter())
    after: Counter[str] = sum((comments(text) for _, _, text in configs(plan)), Counter())
    assert before - after == told
    assert not after - before, "a comment came from nowhere"


@every_case
def test_line_ends_mark_and_last_line_are_kept(case: Case) -> None:
    for path, before, after in texts(migrated(case).plan):
        if not before:
            continue
        assert before.startswith("\ufeff") == after.startswith("\ufeff"), path
        assert before.endswith("\n") == after.endswith("\n"), path
        bare = before.count("\n") - before.count("\r\n")
        if not bare:
            assert after.count("\n") == after.count("\r\n"), path
        if "\r" not in before:
            assert "\r" not in after, path


@every_case
def test_findings_lie_in_their_files(case: Case) -> None:
    plan = migrated(case).plan
    for item in plan.findings:
        assert item.locations
        for place in item.locations:
            lines = plan.project.files[place.path].split("\n")
            assert 1 <= place.line <= len(lines)
            assert 1 <= place.column <= len(lines[place.line - 1]) + 1


def announced(plan: Plan, views: Iterable[View]) -> set[tuple[str, ...]]:
    """The key paths that the applied findings announce in some views."""
    applied = {(item.finding.id, item.finding.key) for item in plan.findings if item.applied}
    found = set()
    for view in views:
        for codemod in catalog():
            for finding in codemod.decide(view, options_for(view.config, plan.project, plan.options)):
                if finding.fix and (finding.id, finding.key) in applied:
                    found |= {tuple(map(str, path)) for path in finding.fix.goes}
                    found |= {tuple(map(str, come.path)) for come in finding.fix.comes}
    return found


def unannounced(paths: set[tuple[str, ...]], before: object, after: object) -> list[tuple[str, ...]]:
    """The differences that nothing announces; a parent may come or go with what was announced below it."""
    return [
        path
        for path in differing(before, after)
        if not any(path == known[: len(path)] or known == path[: len(known)] for known in paths)
    ]


@every_case
def test_data_differ_only_where_announced(case: Case) -> None:
    """Read by another loader; a file with ERB is compared view by view only."""
    plan = migrated(case).plan
    for path, before, after in configs(plan):
        if "<%" not in before:
            old, new = (next(yaml.load_all(text, yaml.CBaseLoader)) for text in (before, after))
            assert not unannounced(announced(plan, (view for view, _ in plan.views())), old, new), path
    for one, other in plan.views():
        assert not unannounced(announced(plan, [one]), readable(one), readable(other)), one.title


def readable(view: View) -> object:
    """The data of a view with the sources of its ERB."""

    def shown(value: object) -> object:
        if isinstance(value, dict):
            return {key: shown(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shown(item) for item in value]
        return f"<{value.source}>" if isinstance(value, Opaque) else value

    return shown(plain(view.data))


@every_case
def test_the_patch_gives_the_same_bytes_and_a_second_run_nothing(case: Case, tmp_path: Path) -> None:
    found = migrated(case)
    copy = tmp_path / case.before.resolve().parent.name
    shutil.copytree(case.before, copy)
    apply_patch(copy, patch(found.plan, str))
    assert tree(copy) == found.after

    again = migrate(copy, case.request())
    assert not again.plan.changed
    manual = [item.finding for item in found.plan.findings if item.finding.safety.value == "manual"]
    by_hand = [finding for finding in manual if not finding.went]
    left = [item.finding for item in again.plan.findings if not item.held]
    assert [(it.id, it.key, it.message) for it in left] == [(it.id, it.key, it.message) for it in by_hand]


def apply_patch(folder: Path, text: str) -> None:
    """Have git apply a patch in a folder that is no repository."""
    if not text:
        return
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    environment["GIT_CONFIG_GLOBAL"] = os.devnull
    command = ["git", "apply", "--whitespace=nowarn", "--unidiff-zero", "-"]
    done = subprocess.run(
        command, cwd=folder, env=environment, input=text.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@every_case
def test_the_preview_fits_the_terminal(case: Case) -> None:
    """Lines of a file are as long as they are; all others fit."""
    found = migrated(case)
    for line in preview(found.plan):
        quoted = line.style in ("old", "new", "hunk") or line.text.startswith("     ")
        assert quoted or len(line.text) <= WIDTH or " " not in line.text.strip(), line.text
