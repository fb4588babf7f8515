"""Whether kamal-proxy can get the certificates that Traefik had for a role (history D.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kamal_migrate.kamal.entry_points import Resolvers
from kamal_migrate.kamal.notation import block
from kamal_migrate.kamal.traefik import Label, Router, is_default
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Path

CUSTOM_CERTIFICATES = Version(2, 7)
TLS_OPTIONS = "tls.options"


class Setting(NamedTuple):
    """What the labels of a role hang on: Traefik's arguments, the target, its servers, the files' order.

    ``servers`` is None where ERB writes them; ``role`` is its name, empty for an accessory.
    """

    resolvers: Resolvers
    target: Version
    servers: int | None
    order: Callable[[Path], int]
    role: str = ""


def secured(routers: list[Router], resolvers: Resolvers) -> list[Router]:
    """The routers that take TLS, by their labels or by their entry points.

    Of those that an earlier run has put into the words of `proxy`, nothing but their options can be there.
    """
    own = [router for router in routers if router.settings.keys() != {TLS_OPTIONS}]
    return [router for router in own if router.tls or _entry_point(router, resolvers)]


def tls_options(routers: list[Router]) -> tuple[Path, ...]:
    """The labels that name options for TLS, such as the client certificates that it asks for."""
    stated = [router.settings[TLS_OPTIONS] for router in routers if TLS_OPTIONS in router.settings]
    return tuple(label.path for label in stated if not is_default(label.value))


def tls_labels(routers: list[Router]) -> list[Label]:
    """The labels that say so."""
    return [label for r in routers for name, label in r.settings.items() if name.split(".")[0] == "tls"]


def entry_point_arguments(routers: list[Router], resolvers: Resolvers) -> list[Path]:
    """The arguments of Traefik that give routers TLS by their entry points."""
    names = dict.fromkeys(name for router in routers for name in router.words("entrypoints"))
    return [resolvers.stated[name] for name in names if name in resolvers.stated]


def _entry_point(router: Router, resolvers: Resolvers) -> bool:
    names = router.words("entrypoints")
    return any(name in resolvers.secured for name in names)


def _resolver(router: Router, resolvers: Resolvers) -> str | None:
    own = [resolvers.secured[name] for name in router.words("entrypoints") if name in resolvers.secured]
    return router.resolver or next(filter(None, own), None)


def own_certificate(target: Version) -> str:
    """What to do for a certificate that one gets oneself, with the lines to paste."""
    if target < CUSTOM_CERTIFICATES:
        return "put a load balancer with TLS in front"
    names: dict[str, object] = {"certificate_pem": "CERTIFICATE_PEM", "private_key_pem": "PRIVATE_KEY_PEM"}
    lines = block({"proxy": {"ssl": names}})
    return f"put a load balancer with TLS in front, or name two secrets with a certificate:\n{lines}"


def no_certificate(
    routers: list[Router], hosts: list[str], paths: tuple[str, ...], setting: Setting
) -> tuple[str, str]:
    """Why kamal-proxy cannot get the certificates itself, and what to do; empty where it can."""
    own = own_certificate(setting.target)
    named = {_resolver(router, setting.resolvers) for router in routers}
    if any(host.startswith("*") for host in hosts):
        return "there is no automatic TLS for wildcard hosts", own
    if paths:
        return "TLS belongs to the service at the root path", "write `proxy.ssl: true` for that one"
    if {name.lower() for name in named if name} & setting.resolvers.dns:
        return (
            "kamal-proxy knows no DNS challenge",
            f"write `proxy.ssl: true` if port 443 is public, else {own}",
        )
    if named == {None}:
        why = "no certificate resolver is named, so Traefik had a certificate of its own"
        return why, f"write `proxy.ssl: true` for one of Let's Encrypt, or {own}"
    # For an accessory Kamal does not count its servers.
    if setting.servers is None and setting.role:
        why = "automatic TLS works on one server, and only ERB says how many there are"
        return why, f"write `proxy.ssl: true` if it is one, else {own}"
    if setting.servers is not None and setting.servers > 1:
        return f"automatic TLS works on one server, and there are {setting.servers}", own
    # Last, for a rule that has become `hosts` names none any more.
    if not hosts:
        return (
            "automatic TLS wants a host in Kamal 2, and no rule names one",
            "write `proxy: {hosts: [NAME], ssl: true}`",
        )
    return "", ""
