"""The Kamal that ``--for`` names."""

from __future__ import annotations

from kamal_migrate.kamal.versions import LAST_RELEASES, NEWEST, Version, parse
from kamal_migrate.request import UsageError

OLDEST = Version(0, 16, 1)


def asked_version(text: str | None) -> Version | None:
    """The version, None where none is named. A 2.x that is newer than the newest known one is taken.

    Raises `UsageError`.
    """
    if text is None:
        return None
    version = parse(text)
    if version is None or version < OLDEST or not _may_be(version):
        known = f"say a version from {OLDEST} to {NEWEST.short}, the newest that is known here"
        raise UsageError(f"--for: there is no Kamal `{text}`; {known}")
    return version


def _may_be(version: Version) -> bool:
    """Whether there is such a Kamal: majors but the newest have no releases to come."""
    last = max((release for release in LAST_RELEASES if release.major == version.major), default=None)
    return last is not None and (version <= last or version.major == NEWEST.major)
