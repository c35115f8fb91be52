"""Runs a definition as the state machine that it becomes: compiled, and executed on this machine.

The interpreter decides what runs when. The calls of its Task states end at what a run here has anyway: jobs at the same
functions as those of any local run, objects at the store, models at the registry. The run's own thread records; what
the machine's threads say reaches it as events, in the order of things.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dagwright.definition.graph import Step
from dagwright.engines.caching import NO_CACHE
from dagwright.engines.engine import Start
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, SUCCEEDED, Execution
from dagwright.engines.local.begun import STEP_FUNCTIONS
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.home import new_job_name
from dagwright.engines.local.launching import PROCESS
from dagwright.engines.local.machine_record import Began, FailedForNow, Finished, MachineRecord
from dagwright.engines.local.recording import Recording
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.settings import Settings
from dagwright.engines.local.steps import result_of, starts_job
from dagwright.engines.local.tuning_names import SUMMARIES
from dagwright.engines.stepfunctions.compiler.job_names import NAME_MEMBERS
from dagwright.engines.stepfunctions.compiler.machine import Machine, compile_machine
from dagwright.engines.stepfunctions.compiler.readback import (
    failures_in,
    is_failure,
    may_start_again,
    outcome_of,
    states_of,
    step_of,
)
from dagwright.engines.stepfunctions.compiler.retries import error_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.interpreter import running as interpreter
from dagwright.engines.stepfunctions.interpreter.running import Call, Interrupt, MachineStart, TaskFailure, run_machine
from dagwright.errors import InternalError, StorageError

_GIVEN_UP = "States.TaskFailed"
_REFUSED = "SageMaker.ValidationException"
_NO_SUCH_KEY = "S3.NoSuchKeyException"
_LARGEST_PAYLOAD = 256 * 1024  # bytes that go into or come out of a state (developer guide, "Service quotas")


class LocalMachineEngine(LocalEngine):
    """A local engine that runs definitions as state machines. `job_prefix` begins the names of jobs (`acme-churn`)."""

    kind = STEP_FUNCTIONS
    has_cache = False

    def __init__(
        self, project: Path, account: Account, settings: Settings, job_prefix: str = "", runtime: str = PROCESS
    ) -> None:
        super().__init__(project, account, settings, runtime)
        self._job_prefix = job_prefix

    def _way(
        self, start: Start, recording: Recording, scope: RunScope, bench: Bench, events: SimpleQueue[Any]
    ) -> MachineRun:
        """Raises DefinitionError if the definition cannot be a state machine, UsageError without the interpreter."""
        account = scope.account
        settings = MachineSettings(
            name=start.pipeline,
            partition=account.partition,
            region=account.region,
            account_id=account.account_id,
            job_prefix=self._job_prefix,
            role=f"arn:{account.partition}:iam::{account.account_id}:role/local",
            known=dict(recording.outputs),
            chosen=recording.chosen,
        )
        interpreter.require()
        machine = compile_machine(start.graph, settings)
        parameters = recording.execution.parameters
        given = {name: parameters[name] for name in start.values(start.graph)}
        words = start.words or start.pipeline
        return MachineRun(recording, scope, bench, machine, settings, given, self._max_parallel, events, words)

    def explain(self, execution: Execution) -> str:
        """What there is to say instead."""
        return NO_CACHE


@dataclass(frozen=True)
class _Over:
    """Said by the machine's thread: how the machine has ended, or the bug that ended it."""

    ending: interpreter.Ended | BaseException


@dataclass
class MachineRun:
    """One execution in progress. `given` is the machine's input, `words` name its pipeline on a command line."""

    recording: Recording
    scope: RunScope
    bench: Bench
    machine: Machine
    settings: MachineSettings
    given: Mapping[str, Any]
    max_parallel: int
    events: SimpleQueue[Any]
    words: str
    _interrupt: Interrupt = field(default_factory=Interrupt)
    _thread: threading.Thread | None = None
    _told: dict[str, str] = field(default_factory=dict)
    """The status of each step, as the machine's threads know it: ahead of the record."""
    _entered: set[str] = field(default_factory=set)
    """The steps of which the machine has come to a state."""
    _failed: dict[str, StepResult] = field(default_factory=dict)
    """How the attempts ended of which the machine has yet to decide whether another one follows."""

    def __post_init__(self) -> None:
        self._graph = self.recording.graph
        self._record = MachineRecord(self.recording)
        self._states = states_of(self.machine.definition)
        self._places = threading.BoundedSemaphore(self.max_parallel)
        self._answers: Mapping[str, Callable[[Call, Step], Any]] = {
            "sagemaker:createProcessingJob.sync": self._job,
            "sagemaker:createTrainingJob.sync": self._job,
            "sagemaker:createHyperParameterTuningJob.sync": self._tuning_job,
            "aws-sdk:sagemaker:listTrainingJobsForHyperParameterTuningJob": self._best_training_jobs,
            "sagemaker:createTransformJob.sync": self._job,
            "lambda:invoke": self._lambda,
            "sqs:sendMessage.waitForTaskToken": self._callback,
            "sagemaker:createModel": self._model,
            "sagemaker:createEndpointConfig": self._endpoint_config,
            "aws-sdk:sagemaker:createModelPackage": self._model_package,
            "aws-sdk:sagemaker:describeModel": self._described,
            "aws-sdk:sagemaker:describeModelPackage": self._described,
            "aws-sdk:sagemaker:describeEndpointConfig": self._described,
            "aws-sdk:s3:getObject": self._object,
        }

    @property
    def notes(self) -> list[str]:
        """That not everything of the definition carries over, and what tells the rest."""
        count = len(self.machine.losses)
        things = "1 thing does" if count == 1 else f"{count} things do"
        look = f"deploy.py validate {self.words} --target stepfunctions"
        return [f"{things} not carry over to Step Functions, see: {look}"] if count else []

    def run(self, images: Iterable[str]) -> Execution:
        """To the end; the execution says how. The environments of `images` are made first.

        Raises UsageError if the interpreter is not installed, InternalError after stopping everything if we have a
        bug, OSError if the observer does.
        """
        with self.recording.stopped_on_error(self._wait):
            for image in images:
                self.bench.environments.of(image)
            while not self.events.empty():  # nothing runs yet: whoever wants it stopped has said so meanwhile
                self._handle(self.events.get())
            self._thread = threading.Thread(target=self._execute, name="state machine", daemon=True)
            self._thread.start()
            ending = None
            self.recording.announce_adopted()
            while ending is None:
                ending = self._handle(self.events.get())
            self._thread.join()
            self._close(ending)
        self.recording.conclude(_reason(ending))
        return self.recording.execution

    # ---- the run's own thread ----

    def _handle(self, event: Any) -> interpreter.Ended | None:
        """Record what has happened; how the machine has ended, once it has."""
        if isinstance(event, (Began, Finished, FailedForNow)):
            self._record.take(event)
        elif isinstance(event, _Over):
            if isinstance(event.ending, BaseException):
                raise event.ending
            return event.ending
        elif not self.recording.is_stopping:
            self._interrupt.stop()
            self.recording.stop()
        return None

    def _close(self, ending: interpreter.Ended) -> None:
        """Steps that have not ended at the end of the machine are how it ended: its Fail state, or a state that failed
        where nothing catches that."""
        status = STOPPED if ending.status == interpreter.ABORTED else FAILED
        steps, failed = self.recording.execution.steps, {**self._failed, **self._record.resting}
        for step in self._graph.steps.values():
            if status == FAILED and step.name in self._entered and step.name not in steps:  # it read its files
                self.recording.begin(step, "")
        for run in [run for run in steps.values() if run.status == EXECUTING]:
            if run.name in failed:
                self.recording.finish(run.name, failed[run.name])
                continue
            reason = ending.cause if ending.error == run.name else _reason(ending)
            metadata = {"Fail": {"ErrorMessage": reason}} if run.type == "Fail" else {}
            self.recording.finish(run.name, StepResult(status, reason, metadata))

    def _wait(self) -> None:
        self._interrupt.stop()
        if self._thread:
            self._thread.join()

    # ---- what the machine's threads see ----

    def _execute(self) -> None:
        execution = self.recording.execution
        arn = self.settings.arn.replace(":stateMachine:", ":execution:")
        start = MachineStart(execution.id, f"{arn}:{execution.id}", self.settings.arn, self.given, execution.started)
        ending: interpreter.Ended | BaseException
        try:
            ending = run_machine(
                self.machine.definition, start, self._call, witness=self, interrupt=self._interrupt, timeouts=False
            )
        except BaseException as error:
            ending = error
        self.events.put(_Over(ending))

    def entered(self, state: str) -> None:
        """Conditions and Fail steps call nothing. A Choice state says what it has chosen, a Fail state is the machine's
        end; a Pass state stands for what was decided when the machine was made, or for a Fail step in a branch."""
        step = self._graph.steps.get(step_of(state))
        if step is None:
            return
        self._entered.add(step.name)
        if state == step.name and step.type in ("Fail", "Condition"):
            self._begin(step)
            if self._states[state]["Type"] == "Pass":
                self._end(step, result_of(step, self.scope, self.bench))

    def chosen(self, state: str, rule: int | None) -> None:
        """What a condition has come to, whether a job starts again, and that a value is not where it should be."""
        step = self._graph.steps.get(step_of(state))
        if step is None:
            return
        if step.name in self._failed:
            self._again(step, self._failed.pop(step.name), starts_again=rule is not None)
        elif step.type == "Condition" and state == step.name:
            self._decided(step, outcome_of(self._states[state], rule))
        elif rule is not None and (noted := failures_in(self._states[state]["Choices"][rule].get("Assign", {}))):
            self._fail(step, noted[0]["Cause"])

    def _decided(self, step: Step, outcome: bool | None) -> None:
        if outcome is None:
            why = result_of(step, self.scope, self.bench).failure_reason or "its conditions cannot be evaluated"
            self._end(step, StepResult(FAILED, why))
        else:
            metadata = {"Condition": {"Outcome": str(outcome)}}
            self._end(step, StepResult(SUCCEEDED, "", metadata, {"Outcome": outcome}))

    def caught(self, state: str, error: str, cause: str, following: str) -> None:
        """What no call has said: a file that is not there or is no JSON; or a call that was refused for the last time.
        It is a failure if the machine notes one; without, a loop starts the job again or a condition does without."""
        step = self._graph.steps.get(step_of(state))
        catches = [entry for entry in self._states[state]["Catch"] if entry["Next"] == following]
        if step is None or not any(map(is_failure, catches)):
            return
        if step.name in self._failed:
            self._end(step, self._failed.pop(step.name))
        elif self._told.get(step.name) != FAILED:
            self._fail(step, cause if error == _NO_SUCH_KEY else f"{error}: {cause}")

    def retried(self, state: str, seconds: float) -> None:
        """A call that was refused is made again."""
        step = step_of(state)
        if step in self._failed:
            self.events.put(FailedForNow(step, self._failed.pop(step), seconds))

    def abandoned(self, state: str) -> None:
        """Its job is stopped."""
        self.recording.stop_job(step_of(state))

    def _fail(self, step: Step, reason: str) -> None:
        """A step fails, perhaps before it has begun."""
        if step.name not in self._told:
            self._begin(step)
        self._end(step, StepResult(FAILED, reason))

    def _begin(self, step: Step, job: str = "") -> None:
        self._told[step.name] = ""
        self.events.put(Began(step.name, job))

    def _end(self, step: Step, result: StepResult) -> None:
        self._told[step.name] = result.status
        self.recording.outputs[step.name] = result.output  # known at once to whatever the machine does next
        self.events.put(Finished(step.name, result))

    # ---- the calls of Task states ----

    def _call(self, call: Call) -> Any:
        name = call.resource.partition(":states:::")[2]
        step = self._graph.steps.get(step_of(call.state))
        if name not in self._answers or step is None:
            raise InternalError(f"state '{call.state}' calls {call.resource}, which nothing here answers")
        return self._answers[name](call, step)

    def _job(self, call: Call, step: Step) -> Any:
        request = dict(call.parameters)
        job = request.pop(NAME_MEMBERS[step.type])
        result = self._run(call, replace(step, arguments=request), job)
        if result.status != SUCCEEDED:
            raise TaskFailure(_GIVEN_UP, _text({**result.output, "FailureReason": result.failure_reason}))
        return result.output

    def _tuning_job(self, call: Call, step: Step) -> Any:
        """Its training jobs are another call's to tell."""
        return {name: value for name, value in self._job(call, step).items() if name != SUMMARIES}

    def _best_training_jobs(self, call: Call, step: Step) -> Any:
        """The recorded ones are in the order that is asked for: the best objective first."""
        asked = call.parameters
        summaries = self.recording.outputs[step.name].get(SUMMARIES, [])  # a stand-in says of them what it likes
        wanted = asked["StatusEquals"]
        found = [summary for summary in summaries if summary.get("TrainingJobStatus", wanted) == wanted]
        return {SUMMARIES: found[: asked["MaxResults"]]}

    def _lambda(self, call: Call, step: Step) -> Any:
        envelope = {**step.envelope, "FunctionArn": call.parameters["FunctionName"]}
        job = new_job_name(self.recording.execution.id, step.name)
        result = self._run(call, replace(step, arguments=call.parameters["Payload"], envelope=envelope), job)
        if result.status != SUCCEEDED:
            raise TaskFailure("Lambda.Unknown", _text({"errorMessage": result.failure_reason}))
        return {"Payload": result.answer, "StatusCode": 200}

    def _callback(self, call: Call, step: Step) -> Any:
        envelope = {**step.envelope, "SqsQueueUrl": call.parameters["QueueUrl"]}
        arguments = call.parameters["MessageBody"]["arguments"]
        job = new_job_name(self.recording.execution.id, step.name)
        result = self._run(call, replace(step, arguments=arguments, envelope=envelope), job)
        if result.status != SUCCEEDED:
            raise TaskFailure(_GIVEN_UP, result.failure_reason)
        return result.answer

    def _model(self, call: Call, step: Step) -> Any:
        request = dict(call.parameters)
        name = request.pop(NAME_MEMBERS[step.type])
        return {"ModelArn": self._made(call, replace(step, arguments=request), name)["ModelArn"]}

    def _endpoint_config(self, call: Call, step: Step) -> Any:
        made = self._made(call, replace(step, arguments=dict(call.parameters)), "")
        return {"EndpointConfigArn": made["EndpointConfigArn"]}

    def _model_package(self, call: Call, step: Step) -> Any:
        made = self._made(call, replace(step, arguments=dict(call.parameters)), "")
        return {"ModelPackageArn": made["ModelPackageArn"]}

    def _made(self, call: Call, step: Step, name: str) -> Mapping[str, Any]:
        result = self._run(call, step, name)
        if result.status != SUCCEEDED:
            raise TaskFailure(_REFUSED, result.failure_reason)
        return result.output

    def _described(self, call: Call, step: Step) -> Any:
        return self.recording.outputs[step.name]

    def _object(self, call: Call, step: Step) -> Any:
        uri = f"s3://{call.parameters['Bucket']}/{call.parameters['Key']}"
        try:
            text = self.scope.store.read_text(uri)
        except StorageError as error:
            raise TaskFailure(_NO_SUCH_KEY, error.message) from error
        size = len(text.encode())
        if size > _LARGEST_PAYLOAD:
            what = f"{uri} has {size} bytes, and a state machine takes {_LARGEST_PAYLOAD} at a time"
            raise TaskFailure("States.DataLimitExceeded", what)
        return {"Body": text}

    def _run(self, call: Call, step: Step, job: str) -> StepResult:
        """Run a step whose arguments the machine has resolved, as soon as there is a place for its job."""
        if not starts_job(step, self.bench):
            return self._run_now(call, step, job)
        with self._places:
            if self._interrupt.requested:
                raise TaskFailure(_GIVEN_UP, "the execution is being stopped")
            return self._run_now(call, step, job)

    def _run_now(self, call: Call, step: Step, job: str) -> StepResult:
        """Raises TaskFailure if the call is refused for a reason by whose name a Retry knows it."""
        self._begin(step, job if starts_job(step, self.bench) else "")
        result = result_of(step, self.scope.for_job(job), self.bench)
        refused = error_of(call.resource, result.failure_reason) if result.status == FAILED else ""
        if refused or (result.status == FAILED and may_start_again(self._states[step.name])):
            self._failed[step.name] = result
        else:
            self._end(step, result)
        if refused:
            raise TaskFailure(refused, result.failure_reason)
        return result

    def _again(self, step: Step, result: StepResult, *, starts_again: bool) -> None:
        if starts_again:
            self.events.put(FailedForNow(step.name, result))
        else:
            self._end(step, result)


def _reason(ending: interpreter.Ended) -> str:
    """Why a machine failed, for what no step says; nothing if it did not."""
    if ending.status != interpreter.FAILED:
        return ""
    return ": ".join(part for part in (ending.error, ending.cause) if part) or "the state machine failed"


def _text(answer: Mapping[str, Any]) -> str:
    """What the cause of a job's failure is: the description of the job, without blanks, as the service writes it."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
