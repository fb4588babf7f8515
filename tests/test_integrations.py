"""What other tools run: the hooks for pre-commit, and the steps of the GitHub Action, by a real bash."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commanding import CONFIG, FALSE, HEAD, KAMAL_2, UNKNOWN, command, make_app, read_app
from tests.support import ROOT

HOOKS, ACTION = ROOT / ".pre-commit-hooks.yaml", ROOT / "action.yml"
REFUSED = KAMAL_2 + "traefik: {}\n"
SECRETS = {".kamal/secrets": "KAMAL_REGISTRY_PASSWORD=$KAMAL_REGISTRY_PASSWORD\n"}
pytestmark = pytest.mark.skipif(not ACTION.is_file(), reason="only a checkout has the files of other tools")
network = pytest.mark.skipif(
    not os.environ.get("KAMAL_MIGRATE_NETWORK"),
    reason="builds the package with pip; set KAMAL_MIGRATE_NETWORK, as nox -s integrations does",
)


def hooks() -> dict[str, dict[str, Any]]:
    return {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text(encoding="utf-8"))}


def run_hook(id: str, app: Path) -> int:
    """The exit code of a hook's command, as pre-commit would call it."""
    name, *arguments = shlex.split(hooks()[id]["entry"])
    assert name == "kamal-migrate"
    return command(*arguments, *hooks()[id].get("args", ()), "-C", app).code


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("config/deploy.yml", True),
        ("config/deploy.staging.yml", True),
        ("config/deploy-api.yaml", True),
        ("backend/config/deploy.yml", True),
        ("config/database.yml", False),
        ("deploy.yml", False),
        ("config/deploy.yml.bak", False),
        ("myconfig/deploy.yml", False),
    ],
)
def test_hooks_run_for_configs_only(path: str, wanted: bool) -> None:
    for hook in hooks().values():
        assert bool(re.search(hook["files"], path)) == wanted
        assert hook["pass_filenames"] is False


@pytest.mark.parametrize(
    ("id", "text", "code"),
    [
        ("kamal-migrate-check", KAMAL_2, 0),
        ("kamal-migrate-check", REFUSED, 1),
        ("kamal-migrate", KAMAL_2, 0),
        ("kamal-migrate", FALSE, 1),
        ("kamal-migrate", KAMAL_2 + UNKNOWN, 3),
    ],
)
def test_a_hook_fails_where_there_is_something_and_writes_nothing(
    id: str, text: str, code: int, tmp_path: Path
) -> None:
    app = make_app(tmp_path, text, SECRETS)
    before = read_app(app)
    assert run_hook(id, app) == code
    assert read_app(app) == before


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.strip()


def repository(folder: Path) -> str:
    """A repository of what is in a folder; its commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as it is now, as a repository."""
    copy = tmp_path_factory.mktemp("project")
    parts = ("kamal_migrate", "codemods", "pyproject.toml", "README.md", "LICENSE", HOOKS.name, ACTION.name)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in parts:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy(source, copy / name)
    repository(copy)
    return copy


def pre_commit(app: Path, home: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=app,
        env={**os.environ, "PRE_COMMIT_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.network
@network
def test_pre_commit_tries_the_hooks(project: Path, tmp_path: Path) -> None:
    home, app = tmp_path / "home", make_app(tmp_path / "app", REFUSED, SECRETS)
    repository(app)
    assert pre_commit(app, home, "validate-manifest", str(project / HOOKS.name)) == (0, "")
    code, output = pre_commit(app, home, "try-repo", str(project), "--color=never", "--files", CONFIG)
    assert code == 1
    assert output.count("Failed\n") == 2
    assert "unknown key: traefik" in output


@pytest.mark.network
@network
def test_pre_commit_runs_the_hooks_and_can_have_them_write(project: Path, tmp_path: Path) -> None:
    home, app = tmp_path / "home", make_app(tmp_path / "app", KAMAL_2, {**SECRETS, "README": "shop\n"})
    repo = {"repo": str(project), "rev": git(project, "rev-parse", "HEAD")}
    run = ("run", "--color=never", "--files")

    def configure(*chosen: dict[str, object]) -> None:
        text = json.dumps({"repos": [{**repo, "hooks": [*chosen]}]})
        (app / ".pre-commit-config.yaml").write_text(text, encoding="utf-8")

    configure({"id": "kamal-migrate-check"}, {"id": "kamal-migrate"})
    repository(app)
    code, output = pre_commit(app, home, *run, CONFIG)
    assert (code, output.count("Passed\n")) == (0, 2), output
    code, output = pre_commit(app, home, *run, "README")
    assert (code, output.count("(no files to check)Skipped\n")) == (0, 2), output
    configure({"id": "kamal-migrate", "args": ["--safe-only", "--yes", "--allow-dirty"]})
    make_app(app, HEAD)
    git(app, "add", "--all")
    code, output = pre_commit(app, home, *run, CONFIG)
    assert code == 1, output
    assert "files were modified by this hook" in output
    assert "builder:\n  arch:\n" in (app / CONFIG).read_text(encoding="utf-8")


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    return found


def step(name: str) -> dict[str, Any]:
    [found] = [step for step in action()["runs"]["steps"] if step["name"] == name]
    return dict(found)


class Runner:
    """Does with a step of the action what a runner does: inputs become the environment of a bash."""

    def __init__(self, folder: Path, app: Path) -> None:
        self.folder, self.app = folder, app
        wrapper = folder / "bin" / "kamal-migrate"
        wrapper.parent.mkdir(parents=True)
        own = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m kamal_migrate"
        wrapper.write_text(f'#!/bin/sh\n{own} "$@"\n', encoding="utf-8")
        wrapper.chmod(0o755)

    def run(self, name: str, contexts: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a step with these values of expressions, such as ``inputs.for``."""
        values = {f"inputs.{key}": str(row["default"]) for key, row in action()["inputs"].items()}
        values |= contexts
        file = self.folder / "script"
        file.write_text(step(name)["run"], encoding="utf-8")
        given = {key: _filled(text, values) for key, text in step(name)["env"].items()}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=self.app / values["inputs.working-directory"],
            env={**os.environ, "PATH": path, "RUNNER_TEMP": str(self.folder), **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], text)


RUN, INSTALL = "Run kamal-migrate", "Install kamal-migrate"


def run(
    tmp_path: Path,
    text: str = KAMAL_2,
    inputs: Mapping[str, str] | None = None,
    files: Mapping[str, str] = SECRETS,
) -> subprocess.CompletedProcess[str]:
    """The main step over an app."""
    app = make_app(tmp_path / "app", text, files)
    given = {f"inputs.{name}": value for name, value in (inputs or {}).items()}
    return Runner(tmp_path / "runner", app).run(RUN, given)


def test_the_action_is_one() -> None:
    """By the schema of actions that check-jsonschema brings along."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    done = subprocess.run([*check, str(ACTION)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout


def test_scripts_of_the_action_hold_no_expressions() -> None:
    """A value that stands in a script is code; in the environment it is a value."""
    for each in action()["runs"]["steps"]:
        assert "${{" not in each.get("run", "")
        assert each.get("shell", "bash") == "bash"


def test_actions_are_pinned_to_a_commit() -> None:
    uses = re.findall(r"uses: (.*)", ACTION.read_text(encoding="utf-8"))
    assert len(uses) == 1
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)


def test_every_input_is_used_and_described() -> None:
    text = ACTION.read_text(encoding="utf-8")
    assert {*re.findall(r"inputs\.([\w-]+)", text)} == {*action()["inputs"]}
    assert all(row["description"] and "default" in row for row in action()["inputs"].values())


@pytest.mark.parametrize(
    ("text", "inputs", "code", "said"),
    [
        (KAMAL_2, {}, 0, ""),
        (
            REFUSED,
            {},
            1,
            "::error file=config/deploy.yml,line=11,col=1,title=refused::unknown key: traefik\n",
        ),
        (REFUSED, {"for": "1.9"}, 1, "unknown key: arch"),
        (HEAD, {"for": "1.9"}, 0, ""),
        (REFUSED, {"config-file": CONFIG + "\n"}, 1, "unknown key: traefik"),
        (REFUSED, {"working-directory": "config/.."}, 1, "unknown key: traefik"),
        (KAMAL_2, {"command": "migrate"}, 0, "already explicit for Kamal 2.12"),
        (FALSE, {"command": "migrate"}, 1, "-  multiarch: false # never both"),
        (HEAD, {"command": "migrate", "for": "1.9"}, 0, "Kamal 1.9"),
        (KAMAL_2, {"command": "explode"}, 2, "::error::command is check or migrate"),
        (KAMAL_2, {"format": "text"}, 2, "::error::command is check or migrate"),
    ],
)
def test_the_action_ends_as_the_command_does(
    text: str, inputs: dict[str, str], code: int, said: str, tmp_path: Path
) -> None:
    done = run(tmp_path, text, inputs)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


def test_the_action_fails_from_the_severity_on_that_is_asked_for(tmp_path: Path) -> None:
    undefined = run(tmp_path / "a", files={})
    assert (undefined.returncode, undefined.stdout.split(" ")[0]) == (0, "::notice")
    assert run(tmp_path / "b", inputs={"fail-on": "note"}, files={}).returncode == 1


def test_the_action_writes_sarif_and_fails(tmp_path: Path) -> None:
    done = run(tmp_path, REFUSED, {"format": "sarif", "sarif-file": "found.sarif"})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    found = json.loads((tmp_path / "app" / "found.sarif").read_text(encoding="utf-8"))
    assert found["version"] == "2.1.0"
    assert [result["message"]["text"] for result in found["runs"][0]["results"]] == ["unknown key: traefik"]


def test_no_line_of_a_config_commands_the_runner(tmp_path: Path) -> None:
    done = run(tmp_path, FALSE + "labels:\n  a: |\n    ::error::gotcha\n", {"command": "migrate"})
    first, *_, last = done.stdout.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert last == f"::{token}::"
    assert done.returncode in (1, 3)


@pytest.mark.parametrize(
    "chosen",
    [{}, {"command": "check"}, {"command": "check", "format": "sarif"}, {"command": "migrate"}],
    ids=["none", "check", "sarif", "migrate"],
)
def test_no_input_is_run(chosen: dict[str, str], tmp_path: Path) -> None:
    nasty = """a b' & touch pwned; "; touch pwned; $(touch pwned) `touch pwned` #"""
    names = action()["inputs"].keys() - {"working-directory"}
    done = run(tmp_path, inputs={**dict.fromkeys(names, nasty), **chosen})
    assert done.returncode == 2
    assert not [*tmp_path.rglob("pwned")]


@pytest.mark.network
@network
def test_the_action_installs_its_own_commit(project: Path, tmp_path: Path) -> None:
    runner = Runner(tmp_path / "runner", tmp_path)
    contexts = {"steps.python.outputs.python-path": sys.executable, "github.action_path": str(project)}
    done = runner.run(INSTALL, contexts)
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "runner" / "kamal-migrate" / "bin" / "kamal-migrate"
    said = subprocess.run([installed, "--version"], capture_output=True, encoding="utf-8", check=True)
    assert said.stdout.startswith("kamal-migrate ")
