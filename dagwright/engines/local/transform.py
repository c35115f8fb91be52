"""A CreateTransformJob request as a `Job`, and its ending as the Describe response.

The service's part of such a job, cutting objects into requests and joining the answers, runs inside the job as well:
the programs of `serving`, which are put there with a description of what to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.job import MANIFEST, ML, PREFIX, Host, Input, Job, JobEnding, Output
from dagwright.engines.local.programs import package, program
from dagwright.engines.local.publishing import read_start
from dagwright.engines.local.request import choice, host_names, member, needed, text_map
from dagwright.engines.local.scope import UNKNOWN
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from dagwright.engines.local.served_model import Served

OURS = f"{ML}/.dagwright"
INPUT, OUTPUT = f"{OURS}/input", f"{OURS}/output"
FAILURE = f"{OURS}/failure"
_FAILURE_BYTES = 1024
_USUAL_PAYLOAD_MB, _LARGEST_PAYLOAD_MB = 6, 100  # the API's text on MaxPayloadInMB
_USUAL_TIMEOUT_SECONDS = 600  # the API's text on InvocationsTimeoutInSeconds


def transform_job(
    name: str, request: Mapping[str, Any], containers: Sequence[Served], pythons: Sequence[str] = ()
) -> Job:
    """The job of a request that asks these containers one after the other; `pythons` are the interpreters of those
    behind the first. Without containers it is a job without a program, for which a function has to stand in.

    Raises ExecutionError for what a local run cannot do, in a sentence.
    """
    source = needed(request, "TransformInput.DataSource.S3DataSource", dict)
    hosts = host_names(member(request, "TransformResources.InstanceCount", int, 1))
    inputs = [
        Input(
            "input", needed(source, "S3Uri", str), INPUT, sharded=True,
            kind=choice(source, "S3DataType", (PREFIX, MANIFEST)),
        )
    ]  # fmt: skip
    description = _description(request, containers, pythons)
    for number, container in enumerate(containers, start=1):
        inputs += _inputs(container, number, "model" if len(containers) == 1 else f"model-{number}")
    variables = _variables(request, containers[0].variables if containers else {})
    files = {**_programs(), f"{OURS}/transform.json": json.dumps(description)}
    return Job(
        name=name,
        image=containers[0].image if containers else UNKNOWN,
        command=("python", OURS, ML),
        environment=lambda host: variables,
        hosts=hosts,
        files=lambda host: files,
        inputs=tuple(inputs),
        outputs=(Output(OUTPUT, needed(request, "TransformOutput.S3OutputPath", str), always=True),),
        folders=(INPUT, OUTPUT, f"{ML}/model"),
        modules=containers[0].modules if containers else (),
    )


def _inputs(container: Served, number: int, name: str) -> list[Input]:
    """What of a container is in the store: its model and its code."""
    inputs = []
    if container.data:
        inputs.append(Input(name, container.data, f"{ML}/{_folder(number)}" if container.unpacked else _model(number)))
    if container.code.startswith("s3://"):
        inputs.append(Input(name.replace("model", "code"), container.code, _source(number)))
    return inputs


def _folder(number: int) -> str:
    """Below /opt/ml: where the model of a container lies. In the service each has its own /opt/ml/model."""
    return "model" if number == 1 else f"models/{number}"


def _model(number: int) -> str:
    return f"{OURS}/model/{number}"


def _source(number: int) -> str:
    return f"{OURS}/code/{number}"


def _programs() -> Mapping[str, str]:
    """The programs of the job, and what starts them."""
    files = {f"{OURS}/{path}": text for path, text in package("serving").items()}
    return {**files, f"{OURS}/__main__.py": program("serving/__main__.py")}


# ---- what to do, as the programs read it ----


def _description(request: Mapping[str, Any], containers: Sequence[Served], pythons: Sequence[str]) -> dict[str, Any]:
    content_type = member(request, "TransformInput.ContentType", str, "")
    accept = member(request, "TransformOutput.Accept", str, "")
    split = choice(request, "TransformInput.SplitType", ("None", "Line", "RecordIO", "TFRecord"))
    described = [_container(item, number, containers, pythons) for number, item in enumerate(containers, start=1)]
    return {
        "ContentType": content_type,
        "Accept": accept,
        "CompressionType": choice(request, "TransformInput.CompressionType", ("None", "Gzip")),
        "SplitType": split,
        "BatchStrategy": choice(request, "BatchStrategy", ("MultiRecord", "SingleRecord")),
        "MaxPayloadBytes": _payload_mb(request) << 20,
        "AssembleWith": choice(request, "TransformOutput.AssembleWith", ("None", "Line")),
        "DataProcessing": _processing(request, content_type, accept, split),
        "TimeoutSeconds": member(
            request, "ModelClientConfig.InvocationsTimeoutInSeconds", int, _USUAL_TIMEOUT_SECONDS
        ),
        # the service asks again three times if nothing is said; here a failure is the program's, and comes again
        "Retries": member(request, "ModelClientConfig.InvocationsMaxRetries", int, 0),
        "Containers": described,
    }  # fmt: skip


def _container(item: Served, number: int, containers: Sequence[Served], pythons: Sequence[str]) -> dict[str, Any]:
    folder = _folder(number)
    archives = [[_below(_model(number)), folder]] if item.data and not item.unpacked else []
    code = item.code
    if code.startswith("s3://"):
        code = f"{ML}/code" if number == 1 else f"{ML}/codes/{number}"
        archives.append([_below(_source(number)), _below(code)])
    elif number > 1 and f"{code}/".startswith(f"{ML}/model/"):
        code = f"{ML}/{folder}{code.removeprefix(f'{ML}/model')}"
    several = len(containers) > 1
    return {
        "Folder": folder,
        "Archives": archives,
        "Code": _below(code),
        "Program": item.program,
        "NeedsProgram": item.needs_program,
        "Framework": item.framework,
        "Environment": dict(item.variables) if several else {},
        "Python": pythons[number - 2] if several and number > 1 and len(pythons) > number - 2 else "",
        "Accept": item.variables.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "") or "text/csv",
    }


def _below(path: str) -> str:
    """A path of the job without /opt/ml."""
    return path.removeprefix(ML).lstrip("/")


def _payload_mb(request: Mapping[str, Any]) -> int:
    size = member(request, "MaxPayloadInMB", int, _USUAL_PAYLOAD_MB)
    requests = member(request, "MaxConcurrentTransforms", int, 0)
    if not 0 <= size <= _LARGEST_PAYLOAD_MB or size * requests > _LARGEST_PAYLOAD_MB:
        raise ExecutionError(
            f"MaxPayloadInMB is {size} for {max(requests, 1)} requests at a time, which together may be "
            f"{_LARGEST_PAYLOAD_MB} MB at most"
        )
    return int(size)


def _processing(request: Mapping[str, Any], content_type: str, accept: str, split: str) -> dict[str, str]:
    """DataProcessing, which is for CSV and JSON. Raises ExecutionError for what cannot be done with these types."""
    given = {
        "InputFilter": member(request, "DataProcessing.InputFilter", str, "$") or "$",
        "OutputFilter": member(request, "DataProcessing.OutputFilter", str, "$") or "$",
        "JoinSource": choice(request, "DataProcessing.JoinSource", ("None", "Input")),
    }
    if given == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}:
        return given
    from dagwright.engines.local.serving.joining import CSV, format_of

    form, made = format_of(content_type), format_of(accept) or format_of(content_type)
    if UNKNOWN in (content_type, accept):
        return given
    if not form or (accept and not format_of(accept)) or split not in ("None", "Line"):
        raise ExecutionError(
            f"DataProcessing filters and joins CSV and JSON, split by Line or not at all; ContentType is "
            f"'{content_type}', Accept '{accept}', SplitType {split}",
            hint="Set ContentType and Accept to text/csv, application/json or application/jsonlines.",
        )
    if given["JoinSource"] == "Input" and (form == CSV) != (made == CSV):
        raise ExecutionError(
            f"JoinSource Input joins input and output of one format; ContentType is '{content_type}', Accept '{accept}'"
        )
    _check_path("InputFilter", given["InputFilter"], form == CSV)
    _check_path("OutputFilter", given["OutputFilter"], made == CSV)
    return given


def _check_path(name: str, text: str, of_rows: bool) -> None:
    """Raises ExecutionError for a filter that is no path, or can select nothing of a row."""
    from dagwright.engines.local.serving import paths

    if text == UNKNOWN:
        return
    try:
        path = paths.Path(text)
    except paths.PathError as error:
        raise ExecutionError(f"DataProcessing.{name}: {error}") from error
    if of_rows and not path.is_of_lists:
        raise ExecutionError(
            f"DataProcessing.{name} is {text!r}, and a row of CSV has places, not names",
            hint="A row is a list: $[0], $[1:], $[0,-1].",
        )


def _variables(request: Mapping[str, Any], of_model: Mapping[str, str]) -> dict[str, str]:
    """What the container is told: by the service (the guide's page on inference code in batch transform), the model,
    the request."""
    single = request.get("BatchStrategy") == "SingleRecord"
    told = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(_payload_mb(request)),
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if single else "MULTI_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(member(request, "MaxConcurrentTransforms", int, 0) or 1),
        "SM_MODEL_DIR": f"{ML}/model",
    }  # fmt: skip
    return told | dict(of_model) | text_map(request, "Environment")


# ---- what comes out ----


def transform_failure(host: Host) -> str:
    """Which object and which record failed, and why."""
    return read_start(host.written(FAILURE), _FAILURE_BYTES).decode("utf-8", errors="replace").strip()


def transform_response(
    name: str, arn: str, request: Mapping[str, Any], ending: JobEnding, times: Mapping[str, str]
) -> dict[str, Any]:
    """The members of the DescribeTransformJob response."""
    status = {"Completed": "Completed", "Stopped": "Stopped"}.get(ending.outcome, "Failed")
    response: dict[str, Any] = {**request, "TransformJobName": name, "TransformJobArn": arn}
    response |= {"TransformJobStatus": status, "CreationTime": times["created"]}
    response |= {"TransformStartTime": times["started"], "TransformEndTime": times["ended"]}
    if status == "Failed":
        response["FailureReason"] = ending.reason
    return response
