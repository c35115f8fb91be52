"""What jobs may use of this machine: by which rule, by which means, and what is said of one that wanted more.

Control groups with a memory controller are not to be had on every machine; what a run does with the files of a group is
shown on a folder that looks like one, and that processes start in a group and leave it, on the kernel's own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engines.place import Place

from dagwright.engines.local.confinement import Confinement
from dagwright.engines.local.control_groups import (
    ControlGroup,
    ControlGroups,
    _own_group,
    _parent_for,
    remove_left,
)
from dagwright.engines.local.job import Usage
from dagwright.engines.local.launcher import Bounds, Ending, Launcher
from dagwright.engines.local.limits import Limit, Limits, refused_memory
from dagwright.engines.local.memory_watch import MemoryWatch
from dagwright.errors import ExecutionError
from dagwright.project import LimitRule

GROWS = "held = []\nwhile True: held.append(bytearray(4 << 20))"
LIMIT = Limit("Train", 2048 << 20, 1.5, "local.limits")


# ---- which limit ----


def test_the_first_rule_that_fits_holds() -> None:
    rules = (LimitRule("Small*"), LimitRule("other/*", 64), LimitRule("p/Train", 512, 2), LimitRule("*", 1024))
    limits = Limits(rules, "p")
    assert limits.of("Small") is None
    assert limits.of("Train") == Limit("Train", 512 << 20, 2, "local.limits")
    assert limits.of("Evaluate") == Limit("Evaluate", 1024 << 20, 0.0, "local.limits")
    assert [limit.step for limit in limits.found(["Small", "Train"])] == ["Train"]
    assert Limits(rules, "other/Train").of("Train") == Limit("Train", 64 << 20, 0.0, "local.limits")  # by itself


# ---- memory that is watched ----


def test_a_job_past_its_memory_is_ended_and_says_so(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way, limits=(LimitRule("Big", 160),))
    execution = place.run(place.writing("Big", GROWS), place.writing("Other", "write('a', 'b')"))
    reason = execution.steps["Big"].failure_reason
    assert reason.startswith("ClientError: killed: it used ")
    assert "of the 160 MiB that local.limits gives 'Big'; raise it there" in reason
    assert place.output(execution, "Big")["FailureReason"] == reason
    assert execution.steps["Other"].status == "Succeeded"
    assert 160 <= execution.steps["Big"].metadata["Used"]["MemoryMiB"] < 480
    assert any(note.startswith("limits: the memory of a job is watched") for note in place.watcher.notes)


def test_all_processes_of_a_job_count_wherever_they_are(place_with: Callable[..., Place], each_way: str) -> None:
    """Two that left its session, each below the limit."""
    place = place_with(sandbox=each_way, limits=(LimitRule("Big", 160),))
    child = "held = bytearray(100 << 20); print('ready', flush=True); input()"
    script = f"""
import subprocess
children = [subprocess.Popen(["setsid", sys.executable, "-c", {child!r}], stdin=-1, stdout=-1) for _ in "ab"]
print([child.stdout.readline() for child in children], flush=True)
children[0].wait()
"""
    reason = place.run(place.writing("Big", script)).steps["Big"].failure_reason
    assert reason.startswith("ClientError: killed: it used "), reason  # which neither of the two could


def test_what_processes_share_counts_once(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way, limits=(LimitRule("Forks", 200),))
    script = """
held = bytearray(100 << 20)
reader, writer = os.pipe()
for _ in range(4):
    if not os.fork():
        os.close(writer)
        os.read(reader, 1)  # until the first has ended
        os._exit(0)
import time
end = time.monotonic() + 0.6  # longer than between two looks
while time.monotonic() < end: time.sleep(0.1)
"""
    execution = place.run(place.writing("Forks", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert 100 <= execution.steps["Forks"].metadata["Used"]["MemoryMiB"] < 200


def test_it_looks_soon_where_little_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagwright.engines.local.memory_watch.held_by", lambda process: 1 << 30)
    monkeypatch.setattr("dagwright.engines.local.memory_watch.processes_of_job", lambda: [1])
    monkeypatch.setattr("dagwright.engines.local.memory_watch.LONGEST_SECONDS", 0.0)
    waits = []
    for limit in ((1 << 30) + 1, 1 << 60):
        watch = MemoryWatch(limit)
        monkeypatch.setattr("dagwright.engines.local.memory_watch.LONGEST_SECONDS", 0.25)
        assert not watch.look_if_due()
        waits.append(watch.seconds_to_next() or 0.0)
        monkeypatch.setattr("dagwright.engines.local.memory_watch.LONGEST_SECONDS", 0.0)
    assert waits[0] < 0.05 < waits[1]


def test_processes_that_cannot_be_seen_are_not_watched_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = MemoryWatch(1)
    monkeypatch.setattr(os, "stat", lambda path: (_ for _ in ()).throw(FileNotFoundError(2, "No such file", path)))
    with pytest.raises(FileNotFoundError):
        watch.require()


# ---- processors ----


def test_a_job_runs_on_as_many_processors_as_it_is_given(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way, limits=(LimitRule("One", processors=0.5),))
    script = "write('n', str(len(os.sched_getaffinity(0))))"
    place.run(place.writing("One", script), place.writing("All", script))
    assert place.text("One/n") == "1"
    assert place.text("All/n") == str(len(os.sched_getaffinity(0)))


def test_limited_jobs_share_the_processors_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6, 7})
    limit = Limit("A", 0, 1.5, "--limit")
    confinement = Confinement("run", [limit], tmp_path)
    first, second = confinement.bounds(limit), confinement.bounds(limit)
    assert (first.processors, second.processors) == ((3, 5), (6, 7))
    first.release()
    assert confinement.bounds(limit).processors == (3, 5)
    assert confinement.bounds(Limit("B", 0, 4.0, "--limit")).processors == ()
    assert "processors are counted in whole ones" in confinement.note
    confinement.close()


def test_only_linux_can_hold_a_job_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ExecutionError, match="limits 'Train', and only Linux"):
        Confinement("run", [LIMIT], tmp_path)


# ---- why a job was killed ----


def test_who_killed_a_job_is_not_guessed(place: Place) -> None:
    reason = place.run(place.writing("Killed", "os.kill(os.getpid(), 9)")).steps["Killed"].failure_reason
    assert reason == "AlgorithmError: killed by SIGKILL, and not by the kernel for want of memory"
    lost = Ending(-signal.SIGKILL, out_of_memory=True)
    assert str(lost) == "killed by SIGKILL: the machine had no memory left, and its kernel ended processes for it"
    assert (
        str(Ending(-signal.SIGKILL))
        == "killed by SIGKILL, which is how a system that runs out of memory ends a process"
    )


@pytest.mark.parametrize("words", ["MemoryError", "terminate called: std::bad_alloc", "fork: Cannot allocate memory"])
def test_who_was_refused_memory_hears_what_there_is(words: str) -> None:
    said = refused_memory(words, Usage(100 << 20), LIMIT)
    assert said.startswith("it was refused memory: its largest process used 100 MiB, of the machine's ")
    assert said.endswith("and of the 2,048 MiB that local.limits gives 'Train'")
    assert "local.limits" not in refused_memory(words, None, None)
    assert refused_memory("ValueError", None, LIMIT) == ""


def test_a_memory_error_is_explained(place: Place) -> None:
    reason = place.run(place.writing("Huge", "bytearray(1 << 60)")).steps["Huge"].failure_reason
    assert reason.startswith("AlgorithmError: MemoryError, exit code 1; it was refused memory: ")


# ---- control groups ----


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What looks like a tree of control groups: the session's own group passes nothing on, the one around it does."""
    for name, passed in (("", "cpu memory pids"), ("slice", "memory pids"), ("slice/session", "")):
        folder = tmp_path / "cgroup" / name
        folder.mkdir()
        (folder / "cgroup.controllers").write_text("")
        (folder / "cgroup.procs").write_text("")
        (folder / "cgroup.subtree_control").write_text(passed)
    return tmp_path / "cgroup"


def test_groups_are_made_in_the_nearest_that_passes_the_controllers_on(tree: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_text("1:name=systemd:/x\n0::/slice/session\n")
    own, top = _own_group([tmp_path, tree], said)
    assert (own, top) == (tree / "slice/session", tree)
    assert _parent_for(own, top, frozenset({"memory"})) == tree / "slice"
    assert _parent_for(own, top, frozenset({"memory", "cpu"})) == tree
    with pytest.raises(ExecutionError, match="passes on hugetlb"):
        _parent_for(own, top, frozenset({"hugetlb"}))
    said.write_text("0::/../elsewhere\n")
    with pytest.raises(ExecutionError, match="version 2"):
        _own_group([tree], said)


def test_what_a_group_is_told_and_what_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a folder that looks like one: which texts go into which files, and come out of them."""
    (tmp_path / "g").mkdir()
    (tmp_path / "g/cgroup.procs").write_text("")
    monkeypatch.setattr(Path, "mkdir", lambda *_: None)
    group = ControlGroup(tmp_path / "g", -1)
    group.limit(LIMIT)
    files = {path.name: path.read_text() for path in (tmp_path / "g").iterdir()}
    assert files["memory.max"] == "2147483648"
    assert (files["memory.swap.max"], files["memory.oom.group"], files["cpu.max"]) == ("0", "1", "150000 100000")
    (tmp_path / "g/memory.peak").write_text("2147483648\n")
    (tmp_path / "g/memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    judged = group.judged(Ending(-9, 1.0, 5))
    assert (judged.memory_bytes, judged.exceeded_bytes) == (2147483648, 2147483648)
    (tmp_path / "g/memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    assert group.judged(Ending(-9)).exceeded_bytes == 0
    os.close(group.doors[0])


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[ControlGroups]:
    """The kernel's own groups, with whatever controllers it has; skips where none can be made."""
    try:
        made = ControlGroups("test-limits", (), tmp_path / "record")
    except ExecutionError as error:
        pytest.skip(f"no control groups here: {error}")
    yield made
    made.close()


def test_a_process_starts_in_its_group_and_nothing_else_is_in_it(groups: ControlGroups, tmp_path: Path) -> None:
    group = groups.make(None)
    bounds = Bounds(doors=group.doors, release=group.remove)
    log = tmp_path / "log"
    program = f"print(open('/proc/self/cgroup').read()); print(open('{group.folder}/cgroup.procs').read().split())"
    with Launcher() as launcher:
        process = launcher.start([sys.executable, "-c", program], {}, log, bounds=bounds)
        assert process.wait().exit_code == 0, log.read_text()
        assert group.folder.is_dir()
        process.close()
    lines = log.read_text().split("\n")
    assert f"/{group.folder.name}" in log.read_text()
    assert lines[-2].count(",") == 0  # the program alone: its supervisor is out again
    assert not group.folder.exists()


def test_a_sandbox_starts_in_its_group(groups: ControlGroups, tmp_path: Path, refusal: str) -> None:
    if refusal:
        pytest.skip(refusal)
    from dagwright.engines.local.launcher import Root

    group, log = groups.make(None), tmp_path / "log"
    with Launcher(tmp_path) as launcher:
        assert not launcher.refusal()
        words = ["/bin/sh", "-c", "cat /proc/self/cgroup"]
        bounds = Bounds(doors=group.doors, release=group.remove)
        process = launcher.start(words, {"PATH": os.defpath}, log, "/", Root((), "algo-1"), bounds)
        assert process.wait().exit_code == 0
        process.close()
    assert f"/{group.folder.name}" in log.read_text()


def test_groups_of_a_killed_run_go_with_what_is_in_them(groups: ControlGroups, tmp_path: Path) -> None:
    group = groups.make(None)
    with Launcher() as launcher:
        process = launcher.start(["/bin/sleep", "1000"], {}, tmp_path / "log", bounds=Bounds(doors=group.doors))
        while "\n" not in (group.folder / "cgroup.procs").read_text():
            pass
        remove_left(tmp_path / "record", "another-run")
        assert group.folder.is_dir()
        remove_left(tmp_path / "record", "test-limits")
        assert not group.folder.exists()
        assert process.wait().exit_code == -signal.SIGKILL
        process.close()
    os.close(group.doors[0])


def test_a_later_command_removes_the_groups_of_a_killed_run(place: Place) -> None:
    home = place.engine.home
    home.jobs("killed").mkdir(parents=True)
    (home.path / "runs").mkdir()
    (home.path / "runs/killed").write_text("1")
    try:
        groups = ControlGroups("killed", (), home.jobs("killed") / "control-groups")
    except ExecutionError as error:
        pytest.skip(f"no control groups here: {error}")
    group = groups.make(None)
    home.settle()
    assert not group.folder.exists()
    assert not home.jobs("killed").exists()
    os.close(group.doors[0])
    groups.close()


def test_the_jobs_of_a_run_are_in_groups_that_go_with_them(
    place_with: Callable[..., Place], each_way: str, groups: ControlGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run by the kernel's own groups, without their limits: not every machine has those controllers."""
    monkeypatch.setattr("dagwright.engines.local.confinement.MEMORY", "")
    monkeypatch.setattr("dagwright.engines.local.control_groups._passed_on", lambda group: {""})
    monkeypatch.setattr(ControlGroup, "limit", lambda *_: None)
    place = place_with(sandbox=each_way, limits=(LimitRule("*", 4096),))
    script = "write('group', open('/proc/self/cgroup').read().split('0::')[1])"
    execution = place.run(place.writing("One", script), place.writing("Two", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert "limits: by control groups: the kernel ends a job at its limit of memory" in place.watcher.notes
    names = {place.text(f"{step}/group").strip().rpartition("/")[2] for step in ("One", "Two")}
    assert len(names) == 2
    assert all(name.startswith(f"dagwright-{execution.id}-") for name in names)
    assert not [*groups.make(None).folder.parent.glob(f"dagwright-{execution.id}-*")]


def test_only_groups_are_removed(tmp_path: Path) -> None:
    (tmp_path / "dagwright-r-1").mkdir()
    (tmp_path / "record").write_text(str(tmp_path))
    remove_left(tmp_path / "record", "r")
    assert (tmp_path / "dagwright-r-1").is_dir()
