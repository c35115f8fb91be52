"""Get, Join and JsonGet: how they are spelled, and what they come to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwright.definition.expression import (
    Reference,
    evaluate,
    is_expression,
    parse_reference,
    references,
    render,
    spell_place,
    survey,
)
from dagwright.definition.path import parse_path, write_path
from dagwright.errors import DefinitionError, EvaluationError


def get(text: str) -> dict[str, Any]:
    return {"Get": text}


def join(on: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def json_get(path: str, file: str = "Steps.Evaluate.PropertyFiles.Report") -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(file), "Path": path}}


def json_get_s3(path: str, uri: Any) -> dict[str, Any]:
    return {"Std:JsonGet": {"S3Uri": uri, "Path": path}}


# --- references ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Parameters.Rate", ("Parameters", "Rate", ())),
        ("Execution.PipelineName", ("Execution", "PipelineName", ())),
        ("PipelineExperimentConfig.TrialName", ("PipelineExperimentConfig", "TrialName", ())),
        ("Steps.A", ("Steps", "A", ())),
        ("Steps.A-b_1.TrainingJobArn", ("Steps", "A-b_1", ("TrainingJobArn",))),
        ("Steps.T.HyperParameters['a.b']", ("Steps", "T", ("HyperParameters", "a.b"))),
        ('Steps.T.HyperParameters["a[0]"].x', ("Steps", "T", ("HyperParameters", "a[0]", "x"))),
        (r"Steps.T.X['it\'s']", ("Steps", "T", ("X", "it's"))),
        (r'Steps.T.X["say \"\\\""]', ("Steps", "T", ("X", 'say "\\"'))),
        (r"Steps.T.X['\d+']", ("Steps", "T", ("X", r"\d+"))),
        ("Steps.T.FinalMetricDataList['val:acc'].Value", ("Steps", "T", ("FinalMetricDataList", "val:acc", "Value"))),
        ("Steps.T.TrainingJobSummaries[3][0]", ("Steps", "T", ("TrainingJobSummaries", 3, 0))),
        ("Steps.L.OutputParameters['o']", ("Steps", "L", ("OutputParameters", "o"))),
        ("Steps.F.IterationOutputs[2].Train.Status", ("Steps", "F", ("IterationOutputs", 2, "Train", "Status"))),
        ("ForEach.CurrentItem['x'].y", ("ForEach", "CurrentItem", ("x", "y"))),
        ("ForEach.CurrentItem", ("ForEach", "CurrentItem", ())),
        ("IterationOutput.Train.ModelName", ("IterationOutput", "Train", ("ModelName",))),
    ],
)
def test_a_reference_is_taken_apart(text: str, parts: tuple[str, str, tuple[str | int, ...]]) -> None:
    assert parse_reference(text) == Reference(*parts, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Step.A.B", "did you mean 'Steps'?"),
        ("", "known root"),
        ("Parameters", "names nothing"),
        ("Parameters.", "names nothing"),
        ("Steps.['A']", "names nothing"),
        ("Parameters.A.B", "single value"),
        ("Execution.PipelineName[0]", "single value"),
        ("Steps.A.", "from '.' on"),
        ("Steps.A..B", "from '..B' on"),
        ("Steps.A.B[", "from '[' on"),
        ("Steps.A.B[-1]", "from '[-1]' on"),
        ("Steps.A.B[*]", "from '[*]' on"),
        ("Steps.A.B[x]", "from '[x]' on"),
        ("Steps.A.B['x]", "from '['x]' on"),
        ("Steps.A.B[0]C", "from 'C' on"),
        (7, "a number"),
        (None, "null"),
    ],
)
def test_what_is_not_a_reference_is_refused(text: Any, says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_reference(text)
    assert says in str(caught.value)


@given(st.text() | st.sampled_from(["Steps.", "Parameters."]).flatmap(lambda root: st.text().map(root.__add__)))
def test_any_text_is_a_reference_or_a_definition_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except DefinitionError:
        return
    assert text.startswith(f"{reference.root}.{reference.name}")


@given(st.lists(st.text() | st.integers(0, 999), min_size=1).map(tuple))
def test_a_path_survives_being_written_and_read(path: tuple[str | int, ...]) -> None:
    assert parse_path(write_path(path)) == path


def test_references_are_found_in_document_order_wherever_they_are() -> None:
    value = {
        "a": [get("Parameters.P"), {"b": join("/", "x", join("", get("Steps.A.B")), get("Execution.PipelineName"))}],
        "c": json_get("m"),
        "d": json_get_s3("m", join("/", get("Steps.S.OutputDataConfig.S3OutputPath"), "results.json")),
    }
    assert [reference.text for reference in references(value)] == [
        "Parameters.P",
        "Steps.A.B",
        "Execution.PipelineName",
        "Steps.Evaluate.PropertyFiles.Report",
        "Steps.S.OutputDataConfig.S3OutputPath",
    ]


def test_a_place_is_spelled_as_a_path() -> None:
    value = {"Environment": {"a b": join("", "x", get("Parameters.P"))}}
    ((place, _),) = survey(value)
    assert spell_place(place) == "Environment['a b'].Std:Join.Values[1]"


def test_an_object_with_a_key_beside_get_is_plain_data(world: Any) -> None:
    payload = {"Get": "Steps.Nobody.X", "And": get("Parameters.P")}
    assert not is_expression(payload)
    assert [reference.name for reference in references(payload)] == ["P"]
    assert evaluate(payload, world(parameters={"P": 1})) == {"Get": "Steps.Nobody.X", "And": 1}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (get("Nope.X"), "known root"),
        ({"Get": ["Steps.A.B"]}, "not in a list"),
        ({"Std:Join": ["a", "b"]}, "needs an object"),
        ({"Std:Join": {"On": "/"}}, "list of Values"),
        ({"Std:Join": {"On": "/", "Values": "a"}}, "list of Values"),
        ({"Std:Join": {"On": 1, "Values": []}}, "On is a number"),
        ({"Std:Join": {"On": "", "Values": ["a", ["b"]]}}, "Values[1] is a list"),
        ({"Std:Join": {"On": "", "Values": [None]}}, "Values[0] is nothing"),
        ({"Std:Join": {"On": "", "Values": [{"a": 1}]}}, "Values[0] is an object"),
        ({"Std:JsonGet": {"PropertyFile": get("Steps.E.PropertyFiles.R")}}, "needs a Path"),
        ({"Std:JsonGet": {"Path": get("Parameters.P"), "S3Uri": "s3://b/k"}}, "written out"),
        ({"Std:JsonGet": {"Path": "a"}}, "exactly one"),
        ({"Std:JsonGet": {"Path": "a", "S3Uri": "s3://b/k", "PropertyFile": {}}}, "exactly one"),
        ({"Std:JsonGet": {"Path": "a", "S3Uri": 5}}, "S3Uri"),
        ({"Std:JsonGet": {"Path": "a", "PropertyFile": "Report"}}, "needs a Get"),
        (json_get("a", "Steps.E.Outputs"), "not a property file"),
        (json_get("a", "Parameters.P"), "not a property file"),
        (json_get("a[*]"), "from '[*]' on"),
        (json_get(""), "path is empty"),
        ({"Std:Joint": {}}, "did you mean 'Std:Join'?"),
    ],
)
def test_a_malformed_expression_is_a_definition_error(expression: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        list(references({"in": [expression]}))
    assert says in str(caught.value)


def test_an_unread_malformed_expression_is_refused_when_evaluated(world: Any) -> None:
    with pytest.raises(DefinitionError, match="list of Values"):
        evaluate([{"Std:Join": {}}], world())


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (get("Execution.PipelineName"), "blah-my-pipeline-blah"),
        (get("Parameters.Name"), "blah-default-blah"),
        (get("Steps.Train.TrainingJobName"), "blah-job-1-blah"),
        (join("_", 1, "a", "b"), "blah-1_a_b-blah"),
        (join("_", 1, "a", get("Execution.PipelineName")), "blah-1_a_my-pipeline-blah"),
    ],
)
def test_join_table(world: Any, value: Any, text: str) -> None:
    scope = world(
        variables={"PipelineName": "my-pipeline"},
        parameters={"Name": "default"},
        steps={"Train": {"TrainingJobName": "job-1"}},
    )
    assert evaluate(join("-", "blah", value, "blah"), scope) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("TrainingJobArn", "arn:job"),
        ("ExperimentConfig.TrialName", "trial"),
        ("FinalMetricDataList[0].Value", 24),
        ("FinalMetricDataList['val:acc'].Value", 0.5),
        ("AlgorithmSpecification.MetricDefinitions[0].Name", "mse"),
        ("Environment['max-depth']", "10"),
        ("HyperParameters['a.b']", "quoted"),
        ("ProcessingInputs['in'].S3Input.S3Uri", "s3://bucket/in"),
        ("ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", "s3://bucket/train"),
        ("ProcessingOutputConfig.Outputs[0].OutputName", "train"),
    ],
)
def test_property_path_table(world: Any, path: str, value: Any) -> None:
    response = {
        "TrainingJobArn": "arn:job",
        "ExperimentConfig": {"TrialName": "trial"},
        "FinalMetricDataList": [{"MetricName": "mse", "Value": 24}, {"MetricName": "val:acc", "Value": 0.5}],
        "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "mse"}]},
        "Environment": {"max-depth": "10"},
        "HyperParameters": {"a.b": "quoted"},
        "ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": "s3://bucket/in"}}],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://bucket/train"}}],
        },
    }
    assert evaluate(get(f"Steps.My-Step.{path}"), world(steps={"My-Step": response})) == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("ModelName", "did you mean 'ModelNames'?"),
        ("Deep.Gone", "no 'Gone' in Deep"),
        ("Outputs['trian'].S3Uri", "did you mean 'train'?"),
        ("Outputs[2]", "no item [2] in Outputs (it is a list: [0] to [0])"),
        ("Unnamed['x']", "it is a list"),
        ("Text.More", "nothing inside a single value"),
        ("Deep[0]", "no item [0] in Deep"),
        ("Null", "its value is null"),
        ("Outputs['empty'].X", "'empty'"),
    ],
)
def test_a_property_that_is_not_there_says_what_is(world: Any, path: str, says: str) -> None:
    outputs = [{"OutputName": "train"}]
    response = {"ModelNames": 1, "Deep": {"A": 1}, "Outputs": outputs, "Unnamed": [1], "Text": "t", "Null": None}
    with pytest.raises(EvaluationError) as caught:
        evaluate(get(f"Steps.S.{path}"), world(steps={"S": response}))
    assert f"Steps.S.{path} is undefined" in str(caught.value)
    assert says in f"{caught.value.message} ({caught.value.hint})"


def test_a_value_is_evaluated_all_through_and_not_changed(world: Any) -> None:
    value = {"a": [get("Parameters.N"), None, {"b": join("/", "s3:/", get("Parameters.N"))}], "c": True}
    before = json.dumps(value)
    scope = world(parameters={"N": 3}, experiments={"TrialName": "t"})
    assert evaluate(value, scope) == {"a": [3, None, {"b": "s3://3"}], "c": True}
    assert evaluate(get("PipelineExperimentConfig.TrialName"), scope) == "t"
    assert json.dumps(value) == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (10**20, "1" + "0" * 20),
        (0.8, "0.8"),
        (6.0, "6.0"),
        (1e-05, "1e-05"),
        ("verbatim 'text'", "verbatim 'text'"),
    ],
)
def test_a_single_value_join_is_the_cast_to_text(world: Any, value: Any, text: str) -> None:
    assert evaluate(join("", get("Parameters.P")), world(parameters={"P": value})) == text
    assert render(value) == text


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_what_is_not_single_cannot_be_joined(world: Any, value: Any) -> None:
    with pytest.raises(EvaluationError, match=r"Values\[1\] \(Steps.S.X\)"):
        evaluate(join("", "a", get("Steps.S.X")), world(steps={"S": {"X": value}}))


def test_an_undefined_value_cannot_be_joined(world: Any) -> None:
    with pytest.raises(EvaluationError, match=r"Parameters\.P is undefined"):
        evaluate(join("", get("Parameters.P")), world(parameters={"P": None}))


def test_iteration_values_are_read_and_have_no_value_here(world: Any) -> None:
    with pytest.raises(EvaluationError, match=r"ForEach\.CurrentItem has a value only inside a ForEach step"):
        evaluate(get("ForEach.CurrentItem"), world())
    with pytest.raises(EvaluationError, match="only inside a ForEach step"):
        evaluate(json_get("a", "IterationOutput.Evaluate.PropertyFiles.Report"), world())


def test_nesting_costs_no_stack(world: Any) -> None:
    lists: Any = get("Parameters.P")
    joins: Any = get("Parameters.P")
    for _ in range(20_000):
        lists, joins = [lists], join("", joins)
    scope = world(parameters={"P": "deep"})
    assert [reference.name for reference in references(lists)] == ["P"]
    assert evaluate(joins, scope) == "deep"
    value = evaluate(lists, scope)
    while isinstance(value, list):
        (value,) = value
    assert value == "deep"


# --- JsonGet ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metrics.rmse", 0.7),
        ("$.metrics.rmse", 0.7),
        ("$['metrics']['n']", 3),
        ("Result[0]['a b']['c.d']", True),
        ("Result[1]", "x"),
    ],
)
def test_json_get_reads_a_property_file(evaluated: Any, path: str, value: Any) -> None:
    assert evaluate(json_get(path), evaluated) == value


@pytest.mark.parametrize(("path", "text"), [("metrics.rmse", "0.70"), ("metrics.tiny", "1e-5"), ("metrics.n", "3")])
def test_a_number_out_of_a_file_keeps_its_digits_in_a_join(evaluated: Any, path: str, text: str) -> None:
    assert evaluate(join("", "RMSE:", json_get(path)), evaluated) == f"RMSE:{text}"


def test_json_get_reads_any_object_whose_address_can_be_computed(world: Any) -> None:
    scope = world(
        steps={"Train": {"OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}}},
        objects={"s3://bucket/out/results.json": '{"Result": [0.5]}'},
    )
    address = join("/", get("Steps.Train.OutputDataConfig.S3OutputPath"), "results.json")
    assert evaluate(json_get_s3("Result[0]", address), scope) == 0.5
    assert evaluate(json_get_s3("Result[0]", "s3://bucket/out/results.json"), scope) == 0.5


def test_json_get_can_read_a_document_that_is_one_value(world: Any) -> None:
    assert evaluate(json_get_s3("$", "s3://b/k"), world(objects={"s3://b/k": "0.25"})) == 0.25


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("metrics.rsme", ["at 'metrics.rsme' is undefined", "no 'rsme' in metrics", "did you mean 'rmse'?"]),
        ("metric", ["no 'metric' at the top", "did you mean 'metrics'?"]),
        ("Result[5]", ["no item [5] in Result", "[0] to [1]"]),
        ("metrics.none", ["its value is null"]),
        ("metrics", ["is an object", "known: n, none, rmse, tiny"]),
        ("Result", ["is a list"]),
    ],
)
def test_a_json_path_that_leads_nowhere_says_what_is_there(evaluated: Any, path: str, says: list[str]) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(json_get(path), evaluated)
    for part in ("Steps.Evaluate.PropertyFiles.Report", *says):
        assert part in f"{caught.value.message} ({caught.value.hint})"


@pytest.mark.parametrize("text", ["", "{", "rmse: 0.7", '{"a": NaN}', "[" * 100_000])
def test_a_property_file_that_is_not_json_is_named(evaluated: Any, text: str) -> None:
    evaluated.objects = {"s3://bucket/run/evaluation/evaluation.json": text}
    with pytest.raises(EvaluationError, match=r"s3://bucket/run/evaluation/evaluation.json\) is not JSON"):
        evaluate(json_get("a"), evaluated)


def test_a_property_file_that_is_not_there_is_named(evaluated: Any) -> None:
    evaluated.objects = {}
    with pytest.raises(EvaluationError, match="cannot be read: there is no object s3://bucket/run"):
        evaluate(json_get("a"), evaluated)


@pytest.mark.parametrize("response", [{}, {"ProcessingOutputConfig": {"Outputs": []}}])
def test_a_step_without_the_output_is_named(evaluated: Any, response: dict[str, Any]) -> None:
    evaluated.steps = {"Evaluate": response}
    with pytest.raises(EvaluationError, match=r"Evaluate.PropertyFiles.Report \(output 'evaluation'\) is undefined"):
        evaluate(json_get("a"), evaluated)
    evaluated.steps = {}
    with pytest.raises(EvaluationError, match="'Evaluate' has not ended"):
        evaluate(json_get("a"), evaluated)


def test_a_property_file_is_no_value_by_itself(evaluated: Any) -> None:
    with pytest.raises(EvaluationError, match="is a file, not a value"):
        evaluate(get("Steps.Evaluate.PropertyFiles.Report"), evaluated)


def test_an_address_must_be_text(world: Any) -> None:
    with pytest.raises(EvaluationError, match="needs a text as S3Uri, and has a number"):
        evaluate(json_get_s3("a", get("Parameters.P")), world(parameters={"P": 5}))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_of_a_file_that_is_none_is_not_compared(number: str, world: Any) -> None:
    scope = world(objects={"s3://bucket/e.json": f'{{"a": {number}}}'})
    with pytest.raises(EvaluationError, match="is not JSON"):
        evaluate(json_get_s3("a", "s3://bucket/e.json"), scope)
