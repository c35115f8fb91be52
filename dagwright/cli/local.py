"""The local engine of a project, for the commands that need one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagwright.cli.sources import has_project, project_of
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine
    from dagwright.engines.local.environments import Rule


@dataclass(frozen=True)
class NoSettings:
    """What holds for a definition that runs where there is no configuration."""

    environments: tuple[Rule, ...] = ()
    lambdas: Mapping[str, str] = field(default_factory=dict)
    max_parallel: int | None = None
    sandbox: str = "auto"
    stop_grace_seconds: int = 10
    copy_below_mib: int = 64


def local_engine(arguments: Namespace) -> LocalEngine:
    """Raises UsageError for another environment than local, ConfigurationError."""
    from dagwright.engines.local.engine import LocalEngine
    from dagwright.engines.local.scope import Account

    if arguments.env != "local":
        raise UsageError(
            f"{arguments.command} --env {arguments.env}: executions on AWS are not within reach of this version",
            hint="Leave --env out to work with the executions on this machine.",
        )
    if not has_project(arguments):
        return LocalEngine(arguments.root, Account(), NoSettings())
    project = project_of(arguments)
    account = Account(project.region, project.account_id, project.partition)
    return LocalEngine(arguments.root, account, project.local)
