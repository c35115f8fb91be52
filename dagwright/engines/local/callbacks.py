"""A Callback step here: a worker of the project in place of whoever reads the queue.

What comes in: the address of the queue, the `callbacks` table of the configuration's local section (`queue name,
address or pattern: file.py:worker`), the step's arguments. What goes out: the message that the service would send, with
its token, and the answer as output parameters.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagwright.engines.local.handlers import Handler, handler_named
from dagwright.engines.local.home import random_text
from dagwright.engines.local.output_parameters import typed_outputs
from dagwright.errors import ExecutionError

# SendPipelineExecutionStepSuccess: the length of a token, the most output parameters, the longest value.
_TOKEN_LENGTH = 10
_MOST_OUTPUTS = 50
_LONGEST_VALUE = 1024
LIMIT_SECONDS = 86400  # the service waits for a week; a worker that hangs here is seen earlier


def worker_of(queue: str, callbacks: Mapping[str, str], project: Path) -> Handler:
    """What answers the messages of a queue. Raises ExecutionError if nothing does."""
    names = queue_name(queue), queue
    missing = "No local worker answers the queue"
    return handler_named("worker of the queue", names, "callbacks", callbacks, project, missing)


def queue_name(address: str) -> str:
    """`https://sqs.region.amazonaws.com/account/name` -> `name`."""
    return address.rstrip("/").rpartition("/")[2]


def new_token() -> str:
    """A token as the service makes it: exactly ten letters and digits."""
    return random_text(string.ascii_letters, _TOKEN_LENGTH)


def message_of(token: str, execution_arn: str, arguments: Any) -> dict[str, Any]:
    """What the queue's reader gets (developer guide, "Callback step")."""
    return {"token": token, "pipelineExecutionArn": execution_arn, "arguments": arguments, "status": "Executing"}


def answered_outputs(answer: Any, declared: Mapping[str, str]) -> dict[str, Any]:
    """The declared output parameters of an answer: an object of them, or the list that
    SendPipelineExecutionStepSuccess takes.

    Raises ExecutionError for what that call would refuse.
    """
    listed = answer.get("OutputParameters") if isinstance(answer, dict) else None
    if isinstance(listed, list) and all(isinstance(one, dict) and {"Name", "Value"} <= one.keys() for one in listed):
        answer = {str(one["Name"]): one["Value"] for one in listed}
    if isinstance(answer, dict) and len(answer) > _MOST_OUTPUTS:
        raise ExecutionError(f"The worker gives {len(answer)} output parameters; a callback takes {_MOST_OUTPUTS}")
    outputs = typed_outputs(answer, declared)
    for name, value in outputs.items():
        if len(str(value)) > _LONGEST_VALUE:
            raise ExecutionError(f"The output parameter '{name}' is longer than {_LONGEST_VALUE} characters")
    return outputs
