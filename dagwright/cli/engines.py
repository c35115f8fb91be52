"""Which engine `--env` means, and how a command is spelled that goes on there."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.local import local_engine
from dagwright.cli.sources import project_of
from dagwright.cli.text import program_name

if TYPE_CHECKING:
    from dagwright.engines.engine import Engine


def engine_of(arguments: Namespace) -> Engine:
    """The local engine, or that of SageMaker for an environment on AWS. Raises ConfigurationError."""
    if arguments.env == "local":
        return local_engine(arguments)
    from dagwright.engines.sagemaker.clients import Clients
    from dagwright.engines.sagemaker.engine import SageMakerEngine

    project = project_of(arguments)
    return SageMakerEngine(Clients(project.region), project)


def command(arguments: Namespace, words: str) -> str:
    """A command ready to be copied: for `status x` it is `python deploy.py status x --env dev`."""
    env = "" if arguments.env == "local" else f" --env {arguments.env}"
    return f"{program_name()} {words}{env}"


def source_words(arguments: Namespace, pipeline: str) -> str:
    """How a command names the same pipeline again: `training`, or `--file 'my d.json'`."""
    if arguments.file is None:
        return pipeline
    from shlex import quote

    return f"--file {quote(arguments.file)}"
