"""`EnvDoc`: a file of names and values, `.env`, `.env.erb` or `.kamal/secrets`, read as dotenv 3.1.8 does.

Kamal 2 reads its secrets with dotenv 3, Kamal 1 read `.env` with dotenv 2.8. Nothing is run and nothing is
expanded. What a file says of a name may be a secret: no ``repr`` and no message here holds a value.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from kamal_migrate.erbtags import Tag, tags_of
from kamal_migrate.text import Span, newline_of, position

__all__ = ["COMMAND", "EMPTY", "ERB", "LITERAL", "REFERENCE", "EnvDoc", "EnvError", "EnvLine", "quoted"]

# What a value is.
EMPTY, LITERAL, REFERENCE, COMMAND, ERB = "empty", "literal", "reference", "command", "erb"

# A quoted value may go over several lines, and ends at its quote only if the rest of that line is empty.
_SINGLE = r"\s*'(?:\\'|[^'])*'"
_DOUBLE = r'\s*"(?:\\"|[^"])*"'
_SETTING = re.compile(
    rf"^\s*(?P<export>export\s+)?(?P<name>[\w.]+)"
    rf"(?P<is>(?:\s*=\s*?|:\s+?)(?P<value>{_SINGLE}|{_DOUBLE}|[^#\n]+)?)?\s*(?:#.*)?$",
    re.MULTILINE | re.ASCII,
)
_WHOLE = re.compile(r"""(['"])(.*)\1""", re.DOTALL)
_REFERENCE = re.compile(r"(\\?)\$(?!\()\{?([A-Za-z0-9_]*)\}?")
NOWHERE = Span(0, 0)
# What Ruby's `strip` takes away.
_SPACE = "\t\n\v\f\r \0"


class EnvError(ValueError):
    """What was asked for cannot be written so that dotenv reads it back; the message holds no value."""


@dataclass(frozen=True)
class EnvLine:
    """One line that says something, or a setting of several lines.

    ``kind`` is ``setting``, ``comment``, ``ruby`` (only ERB that prints nothing) or ``invalid`` (dotenv
    passes it over, or refuses it). ``line`` counts from 1. A setting has a ``name``, may be ``exported``,
    a place of its ``value``, quotes included, and what that ``says``: a constant of this module.
    """

    kind: str
    line: int
    name: str = ""
    exported: bool = False
    value: Span = NOWHERE
    says: str = ""


@dataclass(frozen=True)
class EnvDoc:
    """The lines of a text; ``erb`` says that it is a template, as `.env.erb` is. Raises `ErbError`."""

    text: str = field(repr=False)
    erb: bool = False

    @cached_property
    def tags(self) -> list[Tag]:
        """The ERB tags of a template."""
        return tags_of(self.text) if self.erb else []

    @cached_property
    def lines(self) -> tuple[EnvLine, ...]:
        """What the text says, in its order; blank lines say nothing."""
        return tuple(sorted(self._read(), key=lambda line: line.line))

    @cached_property
    def _plain(self) -> tuple[str, list[int]]:
        """The text as dotenv sees it (one kind of line break, tags masked), and where each character was."""
        text, mark = self._masked(), self.text.startswith("\ufeff")
        places = [at for at, char in enumerate(text) if char != "\n" or at == 0 or text[at - 1] != "\r"]
        seen = "".join("\n" if text[at] == "\r" else text[at] for at in places)
        return (seen[1:], [*places[1:], len(text)]) if mark else (seen, [*places, len(text)])

    def _masked(self) -> str:
        """The text with a word of the same length for a tag that prints, spaces for any other."""
        pieces = list(self.text)
        for tag in self.tags:
            length = tag.span.end - tag.span.start
            pieces[tag.span.start : tag.span.end] = ("e" if tag.kind == "output" else " ") * length
        return "".join(pieces)

    def _read(self) -> Iterator[EnvLine]:
        seen, places = self._plain
        end = 0
        for match in _SETTING.finditer(seen):
            start = match.start("export" if match["export"] else "name")
            yield from self._others(end, start)
            yield self._setting(match, position(self.text, places[start]).line)
            end = match.end()
        yield from self._others(end, len(seen))

    def _setting(self, match: re.Match[str], line: int) -> EnvLine:
        places = self._plain[1]
        named = Span(places[match.start("name")], places[match.end("name")])
        unset = match["export"] and match["value"] is None
        if unset or any(tag.span.start < named.end and named.start < tag.span.end for tag in self.tags):
            return EnvLine("invalid", line)
        text = match["value"] or ""
        start = (match.start("value") if text else match.end("name")) + len(text) - len(text.lstrip(_SPACE))
        value = Span(places[start], places[start + len(text.strip(_SPACE))])
        return EnvLine("setting", line, match["name"], bool(match["export"]), value, self._says(value))

    def _says(self, value: Span) -> str:
        raw = self.text[value.start : value.end]
        if any(value.holds(tag.span) for tag in self.tags):
            return ERB
        if raw in ("", "''", '""'):
            return EMPTY
        return _read_back(raw)[0]

    def _others(self, start: int, end: int) -> Iterator[EnvLine]:
        """The lines of a stretch that holds no setting."""
        seen, places = self._plain
        ruby = [bisect_left(places, tag.span.start) for tag in self.tags if tag.kind != "output"]
        for match in re.compile(r"[^\n]+").finditer(seen, start, end):
            line, text = position(self.text, places[match.start()]).line, match[0].strip()
            if text:
                yield EnvLine("comment" if text.startswith("#") else "invalid", line)
            elif any(match.start() <= at < match.end() for at in ruby):
                yield EnvLine("ruby", line)

    def names(self) -> tuple[str, ...]:
        """The names that the text sets, each once, in order."""
        return tuple(dict.fromkeys(line.name for line in self.lines if line.name))

    def setting(self, name: str) -> EnvLine | None:
        """The line that sets a name; the last one, which wins, where there are several."""
        return next((line for line in reversed(self.lines) if line.name == name), None)

    def raw(self, line: EnvLine) -> str:
        """What the text says of a setting's value, quotes and all."""
        return self.text[line.value.start : line.value.end]

    def literal(self, line: EnvLine, *, legacy: bool = False) -> str | None:
        r"""The value that dotenv makes of a setting, if no ERB, name or command takes part in it.

        ``legacy`` is dotenv 2.8, which makes a line break of ``\n`` in double quotes.
        """
        says, value = _read_back(self.raw(line), legacy=legacy)
        return value if line.says in (EMPTY, LITERAL) and says == LITERAL else None

    def extend(self, lines: Iterable[str]) -> str:
        """The text with lines at its end: the same line breaks, and none at the end if it had none.

        Raises `EnvError` where a quote that is never closed would make something else of the lines.
        """
        newline = newline_of(self.text)
        added = newline.join(newline.join(line.split("\n")) for line in lines)
        if not added:
            return self.text
        closed = self.text.endswith("\n")
        before = self.text if closed or not self.text.strip("\ufeff") else self.text + newline
        text = before + added + (newline if closed or not self.text.strip("\ufeff") else "")
        apart = EnvDoc(added)
        mine = [(line.name, self.raw(line)) for line in self.lines]
        theirs = [(line.name, apart.raw(line)) for line in apart.lines]
        whole = EnvDoc(text, self.erb)
        if [(line.name, whole.raw(line)) for line in whole.lines] != mine + theirs:
            raise EnvError("a quote that is never closed would take in what is added at the end")
        return text


def _read_back(raw: str, *, legacy: bool = False) -> tuple[str, str]:
    """What dotenv makes of a value as it is written: what that is, and the text if it is literal."""
    text = raw.replace("\r\n", "\n").replace("\r", "\n").strip(_SPACE)
    whole = _WHOLE.fullmatch(text)
    quote, text = (whole[1], whole[2]) if whole else ("", text)
    if quote == "'":
        return LITERAL, text
    if quote == '"':
        # dotenv 3 keeps the two characters of \n, for its next step takes a backslash away.
        pairs = (("\\n", "\n"), ("\\r", "\r")) if legacy else (("\\n", "\\\\n"), ("\\r", "\\\\r"))
        for pair in pairs:
            text = text.replace(*pair)
    text = re.sub(r"\\([^$])", r"\1", text)
    references = [match for match in _REFERENCE.finditer(text) if match[2] and not match[1]]
    text = _REFERENCE.sub(lambda match: match[0].removeprefix("\\"), text)
    readings = {_without_backslashes(text, escapes=escapes) for escapes in (False, True)}
    if None in readings or len(readings) > 1:
        return COMMAND, ""
    return (REFERENCE, "") if references else (LITERAL, readings.pop() or "")


def _without_backslashes(text: str, *, escapes: bool) -> str | None:
    r"""The text with ``\$(…)`` as ``$(…)``; None where a command is run."""
    pieces, end = [], 0
    for start, stop in commands(text, escapes=escapes):
        if start == 0 or text[start - 1] != "\\" or start - 1 < end:
            return None
        pieces += [text[end : start - 1], text[start:stop]]
        end = stop
    return "".join([*pieces, text[end:]])


def commands(text: str, *, escapes: bool) -> Iterator[Span]:
    r"""Where ``$(…)`` stands, its parentheses in pairs; with ``escapes`` but for ``\(`` (Kamal 2.10+)."""
    start = text.find("$(")
    while start >= 0:
        end = _closing(text, start + 1, escapes=escapes)
        if end:
            yield Span(start, end)
        start = text.find("$(", end or start + 1)


def _closing(text: str, start: int, *, escapes: bool) -> int | None:
    """The end of the parenthesis that opens at ``start``; None where it makes no command."""
    depth, empty, at = 0, False, start
    while at < len(text):
        char = text[at]
        if char == "\\" and escapes:
            if text[at + 1 : at + 2] in ("", "\n"):
                return None
            at += 1
        elif char == ")" and empty:
            return None
        depth += {"(": 1, ")": -1}.get(char, 0)
        empty = char == "("
        at += 1
        if depth == 0:
            return at
    return None


def quoted(value: str) -> str:
    r"""A value as `.kamal/secrets` must say it, so that dotenv reads exactly this value.

    Raises `EnvError` for what cannot be said: a carriage return; a backslash at the end of a value that needs
    quotes (where these end depends on the lines that follow); and, in a value with a single quote, a ``$(``
    that is a command to some versions of Kamal 2 and none to others, such as ``$(\)``.
    """
    if "\r" in value or "\0" in value:
        raise EnvError("dotenv cannot read a carriage return or a null character back")
    escaped = _escaped(value)
    single = [] if "'" in value else [f"'{value}'"]
    forms = [escaped] if value.endswith("\\") else [*single, f'"{escaped}"']
    for form in forms:
        line = EnvDoc(f"A={form}\n").setting("A")
        if line and line.value == (2, 2 + len(form)) and _read_back(form) == (LITERAL, value):
            return form
    raise EnvError("dotenv cannot read this value back, however it is quoted")


def _escaped(value: str) -> str:
    r"""The value with a backslash before quotes, backslashes and ``$``.

    A ``$(`` that is never closed, or stands inside another, needs none, and would keep it.
    """
    starts = {span.start for span in commands(value, escapes=False)}
    pieces = []
    for at, char in enumerate(value):
        needs = at in starts or value[at + 1 : at + 2] != "(" if char == "$" else char in "\"'\\"
        pieces.append(f"\\{char}" if needs else char)
    return "".join(pieces)
