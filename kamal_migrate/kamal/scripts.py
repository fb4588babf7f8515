"""Scripts as text, hooks and CI alike: their lines without comments, and the calls of Kamal in them.

Nothing is run, and no shell is understood beyond quotes, comments and continued lines. A call counts
wherever it stands, whatever is before it: `bundle exec`, `dotenv`, `docker run` of Kamal's image. What is
only printed, and the names of steps, is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from kamal_migrate.kamal.commands import VALUED

IMAGE = r"ghcr\.io/(?:basecamp/kamal|mrsked/mrsk)(?![\w/-])"


class ScriptLine(NamedTuple):
    """One line as a shell takes it: its number, counted from 1, and its text without a comment.

    A line that the next one continues holds that too; ``breaks`` are the offsets where one begins.
    """

    number: int
    text: str
    breaks: tuple[int, ...] = ()

    def at(self, offset: int) -> int:
        """The number of the line on which a character stands."""
        return self.number + sum(start <= offset for start in self.breaks)


class Call(NamedTuple):
    """One call of Kamal: the line, the program as it is called, the words and the flags after it."""

    line: int
    program: str
    words: tuple[str, ...]
    flags: frozenset[str]

    @property
    def legacy(self) -> bool:
        """Whether it is called by the name that Kamal had up to 0.15.1."""
        return "mrsk" in self.program


_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?<!\S)#.*")
_FOLDED = re.compile(r"(\s*(?:- +)*)(?:[\w-]+:|-)\s+>[-+\d]*\s*$")


@lru_cache(maxsize=32)
def script_lines(text: str) -> tuple[ScriptLine, ...]:
    """The lines of a script or of a YAML file, without comments; those that go on are one."""
    return tuple(_lines(text))


def _lines(text: str) -> Iterator[ScriptLine]:
    number, pieces, fold = 0, list[str](), -1
    for index, raw in enumerate(text.split("\n"), 1):
        line = _without_comment(raw.removesuffix("\r"))
        indent = len(line) - len(line.lstrip())
        deeper = fold >= 0 and line.strip() != "" and indent > fold
        number = number if pieces else index
        if fold >= 0 and not deeper and line.strip():
            if pieces:
                yield _joined(number, pieces)
            number, pieces, fold = index, [], -1
        opened = _FOLDED.match(line)
        if line.endswith("\\"):
            pieces.append(f"{line[:-1]} ")
        elif deeper:
            pieces.append(f"{line} ")
        else:
            yield _joined(number, [*pieces, line])
            pieces = []
        if opened and fold < 0:
            fold = len(opened[1])
    if pieces:
        yield _joined(number, pieces)


def _joined(number: int, pieces: list[str]) -> ScriptLine:
    starts, length = [], 0
    for piece in pieces[:-1]:
        length += len(piece)
        starts.append(length)
    return ScriptLine(number, "".join(pieces), tuple(starts))


def _without_comment(line: str) -> str:
    """The line up to a `#` that begins a word, outside of quotes."""
    for match in _QUOTED.finditer(line):
        if match[0].startswith("#"):
            return line[: match.start()].rstrip()
    return line


# What stands for a value that only the shell, CI or Ruby knows; it is one word.
_UNKNOWN = re.compile(r"\$\{\{.*?\}\}|\$\([^()]*\)|\$\{[^}]*\}|#\{[^}]*\}|<%.*?%>")
_PROGRAM = re.compile(
    rf"(?<![\w/.@$:{{~-])(?:[\w.~/${{}}-]*\bbin/|\./)?(?:kamal|mrsk)(?![\w/.:@=-])|{IMAGE}(?:[:@][\w.@:-]+)?"
    r"|(?<!\\)\$(?:KAMAL\b|\{KAMAL\}|\(KAMAL\))"
)
_WORD = re.compile(r"(?P<end>[;|&()`<>}]+|,\s*[\"']?[\w-]+[\"']?:(?=\s))|[^\s\"',;|&()`<>\[\]}]+")
# What is no call: the name of a step or a target, what is printed, and what other programs are told.
_LABEL = r"[\"']?(?:name|title|description|summary|label|message|environment)[\"']?:\s"
_NAMED = re.compile(rf"^\s*(?:- +)?{_LABEL}|^\.PHONY\s*:|[{{,]\s*{_LABEL}[^,}}]*$")
_SPOKEN = re.compile(
    r"(?:^|[;&|({]|\b(?:then|do|else)\b|\w:|-)\s*(?:echo|printf|puts|warn|say|logger)\b[^;&|(`]*$"
)
_TOLD = re.compile(
    r"(?<![\w-])(?:gem|require|bundle(?! exec\b)|apt|apt-get|brew|cd|mkdir|rm|cp|mv|which|command -v|type"
    r"|docker (?:pull|tag|rmi?|push|logs|stop|image \w+))\s+(?:\S+\s+)*[\"']?$"
    r"|--net(?:work)?[ =]$|\bnetwork (?:create|inspect|rm) $"
)


def kamal_calls(line: ScriptLine) -> Iterator[Call]:
    """The calls of Kamal on a line; a step of CI may be one, in braces."""
    for match in _PROGRAM.finditer(line.text):
        before = line.text[: match.start()]
        if _NAMED.search(before):
            continue
        if not _SPOKEN.search(before) and not _TOLD.search(re.split(r"[;&|(`]", before)[-1]):
            after = _UNKNOWN.sub(lambda unknown: "X" * len(unknown[0]), line.text[match.end() :])
            words, flags = _arguments(after)
            yield Call(line.at(match.start()), match[0], words, flags)


def _arguments(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The words up to the end of the command, and the flags among them without their values."""
    words: list[str] = []
    flags: list[str] = []
    valued = False
    for match in _WORD.finditer(text):
        word = match[0]
        if match["end"]:
            break
        if word.startswith("-") and word != "-":
            flags.append(word.split("=")[0])
            valued = word in VALUED
        elif valued:
            valued = False
        else:
            words.append(word)
    return tuple(words), frozenset(flags)


def called(text: str) -> Iterator[Call]:
    """Every call of Kamal in a script."""
    for line in script_lines(text):
        yield from kamal_calls(line)


_VARIABLE = (
    r"\$\{{?!?{name}\b|ENV(?:\.fetch\(\s*|\[\s*|\.dig\(\s*)[\"']{name}[\"']"
    r"|environ(?:\.get\(\s*|\[\s*)[\"']{name}[\"']|getenv\(\s*[\"']{name}[\"']|process\.env\.{name}\b"
)


def reads(line: ScriptLine, name: str) -> bool:
    """Whether a line reads a variable of the environment, in shell, Ruby, Python or JavaScript."""
    return re.search(_VARIABLE.format(name=re.escape(name)), line.text) is not None
