"""Arguments against AWS's own model: a graph comes in, what the API of a step would refuse goes out.

Every step whose Arguments are a request is compared with the shape of that request, down to the last value: members
that do not exist or are missing, types, allowed values, patterns, sizes. An expression is judged by what it can come
to. At most a hundred problems of one step are told, and a thousand in all; the last says so. A null counts as left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from dagwright.definition.expression import Place, function_of
from dagwright.definition.graph import Graph
from dagwright.definition.rules.constraints import Suggestions, Wrong, shown, value_wrong
from dagwright.definition.rules.requests_details import DETAILS, Keys
from dagwright.definition.rules.requests_expressions import Expressions
from dagwright.definition.rules.requests_tables import (
    EXACTLY_ONE,
    LEFT_OUT,
    NEEDED_BESIDE,
    NOT_BESIDE,
    REFUSED,
    REQUESTS,
    SAID_ELSEWHERE,
    TOP_LEVEL,
)
from dagwright.errors import Problem
from dagwright.shapes import Shape, model_version

_MOST_OF_A_STEP, _MOST = 100, 1000

#: A value, the shape of its place, and the place.
Node = tuple[Any, Shape, Place]
#: What is wrong, and where.
Finding = tuple[Place, Wrong]


def request_problems(graph: Graph) -> Iterator[Problem]:
    """What is wrong with the Arguments of each step whose type is known, in document order."""
    return limited(_problems(graph), _MOST)


def limited(problems: Iterable[Problem], most: int) -> Iterator[Problem]:
    """At most so many of the problems, the last of which says that there are more."""
    kept = [*islice(problems, most + 1)]
    yield from kept[: most - 1] if len(kept) > most else kept
    if len(kept) > most:
        more = f"there are more than the {most} problems told up to here: correct these first"
        yield replace(kept[most - 1], hint="; ".join(filter(None, (kept[most - 1].hint, more))))


def _problems(graph: Graph) -> Iterator[Problem]:
    expressions, suggestions = Expressions(graph), Suggestions()
    for key, settings in TOP_LEVEL.items():
        node: Node = (graph.definition.get(key), settings, (None, key))
        found = _findings(node, expressions, suggestions) if node[0] is not None else iter(())
        yield from (wrong.at("", place) for place, wrong in found)
    for step in graph.steps.values():
        shape = REQUESTS.get(step.type)
        if shape is not None and shape.exists and isinstance(step.envelope.get("Arguments"), (dict, type(None))):
            request: Node = (step.envelope.get("Arguments") or {}, shape, (None, "Arguments"))
            found = _findings(request, expressions, suggestions)
            yield from limited((wrong.at(step.name, place) for place, wrong in found), _MOST_OF_A_STEP)


def _findings(whole: Node, expressions: Expressions, suggestions: Suggestions) -> Iterator[Finding]:
    """What is wrong with a request, in document order; values are looked at as they are asked for."""
    waiting: list[Iterator[Node]] = [iter([whole])]
    while waiting:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        value, shape, place = node
        if function_of(value) is not None:
            yield from ((place, wrong) for wrong in expressions.wrongs(value, shape))
        elif not shape.traits.get("document"):
            wrong = value_wrong(value, shape)
            if wrong is not None:
                yield place, wrong
            if isinstance(value, (dict, list)):
                yield from _container_findings(value, shape, place, suggestions)
                waiting.append(_inside(value, shape, place))


def _inside(value: Any, shape: Shape, place: Place) -> Iterator[Node]:
    """What is directly inside a value, as far as the model knows it and it is not null."""
    if isinstance(value, dict) and shape.kind == "structure":
        known, refused = shape.traits["members"], REFUSED.get(shape.name, ())
        for name, member in value.items():
            if member is not None and name in known and name not in refused:
                yield member, shape.member(name), (place, name)
    elif isinstance(value, dict) and shape.kind == "map":
        yield from ((one, shape.element, (place, key)) for key, one in value.items() if one is not None)
    elif isinstance(value, list) and shape.kind == "list":
        yield from ((item, shape.element, (place, index)) for index, item in enumerate(value))


def _container_findings(value: Any, shape: Shape, place: Place, suggestions: Suggestions) -> Iterator[Finding]:
    """What is wrong with an object or a list as such; what is inside it comes later."""
    if isinstance(value, dict):
        if shape.kind == "structure":
            yield from _structure_findings(value, shape, place, suggestions)
        elif shape.kind == "map":
            yield from _key_findings(value, shape, place)
        for key, member in value.items():
            if member is None:  # refused, say users of Terraform; Amazon's SDK writes none into Arguments
                what = "it is null, which the service may refuse"
                yield (place, key), Wrong("null-member", what, "leave it out", "warning")
    if shape.service == "sagemaker" and shape.name in DETAILS:
        for keys, wrong in DETAILS[shape.name](value):
            yield _below(place, keys), wrong


def _below(place: Place, keys: Keys) -> Place:
    for key in keys:
        place = (place, key)
    return place


def _structure_findings(
    value: Mapping[str, Any], shape: Shape, place: Place, suggestions: Suggestions
) -> Iterator[Finding]:
    given = {name for name, member in value.items() if member is not None}
    for name in value:
        wrong = _name_wrong(name, shape, suggestions)
        if wrong is not None:
            yield (place, name), wrong
    for name in _required(shape):
        if name not in given:
            yield (place, name), Wrong("missing-member", f"{name} is missing")
    yield from _choice_findings(given, shape, place)


def _name_wrong(name: str, shape: Shape, suggestions: Suggestions) -> Wrong | None:
    refused = REFUSED.get(shape.name, {})
    if name in refused:
        return Wrong("refused-member", f"the pipeline service does not take {name}", refused[name] or "leave it out")
    if name in shape.traits["members"] or name in SAID_ELSEWHERE.get(shape.name, ()):
        return None
    near = suggestions.nearest(name, shape.members)
    unknown = f"the installed botocore ({model_version()}) does not know it"
    return Wrong("unknown-member", f"{shown(name)} is not a member of {shape.name}", f"{near}; {unknown}".lstrip("; "))


def _required(shape: Shape) -> Iterator[str]:
    """The members that the step itself must have: some of the API's the service fills in."""
    members, left_out = shape.traits["members"], LEFT_OUT.get(shape.name, ())
    for name in shape.traits.get("required", ()):
        if name not in left_out and not members[name].get("idempotencyToken"):
            yield name


def _choice_findings(given: set[str], shape: Shape, place: Place) -> Iterator[Finding]:
    """Members of which there is exactly one, that exclude or that need each other."""
    choice = shape.members if shape.traits.get("union") else EXACTLY_ONE.get(shape.name, ())
    chosen = [name for name in choice if name in given]
    if choice and not chosen:
        what = (
            f"{' and '.join(choice)} are both missing" if len(choice) == 2 else f"none of {', '.join(choice)} is there"
        )
        yield (place, choice[0]), Wrong("missing-member", what, "give one of them")
    pairs = [(chosen[0], name) for name in chosen[1:]]
    pairs += [(one, other) for one, other in NOT_BESIDE.get(shape.name, ()) if {one, other} <= given]
    for one, other in pairs:
        what = f"{one} and {other} exclude each other"
        yield (place, other), Wrong("exclusive-members", what, "keep one of them")
    for one, needed in NEEDED_BESIDE.get(shape.name, ()):
        if one in given and needed not in given:
            yield (place, needed), Wrong("missing-member", f"{needed} is missing")


def _key_findings(value: Mapping[str, Any], shape: Shape, place: Place) -> Iterator[Finding]:
    for key in value:
        wrong = value_wrong(key, shape.key)
        if wrong is not None:
            yield (place, key), Wrong(wrong.code, f"the name {shown(key)}: {wrong.what}", wrong.hint)
