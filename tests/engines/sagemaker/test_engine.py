"""The SageMaker engine: starting, looking, finding, stopping, going on, parts. Against moto and answers of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from scripted import (
    BROKEN,
    DENIED,
    EXPIRED,
    ID,
    NOON,
    PIPELINE,
    THROTTLED,
    Refusal,
    Scripted,
    State,
    execution_arn,
    job_step,
    step,
)

from dagwright.definition.graph import read_definition
from dagwright.definition.slices import Slice
from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.following import Clock
from dagwright.engines.engine import Start
from dagwright.engines.execution import Nobody
from dagwright.engines.sagemaker.engine import SageMakerEngine
from dagwright.errors import AWSError, ExecutionError, ParameterError, UsageError, UserError
from dagwright.project import Project, load_project

CONFIGURATION = Path(__file__).parents[3] / "config/project.yaml"


def processing(name: str, *needs: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": list(needs)}


STEPS = [processing("A"), processing("B", "A"), processing("C", "B"), processing("D")]
PARAMETERS = [
    {"Name": "Trees", "Type": "Integer", "DefaultValue": 200},
    {"Name": "Fast", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Commit", "Type": "String", "DefaultValue": "unknown"},
]
DEFINITION = json.dumps({"Version": "2020-12-01", "Parameters": PARAMETERS, "Steps": STEPS})


class Notes(Nobody):
    """Remembers what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noted(self, line: str) -> None:
        self.lines.append(line)


class Hands:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(now=lambda: self.seconds, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(CONFIGURATION, "dev")


@pytest.fixture
def service(aws: AWS) -> Iterator[Scripted]:
    with Scripted(aws) as scripted:
        yield scripted


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def engine(service: Scripted, project: Project, hands: Hands) -> SageMakerEngine:
    return SageMakerEngine(Clients(project.region), project, hands.clock)


def start(given: dict[str, Any] | None = None, **members: Any) -> Start:
    return Start("training", read_definition(DEFINITION), given or {}, words="training", **members)


# ---- starting ----


def test_what_is_deployed_is_started_with_what_is_given_as_texts(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Succeeded"))
    notes = Notes()
    execution = engine.run(start({"Trees": "50", "Fast": True}, offered={"Commit": "abc", "Other": "x"}), notes)
    (asked,) = service.aws.of("StartPipelineExecution")
    assert asked["PipelineName"] == PIPELINE
    assert asked["PipelineParameters"] == [
        {"Name": "Commit", "Value": "abc"},
        {"Name": "Trees", "Value": "50"},
        {"Name": "Fast", "Value": "true"},
    ]
    assert (execution.id, execution.pipeline, execution.status) == (ID, PIPELINE, "Succeeded")
    assert execution.as_json()["PipelineExecutionArn"] == execution_arn()
    assert execution.parameters == {"Trees": "50", "Fast": "true", "Commit": "abc"}
    assert notes.lines == []


def test_so_many_steps_at_once_as_are_asked_for(service: Scripted, project: Project, hands: Hands) -> None:
    engine = SageMakerEngine(Clients(project.region), project, hands.clock, max_parallel=3)
    service.deploy(DEFINITION)
    before = State("Failed", [job_step("A", "Failed")], "one failed", modified=NOON + 60)
    service.execution(before, before, State("Succeeded", [job_step("A", "Succeeded")]))
    engine.start(start(), Nobody())
    engine.resume(execution_arn(), Nobody())
    for call in ("StartPipelineExecution", "RetryPipelineExecution"):
        (asked,) = service.aws.of(call)
        assert asked["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}


def test_each_start_has_a_token_of_its_own(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"))
    for _ in range(2):
        engine.start(start(), Nobody())
    first, second = (asked["ClientRequestToken"] for asked in service.aws.of("StartPipelineExecution"))
    assert first != second


@pytest.mark.foreign("pipeline/TheirPipeline")
def test_a_pipeline_that_brings_its_own_name_is_found_by_it(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION, "TheirPipeline")
    service.execution(State("Executing"))
    execution = engine.start(start(deployed_name="TheirPipeline"), Nobody())
    assert execution.address == f"TheirPipeline/{ID}"
    assert (execution.status, execution.ended) == ("Executing", "")


def test_moto_starts_it_too(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    execution = engine.start(start({"Trees": "7"}), Nobody())
    (summary,) = engine.history()
    assert (summary.arn, summary.status) == (execution.arn, "Succeeded")
    assert engine.history("training")[0].arn == engine.history(PIPELINE)[0].arn == execution.arn
    assert list(engine.graph(execution).steps) == ["A", "B", "C", "D"]
    service.answers["ListPipelineExecutionSteps"] = lambda _: {"PipelineExecutionSteps": []}
    described = engine.describe()
    assert described.arn == execution.arn
    assert described.parameters == {"Trees": "7"}
    assert described.ended


def test_a_difference_to_what_is_here_is_noted_with_the_command_that_shows_it(
    engine: SageMakerEngine, service: Scripted
) -> None:
    service.deploy(DEFINITION.replace("200", "300"))
    service.execution(State("Executing"))
    notes = Notes()
    engine.start(start(), notes)
    (note,) = notes.lines
    assert "runs as it is deployed, which is not as it is here" in note
    assert note.endswith("deploy.py plan training --env dev")


def test_parameters_are_checked_against_what_is_deployed_before_it_starts(
    engine: SageMakerEngine, service: Scripted
) -> None:
    service.deploy(DEFINITION.replace("Trees", "Trunks"))
    with pytest.raises(ParameterError) as caught:
        engine.run(start({"Trees": "5", "Fast": "maybe"}), Nobody())
    assert [problem.code for problem in caught.value.problems] == ["unknown-parameter", "bad-value"]
    assert service.aws.writes == []


def test_a_pipeline_that_is_not_deployed_is_said_with_the_command_that_does_it(engine: SageMakerEngine) -> None:
    with pytest.raises(AWSError, match=f"Pipeline {PIPELINE} is not deployed in dev") as caught:
        engine.run(start(), Nobody())
    assert caught.value.hint == "deploy.py upsert training --env dev"


def test_credentials_of_another_account_start_nothing(service: Scripted) -> None:
    project = load_project(CONFIGURATION, "production")
    engine = SageMakerEngine(Clients(project.region), project)
    for ask in (lambda: engine.run(start(), Nobody()), engine.describe, engine.history):
        with pytest.raises(UserError, match="production is in the account 444455556666"):
            ask()
    assert set(service.aws.operations) == {"GetCallerIdentity"}


def test_what_the_service_refuses_is_said_as_it_says_it(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.answers["StartPipelineExecution"] = lambda _: Refusal("ResourceLimitExceeded", "20 run already")
    with pytest.raises(AWSError, match=f"{PIPELINE} cannot be started: 20 run already"):
        engine.run(start(), Nobody())


# ---- following ----


def test_two_failing_steps_are_there_with_their_own_reasons(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    failed = [
        job_step("A", "Failed", FailureReason="ClientError: no space left"),
        job_step("D", "Failed", FailureReason="AlgorithmError: exit code 1"),
    ]
    reason = "Step failure: One or multiple steps failed"
    service.execution(State("Executing", [job_step("A", "Executing")]), State("Failed", failed, reason))
    execution = engine.run(start(), Nobody())
    assert [(one.name, one.failure_reason) for one in execution.failed_steps] == [
        ("A", "ClientError: no space left"),
        ("D", "AlgorithmError: exit code 1"),
    ]


def test_all_pages_of_steps_are_read(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Succeeded", [step(f"S{n}", "Succeeded") for n in range(250)]))
    assert len(engine.run(start(), Nobody()).steps) == 250
    assert [asked.get("NextToken") for asked in service.aws.of("ListPipelineExecutionSteps")] == [None, "100", "200"]


def test_throttling_and_broken_answers_in_the_middle_do_not_end_it(
    engine: SageMakerEngine, service: Scripted, hands: Hands
) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"), THROTTLED, BROKEN, THROTTLED, State("Executing"), State("Succeeded"))
    notes = Notes()
    assert engine.run(start(), notes).status == "Succeeded"
    assert len(notes.lines) == 1
    assert "AWS gives no answer" in notes.lines[0]


def test_a_connection_that_breaks_in_the_middle_does_not_end_it(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"), State("Succeeded"))
    service.aws.fail("reset", "DescribePipelineExecution")
    assert engine.run(start(), Nobody()).status == "Succeeded"


@pytest.mark.parametrize(("refusal", "advice"), [(EXPIRED, "Sign in again"), (DENIED, "Ask for this permission")])
def test_what_ends_the_following_does_not_end_the_execution(
    engine: SageMakerEngine, service: Scripted, refusal: Refusal, advice: str
) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"), refusal)
    with pytest.raises(AWSError, match=f"{PIPELINE}/{ID} goes on, but it could not be followed to its end") as caught:
        engine.run(start(), Nobody())
    assert advice in caught.value.hint
    assert caught.value.hint.endswith(f"deploy.py status {PIPELINE}/{ID} --env dev")


def test_a_state_that_is_not_known_is_reported_after_a_while(
    engine: SageMakerEngine, service: Scripted, hands: Hands
) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Hibernating"))
    with pytest.raises(ExecutionError, match="'Hibernating' for 10 min"):
        engine.run(start(), Nobody())
    assert hands.seconds >= 600


# ---- looking ----


def test_a_description_keeps_the_words_of_the_service(engine: SageMakerEngine, service: Scripted) -> None:
    cached = {"CacheHitResult": {"SourcePipelineExecutionArn": execution_arn(identity="older1234567")}}
    outcome = {"Metadata": {"Condition": {"Outcome": "False"}}}
    service.execution(
        State(
            "CompletedWithFailures",
            [
                job_step("A", "Succeeded", "training", **cached),
                job_step("B", "Succeeded", AttemptCount=2, StepDescription="second try"),
                step("If", "Succeeded", **outcome),
            ],
            "one failed",
        ),
        Trees="50",
    )
    found = engine.describe(execution_arn()).as_json()
    assert found["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert found["FailureReason"] == "one failed"
    assert found["PipelineName"] == PIPELINE
    assert found["PipelineParameters"] == [{"Name": "Trees", "Value": "50"}]
    assert found["LastModifiedTime"] == found["EndTime"] == "2026-11-21T12:02:00.000Z"
    first, second, third = found["PipelineExecutionSteps"]
    assert first["CacheHitResult"] == cached["CacheHitResult"]
    assert (first["StepType"], first["Metadata"]["TrainingJob"]["Arn"].split("/")[0].split(":")[-1]) == (
        "Training",
        "training-job",
    )
    assert (first["StartTime"], first["EndTime"]) == ("2026-11-21T12:00:05.000Z", "2026-11-21T12:01:30.000Z")
    assert (second["AttemptCount"], second["StepDescription"]) == (2, "second try")
    assert third["Metadata"]["Condition"]["Outcome"] == "False"
    assert len(found["PipelineExecutionSteps"]) == 3, "steps of the untaken branch are not there"


def test_steps_of_a_loop_are_told_apart(engine: SageMakerEngine, service: Scripted) -> None:
    inside = [
        step("Inner", "Succeeded", IterationContext={"ParentStepName": "Each", "Index": n, "Item": "x"}) for n in (0, 1)
    ]
    service.execution(State("Succeeded", inside))
    assert list(engine.describe(execution_arn()).steps) == ["Inner[0]", "Inner[1]"]


def test_outputs_are_the_describe_responses_as_far_as_they_can_be_had(
    engine: SageMakerEngine, service: Scripted
) -> None:
    service.execution(State("Succeeded", [job_step("A", "Succeeded", "training"), job_step("B", "Succeeded")]))
    service.answers["DescribeTrainingJob"] = lambda asked: {
        "TrainingJobName": asked["TrainingJobName"],
        "TrainingJobArn": "a",
        "CreationTime": NOON,
    }
    service.answers["DescribeProcessingJob"] = lambda _: DENIED
    execution = engine.describe(execution_arn())
    assert [one.output for one in execution.steps.values()] == [None, None]
    engine.complete(execution)
    first, second = execution.steps.values()
    assert first.output is not None
    assert first.output["TrainingJobName"] == first.job
    assert first.output["CreationTime"] == "2026-11-21T12:00:00.000Z"
    assert second.output is None


def test_the_link_leads_to_the_domain_it_was_started_from(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"))
    assert engine.describe(execution_arn()).link.endswith("sagemaker/home?region=us-east-1#/studio-landing")
    described = service.answers["DescribePipelineExecution"]
    service.answers["DescribePipelineExecution"] = lambda asked: {
        **described(asked),
        "CreatedBy": {"DomainId": "d-abc"},
    }
    link = engine.describe(execution_arn()).link
    assert link.startswith("https://studio-d-abc.studio.us-east-1.sagemaker.aws/")
    assert ID in link


# ---- finding ----


def test_nothing_named_is_the_newest_of_the_pipeline_that_ran_last(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"))
    service.ran(PIPELINE, ("aaaaaaaaaaaa", "Failed"), ("bbbbbbbbbbbb", "Succeeded"))
    service.ran("rc-churn-scoring-dev", ("cccccccccccc", "Executing"), ("dddddddddddd", "Succeeded"))
    service.ran("rc-churn-never-dev")
    service.ran("rc-churn-training-staging", ("eeeeeeeeeeee", "Executing"))
    assert engine.describe().address == "rc-churn-scoring-dev/cccccccccccc"
    assert [asked["PipelineName"] for asked in service.aws.of("ListPipelineExecutions")] == ["rc-churn-scoring-dev"]


def test_what_runs_in_a_project_with_a_longer_name_is_not_ours(engine: SageMakerEngine, service: Scripted) -> None:
    service.ran(PIPELINE, ("aaaaaaaaaaaa", "Failed"))
    service.ran("rc-churn-beta-training-dev", ("bbbbbbbbbbbb", "Executing"))
    service.ran("rc-churn-ecg-pca-dev", ("cccccccccccc", "Executing"))
    owners = {"rc-churn-beta-training-dev": "rc-churn-beta", "rc-churn-ecg-pca-dev": "rc-churn"}
    service.answers["ListTags"] = lambda asked: {
        "Tags": [
            {"Key": "dagwright:project", "Value": owners[asked["ResourceArn"].rpartition("/")[2]]},
            {"Key": "dagwright:environment", "Value": "dev"},
        ]
    }
    assert sorted(item.id for item in engine.history()) == ["aaaaaaaaaaaa", "cccccccccccc"]
    assert len(service.aws.of("ListTags")) == 2, "what is left of rc-churn-training-dev has no hyphen"


@pytest.mark.parametrize(
    "words",
    [execution_arn(identity="aaaaaaaaaaaa"), f"{PIPELINE}/aaaaaaaaaaaa", "training/aaaa", "aaaaaaaaaaaa", "aa"],
)
def test_an_execution_is_found_by_any_of_its_names(engine: SageMakerEngine, service: Scripted, words: str) -> None:
    service.execution(State("Executing"))
    service.ran("rc-churn-scoring-dev", ("abcccccccccc", "Executing"))
    service.ran(PIPELINE, ("bbbbbbbbbbbb", "Executing"), ("aaaaaaaaaaaa", "Failed"))
    assert engine.describe(words).arn == execution_arn(identity="aaaaaaaaaaaa")


def test_a_whole_name_needs_no_search(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"))
    engine.describe(f"{PIPELINE}/{ID}")
    assert [name for name in service.aws.operations if name.startswith("List")] == [
        "ListPipelineParametersForExecution",
        "ListPipelineExecutionSteps",
    ]


def test_an_old_execution_is_looked_for_page_by_page(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"))
    service.ran(PIPELINE, *((f"n{number:011}", "Failed") for number in range(230)))
    assert engine.describe("n00000000229").id == "n00000000229"
    assert len(service.aws.of("ListPipelineExecutions")) == 3


def test_the_beginning_of_several_is_refused(engine: SageMakerEngine, service: Scripted) -> None:
    service.ran(PIPELINE, ("abaaaaaaaaaa", "Failed"), ("abbbbbbbbbbb", "Failed"))
    with pytest.raises(UsageError, match="'ab' is the beginning of several executions in dev") as caught:
        engine.describe("ab")
    assert f"{PIPELINE}/abaaaaaaaaaa" in caught.value.hint


@pytest.mark.foreign("pipeline/nowhere")
@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("zzzz", "'zzzz' is no execution of this project in dev"),
        ("nowhere/zzzz", "There is no pipeline rc-churn-nowhere-dev or nowhere in dev"),
        (f"{PIPELINE}/zzzzzzzzzzzz", f"There is no execution {PIPELINE}/zzzzzzzzzzzz in account 123456789012"),
        ("arn:aws:sagemaker:us-east-1:123456789012:pipeline/x", "is not the ARN of a pipeline execution"),
        (execution_arn().replace("us-east-1", "eu-west-1"), "is not in dev, which is account 123456789012, us-east-1"),
        (execution_arn().replace("123456789012", "111122223333"), "is not in dev, which is"),
        ("a b/c", "'a b' cannot be the name of a pipeline"),
    ],
)
def test_what_is_not_there_is_said(engine: SageMakerEngine, service: Scripted, words: str, what: str) -> None:
    service.execution(State("Executing"), arn=execution_arn())
    service.ran(PIPELINE, ("aaaaaaaaaaaa", "Failed"))
    with pytest.raises(UsageError, match=what):
        engine.describe(words)


def test_an_environment_in_which_nothing_has_run(engine: SageMakerEngine, service: Scripted) -> None:
    assert engine.history() == []
    with pytest.raises(UsageError, match="No pipeline of SageMaker has run in dev yet") as caught:
        engine.describe()
    start = "Start with: deploy.py run PIPELINE --env dev"
    assert caught.value.hint == f"For state machines add --engine stepfunctions. {start}"


@pytest.mark.foreign("pipeline/trainign")
def test_history_is_that_of_all_pipelines_newest_first(engine: SageMakerEngine, service: Scripted) -> None:
    service.ran(PIPELINE, *((f"t{number:011}", "Failed") for number in range(150)))
    service.ran("rc-churn-scoring-dev", ("s00000000000", "Executing"))
    assert len(engine.history(limit=130)) == 130
    assert len(engine.history("scoring")) == 1
    assert len(engine.history("training", limit=120)) == 120
    with pytest.raises(UsageError, match="There is no pipeline rc-churn-trainign-dev or trainign") as caught:
        engine.history("trainign")
    assert PIPELINE in caught.value.hint


# ---- stopping and going on ----


def test_stop_waits_until_it_has(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"), State("Stopping"), State("Stopped"))
    assert engine.stop(execution_arn()).status == "Stopped"
    assert service.aws.of("StopPipelineExecution")[0]["PipelineExecutionArn"] == execution_arn()


def test_what_is_over_cannot_be_stopped(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Succeeded"))
    with pytest.raises(UsageError, match="is not running: it is Succeeded"):
        engine.stop(execution_arn())
    assert service.aws.writes == []


def test_a_callback_that_keeps_it_from_stopping_is_named(
    engine: SageMakerEngine, service: Scripted, hands: Hands
) -> None:
    callback = step("Approve", "Stopping", Metadata={"Callback": {"CallbackToken": "abcdefghij"}})
    service.execution(State("Stopping", [callback]))
    with pytest.raises(ExecutionError, match="has not yet after 300 s") as caught:
        engine.stop(execution_arn())
    assert "Approve" in caught.value.hint
    assert hands.seconds >= 300
    assert service.aws.writes == [], "it was told to stop already"


def test_a_failed_execution_goes_on(engine: SageMakerEngine, service: Scripted) -> None:
    before = State("Failed", [job_step("A", "Failed")], "one failed", modified=NOON + 60)
    service.deploy(DEFINITION)
    service.execution(before, before, State("Executing"), State("Succeeded", [job_step("A", "Succeeded")]), Trees="3")
    execution = engine.resume(execution_arn(), Nobody())
    assert (execution.status, execution.parameters) == ("Succeeded", {"Trees": "3"})
    (asked,) = service.aws.of("RetryPipelineExecution")
    assert asked["PipelineExecutionArn"] == execution_arn()


@pytest.mark.parametrize("status", ["Succeeded", "Executing", "Stopping"])
def test_only_one_that_failed_or_was_stopped_goes_on(engine: SageMakerEngine, service: Scripted, status: str) -> None:
    service.execution(State(status))
    with pytest.raises(UsageError, match=f"is {status}"):
        engine.resume(execution_arn(), Nobody())
    assert service.aws.writes == []


# ---- parts ----


def test_a_part_goes_on_from_the_newest_execution_that_ended_by_itself(
    engine: SageMakerEngine, service: Scripted
) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"))
    service.ran(PIPELINE, ("ffffffffffff", "Executing"), ("gggggggggggg", "Stopped"), ("hhhhhhhhhhhh", "Failed"))
    notes = Notes()
    execution = engine.start(start(part=Slice(first=("B",))), notes)
    (asked,) = service.aws.of("StartPipelineExecution")
    assert asked["SelectiveExecutionConfig"] == {
        "SourcePipelineExecutionArn": execution_arn(identity="hhhhhhhhhhhh"),
        "SelectedSteps": [{"StepName": "B"}, {"StepName": "C"}],
    }
    assert execution.as_json()["SelectiveExecutionConfig"] == asked["SelectiveExecutionConfig"]
    assert "hhhhhhhhhhhh, Failed" in notes.lines[0]


def test_a_part_that_needs_nothing_goes_on_from_nothing(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"))
    engine.start(start(part=Slice(last=("B",))), Nobody())
    (asked,) = service.aws.of("StartPipelineExecution")
    assert asked["SelectiveExecutionConfig"] == {"SelectedSteps": [{"StepName": "A"}, {"StepName": "B"}]}


def test_a_step_without_its_condition_is_noted(engine: SageMakerEngine, service: Scripted) -> None:
    branches = {"Conditions": [], "IfSteps": [processing("Yes")], "ElseSteps": []}
    condition = {"Name": "If", "Type": "Condition", "Arguments": branches}
    service.deploy(json.dumps({"Version": "2020-12-01", "Steps": [processing("A"), condition]}))
    service.execution(State("Executing"))
    service.ran(PIPELINE, ("hhhhhhhhhhhh", "Succeeded"))
    for chosen, is_noted in ((Slice(only=("Yes",)), True), (Slice(first=("If",)), False)):
        notes = Notes()
        engine.start(start(part=chosen), notes)
        assert any("Yes is chosen without its condition If" in line for line in notes.lines) is is_noted


def test_the_execution_to_go_on_from_can_be_named(engine: SageMakerEngine, service: Scripted) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Succeeded"))
    engine.start(start(part=Slice(only=("C",)), source=execution_arn()), Nobody())
    (asked,) = service.aws.of("StartPipelineExecution")
    assert asked["SelectiveExecutionConfig"]["SourcePipelineExecutionArn"] == execution_arn()


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"part": Slice(only=("C",))}, "need the results of B, and no execution of .* has ended by itself"),
        ({"part": Slice(only=("A", "C"))}, "B would be left out between the steps that are chosen"),
        ({"part": Slice(only=("A", "D"))}, "do not hang together: A and D"),
        ({"part": Slice(only=("Sea",))}, "cannot be chosen"),
        ({"part": Slice(only=("C",)), "source": execution_arn()}, "is Executing"),
        (
            {"part": Slice(only=("C",)), "source": execution_arn("rc-churn-scoring-dev")},
            f"is an execution of rc-churn-scoring-dev, not of {PIPELINE}",
        ),
    ],
)
def test_a_part_that_the_service_would_refuse_starts_nothing(
    engine: SageMakerEngine, service: Scripted, members: dict[str, Any], what: str
) -> None:
    service.deploy(DEFINITION)
    service.execution(State("Executing"))
    service.ran(PIPELINE, ("ffffffffffff", "Executing"))
    with pytest.raises(UsageError, match=what):
        engine.run(start(**members), Nobody())
    assert service.aws.writes == []


def test_more_steps_than_the_service_takes_are_refused(engine: SageMakerEngine, service: Scripted) -> None:
    names = [f"S{number}" for number in range(51)]
    chain = [processing(name, *names[max(0, number - 1) : number]) for number, name in enumerate(names)]
    service.deploy(json.dumps({"Version": "2020-12-01", "Steps": chain}))
    with pytest.raises(UsageError, match="51 steps are chosen; SageMaker takes at most 50"):
        engine.run(start(part=Slice(first=("S0",))), Nobody())


# ---- objects ----


def test_small_objects_are_read_and_others_refused(engine: SageMakerEngine, service: Scripted) -> None:
    s3 = service.aws.client("s3")
    s3.create_bucket(Bucket="acme-sm-rc-churn")
    s3.put_object(Bucket="acme-sm-rc-churn", Key="metrics/e.json", Body=b'{"a": 1}')
    s3.put_object(Bucket="acme-sm-rc-churn", Key="metrics/big", Body=b"x" * ((1 << 20) + 1))
    assert engine.read("s3://acme-sm-rc-churn/metrics/e.json") == '{"a": 1}'
    with pytest.raises(UserError, match="more than 1 MiB"):
        engine.read("s3://acme-sm-rc-churn/metrics/big")
    with pytest.raises(AWSError, match="s3://acme-sm-rc-churn/metrics/none cannot be read"):
        engine.read("s3://acme-sm-rc-churn/metrics/none")


def test_the_account_is_asked_for_once(engine: SageMakerEngine, service: Scripted) -> None:
    service.execution(State("Executing"))
    for _ in range(2):
        engine.describe(execution_arn())
    assert service.aws.operations.count("GetCallerIdentity") == 1
