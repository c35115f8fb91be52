"""Everything that is wrong with a definition, said offline: anything comes in, problems go out, and nothing is raised.

`validate` reads, and asks every rule of the folder `rules/`; how much each counts is its catalogue's, the target's and
the project's affair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.path import Path, parse_path
from dagwright.definition.rules.branches import depends_on_condition_problems, nesting_problems, reach_problems
from dagwright.definition.rules.catalogue import PROJECT, RULES, STRUCTURE
from dagwright.definition.rules.comparisons import comparison_problems
from dagwright.definition.rules.isolation import isolation_problems
from dagwright.definition.rules.models import approval_problems, image_name_problems
from dagwright.definition.rules.names import (
    emptiness_problems,
    parameter_name_problems,
    shortened,
    step_key_problems,
    step_name_problems,
    top_level_problems,
    version_problems,
)
from dagwright.definition.rules.parameters import (
    parameter_count_problems,
    parameter_problems,
    untyped_parameter_problems,
    unused_parameter_problems,
)
from dagwright.definition.rules.paths import path_problems
from dagwright.definition.rules.policies import cache_problems, retry_problems, trigger_problems
from dagwright.definition.rules.protection import (
    network_problems,
    output_key_problems,
    time_limit_problems,
    traffic_problems,
    volume_key_problems,
)
from dagwright.definition.rules.references import reference_problems
from dagwright.definition.rules.regions import image_region_problems, region_problems
from dagwright.definition.rules.requests import request_problems
from dagwright.definition.rules.secrets import Secret, by_form, secrets_in
from dagwright.definition.rules.siblings import sibling_problems
from dagwright.definition.rules.sizes import size_problems
from dagwright.definition.rules.spot import spot_problems
from dagwright.errors import DefinitionError, Problem, did_you_mean

Target = Literal["sagemaker", "stepfunctions", "local"]
RuleFunction = Callable[[Graph], Iterable[Problem]]

#: What holds wherever a pipeline runs.
ANYWHERE: tuple[RuleFunction, ...] = (
    top_level_problems,
    parameter_name_problems,
    parameter_problems,
    parameter_count_problems,
    unused_parameter_problems,
    step_name_problems,
    step_key_problems,
    sibling_problems,
    cache_problems,
    retry_problems,
    trigger_problems,
    reach_problems,
    comparison_problems,
    path_problems,
    request_problems,
    reference_problems,
)
#: What holds where AWS runs the jobs.
ON_AWS: tuple[RuleFunction, ...] = (
    emptiness_problems,
    volume_key_problems,
    output_key_problems,
    network_problems,
    time_limit_problems,
    traffic_problems,
    isolation_problems,
    spot_problems,
    image_name_problems,
    approval_problems,
)
#: What SageMaker Pipelines demands of a definition.
ON_SAGEMAKER: tuple[RuleFunction, ...] = (
    version_problems,
    untyped_parameter_problems,
    nesting_problems,
    depends_on_condition_problems,
    size_problems,
)
RULES_OF: Mapping[Target, tuple[RuleFunction, ...]] = {
    "local": ANYWHERE,
    "stepfunctions": (*ANYWHERE, *ON_AWS),
    "sagemaker": (*ANYWHERE, *ON_AWS, *ON_SAGEMAKER),
}
_NO_CHECKS: Mapping[str, str] = MappingProxyType({})
_SEVERITIES = ("error", "warning", "off")
#: What a problem quotes; and how much of a secret gives it away, since long values are cut where they are quoted.
_QUOTED = re.compile(r"""['"]([^'"]*)""")
_TELLING, _LEAST = 12, 4
_LONGEST = 1000


def validate(
    source: object,
    *,
    target: Target = "sagemaker",
    strict: bool = False,
    region: str = "",
    checks: Mapping[str, str] = _NO_CHECKS,
) -> list[Problem]:
    """Every problem of a pipeline definition, given as JSON text (str or bytes) or as the object it parses to.

    In document order, each once. `strict` makes the project's rules errors, `checks` (code -> error, warning or off)
    sets how much a rule counts, `region` is where the pipeline is to run. Raises nothing, whatever the source is.
    """
    try:
        text = source if isinstance(source, (str, bytes)) else json.dumps(source)
        graph, problems = examine_definition(text)
    except DefinitionError as error:
        return [*error.problems]
    except (TypeError, ValueError, RecursionError) as error:
        return [Problem("not-json", f"this is not a pipeline definition: {error}", "give its JSON text, or the object")]
    return validate_graph(graph, problems, target=target, strict=strict, region=region, checks=checks)


def validate_graph(
    graph: Graph,
    structural: Iterable[Problem] = (),
    *,
    target: Target = "sagemaker",
    strict: bool = False,
    region: str = "",
    checks: Mapping[str, str] = _NO_CHECKS,
) -> list[Problem]:
    """`validate` for what `read_definition` or `examine_definition` gave."""
    secrets = [*secrets_in(graph)]
    found = chain(structural, *(rule(graph) for rule in RULES_OF[target]), (secret.problem for secret in secrets))
    if target != "local":
        found = chain(found, region_problems(region), image_region_problems(graph, region))
    told = map(_brief, _told_once([*dict.fromkeys(found)]))
    known = [*_check_problems(checks), *_discreet(told, secrets)]
    weighed = (_weighed(problem, strict, checks) for problem in known)
    return sorted((problem for problem in weighed if problem is not None), key=_Order(graph))


def _check_problems(checks: Mapping[str, str]) -> Iterator[Problem]:
    for code, severity in checks.items():
        if code not in RULES:
            what = f"there is no rule '{code:.80}'"
            yield Problem("unknown-check", what, did_you_mean(code, RULES), "warning", field=f"checks.{code}")
        elif severity not in _SEVERITIES:
            what = f"'{severity!s:.80}' is not how much a rule can count"
            yield Problem("unknown-check", what, did_you_mean(severity, _SEVERITIES), "warning", field=f"checks.{code}")
        elif RULES[code].weight == STRUCTURE and severity != "error":
            what = f"'{code}' is always an error: a definition with it cannot be read"
            yield Problem("fixed-check", what, "remove it from checks", "warning", field=f"checks.{code}")


def _told_once(problems: list[Problem]) -> list[Problem]:
    """Without what the project wants in an object that the service already misses."""
    missing = {(problem.step, problem.field) for problem in problems if problem.code == "missing-member"}
    return [problem for problem in problems if not (_is_project(problem) and _is_inside(problem, missing))]


def _is_project(problem: Problem) -> bool:
    return RULES[problem.code].weight == PROJECT


def _is_inside(problem: Problem, missing: set[tuple[str, str]]) -> bool:
    parts = problem.field.split(".")
    return any((problem.step, ".".join(parts[:count])) in missing for count in range(1, len(parts)))


def _discreet(problems: Iterable[Problem], secrets: Iterable[Secret]) -> Iterator[Problem]:
    """No other rule shows a secret: neither where it stands, nor where a parameter or a Join brings it."""
    places: set[tuple[str, str]] = set()
    beginnings: set[str] = set()
    for secret in secrets:
        places.add((secret.step, secret.field))
        beginnings.update(form[:_TELLING] for form in (secret.value, repr(secret.value)[1:-1]))
    for problem in problems:
        text = f"{problem.what} {problem.hint}"
        shows = (problem.step, problem.field) in places or by_form(text)[0] or _tells(text, beginnings)
        if problem.code != "secret" and shows:
            yield replace(problem, what="the value is not right; being a secret, it is not shown", hint="")
        else:
            yield problem


def _tells(text: str, beginnings: set[str]) -> bool:
    """Whether a text says one of these; what is too short to be told from other words only if it is quoted."""
    if any(found[1] in beginnings for found in _QUOTED.finditer(text)):
        return True
    sizes = {len(beginning) for beginning in beginnings if len(beginning) >= _LEAST}
    return any(text[at : at + size] in beginnings for size in sizes for at in range(len(text) - size + 1))


def _brief(problem: Problem) -> Problem:
    """The problem in no more than a page, however long the names are that it is about."""
    if max(len(problem.what), len(problem.hint)) <= _LONGEST:
        return problem
    return replace(problem, what=shortened(problem.what, _LONGEST), hint=shortened(problem.hint, _LONGEST))


def _weighed(problem: Problem, strict: bool, checks: Mapping[str, str]) -> Problem | None:
    """The problem with the severity that it has here; None if the project does not want to know."""
    severity = "error" if strict and _is_project(problem) else problem.severity
    if RULES[problem.code].weight != STRUCTURE:
        wanted = checks.get(problem.code)
        if wanted == "off":
            return None
        severity = "error" if wanted == "error" else "warning" if wanted == "warning" else severity
    return problem if severity == problem.severity else replace(problem, severity=severity)


class _Order:
    """Sorts problems as the document goes: what belongs to no step first, then step by step, member by member."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._steps = {name: index for index, name in enumerate(graph.steps)}
        self._keys: dict[int, dict[str, int]] = {}

    def __call__(self, problem: Problem) -> tuple[int, tuple[int, ...]]:
        step = self._graph.steps.get(problem.step)
        if step is not None:
            return self._steps[problem.step], self._places(step.envelope, problem.field)
        first = -1 if not problem.step else len(self._steps)
        return first, self._places(self._graph.definition, problem.field)

    def _places(self, document: Any, field: str) -> tuple[int, ...]:
        """The position of each key of a path among its neighbours; one that is not there comes last."""
        places = []
        for key in _path(field):
            if isinstance(document, Mapping):
                keys = self._keys.setdefault(id(document), {})
                if not keys:
                    keys.update((name, index) for index, name in enumerate(document))
                places.append(keys.get(str(key), len(keys)))
                document = document.get(key)
            else:
                places.append(key if isinstance(key, int) else 0)
                document = _item(document, key)
        return tuple(places)


def _path(field: str) -> Path:
    try:
        return parse_path(field)
    except DefinitionError:
        return ()


def _item(items: Any, key: str | int) -> Any:
    return items[key] if isinstance(items, list) and isinstance(key, int) and key < len(items) else None
