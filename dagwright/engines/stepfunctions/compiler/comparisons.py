"""One comparison as tests of a Choice state: two operands come in, when it holds and when it can be made go out.

What is compared with what is the table of `definition/conditions.py`, and `comparable` and `COMPARISONS` are asked for
every value that is written out. What is found at run time is told apart by its kind. A test of the language is false
where the type is wrong, and an error where the path leads nowhere; `And` and `Or` go from left to right and no further
than needed (states-language.net/spec.html, Choice State). So of a file's value IsPresent is asked before anything else.

One thing cannot be said: that a text found at run time, read as a number, is such and such. `mixed` tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from dagwright.definition.conditions import COMPARISONS, comparable
from dagwright.definition.expression import render
from dagwright.engines.stepfunctions.compiler.dynamic import DYNAMIC, may_be_absent

#: The body of a Choice rule; a bool where the answer is settled. The values of `Variable` and `…Path` are Dynamic.
Rule: TypeAlias = bool | dict[str, Any]

NUMBER, TEXT, BOOLEAN, UNKNOWN = "number", "text", "boolean", "unknown"
_TYPE_TESTS = {NUMBER: "IsNumeric", TEXT: "IsString", BOOLEAN: "IsBoolean"}
_OPERATORS = {
    "Equals": "Equals",
    "GreaterThan": "GreaterThan",
    "GreaterThanOrEqualTo": "GreaterThanEquals",
    "LessThan": "LessThan",
    "LessThanOrEqualTo": "LessThanEquals",
}
_TURNED = {
    "Equals": "Equals",
    "GreaterThan": "LessThan",
    "GreaterThanOrEqualTo": "LessThanOrEqualTo",
    "LessThan": "GreaterThan",
    "LessThanOrEqualTo": "GreaterThanOrEqualTo",
}
#: Every text that is compared with a boolean: true and false in any case.
_TRUTHS = tuple(
    "".join(letters) for word in ("true", "false") for letters in product(*((low, low.upper()) for low in word))
)


def all_of(rules: Iterable[Rule]) -> Rule:
    """True if every rule is, tested in this order up to the first that is not."""
    return _nested("And", rules, neutral=True)


def any_of(rules: Iterable[Rule]) -> Rule:
    """True if one of the rules is."""
    return _nested("Or", rules, neutral=False)


def negated(rule: Rule) -> Rule:
    """True if the rule is not."""
    if isinstance(rule, bool):
        return not rule
    inner: Rule = rule.get("Not", {"Not": rule})
    return inner


def _nested(word: str, rules: Iterable[Rule], *, neutral: bool) -> Rule:
    parts: list[dict[str, Any]] = []
    for rule in rules:
        if isinstance(rule, dict):
            parts += rule.get(word, [rule])
        elif rule is not neutral:
            return rule
    if not parts:
        return neutral
    return parts[0] if len(parts) == 1 else {word: parts}


class Operand(NamedTuple):
    """One side of a comparison: a value that is written out or a Dynamic, and its kind. `guard` is the test that it is
    of this kind, where that is not known before."""

    value: Any
    kind: str
    guard: Rule = True

    @property
    def is_dynamic(self) -> bool:
        """Whether it is found at run time."""
        return isinstance(self.value, DYNAMIC)

    def test(self, operator: str, value: Any) -> dict[str, Any]:
        """The test that asks this of it."""
        return {"Variable": self.value, operator: value}

    def present(self) -> Rule:
        """Whether its path leads anywhere."""
        return self.test("IsPresent", True) if may_be_absent(self.value) else True

    def evaluable(self) -> Rule:
        """Whether it has a value at all: out of a file a single one, elsewhere anything but null."""
        if self.kind != UNKNOWN:
            return self.present()
        if may_be_absent(self.value):
            return all_of([self.present(), any_of(self.test(test, True) for test in _TYPE_TESTS.values())])
        return self.test("IsNull", False)

    def cases(self) -> list[Operand]:
        """The operand, as each of the kinds that it can turn out to be."""
        if self.kind != UNKNOWN:
            return [self]
        return [Operand(self.value, kind, self.test(test, True)) for kind, test in _TYPE_TESTS.items()]


class Comparison(NamedTuple):
    """When a comparison holds, asked only if it is `evaluable`; and that, in a row that can happen, the value of a text
    found at run time would have to be compared with a number (`mixed`)."""

    holds: Rule
    evaluable: Rule
    mixed: bool = False


_NEVER = Comparison(False, False)
_MIXED = Comparison(False, False, mixed=True)


def compare(kind: str, left: Operand, right: Operand, within: bool = False) -> Comparison:
    """What `kind` (a key of COMPARISONS) comes to. `within`: as In asks it, so that it holds for nothing that cannot be
    compared, and a text found at run time is equal to a number that it spells as usual (6, 6.0)."""
    holds: list[Rule] = []
    comparables: list[Rule] = []
    mixed = False
    for one, other in product(left.cases(), right.cases()):
        row = _row(kind, one, other, within)
        guards = [one.guard, other.guard]
        # a test against what is written out is false for any other type
        implied = isinstance(row.holds, dict) and not (one.is_dynamic and other.is_dynamic)
        holds.append(row.holds if implied else all_of([*guards, row.holds]))
        comparables.append(all_of([*guards, row.evaluable]))
        mixed = mixed or row.mixed
    return Comparison(any_of(holds), all_of([left.present(), right.present(), any_of(comparables)]), mixed)


def _row(kind: str, left: Operand, right: Operand, within: bool) -> Comparison:
    """The comparison of two operands whose kinds are known, but for the test that they are of these kinds."""
    if not left.is_dynamic and not right.is_dynamic:
        pair = comparable(left.value, right.value)
        return _NEVER if pair is None else Comparison(COMPARISONS[kind](*pair), True)
    if right.is_dynamic and (not left.is_dynamic or (right.kind == BOOLEAN and left.kind != BOOLEAN)):
        return _row(_TURNED[kind], right, left, within)
    if left.kind == BOOLEAN:
        return _by_truth(kind, left, right, within)
    if not right.is_dynamic:
        return _number_row(kind, left, right) if left.kind == NUMBER else _text_row(kind, left, right, within)
    if left.kind != right.kind:
        return _MIXED
    family = "Numeric" if left.kind == NUMBER else "String"
    return Comparison(left.test(f"{family}{_OPERATORS[kind]}Path", right.value), True)


def _by_truth(kind: str, boolean: Operand, other: Operand, within: bool) -> Comparison:
    """The comparison of a boolean found at run time: as that of true if it is true, else as that of false."""
    if_true = _row(kind, Operand(True, BOOLEAN), other, within)
    if_false = _row(kind, Operand(False, BOOLEAN), other, within)
    holds = _chosen(boolean, if_true.holds, if_false.holds)
    return Comparison(holds, _chosen(boolean, if_true.evaluable, if_false.evaluable), if_true.mixed)


def _chosen(boolean: Operand, if_true: Rule, if_false: Rule) -> Rule:
    if if_true == if_false:
        return if_true
    return any_of(
        all_of([boolean.test("BooleanEquals", truth), rule]) for truth, rule in ((True, if_true), (False, if_false))
    )


def _number_row(kind: str, left: Operand, right: Operand) -> Comparison:
    """A number found at run time and a value that is written out."""
    pair = comparable(0, right.value)
    if pair is None:
        return _NEVER
    number = int(pair[1]) if isinstance(pair[1], bool) else pair[1]
    if _is_endless(number):
        return Comparison(COMPARISONS[kind](*pair), True)
    return Comparison(left.test(f"Numeric{_OPERATORS[kind]}", number), True)


def _text_row(kind: str, left: Operand, right: Operand, within: bool) -> Comparison:
    """A text found at run time and a value that is written out."""
    if right.kind == TEXT:
        return Comparison(left.test(f"String{_OPERATORS[kind]}", right.value), True)
    if right.kind == NUMBER:
        spelled = any_of(left.test("StringEquals", text) for text in _spellings(right.value)) if within else False
        return _MIXED._replace(holds=spelled)
    pairs = [(text, comparable(text, right.value)) for text in _TRUTHS]
    held = any_of(left.test("StringEquals", text) for text, pair in pairs if pair and COMPARISONS[kind](*pair))
    return Comparison(held, any_of(left.test("StringEquals", text) for text, pair in pairs if pair))


def _is_endless(number: float) -> bool:
    """Whether it is beyond what the language can write: every number found at run time is on one side of it."""
    try:
        return float(number) in (float("inf"), float("-inf"))
    except OverflowError:
        return True


def _spellings(number: float) -> Iterator[str]:
    """How a number is usually written: a whole one with and without `.0`."""
    yield render(number)
    if isinstance(number, int):
        yield f"{number}.0"
    elif number.is_integer():
        yield str(int(number))
