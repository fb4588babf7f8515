"""What codemods want of the files beside the configs: files that come, grow, are renamed or reworded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import singledispatchmethod

from kamal_migrate.api import App, Create, Extend, FileChange, Finding, Options, Rename, Reword, Safety
from kamal_migrate.catalog import Loaded
from kamal_migrate.engine.groups import why_held
from kamal_migrate.engine.placement import Unplaceable
from kamal_migrate.engine.planned import Location, Planned
from kamal_migrate.engine.suppressions import Suppressions
from kamal_migrate.envdoc import EnvDoc, EnvError
from kamal_migrate.project import Project, may_hold_secrets
from kamal_migrate.text import newline_of


class Files:
    """The files of a project with the changes that were accepted so far."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.texts: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.private: set[str] = set()

    @property
    def gone(self) -> tuple[str, ...]:
        """The paths of renamed files, as they were."""
        return tuple(self.renamed.values())

    def carry_out(self, changes: Sequence[FileChange], app: App) -> tuple[str, ...]:
        """Take in the changes of one finding, all or none; the paths they touch. Raises `Unplaceable`."""
        kept = dict(self.texts), dict(self.renamed), set(self.private)
        try:
            return tuple(dict.fromkeys(self._change(change, app) for change in changes))
        except Unplaceable:
            self.texts, self.renamed, self.private = kept
            raise

    @singledispatchmethod
    def _change(self, change: FileChange, app: App) -> str:
        raise TypeError(f"{type(change).__name__} is no change of a file")

    @_change.register
    def _(self, change: Create, app: App) -> str:
        path = app.inside(change.path)
        self._check_free(path)
        return self._write(path, change.text, private=change.private)

    @_change.register
    def _(self, change: Extend, app: App) -> str:
        path = self._current(app.inside(change.path))
        text = self._text(path) or ""
        try:
            longer = (
                EnvDoc(text).extend(change.lines) if may_hold_secrets(path) else _extended(text, change.lines)
            )
        except EnvError as error:
            raise Unplaceable(str(error)) from error
        return self._write(path, longer, private=change.private)

    @_change.register
    def _(self, change: Rename, app: App) -> str:
        old, new = app.inside(change.path), app.inside(change.new)
        text = self._text(old)
        if text is None:
            raise Unplaceable(f"{old} is not there")
        self._check_free(new)
        self.texts.pop(old, None)
        self.renamed[new] = self.renamed.pop(old, old)
        return self._write(new, text, private=False)

    @_change.register
    def _(self, change: Reword, app: App) -> str:
        path = self._current(app.inside(change.path))
        text = self._text(path)
        if text is None:
            raise Unplaceable(f"{path} is not there")
        words = dict(change.words)
        whole = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
        return self._write(path, whole.sub(lambda match: words[match[0]], text), private=False)

    def _check_free(self, path: str) -> None:
        """Raise `Unplaceable` where a file is, or one was that this run renames."""
        if self._text(path) is not None:
            raise Unplaceable(f"{path} is there already")
        if path in self.gone:
            raise Unplaceable(f"{path} is renamed in the same run")

    def _current(self, path: str) -> str:
        """The path that a file has by now."""
        return next((new for new, old in self.renamed.items() if old == path), path)

    def _text(self, path: str) -> str | None:
        if path in self.texts:
            return self.texts[path]
        return None if path in self.gone else self._project.files.get(path)

    def _write(self, path: str, text: str, *, private: bool) -> str:
        self.texts[path] = text
        if private:
            self.private.add(path)
        return path


def _extended(text: str, lines: Sequence[str]) -> str:
    """A text with more lines; where its last line was not ended, the new last one is not either."""
    newline = newline_of(text)
    if text and not text.endswith("\n"):
        return text + "".join(newline + line for line in lines)
    return text + "".join(line + newline for line in lines)


def plan_files(
    app: App, codemod: Loaded, options: Options, files: Files, suppressions: Suppressions
) -> Iterator[Planned]:
    """What becomes of every finding of a codemod about an app's files."""
    for finding in codemod.decide_app(app, options):
        path = app.inside(finding.file) if finding.file else app.configs[0].base
        places = (Location(path, finding.line, 1),)
        if suppressions.silences(finding.id, places):
            continue
        item = Planned(finding, places, tuple(dict.fromkeys(view.title for view in app.views)))
        held = why_held(item, options) if finding.fix else ""
        if held or not finding.fix:
            yield replace(item, held=held)
            continue
        try:
            yield replace(item, files=files.carry_out(finding.fix.files, app))
        except Unplaceable as error:
            yield replace(item, finding=_by_hand(finding, str(error)))


def _by_hand(finding: Finding, reason: str) -> Finding:
    message = f"{finding.message}; not done: {reason}"
    todo = finding.todo or "do it by hand"
    return replace(finding, safety=Safety.MANUAL, fix=None, message=message, todo=todo)
