"""Templates with values found at run time, as the language of the machine writes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagwright.definition.path import write_path
from dagwright.engines.stepfunctions.compiler.dynamic import (
    Context,
    Dynamic,
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    Started,
    Unique,
    dynamics,
    payload,
    spelled,
)
from dagwright.errors import DefinitionError, InternalError

RATE = ParameterValue("Rate", "Float")
NAME = ParameterValue("Name", "String")
DIGITS = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), {})"


class Spelling:
    """Names as a state might spell them."""

    def spell(self, value: Dynamic) -> str:
        if isinstance(value, ParameterValue):
            return f"${value.name}"
        if isinstance(value, Context):
            return value.path
        if isinstance(value, Produced):
            return f"${value.step}_{write_path(value.path)}"
        return "$Started" if isinstance(value, Started) else "$.file"


NAMES = Spelling()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (RATE, "$Rate"),
        (Context("$$.Execution.Name"), "$$.Execution.Name"),
        (Produced("Train", ("TrainingJobName",)), "$Train_TrainingJobName"),
        (Started(), "$Started"),
        (FileValue("b", "k", ("auc",)), "$.file"),
        (Unique(), DIGITS.format(0)),
        (Joined((RATE,)), "States.Format('{}', $Rate)"),
        (Joined(("s3://b/", NAME, "/", RATE)), "States.Format('s3://b/{}/{}', $Name, $Rate)"),
        (Joined(("job-", Unique())), f"States.Format('job-{{}}', {DIGITS.format(0)})"),
        (Joined(("it's {", NAME, "} \\")), r"States.Format('it\'s \{{}\} \\', $Name)"),
    ],
)
def test_a_value_is_a_path_or_a_function(value: Dynamic, text: str) -> None:
    assert spelled(value, NAMES) == text


def literal(spelling: str) -> str:
    """The text of States.Format that ends in a `{}` for its argument, read as the guide says it is."""
    inside = spelling.removeprefix("States.Format('").removesuffix("{}', $Rate)")
    text, position = "", 0
    while position < len(inside):
        if inside[position] == "\\":
            position += 1
            assert inside[position] in "\\'{}"
        else:
            assert inside[position] not in "'{}"
        text += inside[position]
        position += 1
    return text


@given(st.text() | st.text(alphabet="\\'{}a$.\n"))
def test_every_text_of_a_format_reads_back_as_it_was(text: str) -> None:
    assert literal(spelled(Joined((text, RATE)), NAMES)) == text


def test_a_member_found_at_run_time_ends_in_a_dot_and_a_dollar() -> None:
    template = {"Image": "i", "Environment": {"RATE": Joined((RATE,)), "A": "1"}, "Rate": RATE, "Tags": []}
    assert payload(template, NAMES) == {
        "Image": "i",
        "Environment": {"RATE.$": "States.Format('{}', $Rate)", "A": "1"},
        "Rate.$": "$Rate",
        "Tags": [],
    }


@pytest.mark.parametrize("static", [{"a": [1, [2.5, None], {"b": "it's {}"}]}, [], "$.x", None, [["a"], [{"c": []}]]])
def test_what_is_static_stays_as_it_is(static: Any) -> None:
    assert payload(static, NAMES) == static


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([RATE], "States.Array($Rate)"),
        (["--rate", RATE, -3, True], "States.Array('--rate', $Rate, -3, true)"),
        ([NAME, 0.5, 1e-05, None], None),
        (["it's", NAME], r"States.Array(States.Format('it\'s'), $Name)"),
        (["a\\b{c}", NAME], r"States.Array(States.Format('a\\b\{c\}'), $Name)"),
        (["--n", Joined(("x-", NAME))], "States.Array('--n', States.Format('x-{}', $Name))"),
        ([[NAME, "a"], ["b"], []], "States.Array(States.Array($Name, 'a'), States.Array('b'), States.Array())"),
    ],
)
def test_a_list_with_values_found_at_run_time_is_a_call(items: list[Any], text: str | None) -> None:
    # of numbers with a point, and of null, the functions' arguments are not certain
    text = text or "States.Array($Name, " + ", ".join(f"States.StringToJson('{x}')" for x in (0.5, 1e-05, "null")) + ")"
    assert payload({"List": items}, NAMES) == {"List.$": text}


def test_objects_in_a_list_are_templates_of_their_own() -> None:
    template = {"Outputs": [{"Uri": NAME, "Args": ["a", RATE]}, {"Uri": "s3://b"}, "c"]}
    written = {"Outputs": [{"Uri.$": "$Name", "Args.$": "States.Array('a', $Rate)"}, {"Uri": "s3://b"}, "c"]}
    assert payload(template, NAMES) == written
    assert payload([[{"Uri": NAME}]], NAMES) == [[{"Uri.$": "$Name"}]]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ({"a": {"path.$": "x"}}, "'path.$'"),
        ([{".$": NAME}], "'.$'"),
        ({"a": [NAME, {"b": 1}]}, "beside"),
        ({"a": [[NAME], [{"b": 1}]]}, "beside"),
        ({"a": [[[[[[[NAME]]]]]]]}, "deep"),
    ],
)
def test_what_the_language_cannot_say_is_refused(template: Any, says: str) -> None:
    with pytest.raises(DefinitionError, match=says.replace("$", r"\$")):
        payload(template, NAMES)


@pytest.mark.parametrize("template", [RATE, ["a", RATE]])
def test_a_value_without_a_member_is_our_mistake(template: Any) -> None:
    with pytest.raises(InternalError):
        payload(template, NAMES)


def test_depth_is_no_limit() -> None:
    template: Any = {"Rate": RATE}
    for _ in range(5_000):
        template = {"a": [template]}
    written = payload(template, NAMES)
    for _ in range(5_000):
        (written,) = written["a"]
    assert written == {"Rate.$": "$Rate"}


def test_the_values_of_a_template_come_in_its_order() -> None:
    file = FileValue(NAME, Joined(("k/", RATE)), ("x",))
    joined = Joined(("a", Started(), Unique()))
    template = {"a": [joined, 1, {"b": file}], "c": "d", "e": NAME}
    found = [joined, Started(), Unique(), file, NAME, file.key, RATE, NAME]
    assert [*dynamics(template)] == found
