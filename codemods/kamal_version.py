"""Name versions of Kamal that contradict each other

What changed in Kamal
    A config is either for Kamal 1 or for Kamal 2: each refuses what the other
    wants. So everything that runs Kamal for an app has to move at once: the
    Gemfile and its lock, what CI installs (`gem install kamal -v …`), the image
    that CI pulls (ghcr.io/basecamp/kamal:v…).
    `minimum_version` (0.14.0 and newer) makes an older Kamal refuse the config:
    "Current version is 2.0.0, minimum required is 99.0.0".

What this does
    Names a place that wants another major version than Gemfile.lock does (or,
    without one, than the first place that says any), and a `minimum_version`
    above the target. Nothing is changed.
    That every app has to move its version is no finding: it is a step, and
    `kamal-migrate steps` has the exact lines and commands for each place.

Safety
    Always `manual`: only you know which of two is meant.

Left to you
    The version that is installed on the machines of people who deploy, and a
    shell alias for the Docker image: no file of the app says them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.api import (
    App,
    Codemod,
    Finding,
    Options,
    Safety,
    Version,
    VersionPin,
    View,
    contradicting_pins,
    parse,
    pin_text,
)

CODEMOD = Codemod("Name versions of Kamal that contradict each other", findings=("contradiction", "minimum"))

MINIMUM = ("minimum_version",)


def decide(view: View, options: Options) -> Iterator[Finding]:
    """A `minimum_version` that the target does not reach."""
    value = view.get(*MINIMUM)
    said = parse(str(value)) if isinstance(value, (str, int, float)) else None
    if said and said > options.to:
        message = f"Kamal {options.to.short} refuses a config whose `minimum_version` is {value}"
        todo = f"lower it, or migrate to that version: --to {said.major}.{said.minor}"
        yield Finding("kamal-version/minimum", MINIMUM, message, Safety.MANUAL, todo=todo)


def decide_app(app: App, options: Options) -> Iterator[Finding]:
    """Places that want another major version than the first one does."""
    first_app = app.project.configs[0] in app.configs
    for first, other in contradicting_pins(app):
        if other.path.startswith("..") and not first_app:
            continue
        message = f"this is Kamal {_said(other.version)}, but {first.path} says {_said(first.version)}"
        wanted = pin_text(other, options.to)
        todo = f"write `{wanted}` with the rest, unless it deploys something else"
        yield _contradiction(other, message, todo)


def _contradiction(pin: VersionPin, message: str, todo: str) -> Finding:
    name = "kamal-version/contradiction"
    return Finding(name, (), message, Safety.MANUAL, todo=todo, file=pin.path, line=pin.line)


def _said(version: Version | None) -> str:
    return version.short if version else "nothing"
