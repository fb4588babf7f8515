"""Every codemod is documented, shown and has fixtures; a team's own are loaded when named, never else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

import kamal_migrate
from kamal_migrate.api import Options
from kamal_migrate.catalog import HEADINGS, CatalogError, Loaded, builtin, builtin_folder, catalog
from kamal_migrate.cli import app
from kamal_migrate.engine import plan
from kamal_migrate.project import Project
from tests.support import APPS, COMMANDS, FIXTURES, ROOT

CODEMODS = builtin()
every_codemod = pytest.mark.parametrize("codemod", CODEMODS, ids=[codemod.id for codemod in CODEMODS])

CONFIG = (
    "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nlabels: {owner: web}\n"
    "registry: {username: acme, password: [TOKEN]}\nbuilder: {arch: amd64}\n"
)
OWN = '''"""Call the label team

Safety
    Safe.
"""

from collections.abc import Iterator

from kamal_migrate.api import Codemod, Come, Finding, Fix, Options, Safety, View

CODEMOD = Codemod("Call the label team")
CHANGES = ("roles.*.labels",)


def decide(view: View, options: Options) -> Iterator[Finding]:
    owner = ("labels", "owner")
    if view.has(*owner):
        fix = Fix((owner,), (Come(("labels", "team"), view.get(*owner), owner),))
        yield Finding("team-label/owner", owner, "we say team now", Safety.SAFE, fix, changes=CHANGES)
'''


def source_of(codemod: Loaded) -> Path:
    return builtin_folder() / f"{codemod.id.replace('-', '_')}.py"


@every_codemod
def test_documentation(codemod: Loaded) -> None:
    lines = codemod.documentation.split("\n")
    assert lines[0]
    assert lines[1] == ""
    assert len(codemod.declaration.title) <= 66, "`list` prints it after the id, on a line of 80 columns"
    assert [line for line in lines[1:] if line and not line.startswith(" ")] == list(HEADINGS)
    for heading, following in pairwise(lines):
        if heading in HEADINGS:
            assert following.startswith("    "), f"nothing below {heading}"
    assert max(map(len, lines)) <= 80, "`explain` prints it on a terminal"


@every_codemod
def test_fixtures(codemod: Loaded) -> None:
    cases = {path.name for path in (FIXTURES / codemod.id).iterdir()}
    assert "example" in cases
    assert any(case.startswith("noop-") for case in cases)


def test_every_folder_of_fixtures_is_of_a_codemod() -> None:
    groups = {path.name for path in FIXTURES.iterdir()}
    assert groups - {APPS, *COMMANDS} == {codemod.id for codemod in CODEMODS}


def test_list() -> None:
    listed = CliRunner().invoke(app, ["list"]).stdout.splitlines()
    assert len(listed) == len(CODEMODS)
    for line, codemod in zip(listed, CODEMODS, strict=True):
        assert line.split()[0] == codemod.id
        assert line.endswith(codemod.declaration.title)
        assert len(line) <= 80


@every_codemod
def test_explain(codemod: Loaded) -> None:
    for name in (codemod.id, f"{codemod.id}/anything"):
        assert CliRunner().invoke(app, ["explain", name]).stdout == codemod.documentation + "\n"


@every_codemod
def test_a_codemod_imports_the_api_and_nothing_that_reads_or_writes(codemod: Loaded) -> None:
    imported = set()
    for node in ast.walk(ast.parse(source_of(codemod).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module or "")
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    others = {name.split(".")[0] for name in imported - {"kamal_migrate.api"}}
    assert others <= set(sys.stdlib_module_names)
    assert not others & {
        "builtins",
        "importlib",
        "io",
        "os",
        "pathlib",
        "shutil",
        "socket",
        "subprocess",
        "sys",
    }


def folder_with(tmp_path: Path, name: str, text: str) -> Path:
    folder = tmp_path / "own"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_team_has_codemods_of_its_own(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "team_label.py", OWN)
    (folder / "_helper.py").write_text("raise RuntimeError('not a codemod')", encoding="utf-8")
    (folder / "notes.txt").write_text("no Python", encoding="utf-8")
    codemods = catalog(folder)
    assert [codemod.id for codemod in codemods] == [*(codemod.id for codemod in CODEMODS), "team-label"]
    made = plan(Project("shop", {"config/deploy.yml": CONFIG}), codemods, Options())
    assert made.after.files["config/deploy.yml"] == CONFIG.replace("owner", "team")


def test_the_one_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    folder = folder_with(tmp_path, "team_label.py", text)
    shop = app_folder(tmp_path)
    done = command(shop, "--yes", "--codemods", str(folder))
    assert done.returncode == 0, done.stderr
    assert "  roles " in done.stdout or "  role " in done.stdout
    assert "team: payments" in (shop / "config" / "deploy.yml").read_text(encoding="utf-8")
    assert "already explicit" in command(shop, "--yes", "--codemods", str(folder)).stdout
    assert "dashboards read" in command(shop, "explain", "team-label", "--codemods", str(folder)).stdout


def test_the_command_takes_them_too(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "team_label.py", OWN)
    shop = app_folder(tmp_path)
    arguments = ["--codemods", str(folder)]
    assert "Call the label team" in CliRunner().invoke(app, ["list", *arguments]).stdout
    assert "Safe." in CliRunner().invoke(app, ["explain", "team-label", *arguments]).stdout
    preview = command(shop, "--dry-run", "--select", "team-label", *arguments)
    assert "we say team now" in preview.stdout
    assert preview.returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("builder.py", OWN, "`builder` is the name of a built-in codemod"),
        ("legacy_keys.py", OWN, "`legacy-keys` is the name of a built-in codemod"),
        ("broken.py", "import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("broken.py", "def decide(", "SyntaxError: "),
        ("broken.py", "raise ValueError('no')", "broken.py: ValueError: no"),
        (
            "broken.py",
            "def decide(view, options): ...",
            "needs CODEMOD = Codemod(…), and decide(view, options) or decide_app(app, options)",
        ),
        ("broken.py", "CODEMOD = 'x'\ndef decide(view, options): ...", "needs CODEMOD"),
        ("broken.py", OWN.replace("def decide", "def judge"), "needs CODEMOD"),
    ],
)
def test_one_that_cannot_be_used(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = folder_with(tmp_path, name, text)
    with pytest.raises(CatalogError) as caught:
        catalog(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    ", "    1 / 0\n    ", "team_label.py:{line}: ZeroDivisionError: division by zero"),
        ("yield Finding", "return Finding", "team_label.py: TypeError: 'Finding' object is not iterable"),
        ("yield Finding", "yield dict(a=1) or Finding", "a dict where a Finding is due"),
        ("team-label/", "label/", "`label/owner` has to be called team-label or team-label/…"),
        ("view.get(*owner)", "object()", "no YAML for object"),
    ],
)
def test_one_that_goes_wrong_is_no_bug_of_this_project(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    head, first, rest = OWN.partition('    owner = ("labels"')
    body = first + rest
    assert old in body
    folder = folder_with(tmp_path, "team_label.py", head + body.replace(old, new, 1))
    message = message.format(line=head.count("\n") + 1)
    done = command(app_folder(tmp_path), "--dry-run", "--codemods", str(folder))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_that_fails_to_load_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kamal_migrate.own_codemods.failing", raising=False)
    with pytest.raises(CatalogError):
        catalog(folder_with(tmp_path, "failing.py", "raise ValueError('no')"))
    assert "kamal_migrate.own_codemods.failing" not in sys.modules


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such folder of codemods"):
        catalog(tmp_path / "nowhere")


def app_folder(tmp_path: Path) -> Path:
    shop = tmp_path / "shop"
    (shop / "config").mkdir(parents=True)
    (shop / "config" / "deploy.yml").write_text(CONFIG, encoding="utf-8")
    return shop


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, as `python -m`, which puts that folder on the path."""
    home = str(Path(kamal_migrate.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "kamal_migrate", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": home, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_nothing_of_the_app_is_executed(tmp_path: Path) -> None:
    shop = app_folder(tmp_path)
    trap = "from pathlib import Path\nPath('sprung').touch()\nraise SystemExit(9)\n"
    for name in ("__init__.py", "builder.py", "legacy_keys.py", "team_label.py"):
        (shop / "codemods").mkdir(exist_ok=True)
        (shop / "codemods" / name).write_text(trap, encoding="utf-8")
    (shop / "Rakefile").write_text("`touch sprung`", encoding="utf-8")
    config = f"<% `touch sprung` %>\n{CONFIG}x-note: <%= File.write('sprung', '') %>\n"
    (shop / "config" / "deploy.yml").write_text(config, encoding="utf-8")
    done = command(shop, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "already explicit" in done.stdout
    assert not (shop / "sprung").exists()


def test_the_settings_cannot_name_codemods(tmp_path: Path) -> None:
    shop = app_folder(tmp_path)
    (shop / "kamal-migrate.toml").write_text('codemods = "own"\n', encoding="utf-8")
    done = command(shop, "--dry-run")
    assert done.returncode == 2
    assert "`codemods` is no setting" in done.stderr
