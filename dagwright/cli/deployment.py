"""What `plan` and `upsert` work on: the pipelines that the words name, as they are wanted on AWS, and the way there.

In: the words of the command line. Out: a `Deployment`. Everything offline comes first; the first call to AWS asks
whose credentials these are.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagwright.cli.commit import current_commit
from dagwright.cli.engines import engine_name, source_words, validate_command
from dagwright.cli.findings import findings, loss_problems, placed, size_findings
from dagwright.cli.sources import Source, pipeline_files, project_of, source_of
from dagwright.cli.text import shown
from dagwright.engines.aws.clients import Clients, check_account
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.plan import Plan, make_plan
from dagwright.engines.aws.remote import AWS
from dagwright.engines.aws.schedules import full_name, longest_name
from dagwright.engines.aws.service import Done, Service
from dagwright.engines.aws.upsert import Upsert
from dagwright.engines.aws.wanted import (
    Destination,
    EngineName,
    Wanted,
    WantedObject,
    WantedSchedule,
)
from dagwright.engines.sagemaker.pipelines import Pipelines, WantedPipeline
from dagwright.errors import DagwrightError, DefinitionError, Problem, UsageError
from dagwright.shapes import model

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagwright.project import Project


@dataclass(frozen=True)
class Deployment:
    """Pipelines of one environment: as they are `wanted`, with what `validate` finds, by pipeline.

    `complete`: they are all that the project has.
    """

    project: Project
    destination: Destination
    wanted: Sequence[Wanted]
    problems: Mapping[str, Sequence[Problem]]
    complete: bool
    clients: Clients

    def plan(self) -> Plan:
        """The plan, from what AWS has now. Raises UserError for credentials of another account, AWSError."""
        check_account(self.clients, self.project.account_id, self.project.environment)
        remote = AWS(self.clients, self.destination, self._service)
        return make_plan(self.wanted, self.destination, remote, complete=self.complete)

    def carry_out(self, plan: Plan, say: Callable[[Done], None], *, prune: bool) -> None:
        """Do what the plan says. Raises AWSError."""
        service = self._service
        remote = AWS(self.clients, self.destination, service)
        objects = Objects(self.clients, self.project.output_key)
        Upsert(self.destination, self.clients, service, remote, objects, say).run(plan, self.wanted, prune=prune)

    @property
    def _service(self) -> Service:
        if self.destination.engine == "sagemaker":
            return Pipelines(self.clients, self.destination)
        from dagwright.engines.stepfunctions.state_machines import StateMachines

        return StateMachines(self.clients, self.destination)

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep these pipelines from being deployed."""
        return [one for found in self.problems.values() for one in found if one.severity == "error"]


def deployment_of(arguments: Namespace) -> Deployment:
    """The deployment of PIPELINE, --file, or all of `pipelines/`. Raises UsageError, ConfigurationError,
    DefinitionError; touches no network, unless a pipeline has sizes: their inputs are measured."""
    if arguments.env == "local":
        what = f"{arguments.command} --env local: there is nothing to deploy on this machine"
        raise UsageError(what, hint="Say --env dev, staging or production; `run` needs no deployment here.")
    project = project_of(arguments)
    engine = engine_name(arguments, project)
    destination = _destination(project, engine)
    clients = Clients(project.region)
    sources = _sized(_sources(arguments), project, clients)
    commit = current_commit(arguments.root) if engine == "stepfunctions" else ""
    wanted = [_wanted(source, project, destination, arguments, commit) for source in sources]
    _refuse_namesakes(wanted)
    problems = {
        source.name: placed(
            [*findings(source.graph, project, target=engine), *size_findings(source), *_grave(one, project)], source
        )
        for source, one in zip(sources, wanted, strict=True)
    }
    complete = arguments.pipeline is None and arguments.file is None
    return Deployment(project, destination, wanted, problems, complete, clients)


def say_problems(deployment: Deployment, arguments: Namespace) -> None:
    """Count the warnings of each pipeline on standard error, and show the errors."""
    engine = deployment.destination.engine
    for name, problems in deployment.problems.items():
        errors = [problem for problem in problems if problem.severity == "error"]
        for problem in errors:
            print(f"  - {shown(str(problem))} [{problem.code}]", file=sys.stderr)
        counts = [(len(errors), "error"), (len(problems) - len(errors), "warning")]
        said = ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
        if said:
            look = validate_command(arguments, engine, deployment.project, source_words(arguments, name))
            print(f"{name}: {said} (look closer: {look})", file=sys.stderr)


def _sources(arguments: Namespace) -> list[Source]:
    """Raises one DefinitionError for all pipelines that cannot be built: none of them counts as not defined."""
    if arguments.pipeline is not None or arguments.file is not None:
        return [source_of(arguments)]
    sources: list[Source] = []
    broken: dict[str, DagwrightError] = {}
    for name in pipeline_files(arguments.root):
        try:
            sources.append(source_of(Namespace(**{**vars(arguments), "pipeline": name})))
        except DagwrightError as error:
            broken[name] = error
    if len(broken) == 1:
        raise next(iter(broken.values()))
    if broken:
        problems = [
            problem
            for name, error in broken.items()
            for problem in error.problems or [Problem("not-built", error.message, error.hint, where=name)]
        ]
        raise DefinitionError(f"{', '.join(broken)}: these pipelines cannot be built", problems)
    return sources


def _sized(sources: list[Source], project: Project, clients: Clients) -> list[Source]:
    """The pipelines, those with sizes on the machines that their inputs need now, which is said on standard error.

    Raises UserError for an input that no rule holds, and for credentials of another account; AWSError without any.
    """
    if not any(source.input_sizes for source in sources):
        return sources
    from dagwright.cli.sizes import s3_measure, sized_source

    check_account(clients, project.account_id, project.environment)
    measure = s3_measure(clients)

    def said(name: str) -> Callable[[str], None]:
        return lambda line: print(f"{name}: {shown(line)}", file=sys.stderr)

    return [sized_source(source, measure, said(source.name)) if source.input_sizes else source for source in sources]


def _destination(project: Project, engine: EngineName) -> Destination:
    return Destination(
        owner=Owner(project.model_package_group, project.environment),
        account_id=project.account_id,
        region=project.region,
        partition=project.partition,
        prefix=f"{project.model_package_group}-",
        role=project.pipeline_role if engine == "sagemaker" else project.state_machine_role,
        scheduler_role=project.scheduler_role,
        schedule_group=project.schedule_group,
        definitions=project.pipelines(),
        tags=project.tags,
        dead_letter_queue=project.dead_letter_queue,
        engine=engine,
    )


def _grave(wanted: Wanted, project: Project) -> list[Problem]:
    """What does not carry over and the project counts as an error; the rest stands in the plan."""
    return [problem for problem in loss_problems(wanted.losses, project) if problem.severity == "error"]


def _wanted(source: Source, project: Project, destination: Destination, arguments: Namespace, commit: str) -> Wanted:
    """Raises DefinitionError for what its service does not take."""
    name = source.name_on_aws(project)
    owner = destination.owner
    own = owner.tags(source.name) if arguments.file is None else owner.file_tags(source.name)
    tags = dict(project.tags) | own
    is_machine = destination.engine == "stepfunctions"
    problems = [*_tag_problems(tags), *_name_problems(source, name)]
    problems += () if is_machine else _description_problems(source.description)
    if problems:
        raise DefinitionError(f"{source.name} cannot be deployed", problems)
    code = tuple(WantedObject(one.uri, one.content, one.origin) for one in source.assets)
    if is_machine:
        from dagwright.cli.machines import wanted_machine

        return wanted_machine(source, project, destination, tags, code, commit)
    return WantedPipeline(
        name=source.name,
        deployed_name=name,
        text=source.text,
        role=destination.role,
        tags=tags,
        description=source.description,
        max_parallel_steps=source.max_parallel_steps,
        schedules=tuple(WantedSchedule(one.name, one.members()) for one in source.schedules),
        code=code,
    )


def _refuse_namesakes(wanted: Sequence[Wanted]) -> None:
    first: dict[str, str] = {}
    for one in wanted:
        if one.deployed_name in first:
            what = f"{first[one.deployed_name]} and {one.name} would both be {one.deployed_name} on AWS"
            raise DefinitionError(what, hint="Give one of the two another name.")
        first[one.deployed_name] = one.name


def _tag_problems(tags: Mapping[str, str]) -> list[Problem]:
    most = model("sagemaker")["TagList"]["max"]
    if len(tags) <= most:
        return []
    what = f"it would have {len(tags)} tags, three of which say whose it is; AWS takes {most}"
    return [Problem("too-many-tags", what, "remove some", field="tags", where="config/project.yaml")]


def _description_problems(description: str) -> list[Problem]:
    shape = model("sagemaker")["PipelineDescription"]
    if len(description) <= shape["max"] and re.fullmatch(shape["pattern"], description):
        return []
    what = "AWS does not take the description: it has line breaks, or is too long"
    return [Problem("bad-description", what, f"one line of at most {shape['max']} characters", field="description")]


def _name_problems(source: Source, deployed_name: str) -> list[Problem]:
    problems = []
    for schedule in source.schedules:
        name, most = full_name(deployed_name, schedule.name), longest_name()
        if len(name) > most:
            what = f"the schedule would be named {name}, which has {len(name)} characters; AWS takes {most}"
            problems.append(Problem("name-too-long", what, "shorten it", field=f"Schedules.{schedule.name}"))
    return problems
