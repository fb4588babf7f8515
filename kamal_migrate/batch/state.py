"""What a campaign knows, in one SQLite file: every repository, what is to be done, what became of it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kamal_migrate.batch.locking import Busy, holder, locked
from kamal_migrate.batch.original import Original
from kamal_migrate.batch.places import CampaignError, file_of, lock_of, unusable, user
from kamal_migrate.batch.row import Row, Stage
from kamal_migrate.batch.tables import COLUMNS, SCHEMA_VERSION, TABLES, bound, row_of, text_of, values_of
from kamal_migrate.batch.work import Work


class State:
    """The file of one campaign. Every method is one transaction: after a kill all of it holds, or nothing.

    One that is only read shows what another run has kept so far; ``alone`` tells that no other is at it.
    """

    def __init__(self, file: Path, *, only_read: bool = False, alone: bool = False) -> None:
        self.name = file.stem
        self._file = file
        how = "rw" if not only_read else "ro&immutable=1" if alone else "ro"
        where = f"{file.absolute().as_uri()}?mode={how}"
        self._data = sqlite3.connect(
            where, uri=True, isolation_level=None, timeout=30, check_same_thread=False
        )
        self._lock = threading.RLock()
        try:
            self._prepare(only_read)
        except BaseException:
            self.close()
            raise

    def _prepare(self, only_read: bool) -> None:
        if not only_read:
            self._data.execute("PRAGMA journal_mode=WAL")
            self._data.execute("PRAGMA synchronous=NORMAL")
        version = self._data.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and only_read:
            begun = "is only being begun; look again"
            raise CampaignError(
                f"campaign `{self.name}` {begun if user(self.name) else 'holds nothing; plan it'}"
            )
        if version == 0:
            self._data.executescript(f"BEGIN; {TABLES} PRAGMA user_version={SCHEMA_VERSION}; COMMIT")
        elif version != SCHEMA_VERSION:
            raise CampaignError(
                f"{self._file}: made by another version of kamal-migrate; use that, or another name"
            )

    def close(self) -> None:
        """Close the file."""
        self._data.close()

    @property
    def settings(self) -> dict[str, str]:
        """What the campaign was asked for."""
        return dict(self._read("SELECT name, value FROM setting"))

    def set(self, settings: Mapping[str, str]) -> None:
        """Keep what the campaign was asked for."""
        with self._transaction():
            self._data.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", settings.items())

    def add(self, sources: Iterable[tuple[str, str]]) -> None:
        """Take up sources, each with its kind; those that are there already stay as they are."""
        with self._transaction():
            start = self._data.execute("SELECT COALESCE(MAX(position), 0) FROM repository").fetchone()[0]
            rows = [
                (bound(source), start + n, kind, Stage.WAITING.value)
                for n, (source, kind) in enumerate(sources, 1)
            ]
            self._data.executemany(
                "INSERT OR IGNORE INTO repository (source, position, kind, stage) VALUES (?, ?, ?, ?)", rows
            )

    def keep_only(self, sources: Iterable[str]) -> None:
        """Forget the repositories that are no longer asked for, but for those where something was done."""
        wanted = set(sources)
        with self._transaction():
            for row in [row for row in self.rows() if row.source not in wanted]:
                if not (row.is_done or row.has_branch or self.originals(row.source)):
                    for table in ("repository", "file"):
                        self._data.execute(f"DELETE FROM {table} WHERE source = ?", (bound(row.source),))

    def wait(self, rows: Iterable[Row]) -> None:
        """Have repositories wait for another plan, so that `resume` knows them after a kill."""
        waiting = [replace(row, stage=Stage.WAITING) for row in rows if row.stage is Stage.PLANNED]
        with self._transaction():
            for row in waiting:
                self._update(row)

    def rows(self) -> list[Row]:
        """Every repository, in the order in which they were named."""
        found = self._read(f"SELECT {', '.join(COLUMNS)} FROM repository ORDER BY position")
        return [row_of(values) for values in found]

    def row(self, source: str) -> Row:
        """One repository."""
        text = f"SELECT {', '.join(COLUMNS)} FROM repository WHERE source = ?"
        return row_of(self._read(text, source)[0])

    def planned(self, row: Row, work: Work) -> None:
        """Keep what is to be done in a repository; of files that may hold secrets, only that they change."""
        report = zlib.compress(json.dumps(work.report).encode(), 1) if work.report else b""
        with self._transaction():
            self._update(row)
            source = bound(row.source)
            self._data.execute("UPDATE repository SET report = ? WHERE source = ?", (report, source))
            self._data.execute("DELETE FROM file WHERE source = ?", (source,))
            self._data.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)",
                [
                    (source, bound(path), data, bound(work.renamed.get(path)))
                    for path, data in {**work.files, **dict.fromkeys(work.secret)}.items()
                ],
            )

    def update(self, row: Row) -> None:
        """Keep how far a repository has come."""
        with self._transaction():
            self._update(row)

    def _update(self, row: Row) -> None:
        names = ", ".join(f"{name} = ?" for name in COLUMNS[1:])
        values = (*values_of(row), bound(row.source))
        self._data.execute(f"UPDATE repository SET {names} WHERE source = ?", values)

    def is_whole(self, source: str) -> bool:
        """Whether all files that come to a repository are kept."""
        return not self._read("SELECT 1 FROM file WHERE source = ? AND data IS NULL", source)

    def files(self, source: str) -> tuple[dict[str, bytes], dict[str, str]]:
        """The files that come to a repository; and the old paths of those that are renamed, by the new."""
        rows = self._read("SELECT path, data, renamed_from FROM file WHERE source = ? ORDER BY path", source)
        plain = [(text_of(path), data, text_of(old or "")) for path, data, old in rows]
        return {path: data for path, data, _ in plain}, {path: old for path, _, old in plain if old}

    def report(self, source: str) -> dict[str, Any]:
        """The report of a repository; empty where there is none."""
        found = self._read("SELECT report FROM repository WHERE source = ? AND report <> x''", source)
        report: dict[str, Any] = json.loads(zlib.decompress(found[0][0])) if found else {}
        return report

    def keep_originals(self, source: str, originals: Iterable[Original]) -> None:
        """Keep files as they are, before they are written. What is kept already stays: it is older."""
        with self._transaction():
            self._data.executemany(
                "INSERT OR IGNORE INTO original VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (bound(source), bound(file.path), file.data, file.mode, file.written, file.around)
                    for file in originals
                ],
            )

    def originals(self, source: str) -> list[Original]:
        """The files of a repository as they were."""
        text = "SELECT path, data, mode, written, around FROM original WHERE source = ? ORDER BY path"
        return [Original(text_of(path), *more) for path, *more in self._read(text, source)]

    def forget_originals(self, source: str) -> None:
        """They are back where they were."""
        with self._transaction():
            self._data.execute("DELETE FROM original WHERE source = ?", (bound(source),))

    def _read(self, text: str, *values: str) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._data.execute(text, [*map(bound, values)]).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All that is done meanwhile, or nothing. Raises `CampaignError` where it cannot be kept."""
        with self._lock:
            try:
                self._data.execute("BEGIN IMMEDIATE")
                yield
                self._data.execute("COMMIT")
            except BaseException as error:
                if self._data.in_transaction:
                    self._data.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise CampaignError(
                        f"{self._file}: cannot be written: {error}; what was kept is there. When that is"
                        " mended, run the same again"
                    ) from error
                raise


@contextmanager
def opened(name: str, *, new: bool = False) -> Iterator[State]:
    """The state of a campaign, for this run alone. Raises `CampaignError`.

    A second run of the same campaign is told so at once; a run that was killed leaves no lock behind.
    """
    file = file_of(name, new=new)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock_of(file)))
        except Busy as error:
            raise CampaignError(f"campaign `{name}` is in use by {error}; wait, or stop it") from None
        except OSError as error:
            raise unusable(file.parent, error) from None
        yield stack.enter_context(closing(_opened(file)))


@contextmanager
def looked_at(name: str) -> Iterator[State]:
    """The state of a campaign as it is, which another run may be writing. Raises `CampaignError`."""
    with closing(_shown(file_of(name))) as state:
        yield state


def _opened(file: Path) -> State:
    """A campaign to be written; one that cannot be begun leaves nothing behind."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        return State(file)
    except (sqlite3.Error, OSError) as error:
        if file.exists() and not file.stat().st_size:
            file.unlink(missing_ok=True)
        raise unusable(file, error) from None


def _shown(file: Path) -> State:
    """A campaign to be looked at, also where there is no room for what SQLite keeps beside it meanwhile."""
    try:
        return State(file, only_read=True)
    except sqlite3.Error as error:
        log = file.with_name(f"{file.name}-wal")
        if (log.exists() and log.stat().st_size) or holder(lock_of(file)):
            raise unusable(file, error) from None
    try:
        return State(file, only_read=True, alone=True)
    except sqlite3.Error as error:
        raise unusable(file, error) from None
