"""Which engine the words mean, and how a command is spelled that goes on there."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.local import local_engine
from dagwright.cli.sources import project_of
from dagwright.cli.text import program_name

if TYPE_CHECKING:
    from dagwright.engines.aws.wanted import EngineName
    from dagwright.engines.engine import Engine
    from dagwright.project import Project


def engine_name(arguments: Namespace, project: Project) -> EngineName:
    """What `--engine` says, else the configuration of the environment."""
    named: EngineName = arguments.engine or project.engine
    return named


def engine_of(arguments: Namespace) -> Engine:
    """The local engine, or one of the two on AWS. Raises ConfigurationError."""
    if arguments.env == "local":
        return local_engine(arguments)
    from dagwright.engines.aws.clients import Clients

    project = project_of(arguments)
    if engine_name(arguments, project) == "stepfunctions":
        from dagwright.engines.stepfunctions.engine import StepFunctionsEngine

        return StepFunctionsEngine(Clients(project.region), project, words=_engine_words(arguments))
    from dagwright.engines.sagemaker.engine import SageMakerEngine

    return SageMakerEngine(Clients(project.region), project, words=_engine_words(arguments))


def command(arguments: Namespace, words: str) -> str:
    """A command ready to be copied: for `status x` it is `python deploy.py status x --env dev`."""
    env = "" if arguments.env == "local" else f" --env {arguments.env}"
    return f"{program_name()} {words}{env}{_engine_words(arguments)}"


def _engine_words(arguments: Namespace) -> str:
    """What has to be said again for a command to go to the same engine."""
    return f" --engine {arguments.engine}" if getattr(arguments, "engine", None) else ""


def source_words(arguments: Namespace, pipeline: str) -> str:
    """How a command names the same pipeline again: `training`, or `--file 'my d.json'`."""
    if arguments.file is None:
        return pipeline
    from shlex import quote

    return f"--file {quote(arguments.file)}"
