"""Who owns a comment: the seven rules, and that no comment changes its owner."""

from __future__ import annotations

from kamal_migrate.yamldoc import Change, YamlDoc
from tests.invariants import check

REMOTE = """\
builder:
  remote:   # c1. header
    # c2. above
    k1: amd64 # c3. beside
 # c4. odd column
# c5. at the margin
    # c6. last
    k2: ssh://b # c7.
      # c8. deeper
    # c9. after
  k3: 1
"""


def lost(change: Change) -> list[str]:
    return [comment.text for comment in change.lost]


def test_rule_1_a_replaced_line_keeps_its_trailing_comment_on_the_first_new_line() -> None:
    doc = YamlDoc("x:\n  k1: false # c1. never\n  k2: 1\n")
    place = doc.at("x", "k1")
    assert doc.splice(place.set("amd64"), place.rename("k9")) == "x:\n  k9: amd64 # c1. never\n  k2: 1\n"
    assert check(doc, place.set({"k4": 1}), {"k1"}) == "x:\n  k1: # c1. never\n    k4: 1\n  k2: 1\n"


def test_rule_2_an_unwrapped_mapping_dedents_with_its_comments() -> None:
    doc = YamlDoc(REMOTE)
    after = check(doc, doc.at("builder", "remote").unwrap({"k2": "k2"}), set())
    assert (
        after
        == """\
builder:
  # c1. header
  # c2. above
  k1: amd64 # c3. beside
 # c4. odd column
# c5. at the margin
  # c6. last
  k2: ssh://b # c7.
    # c8. deeper
  # c9. after
  k3: 1
"""
    )


def test_rule_3_a_deleted_line_with_a_successor_leaves_its_comments_as_lines() -> None:
    doc = YamlDoc("x:\n  # c1. above\n  k1: false # c2. beside\n    # c3. deeper\n  k2: 1\n")
    change = doc.at("x", "k1").delete(successor=True)
    after = check(doc, change, {"k1"})
    assert after == "x:\n  # c1. above\n  # c2. beside\n  # c3. deeper\n  k2: 1\n"
    assert not change.lost


def test_rule_4_the_tail_of_an_entry_are_the_deeper_comments_below_it() -> None:
    doc = YamlDoc("x:\n  k1: 1\n    # c1. deeper\n\n   # c2. deeper too\n  # c3. of the next\n  k2: 1\n")
    after = check(doc, doc.at("x").insert({"k3": 1}, after="k1"), set())
    assert after == (
        "x:\n  k1: 1\n    # c1. deeper\n\n   # c2. deeper too\n  k3: 1\n  # c3. of the next\n  k2: 1\n"
    )


def test_rule_5_an_insertion_comes_before_the_blank_lines_of_a_block() -> None:
    doc = YamlDoc("x:\n  k1: 1\n\n\n# c1. on k2\nk2: 1\n")
    after = check(doc, doc.at("x").insert({"k3": 1}), set())
    assert after == "x:\n  k1: 1\n  k3: 1\n\n\n# c1. on k2\nk2: 1\n"


def test_rule_6_comments_at_the_margin_of_a_block_never_move() -> None:
    text = "x:\n  k1:\n# c1. old: 1\n    k2: 1 # c2.\n# c3. old: 2\n    k4: 1\n  k3: 1\n"
    doc = YamlDoc(text)
    place = doc.at("x", "k1")
    for change in (place.delete(), place.delete(keep_comments=True), place.set(1), place.unwrap()):
        after = check(doc, change, {"k1", "k2", "k4"})
        assert "\n# c1. old: 1\n" in after
        assert "\n# c3. old: 2\n" in after


def test_rule_6_commented_out_configuration_above_a_root_key_stays() -> None:
    text = "k2: 1\n# k1:\n#   old: 1 # c1.\nk1: 1\n# c2. not about it\nk3: 1\n"
    doc = YamlDoc(text)
    assert check(doc, doc.at("k1").delete(), {"k1"}) == text.replace("\nk1: 1", "")


def test_rule_7_comments_inside_go_and_those_above_that_name_the_key_and_all_are_told() -> None:
    text = "x:\n  # c1. about K1, first\n  # c2. and more\n  k1: # c3.\n    # c4.\n    k2: 1 # c5.\n  k3: 1\n"
    doc = YamlDoc(text)
    change = doc.at("x", "k1").delete()
    assert check(doc, change, {"k1"}) == "x:\n  k3: 1\n"
    assert [words[:5] for words in lost(change)] == ["# c1.", "# c2.", "# c3.", "# c4.", "# c5."]


def test_rule_7_a_comment_above_that_names_the_key_goes_at_the_root_as_well() -> None:
    doc = YamlDoc("k2: 1\n\n# c1. Sets up k1.\nk1: 1\n")
    change = doc.at("k1").delete()
    assert check(doc, change, {"k1"}) == "k2: 1\n"
    assert lost(change) == ["# c1. Sets up k1."]


def test_rule_7_a_neighbours_comments_stay() -> None:
    text = (
        "x:\n  k2: 1 # c1. not k1\n    # c2. k1 below\n\n"
        "  # c3. a heading\n  k1: 1\n  # c4. k1 above\n  k3: 1\n"
    )
    doc = YamlDoc(text)
    change = doc.at("x", "k1").delete()
    assert check(doc, change, {"k1"}) == text.replace("  k1: 1\n", "")
    assert not change.lost


def test_rule_7_a_part_of_a_word_does_not_name_the_key() -> None:
    doc = YamlDoc("x:\n  # c1. k11 and a-k1\n  k1: 1\n  k3: 1\n")
    assert not doc.at("x", "k1").delete().lost


def test_a_kept_comment_is_not_lost() -> None:
    doc = YamlDoc("x:\n  # c1. on k1\n  k1: 1 # c2.\nk3: 1\n")
    change = doc.at("x", "k1").delete(keep_comments=True)
    assert check(doc, change, {"x", "k1"}) == "# c1. on k1\n# c2.\nk3: 1\n"
    assert not change.lost


def test_flow_lines_take_their_comment_along_or_leave_it() -> None:
    doc = YamlDoc("x: [\n  a, # c1.\n  b, # c2.\n  c\n]\n")
    assert lost(doc.at("x", 0).delete()) == ["# c1."]
    kept = doc.at("x", 1).delete(keep_comments=True)
    assert check(doc, kept, set()) == "x: [\n  a, # c1.\n  # c2.\n  c\n]\n"


def test_a_block_after_comments_at_the_end_of_the_file_stands_apart() -> None:
    doc = YamlDoc("k1: 1\n# c1. old: 1\n# c2. old: 2\n\n# c3. end\n")
    after = check(doc, doc.at().insert({"k2": 1}), set())
    assert after == "k1: 1\n# c1. old: 1\n# c2. old: 2\n\nk2: 1\n\n# c3. end\n"
