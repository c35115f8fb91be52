"""What the cache is going to say of each step of a run that has not begun, as far as that can be known.

What comes in: a graph and the scope of such a run. What goes out: by step a sentence. A step is foretold if all that it
waits for is: by an earlier result that is going to be taken, or because it only decides.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagwright.definition.caching import is_cached_type
from dagwright.definition.graph import Step
from dagwright.engines.caching import MISS, OFF, UNKNOWN, Cached
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.cache import Answer, Cache, config_of
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.steps import run_condition
from dagwright.errors import DagwrightError


@dataclass(frozen=True)
class Forecast:
    """A look at a run that has not begun. `images` are by step those of its jobs, `arriving` the addresses of the code
    that comes with the run. Starts and makes nothing."""

    cache: Cache
    scope: RunScope
    bench: Bench
    images: Mapping[str, Sequence[str]]
    arriving: Container[str]

    def steps(self) -> dict[str, Cached]:
        """By name what is said of each step that has a CacheConfig."""
        graph, results = self.scope.graph, dict[str, Mapping[str, Any]]()
        found: dict[str, Cached] = {}
        for name in graph.order():
            step, scope = graph.steps[name], replace(self.scope, outputs=results)
            before = next((one for one in graph.predecessors[name] if one not in results), "")
            if "CacheConfig" in step.envelope and is_cached_type(step.type):
                answer = self._answer(step, scope, before)
                found[name], result = answer.cached, answer.result
            else:
                result = None if before else _decided(step, scope, self.bench)
            if result:
                results[name] = result.output
        return found

    def _answer(self, step: Step, scope: RunScope, before: str) -> Answer:
        config, why_not = config_of(step, scope, self.bench)
        if why_not:
            return Answer(Cached(OFF, why_not))
        if not self.cache.has_kept(step, scope.pipeline):
            return Answer(Cached(MISS, "no earlier success was kept"))
        if before:
            return Answer(Cached(UNKNOWN, f"'{before}' runs first"))
        for image in self.images[step.name]:
            if not self.bench.environments.is_made(image):
                return Answer(Cached(UNKNOWN, f"the environment of {image} is to be made first"))
        try:
            return self.cache.foretell(step, scope, self.bench, config, self.arriving)
        except DagwrightError as error:
            return Answer(Cached(UNKNOWN, error.message))


def _decided(step: Step, scope: RunScope, bench: Bench) -> StepResult | None:
    """The result of a step that only decides; nothing else is done before the run."""
    try:
        return run_condition(step, scope, bench) if step.type == "Condition" else None
    except DagwrightError:
        return None
