"""The pipelines of a project as the template needs them: every module of `pipelines/` comes in, `Workloads` go out."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.sources import Source, pipeline_files, source_at
from dagwright.definition.uses import uses_of
from dagwright.errors import DefinitionError
from dagwright.infra.workload import Start, Workload, Workloads

if TYPE_CHECKING:
    from dagwright.project import Project

_ON_AWS = ("dev", "staging", "production")


def workloads_of(arguments: Namespace, project: Project) -> Workloads:
    """What the pipelines use in this environment. Raises DefinitionError for one that cannot be built."""
    files = pipeline_files(arguments.root).values()
    return Workloads(tuple(_workload(source_at(arguments.root, path, project), project) for path in files))


def neighbours_of(arguments: Namespace, project: Project) -> list[Project]:
    """The environments before this one that are in the same account and have a stack."""
    from dagwright.project import load_project

    path = arguments.root / "config" / "project.yaml"
    before = _ON_AWS[: _ON_AWS.index(project.environment)] if project.environment in _ON_AWS else ()
    others = [load_project(path, environment) for environment in before]
    return [one for one in others if one.infra.is_used and one.account_id == project.account_id]


def _workload(source: Source, project: Project) -> Workload:
    return Workload(
        source.name,
        source.name_on_aws(project),
        uses_of(source.graph),
        tuple(Start(one.name, one.members()) for one in source.schedules),
        tuple(source.input_sizes),
        _machine(source, project),
    )


def _machine(source: Source, project: Project) -> str:
    """Empty for a pipeline that cannot be one: it runs on SageMaker."""
    from dagwright.cli.machines import machine_of

    try:
        return machine_of(source, project).text
    except DefinitionError:
        return ""
