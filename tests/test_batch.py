"""Campaigns from end to end, over real repositories."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kamal_migrate.batch.places import state_folder
from kamal_migrate.batch.pushing import pushed_to
from kamal_migrate.batch.repository import opened as opened_repository
from kamal_migrate.batch.row import Stage
from kamal_migrate.batch.work import Outcome
from tests import campaigns
from tests.campaigns import (
    BRANCH,
    EXPLICIT,
    HARVEST,
    LEDGER,
    SHOP,
    VELLUM,
    after,
    bare,
    batch,
    before,
    commit_to,
    files_of,
    refs,
    rows,
    snapshot,
    working,
)
from tests.campaigns import made as made
from tests.campaigns import place as place
from tests.campaigns import user as user
from tests.commanding import HEAD, KAMAL_2, UNKNOWN, git, make_app, on_terminal
from tests.repositories import ended, fake, hanging, waited
from tests.support import tree

CONFIG = "config/deploy.yml"
BROKEN = {CONFIG: b"service: [\n"}
README = Path(__file__).parent.parent / "README.md"


def empty(folder: Path) -> Path:
    """A repository without anything of Kamal's."""
    make_app(folder, "", {"README.md": "hello\n"})
    (folder / CONFIG).unlink()
    git(folder, "init", "-q")
    campaigns.add(folder, {})
    return folder


def test_a_plan_ends_with_the_outcome_of_each_and_writes_nothing_but_its_state(
    place: Path, tmp_path: Path
) -> None:
    bare(place / "shop.git")
    working(place / "ledger", LEDGER)
    bare(place / "explicit.git", EXPLICIT)
    empty(place / "notes")
    as_it_was = snapshot(place)
    said = batch("plan", ".")
    assert said.code == 3
    table = said.out.split("\n\n")[0].splitlines()[-4:]
    assert [line.split(maxsplit=1) for line in table] == [
        ["sources/explicit", "nothing to do"],
        ["sources/ledger", "needs hands"],
        ["sources/notes", "no Kamal"],
        ["sources/shop", "to migrate"],
    ]
    assert "4 repositories: 2 to migrate (1 needs hands), 1 nothing to do, 1 no Kamal" in flat(said.out)
    assert "Do it: kamal-migrate batch apply" in flat(said.out)
    assert snapshot(place) == as_it_was
    written = [path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()]
    assert set(written) == {"sources", "state", "home"}
    assert [path.name for path in (tmp_path / "home").iterdir()] == [".gitconfig"]


def test_a_repository_without_a_commit_has_no_kamal_unless_an_app_is_there(place: Path) -> None:
    for folder in ("bare.git", "work", "begun"):
        git(place, "init", "-q", *(["--bare"] if folder == "bare.git" else []), folder)
    make_app(place / "begun")
    sources = (place / "bare.git", f"file://{place}/bare.git", place / "work")
    assert batch("plan", *sources).code == 0
    assert {row.outcome for row in rows().values()} == {Outcome.NO_KAMAL}
    said = batch("plan", place / "begun")
    assert said.code == 5
    assert "sources/begun: failed: there is no commit yet" in flat(said.out)


@pytest.mark.parametrize(
    ("apps", "code"), [((SHOP, EXPLICIT), 0), ((SHOP, LEDGER), 3), ((LEDGER, "broken"), 5), ((EXPLICIT,), 0)]
)
def test_exit_codes(apps: tuple[str, ...], code: int, place: Path) -> None:
    for app in apps:
        if app == "broken":
            bare(place / "broken.git", SHOP, BROKEN)
        else:
            bare(place / f"{app}.git", app)
    said = batch("plan", ".", "--quiet")
    assert said.code == code
    assert ("sources/broken: failed: config/deploy.yml:" in flat(said.out)) == (code == 5)


def test_quiet_says_the_totals_and_what_failed(place: Path) -> None:
    bare(place / "shop.git")
    bare(place / "broken.git", SHOP, BROKEN)
    said = batch("plan", ".", "-q")
    assert [line.split(":")[0] for line in said.out.splitlines() if not line.startswith(" ")] == [
        "sources/broken",
        "2 repositories",
        "Look at it",
        "Do it",
    ]


def test_bare_repositories_get_one_commit_on_a_branch(place: Path) -> None:
    for app in (SHOP, HARVEST, EXPLICIT):
        bare(place / f"{app}.git", app)
    main = refs(place / "shop.git")
    planned = batch("plan", ".")
    assert planned.code == 0
    said = batch("apply", "--yes")
    assert said.code == 0
    assert f"committed on {BRANCH}" in said.out
    assert "2 migrated" in flat(said.out)
    assert "migrated" not in planned.out
    assert "to migrate" not in said.out
    for app in (SHOP, HARVEST):
        repository = place / f"{app}.git"
        assert refs(repository)["main"] == git(repository, "rev-parse", f"{BRANCH}^").strip()
        assert files_of(repository, BRANCH) == after(app)
        assert git(repository, "rev-list", "--count", f"main..{BRANCH}") == "1\n"
    assert refs(place / "shop.git")["main"] == main["main"]
    assert set(refs(place / "explicit.git")) == {"main"}
    message = git(place / "shop.git", "log", "-1", "--format=%B", BRANCH)
    assert message.startswith("Migrate the Kamal config to Kamal 2.")
    assert "* builder/multiarch: " in message
    assert "Kamal-Migrate-Campaign: upgrade" in message
    again = batch("apply", "--yes", "--bodies", "texts")
    assert (again.code, "nothing to do that is not done" in flat(again.out)) == (0, True)
    assert sorted(path.name.rsplit("-", 1)[0] for path in (place / "texts").iterdir()) == [
        "sources-harvest",
        "sources-shop",
    ]


def test_a_working_tree_gets_a_branch_and_stays_as_it_is(place: Path) -> None:
    shop = working(place / "shop")
    (shop / CONFIG).write_text("half of an edit\n")
    git(shop, "add", CONFIG)
    (shop / "Dockerfile").write_text("FROM scratch\n")
    index, head, kept = (shop / ".git" / "index").read_bytes(), git(shop, "rev-parse", "HEAD"), tree(shop)
    batch("plan", ".")
    assert batch("apply", "--yes").code == 0
    assert files_of(shop, BRANCH) == after(SHOP)
    assert (shop / ".git" / "index").read_bytes() == index
    assert git(shop, "symbolic-ref", "HEAD") == "refs/heads/main\n"
    assert git(shop, "rev-parse", "HEAD") == head
    assert {path: data for path, data in tree(shop).items() if not path.startswith(".git/")} == {
        path: data for path, data in kept.items() if not path.startswith(".git/")
    }


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def modes(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path: (stat.S_IMODE(mode), data)
        for path, (mode, data) in snapshot(folder).items()
        if not path.startswith(".git/")
    }


def test_in_place_and_back_byte_for_byte(place: Path) -> None:
    vellum = working(place / "vellum", VELLUM)
    secrets, hook = vellum / ".kamal/secrets-common", vellum / ".mrsk/hooks/post-deploy"
    secrets.chmod(0o600)
    hook.chmod(0o750)
    campaigns.add(vellum, {"more": b""})
    as_it_was = modes(vellum)
    assert batch("plan", ".", "--in-place").code == 0
    assert modes(vellum) == as_it_was
    said = batch("apply", "--in-place", "--yes")
    assert (said.code, "written" in flat(said.out)) == (0, True)
    assert {path: data for path, (_, data) in modes(vellum).items()} == {**after(VELLUM), "more": b""}
    assert stat.S_IMODE((vellum / ".kamal/hooks/post-deploy").stat().st_mode) == 0o750
    assert set(refs(vellum)) == {"main"}
    assert rows()["vellum"].stage is Stage.WRITTEN
    assert batch("undo", "--yes").code == 0
    assert modes(vellum) == as_it_was
    assert git(vellum, "status", "--porcelain") == ""
    assert "Nothing to take back." in batch("undo", "--yes").out
    assert batch("apply", "--in-place", "--yes").code == 0
    assert {path: data for path, (_, data) in modes(vellum).items()} == {**after(VELLUM), "more": b""}


def test_in_place_leaves_alone_what_is_not_committed(place: Path) -> None:
    shop = working(place / "shop")
    (shop / CONFIG).write_bytes((shop / CONFIG).read_bytes() + b"# mine\n")
    as_it_was = modes(shop)
    batch("plan", ".", "--in-place")
    said = batch("apply", "--in-place", "--yes")
    assert said.code == 5
    assert "sources/shop: refused: config/deploy.yml: not all of it is committed" in flat(said.out)
    assert modes(shop) == as_it_was
    assert batch("apply", "--yes", "--allow-dirty").code == 0
    assert (shop / CONFIG).read_bytes() == after(SHOP)[CONFIG] + b"# mine\n"
    assert batch("undo", "--yes").code == 0
    assert modes(shop) == as_it_was
    assert batch("apply", "--yes", "--reset", "--in-place").code == 5
    git(shop, "commit", "-qam", "mine")
    assert batch("resume", "--yes").code == 0
    assert (shop / CONFIG).read_bytes() == after(SHOP)[CONFIG] + b"# mine\n"


def test_what_a_person_changed_since_is_not_put_back(place: Path) -> None:
    shop = working(place / "shop")
    batch("plan", ".", "--in-place")
    batch("apply", "--in-place", "--yes")
    (shop / CONFIG).write_bytes((shop / CONFIG).read_bytes() + b"# mine\n")
    changed = modes(shop)
    said = batch("undo", "--yes")
    assert said.code == 5
    assert "config/deploy.yml: changed since it was written; nothing is put back" in flat(said.out)
    assert modes(shop) == changed


@pytest.mark.heavy
def test_a_working_tree_is_written_once_by_a_campaign(place: Path) -> None:
    shop = working(place / "shop")
    batch("plan", ".", "--in-place")
    batch("apply", "--in-place", "--yes")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "migrated")
    campaigns.add(shop, {CONFIG: (before(SHOP) / CONFIG).read_bytes()}, "back")
    assert "1 to migrate" in batch("plan", ".", "--in-place").out
    said = batch("apply", "--in-place", "--yes")
    assert (said.code, "this campaign wrote here before" in flat(said.out)) == (5, True)
    batch("plan", ".", "--in-place", "--campaign", "again")
    assert "1 migrated" in batch("apply", "--in-place", "--yes", "--campaign", "again").out


def test_urls_are_pushed_and_taken_back(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "srv" / "shop.git")
    bare(tmp_path / "srv" / "harvest.git", HARVEST)
    (place / "all.txt").write_text(f"# ours\nfile://{remote}\nfile://{remote.parent}/harvest.git\n")
    assert batch("plan", "all.txt").code == 0
    assert batch("apply", "--yes").code == 0
    assert set(refs(remote)) == {"main"}
    assert rows()["shop.git"].stage is Stage.COMMITTED
    said = batch("apply", "--yes", "--push")
    assert (said.code, f"pushed to {BRANCH}" in flat(said.out)) == (0, True)
    assert files_of(remote, BRANCH) == after(SHOP)
    assert git(remote, "rev-list", "--count", f"main..{BRANCH}") == "1\n"
    assert batch("undo", "--yes").code == 0
    assert set(refs(remote)) == {"main"}
    [copy] = (tmp_path / "cache").rglob("*shop-*.git")
    assert set(refs(copy)) == {"main"}
    assert {row.stage for row in rows().values()} == {Stage.UNDONE}
    assert batch("apply", "--yes", "--push").code == 0
    assert files_of(remote, BRANCH) == after(SHOP)


def test_a_clone_is_pushed_to_its_remote(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "shop.git")
    git(place, "clone", "-q", remote, place / "shop")
    batch("plan", ".")
    assert batch("apply", "--yes", "--push").code == 0
    assert files_of(remote, BRANCH) == after(SHOP)
    mine = commit_to(remote, BRANCH, {"mine": b"1"})
    said = batch("undo", "--yes")
    assert (said.code, "of the remote has commits of somebody else" in flat(said.out)) == (5, True)
    assert (refs(remote)[BRANCH], BRANCH in refs(place / "shop")) == (mine, True)


@pytest.mark.heavy
def test_what_is_pushed_to_one_place_is_told_and_pushed_once(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "srv/shop.git")
    for name in ("one", "two"):
        git(place, "clone", "-q", remote, place / name)
    bare(place / "other.git")
    said = batch("plan", ".", f"file://{remote}")
    assert said.code == 0
    told = f"sources/two and srv/shop are the same repository as sources/one, pushed to {remote};"
    assert flat(said.out).count(told) == 1
    assert batch("apply", "--yes", "--only", "pending", "--limit", "1", "--push").code == 0
    said = batch("apply", "--yes", "--push")
    assert "sources/two: nothing to do: the same repository as sources/one" in flat(batch("status").out)
    assert [name for name in ("one", "two") if BRANCH in refs(place / name)] == ["one"]
    assert "sources/other: failed: it has no remote" in flat(said.out)
    assert "1 repository left" in flat(said.out)
    assert git(remote, "rev-list", "--count", f"main..{BRANCH}") == "1\n"
    batch("undo", "--yes")
    assert batch("plan", place / "two", "--reset").code == 0
    assert batch("apply", "--yes", "--push").code == 0
    assert files_of(remote, BRANCH) == after(SHOP)


@pytest.mark.heavy
def test_clones_that_are_not_pushed_are_each_upgraded(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "shop.git")
    for name in ("one", "two"):
        git(place, "clone", "-q", remote, place / name)
    batch("plan", ".")
    assert batch("apply", "--yes").code == 0
    assert all(BRANCH in refs(place / name) for name in ("one", "two"))


@pytest.mark.parametrize(
    ("urls", "same"),
    [
        (("https://ada:pw@git.example.com/acme/shop.git", "git@git.example.com:acme/shop"), True),
        (("https://git.example.com/acme/shop", "https://git.example.com/acme/ledger"), False),
        (("{there}", "file://{there}"), True),
        (("{there}/.git", "{there}"), True),
        (("{there}", "../there"), True),
        (("{there}", ""), False),
        (("ext::sh -c x", "ext::sh -c x"), False),
    ],
)
def test_the_same_remote_in_other_words(urls: tuple[str, str], same: bool, place: Path) -> None:
    there = working(place / "there")
    found = []
    for name, url in zip(("one", "two"), urls, strict=True):
        folder = working(place / name)
        if url:
            git(folder, "remote", "add", "origin", url.format(there=there))
        found.append(pushed_to(opened_repository(folder)))
    assert (found[0] == found[1] != "") == same
    assert "pw" not in found[0]
    assert pushed_to(opened_repository(there)) == str(there)


DECLINES = "#!/bin/sh\necho 'branches of this name are not taken'; exit 1\n"


@pytest.mark.heavy
@pytest.mark.parametrize("by_url", [False, True])
@pytest.mark.parametrize("why", ["a rule of the server", "a branch of a person", "gone since"])
def test_what_was_not_let_to_be_pushed_is_taken_back(
    why: str, by_url: bool, place: Path, tmp_path: Path
) -> None:
    remote = bare(tmp_path / "srv/shop.git")
    git(place, "clone", "-q", remote, place / "shop")
    batch("plan", f"file://{remote}" if by_url else place / "shop")
    if why == "a branch of a person":
        git(remote, "branch", BRANCH, "main")
        mine = commit_to(remote, BRANCH, {"mine": b"1"})
    else:
        (remote / "hooks").mkdir(exist_ok=True)
        (remote / "hooks/pre-receive").write_text(DECLINES)
        (remote / "hooks/pre-receive").chmod(0o755)
    assert batch("apply", "--yes", "--push").code == 5
    if why == "gone since":
        shutil.rmtree(remote)
    said = batch("undo", "--yes")
    assert said.code == 0, said.out
    assert set(refs(place / "shop")) == {"main"}
    assert not any(row.has_branch for row in rows().values())
    if why == "a branch of a person":
        assert refs(remote)[BRANCH] == mine


@pytest.mark.heavy
def test_directly_on_the_default_branch(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "srv" / "shop.git")
    harvest = bare(place / "harvest.git", HARVEST)
    working(place / "shop")
    batch("plan", ".", f"file://{remote}")
    said = batch("apply", "--yes", "--direct", "--push")
    assert "sources/harvest: failed: it has no remote" in flat(said.out)
    assert files_of(remote, "main") == after(SHOP)
    said = batch("apply", "--yes", "--reset", "--direct")
    assert "sources/shop: failed: main is checked out" in flat(said.out)
    assert files_of(harvest, "main") == after(HARVEST)
    assert set(refs(remote)) == set(refs(harvest)) == {"main"}
    assert rows()["harvest.git"].stage is Stage.COMMITTED
    # A later plan that forgets --direct; the default branch is not deleted for that.
    batch("plan", ".", f"file://{remote}", "--reset")
    said = batch("undo", "--yes")
    assert (said.code, "revert that commit there" in flat(said.out)) == (5, True)
    assert set(refs(remote)) == set(refs(harvest)) == {"main"}
    assert files_of(harvest, "main") == after(HARVEST)


def test_templates_of_branch_and_message(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".", "--campaign", "spring", "--to", "2.9")
    asked = ("--branch", "ops/{campaign}-{name}-{to}", "--message", "{name}: on to {to}, by {campaign}")
    assert batch("apply", "--yes", "--campaign", "spring", *asked).code == 0
    assert set(refs(shop)) == {"main", "ops/spring-sources-shop-2.9"}
    subject = git(shop, "log", "-1", "--format=%s", "ops/spring-sources-shop-2.9")
    assert subject == "sources/shop: on to Kamal 2.9, by spring\n"


def test_a_brace_alone_is_no_template(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    assert batch("apply", "--yes", "--branch", "{name").code == 0
    assert set(refs(shop)) == {"main", "{name"}


@pytest.mark.parametrize("branch", ["main", "a b", "-x"])
def test_branches_that_cannot_be(branch: str, place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    said = batch("apply", "--yes", "--branch", branch)
    assert said.code == 5
    assert set(refs(shop)) == {"main"}


def made_in(folder: Path) -> list[str]:
    """The repositories that have a branch of the campaign."""
    return sorted(path.stem for path in folder.iterdir() if BRANCH in refs(path))


def test_portions(place: Path) -> None:
    for name in ("a", "b", "c"):
        bare(place / f"{name}.git")
    bare(place / "hands.git", LEDGER)
    bare(place / "broken.git", SHOP, BROKEN)
    said = batch("plan", ".", "--limit", "2")
    assert said.code == 0
    assert "3 waiting" in flat(said.out)
    assert "Go on: kamal-migrate batch resume" in flat(said.out)
    assert batch("resume").code == 5
    said = batch("apply", "--yes", "--only", "pending", "--wave", "1")
    assert made_in(place) == ["a"]
    assert "Go on with the next 1: kamal-migrate batch resume" in flat(said.out)
    batch("apply", "--yes", "--only", "needs-hands")
    assert made_in(place) == ["a", "hands"]
    assert batch("apply", "--yes", "--only", "failed").code == 5
    assert made_in(place) == ["a", "hands"]
    assert batch("apply", "--yes", "--limit", "1", "--only", "pending").code == 5
    assert batch("resume", "--yes").code == 5
    assert made_in(place) == ["a", "b", "c", "hands"]


def test_waves_go_on_with_what_failed_last(place: Path) -> None:
    bare(place / "a.git", SHOP, BROKEN)
    for name in ("b", "c", "d"):
        bare(place / f"{name}.git")
    bare(place / "hands.git", LEDGER)
    batch("plan", ".")
    said = batch("apply", "--yes", "--wave", "2", "--message", "Waving")
    assert made_in(place) == ["b", "c"]
    assert flat(said.out).endswith("3 repositories left. Go on with the next 2: kamal-migrate batch resume")
    said = batch("resume", "--yes")
    assert made_in(place) == ["b", "c", "d", "hands"]
    assert git(place / "d.git", "log", "-1", "--format=%s", BRANCH) == "Waving\n"
    assert flat(said.out).endswith("1 repository left. Go on: kamal-migrate batch resume")


def test_a_wave_of_some_goes_on_with_these(place: Path) -> None:
    for name in ("a", "b", "c"):
        bare(place / f"{name}.git", LEDGER if name != "a" else SHOP)
    batch("plan", ".")
    batch("apply", "--yes", "--wave", "1", "--only", "needs-hands")
    assert made_in(place) == ["b"]
    said = batch("resume", "--yes")
    assert made_in(place) == ["b", "c"]
    assert flat(said.out).endswith("1 repository left. Go on: kamal-migrate batch apply")
    batch("apply", "--yes")
    assert made_in(place) == ["a", "b", "c"]


def test_what_was_said_once_holds_until_something_else_is_said(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "srv" / "shop.git")
    asked = ("--to", "2.4", "--select", "builder", "--select", "legacy-keys")
    assert "As said before" not in batch("plan", f"file://{remote}", *asked).out
    batch("apply", "--yes", "--branch", "ops", "--message", "On to {to}")
    said = batch("plan", "--to", "2.9")
    held = "As said before: --select builder --select legacy-keys; --reset forgets that."
    assert flat(said.out).startswith(held)
    assert "As said before" not in batch("plan", "--quiet").out
    said = batch("apply", "--yes", "--push")
    assert flat(said.out).startswith("As said before: --branch ops --message On to {to}; --reset")
    assert git(remote, "log", "-1", "--format=%s", "ops") == "On to Kamal 2.9\n"
    batch("undo", "--yes")
    assert "As said before" not in batch("plan", "--reset").out
    batch("apply", "--yes", "--push")
    assert set(refs(remote)) == {"main", BRANCH}


@pytest.mark.heavy
def test_a_campaign_has_one_branch_in_a_repository(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    batch("apply", "--yes", "--branch", "one")
    commit_to(shop, "main", {CONFIG: (before(SHOP) / CONFIG).read_bytes() + b"# more\n"})
    batch("plan", ".")
    said = batch("apply", "--yes", "--branch", "two")
    assert (said.code, "made branch `one` here before; take that back" in flat(said.out)) == (5, True)
    assert batch("undo", "--yes").code == 0
    assert set(refs(shop)) == {"main"}
    assert batch("apply", "--yes").code == 0
    assert set(refs(shop)) == {"main", "two"}


def test_in_place_and_commits_take_turns(place: Path) -> None:
    shop = working(place / "shop")
    batch("plan", ".", "--in-place")
    assert batch("apply", "--yes").code == 0
    assert (shop / CONFIG).read_bytes() == after(SHOP)[CONFIG]
    batch("undo", "--yes")
    assert batch("apply", "--yes", "--branch", "ops").code == 0
    assert set(refs(shop)) == {"main", "ops"}
    assert git(shop, "status", "--porcelain") == ""


def test_what_is_left_for_hands_alone_is_no_failure(place: Path) -> None:
    shop = bare(place / "hands.git", EXPLICIT, {CONFIG: f"{KAMAL_2}{UNKNOWN}".encode()})
    said = batch("plan", ".")
    assert (said.code, "1 repository: 1 needs hands only" in flat(said.out)) == (3, True)
    assert "Do it" not in said.out
    said = batch("apply", "--yes")
    assert (said.code, "nothing to do that is not done" in flat(said.out)) == (3, True)
    assert set(refs(shop)) == {"main"}


def test_a_host_that_does_not_fit_is_left_for_hands(place: Path) -> None:
    bare(place / "shop.git", EXPLICIT, {CONFIG: KAMAL_2.encode()})
    for arch, outcome in (("amd64", Outcome.NOTHING), ("arm64", Outcome.HANDS)):
        (place / "hosts.yml").write_text(f"192.0.2.1: {arch}\n")
        said = batch("plan", "shop.git", "--inventory", "hosts.yml")
        assert rows()["shop.git"].outcome is outcome
        assert said.code == (3 if outcome is Outcome.HANDS else 0)
    [entry] = json.loads(batch("report", "--format", "json").out)["repositories"]
    assert (entry["outcome"], entry["report"]["exit_code"]) == ("needs hands", 3)


@pytest.mark.heavy
def test_nothing_more_is_begun_after_so_many_failures(place: Path) -> None:
    for number in range(8):
        bare(place / f"{number}.git", SHOP, BROKEN)
    bare(place / "last.git")
    said = batch("plan", ".", "--stop-after", "1", "--jobs", "1")
    assert said.code == 5
    assert rows()["last.git"].stage is Stage.WAITING
    assert batch("resume").code == 5
    assert rows()["last.git"].outcome is Outcome.MIGRATED


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply",),
        ("undo",),
        ("apply", "--yes", "--in-place", "--push"),
        ("apply", "--yes", "--only", "some"),
        ("apply", "--yes", "--limit", "-1"),
        ("apply", "--yes", "--jobs", "0"),
        ("plan", "nowhere"),
        ("plan", ".", "--arch", "vax"),
        ("plan", ".", "--campaign", "../x"),
        ("apply", "--yes", "--campaign", "other"),
        ("plan", ".", "--codemods", "nowhere"),
        ("plan", ".", "--select", "nobody"),
        ("plan", ".", "--inventory", "nowhere"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(arguments: tuple[str, ...], place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    if arguments == ("undo",):
        batch("apply", "--yes")
    kept = refs(shop)
    said = batch(*arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1), said
    assert refs(shop) == kept


def test_a_question_is_asked_once(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    said = on_terminal("n\n", "batch", "apply", "--color", "never")
    assert said.code == 0
    assert said.out.count(f"Commit on {BRANCH} in 1 repository? [y/N]") == 1
    assert said.out.endswith("Nothing written.\n")
    assert set(refs(shop)) == {"main"}
    assert on_terminal("y\n", "batch", "apply").code == 0
    assert set(refs(shop)) == {"main", BRANCH}


def test_a_branch_of_a_person_is_left_alone(place: Path) -> None:
    shop = bare(place / "shop.git")
    git(shop, "branch", BRANCH, "main")
    mine = commit_to(shop, BRANCH, {"mine": b"1"})
    batch("plan", ".")
    said = batch("apply", "--yes")
    assert said.code == 5
    assert f"branch `{BRANCH}` has commits that are not this campaign's; it is left" in flat(said.out)
    assert refs(shop)[BRANCH] == mine
    git(shop, "branch", "-D", BRANCH)
    assert batch("resume", "--yes").code == 0
    assert files_of(shop, BRANCH) == after(SHOP)


def test_what_a_person_added_to_is_neither_replaced_nor_deleted(place: Path, tmp_path: Path) -> None:
    remote = bare(tmp_path / "shop.git")
    url = f"file://{remote}"
    batch("plan", url)
    batch("apply", "--yes", "--push")
    mine = commit_to(remote, BRANCH, {"mine": b"1"})
    commit_to(remote, "main", {CONFIG: (before(SHOP) / CONFIG).read_bytes() + b"# more\n"})
    assert batch("plan", url).code == 0
    said = batch("apply", "--yes", "--push")
    assert (said.code, "has commits that are not this campaign's" in flat(said.out)) == (5, True)
    said = batch("undo", "--yes")
    assert (said.code, "has commits of somebody else; it is left alone" in flat(said.out)) == (5, True)
    assert refs(remote)[BRANCH] == mine


def test_undo_tells_only_of_what_it_takes_back(place: Path) -> None:
    bare(place / "shop.git")
    bare(place / "broken.git", SHOP, BROKEN)
    batch("plan", ".")
    assert batch("apply", "--yes").code == 5
    said = batch("undo", "--yes", "-q")
    assert (said.code, "sources/broken" in said.out) == (0, False)
    assert "1 failed" in flat(said.out)


@pytest.mark.heavy
def test_our_branch_follows_its_base(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    batch("apply", "--yes")
    first = refs(shop)[BRANCH]
    moved = commit_to(shop, "main", {CONFIG: (before(SHOP) / CONFIG).read_bytes() + b"# more\n"})
    assert batch("plan", ".").code == 0
    assert batch("apply", "--yes").code == 0
    assert refs(shop)[BRANCH] != first
    assert git(shop, "rev-parse", f"{BRANCH}^").strip() == moved
    assert files_of(shop, BRANCH)[CONFIG] == after(SHOP)[CONFIG] + b"# more\n"
    assert batch("undo", "--yes").code == 0
    assert set(refs(shop)) == {"main"}


def test_what_changed_since_the_plan_is_planned_anew(place: Path) -> None:
    shop = bare(place / "shop.git")
    ledger = bare(place / "ledger.git", LEDGER)
    batch("plan", ".")
    commit_to(shop, "main", {CONFIG: (before(SHOP) / CONFIG).read_bytes() + b"# more\n"})
    commit_to(ledger, "main", {CONFIG: BROKEN[CONFIG]})
    said = batch("apply", "--yes")
    assert said.code == 5
    assert files_of(shop, BRANCH)[CONFIG] == after(SHOP)[CONFIG] + b"# more\n"
    assert "sources/ledger: failed: config/deploy.yml:" in flat(said.out)
    assert set(refs(ledger)) == {"main"}


def test_a_branch_that_was_merged_is_still_taken_back(place: Path) -> None:
    shop = bare(place / "shop.git")
    batch("plan", ".")
    batch("apply", "--yes")
    git(shop, "update-ref", "refs/heads/main", BRANCH)
    assert batch("plan", ".").code == 0
    assert rows()["shop.git"].outcome is Outcome.NOTHING
    assert batch("undo", "--yes").code == 0
    assert set(refs(shop)) == {"main"}


@pytest.mark.heavy
def test_settings_in_a_repository_and_beside_the_sources(place: Path) -> None:
    bare(place / "own.git", LEDGER, {"kamal-migrate.toml": b'to = "2.4"\n'})
    bare(place / "ledger.git", LEDGER)
    (place / "kamal-migrate.toml").write_text('to = "2.7"\n')
    batch("plan", ".", "--arch", "arm64")
    batch("apply", "--yes", "--branch", "to-{to}")
    assert "to-2.4" in refs(place / "own.git")
    assert "to-2.7" in refs(place / "ledger.git")
    assert b"arch: arm64" in files_of(place / "ledger.git", "to-2.7")[CONFIG]


def test_the_answer_for_all_is_offered_until_it_is_given(place: Path) -> None:
    files = {CONFIG: HEAD + "builder: {multiarch: false}\n", "Dockerfile": "FROM scratch\n"}
    git(make_app(place / "shop", "", files), "init", "-q")
    campaigns.add(place / "shop", {})
    said = batch("plan", ".")
    assert said.code == 3
    assert "batch plan --arch amd64" in flat(said.out)
    assert rows()["shop"].arch
    said = batch("plan", "--arch", "amd64")
    assert "answer for all" not in flat(said.out)
    assert not rows()["shop"].arch


def test_dry_run_is_a_plan(place: Path) -> None:
    bare(place / "shop.git")
    said = batch("--dry-run", ".")
    assert (said.code, "1 to migrate" in flat(said.out)) == (0, True)
    assert set(refs(place / "shop.git")) == {"main"}


def test_status(place: Path) -> None:
    assert "no campaign yet" in batch("status").out
    bare(place / "shop.git")
    batch("plan", ".", "--campaign", "spring")
    batch("plan", ".", "--campaign", "autumn")
    batch("apply", "--yes", "--campaign", "autumn")
    said = batch("status").out
    assert said.splitlines() == [
        "autumn",
        "1 repository: 1 migrated",
        "spring",
        "1 repository: 1 to migrate",
    ]
    assert f"committed on {BRANCH[:14]}autumn" in batch("status", "--campaign", "autumn").out


def test_how_far_a_run_is_can_be_looked_at_meanwhile(place: Path) -> None:
    for name in ("one", "two"):
        bare(place / f"{name}.git")
    batch("plan", ".")
    with campaigns.state() as state:
        state.update(replace(state.rows()[0], stage=Stage.COMMITTED, branch=BRANCH, made="1" * 40))
        said = batch("status")
        assert (said.code, f"sources/one  migrated       committed on {BRANCH}" in said.out) == (0, True)
        assert f"process {os.getpid()} is at it now" in said.out
        assert "1 to migrate, 1 migrated" in batch("report").out
        assert "in use by process" in batch("apply", "--yes").err
    assert "is at it now" not in batch("status").out


def test_a_campaign_that_cannot_be_read_hides_no_other(place: Path) -> None:
    bare(place / "shop.git")
    batch("plan", ".", "--campaign", "spring")
    (state_folder() / "odd.sqlite").write_bytes(b"something else" * 100)
    said = batch("status")
    assert "spring\n1 repository: 1 to migrate\n" in said.out
    assert (said.code, "odd.sqlite: cannot be used: file is not a database" in said.err) == (2, True)


def test_include_and_exclude(place: Path) -> None:
    for name in ("web-a", "web-b", "api"):
        bare(place / f"{name}.git")
    batch("plan", ".", "--include", "web-*", "--exclude", "*-b")
    assert list(rows()) == ["web-a.git"]
    batch("plan", ".", "--include", "api")
    assert list(rows()) == ["api.git"]
    batch("apply", "--yes")
    batch("plan", ".", "--include", "web-*")
    assert sorted(rows()) == ["api.git", "web-a.git", "web-b.git"]
    said = batch("plan", ".", "--include", "wbe-*")
    assert (said.code, said.err) == (2, "--include and --exclude leave none of the 3 sources\n")


OWN = '''"""Say something of every app."""

from kamal_migrate.api import Codemod, Finding, Safety

CODEMOD = Codemod("Say something of every app")


def decide(view, options):
    yield Finding("own/said", ("service",), "WORDS", Safety.MANUAL)
'''


@pytest.mark.heavy
def test_own_codemods_that_changed_are_asked_again(place: Path) -> None:
    bare(place / "explicit.git", EXPLICIT)
    own = place.parent / "own"
    own.mkdir()
    said = []
    for words in ("one", "two"):
        (own / "own.py").write_text(OWN.replace("WORDS", words))
        run = subprocess.run(
            [*PROCESS, "plan", ".", "--codemods", own], check=False, stdout=subprocess.DEVNULL
        )
        assert run.returncode == 3
        with campaigns.state() as state:
            [row] = state.rows()
            said.append([finding["message"] for finding in state.report(row.source)["findings"]])
    assert said == [["one"], ["two"]]


PROCESS = [sys.executable, "-m", "kamal_migrate", "batch"]


def test_ctrl_c_ends_in_order_and_is_gone_on_with(place: Path) -> None:
    for number in range(6):
        bare(place / f"{number}.git")
    arguments = [*PROCESS, "plan", ".", "--jobs", "1", "--campaign", "spring"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        assert run.stdout.readline().startswith("[1/6] ")
        run.send_signal(signal.SIGINT)
        said = run.stdout.read()
    assert run.returncode == 130
    assert said.endswith("Go on: kamal-migrate batch resume --campaign spring\n")
    assert batch("resume", "--campaign", "spring").code == 0
    assert {row.outcome for row in rows("spring").values()} == {Outcome.MIGRATED}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("signals", "code"),
    [([signal.SIGTERM], 143), ([signal.SIGHUP], 129), ([signal.SIGINT, signal.SIGINT], 130)],
)
def test_what_ends_us_at_once_ends_git_too_and_is_gone_on_with(
    signals: list[signal.Signals], code: int, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = bare(tmp_path / "shop.git")
    with monkeypatch.context() as patch:
        fake(tmp_path / "bin", hanging("fetch", "before", tmp_path / "pid"), patch)
        arguments = [*PROCESS, "plan", f"file://{remote}"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            hung = waited(tmp_path / "pid", run)
            assert run.stderr
            for number in signals[:-1]:
                run.send_signal(number)
                assert run.stderr.readline().endswith(b"Ctrl-C again stops at once.\n")
            run.send_signal(signals[-1])
            said, _ = run.communicate(timeout=30)
    assert (run.returncode, hung is not None and ended(hung)) == (code, True)
    assert said.endswith(b"Stopped; what was done is kept.\nGo on: kamal-migrate batch resume\n")
    assert rows()["shop.git"].stage is Stage.WAITING
    assert batch("resume").code == 0


SLOW = '''"""Takes its time."""

import os
import time
from pathlib import Path

from kamal_migrate.api import Codemod

CODEMOD = Codemod("Takes its time")


def decide(view, options):
    begun = Path(__file__).parent / "begun"
    begun.with_suffix(".new").write_text(str(os.getpid()))
    begun.with_suffix(".new").rename(begun)
    time.sleep(100)
    return iter(())
'''


@pytest.mark.heavy
def test_what_ends_us_at_once_ends_what_plans(place: Path, tmp_path: Path) -> None:
    bare(place / "shop.git")
    own = tmp_path / "own"
    own.mkdir()
    (own / "slow.py").write_text(SLOW)
    arguments = [*PROCESS, "plan", ".", "--codemods", str(own)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as run:
        worker = waited(own / "begun", run)
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=30)
    assert (run.returncode, worker is not None and ended(worker)) == (143, True)
    assert b"Traceback" not in said
    assert rows()["shop.git"].stage is Stage.WAITING


def test_a_line_for_each_in_a_pipe_and_a_bar_on_a_terminal(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        bare(place / f"{name}.git")
    said = batch("plan", ".").out
    assert sorted(re.findall(r"^\[\d/2\] sources/(?:one|two): to migrate$", said, re.MULTILINE))[
        0
    ].startswith("[1/2]")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*PROCESS, "plan", ".", "--color", "never"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    pieces = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        pieces += piece
    assert process.wait() == 0
    os.close(ours)
    shown = pieces.decode()
    assert "2/2" in shown
    assert re.search(r"2/2.* sources/(one|two)\s+2 to migrate", shown)
    assert "[1/2]" not in shown
    assert "2 repositories: 2 to migrate" in shown


def test_names_that_are_no_utf_8(place: Path) -> None:
    name = os.fsdecode(b"sh\xffp.git")
    shop = bare(place / name, SHOP, {os.fsdecode(b"config/deploy.l\xe9.yml"): b"env: {clear: {A: b}}\n"})
    assert batch("plan", ".").code in (0, 3)
    assert batch("apply", "--yes").code in (0, 3)
    assert refs(shop)[BRANCH]
    assert batch("undo", "--yes").code == 0
    assert set(refs(shop)) == {"main"}


SSH = """#!/bin/sh
# Stands for ssh: the forge is a folder of this machine.
shift
case "$1" in -*) shift;; esac
cd {srv} && eval "exec $*"
"""


def test_the_readme_is_followed_from_nothing_to_pushed_branches(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    srv = tmp_path / "srv"
    srv.mkdir()
    ssh.write_text(SSH.format(srv=srv))
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    remotes = [
        bare(srv / "acme" / "shop.git"),
        bare(srv / "ledger.git", LEDGER),
        bare(srv / "api.git", HARVEST),
    ]
    clones = tmp_path / "home" / "src" / "acme"
    clones.mkdir(parents=True)
    git(clones, "clone", "-q", remotes[1], clones / "ledger")
    (place / "repositories.txt").write_text(f"file://{remotes[2]}\n")
    section = README.read_text().split("## Many repositories\n")[1].split("\n## ")[0]
    commands = [line.split()[1:] for line in section.splitlines() if line.startswith("    kamal-migrate ")]
    assert [words[1] for words in commands] == ["plan", "report", "apply"]
    said = [on_terminal("y\n", *map(os.path.expanduser, words)) for words in commands]
    assert [one.code for one in said] == [3, 0, 3], said
    assert (place / "kamal-migrate-upgrade.html").stat().st_size > 10_000
    for remote in remotes:
        assert BRANCH in refs(remote)
    assert "https://github.com/acme/shop/compare/main...kamal-migrate/upgrade?expand=1" in said[-1].out
