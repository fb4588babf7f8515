"""How many examples hypothesis tries: ``HYPOTHESIS_PROFILE=long`` for many, ``ci`` otherwise."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Where changes are checked the examples are always the same; new ones are for a desk to find.
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("ci"), max_examples=2000)


def load() -> None:
    """Take the profile that the environment names."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
