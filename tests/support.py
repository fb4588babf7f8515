"""The golden cases in ``fixtures/``, and checks of a migration that share no code with the engine."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from kamal_migrate.catalog import catalog
from kamal_migrate.disk import Folder, read
from kamal_migrate.engine import Plan, Planned, plan
from kamal_migrate.kamal.evidence import pinned
from kamal_migrate.kamal.versions import parse
from kamal_migrate.request import Request, options_of
from kamal_migrate.settings import ARCHITECTURES, CACHES, FILE, Settings, parse_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = Path(os.environ.get("KAMAL_MIGRATE_FIXTURES") or ROOT / "fixtures").resolve()
PARTS = {"before", "after", "findings.txt", "options.toml"}
APPS = "apps"
# Fixtures of other commands than the main one; each has a test of its own.
COMMANDS = {"check", "diagnose", "hosts"}


class CaseError(ValueError):
    """A fixture that is not what a fixture should be."""


@dataclass(frozen=True)
class Case:
    """One golden case: a folder with ``before/``, and what is expected of it."""

    folder: Path

    @property
    def id(self) -> str:
        """``<codemod>/<case>``."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def before(self) -> Path:
        """The miniature repository."""
        return self.folder / "before"

    @property
    def expected(self) -> dict[str, bytes]:
        """The tree afterwards; without ``after/`` it is that of before."""
        after = self.folder / "after"
        return tree(after if after.is_dir() else self.before)

    @property
    def findings(self) -> str:
        """The findings that are expected, one a line."""
        file = self.folder / "findings.txt"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @property
    def codemod(self) -> str:
        """The codemod that it is a case of; empty for a whole app."""
        group = self.folder.parent.name
        return "" if group == APPS else group

    def request(self) -> Request:
        """What ``options.toml`` asks for; without a selection that is the case's own codemod.

        Raises `CaseError`.
        """
        file = self.folder / "options.toml"
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        try:
            request = request_of(text)
        except ValueError as error:
            raise CaseError(f"{self.id}: options.toml: {error}") from error
        if request.select or request.ignore or not self.codemod:
            return request
        return request._replace(select=(self.codemod,))


def cases(fixtures: Path = FIXTURES) -> list[Case]:
    """Every golden case. Raises `CaseError` for a folder that is none."""
    found = []
    for folder in sorted(path for group in _groups(fixtures) for path in _folders(group)):
        strays = {path.name for path in folder.iterdir()} - PARTS
        if strays or not (folder / "before").is_dir():
            raise CaseError(f"{folder}: a case holds before/ and nothing but {', '.join(sorted(PARTS))}")
        found.append(Case(folder))
    return found


def _groups(fixtures: Path) -> list[Path]:
    """The folders of cases: one for each codemod, and the one of whole apps."""
    return [group for group in _folders(fixtures) if group.name not in COMMANDS]


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir())


def request_of(text: str) -> Request:
    """The options of a case. Raises `ValueError` for what is no option."""
    table: dict[str, object] = tomllib.loads(text)
    known: dict[str, tuple[str, type]] = {
        "to": ("to", str),
        "from": ("source", str),
        "arch": ("arch", str),
        "cache": ("cache", str),
        "preserve": ("preserve", bool),
        "keep_comments": ("keep_comments", bool),
        "safe_only": ("safe_only", bool),
        "secrets_from_env_file": ("secrets_from_env_file", bool),
        "select": ("select", list),
        "ignore": ("ignore", list),
    }
    values: dict[str, object] = {}
    for name, value in table.items():
        if name not in known:
            raise ValueError(f"`{name}` is no option; there are {', '.join(known)}")
        field, kind = known[name]
        if not isinstance(value, kind):
            raise ValueError(f"`{name}` wants a {kind.__name__}")
        values[field] = _value(name, value)
    return Request(**values)  # type: ignore[arg-type]


def _value(name: str, value: object) -> object:
    if name in ("to", "from"):
        version = parse(str(value))
        if version is None:
            raise ValueError(f"`{name}`: `{value}` is no version")
        return version
    allowed = {"arch": ARCHITECTURES, "cache": CACHES}.get(name)
    if allowed and value not in allowed:
        raise ValueError(f"`{name}` is one of {', '.join(allowed)}")
    return tuple(value) if isinstance(value, list) else value


def tree(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@dataclass(frozen=True)
class Migrated:
    """A folder and what is planned for it."""

    folder: Folder
    plan: Plan
    whole: bool = False

    @cached_property
    def after(self) -> dict[str, bytes]:
        """The whole tree as it would be."""
        files = self.plan.after.files
        new = {path: files[path].encode("utf-8", "surrogateescape") for path in self.plan.changed}
        gone = set(self.plan.renamed.values())
        return {path: data for path, data in tree(self.folder.root).items() if path not in gone} | new

    @property
    def findings(self) -> str:
        """The findings as ``findings.txt`` holds them.

        What is said of an upgrade as a whole is held by the cases of whole apps only, so that other words
        for it do not move every golden file.
        """
        lines = [line for item in self.plan.findings for line in _finding_lines(item)]
        notes = [note for note in self.plan.notes if self.whole or re.match(r"\S+:\d+: ", note)]
        return "".join(f"{line}\n" for line in [*lines, *(f"note: {note}" for note in notes)])


def _finding_lines(item: Planned) -> Iterator[str]:
    """One line for each place; after the message what else the preview says of it."""
    finding = item.finding
    gone = [f"goes: {comment}" for _, comment in item.lost]
    said = [finding.message, finding.evidence, finding.todo, *finding.notes, *gone, item.held]
    if "\n" in finding.todo:
        said = [finding.message, finding.evidence, *finding.notes, *gone, item.held, finding.todo]
    for place in item.locations:
        where = f"{place.path}:{place.line}:{place.column}"
        text = " · ".join(filter(None, said)).replace("\n", "\n    ")
        yield f"{where}: {finding.id} [{finding.safety.value}] {text}"


def migrate(folder: Path, request: Request, *, whole: bool = False) -> Migrated:
    """Plan what the command would do in a folder."""
    read_folder = read(folder)
    file = folder / FILE
    settings = parse_settings(file.read_text(encoding="utf-8")) if file.is_file() else Settings()
    options = options_of(request, settings, pinned(read_folder.project))
    return Migrated(read_folder, plan(read_folder.project, catalog(), options), whole)


@cache
def migrated(case: Case) -> Migrated:
    """The plan of a case; made once."""
    return migrate(case.before, case.request(), whole=not case.codemod)


def mismatch(case: Case, found: Migrated) -> str:
    """How what is found differs from what is expected, as a diff; empty where it does not."""
    pieces = [_diff("findings.txt", case.findings.encode(), found.findings.encode())]
    expected, after = case.expected, found.after
    for path in sorted({*expected, *after}):
        pieces.append(_diff(path, expected.get(path, b""), after.get(path, b"")))
        if (path in expected) != (path in after):
            pieces.append(f"{path}: {'missing' if path in expected else 'not expected'}\n")
    return "".join(pieces)


def _diff(path: str, expected: bytes, found: bytes) -> str:
    """A unified diff that shows carriage returns, and whether the last line is ended."""
    if expected == found:
        return ""
    old, new = (
        [f"{line}\n" for line in text.decode("utf-8", "replace").replace("\r", "␍").split("\n")]
        for text in (expected, found)
    )
    return "".join(difflib.unified_diff(old, new, f"expected/{path}", f"found/{path}"))


def update(case: Case, found: Migrated) -> None:
    """Write ``after/`` and ``findings.txt`` as found, and remove what is stale."""
    after, goldens = case.folder / "after", case.folder / "findings.txt"
    if mismatch(case, found) == "" and after.is_dir() == bool(found.plan.changed):
        return
    if after.is_dir():
        shutil.rmtree(after)
    if found.plan.changed:
        for path, data in found.after.items():
            (after / path).parent.mkdir(parents=True, exist_ok=True)
            (after / path).write_bytes(data)
            origin = case.before / found.plan.renamed.get(path, path)
            if origin.is_file():
                (after / path).chmod(origin.stat().st_mode & 0o777)
    goldens.unlink(missing_ok=True)
    if found.findings:
        goldens.write_bytes(found.findings.encode())


# What is counted and compared below is found without the engine: other code, other faults.

_TAG = re.compile(r"<%(?!%).*?%>", re.DOTALL)
_SCALAR_HEADER = re.compile(r"(?:^|[:\-?]\s+|\s)(?:[&!]\S+\s+)*[|>][-+\d]*\s*$")


def comments(text: str) -> Counter[str]:
    """The comments of a YAML template, and those of its ERB, each as often as it occurs."""
    found = Counter(tag for tag in _TAG.findall(text) if tag.startswith("<%#"))
    plain = _TAG.sub(lambda tag: re.sub(r"[^\r\n]", "E", tag[0]), text)
    quote, block, start = "", -1, 0
    for line in plain.split("\n"):
        body = line.rstrip("\r")
        indent = len(body) - len(body.lstrip(" "))
        if block >= 0 and (not body.strip() or indent > block):
            start += len(line) + 1
            continue
        block = -1
        hash_at, quote = _hash(body.removeprefix("\ufeff"), quote)
        hash_at += body.startswith("\ufeff") if hash_at >= 0 else 0
        if hash_at >= 0:
            found[text[start + hash_at : start + len(body)].strip()] += 1
        said = body[:hash_at] if hash_at >= 0 else body
        if not quote and _SCALAR_HEADER.search(said):
            block = indent
        start += len(line) + 1
    return found


def _hash(line: str, quote: str) -> tuple[int, str]:
    """Where the comment of a line begins, or -1; and the quote that is open at its end."""
    fresh = True
    index = 0
    while index < len(line):
        sign = line[index]
        if quote:
            if quote == '"' and sign == "\\":
                index += 1
            elif sign == quote:
                if quote == "'" and line[index + 1 : index + 2] == "'":
                    index += 1
                else:
                    quote = ""
        elif sign == "#" and (index == 0 or line[index - 1] in " \t"):
            return index, ""
        elif sign in "\"'" and fresh:
            quote = sign
        else:
            fresh = sign in "[{," or (sign in " \t" and (fresh or line[index - 1] in ":-?,[{"))
        index += 1
    return -1, quote


def roots(text: str, names: set[str]) -> set[int]:
    """The numbers of the lines, from 0, that root keys of these names take: comments right above, all below.

    In a root in flow style these are all lines.
    """
    if text.lstrip("\ufeff \r\n").startswith("{"):
        return set(range(text.count("\n") + 1))
    inside, lines, above = False, set(), 0
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n")):
        match = re.match(r"""["']?([\w-]+)["']?\s*:""", line)
        if match:
            inside = match[1] in names
            lines |= set(range(above, number)) if inside else set()
        elif re.match(r"---|\.\.\.", line):
            inside = False
        if not line.startswith("#"):
            above = number + 1
        if inside:
            lines.add(number)
    return lines


def removed_lines(before: str, after: str) -> set[int]:
    """The numbers, from 0, of the lines of ``before`` that are not in ``after``."""
    old, new = before.split("\n"), after.split("\n")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    rows = matcher.get_opcodes()
    return {number for kind, i, j, _, _ in rows if kind != "equal" for number in range(i, j)}


def spliced(text: str, edits: Mapping[tuple[int, int, str], None]) -> str:
    """A text with edits made from its end to its start, so that no offset moves."""
    for start, end, new in sorted(edits, key=lambda edit: edit[:2])[::-1]:
        text = text[:start] + new + text[end:]
    return text


def differing(before: object, after: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths at which two trees of dicts, lists and scalars differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            if key in before and key in after:
                yield from differing(before[key], after[key], (*path, str(key)))
            else:
                yield (*path, str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, (*path, str(number)))
    elif type(before) is not type(after) or before != after:
        yield path
