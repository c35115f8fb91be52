"""Frees space in `.dagwright/`: what old executions left, environments that nobody uses, what a killed clean left.

What comes in: a `Cleaning`: before when, and what stays all the same. What goes out: a `Plan` to show; and, when it is
carried out, what was freed. Which executions go says `keeping`; of what they wrote, an object goes if it still is as
one of them wrote it, no kept execution wrote one at its address, no kept execution names an address at or above it, and
it is not below `raw/`. So what `upload` and `--map` brought, and code, is never touched: no step wrote it.

Why a clean takes nothing from a run, whenever they meet:
1. A run that begins passes the gate before it looks at anything that a clean may take, and is through when the record
   has its execution. A clean decides and takes behind the closed gate. So to a clean every run is in the record, or has
   looked at nothing yet; and a run that begins sees all of a clean, or nothing of it.
2. What a run that is in the record may read is what its definition, its parameters and its steps' responses name, which
   is kept; or results of its own pipeline (source, cache), whose executions are all kept while it runs; or what it
   writes itself. What it writes comes under a new inode, and is known by it, even in the moment of taking.
3. Environments, image layers and empty folders are taken only while nothing runs. What killed runs left among the jobs
   goes whenever somebody settles the home, as a clean does before it plans.
An address that a program makes up by itself, and that nothing of a kept execution names, is nobody's.

Why a kill loses nothing: in one transaction the executions leave the record, and become `cleaned` rows with the names
of their logs, their `written` rows staying. Then the files are moved to `.freed/`, then those rows go, then `.freed/`
is emptied. The next clean goes on from each of these moments.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from dagwright.engines.local.freeing import Freeing, bytes_below, freed, remove_freed
from dagwright.engines.local.home import Home
from dagwright.engines.local.keeping import Needs, Standing, standing
from dagwright.engines.local.store import Stamp
from dagwright.engines.local.unused_environments import unused_environments
from dagwright.engines.times import now

_PATIENCE_SECONDS = 30.0
_NEVER = "raw"
_RECORD_OF_AN_EXECUTION = ("steps", "attempts", "metrics", "models", "model_packages")
EXECUTIONS, PACKAGES, LOGS, OBJECTS = "executions", "model packages", "logs", "objects"
ENVIRONMENTS, LEFTOVERS = "environments", "leftovers"


@dataclass(frozen=True)
class Cleaning:
    """What is asked for: `before` is ISO-8601 in UTC; `command` is how whoever asks for what is gone hears of it.

    `in_use` gives the folders of the environments that the configuration and these images need.
    """

    before: str
    keep_registered: bool
    command: str
    in_use: Callable[[Iterable[str]], set[Path]]


@dataclass
class Plan:
    """What would be freed: (how many, bytes) by kind; how many old executions stay, by reason; and what is put off."""

    executions: list[str] = field(default_factory=list)
    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)
    staying: Counter[str] = field(default_factory=Counter)
    running: list[str] = field(default_factory=list)
    """While these run, environments stay."""
    objects: list[tuple[str, Stamp]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    environments: list[Path] = field(default_factory=list)
    """Their folders, and the files beside them."""
    emptied: list[Path] = field(default_factory=list)
    """What an earlier clean has taken already."""

    @property
    def is_empty(self) -> bool:
        return not any(count for count, _ in self.kinds.values())


def plan_cleaning(home: Home, cleaning: Cleaning) -> Plan:
    """What there is to free now. Raises StorageError."""
    home.settle()
    living = home.living()
    with home.database.transaction() as record:
        plan, _ = _planned(home, cleaning, record, living, None)
    return plan


def clean(home: Home, cleaning: Cleaning, shown: Plan) -> Plan:
    """Free what was shown, as far as it still may go; what was freed. Raises StorageError, ExecutionError."""
    with home.gate.closed(_PATIENCE_SECONDS):
        living = home.living()
        with home.database.transaction() as record:
            plan, going = _planned(home, cleaning, record, living, shown.executions)
            _take_out_of_record(record, going, plan, cleaning.command)
        takings = _take(home, plan, nothing_runs=not living)
        with home.database.transaction() as record:
            _forget_taken(record, plan)
    remove_freed([*plan.emptied, *takings])
    plan.staying |= shown.staying
    return plan


# ---- planning ----


def _planned(
    home: Home, cleaning: Cleaning, record: sqlite3.Connection, living: list[str], only: Collection[str] | None
) -> tuple[Plan, Standing]:
    found = standing(record, cleaning.before, living, keep_registered=cleaning.keep_registered, only=only)
    plan = Plan([*found.going], staying=Counter(found.staying.values()), running=living)
    plan.logs = _logs(home, record, found)
    plan.objects = _objects(home, record, found)
    plan.emptied = [path for room in _rooms(home) for path in freed(room)]
    if not living:
        images = _images(record, found)
        plan.environments = unused_environments(home.environments, cleaning.before, cleaning.in_use(images))
    packages = _marked(record, "SELECT count(*) FROM model_packages WHERE execution IN ({})", plan.executions)
    plan.kinds = _kinds(home, plan, packages)
    return plan, found


def _kinds(home: Home, plan: Plan, packages: int) -> dict[str, tuple[int, int]]:
    return {
        EXECUTIONS: (len(plan.executions), 0),
        PACKAGES: (packages, 0),
        LOGS: (len(plan.logs), sum(bytes_below(home.logs / name) for name in plan.logs)),
        OBJECTS: (len(plan.objects), sum(stamp.size for _, stamp in plan.objects)),
        ENVIRONMENTS: (len(plan.environments), sum(map(bytes_below, plan.environments))),
        LEFTOVERS: (len(plan.emptied), sum(map(bytes_below, plan.emptied))),
    }


def _objects(home: Home, record: sqlite3.Connection, found: Standing) -> list[tuple[str, Stamp]]:
    """The objects that only executions wrote that go or are gone, and that no kept one needs."""
    rows = record.execute("SELECT execution, uri, inode, modified_ns, size FROM written").fetchall()
    kept = {row["uri"] for row in rows if row["execution"] in found.kept}
    candidates = [row for row in rows if row["execution"] not in found.kept and row["uri"] not in kept]
    if not candidates:
        return []
    needs = Needs(home.store)
    needs.add(record, found.kept)
    freeing = Freeing(home.store.root)
    objects = []
    for row in candidates:
        stamp = Stamp(row["inode"], row["modified_ns"], row["size"])
        if not _is_raw(row["uri"]) and row["uri"] not in needs and freeing.has(_parts(row["uri"]), stamp):
            objects.append((row["uri"], stamp))
    return sorted(set(objects))


def _parts(uri: str) -> tuple[str, ...]:
    return tuple(uri.removeprefix("s3://").split("/"))


def _is_raw(uri: str) -> bool:
    return uri.split("/")[3:4] == [_NEVER]


def _logs(home: Home, record: sqlite3.Connection, found: Standing) -> list[str]:
    """The folders of logs that only executions have that go, or are gone; a tuning job's trials have folders too."""
    jobs: dict[bool, set[str]] = {True: set(), False: set()}
    for table in ("steps", "attempts"):
        for row in record.execute(f"SELECT execution, job FROM {table} WHERE job <> ''"):  # noqa: S608 - our own names
            jobs[row["execution"] in found.going].add(row["job"])
    going = jobs[True] - jobs[False]
    tuning = tuple(
        f"{row['job']}-"
        for row in record.execute("SELECT execution, job FROM steps WHERE type = 'Tuning' AND job <> ''")
        if row["job"] in going
    )
    left = {name for row in record.execute("SELECT logs FROM cleaned") for name in json.loads(row["logs"])}
    with suppress(OSError):
        names = os.listdir(home.logs)
        return sorted(name for name in names if name in going | left or (tuning and name.startswith(tuning)))
    return []


def _images(record: sqlite3.Connection, found: Standing) -> set[str]:
    """The images of the definitions of kept executions."""
    from dagwright.definition.graph import read_definition
    from dagwright.definition.uses import uses_of
    from dagwright.errors import DefinitionError

    texts = {
        row["definition"] for row in record.execute("SELECT id, definition FROM executions") if row["id"] in found.kept
    }
    images: set[str] = set()
    for text in texts:
        with suppress(DefinitionError):
            images.update(uses_of(read_definition(text)).images)
    return images


def _rooms(home: Home) -> tuple[Path, ...]:
    return home.store.root, home.logs, home.environments


# ---- carrying out ----


def _take_out_of_record(record: sqlite3.Connection, found: Standing, plan: Plan, command: str) -> None:
    moment = now()
    for place, (execution, row) in enumerate(found.going.items()):
        logs = json.dumps(plan.logs if place == 0 else [])  # one row names those of all
        values = (execution, row["pipeline"], row["status"], row["started"], row["ended"], moment, command, logs)
        record.execute("INSERT OR REPLACE INTO cleaned VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        for table in _RECORD_OF_AN_EXECUTION:
            record.execute(f"DELETE FROM {table} WHERE execution = ?", [execution])  # noqa: S608 - names of our own
        record.execute("DELETE FROM executions WHERE id = ?", [execution])


def _take(home: Home, plan: Plan, *, nothing_runs: bool) -> list[Path]:
    """Take it all away; what it has become until it is removed."""
    _take_objects(home, plan, remove_empty=nothing_runs)
    logs = Freeing(home.logs)
    for name in plan.logs:
        logs.take(name)
    environments = Freeing(home.environments)
    for path in plan.environments:
        environments.take(path.name)
    return [path for room in _rooms(home) for path in freed(room) if path not in plan.emptied]


def _take_objects(home: Home, plan: Plan, *, remove_empty: bool) -> None:
    freeing = Freeing(home.store.root)
    below = ((_parts(uri), stamp) for uri, stamp in plan.objects)
    emptied = []
    for folder, files in groupby(below, lambda one: one[0][:-1]):
        freeing.take_files(folder, {parts[-1]: stamp for parts, stamp in files})
        emptied.append(folder)
    for folder in emptied if remove_empty else ():
        freeing.remove_if_empty(folder)


def _forget_taken(record: sqlite3.Connection, plan: Plan) -> None:
    """What an execution that is gone has written, and a kept one needs, stays known: it may go one day."""
    gone = "execution NOT IN (SELECT id FROM executions)"
    taken = [(uri,) for uri, _ in plan.objects]
    record.executemany(f"DELETE FROM written WHERE uri = ? AND {gone}", taken)  # noqa: S608 - text of our own
    record.executemany("DELETE FROM digests WHERE uri = ?", taken)
    record.execute("UPDATE cleaned SET logs = '[]'")


def _marked(record: sqlite3.Connection, query: str, values: list[str]) -> int:
    count: int = record.execute(query.format(", ".join("?" for _ in values)), values).fetchone()[0]
    return count
