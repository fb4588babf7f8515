"""`--diff`: a patch that `git apply` takes, and that gives the very files of a real run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kamal_migrate.disk import read
from kamal_migrate.git import prefix
from kamal_migrate.report.hunks import hunks
from kamal_migrate.report.patch import UNIDIFF_ZERO, NotPatched, patch
from tests.commanding import (
    ARM,
    CONFIG,
    FALSE,
    HEAD,
    KAMAL_2,
    command,
    commit,
    git,
    make_app,
    on_terminal,
    read_app,
)
from tests.planned import planned, write_plan

LONG = FALSE + "env:\n" + "".join(f"  NAME_{number}: {number}\n" for number in range(30))
TEXTS: dict[str, str | bytes] = {
    "plain": FALSE,
    "CRLF": FALSE.replace("\n", "\r\n"),
    "BOM": "\ufeff" + FALSE,
    "no final newline": FALSE.rstrip("\n"),
    "no final newline, added at the end": HEAD.rstrip("\n"),
    "CRLF without a final newline": FALSE.replace("\n", "\r\n").removesuffix("\r\n"),
    "mixed line endings": HEAD + "builder:\r\n  multiarch: false\nlabels:\r\n  a: b\n",
    "line separators": 'labels: {a: "never\u2028both"}\n' + FALSE,
    "ERB with a form feed": "<%# never\fboth %>\n" + FALSE,
    "trailing spaces": FALSE.replace("false # never both", "false  \t "),
    "looks like a patch": "# --- a/x\n# +++ b/x\n# @@ -1 +1 @@\n" + FALSE,
    "two hunks": "builder: {multiarch: false}\n" + "# x\n" * 20 + HEAD,
    "long": LONG,
    "astral": FALSE.replace("never both", "🚢 nie beide"),
}
HOSTILE = [
    "a b",
    'q"uote',
    "né",
    "tab\tname",
    "new\nline",
    "-dash",
    "back\\slash",
    "esc\x1b[31m",
    "a/b",
    " lead",
]


def apply(app: Path, patch: str, *, inside: bool, zero: bool = False) -> None:
    """What `git apply` makes of the patch, in the app's folder."""
    file = app.parent / "the.patch"
    file.write_bytes(patch.encode("utf-8", "surrogateescape"))
    ceiling = {} if inside else {"GIT_CEILING_DIRECTORIES": str(app.parent)}
    git(app, "apply", *(["--unidiff-zero"] if zero else []), file, **ceiling)


def compare(app: Path, *arguments: str, inside: bool) -> None:
    """The patch, applied to a copy, gives what a real run gives."""
    copy = app.parent / "copy"
    shutil.copytree(app, copy, symlinks=True)
    patch = command("-C", app, "--diff", *arguments).out
    assert patch
    assert command("-C", app, "--yes", "--allow-dirty", *arguments).code in (0, 3)
    apply(copy, patch, inside=inside)
    assert read_app(copy) == read_app(app)
    assert read_app(app) != {}


@pytest.mark.parametrize("where", ["repository", "subfolder", "outside"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_patch_gives_the_files_of_a_real_run(name: str, where: str, tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", TEXTS[name], {**ARM, "config/deploy.old.yml": "labels: {a: b}\n"})
    if where == "repository":
        commit(app)
    elif where == "subfolder":
        commit(tmp_path)
    compare(app, inside=where != "outside")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str, tmp_path: Path) -> None:
    main = f"{name}.yml"
    app = make_app(
        tmp_path / "shop", KAMAL_2, {main: FALSE, f"{name}.staging.yml": "builder: {multiarch: false}\n"}
    )
    commit(tmp_path)
    compare(app, f"-c{main}", inside=True)


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", KAMAL_2, {"caf\udce9.yml": FALSE})
    compare(app, "-c", "caf\udce9.yml", inside=False)


def test_through_a_link_the_patch_names_the_file_itself(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE, {"shared/kamal.yml": FALSE})
    (app / CONFIG).unlink()
    (app / CONFIG).symlink_to("../shared/kamal.yml")
    commit(app)
    assert command("-C", app, "--diff").out.startswith("--- a/shared/kamal.yml\n+++ b/shared/kamal.yml\n")
    compare(app, inside=True)
    assert (app / CONFIG).is_symlink()


def test_two_names_of_one_file_are_one_patch(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE)
    (app / "config/deploy_eu.yml").symlink_to("deploy.yml")
    compare(app, inside=False)


def test_a_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", KAMAL_2, {"../elsewhere/deploy.yml": FALSE})
    result = command("-C", app, "--diff", "-c", "../elsewhere/deploy.yml")
    assert (result.code, result.out) == (2, "")
    assert "outside of this folder, where no patch reaches it" in result.err
    assert command("-C", app, "--yes", "-c", "../elsewhere/deploy.yml").code == 3
    assert "multiarch" not in (tmp_path / "elsewhere/deploy.yml").read_text()


def test_nothing_to_do_is_no_patch(tmp_path: Path) -> None:
    assert command("-C", make_app(tmp_path, KAMAL_2), "--diff") == (0, "", "")


def test_on_a_terminal_nothing_in_a_patch_steers_it(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE + "<%# \x9b31m\x1b]0;never %>\n", ARM)
    assert "\x9b31m\x1b]0;never" in command("-C", app, "--diff").out
    shown = on_terminal("", "-C", app, "--diff").out
    assert "\\x9b31m\\x1b]0;never" in shown


def test_hunks_of_texts_without_lines() -> None:
    assert [hunk.header for hunk in hunks("", "a\n")] == ["@@ -0,0 +1 @@"]
    assert [hunk.header for hunk in hunks("a", "")] == ["@@ -1 +0,0 @@"]
    assert not list(hunks("", ""))


# Files that come, grow and are renamed.

OLD, NEW = ".mrsk/hooks/pre-deploy", ".kamal/hooks/pre-deploy"
HOOK = "#!/bin/sh\nset -e\n" + "true\n" * 9 + "echo $MRSK_VERSION\n"
REWORDED = HOOK.replace("MRSK", "KAMAL")
# What is there, what is to come, and what is renamed.
Change = tuple[dict[str, str | bytes], dict[str, str], dict[str, str]]
CHANGES: dict[str, Change] = {
    "a file comes": ({}, {".kamal/secrets": "A=$A\n"}, {}),
    "without a final newline": ({}, {".kamal/secrets": "A=$A"}, {}),
    "with CRLF": ({}, {".kamal/secrets": "A=$A\r\nB=$B\r\n"}, {}),
    "that is empty": ({}, {".kamal/secrets": "", ".kamal/hooks/x": ""}, {}),
    "two files and an edit": ({}, {".kamal/a": "a\n", CONFIG: HEAD, ".kamal/secrets": "A=$A\n"}, {}),
    "an ignore file grows": ({".gitignore": "tmp\n"}, {".gitignore": "tmp\n.env\n"}, {}),
    "that had no final newline": ({".gitignore": "tmp"}, {".gitignore": "tmp\n.env"}, {}),
    "secrets grow": ({".env": "A=1\nB=2\n"}, {".env": "A=1\nB=2\nC=$C\nD=$D\n"}, {}),
    "of one line": ({".env": "A=1\n"}, {".env": "A=1\nB=$B\n"}, {}),
    "of none": ({".env": ""}, {".env": "A=$A\n"}, {}),
    "of CRLF": ({".env": "A=1\r\n"}, {".env": "A=1\r\nB=$B\r\n"}, {}),
    "with a final newline missing": ({".env": "A=1\n"}, {".env": "A=1\nB=$B"}, {}),
    "beside an edit": ({".env": "A=1\n"}, {CONFIG: HEAD, ".env": "A=1\nB=$B\n", "z": "z\n"}, {}),
    "a file is renamed": ({OLD: HOOK}, {}, {NEW: OLD}),
    "and reworded": ({OLD: HOOK}, {NEW: REWORDED}, {NEW: OLD}),
    "and empty": ({OLD: ""}, {}, {NEW: OLD}),
    "and CRLF": ({OLD: HOOK.replace("\n", "\r\n")}, {NEW: REWORDED.replace("\n", "\r\n")}, {NEW: OLD}),
    "and not UTF-8": ({OLD: b"\xff\xfe\n"}, {NEW: "\udcff\udcfe\nA\n"}, {NEW: OLD}),
    "two are renamed": (
        {OLD: HOOK, ".mrsk/hooks/b": "b\n"},
        {CONFIG: HEAD},
        {".kamal/b": ".mrsk/hooks/b", NEW: OLD},
    ),
    "a file of secrets is renamed": ({".env.old": "A=1\n"}, {".env": "A=1\nB=$B\n"}, {".env": ".env.old"}),
    "all at once": (
        {OLD: HOOK, ".env": "A=1\n"},
        {".kamal/secrets": "A=$A", ".env": "A=1\nB=$B\n", CONFIG: HEAD, ".kamal/e": "", NEW: REWORDED},
        {NEW: OLD},
    ),
}


def repository(app: Path, where: str) -> Path:
    """The app, in a repository or not."""
    if where == "repository":
        commit(app)
    elif where == "subfolder":
        commit(app.parent)
    return app


def modes(app: Path) -> dict[str, bool]:
    """Which files can be executed, which is all that git keeps of a mode."""
    return {path: bool((app / path).stat().st_mode & 0o100) for path in read_app(app)}


def compare_written(app: Path, change: Change, *, inside: bool) -> str:
    """The patch of a change, applied to a copy, gives what writing it gives; the patch."""
    copy = app.with_name("copy")
    folder = read(app)
    made = planned(folder, *change[1:])
    text = patch(made, folder.name, prefix(app))
    shutil.copytree(app, copy, symlinks=True)
    write_plan(folder, made)
    after = read_app(app), modes(app), sorted(path.name for path in app.iterdir())
    shutil.rmtree(app)
    copy.rename(app)
    apply(app, text, inside=inside, zero=text.startswith(UNIDIFF_ZERO))
    assert (read_app(app), modes(app), sorted(path.name for path in app.iterdir())) == after
    return text


@pytest.mark.parametrize("where", ["repository", "subfolder", "outside"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_patch_gives_the_files_and_modes_that_are_written(name: str, where: str, tmp_path: Path) -> None:
    change = CHANGES[name]
    app = make_app(tmp_path / "some shop", FALSE, change[0])
    if OLD in change[0]:
        (app / OLD).chmod(0o755)
    text = compare_written(repository(app, where), change, inside=where != "outside")
    assert "A=1" not in text
    assert text.startswith(UNIDIFF_ZERO) == (".env" in change[1])


@pytest.mark.parametrize("where", ["repository", "subfolder", "outside"])
@pytest.mark.parametrize("name", [*HOSTILE, "caf\udce9"])
def test_hostile_names_that_come_and_go(name: str, where: str, tmp_path: Path) -> None:
    old, come, empty, env = f".mrsk/hooks/{name}", f"new {name}", f"empty {name}", f".env.{name}"
    files: dict[str, str | bytes] = {old: HOOK, env: "A=1\n"}
    texts = {come: "a\n", empty: "", env: "A=1\nB=$B\n", f".kamal/hooks/{name}": REWORDED}
    app = make_app(tmp_path / name.replace("/", "-"), FALSE, files)
    change: Change = (files, texts, {f".kamal/hooks/{name}": old})
    folder = read(repository(app, where))
    # Names with a slash are no hooks of Kamal's, and nobody reads them.
    if old not in folder.project.files:
        change = (files, {come: "a\n", empty: ""}, {})
    compare_written(app, change, inside=where != "outside")


def test_a_folder_that_repeats_the_name_of_its_own(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"shop/Dockerfile": "FROM a\n", CONFIG: FALSE}
    app = repository(make_app(tmp_path / "shop", FALSE, files), "subfolder")
    texts = {"shop/Dockerfile": "FROM b\n", CONFIG: HEAD, "shop/new": "x\n"}
    compare_written(app, (files, texts, {}), inside=True)


def test_into_a_linked_folder_the_patch_names_the_file_itself(tmp_path: Path) -> None:
    app = make_app(tmp_path / "shop", FALSE, {"ops/x": ""})
    (app / ".kamal").symlink_to("ops")
    text = compare_written(app, ({}, {".kamal/secrets": "A=$A\n"}, {}), inside=False)
    assert text == "--- /dev/null\n+++ b/ops/secrets\n@@ -0,0 +1 @@\n+A=$A\n"


def test_only_what_needs_it_has_a_git_line(tmp_path: Path) -> None:
    app = make_app(tmp_path, FALSE, {OLD: HOOK, ".env": "A=1\n"})
    folder = read(app)
    texts = {".env": "A=1\nB=$B\n", CONFIG: HEAD, ".kamal/secrets": "A=$A\n"}
    assert patch(planned(folder, texts, {NEW: OLD}), folder.name, "shop/") == (
        f"{UNIDIFF_ZERO}--- a/.env\n+++ b/.env\n@@ -1,0 +2 @@\n+B=$B\n"
        f"--- a/{CONFIG}\n+++ b/{CONFIG}\n@@ -6,5 +6,3 @@\n"
        "   username: acme\n   password:\n     - KAMAL_REGISTRY_PASSWORD\n"
        "-builder:\n-  multiarch: false # never both\n"
        "--- /dev/null\n+++ b/.kamal/secrets\n@@ -0,0 +1 @@\n+A=$A\n"
        f"diff --git a/shop/{OLD} b/shop/{NEW}\nrename from shop/{OLD}\nrename to shop/{NEW}\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "private", "message"),
    [
        ("A=hunter2", "A=hunter2\nB=$B", False, "its last line has no line break, so a patch would show it"),
        ("A=hunter2\n", "A=$A\nB=$B\n", False, "a patch of it would show secrets that it holds; run"),
        ("A=hunter2\n", "", False, "a patch of it would show secrets that it holds; run without --diff"),
        ("A=$A\n", "A=$A\nB=hunter2\n", True, "it gets values of secrets, which a patch would show; run"),
        (
            None,
            "B=hunter2\n",
            True,
            "it gets values of secrets, which a patch would show; run without --diff",
        ),
    ],
)
def test_what_a_patch_would_give_away(
    before: str | None, after: str, private: bool, message: str, tmp_path: Path
) -> None:
    path = ".kamal/secrets"
    folder = read(make_app(tmp_path, FALSE, {} if before is None else {path: before}))
    made = planned(folder, {CONFIG: HEAD, path: after}, private=[path] if private else [])
    with pytest.raises(NotPatched) as error:
        patch(made, folder.name)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "hunter2" not in str(error.value)
