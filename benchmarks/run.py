"""Measures kamal-migrate against yamllint and a ruamel.yaml round trip; see README.md beside this file."""

from __future__ import annotations

import gc
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from kamal_migrate.api import Options
from kamal_migrate.catalog import builtin
from kamal_migrate.checking import Wanted, check
from kamal_migrate.disk import read
from kamal_migrate.engine import plan
from kamal_migrate.kamal.versions import NEWEST
from kamal_migrate.project import Project

APPS = Path(__file__).parent.parent / "fixtures" / "apps"
OWN = Path(sys.argv[2]) if sys.argv[1:2] == ["--apps"] else None
RUNS = 21
MANY = 1000


def process(*command: str) -> tuple[float, float]:
    """Run a command to its end, as installed programs run: seconds, and its peak memory in MB."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=_SILENT)
    _, _, usage = os.wait4(pid, 0)
    return time.perf_counter() - started, usage.ru_maxrss / 1024


_SILENT = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]


def compare(name: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    """Print the median ratio of two commands run in turn."""
    pairs = [(process(*ours), process(*theirs)) for _ in range(RUNS)][1:]
    ratio = statistics.median(mine[0] / other[0] for mine, other in pairs)
    seconds = statistics.median(mine[0] for mine, _ in pairs)
    memory = max(mine[1] for mine, _ in pairs)
    print(f"{name:<34}{ratio:5.2f} ×   {seconds * 1000:4.0f} ms   {memory:3.0f} MB")


def whole_app(folder: Path) -> list[str]:
    """Make an app of all that there can be: two destinations, secrets, hooks, CI. Its YAML files."""
    shutil.copytree(APPS / "vellum" / "before", folder)
    shutil.copytree(APPS / "shop" / "before" / ".github", folder / ".github")
    return sorted(str(path) for path in folder.rglob("*.yml"))


def apps() -> list[Project]:
    """A thousand apps, each with texts of its own."""
    folders = sorted(OWN.iterdir()) if OWN else [folder / "before" for folder in sorted(APPS.iterdir())]
    originals = [read(folder).project for folder in folders]
    made = []
    for number in range(MANY):
        original = originals[number % len(originals)]
        files = {
            path: text.replace("service: ", f"service: n{number}-") for path, text in original.files.items()
        }
        made.append(Project(f"{original.name}-{number}", files))
    return made


def round_trip(project: Project) -> None:
    """Read and write each config of an app with ruamel.yaml; what it refuses costs it nothing."""
    for config in project.configs:
        for path in config.paths:
            yaml = YAML()
            try:
                yaml.dump(yaml.load(project.files[path]), io.StringIO())
            except Exception:
                continue


def seconds(work: Callable[[Project], object], projects: list[Project]) -> float:
    """How long some work over all projects takes."""
    started = time.perf_counter()
    for project in projects:
        work(project)
    return time.perf_counter() - started


def many() -> None:
    """Print how long a thousand plans take, in round trips, and as many checks, in plans."""
    codemods, options = builtin(), Options()
    gc.set_threshold(50_000)  # As the command does; it serves both sides.
    ratios, checks = [], []
    for _ in range(3):
        mine = seconds(lambda project: plan(project, codemods, options), apps())
        ratios.append(mine / seconds(round_trip, apps()))
        checks.append(seconds(lambda project: check(project, Wanted(NEWEST)), apps()) / mine)
    print(f"{MANY} apps, all proofs: {statistics.median(ratios):.1f} × a round trip, {mine:.2f} s")
    print(f"{MANY} apps checked: {statistics.median(checks):.1f} × their migration")


def main() -> None:
    """Print the table."""
    folder = Path(sys.executable).parent
    ours, theirs = str(folder / "kamal-migrate"), str(folder / "yamllint")
    with tempfile.TemporaryDirectory() as scratch:
        legacy, done, whole = Path(scratch, "legacy"), Path(scratch, "done"), Path(scratch, "whole")
        shutil.copytree(APPS / "shop" / "before", legacy)
        shutil.copytree(APPS / "explicit" / "before", done)
        yamls = whole_app(whole)
        config = "config/deploy.yml"
        compare("nothing to do", (ours, "-C", str(done), "--dry-run"), (theirs, str(done / config)))
        compare("legacy app, preview", (ours, "-C", str(legacy), "--dry-run"), (theirs, str(legacy / config)))
        compare("whole app, preview", (ours, "-C", str(whole), "--dry-run"), (theirs, *yamls))
        compare("--version", (ours, "--version"), (theirs, "--version"))
    many()


if __name__ == "__main__":
    main()
