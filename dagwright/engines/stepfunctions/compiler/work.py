"""What the steps of a machine come to, and what they read of each other, found out step by step.

In: a graph. Out: for every step that may run its task, decision or message with all values resolved; every problem and
every loss. What a step has to keep of its result follows from what others read, so tasks are made a second time when
all requests are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import Computation, unrolled
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import Path
from dagwright.engines.stepfunctions.compiler.conditions import Decision, decide
from dagwright.engines.stepfunctions.compiler.dynamic import (
    FileValue,
    Joined,
    ParameterValue,
    Produced,
    Started,
    Unique,
    dynamics,
)
from dagwright.engines.stepfunctions.compiler.job_names import JobName, job_names
from dagwright.engines.stepfunctions.compiler.losses import Loss
from dagwright.engines.stepfunctions.compiler.refusals import refusal_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.step_states import Work
from dagwright.engines.stepfunctions.compiler.task_losses import losses_of
from dagwright.engines.stepfunctions.compiler.task_values import Written
from dagwright.engines.stepfunctions.compiler.tasks import Task, task_of
from dagwright.engines.stepfunctions.compiler.values import JOB_NAME, Values, joined
from dagwright.errors import Problem


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
                self.settled[name] = bool(self._settings.known[name].get("Outcome"))
                continue
            self._decisions[name] = found = decide(step, self._values)
            if found.outcome is not None:
                self.settled[name] = found.outcome

    def read(self, live: Sequence[str]) -> None:
        """Find out the work of these steps, which are in an order that keeps each behind those it waits for."""
        self.losses.extend(losses_of(self._graph))
        drafts = {name: found for name in live if (found := self._draft(self._graph.steps[name])) is not None}
        aliases = self._settle(drafts)
        for draft in drafts.values():
            draft.resolve(aliases)
        named = _named_before(drafts)
        for name, draft in drafts.items():
            self.steps[name] = draft.work(self._names.get(name), named_before=name in named)
            self.losses.extend(draft.decision.losses if draft.decision else ())

    def reads(self) -> Iterator[tuple[str, Produced]]:
        """Which step reads what, in the order of the steps."""
        for name, work in self.steps.items():
            for value in work.values():
                if isinstance(value, Produced):
                    yield name, value

    def parameters(self) -> dict[str, ParameterValue]:
        """The parameters that are read, by name."""
        found = (value for work in self.steps.values() for value in work.values())
        return {value.name: value for value in found if isinstance(value, ParameterValue)}

    @property
    def asks_for_start(self) -> bool:
        """Whether something is named after when the execution started."""
        return any(isinstance(value, Started) for work in self.steps.values() for value in work.values())

    def _draft(self, step: Step) -> _Draft | None:
        if step.type == "Condition":
            return _Draft(step, decision=self._decisions[step.name])
        if step.type == "Fail":
            message = self._values.compiled(step.arguments.get("ErrorMessage", ""), step.name)
            return _Draft(step, message=message)
        refused = refusal_of(step, self._settings)
        if refused is not None:
            self._refused.append(refused)
            return None
        task = task_of(step, self._names, self._settings, ())
        return _Draft(step, task=task, templates=[self._values.compiled(task.request, step.name)])

    def _settle(self, drafts: Mapping[str, _Draft]) -> dict[Produced, Any]:
        """Make every task keep what others read of it; what its own request says already is told instead."""
        aliases: dict[Produced, Any] = {}
        needed: dict[str, dict[Path, None]] = {}
        pending: list[Any] = [draft.everything() for draft in drafts.values()]
        while pending:
            asked: dict[str, None] = {}
            for value in dynamics(pending):
                if isinstance(value, Produced) and value.step in drafts and drafts[value.step].task is not None:
                    paths = needed.setdefault(value.step, {})
                    if value.path not in paths and value.path != (JOB_NAME,):
                        paths[value.path] = None
                        asked[value.step] = None
            pending = []
            for name in asked:
                pending.extend(self._keep(drafts[name], [*needed[name]], aliases))
        return aliases

    def _keep(self, draft: _Draft, paths: Sequence[Path], aliases: dict[Produced, Any]) -> list[Any]:
        """A task again, now that it is known what is read of it; the templates that are new with it."""
        name = draft.step.name
        draft.task = task = task_of(draft.step, self._names, self._settings, paths)
        draft.templates = [draft.templates[0], *(self._values.compiled(one.request, name) for one in task.after)]
        new = draft.templates[1:]
        for path, value in task.values.items():
            if isinstance(value, Problem):
                if value not in self._refused:
                    self._refused.append(value)
            elif isinstance(value, Written):
                aliases[Produced(name, path)] = alias = self._values.compiled(value.value, name)
                new.append(alias)
        return new


class _Draft:
    """A step's work while it is being found out."""

    def __init__(
        self,
        step: Step,
        task: Task | None = None,
        templates: Sequence[Any] = (),
        decision: Decision | None = None,
        message: Any = None,
    ) -> None:
        self.step = step
        self.task = task
        self.templates = list(templates)
        self.decision = decision
        self.message = message

    def everything(self) -> list[Any]:
        """All that may hold something found at run time."""
        tests = [self.decision.fails, self.decision.holds, *self.decision.computed] if self.decision else []
        return [*self.templates, self.message, *tests]

    def resolve(self, aliases: Mapping[Produced, Any]) -> None:
        """Put what they stand for in the place of all aliases."""
        self.templates = [_resolved(template, aliases) for template in self.templates]
        self.message = _resolved(self.message, aliases)
        if self.decision is not None:
            fails, holds = (_resolved(rule, aliases) for rule in (self.decision.fails, self.decision.holds))
            computed = tuple(_resolved([*self.decision.computed], aliases))
            self.decision = replace(self.decision, holds=holds, fails=fails, computed=computed)

    def work(self, name: JobName | None, *, named_before: bool) -> Work:
        made = _made_name(name) if name else None
        templates = self.templates
        if made is not None and not named_before:
            own = Produced(self.step.name, (JOB_NAME,))
            templates = [_resolved(template, {own: made}) for template in templates]
        return Work(
            self.task, templates, self.decision, self.message, made if named_before else None, _comment(self.step)
        )


def _named_before(drafts: Mapping[str, _Draft]) -> frozenset[str]:
    """The steps whose job's name is asked for more than once, so that it has to be found out beforehand."""
    count: dict[str, int] = {}
    for draft in drafts.values():
        for value in dynamics(draft.everything()):
            if isinstance(value, Produced) and value.path == (JOB_NAME,):
                count[value.step] = count.get(value.step, 0) + 1
    return frozenset(name for name, found in count.items() if found > 1)


def _made_name(name: JobName) -> Joined:
    return Joined((f"{name.base}-", Started(), "-", Unique(name.short)))


def _comment(step: Step) -> str:
    said = [step.envelope.get(member) for member in ("DisplayName", "Description")]
    return ": ".join(text for text in said if isinstance(text, str) and text)


def _resolved(template: Any, aliases: Mapping[Produced, Any]) -> Any:
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
