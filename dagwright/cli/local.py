"""The local engine of a project, and the store that it reads and writes."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.cli.sources import has_project, project_of

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine, Settings
    from dagwright.engines.local.gate import Gate
    from dagwright.engines.local.scope import Account
    from dagwright.engines.local.store import Store


def local_store(arguments: Namespace) -> Store:
    """What stands for S3 on this machine."""
    from dagwright.engines.local.store import Store

    return Store(arguments.root / ".dagwright" / "s3")


def local_gate(arguments: Namespace) -> Gate:
    """What whoever puts something into that store passes, so that no clean takes a folder away beneath it."""
    from dagwright.engines.local.home import Home

    return Home(arguments.root / ".dagwright").gate


def local_engine(arguments: Namespace) -> LocalEngine:
    """The one that executes state machines if the words ask for it. Raises ConfigurationError."""
    account, prefix, settings = local_place(arguments)
    runtime = getattr(arguments, "runtime", None) or "process"
    if getattr(arguments, "engine", None) == "stepfunctions":
        from dagwright.engines.local.machine import LocalMachineEngine

        return LocalMachineEngine(arguments.root, account, settings, prefix, runtime)
    from dagwright.engines.local.engine import LocalEngine

    return LocalEngine(arguments.root, account, settings, runtime)


def local_place(arguments: Namespace) -> tuple[Account, str, Settings]:
    """Whose names local runs use, what those of jobs begin with (empty without a project), and how they run."""
    from dagwright.engines.local.scope import Account

    given = getattr(arguments, "libraries", None)
    if has_project(arguments):
        project = project_of(arguments)
        account = Account(project.region, project.account_id, project.partition)
        return account, project.model_package_group, replace(project.local, libraries=given or project.local.libraries)
    from dagwright.project import LocalSettings

    return Account(), "", LocalSettings(libraries=given or "here")
