"""A CreateProcessingJob request as a `Job`, and its ending as the Describe response.

The contract is the developer guide's page on building a processing container: `/opt/ml/config`, the inputs and outputs
at their LocalPath, `/opt/ml/output/message`, the exit code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagwright.engines.local.job import LOOPBACK, MANIFEST, ML, PREFIX, Host, Input, Job, JobEnding, Output, Pipe
from dagwright.engines.local.publishing import read_start
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
from dagwright.engines.local.start_scripts import start_files
from dagwright.errors import ExecutionError

MESSAGE = f"{ML}/output/message"
_MESSAGE_BYTES = 1024  # of which ExitMessage is made, by the same page


def processing_job(name: str, arn: str, request: Mapping[str, Any], interface: str = LOOPBACK) -> Job:
    """The job of a request, whose hosts meet at the network `interface`.

    Raises ExecutionError for what a local run cannot do, in a sentence.
    """
    entrypoint = texts(request, "AppSpecification.ContainerEntrypoint")
    arguments = texts(request, "AppSpecification.ContainerArguments")
    cluster = needed(request, "ProcessingResources.ClusterConfig", dict)
    hosts = host_names(member(cluster, "InstanceCount", int, 1))
    given = objects(request, "ProcessingOutputConfig.Outputs")
    outputs = [_output(item) for item in given if not is_managed_by_program(item)]
    variables = text_map(request, "Environment")
    config = {"ProcessingJobArn": arn, "ProcessingJobName": name, **request}
    return Job(
        name=name,
        image=member(request, "AppSpecification.ImageUri", str, ""),
        command=(*entrypoint, *arguments) if entrypoint else (),
        arguments=tuple(arguments),
        environment=lambda host: variables,
        hosts=hosts,
        files=lambda host: {
            f"{ML}/config/processingjobconfig.json": json.dumps(config, indent=2, default=str),
            f"{ML}/config/resourceconfig.json": json.dumps(
                {"current_host": host, "hosts": list(hosts), "network_interface_name": interface}
            ),
        },
        inputs=tuple(_input(item) for item in objects(request, "ProcessingInputs")),
        start_files=start_files(tuple(entrypoint)),
        outputs=tuple(outputs),
        folders=(f"{ML}/output", f"{ML}/processing", *(output.source for output in outputs)),
        isolated=member(request, "NetworkConfig.EnableNetworkIsolation", bool, False),
        max_runtime_seconds=seconds(request, "StoppingCondition.MaxRuntimeInSeconds"),
    )


def _input(item: Mapping[str, Any]) -> Input:
    name = item.get("InputName", "without a name")
    source = member(item, "S3Input", dict)
    if source is None:
        raise ExecutionError(f"Input '{name}' reads a dataset service; only S3Input runs here")
    gzip = member(source, "S3CompressionType", str, "None") == "Gzip"
    streamed = choice(source, "S3InputMode", ("File", "Pipe")) == "Pipe"
    if gzip and not streamed:
        raise unpacked_as_streamed(f"Input '{name}'", "S3CompressionType", "S3InputMode")
    return Input(
        name,
        needed(source, "S3Uri", str),
        needed(source, "LocalPath", str),
        sharded=member(source, "S3DataDistributionType", str, "FullyReplicated") == "ShardedByS3Key",
        kind=choice(source, "S3DataType", (PREFIX, MANIFEST)),
        pipe=Pipe(gzip) if streamed else None,
    )


def is_managed_by_program(output: Mapping[str, Any]) -> bool:
    """Whether the program itself takes an output to a feature group: the service then has nothing to upload."""
    return bool(output.get("FeatureStoreOutput")) and output.get("AppManaged") is True


def _output(item: Mapping[str, Any]) -> Output:
    target = member(item, "S3Output", dict)
    if target is None:
        raise ExecutionError(
            f"Output '{item.get('OutputName')}' goes to a feature store; only S3Output runs here",
            hint="With AppManaged, the program takes it there by itself, and nothing is done here.",
        )
    always = member(target, "S3UploadMode", str, "EndOfJob") == "Continuous"
    return Output(needed(target, "LocalPath", str), needed(target, "S3Uri", str), always)


def processing_response(
    name: str, arn: str, request: Mapping[str, Any], ending: JobEnding, message: str, times: Mapping[str, str]
) -> dict[str, Any]:
    """The members of the DescribeProcessingJob response."""
    status = {"Completed": "Completed", "Stopped": "Stopped"}.get(ending.outcome, "Failed")
    response: dict[str, Any] = {**request, "ProcessingJobName": name, "ProcessingJobArn": arn}
    response |= {"ProcessingJobStatus": status, "CreationTime": times["created"]}
    response |= {"ProcessingStartTime": times["started"], "ProcessingEndTime": times["ended"]}
    if message:
        response["ExitMessage"] = message
    if status == "Failed":
        response["FailureReason"] = ending.reason
    return response


def exit_message(host: Host) -> str:
    """What the job left in `/opt/ml/output/message`: its first KiB. Raises ExecutionError if it is not UTF-8."""
    content = read_start(host.written(MESSAGE), _MESSAGE_BYTES)
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 3 and len(content) == _MESSAGE_BYTES:
            return content[: error.start].decode("utf-8").strip()  # cut within a character
        raise ExecutionError(f"{MESSAGE} is not UTF-8 text, which SageMaker refuses") from None
