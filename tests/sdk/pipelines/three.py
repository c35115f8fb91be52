"""A pipeline as users of version 3 of Amazon's SDK write it."""

import boto3
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep


def build(project):
    session = PipelineSession(
        boto_session=boto3.Session(region_name=project.region), default_bucket=project.bucket
    )  # fmt: skip
    minimum = ParameterFloat("Minimum", 0.5)
    processor = ScriptProcessor(
        image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1",
        command=["python3"],
        instance_type="ml.m5.large",
        instance_count=1,
        role=project.role,
        sagemaker_session=session,
    )
    place = ProcessingS3Output(
        local_path="/opt/ml/processing/output", s3_uri=project.metrics("sdk"), s3_upload_mode="EndOfJob"
    )
    report = PropertyFile(name="Report", output_name="report", path="evaluation.json")
    measure = ProcessingStep(
        "Measure",
        step_args=processor.run(
            code="scripts/measure.py", outputs=[ProcessingOutput(output_name="report", s3_output=place)]
        ),
        property_files=[report],
    )
    auc = JsonGet(step_name=measure.name, property_file=report, json_path="auc.value")
    gate = ConditionStep(
        "GoodEnough",
        conditions=[ConditionGreaterThanOrEqualTo(left=auc, right=minimum)],
        if_steps=[],
        else_steps=[FailStep("TooWeak", error_message="no")],
    )
    return Pipeline("Sdk-Three", parameters=[minimum], steps=[measure, gate], sagemaker_session=session)
