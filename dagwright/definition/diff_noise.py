"""What only looks like a change: each kind with its reason. In: two values at one place. Out: the pairs to compare.

    absent         a member that is null is not there: SDK v2 and v3 write `"MlflowConfig": null`
    empty          an empty object or list says nothing: definitions are found with and without `"Metadata": {}`
    key order      JSON objects have none
    step order     a step runs when what it waits for has ended, wherever it stands (`diff` compares steps by name)
    sets           the order of DependsOn, Subnets, SecurityGroupIds, ExceptionType has no meaning
    named lists    their elements are found by name, not by number

Not among them: `1` and `1.0`. They are one number to JSON and two texts to a Join, and how the service writes the
second is documented nowhere. Nor anything inside the data that a Lambda or Callback step hands to a program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from dagwright.definition.diff_values import exact
from dagwright.definition.expression import Place

#: What is on one side only.
ABSENT: Any = object()

_SETS = frozenset({"DependsOn", "ExceptionType", "SecurityGroupIds", "Subnets"})
# The member that tells the elements of a list apart; the service's models do not say which it is.
_NAMES = {
    "CategoricalParameterRanges": "Name",
    "ContinuousParameterRanges": "Name",
    "DebugRuleConfigurations": "RuleConfigurationName",
    "InputDataConfig": "ChannelName",
    "IntegerParameterRanges": "Name",
    "MetricDefinitions": "Name",
    "OutputParameters": "OutputName",
    "Outputs": "OutputName",
    "Parameters": "Name",
    "PipelineParameterList": "Name",
    "ProcessingInputs": "InputName",
    "ProfilerRuleConfigurations": "RuleConfigurationName",
    "PropertyFiles": "PropertyFileName",
    "Tags": "Key",
    "TrainingJobDefinitions": "DefinitionName",
}


class Named(str):
    """The name of a list's element, in the place of its number."""

    __slots__ = ()


class Pair(NamedTuple):
    """Two values at one place."""

    place: Place
    old: Any
    new: Any


def says_nothing(value: Any) -> bool:
    """Whether a member of an object might as well not be there."""
    return value is ABSENT or value is None or value in ({}, [])


def pairs(pair: Pair, own_data: bool) -> Iterator[Pair]:
    """What there is to compare inside two objects, or inside two lists."""
    if isinstance(pair.old, dict):
        yield from _members(pair, own_data)
        return
    label = _NAMES.get(_last_key(pair.place), "")
    old, new = _by_name(pair.old, label), _by_name(pair.new, label)
    if not own_data and _last_key(pair.place) in _SETS:
        yield from _of_sets(pair)
    elif not own_data and old is not None and new is not None:
        for name in dict.fromkeys([*new, *old]):
            yield Pair((pair.place, Named(name)), old.get(name, ABSENT), new.get(name, ABSENT))
    else:
        yield from _by_number(pair)


def _members(pair: Pair, own_data: bool) -> Iterator[Pair]:
    nothing = ABSENT if own_data else None
    for key in dict.fromkeys([*pair.new, *pair.old]):
        yield Pair((pair.place, key), pair.old.get(key, nothing), pair.new.get(key, nothing))


def _last_key(place: Place) -> str:
    return str(place[1]) if place is not None else ""


def _by_name(elements: list[Any], label: str) -> dict[str, Any] | None:
    """The elements by name; None unless each has one of its own."""
    if not label:
        return None
    names = [element.get(label) if isinstance(element, dict) else None for element in elements]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return dict(zip(map(str, names), elements, strict=True))


def _of_sets(pair: Pair) -> Iterator[Pair]:
    old, new = ({exact(element): element for element in elements} for elements in (pair.old, pair.new))
    more, less = Counter(map(exact, pair.new)), Counter(map(exact, pair.old))
    for text in (more - less).elements():
        yield Pair(pair.place, ABSENT, new[text])
    for text in (less - more).elements():
        yield Pair(pair.place, old[text], ABSENT)


def _by_number(pair: Pair) -> Iterator[Pair]:
    """Element by element; what is the same at both ends of two lists of single values is left out first, so that an
    element more does not make all that follow look different."""
    old, new, start = pair.old, pair.new, 0
    if len(old) != len(new) and not any(isinstance(one, (dict, list)) for one in (*old, *new)):
        texts, others = [*map(exact, old)], [*map(exact, new)]
        while start < min(len(texts), len(others)) and texts[start] == others[start]:
            start += 1
        end = 0
        while end < min(len(texts), len(others)) - start and texts[-1 - end] == others[-1 - end]:
            end += 1
        old, new = old[start : len(old) - end], new[start : len(new) - end]
    for number in range(max(len(old), len(new))):
        sides = (side[number] if number < len(side) else ABSENT for side in (old, new))
        yield Pair((pair.place, start + number), *sides)
