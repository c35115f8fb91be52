"""Runs inside a job: calls a Lambda handler and writes down its answer. Imports nothing of the project.

python host.py FILE HANDLER EVENT.json RESULT.json [MORE]

MORE is JSON: further members of the event of a function that stands for a program. It fails as a program does, and
what it returns is nobody's.
"""

import importlib.util
import json
import os
import sys
import time
import traceback
import uuid


class Context:
    """The members of Lambda's context object that handlers use."""

    def __init__(self, seconds: int) -> None:
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = "128"
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def call(file: str, handler: str, event: object, answers: bool) -> "dict[str, object]":
    sys.path.insert(0, os.path.dirname(file))
    os.chdir(os.path.dirname(file))
    try:
        spec = importlib.util.spec_from_file_location("handler", file)
        if spec is None or spec.loader is None:
            return {"error": f"{file} is no Python file"}
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer = getattr(module, handler)(event, Context(seconds=600))
        if not answers:
            return {"answer": None}
        json.dumps(answer, allow_nan=False)
    except SystemExit as error:  # a function is called, not run: the service calls this a failure as well
        return {"error": f"the handler ended its process: sys.exit({error.code!r})"}
    except Exception as error:  # the handler's own failure is the step's result
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
    return {"answer": answer}


if __name__ == "__main__":
    with open(sys.argv[3], encoding="utf-8") as event_file:
        given = json.load(event_file)
    is_program = len(sys.argv) > 5
    given = {**given, **json.loads(sys.argv[5])} if is_program else given
    result = call(sys.argv[1], sys.argv[2], given, answers=not is_program)
    with open(sys.argv[4], "w", encoding="utf-8") as result_file:
        json.dump(result, result_file)
    if is_program and "error" in result:
        sys.exit(f"{result['error']}")
