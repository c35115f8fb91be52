"""Processing steps: a program over data in S3, with named inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dagwright.arguments import literal, required_literal, required_text, s3_address, sequence, text_list, texts
from dagwright.errors import did_you_mean
from dagwright.functions import Join
from dagwright.job_facts import (
    FAST_FILE_HINT,
    GZIP_WITHOUT_PIPE,
    OUTSIDE,
    PROCESSING_FOLDER,
    SPOT_ON_PROCESSING,
    spot_members,
)
from dagwright.keywords import NO_SPOT
from dagwright.properties import Properties
from dagwright.refusals import Findings
from dagwright.settings import JobSettings, unless_empty
from dagwright.shapes import RESPONSES
from dagwright.steps import JobStep, present
from dagwright.variables import PipelineVariable, Text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import JobOptions

_CODE = f"{PROCESSING_FOLDER}input/code"
_ENTRYPOINT = f"{PROCESSING_FOLDER}input/entrypoint"
_TAKES = frozenset(JobSettings.__dataclass_fields__)


def _local_path(path: str | None, field: str, found: Findings) -> None:
    if isinstance(path, str) and not path.startswith(PROCESSING_FOLDER):
        found.add("bad-local-path", f"'{path}' {OUTSIDE}", f"such as {PROCESSING_FOLDER}input/raw", field)
    literal(path, field, found)


@dataclass(frozen=True)
class ProcessingInput:
    """Data that is in the container at `destination` when the program starts.

    `source` is an S3 address or a variable. Without `input_name` the input is called after its position: `input-1`.
    `dataset_definition` (Athena, Redshift) is AWS's DatasetDefinition as it stands, with its LocalPath; it takes the
    place of `source` and `destination`. What the program fetches itself (`app_managed`) needs no destination.
    """

    source: Text | None = None
    destination: str | None = None
    input_name: str | None = None
    s3_data_type: str | None = "S3Prefix"
    s3_input_mode: str | None = "File"
    s3_data_distribution_type: str | None = "FullyReplicated"
    s3_compression_type: str | None = "None"
    dataset_definition: Mapping[str, Any] | None = None
    app_managed: bool | None = None

    def __post_init__(self) -> None:
        found = Findings()
        s3_address(self.source, "ProcessingInputs.S3Input.S3Uri", found)
        _local_path(self.destination, "ProcessingInputs.S3Input.LocalPath", found)
        literal(self.input_name, "ProcessingInputs.InputName", found)
        self._check_mode(found)
        if (self.source is None) == (self.dataset_definition is None):
            what = "an input has a source or a dataset_definition"
            found.add("bad-input", what, "give one of them", "ProcessingInputs")
        elif self.dataset_definition is not None and self.destination is not None:
            hint = "say LocalPath in the dataset_definition"
            found.add("bad-input", "the destination goes with a source", hint, "ProcessingInputs.S3Input.LocalPath")
        elif self.source is not None and self.destination is None and self.app_managed is not True:
            what, hint = (
                "an input has no destination",
                f"where the program finds it, such as {PROCESSING_FOLDER}input/raw",
            )
            found.add("missing-value", what, hint, "ProcessingInputs.S3Input.LocalPath")
        found.raise_any()

    def _check_mode(self, found: Findings) -> None:
        """ProcessingS3Input in botocore's model: FastFile is a mode of training channels, Gzip one of Pipe mode."""
        mode = self.s3_input_mode if isinstance(self.s3_input_mode, str) else None
        if mode == "FastFile":
            what = "a processing job has no FastFile mode"
            found.add("not-in-enum", what, FAST_FILE_HINT, "ProcessingInputs.S3Input.S3InputMode")
        elif isinstance(self.s3_compression_type, str) and (self.s3_compression_type, mode) == ("Gzip", "File"):
            hint = "leave s3_compression_type out and unpack in the program, or set s3_input_mode to Pipe"
            found.add("gzip-without-pipe", GZIP_WITHOUT_PIPE, hint, "ProcessingInputs.S3Input.S3CompressionType")

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
    s3_upload_mode: str | None = "EndOfJob"
    app_managed: bool | None = None
    feature_store_output: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        found = Findings()
        s3_address(self.destination, "ProcessingOutputConfig.Outputs.S3Output.S3Uri", found)
        _local_path(self.source, "ProcessingOutputConfig.Outputs.S3Output.LocalPath", found)
        literal(self.output_name, "ProcessingOutputConfig.Outputs.OutputName", found)
        if self.source is None and self.feature_store_output is None:
            hint = f"such as {PROCESSING_FOLDER}output/train"
            found.add("bad-output", "an output has no source", hint, "ProcessingOutputConfig")
        found.raise_any()

    def request(self, name: str, destination: Text | None) -> dict[str, Any]:
        """AWS's ProcessingOutput under this name, going to this address."""
        s3_output = {"S3Uri": destination, "LocalPath": self.source, "S3UploadMode": self.s3_upload_mode}
        return present(
            {
                "OutputName": name,
                "AppManaged": self.app_managed,
                "S3Output": present(s3_output) if self.source is not None else None,
                "FeatureStoreOutput": self.feature_store_output,
            }
        )


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file at `path` below the output `output_name`, whose values JsonGet reads."""

    name: str
    output_name: str
    path: str

    def __post_init__(self) -> None:
        found = Findings()
        for field in ("name", "output_name", "path"):
            required_literal(getattr(self, field), field, found)
        found.raise_any()

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
    not_taken: ClassVar[Mapping[str, str]] = NO_SPOT

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        code: Text | None = None,
        source_dir: str | None = None,
        command: Sequence[str] = ("python3",),
        entrypoint: Sequence[Text] | None = None,
        arguments: Sequence[object] | None = (),
        environment: Mapping[str, object] | None = None,
        inputs: Sequence[ProcessingInput] | None = (),
        outputs: Sequence[ProcessingOutput] | None = (),
        property_files: Sequence[PropertyFile] | None = (),
        **options: Unpack[JobOptions],
    ) -> None:
        super().__init__(name, **options)
        self.image = required_text(image, "image", self.found)
        self.source_dir = literal(source_dir, "source_dir", self.found)
        self.code = self._checked_code(code, entrypoint)
        self.command = [*sequence(command, str, "a literal text", "command", self.found)]
        self.entrypoint = text_list(entrypoint, "AppSpecification.ContainerEntrypoint", self.found)
        self.container_arguments = text_list(arguments, "AppSpecification.ContainerArguments", self.found)
        self.environment = texts(environment, "Environment", self.found)
        self.inputs = self._named_inputs(inputs)
        self.outputs = self._named_outputs(outputs)
        self.property_files = self._named_property_files(property_files)
        self._refuse_spot()

    def _refuse_spot(self) -> None:
        """Whoever asks for Spot, asks for it in `overrides`: nothing else has a place for it."""
        for member in spot_members(self.overrides):
            hint = "remove it; a TrainingStep takes use_spot_instances"
            self.found.add("spot-on-processing", SPOT_ON_PROCESSING, hint, f"overrides.{member}")

    def _checked_code(self, code: Text | None, entrypoint: Sequence[Text] | None) -> str | None:
        if isinstance(code, PipelineVariable):
            what = "code is a variable: the name of its file is not known"
            self.found.add("bad-code", what, "give it as an input, and its path in the container as entrypoint", "code")
            return None
        program = literal(code, "code", self.found)
        if program is not None and entrypoint is not None:
            self.found.add("bad-code", "the job starts code or an entrypoint", "give one of them", "code")
        if program is not None and program.endswith("/"):
            hint = "name the file to start; its folder is for source_dir"
            self.found.add("bad-code", f"'{program}' is a folder", hint, "code")
        self._check_source_dir(program)
        return program

    def _check_source_dir(self, program: str | None) -> None:
        folder = self.source_dir
        if folder is not None and program is None:
            self.found.add("bad-code", "source_dir needs code", "name the file of the folder to start", "code")
        if folder is not None and folder.startswith("s3://") and not folder.endswith("/sourcedir.tar.gz"):
            hint = "the job unpacks s3://…/sourcedir.tar.gz: the folder, packed under this name"
            self.found.add("bad-code", f"'{folder}' is not a packed folder", hint, "source_dir")

    def _named_inputs(self, inputs: Sequence[ProcessingInput] | None) -> dict[str, ProcessingInput]:
        given = sequence(inputs, ProcessingInput, "a ProcessingInput", "inputs", self.found)
        named = {one.input_name or f"input-{at}": one for at, one in enumerate(given, 1)}
        added = sorted(set(self._code_inputs) & set(named))
        if len(named) < len(given) or added:
            what = f"the name {added[0]!r} is taken by the code" if added else "two inputs have one name"
            self.found.add("duplicate-input", what, "give each its own input_name", "ProcessingInputs")
        return named

    def _named_outputs(self, outputs: Sequence[ProcessingOutput] | None) -> dict[str, ProcessingOutput]:
        given = sequence(outputs, ProcessingOutput, "a ProcessingOutput", "outputs", self.found)
        named = {one.output_name or f"output-{at}": one for at, one in enumerate(given, 1)}
        if len(named) < len(given):
            hint, field = "give each its own output_name", "ProcessingOutputConfig.Outputs"
            self.found.add("duplicate-output", "two outputs have one name", hint, field)
        return named

    def _named_property_files(self, property_files: Sequence[PropertyFile] | None) -> dict[str, PropertyFile]:
        given = sequence(property_files, PropertyFile, "a PropertyFile", "property_files", self.found)
        named = {one.name: one for one in given}
        if len(named) < len(given):
            self.found.add("duplicate-property-file", "two property files have one name", "", "PropertyFiles")
        for one in given:
            self._check_output(one.output_name, f"PropertyFiles.{one.name}.OutputName", self.found)
        return named

    def _check_output(self, output_name: str, field: str, found: Findings) -> None:
        if output_name not in self.outputs:
            hint = did_you_mean(str(output_name), self.outputs) or "the step has no outputs"
            found.add("unknown-output", f"{output_name!r} is not an output of the step", hint, field)

    @property
    def _code_inputs(self) -> tuple[str, ...]:
        if self.code is None:
            return ()
        return ("code", "entrypoint") if self.source_dir is not None else ("code",)

    @property
    def properties(self) -> Properties:
        """DescribeProcessingJob's response; inputs and outputs go by their names."""
        names = {"ProcessingInputs": (*self.inputs, *self._code_inputs), "ProcessingOutputConfig.Outputs": self.outputs}
        return Properties(self, "", RESPONSES[self.type], names)

    def output_uri(self, output_name: str, *path: Text) -> PipelineVariable:
        """Where an output is, or a file below it: `step.output_uri("evaluation", "evaluation.json")`."""
        found = Findings(self.name)
        self._check_output(output_name, "ProcessingOutputConfig.Outputs", found)
        found.raise_any()
        uri = self.properties.ProcessingOutputConfig.Outputs[output_name].S3Output.S3Uri
        return Join("/", [uri, *path]) if path else uri

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        cluster = {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
            "VolumeSizeInGB": settings.volume_size_in_gb,
            "VolumeKmsKeyId": unless_empty(settings.volume_kms_key),
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
        source = emission.source(self, self.source_dir, self.code, settings.isolated)
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
        return present({"Outputs": outputs, "KmsKeyId": unless_empty(settings.output_kms_key)})

    @staticmethod
    def _network_config(settings: JobSettings) -> dict[str, Any] | None:
        config = {
            "EnableInterContainerTrafficEncryption": unless_empty(settings.encrypt_inter_container_traffic),
            "EnableNetworkIsolation": unless_empty(settings.enable_network_isolation),
            "VpcConfig": settings.vpc_config,
        }
        return present(config) or None
