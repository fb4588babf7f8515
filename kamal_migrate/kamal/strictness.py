"""What Kamal took up to 1.6 and refuses from 1.7.0 on: values of another type, and keys that nobody knows.

Up to 1.6.0 Kamal ignored unknown keys and let Ruby make of a value what it would; from 1.7.0 on each
section is compared with an example (``lib/kamal/configuration/validator.rb``). Keys that another version
knows are not named here: `keys.refused` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from kamal_migrate.kamal.keys import table
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path, YamlDoc
from kamal_migrate.yamldoc import data as typed

TEXT, INTEGER, BOOLEAN, MAP, LIST, LOGIN = "text", "integer", "boolean", "map", "list", "login"
# A number or a boolean is a string to Kamal; what ERB gives is not known.
_SCALARS = frozenset({"str", "symbol", "int", "float", "bool"})
_UNKNOWN = frozenset({"erb", "tagged", "merge"})
_KINDS = {
    TEXT: _SCALARS,
    INTEGER: {"int"},
    BOOLEAN: {"bool"},
    MAP: {"map"},
    LIST: {"list"},
    LOGIN: {"str", "symbol", "list"},
}
_WORDS = (("string", TEXT), ("scalar", TEXT), ("number", TEXT), ("array", LIST), ("map", MAP))
_ENV = ("clear", "secret", "tags")
_WITH_TAGS = ("hosts", "files", "directories")


class Misfit(NamedTuple):
    """A value of a type that its key does not take: what it wants, and the value."""

    path: Path
    wants: tuple[str, ...]
    data: Data


class Stray(NamedTuple):
    """A key that no version of Kamal knows where it stands.

    ``near`` is a key of that place with nearly its name, ``elsewhere`` are places that know its name;
    ``mixed`` is a plain name in an env that also has ``clear``, ``secret`` or ``tags``.
    """

    path: Path
    near: str = ""
    elsewhere: tuple[Path, ...] = ()
    mixed: bool = False


class _Node:
    """A step of the key table as a version sees it."""

    __slots__ = ("below", "known", "wants")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.wants: set[str] = set()
        self.known = False

    @property
    def is_read(self) -> bool:
        """Whether the version reads this key; the table has no rows of their own for names such as roles."""
        return self.known or any(node.is_read for node in self.below.values())


@lru_cache(maxsize=8)
def _root(version: Version) -> _Node:
    root = _Node()
    for key in table():
        node = root
        for step in key.path:
            node = node.below.setdefault(step, _Node())
        node.known = node.known or key.known_to(version)
        node.wants |= _wants(key.path, key.types) if key.known_to(version) else set()
    return root


def _wants(path: tuple[str, ...], types: tuple[str, ...]) -> set[str]:
    if path[-1] in ("username", "password"):
        return {LOGIN}
    if path[-2:-1] == ("labels",):
        return {TEXT}
    words = {want for kind in types for word, want in _WORDS if kind.startswith(word)}
    words |= {INTEGER} if "int" in types and TEXT not in words else set()
    return words | ({BOOLEAN} if "bool" in types else set())


def misfits(data: Data, version: Version) -> Iterator[Misfit]:
    """The values of a config that a version from 1.7.0 on refuses for their type."""
    return (found for found in _walk(data, (), _root(version), version) if isinstance(found, Misfit))


def strays(data: Data, version: Version) -> Iterator[Stray]:
    """The keys of a config that no version knows where they stand."""
    return (found for found in _walk(data, (), _root(version), version) if isinstance(found, Stray))


def _walk(data: Data, path: Path, node: _Node, version: Version) -> Iterator[Misfit | Stray]:
    if node.wants and not fits(data, node.wants):
        yield Misfit(path, tuple(sorted(node.wants)), data)
    elif path[-1:] == ("env",) and data.kind == "map":
        yield from _env(data, path)
    elif data.kind == "map":
        yield from _pairs(data, path, node, version)
    elif data.kind == "list" and LIST in node.wants:
        yield from _items(data, path)


def fits(data: Data, wants: set[str]) -> bool:
    """Whether a value is of one of the types."""
    return data.kind in _UNKNOWN or any(data.kind in _KINDS[want] for want in wants)


def _pairs(data: Data, path: Path, node: _Node, version: Version) -> Iterator[Misfit | Stray]:
    for name, value in _readable(data).items():
        if not path and name.startswith("x-"):
            continue
        below = node.below.get(name) or node.below.get("*")
        if below is None and (node.below or not path):
            yield _stray((*path, name), node, version)
        elif below is not None and below.is_read:
            yield from _walk(value, (*path, name), below, version)


def _readable(data: Data) -> dict[str, Data]:
    """The pairs of a mapping whose keys are known; the last one where a key stands twice."""
    return {typed.name(key): value for key, value in data.value if key.kind not in _UNKNOWN}


def _items(data: Data, path: Path) -> Iterator[Misfit]:
    """Items that are no text; hosts may carry tags, files may be mappings."""
    maps = path[-1] in _WITH_TAGS or path == ("servers",) or (path[0] == "servers" and len(path) == 2)
    for index, item in enumerate(data.value):
        if not fits(item, {TEXT, MAP} if maps else {TEXT}):
            yield Misfit((*path, index), (TEXT,), item)


def _env(data: Data, path: Path) -> Iterator[Misfit | Stray]:
    """Variables: a flat map, or ``clear``, ``secret`` and at the root ``tags``, and nothing beside them."""
    known = _readable(data)
    if not any(name in known for name in _ENV):
        yield from _texts(known, path)
        return
    yield from (Stray((*path, name), mixed=True) for name in known if name not in _ENV)
    for name, want in (("clear", MAP), ("secret", LIST)):
        value = known.get(name)
        if value and not fits(value, {want}):
            yield Misfit((*path, name), (want,), value)
        elif value and value.kind == "map":
            yield from _texts(_readable(value), (*path, name))
        elif value and value.kind == "list":
            yield from _items(value, (*path, name))
    yield from _tags(known, path)


def _texts(pairs: dict[str, Data], path: Path) -> Iterator[Misfit]:
    for name, value in pairs.items():
        if not fits(value, {TEXT}):
            yield Misfit((*path, name), (TEXT,), value)


def _tags(known: dict[str, Data], path: Path) -> Iterator[Misfit | Stray]:
    tags = known.get("tags")
    if tags is None:
        return
    if path != ("env",):
        yield Stray((*path, "tags"), elsewhere=(("env", "tags"),))
    elif not fits(tags, {MAP}):
        yield Misfit((*path, "tags"), (MAP,), tags)
    for key, value in tags.value if tags.kind == "map" and path == ("env",) else ():
        tag = (*path, "tags", typed.name(key))
        if not fits(value, {MAP}):
            yield Misfit(tag, (MAP,), value)
        elif value.kind == "map":
            yield from _env(value, tag)


def _stray(path: Path, node: _Node, version: Version) -> Stray:
    name = str(path[-1])
    here = [known for known, below in node.below.items() if below.known and known != "*"]
    near = get_close_matches(name.lower().replace("-", "_"), here, 1, 0.75)
    rows = {key.path for key in table() if key.path[-1] == name and key.known_to(version)}
    fitting = [row for row in rows if len(path) == 1 or len(row) == 1 or row[0] == path[0]]
    return Stray(path, near[0] if near else "", tuple(sorted(fitting, key=lambda row: (len(row), row))[:3]))


def doubled(view: View) -> Iterator[Path]:
    """The keys that one mapping of a file states twice: the last one wins, in silence, in every version."""
    for layer in view.layers:
        yield from doubled_in(layer.doc)


def doubled_in(doc: YamlDoc) -> Iterator[Path]:
    """The same for one file; what a key says that does not win is not looked at."""
    yield from _doubled(doc.data, ())


def _doubled(data: Data, path: Path) -> Iterator[Path]:
    if data.kind == "list":
        for index, item in enumerate(data.value):
            yield from _doubled(item, (*path, index))
    elif data.kind == "map":
        pairs = [(typed.name(key), value) for key, value in data.value if key.kind != "merge"]
        counts = Counter(name for name, _ in pairs)
        yield from ((*path, name) for name, count in counts.items() if count > 1)
        for name, value in dict(pairs).items():
            yield from _doubled(value, (*path, name))


def false_is_passed(version: Version, path: Path) -> bool:
    """Whether a version passes an unquoted ``false`` as text; else it passes the bare name, mostly unset.

    Checked by running them: variables of containers are text in 1.0.0 to 1.4.0, which wrote them into a file,
    everything else only from 2.3.0 on.
    """
    in_file = Version(1) <= version < Version(1, 5) and "env" in path
    return in_file or version >= Version(2, 3)


def falses(data: Data) -> Iterator[Path]:
    """The unquoted ``false`` among variables, labels and build arguments, as paths."""
    for path, value in typed.walk(data):
        if value == Data("bool", False) and _is_passed_on(path) and typed.get(data, path) == value:
            yield path


def _is_passed_on(path: Path) -> bool:
    holder = path[:-1]
    if holder == ("builder", "args") or holder[-1:] == ("labels",):
        known = holder[0] in ("builder", "labels", "servers", "accessories")
        return known and not str(path[-1]).startswith("traefik.")
    if holder[:1] not in (("env",), ("servers",), ("accessories",)) or "env" not in holder:
        return False
    inside = holder[holder.index("env") + 1 :]
    return inside in ((), ("clear",)) or (inside[:1] == ("tags",) and inside[2:] in ((), ("clear",)))
