"""Executions and logs as a test tells them: what moto's SageMaker does not do, or does at once.

`Scripted(aws)` stands between the recording proxy of `tests/aws.py` and moto: an operation that has an answer here gets
it, everything else goes on to moto. An answer is made from the request's parameters: what the operation returns (times
in seconds since 1970), or a `Refusal`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aws import ACCOUNT, AWS

REGION = "us-east-1"
NOON = 1_795_262_400  # 2026-11-21 12:00 UTC
PIPELINE = "rc-churn-training-dev"
ID = "a1b2c3d4e5f6"
_LOG_GROUPS = {"processing": "ProcessingJobs", "training": "TrainingJobs", "transform": "TransformJobs"}

Answer = Callable[[Mapping[str, Any]], Any]


def sagemaker_arn(resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sagemaker:{REGION}:{account}:{resource}"


def execution_arn(pipeline: str = PIPELINE, identity: str = ID) -> str:
    return sagemaker_arn(f"pipeline/{pipeline}/execution/{identity}")


@dataclass(frozen=True)
class Refusal:
    """The answer of a service that says no; without a status it is botocore's 400."""

    code: str
    message: str = "as the test wants it"
    status: int = 400


EXPIRED = Refusal("ExpiredTokenException", "The security token included in the request is expired")
THROTTLED = Refusal("ThrottlingException", "Rate exceeded")
BROKEN = Refusal("InternalFailure", status=500)
DENIED = Refusal("AccessDeniedException", "User is not authorized to perform this")


def job_step(name: str, status: str, kind: str = "processing", **members: Any) -> dict[str, Any]:
    """A step with a job, as ListPipelineExecutionSteps gives it."""
    word = f"{kind.title()}Job"
    arn = sagemaker_arn(f"{kind}-job/{job_name(name)}")
    return step(name, status, **{"Metadata": {word: {"Arn": arn}}, **members})


def job_name(step_name: str) -> str:
    return f"pipelines-{ID}-{step_name}-Xy12345678"


def step(name: str, status: str, **members: Any) -> dict[str, Any]:
    ended = {"EndTime": NOON + 90} if status in ("Succeeded", "Failed", "Stopped") else {}
    return {"StepName": name, "StepStatus": status, "StartTime": NOON + 5, "AttemptCount": 1, **ended, **members}


@dataclass
class State:
    """How an execution is when it is looked at."""

    status: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    modified: int = NOON + 120

    def description(self, arn: str) -> dict[str, Any]:
        described = {
            "PipelineArn": arn.partition("/execution/")[0],
            "PipelineExecutionArn": arn,
            "PipelineExecutionStatus": self.status,
            "CreationTime": NOON,
            "LastModifiedTime": self.modified,
        }
        return {**described, "FailureReason": self.reason} if self.reason else described


class Scripted:
    """The answers of the test, and words for the usual ones."""

    def __init__(self, aws: AWS) -> None:
        self.aws = aws
        self.answers: dict[str, Answer] = {}
        self._moto = aws.moto_address
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.scripted = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Scripted:
        self._thread.start()
        self.aws.moto_address = ("127.0.0.1", self._server.server_port)
        return self

    def __exit__(self, *_: object) -> None:
        self.aws.moto_address = self._moto
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, operation: str, *said: Any) -> None:
        """The operation says this, one answer after the other, and from then on the last."""
        left = list(said)
        self.answers[operation] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def refuse(self, operation: str, code: str, message: str = "as the test wants it") -> None:
        """The operation is refused."""
        self.answer(operation, Refusal(code, message))

    def deploy(self, definition: str, name: str = PIPELINE) -> None:
        """A pipeline, in moto; it is what the executions told here run."""
        self.answers["DescribePipelineDefinitionForExecution"] = lambda _: {"PipelineDefinition": definition}
        self.aws.client("sagemaker").create_pipeline(
            PipelineName=name,
            PipelineDefinition=definition,
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/SageMaker-Rc-Churn-ExecutionRole",
            ClientRequestToken="t" * 32,
        )

    def execution(self, *states: State | Refusal, arn: str = "", page_size: int = 100, **parameters: str) -> None:
        """Each look at any execution (at the one of `arn`) finds the next of these states, and in the end the last."""
        left = list(states)
        now: list[State] = []

        def describe(asked: Mapping[str, Any]) -> Any:
            state = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(state, Refusal):
                return state
            if arn and asked["PipelineExecutionArn"] != arn:
                return Refusal("ResourceNotFound", "Pipeline execution does not exist")
            now[:] = [state]
            return state.description(asked["PipelineExecutionArn"])

        def steps(asked: Mapping[str, Any]) -> Any:
            start = int(asked.get("NextToken", "0"))
            page = {"PipelineExecutionSteps": now[0].steps[start : start + page_size]}
            return {**page, "NextToken": str(start + page_size)} if start + page_size < len(now[0].steps) else page

        listed = [{"Name": name, "Value": value} for name, value in parameters.items()]
        self.answers["DescribePipelineExecution"] = describe
        self.answers["ListPipelineExecutionSteps"] = steps
        self.answers["ListPipelineParametersForExecution"] = lambda _: {"PipelineParameters": listed}
        self.answers["StartPipelineExecution"] = lambda asked: {
            "PipelineExecutionArn": execution_arn(asked["PipelineName"])
        }
        for operation in ("StopPipelineExecution", "RetryPipelineExecution"):
            self.answers[operation] = lambda asked: {"PipelineExecutionArn": asked["PipelineExecutionArn"]}

    def ran(self, pipeline: str = PIPELINE, *executions: tuple[str, str]) -> None:
        """The history of all pipelines: `pipeline` has these executions (id, state), newest first; others none."""
        before = self.answers.get("ListPipelineExecutions")

        def listed(asked: Mapping[str, Any]) -> Any:
            if asked["PipelineName"] != pipeline:
                return before(asked) if before else Refusal("ResourceNotFound", "Pipeline does not exist")
            start, size = int(asked.get("NextToken", "0")), asked.get("MaxResults", 10)
            page = executions[start : start + size]
            more = {"NextToken": str(start + size)} if start + size < len(executions) else {}
            return {"PipelineExecutionSummaries": [_summary(pipeline, *item) for item in page], **more}

        self.answers["ListPipelineExecutions"] = listed
        known = self.answers.get("ListPipelines", lambda _: {"PipelineSummaries": []})({})["PipelineSummaries"]
        times = {"CreationTime": NOON, "LastModifiedTime": NOON}
        last = {"LastExecutionTime": NOON + len(known)} if executions else {}
        arn = sagemaker_arn(f"pipeline/{pipeline}")
        known = [*known, {"PipelineArn": arn, "PipelineName": pipeline, "RoleArn": "r" * 20, **times, **last}]
        self.answers["ListPipelines"] = lambda _: {"PipelineSummaries": known}

    def log(self, step_name: str, host: str, *lines: str, kind: str = "processing", started: int = NOON) -> str:
        """A stream in moto's CloudWatch; its name."""
        logs = self.aws.client("logs")
        group = f"/aws/sagemaker/{_LOG_GROUPS[kind]}"
        stream = f"{job_name(step_name)}/{host}-{started}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
        if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)  # CloudWatch takes no events of long ago
        events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
        if events:
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        return stream


def _summary(pipeline: str, identity: str, status: str) -> dict[str, Any]:
    arn = execution_arn(pipeline, identity)
    return {"PipelineExecutionArn": arn, "StartTime": NOON, "PipelineExecutionStatus": status}


class _Server(ThreadingHTTPServer):
    scripted: Scripted
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        answer = self.server.scripted.answers.get(operation)
        if answer is None:
            self._forward(body)
            return
        said = answer(json.loads(body))
        if isinstance(said, Refusal):
            error = {"__type": said.code, "message": said.message}
            self._answer(said.status, {"x-amzn-ErrorType": said.code}, json.dumps(error).encode())
        else:
            self._answer(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(said).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the base class names them

    def _forward(self, body: bytes) -> None:
        connection = HTTPConnection(*self.server.scripted._moto, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            self._answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing: the proxy records."""
