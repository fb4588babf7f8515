"""Edits of text, and places in it."""

from __future__ import annotations

import pytest

from kamal_migrate.text import (
    Edit,
    OverlapError,
    Position,
    Span,
    line_end,
    line_start,
    newline_of,
    next_line,
    ordered,
    position,
    splice,
)


@pytest.mark.parametrize(
    ("edits", "after"),
    [
        ([], "abcdef"),
        ([Edit(0, 1, "X")], "Xbcdef"),
        ([Edit(5, 6, ""), Edit(0, 0, ">")], ">abcde"),
        ([Edit(2, 2, "1"), Edit(2, 2, "2")], "ab12cdef"),
        ([Edit(2, 4, ""), Edit(2, 2, "+")], "ab+ef"),
        ([Edit(0, 2, ""), Edit(2, 2, "+")], "+cdef"),
        ([Edit(1, 2, "x"), Edit(1, 2, "x")], "axcdef"),
        ([Edit(6, 6, "!")], "abcdef!"),
    ],
    ids=["none", "one", "unordered", "kept order", "before a cut", "after a cut", "twice", "end"],
)
def test_edits_leave_the_rest_alone(edits: list[Edit], after: str) -> None:
    assert splice("abcdef", edits) == after


@pytest.mark.parametrize(
    "edits", [[Edit(0, 3, ""), Edit(2, 4, "")], [Edit(0, 3, ""), Edit(1, 1, "x")]], ids=["cuts", "inside"]
)
def test_two_edits_of_the_same_characters_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(OverlapError, match="overlap at character"):
        splice("abcdef", edits)


def test_edits_come_in_the_order_of_the_text() -> None:
    assert ordered([Edit(3, 4, "b"), Edit(1, 2, "a")]) == [Edit(1, 2, "a"), Edit(3, 4, "b")]


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("a: 1\nb: 2", 0, Position(1, 1)),
        ("a: 1\nb: 2", 8, Position(2, 4)),
        ("a: 1\r\nb: 2", 6, Position(2, 1)),
        ("é😀: 1", 2, Position(1, 3)),
        ("\ufeffa: 1", 1, Position(1, 1)),
        ("\ufeffa: 1", 0, Position(1, 1)),
        ("\ufeffa: 1\nb", 6, Position(2, 1)),
        ("a\u2028b", 2, Position(1, 3)),
    ],
)
def test_position_is_what_an_editor_shows(text: str, offset: int, place: Position) -> None:
    assert position(text, offset) == place


@pytest.mark.parametrize(
    ("text", "offset", "start", "end", "following"),
    [
        ("ab\ncd\n", 1, 0, 2, 3),
        ("ab\ncd\n", 2, 0, 2, 3),
        ("ab\r\ncd", 1, 0, 2, 4),
        ("ab\r\ncd", 5, 4, 6, 6),
        ("", 0, 0, 0, 0),
        ("\n", 0, 0, 0, 1),
    ],
)
def test_lines_end_before_their_break(text: str, offset: int, start: int, end: int, following: int) -> None:
    assert (line_start(text, offset), line_end(text, offset), next_line(text, offset)) == (
        start,
        end,
        following,
    )


@pytest.mark.parametrize(
    ("text", "newline"),
    [("", "\n"), ("a\nb\n", "\n"), ("a\r\nb\r\n", "\r\n"), ("a\r\nb\n", "\n"), ("a\r\nb\r\nc\n", "\r\n")],
)
def test_the_usual_line_break(text: str, newline: str) -> None:
    assert newline_of(text) == newline


def test_a_span_holds_what_lies_wholly_inside() -> None:
    assert Span(1, 5).holds(Span(1, 5))
    assert not Span(1, 5).holds(Span(0, 2))
