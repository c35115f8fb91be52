"""Checks whose container a function or a file stands for: real jobs, real statistics, the registry's baselines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from engines.place import ROLE, Place, get
from engines.test_machine_run import as_machines

from dagwright.engines.execution import Execution
from dagwright.errors import DefinitionError

# What Model Monitor's container would do with a small CSV, and Clarify's with nothing.
PROGRAMS = """
import csv, json, os

def monitor(event, context):
    data, out = event["Inputs"]["data"], event["Outputs"]["result"]
    (name,) = os.listdir(data)
    with open(os.path.join(data, name), newline="") as file:
        rows = list(csv.DictReader(file))
    statistics, constraints = [], []
    for column in rows[0]:
        present = [float(row[column]) for row in rows if row[column]]
        common = {"num_present": len(present), "num_missing": len(rows) - len(present)}
        kll = {"sketch": {"data": [present]}}
        numbers = {"common": common, "min": min(present), "distribution": {"kll": kll}}
        statistics.append({"name": column, "inferred_type": "Fractional", "numerical_statistics": numbers})
        share = len(present) / len(rows)
        constraints.append({"name": column, "inferred_type": "Fractional", "completeness": share})
    config = {"distribution_constraints": {"comparison_threshold": 0.4, "comparison_method": "Simple"}}
    write(out, "statistics.json", {"dataset": {"item_count": len(rows)}, "features": statistics})
    write(out, "constraints.json", {"features": constraints, "monitoring_config": config})

def clarify(event, context):
    metrics = [{"name": "CI", "value": 0.3}]
    facets = {"age": [{"value_or_threshold": "40", "metrics": metrics}]}
    write(event["Outputs"]["result"], "analysis.json", {"pre_training_bias_metrics": {"facets": facets}})

def own_word(event, context):
    monitor(event, context)
    baseline = event["Inputs"]["baseline_constraints"]
    with open(os.path.join(baseline, os.listdir(baseline)[0])) as file:
        seen = len(json.load(file)["features"])
    violation = {"feature_name": "mine", "constraint_check_type": "of my own", "description": f"{seen} features"}
    write(event["Outputs"]["result"], "constraint_violations.json", {"violations": [violation]})

def nothing(event, context):
    pass

def write(folder, name, document):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(document, file)
"""
MONITOR = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
FULL, HALF, HIGH = "x\n1\n2\n3\n4\n", "x,y\n1,1\n2,1\n,1\n,1\n", "x\n101\n102\n103\n104\n"
BASELINE = {
    "SuppliedBaselineConstraints": "s3://bucket/baseline/constraints.json",
    "SuppliedBaselineStatistics": "s3://bucket/baseline/statistics.json",
}
Make = Callable[..., Place]


def check(
    name: str = "Check", kind: str = "DATA_QUALITY", data: str = "s3://bucket/data.csv", **envelope: Any
) -> dict[str, Any]:
    place = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {
        "Name": name,
        "Type": "QualityCheck" if "QUALITY" in kind else "ClarifyCheck",
        "CheckType": kind,
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
            "AppSpecification": {"ImageUri": MONITOR if "QUALITY" in kind else CLARIFY},
            "RoleArn": ROLE,
            "ProcessingInputs": [
                {"InputName": "data", "S3Input": {"S3Uri": data, "LocalPath": "/opt/ml/processing/input", **place}}
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "result",
                        "S3Output": {
                            "S3Uri": f"s3://bucket/out/{name}",
                            "LocalPath": "/opt/ml/processing/output",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
        **envelope,
    }


def standing(place_with: Make, function: str = "monitor", names: tuple[str, ...] = ("Check",), **more: Any) -> Place:
    place = place_with(stand_ins=dict.fromkeys(names, f"programs.py:{function}"), **more)
    (place.folder / "programs.py").write_text(PROGRAMS)
    place.put("data.csv", FULL)
    return place


def with_baseline(place: Place, data: str = FULL) -> Place:
    """The baseline of some data, as a first run writes it."""
    place.put("first.csv", data)
    first = check(data="s3://bucket/first.csv", SkipCheck=True, RegisterNewBaseline=True)
    assert place.run(first).status == "Succeeded"
    for name in ("constraints.json", "statistics.json"):
        place.put(f"baseline/{name}", place.text(f"out/Check/{name}"))
    return place


def told(execution: Execution, kind: str = "QualityCheck", step: str = "Check") -> dict[str, Any]:
    return dict(execution.steps[step].metadata[kind])


def test_the_first_run_calculates_a_baseline_and_keeps_it(place_with: Make, each_way: str) -> None:
    place = standing(place_with, sandbox=each_way)
    execution = place.run(check(SkipCheck=True, RegisterNewBaseline=True))
    properties = {
        "CalculatedBaselineConstraints": "s3://bucket/out/Check/constraints.json",
        "CalculatedBaselineStatistics": "s3://bucket/out/Check/statistics.json",
        "BaselineUsedForDriftCheckConstraints": "s3://bucket/out/Check/constraints.json",
        "BaselineUsedForDriftCheckStatistics": "s3://bucket/out/Check/statistics.json",
    }
    output = place.output(execution, "Check")
    assert {name: output[name] for name in properties} == properties
    assert execution.steps["Check"].status == "Succeeded"
    assert told(execution) == {
        "CheckType": "DATA_QUALITY",
        **properties,
        "CheckJobArn": output["ProcessingJobArn"],
        "SkipCheck": True,
        "RegisterNewBaseline": True,
    }


def test_members_of_the_metadata_are_the_services(place_with: Make) -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    place = with_baseline(standing(place_with), HIGH)
    quality = told(place.run(check(**BASELINE, ModelPackageGroupName="g")))
    assert set(quality) == set(shapes["QualityCheckStepMetadata"]["members"])
    place = standing(place_with, "clarify", ("Bias",), folder=place.folder)
    place.put("b.json", json.dumps(analysis(0.1)))
    supplied = {"SuppliedBaselineConstraints": "s3://bucket/b.json"}
    bias = check("Bias", "DATA_BIAS", **supplied, ModelPackageGroupName="g", ModelName="m")
    assert set(told(place.run(bias), "ClarifyCheck", "Bias")) == set(shapes["ClarifyCheckStepMetadata"]["members"])
    assert any("ModelName of Bias is left out" in note for note in place.watcher.notes)


def analysis(value: float) -> dict[str, Any]:
    metrics = [{"name": "CI", "value": value}]
    return {"pre_training_bias_metrics": {"facets": {"age": [{"value_or_threshold": "40", "metrics": metrics}]}}}


@pytest.mark.parametrize("registers", [True, False])
def test_what_keeps_to_the_baseline_succeeds(place_with: Make, registers: bool) -> None:
    place = with_baseline(standing(place_with))
    execution = place.run(check(**BASELINE, RegisterNewBaseline=registers))
    assert execution.status == "Succeeded"
    used = place.output(execution, "Check")["BaselineUsedForDriftCheckStatistics"]
    assert used == f"s3://bucket/{'out/Check' if registers else 'baseline'}/statistics.json"
    assert place.json("out/Check/constraint_violations.json")["violations"] == []
    assert "ViolationReport" not in told(execution)


def test_drift_fails_the_step_and_names_what_has_drifted(place_with: Make) -> None:
    place = with_baseline(standing(place_with))
    place.put("data.csv", HALF)
    execution = place.run(check(**BASELINE))
    assert execution.status == "Failed"
    report = "s3://bucket/out/Check/constraint_violations.json"
    assert execution.steps["Check"].failure_reason == (
        "3 violations of the baseline s3://bucket/baseline/constraints.json: Extra columns (extra_column_check), "
        f"x (completeness_check), x (baseline_drift_check); see {report}"
    )
    assert told(execution)["ViolationReport"] == report
    found = place.json("out/Check/constraint_violations.json")["violations"]
    assert [violation["feature_name"] for violation in found] == ["Extra columns", "x", "x"]


@pytest.mark.parametrize("said", [False, "False", "false", get("Parameters.Fails")])
def test_drift_that_does_not_fail_is_noted(place_with: Make, said: Any) -> None:
    place = with_baseline(standing(place_with), HIGH)
    execution = place.run(check(**BASELINE, FailOnViolation=said), parameters={"Fails": "False"})
    assert execution.status == "Succeeded"
    assert any("FailOnViolation is false: 1 violation" in note for note in place.watcher.notes)


def test_no_drift_is_looked_for_if_the_check_is_skipped(place_with: Make) -> None:
    place = with_baseline(standing(place_with), HIGH)
    execution = place.run(check(**BASELINE, SkipCheck=get("Parameters.Skip")), parameters={"Skip": True})
    assert execution.status == "Succeeded"
    assert "out/Check/constraint_violations.json" not in place.keys("out")
    used = place.output(execution, "Check")["BaselineUsedForDriftCheckConstraints"]
    assert used == BASELINE["SuppliedBaselineConstraints"]


def test_the_violations_of_the_program_itself_are_its_containers_word(place_with: Make) -> None:
    place = with_baseline(standing(place_with))
    place = standing(place_with, "own_word", folder=place.folder)
    execution = place.run(check(**BASELINE))
    assert "1 violation of the baseline" in execution.steps["Check"].failure_reason
    assert "mine (of my own)" in execution.steps["Check"].failure_reason
    (violation,) = place.json("out/Check/constraint_violations.json")["violations"]
    assert violation["description"] == "1 features"


def test_a_program_that_calculates_nothing_fails(place_with: Make) -> None:
    place = standing(place_with, "nothing")
    execution = place.run(check(SkipCheck=True, RegisterNewBaseline=True))
    assert "wrote no constraints.json and no statistics.json" in execution.steps["Check"].failure_reason


# ---- the registry ----


def register(name: str, approval: str) -> dict[str, Any]:
    """A version with the baselines of the step `Check`."""
    used = "Steps.Check.BaselineUsedForDriftCheck"
    calculated = "Steps.Check.CalculatedBaseline"
    parts = ("Constraints", "Statistics")

    def sources(of: str) -> dict[str, Any]:
        return {part: {"ContentType": "application/json", "S3Uri": get(f"{of}{part}")} for part in parts}

    arguments = {
        "ModelPackageGroupName": "g",
        "ModelApprovalStatus": approval,
        "ModelMetrics": {"ModelDataQuality": sources(calculated)},
        "DriftCheckBaselines": {"ModelDataQuality": sources(used)},
    }
    return {"Name": name, "Type": "RegisterModel", "Arguments": arguments}


def test_the_newest_approved_version_gives_the_baseline(place_with: Make) -> None:
    place = standing(place_with)
    first = check(SkipCheck=True, RegisterNewBaseline=True)
    moved = json.loads(json.dumps(first).replace("out/Check", "out/second"))
    assert place.run(first, register("R", "Approved")).status == "Succeeded"
    assert place.run(moved, register("R", "PendingManualApproval")).status == "Succeeded"
    later = json.loads(json.dumps(check(ModelPackageGroupName=get("Parameters.Group"))).replace("out/Check", "out/3"))
    execution = place.run(later, register("R", "Approved"), parameters={"Group": "g"})
    assert execution.status == "Succeeded"
    output = place.output(execution, "Check")
    assert output["BaselineUsedForDriftCheckConstraints"] == "s3://bucket/out/Check/constraints.json"
    assert output["CalculatedBaselineConstraints"] == "s3://bucket/out/3/constraints.json"
    kept = place.output(execution, "R")["DriftCheckBaselines"]["ModelDataQuality"]["Constraints"]["S3Uri"]
    assert kept == "s3://bucket/out/Check/constraints.json"
    place.put("data.csv", HIGH)
    assert "1 violation" in place.run(later, parameters={"Group": "g"}).steps["Check"].failure_reason


@pytest.mark.parametrize(
    ("said", "told_of"),
    [
        ({}, "SkipCheck false asks for: none is supplied, no group is named"),
        ({"RegisterNewBaseline": True}, "SkipCheck false asks for"),
        ({"SkipCheck": True, "SuppliedBaselineConstraints": ""}, "RegisterNewBaseline false asks for"),
        ({"ModelPackageGroupName": "g"}, "no approved version of 'g' has one"),
        ({"ModelPackageGroupName": None, "SuppliedBaselineConstraints": None}, "no group is named"),
        ({"FailOnViolation": "perhaps"}, "FailOnViolation must be true or false, it is 'perhaps'"),
        ({"CheckType": "TASTE"}, "CheckType must be DATA_QUALITY or"),
    ],
)
def test_a_baseline_that_nobody_gives_is_told_before_the_start(
    place_with: Make, said: dict[str, Any], told_of: str
) -> None:
    place = standing(place_with)
    between = place.writing("Between", "pass", depends_on=["Check"])
    with pytest.raises(DefinitionError, match=told_of):
        place.run(check(**said), between, {**register("R", "Approved"), "DependsOn": ["Between"]})


def test_a_baseline_that_the_run_itself_may_register_is_waited_for(place_with: Make) -> None:
    place = standing(place_with, names=("Check", "Later"))
    later = check("Later", ModelPackageGroupName="g", DependsOn=["R"])
    execution = place.run(check(SkipCheck=True, RegisterNewBaseline=True), register("R", "Approved"), later)
    assert execution.status == "Succeeded"
    used = place.output(execution, "Later")["BaselineUsedForDriftCheckConstraints"]
    assert used == "s3://bucket/out/Check/constraints.json"


def test_a_baseline_that_turns_out_not_to_be_there_fails_the_step(place_with: Make) -> None:
    place = standing(place_with)
    earlier = place.writing("Earlier", "write('x', 'x')")
    supplied = get("Steps.Earlier.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    execution = place.run(earlier, check(SuppliedBaselineConstraints=supplied))
    assert execution.steps["Check"].status == "Failed"


def test_a_supplied_baseline_that_is_not_there_is_told_before_the_start(place_with: Make) -> None:
    with pytest.raises(DefinitionError, match="its input 'baseline_constraints' is not there: s3://bucket/baseline"):
        standing(place_with).run(check(**BASELINE))


# ---- other ways to stand in ----


def from_file(place_with: Make, content: dict[str, Any], **more: Any) -> Place:
    place = place_with(stand_ins={"Check": "outputs.json"}, **more)
    (place.folder / "outputs.json").write_text(json.dumps(content))
    return place


def test_what_stands_in_a_file_is_compared_too(place_with: Make) -> None:
    metric = {"value": 0.6, "standard_deviation": 0.1}
    constraint = {"threshold": 0.8, "comparison_operator": "LessThanThreshold"}
    files = {
        "result/statistics.json": {"binary_classification_metrics": {"auc": metric}},
        "result/constraints.json": {"binary_classification_constraints": {"auc": constraint}},
    }
    place = from_file(place_with, {"Files": files})
    place.put("baseline.json", json.dumps(files["result/constraints.json"]))
    step = check(kind="MODEL_QUALITY", SuppliedBaselineConstraints="s3://bucket/baseline.json")
    execution = place.run(step)  # the data that the container would read need not be there
    assert "auc (LessThanThreshold)" in execution.steps["Check"].failure_reason
    assert execution.steps["Check"].metadata["StandIn"] == {"Source": "outputs.json"}


def test_a_file_that_gives_nothing_to_compare_says_so(place_with: Make) -> None:
    place = from_file(place_with, {"CalculatedBaselineStatistics": "s3://elsewhere/s.json"})
    place.put("baseline/constraints.json", "{}")
    place.put("baseline/statistics.json", "{}")
    reader = place.writing(
        "Reader",
        "write('seen', dict(os.environ))",
        variables={
            "CALCULATED": get("Steps.Check.CalculatedBaselineStatistics"),
            "USED": get("Steps.Check.BaselineUsedForDriftCheckStatistics"),
        },
    )
    assert place.run(check(**BASELINE), reader).status == "Succeeded"
    assert any("nothing was compared with the baseline" in note for note in place.watcher.notes)
    seen = place.json("Reader/seen")
    assert (seen["CALCULATED"], seen["USED"]) == ("s3://elsewhere/s.json", "s3://bucket/baseline/statistics.json")


@pytest.mark.parametrize("kind", ["DATA_QUALITY", "MODEL_EXPLAINABILITY"])
def test_without_a_stand_in_it_is_said_what_to_declare(place: Place, kind: str) -> None:
    place.put("data.csv", FULL)
    with pytest.raises(DefinitionError) as refused:
        place.run(check(kind=kind, SkipCheck=True, RegisterNewBaseline=True))
    (problem,) = refused.value.problems
    assert "--stand-in Check=file.py:function" in problem.hint
    assert "with SkipCheck as well" in problem.hint


def test_a_missing_baseline_and_a_missing_stand_in_are_said_together(place: Place) -> None:
    with pytest.raises(DefinitionError, match="There is no baseline") as refused:
        place.run(check())
    (problem,) = refused.value.problems
    assert "start a first run" in problem.hint
    assert "--stand-in Check=file.py:function" in problem.hint


@pytest.mark.parametrize(
    ("image", "whose"),
    [
        (MONITOR, "Model Monitor's"),
        (CLARIFY, "Clarify's"),
        ("663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:3.x", "Data Wrangler's"),
    ],
)
def test_a_processing_step_with_such_an_image_is_told_the_same(place: Place, image: str, whose: str) -> None:
    step = place.processing("P", entrypoint=[])
    step["Arguments"]["AppSpecification"] = {"ImageUri": image}
    with pytest.raises(DefinitionError) as refused:
        place.run(step)
    (problem,) = refused.value.problems
    assert whose in problem.hint
    assert "--stand-in P=file.py:function" in problem.hint


def test_both_engines_agree_on_a_check_that_fails_nobody(place_with: Make) -> None:
    place = with_baseline(standing(place_with), HIGH)
    step = check(**BASELINE, FailOnViolation=False)
    reader = place.writing(
        "Reader", "write('seen', os.environ['C'])", variables={"C": get("Steps.Check.CalculatedBaselineConstraints")}
    )
    one = place.run(step, reader)
    other = as_machines(place).run(step, reader)
    assert (one.status, other.status) == ("Succeeded", "Succeeded")
    names = set(told(one)) - {"CheckJobArn"}
    assert {name: told(other)[name] for name in names} == {name: told(one)[name] for name in names}
    assert place.text("Reader/seen") == "s3://bucket/out/Check/constraints.json"


def test_a_machine_that_would_have_to_compare_is_refused(place_with: Make) -> None:
    place = as_machines(with_baseline(standing(place_with)))
    with pytest.raises(DefinitionError, match="comparison with the baseline"):
        place.run(check(**BASELINE))


def test_links_that_a_program_leaves_are_no_files_of_its(place_with: Make, tmp_path: Path) -> None:
    place = standing(place_with, "links")
    links = (
        "\ndef links(event, context):\n"
        "    for name in ('statistics.json', 'constraints.json'):\n"
        "        os.symlink('/etc/hostname', os.path.join(event['Outputs']['result'], name))\n"
    )
    (place.folder / "programs.py").write_text(PROGRAMS + links)
    execution = place.run(check(SkipCheck=True, RegisterNewBaseline=True))
    assert "wrote no constraints.json" in execution.steps["Check"].failure_reason
