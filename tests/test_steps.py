from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vocabulary_example import ROLE, bare, project

import dagwright as dw
from dagwright.keywords import SDK_ONLY, SDK_WORDS, keywords_of

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
SEED = dw.ParameterInteger("Seed", 1)
NAME = dw.ParameterString("Name")
OUT = dw.ProcessingOutput("/opt/ml/processing/output/a", output_name="a")


def arguments(step: dw.Step, **changes: Any) -> dict[str, Any]:
    pipeline = dw.Pipeline("p", steps=[step], parameters=[SEED, NAME], project=project(**changes))
    written: dict[str, Any] = pipeline.to_dict()["Steps"][0]["Arguments"]
    return written


def train(**options: Any) -> dw.TrainingStep:
    return dw.TrainingStep("Train", image="i", **options)


def tune(**options: Any) -> dw.TuningStep:
    own: dict[str, Any] = {"objective_metric_name": "m", "hyperparameter_ranges": {"a": dw.IntegerParameter(1, 2)}}
    return dw.TuningStep("Tune", image="i", **{**own, **options})


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
    assert (cluster["InstanceType"], cluster["VolumeKmsKeyId"]) == ("ml.m5.large", KEY)
    assert written["ProcessingOutputConfig"]["KmsKeyId"] == "alias/churn"
    assert written["NetworkConfig"]["VpcConfig"] == {
        "SecurityGroupIds": ["sg-0a1b2c3d"],
        "Subnets": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
    }
    assert written["NetworkConfig"]["EnableNetworkIsolation"] is True
    tags = {one["Key"]: one["Value"] for one in written["Tags"]}
    assert tags == {"Company": "acme", "Team": "ml", "Project": "churn", "Environment": "local"}


def test_what_a_step_says_wins_and_emptiness_means_none_of_it() -> None:
    own = {"subnets": [], "security_group_ids": [], "enable_network_isolation": False, "volume_kms_key": ""}
    written = arguments(bare(role="other", tags={"Team": "us"}, encrypt_inter_container_traffic=True, **own))
    assert written["RoleArn"] == "other"
    assert written["NetworkConfig"] == {"EnableInterContainerTrafficEncryption": True}
    assert "VolumeKmsKeyId" not in written["ProcessingResources"]["ClusterConfig"]
    assert written["Tags"][1] == {"Key": "Team", "Value": "us"}


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
    pipeline = dw.Pipeline("p", steps=[step])
    written = pipeline.to_dict()["Steps"][0]["Arguments"]
    assert written["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://b/code/run.py"
    entrypoint = ["smspark-submit", "/opt/ml/processing/input/code/run.py"]
    assert written["AppSpecification"]["ContainerEntrypoint"] == entrypoint
    assert pipeline.assets() == []


RETRY_JOB = dw.SageMakerJobStepRetryPolicy([dw.SageMakerJobExceptionTypeEnum.INTERNAL_ERROR], max_attempts=1)
THROTTLING = [dw.StepExceptionTypeEnum.THROTTLING]
IN = dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/k")
RANGES = {"a": dw.IntegerParameter(1, 2)}


@pytest.mark.parametrize(
    ("make", "field", "what"),
    [
        (lambda: bare("a b"), "Name", "such as 'a-b'"),
        (lambda: bare(instance_count=NAME), "instance_count", "Parameters.Name is String"),
        (lambda: bare(volume_size_in_gb="30"), "volume_size_in_gb", "'30' is not a whole number"),
        (lambda: bare(instance_count=0), "instance_count", "0 is less than 1"),
        (lambda: bare(instance_type=4), "instance_type", "4 is not a text"),
        (lambda: bare(image=None), "image", "image is not given"),
        (lambda: bare(image=SEED), "image", "Parameters.Seed is Integer"),
        (lambda: bare(image=["x"]), "image", "is not a text"),
        (lambda: bare(depends_on="Other"), "DependsOn", "put it in [ ]"),
        (lambda: bare(depends_on=[3]), "DependsOn[0]", "3 is not a step"),
        (lambda: bare(inputs=IN), "inputs", "put it in [ ]"),
        (lambda: bare(outputs=OUT), "outputs", "put it in [ ]"),
        (lambda: bare(outputs=[IN]), "outputs[0]", "is not a ProcessingOutput"),
        (lambda: bare(property_files=dw.PropertyFile("R", "a", "r")), "property_files", "put it in [ ]"),
        (lambda: bare(retry_policies=RETRY_JOB), "RetryPolicies", "put it in [ ]"),
        (lambda: bare(cache_config=True), "CacheConfig", "True is not a CacheConfig"),
        (lambda: bare(source_dir="s3://b/src", code="a.py"), "source_dir", "sourcedir.tar.gz"),
        (lambda: bare(code="s3://b/src/"), "code", "is a folder"),
        (lambda: bare(code=Path("a.py")), "code", "is not a literal text"),
        (lambda: bare(enable_network_isolation="yes"), "enable_network_isolation", "is not True or False"),
        (lambda: bare(tags={"a": None}), "tags['a']", "None is not text"),
        (lambda: bare(environment={"A": float("inf")}), "Environment['A']", "inf is not text"),
        (lambda: dw.ProcessingInput("s3://b/k"), "ProcessingInputs.S3Input.LocalPath", "no destination"),
        (lambda: dw.ConditionStep("G", [dw.ConditionEquals(1, 1)], bare()), "IfSteps", "put it in [ ]"),
        (lambda: dw.ConditionStep("G", dw.ConditionEquals(1, 1)), "Conditions", "put it in [ ]"),
        (lambda: dw.Pipeline("p", steps=bare()), "Steps", "put it in [ ]"),
        (lambda: dw.Pipeline("p", steps=[], parameters=SEED), "Parameters", "put it in [ ]"),
        (lambda: dw.LambdaStep("L", function_arn=None), "function_arn", "function_arn is not given"),
        (lambda: dw.LambdaStep("L", function_arn="a", outputs=dw.LambdaOutput("a")), "outputs", "put it in [ ]"),
        (lambda: dw.CallbackStep("L", sqs_queue_url="a", outputs=[dw.LambdaOutput("a")]), "outputs[0]", "Callback"),
        (lambda: dw.PropertyFile(NAME, "a", "r.json"), "name", "is not a literal text"),
        (lambda: dw.PropertyFile("R", "a", ""), "path", "path is not given"),
        (lambda: dw.LambdaOutput(NAME), "output_name", "is not a literal text"),
        (lambda: dw.LambdaOutput("a", "String"), "output_type", "OutputTypeEnum.String"),
        (lambda: dw.TransformStep("T", model_name=None, data="s3://b/k"), "model_name", "is not given"),
        (lambda: dw.RegisterModelStep("R", image="i", model_data=None), "model_data", "is not given"),
        (lambda: dw.ModelStep("M", image=3), "image", "3 is not a text"),
        (lambda: train(volume_kms_key="alias/x"), "volume_kms_key", "is an alias"),
        (lambda: train(hyperparameters={"a": None}), "HyperParameters['a']", "None cannot be"),
        (lambda: train(hyperparameters={"a": [float("nan")]}), "HyperParameters['a']", "[nan] cannot be"),
        (lambda: train(inputs={"a": "b/k"}), "inputs['a']", "is not an S3 address"),
        (lambda: train(inputs=["s3://b/k"]), "inputs", "is not a map"),
        (lambda: train(entry_point=NAME), "entry_point", "is not a literal text"),
        (lambda: tune(max_jobs=0), "max_jobs", "0 is less than 1"),
        (lambda: tune(hyperparameter_ranges={}), "hyperparameter_ranges", "no ranges"),
        (lambda: tune(hyperparameter_ranges={"a": 1}), "hyperparameter_ranges['a']", "1 is not a range"),
        (lambda: dw.IntegerParameter(float("nan"), 1), "IntegerParameterRanges.MinValue", "nan is not text"),
        (
            lambda: dw.EMRStepConfig("j", properties=[{"Key": "a"}]),
            "StepConfig.HadoopJarStep.Properties[0]",
            "has a Key and a Value",
        ),
        (lambda: dw.EMRStepConfig("j", "x"), "StepConfig.HadoopJarStep.Args", "put it in [ ]"),
        (
            lambda: train(use_spot_instances=True, max_wait_in_seconds=7199),
            "max_wait_in_seconds",
            "less than max_runtime_in_seconds, which is 7200",
        ),
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
        (
            lambda: dw.ProcessingInput("data/x.csv", "/opt/ml/processing/input/x"),
            "ProcessingInputs.S3Input.S3Uri",
            "is not an S3 address",
        ),
        (
            lambda: dw.ProcessingOutput("/tmp/x"),
            "ProcessingOutputConfig.Outputs.S3Output.LocalPath",
            "is outside /opt/ml/processing/",
        ),
        (
            lambda: dw.ProcessingOutput("/data/out"),
            "ProcessingOutputConfig.Outputs.S3Output.LocalPath",
            "the folder that SageMaker reserves for what a job reads and writes",
        ),
        (
            lambda: dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/x", s3_input_mode="FastFile"),
            "ProcessingInputs.S3Input.S3InputMode",
            "FastFile is for training only: use File, or Pipe",
        ),
        (
            lambda: dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/x", s3_compression_type="Gzip"),
            "ProcessingInputs.S3Input.S3CompressionType",
            "Gzip goes with Pipe mode only",
        ),
        (lambda: bare(use_spot_instances=True), "use_spot_instances", "only training and tuning run on Spot instances"),
        (
            lambda: dw.TransformStep("T", model_name="m", data="s3://b/x", use_spot_instances=True),
            "use_spot_instances",
            "only training and tuning run on Spot instances",
        ),
        (
            lambda: dw.TrainingStep("T", image="i", container_log_level=set()),  # type: ignore[arg-type]
            "container_log_level",
            "a whole number or a ParameterInteger",
        ),
        (lambda: bare(max_wait=3600), "max_wait", "only training and tuning run on Spot instances"),
        (
            lambda: bare(overrides={"EnableManagedSpotTraining": True}),
            "overrides.EnableManagedSpotTraining",
            "a processing job cannot run on Spot instances; only training jobs can",
        ),
        (
            lambda: bare(overrides={"ProcessingResources": {"ClusterConfig": {"ManagedSpotTraining": True}}}),
            "overrides.ProcessingResources.ClusterConfig.ManagedSpotTraining",
            "a TrainingStep takes use_spot_instances",
        ),
        (lambda: dw.IntegerParameter(2, 1), "IntegerParameterRanges", "from 2 down to 1"),
        (lambda: dw.CategoricalParameter("ab"), "CategoricalParameterRanges", "put it in [ ]"),
        (lambda: dw.StepRetryPolicy(THROTTLING), "MaxAttempts", "not both"),
        (lambda: dw.StepRetryPolicy(THROTTLING, max_attempts=21), "MaxAttempts", "from 1 to 20"),
        (lambda: dw.StepRetryPolicy(THROTTLING, expire_after_mins=14401), "ExpireAfterMin", "from 1 to 14400"),
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


def test_what_has_the_name_of_a_mistake_may_be_none() -> None:
    spelled = {"EnableManagedSpotTraining": "no"}
    assert arguments(bare(overrides={"Environment": spelled}))["Environment"] == spelled
    streamed = {"s3_input_mode": "Pipe", "s3_compression_type": "Gzip"}
    given = dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/x", **streamed)  # type: ignore[arg-type]
    assert given.request("x")["S3Input"]["S3CompressionType"] == "Gzip"


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


def test_several_mistakes_of_every_layer_come_together() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.TuningStep(
            "a b",
            image=None,  # type: ignore[arg-type]
            objective_metric_name="m",
            hyperparameter_ranges={},
            instance_count=0,
            max_jobs=0,
            hyperparameters={"a": None},
            max_run=3,
        )
    assert [one.field for one in caught.value.problems] == [
        "max_run",
        "Name",
        "instance_count",
        "image",
        "HyperParameters['a']",
        "hyperparameter_ranges",
        "max_jobs",
    ]
    assert {one.step for one in caught.value.problems} == {"a b"}


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: train(output_pth="s3://b/o"), "did you mean 'output_path'?"),
        (lambda: train(instance_typ="ml.m5.large"), "did you mean 'instance_type'?"),
        (lambda: train(depend_on=[]), "did you mean 'depends_on'?"),
        (lambda: train(max_run=3), "it is called max_runtime_in_seconds here"),
        (lambda: train(max_wait=3), "it is called max_wait_in_seconds here"),
        (lambda: train(volume_size=3), "it is called volume_size_in_gb here"),
        (lambda: train(estimator=3), "takes what its job needs directly"),
        (lambda: bare(job_arguments=[]), "it is called arguments here"),
        (lambda: bare(network_config=3), "say subnets, security_group_ids"),
        (lambda: dw.LambdaStep("L", function_arn="a", lambda_func=3), "it is called function_arn here"),
        (lambda: dw.Pipeline("p", steps=[], step=[]), "did you mean 'steps'?"),
    ],
)
def test_a_misspelt_keyword_is_told_the_right_one(make: Any, hint: str) -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        make()
    (problem,) = caught.value.problems
    assert problem.code == "unknown-keyword"
    assert hint in problem.hint


def test_the_right_words_for_those_of_the_sdk_exist() -> None:
    classes = (dw.ProcessingStep, dw.TrainingStep, dw.TransformStep, dw.LambdaStep, dw.Pipeline)
    known = {name for cls in classes for name in keywords_of(cls).suggested}
    assert set(SDK_WORDS.values()) <= known
    assert not (set(SDK_WORDS) | set(SDK_ONLY)) & known


def test_a_missing_argument_is_a_problem_beside_the_others() -> None:
    with pytest.raises(dw.DefinitionError) as caught:
        dw.ProcessingStep("A", imgae="i", instance_count=0)  # type: ignore[call-arg]
    assert [one.field for one in caught.value.problems] == ["imgae", "instance_count", "image"]
    assert caught.value.problems[0].hint == "did you mean 'image'?"


def test_a_class_of_ones_own_takes_the_keywords_of_its_base() -> None:
    class Mine(dw.ProcessingStep):
        def __init__(self, name: str, *, level: int, **options: Any) -> None:
            super().__init__(name, image="i", arguments=["--level", level], **options)

    assert Mine("A", level=3, instance_count=2).container_arguments == ["--level", "3"]
    with pytest.raises(dw.DefinitionError, match="did you mean 'level'"):
        Mine("A", levle=3)  # type: ignore[call-arg]


def test_none_stands_for_no_elements() -> None:
    step = bare(inputs=None, outputs=None, property_files=None, retry_policies=None, depends_on=None, arguments=None)
    assert (step.inputs, step.outputs, step.property_files, step.retry_policies) == ({}, {}, {}, ())
    assert dw.Pipeline("p", steps=None, parameters=None).to_dict()["Steps"] == []


def test_overrides_reach_into_what_stands_for_an_object() -> None:
    quality = dw.MetricsSource("application/json", "s3://b/m.json")
    step = dw.RegisterModelStep(
        "Register",
        image="i",
        model_data="s3://b/m",
        model_metrics=dw.ModelMetrics(model_statistics=quality, bias=quality),
        overrides={
            "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentDigest": "d"}}, "Bias": None},
            "DriftCheckBaselines": dw.DriftCheckBaselines(bias_config_file=quality),
            "InferenceSpecification": {"Containers": [{"Image": NAME}]},
            "Nothing": {"AtAll": None},
        },
    )
    written = arguments(step)
    source = {"ContentType": "application/json", "S3Uri": "s3://b/m.json"}
    assert written["ModelMetrics"] == {"ModelQuality": {"Statistics": {**source, "ContentDigest": "d"}}}
    assert written["DriftCheckBaselines"] == {"Bias": {"ConfigFile": source}}
    assert written["InferenceSpecification"] == {"Containers": [{"Image": {"Get": "Parameters.Name"}}]}
    assert written["Nothing"] == {}


def test_isolation_that_a_run_decides_counts_as_isolation_for_the_way_of_the_code() -> None:
    isolated = dw.ParameterBoolean("Isolated", True)
    step = train(entry_point="scripts/evaluate.py", enable_network_isolation=isolated)
    pipeline = dw.Pipeline("p", steps=[step], parameters=[isolated], project=project())
    written = pipeline.to_dict()["Steps"][0]["Arguments"]
    assert written["EnableNetworkIsolation"] == {"Get": "Parameters.Isolated"}
    assert [one["ChannelName"] for one in written["InputDataConfig"]] == ["code"]


def test_encryption_and_keys_may_be_variables() -> None:
    encrypted = dw.ParameterBoolean("Encrypted", True)
    step = train(encrypt_inter_container_traffic=encrypted, volume_kms_key=NAME, instance_count=SEED)
    pipeline = dw.Pipeline("p", steps=[step], parameters=[encrypted, NAME, SEED], project=project())
    written = pipeline.to_dict()["Steps"][0]["Arguments"]
    assert written["EnableInterContainerTrafficEncryption"] == {"Get": "Parameters.Encrypted"}
    assert written["ResourceConfig"]["VolumeKmsKeyId"] == {"Get": "Parameters.Name"}


def test_spot_waits_at_least_as_long_as_it_runs() -> None:
    assert arguments(train(use_spot_instances=True, max_wait_in_seconds=7200))["EnableManagedSpotTraining"] is True
    assert arguments(train(use_spot_instances=True, max_wait_in_seconds=SEED))


def test_a_packed_folder_in_s3_stays_there() -> None:
    packed = "s3://b/code/sourcedir.tar.gz"
    written = arguments(bare(source_dir=packed, code="run.py", enable_network_isolation=False))
    assert written["ProcessingInputs"][0]["S3Input"]["S3Uri"] == packed


@pytest.mark.parametrize(
    "properties", [{"a": "b", "c": 1}, [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": 1}], [("a", "b"), ("c", 1)]]
)
def test_java_properties_in_every_spelling(properties: Any) -> None:
    config = dw.EMRStepConfig("j", properties=properties).expression()
    assert config["HadoopJarStep"]["Properties"] == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "1"}]


def test_an_input_from_a_query_has_its_own_local_path() -> None:
    query = {"LocalPath": "/opt/ml/processing/input/q", "AthenaDatasetDefinition": {}}
    assert "S3Input" not in dw.ProcessingInput(dataset_definition=query).request("q")
    with pytest.raises(dw.DefinitionError, match="say LocalPath in the dataset_definition"):
        dw.ProcessingInput(None, "/opt/ml/processing/input/q", dataset_definition=query)
    assert dw.ProcessingInput("s3://b/k", app_managed=True).request("k")["AppManaged"] is True


def test_only_who_cannot_have_spot_is_told_of_spot() -> None:
    for make in (lambda: dw.Pipeline("p", steps=[], max_wait=4), lambda: dw.FailStep("F", use_spot_instances=True)):
        with pytest.raises(dw.DefinitionError) as caught:
            make()
        assert "Spot" not in str(caught.value)


def test_the_mode_of_an_input_may_be_a_variable() -> None:
    mode = dw.ParameterString("Mode")
    for modes in ({"s3_input_mode": mode}, {"s3_compression_type": mode}):
        given = dw.ProcessingInput("s3://b/k", "/opt/ml/processing/input/x", **modes)  # type: ignore[arg-type]
        assert mode is given.s3_input_mode or mode is given.s3_compression_type
