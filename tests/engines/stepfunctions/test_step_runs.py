"""From the events of a state machine to the steps of a pipeline."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from engines.stepfunctions.histories import Told, job_arn

from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.execution import StepRun
from dagwright.engines.stepfunctions.compiler.readback import states_of
from dagwright.engines.stepfunctions.events import Event, read_event
from dagwright.engines.stepfunctions.step_runs import reason_of, step_runs

END = "2026-11-21T12:10:00.000Z"


def graph() -> Graph:
    condition = {
        "Name": "Good",
        "Type": "Condition",
        "DependsOn": ["B"],
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Parameters.X"}, "RightValue": "a"}],
            "IfSteps": [{"Name": "Yes", "Type": "Processing", "Arguments": {}}],
            "ElseSteps": [{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "bad"}}],
        },
    }
    steps: list[dict[str, Any]] = [{"Name": name, "Type": "Processing", "Arguments": {}} for name in ("A", "B")]
    steps += [{"Name": "Call", "Type": "Lambda", "FunctionArn": "arn:aws:lambda:x", "Arguments": {}}, condition]
    parameters = [{"Name": "X", "Type": "String", "DefaultValue": "a"}]
    return read_definition(json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps}))


TASK = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createProcessingJob.x.sync"}
UNDECIDED: dict[str, Any] = {
    "Assign": {"Failures": [{"Step": "Good", "Cause": "cannot be decided"}]},
    "Next": "Pipeline failed",
}
MACHINE: dict[str, Any] = {
    "States": {
        "Fork": {"Type": "Parallel", "Branches": [{"States": {"A": TASK}}, {"States": {"B": TASK}}]},
        "Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"},
        "Good": {"Type": "Choice", "Choices": [UNDECIDED, {"Next": "Yes"}], "Default": "No"},
        "Yes": TASK,
        "No": {"Type": "Fail", "Error": "No", "Cause": "bad"},
        "Pipeline failed": {"Type": "Fail"},
    }
}


def events(told: Told) -> list[Event]:
    times = [datetime.fromtimestamp(one["timestamp"], timezone.utc) for one in told.events]
    return [read_event({**one, "timestamp": time}) for one, time in zip(told.events, times, strict=True)]


def runs(told: Told, ended: str = "", machine: dict[str, Any] = MACHINE) -> dict[str, StepRun]:
    return step_runs(events(told), states_of(machine), graph(), ended)


def test_a_step_with_a_job_from_its_beginning_to_its_end() -> None:
    told = Told()
    told.enter("A")
    assert (runs(told)["A"].status, runs(told)["A"].job) == ("Executing", "")
    told.schedule()
    told.submit("A")
    (begun,) = runs(told).values()
    assert begun.metadata == {"ProcessingJob": {"Arn": job_arn("A")}}
    assert (begun.status, begun.job) == ("Executing", "rc-churn-a-20261121120000-0a1b2c3d")
    told.succeed()
    told.leave("A")
    (done,) = runs(told).values()
    assert (done.type, done.status, done.attempts) == ("Processing", "Succeeded", 1)
    assert (done.started, done.ended) == ("2026-11-21T12:00:02.000Z", "2026-11-21T12:00:07.000Z")


def test_branches_that_run_side_by_side_are_told_apart_by_what_led_to_each_event() -> None:
    told = Told()
    told.enter("Fork", "Parallel")
    fork = told.add("ParallelStateStarted")
    first, second = told.enter("A", before=fork), told.enter("B", before=fork)
    first, second = told.schedule(first), told.schedule(second)
    second, first = told.submit("B", second), told.submit("A", first)
    second = told.fail({"FailureReason": "AlgorithmError: no"}, before=second)
    told.leave("B", before=second, Failures=[])
    found = runs(told)
    assert (found["A"].status, found["A"].job[:10]) == ("Executing", "rc-churn-a")
    assert (found["B"].status, found["B"].failure_reason) == ("Failed", "AlgorithmError: no")
    told.leave("A", before=told.succeed(before=first))
    told.add("ParallelStateSucceeded")
    told.leave("Fork", "Parallel")
    assert {name: run.status for name, run in runs(told).items()} == {"A": "Succeeded", "B": "Failed"}


def test_states_beside_the_own_one_belong_to_the_step_and_to_no_other() -> None:
    told = Told()
    told.enter("A: name", "Pass")
    told.leave("A: name", "Pass")
    told.enter("A")
    assert [*runs(told)] == ["A"]
    assert (runs(told)["A"].started, runs(told)["A"].attempts) == ("2026-11-21T12:00:02.000Z", 1)
    told.schedule()
    told.submit("A")
    told.succeed()
    told.leave("A")
    told.enter("A: describeProcessingJob")
    assert runs(told)["A"].status == "Executing"
    told.schedule()
    told.succeed()
    told.leave("A: describeProcessingJob")
    assert (runs(told)["A"].status, runs(told)["A"].attempts) == ("Succeeded", 1)
    told.enter("Merge parameters", "Pass")
    assert [*runs(told)] == ["A"]


def test_retries_are_attempts_in_place_and_through_a_loop() -> None:
    told = Told()
    told.enter("A")
    told.schedule()
    told.fail("slow down", "SageMaker.ThrottlingException")
    told.schedule()
    told.submit("A")
    told.fail({"FailureReason": "CapacityError: none"})
    noted = {"Assign": {"Failures__1": [{"Step": "A", "Cause.$": "$.Cause"}]}, "Next": "end of A (failed)"}
    machine = {"States": {**MACHINE["States"], "A": {**TASK, "Catch": [{"Next": "A: again"}, noted]}}}
    told.leave("A")
    for state, kind in (("A: again", "Choice"), ("A: wait", "Wait")):
        told.enter(state, kind)
        told.leave(state, kind)
        waiting = runs(told, machine=machine)["A"]
        assert (waiting.status, waiting.ended, waiting.failure_reason) == ("Executing", "", "CapacityError: none")
    assert runs(told, END, machine)["A"].status == "Failed"
    told.job("A")
    done = runs(told, machine=machine)["A"]
    assert (done.status, done.attempts, done.failure_reason) == ("Succeeded", 3, "")


def test_a_file_that_cannot_be_read_fails_the_step_that_asks_for_it() -> None:
    told = Told()
    told.enter("Good: read evaluation.json")
    told.schedule()
    told.fail("The specified key does not exist.", "S3.NoSuchKeyException")
    told.leave("Good: read evaluation.json")
    good = runs(told)["Good"]
    assert (good.status, good.failure_reason) == (
        "Failed", "S3.NoSuchKeyException: The specified key does not exist.",
    )  # fmt: skip


def test_a_value_that_is_not_there_fails_the_step_with_what_is_noted() -> None:
    told = Told()
    told.enter("A: is there", "Choice")
    told.leave("A: is there", "Choice", Failures__1=[{"Step": "A", "Error": "NoValue", "Cause": "auc in report.json"}])
    (found,) = runs(told, END).values()
    assert (found.status, found.failure_reason, found.attempts) == ("Failed", "auc in report.json", 1)


def test_a_condition_may_do_without_a_file_and_a_read_be_made_again() -> None:
    read = {"Type": "Task", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Good"}]}
    machine = {"States": {**MACHINE["States"], "Good: read a.json": read}}
    told = Told()
    told.enter("Good: read a.json")
    told.schedule()
    told.fail("gone", "S3.NoSuchKeyException")
    told.leave("Good: read a.json")
    assert runs(told, machine=machine)["Good"].status == "Executing"
    told.enter("Good", "Choice")
    told.leave("Good", "Choice")
    good = runs(told, machine=machine)["Good"]
    assert (good.status, good.failure_reason) == ("Succeeded", "")
    told = Told()
    told.enter("Good: read a.json")
    for is_first in (True, False):
        told.schedule()
        told.fail("slow down", "S3.S3Exception") if is_first else told.succeed()
    told.leave("Good: read a.json")
    told.enter("Good", "Choice")
    told.leave("Good", "Choice")
    good = runs(told)["Good"]
    assert (good.status, good.failure_reason) == ("Succeeded", "")


def test_a_state_that_only_leads_on_is_no_step_s() -> None:
    told = Told()
    told.job("A")
    for state in ("end of A", "A + B joined", "may B run", "after A", "which branch of Good"):
        told.enter(state, "Pass")
        told.leave(state, "Pass")
    assert {name: run.status for name, run in runs(told).items()} == {"A": "Succeeded"}


def test_a_condition_called_like_the_variable_of_failures() -> None:
    ways = [{"Next": "Yes", "Assign": {"FailuresCheck_Outcome": True}}]
    choice = {"Type": "Choice", "Choices": ways, "Default": "No", "Assign": {"FailuresCheck_Outcome": False}}
    told = Told()
    told.enter("Good", "Choice")
    told.leave("Good", "Choice", FailuresCheck_Outcome=True)
    told.enter("Yes")
    good = runs(told, machine={"States": {**MACHINE["States"], "Good": choice}})["Good"]
    assert (good.status, good.metadata) == ("Succeeded", {"Condition": {"Outcome": "True"}})


def test_an_error_that_nothing_catches_is_the_failure_of_the_step_it_arose_in() -> None:
    told = Told()
    told.enter("Good: values", "Pass")
    told.end("ExecutionFailed", error="States.Runtime", cause="no such path")
    good = runs(told, END)["Good"]
    assert (good.status, good.failure_reason) == ("Failed", "States.Runtime: no such path")


def test_a_condition_is_what_the_next_state_says() -> None:
    for onward, outcome in (("Yes", "True"), ("No", "False")):
        told = Told()
        told.enter("Good", "Choice")
        told.leave("Good", "Choice")
        assert runs(told)["Good"].status == "Succeeded"
        told.enter(onward, "Fail" if onward == "No" else "Task")
        good = runs(told)["Good"]
        assert (good.status, good.metadata) == ("Succeeded", {"Condition": {"Outcome": outcome}})


def test_a_condition_that_cannot_be_decided_has_failed() -> None:
    told = Told()
    told.enter("Good", "Choice")
    told.leave("Good", "Choice", Failures=UNDECIDED["Assign"]["Failures"])
    told.enter("Pipeline failed", "Fail")
    good = runs(told)["Good"]
    assert (good.status, good.failure_reason, good.metadata) == ("Failed", "cannot be decided", {})


def test_where_both_ways_lead_to_one_state_the_assigned_variable_tells() -> None:
    ways = [{"Next": "Yes", "Assign": {"Good_Outcome": True}}]
    choice = {"Type": "Choice", "Choices": ways, "Default": "Yes", "Assign": {"Good_Outcome": False}}
    machine = {"States": {**MACHINE["States"], "Good": choice}}
    for outcome in (True, False):
        told = Told()
        told.enter("Good", "Choice")
        told.leave("Good", "Choice", Good_Outcome=outcome)
        told.enter("Yes")
        assert runs(told, machine=machine)["Good"].metadata == {"Condition": {"Outcome": str(outcome)}}


def test_a_settled_condition_is_known_by_what_its_state_keeps() -> None:
    told = Told()
    told.enter("Good", "Pass")
    told.leave("Good", "Pass")
    for kept, outcome in (({"Good_Outcome": True}, "True"), ({"Good_Outcome": False, "Good_Succeeded": True}, "False")):
        settled = {"Good": {"Type": "Pass", "Next": "Yes", "Assign": kept}}
        machine = {"States": {**MACHINE["States"], **settled}}
        assert runs(told, END, machine)["Good"].metadata == {"Condition": {"Outcome": outcome}}
    machine = {"States": {**MACHINE["States"], "Good": {"Type": "Pass", "Next": "Yes"}}}
    assert runs(told, END, machine)["Good"].metadata == {}


def test_a_fail_step_has_the_message_of_the_end_or_of_its_variable() -> None:
    told = Told()
    told.enter("No", "Fail")
    told.end("ExecutionFailed", error="No", cause="The model is bad")
    failed = runs(told, END)["No"]
    assert (failed.type, failed.status, failed.failure_reason) == ("Fail", "Failed", "The model is bad")
    told = Told()
    told.enter("No", "Pass")
    told.leave("No", "Pass", Failures__1=[{"Step": "No", "Error": "FailStep", "Cause": "bad"}])
    machine = {"States": {**MACHINE["States"], "No": {"Type": "Pass"}}}
    failed = runs(told, machine=machine)["No"]
    assert (failed.status, failed.failure_reason, failed.attempts) == ("Failed", "bad", 1)


def test_what_runs_when_the_execution_ends_is_stopped() -> None:
    told = Told()
    told.job("A")
    told.enter("B")
    told.schedule()
    told.submit("B")
    told.end("ExecutionAborted")
    found = runs(told, END)
    assert (found["A"].status, found["B"].status, found["B"].ended) == ("Succeeded", "Stopped", END)
    told = Told()
    told.enter("B")
    told.add("TaskStateAborted")
    assert runs(told)["B"].status == "Stopped"


def test_a_redrive_goes_on_in_the_state_that_was_left_open() -> None:
    told = Told()
    told.job("A")
    told.enter("B")
    told.schedule()
    told.submit("B")
    told.end("ExecutionAborted")
    told.add("ExecutionRedriven")
    told.schedule()
    again = runs(told)["B"]
    assert (again.status, again.attempts, again.ended) == ("Executing", 2, "")
    told.submit("B")
    told.succeed()
    told.leave("B")
    assert {name: run.status for name, run in runs(told).items()} == {"A": "Succeeded", "B": "Succeeded"}


def test_what_a_function_is_and_gives() -> None:
    told = Told()
    told.enter("Call")
    told.schedule(kind="lambda", FunctionName="arn:aws:lambda:x", Payload={})
    assert runs(told)["Call"].metadata == {"Lambda": {"Arn": "arn:aws:lambda:x"}}
    told.succeed(kind="lambda", Payload={"rows": 3}, StatusCode=200)
    told.leave("Call")
    assert runs(told)["Call"].output == {"OutputParameters": {"rows": 3}}


def test_a_message_that_waits_for_an_answer_shows_its_token() -> None:
    told = Told()
    told.enter("A")
    told.schedule(kind="sqs", QueueUrl="https://queue", MessageBody={"token": "T"})
    assert runs(told)["A"].metadata == {"Callback": {"CallbackToken": "T", "SqsQueueUrl": "https://queue"}}


def test_reasons() -> None:
    assert reason_of("States.TaskFailed", '{"FailureReason": "ClientError: x"}') == "ClientError: x"
    assert reason_of("States.TaskFailed", '{"ExitMessage": "no rows"}') == "no rows"
    assert reason_of("States.Timeout", "") == "States.Timeout"
    assert reason_of("SageMaker.ResourceLimitExceededException", "limit") == (
        "SageMaker.ResourceLimitExceededException: limit"
    )
    assert reason_of("E", "[" * 100_000).startswith("E: [[")
