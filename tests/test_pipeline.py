from __future__ import annotations

import time
from typing import Any

import pytest
from vocabulary_example import bare, project

import dagwright as dw

OUT = dw.ProcessingOutput("/opt/ml/processing/output/a", output_name="a")
SEED = dw.ParameterInteger("Seed", 1)


def problems(*steps: dw.Step, parameters: Any = (), **options: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps, parameters, **options).definition()
    return [(one.code, one.step, one.field) for one in caught.value.problems]


def gate(*steps: dw.Step, name: str = "Gate", left: Any = 1) -> dw.ConditionStep:
    return dw.ConditionStep(name, [dw.ConditionEquals(left, 1)], steps)


@pytest.mark.parametrize("name", ["", "my_pipeline", "-a", "a-", "a" * 257])
def test_bad_names(name: str) -> None:
    with pytest.raises(dw.DefinitionError, match="is not a pipeline name"):
        dw.Pipeline(name, [])


def test_what_is_no_step_or_parameter() -> None:
    with pytest.raises(dw.DefinitionError, match="is not a step"):
        dw.Pipeline("p", ["Train"])  # type: ignore[list-item]
    with pytest.raises(dw.DefinitionError, match="is not a parameter"):
        dw.Pipeline("p", [], ["Seed"])  # type: ignore[list-item]


def test_duplicate_steps_inside_branches_too() -> None:
    assert problems(bare("A"), gate(bare("A"))) == [("duplicate-step", "A", "Name")]
    step = bare("A")
    assert problems(step, gate(step)) == [("duplicate-step", "A", "Name")]


def test_duplicate_and_undeclared_parameters() -> None:
    assert problems(bare(), parameters=[SEED, SEED]) == [("duplicate-parameter", "", "Parameters")]
    found = problems(bare(arguments=["--seed", SEED]))
    assert found == [
        ("unknown-parameter", "Work", "Arguments.AppSpecification.ContainerArguments[1].Std:Join.Values[0]")
    ]
    assert problems(gate(left=SEED)) == [("unknown-parameter", "Gate", "Arguments.Conditions[0].LeftValue")]


def test_steps_that_are_not_in_the_pipeline() -> None:
    outside = bare("Outside", outputs=[OUT])
    reader = bare(inputs=[dw.ProcessingInput(outside.output_uri("a"), "/opt/ml/processing/input/a")])
    field = "Arguments.ProcessingInputs[0].S3Input.S3Uri"
    assert problems(reader) == [("unknown-step", "Work", field)]
    assert problems(bare(depends_on=["Wrok"])) == [("unknown-step", "Work", "DependsOn")]
    assert problems(bare(depends_on=[outside])) == [("unknown-step", "Work", "DependsOn")]


def test_property_files_that_nobody_declared() -> None:
    evaluate = bare("Evaluate", outputs=[OUT], property_files=[dw.PropertyFile("Report", "a", "r.json")])
    kwargs = {"project": project()}
    field = "Arguments.Conditions[0].LeftValue"
    read = dw.JsonGet("Evaluate", "Reprot", "x")
    assert problems(evaluate, gate(left=read), **kwargs) == [("unknown-property-file", "Gate", field)]
    read = dw.JsonGet("Stop", "Report", "x")
    stop = dw.FailStep("Stop")
    assert problems(evaluate, stop, gate(left=read), **kwargs) == [("unknown-property-file", "Gate", field)]
    assert problems(gate(left=dw.JsonGet("Nowhere", "R", "x"))) == [("unknown-step", "Gate", field)]


def test_every_missing_value_of_every_step_at_once() -> None:
    steps = [
        dw.ProcessingStep("Prepare", image="i", code="a.py", outputs=[OUT]),
        dw.TrainingStep("Train", image="i", role="r"),
        gate(
            dw.RegisterModelStep("Register", image="i", model_data="s3://b/m", content_types=[], response_types=[]),
            dw.TransformStep("Score", model_name="m", data="s3://b/d"),
        ),
    ]
    found = problems(*steps)
    by_step: dict[str, list[str]] = {}
    for _, step, field in found:
        by_step.setdefault(step, []).append(field)
    assert by_step == {
        "Prepare": ["role", "instance_type", "instance_count", "volume_size_in_gb", "code", "destination"],
        "Train": ["instance_type", "instance_count", "volume_size_in_gb", "output_path"],
        "Register": ["model_package_group_name"],
        "Score": ["instance_type", "instance_count", "destination"],
    }


def test_problems_say_the_line_of_their_step() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", [dw.FailStep("Stop", depends_on=["Nothing"])]).definition()
    assert "test_pipeline.py:" in caught.value.problems[0].where


def test_missing_scripts_are_named_with_step_path_and_nearest() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", [bare(code="scripts/preproces.py")], project=project()).definition()
    (problem,) = caught.value.problems
    assert (problem.step, problem.field, problem.what) == ("Work", "code", "scripts/preproces.py does not exist")
    assert problem.hint == "the nearest file is scripts/preprocess.py"


def test_subnets_without_security_groups() -> None:
    found = problems(dw.TrainingStep("Train", image="i"), project=project(security_groups={}))
    assert found == [("missing-value", "Train", "security_group_ids")]


@pytest.mark.parametrize("value", [float("nan"), object(), {1: "x"}])
def test_what_has_no_json(value: Any) -> None:
    (found,) = problems(dw.LambdaStep("Call", function_arn="arn", inputs={"x": value}))
    assert found[:2] == ("bad-value", "Call")
    assert found[2].startswith("Arguments.x")


def test_one_output_object_gives_each_step_its_own_address() -> None:
    pipeline = dw.Pipeline("p", [bare("A", outputs=[OUT]), bare("B", outputs=[OUT])], project=project())
    first, second = (
        step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]["Std:Join"]["Values"]
        for step in pipeline.definition()["Steps"]
    )
    assert first == ["s3://acme-sm-ml-churn/processed/p", {"Get": "Execution.PipelineExecutionId"}, "A", "a"]
    assert second == [*first[:2], "B", "a"]
    assert OUT.destination is None


def test_a_metrics_address_is_the_output_of_the_execution() -> None:
    evaluate = bare("Evaluate", outputs=[OUT])
    assert evaluate.output_uri("a", "evaluation.json").expr == {
        "Std:Join": {
            "On": "/",
            "Values": [
                {"Get": "Steps.Evaluate.ProcessingOutputConfig.Outputs['a'].S3Output.S3Uri"},
                "evaluation.json",
            ],
        }
    }


def chain(count: int) -> dw.Pipeline:
    steps = [bare("S0", outputs=[OUT])]
    for number in range(1, count):
        read = dw.ProcessingInput(steps[-1].output_uri("a"), "/opt/ml/processing/input/a", "a")
        steps.append(bare(f"S{number}", code="scripts/preprocess.py", inputs=[read], outputs=[OUT]))
    return dw.Pipeline("p", steps, project=project())


def test_emission_grows_with_the_number_of_steps() -> None:
    def seconds(count: int) -> float:
        pipeline = chain(count)
        start = time.perf_counter()
        pipeline.to_json()
        return time.perf_counter() - start

    seconds(2)
    small = min(seconds(200) for _ in range(3))
    assert seconds(2000) < 25 * small


def test_depth_of_chains_and_branches_costs_nothing() -> None:
    assert len(chain(5000).definition()["Steps"]) == 5000
    nested: dw.Step = dw.FailStep("Stop")
    for number in range(5000):
        nested = gate(nested, name=f"Gate{number}")
    outermost = dw.Pipeline("p", [nested]).definition()["Steps"][0]
    assert outermost["Name"] == "Gate4999"
