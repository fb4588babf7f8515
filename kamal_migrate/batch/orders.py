"""What a campaign is asked to do, in a form that its state can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from kamal_migrate.api import Options
from kamal_migrate.batch.work import known
from kamal_migrate.inventories import inventory_of
from kamal_migrate.kamal.evidence import pinned
from kamal_migrate.kamal.versions import parse
from kamal_migrate.project import Project
from kamal_migrate.request import Request, check_names, options_of
from kamal_migrate.settings import Settings

TIMEOUT = 120
BRANCH, MESSAGE = "kamal-migrate/{campaign}", "Migrate the Kamal config to {to}"
# How what is planned is carried out.
APPLIED = ("in_place", "allow_dirty", "branch", "message", "push", "directly", "bodies")


@dataclass(frozen=True)
class Orders:
    """The options of a single app that hold for all, and how the result is written.

    ``branch`` and ``message`` are templates, see `filled`; ``directly`` commits to the default branch,
    ``in_place`` writes into working trees instead, ``allow_dirty`` over what is not committed; ``timeout``
    is in seconds, for each call of git; ``bodies`` is the folder for the texts of pull requests, if not the
    campaign's own.
    """

    campaign: str
    configs: tuple[str, ...] = ()
    codemods: str = ""
    to: str = ""
    source: str = ""
    arch: str = ""
    cache: str = ""
    inventory: str = ""
    preserve: bool = False
    keep_comments: bool = False
    safe_only: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    in_place: bool = False
    allow_dirty: bool = False
    branch: str = BRANCH
    message: str = MESSAGE
    push: bool = False
    directly: bool = False
    timeout: int = TIMEOUT
    bodies: str = ""

    def request(self, folder: Path) -> Request:
        """The same as what one run over one app is asked."""
        return Request(
            folder,
            self.configs,
            Path(self.codemods) if self.codemods else None,
            parse(self.to) if self.to else None,
            parse(self.source) if self.source else None,
            self.arch or None,
            self.cache or None,
            self.preserve,
            self.keep_comments,
            self.select,
            self.ignore,
            self.safe_only,
            inventory=Path(self.inventory) if self.inventory else None,
        )

    def options(self, project: Project, settings: Settings, folder: Path) -> Options:
        """The options for one repository. Raises `InputError` for an inventory that is none, and `UsageError`
        for names in its settings that nothing has.
        """
        request = self.request(folder)
        options = options_of(request, settings, pinned(project), inventory_of(request, settings))
        if settings.select or settings.ignore:
            check_names(options, known(request.codemods))
        return options

    def check(self) -> None:
        """Refuse what would be wrong for every repository.

        Raises `CatalogError`, `UsageError` and, for an inventory that is none, `InputError`.
        """
        request = self.request(Path())
        check_names(Options(select=self.select, ignore=self.ignore), known(request.codemods))
        inventory_of(request, Settings())

    def filled(self, template: str, *, name: str, to: str) -> str:
        """A template with `{campaign}`, `{name}` (of the repository) and `{to}` (the version) filled in."""
        for word, value in (("campaign", self.campaign), ("name", name), ("to", to)):
            template = template.replace(f"{{{word}}}", value)
        return template

    def to_plan(self) -> Orders:
        """What of it is about planning; the rest is as nobody said it."""
        usual = Orders(self.campaign)
        applied = {name: getattr(usual, name) for name in APPLIED}
        return replace(self, **applied)

    def as_settings(self) -> dict[str, str]:
        """Text by name, as the state keeps it."""
        return {f"orders.{name}": json.dumps(value) for name, value in asdict(self).items()}


def kept(campaign: str, settings: Mapping[str, str]) -> Orders:
    """The orders that the state of a campaign keeps."""
    names = {field.name for field in fields(Orders)}
    found = {
        name.removeprefix("orders."): json.loads(value)
        for name, value in settings.items()
        if name.startswith("orders.")
    }
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    said = {name: value for name, value in {**found, **lists}.items() if name in names}
    return Orders(**{"campaign": campaign, **said})
