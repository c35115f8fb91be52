"""What a pipeline becomes as a state machine, for `render`, `validate`, `plan` and `upsert`.

In: a pipeline and its project. Out: the settings that the compiler takes, and the machine.
"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.commit import current_commit
from dagwright.cli.sources import Source, has_project, project_of
from dagwright.definition.parameters import start_values
from dagwright.engines.aws.wanted import WantedSchedule, definition_uri
from dagwright.engines.stepfunctions.compiler.machine import Machine, compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.input import input_text
from dagwright.engines.stepfunctions.state_machines import LONGEST_NAME
from dagwright.errors import DefinitionError, ParameterError, Problem

if TYPE_CHECKING:
    from dagwright.definition.graph import Graph
    from dagwright.project import Project
    from dagwright.schedules import Schedule


def machine_of(source: Source, arguments: Namespace) -> Machine:
    """The state machine of a pipeline. Raises DefinitionError with what cannot be one, ConfigurationError."""
    project = project_of(arguments) if has_project(arguments) else None
    return compile_machine(source.graph, settings_of(source, project, arguments))


def settings_of(source: Source, project: Project | None, arguments: Namespace) -> MachineSettings:
    """Where a pipeline's machine will run. Without a project it has its own name and no account.

    Raises DefinitionError if its name is too long for a machine.
    """
    commit = current_commit(arguments.root)
    is_ours = arguments.file is None and not source.deployed_name
    if project is None:
        return MachineSettings(source.name, commit=commit)
    name = source.deployed_name or project.pipeline_name(source.name)
    if len(name) > LONGEST_NAME:
        what = f"the state machine would be named {name}, which has {len(name)} characters; AWS takes {LONGEST_NAME}"
        raise DefinitionError(
            f"{source.name} cannot be a state machine", [Problem("name-too-long", what, "shorten it", field="Name")]
        )
    return MachineSettings(
        name=name,
        partition=project.partition,
        region=project.region,
        account_id=project.account_id,
        job_prefix=project.model_package_group if is_ours else "",
        role=project.role,
        commit=commit,
        source=definition_uri(source.text, name, project.pipelines()),
    )


def machine_problems(graph: Graph, settings: MachineSettings) -> list[Problem]:
    """Why a definition cannot be a state machine; else, as warnings, what would be lost on the way."""
    try:
        machine = compile_machine(graph, settings)
    except DefinitionError as error:
        # a default that is none is told of by the rules, with its place
        return [] if isinstance(error.__cause__, ParameterError) else [*error.problems]
    return [Problem(loss.code, loss.what, loss.hint, "warning", loss.step) for loss in machine.losses]


def scheduled(schedule: Schedule, graph: Graph) -> WantedSchedule:
    """A schedule that starts the machine: its parameters are the execution's input, typed as the machine takes them."""
    members = schedule.members()
    target = {name: value for name, value in members["Target"].items() if name != "SageMakerPipelineParameters"}
    values = start_values(graph, schedule.parameters)
    given = {name: values[name] for name in sorted(schedule.parameters)}
    return WantedSchedule(schedule.name, {**members, "Target": {**target, "Input": input_text(given)}})
