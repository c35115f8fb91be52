"""Training steps: a program that turns the data of its channels into a model artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagwright.arguments import (
    as_text,
    count,
    literal,
    mapping,
    of_kind,
    optional_text,
    required_text,
    s3_address,
    sequence,
    text_list,
    texts,
)
from dagwright.properties import Properties
from dagwright.refusals import Findings
from dagwright.settings import JobSettings, unless_empty
from dagwright.shapes import RESPONSES
from dagwright.steps import JobOptions, JobStep, present
from dagwright.variables import Number, PipelineVariable, Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission

_CODE_CHANNEL = "code"


@dataclass(frozen=True)
class TrainingInput:
    """A channel of training data: what is at the S3 address `s3_data` lies at /opt/ml/input/data/<channel>."""

    s3_data: Text
    _: KW_ONLY
    content_type: Text | None = None
    distribution: str | None = "FullyReplicated"
    s3_data_type: str | None = "S3Prefix"
    compression: str | None = None
    record_wrapping: str | None = None
    input_mode: str | None = None
    attribute_names: Sequence[str] | None = None
    shuffle_seed: int | None = None

    def __post_init__(self) -> None:
        found = Findings()
        required_text(self.s3_data, "s3_data", found)
        s3_address(self.s3_data, "InputDataConfig.DataSource.S3DataSource.S3Uri", found)
        optional_text(self.content_type, "InputDataConfig.ContentType", found)
        found.raise_any()

    def request(self, channel: str) -> dict[str, Any]:
        """AWS's Channel under this name."""
        source = {
            "S3DataType": self.s3_data_type,
            "S3Uri": self.s3_data,
            "S3DataDistributionType": self.distribution,
            "AttributeNames": self.attribute_names,
        }
        members = {
            "ChannelName": channel,
            "DataSource": {"S3DataSource": present(source)},
            "ContentType": self.content_type,
            "CompressionType": self.compression,
            "RecordWrapperType": self.record_wrapping,
            "InputMode": self.input_mode,
            "ShuffleConfig": {"Seed": self.shuffle_seed} if self.shuffle_seed is not None else None,
        }
        return present(members)


class TrainingOptions(JobOptions, total=False):
    """What training and tuning both take besides their image."""

    entry_point: str | None
    source_dir: str | None
    hyperparameters: Mapping[str, Any] | None
    inputs: Mapping[str, TrainingInput | Text] | None
    output_path: Text | None
    metric_definitions: Sequence[Mapping[str, str]] | None
    environment: Mapping[str, object] | None
    input_mode: str
    use_spot_instances: bool
    max_wait_in_seconds: Number | None
    checkpoint_s3_uri: Text | None
    checkpoint_local_path: str | None
    container_log_level: int


class TrainingJobStep(JobStep):
    """What training and tuning have in common: program, hyperparameters, channels, output, spot, checkpoints."""

    kind = "training"
    takes = frozenset(JobSettings.__dataclass_fields__)

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        entry_point: str | None = None,
        source_dir: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, TrainingInput | Text] | None = None,
        output_path: Text | None = None,
        metric_definitions: Sequence[Mapping[str, str]] | None = (),
        environment: Mapping[str, object] | None = None,
        input_mode: str = "File",
        use_spot_instances: bool = False,
        max_wait_in_seconds: Number | None = None,
        checkpoint_s3_uri: Text | None = None,
        checkpoint_local_path: str | None = None,
        container_log_level: int = 20,
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        self.image = required_text(image, "image", self.found)
        self.entry_point = literal(entry_point, "entry_point", self.found)
        self.source_dir = literal(source_dir, "source_dir", self.found)
        self.hyperparameters = MappingProxyType(mapping(hyperparameters, "hyperparameters", self.found))
        self._encoded = {name: self._encode(name, value) for name, value in self.hyperparameters.items()}
        self.inputs = self._channels(inputs)
        self.output_path = output_path
        self.metric_definitions = sequence(metric_definitions, Mapping, "a map", "metric_definitions", self.found)
        self.environment = texts(environment, "Environment", self.found)
        self.input_mode = input_mode
        self.use_spot_instances = use_spot_instances
        self.max_wait_in_seconds = max_wait_in_seconds
        self.checkpoint_s3_uri = checkpoint_s3_uri
        self.checkpoint_local_path = checkpoint_local_path
        count(container_log_level, "container_log_level", self.found, least=0)
        self.container_log_level = container_log_level
        s3_address(output_path, "OutputDataConfig.S3OutputPath", self.found)
        s3_address(checkpoint_s3_uri, "CheckpointConfig.S3Uri", self.found)
        if self.source_dir is not None and self.entry_point is None:
            hint = "name the file of the folder to start"
            self.found.add("bad-code", "source_dir needs an entry_point", hint, "entry_point")
        self._check_waiting()
        self._check_storage()

    def _check_waiting(self) -> None:
        field = "max_wait_in_seconds"
        count(self.max_wait_in_seconds, field, self.found)
        of_kind(self.use_spot_instances, bool, "True or False", "use_spot_instances", self.found)
        if self.use_spot_instances is True and self.max_wait_in_seconds is None:
            hint = "at least max_runtime_in_seconds: it covers waiting and running"
            self.found.add("bad-spot", "spot instances need max_wait_in_seconds", hint, field)
        if self.use_spot_instances is False and self.max_wait_in_seconds is not None:
            self.found.add("bad-spot", "only spot instances wait", "set use_spot_instances", field)

    def _check_storage(self) -> None:
        if self.checkpoint_local_path is not None and self.checkpoint_s3_uri is None:
            what, hint = "checkpoint_local_path needs checkpoint_s3_uri", "say where checkpoints are kept"
            self.found.add("bad-checkpoint", what, hint, "checkpoint_s3_uri")
        key = self.settings.volume_kms_key
        if isinstance(key, str) and key.rpartition(":")[2].startswith("alias/"):
            hint = "give the key's id or its ARN (botocore, ResourceConfig.VolumeKmsKeyId)"
            what = f"'{key}' is an alias, and the volumes of a {self.type} step take none"
            self.found.add("bad-kms-key", what, hint, "volume_kms_key")

    def _channels(self, inputs: Mapping[str, TrainingInput | Text] | None) -> dict[str, TrainingInput]:
        channels = {}
        for name, one in mapping(inputs, "inputs", self.found).items():
            if isinstance(one, TrainingInput):
                channels[name] = one
            elif isinstance(one, PipelineVariable) or str(one).startswith("s3://"):
                channels[name] = TrainingInput(one)
            else:
                hint = "a TrainingInput, an S3 address or a variable"
                self.found.add("bad-s3-uri", f"{one!r} is not an S3 address", hint, f"inputs['{name}']")
        return channels

    def encoded_hyperparameters(self, submit: Text | None, emission: Emission) -> dict[str, Any] | None:
        """The hyperparameters as AWS takes them, all texts; with an entry point also what its toolkit reads.

        With an entry point a text is JSON-encoded, quotes and all, since the toolkit in the image decodes it; a
        variable goes in as its bare text, which the toolkit takes as it is. `submit` is where the toolkit finds
        the code.
        """
        found: dict[str, Any] = dict(self._encoded)
        if self.entry_point is not None:
            found.update(self._script_mode(self.entry_point, submit, emission))
        return found or None

    def code_and_channels(self, settings: JobSettings, emission: Emission) -> tuple[str | None, list[dict[str, Any]]]:
        """Where the toolkit finds the code, and the channels.

        A container without a network cannot fetch its code from S3, so there the code comes as a channel of its own.
        """
        channels = [one.request(channel) for channel, one in self.inputs.items()]
        if self.entry_point is None:
            return None, channels
        uri = emission.source(self, self.source_dir, self.entry_point, settings.isolated)
        if not settings.isolated:
            return uri, channels
        if _CODE_CHANNEL in self.inputs:
            hint = "call the channel something else: without a network the code comes through it"
            emission.report("duplicate-input", "the channel 'code' is taken by the code", hint, self, "inputs")
        channels.append(TrainingInput(uri).request(_CODE_CHANNEL))
        return f"/opt/ml/input/data/{_CODE_CHANNEL}/sourcedir.tar.gz", channels

    def _encode(self, name: str, value: Any) -> Text:
        if isinstance(value, PipelineVariable):
            return value.to_string()
        if isinstance(value, str):
            return json.dumps(value) if self.entry_point is not None else value
        try:
            if value is not None:
                return json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            pass
        what, hint = (
            f"{value!r} cannot be a hyperparameter",
            "texts, numbers, booleans, lists of them, and single variables",
        )
        self.found.add("bad-hyperparameter", what, hint, f"HyperParameters['{name}']")
        return ""

    def _script_mode(self, entry_point: str, submit: Text | None, emission: Emission) -> dict[str, Any]:
        program = entry_point if self.source_dir is not None else entry_point.replace("\\", "/").rpartition("/")[2]
        region = emission.project.region if emission.project is not None else None
        encoded = {
            "sagemaker_program": json.dumps(program),
            "sagemaker_submit_directory": json.dumps(submit),
            "sagemaker_container_log_level": as_text(self.container_log_level),
            "sagemaker_region": json.dumps(region) if region else None,
        }
        return present(encoded)

    def algorithm(self) -> dict[str, Any]:
        """AWS's AlgorithmSpecification."""
        members = {
            "TrainingImage": self.image,
            "TrainingInputMode": self.input_mode,
            "MetricDefinitions": self.metric_definitions or None,
        }
        return present(members)

    def job_members(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        """The members that CreateTrainingJob and a tuning job's training definition spell alike."""
        output_path = self.output_path if self.output_path is not None else emission.models(self)
        self._check_spot(settings, emission)
        checkpoint = {"S3Uri": self.checkpoint_s3_uri, "LocalPath": self.checkpoint_local_path}
        stop = {
            "MaxRuntimeInSeconds": settings.max_runtime_in_seconds,
            "MaxWaitTimeInSeconds": self.max_wait_in_seconds,
        }
        return {
            "RoleArn": settings.role,
            "OutputDataConfig": present(
                {"S3OutputPath": output_path, "KmsKeyId": unless_empty(settings.output_kms_key)}
            ),
            "StoppingCondition": present(stop) or None,
            "EnableManagedSpotTraining": self.use_spot_instances or None,
            "CheckpointConfig": present(checkpoint) if self.checkpoint_s3_uri is not None else None,
            "EnableNetworkIsolation": unless_empty(settings.enable_network_isolation),
            "EnableInterContainerTrafficEncryption": unless_empty(settings.encrypt_inter_container_traffic),
            "VpcConfig": settings.vpc_config,
            "Environment": self.environment,
        }

    def _check_spot(self, settings: JobSettings, emission: Emission) -> None:
        wait, run = self.max_wait_in_seconds, settings.max_runtime_in_seconds
        if isinstance(wait, int) and isinstance(run, int) and wait < run:
            what = f"max_wait_in_seconds is {wait}, less than max_runtime_in_seconds, which is {run}"
            emission.report("bad-spot", what, "it covers waiting and running", self, "max_wait_in_seconds")

    @staticmethod
    def resources(settings: JobSettings) -> dict[str, Any]:
        """The machines: type, number, volume."""
        members = {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            "VolumeSizeInGB": settings.volume_size_in_gb,
            "VolumeKmsKeyId": unless_empty(settings.volume_kms_key),
        }
        return present(members)


class TrainingStep(TrainingJobStep):
    """Train a model.

    With `entry_point` (script mode) the script, or the `source_dir` that holds it, is packed and the image's toolkit
    runs it; hyperparameters reach it as arguments. Without, the image's own program trains, or what
    `container_entry_point` and `container_arguments` say.

    No debugger or profiler is configured; `overrides` can do it.
    """

    type = "Training"
    needs = ("role", "instance_type", "instance_count", "volume_size_in_gb")

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        container_entry_point: Sequence[Text] | None = None,
        container_arguments: Sequence[object] | None = None,
        keep_alive_period_in_seconds: Number | None = None,
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(name, image=image, **options)
        self.container_entry_point = text_list(container_entry_point, "ContainerEntrypoint", self.found)
        self.container_arguments = text_list(container_arguments, "ContainerArguments", self.found)
        count(keep_alive_period_in_seconds, "keep_alive_period_in_seconds", self.found, least=0)
        self.keep_alive_period_in_seconds = keep_alive_period_in_seconds

    @property
    def properties(self) -> Properties:
        """DescribeTrainingJob's response; metrics go by their names."""
        metrics = [str(one.get("Name")) for one in self.metric_definitions]
        names = {"FinalMetricDataList": metrics} if metrics else {}
        return Properties(self, "", RESPONSES[self.type], names)

    def algorithm(self) -> dict[str, Any]:
        container = {
            "ContainerEntrypoint": self.container_entry_point,
            "ContainerArguments": self.container_arguments,
        }
        return {**super().algorithm(), **present(container)}

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        resources = {**self.resources(settings), "KeepAlivePeriodInSeconds": self.keep_alive_period_in_seconds}
        submit, channels = self.code_and_channels(settings, emission)
        members = {
            "AlgorithmSpecification": self.algorithm(),
            "HyperParameters": self.encoded_hyperparameters(submit, emission),
            "InputDataConfig": channels or None,
            **self.job_members(settings, emission),
            "ResourceConfig": present(resources),
            "Tags": settings.tag_list,
        }
        return present(members)
