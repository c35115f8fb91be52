"""The rules below `sizing` of config/project.yaml: the settings of one environment come in, rules by name go out.

Which members a row has is the table's business (`project_keys.py`); here is what rows are together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagwright.errors import Problem
from dagwright.sizing import RULES, Row, Rule

if TYPE_CHECKING:
    from dagwright.project_file import Settings
    from dagwright.yaml_source import Node


def rules_of(settings: Settings) -> Mapping[str, Rule]:
    """The rules that the file gives, and of the two that are always there those that it does not give."""
    own = {name: Rule(name, tuple(_row(row.value) for row in rows)) for name, rows in settings.below("sizing").items()}
    return MappingProxyType({**RULES, **own})


def _row(members: Mapping[str, Node]) -> Row:
    given: dict[str, Any] = {name: node.value for name, node in members.items() if node.value is not None}
    return Row(**given)


def rule_problems(settings: Settings) -> Iterator[Problem]:
    """Rows that no input would ever come to. Rows that are wrong in themselves are not looked at."""
    for name, rows in settings.below("sizing").items():
        limits = [_limit(row) for row in rows]
        if any(isinstance(limit, str) for limit in limits):
            continue
        for at, (before, limit) in enumerate(pairwise(limits), 1):
            field, where = f"sizing.{name}[{at}]", f"{settings.where}:{rows[at].line}"
            if before is None:
                what, hint = "the row before holds any input: this one is never come to", "leave one of the two out"
                yield Problem("bad-value", what, hint, field=field, where=where)
            elif limit is not None and int(limit) <= int(before):
                what = f"below_gb is {limit} after {before} in the row before: no input would come to this one"
                yield Problem("bad-value", what, "write the rows by growing size", field=field, where=where)


def _limit(row: Node) -> int | str | None:
    """A row's below_gb; a text if it is no row with a number or without one."""
    if not isinstance(row.value, dict):
        return "no row"
    limit = row.value.get("below_gb")
    if limit is None or limit.value is None:
        return None
    return limit.value if isinstance(limit.value, int) else "no number"
