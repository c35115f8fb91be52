"""What the checks look at: a project in one environment, its pipelines, and AWS through calls that read.

In: a project, pipelines, clients. Out: a `Ward`. A call is made once, whichever checks ask for it, and may be asked for
from several threads. What may not be asked is a `DeniedError`, which names the permission.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from dagwright.doctor.findings import Sayings, not_seen
from dagwright.doctor.workload import Workload
from dagwright.engines.aws.clients import Clients, aws_errors, error_code, is_absent, is_stack_absent
from dagwright.errors import AWSError, Problem
from dagwright.infra.names import Names

if TYPE_CHECKING:
    from dagwright.definition.graph import Graph
    from dagwright.project import Project

_DENIED = re.compile("AccessDenied|Unauthorized|AuthorizationError|NotAuthorized|^403$|^Forbidden$")
_ABSENT = re.compile("NoSuch|NotFound|NonExist|DoesNotExist|^404$")
# What IAM calls a service, where botocore calls it otherwise.
_PREFIXES = {"stepfunctions": "states", "service-quotas": "servicequotas"}
# Operations of S3 that need a permission of another name (Service Authorization Reference).
_PERMISSIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
}


class DeniedError(AWSError):
    """These credentials may not look."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"these credentials lack {permission}", hint=f"Ask for {permission}; it only reads.")


@dataclass(frozen=True)
class Declared:
    """A pipeline as it is here: `problems` are those of `validate`, and `look` the command that says more of them.

    One that cannot be built has no graph. `schedules` are members of CreateSchedule by the names on AWS.
    """

    name: str
    deployed_name: str = ""
    graph: Graph | None = None
    problems: Sequence[Problem] = ()
    look: str = ""
    schedules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Ward:
    """One environment. `command` spells a command that goes on in it: `upsert` -> `deploy.py upsert --env dev`."""

    def __init__(
        self, project: Project, pipelines: Sequence[Declared], clients: Clients, command: Callable[[str], str]
    ) -> None:
        self.project = project
        self.names = Names(project)
        self.pipelines = pipelines
        self.command = command
        self.workload = Workload({one.name: one.graph for one in pipelines if one.graph is not None})
        self._clients = clients
        self._asked: dict[str, Future[Mapping[str, Any]]] = {}
        self._lock = Lock()

    @cached_property
    def schedules(self) -> Mapping[str, Mapping[str, Any]]:
        """What all pipelines declare, by the names on AWS."""
        return {name: members for one in self.pipelines for name, members in one.schedules.items()}

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something in the project's account and Region."""
        return self.names.arn(service, resource)

    def read(self, service: str, method: str, **arguments: Any) -> Mapping[str, Any]:
        """The answer to a call, such as ("iam", "get_role", RoleName=…). Raises DeniedError, AWSError."""
        key = repr((service, method, sorted(arguments.items())))
        with self._lock:
            is_first = key not in self._asked
            answer = self._asked.setdefault(key, Future())
        if is_first:
            try:
                answer.set_result(self._call(service, method, arguments))
            except Exception as error:
                answer.set_exception(error)
        return answer.result()

    def find(self, service: str, method: str, **arguments: Any) -> Mapping[str, Any] | None:
        """The same; None if AWS says that there is no such thing. Raises DeniedError, AWSError."""
        try:
            return self.read(service, method, **arguments)
        except DeniedError:
            raise
        except AWSError as error:
            if is_stack_absent(error) or is_absent(error) or _ABSENT.search(error_code(error)):
                return None
            raise

    def pages(self, service: str, method: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """The answers to a call that lists, each asked for when it is wanted. Raises DeniedError, AWSError."""
        try:
            yield from self._clients.pages(f"{service} {method}", service, method, **arguments)
        except AWSError as error:
            raise _understood(error, service) from error.__cause__

    def _call(self, service: str, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            with aws_errors(f"{service} {method}"):
                answer: Mapping[str, Any] = getattr(self._clients(service), method)(**arguments)
                return answer
        except AWSError as error:
            raise _understood(error, service) from error.__cause__


def _understood(error: AWSError, service: str) -> AWSError:
    if not _DENIED.search(error_code(error)):
        return error
    operation = str(getattr(error.__cause__, "operation_name", ""))
    return DeniedError(_PERMISSIONS.get(operation, f"{_PREFIXES.get(service, service)}:{operation}"))


def seen(subject: str, sayings: Sayings) -> Sayings:
    """What is said of `subject`; if AWS cannot be asked, that it could not be seen and why."""
    try:
        yield from sayings
    except AWSError as error:
        yield not_seen(f"{subject}: {error.message}", error.hint)


def said_by_all(subjects: Mapping[str, Sayings]) -> Sayings:
    """What is said of each of several; one that cannot be seen does not hide the others."""
    for subject, sayings in subjects.items():
        yield from seen(subject, sayings)


def count_of(number: int, thing: str) -> str:
    """`1 step`, `3 steps`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
