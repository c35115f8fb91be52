"""Which engine the words mean, and how a command is spelled that goes on there."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagwright.cli.local import local_engine, local_place
from dagwright.cli.sources import project_of
from dagwright.cli.text import program_name
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.engines.aws.wanted import EngineName
    from dagwright.engines.engine import Engine
    from dagwright.engines.jobs import Jobs
    from dagwright.project import Project


_SERVICES: Mapping[str, EngineName] = {"sagemaker": "sagemaker", "states": "stepfunctions"}


def engine_name(arguments: Namespace, project: Project, execution: str = "") -> EngineName:
    """What the ARN of an execution or `--engine` says, else the configuration of the environment."""
    return _named_engine(arguments, execution) or project.engine


def _named_engine(arguments: Namespace, execution: str = "") -> EngineName | None:
    """The engine that the words name: the ARN of an execution leaves no choice."""
    execution = execution or getattr(arguments, "execution", None) or getattr(arguments, "resume", None) or ""
    of_the_arn = _SERVICES.get(execution.split(":")[2]) if execution.count(":") > 2 else None
    named: EngineName | None = of_the_arn or getattr(arguments, "engine", None)
    return named


def engine_of(arguments: Namespace, execution: str = "") -> Engine:
    """The local engine, or one of the two on AWS. Raises ConfigurationError.

    `execution` is one that it is to know, where the words name it as something else than `execution` or `--resume`.
    """
    if arguments.env == "local":
        return local_engine(arguments)
    from dagwright.engines.aws.clients import Clients

    project = project_of(arguments)
    words = _engine_words(arguments, execution)
    at_once = getattr(arguments, "max_parallel", None)
    if engine_name(arguments, project, execution) == "stepfunctions":
        if at_once:
            raise UsageError(
                "--max-parallel: a state machine starts whatever may start, side by side",
                hint="Put steps one after the other with depends_on, or run it with --engine sagemaker.",
            )
        from dagwright.engines.stepfunctions.engine import StepFunctionsEngine

        return StepFunctionsEngine(Clients(project.region), project, words=words)
    from dagwright.engines.sagemaker.engine import SageMakerEngine

    return SageMakerEngine(Clients(project.region), project, words=words, max_parallel=at_once)


def job_engine(arguments: Namespace) -> Engine:
    """What runs one step by itself. Raises ConfigurationError."""
    if arguments.env == "local":
        from dagwright.engines.local.single_job import LocalJobEngine

        account, prefix, settings = local_place(arguments)
        return LocalJobEngine(arguments.root, account, settings, prefix or "local")
    from dagwright.engines.aws.clients import Clients
    from dagwright.engines.sagemaker.single_job import SageMakerJobEngine

    project = project_of(arguments)
    return SageMakerJobEngine(Clients(project.region), project, project.pipeline_role, project.output_key)


def jobs_of(arguments: Namespace) -> Jobs:
    """The jobs of the project, here or in its environment. Raises ConfigurationError."""
    if arguments.env == "local":
        from dagwright.engines.local.jobs import LocalJobs

        return LocalJobs(local_engine(arguments), local_place(arguments)[0])
    from dagwright.engines.aws.clients import Clients, largest_page
    from dagwright.engines.sagemaker.engine import SageMakerEngine
    from dagwright.engines.sagemaker.jobs import AWSJobs

    project = project_of(arguments)
    clients = Clients(project.region)
    return AWSJobs(clients, project, lambda: SageMakerEngine(clients, project).history(limit=largest_page()))


def command(arguments: Namespace, words: str) -> str:
    """A command ready to be copied: for `status x` it is `python deploy.py status x --env dev`."""
    return f"{program_name()} {words}{_env_words(arguments)}{_engine_words(arguments)}"


def validate_command(arguments: Namespace, target: EngineName, project: Project, pipeline: str = "") -> str:
    """The command that says what is wrong with a pipeline, as `source_words` name it, or with all that there are."""
    is_said = (target, project.engine) != ("sagemaker", "sagemaker")
    words = f"validate {pipeline}".rstrip() + (f" --target {target}" if is_said else "")
    return f"{program_name()} {words}{_env_words(arguments)}"


def _env_words(arguments: Namespace) -> str:
    return "" if arguments.env == "local" else f" --env {arguments.env}"


def _engine_words(arguments: Namespace, execution: str = "") -> str:
    """What has to be said again for a command to go to the same engine. One place knows all runs on this machine."""
    named = _named_engine(arguments, execution)
    return f" --engine {named}" if named and arguments.env != "local" else ""


def source_words(arguments: Namespace, pipeline: str) -> str:
    """How a command names the same pipeline again: `training`, or `--file 'my d.json'`."""
    if arguments.file is None:
        return pipeline
    from shlex import quote

    return f"--file {quote(arguments.file)}"
