"""What each kind of value of `validation.types` is in JSON Schema. A text with an ERB tag may be anything.

Kamal's YAML is 1.1, while most editors read 1.2: there ``yes`` and ``1_000`` are texts, so they pass as what
Kamal reads. The patterns are of ECMA 262, as JSON Schema wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamal_migrate.kamal.validation.types import PATH_KEYS
from kamal_migrate.kamal.validation.whole import LEVELS

Schema = dict[str, Any]
ERB = "<%"
_SCALARS = ("string", "number", "boolean")
_SAID = {"object": "a hash", "array": "a list", "boolean": "true or false", "integer": "a whole number"}
_YES_OR_NO = "^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$"
_GROUPED = r"^[-+]?\d+([_,]\d+)+$"


def typed(*types: str, or_text: str = "", **rules: Any) -> Schema:
    """A value of one of these JSON types, a text of the pattern ``or_text``, or one with an ERB tag."""
    if "string" in types:
        return {"type": [*types], **rules}
    words = f"should be {' or '.join(_SAID[name] for name in types)}"
    pattern = f"{ERB}|{or_text}" if or_text else ERB
    return {"type": [*types, "string"], "pattern": pattern, "patternErrorMessage": words, **rules}


def text(pattern: str) -> Schema:
    """A text of this pattern."""
    return {"type": "string", "pattern": f"{ERB}|{pattern}"}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"anyOf": [{"enum": [*words]}, {"type": "string", "pattern": ERB}]}


STRING = typed(*_SCALARS)
STRINGS = typed("array", items=STRING)
MAP_OF_STRINGS = typed("object", additionalProperties=STRING)
BOOLEAN = typed("boolean", or_text=_YES_OR_NO)
_TAGS = typed(*_SCALARS, "array", items=STRING)
# A host is a name, or one name with its tags.
_SERVER = typed(*_SCALARS, "object", minProperties=1, maxProperties=1, additionalProperties=_TAGS)
SERVERS = typed("array", items=_SERVER)
_PATH = typed(*_SCALARS, "object", properties=dict.fromkeys(PATH_KEYS, STRING))
_LEVEL = {"anyOf": [{"enum": [*LEVELS]}, {"type": ["number", "boolean"]}, text(f"^:({'|'.join(LEVELS)})$")]}

KINDS: Mapping[str, Schema] = {
    "string": STRING,
    "integer": typed("integer", or_text=_GROUPED),
    "boolean": BOOLEAN,
    "map": typed("object"),
    "list or map": typed("array", "object"),
    "boolean or map": typed("boolean", "object", or_text=_YES_OR_NO),
    "boolean or boolean or map": typed("boolean", "object", or_text=_YES_OR_NO),
    "map or boolean": typed("boolean", "object", or_text=_YES_OR_NO),
    "list": STRINGS,
    "strings": MAP_OF_STRINGS,
    "strings or string": typed(*_SCALARS, "array", items=STRING),
    "servers": SERVERS,
    "ssh config": typed("boolean", "string", "array", items=STRING),
    "paths": typed("array", items=_PATH),
    "levels": {"anyOf": [_LEVEL, typed("object", additionalProperties=_LEVEL)]},
}
