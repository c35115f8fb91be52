"""What stands beside Arguments: a graph comes in, problems with the keys that a type of step needs go out.

Also the Arguments of those types that no API of AWS describes: Condition and Fail, and the cluster of an EMR step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagwright.definition.expression import is_expression
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import write_path
from dagwright.definition.rules.names import shortened
from dagwright.errors import Problem, did_you_mean

MOST_OUTPUTS = 50  # botocore, OutputParameterList
OUTPUT_TYPES = ("String", "Integer", "Boolean", "Float")
CHECK_TYPES: Mapping[str, tuple[str, ...]] = {
    "QualityCheck": ("DATA_QUALITY", "MODEL_QUALITY"),
    "ClarifyCheck": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
}
CLUSTERS = {"EMR": ("ClusterId", "ClusterConfig"), "EMRServerless": ("ApplicationId", "ApplicationConfig")}
_FUNCTION = re.compile(r"arn:[^:]*:lambda\b")
_PROPERTY_FILE = ("PropertyFileName", "OutputName", "FilePath")
_SWITCHES = ("SkipCheck", "FailOnViolation", "RegisterNewBaseline")
_TEXTS = ("ModelPackageGroupName", "SuppliedBaselineStatistics", "SuppliedBaselineConstraints", "ModelName")
_ARGUMENTS = {"Condition": ("Conditions", "IfSteps", "ElseSteps"), "Fail": ("ErrorMessage",)}


def sibling_problems(graph: Graph) -> Iterator[Problem]:
    """Keys that are missing, or hold what they cannot hold."""
    checks: Mapping[str, Callable[[Step], Iterator[Problem]]] = {
        "Lambda": _lambda,
        "Callback": _callback,
        "QualityCheck": _check,
        "ClarifyCheck": _check,
        "EMR": _emr,
        "EMRServerless": _emr,
        "Fail": _fail,
    }
    for step in graph.steps.values():
        if step.type in checks:
            yield from checks[step.type](step)
        yield from _property_files(step)
        for key in ("DisplayName", "Description"):
            if not isinstance(step.envelope.get(key), (str, type(None))):
                yield _wrong(step, key, f"{key} is not a text")
        for key in step.arguments if step.type in _ARGUMENTS else ():
            if key not in _ARGUMENTS[step.type]:
                what = f"'{key:.80}' is not a member of a {step.type} step's Arguments"
                hint = did_you_mean(key, _ARGUMENTS[step.type])
                yield Problem("unknown-argument", what, hint, step=step.name, field=write_path(("Arguments", key)))


def _property_files(step: Step) -> Iterator[Problem]:
    files = step.envelope.get("PropertyFiles")
    if not isinstance(files, (list, type(None))):
        what, hint = "PropertyFiles is not a list", 'write [{"PropertyFileName": "…", …}]'
        yield Problem("bad-property-files", what, hint, step=step.name, field="PropertyFiles")
        return
    for index, file in enumerate(files or ()):
        for key in file if isinstance(file, dict) else ():
            if key not in _PROPERTY_FILE:
                what, hint = f"'{key:.80}' is not a member of a property file", did_you_mean(key, _PROPERTY_FILE)
                field = write_path(("PropertyFiles", index, key))
                yield Problem("bad-property-files", what, hint, step=step.name, field=field)


def _lambda(step: Step) -> Iterator[Problem]:
    function = step.envelope.get("FunctionArn")
    if function is None:
        yield _missing(step, "FunctionArn", "the ARN of the function to call")
    elif not _is_text(function) or (isinstance(function, str) and not _FUNCTION.match(function)):
        yield _wrong(
            step, "FunctionArn", f"{function!r:.80} is not the ARN of a function", "arn:aws:lambda:…:function:…"
        )
    yield from _outputs(step)


def _callback(step: Step) -> Iterator[Problem]:
    queue = step.envelope.get("SqsQueueUrl")
    if queue is None:
        yield _missing(step, "SqsQueueUrl", "the address of the queue that gets the token")
    elif not _is_text(queue) or (isinstance(queue, str) and not queue.startswith(("https://", "http://"))):
        yield _wrong(
            step, "SqsQueueUrl", f"{queue!r:.80} is not the address of a queue", "https://sqs.….amazonaws.com/…"
        )
    yield from _outputs(step)


def _outputs(step: Step) -> Iterator[Problem]:
    outputs = step.envelope.get("OutputParameters")
    if outputs is None:
        return
    if not isinstance(outputs, list):
        hint = 'write [{"OutputName": "…", "OutputType": "String"}]'
        yield Problem(
            "bad-output-parameter", "OutputParameters is not a list", hint, step=step.name, field="OutputParameters"
        )
        return
    if len(outputs) > MOST_OUTPUTS:
        what = f"the step has {len(outputs)} output parameters; at most {MOST_OUTPUTS} are allowed"
        yield Problem(
            "bad-output-parameter", what, "put them in a file on S3", step=step.name, field="OutputParameters"
        )
    seen: set[str] = set()
    for index, output in enumerate(outputs):
        what, hint = _output(output, seen)
        if what:
            field = f"OutputParameters[{index}]"
            yield Problem("bad-output-parameter", what, hint, step=step.name, field=field)


def _output(output: Any, seen: set[str]) -> tuple[str, str]:
    """What is wrong with one output parameter, and what to do; both empty if nothing is."""
    name, kind = (output.get("OutputName"), output.get("OutputType")) if isinstance(output, dict) else (None, None)
    if not isinstance(name, str) or not name:
        return (
            "an output parameter has an OutputName and an OutputType",
            'write {"OutputName": "…", "OutputType": "String"}',
        )
    if name in seen:
        return f"the output '{shortened(name)}' is declared twice", "rename or remove one"
    seen.add(name)
    if kind not in OUTPUT_TYPES:
        return f"the output '{shortened(name)}' has the unknown type {kind!r:.80}", did_you_mean(
            str(kind), OUTPUT_TYPES
        )
    return "", ""


def _check(step: Step) -> Iterator[Problem]:
    kind, known = step.envelope.get("CheckType"), CHECK_TYPES[step.type]
    if kind is None:
        yield _missing(step, "CheckType", f"one of {', '.join(known)}")
    elif kind not in known:
        yield _wrong(
            step, "CheckType", f"{kind!r:.80} is not a {step.type} of SageMaker", did_you_mean(str(kind), known)
        )
    for key in _SWITCHES:
        value = step.envelope.get(key)
        if not isinstance(value, (bool, type(None))) and not is_expression(value):
            yield _wrong(step, key, f"{key} is {value!r:.80}", "true, false, or a Boolean parameter")
    for key in _TEXTS:
        value = step.envelope.get(key)
        if value is not None and not _is_text(value):
            yield _wrong(step, key, f"{key} is not a text", "a text, or an expression that gives one")


def _emr(step: Step) -> Iterator[Problem]:
    existing, new = CLUSTERS[step.type]
    given = [key for key in (existing, new) if step.arguments.get(key) is not None]
    if len(given) == 1:
        return
    what = f"both {existing} and {new} are given" if given else f"neither {existing} nor {new} is given"
    hint = f"{existing} for one that exists, {new} for one that is made for this step"
    yield Problem("emr-cluster", what, hint, step=step.name, field="Arguments")


def _fail(step: Step) -> Iterator[Problem]:
    message = step.arguments.get("ErrorMessage")
    field = "Arguments.ErrorMessage"
    if message in (None, ""):
        what = "the step fails the execution without a word why"
        yield Problem("fail-without-message", what, "say it in ErrorMessage", "warning", step.name, field)
    elif not _is_text(message):
        what = "ErrorMessage is not a text"
        yield Problem("bad-step-value", what, "a text, or an expression that gives one", step=step.name, field=field)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or is_expression(value)


def _missing(step: Step, key: str, meaning: str) -> Problem:
    return Problem("missing-step-key", f"{key} is missing", meaning, step=step.name, field=key)


def _wrong(step: Step, key: str, what: str, hint: str = "") -> Problem:
    return Problem("bad-step-value", what, hint, step=step.name, field=key)
