"""Who gets which image, as tables of at most 80 columns, or as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from kamal_migrate.kamal.evidence import root_of
from kamal_migrate.kamal.hosting import Hosting, Row, Run
from kamal_migrate.kamal.inventory import together
from kamal_migrate.kamal.touching import PULL
from kamal_migrate.masking import mask
from kamal_migrate.report.lines import WIDTH, Line, folded, listed, printable, wrapped

SCHEMA_VERSION = 1
NARROWEST = 9
NORMAL = "That `kamal config` lists the hosts of accessories among its `:hosts:` is normal from Kamal 1.5 on."
UNKNOWN = (
    "The architecture of some hosts is not known: say it with --inventory FILE, or ask them over ssh with"
    " --probe."
)


class Hosts(NamedTuple):
    """All that is shown: what is deployed, by whom, with which command, and the hosts that did not answer.

    ``versions`` are the Kamal of each thing that is deployed, as people say it; ``silent`` hosts with why.
    """

    hostings: tuple[Hosting, ...]
    versions: tuple[str, ...]
    run: Run = Run()
    silent: tuple[tuple[str, str], ...] = ()


def lines(found: Hosts) -> Iterator[Line]:
    """A table for each thing that is deployed, what does not fit, and what to compare with."""
    for number, (hosting, version) in enumerate(zip(found.hostings, found.versions, strict=True)):
        yield from [Line()] if number else []
        yield from wrapped(_headline(hosting, version), 0, "title", hang=2)
        if not hosting.rows:
            yield Line("  no host is named")
        else:
            yield from _steps(hosting, found.run) if found.run.command else _rows(hosting)
            yield from _sources(hosting)
        yield from _misfits(hosting)
    yield from _silent(found.silent)
    yield from _closing(found)


def _headline(hosting: Hosting, version: str) -> str:
    build = hosting.build
    platforms = ", ".join(f"linux/{arch.rpartition('/')[2]}" for arch in build.arches)
    built = f"built for {platforms or 'the machine that runs kamal'}"
    parts = [
        hosting.config + (f" -d {hosting.destination}" if hosting.destination else ""),
        hosting.branch,
        version,
        f"nothing is built: {build.refusal}" if build.refusal else built,
    ]
    return mask(" · ".join(part for part in parts if part))


def _rows(hosting: Hosting) -> Iterator[Line]:
    """The hosts."""
    rows = hosting.rows
    columns = [
        ("host", [_name(row.host.name) for row in rows]),
        ("tags", [", ".join(row.host.tags) for row in rows]),
        ("roles", [", ".join(row.host.roles) for row in rows]),
        ("accessories", [", ".join(row.host.accessories) for row in rows]),
        ("app image", ["pulled" if row.pulls else "no" for row in rows]),
        ("runs", [_runs(row) for row in rows]),
    ]
    styles = ["manual" if row.fits is False else "" for row in rows]
    yield from _table(columns, styles)


def _steps(hosting: Hosting, run: Run) -> Iterator[Line]:
    """What a command does, on which hosts."""
    yield Line(printable(f"  kamal {run.command}{run.options}{hosting.arguments}"), "hunk")
    steps = hosting.steps
    if not steps:
        yield Line("  this does nothing on any host")
        return
    columns = [
        ("what it does", [step.words for step in steps]),
        ("on", [_named(step.on, hosting) for step in steps]),
        ("left out", [_named(step.left_out, hosting) for step in steps]),
    ]
    wrong = {row.host.name for row in hosting.misfits}
    styles = ["manual" if step.words == PULL.words and wrong & {*step.on} else "" for step in steps]
    yield from _table(columns, styles)


def _named(hosts: Sequence[str], hosting: Hosting) -> str:
    """Some hosts, by their names; all of them in a word."""
    if len(hosts) > 2 and len(hosts) == len(hosting.rows):
        return f"all {len(hosts)} hosts"
    return ", ".join(map(_name, hosts))


def _name(host: str) -> str:
    """A host as the config calls it; ERB without the quotes around it."""
    quoted = len(host) > 1 and host[0] == host[-1] and host[0] in "\"'"
    return mask(host[1:-1] if quoted else host)


def _runs(row: Row) -> str:
    if row.architecture is None:
        return ""
    return f"{row.architecture.value}{', not built' if row.fits is False else ''}"


def _table(columns: Sequence[tuple[str, list[str]]], styles: Sequence[str]) -> Iterator[Line]:
    """Rows below their names, as wide as they are; what is wider than the terminal goes on below.

    A column without a word is left out.
    """
    used = [(name, *cells) for name, cells in columns if any(cells)]
    rows = list(zip(*used, strict=True))
    widths = _widths(rows)
    for cells, style in zip(rows, ["dim", *styles], strict=True):
        folds = [folded(_cut(cell, width), width) for cell, width in zip(cells, widths, strict=True)]
        for pieces in zip_longest(*folds, fillvalue=""):
            padded = (f"{piece:<{width}}" for piece, width in zip(pieces, widths, strict=True))
            yield Line(f"  {'  '.join(padded)}".rstrip(), style)


def _cut(text: str, width: int) -> str:
    """A text with words that are too long for a line cut, behind a dot or a hyphen where there is one."""
    words = []
    for word in printable(text).split(" "):
        while len(word) > width:
            end = max(word.rfind(sign, 0, width) for sign in ".-") + 1 or width
            words.append(word[:end])
            word = word[end:]
        words.append(word)
    return " ".join(words)


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    """As wide as the longest cell; the widest columns give way where that is more than the terminal has."""
    widths = [max(len(printable(cell)) for cell in column) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _sources(hosting: Hosting) -> Iterator[Line]:
    """Who says what the hosts run, each once."""
    sources = together(row.architecture.source for row in hosting.rows if row.architecture)
    if sources:
        yield from wrapped(f"what they run: {mask(', '.join(sources))}", 2, "dim", hang=2)


def _misfits(hosting: Hosting) -> Iterator[Line]:
    """What becomes of the hosts for which the image has nothing."""
    hosts: dict[str, list[str]] = {}
    for row in hosting.misfits:
        assert row.architecture
        hosts.setdefault(row.architecture.value, []).append(_name(row.host.name))
    for arch, names in hosts.items():
        several = len(names) > 1
        which = f"{listed(names)} {'run' if several else 'runs'} {arch} and {'pull' if several else 'pulls'}"
        why = f"{which} an image that has nothing for it; the deploy ends there with"
        then = f"{why} `no matching manifest for linux/{arch}`. Every way out: kamal-migrate check"
        yield from wrapped(then, 2, "manual", hang=2)


def _silent(silent: Sequence[tuple[str, str]]) -> Iterator[Line]:
    if silent:
        yield Line()
        yield Line("Did not answer", "title")
        for host, why in silent:
            yield from wrapped(f"{_name(host)}: {mask(why)}", 2, hang=2)


def _closing(found: Hosts) -> Iterator[Line]:
    yield Line()
    unknown = any(row.architecture is None for hosting in found.hostings for row in hosting.rows)
    if unknown and not found.silent:
        yield from wrapped(UNKNOWN, 0, "dim", hang=2)
    yield Line("Compare with")
    for command in dict.fromkeys(map(_compared, found.hostings)):
        yield Line(printable(f"  {command}"), "hunk")
    if any(row.host.is_apart for hosting in found.hostings for row in hosting.rows):
        yield from wrapped(NORMAL, 0, "dim", hang=2)


def _compared(hosting: Hosting) -> str:
    """The command that prints what Kamal itself makes of a config, from the folder that was looked at."""
    root = root_of(hosting.config)
    return f"{f'cd {shlex.quote(root)} && ' if root else ''}kamal config{hosting.arguments}"


def as_json(found: Hosts) -> str:
    """The same for programs, two spaces deep."""
    run = found.run
    report = {
        "schema_version": SCHEMA_VERSION,
        "command": f"kamal {run.command}{run.options}" if run.command else None,
        "deployed": [deployed(hosting) for hosting in found.hostings],
        "silent": [{"host": _name(host), "why": mask(why)} for host, why in found.silent],
    }
    return json.dumps(report, indent=2)


def deployed(hosting: Hosting) -> dict[str, object]:
    """One thing that is deployed as plain data, secrets masked."""
    return {
        "config": hosting.config,
        "destination": hosting.destination or None,
        "branch": hosting.branch or None,
        "for": str(hosting.version),
        "platforms": [f"linux/{arch.rpartition('/')[2]}" for arch in hosting.build.arches],
        "refusal": mask(hosting.build.refusal) or None,
        "hosts": [_host(row) for row in hosting.rows],
        "steps": [
            {"does": step.words, "on": [*map(_name, step.on)], "left_out": [*map(_name, step.left_out)]}
            for step in hosting.steps
        ],
        "compare_with": _compared(hosting),
    }


def _host(row: Row) -> dict[str, object]:
    arch = row.architecture
    return {
        "host": _name(row.host.name),
        "is_expression": row.host.is_expression,
        "roles": list(row.host.roles),
        "accessories": list(row.host.accessories),
        "tags": list(row.host.tags),
        "pulls_app_image": row.pulls,
        "architecture": arch.value if arch else None,
        "evidence": mask(arch.source) if arch else None,
        "fits": row.fits,
    }


def announced(questions: Iterable[tuple[str, Sequence[str]]]) -> Iterator[Line]:
    """What is about to be run for `--probe`: how the config leads to which hosts."""
    for how, hosts in questions:
        yield from wrapped(f"asking {listed(list(map(_name, hosts)))}: {mask(how)}", 0, "dim", hang=2)
