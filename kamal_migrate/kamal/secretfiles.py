"""Which file of secrets gets which names, so that every way to load an app finds what it looks up."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import NamedTuple

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.envfiles import EnvFiles, Source
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.secrets import files_for, is_name, secret_names, unknown_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.text import position
from kamal_migrate.yamldoc import Path

MASTER_KEY, MASTER_KEY_UNTIL = "RAILS_MASTER_KEY", Version(0, 5, 1)


class Spot(NamedTuple):
    """Where a config says something: its path in the project, the line, the key."""

    config: str
    line: int
    key: Path


@dataclass
class SecretLoad:
    """One way to load an app: a destination, or a config alone.

    ``common`` and ``own`` are the files that Kamal 2 reads for it, ``names`` what it looks up and where that
    is said first, ``missing`` those of them that neither file has.
    """

    destination: str
    common: str
    own: str
    names: dict[str, Spot] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass
class SecretFile:
    """A file of secrets that gets lines: the names' sources, in order, and what it is loaded for."""

    path: str
    loads: list[SecretLoad] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)


def secret_loads(app: App, to: Version, source: Version | None = None) -> list[SecretLoad]:
    """Every way to load the app, each once, with the names that any of its ERB branches looks up.

    Where ``source``, the version that deploys the app, handed over the Rails master key by itself (MRSK up to
    0.5.1), that is among them. A config whose `secrets_path` is ERB is left out.
    """
    found: dict[tuple[str, ...], SecretLoad] = {}
    for view in app.views:
        files = files_for(view, to)
        if files is None:
            continue
        paths = [layer.document.path for layer in view.layers]
        load = found.setdefault((view.destination, *paths), SecretLoad(view.destination, *files))
        for name, places in secret_names(view, to).items():
            load.names.setdefault(name, _spot(view, places[0]))
        if source and source <= MASTER_KEY_UNTIL and not speaks_kamal_2(view) and not _skips_master_key(view):
            load.names.setdefault(MASTER_KEY, _spot(view, ("env",)))
    ways = list(found.values())
    elsewhere = all(speaks_kamal_2(view) for view in app.views)
    for load in ways:
        load.missing = [] if elsewhere and not _is_here(app, load, ways) else _missing(app, load)
    return ways


def _skips_master_key(view: View) -> bool:
    """Whether a config keeps the key out of the containers, or may do so."""
    skips = view.get("skip_master_key")
    return isinstance(skips, Opaque) or bool(skips)


def _is_here(app: App, load: SecretLoad, ways: list[SecretLoad]) -> bool:
    """Whether the files of a Kamal 2 app are here to be judged.

    It cannot do without them, so what is not here is kept elsewhere, or the app is never loaded that way.
    """
    alone = not any(app.has(other.own) for other in ways)
    return app.has(load.own) or (alone and app.has(load.common) and not app.ignored(load.own))


def _missing(app: App, load: SecretLoad) -> list[str]:
    """The names that neither file has; none where git ignores the common one, and it is not here."""
    if app.has(load.own) and not app.has(load.common) and app.ignored(load.common):
        return []
    present = {name for path in (load.common, load.own) for name in EnvDoc(app.text(path)).names()}
    return [name for name in load.names if name not in present]


def _spot(view: View, key: Path) -> Spot:
    """Where a view's files state a key, or ERB may; the file that Kamal obeys last."""
    layer = (view.stating(key) or [view.layers[-1]])[-1]
    place = layer.doc.at(*key)
    offset = place.offset if place.exists else next(iter(layer.document.template.emitting()), 0)
    line = position(layer.document.text, offset).line
    return Spot(layer.document.path, line, key)


def unknown_secrets(app: App, to: Version) -> list[Spot]:
    """Where only Ruby knows names of secrets, or where they are; a list once. Nothing of a Kamal 2 app."""
    found: dict[Spot, None] = {}
    for view in app.views if not all(speaks_kamal_2(view) for view in app.views) else ():
        paths: list[Path] = [("secrets_path",)] if files_for(view, to) is None else []
        names = [path[:-1] if isinstance(path[-1], int) else path for path in unknown_names(view, to)]
        found.update({_spot(view, path): None for path in (*names, *paths)})
    return list(found)


def placed_secrets(env: EnvFiles, ways: list[SecretLoad], *, values: bool) -> list[SecretFile]:
    """Which file gets which lines, by the order of their paths.

    With destinations the common file gets what every load needs and takes from the same place. A name that
    no file can have is left out. ``values`` as for `EnvFiles.source`.
    """
    found: dict[str, SecretFile] = {}
    for name in dict.fromkeys(name for load in ways for name in load.missing if is_name(name)):
        needing = [load for load in ways if name in load.missing]
        sources = [env.source(name, load.destination, values=values) for load in needing]
        shared = any(load.destination for load in ways) and len(needing) == len(ways) and _alike(sources)
        for load, source in zip(needing, sources, strict=True):
            path = load.common if shared else load.own
            file = found.setdefault(path, SecretFile(path))
            file.sources.setdefault(name, source)
            if load not in file.loads:
                file.loads.append(load)
    return [found[path] for path in sorted(found)]


def _alike(sources: list[Source]) -> bool:
    return len({(source.text, source.stated) for source in sources}) == 1


def secret_lines(file: SecretFile) -> tuple[str, ...]:
    """The lines for the names of a file, each after those that it refers to."""
    done: dict[str, None] = {}

    def take(name: str, above: frozenset[str]) -> None:
        for other in file.sources[name].environment:
            if other in file.sources and other not in above:
                take(other, above | {other})
        done.setdefault(name)

    for name in file.sources:
        take(name, frozenset((name,)))
    return tuple(file.sources[name].text for name in done)


def exported_names(file: SecretFile) -> tuple[str, ...]:
    """The names that the lines of a file take from the environment."""
    taken = dict.fromkeys(name for source in file.sources.values() for name in source.environment)
    return tuple(name for name in taken if name not in file.sources or name in file.sources[name].environment)


def kept_out(ignore: str, path: str) -> bool:
    """Whether an ignore file (of git or Docker) keeps a path out; the last pattern that matches says so."""
    out = False
    for line in ignore.splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            bare = pattern.removeprefix("!").removeprefix("**/").strip("/")
            parts = path.split("/")
            names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
            if any(fnmatch.fnmatchcase(name, bare) for name in (*names, *names_below(parts, pattern))):
                out = not pattern.startswith("!")
    return out


def names_below(parts: list[str], pattern: str) -> list[str]:
    """The names in a path that a pattern for any folder may match."""
    return parts if pattern.removeprefix("!").startswith("**/") else []
