"""The steps that hold what a job has calculated against a baseline: QualityCheck and ClarifyCheck.

What comes in: a step whose arguments can be resolved, and the bench; the job's program is what stands in for its
container, or the container itself. What goes out: the result, with the addresses of the baselines, failed if the
baseline is violated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.definition.slices import reached
from dagwright.engines.execution import FAILED, SUCCEEDED
from dagwright.engines.local.baselines import (
    FILES,
    VIOLATIONS,
    CheckSettings,
    calculated_baseline,
    output_of,
    previous_baseline,
    properties_of,
    settings_of,
)
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.drift import compare
from dagwright.engines.local.drift_documents import Comparison, Documents, read_document
from dagwright.engines.local.job import ML, Input, Job, JobEnding
from dagwright.engines.local.job_steps import explained, own_words, prepared, result_after
from dagwright.engines.local.processing import exit_message, processing_job, processing_response
from dagwright.engines.local.publishing import key_below
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.stand_in_hints import hint_for_image
from dagwright.engines.local.stand_in_steps import write_files
from dagwright.engines.local.stand_ins import StandIn, in_place_of
from dagwright.engines.local.store import Store
from dagwright.errors import ExecutionError

# Where a container of one's own finds a baseline (developer guide, "Container Contract Inputs").
_PLACES = {"Constraints": f"{ML}/processing/baseline/constraints", "Statistics": f"{ML}/processing/baseline/stats"}
_NAMES = ("feature_name", "facet", "facet_value", "label", "metric_name")
_MOST_NAMED = 5


@dataclass(frozen=True)
class _Calculated:
    """What the job of a check has left: how it ended, and which files of the check it wrote."""

    result: StepResult
    written: frozenset[str]


def check_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The job of a check as far as it is known. Raises ExecutionError for what it will not be able to do."""
    settings = settings_of(step, scope, evaluate_known)
    output_of(arguments)
    unknown = UNKNOWN in settings.supplied.values() or settings.group == UNKNOWN or _registers_before(step, scope)
    job, stand_in = processing_job("check", "check", arguments), bench.stand_ins.get(step.name)
    try:
        previous = settings.supplied if unknown else previous_baseline(settings, bench.registry)
    except ExecutionError as error:
        also = "" if stand_in else _no_program(step, job, bench)
        raise ExecutionError(error.message, hint=f"{error.hint} {also}".strip()) from error
    if stand_in and stand_in.function is None:
        job = replace(job, image=UNKNOWN, inputs=())
    return [_with_baseline(job, settings, previous)]


def _no_program(step: Step, job: Job, bench: Bench) -> str:
    """What to declare if nothing runs its container either; empty if something does."""
    try:
        bench.environments.with_program(job)
    except ExecutionError:
        return hint_for_image(step, job.image)
    return ""


def _registers_before(step: Step, scope: RunScope) -> bool:
    """Whether the run itself may have registered a version, and approved it, by the time the step starts."""
    later = reached([step.name], scope.graph.successors)
    return any(other.type == "RegisterModel" and other.name not in later for other in scope.graph.steps.values())


def _with_baseline(job: Job, settings: CheckSettings, previous: Mapping[str, str]) -> Job:
    """The job with the baseline that it is compared with in its folders, for a program that compares by itself."""
    if settings.skips:
        return job
    given = [
        Input(f"baseline_{part.lower()}", uri, _PLACES[part], optional=not uri.startswith("s3://"))
        for part, uri in previous.items()
    ]
    return replace(job, inputs=(*job.inputs, *given))


def run_check(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if there is no baseline and there has to be one, before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    settings = settings_of(step, scope)
    previous = previous_baseline(settings, bench.registry)
    stand_in = bench.stand_ins.get(step.name)
    if stand_in and stand_in.function is None:
        done = _given(step, stand_in, request, scope, bench)
    else:
        done = _calculated(step, request, settings, previous, scope, bench)
    calculated = calculated_baseline(step, request)
    properties = {**properties_of(settings, calculated, previous), **_overridden(step, stand_in)}
    members = _metadata(settings, properties, str(done.result.output.get("ProcessingJobArn", "")))
    result = replace(done.result, metadata={step.type: members}, output={**done.result.output, **properties})
    if result.status != SUCCEEDED or settings.skips:
        return result
    report = key_below(output_of(request), VIOLATIONS)
    return _judged(step, settings, result, _Look(calculated, previous, done.written, report, bench.workshop.store))


def _overridden(step: Step, stand_in: StandIn | None) -> Mapping[str, Any]:
    """The properties that a file gives itself."""
    return {name: value for name, value in stand_in.given.items() if "Baseline" in name} if stand_in else {}


def _metadata(settings: CheckSettings, properties: Mapping[str, str], arn: str) -> dict[str, Any]:
    """The members of QualityCheckStepMetadata and ClarifyCheckStepMetadata (botocore)."""
    group = {"ModelPackageGroupName": settings.group} if settings.group else {}
    switches = {"SkipCheck": settings.skips, "RegisterNewBaseline": settings.registers}
    return {"CheckType": settings.check_type, **properties, **group, "CheckJobArn": arn, **switches}


# ---- what is calculated ----


def _given(step: Step, stand_in: StandIn, request: Any, scope: RunScope, bench: Bench) -> _Calculated:
    """What stands in a file: nothing runs."""
    response, addresses = write_files(step, stand_in, request, scope, bench)
    names = [*FILES[step.type].values(), VIOLATIONS]
    written = frozenset(name for name in names if key_below(output_of(request), name) in addresses)
    return _Calculated(StepResult(SUCCEEDED, output=response), written)


def _calculated(
    step: Step, request: Mapping[str, Any], settings: CheckSettings, previous: Mapping[str, str], scope: RunScope,
    bench: Bench,
) -> _Calculated:  # fmt: skip
    """What the job of the check makes of its input."""
    arn = bench.account.arn(f"processing-job/{scope.job}")
    job = _with_baseline(processing_job(scope.job, arn, request, bench.interface(request)), settings, previous)
    run, times = prepared(step, in_place_of(job, step, request, bench.stand_ins), bench)
    folder = member(objects(request, "ProcessingOutputConfig.Outputs")[0], "S3Output.LocalPath", str, "")
    message, written = "", frozenset[str]()

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal message, written
        message, times["ended"] = own_words(ending, run, exit_message), bench.now()
        if ending.outcome != "Completed":
            return explained(ending, run, message)
        wrote = {name for host in run.hosts for name in _names(host.written(folder))}
        written = frozenset(wrote)
        missing = [name for name in FILES[step.type].values() if name not in wrote]
        if missing:
            raise ExecutionError(f"The check's job wrote no {' and no '.join(missing)} to {folder}")
        return ending

    ending = run.run(finish)
    response = processing_response(scope.job, arn, request, ending, message, times)
    return _Calculated(result_after(ending, {}, response), written)


def _names(folder: Path) -> set[str]:
    """The files that a job wrote to a folder; links are none."""
    return {path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()}


# ---- what it is compared with ----


@dataclass(frozen=True)
class _Look:
    """Where the documents of a comparison are: the check's own and the baseline's, by `Constraints` and `Statistics`;
    `written` names the files that this run has made, `report` is the address of the violations."""

    calculated: Mapping[str, str]
    previous: Mapping[str, str]
    written: frozenset[str]
    report: str
    store: Store

    def documents(self, places: Mapping[str, str]) -> Documents:
        """Raises ExecutionError for what is no JSON object, StorageError for what is not there."""
        read = {part: read_document(self.store.read_text(uri), uri) for part, uri in places.items()}
        return Documents(read["Constraints"], read.get("Statistics", {}))


def _judged(step: Step, settings: CheckSettings, result: StepResult, look: _Look) -> StepResult:
    """The result after the comparison. The program's own violations are its container's word."""
    found = Comparison()
    if VIOLATIONS in look.written:
        own = objects(read_document(look.store.read_text(look.report), look.report), "violations")
        found.violations.extend(map(dict, own))
    elif missing := [name for name in FILES[step.type].values() if name not in look.written]:
        found.notes.append(
            f"nothing was compared with the baseline: what stands in gives no {' and no '.join(missing)}"
        )
    else:
        found = compare(settings.check_type, look.documents(look.calculated), look.documents(look.previous))
        report = json.dumps({"version": "1.0", "violations": found.violations}, indent=2)
        look.store.put_bytes(report.encode(), look.report)
    result = replace(result, notes=(*result.notes, *found.notes))
    return _with_violations(step, settings, result, look, found.violations) if found.violations else result


def _with_violations(
    step: Step, settings: CheckSettings, result: StepResult, look: _Look, violations: Sequence[Mapping[str, Any]]
) -> StepResult:
    count = "1 violation" if len(violations) == 1 else f"{len(violations)} violations"
    named = ", ".join(map(_named, violations[:_MOST_NAMED]))
    more = f" and {len(violations) - _MOST_NAMED} more" if len(violations) > _MOST_NAMED else ""
    what = f"{count} of the baseline {look.previous['Constraints']}: {named}{more}; see {look.report}"
    result = replace(result, metadata={step.type: {**result.metadata[step.type], "ViolationReport": look.report}})
    if settings.fails:
        return replace(result, status=FAILED, failure_reason=what)
    return replace(result, notes=(*result.notes, f"FailOnViolation is false: {what}"))


def _named(violation: Mapping[str, Any]) -> str:
    """`age (completeness_check)`."""
    names = [str(violation[name]) for name in _NAMES if violation.get(name) is not None]
    return f"{' '.join(names)} ({violation.get('constraint_check_type', 'without a type')})".lstrip()
