"""A condition step as tests of a Choice state: its conditions come in, a `Decision` goes out.

The meaning is `evaluate_conditions` of `definition/conditions.py`: from left to right, and no further than needed. What
is written out is settled here. Of the rest two tests are made: one that the conditions cannot be evaluated, which the
machine asks first, and one that they hold, which is right only if the first is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from dagwright.definition.conditions import condition_problems, conditions_in
from dagwright.definition.declaration import Step
from dagwright.definition.expression import Computation, Place, spell_place, unrolled
from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.compiler.comparisons import (
    BOOLEAN,
    NUMBER,
    TEXT,
    UNKNOWN,
    Operand,
    Rule,
    all_of,
    any_of,
    compare,
    negated,
)
from dagwright.engines.stepfunctions.compiler.dynamic import DYNAMIC, Dynamic, FileValue, Joined, Unique
from dagwright.engines.stepfunctions.compiler.values import Values
from dagwright.errors import Problem


@dataclass(frozen=True)
class Decision:
    """How a condition step decides: `outcome` if that is settled, else `fails` and `holds`, to be tested in this order.

    Both are bodies of Choice rules whose `Variable` and `…Path` values are Dynamic: `fails` is true when the conditions
    cannot be evaluated (None: they always can be), `holds` leads to the if branch, neither to the else branch. Those in
    `computed` are no paths: they are to be assigned to variables first. Parts of the two may be one object. `asks_all`:
    no outcome is settled before every file is asked for.
    """

    outcome: bool | None
    holds: Mapping[str, Any] | None
    fails: Mapping[str, Any] | None
    computed: tuple[Dynamic, ...]
    losses: tuple[Loss, ...]
    asks_all: bool = True


def decide(step: Step, values: Values) -> Decision:
    """The decision of a condition step.

    What a machine cannot decide is added to `values.problems`; the decision then means nothing.
    """
    malformed = condition_problems(step)
    if malformed:
        values.problems += [problem for problem in malformed if problem not in values.problems]
        return Decision(False, None, None, (), ())
    reading = _Reading(step.name, values)
    part: _Part = unrolled(reading.all(step.conditions, ((None, "Arguments"), "Conditions")))
    single = [one["Type"] for one, _ in conditions_in(step) if one["Type"] not in ("Not", "Or")]
    asks_all = len(single) == 1 and single != ["In"]
    return replace(reading.decision(part.holds, negated(part.evaluable)), asks_all=asks_all)


#: `all_of` or `any_of`.
_Joint: TypeAlias = Callable[[Iterable[Rule]], Rule]


class _Part(NamedTuple):
    """When a condition holds, asked only if it is `evaluable`."""

    holds: Rule
    evaluable: Rule


class _Reading:
    """Takes the conditions of one step apart, no further than what is written out lets them be evaluated."""

    def __init__(self, step: str, values: Values) -> None:
        self._step = step
        self._values = values
        self._losses: dict[str, Loss] = {}

    def all(self, conditions: list[Any], place: Place) -> Computation:
        """The conditions as a `_Part`, up to the first that cannot hold."""
        parts: list[_Part] = []
        for index, condition in enumerate(conditions):
            parts.append((yield self._read(condition, (place, index))))
            if parts[-1].holds is False:
                break
        return _in_turn(parts, all_of, negated)

    def _any(self, conditions: list[Any], place: Place) -> Computation:
        parts: list[_Part] = []
        for index, condition in enumerate(conditions):
            parts.append((yield self._read(condition, (place, index))))
            if parts[-1].holds is True:
                break
        return _in_turn(parts, any_of, _itself)

    def _read(self, condition: Mapping[str, Any], place: Place) -> Computation:
        kind = condition["Type"]
        if kind == "Not":
            inner = yield self._read(condition["Condition"], (place, "Condition"))
            return _Part(negated(inner.holds), inner.evaluable)
        if kind == "Or":
            return (yield self._any(condition["Conditions"], (place, "Conditions")))
        if kind == "In":
            return self._within(condition["QueryValue"], condition["Values"], place)
        return self._compare(condition, place)

    def _compare(self, condition: Mapping[str, Any], place: Place) -> _Part:
        left = self._operand(condition["LeftValue"], (place, "LeftValue"))
        right = self._operand(condition["RightValue"], (place, "RightValue"))
        if left is None or right is None:
            return _REFUSED
        kind = condition["Type"]
        found = compare(kind, left, right)
        if found.evaluable is False:
            what = f"{kind} cannot compare {_said(left)} with {_said(right)}"
            if found.mixed:
                hint = "a state machine reads no number out of a text: give both sides one type"
                self._refuse("text-with-number", f"{what} in a state machine", hint, place)
            else:
                hint = "compare numbers with numbers, texts with texts, booleans with booleans"
                self._refuse("incomparable", what, hint, place)
            return _REFUSED
        if found.mixed:
            self._lose(_TEXT_NUMBER)
        return _Part(found.holds, found.evaluable)

    def _within(self, query: Any, values: list[Any], place: Place) -> _Part:
        wanted = self._operand(query, (place, "QueryValue"))
        if wanted is None:
            return _REFUSED
        parts: list[_Part] = []
        for index, value in enumerate(values):
            one = self._operand(value, ((place, "Values"), index))
            if one is None:
                return _REFUSED
            found = compare("Equals", wanted, one, within=True)
            if found.mixed:
                self._lose(_TEXT_NUMBER_WITHIN)
            parts.append(_Part(found.holds, one.evaluable()))
            if found.holds is True:
                break
        part = _in_turn(parts, any_of, _itself)
        return _Part(part.holds, all_of([wanted.evaluable(), part.evaluable]))

    def _operand(self, value: Any, place: Place) -> Operand | None:
        """What stands on one side of a comparison; None, with a problem added, if that is no single value."""
        compiled = self._values.compiled(value, self._step)
        if compiled == "" and value != "" and self._values.problems:
            return None  # it has no value in a machine, as the problems tell
        if isinstance(compiled, Joined) and any(isinstance(part, FileValue) for part in compiled.parts):
            self._lose(_TEXT_OF_A_FILE)
        if isinstance(compiled, DYNAMIC):
            return Operand(compiled, self._values.kind(compiled))
        kind = _KINDS.get(type(compiled))
        if kind is None:
            what = f"a condition compares single values, and this is {_NOT_SINGLE[type(compiled)]}"
            self._refuse("incomparable", what, "give a text, a number, a boolean or an expression", place)
            return None
        return Operand(compiled, kind)

    def _refuse(self, code: str, what: str, hint: str, place: Place) -> None:
        self._values.problems.append(Problem(code, what, hint, step=self._step, field=spell_place(place)))

    def _lose(self, loss: Loss) -> None:
        self._losses.setdefault(loss.what, replace(loss, step=self._step))

    def decision(self, holds: Rule, fails: Rule) -> Decision:
        """The decision that makes these tests."""
        if isinstance(fails, dict) and isinstance(holds, bool):
            # it is asked only if `fails` is false
            holds = {"Not": fails} if holds else fails
        rules = [rule for rule in (holds, fails) if isinstance(rule, dict)]
        computed: dict[Dynamic, None] = {}
        for name, value in _tested(rules):
            if isinstance(value, (Joined, Unique)):
                computed[value] = None
            elif name.startswith("Numeric") and isinstance(value, int) and abs(value) >= 1 << 53:
                self._lose(_LARGE_NUMBER)
        losses = tuple(self._losses.values())
        if isinstance(holds, bool):
            return Decision(holds, None, None, (), losses)
        return Decision(None, holds, fails if isinstance(fails, dict) else None, tuple(computed), losses)


_REFUSED = _Part(False, True)
_KINDS = {str: TEXT, bool: BOOLEAN, int: NUMBER, float: NUMBER}
_NOT_SINGLE = {list: "a list", dict: "an object", type(None): "nothing (null)"}
_TEXT_NUMBER = Loss(
    "text-number",
    'a text found at run time is not read as a number: compared with one ("0.9" with 0.8), it fails the step',
    hint="write numbers without quotes",
)
_TEXT_NUMBER_WITHIN = Loss(
    "text-number",
    "In takes a text found at run time as equal to a number only if it spells it as usual (6, 6.0; not 06)",
    hint="give both sides one type",
)
_TEXT_OF_A_FILE = Loss(
    "text-of-a-file",
    "a Join of a value in a file is made before the conditions are tested: if there is no such value, it ends the whole"
    " execution, wherever in the conditions it stands",
    hint="compare the value itself",
)
_LARGE_NUMBER = Loss(
    "large-number",
    "a whole number beyond 2^53 may be compared as if it were one near it",
    hint="compare texts instead",
)


def _in_turn(parts: Iterable[_Part], joined: _Joint, ends: Callable[[Rule], Rule]) -> _Part:
    """Several conditions as one: `joined`, and none evaluated if what those before it come to `ends` the evaluation.

    Neighbours are put together two by two, so that for n conditions the rules are log n deep and n log n long.
    """
    level = list(parts) or [_Part(joined(()), True)]
    while len(level) > 1:
        pairs = [
            _Part(
                joined([first.holds, second.holds]),
                all_of([first.evaluable, any_of([ends(first.holds), second.evaluable])]),
            )
            for first, second in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def _itself(rule: Rule) -> Rule:
    return rule


def _said(operand: Operand) -> str:
    if operand.is_dynamic:
        return f"a {operand.kind} found at run time" if operand.kind != UNKNOWN else "a value found at run time"
    return f"the {operand.kind} {operand.value!r:.80}"


def _tested(rules: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Every operand of the tests in the rules, with the member that it is the value of."""
    pending = rules[:]
    while pending:
        for name, value in pending.pop().items():
            if name == "Not":
                pending.append(value)
            elif name in ("And", "Or"):
                pending += reversed(value)
            else:
                yield name, value
