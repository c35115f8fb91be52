"""`--explain`: for each step that asks for the cache, whether its result was taken from there, and why or why not."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.text import columns
from dagwright.engines.caching import cached_of
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.engines.engine import Engine
    from dagwright.engines.execution import Execution


def explanation(engine: Engine, execution: Execution) -> str:
    """The table of an execution; a line if there is nothing to tell. The steps have it as `Cache` afterwards."""
    said = engine.explain(execution)
    if said:
        return f"  cache   {said}"
    rows = [[step.name, *cached_of(step.more)] for step in execution.steps.values() if "Cache" in step.more]
    if not rows:
        return "  cache   no step that was started asks for it (CacheConfig)"
    return columns([["step", "cache", "why"], *rows], indent="  ")


def refuse_cache_words(arguments: Namespace) -> None:
    """Raises UsageError for what the cache cannot be told there."""
    if arguments.no_cache and arguments.env != "local":
        raise UsageError(
            "--no-cache is for runs on this machine: on AWS the deployed definition decides, and a start cannot",
            hint="Let the steps say CacheConfig(False) and upsert, or leave --no-cache out.",
        )
    if arguments.explain and arguments.detach:
        raise UsageError("--explain is said at the end of a run, and --detach leaves it", hint="See: status --explain")
