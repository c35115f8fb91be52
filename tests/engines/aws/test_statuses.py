"""The table of states against botocore's model."""

from __future__ import annotations

from dagwright.engines.aws.statuses import EXECUTION_STATES, is_over
from dagwright.shapes import model


def test_the_states_are_those_of_the_model() -> None:
    assert set(EXECUTION_STATES) == set(model("sagemaker")["PipelineExecutionStatus"]["enum"])


def test_an_execution_is_over_in_four_states_and_never_in_one_that_is_not_known() -> None:
    over = [state for state in EXECUTION_STATES if is_over(state)]
    assert sorted(over) == ["CompletedWithFailures", "Failed", "Stopped", "Succeeded"]
    assert not is_over("Paused")
