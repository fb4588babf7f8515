"""A rule about keys that stand twice."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from kamal_migrate.kamal.strictness import doubled_in
from kamal_migrate.rules.rule import Remark, Severity, Subject, rule
from kamal_migrate.text import position


@rule("doubled-key", Severity.WARNING)
def doubled_key(subject: Subject) -> Iterator[Remark]:
    """A key stands twice in one mapping.

    Kamal obeys the last one, in silence: nothing that the other says is deployed,
    not even where both are mappings. Such a file is often a merge of two branches,
    or got a second `env` at its end.

    What to do: keep one of the two, with what both of them are to say.
    """
    layers = {layer.key: layer for view in subject.views for layer in view.layers}
    found: dict[tuple[str, int, str], None] = {}
    for layer in layers.values():
        file = posixpath.relpath(layer.document.path, subject.app.root or ".")
        for path in doubled_in(layer.doc):
            line = position(layer.document.text, layer.doc.at(*path).offset).line
            found[file, line, str(path[-1])] = None
    for file, line, name in found:
        message = f"`{name}` stands twice here; Kamal obeys the last one, in silence"
        yield Remark(message, file=file, line=line, ways=("keep one of the two",))
