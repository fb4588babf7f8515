"""A patch that ``git apply`` takes: in the app's folder it gives the very files that would be written."""

from __future__ import annotations

from collections.abc import Callable

from kamal_migrate.engine import Plan
from kamal_migrate.report.hunks import hunks


def patch(plan: Plan, name_of: Callable[[str], str]) -> str:
    """The patch of a plan; ``name_of`` tells which file a path is, a symbolic link followed.

    It has no ``diff --git`` lines, so that git takes its paths from the folder it is run in.
    """
    pieces: list[str] = []
    for name, path in {name_of(path): path for path in plan.changed}.items():
        pieces += [f"--- {_quoted('a/' + name)}\n", f"+++ {_quoted('b/' + name)}\n"]
        for hunk in hunks(plan.project.files[path], plan.after.files[path]):
            pieces.append(hunk.header + "\n")
            for sign, line in hunk.lines:
                pieces.append(
                    sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
                )
    return "".join(pieces)


_ESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\r": "\\r"}


def _quoted(path: str) -> str:
    """A path as git writes it: quoted where it holds what a patch would misread."""
    if any(sign in _ESCAPES or ord(sign) < 32 or ord(sign) == 127 for sign in path):
        inner = "".join(_ESCAPES.get(s) or (s if 32 <= ord(s) != 127 else f"\\{ord(s):03o}") for s in path)
        return f'"{inner}"'
    return path + "\t" if " " in path else path
