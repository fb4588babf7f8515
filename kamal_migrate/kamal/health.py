"""The health checks of Kamal 1 in the words of Kamal 2 (history D.4)."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_PATH, DEFAULT_PORT, DEFAULT_INTERVAL = "/up", 3000, "1s"


def patience(max_attempts: int) -> int:
    """How long Kamal 1 waited for a container: it slept 1, 2, … seconds between its attempts."""
    return max_attempts * (max_attempts + 1) // 2


def health_path(path: object) -> str:
    """A path as Kamal 1 asked for it, from the root of the app."""
    asked, mark, query = str(path).partition("?")
    steps: list[str] = []
    for step in asked.removeprefix("/").split("/"):
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    if asked.endswith(("/.", "/..")):
        steps.append("")
    return f"/{'/'.join(steps)}{mark}{query}"


def command(check: Mapping[str, object]) -> object:
    """What Docker runs in a container to see whether it is healthy (Kamal 1's default, or its ``cmd``)."""
    if "cmd" in check:
        return check["cmd"]
    address = f"http://localhost:{check.get('port', DEFAULT_PORT)}"
    return f"curl -f {address}{health_path(check.get('path', DEFAULT_PATH))} || exit 1"
