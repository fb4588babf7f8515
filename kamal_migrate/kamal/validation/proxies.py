"""What Kamal 2 wants of proxy settings beyond their types."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kamal_migrate.kamal.validation.fault import Fault
from kamal_migrate.kamal.validation.node import Node
from kamal_migrate.kamal.validation.shapes import shapes
from kamal_migrate.kamal.validation.types import keyed, of_type
from kamal_migrate.kamal.versions import Version

PEMS = ("certificate_pem", "private_key_pem")
PUBLISHING = ("bind_ips", "http_port", "https_port")


def proxy(node: Node) -> Iterator[Fault]:
    """The faults of one proxy section; what is no mapping has been refused with its section."""
    if node.kind == "map":
        yield from keyed(node, shapes(node.version, ("proxy",)))
        yield from rules(node)


def root_proxy(node: Node) -> Iterator[Fault]:
    """The faults of the root's proxy. False means no settings before 2.6.1 and is refused from there on."""
    if node.kind == "bool" and not (node.is_false and node.version < (2, 6, 1)):
        yield from of_type(node, "map")
    yield from proxy(node)


def rules(node: Node) -> Iterator[Fault]:
    """The faults of proxy settings whose types are right."""
    for since, rule in _RULES:
        if node.version >= since:
            yield from rule(node)


def _ssl_wants_a_host(node: Node) -> Iterator[Fault]:
    names = ("host", "hosts") if node.version >= (2, 1) else ("host",)
    if node.get("ssl").is_set and all(node.get(name).is_blank for name in names):
        yield _at(node, "ssl", "Must set a host to enable automatic SSL")


def _host_or_hosts(node: Node) -> Iterator[Fault]:
    if {"host", "hosts"} <= {*node.names}:
        yield _at(node, "host", "Specify one of 'host' or 'hosts', not both")


def _whole_certificate(node: Node) -> Iterator[Fault]:
    """Each half of a certificate wants the other one."""
    ssl = node.get("ssl")
    for there, missing in (PEMS, PEMS[::-1]):
        if ssl.kind == "map" and ssl.get(there).is_present and ssl.get(missing).is_blank:
            yield _at(node, "ssl", f"Missing {missing} setting (required when {there} is present)")


def _nothing_to_publish(node: Node) -> Iterator[Fault]:
    run = node.get("run")
    if run.get("publish").is_false and any(run.get(name).is_present for name in PUBLISHING):
        yield _at(node, "run", "Cannot set http_port, https_port or bind_ips when publish is false")


def _at(node: Node, name: str, message: str) -> Fault:
    """A fault that Kamal reports for the section, at the key that it is about."""
    return Fault(node.get(name).path, node.fault(message).message)


_RULES: tuple[tuple[Version, Callable[[Node], Iterator[Fault]]], ...] = (
    (Version(2), _ssl_wants_a_host),
    (Version(2, 1), _host_or_hosts),
    (Version(2, 7), _whole_certificate),
    (Version(2, 10), _nothing_to_publish),
)
