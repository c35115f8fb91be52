"""Which executions a clean takes out of the record, and which it keeps although they are as old.

What comes in: the record, in a transaction; the moment before which an execution has to have ended; the executions that
are running. What goes out: a `Standing`, and what the kept ones name (`Needs`).

Kept is what is younger, and of what is old: an execution whose pipeline is running, as a run may take over results of
its own pipeline at any moment; one that registered a model; and one that a kept execution names, by its id or by a job,
a model or a package of its, so that a chain of results that were taken over stays whole.
"""

from __future__ import annotations

import json
import re
import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from dagwright.definition.addresses import Named, addresses_in, named, places
from dagwright.definition.graph import read_definition
from dagwright.engines.execution import EXECUTING, STOPPING, SUCCEEDED
from dagwright.engines.local.store import Store
from dagwright.engines.registry import APPROVED
from dagwright.errors import DagwrightError

RUNNING = "their pipeline is running"
REGISTERED = "they registered a model package"
APPROVED_OR_NEWEST = "they registered a model package that is approved, or the newest of its group"
NAMED_BY_KEPT = "a later execution goes on from them"

_NAME = re.compile(r"model-package/[A-Za-z0-9-]+/[0-9]+|[A-Za-z0-9][A-Za-z0-9-]{7,}")
_LARGEST_LIST = 64 << 20


@dataclass
class Standing:
    """The executions that go, and the old ones that stay, each with the reason."""

    going: dict[str, sqlite3.Row] = field(default_factory=dict)
    staying: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    """All that stay, old or not."""


def standing(
    record: sqlite3.Connection,
    before: str,
    living: Collection[str],
    *,
    keep_registered: bool,
    only: Collection[str] | None,
) -> Standing:
    """How the executions stand. Others than `only` these do not go, if it is given."""
    found = Standing()
    rows = {row["id"]: row for row in record.execute("SELECT id, pipeline, status, started, ended FROM executions")}
    running = {_family(row["pipeline"]) for row in rows.values() if row["id"] in living}
    registered = _registered(record, keep_registered=keep_registered)
    why = REGISTERED if keep_registered else APPROVED_OR_NEWEST
    for row in rows.values():
        is_open = row["status"] in (EXECUTING, STOPPING) or not row["ended"]
        if is_open or row["ended"] >= before or row["id"] in living or (only is not None and row["id"] not in only):
            found.kept.add(row["id"])
        elif _family(row["pipeline"]) in running:
            found.staying[row["id"]] = RUNNING
        elif row["id"] in registered:
            found.staying[row["id"]] = why
        else:
            found.going[row["id"]] = row
    found.kept |= found.staying.keys()
    _keep_what_is_named(record, found)
    return found


def _family(pipeline: str) -> str:
    """A step by itself, `training/Train`, takes results of its pipeline, and gives it its own."""
    return pipeline.partition("/")[0]


def _registered(record: sqlite3.Connection, *, keep_registered: bool) -> set[str]:
    newest = "version = (SELECT max(version) FROM model_packages AS o WHERE o.package_group = p.package_group)"
    which = "1" if keep_registered else f"status = '{APPROVED}' OR {newest}"
    return {row[0] for row in record.execute(f"SELECT execution FROM model_packages AS p WHERE {which}")}  # noqa: S608


def _keep_what_is_named(record: sqlite3.Connection, found: Standing) -> None:
    names = {name: one for one in found.going for name in (one, *_names_of(record, one))} if found.going else {}
    waiting = [*found.kept]
    while waiting and found.going:
        for text in _texts(record, waiting.pop()):
            for name in _NAME.findall(text):
                for part in (name, *name.split("-")):
                    one = names.get(part, "")
                    if one in found.going:
                        del found.going[one]
                        found.staying[one] = NAMED_BY_KEPT
                        found.kept.add(one)
                        waiting.append(one)


def _names_of(record: sqlite3.Connection, execution: str) -> Iterator[str]:
    """What else an execution is known by."""
    for table, column in (("steps", "job"), ("attempts", "job"), ("models", "name")):
        query = f"SELECT {column} FROM {table} WHERE execution = ? AND {column} <> ''"  # noqa: S608 - names of our own
        yield from (row[0] for row in record.execute(query, [execution]))
    for row in record.execute("SELECT arn FROM model_packages WHERE execution = ?", [execution]):
        yield row[0].rpartition(":")[2]


def _texts(record: sqlite3.Connection, execution: str) -> Iterator[str]:
    """All that the record says of an execution."""
    for table, columns, key in (
        ("executions", "definition, parameters, begun", "id"),
        ("steps", "output, metadata, more, job", "execution"),
        ("model_packages", "content", "execution"),
        ("models", "content", "execution"),
    ):
        for row in record.execute(f"SELECT {columns} FROM {table} WHERE {key} = ?", [execution]):  # noqa: S608
            yield from (text for text in row if text)


# ---- what the kept executions name ----


class Needs:
    """The addresses at and below which objects are needed, for as many executions as are added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: set[str] = set()
        self._lists: set[str] = set()
        self._prefixes: list[str] = []

    def add(self, record: sqlite3.Connection, executions: Iterable[str]) -> None:
        """What these executions name: their definitions, for what may still run; what their steps were and gave; their
        models."""
        for execution in executions:
            row = record.execute("SELECT * FROM executions WHERE id = ?", [execution]).fetchone()
            self._add(named(*_of_definition(row)), is_over=row["status"] == SUCCEEDED)
            if row["status"] != SUCCEEDED:
                self._lists.update(_property_files(record, row))
            for text in _texts(record, execution):
                if text != row["definition"]:
                    self._add(named(_places(text), {}, {}), is_over=True)
        for uri in [*self._lists]:
            self._found.update(_listed(self._store, uri))
        self._prefixes = []
        for uri in sorted(self._found):
            if not self._prefixes or not uri.startswith(self._prefixes[-1]):
                self._prefixes.append(uri)

    def __contains__(self, uri: str) -> bool:
        at = bisect_right(self._prefixes, uri)
        return at > 0 and uri.startswith(self._prefixes[at - 1])

    def _add(self, found: Iterator[Named], *, is_over: bool) -> None:
        """An address of which nothing is known, not even the bucket, is any: of an execution that may go on."""
        for one in found:
            if one.uri != "s3://" or not is_over:
                self._found.add(one.uri)
            if one.is_list:
                self._lists.add(one.uri)


def _of_definition(row: sqlite3.Row) -> tuple[list[tuple[Any, bool, bool]], Mapping[str, Any], Mapping[str, Any]]:
    execution = {
        "PipelineExecutionId": row["id"],
        "PipelineName": _family(row["pipeline"]),
        "StartDateTime": row["started"],
    }
    return _places(row["definition"]), json.loads(row["parameters"]), execution


@lru_cache(maxsize=256)
def _places(text: str) -> list[tuple[Any, bool, bool]]:
    """Most executions of a pipeline have the definition of the one before."""
    try:
        found = places(json.loads(text))
    except ValueError:  # a plain text: the name of a job
        found = [(text, False, False)]
    return [one for one in found if not isinstance(one[0], str) or "/" in one[0] or ":" in one[0]]


def _property_files(record: sqlite3.Connection, row: sqlite3.Row) -> Iterator[str]:
    """The property files that an execution has written: its further steps may read addresses out of them."""
    names = tuple(f"/{path}" for path in _property_paths(row["definition"]))
    if names:
        for (uri,) in record.execute("SELECT uri FROM written WHERE execution = ?", [row["id"]]):
            if uri.endswith(names):
                yield uri


@lru_cache(maxsize=256)
def _property_paths(text: str) -> tuple[str, ...]:
    try:
        graph = read_definition(text)
    except DagwrightError:
        return ()
    return tuple(path for step in graph.steps.values() for _, path in step.property_files.values())


def _listed(store: Store, uri: str) -> Iterator[str]:
    """The addresses in a manifest, whose lines or prefix are whole addresses."""
    try:
        path = store.path(uri)
        if path.is_file() and path.stat().st_size <= _LARGEST_LIST:
            yield from addresses_in(path.read_text(encoding="utf-8", errors="replace"))
    except (DagwrightError, OSError):
        return
