from __future__ import annotations

import pytest

from dagwright.engines.local.job import Job
from dagwright.engines.local.time_limits import TimeLimits


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, runtime: int, wait: int | None) -> TimeLimits:
    job = Job(
        "j", "", (), lambda host: {}, ("algo-1",), lambda host: {}, max_runtime_seconds=runtime, max_wait_seconds=wait
    )
    return TimeLimits(job, clock)


def test_only_running_counts_for_the_one_and_everything_for_the_other() -> None:
    clock = Clock()
    time = limits(clock, 10, 30)
    clock.now += 5
    assert time.left() == 10
    time.start()
    clock.now += 4
    assert time.left() == 6
    time.pause()
    clock.now += 17
    assert time.left() == 4, "30 seconds since its start are nearer than the 6 that it may run"
    time.start()
    clock.now += 4
    assert time.left() == 0
    assert (time.exceeded().outcome, time.exceeded().reason) == (
        "WaitedTooLong",
        "exceeded its MaxWaitTimeInSeconds of 30 and was ended",
    )


@pytest.mark.parametrize("wait", [None, 100])
def test_several_runs_share_the_time_to_run(wait: int | None) -> None:
    clock = Clock()
    time = limits(clock, 10, wait)
    for _ in range(2):
        time.start()
        clock.now += 5
        time.pause()
        clock.now += 5
    assert time.left() == 0
    assert time.exceeded().outcome == "TimedOut"
    assert time.exceeded().reason == "exceeded its MaxRuntimeInSeconds of 10 and was ended"


def test_a_limit_without_end_is_four_weeks() -> None:
    assert limits(Clock(), 10**9, None).left() == 28 * 86400
