"""Measures a batch over many bare repositories, and all-repos with one sed; see README.md beside this file.

python benchmarks/batch.py [NUMBER]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

APPS = Path(__file__).parent.parent / "fixtures" / "apps"
FILES = 200
NUMBER = int(sys.argv[1]) if sys.argv[1:] else 300
BIN = Path(sys.executable).parent
WHO = {
    f"GIT_{who}_{what}": f"{who.lower()}@example.com"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def git(folder: Path, *arguments: str) -> None:
    """Run git with nobody's settings."""
    clean = {**os.environ, **WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", folder, *arguments], env=clean, check=True, capture_output=True)


def seeds(folder: Path) -> Iterator[Path]:
    """A bare repository of each fixture app, filled up with other files."""
    for app in sorted(APPS.iterdir()):
        tree = folder / "trees" / app.name
        shutil.copytree(app / "before", tree, symlinks=True)
        there = sum(1 for path in tree.rglob("*") if path.is_file())
        for number in range(FILES - there):
            file = tree / "app" / f"part{number % 20}" / f"file{number}.rb"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"class File{number}\nend\n" * 20)
        git(tree, "init", "-q", "-b", "main")
        git(tree, "add", "-A", "-f")
        git(tree, "commit", "-q", "-m", "all")
        git(folder, "clone", "-q", "--bare", str(tree), str(folder / f"{app.name}.git"))
        yield folder / f"{app.name}.git"


def repositories(folder: Path, number: int) -> None:
    """So many bare repositories: a mix of the fixture apps."""
    found = list(seeds(folder.parent / "seeds"))
    for count in range(number):
        seed = found[count % len(found)]
        shutil.copytree(seed, folder / f"{seed.stem}-{count:05}.git")


def memory(root: int) -> int:
    """What a process and all that it started keep in memory, in bytes; what they share counts once."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    waiting, total = [root], 0
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, ())
        try:
            rows = (Path("/proc") / str(process) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
    return total


def measured(environment: Mapping[str, str], *command: str | Path) -> tuple[float, float, int]:
    """Run a command to its end: seconds, its peak memory with all that it started in MB, its exit code."""
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.1):
                peak = max(peak, memory(run.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        run.wait()
        ended.set()
        watcher.join()
    return time.perf_counter() - started, peak / 1e6, run.returncode


def ours(folder: Path, environment: Mapping[str, str]) -> float:
    """Plan and apply over all repositories, cold."""
    command = BIN / "kamal-migrate"
    steps = (("plan", str(folder)), ("apply", "--yes"))
    total = 0.0
    for name, *more in steps:
        seconds, peak, code = measured(environment, command, "batch", name, *more, "--jobs", "2", "--quiet")
        print(f"batch {name:<27}{seconds:6.1f} s   {peak:4.0f} MB   exit code {code}")
        total += seconds
    return total


def theirs(folder: Path, environment: Mapping[str, str]) -> float:
    """Clone all repositories and run one sed with all-repos, with two jobs."""
    place = folder.parent / "all-repos"
    place.mkdir()
    listed = {path.name: str(path) for path in folder.iterdir()}
    (place / "repos.json").write_text(json.dumps(listed))
    settings = {
        "output_dir": "output",
        "source": "all_repos.source.json_file",
        "source_settings": {"filename": str(place / "repos.json")},
        "push": "all_repos.push.readonly",
        "push_settings": {},
    }
    config = place / "all-repos.json"
    config.write_text(json.dumps(settings))
    config.chmod(0o600)
    clone = (BIN / "all-repos-clone", "-C", config, "-j", "2")
    sed = (BIN / "all-repos-sed", "-C", config, "-j", "2", "s/^service:/service: /", "config/deploy*.yml")
    total = 0.0
    for command in (clone, sed):
        seconds, peak, code = measured(environment, *command)
        print(f"{command[0].name:<33}{seconds:6.1f} s   {peak:4.0f} MB   exit code {code}")
        total += seconds
    return total


def main() -> None:
    """Make the repositories, and measure."""
    with tempfile.TemporaryDirectory(prefix="kamal-migrate-bench-") as name:
        top = Path(name).resolve()
        repositories(top / "repositories", NUMBER)
        kept = {f"XDG_{what}_HOME": str(top / what.lower()) for what in ("STATE", "CACHE")}
        environment = {**os.environ, **WHO, **kept, "GIT_CONFIG_GLOBAL": os.devnull}
        print(f"{NUMBER} repositories of {FILES} files")
        own = ours(top / "repositories", environment)
        print(f"{'a repository':<33}{own / NUMBER * 1000:6.1f} ms")
        if (BIN / "all-repos-sed").exists():
            other = theirs(top / "repositories", environment)
            print(f"{'ours / all-repos':<33}{own / other:6.2f} ×")


if __name__ == "__main__":
    main()
