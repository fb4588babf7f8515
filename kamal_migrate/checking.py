"""What a Kamal version refuses in an app, all of it, each thing with its place and once for all views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kamal_migrate.engine import Location
from kamal_migrate.engine.planned import located
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.validation import Fault, faults, never_alone, unknown_keys
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import Config, Project
from kamal_migrate.text import position
from kamal_migrate.yamldoc import Path


class Problem(NamedTuple):
    """One thing that Kamal refuses: where it is stated, its key, Kamal's words, and the views that see it."""

    location: Location
    key: Path
    message: str
    views: tuple[str, ...]


class Checked(NamedTuple):
    """The problems of an app by file and line; ``unknown`` are keys that only a newer Kamal may know."""

    version: Version
    configs: tuple[Config, ...]
    problems: tuple[Problem, ...]
    unknown: tuple[Problem, ...]


def check(project: Project, version: Version) -> Checked:
    """Check every view of every config of an app. Raises `InputError` for a file that is none."""
    seen = [view for config in project.configs for view in _loaded(views(project, config), version)]
    found, unknown = (tuple(_problems(seen, version, look)) for look in (faults, unknown_keys))
    return Checked(version, tuple(project.configs), found, unknown)


def _loaded(found: list[View], version: Version) -> list[View]:
    """The views without a base that is only ever loaded with a destination."""
    alone = {id(view) for view in never_alone(found, version)}
    return [view for view in found if id(view) not in alone]


def _problems(
    seen: list[View], version: Version, look: Callable[[View, Version], list[Fault]]
) -> Iterator[Problem]:
    """The same thing at the same place is one problem, whatever views see it."""
    titles: dict[tuple[Location, Path, str], list[str]] = {}
    for view in seen:
        for fault in look(view, version):
            place = (_location(view, fault.path), fault.path, fault.message)
            titles.setdefault(place, []).append(view.title)
    for (location, key, message), names in sorted(titles.items(), key=lambda item: item[0][0]):
        yield Problem(location, key, message, tuple(dict.fromkeys(names)))


def _location(view: View, key: Path) -> Location:
    """Where the file that Kamal obeys states a key, or the nearest thing above it."""
    layer, path = located(view, key)
    document = layer.document
    return Location(document.path, *position(document.text, layer.doc.at(*path).offset))
