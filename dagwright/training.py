"""Training steps: a program that turns the data of its channels into a model artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.properties import Properties
from dagwright.settings import JobSettings
from dagwright.shapes import Shape
from dagwright.steps import JobOptions, JobStep, not_a_number, present, text_list, texts
from dagwright.variables import Number, PipelineVariable, Text, check_s3_address

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission

_CODE_CHANNEL = "code"


@dataclass(frozen=True)
class TrainingInput:
    """A channel of training data: what is at the S3 address `s3_data` lies at /opt/ml/input/data/<channel>."""

    s3_data: Text
    content_type: Text | None = None
    distribution: str = "FullyReplicated"
    s3_data_type: str = "S3Prefix"
    compression: str | None = None
    record_wrapping: str | None = None
    input_mode: str | None = None
    attribute_names: Sequence[str] | None = None
    shuffle_seed: int | None = None

    def __post_init__(self) -> None:
        check_s3_address(self.s3_data, "InputDataConfig.DataSource.S3DataSource.S3Uri")

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
    metric_definitions: Sequence[Mapping[str, str]]
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
    metric_definitions: Sequence[Mapping[str, str]]

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
        metric_definitions: Sequence[Mapping[str, str]] = (),
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
        self.image = image
        self.entry_point = entry_point
        self.source_dir = source_dir
        self.hyperparameters = dict(hyperparameters or {})
        self.inputs = {
            key: one if isinstance(one, TrainingInput) else TrainingInput(one) for key, one in (inputs or {}).items()
        }
        self.output_path = output_path
        self.metric_definitions = list(metric_definitions)
        self.environment = texts(environment, "Environment", name)
        self.input_mode = input_mode
        self.use_spot_instances = use_spot_instances
        self.max_wait_in_seconds = max_wait_in_seconds
        self.checkpoint_s3_uri = checkpoint_s3_uri
        self.checkpoint_local_path = checkpoint_local_path
        self.container_log_level = container_log_level
        check_s3_address(output_path, "OutputDataConfig.S3OutputPath")
        check_s3_address(checkpoint_s3_uri, "CheckpointConfig.S3Uri")
        self.refuse_all(self._training_problems())

    def _training_problems(self) -> list[tuple[str, str, str, str]]:
        found = []
        if self.source_dir is not None and self.entry_point is None:
            hint = "name the file of the folder to start"
            found.append(("bad-code", "source_dir needs an entry_point", hint, "entry_point"))
        wrong = not_a_number(self.max_wait_in_seconds)
        if wrong:
            found.append(("bad-number", wrong, "a whole number or a ParameterInteger", "max_wait_in_seconds"))
        if self.use_spot_instances and self.max_wait_in_seconds is None:
            hint = "at least max_runtime_in_seconds: it covers waiting and running"
            found.append(("bad-spot", "spot instances need max_wait_in_seconds", hint, "max_wait_in_seconds"))
        if not self.use_spot_instances and self.max_wait_in_seconds is not None:
            found.append(("bad-spot", "only spot instances wait", "set use_spot_instances", "max_wait_in_seconds"))
        if self.checkpoint_local_path is not None and self.checkpoint_s3_uri is None:
            hint = "say where checkpoints are kept"
            found.append(("bad-checkpoint", "checkpoint_local_path needs checkpoint_s3_uri", hint, "checkpoint_s3_uri"))
        return found

    def encoded_hyperparameters(self, submit: Text | None, emission: Emission) -> dict[str, Any] | None:
        """The hyperparameters as AWS takes them, all texts; with an entry point also what its toolkit reads.

        With an entry point a text is JSON-encoded, quotes and all, since the toolkit in the image decodes it; a
        variable goes in as its bare text, which the toolkit takes as it is. `submit` is where the toolkit finds
        the code.
        """
        quoted = self.entry_point is not None
        found = {name: self._encoded(name, value, quoted) for name, value in self.hyperparameters.items()}
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
        isolated = bool(settings.enable_network_isolation)
        uri = emission.source(self, self.source_dir, self.entry_point, isolated)
        if not isolated:
            return uri, channels
        if _CODE_CHANNEL in self.inputs:
            hint = "call the channel something else: without a network the code comes through it"
            emission.report("duplicate-input", "the channel 'code' is taken by the code", hint, self, "inputs")
        channels.append(TrainingInput(uri).request(_CODE_CHANNEL))
        return f"/opt/ml/input/data/{_CODE_CHANNEL}/sourcedir.tar.gz", channels

    def _encoded(self, name: str, value: Any, quoted: bool) -> Text:
        if isinstance(value, PipelineVariable):
            return value.to_string()
        if isinstance(value, str):
            return json.dumps(value) if quoted else value
        try:
            return json.dumps(value)
        except TypeError:
            hint = "texts, numbers, booleans, lists of them, and single variables"
            self.refuse(
                "bad-hyperparameter", f"{value!r} cannot be a hyperparameter", hint, f"HyperParameters['{name}']"
            )

    def _script_mode(self, entry_point: str, submit: Text | None, emission: Emission) -> dict[str, Any]:
        program = entry_point if self.source_dir is not None else entry_point.replace("\\", "/").rpartition("/")[2]
        region = emission.project.region if emission.project is not None else None
        encoded = {
            "sagemaker_program": json.dumps(program),
            "sagemaker_submit_directory": json.dumps(submit),
            "sagemaker_container_log_level": json.dumps(self.container_log_level),
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
        checkpoint = {"S3Uri": self.checkpoint_s3_uri, "LocalPath": self.checkpoint_local_path}
        stop = {
            "MaxRuntimeInSeconds": settings.max_runtime_in_seconds,
            "MaxWaitTimeInSeconds": self.max_wait_in_seconds,
        }
        return {
            "RoleArn": settings.role,
            "OutputDataConfig": present({"S3OutputPath": output_path, "KmsKeyId": settings.output_kms_key or None}),
            "StoppingCondition": present(stop) or None,
            "EnableManagedSpotTraining": self.use_spot_instances or None,
            "CheckpointConfig": present(checkpoint) if self.checkpoint_s3_uri is not None else None,
            "EnableNetworkIsolation": settings.enable_network_isolation or None,
            "EnableInterContainerTrafficEncryption": settings.encrypt_inter_container_traffic or None,
            "VpcConfig": settings.vpc_config,
            "Environment": self.environment,
        }

    @staticmethod
    def resources(settings: JobSettings) -> dict[str, Any]:
        """The machines: type, number, volume."""
        members = {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            "VolumeSizeInGB": settings.volume_size_in_gb,
            "VolumeKmsKeyId": settings.volume_kms_key or None,
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
        self.container_entry_point = text_list(container_entry_point, "ContainerEntrypoint", name)
        self.container_arguments = text_list(container_arguments, "ContainerArguments", name)
        self.keep_alive_period_in_seconds = keep_alive_period_in_seconds

    @property
    def properties(self) -> Properties:
        """DescribeTrainingJob's response; metrics go by their names."""
        metrics = [str(one.get("Name")) for one in self.metric_definitions]
        names = {"FinalMetricDataList": metrics} if metrics else {}
        return Properties(self, "", Shape("sagemaker", "DescribeTrainingJobResponse"), names)

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
