"""Every check of this project. `nox` runs them all, `nox -s tests-3.12` runs one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

OLDEST = 10  # the 10 of Python 3.10
ABOUT = "import sys; print('%d.%d' % sys.version_info[:2], sys.version_info.releaselevel)"


def expose_pyenv() -> None:
    """Put the interpreters that pyenv keeps on PATH: its shims run the selected ones only."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found: list[tuple[tuple[int, int], Path]] = []
    for folder in root.glob("versions/3.*/bin"):
        version = re.fullmatch(r"3\.(\d+)\.(\d+)", folder.parent.name)
        if version and int(version[1]) >= OLDEST:
            found.append(((int(version[1]), int(version[2])), folder))
    newest_first = [str(folder) for _, folder in sorted(found, reverse=True)]
    os.environ["PATH"] = os.pathsep.join([*newest_first, os.environ.get("PATH", os.defpath)])


def interpreters() -> list[str]:
    """The released Pythons on this machine that the project supports, oldest first."""
    found = []
    for minor in range(OLDEST, OLDEST + 20):
        version = f"3.{minor}"
        command = shutil.which(f"python{version}")
        if sys.version_info[:2] == (3, minor):
            command = sys.executable
        if command is None:
            continue
        answer = subprocess.run([command, "-c", ABOUT], capture_output=True, text=True, check=False)
        if answer.stdout.split() == [version, "final"]:
            found.append(version)
    return found


expose_pyenv()
PYTHONS = interpreters()
MEASURED = PYTHONS[-1]
ALL = ("-m", "heavy or not heavy")
# What runs by itself; those in between have their session: `nox -s tests-3.12`.
OUTER = sorted({PYTHONS[0], MEASURED}, key=PYTHONS.index)
nox.options.sessions = [
    "lint",
    *(f"types-{python}" for python in OUTER),
    *(f"tests-{python}" for python in OUTER),
    "coverage",
    "min",
    "integrations",
]


@nox.session(python=MEASURED)
def lint(session: nox.Session) -> None:
    """Style and layout of the code."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=OUTER)
def types(session: nox.Session) -> None:
    """Types, as the oldest and the newest Python see them."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Every test on the newest Python, which also measures coverage; on the others all but the heavy ones."""
    session.install("-e", ".[test]")
    if session.python == MEASURED:
        session.run("coverage", "erase")
        session.run("coverage", "run", "-m", "pytest", *ALL, *session.posargs)
    else:
        session.run("pytest", *session.posargs)


@nox.session(python=MEASURED, requires=[f"tests-{MEASURED}"])
def coverage(session: nox.Session) -> None:
    """The gate: how much of the code those tests reached."""
    session.install("coverage[toml]")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(name="min", python=PYTHONS[0])
def minimum(session: nox.Session) -> None:
    """All tests but the heavy ones, with the oldest dependencies that pyproject.toml admits."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    pins = [requirement.replace(">=", "==", 1) for requirement in project["dependencies"]]
    session.install("-e", ".[test]", *pins)
    session.run("pytest", *session.posargs)


@nox.session(python=MEASURED)
def integrations(session: nox.Session) -> None:
    """The hooks by a real pre-commit, and the action's installation; they build the package with pip."""
    session.install("-e", ".[test]", "pre-commit")
    session.run("pytest", "-m", "network", *session.posargs, env={"KAMAL_MIGRATE_NETWORK": "1"})
