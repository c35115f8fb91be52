"""Choice rules as the States Language means them (states-language.net/spec.html), one rule and the values it reads at a
time: what a wrong type and a path that leads nowhere come to is as strict as there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from dagwright.engines.stepfunctions.compiler.dynamic import DYNAMIC

#: What a path leads to. Raises LookupError if it leads nowhere.
Read = Callable[[Any], Any]

KINDS: dict[str, Any] = {"Numeric": (int, float), "String": str, "Boolean": bool}
ORDERS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def is_kind(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and isinstance(value, bool) == (kind == "Boolean")


def holds(rule: Mapping[str, Any], read: Read) -> bool:
    """Whether a rule is true. Raises LookupError where the machine would fail."""
    if "Not" in rule:
        return not holds(rule["Not"], read)
    if "And" in rule or "Or" in rule:
        ((word, rules),) = rule.items()
        assert len(rules) > 1
        return (all if word == "And" else any)(holds(each, read) for each in rules)
    (test,) = rule.keys() - {"Variable"}
    assert isinstance(rule["Variable"], DYNAMIC)
    if test == "IsPresent":
        try:
            read(rule["Variable"])
        except LookupError:
            return not rule[test]
        return bool(rule[test])
    return passes(test, read(rule["Variable"]), rule[test], read)


def passes(test: str, value: Any, expected: Any, read: Read) -> bool:
    if test.startswith("Is"):
        kind = test.removeprefix("Is")
        return (value is None if kind == "Null" else is_kind(value, kind)) is expected
    if test.endswith("Path"):
        expected = read(expected)
    else:
        assert is_kind(expected, next(kind for kind in KINDS if test.startswith(kind))), f"{test}: {expected!r}"
    kind = next(kind for kind in KINDS if test.startswith(kind))
    order = test.removeprefix(kind).removesuffix("Path")
    return is_kind(value, kind) and is_kind(expected, kind) and bool(ORDERS[order](value, expected))
