"""The process that answers the scripts of one run that call AWS. `door` starts it when the first of them does.

What comes in: a listening socket and a control socket; on the latter a line of JSON with the settings. What goes out:
answers to whoever has the run's access key; on the control socket, a line of JSON for each note to the run (a text),
and for what was asked for and is not there (`{"missed": address}`). It ends
when the control socket is closed, so with the run, however that ends.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.body import Body
from dagwright.engines.local.endpoint.caller import Caller, caller_of, operation_of
from dagwright.engines.local.endpoint.exchange import Answer, Request, S3Error
from dagwright.engines.local.endpoint.others import Call, Others, refusal
from dagwright.engines.local.endpoint.own import Own
from dagwright.engines.local.endpoint.s3 import S3
from dagwright.engines.local.store import Store

_LARGEST_CALL = 64 << 20
_STRANGER = (
    "a local run takes the credentials that it gives to its jobs (AWS_ACCESS_KEY_ID) and no others: "
    "leave those of your own out"
)


class Notes:
    """What the run is told, each thing once. Safe to use from several threads."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._said: set[tuple[str, str]] = set()
        self._missed = ""
        self._lock = threading.Lock()

    def say(self, kind: str, name: str, line: str) -> None:
        with self._lock, suppress(OSError):  # the run is over: this process is about to end as well
            if (kind, name) not in self._said:
                self._said.add((kind, name))
                self._control.sendall(json.dumps(line).encode() + b"\n")

    def missed(self, uri: str) -> None:
        """Nothing is there, and somebody has asked for it: nobody is told, unless a job fails for it."""
        with self._lock, suppress(OSError):
            if uri != self._missed:
                self._missed = uri
                self._control.sendall(json.dumps({"missed": uri}).encode() + b"\n")


class Server(ThreadingHTTPServer):
    """One thread a connection, at a socket that somebody else has opened."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, settings: dict[str, str], notes: Notes) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()
        self.notes = notes
        self.key = settings["key"]
        self.missed = notes.missed
        region, account_id = settings["region"], settings["account_id"]
        store, folder = Store(Path(settings["store"])), Path(settings["folder"])
        self.s3 = S3(store, folder, region, lambda name, line: notes.say("bucket", name, line))
        self.own = Own(settings)
        self.others = Others(account_id, region, lambda name, line: notes.say("service", name, line))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "dagwright"
    disable_nagle_algorithm = True  # an answer in two pieces would wait for the client's acknowledgement of the first

    def _serve(self) -> None:
        target = self.path.removeprefix(f"/{self.server.key}")
        path, _, words = target.partition("?")
        query = dict(parse_qsl(words, keep_blank_values=True, errors="surrogateescape"))
        caller = caller_of(self.headers, query)
        if target != self.path:  # whoever knows the word may sign as they like
            caller = replace(caller, key=self.server.key)
        try:
            body = Body(self.rfile, self.headers)
            answer = self._answer_to(caller, target, query, body)
            body.drain()
        except EOFError as error:
            self.close_connection = True
            answer = _s3_error(S3Error(400, "IncompleteBody", str(error)), path)
        except OSError:
            raise  # the client is gone
        except Exception as error:  # one call fails with a sentence, and the run hears of it
            self.close_connection = True
            what = f"{self.command} {path} was not answered: {type(error).__name__}: {error}"
            self.server.notes.say("failed", path, f"a script's call {what}; this is a bug of dagwright")
            answer = _s3_error(S3Error(500, "InternalError", what), path)
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - the base class names them

    def _answer_to(self, caller: Caller, target: str, query: dict[str, str], body: Body) -> Answer:
        path = target.partition("?")[0]
        if caller.service == "s3":
            bucket, _, key = documents.unquoted_path(path).removeprefix("/").partition("/")
            request = Request(self.command, bucket, key, query, self.headers, body.content)
            try:
                self._require_key(caller)
                return self.server.s3.answer(request)
            except S3Error as error:
                if self.command in ("GET", "HEAD") and error.code in ("NoSuchKey", "NoSuchBucket"):
                    self.server.missed(f"s3://{bucket}/{key or query.get('prefix', '')}".rstrip("/"))
                return _s3_error(error, path)
        call = Call(caller.service, "", self.command, target or "/", self.headers, b"")
        try:
            self._require_key(caller)
        except S3Error as error:
            return refusal(call, "UnrecognizedClientException", error.message, error.status)
        content = body.content.read(_LARGEST_CALL + 1)
        if len(content) > _LARGEST_CALL:
            return refusal(call, "RequestEntityTooLarge", "a local run takes calls of 64 MiB at most", 413)
        call = replace(call, operation=operation_of(self.command, path, self.headers, content), body=content)
        return self.server.own.answer(call) or self.server.others.answer(call)

    def _require_key(self, caller: Caller) -> None:
        """Other users of the machine reach its loopback as well."""
        if not caller.key:
            raise S3Error(403, "AccessDenied", "a local run answers signed requests only")
        if caller.key != self.server.key:
            raise S3Error(403, "InvalidAccessKeyId", _STRANGER)

    def _send(self, answer: Answer) -> None:
        size = answer.size if answer.file else len(answer.content)
        self.send_response_only(answer.status)
        for name, value in {"x-amz-request-id": "LOCAL", **answer.headers}.items():
            self.send_header(name, _in_latin(value))
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(size))
        self.end_headers()
        try:
            if self.command != "HEAD" and answer.file and answer.size:
                self.connection.sendfile(answer.file, answer.start, answer.size)
            elif self.command != "HEAD":
                self.wfile.write(answer.content)
        finally:
            if answer.file:
                answer.file.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Nothing: what is worth a word is a note."""


def _in_latin(value: str) -> str:
    """The value of a header on one line; what came in one has the characters of one, words of an address may not."""
    line = re.sub(r"[\r\n]+", " ", value)
    return line if max(line, default="") <= "\xff" else line.encode("utf-8", "surrogateescape").decode("latin-1")


def _s3_error(error: S3Error, path: str) -> Answer:
    content = documents.plain_document("Error", Code=error.code, Message=error.message, Resource=path)
    return Answer(error.status, {"Content-Type": "application/xml"}, content)


def _end_with(control: socket.socket) -> NoReturn:
    with suppress(OSError):
        control.recv(1)
    os._exit(0)


def main(listener: int, control: int) -> None:
    """Serve the socket `listener` until `control` is closed; both are descriptors."""
    run = socket.socket(fileno=control)
    with run.makefile("r", encoding="utf-8") as lines:
        settings = json.loads(lines.readline())
    threading.Thread(target=_end_with, args=(run,), daemon=True).start()
    Server(socket.socket(fileno=listener), settings, Notes(run)).serve_forever()
