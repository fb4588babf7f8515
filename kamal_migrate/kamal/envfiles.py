"""What the `.env` files of a Kamal 1 app say of a secret, as the line of `.kamal/secrets` for it.

Kamal 1 (0.6.0+) loaded `.env.<destination>`, then `.env`, into its own environment, and `kamal envify`
rendered `.env.erb` and `.env.<destination>.erb` into them (history E.1). A value stands in a line only where
it was asked for; no ``repr`` here holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from kamal_migrate.envdoc import COMMAND, REFERENCE, EnvDoc, EnvError, quoted
from kamal_migrate.enverb import FILE, UNKNOWN, Said, said
from kamal_migrate.erbtags import ErbError
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.secrets import Adapter, adapter_of

MASTER_KEY = "config/master.key"


@dataclass(frozen=True)
class Source:
    """Where a secret comes from. ``text`` is its line, ``environment`` the names that must be set for it.

    ``kind`` is ``command``, ``file``, ``reference`` (other names of the environment), ``environment`` (its
    own), ``value`` (the line holds it), ``ruby`` (nobody can put that into a line) or ``unsayable`` (no line
    can hold the value as it is). ``file`` and ``line`` say who says so; empty where nobody does. ``adapter``
    is the vault that its command asks, ``ruby`` what nobody can put into a line. ``stated`` tells the sources
    of two destinations apart, though their lines may be the same.
    """

    name: str
    kind: str
    text: str = field(repr=False)
    environment: tuple[str, ...] = ()
    file: str = ""
    line: int = 1
    conditional: bool = False
    adapter: Adapter | None = None
    stated: str = field(default="", repr=False)
    ruby: str = field(default="", repr=False)


class EnvFiles:
    """The `.env` files of an app, read once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._said: dict[str, list[Said] | None] = {}

    @cached_property
    def paths(self) -> list[str]:
        """The files that `kamal envify` or Kamal 1 may read, templates first."""
        names = {"", *(f".{view.destination}" for view in self._app.views if view.destination)}
        wanted = [f".env{name}{end}" for name in sorted(names) for end in (".erb", "")]
        return [path for path in wanted if self._app.has(path)]

    @cached_property
    def unreadable(self) -> list[str]:
        """The templates with a tag that is never closed."""
        return [path for path in self.paths if self._lines(path) is None]

    @cached_property
    def provided(self) -> dict[str, str]:
        """The names that the files set, and the first file that does."""
        found: dict[str, str] = {}
        for path in self.paths:
            for one in self._lines(path) or ():
                found.setdefault(one.name, path)
        return {name: path for name, path in found.items() if name}

    def loader(self, destination: str) -> str:
        """What is typed before a command so that it sees what Kamal 1 loaded: `dotenv` and its files.

        Empty where there are none. The first file wins, as that of the destination did.
        """
        stems = (f".env.{destination}", ".env") if destination else (".env",)
        files = [stem for stem in stems if not {stem, f"{stem}.erb"}.isdisjoint(self.paths)]
        return "" if not files else "dotenv " if files == [".env"] else f"dotenv -f {','.join(files)} "

    def feeds(self, paths: Iterable[str]) -> bool:
        """Whether some files of secrets take a name from the environment that the `.env` files set."""
        taken = {name for path in paths for one in self._lines(path) or () for name in one.refers}
        return not taken.isdisjoint(self.provided)

    def source(self, name: str, destination: str, *, values: bool = False) -> Source:
        """Where a secret comes from for a destination; with ``values`` the line may hold it."""
        template, plain = self._winning(name, destination)
        stated = self._stated(plain, name)
        if template:
            path, one = template
            if one.kind in (COMMAND, REFERENCE, FILE):
                vault = adapter_of(one.text.strip('"')) if one.kind == COMMAND else None
                text, where = f"{name}={one.text}", (path, one.line, one.conditional, vault, stated)
                return Source(name, one.kind, text, one.refers, *where)
            if one.kind == UNKNOWN:
                text = f"# {name} comes from Ruby in {path}, line {one.line}"
                where = (path, one.line, one.conditional, None, stated)
                return Source(name, "ruby", text, (), *where, one.source)
        if name == "RAILS_MASTER_KEY" and self._app.has(MASTER_KEY):
            return Source(name, "file", f"{name}=$(cat {MASTER_KEY})", (), MASTER_KEY)
        found = self._value(name, *plain) if plain and values else None
        return found or Source(name, "environment", f"{name}=${name}", (name,), stated=stated)

    def _value(self, name: str, path: str, one: Said) -> Source | None:
        """The line that holds what `.env` says; None where dotenv has to work it out."""
        doc = EnvDoc(self._app.text(path))
        setting = doc.setting(name)
        value = doc.literal(setting, legacy=True) if setting else None
        if value is None:
            return self._worked_out(name, path, one)
        try:
            if "\n" in value:
                raise EnvError("a value of several lines")
            return Source(name, "value", f"{name}={quoted(value)}", (), path, one.line)
        except EnvError:
            return Source(name, "unsayable", f"{name}=${name}", (name,), path, one.line)

    def _worked_out(self, name: str, path: str, one: Said) -> Source | None:
        """The line for a command or another name in `.env`, which may hold a password as any value may."""
        if one.kind not in (COMMAND, REFERENCE):
            return None
        return Source(name, "value", f"{name}={one.text}", one.refers, path, one.line)

    def _winning(
        self, name: str, destination: str
    ) -> tuple[tuple[str, Said] | None, tuple[str, Said] | None]:
        """The line of a template and the one of a plain file that say what Kamal 1 took.

        A destination's own files win over those for all, be these templates.
        """
        for stem in (f".env.{destination}", ".env") if destination else (".env",):
            template, plain = self._last(name, f"{stem}.erb"), self._last(name, stem)
            if template or plain:
                return template, plain
        return None, None

    def _last(self, name: str, path: str) -> tuple[str, Said] | None:
        """The line of a file that wins for a name."""
        return next(((path, one) for one in reversed(self._lines(path) or []) if one.name == name), None)

    def _stated(self, plain: tuple[str, Said] | None, name: str) -> str:
        doc = EnvDoc(self._app.text(plain[0])) if plain else None
        setting = doc.setting(name) if doc else None
        return doc.raw(setting) if doc and setting else ""

    def _lines(self, path: str) -> list[Said] | None:
        """What a file says; None for a template that cannot be read."""
        if path not in self._said:
            try:
                self._said[path] = said(EnvDoc(self._app.text(path), erb=path.endswith(".erb")))
            except ErbError:
                self._said[path] = None
        return self._said[path]


_READS = re.compile(r"""ENV(?:\[\s*|\.fetch[( ]\s*|\.key\?[( ]\s*|\.include\?[( ]\s*)(['"])(\w+)\1""")


def read_by_configs(app: App) -> list[tuple[str, str, int]]:
    """The names that the ERB of the configs reads from the environment: name, path of the config, line.

    A config that loads files with dotenv itself is left out.
    """
    found = []
    documents = {layer.document.path: layer.document for view in app.views for layer in view.layers}
    for document in documents.values():
        tags = document.template.tags
        if any("Dotenv" in tag.code for tag in tags):
            continue
        for tag in tags:
            line = document.text.count("\n", 0, tag.span.start) + 1
            found += [(match[2], document.path, line) for match in _READS.finditer(tag.code)]
    return found
