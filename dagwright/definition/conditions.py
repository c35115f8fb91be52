"""Conditions: the list of a condition step comes in, whether it takes its if branch goes out.

The kinds are those that the SageMaker SDK emits and the service accepts. What is compared with what:

    number with number      by value, integers with floats too; a boolean counts as 1 or 0, as in Amazon's local mode
    text with text          character by character (`"1" < "3"`, ISO dates in order), even if both look like numbers
    text with number        by value, if the text is exactly a number (a Lambda's output is always text)
    text with boolean       `true` and `false` in any case (a String parameter "True" against `true`)

Anything else cannot be compared and is an error that names both values; only for `In` it is simply not equal.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from dagwright.definition.declaration import Step
from dagwright.definition.expression import Computation, Place, Scope, compute, spell_place, unrolled
from dagwright.errors import EvaluationError, Problem, did_you_mean

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
#: The members that each kind of condition needs.
MEMBERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}
_LISTS = ("Values", "Conditions")
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


def evaluate_conditions(conditions: list[Any], scope: Scope) -> bool:
    """Whether all conditions hold: from left to right, up to the first that does not. No conditions hold.

    Raises EvaluationError for a malformed condition, an operand without a value, or two that cannot be compared.
    """
    return bool(unrolled(_all(conditions, scope)))


def condition_problems(step: Step) -> list[Problem]:
    """What is wrong with the shape of a condition step's conditions, those inside Not and Or too."""
    problems: list[Problem] = []
    for condition, place in conditions_in(step):
        wrong = _shape_problem(condition)
        if wrong is not None:
            field = spell_place(place)
            problems.append(Problem("malformed-condition", wrong.message, wrong.hint, step=step.name, field=field))
    return problems


def conditions_in(step: Step) -> Iterator[tuple[Any, Place]]:
    """Every condition of a condition step with its place, in document order, those inside Not and Or too."""
    pending = _placed(step.conditions, ((None, "Arguments"), "Conditions"))
    while pending:
        condition, place = pending.pop()
        yield condition, place
        if _shape_problem(condition) is not None:
            continue
        if condition["Type"] == "Not":
            pending.append((condition["Condition"], (place, "Condition")))
        elif condition["Type"] == "Or":
            pending.extend(_placed(condition["Conditions"], (place, "Conditions")))


def _placed(conditions: list[Any], place: Place) -> list[tuple[Any, Place]]:
    return [(condition, (place, index)) for index, condition in reversed([*enumerate(conditions)])]


def _shape_problem(condition: Any) -> EvaluationError | None:
    if not isinstance(condition, dict):
        return EvaluationError(f"a condition is an object with a Type, not {condition!r:.80}")
    kind = condition.get("Type")
    if not isinstance(kind, str) or kind not in MEMBERS:
        return EvaluationError(f"the condition type {kind!r} is not known", hint=did_you_mean(str(kind), MEMBERS))
    missing = [member for member in MEMBERS[kind] if condition.get(member) is None]
    if missing:
        return EvaluationError(f"{kind} needs {' and '.join(missing)}")
    for member in MEMBERS[kind]:
        if member in _LISTS and not isinstance(condition[member], list):
            return EvaluationError(f"{kind} needs a list of {member}")
    return None


def _all(conditions: list[Any], scope: Scope) -> Computation:
    for condition in conditions:
        if not (yield _holds(condition, scope)):
            return False
    return True


def _any(conditions: list[Any], scope: Scope) -> Computation:
    for condition in conditions:
        if (yield _holds(condition, scope)):
            return True
    return False


def _holds(condition: Any, scope: Scope) -> Computation:
    wrong = _shape_problem(condition)
    if wrong is not None:
        raise wrong
    kind = condition["Type"]
    if kind == "Not":
        return not (yield _holds(condition["Condition"], scope))
    if kind == "Or":
        return (yield _any(condition["Conditions"], scope))
    if kind == "In":
        return (yield _contained(condition["QueryValue"], condition["Values"], scope))
    left = yield compute(condition["LeftValue"], scope)
    right = yield compute(condition["RightValue"], scope)
    pair = comparable(left, right)
    if pair is None:
        raise EvaluationError(
            f"{kind} cannot compare {_describe(left)} with {_describe(right)}",
            hint="compare numbers with numbers, texts with texts, booleans with booleans",
        )
    return COMPARISONS[kind](*pair)


def _contained(query: Any, values: list[Any], scope: Scope) -> Computation:
    wanted = yield compute(query, scope)
    for value in values:
        pair = comparable(wanted, (yield compute(value, scope)))
        if pair is not None and pair[0] == pair[1]:
            return True
    return False


def comparable(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Both values as things of one kind, by the table above; None if there is no such kind."""
    if isinstance(left, str) and isinstance(right, (bool, int, float)):
        swapped = comparable(right, left)
        return swapped and (swapped[1], swapped[0])
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    if not isinstance(left, (bool, int, float)):
        return None
    if isinstance(right, str):
        value = _BOOLEANS.get(right.lower()) if isinstance(left, bool) else _number(right)
        return None if value is None else (left, value)
    return (left, right) if isinstance(right, (bool, int, float)) else None


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def _describe(value: Any) -> str:
    names: Iterator[str] = (
        name
        for kind, name in ((bool, "boolean"), (int, "number"), (float, "number"), (str, "text"), (list, "list"))
        if isinstance(value, kind)
    )
    return f"the {next(names, 'object' if value is not None else 'value')} {value!r:.80}"
