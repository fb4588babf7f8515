"""The golden harness itself: options, updates, and the counting that owes the engine nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kamal_migrate.kamal.versions import Version
from tests.support import (
    FIXTURES,
    ROOT,
    Case,
    CaseError,
    cases,
    comments,
    differing,
    migrate,
    mismatch,
    removed_lines,
    request_of,
    roots,
    tree,
    update,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1 # one\n# two\n", ["# one", "# two"]),
        ("a: 1# none\nb: c#d\n", []),
        ("a: 'x # no' # yes\n", ["# yes"]),
        ("a: 'it''s # no' # yes\n", ["# yes"]),
        ('a: "x \\" # no" # yes\n', ["# yes"]),
        ('a: "x\n  # no\n  y" # yes\n', ["# yes"]),
        ("a: it's # yes\nb: don't # too\n", ["# yes", "# too"]),
        ("a: b 'c # yes\n", ["# yes"]),
        ("a: [x, 'y # no'] # yes\n", ["# yes"]),
        ("{'a # no': 1} # yes\n", ["# yes"]),
        ("- 'a # no' # yes\n", ["# yes"]),
        ("a: |\n  # no\n\n  # no\n# yes\n", ["# yes"]),
        ("a: >- # yes\n  # no\nb: 1 # too\n", ["# yes", "# too"]),
        ("a:\n  - |+\n    # no\n  - 1 # yes\n", ["# yes"]),
        ("a: &x |\n  # no\n# yes\n", ["# yes"]),
        ("a:\t# yes\n", ["# yes"]),
        ("\ufeff# yes\r\na: 1 # too\r\n", ["# yes", "# too"]),
        ("a: <%= '# no' %> # yes\n", ["# yes"]),
        ("<%# erb %>\n# <%= x %> yes\n", ["<%# erb %>", "# <%= x %> yes"]),
        ("<% x # no\n# no\n%>\na: 1\n", []),
        ('a: <%= "it\'s" %> # yes\nb: 2 # too\n', ["# yes", "# too"]),
        ("# twice\n# twice\n", ["# twice", "# twice"]),
    ],
)
def test_comments(text: str, found: list[str]) -> None:
    assert sorted(comments(text).elements()) == sorted(found)


def test_root_keys_and_what_is_below_them() -> None:
    text = "a: 1\n# of b\nb:\n  c: 1\n# between\nd: 2\n'b': 3\n...\nb: 4"
    assert roots(text, {"b"}) == {1, 2, 3, 4, 6, 8}
    assert roots("{b: 1,\n c: 2}", {"b"}) == {0, 1}


def test_removed_lines() -> None:
    assert removed_lines("a\nb\nc\n", "a\nx\nc\ny\n") == {1}


def test_differing() -> None:
    one = {"a": {"b": 1, "c": [1, 2]}, "d": True}
    other = {"d": 1, "a": {"b": 1, "c": [1, 3], "e": None}}
    assert set(differing(one, other)) == {("a", "c", "1"), ("a", "e"), ("d",)}
    assert list(differing([1], [1, 2])) == [()]


def test_options() -> None:
    request = request_of('to = "1.9"\nfrom = "1.4"\narch = "both"\nselect = ["builder"]\nsafe_only = true\n')
    assert request.to == Version(1, 9, 3)
    assert request.source == Version(1, 4, 0)
    assert (request.arch, request.select, request.safe_only, request.cache) == (
        "both",
        ("builder",),
        True,
        None,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yes = true", "`yes` is no option"),
        ("to = 2", "`to` wants a str"),
        ('to = "new"', "`to`: `new` is no version"),
        ('arch = "mips"', "`arch` is one of amd64, arm64, both"),
        ('cache = "s3"', "`cache` is one of"),
        ('preserve = "yes"', "`preserve` wants a bool"),
        ('select = "builder"', "`select` wants a list"),
        ("to =", "Invalid value"),
    ],
)
def test_options_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    case = copied(tmp_path)
    (case.folder / "options.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CaseError, match=message):
        case.request()


def copied(tmp_path: Path) -> Case:
    """A copy of a case, in a folder of fixtures of its own."""
    folder = tmp_path / "fixtures" / "builder" / "example"
    shutil.copytree(FIXTURES / "builder" / "example", folder)
    return Case(folder)


def test_update_writes_what_is_found_and_removes_what_is_stale(tmp_path: Path) -> None:
    case = copied(tmp_path)
    right = tree(case.folder)
    found = migrate(case.before, case.request())
    assert mismatch(case, found) == ""

    (case.folder / "after" / "config" / "deploy.yml").write_text("service: x\n", encoding="utf-8")
    (case.folder / "after" / "stale.txt").write_text("from last year", encoding="utf-8")
    (case.folder / "findings.txt").write_text("nothing\n", encoding="utf-8")
    difference = mismatch(case, found)
    assert "--- expected/config/deploy.yml\n+++ found/config/deploy.yml\n" in difference
    assert "+  arch: amd64" in difference
    assert "stale.txt: missing" in difference
    assert "-nothing\n" in difference
    update(case, found)
    assert tree(case.folder) == right

    calm = case.before / "config" / "deploy.yml"
    calm.write_bytes(case.expected["config/deploy.yml"])
    update(case, migrate(case.before, case.request()))
    assert sorted(path.name for path in case.folder.iterdir()) == ["before"]


def test_a_case_holds_nothing_else(tmp_path: Path) -> None:
    case = copied(tmp_path)
    assert [found.id for found in cases(tmp_path / "fixtures")] == ["builder/example"]
    (case.folder / "option.toml").touch()
    with pytest.raises(CaseError, match="a case holds before/"):
        cases(tmp_path / "fixtures")


def test_a_case_needs_a_before(tmp_path: Path) -> None:
    case = copied(tmp_path)
    shutil.rmtree(case.before)
    with pytest.raises(CaseError, match="a case holds before/"):
        cases(tmp_path / "fixtures")


def pytest_in_a_copy(tmp_path: Path, ci: str) -> tuple[Case, subprocess.CompletedProcess[str]]:
    """`pytest --update` over one stale case, found by `KAMAL_MIGRATE_FIXTURES`."""
    case = copied(tmp_path)
    shutil.rmtree(case.folder / "after")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        "--update",
        "tests/test_fixtures.py",
    ]
    environment = {**os.environ, "KAMAL_MIGRATE_FIXTURES": str(tmp_path / "fixtures"), "CI": ci}
    return case, subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_update_is_refused_in_ci(tmp_path: Path) -> None:
    case, done = pytest_in_a_copy(tmp_path, ci="true")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--update is refused where CI is set" in done.stderr
    assert not (case.folder / "after").exists()


def test_update_on_a_desk(tmp_path: Path) -> None:
    case, done = pytest_in_a_copy(tmp_path, ci="")
    assert done.returncode == 0, done.stdout
    assert "arch: amd64" in case.expected["config/deploy.yml"].decode()
