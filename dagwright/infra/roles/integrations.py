"""Which rights the integrations of Step Functions take that a state machine's tasks call: a table, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Integration:
    """What a machine's role must be allowed for one kind of task.

    `about`: what the calls are about, which the role knows the ARNs of. `creates` are the calls whose request says in
    which VPC, `calls` the others. `rule` is the managed rule by which Step Functions hears that the work has ended,
    `passes` the service that gets a role handed.
    """

    about: str
    calls: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()
    rule: str = ""
    passes: str = ""


_TAGS = ("sagemaker:AddTags", "sagemaker:ListTags")  # Step Functions tags its jobs, and the project everything
_RULE = "StepFunctionsGetEventsForSageMaker{}JobsRule"


def _job(word: str, about: str, rule: str) -> Integration:
    calls = (f"sagemaker:Describe{word}", f"sagemaker:Stop{word}", *_TAGS)
    return Integration(about, calls, (f"sagemaker:Create{word}",), _RULE.format(rule), "sagemaker")


#: By what follows `arn:aws:states:::` (Step Functions developer guide, "Integrating services").
INTEGRATIONS: Mapping[str, Integration] = {
    "sagemaker:createProcessingJob.sync": _job("ProcessingJob", "processing-job", "Processing"),
    "sagemaker:createTrainingJob.sync": _job("TrainingJob", "training-job", "Training"),
    "sagemaker:createHyperParameterTuningJob.sync": _job(
        "HyperParameterTuningJob", "hyper-parameter-tuning-job", "Tuning"
    ),
    "sagemaker:createTransformJob.sync": Integration(  # its model says in which VPC, and has the role
        "transform-job",
        (
            "sagemaker:CreateTransformJob",
            "sagemaker:DescribeTransformJob",
            "sagemaker:StopTransformJob",
            *_TAGS,
        ),
        rule=_RULE.format("Transform"),
    ),
    "sagemaker:createModel": Integration("model", _TAGS, ("sagemaker:CreateModel",), passes="sagemaker"),
    "sagemaker:createEndpointConfig": Integration("endpoint-config", ("sagemaker:CreateEndpointConfig", *_TAGS)),
    "sagemaker:createEndpoint": Integration("endpoint", ("sagemaker:CreateEndpoint", *_TAGS)),
    "aws-sdk:sagemaker:createModelPackage": Integration("package", ("sagemaker:CreateModelPackage", *_TAGS)),
    "aws-sdk:sagemaker:describeModel": Integration("model", ("sagemaker:DescribeModel",)),
    "aws-sdk:sagemaker:describeModelPackage": Integration("package", ("sagemaker:DescribeModelPackage",)),
    "aws-sdk:sagemaker:describeEndpointConfig": Integration("endpoint-config", ("sagemaker:DescribeEndpointConfig",)),
    "aws-sdk:sagemaker:describeEndpoint": Integration("endpoint", ("sagemaker:DescribeEndpoint",)),
    "aws-sdk:sagemaker:listTrainingJobsForHyperParameterTuningJob": Integration(
        "hyper-parameter-tuning-job", ("sagemaker:ListTrainingJobsForHyperParameterTuningJob",)
    ),
    "aws-sdk:s3:getObject": Integration("file"),  # objects and keys have statements of their own
    "lambda:invoke": Integration("function", ("lambda:InvokeFunction",)),
    "sqs:sendMessage.waitForTaskToken": Integration("queue", ("sqs:SendMessage",)),
    "elasticmapreduce:addStep.sync": Integration(
        "cluster",
        ("elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:DescribeStep", "elasticmapreduce:CancelSteps"),
        rule="StepFunctionsGetEventForEMRAddJobFlowStepsRule",
    ),
    "emr-serverless:startJobRun.sync": Integration(
        "application",
        ("emr-serverless:StartJobRun", "emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"),
        rule="StepFunctionsGetEventsForEMRServerlessJobRule",
        passes="emr-serverless",
    ),
}
