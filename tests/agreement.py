"""Do two engines agree? Random pipelines run by the local engine and, compiled, by an interpreter of state machines.

Both get the same jobs to run: they only record what they were asked for and answer what a plan says. The engines agree
if they ran the same jobs with the same resolved arguments, each after those it waits for, and came to the same end; and
if what is read from the history of the machine's execution says the same of every step as the local record.

    python -m agreement 10000        (in tests/; `make agreement`)
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from dagwright.definition.declaration import IF_STEPS
from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, Step, read_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.slices import in_order, needs
from dagwright.engines.execution import FAILED, SUCCEEDED, Execution, Nobody, StepRun
from dagwright.engines.local import run as local_run
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.failures import Failures
from dagwright.engines.local.home import Home
from dagwright.engines.local.recording import Recording
from dagwright.engines.local.reuse import Reuse
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.steps import KINDS, Kind
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.readback import states_of, step_of
from dagwright.engines.stepfunctions.compiler.retries import error_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.events import Event, read_event
from dagwright.engines.stepfunctions.interpreter.running import (
    Call,
    Ended,
    Interrupt,
    MachineStart,
    TaskFailure,
    run_machine,
)
from dagwright.engines.stepfunctions.step_runs import step_runs
from dagwright.errors import DefinitionError, StorageError

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment

NAME, EXECUTION, STARTED = "random-pipeline", "run-1", "2026-11-21T17:09:59.123Z"
BUCKET = "bucket"
NAMES = ("ProcessingJobName", "TrainingJobName", "ModelName")
FAILED_JOB = "AlgorithmError: as planned"
_CREATE = "arn:aws:states:::sagemaker:createProcessingJob.sync"


class Dice(Protocol):
    """Where chance comes from: hypothesis, which can make a failing example small, or a seed."""

    def number(self, least: int, most: int) -> int:
        """From `least` to `most`, both included."""


class Seeded:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)


@dataclass
class Example:
    """A pipeline, what it is started with, and what its jobs will answer."""

    definition: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    fails: frozenset[str] = frozenset()
    files: dict[str, Any] = field(default_factory=dict)
    """By step: the JSON that it writes to its output."""
    answers: dict[str, Any] = field(default_factory=dict)
    """By Lambda step: what its function returns."""
    stumbles: dict[str, list[str]] = field(default_factory=dict)
    """By step: the reasons that the first attempts at its job fail for."""
    before: Before | None = None
    """What has run already: the rest of it runs, or a part on its results."""

    def __str__(self) -> str:
        before = self.before and {"known": sorted(self.before.known), "chosen": self.before.chosen}
        return json.dumps(vars(self) | {"fails": sorted(self.fails), "before": before}, indent=1)


@dataclass(frozen=True)
class Before:
    """Steps of an earlier execution whose results count, its objects, and which steps may run: None for all others."""

    known: Mapping[str, StepRun]
    objects: Mapping[str, str]
    chosen: tuple[str, ...] | None = None


@dataclass
class Record:
    """What an engine asked for: for each step the resolved request, and when it began and ended, as running numbers;
    and what it says of the steps."""

    requests: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    status: str = ""
    reason: str = ""
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    events: Sequence[Event] = ()
    """The history of a machine's execution, out of which `steps` were read."""
    objects: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, step: str, request: Any) -> None:
        with self._lock:
            assert step not in self.requests or self.requests[step] == request
            self.requests[step] = request
            self.attempts[step] = self.attempts.get(step, 0) + 1
            self._count += 1
            self.began[step] = self._count

    def end(self, step: str) -> None:
        with self._lock:
            self._count += 1
            self.ended[step] = self._count


class Jobs:
    """Answers every request as the example says, and remembers it."""

    def __init__(self, example: Example, graph: Graph) -> None:
        self._example = example
        self._graph = graph
        self.record = Record(objects={**example.before.objects} if example.before else {})

    def run(self, name: str, request: dict[str, Any], job: str) -> dict[str, Any]:
        """The Describe response of a step's job, or what a Lambda function returns. Raises TaskFailure."""
        step = self._graph.steps[name]
        plain = json.loads(json.dumps(request).replace(json.dumps(job)[1:-1], "<job>")) if job else request
        self.record.begin(name, plain)
        try:
            reasons = self._example.stumbles.get(name, ())
            attempt = self.record.attempts[name]
            if attempt <= len(reasons):
                raise failed(reasons[attempt - 1])
            if name in self._example.fails:
                raise failed(FAILED_JOB)
            return self._answer(step, request, job)
        finally:
            self.record.end(name)

    def read(self, uri: str) -> str:
        if uri not in self.record.objects:
            raise StorageError(f"{uri} is not there")
        return self.record.objects[uri]

    def _answer(self, step: Step, request: dict[str, Any], job: str) -> dict[str, Any]:
        name = step.name
        if step.type == "Processing":
            for output in request["ProcessingOutputConfig"]["Outputs"]:
                if name in self._example.files:
                    key = f"{output['S3Output']['S3Uri'].rstrip('/')}/report.json"
                    self.record.objects[key] = json.dumps(self._example.files[name])
            return {**request, "ProcessingJobName": job, "ProcessingJobArn": f"arn:{name}"}
        if step.type == "Training":
            artifacts = f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
            metrics = [{"MetricName": "loss", "Value": 0.25}, {"MetricName": "val:auc", "Value": 0.875}]
            made = {"ModelArtifacts": {"S3ModelArtifacts": artifacts}, "FinalMetricDataList": metrics}
            return {**request, **made, "TrainingJobName": job, "TrainingJobArn": f"arn:{name}"}
        if step.type == "Model":
            return {**request, "ModelName": job, "ModelArn": f"arn:{name}"}
        if step.type == "RegisterModel":
            return {**request, "ModelPackageArn": f"arn:{name}/1"}
        return dict(self._example.answers[name])


def failed(reason: str) -> TaskFailure:
    """What a job's failure is called, and its description, written without blanks as the service does; or a call's."""
    if error_of(_CREATE, reason):
        return TaskFailure(error_of(_CREATE, reason), reason)
    return TaskFailure("States.TaskFailed", json.dumps({"FailureReason": reason}, separators=(",", ":")))


def said_by(failure: TaskFailure) -> str:
    """The reason, as a step gives it."""
    return json.loads(failure.cause)["FailureReason"] if failure.error == "States.TaskFailed" else failure.cause


# ---- the local engine ----


def run_here(example: Example, graph: Graph, home: Home) -> Record:
    """The example on the local engine, with its own scheduler, scope and record of executions."""
    jobs = Jobs(example, graph)
    parameters = start_values(graph, example.given)
    execution = Execution(f"{EXECUTION}-{time.monotonic_ns()}", NAME, parameters, started=STARTED)
    home.database.insert(
        "executions", id=execution.id, pipeline=NAME, status=execution.status, started=STARTED, parameters={},
        definition={},
    )  # fmt: skip
    recording = Recording(execution, graph, home, Nobody())
    if example.before:
        recording.adopt(Reuse(example.before.known, example.before.chosen, "run-0"))
    store: Any = SimpleNamespace(read_text=jobs.read)
    scope = RunScope(
        graph, store, Account(), EXECUTION, NAME, STARTED, lambda: STARTED, parameters, recording.outputs
    )  # fmt: skip
    images = SimpleNamespace(of=lambda image: None)
    bench: Any = SimpleNamespace(environments=images, stand_ins={}, failures=Failures())
    bench.telling = lambda wrote: bench
    run = local_run.Run(recording, scope, bench, 4, lambda step: f"job-of-{step.name}", SimpleQueue(), at_once)
    with _recorded(jobs):
        run.run(())
    jobs.record.status, jobs.record.reason = execution.status, execution.failure_reason
    adopted = example.before.known if example.before else {}
    jobs.record.steps = {name: run for name, run in execution.steps.items() if name not in adopted}
    return jobs.record


def at_once(seconds: float, function: Callable[[], None]) -> threading.Timer:
    """A timer that does not wait."""
    return threading.Timer(0, function)


@contextmanager
def _recorded(jobs: Jobs) -> Iterator[None]:
    """The local engine's table of runners, with those that start processes or write records replaced."""

    def run(step: Step, scope: RunScope, bench: Any) -> StepResult:
        request = evaluate(step.arguments, scope)
        try:
            answer = jobs.run(step.name, request, scope.job)
        except TaskFailure as failure:
            return StepResult(FAILED, said_by(failure))
        if step.type == "Lambda":
            answer = {"OutputParameters": answer}
        return StepResult(SUCCEEDED, output=answer)

    table: dict[str, Kind] = KINDS  # type: ignore[assignment]
    kept = dict(table)
    table.update(
        {name: replace(table[name], run=run) for name in ("Processing", "Training", "Lambda", "Model", "RegisterModel")}
    )
    try:
        yield
    finally:
        table.update(kept)


# ---- the machine ----


def run_compiled(example: Example, graph: Graph, given: Mapping[str, Any] | None = None) -> Record:
    """The example as a state machine, executed by the interpreter; `given` instead of what it is started with."""
    settings = SETTINGS
    if example.before:
        known = {name: run.output or {} for name, run in example.before.known.items()}
        settings = replace(SETTINGS, known=known, chosen=example.before.chosen)
    machine = compile_machine(graph, settings)
    jobs = Jobs(example, graph)
    if given is None:
        given = {name: start_values(graph, example.given)[name] for name in example.given}
    start = MachineStart(EXECUTION, "arn:execution", SETTINGS.arn, given, STARTED)
    history = History()
    ended = run_machine(
        machine.definition, start, _answering(jobs), interrupt=history, sleep=lambda seconds: None
    )  # fmt: skip
    jobs.record.status = {"SUCCEEDED": SUCCEEDED, "FAILED": FAILED}[ended.status]
    jobs.record.reason = _reason(ended)
    jobs.record.events = history.events()
    jobs.record.steps = step_runs(jobs.record.events, states_of(machine.definition), graph, ended=STARTED)
    return jobs.record


class History(Interrupt):
    """What the interpreter keeps of an execution, which is what GetExecutionHistory says of it but for the types of
    times and the members that are left out here."""

    def attach(self, env: Environment) -> None:
        self._kept = env.event_manager
        super().attach(env)

    def events(self) -> list[Event]:
        """The events, all at one time."""
        return [read_event({**event, "timestamp": _NOW}) for event in self._kept.get_event_history()]


_NOW = datetime(2026, 11, 21, 17, 9, 59, tzinfo=timezone.utc)
SETTINGS = MachineSettings(NAME, job_prefix="p")


def _answering(jobs: Jobs) -> Callable[[Call], Any]:
    def answer(call: Call) -> Any:
        parameters = dict(call.parameters)
        if call.resource.endswith(":s3:getObject"):
            try:
                return {"Body": jobs.read(f"s3://{parameters['Bucket']}/{parameters['Key']}")}
            except StorageError as error:
                raise TaskFailure("S3.NoSuchKeyException", error.message) from error
        if call.resource.endswith("lambda:invoke"):
            return {"Payload": jobs.run(step_of(call.state), parameters["Payload"], "")}
        job = next((parameters.pop(name) for name in NAMES if name in parameters), "")
        return jobs.run(step_of(call.state), parameters, job)

    return answer


def _reason(ended: Ended) -> str:
    return f"{ended.error}: {ended.cause}" if ended.error else ""


# ---- comparing ----


def disagreement(example: Example, home: Home) -> str:
    """How the two engines differ on an example; nothing if they do not. Raises DefinitionError for a pipeline that no
    machine can carry."""
    graph = read_definition(example.definition)
    there = run_compiled(example, graph)
    here = run_here(example, graph, home)
    known = set(example.before.known) if example.before else set[str]()
    found = [*_out_of_order(graph, here, known, "here"), *_out_of_order(graph, there, known, "in the machine")]
    if here.status != there.status:
        found.append(f"here it is {here.status} ({here.reason}), in the machine {there.status} ({there.reason})")
    # what a Fail step finds still running beside it ends here, and in the machine what follows that runs as well
    ended_early = any(step.type == "Fail" for step in graph.steps.values()) and here.status == FAILED
    missing = [name for name in here.requests if name not in there.requests]
    more = [name for name in there.requests if name not in here.requests]
    if missing or (more and not ended_early):
        found.append(f"only here: {missing}, only in the machine: {more}; {here.reason} / {there.reason}")
    for name in here.requests:
        tries = here.attempts[name], there.attempts.get(name, 0)
        if name in there.attempts and tries[0] != tries[1] and not (ended_early and tries[0] < tries[1]):
            found.append(f"{name} was tried {tries[0]} times here, {tries[1]} in the machine")
        if name in there.requests and here.requests[name] != there.requests[name]:
            found.append(f"{name} here: {here.requests[name]}\n{name} there: {there.requests[name]}")
    found.extend(_told_otherwise(graph, here, there, ended_early=ended_early))
    return "\n".join(found)


def rest_of(example: Example, graph: Graph, home: Home) -> Example:
    """The example after its first execution, whose failures are mended: what has not succeeded is to run."""
    first = run_here(example, graph, home)
    known = {name: run for name, run in first.steps.items() if run.status == SUCCEEDED}
    return replace(example, fails=frozenset(), stumbles={}, before=Before(known, first.objects))


def part_of(example: Example, graph: Graph, home: Home, dice: Dice) -> Example:
    """The example after its first execution: some of its steps, those that its results suffice for."""
    first = run_here(example, graph, home)
    names = {name for name in graph.steps if dice.number(0, 1)}
    while unready := {name for name in names if not _is_ready(name, names, graph, first)}:
        names -= unready
    known = {name: first.steps[name] for name in needs(graph, names)}
    return replace(example, before=Before(known, first.objects, in_order(graph, names)))


def _is_ready(name: str, names: set[str], graph: Graph, first: Record) -> bool:
    """Whether all that a step needs of others has succeeded, its condition with the branch that it stands in."""
    step = graph.steps[name]
    for source in set(graph.predecessors[name]) - names:
        run = first.steps.get(source)
        if run is None or run.status != SUCCEEDED:
            return False
        if source == step.condition and (run.output or {})["Outcome"] != (step.branch == IF_STEPS):
            return False
    return True


def _told_otherwise(graph: Graph, here: Record, there: Record, *, ended_early: bool) -> Iterator[str]:
    """What the history of the machine's execution says of the steps, and the local record does not."""
    missing = [name for name in here.steps if name not in there.steps]
    more = [name for name in there.steps if name not in here.steps]
    if missing or (more and not ended_early):
        yield f"steps only here: {missing}, only in the history: {more}"
    for name in here.steps:
        if name not in there.steps:
            continue
        ours, theirs = _said(here.steps[name], here), _said(there.steps[name], here)
        step = graph.steps[name]
        if not step.if_steps and not step.else_steps:  # whatever it has come to, nothing follows from it
            theirs = {**theirs, "outcome": ours["outcome"]}
        # once a Fail step has ended it, no further attempt begins here
        if ours != theirs and not (ended_early and ours["attempts"] < theirs["attempts"]):
            yield f"{name} here: {ours}, in the history: {theirs}"


_REFUSED = re.compile(r"^SageMaker\.\w+: ")  # what Step Functions calls the refusal of a call, before its cause


def _said(step: StepRun, here: Record) -> dict[str, Any]:
    """What is said of a step. A value that is missing is described in one way by each, a message and a job's reason in
    one way by both."""
    is_quoted = step.name in here.requests or "Fail" in here.steps[step.name].metadata
    return {
        "status": step.status,
        "attempts": step.attempts,
        "outcome": step.metadata.get("Condition"),
        "reason": _REFUSED.sub("", step.failure_reason) if is_quoted else bool(step.failure_reason),
        "has ended": bool(step.ended),
    }


def _out_of_order(graph: Graph, record: Record, known: set[str], where: str) -> Iterator[str]:
    for name, began in record.began.items():
        pending, seen = list(graph.predecessors[name]), {*known}
        while pending:  # a condition or a Fail step has no job: those before it count
            source = pending.pop()
            if source in seen:
                continue
            seen.add(source)
            if graph.steps[source].type == "Condition":
                pending.extend(graph.predecessors[source])
            elif record.ended.get(source, sys.maxsize) > began:
                yield f"{where} {name} began before {source} had ended"


@contextmanager
def a_home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / ".dagwright")
        try:
            yield home
        finally:
            home.close()


def main(count: int) -> int:
    """Compare so many random pipelines, on all processors; print how many agree, and the seeds of those that do not."""
    from concurrent.futures import ProcessPoolExecutor
    from os import cpu_count

    started = time.monotonic()
    chunks = [range(first, min(first + 50, count)) for first in range(0, count, 50)]
    agreed, refused, steps, bad = 0, 0, 0, dict[int, str]()
    with ProcessPoolExecutor(cpu_count()) as pool:
        for some in pool.map(compare, chunks):
            agreed, refused, steps = agreed + some.agreed, refused + some.refused, steps + some.steps
            bad |= some.disagreements
            seconds = time.monotonic() - started
            print(f"{agreed + refused + len(bad)} of {count} in {seconds:.0f} s", file=sys.stderr, flush=True)
    for seed, found in bad.items():
        print(f"seed {seed}: {found}")
    print(f"{agreed} random pipelines ({steps} steps) agree, {len(bad)} do not; the compiler refuses {refused} more")
    return 1 if bad else 0


@dataclass
class Compared:
    agreed: int = 0
    refused: int = 0
    steps: int = 0
    disagreements: dict[int, str] = field(default_factory=dict)


def compare(seeds: range) -> Compared:
    """The examples of these seeds, in a process of its own."""
    from random_pipelines import random_pipeline

    result = Compared()
    with a_home() as home:
        for seed in seeds:
            example = random_pipeline(Seeded(seed), most=30)
            try:
                found = disagreement(example, home)
            except DefinitionError:
                result.refused += 1
                continue
            if found:
                result.disagreements[seed] = found
            else:
                result.agreed += 1
                result.steps += len(read_definition(example.definition).steps)
    return result


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
