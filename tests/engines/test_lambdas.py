from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines.place import Place, get, join

from dagwright.engines.local.lambdas import function_name, handler_of
from dagwright.engines.local.output_parameters import typed_outputs
from dagwright.errors import DefinitionError, ExecutionError

ARN = "arn:aws:lambda:us-east-1:123456789012:function:score"


OTHER_ANSWER = "def answer(event, context): import os, sys; result = sys.argv[4]; "


@pytest.fixture
def place_of(place_with: Callable[..., Place]) -> Callable[[str], Place]:
    """A place whose functions are `answer` of a file with this text."""

    def make(code: str) -> Place:
        place = place_with(lambdas={"score": "functions/f.py:answer"})
        (place.folder / "functions").mkdir()
        (place.folder / "functions" / "f.py").write_text(code)
        (place.folder / "functions" / "beside.py").write_text("FACTOR = 2")
        return place

    return make


def call(outputs: Any = (), function: Any = ARN, **event: Any) -> dict[str, Any]:
    step = {"Name": "L", "Type": "Lambda", "FunctionArn": function, "Arguments": event}
    return step | {"OutputParameters": [{"OutputName": n, "OutputType": t} for n, t in dict(outputs).items()]}


def test_outputs_are_typed_as_declared_and_read_by_later_steps(place_of: Callable[[str], Place]) -> None:
    place = place_of(
        "import beside\n"
        "def answer(event, context):\n"
        "    assert context.function_name == 'score' and context.get_remaining_time_in_millis() > 1000\n"
        "    return {'n': event['n'] * beside.FACTOR, 'f': '0.5', 'b': 'true', 's': 7, 'o': {'a': [1]}}\n"
    )
    outputs = {"n": "Integer", "f": "Float", "b": "Boolean", "s": "String", "o": "String"}
    texts = [get(f"Steps.L.OutputParameters['{name}']") for name in outputs]
    reader = place.writing("R", "write('seen', os.environ['SEEN'])", variables={"SEEN": join(*texts, on="|")})
    execution = place.run(call(outputs, n=get("Parameters.N")), reader, parameters={"N": 21})
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("R/seen") == '42|0.5|true|7|{"a": [1]}'
    assert place.output(execution, "L") == {
        "OutputParameters": {"n": 42, "f": 0.5, "b": True, "s": "7", "o": '{"a": [1]}'}
    }
    assert execution.steps["L"].metadata["Lambda"]["Arn"] == ARN


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def answer(event, context): raise KeyError('column')", "KeyError: 'column'"),
        ("def answer(event, context): return {}", "has no output parameter 'n'"),
        ("def answer(event, context): return {'m': 1}", "(known: m)"),
        ("def answer(event, context): return {'n': 'many'}", "should be of type Integer, it is 'many'"),
        ("def answer(event, context): return [1]", "must return an object"),
        ("def answer(event, context): return ['x' * 999]", "not ['xxx"),
        ("def answer(event, context): return {'n': {1, 2}}", "set is not JSON serializable"),
        ("def other(event, context): pass", "has no attribute 'answer'"),
        ("import absent_module", "No module named 'absent_module'"),
        ("def answer(event, context): import sys; sys.exit(3)", "ended its process: sys.exit(3)"),
        ("import sys; sys.exit()", "the handler ended its process: sys.exit(None)"),
        (
            "def answer(event, context): import os; os._exit(0)",
            "the handler left no answer: its process ended before it returned",
        ),
        (f"{OTHER_ANSWER}open(result, 'w').write('3'); os._exit(0)", "the handler left no answer"),
        (f"{OTHER_ANSWER}open(result, 'w').write('[' * 100000); os._exit(0)", "the handler left no answer"),
        (f"{OTHER_ANSWER}os.mkfifo(result); os._exit(0)", "the handler left no answer"),
        ("def answer(event, context): return {'n': 'x' * (6 << 20)}", "is longer than Lambda's 6 MiB"),
        ("syntax error", "SyntaxError"),
    ],
)
def test_a_handler_that_fails_is_a_sentence(place_of: Callable[[str], Place], code: str, said: str) -> None:
    execution = place_of(code).run(call({"n": "Integer"}))
    assert execution.steps["L"].status == "Failed"
    assert said in execution.steps["L"].failure_reason


def test_a_function_without_a_handler_is_refused_with_the_line_to_write(place: Place) -> None:
    with pytest.raises(DefinitionError, match=r"lambdas: \{score: path/to/file\.py:handler\}"):
        place.run(call())


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ("x", "OutputParameters must be a list"),
        (["x"], r"OutputParameters\[0\] must be an object"),
        ([{"OutputType": "String"}], "OutputName is missing"),
        ([{"OutputName": "a", "OutputType": 3}], "OutputType must be a string"),
    ],
)
def test_malformed_output_parameters_are_a_sentence(
    place_of: Callable[[str], Place], outputs: object, said: str
) -> None:
    place = place_of("def answer(event, context): return {}")
    with pytest.raises(DefinitionError, match=said):
        place.run(call() | {"OutputParameters": outputs})


def test_names_and_patterns(place: Place) -> None:
    (place.folder / "f.py").touch()
    assert function_name(ARN + ":alias") == "score"
    assert handler_of(ARN, {"sc*": "f.py:h"}, place.folder).function == (place.folder / "f.py", "h")
    exact = handler_of(ARN, {"sc*": "f.py:h", "score": "f.py:exact"}, place.folder)
    assert exact.function == (place.folder / "f.py", "exact")
    for bad in ("f.py", "g.py:h", "f.py:not a name"):
        with pytest.raises(ExecutionError, match="does not exist"):
            handler_of(ARN, {"score": bad}, place.folder)


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999", True, [1]])
def test_a_float_is_a_number_that_json_has(value: object) -> None:
    with pytest.raises(ExecutionError, match="should be of type Float"):
        typed_outputs({"f": value}, {"f": "Float"})


def test_an_answer_that_nobody_declared_is_not_looked_at() -> None:
    assert typed_outputs(None, {}) == {}
    with pytest.raises(ExecutionError, match="must return an object"):
        typed_outputs("text", {"a": "String"})
