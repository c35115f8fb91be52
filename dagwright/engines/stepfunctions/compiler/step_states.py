"""The states of one step: what it needs first, the state that does its work, and what follows if that fails.

In: a step's task, decision or message, with what they read resolved. Out: states; the one that does the work has the
step's name. A file is read just before the step that asks for it, into the state's input; all else is in variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dagwright.definition.expression import Computation, unrolled
from dagwright.definition.path import write_path
from dagwright.engines.stepfunctions.compiler.conditions import Decision
from dagwright.engines.stepfunctions.compiler.dynamic import (
    DYNAMIC,
    Context,
    Dynamic,
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    Started,
    Unique,
    dynamics,
    may_be_absent,
    payload,
    spelled,
)
from dagwright.engines.stepfunctions.compiler.flow import OUTCOME, SUCCEEDED, Scope
from dagwright.engines.stepfunctions.compiler.loops import rules
from dagwright.engines.stepfunctions.compiler.names import FAILED_STATE, StateNames
from dagwright.engines.stepfunctions.compiler.states import State, States
from dagwright.engines.stepfunctions.compiler.task_values import SINGLE, InResult, path_text
from dagwright.engines.stepfunctions.compiler.tasks import Task
from dagwright.engines.stepfunctions.compiler.values import JOB_NAME
from dagwright.engines.stepfunctions.compiler.variables import FAILURES, STARTED, Variables, at_depth
from dagwright.errors import InternalError

# What S3 calls a fault of its own or of the way there; a file that is not there has another name.
_READ_RETRY = {
    "ErrorEquals": ["S3.S3Exception", "S3.SdkClientException"],
    "IntervalSeconds": 2,
    "MaxAttempts": 5,
    "BackoffRate": 2.0,
}
_ABSENT: Mapping[str, Any] = {"ErrorEquals": ["States.ALL"]}
_SAID = {SINGLE: "(a single value)", ("IsNumeric",): "(a number)", ("IsBoolean",): "(true or false)"}
_UNDECIDED = "its conditions cannot be evaluated: a value is in no file, or two values cannot be compared"


@dataclass(frozen=True)
class Calling:
    """The work of a step that calls a service: its task, with the templates of its request and of those that follow it.
    `job_name` is to be found out beforehand, because more than the request asks for it."""

    task: Task
    templates: tuple[Any, ...]
    job_name: Joined | None = None
    comment: str = ""


@dataclass(frozen=True)
class Deciding:
    """The work of a condition."""

    decision: Decision


@dataclass(frozen=True)
class Failing:
    """The work of a Fail step: its message, a single value or a Dynamic."""

    message: Any


Work: TypeAlias = Calling | Deciding | Failing


def everything(work: Work) -> list[Any]:
    """All that may hold something found at run time."""
    if isinstance(work, Calling):
        return [*work.templates, work.job_name]
    if isinstance(work, Failing):
        return [work.message]
    return [work.decision.fails, work.decision.holds, *work.decision.computed]


@dataclass(frozen=True)
class _Place:
    """Where a step stands, and how a state of it spells what it reads there."""

    step: str
    scope: Scope
    states: States
    variables: Variables
    out: str
    files: dict[tuple[Any, Any], str] = field(default_factory=dict)
    computed: dict[Dynamic, str] = field(default_factory=dict)

    def spell(self, value: ParameterValue | Context | Produced | Started | FileValue) -> str:
        if isinstance(value, Context):
            return value.path
        if isinstance(value, Started):
            return f"${STARTED}"
        if isinstance(value, FileValue):
            return self.files[value.bucket, value.key] + path_text(value.path)[1:]
        return f"${self.variables.seen_from(value, self.scope)}"

    def tested(self, value: Dynamic) -> str:
        """A value as a Choice rule names it, where a function cannot stand."""
        return self.computed[value] if isinstance(value, (Joined, Unique)) else spelled(value, self)

    def failures(self, error: Any, cause: Any) -> dict[str, Any]:
        """The assignment that keeps what went wrong; each of the two a text, or a path as a member ending in `.$`."""
        return {at_depth(FAILURES, self.scope): [{"Step": self.step, **error, **cause}]}

    def caught(self) -> dict[str, Any]:
        """The assignment of a state whose `$` is what was caught."""
        return self.failures({"Error.$": "$.Error"}, {"Cause.$": "$.Cause"})

    def catch(self) -> dict[str, Any]:
        """The entry of Catch that ends the scope."""
        return {"ErrorEquals": ["States.ALL"], "Assign": self.caught(), "Next": self.out}

    def variable(self, value: Produced) -> str:
        return self.variables.name(value, self.scope)


class StepWriter:
    """Writes the states of the steps of one machine. `failing_beside` are the Fail steps beside which others run."""

    def __init__(self, work: Mapping[str, Work], variables: Variables, names: StateNames, partition: str) -> None:
        self.failing_beside: list[str] = []
        self._work = work
        self._variables = variables
        self._names = names
        self._read = f"arn:{partition}:states:::aws-sdk:s3:getObject"

    def run(self, step: str, scope: Scope, states: States, on: str, out: str) -> str:
        """The states of a step that leads to one other; the name of the first."""
        work = self._work[step]
        if isinstance(work, Deciding):
            return self.decide(step, scope, states, (on, on), out)
        place = _Place(step, scope, states, self._variables, out)
        return self._task(work, place, on) if isinstance(work, Calling) else self._fail(work.message, place)

    # ---- jobs and calls ----

    def _task(self, work: Calling, place: _Place, on: str) -> str:
        task = work.task
        asked = everything(work)
        readers = self._readers(asked, place)
        calls = [task, *task.after]
        for index in reversed(range(len(calls))):
            is_last = index == len(calls) - 1
            state = self._call(calls[index], work.templates[index], place)
            assigned = self._assigned(task, index, place, is_last=is_last)
            found = [one for one in task.values.values() if isinstance(one, InResult) and one.call == index]
            needed = {one.needs: one.tests for one in found if one.needs}
            if needed:
                del state["ResultPath"]  # the state behind it looks into the result
                on = self._checked(needed, assigned, place, on)
            elif assigned:
                state["Assign"] = assigned
            state["Next"] = on
            name = place.step if index == 0 else self._names.new(f"{place.step}: {_action(calls[index])}")
            if index == 0 and work.comment:
                state = {"Type": "Task", "Comment": work.comment, **state}
            on = place.states.add(name, state)
        entry = self._chained(readers, self._found(asked, place, on), place)
        if work.job_name is not None:
            entry = self._named(work.job_name, place, entry)
        return self._again(task, place, entry) if task.again else entry

    def _call(self, task: Task, template: Any, place: _Place) -> State:
        state: State = {"Type": "Task", "Resource": task.resource, "Parameters": payload(template, place)}
        if task.timeout_seconds is not None:
            state["TimeoutSeconds"] = task.timeout_seconds
        state["ResultPath"] = None
        if task.retries:
            state["Retry"] = [retry.as_asl() for retry in task.retries]
        state["Catch"] = [place.catch()]
        return state

    def _assigned(self, task: Task, call: int, place: _Place, *, is_last: bool) -> dict[str, Any]:
        """What one of a step's calls has to keep of its result."""
        assigned: dict[str, Any] = {}
        for value in self._variables.made_by(place.step):
            if value.path == SUCCEEDED:
                if is_last:
                    assigned[place.variable(value)] = True
            elif value.path != (JOB_NAME,):
                found = task.values[value.path]
                if isinstance(found, InResult) and found.call == call:
                    assigned[f"{place.variable(value)}.$"] = found.path
        return assigned

    def _checked(self, needed: Mapping[str, Sequence[str]], assigned: Mapping[str, Any], place: _Place, on: str) -> str:
        """The state that keeps what is in the result before it, or fails the step if not all of it is there."""
        missing = [{"Not": _is(path, tests)} for path, tests in needed.items()]
        said = ", ".join(f"{path} {_SAID[tuple(tests)]}" for path, tests in needed.items())
        failed = place.failures({"Error": "NotInAnswer"}, {"Cause": f"the answer has to hold {said}"})
        rule = {"Or": missing} if len(missing) > 1 else missing[0]
        choice: State = {"Type": "Choice", "Choices": [{**rule, "Assign": failed, "Next": place.out}], "Default": on}
        name = self._names.new(f"{place.step}: in the answer")
        return place.states.add(name, {**choice, "Assign": assigned} if assigned else choice)

    def _named(self, name: Joined, place: _Place, on: str) -> str:
        """The states that find out the name of a job before it starts."""
        value = Produced(place.step, (JOB_NAME,))
        keep = self._names.new(f"{place.step}: keep name")
        place.states.add(keep, {"Type": "Pass", "Assign": {f"{place.variable(value)}.$": "$.name"}, "Next": on})
        find = self._names.new(f"{place.step}: name")
        return place.states.add(find, {"Type": "Pass", "Parameters": payload({"name": name}, place), "Next": keep})

    def _again(self, task: Task, place: _Place, entry: str) -> str:
        """The loop around a step's states; the name of what comes before them."""
        counted = [place.variable(Produced(place.step, ("attempts", index))) for index in range(len(task.again))]
        seconds = place.variable(Produced(place.step, ("wait",)))
        waiting, asking = (self._names.new(f"{place.step}: {what}") for what in ("wait", "again"))
        choice = {
            "Type": "Choice",
            "Choices": rules(task.again, counted, seconds, waiting),
            "Default": place.out,
            "Assign": place.caught(),
        }
        place.states.add(asking, choice)
        place.states.add(waiting, {"Type": "Wait", "SecondsPath": f"${seconds}", "Next": entry})
        job = place.states.get(place.step)
        job["Catch"] = [{"ErrorEquals": ["States.TaskFailed"], "Next": asking}, *job["Catch"]]
        first = self._names.new(f"{place.step}: first attempt")
        none_yet = dict.fromkeys(counted, 0)
        return place.states.add(first, {"Type": "Pass", "Assign": none_yet, "Next": entry})

    # ---- files ----

    def _readers(self, templates: Any, place: _Place, *, lenient: bool = False) -> list[tuple[str, State]]:
        """The states that read the files a step asks for; from now on `place` can spell what is in them.

        A file that cannot be read fails the step; if `lenient`, there is nothing in it.
        """
        found: list[tuple[str, State]] = []
        for value in dynamics(templates):
            if not isinstance(value, FileValue) or (value.bucket, value.key) in place.files:
                continue
            if lenient and not found:
                found.append((self._names.new(f"{place.step}: files"), {"Type": "Pass", "Parameters": {}}))
            member = f"file_{len(place.files) + 1}"
            state: State = {"Type": "Task", "Resource": self._read}
            state["Parameters"] = payload({"Bucket": value.bucket, "Key": value.key}, place)
            # the first replaces the input, which may be a list; the others are added to what it has made
            if found:
                state |= {"ResultSelector": {"json.$": "States.StringToJson($.Body)"}, "ResultPath": f"$.{member}"}
                place.files[value.bucket, value.key] = f"$.{member}.json"
            else:
                state["ResultSelector"] = {f"{member}.$": "States.StringToJson($.Body)"}
                place.files[value.bucket, value.key] = f"$.{member}"
            state["Retry"] = [_READ_RETRY]
            state["Catch"] = [_ABSENT] if lenient else [place.catch()]
            found.append((self._names.new(f"{place.step}: read {_file_name(value)}"), state))
        return found

    def _found(self, templates: Any, place: _Place, on: str) -> str:
        """The state that fails a step if a value that it reads is not there: no Catch would see that."""
        paths = {spelled(one, place): one for one in dynamics(templates) if may_be_absent(one)}
        if not paths:
            return on
        missing = [{"Not": _is(path, SINGLE)} for path in paths]
        said = ", ".join(_described(one) for one in paths.values())
        failed = place.failures({"Error": "NoValue"}, {"Cause": f"a single value is not where it should be: {said}"})
        rule = {"Or": missing} if len(missing) > 1 else missing[0]
        choice: State = {"Type": "Choice", "Choices": [{**rule, "Assign": failed, "Next": place.out}], "Default": on}
        return place.states.add(self._names.new(f"{place.step}: is there"), choice)

    def _chained(self, states: Sequence[tuple[str, State]], on: str, place: _Place) -> str:
        for name, state in reversed(states):
            if _ABSENT in state.get("Catch", ()):
                state["Catch"] = [{**_ABSENT, "ResultPath": state["ResultPath"], "Next": on}]
            on = place.states.add(name, {**state, "Next": on})
        return on

    # ---- conditions ----

    def decide(self, step: str, scope: Scope, states: States, ways: tuple[str, str], out: str) -> str:
        """The states of a condition, which leads to one of two others; the name of the first."""
        work = self._work[step]
        if not isinstance(work, Deciding):
            raise InternalError(f"'{step}' decides nothing")
        decision = work.decision
        place = _Place(step, scope, states, self._variables, out)
        if decision.outcome is not None:
            settled: State = {"Type": "Pass", "Next": ways[0] if decision.outcome else ways[1]}
            return states.add(step, {**settled, **self._keeping(place, ways, outcome=decision.outcome)})
        tests = [decision.fails, decision.holds, [*decision.computed]]
        # an early condition may settle the outcome, so that a file of a later one is not asked for
        before = self._readers(tests, place, lenient=not decision.asks_all and not decision.computed)
        if decision.computed:
            before.append(self._computing(decision.computed, place, has_files=bool(before)))
        choices = []
        if decision.fails is not None:
            failed = place.failures({"Error": "Undecided"}, {"Cause": _UNDECIDED})
            choices.append({**_rule(decision.fails, place), "Assign": failed, "Next": out})
        choices.append({**_rule(decision.holds, place), **self._keeping(place, ways, outcome=True), "Next": ways[0]})
        state: State = {"Type": "Choice", "Choices": choices, "Default": ways[1]}
        states.add(step, {**state, **self._keeping(place, ways, outcome=False)})
        return self._chained(before, step, place)

    def _keeping(self, place: _Place, ways: tuple[str, str], *, outcome: bool) -> dict[str, Any]:
        """The assignment of what others ask of a condition, if they do; of its outcome also if the state that follows
        does not tell it, for whoever reads the execution's history."""
        asked = {value.path for value in self._variables.made_by(place.step)}
        kept: dict[str, bool] = {}
        if OUTCOME in asked or ways[0] == ways[1]:
            kept[place.variable(Produced(place.step, OUTCOME))] = outcome
        if SUCCEEDED in asked:
            kept[place.variable(Produced(place.step, SUCCEEDED))] = True
        return {"Assign": kept} if kept else {}

    def _computing(self, values: Sequence[Dynamic], place: _Place, *, has_files: bool) -> tuple[str, State]:
        """The state that finds out what a Choice cannot: it only takes paths."""
        members = {}
        for index, value in enumerate(values, start=1):
            members[f"value_{index}"] = value
            place.computed[value] = f"$.computed.value_{index}"
        state: State = {"Type": "Pass"}
        if has_files:
            state |= {"Parameters": payload(members, place), "ResultPath": "$.computed"}
        else:
            state["Parameters"] = payload({"computed": members}, place)
        return self._names.new(f"{place.step}: values"), state

    # ---- Fail steps ----

    def _fail(self, message: Any, place: _Place) -> str:
        """A Fail step: the end of the machine, or of the branch it stands in, where others may still be running."""
        readers = self._readers([message], place)
        found = isinstance(message, DYNAMIC)
        text = message if isinstance(message, Joined) else Joined((message,))
        if place.out == FAILED_STATE:
            cause = {"CausePath": spelled(text, place)} if found else {"Cause": message}
            place.states.add(place.step, {"Type": "Fail", "Error": place.step, **cause})
            return self._chained(readers, self._found(message, place, place.step), place)
        self.failing_beside.append(place.step)
        error = {"Error": "FailStep"}
        if not found:
            noted = place.failures(error, {"Cause": message})
            return place.states.add(place.step, {"Type": "Pass", "Assign": noted, "Next": place.out})
        noted = place.failures(error, {"Cause.$": "$.message"})
        place.states.add(place.step, {"Type": "Pass", "Assign": noted, "Next": place.out})
        saying = {"Type": "Pass", "Parameters": payload({"message": text}, place), "Next": place.step}
        said = place.states.add(self._names.new(f"{place.step}: message"), saying)
        return self._chained(readers, self._found(message, place, said), place)


def _described(value: Dynamic) -> str:
    """Where a value should be, for people."""
    if isinstance(value, FileValue):
        return f"{write_path(value.path)} in {_file_name(value)}"
    return f"{write_path(value.path)} of {value.step}" if isinstance(value, Produced) else ""


def _is(path: str, tests: Sequence[str]) -> dict[str, Any]:
    """The test that a path leads to something that one of `tests` finds to be right."""
    right = [{"Variable": path, test: True} for test in tests]
    return {"And": [{"Variable": path, "IsPresent": True}, {"Or": right} if len(right) > 1 else right[0]]}


def _rule(rule: Mapping[str, Any] | None, place: _Place) -> dict[str, Any]:
    """A decision's rule with its values spelled."""

    def written(body: Any) -> Computation:
        if isinstance(body, dict):
            members = {}
            for key, value in body.items():
                members[key] = yield written(value)
            return members
        if isinstance(body, list):
            items = []
            for item in body:
                items.append((yield written(item)))
            return items
        return place.tested(body) if isinstance(body, DYNAMIC) else body

    found: dict[str, Any] = unrolled(written(rule))
    return found


def _action(task: Task) -> str:
    """`describeModelPackage` of a task's resource."""
    return task.resource.rpartition(":")[2]


def _file_name(value: FileValue) -> str:
    """The last part of a file's address, as far as it is written out."""
    key = value.key.parts[-1] if isinstance(value.key, Joined) else value.key
    return key.rpartition("/")[2] if isinstance(key, str) and key.rpartition("/")[2] else "file"
