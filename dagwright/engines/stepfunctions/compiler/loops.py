"""Jobs that are started again after they failed: a loop of states around the one that starts them.

A state's own Retry knows errors by their names, and every job that failed has the same. So its failure is caught, a
Choice looks for the reason in the text of the error, and a Wait leads back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagwright.definition.retries import Again


def rules(again: Sequence[Again], counters: Sequence[str], seconds: str, waiting: str) -> list[dict[str, Any]]:
    """For each loop, the rule that leads to `waiting` if the reason is one of its own and attempts are left.

    `counters` are the variables that count the attempts of each loop, `seconds` is the one that says how long to wait.
    """
    found = []
    for one, counter in zip(again, counters, strict=True):
        reasons = [{"Variable": "$.Cause", "StringMatches": _pattern(reason)} for reason in one.reasons]
        reason = reasons[0] if len(reasons) == 1 else {"Or": reasons}
        left = {"Variable": f"${counter}", "NumericLessThan": one.max_attempts}
        found.append({"And": [reason, left], "Assign": _next_attempt(one, counter, seconds), "Next": waiting})
    return found


def _next_attempt(again: Again, counter: str, seconds: str) -> dict[str, Any]:
    waits = [again.wait(attempt) for attempt in range(again.max_attempts)]
    counted = {f"{counter}.$": f"States.MathAdd(${counter}, 1)"}
    if len(set(waits)) == 1:
        return {**counted, seconds: waits[0]}
    listed = ", ".join(map(str, waits))
    return {**counted, f"{seconds}.$": f"States.ArrayGetItem(States.Array({listed}), ${counter})"}


def _pattern(reason: str) -> str:
    """For the error's Cause, which holds the job's Describe response as text without blanks."""
    return f'*"FailureReason":"{reason}*'
