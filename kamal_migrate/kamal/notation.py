"""Values as YAML, for messages: on one line, or as lines to paste."""

from __future__ import annotations

import re

from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.yamldoc import Data
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.style import Style, block_lines, inline


def flow(value: object) -> str:
    """A plain value as YAML writes it on one line; ERB by its source."""
    return inline(_data(value), Style())


def block(value: dict[str, object]) -> str:
    """A map as the lines of YAML that one would paste, without a last line break."""
    return "\n".join(block_lines(_data(value), Style()))


_TAG = re.compile(r"<%=(?:(?!%>).)+%>")


def written_by_erb(value: object) -> Data | None:
    """The value that one output tag writes, without quotes around it; None where it is anything else."""
    source = value.source.strip("'\"") if isinstance(value, Opaque) else ""
    return Data("erb", source) if _TAG.fullmatch(source) else None


def _data(value: object) -> Data:
    if isinstance(value, Opaque):
        return Data("erb", value.source)
    if isinstance(value, dict):
        return Data("map", tuple((typed.of(key), _data(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return Data("list", tuple(map(_data, value)))
    return typed.of(value)
