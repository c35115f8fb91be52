"""The local engine of a project."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from dagwright.cli.sources import has_project, project_of

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine


def local_engine(arguments: Namespace) -> LocalEngine:
    """Raises ConfigurationError."""
    from dagwright.engines.local.engine import LocalEngine
    from dagwright.engines.local.scope import Account

    if not has_project(arguments):
        from dagwright.project import LocalSettings

        return LocalEngine(arguments.root, Account(), LocalSettings())
    project = project_of(arguments)
    account = Account(project.region, project.account_id, project.partition)
    return LocalEngine(arguments.root, account, project.local)
