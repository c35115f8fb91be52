"""Processing steps: a program over data in S3, with named inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.errors import did_you_mean
from dagwright.functions import Join
from dagwright.properties import Properties
from dagwright.refusals import refuse
from dagwright.settings import JobSettings
from dagwright.shapes import Shape
from dagwright.steps import JobStep, present, text_list, texts
from dagwright.variables import PipelineVariable, Text, check_s3_address

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import JobOptions

_BASE = "/opt/ml/processing/"
_CODE = f"{_BASE}input/code"
_ENTRYPOINT = f"{_BASE}input/entrypoint"
_TAKES = frozenset(JobSettings.__dataclass_fields__)


def _check_local_path(path: str | None, field: str) -> None:
    if isinstance(path, str) and not path.startswith(_BASE):
        refuse("bad-local-path", f"'{path}' is outside {_BASE}", f"such as {_BASE}input/raw", field=field)


@dataclass(frozen=True)
class ProcessingInput:
    """Data that is in the container at `destination` when the program starts.

    `source` is an S3 address or a variable. Without `input_name` the input is called after its position: `input-1`.
    `dataset_definition` (Athena, Redshift) is AWS's DatasetDefinition as it stands and takes the place of `source`.
    """

    source: Text | None = None
    destination: str | None = None
    input_name: str | None = None
    s3_data_type: str = "S3Prefix"
    s3_input_mode: str = "File"
    s3_data_distribution_type: str = "FullyReplicated"
    s3_compression_type: str = "None"
    dataset_definition: Mapping[str, Any] | None = None
    app_managed: bool | None = None

    def __post_init__(self) -> None:
        check_s3_address(self.source, "ProcessingInputs.S3Input.S3Uri")
        _check_local_path(self.destination, "ProcessingInputs.S3Input.LocalPath")
        if (self.source is None) == (self.dataset_definition is None):
            refuse(
                "bad-input",
                "an input has a source or a dataset_definition",
                "give one of them",
                field="ProcessingInputs",
            )

    def request(self, name: str) -> dict[str, Any]:
        """AWS's ProcessingInput under this name."""
        s3_input = {
            "S3Uri": self.source,
            "LocalPath": self.destination,
            "S3DataType": self.s3_data_type,
            "S3InputMode": self.s3_input_mode,
            "S3DataDistributionType": self.s3_data_distribution_type,
            "S3CompressionType": self.s3_compression_type,
        }
        return present(
            {
                "InputName": name,
                "AppManaged": self.app_managed,
                "S3Input": present(s3_input) if self.source is not None else None,
                "DatasetDefinition": self.dataset_definition,
            }
        )


@dataclass(frozen=True)
class ProcessingOutput:
    """What the program leaves at `source` and the job takes to `destination`.

    Without `destination` each step gets its own address below the project's processed data, one per execution. Without
    `output_name` the output is called after its position: `output-1`. `feature_store_output` is AWS's own member.
    """

    source: str | None = None
    destination: Text | None = None
    output_name: str | None = None
    s3_upload_mode: str = "EndOfJob"
    app_managed: bool | None = None
    feature_store_output: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_s3_address(self.destination, "ProcessingOutputConfig.Outputs.S3Output.S3Uri")
        _check_local_path(self.source, "ProcessingOutputConfig.Outputs.S3Output.LocalPath")
        if self.source is None and self.feature_store_output is None:
            refuse(
                "bad-output", "an output has no source", f"such as {_BASE}output/train", field="ProcessingOutputConfig"
            )

    def request(self, name: str, destination: Text | None) -> dict[str, Any]:
        """AWS's ProcessingOutput under this name, going to this address."""
        s3_output = {"S3Uri": destination, "LocalPath": self.source, "S3UploadMode": self.s3_upload_mode}
        return present(
            {
                "OutputName": name,
                "AppManaged": self.app_managed,
                "S3Output": s3_output if self.source is not None else None,
                "FeatureStoreOutput": self.feature_store_output,
            }
        )


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file at `path` below the output `output_name`, whose values JsonGet reads."""

    name: str
    output_name: str
    path: str

    def expression(self) -> dict[str, Any]:
        """The JSON of the declaration."""
        return {"PropertyFileName": self.name, "OutputName": self.output_name, "FilePath": self.path}


class ProcessingStep(JobStep):
    """Run a program in a container.

    With `code` (a script, or an S3 address) the job runs `command` and the script, which lies at
    /opt/ml/processing/input/code. With `source_dir` as well, `code` is a file of that folder: the folder is packed,
    its requirements.txt is installed, and `command` starts the file. Without `code` the image's own program runs, or
    `entrypoint`.
    """

    type = "Processing"
    kind = "processing"
    takes = _TAKES
    needs = ("role", "instance_type", "instance_count", "volume_size_in_gb")

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        code: Text | None = None,
        source_dir: str | None = None,
        command: Sequence[str] = ("python3",),
        entrypoint: Sequence[Text] | None = None,
        arguments: Sequence[object] = (),
        environment: Mapping[str, object] | None = None,
        inputs: Sequence[ProcessingInput] = (),
        outputs: Sequence[ProcessingOutput] = (),
        property_files: Sequence[PropertyFile] = (),
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        self.image = image
        self.code = code if isinstance(code, str) else None
        self.source_dir = source_dir
        self.command = list(command)
        self.entrypoint = text_list(entrypoint, "AppSpecification.ContainerEntrypoint", name)
        self.container_arguments = text_list(arguments, "AppSpecification.ContainerArguments", name)
        self.environment = texts(environment, "Environment", name)
        self.inputs = {one.input_name or f"input-{at}": one for at, one in enumerate(inputs, 1)}
        self.outputs = {one.output_name or f"output-{at}": one for at, one in enumerate(outputs, 1)}
        self.property_files = {one.name: one for one in property_files}
        self._check(code, inputs, outputs, property_files)

    def _check(
        self,
        code: Text | None,
        inputs: Sequence[object],
        outputs: Sequence[object],
        property_files: Sequence[PropertyFile],
    ) -> None:
        found = []
        added = set(self._code_inputs) & set(self.inputs)
        if len(self.inputs) < len(inputs) or added:
            what = f"the name {sorted(added)} is taken by the code" if added else "two inputs have one name"
            found.append(("duplicate-input", what, "give each its own input_name", "ProcessingInputs"))
        if len(self.outputs) < len(outputs):
            hint = "give each its own output_name"
            found.append(("duplicate-output", "two outputs have one name", hint, "ProcessingOutputConfig.Outputs"))
        if len(self.property_files) < len(property_files):
            found.append(("duplicate-property-file", "two property files have one name", "", "PropertyFiles"))
        if code is not None and self.entrypoint is not None:
            found.append(("bad-code", "the job starts code or an entrypoint", "give one of them", "code"))
        if isinstance(code, PipelineVariable):
            hint = "give it as an input, and its path in the container as entrypoint"
            found.append(("bad-code", "code is a variable: the name of its file is not known", hint, "code"))
        if self.source_dir is not None and code is None:
            found.append(("bad-code", "source_dir needs code", "name the file of the folder to start", "code"))
        self.refuse_all(found)
        for one in property_files:
            self._check_output(one.output_name, f"PropertyFiles.{one.name}.OutputName")

    def _check_output(self, output_name: str, field: str) -> None:
        if output_name not in self.outputs:
            hint = did_you_mean(output_name, self.outputs) or "the step has no outputs"
            self.refuse("unknown-output", f"'{output_name}' is not an output of the step", hint, field)

    @property
    def _code_inputs(self) -> tuple[str, ...]:
        if self.code is None:
            return ()
        return ("code", "entrypoint") if self.source_dir is not None else ("code",)

    @property
    def properties(self) -> Properties:
        """DescribeProcessingJob's response; inputs and outputs go by their names."""
        names = {"ProcessingInputs": (*self.inputs, *self._code_inputs), "ProcessingOutputConfig.Outputs": self.outputs}
        return Properties(self, "", Shape("sagemaker", "DescribeProcessingJobResponse"), names)

    def output_uri(self, output_name: str, *path: Text) -> PipelineVariable:
        """Where an output is, or a file below it: `step.output_uri("evaluation", "evaluation.json")`."""
        self._check_output(output_name, "ProcessingOutputConfig.Outputs")
        uri = self.properties.ProcessingOutputConfig.Outputs[output_name].S3Output.S3Uri
        return Join("/", [uri, *path]) if path else uri

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        cluster = {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            "VolumeSizeInGB": settings.volume_size_in_gb,
            "VolumeKmsKeyId": settings.volume_kms_key or None,
        }
        runtime = settings.max_runtime_in_seconds
        entrypoint, code_inputs = self._start(settings, emission)
        application = {
            "ImageUri": self.image,
            "ContainerEntrypoint": entrypoint,
            "ContainerArguments": self.container_arguments,
        }
        inputs = [one.request(name) for name, one in self.inputs.items()]
        inputs += [one.request(str(one.input_name)) for one in code_inputs]
        return present(
            {
                "ProcessingResources": {"ClusterConfig": present(cluster)},
                "AppSpecification": present(application),
                "RoleArn": settings.role,
                "Environment": self.environment,
                "ProcessingInputs": inputs or None,
                "ProcessingOutputConfig": self._output_config(settings, emission),
                "StoppingCondition": {"MaxRuntimeInSeconds": runtime} if runtime is not None else None,
                "NetworkConfig": self._network_config(settings),
                "Tags": settings.tag_list,
            }
        )

    def siblings(self) -> dict[str, Any]:
        return {**super().siblings(), **present({"PropertyFiles": list(self.property_files.values()) or None})}

    def _start(self, settings: JobSettings, emission: Emission) -> tuple[list[Any] | None, list[ProcessingInput]]:
        """What the container starts, and the inputs that bring it there."""
        if self.code is None:
            return self.entrypoint, []
        if self.source_dir is None:
            uri, program = emission.script(self, self.code)
            return [*self.command, f"{_CODE}/{program}"], [ProcessingInput(uri, _CODE, "code")]
        source = emission.source(self, self.source_dir, self.code, bool(settings.enable_network_isolation))
        launcher = emission.launcher(self, self.command, self.code)
        started = ["/bin/bash", f"{_ENTRYPOINT}/runproc.sh"]
        return started, [ProcessingInput(source, _CODE, "code"), ProcessingInput(launcher, _ENTRYPOINT, "entrypoint")]

    def _output_config(self, settings: JobSettings, emission: Emission) -> dict[str, Any] | None:
        if not self.outputs:
            return None
        outputs = []
        for name, one in self.outputs.items():
            place = one.destination
            if place is None and one.source is not None:
                place = emission.processed(self, name)
            outputs.append(one.request(name, place))
        return present({"Outputs": outputs, "KmsKeyId": settings.output_kms_key or None})

    @staticmethod
    def _network_config(settings: JobSettings) -> dict[str, Any] | None:
        config = {
            "EnableInterContainerTrafficEncryption": settings.encrypt_inter_container_traffic or None,
            "EnableNetworkIsolation": settings.enable_network_isolation or None,
            "VpcConfig": settings.vpc_config,
        }
        return present(config) or None
