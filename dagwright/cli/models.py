"""`models`: the model packages of a group, newest first, or everything about one of them."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from dagwright.cli import DONE
from dagwright.cli.engines import command
from dagwright.cli.local import local_engine
from dagwright.cli.sources import has_project, project_of
from dagwright.cli.text import as_json, columns, day_and_clock, shown
from dagwright.engines.registry import ModelPackage, Registry, evaluation_of, read_package_name
from dagwright.errors import UsageError, did_you_mean

_NUMBERS_IN_A_ROW = 5
_LETTERS_OF_A_COMMIT = 12
_HEADING = ["version", "approval", "status", "metrics", "execution", "commit", "created", "reason"]


def run(arguments: Namespace) -> int:
    """Print them."""
    with registry_of(arguments) as registry:
        if arguments.package:
            package = wanted_package(arguments, registry, arguments.group)
            print(as_json(package.as_json()) if arguments.json else _everything(package, arguments))
            return DONE
        group = arguments.group or _own_group(arguments, registry)
        packages = registry.packages(group, arguments.limit)
        if not packages and arguments.group:
            _require_group(group, registry)
        others = [] if packages or arguments.env != "local" else registry.groups()
    if arguments.json:
        print(as_json({"ModelPackageSummaryList": [package.summary() for package in packages]}))
    else:
        print(_table(group, packages, others))
        _say_what_was_not_read(packages)
    return DONE


@contextmanager
def registry_of(arguments: Namespace) -> Iterator[Registry]:
    """The registry of `--env`: the one on this machine, or the account's."""
    if arguments.env != "local":
        from dagwright.engines.aws.clients import Clients, check_account
        from dagwright.engines.sagemaker.registry import Registry as AccountRegistry

        project = project_of(arguments)
        clients = Clients(project.region)
        check_account(clients, project.account_id, project.environment)
        yield AccountRegistry(clients)
        return
    from contextlib import closing

    from dagwright.engines.local.registry import Registry as LocalRegistry

    with closing(local_engine(arguments)) as engine:
        yield LocalRegistry(engine.home.database, engine.home.store)


def wanted_package(arguments: Namespace, registry: Registry, group: str | None = None) -> ModelPackage:
    """The package that PACKAGE names: a bare version is of `group`, or else of the project's. Raises UsageError."""
    says_its_group = "/" in arguments.package
    own = "" if says_its_group else group or _own_group(arguments, registry)
    return registry.package(read_package_name(arguments.package, own))


def _own_group(arguments: Namespace, registry: Registry) -> str:
    """The project's group; without a project the only one there is."""
    if has_project(arguments):
        return project_of(arguments).model_package_group
    groups = registry.groups()
    if len(groups) == 1:
        return groups[0]
    hint = f"groups here: {', '.join(groups) or 'none'}"
    raise UsageError("There is no project here that names a model package group", hint=hint)


def _require_group(group: str, registry: Registry) -> None:
    known = registry.groups()
    if group.rpartition("/")[2] not in known:
        raise UsageError(f"There is no model package group '{group}'", hint=did_you_mean(group, known))


def _table(group: str, packages: list[ModelPackage], others: list[str]) -> str:
    if not packages:
        elsewhere = f" Others here: {', '.join(others)} (--group)." if others else ""
        return f"{group} has no model packages yet: a register step puts them there.{elsewhere}"
    return "\n".join([group, columns([_HEADING, *map(_row, packages)], indent="  ")])


def _row(package: ModelPackage) -> list[str]:
    content = package.content
    return [
        str(content.get("ModelPackageVersion", "")),
        package.approval,
        str(content.get("ModelPackageStatus", "")),
        _numbers(package),
        package.execution.rpartition("/")[2],
        _short(package.commit),
        day_and_clock(str(content.get("CreationTime", ""))),
        package.reason[:100],
    ]


def _numbers(package: ModelPackage) -> str:
    numbers = package.evaluation.numbers
    first = [f"{name} {value:g}" for name, value in numbers[:_NUMBERS_IN_A_ROW]]
    more = len(numbers) - _NUMBERS_IN_A_ROW
    return ", ".join([*first, f"{more} more"] if more > 0 else first)


def _short(commit: str) -> str:
    """A commit by its first letters; that files differed from it stays to be seen."""
    identity, dash, rest = commit.partition("-")
    return f"{identity[:_LETTERS_OF_A_COMMIT]}{dash}{rest}"


def _say_what_was_not_read(packages: list[ModelPackage]) -> None:
    unread = [package for package in packages if package.evaluation.unread]
    if unread:
        more = f", and {len(unread) - 1} more" if len(unread) > 1 else ""
        print(shown(f"no metrics of {unread[0].name}: {unread[0].evaluation.unread}{more}"), file=sys.stderr)


def _everything(package: ModelPackage, arguments: Namespace) -> str:
    content = package.content
    rows = [
        ["reason", package.reason],
        ["status", str(content.get("ModelPackageStatus", ""))],
        ["created", day_and_clock(str(content.get("CreationTime", "")))],
        ["changed", day_and_clock(str(content.get("LastModifiedTime", "")))],
        ["description", str(content.get("ModelPackageDescription") or "")],
        ["execution", package.execution],
        ["commit", package.commit],
        *(["metric", f"{name} {value:g}"] for name, value in package.evaluation.numbers),
        ["metrics", _evaluation(package)],
        *(["model", text] for text in _containers(package)),
        *(["property", f"{name} = {value}"] for name, value in sorted(package.properties.items())),
        ["arn", package.arn],
    ]
    told = columns([row for row in rows if row[1]], indent="  ")
    return "\n".join([f"{package.name}  {package.approval}", told, f"  {_ways_on(package, arguments)}"])


def _evaluation(package: ModelPackage) -> str:
    uri, unread = evaluation_of(package.content), package.evaluation.unread
    return f"{uri} ({unread})" if unread else uri


def _containers(package: ModelPackage) -> Iterator[str]:
    specification = package.content.get("InferenceSpecification") or {}
    for container in specification.get("Containers") or []:
        yield " in ".join(filter(None, (container.get("ModelDataUrl"), container.get("Image"))))


def _ways_on(package: ModelPackage, arguments: Namespace) -> str:
    name = package.name if "/" in package.name else package.arn
    return f'decide: {command(arguments, f"approve {name}")} --reason "…"   or reject'
