"""`App`: the configs that are run from one folder, and the files beside them that Kamal and people use."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.project import Config, Project


@dataclass(frozen=True)
class App:
    """One folder in which Kamal is run: its configs, all their views, and its files.

    ``root`` is the folder's path in the project, empty for the project's own. Every path that a method
    takes or gives is relative to it.
    """

    project: Project = field(repr=False, compare=False)
    root: str
    configs: tuple[Config, ...] = field(repr=False, compare=False)
    views: tuple[View, ...] = field(repr=False, compare=False)

    def inside(self, path: str) -> str:
        """The path in the project of a file of the app."""
        return posixpath.normpath(posixpath.join(self.root, path))

    def has(self, path: str) -> bool:
        """Whether the app has this file."""
        return self.inside(path) in self.project.files

    def text(self, path: str) -> str:
        """The text of a file; empty where there is none."""
        return self.project.files.get(self.inside(path), "")

    def ignored(self, path: str) -> bool:
        """Whether git ignores this path, be there a file or not."""
        return self.inside(path) in self.project.ignored

    def find(self, pattern: str) -> list[str]:
        """The files of the app whose whole path a regular expression matches, in order."""
        prefix, wanted = f"{self.root}/" if self.root else "", re.compile(pattern)
        inside = (path[len(prefix) :] for path in self.project.files if path.startswith(prefix))
        return sorted(path for path in inside if wanted.fullmatch(path))

    def setting(self, *path: str) -> list[object]:
        """The distinct plain values that the views give a key, in order."""
        found: list[object] = []
        for view in self.views:
            value = view.get(*path)
            if isinstance(value, (str, int, float)) and value not in found:
                found.append(value)
        return found


def apps(project: Project) -> Iterator[App]:
    """The folders of a project in which Kamal is run. Raises `InputError`."""
    roots: dict[str, list[Config]] = {}
    for config in project.configs:
        roots.setdefault(root_of(config.base), []).append(config)
    for root, configs in roots.items():
        found = tuple(view for config in configs for view in views(project, config))
        yield App(project, root, tuple(configs), found)
