"""What is measured: each work as a command of ours, a command of bare interpreters that do the same, and its goals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.definition import BURN, NOTHING, diamonds, jobs_in_a_row, readers_in_a_row, two_branches
from bench.machine import wait_until_quiet
from bench.process import Command, Usage, measure, median
from bench.project import write_project

MIB = 1 << 20
BRANCH_LENGTH = 2
PATIENCE_SECONDS = 3.0
_BARE = "pass"
_CHILDREN = """\
import subprocess, sys
for _ in range({count}):
    subprocess.run([sys.executable, "-c", {program!r}], check=True)
"""
_READ = """\
from pathlib import Path
from dagwright.definition.graph import read_definition
read_definition(Path("definition.json").read_text(encoding="utf-8"))
"""
_COMPILE = """\
from pathlib import Path
from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.errors import DefinitionError
graph = read_definition(Path("definition.json").read_text(encoding="utf-8"))
try:
    compile_machine(graph, MachineSettings("bench"))
except DefinitionError as error:  # it is compiled, and found to be larger than Step Functions takes
    assert [problem.code for problem in error.problems] == ["machine-too-large"], error
"""
_PARSE = """\
import json
from pathlib import Path
json.loads(Path("definition.json").read_text(encoding="utf-8"))
"""


@dataclass(frozen=True)
class Goal:
    """At most `limit` of a `figure`: `wall` in seconds, `memory` in MiB, `ratio` of our wall seconds to the floor's."""

    figure: str
    limit: float

    def __str__(self) -> str:
        unit = {"wall": " s", "memory": " MB", "ratio": " x floor"}[self.figure]
        return f"≤ {self.limit:{'.2f' if self.figure != 'memory' else 'g'}}{unit}"


@dataclass(frozen=True)
class Work:
    """One row of the table. `starts_jobs` says that processor seconds do not hold the jobs' own."""

    name: str
    ours: Command
    floor: Command
    goals: tuple[Goal, ...] = ()
    starts_jobs: bool = False


@dataclass(frozen=True)
class Growth:
    """How the cost of a work grows with its size: two works of the table by name, one ten times the other.

    `start` is the same work at a size of next to nothing; `limit` is the most that the whole may grow by.
    """

    name: str
    small: str
    large: str
    start: str
    limit: float | None = None


@dataclass
class Result:
    """The runs of one work, ours and the floor's in turns; the idle share of the cores before each turn."""

    work: Work
    ours: list[Usage] = field(default_factory=list)
    floor: list[Usage] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Our median wall seconds over the floor's."""
        return median(self.ours).wall / median(self.floor).wall

    def value(self, goal: Goal) -> float:
        """The figure that a goal is about, in its unit."""
        usage = median(self.ours)
        return {"wall": usage.wall, "memory": usage.memory / MIB, "ratio": self.ratio}[goal.figure]

    def missed(self) -> list[Goal]:
        return [goal for goal in self.work.goals if self.value(goal) > goal.limit]


GROWTHS = (
    Growth("render 200 -> 2,000 steps", "render 200 steps", "render 2,000 steps", "render 5 steps", 12.0),
    Growth("validate 200 -> 2,000 steps", "validate 200 steps", "validate 2,000 steps", "validate 5 steps", 12.0),
    Growth("compile 200 -> 2,000 steps", "compile 200 steps", "compile 2,000 steps", "compile 1 step", 12.0),
    Growth("read 1,000 -> 10,000 steps", "read 1,000 steps in a row", "read 10,000 steps in a row", "read 1 step"),
)


def works(folder: Path) -> list[Work]:
    """Everything that is measured; what it works on is written below `folder`."""
    groups = (_starting, _rendering, _validating, _running, _reading, _compiling)
    return [row for group in groups for row in group(folder)]


def measure_all(todo: Sequence[Work], rounds: int, say: Callable[[str], None]) -> list[Result]:
    """Each work and its floor once per round, waiting a few seconds at most for others to leave the machine alone."""
    results = [Result(work) for work in todo]
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}")
        for result in results:
            result.idle.append(wait_until_quiet(PATIENCE_SECONDS))
            result.ours.append(measure(result.work.ours))
            result.floor.append(measure(result.work.floor))
    return results


def growth(which: Growth, results: Mapping[str, Result]) -> dict[str, float] | None:
    """`{"whole", "without_start"}`: how often the small one's seconds fit the large one's; None if not measured."""
    if not {which.small, which.large, which.start} <= results.keys():
        return None
    small, large, start = (median(results[name].ours).wall for name in (which.small, which.large, which.start))
    return {"whole": large / small, "without_start": (large - start) / max(small - start, 1e-3)}


def _python(program: str, folder: Path) -> Command:
    return Command((sys.executable, "-c", program), folder)


def _deploy(folder: Path, *words: str) -> Command:
    return Command((sys.executable, "deploy.py", *words), folder)


def _starting(folder: Path) -> list[Work]:
    here = folder / "start"
    write_project(here, 5)
    bare = _python(_BARE, here)
    return [
        Work("deploy.py --help", _deploy(here, "--help"), bare, (Goal("wall", 0.10),)),
        Work("deploy.py list", _deploy(here, "list"), bare),
    ]


def _rendering(folder: Path) -> list[Work]:
    goals = {
        5: (Goal("wall", 0.15), Goal("memory", 40)),
        200: (Goal("wall", 0.30), Goal("memory", 60)),
        2000: (),
    }
    return _on_pipelines(folder, "render", goals)


def _validating(folder: Path) -> list[Work]:
    return _on_pipelines(folder, "validate", {5: (), 200: (Goal("wall", 0.5),), 2000: ()})


def _on_pipelines(folder: Path, command: str, goals: Mapping[int, tuple[Goal, ...]]) -> list[Work]:
    """A command on pipelines of so many steps."""
    rows = []
    for steps, wanted in goals.items():
        here = folder / f"{command}-{steps}"
        name = write_project(here, steps)
        rows.append(Work(f"{command} {steps:,} steps", _deploy(here, command, name), _python(_BARE, here), wanted))
    return rows


def _running(folder: Path) -> list[Work]:
    here = folder / "run"
    write_project(here, 5)

    def row(name: str, text: str, program: str, count: int, *goals: Goal) -> Work:
        file = f"{name.replace(' ', '-')}.json"
        (here / file).write_text(text, encoding="utf-8")
        bare = _python(_CHILDREN.format(count=count, program=program), here)
        return Work(f"run {name}", _deploy(here, "run", "--file", file), bare, goals, starts_jobs=True)

    return [
        row("5 empty steps", jobs_in_a_row(5), NOTHING, 5, Goal("wall", 0.35), Goal("memory", 60)),
        row("200 empty steps", jobs_in_a_row(200), NOTHING, 200, Goal("ratio", 1.25)),
        row("2 busy branches", two_branches(BRANCH_LENGTH), BURN, BRANCH_LENGTH, Goal("ratio", 1.15)),
    ]


def _reading(folder: Path) -> list[Work]:
    texts = {
        "read 1 step": readers_in_a_row(1),
        "read 1,000 steps in a row": readers_in_a_row(1000),
        "read 10,000 steps in a row": readers_in_a_row(10_000),
        "read 1,000 diamonds": diamonds(1000),
    }
    rows = []
    for name, text in texts.items():
        here = folder / name.replace(" ", "-")
        here.mkdir(parents=True)
        (here / "definition.json").write_text(text, encoding="utf-8")
        rows.append(Work(name, _python(_READ, here), _python(_PARSE, here)))
    return rows


def _compiling(folder: Path) -> list[Work]:
    """To a state machine; the floor reads the definition only."""
    rows = []
    for name, text, goals in (
        ("compile 1 step", readers_in_a_row(1), ()),
        ("compile 20 diamonds", diamonds(20), ()),
        ("compile 200 steps", readers_in_a_row(200), ()),
        ("compile 2,000 steps", readers_in_a_row(2000), (Goal("wall", 3.0),)),
    ):
        here = folder / name.replace(" ", "-")
        here.mkdir(parents=True)
        (here / "definition.json").write_text(text, encoding="utf-8")
        rows.append(Work(name, _python(_COMPILE, here), _python(_READ, here), goals))
    return rows
