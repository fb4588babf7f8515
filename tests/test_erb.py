"""ERB: tags, masks of the same length, branches, regions; nothing is ever evaluated."""

from __future__ import annotations

import pytest

from kamal_migrate.erb import MAX_COMBINATIONS, ErbError, Template, template
from kamal_migrate.yamldoc import Data, YamlDoc
from kamal_migrate.yamldoc.data import get

IF = "a: 1\n<% if x %>\nb: 2\n<% end %>\nc: 3\n"


def docs(text: str) -> list[YamlDoc]:
    """One document for each branch."""
    erb = template(text)
    return [YamlDoc(text, erb.mask(choice), erb.spans) for choice in erb.branches]


def plain(text: str) -> list[object]:
    """The data of each branch as Python values; ERB as its source."""
    return [_plain(doc.data) for doc in docs(text)]


def _plain(data: Data) -> object:
    if data.kind == "map":
        return {key.value: _plain(value) for key, value in data.value}
    return [_plain(item) for item in data.value] if data.kind == "list" else data.value


@pytest.mark.parametrize(
    ("text", "branches"),
    [
        ("a: <%= x %>\n", [{"a": "<%= x %>"}]),
        ("a: b-<%= x %>-c\n", [{"a": "b-<%= x %>-c"}]),
        ('a: "<%= ENV["A"] %>"\n', [{"a": '"<%= ENV["A"] %>"'}]),
        ("a: '<%= ENV['A'] %>'\n", [{"a": "'<%= ENV['A'] %>'"}]),
        ("a: <%= { b: 1, c: [2] }[:b] # x %>\n", [{"a": "<%= { b: 1, c: [2] }[:b] # x %>"}]),
        ("a: <%= x(\n  1) %>\nb: 2\n", [{"a": "<%= x(\n  1) %>", "b": 2}]),
        ("<%= x %>: 1\nb: 2\n", [{"<%= x %>": 1, "b": 2}]),
        ("k-<%= x %>: 1\nk-<%= y %>: 1\n", [{"k-<%= x %>": 1, "k-<%= y %>": 1}]),
        ("a: [<%= x %>, 2]\n", [{"a": ["<%= x %>", 2]}]),
        ("- <%= x %>\n- 2\n", [["<%= x %>", 2]]),
        ("a: 1 # <%= x %> <% y %>\nb: 2\n", [{"a": 1, "b": 2}]),
        ("# <% if x\n %>\na: 1\n# <% end %>\n", [{"a": 1}, None]),
        ("<%# a: 0 %>\na: 1\n", [{"a": 1}]),
        ("<%\n  x = 1\n  y = { a: 2 }\n%>\na: 1\n", [{"a": 1}]),
        ("<% x = 1 %>a: 1\n", [{"a": 1}]),
        ("  <%- x = 1 -%>\na: 1\n", [{"a": 1}]),
        ("a: <% if x %>1<% else %>2<% end %>\n", [{"a": "<% if x %>1<% else %>2<% end %>"}]),
        ("a: 50%\nb: '<%%= x %>'\n", [{"a": "50%", "b": "<%%= x %>"}]),
        ("a: <%= '%%>' %>\n", [{"a": "<%= '%%>' %>"}]),
        (IF, [{"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}]),
        (IF.replace("\n", "\r\n"), [{"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}]),
        (IF.replace("%>", "-%>"), [{"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 3}]),
        ("<% unless x %>\na: 1\n<% else %>\na: 2\n<% end %>\n", [{"a": 2}, {"a": 1}]),
        ("<% unless x %>\na: 1\n<% end %>\nb: 2\n", [{"b": 2}, {"a": 1, "b": 2}]),
        (
            "<% if x %>\na: 1\n<% elsif y %>\na: 2\n<% else %>\na: 3\n<% end %>\n",
            [{"a": 1}, {"a": 2}, {"a": 3}],
        ),
        (
            "b: 0\n<% case x %>\n<% when 1 %>\na: 1\n<% when 2 %>\na: 2\n<% end %>\n",
            [{"b": 0, "a": 1}, {"b": 0, "a": 2}, {"b": 0}],
        ),
        ("<% xs.each do |x| %>\n- <%= x %>\n<% end %>\n", [["<%= x %>"]]),
        ("<% xs.each { |x| %>\n- <%= x %>\n<% } %>\n", [["<%= x %>"]]),
        ("a: |\n  one\n  <%= x %>\n  two\nb: 1\n", [{"a": "|\n  one\n  <%= x %>\n  two", "b": 1}]),
        ("a: |\n  one\n<% if x %>\n  two\n<% end %>\nb: 1\n", None),
        (
            "<% if a %>\nx: <% if b %>1<% end %>\n<% end %>\ny: 2\n",
            [{"x": "<% if b %>1<% end %>", "y": 2}, {"y": 2}],
        ),
        ("a: <%= x %><%= y %>\n<%= z %><%= z %>\n", [{"a": "<%= x %><%= y %>"}]),
        ("<% x = if y then 1 else 2 end %>\n<% z = 1 if y %>\na: 1\n", [{"a": 1}]),
        ("<%\n if x\n  y = 1\n end\n z = 2\n%>\na: 1\n", [{"a": 1}]),
        ("<% while x do %>\n<% end %>\na: 1\n", [{"a": 1}]),
        ("<% h = { end: 1, if: 2 }.end %>\na: 1\n", [{"a": 1}]),
        ("<% if h = { a: 1 } %>\na: 1\n<% end %>\nb: 2\n", [{"a": 1, "b": 2}, {"b": 2}]),
        ("<% x = 'do {' # if %>\na: 1\n", [{"a": 1}]),
        ("\ufeff<% x = 1 %>\na: 1\n", [{"a": 1}]),
        ("\ufeff<%= x %>\na: 1\n", [{"a": 1}]),
        ("a:\n  <% x %> <% y %>  b: 1\n", [{"a": {"b": 1}}]),
        ("a:\n  <% if x %>b: 1<% end %>\n  c: 2\n", [{"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}]),
    ],
)
def test_masked_text_is_yaml_with_the_same_offsets(text: str, branches: list[object] | None) -> None:
    erb = template(text)
    assert all(len(erb.mask(choice)) == len(text) for choice in erb.branches)
    assert branches is None or plain(text) == branches


def test_a_text_without_erb_is_itself() -> None:
    erb = template("a: 1\n")
    assert erb == Template("a: 1\n", [], [])
    assert erb.branches == [{}]
    assert erb.mask({}) == "a: 1\n"
    assert not list(erb.emitting())
    assert not erb.spans


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("a: 1\nb: <%= x\n", 8, "never closed"),
        ("a: 1\n<% end %>\n", 5, "closes nothing"),
        ("a: 1\n<% else %>\n", 5, "closes nothing"),
        ("a: 1\n<% } %>\n", 5, "closes nothing"),
        ("a: 1\n  <% if x %>\nb: 2\n", 7, "has no `<% end %>`"),
        ("<% if x %>\n<% xs.each do |y| %>\n<% end %>\n", 0, "has no `<% end %>`"),
        ("é😀: <% if x %>", 4, "has no `<% end %>`"),
    ],
)
def test_what_cannot_be_masked_is_one_error_at_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(ErbError, match=words) as caught:
        template(text)
    assert caught.value.offset == offset
    assert words in caught.value.message


def test_a_long_tag_is_cut_in_the_message() -> None:
    with pytest.raises(ErbError, match="…") as caught:
        template(f"<% if {'x' * 99} %>")
    assert len(caught.value.message) < 80


def test_equal_conditions_choose_together() -> None:
    text = "".join(f"<% if x %>\na{i}: 1\n<% end %>\n<% unless  x %>\nb{i}: 1\n<% end %>\n" for i in range(3))
    assert plain(text) == [{"a0": 1, "a1": 1, "a2": 1}, {"b0": 1, "b1": 1, "b2": 1}]


def test_four_conditions_are_sixteen_combinations() -> None:
    text = "".join(f"<% if x{i} %>\na{i}: 1\n<% end %>\n" for i in range(4))
    assert len(template(text).branches) == MAX_COMBINATIONS
    assert len({str(data) for data in plain(text)}) == MAX_COMBINATIONS


def test_beyond_sixteen_each_branch_is_seen_once() -> None:
    text = "z: 1\n" + "".join(f"<% if x{i} %>\na{i}: 1\n<% else %>\nb{i}: 1\n<% end %>\n" for i in range(5))
    every, none = plain(text)
    assert every == {"z": 1} | {f"a{i}": 1 for i in range(5)}
    assert none == {"z": 1} | {f"b{i}": 1 for i in range(5)}


def test_a_region_is_what_branches_and_loops_enclose() -> None:
    text = (
        "a: 1\n<% if x %>\nb: 2\n<% else %>\nc: 3\n<% xs.each do |y| %>\nd: 4\n<% end %>\n<% end %>\ne: 5\n"
    )
    erb = template(text)
    regions = [erb.region(text.index(f"{key}:")) for key in "abcde"]
    assert regions == [(), ((0, 0),), ((0, 1),), ((0, 1), (1, 0)), ()]
    shown = [[erb.sees(choice, region) for region in regions] for choice in erb.branches]
    assert shown == [[True, True, False, False, True], [True, False, True, True, True]]


def test_structure_lies_between_offsets_on_both_sides_of_a_tag() -> None:
    erb = template(IF)
    assert erb.structure_between(0, IF.index("b"))
    assert not erb.structure_between(IF.index("b"), IF.index("b") + 4)
    assert not template("a: <%= x %>\nb: 1\n").structure_between(0, 16)


@pytest.mark.parametrize(
    ("text", "open_paths"),
    [
        ("a:\n  b: 1\n  <%= x %>\nc: 2\n", [(), ("a",)]),
        ("a:\n  <%= x %>\nc: 2\n", [(), ("a",)]),
        ("a:\n<% xs.each do |x| %>\n  - <%= x %>\n<% end %>\nc: 2\n", []),
        ("a:\n  b: <%= x %>\nc: 2\n", []),
        (IF, []),
        ("a: <% xs.each do |x| %><%= x %><% end %>\n", []),
    ],
    ids=["output", "empty value", "loop", "value", "condition", "loop in a line"],
)
def test_what_emits_unknown_lines_leaves_its_mapping_open(text: str, open_paths: list[object]) -> None:
    doc = docs(text)[0]
    found = [path for offset in template(text).emitting() for path in doc.containers_at(offset)]
    assert found == open_paths


@pytest.mark.parametrize(
    "text", ["a: 'b\n  <%= x %>\n  c'\n", "a: b\n  <%= x %> c\n"], ids=["quoted", "plain"]
)
def test_erb_within_a_value_of_many_lines_makes_it_opaque(text: str) -> None:
    value = get(docs(text)[0].data, ("a",))
    assert value and value.kind == "erb"


def test_what_is_inserted_after_a_block_with_erb_stays_outside_of_it() -> None:
    text = "a: |\n  one\n  <%= x %>\nb: 1\n"
    doc = docs(text)[0]
    change = doc.at().insert({"n": 1}, after="a")
    assert doc.splice(change) == "a: |\n  one\n  <%= x %>\nn: 1\nb: 1\n"


@pytest.mark.parametrize("verb", ["delete", "set"])
def test_an_edit_never_takes_a_tag_that_is_structure(verb: str) -> None:
    from kamal_migrate.yamldoc import Refusal

    text = "a:\n  b: 1\n<% if x %>\n  c: 2\n<% end %>\nd: 1\n"
    place = docs(text)[0].at("a")
    with pytest.raises(Refusal, match="ERB tag") as caught:
        place.delete() if verb == "delete" else place.set(1)
    assert caught.value.offset == text.index("<% if")


def test_a_deleted_value_takes_its_erb_along() -> None:
    text = "a: <%= x %> # <%= y %>\nb: 1\n"
    doc = docs(text)[0]
    change = doc.at("a").delete()
    assert doc.splice(change) == "b: 1\n"
    assert [comment.text for comment in change.lost] == ["# <%= y %>"]


@pytest.mark.parametrize("text", ["a: {}\n", "a: {b: 1}\n", "a: [1]\n"])
def test_erb_never_goes_into_brackets(text: str) -> None:
    from kamal_migrate.yamldoc import Refusal

    doc = YamlDoc(text)
    erb = Data("erb", "<%= x %>")
    if text == "a: {}\n":
        assert doc.splice(doc.at("a").insert({"n": erb})) == "a:\n  n: <%= x %>\n"
        return
    with pytest.raises(Refusal, match="brackets"):
        doc.at("a").insert({"n": erb} if "{" in text else [erb])


@pytest.mark.parametrize(
    "block",
    [
        "<% x.each do |y| %>\n  b<%= y %>: 1\n<% end %>",
        "  <% if x %>\n  b: 1\n  <% else %>\n  c: 1\n  <% end %>",
    ],
)
@pytest.mark.parametrize("rest", ["", "z: 1\n"])
def test_what_comes_after_an_entry_stays_outside_of_the_blocks_in_it(block: str, rest: str) -> None:
    text = f"a:\n{block}\n{rest}"
    for doc in docs(text):
        assert doc.splice(doc.at().insert({"n": 1}, after="a")) == f"a:\n{block}\nn: 1\n{rest}"
