"""Rules about the names of secrets: which files define them, and who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.envdoc import EnvDoc
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.evidence import place
from kamal_migrate.kamal.hooks import hooks, unfed_hooks
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.secrets import SECRETS_PATH, files_for, is_name, secret_names, unknown_names
from kamal_migrate.kamal.versions import Version
from kamal_migrate.masking import shown_name
from kamal_migrate.project import may_hold_secrets
from kamal_migrate.rules.names import listed_names
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.rules.wording import listed, verb
from kamal_migrate.yamldoc import Path

KAMAL_2, ALIASES, LOCAL_REGISTRY = Version(2), Version(2, 6), Version(2, 8)


@rule("undefined-secret", Severity.ERROR)
def undefined_secret(subject: Subject) -> Iterator[Remark]:
    """The config names a secret that no file defines.

    Kamal 2 knows the names in `.kamal/secrets-common` and `.kamal/secrets`; with
    `-d`, `.kamal/secrets.<destination>` takes the place of the latter (2.9.0+:
    where `secrets_path` says). A variable that is only exported is not found, and
    `.env` is not read. `kamal config` does not look: the deploy stops, with
    "Secret 'X' not found in .kamal/secrets".
    What only an accessory or one role names is a warning where a deploy may do
    without. Where git ignores the file, it may be elsewhere, and nothing is said;
    where it is not here at all, that is one note. Kamal 1 looks in its
    environment, of which no file tells.

    What to do: give the name a line, which holds its value or where that comes
    from: `NAME=$NAME`, `NAME=$(command)`. `kamal-migrate` writes the files of an
    app that comes from Kamal 1.
    """
    absent: list[_Missing] = []
    for view in _loaded(subject) if subject.version >= KAMAL_2 else ():
        yield from _impossible(subject, view)
        missing = _missing(subject, view)
        if missing and _are_here(subject, missing.files):
            yield from _undefined(subject, missing)
        elif missing and _should_be_here(subject, view, missing.files):
            absent.append(missing)
    if absent:
        yield from _absent(subject, absent)


class _Missing(NamedTuple):
    """The names that a view uses and none of its files defines, with the places that use them."""

    view: View
    files: tuple[str, str]
    names: dict[str, tuple[Path, ...]]


def _missing(subject: Subject, view: View) -> _Missing | None:
    """None where nothing is missing, and where only Ruby knows the files."""
    names, files = secret_names(view, subject.version), files_for(view, subject.version)
    defined = {name for path in files or () for name in EnvDoc(subject.app.text(path)).names()}
    left = {name: places for name, places in names.items() if is_name(name) and name not in defined}
    return _Missing(view, files, left) if files and left else None


def _loaded(subject: Subject) -> Iterator[View]:
    """The views as they are deployed; a destination's file is hardly ever the config by itself."""
    for view in subject.views:
        if view.destination or view.layers[-1].document.path == view.config.base:
            yield view


def _are_here(subject: Subject, files: tuple[str, str]) -> bool:
    """Whether the files are all that Kamal would find: none of them may be kept somewhere else."""
    app, (common, own) = subject.app, files
    if not all(app.has(path) or (may_hold_secrets(path) and not app.ignored(path)) for path in files):
        return False
    others = {path for view in app.views for path in (files_for(view, subject.version) or ())[1:]}
    return app.has(own) or (app.has(common) and not any(map(app.has, others)))


def _should_be_here(subject: Subject, view: View, files: tuple[str, str]) -> bool:
    """Whether a deploy from this folder looks for a file that is not here.

    A base that has destinations with files of their own is hardly ever loaded alone.
    """
    app, own = subject.app, files[1]
    if app.has(own) or app.ignored(own) or not may_hold_secrets(own) or app.ignored(files[0]):
        return False
    others = [files_for(other, subject.version) for other in app.views if other.destination]
    return bool(view.destination) or not any(paths and app.has(paths[1]) for paths in others)


def _impossible(subject: Subject, view: View) -> Iterator[Remark]:
    """The names that no file can define."""
    for name, places in secret_names(view, subject.version).items():
        if is_name(name):
            continue
        where, stop = _worst(subject, view, places)
        if ":" in name and subject.version < ALIASES:
            reason = f"Kamal {subject.version.short} knows no aliases (2.6 does) and looks up the whole text"
            way = "name the secret itself"
        else:
            reason = "no file of secrets can define a name with anything but letters, digits, `_` and `.`"
            way = "give it another name"
        yield Remark(f"{reason}, so {stop.what}", view, where, ways=(way,), severity=stop.severity)


def _undefined(subject: Subject, missing: _Missing) -> Iterator[Remark]:
    """The names that are in none of the files that are here."""
    view, files, names = missing
    read = " and ".join(path for path in files if subject.app.has(path))
    for name, places in names.items():
        where, stop = _worst(subject, view, places)
        message = f"Secret '{shown_name(name)}' not found in {read}, so {stop.what}"
        line = f"{name}=${name}" if shown_name(name) == name else "NAME=$NAME"
        way = f"add a line to {files[-1]}, such as `{line}`, which takes it from the environment"
        yield Remark(message, view, where, ways=(_way(subject, view, way),), severity=stop.severity)


def _way(subject: Subject, view: View, otherwise: str) -> str:
    """The codemod, for an app that comes from Kamal 1; it leaves the files of others alone."""
    return otherwise if speaks_kamal_2(view, subject.source) else "kamal-migrate --select secrets"


class _Stop(NamedTuple):
    """What does not work without a secret, and how bad that is."""

    severity: Severity
    what: str


def _worst(subject: Subject, view: View, places: tuple[Path, ...]) -> tuple[Path, _Stop]:
    """The place of a name that stops most."""
    stops = [(where, _stop(subject, view, where)) for where in places]
    return min(stops, key=lambda item: item[1].severity.rank)


def _stop(subject: Subject, view: View, where: Path) -> _Stop:
    """What stops where a name is looked up at a place, and is not found."""
    section, *below = where
    if section == "accessories":
        return _Stop(Severity.WARNING, f"`kamal accessory boot {below[0]}` stops")
    if section == "servers" and not any(below[0] in host.roles for host in subject.hosts(view)):
        return _Stop(Severity.WARNING, f"a deploy to hosts of the role {below[0]} stops")
    if where[:2] == ("env", "tags") and not any(below[1] in host.tags for host in subject.hosts(view)):
        return _Stop(Severity.WARNING, f"a deploy to hosts with the tag {below[1]} stops")
    if section == "registry" and subject.version >= LOCAL_REGISTRY and _is_local(view):
        return _Stop(Severity.NOTE, "it would be missed if the registry were not a local one")
    if section == "ssh":
        return _Stop(Severity.WARNING, "Kamal takes its name for the SSH key itself")
    return _Stop(Severity.ERROR, "the deploy stops")


def _is_local(view: View) -> bool:
    """Whether Kamal runs the registry itself, and logs in nowhere (`Registry#local?`, 2.8.0)."""
    return re.match(r"localhost[:$]", str(view.get("registry", "server"))) is not None


def _absent(subject: Subject, absent: list[_Missing]) -> Iterator[Remark]:
    """That files are not here which a deploy from this folder needs; said once for all views."""
    view, first = absent[0].view, next(iter(absent[0].names.values()))[0]
    paths = list(dict.fromkeys(missing.files[-1] for missing in absent))
    names = listed_names(name for missing in absent for name in missing.names)
    message = f"{listed(paths)} {verb(paths, 'is', 'are')} not here, and Kamal looks for {names} there"
    if subject.app.has(SECRETS_PATH) and all(missing.view.destination for missing in absent):
        message += f"; with `-d` it does not read {SECRETS_PATH}"
    way = "write a line for each name, such as `NAME=$NAME`, or have the file before a deploy from here"
    ways = (_way(subject, view, way),)
    for other in (missing.view for missing in absent):
        if place(other, first) == place(view, first):
            yield Remark(message, other, first, ways=ways, severity=Severity.NOTE)


@rule("unused-secret", Severity.NOTE)
def unused_secret(subject: Subject) -> Iterator[Remark]:
    """A file of secrets defines a name that nothing uses.

    A name that no config, no ERB in one, no hook and no other line of the files
    names is never passed on: Kamal 2 gives a container only what `env.secret`
    lists. Mostly a line was left behind, or a line of `env.secret` is missing.
    With `-d`, Kamal does not read `.kamal/secrets`; where there is no way to
    deploy without, all of that file is unused.

    What to do: delete the line; or list the name where it is needed.
    """
    app, version = subject.app, subject.version
    if version < KAMAL_2 or any(files_for(view, version) is None for view in app.views):
        return
    read = {path for view in _loaded(subject) for path in files_for(view, version) or ()}
    apart = len(app.configs) == 1 and read and all(view.destination for view in _loaded(subject))
    if apart and SECRETS_PATH not in read and app.has(SECRETS_PATH):
        message = f"every deploy here has a destination, so that nothing reads {SECRETS_PATH}"
        way = f"rename it to {SECRETS_PATH}-common, which all destinations read, or delete it"
        yield Remark(message, file=SECRETS_PATH, ways=(way,))
    for path in sorted(filter(app.has, read)):
        readers = [view for view in app.views if path in (files_for(view, version) or ())]
        names = _unused(app, path, _used(app, readers, version))
        if names and not any(unknown_names(view, version) for view in readers):
            message = f"no config and no hook uses {listed_names(names)}"
            way = "delete the line, or list the name under `env.secret`"
            yield Remark(message, file=path, line=min(names.values()), ways=(way,))


def _used(app: App, readers: list[View], version: Version) -> set[str]:
    """The names that configs, their ERB and hooks use."""
    names = {name for view in readers for name in secret_names(view, version)}
    documents = {layer.document.path: layer.document for view in app.views for layer in view.layers}
    ruby = [tag.code for document in documents.values() for tag in document.template.tags]
    words = re.findall(r"[\w.]+", "\n".join([*ruby, *map(app.text, hooks(app))]))
    return {*names, *words}


def _unused(app: App, path: str, used: set[str]) -> dict[str, int]:
    """The names that a file defines for nobody, and their lines."""
    found = {line.name: line.line for line in EnvDoc(app.text(path)).lines if line.name}
    left = {name: line for name, line in found.items() if name not in used}
    referred = _referred(app) if left else ()
    return {name: line for name, line in left.items() if name not in referred}


def _referred(app: App) -> set[str]:
    """The names that other lines of the files of secrets take up."""
    docs = [EnvDoc(app.text(path)) for path in app.find(r"\.kamal/secrets.*")]
    said = [(line.name, doc.raw(line)) for doc in docs for line in doc.lines]
    return {other for name, raw in said for other in re.findall(r"\$\{?(\w+)", raw) if other != name}


@rule("hook-secret", Severity.WARNING)
def hook_secret(subject: Subject) -> Iterator[Remark]:
    """A hook reads what `.env` gave it, and Kamal 2 does not.

    Kamal 1 loaded `.env` into its own environment, so that every hook had all of
    it. Kamal 2 does not read `.env`. It gives the secrets that `.kamal/secrets*`
    defines to pre-deploy and post-deploy, from 2.11.0 on to pre-connect too, and
    to no other hook: there the variable is empty, and the hook goes on without.

    What to do: define the name in `.kamal/secrets` for a hook that gets secrets;
    else have it in the environment that runs Kamal (`dotenv kamal deploy`), or
    load it in the hook.
    """
    if subject.source is not None and subject.source >= KAMAL_2:
        return
    for hook in unfed_hooks(subject.app, subject.version):
        names = listed_names(hook.names)
        if hook.given:
            message = f"this hook reads {names}, and Kamal 2 gives it only what the files of secrets define"
            way = "add a line for each to .kamal/secrets, such as `NAME=$NAME`"
        else:
            message = f"this hook reads {names} from .env, which Kamal 2 does not load"
            way = "have them in the environment that runs Kamal (`dotenv kamal deploy`), or load them here"
        yield Remark(message, file=hook.path, line=hook.line, ways=(way,))
