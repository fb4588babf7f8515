"""The events of a YAML text, from whichever parser there is, and its errors in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from kamal_migrate.text import line_start


class YamlError(ValueError):
    """The text is not YAML that can be edited; ``offset`` says where, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def reader(source: str) -> Callable[[], Any]:
    """A function that gives the next event; raises what the parser raises."""
    following: Callable[[], Any]
    if yaml.__with_libyaml__:
        following = yaml.CLoader(source).get_event
    else:
        from ruamel.yaml import YAML

        following = iter(YAML(typ="safe", pure=True).parse(source)).__next__
    return following


def kind_of(event: Any) -> str:
    """The name of an event's class, the same in both libraries."""
    return type(event).__name__


_WORDS = {
    "found character that cannot start any token": "this character cannot stand here; quote the value",
    "could not find expected ':'": "a key without a colon",
    "mapping values are not allowed in this context": "a second colon; quote the value",
    "mapping values are not allowed here": "a second colon; quote the value",
    "did not find expected key": "this does not continue the mapping above; check the indentation",
    "found undefined tag handle": "a tag with an unknown handle",
    "exceeded maximum nesting depth": "nested too many levels deep",
}


def translated(error: Any, text: str) -> YamlError:
    """What a parser refused, as a `YamlError`; an error that is none of a parser's is raised again."""
    shift = 1 if text.startswith("\ufeff") else 0
    if isinstance(error, UnicodeEncodeError):
        return YamlError("this character is not Unicode text", error.start + shift)
    if hasattr(error, "character"):
        return _unreadable(error, text, shift)
    if not hasattr(error, "problem_mark"):
        raise error
    if conflict := _CONFLICT.search(text):
        return YamlError(
            "a merge left its conflict here; keep one side and delete the markers", conflict.start()
        )
    return _refused(error, text, shift)


# What git writes where it cannot merge; the name after it is a branch or a commit.
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_IN_QUOTES = "while scanning a quoted scalar"
# A file or a document ends; libyaml says indicator where Python's parser says separator.
_ENDS = (
    "found unexpected end of stream",
    "found unexpected document indicator",
    "found unexpected document separator",
)


def _refused(error: Any, text: str, shift: int) -> YamlError:
    """What the grammar of YAML refused, where to look: for a quote that nothing closes, at its start."""
    unclosed = error.context == _IN_QUOTES and error.problem in _ENDS
    mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
    offset = min(mark.index + shift, len(text)) if mark else 0
    if unclosed:
        return YamlError("this quote is never closed", offset)
    indent = re.compile(r"[ \t]*").match(text, line_start(text, offset))
    if indent and "\t" in indent[0]:
        return YamlError("a tab indents this line; YAML wants spaces", offset)
    problem = error.problem or error.context or "not YAML"
    return YamlError(_WORDS.get(problem, problem), offset)


def _unreadable(error: Any, text: str, shift: int) -> YamlError:
    """A character that YAML does not allow; libyaml counts bytes up to it, Python's parser characters."""
    code = error.character if isinstance(error.character, int) else ord(error.character)
    offset = text.find(chr(code), shift)
    return YamlError(f"the character U+{code:04X} is not allowed in YAML", max(offset, 0))


def odd_break(offset: int) -> YamlError:
    """The error for a character that libyaml, but no editor, takes for the end of a line."""
    return YamlError("an unusual line break character; replace it by a newline", offset)
