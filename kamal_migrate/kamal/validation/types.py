"""Whether a value is what its key wants, in the words and the order of Kamal 1.7 and newer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from kamal_migrate.kamal.validation.fault import Fault
from kamal_migrate.kamal.validation.node import UNKNOWN, Node
from kamal_migrate.kamal.validation.shapes import Shape
from kamal_migrate.kamal.versions import Version

# What Kamal calls a type, and the kinds of values that pass for it: a number or a boolean is a string to it.
_SCALARS = frozenset({"str", "symbol", "int", "float", "bool"})
_TYPES = {
    "string": ("a string", _SCALARS),
    "symbol": ("a symbol", frozenset({"symbol"})),
    "integer": ("an integer", frozenset({"int"})),
    "boolean": ("a boolean", frozenset({"bool"})),
    "map": ("a hash", frozenset({"map"})),
    "list": ("an array", frozenset({"list"})),
}
PATH_KEYS = ("local", "remote", "mode", "owner", "options")
EXTENSIONS_SINCE = Version(1, 8, 1)


def of_type(node: Node, *types: str) -> Iterator[Fault]:
    """A fault where the value is of none of these types."""
    if not node.is_unknown and not any(node.kind in _TYPES[name][1] for name in types):
        yield node.fault(f"should be {' or '.join(_TYPES[name][0] for name in types)}")


def of_shape(node: Node, shape: Shape) -> Iterator[Fault]:
    """The faults of a value, for what its key wants."""
    return keyed(node, shape.keys) if shape.kind == "keys" else CHECKS[shape.kind](node)


def keyed(node: Node, known: Mapping[str, Shape]) -> Iterator[Fault]:
    """The faults of a mapping with fixed keys: first the unknown ones, then the others in their order."""
    yield from of_type(node, "map")
    taken = [name for name in node.names if not (node.path == () and _is_extension(name, node.version))]
    yield from (node.unknown_key(name) for name in taken if name not in known)
    for name in taken:
        if name in known:
            yield from of_shape(node.get(name), known[name])


def _is_extension(name: str, version: Version) -> bool:
    return name.startswith("x-") and version >= EXTENSIONS_SINCE


def _each(node: Node, holder: str, wanted: str = "string") -> Iterator[Fault]:
    """A list or a mapping whose every value is of one type."""
    wrong = list(of_type(node, holder))
    yield from wrong
    for child in () if wrong else node.children():
        yield from of_type(child, wanted)


list_of_strings = partial(_each, holder="list")
map_of_strings = partial(_each, holder="map")


def servers(node: Node) -> Iterator[Fault]:
    """A list of hosts, each a name, or a mapping of one name to its tags."""
    yield from of_type(node, "list")
    for server in node.children() if node.kind == "list" else ():
        yield from of_type(server, "string", "map")
        if server.kind == "map":
            yield from _tagged(server)


def _tagged(server: Node) -> Iterator[Fault]:
    if not server.hides and len(server.names) != 1:
        yield server.fault("multiple hosts found")
        return
    for tags in server.children():
        yield from list_of_strings(tags) if tags.kind == "list" else of_type(tags, "string", "list")


def _strings_or_string(node: Node) -> Iterator[Fault]:
    """One fault for the whole, whatever is wrong inside."""
    if any(list_of_strings(node) if node.kind == "list" else of_type(node, "string")):
        yield node.fault("should be an array or a string")


def _ssh_config(node: Node) -> Iterator[Fault]:
    if node.kind == "list":
        yield from list_of_strings(node)
    elif node.kind not in UNKNOWN | {"bool", "str"}:
        yield node.fault("should be a boolean or a string or an array")


def _paths(node: Node) -> Iterator[Fault]:
    """Files or directories to mount, each a text or a mapping (2.10.0+)."""
    yield from of_type(node, "list")
    for path in node.children() if node.kind == "list" else ():
        yield from of_type(path, "string", "map")
        for name in PATH_KEYS:
            if name in path.names:
                yield from of_type(path.get(name), "string")


def _levels(node: Node) -> Iterator[Fault]:
    """A level for all hooks, or one for each (2.11.0+)."""
    for level in node.children() if node.kind == "map" else (node,):
        yield from of_type(level, "string", "symbol")


def _one_of(*types: str) -> Callable[[Node], Iterator[Fault]]:
    return lambda node: of_type(node, *types)


CHECKS: Mapping[str, Callable[[Node], Iterator[Fault]]] = {
    "string": _one_of("string"),
    "integer": _one_of("integer"),
    "boolean": _one_of("boolean"),
    "map": _one_of("map"),
    "list or map": _one_of("list", "map"),
    "boolean or map": _one_of("boolean", "map"),
    "boolean or boolean or map": _one_of("boolean", "boolean", "map"),
    "map or boolean": lambda node: iter(()) if node.kind == "bool" else of_type(node, "map"),
    "list": list_of_strings,
    "strings": map_of_strings,
    "strings or string": _strings_or_string,
    "servers": servers,
    "ssh config": _ssh_config,
    "paths": _paths,
    "levels": _levels,
}
