"""What is known of the hosts' architectures: an inventory file, which is also written, and the settings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kamal_migrate.disk import WriteError
from kamal_migrate.kamal.evidence import Evidence, named_architecture
from kamal_migrate.kamal.inventory import Inventory
from kamal_migrate.project import InputError, document
from kamal_migrate.request import Request, UsageError
from kamal_migrate.settings import FILE, Settings
from kamal_migrate.text import position
from kamal_migrate.transaction import Change, NotCarriedOut, NotRestored, carry_out
from kamal_migrate.yamldoc import Data, Refusal, YamlDoc
from kamal_migrate.yamldoc import data as typed

MAX_BYTES = 1024 * 1024
WRITE = "--write-inventory"


def inventory_of(request: Request, settings: Settings) -> Inventory:
    """The rows of the file that is named, then those of the settings. Raises `InputError`, `UsageError`."""
    file = settings.file or FILE
    rows = tuple((name, Evidence(arch, file)) for name, arch in settings.inventory)
    return Inventory((*(_of_file(request) if request.inventory else ()), *rows))


def _of_file(request: Request) -> tuple[tuple[str, Evidence], ...]:
    assert request.inventory is not None
    return parse_inventory(_text(request.inventory, "--inventory"), str(request.inventory))


def _text(file: Path, option: str) -> str:
    """The text of an inventory. Raises `UsageError` where nothing can be read, `InputError` for no text."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{option}: {file}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError(str(file), f"more than {MAX_BYTES:,} bytes are no inventory")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(str(file), "not UTF-8; save the file as UTF-8") from None


def parse_inventory(text: str, name: str) -> tuple[tuple[str, Evidence], ...]:
    """The rows of a YAML mapping of hosts, globs or roles to architectures. Raises `InputError`."""
    doc = document(name, text).docs[0]
    if doc.effective.kind == "null":
        return ()
    if doc.effective.kind != "map":
        raise InputError(name, "an inventory has a line for each host, such as `10.0.0.4: amd64`", 1, 1)
    _refuse_contradictions(doc, text, name)
    offsets = dict(doc.keys())
    rows = []
    for key, value in doc.effective.value:
        host, arch = str(typed.name(key)), _architecture(value)
        line, column = position(text, offsets.get(host, 0))
        if arch is None:
            raise InputError(name, "a host runs amd64 or arm64", line, column)
        rows.append((host, Evidence(arch, f"{name}:{line}")))
    return tuple(rows)


def _refuse_contradictions(doc: YamlDoc, text: str, name: str) -> None:
    """Raise `InputError` where two lines say different things of the same host."""
    first: dict[str, tuple[int, str | None]] = {}
    for (host, offset), (_, value) in zip(doc.keys(), doc.data.value, strict=True):
        arch = _architecture(value)
        before, other = first.setdefault(host, (offset, arch))
        if other != arch:
            said = f"`{host}` is {arch or 'something else'} here and {other or 'something else'} in line"
            way = f"{position(text, before).line}; leave one of both lines"
            raise InputError(name, f"{said} {way}", *position(text, offset))


def _architecture(value: Data) -> str | None:
    return named_architecture(str(value.value)) if value.kind == "str" else None


def keep(file: Path, found: Iterable[tuple[str, str]]) -> bool:
    """Write what hosts run into an inventory: other rows, comments and the order stay. Whether it changed.

    The rows are hosts and architectures. Raises `UsageError`, `InputError` and `WriteError`.
    """
    before = _text(file, WRITE) if file.exists() else ""
    after = with_rows(before, str(file), found)
    if after == before:
        return False
    try:
        carry_out([Change(file.resolve(), after.encode(), file.resolve() if file.exists() else None)])
    except (NotCarriedOut, NotRestored) as error:
        raise WriteError(f"{WRITE}: {error}") from error
    return True


def with_rows(text: str, name: str, found: Iterable[tuple[str, str]]) -> str:
    """The text of an inventory with rows of hosts and architectures. Raises `InputError`."""
    parse_inventory(text, name)
    doc, rows = document(name, text).docs[0], dict(found)
    new = {host: arch for host, arch in rows.items() if not doc.at(host).exists}
    try:
        changes = [doc.at(host).set(arch) for host, arch in rows.items() if host not in new]
        return doc.splice(*changes, *([doc.at().insert(new)] if new else []))
    except Refusal as refusal:
        raise InputError(name, refusal.reason, *position(text, refusal.offset)) from None
