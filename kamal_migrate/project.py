"""`Project`: the files of one app that matter here, by their paths, and the configs among them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from kamal_migrate.erb import Choice, ErbError, Template, template
from kamal_migrate.text import position
from kamal_migrate.yamldoc import YamlDoc, YamlError

DEFAULT_CONFIG = "config/deploy.yml"
# The scripts that people, hooks and CI run Kamal with, by their paths in an app; a pattern.
SCRIPTS = (
    r"(?:(?:bin|scripts?)/[^/]+(?<!\.yml)(?<!\.yaml)|(?:GNU)?[Mm]akefile|[Jj]ustfile|Rakefile|Procfile[^/]*"
    r"|package\.json|lib/tasks/.+\.rake)"
)


class InputError(ValueError):
    """A file that cannot be read as what it should be: path, what is wrong, and where."""

    def __init__(self, path: str, message: str, line: int | None = None, column: int | None = None) -> None:
        self.path, self.message, self.line, self.column = path, message, line, column
        place = f"{path}:{line}:{column}" if line else path
        super().__init__(f"{place}: {message}")


@dataclass(frozen=True)
class Document:
    """A config file: its text, its ERB, and what YAML says in every branch of that ERB."""

    path: str
    text: str
    template: Template = field(compare=False)
    docs: tuple[YamlDoc, ...] = field(compare=False)

    @property
    def choices(self) -> list[Choice]:
        """How the branches are chosen, one for each of `docs`."""
        return self.template.branches


@lru_cache(maxsize=256)
def document(path: str, text: str) -> Document:
    """The document of a text; parsed once. Raises `InputError`."""
    try:
        erb = template(text)
        if not erb.tags:
            return Document(path, text, erb, (YamlDoc(text),))
        docs = tuple(YamlDoc(text, erb.mask(choice), erb.spans) for choice in erb.branches)
        return Document(path, text, erb, docs)
    except (ErbError, YamlError) as error:
        raise InputError(path, error.message, *position(text, error.offset)) from None


@dataclass(frozen=True)
class Config:
    """A main config and its destinations: `-c` and each `-d` that goes with it."""

    base: str
    destinations: Mapping[str, str]

    @property
    def paths(self) -> list[str]:
        """Its files, the base first."""
        return [self.base, *self.destinations.values()]


_MAIN_KEYS = (
    re.compile(r"^service\s*:", re.M),
    re.compile(r"^image\s*:", re.M),
    re.compile(r"^(servers|registry)\s*:", re.M),
)


def looks_like_config(text: str) -> bool:
    """Whether a YAML text has the root keys of a Kamal config."""
    return all(pattern.search(text) for pattern in _MAIN_KEYS)


def destinations_of(base: str, paths: Iterator[str] | list[str]) -> dict[str, str]:
    """The destination files beside a base: its last extension becomes ``.<destination>.yml`` (0.10.0+)."""
    stem, _ = posixpath.splitext(base)
    found = {}
    for path in sorted(paths):
        match = re.fullmatch(re.escape(stem) + r"\.([^./]+)\.yml", path)
        if match and path != base:
            found[match[1]] = path
    return found


@dataclass(frozen=True)
class Project:
    """An app: its name, and the texts of its files by paths relative to its folder, with ``/``.

    ``mains`` are the configs asked for; without them every file that looks like a main config is one.
    ``ignored`` are the paths, of files or not, that git is known to ignore. The texts of files that may hold
    secrets are not in the ``repr``.
    """

    name: str
    files: Mapping[str, str] = field(hash=False, repr=False)
    mains: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()

    @cached_property
    def configs(self) -> list[Config]:
        """The main configs with their destinations; a file that is only a destination is no main config."""
        mains = list(self.mains) or self._found()
        beside = {other for path in mains for other in destinations_of(path, mains).values()}
        paths = list(self.files)
        return [Config(path, destinations_of(path, paths)) for path in mains if path not in beside]

    def _found(self) -> list[str]:
        yamls = [path for path in sorted(self.files) if path.endswith((".yml", ".yaml")) and not is_ci(path)]
        mains = [path for path in yamls if path == DEFAULT_CONFIG or looks_like_config(self.files[path])]
        return sorted(mains, key=lambda path: (path != DEFAULT_CONFIG, path))

    def document(self, path: str) -> Document:
        """A config of the project, parsed. Raises `InputError`."""
        return document(path, self.files[path])

    def with_files(self, changed: Mapping[str, str], gone: Iterable[str] = ()) -> Project:
        """The project with some files changed or made, and some gone."""
        files = {path: text for path, text in {**self.files, **changed}.items() if path not in set(gone)}
        mains = self.mains or tuple(config.base for config in self.configs)
        return Project(self.name, files, mains, self.ignored)


_SECRET_FILES = re.compile(r"(?:.*/)?(?:\.env[^/]*|\.kamal/secrets[^/]*)", re.DOTALL)


def may_hold_secrets(path: str) -> bool:
    """Whether a file is there for secrets: `.env` and the like, and those that Kamal 2 reads."""
    return _SECRET_FILES.fullmatch(path) is not None


def is_ci(path: str) -> bool:
    """Whether a file configures continuous integration."""
    return path.startswith((".github/workflows/", ".circleci/")) or path in (
        ".gitlab-ci.yml",
        "bitbucket-pipelines.yml",
    )
