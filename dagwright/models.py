"""Models: created for inference here, or put into the registry with their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from dagwright.arguments import mapping, of_kind, optional_text, required_text, s3_address, text_list, texts
from dagwright.properties import Properties
from dagwright.refusals import Findings
from dagwright.retry import StepRetryPolicy
from dagwright.settings import JobSettings, unless_empty
from dagwright.shapes import RESPONSES
from dagwright.steps import JobStep, merged, present
from dagwright.variables import Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import JobOptions


METRICS: Mapping[str, str] = {
    "model_statistics": "ModelQuality.Statistics",
    "model_constraints": "ModelQuality.Constraints",
    "model_data_statistics": "ModelDataQuality.Statistics",
    "model_data_constraints": "ModelDataQuality.Constraints",
    "bias": "Bias.Report",
    "bias_pre_training": "Bias.PreTrainingReport",
    "bias_post_training": "Bias.PostTrainingReport",
    "explainability": "Explainability.Report",
}
BASELINES: Mapping[str, str] = {
    **{keyword: place for keyword, place in METRICS.items() if keyword.startswith("model_")},
    "bias_config_file": "Bias.ConfigFile",
    "bias_pre_training_constraints": "Bias.PreTrainingConstraints",
    "bias_post_training_constraints": "Bias.PostTrainingConstraints",
    "explainability_constraints": "Explainability.Constraints",
    "explainability_config_file": "Explainability.ConfigFile",
}
"""Where AWS's ModelMetrics and DriftCheckBaselines have what ours call by one name."""


@dataclass(frozen=True)
class MetricsSource:
    """A file of metrics, constraints or configuration in S3, as in `MetricsSource("application/json", uri)`."""

    content_type: Text
    s3_uri: Text
    content_digest: Text | None = None

    def __post_init__(self) -> None:
        found = Findings()
        required_text(self.content_type, "content_type", found)
        required_text(self.s3_uri, "s3_uri", found)
        s3_address(self.s3_uri, "S3Uri", found)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        """AWS's MetricsSource; FileSource is spelled alike."""
        return present({"ContentType": self.content_type, "ContentDigest": self.content_digest, "S3Uri": self.s3_uri})


def _check_sources(metrics: ModelMetrics | DriftCheckBaselines) -> None:
    found = Findings()
    for one in fields(metrics):
        of_kind(getattr(metrics, one.name), MetricsSource | None, "a MetricsSource", one.name, found)
    found.raise_any()


def _grouped(metrics: ModelMetrics | DriftCheckBaselines, places: Mapping[str, str]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for keyword, place in places.items():
        group, _, name = place.partition(".")
        source = getattr(metrics, keyword)
        if source is not None:
            groups.setdefault(group, {})[name] = source
    return groups


@dataclass(frozen=True)
class ModelMetrics:
    """How good a model is, as files in S3; shown with it in the registry."""

    model_statistics: MetricsSource | None = None
    model_constraints: MetricsSource | None = None
    model_data_statistics: MetricsSource | None = None
    model_data_constraints: MetricsSource | None = None
    bias: MetricsSource | None = None
    bias_pre_training: MetricsSource | None = None
    bias_post_training: MetricsSource | None = None
    explainability: MetricsSource | None = None

    def __post_init__(self) -> None:
        _check_sources(self)

    def expression(self) -> dict[str, Any]:
        """AWS's ModelMetrics."""
        return _grouped(self, METRICS)


@dataclass(frozen=True)
class DriftCheckBaselines:
    """What later monitoring compares a model with, as files in S3."""

    model_statistics: MetricsSource | None = None
    model_constraints: MetricsSource | None = None
    model_data_statistics: MetricsSource | None = None
    model_data_constraints: MetricsSource | None = None
    bias_config_file: MetricsSource | None = None
    bias_pre_training_constraints: MetricsSource | None = None
    bias_post_training_constraints: MetricsSource | None = None
    explainability_constraints: MetricsSource | None = None
    explainability_config_file: MetricsSource | None = None

    def __post_init__(self) -> None:
        _check_sources(self)

    def expression(self) -> dict[str, Any]:
        """AWS's DriftCheckBaselines."""
        return _grouped(self, BASELINES)


class ModelStep(JobStep):
    """Create a model that a TransformStep or an endpoint can use: an image, its artifact, its environment.

    It only creates; RegisterModelStep is what puts a model into the registry.
    """

    type = "Model"
    kind = "inference"
    takes = frozenset({"role", "subnets", "security_group_ids", "enable_network_isolation", "tags"})
    needs = ("role",)
    cacheable = False
    retries = (StepRetryPolicy,)

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        model_data: Text | None = None,
        environment: Mapping[str, object] | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        required_text(image, "image", self.found)
        s3_address(model_data, "PrimaryContainer.ModelDataUrl", self.found)
        environment_texts = texts(environment, "PrimaryContainer.Environment", self.found)
        self.container = present({"Image": image, "ModelDataUrl": model_data, "Environment": environment_texts})

    @property
    def properties(self) -> Properties:
        """DescribeModel's response."""
        return Properties(self, "", RESPONSES[self.type])

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        return present(
            {
                "PrimaryContainer": self.container,
                "ExecutionRoleArn": settings.role,
                "Tags": settings.tag_list,
                "VpcConfig": settings.vpc_config,
                "EnableNetworkIsolation": unless_empty(settings.enable_network_isolation),
            }
        )


class RegisterModelStep(JobStep):
    """Put a model into the registry, as a new version of `model_package_group_name` (default: the project's group).

    A version in a group has the group's tags and cannot have its own (botocore, CreateModelPackage), so it takes none.
    `container_overrides` are laid over its one container as `overrides` are over the request, where lists are replaced.
    """

    type = "RegisterModel"
    kind = "inference"
    takes = frozenset()
    needs = ()
    cacheable = False
    retries = (StepRetryPolicy,)

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        model_data: Text,
        content_types: Sequence[Text] | None = None,
        response_types: Sequence[Text] | None = None,
        inference_instances: Sequence[Text] | None = None,
        transform_instances: Sequence[Text] | None = None,
        model_package_group_name: Text | None = None,
        approval_status: Text = "PendingManualApproval",
        model_metrics: ModelMetrics | None = None,
        drift_check_baselines: DriftCheckBaselines | None = None,
        customer_metadata_properties: Mapping[str, object] | None = None,
        environment: Mapping[str, object] | None = None,
        framework: str | None = None,
        framework_version: str | None = None,
        domain: str | None = None,
        task: str | None = None,
        sample_payload_url: Text | None = None,
        source_uri: Text | None = None,
        skip_model_validation: Text = "None",
        container_overrides: Mapping[str, Any] | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        required_text(image, "image", self.found)
        required_text(model_data, "model_data", self.found)
        s3_address(model_data, "InferenceSpecification.Containers[0].ModelDataUrl", self.found)
        self.model_package_group_name = optional_text(model_package_group_name, "model_package_group_name", self.found)
        container = {
            "Image": image,
            "ModelDataUrl": model_data,
            "Environment": texts(environment, "InferenceSpecification.Containers[0].Environment", self.found),
            "Framework": framework,
            "FrameworkVersion": framework_version,
        }
        inference = {
            "Containers": [merged(present(container), mapping(container_overrides, "container_overrides", self.found))],
            "SupportedTransformInstanceTypes": text_list(transform_instances, "transform_instances", self.found),
            "SupportedRealtimeInferenceInstanceTypes": text_list(
                inference_instances, "inference_instances", self.found
            ),
            "SupportedContentTypes": text_list(content_types, "content_types", self.found),
            "SupportedResponseMIMETypes": text_list(response_types, "response_types", self.found),
        }
        of_kind(model_metrics, ModelMetrics | None, "a ModelMetrics", "model_metrics", self.found)
        kind, field = DriftCheckBaselines | None, "drift_check_baselines"
        of_kind(drift_check_baselines, kind, "a DriftCheckBaselines", field, self.found)
        self.package = {
            "InferenceSpecification": present(inference),
            "ModelApprovalStatus": approval_status,
            "ModelMetrics": model_metrics,
            "DriftCheckBaselines": drift_check_baselines,
            "CustomerMetadataProperties": texts(customer_metadata_properties, "CustomerMetadataProperties", self.found),
            "Domain": domain,
            "Task": task,
            "SamplePayloadUrl": sample_payload_url,
            "SourceUri": source_uri,
            "SkipModelValidation": skip_model_validation,
        }

    @property
    def properties(self) -> Properties:
        """DescribeModelPackage's response."""
        return Properties(self, "", RESPONSES[self.type])

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        group = self.model_package_group_name
        if group is None:
            group = emission.model_package_group(self)
        return present({"ModelPackageGroupName": group, **self.package})
