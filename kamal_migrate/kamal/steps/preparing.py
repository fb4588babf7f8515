"""The steps before any server changes: go to 1.9, pause, migrate, and move to the other Kamal."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.pins import (
    BINSTUB,
    GEMFILE,
    LOCK,
    VersionPin,
    installing,
    pin_text,
    requirement,
    version_pins,
)
from kamal_migrate.kamal.steps.case import Case, Step
from kamal_migrate.kamal.versions import Version


def bridge(case: Case) -> Step:
    """Deploy with the one Kamal that can go back."""
    new = case.source is None or case.source < case.bridge
    commands = list(installing(case.original, case.bridge)) if new else []
    here = [pin for pin in version_pins(case.original) if pin.kind == GEMFILE or pin.path == BINSTUB]
    notes = _notes(case.original, case.bridge, here, commands) if new else []
    for one in case.destinations:
        commands += [case.line("env push", one, by=case.old)] if new else []
        commands.append(case.line("deploy", one, by=case.old))
    migrated = not case.pending and any(speaks_kamal_2(view) for view in case.app.views)
    warnings = ["with the files as they were before the migration: see git log"] if migrated else []
    if case.source is not None and case.source < Version(1):
        warnings.append("1.9 refuses what MRSK took: the files go to 1.9 first (kamal-migrate --to 1.9)")
        commands = [*(["kamal-migrate --to 1.9"] if case.pending else []), *commands]
    elif case.source is None or case.source < Version(1, 7):
        warnings.append("1.7 to 1.9 refuse keys that they do not know: kamal-migrate --to 1.9 tells which")
    why = "Only 1.9 has `kamal downgrade`, the way back; and `kamal upgrade` starts what was deployed last."
    title = f"Deploy once with Kamal {case.bridge}"
    brief = f"deploy once with Kamal {case.bridge}, which can go back"
    return Step("deploy-1.9", title, why, tuple(commands), None, tuple(notes), tuple(warnings), brief)


def pause(paths: list[str]) -> Step:
    names = ", ".join(map(posixpath.basename, paths))
    why = f"Until the servers are upgraded, a deploy by {names} fails or undoes what you do."
    return Step(
        "pause", "Pause continuous deployment", why, _switched(paths, "disable"), brief=f"pause {names}"
    )


def resume(paths: list[str]) -> Step:
    names = ", ".join(map(posixpath.basename, paths))
    why = f"{names} deploys with the new Kamal from here on; give it the names that the secrets need."
    return Step("resume", "Resume continuous deployment", why, _switched(paths, "enable"))


def _switched(paths: list[str], verb: str) -> tuple[str, ...]:
    names = [posixpath.basename(path) for path in paths if ".github/workflows/" in path]
    return tuple(f"gh workflow {verb} {name}" for name in names)


def migrate(case: Case) -> Iterator[Step]:
    if case.pending:
        why = "The files change first; everything below is done with the files that it writes."
        yield Step("migrate", "Migrate the files", why, (_migration(case),), brief="kamal-migrate")


def by_hand(case: Case) -> Iterator[Step]:
    """What the migration leaves, each message once with all its places."""
    if case.tasks:
        places: dict[str, list[str]] = {}
        for task in case.tasks:
            places.setdefault(task.message, []).append(f"{task.path}:{task.line}")
        notes = tuple(f"{', '.join(found)}: {message}" for message, found in places.items())
        why = "It stays as it is until someone changes it; a preview says what to do about each."
        preview, brief = f"{_migration(case)} --dry-run", "do what is left for you"
        yield Step("by-hand", "Do what is left for you", why, (preview,), None, notes, brief=brief)


def _migration(case: Case) -> str:
    return f"kamal-migrate --to {case.target.major}.{case.target.minor}"


def _notes(app: App, target: Version, behind: list[VersionPin], commands: Sequence[str]) -> list[str]:
    """What each pin has to say; Bundler writes the lock, and the Gemfile too where it adds the gem."""
    added = any(command.startswith("bundle add") for command in commands)
    written = (LOCK, GEMFILE) if added else (LOCK,)
    notes = [
        f"{pin.path}:{pin.line}: write `{pin_text(pin, target)}`" for pin in behind if pin.kind not in written
    ]
    kinds = {pin.kind for pin in version_pins(app)}
    if LOCK in kinds and GEMFILE not in kinds and not added:
        notes.insert(0, f'Gemfile: write `gem "kamal", "{requirement(target)}", require: false`')
    return notes


def version(case: Case, *, bridged: bool = False) -> Iterator[Step]:
    """Move every place that says which Kamal runs; ``bridged``, from 1.9 on, where it was something older."""
    minor = case.target[:2]
    found = version_pins(case.app)
    behind = [pin for pin in found if pin.version is None or pin.version[:2] != minor or pin.legacy]
    if found and not behind:
        return
    commands = installing(case.app, case.target)
    if bridged and case.program.bundled and not case.program.pulled:
        commands = ("bundle update kamal --conservative",)
    why = "Files and Kamal move together: neither major version reads the files of the other."
    if case.source and case.source.major == case.target.major:
        why = "Everything that runs Kamal for this app moves at once."
    notes = _notes(case.app, case.target, behind, commands)
    title = f"Move to Kamal {case.target.short}"
    brief = commands[-1] if commands else title
    yield Step("version", title, why, commands, None, tuple(notes), (), brief)
