"""What a plan changes for the deployment: read from the files of both sides, and announced by a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import eq
from typing import NamedTuple

from kamal_migrate.api import Becomes, Options, View
from kamal_migrate.engine.comparing import Difference, differences, value_at
from kamal_migrate.engine.planned import Planned
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.kamal.dating import has_keys_of_2, read_by
from kamal_migrate.kamal.deployment import deployment
from kamal_migrate.kamal.upgrading import BY_ITSELF
from kamal_migrate.kamal.validation import faults
from kamal_migrate.kamal.versions import NEWEST_1, Version

# The last Kamal that ignored what it did not know.
LENIENT = Version(1, 6)
# What Kamal 2 has keys of its own for.
TRANSLATED = (
    "roles.*.proxied",
    "roles.*.proxy.*",
    "roles.*.health.*",
    "roles.*.stop_seconds",
    "accessories.*.proxy.*",
    "accessories.*.network",
    "proxy_container.*",
    "build.*",
    "root.deploy_seconds",
    "root.primary_role",
    "root.run_directory",
    "root.ssh.user",
    "root.audit_broadcast_cmd",
)


class Announced(NamedTuple):
    """One difference of the deployment, the findings that announce it, and whether it needs no other."""

    difference: Difference
    findings: tuple[str, ...]
    is_explained: bool


class Compared(NamedTuple):
    """What changes for a view: the path of its config, the view's title, every difference."""

    config: str
    view: str
    changes: tuple[Announced, ...]


def compared(
    pairs: Sequence[tuple[View, View]], done: Sequence[Planned], options: Options, refused: Iterable[View]
) -> list[Compared]:
    """What changes for every view, with the findings that announce it. Raises `ProofError`.

    What Kamal 2 does otherwise by itself needs no finding, and so does what it reads otherwise in a key that
    nobody edited. Any other difference that no finding announces is a proof that failed. It is not where only
    a part of the findings is wanted, nor in a view that Kamal refuses as it was or as it will be: what that
    deploys nobody can tell. A view that the target refuses is left out where it takes another; where it takes
    none, only what findings announce is told. Where a finding announces a value, and the target takes the
    view, any other is a proof that failed.
    """
    refusing = {id(view) for view in refused}
    partial = options.select or options.ignore or options.safe_only or options.accepted is not None
    taken = [pair for pair in pairs if id(pair[1]) not in refusing]
    found = []
    unannounced: list[str] = []
    for before, after in taken or pairs:
        result = deployment(after, options.to)
        unannounced += _missed(before, result, done) if taken else ()
        changes = list(_changes(before, result, done, options))
        known = taken and not partial and changes and not faults(before, _reader(before, options))
        if known:
            unannounced += [_unannounced(before, row.difference) for row in changes if not row.is_explained]
        told = tuple(row for row in changes if taken or row.findings)
        found.append(Compared(before.config.base, before.title, told))
    if unannounced:
        raise ProofError(unannounced)
    return found


def _unannounced(view: View, difference: Difference) -> str:
    return f"{view.title}: {'.'.join(difference.path)} would change"


def _missed(view: View, result: Mapping[str, object], done: Sequence[Planned]) -> Iterator[str]:
    """What findings announce for a view, and the result does not deploy."""
    for item in done:
        for path, value in _announced(item, view):
            found = value_at(result, path)
            if found != value:
                part = ".".join(path)
                yield f"{view.title}: {part} would be {found!r}; {item.finding.id} announces {value!r}"


def _announced(item: Planned, view: View) -> list[Becomes]:
    return [part for of, part in item.announced if of is view]


def _changes(
    before: View, result: Mapping[str, object], done: Sequence[Planned], options: Options
) -> Iterator[Announced]:
    """The differences between the deployment of a view and that of its result."""
    found_in = differences(deployment(before, _reader(before, options)), result)
    translated = () if has_keys_of_2(before) else TRANSLATED

    @cache
    def edited() -> list[tuple[str, ...]]:
        return [row.path for row in differences(deployment(before, options.to), result)]

    for difference in found_in:
        findings = tuple(item.finding.id for item in done if _announces(item, before, difference))
        known = bool(findings) or by_itself(difference)
        yield Announced(difference, findings, known or read_otherwise(difference, edited, translated))


def _reader(view: View, options: Options) -> Version:
    """The version that reads a view as it was; where nobody says which, one that takes it.

    The lenient one is none for a view that has keys of both majors: it would ignore what a newer Kamal takes.
    """
    reader = read_by(view, options.source, options.to)
    guessed = options.source is None and reader == NEWEST_1 and not has_keys_of_2(view)
    lenient = guessed and faults(view, reader)
    return LENIENT if lenient else reader


def _announces(item: Planned, view: View, difference: Difference) -> bool:
    """Whether a finding says of a view that this changes, or that it may."""
    if any(part.path == difference.path[: len(part.path)] for part in _announced(item, view)):
        return True
    patterns = item.finding.changes if view.title in item.views else ()
    stays = item.finding.stays if item.applied else ()
    return any(covers(pattern, difference.path) for pattern in patterns) and not any(
        covers(pattern, difference.path) for pattern in stays
    )


def by_itself(difference: Difference) -> bool:
    """Whether Kamal 2 does this otherwise than Kamal 1 whatever the config says."""
    values = (difference.before, difference.after)
    return any(covers(part, difference.path) and values == (old, new) for part, old, new in BY_ITSELF)


def read_otherwise(
    difference: Difference, edited: Callable[[], Iterable[tuple[str, ...]]], translated: Iterable[str]
) -> bool:
    """Whether the target reads the original otherwise than the version before it, and no edit made that.

    ``edited`` tells the parts in which the target reads original and result otherwise. Never for those that
    are ``translated`` into keys of Kamal 2: there it would be an edit that is missing.
    """
    if any(covers(part, difference.path) for part in translated):
        return False
    return not any(all(map(eq, path, difference.path)) for path in edited())


def covers(pattern: str, path: tuple[str, ...]) -> bool:
    """Whether a pattern such as ``roles.*.proxy.*`` names a part of the deployment, or something in it.

    A part that only one side has counts as named by what is in it.
    """
    steps = pattern.removesuffix(".*").split(".")
    return all(step in ("*", name) for step, name in zip(steps, path, strict=False))
