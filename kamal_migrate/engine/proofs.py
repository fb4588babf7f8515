"""The proofs of a plan, from the new texts alone: files say what was intended, views what was announced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kamal_migrate.kamal.builds import build_plan, words
from kamal_migrate.kamal.loading import LayerKey, View
from kamal_migrate.kamal.versions import Version
from kamal_migrate.project import InputError, Project
from kamal_migrate.yamldoc import Data
from kamal_migrate.yamldoc import data as typed

BUILDER = ("builder",)


class ProofError(Exception):
    """A plan that does not do what it says; ``differences`` names each path that differs."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


def unreadable(error: InputError) -> str:
    """The difference of a result that is no config any more."""
    return f"the result cannot be read: {error}"


def prove_files(after: Project, intended: Mapping[LayerKey, Data]) -> None:
    """Each file, parsed again in every branch, equals the intended data exactly. Raises `ProofError`."""
    for key, data in intended.items():
        try:
            docs = after.document(key.path).docs
        except InputError as error:
            raise ProofError([unreadable(error)]) from error
        found = docs[key.branch].data if key.branch < len(docs) else None
        if found != data:
            raise ProofError(differences(key.path, data, found))


def prove_views(expected: Iterable[tuple[View, Data]], after: Iterable[View]) -> None:
    """Each view, merged from the new files, is the old one with what was announced. Raises `ProofError`."""
    found = {_name(view): view.data for view in after}
    for view, data in expected:
        now = found.get(_name(view))
        if now is None or not typed.same(now, data):
            raise ProofError(differences(view.title, data, now))


def _name(view: View) -> tuple[str, tuple[LayerKey, ...]]:
    return view.destination, tuple(layer.key for layer in view.layers)


def prove_builds(pairs: Iterable[tuple[View, View]], source: Version, target: Version) -> None:
    """Views that are said to build as before do: same platforms, same machine. Raises `ProofError`."""
    for before, after in pairs:
        had = typed.get(before.data, BUILDER)
        if had == typed.get(after.data, BUILDER) or typed.get(before.data, (*BUILDER, "arch")):
            continue  # Nothing moved, or it was written for Kamal 2.
        # For a Kamal 1 what another one did with the same keys is told by findings of its own.
        old = build_plan(before, source if target >= Version(2) else target)
        new = build_plan(after, target)
        if not (old.refusal or new.refusal) and (old.arches, old.machines) != (new.arches, new.machines):
            was, now = words(old), words(new)
            rows = [f"{key} {was[key]}, then {now[key]}" for key in was if was[key] != now[key]]
            raise ProofError([f"{before.title}: {row}" for row in rows])


def prove_comments(before: Project, after: Project, path: str, lost: Iterable[str]) -> None:
    """No comment of a file is gone but those that were named. Raises `ProofError`."""
    missing = _comments(before, path) - _comments(after, path) - Counter(lost)
    if missing:
        raise ProofError([f"{path}: the comment {comment!r} would be lost" for comment in missing])


def _comments(project: Project, path: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for doc in project.document(path).docs:
        counts |= Counter(comment.text for comment in doc.comments())
    return counts


def differences(name: str, wanted: Data, found: Data | None) -> list[str]:
    """Each path at which two data differ, in words."""
    from deepdiff import DeepDiff

    if found is None:
        return [f"{name}: it is gone"]
    diff = DeepDiff(_tagged(wanted), _tagged(found), verbose_level=2)
    rows = [
        f"{name}: {kind.replace('_', ' ')}: {detail}"
        for kind, details in diff.items()
        for detail in _details(details)
    ]
    return rows or [f"{name}: the order of its keys differs"]


def _details(details: object) -> list[str]:
    """The paths alone: their values can be secrets."""
    return [str(path) for path in details] if isinstance(details, Iterable) else [str(details)]


def _tagged(data: Data) -> object:
    """Data that deepdiff can walk: every leaf says its kind."""
    if data.kind == "map":
        return {typed.name(key): _tagged(value) for key, value in data.value}
    if data.kind == "list":
        return [_tagged(item) for item in data.value]
    return f"{data.kind} {data.value!r}"
