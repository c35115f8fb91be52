"""The local engine of a project."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.sources import has_project, project_of

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine


def local_engine(arguments: Namespace) -> LocalEngine:
    """The one that executes state machines if the words ask for it. Raises ConfigurationError."""
    from dagwright.engines.local.scope import Account

    account, prefix = Account(), ""
    if has_project(arguments):
        project = project_of(arguments)
        account, prefix = Account(project.region, project.account_id, project.partition), project.model_package_group
        settings = project.local
    else:
        from dagwright.project import LocalSettings

        settings = LocalSettings()
    runtime = getattr(arguments, "runtime", None) or "process"
    if getattr(arguments, "engine", None) == "stepfunctions":
        from dagwright.engines.local.machine import LocalMachineEngine

        return LocalMachineEngine(arguments.root, account, settings, prefix, runtime)
    from dagwright.engines.local.engine import LocalEngine

    return LocalEngine(arguments.root, account, settings, runtime)
