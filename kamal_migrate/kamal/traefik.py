"""What `traefik.*` labels say: routers with their rules, services, middlewares (history D.1, D.4).

Traefik takes the names of labels, options and matchers in any case. Read only; what it means for Kamal 2 is
in `proxying`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kamal_migrate.kamal.loading import Opaque
from kamal_migrate.kamal.traefik_rules import Rule, rule_of
from kamal_migrate.yamldoc import Path


class Label(NamedTuple):
    """A label as it is written: its name, its value, and the key path that states it."""

    name: str
    value: object
    path: Path


@dataclass
class Part:
    """A router, service or middleware: its name and what its labels say, by the rest of their names."""

    name: str
    settings: dict[str, Label] = field(default_factory=dict)

    @property
    def labels(self) -> list[Label]:
        """The labels that make it."""
        return list(self.settings.values())

    def get(self, setting: str) -> object:
        """The value of a setting; None where it is not said."""
        label = self.settings.get(setting)
        return label.value if label else None

    def words(self, setting: str) -> tuple[str, ...]:
        """A setting that is a list of names, without the provider behind ``@``."""
        value = self.get(setting)
        names = str(value).split(",") if isinstance(value, (str, int)) else ()
        return tuple(name.strip().removesuffix("@docker").lower() for name in names if name.strip())


class Router(Part):
    """Which requests go to a service."""

    @property
    def rule(self) -> Rule | None:
        """What it asks of a request; None where it says nothing."""
        value = self.get("rule")
        return None if value is None else rule_of(value)

    @property
    def tls(self) -> bool:
        """Whether it takes TLS only."""
        below = any(name.startswith("tls.") for name in self.settings)
        return below or ("tls" in self.settings and not is_off(self.get("tls")))

    @property
    def resolver(self) -> str | None:
        """The certificate resolver that it names."""
        value = self.get("tls.certresolver")
        return None if value is None else value.source if isinstance(value, Opaque) else str(value)


class Service(Part):
    """What Traefik sends requests to; those of a container all are that container."""

    @property
    def port(self) -> Label | None:
        """The port in the container, where it is said."""
        return self.settings.get("loadbalancer.server.port")


class Middleware(Part):
    """Something that Traefik does with requests on their way."""

    @property
    def kind(self) -> str:
        """What it does, such as ``basicauth``."""
        return next(iter(self.settings), "").split(".")[0]

    @property
    def stripped(self) -> set[str]:
        """The prefixes that it takes from paths."""
        said = (label.value for name, label in self.settings.items() if name.startswith("stripprefix.prefix"))
        return {prefix.strip() for value in said for prefix in str(value).split(",")}


@dataclass
class Labels:
    """All `traefik.*` labels of a container. ``others`` are of no known form, or for TCP and UDP."""

    routers: dict[str, Router] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    middlewares: dict[str, Middleware] = field(default_factory=dict)
    plain: list[Label] = field(default_factory=list)
    others: list[Label] = field(default_factory=list)

    @property
    def enabled(self) -> bool:
        """Whether Traefik shall look at the container at all."""
        return not any(label.name.lower() == "traefik.enable" and is_off(label.value) for label in self.plain)


_HTTP = re.compile(r"traefik\.http\.(routers|services|middlewares)\.(.+?)\.([a-z0-9_.\[\]-]+)", re.IGNORECASE)
_PLAIN = re.compile(r"traefik\.(?:enable|tags|docker\.(?:network|lbswarm|allownonrunning))", re.IGNORECASE)
_KINDS: dict[str, type[Part]] = {"routers": Router, "services": Service, "middlewares": Middleware}


def is_for_traefik(name: object) -> bool:
    """Whether a label is for Traefik, by its name."""
    return str(name).lower().startswith("traefik.")


def is_off(value: object) -> bool:
    """Whether a label's value is a plain no."""
    return not isinstance(value, Opaque) and str(value).lower() in ("false", "0", "no", "none")


def is_default(value: object) -> bool:
    """Whether a value names the TLS options that hold where none are named."""
    return not isinstance(value, Opaque) and str(value).lower() == "default"


def read(labels: Iterable[Label]) -> Labels:
    """The `traefik.*` labels of a container as parts; other labels are passed over."""
    found = Labels()
    for label in labels:
        match = _HTTP.fullmatch(_without_erb(label.name))
        if match:
            kind, name, setting = (match[index] for index in (1, 2, 3))
            parts: dict[str, Part] = getattr(found, kind.lower())
            part = parts.setdefault(name.lower(), _KINDS[kind.lower()](name))
            part.settings[setting.lower()] = label
        elif _PLAIN.fullmatch(label.name):
            found.plain.append(label)
        elif is_for_traefik(label.name):
            found.others.append(label)
    return found


def _without_erb(name: str) -> str:
    """A label's name with its ERB as one word, for that may hold full stops."""
    return re.sub(r"<%.*?%>", lambda tag: re.sub(r"\W", "_", tag[0]), name, flags=re.DOTALL)


def of_map(labels: object, path: Path) -> list[Label]:
    """The labels of a `labels` map that stands at a key path; none where it is no map."""
    pairs: Mapping[str, object] = labels if isinstance(labels, dict) else {}
    return [Label(name, value, (*path, name)) for name, value in pairs.items()]
