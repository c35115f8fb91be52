"""From nodes to states: a flow and the states of its steps go in, the states of the machine go out.

Control is written from its end to its beginning: what comes next has its name before what leads to it. States are
then put in the order in which control reaches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagwright.definition.expression import Computation
from dagwright.engines.stepfunctions.compiler.dynamic import Produced
from dagwright.engines.stepfunctions.compiler.flow import (
    OUTCOME,
    Barrier,
    Choose,
    Decide,
    Fork,
    Guard,
    Node,
    Row,
    Run,
    Scope,
)
from dagwright.engines.stepfunctions.compiler.names import FAILED_STATE, SUCCEEDED_STATE, StateNames
from dagwright.engines.stepfunctions.compiler.states import State, States
from dagwright.engines.stepfunctions.compiler.step_states import StepWriter
from dagwright.engines.stepfunctions.compiler.variables import FAILURES, Variables, at_depth


@dataclass(frozen=True)
class Ways:
    """Where control goes: on, past what waits for something that does not run, or out after a failure."""

    on: str
    past: str
    out: str


class Emission:
    """Writes one flow."""

    def __init__(self, steps: StepWriter, variables: Variables, names: StateNames) -> None:
        self._steps = steps
        self._variables = variables
        self._names = names
        self._states: dict[Scope, States] = {}

    def outermost(self, scope: Scope, states: States) -> Computation:
        """The states of the whole between its first and its last; the name of the first of them."""
        self._states[scope] = states
        start = SUCCEEDED_STATE
        if scope.body is not None:
            ways = Ways(SUCCEEDED_STATE, SUCCEEDED_STATE, FAILED_STATE)
            start = yield self._node(scope.body, ways)
        return start

    def unset(self, scope: Scope) -> dict[str, None]:
        """The variables that have to be there before a step may have set them."""
        found: dict[str, None] = {}
        if scope.records_failures or (scope.parent and scope.after_barrier):
            found[at_depth(FAILURES, scope)] = None
        if scope.has_ways_around or scope.after_barrier:
            for value in self._variables.read_in_doubt(scope):
                found[self._variables.name(value, scope)] = None
        return found

    # ---- nodes ----

    def _node(self, node: Node, ways: Ways) -> Computation:
        if isinstance(node, Run):
            return self._steps.run(node.step, node.scope, self._states[node.scope], ways.on, ways.out)
        if isinstance(node, Row):
            on = ways.on
            for child in reversed(node.children):
                on = yield self._node(child, Ways(on, ways.past, ways.out))
            return on
        if isinstance(node, Barrier):
            return (yield self._barrier(node, ways))
        if isinstance(node, Fork):
            return (yield self._fork(node, ways))
        if isinstance(node, Guard):
            return (yield self._guard(node, ways))
        return (yield self._branches(node, ways))

    def _branches(self, node: Decide | Choose, ways: Ways) -> Computation:
        if_true = (yield self._node(node.if_true, ways)) if node.if_true else ways.past
        if_false = (yield self._node(node.if_false, ways)) if node.if_false else ways.past
        states = self._states[node.scope]
        if isinstance(node, Decide):
            return self._steps.decide(node.step, node.scope, states, (if_true, if_false), ways.out)
        test = {"Variable": self._spell(Produced(node.step, OUTCOME), node.scope)}
        rules = [
            {**test, "BooleanEquals": True, "Next": if_true},
            {**test, "BooleanEquals": False, "Next": if_false},
        ]
        name = self._names.control(f"which branch of {node.step}")
        return states.add(name, {"Type": "Choice", "Choices": rules, "Default": ways.past})

    def _guard(self, node: Guard, ways: Ways) -> Computation:
        body = yield self._node(node.body, ways)
        tests = [{"Variable": self._spell(value, node.scope), "BooleanEquals": wanted} for value, wanted in node.wanted]
        rule = {"And": tests} if len(tests) > 1 else tests[0]
        title = next(_steps_in(node.body))
        name = self._names.control(f"may {title} run")
        choice = {"Type": "Choice", "Choices": [{**rule, "Next": body}], "Default": ways.past}
        return self._states[node.scope].add(name, choice)

    def _barrier(self, node: Barrier, ways: Ways) -> Computation:
        states = self._states[node.scope]
        end = ways.on
        if ways.on != ways.out:
            title = next(_steps_in(node))
            end = self._names.control(f"after {title}")
            failed = {"Variable": f"${at_depth(FAILURES, node.scope)}", "IsNull": False, "Next": ways.out}
            states.add(end, {"Type": "Choice", "Choices": [failed], "Default": ways.on})
        on = yield self._node(node.children[-1], Ways(end, end, ways.out))
        for child in reversed(node.children[:-1]):
            on = yield self._node(child, Ways(on, on, on))
        return on

    # ---- side by side ----

    def _fork(self, node: Fork, ways: Ways) -> Computation:
        first = [next(_steps_in(branch.body)) for branch in node.branches]
        title = self._names.side_by_side(first)
        branches = []
        for branch, name in zip(node.branches, first, strict=True):
            branches.append((yield self._branch(branch, name)))
        states = self._states[node.scope]
        joined = self._names.control(f"{title} joined")
        states.add(joined, self._joined(node, ways))
        return states.add(title, {"Type": "Parallel", "Branches": branches, "Next": joined})

    def _branch(self, scope: Scope, title: str) -> Computation:
        states = self._states[scope] = States()
        done, failed = self._names.control(f"end of {title}"), self._names.control(f"end of {title} (failed)")
        given = {
            f"{self._variables.key(value)}.$": f"${self._variables.name(value, scope)}"
            for value in self._variables.exports(scope)
        }
        states.add(done, {"Type": "Pass", "Parameters": given, "End": True})
        failures = {f"{FAILURES}.$": f"${at_depth(FAILURES, scope)}"}
        states.add(
            failed, {"Type": "Pass", "Parameters": {**failures, **(given if scope.after_barrier else {})}, "End": True}
        )
        start = yield self._node(scope.body, Ways(done, done, failed)) if scope.body else done
        unset = self.unset(scope)
        if unset:
            begin = self._names.control(f"begin {title}")
            start = states.add(begin, {"Type": "Pass", "Assign": unset, "Next": start})
        return {"StartAt": start, "States": states.in_order(start)}

    def _joined(self, node: Fork, ways: Ways) -> State:
        """What becomes of a Parallel state whose branches have all come to their ends, well or not."""
        any_failed = [{"Variable": f"$[{index}].{FAILURES}", "IsPresent": True} for index in range(len(node.branches))]
        handed = {}
        for index, branch in enumerate(node.branches):
            for value in self._variables.exports(branch):
                name = self._variables.name(value, node.scope)
                handed[f"{name}.$"] = f"$[{index}].{self._variables.key(value)}"
        noted = {f"{at_depth(FAILURES, node.scope)}.$": f"$[*].{FAILURES}[*]", **(handed if node.goes_on else {})}
        rule = {"Or": any_failed, "Assign": noted, "Next": ways.out}
        choice: State = {"Type": "Choice", "Choices": [rule], "Default": ways.on}
        if handed:
            choice["Assign"] = handed
        return choice

    def _spell(self, value: Produced, scope: Scope) -> str:
        return f"${self._variables.seen_from(value, scope)}"


def _steps_in(node: Node | None) -> Iterator[str]:
    """The steps of a node in their order."""
    pending = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, Run):
            yield here.step
        elif isinstance(here, (Row, Barrier)):
            pending.extend(reversed(here.children))
        elif isinstance(here, Fork):
            pending.extend(branch.body for branch in reversed(here.branches))
        elif isinstance(here, Guard):
            pending.append(here.body)
        elif isinstance(here, (Decide, Choose)):
            pending.extend((here.if_false, here.if_true))
            if isinstance(here, Decide):
                yield here.step
