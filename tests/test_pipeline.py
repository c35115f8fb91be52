from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from vocabulary_example import bare, project

import dagwright as dw
from dagwright.emit import Emission

OUT = dw.ProcessingOutput("/opt/ml/processing/output/a", output_name="a")
SEED = dw.ParameterInteger("Seed", 1)


def problems(*steps: dw.Step, parameters: Any = (), **options: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=steps, parameters=parameters, **options).definition()
    return [(one.code, one.step, one.field) for one in caught.value.problems]


def gate(*steps: dw.Step, name: str = "Gate", left: Any = 1) -> dw.ConditionStep:
    return dw.ConditionStep(name, [dw.ConditionEquals(left, 1)], steps)


@pytest.mark.parametrize("name", ["", "my_pipeline", "-a", "a-", "a" * 257])
def test_bad_names(name: str) -> None:
    with pytest.raises(dw.DefinitionError, match="is not a pipeline name"):
        dw.Pipeline(name, steps=[])


def test_what_is_no_step_or_parameter() -> None:
    with pytest.raises(dw.DefinitionError, match="is not a step"):
        dw.Pipeline("p", steps=["Train"])  # type: ignore[list-item]
    with pytest.raises(dw.DefinitionError, match="is not a parameter"):
        dw.Pipeline("p", steps=[], parameters=["Seed"])  # type: ignore[list-item]


def test_duplicate_steps_inside_branches_too() -> None:
    assert problems(bare("A"), gate(bare("A"))) == [("duplicate-step", "A", "Steps[1].Arguments.IfSteps[0]")]
    step = bare("A")
    assert problems(step, gate(step)) == [("duplicate-step", "A", "Steps[1].Arguments.IfSteps[0]")]


def test_a_duplicate_says_both_lines() -> None:
    steps = [
        dw.FailStep("A"),
        dw.FailStep("A"),
    ]
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=steps).definition()
    (problem,) = caught.value.problems
    line = int(problem.where.rpartition(":")[2])
    assert f"the first is at {problem.where.rpartition(':')[0]}:{line - 1}" in problem.hint


def test_duplicate_and_undeclared_parameters() -> None:
    assert problems(bare(), parameters=[SEED, SEED]) == [("duplicate-parameter", "", "Parameters[1]")]
    found = problems(bare(arguments=["--seed", SEED]))
    assert found == [
        ("unknown-parameter", "Work", "Arguments.AppSpecification.ContainerArguments[1].Std:Join.Values[0]")
    ]
    assert problems(gate(left=SEED)) == [("unknown-parameter", "Gate", "Arguments.Conditions[0].LeftValue")]


def test_another_object_of_the_same_name_is_not_the_declared_one() -> None:
    field = "Arguments.Conditions[0].LeftValue"
    again = dw.ParameterInteger("Seed", 2)
    assert problems(gate(left=again), parameters=[SEED]) == [("other-parameter", "Gate", field)]
    mine, other = bare("A", outputs=[OUT]), bare("A", outputs=[OUT])
    found = problems(mine, gate(left=other.output_uri("a")), bare(depends_on=[other]), project=project())
    assert found == [("other-step", "Gate", field), ("other-step", "Work", "DependsOn")]


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        (lambda step: step.properties, "AlgorithmSpecification"),
        (lambda step: step.properties.ModelArtifacts, "S3ModelArtifacts"),
        (lambda step: step.properties.InputDataConfig, "go on with [0]"),
        (lambda step: step.properties.HyperParameters, 'go on with ["name"]'),
        (lambda step: step.properties.FinalMetricDataList["auc"], "Value"),
    ],
)
def test_a_whole_structure_is_not_a_value(place: Any, hint: str) -> None:
    train = dw.TrainingStep("Train", image="i")
    call = dw.LambdaStep("Call", function_arn="arn", inputs={"x": dw.Join("", [place(train)])})
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[train, call], project=project()).definition()
    (problem,) = caught.value.problems
    assert (problem.code, problem.step, problem.field) == ("not-a-value", "Call", "Arguments.x.Std:Join.Values[0]")
    assert hint in problem.hint


def test_what_the_reader_refuses_is_never_emitted() -> None:
    stop = dw.FailStep("Stop")
    itself = bare("Itself", depends_on=["Itself"])
    first, second = bare("First", depends_on=["Second"]), bare("Second", depends_on=["First"])
    evaluate = bare("Evaluate", outputs=[OUT], property_files=[dw.PropertyFile("Report", "a", "r.json")])
    odd = gate(left=dw.JsonGet(evaluate, "Report", "a[["))
    found = problems(stop, bare("Late", depends_on=[stop]), itself, first, second, evaluate, odd, project=project())
    assert found == [
        ("malformed-expression", "Gate", "Arguments.Conditions[0].LeftValue"),
        ("depends-on-fail", "Late", "DependsOn[0]"),
        ("cycle", "Itself", ""),
        ("cycle", "First", ""),
    ]


def test_an_emission_has_its_graph() -> None:
    emission = Emission(chain(2))
    assert emission.graph.order() == ("S0", "S1")
    assert emission.graph.definition is emission.definition


def test_problems_of_emission_are_at_the_lines_of_their_steps(tmp_path: Path) -> None:
    """Built in one file, emitted from another."""
    module = tmp_path / "built.py"
    module.write_text(
        "import dagwright as dw\n"
        "class Odd(dw.FailStep):\n"
        "    def arguments(self, emission):\n"
        "        return {'a': dw.Join('', [None])}\n"
        "call = dw.LambdaStep('Call', function_arn='arn', inputs={'x': float('nan')})\n"
        "train = dw.TrainingStep('Train', image='i', use_spot_instances=True, max_wait_in_seconds=1,\n"
        "                        max_runtime_in_seconds=2, output_path='s3://b/o')\n"
        "steps = [call, train, Odd('Odd'), dw.FailStep('End', depends_on=['Odd'])]\n"
    )
    spec = importlib.util.spec_from_file_location("built", module)
    assert spec is not None
    assert spec.loader is not None
    built = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built)
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=built.steps).definition()
    found = [(one.code, one.step, one.where.removeprefix(f"{module}:")) for one in caught.value.problems]
    assert found == [
        ("bad-value", "Call", "5"),
        *[("missing-value", "Train", "6")] * 4,
        ("bad-spot", "Train", "6"),
        ("bad-join", "Odd", "8"),
        ("depends-on-fail", "End", "8"),
    ]


def test_steps_that_are_not_in_the_pipeline() -> None:
    outside = bare("Outside", outputs=[OUT])
    reader = bare(inputs=[dw.ProcessingInput(outside.output_uri("a"), "/opt/ml/processing/input/a")])
    field = "Arguments.ProcessingInputs[0].S3Input.S3Uri"
    assert problems(reader) == [("unknown-step", "Work", field)]
    assert problems(bare(depends_on=["Wrok"])) == [("unknown-step", "Work", "DependsOn[0]")]
    assert problems(bare(depends_on=[outside])) == [("unknown-step", "Work", "DependsOn[0]")]


def test_property_files_that_nobody_declared() -> None:
    evaluate = bare("Evaluate", outputs=[OUT], property_files=[dw.PropertyFile("Report", "a", "r.json")])
    kwargs = {"project": project()}
    field = "Arguments.Conditions[0].LeftValue.Std:JsonGet.PropertyFile"
    read = dw.JsonGet("Evaluate", "Reprot", "x")
    assert problems(evaluate, gate(left=read), **kwargs) == [("unknown-property-file", "Gate", field)]
    read = dw.JsonGet("Stop", "Report", "x")
    other = dw.ModelStep("Stop", image="i")
    assert problems(evaluate, other, gate(left=read), **kwargs) == [("unknown-property-file", "Gate", field)]
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
        dw.Pipeline("p", steps=[dw.FailStep("Stop", depends_on=["Nothing"])]).definition()
    assert "test_pipeline.py:" in caught.value.problems[0].where


def test_missing_scripts_are_named_with_step_path_and_nearest() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[bare(code="scripts/preproces.py")], project=project()).definition()
    (problem,) = caught.value.problems
    assert (problem.step, problem.field, problem.what) == ("Work", "code", "scripts/preproces.py does not exist")
    assert problem.hint == "the nearest file is scripts/preprocess.py"


@pytest.mark.parametrize("source", ["link", "pipe"])
def test_a_folder_that_cannot_be_packed_is_a_problem_of_its_step(source: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "run.py").touch()
    if source == "link":
        (tmp_path / "src" / source).symlink_to(tmp_path / "gone")
    else:
        os.mkfifo(tmp_path / "src" / source)
    with pytest.raises(dw.DefinitionError) as caught:
        dw.Pipeline("p", steps=[bare(code="run.py", source_dir="src")], project=project(tmp_path)).definition()
    (problem,) = caught.value.problems
    assert (problem.step, problem.field) == ("Work", "source_dir")
    assert str(tmp_path / "src" / source) in problem.what


def test_subnets_without_security_groups() -> None:
    found = problems(dw.TrainingStep("Train", image="i"), project=project(security_groups={}))
    assert found == [("missing-value", "Train", "security_group_ids")]


@pytest.mark.parametrize("value", [float("nan"), object(), {1: "x"}])
def test_what_has_no_json(value: Any) -> None:
    (found,) = problems(dw.LambdaStep("Call", function_arn="arn", inputs={"x": value}))
    assert found[:2] == ("bad-value", "Call")
    assert found[2].startswith("Arguments.x")


def test_one_output_object_gives_each_step_its_own_address() -> None:
    pipeline = dw.Pipeline("p", steps=[bare("A", outputs=[OUT]), bare("B", outputs=[OUT])], project=project())
    first, second = (
        step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]["Std:Join"]["Values"]
        for step in pipeline.to_dict()["Steps"]
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
    return dw.Pipeline("p", steps=steps, project=project())


def test_emission_grows_with_the_number_of_steps() -> None:
    """Function calls instead of seconds: the same on every machine, busy or not."""

    def calls(count: int) -> int:
        pipeline, made = chain(count), 0

        def count_call(frame: object, event: str, argument: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(count_call)
        try:
            pipeline.definition()
        finally:
            sys.setprofile(None)
        return made

    calls(2)
    assert calls(2000) < 11 * calls(200)


def test_time_grows_with_the_number_of_steps() -> None:
    """What happens inside one call, such as a search in a list, shows in the time only."""

    def seconds(count: int) -> float:
        pipeline = chain(count)
        start = time.process_time()
        pipeline.definition()
        return time.process_time() - start

    seconds(2)
    small, large = (median(seconds(count) for _ in range(5)) for count in (200, 2000))
    assert large < 20 * small


def test_depth_of_chains_and_branches_costs_nothing() -> None:
    assert len(chain(5000).to_dict()["Steps"]) == 5000
    nested: dw.Step = dw.FailStep("Stop")
    for number in range(5000):
        nested = gate(nested, name=f"Gate{number}")
    outermost = dw.Pipeline("p", steps=[nested]).to_dict()["Steps"][0]
    assert outermost["Name"] == "Gate4999"
