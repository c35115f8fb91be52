"""What is worth saying of a step beside its state: where its result is from, which attempt it is, what it waits for."""

from __future__ import annotations

import re

from dagwright.engines.execution import StepRun


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
    if step.attempts > 1:
        said.append(f"attempt {step.attempts}")
    outcome = step.metadata.get("Condition", {}).get("Outcome")
    if outcome:
        said.append(f"it is {outcome}")
    callback = step.metadata.get("Callback", {})
    if callback.get("CallbackToken") and not step.ended:
        said.append(f"waits for an answer with token {callback['CallbackToken']}")
    return said


def _id(arn: str) -> str:
    return re.split("[/:]", arn)[-1]
