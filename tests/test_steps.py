from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vocabulary_example import ROLE, bare, project

import dagwright as dw

SEED = dw.ParameterInteger("Seed", 1)
NAME = dw.ParameterString("Name")
OUT = dw.ProcessingOutput("/opt/ml/processing/output/a", output_name="a")


def arguments(step: dw.Step, **changes: Any) -> dict[str, Any]:
    pipeline = dw.Pipeline("p", [step], [SEED, NAME], project=project(**changes))
    written: dict[str, Any] = pipeline.definition()["Steps"][0]["Arguments"]
    return written


def train(**options: Any) -> dw.TrainingStep:
    return dw.TrainingStep("Train", image="i", **options)


def test_hyperparameters_without_an_entry_point_are_raw_texts() -> None:
    given = {"a": "text", "b": 0.1, "c": True, "d": [1, "x"], "e": SEED, "f": NAME}
    assert arguments(train(hyperparameters=given))["HyperParameters"] == {
        "a": "text",
        "b": "0.1",
        "c": "true",
        "d": '[1, "x"]',
        "e": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Seed"}]}},
        "f": {"Get": "Parameters.Name"},
    }


def test_script_mode_encodes_texts_and_leaves_variables_bare() -> None:
    step = train(entry_point="scripts/evaluate.py", hyperparameters={"a": "text", "b": 0.1, "f": NAME})
    written = arguments(step, network_isolation=False)
    parameters = written["HyperParameters"]
    submit = parameters.pop("sagemaker_submit_directory")
    assert parameters == {
        "a": '"text"',
        "b": "0.1",
        "f": {"Get": "Parameters.Name"},
        "sagemaker_program": '"evaluate.py"',
        "sagemaker_container_log_level": "20",
        "sagemaker_region": '"eu-west-1"',
    }
    assert submit.startswith('"s3://acme-sm-ml-churn/code/p/')
    assert submit.endswith('/sourcedir.tar.gz"')
    assert "InputDataConfig" not in written


def test_without_a_network_the_code_comes_as_a_channel() -> None:
    written = arguments(train(entry_point="scripts/evaluate.py"))
    (channel,) = written["InputDataConfig"]
    assert channel["ChannelName"] == "code"
    assert channel["DataSource"]["S3DataSource"]["S3Uri"].endswith("/sourcedir.tar.gz")
    assert written["HyperParameters"]["sagemaker_submit_directory"] == '"/opt/ml/input/data/code/sourcedir.tar.gz"'
    with pytest.raises(dw.DefinitionError, match="'code' is taken"):
        arguments(train(entry_point="scripts/evaluate.py", inputs={"code": "s3://b/k"}))


def test_requirements_cannot_be_installed_without_a_network(tmp_path: Any) -> None:
    (tmp_path / "train.py").touch()
    (tmp_path / "requirements.txt").write_text("x")
    step = train(entry_point="train.py", source_dir=str(tmp_path))
    with pytest.raises(dw.DefinitionError, match="without a network") as caught:
        arguments(step)
    assert [(one.step, one.field) for one in caught.value.problems] == [("Train", "enable_network_isolation")]
    assert arguments(step, network_isolation=False)


def test_training_leaves_debugger_profiler_and_job_names_out() -> None:
    written = arguments(train(container_entry_point=["/bin/run"], container_arguments=["--n", 3]))
    assert not {"DebugHookConfig", "ProfilerConfig", "TrainingJobName", "ExperimentConfig"} & set(written)
    assert written["AlgorithmSpecification"]["ContainerArguments"] == ["--n", "3"]


def test_every_job_gets_what_it_left_open() -> None:
    written = arguments(bare(role=None, instance_type=None, instance_count=None, volume_size_in_gb=None, outputs=[OUT]))
    assert written["RoleArn"] == ROLE
    cluster = written["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["VolumeKmsKeyId"]) == ("ml.m5.large", "volume-key")
    assert written["ProcessingOutputConfig"]["KmsKeyId"] == "output-key"
    assert written["NetworkConfig"]["VpcConfig"] == {"SecurityGroupIds": ["sg-p"], "Subnets": ["subnet-1", "subnet-2"]}
    assert written["NetworkConfig"]["EnableNetworkIsolation"] is True
    assert written["Tags"] == [{"Key": "Team", "Value": "ml"}, {"Key": "Project", "Value": "churn"}]


def test_what_a_step_says_wins_and_emptiness_means_none_of_it() -> None:
    own = {"subnets": [], "security_group_ids": [], "enable_network_isolation": False, "volume_kms_key": ""}
    written = arguments(bare(role="other", tags={"Team": "us"}, encrypt_inter_container_traffic=True, **own))
    assert written["RoleArn"] == "other"
    assert written["NetworkConfig"] == {"EnableInterContainerTrafficEncryption": True}
    assert "VolumeKmsKeyId" not in written["ProcessingResources"]["ClusterConfig"]
    assert written["Tags"][0] == {"Key": "Team", "Value": "us"}


@pytest.mark.parametrize(("count", "encrypted"), [(1, False), (2, True), (SEED, True), (None, True)])
def test_traffic_is_encrypted_where_there_can_be_more_than_one(count: Any, encrypted: bool) -> None:
    written = arguments(train(instance_count=count))
    assert ("EnableInterContainerTrafficEncryption" in written) is encrypted


def test_overrides_are_merged_last() -> None:
    step = bare(
        outputs=[OUT],
        overrides={
            "AppSpecification": {"ContainerArguments": [SEED]},
            "ExperimentConfig": {"RunName": NAME},
            "StoppingCondition": None,
        },
    )
    written = arguments(step)
    assert written["AppSpecification"] == {"ImageUri": "image", "ContainerArguments": [{"Get": "Parameters.Seed"}]}
    assert written["ExperimentConfig"] == {"RunName": {"Get": "Parameters.Name"}}
    assert "StoppingCondition" not in written
    assert "ExperimentConfig" in step.overrides


def test_inputs_and_outputs_without_names_are_called_by_position() -> None:
    step = bare(
        inputs=[dw.ProcessingInput(NAME, "/opt/ml/processing/input/x")],
        outputs=[dw.ProcessingOutput("/opt/ml/processing/output/x", "s3://b/x")],
    )
    written = arguments(step)
    assert written["ProcessingInputs"][0]["InputName"] == "input-1"
    assert written["ProcessingOutputConfig"]["Outputs"][0]["OutputName"] == "output-1"
    assert step.output_uri("output-1").expr == {
        "Get": "Steps.Work.ProcessingOutputConfig.Outputs['output-1'].S3Output.S3Uri"
    }


def test_code_that_is_in_s3_already_stays_there() -> None:
    step = bare(code="s3://b/code/run.py", command=["smspark-submit"])
    pipeline = dw.Pipeline("p", [step])
    written = pipeline.definition()["Steps"][0]["Arguments"]
    assert written["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://b/code/run.py"
    entrypoint = ["smspark-submit", "/opt/ml/processing/input/code/run.py"]
    assert written["AppSpecification"]["ContainerEntrypoint"] == entrypoint
    assert pipeline.assets() == []


RETRY_JOB = dw.SageMakerJobStepRetryPolicy([dw.SageMakerJobExceptionTypeEnum.INTERNAL_ERROR], max_attempts=1)
THROTTLING = [dw.StepExceptionTypeEnum.THROTTLING]
RANGES = {"a": dw.IntegerParameter(1, 2)}


@pytest.mark.parametrize(
    ("make", "field", "what"),
    [
        (lambda: bare("a b"), "Name", "such as 'a-b'"),
        (lambda: bare(instance_count=NAME), "instance_count", "the parameter Name is String"),
        (lambda: bare(volume_size_in_gb="30"), "volume_size_in_gb", "'30' is not a whole number"),
        (lambda: bare(depends_on="Other"), "DependsOn", "put it in [ ]"),
        (lambda: bare(arguments="--x"), "AppSpecification.ContainerArguments", "put it in [ ]"),
        (lambda: bare(environment={"A": None}), "Environment['A']", "None is not text"),
        (lambda: bare(code="a.py", entrypoint=["b"]), "code", "give one of them"),
        (lambda: bare(code=NAME), "code", "code is a variable"),
        (lambda: bare(source_dir="src"), "code", "source_dir needs code"),
        (lambda: bare(outputs=[OUT, OUT]), "ProcessingOutputConfig.Outputs", "two outputs"),
        (
            lambda: bare(outputs=[OUT], property_files=[dw.PropertyFile("R", "b", "r.json")]),
            "PropertyFiles.R.OutputName",
            "'b' is not an output",
        ),
        (lambda: bare(outputs=[OUT]).output_uri("b"), "ProcessingOutputConfig.Outputs", "'b' is not an output"),
        (lambda: train(use_spot_instances=True), "max_wait_in_seconds", "spot instances need"),
        (lambda: train(source_dir="src"), "entry_point", "needs an entry_point"),
        (
            lambda: train(hyperparameters={"a": object()}, role="r"),
            "HyperParameters['a']",
            "cannot be a hyperparameter",
        ),
        (
            lambda: dw.TransformStep("T", model_name="m", data="s3://b/k", role="r"),
            "role",
            "a Transform step has no role",
        ),
        (lambda: dw.ModelStep("M", image="i", retry_policies=[RETRY_JOB]), "RetryPolicies", "does not apply"),
        (lambda: dw.ModelStep("M", image="i", cache_config=dw.CacheConfig(True)), "CacheConfig", "never cached"),
        (
            lambda: dw.TuningStep(
                "T", image="i", objective_metric_name="m", hyperparameter_ranges=RANGES, retry_policies=[RETRY_JOB]
            ),
            "RetryPolicies",
            "never tried again",
        ),
        (
            lambda: dw.TuningStep(
                "T", image="i", objective_metric_name="m", hyperparameter_ranges=RANGES, hyperparameters={"a": 1}
            ),
            "hyperparameters",
            "fixed and a range",
        ),
        (lambda: dw.EMRStep("E", step_config=dw.EMRStepConfig("j")), "ClusterId", "give one of them"),
        (lambda: dw.ProcessingInput("data/x.csv"), "ProcessingInputs.S3Input.S3Uri", "is not an S3 address"),
        (
            lambda: dw.ProcessingOutput("/tmp/x"),
            "ProcessingOutputConfig.Outputs.S3Output.LocalPath",
            "is outside /opt/ml/processing/",
        ),
        (lambda: dw.IntegerParameter(2, 1), "IntegerParameterRanges", "from 2 down to 1"),
        (lambda: dw.CategoricalParameter("ab"), "CategoricalParameterRanges", "not a list"),
        (lambda: dw.StepRetryPolicy(THROTTLING), "MaxAttempts", "not both"),
        (lambda: dw.StepRetryPolicy(THROTTLING, max_attempts=21), "MaxAttempts", "1 to 20"),
        (lambda: dw.StepRetryPolicy(THROTTLING, expire_after_mins=14401), "ExpireAfterMin", "1 to 14400"),
        (lambda: dw.StepRetryPolicy(THROTTLING, backoff_rate=0, max_attempts=1), "BackoffRate", "more than 0"),
        (lambda: dw.StepRetryPolicy([], max_attempts=1), "ExceptionType", "no exception type"),
    ],
)
def test_mistakes_are_refused_where_they_are_written(make: Any, field: str, what: str) -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        arguments(make())
    problem = caught.value.problems[0]
    assert problem.field == field
    assert what in str(problem)
    assert Path(problem.where.rpartition(":")[0]).name in ("test_steps.py", "vocabulary_example.py")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("30d", "P30D"), ("p30d", "P30D"), ("P7d", "P7D"), ("T12H", "PT12H"), ("12h", "PT12H"), ("30dT5h", "P30DT5H")],
)
def test_the_cache_says_the_right_spelling(wrong: str, right: str) -> None:
    with pytest.raises(dw.DefinitionError, match=f"write '{right}'"):
        dw.CacheConfig(True, wrong)
    assert dw.CacheConfig(True, right).expression() == {"Enabled": True, "ExpireAfter": right}


@pytest.mark.parametrize("wrong", ["", "P", "PT", "soon", "P1H"])
def test_durations_that_mean_nothing(wrong: str) -> None:
    with pytest.raises(dw.DefinitionError, match="ISO 8601"):
        dw.CacheConfig(True, wrong)


def test_several_mistakes_in_one_step_come_together() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        bare(instance_count="1", volume_size_in_gb=-1)
    assert [one.field for one in caught.value.problems] == ["instance_count", "volume_size_in_gb"]
