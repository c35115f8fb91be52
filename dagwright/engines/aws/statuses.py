"""The states of an execution on AWS, in SageMaker's words for both services, and which of them are the last.

The names are botocore's enum PipelineExecutionStatus (a test compares them); which of them are the last is said nowhere
in the model.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagwright.engines.execution import COMPLETED_WITH_FAILURES, EXECUTING, FAILED, STOPPED, STOPPING, SUCCEEDED

#: state -> whether it is the last.
EXECUTION_STATES: Mapping[str, bool] = {
    EXECUTING: False,
    STOPPING: False,
    STOPPED: True,
    FAILED: True,
    SUCCEEDED: True,
    COMPLETED_WITH_FAILURES: True,
}


def is_over(status: str) -> bool:
    """Whether an execution in this state has ended; one in a state that is not known here has not."""
    return EXECUTION_STATES.get(status, False)
