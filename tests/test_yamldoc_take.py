"""The verbs that take away or carry, before and after: delete, unwrap and move."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from kamal_migrate.erb import template
from kamal_migrate.yamldoc import Change, Refusal, YamlDoc
from kamal_migrate.yamldoc.data import Path
from tests.invariants import check

DELETE: dict[str, tuple[str, Path, str]] = {
    "entry": ("a: 1\nb: 2\nc: 3\n", ("b",), "a: 1\nc: 3\n"),
    "first": ("a: 1\nb: 2\n", ("a",), "b: 2\n"),
    "first after a BOM": ("\ufeffa: 1\nb: 2\n", ("a",), "\ufeffb: 2\n"),
    "last": ("a: 1\nb: 2\n", ("b",), "a: 1\n"),
    "last without a final newline": ("a: 1\nb: 2", ("b",), "a: 1"),
    "last without a final newline, CRLF": ("a: 1\r\nb: 2", ("b",), "a: 1"),
    "CRLF": ("a: 1\r\nb: 2\r\nc: 3\r\n", ("b",), "a: 1\r\nc: 3\r\n"),
    "block": ("a:\n  b:\n    - 1\n    - 2\n\nc: 3\n", ("a",), "\nc: 3\n"),
    "parents that it empties": ("a:\n  b:\n    c: 1\nd: 1\n", ("a", "b", "c"), "d: 1\n"),
    "lists that it empties": ("a:\n  - b: 1\nd: 1\n", ("a", 0, "b"), "d: 1\n"),
    "parents up to a sibling": ("a:\n  b:\n    c: 1\n  e: 1\n", ("a", "b", "c"), "a:\n  e: 1\n"),
    "item": ("a:\n- 1\n- 2\n- 3\n", ("a", 1), "a:\n- 1\n- 3\n"),
    "item below its dash": ("- # c\n  a: 1\n- 2\n", (1,), "- # c\n  a: 1\n"),
    "later key of an item": ("- a: 1\n  b: 2\n", (0, "b"), "- a: 1\n"),
    "literal block": ("a: |\n  x\n\n  y\nb: 1\n", ("a",), "b: 1\n"),
    "literal block above keeps its line break": ("a: |\n  x\nb: 1", ("b",), "a: |\n  x\n"),
    "many lines": ("a: 'x\n\n  y'\nb: 1\n", ("a",), "b: 1\n"),
    "flow first": ("a: {b: 1, c: 2}\n", ("a", "b"), "a: {c: 2}\n"),
    "flow last": ("a: {b: 1, c: 2 }\n", ("a", "c"), "a: {b: 1 }\n"),
    "flow last after an empty value": ("a: {b: , c}\n", ("a", "c"), "a: {b: }\n"),
    "flow last before a comma": ("a: [b, c,]\n", ("a", 1), "a: [b,]\n"),
    "flow only": ("a: {b: {c: 1}}\nd: 1\n", ("a", "b", "c"), "d: 1\n"),
    "flow on lines": ("a: [\n  b,\n  c,\n  d\n]\n", ("a", 1), "a: [\n  b,\n  d\n]\n"),
    "alias": ("a: &x 1\nb: *x\nc: 1\n", ("b",), "a: &x 1\nc: 1\n"),
    "beside a merge key": (
        "x: &x {y: 1}\na:\n  <<: *x\n  b: 1\n",
        ("a", "b"),
        "x: &x {y: 1}\na:\n  <<: *x\n",
    ),
    "unused anchor": ("a: &x 1\nc: 1\n", ("a",), "c: 1\n"),
    "before the end of the document": ("a: 1\nb: 1\n...\nc\n", ("b",), "a: 1\n...\nc\n"),
}


@pytest.mark.parametrize(
    ("before", "path", "after"), [pytest.param(*row, id=name) for name, row in DELETE.items()]
)
def test_delete(before: str, path: Path, after: str) -> None:
    doc = YamlDoc(before)
    change = doc.at(*path).delete()
    assert check(doc, change, set()) == after


CLEAR = {
    "one": ("a: 1\n", "{}\n"),
    "several": ("# c1\n\na:\n  b: 1\n\n# c2\nc: 1\n", "# c1\n\n{}\n\n# c2\n"),
    "marker and byte order mark": ("\ufeff---\na: 1\nb: 1\n", "\ufeff---\n{}\n"),
    "CRLF without a final newline": ("a: 1\r\nb: 2", "{}\r\n"),
    "alias": ("a: &x 1\nb: *x\n", None),
    "braces": ("{a: 1, b: 2}\n", None),
    "twice": ("a: 1\na: 2\n", None),
    "a block that keeps its blank lines": ("a: |+\n  x\n\nb: 1\n", None),
}


@pytest.mark.parametrize(("before", "after"), [pytest.param(*row, id=name) for name, row in CLEAR.items()])
def test_clear(before: str, after: str | None) -> None:
    doc = YamlDoc(before)
    if after is None:
        with pytest.raises(Refusal):
            doc.at().clear()
    else:
        assert check(doc, doc.at().clear(), set()) == after


def test_clear_keeps_comments() -> None:
    doc = YamlDoc("# above\na: 1 # beside\n# c\nb: 1\n")
    change = doc.at().clear(keep_comments=True)
    assert check(doc, change, set()) == "# above\n{}\n# beside\n# c\n"
    assert not change.lost


UNWRAP: dict[str, tuple[str, Path, Mapping[str, str], str]] = {
    "block": ("a:\n  b: 1\n  c:\n    - 2\nd: 3\n", ("a",), {}, "b: 1\nc:\n  - 2\nd: 3\n"),
    "renamed": ("a:\n  b: 1\n  c: 2\n", ("a",), {"b": "e", "c": "a"}, "e: 1\na: 2\n"),
    "nested": ("x:\n  a:\n     b: 1\n  y: 1\n", ("x", "a"), {}, "x:\n  b: 1\n  y: 1\n"),
    "literal block": ("a:\n  b: |\n    x\n      \n     y\n", ("a",), {}, "b: |\n  x\n    \n   y\n"),
    "CRLF": ("a:\r\n  b: 1\r\nc: 1\r\n", ("a",), {}, "b: 1\r\nc: 1\r\n"),
    "BOM": ("\ufeffa:\n  b: 1\n", ("a",), {}, "\ufeffb: 1\n"),
    "no final newline": ("a:\n  b: 1\n  c: 2", ("a",), {}, "b: 1\nc: 2"),
    "braces": ("a: {b: 1, 'c': [x, y]} # c\nd: 1\n", ("a",), {"b": "no"}, "'no': 1 # c\n'c': [x, y]\nd: 1\n"),
    "braces in braces": ("x: {a: {b: 1, c: }, d: 1}\n", ("x", "a"), {}, "x: {b: 1, c: , d: 1}\n"),
    "merge key": ("x: &x {y: 1}\na:\n  <<: *x\n  b: 1\n", ("a",), {}, "x: &x {y: 1}\n<<: *x\nb: 1\n"),
    "last key of an item": ("- x: 1\n  a:\n    b: 1\n", (0, "a"), {}, "- x: 1\n  b: 1\n"),
}


@pytest.mark.parametrize(
    ("before", "path", "names", "after"), [pytest.param(*row, id=name) for name, row in UNWRAP.items()]
)
def test_unwrap(before: str, path: Path, names: Mapping[str, str], after: str) -> None:
    doc = YamlDoc(before)
    change = doc.at(*path).unwrap(names)
    assert check(doc, change, set()) == after
    assert not change.lost


MOVE: dict[str, tuple[str, Path, Path, str | None, str]] = {
    "deeper": ("a:\n  b: 1\nc: |\n  x\n\n  y\n", ("c",), ("a",), "d", "a:\n  b: 1\n  d: |\n    x\n\n    y\n"),
    "up": (
        "a:\n    b: # c\n        - 1\n    e: 2\nc: 1\n",
        ("a", "b"),
        (),
        None,
        "a:\n    e: 2\nc: 1\nb: # c\n    - 1\n",
    ),
    "within the last block": ("x: 1\na:\n  b: 1\n  c: 2\n", ("a", "c"), (), None, "x: 1\na:\n  b: 1\nc: 2\n"),
    "within the last block, no final newline": (
        "a:\n  b: 1\n  c: 2",
        ("a", "c"),
        (),
        None,
        "a:\n  b: 1\nc: 2",
    ),
    "out of the middle of the last block": ("a:\n  b: 1\n  c: 2", ("a", "b"), (), None, "a:\n  c: 2\nb: 1"),
    "to another block": (
        "a:\n  b: 1\n  c: 2\nd:\n     e: 1\n",
        ("a", "b"),
        ("d",),
        None,
        "a:\n  c: 2\nd:\n     e: 1\n     b: 1\n",
    ),
    "CRLF": ("a:\r\n  b: 1\r\nc: 1\r\n", ("c",), ("a",), None, "a:\r\n  b: 1\r\n  c: 1\r\n"),
    "with its alias": (
        "x: &x 1\nc: *x\na:\n  b: 1\n",
        ("c",),
        ("a",),
        None,
        "x: &x 1\na:\n  b: 1\n  c: *x\n",
    ),
    "quoted": ("c: 1\na:\n  b: 1\n", ("c",), ("a",), "no", 'a:\n  b: 1\n  "no": 1\n'),
    "with the comment that names it": (
        "x: 1\n# c1. the c\n# c2. more\nc: 1 # c3.\n   # c4.\na:\n  b: 1\n",
        ("c",),
        ("a",),
        None,
        "x: 1\na:\n  b: 1\n  # c1. the c\n  # c2. more\n  c: 1 # c3.\n     # c4.\n",
    ),
    "but not the comments at the margin": (
        "a:\n  b: 1\n# c1. x\n  # c2.\n  c:\n# c3. y\n    d: 1\n  e: 1\nz: 1\n",
        ("a", "c"),
        (),
        None,
        "a:\n  b: 1\n# c1. x\n  # c2.\n# c3. y\n  e: 1\nz: 1\nc:\n  d: 1\n",
    ),
}


@pytest.mark.parametrize(
    ("before", "path", "target", "key", "after"),
    [pytest.param(*row, id=name) for name, row in MOVE.items()],
)
def test_move(before: str, path: Path, target: Path, key: str | None, after: str) -> None:
    doc = YamlDoc(before)
    change = doc.at(*path).move(*target, key=key)
    assert check(doc, change, set()) == after
    assert not change.lost


REFUSED: dict[str, tuple[str, str, Path, str]] = {
    "all there is": ("a:\n  b: 1\n", "delete", ("a", "b"), "would say nothing"),
    "anchor in use": ("a: {b: &x 1, c: 2}\nd: *x\n", "delete", ("a", "b"), "&x is used elsewhere"),
    "duplicate": ("a: 1\na: 2\nb: 1\n", "delete", ("a",), "`a` stands twice"),
    "question mark": ("? a\n: 1\nb: 1\n", "delete", ("a",), "written with `\\?`"),
    "question mark far above": ("? # c\n  a\n: 1\nb: 1\n", "delete", ("a",), "written with `\\?`"),
    "first key of an item": ("- a: 1\n  b: 2\n", "delete", (0, "a"), "on the same line"),
    "item of an item": ("- - 1\n  - 2\n", "delete", (0, 0), "on the same line"),
    "comment within braces": ("a: {b: 1, # c\n  c: 2}\n", "delete", ("a", "b"), "comment stands between"),
    "below a block that keeps blank lines": ("a: |+\n  x\nb: 1\n\nc: 1\n", "delete", ("b",), "blank lines"),
    "unwrap a scalar": ("a: 1\n", "unwrap", ("a",), "no mapping to unwrap"),
    "unwrap an item": ("- {a: 1}\n", "unwrap", (0,), "no mapping to unwrap"),
    "unwrap over a sibling": ("a:\n  b: 1\nb: 2\n", "unwrap", ("a",), "`b` stands there already"),
    "unwrap an anchor": ("a: &x\n  b: 1\n", "unwrap", ("a",), "behind the key"),
    "unwrap an anchor in use": ("a: &x\n  b: 1\nc: *x\n", "unwrap", ("a",), "&x is used"),
    "unwrap the first key of an item": ("- a:\n    b: 1\n  c: 1\n", "unwrap", (0, "a"), "on the same line"),
    "unwrap duplicates": ("a:\n  b: 1\n  b: 2\n", "unwrap", ("a",), "`b` stands twice"),
    "unwrap comments in braces": ("a: {b: 1, # c\n  d: 2}\n", "unwrap", ("a",), "between the braces"),
    "unwrap a pair": ("x: [a: {b: 1}]\n", "unwrap", ("x", 0, "a"), "behind the key"),
    "unwrap braces with a tag": ("a: !!map {b: 1}\n", "unwrap", ("a",), "behind the key"),
    "move to nowhere": ("a: 1\nb: 1\n", "move", ("a",), "nothing to move it into"),
    "move into a scalar": ("a: 1\nto: 1\n", "move", ("a",), "into a block"),
    "move into braces": ("a: 1\nto: {b: 1}\n", "move", ("a",), "into a block"),
    "move over a sibling": ("a: 1\nto:\n  a: 1\n", "move", ("a",), "stands there already"),
    "move the only one": ("x:\n  a: 1\nto:\n  b: 1\n", "move", ("x", "a"), "out of here"),
    "move out of braces": ("x: {a: 1, c: 1}\nto:\n  b: 1\n", "move", ("x", "a"), "out of here"),
    "move an item": ("x:\n- 1\n- 2\nto:\n  b: 1\n", "move", ("x", 0), "out of here"),
    "move where it is": ("x: 1\nto:\n  a: 1\n  b: 1\n", "move", ("to", "a"), "cannot be moved there"),
    "move into itself": ("x: 1\nto:\n  a: 1\n", "move", ("to",), "cannot be moved there"),
    "move above its anchor": ("to:\n  b: 1\nx: &x 1\na: *x\n", "move", ("a",), "anchors stand below"),
    "move below a question mark": ("to:\n  ? b\n  : 1\na: 1\n", "move", ("a",), "written with `\\?`"),
    "move to blank lines": (
        "to:\n  b: 1\n\nx: 1\na: |+\n  y\nz: 1\n",
        "move",
        ("a",),
        "blank lines below its new place",
    ),
    "move an unfinished literal": ("to:\n  b: 1\na: |\n  x", "move", ("a",), "without a line break"),
}


@pytest.mark.parametrize(
    ("text", "verb", "path", "reason"), [pytest.param(*row, id=name) for name, row in REFUSED.items()]
)
def test_what_cannot_be_done_safely_is_refused_with_a_reason(
    text: str, verb: str, path: Path, reason: str
) -> None:
    place = YamlDoc(text).at(*path)
    verbs: dict[str, Callable[[], Change]] = {
        "delete": place.delete,
        "unwrap": place.unwrap,
        "move": lambda: place.move("to"),
    }
    with pytest.raises(Refusal, match=reason) as caught:
        verbs[verb]()
    assert 0 <= caught.value.offset <= len(text)


def test_no_edit_takes_away_erb_that_is_structure() -> None:
    text = "a:\n  b: 1\n<% if x %>\n  c: 2\n<% end %>\nd: 1\n"
    erb = template(text)
    shown = YamlDoc(text, erb.mask(erb.branches[0]), erb.spans).at("a")
    verbs: tuple[Callable[[], Change], ...] = (shown.delete, lambda: shown.set(1))
    for verb in verbs:
        with pytest.raises(Refusal, match="ERB tag stands in between") as caught:
            verb()
        assert caught.value.offset == text.index("<%")
