"""What a Kamal version refuses in a config, in its own wording and order of checks.

Kamal stops at the first thing that it refuses; here all of them are listed. Kamal up to 1.6.0 makes a few
checks by hand and ignores unknown keys; from 1.7.0 on every section is compared with an example. The facts
come from ``lib/kamal/configuration*`` of every tag and were compared with what real Kamals say.
"""

from __future__ import annotations

from collections.abc import Sequence

from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.validation.early import early
from kamal_migrate.kamal.validation.fault import Fault, first_error
from kamal_migrate.kamal.validation.node import root_of
from kamal_migrate.kamal.validation.sections import sections
from kamal_migrate.kamal.validation.whole import whole
from kamal_migrate.kamal.versions import NEWEST, Version

STRICT_SINCE = Version(1, 7)

__all__ = ["STRICT_SINCE", "Fault", "faults", "first_error", "never_alone", "unknown_keys"]


def faults(view: View, version: Version) -> list[Fault]:
    """Everything that a version refuses in a view, in the order in which it would meet it.

    A value that is ERB is never refused for its type, and nothing is missing where ERB may write it. For a
    version that is newer than the key table unknown keys are no faults: see `unknown_keys`.
    """
    return [fault for fault in _all(view, version) if not (fault.is_unknown_key and version > NEWEST)]


def never_alone(views: Sequence[View], version: Version) -> list[View]:
    """The views of a base that the version refuses alone, while it takes one of its destinations.

    Such a base is only ever loaded with ``-d``, so what is missing there is no fault.
    """
    bases = [view for view in views if view.layers[-1].document.path == view.config.base]
    others = [view for view in views if view.destination]
    if not bases or not any(not faults(view, version) for view in others):
        return []
    return [view for view in bases if faults(view, version)]


def unknown_keys(view: View, version: Version) -> list[Fault]:
    """The keys that no version up to a newer one than the key table knows; it may know them itself."""
    return [fault for fault in _all(view, version) if fault.is_unknown_key and version > NEWEST]


def _all(view: View, version: Version) -> list[Fault]:
    root = root_of(view, version)
    found = [*early(root)] if version < STRICT_SINCE else [*sections(root), *whole(root)]
    return list(dict.fromkeys(found))
