"""Whether IAM lets somebody do something: identity policies of one account come in, yes or no goes out.

An explicit Deny wins, else an Allow is needed (IAM user guide, "Policy evaluation logic"). What is not understood (an
operator, a policy variable, several values under an operator for one) is an error, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from iam_documents import Condition, Document, conditions_of, glob, many, statements_of

Context = Mapping[str, Any]
"""What a request says of itself: key -> value, or list of values for a key that has several."""

_NEGATIVE = re.compile(r"^(String|Arn|Numeric|Date|IpAddress)?Not")


def allowed(policies: Iterable[Document], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether the policies together allow `action` (`s3:GetObject`) on `resource` (an ARN, or `*` for none).

    Raises ValueError for what this simulator does not know.
    """
    found = {
        statement["Effect"]
        for document in policies
        for statement in statements_of(document)
        if _fits(statement, action, resource, context or {})
    }
    return "Allow" in found and "Deny" not in found


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    for member in ("NotAction", "NotResource", "NotPrincipal"):
        if member in statement:
            raise ValueError(f"{member} is not simulated: no policy of ours says what it does not mean")
    # first all conditions: an unknown operator is an error even where the statement is about something else
    conditions = [_holds(condition, context) for condition in conditions_of(statement)]
    return (
        any(glob(pattern, any_case=True).fullmatch(action) for pattern in many(statement["Action"]))
        and any(glob(_plain(pattern)).fullmatch(resource) for pattern in many(statement["Resource"]))
        and all(conditions)
    )


def _holds(condition: Condition, context: Context) -> bool:
    given = next((value for key, value in context.items() if key.lower() == condition.key.lower()), None)
    if condition.plain == "Null":
        return condition.values == [str(given is None).lower()]
    one = _comparison(condition.plain)
    wanted = [_plain(value) for value in condition.values]
    negative = _NEGATIVE.match(condition.plain) is not None

    def fits(value: str) -> bool:
        return any(one(value, pattern) for pattern in wanted) is not negative

    if condition.set_word:
        return _set_holds(condition, [fits(value) for value in many(given)])
    if given is None:
        return negative or condition.if_exists
    if isinstance(given, (list, tuple, set)):
        raise ValueError(f"{condition.key} has several values: {condition.operator} needs ForAllValues or ForAnyValue")
    return fits(many(given)[0])


def _set_holds(condition: Condition, results: list[bool]) -> bool:
    """Without any value, ForAllValues is true and ForAnyValue is false (IAM user guide, "Set operators")."""
    if condition.set_word == "ForAllValues":
        return all(results)
    if condition.set_word == "ForAnyValue":
        return any(results) or (condition.if_exists and not results)
    raise ValueError(f"{condition.operator}: there is no such set operator")


@cache
def _comparison(operator: str) -> Any:
    """How two texts are compared; the value of the request is the first. Negation is the caller's."""
    positive = {"NumericNotEquals": "NumericEquals"}.get(operator, operator.replace("Not", "", 1))
    comparisons = {
        "StringEquals": lambda value, wanted: value == wanted,
        "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
        "StringLike": lambda value, wanted: glob(wanted).fullmatch(value) is not None,
        "ArnEquals": _arn_like,
        "ArnLike": _arn_like,
        "Bool": lambda value, wanted: value.lower() == wanted.lower(),
        "NumericEquals": lambda value, wanted: float(value) == float(wanted),
        "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
        "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
        "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
        "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
    }
    if positive not in comparisons:
        raise ValueError(f"{operator}: this condition operator is not simulated")
    return comparisons[positive]


def _arn_like(value: str, wanted: str) -> bool:
    """Each of the six parts of an ARN is compared for itself: `*` does not reach over a colon, but in the last."""
    parts, patterns = value.split(":", 5), wanted.split(":", 5)
    return len(parts) == len(patterns) == 6 and all(
        glob(pattern).fullmatch(part) for part, pattern in zip(parts, patterns, strict=True)
    )


def _plain(value: str) -> str:
    if "${" in value:
        raise ValueError(f"{value}: policy variables are not simulated")
    return str(value)
