"""What a file states: data, places, comments; and bad files, each one clear error at its place."""

from __future__ import annotations

import pytest
import yaml

from kamal_migrate.text import Span
from kamal_migrate.yamldoc import Data, Refusal, YamlDoc, YamlError
from kamal_migrate.yamldoc.data import NULL, at, drop, effective, get, of, put, same, walk
from kamal_migrate.yamldoc.tree import Node, parse

ORDINARY = """\
\ufeff# top
service: web # trailing
"image": 'user/web'
servers:
  web:
  - 10.0.0.1
  - &b "10.0.0.2"
  job: {hosts: [ *b, 1.5 ], cmd: } # flow

empty:
deep: &d
   text: |
     one

     # two
   more: >-
     three
     four

   plain: some
     words
<<: *d
builder:
# args:
  args: [
    a, # first
    b
  ]
  ? odd
  : key
"""


def value(text: str) -> Data | None:
    return get(YamlDoc(text).data, ("a",))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", of(1)),
        ("a:", NULL),
        ("a: &x\nb: *x", NULL),
        ("a:\n- 1\n-\n- {b: c}", of([1, None, {"b": "c"}])),
        ("a: [b: 1, {c}]", of([{"b": 1}, {"c": None}])),
        ("a: |\n  one\n\n  two\n\n\n", of("one\n\ntwo\n")),
        ("a: |+\n  one\n\n", of("one\n\n")),
        ("a: >-\n  one\n  two", of("one two")),
        ("a: one\n  two", of("one two")),
        ('a: "one\\\n  two"', of("onetwo")),
        ("b: &x {c: 1}\na: *x", of({"c": 1})),
        ("--- # first\na: 1\n...\nb: 2\n", of(1)),
        ("%YAML 1.1\n---\na: no", of(False)),
        ("a: [443:443]", of(["443:443"])),
        ("a: 1\t# tab", of(1)),
        ("\ufeffa: 😀", of("😀")),
        ("a: :b", Data("symbol", "b")),
        ("a: 1\na: 2", of(2)),
    ],
)
def test_data_is_typed_as_psych_types_it(text: str, data: Data) -> None:
    assert value(text) == data


def test_true_is_neither_one_nor_the_text() -> None:
    assert len({of(True), of(1), of(1.0), of("true"), of("1")}) == 5
    assert of(float("nan")) == of(float("nan"))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff", "\n\n"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert YamlDoc(text).data == NULL


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("x: &x {b: 1, c: 1}\na: {b: 2, <<: *x}", {"b": 1, "c": 1}),
        ("x: &x {b: 1, c: 1}\na: {<<: *x, b: 2}", {"b": 2, "c": 1}),
        ("x: &x {b: 1}\ny: &y {b: 2, c: 3}\na: {<<: [*x, *y]}", {"b": 1, "c": 3}),
        ("x: &x {b: 1}\na: {\"<<\": *x}", {"b": 1}),
        ("x: &x [{b: 1}]\na: {<<: *x}", {"<<": [{"b": 1}]}),
        ("x: &x {b: 1}\na: {!!str <<: *x}", {"<<": {"b": 1}}),
        ("a: {<<: 1}", {"<<": 1}),
    ],
    ids=["later wins", "pair wins", "list", "quoted", "alias of a list", "tagged", "no map"],
)  # fmt: skip
def test_merge_keys_work_as_in_psych(text: str, means: object) -> None:
    found = get(YamlDoc(text).effective, ("a",))
    assert found is not None
    assert same(found, of(means))


def test_written_data_keeps_the_merge_key() -> None:
    doc = YamlDoc("x: &x {b: 1}\na: {<<: *x}")
    assert get(doc.data, ("a", "<<")) == of({"b": 1})
    assert not doc.at("a", "b").exists
    assert not doc.at("a", "<<", "b").exists


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("a: 1\n\tb: 2", 5, "tab"),
        ("a:\n\tb: 2", 3, "tab"),
        ("a: *x", 3, "names no anchor"),
        ("a: &x [*x]", 7, "names no anchor"),
        ("a: 'x", 3, "never closed"),
        ('a:\n  b: "x\nc: d\n', 8, "never closed"),
        ("a: 'x\n---\nb: c\n", 3, "never closed"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> topic\n", 5, "merge left its conflict"),
        ("a:\n  b: 1\n<<<<<<< HEAD\n  c: 2\n=======\n  c: 3\n>>>>>>> topic\n", 10, "merge left its conflict"),
        ("a: b: c", 4, "second colon"),
        ("a: @b", 3, "cannot stand here"),
        ("a: 1\nb\n", 7, "without a colon"),
        ("a: [1\nb: 2", 7, ""),
        ("a: 'x'\n - b\n", 8, "continue"),
        ("a: 1\n  b: 2\n", 8, "second colon"),
        ("\ufeffa: [", 5, ""),
        ("a: 1\rb: 2", 4, "line break"),
        ("a: 1 # x\x85b: 2", 8, "line break"),
        ("a: x\u2028y", 4, "line break"),
        ("a: 'x\u2029y'\nb: \u2029", 12, "line break"),
        ("a: b\x00", 4, "U+0000"),
        ("😀: 1\na: \x07", 8, "U+0007"),
        ("a: \ufffe", 3, "U+FFFE"),
        ("a: \ud800", 3, "not Unicode"),
        ("[" * 500, 100, "levels deep"),
        ("{a: " * 500, 400, "levels deep"),
        ("- " * 500, 200, "levels deep"),
    ],
)
def test_bad_input_is_one_error_at_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        YamlDoc(text)
    assert words in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_that_libyaml_itself_refuses_is_told_alike(opening: str) -> None:
    with pytest.raises(YamlError, match="levels deep"):
        YamlDoc(opening * 10_000)


def test_aliases_that_expand_without_end_are_refused() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
    )
    with pytest.raises(YamlError, match="aliases expanded"):
        YamlDoc(bomb)


@pytest.mark.parametrize("text", ["a: 'x\u2028y'", 'a: "x\x85y"'])
def test_odd_line_breaks_do_no_harm_in_quotes(text: str) -> None:
    assert YamlDoc(text).at("a").exists


def test_places_tell_where_a_key_stands() -> None:
    doc = YamlDoc(ORDINARY)
    text = ORDINARY
    assert doc.at("servers", "web", 1).span == Span(text.index("&b"), text.index('"10.0.0.2"') + 10)
    assert doc.at("servers", "job", "hosts").header == text.index("job")
    assert doc.at("servers", "none", "deeper").offset == text.index("servers")
    assert not doc.at("servers", "none").exists
    assert not doc.at("servers", "web", -1).exists
    assert doc.at("servers").header == 0
    with pytest.raises(Refusal, match=r"`servers\.none` is not written here"):
        _ = doc.at("servers", "none").span


def test_scalars_are_listed_with_their_paths() -> None:
    doc = YamlDoc("a: 1\nb: [x, {c: y}]\nd:\nb2: &n 'z'\ne: *n\n")
    found = {path: doc.text[span.start : span.end] for path, span in doc.scalars()}
    assert found == {("a",): "1", ("b", 0): "x", ("b", 1, "c"): "y", ("d",): "", ("b2",): "&n 'z'"}


def test_containers_around_a_line() -> None:
    text = "a:\n  b:\n    c: 1\n\n  d:\ne: 1\n"
    doc = YamlDoc(text)
    assert doc.containers_at(0) == [(), ("a",)]
    assert doc.containers_at(text.index("\n\n") + 1) == [(), ("a",), ("a", "b")]
    assert doc.containers_at(text.index("\ne:") + 1) == [(), ("a",), ("a", "d")]
    assert doc.containers_at(len(text)) == [()]


def test_comments_are_told_from_what_only_looks_like_one() -> None:
    text = (
        "# one\na: 'b # no' # two\nb: \"x\"# three\nc: a#b\nd: | # four\n  # no\n  x\n # five\n"
        "e: [ # six\n  a ] # seven\nf: plain\n  words # eight\n\ufeff".removesuffix("\ufeff")
        + "g: http://x/#no\n...\n# beyond\n"
    )
    words = [comment.text for comment in YamlDoc(text).comments()]
    assert words == [f"# {word}" for word in ["one", "two", "three", "four", "five", "six", "seven", "eight"]]


def nodes(node: Node | None) -> list[tuple[object, ...]]:
    if node is None:
        return []
    own = [(node.kind, node.start, node.end, node.style, node.flow, node.anchor, node.data)]
    keys = [item for entry in node.entries for item in nodes(entry.key)]
    return [*own, *keys, *(item for child in node.children for item in nodes(child))]


@pytest.mark.parametrize(
    "text",
    [
        ORDINARY,
        ORDINARY.replace("\n", "\r\n"),
        "",
        "# c\n",
        "---\na: 1\n...\nb: [\n",
        "a: {b: , c}\n",
        "- - a\n  - b\n-\n  c: 1\n",
        "a: |\n  x",
        "a:   # c\n\n# d\nb: &x\n",
    ],
)
def test_the_parser_in_python_reads_ordinary_files_alike(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    native = nodes(parse(text).root)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert nodes(parse(text).root) == native


@pytest.mark.parametrize(
    ("text", "offset"),
    [("a: 'x", 3), ("a: b: c", 4), ("a: b\x00", 4), ("a: [", 4), ("a:\n\tb: 1", 3), ("[" * 9999, 100)],
)
def test_the_parser_in_python_refuses_alike(text: str, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(YamlError) as caught:
        YamlDoc(text)
    assert caught.value.offset == offset


def test_an_error_that_is_no_parsers_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(yaml, "CLoader", broken)
    monkeypatch.setattr(yaml, "__with_libyaml__", True)
    with pytest.raises(KeyError):
        YamlDoc("a: 1")


def test_data_functions() -> None:
    data = of({"a": {"b": [1, {"c": 2}]}, "d": None})
    assert get(data, ("a", "b", 1, "c")) == of(2)
    assert get(data, ("a", "b", 7)) is get(data, ("x",)) is get(data, ("d", "x")) is None
    assert put(data, ("d", "e", "f"), of(1)) == of({"a": {"b": [1, {"c": 2}]}, "d": {"e": {"f": 1}}})
    assert put(data, ("a", "b", 0), of("x")) == of({"a": {"b": ["x", {"c": 2}]}, "d": None})
    assert drop(data, ("a", "b", 1, "c")) == of({"a": {"b": [1]}, "d": None})
    assert drop(data, ("a", "b", 1, "c"), prune=False) == of({"a": {"b": [1, {}]}, "d": None})
    assert [path for path, _ in walk(of({"a": [True]}))] == [(), ("a",), ("a", 0)]
    assert effective(of([{"<<": 1}])) == of([{"<<": 1}])
    assert put(data, (), of(1)) == of(1)


@pytest.mark.parametrize("path", [("x",), ("a", "x"), ("a", "b", 9), ("d", 0)])
def test_data_that_is_not_there_cannot_be_dropped_or_changed(path: tuple[str | int, ...]) -> None:
    data = of({"a": {"b": [1]}, "d": None})
    with pytest.raises(KeyError):
        drop(data, path)
    with pytest.raises(KeyError):
        at(data, path, lambda found: found)


def test_what_has_no_yaml_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="no YAML for object"):
        of(object())
    with pytest.raises(TypeError, match="pairs or items"):
        YamlDoc("a: 1").at().insert("x")
