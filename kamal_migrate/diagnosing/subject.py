"""The app that a log is compared with, and what is said of it: a remark, with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kamal_migrate.diagnosing.scanning import Evidence
from kamal_migrate.engine import Location
from kamal_migrate.engine.planned import located
from kamal_migrate.kamal.app import App, apps
from kamal_migrate.kamal.dating import newest_for
from kamal_migrate.kamal.evidence import Pin, pinned
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.validation import never_alone
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.project import Project
from kamal_migrate.text import position
from kamal_migrate.yamldoc import Path


class Remark(NamedTuple):
    """What the app's own files say about a cause, and where."""

    text: str
    location: Location | None = None


class Subject(NamedTuple):
    """An app: what runs Kamal in one folder, and the version that is pinned, if one is."""

    app: App
    pin: Pin | None

    @property
    def version(self) -> Version:
        """The Kamal that the log is taken to be of: the pinned one, else the newest that takes the config."""
        return self.pin.version if self.pin else newest_for(self.app.views, NEWEST)

    @property
    def kamal(self) -> str:
        """That version as people say it, with its source; empty where none is pinned."""
        return f"Kamal {self.pin.version.short} ({self.pin.source})" if self.pin else ""

    @property
    def views(self) -> list[View]:
        """What Kamal can load; a base that only ever is loaded with a destination is left out."""
        found: list[View] = []
        for config in self.app.configs:
            seen = [view for view in self.app.views if view.config == config]
            alone = {id(view) for view in never_alone(seen, self.version)}
            found += [view for view in seen if id(view) not in alone]
        return found


Check = Callable[[Sequence[Evidence], Subject], Iterator[Remark]]


def subjects(project: Project) -> list[Subject]:
    """The apps of a project. Raises `InputError` for a config that cannot be read."""
    return [Subject(app, pinned(project, app.configs[0].base)) for app in apps(project)]


def at(view: View, path: Path) -> Location:
    """Where the file that Kamal obeys states a key, or the nearest thing above it."""
    layer, stated = located(view, path)
    text = layer.document.text
    return Location(layer.document.path, *position(text, layer.doc.at(*stated).offset))
