"""A definition becomes a module that emits it again, to the letter: other people's, our own, random and nasty ones."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from agreement import Seeded
from random_pipelines import random_pipeline

from dagwright.definition.graph import examine_definition
from dagwright.errors import DefinitionError
from dagwright.importing import Imported, imported, round_trips

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
FOREIGN = sorted(path for path in (ROOT / "tests/foreign").glob("*.json") if path.stem not in ("expected", "public"))
GOLDEN = sorted(
    path
    for path in (ROOT / "tests/golden").rglob("*.json")
    if ".asl" not in path.suffixes and path.parent.name != "infra"
)
BROKEN = sorted((ROOT / "tests/broken").glob("*.json"))
CORPUS = sorted((ROOT / ".." / "shared" / "corpus" / "definitions").glob("*.json"))
#: What cannot be imported, and the rule that says why; everything else has to come back as it was.
REFUSED = {"dangling-names": {"unknown-step", "unknown-parameter"}}


def name_of(path: Path) -> str:
    return path.stem.replace("_", "-").replace(".", "-")


@cache
def made_of(path: Path) -> Imported:
    return imported(path.read_text(encoding="utf-8"), name_of(path))


@pytest.mark.parametrize("path", [*FOREIGN, *GOLDEN], ids=lambda path: path.stem)
def test_definitions_come_back_as_they_were(path: Path) -> None:
    if path.stem in REFUSED:
        with pytest.raises(DefinitionError) as caught:
            made_of(path)
        assert {problem.code for problem in caught.value.problems} == REFUSED[path.stem]
    else:
        assert round_trips(made_of(path), json.loads(path.read_text(encoding="utf-8"))) == ()


@pytest.mark.skipif(not CORPUS, reason="the collection of public definitions is not here")
def test_all_public_definitions_come_back_as_they_were() -> None:
    unequal = {path.stem for path in CORPUS if round_trips(made_of(path), json.loads(path.read_text()))}
    assert unequal == set()


@pytest.mark.skipif(not CORPUS, reason="the collection of public definitions is not here")
def test_nine_of_ten_steps_of_public_definitions_are_said_by_a_class() -> None:
    steps = sum(len(examine_definition(path.read_text())[0].steps) for path in CORPUS)
    assert sum(len(made_of(path).verbatim) for path in CORPUS) <= steps / 10


def test_what_is_wrong_comes_back_too_unless_nobody_could_read_it() -> None:
    """A broken definition that the reader takes is imported, so that it can be mended; names alone have to be right."""
    for path in BROKEN:
        text = path.read_text(encoding="utf-8")
        codes = _refusal(text)
        assert not codes or codes == {"bad-name"} or _is_unreadable(text), path.stem


def _refusal(text: str) -> set[str]:
    """The rules that keep a text from being imported; otherwise it comes back as it was."""
    try:
        made = imported(text, "p")
    except DefinitionError as error:
        return {problem.code for problem in error.problems}
    assert round_trips(made, json.loads(text)) == (), text
    return set()


def _is_unreadable(text: str) -> bool:
    try:
        return bool(examine_definition(text)[1])
    except DefinitionError:
        return True


@pytest.mark.parametrize("seed", range(25))
def test_random_pipelines_come_back_as_they_were(seed: int) -> None:
    definition = random_pipeline(Seeded(seed)).definition
    if not examine_definition(definition)[1]:
        assert round_trips(imported(definition, "random"), definition) == ()


def test_modules_are_as_ruff_would_have_them(tmp_path: Path) -> None:
    texts = {name_of(path): made_of(path).text for path in (*FOREIGN, *GOLDEN, *CORPUS) if path.stem not in REFUSED}
    for seed in range(15):
        definition = random_pipeline(Seeded(seed)).definition
        if not examine_definition(definition)[1]:
            texts[f"random-{seed}"] = imported(definition, "random").text
    texts["nasty"] = imported(_nasty(), "nasty").text
    for name, text in texts.items():
        (tmp_path / f"{name.replace('-', '_')}.py").write_text(text, encoding="utf-8")
    for words in (["format", "--diff"], ["check", "--no-cache"]):
        command = [sys.executable, "-m", "ruff", *words, "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[:3000] + done.stderr[:3000]


def test_it_reads_like_one_of_ours() -> None:
    made = made_of(ROOT / "tests/foreign/train-evaluate-register.json")
    assert made.verbatim == {}
    assert made.text == (ROOT / "tests/golden/imported/train_evaluate_register.py").read_text(encoding="utf-8")


# ---- single constructs ----


def step(kind: str, arguments: Any, name: str = "Work", **members: Any) -> Json:
    return {"Name": name, "Type": kind, "Arguments": arguments, **members}


def definition_of(*steps: Json, parameters: tuple[Json, ...] = (), **members: Any) -> Json:
    usual = {"Version": "2020-12-01", "Metadata": {}, "PipelineExperimentConfig": None}
    return {**usual, "Parameters": list(parameters), "Steps": list(steps), **members}


def fail(message: Any, name: str = "Stop", **members: Any) -> Json:
    return step("Fail", {"ErrorMessage": message}, name, **members)


def body_of(definition: Json) -> str:
    """What stands in `build`, after it has been proven."""
    made = imported(definition, "p")
    assert round_trips(made, definition) == ()
    return made.text.partition('"""The pipeline."""\n')[2]


def test_a_join_of_one_value_is_its_text() -> None:
    count = {"Name": "Count", "Type": "Integer", "DefaultValue": 3}
    message = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}}
    assert 'FailStep("Stop", error_message=count.to_string())' in body_of(
        definition_of(fail(message), parameters=(count,))
    )


def test_a_number_that_stands_as_a_text_is_written_as_the_number_only_if_it_comes_back() -> None:
    body = body_of(
        definition_of(
            step(
                "Training",
                {
                    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                    "HyperParameters": {"a": "5", "b": "0.10", "c": "true", "d": "1e5", "e": "0.5", "f": "-2"},
                    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
                    "RoleArn": "arn:aws:iam::123456789012:role/r",
                },
            )
        )
    )
    assert 'hyperparameters={"a": 5, "b": "0.10", "c": "true", "d": "1e5", "e": 0.5, "f": -2}' in body


def test_large_numbers_are_written_as_ruff_writes_them_and_those_past_all_are_refused() -> None:
    assert '{"a": [1e16, -1e22, 1e-05, -0.0, 0.30000000000000004]}' in body_of(
        definition_of(step("Odd", {"a": [1e16, -1e22, 1e-05, -0.0, 0.1 + 0.2]}))
    )
    for number in ("1e999", "-1e999"):
        text = json.dumps(definition_of(step("Odd", {"a": "here"}))).replace('"here"', number)
        with pytest.raises(DefinitionError, match="it holds a number that is too large"):
            imported(text, "p")
        with pytest.raises(DefinitionError, match="a number is too large"):
            imported(json.loads(text), "p")


def test_the_machines_of_a_tuning_step_may_stand_where_the_sdk_writes_them() -> None:
    job = {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "HyperParameterTuningResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "rmse"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5", "ScalingType": "Logarithmic"}
            ]
        },
        "TrainingJobEarlyStoppingType": "Off",
    }
    tune = step("Tuning", {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": job}, "Tune")
    best = ["s3:/", "bucket", "models", {"Get": "Steps.Tune.TrainingJobSummaries[0].TrainingJobName"}]
    body = body_of(definition_of(tune, fail({"Std:Join": {"On": "/", "Values": [*best, "output/model.tar.gz"]}})))
    assert 'resource_member="HyperParameterTuningResourceConfig"' in body
    assert 'ContinuousParameter(0.1, 0.5, scaling_type="Logarithmic")' in body
    assert 'tune.get_top_model_s3_uri(0, "bucket", "models")' in body


def test_what_a_class_would_say_otherwise_is_in_its_overrides() -> None:
    arguments = {
        "PrimaryContainer": {"Image": "image", "Mode": "SingleModel", "Environment": {"N": {"Get": "Parameters.N"}}},
        "ExecutionRoleArn": "role",
    }
    number = {"Name": "N", "Type": "Integer", "DefaultValue": 1}
    body = body_of(definition_of(step("Model", arguments), parameters=(number,)))
    assert 'overrides={"PrimaryContainer": {"Mode": "SingleModel", "Environment": {"N": n}}}' in body


def test_a_duration_that_is_none_of_ours_is_kept() -> None:
    container = {"PrimaryContainer": {"Image": "image"}, "ExecutionRoleArn": "role"}
    cached = step("Model", container, CacheConfig={"Enabled": True, "ExpireAfter": "30d"})
    assert 'members={"CacheConfig": {"Enabled": True, "ExpireAfter": "30d"}}' in body_of(definition_of(cached))


def test_an_ending_that_releases_a_step_is_kept() -> None:
    waiting = fail("no", DependsOn=[{"Step": "Tell", "Trigger": "Failed"}])
    tell = step("Lambda", {}, "Tell", FunctionArn="arn:aws:lambda:us-east-1:1:function:f", OutputParameters=[])
    assert '"Trigger": "Failed"' in body_of(definition_of(tell, waiting))


def test_a_type_without_a_class_keeps_its_nulls_and_its_references() -> None:
    check = step(
        "QualityCheck",
        {"RoleArn": {"Get": "Parameters.Role"}},
        "Check",
        CheckType="DATA_QUALITY",
        SuppliedBaselineStatistics=None,
    )
    reads = fail({"Std:Join": {"On": " ", "Values": ["see", {"Get": "Steps.Check.CalculatedBaselineStatistics"}]}})
    role = {"Name": "Role", "Type": "String"}
    body = body_of(definition_of(check, reads, parameters=(role,)))
    assert '{"RoleArn": role}' in body
    assert '"SuppliedBaselineStatistics": None' in body
    assert "check.properties.CalculatedBaselineStatistics" in body


def test_a_step_of_an_unknown_type_can_be_read() -> None:
    new = step("Quantum", {"Qubits": 3}, "New")
    assert 'Verbatim({"Get": "Steps.New.Answer.Value"})' in body_of(
        definition_of(new, fail({"Std:Join": {"On": "", "Values": ["x", {"Get": "Steps.New.Answer.Value"}]}}))
    )


def test_steps_are_made_in_the_order_of_what_they_read_and_listed_as_they_were() -> None:
    late = fail({"Std:Join": {"On": "", "Values": ["x", {"Get": "Steps.Make.ModelArn"}]}}, "Late")
    make = step("Model", {"PrimaryContainer": {"Image": "image"}, "ExecutionRoleArn": "role"}, "Make")
    body = body_of(definition_of(late, make))
    assert body.index("make = ") < body.index("late = ")
    assert "steps=[late, make]" in body


def test_a_step_in_a_branch_may_wait_for_one_that_waits_for_the_condition() -> None:
    """The condition is made after its branches, and so after all they read: somebody has to go by name."""
    always = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    inner = step(
        "Lambda", {"x": {"Get": "Steps.Outer.OutputParameters['o']"}}, "Inner", FunctionArn="f", OutputParameters=[]
    )
    gate = step("Condition", {"Conditions": [always], "IfSteps": [inner], "ElseSteps": []}, "Gate")
    outer = step(
        "Lambda",
        {"outcome": {"Get": "Steps.Gate.Outcome"}},
        "Outer",
        FunctionArn="f",
        OutputParameters=[{"OutputName": "o", "OutputType": "String"}],
        DependsOn=["Gate"],
    )
    body_of(definition_of(gate, outer))


@pytest.mark.parametrize(
    "members",
    [
        {"Metadata": None},
        {"Metadata": {"a": [None, {"b": {}}]}},
        {"MlflowConfig": None},
        {"MlflowConfig": {"MlflowResourceArn": {"Get": "Execution.PipelineName"}}},
        {"PipelineExperimentConfig": {"ExperimentName": "e", "TrialName": {"Get": "Execution.PipelineExecutionId"}}},
        {"PipelineExperimentConfig": {"ExperimentName": "e", "More": 1}},
        {"PipelineExperimentConfig": {}},
        {"Version": "2031-01-01"},
        {"Parameters": None},
        {"SomethingNew": [1, 1.0, True, "1"]},
    ],
    ids=str,
)
def test_the_outermost_members_are_kept(members: Json) -> None:
    body_of(definition_of(fail("no"), **members))


def test_members_that_are_not_there_stay_away() -> None:
    body_of({"Version": "2020-12-01", "Steps": [fail("no")]})
    body_of({"Steps": []})


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"DefaultValue": "x"},
        {"Type": "String", "DefaultValue": ""},
        {"Type": "String", "DefaultValue": None},
        {"Type": "Integer", "DefaultValue": "7"},
        {"Type": "Float", "DefaultValue": 7},
        {"Type": "Integer", "EnumValues": [1, 2]},
        {"Type": "String", "EnumValues": ["a", "b"], "DefaultValue": "b"},
        {"Type": "Boolean", "DefaultValue": False, "Description": "what for"},
    ],
    ids=str,
)
def test_parameters_are_kept_whatever_they_are(members: Json) -> None:
    reads = fail({"Std:Join": {"On": "", "Values": ["x", {"Get": "Parameters.P"}]}})
    body_of(definition_of(reads, parameters=({"Name": "P", **members},)))


def test_numbers_stay_what_they_were() -> None:
    body_of(
        definition_of(step("Lambda", {"n": [1, 1.0, True, 1e300, -0.0, 10**30]}, FunctionArn="f", OutputParameters=[]))
    )


def test_depth_costs_nothing() -> None:
    """Python's own parser ends at two hundred brackets."""
    value: Any = {"Get": "Parameters.P"}
    for _ in range(90):
        value = {"Std:Join": {"On": "-", "Values": ["a", value]}}
    plain: Any = 1
    for _ in range(180):
        plain = {"list": [plain]}
    condition: Any = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    for _ in range(150):
        condition = {"Type": "Not", "Condition": condition}
    gate = step("Condition", {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}, "Gate")
    deep = step("Lambda", {"value": value, "plain": plain}, FunctionArn="f", OutputParameters=[])
    body_of(definition_of(deep, gate, parameters=({"Name": "P", "Type": "String"},)))


def _nasty() -> Json:
    """Texts that would be code if a quote could be left."""
    texts = [
        '"',
        "'",
        '"""',
        "\\",
        "\\'",
        "{x}",
        "${x}",
        "\n__import__('os').system('true')\n",
        "\u202e",
        "\x00",
        "ü",
        chr(0x430),
    ]
    texts += ["/tmp/x", f"0.0.0.{0}", '"' * 70 + "'" * 90, "word " * 60, "x" * 300, "名前 " * 60, "\\" * 200]
    names = {text: index for index, text in enumerate(texts)}
    image = "');raise SystemExit('x')#/sagemaker-im\"port:1\n"
    return definition_of(
        step("Lambda", {**names, "texts": texts}, "class", FunctionArn="f\n", OutputParameters=[], Description='"""'),
        step("Model", {"PrimaryContainer": {"Image": image}, "ExecutionRoleArn": "role\\"}, "1-2"),
        step("Model", {"PrimaryContainer": {"Image": image}, "ExecutionRoleArn": "role\\"}, "--"),
        step("Model", {"PrimaryContainer": {"Image": image, "ModelDataUrl": '"""\\'}}, "print"),
        step('Odd"""\\\n', {}, "odd"),
        fail("no", "Class", DependsOn=["class", "print"]),
        parameters=({"Name": "class", "Type": "String"},),
    )


def test_no_text_becomes_code() -> None:
    """What a module is made of besides literals: the words of the vocabulary, and names that were made for it."""
    definition = _nasty()
    made = imported(definition, "nasty")
    assert round_trips(made, definition) == ()
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(made.text)) if isinstance(node, ast.Call)}
    words = {"LambdaStep", "ModelStep", "FailStep", "VerbatimStep", "ParameterString", "Pipeline"}
    assert {name.partition(".")[0] for name in called} <= words
    assert made.text.isprintable() or set(made.text) - {"\n"} == {one for one in made.text if one.isprintable()}


def test_what_the_project_has_a_name_for_is_read_from_it() -> None:
    class Project:
        role = "arn:aws:iam::123456789012:role/ours"

    definition = definition_of(
        step("Model", {"PrimaryContainer": {"Image": "image"}, "ExecutionRoleArn": Project.role})
    )
    made = imported(definition, "p", {Project.role: "project.role"}, Project())
    assert "role=project.role" in made.text
    assert round_trips(made, definition, Project()) == ()


def test_a_difference_is_told_by_its_place() -> None:
    definition = definition_of(fail("no"))
    made = imported(definition, "p")
    assert round_trips(made, definition_of(fail("yes"))) == ("Steps[0].Arguments.ErrorMessage",)
    assert round_trips(made, definition_of(fail("no"), Metadata={"a": 1}, Extra=1)) == ("Extra", "Metadata.a")
    assert round_trips(made, definition_of(fail("no"), fail("no", "More"))) == ("Steps",)


def test_names_that_aws_refuses_are_refused_with_a_way_out() -> None:
    with pytest.raises(DefinitionError, match="such as 'Tell-the-team'") as caught:
        imported(definition_of(fail("no", "Tell the team")), "p")
    assert [problem.where for problem in caught.value.problems] == [""], "there is no line of anybody's to show"


@pytest.mark.parametrize(
    "key",
    [
        "Arn if 1 << (1 << 62) else x",
        "Arn or (lambda a: a(a))(lambda a: a(a))",
        "ENV x",
        "None",
        "Arn, VerbatimParameter(9)",
        "Arn := 1",
    ],
)
def test_what_stands_in_a_reference_is_never_evaluated(key: str) -> None:
    """A module is tried out while it is written: a path is no place to hide an expression in."""
    reads = {"Name": "B", "Type": "Lambda", "Arguments": {"x": {"Get": f"Steps.A.{key}"}}}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Processing"}, reads]}
    made = imported(definition, "hidden")
    assert round_trips(made, definition) == ()
    assert f'Verbatim({{"Get": "Steps.A.{key}"}})' in made.text


@pytest.mark.parametrize("held", [{"Get": "Parameters.P"}, {"Std:Bogus": 1}, [{"a": {"Std:JsonGet": {}}}]])
@pytest.mark.parametrize("member", ["DefaultValue", "EnumValues", "Else"])
def test_a_declaration_that_holds_an_expression_is_refused(held: Any, member: str) -> None:
    parameter = {"Name": "P", "Type": "String", member: held}
    with pytest.raises(DefinitionError, match="the parameter 'P' holds an expression"):
        imported({"Version": "2020-12-01", "Parameters": [parameter], "Steps": []}, "held")


def test_an_expression_as_the_age_of_a_result_comes_back_verbatim() -> None:
    cache = {"Enabled": True, "ExpireAfter": {"Get": "Execution.PipelineName"}}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Processing", "CacheConfig": cache}]}
    assert round_trips(imported(definition, "cached"), definition) == ()
