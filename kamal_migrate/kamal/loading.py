"""What Kamal loads: views, each a main config alone or merged with a destination, once per ERB branch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import NamedTuple, NoReturn

from kamal_migrate.project import Config, Document, InputError, Project
from kamal_migrate.yamldoc import Data, Path, YamlDoc
from kamal_migrate.yamldoc import data as typed
from kamal_migrate.yamldoc.data import EMPTY_MAP

MAX_VIEWS = 16
REQUIRED = ("service", "image", "servers")
# No Kamal deploys without a registry: a destination that has none is there to be merged.
_OF_ITS_OWN = (*REQUIRED, "registry")


class Opaque:
    """A value that only Ruby knows: ERB, by its source. It cannot be compared or tested."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"Opaque({self.source!r})"

    def _unknown(self, *_: object) -> NoReturn:
        raise TypeError("the value of ERB is not known; ask isinstance(value, Opaque) first")

    __eq__ = __bool__ = __lt__ = __gt__ = _unknown
    __hash__ = None  # type: ignore[assignment]


class LayerKey(NamedTuple):
    """A file in one of its ERB branches."""

    path: str
    branch: int


@dataclass(frozen=True)
class Layer:
    """One file of a view, as it is in one ERB branch."""

    document: Document = field(repr=False)
    branch: int

    @property
    def key(self) -> LayerKey:
        """What tells this layer from all others of a project."""
        return LayerKey(self.document.path, self.branch)

    @property
    def doc(self) -> YamlDoc:
        """The file's YAML in this branch."""
        return self.document.docs[self.branch]


@dataclass(frozen=True)
class View:
    """One thing that Kamal can load: ``destination`` is empty for a config loaded without ``-d``."""

    project: Project = field(repr=False, compare=False)
    config: Config = field(repr=False, compare=False)
    destination: str
    layers: tuple[Layer, ...]

    @cached_property
    def data(self) -> Data:
        """The merged config, typed."""
        return merged([layer.doc.effective for layer in self.layers])

    @property
    def is_loadable(self) -> bool:
        """Whether it names what Kamal needs to load anything; a base may leave that to its destinations."""
        return all(self.has(key) for key in REQUIRED)

    @property
    def title(self) -> str:
        """How a person calls it: the destination, or the file."""
        return self.destination or self.layers[0].document.path

    def get(self, *path: typed.Step) -> object:
        """The value at a key path: dicts, lists, scalars, `Opaque` for ERB; None where there is none."""
        found = typed.get(self.data, path)
        return None if found is None else plain(found)

    def has(self, *path: typed.Step) -> bool:
        """Whether the merged config has this key, be its value null."""
        return typed.get(self.data, path) is not None

    def stating(self, path: Path) -> list[Layer]:
        """The layers whose file says this key, the one that Kamal obeys last."""
        return [layer for layer in self.layers if typed.get(layer.doc.effective, path) is not None]

    def is_open(self, path: Path) -> bool:
        """Whether ERB writes lines or keys here, so that a key cannot be known to be absent."""
        if any(path[: len(opened)] == opened for opened in self._opened):
            return True
        holders = [typed.get(self.data, path[:length]) for length in range(1, len(path))]
        maps = [holder for holder in holders if holder and holder.kind == "map"]
        return any(key.kind == "erb" for holder in maps for key, _ in holder.value)

    @cached_property
    def _opened(self) -> tuple[Path, ...]:
        """The paths of the mappings and lists in which ERB writes lines of its own."""
        return tuple(path for layer in self.layers for path in _open_paths(layer))

    def later(self, path: Path, *others: Path) -> bool:
        """Whether a later file states the first key than states any of the others."""
        keys = [layer.key for layer in self.layers]
        last = max((keys.index(layer.key) for layer in self.stating(path)), default=-1)
        return all(keys.index(layer.key) < last for other in others for layer in self.stating(other))


def _open_paths(layer: Layer) -> Iterator[Path]:
    for offset in layer.document.template.emitting():
        if layer.document.template.sees(
            layer.document.choices[layer.branch], layer.document.template.region(offset)
        ):
            yield from layer.doc.containers_at(offset)


def plain(data: Data) -> object:
    """Typed data as dicts, lists and scalars."""
    if data.kind == "map":
        return {typed.name(key): plain(value) for key, value in data.value}
    if data.kind == "list":
        return [plain(item) for item in data.value]
    if data.kind in ("erb", "tagged"):
        return Opaque(str(data.value))
    return data.value


def merge(base: Data, over: Data) -> Data:
    """Merge as Kamal does (0.3.0+): maps recursively, arrays and scalars replace, null overrides."""
    if base.kind != "map" or over.kind != "map":
        return over
    pairs: dict[Data, Data] = dict(base.value)
    for key, value in over.value:
        pairs[key] = merge(pairs[key], value) if key in pairs else value
    return Data("map", tuple(pairs.items()))


def merged(files: list[Data]) -> Data:
    """Several files merged in order; one that says nothing counts as an empty map."""
    return reduce(merge, (EMPTY_MAP if data.kind in ("null",) else data for data in files))


def _loadable(doc: YamlDoc, required: tuple[str, ...]) -> bool:
    """Whether Kamal could load the file alone, for it states what is required."""
    require = typed.get(doc.effective, ("require_destination",))
    needed = all(typed.get(doc.effective, (key,)) is not None for key in required)
    return needed and (require is None or require.value is not True)


def reread(view: View, project: Project) -> View:
    """The same view of a project whose files were edited. Raises `InputError`.

    It is there even if Kamal could not load it any more, such as a base that names no servers.
    """
    layers = []
    for layer in view.layers:
        file = _document(project, layer.document.path)
        if layer.branch >= len(file.docs):
            raise InputError(file.path, "an ERB branch is gone")
        layers.append(Layer(file, layer.branch))
    return View(project, view.config, view.destination, tuple(layers))


def views(project: Project, config: Config) -> list[View]:
    """Every view of a config, those of one file first. Raises `InputError`."""
    base = _document(project, config.base)
    if all(doc.data.kind == "null" for doc in base.docs):
        ruby = "<%=" in base.text
        says = "only ERB says something here, and no Ruby is run" if ruby else "the file says nothing"
        raise InputError(config.base, f"{says}; a Kamal config names service, image and servers", 1, 1)
    found = list(_alone(project, config, base, REQUIRED))
    for destination, path in config.destinations.items():
        over = _document(project, path)
        found += _alone(project, config, over, _OF_ITS_OWN)
        found += [
            View(project, config, destination, (Layer(base, first), Layer(over, second)))
            for first, second in _together(base, over)
        ]
    if not found:
        found = [View(project, config, "", (Layer(base, branch),)) for branch in range(len(base.docs))]
    return found


def _document(project: Project, path: str) -> Document:
    """A config file whose root is a mapping, or that says nothing. Raises `InputError`."""
    file = project.document(path)
    for doc in file.docs:
        if doc.data.kind not in ("map", "null"):
            raise InputError(path, "this is no Kamal config: its root is not a mapping", 1, 1)
    return file


def _alone(project: Project, config: Config, file: Document, required: tuple[str, ...]) -> Iterator[View]:
    for branch, doc in enumerate(file.docs):
        if _loadable(doc, required):
            yield View(project, config, "", (Layer(file, branch),))


def _together(base: Document, over: Document) -> list[tuple[int, int]]:
    """The branches of two files that occur together: equal conditions choose alike."""
    pairs = [
        (first, second)
        for first, one in enumerate(base.choices)
        for second, other in enumerate(over.choices)
        if all(other.get(condition, pick) == pick for condition, pick in one.items())
    ]
    if len(pairs) <= MAX_VIEWS:
        return pairs
    longest = max(len(base.docs), len(over.docs))
    return [(min(i, len(base.docs) - 1), min(i, len(over.docs) - 1)) for i in range(longest)]
