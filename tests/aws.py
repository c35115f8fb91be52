"""An AWS of the tests' own: moto's server on this machine's loopback, behind a proxy that records and can fail.

A test takes the fixture `aws` (tests/conftest.py). Everything that boto3 does in this process and in processes started
from it then arrives here: `aws.calls` are the requests (`aws.heard` those of the whole test), `aws.fail(…)` spoils one.
At the end of the test every request is checked against botocore's model of the service: members, types, enums,
patterns, minima and maxima. moto's own state is made and looked at with `aws.client(service)`, which goes past the
proxy.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

ACCOUNT = "123456789012"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    # one attempt: a test that wants botocore to try again sets another number
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "1",
}
_HOP_BY_HOP = ("host", "content-length", "transfer-encoding", "connection", "expect")
FAULTS = ("throttled", "broken", "reset", "denied")
_READS = ("Describe", "List", "Get", "Head", "Search", "BatchGet", "Simulate")
_QUERY = ("query", "ec2")
# What a service signs its requests as, where botocore has its model under another name.
_SIGNED_AS = {"states": "stepfunctions", "monitoring": "cloudwatch", "servicequotas": "service-quotas"}
_OF_BUCKETS = {
    "encryption": "GetBucketEncryption",
    "policy": "GetBucketPolicy",
    "publicAccessBlock": "GetPublicAccessBlock",
    "versioning": "GetBucketVersioning",
}
_APPLICATION = re.compile(r"\bapp/(\S+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass
class Call:
    """One request: the operation, and its parameters as boto3 was given them (for S3 only what permissions are about).

    `caller` marks who makes it (tests/identities.py)."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    body: bytes = field(default=b"", repr=False)
    caller: str = ""

    @property
    def is_write(self) -> bool:
        return not self.operation.startswith(_READS)


@dataclass
class Fault:
    """What becomes of the next requests that fit: of this operation (of any, if empty), after `skipped` others.

    `after`: the request goes through, and its answer is lost.
    """

    kind: str
    operation: str = ""
    skipped: int = 0
    times: int = 1
    after: bool = False


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error: AWS's code of it, and the HTTP status."""

    code: str
    status: int = 400


class AWS:
    """The account and what has been asked of it. Requests go on to `moto_address`, which a test may put another at."""

    def __init__(self) -> None:
        import logging

        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self.moto_address = self._moto.get_host_and_port()
        self._moto_url = "http://{}:{}".format(*self.moto_address)
        self.calls: list[Call] = []
        self.heard: list[Call] = []
        self.faults: list[Fault] = []
        self.answers: dict[str, Any] = {}
        self.lock = threading.Lock()
        self._proxy = _Proxy(("127.0.0.1", 0), _Handler)
        self._proxy.aws = self
        self.url = f"http://127.0.0.1:{self._proxy.server_port}"
        self._thread = threading.Thread(target=self._proxy.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._proxy.shutdown()
        self._thread.join()
        self._proxy.server_close()
        self._moto.stop()

    def reset(self) -> None:
        """An empty account, nothing recorded, nothing to fail."""
        self.forget()
        connection = HTTPConnection(*self.moto_address, timeout=30)
        connection.request("POST", "/moto-api/reset")
        assert connection.getresponse().status == 200
        connection.close()

    def forget(self) -> None:
        """The account as it is, nothing recorded, nothing to fail, no answers that a test told."""
        self.calls.clear()
        self.heard.clear()
        self.faults.clear()
        self.answers.clear()

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that lead boto3 here."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A client of the account that is neither recorded nor made to fail."""
        return _client(service, region, self._moto_url)

    def fail(self, kind: str, operation: str = "", *, skipped: int = 0, times: int = 1, after: bool = False) -> None:
        """Spoil the next request that fits (see Fault)."""
        assert kind in FAULTS
        self.faults.append(Fault(kind, operation, skipped, times, after))

    def answer(self, operation: str, result: Any) -> None:
        """Answer every such request with this, as boto3 will give it back: where moto cannot do it. It may be a
        Refusal, and a function of the request's parameters may make it."""
        self.answers[operation] = result

    @property
    def operations(self) -> list[str]:
        """The operations asked for, in order."""
        return [call.operation for call in self.calls]

    @property
    def writes(self) -> list[str]:
        """Those that may change something."""
        return [call.operation for call in self.calls if call.is_write]

    def of(self, operation: str) -> list[Mapping[str, Any]]:
        """The parameters of each call of an operation."""
        return [call.parameters for call in self.calls if call.operation == operation]

    def flaws(self) -> list[str]:
        """What of the recorded requests AWS's models do not allow."""
        return [
            f"{call.operation}: {flaw}"
            for call in self.calls
            if call.service != "s3"
            for flaw in flaws_of(call.service, call.operation, call.parameters)
        ]

    def fault_for(self, call: Call) -> Fault | None:
        """The fault that this call meets now, if any."""
        for fault in self.faults:
            if fault.operation and fault.operation != call.operation:
                continue
            if fault.skipped:
                fault.skipped -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            return fault
        return None


@cache
def _client(service: str, region: str, url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nobody's
        config=Config(s3={"addressing_style": "path"}),
    )


class _Proxy(ThreadingHTTPServer):
    aws: AWS
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    server: _Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        aws, body = self.server.aws, self._body()
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        service, region = (scope[2], scope[1]) if scope else ("", "")
        call = read_call(service, self.command, self.path, self.headers, body)
        application = _APPLICATION.search(self.headers.get("User-Agent", ""))
        call.caller = application[1] if application else ""
        with aws.lock:
            aws.calls.append(call)
            aws.heard.append(call)
            fault = aws.fault_for(call)
        if fault is not None and not fault.after:
            self._fail(fault.kind, call)
            return
        if call.operation in aws.answers:
            self._answer_as_told(call, aws.answers[call.operation])
            return
        status, headers, content = self._forward(call, body, region)
        if fault is not None:
            self._fail(fault.kind, call)
        else:
            self._answer(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the base class names them

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _forward(self, call: Call, body: bytes, region: str) -> tuple[int, list[tuple[str, str]], bytes]:
        aws = self.server.aws
        with aws.lock:  # moto's own state is not made for several at once
            if call.operation == "UpdateTerminationProtection":
                return _protected(call, region)
            body = _as_moto_wants_it(aws, call, body, region)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            connection = HTTPConnection(*aws.moto_address, timeout=30)
            try:
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                if call.operation == "ExecuteChangeSet":
                    _find_outputs(region)
                return _as_aws_says_it(call, response, response.read())
            finally:
                connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(content)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _fail(self, kind: str, call: Call) -> None:
        if kind == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        rest, protocol = call.service == "s3", _protocol(call.service)
        denied = {"ec2": "UnauthorizedOperation", "query": "AccessDenied"}.get(protocol, "AccessDeniedException")
        status, code = {
            "throttled": (503 if rest else 400, "SlowDown" if rest else "ThrottlingException"),
            "broken": (500, "InternalError" if rest else "InternalServerException"),
            "denied": (403 if rest else 400, "AccessDenied" if rest else denied),
        }[kind]
        self._refuse(status, code, call)

    def _refuse(self, status: int, code: str, call: Call) -> None:
        rest, protocol = call.service == "s3", _protocol(call.service)
        if rest or protocol in _QUERY:
            error = f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>"
            around = {
                "ec2": ("<Response><Errors>", "</Errors></Response>"),
                "query": ("<ErrorResponse>", "</ErrorResponse>"),
            }
            text = error.join(around.get(protocol, ("", "")))
        else:
            text = json.dumps({"__type": code, "message": "as the test wants it"})
        content = b"" if self.command == "HEAD" else text.encode()
        self._answer(status, [("x-amzn-ErrorType", code)], content)

    def _answer_as_told(self, call: Call, told: Any) -> None:
        made = told(call.parameters) if callable(told) else told
        if isinstance(made, Refusal):
            self._refuse(made.status, made.code, call)
        else:
            self._answer(200, *_serialized(call, made))

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):  # the connection was reset on purpose
            self.rfile.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing: the test looks at `calls`."""


def _as_moto_wants_it(aws: AWS, call: Call, body: bytes, region: str) -> bytes:
    """Where moto is unlike AWS: tags of the same key are added twice, a definition in S3 is kept as an object."""
    if call.operation == "AddTags":
        keys = [tag["Key"] for tag in call.parameters["Tags"]]
        aws.client("sagemaker", region).delete_tags(ResourceArn=call.parameters["ResourceArn"], TagKeys=keys)
    location = call.parameters.get("PipelineDefinitionS3Location")
    if location is None:
        return body
    stored = aws.client("s3", region).get_object(Bucket=location["Bucket"], Key=location["ObjectKey"])["Body"]
    request = {name: value for name, value in call.parameters.items() if name != "PipelineDefinitionS3Location"}
    return json.dumps({**request, "PipelineDefinition": stored.read().decode()}).encode()


def _stacks_of_moto(region: str) -> list[Any]:
    from moto.cloudformation.models import cloudformation_backends

    return [*cloudformation_backends[ACCOUNT][region].stacks.values()]


def _find_outputs(region: str) -> None:
    """moto gives a stack that a change set has made or changed the outputs of what it was before."""
    for stack in _stacks_of_moto(region):
        if stack.template:
            stack._parse_template()
            stack.output_map = stack._create_output_map()


def _protected(call: Call, region: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """moto keeps the flag of a stack and has no operation that sets it."""
    for stack in _stacks_of_moto(region):
        if stack.name == call.parameters["StackName"]:
            stack.enable_termination_protection = call.parameters["EnableTerminationProtection"]
    return 200, [("Content-Type", "text/xml")], f"<{call.operation}Response/>".encode()


def _as_aws_says_it(call: Call, response: HTTPResponse, content: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Where moto is unlike AWS: it has another error for a pipeline or a change set that is not there (botocore:
    ResourceNotFound, ChangeSetNotFound), and does not say which version an update has made."""
    headers = response.getheaders()
    if call.operation in ("DescribePipeline", "UpdatePipeline", "DeletePipeline") and b"Could not find" in content:
        content = content.replace(b"ValidationException", b"ResourceNotFound")
        headers = [(name, value) for name, value in headers if name.lower() != "x-amzn-errortype"]
    if call.operation == "DescribeChangeSet":
        content = content.replace(b"<Code>ValidationError<", b"<Code>ChangeSetNotFound<")
    if call.operation == "UpdatePipeline" and response.status == 200:
        content = json.dumps({**json.loads(content), "PipelineVersionId": 2}).encode()
    return response.status, headers, content


def read_call(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """What a request asks for."""
    target = headers.get("X-Amz-Target", "")
    if target:
        return Call(service, target.rpartition(".")[2], json.loads(body or b"{}"), body)
    if service == "s3":
        return _read_s3(method, path, headers, body)
    if _protocol(service) in _QUERY:
        return _read_query(service, body)
    return _read_rest(service, method, path, body)


def _read_s3(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    parts = urlsplit(path)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    kind = "Object" if key else "Bucket"
    about = _OF_BUCKETS.get(parts.query) if method == "GET" and not key else None
    if about:
        return Call("s3", about, {"Bucket": bucket}, body)
    word = {"PUT": "Put" if key else "Create", "GET": "Get" if key else "List", "POST": "Post"}.get(
        method, method.title()
    )
    query = dict(parse_qsl(parts.query))
    asked = {
        "Key": key,
        "Prefix": query.get("prefix"),
        "UploadId": query.get("uploadId"),
        "SSEKMSKeyId": headers.get("x-amz-server-side-encryption-aws-kms-key-id"),
    }
    operation = "AbortMultipartUpload" if method == "DELETE" and "uploadId" in query else f"{word}{kind}"
    return Call("s3", operation, {"Bucket": bucket, **{name: value for name, value in asked.items() if value}}, body)


def _read_query(service: str, body: bytes) -> Call:
    """A request of the query protocol, or EC2's kind of it, whatever the service: moto takes it apart."""
    from moto.core.parse import PROTOCOL_PARSERS

    given = dict(parse_qsl(body.decode(), keep_blank_values=True))
    name = given.get("Action", "")
    operation = _motos_model(service).operation_model(name)
    parameters = PROTOCOL_PARSERS[_protocol(service)](operation).parse({"values": given})
    return Call(service, name, parameters, body)


def _serialized(call: Call, result: Any) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an answer, in the protocol of the call's service."""
    from moto.core.serialize import get_serializer_class

    protocol = _protocol(call.service)
    made = get_serializer_class(call.service, protocol)(_motos_model(call.service).operation_model(call.operation))
    answer = made.serialize(result)
    body = answer["body"]
    return [*answer["headers"].items()], body.encode() if isinstance(body, str) else body


def _protocol(service: str) -> str:
    return str(_service_model(service).resolved_protocol) if service else ""


@cache
def _motos_model(service: str) -> Any:
    """The same as `_service_model`, as moto's readers and writers want it."""
    from moto.core.utils import get_service_model

    return get_service_model(_SIGNED_AS.get(service, service))


def _read_rest(service: str, method: str, path: str, body: bytes) -> Call:
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    model = _service_model(service)
    for name in model.operation_names:
        operation = model.operation_model(name)
        template = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", operation.http["requestUri"].partition("?")[0])
        match = re.fullmatch(template, parts.path)
        if match is None or operation.http["method"] != method:
            continue
        parameters = json.loads(body) if body else {}
        for member, shape in operation.input_shape.members.items():
            place = shape.serialization
            if place.get("location") == "uri":
                parameters[member] = unquote(match[place.get("name", member)])
            elif place.get("location") == "querystring" and place.get("name", member) in query:
                parameters[member] = query[place.get("name", member)]
        return Call(service, name, parameters, body)
    return Call(service, f"{method} {parts.path}", {}, body)


@cache
def _service_model(service: str) -> Any:
    """botocore's model of a service by the name that requests are signed with, which is that of its permissions."""
    import botocore.session

    return botocore.session.get_session().get_service_model(_SIGNED_AS.get(service, service))


def flaws_of(service: str, operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """What botocore's model of the operation does not allow: botocore itself checks neither enums nor patterns."""
    model = _service_model(service)
    if operation not in model.operation_names:
        return [f"{service} has no such operation"]
    shape = model.operation_model(operation).input_shape
    return [*_flaws(shape, parameters, "")] if shape is not None else [f"it takes no {name}" for name in parameters]


def _flaws(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from (f"{path}.{name} is needed" for name in shape.required_members if name not in value)
        for name, member in value.items():
            if name in shape.members:
                yield from _flaws(shape.members[name], member, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not known"
    elif shape.type_name == "list":
        yield from _size_flaws(shape, len(value), path)
        for number, member in enumerate(value):
            yield from _flaws(shape.member, member, f"{path}[{number}]")
    elif shape.type_name == "map":
        yield from _size_flaws(shape, len(value), path)
        for name, member in value.items():
            yield from _flaws(shape.key, name, f"{path} key")
            yield from _flaws(shape.value, member, f"{path}.{name}")
    else:
        yield from _scalar_flaws(shape, value, path)


def _scalar_flaws(shape: Any, value: Any, path: str) -> Iterator[str]:
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "float": float, "double": float}
    if shape.type_name in kinds and not isinstance(value, kinds[shape.type_name]):
        yield f"{path} is {value!r}, not a {shape.type_name}"
        return
    if shape.type_name == "string":
        yield from _size_flaws(shape, len(value), path)
        pattern = shape.metadata.get("pattern", "").replace(r"\p{L}\p{Z}\p{N}", r"\w\s")
        if pattern and not re.fullmatch(pattern, value, re.DOTALL if "PipelineDefinition" in shape.name else 0):
            yield f"{path} is {value!r:.80}, which is not {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{path} is {value!r}, which is not one of {shape.enum}"
    elif shape.type_name in ("integer", "long"):
        yield from _size_flaws(shape, value, path)


def _size_flaws(shape: Any, size: int, path: str) -> Iterator[str]:
    if size < shape.metadata.get("min", size) or size > shape.metadata.get("max", size):
        yield f"{path} has {size}, and the limits are {shape.metadata}"
