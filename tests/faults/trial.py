"""One fault and what comes of it: a fresh project, a run, the fault, one more command, the run resumed to its end.

What comes in: a pipeline and a `Trial`. What goes out: a `Verdict`: the flaws, and the numbers.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import evidence
from faults.commands import Done, Fault, Knock, Project
from faults.example import INPUT, LARGE_BYTES, example, outputs_together, random_example
from faults.invariants import Reference, after_a_command, after_the_end, execution_of, metrics_of
from faults.power import LOSSES

UNREACHED, NOTHING, ENDED, RESUMED = "not reached", "nothing had begun", "it had ended", "resumed"
VICTIMS = ("job", "supervisor", "launcher", "run")
_RUN = ("run", "--file", "example.json")
_BUG = "This is a bug of dagwright"
_STOPPED = {signal.SIGTERM: (0, 3, -signal.SIGTERM), signal.SIGINT: (0, 1, 3, -signal.SIGINT)}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that is tried: the example, or a random one by its seed."""

    seed: int | None = None
    parallel: int = 1

    def definition(self, door: str) -> Any:
        """With jobs that knock at this door."""
        return example(door) if self.seed is None else random_example(door, self.seed)


@dataclass(frozen=True)
class Trial:
    """A fault. `point` is where the run is hit by `signal`, unless a `victim` is killed at a `knock`; `loss` is what
    the disk has lost then; `again` are the points, by number, at which the commands that follow are killed in turn."""

    pipeline: Pipeline
    kind: str
    point: str = ""
    signal: int = signal.SIGKILL
    loss: str = ""
    knock: tuple[str, str] = ("", "")
    victim: str = ""
    again: tuple[int, ...] = ()

    def __str__(self) -> str:
        at = self.point or f"{self.victim} of {' at '.join(self.knock)}"
        return f"{self.kind}: {at}{f' {self.loss}' if self.loss else ''}{f', again {self.again}' if self.again else ''}"


@dataclass
class Verdict:
    """What came of it. `kept` are the steps that had succeeded before; `interrupted` the jobs that had begun and began
    again, as nothing says that they had ended."""

    trial: Trial
    outcome: str
    flaws: list[str] = field(default_factory=list)
    kept: int = 0
    interrupted: int = 0


def reference_of(pipeline: Pipeline, folder: Path) -> tuple[Reference, list[str]]:
    """What an undisturbed run leaves, and the points it comes to. Raises RuntimeError if it fails."""
    with _project(pipeline, folder) as project:
        given = evidence.objects(project.home)
        done = project.command(*_RUN, fault=Fault())
        if done.code != 0:
            raise RuntimeError(f"the undisturbed run failed: {done.text}")
        execution = execution_of(project.home)
        objects = evidence.objects(project.home, execution)
        together = outputs_together(pipeline.definition("")).items()
        jobs = {step: tuple(name for name in objects if name.startswith(places)) for step, places in together}
        reference = Reference(
            given=given,
            objects=objects,
            others=evidence.others(project.home, execution),
            packages=len(evidence.rows(project.home, "SELECT arn FROM model_packages")),
            metrics=metrics_of(project.home),
            jobs=jobs,
        )
        return reference, done.points


def points_of_settling(pipeline: Pipeline, folder: Path, point: str) -> int:
    """How many points the command comes to that follows a kill at `point`."""
    with _project(pipeline, folder) as project:
        project.command(*_RUN, fault=Fault(point))
        return len(project.command("status", fault=Fault()).points)


def verdict_of(trial: Trial, reference: Reference, folder: Path) -> Verdict:
    """Try it, in a new project at `folder`."""
    with _project(trial.pipeline, folder) as project:
        verdict = Verdict(trial, RESUMED)
        if trial.victim:
            project.knocked = lambda knock, command: _strike(trial, knock, command)
        done = project.command(*_RUN, fault=Fault(trial.point, signal=trial.signal))
        project.knocked = lambda knock, command: True
        if trial.point and trial.point not in done.points:
            verdict.outcome = UNREACHED
            return verdict
        if trial.loss:
            LOSSES[trial.loss].strike(project, done)
        verdict.flaws += _flaws_of_ending(trial, done)
        for turn, number in enumerate(trial.again):
            words = ("status",) if trial.kind == "settling" or not turn % 2 else _way_on(project)
            project.command(*words, fault=Fault(number=number), seed=10 + turn)
        _see_to_the_end(project, reference, verdict)
        return verdict


def _see_to_the_end(project: Project, reference: Reference, verdict: Verdict) -> None:
    before = {step for step, status in evidence.steps(project.home).items() if status == "Succeeded"}
    status = project.command("status", seed=1)
    verdict.flaws += after_a_command(project, reference, status)
    logged, ended = evidence.begun(project.home), _has_succeeded(project)
    if ended:
        verdict.outcome, done = ENDED, status
    else:
        verdict.outcome = RESUMED if execution_of(project.home) else NOTHING
        done = project.command(*_way_on(project), seed=2)
    verdict.flaws += after_the_end(project, reference, done, before, logged)
    verdict.flaws += after_a_command(project, reference, done)
    again: Counter[str] = evidence.begun(project.home) - logged
    verdict.kept, verdict.interrupted = len(before), sum(again[step] for step in again if logged[step])


def _way_on(project: Project) -> tuple[str, ...]:
    execution = execution_of(project.home)
    return ("run", "--resume", execution) if execution and not _has_succeeded(project) else _RUN


def _has_succeeded(project: Project) -> bool:
    return bool(evidence.rows(project.home, "SELECT id FROM executions WHERE status = 'Succeeded'"))


def _flaws_of_ending(trial: Trial, done: Done) -> list[str]:
    """A command that was stopped, or whose jobs were killed, says so; it does not break."""
    flaws = [f"it broke: {done.text}"] if _BUG in done.text or "Traceback" in done.text else []
    if trial.point and trial.signal in _STOPPED and done.code not in _STOPPED[trial.signal]:
        flaws.append(f"it ended with {done.code}: {done.text}")
    if trial.victim in ("job", "supervisor") and done.code != 3:
        flaws.append(f"it ended with {done.code} though a {trial.victim} was killed: {done.text}")
    return flaws


def _strike(trial: Trial, knock: Knock, command: int) -> bool:
    """Kill the victim if it is the moment; whether the job may go on."""
    if (knock.step, knock.moment) != trial.knock:
        return True
    supervisor = _parent(knock.process)
    victims = {"job": knock.process, "supervisor": supervisor, "launcher": _parent(supervisor), "run": command}
    os.kill(victims[trial.victim], signal.SIGKILL)
    return trial.victim == "launcher"  # which nothing that runs already needs


def _parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])


@contextmanager
def _project(pipeline: Pipeline, folder: Path) -> Iterator[Project]:
    shutil.rmtree(folder, ignore_errors=True)
    project = Project(folder, pipeline.parallel)
    try:
        project.write(pipeline.definition(project.door))
        project.put(INPUT, "1,2,3\n" * (LARGE_BYTES // 6))
        yield project
    finally:
        project.close()
        shutil.rmtree(folder, ignore_errors=True)


# ---- which faults there are ----


def kills(pipeline: Pipeline, points: list[str], loss: str = "") -> list[Trial]:
    """SIGKILL at each point, and what the disk loses besides."""
    kind = f"power {loss}" if loss else "kill"
    kind += f", {pipeline.parallel} jobs" if pipeline.parallel > 1 else ""
    return [Trial(pipeline, kind, point, loss=loss) for point in points]


def stops(pipeline: Pipeline, points: list[str], number: signal.Signals) -> list[Trial]:
    """A signal that asks to stop, at each point."""
    return [Trial(pipeline, number.name, point, signal=number) for point in points]


def knocks(pipeline: Pipeline) -> list[Trial]:
    """Each of the processes of a run killed at each moment of each job."""
    moments = [(step, moment) for step in ("Prepare", "Side", "Train") for moment in ("start", "middle", "end")]
    return [Trial(pipeline, f"kill {victim}", knock=knock, victim=victim) for victim in VICTIMS for knock in moments]


def settlings(pipeline: Pipeline, point: str, count: int) -> list[Trial]:
    """A kill at one point, and of the command that cleans up at each of its points."""
    return [Trial(pipeline, "settling", point, again=(number,)) for number in range(1, count + 1)]


def random_trial(pipeline: Pipeline, points: list[str], dice: random.Random) -> Trial:
    """Any point, any loss, and up to four commands after it that are killed as well."""
    again = tuple(dice.randint(1, len(points)) for _ in range(dice.choice((0, 0, 1, 2, 4))))
    loss = dice.choice(("", "", *LOSSES))
    return Trial(pipeline, "random", dice.choice(points), loss=loss, again=again)
