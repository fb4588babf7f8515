"""What root `traefik` says of Traefik itself, and the fate of each of its lines in Kamal 2 (history D.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from kamal_migrate.kamal.durations import at_least_one
from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.kamal.traefik import is_for_traefik, is_off
from kamal_migrate.yamldoc import Path

TRAEFIK = ("traefik",)
ACCESS_LOG = "kamal-proxy logs each request as JSON, to its standard output"
DASHBOARD = "kamal-proxy has no dashboard and no interface"
DNS_CHALLENGE = "kamal-proxy knows no DNS challenge"
PROVIDERS = "kamal-proxy knows what Kamal deploys, and nothing else"
OTHER_TIMEOUTS = "kamal-proxy has one timeout: `response_timeout`"


class Fate(Enum):
    """What becomes of a line: Kamal 2 does that anyhow, has a key for it, or has nothing for it."""

    DEFAULT = "default"
    MAPPED = "mapped"
    NONE = "none"


class Line(NamedTuple):
    """A line of root `traefik`: where it stands, what it says, its fate and why.

    A mapped line names the key below `proxy` that takes its place, with the value there. Lines without an
    equivalent that belong together have the same ``why``.
    """

    path: Path
    value: object
    fate: Fate
    why: str = ""
    key: Path = ()
    meaning: object = None

    @property
    def text(self) -> str:
        """How it reads in the file, shortly."""
        value = self.value.source if isinstance(self.value, Opaque) else self.value
        return f"{self.path[-1]}: {str(value).lower() if isinstance(value, bool) else value}"


Judge = Callable[[Path, object], Line]


def lines(traefik: object) -> Iterator[Line]:
    """Every line of root `traefik`, a map as Kamal 1 read it."""
    if not isinstance(traefik, dict):
        if traefik is not None:
            yield Line(TRAEFIK, traefik, Fate.NONE, "what it says cannot be read")
        return
    for name, value in traefik.items():
        path = (*TRAEFIK, name)
        reader = _READERS.get(name)
        if reader is None:
            yield Line(path, value, Fate.DEFAULT, "Kamal 1 never read it")
        elif name in ("args", "options", "labels", "env") and isinstance(value, dict):
            for key, item in value.items():
                yield from reader((*path, key), item)
        elif name in ("args", "options", "labels", "env") and value is not None:
            yield Line(path, value, Fate.NONE, "Kamal 1 wants a map here")
        elif value is not None:
            yield from reader(path, value)


def _host_port(path: Path, value: object) -> Iterator[Line]:
    match = re.fullmatch(r"(?:\[?([\da-fA-F.:]+?)\]?:)?(\d+)", str(value))
    if isinstance(value, Opaque) or match is None:
        yield Line(path, value, Fate.NONE, "only a number can be taken over")
        return
    address, port = match[1], int(match[2])
    if address:
        yield Line(path, value, Fate.MAPPED, key=("run", "bind_ips"), meaning=[address])
    if port != 80:
        yield Line(path, value, Fate.MAPPED, key=("run", "http_port"), meaning=port)
    if not address and port == 80:
        yield Line(path, value, Fate.DEFAULT)


def _publish(path: Path, value: object) -> Iterator[Line]:
    if value is False:
        yield Line(path, value, Fate.MAPPED, key=("run", "publish"), meaning=False)
    elif isinstance(value, Opaque):
        yield Line(path, value, Fate.NONE, "only true or false can be taken over")
    else:
        yield Line(path, value, Fate.DEFAULT)


def _image(path: Path, value: object) -> Iterator[Line]:
    yield Line(path, value, Fate.DEFAULT, "kamal-proxy takes Traefik's place")


def _env(path: Path, value: object) -> Iterator[Line]:
    yield Line(path, value, Fate.NONE, "kamal-proxy takes no environment")


def _label(path: Path, value: object) -> Iterator[Line]:
    name = str(path[-1])
    if name.lower() in ("traefik.enable", "traefik.docker.network"):
        yield Line(path, value, Fate.DEFAULT)
    elif is_for_traefik(name):
        yield Line(path, value, Fate.NONE, "kamal-proxy has no dashboard and no routers of its own")
    elif isinstance(value, Opaque):
        yield Line(path, value, Fate.NONE, "only text can be taken over; write it below `proxy.run.options`")
    else:
        yield Line(
            path, value, Fate.MAPPED, key=("run", "options", "label"), meaning=[f"{name}={_said(value)}"]
        )


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_WEB_PORT = re.compile(r"(?:[^:]*:)?(80|443):(80|443)(?:/tcp)?")
_CERTIFICATES = re.compile(r"acme|letsencrypt|let-s-encrypt|docker\.sock", re.IGNORECASE)


def _option(path: Path, value: object) -> Iterator[Line]:
    name, items = str(path[-1]), value if isinstance(value, list) else [value]
    if name in ("publish", "volume", "v", "p"):
        odd = [item for item in items if not _needless(name, item)]
        if not odd:
            why = "" if name in ("publish", "p") else "certificates are issued anew"
            yield Line(path, value, Fate.DEFAULT, why)
        else:
            what = "serves 80 and 443 only" if name in ("publish", "p") else "has no use for it"
            yield Line(path, odd, Fate.NONE, f"kamal-proxy {what}")
    elif name in ("network", "net"):
        yield Line(path, value, Fate.DEFAULT, "Kamal 2 runs all containers in a network `kamal`")
    elif name == "restart":
        yield Line(path, value, Fate.DEFAULT)
    elif any(isinstance(item, Opaque) for item in items):
        yield Line(path, value, Fate.NONE, "only text can be taken over; write it below `proxy.run.options`")
    else:
        yield Line(path, value, Fate.MAPPED, key=("run", "options", name), meaning=value)


def _needless(name: str, item: object) -> bool:
    if isinstance(item, Opaque):
        return False
    if name in ("publish", "p"):
        match = _WEB_PORT.fullmatch(str(item))
        return bool(match and match[1] == match[2])
    return bool(_CERTIFICATES.search(str(item)))


def _arg(path: Path, value: object) -> Iterator[Line]:
    name = str(path[-1]).lower()
    for pattern, judge in _ARGS:
        match = re.fullmatch(pattern, name)
        if match:
            yield judge(path, value)
            return
    yield Line(path, value, Fate.NONE, "kamal-proxy has nothing like it")


def _none(why: str) -> Judge:
    return lambda path, value: (
        Line(path, value, Fate.DEFAULT) if is_off(value) else Line(path, value, Fate.NONE, why)
    )


def _default(why: str = "") -> Judge:
    return lambda path, value: Line(path, value, Fate.DEFAULT, why)


def _usual(path: Path, value: object, usual: bool, why: str) -> Line:
    return Line(path, value, Fate.DEFAULT) if usual else Line(path, value, Fate.NONE, why)


def _address(path: Path, value: object) -> Line:
    port = None if isinstance(value, Opaque) else str(value).rsplit(":", 1)[-1].removesuffix("/tcp")
    known = port in ("80", "443")
    return _usual(path, value, known, "kamal-proxy serves 80 and 443 only")


def _forwarded(path: Path, value: object) -> Line:
    if is_off(value):
        return Line(path, value, Fate.DEFAULT)
    return Line(path, value, Fate.MAPPED, key=("forward_headers",), meaning=True)


def _timeout(path: Path, value: object) -> Line:
    if isinstance(value, Opaque) or at_least_one(value) is None or str(value) in ("0", "0s"):
        return Line(path, value, Fate.NONE, "only whole seconds can be taken over")
    return Line(path, value, Fate.MAPPED, key=("response_timeout",), meaning=at_least_one(value))


def _server(path: Path, value: object) -> Line:
    usual = str(value).rstrip("/") == "https://acme-v02.api.letsencrypt.org/directory"
    return _usual(path, value, usual, "kamal-proxy asks Let's Encrypt itself")


def _format(path: Path, value: object) -> Line:
    usual = str(value).lower() in ("json", "common")
    return _usual(path, value, usual, ACCESS_LOG)


def _level(path: Path, value: object) -> Line:
    if str(value).lower() == "debug":
        return Line(path, value, Fate.MAPPED, key=("run", "debug"), meaning=True)
    return Line(path, value, Fate.DEFAULT)


def _metrics(path: Path, value: object) -> Line:
    if is_off(value):
        return Line(path, value, Fate.DEFAULT)
    return Line(path, value, Fate.MAPPED, key=("run", "metrics_port"), meaning=8080)


# The first pattern that fits the whole name of an argument, in lower case, tells its fate.
_ARGS: tuple[tuple[str, Judge], ...] = (
    (r"entrypoints\.[^.]+\.address", _address),
    (r"entrypoints\.[^.]+\.asdefault", _default()),
    (r"entrypoints\.[^.]+\.http\.redirections\..*", _default()),
    (r"entrypoints\.[^.]+\.http\.tls(\..*)?", _default()),
    (r"entrypoints\.[^.]+\.forwardedheaders\.(insecure|trustedips)", _forwarded),
    (r"entrypoints\.[^.]+\.transport\.respondingtimeouts\.idletimeout", _default()),
    (r"entrypoints\.[^.]+\.transport\.respondingtimeouts\..*", _timeout),
    (r"serverstransport\.forwardingtimeouts\.responseheadertimeout", _timeout),
    (r"serverstransport\.forwardingtimeouts\..*", _none(OTHER_TIMEOUTS)),
    (r"certificatesresolvers\.[^.]+\.acme\.(email|storage)", _default()),
    (r"certificatesresolvers\.[^.]+\.acme\.(http|tls)challenge(\..*)?", _default()),
    (r"certificatesresolvers\.[^.]+\.acme\.dnschallenge(\..*)?", _none(DNS_CHALLENGE)),
    (r"certificatesresolvers\.[^.]+\.acme\.caserver", _server),
    (r"certificatesresolvers\..*", _none("kamal-proxy asks Let's Encrypt, in its own way")),
    (r"accesslog", _default(ACCESS_LOG)),
    (r"accesslog\.format", _format),
    (r"accesslog\..*", _none(ACCESS_LOG)),
    (r"log\.level", _level),
    (r"log(\..*)?", _default()),
    (r"metrics\.prometheus", _metrics),
    (r"metrics\.prometheus\..*", _default()),
    (r"providers\.docker(\..*)?", _default()),
    (r"providers\..*", _none(PROVIDERS)),
    (r"(api|ping)(\..*)?", _none(DASHBOARD)),
    (r"global\..*", _default()),
)
_READERS: dict[str, Callable[[Path, object], Iterator[Line]]] = {
    "args": _arg,
    "options": _option,
    "labels": _label,
    "env": _env,
    "host_port": _host_port,
    "publish": _publish,
    "image": _image,
}


class Resolvers(NamedTuple):
    """What the arguments say of certificates, redirections and entry points.

    ``dns`` are the resolvers that use a DNS challenge, ``redirects`` whether HTTP is redirected to HTTPS,
    ``secured`` the entry points with TLS of their own, each with its resolver or nothing, ``stated`` the
    arguments that say so.
    """

    dns: frozenset[str]
    redirects: bool
    secured: dict[str, str | None]
    stated: dict[str, Path]


def resolvers(traefik: object) -> Resolvers:
    """Read from the arguments what the TLS of routers hangs on."""
    args = traefik.get("args") if isinstance(traefik, dict) else None
    pairs = args if isinstance(args, dict) else {}
    said = {str(name).lower(): value for name, value in pairs.items()}
    dns = (re.match(r"certificatesresolvers\.([^.]+)\.acme\.dnschallenge", name) for name in said)
    secured: dict[str, str | None] = {}
    stated: dict[str, Path] = {}
    for written, value in pairs.items():
        name = str(written).lower()
        match = re.fullmatch(r"entrypoints\.([^.]+)\.http\.tls(\.certresolver)?(?:\..*)?", name)
        if match and not is_off(value):
            secured[match[1]] = str(value) if match[2] else secured.get(match[1])
            stated.setdefault(match[1], (*TRAEFIK, "args", written))
    redirects = any(re.fullmatch(r"entrypoints\.[^.]+\.http\.redirections\.entrypoint\.to", n) for n in said)
    return Resolvers(frozenset(match[1] for match in dns if match), redirects, secured, stated)
