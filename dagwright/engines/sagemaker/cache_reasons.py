"""Why SageMaker took a step from its cache or not, which it does not say itself (aws/sagemaker-python-sdk#4374).

What comes in: an execution, its definition, and earlier executions of the pipeline. What goes out: on each step that
asks for the cache the member `Cache`, found by comparing what its job was made of with what the job of the same step
was made of earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dagwright.definition.caching import (
    CacheConfig,
    compared_members,
    differences,
    is_cached_type,
    read_cache_config,
    told,
)
from dagwright.definition.expression import is_expression
from dagwright.definition.graph import Graph, Step
from dagwright.engines.caching import HIT, MISS, OFF, UNKNOWN, Cached, too_old
from dagwright.engines.execution import SUCCEEDED, Execution, StepRun
from dagwright.engines.times import moment

_MOST_EXECUTIONS = 10
_UNSAID = "nothing that the service compares and shows is another than in execution {}: why it ran is not known"


@dataclass
class CacheReasons:
    """`earlier` gives the executions of the pipeline that were started before, newest first, without their steps;
    `read` one of them with its steps; `describe` what is known of a step's job, None if that cannot be had."""

    earlier: Iterator[Execution]
    read: Callable[[Execution], Execution]
    describe: Callable[[StepRun], Mapping[str, Any] | None]
    _read: list[Execution] = field(default_factory=list)

    def add(self, execution: Execution, graph: Graph) -> None:
        """Give the steps of an execution their `Cache`. Raises AWSError if earlier ones cannot be read."""
        for run in execution.steps.values():
            step = graph.steps.get(run.name.partition("[")[0])
            if step and ("CacheConfig" in step.envelope or "CacheHitResult" in run.more) and is_cached_type(step.type):
                run.more = {**run.more, "Cache": self._why(step, run).as_json()}

    def _why(self, step: Step, run: StepRun) -> Cached:
        source = str(run.more.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", "")).rpartition("/")[2]
        if source:
            return Cached(HIT, f"the result of execution {source}", source)
        raw = step.envelope.get("CacheConfig")
        if isinstance(raw, Mapping) and any(map(is_expression, raw.values())):
            return Cached(UNKNOWN, "its CacheConfig holds an expression")
        config = read_cache_config(raw)
        if not config.is_enabled:
            return Cached(OFF, "CacheConfig is off")
        members = self._members(step, run)
        if members is None:
            return Cached(UNKNOWN, "what its job was made of cannot be read")
        return self._missed(step, run, config, members)

    def _missed(self, step: Step, run: StepRun, config: CacheConfig, members: Mapping[str, Any]) -> Cached:
        nearest: tuple[Sequence[Any], Execution] | None = None
        found = 0
        for execution in self._executions():
            before = execution.steps.get(run.name)
            if before is None or before.status != SUCCEEDED or not before.metadata:
                continue
            found += 1
            others = self._members(step, before)
            if others is None:
                continue
            unlike = differences(others, members)
            if not unlike:
                return _equal(config, before, run, execution)
            if nearest is None or len(unlike) < len(nearest[0]):
                nearest = unlike, execution
        if nearest:
            return Cached(MISS, "", nearest[1].id, tuple(told(change) for change in nearest[0]))
        if found:
            return Cached(UNKNOWN, "what its earlier jobs were made of cannot be read")
        looked = f" in the {len(self._read)} executions before" if len(self._read) == _MOST_EXECUTIONS else ""
        return Cached(MISS, f"no earlier success{looked}")

    def _members(self, step: Step, run: StepRun) -> dict[str, Any] | None:
        described = self.describe(run)
        if not described:
            return None
        return compared_members(step.type, described, run.metadata.get(step.type) or {})

    def _executions(self) -> Iterator[Execution]:
        """Each is read once, for all steps."""
        yield from self._read
        for execution in islice(self.earlier, _MOST_EXECUTIONS - len(self._read)):
            self._read.append(self.read(execution))
            yield self._read[-1]


def _equal(config: CacheConfig, before: StepRun, run: StepRun, execution: Execution) -> Cached:
    """Why a result that has all that counts was not taken: it was too old, or that is not known."""
    try:
        is_expired = bool(before.ended) and config.is_expired(moment(before.ended), moment(run.started))
    except ValueError as error:
        return Cached(UNKNOWN, f"ExpireAfter: {error}", execution.id)
    if is_expired:
        return Cached(MISS, too_old(before.ended, run.started, config.expire_after), execution.id)
    return Cached(UNKNOWN, _UNSAID.format(execution.id), execution.id)
