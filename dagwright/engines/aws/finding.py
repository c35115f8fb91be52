"""From what somebody calls an execution to its ARN, in as few calls as will do.

What comes in: an ARN, `pipeline/id`, an id or the beginning of one, or nothing, which means the newest of the project.
A pipeline may be named as it is here or as it is on AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

from dagwright.engines.aws.clients import is_absent
from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.wanted import EngineName, none_of
from dagwright.engines.execution import Execution
from dagwright.errors import AWSError, ConfigurationError, UsageError, did_you_mean

_PAGES_SEARCHED = 10


class Identity(NamedTuple):
    """What the ARN of an execution says."""

    arn: str
    region: str
    account_id: str
    pipeline: str
    id: str


@dataclass(frozen=True)
class Present:
    """A pipeline that is there; `last` is when it was started last, as far as it ever was."""

    name: str
    arn: str
    last: str


class Executions(Protocol):
    """What one account and Region has run, on one service. Each method raises AWSError."""

    @property
    def page(self) -> int:
        """How many executions the service gives in one answer."""

    def identity(self, arn: str) -> Identity:
        """Raises UsageError for what is not the ARN of an execution."""

    def arn(self, names: Names, pipeline: str, identity: str) -> str:
        """The ARN of an execution by its id; empty for what is only the beginning of one."""

    def can_be_name(self, pipeline: str) -> bool:
        """Whether a pipeline can be called so there."""

    def of(self, pipeline: str, wanted: int | None = None) -> Iterator[Execution]:
        """The executions of one pipeline without their steps, newest first, page after page as they are asked for; if
        no more than some are `wanted`, the pages are no larger."""

    def deployed(self, what: str, prefix: str, is_own: Callable[[str], bool]) -> list[Present]:
        """The pipelines with names that are own; `what` is the sentence for a refusal."""

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a pipeline."""


class Names(Protocol):
    """What is taken from the project: whose account it is, and what its pipelines are called there."""

    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def partition(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def model_package_group(self) -> str:
        """`{team}-{project}`."""

    def pipeline_name(self, name: str) -> str:
        """Raises ConfigurationError for what cannot be a name."""


class Finder:
    """Finds executions of one project's pipelines on an `engine`. Raises AWSError. `command` spells a command that
    goes on there."""

    def __init__(self, executions: Executions, names: Names, engine: EngineName, command: Callable[[str], str]) -> None:
        self._engine = engine
        self._executions = executions
        self._names = names
        self._command = command

    def find(self, words: str = "") -> str:
        """The ARN of the execution that `words` mean. Raises UsageError if there is none, or several."""
        if not words:
            return self._newest()
        if words.startswith("arn:"):
            return self._in_reach(self._executions.identity(words)).arn
        pipeline, _, beginning = words.rpartition("/")
        whole = self._executions.arn(self._names, pipeline, beginning) if pipeline and self._is_own(pipeline) else ""
        if whole:
            return whole
        found = self._search([self.deployed_name(pipeline)] if pipeline else self._pipelines(), beginning)
        if len(found) == 1:
            return found[0].arn
        raise self._not_one(words, found)

    def newest(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, without their steps, newest first. Raises UsageError for an unknown pipeline."""
        names = [self.deployed_name(pipeline)] if pipeline else self._pipelines()
        found = [item for name in names for item in islice(self._executions.of(name, limit), limit)]
        return sorted(found, key=lambda item: item.started, reverse=True)[:limit]

    def deployed_name(self, pipeline: str) -> str:
        """What a pipeline is called on AWS. Raises UsageError if there is none."""
        candidates = self._candidates(pipeline)
        for name in candidates:
            try:
                next(self._executions.of(name, 1), None)
                return name
            except AWSError as error:
                if not is_absent(error):
                    raise
        what = f"There is no pipeline {' or '.join(candidates)} in {self._names.environment}"
        raise UsageError(what, hint=did_you_mean(candidates[0], self._pipelines(ran=False)))

    def _newest(self) -> str:
        for name in self._pipelines():
            for newest in self._executions.of(name, 1):
                return newest.arn
        what, other = none_of(self._engine, self._names.environment, "has run")
        raise UsageError(f"{what} yet", hint=f"{other} Start with: {self._command('run PIPELINE')}")

    def _in_reach(self, found: Identity) -> Identity:
        """Raises UsageError for an execution somewhere else."""
        if (found.region, found.account_id) != (self._names.region, self._names.account_id):
            here = f"account {self._names.account_id}, {self._names.region}"
            raise UsageError(
                f"{found.arn} is not in {self._names.environment}, which is {here}", hint="Name another --env."
            )
        return found

    def _candidates(self, pipeline: str) -> list[str]:
        """What a pipeline may be called on AWS, the likeliest first."""
        if not self._executions.can_be_name(pipeline):
            raise UsageError(f"'{pipeline}' cannot be the name of a pipeline")
        if self._is_own(pipeline):
            return [pipeline]
        try:
            return [self._names.pipeline_name(pipeline), pipeline]
        except ConfigurationError:
            return [pipeline]

    def _is_own(self, name: str) -> bool:
        """Whether a name on AWS has the form of the project's."""
        before, after = self._around()
        return name.startswith(before) and name.endswith(after)

    def _around(self) -> tuple[str, str]:
        """What the names of the project's pipelines begin and end with."""
        before, _, after = self._names.pipeline_name("pipeline").rpartition("pipeline")
        return before, after

    def _pipelines(self, *, ran: bool = True) -> list[str]:
        """The project's pipelines, the one that ran last first; only those that did, unless told otherwise."""
        prefix = self._around()[0].rstrip("-")
        what = f"The pipelines of {self._names.environment} cannot be listed"
        found = self._executions.deployed(what, prefix, self._is_own)
        own = [item for item in found if (item.last or not ran) and not self._is_anothers(item)]
        return [item.name for item in sorted(own, key=lambda item: item.last, reverse=True)]

    def _is_anothers(self, pipeline: Present) -> bool:
        """Whether its tags say so: `rc-churn-x-training` is x-training of rc-churn, or training of rc-churn-x. Without
        a hyphen in it what is left of a name leaves no choice, and is not looked at."""
        before, after = self._around()
        if "-" not in pipeline.name.removeprefix(before).removesuffix(after):
            return False
        tags = self._executions.tags(pipeline.arn)
        return bool(Owner(self._names.model_package_group, self._names.environment).other_owner(tags))

    def _search(self, names: list[str], beginning: str) -> list[Execution]:
        """The executions whose id begins so, of the newest among which there are any: those of all pipelines are
        looked through side by side, a page of each at a time."""
        readers = [self._executions.of(name) for name in names]
        for _ in range(_PAGES_SEARCHED):
            pages = [[*islice(reader, self._executions.page)] for reader in readers]
            found = [item for page in pages for item in page if item.id.startswith(beginning)]
            if found or not any(pages):
                return [item for item in found if item.id == beginning] or found
        return []

    def _not_one(self, words: str, found: list[Execution]) -> UsageError:
        environment = self._names.environment
        if found:
            what = f"'{words}' is the beginning of several executions in {environment}"
            return UsageError(what, hint=f"for example {', '.join(item.address for item in found[:5])}")
        what = f"'{words}' is no execution of this project in {environment}"
        return UsageError(what, hint=f"They are listed by: {self._command('history')}")
