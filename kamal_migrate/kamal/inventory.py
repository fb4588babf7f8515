"""What hosts run, as far as somebody said it: an inventory, options of roles, the hosts themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kamal_migrate.kamal.evidence import Evidence, platform_options
from kamal_migrate.kamal.hosts import Host, hosts, pulls
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version


@dataclass(frozen=True)
class Inventory:
    """What is known of hosts: rows of a pattern (a name, a glob, or the name of a role), and its evidence.

    The value of the evidence is ``amd64`` or ``arm64``. A row that names the host counts before one that
    matches it, and that before one of its role; of several alike the first.
    """

    rows: tuple[tuple[str, Evidence], ...] = ()

    def architecture(self, host: Host) -> Evidence | None:
        """What a host runs; None where nobody said it."""
        for names in (self._named(host), self._matching(host), self._of_role(host)):
            if names:
                return names[0]
        return None

    def of_view(self, view: View) -> Inventory:
        """The same, and what the docker options of a view's roles say of the hosts of these."""
        return Inventory((*self.rows, *platform_options(view)))

    def of_app(self, view: View, version: Version) -> Evidence | None:
        """What the hosts run that pull the app's image: ``amd64``, ``arm64`` or ``both``.

        None where that is not known of every host of a role. Hosts of accessories count as far as they are
        known, and only for versions that pull the image there.
        """
        if not self.rows:
            return None
        pulling = [host for host in hosts(view, version) if pulls(host, version)]
        known = {host: self.architecture(host) for host in pulling}
        found = [evidence for evidence in known.values() if evidence]
        if not found or any(evidence is None for host, evidence in known.items() if not host.is_apart):
            return None
        values = {evidence.value for evidence in found}
        value = values.pop() if len(values) == 1 else "both"
        return Evidence(value, ", ".join(together(evidence.source for evidence in found)))

    def _named(self, host: Host) -> list[Evidence]:
        return [evidence for pattern, evidence in self.rows if pattern == host.name]

    def _matching(self, host: Host) -> list[Evidence]:
        return [evidence for pattern, evidence in self.rows if fnmatchcase(host.name, pattern)]

    def _of_role(self, host: Host) -> list[Evidence]:
        return [evidence for pattern, evidence in self.rows if pattern in host.roles]


_LINE, _ASKED = re.compile(r"(.*):(\d+)"), re.compile(r"(uname -m) on .*")


def together(sources: Iterable[str]) -> list[str]:
    """Sources, each once; lines of one file that follow each other as ``file:1-3``; hosts asked as one."""
    found: dict[str, list[int]] = {}
    for source in sources:
        line, asked = _LINE.fullmatch(source), _ASKED.fullmatch(source)
        if line:
            found.setdefault(line[1], []).append(int(line[2]))
        else:
            found.setdefault(asked[1] if asked else source, [])
    return [f"{name}:{','.join(_ranges(lines))}" if lines else name for name, lines in found.items()]


def _ranges(lines: list[int]) -> Iterator[str]:
    numbers = sorted(set(lines))
    starts = [number for number in numbers if number - 1 not in numbers]
    for first, last in zip(starts, (number for number in numbers if number + 1 not in numbers), strict=True):
        yield str(first) if first == last else f"{first}-{last}"
