"""A value of the merged config as Ruby sees it, with its place; what ERB hides is not known absent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.validation.fault import Fault, placed
from kamal_migrate.kamal.versions import Version
from kamal_migrate.yamldoc import Data, Path
from kamal_migrate.yamldoc import data as typed

# Only Ruby knows what these are.
UNKNOWN = frozenset({"erb", "tagged", "merge"})


@dataclass(frozen=True)
class Node:
    """A value at a key path, or the lack of one; ``context`` is what Kamal calls the place."""

    view: View = field(repr=False, compare=False)
    version: Version
    path: Path
    data: Data | None
    context: str = ""

    @property
    def kind(self) -> str:
        """The kind of the data; ``absent`` where there is none."""
        return self.data.kind if self.data else "absent"

    @property
    def is_unknown(self) -> bool:
        """Whether only Ruby knows the value, or whether ERB may state it, or write lines below the key."""
        if self.kind in ("absent", "null"):
            return self.view.is_open(self.path if self.kind == "absent" else (*self.path, ""))
        return self.kind in UNKNOWN

    @property
    def hides(self) -> bool:
        """Whether there may be more keys or items than one can see."""
        if self.is_unknown or self.view.is_open((*self.path, "")):
            return True
        return any(item.kind in UNKNOWN for item in self._inside())

    @property
    def text(self) -> str:
        """The value as Ruby prints it; lists and mappings as code."""
        if self.data is None or self.kind == "null":
            return ""
        return inspected(self.data) if self.kind in ("map", "list") else typed.name(self.data)

    @property
    def is_blank(self) -> bool:
        """Whether it surely is blank, as Rails means it."""
        if self.is_unknown:
            return False
        if self.kind in ("map", "list"):
            return not self._inside()
        is_empty_text = self.kind == "str" and not self.text.strip()
        return self.kind in ("absent", "null") or self.is_false or is_empty_text

    @property
    def is_present(self) -> bool:
        """Whether it surely is not blank."""
        return not self.is_unknown and not self.is_blank

    @property
    def is_false(self) -> bool:
        """Whether it is ``false``, written out."""
        return self.data is not None and self.data == ("bool", False)

    @property
    def is_set(self) -> bool:
        """Whether it surely is something else than null and false."""
        return not self.is_unknown and self.kind not in ("absent", "null") and not self.is_false

    @property
    def names(self) -> list[str]:
        """The names of the keys of a mapping that are known."""
        if self.data is None or self.kind != "map":
            return []
        return list(dict.fromkeys(typed.name(key) for key, _ in self.data.value if key.kind not in UNKNOWN))

    def get(self, *names: str) -> Node:
        """What is below, by keys."""
        data = self.data
        for name in names:
            data = typed.get(data, (name,)) if data and data.kind == "map" else None
        context = "/".join(filter(None, (self.context, *names)))
        return Node(self.view, self.version, (*self.path, *names), data, context)

    def children(self) -> Iterator[Node]:
        """The values of a mapping by their names, or the items of a list."""
        if self.data is not None and self.kind == "map":
            # In one pass: looking each name up takes long where a mapping has thousands.
            known = {typed.name(key): value for key, value in self.data.value if key.kind not in UNKNOWN}
            for name, data in known.items():
                context = "/".join(filter(None, (self.context, name)))
                yield Node(self.view, self.version, (*self.path, name), data, context)
        elif self.data is not None and self.kind == "list":
            for index, item in enumerate(self.data.value):
                yield replace(self, path=(*self.path, index), data=item, context=f"{self.context}/{index}")

    def fault(self, message: str) -> Fault:
        """What Kamal says of this place."""
        return Fault(self.path, placed(self.context, message))

    def unknown_key(self, name: str) -> Fault:
        """A key of this mapping that the version does not know."""
        return Fault((*self.path, name), placed(self.context, f"unknown key: {name}"), self.context)

    def _inside(self) -> list[Data]:
        """The keys of a mapping or the items of a list."""
        if self.data is None or self.kind not in ("map", "list"):
            return []
        return [pair[0] for pair in self.data.value] if self.kind == "map" else list(self.data.value)


def inspected(data: Data | None) -> str:
    """A value as code, as Ruby's ``inspect`` gives it."""
    if data is None or data.kind == "null":
        return "nil"
    if data.kind == "map":
        pairs = (f"{inspected(key)}=>{inspected(value)}" for key, value in data.value)
        return f"{{{', '.join(pairs)}}}"
    if data.kind == "list":
        return f"[{', '.join(map(inspected, data.value))}]"
    if data.kind == "str":
        return '"{}"'.format(str(data.value).replace("\\", "\\\\").replace('"', '\\"'))
    return typed.name(data)


def root_of(view: View, version: Version) -> Node:
    """The whole config."""
    return Node(view, version, (), view.data)
