"""What is worth saying of a step beside its state: where its result is from, which attempt it is, what it waits for."""

from __future__ import annotations

import re

from dagwright.cli.text import seconds_between
from dagwright.engines.execution import Rest, StepRun
from dagwright.engines.times import now


def remarks(step: StepRun) -> list[str]:
    """Some words each; none for an ordinary step."""
    said = []
    cached = step.more.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", "")
    if cached:
        said.append(f"from the cache, of execution {_id(cached)}")
    reused = step.more.get("SelectiveExecutionResult", {}).get("SourcePipelineExecutionArn", "")
    if reused:
        said.append(f"taken from execution {_id(reused)}")
    stand_in = step.metadata.get("StandIn", {}).get("Source", "")
    if stand_in:
        said.append(f"stand-in {stand_in}")
    if step.rest:
        said.append(_waits(step.rest))
    elif not step.ended and step.tries and step.tries[-1].ended:
        said.append("waits for its next attempt")
    elif step.attempts > 1:
        said.append(f"attempt {step.attempts}")
    outcome = step.metadata.get("Condition", {}).get("Outcome")
    if outcome:
        said.append(f"it is {outcome}")
    callback = step.metadata.get("Callback", {})
    if callback.get("CallbackToken") and not step.ended:
        said.append(f"waits for an answer with token {callback['CallbackToken']}")
    return said


def _waits(rest: Rest) -> str:
    """`attempt 2 of 4 in 8 s (SageMaker.CAPACITY_ERROR)`, with the seconds that are left."""
    left = max(0, round(seconds_between(now(), rest.ends) or 0))
    which = f"attempt {rest.number} of {rest.most}" if rest.most else f"attempt {rest.number}"
    return f"{which} in {left} s ({rest.kind})"


def _id(arn: str) -> str:
    return re.split("[/:]", arn)[-1]
