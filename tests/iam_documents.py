"""IAM's documents as they are written, read as lists: statements, actions, resources, conditions, principals.

The checker (tests/iam_checker.py) and the simulator (tests/iam_simulator.py) both stand on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Condition(NamedTuple):
    """One line of a statement's conditions: `ForAllValues:StringEquals`, `sagemaker:VpcSubnets`, the values."""

    operator: str
    key: str
    values: list[str]

    @property
    def set_word(self) -> str:
        """`ForAllValues`, `ForAnyValue` or nothing."""
        return self.operator.rpartition(":")[0]

    @property
    def plain(self) -> str:
        """The operator alone: `StringEquals` of `ForAnyValue:StringEqualsIfExists`."""
        return self.operator.rpartition(":")[2].removesuffix("IfExists")

    @property
    def if_exists(self) -> bool:
        return self.operator.endswith("IfExists")


def many(value: Any) -> list[Any]:
    """What may be written alone or as a list; booleans and numbers as the texts that IAM compares."""
    values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) if isinstance(one, int) else one for one in values]


def statements_of(document: Document) -> list[Mapping[str, Any]]:
    return many(document.get("Statement"))


def conditions_of(statement: Mapping[str, Any]) -> Iterator[Condition]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield Condition(operator, key, many(values))


def principals_of(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind (`AWS`, `Service`, `Federated`) and name of each; `Principal: "*"` is that of AWS."""
    principal = statement.get("Principal")
    for kind, names in (principal if isinstance(principal, Mapping) else {"AWS": principal}).items():
        yield from ((kind, name) for name in many(names))


@cache
def glob(pattern: str, *, any_case: bool = False) -> re.Pattern[str]:
    """IAM's wildcards: `*` is anything, slashes and colons as well, `?` is one character."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if any_case else 0))
