"""A CreateTrainingJob request as a `Job`, and its ending as the Describe response.

The contract is the developer guide's pages on training algorithms: `/opt/ml/input`, `/opt/ml/model`, `/opt/ml/output`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.job import (
    AUGMENTED,
    LOOPBACK,
    MANIFEST,
    ML,
    PREFIX,
    Host,
    Input,
    Job,
    JobEnding,
    Output,
    Pipe,
)
from dagwright.engines.local.model_repack import NAMES as REPACK
from dagwright.engines.local.model_repack import packed_programs
from dagwright.engines.local.phases import Phases
from dagwright.engines.local.publishing import key_below, read_start, walk
from dagwright.engines.local.request import (
    choice,
    host_names,
    member,
    needed,
    objects,
    seconds,
    text_map,
    texts,
    unpacked_as_streamed,
)
from dagwright.engines.local.script_mode import CODE, DATA, INPUT, MODEL, OUTPUT_DATA, script_mode
from dagwright.engines.local.start_scripts import start_files
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from dagwright.engines.local.publication import Publication

FAILURE = f"{ML}/output/failure"
_FAILURE_BYTES = 1024
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9.\-_]*[A-Za-z0-9\-_][A-Za-z0-9.\-_]*")  # the API's, without `.` and `..`


def training_job(name: str, arn: str, request: Mapping[str, Any], interface: str = LOOPBACK) -> Job:
    """The job of a request, whose hosts meet at the network `interface`.

    Raises ExecutionError for what a local run cannot do, in a sentence.
    """
    _refuse_what_is_missing(request)
    mode = member(request, "AlgorithmSpecification.TrainingInputMode", str, "File")
    channels = [_channel(item, mode) for item in objects(request, "InputDataConfig")]
    hyperparameters = text_map(request, "HyperParameters")
    hosts = host_names(member(request, "ResourceConfig.InstanceCount", int, 1))
    instance_type = member(request, "ResourceConfig.InstanceType", str, "local")
    checkpoints = _checkpoints(request)
    own = {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": arn} | text_map(request, "Environment")
    inputs = _input_config(request)
    config = {"hyperparameters": hyperparameters, "inputdataconfig": inputs}
    job = Job(
        name=name,
        image=member(request, "AlgorithmSpecification.TrainingImage", str, ""),
        command=_entrypoint(request),
        arguments=_arguments(request),
        environment=lambda host: own,
        hosts=hosts,
        files=lambda host: {
            f"{INPUT}/config/{file}.json": json.dumps(content, indent=2)
            for file, content in {**config, "resourceconfig": resources(host, hosts, instance_type, interface)}.items()
        },
        inputs=(
            *channels,
            *(Input("checkpoints", key_below(item.uri, ""), item.source, optional=True) for item in checkpoints),
        ),
        outputs=tuple(checkpoints),
        folders=(DATA, MODEL, OUTPUT_DATA, CODE, f"{ML}/output/intermediate", *(item.source for item in checkpoints)),
        isolated=member(request, "EnableNetworkIsolation", bool, False),
        max_runtime_seconds=seconds(request, "StoppingCondition.MaxRuntimeInSeconds"),
        max_wait_seconds=_longest_wait(request),
        made_below=(needed(request, "OutputDataConfig.S3OutputPath", str),),
        start_files=start_files(_entrypoint(request)),
    )
    if job.command or "sagemaker_program" not in hyperparameters:
        return job
    program = script_mode(hyperparameters)
    files, repack = job.files, packed_programs() if program.program in REPACK else {}
    named = {program.program, *repack} if program.program.endswith(".sh") else set(repack)
    return replace(
        job,
        command=program.command,
        directory=CODE,
        source_archive=program.archive,
        files=lambda host: {**files(host), **{f"{CODE}/{name}": text for name, text in repack.items()}},
        start_files=tuple(f"{CODE}/{name}" for name in sorted(named)),
        environment=lambda host: (
            program.variables(name, inputs, resources(host, hosts, instance_type, interface)) | own
        ),
    )


def _refuse_what_is_missing(request: Mapping[str, Any]) -> None:
    choice(request, "OutputDataConfig.CompressionType", ("GZIP", "NONE"))
    if member(request, "ResourceConfig.InstanceGroups", list):
        raise ExecutionError(
            "ResourceConfig has InstanceGroups; all instances of a local run are of one kind",
            hint="Use InstanceType and InstanceCount.",
        )


def _channel(item: Mapping[str, Any], mode: str) -> Input:
    name = needed(item, "ChannelName", str)
    if not _CHANNEL_NAME.fullmatch(name):
        raise ExecutionError(f"The channel name '{name}' has other characters than letters, digits, '.', '-' and '_'")
    source = member(item, "DataSource.S3DataSource", dict)
    if source is None:
        raise ExecutionError(f"Channel '{name}' reads a file system; only S3DataSource runs here")
    kind = choice(source, "S3DataType", (PREFIX, MANIFEST, AUGMENTED))
    return Input(
        name,
        needed(source, "S3Uri", str),
        f"{DATA}/{name}",
        sharded=member(source, "S3DataDistributionType", str, "FullyReplicated") == "ShardedByS3Key",
        kind=kind,
        pipe=_pipe(name, item, mode, kind),
        manifest_target="" if kind == PREFIX else f"{DATA}/{name}-manifest",
    )


def _pipe(name: str, item: Mapping[str, Any], mode: str, kind: str) -> Pipe | None:
    """How a channel is streamed, None if it is copied. Raises ExecutionError for what only a stream can have."""
    gzip = member(item, "CompressionType", str, "None") == "Gzip"
    recordio = member(item, "RecordWrapperType", str, "None") == "RecordIO"
    attributes = texts(item, "DataSource.S3DataSource.AttributeNames")
    if member(item, "InputMode", str, mode) == "Pipe":
        if kind == AUGMENTED and not attributes:
            raise ExecutionError(
                f"Channel '{name}' reads an augmented manifest and names nothing of its lines",
                hint="List in AttributeNames what is to be streamed, in order.",
            )
        return Pipe(gzip, recordio, member(item, "ShuffleConfig.Seed", int), tuple(attributes))
    if gzip:
        raise unpacked_as_streamed(f"Channel '{name}'", "CompressionType", "InputMode")
    if recordio or kind == AUGMENTED:
        what = "wraps objects in RecordIO" if recordio else "reads an augmented manifest"
        hint = "Set its InputMode to Pipe, or take RecordWrapperType out." if recordio else "Set its InputMode to Pipe."
        raise ExecutionError(f"Channel '{name}' {what}, which is done only as it is streamed", hint=hint)
    return None


def _checkpoints(request: Mapping[str, Any]) -> list[Output]:
    uri = member(request, "CheckpointConfig.S3Uri", str)
    if uri is None:
        return []
    folder = member(request, "CheckpointConfig.LocalPath", str, f"{ML}/checkpoints")
    return [Output(folder, uri, always=True, restored=True)]


def _longest_wait(request: Mapping[str, Any]) -> int | None:
    path = "StoppingCondition.MaxWaitTimeInSeconds"
    return None if member(request, path, int) is None else seconds(request, path)


def _input_config(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    mode = member(request, "AlgorithmSpecification.TrainingInputMode", str, "File")
    config = {}
    for item in objects(request, "InputDataConfig"):
        used = member(item, "InputMode", str, mode)
        config[item["ChannelName"]] = {
            "TrainingInputMode": "File" if used == "FastFile" else used,
            "S3DistributionType": member(
                item, "DataSource.S3DataSource.S3DataDistributionType", str, "FullyReplicated"
            ),
            "RecordWrapperType": member(item, "RecordWrapperType", str, "None"),
        }
        content_type = member(item, "ContentType", str)
        if content_type is not None:
            config[item["ChannelName"]]["ContentType"] = content_type
    return config


def resources(host: str, hosts: tuple[str, ...], instance_type: str, interface: str) -> dict[str, Any]:
    """The content of resourceconfig.json on `host`."""
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": list(hosts)}
    return {
        "current_host": host,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": list(hosts),
        "instance_groups": [group],
        "network_interface_name": interface,
    }


def _entrypoint(request: Mapping[str, Any]) -> tuple[str, ...]:
    """The container's program and its arguments, if the request names them; else it is script mode, or the image's."""
    entrypoint = texts(request, "AlgorithmSpecification.ContainerEntrypoint")
    return (*entrypoint, *texts(request, "AlgorithmSpecification.ContainerArguments")) if entrypoint else ()


def _arguments(request: Mapping[str, Any]) -> tuple[str, ...]:
    """An image's own program is started as `docker run <image> train`, unless the request has other arguments."""
    return tuple(texts(request, "AlgorithmSpecification.ContainerArguments")) or ("train",)


# ---- what comes out ----


def failure_text(host: Host) -> str:
    """What the job left in `/opt/ml/output/failure`: the start of SageMaker's FailureReason."""
    return read_start(host.written(FAILURE), _FAILURE_BYTES).decode("utf-8", errors="replace").strip()


def artifact_uri(name: str, request: Mapping[str, Any], file: str) -> str:
    """`<S3OutputPath>/<job>/output/<file>`, where SageMaker puts what a training job made."""
    return f"{needed(request, 'OutputDataConfig.S3OutputPath', str).rstrip('/')}/{name}/output/{file}"


def wrote_model(hosts: list[Host]) -> bool:
    """Whether the job left a file in `/opt/ml/model` of any host."""
    return any(files for host in hosts for _, _, files in walk(host.written(MODEL)))


def publish_artifacts(name: str, request: Mapping[str, Any], hosts: list[Host], group: Publication) -> str:
    """Put model.tar.gz, and output.tar.gz if there is output, into the group, or the files themselves if nothing is to
    be compressed; the address of the model."""
    if member(request, "OutputDataConfig.CompressionType", str) == "NONE":
        _publish_files(hosts, OUTPUT_DATA, artifact_uri(name, request, "data"), group)
        return _publish_files(hosts, MODEL, artifact_uri(name, request, "model"), group)
    model = artifact_uri(name, request, "model.tar.gz")
    group.put(_archive(hosts, MODEL, "model.tar.gz"), model, move=True)
    if any(files for host in hosts for _, _, files in walk(host.written(OUTPUT_DATA))):
        data = artifact_uri(name, request, "output.tar.gz")
        group.put(_archive(hosts, OUTPUT_DATA, "output.tar.gz"), data, move=True)
    return model


def _publish_files(hosts: list[Host], folder: str, uri: str, group: Publication) -> str:
    """Put what is in that folder below an address, which is returned as a prefix."""
    for path, name in _entries(hosts, folder):
        if path.is_file() and not path.is_symlink():
            group.put(path, f"{uri}/{name}", move=True)
    return f"{uri}/"


def _archive(hosts: list[Host], folder: str, file: str) -> Path:
    """One archive of that folder on every host."""
    import tarfile

    path = hosts[0].folder / file
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for entry, name in _entries(hosts, folder):
            archive.add(entry, name, recursive=False)
    return path


def _entries(hosts: list[Host], folder: str) -> Iterator[tuple[Path, str]]:
    """Every file and folder below a folder of the hosts, with its name there; of a name that several hosts wrote, the
    first host's."""
    seen: set[str] = set()
    for host in hosts:
        root = host.written(folder)
        for directory, folders, files in walk(root):
            for entry in sorted([*files, *folders]):
                name = (directory / entry).relative_to(root).as_posix()
                if name not in seen:
                    seen.add(name)
                    yield directory / entry, name


def training_response(
    name: str,
    arn: str,
    request: Mapping[str, Any],
    ending: JobEnding,
    model: str,
    metrics: Sequence[Mapping[str, Any]],
    times: Mapping[str, str],
    phases: Phases,
) -> dict[str, Any]:
    """The members of the DescribeTrainingJob response; without BillableTimeInSeconds: nothing is billed here."""
    status, secondary = {
        "Completed": ("Completed", "Completed"),
        "TimedOut": ("Stopped", "MaxRuntimeExceeded"),
        "WaitedTooLong": ("Stopped", "MaxWaitTimeExceeded"),
        "Stopped": ("Stopped", "Stopped"),
    }.get(ending.outcome, ("Failed", "Failed"))
    response: dict[str, Any] = {**request, "TrainingJobName": name, "TrainingJobArn": arn}
    response |= {"TrainingJobStatus": status, "SecondaryStatus": secondary, "CreationTime": times["created"]}
    response |= {"TrainingStartTime": times["started"], "TrainingEndTime": times["ended"]}
    response["SecondaryStatusTransitions"] = phases.transitions(secondary)
    response["TrainingTimeInSeconds"] = round(phases.training_seconds)
    if model:
        response["ModelArtifacts"] = {"S3ModelArtifacts": model}
    if metrics:
        response["FinalMetricDataList"] = list(metrics)
    if status == "Failed":
        response["FailureReason"] = ending.reason
    return response
