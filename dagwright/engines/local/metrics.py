"""The final metrics of a training job: the last numbers its expressions find in its logs.

What comes in: MetricDefinitions of the request and those that its image brings, the logs. What goes out:
FinalMetricDataList, and notes on what was left out. The expressions are the definition's and the logs the job's, so the
reading is done by the small program `metric_reader.py`, which can be ended.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.algorithms import metric_definitions
from dagwright.engines.local.request import member, needed, objects
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    import subprocess

SECONDS_PER_METRIC = 30.0
SECONDS_PER_LOOK = 5.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Metrics:
    """What was found: members of FinalMetricDataList, and notes worth a line each."""

    found: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def metric_expressions(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, regular expression) of each of MetricDefinitions, and of those that the image has by itself.

    Raises ExecutionError for one that is none.
    """
    expressions = []
    for definition in objects(request, "AlgorithmSpecification.MetricDefinitions"):
        name, expression = needed(definition, "Name", str), needed(definition, "Regex", str)
        try:
            re.compile(expression)
        except (re.error, OverflowError, RecursionError) as error:
            raise ExecutionError(f"The metric '{name}' has no valid Regex: {error}") from error
        expressions.append((name, expression))
    own = {name for name, _ in expressions}
    image = member(request, "AlgorithmSpecification.TrainingImage", str, "")
    return expressions + [known for known in metric_definitions(image) if known[0] not in own]


def final_metrics(
    request: Mapping[str, Any],
    logs: Iterable[Path],
    ended: str,
    given_up: Callable[[], bool] = lambda: False,
    seconds: float = SECONDS_PER_METRIC,
) -> Metrics:
    """The last finite number of each metric; `seconds` is how long one expression may take.

    `given_up` is asked meanwhile: a run that is being stopped does not wait. Raises ExecutionError.
    """
    expressions = metric_expressions(request)
    if not expressions:
        return Metrics()
    answer = _answer({"expressions": expressions, "logs": [str(log) for log in logs], "seconds": seconds}, given_up)
    if answer is None:
        return Metrics(notes=("its metrics were not read to the end",))
    values = answer["values"]
    names = dict.fromkeys(name for name, _ in expressions)
    found = [{"MetricName": name, "Value": values[name], "Timestamp": ended} for name in names if name in values]
    infinite = [f"metric '{name}' was {text}: it is left out" for name, text in answer["infinite"].items()]
    slow = [f"metric '{name}' was given up: its expression took more than {seconds:g} s" for name in answer["slow"]]
    return Metrics(tuple(found), (*infinite, *slow))


def metric_series(
    request: Mapping[str, Any], metric: str, logs: Iterable[Path], given_up: Callable[[], bool] = lambda: False
) -> list[float]:
    """Every finite number that one metric has had so far, in the order of the logs; empty if it takes too long."""
    expressions = [(name, expression) for name, expression in metric_expressions(request) if name == metric]
    question = {"expressions": expressions, "logs": [str(log) for log in logs], "seconds": SECONDS_PER_LOOK}
    answer = _answer({**question, "series": True}, given_up)
    return [] if answer is None else list(answer["series"].get(metric, ()))


def _answer(request: Mapping[str, Any], given_up: Callable[[], bool]) -> dict[str, Any] | None:
    """What the reader says; nothing if it was given up or came to a bad end. Raises ExecutionError."""
    import subprocess

    program = Path(__file__).with_name("metric_reader.py")
    words = [sys.executable, "-I", "-S", str(program)]
    try:
        reader = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )  # Ctrl-C reaches the whole terminal; only the engine decides
    except OSError as error:
        raise ExecutionError(f"The process that reads metrics cannot be started: {error.strerror}") from error
    with reader:
        output = _output(reader, json.dumps(request).encode(), given_up)
    return json.loads(output) if reader.returncode == 0 else None


def _output(reader: subprocess.Popen[bytes], question: bytes, given_up: Callable[[], bool]) -> bytes:
    import subprocess

    asked: bytes | None = question
    while True:
        try:
            return reader.communicate(asked, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            asked = None  # it has been
            if given_up():
                reader.kill()
