"""What must stand in a config that is loaded without a destination."""

from __future__ import annotations

from typing import Any

from kamal_migrate.kamal.schema.kinds import ERB, Schema
from kamal_migrate.kamal.validation.hosts import BLIND_TO_PROXY
from kamal_migrate.kamal.validation.proxies import PEMS
from kamal_migrate.kamal.validation.sections import CREDENTIALS, OUTPUTS, selectors
from kamal_migrate.kamal.versions import Version

_TRUE = {"not": {"enum": [None, False]}}
_FILLED = {"minLength": 1, "minItems": 1, "minProperties": 1}
# No registry needs a user that Kamal runs on this machine; what ERB says may be one.
_LOCAL = {
    "properties": {"server": {"type": "string", "pattern": f"^localhost[:$]|{ERB}"}},
    "required": ["server"],
}
_LOCAL_SINCE = Version(2, 8)


def holds(name: str, value: Schema) -> Schema:
    """That a mapping has a key, with such a value."""
    return {"properties": {name: value}, "required": [name]}


# Such a base is refused alone, so it is read with a destination, which may state what is missing.
NEVER_ALONE = holds("require_destination", _TRUE)


def complete(version: Version) -> Schema:
    """What must stand in a whole config, for Kamal 1.7.0 or newer."""
    properties = {
        "service": _FILLED,
        "registry": _registry(version),
        "accessories": {"additionalProperties": _accessory(version)},
        "servers": _servers(version),
        **_only_in_2(version),
    }
    rules = [_image(version), _roles(version), _primary(version)]
    required = ["service", "registry", *(["builder"] if version.major == 2 else [])]
    return {"required": required, "properties": properties, "allOf": rules}


def _only_in_2(version: Version) -> dict[str, Schema]:
    if version.major == 1:
        return {}
    outputs = {name: {"required": [key]} for name, key, _ in OUTPUTS}
    proxy = {} if version == BLIND_TO_PROXY else _proxy(version)
    return {"proxy": proxy, "builder": _builder(), "output": {"properties": outputs}}


def _builder() -> Schema:
    remote = {"if": holds("local", {"const": False}), "then": holds("remote", _FILLED)}
    return {**holds("arch", _FILLED), **remote}


def _registry(version: Version) -> Schema:
    credentials = {"required": [*CREDENTIALS], "properties": dict.fromkeys(CREDENTIALS, _FILLED)}
    return {"if": _LOCAL, "else": credentials} if version >= _LOCAL_SINCE else credentials


def _image(version: Version) -> Schema:
    """The image; on a registry on this machine it is named by the service."""
    image = holds("image", _FILLED)
    return {"if": holds("registry", _LOCAL), "else": image} if version >= _LOCAL_SINCE else image


def _accessory(version: Version) -> Schema:
    rules: Schema = {"anyOf": [{"required": [name]} for name in selectors(version)]}
    sections: dict[str, Any] = {"proxy": _proxy(version), "registry": _registry(version)}
    return {**rules, "properties": sections} if version.major == 2 else rules


def _servers(version: Version) -> Schema:
    role = {"additionalProperties": {"properties": {"proxy": _proxy(version)}}} if version.major == 2 else {}
    return {**_FILLED, **role}


def _proxy(version: Version) -> Schema:
    """Automatic certificates want a host, and each half of a certificate the other one."""
    names = ("host", "hosts") if version >= (2, 1) else ("host",)
    halves = {pem: [other] for pem, other in (PEMS, PEMS[::-1])}
    return {
        "if": holds("ssl", {"type": ["boolean", "object"], "not": {"const": False}}),
        "then": {"anyOf": [holds(name, _FILLED) for name in names]},
        "properties": {"ssl": {"dependencies": halves}},
    }


def _roles(version: Version) -> Schema:
    """Servers, or accessories alone from 2.6.0 on; roles have hosts unless that is allowed."""
    rules: list[Schema] = [{"required": ["servers"]}]
    if version >= (2, 6):
        rules.append(holds("accessories", _FILLED))
    full = {"properties": {"servers": {"additionalProperties": _WITH_HOSTS}}}
    return {"anyOf": rules, "if": holds("allow_empty_roles", _TRUE), "else": full}


_WITH_HOSTS: Schema = {"minItems": 1, **holds("hosts", {"minItems": 1})}


def _primary(version: Version) -> Schema:
    """The primary role is there, and has hosts; it is `web` if none is named."""
    named = holds("primary_role", _TRUE)
    return {"if": named, "else": {"properties": {"servers": holds("web", _WITH_HOSTS)}}}
