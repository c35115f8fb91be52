"""The tables of the record of local runs, version by version: an older record is brought up to date when it is opened.

A `written` row is an object as a step left it: inode, time and size tell it from one that is put there later, as every
object appears under a new inode. `digests` spares a look at content that has been looked at.
A `cleaned` row is all that is left of an execution; `logs`, and `written` rows, are there as long as its files are.
"""

from __future__ import annotations

from collections.abc import Iterator

_VERSION_1 = """
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
_VERSION_2 = """
ALTER TABLE executions ADD COLUMN begun TEXT NOT NULL DEFAULT '{}';
ALTER TABLE steps ADD COLUMN more TEXT NOT NULL DEFAULT '{}';
ALTER TABLE steps ADD COLUMN cache_key TEXT;
CREATE TABLE attempts (
    execution TEXT NOT NULL, step TEXT NOT NULL, number INTEGER NOT NULL, job TEXT, status TEXT NOT NULL,
    failure_reason TEXT, started TEXT NOT NULL, ended TEXT, PRIMARY KEY (execution, step, number)
);
CREATE TABLE written (
    execution TEXT NOT NULL, step TEXT NOT NULL, uri TEXT NOT NULL, inode INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (execution, step, uri)
) WITHOUT ROWID;
CREATE INDEX written_by_uri ON written (uri);
CREATE TABLE digests (
    uri TEXT NOT NULL, inode INTEGER NOT NULL, modified_ns INTEGER NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY (uri, inode, modified_ns, size)
) WITHOUT ROWID;
CREATE INDEX steps_kept_for_the_cache ON steps (name, ended) WHERE cache_key IS NOT NULL;
"""
_VERSION_3 = """
CREATE TABLE cleaned (
    execution TEXT PRIMARY KEY, pipeline TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL,
    ended TEXT NOT NULL, cleaned TEXT NOT NULL, command TEXT NOT NULL, logs TEXT NOT NULL
) WITHOUT ROWID;
"""
VERSIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
SCHEMA_VERSION = len(VERSIONS)


def changes_since(version: int) -> Iterator[str]:
    """The statements that make a record of this version, 0 for an empty file, one of today's."""
    for script in VERSIONS[version:]:
        yield from (statement for statement in script.split(";\n") if statement.strip())
