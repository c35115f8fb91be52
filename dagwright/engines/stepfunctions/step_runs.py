"""How the steps of a pipeline are doing, read from the events of its state machine.

What comes in: events, the machine that they are of and the pipeline that it was made of. What goes out: steps in the
service-neutral words. What the machine's states mean for a step is known in `compiler/readback.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.engines.aws.made import made_by, metadata_of
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, SUCCEEDED, StepRun
from dagwright.engines.stepfunctions.compiler.readback import (
    failures_in,
    is_failure,
    json_value,
    outcome_of,
    settled_outcome,
    step_of,
)
from dagwright.engines.stepfunctions.events import Event, json_object

_WENT_WRONG = ("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed")


def step_runs(events: Sequence[Event], states: Mapping[str, Any], graph: Graph, ended: str) -> dict[str, StepRun]:
    """The steps that have begun, in the order in which they did. `states` are all of the machine by name; `ended` is
    when the execution ended, empty if it runs."""
    reading = _Reading(states, graph)
    for event in events:
        reading.read(event)
    return {run.name: run for run in reading.finished(ended)}


def reason_of(error: str, cause: str) -> str:
    """Why something went wrong: what the failed job says, else AWS's error with its cause."""
    job = json_object(cause)
    for member in ("FailureReason", "ExitMessage", "errorMessage"):
        if job.get(member):
            return str(job[member])
    return ": ".join(part for part in (error, cause) if part)


@dataclass
class _Visit:
    """One stay of control in a state of a step."""

    state: str
    run: _Run


@dataclass
class _Run:
    """A step and how far it is: `calls` are those of its own state, `went_wrong` until one of its calls is made again,
    `is_done` once its own state has succeeded."""

    step: StepRun
    calls: int = 0
    went_wrong: bool = False
    is_done: bool = False


@dataclass
class _Reading:
    states: Mapping[str, Any]
    graph: Graph
    runs: dict[str, _Run] = field(default_factory=dict)
    visits: dict[int, _Visit] = field(default_factory=dict)
    left: dict[int, tuple[_Visit, Event]] = field(default_factory=dict)
    is_redriven: bool = False

    def read(self, event: Event) -> None:
        if event.type.endswith("StateEntered"):
            self._entered(event)
            return
        if event.type == "ExecutionFailed":
            self._ended_by(event)
        self.is_redriven |= event.type == "ExecutionRedriven"
        if event.type.startswith(("Execution", "Parallel")):
            return
        visit = self.visits.get(event.before) or (self._open(event) if self.is_redriven else None)
        if visit is None:
            return
        self.visits[event.id] = visit
        if event.type.endswith("StateExited"):
            self._exited(visit, event)
        elif event.type.endswith("StateAborted"):
            visit.run.step.status, visit.run.step.ended = STOPPED, event.time
        else:
            self._worked(visit, event)

    def finished(self, ended: str) -> Iterator[StepRun]:
        """What ran when the execution ended has been stopped with it."""
        for run in self.runs.values():
            step = run.step
            if ended and not step.ended:
                step.status, step.ended = (FAILED if run.went_wrong else STOPPED), ended
            if step.type == "Condition" and not step.metadata and step.status == SUCCEEDED:
                self._guess_outcome(step)
            yield step

    def _entered(self, event: Event) -> None:
        if event.before in self.left:
            self._decided(*self.left.pop(event.before), event.state)
        name = step_of(event.state)
        if name not in self.graph.steps:
            return
        run = self.runs.get(name)
        if run is None:
            run = self.runs[name] = _Run(StepRun(name, self.graph.steps[name].type, started=event.time))
        run.step.status, run.step.ended = EXECUTING, ""
        self.visits[event.id] = _Visit(event.state, run)
        if event.type == "FailStateEntered":
            self._fail(run, "", event.time)

    def _open(self, event: Event) -> _Visit | None:
        """The stay that an event belongs to which a redrive has led to: it names its state only at its end."""
        stays = [visit for visit in self.visits.values() if not event.state or visit.state == event.state]
        resource = str(event.details.get("resource", ""))
        fitting = (
            visit
            for visit in stays
            if event.state or str(self.states.get(visit.state, {}).get("Resource", "")).endswith(resource)
        )
        return next((visit for visit in fitting if visit.run.step.status != SUCCEEDED), None)

    def _worked(self, visit: _Visit, event: Event) -> None:
        run, step = visit.run, visit.run.step
        is_own = visit.state == step.name
        if event.type == "TaskScheduled":
            run.went_wrong, step.status, step.failure_reason, step.ended = False, EXECUTING, "", ""
            if is_own:
                run.calls += 1
                run.is_done, step.attempts = False, run.calls
                step.metadata = _metadata_of_call(event)
        elif event.type in ("TaskSubmitted", "TaskSucceeded") and is_own:
            self._made(step, event.said("output"))
            if event.type == "TaskSucceeded":
                run.is_done = True
                step.output = _result(step, event.said("output"))
        elif event.type in _WENT_WRONG:
            run.went_wrong = True
            cause = str(event.details.get("cause", ""))
            step.failure_reason = reason_of(str(event.details.get("error", "")), cause)
            if is_own:
                self._made(step, json_object(cause))

    def _made(self, step: StepRun, answer: Mapping[str, Any]) -> None:
        metadata = metadata_of(answer)
        if metadata:
            step.metadata = metadata
            made = made_by(metadata)
            step.job = made.name if made and made.kind.log_group else ""

    def _exited(self, visit: _Visit, event: Event) -> None:
        run, step = visit.run, visit.run.step
        is_own = visit.state == step.name
        noted = failures_in(event.details.get("assignedVariables", {}))
        if noted or (is_own and step.type == "Fail"):
            said = str(noted[0].get("Cause", "")) if noted else ""
            self._fail(run, step.failure_reason if run.went_wrong else said, event.time)
        elif run.went_wrong:
            self._left_behind(visit, event)
        elif is_own or run.is_done:
            run.is_done = True
            if step_of(self.states.get(visit.state, {}).get("Next", "")) == step.name:
                return  # what it has made is described, or looked into
            step.status, step.ended = SUCCEEDED, event.time
            if event.type == "ChoiceStateExited" and is_own:
                self.left[event.id] = (visit, event)

    def _left_behind(self, visit: _Visit, event: Event) -> None:
        """A state was left whose call went wrong, or one behind it, and the history tells of no failure: unless all
        that catches it notes one, a condition does without its file, or a job may start again."""
        run, step = visit.run, visit.run.step
        state = self.states.get(visit.state, {})
        if event.type != "TaskStateExited":
            return
        if all(is_failure(catch) for catch in state.get("Catch", ())):
            self._fail(run, step.failure_reason, event.time)
        elif visit.state != step.name:
            run.went_wrong, step.failure_reason = False, ""

    def _decided(self, visit: _Visit, exited: Event, onward: str) -> None:
        """A condition's state was left for another one, which tells what it has come to."""
        state = self.states.get(visit.state, {})
        assigned = exited.details.get("assignedVariables", {})
        ways: list[tuple[int | None, Mapping[str, Any]]] = [*enumerate(state.get("Choices", ()))]
        ways.append((None, {"Next": state.get("Default"), "Assign": state.get("Assign", {})}))
        fitting = [(rule, way) for rule, way in ways if way.get("Next") == onward]
        if len(fitting) > 1:
            fitting = [(rule, way) for rule, way in fitting if _fits(assigned, way.get("Assign", {}))]
        if len(fitting) != 1:
            return
        rule, way = fitting[0]
        outcome = outcome_of(state, rule)
        if outcome is None:
            self._fail(visit.run, str(failures_in(way["Assign"])[0].get("Cause", "")), exited.time)
        else:
            visit.run.step.metadata = _outcome(holds=outcome)

    def _guess_outcome(self, step: StepRun) -> None:
        """As its state says, if it was settled beforehand; else by the branch of which something has begun."""
        condition, state = self.graph.steps[step.name], self.states.get(step.name, {})
        begun = ((condition.if_steps, True), (condition.else_steps, False))
        outcome = next((holds for names, holds in begun if any(name in self.runs for name in names)), None)
        if state.get("Type") == "Pass":
            outcome = settled_outcome(state)
        if outcome is not None:
            step.metadata = _outcome(holds=outcome)

    def _ended_by(self, event: Event) -> None:
        """What has ended the execution: a Fail state, whose message comes with the end, or what nothing catches."""
        visit = self.visits.get(event.before)
        if visit is not None:
            error, cause = (str(event.details.get(member, "")) for member in ("error", "cause"))
            is_own = self.states.get(visit.state, {}).get("Type") == "Fail"
            self._fail(visit.run, cause if is_own else reason_of(error, cause), event.time)

    def _fail(self, run: _Run, reason: str, time: str) -> None:
        run.step.status, run.step.failure_reason, run.step.ended = FAILED, reason, time


def _metadata_of_call(event: Event) -> dict[str, dict[str, str]]:
    """What is known of a call before it has an answer: the function that is called, the token that is waited for."""
    request = event.said("parameters")
    if event.details.get("resourceType") == "lambda":
        return {"Lambda": {"Arn": str(request.get("FunctionName", ""))}}
    message = request.get("MessageBody")
    if event.details.get("resourceType") == "sqs" and isinstance(message, dict):
        return {"Callback": {"CallbackToken": str(message.get("token", "")), "SqsQueueUrl": str(request["QueueUrl"])}}
    return {}


def _result(step: StepRun, answer: dict[str, Any]) -> dict[str, Any] | None:
    """What other steps can read of a step that made nothing which can be described."""
    if made_by(step.metadata):
        return None
    if step.type == "Lambda":
        return {"OutputParameters": answer.get("Payload")}
    return {"OutputParameters": answer} if step.type == "Callback" else answer


def _outcome(*, holds: bool) -> dict[str, dict[str, str]]:
    return {"Condition": {"Outcome": str(holds)}}


def _fits(assigned: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether a rule has assigned these variables, whose values the history gives as JSON texts."""
    if set(assigned) != {name.removesuffix(".$") for name in rule}:
        return False
    return all(name.endswith(".$") or json_value(assigned[name]) == value for name, value in rule.items())
