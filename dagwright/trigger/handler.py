"""What runs in the Lambda function: measures the inputs of a pipeline and starts it on machines that fit.

In: an event, whose `parameters` (or those of its `detail`) are start values; and the environment: TARGET_ARN, INPUTS,
RULES, PARAMETERS (`package.py` writes them). Out: the ARN of the execution, and one line of JSON on standard output.

An event is one with an `id`, a bucket's notification, or one with `parameters`. Whatever else is refused: it would
start the pipeline with its defaults. A bucket's test notification, and one of objects that are gone, start nothing.

An event is started once: its id is the execution's token or name, so that an attempt that is repeated, by Lambda or by
whoever sends events, finds the first one's execution, even if the input has grown since. Errors are Lambda's business,
which tries again, counts them and tells its queue.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from dagwright.sizing import Machines, Measured, Row, Rule, measured, size_of

# What S3 tells of objects that are no longer there.
_GONE = ("ObjectRemoved:", "LifecycleExpiration:")
_REFUSALS = ("ConflictException", "ValidationException")
# The newest executions, as many as SageMaker gives in one answer: repeated attempts come within hours.
_NEWEST = 100


@dataclass(frozen=True)
class _Input:
    """An input that decides on machines: `parameter` holds its address unless it is empty, `address` is the default.

    `names` are the parameters for the instance type, the instance count and the volume.
    """

    name: str
    parameter: str
    address: str
    rule: str
    sharded: bool
    spark: bool
    largest_volume_in_gb: int
    names: tuple[str, str, str]


@dataclass(frozen=True)
class _Sized:
    """What was found at an address, and what the rule gives it; nothing for an input that is not there."""

    given: _Input
    address: str
    found: Measured
    machines: Machines | None

    def values(self) -> dict[str, Any]:
        if self.machines is None:
            return {}
        one = self.machines
        return dict(zip(self.given.names, (one.instance_type, one.instance_count, one.volume_size_in_gb), strict=True))

    def as_json(self) -> dict[str, Any]:
        machines = asdict(self.machines) if self.machines else {}
        return {"name": self.given.name, "address": self.address, **asdict(self.found), **machines}


def handler(event: Mapping[str, Any], context: Any) -> str:
    """The ARN of the execution that this event has started; empty for one that starts nothing.

    Whatever goes wrong is raised: ValueError for an event or variables that are not understood, TooLargeError.
    """
    began = time.monotonic()
    target = os.environ["TARGET_ARN"]
    identity = _identity(event, context)
    if not identity:
        sys.stdout.write(json.dumps({"ignored": event, "target": target}) + "\n")
        return ""
    parameters = {**_settings(), **_parameters(event)}
    sizes = _sizes(parameters, _client("s3", target))
    values = {name: value for one in sizes for name, value in one.values().items()} | parameters
    token = sha256(f"{target} {identity}".encode()).hexdigest()
    start = _start_machine if target.split(":")[2] == "states" else _start_pipeline
    arn, is_new = start(target, token, values)
    said = {
        "event": identity,
        "target": target,
        "execution": arn,
        "repeated": not is_new,
        "sizes": [one.as_json() for one in sizes],
        "seconds": round(time.monotonic() - began, 3),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    return arn


def _identity(event: Mapping[str, Any], context: Any) -> str:
    """What stays the same when the event comes again: its id (EventBridge, Scheduler's input); for notifications of a
    bucket, which have none, the objects they tell of; else the request's id, which Lambda's own retries keep.

    Empty for a notification that tells of nothing new. Raises ValueError for what is no event of a documented kind.
    """
    if not isinstance(event, Mapping):
        raise ValueError(f"this is no event: a {type(event).__name__}, not an object")
    if isinstance(event.get("id"), str | int) and event["id"] != "":
        return str(event["id"])
    if event.get("Event") == "s3:TestEvent":
        return ""
    if "Records" in event:
        told = [_object(one) for one in _notified(event["Records"]) if not one["eventName"].startswith(_GONE)]
        return json.dumps(told) if told else ""
    if isinstance(event.get("parameters"), Mapping):
        return str(context.aws_request_id)
    found = ", ".join(map(str, event)) or "nothing"
    raise ValueError(f"this is no event that starts something: it has no id, no parameters and no S3 records: {found}")


def _notified(records: Any) -> list[Any]:
    """The records of a bucket's notification. Raises ValueError for any others, such as those of a queue."""
    listed = isinstance(records, list) and all(isinstance(one, Mapping) for one in records)
    if (
        not listed
        or not records
        or any("s3" not in one or not isinstance(one.get("eventName"), str) for one in records)
    ):
        raise ValueError("the event's Records are not those of a bucket's notification")
    return list(records)


def _object(record: Any) -> list[str]:
    """An object and what tells one writing of it from the next: its sequencer, else the time."""
    try:
        key, bucket = record["s3"]["object"]["key"], record["s3"]["bucket"]["name"]
        return [bucket, key, record["s3"]["object"].get("sequencer") or record["eventTime"]]
    except (KeyError, TypeError, AttributeError):
        raise ValueError("a record of the bucket's notification does not say which object it tells of") from None


def _settings() -> dict[str, Any]:
    """The start values for every start."""
    try:
        given = json.loads(os.environ.get("PARAMETERS") or "{}")
    except ValueError as error:
        raise ValueError(f"the variable PARAMETERS is no JSON: {error}") from None
    return _start_values(given, "the variable PARAMETERS is")


def _parameters(event: Mapping[str, Any]) -> dict[str, Any]:
    """The start values that come with the event."""
    given, detail = event.get("parameters"), event.get("detail")
    if given is None and isinstance(detail, Mapping):
        given = detail.get("parameters")
    return _start_values(given, "the event's parameters are")


def _start_values(given: Any, where: str) -> dict[str, Any]:
    """Names with single values; none for null. Raises ValueError for anything else, and for NaN and infinities."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(_is_single(value) for value in given.values()):
        raise ValueError(f'{where} not names with texts, numbers, true or false: {{"Seed": 7}}')
    return dict(given)


def _is_single(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _sizes(parameters: Mapping[str, Any], s3: Any) -> list[_Sized]:
    """The inputs that still decide on something: where a start gives all three values, nothing is measured."""
    rules = {
        name: Rule(name, tuple(Row(**row) for row in rows)) for name, rows in json.loads(os.environ["RULES"]).items()
    }
    inputs = [_Input(**one) for one in json.loads(os.environ["INPUTS"])]
    return [
        _sized(one, str(parameters.get(one.parameter, one.address)), rules[one.rule], s3, parameters.get(one.names[1]))
        for one in inputs
        if any(name not in parameters for name in one.names)
    ]


def _sized(given: _Input, address: str, rule: Rule, s3: Any, count: object) -> _Sized:
    """The machines of an input, `count` of them if that is said.

    Raises TooLargeError if the rule does not hold the input, ValueError for what is no address.

    A parameter without a value has no address: the pipeline's defaults hold, or AWS says which value it misses.
    """
    if not address:
        return _Sized(given, address, Measured(0, 0), None)
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise ValueError(f"the input {given.name} has no S3 address: {address!r}")
    found = measured(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    machines = None
    if found.objects:
        machines = size_of(
            found.bytes,
            rule,
            largest_volume_in_gb=given.largest_volume_in_gb,
            sharded=given.sharded,
            spark=given.spark,
            instance_count=int(str(count)) if str(count).isdecimal() else None,
        )
    return _Sized(given, address, found, machines)


def _start_pipeline(target: str, token: str, values: Mapping[str, Any]) -> tuple[str, bool]:
    """The execution's ARN, and whether this start is known to have made it.

    SageMaker says that a token is started once, not what becomes of a second start with other parameters. If it refuses
    that, the execution is found by its name, which is made of the token too.
    """
    from botocore.exceptions import ClientError

    sagemaker, pipeline = _client("sagemaker", target), target.rpartition("/")[2]
    name = f"trigger-{token[:32]}"
    try:
        answer = sagemaker.start_pipeline_execution(
            PipelineName=pipeline,
            PipelineExecutionDisplayName=name,
            PipelineParameters=[{"Name": key, "Value": _as_text(value)} for key, value in values.items()],
            ClientRequestToken=token,
        )
    except ClientError as error:
        found = _started(sagemaker, pipeline, name) if error.response["Error"]["Code"] in _REFUSALS else ""
        if not found:
            raise
        return found, False
    return str(answer["PipelineExecutionArn"]), True


def _started(sagemaker: Any, pipeline: str, name: str) -> str:
    """The ARN of the newest execution of this display name; empty if there is none, or it may not be looked for."""
    from botocore.exceptions import ClientError

    with suppress(ClientError):
        answer = sagemaker.list_pipeline_executions(
            PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=_NEWEST
        )
        for one in answer["PipelineExecutionSummaries"]:
            if one.get("PipelineExecutionDisplayName") == name:
                return str(one["PipelineExecutionArn"])
    return ""


def _start_machine(target: str, token: str, values: Mapping[str, Any]) -> tuple[str, bool]:
    """The same for a state machine: its executions' names are taken once, which it says if the input is another."""
    states = _client("stepfunctions", target)
    try:
        answer = states.start_execution(stateMachineArn=target, name=token, input=json.dumps(values, allow_nan=False))
    except states.exceptions.ExecutionAlreadyExists:
        return f"{target.replace(':stateMachine:', ':execution:')}:{token}", False
    return str(answer["executionArn"]), True


def _client(service: str, target: str) -> Any:
    import boto3

    return boto3.client(service, region_name=target.split(":")[3])


def _as_text(value: object) -> str:
    """As SageMaker writes a parameter's value: a text as it is, numbers and booleans as JSON has them."""
    return value if isinstance(value, str) else json.dumps(value, allow_nan=False)
