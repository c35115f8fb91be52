"""The steps that only write something down: an endpoint's configuration, and the lineage of what a run has made.

What comes in: a step whose arguments can be resolved. What goes out: what the service would answer, kept in the record.
Nothing serves here, and no other run finds what was written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.execution import SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.request import member, needed, objects
from dagwright.engines.local.scope import RunScope
from dagwright.errors import ExecutionError

_ENTITIES = {"Actions": "Action", "Artifacts": "Artifact", "Contexts": "Context"}


def run_endpoint_config(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError for a variant without a name of its own."""
    request = evaluate(step.arguments, scope)
    variants = [needed(variant, "VariantName", str) for variant in objects(request, "ProductionVariants")]
    if not variants or len(set(variants)) < len(variants):
        raise ExecutionError("ProductionVariants must hold at least one variant, each with a name of its own")
    name = member(request, "EndpointConfigName", str) or scope.job
    arn = scope.account.arn(f"endpoint-config/{name.lower()}")
    response = {**request, "EndpointConfigName": name, "EndpointConfigArn": arn, "CreationTime": scope.now()}
    return StepResult(SUCCEEDED, "", {"EndpointConfig": {"Arn": arn}}, response)


def run_lineage(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """The ARN of every action, artifact and context by its name, and the associations between them.

    Raises ExecutionError for an association with what is not there.
    """
    request = evaluate(step.arguments, scope)
    arns = {kind: dict(_made(request, listed, kind, scope)) for listed, kind in _ENTITIES.items()}
    associations = [_association(entry, arns) for entry in objects(request, "Associations")]
    response = {f"{kind}Arns": found for kind, found in arns.items()} | {"Associations": associations}
    return StepResult(SUCCEEDED, "", {"Lineage": response}, response)


def _made(request: Mapping[str, Any], listed: str, kind: str, scope: RunScope) -> Iterator[tuple[str, str]]:
    """(name, ARN); an artifact goes by an identifier of the service's own, which here is its name."""
    for entity in objects(request, listed):
        name = needed(entity, f"{kind}Name", str)
        yield name, scope.account.arn(f"{kind.lower()}/{name.lower()}")


def _association(entry: Mapping[str, Any], arns: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The members of the service's AssociationInfo."""
    ends = {f"{end}Arn": _arn(needed(entry, end, dict), arns) for end in ("Source", "Destination")}
    kind = member(entry, "AssociationType", str)
    return ends | ({"AssociationType": kind} if kind else {})


def _arn(entity: Mapping[str, Any], arns: Mapping[str, Mapping[str, str]]) -> str:
    arn = member(entity, "Arn", str)
    if arn:
        return str(arn)
    kind, name = needed(entity, "Type", str), needed(entity, "Name", str)
    if name not in arns.get(kind, {}):
        raise ExecutionError(f"An association names the {kind.lower()} '{name}', which the step does not make")
    return arns[kind][name]
