"""The hyperparameters that a tuning job searches: ParameterRanges come in, `Range`s go out.

A range maps a place between 0 and 1 to the text of a hyperparameter, by its scale; so whoever chooses the places knows
nothing of numbers and names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dagwright.engines.local.request import choice, needed, objects, texts
from dagwright.errors import ExecutionError

AUTO, LINEAR, LOGARITHMIC, REVERSE = "Auto", "Linear", "Logarithmic", "ReverseLogarithmic"
_WIDE = 100.0
"""From which ratio of its ends on a range of scale Auto is searched by orders of magnitude."""
_AROUND_A_HINT = 10.0


@dataclass(frozen=True)
class Range:
    """One hyperparameter. `values` are those of a categorical one; the others go from `low` to `high`, which are `int`
    if it is `whole`."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    scale: str = LINEAR

    @property
    def count(self) -> int | None:
        """How many values it has; None if they cannot be counted."""
        if self.values:
            return len(self.values)
        if self.low == self.high:
            return 1
        return int(self.high) - int(self.low) + 1 if self.whole else None

    def each(self) -> Iterable[str]:
        """All its values, in order. Raises ValueError if they cannot be counted."""
        if self.count is None:
            raise ValueError(f"nobody can count the values of {self.name}")
        if self.values or not self.whole:
            return self.values or (self.at(0.0),)
        return map(str, range(int(self.low), int(self.high) + 1))

    def at(self, place: float) -> str:
        """The value at a place from 0 to 1: categories verbatim, numbers plain."""
        if self.values:
            return self.values[min(int(place * len(self.values)), len(self.values) - 1)]
        value = self._unscaled(place)
        low, high = self.low, self.high
        return (
            str(int(min(max(math.floor(value + 0.5), low), high))) if self.whole else repr(min(max(value, low), high))
        )

    def place_of(self, text: str) -> float | None:
        """Where a value lies: what `at` makes the same value of; None if it is not in the range."""
        if self.values:
            return (self.values.index(text) + 0.5) / len(self.values) if text in self.values else None
        value = _number(text)
        if value is None or not self.low <= (int(Decimal(text)) if self.whole else value) <= self.high:
            return None
        low, high = self._ends()
        first, last = self._scaled(low), self._scaled(high)
        return 0.5 if first == last else (self._scaled(value) - first) / (last - first)

    def _ends(self) -> tuple[float, float]:
        """A whole number stands for what rounds to it, so the first and the last come as often as the others."""
        return (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)

    def _scaled(self, value: float) -> float:
        if self.scale == LOGARITHMIC:
            return math.log(value)
        return -math.log1p(-value) if self.scale == REVERSE else value

    def _unscaled(self, place: float) -> float:
        low, high = self._ends()
        first, last = self._scaled(low), self._scaled(high)
        between = (1 - place) * first + place * last  # the difference of the ends may be no finite number
        if self.scale == LOGARITHMIC:
            return math.exp(between)
        return -math.expm1(-between) if self.scale == REVERSE else between


def read_ranges(given: Mapping[str, Any], fixed: Mapping[str, str]) -> list[Range]:
    """The ranges of ParameterRanges or HyperParameterRanges, beside the hyperparameters that are `fixed`.

    Raises ExecutionError with everything that is wrong with them.
    """
    kinds: list[tuple[str, Callable[[Mapping[str, Any]], Range]]] = [
        ("CategoricalParameterRanges", _categorical),
        ("IntegerParameterRanges", lambda item: _numeric(item, whole=True)),
        ("ContinuousParameterRanges", lambda item: _numeric(item, whole=False)),
        ("AutoParameters", _around_a_hint),
    ]
    found: list[Range] = []
    wrong: list[str] = []
    for group, read in kinds:
        for item in objects(given, group):
            try:
                found.append(read(item))
            except ExecutionError as error:
                wrong.append(error.message)
    names = [one.name for one in found]
    wrong += [f"'{name}' has two ranges" for name in dict.fromkeys(names) if names.count(name) > 1]
    wrong += [f"'{name}' has a range and is one of StaticHyperParameters" for name in names if name in fixed]
    if wrong or not found:
        raise ExecutionError(
            "; ".join(wrong) or "The tuning job has no range to search", hint="Look at ParameterRanges."
        )
    return found


def combinations(ranges: Sequence[Range]) -> int | None:
    """How many different trials there can be; None if they cannot be counted."""
    counts = [one.count for one in ranges]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def _categorical(item: Mapping[str, Any]) -> Range:
    name, values = needed(item, "Name", str), tuple(dict.fromkeys(texts(item, "Values")))
    if not values:
        raise ExecutionError(f"The range of '{name}' has no Values")
    return Range(name, values)


def _numeric(item: Mapping[str, Any], whole: bool) -> Range:
    name = needed(item, "Name", str)
    low, high = (_end(name, item, member, whole) for member in ("MinValue", "MaxValue"))
    scale = choice(item, "ScalingType", (AUTO, LINEAR, LOGARITHMIC, REVERSE))
    if low > high:
        raise ExecutionError(f"The range of '{name}' goes from {low:g} down to {high:g}")
    if scale == LOGARITHMIC and low <= 0:
        raise ExecutionError(f"The range of '{name}' is Logarithmic and begins at {low:g}: only values above 0 can be")
    if scale == REVERSE and (whole or low < 0 or high >= 1):
        raise ExecutionError(
            f"The range of '{name}' is ReverseLogarithmic: that is for continuous values from 0 to below 1"
        )
    if scale == AUTO:
        scale = LOGARITHMIC if low > 0 and high / low >= _WIDE else LINEAR
    return Range(name, (), low, high, whole, scale)


def _end(name: str, item: Mapping[str, Any], end: str, whole: bool) -> float:
    text = needed(item, end, str)
    value = _number(text)
    if value is None or (whole and not value.is_integer()):
        raise ExecutionError(f"{end} of '{name}' must be a {'whole ' if whole else ''}number, it is {text!r:.40}")
    return int(Decimal(text)) if whole else value  # a large one loses its last digits as a float


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _around_a_hint(item: Mapping[str, Any]) -> Range:
    """AutoParameters leave the range to the service, which does not say how it makes one. Here it is from a tenth of
    the example to ten times it."""
    name, hint = needed(item, "Name", str), needed(item, "ValueHint", str)
    value = _number(hint)
    if hint.lower() in ("true", "false"):
        return Range(name, ("true", "false") if hint.islower() else ("True", "False"))
    if value is None:
        return Range(name, (hint,))
    whole = hint.strip().lstrip("+-").isdecimal()
    if value == 0:
        return Range(name, (), 0.0, 1.0, whole)
    ends = sorted((value / _AROUND_A_HINT, value * _AROUND_A_HINT))
    if not all(map(math.isfinite, ends)):
        return Range(name, (hint,))
    if whole:
        ends = [math.ceil(ends[0]), math.ceil(ends[1])]
    return Range(name, (), ends[0], ends[1], whole, LOGARITHMIC if value > 0 else LINEAR)
