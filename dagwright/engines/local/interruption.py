"""Interruptions of Spot training, as the command line asks for them: `run --interrupt STEP`.

On AWS they come when EC2 takes its instances back. Here a job is interrupted once it has written a further checkpoint
file: all its hosts are ended as by Spot, its checkpoints are kept, and the same job starts again on hosts that hold
nothing but its inputs and those checkpoints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.engines.local.request import member
from dagwright.engines.local.scope import RunScope, evaluate_known
from dagwright.errors import DagwrightError, Problem, did_you_mean

LOOK_SECONDS = 0.02
"""How often a job that is to be interrupted is looked at."""


@dataclass
class Interruption:
    """What one step's jobs are still to meet. `say` tells whoever watches the run."""

    step: str
    wanted: int
    say: Callable[[str], None]
    happened: int = 0

    @property
    def is_due(self) -> bool:
        """Whether a job of the step is to be interrupted as soon as it can be."""
        return self.happened < self.wanted

    def goes_on(self, logs: Sequence[Path], files: int) -> None:
        """A job has been interrupted, and starts again from so many checkpoint files: said, and written to its logs."""
        self.happened += 1
        line = f"interrupted, goes on from {files} checkpoint file{'' if files == 1 else 's'}"
        self.say(f"{self.step} {line}")
        for log in logs:
            with open(log, "ab+") as file:
                file.seek(max(0, file.seek(0, 2) - 1))
                broken = file.read(1) not in (b"", b"\n")
                file.write((b"\n" if broken else b"") + f"---- {line} ----\n".encode())

    def notes(self) -> list[str]:
        """What is to be said if the step's job has ended and was not interrupted as often as was asked for."""
        if not self.is_due:
            return []
        times = f"was interrupted {self.happened} of {self.wanted} times" if self.happened else "was not interrupted"
        return [f"{times}: it ended before it had been seen to write a further checkpoint file"]


@dataclass(frozen=True)
class Interruptions:
    """Those of one run: the names of steps, one of them several times for several interruptions."""

    steps: Sequence[str]
    say: Callable[[str], None]
    _of_step: dict[str, Interruption] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step, times in Counter(self.steps).items():
            self._of_step[step] = Interruption(step, times, self.say)

    def of(self, step: str) -> Interruption | None:
        """What the jobs of a step are to meet, if anything; also those of its further attempts."""
        return self._of_step.get(step)

    def unmet(self, ran: Container[str]) -> list[str]:
        """What is to be said of the steps that have not run at all."""
        return [f"{step}: was not interrupted: it did not run" for step in self._of_step if step not in ran]

    def problems(self, graph: Graph, scope: RunScope) -> Iterator[Problem]:
        """Why a step that is named cannot be interrupted, and what it would take."""
        for name in self._of_step:
            step = graph.steps.get(name)
            if step is None:
                hint = did_you_mean(name, [each.name for each in graph.steps.values() if each.type == "Training"])
                yield Problem("cannot-interrupt", f"--interrupt {name}: there is no such step", hint)
            elif step.type != "Training":
                what = f"it is a {step.type} step, and only Spot training is interrupted"
                yield Problem("cannot-interrupt", what, "leave --interrupt out", step=name)
            else:
                yield from _missing(name, step.arguments, scope)


def _missing(name: str, arguments: Mapping[str, Any], scope: RunScope) -> Iterator[Problem]:
    try:
        request = evaluate_known(arguments, scope)
        spot = member(request, "EnableManagedSpotTraining", bool, False)
        checkpoints = member(request, "CheckpointConfig", dict)
    except DagwrightError:
        return  # said of the step anyway, whether it is to be interrupted or not
    if not spot:
        hint = "add use_spot_instances=True and max_wait_in_seconds= to the step"
        what = "it does not train on Spot instances, so nothing interrupts it"
        yield Problem("cannot-interrupt", what, hint, step=name, field="EnableManagedSpotTraining")
    if checkpoints is None:
        hint = "add checkpoint_s3_uri= to the step, and let its script go on from /opt/ml/checkpoints"
        what = "it keeps no checkpoints, so it would begin anew after an interruption"
        yield Problem("cannot-interrupt", what, hint, step=name, field="CheckpointConfig")
