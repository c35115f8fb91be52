"""The record of local runs: executions, their steps, jobs, metrics, models, in one SQLite file.

What comes in and goes out: plain values; JSON members are texts. A record is written when something happens, so that a
run that is killed keeps all that had finished. Several runs may use the file at once.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.schema import SCHEMA_VERSION, changes_since
from dagwright.errors import StorageError

if TYPE_CHECKING:
    import sqlite3

_PATIENCE_SECONDS = 30
_REMEDIES = {
    "full": "Free some space.",
    "locked": f"Another program has held it for {_PATIENCE_SECONDS} s: end that program.",
    "not a database": "Move the file away to start a new record.",
    "malformed": "Move the file away to start a new record.",
}
_OTHER_REMEDY = "Check the owner and permissions of .dagwright/."


class Database:
    """The record in `path`, made if it is not there. Safe to use from several threads.

    With `read_only` the file is not touched: it is read as it is, and an absent one is a record of nothing.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        import sqlite3

        self.read_only = read_only
        self._errors: type[Exception] = sqlite3.Error
        self._path = path
        self._lock = threading.Lock()
        with self._explained():
            self._connection = self._opened_to_read() if read_only else self._opened()
            self._connection.row_factory = sqlite3.Row
        try:
            if self._version() < SCHEMA_VERSION:
                self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(self._path)
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened_to_read(self) -> sqlite3.Connection:
        """A record nobody has open lies in one file: SQLite reads it where it cannot make its files beside it only if
        told that nobody changes it."""
        if not self._path.exists():
            return _connect(":memory:")
        alone = "" if self._path.with_name(f"{self._path.name}-wal").exists() else "&immutable=1"
        return _connect(f"{Path(os.path.abspath(self._path)).as_uri()}?mode=ro{alone}")

    def _version(self) -> int:
        with self._lock, self._explained():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self._path} was written by a newer dagwright: schema {version}, not {SCHEMA_VERSION}",
                hint="Upgrade dagwright, or move the file away to start a new record.",
            )
        return version

    def _bring_up_to_date(self) -> None:
        if self.read_only:
            self._connection = self._copy_in_memory()
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]  # somebody may have been faster
            for statement in changes_since(version):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _copy_in_memory(self) -> sqlite3.Connection:
        """An older record that may not be changed is brought up to date in a copy."""
        copy = _connect(":memory:")
        with self._explained():
            self._connection.backup(copy)
            self._connection.close()
        copy.row_factory = self._connection.row_factory
        return copy

    @contextmanager
    def transaction(self, *, synced: bool = False) -> Iterator[sqlite3.Connection]:
        """All of the block, or nothing of it; if `synced`, it is on the disk afterwards with all that was before it.

        Raises StorageError if the file cannot be written.
        """
        with self._lock, self._explained():
            if synced:
                self._connection.execute("PRAGMA synchronous = FULL")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.commit()
                except BaseException:
                    self._connection.rollback()
                    raise
            finally:
                if synced:
                    self._connection.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, self._errors) as error:
            hint = next((hint for word, hint in _REMEDIES.items() if word in str(error)), _OTHER_REMEDY)
            raise StorageError(f"The record {self._path} cannot be used: {error}", hint=hint) from error

    def insert(self, table: str, **values: Any) -> None:
        """A new row; mappings and lists are stored as JSON."""
        with self.transaction() as connection:
            self.insert_row(connection, table, **values)

    def insert_row(self, connection: sqlite3.Connection, table: str, **values: Any) -> None:
        """The same inside a transaction that has begun."""
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", _stored(values))  # noqa: S608

    def update(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """Change the rows whose columns equal `where`."""
        with self.transaction() as connection:
            self.update_rows(connection, table, where, **values)

    def update_rows(self, connection: sqlite3.Connection, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """The same inside a transaction that has begun."""
        changes = ", ".join(f"{name} = ?" for name in values)
        tests = " AND ".join(f"{name} = ?" for name in where)
        statement = f"UPDATE {table} SET {changes} WHERE {tests}"  # noqa: S608 - names are this package's own
        connection.execute(statement, [*_stored(values), *_stored(where)])

    def has(self, connection: sqlite3.Connection, table: str, **where: Any) -> bool:
        """Whether there is such a row, inside a transaction that has begun."""
        tests = " AND ".join(f"{name} = ?" for name in where)
        statement = f"SELECT 1 FROM {table} WHERE {tests} LIMIT 1"  # noqa: S608 - names are our own
        return connection.execute(statement, _stored(where)).fetchone() is not None

    def rows(self, table: str, order: str = "rowid", columns: str = "*", **where: Any) -> list[dict[str, Any]]:
        """The rows whose columns equal `where`, in `order`."""
        tests = " AND ".join(f"{name} = ?" for name in where) or "1"
        with self._lock, self._explained():
            statement = f"SELECT {columns} FROM {table} WHERE {tests} ORDER BY {order}"  # noqa: S608 - names are our own
            return [dict(row) for row in self._connection.execute(statement, _stored(where))]

    def select(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a statement of one's own, which changes nothing."""
        with self._lock, self._explained():
            return [dict(row) for row in self._connection.execute(statement, values)]

    def close(self) -> None:
        self._connection.close()


def _connect(place: Path | str) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(
        place, timeout=_PATIENCE_SECONDS, check_same_thread=False, isolation_level=None, uri=isinstance(place, str)
    )


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Of two that switch a new file's journal together, SQLite refuses one at once, without its patience: that one
    waits for a lock, for which SQLite has patience, and looks again."""
    import sqlite3

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


def _stored(values: Mapping[str, Any]) -> list[Any]:
    return [_as_column(value) for value in values.values()]


def _as_column(value: Any) -> Any:
    """JSON of what is no plain value; of a text what UTF-8 can hold, half a surrogate pair as its escape."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str)
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
