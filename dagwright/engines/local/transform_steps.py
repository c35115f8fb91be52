"""The steps that put data through a model: what is known of their jobs before a run, and how they end.

What comes in: a step whose arguments can be resolved, and the bench. What goes out: its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import Reference, evaluate, is_expression, references
from dagwright.definition.graph import Graph, Step
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.job import Job, JobEnding
from dagwright.engines.local.job_steps import explained, own_words, prepared, result_after
from dagwright.engines.local.request import member, needed, objects
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.served_model import Served, archives_of, containers_of, named_containers
from dagwright.engines.local.stand_ins import in_place_of
from dagwright.engines.local.transform import transform_failure, transform_job, transform_response
from dagwright.errors import ExecutionError


def transform_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The job of a transform step as far as it is known, and one for the image of each further container.

    Raises ExecutionError for what it will not be able to do.
    """
    if _is_stood_in_for(step, bench):
        return [
            transform_job(
                "check", arguments, _archives(lambda: _model_before_run(step, arguments, scope, bench), bench)
            )
        ]
    model = _model_before_run(step, arguments, scope, bench)
    containers = containers_of(model, step.name, bench.registry)
    job = transform_job("check", arguments, containers)
    others = [
        replace(job, image=item.image, modules=item.modules, inputs=(), outputs=(), folders=())
        for item in containers[1:]
    ]
    return [job, *others]


def run_transform(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    arn = bench.account.arn(f"transform-job/{scope.job}")
    job = in_place_of(_job(step, request, scope, bench), step, request, bench.stand_ins)
    run, times = prepared(step, job, bench)

    def finish(ending: JobEnding) -> JobEnding:
        times["ended"] = bench.now()
        return explained(ending, run, own_words(ending, run, transform_failure))

    ending = run.run(finish)
    response = transform_response(scope.job, arn, request, ending, times)
    return result_after(ending, {"TransformJob": {"Arn": arn}}, response, _notes(request))


def _job(step: Step, request: Mapping[str, Any], scope: RunScope, bench: Bench) -> Job:
    name = needed(request, "ModelName", str)
    if _is_stood_in_for(step, bench):
        return transform_job(scope.job, request, _archives(lambda: _model_of_run(name, scope, bench), bench))
    model = _model_of_run(name, scope, bench)
    containers = containers_of(model, step.name, bench.registry)
    if not containers:
        raise ExecutionError(f"The model {name} has no container")
    others = [bench.environments.of(item.image) for item in containers[1:]]
    pythons = [f"{environment.folders[0]}/python" if environment.folders else "" for environment in others]
    job = transform_job(scope.job, request, containers, pythons)
    visible = tuple(path for environment in others for path in environment.visible)
    return replace(job, isolated=member(model, "EnableNetworkIsolation", bool, False), visible=visible)


def _is_stood_in_for(step: Step, bench: Bench) -> bool:
    """Whether a function is the program of the job: the model needs not be one that a local run can ask."""
    stand_in = bench.stand_ins.get(step.name)
    return stand_in is not None and stand_in.function is not None


def _archives(find: Callable[[], Mapping[str, Any]], bench: Bench) -> list[Served]:
    """What a function that stands in gets of the model; nothing of one that nobody knows."""
    try:
        return archives_of(find(), bench.registry)
    except ExecutionError:
        return []


def _notes(request: Mapping[str, Any]) -> tuple[str, ...]:
    if member(request, "DataCaptureConfig", dict):
        return ("DataCaptureConfig is left out: requests and answers are captured by the service only",)
    return ()


# ---- which model ----


def _model_of_run(name: str, scope: RunScope, bench: Bench) -> Mapping[str, Any]:
    """The model of this name: of a step of the run, or one that an earlier run has made. Raises ExecutionError."""
    for step, output in scope.outputs.items():
        if scope.graph.steps[step].type == "Model" and output.get("ModelName") == name:
            return output
    return bench.registry.model(name)


def _model_before_run(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> Mapping[str, Any]:
    """The same as far as it is known before the run; empty if it is not known at all."""
    made_by = _step_behind(step.arguments.get("ModelName"), scope.graph, "Model")
    if made_by is None:
        name = needed(arguments, "ModelName", str)
        return {} if name == UNKNOWN else bench.registry.model(name)
    stand_in = bench.stand_ins.get(made_by.name)
    model = {**evaluate_known(made_by.arguments, scope), **(stand_in.given if stand_in else {})}
    packages = [_known_package(item, scope) for item in named_containers(made_by.arguments)]
    containers = [package or item for package, item in zip(packages, named_containers(model), strict=False)]
    return {**model, "PrimaryContainer": None, "Containers": containers}


def _step_behind(value: Any, graph: Graph, kind: str) -> Step | None:
    """The step of a kind that an expression reads."""
    found: list[Reference] = list(references(value)) if is_expression(value) else []
    steps = [graph.steps.get(item.name) for item in found if item.root == "Steps"]
    return next((step for step in steps if step and step.type == kind), None)


def _known_package(container: Mapping[str, Any], scope: RunScope) -> Mapping[str, Any] | None:
    """What a container is made of that names a package which a step of the run registers."""
    step = _step_behind(container.get("ModelPackageName"), scope.graph, "RegisterModel")
    if step is None:
        return None
    request = evaluate_known(step.arguments, scope)
    made = objects(request, "InferenceSpecification.Containers")
    return made[0] if made else None
