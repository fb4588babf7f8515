"""What `.env.erb` says, in the words of `.kamal/secrets`: shell commands, names of the environment, files.

Kamal 1 rendered the template into `.env` (`kamal envify`); Kamal 2 runs the commands itself when a secret is
first needed. The Ruby is never run, and what is not plainly one of these three is not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from kamal_migrate.envdoc import COMMAND, REFERENCE, EnvDoc, EnvLine, commands
from kamal_migrate.erbtags import balance

__all__ = ["FILE", "MIXED", "UNKNOWN", "Said", "from_erb", "said"]

# What a line is, beside `COMMAND`, `REFERENCE`, `EMPTY` and `LITERAL`: a file that is read; text and Ruby in
# one value; Ruby that only Ruby can tell.
FILE, MIXED, UNKNOWN = "file", "mixed", "unknown"


@dataclass(frozen=True)
class Said:
    """What a template says of one name.

    ``kind`` is a constant of this module, or `COMMAND`, `REFERENCE`, `EMPTY`, `LITERAL`. ``text`` is the
    value as `.kamal/secrets` says it, for a command, a reference and a file. ``refers`` are the names that it
    takes from the environment, ``path`` the file. ``source`` is the Ruby, ``name`` empty where Ruby makes the
    names. ``conditional`` means that the line stands in a block, whose condition nothing here looks at.
    """

    name: str
    line: int
    kind: str
    text: str = field(default="", repr=False)
    refers: tuple[str, ...] = ()
    path: str = ""
    source: str = field(default="", repr=False)
    conditional: bool = False


@dataclass(frozen=True)
class Meaning:
    """What one tag prints, as `.kamal/secrets` says it."""

    kind: str
    text: str = field(repr=False)
    refers: tuple[str, ...] = ()
    path: str = ""


_STRIPPED = r"(?:\s*\.\s*(?:strip|rstrip|lstrip|chomp|to_s)(?:\(\s*\))?)*\s*;?"
_FETCHED = r"""ENV(?:\[\s*(['"])(\w+)\1\s*\]|\.fetch[( ]\s*(['"])(\w+)\3\s*\)?)"""
_NAME = re.compile(rf"\(?{_FETCHED}\)?{_STRIPPED}")
_SHELL = re.compile(rf"\(?(?:`([^`]*)`|%x(?:\((.*?)\)|\{{(.*?)\}}|\[(.*?)\]))\)?{_STRIPPED}", re.DOTALL)
_READ = re.compile(rf"""\(?(?:File|IO)\.read[( ]\s*(['"])([^'"#\\\n]+)\1\s*\)?\)?{_STRIPPED}""")
_INSIDE = re.compile(rf"#\{{\s*{_FETCHED}\s*\}}")
_SAFE_PATH = re.compile(r"[\w./@%+,:=-]+", re.ASCII)
_PLAIN_NAME = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)


def from_erb(text: str) -> list[Said]:
    """What each line of a template says, in order. Raises `ErbError` for a tag that is never closed."""
    return said(EnvDoc(text, erb=True))


def said(doc: EnvDoc) -> list[Said]:
    """What each line of a document says, in order; what is literal has no text."""
    found = [_said(doc, line) for line in doc.lines if line.kind == "setting"]
    named_by_ruby = [Said("", line.line, UNKNOWN) for line in doc.lines if _prints(doc, line)]
    return _contested(sorted([*found, *named_by_ruby], key=lambda one: one.line))


def _prints(doc: EnvDoc, line: EnvLine) -> bool:
    """Whether a line that sets nothing by itself holds Ruby that prints."""
    lines = (doc.text.count("\n", 0, tag.span.start) + 1 for tag in doc.tags if tag.kind == "output")
    return line.kind == "invalid" and line.line in lines


def _contested(lines: list[Said]) -> list[Said]:
    """The same, where two branches say different things of a name: only Ruby can tell which one counts."""
    result = []
    for one in lines:
        others = [other for other in lines if other.name == one.name and other.text != one.text]
        unclear = one.name and one.conditional and any(other.conditional for other in others)
        result.append(replace(one, kind=UNKNOWN, text="", refers=(), path="") if unclear else one)
    return result


def _said(doc: EnvDoc, line: EnvLine) -> Said:
    inside = [tag for tag in doc.tags if line.value.holds(tag.span)]
    if not inside:
        return _without_ruby(doc, line)
    meanings = [_meaning(tag.code) if tag.kind == "output" else None for tag in inside]
    known = [meaning for meaning in meanings if meaning]
    source = "; ".join(tag.code for tag in inside)
    unknown = Said(line.name, line.line, UNKNOWN, source=source, conditional=_in_block(doc, line))
    if len(known) < len(meanings):
        return unknown
    length = inside[0].span.end - inside[0].span.start
    if len(inside) > 1 or len(_bare(doc.raw(line))) != length:
        refers = tuple(dict.fromkeys(name for meaning in known for name in meaning.refers))
        return replace(unknown, kind=MIXED, refers=refers)
    return replace(
        unknown, kind=known[0].kind, text=known[0].text, refers=known[0].refers, path=known[0].path
    )


def _without_ruby(doc: EnvDoc, line: EnvLine) -> Said:
    """A line that holds no Ruby: one whole command or reference, else text that may be secret."""
    raw = _bare(doc.raw(line))
    name, conditional = _PLAIN_NAME.fullmatch(raw), _in_block(doc, line)
    plain = Said(line.name, line.line, line.says, conditional=conditional)
    if line.says == REFERENCE and name:
        return replace(plain, text=raw, refers=(name[1] or name[2],))
    meaning = _command(raw[2:-1]) if line.says == COMMAND and raw[:2] == "$(" and raw[-1:] == ")" else None
    if meaning:
        return replace(plain, text=meaning.text, refers=meaning.refers)
    return replace(plain, kind=MIXED) if line.says in (COMMAND, REFERENCE) else plain


def _bare(raw: str) -> str:
    """A value without the quotes around it."""
    quoted = len(raw) > 1 and raw[0] in "\"'" and raw[0] == raw[-1]
    return (raw[1:-1] if quoted else raw).strip()


def _in_block(doc: EnvDoc, line: EnvLine) -> bool:
    return sum(_opened(tag.code) for tag in doc.tags if tag.span.end <= line.value.start) > 0


def _opened(code: str) -> int:
    closed, opened = balance(code)
    return opened - closed


def _meaning(code: str) -> Meaning | None:
    """What a tag prints; None where only Ruby can tell."""
    name, shell, read = _NAME.fullmatch(code), _SHELL.fullmatch(code), _READ.fullmatch(code)
    if name:
        found = name[2] or name[4]
        return Meaning(REFERENCE, f"${found}", (found,))
    if read:
        path = read[2] if _SAFE_PATH.fullmatch(read[2]) else f'"{read[2]}"'
        return None if set("$`()") & set(path) else Meaning(FILE, f"$(cat {path})", (), read[2])
    if shell:
        return _command(next(group for group in shell.groups() if group is not None).strip())
    return None


def _command(command: str) -> Meaning | None:
    """A shell command as `$(…)`; None where dotenv would make another command of it.

    dotenv puts values in the place of `$NAME`, whatever quotes stand around it, and takes backslashes away;
    and in Ruby `#{…}` is more Ruby.
    """
    command = _INSIDE.sub(lambda match: f"${{{match[2] or match[4]}}}", command)
    if not command or "#{" in command or "\\" in command or "\n" in command:
        return None
    rest = _PLAIN_NAME.sub("", command)
    if "$" in rest.replace("$(", "(") or ("$" in command and "'" in command):
        return None
    whole = f"$({command})"
    if [tuple(span) for span in commands(whole, escapes=True)] != [(0, len(whole))]:
        return None
    refers = tuple(dict.fromkeys(match[1] or match[2] for match in _PLAIN_NAME.finditer(command)))
    text = whole.replace('"', '\\"') if "#" in whole else whole
    return Meaning(COMMAND, f'"{text}"' if "#" in whole else whole, refers)
