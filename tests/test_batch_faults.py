"""Campaigns that are killed, that run out of room, and whose repositories are broken."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.state import State
from kamal_migrate.batch.work import Outcome
from tests import campaigns
from tests.campaigns import made as made
from tests.campaigns import place as place
from tests.campaigns import user as user
from tests.commanding import git
from tests.repositories import fake
from tests.servers import silent
from tests.zygote import Killer, killer

pytestmark = pytest.mark.heavy

CONFIG = "config/deploy.yml"
KEPT = ("sources", "srv", "state", "cache")


@pytest.fixture(scope="module")
def killing() -> Iterator[Killer]:
    with killer() as found:
        yield found


class World:
    """Everything that a campaign reads and writes, which can be put back as it was."""

    def __init__(self, tmp_path: Path) -> None:
        self.top = tmp_path
        self.repositories: list[Path] = []

    def keep(self) -> None:
        """Keep everything as it is now."""
        for name in KEPT:
            if (self.top / name).exists():
                shutil.copytree(self.top / name, self.top / "kept" / name, symlinks=True)

    def back(self) -> None:
        """Put everything back."""
        for name in KEPT:
            shutil.rmtree(self.top / name, ignore_errors=True)
            if (self.top / "kept" / name).exists():
                shutil.copytree(self.top / "kept" / name, self.top / name, symlinks=True)

    @property
    def bodies(self) -> dict[str, bytes]:
        """The texts of pull requests."""
        return {path.name: path.read_bytes() for path in (self.top / "state").rglob("*.md")}

    def end(self) -> tuple[dict[str, Row], list[dict[str, str]], dict[str, tuple[int, bytes]]]:
        """What a campaign leaves: its rows, all refs, and the files of working trees."""
        copies = sorted((self.top / "cache").rglob("*.git")) if (self.top / "cache").exists() else []
        files = {
            path: data
            for path, data in campaigns.snapshot(self.top / "sources").items()
            if ".git" not in "".join(Path(path).parts[:2])
        }
        return campaigns.rows(), [campaigns.refs(one) for one in (*self.repositories, *copies)], files


Prepare = Callable[[World], Sequence[str]]


def plain(world: World, names: Sequence[str] = ("one", "two")) -> Sequence[str]:
    for name in names:
        world.repositories.append(campaigns.bare(world.top / "sources" / f"{name}.git"))
    campaigns.batch("plan", world.top / "sources")
    return ("apply", "--yes", "--jobs", "1")


def single(world: World) -> Sequence[str]:
    return plain(world, ["one"])


def pushed(world: World) -> Sequence[str]:
    world.repositories.append(campaigns.bare(world.top / "srv" / "one.git"))
    campaigns.batch("plan", f"file://{world.repositories[0]}")
    return ("apply", "--yes", "--push", "--jobs", "1")


def direct(world: World) -> Sequence[str]:
    return [*single(world), "--direct"]


def direct_pushed(world: World) -> Sequence[str]:
    return [*pushed(world), "--direct"]


def in_place(world: World) -> Sequence[str]:
    """A config that changes, hooks that are renamed and secrets that come."""
    quarry = campaigns.working(world.top / "sources" / "quarry", "quarry")
    (quarry / CONFIG).chmod(0o600)
    campaigns.batch("plan", world.top / "sources", "--in-place")
    return ("apply", "--yes", "--in-place", "--jobs", "1")


def secrets_grow(world: World) -> Sequence[str]:
    """Files of secrets are not kept in the state, so these are planned once more."""
    campaigns.working(world.top / "sources" / "vellum", campaigns.VELLUM)
    campaigns.batch("plan", world.top / "sources", "--in-place")
    return ("apply", "--yes", "--in-place", "--jobs", "1")


STATE = "kamal_migrate.batch.state:State"
GIT = "kamal_migrate.batch.repository:Repository"
FILES = "kamal_migrate.transaction:os.replace"
STEPS: list[tuple[Prepare, str]] = [
    (plain, f"{STATE}.update"),
    (plain, f"{STATE}.set"),
    (single, f"{GIT}.call"),
    (pushed, f"{STATE}.update"),
    (pushed, f"{GIT}.call"),
    (pushed, f"{GIT}.talk"),
    (direct, f"{STATE}.update"),
    (direct, f"{GIT}.call"),
    (direct_pushed, f"{GIT}.call"),
    (direct_pushed, f"{GIT}.talk"),
    (in_place, f"{STATE}.update"),
    (in_place, f"{STATE}.keep_originals"),
    (in_place, FILES),
    (secrets_grow, f"{STATE}.update"),
]
NAMES = [f"{prepare.__name__} {name.rsplit('.', 1)[-1]}" for prepare, name in STEPS]


@pytest.fixture
def world(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    del place
    monkeypatch.chdir(tmp_path)
    return World(tmp_path)


def killed_everywhere(world: World, killing: Killer, arguments: Sequence[str], name: str) -> Iterator[str]:
    """Kill a command before and after each call of a function; which, when that has happened."""
    count = killing.run(world.top, ["batch", *arguments], name, 0, "")
    assert count > 0
    for call in range(1, count + 1):
        for when in ("before", "after"):
            world.back()
            assert killing.run(world.top, ["batch", *arguments], name, call, when) == -signal.SIGKILL
            yield f"{when} call {call} of {count}"


def resumed(arguments: Sequence[str]) -> int:
    """Go on as a user would: with what was begun, or by the same command."""
    with campaigns.state() as state:
        begun = state.settings["doing"] == "apply"
    return campaigns.batch(*(("resume", "--yes") if begun else arguments)).code


@pytest.mark.parametrize(("prepare", "name"), STEPS, ids=NAMES)
def test_what_was_killed_comes_to_the_same_end(
    prepare: Prepare, name: str, world: World, killing: Killer
) -> None:
    arguments = prepare(world)
    world.keep()
    assert campaigns.batch(*arguments).code in (0, 3)
    expected, bodies = world.end(), world.bodies
    assert all(row.is_done for row in expected[0].values())
    world.back()
    for where in killed_everywhere(world, killing, arguments, name):
        assert resumed(arguments) in (0, 3), where
        assert world.end() == expected, where
        assert world.bodies == bodies, where


@pytest.mark.parametrize(
    ("prepare", "name"),
    [
        (single, f"{STATE}.update"),
        (single, f"{GIT}.call"),
        (pushed, f"{STATE}.update"),
        (in_place, f"{STATE}.update"),
        (in_place, FILES),
    ],
)
def test_what_was_killed_can_be_taken_back(
    prepare: Prepare, name: str, world: World, killing: Killer
) -> None:
    arguments = prepare(world)
    world.keep()
    _, *as_it_was = world.end()
    for where in killed_everywhere(world, killing, arguments, name):
        assert campaigns.batch("undo", "--yes").code == 0, where
        assert list(world.end()[1:]) == as_it_was, where


@pytest.mark.parametrize(
    ("prepare", "name"),
    [(pushed, f"{STATE}.update"), (pushed, f"{GIT}.talk"), (pushed, f"{GIT}.call"), (in_place, FILES)],
)
def test_an_undo_that_was_killed_can_be_gone_on_with(
    prepare: Prepare, name: str, world: World, killing: Killer
) -> None:
    arguments = prepare(world)
    _, *as_it_was = world.end()
    campaigns.batch(*arguments)
    world.keep()
    campaigns.batch("undo", "--yes")
    expected = world.end()
    assert list(expected[1:]) == as_it_was
    world.back()
    for where in killed_everywhere(world, killing, ("undo", "--yes"), name):
        assert campaigns.batch("undo", "--yes").code == 0, where
        assert world.end() == expected, where


KILLED_PLAN = """
import os, signal, sys
from kamal_migrate import cli
from kamal_migrate.batch.state import State
real, calls, (call, when) = State.planned, [], (int(sys.argv[1]), sys.argv[2])
def planned(*arguments):
    calls.append(1)
    for step in ("before", "after"):
        if len(calls) == call and step == when:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == "before":
            real(*arguments)
State.planned = planned
cli.run(["batch", "plan", *sys.argv[3:], "--jobs", "1"])
"""


@pytest.mark.parametrize(("call", "when"), [(1, "before"), (1, "after"), (2, "after"), (3, "after")])
def test_a_plan_that_was_killed_is_gone_on_with(call: int, when: str, world: World) -> None:
    sources = world.top / "sources"
    for name in ("one", "two", "three"):
        campaigns.bare(sources / f"{name}.git")
    arguments = [sys.executable, "-c", KILLED_PLAN, str(call), when, str(sources)]
    # The worker processes end too: nobody holds the pipe any more.
    run = subprocess.run(arguments, check=False, capture_output=True, timeout=60)
    assert run.returncode == -signal.SIGKILL
    kept = [row for row in campaigns.rows().values() if row.stage is Stage.PLANNED]
    assert len(kept) == call - (when == "before")
    assert campaigns.batch("resume").code == 0
    assert {row.outcome for row in campaigns.rows().values()} == {Outcome.MIGRATED}
    said = campaigns.batch("resume", "--yes")
    assert said.out.startswith("The plan is complete; no apply has begun since.\n")
    assert "Do it: kamal-migrate batch apply" in said.out
    assert {row.stage for row in campaigns.rows().values()} == {Stage.PLANNED}, "nobody said so yet"
    assert campaigns.batch("apply", "--yes").code == 0
    assert all(
        campaigns.files_of(sources / f"{name}.git", campaigns.BRANCH) == campaigns.after(campaigns.SHOP)
        for name in ("one", "two", "three")
    )


def test_another_plan_that_was_killed_is_gone_on_with_for_all(world: World) -> None:
    sources = world.top / "sources"
    for name in ("one", "two", "three"):
        campaigns.bare(sources / f"{name}.git", campaigns.LEDGER)
    campaigns.batch("plan", sources, "--arch", "amd64")
    arguments = [sys.executable, "-c", KILLED_PLAN, "1", "after", str(sources), "--arch", "arm64"]
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert [row.stage for row in campaigns.rows().values()].count(Stage.WAITING) == 2
    campaigns.batch("resume")
    with campaigns.state() as state:
        for row in state.rows():
            assert row.stage is Stage.PLANNED
            assert b"arch: arm64" in state.files(row.source)[0][CONFIG]


def test_a_disk_that_is_full_for_the_state(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = campaigns.bare(place / "shop.git")
    campaigns.batch("plan", ".")

    def full(state: State, row: Row) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(State, "_update", full)
        for command in (("apply", "--yes"), ("plan", ".", "--arch", "arm64")):
            said = campaigns.batch(*command)
            assert said.code == 2
            assert "upgrade.sqlite: cannot be written: database or disk is full" in said.err
            assert len(said.err.splitlines()) == 1
    assert set(campaigns.refs(shop)) == {"main"}
    campaigns.batch("plan", ".", "--reset")
    assert campaigns.batch("apply", "--yes").code == 0
    assert campaigns.files_of(shop, campaigns.BRANCH) == campaigns.after(campaigns.SHOP)


FULL = """case " $* " in *one.git*" unpack-objects "*)
  cat >/dev/null; echo 'fatal: unable to write loose object: No space left on device' >&2; exit 128 ;;
*) exec $REAL "$@" ;; esac"""


def test_a_disk_that_is_full_for_one_repository(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        campaigns.bare(place / f"{name}.git")
    campaigns.batch("plan", ".")
    with monkeypatch.context() as patch:
        fake(tmp_path / "bin", FULL, patch)
        said = campaigns.batch("apply", "--yes")
    assert said.code == 5
    assert "sources/one: failed: nothing is written: unable to write loose object: No space" in " ".join(
        said.out.split()
    )
    assert set(campaigns.refs(place / "one.git")) == {"main"}
    assert campaigns.files_of(place / "two.git", campaigns.BRANCH) == campaigns.after(campaigns.SHOP)
    assert campaigns.batch("resume", "--yes").code == 0
    assert campaigns.files_of(place / "one.git", campaigns.BRANCH) == campaigns.after(campaigns.SHOP)


def test_a_disk_that_is_full_for_a_working_tree(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vellum = campaigns.working(place / "vellum", campaigns.VELLUM)
    as_it_was = campaigns.snapshot(vellum)
    campaigns.batch("plan", ".", "--in-place")
    real, count = os.replace, []

    def full(source: Path, target: Path) -> None:
        if str(target).startswith(str(vellum)):
            count.append(target)
            if len(count) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        said = campaigns.batch("apply", "--in-place", "--yes")
    assert said.code == 5
    assert "cannot be written: No space left on device; nothing is changed" in " ".join(said.out.split())
    assert campaigns.snapshot(vellum) == as_it_was
    assert campaigns.batch("resume", "--yes").code == 0
    files = {
        path: data for path, (_, data) in campaigns.snapshot(vellum).items() if not path.startswith(".git/")
    }
    assert files == campaigns.after(campaigns.VELLUM)


def unwritable(folder: Path) -> None:
    """A file where git wants a folder stops root too."""
    (folder / "refs" / "heads" / "kamal-migrate").write_bytes(b"")


def no_objects(folder: Path) -> None:
    shutil.rmtree(folder / "objects")
    (folder / "objects").write_bytes(b"")


def no_commit(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    git(folder, "init", "-q", "--bare")


def broken_objects(folder: Path) -> None:
    for file in (folder / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"broken")


def broken_settings(folder: Path) -> None:
    (folder / "config").write_text("[core\n")


@pytest.mark.parametrize(
    ("harm", "reason", "planned"),
    [
        (broken_settings, "bad config line 1 in file", True),
        (broken_settings, "mend that in its settings for git", False),
        (unwritable, "kamal-migrate/upgrade is left as it was:", True),
        (no_objects, "this is no git repository", True),
        (no_objects, "this is no git repository", False),
        (no_commit, "there is no commit yet", True),
        (broken_objects, "odd", True),
        (shutil.rmtree, "no such folder", True),
    ],
)
def test_a_repository_that_is_harmed_harms_no_other(
    harm: Callable[[Path], None], reason: str, planned: bool, place: Path
) -> None:
    odd, fine = campaigns.bare(place / "odd.git"), campaigns.bare(place / "fine.git")
    if planned:
        assert campaigns.batch("plan", ".").code == 0
    harm(odd)
    if not planned:
        campaigns.batch("plan", ".")
    said = campaigns.batch("apply", "--yes")
    assert said.code == 5
    assert "sources/odd: failed: " in " ".join(said.out.split())
    told = campaigns.rows()["odd.git"].reason
    assert reason in told
    assert "bug" not in told
    assert campaigns.files_of(fine, campaigns.BRANCH) == campaigns.after(campaigns.SHOP)


def test_what_is_called_like_a_secret_has_its_reason_told(place: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    campaigns.bare(place / "shop.git", files={"config/deploy.token.yml": pointer})
    for name in ("vault-token", "token"):
        (campaigns.bare(place / f"{name}.git") / "config").write_text("[core\n")
    said = campaigns.batch("plan", ".")
    assert "sources/vault-token: failed: bad config line 1" in said.out
    assert "sources/token: failed: bad config line 1" in said.out
    assert "sources/shop: failed: config/deploy.token.yml: this is a pointer of Git LFS" in said.out


def test_a_remote_that_never_answers(place: Path, tmp_path: Path) -> None:
    remote = campaigns.bare(tmp_path / "shop.git")
    with silent() as address:
        said = campaigns.batch("plan", f"{address}/slow.git", f"file://{remote}", "--timeout", "1")
        assert said.code == 5
        assert "/slow: failed: no answer from git ls-remote after 1 s" in " ".join(said.out.split())
        said = campaigns.batch("apply", "--yes", "--push")
    assert said.code == 5
    assert campaigns.files_of(remote, campaigns.BRANCH) == campaigns.after(campaigns.SHOP)


@pytest.mark.parametrize("whole", [27, pytest.param(297, marks=pytest.mark.heavy)])
def test_three_are_broken(place: Path, whole: int) -> None:
    for number in range(whole):
        campaigns.bare(place / f"{number:03}.git", campaigns.SHOP if number % 3 == 0 else campaigns.EXPLICIT)
    campaigns.bare(place / "yaml.git", campaigns.SHOP, {CONFIG: b"service: [\n"})
    broken_objects(campaigns.bare(place / "broken.git"))
    no_objects(campaigns.bare(place / "objects.git"))
    assert campaigns.batch("plan", ".", "-q").code == 5
    said = campaigns.batch("apply", "--yes", "-q")
    assert said.code == 5
    named = re.findall(r"^sources/(\w+): failed:\s", said.out, re.MULTILINE)
    assert named == ["broken", "objects", "yaml"]
    third = whole // 3
    counted = f"{whole + 3} repositories: {third} migrated, {2 * third} nothing to do, 3 failed"
    assert counted in said.out
    assert [campaigns.BRANCH in campaigns.refs(place / f"{number:03}.git") for number in range(whole)] == [
        number % 3 == 0 for number in range(whole)
    ]


DEADLY = '''"""Dies of an app."""

import os

from kamal_migrate.api import Codemod

CODEMOD = Codemod("Dies of an app")


def decide(view, options):
    if view.get("service") == "deadly":
        os._exit(1)
    return iter(())
'''


def test_a_codemod_of_the_team_that_goes_wrong(place: Path, tmp_path: Path) -> None:
    campaigns.bare(place / "a.git")
    own = tmp_path / "own"
    own.mkdir()
    (own / "wrong.py").write_text(DEADLY.replace("os._exit(1)", "1 / 0").replace("deadly", "shop"))
    said = campaigns.batch("plan", ".", "--codemods", own)
    assert said.code == 5
    assert f"sources/a:failed:{own}/wrong.py:" in "".join(said.out.split())
    assert "bug" not in said.out


def test_a_process_that_dies_takes_one_repository_along(place: Path, tmp_path: Path) -> None:
    deadly = (
        (campaigns.before(campaigns.SHOP) / CONFIG).read_bytes().replace(b"service: shop", b"service: deadly")
    )
    for name in ("a", "c", "d", "e", "f", "g"):
        campaigns.bare(place / f"{name}.git")
    campaigns.bare(place / "b.git", campaigns.SHOP, {CONFIG: deadly})
    own = tmp_path / "own"
    own.mkdir()
    (own / "deadly.py").write_text(DEADLY)
    said = campaigns.batch("plan", ".", "--codemods", own)
    assert said.code == 5
    assert "sources/b: failed: the process that planned it died" in " ".join(said.out.split())
    assert [row.outcome for row in campaigns.rows().values()].count(Outcome.MIGRATED) == 6
    # The same where something changed since the plan.
    for name in ("a", "c"):
        campaigns.commit_to(
            place / f"{name}.git", "main", {"Dockerfile": b"FROM --platform=linux/amd64 ruby\n"}
        )
    campaigns.commit_to(place / "d.git", "main", {CONFIG: deadly})
    said = campaigns.batch("apply", "--yes")
    assert said.code == 5
    assert {name for name, row in campaigns.rows().items() if row.outcome is Outcome.FAILED} == {
        "b.git",
        "d.git",
    }
    assert campaigns.BRANCH in campaigns.refs(place / "a.git")
    assert campaigns.BRANCH not in campaigns.refs(place / "d.git")
