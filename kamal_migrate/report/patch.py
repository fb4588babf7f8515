"""A patch that ``git apply`` takes: in the app's folder it gives the very files that would be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kamal_migrate.engine import Plan
from kamal_migrate.report.hunks import Hunk, addition, hunks, secretive

UNIDIFF_ZERO = (
    "This patch shows nothing that files of secrets hold; apply it with: git apply --unidiff-zero\n"
)


class NotPatched(ValueError):
    """What would be written cannot be shown as a patch: the file, why, and what to do."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason} run without --diff")


def patch(plan: Plan, name_of: Callable[[str], str], prefix: str = "") -> str:
    """The patch of a plan. Raises `NotPatched` where it would show what nobody should see.

    ``name_of`` tells which file a path is, a symbolic link followed; ``prefix`` is the path of the app's
    folder in its repository. Only what needs a ``diff --git`` line has one: below it git takes paths from
    the top of the repository, elsewhere from the folder it is run in. These come last, for git takes all
    that follows such a line without a hunk for a part of it.
    """
    plain: list[str] = []
    others: list[str] = []
    for name, path in {name_of(path): path for path in plan.changed}.items():
        if path in plan.renamed or not plan.after.files[path] or _misread(name, prefix):
            others += _below_git_line(
                plan, path, prefix + name_of(plan.renamed.get(path, path)), prefix + name
            )
        else:
            plain += _body(plan, path, name, name)
    zero = any(_grows_unseen(plan, path) for path in plan.changed)
    return "".join([UNIDIFF_ZERO if zero else "", *plain, *others])


def _misread(name: str, prefix: str) -> bool:
    """Whether git would take the prefix in a path for its own, and cut it off."""
    return bool(prefix) and name.startswith(prefix)


def _exists(plan: Plan, path: str) -> bool:
    return plan.renamed.get(path, path) in plan.project.files


def _grows_unseen(plan: Plan, path: str) -> bool:
    """Whether a file of secrets that is there changes."""
    return secretive(plan, path) and _exists(plan, path) and plan.before(path) != plan.after.files[path]


def _below_git_line(plan: Plan, path: str, old: str, new: str) -> Iterator[str]:
    yield f"diff --git {_quoted('a/' + old)} {_quoted('b/' + new)}\n"
    if not _exists(plan, path):
        yield "new file mode 100644\n"
    elif old != new:
        yield f"rename from {_quoted(old)}\nrename to {_quoted(new)}\n"
    if plan.before(path) != plan.after.files[path]:
        yield from _body(plan, path, old, new)


def _body(plan: Plan, path: str, old: str, new: str) -> Iterator[str]:
    """The two lines with the names, and the hunks."""
    first = _ended(_quoted("a/" + old)) if _exists(plan, path) else "/dev/null"
    yield f"--- {first}\n+++ {_ended(_quoted('b/' + new))}\n"
    for hunk in _hunks(plan, path):
        yield hunk.header + "\n"
        for sign, line in hunk.lines:
            yield sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _hunks(plan: Plan, path: str) -> Iterable[Hunk]:
    before, after = plan.before(path), plan.after.files[path]
    if path in plan.private:
        raise NotPatched(path, "it gets values of secrets, which a patch would show;")
    if not _grows_unseen(plan, path):
        return hunks(before, after)
    added = addition(before, after)
    if added and before + "".join(line for _, line in added.lines) == after:
        return [added]
    if before and not before.endswith("\n"):
        raise NotPatched(path, "its last line has no line break, so a patch would show it; add one or")
    raise NotPatched(path, "a patch of it would show secrets that it holds;")


_ESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\r": "\\r"}


def _quoted(path: str) -> str:
    """A path as git writes it: quoted where it holds what a patch would misread."""
    if any(sign in _ESCAPES or ord(sign) < 32 or ord(sign) == 127 for sign in path):
        inner = "".join(_ESCAPES.get(s) or (s if 32 <= ord(s) != 127 else f"\\{ord(s):03o}") for s in path)
        return f'"{inner}"'
    return path


def _ended(path: str) -> str:
    """A path with a tab where a space would end it, as git writes it behind `---` and `+++`."""
    return path + "\t" if " " in path and not path.startswith('"') else path
