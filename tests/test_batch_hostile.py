"""Repositories that somebody made to do harm, or that hold secrets: nothing gets out, nothing runs."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kamal_migrate.batch.fetching import MAX_FETCHED
from kamal_migrate.batch.work import Outcome
from tests import campaigns
from tests.campaigns import (
    BRANCH,
    SHOP,
    VELLUM,
    after,
    bare,
    batch,
    before,
    files_of,
    refs,
    rows,
    snapshot,
    working,
)
from tests.campaigns import made as made
from tests.campaigns import place as place
from tests.campaigns import user as user
from tests.commanding import Result, git, on_terminal
from tests.servers import http
from tests.test_repository import hostile
from tests.test_secrets_hidden import FILES_OF_SECRETS, VALUES, found, texts

pytestmark = pytest.mark.heavy

CONFIG = "config/deploy.yml"
BROUGHT = (before(SHOP) / CONFIG).read_bytes()


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def reports() -> Iterator[Result]:
    """What there is to look at, as far as it can be printed."""
    yield batch("status", "--campaign", "upgrade")
    for form in ("text", "json", "markdown"):
        yield batch("report", "--format", form)


def page(folder: Path) -> Result:
    """The report as a page."""
    said = batch("report", "--format", "html", "--output", folder / "page.html")
    assert said.code == 0
    return said._replace(out=said.out + (folder / "page.html").read_text())


def test_nothing_of_a_repository_runs(place: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    work, alone = working(place / "work"), bare(place / "alone.git")
    for git_dir in (work / ".git", alone):
        hostile(git_dir, canary)
    (work / ".gitattributes").write_text("* filter=x diff=x\n")
    for in_place in ((), ("--in-place",)):
        batch("plan", ".", *in_place)
        batch("apply", "--yes", *in_place)
        if in_place:
            assert (work / CONFIG).read_bytes() == after(SHOP)[CONFIG]
        else:
            assert files_of(alone, BRANCH) == after(SHOP)
        batch("undo", "--yes")
        assert not canary.exists()
    batch("plan", ".")
    said = batch("apply", "--yes", "--push")
    assert said.code == 5
    assert not canary.exists()
    subprocess.run(["git", f"--git-dir={alone}", "update-ref", "refs/heads/x", "HEAD"], check=False)
    assert canary.exists(), "git by itself would have run something"


LINKED = {
    CONFIG: "config.yml",
    "config/deploy.staging.yml": "config.yml",
    "Dockerfile": "Dockerfile",
    ".kamal": "folder",
    ".env": "env",
}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """What links lead to, and what would be known if it were read."""
    folder = tmp_path / "outside"
    (folder / "folder").mkdir(parents=True)
    (folder / "config.yml").write_bytes(BROUGHT)
    (folder / "Dockerfile").write_text("FROM --platform=linux/arm64 scratch\n")
    (folder / "env").write_text("OUTSIDE=1\n")
    return folder


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize("relative", [False, True])
def test_links_that_lead_out(path: str, in_place: bool, relative: bool, place: Path, outside: Path) -> None:
    shop = working(place / "shop")
    target = outside / LINKED[path]
    if (shop / path).is_dir():
        shutil.rmtree(shop / path)
    (shop / path).unlink(missing_ok=True)
    (shop / path).symlink_to(os.path.relpath(target, (shop / path).parent) if relative else target)
    campaigns.add(shop, {})
    as_it_was = snapshot(outside)
    how = ("--in-place",) if in_place else ()
    batch("plan", ".", *how)
    batch("apply", "--yes", *how)
    assert snapshot(outside) == as_it_was
    row = rows()["shop"]
    if path.startswith("config/"):
        assert (row.outcome, row.reason) == (
            Outcome.FAILED,
            f"{path}: this link leads out of the repository",
        )
    elif path == ".kamal":
        assert row.outcome in (Outcome.REFUSED, Outcome.FAILED)
        assert set(refs(shop)) == {"main"}
    elif path == "Dockerfile":
        written = (shop / CONFIG).read_bytes() if in_place else files_of(shop, BRANCH)[CONFIG]
        assert b"arm64" not in written
    with campaigns.state() as state:
        assert "OUTSIDE" not in str(state.report(row.source))
    assert batch("undo", "--yes").code == 0
    assert snapshot(outside) == as_it_was


def test_no_module_comes_from_the_current_folder(place: Path, tmp_path: Path) -> None:
    """Python looks there first when it is started with a text, as worker processes are."""
    canary = tmp_path / "canary"
    work = working(place / "work")
    for name in ("kamal_migrate", "json", "signal", "threading", "yaml", "multiprocessing"):
        (work / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\nraise SystemExit\n")
    program = "import sys; del sys.path[0]; from kamal_migrate.__main__ import main; main()"
    found = os.pathsep.join(folder for folder in sys.path if Path(folder).is_absolute())
    done = subprocess.run(
        [sys.executable, "-c", program, "batch", "plan", "."],
        cwd=work,
        env={**os.environ, "PYTHONPATH": found},
        capture_output=True,
        text=True,
    )
    assert not canary.exists()
    assert (done.returncode, done.stderr) == (0, "")
    assert rows()["work"].outcome is Outcome.MIGRATED


def test_a_link_inside_is_followed(place: Path) -> None:
    shop = working(place / "shop")
    (shop / CONFIG).rename(shop / "deploy.yml")
    (shop / CONFIG).symlink_to("../deploy.yml")
    campaigns.add(shop, {})
    batch("plan", ".")
    assert batch("apply", "--yes").code == 0
    assert files_of(shop, BRANCH)["deploy.yml"] == after(SHOP)[CONFIG]
    assert git(shop, "ls-tree", BRANCH, CONFIG).startswith("120000")


def tree_by_hand(repository: Path, rows: list[tuple[str, str, bytes]]) -> str:
    """Write a tree that git itself would not make."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(made) for mode, made, name in rows)
    how = ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"]
    return (
        subprocess.run(["git", "-C", str(repository), *how], input=data, check=True, capture_output=True)
        .stdout.decode()
        .strip()
    )


def test_paths_that_lead_out_of_a_tree(place: Path, tmp_path: Path) -> None:
    shop = bare(place / "shop.git")
    top = [row.split(maxsplit=3) for row in git(shop, "ls-tree", "main").splitlines()]
    rows_of = [("100644" if kind == "blob" else "40000", made, name.encode()) for _, kind, made, name in top]
    config = next(made for _, made, name in rows_of if name == b"config")
    blob = git(shop, "rev-parse", f"main:{CONFIG}").strip()
    strange = [
        ("40000", config, b".."),
        ("40000", config, b".git"),
        ("40000", tree_by_hand(shop, [("40000", config, b"..")]), b"deep"),
        ("100644", blob, b"../../escaped.yml"),
        ("100644", blob, b"/absolute.yml"),
    ]
    made = tree_by_hand(shop, [*strange, *rows_of])
    parent = refs(shop)["main"]
    commit = git(shop, "commit-tree", made, "-p", parent, "-m", "strange").strip()
    git(shop, "update-ref", "refs/heads/main", commit)
    elsewhere = {path for path in tmp_path.rglob("*") if "sources" not in path.parts}
    batch("plan", ".")
    said = batch("apply", "--yes")
    assert "bug" not in said.out
    assert batch("apply", "--yes", "--direct").code in (0, 5)
    now = {path for path in tmp_path.rglob("*") if not {"sources", "state"} & set(path.parts)}
    assert now <= elsewhere
    assert not list(place.glob("*escaped*"))
    if BRANCH in refs(shop):
        assert git(shop, "rev-parse", f"{BRANCH}^").strip() == commit


ODD = "sh\x1b]0;owned\x07\x1b[2J\r\n\u202eop\u2028"


def plain(text: str) -> bool:
    """Whether a text moves no terminal."""
    return all(char.isprintable() or char == "\n" for char in text)


def test_names_do_not_fool_the_terminal(place: Path) -> None:
    files = {
        f"config/deploy.{ODD}.yml": b"builder: {multiarch: false}\n",
        f"apps/{ODD}/config/deploy.yml": b"service: [\x1b\n",
        CONFIG: BROUGHT + f'# {ODD.splitlines()[0]}\nextra: "\\e[2J"\n'.encode(),
    }
    work = working(place / f"{ODD}.work", SHOP, {f"config/deploy.{ODD}.yml": b"asset_path: 1\n"})
    git(work, "branch", "-m", "main", "ma\u202ein")
    bare(place / f"{ODD}.git", SHOP, files)
    bare(place / "frozen.git", SHOP, {CONFIG: b"\x1b[2J: [\n"})
    said = [batch("plan", "."), batch("apply", "--yes"), *reports(), batch("undo", "--yes")]
    said += [batch("plan", f"{place}/no\x1b[2J"), batch("plan", ".", "--campaign", "a\x1b[2J")]
    said += [batch("plan", ".", "--include", f"{ODD}*"), batch("apply", "--yes", "--branch", "a\x1b[2J")]
    for one in said:
        assert plain(one.out), one
        assert plain(one.err), one
        assert "Traceback" not in one.err
    shown = on_terminal("n\n", "batch", "apply", "--color", "never", "--branch", "a\x1b[2J")
    assert plain(shown.out.replace("\x04", ""))


BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (one, one, b", ".join([b"*%c" % (one - 1)] * 9)) for one in range(ord("b"), ord("p"))
)
HARD = {
    "big": BROUGHT + b"# " + b"x" * 5_000_000 + b"\n",
    "bomb": BROUGHT + BOMB,
    "deep": BROUGHT + b"x: " + b"[" * 20_000 + b"\n",
    "wide": BROUGHT + b"x: {" + b"? {" * 5_000 + b"\n",
    "nul": BROUGHT + b"\0\n",
    "circle": BROUGHT + b"x: &x {y: *x}\n",
}


def test_files_that_are_hard_to_read_harm_no_other(place: Path) -> None:
    for name, data in HARD.items():
        bare(place / f"{name}.git", SHOP, {CONFIG: data})
    bare(place / "fine.git")
    said = batch("plan", ".")
    assert said.code == 5
    assert "a bug of kamal-migrate" not in flat(said.out)
    outcomes = {name: row.outcome for name, row in rows().items()}
    assert outcomes.pop("fine.git") is Outcome.MIGRATED
    assert set(outcomes.values()) <= {Outcome.FAILED, Outcome.REFUSED, Outcome.HANDS}, outcomes
    assert outcomes["big.git"] is outcomes["deep.git"] is Outcome.FAILED
    assert "5,001,491 bytes are too many" in rows()["big.git"].reason
    assert batch("apply", "--yes", "--only", "pending").code == 5
    assert files_of(place / "fine.git", BRANCH) == after(SHOP)


@pytest.mark.parametrize(("path", "outcome"), [(CONFIG, Outcome.FAILED), ("api/all.yml", Outcome.MIGRATED)])
def test_a_huge_file_of_a_server_is_not_fetched(
    path: str, outcome: Outcome, place: Path, tmp_path: Path
) -> None:
    huge = BROUGHT + b"# " + random.Random(1).randbytes(2 * MAX_FETCHED).hex().encode() + b"\n"
    remote = bare(tmp_path / "srv" / "shop.git", SHOP, {path: huge})
    git(remote, "config", "uploadpack.allowFilter", "true")
    with http(remote.parent) as server:
        batch("plan", f"{server.url}/shop.git")
    row = rows()["shop.git"]
    said = f"{path}: this is too big for a Kamal config" if outcome is Outcome.FAILED else ""
    assert (row.outcome, row.reason) == (outcome, said)
    came = [file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert sum(came) < MAX_FETCHED


def planted(text: str, *, configs: bool = False) -> list[str]:
    """The files whose values a text holds; those of configs count only where they are no business of it."""
    return [path for path in found(text) if path in FILES_OF_SECRETS or not configs]


def kept(tmp_path: Path) -> str:
    """All that is kept beside the repositories, as it is on the disk; copies of repositories unpacked."""
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


@pytest.mark.parametrize("in_place", [False, True])
def test_secrets_stay_where_they_are(in_place: bool, place: Path, tmp_path: Path) -> None:
    everything = {path: text.encode() for path, text in texts().items()}
    templates = [path for path in everything if path.endswith(".erb")]
    env = {path: data for path, data in everything.items() if path not in templates}
    new = {path: data for path, data in env.items() if not path.startswith(".env")}
    for name, files in {"all": everything, "env": env, "new": new}.items():
        working(place / name, SHOP, files)
    # Here a file of secrets grows, and the campaign has to know by what, and to take that back.
    common = before(VELLUM) / ".kamal/secrets-common"
    value = VALUES[".kamal/secrets"]
    grows = working(
        place / "grows", VELLUM, {".kamal/secrets-common": common.read_bytes() + f"X={value}\n".encode()}
    )
    as_it_was = snapshot(grows)
    how = ("--in-place",) if in_place else ()
    said = [batch("plan", ".", *how), *reports()]
    said += [batch("apply", "--yes", *how), *reports(), batch("apply", "--yes", *how)]
    if in_place:
        grown = (grows / ".kamal/secrets-common").read_bytes()
    else:
        grown = files_of(grows, BRANCH)[".kamal/secrets-common"]
    assert f"X={value}\n".encode() in grown
    assert grown != as_it_was[".kamal/secrets-common"][1]
    assert not planted(kept(tmp_path), configs=True)
    bodies = list((tmp_path / "state").rglob("*.md"))
    assert in_place or bodies
    assert not [planted(file.read_text()) for file in bodies if planted(file.read_text())]
    with campaigns.state() as state:
        for row in state.rows():
            assert not planted(str(state.report(row.source)) + row.reason)
            for path, data in state.files(row.source)[0].items():
                assert not planted((data or b"").decode(), configs=True), path
    said += [page(tmp_path), batch("undo", "--yes")]
    if in_place:
        assert {path: kept for path, kept in snapshot(grows).items() if not path.startswith(".git/")} == {
            path: kept for path, kept in as_it_was.items() if not path.startswith(".git/")
        }
    for one in said:
        assert not planted(one.out + one.err)
    for name in ("all", "env", "new", "grows"):
        messages = git(place / name, "log", "--all", "--format=%B")
        assert not planted(messages)


def test_a_password_in_a_url_is_not_shown(place: Path) -> None:
    url = "http://ada:zqHidden@127.0.0.1:9/acme/shop.git"
    said = [batch("plan", url, "--timeout", "2"), batch("apply", "--yes"), *reports(), page(place)]
    for one in said:
        assert "zqHidden" not in one.out + one.err
    assert "acme/shop: failed: " in said[0].out
