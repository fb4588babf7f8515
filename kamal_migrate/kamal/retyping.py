"""A value in the type that its key wants, where that says what Kamal up to 1.6 made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.durations import whole_seconds
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.strictness import INTEGER, LIST, LOGIN, MAP, TEXT, Misfit
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

# What no shell expands or splits: Kamal passed the items of such a list to the shell as they stood.
_PLAIN = re.compile(r"[\w./:@%+,=-]*", re.ASCII)
# A variable of the environment: always text.
_VARIABLE = re.compile(r"""<%=\s*ENV(?:\[\s*["']\w+["']\s*\]|\.fetch\(\s*["']\w+["']\s*\))\s*%>""")
_TRUE = ("true", "yes", "on")
_NAMED = re.compile(r"([A-Za-z_]\w*)(?:=(.*))?", re.ASCII)


class Retyped(NamedTuple):
    """A value of the right type, and whether Kamal up to 1.6 did just that with the wrong one."""

    value: object
    same: bool


def retyped(misfit: Misfit, source: Version) -> Retyped | None:
    """The value as its key wants it, for a config of ``source``; None where nobody can tell."""
    data, wants = misfit.data, misfit.wants
    if LIST in wants and data.kind in ("str", "symbol", "int", "float"):
        return Retyped([data], misfit.path == ("volumes",) or misfit.path[0] == "servers")
    if LIST in wants and data.kind == "map" and misfit.path[-1] == "secret":
        # Kamal up to 1.6 took the names of such a mapping; MRSK failed.
        return Retyped([name for name, _ in data.value], same=source >= Version(1))
    if MAP in wants and data.kind == "list" and misfit.path[-1] in ("args", "clear", "env"):
        return _paired(misfit, source)
    if wants == (INTEGER,):
        number = whole_seconds(data.value) if data.kind in ("str", "float") else None
        # Docker was given the text.
        same = misfit.path == ("stop_wait_time",) and str(data.value).isdigit()
        return None if number is None else Retyped(number, same)
    if misfit.path == ("allow_empty_roles",) and data.kind == "str" and data.value.lower() in _TRUE:
        return Retyped(True, same=True)  # Ruby takes any text for true.
    if wants == (LOGIN,) and data.kind == "int":
        return Retyped(str(data.value), same=True)
    if TEXT in wants:
        return _text(misfit)
    return None


def hosts_by_variable(view: View) -> Iterator[tuple[Path, Data]]:
    """The `hosts` of roles that are one variable, so text: up to 1.6 one host, refused from 1.7 on."""
    servers = typed.get(view.data, ("servers",))
    names = [typed.name(key) for key, _ in servers.value] if servers and servers.kind == "map" else []
    for path in (("servers", name, "hosts") for name in names):
        hosts = typed.get(view.data, path)
        if hosts and hosts.kind == "erb" and is_variable(hosts.value):
            yield path, hosts


def is_variable(source: str) -> bool:
    """Whether ERB is no more than one variable of the environment, so that its value is text."""
    return _VARIABLE.fullmatch(source) is not None


def _text(misfit: Misfit) -> Retyped | None:
    data = misfit.data
    if data.kind == "date":
        return Retyped(str(data.value), same=True)
    if data.kind == "null" and ("env" in misfit.path[:-1] or misfit.path[-2:-1] == ("labels",)):
        return Retyped("", same=True)
    if misfit.path[-1] == "cmd" and data.kind == "list" and all(item.kind == "str" for item in data.value):
        return Retyped(" ".join(item.value for item in data.value), same=True)
    return None


def _paired(misfit: Misfit, source: Version) -> Retyped | None:
    """A list of ``NAME=value`` or of small mappings, as one mapping.

    Docker got the items as they stood, but for variables in 1.0 to 1.4, which wrote them into a file, and
    for those of roles in 1.5 and 1.6, which failed.
    """
    pairs: dict[str, object] = {}
    failed = Version(1) <= source and "env" in misfit.path
    same = not failed or (source >= Version(1, 5) and misfit.path[0] == "accessories")
    for item in misfit.data.value:
        pair = _pair(item, is_variable=misfit.path[-1] != "args")
        if pair is None or pair[0] in pairs:
            return None
        pairs[pair[0]] = pair[1]
        same = same and item.kind == "str"
    return Retyped(pairs, same) if pairs else None


def _pair(item: Data, *, is_variable: bool) -> tuple[str, object] | None:
    if item.kind == "map" and len(item.value) == 1:
        ((key, value),) = item.value
        return (typed.name(key), value) if value.kind in ("str", "int", "float", "bool", "erb") else None
    match = _NAMED.fullmatch(item.value) if item.kind == "str" else None
    if match is None or not _PLAIN.fullmatch(item.value):
        return None
    # Docker takes a variable without a value from where it runs; and a secret may have been meant.
    return None if is_variable and match[2] is None else (match[1], match[2] or "")
