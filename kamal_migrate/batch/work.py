"""The unit of work: what is to be done in one repository. A pure function of its files, for any executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from kamal_migrate.api import Finding, Options, Safety
from kamal_migrate.batch.detail import detail, misfits
from kamal_migrate.catalog import CatalogError, Loaded, catalog
from kamal_migrate.engine import Plan, plan
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.masking import mask, mask_message
from kamal_migrate.project import InputError, Project, may_hold_secrets
from kamal_migrate.reading import encoded

# Exit codes, of a run over one app and over many.
DONE, NEEDS_HANDS = 0, 3


class Outcome(Enum):
    """What is to become, or became, of a repository."""

    MIGRATED = "migrated"
    NOTHING = "nothing to do"
    HANDS = "needs hands"
    NO_KAMAL = "no Kamal"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Work:
    """What is to be done in one repository.

    ``files`` are the bytes of new and changed files by path, ``renamed`` the old paths of files by their new
    ones, ``secret`` the paths of those with values that are not to be kept; ``report`` is what the forms of
    the report are made from, secrets masked; ``arch`` tells that something rests on an architecture that
    nobody said.
    """

    outcome: Outcome
    reason: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()
    report: Mapping[str, Any] = field(default_factory=dict, repr=False)
    arch: bool = False


def work(project: Project, options: Options, codemods: Path | None = None) -> Work:
    """Plan a repository; whatever is wrong with it is the outcome, and nothing is raised."""
    try:
        return _done(plan(project, known(codemods), options))
    except (InputError, CatalogError) as error:
        return Work(Outcome.FAILED, mask_message(str(error)))
    except ProofError as error:
        differences = "; ".join(map(mask, error.differences[:3]))
        return Work(Outcome.REFUSED, f"the result is not what was intended: {differences}")
    except Exception as error:
        return Work(Outcome.FAILED, mask(f"a bug of kamal-migrate: {type(error).__name__}: {error}"))


@lru_cache(maxsize=1)
def known(folder: Path | None) -> list[Loaded]:
    """The codemods that there are, with those of a folder. Raises `CatalogError`."""
    return catalog(folder)


def _done(made: Plan) -> Work:
    open_ends = [item for item in made.findings if item.finding.safety in (Safety.MANUAL, Safety.ASSUMED)]
    changed = bool(made.changed or made.renamed)
    report = detail(made)
    hands = bool(open_ends or misfits(report))
    report["exit_code"] = NEEDS_HANDS if hands else DONE
    outcome = Outcome.HANDS if hands else Outcome.MIGRATED if changed else Outcome.NOTHING
    return Work(
        outcome,
        files={path: encoded(made.after.files[path]) for path in made.changed},
        renamed=dict(made.renamed),
        secret=frozenset(path for path in made.changed if may_hold_secrets(path) and made.before(path)),
        report=report,
        arch=any(_rests_on_arch(item.finding) for item in open_ends),
    )


def _rests_on_arch(finding: Finding) -> bool:
    return finding.safety is Safety.ASSUMED and finding.id.startswith("builder/")
