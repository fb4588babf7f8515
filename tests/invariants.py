"""What must hold after every edit, told without the engine's own view of comments."""

from __future__ import annotations

import re

from kamal_migrate.text import splice
from kamal_migrate.yamldoc import Change, YamlDoc

_COMMENT = re.compile(r"# c\d+\.")
_KEY = re.compile(r"\bk\d+(?=['\"]?:)")


def comments_in(text: str) -> set[str]:
    """The marks of the comments in a generated file."""
    return set(_COMMENT.findall(text))


def owners(text: str) -> dict[str, tuple[str, str]]:
    """For each comment the key beside it, or directly below it at the same column, and which of both."""
    found: dict[str, tuple[str, str]] = {}
    waiting: list[tuple[int, str]] = []
    for line in text.lstrip("\ufeff").splitlines():
        comment, key = _COMMENT.search(line), _KEY.search(line.split(" # c")[0])
        indent = len(line) - len(line.lstrip())
        if comment and line.lstrip().startswith("#"):
            waiting.append((indent, comment[0]))
            continue
        if key and line.lstrip("'\" ").startswith("k"):
            for column, above in waiting:
                if column == indent:
                    found[above] = ("above", key[0])
        if comment and key:
            found[comment[0]] = ("beside", key[0])
        waiting = []
    return found


def keys_below(text: str, start: int, end: int) -> set[str]:
    """The keys that a stretch of text names."""
    return set(_KEY.findall(text[start:end]))


def check(doc: YamlDoc, change: Change, touched: set[str]) -> str:
    """The text after a change, proved; ``touched`` are the keys whose comments may change place."""
    text = doc.text
    after = splice(text, change.edits)
    assert YamlDoc(after).data == change.meaning(doc.data)
    lost = {mark for comment in change.lost for mark in _COMMENT.findall(comment.text)}
    assert comments_in(after) == comments_in(text) - lost
    if "\r\n" in text:
        assert not re.search(r"(?<!\r)\n", after)
    assert after.startswith("\ufeff") == text.startswith("\ufeff")
    now = owners(after)
    left = set(_KEY.findall(after))
    for comment, (where, key) in owners(text).items():
        if key not in touched and key in left and comment in comments_in(after):
            assert now.get(comment) == (where, key), (comment, where, key)
    return after
