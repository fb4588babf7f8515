"""For which architectures an app's image is built, as far as its config tells (history B.1, B.3)."""

from __future__ import annotations

from kamal_migrate.kamal.builds import BuildPlan, build_plan
from kamal_migrate.kamal.evidence import named_architecture
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.versions import Version

_DECIDING_1, _DECIDING_2 = ("multiarch", "local", "remote"), ("arch",)


def known_build(view: View, version: Version) -> BuildPlan | None:
    """The build of a view; None where the version refuses it, or where ERB says for which architectures."""
    builder = view.get("builder")
    if isinstance(builder, Opaque) or not isinstance(builder, (dict, type(None))):
        return None
    said = builder or {}
    unknown = [
        name
        for name in (_DECIDING_1 if version < Version(2) else _DECIDING_2)
        if isinstance(said.get(name), Opaque) or (name not in said and view.is_open(("builder", name)))
    ]
    plan = build_plan(view, version)
    return None if unknown or plan.refusal or not all(map(_is_plain, plan.arches)) else plan


def _is_plain(arch: str) -> bool:
    return bool(arch) and "<%" not in arch


def platforms(plan: BuildPlan) -> frozenset[str] | None:
    """The architectures as `named_architecture` says them: empty for that of the machine that builds.

    None where one of them is neither amd64 nor arm64, for then nobody can tell what else takes the image.
    """
    named = [_architecture(arch) for arch in plan.arches]
    return None if None in named else frozenset(arch for arch in named if arch)


def built_for(view: View, version: Version) -> frozenset[str] | None:
    """The `platforms` that the image of a view is built for; None where nobody can tell."""
    plan = known_build(view, version)
    return platforms(plan) if plan else None


def _architecture(arch: str) -> str | None:
    """``amd64`` for ``x86_64``; a variant counts with the 64-bit ones only: ``arm64/v8``, not ``arm/v7``."""
    name = arch.split("/")[0]
    return None if name == "arm" else named_architecture(name)
