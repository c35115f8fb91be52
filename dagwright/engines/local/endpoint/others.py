"""What is not S3: moto, AWS's services as a mock in memory, where it is installed; else a refusal that the service's
clients can read.

What comes in: a `Call`. What goes out: an `Answer`, and a word for the run, once a service.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.exchange import Answer

REST_IN_XML = ("s3", "s3control", "route53", "cloudfront")
_NEEDED = ("moto", "flask", "flask_cors")
_STATUS = 501  # no client tries it again
# Backends of moto that run what they are sent, here or in Docker, outside any sandbox; and moto's own switches.
_RUNS_CODE = ("awslambda", "awslambda_simple", "batch", "batch_simple", "cloudformation", "moto_api", "moto_proxy")

Application = Callable[[Mapping[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """A request to a service that is not S3. `target` is the address with its query, as it came."""

    service: str
    operation: str
    method: str
    target: str
    headers: Message
    body: bytes


class WouldRunCodeError(Exception):
    """A backend of moto that is not asked."""


class Others:
    """Every service but S3, for one run. `say` is told once what answers a service, by its name."""

    def __init__(self, account_id: str, region: str, say: Callable[[str, str], None]) -> None:
        self._account_id = account_id
        self._region = region
        self._say = say
        self._application: Any = None
        self._lock = threading.Lock()

    def answer(self, call: Call) -> Answer:
        """Moto's, or that nothing here answers."""
        name = call.service or "a service that is not named"
        if any(find_spec(module) is None for module in _NEEDED):
            why = "moto, which mocks other services, is not installed (extra `aws-calls`)"
        else:
            try:
                answer = _asked(self._moto(), call)
                self._say(name, f"a script called {name}: moto answered, a mock in memory; nothing of it is real")
                return answer
            except WouldRunCodeError:
                why = "moto would run what it is sent outside the job's sandbox"
            except Exception:  # what moto does not know it says by errors of all kinds
                why = "moto does not know it either"
        self._say(
            f"{name} refused", f"a script called {name}, which nothing here answers: {call.operation} was refused"
        )
        return refusal(call, "NotImplemented", f"a local run does not answer {call.operation} of {name}: {why}")

    def _moto(self) -> Application:
        with self._lock:
            if self._application is None:
                os.environ |= {"MOTO_ACCOUNT_ID": self._account_id, "AWS_DEFAULT_REGION": self._region}
                server: Any = import_module("moto.server")
                self._application = server.DomainDispatcherApplication(_harmless(server.create_backend_app))
            application: Application = self._application
            return application


def _harmless(create: Callable[[str], Any]) -> Callable[[str], Any]:
    """What makes moto's backends, but none that runs code, by whichever words of a request moto finds it."""

    def create_harmless(backend: str) -> Any:
        if backend in _RUNS_CODE:
            raise WouldRunCodeError
        return create(backend)

    return create_harmless


def _asked(application: Application, call: Call) -> Answer:
    """The answer of a WSGI application."""
    from wsgiref.util import setup_testing_defaults

    path, _, query = call.target.partition("?")
    given: dict[str, Any] = {
        "REQUEST_METHOD": call.method,
        "PATH_INFO": documents.unquoted_path(path).encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": call.target,
        "CONTENT_TYPE": call.headers.get("Content-Type") or "",
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": io.StringIO(),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in call.headers.items()},
    }
    setup_testing_defaults(given)
    begun: list[Any] = []
    parts = application(given, lambda status, headers, _=None: begun.extend((status, headers)))
    content = b"".join(parts)
    hidden = ("content-length", "connection", "transfer-encoding")
    headers = {name: value for name, value in begun[1] if name.lower() not in hidden}
    return Answer(int(begun[0].split()[0]), headers, content)


def refusal(call: Call, code: str, message: str, status: int = _STATUS) -> Answer:
    """A refusal in the form in which the service's clients read one."""
    kind = call.headers.get("Content-Type") or ""
    if call.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        content, kind = _cbor({"__type": code, "message": message}), "application/cbor"
        return Answer(status, {"Content-Type": kind, "Smithy-Protocol": "rpc-v2-cbor"}, content)
    if call.service == "ec2":
        errors = documents.element("Errors", documents.element("Error", Code=code, Message=message))
        return Answer(status, {"Content-Type": "text/xml"}, documents.plain_document("Response", errors))
    if "x-www-form-urlencoded" in kind or call.service in REST_IN_XML:
        error = documents.element("Error", Code=code, Message=message)
        plain = documents.plain_document("Error", Code=code, Message=message)
        content = plain if call.service == "s3" else documents.plain_document("ErrorResponse", error)
        return Answer(status, {"Content-Type": "text/xml"}, content)
    content = json.dumps({"__type": code, "message": message}).encode()
    return Answer(status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}, content)


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A map of a few texts in CBOR (RFC 8949): each behind its kind and its length in four bytes."""
    pieces = [
        bytes([0x7A]) + len(data).to_bytes(4, "big") + data
        for data in (text.encode() for pair in texts.items() for text in pair)
    ]
    return bytes([0xA0 + len(texts)]) + b"".join(pieces)
