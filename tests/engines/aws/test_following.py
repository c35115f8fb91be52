"""Following: when it is looked, what is told, and what does not end it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.aws.clients import aws_errors
from dagwright.engines.aws.following import PATIENCE_SECONDS, Clock, Pace, Watch, follow, passes, waiting_in
from dagwright.engines.execution import Execution, StepRun
from dagwright.errors import AWSError, ExecutionError


class Hands:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []
        self.clock = Clock(now=lambda: self.seconds, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


class Witness:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None:
        self.told.append(f"started {' '.join(waiting)}")

    def changed(self, step: StepRun) -> None:
        self.told.append(f"{step.name} {step.status} {step.attempts}")

    def skipped(self, names: tuple[str, ...], why: str) -> None:
        self.told.append(f"skipped {' '.join(names)}: {why}")

    def noted(self, line: str) -> None:
        self.told.append(f"noted {line}")

    def ended(self, execution: Execution) -> None:
        self.told.append(f"ended {execution.status}")


def seen(status: str, *steps: StepRun, ended: str = "") -> Execution:
    over = "2026-11-21T12:02:00.000Z" if status in ("Succeeded", "Failed", "Stopped", "CompletedWithFailures") else ""
    return Execution("x", "p", {}, status, ended=ended or over, arn="a", steps={step.name: step for step in steps})


def run(name: str, status: str, **members: Any) -> StepRun:
    return StepRun(name, "", status, ended="e" if status in ("Succeeded", "Failed") else "", **members)


def graph_of(*names: str) -> Graph:
    steps = [{"Name": name, "Type": "Processing", "Arguments": {}} for name in names]
    return read_definition(json.dumps({"Version": "2020-12-01", "Steps": steps}))


def refusal(code: str, status: int = 400) -> AWSError:
    return raised_by(ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Describe"))  # type: ignore[typeddict-item]


def raised_by(error: Exception) -> AWSError:
    try:
        with aws_errors("It cannot be read"):
            raise error
    except AWSError as found:
        return found


def looks(*answers: Execution | AWSError) -> Callable[[], Execution]:
    """A look at a time; the last answer stays."""
    left: Iterator[Execution | AWSError] = iter(answers)
    last = answers[-1]

    def look() -> Execution:
        found = next(left, last)
        if isinstance(found, AWSError):
            raise found
        return found

    return look


def test_only_what_has_changed_is_told() -> None:
    states = [
        seen("Executing"),
        seen("Executing", run("A", "Executing", job="j")),
        seen("Executing", run("A", "Executing", job="j")),
        seen("Executing", run("A", "Executing", job="k", attempts=2)),
        seen("Executing", run("A", "Succeeded", job="k", attempts=2), run("B", "Starting")),
        seen("Succeeded", run("A", "Succeeded", job="k", attempts=2), run("B", "Succeeded")),
    ]
    witness, hands = Witness(), Hands()
    last = follow(seen("Executing"), Watch(looks(*states), witness, hands.clock), graph_of("A", "B"), witness)
    assert last.status == "Succeeded"
    assert witness.told == [
        "started A B",
        "A Executing 1",
        "A Executing 2",
        "A Succeeded 2",
        "B Starting 1",
        "B Succeeded 1",
        "ended Succeeded",
    ]


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped", "CompletedWithFailures"])
def test_every_last_state_ends_it_without_another_look(status: str) -> None:
    witness, hands = Witness(), Hands()
    last = follow(seen("Executing"), Watch(looks(seen(status)), witness, hands.clock), graph_of(), witness)
    assert (last.status, hands.waits) == (status, [])


def test_the_untaken_branch_and_what_waits_for_it_are_said_not_to_run() -> None:
    branch = [
        {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": needs}
        for name, needs in (("Yes", []), ("Then", ["Yes"]))
    ]
    no = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    condition = {
        "Name": "If",
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": branch, "ElseSteps": [no]},
    }
    graph = read_definition(json.dumps({"Version": "2020-12-01", "Steps": [condition]}))
    decided = run("If", "Succeeded", metadata={"Condition": {"Outcome": "False"}})
    witness, hands = Witness(), Hands()
    follow(seen("Executing"), Watch(looks(seen("Succeeded", decided)), witness, hands.clock), graph, witness)
    assert "skipped Yes Then: 'If' took the other branch" in witness.told
    decided.metadata = {"Condition": {"Outcome": "True"}}
    follow(seen("Executing"), Watch(looks(seen("Succeeded", decided)), witness, hands.clock), graph, witness)
    assert "skipped No: 'If' took the other branch" in witness.told


def test_of_a_part_only_the_chosen_steps_are_waited_for() -> None:
    steps = [
        {"Name": "A", "Type": "Processing", "Arguments": {}},
        {"Name": "B", "Type": "Processing", "Arguments": {}, "DependsOn": ["A"]},
        {"Name": "C", "Type": "Processing", "Arguments": {}, "DependsOn": ["B"]},
    ]
    graph = read_definition(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    execution = seen("Executing")
    execution.more = {"SelectiveExecutionConfig": {"SelectedSteps": [{"StepName": "B"}, {"StepName": "C"}]}}
    assert waiting_in(graph, execution) == {"B": (), "C": ("B",)}
    assert list(waiting_in(graph, seen("Executing"))) == ["A", "B", "C"]


def test_that_it_is_stopping_is_said_once() -> None:
    states = [seen("Stopping"), seen("Stopping"), seen("Stopped")]
    witness, hands = Witness(), Hands()
    follow(seen("Executing"), Watch(looks(*states), witness, hands.clock), graph_of(), witness)
    assert [line for line in witness.told if "stopping" in line] == ["noted stopping: running jobs are asked to end"]


def test_it_looks_less_often_while_nothing_happens() -> None:
    pace = Pace()
    quiet = [pace.after(changed=False) for _ in range(10)]
    assert quiet == sorted(quiet)
    assert (quiet[0], quiet[-1]) == (1.0, 20.0)
    assert pace.after(changed=True) == 1.0
    assert pace.after(changed=False) == 1.5


def test_throttling_in_the_middle_is_said_and_lived_through() -> None:
    answers = [seen("Executing"), refusal("ThrottlingException"), refusal("ThrottlingException"), seen("Succeeded")]
    witness, hands = Witness(), Hands()
    last = follow(seen("Executing"), Watch(looks(*answers), witness, hands.clock), graph_of(), witness)
    assert last.status == "Succeeded"
    (note,) = [line for line in witness.told if line.startswith("noted")]
    assert "asked again for 10 min" in note
    assert "ThrottlingException" in note


def test_what_does_not_pass_for_minutes_ends_the_following() -> None:
    witness, hands = Witness(), Hands()
    watch = Watch(looks(seen("Executing"), refusal("InternalFailure", 500)), witness, hands.clock)
    with pytest.raises(AWSError, match="InternalFailure"):
        follow(seen("Executing"), watch, graph_of(), witness)
    assert PATIENCE_SECONDS <= hands.seconds < PATIENCE_SECONDS + 60


def test_what_does_not_pass_by_itself_ends_the_following_at_once() -> None:
    witness, hands = Witness(), Hands()
    watch = Watch(looks(seen("Executing"), refusal("ExpiredTokenException")), witness, hands.clock)
    with pytest.raises(AWSError, match="ExpiredTokenException"):
        follow(seen("Executing"), watch, graph_of(), witness)
    assert hands.seconds < 5


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (refusal("ThrottlingException"), True),
        (refusal("TooManyRequestsException"), True),
        (refusal("SlowDown", 503), True),
        (refusal("InternalFailure", 500), True),
        (raised_by(EndpointConnectionError(endpoint_url="http://nowhere")), True),
        (refusal("AccessDeniedException"), False),
        (refusal("ExpiredToken", 403), False),
        (raised_by(NoCredentialsError()), False),
    ],
)
def test_what_may_pass(error: AWSError, may_pass: bool) -> None:
    assert passes(error) is may_pass


def test_a_state_that_is_not_known_is_waited_out_and_then_reported() -> None:
    witness, hands = Witness(), Hands()
    with pytest.raises(ExecutionError, match="'Paused' for 10 min, a state not known here"):
        follow(seen("Executing"), Watch(looks(seen("Paused")), witness, hands.clock), graph_of(), witness)
    assert hands.seconds >= PATIENCE_SECONDS
    assert sum("'Paused' is not known here" in line for line in witness.told) == 1


def test_an_execution_that_leaves_a_state_that_is_not_known_is_followed_on() -> None:
    states = [seen("Paused")] * 20 + [seen("Executing")] * 40 + [seen("Paused")] * 20 + [seen("Succeeded")]
    witness, hands = Witness(), Hands()
    last = follow(seen("Executing"), Watch(looks(*states), witness, hands.clock), graph_of(), witness)
    assert last.status == "Succeeded"
    assert hands.seconds > PATIENCE_SECONDS


def test_how_it_ended_before_it_went_on_does_not_count() -> None:
    old, new = seen("Failed", run("A", "Failed"), ended="before"), seen("Succeeded", run("A", "Succeeded"))
    witness, hands = Witness(), Hands()
    watch = Watch(looks(old, old, seen("Executing"), new), witness, hands.clock, before="before")
    assert follow(seen("Executing"), watch, graph_of("A"), witness).status == "Succeeded"
    assert "A Failed 1" not in witness.told


def test_an_end_that_never_changes_is_believed_at_last() -> None:
    witness, hands = Witness(), Hands()
    watch = Watch(looks(seen("Failed", ended="before")), witness, hands.clock, before="before")
    assert follow(seen("Executing"), watch, graph_of(), witness).status == "Failed"
    assert hands.seconds >= PATIENCE_SECONDS


def test_ctrl_c_gives_back_how_it_was_last_seen() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    witness = Witness()
    watch = Watch(looks(seen("Executing", run("A", "Executing", job="j"))), witness, Clock(lambda: 0.0, interrupt))
    last = follow(seen("Executing"), watch, graph_of("A"), witness)
    assert (last.status, last.ended) == ("Executing", "")
    assert list(last.steps) == ["A"]
    assert witness.told[-1] == "A Executing 1", "it has not ended"
