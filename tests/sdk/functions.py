"""A pipeline of decorated functions, as users of version 2 of Amazon's SDK write it: run by the SDK's own Python.

Its definition goes to standard output; the functions and what starts them go to the bucket.
"""

import sys

import boto3
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

bucket, failing = sys.argv[1], "fail" in sys.argv
session = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket=bucket)
count = ParameterInteger("Count", 3)
settings = {
    "role": "arn:aws:iam::123456789012:role/any-role",
    "instance_type": "ml.m5.large",
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/functions:1",
}


@step(name="Generate", **settings)
def generate(size):
    if failing:
        raise ValueError("there are no numbers")
    return {"numbers": list(range(size)), "size": size}


@step(name="Measure", **settings)
def measure(numbers, factor=1):
    return {"sum": sum(numbers) * factor}


@step(name="Publish", **settings)
def publish(measured, size):
    print(f"published {measured['sum']} of {size}")
    return "done"


made = generate(count)
measured = measure(made["numbers"], factor=10)
gate = ConditionStep(
    "Enough",
    conditions=[ConditionGreaterThan(left=measured["sum"], right=20)],
    if_steps=[publish(measured, made["size"])],
    else_steps=[FailStep("TooFew", error_message="too few")],
)
print(Pipeline("Functions", parameters=[count], steps=[gate], sagemaker_session=session).definition())
