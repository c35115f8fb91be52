"""Failures on purpose, as the command line asks for them: `run --fail STEP=TYPE`, one attempt of the step each time.

TYPE is what a retry policy names (`CAPACITY_ERROR`): the attempt fails for the reason that the service gives, and
nothing of it runs. Or it is `exit=N`: in the place of the job's program one runs that ends with this exit code.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, Step
from dagwright.definition.retries import (
    CAPACITY,
    INTERNAL,
    OF_CALLS,
    OF_JOBS,
    RESOURCE_LIMIT,
    SERVICE_FAULT,
    THROTTLING,
    WITH_JOBS,
    WITH_POLICIES,
)
from dagwright.engines.execution import FAILED
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.job import Job
from dagwright.engines.local.scope import RunScope
from dagwright.errors import Problem, did_you_mean

EXIT = "exit"
_WITH_PROGRAMS = ("Processing", "Training")
_KINDS: Mapping[str, str] = {kind.partition(".")[2]: kind for kind in (*OF_JOBS, *OF_CALLS)}
_CODE = re.compile(r"[1-9][0-9]{0,2}")
_MOST = 255
# What SageMaker says of a job in its FailureReason, and what its calls are refused with.
_REASONS: Mapping[str, str] = {
    CAPACITY: "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type.",
    INTERNAL: "InternalServerError: We encountered an internal error. Please try again.",
    THROTTLING: "ThrottlingException: Rate exceeded",
    SERVICE_FAULT: "InternalFailure: "
    "The request processing has failed because of an unknown error, exception or failure.",
    RESOURCE_LIMIT: "ResourceLimitExceeded: The account-level service limit for this instance type is exceeded. "
    "Please use AWS Service Quotas to request an increase for this quota.",
}
_PROGRAM = 'echo "$0" >&2; exit "$1"'


@dataclass(frozen=True)
class _Failure:
    """One that is asked for: by its `kind`, or with an exit code. `words` are those of the command line."""

    words: str
    kind: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Failures:
    """Those of one run, in `STEP=TYPE` words; each step meets its own in the order of the words."""

    words: Sequence[str] = ()
    _of_step: dict[str, list[_Failure]] = field(default_factory=dict)
    _wrong: dict[str, str] = field(default_factory=dict)
    """By words that cannot be understood: what to write."""
    _ending: dict[str, _Failure] = field(default_factory=dict)
    """By steps whose next program ends with an exit code of ours."""

    def __post_init__(self) -> None:
        for words in self.words:
            step, _, kind = words.partition("=")
            read = _read(words, kind)
            if isinstance(read, str):
                self._wrong[words] = read
            else:
                self._of_step.setdefault(step, []).append(read)

    def concern(self, step: str) -> bool:
        """Whether any was asked for of a step, if it has come about or not."""
        return step in self._of_step

    def instead(self, step: Step, scope: RunScope) -> StepResult | None:
        """How an attempt of a step ends that begins now, if it is to fail before anything of it runs.

        Raises EvaluationError if an argument has no value: then it fails for that.
        """
        wanted = self._of_step.get(step.name)
        if not wanted:
            return None
        request = evaluate(step.arguments, scope)
        failure = wanted.pop(0)
        if not failure.kind:
            self._ending[step.name] = failure
            return None
        reason = f"{_REASONS[failure.kind]} (--fail)"
        return _failed(step, scope, request, reason) if failure.kind in OF_JOBS else StepResult(FAILED, reason)

    def program(self, step: str, job: Job) -> Job:
        """The job of a step with the program that it has in this attempt: its own, or one that fails."""
        failure = self._ending.pop(step, None)
        if failure is None:
            return job
        words = f"--fail {failure.words}"
        return replace(job, command=("/bin/sh", "-c", _PROGRAM, words, str(failure.exit_code)), directory="/")

    def unmet(self, ran: Container[str]) -> list[str]:
        """What is to be said of those that did not come about."""
        why = {True: "it was not started so often", False: "it did not run"}
        return [
            f"{step}: --fail {failure.words} did not come about: {why[step in ran]}"
            for step, left in self._of_step.items()
            for failure in left
        ]

    def problems(self, graph: Graph) -> Iterator[Problem]:
        """Words that cannot be understood, and why a step that is named cannot fail so."""
        for words, hint in self._wrong.items():
            yield Problem("cannot-fail", f"--fail {words:.80}: it is not STEP=TYPE or STEP=exit=N", hint)
        for name, failures in self._of_step.items():
            step = graph.steps.get(name)
            if step is None:
                hint = did_you_mean(name, graph.steps)
                yield Problem("cannot-fail", f"--fail {failures[0].words}: there is no such step", hint)
                continue
            for failure in failures:
                if what := _impossible(step, failure):
                    yield Problem("cannot-fail", f"--fail {failure.words}: {what}", step=name)


def _read(words: str, kind: str) -> _Failure | str:
    """A failure, or what to write instead."""
    word, _, code = kind.partition("=")
    if word == EXIT:
        if _CODE.fullmatch(code) and int(code) <= _MOST:
            return _Failure(words, exit_code=int(code))
        return f"{EXIT}=N with a number from 1 to {_MOST}"
    if kind in _KINDS.values():
        return _Failure(words, kind)
    if kind in _KINDS:
        return _Failure(words, _KINDS[kind])
    known = [*_KINDS, f"{EXIT}=N"]
    return did_you_mean(kind, known) or f"TYPE is one of {', '.join(known)}"


def _impossible(step: Step, failure: _Failure) -> str:
    if not failure.kind:
        return "" if step.type in _WITH_PROGRAMS else f"a {step.type} step has no program of its own that could exit"
    if step.type not in WITH_POLICIES:
        return f"no retry policy is about a {step.type} step"
    no_job = f"a {step.type} step starts no job that could fail so; it takes THROTTLING and SERVICE_FAULT"
    return no_job if step.type not in WITH_JOBS and failure.kind not in (THROTTLING, SERVICE_FAULT) else ""


def _failed(step: Step, scope: RunScope, request: Mapping[str, Any], reason: str) -> StepResult:
    """The job exists, and has failed."""
    from dagwright.engines.local.stand_in_steps import NAMED

    name, arn, resource = NAMED[step.type]
    made = {name: scope.job, arn: scope.account.arn(f"{resource}/{scope.job}")}
    thing = name.removesuffix("Name")
    status = {f"{thing}Status": FAILED, "FailureReason": reason, "CreationTime": scope.now()}
    metadata = {thing.replace("HyperParameter", ""): {"Arn": made[arn]}}
    return StepResult(FAILED, reason, metadata, {**request, **made, **status})
