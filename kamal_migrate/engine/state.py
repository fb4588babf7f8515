"""`State`: one config as the findings that were accepted so far leave it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kamal_migrate.engine.proofs import ProofError, unreadable
from kamal_migrate.findings import Options
from kamal_migrate.kamal.dating import read_by
from kamal_migrate.kamal.loading import Layer, LayerKey, View, reread, views
from kamal_migrate.kamal.validation import never_alone
from kamal_migrate.project import Config, InputError, Project
from kamal_migrate.text import Edit, splice
from kamal_migrate.yamldoc import Data


class State:
    """What has been accepted so far, for one config.

    ``views`` and ``layers`` are read from the texts as they are meanwhile; ``intended`` is what each file,
    and ``expected`` what each view, shall say.
    """

    def __init__(self, project: Project, config: Config, options: Options) -> None:
        self.project, self.config = project, config
        self.original = self.views = _loaded(views(project, config), options)
        self.layers: dict[LayerKey, Layer] = {}
        self._look()
        self.intended = {key: layer.doc.data for key, layer in self.layers.items()}
        self.expected = [view.data for view in self.views]
        self._stages: dict[str, list[Sequence[Edit]]] = {}

    def _look(self) -> None:
        self.layers = {layer.key: layer for view in self.views for layer in view.layers}

    @property
    def changed(self) -> dict[str, str]:
        """The files that were edited, as they are now."""
        return {path: self.project.files[path] for path in self._stages}

    def take(
        self, edits: Mapping[str, Sequence[Edit]], intended: Mapping[LayerKey, Data], expected: list[Data]
    ) -> None:
        """Make edits, and note what they are meant to make of files and views. Raises `ProofError`."""
        texts = {path: splice(self.project.files[path], new) for path, new in edits.items()}
        self.project = self.project.with_files(texts)
        try:
            self.views = [reread(view, self.project) for view in self.original]
        except InputError as error:
            raise ProofError([unreadable(error)]) from error
        self._look()
        self.intended.update(intended)
        self.expected = expected
        for path, new in edits.items():
            self._stages.setdefault(path, []).append(new)

    def origins(self, path: str, edits: Iterable[Edit]) -> Iterator[Edit]:
        """Edits of a file as it is, where they stand in the file as it was at first."""
        for edit in edits:
            start, end = edit.start, edit.end
            for stage in reversed(self._stages.get(path, [])):
                start, end = _before(start, stage), _before(end, stage)
            yield Edit(start, max(start, end), edit.text)


def _loaded(found: list[View], options: Options) -> list[View]:
    """The views without a base that is only ever loaded with a destination."""
    reader = read_by(found[0], options.source, options.to)
    alone = {id(view) for view in never_alone(found, reader)}
    return [view for view in found if id(view) not in alone]


def _before(offset: int, edits: Sequence[Edit]) -> int:
    """The place of an offset before some edits; within a new text, the place of that."""
    shift = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        start = edit.start + shift
        if offset < start:
            break
        if offset < start + len(edit.text):
            return edit.start
        shift += len(edit.text) - (edit.end - edit.start)
    return offset - shift
