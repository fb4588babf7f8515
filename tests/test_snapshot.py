"""Reading a tree without a working tree: what is seen, where links lead, what git ignores."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamal_migrate.batch.snapshot import EXECUTABLE, LINK, REGULAR, SUBMODULE, Entry, Snapshot
from kamal_migrate.folder import read
from kamal_migrate.project import InputError
from kamal_migrate.reading import NoConfig, read_project
from tests.commanding import CONFIG, KAMAL_2, git, make_app
from tests.support import FIXTURES

APPS = sorted(path.name for path in (FIXTURES / "apps").iterdir())


def snapshot(files: Mapping[str, str | bytes], modes: Mapping[str, str] | None = None) -> Snapshot:
    """A tree of these files; a link holds the path that it leads to."""
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    entries = {path: Entry((modes or {}).get(path, REGULAR), path) for path in files}
    return Snapshot("shop", entries, contents.__getitem__)


def refusal(source: Snapshot, path: str) -> str:
    with pytest.raises(InputError) as error:
        source.bytes(path)
    return error.value.message


@pytest.mark.parametrize("name", APPS)
def test_an_app_is_read_as_from_a_folder(name: str) -> None:
    folder = FIXTURES / "apps" / name / "before"
    on_disk = read(folder).project
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    found = read_project(snapshot(files)).project
    assert dict(found.files) == dict(on_disk.files)
    assert found.configs == on_disk.configs


def test_links_inside_of_the_tree_are_followed() -> None:
    files = {"deploy/real.yml": KAMAL_2, CONFIG: "../deploy/real.yml", "conf": "config"}
    source = snapshot(files, {CONFIG: LINK, "conf": LINK})
    assert source.bytes(CONFIG) == KAMAL_2.encode()
    assert source.identity(CONFIG) == "deploy/real.yml"
    assert source.bytes("conf/deploy.yml") == KAMAL_2.encode()


@pytest.mark.parametrize("aim", ["/etc/passwd", "../../etc/passwd", "../..", "../config/../../x"])
def test_links_out_of_the_tree_are_refused(aim: str) -> None:
    source = snapshot({CONFIG: aim}, {CONFIG: LINK})
    assert refusal(source, CONFIG) == "this link leads out of the repository"
    with pytest.raises(InputError):
        read_project(source)


def test_links_in_circles_and_to_nothing() -> None:
    source = snapshot({"a": "b", "b": "a", "c": "nowhere"}, dict.fromkeys("abc", LINK))
    assert refusal(source, "a") == "these links go round in circles"
    assert refusal(source, "c") == "this link points to nothing"
    assert source.identity("a") == "a"


def test_what_is_no_file() -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    source = snapshot({"module": "", "big.yml": pointer, CONFIG: KAMAL_2}, {"module": SUBMODULE})
    assert "submodule" in refusal(source, "module")
    assert "Git LFS" in refusal(source, "big.yml")
    assert "folder" in refusal(source, "config")
    assert refusal(source, "none") == "no such file"
    assert source.listing("") == (["config"], ["big.yml"])


def test_what_is_too_big_harms_nothing_that_is_not_asked_for() -> None:
    def load(name: str) -> bytes:
        if name == "1":
            raise InputError(name, "too big")
        return KAMAL_2.encode()

    source = Snapshot("shop", {".gitignore": Entry(REGULAR, "1"), CONFIG: Entry(REGULAR, "2")}, load)
    with pytest.raises(InputError, match=r"^\.gitignore: too big$"):
        source.bytes(".gitignore")
    assert source.ignored("", [".env"]) == set()
    assert source.bytes(CONFIG) == KAMAL_2.encode()


def test_paths_that_no_working_tree_has_are_not_seen() -> None:
    odd = ["../out.yml", "config/../deploy.yml", ".git/config", "a/.GIT/x", "./x", "a//b"]
    source = snapshot({**dict.fromkeys(odd, KAMAL_2), "ok.yml": "a: 1\n"}, {"ok.yml": EXECUTABLE})
    assert source.listing("") == ([], ["ok.yml"])
    with pytest.raises(NoConfig):
        read_project(source)


NAMES = st.sampled_from([".env", ".env.staging", ".kamal/secrets", "a/.env", "a/b/.kamal/secrets", "log/x"])
PATTERNS = st.sampled_from(
    [
        ".env",
        ".env*",
        "!.env",
        "/.env",
        "a/",
        "/a",
        ".kamal/",
        "**/secrets",
        "b/.kamal",
        "*",
        "!*/",
        "# x",
        "\\#x",
    ]
)


@pytest.mark.heavy
@given(
    st.lists(PATTERNS, max_size=4), st.lists(PATTERNS, max_size=3), st.lists(NAMES, min_size=1, unique=True)
)
def test_git_ignores_the_same(top: list[str], deep: list[str], names: list[str]) -> None:
    ignores = {".gitignore": "\n".join(top) + "\n", "a/.gitignore": "\n".join(deep) + "\n"}
    with TemporaryDirectory() as name:
        folder = make_app(Path(name), KAMAL_2, ignores)
        git(folder, "init", "-q")
        told = ignored_by_git(folder, names)
    assert snapshot({**ignores, CONFIG: KAMAL_2}).ignored("", names) == told


def ignored_by_git(folder: Path, paths: list[str]) -> set[str]:
    command = ["git", "-C", str(folder), "check-ignore", "--stdin"]
    return set(subprocess.run(command, input="\n".join(paths), capture_output=True, text=True).stdout.split())


def test_a_file_of_the_tree_is_not_ignored() -> None:
    source = snapshot({".gitignore": ".env\n", ".env": "A=1\n"})
    assert source.ignored("", [".env"]) == set()
