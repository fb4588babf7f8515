"""Why Kamal 2 has nothing for a thing that Traefik did, and what to do then (history D.2, D.3, D.4)."""

from __future__ import annotations

from typing import NamedTuple

IN_FRONT = "keep Traefik in front"
OWN_WAY = f"let the app do it, or {IN_FRONT}"
ACCESS_LOG = "kamal-proxy logs each request by itself, as JSON: `kamal proxy logs`"


class Reason(NamedTuple):
    """Why a line has no equivalent, and what to do."""

    why: str
    todo: str = IN_FRONT


NOTHING_LIKE_IT = Reason("kamal-proxy has nothing like it", OWN_WAY)
NO_MAP = Reason("Kamal 1 wants a map here", "write `proxy` by hand for what it was to say")
LOG_FORMAT = Reason(
    "kamal-proxy logs each request as JSON, in one form",
    "have what reads the log read `kamal proxy logs`; `proxy.logging.request_headers` names headers to log",
)
DASHBOARD = Reason(
    "kamal-proxy has no dashboard",
    "on a server, `docker exec kamal-proxy kamal-proxy list` shows what it serves",
)
PING = Reason(
    "Traefik's own health check; kamal-proxy has none",
    "have whoever asked `/ping` ask a health path of the app",
)
DNS_CHALLENGE = Reason(
    "kamal-proxy knows no DNS challenge; Let's Encrypt asks it on ports 80 and 443",
    "where those are not public, name a certificate of your own: `proxy.ssl`",
)
FILES = Reason(
    "kamal-proxy reads no files of routes and middlewares",
    f"do in the app what they did there; serve other programs as accessories with `proxy`; or {IN_FRONT}",
)
PROVIDERS = Reason("kamal-proxy serves what Kamal deploys, and nothing else")
CERTIFICATES = Reason(
    "kamal-proxy gets its certificates in its own way", "give certificates of your own: `proxy.ssl`"
)
TLS_OPTIONS = Reason("kamal-proxy asks for no client certificates, and TLS has no options there")
OTHER_TIMEOUTS = Reason(
    "kamal-proxy has no such timeout", "for slow responses there is `proxy.response_timeout`, 30 s by default"
)
HTTP_3 = Reason(
    "Kamal cannot switch on HTTP/3 in kamal-proxy",
    f"browsers go on with HTTP/2; if that will not do, {IN_FRONT}",
)
ENVIRONMENT = Reason("kamal-proxy takes no environment", "nothing to do, unless another container needs it")
OTHER_PORTS = Reason("kamal-proxy publishes 80 and 443 only")
