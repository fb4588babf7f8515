"""Git without a working tree, in repositories of the user's own: it reads, it commits, nothing else runs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kamal_migrate.batch import calling, objects
from kamal_migrate.batch.branches import (
    TRAILER,
    checked_out,
    commits_since,
    default_branches,
    delete_branch,
    is_ours,
    with_trailer,
)
from kamal_migrate.batch.calling import GitError, GitTimeout, NoCommit, call, environment, shown
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.repository import Repository, is_url, opened
from kamal_migrate.batch.snapshot import Snapshot
from kamal_migrate.batch.writing import commit
from kamal_migrate.project import InputError
from tests.commanding import commit as committed
from tests.commanding import git, make_app
from tests.repositories import ended, fake, hanging, user, waited

__all__ = ["user"]
pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("user")]
CONFIG, HOOK, NEW_HOOK = "config/deploy.yml", ".kamal/hooks/post-deploy", ".kamal/hooks/post-app-boot"
BRANCH, MESSAGE = "kamal-migrate/spring", with_trailer("Upgrade to Kamal 2", "spring")
TEXT = b"service: shop\n"
FILES: Mapping[str, str | bytes] = {
    ".gitattributes": "*.yml text eol=crlf\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
    HOOK: "#!/bin/sh\n",
    "README.md": "Shop\n",
    "app/big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
    "deep/er/and/deeper": "x\n",
    "old/only": "alone\n",
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with a working tree, with an executable, a link, and another repository in it."""
    folder = make_app(tmp_path / "shop", TEXT, FILES)
    (folder / HOOK).chmod(0o755)
    (folder / "link.yml").symlink_to(CONFIG)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/other")
    git(folder, "commit", "-q", "-m", "all")
    return folder


@pytest.fixture
def bare(work: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", "--bare", work, "shop.git")
    return tmp_path / "shop.git"


@pytest.fixture
def read(bare: Path) -> Iterator[Objects]:
    with Objects(opened(bare)) as found:
        yield found


def listed(folder: Path, name: str) -> dict[str, tuple[str, str]]:
    """The modes and objects of a commit's files, as git itself lists them."""
    rows = [row.partition("\t") for row in git(folder, "ls-tree", "-r", "-z", name).split("\0") if row]
    return {path: (about.split()[0], about.split()[2]) for about, _, path in rows}


def everything(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def write(
    read: Objects,
    changes: Mapping[str, bytes] = {CONFIG: b"service: new\r\n"},
    renamed: Mapping[str, str] = {},
    expected: str | None = None,
    message: str = MESSAGE,
    branch: str = BRANCH,
) -> str:
    return commit(read, read.head().commit, changes, renamed, message, branch, expected)


# Opening


def test_opened_with_a_working_tree_bare_and_linked(work: Path, bare: Path, tmp_path: Path) -> None:
    git(work, "worktree", "add", "-q", "-b", "other", tmp_path / "linked")
    top = git(work, "rev-parse", "HEAD").strip()
    for folder, branch in ((work, "main"), (bare, "main"), (tmp_path / "linked", "other")):
        with Objects(opened(folder)) as read:
            assert read.head() == (branch, top)
    assert opened(bare).name == "shop"


def test_opened_by_a_relative_path(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work.parent)
    with Objects(opened(Path("shop"))) as read:
        assert read.head().branch == "main"
    monkeypatch.chdir(work)
    assert opened(Path()).name == "shop"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("shop/config", "{}/shop/config: this is inside of the repository {}/shop; name that folder"),
        ("home", "{}/home: this is no git repository"),
        ("nowhere", "{}/nowhere: no such folder"),
        ("home/.gitconfig", "{}/home/.gitconfig: no such folder"),
    ],
)
def test_what_cannot_be_opened(place: str, message: str, work: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError) as error:
        opened(tmp_path / place)
    assert str(error.value) == message.replace("{}", str(tmp_path))


def test_repositories_without_a_commit_and_broken_ones(tmp_path: Path, bare: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    with Objects(opened(tmp_path / "empty")) as read, pytest.raises(NoCommit, match="no commit yet"):
        read.head()
    git(bare, "symbolic-ref", "HEAD", "refs/heads/gone")
    with (
        Objects(opened(bare)) as read,
        pytest.raises(GitError, match="default branch gone"),
    ):
        read.head()
    (bare / "config").write_text("[core\n")
    with (
        Objects(opened(bare)) as read,
        pytest.raises(GitError, match=r"^shop: bad config line 1 .*mend that"),
    ):
        read.head()


def test_a_commit_itself_is_checked_out(work: Path) -> None:
    git(work, "checkout", "-q", "--detach")
    with Objects(opened(work)) as read:
        assert read.head() == (None, git(work, "rev-parse", "HEAD").strip())


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("https://example.com/a.git", True),
        ("HTTP://example.com/a", True),
        ("ssh://git@example.com:22/a", True),
        ("file:///srv/a.git", True),
        ("git@example.com:a/b.git", True),
        ("example.com:a", True),
        ("[::1]:a", True),
        ("ext::sh -c x", False),
        ("ext::touch%20x", False),
        ("fd::7", False),
        ("codecommit://a", False),
        ("-oProxyCommand=x:y", False),
        ("--upload-pack=x", False),
        ("ssh://a b/c", False),
        ("https://a\nb/c", False),
        ("/srv/a.git", False),
        ("a/b:c", False),
        ("", False),
    ],
)
def test_what_is_a_url(source: str, is_one: bool) -> None:
    assert is_url(source) is is_one


# Reading


def test_entries_are_what_git_lists(work: Path, read: Objects) -> None:
    found = read.entries(read.head().commit)
    assert {path: (entry.mode, entry.object) for path, entry in found.items()} == listed(work, "HEAD")
    assert list(found) == sorted(found)
    assert found[HOOK].mode == "100755"
    assert found["link.yml"].mode == "120000"


def test_files_as_they_are_stored(read: Objects) -> None:
    found = read.entries(read.head().commit)
    snapshot = Snapshot("shop", found, read.blob)
    assert snapshot.bytes(CONFIG) == snapshot.bytes("link.yml") == TEXT
    names = [entry.object for entry in found.values()]
    blobs = read.blobs(names)
    assert set(names) - set(blobs) == {"1" * 40}
    assert read.missing(names) == ["1" * 40]
    with pytest.raises(InputError, match="not fetched"):
        read.blob("1" * 40)


def test_more_questions_than_a_pipe_holds(tmp_path: Path) -> None:
    files: Mapping[str, str | bytes] = {f"folder {n % 40}/{n}": f"{n}\n" * 90 for n in range(2000)}
    folder = committed(make_app(tmp_path / "many", TEXT, files))
    with Objects(opened(folder)) as read:
        found = read.entries(read.head().commit)
        assert len(found) == 2001
        blobs = read.blobs(entry.object for entry in found.values())
    assert {blobs[found[path].object] for path in files} == {str(text).encode() for text in files.values()}


def test_one_process_reads_everything(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def counted(git_dir: Path, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        started.append(arguments[0])
        return calling.start(git_dir, *arguments, **more)

    monkeypatch.setattr(objects, "start", counted)
    with Objects(opened(work)) as read:
        found = read.entries(read.head().commit)
        read.blobs(entry.object for entry in found.values())
        read.branch("none")
    assert started == ["cat-file"]


def test_a_file_of_200_megabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_app(tmp_path / "huge", TEXT, {"config/deploy.staging.yml": "a: 1\n"})
    with (folder / CONFIG).open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    committed(folder)
    received: list[int] = []
    original = os.read

    def counted(descriptor: int, most: int) -> bytes:
        data = original(descriptor, most)
        received.append(len(data))
        return data

    monkeypatch.setattr(os, "read", counted)
    with Objects(opened(folder)) as read:
        found = read.entries(read.head().commit)
        names = [entry.object for entry in found.values()]
        assert read.blobs(names) == {found["config/deploy.staging.yml"].object: b"a: 1\n"}
        with pytest.raises(InputError, match="209,715,200 bytes are too many"):
            read.blob(found[CONFIG].object)
    assert sum(received) < 10_000


def test_a_tree_that_is_too_big_is_not_read(read: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MAX_TREE", 10)
    with pytest.raises(GitError, match=r"the tree [0-9a-f]{40} has \d+ bytes"):
        read.entries(read.head().commit)


def test_trees_that_multiply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten folders, each of them ten times in the next: a million files in a dozen objects."""
    folder = tmp_path / "bomb"
    git(tmp_path, "init", "-q", "--bare", "bomb")
    inside = raw(folder, "blob", b"x")
    mode = b"100644"
    for _ in range(6):
        inside = raw(
            folder, "tree", b"".join(b"%b %d\0%b" % (mode, n, bytes.fromhex(inside)) for n in range(10))
        )
        mode = b"40000"
    set_head(folder, inside)
    monkeypatch.setattr(objects, "MAX_ENTRIES", 5000)
    with Objects(opened(folder)) as read, pytest.raises(GitError, match="more than 5,000 files"):
        read.entries(read.head().commit)


def raw(folder: Path, kind: str, data: bytes) -> str:
    """Store an object that git itself would not write."""
    return (
        subprocess.run(
            ["git", "-C", folder, "hash-object", "-w", "--stdin", "--literally", "-t", kind],
            input=data,
            check=True,
            capture_output=True,
        )
        .stdout.decode()
        .strip()
    )


def set_head(folder: Path, tree: str) -> None:
    git(folder, "update-ref", "HEAD", git(folder, "commit-tree", tree, "-m", "odd").strip())


def test_trees_with_names_that_lead_out(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    git(tmp_path, "init", "-q", "--bare", "odd")
    blob = bytes.fromhex(raw(folder, "blob", b"x"))
    names = [
        b"..",
        b".git",
        b".",
        b"../../out",
        b"/etc/passwd",
        b"new\nline",
        b"esc\x1b[31m",
        b"caf\xe9",
        b"fine",
    ]
    inner = raw(folder, "tree", b"".join(b"100644 %b\0%b" % (name, blob) for name in sorted(names)))
    top = b"100644 %b\0%b40000 %b\0%b" % (b"..", blob, b"inner", bytes.fromhex(inner))
    set_head(folder, raw(folder, "tree", top))
    with Objects(opened(folder)) as read:
        snapshot = Snapshot("odd", read.entries(read.head().commit), read.blob)
        assert snapshot.listing("") == (["inner"], [])
        assert set(snapshot.listing("inner")[1]) == {"new\nline", "esc\x1b[31m", "caf\udce9", "fine"}
        made = write(read, {"inner/caf\udce9": b"new"})
    assert git(folder, "show", f"{made}:inner/fine") == "x"
    assert b"caf\xe9" in subprocess.check_output(["git", "-C", folder, "ls-tree", "-z", f"{made}:inner"])


def test_paths_that_are_too_long(tmp_path: Path) -> None:
    folder = tmp_path / "long"
    git(tmp_path, "init", "-q", "--bare", "long")
    inside = raw(folder, "tree", b"100644 x\0" + bytes.fromhex(raw(folder, "blob", b"x")))
    for _ in range(30):
        inside = raw(folder, "tree", b"40000 %b\0%b" % (b"n" * 200, bytes.fromhex(inside)))
    set_head(folder, inside)
    with Objects(opened(folder)) as read:
        assert read.entries(read.head().commit) == {}


def test_an_answer_that_nobody_waits_for(read: Objects) -> None:
    top = read.head().commit
    trees = read.trees([f"{top}^{{tree}}", f"{top}:config", f"{top}:app"])
    assert len(next(trees)) == 9
    del trees
    assert read.head().commit == top


@pytest.mark.parametrize("tree", [b"100644 a", b"9 a\0" + b"1" * 20, b"100644 a\0" + b"1" * 19, b"x"])
def test_broken_trees(tree: bytes, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "odd")
    set_head(tmp_path / "odd", raw(tmp_path / "odd", "tree", tree))
    with Objects(opened(tmp_path / "odd")) as read, pytest.raises(GitError):
        read.entries(read.head().commit)


def test_objects_that_are_broken_on_disk(work: Path) -> None:
    blob = git(work, "rev-parse", f"HEAD:{CONFIG}").strip()
    file = work / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"rubbish")
    with Objects(opened(work)) as read:
        assert read.blobs([blob]) == {}
    tree = git(work, "rev-parse", "HEAD:config").strip()
    (work / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with Objects(opened(work)) as read, pytest.raises(GitError, match=f"the tree {tree} is not there"):
        read.entries(read.head().commit)


@pytest.mark.parametrize(
    "name", ["a\nb", "-x", "a..b", "a b", "HEAD", "", "a.lock", ".a", "a/.b", "a//b", "@"]
)
def test_names_that_are_no_branches(name: str, read: Objects) -> None:
    with pytest.raises(GitError, match="cannot be the name of a branch"):
        read.branch(name)


# Committing


def test_a_commit(bare: Path, read: Objects) -> None:
    before = listed(bare, "HEAD")
    changes = {CONFIG: b"service: new\r\n", NEW_HOOK: b"#!/bin/sh\n# new\n", "config/new.yml": b"a: 1\n"}
    made = write(read, changes, {NEW_HOOK: HOOK, "old-only": "old/only"})
    after = listed(bare, BRANCH)
    assert git(bare, "rev-parse", BRANCH, f"{BRANCH}^").split() == [made, read.head().commit]
    assert git(bare, "cat-file", "commit", made).endswith(f"\n\n{MESSAGE}")
    assert git(bare, "log", "-1", "--format=%an %ae %cn %ce", made).split() == ["Ada", "ada@example.com"] * 2
    assert set(before) - set(after) == {HOOK, "old/only"}
    assert set(after) - set(before) == {NEW_HOOK, "config/new.yml", "old-only"}
    assert {path for path in before if path in after and before[path] != after[path]} == {CONFIG}
    assert after[NEW_HOOK][0] == "100755"
    assert after["config/new.yml"][0] == after[CONFIG][0] == "100644"
    assert after["old-only"] == before["old/only"]
    for path, data in changes.items():
        assert subprocess.check_output(["git", "-C", bare, "show", f"{BRANCH}:{path}"]) == data
    git(bare, "fsck", "--strict", "--no-dangling", BRANCH)


def test_new_files_are_executable_where_that_is_said(bare: Path, read: Objects) -> None:
    top = read.head().commit
    commit(read, top, {"bin/a": b"a", "bin/b": b"b"}, {}, MESSAGE, BRANCH, None, executable={"bin/a"})
    assert {path: mode for path, (mode, _) in listed(bare, BRANCH).items() if path.startswith("bin/")} == {
        "bin/a": "100755",
        "bin/b": "100644",
    }


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    folder = make_app(tmp_path / "new", TEXT)
    git(folder, "init", "-q", "--object-format=sha256")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    with Objects(opened(folder)) as read:
        assert read.entries(read.head().commit).keys() == {CONFIG}
        made = write(read)
    assert len(made) == 64
    assert git(folder, "show", f"{BRANCH}:{CONFIG}") == "service: new\n"
    git(folder, "fsck", "--strict", BRANCH)


def test_twice_is_once(bare: Path, read: Objects) -> None:
    first = write(read)
    before = everything(bare)
    assert write(read) == write(read, expected=first) == first
    assert everything(bare) == before
    second = write(read, {CONFIG: b"other"}, expected=first)
    assert git(bare, "rev-parse", f"{second}^").strip() == read.head().commit
    assert write(read, expected=second) != second


def test_the_branch_must_be_where_it_was(bare: Path, read: Objects) -> None:
    first = write(read)
    before = everything(bare)
    for expected in (None, read.head().commit):
        with pytest.raises(GitError, match=f"{BRANCH} is at {first[:10]}; somebody else changed it"):
            write(read, {CONFIG: b"other"}, expected=expected)
    with pytest.raises(GitError, match="is gone"):
        write(read, branch="another", expected=first)
    assert everything(bare) == before


def test_a_branch_that_moves_at_the_last_moment(
    bare: Path, read: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Repository.call

    def moved(self: Repository, *arguments: str, given: bytes = b"") -> calling.Answer:
        if arguments[0] == "update-ref":
            git(bare, "update-ref", f"refs/heads/{BRANCH}", "main")
        return original(self, *arguments, given=given)

    monkeypatch.setattr(Repository, "call", moved)
    with pytest.raises(GitError, match="is left as it was"):
        write(read)
    assert git(bare, "rev-parse", BRANCH) == git(bare, "rev-parse", "main")


def test_what_another_working_tree_made_at_the_same_moment(
    bare: Path, read: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    original = Repository.call

    def raced(self: Repository, *arguments: str, given: bytes = b"") -> calling.Answer:
        if arguments[0] == "update-ref" and not made:
            made.append("")
            with Objects(opened(bare)) as other, monkeypatch.context() as patch:
                patch.setenv("GIT_COMMITTER_DATE", "2001-02-03T04:05:06Z")
                made[0] = write(other)
        return original(self, *arguments, given=given)

    monkeypatch.setattr(Repository, "call", raced)
    assert write(read) == made[0]
    assert git(bare, "rev-parse", BRANCH).strip() == made[0]


@pytest.mark.parametrize(
    ("changes", "renamed", "message"),
    [
        ({"link.yml": b""}, {}, "link.yml: this is a link, no file"),
        ({"link.yml/a": b""}, {}, "link.yml: this is a link, no folder"),
        ({"vendor/other": b""}, {}, "vendor/other: this is a submodule, another repository, no file"),
        ({"vendor/other/a": b""}, {}, "vendor/other: this is a submodule, another repository, no folder"),
        ({"README.md/a": b""}, {}, "README.md: this is a file, no folder"),
        ({"config": b""}, {}, "config: this is a folder, no file"),
        ({"a": b"", "a/b": b""}, {}, "a/b: this cannot be a file and a folder"),
        ({"../a": b""}, {}, "../a: no file can be there"),
        ({"/a": b""}, {}, "/a: no file can be there"),
        ({"a/.GIT/config": b""}, {}, "a/.GIT/config: no file can be there"),
        ({"a\0": b""}, {}, r"a\\x00: no file can be there"),
        ({}, {"new": "none"}, "none cannot be renamed to new"),
        ({}, {"README.md": CONFIG}, f"{CONFIG} cannot be renamed to README.md"),
        ({}, {}, "there is nothing to commit"),
        ({CONFIG: TEXT}, {}, "there is nothing to commit"),
    ],
)
def test_what_cannot_be_committed(
    changes: dict[str, bytes], renamed: dict[str, str], message: str, bare: Path, read: Objects
) -> None:
    before = everything(bare)
    with pytest.raises(GitError, match=f"^{message}$"):
        write(read, changes, renamed)
    assert everything(bare) == before


def test_a_branch_that_is_checked_out_stays(work: Path, tmp_path: Path) -> None:
    git(work, "worktree", "add", "-q", "-b", "other", tmp_path / "linked")
    for folder in (work, tmp_path / "linked"):
        with Objects(opened(folder)) as read:
            for branch in ("main", "other"):
                with pytest.raises(GitError, match=f"{branch} is checked out"):
                    write(read, branch=branch, expected=read.branch(branch))
                with pytest.raises(GitError, match=f"{branch} is checked out"):
                    delete_branch(opened(folder), branch, read.head().commit)
    assert git(work, "status", "--porcelain", "--ignore-submodules", "--", "config") == ""


def test_which_branches_are_special(work: Path, bare: Path, tmp_path: Path) -> None:
    assert default_branches(opened(bare)) == {"main"}
    assert checked_out(opened(bare)) == set()
    git(tmp_path, "clone", "-q", bare, "clone")
    git(tmp_path / "clone", "checkout", "-q", "-b", "mine")
    assert default_branches(opened(tmp_path / "clone")) == {"main", "mine"}
    assert checked_out(opened(tmp_path / "clone")) == {"mine"}


def test_nobody(user: Path, bare: Path, read: Objects) -> None:
    user.write_text("")
    before = git(bare, "for-each-ref")
    with pytest.raises(GitError, match=r"git does not know who you are; tell it with git config --global"):
        write(read)
    assert git(bare, "for-each-ref") == before


def test_the_identity_of_the_environment(bare: Path, read: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "bot@example.com")
    made = write(read)
    assert (
        git(bare, "log", "-1", "--format=%an|%ae|%cn|%ce", made)
        == "Grace|ada@example.com|Ada|bot@example.com\n"
    )


@pytest.fixture
def key(tmp_path: Path, user: Path) -> Path:
    """A key that signs the user's commits."""
    folder = tmp_path / "keys"
    folder.mkdir()
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    except FileNotFoundError:
        pytest.skip("there is no ssh-keygen")
    (folder / "signers").write_text(f"ada@example.com {(folder / 'key.pub').read_text()}")
    with user.open("a") as settings:
        settings.write(
            f"[user]\n\tsigningKey = {folder / 'key'}\n[gpg]\n\tformat = ssh\n[commit]\n\tgpgSign\n"
        )
    return folder


def test_signed_as_the_user_signs(key: Path, bare: Path, read: Objects) -> None:
    made = write(read)
    git(bare, "-c", f"gpg.ssh.allowedSignersFile={key / 'signers'}", "verify-commit", made)
    assert write(read) == made
    (key / "key").unlink()
    with pytest.raises(GitError, match="no commit is made"):
        write(read, branch="another")
    git(bare, "config", "commit.gpgSign", "off")
    assert "gpgsig" not in git(bare, "cat-file", "commit", write(read, branch="another"))


def test_a_repository_does_not_choose_the_program_that_signs(
    tmp_path: Path, bare: Path, read: Objects
) -> None:
    git(bare, "config", "commit.gpgSign", "true")
    for name in ("gpg.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand"):
        git(bare, "config", name, f"touch {tmp_path / 'canary'}")
        with pytest.raises(GitError, match=f"{name.lower()} is set in the repository's own configuration"):
            write(read)
        git(bare, "config", "--unset", name)
    assert not (tmp_path / "canary").exists()


# Whose branch it is


def test_ours_and_not_ours(bare: Path, read: Objects, tmp_path: Path) -> None:
    base = read.head().commit
    made = write(read)
    [found] = commits_since(read, [base], BRANCH)
    assert (found.id, found.parents) == (made, (base,))
    assert found.campaigns == ("spring",)
    assert is_ours(read, BRANCH, [base], "spring")
    assert not is_ours(read, BRANCH, [base], "autumn")
    assert is_ours(read, BRANCH, [base], "autumn", recorded=[made])
    clone = tmp_path / "human"
    git(tmp_path, "clone", "-q", "-b", BRANCH, bare, clone)
    git(clone, "commit", "-q", "--amend", "--no-edit", GIT_COMMITTER_DATE="2030-01-01T00:00:00Z")
    git(clone, "push", "-q", "--force", "origin", BRANCH)
    assert not is_ours(read, BRANCH, [base], "spring", recorded=[made])
    git(clone, "reset", "-q", "--hard", made)
    git(clone, "commit", "-q", "--allow-empty", "-m", "mine")
    git(clone, "push", "-q", "--force", "origin", BRANCH)
    assert len(commits_since(read, [base], BRANCH)) == 2
    assert not is_ours(read, BRANCH, [base], "spring", recorded=[made])
    with pytest.raises(GitError, match="no branch none"):
        is_ours(read, "none", [base], "spring")


def test_ours_when_the_default_branch_went_on(work: Path) -> None:
    with Objects(opened(work)) as read:
        base = read.head().commit
        write(read)
        git(work, "commit", "-q", "--allow-empty", "-m", "more")
        top = read.head().commit
        assert base != top
        assert is_ours(read, BRANCH, [top], "spring")
        assert is_ours(read, BRANCH, ["2" * 40, base], "spring")
        assert not is_ours(read, BRANCH, [], "spring")


def test_nobody_knows_what_a_shallow_copy_hides(bare: Path, tmp_path: Path, read: Objects) -> None:
    made = write(read)
    git(tmp_path, "clone", "-q", "--depth=1", "-b", BRANCH, f"file://{bare}", "shallow")
    with Objects(opened(tmp_path / "shallow")) as shallow:
        assert is_ours(shallow, BRANCH, [read.head().commit], "spring")
        assert not is_ours(shallow, BRANCH, ["2" * 40], "spring", recorded=[made])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Up", f"Up\n\n{TRAILER}: spring\n"),
        ("Up\n\nWhy\n", f"Up\n\nWhy\n\n{TRAILER}: spring\n"),
        ("Up\n\nSigned-off-by: A\n", f"Up\n\nSigned-off-by: A\n{TRAILER}: spring\n"),
        ("fix: Up", f"fix: Up\n\n{TRAILER}: spring\n"),
    ],
)
def test_messages_with_a_trailer(message: str, expected: str) -> None:
    assert with_trailer(message, "spring") == expected


def test_a_deleted_branch(bare: Path, read: Objects) -> None:
    made = write(read)
    with pytest.raises(GitError, match="is not deleted"):
        delete_branch(opened(bare), BRANCH, read.head().commit)
    assert read.branch(BRANCH) == made
    delete_branch(opened(bare), BRANCH, made)
    assert read.branch(BRANCH) is None


# Nothing of the repository runs


HOOKS = ("pre-commit", "post-commit", "reference-transaction", "pre-push", "update", "post-index-change")


def hostile(folder: Path, canary: Path) -> None:
    """Everything by which a repository could have a program run that leaves a file behind."""
    program = f"touch {canary}"
    for name in HOOKS:
        hook = folder / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{program}\n")
        hook.chmod(0o755)
    settings = {
        "core.fsmonitor": program,
        "core.hooksPath": str(folder / "hooks"),
        "core.sshCommand": program,
        "core.gitProxy": program,
        "core.editor": program,
        "core.pager": program,
        "core.askPass": str(folder / "hooks" / "pre-push"),
        "core.alternateRefsCommand": program,
        "core.worktree": "/",
        "credential.helper": f"!{program}",
        "diff.external": program,
        "filter.x.clean": program,
        "filter.x.smudge": program,
        "filter.x.process": program,
        "filter.x.required": "true",
        "gpg.program": program,
        "gc.auto": "1",
        "gc.autoDetach": "false",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{program}",
        "remote.origin.uploadpack": program,
        "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none",
        "extensions.partialClone": "origin",
        "core.repositoryformatversion": "1",
        "alias.cat-file": f"!{program}",
    }
    git(folder, "config", "core.bare", "false")
    for name, value in settings.items():
        git(folder, "config", name, value, GIT_DIR=str(folder))
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info/attributes").write_text("* filter=x diff=x\n")


@pytest.mark.parametrize("kind", ["work", "bare"])
def test_a_hostile_repository_runs_nothing(kind: str, work: Path, bare: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    folder, git_dir = (work, work / ".git") if kind == "work" else (bare, bare)
    (work / ".gitattributes").write_text("* filter=x\n")
    blob = git(folder, "rev-parse", "HEAD:README.md").strip()
    (git_dir / "objects" / blob[:2] / blob[2:]).unlink(missing_ok=True)
    hostile(git_dir, canary)
    with Objects(opened(folder)) as read:
        found = read.entries(read.head().commit)
        assert blob not in read.blobs(entry.object for entry in found.values())
        assert read.missing([blob]) == [blob]
        made = write(read)
        assert is_ours(read, BRANCH, [read.head().commit], "spring")
        assert write(read, {CONFIG: b"2"}, expected=made) != made
        delete_branch(opened(folder), BRANCH, read.branch(BRANCH) or "")
    assert not canary.exists()
    for arguments in (["update-ref", "refs/heads/x", "HEAD"], ["cat-file", "-e", blob]):
        subprocess.run(["git", f"--git-dir={git_dir}", *arguments], capture_output=True, check=False)
        assert canary.exists(), "git by itself would have run something"
        canary.unlink()


def test_a_link_out_of_the_tree_and_links_in_circles(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("never\n")
    folder = make_app(tmp_path / "links", TEXT)
    for name, target in {
        "out.yml": "../secret",
        "abs.yml": "/etc/passwd",
        "a": "b",
        "b": "a",
        "d": "..",
    }.items():
        (folder / name).symlink_to(target)
    committed(folder)
    with Objects(opened(folder)) as read:
        snapshot = Snapshot("links", read.entries(read.head().commit), read.blob)
        for path in ("out.yml", "abs.yml", "a", "d/secret"):
            with pytest.raises(InputError):
                snapshot.bytes(path)
        with pytest.raises(GitError, match="this is a link"):
            write(read, {"d/secret": b"mine"})
    assert (tmp_path / "secret").read_text() == "never\n"


def test_what_is_kept_of_the_environment() -> None:
    kept = {
        "HOME": "/home/ada",
        "https_proxy": "http://proxy",
        "SSH_AUTH_SOCK": "/agent",
        "GIT_SSH_COMMAND": "ssh -i key",
        "GIT_ASKPASS": "/bin/token",
        "GIT_SSL_CAINFO": "/ca",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": "x",
        "GIT_AUTHOR_NAME": "Ada",
    }
    gone = dict.fromkeys(
        ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_TRACE", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR"), "x"
    )
    made = environment({**kept, **gone, "PATH": "bin:/usr/bin::.", "LC_ALL": "de_DE"}, "")
    assert {name: made[name] for name in kept} == kept
    assert not set(gone) & set(made)
    assert (made["PATH"], made["LC_ALL"], made["GIT_TERMINAL_PROMPT"]) == ("/usr/bin", "C", "0")
    assert made["GIT_ALLOW_PROTOCOL"] == ""
    assert environment({}, None).get("GIT_ALLOW_PROTOCOL") is None
    assert environment({}, None)["GIT_ASKPASS"] == ""
    assert environment({"GIT_ALLOW_PROTOCOL": "https"}, "http:https:ssh")["GIT_ALLOW_PROTOCOL"] == "https"
    assert environment({"GIT_ALLOW_PROTOCOL": "https"}, None)["GIT_ALLOW_PROTOCOL"] == "https"


def test_messages_hide_passwords_and_move_no_terminal() -> None:
    said = "fatal: https://ada:hunter2@example.com/\x1b]0;x\x07 \udce9 is bad\nmore\n"
    assert shown(said) == r"fatal: https://ada:[masked]@example.com/\x1b]0;x\x07 \udce9 is bad; more"


def test_git_has_no_terminal_to_ask_on(bare: Path) -> None:
    with calling.said_aside() as said, calling.start(bare, "cat-file", "--batch", said=said) as process:
        assert os.getsid(process.pid) == process.pid
        process.kill()


def test_no_git(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with Objects(opened(bare)) as read, pytest.raises(GitError, match="there is no git"):
        read.head()


def test_a_git_that_hangs_is_ended_with_all_it_started(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(
        tmp_path / "bin", f"sh -c 'trap \"\" TERM; echo $$ >{tmp_path}/child; sleep 100' & wait", monkeypatch
    )
    with pytest.raises(GitTimeout, match="no answer from git version after 1 s"):
        call(bare, "version", seconds=1)
    assert ended(int((tmp_path / "child").read_text()))
    with Objects(opened(bare), seconds=0.2) as read, pytest.raises(GitTimeout, match="did not answer"):
        read.head()


def test_a_git_that_is_too_old(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "bin", 'echo "error: unknown option \\`batch-command\'" >&2; exit 129', monkeypatch)
    with Objects(opened(bare)) as read, pytest.raises(GitError, match=r"install git 2\.36 or later"):
        read.head()


# Faults


PROGRAM = """\
import sys
from pathlib import Path
from typing import Any
from kamal_migrate.batch.objects import Objects
from kamal_migrate.batch.repository import opened
from kamal_migrate.batch.writing import commit
with Objects(opened(Path(sys.argv[1]))) as read:
    commit(read, read.head().commit, {"config/deploy.yml": b"new"}, {}, "Up", "up", read.branch("up"))
"""
# cat-file, unpack-objects, config, commit-tree, update-ref: one after another.
CALLS = ("cat-file", "unpack-objects", "config", "commit-tree", "update-ref")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", CALLS)
def test_killed_at_any_call_and_run_again(
    name: str, when: str, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_DATE", "2024-01-01T00:00:00Z")
    run = [sys.executable, "-c", PROGRAM, str(bare)]
    with monkeypatch.context() as patch:
        fake(tmp_path / "bin", hanging(name, when, tmp_path / "pid"), patch)
        with subprocess.Popen(run, cwd=Path(__file__).parents[1]) as process:
            # Reading ends by being killed, and so hangs only before.
            pid = waited(tmp_path / "pid", process) if (name, when) != ("cat-file", "after") else None
            if pid is not None:
                process.kill()
        if pid is not None:
            os.killpg(pid, signal.SIGKILL)
    subprocess.run(run, check=True, cwd=Path(__file__).parents[1])
    assert git(bare, "rev-list", "--count", "main..up") == "1\n"
    made = git(bare, "rev-parse", "up")
    git(bare, "update-ref", "-d", "refs/heads/up")
    subprocess.run(run, check=True, cwd=Path(__file__).parents[1])
    assert git(bare, "rev-parse", "up") == made
    git(bare, "fsck", "--strict")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_repository_that_may_not_be_written_to(bare: Path, read: Objects) -> None:
    for folder in (bare, *bare.rglob("*")):
        folder.chmod(folder.stat().st_mode & ~stat.S_IWUSR)
    with pytest.raises(GitError, match="nothing is written: insufficient permission"):
        write(read)


def test_a_repository_that_takes_no_objects(bare: Path, read: Objects) -> None:
    for number in range(256):
        with suppress(FileExistsError):
            (bare / f"objects/{number:02x}").touch(exist_ok=False)
    with pytest.raises(GitError, match="nothing is written: "):
        for number in range(20):
            write(read, {CONFIG: b"%d" % number}, branch=f"b{number}")


def test_a_repository_that_vanishes(bare: Path, read: Objects) -> None:
    read.head()
    bare.rename(bare.with_name("away"))
    with pytest.raises(GitError):
        write(read)


def test_a_lock_that_somebody_left(bare: Path, read: Objects) -> None:
    (bare / "refs/heads/kamal-migrate").mkdir()
    (bare / f"refs/heads/{BRANCH}.lock").touch()
    with pytest.raises(GitError, match=r"Unable to create '.*lock': File exists"):
        write(read)
    assert read.branch(BRANCH) is None


def test_two_threads_on_two_repositories(bare: Path, work: Path) -> None:
    barrier = threading.Barrier(2)

    def many(folder: Path) -> list[str]:
        barrier.wait()
        with Objects(opened(folder)) as read:
            return [write(read, {CONFIG: b"%d" % n}, branch=f"b{n}") for n in range(5)]

    with ThreadPoolExecutor(2) as pool:
        made = dict(zip((bare, work), pool.map(many, (bare, work)), strict=True))
    for folder, names in made.items():
        assert git(folder, "rev-parse", *(f"b{n}" for n in range(5))).split() == names


def test_two_threads_on_one_branch(bare: Path) -> None:
    barrier = threading.Barrier(2)

    def once(data: bytes) -> str:
        with Objects(opened(bare)) as read:
            read.head()
            barrier.wait()
            try:
                return write(read, {CONFIG: data})
            except GitError:
                return ""

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(once, (b"one", b"two")))
    assert sorted(map(bool, made)) == [False, True]
    assert git(bare, "rev-parse", BRANCH).strip() in made
