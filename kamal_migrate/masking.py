"""Hides secret values, everywhere but in ``--diff``. Hiding too much is harmless, showing too much is not.

A value is secret by the name of its key, wherever that stands: in YAML, a comment, a command. Others are
known by their form: what a URL holds before its ``@``, private keys, well-known tokens. ERB, references such
as ``$NAME`` and lists of names are no values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.project import InputError, Project, document
from kamal_migrate.text import Edit, Span, splice
from kamal_migrate.yamldoc import Data, YamlDoc
from kamal_migrate.yamldoc import data as typed

MASK = "[masked]"
_WORDS = r"pass(?:word|wd|phrase)|secret|token|credential|key_?data|api_?key"
_LAST = r"(?:pass|pwd|dsn|salt|basicauth|basicauth\.users)|(?<!public)[_.-]key"
_NAME = rf"(?:[\w.-]*(?:{_WORDS})[\w.-]*(?<!_path)(?<!_file)|[\w.-]*(?:{_LAST}))"
_QUOTED = r""""(?:[^"\\]|\\.)*"|'[^']*'"""
_NO_VALUE = (
    r"""\s*["']?(?:<%(?:(?!%>)[\s\S])*%>|\$\{?\w+\}?|\$\(.*\)|true|false|null|~|\*\w+|[|>][-+\d]*|\[masked\])?"""
    r"""["'`]?[,;]?(?:\s*|(?:^|\s+)\#.*)"""
)
_NAMED = r"""\s*["']?[A-Z][A-Z0-9_]*(?::[A-Z][A-Z0-9_]*)?["']?\s*"""
# What Kamal says of a key by its place (`registry/password: is required`), where it quotes no value.
_TYPE = r"an? (?:string|symbol|integer|boolean|hash|array)"
_FAULT = (
    rf"(?:is required|should be {_TYPE}(?: or {_TYPE})*(?: with one string \(for secret lookup\))?"
    r"|unknown (?:keys?:|roles?) [\w-]+(?:, [\w-]+)*|multiple hosts found|specify one of [`\w ,]+)"
    r"(?: \(Kamal::ConfigurationError\))?\s*$"
)
_PEM = r"(?<=PRIVATE KEY-----).*?(?=-----END|\Z)"
_RULES = (
    r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"'<]*:)((?:<%.*?%>|[^\s\"'<])+)(?=@)",
    r"(\bhttps?://)([^\s:/@\"'<]+)(?=@)",
    r"(\b(?:bearer|basic)\s+)([\w.~+/=-]{8,})",
    r"()(\${1,2}(?:apr1|2[abxy]?|[156])\${1,2}[^\s\"',]+)",
    r"()(\b(?:gh[oprsu]_|github_pat_|glpat-|dckr_[po]at_|[rs]k_live_|xox[abprs]-|AKIA)[\w-]{10,})",
    rf"""(?<![\w.])({_NAME}=)({_QUOTED}|(?:<%.*?%>|\$\((?:[^()]|\([^()]*\))*\)|[^\s"'])+)""",
    rf"""((?<!\S)--?{_NAME}["',]*\s+)({_QUOTED}|<%.*?%>|[^\s"'-]\S*)""",
    rf"""(?<![\w.-])({_NAME}["']?\s*:\s+(?:[&!]\S+\s+)*)(?![\[{{]|{_FAULT})(.+)""",
)


@cache
def _compiled(pattern: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    """A pattern, compiled when it is first needed: a run that prints no file needs none."""
    return re.compile(pattern, flags)


def is_secret(name: str) -> bool:
    """Whether a key of that name holds a secret."""
    return bool(_compiled(_NAME).fullmatch(name))


def shown_name(name: str) -> str:
    """The name of a secret; hidden where it does not look like one, for it may be a value in its place."""
    return name if _compiled(r"[A-Z][A-Z0-9_]*", 0).fullmatch(name) else MASK


def sayings(text: str) -> str:
    """A file of secrets that should hold no values, on as many lines: what may be one is hidden."""
    odd = {line.line for line in EnvDoc(text).lines if line.name and shown_name(line.name) == MASK}
    rows = enumerate(text.split("\n"), 1)
    return mask("\n".join(MASK if number in odd else row for number, row in rows))


def names_only(text: str) -> str:
    """A text of names and values, on as many lines, with the names alone.

    A line of a key that nothing quotes reads as a name too, so only what looks like one is taken for it.
    """
    named = {line.line: line for line in EnvDoc(text).lines if shown_name(line.name) != MASK}
    rows = []
    for number, row in enumerate(text.split("\n"), 1):
        line = named.get(number)
        said = f"{'export ' if line.exported else ''}{line.name}={MASK}" if line else MASK
        rows.append(said if row.strip() else row)
    return "\n".join(rows)


@lru_cache(maxsize=2048)
def mask(text: str) -> str:
    """A text with what looks like a secret masked, on as many lines: comments, commands, messages."""
    text = _compiled(_PEM, re.DOTALL).sub(lambda match: _hidden(match[0]), text)
    if "\n" in text:
        return "\n".join(map(mask, _commented(text.split("\n"))))
    for rule in _RULES:
        text = _compiled(rule).sub(lambda match: match[1] + _hidden(match[2]), text)
    return text


def mask_message(line: str) -> str:
    """A message with its secrets masked; the file it is about, such as `.kamal/secrets`, is no key of one."""
    place, colon, message = line.partition(": ")
    return f"{place}{colon}{mask(message)}" if "/" in place and " " not in place else mask(line)


def _commented(lines: list[str]) -> Iterator[str]:
    """The lines, with commented-out values masked that stand on lines of their own below their key."""
    below: int | None = None
    for line in lines:
        said = re.fullmatch(r"(\s*#[\s#]*)((?:- +)?)(.*?)\s*", line)
        indent = len(said[1]) if said else -1
        if said and below is not None and said[3] and indent >= below + (not said[2]):
            named = _compiled(_NAMED, 0).fullmatch(said[3]) if said[2] else re.match(r"[\w.-]+\s*:", said[3])
            yield line if named else said[1] + said[2] + _hidden(said[3])
            continue
        opened = (
            re.fullmatch(rf"({_NAME})[\"']?\s*:\s*(?:[|>][-+\d]*)?", said[3], re.IGNORECASE) if said else None
        )
        below = indent if opened else None
        yield line


def masked(project: Project, path: str) -> str:
    """The text of a file with its secrets masked, on as many lines; empty where there is none."""
    text = project.files.get(path, "")
    if not path.endswith((".yml", ".yaml")) and path not in project.mains:
        return mask(text)
    return _masked_yaml(path, text)


@lru_cache(maxsize=16)
def _masked_yaml(path: str, text: str) -> str:
    """The same for YAML, where also the place of a value tells that it is secret."""
    try:
        docs = document(path, text).docs if text else ()
    except InputError:
        return "\n".join(MASK if line.strip() else line for line in text.split("\n"))
    edits: list[Edit] = []
    for span in sorted({span for doc in docs for span in _secrets(doc)}):
        if not edits or edits[-1].end <= span.start:
            edits.append(Edit(span.start, span.end, _hidden(text[span.start : span.end])))
    return mask(splice(text, edits))


def _secrets(doc: YamlDoc) -> Iterator[Span]:
    """The scalars of secret places, and those that such places repeat by an alias."""
    scalars = doc.scalars()
    stated = {path for path, _ in scalars}
    leaves = [(path, value) for path, value in typed.walk(doc.effective) if value.kind not in ("map", "list")]
    secret = {path for path, value in leaves if _is_secret_place(path, value)}
    repeated = {typed.get(doc.effective, path) for path in secret - stated}
    for path, span in scalars:
        if path in secret or (repeated and typed.get(doc.data, path) in repeated):
            yield span


def _is_secret_place(path: tuple[str | int, ...], value: Data) -> bool:
    """A value under a secret-looking key; but a list there may hold names, and a map has keys of its own."""
    names = [step for step in path if isinstance(step, str)]
    if not names or not is_secret(names[-1]):
        return False
    return not (isinstance(path[-1], int) and _compiled(_NAMED, 0).fullmatch(str(value.value)))


def _hidden(value: str) -> str:
    """What is shown instead of a value: as many lines, and the quote or comma that ends it."""
    if _compiled(_NO_VALUE, 0).fullmatch(value):
        return value
    return "\n".join(MASK if line.strip() else line for line in value.split("\n"))
