"""Copies of repositories over file, http and ssh, and pushing to them: real servers, real git."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kamal_migrate.batch.branches import is_ours, with_trailer
from kamal_migrate.batch.calling import GitError, GitTimeout, NoCommit
from kamal_migrate.batch.fetching import copied, copy_name, fetch_branch, fetch_files, fetched
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.pushing import PushOutcome, Target, delete_remote_branch, push, remote_branch, target
from kamal_migrate.batch.repository import Repository, opened
from kamal_migrate.batch.snapshot import Snapshot
from kamal_migrate.batch.writing import commit
from tests.commanding import commit as committed
from tests.commanding import git, make_app
from tests.repositories import ended, fake, hanging, user, waited
from tests.servers import Http, http, silent, ssh

__all__ = ["user"]
pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("user")]
CONFIG, OTHER, BRANCH, SECONDS = "config/deploy.yml", "README.md", "kamal-migrate/spring", 60
MESSAGE = with_trailer("Upgrade", "spring")


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A repository that servers hand out, with a second commit on its default branch."""
    folder = tmp_path / "served" / "acme" / "shop.git"
    work = committed(make_app(tmp_path / "work", b"service: shop\n", {OTHER: "Shop\n", "app/x.rb": "x\n"}))
    (work / OTHER).write_text("Shop!\n")
    git(work, "commit", "-q", "-am", "more")
    git(work, "branch", "-m", "trunk")
    git(work, "branch", "release")
    git(tmp_path, "clone", "-q", "--bare", work, folder)
    for name in ("uploadpack.allowFilter", "http.receivepack", "uploadpack.allowAnySHA1InWant"):
        git(folder, "config", name, "true")
    return folder


@pytest.fixture(params=["file", "http", "ssh"])
def url(request: pytest.FixtureRequest, served: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of that repository over one of the ways that git talks."""
    root = served.parents[1]
    if request.param == "file":
        yield f"file://{served}"
    elif request.param == "http":
        with http(root) as server:
            yield f"{server.url}/acme/shop.git"
    else:
        with ssh(root.parent / "sshd") as server:
            monkeypatch.setenv("GIT_SSH_COMMAND", server.command)
            yield f"{server.url}{served}"


@pytest.fixture
def copy(served: Path, tmp_path: Path) -> Repository:
    return fetched(f"file://{served}", tmp_path / "copies" / "shop.git", SECONDS)


def missing_in(folder: Path) -> set[str]:
    """The objects that a copy knows of and has not, by git's own account."""
    told = git(folder, "rev-list", "--objects", "--all", "--missing=print", GIT_NO_LAZY_FETCH="1")
    return {line[1:] for line in told.split() if line.startswith("?")}


def state(folder: Path) -> dict[str, str]:
    """What two copies must have in common to be the same."""
    return {
        "head": (folder / "HEAD").read_text(),
        "refs": git(folder, "for-each-ref"),
        "shallow": (folder / "shallow").read_text(),
        "missing": "\n".join(sorted(missing_in(folder))),
    }


def more(served: Path, path: str = OTHER, branch: str = "trunk") -> str:
    """Another commit on a branch of the served repository, by somebody else."""
    folder = served.parent / "human"
    if not folder.exists():
        git(served.parent, "clone", "-q", served, folder)
    git(folder, "fetch", "-q", "origin")
    git(folder, "checkout", "-q", "-B", branch, f"origin/{branch}")
    (folder / path).write_text((folder / path).read_text() + "more\n")
    git(folder, "commit", "-q", "-am", "by hand")
    git(folder, "push", "-q", "origin", branch)
    return git(folder, "rev-parse", "HEAD").strip()


def upgrade(copy: Repository, data: bytes = b"service: new\n", expected: str | None = None) -> str:
    with Objects(copy) as read:
        return commit(read, read.head().commit, {CONFIG: data}, {}, MESSAGE, BRANCH, expected)


# Copies


def test_a_copy_from_plan_to_push(url: str, served: Path, tmp_path: Path) -> None:
    top = git(served, "rev-parse", "trunk").strip()
    copy = fetched(url, tmp_path / "copies" / copy_name(url), SECONDS)
    assert copy.name == "acme/shop"
    with Objects(copy) as read:
        assert read.head() == ("trunk", top)
        entries = read.entries(top)
        names = {entry.object for entry in entries.values()}
        assert set(read.missing(names)) == missing_in(copy.git_dir) == names
        fetch_files(read, [entries[CONFIG].object], SECONDS)
        assert Snapshot("shop", entries, read.blob).bytes(CONFIG) == b"service: shop\n"
        assert set(read.missing(names)) == names - {entries[CONFIG].object}
    assert (copy.git_dir / "shallow").read_text() == f"{top}\n"
    made = upgrade(copy)
    assert remote_branch(copy, BRANCH, SECONDS) is None
    assert push(copy, BRANCH, made, None, SECONDS).outcome is PushOutcome.PUSHED
    assert push(copy, BRANCH, made, None, SECONDS).outcome is PushOutcome.UP_TO_DATE
    assert remote_branch(copy, BRANCH, SECONDS) == made == git(served, "rev-parse", BRANCH).strip()
    assert missing_in(copy.git_dir) == names - {entries[CONFIG].object}
    assert git(served, "show", f"{BRANCH}:{CONFIG}") == "service: new\n"
    git(served, "fsck", "--strict")
    second = upgrade(copy, b"service: newer\n", made)
    assert push(copy, BRANCH, second, made, SECONDS).outcome is PushOutcome.PUSHED
    assert delete_remote_branch(copy, BRANCH, made, SECONDS).outcome is PushOutcome.MOVED
    assert delete_remote_branch(copy, BRANCH, second, SECONDS).outcome is PushOutcome.PUSHED
    assert remote_branch(copy, BRANCH, SECONDS) is None


def test_a_copy_is_brought_up_to_date(url: str, served: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies" / "shop.git"
    copy = fetched(url, folder, SECONDS)
    made = upgrade_with(copy)
    before = state(folder)
    assert fetched(url, folder, SECONDS) == copied(url, folder) == copy
    assert state(folder) == before
    top = more(served)
    fetched(url, folder, SECONDS)
    with Objects(copy) as read:
        assert read.head() == ("trunk", top)
        assert read.branch(BRANCH) == made
        assert is_ours(read, BRANCH, [git(served, "rev-parse", "trunk^").strip()], "spring")
        assert not is_ours(read, BRANCH, [], "spring", recorded=[made])
    git(served, "symbolic-ref", "HEAD", "refs/heads/release")
    fetched(url, folder, SECONDS)
    with Objects(copy) as read:
        assert read.head() == ("release", git(served, "rev-parse", "release").strip())


def upgrade_with(copy: Repository) -> str:
    """Commit as a campaign does that read the config before."""
    with Objects(copy) as read:
        fetch_files(read, [read.entries(read.head().commit)[CONFIG].object], SECONDS)
    return upgrade(copy)


def test_all_missing_files_come_at_once(served: Path, tmp_path: Path) -> None:
    with http(served.parents[1]) as server:
        copy = fetched(f"{server.url}/acme/shop.git", tmp_path / "copy", SECONDS)
        server.asked.clear()
        with Objects(copy) as read:
            entries = read.entries(read.head().commit)
            names = [entry.object for entry in entries.values()]
            fetch_files(read, names, SECONDS)
            assert len(read.blobs(names)) == 3
            asked = len(server.asked)
            fetch_files(read, names, SECONDS)
        assert len(server.asked) == asked
        assert sum("POST" in line for line in server.asked) <= 2
        upgrade(copy)
        assert len(server.asked) == asked


@pytest.mark.parametrize("setting", ["uploadpack.allowFilter", "uploadpackfilter.allow"])
def test_a_server_that_filters_nothing(setting: str, served: Path, tmp_path: Path) -> None:
    git(served, "config", setting, "false")
    copy = fetched(f"file://{served}", tmp_path / "copy", SECONDS)
    assert missing_in(copy.git_dir) == set()
    assert git(copy.git_dir, "rev-list", "--count", "HEAD") == "1\n"
    assert push(copy, BRANCH, upgrade(copy), None, SECONDS).outcome is PushOutcome.PUSHED


def test_a_named_branch(served: Path, tmp_path: Path) -> None:
    copy = fetched(f"file://{served}", tmp_path / "copy", SECONDS, branch="release")
    with Objects(copy) as read:
        assert read.head().branch == "release"
        assert read.branch("trunk") is None
    with pytest.raises(GitError, match="acme/shop: the repository has no branch none"):
        fetched(f"file://{served}", tmp_path / "another", SECONDS, branch="none")
    assert [path.name for path in tmp_path.iterdir() if "another" in path.name] == []


def test_a_branch_of_ours_that_another_copy_pushed(copy: Repository, served: Path, tmp_path: Path) -> None:
    made = upgrade(copy)
    push(copy, BRANCH, made, None, SECONDS)
    other = fetched(f"file://{served}", tmp_path / "other", SECONDS)
    fetch_branch(other, BRANCH, SECONDS)
    with Objects(other) as read:
        assert read.branch(BRANCH) == made
        assert is_ours(read, BRANCH, [read.head().commit], "spring")
        assert upgrade(other) == made
    more(served, CONFIG, BRANCH)
    fetch_branch(other, BRANCH, SECONDS)
    with Objects(other) as read:
        assert not is_ours(read, BRANCH, [read.head().commit], "spring", recorded=[made])


def test_a_repository_of_sha256_is_copied(tmp_path: Path) -> None:
    folder = make_app(tmp_path / "new")
    git(folder, "init", "-q", "-b", "main", "--object-format=sha256")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    copy = fetched(f"file://{folder}", tmp_path / "copy", SECONDS)
    assert push(copy, BRANCH, upgrade(copy), None, SECONDS).outcome is PushOutcome.PUSHED


def test_nothing_of_the_url_is_kept(served: Path, tmp_path: Path) -> None:
    with http(served.parents[1], "ada", "hunter2") as server:
        url = f"{server.url}/acme/shop.git".replace("://", "://ada:hunter2@")
        copy = fetched(url, tmp_path / "copies" / "copy", SECONDS)
        assert push(copy, BRANCH, upgrade(copy), None, SECONDS).outcome is PushOutcome.PUSHED
    assert (tmp_path / "copies" / "copy").stat().st_mode & 0o077 == 0
    assert not any(b"hunter2" in path.read_bytes() for path in copy.git_dir.rglob("*") if path.is_file())
    assert "hunter2" not in repr(copy)
    assert copy_name(url) == copy_name(url.replace("ada:hunter2@", ""))


@pytest.mark.parametrize(
    "url", ["--upload-pack=x", "ext::sh -c true", "/srv/shop.git", "ftp://a/b", "http://a\n/b"]
)
def test_addresses_that_are_not_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="this is no https, ssh or file URL"):
        fetched(url, tmp_path / "copy", SECONDS)


def test_an_address_may_not_become_a_file(served: Path, tmp_path: Path, user: Path) -> None:
    """What a URL may be rewritten to by settings is talked to over the network only."""
    with user.open("a") as settings:
        settings.write(f'[url "file://{served}"]\n\tinsteadOf = https://example.com/shop\n')
    with pytest.raises(GitError, match="transport 'file' not allowed"):
        fetched("https://example.com/shop", tmp_path / "copy", SECONDS)


def test_what_is_not_there(served: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        fetched(f"file://{served.parent}/none.git", tmp_path / "copy", SECONDS)
    with http(served.parents[1]) as server, pytest.raises(GitError, match=r"repository '.*' not found"):
        fetched(f"{server.url}/acme/none.git", tmp_path / "copy", SECONDS)
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(NoCommit, match="there is no commit yet"):
        fetched(f"file://{tmp_path}/empty.git", tmp_path / "copy", SECONDS)
    git(served, "symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(GitError, match="no commit on its default branch"):
        fetched(f"file://{served}", tmp_path / "copy", SECONDS)
    assert not (tmp_path / "copy").exists()
    (tmp_path / "copy").mkdir()
    with pytest.raises(GitError, match="this is no copy of a repository; delete it"):
        fetched(f"file://{served}", tmp_path / "copy", SECONDS)


def test_a_partial_clone_of_the_users_own(served: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{served}", "partial.git")
    with Objects(opened(tmp_path / "partial.git")) as read:
        entries = read.entries(read.head().commit)
        with pytest.raises(GitError, match=r"partial: this is a partial clone .*; name its URL instead"):
            read.blobs([entries[CONFIG].object])
    assert len(missing_in(tmp_path / "partial.git")) > len(entries)


# What servers refuse


def test_a_password_is_not_asked_for(served: Path, tmp_path: Path) -> None:
    with (
        http(served.parents[1], "ada", "hunter2") as server,
        pytest.raises(GitError, match="terminal prompts disabled"),
    ):
        fetched(f"{server.url}/acme/shop.git", tmp_path / "copy", SECONDS)


def test_the_users_credentials_are_used(served: Path, tmp_path: Path, user: Path) -> None:
    with user.open("a") as settings:
        settings.write('[credential]\n\thelper = "!f() { echo username=ada; echo password=hunter2; }; f"\n')
    with http(served.parents[1], "ada", "hunter2") as server:
        copy = fetched(f"{server.url}/acme/shop.git", tmp_path / "copy", SECONDS)
        assert push(copy, BRANCH, upgrade(copy), None, SECONDS).outcome is PushOutcome.PUSHED


def test_an_unknown_host_is_not_asked_about(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh(tmp_path / "sshd") as server:
        monkeypatch.setenv("GIT_SSH_COMMAND", server.command)
        server.known_hosts.write_text("")
        with pytest.raises(GitError, match=r"acme/shop: (No ED25519 host key|Host key verification failed)"):
            fetched(f"{server.url}{served}", tmp_path / "copy", SECONDS)


def http_copy(server: Http, folder: Path) -> Repository:
    return fetched(f"{server.url}/acme/shop.git", folder, SECONDS)


def test_pushing_without_permission(served: Path, tmp_path: Path) -> None:
    git(served, "config", "http.receivepack", "false")
    with http(served.parents[1]) as server:
        copy = http_copy(server, tmp_path / "copy")
        pushed = push(copy, BRANCH, upgrade(copy), None, SECONDS)
    assert pushed.outcome is PushOutcome.DENIED
    assert "403" in pushed.reason
    assert push(copy, BRANCH, upgrade(copy), None, SECONDS).outcome is PushOutcome.UNREACHABLE


def test_a_hook_of_the_server_declines(copy: Repository, served: Path) -> None:
    hook = served / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'No branches on \033[31mFridays'\nexit 1\n")
    hook.chmod(0o755)
    pushed = push(copy, BRANCH, upgrade(copy), None, SECONDS)
    assert pushed.outcome is PushOutcome.DECLINED
    assert pushed.reason == r"pre-receive hook declined: No branches on \x1b[31mFridays"


def test_a_link_that_the_server_prints(served: Path, tmp_path: Path) -> None:
    hook = served / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    with http(served.parents[1]) as server:
        links = [
            "https://evil.example/pull/new",
            f"{server.url}/docs",
            f"{server.url}/acme/shop/pull/new/spring",
        ]
        hook.write_text("#!/bin/sh\n" + "".join(f"echo 'Create one:  {link}'\n" for link in links))
        hook.chmod(0o755)
        copy = http_copy(server, tmp_path / "copy")
        pushed = push(copy, BRANCH, upgrade(copy), None, SECONDS)
    assert pushed == (PushOutcome.PUSHED, "", links[2])


def test_commits_of_others_stay(copy: Repository, served: Path) -> None:
    made = upgrade(copy)
    push(copy, BRANCH, made, None, SECONDS)
    human = more(served, CONFIG, BRANCH)
    newer = upgrade(copy, b"newer\n", made)
    for expected in (made, None):
        pushed = push(copy, BRANCH, newer, expected, SECONDS)
        assert pushed == (PushOutcome.MOVED, "stale info", None)
        assert remote_branch(copy, BRANCH, SECONDS) == human
    assert delete_remote_branch(copy, BRANCH, made, SECONDS).outcome is PushOutcome.MOVED
    assert git(served, "rev-parse", BRANCH).strip() == human


def test_deleting_what_is_gone(copy: Repository) -> None:
    pushed = delete_remote_branch(copy, BRANCH, upgrade(copy), SECONDS)
    assert pushed.outcome is PushOutcome.UP_TO_DATE


def test_a_branch_of_that_name_in_another_folder(copy: Repository, served: Path) -> None:
    git(served, "branch", f"other/refs/heads/{BRANCH}", "trunk")
    assert remote_branch(copy, BRANCH, SECONDS) is None


def test_servers_that_never_answer(copy: Repository, tmp_path: Path) -> None:
    made = upgrade(copy)
    with silent() as url:
        with pytest.raises(GitTimeout, match="no answer from git ls-remote after 1 s"):
            fetched(f"{url}/shop.git", tmp_path / "another", 1)
        hanging = Repository(copy.git_dir, copy.folder, copy.name, f"{url}/shop.git")
        with pytest.raises(GitTimeout):
            remote_branch(hanging, BRANCH, 1)
        pushed = push(hanging, BRANCH, made, None, 1)
    assert pushed == (PushOutcome.TIMEOUT, "no answer from git push after 1 s", None)
    assert not (tmp_path / "another").exists()


def test_what_git_started_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ssh"
    script.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 100\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(script))
    with pytest.raises(GitTimeout):
        fetched("git@example.com:acme/shop.git", tmp_path / "copy", 1)
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_program_that_git_leaves_behind_keeps_nobody_waiting(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the master of shared ssh connections does, which holds what git says beside its output open."""
    script = tmp_path / "ssh"
    script.write_text(
        f'#!/bin/sh\nsleep 30 </dev/null >/dev/null & echo $! >{tmp_path}/pid\nshift\nexec sh -c "$1"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(script))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    fetched(f"example.com:{served}", tmp_path / "copy", 20)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


# Repositories of the user's own


def test_a_working_tree_is_pushed_where_its_user_pushes(served: Path, tmp_path: Path) -> None:
    folder, canary = tmp_path / "mine", tmp_path / "canary"
    git(tmp_path, "clone", "-q", served, folder)
    hook = folder / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    hook.chmod(0o755)
    repository = opened(folder)
    assert target(repository) == ("origin", str(served))
    made = upgrade(repository)
    assert push(repository, BRANCH, made, None, SECONDS).outcome is PushOutcome.PUSHED
    assert remote_branch(repository, BRANCH, SECONDS) == made
    assert not canary.exists()
    assert git(folder, "status", "--porcelain") == ""


def test_a_mirror_pushes_one_branch(served: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--mirror", served, "mirror.git")
    repository = opened(tmp_path / "mirror.git")
    git(repository.git_dir, "branch", "private", "trunk")
    assert push(repository, BRANCH, upgrade(repository), None, SECONDS).outcome is PushOutcome.PUSHED
    assert "private" not in git(served, "branch")


@pytest.mark.parametrize(
    ("remotes", "setting", "expected"),
    [
        (["upstream"], None, "upstream"),
        (["upstream", "origin"], None, "origin"),
        (["upstream", "origin"], "upstream", "upstream"),
        (["upstream", "origin"], "gone", "origin"),
        (["a.b", "c"], None, "none of its remotes is `origin`; set remote.pushDefault"),
        ([], None, "it has no remote"),
    ],
)
def test_which_remote(
    remotes: list[str], setting: str | None, expected: str, served: Path, tmp_path: Path
) -> None:
    folder = committed(make_app(tmp_path / "mine"))
    for name in remotes:
        git(folder, "remote", "add", name, served)
    if setting:
        git(folder, "config", "remote.pushDefault", setting)
    try:
        found = target(opened(folder)).name
    except GitError as error:
        found = str(error).removeprefix("mine: ")
    assert found == expected


def test_the_address_to_push_to(served: Path, tmp_path: Path) -> None:
    folder = committed(make_app(tmp_path / "mine"))
    git(folder, "remote", "add", "origin", "gh:acme/shop")
    git(folder, "config", "url.git@github.com:.insteadOf", "gh:")
    assert target(opened(folder)) == Target("origin", "git@github.com:acme/shop")
    git(folder, "config", "remote.origin.pushurl", str(served))
    assert target(opened(folder)) == Target("origin", str(served))


@pytest.mark.parametrize(
    ("setting", "url", "command"),
    [
        ("remote.origin.uploadpack", "/nowhere.git", "ls-remote"),
        ("remote.origin.receivepack", "/nowhere.git", "push"),
        ("core.sshCommand", "ssh://nobody@127.0.0.1:1/nowhere.git", "push"),
        ("core.gitProxy", "git://127.0.0.1:1/nowhere.git", "push"),
        ("credential.helper", "https://127.0.0.1/nowhere.git", ""),
        ("credential.https://127.0.0.1.helper", "https://127.0.0.1/nowhere.git", ""),
        ("http.saveCookies", "https://127.0.0.1/nowhere.git", ""),
        ("gpg.program", "https://127.0.0.1/nowhere.git", ""),
        ("core.askPass", "https://127.0.0.1/nowhere.git", ""),
        ("core.alternateRefsCommand", "https://127.0.0.1/nowhere.git", ""),
    ],
)
def test_a_repository_does_not_choose_what_talks(
    setting: str, url: str, command: str, tmp_path: Path, user: Path
) -> None:
    folder, canary = committed(make_app(tmp_path / "mine")), tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    program.chmod(0o755)
    git(folder, "remote", "add", "origin", url)
    git(folder, "config", "--file", tmp_path / "more", setting, program)
    git(folder, "config", "include.path", tmp_path / "more")
    if command:
        subprocess.run(["git", "-C", folder, command, "origin", "HEAD:refs/heads/x"], capture_output=True)
        assert canary.exists(), "git by itself would have run it"
        canary.unlink()
    repository = opened(folder)
    made = upgrade(repository)
    with pytest.raises(GitError, match=rf"(?i){setting}.*own configuration.*take it out there") as raised:
        remote_branch(repository, BRANCH, SECONDS)
    said = push(repository, BRANCH, made, None, SECONDS)
    assert (said.outcome, said.reason) == (PushOutcome.FAILED, str(raised.value))
    assert not canary.exists()
    git(folder, "config", "--unset", "include.path")
    git(folder, "config", "--file", user, setting, program)
    assert target(repository).url == url


PLACES = {
    "itself": ".",
    "what git keeps of it": "{folder}/.git",
    "a URL of it": "file://{folder}",
    "a repository in it": "./inner.git",
    "over a link of it": "link/inner.git",
    "by another name for it": "/proc/self/cwd/inner.git",
    "as another one": "git@example.com:acme/shop",
}


@pytest.mark.parametrize("url", PLACES.values(), ids=PLACES)
def test_a_repository_is_not_its_own_server(url: str, tmp_path: Path) -> None:
    folder, canary = committed(make_app(tmp_path / "mine")), tmp_path / "canary"
    git(tmp_path, "clone", "-q", "--bare", folder, folder / "inner.git")
    (folder / "link").symlink_to("/proc/self/cwd")
    for hooks in (folder / ".git/hooks", folder / "inner.git/hooks"):
        hooks.mkdir(exist_ok=True)
        (hooks / "pre-receive").write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / "pre-receive").chmod(0o755)
    git(folder, "remote", "add", "origin", url.format(folder=folder))
    git(folder, "config", f"url.{folder}/inner.git.insteadOf", PLACES["as another one"])
    subprocess.run(["git", "-C", folder, "push", "origin", "HEAD:refs/heads/x"], capture_output=True)
    assert canary.exists(), "git by itself would have run it"
    canary.unlink()
    repository = opened(folder)
    said = push(repository, BRANCH, upgrade(repository), None, SECONDS)
    assert said.outcome is PushOutcome.FAILED
    assert re.search(r"^mine: its remote \S+ is in the repository itself.*git remote set-url", said.reason)
    assert not canary.exists()


def test_a_repository_does_not_choose_a_transport_that_runs_programs(tmp_path: Path) -> None:
    folder, canary = committed(make_app(tmp_path / "mine")), tmp_path / "canary"
    git(folder, "remote", "add", "origin", "git@example.com:acme/shop")
    git(folder, "config", "protocol.ext.allow", "always")
    for key in ("insteadOf", "pushInsteadOf"):
        git(folder, "config", f"url.ext::touch {canary} %s.{key}", "git@example.com:acme/shop")
    subprocess.run(["git", "-C", folder, "push", "origin", "HEAD:refs/heads/x"], capture_output=True)
    assert canary.exists(), "git by itself would have run it"
    canary.unlink()
    repository = opened(folder)
    with pytest.raises(GitError, match="transport 'ext' not allowed"):
        remote_branch(repository, BRANCH, SECONDS)
    said = push(repository, BRANCH, upgrade(repository), None, SECONDS)
    assert said.reason == "transport 'ext' not allowed"
    assert not canary.exists()


def test_the_remote_is_asked_where_it_is_pushed_to(served: Path, tmp_path: Path) -> None:
    """As with a URL to read from without logging in, and another one to write to."""
    folder = committed(make_app(tmp_path / "mine"))
    git(folder, "remote", "add", "origin", tmp_path / "nowhere.git")
    git(folder, "remote", "set-url", "--push", "origin", served)
    repository = opened(folder)
    made = upgrade(repository)
    assert push(repository, BRANCH, made, None, SECONDS).outcome is PushOutcome.PUSHED
    assert remote_branch(repository, BRANCH, SECONDS) == made
    assert delete_remote_branch(repository, BRANCH, made, SECONDS).outcome is PushOutcome.PUSHED


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    folder = committed(make_app(tmp_path / "mine"))
    with (folder / ".git/config").open("a") as settings:
        settings.write("[broken")
    with pytest.raises(GitError, match=r"^mine: bad config line .*; mend that in its settings"):
        target(opened(folder))


# Faults


PROGRAM = """\
import sys
from pathlib import Path
from kamal_migrate.batch.fetching import fetched
fetched(sys.argv[1], Path(sys.argv[2]), 60)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("update", "name"),
    [(False, "ls-remote"), (False, "init"), (False, "fetch"), (True, "ls-remote"), (True, "fetch")],
)
def test_killed_while_it_fetches_and_run_again(
    update: bool, name: str, when: str, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = f"file://{served}", tmp_path / "copies" / "shop.git"
    if update:
        fetched(url, folder, SECONDS)
        more(served)
    with monkeypatch.context() as patch:
        fake(tmp_path / "bin", hanging(name, when, tmp_path / "pid"), patch)
        run = [sys.executable, "-c", PROGRAM, url, str(folder)]
        with subprocess.Popen(run, cwd=Path(__file__).parents[1]) as process:
            pid = waited(tmp_path / "pid", process)
            process.kill()
        assert pid is not None
        os.killpg(pid, signal.SIGKILL)
    if update:
        for lock in ("HEAD.lock", "shallow.lock", "config.lock", "refs/heads/trunk.lock"):
            (folder / lock).touch()
    again = fetched(url, folder, SECONDS)
    fresh = fetched(url, tmp_path / "fresh", SECONDS)
    assert git(folder, "rev-parse", "HEAD") == git(served, "rev-parse", "trunk")
    if not update:
        assert state(folder) == state(fresh.git_dir)
    assert [path.name for path in folder.parent.iterdir()] == ["shop.git"]
    assert not list(folder.rglob("*.lock"))
    assert push(again, BRANCH, upgrade(again), None, SECONDS).outcome is PushOutcome.PUSHED
