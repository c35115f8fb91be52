"""How a machine begins: its defaults merged with what the execution was started with, checked, kept in variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.declaration import Parameter
from dagwright.definition.expression import render
from dagwright.definition.graph import Graph
from dagwright.definition.parameters import start_values
from dagwright.engines.stepfunctions.compiler.names import CHECK_STATE, FAILED_STATE, MERGE_STATE, READ_STATE
from dagwright.engines.stepfunctions.compiler.states import State, States
from dagwright.engines.stepfunctions.compiler.task_values import path_text
from dagwright.engines.stepfunctions.compiler.variables import FAILURES, STARTED, Variables
from dagwright.engines.stepfunctions.compiler.work import Workload
from dagwright.errors import DefinitionError, ParameterError

_TYPE_TESTS = {"String": "IsString", "Integer": "IsNumeric", "Float": "IsNumeric", "Boolean": "IsBoolean"}
_SAID = {"String": "a text", "Integer": "a number", "Float": "a number", "Boolean": "true or false"}
_EXAMPLES = {"String": "text", "Integer": "1", "Float": "0.5", "Boolean": "true"}
# 2026-11-21T17:09:59.123Z falls apart into year, month, day, hours, minutes, seconds, and more that is not asked for.
_PART = "States.ArrayGetItem(States.StringSplit($$.Execution.StartTime, '-:.TZ'), {})"
_STARTED = f"States.Format('{'{}' * 6}', {', '.join(_PART.format(index) for index in range(6))})"


def opening(
    graph: Graph, workload: Workload, variables: Variables, states: States, unset: Mapping[str, None], first: str
) -> str:
    """The states before `first`; the name of the one that the machine starts at. `unset` are variables to begin with.

    Raises DefinitionError for a default that is none, with the ParameterError as its cause.
    """
    read = workload.parameters()
    started = {f"{STARTED}.$": "$.started"} if workload.asks_for_start else {}
    kept = {f"{variables.key(value)}.$": path_text(("values", name)) for name, value in read.items()}
    assigned = {**started, **kept, **unset}
    begin: dict[str, Any] = {"started.$": _STARTED} if started else {}
    if not graph.parameters:
        return _without_parameters(states, begin, assigned, first)
    begin |= {"defaults": _defaults(graph), "given.$": "$$.Execution.Input"}
    merged = {**({"started.$": "$.started"} if started else {}), "values.$": _MERGED}
    states.add(READ_STATE, {"Type": "Pass", "Parameters": begin, "Next": MERGE_STATE})
    states.add(MERGE_STATE, {"Type": "Pass", "Parameters": merged, "Next": CHECK_STATE})
    check: State = {"Type": "Choice", "Choices": [*_rules(graph)], "Default": first}
    states.add(CHECK_STATE, {**check, "Assign": assigned} if assigned else check)
    return READ_STATE


_MERGED = "States.JsonMerge($.defaults, $.given, false)"


def _without_parameters(states: States, begin: Mapping[str, Any], assigned: Mapping[str, Any], first: str) -> str:
    if not assigned:
        return first
    states.add(MERGE_STATE, {"Type": "Pass", "Assign": assigned, "Next": first})
    if not begin:
        return MERGE_STATE
    return states.add(READ_STATE, {"Type": "Pass", "Parameters": begin, "Next": MERGE_STATE})


def _defaults(graph: Graph) -> dict[str, Any]:
    """The defaults, typed; those that have to be given are not there."""
    given = {name: _example(one) for name, one in graph.parameters.items() if not one.has_default}
    try:
        values = start_values(graph, given)
    except ParameterError as error:
        raise DefinitionError("the pipeline's parameters do not make a state machine", error.problems) from error
    return {name: value for name, value in values.items() if name not in given}


def _example(parameter: Parameter) -> str:
    return render(parameter.enum_values[0]) if parameter.enum_values else _EXAMPLES[parameter.type]


def _rules(graph: Graph) -> Iterator[dict[str, Any]]:
    """What leads to the end at once: a parameter that is missing, or not what it is declared to be."""
    for name, parameter in graph.parameters.items():
        variable = path_text(("values", name))
        if not parameter.has_default:
            what = f"the parameter '{name}' has no value and no default: start the execution with it in its input"
            yield _rule({"Variable": variable, "IsPresent": False}, "MissingParameter", what)
        what = f"the parameter '{name}' has to be {_SAID[parameter.type]}"
        yield _rule({"Not": {"Variable": variable, _TYPE_TESTS[parameter.type]: True}}, "BadParameter", what)
        texts = [value for value in parameter.enum_values if isinstance(value, str)]
        if texts and parameter.type == "String":
            among = [{"Variable": variable, "StringEquals": text} for text in texts]
            what = f"the parameter '{name}' has to be one of: {', '.join(texts)}"
            yield _rule({"Not": {"Or": among} if len(among) > 1 else among[0]}, "BadParameter", what)


def _rule(test: dict[str, Any], error: str, what: str) -> dict[str, Any]:
    failures = [{"Step": "Parameters", "Error": error, "Cause": what}]
    return {**test, "Assign": {FAILURES: failures}, "Next": FAILED_STATE}
