"""How the steps of a pipeline are doing, read from the events of its state machine.

What comes in: events, the machine that they are of and the pipeline that it was made of. What goes out: steps in the
service-neutral words. The state that does a step's work has the step's name, others of the step are `<step>: <what>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.engines.aws.jobs import made_by, metadata_of
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, SUCCEEDED, StepRun
from dagwright.engines.stepfunctions.compiler.names import step_of
from dagwright.engines.stepfunctions.compiler.variables import FAILURES
from dagwright.engines.stepfunctions.events import Event, json_object

_WENT_WRONG = ("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed")
_OUTCOMES = {True: "True", False: "False"}


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


def states_of(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Every state of a machine by its name, those inside branches too."""
    found: dict[str, Any] = {}
    pending: list[Any] = [machine]
    while pending:
        for name, state in pending.pop().get("States", {}).items():
            found[name] = state
            pending.extend(state.get("Branches", ()))
    return found


@dataclass
class _Visit:
    """One stay of control in a state of a step."""

    state: str
    run: _Run


@dataclass
class _Run:
    """A step and how far it is: `went_wrong` until it is tried again, `is_done` once its own state has succeeded."""

    step: StepRun
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
            step = StepRun(name, self.graph.steps[name].type, started=event.time, attempts=0)
            run = self.runs[name] = _Run(step)
        run.step.status, run.step.ended = EXECUTING, ""
        self.visits[event.id] = _Visit(event.state, run)
        if event.state == name and self.states.get(name, {}).get("Type") != "Task":
            run.step.attempts = 1
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
        if event.type == "TaskScheduled" and is_own:
            step.attempts += 1
            run.went_wrong, run.is_done = False, False
            step.status, step.failure_reason, step.ended = EXECUTING, "", ""
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
        run = visit.run
        is_own = visit.state == run.step.name
        if run.went_wrong:
            self._fail(run, run.step.failure_reason, event.time)
        elif is_own and run.step.type == "Fail":
            self._fail(run, _noted(event.details.get("assignedVariables", {})), event.time)
        elif is_own or run.is_done:
            run.is_done = True
            run.step.status, run.step.ended = SUCCEEDED, event.time
        if event.type == "ChoiceStateExited" and is_own:
            self.left[event.id] = (visit, event)

    def _decided(self, visit: _Visit, exited: Event, onward: str) -> None:
        """A condition's state was left for another one, which tells what it has come to."""
        state = self.states.get(visit.state, {})
        rules = state.get("Choices", ())
        assigned = exited.details.get("assignedVariables", {})
        ways = [(rule, index == len(rules) - 1) for index, rule in enumerate(rules)]
        ways.append(({"Next": state.get("Default"), "Assign": state.get("Assign", {})}, False))
        fitting = [way for way in ways if way[0].get("Next") == onward]
        if len(fitting) > 1:
            fitting = [way for way in fitting if _fits(assigned, way[0].get("Assign", {}))]
        if len(fitting) != 1:
            return
        rule, holds = fitting[0]
        noted = [value for name, value in rule.get("Assign", {}).items() if name.startswith(FAILURES)]
        if noted:
            self._fail(visit.run, str(noted[0][0].get("Cause", "")), exited.time)
        else:
            visit.run.step.metadata = {"Condition": {"Outcome": _OUTCOMES[holds]}}

    def _guess_outcome(self, step: StepRun) -> None:
        """By the branch of which something has begun."""
        condition = self.graph.steps[step.name]
        for names, holds in ((condition.if_steps, True), (condition.else_steps, False)):
            if any(name in self.runs for name in names):
                step.metadata = {"Condition": {"Outcome": _OUTCOMES[holds]}}

    def _ended_by(self, event: Event) -> None:
        """A Fail state has ended the execution: its message comes with the end."""
        visit = self.visits.get(event.before)
        if visit is not None and self.states.get(visit.state, {}).get("Type") == "Fail":
            visit.run.step.failure_reason = str(event.details.get("cause", ""))

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


def _noted(assigned: Mapping[str, Any]) -> str:
    """The message among the variables that a state has assigned."""
    for name, text in assigned.items():
        if name.startswith(FAILURES):
            try:
                return str(_value(text)[0]["Cause"])
            except (LookupError, TypeError):
                return ""
    return ""


def _fits(assigned: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether a rule has assigned these variables, whose values the history gives as JSON texts."""
    if set(assigned) != {name.removesuffix(".$") for name in rule}:
        return False
    return all(name.endswith(".$") or _value(assigned[name]) == value for name, value in rule.items())


def _value(text: Any) -> Any:
    """The value that a JSON text stands for; None if it stands for none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
