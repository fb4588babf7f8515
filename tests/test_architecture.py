"""The rooms of ARCHITECTURE.md: who may import whom, what is pure, and what a run loads."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

import kamal_migrate

# Python 3.11 and newer have tomllib; `settings` asks which Python it is.
STANDARD = sys.stdlib_module_names | {"tomllib"}
PACKAGE = Path(kamal_migrate.__file__).parent
ROOMS = [
    {"text"},
    {"erbtags"},
    {"erb"},
    {"enverb", "envdoc"},
    {"yamldoc"},
    {"project"},
    {"masking"},
    {"kamal"},
    {"findings"},
    {"api"},
    {"catalog"},
    {"engine"},
    {"rules"},
    {"checking"},
    {"diagnosing"},
    {"report"},
    {"reading"},
    {"programs"},
    {"settings", "git", "folder", "disk", "memory", "transaction", "overlay", "verifying", "probing"},
    {"request"},
    {"inventories"},
    {"asking"},
    {"session"},
    {"batch"},
    {"console"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
EDGE = {"catalog"}
PURE = {room for room, floor in FLOOR.items() if floor <= FLOOR["reading"]} - EDGE
OUTSIDE = {
    "asyncio", "builtins", "ctypes", "fileinput", "glob", "http", "io", "logging", "multiprocessing", "os",
    "pathlib", "pickle", "random", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
# A file in memory, the quoting of a URL, and the table that is a part of the package.
ALLOWED = {
    ("yamldoc/style.py", "io.StringIO"),
    ("report/sarif.py", "urllib.parse.quote"),
    ("kamal/keys.py", "pathlib.Path"),
}
LIBRARIES = {
    "yaml": {"yamldoc"},
    "ruamel": {"yamldoc"},
    "deepdiff": {"engine", "report"},
    "rich": {"console", "batch"},
    "jinja2": {"batch"},
    "platformdirs": {"batch"},
    "typer": {"cli", "commands"},
    "tomli": {"settings"},
}
LATE = {"deepdiff", "rich", "ruamel"}


class Import(NamedTuple):
    """One import: its file and room, what it names, whether it happens when the file is loaded."""

    file: str
    room: str
    name: str
    at_once: bool


@lru_cache(maxsize=1)
def imports() -> tuple[Import, ...]:
    """Every import of the package, from its source."""
    return tuple(row for path in sorted(PACKAGE.rglob("*.py")) for row in _imports_of(path))


def _imports_of(path: Path) -> Iterator[Import]:
    inside = path.relative_to(PACKAGE)
    if inside.parts[0] == "codemods":
        return
    room = inside.parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{inside}: imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(inside.as_posix(), room, name, id(node) not in late)


def test_every_module_has_a_room() -> None:
    rooms = {row.room for row in imports()} - {"__init__"}
    assert rooms == set(FLOOR)


def test_rooms_import_from_the_rooms_above_them_only() -> None:
    for row in imports():
        package, _, rest = row.name.partition(".")
        if package != "kamal_migrate":
            continue
        room = rest.split(".")[0]
        if room in FLOOR:
            assert FLOOR[room] <= FLOOR[row.room], f"{row.file} imports {row.name}"
        else:
            assert room == "__version__", f"{row.file} imports {row.name}"
    assert not [row for row in imports() if row.room == "__init__"], "the package itself imports nothing"


def test_pure_rooms_reach_nothing_outside() -> None:
    for row in imports():
        reached = row.name.split(".")[0]
        inward = row.room not in PURE or reached not in OUTSIDE or (row.file, row.name) in ALLOWED
        assert inward, f"{row.file} imports {row.name}"


def test_pure_rooms_open_and_print_nothing() -> None:
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if room in PURE else ():
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            assert called not in {"open", "print", "input", "exec", "eval", "__import__"}, f"{path}: {called}"


def test_libraries_are_known_to_their_rooms_only() -> None:
    for row in imports():
        name = row.name.split(".")[0]
        if name == "kamal_migrate" or name in STANDARD:
            continue
        assert row.room in LIBRARIES.get(name, ()), f"{row.file} imports {row.name}"


def test_slow_libraries_are_imported_where_they_are_used() -> None:
    for row in imports():
        assert not (row.at_once and row.name.split(".")[0] in LATE), f"{row.file} imports {row.name} at once"


REPORT = """
import json, sys
from kamal_migrate.__main__ import main
sys.argv = ["kamal-migrate", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded(*arguments: str) -> tuple[str, set[str]]:
    """What the command prints into a pipe, and the packages that this loads."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


HEAD = (
    "service: shop\nimage: acme/shop\nservers: [192.0.2.1]\nregistry: {username: acme, password: [TOKEN]}\n"
)


@pytest.mark.parametrize(
    ("builder", "words", "never"),
    [
        ("builder: {arch: amd64}\n", "already explicit", {"deepdiff", "rich", "pydantic", "ruamel"}),
        ("builder:\n  multiarch: false\n", "arch: amd64", {"rich"}),
    ],
    ids=["nothing to do", "a preview in a pipe"],
)
def test_a_run_loads_what_it_needs(tmp_path: Path, builder: str, words: str, never: set[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "deploy.yml").write_text(HEAD + builder, encoding="utf-8")
    output, packages = loaded("-C", str(tmp_path), "--dry-run")
    assert words in output
    assert not packages & never
    assert "yaml" in packages


def test_the_version_loads_nothing() -> None:
    output, packages = loaded("--version")
    assert output == f"kamal-migrate {kamal_migrate.__version__}\n"
    assert not packages & {"typer", "yaml", "ruamel", "deepdiff", "rich", "click"}
