"""Where an app's files say which Kamal runs, and what has to be written there for another one.

Bundler's files, the binstub it makes, and what hooks, CI and scripts install or pull. No file holds a shell's
alias or what is installed on a machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.evidence import pinned
from kamal_migrate.kamal.hooks import callers
from kamal_migrate.kamal.scripts import IMAGE, ScriptLine, script_lines
from kamal_migrate.kamal.versions import Version, parse

BINSTUB = "bin/kamal"
GEMFILE, LOCK, INSTALL, PULL = "Gemfile", "Gemfile.lock", "gem install", "docker image"


class VersionPin(NamedTuple):
    """A place that says which Kamal runs: the file (relative to the app) and line, the kind, what it says.

    ``kind`` is a constant of this module. ``version`` is None where it says none, and the newest one of the
    day is taken. ``legacy`` says that it goes by the name that Kamal had up to 0.15.1.
    """

    path: str
    line: int
    kind: str
    said: str
    version: Version | None
    legacy: bool = False


_GEM = re.compile(r"\s*gem[ (]+[\"'](kamal|mrsk)[\"'](?P<more>[^#]*)")
_REQUIRED = re.compile(r"[\"']\s*(?:~>|>=|=|<=|<)?\s*v?(\d[\d.]*)")
_LOCKED = re.compile(r"    (kamal|mrsk) \((\d[\d.]*)\)")
# In a step that is one line, in braces, the next key or the brace ends it.
_INSTALL = re.compile(r"\bgem install\s(?:\$\{[^}]*\}+|,(?!\s*[\w-]+:\s)|[^;&|},])*")
_GEM_NAME = re.compile(r"(?<!\S)[\"']?(kamal|mrsk)(?::v?(\d[\d.]*))?[\"']?(?!\S)")
_FLAG = re.compile(r"(?<!\S)(?:-v|--version)\b")
_VERSION = re.compile(r"(?:-v|--version)[ =]?\s*[\"']?(?:~>|=)?\s*(\d[\d.]*)")
_IMAGE = re.compile(rf"({IMAGE})(?::([\w.-]+))?")


def version_pins(app: App) -> list[VersionPin]:
    """Every place that says which Kamal runs, in the order of the files' paths."""
    found = [*_of_bundler(app)]
    for path in callers(app):
        found += _of_script(app, path)
    return found


def _of_bundler(app: App) -> Iterator[VersionPin]:
    for path in app.find(r"Gemfile"):
        for number, line in enumerate(app.text(path).split("\n"), 1):
            match = _GEM.match(line)
            if match:
                said = _REQUIRED.search(match["more"])
                yield VersionPin(
                    path, number, GEMFILE, line.strip(), parse(said[1]) if said else None, match[1] == "mrsk"
                )
    for path in app.find(r"Gemfile\.lock"):
        for number, line in enumerate(app.text(path).split("\n"), 1):
            match = _LOCKED.match(line)
            if match:
                yield VersionPin(path, number, LOCK, line.strip(), parse(match[2]), match[1] == "mrsk")


def _of_script(app: App, path: str) -> Iterator[VersionPin]:
    for line in script_lines(app.text(path)):
        for match in _INSTALL.finditer(line.text):
            yield from _installed(path, line, match)
        for match in _IMAGE.finditer(line.text):
            yield from _pulled(path, line, match)


def _installed(path: str, line: ScriptLine, match: re.Match[str]) -> Iterator[VersionPin]:
    """What `gem install` installs; nothing where a variable says the version."""
    gem = _GEM_NAME.search(match[0])
    flag, said = _FLAG.search(match[0]), _VERSION.search(match[0])
    if gem and (said or not flag):
        version = gem[2] or (said[1] if said else "")
        number = line.at(match.start() + gem.start(1))
        yield VersionPin(path, number, INSTALL, match[0].strip(), parse(version), gem[1] == "mrsk")


def _pulled(path: str, line: ScriptLine, match: re.Match[str]) -> Iterator[VersionPin]:
    """Which image is pulled; nothing where a digest or a variable says it."""
    tag = match[2] or ""
    if tag or not line.text.startswith(("@", ":"), match.end()):
        yield VersionPin(path, line.at(match.start()), PULL, match[0], parse(tag), "mrsk" in match[1])


def pin_text(pin: VersionPin, target: Version) -> str:
    """What a pin has to say for another version."""
    if pin.kind == GEMFILE:
        return f'gem "kamal", "{requirement(target)}", require: false'
    if pin.kind == INSTALL:
        return f"gem install kamal -v {target}"
    if pin.kind == PULL:
        return f"ghcr.io/basecamp/kamal:v{target}"
    return f"kamal ({target})"


def requirement(target: Version) -> str:
    """What a Gemfile says for a version: its minor version, or for Kamal 1 that very version.

    The release decides there: 1.9.3 lets `.env` win over the environment, 1.9.2 does not.
    """
    return f"~> {target.major}.{target.minor}" if target.major > 1 else str(target)


class Program(NamedTuple):
    """How Kamal is run in an app: with Bundler or without, and what is typed for it.

    ``pulled`` says that a script of the app runs its Docker image, and names the version.
    """

    command: str
    bundled: bool
    pulled: bool = False


def program(app: App) -> Program:
    """How Kamal is run, by the Gemfile and `bin/kamal`: Bundler's binstub, or a script of one's own."""
    found = version_pins(app)
    bundled = any(pin.kind in (GEMFILE, LOCK) for pin in found)
    if app.has(BINSTUB):
        return Program(BINSTUB, bundled, any(pin.path == BINSTUB and pin.kind == PULL for pin in found))
    return Program("bundle exec kamal" if bundled else "kamal", bundled)


def installing(app: App, target: Version) -> tuple[str, ...]:
    """The commands that make a version of Kamal the one that runs here, after the Gemfile says so.

    None where a script names the image: writing the version there is all.
    """
    found, run = version_pins(app), program(app)
    if run.pulled:
        return ()
    if not run.bundled:
        return (f"gem install kamal -v {target}",)
    if all(pin.legacy for pin in found if pin.kind in (GEMFILE, LOCK)):
        return ("bundle remove mrsk", f'bundle add kamal --version "{requirement(target)}" --require false')
    return ("bundle update kamal --conservative",)


def contradicting_pins(app: App) -> list[tuple[VersionPin, VersionPin]]:
    """The pins that want another major version than the first one does, each with that one."""
    known = [pin for pin in version_pins(app) if pin.version]
    first = next((pin for pin in known if pin.kind == LOCK), known[0] if known else None)
    if first is None or first.version is None:
        return []
    return [(first, pin) for pin in known if pin.version and pin.version.major != first.version.major]


def running(app: App) -> Version | None:
    """The version that runs here, as far as files say."""
    found = pinned(app.project, app.configs[0].base) if app.configs else None
    return found.version if found else None
