"""Callback steps: a worker gets the message and the token, and its answer is the step's, whichever engine runs it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from typing import Any

import pytest
from engines.place import Place, get
from engines.test_machine_run import as_machines

from dagwright.engines.local.callbacks import answered_outputs, message_of, new_token
from dagwright.errors import DefinitionError, ExecutionError

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/approvals"
STEP = {"Name": "C", "Type": "Callback", "SqsQueueUrl": QUEUE, "Arguments": {"of": get("Parameters.N")}}
WORKER = """
import os
def answer(event, context):
    assert event["token"] == os.environ["CALLBACK_TOKEN"] and len(event["token"]) == 10, event
    assert event["pipelineExecutionArn"].startswith("arn:aws:sagemaker:") and event["status"] == "Executing"
    return {"twice": event["arguments"]["of"] * 2, "more": "unread"}
def refuse(event, context):
    raise ValueError("nobody is here")
"""


COMMAND = """#!/bin/sh
echo asked >&2
test -e beside || exit 4
read -r line
printf '{"twice": %s}' "$1"
"""


def outputs(**kinds: str) -> dict[str, Any]:
    return {"OutputParameters": [{"OutputName": name, "OutputType": kind} for name, kind in kinds.items()]}


@pytest.fixture(params=["local", "machine"])
def place_of(request: pytest.FixtureRequest, place_with: Callable[..., Place]) -> Callable[[str], Place]:
    """A place whose queue is answered so, beside workers to choose from."""

    def make(worker: str) -> Place:
        place = place_with(callbacks={"appr*": worker})
        (place.folder / "w").mkdir()
        (place.folder / "w" / "w.py").write_text(WORKER)
        (place.folder / "w" / "a.json").write_text('{"OutputParameters": [{"Name": "twice", "Value": "8"}]}')
        script = place.folder / "w" / "w.sh"
        script.write_text(
            '#!/bin/sh\necho asked >&2\ntest -e beside || exit 4\nread -r line\nprintf \'{"twice": %s}\' "$1"\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        (place.folder / "w" / "beside").touch()
        return as_machines(place) if request.param == "machine" else place

    return make


@pytest.mark.parametrize("worker", ["w/w.py:answer", "w/a.json", "./w/w.sh 8"])
def test_a_worker_answers_with_output_parameters(place_of: Callable[[str], Place], worker: str) -> None:
    place = place_of(worker)
    value = {"Std:Join": {"On": "", "Values": [get("Steps.C.OutputParameters['twice']")]}}
    reader = place.writing("R", "write('seen', os.environ['SEEN'])", variables={"SEEN": value})
    execution = place.run(STEP | outputs(twice="Integer"), reader, parameters={"N": 4})
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("R/seen") == "8"
    assert place.output(execution, "C") == {"OutputParameters": {"twice": 8}}
    callback = execution.steps["C"].metadata["Callback"]
    assert callback["SqsQueueUrl"] == QUEUE
    assert len(callback["CallbackToken"]) == 10
    assert callback["OutputParameters"] == [{"Name": "twice", "Value": "8"}]


def test_a_worker_that_fails_fails_the_step(place_of: Callable[[str], Place]) -> None:
    execution = place_of("w/w.py:refuse").run(STEP, parameters={"N": 4})
    assert "nobody is here" in execution.steps["C"].failure_reason


def test_a_command_that_fails_fails_the_step(place_of: Callable[[str], Place]) -> None:
    place = place_of("./w/w.sh 8")
    (place.folder / "w" / "beside").unlink()
    execution = place.run(STEP, parameters={"N": 4})
    assert "w.sh ended with exit code 4" in execution.steps["C"].failure_reason
    assert "asked" in place.log(execution, "C")


def test_an_answer_that_is_no_json_fails_the_step(place_of: Callable[[str], Place]) -> None:
    place = place_of("w/a.json")
    (place.folder / "w" / "a.json").write_text('{"twice": NaN}')
    execution = place.run(STEP | outputs(twice="Integer"), parameters={"N": 4})
    assert "a.json is no JSON" in execution.steps["C"].failure_reason


@pytest.mark.parametrize("worker", ["w/none.py:answer", "w/none.json", "./none.sh", "no-such-program-here x", "'"])
def test_a_worker_that_is_not_there_is_said_before_the_start(place_of: Callable[[str], Place], worker: str) -> None:
    with pytest.raises(DefinitionError, match="of the queue 'approvals' does not exist"):
        place_of(worker).run(STEP, parameters={"N": 4})


def test_a_queue_that_nobody_answers_is_said_before_the_start(place: Place) -> None:
    with pytest.raises(DefinitionError, match=r"callbacks: \{approvals: path/to/file.py:worker\}"):
        place.run(STEP, parameters={"N": 4})


def test_the_limits_of_an_answer_are_the_services() -> None:
    assert answered_outputs({"a": "x" * 1024}, {"a": "String"}) == {"a": "x" * 1024}
    with pytest.raises(ExecutionError, match="longer than 1024"):
        answered_outputs({"a": "x" * 1025}, {"a": "String"})
    with pytest.raises(ExecutionError, match="takes 50"):
        answered_outputs({str(number): "" for number in range(51)}, {})
    assert answered_outputs(None, {}) == {}


def test_a_message_has_the_members_of_the_services() -> None:
    token = new_token()
    assert token.isalnum()
    assert len(token) == 10
    assert json.loads(json.dumps(message_of(token, "arn", {"a": 1}))) == {
        "token": token, "pipelineExecutionArn": "arn", "arguments": {"a": 1}, "status": "Executing",
    }  # fmt: skip
