"""Names and keys: a graph comes in, problems with the top level and with what parameters and steps are called goes out.

The keys are those that the SageMaker SDK emits. The service refuses a key that it does not know ("unknown property").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import write_path
from dagwright.errors import Problem, did_you_mean

VERSION = "2020-12-01"
TOP_LEVEL = ("Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps")
PARAMETER = ("Name", "Type", "DefaultValue", "EnumValues", "Description", "DisplayName")

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")  # AWS's definition schema; StepName in botocore's model
_EVERY_STEP = ("Name", "Type", "Arguments", "DisplayName", "Description", "DependsOn")
_CHECK = ("CheckType", "ModelPackageGroupName", "SkipCheck", "FailOnViolation", "RegisterNewBaseline")
_BASELINES = ("SuppliedBaselineStatistics", "SuppliedBaselineConstraints")
_CACHE, _RETRY = "CacheConfig", "RetryPolicies"

#: What may stand beside Arguments, by type of step: SDK v2 2.257 and v3 3.27; retries by AWS's page on retry policies.
SIBLINGS: Mapping[str, tuple[str, ...]] = {
    "Processing": (_CACHE, _RETRY, "PropertyFiles"),
    "Training": (_CACHE, _RETRY),
    "Transform": (_CACHE, _RETRY),
    "Tuning": (_CACHE, _RETRY),
    "AutoML": (_CACHE, _RETRY),
    "Model": (_RETRY,),
    "RegisterModel": (_RETRY,),
    "Condition": (),
    "Fail": (),
    "Lambda": (_CACHE, "FunctionArn", "OutputParameters"),
    "Callback": (_CACHE, "SqsQueueUrl", "OutputParameters"),
    "EMR": (_CACHE,),
    "EMRServerless": (_CACHE, _RETRY),
    "QualityCheck": (_CACHE, *_CHECK, *_BASELINES),
    "ClarifyCheck": (_CACHE, *_CHECK, "SuppliedBaselineConstraints", "ModelName"),
    "EndpointConfig": (_CACHE, _RETRY),
    "Endpoint": (_CACHE,),
    "InferenceComponent": (),
    "Lineage": (),
    "Job": (_CACHE, _RETRY),
    "Cleanup": (),
    "ForEach": (),
}
_ANY_SIBLING = {key for keys in SIBLINGS.values() for key in keys}


def top_level_problems(graph: Graph) -> Iterator[Problem]:
    """Keys that no definition has."""
    for key in graph.definition:
        if key not in TOP_LEVEL:
            what = f"'{key:.80}' is not a key of a pipeline definition"
            yield Problem("unknown-key", what, did_you_mean(key, TOP_LEVEL), "warning", field=write_path((key,)))


def version_problems(graph: Graph) -> Iterator[Problem]:
    """A Version that the service does not know."""
    version = graph.definition.get("Version")
    if version != VERSION:
        what = "Version is missing" if version is None else f"Version is {version!r:.80}"
        yield Problem("bad-version", what, f'write "Version": "{VERSION}"', field="Version")


def emptiness_problems(graph: Graph) -> Iterator[Problem]:
    """A pipeline without a step."""
    if graph.definition.get("Steps") == []:
        yield Problem("empty-pipeline", "the pipeline has no steps", "a pipeline has at least one step", field="Steps")


def parameter_name_problems(graph: Graph) -> Iterator[Problem]:
    """Names that the service refuses, and keys that no parameter has."""
    for index, raw in enumerate(declared(graph)):
        field = f"Parameters[{index}]"
        name = raw.get("Name")
        if isinstance(name, str) and name:
            yield from _name_problem(name, "parameter", f"{field}.Name")
        for key in raw:
            if key not in PARAMETER:
                what = f"'{key:.80}' is not a key of a parameter"
                yield Problem(
                    "unknown-parameter-key",
                    what,
                    did_you_mean(key, PARAMETER),
                    field=write_path(("Parameters", index, key)),
                )


def step_name_problems(graph: Graph) -> Iterator[Problem]:
    """Names that the service refuses."""
    for step in graph.steps.values():
        yield from _name_problem(step.name, "step", "Name")


def step_key_problems(graph: Graph) -> Iterator[Problem]:
    """Types that nobody knows, keys that no step has, and keys that a step of another type has."""
    for step in graph.steps.values():
        if step.type in SIBLINGS:
            yield from _sibling_problems(step)
        elif step.type:
            what = f"steps of type {step.type!r:.80} are not known here: this one cannot be checked"
            yield Problem("unknown-step-type", what, did_you_mean(step.type, SIBLINGS), "warning", step.name, "Type")


def declared(graph: Graph) -> list[Mapping[str, Any]]:
    """The parameters as written, one for each entry of the list; what is not an object is an empty one."""
    raw = graph.definition.get("Parameters")
    return [entry if isinstance(entry, dict) else {} for entry in raw] if isinstance(raw, list) else []


def _name_problem(name: str, kind: str, field: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        what = f"{shortened(name)!r} cannot be the name of a {kind}"
        step = name if kind == "step" else ""
        yield Problem("bad-name", what, "1 to 64 letters, digits, '-' and '_'", step=step, field=field)


def _sibling_problems(step: Step) -> Iterator[Problem]:
    known = (*_EVERY_STEP, *SIBLINGS[step.type])
    for key, value in step.envelope.items():
        if key in known or value is None:
            continue
        if key in _ANY_SIBLING:
            what = f"a {step.type} step takes no {key}"
            yield Problem("key-of-other-type", what, _where_it_belongs(key), step=step.name, field=key)
        else:
            what = f"'{key:.80}' is not a key of a step"
            hint = f"it is a member of Arguments: {key}" if key in step.arguments else did_you_mean(key, known)
            yield Problem("unknown-step-key", what, hint, step=step.name, field=write_path((key,)))


def _where_it_belongs(key: str) -> str:
    types = [kind for kind, keys in SIBLINGS.items() if key in keys]
    return f"only {', '.join(types[:-1])} and {types[-1]} do" if len(types) > 1 else f"only {types[0]} does"


def shortened(text: str, most: int = 80) -> str:
    """At most this many characters of a text, with `…` for the rest."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
