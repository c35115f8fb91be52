"""A small project, and one pipeline that uses every word of the vocabulary.

`python tests/vocabulary_example.py` prints its definition, which is tests/golden/vocabulary/everything.json.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import dagwright as dw

VOCABULARY = Path(__file__).parent / "golden" / "vocabulary"
ROOT = VOCABULARY / "code"
ROLE = "arn:aws:iam::123456789012:role/SageMaker-Ml-Churn-ExecutionRole"


def project(root: Path = ROOT, **changes: Any) -> dw.Project:
    """The project of tests/golden/vocabulary, with its scripts below `root`."""
    return replace(_project(), root=root, **changes)


@cache
def _project() -> dw.Project:
    return dw.load_project(VOCABULARY / "config" / "project.yaml")


def bare(name: str = "Work", **options: Any) -> dw.ProcessingStep:
    """A processing step that needs no project."""
    own = {"role": ROLE, "instance_type": "ml.m5.large", "instance_count": 1, "volume_size_in_gb": 30}
    return dw.ProcessingStep(name, **{"image": "image", **own, **options})


def everything() -> dw.Pipeline:
    """A pipeline of every step kind, condition, function and parameter kind."""
    seed = dw.ParameterInteger("Seed", 7, description="for the split")
    rate = dw.ParameterFloat("Rate", 1)
    approval = dw.ParameterString("Approval", "PendingManualApproval", ["PendingManualApproval", "Approved"])
    strict = dw.ParameterBoolean("Strict", False)
    data = dw.ParameterString("Data")
    shared = dw.ProcessingOutput("/opt/ml/processing/output/data", output_name="data")
    preprocess = dw.ProcessingStep(
        "Preprocess",
        image="sklearn",
        code="scripts/preprocess.py",
        arguments=["--seed", seed, "--strict", strict, "--share", 0.5, "--quiet", True],
        environment={"DATA": data, "LEVEL": 3},
        inputs=[dw.ProcessingInput(data, "/opt/ml/processing/input/raw")],
        outputs=[shared],
        cache_config=dw.CacheConfig(True, "P30D"),
        retry_policies=[
            dw.StepRetryPolicy([dw.StepExceptionTypeEnum.THROTTLING], max_attempts=3),
            dw.SageMakerJobStepRetryPolicy(
                [dw.SageMakerJobExceptionTypeEnum.CAPACITY_ERROR], 1.5, 30, expire_after_mins=60
            ),
        ],
        display_name="Preprocessing",
        description="splits the data",
    )
    featurize = dw.ProcessingStep(
        "Featurize",
        image="pytorch",
        source_dir="trainer",
        code="train.py",
        inputs=[dw.ProcessingInput(preprocess.output_uri("data"), "/opt/ml/processing/input/data", "data")],
        outputs=[shared],
        instance_count=2,
    )
    train = dw.TrainingStep(
        "Train",
        image="xgboost",
        entry_point="train.py",
        source_dir="trainer",
        hyperparameters={"eta": 0.1, "objective": "binary", "deep": True, "layers": [1, 2], "seed": seed, "data": data},
        inputs={"train": dw.TrainingInput(featurize.output_uri("data"), content_type="text/csv")},
        metric_definitions=[{"Name": "auc", "Regex": "auc=(.*)"}],
        use_spot_instances=True,
        max_wait_in_seconds=9000,
        checkpoint_s3_uri="s3://acme-sm-ml-churn/checkpoints",
        environment={"MODE": "fast"},
        tags={"Project": "other"},
    )
    tune = dw.TuningStep(
        "Tune",
        image="xgboost",
        objective_metric_name="validation:auc",
        hyperparameter_ranges={
            "eta": dw.ContinuousParameter(0.01, rate, "Logarithmic"),
            "depth": dw.IntegerParameter(1, 10),
            "booster": dw.CategoricalParameter(["gbtree", "dart"]),
        },
        hyperparameters={"objective": "binary", "rounds": 50, "rate": rate},
        inputs={"train": preprocess.output_uri("data")},
        max_jobs=4,
        max_parallel_jobs=2,
        instance_count=1,
    )
    report = dw.PropertyFile("Report", "evaluation", "evaluation.json")
    evaluate = dw.ProcessingStep(
        "Evaluate",
        image="sklearn",
        code="scripts/evaluate.py",
        inputs=[
            dw.ProcessingInput(
                train.properties.ModelArtifacts.S3ModelArtifacts, "/opt/ml/processing/input/model", "model"
            ),
            dw.ProcessingInput(
                tune.get_top_model_s3_uri(0, "acme-sm-ml-churn", "models"), "/opt/ml/processing/input/best", "best"
            ),
        ],
        outputs=[dw.ProcessingOutput("/opt/ml/processing/output/evaluation", output_name="evaluation")],
        property_files=[report],
    )
    model = dw.ModelStep(
        "Create", image="xgboost", model_data=train.properties.ModelArtifacts.S3ModelArtifacts, environment={"A": 1}
    )
    transform = dw.TransformStep(
        "Score",
        model_name=model.properties.ModelName,
        data=data,
        content_type="text/csv",
        split_type="Line",
        accept="text/csv",
        assemble_with="Line",
        input_filter="$[1:]",
        join_source="Input",
    )
    metrics = dw.MetricsSource("application/json", evaluate.output_uri("evaluation", "evaluation.json"))
    register = dw.RegisterModelStep(
        "Register",
        image="xgboost",
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        approval_status=approval,
        model_metrics=dw.ModelMetrics(model_statistics=metrics),
        drift_check_baselines=dw.DriftCheckBaselines(bias_config_file=metrics),
        customer_metadata_properties={"auc": dw.JsonGet(evaluate, report, "auc")},
    )
    notify = dw.LambdaStep(
        "Notify",
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:notify",
        inputs={"model": register.properties.ModelPackageArn, "limits": [1, 2.5]},
        outputs=[dw.LambdaOutput("receipt"), dw.LambdaOutput("count", dw.LambdaOutputTypeEnum.Integer)],
        depends_on=["Score"],
    )
    ask = dw.CallbackStep(
        "Ask",
        sqs_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/ask",
        inputs={"receipt": notify.properties.Outputs["receipt"]},
        outputs=[dw.CallbackOutput("answer", dw.CallbackOutputTypeEnum.Boolean)],
    )
    spark = dw.EMRStep(
        "Spark",
        cluster_id="j-1",
        step_config=dw.EMRStepConfig("command-runner.jar", ["spark-submit", data, 3], properties={"a": "b"}),
        cache_config=dw.CacheConfig(True, "PT12H"),
    )
    auc = dw.JsonGet(evaluate, report, "metrics.auc.value")
    other = dw.JsonGet(s3_uri=evaluate.output_uri("evaluation", "other.json"), json_path="auc")
    stop = dw.FailStep("Stop", dw.Join(" ", ["auc", auc, "at", dw.ExecutionVariables.START_DATETIME]))
    conditions = [
        dw.ConditionGreaterThanOrEqualTo(auc, 0.8),
        dw.ConditionGreaterThan(train.properties.FinalMetricDataList["auc"].Value, rate),
        dw.ConditionLessThan(other, 1),
        dw.ConditionLessThanOrEqualTo(seed, 10),
        dw.ConditionNot(dw.ConditionEquals(strict, True)),
        dw.ConditionOr([dw.ConditionIn(approval, ["Approved", data]), dw.ConditionEquals(auc, 1)]),
    ]
    gate = dw.ConditionStep("Gate", conditions, [register, model, transform, notify, ask], [stop], depends_on=[tune])
    return dw.Pipeline(
        "ml-churn-everything",
        steps=[preprocess, featurize, train, tune, evaluate, gate, spark],
        parameters=[seed, rate, approval, strict, data],
        project=project(),
        pipeline_experiment_config=dw.PipelineExperimentConfig(
            dw.ExecutionVariables.PIPELINE_NAME, dw.ExecutionVariables.PIPELINE_EXECUTION_ID
        ),
    )


if __name__ == "__main__":
    sys.stdout.write(everything().definition())
