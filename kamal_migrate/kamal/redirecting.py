"""Routers of Traefik that only send requests on to HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.traefik import Middleware, Router
from kamal_migrate.kamal.traefik_rules import Rule


def only_redirected(redirecting: list[Router], serving: list[Router]) -> Iterator[str]:
    """A sentence on the hosts that a router sent on to HTTPS, where no other one answers them."""
    answered = [(router.rule or Rule()).hosts for router in serving]
    asked = [host for router in redirecting for host in (router.rule or Rule()).hosts]
    lost = [host for host in dict.fromkeys(asked) if not any(host in hosts for hosts in answered)]
    if lost and answered and all(answered):
        yield f"Traefik sent {', '.join(lost)} on to HTTPS, where nothing answered: they get a 404 at once"


def only_redirects(router: Router, defined: dict[str, Middleware]) -> bool:
    """Whether all that a router does is to send requests on to HTTPS."""
    names = router.words("middlewares")
    kinds = {defined[name].kind if name in defined else "" for name in names}
    return kinds == {"redirectscheme"} and not router.tls
