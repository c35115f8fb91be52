from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dagwright.engines.local.database import Database
from dagwright.engines.local.schema import SCHEMA_VERSION, VERSIONS
from dagwright.errors import StorageError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    record = Database(tmp_path / "record.sqlite3")
    yield record
    record.close()


def add(database: Database, name: str) -> None:
    database.insert("models", name=name, created="now", execution="e", step="s", content={"a": [1]})


def test_rows_come_back_as_they_were_put(database: Database) -> None:
    add(database, "m")
    database.update("models", {"name": "m"}, step="t")
    assert database.rows("models") == [
        {"name": "m", "created": "now", "execution": "e", "step": "t", "content": '{"a": [1]}'}
    ]
    assert database.rows("models", columns="name", step="t") == [{"name": "m"}]
    assert database.rows("models", name="other") == []


def test_half_a_surrogate_pair_is_kept_as_its_escape(database: Database) -> None:
    add(database, "a\ud800")
    assert [row["name"] for row in database.rows("models")] == ["a\\ud800"]


def test_a_record_to_read_is_left_as_it_is(tmp_path: Path, database: Database) -> None:
    add(database, "m")
    for _ in ("while somebody writes", "when nobody does"):
        reader = Database(tmp_path / "record.sqlite3", read_only=True)
        assert [row["name"] for row in reader.rows("models")] == ["m"]
        with pytest.raises(StorageError, match="readonly"):
            add(reader, "n")
        reader.close()
        database.close()
    nothing = Database(tmp_path / "absent" / "record.sqlite3", read_only=True)
    assert nothing.rows("models") == []
    nothing.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.sqlite3"]


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    add(database, "m")

    def change_and_fail() -> None:
        with database.transaction() as connection:
            connection.execute("DELETE FROM models WHERE name = 'm'")
            for _ in range(2):
                connection.execute("INSERT INTO models VALUES ('x', 'now', 'e', 's', '{}')")

    with pytest.raises(StorageError, match="UNIQUE"):
        change_and_fail()
    assert [row["name"] for row in database.rows("models")] == ["m"]
    add(database, "n")


def test_a_locked_record_is_waited_for(tmp_path: Path, database: Database) -> None:
    other = sqlite3.connect(tmp_path / "record.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=add, args=(database, "m"))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    other.execute("COMMIT")
    waiting.join(20)
    other.close()
    assert [row["name"] for row in database.rows("models")] == ["m"]


def test_many_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"

    def write(number: int) -> None:
        record = Database(path)
        for count in range(5):
            add(record, f"{number}-{count}")
        record.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = Database(path)
    assert len(record.rows("models")) == 40
    record.close()


def test_a_newer_record_is_left_alone(tmp_path: Path, database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StorageError, match=f"written by a newer dagwright: schema {SCHEMA_VERSION + 1}, not"):
        Database(tmp_path / "record.sqlite3")


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A record as the first version kept it."""
    path = tmp_path / "first.sqlite3"
    connection = sqlite3.connect(path)
    for statement in VERSIONS[0].split(";\n"):
        connection.execute(statement)
    connection.execute("INSERT INTO executions VALUES ('abc', 'churn', 'Failed', 'why', 'then', 'later', '{}', '{}')")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    return path


def test_an_older_record_is_brought_up_to_date(first_version: Path) -> None:
    for _ in range(2):  # the second time it is
        record = Database(first_version)
        (row,) = record.rows("executions")
        assert (row["id"], row["failure_reason"], row["begun"]) == ("abc", "why", "{}")
        assert record.rows("attempts") == []
        record.close()


def test_an_older_record_that_may_not_be_changed_is_read_all_the_same(first_version: Path) -> None:
    before = first_version.read_bytes()
    record = Database(first_version, read_only=True)
    (row,) = record.rows("executions")
    record.close()
    assert (row["id"], row["begun"]) == ("abc", "{}")
    assert first_version.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "hint"), [(b"no database at all" * 100, "Move the file away"), (None, "permissions")]
)
def test_a_record_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes | None, hint: str) -> None:
    path = tmp_path / "record.sqlite3"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be used") as refused:
        Database(path)
    assert hint in refused.value.hint


def test_a_transaction_is_synced_if_that_is_asked_for(database: Database) -> None:
    def mode() -> int:
        return int(database._connection.execute("PRAGMA synchronous").fetchone()[0])

    with database.transaction(synced=True):
        assert mode() == 2
    assert mode() == 1
    with suppress(ZeroDivisionError), database.transaction(synced=True):
        _ = 1 // 0
    assert mode() == 1
