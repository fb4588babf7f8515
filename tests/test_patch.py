"""`--diff`: a patch that `git apply` takes, and that gives the very files of a real run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kamal_migrate.report.hunks import hunks
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


def apply(app: Path, patch: str, *, inside: bool) -> None:
    """What `git apply` makes of the patch, in the app's folder."""
    file = app.parent / "the.patch"
    file.write_bytes(patch.encode("utf-8", "surrogateescape"))
    ceiling = {} if inside else {"GIT_CEILING_DIRECTORIES": str(app.parent)}
    git(app, "apply", file, **ceiling)


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
