"""The step cache of local runs: a step whose key an earlier success has is not run, its result is taken.

What comes in: a step that may run now. What goes out: its result, its own or an earlier one's, and as `Cache` why. Only
steps that ask for it (`CacheConfig`) are looked up and kept, and none that something stands in for or that is
interrupted on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dagwright.definition.caching import CacheConfig, is_cached_type, read_cache_config
from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.caching import HIT, MISS, OFF, Cached, age, too_old
from dagwright.engines.execution import STOPPED, SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.cache_key import Key, Looked, look_at, read_key
from dagwright.engines.local.database import Database
from dagwright.engines.local.digests import Digests
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.steps import result_of
from dagwright.engines.local.store import Stamp, Store
from dagwright.engines.times import moment, now
from dagwright.errors import DagwrightError

_MOST_COMPARED = 20
_EQUAL = """
SELECT steps.execution, steps.ended, steps.metadata, steps.output, steps.job FROM steps
JOIN executions ON executions.id = steps.execution
WHERE steps.name = ? AND steps.cache_key = ? AND executions.pipeline = ? AND steps.status = 'Succeeded'
ORDER BY steps.ended DESC, steps.rowid DESC LIMIT ?
"""
_NEWEST = """
SELECT steps.execution, steps.ended, steps.cache_key FROM steps JOIN executions ON executions.id = steps.execution
WHERE steps.name = ? AND steps.cache_key IS NOT NULL AND executions.pipeline = ? AND steps.status = 'Succeeded'
ORDER BY steps.ended DESC, steps.rowid DESC LIMIT ?
"""
_ANY = """
SELECT 1 FROM steps JOIN executions ON executions.id = steps.execution
WHERE steps.name = ? AND executions.pipeline = ? AND steps.status = 'Succeeded' LIMIT 1
"""
_WRITER = """
SELECT written.execution FROM written JOIN executions ON executions.id = written.execution
WHERE written.uri = ? AND written.inode = ? AND written.modified_ns = ? AND written.size = ?
ORDER BY executions.started LIMIT 1
"""


class _Looking:
    """A step's thread that reads its inputs for the key: it can be asked to end, as a job can."""

    def __init__(self) -> None:
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


@dataclass(frozen=True)
class Answer:
    """What the cache says of a step: `result` is the one to take, if there is one."""

    cached: Cached
    result: StepResult | None = None


@dataclass(frozen=True)
class Cache:
    """The cache of one run. Without `is_used` every step runs, and is kept for later runs; with `is_told` each step has
    a note that says why it ran or did not."""

    database: Database
    store: Store
    is_used: bool = True
    is_told: bool = False
    now: Callable[[], str] = now
    _digests: Digests = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_digests", Digests(self.database, self.store))

    def result_of(self, step: Step, scope: RunScope, bench: Bench) -> StepResult:
        """How a step ends: by an earlier result, or run by its type."""
        if "CacheConfig" not in step.envelope or not is_cached_type(step.type):
            return result_of(step, scope, bench)
        config, why_not = config_of(step, scope, bench)
        if why_not:
            return self._with(result_of(step, scope, bench), Cached(OFF, why_not))
        looking = _Looking()
        bench.watch(step.name, looking)
        looked, answer = self._look(step, scope, bench, config, looking)
        if looking.is_stopped:
            return StepResult(STOPPED, "stopped before it started")
        if answer.result:
            return self._with(answer.result, answer.cached)
        result = self._with(result_of(step, scope, bench), answer.cached)
        return self._kept(result, looked) if looked else result

    # ---- looking up ----

    def _look(
        self, step: Step, scope: RunScope, bench: Bench, config: CacheConfig, looking: _Looking
    ) -> tuple[Looked | None, Answer]:
        def say(line: str) -> None:
            bench.say(f"{step.name}: {line}")

        try:
            looked = look_at(step, scope, bench, self._digests, lambda: looking.is_stopped, say)
            return looked, self.find(step, looked.key, config, scope.pipeline)
        except DagwrightError as error:  # what keeps the step from being run says so itself
            return None, Answer(Cached(MISS, f"it has no key: {error.message}"))

    def has_kept(self, step: Step, pipeline: str) -> bool:
        """Whether there is any result of the step that could be found."""
        return bool(self.database.select(_NEWEST, [step.name, pipeline, 1]))

    def foretell(
        self, step: Step, scope: RunScope, bench: Bench, config: CacheConfig, arriving: Container[str]
    ) -> Answer:
        """What is found if nothing changes but what is `arriving`. Raises DagwrightError if the step cannot run so."""
        looked = look_at(step, scope, bench, self._digests, arriving=arriving)
        return self.find(step, looked.key, config, scope.pipeline)

    def find(self, step: Step, key: Key, config: CacheConfig, pipeline: str) -> Answer:
        """The newest success of the step in the pipeline that has the key, is not too old, and whose objects are there;
        else why there is none."""
        if not self.is_used:
            return Answer(Cached(MISS, "--no-cache is given"))
        reasons = []
        present = moment(self.now())
        for row in self.database.select(_EQUAL, [step.name, key.text(), pipeline, _MOST_COMPARED]):
            try:
                if config.is_expired(moment(row["ended"]), present):
                    reasons.append((too_old(row["ended"], self.now(), config.expire_after), row["execution"]))
                    break
            except ValueError as error:
                return Answer(Cached(MISS, f"ExpireAfter: {error}"))
            lost, written = self._objects(row["execution"], step.name)
            if not lost:
                words = f"the result of execution {row['execution']}, {age(row['ended'], self.now())} old"
                return Answer(Cached(HIT, words, row["execution"]), _result(row, written))
            reasons.append((lost, row["execution"]))
        if reasons:
            return Answer(Cached(MISS, *reasons[0]))
        return Answer(self._nearest(step, key, pipeline))

    def _nearest(self, step: Step, key: Key, pipeline: str) -> Cached:
        """What differs from the earlier success that is most like it; of several the newest."""
        nearest: tuple[list[tuple[str, str]], str] | None = None
        for row in self.database.select(_NEWEST, [step.name, pipeline, _MOST_COMPARED]):
            unlike = key.unlike(read_key(row["cache_key"]))
            if nearest is None or len(unlike) < len(nearest[0]):
                nearest = unlike, row["execution"]
        if nearest:
            return Cached(MISS, "", nearest[1], tuple(nearest[0]))
        if self.database.select(_ANY, [step.name, pipeline]):
            return Cached(MISS, "no earlier success was kept: it asks for the cache for the first time")
        return Cached(MISS, "no earlier success")

    def _objects(self, execution: str, step: str) -> tuple[str, dict[str, Stamp]]:
        """(what became of an object that the step wrote, empty if all are there; all of them as they are now)."""
        found: dict[str, Stamp] = {}
        for row in self.database.rows("written", "uri", execution=execution, step=step):
            uri, before = row["uri"], Stamp(row["inode"], row["modified_ns"], row["size"])
            stamp = self.store.stamp(uri)
            if stamp is None:
                return f"its output {uri} is gone", {}
            if stamp != before and not self._is_same(uri, before, stamp):
                return f"its output {uri} was overwritten{self._by(uri, stamp)}", {}
            found[uri] = stamp
        return "", found

    def _is_same(self, uri: str, before: Stamp, stamp: Stamp) -> bool:
        """Whether an object that was written again holds what it held."""
        known = self._digests.known(uri, before) if before.size == stamp.size else ""
        return bool(known) and self._digests.of([uri])[uri].sha256 == known

    def _by(self, uri: str, stamp: Stamp) -> str:
        rows = self.database.select(_WRITER, [uri, *stamp])
        return f" by execution {rows[0]['execution']}" if rows else ""

    # ---- keeping ----

    def _kept(self, result: StepResult, looked: Looked) -> StepResult:
        """The result of a step that has run, with its key for later runs if its inputs are what they were."""
        if result.status != SUCCEEDED:
            return result
        try:
            changed = [uri for uri in looked.changed_since(self.store) if uri not in result.written]
            if changed:
                note = f"its result is not kept for the cache: {changed[0]} was changed while it ran"
                return replace(result, notes=(*result.notes, note))
            self._digests.of(result.written)
        except DagwrightError as error:
            return replace(result, notes=(*result.notes, f"its result is not kept for the cache: {error.message}"))
        return replace(result, cache_key=looked.key.text())

    def _with(self, result: StepResult, cached: Cached) -> StepResult:
        notes = (*result.notes, str(cached)) if self.is_told else result.notes
        return replace(result, more={**result.more, "Cache": cached.as_json()}, notes=notes)


def config_of(step: Step, scope: RunScope, bench: Bench) -> tuple[CacheConfig, str]:
    """(what a step says of the cache, why it is neither looked up nor kept; empty if it is)."""
    try:
        config = read_cache_config(evaluate(step.envelope.get("CacheConfig"), scope))
    except DagwrightError as error:
        return CacheConfig(False), f"CacheConfig has no value: {error.message}"
    if not config.is_enabled:
        return config, "CacheConfig is off"
    if step.name in bench.stand_ins:
        return config, "something stands in for it"
    if bench.failures.concern(step.name):
        return config, "it fails on purpose"
    return config, "it is interrupted on purpose" if bench.interruptions.of(step.name) else ""


def _result(row: Mapping[str, Any], written: Mapping[str, Stamp]) -> StepResult:
    """An earlier result as this one's. Its key is not kept again: what is found later is the original, with its age."""
    more = {"CacheHitResult": {"SourcePipelineExecutionArn": row["execution"]}}
    output = json.loads(row["output"]) if row["output"] else {}
    return StepResult(
        SUCCEEDED, "", json.loads(row["metadata"]), output, written=written, more=more, job=row["job"] or ""
    )
