from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from vocabulary_example import bare

import dagwright as dw
from dagwright.shapes import Shape, model

OUTPUT = dw.ProcessingOutput("/opt/ml/processing/output/train", output_name="train")
TRAIN = dw.TrainingStep("Train", image="i", metric_definitions=[{"Name": "val:acc", "Regex": "(.*)"}])
TUNE = dw.TuningStep(
    "Tune", image="i", objective_metric_name="auc", hyperparameter_ranges={"a": dw.IntegerParameter(1, 2)}
)
WORK = bare(outputs=[OUTPUT], inputs=[dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/raw", "raw")])
EMR = dw.EMRStep("Spark", cluster_id="j-1", step_config=dw.EMRStepConfig("a.jar"))
LAMBDA = dw.LambdaStep("Call", function_arn="arn", outputs=[dw.LambdaOutput("receipt")])
GATE = dw.ConditionStep("Gate", [dw.ConditionEquals(1, 1)])


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (lambda: TRAIN.properties.ModelArtifacts.S3ModelArtifacts, "Train.ModelArtifacts.S3ModelArtifacts"),
        (lambda: TRAIN.properties.FinalMetricDataList["val:acc"].Value, "Train.FinalMetricDataList['val:acc'].Value"),
        (lambda: TRAIN.properties.FinalMetricDataList[0].Value, "Train.FinalMetricDataList[0].Value"),
        (lambda: TRAIN.properties.HyperParameters["it's"], 'Train.HyperParameters["it\'s"]'),
        (
            lambda: WORK.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri,
            "Work.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
        ),
        (lambda: WORK.properties.ProcessingInputs["raw"].S3Input.S3Uri, "Work.ProcessingInputs['raw'].S3Input.S3Uri"),
        (lambda: TUNE.properties.BestTrainingJob.TrainingJobName, "Tune.BestTrainingJob.TrainingJobName"),
        (
            lambda: TUNE.properties.TrainingJobSummaries[3].TrainingJobName,
            "Tune.TrainingJobSummaries[3].TrainingJobName",
        ),
        (lambda: EMR.properties.Config.Args[1], "Spark.Config.Args[1]"),
        (lambda: EMR.properties.ClusterId, "Spark.ClusterId"),
        (lambda: LAMBDA.properties.Outputs["receipt"], "Call.OutputParameters['receipt']"),
        (lambda: GATE.properties.Outcome, "Gate.Outcome"),
    ],
)
def test_paths(read: Any, path: str) -> None:
    assert read().expr == {"Get": f"Steps.{path}"}


@pytest.mark.parametrize(
    ("read", "place", "hint"),
    [
        (lambda: TRAIN.properties.ModelArtifact, "Steps.Train", "did you mean 'ModelArtifacts'?"),
        (lambda: TRAIN.properties.ModelArtifacts.S3Model, "Steps.Train.ModelArtifacts", "S3ModelArtifacts"),
        (lambda: TRAIN.properties.TrainingJobName.Name, "Steps.Train.TrainingJobName", "single value"),
        (lambda: TRAIN.properties.ModelArtifacts["x"], "Steps.Train.ModelArtifacts", "S3ModelArtifacts"),
        (lambda: TRAIN.properties.FinalMetricDataList["val:ac"], "Steps.Train.FinalMetricDataList", "val:acc"),
        (lambda: TRAIN.properties.HyperParameters[0], "Steps.Train.HyperParameters", '["name"]'),
        (lambda: TRAIN.properties.InputDataConfig["train"], "Steps.Train.InputDataConfig", "such as [0]"),
        (lambda: TRAIN.properties.InputDataConfig[-1], "Steps.Train.InputDataConfig", ""),
        (
            lambda: WORK.properties.ProcessingOutputConfig.Outputs["trian"],
            "Steps.Work.ProcessingOutputConfig.Outputs",
            "did you mean 'train'?",
        ),
        (
            lambda: WORK.properties.ProcessingOutputConfig.Outputs[0],
            "Steps.Work.ProcessingOutputConfig.Outputs",
            "train",
        ),
        (lambda: LAMBDA.properties.Outputs["recipt"], "Steps.Call.OutputParameters['recipt']", "receipt"),
        (lambda: GATE.properties.Result, "Steps.Gate", "Outcome"),
    ],
)
def test_what_is_not_there_is_refused_at_its_line(read: Any, place: str, hint: str) -> None:
    with pytest.raises(dw.PropertyError) as caught:
        read()
    (problem,) = caught.value.problems
    assert problem.field == place
    assert hint in problem.hint
    assert "test_properties.py:" in problem.where


def test_hasattr_copy_and_dir_work_as_usual() -> None:
    properties = TRAIN.properties
    assert hasattr(properties, "ModelArtifacts")
    assert not hasattr(properties, "ModelArtefacts")
    assert repr(copy.copy(properties.ModelArtifacts)) == "Steps.Train.ModelArtifacts"
    assert "ModelArtifacts" in dir(properties)
    assert isinstance(dw.PropertyError("x"), AttributeError)


def test_properties_cannot_be_looped_over() -> None:
    for odd in (TRAIN.properties.InputDataConfig, LAMBDA.properties.Outputs):
        with pytest.raises(TypeError):
            list(odd)


def test_a_fail_step_has_nothing_to_say() -> None:
    with pytest.raises(dw.DefinitionError, match="has no properties"):
        _ = dw.FailStep("Stop").properties


def test_the_best_models() -> None:
    values = TUNE.get_top_model_s3_uri(1, "bucket", "prefix").expr["Std:Join"]["Values"]
    name = {"Get": "Steps.Tune.TrainingJobSummaries[1].TrainingJobName"}
    assert values == ["s3:/", "bucket", "prefix", name, "output/model.tar.gz"]
    assert TUNE.get_top_model_s3_uri(1, "bucket").expr["Std:Join"]["Values"] == [*values[:2], *values[3:]]
    with pytest.raises(dw.DefinitionError, match="no job 50"):
        TUNE.get_top_model_s3_uri(50, "bucket")


def test_shapes_know_their_members_and_elements() -> None:
    shape = Shape("sagemaker", "ProcessingOutputConfig")
    assert (shape.kind, shape.members) == ("structure", ("Outputs", "KmsKeyId"))
    assert shape.member("Outputs").element.name == "ProcessingOutput"
    assert Shape("sagemaker", "HyperParameters").element.kind == "string"


def test_without_botocore_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(dw.UserError, match="pip install boto3"):
        _ = Shape("sagemaker", "DescribeTrainingJobResponse").members


def test_reading_the_shapes_imports_no_botocore() -> None:
    program = (
        "import sys, dagwright as dw\n"
        "dw.TrainingStep('T', image='i').properties.ModelArtifacts\n"
        "heavy = {'botocore', 'boto3', 'yaml', 'rich', 'tarfile', 'sqlite3'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
