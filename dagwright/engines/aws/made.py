"""What a step made: the job, model or package whose ARN stands in the step's Metadata.

What comes in: the Metadata of a step. What goes out: the Describe response of what it made, and where a job's logs are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dagwright.engines.aws.clients import Clients, aws_errors
from dagwright.engines.aws.responses import plain


class Kind(NamedTuple):
    """How things of one kind are described, and the log group that all jobs of the kind share."""

    operation: str
    argument: str
    log_group: str = ""


#: By the first word of an ARN's resource. The log groups: SageMaker's developer guide, "CloudWatch Logs for SageMaker".
DESCRIPTIONS: Mapping[str, Kind] = {
    "processing-job": Kind("describe_processing_job", "ProcessingJobName", "/aws/sagemaker/ProcessingJobs"),
    "training-job": Kind("describe_training_job", "TrainingJobName", "/aws/sagemaker/TrainingJobs"),
    "transform-job": Kind("describe_transform_job", "TransformJobName", "/aws/sagemaker/TransformJobs"),
    "hyper-parameter-tuning-job": Kind("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "automl-job": Kind("describe_auto_ml_job", "AutoMLJobName"),
    "model": Kind("describe_model", "ModelName"),
    "model-package": Kind("describe_model_package", "ModelPackageName"),
    "endpoint-config": Kind("describe_endpoint_config", "EndpointConfigName"),
    "endpoint": Kind("describe_endpoint", "EndpointName"),
    "inference-component": Kind("describe_inference_component", "InferenceComponentName"),
}
# What the member of a step's Metadata is called that holds such an ARN (botocore: PipelineExecutionStepMetadata).
_MEMBERS = {
    "processing-job": "ProcessingJob",
    "training-job": "TrainingJob",
    "transform-job": "TransformJob",
    "hyper-parameter-tuning-job": "TuningJob",
    "automl-job": "AutoMLJob",
    "model": "Model",
    "model-package": "RegisterModel",
    "endpoint-config": "EndpointConfig",
    "endpoint": "Endpoint",
}
_STEP_TYPES = {
    "ProcessingJob": "Processing",
    "TrainingJob": "Training",
    "TransformJob": "Transform",
    "TuningJob": "Tuning",
    "AutoMLJob": "AutoML",
}


@dataclass(frozen=True)
class Made:
    """Something a step made, by its ARN."""

    arn: str
    kind: Kind
    name: str

    def describe(self, clients: Clients) -> dict[str, Any]:
        """Its Describe response. Raises AWSError."""
        whole = self.kind.argument == "ModelPackageName"  # a version of a group has no name but its ARN
        with aws_errors(f"{self.arn} cannot be described"):
            operation = getattr(clients("sagemaker"), self.kind.operation)
            return plain(operation(**{self.kind.argument: self.arn if whole else self.name}))


def made_by(metadata: Mapping[str, Any]) -> Made | None:
    """What a step with this Metadata made, if it is of a kind that can be described."""
    for member in metadata.values():
        for arn in (member.get("Arn"), member.get("CheckJobArn")) if isinstance(member, Mapping) else ():
            resource = str(arn or "").split(":", 5)[-1]
            word, _, name = resource.partition("/")
            if ":sagemaker:" in str(arn) and word in DESCRIPTIONS:
                return Made(str(arn), DESCRIPTIONS[word], name)
    return None


def metadata_of(answer: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The Metadata of a step to which SageMaker gave this answer; empty if it names nothing that a step makes.

    >>> metadata_of({"ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/churn"})
    {'Model': {'Arn': 'arn:aws:sagemaker:us-east-1:123456789012:model/churn'}}
    """
    for name, value in answer.items():
        arn = str(value) if name.endswith("Arn") else ""
        word = arn.split(":", 5)[-1].partition("/")[0]
        if ":sagemaker:" in arn and word in _MEMBERS:
            return {_MEMBERS[word]: {"Arn": arn}}
    return {}


def step_type(metadata: Mapping[str, Any]) -> str:
    """The type of a step, as a definition writes it; empty as long as the service says nothing of it."""
    member = next(iter(metadata), "")
    return _STEP_TYPES.get(member, member)
