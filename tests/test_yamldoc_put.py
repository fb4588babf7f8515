"""The verbs that write, before and after: set, insert and rename. Each result is proved as well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kamal_migrate.yamldoc import Change, Data, Refusal, YamlDoc
from tests.invariants import check

Verb = Callable[[YamlDoc], Change]


def put(*path: str | int, value: object) -> Verb:
    return lambda doc: doc.at(*path).set(value)


def insert(*path: str | int, value: object, after: str | None = None) -> Verb:
    return lambda doc: doc.at(*path).insert(value, after=after)


def rename(*path: str | int, new: str) -> Verb:
    return lambda doc: doc.at(*path).rename(new)


SET: dict[str, tuple[str, Verb, str]] = {
    "plain": ("a: 1\n", put("a", value=2), "a: 2\n"),
    "same value": ("a:   0x10 # c\n", put("a", value=16), "a:   0x10 # c\n"),
    "alignment and comment": ("a:   1  # c\n", put("a", value=2), "a:   2  # c\n"),
    "tab before a comment": ("a: 1\t# c\n", put("a", value=2), "a: 2\t# c\n"),
    "trailing spaces": ("a: 1  \nb: 1\n", put("a", value=2), "a: 2  \nb: 1\n"),
    "no final newline": ("a: 1", put("a", value="no"), 'a: "no"'),
    "CRLF": ("a: 1\r\nb: 2\r\n", put("a", value={"x": 1}), "a:\r\n  x: 1\r\nb: 2\r\n"),
    "BOM": ("\ufeffa: 1\n", put("a", value="é😀"), "\ufeffa: é😀\n"),
    "astral characters before": ("a: 😀 # 😀\nb: 1\n", put("b", value=2), "a: 😀 # 😀\nb: 2\n"),
    "quoted key": ("'a' : \"x\"\n", put("a", value="y"), "'a' : y\n"),
    "quote style": ("a: 'x'\nb: 1\n", put("b", value="yes"), "a: 'x'\nb: 'yes'\n"),
    "line breaks in a text": ("a: 'x'\nb: 1\n", put("b", value="l\nm"), "a: 'x'\nb: \"l\\nm\"\n"),
    "empty value": ("a:\nb: 1\n", put("a", value="x"), "a: x\nb: 1\n"),
    "empty value with comment": ("a:  # c\nb: 1\n", put("a", value="x"), "a: x  # c\nb: 1\n"),
    "empty value to a map": ("a: # c\nb: 1\n", put("a", value={"x": 1}), "a: # c\n  x: 1\nb: 1\n"),
    "empty value to a map, below its comments": (
        "a: # c\n    # d\n\nb: 1\n",
        put("a", value={"x": 1}),
        "a: # c\n    # d\n    x: 1\n\nb: 1\n",
    ),
    "value on the next line": ("a:\n  # c\n  one # d\n", put("a", value=2), "a:\n  # c\n  2 # d\n"),
    "value on the next line to a map": (
        "a:\n   one # d\nb: 1\n",
        put("a", value={"x": 1, "y": 2}),
        "a:\n   x: 1 # d\n   y: 2\nb: 1\n",
    ),
    "scalar to a map": (
        "a: one # c\nb:\n    z: 1\n",
        put("a", value={"x": {"y": [1, "no"]}}),
        'a: # c\n    x:\n        y:\n            - 1\n            - "no"\nb:\n    z: 1\n',
    ),
    "literal block": ("a: |- # c\n  x\n\n  y\n\nb: 1\n", put("a", value=1), "a: 1 # c\n\nb: 1\n"),
    "folded block to a map": ("a: > # c\n  x\nb: 1\n", put("a", value={"x": 1}), "a: # c\n  x: 1\nb: 1\n"),
    "many plain lines": ("a: one\n  two # c\nb: 1\n", put("a", value=1), "a: 1 # c\nb: 1\n"),
    "many quoted lines": ("a: 'one\n\n  two'\nb: 1\n", put("a", value=1), "a: 1\nb: 1\n"),
    "block map to a scalar": ("a: # c\n  b: 1\n  c: 2\nd: 1\n", put("a", value=1), "a: 1 # c\nd: 1\n"),
    "block map to another": (
        "a: # c\n   b: 1\nd: 1\n",
        put("a", value={"x": 1}),
        "a: # c\n   x: 1\nd: 1\n",
    ),
    "block list to a list": ("a:\n- 1\n- 2\nb: 1\n", put("a", value=[3]), "a: [3]\nb: 1\n"),
    "block with an anchor": ("a: &x # c\n  b: 1\nd: 1\n", put("a", value=1), "a: 1 # c\nd: 1\n"),
    "block with an anchor below": ("a:\n  &x\n  b: 1\nd: 1\n", put("a", value=1), "a: 1\nd: 1\n"),
    "unused anchor": ("a: &x 1\n", put("a", value=2), "a: &x 2\n"),
    "unused anchor of nothing": ("a: &x\nb: 1\n", put("a", value=2), "a: &x 2\nb: 1\n"),
    "alias": ("a: &x 1\nb: *x # c\n", put("b", value=2), "a: &x 1\nb: 2 # c\n"),
    "tag": ("a: !!str 1 # c\n", put("a", value=2), "a: 2 # c\n"),
    "flow map": ("a: {b: 1, c: x}\n", put("a", "c", value="y, z"), 'a: {b: 1, c: "y, z"}\n'),
    "flow map without a value": ("a: {b: 1, c}\n", put("a", "c", value="y"), "a: {b: 1, c: y}\n"),
    "flow map with an empty value": ("a: {b: , c: 1}\n", put("a", "b", value="y"), "a: {b: y , c: 1}\n"),
    "flow list": ("a: [1, 'x' ]\n", put("a", 1, value={"b": "no"}), "a: [1, {b: 'no'} ]\n"),
    "flow padding": ("a: { b: 1 }\nc: 1\n", put("a", "b", value={"d": 2}), "a: { b: { d: 2 } }\nc: 1\n"),
    "flow map to a block": ("a: {b: 1} # c\n", put("a", value={"x": 1}), "a: # c\n  x: 1\n"),
    "list item": ("a:\n  - 1 # c\n  - 2\n", put("a", 0, value="x: y"), 'a:\n  - "x: y" # c\n  - 2\n'),
    "empty list item": ("a:\n  -\n  - 2\n", put("a", 0, value=1), "a:\n  - 1\n  - 2\n"),
    "map item": ("a:\n  - b: 1\n    c: 2\n  - 2\n", put("a", 0, value=1), "a:\n  - 1\n  - 2\n"),
    "first key of a map item": ("- b: 1\n  c: 2\n", put(0, "b", value=3), "- b: 3\n  c: 2\n"),
    "before the end of the document": ("a: 1\n...\nb: 1\n", put("a", value=2), "a: 2\n...\nb: 1\n"),
    "ERB": ("a: 1\n", put("a", value=Data("erb", '"<%= x %>"')), 'a: "<%= x %>"\n'),
    "ERB in a map": ("a: 1\n", put("a", value={"x": Data("erb", "<%= x %>")}), "a:\n  x: <%= x %>\n"),
}

INSERT: dict[str, tuple[str, Verb, str]] = {
    "at the end": ("a: 1\n", insert(value={"b": {"c": "no"}}), 'a: 1\nb:\n  c: "no"\n'),
    "blocks that stand apart": (
        "a: 1\n\n# on b\nb: 1\n\n",
        insert(value={"c": 1}),
        "a: 1\n\n# on b\nb: 1\n\nc: 1\n\n",
    ),
    "no final newline": ("a: 1", insert(value={"b": 1}), "a: 1\nb: 1"),
    "after an entry": (
        "a: 1 # c\n# d\nb: 1\n",
        insert(value={"n": 1}, after="a"),
        "a: 1 # c\nn: 1\n# d\nb: 1\n",
    ),
    "after nobody": ("a: 1\n", insert(value={"n": 1}, after="z"), "a: 1\nn: 1\n"),
    "after a block": (
        "a:\n  b:\n   - 1\nc: 1\n",
        insert(value={"n": 1}, after="a"),
        "a:\n  b:\n   - 1\nn: 1\nc: 1\n",
    ),
    "after an empty value": ("a:\nc: 1\n", insert(value={"n": 1}, after="a"), "a:\nn: 1\nc: 1\n"),
    "after a literal block": (
        "a: |+\n  x\n\nc: 1\n",
        insert(value={"n": 1}, after="a"),
        "a: |+\n  x\n\nn: 1\nc: 1\n",
    ),
    "after the last line of a literal block": (
        "a:\n  b: |\n    x\n\n    y\n\nc: 1\n",
        insert("a", value={"n": 1}),
        "a:\n  b: |\n    x\n\n    y\n  n: 1\n\nc: 1\n",
    ),
    "four columns": (
        "a:\n    b:\n        c: 1\n",
        insert("a", value={"n": {"o": 1}}),
        "a:\n    b:\n        c: 1\n    n:\n        o: 1\n",
    ),
    "one column": (
        "a:\n b: 1\n",
        insert("a", value={"n": {"o": [{"p": 1}]}}),
        "a:\n b: 1\n n:\n  o:\n   - p: 1\n",
    ),
    "mixed columns": (
        "a:\n    b: 1\nc:\n  d:\n    e: 1\n",
        insert("a", value={"n": {"o": 1}}),
        "a:\n    b: 1\n    n:\n      o: 1\nc:\n  d:\n    e: 1\n",
    ),
    "indentless list": (
        "a:\n- 1\nb: 2\n",
        insert("a", value=[3, {"c": "x"}]),
        "a:\n- 1\n- 3\n- {c: x}\nb: 2\n",
    ),
    "over-indented list": (
        "a:\n      - 1 # c\nb: 2\n",
        insert("a", value=["no"]),
        'a:\n      - 1 # c\n      - "no"\nb: 2\n',
    ),
    "new list as the file has it": (
        "a:\n- b: 1\nc:\n- 2\n",
        insert(value={"n": [{"o": 1}]}),
        "a:\n- b: 1\nc:\n- 2\nn:\n- o: 1\n",
    ),
    "list with an anchor": ("a: &x\n  - 1\nb: 2\n", insert("a", value=[2]), "a: &x\n  - 1\n  - 2\nb: 2\n"),
    "nested list": ("- - 1\n- 2\n", insert(0, value=[3]), "- - 1\n  - 3\n- 2\n"),
    "map item": ("- a: 1\n- 2\n", insert(0, value={"n": 1}), "- a: 1\n  n: 1\n- 2\n"),
    "map item below its dash": (
        "- # c\n  a: 1\n- 2\n",
        insert(0, value={"n": 1}),
        "- # c\n  a: 1\n  n: 1\n- 2\n",
    ),
    "flow map": ("a: {b: 1}\n", insert("a", value={"n": [1]}), "a: {b: 1, n: [1]}\n"),
    "flow map that ends empty": ("a: {b: }\n", insert("a", value={"n": 1}), "a: {b: , n: 1 }\n"),
    "flow map of keys": ("a: {b, c}\n", insert("a", value={"n": 1}, after="b"), "a: {b, n: 1, c}\n"),
    "flow list": ("a: [ 1, ]\n", insert("a", value=["x"]), "a: [ 1, x, ]\n"),
    "flow list on lines": (
        "a: [\n  1, # c\n  2 # d\n]\n",
        insert("a", value=["x"]),
        "a: [\n  1, # c\n  2, # d\n  x\n]\n",
    ),
    "flow list on lines with a last comma": (
        "a: [\n  1,\n  2, # d\n]\n",
        insert("a", value=["x", "y"]),
        "a: [\n  1,\n  2, # d\n  x,\n  y,\n]\n",
    ),
    "flow map on lines": (
        "a: {\n  b: 1 # c\n}\n",
        insert("a", value={"n": 1}),
        "a: {\n  b: 1, # c\n  n: 1\n}\n",
    ),
    "flow map with its last pair on a line": (
        "a: {b: 1,\n    c: 2\n}\n",
        insert("a", value={"n": 1}),
        "a: {b: 1,\n    c: 2,\n    n: 1\n}\n",
    ),
    "list whose first item is below its dash": (
        "a:\n  -\n    # c\n    b: 1\nd: 1\n",
        insert("a", value=["n"]),
        "a:\n  -\n    # c\n    b: 1\n  - n\nd: 1\n",
    ),
    "list in a file without any": ("a: 1\n", insert(value={"n": ["x", "y"]}), "a: 1\nn:\n  - x\n  - y\n"),
    "list beside blocks": ("a:\n- 1\n", insert(value={"n": ["x"]}), "a:\n- 1\nn:\n- x\n"),
    "list beside brackets": ("a: [1]\n", insert(value={"n": ["x", "y"]}), "a: [1]\nn: [x, y]\n"),
    "list where most stand in brackets": (
        "a: [1]\nb: [2]\nc:\n  - 3\n",
        insert(value={"n": {"m": ["x"]}}),
        "a: [1]\nb: [2]\nc:\n  - 3\nn:\n  m: [x]\n",
    ),
    "empty list beside blocks": ("a:\n- 1\n", insert(value={"n": []}), "a:\n- 1\nn: []\n"),
    "list within a list": ("a:\n- 1\n", insert(value={"n": [["x"]]}), "a:\n- 1\nn:\n- - x\n"),
    "flow root": ("{a: 1}\n", insert(value={"b": 1}), "{a: 1, b: 1}\n"),
    "empty value": ("a: # c\nb: 1\n", insert("a", value={"n": 1}), "a: # c\n  n: 1\nb: 1\n"),
    "empty braces": ("a: {} # c\nb: 1\n", insert("a", value={"n": 1}), "a: # c\n  n: 1\nb: 1\n"),
    "empty brackets": ("a: []\n", insert("a", value=["x"]), "a: [x]\n"),
    "tilde": ("a: ~\n", insert("a", value={"n": 1}), "a:\n  n: 1\n"),
    "nothing to insert": ("a: 1\n", insert(value={}), "a: 1\n"),
    "empty file": ("", insert(value={"n": 1}), "n: 1\n"),
    "file of comments": ("# c", insert(value={"n": {"o": 1}}), "# c\nn:\n  o: 1\n"),
    "file with an empty root": ("---\n", insert(value={"n": 1}), "---\nn: 1\n"),
    "file with an empty root and a comment": (
        "--- # c\n",
        insert(value={"n": 1, "o": 2}),
        "--- # c\nn: 1\no: 2\n",
    ),
    "root in braces": ("{} # c\n", insert(value={"n": 1, "o": 2}), "n: 1 # c\no: 2\n"),
    "root in braces after the marker": ("--- {}\n", insert(value={"n": 1}), "--- \nn: 1\n"),
    "before the end of the document": (
        "a: 1\n...\nb: 1\n",
        insert(value={"n": 1}),
        "a: 1\nn: 1\n...\nb: 1\n",
    ),
    "before a second document": ("a: 1\n---\nb: 1\n", insert(value={"n": 1}), "a: 1\nn: 1\n---\nb: 1\n"),
    "CRLF": ("a:\r\n  b: 1\r\n", insert("a", value={"n": 1}), "a:\r\n  b: 1\r\n  n: 1\r\n"),
    "beside a merge key": (
        "x: &x {b: 1}\na:\n  <<: *x\n",
        insert("a", value={"n": 1}),
        "x: &x {b: 1}\na:\n  <<: *x\n  n: 1\n",
    ),
    "symbol": ("a: 1\n", insert(value={"b": Data("symbol", "c")}), "a: 1\nb: :c\n"),
    "key of another type": (
        "a: 1\n",
        insert(value={"b": {"no": 1, "80": 2}}),
        'a: 1\nb:\n  "no": 1\n  "80": 2\n',
    ),
}

RENAME: dict[str, tuple[str, Verb, str]] = {
    "plain": ("a:  1 # c\n", rename("a", new="b"), "b:  1 # c\n"),
    "single quotes stay": ("'a': 1\n", rename("a", new="b"), "'b': 1\n"),
    "double quotes stay": ('x:\n  "a" : 1\n', rename("x", "a", new="b"), 'x:\n  "b" : 1\n'),
    "to a word of another type": ("a: 1\n", rename("a", new="on"), '"on": 1\n'),
    "from a word of another type": ("80: 1\n", rename("80", new="port"), "port: 1\n"),
    "to words that need quotes": ("a: 'x'\n", rename("a", new="it's: x"), "'it''s: x': 'x'\n"),
    "in braces": ("x: {a: 1}\n", rename("x", "a", new="b"), "x: {b: 1}\n"),
    "first key of an item": ("- a: 1\n  c: 1\n", rename(0, "a", new="b"), "- b: 1\n  c: 1\n"),
    "BOM": ("\ufeffa: 1\n", rename("a", new="b"), "\ufeffb: 1\n"),
    "key of a block": ("a:\n  b: 1\n", rename("a", new="cc"), "cc:\n  b: 1\n"),
}


TABLES = {"set": SET, "insert": INSERT, "rename": RENAME}


@pytest.mark.parametrize(
    ("before", "verb", "after"),
    [
        pytest.param(*row, id=f"{verb}: {name}")
        for verb, table in TABLES.items()
        for name, row in table.items()
    ],
)
def test_before_and_after(before: str, verb: Verb, after: str) -> None:
    doc = YamlDoc(before)
    change = verb(doc)
    assert doc.splice(change) == after
    if "<%" not in after:
        check(doc, change, set())
    assert change.lost == ()


REFUSED: dict[str, tuple[str, Verb, str]] = {
    "nothing there": ("a: 1\n", put("b", value=1), "`b` is not written here"),
    "through an alias": ("a: &x {b: 1}\nc: *x\n", put("c", "b", value=1), "is not written here"),
    "anchor in use": ("a: &x 1\nb: *x\n", put("a", value=2), "&x is used elsewhere"),
    "within an anchor in use": ("a: &x {b: 1}\nc: *x\n", put("a", "b", value=2), "&x is used elsewhere"),
    "an anchor in use within": ("a: {b: &x 1}\nc: *x\n", put("a", value=2), "&x is used elsewhere"),
    "duplicate": ("a: 1\nb: 1\na: 2\n", put("b", value=2), "`a` stands twice"),
    "question mark": ("? a\n: 1\n", put("a", value=2), "written with `\\?`"),
    "question mark in braces": ("x: {? a : 1}\n", put("x", "a", value=2), "written with `\\?`"),
    "tag before a block": ("a: !!map {b: 1}\n", put("a", value={"c": 1}), "has a tag"),
    "ERB in brackets": ("a: [1]\n", put("a", 0, value=Data("erb", "<%= x %>")), "brackets"),
    "ERB in new brackets": ("a: 1\n", put("a", value=[[Data("erb", "<%= x %>")]]), "brackets"),
    "ERB in the brackets of an item": ("a:\n- 1\n", put("a", 0, value=[Data("erb", "<%= x %>")]), "brackets"),
    "ERB of many lines": ("a: 1\n", put("a", value=Data("erb", "|\n  <%= x %>")), "several lines"),
    "insert into a scalar": ("a: 1\n", insert("a", value={"n": 1}), "where a mapping is due"),
    "insert items into a map": ("a: {b: 1}\n", insert("a", value=["n"]), "where a sequence is due"),
    "insert into an alias": ("a: &x {b: 1}\nc: *x\n", insert("c", value={"n": 1}), "comes from \\*x"),
    "insert into an anchor": ("a: &x {b: 1}\nc: *x\n", insert("a", value={"n": 1}), "&x is used"),
    "insert what stands there": ("a: 1\n", insert(value={"a": 1}), "`a` stands there already"),
    "insert beside a question mark": ("? a\n: 1\n", insert(value={"n": 1}), "written with `\\?`"),
    "insert into a pair": ("a: [b: 1]\n", insert("a", 0, value={"n": 1}), "without braces"),
    "insert after an unfinished literal": ("a: |\n  x", insert(value={"n": 1}), "without a line break"),
    "insert items into an empty file": ("---\n", insert(value=["n"]), "nothing can be put here"),
    "rename to what stands there": ("a: 1\nb: 1\n", rename("a", new="b"), "stands in this mapping"),
    "rename an item": ("- 1\n", rename(0, new="b"), "cannot be renamed"),
    "rename to a merge key": ("a: 1\n", rename("a", new="<<"), "merge key"),
    "rename a merge key": (
        "x: &x {y: 1}\na: {<<: *x}\n",
        rename("a", "<<", new="b"),
        "cannot be renamed|merge",
    ),
    "rename a key with an anchor": ("&x a: 1\n", rename("a", new="b"), "an anchor or a tag"),
    "rename an alias": ("a: &x b\n*x : 1\n", rename("b", new="c"), "cannot be renamed"),
}


@pytest.mark.parametrize(
    ("text", "verb", "reason"), [pytest.param(*row, id=name) for name, row in REFUSED.items()]
)
def test_what_cannot_be_done_safely_is_refused_with_a_reason(text: str, verb: Verb, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as caught:
        verb(YamlDoc(text))
    assert 0 <= caught.value.offset <= len(text)
    assert str(caught.value) == caught.value.reason


def test_a_replaced_block_names_the_comments_that_go() -> None:
    doc = YamlDoc("a: # c1.\n  # c2.\n  b: 1 # c3.\n# c4.\n  c: 2\nd: 1\n")
    change = doc.at("a").set("x")
    assert [comment.text for comment in change.lost] == ["# c2.", "# c3."]
    assert check(doc, change, {"a"}) == "a: x # c1.\n# c4.\nd: 1\n"
