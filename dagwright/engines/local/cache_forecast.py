"""What the cache is going to say of each step of a run that has not begun, as far as that can be known.

What comes in: a graph and the scope of such a run. What goes out: by step a sentence. A step is foretold if all that it
waits for is: by an earlier result that is going to be taken, or because it only decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagwright.definition.caching import is_cached_type
from dagwright.definition.graph import Step
from dagwright.engines.caching import MISS, OFF, UNKNOWN, Cached
from dagwright.engines.execution import SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.cache import Answer, Cache, config_of
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.steps import run_condition
from dagwright.errors import DagwrightError


def forecasts(cache: Cache, scope: RunScope, bench: Bench, images: Mapping[str, Sequence[str]]) -> dict[str, Cached]:
    """By name what is said of each step that has a CacheConfig; `images` are those of its jobs. Starts and makes
    nothing."""
    graph, results = scope.graph, dict[str, Mapping[str, Any]]()
    found: dict[str, Cached] = {}
    for name in graph.order():
        step, here = graph.steps[name], replace(scope, outputs=results)
        open_steps = [before for before in graph.predecessors[name] if before not in results]
        if "CacheConfig" in step.envelope and is_cached_type(step.type):
            unmade = [image for image in images[name] if not bench.environments.is_made(image)]
            answer = _waits(open_steps[0]) if open_steps else _answer(cache, step, here, bench, unmade)
            found[name] = answer.cached
            result = answer.result
        else:
            result = None if open_steps else _decided(step, here, bench)
        if result and result.status == SUCCEEDED:
            results[name] = result.output
    return found


def _waits(before: str) -> Answer:
    return Answer(Cached(UNKNOWN, f"'{before}' runs first"))


def _answer(cache: Cache, step: Step, scope: RunScope, bench: Bench, unmade: Sequence[str]) -> Answer:
    config, why_not = config_of(step, scope, bench)
    if why_not:
        return Answer(Cached(OFF, why_not))
    if not cache.has_kept(step, scope.pipeline):
        return Answer(Cached(MISS, "no earlier success was kept"))
    if unmade:
        return Answer(Cached(UNKNOWN, f"the environment of {unmade[0]} is to be made first"))
    try:
        return cache.foretell(step, scope, bench, config)
    except DagwrightError as error:
        return Answer(Cached(UNKNOWN, error.message))


def _decided(step: Step, scope: RunScope, bench: Bench) -> StepResult | None:
    """The result of a step that only decides; nothing else is done before the run."""
    try:
        return run_condition(step, scope, bench) if step.type == "Condition" else None
    except DagwrightError:
        return None
