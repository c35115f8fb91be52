"""A pipeline as users of version 2 of Amazon's SDK write it."""

import boto3
from sagemaker.processing import ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep


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
    report = PropertyFile(name="Report", output_name="report", path="evaluation.json")
    measure = ProcessingStep(
        "Measure",
        step_args=processor.run(
            code="scripts/measure.py",
            outputs=[ProcessingOutput(output_name="report", source="/opt/ml/processing/output")],
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
    return Pipeline("Sdk-Two", parameters=[minimum], steps=[measure, gate], sagemaker_session=session)
