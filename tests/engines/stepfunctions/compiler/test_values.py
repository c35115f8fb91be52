"""What expressions come to in a machine: static JSON, or what a state finds out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwright.definition.expression import evaluate, render
from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.path import NAMED_LISTS, follow
from dagwright.engines.stepfunctions.compiler.dynamic import (
    DYNAMIC,
    Context,
    Dynamic,
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    Started,
    Unique,
    dynamics,
)
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.values import Values
from dagwright.shapes import RESPONSES, Shape

QUICK = settings(max_examples=75, deadline=None)
RATE = ParameterValue("Rate", "Float")
BUCKET = ParameterValue("Bucket", "String")
EXECUTION_ID = Context("$$.Execution.Name")
PARAMETERS = [
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.1},
    {"Name": "Epochs", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Fast", "Type": "Boolean", "DefaultValue": True},
    {"Name": "Bucket", "Type": "String", "DefaultValue": "acme"},
]


def get(text: str) -> dict[str, Any]:
    return {"Get": text}


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def read_file(uri: Any, path: str = "metrics.auc") -> dict[str, Any]:
    return {"Std:JsonGet": {"S3Uri": uri, "Path": path}}


def step(name: str, kind: str, arguments: Any, **siblings: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, **siblings}


def evaluation(uri: Any, **siblings: Any) -> dict[str, Any]:
    """A processing step that promises a report below `uri`."""
    outputs = [{"OutputName": "report", "S3Output": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/report"}}]
    file = {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "evaluation.json"}
    return step("Evaluate", "Processing", {"ProcessingOutputConfig": {"Outputs": outputs}}, PropertyFiles=[file])


REPORT = {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"), "Path": "metrics['a b'][0]"}}
REPORT_PATH = ("metrics", "a b", 0)


def graph_of(*steps: Any, **top: Any) -> Graph:
    return read_definition({"Version": "2020-12-01", "Parameters": PARAMETERS, "Steps": list(steps), **top})


def values_of(*steps: Any, machine: Mapping[str, Any] | None = None, **top: Any) -> Values:
    last = step("Last", "Processing", {})
    return Values(graph_of(*steps, last, **top), MachineSettings("acme-churn", **(machine or {})))


def compiled(value: Any, *steps: Any, machine: Mapping[str, Any] | None = None, **top: Any) -> Any:
    """What a value comes to in the state of a step Last, without problems."""
    values = values_of(*steps, machine=machine, **top)
    template = values.compiled(value, "Last")
    assert values.problems == []
    return template


def refused(value: Any, *steps: Any, **more: Any) -> tuple[str, str]:
    """The code and the whole text of the one problem that a value is."""
    values = values_of(*steps, **more)
    values.compiled(value, "Last")
    values.compiled([value], "Last")
    (problem,) = values.problems
    assert problem.step == "Last"
    assert problem.hint
    return problem.code, str(problem)


# --- parameters and execution variables ---------------------------------------------------------------------------


def test_plain_json_stays() -> None:
    plain = {"a": [1, {"Get": "x", "b": None}], "b": True}
    assert compiled(plain) == plain


def test_dynamics_that_stand_there_stay() -> None:
    value = {"Name": Joined(("job-", Unique())), "Args": [RATE], "Path": join("/", "a", Started())}
    assert compiled(value) == {**value, "Path": Joined(("a/", Started()))}


def test_depth_is_no_limit() -> None:
    value: Any = get("Parameters.Rate")
    for _ in range(5_000):
        value = [{"a": value}]
    template = compiled(value)
    for _ in range(5_000):
        template = template[0]["a"]
    assert template == RATE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Parameters.Rate", RATE),
        ("Parameters.Epochs", ParameterValue("Epochs", "Integer")),
        ("Execution.PipelineName", "acme-churn"),
        ("Execution.PipelineArn", "arn:aws:states:us-east-1:000000000000:stateMachine:acme-churn"),
        ("Execution.PipelineExecutionId", EXECUTION_ID),
        ("Execution.PipelineExecutionArn", Context("$$.Execution.Id")),
        ("Execution.StartDateTime", Context("$$.Execution.StartTime")),
        ("Execution.CurrentDateTime", Context("$$.State.EnteredTime")),
        ("Execution.ProcessingJobName", Produced("Last", ("JobName",))),
        ("Execution.JobName", Produced("Last", ("JobName",))),
    ],
)
def test_a_reference_that_names_no_step(text: str, expected: Any) -> None:
    assert compiled(get(text)) == expected


def test_settled_execution_variables_are_static() -> None:
    machine = {"execution": {"PipelineExecutionId": "run-1", "CurrentDateTime": "2026-11-21T17:09:59Z"}}
    value = [get("Execution.CurrentDateTime"), join("/", "runs", get("Execution.PipelineExecutionId"))]
    assert compiled(value, machine=machine) == ["2026-11-21T17:09:59Z", "runs/run-1"]


def test_only_a_job_has_the_name_of_one() -> None:
    values = values_of(step("Notify", "Lambda", {}))
    values.compiled(get("Execution.TrainingJobName"), "Notify")
    (problem,) = values.problems
    assert (problem.code, problem.step) == ("not-in-a-machine", "Notify")
    assert "Steps.<step>.TrainingJobName" in problem.hint


def test_an_unknown_execution_variable_is_refused() -> None:
    assert "did you mean 'PipelineName'?" in refused(get("Execution.PipelineNam"))[1]


def test_the_experiment_is_what_the_definition_says() -> None:
    config = {"ExperimentName": get("Execution.PipelineName"), "TrialName": join("-", "t", get("Parameters.Rate"))}
    value = [get("PipelineExperimentConfig.ExperimentName"), get("PipelineExperimentConfig.TrialName")]
    assert compiled(value, PipelineExperimentConfig=config) == ["acme-churn", Joined(("t-", RATE))]


@pytest.mark.parametrize(
    "config", [None, {"ExperimentName": "e"}, {"TrialName": get("PipelineExperimentConfig.TrialName")}]
)
def test_an_experiment_that_is_not_there_is_refused(config: Any) -> None:
    assert refused(get("PipelineExperimentConfig.TrialName"), PipelineExperimentConfig=config)[0] == "not-in-a-machine"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (get("ForEach.CurrentItem"), "ForEach"),
        (get("IterationOutput.Train.ModelName"), "ForEach"),
        ({"Std:JsonGet": {"PropertyFile": get("ForEach.CurrentItem"), "Path": "a"}}, "ForEach"),
        ({"Std:Jion": {}}, "did you mean 'Std:Join'?"),
        (get("Parameters"), "names nothing"),
        (join("/", get("PipelineExperimentConfig.ExperimentName")), "PipelineExperimentConfig"),
    ],
)
def test_what_has_no_value_in_a_machine_is_refused_once(value: Any, says: str) -> None:
    code, text = refused(value)
    assert code == "not-in-a-machine"
    assert says in text


# --- joins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (join("/", "a", 1, True, 0.8), "a/1/true/0.8"),
        (join("/"), ""),
        (join("", get("Parameters.Rate")), Joined((RATE,))),
        (join("/", "s3:/", get("Parameters.Bucket"), "x"), Joined(("s3://", BUCKET, "/x"))),
        (join("", get("Parameters.Rate"), "", get("Parameters.Bucket")), Joined((RATE, BUCKET))),
        (join("-", "a", join("+", get("Parameters.Rate"), "b"), "c"), Joined(("a-", RATE, "+b-c"))),
        (join("-", join("", get("Execution.PipelineName")), "x"), "acme-churn-x"),
    ],
)
def test_a_join_is_a_text_or_joined(value: Any, expected: Any) -> None:
    assert compiled(value) == expected


SCALARS = st.text(max_size=4) | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)


def joins(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.builds(lambda on, items: join(on, *items), st.text(max_size=2), st.lists(inner, max_size=3))

    return st.recursive(leaves, around, max_leaves=3)


@QUICK
@given(joins(SCALARS))
def test_a_static_join_is_what_it_is_evaluated_to(value: Any) -> None:
    assert compiled(value) == evaluate(value, World({}))


def test_a_known_object_cannot_be_joined() -> None:
    known = {"Train": {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"}}}
    value = join("/", "a", get("Steps.Train.ModelArtifacts"))
    code, text = refused(value, step("Train", "Training", {}), machine={"known": known})
    assert code == "not-in-a-machine"
    assert "Steps.Train.ModelArtifacts in a Join: an object cannot become text" in text


# --- properties of steps ------------------------------------------------------------------------------------------

TRAIN = step(
    "Train",
    "Training",
    {
        "TrainingJobName": "prefix",
        "AlgorithmSpecification": {"TrainingImage": "image", "MetricDefinitions": [{"Name": "auc", "Regex": "x"}]},
        "HyperParameters": {"a.b": "5", "rate": join("", get("Parameters.Rate"))},
        "Environment": {"AT": get("Execution.CurrentDateTime"), "JOB": join("-", get("Execution.TrainingJobName"))},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/in"}}}],
        "OutputDataConfig": {"S3OutputPath": join("/", "s3:/", get("Parameters.Bucket"), "models"), "KmsKeyId": None},
        "FinalMetricDataList": [{"MetricName": "auc", "Value": 1}],
    },
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("HyperParameters['a.b']", "5"),
        ("HyperParameters['rate']", Joined((RATE,))),
        ("AlgorithmSpecification.TrainingImage", "image"),
        ("InputDataConfig[0].DataSource.S3DataSource.S3Uri", "s3://b/in"),
        ("OutputDataConfig.S3OutputPath", Joined(("s3://", BUCKET, "/models"))),
    ],
)
def test_what_the_response_repeats_is_taken_from_the_request(path: str, expected: Any) -> None:
    assert compiled(get(f"Steps.Train.{path}"), TRAIN) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ModelArtifacts.S3ModelArtifacts", ("ModelArtifacts", "S3ModelArtifacts")),
        ("TrainingJobName", ("TrainingJobName",)),
        ("FinalMetricDataList['auc'].Value", ("FinalMetricDataList", "auc", "Value")),
        ("HyperParameters['set_by_nobody']", ("HyperParameters", "set_by_nobody")),
        ("HyperParameters", ("HyperParameters",)),
        ("OutputDataConfig.KmsKeyId", ("OutputDataConfig", "KmsKeyId")),
        ("Environment['AT']", ("Environment", "AT")),
        ("Environment['JOB']", ("Environment", "JOB")),
        ("HyperParameters['rate'].x", ("HyperParameters", "rate", "x")),
    ],
)
def test_the_rest_is_what_the_step_produced(path: str, expected: tuple[str | int, ...]) -> None:
    assert compiled(get(f"Steps.Train.{path}"), TRAIN) == Produced("Train", expected)


def test_what_a_step_read_in_a_file_is_not_read_again_for_others() -> None:
    train = step("Train", "Training", {"HyperParameters": {"auc": join("", read_file("s3://b/k.json"))}})
    assert compiled(get("Steps.Train.HyperParameters['auc']"), train) == Produced("Train", ("HyperParameters", "auc"))


def test_outputs_go_by_their_names() -> None:
    uri = get("Steps.Evaluate.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri")
    assert compiled(uri, evaluation("s3://b/x")) == "s3://b/x"


@pytest.mark.parametrize("kind", ["Lambda", "Callback", "Condition", "Lineage", "Newest"])
def test_arguments_that_no_response_repeats_are_not_looked_at(kind: str) -> None:
    other = step("Other", kind, {"OutputParameters": {"o": "in"}, "Outcome": True})
    assert compiled(get("Steps.Other.OutputParameters['o']"), other) == Produced("Other", ("OutputParameters", "o"))
    assert compiled(get("Steps.Other.Outcome"), other) == Produced("Other", ("Outcome",))


def test_a_property_file_is_not_a_value() -> None:
    code, text = refused(get("Steps.Evaluate.PropertyFiles.Report"), evaluation("s3://b/x"))
    assert code == "not-in-a-machine"
    assert "is a file, not a value" in text


def echoing(count: int, value: Any, first: Any) -> list[dict[str, Any]]:
    """Steps of which each has `value` of the one before it in its environment."""
    steps = [step("S0", "Processing", {"Environment": {"x": first}})]
    for index in range(1, count):
        before = get(f"Steps.S{index - 1}.Environment['x']")
        steps.append(step(f"S{index}", "Processing", {"Environment": {"x": value(before)}}))
    return steps


def test_a_long_chain_of_repeated_values_is_followed_to_its_end() -> None:
    steps = echoing(3_000, lambda before: join("", before), get("Parameters.Rate"))
    assert compiled(get("Steps.S2999.Environment['x']"), *steps) == Joined((RATE,))


@pytest.mark.parametrize("first", ["ab", get("Parameters.Rate")])
def test_values_that_double_with_every_step_stay_small(first: Any) -> None:
    steps = echoing(200, lambda before: join("", before, before), first)
    template = compiled([get(f"Steps.S{index}.Environment['x']") for index in range(200)], *steps)
    assert any(isinstance(value, Produced) for value in template)
    for value in template:
        if isinstance(value, Joined):
            assert len(value.parts) <= 64
        elif isinstance(value, str):
            assert len(value) <= 4096


# --- known steps --------------------------------------------------------------------------------------------------

KNOWN = {
    "Train": {"TrainingJobName": "t-1", "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.5}]},
    "Good": {"Outcome": True},
}
FINISHED = (TRAIN, step("Good", "Condition", {"Conditions": [], "IfSteps": [], "ElseSteps": []}))


def test_what_a_finished_step_gave_is_static() -> None:
    value = [
        get("Steps.Train.FinalMetricDataList['auc'].Value"),
        join("/", "jobs", get("Steps.Train.TrainingJobName")),
        get("Steps.Good.Outcome"),
    ]
    assert compiled(value, *FINISHED, machine={"known": KNOWN}) == [0.5, "jobs/t-1", True]


def test_what_a_finished_step_did_not_give_is_refused() -> None:
    code, text = refused(get("Steps.Train.ModelArtifacts.S3"), *FINISHED, machine={"known": KNOWN})
    assert code == "missing-result"
    assert "Steps.Train.ModelArtifacts.S3 is undefined" in text


def test_a_value_of_a_finished_step_is_static_through_others() -> None:
    use = step("Use", "Processing", {"Environment": {"job": join("-", get("Steps.Train.TrainingJobName"), "x")}})
    assert compiled(get("Steps.Use.Environment['job']"), *FINISHED, use, machine={"known": KNOWN}) == "t-1-x"


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/x/", "b", "x/evaluation.json"),
        ("s3://b", "b", "evaluation.json"),
        (join("/", "s3:/", get("Parameters.Bucket"), "x"), BUCKET, "x/evaluation.json"),
        (
            join("/", "s3://b", get("Execution.PipelineExecutionId"), get("Parameters.Rate")),
            "b",
            Joined((EXECUTION_ID, "/", RATE, "/evaluation.json")),
        ),
        (
            join("", "s3://", get("Parameters.Bucket"), "-", get("Parameters.Epochs"), "/a"),
            Joined((BUCKET, "-", ParameterValue("Epochs", "Integer"))),
            "a/evaluation.json",
        ),
        (
            join("/", "s3://b", get("Execution.ProcessingJobName")),
            "b",
            Joined((Produced("Evaluate", ("ProcessingJobName",)), "/evaluation.json")),
        ),
    ],
)
def test_a_property_file_lies_below_an_output(uri: Any, bucket: Any, key: Any) -> None:
    assert compiled(REPORT, evaluation(uri)) == FileValue(bucket, key, REPORT_PATH)


def test_the_report_of_a_finished_step_is_still_read() -> None:
    outputs = [{"OutputName": "report", "S3Output": {"S3Uri": "s3://b/run-1/"}}]
    known = {"Evaluate": {"ProcessingOutputConfig": {"Outputs": outputs}}}
    file = compiled(REPORT, evaluation(join("/", "s3://b", get("Parameters.Rate"))), machine={"known": known})
    assert file == FileValue("b", "run-1/evaluation.json", REPORT_PATH)


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/k/a.json", "b", "k/a.json"),
        (join("/", "s3://b", get("Parameters.Bucket")), "b", BUCKET),
        (join("/", "s3://b", get("Parameters.Rate")), "b", Joined((RATE,))),
        (join("/", "s3://b", get("Steps.Train.TrainingJobName")), "b", Produced("Train", ("TrainingJobName",))),
        (join("", get("Steps.Train.OutputDataConfig.S3OutputPath"), "/a"), BUCKET, "models/a"),
    ],
)
def test_a_file_can_be_named_by_its_address(uri: Any, bucket: Any, key: Any) -> None:
    assert compiled(read_file(uri), TRAIN) == FileValue(bucket, key, ("metrics", "auc"))


@pytest.mark.parametrize(
    "uri",
    [
        get("Parameters.Bucket"),
        join("/", get("Parameters.Bucket"), "x"),
        join("/", "s3:/", get("Steps.Train.TrainingJobName"), "x"),
        get("Steps.Train.ModelArtifacts.S3ModelArtifacts"),
        join("", "s3://b", get("Parameters.Bucket")),
        "s3://b/",
        "s3:///k",
        "s3://b",
        "file:///k",
        "",
    ],
)
def test_an_address_that_cannot_be_split_is_refused(uri: Any) -> None:
    code, text = refused(read_file(uri), TRAIN)
    assert code == "unsplittable-uri"
    assert "s3://<bucket>/<key>" in text


@pytest.mark.parametrize("uri", [get("Parameters.Bucket"), join("/", "s3://b", get("Execution.CurrentDateTime"))])
def test_a_property_file_whose_address_is_not_known_is_refused(uri: Any) -> None:
    code, text = refused(REPORT, evaluation(uri))
    assert code == "unsplittable-uri"
    assert "Steps.Evaluate.PropertyFiles.Report" in text
    assert "CurrentDateTime" in text


def test_an_address_out_of_another_file_is_refused() -> None:
    assert refused(read_file(join("/", "s3://b", read_file("s3://b/where.json"))))[0] == "not-in-a-machine"


# --- kinds --------------------------------------------------------------------------------------------------------

DECLARED = [{"OutputName": name, "OutputType": name} for name in ("String", "Integer", "Float", "Boolean")]
KINDS = (
    TRAIN,
    evaluation("s3://b/x"),
    step("Notify", "Lambda", {}, OutputParameters=DECLARED),
    step("Good", "Condition", {"Conditions": [], "IfSteps": [], "ElseSteps": []}),
    step("Tune", "Tuning", {}),
    step("New", "Newest", {}),
)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (RATE, "number"),
        (ParameterValue("Epochs", "Integer"), "number"),
        (ParameterValue("Fast", "Boolean"), "boolean"),
        (BUCKET, "text"),
        (EXECUTION_ID, "text"),
        (Joined((RATE,)), "text"),
        (Started(), "text"),
        (Unique(), "text"),
        (FileValue("b", "k", ("x",)), "unknown"),
        (Produced("Good", ("Outcome",)), "boolean"),
        (Produced("Train", ("JobName",)), "text"),
        (Produced("Train", ("FinalMetricDataList", "auc", "Value")), "number"),
        (Produced("Train", ("HyperParameters", "rate")), "text"),
        (Produced("Train", ("ModelArtifacts", "S3ModelArtifacts")), "text"),
        (Produced("Train", ("BillableTimeInSeconds",)), "number"),
        (Produced("Train", ("EnableManagedSpotTraining",)), "boolean"),
        (Produced("Train", ("CreationTime",)), "unknown"),
        (Produced("Train", ("ModelArtifacts",)), "unknown"),
        (Produced("Train", ("Nonsense",)), "unknown"),
        (Produced("Evaluate", ("ExitMessage",)), "text"),
        (Produced("Tune", ("BestTrainingJob", "TrainingJobName")), "text"),
        (Produced("Tune", ("BestTrainingJob", "FinalHyperParameterTuningJobObjectiveMetric", "Value")), "number"),
        (Produced("Tune", ("TrainingJobSummaries", 0, "TrainingJobName")), "text"),
        (Produced("Notify", ("OutputParameters", "String")), "text"),
        (Produced("Notify", ("OutputParameters", "Integer")), "number"),
        (Produced("Notify", ("OutputParameters", "Float")), "number"),
        (Produced("Notify", ("OutputParameters", "Boolean")), "boolean"),
        (Produced("Notify", ("OutputParameters", "ModelName")), "unknown"),
        (Produced("New", ("JobArn",)), "unknown"),
        (Produced("New", ()), "unknown"),
    ],
)
def test_the_kind_of_a_value(value: Dynamic, kind: str) -> None:
    assert values_of(*KINDS).kind(value) == kind


@pytest.mark.parametrize("kind", ["Processing", "Training", "Transform", "Tuning", "Model", "RegisterModel"])
def test_the_kinds_told_by_a_members_name_are_those_of_the_model(kind: str) -> None:
    values = values_of(step("Job", kind, {}))
    pending: list[tuple[Shape, tuple[str, ...]]] = [(RESPONSES[kind], ())]
    while pending:
        shape, path = pending.pop()
        if shape.kind == "structure" and len(path) < 5:
            pending.extend((shape.member(name), (*path, name)) for name in shape.members)
        elif values.kind(Produced("Job", path)) == "text":
            assert shape.kind == "string", path


# --- the same as evaluated ----------------------------------------------------------------------------------------

PATHS = ["Parameters.Rate", "Parameters.Fast", "Execution.PipelineExecutionId", "Execution.PipelineName"]
RESOLVED: Mapping[Any, Any] = {RATE: 0.25, ParameterValue("Fast", "Boolean"): False, EXECUTION_ID: "run-1"}


class World:
    """A run in which some steps have ended, for both readings of an expression."""

    def __init__(self, steps: dict[str, Any]) -> None:
        self.steps = steps

    def parameter(self, name: str) -> Any:
        return RESOLVED[next(key for key in RESOLVED if isinstance(key, ParameterValue) and key.name == name)]

    def execution(self, variable: str) -> Any:
        return {"PipelineExecutionId": "run-1", "PipelineName": "acme-churn"}[variable]

    def step(self, name: str) -> Mapping[str, Any]:
        return {**self.steps[name]}

    def experiment(self, variable: str) -> Any:
        raise AssertionError(variable)

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        raise AssertionError(step, name)

    def read_text(self, s3_uri: str) -> str:
        raise AssertionError(s3_uri)

    def resolved(self, value: Any) -> Any:
        """What a compiled scalar comes to when the machine runs."""
        if isinstance(value, Joined):
            return "".join(render(self.resolved(part)) for part in value.parts)
        if isinstance(value, Produced):
            return follow(self.steps[value.step], value.path, "", NAMED_LISTS)
        return RESOLVED[value] if isinstance(value, DYNAMIC) else value


@st.composite
def chains(draw: st.DrawFn, paths: list[str]) -> list[dict[str, Any]]:
    """Processing steps whose environments read one another's, and `paths`; few enough that their texts stay short."""
    steps: list[dict[str, Any]] = []
    known = [*paths]
    for index in range(draw(st.integers(1, 4))):
        leaves = SCALARS | st.sampled_from(known).map(get) if known else SCALARS
        environment = draw(st.dictionaries(st.sampled_from(["a", "b.c", "d'e"]), joins(leaves), min_size=1))
        steps.append(step(f"S{index}", "Processing", {"Environment": environment}))
        known += [f"Steps.S{index}.Environment[{key!r}]" for key in environment]
    return steps


def run(steps: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], World]:
    """The compiled requests of steps, which come to what they are evaluated to; and the world after them."""
    values = values_of(*steps)
    world = World({})
    templates = []
    for one in steps:
        template = values.compiled(one["Arguments"], one["Name"])
        request = evaluate(one["Arguments"], world)
        assert {key: world.resolved(value) for key, value in template["Environment"].items()} == request["Environment"]
        templates.append(template)
        world.steps[one["Name"]] = request
    assert values.problems == []
    return templates, world


@QUICK
@given(chains(PATHS))
def test_what_is_compiled_comes_to_what_is_evaluated(steps: list[dict[str, Any]]) -> None:
    run(steps)


@QUICK
@given(chains([]))
def test_where_everything_is_static_no_step_is_asked(steps: list[dict[str, Any]]) -> None:
    templates, _ = run(steps)
    assert [*dynamics(templates)] == []
