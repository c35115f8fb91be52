"""train-evaluate-register, imported from its definition, which this module emits again as it was.

The Pipeline has no project, so nothing is added to what the steps say. With project=project they may
leave their role, network, keys, sizes and limits to the configuration.
"""

from __future__ import annotations

from dagwright import (
    ConditionLessThanOrEqualTo,
    ConditionStep,
    ExecutionVariables,
    FailStep,
    Join,
    JsonGet,
    MetricsSource,
    ModelMetrics,
    ParameterFloat,
    ParameterString,
    Pipeline,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
    PropertyFile,
    RegisterModelStep,
    TrainingInput,
    TrainingStep,
)
from dagwright.project import Project

SCIKIT_LEARN_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::123456789012:role/Jobs"


def build(project: Project) -> Pipeline:
    """The pipeline."""
    input_data_url = ParameterString("InputDataUrl", "s3://acme-ml/raw/data.csv")
    limit = ParameterFloat("Limit", 6)

    prepare = ProcessingStep(
        "Prepare",
        image=SCIKIT_LEARN_IMAGE,
        # your own code: code="scripts/a.py" in the place of entrypoint and of the input code
        entrypoint=["python3", "/opt/ml/processing/input/code/a.py"],
        arguments=["--input-data", input_data_url],
        inputs=[
            ProcessingInput(input_data_url, "/opt/ml/processing/input/raw", "raw", app_managed=False),
            ProcessingInput("s3://acme-ml/code/prepare.py", "/opt/ml/processing/input/code", "code", app_managed=False),
        ],
        outputs=[
            ProcessingOutput(
                source="/opt/ml/processing/train",
                destination=Join("/", ["s3:/", "acme-ml", "demo", ExecutionVariables.PIPELINE_EXECUTION_ID, "train"]),
                output_name="train",
                app_managed=False,
            ),
            ProcessingOutput(
                source="/opt/ml/processing/test",
                destination=Join("/", ["s3:/", "acme-ml", "demo", ExecutionVariables.PIPELINE_EXECUTION_ID, "test"]),
                output_name="test",
                app_managed=False,
            ),
        ],
        role=ROLE,
        instance_type="ml.m5.xlarge",
        instance_count=1,
        volume_size_in_gb=30,
    )
    train = TrainingStep(
        "Train",
        image=XGBOOST_IMAGE,
        hyperparameters={"objective": "reg:linear", "num_round": 50},
        inputs={"train": TrainingInput(prepare.output_uri("train"), content_type="text/csv")},
        output_path="s3://acme-ml/models",
        role=ROLE,
        instance_type="ml.m5.xlarge",
        instance_count=1,
        volume_size_in_gb=30,
        max_runtime_in_seconds=86400,
    )
    report = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        "Evaluate",
        image=SCIKIT_LEARN_IMAGE,
        entrypoint=["python3", "/opt/ml/processing/input/code/a.py"],
        inputs=[
            ProcessingInput(
                train.properties.ModelArtifacts.S3ModelArtifacts,
                "/opt/ml/processing/input/model",
                "model",
                app_managed=False,
            ),
            ProcessingInput(prepare.output_uri("test"), "/opt/ml/processing/input/test", "test", app_managed=False),
        ],
        outputs=[
            ProcessingOutput(
                source="/opt/ml/processing/evaluation",
                destination=Join(
                    "/", ["s3:/", "acme-ml", "demo", ExecutionVariables.PIPELINE_EXECUTION_ID, "evaluation"]
                ),
                output_name="evaluation",
                app_managed=False,
            ),
        ],
        property_files=[report],
        role=ROLE,
        instance_type="ml.m5.xlarge",
        instance_count=1,
        volume_size_in_gb=30,
    )
    register = RegisterModelStep(
        "Register",
        image=XGBOOST_IMAGE,
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        container_overrides={"Environment": {}},
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.t2.medium"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="demo",
        approval_status="PendingManualApproval",
        model_metrics=ModelMetrics(
            model_statistics=MetricsSource("application/json", evaluate.output_uri("evaluation", "evaluation.json"))
        ),
        overrides={"ModelMetrics": {"Bias": {}, "Explainability": {}}},
    )
    stop = FailStep("Stop", error_message=Join("", ["the error is over ", limit]))
    gate = ConditionStep(
        "Gate",
        conditions=[ConditionLessThanOrEqualTo(JsonGet(evaluate, report, "regression_metrics.mse.value"), 6.0)],
        if_steps=[register],
        else_steps=[stop],
    )

    return Pipeline(
        "train-evaluate-register",
        steps=[prepare, train, evaluate, gate],
        parameters=[input_data_url, limit],
        members={
            "Version": "2020-12-01",
            "Metadata": {"construct": "the shape of most pipelines: prepare, train, evaluate, register if good enough"},
            "PipelineExperimentConfig": {
                "ExperimentName": ExecutionVariables.PIPELINE_NAME,
                "TrialName": ExecutionVariables.PIPELINE_EXECUTION_ID,
            },
        },
    )
