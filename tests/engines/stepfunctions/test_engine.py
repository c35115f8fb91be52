"""The Step Functions engine: starting, following, looking, finding, stopping, going on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from engines.stepfunctions.executing import (
    BUCKET,
    ID,
    MACHINE,
    NAME,
    PLACE,
    ROLE,
    SOURCE,
    Running,
    definition,
    execution_arn,
    processing,
)
from engines.stepfunctions.histories import Told, job_arn
from scripted import NOON, Scripted

from dagwright.definition.graph import read_definition
from dagwright.definition.slices import Slice
from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.engines.engine import Start
from dagwright.engines.execution import Nobody, StepRun
from dagwright.engines.stepfunctions.engine import StepFunctionsEngine
from dagwright.engines.stepfunctions.executions import STATUSES
from dagwright.errors import AWSError, ParameterError, UsageError
from dagwright.project import Project, load_project
from dagwright.shapes import model

CONFIGURATION = Path(__file__).parents[3] / "config/project.yaml"
JOB = {"Get": "Steps.A.ProcessingJobArn"}
DEFINITION = definition(processing("A"), processing("B", "A", Environment={"job": JOB}), processing("C", "B"))


class Watching(Nobody):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, str]] = []

    def noted(self, line: str) -> None:
        self.lines.append(line)

    def changed(self, step: StepRun) -> None:
        self.steps.append((step.name, step.status))


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(CONFIGURATION, "dev")


@pytest.fixture
def running(aws: AWS, scripted: Scripted) -> Running:
    return Running(aws, scripted, DEFINITION)


@pytest.fixture
def engine(running: Running, project: Project) -> StepFunctionsEngine:
    seconds = [0.0]

    def wait(number: float) -> None:
        seconds[0] += number

    return StepFunctionsEngine(Clients(project.region), project, Clock(lambda: seconds[0], wait))


def again(engine: StepFunctionsEngine) -> StepFunctionsEngine:
    """The same of a later command, which has read nothing yet."""
    return StepFunctionsEngine(Clients("us-east-1"), engine._names, engine._clock)  # type: ignore[arg-type]


def start(given: dict[str, Any] | None = None, **members: Any) -> Start:
    return Start("training", read_definition(DEFINITION), given or {}, words="training", **members)


# ---- starting ----


def test_what_is_deployed_is_started_under_a_name_with_what_is_given_typed(
    engine: StepFunctionsEngine, running: Running
) -> None:
    running.over("SUCCEEDED")
    running.first.job("A")
    watching = Watching()
    execution = engine.run(start({"Trees": "50", "Fast": "TRUE"}, offered={"Commit": "x"}), watching)
    (asked,) = running.aws.of("StartExecution")
    assert asked["stateMachineArn"] == MACHINE
    assert json.loads(asked["input"]) == {"Trees": 50, "Fast": True}
    assert re.fullmatch("[0-9]{8}T[0-9]{6}-[0-9a-f]{8}", asked["name"])
    assert (execution.pipeline, execution.status, execution.id) == (NAME, "Succeeded", asked["name"])
    assert execution.parameters == {"Trees": "50", "Fast": "true"}
    assert watching.steps == [("A", "Succeeded")]
    assert watching.lines == []


def test_a_start_that_is_left(engine: StepFunctionsEngine, running: Running) -> None:
    execution = engine.start(start(), Nobody())
    assert (execution.status, execution.ended) == ("Executing", "")
    assert execution.address == f"{NAME}/{execution.id}"
    assert "GetExecutionHistory" not in running.aws.operations


def test_moto_starts_it_too(engine: StepFunctionsEngine, running: Running) -> None:
    del running.scripted.answers["StartExecution"]
    execution = engine.start(start({"Trees": 7}), Nobody())
    (listed,) = running.states.list_executions(stateMachineArn=MACHINE)["executions"]
    assert (listed["executionArn"], listed["name"]) == (execution.arn, execution.id)


def test_another_definition_here_is_noted(engine: StepFunctionsEngine, running: Running) -> None:
    watching = Watching()
    other = Start("training", read_definition(definition(processing("Z"))), words="training")
    engine.start(other, watching)
    assert watching.lines == [
        f"{NAME} runs as it is deployed, which is not as it is here: see deploy.py plan training --env dev"
    ]


@pytest.mark.foreign("stateMachine:Other")
@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        (start({"Trees": "many"}), ParameterError, "with its parameters"),
        (start({"Tree": "1"}), ParameterError, "with its parameters"),
        (start(part=Slice(("Z",))), UsageError, "These steps cannot be chosen"),
        (start(part=Slice(("B",))), UsageError, "B, C cannot run alone: no execution of rc-churn-training-dev has the"),
        (start(deployed_name="Other"), AWSError, "State machine Other is not deployed in dev"),
    ],
)
def test_what_cannot_be_started_is_refused_before_anything_has(
    engine: StepFunctionsEngine, running: Running, asked: Start, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        engine.run(asked, Nobody())
    assert running.aws.writes == []


@pytest.mark.foreign("stateMachine:theirs")
def test_a_machine_of_others_is_not_started_blindly(engine: StepFunctionsEngine, running: Running) -> None:
    running.states.create_state_machine(name="theirs", definition='{"StartAt": "X", "States": {}}', roleArn=ROLE)
    with pytest.raises(AWSError, match="does not say which pipeline it was made of"):
        engine.start(start(deployed_name="theirs"), Nobody())


# ---- looking ----


def test_an_execution_in_the_words_of_every_engine(engine: StepFunctionsEngine, running: Running) -> None:
    running.first.job("A")
    running.first.failed_job("B", "AlgorithmError: no rows")
    cause = json.dumps({"FailureReason": "AlgorithmError: no rows"})
    running.over("FAILED", error="B", cause=cause, redriveCount=1)
    execution = engine.describe(f"{NAME}/{ID}")
    assert execution.as_json()["PipelineExecutionStatus"] == "Failed"
    assert execution.failure_reason == "B: AlgorithmError: no rows"
    assert execution.parameters == {"Trees": "50", "Fast": "false"}
    assert [(step.name, step.status) for step in execution.steps.values()] == [("A", "Succeeded"), ("B", "Failed")]
    assert execution.steps["B"].failure_reason == "AlgorithmError: no rows"
    assert execution.as_json()["RedriveCount"] == 1
    assert execution.link.endswith(f"#/v2/executions/details/{execution_arn()}")
    assert (execution.started, execution.ended) == ("2026-11-21T12:00:00.000Z", "2026-11-21T12:02:00.000Z")


def test_the_states_are_those_of_the_service() -> None:
    assert set(STATUSES) == set(model("stepfunctions")["ExecutionStatus"]["enum"])


def test_what_took_too_long_has_failed(engine: StepFunctionsEngine, running: Running) -> None:
    running.over("TIMED_OUT")
    execution = engine.describe(execution_arn())
    assert (execution.status, execution.failure_reason) == ("Failed", "it took longer than the state machine allows")


def test_machine_and_definition_are_read_once(engine: StepFunctionsEngine, running: Running) -> None:
    looks = iter(engine.watch(engine.describe(execution_arn()), Nobody()))
    next(looks)
    running.aws.calls.clear()
    next(looks)
    assert running.aws.operations == ["DescribeExecution", "GetExecutionHistory"]


def test_jobs_are_described(engine: StepFunctionsEngine, running: Running) -> None:
    running.describes_jobs()
    running.first.job("A")
    execution = engine.describe(execution_arn())
    engine.complete(execution)
    output = execution.steps["A"].output
    assert output is not None
    assert output["ProcessingJobStatus"] == "Completed"


def test_logs_are_those_of_the_job(engine: StepFunctionsEngine, running: Running) -> None:
    running.first.job("A")
    step = engine.describe(execution_arn()).steps["A"]
    logs = running.aws.client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/ProcessingJobs")
    logs.create_log_stream(logGroupName="/aws/sagemaker/ProcessingJobs", logStreamName=f"{step.job}/algo-1-{NOON}")
    assert [log.host for log in engine.logs(step)] == ["algo-1"]


def _lose_the_definition(running: Running) -> None:
    running.aws.client("s3").delete_object(Bucket=BUCKET, Key=SOURCE.removeprefix(f"s3://{BUCKET}/"))


def test_without_its_definition_an_execution_is_told_by_the_machine(
    engine: StepFunctionsEngine, running: Running
) -> None:
    _lose_the_definition(running)
    running.first.job("A")
    running.first.failed_job("B", "AlgorithmError: no rows")
    running.over("FAILED", error="B", cause="no rows", redriveStatus="NOT_REDRIVABLE")
    execution = engine.describe(execution_arn())
    assert (execution.status, execution.failure_reason) == ("Failed", "B: no rows")
    assert [(step.name, step.type, step.status) for step in execution.steps.values()] == [
        ("A", "Processing", "Succeeded"),
        ("B", "Processing", "Failed"),
    ]
    assert execution.parameters == {"Trees": "50"}, "what it was started with"
    assert execution.note.startswith(f"The pipeline definition this machine was made of is gone: {SOURCE}. ")
    running.aws.calls.clear()
    assert engine.describe(execution_arn()).note == execution.note
    assert "GetObject" not in running.aws.operations, "it is not asked for again and again"
    with pytest.raises(AWSError, match="is gone") as refused:
        engine.resume(execution_arn(), Nobody())
    assert "deploy.py upsert training --env dev --engine stepfunctions" in refused.value.hint
    assert running.aws.writes == []


def test_what_needs_the_definition_says_that_it_is_gone(engine: StepFunctionsEngine, running: Running) -> None:
    _lose_the_definition(running)
    with pytest.raises(AWSError, match=f"is gone: {SOURCE}") as refused:
        engine.run(start(), Nobody())
    assert refused.value.hint == "Deploy the pipeline again: deploy.py upsert training --env dev --engine stepfunctions"


def test_a_definition_that_may_not_be_read_is_done_without(engine: StepFunctionsEngine, running: Running) -> None:
    running.aws.fail("denied", "GetObject")
    execution = engine.describe(execution_arn())
    assert execution.note.startswith(f"The pipeline definition this machine was made of may not be read: {SOURCE}")


# ---- finding ----


def _ran(running: Running, *names: str) -> None:
    del running.scripted.answers["StartExecution"]
    for name in names:
        running.states.start_execution(stateMachineArn=MACHINE, name=name, input="{}")
        running.says[execution_arn(name)] = {}
        running.told[execution_arn(name)] = running.first
        running.machines[execution_arn(name)] = running.compiled()


@pytest.mark.foreign("stateMachine:trianing")
def test_history_is_that_of_the_projects_machines(engine: StepFunctionsEngine, running: Running) -> None:
    running.states.create_state_machine(name="rc-churn-other", definition="{}", roleArn=ROLE)
    running.states.create_state_machine(name="others", definition="{}", roleArn=ROLE)
    _ran(running, "one", "two")
    assert {item.id for item in engine.history()} == {"one", "two"}
    assert {item.id for item in engine.history("training")} == {"one", "two"}
    assert len(engine.history(limit=1)) == 1
    assert all(item.status == "Executing" for item in engine.history())
    with pytest.raises(UsageError, match="There is no pipeline rc-churn-trianing-dev or trianing in dev"):
        engine.history("trianing")


def test_an_execution_is_found_by_a_beginning_of_its_name(engine: StepFunctionsEngine, running: Running) -> None:
    _ran(running, "20261121T1200-x", "20261122T1200-x", "other")
    assert engine.describe("20261122").id == "20261122T1200-x"
    assert engine.describe("training/other").id == "other"
    with pytest.raises(UsageError, match="the beginning of several"):
        engine.describe("202611")
    with pytest.raises(UsageError, match="is no execution of this project"):
        engine.describe("1999")
    with pytest.raises(UsageError, match="There is no execution"):
        engine.describe(f"{NAME}/20261121T120000-ffffffff")
    assert engine.describe().pipeline == NAME


@pytest.mark.parametrize(
    "words", ["arn:aws:states:us-east-1:123456789012:stateMachine:x", "arn:aws:sagemaker:us-east-1:1:pipeline/x"]
)
def test_another_arn_is_refused(engine: StepFunctionsEngine, words: str) -> None:
    with pytest.raises(UsageError, match="is not the ARN of a state machine's execution"):
        engine.describe(words)


def test_an_execution_elsewhere_is_refused(engine: StepFunctionsEngine) -> None:
    with pytest.raises(UsageError, match="is not in dev"):
        engine.describe(execution_arn().replace("us-east-1", "eu-west-1"))


# ---- stopping ----


def test_stopping_waits_until_it_has(engine: StepFunctionsEngine, running: Running) -> None:
    running.first.enter("A")
    running.first.schedule()
    running.first.submit("A")

    def stop(asked: Any) -> Any:
        running.over("ABORTED")
        return {"stopDate": NOON}

    running.scripted.answers["StopExecution"] = stop
    execution = engine.stop(f"{NAME}/{ID}")
    assert (execution.status, execution.steps["A"].status) == ("Stopped", "Stopped")
    with pytest.raises(UsageError, match="is not running: it is Stopped"):
        engine.stop(f"{NAME}/{ID}")


def test_stopping_takes_no_more_than_looking_and_stopping(engine: StepFunctionsEngine, running: Running) -> None:
    running.scripted.refuse("GetExecutionHistory", "AccessDeniedException")
    running.scripted.refuse("DescribeStateMachineForExecution", "AccessDeniedException")

    def stop(asked: Any) -> Any:
        running.over("ABORTED")
        return {"stopDate": NOON}

    running.scripted.answers["StopExecution"] = stop
    execution = engine.stop(f"{NAME}/{ID}")
    assert (execution.status, execution.ended, execution.steps) == ("Stopped", "2026-11-21T12:02:00.000Z", {})


# ---- going on ----


def test_what_was_stopped_is_redriven(engine: StepFunctionsEngine, running: Running) -> None:
    running.first.job("A")
    running.over("ABORTED", redriveStatus="REDRIVABLE")

    def redrive(asked: Any) -> Any:
        running.over("SUCCEEDED", stopDate=NOON + 300)
        return {"redriveDate": NOON + 200}

    running.scripted.answers["RedriveExecution"] = redrive
    execution = engine.resume(f"{NAME}/{ID}", Nobody())
    assert (execution.id, execution.status) == (ID, "Succeeded")
    assert running.aws.writes == ["RedriveExecution"]


def test_what_was_stopped_is_redriven_without_its_definition(engine: StepFunctionsEngine, running: Running) -> None:
    _lose_the_definition(running)
    running.over("ABORTED", redriveStatus="REDRIVABLE")

    def redrive(asked: Any) -> Any:
        running.over("SUCCEEDED", stopDate=NOON + 300)
        return {"redriveDate": NOON + 200}

    running.scripted.answers["RedriveExecution"] = redrive
    assert engine.resume(f"{NAME}/{ID}", Nobody()).status == "Succeeded"


def test_after_a_failure_the_rest_runs_as_a_machine_of_its_own(engine: StepFunctionsEngine, running: Running) -> None:
    running.describes_jobs()
    running.first.job("A")
    running.first.failed_job("B", "AlgorithmError: no")
    running.over("FAILED", error="B", cause="no", redriveStatus="REDRIVABLE")
    watching = Watching()
    execution = engine.resume(f"{NAME}/{ID}", watching)
    assert running.aws.writes == ["CreateStateMachine", "StartExecution"]
    (made,) = running.aws.of("CreateStateMachine")
    assert made["name"] == "rc-churn-training-rest-dev"
    assert made["roleArn"] == running.states.describe_state_machine(stateMachineArn=MACHINE)["roleArn"]
    assert {"key": "dagwright:pipeline", "value": "rest:training"} in made["tags"]
    machine = json.loads(made["definition"])
    assert {"B", "C"} <= set(machine["States"])
    assert "A" not in machine["States"]
    assert machine["States"]["B"]["Parameters"]["Environment"]["job"] == job_arn("A")
    assert machine["Comment"].endswith(f"{SOURCE}, goes on from {execution_arn()}")
    (started,) = running.aws.of("StartExecution")
    assert started["stateMachineArn"] == f"{PLACE}:stateMachine:rc-churn-training-rest-dev:1"
    assert started["input"] == '{"Trees": 50}'
    assert execution.pipeline == "rc-churn-training-rest-dev"
    assert watching.lines == [f"rc-churn-training-rest-dev runs what {NAME}/{ID} has left; done already: A"]
    assert execution.as_json()["ResumedPipelineExecutionArn"] == execution_arn()


def test_the_rest_of_a_rest_knows_what_both_have_done(engine: StepFunctionsEngine, running: Running) -> None:
    running.describes_jobs()
    running.first.job("A")
    running.first.failed_job("B", "no")
    running.over("FAILED", error="B", cause="no", redriveStatus="NOT_REDRIVABLE")
    second = engine.resume(f"{NAME}/{ID}", Nobody())
    running.told[second.arn] = Told()
    running.told[second.arn].job("B")
    running.told[second.arn].failed_job("C", "no")
    watching = Watching()
    third = again(engine).resume(second.arn, watching)
    assert third.pipeline == second.pipeline
    assert "done already: A, B" in watching.lines[0]
    assert running.aws.writes[-2:] == ["UpdateStateMachine", "StartExecution"]
    (asked,) = running.aws.of("UpdateStateMachine")
    machine = json.loads(asked["definition"])
    assert "C" in machine["States"]
    assert not {"A", "B"} & set(machine["States"])


# ---- parts ----


def test_a_part_runs_as_a_machine_of_its_own(engine: StepFunctionsEngine, running: Running) -> None:
    running.describes_jobs()
    running.first.job("A")
    running.first.job("B")
    running.over("SUCCEEDED")
    watching = Watching()
    execution = engine.start(start({"Trees": 7}, part=Slice(("B",), ("B",)), source=f"{NAME}/{ID}"), watching)
    assert running.aws.writes == ["CreateStateMachine", "StartExecution"]
    (made,) = running.aws.of("CreateStateMachine")
    assert made["name"] == "rc-churn-training-part-dev"
    assert made["roleArn"] == running.states.describe_state_machine(stateMachineArn=MACHINE)["roleArn"]
    assert {"key": "dagwright:pipeline", "value": "part:training"} in made["tags"]
    machine = json.loads(made["definition"])
    assert [state for state in machine["States"] if " " not in state] == ["B"]
    assert machine["States"]["B"]["Parameters"]["Environment"]["job"] == job_arn("A")
    assert machine["States"]["B"]["Parameters"]["ProcessingJobName.$"].startswith("States.Format('rc-churn-b-")
    ending = f"{SOURCE}, part of {NAME} on the results of {execution_arn()}, runs only B"
    assert machine["Comment"].endswith(ending)
    (started,) = running.aws.of("StartExecution")
    assert started["stateMachineArn"] == f"{PLACE}:stateMachine:rc-churn-training-part-dev:1"
    assert started["input"] == '{"Trees": 7}'
    assert watching.lines == [f"what A gave is taken from execution {NAME}/{ID}, Succeeded"]
    running.told[execution.arn] = Told()
    running.told[execution.arn].job("B")
    said = engine.describe(execution.address).as_json()
    assert said["SelectiveExecutionConfig"] == execution.more["SelectiveExecutionConfig"]
    config = {"SourcePipelineExecutionArn": execution_arn(), "SelectedSteps": [{"StepName": "B"}]}
    assert said["SelectiveExecutionConfig"] == config
    step, other = said["PipelineExecutionSteps"]
    assert (step["StepName"], step["StepStatus"], other["StepName"]) == ("A", "Succeeded", "B")
    assert "SelectiveExecutionResult" not in other
    assert step["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": execution_arn()}


def test_a_part_that_needs_nothing_asks_for_no_execution(engine: StepFunctionsEngine, running: Running) -> None:
    execution = engine.start(start(part=Slice(only=("A",))), Nobody())
    assert execution.pipeline == "rc-churn-training-part-dev"
    assert execution.more == {"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "A"}]}}
    assert not {"ListExecutions", "DescribeExecution"} & {*running.aws.operations}


def test_the_newest_execution_that_has_the_results_is_taken(engine: StepFunctionsEngine, running: Running) -> None:
    running.describes_jobs()
    start_one = running.scripted.answers["StartExecution"]
    _ran(running, "one", "two")
    running.scripted.answers["StartExecution"] = start_one
    without = Told()
    without.failed_job("A", "no")
    running.told[execution_arn("two")] = without
    running.first.job("A")
    watching = Watching()
    engine.start(start(part=Slice(only=("B",))), watching)
    assert watching.lines == [f"what A gave is taken from execution {NAME}/one, Executing"]
    running.told[execution_arn("one")] = without
    engine = again(engine)
    with pytest.raises(UsageError, match="does not have what B needs") as refused:
        engine.start(start(part=Slice(only=("B",))), watching)
    (problem,) = refused.value.problems
    assert (problem.step, problem.what) == ("A", "it is Failed there, and B cannot do without")


def test_a_result_that_cannot_be_read_is_said_and_nothing_is_made(
    engine: StepFunctionsEngine, running: Running
) -> None:
    running.scripted.refuse("DescribeProcessingJob", "ResourceNotFound")
    running.first.job("A")
    with pytest.raises(AWSError, match="What the step A gave cannot be read any more"):
        engine.start(start(part=Slice(only=("B",)), source=execution_arn()), Nobody())
    assert running.aws.writes == []


def test_an_execution_of_another_pipeline_is_no_source(engine: StepFunctionsEngine, running: Running) -> None:
    other = execution_arn(name="rc-churn-scoring-dev")
    running.says[other], running.told[other], running.machines[other] = {}, running.first, running.compiled()
    with pytest.raises(UsageError, match="is an execution of rc-churn-scoring-dev, not of rc-churn-training-dev"):
        engine.start(start(part=Slice(only=("B",)), source=other), Nobody())


def test_a_part_that_failed_goes_on_as_a_part_on_the_same_results(
    engine: StepFunctionsEngine, running: Running
) -> None:
    running.describes_jobs()
    running.first.job("A")
    part = engine.start(start(part=Slice(only=("B",)), source=execution_arn()), Nobody())
    running.told[part.arn] = Told()
    running.told[part.arn].failed_job("B", "no")
    running.over("FAILED", part.arn, error="B", cause="no")
    running.over("SUCCEEDED")
    rest = engine.resume(part.arn, Nobody())
    assert rest.pipeline == "rc-churn-training-rest-dev"
    machine = json.loads(running.aws.of("CreateStateMachine")[-1]["definition"])
    assert [state for state in machine["States"] if " " not in state] == ["B"]
    assert machine["States"]["B"]["Parameters"]["Environment"]["job"] == job_arn("A")


def test_a_part_goes_on_from_what_a_failed_execution_and_its_rest_have_done(
    engine: StepFunctionsEngine, running: Running
) -> None:
    running.describes_jobs()
    running.first.job("A")
    running.first.failed_job("B", "no")
    running.over("FAILED", error="B", cause="no")
    rest = engine.resume(execution_arn(), Nobody())
    running.told[rest.arn] = Told()
    running.told[rest.arn].job("B")
    engine = again(engine)
    part = engine.start(start(part=Slice(only=("C",)), source=rest.arn), Nobody())
    assert engine.describe(part.arn).steps["B"].job == job_arn("B").rpartition("/")[2]
    both = engine.start(start(part=Slice(only=("B", "C")), source=rest.arn), Nobody())
    assert next(iter(engine.describe(both.arn).steps)) == "A"


# ---- going on is refused ----


def test_what_succeeded_does_not_go_on(engine: StepFunctionsEngine, running: Running) -> None:
    running.over("SUCCEEDED")
    with pytest.raises(UsageError, match="is Succeeded"):
        engine.resume(execution_arn(), Nobody())


def test_a_result_that_is_gone_is_said_and_nothing_is_made(engine: StepFunctionsEngine, running: Running) -> None:
    running.scripted.refuse("DescribeProcessingJob", "ResourceNotFound")
    running.first.job("A")
    running.first.failed_job("B", "no")
    running.over("FAILED", error="B", cause="no")
    with pytest.raises(AWSError, match="What the step A gave cannot be read any more"):
        engine.resume(execution_arn(), Nobody())
    assert running.aws.writes == []


def test_a_rest_machine_of_others_is_left_alone(engine: StepFunctionsEngine, running: Running) -> None:
    running.states.create_state_machine(name="rc-churn-training-rest-dev", definition="{}", roleArn=ROLE)
    running.describes_jobs()
    running.first.job("A")
    running.first.failed_job("B", "no")
    running.over("FAILED", error="B", cause="no")
    with pytest.raises(AWSError, match="rc-churn-training-rest-dev is another's"):
        engine.resume(execution_arn(), Nobody())
    assert running.aws.writes == []
