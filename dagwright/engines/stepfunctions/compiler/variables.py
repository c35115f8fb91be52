"""What a machine keeps in variables: what is read where goes in, names and what each scope hands on go out.

A variable of an inner scope must not have the name of one of an outer scope, so that the depth of the scope is part of
the name. A value made in a branch is handed on, scope by scope, until whoever reads it can see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from dagwright.engines.stepfunctions.compiler.dynamic import ParameterValue, Produced
from dagwright.engines.stepfunctions.compiler.flow import Flow, Scope

FAILURES = "Failures"
STARTED = "Started"
# The guide allows 80 characters; the depth and a number need some of them.
_LONGEST = 60
_OTHER = re.compile("[^A-Za-z0-9]+")
_FAILURES = re.compile(f"{FAILURES}(__[0-9]+)?")
_GENERAL = ("Value", "Arn", "Status")


class Variables:
    """The variables of one flow; `reads` says which value is read in which scope."""

    def __init__(self, flow: Flow, reads: Iterable[tuple[Produced, Scope]]) -> None:
        self._flow = flow
        self._items: dict[Produced, int] = {}
        self._bases: dict[ParameterValue | Produced, str] = {}
        self._taken = {FAILURES, STARTED}
        self._made: dict[str, dict[Produced, None]] = {}
        self._exports: dict[Scope, dict[Produced, None]] = {}
        self._kept: dict[Scope, dict[Produced, None]] = {}
        self._asked = frozenset(value for value, _ in flow.asked)
        for value, scope in [*reads, *flow.asked]:
            self._made.setdefault(value.step, {}).setdefault(value)
            self._hand_on(value, scope)

    def _hand_on(self, value: Produced, reader: Scope) -> None:
        seen = set(_outwards(reader))
        for scope in _outwards(self._flow.scopes[value.step]):
            self._kept.setdefault(scope, {}).setdefault(value)
            if scope in seen:
                return
            self._exports.setdefault(scope, {}).setdefault(value)

    def hold_lists(self, items: Mapping[Produced, int]) -> None:
        """Of these values the variable holds a list, of which the value is one item."""
        self._items.update(items)

    def made_by(self, step: str) -> list[Produced]:
        """What is read of a step, in the order it was first asked for."""
        return list(self._made.get(step, ()))

    def exports(self, scope: Scope) -> list[Produced]:
        """What a branch hands on to the scope around it."""
        return list(self._exports.get(scope, ()))

    def read_in_doubt(self, scope: Scope) -> list[Produced]:
        """What is read of a scope whether or not it has been set there: by guards, and by what hands it on."""
        exported = self._exports.get(scope, {})
        return [value for value in self._kept.get(scope, ()) if value in self._asked or value in exported]

    def key(self, value: ParameterValue | Produced) -> str:
        """The name of a value in the outermost scope, and in the output of a branch that hands it on."""
        if value not in self._bases:
            self._bases[value] = self._new(_said(value))
        return self._bases[value]

    def name(self, value: ParameterValue | Produced, scope: Scope) -> str:
        """The variable, as it is called in its own scope."""
        return at_depth(self.key(value), scope)

    def seen_from(self, value: ParameterValue | Produced, scope: Scope) -> str:
        """The value, as it is spelled where it is read: the variable of the scope or of one around it."""
        if isinstance(value, ParameterValue):
            return self.key(value)
        around = set(_outwards(scope))
        home = next(one for one in _outwards(self._flow.scopes[value.step]) if one in around)
        item = f"[{self._items[value]}]" if value in self._items else ""
        return f"{self.name(value, home)}{item}"

    def _new(self, wanted: str) -> str:
        base = _OTHER.sub("_", wanted).strip("_") or "value"
        base = base if base[0].isalpha() else f"v_{base}"
        if len(base) > _LONGEST:
            base = f"{base[:_LONGEST].rstrip('_')}_{sha256(wanted.encode()).hexdigest()[:8]}"
        found, number = base, 1
        while found in self._taken:
            number += 1
            found = f"{base}_{number}"
        self._taken.add(found)
        return found


def at_depth(name: str, scope: Scope) -> str:
    """A variable's name in a scope; two underscores occur in no other place."""
    return f"{name}__{scope.depth}" if scope.depth else name


def is_failures(name: str) -> bool:
    """Whether this is the variable that keeps what went wrong, in whatever scope; no value has such a name."""
    return _FAILURES.fullmatch(name) is not None


def _outwards(scope: Scope) -> Iterable[Scope]:
    here: Scope | None = scope
    while here is not None:
        yield here
        here = here.parent


def _said(value: ParameterValue | Produced) -> str:
    if isinstance(value, ParameterValue):
        return value.name
    words = [str(key) for key in value.path]
    return "_".join([value.step, *(words[-2:] if words[-1] in _GENERAL else words[-1:])])
