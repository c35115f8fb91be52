"""`python -m faults`: faults at every point of a run, and then, for as long as there is time, random ones.

What comes in: seconds, and which faults. What goes out: how many points there are of each kind, what came of the
faults, every flaw, and exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from faults import trial as trials
from faults.commands import load_modules
from faults.invariants import Reference
from faults.power import LOSSES
from faults.trial import Pipeline, Trial, Verdict, reference_of, verdict_of

SETTLED_AT = "send-half launcher #3"
KINDS = ("kill", "power", "stop", "parallel", "processes", "settling")
_ESSENTIAL = ("sqlite COMMIT", "rename ")

Task = tuple[Trial, Reference, Path]


@dataclass
class Tally:
    """What has come of the trials so far."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    flawed: list[Verdict] = field(default_factory=list)
    kept: int = 0
    interrupted: int = 0
    count: int = 0

    def take(self, verdict: Verdict) -> None:
        self.outcomes.setdefault(verdict.trial.kind, Counter())[verdict.outcome] += 1
        self.kept += verdict.kept
        self.interrupted += verdict.interrupted
        self.count += 1
        if verdict.flaws:
            self.flawed.append(verdict)
            print(f"FLAW  {verdict.trial}", *dict.fromkeys(verdict.flaws), sep="\n      ", flush=True)

    def print(self, seconds: float) -> None:
        for kind, outcomes in self.outcomes.items():
            said = ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()))
            print(f"{kind:16} {outcomes.total():6}   {said}")
        again = sum("it had succeeded" in flaw for verdict in self.flawed for flaw in verdict.flaws)
        print(f"faults {self.count}, of which {len(self.flawed)} left a flaw; {self.count / seconds:.1f} a second")
        print(f"steps that had succeeded before: {self.kept}; of these ran again: {again}")
        print(f"jobs that had begun and not ended, and began again: {self.interrupted}")


def main(words: list[str]) -> int:
    """1 if there is a flaw."""
    arguments = _arguments(words)
    tally, began = Tally(), time.monotonic()
    load_modules()
    with TemporaryDirectory(prefix="faults-") as place, _workers(arguments.workers) as tried:
        folder = Path(place)
        every = [one for one in _every(arguments.kinds.split(","), folder) if arguments.at in str(one[0])]
        share = _share(every, arguments.sample)
        print(f"{len(every)} faults; {len(share)} are to be tried, by {arguments.workers} at a time", flush=True)
        until = began + arguments.seconds if arguments.seconds else float("inf")
        tasks = ((trial, reference, folder) for trial, reference in _in_turn(share, arguments.seed, until))
        for verdict in tried(tasks):
            tally.take(verdict)
        if arguments.seconds:
            print(
                f"{tally.count} have been tried; random ones for the rest of the time, seed {arguments.seed}",
                flush=True,
            )
            for verdict in tried(_random(folder, arguments.seed, until)):
                tally.take(verdict)
    tally.print(time.monotonic() - began)
    return 1 if tally.flawed else 0


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=0, help="every kill, then other faults until so long has passed"
    )
    parser.add_argument("--sample", type=int, default=0, help="so many of all faults, evenly spread, and the essential")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which faults, of: %(default)s")
    parser.add_argument("--at", default="", help="only faults with this in their name: `rename s3/`")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    return parser.parse_args(words)


def _every(kinds: Iterable[str], folder: Path) -> Iterator[tuple[Trial, Reference]]:
    """The faults of the example."""
    one, two = Pipeline(), Pipeline(parallel=2)
    reference, points = reference_of(one, folder / "reference")
    counted = Counter(point.split()[0] for point in points)
    print(f"{len(points)} points: {', '.join(f'{kind} {count}' for kind, count in counted.most_common())}")
    for kind in kinds:
        if kind == "parallel":
            both, points_of_two = reference_of(two, folder / "reference")
            yield from ((fault, both) for fault in trials.kills(two, points_of_two))
        else:
            yield from ((fault, reference) for fault in _of_kind(kind, one, points, folder))


def _of_kind(kind: str, pipeline: Pipeline, points: list[str], folder: Path) -> list[Trial]:
    """Raises KeyError for a kind that there is not."""
    if kind == "settling":
        count = trials.points_of_settling(pipeline, folder / "reference", SETTLED_AT)
        return trials.settlings(pipeline, SETTLED_AT, count)
    return {
        "kill": trials.kills(pipeline, points),
        "power": [fault for loss in LOSSES for fault in trials.kills(pipeline, points, loss)],
        "stop": trials.stops(pipeline, points, signal.SIGTERM) + trials.stops(pipeline, points, signal.SIGINT),
        "processes": trials.knocks(pipeline),
    }[kind]


def _share(every: list[tuple[Trial, Reference]], sample: int) -> list[tuple[Trial, Reference]]:
    """All; or an evenly spread sample, with every kill at what makes the first job's results last."""
    if not sample:
        return every
    stride = max(1, len(every) // sample)
    essential = set(_essential([one.point for one, _ in every if one.kind == "kill"]))
    return [
        one
        for index, one in enumerate(every)
        if index % stride == stride // 2 or (one[0].kind == "kill" and one[0].point in essential)
    ]


def _essential(points: list[str]) -> Iterator[str]:
    """From the moment that the first job has been started to that in which the second step begins."""
    started = next((index for index, point in enumerate(points) if point.startswith("send-half ")), len(points))
    for point in points[started:]:
        if point.startswith("sqlite INSERT INTO steps"):
            return
        if point.startswith(_ESSENTIAL):
            yield point


def _in_turn(share: list[tuple[Trial, Reference]], seed: int, until: float) -> Iterator[tuple[Trial, Reference]]:
    """Every plain kill, however long it takes; then the others, in any order, as long as there is time."""
    kills = [one for one in share if one[0].kind == "kill"]
    others = [one for one in share if one[0].kind != "kill"]
    yield from kills
    for one in random.Random(seed).sample(others, len(others)):
        if time.monotonic() >= until:
            return
        yield one


def _random(folder: Path, seed: int, until: float) -> Iterator[Task]:
    dice = random.Random(seed)
    while time.monotonic() < until:
        pipeline = Pipeline(dice.choice((None, dice.randrange(1 << 32))), dice.choice((1, 2, 3)))
        reference, points = reference_of(pipeline, folder / "reference")
        for _ in range(10):
            if time.monotonic() < until:
                yield trials.random_trial(pipeline, points, dice), reference, folder


@contextmanager
def _workers(count: int) -> Iterator[object]:
    """A function that gives the verdicts of tasks, in any order; the tasks are asked for as they are needed."""
    context = get_context("fork")
    with context.Pool(count) as pool:

        def tried(tasks: Iterable[Task]) -> Iterator[Verdict]:
            waiting, tasks = [], iter(tasks)
            for task in tasks:
                waiting.append(pool.apply_async(_work, (task,)))
                while len(waiting) > 2 * count:
                    yield waiting.pop(0).get()
            for result in waiting:
                yield result.get()

        yield tried


def _work(task: Task) -> Verdict:
    trial, reference, folder = task
    try:
        return verdict_of(trial, reference, folder / f"worker-{os.getpid()}")
    except TimeoutError as error:
        return Verdict(trial, "did not end", [str(error)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
