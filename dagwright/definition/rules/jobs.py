"""The jobs of a pipeline in one form: a graph comes in, a `Job` for every request that starts containers goes out.

A Tuning step has one for each of its training definitions. A quality or bias check is a processing job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, Step
from dagwright.errors import DagwrightError, EvaluationError

#: Characters of a parameter's default. Source: AWS's definition schema.
LONGEST_DEFAULT = 4096
PROCESSING = ("Processing", "QualityCheck", "ClarifyCheck")

#: Where in each kind of request it says which machines it wants.
_RESOURCES = {
    "Processing": ("ProcessingResources.ClusterConfig",),
    "Training": ("ResourceConfig", "HyperParameterTuningResourceConfig"),
    "Transform": ("TransformResources",),
}

_CHOICES = ("InstanceGroups", "InstanceConfigs", "InstancePreferences")


class Defaults:
    """The scope of a start with nothing but defaults: what only a run can tell has no value."""

    def __init__(self, graph: Graph) -> None:
        self._parameters = graph.parameters

    def parameter(self, name: str) -> Any:
        found = self._parameters.get(name)
        if found is None or not found.has_default or len(str(found.default)) > LONGEST_DEFAULT:
            raise EvaluationError(f"'{name}' has no default that can be used")
        return found.default

    def execution(self, variable: str) -> NoReturn:
        raise EvaluationError(variable)

    def experiment(self, variable: str) -> NoReturn:
        raise EvaluationError(variable)

    def step(self, name: str) -> NoReturn:
        raise EvaluationError(name)

    def property_file(self, step: str, name: str) -> NoReturn:
        raise EvaluationError(name)

    def read_text(self, s3_uri: str) -> NoReturn:
        raise EvaluationError(s3_uri)


def usual(value: Any, defaults: Defaults) -> Any:
    """What a value comes to when the pipeline is started with its defaults; None if only a run can tell."""
    try:
        return evaluate(value, defaults)
    except DagwrightError:
        return None


@dataclass(frozen=True)
class Job:
    """One request: `kind` is Processing, Training, Transform, AutoML or Model, `place` where in the step it stands."""

    step: str
    kind: str
    place: str
    request: Mapping[str, Any]
    _defaults: Defaults = field(repr=False)

    def raw(self, path: str) -> Any:
        """The member at a dotted path as written; None if it or anything on the way is absent."""
        here: Any = self.request
        for key in path.split("."):
            here = here.get(key) if isinstance(here, Mapping) else None
        return here

    def usual(self, path: str) -> Any:
        """The member's value when the pipeline is started with its defaults; None if only a run can tell."""
        return usual(self.raw(path), self._defaults)

    def field(self, path: str) -> str:
        """The place of a member in the step: `Arguments.TrainingJobDefinition.VpcConfig`."""
        return f"{self.place}.{path}"

    @property
    def resources(self) -> tuple[str, Mapping[str, Any]] | None:
        """Where the request says which machines it wants, and what; None if it does not say."""
        for path in _RESOURCES.get(self.kind, ()):
            found = self.raw(path)
            if isinstance(found, Mapping):
                return path, found
        return None

    @property
    def instance_types(self) -> list[str]:
        """The types of its instances, as far as they are known."""
        found = self.resources
        if found is None:
            return []
        groups = [found[1], *(one for key in _CHOICES for one in _objects(found[1].get(key)))]
        types = [usual(group.get("InstanceType"), self._defaults) for group in groups]
        return [kind for kind in types if isinstance(kind, str)]

    @property
    def instance_count(self) -> int:
        """How many instances it has; 1 if that is not known."""
        found = self.resources
        if found is None:
            return 1
        groups = _objects(found[1].get("InstanceGroups")) or [found[1]]
        counts = [usual(group.get("InstanceCount"), self._defaults) for group in groups]
        return sum(count for count in counts if isinstance(count, int)) or 1


def jobs(graph: Graph, *kinds: str) -> Iterator[Job]:
    """The jobs of these kinds, in document order."""
    defaults = Defaults(graph)
    for step in graph.steps.values():
        for kind, place, request in _requests(step):
            if kind in kinds:
                yield Job(step.name, kind, place, request, defaults)


def containers(graph: Graph) -> Iterator[Job]:
    """The containers of the models that are made or registered, in document order."""
    defaults = Defaults(graph)
    for step in graph.steps.values():
        for place, request in _containers(step):
            yield Job(step.name, "Container", place, request, defaults)


def _requests(step: Step) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if step.type in PROCESSING:
        yield "Processing", "Arguments", step.arguments
    elif step.type in ("Training", "Transform", "AutoML", "Model"):
        yield step.type, "Arguments", step.arguments
    elif step.type == "Tuning":
        single = step.arguments.get("TrainingJobDefinition")
        if isinstance(single, Mapping):
            yield "Training", "Arguments.TrainingJobDefinition", single
        for place, request in _listed(step.arguments.get("TrainingJobDefinitions"), "TrainingJobDefinitions"):
            yield "Training", place, request


def _containers(step: Step) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if step.type == "Model":
        primary = step.arguments.get("PrimaryContainer")
        if isinstance(primary, Mapping):
            yield "Arguments.PrimaryContainer", primary
        yield from _listed(step.arguments.get("Containers"), "Containers")
    elif step.type == "RegisterModel":
        inference = step.arguments.get("InferenceSpecification")
        if isinstance(inference, Mapping):
            yield from _listed(inference.get("Containers"), "InferenceSpecification.Containers")


def _listed(items: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, Mapping):
            yield f"Arguments.{path}[{index}]", item


def _objects(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
