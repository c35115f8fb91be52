"""A state machine as JSON comes in, the components of moto's interpreter go out.

Moto reads the text of a machine with a grammar that takes 16 ms for a state, loses the escapes of texts and refuses
numbers such as 1e-05; this reads what `json` has parsed. A field that is not known is an error, not nothing.
This file is made of moto: import it only where a machine is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catch_decl import CatchDecl
from moto.stepfunctions.parser.asl.component.common.catch.catcher_decl import CatcherDecl
from moto.stepfunctions.parser.asl.component.common.flow.end import End
from moto.stepfunctions.parser.asl.component.common.flow.next import Next
from moto.stepfunctions.parser.asl.component.common.flow.start_at import StartAt
from moto.stepfunctions.parser.asl.component.common.parargs import Parameters
from moto.stepfunctions.parser.asl.component.common.path.input_path import InputPath
from moto.stepfunctions.parser.asl.component.common.path.output_path import OutputPath
from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguage
from moto.stepfunctions.parser.asl.component.common.result_selector import ResultSelector
from moto.stepfunctions.parser.asl.component.common.retry.backoff_rate_decl import BackoffRateDecl
from moto.stepfunctions.parser.asl.component.common.retry.interval_seconds_decl import IntervalSecondsDecl
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import (
    JitterStrategy,
    JitterStrategyDecl,
)
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsDecl
from moto.stepfunctions.parser.asl.component.common.retry.max_delay_seconds_decl import MaxDelaySecondsDecl
from moto.stepfunctions.parser.asl.component.common.retry.retry_decl import RetryDecl
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringLiteral
from moto.stepfunctions.parser.asl.component.common.timeouts.heartbeat import HeartbeatSeconds
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.states import States
from moto.stepfunctions.parser.asl.component.state.choice.choices_decl import ChoicesDecl
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison import (
    ComparisonCompositeAnd,
    ComparisonCompositeNot,
    ComparisonCompositeOr,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (
    ComparisonOperatorType,
)
from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_type import Comparison
from moto.stepfunctions.parser.asl.component.state.choice.default_decl import DefaultDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import Resource
from moto.stepfunctions.parser.asl.component.state.fail.cause_decl import Cause
from moto.stepfunctions.parser.asl.component.state.fail.error_decl import Error
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_pass.result import Result
from moto.stepfunctions.parser.asl.component.state.state_props import StateProps

from dagwright.engines.stepfunctions.interpreter import moto_states
from dagwright.engines.stepfunctions.interpreter.moto_expressions import Path, Template, expression
from dagwright.engines.stepfunctions.interpreter.moto_failures import error_name
from dagwright.errors import InternalError

_STATES: Mapping[str, Callable[[], Any]] = {
    "Pass": moto_states.Pass,
    "Task": moto_states.Task,
    "Choice": moto_states.Choice,
    "Parallel": moto_states.Parallel,
    "Wait": moto_states.Wait,
    "Succeed": moto_states.Succeed,
    "Fail": moto_states.Fail,
}
_FIELDS = {
    "Pass": {"Parameters", "Result", "ResultPath", "Assign", "Next", "End"},
    "Task": {
        "Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "HeartbeatSeconds", "Retry",
        "Catch", "Assign", "Next", "End",
    },
    "Choice": {"Choices", "Default", "Assign"},
    "Parallel": {
        "Branches", "Parameters", "ResultSelector", "ResultPath", "Retry", "Catch", "Assign", "Next", "End",
    },
    "Wait": {"Seconds", "SecondsPath", "Assign", "Next", "End"},
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}  # fmt: skip
_EVERYWHERE = {"Type", "Comment", "InputPath", "OutputPath", "QueryLanguage"}
_MACHINE = {"Comment", "Version", "QueryLanguage", "StartAt", "States", "TimeoutSeconds"}
_OPERATORS = set(ComparisonOperatorType.__members__)


def program(definition: Mapping[str, Any], machine: moto_states.Machine, *, timeouts: bool) -> moto_states.Scope:
    """The components of a machine, whose states ask `machine`; its Task states without their `timeouts` if not asked.

    Raises InternalError for what is not of the language as we write it: JSONPath, no Map.
    """
    return _Reader(machine, timeouts=timeouts).scope(definition)


class _Properties(StateProps):
    """The fields of a state. Moto writes all of them into the text of an error that it then does not raise."""

    def add(self, instance: Any) -> None:
        if isinstance(instance, BranchesDecl):
            self._add(BranchesDecl, instance)
        else:
            super().add(instance)

    def __repr__(self) -> str:
        return f"the fields of {self.name}"


class _Reader:
    """Reads the states of one machine."""

    def __init__(self, machine: moto_states.Machine, *, timeouts: bool) -> None:
        self._machine = machine
        self._scopes: dict[int, moto_states.Scope] = {}
        self._fields: dict[str, Callable[[Any], Any]] = {
            "Parameters": lambda value: Parameters(payload_tmpl=Template(value)),
            "ResultSelector": lambda value: ResultSelector(payload_tmpl=Template(value)),
            "Assign": _assign,
            "Result": lambda value: Result(result_obj=value),
            "ResultPath": lambda value: ResultPath(result_path_src=value),
            "InputPath": lambda value: InputPath(string_sampler=_path_or_nothing(value)),
            "OutputPath": lambda value: OutputPath(string_sampler=_path_or_nothing(value)),
            "Resource": Resource.from_resource_arn,
            "TimeoutSeconds": lambda value: TimeoutSeconds(timeout_seconds=value) if timeouts else None,
            "HeartbeatSeconds": lambda value: HeartbeatSeconds(heartbeat_seconds=value),
            "Retry": lambda value: RetryDecl(retriers=[self._retrier(item) for item in value]),
            "Catch": lambda value: CatchDecl(catchers=[_catcher(item) for item in value]),
            "Choices": lambda value: ChoicesDecl(rules=[_rule(item) for item in value]),
            "Default": lambda value: DefaultDecl(state_name=value),
            "Branches": lambda value: moto_states.Branches(programs=[self._scopes[id(item)] for item in value]),
            "Seconds": lambda value: self._of_machine(moto_states.SecondsOfMachine(seconds=value)),
            "SecondsPath": lambda value: self._of_machine(moto_states.SecondsPathOfMachine(string_sampler=Path(value))),
            "Error": lambda value: Error(string_expression=StringLiteral(literal_value=value)),
            "ErrorPath": lambda value: Error(string_expression=expression(value)),
            "Cause": lambda value: Cause(string_expression=StringLiteral(literal_value=value)),
            "CausePath": lambda value: Cause(string_expression=expression(value)),
            "Next": lambda value: Next(name=value),
            "End": lambda value: End(is_end=True) if value else None,
        }

    def scope(self, definition: Mapping[str, Any]) -> moto_states.Scope:
        """A machine, after the branches of its Parallel states."""
        found = [definition]
        for scope in found:  # grows meanwhile: every scope, before those inside it
            for state in scope["States"].values():
                found += state.get("Branches", ())
        for scope in reversed(found):
            self._scopes[id(scope)] = self._scope(scope)
        return self._scopes[id(definition)]

    def _scope(self, definition: Mapping[str, Any]) -> moto_states.Scope:
        _require(definition, _MACHINE, "the machine or a branch of it")
        if definition.get("QueryLanguage", "JSONPath") != "JSONPath":
            raise InternalError("only state machines in JSONPath can be executed here")
        states: Any = _new(States)
        for name, state in definition["States"].items():
            states.states[name] = self._state(name, state)
        seconds = definition.get("TimeoutSeconds")
        return moto_states.Scope(
            query_language=QueryLanguage(),
            start_at=StartAt(start_at_name=definition["StartAt"]),
            states=states,
            timeout_seconds=TimeoutSeconds(timeout_seconds=seconds) if seconds else None,
        )

    def _state(self, name: str, definition: Mapping[str, Any]) -> CommonStateField:
        kind = definition["Type"]
        if kind not in _STATES:
            raise InternalError(f"state '{name}' of type {kind} cannot be executed here")
        _require(definition, _FIELDS[kind] | _EVERYWHERE, f"state '{name}'")
        properties: _Properties = _new(_Properties)
        properties.name = name
        for field, value in definition.items():
            if field in self._fields:
                properties.add(self._fields[field](value))
        state: CommonStateField = self._of_machine(_STATES[kind]())
        state.from_state_props(properties)
        return state

    def _of_machine(self, component: Any) -> Any:
        component.machine = self._machine
        return component

    def _retrier(self, definition: Mapping[str, Any]) -> moto_states.Retrier:
        known = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
        _require(definition, known | {"Comment"}, "a Retry")
        given = definition.get
        retrier = moto_states.Retrier(
            error_equals=_errors(definition),
            interval_seconds=IntervalSecondsDecl(given("IntervalSeconds", IntervalSecondsDecl.DEFAULT_SECONDS)),
            max_attempts=MaxAttemptsDecl(given("MaxAttempts", MaxAttemptsDecl.DEFAULT_ATTEMPTS)),
            backoff_rate=BackoffRateDecl(given("BackoffRate", BackoffRateDecl.DEFAULT_RATE)),
            max_delay_seconds=MaxDelaySecondsDecl(given("MaxDelaySeconds", MaxDelaySecondsDecl.MAX_VALUE)),
            jitter_strategy=JitterStrategyDecl(JitterStrategy[given("JitterStrategy", "NONE")]),
        )
        retrier.machine = self._machine
        return retrier


def _new(kind: Callable[[], Any]) -> Any:
    """An object of a class that has no type hints."""
    return kind()


def _require(definition: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(set(definition) - known)
    if unknown:
        raise InternalError(f"{what} has fields that cannot be executed here: {', '.join(unknown)}")


def _path_or_nothing(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _assign(template: dict[str, Any]) -> AssignDecl:
    bindings: list[Any] = [Template(template)]  # each puts an object of variables on the stack, as a binding does
    return AssignDecl(declaration_bindings=bindings)


def _errors(definition: Mapping[str, Any]) -> moto_states.ErrorEquals:
    return moto_states.ErrorEquals(error_names=[error_name(name) for name in definition["ErrorEquals"]])


def _catcher(definition: Mapping[str, Any]) -> CatcherDecl:
    _require(definition, {"ErrorEquals", "Next", "ResultPath", "Assign", "Comment"}, "a Catch")
    assign = definition.get("Assign")
    return CatcherDecl(
        error_equals=_errors(definition),
        next_decl=Next(name=definition["Next"]),
        result_path=ResultPath(result_path_src=definition.get("ResultPath", ResultPath.DEFAULT_PATH)),
        assign=_assign(assign) if assign else None,
        output=None,
        comment=None,
    )


def _rule(definition: Mapping[str, Any]) -> moto_states.Rule:
    assign = definition.get("Assign")
    comparison = _comparison({**definition}, {"Next", "Assign", "Comment"})
    return moto_states.Rule(comparison, definition.get("Next", ""), _assign(assign) if assign else None)


def _comparison(definition: dict[str, Any], beside: set[str]) -> Comparison:
    """The test of a rule: nested tests first, from the inside out."""
    for key in beside:
        definition.pop(key, None)
    if "Variable" in definition:
        variable = definition.pop("Variable")
        ((operator, value),) = definition.items()
        return _compared(variable, operator, value)
    ((operator, value),) = definition.items()
    if operator == "Not":
        return ComparisonCompositeNot(rule=_rule(value))
    rules: list[Any] = [_rule(item) for item in value]
    return {"And": ComparisonCompositeAnd, "Or": ComparisonCompositeOr}[operator](rules=rules)


def _compared(variable: str, operator: str, value: Any) -> moto_states.Compared:
    if operator not in _OPERATORS:
        raise InternalError(f"{operator} is no comparison of a Choice state")
    plain = operator.removesuffix("Path")
    is_path = plain != operator
    compared: EvalComponent = Path(value) if is_path else value
    return moto_states.Compared(Path(variable), plain, compared, is_path=is_path)
