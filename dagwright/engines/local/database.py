"""The record of local runs: executions, their steps, jobs, metrics, models, in one SQLite file.

What comes in and goes out: plain values; JSON members are texts. A record is written when something happens, so that a
run that is killed keeps all that had finished. Several runs may use the file at once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.errors import StorageError

if TYPE_CHECKING:
    import sqlite3

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE executions (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, status TEXT NOT NULL, failure_reason TEXT, started TEXT NOT NULL,
    ended TEXT, parameters TEXT NOT NULL, definition TEXT NOT NULL
);
CREATE TABLE steps (
    execution TEXT NOT NULL REFERENCES executions (id), name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
    failure_reason TEXT, started TEXT NOT NULL, ended TEXT, attempts INTEGER NOT NULL DEFAULT 1,
    metadata TEXT NOT NULL DEFAULT '{}', output TEXT, job TEXT, PRIMARY KEY (execution, name)
);
CREATE TABLE metrics (
    execution TEXT NOT NULL, step TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, recorded TEXT NOT NULL
);
CREATE TABLE model_packages (
    package_group TEXT NOT NULL, version INTEGER NOT NULL, arn TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
    created TEXT NOT NULL, execution TEXT NOT NULL, step TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (package_group, version)
);
CREATE TABLE models (
    name TEXT PRIMARY KEY, created TEXT NOT NULL, execution TEXT NOT NULL, step TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX executions_by_start ON executions (started);
"""
_PATIENCE_SECONDS = 30
_REMEDIES = {
    "full": "Free some space.",
    "locked": f"Another program has held it for {_PATIENCE_SECONDS} s: end that program.",
    "not a database": "Move the file away to start a new record.",
    "malformed": "Move the file away to start a new record.",
}
_OTHER_REMEDY = "Check the owner and permissions of .dagwright/."


class Database:
    """The record in `path`, made if it is not there. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        import sqlite3

        self._errors: type[Exception] = sqlite3.Error
        self._path = path
        self._lock = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._migrate()

    def _migrate(self) -> None:
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StorageError(
                    f"{self._path} was written by a newer dagwright: schema {version}, not {SCHEMA_VERSION}",
                    hint="Upgrade dagwright, or move the file away to start a new record.",
                )
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block, or nothing of it. Raises StorageError if the file cannot be written."""
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

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

    def rows(self, table: str, order: str = "rowid", columns: str = "*", **where: Any) -> list[dict[str, Any]]:
        """The rows whose columns equal `where`, in `order`."""
        tests = " AND ".join(f"{name} = ?" for name in where) or "1"
        with self._lock, self._explained():
            statement = f"SELECT {columns} FROM {table} WHERE {tests} ORDER BY {order}"  # noqa: S608 - names are our own
            return [dict(row) for row in self._connection.execute(statement, _stored(where))]

    def close(self) -> None:
        self._connection.close()


def _stored(values: Mapping[str, Any]) -> list[Any]:
    return [json.dumps(v, default=str) if isinstance(v, (dict, list)) else v for v in values.values()]
