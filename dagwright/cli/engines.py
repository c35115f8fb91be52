"""Which engine `--env` means, and the commands that go on from an execution of it."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.local import local_engine
from dagwright.cli.sources import project_of
from dagwright.cli.text import program_name

if TYPE_CHECKING:
    from dagwright.engines.engine import Engine
    from dagwright.engines.execution import Execution


def engine_of(arguments: Namespace) -> Engine:
    """The local engine, or that of SageMaker for an environment on AWS. Raises ConfigurationError."""
    if arguments.env == "local":
        return local_engine(arguments)
    from dagwright.engines.sagemaker.clients import Clients
    from dagwright.engines.sagemaker.engine import SageMakerEngine

    project = project_of(arguments)
    return SageMakerEngine(Clients(project.region), project)


def command(arguments: Namespace, words: str, execution: Execution) -> str:
    """A command ready to be copied: `status {}` is `python deploy.py status rc-churn-training-dev/x --env dev`."""
    env = "" if arguments.env == "local" else f" --env {arguments.env}"
    return f"{program_name()} {words.replace('{}', execution.address)}{env}"
