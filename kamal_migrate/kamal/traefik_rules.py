"""The rule of a Traefik router, as far as kamal-proxy has words for it: hosts and paths (history D.4)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from kamal_migrate.kamal.loading import Opaque


class Rule(NamedTuple):
    """The hosts and path prefixes that a router takes; no hosts means all, no prefixes all paths.

    A host is a name, ``*.`` and a name, or holds ERB. ``unsupported`` is what kamal-proxy has no word for;
    then nothing else is known. ``opaque`` is true where ERB writes more than a host.
    """

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    unsupported: str = ""
    opaque: bool = False

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The hosts that stand for many; there is no automatic certificate for them."""
        return tuple(host for host in self.hosts if host.startswith("*"))


Match = tuple[str, str]
Clause = tuple[Match, ...]


class _UnsupportedError(ValueError):
    """Something that kamal-proxy has no word for: its text."""


_TAG = re.compile(r"<%=.*?%>", re.DOTALL)


def rule_of(value: object) -> Rule:
    """The rule that a label's value states, ERB in it or not."""
    text = value.source if isinstance(value, Opaque) else str(value)
    tags = _TAG.findall(text)
    masked = _unquoted(_TAG.sub("\0", text)) if isinstance(value, Opaque) else text
    if "<%" in masked:
        return Rule(unsupported=text, opaque=True)
    try:
        found = _rule(_plain(masked))
    except _UnsupportedError as error:
        return Rule(unsupported=text if tags else str(error) or "an empty rule", opaque=bool(tags))
    if not tags:
        return found
    return _filled(found, tags) or Rule(unsupported=text, opaque=True)


def _filled(rule: Rule, tags: list[str]) -> Rule | None:
    """The rule with its ERB back in the hosts; None where ERB writes something else."""
    if sum(host.count("\0") for host in rule.hosts) != len(tags) or any("\0" in path for path in rule.paths):
        return None
    left = iter(tags)
    return rule._replace(hosts=tuple(re.sub("\0", lambda _: next(left), host) for host in rule.hosts))


def _unquoted(text: str) -> str:
    """What a YAML scalar says, from its source."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _plain(text: str) -> str:
    """A rule without what shells and HTML made of its quotes."""
    return html.unescape(text).replace("\\`", "`").replace('\\"', '"').strip()


def _rule(text: str) -> Rule:
    clauses = _Parser(text).clauses()
    pairs = [_pair(clause) for clause in clauses]
    if not pairs:
        raise _UnsupportedError(text)
    hosts = tuple(dict.fromkeys(host for host, _ in pairs))
    paths = tuple(dict.fromkeys(path for _, path in pairs))
    if set(pairs) != set(product(hosts, paths)):
        raise _UnsupportedError(text)
    everywhere = "" in hosts or "" in paths
    if everywhere and ((len(hosts) > 1 and "" in hosts) or (len(paths) > 1 and "" in paths)):
        raise _UnsupportedError(text)
    return Rule(tuple(filter(None, hosts)), tuple(filter(None, paths)))


def _pair(clause: Clause) -> tuple[str, str]:
    """The one host and the one path prefix that a clause asks for, each empty for any."""
    said = {"host": "", "path": ""}
    for kind, value in clause:
        if said[kind] not in ("", value):
            raise _UnsupportedError(f"{said[kind]} and {value}")
        said[kind] = value
    return said["host"], said["path"]


_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\)|,)|([A-Za-z]+)\s*(?=\()|(`[^`]*`|\"[^\"]*\"))")


class _Parser:
    """Reads a rule into the clauses of which one must hold."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokens())
        self.next = 0

    def _tokens(self) -> Iterator[str]:
        offset = 0
        while offset < len(self.text.rstrip()):
            match = _TOKEN.match(self.text, offset)
            if match is None:
                raise _UnsupportedError(self.text)
            yield match[0].strip()
            offset = match.end()

    def _take(self, *wanted: str) -> str:
        token = self.tokens[self.next] if self.next < len(self.tokens) else ""
        if not wanted or token in wanted:
            self.next += 1
            return token
        return ""

    def clauses(self) -> list[Clause]:
        """The whole rule."""
        found = self._any()
        if self.next < len(self.tokens):
            raise _UnsupportedError(self.text)
        return found

    def _any(self) -> list[Clause]:
        found = self._all()
        while self._take("||"):
            found = [*found, *self._all()]
        return found

    def _all(self) -> list[Clause]:
        found = self._one()
        while self._take("&&"):
            found = [(*one, *other) for one, other in product(found, self._one())]
        return found

    def _one(self) -> list[Clause]:
        if self._take("("):
            found = self._any()
            if not self._take(")"):
                raise _UnsupportedError(self.text)
            return found
        name = self._take()
        if not name.isalpha():
            raise _UnsupportedError(self.text)
        return [(match,) if match else () for match in _matches(name, self._arguments(name))]

    def _arguments(self, name: str) -> list[str]:
        found = []
        if not self._take("("):
            raise _UnsupportedError(name)
        while not self._take(")"):
            token = self._take()
            if token[:1] not in ("`", '"'):
                raise _UnsupportedError(self.text)
            found.append(token[1:-1].strip())
            self._take(",")
        return found


def _matches(name: str, values: list[str]) -> Iterator[Match | None]:
    """What a matcher asks for, one for each value; None for what every request has."""
    for value in values:
        if name.lower() == "host" and re.fullmatch("[\\w.\0-]+", value):
            yield "host", value.lower()
        elif name.lower() == "hostregexp":
            host = _wildcard(value)
            yield ("host", host) if host else None
        elif name.lower() == "pathprefix" and value.startswith("/"):
            yield ("path", value.rstrip("/")) if value.rstrip("/") else None
        else:
            raise _UnsupportedError(f"{name}(`{value}`)")


_ANY = r"(?:\.[+*]|\[\^\.\][+*]|\\w\+|\[[a-zA-Z0-9_-]+\][+*])"
_BRACES = re.compile(rf"\{{[\w-]+(?::{_ANY})?\}}(\.[\w.-]+)?")
_REGEXP = re.compile(rf"\^?\(?{_ANY}\)?((?:\\\.[\w-]+)+)?\$?")


def _wildcard(pattern: str) -> str:
    """The wildcard of kamal-proxy for a pattern of hosts; empty for any host."""
    match = _BRACES.fullmatch(pattern) or _REGEXP.fullmatch(pattern)
    if match is None:
        raise _UnsupportedError(f"HostRegexp(`{pattern}`)")
    return f"*{match[1].replace(chr(92), '').lower()}" if match[1] else ""
