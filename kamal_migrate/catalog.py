"""Finds codemods: the built-in folder, and any folder that the user names. Nothing else is ever loaded."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path as FilePath
from types import ModuleType
from typing import Any

from kamal_migrate.api import MOVED, App, Codemod, Finding, Options, View
from kamal_migrate.project import InputError
from kamal_migrate.yamldoc import data as typed

PACKAGE = FilePath(__file__).parent
HEADINGS = ("What changed in Kamal", "What this does", "Safety", "Left to you")


class CatalogError(ValueError):
    """A codemod that cannot be loaded, and why."""


@dataclass(frozen=True)
class Loaded:
    """A codemod: its id (the file's name), what it declares, its documentation and its decision."""

    id: str
    declaration: Codemod
    documentation: str
    decide: Callable[[View, Options], Iterator[Finding]]
    decide_app: Callable[[App, Options], Iterator[Finding]]


def builtin_folder() -> FilePath:
    """The folder inside the package; in a checkout of this project, the one beside the package."""
    inside = PACKAGE / "codemods"
    beside = PACKAGE.parent / "codemods"
    if inside.is_dir() or not (PACKAGE.parent / "pyproject.toml").is_file():
        return inside
    return beside


def load_folder(
    folder: FilePath, package: str = "kamal_migrate.codemods", *, watched: bool = False
) -> list[Loaded]:
    """The codemods of a folder, by name. Raises `CatalogError`; if ``watched``, so do the codemods."""
    if not folder.is_dir():
        raise CatalogError(f"{folder}: no such folder of codemods")
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    found = [(_loaded(path, package), path) for path in files]
    return [_watched(codemod, path) if watched else codemod for codemod, path in found]


def _loaded(path: FilePath, package: str) -> Loaded:
    module = _module(path, f"{package}.{path.stem}")
    declaration = getattr(module, "CODEMOD", None)
    decides = [getattr(module, name, _silent) for name in ("decide", "decide_app")]
    if not isinstance(declaration, Codemod) or not all(map(callable, decides)) or decides == [_silent] * 2:
        raise CatalogError(
            f"{path}: it needs CODEMOD = Codemod(…), and decide(view, options) or decide_app(app, options)"
        )
    return Loaded(path.stem.replace("_", "-"), declaration, (module.__doc__ or "").strip(), *decides)


def _watched(codemod: Loaded, path: FilePath) -> Loaded:
    """The same, with what is wrong with its code as a `CatalogError`: whoever wrote it is who runs it."""

    def watched(decide: Callable[[Any, Options], Iterator[Finding]]) -> Callable[..., Iterator[Finding]]:
        def decided(subject: Any, options: Options) -> Iterator[Finding]:
            try:
                found = list(decide(subject, options))
                for finding in found:
                    _check(finding, codemod.id)
            except InputError:
                raise
            except Exception as error:
                raise CatalogError(f"{_place(error, path)}: {type(error).__name__}: {error}") from error
            return iter(found)

        return decided

    return replace(codemod, decide=watched(codemod.decide), decide_app=watched(codemod.decide_app))


def _place(error: Exception, path: FilePath) -> str:
    """The file of a codemod, with the line of it that an error came from, if one did."""
    from traceback import extract_tb

    lines = [row.lineno for row in extract_tb(error.__traceback__) if row.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _check(finding: Finding, id: str) -> None:
    """Raise `TypeError` or `ValueError` for what is no finding of this codemod."""
    if not isinstance(finding, Finding):
        raise TypeError(f"it gives a {type(finding).__name__} where a Finding is due")
    if finding.id != id and not finding.id.startswith(f"{id}/"):
        raise ValueError(f"its finding `{finding.id}` has to be called {id} or {id}/…, after the file")
    for come in finding.fix.comes if finding.fix else ():
        if come.value is not MOVED:
            typed.of(come.value)


def _silent(_: object, __: Options) -> Iterator[Finding]:
    """What a codemod says of what it is not asked about."""
    return iter(())


def _module(path: FilePath, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CatalogError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CatalogError(f"{path}: {type(error).__name__}: {error}") from error
    return module


@lru_cache(maxsize=1)
def builtin() -> tuple[Loaded, ...]:
    """The codemods that come with kamal-migrate."""
    return tuple(load_folder(builtin_folder()))


def catalog(extra: FilePath | None = None) -> list[Loaded]:
    """The built-in codemods and those of one more folder. Raises `CatalogError`."""
    own = load_folder(extra, "kamal_migrate.own_codemods", watched=True) if extra else []
    taken = {codemod.id for codemod in builtin()} & {codemod.id for codemod in own}
    if taken:
        raise CatalogError(f"{extra}: `{sorted(taken)[0]}` is the name of a built-in codemod")
    return [*builtin(), *own]
