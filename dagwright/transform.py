"""Transform steps: a model over every record of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dagwright.arguments import count, required_text, s3_address, texts
from dagwright.keywords import NO_SPOT
from dagwright.properties import Properties
from dagwright.settings import JobSettings, unless_empty
from dagwright.shapes import RESPONSES
from dagwright.steps import JobStep, present
from dagwright.variables import Number, Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import JobOptions


class TransformStep(JobStep):
    """Run the model `model_name` over the data at the S3 address `data`.

    Without `output_path` the results go below the project's processed data, one address per execution. The job runs
    with the model's role and network, so it takes neither.
    """

    type = "Transform"
    kind = "transform"
    takes = frozenset({"instance_type", "instance_count", "volume_kms_key", "output_kms_key", "tags"})
    needs = ("instance_type", "instance_count")
    not_taken: ClassVar[Mapping[str, str]] = NO_SPOT

    def __init__(
        self,
        name: str,
        *,
        model_name: Text,
        data: Text,
        data_type: str = "S3Prefix",
        content_type: Text | None = None,
        compression_type: str | None = None,
        split_type: str | None = None,
        output_path: Text | None = None,
        accept: Text | None = None,
        assemble_with: str | None = None,
        input_filter: Text | None = None,
        output_filter: Text | None = None,
        join_source: str | None = None,
        strategy: str | None = None,
        max_concurrent_transforms: Number | None = None,
        max_payload_in_mb: Number | None = None,
        environment: Mapping[str, object] | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        required_text(data, "data", self.found)
        s3_address(data, "TransformInput.DataSource.S3DataSource.S3Uri", self.found)
        s3_address(output_path, "TransformOutput.S3OutputPath", self.found)
        count(max_concurrent_transforms, "max_concurrent_transforms", self.found, least=0)
        count(max_payload_in_mb, "max_payload_in_mb", self.found, least=0)
        self.model_name = required_text(model_name, "model_name", self.found)
        self.output_path = output_path
        source = {"S3DataSource": {"S3DataType": data_type, "S3Uri": data}}
        self.transform_input = present(
            {
                "DataSource": source,
                "ContentType": content_type,
                "CompressionType": compression_type,
                "SplitType": split_type,
            }
        )
        self.output_members = present({"Accept": accept, "AssembleWith": assemble_with})
        self.data_processing = present(
            {"InputFilter": input_filter, "OutputFilter": output_filter, "JoinSource": join_source}
        )
        self.limits = {
            "MaxConcurrentTransforms": max_concurrent_transforms,
            "MaxPayloadInMB": max_payload_in_mb,
            "BatchStrategy": strategy,
        }
        self.environment = texts(environment, "Environment", self.found)

    @property
    def properties(self) -> Properties:
        """DescribeTransformJob's response."""
        return Properties(self, "", RESPONSES[self.type])

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        output_path = self.output_path if self.output_path is not None else emission.processed(self)
        output = {"S3OutputPath": output_path, **self.output_members, "KmsKeyId": unless_empty(settings.output_kms_key)}
        resources = {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            "VolumeKmsKeyId": unless_empty(settings.volume_kms_key),
        }
        return present(
            {
                "ModelName": self.model_name,
                **self.limits,
                "Environment": self.environment,
                "TransformInput": self.transform_input,
                "TransformOutput": present(output),
                "TransformResources": present(resources),
                "DataProcessing": self.data_processing or None,
                "Tags": settings.tag_list,
            }
        )
