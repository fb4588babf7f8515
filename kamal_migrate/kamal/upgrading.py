"""What changes from Kamal 1 to Kamal 2 though no key says it (history D.2, E.2)."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.evidence import exposed, root_of
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import data as typed


def unsaid(view: View, target: Version) -> Iterator[str]:
    """A sentence for each thing that a migrated view does otherwise under the target."""
    if target < Version(2):
        return
    if not view.has("proxy"):
        port = exposed(view)
        known = f"; {port.source} exposes {port.value}" if port else ""
        if port is None or port.value != "80":
            yield f"Kamal 2 sends requests to port 80 of the app unless `proxy.app_port` names another{known}"
    folder = root_of(view.config.base)
    secrets = f"{folder}/.kamal/secrets" if folder else ".kamal/secrets"
    if _has_secrets(view) and not any(path.startswith(secrets) for path in view.project.files):
        yield f"Kamal 2 reads secrets from {secrets}, no longer from .env; there is no such file"


def _has_secrets(view: View) -> bool:
    paths = (path for path, _ in typed.walk(view.data))
    return any(path[-1:] == ("secret",) or path == ("registry", "password") for path in paths)
