"""A sample of the faults that `make soak` tries, and the harness itself: it has to see what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the harness looks into /proc")
TESTS = Path(__file__).parents[1]


def faults(*words: str, breaking: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m faults`; `breaking` is done to the product first."""
    program = f"import sys\nfrom faults.__main__ import main\n{breaking}\nsys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=environment, cwd=TESTS, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kinds", "sample"),
    [("kill", 6), ("power", 6), ("stop", 5), ("parallel,settling", 6), ("processes", 6)],
)
def test_whatever_is_killed_nothing_is_lost_and_nothing_done_twice(kinds: str, sample: int) -> None:
    done = faults("--kinds", kinds, "--sample", str(sample), "--workers", "1")
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert re.search(r"faults \d+, of which 0 left a flaw", done.stdout)
    tried = int(re.search(r"faults (\d+)", done.stdout)[1])  # type: ignore[index]
    assert tried >= sample
    assert "steps that had succeeded before" in done.stdout


_COPIES = "import os, shutil\nos.replace = lambda before, now: shutil.copyfile(before, now) and os.unlink(before)"
_FORGETS = "from dagwright.engines.local.home import Home\nHome.settle = lambda home: None"
_REPEATS = "from dagwright.engines.local import reuse\nreuse._is_same = lambda before, now: False"


@pytest.mark.parametrize(
    ("breaking", "at", "flaw"),
    [
        (_COPIES, "copy s3/.incoming/journal #1", r"a file was left in \.incoming"),
        (_FORGETS, "sqlite COMMIT #4", r"the record says Executing in executions, and nothing runs"),
        (_REPEATS, "sqlite COMMIT #8", r"step \w+ ran again, and it had succeeded"),
    ],
    ids=["a journal appears by a copy", "nobody settles", "nothing is kept"],
)
def test_the_harness_sees_what_is_broken(breaking: str, at: str, flaw: str) -> None:
    done = faults("--kinds", "kill", "--at", at, "--sample", "2", "--workers", "1", breaking=breaking)
    print(done.stdout, done.stderr)
    assert done.returncode == 1
    assert re.search(flaw, done.stdout)


@pytest.mark.soak
def test_every_point_and_random_ones_until_the_time_is_over() -> None:
    done = faults("--seconds", os.environ.get("SOAK_SECONDS", "600"))
    print(done.stdout, done.stderr)
    assert done.returncode == 0
