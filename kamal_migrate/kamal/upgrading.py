"""What changes from Kamal 1 to Kamal 2 though no key says it (history B.1, D.2, D.4, F.4)."""

from __future__ import annotations

from collections.abc import Iterator

from kamal_migrate.kamal.builds import ARCHIVE, CLONE, WORKING_TREE
from kamal_migrate.kamal.commands import command_fate
from kamal_migrate.kamal.dating import KAMAL_2, keys_of_2
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.scripts import ScriptLine, kamal_calls
from kamal_migrate.kamal.validation import STRICT_SINCE
from kamal_migrate.kamal.versions import Version
from kamal_migrate.text import position

# Part of the deployment, what it was under Kamal 1, what it is under Kamal 2 whatever a config says.
BY_ITSELF: tuple[tuple[str, object, object], ...] = (
    ("roles.*.proxy.port", None, 80),
    ("roles.*.proxy.health_port", 3000, 80),
    ("roles.*.proxy.buffer_requests", False, True),
    ("roles.*.proxy.buffer_responses", False, True),
    ("roles.*.stop_seconds", None, 30),
    ("proxy_container.https_port", None, 443),
    ("build.built from", WORKING_TREE, CLONE),
    ("build.built from", ARCHIVE, CLONE),
)
CLONES = Version(1, 5)


def ignored(view: View, source: Version | None, target: Version) -> Iterator[str]:
    """A sentence where a view has keys of Kamal 2 already: before 1.7 Kamal ignored what it did not know."""
    found = keys_of_2(view) if source and source < STRICT_SINCE and target >= KAMAL_2 else []
    if source and found:
        keys = ", ".join(f"`{key}`" for key in found)
        yield f"Kamal {source.short} ignores {keys}: what the config says there takes effect with Kamal 2"


def unsaid(view: View, source: Version | None, target: Version) -> Iterator[str]:
    """A sentence for each thing that a migrated view does otherwise under the target."""
    context = ("builder", "context")
    if source and source < CLONES <= target and not (view.has(*context) or view.is_open(context)):
        yield (
            f"Kamal {source.short} built the working tree; from 1.5 on a copy of the last commit is built: "
            "commit what the image needs, or write `builder: {context: .}` to keep the working tree"
        )


def told_in_vain(before: View, after: View, target: Version) -> Iterator[str]:
    """A sentence for each comment that stays and names a command that the target does not have."""
    kept = {comment.text for layer in after.layers for comment in layer.doc.comments()}
    for layer in before.layers:
        for comment in layer.doc.comments():
            if comment.text in kept:
                place = f"{layer.document.path}:{position(layer.document.text, comment.span.start).line}"
                yield from (f"{place}: {said}" for said in _in_vain(comment.text, target))


def _in_vain(comment: str, target: Version) -> Iterator[str]:
    for call in kamal_calls(ScriptLine(1, comment)):
        gone = command_fate(call.words, call.flags, target)
        if gone and not gone.deprecated:
            why = gone.instead.removeprefix("delete the call: ")
            why = f"instead: {why}" if why.startswith("`") else why
            yield f"this comment tells of `{gone.name}`, which Kamal {target.short} does not have ({why})"
