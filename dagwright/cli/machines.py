"""What a pipeline becomes as a state machine, for `render`, `validate`, `plan` and `upsert`.

In: a pipeline and its project. Out: the machine, what is wrong with it, and what is to be deployed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.cli.findings import counted, loss_problems
from dagwright.cli.sources import Source
from dagwright.engines.aws.wanted import Destination, WantedObject, WantedSchedule, definition_object, definition_uri
from dagwright.engines.stepfunctions.compiler.machine import Machine, compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.input import typed_input
from dagwright.engines.stepfunctions.limits import longest_name
from dagwright.engines.stepfunctions.state_machines import WantedMachine
from dagwright.errors import DefinitionError, ParameterError, Problem

if TYPE_CHECKING:
    from dagwright.definition.graph import Graph
    from dagwright.project import Project
    from dagwright.schedules import Schedule


def machine_of(source: Source, project: Project | None, commit: str = "") -> Machine:
    """The state machine of a pipeline; its comment tells the commit, if one is given.

    Raises DefinitionError with what cannot be one.
    """
    return compile_machine(source.graph, _settings(source, project, commit))


def machine_problems(source: Source, project: Project | None) -> list[Problem]:
    """Why a pipeline cannot be a state machine; else what does not carry over, counted as the project wants it."""
    try:
        machine = machine_of(source, project)
    except DefinitionError as error:
        if isinstance(error.__cause__, ParameterError):
            return [replace(problem, field="Parameters") for problem in error.problems]
        return [*error.problems] or [Problem("not-a-machine", error.message, error.hint)]
    return loss_problems(machine.losses, project)


def wanted_machine(
    source: Source,
    project: Project,
    destination: Destination,
    tags: Mapping[str, str],
    code: tuple[WantedObject, ...],
    commit: str,
) -> WantedMachine:
    """The machine of a pipeline as it is wanted on AWS. Raises DefinitionError for what cannot be one."""
    machine = machine_of(source, project, commit)
    name = source.name_on_aws(project)
    place = f"arn:{project.partition}:logs:{project.region}:{project.account_id}"
    return WantedMachine(
        name=source.name,
        deployed_name=name,
        text=source.text,
        role=destination.role,
        tags=tags,
        schedules=tuple(_scheduled(one, source.graph) for one in source.schedules),
        code=(*code, definition_object(source.text, name, destination)),
        losses=counted(machine.losses, project),
        machine=machine.text,
        log_group=f"{place}:log-group:{project.state_machine_log_group}",
        commit=commit,
    )


def _settings(source: Source, project: Project | None, commit: str) -> MachineSettings:
    """Where a pipeline's machine will run. Without a project it has its own name and no account.

    Raises DefinitionError if its name is too long for a machine.
    """
    if project is None:
        return MachineSettings(source.name, commit=commit)
    name = source.name_on_aws(project)
    if len(name) > longest_name():
        what = f"the state machine would be named {name}, which has {len(name)} characters; AWS takes {longest_name()}"
        raise DefinitionError(
            f"{source.name} cannot be a state machine", [Problem("name-too-long", what, "shorten it", field="Name")]
        )
    return MachineSettings(
        name=name,
        partition=project.partition,
        region=project.region,
        account_id=project.account_id,
        job_prefix=project.model_package_group if source.is_ours else "",
        role=project.role,
        commit=commit,
        source=definition_uri(source.text, name, project.pipelines()),
    )


def _scheduled(schedule: Schedule, graph: Graph) -> WantedSchedule:
    """A schedule that starts the machine: its parameters are the execution's input, typed as the machine takes them."""
    members = schedule.members()
    target = {name: value for name, value in members["Target"].items() if name != "SageMakerPipelineParameters"}
    given = typed_input(graph, dict(sorted(schedule.parameters.items())))
    target["Input"] = json.dumps(given, ensure_ascii=False)
    return WantedSchedule(schedule.name, {**members, "Target": target})
