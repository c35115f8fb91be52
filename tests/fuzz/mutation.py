"""Real definitions made wrong: a JSON value and a source of chance come in, a value that differs in places goes out.

Changed as a tree, not as bytes: what comes out is JSON still, so that readers get past their parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

_TESTS = Path(__file__).resolve().parents[1]
#: What nobody expects in a definition, and what its readers look for.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 70, 10**400, 0.5, -0.0, 1e308, "", " ", "0", "true", "a", "*", "\0", "\n", "é", "ﬁ",
    "\u202e", "ß", "a.b", "a['b']", "x" * 300, "..", "../..", "/etc/passwd", "s3://bucket/key", "s3://bucket/../x", "s3://",
    "${x}", "$.a", "P1D", "PT5M", "arn:aws:iam::111122223333:role/x", "ml.m5.xlarge", "{}", "[]", "2020-12-01",
    [], {}, [[]], [None], {"": None}, {"Get": None}, {"Get": ""}, {"Get": "Steps"}, {"Get": "Steps.."}, {"Std:": {}},
    {"Get": "Parameters.'"}, {"Get": "ForEach.a"}, {"Get": "Execution.StartDateTime"}, {"Get": "Execution.Nothing"},
    {"Std:Join": {"Values": []}}, {"Std:Join": {"On": None, "Values": [{}]}}, {"Std:Join": []},
    {"Std:Join": {"On": "\0", "Values": ["a", 1, 1.5, True, {"Get": "Execution.PipelineName"}]}},
    {"Std:JsonGet": {"S3Uri": "s3://bucket/x", "Path": "a"}}, {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.a"}}},
    {"Type": "Not", "Condition": {"Type": "Not"}}, {"Type": "In", "QueryValue": [], "Values": {}},
    {"Step": "a", "Trigger": "Failed"}, {"Key": "k", "Value": None}, {"Name": "a", "Type": "Fail", "Arguments": {}},
    {"Name": "a", "Type": "Condition", "Arguments": {"Conditions": {}, "IfSteps": [None], "ElseSteps": ""}},
)  # fmt: skip

_PIECES = ("", ".", "'", "[", "]", "[0]", "\\", "/", "..", "\0", "\n", "é", "{", "$", "=", " ", "9" * 40)


def mutated(value: Any, chance: Random, times: int = 3) -> Any:
    """Another value, changed at up to so many places."""
    top = [deepcopy(value)]
    for _ in range(chance.randint(1, times)):
        places = list(_places(top))
        chance.choice(_CHANGES)(*chance.choice(places), places, chance)
    return top[0]


def _places(top: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything that is in it."""
    pending = [top]
    while pending:
        here = pending.pop()
        for key in [*here] if isinstance(here, dict) else range(len(here)):
            yield here, key
            if isinstance(here[key], (dict, list)):
                pending.append(here[key])


def _replace(here: Any, key: Any, places: Any, chance: Random) -> None:
    here[key] = deepcopy(chance.choice(ODD))


def _move(here: Any, key: Any, places: Any, chance: Random) -> None:
    """What stands elsewhere; a copy, as nothing may hold itself."""
    other, there = chance.choice(places)
    here[key] = deepcopy(other[there])


def _remove(here: Any, key: Any, places: Any, chance: Random) -> None:
    if places[0][0] is not here:
        del here[key]


def _repeat(here: Any, key: Any, places: Any, chance: Random) -> None:
    if isinstance(here, list):
        here.insert(key, deepcopy(here[key]))
    else:
        here[chance.choice(("Name", "Type", "a", "", "\0", f"{key}s"))] = deepcopy(here[key])


def _wrap(here: Any, key: Any, places: Any, chance: Random) -> None:
    inner = here[key]
    here[key] = chance.choice(
        (
            [inner],
            {"Get": inner},
            {"Std:Join": {"On": "/", "Values": [inner]}},
            {"Type": "Not", "Condition": inner},
            {"Type": "Or", "Conditions": [inner, inner]},
            {"Std:JsonGet": {"S3Uri": inner, "Path": "a"}},
        )
    )


def _spell(here: Any, key: Any, places: Any, chance: Random) -> None:
    """A text with something put in, or taken out."""
    text = here[key]
    if isinstance(text, str):
        at = chance.randint(0, len(text))
        put = chance.choice(
            ("", ".", "'", "[", "]", "[0]", "\\", "/", "..", "\0", "\n", "é", "{", "$", "=", " ", "9" * 40)
        )
        here[key] = text[:at] + put + text[at + chance.randint(0, 3) :]


_CHANGES: tuple[Callable[[Any, Any, Any, Random], None], ...] = (_replace, _move, _remove, _repeat, _wrap, _spell)


@cache
def definitions() -> tuple[Any, ...]:
    """Those of the repository: other people's, our own, and one that is broken for each rule."""
    paths = [*(_TESTS / "foreign").glob("*.json"), *(_TESTS / "broken").glob("*.json")]
    paths += [*(_TESTS / "golden/example").glob("*.json"), *(_TESTS / "golden/vocabulary").glob("*.json")]
    return tuple(found for path in sorted(paths) if "Steps" in (found := _json(path)))


def _json(path: Path) -> dict[str, Any]:
    """Nothing, for a file that is broken in its JSON."""
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
