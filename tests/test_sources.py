"""What a batch is given: folders, globs, lists, URLs; and what is none of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamal_migrate.batch.sources import FOLDER, REPOSITORY, URL, Found, SourceError, found
from tests.commanding import git, make_app


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_app(tmp_path / "all" / "plain")
    for name in ("one", "two"):
        git(make_app(tmp_path / "all" / name), "init", "-q")
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "bare.git").mkdir()
    git(tmp_path / "bare.git", "init", "-q", "--bare")
    return tmp_path.resolve()


def test_folders_and_what_is_in_them(place: Path) -> None:
    assert found([str(place / "all")]) == [
        Found(str(place / "all" / "one"), REPOSITORY),
        Found(str(place / "all" / "plain"), FOLDER),
        Found(str(place / "all" / "two"), REPOSITORY),
    ]
    assert found([str(place / "bare.git")]) == [Found(str(place / "bare.git"), REPOSITORY)]


def test_globs_and_each_source_once(place: Path) -> None:
    named = [str(place / "all" / "t*"), str(place / "all" / "two"), str(place / "all" / "o*")]
    assert [Path(one.place).name for one in found(named)] == ["two", "one"]


def test_a_list_of_paths_and_urls(place: Path) -> None:
    names = "# ours\nall/one  # the shop\n\nhttps://git.example/acme/shop.git\ngit@git.example:acme/two\n"
    (place / "list.txt").write_text(names)
    assert found([str(place / "list.txt")]) == [
        Found(str(place / "all" / "one"), REPOSITORY),
        Found("https://git.example/acme/shop.git", URL),
        Found("git@git.example:acme/two", URL),
    ]


@pytest.mark.parametrize(
    "url",
    ["https://a.example/b.git", "ssh://git@a.example:22/b", "git@a.example:b/c.git", "file:///srv/b.git"],
)
def test_urls(url: str) -> None:
    assert found([url]) == [Found(url, URL)]


@pytest.mark.parametrize("name", ["nowhere", "-upload-pack=x:y", "ext::sh -c x", "none/*", "--x"])
def test_what_is_no_source(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(SourceError) as error:
        found([name])
    assert str(error.value).startswith(f"{name}: no ")


def test_a_list_names_its_line(place: Path) -> None:
    (place / "list.txt").write_text("all/one\nnowhere\n")
    with pytest.raises(SourceError, match=r"list\.txt:2: nowhere: no folder"):
        found([str(place / "list.txt")])


def test_a_folder_without_anything(place: Path) -> None:
    with pytest.raises(SourceError, match="no repository, no app"):
        found([str(place / "all" / "notes")])


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        (("o*",), (), ["one"]),
        ((), ("t*",), ["one", "plain"]),
        (("*",), ("*/all/p*",), ["one", "two"]),
        (("shop",), (), ["shop.git"]),
    ],
)
def test_include_and_exclude(
    place: Path, include: tuple[str, ...], exclude: tuple[str, ...], left: list[str]
) -> None:
    chosen = found([str(place / "all"), "https://git.example/acme/shop.git"], include, exclude)
    assert [
        one.place.rpartition("/")[2] for one in chosen if "shop" in left[0] or "example" not in one.place
    ] == left
