"""Every verb at every kind of place of generated files: the data as intended, the rest untouched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamal_migrate.yamldoc import Change, Place, Refusal, YamlDoc
from kamal_migrate.yamldoc.data import Data, Path, get, of, walk
from kamal_migrate.yamldoc.style import Style, block_lines, inline
from tests.deployfiles import deploy_files
from tests.invariants import check, keys_below

pytestmark = pytest.mark.heavy

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12),
    st.sampled_from(["no", "y", "017", "0o17", "1e3", "1,000", "a: b", "-", "#x", "é😀", "a\nb", ".e+3"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["n1", "n2", "no", "n 3", "1"]), inner, max_size=3),
    ),
    max_leaves=6,
)
PAIRS = st.dictionaries(st.sampled_from(["n1", "n2", "no"]), VALUES, min_size=1, max_size=2)
STYLES = st.builds(
    Style,
    step=st.integers(1, 4),
    dash=st.integers(0, 4),
    quote=st.sampled_from(["'", '"']),
    flow_padding=st.sampled_from(["", " "]),
)


def attempt(verb: Callable[[], Change]) -> Change | None:
    """The change, or none where the verb refuses with a reason and a place."""
    try:
        return verb()
    except Refusal as refusal:
        assert refusal.reason
        return None


def places_of(doc: YamlDoc) -> st.SearchStrategy[Path]:
    return st.sampled_from([path for path, _ in walk(doc.data) if path])


def touched(doc: YamlDoc, place: Place) -> set[str]:
    """The keys of a place and of all below and, as parents may go too, above it."""
    if not place.exists:
        return set()
    return keys_below(doc.text, *place.span) | {str(step) for step in place.path}


def verbs(place: Place, value: object, pairs: object, flag: bool) -> dict[str, Callable[[], Change]]:
    return {
        "set": lambda: place.set(value),
        "insert": lambda: place.insert(pairs),
        "insert items": lambda: place.insert([value]),
        "rename": lambda: place.rename("fresh"),
        "delete": lambda: place.delete(),
        "delete with successor": lambda: place.delete(successor=True, keep_comments=flag),
        "unwrap": lambda: place.unwrap(),
    }


@given(deploy_files(), st.data())
def test_every_verb_does_what_it_means_and_nothing_else(text: str, data: st.DataObject) -> None:
    doc = YamlDoc(text)
    place = doc.at(*data.draw(places_of(doc)))
    value, pairs = data.draw(VALUES), data.draw(PAIRS)
    for name, verb in verbs(place, value, pairs, data.draw(st.booleans())).items():
        change = attempt(verb)
        if change is not None:
            inserting = name.startswith("insert")
            after = check(doc, change, set() if inserting else touched(doc, place))
            if name.startswith("delete with"):
                assert not change.lost
            again = attempt(verbs(YamlDoc(after).at(*place.path), value, pairs, True)[name])
            if name in ("set", "rename") or (name == "insert" and place.path):
                assert again is None or not again.edits


@given(deploy_files(), st.data())
def test_insert_after_each_entry(text: str, data: st.DataObject) -> None:
    doc = YamlDoc(text)
    path = data.draw(places_of(doc))
    pairs = data.draw(PAIRS)
    change = attempt(lambda: doc.at(*path[:-1]).insert(pairs, after=str(path[-1])))
    if change is not None:
        check(doc, change, set())
        assert not change.lost


@given(deploy_files(), st.data())
def test_move_carries_an_entry_with_its_comments(text: str, data: st.DataObject) -> None:
    doc = YamlDoc(text)
    path, target = data.draw(places_of(doc)), data.draw(places_of(doc))
    for where in ((), target):
        change = attempt(lambda where=where: doc.at(*path).move(*where, key="fresh"))  # type: ignore[misc]
        if change is not None:
            check(doc, change, touched(doc, doc.at(*path)))
            assert not change.lost


@given(VALUES, STYLES, st.booleans())
def test_what_is_written_on_one_line_is_read_as_what_it_was(value: object, style: Style, flow: bool) -> None:
    written = inline(of(value), style, flow=flow)
    text = f"a: [{written}]\n" if flow else f"a: {written}\n"
    read = get(YamlDoc(text).data, ("a", 0) if flow else ("a",))
    assert read == of(value)


@given(PAIRS, STYLES)
def test_what_is_written_as_a_block_is_read_as_what_it_was(value: object, style: Style) -> None:
    assert YamlDoc("\n".join(block_lines(of(value), style))).data == of(value)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_read_or_refused_at_a_place_within_it(text: str) -> None:
    from kamal_migrate.erb import ErbError, template
    from kamal_migrate.yamldoc import YamlError

    try:
        erb = template(text)
        for choice in erb.branches:
            masked = erb.mask(choice)
            assert len(masked) == len(text)
            assert isinstance(YamlDoc(text, masked, erb.spans).data, Data)
    except (ErbError, YamlError) as error:
        assert error.message and 0 <= error.offset <= len(text)
