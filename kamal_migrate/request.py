"""What one run is asked to do: the command line, with the settings, as options that fit together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kamal_migrate.api import Evidence, Options
from kamal_migrate.catalog import Loaded
from kamal_migrate.kamal.evidence import Pin
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.settings import FILE, Settings


class UsageError(Exception):
    """The command cannot do what it was asked for, and what to do instead."""


class Request(NamedTuple):
    """What the command line says."""

    folder: Path = Path()
    configs: tuple[str, ...] = ()
    codemods: Path | None = None
    to: Version | None = None
    source: Version | None = None
    arch: str | None = None
    cache: str | None = None
    preserve: bool = False
    keep_comments: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    safe_only: bool = False
    interactive: bool = False
    dry_run: bool = False
    exit_code: bool = False
    diff: bool = False
    json: bool = False
    yes: bool = False
    secrets_from_env_file: bool = False
    allow_dirty: bool = False
    verify_with_kamal: bool = False
    inventory: Path | None = None

    @property
    def writes(self) -> bool:
        """Whether files may be written."""
        return not (self.dry_run or self.diff)


def options_of(
    request: Request, settings: Settings, pin: Pin | None, inventory: Inventory | None = None
) -> Options:
    """What the command line, the settings and the locked version say together, in this order.

    ``inventory`` is what the request and the settings say of single hosts.
    """
    arch = None
    if request.arch:
        arch = Evidence(request.arch, "--arch")
    elif settings.arch:
        arch = Evidence(settings.arch, settings.file or FILE)
    locked = pin.version if pin else None
    return Options(
        to=request.to or settings.to or (locked if locked and locked.major == 2 else NEWEST),
        source=request.source,
        arch=arch,
        cache=request.cache or settings.cache or "registry",
        preserve=request.preserve,
        keep_comments=request.keep_comments,
        select=request.select or settings.select,
        ignore=request.ignore or settings.ignore,
        safe_only=request.safe_only,
        secrets_from_env_file=request.secrets_from_env_file,
        inventory=inventory or Inventory(),
    )


def check(request: Request) -> None:
    """Refuse options that contradict each other. Raises `UsageError`."""
    if request.exit_code and request.writes:
        raise UsageError("--exit-code goes with --dry-run or --diff")
    if request.interactive and (request.yes or request.json or not request.writes):
        raise UsageError("--interactive asks; it does not go with --yes, --dry-run, --diff or --format json")
    if request.diff and request.json:
        raise UsageError("--diff prints a patch and nothing else; it does not go with --format json")
    if request.diff and request.secrets_from_env_file:
        # What is masked in a message is the word behind an option of such a name.
        raise UsageError("--diff shows all that comes; it does not go with --secrets-from-env-file")
    if request.diff and request.verify_with_kamal:
        raise UsageError("--diff prints a patch and nothing else; it does not go with --verify-with-kamal")
    if request.diff and request.yes:
        raise UsageError("--diff writes nothing; it does not go with --yes")


def check_names(options: Options, codemods: list[Loaded]) -> None:
    """Refuse names that no codemod and no finding has. Raises `UsageError`."""
    known = {codemod.id: codemod.declaration.findings for codemod in codemods}
    for name in (*options.select, *options.ignore):
        codemod, slash, thing = name.partition("/")
        if name in options.ignore and codemod not in known and _is_rule(name):
            continue
        if codemod not in known or (slash and (not thing or "/" in thing)):
            raise UsageError(f"there is no codemod `{name}`; see: kamal-migrate list")
        things = known[codemod]
        if thing and things and thing not in things:
            raise UsageError(f"there is no finding `{name}`; {codemod} has {', '.join(things)}")


def _is_rule(name: str) -> bool:
    """Whether `check` has a rule of that name: the settings are for both."""
    from kamal_migrate.rules import RULES

    return any(rule.id == name for rule in RULES)


def came_from(request: Request, pin: Pin | None) -> str:
    """The version that the app comes from, and who says so."""
    if request.source:
        return f"Kamal {request.source.short} (--from)"
    if pin:
        name = "MRSK" if pin.version < Version(0, 16) else "Kamal"
        return f"{name} {pin.bound}{pin.version.short} ({pin.source})"
    return "Kamal of unknown version"
