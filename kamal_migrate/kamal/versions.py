"""Kamal's versions, compared by number."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Version(NamedTuple):
    """A release of Kamal or MRSK; MRSK ends with 0.15.1."""

    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def short(self) -> str:
        """As people say it: without a patch of 0."""
        return f"{self.major}.{self.minor}" if self.patch == 0 else str(self)


# The last release of each minor version (git tags of basecamp/kamal).
LAST_RELEASES = tuple(
    Version(*numbers)
    for numbers in (
        (0, 1, 0), (0, 2, 0), (0, 3, 2), (0, 4, 0), (0, 5, 1), (0, 6, 4), (0, 7, 2), (0, 8, 4),
        (0, 9, 1),
        (0, 10, 1), (0, 11, 0), (0, 12, 1), (0, 13, 2), (0, 14, 0), (0, 15, 1), (0, 16, 1),
        (1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 3, 1), (1, 4, 0), (1, 5, 2), (1, 6, 0), (1, 7, 3), (1, 8, 3),
        (1, 9, 3),
        (2, 0, 0), (2, 1, 2), (2, 2, 2), (2, 3, 0), (2, 4, 0), (2, 5, 3), (2, 6, 1), (2, 7, 0), (2, 8, 2),
        (2, 9, 0), (2, 10, 1), (2, 11, 0), (2, 12, 0),
    )
)  # fmt: skip
NEWEST = LAST_RELEASES[-1]
NEWEST_1 = Version(1, 9, 3)


@lru_cache(maxsize=256)
def parse(text: str) -> Version | None:
    """The version that a text such as ``1.8.3``, ``v2.1`` or ``2`` names; the last release of it.

    None where it is no version.
    """
    match = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", text.strip())
    if match is None:
        return None
    numbers = [int(number) for number in match.groups() if number is not None]
    if len(numbers) == 3:
        return Version(*numbers)
    same = [release for release in LAST_RELEASES if list(release[: len(numbers)]) == numbers]
    return same[-1] if same else Version(*numbers)
