"""Machines, executed: the language as the developer guide describes it, where moto alone would do otherwise."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dagwright.engines.stepfunctions.interpreter.running import (
    ABORTED,
    FAILED,
    SUCCEEDED,
    Blind,
    Call,
    Ended,
    Interrupt,
    MachineStart,
    TaskFailure,
    run_machine,
)
from dagwright.errors import InternalError, UsageError

ARN = "arn:aws:states:eu-west-1:123456789012"
STARTED = "2026-11-21T17:09:59.123Z"
JOB = "arn:aws:states:::sagemaker:createTrainingJob.sync"
READ = "arn:aws:states:::aws-sdk:s3:getObject"
DATA: Mapping[str, Any] = {
    "a-b": 1,
    "x": {"y": [1, 2]},
    "texts": [{"list": ["p"]}, {}, {"list": ["q", "r"]}],
    "FinalMetricDataList": [{"MetricName": "loss", "Value": 2}, {"MetricName": "val:auc", "Value": 0.75}],
    "it's": 5,
    "ü": 7,
    "nothing": None,
    "s": "text",
    "yes": True,
    "small": 1e-05,
}


def no_call(call: Call) -> Any:
    raise AssertionError(call)


def run(
    states: Mapping[str, Any],
    call: Callable[[Call], Any] = no_call,
    given: Mapping[str, Any] | None = None,
    **more: Any,
) -> Ended:
    """Execute a machine of these states, from the first on; waiting takes no time."""
    start = MachineStart("e-1", f"{ARN}:execution:m:e-1", f"{ARN}:stateMachine:m", given or {}, STARTED)
    definition = {"StartAt": next(iter(states)), "States": states}
    return run_machine(definition, start, call, **{"sleep": lambda seconds: None, **more})


def passing(parameters: Any, following: str = "", **more: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Parameters": parameters, **({"Next": following} if following else {"End": True}), **more}


def task(resource: str = JOB, following: str = "", **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **({"Next": following} if following else {"End": True}), **more}


def caught(following: str, **assigned: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "Assign": assigned, "Next": following}]


def value(text: str, data: Any = DATA) -> Any:
    """What `text` gives for a member that ends in `.$`, with `data` as the state's input and as the variable `v`."""
    ended = run({"In": passing(data, "Out", Assign={"v.$": "$"}), "Out": passing({"is.$": text})})
    return ended.output["is"] if ended.status == SUCCEEDED else (ended.error, ended.cause)


def chooses(rule: Mapping[str, Any], data: Any = DATA) -> bool | Ended:
    """Whether a Choice rule matches, with `data` as the state's input and as the variable `v`."""
    ended = run(
        {
            "In": passing(data, "Choose", Assign={"v.$": "$"}),
            "Choose": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
            "Yes": passing({"is": True}),
            "No": passing({"is": False}),
        }
    )
    return bool(ended.output["is"]) if ended.status == SUCCEEDED else ended


# ---- expressions ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$['a-b']", 1),
        ("$v['a-b']", 1),
        ("$v.x.y[1]", 2),
        ("$v.texts[0].list", ["p"]),
        ("$.texts[0].list[0]", "p"),
        ("$.texts[*].list[*]", ["p", "q", "r"]),
        ("$v.texts[*].list[*]", ["p", "q", "r"]),
        ("$.texts[*].no[*]", []),
        ("$.FinalMetricDataList[?(@.MetricName=='val:auc')].Value", [0.75]),
        ("States.ArrayGetItem($.FinalMetricDataList[?(@.MetricName=='val:auc')].Value, 0)", 0.75),
        ("States.ArrayGetItem($v.FinalMetricDataList[?(@.MetricName == 'val:auc')].Value, 0)", 0.75),
        (r"$['it\'s']", 5),
        ("$['ü']", 7),
        ("$.nothing", None),
        ("$v.nothing", None),
        ("$$.Execution.Name", "e-1"),
        ("$$.Execution.Id", f"{ARN}:execution:m:e-1"),
        ("$$.Execution.StartTime", STARTED),
        ("$$.StateMachine.Id", f"{ARN}:stateMachine:m"),
        ("$$.State.RetryCount", 0),
    ],
)
def test_paths(text: str, expected: Any) -> None:
    """Moto has no evaluator for variables with a path, and makes a list of `$[0].a`."""
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("States.Format('a{}b', $v['a-b'])", "a1b"),
        (r"States.Format('it\'s {}', $.s)", "it's text"),
        (r"States.Format('\{x\}\\{}', $.s)", r"{x}\text"),
        ("States.Format('ü{}\"\n', $.s)", 'ütext"\n'),
        ("States.Format('{},{},{}', true, 1.5, null)", "true,1.5,null"),
        ("States.Format('{} {} {}', $.yes, $['a-b'], $.small)", "true 1 1e-05"),
        ("States.Format('{}', 0.00001)", "1e-05"),
        ("States.Format('$.x {}', '$.s')", "$.x $.s"),
        ("States.Format('{}/{}', $.s, 'a,b (c)')", "text/a,b (c)"),
        ("States.Array('a', $.nothing, States.Format('{}!', $.s))", ["a", None, "text!"]),
        ("States.JsonMerge($.x, $$.Execution.Input, false)", {"y": [1, 2]}),
        ("States.StringToJson('{\"a\": 0.9}')", {"a": 0.9}),
        ("States.MathAdd($v.x.y[0], 1)", 2),
        ("States.ArrayGetItem(States.StringSplit($$.Execution.StartTime, '-T:.'), 2)", "21"),
        ("States.JsonToString($.x)", '{"y":[1,2]}'),
    ],
)
def test_functions(text: str, expected: Any) -> None:
    """Moto reads a text before its JSON escapes are undone, and knows neither `\\'` nor a number with a point."""
    assert value(text) == expected


def test_a_unique_name_and_the_time_of_a_state() -> None:
    name = value("States.Format('{}-{}', States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0), $.s)")
    assert re.fullmatch("[0-9a-f]{8}-text", name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value("$$.State.EnteredTime"))


@pytest.mark.parametrize(
    "text", ["$.no", "$v.x.no", "$none", "$.x[0]", "$.s[0]", "$.x.y[2]", "States.Format('{}', $.no)"]
)
def test_a_place_that_is_not_there(text: str) -> None:
    error, cause = value(text)
    assert error == "States.Runtime"
    assert "could not be found in the input" in cause


@pytest.mark.parametrize(
    "text", ["States.StringToJson('no')", "States.Format('{} {}', 1)", "States.ArrayGetItem($.x.y, 9)"]
)
def test_a_function_that_fails(text: str) -> None:
    error, cause = value(text)
    assert error == "States.Runtime"
    assert f"The function '{text}' had the following error: " in cause


@pytest.mark.parametrize(
    "text", ["States.Nothing(1)", "States.Format('a", "States.Format('{}', x)", "none", "$.a[", ""]
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InternalError):
        value(text)


def test_eleven_functions_inside_each_other_are_refused() -> None:
    ten = "States.Array(" * 9 + "States.UUID()" + ")" * 9
    assert run({"Out": passing({"is.$": ten})}).status == SUCCEEDED
    with pytest.raises(InternalError, match="nested too deeply"):
        run({"Out": passing({"is.$": f"States.Array({ten})"})})


def test_a_template_keeps_what_is_written_in_it() -> None:
    written = {"small": 1e-05, "text": "ü\\\"'😀$.x", "list": [{"a.$": "$.s"}, ["$.s", {"b.$": "$.yes"}]], "Type": None}
    made = run({"In": passing(dict(DATA), "Out"), "Out": passing(written)}).output
    assert made == {**written, "list": [{"a": "text"}, ["$.s", {"b": True}]]}
    assert list(made) == list(written)


# ---- variables and choices ----


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Variable": "$v.x.y[0]", "NumericEquals": 1}, True),
        ({"Variable": "$v.small", "NumericLessThan": 0.5}, True),
        ({"Variable": "$['a-b']", "NumericGreaterThanPath": "$v.x.y[1]"}, False),
        ({"Variable": "$v.x.y[1]", "NumericGreaterThanPath": "$['a-b']"}, True),
        ({"Variable": "$v.x.y[1]", "NumericGreaterThanPath": "$v['a-b']"}, True),
        ({"Variable": "$.s", "StringEqualsPath": "$v.s"}, True),
        ({"Variable": "$.s", "StringMatches": "t*t"}, True),
        ({"Variable": "$$.Execution.Name", "StringEquals": "e-1"}, True),
        ({"Variable": "$v.nothing", "IsNull": True}, True),
        ({"Variable": "$v.no", "IsPresent": False}, True),
        ({"Variable": "$none", "IsPresent": True}, False),
        ({"Variable": "$.nothing", "IsPresent": True}, True),
        (
            {"Not": {"Or": [{"Variable": "$.yes", "BooleanEquals": False}, {"Variable": "$.s", "IsNumeric": True}]}},
            True,
        ),
        ({"And": [{"Variable": "$.no", "IsPresent": True}, {"Variable": "$.no", "NumericEquals": 1}]}, False),
    ],
)
def test_rules(rule: Mapping[str, Any], expected: bool) -> None:
    assert chooses(rule) is expected


@pytest.mark.parametrize("test", [{"NumericEquals": 1}, {"IsNull": True}, {"StringEqualsPath": "$.s"}])
def test_a_rule_about_what_is_not_there_fails_the_execution(test: Mapping[str, Any]) -> None:
    """Moto takes what is not there for unequal."""
    ended = chooses({"Variable": "$.no", **test})
    assert isinstance(ended, Ended)
    assert ended.error == "States.Runtime"
    assert "Invalid path '$.no'" in ended.cause


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.s", "StringEquals": "text"},
        {"Not": {"Variable": "$.s", "StringEquals": "other"}},
    ],
)
def test_a_rule_assigns_from_the_input(rule: Mapping[str, Any]) -> None:
    """Moto leaves out the Assign of a rule that compares, and gives that of And, Or and Not `true` for `$`."""
    choice = {"Type": "Choice", "Choices": [{**rule, "Assign": {"x.$": "$.s"}, "Next": "Out"}], "Default": "Out"}
    states = {"In": passing(dict(DATA), "Choose"), "Choose": {**choice, "Assign": {"x": "default"}}}
    assert run({**states, "Out": passing({"x.$": "$x"})}).output == {"x": "text"}


def test_the_default_assigns_only_if_no_rule_matches() -> None:
    rule = {"Variable": "$.s", "StringEquals": "other", "Assign": {"x": 1}, "Next": "Out"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "Out", "Assign": {"x.$": "$['a-b']", "none": None}}
    states = {"In": passing(dict(DATA), "Choose"), "Choose": choice, "Out": passing({"x.$": "$x", "none.$": "$none"})}
    assert run(states).output == {"x": 1, "none": None}
    assert run({**states, "In": passing({**DATA, "a-b": 2}, "Choose")}).output["x"] == 2


def test_no_rule_and_no_default() -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$$.Execution.Name", "StringEquals": "", "Next": "Choose"}]}
    assert run({"Choose": choice}).error == "States.NoChoiceMatched"


def test_values_are_those_from_before_the_state() -> None:
    states = {
        "One": passing({"a": 2}, "Two", Assign={"n": 1}),
        "Two": passing({"a": 5}, "Out", Assign={"n": 7, "old.$": "$n"}),
        "Out": passing({"n.$": "$n", "old.$": "$old"}),
    }
    assert run(states).output == {"n": 7, "old": 1}


@pytest.mark.parametrize("error", ["Train", "States.TaskFailed"])
def test_a_fail_state_says_what_variables_hold(error: str) -> None:
    """Moto refuses an error that begins with `States.`."""
    failures = [{"Step": error, "Cause": "it's {so}"}]
    states = {
        "In": passing({}, "Fail", Assign={"Failures": failures}),
        "Fail": {"Type": "Fail", "ErrorPath": "$Failures[0].Step", "CausePath": "$Failures[0].Cause"},
    }
    assert run(states) == Ended(FAILED, None, error, "it's {so}")
    cause = "States.Format('{}: {}', $Failures[0].Step, States.JsonToString($Failures[0]))"
    states["Fail"] = {"Type": "Fail", "Error": "E", "CausePath": cause}
    assert run(states).cause == f'{error}: {{"Step":"{error}","Cause":"it\'s {{so}}"}}'


def test_succeeding_with_nothing() -> None:
    assert run({"In": passing({"a": 1}, "Out"), "Out": {"Type": "Succeed", "OutputPath": None}}).output == {}


# ---- tasks ----


def test_a_task_calls_and_assigns_from_its_result() -> None:
    calls = []

    def call(asked: Call) -> Any:
        calls.append(asked)
        return {"Arn": "a", "Body": '{"m": 0.5}'}

    parameters = {"Name.$": "States.Format('{}-{}', $$.Execution.Name, $$.State.RetryCount)", "Rate": 1e-05}
    selector = {"file.$": "States.StringToJson($.Body)"}
    states = {
        "Train": task(following="Read", Parameters=parameters, Assign={"Arn.$": "$.Arn"}, ResultPath=None),
        "Read": task(READ, "Out", ResultSelector=selector, ResultPath="$.got", Assign={"text.$": "$.Body"}),
        "Out": passing({"m.$": "$.got.file.m", "Arn.$": "$Arn", "n.$": "$.n", "text.$": "$text"}),
    }
    output = run({"In": passing({"n": 3}, "Train"), **states}, call).output
    assert output == {"m": 0.5, "Arn": "a", "n": 3, "text": '{"m": 0.5}'}
    assert calls == [Call(JOB, {"Name": "e-1-0", "Rate": 1e-05}, "Train"), Call(READ, {}, "Read")]


def test_a_task_that_waits_for_its_token() -> None:
    calls = []
    state = task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters={"token.$": "$$.Task.Token"})
    assert run({"Wait": state}, calls.append).status == SUCCEEDED
    assert calls[0].token
    assert calls[0].parameters == {"token": calls[0].token}


def test_a_failure_is_retried_and_then_caught() -> None:
    waited: list[float] = []
    attempts = []

    def call(asked: Call) -> Any:
        attempts.append(asked.parameters["n"])
        raise TaskFailure("SageMaker.Busy", "come back")

    retry = {"ErrorEquals": ["SageMaker.Busy"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2.0}
    catch = caught("Out", error={"Error.$": "$.Error", "Cause.$": "$.Cause"})
    state = task(following="Never", Parameters={"n.$": "$$.State.RetryCount"}, Retry=[retry], Catch=catch)
    states = {"Train": state, "Out": passing({"e.$": "$error"}), "Never": passing({})}
    ended = run(states, call, sleep=waited.append)
    assert ended.output == {"e": {"Error": "SageMaker.Busy", "Cause": "come back"}}
    assert (attempts, waited) == ([0, 1, 2, 3], [2, 4, 8])


def test_a_loop_for_a_job_that_failed_after_it_had_started() -> None:
    waited: list[float] = []
    answers = iter(['{"A":1,"FailureReason":"CapacityError: none left"}', ""])

    def call(asked: Call) -> Any:
        cause = next(answers)
        if cause:
            raise TaskFailure("States.TaskFailed", cause)
        return {}

    matches = {"Variable": "$.Cause", "StringMatches": '*"FailureReason":"CapacityError*'}
    left = {"Variable": "$tried", "NumericLessThan": 2}
    again = {"And": [matches, left], "Assign": {"tried.$": "States.MathAdd($tried, 1)", "wait": 30}, "Next": "Wait"}
    states = {
        "First": passing({}, "Train", Assign={"tried": 0}),
        "Train": task(following="Out", Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Again"}]),
        "Again": {"Type": "Choice", "Choices": [again], "Default": "Fail"},
        "Wait": {"Type": "Wait", "SecondsPath": "$wait", "Next": "Train"},
        "Out": passing({"tried.$": "$tried"}),
        "Fail": {"Type": "Fail"},
    }
    assert run(states, call, sleep=waited.append).output == {"tried": 1}
    assert waited == [30]


def test_a_text_that_is_no_json_is_not_caught() -> None:
    read = task(READ, "Never", ResultSelector={"f.$": "States.StringToJson($.Body)"}, Catch=caught("Out", e=1))
    states = {"Read": read, "Out": passing({"e.$": "$e", "Error.$": "$.Error"}), "Never": passing({})}
    ended = run(states, lambda call: {"Body": "no json"})
    assert (ended.status, ended.error) == (FAILED, "States.Runtime")
    assert "Expecting value" in ended.cause


@pytest.mark.parametrize("more", [{"Parameters": {"a.$": "$.no"}}, {"ResultSelector": {"a.$": "$.no"}}])
def test_a_place_that_is_not_there_is_not_caught(more: Mapping[str, Any]) -> None:
    """States.Runtime ends the execution, whatever Catch says: States.ALL does not stand for it."""
    ended = run({"Train": task(Catch=caught("Out"), **more), "Out": passing({})}, lambda call: {})
    assert (ended.status, ended.error) == (FAILED, "States.Runtime")


def test_a_call_that_takes_too_long_is_abandoned() -> None:
    release = threading.Event()
    seen: list[str] = []

    class Watching(Blind):
        def abandoned(self, state: str) -> None:
            seen.append(state)
            release.set()

    def call(asked: Call) -> Any:
        assert release.wait(30)

    state = task(TimeoutSeconds=1, Catch=caught("Out"))
    states = {"Train": state, "Out": passing({"e.$": "$.Error"})}
    assert run(states, call, witness=Watching()).output == {"e": "States.Timeout"}
    assert seen == ["Train"]
    assert run(states, lambda call: {}, timeouts=False).output == {}


def test_a_bug_in_what_answers_is_raised() -> None:
    def call(asked: Call) -> Any:
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        run({"Train": task(Catch=caught("Out")), "Out": passing({})}, call)


# ---- branches ----


def parallel(*branches: Mapping[str, Any], following: str = "", **more: Any) -> dict[str, Any]:
    written = [{"StartAt": next(iter(states)), "States": states} for states in branches]
    return {"Type": "Parallel", "Branches": written, **({"Next": following} if following else {"End": True}), **more}


def test_twenty_branches_run_side_by_side() -> None:
    together = threading.Barrier(20, timeout=30)

    def call(asked: Call) -> Any:
        together.wait()
        return asked.state

    assert run({"All": parallel(*({f"T{n}": task()} for n in range(20)))}, call).output == [f"T{n}" for n in range(20)]


def test_branches_have_variables_of_their_own_and_hand_on_their_output() -> None:
    def branch(name: str) -> dict[str, Any]:
        return {
            name: passing({"n.$": "$n"}, f"{name} end", Assign={"own": name}),
            f"{name} end": passing({"own.$": "$own"}),
        }

    states = {
        "In": passing({}, "Both", Assign={"n": 1}),
        "Both": parallel(branch("A"), branch("B"), following="Out", Assign={"both.$": "$[*].own"}),
        "Out": passing({"a.$": "$[0].own", "both.$": "$both"}),
    }
    assert run(states).output == {"a": "A", "both": ["A", "B"]}
    states["Out"] = passing({"a.$": "$own"})
    assert run(states).error == "States.Runtime"


def test_failures_of_branches_come_together() -> None:
    def branch(name: str) -> dict[str, Any]:
        fell = caught(f"{name} failed", fell=[{"Step": name, "Error.$": "$.Error"}])
        return {
            name: task(following=f"{name} done", Catch=fell),
            f"{name} failed": passing({"Failures.$": "$fell"}),
            f"{name} done": passing({}),
        }

    def call(asked: Call) -> Any:
        if asked.state in "AC":
            raise TaskFailure(f"Error.{asked.state}", "")
        return {}

    failed = {"Or": [{"Variable": f"$[{index}].Failures", "IsPresent": True} for index in range(3)]}
    rule = {**failed, "Assign": {"Failures.$": "$[*].Failures[*]"}, "Next": "Out"}
    states = {
        "All": parallel(branch("A"), branch("B"), branch("C"), following="Joined"),
        "Joined": {"Type": "Choice", "Choices": [rule], "Default": "Well"},
        "Out": passing({"f.$": "$Failures"}),
        "Well": passing({}),
    }
    assert run(states, call).output == {"f": [{"Step": "A", "Error": "Error.A"}, {"Step": "C", "Error": "Error.C"}]}
    assert run(states, lambda call: {}).output == {}


def test_a_branch_that_fails_ends_the_others() -> None:
    """Moto cannot hand on an error of a branch that begins with `States.`."""
    begun = threading.Event()
    release = threading.Event()
    seen: list[str] = []

    class Watching(Blind):
        def abandoned(self, state: str) -> None:
            seen.append(state)
            release.set()

    def call(asked: Call) -> Any:
        if asked.state == "Slow":
            begun.set()
            assert release.wait(30)
            return {}
        assert begun.wait(30)
        raise TaskFailure("States.TaskFailed", "broken")

    slow = {"Slow": task(following="Never"), "Never": task()}
    ended = run({"Both": parallel(slow, {"Bad": task()})}, call, witness=Watching())
    assert ended == Ended(FAILED, None, "States.TaskFailed", "broken")
    assert seen == ["Slow"]
    state = parallel({"Bad": task()}, Catch=caught("Out"))
    begun.set()
    assert run({"Both": state, "Out": passing({"e.$": "$.Error"})}, call).output == {"e": "States.TaskFailed"}


# ---- what others see and do ----


def test_a_witness_sees_the_states() -> None:
    seen: list[tuple[Any, ...]] = []

    class Watching(Blind):
        def entered(self, state: str) -> None:
            seen.append((state,))

        def chosen(self, state: str, rule: int | None) -> None:
            seen.append((state, rule))

        def caught(self, state: str, error: str, cause: str, following: str) -> None:
            seen.append((state, error, cause, following))

    def call(asked: Call) -> Any:
        raise TaskFailure("E", "why")

    rules = [{"Variable": "$.Error", "StringEquals": error, "Next": "Out"} for error in ("D", "E")]
    states = {
        "Train": task(Catch=[{"ErrorEquals": ["Other"], "Next": "Out"}, *caught("Choose")]),
        "Choose": {"Type": "Choice", "Choices": rules, "Default": "Out"},
        "Out": passing({}, "End"),
        "End": {"Type": "Choice", "Choices": rules[:1], "Default": "Last"},
        "Last": {"Type": "Succeed"},
    }
    states["Out"] = passing({"Error": ""}, "End")
    assert run(states, call, witness=Watching()).status == SUCCEEDED
    assert seen == [
        ("Train",),
        ("Train", "E", "why", "Choose"),
        ("Choose",),
        ("Choose", 1),
        ("Out",),
        ("End",),
        ("End", None),
        ("Last",),
    ]


def test_an_interrupt_lets_nothing_begin() -> None:
    interrupt = Interrupt()
    calls = []

    def call(asked: Call) -> Any:
        calls.append(asked.state)
        interrupt.stop()
        return {}

    states = {"Train": task(following="Both"), "Both": parallel({"A": task()}, {"B": task()})}
    assert run(states, call, interrupt=interrupt) == Ended(ABORTED)
    assert calls == ["Train"]
    assert run(states, call, interrupt=interrupt) == Ended(ABORTED)
    assert calls == ["Train"]


def test_an_interrupt_ends_waiting() -> None:
    interrupt = Interrupt()

    class Watching(Blind):
        def entered(self, state: str) -> None:
            interrupt.stop()

    wait = {"Type": "Wait", "Seconds": 1000, "Next": "Out"}
    ended = run({"Wait": wait, "Out": passing({})}, interrupt=interrupt, sleep=None, witness=Watching())
    assert ended == Ended(ABORTED)


@pytest.mark.parametrize("round_", range(5))
def test_an_interrupt_while_branches_begin(round_: int) -> None:
    """Moto waits for ever for a branch that finds its machine stopped when it begins."""
    interrupt = Interrupt()
    states = {"All": parallel(*({f"T{n}": task()} for n in range(20)))}

    def call(asked: Call) -> Any:
        interrupt.stop()
        return {}

    assert run(states, call, interrupt=interrupt) == Ended(ABORTED)


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Map", "End": True},
        passing({}, Nonsense=1),
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNonsense": True, "Next": "X"}]},
    ],
)
def test_what_cannot_be_executed_is_refused(state: Mapping[str, Any]) -> None:
    with pytest.raises(InternalError):
        run({"X": state})


def test_moto_is_silent_and_left_as_it_was() -> None:
    program = (
        "from tests.engines.stepfunctions.interpreter.test_running import *\n"
        "import moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory as factory\n"
        "import logging; before = {**vars(factory)}\n"
        "assert run({'F': {'Type': 'Fail', 'ErrorPath': '$.no'}}).error == 'States.Runtime'\n"
        "assert vars(factory) == before and not logging.getLogger('moto.stepfunctions.parser').level\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_without_moto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagwright.engines.stepfunctions.interpreter.moto_program", None)
    with pytest.raises(UsageError, match="which is not installed") as error:
        run({"X": passing({})})
    assert error.value.hint == "make setup, or pip install 'dagwright[stepfunctions]'"
