"""The compiler: a graph goes in, a state machine in Amazon States Language goes out, with all that does not carry over.

The query language is JSONPath with variables. Pure: no network, no clock; the same graph and settings give the same
text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from dagwright.definition.expression import unrolled
from dagwright.definition.graph import Graph
from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.compiler.emission import Emission
from dagwright.engines.stepfunctions.compiler.flow import Flow, flow_of
from dagwright.engines.stepfunctions.compiler.machine_losses import added_waiting, late_ends, long_history
from dagwright.engines.stepfunctions.compiler.names import FAILED_STATE, SUCCEEDED_STATE, StateNames
from dagwright.engines.stepfunctions.compiler.opening import opening
from dagwright.engines.stepfunctions.compiler.requirements import Requirements
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.states import State, States
from dagwright.engines.stepfunctions.compiler.step_states import StepWriter
from dagwright.engines.stepfunctions.compiler.structure import structure
from dagwright.engines.stepfunctions.compiler.variables import FAILURES, Variables
from dagwright.engines.stepfunctions.compiler.work import Workload
from dagwright.errors import DefinitionError, Problem
from dagwright.shapes import model

# These take no time: nothing waits for them longer than for whoever they wait for.
_INSTANT = ("Condition", "Fail")
# Far deeper than anybody draws. Whatever reads the text of a machine has a limit: Python's own JSON module is at its
# end at 250 of these.
_DEEPEST = 100
# What SageMaker takes as a step's name (the published schema of definitions).
_STEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Machine:
    """A state machine: its definition, and what the pipeline does on SageMaker and the machine does not."""

    definition: Mapping[str, Any]
    losses: tuple[Loss, ...]

    @cached_property
    def text(self) -> str:
        """The definition as it is printed and deployed: indented, if it is not too large for that."""
        text = json.dumps(self.definition, indent=2, ensure_ascii=False)
        return (text if len(text) < _most_characters() else self.compact) + "\n"

    @cached_property
    def compact(self) -> str:
        """The definition without blanks and line breaks."""
        return json.dumps(self.definition, separators=(",", ":"), ensure_ascii=False)


def compile_machine(graph: Graph, settings: MachineSettings) -> Machine:
    """The state machine that does what a pipeline does.

    Raises DefinitionError with every step and expression that no machine can carry.
    """
    _raise_for(_name_problems(graph))
    workload = Workload(graph, settings)
    known = [name for name in settings.known if name in graph.steps]
    requirements = Requirements(graph, known, workload.settled, [*filter(settings.runs, graph.steps)])
    workload.read(requirements.live)
    _raise_for(workload.problems)
    live = frozenset(requirements.live)
    _raise_for(_missing_results(graph, live, settings))
    order = {name: [one for one in graph.predecessors[name] if one in live] for name in graph.steps if name in live}
    durations = _durations(graph, settings)
    tree = structure(order, durations)
    flow = flow_of(tree, requirements, workload.undecided & live)
    _raise_for(_depth_problems(flow))
    variables = Variables(flow, [(value, flow.scopes[step]) for step, value in workload.reads()])
    variables.hold_lists(workload.lists())
    names = StateNames()
    states = States()
    writer = StepWriter(workload.steps, variables, names, settings.partition)
    emission = Emission(writer, variables, names)
    first = unrolled(emission.outermost(flow.scope, states))
    start = opening(graph, workload, variables, states, emission.unset(flow.scope), first)
    _add_ends(states)
    definition = {
        "Comment": _comment(graph, settings),
        "StartAt": start,
        "States": states.in_order(start),
    }
    losses = [*workload.losses, *added_waiting(tree, order, durations), *late_ends(writer.failing_beside)]
    machine = Machine(definition, (*losses, *long_history(definition)))
    _raise_for(_size_problems(machine))
    return machine


def _durations(graph: Graph, settings: MachineSettings) -> dict[str, float]:
    usual = {name: 0.0 for name, step in graph.steps.items() if step.type in _INSTANT}
    return {**usual, **settings.durations}


def _add_ends(states: States) -> None:
    states.add(SUCCEEDED_STATE, {"Type": "Succeed", "OutputPath": None})
    failed: State = {"Type": "Fail", "ErrorPath": f"${FAILURES}[0].Step", "CausePath": f"${FAILURES}[0].Cause"}
    states.add(FAILED_STATE, failed)


def _comment(graph: Graph, settings: MachineSettings) -> str:
    """Names what the machine is made of: by its address, which ends in its hash, or by a hash of what was read."""
    source = settings.source
    if not source:
        written = json.dumps(graph.definition, sort_keys=True).encode()
        source = f"pipeline definition {sha256(written).hexdigest()}"
    commit = [f"commit {settings.commit}"] if settings.commit else []
    return ", ".join([settings.name, *commit, source])


def _raise_for(problems: Sequence[Problem]) -> None:
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DefinitionError(f"the pipeline does not make a state machine: {count}", problems)


def _name_problems(graph: Graph) -> list[Problem]:
    """States are named after steps, and told from others by what no step's name holds."""
    hint = "use 1 to 64 letters, digits, - and _"
    return [
        Problem("bad-name", f"a step cannot be named {name!r:.80}", hint, step=name)
        for name in graph.steps
        if not _STEP_NAME.fullmatch(name)
    ]


def _missing_results(graph: Graph, live: frozenset[str], settings: MachineSettings) -> list[Problem]:
    """What steps need of others that are neither in the machine nor known."""
    there = {name for name in graph.steps if name in settings.known or settings.runs(name)}
    missing = {source: name for name in live for source in graph.predecessors[name] if source not in there}
    hint = "choose that step too, or give its result"
    return [
        Problem("missing-result", f"'{missing[source]}' waits for it, and it is left out", hint, step=source)
        for source in graph.steps
        if source in missing
    ]


def _depth_problems(flow: Flow) -> list[Problem]:
    depth = max((scope.depth for scope in flow.scopes.values()), default=0)
    if depth <= _DEEPEST:
        return []
    what = f"steps side by side are nested {depth} deep, and no more than {_DEEPEST} are compiled"
    return [Problem("nested-too-deeply", what, "let one of the steps on the way wait for more of the others")]


def _most_characters() -> int:
    return int(model("stepfunctions")["Definition"]["max"])


def _size_problems(machine: Machine) -> list[Problem]:
    size, most = len(machine.compact) + 1, _most_characters()
    if size <= most:
        return []
    what = f"the machine has {size} characters; Step Functions takes {most}"
    return [Problem("machine-too-large", what, "divide the pipeline into several")]
