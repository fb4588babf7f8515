"""The rules of `check`: each is documented, has cases, and says no more than what was reviewed.

A case is ``fixtures/check/<rule>/<case>/`` with ``before/``, ``findings.txt`` (what `check` prints of that
rule) and ``options.toml`` (``for``, ``inventory``: a file in ``before/``, ``machine``: an architecture).
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kamal_migrate.checking import DOCUMENTATION, REFUSED, UNKNOWN, Checked, Wanted, check
from kamal_migrate.disk import read
from kamal_migrate.inventories import parse_inventory
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.versions import NEWEST, Version, parse
from kamal_migrate.report.check import lines
from kamal_migrate.rules import RULES, Rule
from tests.commanding import command
from tests.support import FIXTURES, tree

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = FIXTURES / "check"
every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])


@dataclass(frozen=True)
class Case:
    """One golden case of a rule."""

    folder: Path

    @property
    def rule(self) -> Rule:
        return next(rule for rule in RULES if rule.id == self.folder.parent.name)

    @property
    def options(self) -> dict[str, str]:
        file = self.folder / "options.toml"
        found = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        assert set(found) <= {"for", "inventory", "machine"}
        return found

    @property
    def expected(self) -> str:
        return (self.folder / "findings.txt").read_text(encoding="utf-8")

    def checked(self, app: Path | None = None) -> Checked:
        """What the rule says of the case, or of another folder under the same options."""
        folder, options = app or self.folder / "before", self.options
        name = options.get("inventory")
        rows = parse_inventory((folder / name).read_text(encoding="utf-8"), name) if name else ()
        version = parse(options.get("for", str(NEWEST)))
        assert isinstance(version, Version)
        wanted = Wanted(version, Inventory(rows), options.get("machine"), (self.rule.id,))
        return check(read(folder, ()).project, wanted)


CASES = [Case(path) for path in sorted(FOLDER.glob("*/*")) if path.is_dir()]
every_case = pytest.mark.parametrize(
    "case", CASES, ids=[f"{case.folder.parent.name}/{case.folder.name}" for case in CASES]
)


def said(found: Checked) -> str:
    """The lines about problems; those at the end only count them."""
    everything = "".join(f"{line.text}\n" for line in lines(found))
    return everything[: everything.rindex(_closing(found))] if found.problems else ""


def _closing(found: Checked) -> str:
    return next(line.text for line in lines(found) if line.style == "head")


@every_case
def test_golden(case: Case, request: pytest.FixtureRequest) -> None:
    found = said(case.checked())
    if request.config.getoption("update"):
        assert not os.environ.get("CI")
        (case.folder / "findings.txt").write_text(found, encoding="utf-8")
    assert found == case.expected, "If this is right: pytest --update, and review it."


@every_case
def test_a_case_holds_nothing_else(case: Case) -> None:
    names = {path.name for path in case.folder.iterdir()}
    assert {"before", "findings.txt"} <= names <= {"before", "findings.txt", "options.toml"}
    assert (case.expected == "") == case.folder.name.startswith("noop-")


@every_case
def test_what_a_codemod_fixes_is_gone_after_the_migration(case: Case, tmp_path: Path) -> None:
    if not case.rule.fixed_by or not case.expected:
        return
    app = tmp_path / "app"
    shutil.copytree(case.folder / "before", app)
    version = parse(case.options.get("for", str(NEWEST)))
    assert version is not None
    to = ("--to", str(version)) if version >= Version(2) else ("--to", "1.9")
    assert command("-C", app, "--yes", "--arch", "amd64", *to).code in (0, 3)
    assert tree(app) != tree(case.folder / "before")
    assert not case.checked(app).problems


@every_rule
def test_every_rule_is_documented_and_has_cases(rule: Rule) -> None:
    title, _, rest = rule.documentation.partition("\n")
    assert title.endswith(".")
    assert "What to do" in rest
    assert all(len(line) <= 80 for line in rule.documentation.splitlines())
    names = {path.name for path in (FOLDER / rule.id).iterdir()}
    assert "example" in names
    assert any(name.startswith("noop-") for name in names)


def test_ids_are_unique_and_no_folder_is_left_over() -> None:
    ids = [rule.id for rule in RULES]
    assert len({*ids, REFUSED, UNKNOWN}) == len(ids) + 2
    assert {path.name for path in FOLDER.iterdir()} == set(ids)


def test_they_are_listed_and_explained() -> None:
    rows = command("list", "--rules").out.splitlines()
    assert max(map(len, rows)) <= 80
    assert [row.split()[0] for row in rows if row[0] != " "] == [*DOCUMENTATION, *(rule.id for rule in RULES)]
    for rule in RULES:
        assert command("explain", rule.id).out == rule.documentation + "\n"
    for name, text in {**DOCUMENTATION, "kamal/refuses": DOCUMENTATION[REFUSED]}.items():
        assert command("explain", name).out == text + "\n"
