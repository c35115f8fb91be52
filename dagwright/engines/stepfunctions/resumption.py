"""The rest of an execution that failed: a state machine of its own, made of the steps that have not succeeded.

In: an execution. Out: the machine, ready to be started. What succeeded stands in it as a result, and it has the
execution variables of the first execution, so that it reads and writes at the same addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagwright.engines.execution import Execution
from dagwright.engines.stepfunctions.derivation import Derivation, Derived, is_settled, result_of
from dagwright.engines.stepfunctions.derived import REST_SUFFIX, part_in, resuming
from dagwright.engines.stepfunctions.executions import Executions


class Resumption:
    """Makes such machines. Every call raises AWSError."""

    def __init__(self, executions: Executions, derivation: Derivation) -> None:
        self._executions = executions
        self._derivation = derivation

    def prepare(self, execution: Execution, complete: Callable[[Execution], None]) -> tuple[str, list[str], str]:
        """Make or change the machine; its name, the steps that need not run again, and the ARN of its version to be
        started.

        `complete` adds to the steps what they gave. Raises DefinitionError.
        """
        machine, graph = self._executions.machine(execution.arn), self._executions.graph(execution.arn)
        line = self._executions.line_of(execution)
        known: dict[str, Mapping[str, Any]] = {}
        for one in reversed(line):
            complete(one)
            known.update((step.name, result_of(step)) for step in one.steps.values() if is_settled(step))
        first = line[-1]
        part = part_in(self._executions.machine(first.arn))
        wanted = Derived(
            original=part.original if part else first.pipeline,
            suffix=REST_SUFFIX,
            comment=resuming(execution.arn),
            known=known,
            chosen=part.chosen if part else None,
            execution={
                "PipelineExecutionId": first.id,
                "PipelineExecutionArn": first.arn,
                "StartDateTime": first.started,
            },
        )
        version = self._derivation.make(wanted, graph, machine)
        return self._derivation.name(wanted.original, REST_SUFFIX), [*known], version
