"""The local engine of a project, and the store that it reads and writes."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.cli.sources import has_project, project_of
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.engines.local.begun import Begun
    from dagwright.engines.local.engine import LocalEngine
    from dagwright.engines.local.gate import Gate
    from dagwright.engines.local.scope import Account
    from dagwright.engines.local.settings import Settings
    from dagwright.engines.local.store import Store
    from dagwright.project import LocalSettings


def local_store(arguments: Namespace) -> Store:
    """What stands for S3 on this machine."""
    from dagwright.engines.local.store import Store

    return Store(arguments.root / ".dagwright" / "s3")


def local_gate(arguments: Namespace) -> Gate:
    """What whoever puts something into that store passes, so that no clean takes a folder away beneath it."""
    from dagwright.engines.local.home import Home

    return Home(arguments.root / ".dagwright").gate


def local_engine(arguments: Namespace) -> LocalEngine:
    """The one that executes state machines if the words ask for it, or if the execution that is to be resumed was one.

    Raises ConfigurationError, UsageError.
    """
    begun = begun_here(arguments)
    account, prefix, settings = local_place(arguments, begun.libraries)
    runtime = getattr(arguments, "runtime", None) or begun.runtime or "process"
    if begun.engine == "stepfunctions":
        from dagwright.engines.local.machine import LocalMachineEngine

        return LocalMachineEngine(arguments.root, account, settings, prefix, runtime)
    from dagwright.engines.local.engine import LocalEngine

    return LocalEngine(arguments.root, account, settings, runtime)


def begun_here(arguments: Namespace) -> Begun:
    """How the execution to be resumed was begun, or how the words want one to be."""
    from dagwright.engines.local.begun import Begun

    named = getattr(arguments, "engine", None)
    resumed = getattr(arguments, "resume", None)
    if not resumed:
        return Begun(engine=named or "pipelines")
    from dagwright.engines.local.executions import Executions
    from dagwright.engines.local.home import Home

    with closing(Home(arguments.root / ".dagwright")) as home:
        executions = Executions(home)
        execution = executions.find(resumed)
        begun = executions.begun(execution)
        begun = replace(begun, words=begun.words or execution.pipeline)
    if begun.engine == "job":
        words = f"job run {execution.pipeline.rpartition('/')[2]}"
        raise UsageError(f"Execution {execution.id} is of one job, which goes on from nothing", hint=f"Again: {words}")
    if named not in (None, begun.engine):
        raise UsageError(f"Execution {execution.id} goes on as it was begun, not with --engine {named}")
    return begun


def local_place(arguments: Namespace, libraries: str = "") -> tuple[Account, str, Settings]:
    """Whose names local runs use, what those of jobs begin with (empty without a project), and how they run."""
    from dagwright.engines.local.scope import Account

    if has_project(arguments):
        project = project_of(arguments)
        account = Account(project.region, project.account_id, project.partition)
        return account, project.model_package_group, _as_told(project.local, arguments, libraries)
    from dagwright.project import LocalSettings

    return Account(), "", _as_told(LocalSettings(), arguments, libraries)


def _as_told(settings: LocalSettings, arguments: Namespace, libraries: str) -> LocalSettings:
    """The settings, as far as the words do not say otherwise, or else an earlier choice of `libraries`.

    Raises UsageError.
    """
    told = {name: getattr(arguments, name, None) for name in ("libraries", "max_parallel")}
    told["libraries"] = told["libraries"] or libraries
    settings = replace(settings, **{name: value for name, value in told.items() if value})
    if not getattr(arguments, "limits", None):
        return settings
    from dagwright.cli.limits import read_limits

    return replace(settings, limits=(*read_limits(arguments.limits), *settings.limits))
