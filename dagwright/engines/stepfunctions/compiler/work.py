"""What the steps of a machine come to, and what they read of each other, found out step by step.

In: a graph. Out: for every step that may run its task, decision or message with all values resolved; every problem and
every loss. What a step has to keep of its result follows from what others read, so tasks are made a second time when
all requests are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import Computation, render, unrolled
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import Path
from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.compiler.conditions import Decision, decide
from dagwright.engines.stepfunctions.compiler.dynamic import (
    DYNAMIC,
    Dynamic,
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    Started,
    Unique,
    dynamics,
    payload,
)
from dagwright.engines.stepfunctions.compiler.job_names import job_names
from dagwright.engines.stepfunctions.compiler.refusals import refusal_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.step_states import Calling, Deciding, Failing, Work, everything
from dagwright.engines.stepfunctions.compiler.task_losses import losses_of, merged
from dagwright.engines.stepfunctions.compiler.task_values import InResult, Written
from dagwright.engines.stepfunctions.compiler.tasks import task_of
from dagwright.engines.stepfunctions.compiler.values import JOB_NAME, Values, joined
from dagwright.errors import DefinitionError, EvaluationError, Problem


class Workload:
    """The work of a graph's steps. `steps` is complete after `read`."""

    def __init__(self, graph: Graph, settings: MachineSettings) -> None:
        self.steps: dict[str, Work] = {}
        self.settled: dict[str, bool] = {}
        """The conditions whose outcome is known before the machine runs."""
        self.losses: list[Loss] = []
        self._graph = graph
        self._settings = settings
        self._values = Values(graph, settings)
        self._refused: list[Problem] = []
        self._names = job_names(graph, settings)
        self._decisions: dict[str, Decision] = {}
        self._decide()

    @property
    def problems(self) -> Sequence[Problem]:
        """What no machine can carry."""
        return [*self._refused, *self._values.problems]

    @property
    def undecided(self) -> frozenset[str]:
        """The conditions that are decided when the machine runs."""
        return frozenset(name for name, found in self._decisions.items() if found.outcome is None)

    def _decide(self) -> None:
        for name in self._graph.order():
            step = self._graph.steps[name]
            if step.type != "Condition":
                continue
            if name in self._settings.known:
                self._recall(name)
                continue
            if not self._settings.runs(name):
                continue
            self._decisions[name] = found = decide(step, self._values)
            if found.outcome is not None:
                self.settled[name] = found.outcome

    def _recall(self, name: str) -> None:
        """To what a condition has come in the execution that goes on."""
        outcome = self._settings.known[name].get("Outcome")
        if not isinstance(outcome, bool):
            what = f"it is not known to what the condition '{name}' has come"
            self._refused.append(Problem("missing-result", what, "run the pipeline anew", step=name))
        self.settled[name] = bool(outcome)

    def read(self, live: Sequence[str]) -> None:
        """Find out the work of these steps, which are in an order that keeps each behind those it waits for."""
        self.losses.extend(losses_of(self._graph))
        for name in live:
            work = self._draft(self._graph.steps[name])
            if work is not None:
                self.steps[name] = work
        aliases = self._settle()
        self.steps = {name: _resolved(work, aliases) for name, work in self.steps.items()}
        self._name_jobs()
        for name, work in self.steps.items():
            self._refused.extend(_unwritable(name, work))
            if isinstance(work, Deciding):
                self.losses.extend(work.decision.losses)

        readers = [name for name, work in self.steps.items() if _reads_a_file(work)]
        if readers:
            what = "a file that is read and is no JSON, or larger than 256 KiB, ends the whole execution at once"
            self.losses.append(merged("property-file", what, "a file that is not there fails the step alone", readers))

    def reads(self) -> Iterator[tuple[str, Produced]]:
        """Which step reads what, in the order of the steps."""
        for name, work in self.steps.items():
            for value in dynamics(everything(work)):
                if isinstance(value, Produced):
                    yield name, value

    def lists(self) -> dict[Produced, int]:
        """The values that a machine keeps in a list, and which item of it they are."""
        return {
            Produced(name, path): value.item
            for name, work in self.steps.items()
            if isinstance(work, Calling)
            for path, value in work.task.values.items()
            if isinstance(value, InResult) and value.item is not None
        }

    def parameters(self) -> dict[str, ParameterValue]:
        """The parameters that are read, by name."""
        return {value.name: value for value in self._values_read() if isinstance(value, ParameterValue)}

    @property
    def asks_for_start(self) -> bool:
        """Whether something is named after when the execution started."""
        return any(isinstance(value, Started) for value in self._values_read())

    def _values_read(self) -> Iterator[Dynamic]:
        return dynamics([everything(work) for work in self.steps.values()])

    def _draft(self, step: Step) -> Work | None:
        """A step's work as far as it can be known without the others; None, with a problem, if there can be none."""
        if step.type == "Condition":
            return Deciding(self._decisions[step.name])
        if step.type == "Fail":
            return self._failing(step)
        refused = refusal_of(step, self._settings)
        if refused is not None:
            self._refused.append(refused)
            return None
        task = task_of(step, self._settings, ())
        return Calling(task, (self._values.compiled(task.request, step.name),), comment=_comment(step))

    def _failing(self, step: Step) -> Work | None:
        message = self._values.compiled(step.arguments.get("ErrorMessage", ""), step.name)
        if isinstance(message, DYNAMIC):
            return Failing(message)
        try:
            return Failing(render(message))
        except EvaluationError as error:
            field = "Arguments.ErrorMessage"
            self._refused.append(Problem("not-in-a-machine", error.message, error.hint, step=step.name, field=field))
            return None

    def _settle(self) -> dict[Produced, Any]:
        """Make every task keep what others read of it; what its own request says already is told instead."""
        aliases: dict[Produced, Any] = {}
        needed: dict[str, dict[Path, None]] = {}
        pending: list[Any] = [everything(work) for work in self.steps.values()]
        while pending:
            asked: dict[str, None] = {}
            for value in dynamics(pending):
                if isinstance(value, Produced) and isinstance(self.steps.get(value.step), Calling):
                    paths = needed.setdefault(value.step, {})
                    if value.path not in paths and value.path != (JOB_NAME,):
                        paths[value.path] = None
                        asked[value.step] = None
            pending = [one for name in asked for one in self._keep(name, [*needed[name]], aliases)]
        return aliases

    def _keep(self, name: str, paths: Sequence[Path], aliases: dict[Produced, Any]) -> list[Any]:
        """A task again, now that it is known what is read of it; the templates that are new with it."""
        work = self.steps[name]
        if not isinstance(work, Calling):
            return []
        task = task_of(self._graph.steps[name], self._settings, paths)
        after = [self._values.compiled(one.request, name) for one in task.after]
        self.steps[name] = replace(work, task=task, templates=(work.templates[0], *after))
        told: list[Any] = []
        for path, value in task.values.items():
            if isinstance(value, Problem):
                if value not in self._refused:
                    self._refused.append(value)
            elif isinstance(value, Written):
                told.append(self._values.compiled(value.value, name))
                aliases[Produced(name, path)] = told[-1]
        return [*after, *told]

    def _name_jobs(self) -> None:
        """Give every job its name where it is asked for: in its request, or, if more than that asks, beforehand."""
        count: dict[str, int] = {}
        for _, value in self.reads():
            if value.path == (JOB_NAME,):
                count[value.step] = count.get(value.step, 0) + 1
        for name, asked in count.items():
            work, job = self.steps[name], self._names[name]
            parts = (f"{job.base}-", Unique()) if job.short else (f"{job.base}-", Started(), "-", Unique())
            made = Joined(parts)
            if asked == 1:
                self.steps[name] = _resolved(work, {Produced(name, (JOB_NAME,)): made})
            elif isinstance(work, Calling):
                self.steps[name] = replace(work, job_name=made)


def _reads_a_file(work: Work) -> bool:
    return any(isinstance(value, FileValue) for value in dynamics(everything(work)))


def _unwritable(name: str, work: Work) -> Iterator[Problem]:
    """What of a step's requests the language cannot say."""
    for template in work.templates if isinstance(work, Calling) else ():
        try:
            payload(template, _Anyhow())
        except DefinitionError as error:
            yield Problem("not-in-a-machine", error.message, error.hint, step=name, field="Arguments")


class _Anyhow:
    """Spells everything alike: whether it can be written does not depend on how."""

    def spell(self, value: Any) -> str:
        return "$"


def _comment(step: Step) -> str:
    said = [step.envelope.get(member) for member in ("DisplayName", "Description")]
    return ": ".join(text for text in said if isinstance(text, str) and text)


def _resolved(work: Work, aliases: Mapping[Produced, Any]) -> Work:
    """The work with what they stand for in the place of all aliases."""
    if isinstance(work, Failing):
        return Failing(_without(work.message, aliases))
    if isinstance(work, Calling):
        return replace(work, templates=tuple(_without(one, aliases) for one in work.templates))
    decision = work.decision
    fails, holds = (_without(rule, aliases) for rule in (decision.fails, decision.holds))
    computed = tuple(_without([*decision.computed], aliases))
    return Deciding(replace(decision, holds=holds, fails=fails, computed=computed))


def _without(template: Any, aliases: Mapping[Produced, Any]) -> Any:
    """The template without aliases."""

    def resolve(value: Any) -> Computation:
        if isinstance(value, dict):
            members = {}
            for key, member in value.items():
                members[key] = yield resolve(member)
            return members
        if isinstance(value, (list, tuple)):
            items = []
            for item in value:
                items.append((yield resolve(item)))
            return items
        if isinstance(value, Joined):
            parts: list[Any] = []
            for part in value.parts:
                found = yield resolve(part)
                parts.extend(found.parts if isinstance(found, Joined) else [found])
            return joined(parts)
        if isinstance(value, FileValue):
            bucket, key = (yield resolve(value.bucket)), (yield resolve(value.key))
            return FileValue(bucket, key, value.path)
        if isinstance(value, Produced) and value in aliases:
            return (yield resolve(aliases[value]))
        return value

    return unrolled(resolve(template)) if aliases else template
