"""The process that holds a model, as the rest of the job sees it: started, asked, ended.

What comes in: one container of the job's description. What goes out: an answer to each payload.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from dagwright.engines.local.serving.messages import Channel, GoneError, LateError


class RequestError(Exception):
    """The model could not answer one request; another may go well."""


class ModelError(Exception):
    """There is no model that could be asked: it cannot be loaded."""


class ModelProcess:
    """A container's program. It is started when it is first asked, and again after it has died or taken too long."""

    def __init__(self, root: str, number: int, container: Mapping[str, Any], seconds: float) -> None:
        self._root, self._number, self._container, self._seconds = root, number, container, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None

    def start(self) -> Channel:
        """With its model loaded. Raises ModelError."""
        if self._channel is not None:
            return self._channel
        their_reading, our_writing = os.pipe()
        our_reading, their_writing = os.pipe()
        python = self._container["Python"] or sys.executable
        program = os.path.join(self._root, ".dagwright")
        words = [python, program, self._root, str(self._number), str(their_reading), str(their_writing)]
        try:
            process = self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, pass_fds=(their_reading, their_writing), env=self._variables()
            )
        finally:
            os.close(their_reading)
            os.close(their_writing)
        channel = self._channel = Channel(our_reading, our_writing, lambda: process.poll() is not None)
        try:
            head, _ = channel.receive()
        except GoneError:
            raise ModelError(f"the model was not loaded: {self._end()}") from None
        if "error" in head:
            self._end()
            raise ModelError(f"the model was not loaded: {head['error']}")
        return channel

    def ask(self, payload: bytes, content_type: str, accept: str) -> bytes:
        """The answer. Raises RequestError, ModelError."""
        channel = self.start()
        try:
            channel.send({"ContentType": content_type, "Accept": accept}, payload, self._seconds)
            head, body = channel.receive(self._seconds)
        except LateError:
            self._end()
            raise RequestError(f"no answer within {self._seconds:g} s (InvocationsTimeoutInSeconds)") from None
        except GoneError:
            raise RequestError(f"the process of the model ended: {self._end()}") from None
        if "error" in head:
            raise RequestError(str(head["error"]))
        return body

    def close(self) -> None:
        """It is needed no more."""
        if self._channel is not None:
            self._end()

    def _end(self) -> str:
        """How it ended, if it did so by itself."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is None:
            return ""
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _variables(self) -> dict[str, str]:
        variables = dict(os.environ)
        variables.update(json.loads(json.dumps(self._container["Environment"]).replace("/opt/ml", self._root)))
        return variables
