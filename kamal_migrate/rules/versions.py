"""Rules about the version of Kamal: which one the config needs, and which one will run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kamal_migrate.kamal.keys import first_versions
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.pins import INSTALL, LOCK, PULL, VersionPin, pin_text, version_pins
from kamal_migrate.kamal.versions import Version
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.yamldoc import Path

MINIMUM: Path = ("minimum_version",)
KAMAL_2, BLIND, SEEING = Version(2), Version(2, 6), Version(2, 6, 1)


@rule("minimum-version", Severity.WARNING)
def minimum_version(subject: Subject) -> Iterator[Remark]:
    """`minimum_version` lets in a Kamal that does not know what the config uses.

    From 0.14.0 on Kamal compares itself with `minimum_version`, and an older one
    stops: "Current version is 2.1.0, minimum required is 2.10.0". Without it an
    older Kamal stops at the first key that it does not know, and up to 1.6.0 it
    passes over the key without a word and deploys something else.
    Where there is none it is a note, for keys that came after the first release
    of their major version, and not where Gemfile.lock or CI names a version that
    knows them.

    What to do: write the version that is named, with all three numbers. `2.10`
    without quotes is the number 2.1 to YAML.
    """
    for view in subject.views:
        key, needed = _neediest(view, subject.version)
        said = ".".join(str(step) for step in key)
        ways = (f"write `minimum_version: {needed}`",)
        stated = _stated(view)
        if stated is not None and stated < needed and needed >= Version(subject.version.major):
            message = f"this lets in Kamal {stated.short}, but `{said}` came with {needed.short}"
            yield Remark(message, view, MINIMUM, ways=ways)
        elif _is_unguarded(subject, view, needed):
            message = (
                f"`{said}` came with Kamal {needed.short}, and no `minimum_version` keeps out an older one"
            )
            yield Remark(message, view, key, ways=ways, severity=Severity.NOTE)


def _neediest(view: View, version: Version) -> tuple[Path, Version]:
    """The first of the keys that came last, and the version that it came with."""
    found = [(key, since) for key, since in first_versions(view.data, version) if key != MINIMUM]
    return max(found, key=lambda item: item[1], default=((), Version(0)))


def _is_unguarded(subject: Subject, view: View, needed: Version) -> bool:
    """Whether nothing keeps out a Kamal of the same major version that is too old."""
    if view.has(*MINIMUM) or view.is_open(MINIMUM) or needed <= Version(subject.version.major):
        return False
    return subject.source is None or subject.source < needed


def _stated(view: View) -> Version | None:
    """What `minimum_version` says; `2.1` is 2.1.0 there."""
    value = view.get(*MINIMUM)
    said = re.fullmatch(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", str(value)) if _is_plain(value) else None
    return Version(*(int(number) for number in said.groups() if number)) if said else None


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))


@rule("kamal-2.6.0", Severity.WARNING)
def blind_release(subject: Subject) -> Iterator[Remark]:
    """Kamal 2.6.0 may not see the `proxy` of the config.

    With some versions of ActiveSupport (6.1 is one) 2.6.0 takes the root `proxy`
    for missing. It is neither checked nor obeyed then: requests go to port 80 of
    the container, for any host, without TLS (basecamp/kamal#1555). 2.6.1 sees it
    with all of them.

    What to do: deploy with 2.6.1 or newer.
    """
    seen = [view for view in subject.views if view.has("proxy") and subject.version >= KAMAL_2]
    pins = [pin for pin in version_pins(subject.app) if _is_blind(pin)] if seen else []
    message = "Kamal 2.6.0 does not see the root `proxy` with some versions of ActiveSupport (kamal#1555)"
    for pin in pins:
        bundled = pin.kind == LOCK
        way = "bundle update kamal --conservative" if bundled else f"write `{pin_text(pin, SEEING)}`"
        yield Remark(message, file=pin.path, line=pin.line, ways=(f"{way}, for 2.6.1 or newer",))
    if subject.version == BLIND and not pins:
        way = "deploy with Kamal 2.6.1 or newer"
        yield from (Remark(message, view, ("proxy",), ways=(way,)) for view in seen)


def _is_blind(pin: VersionPin) -> bool:
    """Whether it means that very version; a range, as a Gemfile has, does not."""
    return pin.kind in (LOCK, INSTALL, PULL) and pin.version == BLIND and "~" not in pin.said


@rule("unpinned-kamal", Severity.WARNING)
def unpinned(subject: Subject) -> Iterator[Remark]:
    """CI, a hook or a script takes the newest Kamal of the day.

    `gem install kamal` without a version, and `ghcr.io/basecamp/kamal` without a
    tag or with `latest`, change with every release. When 2.0 came, deploys ended
    with "unknown key: traefik" though nothing in the app had changed
    (basecamp/kamal#991, #1244).

    What to do: write the version, as the line here says it.
    """
    for pin in version_pins(subject.app):
        if pin.kind in (INSTALL, PULL) and pin.version is None and not pin.legacy:
            message = f"`{pin.said}` takes the newest Kamal of the day"
            way = f"write `{pin_text(pin, subject.version)}`"
            yield Remark(message, file=pin.path, line=pin.line, ways=(way,))
